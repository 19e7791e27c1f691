# SPDX-License-Identifier: Apache-2.0
"""The fault matrix on OpenLDAP, on a Samba Active Directory domain, and on an MIT Kerberos realm."""

import pytest
from fault_matrix import FaultMatrix, World
from kdc_server import KdcServer
from samba_server import BASE, TLS_PORT, SambaServer
from slapd_server import SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.custody.policy.generator import generate

LDAP_EXCHANGES = (0, 2, 3, 4, 5, 15)
"""StartTLS, the end of the handshake, the login, the change, the end, and one long after it."""

AD_EXCHANGES = (0, 3, 6, 7, 8, 20)
"""The handshake, a question, the rules, the change, what follows, and one long after it."""


class TestLdapFaults(FaultMatrix):
    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, slapd: SlapdServer, throwaway_ca: ThrowAwayCa) -> World:
        policy = slapd.add_policy("never-locking", pwdMinLength=8, pwdCheckQuality=2)
        dn = slapd.add_account(generate(24), policy)
        return World(
            "ldap", "ldap://{address}", dn, (slapd.host, slapd.port),
            lambda secret: slapd.set_password(dn, secret), lambda secret: slapd.admits(dn, secret), slapd.restart,
            options={"time_limit": "3", "ca": str(throwaway_ca.certificate)}, logs=[slapd.log_file],
            exchanges=LDAP_EXCHANGES,
        )  # fmt: skip


class TestActiveDirectoryFaults(FaultMatrix):
    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, samba: SambaServer, throwaway_ca: ThrowAwayCa) -> World:
        samba.modify(BASE, minPwdAge="0", pwdHistoryLength="0", pwdProperties="0")
        name = samba.add_account(generate(24))
        return World(
            "ad", "ad://{address}", name, (samba.host, TLS_PORT),
            lambda secret: samba.set_password(name, secret), lambda secret: samba.admits_by_ntlm(name, secret),
            samba.restart, options={"time_limit": "3", "ca": str(throwaway_ca.certificate)}, logs=samba.log_files,
            exchanges=AD_EXCHANGES,
        )  # fmt: skip


class TestKerberosFaults(FaultMatrix):
    """The proxy stands before the service that changes passwords."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, kdc: KdcServer) -> World:
        name = kdc.add_account(generate(24))
        return World(
            "kerberos", kdc.uri, name, (kdc.host, kdc.kpasswd_port),
            lambda secret: kdc.set_password(name, secret), lambda secret: kdc.admits(name, secret), kdc.restart,
            options={**kdc.options, "time_limit": "3", "kpasswd_server": "{address}"}, logs=kdc.log_files,
        )  # fmt: skip

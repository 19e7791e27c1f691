# SPDX-License-Identifier: Apache-2.0
"""From sheet to login to new sheet, at OpenLDAP, Active Directory and Kerberos, by the program as people run it."""

import json
import time
from functools import partial
from pathlib import Path

import pytest
from kdc_server import KdcServer
from samba_server import BASE, SambaServer
from slapd_server import SlapdServer
from target_life import Place, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.custody.credential import generate
from breakglass_shamir.hygiene import Secret


@pytest.fixture
def secret() -> Secret:
    return Secret(b"aA7" + generate(24).reveal())


def test_an_entry_of_openldap_and_its_replica(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    dn = slapd.add_account(secret)
    replica = SlapdServer(tmp_path / "replica", throwaway_ca, provider=slapd.uri, lastbind=False)
    replica.start()
    try:
        while not replica.admits(dn, secret):
            time.sleep(0.05)
        endpoints = json.dumps([slapd.uri, replica.uri])
        place = Place(
            slapd.uri, dn, secret, {"ca": str(throwaway_ca.certificate), "time_limit": "10"},
            partial(slapd.admits, dn), None, lambda: slapd.log() + replica.log(), f"endpoints = {endpoints}",
        )  # fmt: skip
        live_through(place, tmp_path)
    finally:
        replica.stop()


def test_a_user_of_active_directory(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    samba.modify(BASE, minPwdAge="0")
    name = samba.add_account(secret)
    place = Place(
        samba.uri, name, secret, {"ca": str(throwaway_ca.certificate), "time_limit": "10"},
        partial(samba.admits_by_ntlm, name), None, samba.log, 'must_contain = ["A-Z", "a-z", "0-9"]',
    )  # fmt: skip
    live_through(place, tmp_path)


def test_a_principal_of_kerberos(kdc: KdcServer, secret: Secret, tmp_path: Path) -> None:
    policy = kdc.add_policy("of-a-life", "-minlength 20", "-history 5", "-maxfailure 10")
    name = kdc.add_account(secret, policy)
    place = Place(kdc.uri, name, secret, {**kdc.options, "time_limit": "10"}, partial(kdc.admits, name), None, kdc.log)
    live_through(place, tmp_path)

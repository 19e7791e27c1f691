# SPDX-License-Identifier: Apache-2.0
"""An account at each target that ends accounts by itself, and an operator who may move that end."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from kdc_server import OPERATOR as PRINCIPAL
from kdc_server import KdcServer
from postgres_server import UNSEEN, PostgresServer
from samba_server import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, SambaServer
from slapd_server import SUFFIX, SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.port.answers import Operator
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.hygiene import Secret


@dataclass(frozen=True)
class ArmingPlace:
    """An account, and who may open and close it."""

    target: str
    account: str
    options: Mapping[str, str]
    right: Secret
    operator: Operator

    def connector(self) -> Connector:
        """Return a connector for the account."""
        return connector_for(self.target, self.account, self.options)


def password() -> Secret:
    """Draw one that every target here takes."""
    return Secret(b"aA1" + generate(21).reveal())


def at_postgresql(server: PostgresServer) -> ArmingPlace:
    """Make one at PostgreSQL."""
    right, own = password(), password()
    role = server.add_role(right)
    operator = server.add_role(own, "LOGIN CREATEROLE")
    server.admin(*UNSEEN, f"GRANT {role} TO {operator} WITH ADMIN OPTION")
    return ArmingPlace(server.target, role, server.options, right, Operator(operator, own))


def at_slapd(server: SlapdServer, ca: ThrowAwayCa) -> ArmingPlace:
    """Make one at OpenLDAP."""
    right, own = password(), password()
    name = f"cn=operator-{secrets.token_hex(4)},{SUFFIX}"
    server.add(
        f"dn: {name}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: operator\n"
        f"userPassword: {own.reveal().decode()}"
    )
    options = {"ca": str(ca.certificate), "time_limit": "5"}
    return ArmingPlace(server.uri, server.add_account(right), options, right, Operator(name, own))


def at_samba(server: SambaServer, ca: ThrowAwayCa) -> ArmingPlace:
    """Make one in an Active Directory domain."""
    right = password()
    operator = Operator(ADMINISTRATOR, Secret(ADMINISTRATOR_PASSWORD.encode()))
    options = {"ca": str(ca.certificate), "time_limit": "5"}
    return ArmingPlace(server.uri, server.add_account(right), options, right, operator)


def at_kdc(server: KdcServer) -> ArmingPlace:
    """Make one in a Kerberos realm."""
    right, own = password(), password()
    if PRINCIPAL in server.admin("listprincs"):
        server.set_password(PRINCIPAL, own)
    else:
        server.add_account(own, name=PRINCIPAL)
    return ArmingPlace(server.uri, server.add_account(right), server.options, right, Operator(PRINCIPAL, own))

# SPDX-License-Identifier: Apache-2.0
"""From a target URI to its connector.

Rules:

1. What ships here is found first, by a table, so that it works without installed metadata, cannot be replaced
   by another package, and costs no search (reading all installed metadata takes tens of milliseconds).
2. Other packages offer connectors by the entry-point group ``breakglass_shamir.connectors``, named by scheme.
3. Only the module of the wanted scheme is imported.

What it does not do: it makes no connection and keeps no connector.
"""

import importlib
from collections.abc import Callable, Mapping

from breakglass_shamir.connectors.port.base import Connector, scheme_of
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.nearest import nearest
from breakglass_shamir.shell import word

ENTRY_POINT_GROUP = "breakglass_shamir.connectors"
"""Where other packages offer theirs."""

BUILT_IN = {
    "ad": "breakglass_shamir.connectors.directory.active_directory:ActiveDirectoryConnector",
    "aws-iam": "breakglass_shamir.connectors.aws.connector:AwsIamConnector",
    "exec": "breakglass_shamir.connectors.program.connector:ExecConnector",
    "ipmi": "breakglass_shamir.connectors.bmc.ipmi:IpmiConnector",
    "keepass": "breakglass_shamir.connectors.keepass.connector:KeepassConnector",
    "kerberos": "breakglass_shamir.connectors.kerberos.connector:KerberosConnector",
    "ldap": "breakglass_shamir.connectors.directory.ldap:LdapConnector",
    "ldaps": "breakglass_shamir.connectors.directory.ldap:LdapsConnector",
    "linux": "breakglass_shamir.connectors.linux.connector:LinuxConnector",
    "luks": "breakglass_shamir.connectors.luks.connector:LuksConnector",
    "manual": "breakglass_shamir.connectors.manual:ManualConnector",
    "mysql": "breakglass_shamir.connectors.mysql.connector:MysqlConnector",
    "openbao-approle": "breakglass_shamir.connectors.openbao.approle:OpenBaoAppRoleConnector",
    "openbao-keys": "breakglass_shamir.connectors.openbao.keys:OpenBaoKeysConnector",
    "openbao-token": "breakglass_shamir.connectors.openbao.token:OpenBaoTokenConnector",
    "openbao-userpass": "breakglass_shamir.connectors.openbao.userpass:OpenBaoUserpassConnector",
    "postgresql": "breakglass_shamir.connectors.postgresql.connector:PostgresqlConnector",
    "redfish": "breakglass_shamir.connectors.bmc.redfish:RedfishConnector",
    "redis": "breakglass_shamir.connectors.redis.connector:RedisConnector",
    "ssh-authorized-keys": "breakglass_shamir.connectors.ssh.authorized_keys:AuthorizedKeysConnector",
    "ssh-ca": "breakglass_shamir.connectors.ssh.authority:SshAuthorityConnector",
    "ssh-key": "breakglass_shamir.connectors.ssh.connector:SshKeyConnector",
}
"""Scheme to ``module:class`` of what ships here."""

EXTRAS = {
    "ad": "ldap", "aws-iam": "aws", "keepass": "keepass", "ldap": "ldap", "ldaps": "ldap", "mysql": "mysql",
    "postgresql": "postgresql",
}  # fmt: skip
"""Scheme to the extra that brings what its connector needs."""


def connector_for(target: str, account: str = "", options: Mapping[str, str] = NO_OPTIONS) -> Connector:
    """Make the connector for a target, without touching the target.

    Args:
        target: URI such as ``ssh-key:///root/.ssh/id_ed25519``.
        account: account at the target; empty where it has none.
        options: what the policy says beside the target.

    Raises:
        InvalidInput: no connector of that scheme, or it does not take this target or these options.
        ConnectorError: the connector is there but could not be loaded.
    """
    scheme = scheme_of(target)
    location = BUILT_IN.get(scheme)
    found = _load(scheme, lambda: _built_in(location)) if location else _offered(scheme)
    return found(target, account, options=options)


def known_schemes() -> tuple[str, ...]:
    """Return every scheme there is a connector for, sorted."""
    return tuple(sorted({*BUILT_IN, *_entry_points()}))


def _built_in(location: str) -> object:
    module, _, name = location.partition(":")
    return getattr(importlib.import_module(module), name)


def _offered(scheme: str) -> type[Connector]:
    """Return the connector another package offers for a scheme."""
    offers = _entry_points()
    if scheme not in offers:
        raise _unknown(scheme)
    return _load(scheme, offers[scheme])


def _entry_points() -> dict[str, Callable[[], object]]:
    """Return the loaders of all offered connectors by scheme; the first offer of a scheme counts."""
    # Imported here: slow, and rarely needed.
    from importlib.metadata import entry_points

    offers: dict[str, Callable[[], object]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        offers.setdefault(point.name, point.load)
    return offers


def _load(scheme: str, loader: Callable[[], object]) -> type[Connector]:
    """Import a connector class and make sure that it is one, of this scheme."""
    try:
        found = loader()
    except Exception as error:
        extra = f": pip install {word(f'breakglass-shamir[{EXTRAS[scheme]}]')}" if scheme in EXTRAS else ""
        raise ConnectorError(
            f"connector for {scheme} could not be loaded: {error}", hint=f"install what it needs{extra}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Connector) and found.scheme == scheme):
        raise ConnectorError(f"what is registered for {scheme} is not a connector of that scheme")
    return found


def _unknown(scheme: str) -> InvalidInput:
    """Make the error for a scheme nobody knows, with the nearest spelling if there is one."""
    known = known_schemes()
    near = nearest(scheme, known)
    hint = f"did you mean {near}?" if near else "install the package that offers it"
    return InvalidInput(f"no connector for {scheme}: expected one of {', '.join(known)}", hint=hint)

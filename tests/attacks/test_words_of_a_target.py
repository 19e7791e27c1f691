# SPDX-License-Identifier: Apache-2.0
"""A host, an account or a database's name holds what a driver or a program reads as something else: it is refused.

Who chose the words does not matter here: a policy is written by people, too, and people paste.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.connectors.port import words
from breakglass_shamir.connectors.registry import BUILT_IN, connector_for
from breakglass_shamir.errors import InvalidInput

TARGETS = {
    "ad": ("ad://{host}", "breakglass"),
    "ipmi": ("ipmi://{host}", "breakglass"),
    "kerberos": ("kerberos://{host}/EXAMPLE.NET", "breakglass"),
    "ldap": ("ldap://{host}", "uid=breakglass,dc=x"),
    "ldaps": ("ldaps://{host}", "uid=breakglass,dc=x"),
    "mysql": ("mysql://{host}/", "breakglass"),
    "openbao-approle": ("openbao-approle://{host}", "breakglass"),
    "openbao-keys": ("openbao-keys://{host}", ""),
    "openbao-token": ("openbao-token://{host}", "root"),
    "openbao-userpass": ("openbao-userpass://{host}", "breakglass"),
    "redfish": ("redfish://{host}", "breakglass"),
    "redis": ("redis://{host}", "breakglass"),
    "postgresql": ("postgresql://{host}/db", "breakglass"),
}
"""Targets with a host, and an account that each takes."""

LOCAL = {
    "aws-iam": "aws-iam://123456789012",
    "exec": "exec:///bin/true",
    "keepass": "keepass:///k",
    "linux": "linux:///breakglass",
    "luks": "luks:///k",
    "manual": "manual:x",
    "ssh-authorized-keys": "ssh-authorized-keys:///k",
    "ssh-ca": "ssh-ca:///k",
    "ssh-key": "ssh-key:///k",
}

HOSTS = (
    "a,b", "%2Ftmp%2Fevil", "%2Frun%2Fpostgresql", "%40abstract", "a%20b", "a%00b", "a%0Ab", "-oProxyCommand", "a;b",
    "a$(b)", "a'b", "a\\b", "user@host", "a%2Cb", "host%3Dx", "h%20sslmode%3Ddisable", "x%09y", "\u0430.example",
)  # fmt: skip
"""What is no one host."""


def test_every_kind_of_target_is_here() -> None:
    assert sorted({**TARGETS, **LOCAL}) == sorted(BUILT_IN)


@pytest.mark.parametrize("scheme", TARGETS)
@pytest.mark.parametrize("host", HOSTS)
def test_what_is_no_one_host_is_refused(scheme: str, host: str) -> None:
    uri, account = TARGETS[scheme]
    with pytest.raises(InvalidInput):
        connector_for(uri.format(host=host), account)


@pytest.mark.parametrize("scheme", TARGETS)
@pytest.mark.parametrize("host", ["db", "db.example.net", "db_1.example.net", "127.0.0.1", "[::1]", "db-2.example.net"])
def test_a_host_is_taken(scheme: str, host: str) -> None:
    uri, account = TARGETS[scheme]
    assert connector_for(uri.format(host=host), account).account == account


@pytest.mark.parametrize("scheme", [*TARGETS, *LOCAL])
@pytest.mark.parametrize(
    "account", ["-x", "--help", "-oProxyCommand=id", "a\nb", "a\0b", "\x1b[2J", "a\u202eb", "x" * 513]
)
def test_an_account_is_no_option_and_one_printable_line(scheme: str, account: str) -> None:
    uri = TARGETS[scheme][0].format(host="host") if scheme in TARGETS else LOCAL[scheme]
    with pytest.raises(InvalidInput):
        connector_for(uri, account)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("database", ["a%00b", "a%0Ab", "a%1Bb", "x%E2%80%AEy"])
def test_a_database_s_name_ends_no_field_of_the_protocol(scheme: str, database: str) -> None:
    with pytest.raises(InvalidInput):
        connector_for(f"{scheme}://host/{database}", "breakglass")


def test_a_libpq_string_says_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, spaces and equal signs in a database's name set no other parameter."""
    pytest.importorskip("psycopg")
    from psycopg import conninfo

    from breakglass_shamir.connectors.database_target import database_target
    from breakglass_shamir.connectors.postgresql import session

    target = database_target(
        "postgresql://db.example.net/x' host='evil' sslmode=disable", {}, port=5432, socket="/run/postgresql"
    )
    read: dict[str, Any] = conninfo.conninfo_to_dict(
        session._settings(target, "a' host=evil sslmode='disable", "pass' host='evil").decode()
    )
    assert (read["host"], read["sslmode"]) == ("db.example.net", "verify-full")
    assert read["dbname"] == "x' host='evil' sslmode=disable"
    assert read["user"] == "a' host=evil sslmode='disable"


@pytest.mark.parametrize("account", ["*", "a)(objectClass=*", "a\\00", "(cn=x)"])
def test_a_directory_is_asked_for_the_account_and_no_other(account: str) -> None:
    from breakglass_shamir.connectors.directory.active_directory import ActiveDirectoryConnector

    asked: list[str] = []

    class Session:
        def search(self, _base: str, condition: str, *_rest: object) -> list[object]:
            asked.append(condition)
            return []

    connector = ActiveDirectoryConnector("ad://dc1.example.net", account)
    connector._entry(Session(), {"defaultnamingcontext": [b"dc=x"]})  # type: ignore[arg-type]
    (condition,) = asked
    assert condition.count("(") == condition.count(")") == 5
    assert "*" not in condition


@given(st.text(max_size=40))
def test_a_host_holds_nothing_that_a_driver_reads_as_more(text: str) -> None:
    if words.is_host(text):
        assert text.isascii()
        assert not set(text) & set(",/@\\ '\"=;$`\0\n")
        assert not text.startswith("-")

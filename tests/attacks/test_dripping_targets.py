# SPDX-License-Identifier: Apache-2.0
"""Attacks by a target, or by somebody on the way to it: it sends a byte now and then, or without end, for an hour.

That a test ends is the assertion: the question had its time, and its answer is *unknown*.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError, PaperError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.paper.printing import ipp
from tests.attacks.dripping import (
    HOST,
    HTTP_ENDLESS_BODIES,
    HTTP_WITHOUT_ANSWER,
    Behaviour,
    after,
    at_once,
    dripping,
    flood_after,
    silence,
)

pytestmark = pytest.mark.timeout(120)

SECRET = Secret(b"copper-kettle")
QUICK = {"time_limit": "1"}

TARGETS: dict[str, Callable[[int], Connector]] = {
    "mysql": lambda port: connector_for(f"mysql://{HOST}:{port}/", "bg", {**QUICK, "tls": "off"}),
    "mysql over tls": lambda port: connector_for(f"mysql://{HOST}:{port}/", "bg", QUICK),
    "postgresql": lambda port: connector_for(f"postgresql://{HOST}:{port}/x", "bg", {**QUICK, "tls": "off"}),
    "postgresql over tls": lambda port: connector_for(f"postgresql://{HOST}:{port}/x", "bg", QUICK),
    "ldap": lambda port: connector_for(f"ldap://{HOST}:{port}", "cn=bg,dc=x", {**QUICK, "tls": "off"}),
    "ldap with StartTLS": lambda port: connector_for(f"ldap://{HOST}:{port}", "cn=bg,dc=x", QUICK),
    "ldaps": lambda port: connector_for(f"ldaps://{HOST}:{port}", "cn=bg,dc=x", QUICK),
    "ad": lambda port: connector_for(f"ldaps://{HOST}:{port}".replace("ldaps", "ad"), "bg@x", QUICK),
    "kerberos": lambda port: connector_for(f"kerberos://{HOST}:{port}/EXAMPLE.COM", "bg", QUICK),
    "openbao-userpass": lambda port: connector_for(f"openbao-userpass://{HOST}:{port}", "bg", {**QUICK, "tls": "off"}),
    "openbao-approle": lambda port: connector_for(f"openbao-approle://{HOST}:{port}", "bg", {**QUICK, "tls": "off"}),
    "openbao-keys": lambda port: connector_for(f"openbao-keys://{HOST}:{port}", "", {**QUICK, "tls": "off"}),
    "openbao-token": lambda port: connector_for(f"openbao-token://{HOST}:{port}", "root", {**QUICK, "tls": "off"}),
    "redfish": lambda port: connector_for(f"redfish://{HOST}:{port}", "bg", {**QUICK, "tls": "off"}),
    "redis": lambda port: connector_for(f"redis://{HOST}:{port}", "bg", {**QUICK, "tls": "off"}),
    "openbao over tls": lambda port: connector_for(f"openbao-token://{HOST}:{port}", "root", QUICK),
}

GREETING = b"\xff\xff\0\0\x0a5.5.5-10.11.6-MariaDB\0"
"""The beginning of what a MariaDB server says first."""

BEHAVIOURS: dict[str, Behaviour] = {
    "silence": silence,
    "bytes from the first on": at_once(b"", b"x"),
    "zeros from the first on": at_once(b"", b"\0"),
    "a greeting in drips": at_once(GREETING, b"x"),
    "a yes to TLS, and then drips": after(b"S", b"\x16"),
    "bytes after the question": after(b"", b"x"),
    "a flood after the question": flood_after(b"", b"x" * 65536),
    "a long message of LDAP in drips": after(b"\x30\x84\x00\x00\x0f\xff", b"x"),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("target", TARGETS)
def test_no_target_keeps_a_question(target: str, behaviour: str) -> None:
    with dripping(BEHAVIOURS[behaviour]) as server:
        try:
            check = TARGETS[target](server.port).check(SECRET)
        except ConnectorError as error:
            assert "copper" not in str(error)
        else:
            assert check.result is CheckResult.UNKNOWN


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"+OK\r\n*2\r\n$5\r\nflags\r\n$99999999999\r\n", b"x" * 65536),
        (b"+OK\r\n*999999999999\r\n", b":1\r\n"),
        (b"+OK\r\n", b"*1\r\n" * 10_000),
        (b"+OK\r\n+", b"x" * 65536),
    ],
    ids=["a string that is too long", "an array as long as it likes", "arrays in arrays", "a line without an end"],
)
def test_no_redis_server_fills_the_memory(head: bytes, piece: bytes) -> None:
    """What a reply says of its own length reserves nothing."""
    with dripping(flood_after(head, piece)) as server:
        check = connector_for(f"redis://{HOST}:{server.port}", "bg", {"time_limit": "2", "tls": "off"}).check(SECRET)
    assert check.result is CheckResult.UNKNOWN


@pytest.mark.parametrize("behaviour", [*HTTP_WITHOUT_ANSWER, *HTTP_ENDLESS_BODIES])
def test_no_print_server_keeps_a_question(behaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = HTTP_WITHOUT_ANSWER.get(behaviour) or after(HTTP_ENDLESS_BODIES[behaviour], b"a")
    monkeypatch.setattr(ipp, "CALL_LIMIT_S", 0.5)
    with dripping(made) as server:
        monkeypatch.setattr(ipp, "run", lambda *_: (0, f"{HOST}:{server.port}", ""))
        with pytest.raises(PaperError, match="does not answer as it should"):
            ipp.Server("queue").job_state(1)

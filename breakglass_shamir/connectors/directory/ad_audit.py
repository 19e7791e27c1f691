# SPDX-License-Identifier: Apache-2.0
"""Logins from a Samba domain controller's audit log: ``log level = 1 auth_json_audit:3@/path``, one JSON object a line.

What it does not do: it keeps no place in the file; rotate the log, and what was rotated away is not read.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading

_TIMESTAMP = re.compile(r'\{"timestamp": "([^"]{1,40})"')

WORDS = ('"Authentication"',)
"""What a domain controller tells a login with; a line without it is about none."""


def logins(log: Path, names: frozenset[str], account: str, since: datetime) -> Logins:
    """Return the logins of an account since then, oldest first, and what could not be read.

    Args:
        log: the file.
        names: the account's names, in small letters and without the domain.
        account: how the login calls it.
        since: the first instant that counts.

    Raises:
        OSError: the file cannot be read.
    """
    reading = Reading(since, WORDS, lambda head: _concerns(head, since))
    found = list(_found(reading.lines([log]), names, account, reading))
    return Logins((login for login in found if login.at >= since), reading.unread)


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then: its time stands at its beginning."""
    written = _TIMESTAMP.match(head)
    at = _instant(written[1]) if written else None
    return at is None or at >= since


def _found(lines: Iterable[str], names: frozenset[str], account: str, reading: Reading) -> Iterator[Login]:
    for line in lines:
        if WORDS[0] not in line or not line.endswith("\n"):
            continue
        facts = _facts(line)
        at = _instant(facts.get("timestamp"))
        if not facts or (at is None and names & _names(facts)):
            reading.miss("it is not as a domain controller writes it")
        elif at is not None and names & _names(facts):
            accepted = facts.get("status") == "NT_STATUS_OK"
            yield Login(at, account, _source(facts.get("remoteAddress")), accepted, _detail(facts))


def _facts(line: str) -> dict[str, Any]:
    """Return what a line says of a login; nothing where it cannot be read."""
    try:
        found = json.loads(line)
        return {"timestamp": found["timestamp"], **found["Authentication"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _instant(written: object) -> datetime | None:
    """Read a time with its zone; None where it is none."""
    try:
        at = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _names(facts: dict[str, Any]) -> set[str]:
    told = (facts.get(key) for key in ("mappedAccount", "becameAccount", "clientAccount"))
    return {name.partition("@")[0].lower() for name in told if isinstance(name, str)}


def _source(address: object) -> str:
    """Return the address without the kind before it and the port after it."""
    if not isinstance(address, str):
        return ""
    host = address.split(":", 1)[-1].rpartition(":")[0]
    return "".join(filter(str.isprintable, host))


def _detail(facts: dict[str, Any]) -> str:
    told = [facts.get(key) for key in ("serviceDescription", "authDescription", "passwordType", "status")]
    return ", ".join("".join(filter(str.isprintable, one)) for one in told if isinstance(one, str))

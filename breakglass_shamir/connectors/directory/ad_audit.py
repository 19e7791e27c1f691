# SPDX-License-Identifier: Apache-2.0
"""Logins from a Samba domain controller's audit log: ``log level = 1 auth_json_audit:3@/path``, one JSON object a line.

What stands in front of the object, as in Samba's general log or behind a log service, is passed over. A line that may
be about a login of the account and cannot be read is told, that of the audit log in words (``auth_audit``) too.

What it does not do: it keeps no place in the file; rotate the log, and what was rotated away is not read.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from breakglass_shamir.connectors.port import marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading

_TIMESTAMP = re.compile(r'\{"timestamp": "([^"]{1,40})"')

WORDS = ('"Authentication"', "Auth: [")
"""What a domain controller tells a login with, in JSON and in words; a line without any of these is about none."""

KIND = "a Samba domain controller's auth_json_audit"

HEAD_MAX = 400
"""Characters in front of an object."""

_IN_WORDS = re.compile(r"\buser \[[^\]]{0,256}\]\\\[([^\]]{0,256})\]")


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
    reading = Reading(since, WORDS, lambda head: _concerns(head, since), KIND)
    found = list(_found(reading.lines([log]), names, account, reading))
    return Logins((login for login in found if login.at >= since), reading.unread)


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then: its time stands at its beginning."""
    written = _TIMESTAMP.match(head)
    at = _instant(written[1]) if written else None
    return at is None or at >= since


def _found(lines: Iterable[str], names: frozenset[str], account: str, reading: Reading) -> Iterator[Login]:
    for line in lines:
        if not line.endswith("\n"):
            continue
        begin = line.find("{", 0, HEAD_MAX)
        if begin >= 0 and '"type"' in line:
            reading.known()
        if WORDS[1] in line and begin < 0:
            reading.known()
            said = _IN_WORDS.search(line)
            if not said or said[1].partition("@")[0].lower() in names:
                reading.miss("it is in words: log auth_json_audit")
            continue
        if WORDS[0] not in line:
            continue
        facts = _facts(line[max(begin, 0) :])
        at = _instant(facts.get("timestamp"))
        if not facts:
            reading.miss("it is not as a domain controller writes it")
        elif names & _names(facts):
            if at is None:
                reading.miss("its time has no zone or cannot be read")
                continue
            accepted = facts.get("status") == "NT_STATUS_OK"
            source, port = _source(facts.get("remoteAddress"))
            mark = marks.of_port(source, port) if port.isdecimal() else ""
            yield Login(at, account, source, accepted, _detail(facts), mark)
        elif not _names(facts) and any(name in line.lower() for name in names):
            reading.miss("it names the account in no way that is known here", at)


def _facts(line: str) -> dict[str, Any]:
    """Return what a line says of a login; nothing where it cannot be read."""
    try:
        found = json.loads(line)
        return {"timestamp": found["timestamp"], **found["Authentication"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _instant(written: object) -> datetime | None:
    """Read a time with its zone, or seconds since 1970; None where it is none."""
    text = str(written) if isinstance(written, str | int | float) else ""
    return stamps.instant(text) or stamps.epoch(text)


def _names(facts: dict[str, Any]) -> set[str]:
    told = (facts.get(key) for key in ("mappedAccount", "becameAccount", "clientAccount"))
    return {_without_domain(name).lower() for name in told if isinstance(name, str) and name}


def _without_domain(name: str) -> str:
    r"""Return the account of ``DOMAIN\account``, ``account@realm`` or ``CN=account,CN=Users,...``."""
    if name[:3].lower() == "cn=":
        return name[3:].partition(",")[0]
    return name.rpartition("\\")[2].partition("@")[0]


def _source(address: object) -> tuple[str, str]:
    """Return the address without the kind before it, and the port after it."""
    if not isinstance(address, str):
        return "", ""
    host, _, port = address.split(":", 1)[-1].rpartition(":")
    return "".join(filter(str.isprintable, host)), port


def _detail(facts: dict[str, Any]) -> str:
    told = [facts.get(key) for key in ("serviceDescription", "authDescription", "passwordType", "status")]
    return ", ".join("".join(filter(str.isprintable, one)) for one in told if isinstance(one, str))

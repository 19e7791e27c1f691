# SPDX-License-Identifier: Apache-2.0
"""Logins from a Samba domain controller's audit log: ``log level = 1 auth_json_audit:3@/path``, one JSON object a line.

What it does not do: it keeps no place in the file; rotate the log, and what was rotated away is not read.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from breakglass_shamir.connectors.port.answers import Login


def logins(log: Path, names: frozenset[str], account: str) -> Iterator[Login]:
    """Return the logins of an account, in the order of the log.

    Args:
        log: the file.
        names: the account's names, in small letters and without the domain.
        account: how the login calls it.

    Raises:
        OSError: the file cannot be read.
    """
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            facts = _facts(line)
            if facts and names & _names(facts):
                yield Login(
                    datetime.fromisoformat(facts["timestamp"]),
                    account,
                    _source(facts.get("remoteAddress")),
                    facts.get("status") == "NT_STATUS_OK",
                    _detail(facts),
                )


def _facts(line: str) -> dict[str, Any]:
    """Return what a line says of a login; nothing if it is about something else, or torn."""
    if '"Authentication"' not in line:
        return {}
    try:
        found = json.loads(line)
        facts = {"timestamp": found["timestamp"], **found["Authentication"]}
    except (ValueError, KeyError, TypeError):
        return {}
    return facts if isinstance(facts["timestamp"], str) else {}


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

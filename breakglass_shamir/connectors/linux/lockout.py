# SPDX-License-Identifier: Apache-2.0
"""How many wrong passwords this machine still takes for an account before it locks it: pam_faillock(8).

Rules:

1. Settings in the PAM service count more than those in faillock.conf(5), as the module reads them.
2. The tally file is read and never written. One that cannot be understood counts as full.
3. ``pam_tally2`` keeps its tally in another form, which is not read: its limit is taken as nearly used up.

What it does not do: it asks no PAM module.
"""

import re
import shlex
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Allowance

CONF, TALLIES = Path("/etc/security/faillock.conf"), Path("/var/run/faillock")
DENY, INTERVAL_S = 3, 900
"""What pam_faillock takes where nothing is said."""

TALLY_MAX_BYTES = 1 << 20
"""Longest tally that is read."""

_TALLY = struct.Struct("=52sHHQ")
"""A failed login: source, reserved, status, time in seconds since 1970 (faillock.h)."""

_VALID = 1
_MODULE = re.compile(r"\bpam_(faillock|tally2?)\.so\b(.*)")


@dataclass(frozen=True, slots=True)
class _Rules:
    module: str
    settings: dict[str, str]

    def number(self, name: str, default: int) -> int:
        text = self.settings.get(name, "")
        return int(text) if text.isdecimal() else default


def allowance(stack: str, name: str, uid: int) -> Allowance:
    """Return how many wrong passwords in a row an account still has.

    Args:
        stack: text of a PAM service with what it includes.
        name: of the account.
        uid: its number; root is locked only where the service says so.
    """
    rules = _rules(stack)
    if rules is None:
        return Allowance()
    if uid == 0 and not {"even_deny_root", "root_unlock_time"} & rules.settings.keys():
        return Allowance()
    if rules.module != "faillock":
        deny = rules.number("deny", 0)
        return Allowance(min(deny - 1, 1), why=f"pam_{rules.module} with deny={deny}") if deny else Allowance()
    deny = rules.number("deny", DENY)
    if not deny:
        return Allowance()
    used = _used(Path(rules.settings.get("dir", str(TALLIES))) / name, rules.number("fail_interval", INTERVAL_S))
    left = 0 if used is None else max(0, deny - 1 - used)
    return Allowance(left, why=f"pam_faillock with deny={deny}, {'?' if used is None else used} of them counted")


def _rules(stack: str) -> _Rules | None:
    """Return what counts failed logins, and its settings; None where nothing does."""
    found = [(match[1], _words(match[2])) for match in _MODULE.finditer(stack)]
    if not found:
        return None
    given: dict[str, str] = {}
    for _, settings in found:
        given |= settings
    module = found[0][0]
    if module != "faillock":
        return _Rules(module, given)
    return _Rules(module, {**_conf(Path(given.get("conf", str(CONF)))), **given})


def _words(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _conf(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    split = (line.partition("#")[0].partition("=") for line in lines)
    return {name.strip(): value.strip() for name, _, value in split if name.strip()}


def _used(path: Path, interval_s: int) -> int | None:
    """Return how many failed logins count now; None where the tally cannot be understood."""
    try:
        with path.open("rb") as file:
            content = file.read(TALLY_MAX_BYTES + 1)
    except FileNotFoundError:
        return 0
    except OSError:
        return None
    if len(content) > TALLY_MAX_BYTES or len(content) % _TALLY.size:
        return None
    since = int(time.time()) - interval_s
    return sum(1 for _, _, status, at in _TALLY.iter_unpack(content) if status & _VALID and at >= since)

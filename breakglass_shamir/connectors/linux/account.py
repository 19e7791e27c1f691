# SPDX-License-Identifier: Apache-2.0
"""What the files of this machine say about a local account: passwd(5), shadow(5), pam.d(5).

Rules:

1. The files are read and never written.
2. Only accounts in the files count, not those of directories that the name service brings in.

What it does not do: it asks no PAM module and knows no password.
"""

import contextlib
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Lifetime
from breakglass_shamir.connectors.port.replacing import flag_problems, rename_problems
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.plural import counted

PASSWD, SHADOW = Path("/etc/passwd"), Path("/etc/shadow")
PAM_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
NOLOGIN = (Path("/etc/nologin"), Path("/run/nologin"))

RULES_MODULES = re.compile(r"\bpam_(pwquality|cracklib|passwdqc|pwhistory)\.so")
"""Modules that may refuse a new password."""

COUNTING_MODULES = re.compile(r"\bpam_(faillock|tally2?)\.so")
"""Modules that lock an account after failed logins."""

SPARE_BYTES = 1 << 20
"""Free space that a change of the shadow file wants beside it."""

NO_MAXIMUM = 99999
"""As many days stand for no end (shadow(5), as useradd writes them)."""

_INCLUDE = re.compile(r"^(?:@include|-?\w+\s+(?:include|substack))\s+(\S+)", re.MULTILINE)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """A local account.

    Attributes:
        name: its name.
        uid: its number.
        shell: what it runs.
        kept: what the shadow file keeps of its password.
        changed: day of the last change, in days since 1970; None if it is not kept.
        min_days: days before the next change, for everybody but root.
        max_days: days after which the password must be changed; None for never.
        expires: day since 1970 from which on nobody logs in; None for never.
        inactive_days: days after the end of a password for which it still opens its own change; None for ever.
    """

    name: str
    uid: int
    shell: str
    kept: str
    changed: int | None
    min_days: int | None
    max_days: int | None
    expires: int | None
    inactive_days: int | None = None

    @property
    def locked(self) -> bool:
        """Whether no password can be right (shadow(5): an exclamation mark or an asterisk in front)."""
        return self.kept.startswith(("!", "*"))

    @property
    def changed_at(self) -> datetime | None:
        """The beginning of the day of the last change; 0 stands for 'must be changed' and is no day."""
        return _EPOCH + self.changed * _DAY if self.changed else None

    @property
    def expired(self) -> bool:
        """Whether the account as a whole is over."""
        return self.expires is not None and _today() >= self.expires

    @property
    def ends(self) -> int | None:
        """The last day on which the password opens the account; None where it has no end."""
        if not self.changed or self.max_days is None or self.max_days >= NO_MAXIMUM:
            return None
        return self.changed + self.max_days

    def runs_out(self) -> tuple[Lifetime, ...]:
        """Return when account and password end: the first instant at which they let nobody in."""
        ends = (("account", self.expires), ("password", None if self.ends is None else self.ends + 1))
        found = []
        for what, day in ends:
            with contextlib.suppress(ValueError, OverflowError, OSError):
                if day is not None:
                    found.append(Lifetime(what, datetime.fromtimestamp(day * 86400, UTC)))
        return tuple(found)

    def age_problems(self) -> list[str]:
        """Say why the age of the password lets nobody in, so that no rotation can begin."""
        if self.changed == 0:
            return [
                "the password must be changed before it opens anything (chage -d 0), and a rotation needs a login with "
                "it: have root set the day of its change (chage -d), then rotate"
            ]
        ends = self.ends
        if ends is None or _today() <= ends:
            return []
        if self.inactive_days is not None and _today() > ends + self.inactive_days:
            return [
                f"the password has expired at {_day(ends)} and the account is inactive since "
                f"{_day(ends + self.inactive_days)}: only root can set it anew (passwd, chage)"
            ]
        return [
            f"the password has expired at {_day(ends)} and opens nothing but its own change, while a rotation needs a "
            "login: have root set the day of its change (chage -d), then rotate"
        ]

    def age_notes(self) -> list[str]:
        """Say which ends lie ahead, and what they mean for what is printed now."""
        notes, today = [], _today()
        if self.ends is not None and today <= self.ends:
            lives = counted(self.max_days or 0, "day")
            notes.append(
                f"the present password ends at {_day(self.ends)}; the next one {lives} after the change: rotate before "
                "that, since an ended one lets nobody in"
            )
        if self.expires is not None and today < self.expires:
            notes.append(
                f"the account ends at {_day(self.expires)}: then nothing on paper opens it, whatever is rotated; have "
                "that moved (chage -E)"
            )
        return notes


def _today() -> int:
    return int(time.time() // 86400)


def _day(number: int) -> str:
    try:
        return f"{_EPOCH + number * _DAY:%Y-%m-%d}"
    except OverflowError:
        return f"day {number} after 1970"


def local_account(name: str) -> Account:
    """Read an account from the files.

    Raises:
        ConnectorError: there is none of this name, or the files cannot be read.
    """
    user, shadow = _row(PASSWD, name), _row(SHADOW, name)
    if user is None or shadow is None:
        missing = PASSWD if user is None else SHADOW
        raise ConnectorError(f"there is no local account {name}: {missing} does not name it")
    numbers = [int(text) if text.strip().isdecimal() else None for text in (*shadow[2:], *[""] * 7)]
    return Account(name, int(user[2]), user[6], shadow[1], numbers[0], numbers[1], numbers[2], numbers[5], numbers[4])


def stack(service: str) -> str | None:
    """Return the text of a PAM service with what it includes; None if there is no such service."""
    found = _service(service)
    if found is None:
        return None
    texts, pending = [found], _INCLUDE.findall(found)
    for name in pending:
        included = _service(name)
        if included is not None and included not in texts:
            texts.append(included)
            pending += _INCLUDE.findall(included)
    lines = "\n".join(texts).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def shadow_problems() -> list[str]:
    """Say what would stop ``chpasswd`` from replacing the shadow file, as shadow's tools do it.

    They write ``shadow+`` beside it, link the old one to ``shadow-``, and rename; and they lock ``shadow.lock``.
    """
    try:
        shadow = SHADOW.resolve(strict=True)
    except OSError as error:
        return [f"{SHADOW} cannot be found: {error.strerror}"]
    problems = rename_problems(shadow, len("+"), str(SHADOW))
    if shadow != SHADOW:
        problems.append(f"{SHADOW} is a symlink: chpasswd would replace the link and leave the file that it leads to")
    for beside in ("+", "-", ".lock"):
        place = SHADOW.with_name(SHADOW.name + beside)
        problems += flag_problems(place, str(place)) if place.is_file() else []
    space = os.statvfs(shadow.parent)
    if space.f_bavail * space.f_frsize < SPARE_BYTES or (space.f_files and not space.f_favail):
        problems.append(f"there is no room for a copy of {SHADOW} beside it")
    return problems


def nobody_may_log_in() -> bool:
    """Tell whether the machine lets in nobody but root (nologin(5))."""
    return any(path.exists() for path in NOLOGIN)


def _service(name: str) -> str | None:
    for folder in PAM_FOLDERS:
        try:
            return (folder / Path(name).name).read_text(errors="replace")
        except OSError:
            continue
    return None


def _row(path: Path, name: str) -> list[str] | None:
    """Return the row of a name in a file with columns divided by colons."""
    try:
        rows = [line.split(":") for line in path.read_text(errors="surrogateescape").splitlines()]
    except OSError as error:
        raise ConnectorError(
            f"{path} cannot be read: {error.strerror}", hint="the linux connector runs as root"
        ) from error
    return next((row for row in rows if row[0] == name and len(row) > 6), None)

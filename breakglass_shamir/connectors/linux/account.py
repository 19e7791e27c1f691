# SPDX-License-Identifier: Apache-2.0
"""What the files of this machine say about a local account: passwd(5), shadow(5), pam.d(5).

Rules:

1. The files are read and never written.
2. Only accounts in the files count, not those of directories that the name service brings in.

What it does not do: it asks no PAM module and knows no password.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.errors import ConnectorError

PASSWD, SHADOW = Path("/etc/passwd"), Path("/etc/shadow")
PAM_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
NOLOGIN = (Path("/etc/nologin"), Path("/run/nologin"))

RULES_MODULES = re.compile(r"\bpam_(pwquality|cracklib|passwdqc|pwhistory)\.so")
"""Modules that may refuse a new password."""

COUNTING_MODULES = re.compile(r"\bpam_(faillock|tally2?)\.so")
"""Modules that lock an account after failed logins."""

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
    """

    name: str
    uid: int
    shell: str
    kept: str
    changed: int | None
    min_days: int | None
    max_days: int | None
    expires: int | None

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
        return self.expires is not None and time.time() // 86400 >= self.expires


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
    return Account(name, int(user[2]), user[6], shadow[1], numbers[0], numbers[1], numbers[2], numbers[5])


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

# SPDX-License-Identifier: Apache-2.0
"""The master password of a KeePass database as a break-glass credential.

Rules:

1. Only pykeepass decides whether a password opens the database, in a process of its own, and only it writes one.
2. *Accepted* needs that it was opened and read. *Refused* needs that the format's own check of the master key fails,
   and that no copy of the database that might open lies beside it.
3. The steps of a rotation: lock the folder; remove stale copies; copy; change the copy under the old password; the new
   one must open it to the same content; the old one must be refused; replace.

What it does not do: it changes no entry and no key file.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.database_target import (
    absolute,
    driver_problems,
    password_problems,
    require_different,
    stop_at,
)
from breakglass_shamir.connectors.keepass import database
from breakglass_shamir.connectors.keepass.database import Told
from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.one_file import OneFile
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

DATABASE_MAX_BYTES = 64 << 20
"""Largest database that is changed: it is held in memory, several times."""

_WRONG = "the database's own check of the master key failed"


class KeepassConnector(Connector):
    """The master password of a database; target ``keepass:///absolute/path/to/database.kdbx``.

    What it changes: this one file, replaced in one step by a copy with the same content under the new master password.
    Format (KDBX 3.1 or 4), cipher and the cost of the key derivation stay; its salts, and the time of the last change
    of the master key, are new. Owner, group, mode and extended attributes stay; the inode is new.

    What it needs: the extra ``breakglass-shamir[keepass]``; the account that owns the file, or root; write access to
    the folder and room for a copy; a local file system. A key file that belongs to the master key is named by option
    ``keyfile``; it stays what it is.

    What it does not reach: copies and backups of the file, the history that a synchronised folder keeps, and blocks
    that the old file leaves on the disk still open with the old password. A program that has the database open keeps
    it, and may write it back under the old password when it saves: have it closed. Where its lock file lies beside the
    database, nothing is changed.

    What it cannot tell: a wrong password, a wrong key file and a header that was tampered with have one answer. Nor
    who opened the database, and when.

    The percent-encoding of URIs applies to the path. The account is a label and is not used.
    """

    scheme: ClassVar[str] = "keepass"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "this file"
    option_names: ClassVar[frozenset[str]] = frozenset({"keyfile"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._path = _path_of(target)
        self._keyfile = absolute("keyfile", options["keyfile"]) if "keyfile" in options else None
        self._limit_s = self.time_limit_s if "time_limit" in options else database.TIME_LIMIT_S

    def missing(self) -> tuple[str, ...]:
        """Return whether pykeepass is not there."""
        return driver_problems("pykeepass", "keepass")

    def _preflight(self, new: Secret | None) -> Preflight:
        problems = [*(password_problems(new) if new else []), *self.missing()]
        notes = ["copies, backups and the history of synchronised folders open with the old password"]
        if self._keyfile and not self._keyfile.is_file():
            problems.append("the key file cannot be read")
        try:
            found = one_file.read_file(self._path, DATABASE_MAX_BYTES)
            problems += _file_problems(found)
            problems += one_file.replacing_problems(found.path, len(found.content), "the database")
            if one_file.leftovers(found.path):
                notes.append("an interrupted rotation left a copy beside the database; the next rotation removes it")
        except OSError as error:
            problems.append(f"the database cannot be read: {error.strerror}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope)

    def _check(self, credential: Secret) -> Check:
        stop_at(password_problems(credential))
        try:
            path = one_file.read_file(self._path, DATABASE_MAX_BYTES).path
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"the database cannot be read: {error.strerror}")
        told = self._ask(path, credential)
        if told.result == "opened":
            return Check(CheckResult.ACCEPTED, f"it opened the database (KDBX {told.version}, {told.kdf})")
        if told.result != "wrong":
            return Check(CheckResult.UNKNOWN, f"the database could not be opened or read: {told.detail}")
        return _unless_copies_remain(path)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at([*password_problems(old), *password_problems(new)])
        path = one_file.real_path(self._path)
        with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S) as lock:
            one_file.remove_leftovers(path)
            found = one_file.read_file(path, DATABASE_MAX_BYTES)
            stop_at(_file_problems(found))
            with one_file.working_copy(found) as copy:
                self._change_copy(copy, old, new, lock)
                one_file.put_in_place(copy, found)

    def _change_copy(self, copy: Path, old: Secret, new: Secret, lock: int) -> None:
        """Put the copy under the new master password, and prove that this and nothing else happened."""
        before = self._ask(copy, old, new, lock=lock)
        if before.result != "opened":
            raise ConnectorError(f"unchanged: the old credential did not open the database: {_why(before)}")
        after = self._ask(copy, new, lock=lock)
        if after.result != "opened":
            raise ConnectorError(f"unchanged: the new credential did not open the copy: {_why(after)}")
        if (after.content, after.kdf, after.version) != (before.content, before.kdf, before.version):
            raise ConnectorError("unchanged: the copy does not hold what the database holds")
        dead = self._ask(copy, old, lock=lock)
        if dead.result != "wrong":
            raise ConnectorError(f"unchanged: the old credential was not refused: {_why(dead)}")

    def _ask(self, path: Path, password: Secret, new: Secret | None = None, *, lock: int | None = None) -> Told:
        if stands := self.missing():
            raise ConnectorError(f"unchanged: {stands[0]}")
        kept = [] if lock is None else [lock]
        return database.ask(path, self._keyfile, password, new, limit_s=self._limit_s, keep_open=kept)


def _why(told: Told) -> str:
    return {"wrong": _WRONG, "opened": "it opened it"}.get(told.result, told.detail)


def _unless_copies_remain(path: Path) -> Check:
    """Say *refused* only if no copy that might still open lies beside the database."""
    try:
        if one_file.leftovers(path):
            with one_file.locked_folder(path.parent, 0):
                one_file.remove_leftovers(path)
    except (ConnectorError, OSError) as error:
        return Check(CheckResult.UNKNOWN, f"a copy of the database lies beside it and may still open: {error}")
    return Check(CheckResult.REFUSED, _WRONG)


def _file_problems(found: OneFile) -> list[str]:
    """Return what about the file itself stands against a rotation."""
    problems = []
    if found.mode & 0o022:
        problems.append("the database can be written by others than its owner")
    if found.links > 1:
        problems.append("the database has a second hard link, which would still open with the old password")
    if os.geteuid() not in (0, found.owner):
        problems.append("the database belongs to another account")
    for name in (f"{found.path.name}.lock", f".{found.path.name}.lock"):
        if os.path.lexists(found.path.with_name(name)):
            problems.append(f"another program says that it has the database open: {name} lies beside it")
    return problems


def _path_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "keepass target is not a path: expected keepass:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))

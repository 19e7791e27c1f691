# SPDX-License-Identifier: Apache-2.0
"""Where a ledger stands: whether its path still leads to the files that are open, and its key to the key.

SQLite goes on in a file that was removed, replaced, or covered by another file system, and so would every record
until the program ends. Nobody would ever find them.

Rules:

1. What is open is known by device and inode, of the database and of what SQLite keeps beside it; it is learned when
   all of it is open, and held against this process's own descriptors where the system shows them.
2. The path is made absolute once. It is followed anew at each look: links, mounts and renamed folders count as what
   they lead to now.
3. The terminal key is held by its content, so one that was put back is the same. It is read again only when the file
   changed.

It reads no record: that a record is found through the path is for :mod:`.fresh` to see.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.crypto import keys
from breakglass_shamir.errors import InvalidSignature, LedgerUnwritable
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.durable import Identity, identity, read_plain

BESIDE = ("", "-wal", "-shm")
"""What SQLite has open of one database, after the database itself."""

MAX_KEY_BYTES = 64 * 1024
"""Largest terminal key file that is read."""

_DESCRIPTORS = Path("/proc/self/fd")

_HINT = "find out who did that, and keep what lies there for the auditor"


class Standing:
    """The files of one open database."""

    def __init__(self, path: Path) -> None:
        """Bind to a path.

        Raises:
            OSError: it cannot be made absolute.
        """
        self.path = path.absolute()
        self._files: dict[str, Identity] = {}

    def learn(self) -> None:
        """Learn which files are open, once something was read through the connection.

        Raises:
            LedgerUnwritable: the path leads to another database than the one that is open.
        """
        opened = _open_files()
        for ending in BESIDE:
            found = _look(self._beside(ending))
            if found is not None and (opened is None or found in opened):
                self._files.setdefault(ending, found)
        if "" not in self._files:
            raise LedgerUnwritable(f"the ledger {self.path} was replaced while it was being opened", hint=_HINT)

    def require(self) -> None:
        """Refuse to go on where the path leads to other files than the ones that are open.

        Raises:
            LedgerUnwritable: saying what became of which file.
        """
        for ending in BESIDE:
            found = _look(self._beside(ending))
            if found is not None and ending not in self._files:
                self.learn()
            if found != self._files.get(ending):
                became = "is gone from its place" if found is None else "is not the one that is open: it was replaced"
                raise LedgerUnwritable(f"the file {self._beside(ending)} {became}", hint=_HINT)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)


class KeyInPlace:
    """The terminal key's file, as the next command will read it."""

    def __init__(self, path: Path, seed: Secret) -> None:
        """Bind to a file and to what it must hold.

        Raises:
            OSError: the path cannot be made absolute.
        """
        self._path = path.absolute()
        self._seed = seed
        self._seen: tuple[int, ...] = ()

    def require(self) -> None:
        """Refuse to go on where the key's file is gone or holds another key.

        Raises:
            LedgerUnwritable: saying which.
        """
        try:
            facts = self._path.stat()
            seen = (*identity(facts), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            if seen == self._seen:
                return
            with keys.seed_from_pem(read_plain(self._path, MAX_KEY_BYTES)) as found:
                same = found == self._seed
        except OSError as error:
            raise LedgerUnwritable(f"the terminal key {self._path} is gone: {error.strerror}", hint=_HINT) from error
        except InvalidSignature as error:
            raise LedgerUnwritable(f"the terminal key {self._path} was replaced: {error}", hint=_HINT) from error
        if not same:
            raise LedgerUnwritable(f"the terminal key {self._path} was replaced by another one", hint=_HINT)
        self._seen = seen


def _look(path: Path) -> Identity | None:
    """Return which file a path leads to now; None where it leads to none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return identity(facts) if stat.S_ISREG(facts.st_mode) else None


def _open_files() -> set[Identity] | None:
    """Return the plain files that this process has open; None where the system does not show them."""
    try:
        names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - one look, without the entries' own paths
    except OSError:
        return None
    found = set()
    for name in names:
        with suppress(OSError):
            facts = (_DESCRIPTORS / name).stat()
            if stat.S_ISREG(facts.st_mode):
                found.add(identity(facts))
    return found

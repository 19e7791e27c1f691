# SPDX-License-Identifier: Apache-2.0
"""How a ledger comes into being in a folder: under another name, whole, and then renamed.

Rules:

1. There is never half of a ledger: it is filled and made durable under another name, with nothing beside it.
2. What an interrupted start left, an empty file or a ledger without any record, counts as none.
3. One program at a time makes a ledger in a folder, where the file system can say so.
4. A key is never half there either; one that is there is not overwritten.
"""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from breakglass_shamir.crypto import keys
from breakglass_shamir.errors import InvalidInput, InvalidSignature
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.connection import connect
from breakglass_shamir.ledger.moved import MOVED_NAME
from breakglass_shamir.ledger.standing import MAX_KEY_BYTES
from breakglass_shamir.ledger.store import FILE_NAME

LOCK_WAIT_S = 30.0
"""How long to wait for another program that works in the same folder."""

_LOCK_POLL_S = 0.05
_UNFINISHED_NAME = FILE_NAME + ".new"
_BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, after the database itself."""


def has_ledger(home: Path) -> bool:
    """Tell whether a folder has a ledger; what an interrupted start left is none.

    Raises:
        InvalidInput: the folder may not be entered.
    """
    path = home / FILE_NAME
    try:
        path.stat()
        return not has_no_record(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InvalidInput(
            f"{home} cannot be used as a home: {error.strerror}", hint="choose another with --home"
        ) from error


def has_no_record(path: Path) -> bool:
    """Tell whether a file is what an interrupted start leaves behind: nothing, or a ledger without any record."""
    recent = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0:
        return not (recent.exists() and recent.stat().st_size)
    try:
        with closing(connect(path, "ro")) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "records" not in names:
                return not names
            return bool(connection.execute("SELECT count(*) FROM records").fetchone() == (0,))
    except sqlite3.Error:
        return False


def place(home: Path, fill: Callable[[Path], None]) -> None:
    """Let a ledger be filled under another name, and rename it when it is whole and durable.

    Raises:
        OSError: it could not be made durable, or is not found again.
    """
    path, final = home / _UNFINISHED_NAME, home / FILE_NAME
    _remove(path)
    (home / MOVED_NAME).unlink(missing_ok=True)
    try:
        fill(path)
        durable.sync_file(path)
        _remove(final)
        ours = durable.identity(path.stat())
        path.rename(final)
    except BaseException:
        with suppress(OSError):
            _remove(path)
        raise
    durable.sync_folder(home)
    durable.require_same(final, ours)


def place_key(path: Path, seed: Secret) -> None:
    """Put a terminal key in its place, whole or not at all; the same one may be there already.

    Raises:
        OSError: it could not be made durable, or another key is there.
    """
    try:
        found = keys.seed_from_pem(durable.read_plain(path, MAX_KEY_BYTES))
    except FileNotFoundError:
        durable.write_over(path, keys.seed_to_pem(seed))
        return
    except InvalidSignature as error:
        raise FileExistsError(errno.EEXIST, f"{path.name} is there and is no terminal key") from error
    if found != seed:
        raise FileExistsError(errno.EEXIST, f"{path.name} is there and holds another terminal key")


@contextmanager
def alone_in(folder: Path, doing: str = "makes a ledger there") -> Iterator[None]:
    """Let one program at a time work in a folder, where the file system can.

    Args:
        folder: where.
        doing: what another one is said to do.

    Raises:
        OSError: another one does, and does not finish.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, doing)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, doing: str) -> None:
    """Lock a folder; one whose file system has no locks is left as it is."""
    end = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise OSError(errno.EBUSY, f"another program {doing} and does not finish") from None
            time.sleep(_LOCK_POLL_S)
        except OSError:
            return
        else:
            return


def _remove(path: Path) -> None:
    """Remove a database and what lies beside it; a log that was left beside another would be played into it."""
    for ending in reversed(_BESIDE):
        path.with_name(path.name + ending).unlink(missing_ok=True)

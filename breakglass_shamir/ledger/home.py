# SPDX-License-Identifier: Apache-2.0
"""A home folder: the ledger and the terminal key, and moving both to another place.

Rules:

1. The folder is 0700, the key 0600. The key has no passphrase by default: one that nobody remembers at 3 a.m.
   is a lock-out.
2. ``create`` never touches a folder that has a ledger. What an interrupted start left, an empty file or a ledger
   without any record, counts as none.
3. A ledger comes into being under another name, with its first record in it and nothing beside it, and is then
   renamed: there is never half of one.
4. ``move`` is for the night when the ledger cannot be written: it copies ledger and key to, say, a USB stick
   and goes on there. There is one log before and after; the old copy must not be written any more, and where it
   can be written at all it says so in a file. A move that failed leaves nothing that stops the next one into the
   same folder.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import FileExists, InvalidInput, InvalidSignature, LedgerUnwritable, NoHome
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.schema import Beside
from breakglass_shamir.ledger.store import FILE_NAME, MOVED_NAME, Ledger, has_no_record, refuse_moved
from breakglass_shamir.shell import breakglass
from breakglass_shamir.version import __version__

KEY_NAME = "terminal-key.pem"
"""The terminal's Ed25519 key, PKCS #8."""

_KEY_HINT = "restore it, or begin a new home: breakglass --home DIR init"
_UNFINISHED_NAME = FILE_NAME + ".new"
_BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, after the database itself."""


def create(home: Path, terminal: str, *, instead_because: str = "", beside: Beside | None = None) -> Ledger:
    """Make a home: a key, a ledger, and its first record.

    Args:
        home: the folder.
        terminal: the terminal's name.
        instead_because: why this one begins while another cannot be used; a second record says it.
        beside: tables that are filled in the transaction of each record that follows.

    Raises:
        FileExists: there is a ledger already.
        LedgerUnwritable: the folder could not be written.
        InvalidInput: the terminal's name is empty or has control characters, or the folder may not be entered.
    """
    name = check_human_text("terminal name", terminal)
    if _has_ledger(home):
        raise FileExists(f"a ledger is already in {home}", hint="use it as it is, or choose another --home")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(home):
            if _has_ledger(home):
                raise FileExists(f"a ledger is already in {home}", hint="use it as it is")
            seed = _existing_or_new_key(home)
            _place(home, lambda path: _begin(path, seed, name, instead_because))
    except OSError as error:
        raise LedgerUnwritable(
            f"the home {home} could not be made: {error.strerror}", hint="choose another --home, or make room"
        ) from error
    return open_home(home, beside)


def open_home(home: Path, beside: Beside | None = None) -> Ledger:
    """Open the ledger of a home.

    Args:
        home: the folder.
        beside: tables that are filled in the transaction of each record.

    Raises:
        NoHome: there is none.
        LedgerUnwritable, LedgerBusy: it cannot be read.
        LedgerElsewhere: it was moved.
        InvalidInput: the folder may not be entered.
    """
    return Ledger.open(home / FILE_NAME, _terminal_key(home), beside)


def open_unread(home: Path) -> Ledger:
    """Open the ledger of a home without reading it, since it may be damaged.

    Raises:
        NoHome: there is none.
        LedgerUnwritable, LedgerBusy, InvalidSignature: the file or the terminal key cannot be read.
        LedgerElsewhere: it was moved.
        InvalidInput: the folder may not be entered.
    """
    return Ledger.open_unread(home / FILE_NAME, _terminal_key(home))


def require(home: Path) -> None:
    """Refuse a folder that has no ledger to go on with.

    Raises:
        NoHome: there is none.
        LedgerElsewhere: it was moved.
        InvalidInput: the folder may not be entered.
    """
    if not _has_ledger(home):
        raise NoHome(f"no ledger in {home} yet")
    refuse_moved(home)


def move(ledger: Ledger, target: Path, reason: str) -> Ledger:
    """Copy ledger and key to another folder and go on there.

    Raises:
        FileExists: there is a ledger already.
        LedgerUnwritable: the other place cannot be written either.
    """
    old = ledger.path.parent
    if _has_ledger(target):
        raise FileExists(f"a ledger is already in {target}", hint=f"use it: {breakglass('...', home=target)}")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(target):
            pem = _copy_key(old / KEY_NAME, target / KEY_NAME)
            _place(target, lambda path: _continue(ledger, path, pem, reason))
    except OSError as error:
        raise LedgerUnwritable(f"{target} could not be written either: {error.strerror}") from error
    except LedgerUnwritable as error:
        raise LedgerUnwritable(f"{target} could not be written either: {error}") from error
    with suppress(OSError):
        _write_new(old / MOVED_NAME, f"{target.absolute()}\n".encode(errors="replace"))
        _sync_folder(old)
    return open_home(target, ledger.beside)


def _terminal_key(home: Path) -> Secret:
    """Return the key of a home that has a ledger."""
    require(home)
    try:
        pem = (home / KEY_NAME).read_bytes()
    except OSError as error:
        raise LedgerUnwritable(
            f"the terminal key {home / KEY_NAME} could not be read: {error.strerror}",
            hint=_KEY_HINT,
        ) from error
    try:
        return keys.seed_from_pem(pem)
    except InvalidSignature as error:
        raise InvalidSignature(f"the terminal key {home / KEY_NAME} cannot be used: {error}", hint=_KEY_HINT) from error


def _has_ledger(home: Path) -> bool:
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


def _place(home: Path, fill: Callable[[Path], None]) -> None:
    """Let a ledger be filled under another name, and rename it when it is whole and durable."""
    path = home / _UNFINISHED_NAME
    _remove(path)
    (home / MOVED_NAME).unlink(missing_ok=True)
    try:
        fill(path)
        _sync(path)
        _remove(home / FILE_NAME)
        path.rename(home / FILE_NAME)
    except BaseException:
        with suppress(OSError):
            _remove(path)
        raise
    _sync_folder(home)


def _begin(path: Path, seed: Secret, terminal: str, instead_because: str) -> None:
    """Fill a new log with its start."""
    with Ledger.create(path, seed) as ledger:
        line = sshsig.public_line(ledger.public_key, terminal.replace(" ", "-"))
        ledger.append(LedgerStarted(terminal=terminal, public_key=line, software=f"breakglass_shamir {__version__}"))
        if instead_because:
            ledger.append(LedgerMoved(reason=_recordable(instead_because)))
        ledger.settle()


def _continue(ledger: Ledger, path: Path, pem: bytes, reason: str) -> None:
    """Fill a file with a log that cannot go on where it is."""
    ledger.copy_to(path)
    with Ledger.open(path, keys.seed_from_pem(pem)) as moved:
        moved.append(LedgerMoved(reason=_recordable(reason)))
        moved.settle()


def _recordable(reason: str) -> str:
    """Return a reason without what no record may hold; it names paths, and those hold anything."""
    return "".join(character if character.isprintable() else "?" for character in reason)


def _remove(path: Path) -> None:
    """Remove a database and what lies beside it; a log that was left beside another would be played into it."""
    for ending in reversed(_BESIDE):
        path.with_name(path.name + ending).unlink(missing_ok=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one program at a time make a ledger in a folder, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _existing_or_new_key(home: Path) -> Secret:
    """Return the terminal key, making one unless a crash left it without a ledger."""
    path = home / KEY_NAME
    if path.exists():
        return keys.seed_from_pem(path.read_bytes())
    seed = Secret(keys.random_bytes(32))
    _write_new(path, keys.seed_to_pem(seed))
    return seed


def _copy_key(source: Path, target: Path) -> bytes:
    """Copy the key, unless a move that failed halfway did."""
    pem = source.read_bytes()
    if not (target.exists() and target.read_bytes() == pem):
        _write_new(target, pem)
    return pem


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

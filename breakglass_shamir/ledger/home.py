# SPDX-License-Identifier: Apache-2.0
"""A home folder: the ledger and the terminal key, and moving both to another place.

Rules:

1. The folder is 0700, the key 0600. The key has no passphrase by default: one that nobody remembers at 3 a.m.
   is a lock-out.
2. ``create`` never touches a folder that has a ledger, and leaves a whole one or none (:mod:`.placing`): where it
   fails, neither key nor folder stay. ``forget_unused`` takes a whole one back that nothing came of.
3. ``move`` is for the night when the ledger cannot be written, or is not where it was: it copies the open log, and the
   key from memory, to, say, a USB stick and goes on there. What stands at the old path is not asked: it may be another.
   The copy is verified, and holds every record that is known here.
4. There is one log before and after. Where it can be, the old ledger is held while it is copied, and a signed note in
   the old home says where it goes on. A move that failed leaves nothing that stops the next one into the same folder.
"""

import os
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted
from breakglass_shamir.custody.records.words import check_human_text, printable
from breakglass_shamir.errors import (
    BreakglassError,
    FileExists,
    IntegrityError,
    InvalidSignature,
    LedgerBusy,
    LedgerUnwritable,
    NoHome,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable, moved
from breakglass_shamir.ledger.moved import MOVED_NAME, Moved
from breakglass_shamir.ledger.placing import alone_in, has_ledger, place, place_key
from breakglass_shamir.ledger.schema import Beside
from breakglass_shamir.ledger.standing import MAX_KEY_BYTES
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.shell import breakglass
from breakglass_shamir.version import __version__

KEY_NAME = "terminal-key.pem"
"""The terminal's Ed25519 key, PKCS #8."""

_OF_A_HOME = frozenset({KEY_NAME, FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"})
"""What a home consists of that nothing was recorded in."""

_KEY_HINT = "restore it, or begin a new home: breakglass --home DIR init"

_BROKEN_HINT = "keep it for the auditor and begin a new home: breakglass --home DIR init; the sheets suffice there"


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
    if has_ledger(home):
        raise FileExists(f"a ledger is already in {home}", hint="use it as it is, or choose another --home")
    had_folder = os.path.lexists(home)
    try:
        durable.make_folder(home, 0o700)
        with alone_in(home):
            if has_ledger(home):
                raise FileExists(f"a ledger is already in {home}", hint="use it as it is")
            had_key = os.path.lexists(home / KEY_NAME)
            try:
                seed = _existing_or_new_key(home)
                place(home, lambda path: _begin(path, seed, name, instead_because))
            except BaseException:
                _leave_nothing(home, had_folder=had_folder, had_key=had_key)
                raise
    except OSError as error:
        raise LedgerUnwritable(
            f"the home {home} could not be made: {error.strerror}", hint="choose another --home, or make room"
        ) from error
    return open_home(home, beside)


def forget_unused(home: Path, public_key: bytes) -> bool:
    """Remove a home that was begun for a command of which nothing came: its log has its first record alone.

    Args:
        home: the folder.
        public_key: of the terminal key that was made for it; another one's home is left as it is.

    Returns:
        Whether it is gone. One in which anything else lies stays.
    """
    try:
        with alone_in(home):
            with open_home(home) as ledger:
                unused = ledger.size == 1 and ledger.public_key == public_key
            if not unused or {path.name for path in home.iterdir()} - _OF_A_HOME:
                return False
            for name in _OF_A_HOME:
                (home / name).unlink(missing_ok=True)
            home.rmdir()
    except (OSError, BreakglassError):
        return False
    return True


def open_home(home: Path, beside: Beside | None = None, *, only_reads: bool = False) -> Ledger:
    """Open the ledger of a home.

    Args:
        home: the folder.
        beside: tables that are filled in the transaction of each record.
        only_reads: whether nothing is appended or opened with what it says (:meth:`.Ledger.open`).

    Raises:
        NoHome: there is none.
        LedgerUnwritable, LedgerBusy: it cannot be read.
        LedgerElsewhere: it was moved.
        InvalidInput: the folder may not be entered.
    """
    ledger = Ledger.open(
        home / FILE_NAME, _terminal_key(home), beside, key_file=home / KEY_NAME, only_reads=only_reads
    )  # fmt: skip
    return _unless_moved(home, ledger)


def open_unread(home: Path) -> Ledger:
    """Open the ledger of a home without reading it, since it may be damaged.

    Raises:
        NoHome: there is none.
        LedgerUnwritable, LedgerBusy, InvalidSignature: the file or the terminal key cannot be read.
        LedgerElsewhere: it was moved.
        InvalidInput: the folder may not be entered.
    """
    return _unless_moved(home, Ledger.open_unread(home / FILE_NAME, _terminal_key(home), key_file=home / KEY_NAME))


def require(home: Path) -> None:
    """Refuse a folder that has no ledger to go on with.

    Raises:
        NoHome: there is none.
        LedgerElsewhere: it was moved.
        LedgerUnwritable, LedgerBusy, InvalidSignature: the file or the terminal key cannot be read.
        InvalidInput: the folder may not be entered.
    """
    if not has_ledger(home):
        raise NoHome(f"no ledger in {home} yet")
    if os.path.lexists(home / MOVED_NAME):
        open_unread(home).close()


def move(ledger: Ledger, target: Path, reason: str) -> Ledger:
    """Copy the open log and the key to another folder and go on there.

    Raises:
        FileExists: there is a ledger already.
        LedgerUnwritable: the other place cannot be written either, or the open log does not hold.
    """
    if has_ledger(target):
        raise FileExists(f"a ledger is already in {target}", hint=f"use it: {breakglass('...', home=target)}")
    with ledger.held():
        try:
            durable.make_folder(target, 0o700)
            with alone_in(target):
                place_key(target / KEY_NAME, keys.seed_from_pem(ledger.key_pem()))
                went: list[Moved] = []
                place(target, lambda path: went.append(_continue(ledger, path, target, reason)))
        except OSError as error:
            raise LedgerUnwritable(f"{target} could not be written either: {error.strerror}") from error
        except (LedgerUnwritable, LedgerBusy) as error:
            if error.hint == _BROKEN_HINT:
                raise
            raise LedgerUnwritable(f"{target} could not be written either: {error}") from error
        _leave_note(ledger, went[0])
    return open_home(target, ledger.beside)


def _unless_moved(home: Path, ledger: Ledger) -> Ledger:
    """Return a ledger that goes on here; one that does not is closed."""
    try:
        moved.refuse(home, ledger.public_key, ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _leave_note(ledger: Ledger, place: Moved) -> None:
    """Say in the old home where the ledger goes on; where another home lies at its path, nothing is said."""
    old = ledger.path.parent
    with suppress(OSError, BreakglassError), keys.seed_from_pem(_read_key(old)) as found:
        if keys.ed25519_public(found) == ledger.public_key:
            durable.write_over(old / MOVED_NAME, ledger.moved_note(place))


def _terminal_key(home: Path) -> Secret:
    """Return the key of a home that has a ledger."""
    if not has_ledger(home):
        raise NoHome(f"no ledger in {home} yet")
    try:
        return keys.seed_from_pem(_read_key(home))
    except OSError as error:
        raise LedgerUnwritable(
            f"the terminal key {home / KEY_NAME} could not be read: {error.strerror}",
            hint=_KEY_HINT,
        ) from error
    except InvalidSignature as error:
        raise InvalidSignature(f"the terminal key {home / KEY_NAME} cannot be used: {error}", hint=_KEY_HINT) from error


def _read_key(home: Path) -> bytes:
    return durable.read_plain(home / KEY_NAME, MAX_KEY_BYTES)


def _begin(path: Path, seed: Secret, terminal: str, instead_because: str) -> None:
    """Fill a new log with its start."""
    with Ledger.create(path, seed) as ledger:
        line = sshsig.public_line(ledger.public_key, terminal.replace(" ", "-"))
        ledger.append(LedgerStarted(terminal=terminal, public_key=line, software=f"breakglass_shamir {__version__}"))
        if instead_because:
            ledger.append(LedgerMoved(reason=printable(instead_because)))
        ledger.settle()


def _continue(ledger: Ledger, path: Path, target: Path, reason: str) -> Moved:
    """Fill a file with a log that cannot go on where it is; returns what a note says of it.

    Raises:
        LedgerUnwritable: the copy does not hold, or lacks what is known here.
    """
    from breakglass_shamir.ledger.verify import verify

    ledger.copy_to(path)
    with Ledger.open(path, keys.seed_from_pem(ledger.key_pem())) as copy:
        try:
            verify(copy)
            held = copy.size >= ledger.size and ledger.knows(copy.row(ledger.size - 1)[1])
        except IntegrityError as error:
            raise LedgerUnwritable(f"the open ledger does not hold: {error}", hint=_BROKEN_HINT) from error
        if not held:
            raise LedgerUnwritable("the open ledger lost records that were read from it", hint=_BROKEN_HINT)
        entry = copy.append(LedgerMoved(reason=printable(reason)))
        copy.settle()
    return Moved(entry.record.seq, entry.digest, str(target.absolute()))


def _leave_nothing(home: Path, *, had_folder: bool, had_key: bool) -> None:
    """Take back what was made of a home that could not be made whole."""
    with suppress(OSError, BreakglassError):
        if has_ledger(home):
            return
        if not had_key:
            (home / KEY_NAME).unlink(missing_ok=True)
        if not had_folder:
            home.rmdir()


def _existing_or_new_key(home: Path) -> Secret:
    """Return the terminal key, making one unless a crash left it without a ledger."""
    path = home / KEY_NAME
    try:
        return keys.seed_from_pem(_read_key(home))
    except FileNotFoundError:
        seed = Secret(keys.random_bytes(32))
        place_key(path, seed)
        return seed

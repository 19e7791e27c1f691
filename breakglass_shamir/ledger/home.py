# SPDX-License-Identifier: Apache-2.0
"""A home folder: the ledger and the terminal key, and moving both to another place.

Rules:

1. The folder is 0700, the key 0600. The key has no passphrase by default: one that nobody remembers at 3 a.m.
   is a lock-out.
2. ``create`` never touches a folder that has a ledger.
3. ``move`` is for the night when the ledger cannot be written: it copies ledger and key to, say, a USB stick
   and goes on there. There is one log before and after; the old copy must not be written any more. A move that
   failed leaves nothing that stops the next one into the same folder.
"""

import os
from pathlib import Path

from breakglass_shamir import __version__
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.record import LedgerMoved, LedgerStarted, check_human_text
from breakglass_shamir.errors import FileExists, LedgerUnwritable, NoHome
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.store import FILE_NAME, Ledger

KEY_NAME = "terminal-key.pem"
"""The terminal's Ed25519 key, PKCS #8."""


def create(home: Path, terminal: str) -> Ledger:
    """Make a home: a key, a ledger, and its first record.

    Raises:
        FileExists: there is a ledger already.
        LedgerUnwritable: the folder could not be written.
        InvalidInput: the terminal's name is empty or has control characters.
    """
    name = check_human_text("terminal name", terminal)
    if (home / FILE_NAME).exists():
        raise FileExists(f"a ledger is already in {home}", hint="use it as it is, or choose another --home")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        seed = _existing_or_new_key(home)
        ledger = Ledger.create(home / FILE_NAME, seed)
        (home / FILE_NAME).chmod(0o600)
        _sync_folder(home)
    except OSError as error:
        raise LedgerUnwritable(f"the home {home} could not be made: {error.strerror}") from error
    line = sshsig.public_line(ledger.public_key, name.replace(" ", "-"))
    ledger.append(LedgerStarted(terminal=name, public_key=line, software=f"breakglass_shamir {__version__}"))
    return ledger


def open_home(home: Path) -> Ledger:
    """Open the ledger of a home.

    Raises:
        NoHome: there is none.
        LedgerUnwritable: it cannot be read.
    """
    if not (home / FILE_NAME).is_file():
        raise NoHome(f"no ledger in {home} yet")
    try:
        pem = (home / KEY_NAME).read_bytes()
    except OSError as error:
        raise LedgerUnwritable(
            f"the terminal key {home / KEY_NAME} could not be read: {error.strerror}",
            hint="restore it, or begin a new home: breakglass --home DIR init",
        ) from error
    return Ledger.open(home / FILE_NAME, keys.seed_from_pem(pem))


def move(ledger: Ledger, target: Path, reason: str) -> Ledger:
    """Copy ledger and key to another folder and go on there.

    Raises:
        FileExists: there is a ledger already.
        LedgerUnwritable: the other place cannot be written either.
    """
    if (target / FILE_NAME).exists():
        raise FileExists(f"a ledger is already in {target}", hint=f"use it: breakglass --home {target}")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy_key(ledger.path.parent / KEY_NAME, target / KEY_NAME)
        ledger.copy_to(target / FILE_NAME)
        _sync_folder(target)
    except OSError as error:
        raise LedgerUnwritable(f"{target} could not be written either: {error.strerror}") from error
    moved = open_home(target)
    moved.append(LedgerMoved(reason=reason))
    return moved


def _existing_or_new_key(home: Path) -> Secret:
    """Return the terminal key, making one unless a crash left it without a ledger."""
    path = home / KEY_NAME
    if path.exists():
        return keys.seed_from_pem(path.read_bytes())
    seed = Secret(keys.random_bytes(32))
    _write_new(path, keys.seed_to_pem(seed))
    return seed


def _copy_key(source: Path, target: Path) -> None:
    """Copy the key, unless a move that failed halfway did."""
    pem = source.read_bytes()
    if not (target.exists() and target.read_bytes() == pem):
        _write_new(target, pem)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

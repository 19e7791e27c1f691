# SPDX-License-Identifier: Apache-2.0
"""``MOVED``: the note beside a ledger that goes on elsewhere (spec: docs/spec/7-records.md, "A ledger that moved").

Rules:

1. The note is signed by the terminal key and names the log, its size when it was copied, the ``ledger-moved`` record
   that follows there, and the place. Anybody who may write into the folder can lay a file there; only this terminal can
   make one that is obeyed.
2. A note that this terminal did not sign is not obeyed, locks nobody out, and is no secret: whoever opens is told.
3. A note whose record this ledger holds is over: the ledger came back.
4. What was appended here after the copy was made is a fork, and is said with the note.
5. Only a plain file up to ``MAX_BYTES`` is read.
"""

import re
from pathlib import Path

from breakglass_shamir.crypto.note import MAX_TREE_SIZE, open_note, sign_note
from breakglass_shamir.errors import BreakglassError, InvalidRecord, LedgerBusy, LedgerElsewhere, LedgerUnwritable
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.durable import read_plain
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.ledger.stored import StoredLog
from breakglass_shamir.shell import breakglass
from breakglass_shamir.structs import Struct

MOVED_NAME = "MOVED"
"""Beside a database that goes on elsewhere."""

KEY_PREFIX = "breakglass-shamir.moved/"
"""The note's key name is this and the log id in hexadecimal; it is the note's first line, too."""

MAX_BYTES = 16 * 1024
"""Largest note that is read: a path, four times over for its escapes, and the signature."""

_LINES = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([0-9a-f]{64})\n(\"[^\n]*\")\n")


class Moved(Struct, frozen=True):
    """What a note says that this terminal signed."""

    size: int
    """Records that were copied."""

    follows: str
    """SHA-256 of the ``ledger-moved`` record, number ``size`` in the other place; hexadecimal."""

    place: str
    """The folder where it goes on."""


class Stranger(Struct, frozen=True):
    """A note that this terminal did not sign."""

    problem: str


def write(moved: Moved, seed: Secret, public_key: bytes) -> bytes:
    """Return the note, signed."""
    import json

    name = KEY_PREFIX + log_id(public_key).hex()
    text = f"{name}\n{moved.size}\n{moved.follows}\n{json.dumps(moved.place)}\n"
    return sign_note(text, name, seed).encode()


def read(folder: Path, public_key: bytes) -> Moved | Stranger | None:
    """Read the note in a folder; None where there is none.

    Args:
        folder: the home.
        public_key: the terminal's, 32 bytes.
    """
    try:
        data = read_plain(folder / MOVED_NAME, MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Stranger(f"it could not be read: {error.strerror}")
    import json

    name = KEY_PREFIX + log_id(public_key).hex()
    try:
        found = _LINES.fullmatch(open_note(data.decode(), name, public_key))
        place = json.loads(found[4]) if found else None
    except (BreakglassError, ValueError):
        return Stranger("this terminal did not sign it")
    if not found or found[1] != name or not isinstance(place, str) or int(found[2]) > MAX_TREE_SIZE:
        return Stranger("this terminal did not sign it")
    return Moved(int(found[2]), found[3], place)


def refuse(folder: Path, public_key: bytes, log: StoredLog) -> None:
    """Refuse a home whose ledger went on in another place.

    Args:
        folder: the home.
        public_key: the terminal's, 32 bytes.
        log: what lies in the home.

    Raises:
        LedgerElsewhere: saying where.
    """
    note = read(folder, public_key)
    if not isinstance(note, Moved):
        return
    here = _record_at(log, note.size)
    if here == note.follows:
        return
    forked = f"; records were added here after {note.size} were copied: two logs, a fork" if here else ""
    raise LedgerElsewhere(
        f"the ledger in {folder} was moved and goes on in {note.place}{forked}",
        hint=f"use: {breakglass('...', home=note.place)}, or remove the file {folder / MOVED_NAME} "
        "when that place is lost",
    )


def is_over(folder: Path, public_key: bytes, log: StoredLog) -> bool:
    """Tell whether a note lies there that has done its work: the ledger came back."""
    note = read(folder, public_key)
    return isinstance(note, Moved) and _record_at(log, note.size) == note.follows


def _record_at(log: StoredLog, number: int) -> str:
    """Return the SHA-256 of a record, hexadecimal; empty where there is none that can be read."""
    try:
        return log.digest_of(number)
    except (InvalidRecord, LedgerUnwritable, LedgerBusy):
        return ""

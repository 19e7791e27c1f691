# SPDX-License-Identifier: Apache-2.0
"""Names of sets, and the names of all files that this program makes.

Rules:

1. A new set's name is of one narrow alphabet, so that it means the same in a file system, a shell, a unit of
   systemd and to the eye. An envelope may carry another name, and opens with it.
2. No file gets its name from a name outside that alphabet: the files of such a set are named by epoch id.
3. Every file name is made here, and goes below its folder through :func:`inside`, which holds that it stays there.

Pure: it looks at no file.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

from breakglass_shamir.crypto.proof import FILE_ENDING
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.envelope import MAX_NAME_BYTES

DIGEST_DIGITS = 8
"""Hexadecimal digits that tell apart custodians whose names look alike in a file's name."""

UNNAMED_DIGITS = 16
"""The same for sheets that nobody is named for, of which there may be tens of thousands."""

LONGEST_OFFICER = 32
"""Characters of an officer's name in a file's name."""

NOBODY = "officer"
"""What stands for a name of which nothing may stand in a file's name."""

_SET_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_BYTES - 1}}}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_DIGEST = re.compile(rf"-(?:[0-9a-f]{{{DIGEST_DIGITS}}}|[0-9a-f]{{{UNNAMED_DIGITS}}})\Z")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever follows the first dot."""

ALLOWED = (
    f"up to {MAX_NAME_BYTES} letters (a to z, A to Z), digits, dots, hyphens and underscores, a letter or digit "
    "in front, no dot at the end, and no name of a Windows device such as con"
)
"""What a set's name may be, in words."""


class Place(Protocol):
    """A path of :mod:`pathlib`: names are put together here, and no file is touched."""

    def __truediv__(self, name: str, /) -> Self:
        """Go one step down."""

    @property
    def parent(self) -> Self:
        """One step up."""

    @property
    def name(self) -> str:
        """The last step."""


_Path = TypeVar("_Path", bound=Place)


def is_plain(name: str) -> bool:
    """Tell whether a set's name is of the narrow alphabet, and may stand in a file's name."""
    return _SET_NAME.fullmatch(name) is not None and not name.endswith(".") and _RESERVED.fullmatch(name) is None


def stem(set_name: str, short_id: str) -> str:
    """Return what the names of a set's files begin with.

    Args:
        set_name: as an envelope may carry it.
        short_id: the epoch id as people see it, ``ABCD-EFGH-JKMN``.
    """
    return set_name if is_plain(set_name) else f"epoch-{short_id}"


def sheet(set_name: str, short_id: str, epoch: int, group: int, member: int) -> str:
    """Return the file name of a live sheet."""
    return f"{stem(set_name, short_id)}-e{epoch}-g{group}-m{member}.pdf"


def drill_card(set_name: str, short_id: str, epoch: int, group: int, member: int) -> str:
    """Return the file name of a drill card.

    Args:
        set_name: of the set.
        short_id: of the live epoch that the card belongs to.
        epoch: its number.
        group: of the card.
        member: of the card.
    """
    return f"{stem(set_name, short_id)}-e{epoch}-g{group}-m{member}-drill.pdf"


def receipts(set_name: str, short_id: str, opening: str, size: int, officers: Iterable[str]) -> tuple[str, ...]:
    """Return the file names of an opening's receipts, one for each officer and each another one, then of the slips.

    Args:
        set_name: of the set.
        short_id: of the epoch that was opened.
        opening: the beginning of its id.
        size: records in the log when they were given.
        officers: their names.
    """
    first, found = f"{stem(set_name, short_id)}-{opening}-{size}", list[str]()
    for number, name in enumerate(officers, 1):
        plain = _plain(name)[:LONGEST_OFFICER]
        found.append(f"{plain}-{number}" if plain in found else plain)
    return (*(f"{first}-{name}{FILE_ENDING}" for name in found), f"{first}-slips.pdf")


def told(set_name: str, short_id: str, log: str, size: int) -> str:
    """Return the file name of a receipt that another terminal gave of its own log.

    Args:
        set_name: of the set.
        short_id: of the epoch that was in force there.
        log: id of that terminal's log, hexadecimal.
        size: records in it.
    """
    return f"{stem(set_name, short_id)}-{log}-{size}{FILE_ENDING}"


def record(seq: int, ending: str = "") -> str:
    """Return the file name of an exported record, or of what belongs to it."""
    return f"{seq:06d}.json{ending}"


def recording(opening: str, number: int) -> str:
    """Return the name of the folder of a recording.

    Args:
        opening: id of the opening, hexadecimal.
        number: of the recording, from 1.
    """
    return f"{opening}-{number}"


def segment(number: int, before: str, ending: str) -> str:
    """Return the file name of a recording's segment.

    Args:
        number: of the segment, from 1.
        before: digest before it, hexadecimal.
        ending: with its dot.
    """
    return f"{number:06d}-{before}{ending}"


def of_policy(kind: str, seq: int) -> str:
    """Return the file name of what a policy lists, such as ``officers``, by the record that adopted it."""
    return f"{kind}-{seq:06d}"


def policy_file(set_name: str) -> str:
    """Return the file name of a policy that is written for a set."""
    return f"{set_name}.toml"


def protocol(set_name: str, act: str, number: int) -> str:
    """Return the file name of the protocol of one set among many.

    Args:
        set_name: of the narrow alphabet.
        act: the ceremony.
        number: which of them, from 1.
    """
    return f"{set_name}-{act}-{number}.pdf"


def manual_page(command: str) -> str:
    """Return the file name of a command's manual page."""
    return f"{command}.1"


def queue_lock(digest: str) -> str:
    """Return the file name of the lock of a queue of alerts."""
    return f"outbox-{digest}.lock"


def of_witness(digest: str, ending: str) -> str:
    """Return the file name of what is kept of a witness.

    Args:
        digest: SHA-256 of its verifier key, hexadecimal, as far as it tells witnesses apart.
        ending: with its dot.
    """
    return f"{digest}{ending}"


def trial(number: int) -> str:
    """Return the file name of a trial, by which a folder is seen to take files."""
    return f"trial-{number:016x}.tmp"


def unfinished(number: int) -> str:
    """Return the name of a folder that gets its own name when it is whole."""
    return f"unfinished-{number:016x}"


def staged(log: str, set_name: str) -> str:
    """Return the name of the folder in which the sheets of a set wait until the set is on record.

    Args:
        log: id of the log that will have the record, hexadecimal.
        set_name: of the narrow alphabet.
    """
    return f"unfinished-{log[:16]}-{set_name}"


def arming_request(set_name: str) -> str:
    """Return the file name of a request to arm the account of a set; the name of the set may be any."""
    return f"arming-{hashlib.sha256(set_name.encode()).hexdigest()[:UNNAMED_DIGITS]}.request"


def of_custodian(name: str, seat: str) -> str:
    """Return the name of the folder with the sheets of one custodian: another one for another person.

    Args:
        name: of the custodian, as it is recorded; case and outer spaces do not count. Empty: nobody is named, and each
            such sheet gets a folder of its own.
        seat: set and seat of a sheet, for one that nobody is named for.
    """
    key = name.strip().casefold()
    first = _plain(key)[:LONGEST_OFFICER].strip("-._")
    if first and first == key and is_plain(first) and _DIGEST.search(first) is None:
        return first
    digest = hashlib.sha256((key or seat).encode()).hexdigest()
    return f"{first or NOBODY}-{digest[:DIGEST_DIGITS]}" if key else f"unnamed-{digest[:UNNAMED_DIGITS]}"


def cover() -> str:
    """Return the file name of the page that lies on top of a custodian's sheets."""
    return "00-cover.pdf"


def log_checkpoint(log: str) -> str:
    """Return the file name of the newest checkpoint that was seen of another terminal's log.

    Args:
        log: its id, hexadecimal.
    """
    return f"{log}.checkpoint"


def log_forked(log: str) -> str:
    """Return the file name of two checkpoints that show that another terminal's log was forked.

    Args:
        log: its id, hexadecimal.
    """
    return f"{log}.forked"


def former_checkpoint(key_id: str) -> str:
    """Return the file name of the last checkpoint that a collector cosigned who is pinned no more.

    Args:
        key_id: of its key, hexadecimal.
    """
    return f"cosigned-{key_id}.checkpoint"


def inside(folder: _Path, name: str) -> _Path:
    """Return the path of a file in a folder.

    Raises:
        InvalidInput: the name is none that this module makes, or leads out of the folder.
    """
    path = folder / name
    if _FILE_NAME.fullmatch(name) is None or path.parent != folder or path.name != name:
        raise InvalidInput(f"expected the name of a file in {folder}, got {name[:80]!r}")
    return path


def lookalike(name: str) -> str:
    """Return a name with each character outside the narrow alphabet as its number; empty where there is none."""
    if is_plain(name):
        return ""
    return "".join(one if re.fullmatch(r"[A-Za-z0-9._-]", one) else f"\\u{{{ord(one):x}}}" for one in name)


def plain(name: str) -> str:
    """Return a person's name as it may stand in a file's name, and on a slip that has no room for all of it."""
    return _plain(name)[:LONGEST_OFFICER]


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name).strip("-.") or NOBODY

# SPDX-License-Identifier: Apache-2.0
"""Reads a recording again: its segments, whether they hang together, and what was shown.

Rules:

1. A segment counts where its name says its number and the digest of all before it. The first that does not ends what
   is read, and is named.
2. Whether it is the recording that was made says the head in the ledger, and nothing in the folder.
3. What was shown is text of a stranger: it is returned as it is, and cleaned where it is printed.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger import durable
from breakglass_shamir.operations.recording import cast
from breakglass_shamir.operations.recording.keeping import FOLDER, PLAIN, SEALED, beginning

MAX_TEXT = 1 << 20
"""Characters of the text of a recording that are told."""

MAX_SEGMENT_BYTES = 8 << 20
"""Largest segment that is read."""

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # a control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?"  # a text for the terminal, such as a title
    r"|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)
"""What shows nothing: escape and control sequences, and control characters but a tab and the ends of lines."""

_END_OF_LINE = re.compile(r"\r{0,2}\n|\r")

_NAME = re.compile(r"([0-9]{6})-([0-9a-f]{64})(\.cast|\.cast\.age)")


@dataclass(frozen=True, slots=True)
class Found:
    """A recording as it lies in a home (docs/spec/7-records.md).

    Attributes:
        folder: where.
        segments: how many hang together, from the first on.
        size: bytes of those.
        head: digest of the last of them, hexadecimal.
        sealed: whether they are encrypted.
        problem: what was found behind them; empty: nothing.
    """

    folder: Path
    segments: int
    size: int
    head: str
    sealed: bool
    problem: str
    names: tuple[str, ...]
    """Of those, in their order."""


def find(home: Path, opening: str, number: int) -> Found | None:
    """Look at a recording; None where it is not in this home. What cannot be read is there, and a problem.

    Args:
        home: where it is kept.
        opening: id of the opening, hexadecimal.
        number: of the recording.
    """
    folder = names.inside(home / FOLDER, names.recording(opening, number))
    try:
        there = sorted(one.name for one in folder.iterdir() if one.name.endswith((PLAIN, SEALED)))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"what lies there cannot be read: {error.strerror}"
        return Found(folder, 0, 0, beginning(opening, number).hex(), False, problem, ())
    digest, size, good, problem = beginning(opening, number), 0, [], ""
    for place, name in enumerate(there, 1):
        match = _NAME.fullmatch(name)
        if match is None or int(match[1]) != place or match[2] != digest.hex():
            problem = _out_of_place(place, name, match)
            break
        try:
            data = durable.read_plain(names.inside(folder, name), MAX_SEGMENT_BYTES)
        except OSError as error:
            problem = f"segment {place} cannot be read: {error.strerror}"
            break
        digest, size = hashlib.sha256(digest + data).digest(), size + len(data)
        good.append(name)
    sealed = any(name.endswith(SEALED) for name in good)
    return Found(folder, len(good), size, digest.hex(), sealed, problem, tuple(good))


def _out_of_place(place: int, name: str, match: re.Match[str] | None) -> str:
    if match is None:
        return f"in the place of segment {place} lies a file that is none: {name[:20]!a}"
    if int(match[1]) > place:
        return f"segment {place} is missing, {int(match[1])} comes next"
    before = f"segment {place - 1} was changed, or" if place > 1 else "it is of another recording:"
    return f"{before} segment {place} does not follow the one before it: {name[:20]!a}"


def joined(found: Found) -> Iterator[bytes]:
    """Yield the segments of a recording in their order: together one asciicast.

    Raises:
        OSError: one cannot be read any more.
    """
    for name in found.names:
        yield durable.read_plain(names.inside(found.folder, name), MAX_SEGMENT_BYTES)


def shown(found: Found) -> Iterator[tuple[float, str, str]]:
    """Yield what was shown: seconds, kind and text of each event.

    Raises:
        InvalidProof: it is encrypted, or no asciicast.
        OSError: a segment cannot be read any more.
    """
    if found.sealed:
        raise InvalidProof("the recording is encrypted to the auditors' keys: age -d -i KEYFILE")
    return cast.shown(b"".join(joined(found)))


def text(found: Found) -> tuple[tuple[str, ...], int]:
    """Return what was shown as lines, without moves and colours, and how many characters are left out.

    What was rubbed out or written over is there all the same: nothing that was shown is hidden.

    Raises:
        InvalidProof: it is encrypted, or no asciicast.
        OSError: a segment cannot be read any more.
    """
    said = "".join(words for _, kind, words in shown(found) if kind == cast.OUTPUT)
    return tuple(_END_OF_LINE.split(_CONTROL.sub("", said[:MAX_TEXT]))), max(0, len(said) - MAX_TEXT)

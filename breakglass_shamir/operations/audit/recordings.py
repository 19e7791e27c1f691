# SPDX-License-Identifier: Apache-2.0
"""What recordings of uses show: held against their heads in the ledger, then told as text.

Rule: nothing of a recording is shown unless all of it is what its record says. One that lies in another home is named;
that is no contradiction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.errors import FileExists, InvalidInput, InvalidProof
from breakglass_shamir.ledger import durable
from breakglass_shamir.operations.audit.showing import ShownRecord
from breakglass_shamir.operations.recording import reading
from breakglass_shamir.operations.recording.reading import Found
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass, operand

TYPE = "use-recorded"


@dataclass(frozen=True, slots=True)
class ShownRecording:
    """A recording of which a record tells (docs/json.md)."""

    seq: int
    """Number of its record."""

    number: int
    """Of the opening's recordings."""

    folder: Path | None
    """Where its segments lie; None: not in this home."""

    sealed: bool
    """Whether they are encrypted to auditors' keys."""

    lines: tuple[str, ...]
    """What was shown, as text; empty where the opening was asked for, or where it is encrypted."""

    left_out: int
    """Further characters that are not in the text."""


def shown(home: Path | None, records: Iterable[ShownRecord], *, whole: bool) -> tuple[ShownRecording, ...]:
    """Look at the recordings of which records tell.

    Args:
        home: where they are kept; None: not on this machine.
        records: of any type.
        whole: whether their text is wanted.

    Raises:
        InvalidProof: one is not what its record says.
    """
    return tuple(_shown(home, record, whole=whole) for record in records if record.type == TYPE)


def write_cast(home: Path | None, records: Iterable[ShownRecord], path: Path) -> Path:
    """Write a recording as one asciicast, to be played.

    Args:
        home: where it is kept; None: not on this machine.
        records: of which exactly one tells of a recording.
        path: a new file.

    Raises:
        InvalidInput: there is none, or more than one, or the file cannot be written.
        InvalidProof: it is not what its record says, or is encrypted.
        FileExists: the file is there.
    """
    told = [record for record in records if record.type == TYPE]
    if len(told) != 1:
        raise InvalidInput(f"expected the number of a record {TYPE} for --cast, got {len(told)} recordings")
    found = _found(home, told[0])
    if found is None:
        raise InvalidInput("the recording is not in this home", hint="name the home in which it was made with --home")
    if found.sealed:
        raise InvalidProof("the recording is encrypted to auditors' keys", hint=_decrypting(found))
    try:
        durable.write_parts(path, reading.joined(found))
    except FileExistsError:
        raise FileExists(f"expected a new file, found one at {path}") from None
    except OSError as error:
        raise InvalidInput(f"{path} could not be written: {error.strerror}") from None
    return path


def lines(recording: ShownRecording) -> list[str]:
    """Write a recording for people."""
    head = f"recording {recording.number}: "
    if recording.folder is None:
        return [f"{head}not in this home; its head stands in record {recording.seq}"]
    rows = [f"{head}whole as recorded, in {recording.folder}"]
    if recording.sealed:
        rows.append(f"  encrypted; an auditor plays it with: {_playing(recording.folder)}")
    elif recording.lines:
        rows += [f"  | {line}" for line in recording.lines]
        rows += (
            [f"  ({counted(recording.left_out, 'more character')}; --cast FILE has all)"] if recording.left_out else []
        )
    else:
        rows.append(f"  what it shows: {breakglass('audit', 'show', str(recording.seq))}")
    return rows


def _shown(home: Path | None, record: ShownRecord, *, whole: bool) -> ShownRecording:
    number, found = int(record.fields["number"]), _found(home, record)
    if found is None:
        return ShownRecording(record.seq, number, None, bool(record.fields["readers"]), (), 0)
    text, left_out = ((), 0) if found.sealed or not whole else reading.text(found)
    return ShownRecording(record.seq, number, found.folder, found.sealed, text, left_out)


def _found(home: Path | None, record: ShownRecord) -> Found | None:
    """Find a recording, and hold it against its record.

    Raises:
        InvalidProof: it is another one, or a part of it.
    """
    said = record.fields
    if home is None:
        return None
    found = reading.find(home, record.opening, int(said["number"]))
    if found is None or (not found.names and said["segments"] and not found.problem):
        return None
    if found.head != said["head"]:
        why = (
            found.problem
            or f"{counted(found.segments, 'segment')} of {said['segments']} hang together, with another head"
        )
        raise InvalidProof(f"recording {said['number']} in {found.folder} is not what record {record.seq} says: {why}")
    return found


def _decrypting(found: Found) -> str:
    return f"play it with: {_playing(found.folder)}"


def _playing(folder: Path) -> str:
    return f'for f in {operand(folder)}/*.age; do age -d -i KEYFILE "$f"; done | asciinema play -'

# SPDX-License-Identifier: Apache-2.0
"""Hold the recordings that lie beside a ledger against their heads in it, all of them.

Rules:

1. A recording that is there is what its record says, from the first segment to the last and no further, or it is named
   with what is wrong: a changed segment, a missing one, an end that was cut off.
2. One of which nothing is there is *not here*. That contradicts nothing: recordings are handed to auditors, and a
   ledger goes on without them. It is said.
3. Segments are hashed as they lie on the disk, so encrypted ones need no key.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import UseRecorded
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger.stored import StoredLog
from breakglass_shamir.operations.recording import reading
from breakglass_shamir.operations.recording.reading import Found
from breakglass_shamir.plural import counted

WHOLE, NOT_HERE = "whole", "not-here"

_MARK = '"type":"use-recorded"'
"""In the canonical bytes of every record that names a head, and in few others."""


@dataclass(frozen=True, slots=True)
class HeldRecording:
    """A recording that a record tells of (docs/json.md)."""

    seq: int
    """Number of its record."""

    set: str
    opening: str
    """Id of the opening, hexadecimal."""

    number: int
    """Of the opening's recordings."""

    verdict: str
    """``whole`` or ``not-here``; else what does not hold, in words."""

    encrypted: bool
    """Whether its record says that it is encrypted to auditors' keys."""

    segments: int
    """How many its record says."""

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts its record."""
        return self.verdict in {WHOLE, NOT_HERE}

    def in_words(self) -> str:
        """Say it in a line."""
        which = f"recording {self.number} of opening {self.opening[:12]} (record {self.seq})"
        if self.verdict == WHOLE:
            return f"{which}: whole, {self.segments} segment{'' if self.segments == 1 else 's'}"
        if self.verdict != NOT_HERE:
            return f"{which}: {self.verdict}"
        sealed = ", encrypted to auditors' keys" if self.encrypted else ""
        return f"{which}: not here{sealed}; only its head was verified, as of every record"


def hold(log: StoredLog, size: int, home: Path) -> tuple[HeldRecording, ...]:
    """Hold every recording of a log against its head.

    Args:
        log: verified already.
        size: records of it that were.
        home: the folder in which the ledger lies.
    """
    return tuple(_held(home, record, body) for record, body in named(log, size))


def named(log: StoredLog, size: int) -> Iterator[tuple[Record, UseRecorded]]:
    """Yield the records of a log that name a recording's head, of its first ``size`` records."""
    with closing(log.holding(_MARK)) as rows:
        for seq, data in rows:
            record = records.parse(data)
            if seq < size and isinstance(record.body, UseRecorded):
                yield record, record.body


def expose(held: tuple[HeldRecording, ...]) -> None:
    """Raise what does not hold, all of it in one message.

    Raises:
        InvalidProof: a recording is not what its record says.
    """
    problems = [one.in_words() for one in held if not one.holds]
    if problems:
        raise InvalidProof(
            "; ".join(problems),
            hint="the records hold; look for a copy of the recording, which its head will tell from this one",
        )


def _held(home: Path, record: Record, body: UseRecorded) -> HeldRecording:
    verdict = _verdict(reading.find(home, record.opening, body.number), body)
    return HeldRecording(
        record.seq, record.set, record.opening, body.number, verdict, bool(body.readers), body.segments
    )  # fmt: skip


def _verdict(found: Found | None, body: UseRecorded) -> str:
    if found is None or (not found.names and not found.problem and body.segments):
        return NOT_HERE
    if found.head == body.head:
        return WHOLE if found.problem in {"", body.problem} else f"more than was recorded: {found.problem}"
    if found.problem:
        return found.problem
    if found.segments < body.segments:
        return f"cut off: {found.segments} of {counted(body.segments, 'segment')}"
    if found.segments > body.segments:
        return f"more than was recorded: {counted(found.segments, 'segment')}, expected {body.segments}"
    return f"segment {found.segments}, the last one, was changed"

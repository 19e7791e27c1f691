# SPDX-License-Identifier: Apache-2.0
"""What is said at once of everything that is scanned or typed."""

import enum
from dataclasses import dataclass, field

from breakglass_shamir.formats.share import ReadShare


class Verdict(enum.StrEnum):
    """What a scan turned out to be (docs/spec/paper.md, "Opening")."""

    ACCEPTED = "accepted"
    """A share of a known epoch that holds; it counts."""

    SEEN = "seen already"
    """The same once more."""

    ENVELOPE = "envelope"
    """An envelope, or a part of one."""

    WAITING = "waiting for an envelope"
    """A share that counts as soon as its envelope is there."""

    UNVERIFIED = "not verified before a quorum is there"
    """A share beside a typed core; a quorum will tell."""

    UNKNOWN = "unknown set"
    """A share that holds, of an epoch that is not known here; it counts."""

    OTHER_SET = "another set"
    """Of a set that was not asked for."""

    VOID = "void"
    """Of an epoch or sheet that opens nothing any more."""

    DRILL = "drill code"
    """A drill code where live ones are wanted."""

    LIVE = "live code"
    """A live code where drill cards are wanted: that sheet was exposed."""

    WRONG = "wrong share"
    """A share whose value is not the one that was dealt."""

    DAMAGED = "damaged"
    """One of ours, but it cannot be read by itself."""

    CONFLICT = "conflicting envelope"
    """An envelope or core that differs from the one that counts."""

    FOREIGN = "not ours"
    """No code of ours, or none at all."""

    LINE = "typed line"
    """A typed line that was taken."""

    UNSURE = "typed line that does not check"
    """A typed line to look at again."""

    ASKED = "question"
    """A question about a typed line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the person who scanned (docs/spec/paper.md).

    Attributes:
        verdict: what it is, for a program.
        message: what it is, for people; one line.
        sheet: the seat, ``group.member``; empty where it is none.
        epoch_id: 8 bytes; empty where none is known.
    """

    verdict: Verdict
    message: str
    sheet: str = ""
    epoch_id: bytes = b""
    read: ReadShare | None = field(default=None, repr=False)
    """The reading of a share that was taken, so that its repairs can be shown."""

    health: str = ""
    """How worn the print is, of a code that was scanned: ``fresh``, ``worn`` or ``replace``."""

    used_percent: int | None = None
    """Part of its error correction that the damage used."""

# SPDX-License-Identifier: Apache-2.0
"""What is said at once of everything that is scanned or typed."""

import enum
from dataclasses import dataclass, field

from breakglass_shamir.formats.share import ReadShare


class Verdict(enum.StrEnum):
    """What a scan turned out to be."""

    ACCEPTED = "accepted"
    SEEN = "seen already"
    ENVELOPE = "envelope"
    WAITING = "waiting for an envelope"
    UNVERIFIED = "not verified before a quorum is there"
    UNKNOWN = "unknown set"
    OTHER_SET = "another set"
    VOID = "void"
    DRILL = "drill code"
    LIVE = "live code"
    WRONG = "wrong share"
    DAMAGED = "damaged"
    CONFLICT = "conflicting envelope"
    FOREIGN = "not ours"
    LINE = "typed line"
    UNSURE = "typed line that does not check"
    ASKED = "question"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the person who scanned."""

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

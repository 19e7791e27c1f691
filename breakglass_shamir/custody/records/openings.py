# SPDX-License-Identifier: Apache-2.0
"""One opening, from its declaration to its closure, and what was refused on the way.

Fields and their meaning: docs/spec/7-records.md.
"""

import msgspec

from breakglass_shamir.custody.records.body import Body

VERDICTS = ("well", "silent", "wrong", "unknown")
"""What a probe finds; after it, but for ``well``, a colon and why."""

TICKET_WORDS = ("open", "closed", "kind", "missing", "unknown")
"""What a system of tickets says; after it, but for ``open``, a colon and why."""

ASK = "ask"
"""Mode of an opening in which the target is asked about an epoch's credential, and nothing else is done with it."""


class Declared(Body, frozen=True, tag="declared", omit_defaults=True):
    """An opening begins: who, why, for how long, and what was measured then."""

    purpose: str
    """``emergency``, ``drill`` or ``rotation``."""
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    valid_for_s: int
    use_for_s: int
    debts: tuple[str, ...]
    supersedes: str
    policy_digest: str = msgspec.field(default_factory=str)
    """SHA-256 of the policy in force, hexadecimal; empty: the built-in one. It is written in any case: a default
    that is made is not left out."""

    probes: dict[str, str] = msgspec.field(default_factory=dict)
    """What each probe of the policy found: a word of ``VERDICTS``, and its words; left out where none was asked."""

    ticket_answer: str = ""
    """What the system of tickets said: a word of ``TICKET_WORDS``, and its words; left out where none was asked."""


class OfficerSigned(Body, frozen=True, tag="officer-signed"):
    """An officer's own SSH key signed the opening's ``declared`` record, its exact bytes."""

    officer: str
    """For whom the policy lists the key."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG in the namespace ``officer@breakglass-shamir``."""


class TicketAnswered(Body, frozen=True, tag="ticket-answered"):
    """The system of tickets answered later about the ticket of an opening at whose declaration it did not."""

    ticket: str
    """As it was declared."""

    answer: str
    """A word of ``TICKET_WORDS``, and its words."""


class Refused(Body, frozen=True, tag="refused"):
    """An attempt that was refused, or a step that failed."""

    stage: str
    error: str
    message: str


class Overridden(Body, frozen=True, tag="overridden"):
    """A gate that failed and was passed by name."""

    gate: str
    problem: str
    reason: str


class Cancelled(Body, frozen=True, tag="cancelled"):
    """A declaration was withdrawn."""

    reason: str


class Opened(Body, frozen=True, tag="opened"):
    """A quorum combined; durable before a byte of the credential leaves. Also signed by the set key."""

    epoch_id: str
    sheets: tuple[str, ...]
    mode: str
    program: str
    """The command that was given the credential, without its arguments."""
    witnessed: str
    """``consistent``, ``unwitnessed``, ``unknown`` or ``inconsistent``: the sheets' checkpoint against this log."""
    pinned: bool


class InUse(Body, frozen=True, tag="in-use"):
    """The reveal began."""


class Revealing(Body, frozen=True, tag="revealing"):
    """The credential is about to leave once more in an open use, or to a command that people were warned of."""

    mode: str
    """``exec``, ``show`` or ``no-reveal``."""
    program: str
    """The command that is given the credential, without its arguments; empty where none is."""
    warned: tuple[str, ...]
    """What was said against it before, a sentence each."""


class UseRecorded(Body, frozen=True, tag="use-recorded"):
    """What a command showed in the use was recorded; the segments lie in the home, and this is their head."""

    number: int
    """Of the opening's recordings, from 1."""

    program: str
    """The command, without its arguments; empty where it was cut off."""

    way: str
    """``terminal``: one of its own; ``output``: standard output and standard error; empty where it was cut off."""

    segments: int
    size: int
    """Bytes of all segments, as they lie on the disk."""

    duration_ms: int
    head: str
    """Digest of the last segment, and so of all of them, hexadecimal."""

    ended: str
    """``whole``, ``bound`` (as long as one may be), ``failed``, or ``cut-off``: found when its program was gone."""

    problem: str
    """Why it failed; empty where it did not."""

    masked: int
    """How many times the credential was masked."""

    readers: tuple[str, ...]
    """Fingerprints of the auditors' keys that alone decrypt it; empty: it lies in the clear."""


class Actions(Body, frozen=True, tag="actions"):
    """Sessions of the use that the target remembers: references into the trail that it keeps itself."""

    target: str
    since: str
    """From when on its log was looked at, UTC, RFC 3339."""

    until: str
    sessions: tuple[str, ...]
    """What it says of each, a sentence; the first ones."""

    left_out: int
    """Further ones."""

    problem: str
    """What could not be read; empty where all was."""


class Snapshot(Body, frozen=True, tag="snapshot"):
    """What gives access at the target, as it told itself to the opened credential: at the opening, or at the close."""

    when: str
    """``opening``: before the credential left; ``close``: when its use was over."""

    target: str
    entries: tuple[str, ...]
    """A role, a grant, a key each, in one line and in order; of key material a digest."""

    left_out: int
    """Further ones, behind the last of these."""

    untold: tuple[str, ...]
    """What of it the target does not tell, a sentence each."""

    problem: str
    """Why none was taken; empty where one was."""


class UseEnded(Body, frozen=True, tag="use-ended"):
    """The use is over and rotation may apply."""

    outcome: str
    classification: str
    """``emergency``, ``drill`` or ``misuse``; ``rotation`` where the credential was not revealed."""


class Closed(Body, frozen=True, tag="closed"):
    """The opening is over: nothing but overridden checks is owed."""

    classification: str


class Settled(Body, frozen=True, tag="settled"):
    """People looked at an overridden check and settled its debt."""

    debt: str
    reason: str
    officers: tuple[str, ...]

# SPDX-License-Identifier: Apache-2.0
"""One opening, from its declaration to its closure, and what was refused on the way.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body

ASK = "ask"
"""Mode of an opening in which the target is asked about an epoch's credential, and nothing else is done with it."""


class Declared(Body, frozen=True, tag="declared"):
    """An opening begins: who, why, for how long."""

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
    policy_digest: str = ""
    """SHA-256 of the policy in force, hexadecimal; empty: the built-in one."""


class OfficerSigned(Body, frozen=True, tag="officer-signed"):
    """An officer's own SSH key signed the opening's ``declared`` record, its exact bytes."""

    officer: str
    """For whom the policy lists the key."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG in the namespace ``officer@breakglass-shamir``."""


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

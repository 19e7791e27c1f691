# SPDX-License-Identifier: Apache-2.0
"""Which epochs exist, and how a ledger knows: issued here, learned from paper, vouched for, tried at the target.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class Issued(Body, frozen=True, tag="issued"):
    """An epoch's sheets exist: written and verified by rasterising them."""

    epoch: int
    epoch_id: str
    predecessor: str
    set_public_key: str
    envelope: str
    """Base64 of the envelope; public."""
    envelope_sha256: str
    drill_envelope: str
    drill_set_public_key: str
    custodians: dict[str, str]
    """Seat (``group.member``) to custodian."""
    policy_digest: str
    policy_salt: str
    proven: str
    """``accepted`` when the target took this credential, else ``unproven``."""


class Recovered(Body, frozen=True, tag="recovered"):
    """A set that this terminal learned from its sheets alone."""

    epoch: int
    epoch_id: str
    set_public_key: str
    envelope: str
    envelope_sha256: str
    pinned: bool
    """False: nothing outside the paper vouches for it."""


class RecoveredCore(Body, frozen=True, tag="recovered-core"):
    """A set that this terminal learned from typed lines alone: no envelope, so no commitments and no name."""

    epoch: int
    epoch_id: str
    set_public_key: str
    """Derived from the combined master; its hash is the epoch id."""
    core: str
    """Base64 of the envelope's core; public."""


class Pinned(Body, frozen=True, tag="pinned"):
    """A receipt from outside vouches for an epoch that this terminal learned from its sheets."""

    epoch_id: str
    set_public_key: str
    envelope_sha256: str
    """Of the envelope that the receipt names; empty where only the key could be compared."""
    log: str
    """Log id of the ledger that gave the receipt."""
    size: int
    """Records in that ledger at the time."""
    receipt_sha256: str
    """SHA-256 of the receipt's signed statement, with its signature."""


class RecoveryImported(Body, frozen=True, tag="recovery-imported"):
    """Somebody opened an epoch without the toolkit; this is the record that ``recover.py`` or ``recover.html`` left."""

    epoch_id: str
    status: str
    """Of the epoch at that moment: ``good``, ``void`` or ``abandoned``."""

    source: str
    """The recovery record, its exact text."""

    sha256: str
    """Of its bytes; it names the record."""

    signature: str
    """Armored SSHSIG by the set key, in the namespace ``recovery@breakglass-shamir``."""


class Proven(Body, frozen=True, tag="proven"):
    """The target was asked about an epoch's credential outside a rotation."""

    epoch_id: str
    result: str
    """``accepted``, ``refused`` or ``unknown``."""
    detail: str

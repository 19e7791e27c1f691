# SPDX-License-Identifier: Apache-2.0
"""Which epoch followed which, where this log did not see it itself.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class Succession(Body, frozen=True, tag="succession"):
    """An epoch's successor as learned from elsewhere, with all that proves it; verified anew whenever it is applied."""

    predecessor: str
    successor: str
    envelope: str
    """Base64 of the successor's envelope; public."""

    countersigned: str
    """Base64 of the ``countersigned`` record, byte for byte; empty: this log has one of its own."""

    countersignature: str
    """Armored SSHSIG over it by the predecessor's set key."""

    old_dead: str
    """Base64 of the ``old-dead`` record, byte for byte; empty: this log has one of its own."""

    terminal_signature: str
    """Armored SSHSIG over it by the key of the terminal that made it."""

    terminal: str
    """Log id of that terminal."""

    terminal_key: str
    """Its public key in OpenSSH's one-line form."""

    level: str
    """``proven`` or ``attested``; what the records say, not what this field does, decides."""

    attested_by: tuple[str, ...]
    """Who attested there that the old credential is dead; empty where it was proven."""


class AttestedDead(Body, frozen=True, tag="attested-dead"):
    """People here vouch that an opened credential is dead, where no proof of it can be had."""

    epoch_id: str
    in_force: str
    """The epoch in force instead."""

    asked: str
    """What the target said to the credential: ``refused``, or ``unknown``."""

    detail: str
    officers: tuple[str, ...]
    reason: str

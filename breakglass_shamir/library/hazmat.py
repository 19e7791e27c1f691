# SPDX-License-Identifier: Apache-2.0
"""Calls that reveal a credential, or could, with no record before it. Their module's name says so at every use.

What is lost with them: the signed record that is durable before the reveal, the declaration and the gates before it,
the alerts, and the rotation that is owed after it. Nobody but the caller knows that the credential was seen.

They are for tests, for programs that keep a record of their own, and for the day on which nothing else is left.
Everything else goes through ``Home.recombine``.
"""

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.memory import Pool, quorum_of


@checked
def open_without_record(pool: Pool, *, epoch_id: str = "") -> Credential:
    """Combine a pool's quorum and decrypt the credential, with no record of it (docs/spec/1-cryptography.md).

    Lost: the record before the reveal, the officers and gates, the alerts, and the debt of a rotation. Whoever calls
    it owes all of that. The master is combined, confirmed against the epoch id, used and wiped; the caller wipes the
    credential's ``Secret``.

    Args:
        pool: with a quorum in it.
        epoch_id: 8 bytes, hexadecimal: only this epoch; empty: whichever is complete.

    Raises:
        InvalidInput: an argument of another type, or an epoch id that is none.
        InsufficientShares: with what is there and what is needed.
        MissingEnvelope: shares, but no envelope of theirs.
        UnconfirmedMaster, DecryptionFailed: only a typed core, and the shares do not confirm it.
        EnvelopeConflict: two different valid envelopes under one epoch id, and none is pinned.
        UnsupportedVersion: the credential has fields of a later release.
    """
    unsealed = quorum_of(pool, epoch_id).unseal()
    try:
        return Credential.from_bytes(unsealed.plaintext)
    finally:
        unsealed.wipe()

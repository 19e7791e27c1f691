# SPDX-License-Identifier: Apache-2.0
"""Many records of a log at once: is each of them in its place, and in its form?

It says of all of them that they are, or nothing: then they are taken fewer at a time, down to one, which is looked at
by itself. For a long log this is most of the time that a verification takes; so each question is asked of all records
in one go.

What a record means, whether it may follow, and whether a signature verifies, is for :mod:`.walk`.
"""

import binascii
from collections.abc import Sequence
from hashlib import sha256

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.note import outline
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin

AT_ONCE = 64
"""Most records that are taken at once: one has 256 KiB at most."""


class Forms:
    """What every record of one log must look like, signatures and checkpoints included."""

    def __init__(self, public_key: bytes) -> None:
        """Take the terminal's public key, 32 bytes."""
        self._log = log_id(public_key).hex()
        self._signature = sshsig.outline(public_key, sshsig.RECORD_NAMESPACE)
        self._note = outline(origin(public_key), public_key)

    def signatures_fit(self, signatures: Sequence[str]) -> bool:
        """Tell whether texts have the form of this terminal's signatures on records."""
        beginning, length = self._signature
        return set(map(len, signatures)) == {length} and {text[: len(beginning)] for text in signatures} == {beginning}

    def notes_fit(self, notes: Sequence[str], size: int, roots: Sequence[str]) -> bool:
        """Tell whether checkpoints are of the trees of ``size`` records, one more, and so on, with these roots.

        Args:
            notes: as stored.
            size: of the first tree.
            roots: hexadecimal, as the record that follows names each.
        """
        encode, decode = binascii.b2a_base64, binascii.a2b_hex
        try:
            encoded = [encode(decode(root), newline=False).decode() for root in roots]
        except ValueError:
            return False
        return self._note.fit(notes, size, encoded)

    def hold(
        self, rows: Sequence[StoredRow], size: int, previous: str, before: StoredRow | None
    ) -> tuple[list[Record], list[str]] | None:
        """Read records that follow one another; None where one of them has to be looked at by itself.

        Of each: canonical bytes; number, log id and hash of the record before; the terminal's signature, by its form,
        and no other; and the root that it names, in the checkpoint of the record before.

        Args:
            rows: as stored; at least one.
            size: records in front of them.
            previous: SHA-256 of the last of these, hexadecimal.
            before: that one, where its checkpoint was not looked at; None: where it was.

        Returns:
            The records, and the SHA-256 of each.
        """
        numbers, datas, signatures, quorums, notes = zip(*rows, strict=True)
        expected = list(range(size, size + len(rows)))
        if list(numbers) != expected or any(quorums) or not self.signatures_fit(signatures):
            return None
        found = records.from_plain_bytes(datas)
        if found is None or [record.seq for record in found] != expected:
            return None
        digests = [sha256(data).hexdigest() for data in datas]
        if [record.previous for record in found] != [previous, *digests[:-1]]:
            return None
        if {record.log for record in found} != {self._log}:
            return None
        roots = [record.root for record in found]
        fits = (
            self.notes_fit(notes[:-1], size + 1, roots[1:])
            if before is None
            else self.notes_fit((before[4], *notes[:-1]), size, roots)
        )
        return (found, digests) if fits else None

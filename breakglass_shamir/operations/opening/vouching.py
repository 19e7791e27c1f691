# SPDX-License-Identifier: Apache-2.0
"""What vouches for the sheets and for this ledger: receipts that officers bring, checkpoints on the sheets.

Rules:

1. A set that only its sheets introduce is UNPINNED, on screen and in the record, unless a receipt pins its key and
   envelope. A receipt that pins another key or envelope under the same epoch id stops the opening.
2. The checkpoint in the envelope of every sheet that was scanned, and every receipt of this log, is held against the
   records themselves. One that does not agree closes the gate ``witness``.
3. What is of another log is ``unwitnessed``: said, recorded, no error.
4. An envelope with an extension that this release does not know may prove something else than it seems to. It stops
   nothing, and what it confirms is ``unknown``: said, recorded, no error. What contradicts the ledger still does.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.epochs import Pinned
from breakglass_shamir.errors import EnvelopeConflict, IntegrityError
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.receipt import NO_ENVELOPE
from breakglass_shamir.ledger import receipt
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.ledger.store import Ledger

Receipts = Sequence[tuple[str, HeldReceipt]]
"""What officers brought, each with where it was found."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What paper and receipts say of this ledger."""

    verdict: str
    """``consistent``, ``unwitnessed``, ``unknown`` or ``inconsistent``."""

    problem: str = ""
    """What does not agree, in words."""


def pinning(found: Quorum, brought: Receipts) -> HeldReceipt | None:
    """Return the receipt that pins the epoch of a quorum; None where none does.

    Raises:
        EnvelopeConflict: a receipt pins another key or envelope under this epoch id.
    """
    for source, held in brought:
        pin = held.receipt.pin(found.core.epoch_id)
        if pin is None:
            continue
        digests = (NO_ENVELOPE, pin.envelope_sha256 if found.envelope is None else found.envelope.digest)
        if pin.set_public_key != found.set_public_key or pin.envelope_sha256 not in digests:
            raise EnvelopeConflict(
                f"{source} pins another key or envelope than the one on these sheets",
                hint="keep both for the auditor; without --receipt the set is taken as UNPINNED",
            )
        return held
    return None


def pinned_record(held: HeldReceipt, epoch: EpochState) -> Pinned:
    """Return the record that a receipt pinned an epoch of this ledger."""
    return Pinned(
        epoch_id=epoch.epoch_id, set_public_key=epoch.envelope.set_public_key.hex(),
        envelope_sha256=epoch.envelope_sha256, log=held.log_id.hex(), size=held.receipt.size,
        receipt_sha256=hashlib.sha256(held.receipt.to_bytes()).hexdigest(),
    )  # fmt: skip


def testimony(ledger: Ledger, envelopes: Iterable[Envelope], brought: Receipts) -> Testimony:
    """Hold what sheets and receipts remember against this ledger; the worst of it counts."""
    problems, consistent, unknown = list[str](), False, False
    for envelope in {envelope.digest: envelope for envelope in envelopes}.values():
        unknown = unknown or bool(envelope.extensions.unknown)
        if envelope.checkpoint.log_id == ledger.log_id:
            sheet = f"the sheet of {envelope.set_name}, epoch {envelope.core.epoch},"
            try:
                receipt.check_sheet(ledger, envelope.checkpoint, sheet)
                consistent = True
            except IntegrityError as error:
                problems.append(str(error))
    for _, held in brought:
        if held.log_id == ledger.log_id:
            try:
                receipt.check(ledger, held)
                consistent = True
            except IntegrityError as error:
                problems.append(str(error))
    if problems:
        return Testimony("inconsistent", "; ".join(problems))
    if unknown:
        return Testimony("unknown")
    return Testimony("consistent" if consistent else "unwitnessed")

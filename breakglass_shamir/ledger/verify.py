# SPDX-License-Identifier: Apache-2.0
"""Does a log hold? Every record, from the first on, named where it does not.

What is checked, in this order, for each record: canonical bytes, number, log id, hash of the one before, tree
root, terminal signature, that the step was legal, that the first and no other is a start, that it names the key
that signs, quorum signature where one is due, officers' and recoveries' own signatures, checkpoint. At the end: the
stored tree nodes.

Rules:

1. *In full*, every signature and every root is computed. *By sample*, all that the last checkpoint's signature
   covers is: the bytes, place and legality of every record, every quorum's signature, every checkpoint's text.
   Of the terminal's own signatures and of the roots between, the ends and an unpredictable sample are computed; of
   the others only the form is looked at (docs/spec/7-records.md, "By sample").
2. A log of up to ``FULL_UP_TO`` records is verified in full unless asked otherwise.
3. It reads one state of the file, whatever is appended meanwhile, and its memory does not grow with the records.

Gates that were passed although no override is on record are named; the records may follow each other all the same.

What it cannot see by itself: a tail that was cut off together with its checkpoints. Receipts and printed
sheets remember that.
"""

from collections.abc import Callable
from contextlib import closing
from itertools import islice

from breakglass_shamir.custody.life.passed import PassedGate
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.errors import BreakglassError, InvalidRecord
from breakglass_shamir.ledger.nodecheck import EVERY_RECORDS, NodeCheck
from breakglass_shamir.ledger.sample import Everything, Look, Sample
from breakglass_shamir.ledger.stored import SignedLog
from breakglass_shamir.ledger.times import NO_SILENCE, Silence
from breakglass_shamir.ledger.walk import Checked, Walk
from breakglass_shamir.structs import Struct, field

FULL_UP_TO = 1000
"""Records that are verified in full where nobody says otherwise: half a second."""

Progress = Callable[[int, int], None]
"""Hears from time to time how many records of how many are verified."""


class Report(Struct, frozen=True):
    """What was verified."""

    records: int
    root: bytes
    state: LedgerState
    clock_steps_back: tuple[int, ...]
    """Numbers of records before which the wall clock was set back; of very many, the first."""

    clock_steps_forward: tuple[int, ...] = ()
    longest_silence: Silence = NO_SILENCE
    runs_back: tuple[int, ...] = ()
    """Numbers of records that go on with an earlier run of a machine; of very many, the first."""

    broken_promises: tuple[Silence, ...] = ()
    """Silences longer than the last heartbeat promised; of very many, the first."""

    checked: Checked = field(default_factory=Checked)
    passed_gates: tuple[PassedGate, ...] = ()
    """Gates that were passed although no override is on record; of very many, the first."""


def verify(ledger: SignedLog, *, full: bool | None = None, progress: Progress = lambda done, of: None) -> Report:
    """Verify a whole log.

    Args:
        ledger: what to verify.
        full: every signature, or a sample; None: whichever suits the size.
        progress: hears how far it is.

    Raises:
        InvalidRecord, InvalidSignature, InvalidProof: the first thing that does not hold, with the record's
            number.
    """
    with ledger.snapshot() as total:
        return _verified(ledger, total, full, progress, nodes=True)


def verify_first(
    ledger: SignedLog, total: int, *, full: bool | None = None, progress: Progress = lambda done, of: None
) -> Report:
    """Verify the first records of a log that is read from bundles: its tree nodes were computed when it was read.

    Raises:
        InvalidRecord, InvalidSignature, InvalidProof: the first thing that does not hold, with the record's number.
    """
    return _verified(ledger, total, full, progress, nodes=False)


def _verified(ledger: SignedLog, total: int, full: bool | None, progress: Progress, *, nodes: bool) -> Report:
    if not total:
        raise InvalidRecord("expected the start of a ledger, got an empty one")
    in_full = total <= FULL_UP_TO if full is None else full
    try:
        walk = _walked(ledger, Everything() if in_full else Sample(total), total, progress, nodes=nodes)
    except BreakglassError:
        if not in_full:
            # A sample meets what follows from a fault before the fault itself: the whole names the first.
            _walked(ledger, Everything(), total, progress, nodes=nodes)
        raise
    times = walk.times
    return Report(
        walk.size, walk.tree.root(), walk.state, tuple(times.set_back), tuple(times.set_forward), times.longest,
        tuple(times.runs.back), tuple(times.broken_promises), walk.checked(full=in_full), tuple(walk.passed.found),
    )  # fmt: skip


def _walked(ledger: SignedLog, look: Look, total: int, progress: Progress, *, nodes: bool) -> Walk:
    """Walk through a log once, with the stored nodes of its tree or without.

    Raises:
        InvalidRecord, InvalidSignature, InvalidProof: the first thing met that does not hold.
    """
    walk = Walk(ledger.public_key, look)
    check = NodeCheck(ledger, walk.tree) if nodes else None
    with closing(ledger.rows()) as stored:
        rows = islice(stored, total)
        for _ in range(0, total, look.report_every):
            walk.steps(islice(rows, look.report_every))
            progress(walk.size, total)
            if walk.size % EVERY_RECORDS == 0:
                walk.flush()
                if check:
                    check.compare()
        if check:
            check.finish()
    return walk

# SPDX-License-Identifier: Apache-2.0
"""Verify a ledger for an auditor: by itself, and against what others carried away from it.

Rules:

1. The log itself comes first; then each receipt, each sheet, each copy and what witnesses cosigned, all of them, and
   only then the verdict.
2. For each set it says whether the chain of custody reaches its first epoch, and where it does not, why. A break is
   reported; it is no error of the log, which holds.
3. Recordings of uses that lie beside it are held against their heads; one that is not here is said.
4. Reading never writes to the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from breakglass_shamir.custody.life.chain import Chain, chain_of
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.formats.envelope import PREFIX, Envelope, EnvelopeReader
from breakglass_shamir.ledger import clock, receipt, times
from breakglass_shamir.ledger import verify as verification
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.times import Silence
from breakglass_shamir.operations.audit import cosigners, heads
from breakglass_shamir.operations.audit.against import hold
from breakglass_shamir.operations.audit.heads import HeldRecording
from breakglass_shamir.operations.audit.witnesses import UNKNOWN, Asked, Witness, ask, expose
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.witnessing.standing import Witnessed
from breakglass_shamir.paper.reading.scan import Scanner


@dataclass(frozen=True, slots=True)
class Verified:
    """A ledger that holds, and what witnesses say of it."""

    report: verification.Report
    witnesses: tuple[Witness, ...]
    chains: tuple[Chain, ...]
    silent_now: Silence
    """Since the last record."""

    late_now: bool
    """Whether a heartbeat promised to end that by now."""

    recordings: tuple[HeldRecording, ...] = ()
    """Of uses, held against their heads."""

    witnessed: Witnessed | None = None
    """How far enough witnesses have cosigned the log; None: none is configured."""


def verify(
    ledger: Ledger,
    *,
    full: bool | None = None,
    receipt_files: Sequence[Path] = (),
    sheet_scans: Sequence[Path] = (),
    against: Sequence[Path] = (),
    trust_policy: Path | None = None,
    progress: verification.Progress = lambda done, of: None,
) -> Verified:
    """Verify a ledger, then hold every receipt and sheet against it.

    Args:
        ledger: what to verify.
        full: every signature, or a sample; None: whichever suits the size.
        receipt_files: receipts, or pictures of them.
        sheet_scans: scans of sheets; only their envelope codes are looked at.
        against: whatever else there is of the log; see :mod:`.against`.
        trust_policy: whose cosignatures count, and must be there; None: those that the home's own policy names.
        progress: hears how far the log is.

    Raises:
        IntegrityError: the first thing in the log that does not hold, what the witnesses expose, or the recordings
            that are not what their records say.
        InvalidInput: a file holds no receipt, a scan no envelope code, or a policy of witnesses cannot be read.
    """
    report = verification.verify(ledger, full=full, progress=progress)
    with Scanner() as scanner:
        held = receipts.read(receipt_files, scanner) if receipt_files else []
        printed = envelopes(sheet_scans, scanner)
        held_against = hold(ledger, against, scanner)
    witnesses = [_ask_receipt(ledger, name, one) for name, one in held]
    witnesses += [_ask_sheet(ledger, name, envelope) for name, envelope in printed]
    held_cosigned, witnessed = cosigners.hold(ledger, trust_policy, against)
    witnesses += [*held_against, *held_cosigned]
    expose(witnesses)
    recordings = heads.hold(ledger, report.records, ledger.path.parent)
    heads.expose(recordings)
    chains = tuple(chain_of(one) for one in report.state.sets.values() if one.current)
    return Verified(report, tuple(w for w, _ in witnesses), chains, *_silence(report), recordings, witnessed)


def _silence(report: verification.Report) -> tuple[Silence, bool]:
    last, state = report.state.last, report.state
    assert last is not None  # noqa: S101 - a verified log has a record
    seconds = Moment.seconds_until(last, clock.now())
    return Silence(seconds, report.records, last.time), times.is_late(seconds, state.beat_every_s)


def _ask_receipt(ledger: Ledger, source: str, held: receipt.HeldReceipt) -> Asked:
    kind, size = "receipt", held.receipt.size
    return ask(Witness(source, kind, "", size, held.log_id), ledger.log_id, lambda: receipt.check(ledger, held))


def _ask_sheet(ledger: Ledger, source: str, envelope: Envelope) -> Asked:
    printed = envelope.checkpoint
    sheet = f"the sheet of {envelope.set_name}, epoch {envelope.core.epoch},"
    asked = Witness(source, "sheet", "", printed.size, printed.log_id)
    witness, problem = ask(asked, ledger.log_id, lambda: receipt.check_sheet(ledger, printed, sheet))
    if envelope.extensions.unknown and problem is None:
        witness = replace(witness, verdict=UNKNOWN)
    return witness, problem


def envelopes(scans: Sequence[Path], scanner: Scanner) -> list[tuple[str, Envelope]]:
    """Read the envelopes in scans of sheets; share codes are not looked at.

    Raises:
        InvalidInput: a scan is not there, or has no envelope code.
    """
    found: list[tuple[str, Envelope]] = []
    reader = EnvelopeReader()
    for path in scans:
        if not path.exists():
            raise InvalidInput(f"expected a scan at {path}, found nothing there")
        before, partly = len(found), False
        for page in scanner.read_path(path):
            for code in page.codes:
                if code.text[: len(PREFIX)].upper() == PREFIX:
                    envelope = _add(reader, code.text, page.source)
                    partly = partly or envelope is None
                    found += [(page.source, envelope)] if envelope else []
        if len(found) == before and not partly:
            raise InvalidInput(
                f"expected an envelope code in {path}, found none",
                hint="it is the large code on every sheet; scan it closer and in better light",
            )
    if reader.missing():
        raise InvalidInput(f"{reader.missing()} are missing", hint="scan every page of the sheet")
    return found


def _add(reader: EnvelopeReader, code: str, source: str) -> Envelope | None:
    try:
        return reader.add(code)
    except BreakglassError as error:
        raise type(error)(f"{source}: {error}", hint=error.hint) from error

# SPDX-License-Identifier: Apache-2.0
"""Verify a ledger for an auditor: by itself, and against what others carried away from it.

Rules:

1. The log itself comes first; then each receipt and each sheet, all of them, and only then the verdict.
2. What is of another log is said and is no error: a receipt of another terminal, a sheet printed there.
3. For each set it says whether the chain of custody reaches its first epoch, and where it does not, why. A break is
   reported; it is no error of the log, which holds.
4. Reading never writes to the ledger.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from breakglass_shamir.custody.life.chain import Chain, chain_of
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.errors import BreakglassError, IntegrityError, InvalidInput
from breakglass_shamir.formats.envelope import PREFIX, Envelope, EnvelopeReader
from breakglass_shamir.ledger import clock, receipt, times
from breakglass_shamir.ledger import verify as verification
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.times import Silence
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.paper.reading.scan import Scanner

CONSISTENT, UNWITNESSED, UNKNOWN = "consistent", "unwitnessed", "unknown"


@dataclass(frozen=True, slots=True)
class Witness:
    """A receipt or a sheet, and what it says of this ledger (docs/guide-auditor.md).

    Attributes:
        source: the file it was read from.
        log_id: 8 bytes: which log it is of.
    """

    source: str
    kind: str
    """``receipt`` or ``sheet``."""

    verdict: str
    """``consistent``; ``unwitnessed``: of another log; ``unknown``: consistent, but the envelope carries what this
    release does not know; else what does not agree, in words."""

    size: int
    """Records it remembers."""

    log_id: bytes


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


def verify(
    ledger: Ledger,
    *,
    full: bool | None = None,
    receipt_files: Sequence[Path] = (),
    sheet_scans: Sequence[Path] = (),
    progress: verification.Progress = lambda done, of: None,
) -> Verified:
    """Verify a ledger, then hold every receipt and sheet against it.

    Args:
        ledger: what to verify.
        full: every signature, or a sample; None: whichever suits the size.
        receipt_files: receipts, or pictures of them.
        sheet_scans: scans of sheets; only their envelope codes are looked at.
        progress: hears how far the log is.

    Raises:
        IntegrityError: the first thing in the log that does not hold, or what the witnesses expose.
        InvalidInput: a file holds no receipt, or a scan no envelope code.
    """
    report = verification.verify(ledger, full=full, progress=progress)
    with Scanner() as scanner:
        held = receipts.read(receipt_files, scanner) if receipt_files else []
        printed = _envelopes(sheet_scans, scanner)
    witnesses = [_ask_receipt(ledger, name, one) for name, one in held]
    witnesses += [_ask_sheet(ledger, name, envelope) for name, envelope in printed]
    _expose(witnesses)
    chains = tuple(chain_of(one) for one in report.state.sets.values() if one.current)
    return Verified(report, tuple(w for w, _ in witnesses), chains, *_silence(report))


def _silence(report: verification.Report) -> tuple[Silence, bool]:
    last, state = report.state.last, report.state
    assert last is not None  # noqa: S101 - a verified log has a record
    seconds = Moment.seconds_until(last, clock.now())
    return Silence(seconds, report.records, last.time), times.is_late(seconds, state.beat_every_s)


Asked = tuple[Witness, IntegrityError | None]


def _ask_receipt(ledger: Ledger, source: str, held: receipt.HeldReceipt) -> Asked:
    kind, size = "receipt", held.receipt.size
    return _ask(ledger, Witness(source, kind, "", size, held.log_id), lambda: receipt.check(ledger, held))


def _ask_sheet(ledger: Ledger, source: str, envelope: Envelope) -> Asked:
    printed = envelope.checkpoint
    sheet = f"the sheet of {envelope.set_name}, epoch {envelope.core.epoch},"
    asked = Witness(source, "sheet", "", printed.size, printed.log_id)
    witness, problem = _ask(ledger, asked, lambda: receipt.check_sheet(ledger, printed, sheet))
    if envelope.extensions.unknown and problem is None:
        witness = replace(witness, verdict=UNKNOWN)
    return witness, problem


def _ask(ledger: Ledger, witness: Witness, check: Callable[[], None]) -> Asked:
    verdict, problem = UNWITNESSED, None
    if witness.log_id == ledger.log_id:
        try:
            check()
            verdict = CONSISTENT
        except IntegrityError as error:
            verdict, problem = str(error), error
    return Witness(witness.source, witness.kind, verdict, witness.size, witness.log_id), problem


def _expose(asked: Iterable[Asked]) -> None:
    """Raise what the witnesses expose, all of it in one message."""
    exposed = [(witness, problem) for witness, problem in asked if problem is not None]
    if exposed:
        text = "; ".join(f"{witness.source}: {problem}" for witness, problem in exposed)
        _, first = exposed[0]
        raise type(first)(text, hint=first.hint) from first


def _envelopes(scans: Sequence[Path], scanner: Scanner) -> list[tuple[str, Envelope]]:
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

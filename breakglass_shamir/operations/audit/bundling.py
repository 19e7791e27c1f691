# SPDX-License-Identifier: Apache-2.0
"""Write a bundle: one file of public data that auditors work on without this home (spec: docs/spec/14-bundle.md).

Rules:

1. A range is of numbers, from the first to the last record of the time that was asked for: a clock that was set back
   leaves nothing out.
2. What it takes to verify the records of the range comes along from before it: the start of the log, what brought
   epochs and policies, what people signed, what opened the openings. So does the record on either side, which shows by
   its time that the range begins and ends where it says.
3. Of each set there is a receipt of its last record in the range.
4. The file is new, and is there whole or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import Issued, Recovered, RecoveredCore
from breakglass_shamir.custody.records.ledger import LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.openings import Opened
from breakglass_shamir.errors import FileExists, InvalidInput, LedgerBusy, LedgerUnwritable
from breakglass_shamir.ledger import bundle, clock, durable, receipt
from breakglass_shamir.ledger.bundle import Range
from breakglass_shamir.ledger.entry import StoredRow
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import evidence
from breakglass_shamir.operations.audit.evidence import Exhibit
from breakglass_shamir.operations.audit.period import EVER, Period

_BRING = (LedgerStarted, PolicyAdopted, PolicyWeakened, Issued, Recovered, RecoveredCore, Succession, Enrolled)
"""Record types that say with which keys others are verified."""

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle that was written (docs/json.md).

    Attributes:
        out: the file.
        first: number of the range's first record.
        last: of its last one.
    """

    out: Path
    first: int
    last: int
    records: int
    """Records in the file, those that came along included."""

    withheld: int
    """Records that are there as hashes."""

    size: int
    """Records in the log."""

    root: str
    receipts: int


@dataclass(slots=True)
class _Chosen:
    """What a first pass through the log found."""

    size: int = 0
    first: int = -1
    last: int = -1
    along: set[int] = field(default_factory=set)
    """Numbers of records outside the range that come along."""

    ends: dict[str, int] = field(default_factory=dict)
    """Set to the number of its last record in the range."""


def write(ledger: Ledger, out: Path, *, period: Period = EVER, set_name: str = "") -> Bundled:
    """Write a bundle of a log, or of a part of it.

    Args:
        ledger: the log.
        out: a new file.
        period: from when to when; the records in between are all in it.
        set_name: of this set, and of none, only; the others are there as hashes. Empty: of all sets.

    Raises:
        UnknownSet: there is no such set.
        InvalidInput: no record is of that time.
        FileExists: the file is there.
        InvalidRecord, InvalidProof: the log does not hold.
        LedgerUnwritable: the file could not be written.
    """
    if set_name:
        ledger.state.of(set_name)
    if out.exists():
        raise FileExists(f"{out} is there already", hint="choose another --out")
    chosen, given = _at_rest(ledger, period, set_name)
    of = Range(chosen.size, chosen.first, chosen.last, set_name, period.since, period.until)
    count = 0

    def shown(row: StoredRow) -> bool:
        nonlocal count
        inside = of.covers(row[0]) and (not set_name or _is_of(row, set_name))
        found = inside or row[0] in chosen.along
        count += found
        return found

    _write(out, bundle.lines(ledger, of, shown, given, clock.now().time))
    root = ledger.root_at(of.size).hex()
    return Bundled(out, of.first, of.last, count, of.size - count, of.size, root, len(given))


def _at_rest(ledger: Ledger, period: Period, set_name: str) -> tuple[_Chosen, tuple[str, ...]]:
    """Choose, and make receipts of the very same tree.

    Raises:
        LedgerBusy: records are added all the time.
    """
    for _ in range(_TRIES):
        chosen = _choose(ledger, period, set_name)
        given = tuple(receipt.make(ledger, chosen.ends[name]).to_text() for name in sorted(chosen.ends))
        if ledger.size == chosen.size:
            return chosen, given
    raise LedgerBusy("other programs add records all the time", hint="end them, and try again")


def _choose(ledger: Ledger, period: Period, set_name: str) -> _Chosen:
    """Find the range, and what comes along."""
    chosen = _Chosen(ledger.size)
    signed: dict[int, set[int]] = {}
    brings: set[int] = set()
    opened: dict[str, int] = {}
    for exhibit in evidence.exhibits(ledger):
        record = exhibit.entry.record
        if record.seq >= chosen.size:
            break
        if set_name not in ("", record.set) and record.set:
            continue
        if period.holds(record.time):
            chosen.first = record.seq if chosen.first < 0 else chosen.first
            chosen.last = record.seq
            if record.set:
                chosen.ends[record.set] = record.seq
        if isinstance(record.body, _BRING):
            brings.add(record.seq)
        if isinstance(record.body, Opened):
            opened[record.opening] = record.seq
        needs = _needs(exhibit, opened)
        if needs:
            signed[record.seq] = needs
    if chosen.first < 0:
        raise InvalidInput(f"no record is of the time {period.in_words()}", hint="see them with: breakglass audit list")
    brought = {seq for seq in brings if seq < chosen.first}
    edges = set() if set_name else {chosen.first - 1, chosen.last + 1}
    inside = {seq for seq in signed if chosen.first <= seq <= chosen.last}
    needed = {need for seq in inside | (signed.keys() & (brought | edges)) for need in signed[seq]}
    outside = brought | edges | needed
    chosen.along = {seq for seq in outside if not chosen.first <= seq <= chosen.last}
    return chosen


def _needs(exhibit: Exhibit, opened: dict[str, int]) -> set[int]:
    """Return the numbers of other records without which the second signature of one cannot be verified."""
    second = exhibit.second
    if second is None:
        return set()
    found = {second.message_seq, opened.get(exhibit.entry.record.opening, -1)}
    return {seq for seq in found if 0 <= seq != exhibit.seq}


def _is_of(row: StoredRow, set_name: str) -> bool:
    return records.parse(row[1]).set in ("", set_name)


def _write(out: Path, lines: Iterator[bytes]) -> None:
    try:
        durable.make_folder(out.parent)
        durable.write_parts(out, lines, 0o644)
    except FileExistsError:
        raise FileExists(f"{out} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}") from error

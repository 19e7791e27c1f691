# SPDX-License-Identifier: Apache-2.0
"""Verify what bundles and collections hold: each terminal's log by itself, and then the sets across them.

Rules:

1. That a bundle is whole and of its checkpoint was proven when it was read. Here every record is verified: a log of
   which nothing is missing as the ledger of a home is, rules and gates included; else each record by itself.
2. What was not verified, because it is withheld, is said.
3. A receipt in a bundle of one terminal is held against every log that it is of.
4. Of a log in a collection that is verified in full every cosigned checkpoint is, too; else the newest alone was, when
   it was read.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from breakglass_shamir.custody.life import known
from breakglass_shamir.custody.life.across import Across, across
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.errors import IntegrityError
from breakglass_shamir.ledger import receipt
from breakglass_shamir.ledger import verify as verification
from breakglass_shamir.ledger.bundled import BundledLog
from breakglass_shamir.ledger.people import SIGNED_INSIDE
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.ledger.verify import FULL_UP_TO, Progress, Report
from breakglass_shamir.operations.audit import collected, evidence, heads
from breakglass_shamir.operations.audit.sources import UNPINNED, Source
from breakglass_shamir.operations.audit.verification import envelopes
from breakglass_shamir.operations.audit.witnesses import CONSISTENT, UNWITNESSED, WITHHELD, Asked, Witness, expose
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.plural import counted


@dataclass(frozen=True, slots=True)
class Terminal:
    """One terminal's log, verified as far as its bundles go (docs/json.md)."""

    source: Source
    records: int
    """Records that are there."""

    first: int
    """Number of the first record of the range."""

    last: int
    size: int
    """Records in the log when its newest bundle was made."""

    root: str
    rules: bool
    """Whether it was verified that each record may follow."""

    signatures: int
    """Signatures by quorums, drill cards, people and other terminals that were verified."""

    by_people: int
    """How many of these are inside records, by people and other terminals."""

    receipts: int
    report: Report | None
    """Of a log of which nothing is missing up to the end of the range; else None."""

    recordings: int = 0
    """Records that name the head of a recording; the recordings themselves are in no bundle."""

    cosigned: int | None = None
    """Cosigned checkpoints that were verified; None: no collection has the log."""

    @property
    def whole(self) -> bool:
        """Whether no record of the log is missing."""
        return self.records == self.size

    def in_words(self) -> str:
        """Say it in a line."""
        some = (
            "all of it"
            if self.whole
            else f"{self.records} of {counted(self.size, 'record')}, the others by their hashes"
        )
        how = "each may follow" if self.rules else "whether each may follow is not shown by what is there"
        return f"records {self.first} to {self.last} hold; {some}; {how}"


@dataclass(frozen=True, slots=True)
class VerifiedBundles:
    """What bundles hold, and what is open about them."""

    terminals: tuple[Terminal, ...]
    sets: tuple[Across, ...]
    witnesses: tuple[Witness, ...] = ()

    @property
    def open(self) -> tuple[str, ...]:
        """What is not shown, is missing, or contradicts itself, a sentence each."""
        said = [f"{one.source.terminal}: {one.source.trust_in_words}" for one in self.terminals
                if one.source.trust == UNPINNED]  # fmt: skip
        said += [f"{one.source.terminal}: {words}" for one in self.terminals for words in one.source.gaps]
        return (*said, *(words for one in self.sets for words in one.open))


def verify(
    sources: Sequence[Source], *, full: bool | None = None, receipt_files: Sequence[Path] = (),
    sheet_scans: Sequence[Path] = (), progress: Progress = lambda done, of: None,
) -> VerifiedBundles:  # fmt: skip
    """Verify every record of every bundle, and say how sets go on from one terminal to another.

    Args:
        sources: the logs.
        full: every signature, or a sample where nothing of a log is missing; None: whichever suits its size.
        receipt_files: receipts that somebody carried away, or pictures of them.
        sheet_scans: scans of sheets; only their envelope codes are looked at.
        progress: hears how far each log is.

    Raises:
        IntegrityError: the first thing that does not hold, with the file that it is of; or what the witnesses expose.
        InvalidInput: a file holds no receipt, or a scan no envelope code.
    """
    terminals = []
    for source in sources:
        try:
            terminals.append(_terminal(source, full, progress))
        except IntegrityError as error:
            raise type(error)(f"{source.log.newest.source}: {error}", hint=error.hint) from error
    _check_receipts(sources)
    asked = _ask(sources, receipt_files, sheet_scans)
    expose(asked)
    return VerifiedBundles(tuple(terminals), sets_across(sources), tuple(one for one, _ in asked))


def sets_across(sources: Sequence[Source]) -> tuple[Across, ...]:
    """Return how each set goes on across terminals, by name."""
    names = sorted({name for one in sources for name in one.log.state.sets})
    return tuple(across(name, _states(sources, name)) for name in names)


def _states(sources: Sequence[Source], name: str) -> dict[str, tuple[SetState, bool]]:
    """Return the set as each terminal has it, and whether what is in force there is known."""
    return {
        label(one, sources): (one.log.state.sets[name], one.log.replayable)
        for one in sources
        if name in one.log.state.sets
    }


def label(source: Source, sources: Sequence[Source]) -> str:
    """Name a terminal; where two have one name, by its log, too."""
    same = [one for one in sources if one.terminal == source.terminal]
    return source.terminal if len(same) == 1 else f"{source.terminal} ({source.log_id})"


def _terminal(source: Source, full: bool | None, progress: Progress) -> Terminal:
    log = source.log
    report = None
    if log.replays_whole:
        report = verification.verify_first(log, log.reach, full=full, progress=progress)
    after = report.records if report else 0
    count, quorums, people = _each(log, after=after, progress=progress)
    if report is not None:
        quorums, people = quorums + report.checked.quorum_signatures, people + report.checked.people_signatures
    ranges = [one.range for one in log.bundles]
    return Terminal(
        source, after + count, min(one.first for one in ranges), max(one.last for one in ranges), log.size,
        log.newest.head.root, log.replayable, quorums + people, people,
        sum(len(one.receipts) for one in log.bundles), report, sum(1 for _ in heads.named(log, log.size)),
        _cosigned(source, full=log.size <= FULL_UP_TO if full is None else full),
    )  # fmt: skip


def _cosigned(source: Source, *, full: bool) -> int | None:
    if source.collected is None:
        return None
    return collected.cosignatures(source.collected, source.log) if full else 1


def _each(log: BundledLog, *, after: int, progress: Progress) -> tuple[int, int, int]:
    """Verify each record by itself from number ``after`` on.

    Returns:
        How many there are, and how many signatures by quorums, and inside records, were verified.
    """
    count = quorums = people = 0
    with closing(log.rows(after)) as rows:
        if next(rows, None) is None:
            return 0, 0, 0
    for exhibit in evidence.exhibits(log):
        if exhibit.seq < after:
            continue
        evidence.verify(log, exhibit)
        known.check(exhibit.entry.record)
        inside = isinstance(exhibit.entry.record.body, SIGNED_INSIDE)
        count, people = count + 1, people + inside
        quorums += exhibit.second is not None and not inside
        progress(exhibit.seq + 1, log.size)
    return count, quorums, people


def _ask(sources: Sequence[Source], receipt_files: Sequence[Path], sheet_scans: Sequence[Path]) -> list[Asked]:
    """Ask what people carried away, each of the log that it is of."""
    with Scanner() as scanner:
        held = receipts.read(receipt_files, scanner) if receipt_files else []
        printed = envelopes(sheet_scans, scanner)
    logs = {one.log.log_id: one.log for one in sources}
    asked = [
        _asked(Witness(name, "receipt", "", one.receipt.size, one.log_id), logs, partial(_holds_receipt, one))
        for name, one in held
    ]
    for name, envelope in printed:
        seen = envelope.checkpoint
        what = f"the sheet of {envelope.set_name}, epoch {envelope.core.epoch},"
        check = partial(_holds_tree, seen.size, seen.root, what)
        asked.append(_asked(Witness(name, "sheet", "", seen.size, seen.log_id), logs, check))
    return asked


def _holds_receipt(held: HeldReceipt, log: BundledLog) -> bool:
    return receipt.check_known(log, held)


def _holds_tree(size: int, root: bytes, what: str, log: BundledLog) -> bool:
    return receipt.check_tree_known(log, size, root, what)


def _asked(witness: Witness, logs: Mapping[bytes, BundledLog], holds: Callable[[BundledLog], bool]) -> Asked:
    log = logs.get(witness.log_id)
    if log is None:
        return replace(witness, verdict=UNWITNESSED), None
    try:
        return replace(witness, verdict=CONSISTENT if holds(log) else WITHHELD), None
    except IntegrityError as error:
        return replace(witness, verdict=str(error)), error


def _check_receipts(sources: Sequence[Source]) -> None:
    """Hold every receipt in a bundle against the log that it is of, as far as the bundles know that tree."""
    logs = {one.log.log_id: one.log for one in sources}
    for source in sources:
        for bundle in source.log.bundles:
            for held in bundle.receipts:
                log = logs[held.log_id]
                try:
                    receipt.check_known(log, held)
                except IntegrityError as error:
                    raise type(error)(f"{bundle.source}: {error}", hint=error.hint) from error

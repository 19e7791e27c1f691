# SPDX-License-Identifier: Apache-2.0
"""The auditor's report of bundles and collections: several terminals on one page, each set in one timeline, no home.

Rules:

1. Everything is verified first; a bundle that does not hold gives no page.
2. Whose logs these are is said for each: a terminal that is not pinned stands under *Open* as UNPINNED.
3. Silences and dates are as of the moment at which each bundle was made, and a collection was read: what came after is
   not in it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.errors import UnknownSet
from breakglass_shamir.ledger import clock, times
from breakglass_shamir.ledger.bundled import BundledLog
from breakglass_shamir.ledger.times import NO_SILENCE, Silence
from breakglass_shamir.ledger.verify import Progress, Report
from breakglass_shamir.ledger.walk import Checked
from breakglass_shamir.operations.audit import bundle_verifying, history, report, report_view, sources
from breakglass_shamir.operations.audit.bundle_verifying import Terminal, VerifiedBundles
from breakglass_shamir.operations.audit.period import Period
from breakglass_shamir.operations.audit.report import Wanted, Written
from breakglass_shamir.operations.audit.report_parts import Part, Verdict
from breakglass_shamir.operations.audit.sources import UNPINNED, Place, Source
from breakglass_shamir.operations.audit.verification import Verified
from breakglass_shamir.operations.monitoring import status
from breakglass_shamir.version import __version__


def write(
    places: Sequence[Place], pins: Sequence[str], out: Path, wanted: Wanted, *, collector: Cosigner | None = None,
    terminals: Sequence[str] = (), say: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda done, of: None,
) -> Written:  # fmt: skip
    """Verify bundles and collections, and write the report.

    Args:
        places: files of bundles, and addresses of collections.
        pins: fingerprints of terminal keys.
        out: a new file.
        wanted: what it is to show.
        collector: who cosigns the collections.
        terminals: of a collection only these, by name or id of the log.
        say: hears of logs of which a collection has nothing.
        progress: hears how far the reading and the verification are.

    Raises:
        FileExists: the file is there.
        UnknownSet: no bundle has the set.
        ConnectorError: a collection does not answer.
        InvalidInput: not a time, no bundle, or too much is withheld for a report.
        IntegrityError: what does not hold.
        LedgerUnwritable: the file could not be written.
    """
    period = report.check_out(out, Period.of(wanted.since, wanted.until))
    with sources.opened(places, pins, collector=collector, terminals=terminals, say=say, progress=progress) as found:
        verified = bundle_verifying.verify(
            found, full=wanted.full, receipt_files=wanted.receipts, sheet_scans=wanted.sheets, progress=progress
        )
        parts = [_part(one, found, verified) for one in verified.terminals]
        known = {one.name for part in parts for one in part.log.sets}
        if wanted.set_name and wanted.set_name not in known:
            raise UnknownSet.among(wanted.set_name, known)
        page = report_view.page_of(
            parts, made=clock.now().time, software=f"breakglass_shamir {__version__}", only=wanted.set_name,
            period=period, across=verified.sets,
        )  # fmt: skip
    beside = report.put(out, page)
    first = verified.terminals[0]
    return report.written(out, beside, page, sum(one.records for one in verified.terminals), bytes.fromhex(first.root))


def _part(one: Terminal, found: Sequence[Source], verified: VerifiedBundles) -> Part:
    log, source = one.source.log, one.source
    told = history.of(log)
    state = log.state
    chains = tuple(chain_of(s) for s in state.sets.values() if s.current)
    made = one.report or _by_itself(one, log)
    silent = Silence(0, made.records, "")
    if state.last is not None and one.whole:
        until = Moment(log.newest.head.time, "", 0)
        silent = Silence(Moment.seconds_until(state.last, until), made.records, state.last.time)
    late = one.whole and times.is_late(silent.seconds, state.beat_every_s)
    mine = tuple(witness for witness in verified.witnesses if witness.log_id == log.log_id)
    statuses = {each.name: each for each in status.status(state)}
    return Part(
        told, Verdict("", Verified(made, mine, chains, silent, late)), statuses,
        bundle_verifying.label(source, found), source.trust_in_words, one.in_words(), source.trust == UNPINNED,
        source.gaps,
    )  # fmt: skip


def _by_itself(one: Terminal, log: BundledLog) -> Report:
    """Return what was verified of records that were each verified by themselves: nothing about times and gates."""
    quorums = one.signatures - one.by_people
    checked = Checked(
        full=True, terminal_signatures=one.records, quorum_signatures=quorums, people_signatures=one.by_people
    )
    return Report(one.records, bytes.fromhex(one.root), log.state, (), longest_silence=NO_SILENCE, checked=checked)

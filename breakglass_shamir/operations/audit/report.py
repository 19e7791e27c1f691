# SPDX-License-Identifier: Apache-2.0
"""The auditor's report: one HTML file that needs no network, no script and no other file; and the same as JSON.

Rules:

1. The log is verified first. One that does not hold gives a report all the same, which says so at its top, shows what
   can still be read, and ends the command with what does not hold.
2. Everything that people typed is escaped by the template engine, whose escaping is never switched off; the page
   forbids scripts, frames and requests to whoever shows it.
3. A file is never overwritten, and none is left half written. Beside the page, under its name with ``.json``, is the
   same for programs.
4. Reading never writes to the ledger.
5. Of bundles the page is made only where each holds: one that does not is named, and there is no page.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.errors import (
    FileExists,
    IllegalState,
    IntegrityError,
    InvalidInput,
    LedgerBusy,
    LedgerElsewhere,
    LedgerUnwritable,
)
from breakglass_shamir.ledger import clock, durable, home
from breakglass_shamir.ledger import verify as verifying
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import (
    history,
    load_plot,
    report_controls,
    report_json,
    report_summary,
    report_view,
    verification,
)
from breakglass_shamir.operations.audit.period import Period
from breakglass_shamir.operations.audit.report_parts import Page, Verdict
from breakglass_shamir.operations.audit.story import LogHistory
from breakglass_shamir.operations.monitoring import status
from breakglass_shamir.operations.monitoring.to_do import Undelivered
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.paper.reading import health
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.plural import counted
from breakglass_shamir.version import __version__

TEMPLATES = Path(__file__).with_name("report_page")
"""Where the page's parts lie, in this package."""

_TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\b")
"""A time as records have it, within a text."""

_NOTHING = LogHistory("", "", "", 0, "", "", ())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to show, and what the log is held against."""

    set_name: str = ""
    since: str = ""
    until: str = ""
    full: bool | None = None
    receipts: Sequence[Path] = ()
    sheets: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written."""

    out: Path
    beside: Path
    """The same as JSON."""

    records: int
    root: bytes
    """Of the first log, where there are several."""

    sets: tuple[str, ...]
    openings: int
    holds: tuple[str, ...]
    """Lines of its summary."""

    open: tuple[str, ...]
    due: tuple[str, ...]


def write(
    folder: Path, out: Path, wanted: Wanted, *, undelivered: dict[str, Undelivered] | None = None,
    progress: verifying.Progress = lambda done, of: None,
) -> Written:  # fmt: skip
    """Verify the ledger of a home and write the report.

    Args:
        folder: the home.
        out: a new file.
        wanted: what it is to show.
        undelivered: alerts that were not delivered, by set; None: there is no outbox.
        progress: hears how far the verification is.

    Raises:
        FileExists: the file is there.
        UnknownSet: there is no such set.
        InvalidInput: not a time, or a file holds no receipt.
        IntegrityError: what does not hold; the report is written and says so.
        LedgerUnwritable: the file could not be written.
    """
    check_out(out, Period.of(wanted.since, wanted.until))
    made, problem = _made(folder, wanted, undelivered, progress)
    beside = put(out, made)
    if problem is not None:
        raise type(problem)(str(problem), hint=f"{out} says so at its top; {problem.hint}".rstrip("; "))
    assert made.verdict.verified is not None  # noqa: S101 - without a problem it was verified
    report = made.verdict.verified.report
    return written(out, beside, made, report.records, report.root)


def check_out(out: Path, period: Period) -> Period:
    """Refuse a place where something is already; returns the period, which was checked when it was made.

    Raises:
        FileExists: the page or what is written beside it is there.
    """
    for path in (out, beside_of(out)):
        if path.exists():
            raise FileExists(f"{path} is there already", hint="choose another --out")
    return period


def beside_of(out: Path) -> Path:
    """Return where the same stands for programs.

    Raises:
        InvalidInput: that would be the page itself.
    """
    if out.suffix == ".json":
        raise InvalidInput(f"expected another ending than .json for the page {out}: the JSON is written beside it")
    return out.with_suffix(".json")


def put(out: Path, page: Page) -> Path:
    """Write a page and, beside it, the same for programs; returns where that is."""
    beside = beside_of(out)
    _write(beside, report_json.parts(page))
    try:
        _write(out, render(page))
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def written(out: Path, beside: Path, page: Page, records: int, root: bytes) -> Written:
    """Say what was written."""
    lines = [tuple(one.words for one in found) for found in (page.holds, page.open, page.due)]
    names = tuple(dict.fromkeys(one.name for one in page.sets))
    return Written(out, beside, records, root, names, sum(len(one.openings) for one in page.sets), *lines)


def render(page: Page) -> Iterator[str]:
    """Yield the page's HTML, a part at a time."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_with_plain_times,
    )  # fmt: skip
    environment.filters.update(when=_when, lasting=in_words, proofs=report_view.proof_table)
    environment.globals.update(
        print_said=health.said,
        titles=report_controls.TITLES, of_section=partial(report_controls.of_section, page.controls),
        load_plot=load_plot.plot, load_rows=load_plot.rows, time_shown=load_plot.time_text,
        loaded=report_summary.loaded,
        counted=counted, roll_called=report_summary.roll_called, signed_for=report_summary.signed_for,
    )  # fmt: skip
    template = environment.get_template("report.html")
    stream = template.stream(page=page)
    stream.enable_buffering(200)
    yield from stream


def _made(
    folder: Path, wanted: Wanted, undelivered: dict[str, Undelivered] | None, progress: verifying.Progress
) -> tuple[Page, IntegrityError | None]:
    """Verify, read and put together; returns what does not hold beside the page that says so."""
    with Scanner() as scanner:
        receipts.read(wanted.receipts, scanner)  # an altered one is refused here: it says nothing of the log
    try:
        with home.open_unread(folder) as ledger:
            try:
                ledger.catch_up()
                ledger.check_start()
                found = verification.verify(
                    ledger, full=wanted.full, receipt_files=wanted.receipts, sheet_scans=wanted.sheets,
                    progress=progress,
                )  # fmt: skip
            except LedgerBusy:
                raise
            except IntegrityError as error:
                return _page(history.build(_readable(ledger)), Verdict(str(error), None), {}, wanted), error
            if wanted.set_name:
                found.report.state.of(wanted.set_name)
            log = history.build(islice(ledger.entries(), found.report.records))
            now = {one.name: one for one in status.status(found.report.state, undelivered=undelivered)}
            return _page(log, Verdict("", found), now, wanted), None
    except (LedgerBusy, LedgerElsewhere):
        raise
    except LedgerUnwritable as error:
        return _page(_NOTHING, Verdict(str(error), None), {}, wanted), error


def _page(log: LogHistory, verdict: Verdict, statuses: dict[str, status.SetStatus], wanted: Wanted) -> Page:
    return report_view.page(
        log, verdict, statuses, made=clock.now().time, software=f"breakglass_shamir {__version__}",
        only=wanted.set_name, since=wanted.since, until=wanted.until,
    )  # fmt: skip


def _readable(ledger: Ledger) -> Generator[Entry]:
    """Yield the records of a damaged log up to the first that cannot be read or may not follow."""
    state = LedgerState()
    with suppress(IntegrityError, IllegalState):
        for entry in ledger.entries():
            state = lifecycle.apply(state, entry.data, entry.record)
            yield entry


def _when(time: str) -> str:
    """Write a time of a record for people; the page says once that it is UTC."""
    return time.replace("T", " ").removesuffix("Z")


def _with_plain_times(shown: object) -> object:
    """Write the times within a text as those by themselves; what is markup already stays as it is."""
    if not isinstance(shown, str) or hasattr(shown, "__html__"):
        return shown
    return _TIME.sub(lambda found: _when(found[0]), shown)


def _write(path: Path, parts: Iterator[str]) -> None:
    try:
        durable.make_folder(path.parent)
        durable.write_parts(path, (part.encode() for part in parts), 0o644)
    except FileExistsError:
        raise FileExists(f"{path} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{path} could not be written: {error.strerror}") from error

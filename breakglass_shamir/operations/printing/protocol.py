# SPDX-License-Identifier: Apache-2.0
"""The protocol of the day: what happens in which order, who does it, and when it was done.

Rules:

1. A plan is written before anything happens, to be printed and filled in. With ``--protocol`` the same page is
   written again at the end of the command, with what the records say: times, bags, notes.
2. What people type flows into the record by its own command: bags by ``ack``, exceptions by ``note``, the end of
   old sheets by ``destroyed``. Initials stay with the paper.
3. A protocol that cannot be written stops nothing that has begun.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.custody.life.state import LedgerState, write_seat
from breakglass_shamir.custody.names import inside
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted
from breakglass_shamir.errors import BreakglassError, FileExists, InvalidInput, PaperError
from breakglass_shamir.ledger import clock, durable
from breakglass_shamir.operations.printing.epochs import epoch_in_hand
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.sizes import Paper

EMPTY_LINES = 6
"""Lines for exceptions that nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ceremony."""

    who: str
    what: str
    after_min: int
    """Planned, in minutes after the beginning."""

    record: str = ""
    """Type of the record that says it was done; empty: only people can say."""


_NEW_SHEETS = (
    Step(
        "custodians, in turn", "Take the sheet from the printer, both sides, and lay it on the scanner", 0, "read-back"
    ),
    Step(
        "custodians, in turn",
        "Write the serial on the sheet, seal it in a bag, say the serial aloud",
        10,
        "acknowledged",
    ),
)

_OPENING = (
    Step("officers", "Read status and the ticket aloud; check who is in the room", 0),
    Step("officers", "Declare: class, ticket, reason, officers", 5, "declared"),
    Step("officers", "Sign the declaration, where the policy asks for it", 10, "officer-signed"),
    Step(
        "custodians, in turn",
        "Show the bag and its serial, open it before the others, scan or type the sheet",
        15,
        "opened",
    ),
)

_ROTATING = (
    Step("operator", "New sheets are printed; two people watch the printer", 0, "issued"),
    *_NEW_SHEETS,
    Step("operator", "The target is changed, and the old credential proven dead", 20, "old-dead"),
    Step("two witnesses", "Old sheets are destroyed; recorded by breakglass destroyed", 30, "destroyed"),
    Step("operator", "Files of sheets and scans are removed; status says that nothing is due", 35),
)


def _later(steps: Sequence[Step], minutes: int) -> tuple[Step, ...]:
    return tuple(Step(step.who, step.what, step.after_min + minutes, step.record) for step in steps)


ACTS: dict[str, tuple[str, tuple[Step, ...]]] = {
    "split": (
        "Protocol: a new set",
        (
            Step("operator", "The terminal is off the network; printer and scanner keep no copies; swap is off", 0),
            Step("everybody", "The policy and what policy check says of it are read aloud and signed", 10),
            Step("operator", "The credential is entered; sheets and drill cards are made", 20, "issued"),
            *_later(_NEW_SHEETS, 25),
            Step("operator", "Files of sheets and scans are removed; misprints are destroyed before two witnesses", 50),
            Step("auditor", "The terminal key's fingerprint, the epoch id and the tree's root are written down", 55),
        ),
    ),
    "recombine": (
        "Protocol: an opening",
        (
            *_OPENING,
            Step("officers", "Use the credential for what was declared, and nothing else", 20, "in-use"),
            Step("officers", "Say that the use is over, and what it was", 60, "use-ended"),
            *_later(_ROTATING, 65),
        ),
    ),
    "rotate": ("Protocol: a rotation", (*_OPENING, *_later(_ROTATING, 20))),
    "access": ("Protocol: an access drill", (*_OPENING, *_later(_ROTATING, 20))),
    "rehearsal": (
        "Protocol: a rehearsal",
        (
            *_OPENING[:3],
            Step("custodians, in turn", "Scan the drill card; the bag stays closed and elsewhere", 15, "rehearsed"),
            Step("officers", "What went wrong is said and noted; who was not reached is named", 20),
        ),
    ),
}  # fmt: skip
"""Ceremony to its title and steps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a protocol is about."""

    act: str
    policy: Policy | None
    set_name: str
    start: datetime | None = None
    """When it is planned to begin; None: times are given as minutes after the beginning."""


def write_plan(recorder: Recorder, plan: Plan, path: Path, paper: Paper, *, since: int | None = None) -> None:
    """Write the page to be filled in.

    Args:
        recorder: of the ledger.
        plan: what is to be done.
        path: the new file.
        paper: its size.
        since: number of a record; what the records from it on say is filled in. None: nothing is.

    Raises:
        FileExists: a file is there already.
        InvalidInput: a name cannot be printed.
        PaperError: it could not be written.
    """
    _refuse_existing(path)
    done = () if since is None else _done(recorder, plan.set_name, since)
    _write(path, _pdf(plan, recorder.state, done, paper))


def one_of_many(folder: Path | None, set_name: str, act: str) -> Path | None:
    """Return a file that is not there yet for the protocol of one set among many; None without a folder."""
    if folder is None:
        return None
    numbers = itertools.count(1)
    return next(
        path for number in numbers if not (path := inside(folder, names.protocol(set_name, act, number))).exists()
    )


def plan_of(recorder: Recorder, act: str, policy: Policy | None = None, start: datetime | None = None) -> Plan:
    """Plan a ceremony on a set, whose policy is its own unless another is given."""
    known = recorder.state.sets.get(recorder.set_name)
    if policy is None and known and known.policy_source:
        policy = policies.parse(known.policy_source)
    return Plan(act, policy, policy.name if policy else recorder.set_name, start)


@contextmanager
def kept(recorder: Recorder, act: str, path: Path | None, paper: Paper, policy: Policy | None = None) -> Iterator[None]:
    """Write the plan, and at the end, however it comes, what was done; nothing without a path.

    It stops nothing: a protocol that cannot be written is said.
    """
    before = recorder.ledger.size
    if path is None or not _planned_in_time(recorder, act, path, paper, policy):
        yield
        return
    try:
        yield
    finally:
        try:
            recorder.ledger.catch_up()
            done = _done(recorder, recorder.set_name, before)
            _write(path, _pdf(plan_of(recorder, act, policy), recorder.state, done, paper))
            recorder.desk.say(f"the protocol of the day is {path}: print it, and let everybody initial it")
        except BreakglassError as error:
            recorder.desk.warn(f"the protocol could not be brought up to date: {error}")


def _done(recorder: Recorder, set_name: str, since: int) -> list[Record]:
    """Return what was recorded about a set from a record on."""
    return [entry.record for entry in recorder.ledger.entries(since) if entry.record.set == set_name]


def _planned_in_time(recorder: Recorder, act: str, path: Path, paper: Paper, policy: Policy | None) -> bool:
    try:
        write_plan(recorder, plan_of(recorder, act, policy), path, paper)
    except BreakglassError as error:
        recorder.desk.warn(f"no protocol is kept: {error}")
        return False
    return True


def start_of(written: str) -> datetime:
    """Read when a ceremony begins: ``2026-12-01 09:00``.

    Raises:
        InvalidInput: it is no such time.
    """
    try:
        return datetime.strptime(written, "%Y-%m-%d %H:%M")
    except ValueError:
        raise InvalidInput(f"expected a day and time such as 2026-12-01 09:00, got {written[:30]!r}") from None


def _pdf(plan: Plan, state: LedgerState, done: Sequence[Record], paper: Paper) -> bytes:
    from breakglass_shamir.paper.drawing.protocol import ProtocolContent, Table, render_protocol

    title, steps = ACTS[plan.act]
    tables = (
        Table(
            "Steps", ("No", "What", "Who", "Planned", "Done (UTC)", "Initials"), (0.05, 0.43, 0.2, 0.11, 0.11, 0.1),
            tuple(_step_rows(plan, steps, done)),
        ),
        Table(
            "Sheets and bags", ("Sheet", "Custodian", "Serial of the bag", "Taken (UTC)", "Initials"),
            (0.09, 0.39, 0.26, 0.14, 0.12), tuple(_bag_rows(plan, state, done)),
        ),
        Table(
            "Exceptions", ("Time", "What was not as planned, and what was done about it", "By", "Initials"),
            (0.12, 0.56, 0.2, 0.12), (*_note_rows(done), *[("", "", "", "")] * EMPTY_LINES),
        ),
        Table("People in the room", ("Name", "Role", "Signature"), (0.35, 0.3, 0.35), tuple(_people(done))),
    )  # fmt: skip
    facts = (_fact(plan, state), f"Terminal {state.terminal or 'unnamed'}; recorded by {_program()}")
    return render_protocol(ProtocolContent(title, plan.set_name or "not known yet", facts, tables), paper)


def _step_rows(plan: Plan, steps: Sequence[Step], done: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    for number, step in enumerate(steps, 1):
        yield str(number), step.what, step.who, _planned(plan, step.after_min), _last_time(done, step.record), ""


def _planned(plan: Plan, minutes: int) -> str:
    if plan.start is None:
        return f"+{minutes} min"
    return f"{plan.start + timedelta(minutes=minutes):%H:%M}"


def _last_time(done: Sequence[Record], kind: str) -> str:
    """Return when the last record of a kind was made; empty for a step that no record tells of."""
    times = [record.time for record in done if record.body.__struct_config__.tag == kind]
    return times[-1][11:19] if times else ""


def _bag_rows(plan: Plan, state: LedgerState, done: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """Return a row for each sheet that is handed out; with a serial where one was recorded in this ceremony."""
    known = state.sets.get(plan.set_name)
    handed = plan.act != "rehearsal"
    epoch = epoch_in_hand(known) if known and known.current and done and handed else None
    taken = {
        (body.epoch_id, body.sheet): (body.bag, record.time[11:19])
        for record in done
        if isinstance(body := record.body, Acknowledged)
    }
    custodians = epoch.custodians if epoch else _custodians(plan)
    for seat, custodian in custodians.items():
        bag, time = taken.get((epoch.epoch_id if epoch else "", seat), ("", ""))
        yield seat, custodian, bag, time, ""


def _custodians(plan: Plan) -> dict[str, str]:
    if plan.policy is None:
        return {}
    return {write_seat(seat): policies.named(plan.policy.custodian(seat)) for seat in plan.policy.structure.seats()}


def _note_rows(done: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    for record in done:
        if isinstance(record.body, Noted):
            yield record.time[11:19], record.body.text, record.body.by, ""


def _people(done: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    officers = dict.fromkeys(
        name for record in done if isinstance(record.body, Declared) for name in record.body.officers
    )
    yield from ((name, "officer", "") for name in officers)
    yield from (("", role, "") for role in ("operator", "auditor", "witness", "witness"))


def _fact(plan: Plan, state: LedgerState) -> str:
    known = state.sets.get(plan.set_name)
    epoch = (
        f"Epoch {known.current_epoch.number} ({known.current_epoch.short_id}) in force"
        if known and known.current
        else "No epoch yet"
    )
    need = f"; opened by {plan.policy.structure.in_words()}" if plan.policy else ""
    day = f"{plan.start:%Y-%m-%d}" if plan.start else clock.now().time[:10]
    return f"{day}. {epoch}{need}"


def _program() -> str:
    from breakglass_shamir.version import __version__

    return f"breakglass {__version__}"


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExists(f"{path} is there already", hint="choose another file for the protocol")


def _write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, readable by its owner."""
    try:
        durable.write_over(path, content)
    except OSError as error:
        raise PaperError(f"the protocol could not be written to {path}: {error.strerror}") from error

# SPDX-License-Identifier: Apache-2.0
"""``status``: every set, of this home or of terminals elsewhere, for people and for monitoring."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.audit_sources import Elsewhere, from_options, tell_open
from breakglass_shamir.cli.screen.terminal import VERDICT_INDENT, Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.errors import BreakglassError, IntegrityError, InvalidInput
from breakglass_shamir.shell import breakglass, in_home, word

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.state import LedgerState, SetState
    from breakglass_shamir.operations.audit.standings import Standing
    from breakglass_shamir.operations.monitoring.formats import Life
    from breakglass_shamir.operations.monitoring.status import SetStatus
    from breakglass_shamir.operations.monitoring.to_do import ToDo

DUE = 7
"""Exit code when something is due or overdue."""

HEAD = ("SET", "STATE", "EPOCH", "VERIFIED", "HELD", "SPARE", "NEXT DRILL", "ROTATION")
"""The table's columns."""


NOTHING_DUE = ("nothing is due", "green")


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--format", "form", type=click.Choice(["table", "nagios", "prometheus"]), default="table", show_default=True,
    help="For people, for a monitoring plugin, for a metrics collector.",
)  # fmt: skip
@click.option("--custodian", default="", metavar="NAME", help="Only sets of which this custodian keeps a sheet.")
@click.option("--calendar", type=PATH, metavar="FILE", help="Write what is due for whom, as iCalendar.")
@from_options
@pass_terminal
def status(
    terminal: Terminal, /, names: tuple[str, ...], form: str, custodian: str, calendar: Path | None,
    elsewhere: Elsewhere,
) -> int:  # fmt: skip
    """Show every set, or those named: state, sheets, drills, rotation, and what is due, the soonest first.

    Exit code 7 when anything is due. As a plugin: 0, 1, 2 or 3, as plugins do. As metrics, and where a calendar is
    written: 0. A calendar says who keeps which sheet, and is written for its owner alone; with --custodian it holds
    what takes that person.

    With --from it is of terminals elsewhere, by their bundles or a collection, and needs no home: the state in which
    their records leave the sets now.
    """
    if elsewhere:
        if form != "table" or calendar is not None or custodian:
            raise InvalidInput("expected --from by itself, got --format, --calendar or --custodian beside it")
        return _elsewhere(terminal, names, elsewhere)
    if form != "table" and terminal.as_json:
        raise InvalidInput(f"expected either --json or --format {word(form)}, got both")
    if calendar is not None:
        if form != "table":
            raise InvalidInput(f"expected either --calendar or --format {word(form)}, got both")
        return _calendar(terminal, names, custodian, calendar)
    if form == "nagios":
        return _plugin(terminal, names, custodian)
    found, life = _read(terminal, names, custodian)
    silence = life.silence
    if form == "prometheus":
        from breakglass_shamir.operations.monitoring.formats import prometheus

        terminal.result(None, prometheus(found, life).splitlines())
        return 0
    due = not life.ended and bool(silence.late or life.copies or any(one.due or one.debts for one in found))
    document = {
        "sets": found, "due": due, "silence": silence, "copies": life.copies, "ended": life.ended or None,
        "witnessed": life.witnessed,
    }  # fmt: skip
    found = found if terminal.as_json else sorted(found, key=_rank)
    terminal.table(document, HEAD, [_row(one) for one in found])
    if not terminal.as_json:
        own = [(f"COPIED?  this ledger: {one}", "red") for one in life.copies]
        if life.ended:
            terminal.verdicts([*own, *_left_open(found, life.ended)])
            return 0
        own += [(f"OVERDUE  {life.said}", "red")] if silence.late else []
        terminal.verdicts(
            [
                *own, *(one for one in _verdicts(found, terminal.named_home) if not (own and one == NOTHING_DUE)),
                *_witnessed(life),
            ]
        )  # fmt: skip
    return DUE if due else 0


def _elsewhere(terminal: Terminal, names: tuple[str, ...], elsewhere: Elsewhere) -> int:
    """Show the sets of each terminal, and what is due there, with the terminal's name in front."""
    from breakglass_shamir.operations.audit import standings as operation

    with elsewhere.opened(terminal) as sources:
        tell_open(terminal, sources)
        found = operation.standings(sources, names)
    due = any(one.due for one in found)
    rows = [(one.terminal, *_row(each)) for one in found for each in sorted(one.sets, key=_rank)]
    terminal.table({"terminals": found, "due": due}, ("TERMINAL", *HEAD), rows)
    if not terminal.as_json:
        terminal.verdicts([line for one in found for line in _of_terminal(one)] or [NOTHING_DUE])
    return DUE if due else 0


def _of_terminal(one: "Standing") -> list[tuple[str, str]]:
    """Return what is due at a terminal, each line with its name in front; what is done about it is done there."""
    if one.ended:
        return [(f"RETIRED  {one.terminal}: since {one.ended}; its log has ended", "")]
    lines = [(f"OVERDUE  {one.terminal}: {one.late}", "red")] if one.late else []
    for each in sorted(one.sets, key=_rank):
        for what in each.to_do:
            word, colour = ("OVERDUE", "red") if what.urgent else ("due", "yellow")
            lines.append((f"{word:<{VERDICT_INDENT}}{one.terminal}, {each.name}: {what.what}", colour))
    return lines


def _witnessed(life: "Life") -> list[tuple[str, str]]:
    """Say how far the witnesses have cosigned the log, where any is configured."""
    if life.witnessed is None:
        return []
    from breakglass_shamir.cli.witness import in_words

    return [(in_words(life.witnessed), "")]


def _rank(one: "SetStatus") -> tuple[bool, bool, float, str]:
    """Put first what cannot wait, then what is due, then what will be due soonest, and at the end what is retired."""
    soonest = min((due.in_s for due in one.schedule), default=float("inf"))
    return not one.urgent, not one.due, soonest, one.name


def _calendar(terminal: Terminal, names: tuple[str, ...], custodian: str, out: Path) -> int:
    from breakglass_shamir.operations.fleet import calendar_file

    with recorder(terminal, names[0] if len(names) == 1 else "") as opened:
        found = calendar_file.write(out, _chosen(opened.state, names, custodian), custodian)
    overdue = f", {found.overdue} of them overdue" if found.overdue else ""
    whose = f"of {len(found.people)} people" if len(found.people) != 1 else f"of {found.people[0]}"
    terminal.result(found, [f"{found.appointments} appointments {whose} written to {found.out}{overdue}"])
    return 0


def _chosen(state: "LedgerState", names: tuple[str, ...], custodian: str) -> "list[SetState]":
    """Return the sets that are meant, by name and by who keeps a sheet.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: nobody of this name keeps a sheet of one of them.
    """
    from breakglass_shamir.nearest import did_you_mean
    from breakglass_shamir.operations.fleet.upcoming import keeps_a_sheet

    sets = [state.of(name) for name in dict.fromkeys(names)] or [state.sets[name] for name in sorted(state.sets)]
    if not custodian:
        return sets
    mine = [s for s in sets if keeps_a_sheet(s, custodian)]
    if not mine:
        known = {who for s in sets if s.current for who in s.current_epoch.custodians.values() if who}
        raise InvalidInput(
            f"no custodian {custodian[:80]!r} keeps a sheet of these sets", hint=did_you_mean(custodian, known)
        )
    return mine


def _read(terminal: Terminal, names: tuple[str, ...], custodian: str) -> "tuple[list[SetStatus], Life]":
    from breakglass_shamir.ledger import clock, witness_folder
    from breakglass_shamir.operations.monitoring import forks, heartbeat, queues
    from breakglass_shamir.operations.monitoring import status as operation
    from breakglass_shamir.operations.monitoring.formats import Life

    with recorder(terminal, names[0] if len(names) == 1 else "", only_reads=True) as opened:
        chosen = tuple(s.name for s in _chosen(opened.state, names, custodian)) if names or custodian else ()
        found = operation.status(opened.state, chosen, undelivered=queues.undelivered(terminal.home))
        ended = opened.state.ended.time if opened.state.ended else ""
        silence, copies = heartbeat.silence(opened.state, clock.now()), forks.signs(opened.ledger)
        life = Life(opened.state.terminal, silence, ended, copies)
        if not witness_folder.is_there(opened.ledger.path.parent):
            return found, life
        from breakglass_shamir.operations.witnessing import standing
        from breakglass_shamir.structs import replace

        return found, replace(life, witnessed=standing.known(opened.ledger))


def _plugin(terminal: Terminal, names: tuple[str, ...], custodian: str) -> int:
    """Say it as a plugin does, also that it could not be found out: a damaged ledger is critical."""
    from breakglass_shamir.formats.likeness import masked
    from breakglass_shamir.operations.monitoring import formats

    try:
        line, code = formats.nagios(*_read(terminal, names, custodian))
    except BreakglassError as error:
        code = formats.CRITICAL if isinstance(error, IntegrityError) else formats.UNKNOWN
        line = formats.nagios_error(masked(str(error)), code)
    terminal.result(None, [line])
    return code


def _row(one: "SetStatus") -> tuple[str, ...]:
    from breakglass_shamir.operations.monitoring.status import ago, days

    verified = f"{one.verified} of {one.sheets} {ago(one.verified_age_s)}" if one.verified else f"0 of {one.sheets}"
    drill = f"{one.next_drill.kind} {days(one.next_drill.in_s)}" if one.next_drill else "none"
    held, spare = f"{one.acknowledged} of {one.sheets}", str(one.losses_left)
    rotation = _rotation(one) or ("none" if one.rotation_in_s is None else days(one.rotation_in_s))
    return one.name, one.phase, f"{one.epoch} ({one.epoch_id})", verified, held, spare, drill, rotation


def _rotation(one: "SetStatus") -> str:
    """Say that a rotation is due for another reason than the credential's age; empty: it is not."""
    of_rotation = (breakglass("rotate", one.name),)
    reasons = [what for what in one.to_do if what.commands == of_rotation]
    return "overdue" if any(what.urgent for what in reasons) else "due" if reasons else ""


def _left_open(found: "list[SetStatus]", ended: str) -> list[tuple[str, str]]:
    """Say that the terminal is retired, and what its sets still owed then."""
    owed = [(f"left     {one.name}: {debt.what}", "yellow") for one in found for debt in one.debts]
    return [(f"RETIRED  this terminal, since {ended}: its log has ended", ""), *owed]


def _verdicts(found: "list[SetStatus]", home: Path | None) -> list[tuple[str, str]]:
    """Return what is due, each with its colour and its commands, what cannot wait first."""
    jobs = [(one, job) for one in found for job in _jobs(one.to_do)]
    urgent = [line for one, job in jobs if job[0].urgent for line in _lines(one, job, home)]
    due = [line for one, job in jobs if not job[0].urgent for line in _lines(one, job, home)]
    following = [line for one in found for what in one.next for line in _lines(one, [what], home, "next")]
    chains = [(f"chain    {one.name}: {one.chain.partition(': ')[2]}", "") for one in found if not one.chain_whole]
    chains += [(f"account  {one.name}: {one.account}", "") for one in found if one.account]
    later = [(f"retired  {one.name}: {one.retired}", "") for one in found if one.retired]
    later += [line for one in found for what in one.destroying for line in _lines(one, [what], home, "destroy")]
    reviews = [(f"review   {one.name}: {one.reviews}", "") for one in found if not one.reviewers_named]
    return [*urgent, *due, *([] if urgent or due else [NOTHING_DUE]), *following, *chains, *reviews, *later]


def _jobs(to_do: "Sequence[ToDo]") -> "list[list[ToDo]]":
    """Put together what the same commands do: it is one job, for several reasons; the most urgent come first."""
    jobs: dict[tuple[str, ...], list[ToDo]] = {}
    for what in to_do:
        jobs.setdefault(what.commands or (what.what,), []).append(what)
    return list(jobs.values())


def _lines(one: "SetStatus", job: "Sequence[ToDo]", home: Path | None, word: str = "") -> list[tuple[str, str]]:
    """Return what is to be done, and below it the commands that do it, which name the home where this one did."""
    word, colour = (word, "") if word else ("OVERDUE", "red") if job[0].urgent else ("due", "yellow")
    commands = [command if home is None else in_home(command, home) for command in job[0].commands]
    return [
        (f"{word:<{VERDICT_INDENT}}{one.name}: {job[0].what}", colour),
        *((f"{'and':<{VERDICT_INDENT}}{one.name}: {what.what}", colour) for what in job[1:]),
        *((" " * VERDICT_INDENT + command, "") for command in commands),
    ]

# SPDX-License-Identifier: Apache-2.0
"""``status``: every set, for people and for monitoring."""

from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.errors import BreakglassError, IntegrityError, InvalidInput
from breakglass_shamir.shell import word

if TYPE_CHECKING:
    from breakglass_shamir.operations.monitoring.formats import Life
    from breakglass_shamir.operations.monitoring.status import SetStatus

DUE = 7
"""Exit code when something is due or overdue."""

HEAD = ("SET", "STATE", "EPOCH", "VERIFIED", "HELD", "SPARE", "NEXT DRILL", "ROTATION")
"""The table's columns."""


NOTHING_DUE = ("nothing is due", "green")


@click.command()
@click.argument("name", required=False, default="")
@click.option(
    "--format", "form", type=click.Choice(["table", "nagios", "prometheus"]), default="table", show_default=True,
    help="For people, for a monitoring plugin, for a metrics collector.",
)  # fmt: skip
@pass_terminal
def status(terminal: Terminal, name: str, form: str) -> int:
    """Show every set, or NAME: state, sheets, drills, rotation, and what is due.

    Exit code 7 when anything is due. As a plugin: 0, 1, 2 or 3, as plugins do. As metrics: 0.
    """
    if form != "table" and terminal.as_json:
        raise InvalidInput(f"expected either --json or --format {word(form)}, got both")
    if form == "nagios":
        return _plugin(terminal, name)
    found, life = _read(terminal, name)
    silence = life.silence
    if form == "prometheus":
        from breakglass_shamir.operations.monitoring.formats import prometheus

        terminal.result(None, prometheus(found, life).splitlines())
        return 0
    due = not life.ended and bool(silence.late or life.copies or any(one.due or one.debts for one in found))
    document = {"sets": found, "due": due, "silence": silence, "copies": life.copies, "ended": life.ended or None}
    terminal.table(document, HEAD, [_row(one) for one in found])
    if not terminal.as_json:
        own = [(f"COPIED?  this ledger: {one}", "red") for one in life.copies]
        if life.ended:
            terminal.verdicts([*own, *_left_open(found, life.ended)])
            return 0
        own += [(f"OVERDUE  {life.said}", "red")] if silence.late else []
        terminal.verdicts([*own, *(one for one in _verdicts(found) if not (own and one == NOTHING_DUE))])
    return DUE if due else 0


def _read(terminal: Terminal, name: str) -> "tuple[list[SetStatus], Life]":
    from breakglass_shamir.ledger import clock
    from breakglass_shamir.operations.monitoring import alerting, forks, heartbeat
    from breakglass_shamir.operations.monitoring import status as operation
    from breakglass_shamir.operations.monitoring.formats import Life

    with recorder(terminal, name) as opened:
        found = operation.status(opened.state, name, undelivered=alerting.undelivered(terminal.home))
        ended = opened.state.ended.time if opened.state.ended else ""
        silence, copies = heartbeat.silence(opened.state, clock.now()), forks.signs(opened.ledger)
        return found, Life(opened.state.terminal, silence, ended, copies)


def _plugin(terminal: Terminal, name: str) -> int:
    """Say it as a plugin does, also that it could not be found out: a damaged ledger is critical."""
    from breakglass_shamir.formats.likeness import masked
    from breakglass_shamir.operations.monitoring import formats

    try:
        line, code = formats.nagios(*_read(terminal, name))
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
    rotation = "none" if one.rotation_in_s is None else days(one.rotation_in_s)
    return one.name, one.phase, f"{one.epoch} ({one.epoch_id})", verified, held, spare, drill, rotation


def _left_open(found: "list[SetStatus]", ended: str) -> list[tuple[str, str]]:
    """Say that the terminal is retired, and what its sets still owed then."""
    owed = [(f"left     {one.name}: {debt.what}", "yellow") for one in found for debt in one.debts]
    return [(f"RETIRED  this terminal, since {ended}: its log has ended", ""), *owed]


def _verdicts(found: "list[SetStatus]") -> list[tuple[str, str]]:
    """Return what is due, each with its colour, what cannot wait first."""
    urgent = [(f"OVERDUE  {one.name}: {what}", "red") for one in found for what in one.urgent]
    due = [(f"due      {one.name}: {what}", "yellow") for one in found for what in one.due if what not in one.urgent]
    chains = [(f"chain    {one.name}: {one.chain.partition(': ')[2]}", "") for one in found if not one.chain_whole]
    later = [(f"retired  {one.name}: {one.retired}", "") for one in found if one.retired]
    later += [(f"destroy  {one.name}: {what}", "") for one in found for what in one.to_destroy]
    return [*urgent, *due, *([] if urgent or due else [NOTHING_DUE]), *chains, *later]

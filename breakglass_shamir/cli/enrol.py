# SPDX-License-Identifier: Apache-2.0
"""``enrol``: what one terminal tells another of its sets."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.attempt import open_or_begin
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.errors import NoHome
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.operations.enrolment.exporting import Exported
    from breakglass_shamir.operations.enrolment.importing import Taken, TakenSet
    from breakglass_shamir.operations.enrolment.new_sinks import Problem


@click.group()
def enrol() -> None:
    """A second terminal learns sets before the first night: public data, signed, compared by people."""


@enrol.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--out", type=PATH, metavar="FILE", help="A new file for the other terminal.")
@click.option(
    "--since", type=click.IntRange(min=1), multiple=True, metavar="RECORDS",
    help="Prove that this log goes on from that many records; what an import asks for.",
)  # fmt: skip
@pass_terminal
def export(terminal: Terminal, names: tuple[str, ...], out: Path | None, since: tuple[int, ...]) -> None:
    """Write what this terminal knows of the sets NAME... to FILE: policies, envelopes, who keeps which sheet.

    Nothing in it is secret. Carry it to the other terminal, and type the fingerprint there that this command shows.
    """
    from breakglass_shamir.operations.enrolment import exporting

    if not names:
        said = terminal.ask(None, "NAME", "Sets, separated by commas")
        names = tuple(name.strip() for name in said.split(",") if name.strip())
    place = Path(terminal.ask(None if out is None else str(out), "--out", "A new file for the other terminal"))
    with recorder(terminal) as opened:
        found = exporting.export(opened, names, place, since)
    terminal.result(found, _exported(found))


@enrol.command()
@click.argument("file", type=PATH)
@pass_terminal
def fingerprint(terminal: Terminal, file: Path) -> None:
    """Show the fingerprint of FILE once more, at the terminal that wrote it."""
    from breakglass_shamir.operations.enrolment import exporting

    with recorder(terminal) as opened:
        found = exporting.fingerprint(opened, file)
    document = {"fingerprint": found.fingerprint, "sha256": found.sha256, "sets": [said.set for said in found.said]}
    terminal.result(document, [f"fingerprint  {found.fingerprint}"])


@enrol.command(name="import")
@click.argument("file", type=PATH)
@click.option("--fingerprint", "typed", default="", metavar="TEXT", help="As the other terminal shows it.")
@click.option(
    "--decline-sink", "declined", multiple=True, metavar="SINK", help="Go on without this sink; once for each."
)
@pass_terminal
def import_(terminal: Terminal, file: Path, typed: str, declined: tuple[str, ...]) -> None:
    """Take what another terminal wrote to FILE; a machine without a ledger begins one.

    Each sink that comes with a policy takes a test event first, or is declined by its name.
    """
    from breakglass_shamir.operations.enrolment import importing, package

    if not _has_ledger(terminal):
        package.read(file)  # so that no ledger begins for a file that is none
    open_or_begin(terminal)
    people = importing.People(lambda problem: _ask(terminal, problem), lambda one: _decide(terminal, one))
    with recorder(terminal) as opened:
        found = importing.take(opened, file, people, fingerprint=typed, declined=declined)
    terminal.result(found, _taken(found))


def _has_ledger(terminal: Terminal) -> bool:
    from breakglass_shamir.ledger import home

    try:
        home.require(terminal.home)
    except NoHome:
        return False
    return True


def _ask(terminal: Terminal, problem: str) -> str | None:
    """Ask for the fingerprint; an empty line says that nobody has it."""
    if not interactive():
        return None
    if problem:
        terminal.warn(problem)
    return terminal.ask_public("Fingerprint on the other terminal's screen (empty: stop)") or None


def _decide(terminal: Terminal, one: "Problem") -> bool | None:
    """Ask what becomes of a sink that takes no alert from here."""
    if not interactive():
        return None
    terminal.warn(f"sink {one.sink} ({one.kind}) of {one.set_name}: {one.words}")
    question = f"Mend it and press Enter to try again, or type {one.sink} to go on without it"
    while True:
        said = terminal.ask_optional(question)
        if not said:
            return True
        if said == one.sink:
            return False
        terminal.warn("that is not its name")


def _exported(found: "Exported") -> list[str]:
    return [
        f"written: {', '.join(one.set_name for one in found.sets)} to {found.out}; nothing in it is secret",
        f"fingerprint  {found.fingerprint}",
        f"next, at the other terminal: {breakglass('enrol import', found.out.name)}, and type this fingerprint there",
    ]


def _taken(found: "Taken") -> list[str]:
    lines = [f"pinned: {found.terminal}, {counted(found.records, 'record')}, log {found.log_id}"]
    for one in found.sets:
        lines += _set_lines(one)
    if found.successions:
        lines.append(f"proven: {found.successions} rotation{'' if found.successions == 1 else 's'} made elsewhere")
    return [*lines, *(f"receipt kept: {path}" for path in found.receipts)]


def _set_lines(one: "TakenSet") -> list[str]:
    state = "enrolled" if one.changed else "known already"
    lines = [f"{state}: {one.set_name}, epoch {one.epoch} ({one.epoch_id}), policy {one.policy}"]
    if one.retired:
        lines.append(f"  {one.set_name} is retired")
    if one.sinks_tested:
        lines.append(f"  sinks that took a test event: {', '.join(one.sinks_tested)}")
    if one.sinks_declined:
        lines.append(f"  sinks that were declined: {', '.join(one.sinks_declined)}")
    return lines

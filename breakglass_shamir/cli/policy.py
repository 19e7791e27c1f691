# SPDX-License-Identifier: Apache-2.0
"""``policy``: an example to start from, and what a person asks before signing one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.opening import open_or_begin
from breakglass_shamir.cli.printing import printing_of, printing_options
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, read_text, recorder, sheets_from

if TYPE_CHECKING:
    from breakglass_shamir.operations.policy.adopt import Adoption
    from breakglass_shamir.operations.policy.checking import Ledgered, PolicyAnswers


@click.group()
def policy() -> None:
    """Policy as code: who may open what, when and how."""


@policy.command()
@click.argument("connector", default="ssh-key")
@pass_terminal
def example(terminal: Terminal, connector: str) -> None:
    """Print an example policy with every key explained."""
    from breakglass_shamir.operations.policy import examples

    source = examples.example(connector)
    terminal.result({"policy": source}, source.rstrip("\n").splitlines())


@policy.command()
@click.argument("file", type=PATH)
@pass_terminal
def check(terminal: Terminal, file: Path) -> None:
    """Say whether FILE is a policy, and what it means: all mistakes at once, or who can open the set."""
    from breakglass_shamir.operations.policy import checking

    found = checking.check(read_text(file), _ledgered(terminal, file))
    for line in found.warnings:
        terminal.warn(line)
    for line in found.notes:
        terminal.say(f"note: {line}")
    terminal.result(found, _answers(found))


@policy.command()
@pass_terminal
def schema(terminal: Terminal) -> None:
    """Print the JSON Schema of a policy file, for an editor."""
    from breakglass_shamir.operations.policy import checking

    text = checking.schema()
    terminal.result(json.loads(text), text.splitlines())


@policy.command()
@click.argument("file", type=PATH)
@click.option("--scan", "scans", type=PATH, multiple=True, help="Sheets of the quorum: picture, PDF or folder.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@click.option("--reason", default="another policy", show_default=True, help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@printing_options
@pass_terminal
def adopt(
    terminal: Terminal, /, file: Path, scans: tuple[Path, ...], typed: str | None, reason: str,
    officers: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Put FILE in force for the set it names; before its sheets come, too, on a terminal that does not know it.

    What weakens the set takes its quorum: scan the sheets, and say where those of the next epoch go.
    """
    from breakglass_shamir.operations.policy import adopt as operation
    from breakglass_shamir.paper.reading.scan import Scanner

    source = read_text(file)
    open_or_begin(terminal)
    if not (scans or typed):
        with recorder(terminal) as opened:
            terminal.result(found := operation.adopt(opened, source), _adopted(found))
        return
    harden(terminal)
    sources = sheets_from(terminal, scans, typed)
    printing = printing_of(**options)
    with Scanner() as scanner, recorder(terminal) as opened:
        ceremony = operation.Ceremony(sources, printing, scanner, reason, officers)
        found = operation.adopt(opened, source, ceremony)
    terminal.result(found, _adopted(found))


def _adopted(found: "Adoption") -> list[str]:
    if not found.changed:
        return [f"in force already: nothing was recorded for {found.set_name}"]
    lines = [f"adopted: the policy of {found.set_name} is {found.digest}"]
    if found.rotated:
        lines.append(f"rotated: epoch {found.epoch} of {found.set_name} is in force, every earlier sheet is void")
    return [*lines, *(f"owed: {debt}" for debt in found.debts)]


def _answers(found: "PolicyAnswers") -> list[str]:
    from breakglass_shamir.custody.policy.availability import percent

    fewer = found.fewest_people is not None and found.fewest_people < found.smallest_coalition
    people = f", held by {found.fewest_people} people" if fewer else ""
    stops = ", ".join((*found.people_that_stop, *found.sites_that_stop)) or "nobody and no site"
    lines = [
        f"set                 {found.name}",
        f"opened by           {found.opens_with}",
        f"smallest coalition  {found.smallest_coalition} sheets{people}",
        f"may be lost         {found.most_losses} of {found.sheets} sheets, whichever they are",
        f"alone can stop it   {stops}",
        f"alone can open it   {', '.join(found.sites_that_open) or 'nobody and no site'}",
    ]
    if found.chance:
        lines.append(f"quorum comes        {percent(found.chance.quorum)}")
        if found.chance.one_site_down is not None:
            lines.append(f"  with a site down  {percent(found.chance.one_site_down)} ({found.chance.worst_site})")
    generated = f"generated           {found.generated_characters} characters, {found.generated_bits} bits"
    return [*lines, generated, f"digest              {found.digest}"]


def _ledgered(terminal: Terminal, file: Path) -> "Ledgered | None":
    """Look at what this terminal keeps; None where there is no ledger to ask."""
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.errors import BreakglassError
    from breakglass_shamir.operations.policy.checking import Ledgered

    try:
        name = policies.parse(read_text(file)).name
        with recorder(terminal) as opened:
            return Ledgered.of(opened.state, name)
    except BreakglassError:
        return None

# SPDX-License-Identifier: Apache-2.0
"""``policy``: an example to start from, and what a person asks before signing one."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.session import PATH, pass_terminal, read_text, recorder
from breakglass_shamir.cli.terminal import Terminal

if TYPE_CHECKING:
    from breakglass_shamir.operations.policies import PolicyAnswers


@click.group()
def policy() -> None:
    """Policy as code: who may open what, when and how."""


@policy.command()
@click.argument("connector", default="ssh-key")
@pass_terminal
def example(terminal: Terminal, connector: str) -> None:
    """Print an example policy with every key explained."""
    from breakglass_shamir.operations import policy_examples

    source = policy_examples.example(connector)
    terminal.result({"policy": source}, source.rstrip("\n").splitlines())


@policy.command()
@click.argument("file", type=PATH)
@pass_terminal
def check(terminal: Terminal, file: Path) -> None:
    """Say whether FILE is a policy, and what it means: all mistakes at once, or who can open the set."""
    from breakglass_shamir.operations import policies

    found = policies.check(read_text(file), _other_sets(terminal, file))
    for line in found.warnings:
        terminal.warn(line)
    for line in found.notes:
        terminal.say(f"note: {line}")
    terminal.result(found, _answers(found))


@policy.command()
@pass_terminal
def schema(terminal: Terminal) -> None:
    """Print the JSON Schema of a policy file, for an editor."""
    from breakglass_shamir.operations import policies

    text = policies.schema()
    terminal.result(json.loads(text), text.splitlines())


def _answers(found: "PolicyAnswers") -> list[str]:
    from breakglass_shamir.custody.availability import percent

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
    return [*lines, f"digest              {found.digest}"]


def _other_sets(terminal: Terminal, file: Path) -> dict[str, int] | None:
    """Count this terminal's other sets by target; None where there is no ledger to ask."""
    from breakglass_shamir.custody import policy as policies
    from breakglass_shamir.errors import BreakglassError

    try:
        own = policies.parse(read_text(file)).name
        with recorder(terminal) as opened:
            sources = [one.policy_source for one in opened.state.sets.values() if one.policy_source and one.name != own]
    except BreakglassError:
        return None
    return dict(Counter(policies.parse(source).target.uri for source in sources))

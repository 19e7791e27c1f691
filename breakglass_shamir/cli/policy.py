# SPDX-License-Identifier: Apache-2.0
"""``policy``: an example to start from, and what a person asks before signing one."""

from pathlib import Path

import click

from breakglass_shamir.cli.session import PATH, pass_terminal, read_text
from breakglass_shamir.cli.terminal import Terminal


@click.group()
def policy() -> None:
    """Policy as code: who may open what, when and how."""


@policy.command()
@click.argument("connector", default="ssh-key")
@pass_terminal
def example(terminal: Terminal, connector: str) -> None:
    """Print an example policy with every key explained."""
    from breakglass_shamir.operations import policies

    source = policies.example(connector)
    terminal.result({"policy": source}, source.rstrip("\n").splitlines())


@policy.command()
@click.argument("file", type=PATH)
@pass_terminal
def check(terminal: Terminal, file: Path) -> None:
    """Say whether FILE is a policy, and what it means."""
    from breakglass_shamir.operations import policies

    found = policies.check(read_text(file))
    lines = [
        f"set                 {found.name}",
        f"opened by           {found.opens_with}",
        f"smallest coalition  {found.smallest_coalition} sheets",
        f"may be lost         {found.most_losses} of {found.sheets} sheets, whichever they are",
        f"digest              {found.digest}",
    ]
    terminal.result(found, lines)

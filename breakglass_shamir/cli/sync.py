# SPDX-License-Identifier: Apache-2.0
"""``sync``: this terminal's records go to the collection."""

from pathlib import Path

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted


@click.command()
@click.option("--to", "place", required=True, metavar="ADDRESS", help="Such as postgresql:///?service=collection.")
@click.option("--collector", type=PATH, metavar="FILE", help="The collector's public key; once, it is pinned.")
@pass_terminal
def sync(terminal: Terminal, place: str, collector: Path | None) -> None:
    """Push this terminal's new records to a collection, and keep the checkpoint that it cosigned."""
    from breakglass_shamir.operations.collecting import syncing

    with recorder(terminal) as opened:
        found = syncing.sync(opened.ledger, place, collector)
    if found.set_back:
        terminal.warn("the collection has less than it cosigned before: it was set back; it is filled again from here")
    lines = [f"pushed: {counted(found.pushed, 'record')}; cosigned so far: {found.cosigned} of {found.records}"]
    terminal.result(found, lines + ([f"witness kept: {found.witness}"] if found.witness else []))

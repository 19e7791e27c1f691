# SPDX-License-Identifier: Apache-2.0
"""``destroyed`` and ``note``: what people saw and wrote down on the day."""

import click

from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.cli.terminal import Terminal


@click.command()
@click.argument("name")
@click.argument("sheets", nargs=-1, required=True, metavar="SHEET...")
@click.option("--epoch", type=int, help="Their epoch; needed where several have sheets that open nothing.")
@click.option("--witness", "witnesses", multiple=True, required=True, help="Who saw it; two or more, once for each.")
@pass_terminal
def destroyed(
    terminal: Terminal, name: str, sheets: tuple[str, ...], epoch: int | None, witnesses: tuple[str, ...]
) -> None:
    """Record that SHEETs of NAME, which open nothing any more, were destroyed before witnesses."""
    from breakglass_shamir.operations import ceremony
    from breakglass_shamir.operations.custodians import seat

    with recorder(terminal, name) as opened:
        found = ceremony.destroyed(opened, [seat(sheet) for sheet in sheets], epoch, witnesses)
    terminal.result(found, [f"destroyed: sheets {', '.join(found.sheets)} of {name}, epoch {found.epoch}"])


@click.command()
@click.argument("name")
@click.argument("text")
@click.option("--by", required=True, help="Who wrote it down.")
@pass_terminal
def note(terminal: Terminal, name: str, text: str, by: str) -> None:
    """Record a line of a ceremony's protocol about NAME: an exception, a time, a serial."""
    from breakglass_shamir.operations import ceremony

    with recorder(terminal, name) as opened:
        found = ceremony.note(opened, text, by)
    terminal.result(found, [f"noted: record {found.record} of {name}"])

# SPDX-License-Identifier: Apache-2.0
"""``rotate`` and ``settle``: what ends a debt."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from breakglass_shamir.cli.printing import ask_for_folders, printing_of, printing_options, protocol_option
from breakglass_shamir.cli.receipts import giving_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import (
    PATH,
    harden,
    pass_terminal,
    read_secret,
    reading_options,
    recorder,
    sheets_from,
    target_options,
)


@click.command()
@click.argument("name")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder of sheets.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@reading_options
@click.option("--reason", default="planned rotation", show_default=True, help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@click.option("--attest-old-dead", "attest", is_flag=True, help="Two officers vouch for it; it stays a debt.")
@receipts_option
@click.option("--new-credential-from", "brought", metavar="FILE|-", help="The new secret, where none can be made.")
@click.option("--raw", is_flag=True, help="A newline at its end belongs to it.")
@target_options
@printing_options
@protocol_option
@pass_terminal
def rotate(
    terminal: Terminal, /, name: str, scans: tuple[Path, ...], typed: str | None, reason: str,
    watched: Path | None, camera: int | Path | None, officers: tuple[str, ...], attest: bool,
    brought: str | None, raw: bool, receipts_to: Path | None, protocol: Path | None, target: str, account: str,
    **options: Any,
) -> None:  # fmt: skip
    """Start or resume the rotation of NAME; this is what settles a rotation debt.

    Nobody sees the credential. When an earlier run was interrupted while it changed the target, scan the old
    and the new sheets together. Where the old sheets are gone, or where people change the target,
    --attest-old-dead goes on with the new ones. A file, and whatever else nobody here can make, is brought with
    --new-credential-from.
    """
    from breakglass_shamir.operations.credential import rotate as operation
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.operations.targets import Named
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    sources = sheets_from(terminal, scans, typed, watched=watched, camera=camera, timeout=options["timeout"])
    new = read_secret(brought, raw=raw) if brought else None
    ask_for_folders(terminal, options)
    printing = printing_of(**options)
    with (
        Scanner() as scanner,
        recorder(terminal, name) as opened,
        protocols.kept(opened, "rotate", protocol, options["paper"]),
    ):
        scanner.start()
        with giving_receipts(terminal, opened, receipts_to) as files:
            found = operation.rotate(
                opened, sources, printing, scanner, reason=reason, officers=officers, attest=attest, brought=new,
                named=Named(target, account),
            )  # fmt: skip
    lines = [
        f"rotated: epoch {found.epoch} of {name} is in force, every earlier sheet is void",
        *(f"owed: {debt}" for debt in found.debts),
    ]
    terminal.result(replace(found, receipts=tuple(files)), lines)


@click.command()
@click.argument("name")
@click.argument("debt")
@click.option("--officer", "officers", multiple=True, required=True, help="Who looked at it; once for each.")
@click.option("--reason", required=True, help="What was found.")
@pass_terminal
def settle(terminal: Terminal, name: str, debt: str, officers: tuple[str, ...], reason: str) -> None:
    """Settle the DEBT of an overridden check; a rotation debt is settled by rotating only."""
    from breakglass_shamir.operations.credential import rotate as operation

    with recorder(terminal, name) as opened:
        operation.settle(opened, debt, reason, officers)
    terminal.result({"set": name, "debt": debt}, [f"settled: {debt} of {name}"])

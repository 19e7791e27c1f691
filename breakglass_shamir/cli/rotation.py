# SPDX-License-Identifier: Apache-2.0
"""``rotate`` and ``settle``: what ends a debt."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from breakglass_shamir.operations.reading.sources import Sources


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
        f"rotated: {found.in_force}",
        *(f"owed: {debt}" for debt in found.debts),
    ]
    terminal.result(replace(found, receipts=tuple(files)), lines)


@click.command()
@click.argument("name")
@click.argument("debt")
@click.option("--officer", "officers", multiple=True, required=True, help="Who looked at it; once for each.")
@click.option("--reason", required=True, help="What was found.")
@click.option("--attest-old-dead", "attest", is_flag=True, help="Vouch that an older epoch's credential is dead.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="With it: scans of the old sheets, to ask the target.")
@click.option("--typed", metavar="FILE|-", help="With it: typed lines and codes of the old sheets.")
@reading_options
@pass_terminal
def settle(
    terminal: Terminal, /, name: str, debt: str, officers: tuple[str, ...], reason: str, attest: bool,
    scans: tuple[Path, ...], typed: str | None, watched: Path | None, camera: int | Path | None,
) -> None:  # fmt: skip
    """Settle the DEBT of an overridden check, or on people's word the rotation of an epoch that is not in force.

    A rotation is settled by rotating, or by a proof from another terminal. Where neither can be had,
    --attest-old-dead takes the word of those who may settle, two people at least, unless the target accepts the
    old credential. That stays a debt. With the old sheets the target is asked.
    """
    from breakglass_shamir.operations.credential import rotate as operation

    brings = bool(scans or typed or watched is not None or camera is not None)
    if brings and not attest:
        raise click.UsageError("expected --attest-old-dead with the old sheets")
    if attest:
        _attest(terminal, name, debt, officers, reason, _sheets(terminal, scans, typed, watched, camera, brings=brings))
        return
    with recorder(terminal, name) as opened:
        operation.settle(opened, debt, reason, officers)
    terminal.result({"set": name, "debt": debt}, [f"settled: {debt} of {name}"])


def _sheets(
    terminal: Terminal, scans: tuple[Path, ...], typed: str | None, watched: Path | None, camera: int | Path | None,
    *, brings: bool,
) -> "Sources | None":  # fmt: skip
    if not brings:
        return None
    harden(terminal)
    return sheets_from(terminal, scans, typed, watched=watched, camera=camera)


def _attest(
    terminal: Terminal, name: str, debt: str, officers: tuple[str, ...], reason: str, sources: "Sources | None"
) -> None:  # fmt: skip
    from breakglass_shamir.operations.lineage import attest as operation
    from breakglass_shamir.paper.reading.scan import Scanner

    with recorder(terminal, name) as opened, Scanner() as scanner:
        if sources is not None:
            scanner.start()
        found = operation.attest(opened, debt, officers, reason, sources, scanner)
    lines = [
        f"settled: {debt} of {name}, attested by {', '.join(officers)}, not proven; the target's answer: {found.asked}",
        *(f"owed: {one}" for one in found.owed),
    ]
    terminal.result(found, lines)

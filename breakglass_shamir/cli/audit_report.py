# SPDX-License-Identifier: Apache-2.0
"""``audit report``: everything that happened, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.audit_sources import Elsewhere, from_options, period_options
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.operations.audit.report import Written


@click.command()
@click.option("--out", type=PATH, required=True, help="A new HTML file.")
@period_options
@click.option("--full", is_flag=True, help="Verify every signature and root, however long the log is.")
@click.option("--receipt", "receipts", type=PATH, multiple=True, help="A receipt to hold the log against.")
@click.option("--sheet", "sheets", type=PATH, multiple=True, help="Scans of sheets to hold the log against.")
@from_options
@pass_terminal
def report(
    terminal: Terminal, /, out: Path, set_name: str, since: str, until: str, full: bool, receipts: tuple[Path, ...],
    sheets: tuple[Path, ...], elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """Verify the log and write what happened as one HTML page, to be read, printed and kept.

    Epochs, sheets and what is owed are always whole; --since leaves out what was over before, --until what began after.
    A log that does not hold gives a page that says so, and exit code 5. Beside the page lies the same as JSON.

    With --from it is made of bundles or a collection, of several terminals at once, and needs no home.
    """
    from breakglass_shamir.ledger import guarded
    from breakglass_shamir.operations.audit import report as operation
    from breakglass_shamir.operations.monitoring import queues
    from breakglass_shamir.operations.recorder import warn_of_others

    if sheets:
        harden(terminal)
    wanted = operation.Wanted(set_name, since, until, True if full else None, receipts, sheets)
    if elsewhere:
        from breakglass_shamir.operations.audit import bundle_report

        with terminal.progress("verifying") as progress:
            found = bundle_report.write(
                elsewhere.places, elsewhere.pins, out, wanted, collector=elsewhere.cosigner(),
                terminals=elsewhere.terminals, say=terminal.warn, progress=progress,
            )  # fmt: skip
        terminal.result(found, _lines(found))
        return
    warn_of_others(terminal, guarded.look(terminal.home))
    with terminal.progress("verifying") as progress:
        found = operation.write(
            terminal.home, out, wanted, undelivered=queues.undelivered(terminal.home), progress=progress
        )
    terminal.result(found, _lines(found))


def _lines(found: "Written") -> list[str]:
    sets = f"{len(found.sets)} set{'' if len(found.sets) == 1 else 's'}"
    openings = f"{found.openings} opening{'' if found.openings == 1 else 's'}"
    lines = [f"{found.out}: {counted(found.records, 'record')}, {sets}, {openings}", f"tree root {found.root.hex()}"]
    lines += [f"holds  {words}" for words in found.holds]
    lines += [f"open   {words}" for words in found.open]
    return lines + [f"due    {words}" for words in found.due]

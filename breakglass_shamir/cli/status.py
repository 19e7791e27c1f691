# SPDX-License-Identifier: Apache-2.0
"""``status``: every set, and exit code 7 when anything is due."""

from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.cli.terminal import Terminal

if TYPE_CHECKING:
    from breakglass_shamir.operations.status import SetStatus

DUE = 7
"""Exit code when something is due or overdue."""


@click.command()
@click.argument("name", required=False, default="")
@pass_terminal
def status(terminal: Terminal, name: str) -> int:
    """Show every set, or NAME: state, sheets, debts. Exit code 7 when anything is due."""
    from breakglass_shamir.operations import status as operation

    with recorder(terminal, name) as opened:
        found = operation.status(opened.state, name)
    due = any(one.due or one.debts for one in found)
    terminal.table({"sets": found, "due": due}, ("SET", "STATE", "EPOCH", "READ BACK", "HELD", "DUE"), _rows(found))
    return DUE if due else 0


def _rows(found: "list[SetStatus]") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in found:
        overdue = {debt.what for debt in one.debts if debt.overdue}
        due = [f"OVERDUE {what}" if what in overdue else what for what in one.due] or ["nothing"]
        facts = (one.name, one.phase, f"{one.epoch} ({one.epoch_id})", f"{one.read_back} of {one.sheets}")
        rows.append((*facts, f"{one.acknowledged} of {one.sheets}", due[0]))
        rows += [("", "", "", "", "", what) for what in due[1:]]
    return rows

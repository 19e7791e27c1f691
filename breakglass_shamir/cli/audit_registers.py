# SPDX-License-Identifier: Apache-2.0
"""``audit openings``, ``drills``, ``debts`` and ``holders``: registers, as tables, JSON or CSV."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.audit_sources import Elsewhere, check_csv, csv_option, from_options, logs, period_options
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal
from breakglass_shamir.errors import UnknownSet

if TYPE_CHECKING:
    from breakglass_shamir.operations.audit.registers import DebtLine, DrillLine, HolderLine, OpeningLine, Told


@click.command()
@period_options
@csv_option
@from_options
@pass_terminal
def openings(
    terminal: Terminal, /, set_name: str, since: str, until: str, as_csv: bool, elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """List the openings: who, why, when, for how long, and what became of them."""
    from breakglass_shamir.operations.audit import registers as operation
    from breakglass_shamir.operations.audit.period import Period

    check_csv(terminal, as_csv=as_csv)
    period = Period.of(since, until)
    found = operation.openings(_told(terminal, elsewhere, set_name), set_name=set_name, period=period)

    def cells(one: "OpeningLine") -> Sequence[str]:
        officers = ", ".join(f"{name} (signed)" if name in one.signed_by else name for name in one.officers)
        return (one.terminal, one.set_name, one.opening[:12], one.declared, one.purpose, one.ticket, officers,
                one.opened, one.ended, one.classification, one.outcome or "under way", one.review)  # fmt: skip

    head = ("TERMINAL", "SET", "OPENING", "DECLARED", "PURPOSE", "TICKET", "OFFICERS", "OPENED", "ENDED", "WAS", "NOW",
            "REVIEW")  # fmt: skip
    _list(terminal, "openings", found, head, cells, operation.OpeningLine, as_csv=as_csv)


@click.command()
@period_options
@csv_option
@from_options
@pass_terminal
def drills(
    terminal: Terminal, /, set_name: str, since: str, until: str, as_csv: bool, elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """List the drills: rehearsals, access drills, and each look at a sheet."""
    from breakglass_shamir.operations.audit import registers as operation
    from breakglass_shamir.operations.audit.period import Period

    check_csv(terminal, as_csv=as_csv)
    period = Period.of(since, until)
    found = operation.drills(_told(terminal, elsewhere, set_name), set_name=set_name, period=period)

    def cells(one: "DrillLine") -> Sequence[str]:
        what = f"{one.drill}, {one.level}" if one.level else one.drill
        return (one.terminal, one.set_name, one.time, what, one.epoch, ", ".join(one.sheets), one.custodian, one.result,
                "; ".join(one.reasons))  # fmt: skip

    head = ("TERMINAL", "SET", "TIME", "DRILL", "EPOCH", "SHEETS", "CUSTODIAN", "RESULT", "WHY")
    _list(terminal, "drills", found, head, cells, operation.DrillLine, as_csv=as_csv)


@click.command()
@period_options
@csv_option
@from_options
@pass_terminal
def debts(
    terminal: Terminal, /, set_name: str, since: str, until: str, as_csv: bool, elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """List the debts, those that are settled among them: what was owed since when, and what settled it."""
    from breakglass_shamir.operations.audit import registers as operation
    from breakglass_shamir.operations.audit.period import Period

    check_csv(terminal, as_csv=as_csv)
    period = Period.of(since, until)
    found = operation.debts(_told(terminal, elsewhere, set_name), set_name=set_name, period=period)

    def cells(one: "DebtLine") -> Sequence[str]:
        settled = f"{one.settled}, late" if one.late else one.settled
        so_far = f", {len(one.signers)} of {one.needed}" if one.signers else ""
        owed = f"owed: {'a review' if one.review else 'settle it'}{so_far}" if one.needed else "owed"
        return (one.terminal, one.set_name, one.debt, one.since, one.what, settled or owed, one.by)

    head = ("TERMINAL", "SET", "DEBT", "SINCE", "WHAT", "SETTLED", "BY")
    _list(terminal, "debts", found, head, cells, operation.DebtLine, as_csv=as_csv)


@click.command()
@period_options
@click.option("--past", is_flag=True, help="Those, too, who hold it no more. Without it: who holds what now.")
@csv_option
@from_options
@pass_terminal
def holders(
    terminal: Terminal, /, set_name: str, since: str, until: str, past: bool, as_csv: bool, elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """List who holds which sheet, by person, across sets; with --past, --since or --until who held it when.

    Void sheets that were not destroyed are listed: they are paper in somebody's hands.
    """
    from breakglass_shamir.operations.audit import registers as operation
    from breakglass_shamir.operations.audit.period import Period

    check_csv(terminal, as_csv=as_csv)
    period = Period.of(since, until)
    told = _told(terminal, elsewhere, set_name)
    found = operation.holders(told, set_name=set_name, period=period, past=past or bool(since or until))

    def cells(one: "HolderLine") -> Sequence[str]:
        return (one.person, one.set_name, one.epoch, one.sheet, one.since, one.until or "now", one.bag,
                "yes" if one.signed else "", one.state, one.terminal)  # fmt: skip

    head = ("PERSON", "SET", "EPOCH", "SHEET", "SINCE", "UNTIL", "BAG", "SIGNED", "STATE", "TERMINAL")
    _list(terminal, "holders", found, head, cells, operation.HolderLine, as_csv=as_csv)


def _told(terminal: Terminal, elsewhere: Elsewhere, set_name: str) -> "Told":
    """Read what the logs tell.

    Raises:
        UnknownSet: none of them has the set.
    """
    from breakglass_shamir.operations.audit import history

    with logs(terminal, elsewhere) as found:
        told = [(name, history.of(log)) for name, log in found]
    known = {one.name for _, log in told for one in log.sets}
    if set_name and set_name not in known:
        raise UnknownSet.among(set_name, known)
    return told


def _list(
    terminal: Terminal, name: str, found: Sequence[Any], head: Sequence[str], cells: Any, kind: type[Any], *,
    as_csv: bool,
) -> None:  # fmt: skip
    from breakglass_shamir.operations.audit.registers import columns

    terminal.listed(name, found, head, cells, names=columns(kind) if as_csv else ())

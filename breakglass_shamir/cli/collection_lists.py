# SPDX-License-Identifier: Apache-2.0
"""``collect terminals`` and ``collect evidence``: for auditors, what a collection has and what it keeps apart."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.audit_sources import check_csv, csv_option
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal

if TYPE_CHECKING:
    from breakglass_shamir.operations.audit.enrolled import TerminalLine
    from breakglass_shamir.operations.audit.kept_apart import EvidenceLine

DOES_NOT_HOLD = 5
"""Exit code where the head of a log does not hold."""

_ADDRESS = "Such as postgresql:///?service=collection; as an auditor."


@click.command()
@click.option("--from", "place", required=True, metavar="ADDRESS", help=_ADDRESS)
@click.option(
    "--collector", "file", type=PATH, required=True, metavar="FILE",
    help="The collector's public key, from its people.",
)  # fmt: skip
@csv_option
@pass_terminal
def terminals(terminal: Terminal, place: str, file: Path, as_csv: bool) -> int:
    """List the terminals of a collection: how much of each the collector cosigned, and when it did so last.

    The head of each log is verified, nothing else. Exit code 5 where one does not hold.
    """
    from breakglass_shamir.operations.audit import enrolled as operation
    from breakglass_shamir.operations.audit.registers import columns
    from breakglass_shamir.operations.collecting import syncing

    check_csv(terminal, as_csv=as_csv)
    wrong = []

    def found() -> "Iterator[TerminalLine]":
        for one in operation.terminals(place, syncing.read_key(file)):
            if one.problem:
                wrong.append(one)
            yield one

    def cells(one: "TerminalLine") -> Sequence[str]:
        return (one.terminal, one.log, str(one.records), one.cosigned or "never", str(one.evidence), one.problem)

    head = ("TERMINAL", "LOG", "COSIGNED", "LAST", "EVIDENCE", "PROBLEM")
    names = columns(operation.TerminalLine) if as_csv else ()
    terminal.listed("terminals", found(), head, cells, names=names)
    return DOES_NOT_HOLD if wrong else 0


@click.command()
@click.option("--from", "place", required=True, metavar="ADDRESS", help=_ADDRESS)
@csv_option
@pass_terminal
def evidence(terminal: Terminal, place: str, as_csv: bool) -> None:
    """List the rows that were pushed and do not hold, with what their signatures show.

    A fork is two things that one terminal's key signed and that cannot be of one log. JSON and CSV have the rows whole.
    """
    from breakglass_shamir.operations.audit import kept_apart as operation
    from breakglass_shamir.operations.audit.registers import columns

    check_csv(terminal, as_csv=as_csv)

    def cells(one: "EvidenceLine") -> Sequence[str]:
        taken = "" if one.shown == one.kind else f" (taken for: {one.kind})"
        return (str(one.number), f"{one.shown}{taken}", one.log, str(one.record), one.pushed, one.pusher,
                one.shows or one.reason)  # fmt: skip

    head = ("NO", "SHOWS", "LOG", "RECORD", "PUSHED", "BY", "WHY")
    names = columns(operation.EvidenceLine) if as_csv else ()
    terminal.listed("evidence", operation.evidence(place), head, cells, names=names)

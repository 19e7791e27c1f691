# SPDX-License-Identifier: Apache-2.0
"""The options of every command that prints sheets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from breakglass_shamir.cli.screen.values import SECONDS
from breakglass_shamir.cli.session import PATH
from breakglass_shamir.errors import InvalidInput

Command = Callable[..., Any]

PRINTING = ("out", "printer", "paper", "readback", "timeout", "acks")
"""What :func:`printing_options` adds, in the order in which :func:`printing_of` takes it."""


def printing_options(command: Command) -> Command:
    """Add ``--out``, ``--printer``, ``--paper``, ``--readback``, ``--timeout`` and ``--ack``."""
    for option in reversed(
        (
            click.option("--out", type=PATH, help="Folder for the sheets: one PDF each, mode 0600."),
            click.option("--printer", metavar="NAME", help="CUPS printer instead of a folder: no file is written."),
            click.option("--paper", type=click.Choice(["a4", "letter"]), default="a4", show_default=True),
            click.option("--readback", type=PATH, help="Folder where a scanner drops scans of the printed sheets."),
            click.option(
                "--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for people."
            ),
            click.option("--ack", "acks", multiple=True, metavar="SHEET", help="This sheet's custodian takes it now."),
        )
    ):
        command = option(command)
    return command


def protocol_option(command: Command) -> Command:
    """Add ``--protocol``."""
    text = "The protocol of the day as a new PDF: the plan at the beginning, what was done at the end."
    return click.option("--protocol", type=PATH, metavar="FILE", help=text)(command)


def printing_of(
    out: Path | None, printer: str | None, paper: Literal["a4", "letter"], readback: Path | None, timeout: float,
    acks: tuple[str, ...],
) -> Any:  # fmt: skip
    """Return a :class:`~breakglass_shamir.operations.printing.sheets.Printing`, or None without a folder or printer."""
    from breakglass_shamir.operations.printing.custodians import seat
    from breakglass_shamir.operations.printing.sheets import Printing

    if out is not None and printer:
        raise InvalidInput("expected either --out or --printer, got both")
    if printer == "":
        raise InvalidInput("expected a printer's name with --printer", hint="lpstat -a lists them")
    _check_readback(out, readback)
    if out is None and not printer:
        return None
    return Printing(out, paper, readback, timeout, tuple(seat(ack) for ack in acks), printer or "")


def resuming_of(
    out: Path | None, printer: str | None, paper: Literal["a4", "letter"], readback: Path | None, timeout: float,
    acks: tuple[str, ...],
) -> Any:  # fmt: skip
    """Return a :class:`~breakglass_shamir.operations.printing.sheets.Printing` that may name no place for sheets.

    A rotation that is gone on with reads sheets back that are printed already.
    """
    from breakglass_shamir.operations.printing.custodians import seat
    from breakglass_shamir.operations.printing.sheets import Printing

    found = printing_of(out, printer, paper, readback, timeout, acks)
    return found or Printing(None, paper, readback, timeout, tuple(seat(ack) for ack in acks))


def _check_readback(out: Path | None, readback: Path | None) -> None:
    if readback is not None and not readback.is_dir():
        raise InvalidInput(
            f"expected a folder at {readback} for --readback", hint="make it, then point the scanner at it"
        )
    if out is not None and readback is not None and out.resolve() == readback.resolve():
        raise InvalidInput("expected --readback to be another folder than --out: what lands there is deleted")

# SPDX-License-Identifier: Apache-2.0
"""What commands share that end an opening: each officer leaves with a receipt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.screen.values import PATH
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.cli.screen.terminal import Terminal
    from breakglass_shamir.operations.opening.receipts import Given
    from breakglass_shamir.operations.recorder import Recorder


def receipts_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--receipts``."""
    words = "Folder for the officers' receipts. Default: receipts in the home."
    return click.option("--receipts", "receipts_to", type=PATH, metavar="DIR", help=words)(command)


@contextmanager
def giving_receipts(
    terminal: "Terminal", opened: "Recorder", folder: Path | None, *, emergency: bool = False
) -> Iterator[list[Path]]:
    """Give receipts at the end of a command that opened something, however it ends; fills the list with the files.

    Raises:
        PaperError: the folder that people name takes none, and this is no emergency; nothing was opened.
    """
    if folder is not None:
        _check(terminal, folder, emergency=emergency)
    files: list[Path] = []
    try:
        yield files
    finally:
        files.extend(give_receipts(terminal, opened, folder))


def _check(terminal: "Terminal", folder: Path, *, emergency: bool) -> None:
    from breakglass_shamir.operations.printing import outlet

    try:
        outlet.check_folder(folder, "--receipts")
    except BreakglassError as error:
        if not emergency:
            raise
        terminal.warn(f"no receipt can be written: {error}; the opening goes on")


def give_receipts(terminal: "Terminal", opened: "Recorder", folder: Path | None) -> tuple[Path, ...]:
    """Write and show receipts; what keeps them from it is said and hides nothing. Returns the files."""
    from breakglass_shamir.operations.opening import receipts

    try:
        given = receipts.give(opened, folder)
    except BreakglassError as error:
        again = breakglass("audit receipt", opened.opening[:12], options="--out FILE")
        terminal.warn(f"no receipt was written: {error}; make one with: {again}")
        return ()
    if given is None:
        return ()
    _tell(terminal, given)
    return given.files


def _tell(terminal: "Terminal", given: "Given") -> None:
    place, names = given.files[0].parent, ", ".join(given.officers)
    terminal.say(f"receipts for {names}: {counted(len(given.files), 'file')} in {place}")
    heading = "Your receipt: photograph this code. It opens nothing; it proves what was recorded."
    terminal.public_code(given.held.receipt.to_code(), heading, "take it with you: copy its file, or print the slip")

# SPDX-License-Identifier: Apache-2.0
"""``demo``: the whole life of a set, on this machine and nothing else."""

import shutil
import tempfile
import textwrap
import time
from pathlib import Path

import click

from breakglass_shamir.cli.screen import streams
from breakglass_shamir.cli.screen.cleaning import clean
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal
from breakglass_shamir.errors import InvalidInput

MEMORY = Path("/dev/shm")  # noqa: S108 - a memory file system, and the folder in it is ours alone
"""Where the demonstration works when it can."""


@click.command()
@click.option("--keep", type=PATH, metavar="DIR", help="Keep every file in this new folder.")
@pass_terminal
def demo(terminal: Terminal, keep: Path | None) -> None:
    """Play the whole life of a set: onto paper, back, used, recorded, rotated.

    No server, no network, no question; under 15 seconds.
    """
    from breakglass_shamir.operations.demo import Demo

    harden(terminal)
    started = time.monotonic()
    folder = _new_folder(keep)
    said: list[str] = []

    def narrate(sentence: str) -> None:
        said.append(sentence)
        if not terminal.as_json:
            streams.echo("\n" + textwrap.fill(clean(sentence), 96))

    def detail(line: str) -> None:
        if not terminal.as_json:
            streams.echo(f"    {clean(line)}")

    try:
        Demo(folder, narrate, detail).run()
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - started
    kept = f"Every file is in {folder}." if keep else "Every file was removed; keep them with --keep DIR."
    terminal.result(
        {"steps": said, "folder": keep, "seconds": round(seconds, 1)}, ["", f"Done in {seconds:.1f} s. {kept}"]
    )


def _new_folder(keep: Path | None) -> Path:
    """Return the folder to work in.

    Raises:
        InvalidInput: the one to keep has files in it.
    """
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="breakglass-demo-", dir=MEMORY if MEMORY.is_dir() else None))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise InvalidInput(f"expected a new or empty folder for --keep, got {keep}")
    return keep.absolute()

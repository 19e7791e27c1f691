# SPDX-License-Identifier: Apache-2.0
"""``kit``: what must lie beside the safe, in one command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import operand

if TYPE_CHECKING:
    from breakglass_shamir.operations.kit.making import Made


@click.command()
@click.option("--out", type=PATH, metavar="DIR", help="A new folder, such as one on a stick.")
@click.option(
    "--wheelhouse", "wheels", type=PATH, metavar="DIR",
    help="Wheels that make kit-wheels made. Default: dist/wheelhouse.",
)  # fmt: skip
@pass_terminal
def kit(terminal: Terminal, out: Path | None, wheels: Path | None) -> None:
    """Write what must lie beside the safe to a new folder.

    Recovery by Python and by browser, the specification, runbooks, and wheels for a machine without a network. Nothing
    in it is secret. This terminal signs the checksums.
    """
    from breakglass_shamir.operations.kit import making

    place = Path(terminal.ask(None if out is None else str(out), "--out", "A new folder for the kit"))
    with recorder(terminal) as opened:
        found = making.make(opened.ledger, place, wheels or making.DEFAULT_WHEELHOUSE)
    terminal.result(found, _lines(found))


def _lines(found: "Made") -> list[str]:
    megabytes = found.total_bytes / 1_000_000
    return [
        f"kit: {counted(len(found.files), 'file')}, {megabytes:.1f} MB in {found.out}; nothing in it is secret",
        *(f"{name:<14}{digest}" for name, digest in found.recovery.items()),
        f"{'installs on':<14}{found.fits.python} on {found.fits.system}",
        f"{'signed by':<14}{found.terminal_key}",
        f"{'SHA256SUMS':<14}{found.sums_sha256}",
        f"check it with: cd {operand(found.out)} && sha256sum -c --quiet SHA256SUMS",
        "next: read README.txt in it, write the key down beside the safe, and lay the kit where the sheets say it lies",
    ]

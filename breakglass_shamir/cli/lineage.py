# SPDX-License-Identifier: Apache-2.0
"""``lineage``: what followed what, and its proofs from one terminal to another."""

from pathlib import Path

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder


@click.group()
def lineage() -> None:
    """Several terminals and one set: which epoch followed which, and who proves it."""


@lineage.command()
@click.argument("name")
@pass_terminal
def show(terminal: Terminal, name: str) -> None:
    """Show every epoch of NAME that this terminal knows, and what is known of it: proven, attested, claimed."""
    from breakglass_shamir.operations.lineage import showing as operation

    with recorder(terminal, name) as opened:
        found = operation.show(opened.state, name)
    terminal.result(found, operation.lines(found))


@lineage.command()
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--out", type=PATH, required=True, help="A new file; public.")
@pass_terminal
def export(terminal: Terminal, names: tuple[str, ...], out: Path) -> None:
    """Write the proofs of every rotation of NAME, or of every set, for another terminal."""
    from breakglass_shamir.operations.lineage import files as operation

    with recorder(terminal) as opened:
        found = operation.export(opened, names, out)
    sets = tuple(dict.fromkeys(proof.set for proof in found))
    lines = [f"links of {', '.join(sets)}: {len(found)}, in {out}; there: breakglass lineage import FILE"]
    terminal.result({"out": out, "sets": sets, "links": len(found)}, lines)


@lineage.command("import")
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@pass_terminal
def import_(terminal: Terminal, files: tuple[Path, ...]) -> int:
    """Take proofs that other terminals wrote: FILE of lineage export. Only terminals that are enrolled here count."""
    from breakglass_shamir.operations.lineage import files as reading
    from breakglass_shamir.operations.lineage import links as operation
    from breakglass_shamir.operations.lineage import telling

    proofs = [proof for file in files for proof in reading.read(file)]
    with recorder(terminal) as opened:
        taken = operation.take(opened, proofs)
        found = telling.tell(opened, taken)
    for one in found.refused:
        terminal.warn(f"not taken: {one.words}" + (f"; {one.hint}" if one.hint else ""))
    terminal.result(found, telling.lines(found))
    return max((one.error.exit_code for one in taken.refused), default=0)

# SPDX-License-Identifier: Apache-2.0
"""``sign``: officers sign the declaration under way, here or elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass, operand, word

if TYPE_CHECKING:
    from breakglass_shamir.operations.opening.signing import Declaration


@click.command()
@click.argument("name")
@click.option("--key", "keys", type=PATH, multiple=True, metavar="KEYFILE", help="Sign here with an own SSH key.")
@click.option("--signature", "signatures", type=PATH, multiple=True, metavar="FILE", help="Take one made elsewhere.")
@click.option("--out", type=PATH, help="A new file for what an officer signs elsewhere.")
@pass_terminal
def sign(terminal: Terminal, name: str, keys: tuple[Path, ...], signatures: tuple[Path, ...], out: Path | None) -> None:
    """Sign the declaration of NAME that is under way; without options, show it and who has signed.

    The key is an SSH key of an officer's own: a file, one that an agent holds (name its .pub file), or that of a
    FIDO2 token. Elsewhere: write the declaration with --out, sign it there with ssh-keygen, bring FILE.sig back.
    """
    from breakglass_shamir.operations.opening import signing

    with recorder(terminal, name) as opened:
        if out is not None:
            signing.export(opened, out)
        signing.sign_here(opened, keys, asks=interactive())
        signing.take(opened, signatures)
        found = signing.declaration(opened, out)
    terminal.result(found, _lines(found))


def _lines(found: "Declaration") -> list[str]:
    lines = [
        f"opening {found.opening[:12]} of {found.set_name}, declared {found.declared_at} for {found.valid_for_s} s",
        f"  {found.incident_class}, ticket {found.ticket}: {found.reason}",
        f"  officers: {', '.join(found.officers)}",
        *(f"signed: {one.officer} with {one.fingerprint} at {one.time}" for one in found.signed),
        f"signatures: {found.counted} of {counted(found.needed, 'officer')}",
    ]
    if found.file is not None:
        lines.append(
            f"sign it elsewhere with: ssh-keygen -Y sign -f KEYFILE -n {word(found.namespace)} "
            f"{operand(found.file.name)}"
        )
        back = f"--signature {word(found.file.name + '.sig')}"
        lines.append(f"then here: {breakglass('sign', found.set_name, options=back)}")
    return lines

# SPDX-License-Identifier: Apache-2.0
"""``init``: a home with its ledger and terminal key."""

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal


@click.command()
@click.option("--terminal", "name", help="The terminal's name in the records. Default: the host name.")
@pass_terminal
def init(terminal: Terminal, name: str | None) -> None:
    """Make a home: ledger and terminal key."""
    import socket

    from breakglass_shamir.crypto.sshsig import fingerprint
    from breakglass_shamir.ledger import guarded, home
    from breakglass_shamir.operations import recorder

    recorder.require_guarded(guarded.look(terminal.home))
    recorder.warn_of_memory(terminal, terminal.home)
    with home.create(terminal.home, name or socket.gethostname()) as ledger:
        key = fingerprint(ledger.public_key)
        document = {"home": terminal.home, "log_id": ledger.log_id, "terminal_key": key}
        lines = [f"home       {terminal.home}", f"log id     {ledger.log_id.hex()}", f"terminal   {key}"]
    terminal.result(document, lines)

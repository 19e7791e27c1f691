# SPDX-License-Identifier: Apache-2.0
"""``heartbeat``: a record that the terminal is alive."""

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.custody.policy.duration import in_words


@click.command()
@click.option("--every", default="1d", show_default=True, help="When the next one is due at the latest, such as 6h.")
@click.option("--last", is_flag=True, help="Promise no next one: the timer is taken off.")
@pass_terminal
def heartbeat(terminal: Terminal, /, every: str, last: bool) -> None:
    """Record that this terminal is alive, and promise the next record; run it from a timer."""
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.monitoring import heartbeat as operation

    with recorder(terminal) as opened:
        found = operation.beat(opened, 0 if last else Duration.parse(every).seconds)
    if found.late:
        terminal.warn(f"this terminal was silent for {in_words(found.silent_s)}, longer than it had promised")
    promised = f"the next is due within {in_words(found.every_s)}" if found.every_s else "no next one is promised"
    terminal.result(found, [f"alive: record {found.record}; {promised}"])

# SPDX-License-Identifier: Apache-2.0
"""``probe``: what the probes of a policy find now; whether the way round is well."""

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.errors import IllegalState

BROKEN = 7
"""Exit code: a way round is not well."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@pass_terminal
def probe(terminal: Terminal, names: tuple[str, ...]) -> int:
    """Ask the probes of NAME's policy, or of every set's; run it from a timer.

    What has changed is recorded, and a way round that is not well is an alert. A ticket that could not be asked
    about at a declaration is asked about again. Exit code 7: a way round is not well.
    """
    from breakglass_shamir.operations.measuring import looking

    found = []
    with recorder(terminal) as opened:
        for name in dict.fromkeys(names) or sorted(opened.state.sets):
            opened.state.of(name)
            opened.set_name = name
            one = looking.look(opened)
            if one.probes or one.tickets or names:
                found.append(one)
    if not found:
        raise IllegalState(
            "no policy here has probes", hint="they stand under [[outage.probes]]: docs/guide-operator.md"
        )
    lines = [
        f"{one.set}: {'standby' if answer.standby else 'probe'} {answer.probe}: {answer.answer}"
        for one in found
        for answer in one.probes
    ]
    lines += [f"{one.set}: ticket {ticket.ticket}: {ticket.answer}" for one in found for ticket in one.tickets]
    terminal.result({"sets": found}, lines or ["nothing to ask: the policy has no probes"])
    return BROKEN if any(one.broken for one in found) else 0

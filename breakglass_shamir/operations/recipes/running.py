# SPDX-License-Identifier: Apache-2.0
"""Run a recipe: the program gets the credential in its way, and the person has the keyboard."""

import os
from collections.abc import Callable, Sequence

from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import agent, catalogue, passfile, ticket, typed
from breakglass_shamir.operations.recipes.runner import Plain, Runner, interrupts_are_the_command_s


def run(
    command: Sequence[str], secret: Secret, *, runner: Runner | None = None, output: int | None = None,
    limit_s: int = 0, told: Callable[[str], None] = lambda _words: None,
) -> int:  # fmt: skip
    """Run a recipe to its program's end; returns the exit status, negative for a signal.

    Args:
        command: the recipe, as ``recipe:NAME``, and the program's arguments.
        secret: what it is given.
        runner: runs the program; None: with nobody who hears it.
        output: descriptor for its standard output; None: ours.
        limit_s: how long the use may last, in seconds: a key in an agent, and a browser, live no longer.
        told: gets what should be on record of it beside the exit status.

    Raises:
        InvalidInput: the recipe does not take this credential or these arguments; no program ran with it.
        ConnectorError, OSError: something could not be started.
    """
    recipe, program = catalogue.find(command)
    arguments, inherited = command[1:], dict(os.environ)
    runner = runner or Plain(output)
    if recipe.way == "browser":
        # Imported here: what runs browsers is needed by nobody else.
        from breakglass_shamir.operations.recipes import lent

        return lent.run(arguments, secret, limit_s, told)
    with interrupts_are_the_command_s():
        if recipe.way == "typed":
            return typed.run(program, arguments, secret, inherited, runner.listener())
        if recipe.way == "agent":
            made = agent.invocation(program, arguments, secret, inherited, limit_s)
        elif recipe.way == "ticket":
            with ticket.invocation(program, arguments, secret, inherited, output) as with_ticket:
                return with_ticket if isinstance(with_ticket, int) else runner.run(with_ticket)
        else:
            made = passfile.invocation(recipe.way, program, arguments, secret, inherited)
        with made as invocation:
            return runner.run(invocation)

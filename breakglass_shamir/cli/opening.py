# SPDX-License-Identifier: Apache-2.0
"""``recombine``, ``close``, ``cancel``: one opening."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.printing import printing_options, protocol_option
from breakglass_shamir.cli.receipts import give_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import (
    PATH,
    harden,
    pass_terminal,
    reading_options,
    recorder,
    target_options,
)

if TYPE_CHECKING:
    from breakglass_shamir.operations.credential.recombine import OpeningResult

CLASSIFICATIONS = click.Choice(["emergency", "drill", "misuse"])
"""What a use was."""

_ASKED_MODES = ("show", "no-reveal")


class TakesCommand(click.Command):
    """A command whose ``--exec`` takes the rest of the line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the line at ``--exec``."""
        if "--exec" in args:
            at = args.index("--exec")
            command = args[at + 1 :]
            ctx.meta["command"] = tuple(command[1:] if command[:1] == ["--"] else command)
            args = args[: at + 1]
        return super().parse_args(ctx, args)


@click.command(cls=TakesCommand)
@click.argument("name", required=False, default="")
@click.option("--class", "incident_class", help="Incident class, from the policy's list.")
@click.option("--ticket", help="The incident's ticket.")
@click.option("--reason", help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@click.option("--sign", "keys", type=PATH, multiple=True, metavar="KEYFILE", help="An officer's own SSH key; signs.")
@click.option("--use-for", help="How long the use may take, such as 30m. Default: what the policy allows.")
@click.option("--debt", "debts", multiple=True, metavar="ID", help="An open debt that this opening knows of.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder of sheets.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@reading_options
@click.option(
    "--exec",
    "execute",
    is_flag=True,
    help="Give the credential to the command that follows, or to a recipe: recipe:psql ...",
)
@click.option("--tty", is_flag=True, help="Run the command of --exec in a terminal of its own, which is recorded.")
@click.option("--show", is_flag=True, help="Show the credential on the screen, for a while.")
@click.option("--no-reveal", is_flag=True, help="Let the connector log in; nobody sees the credential.")
@click.option("--as", "classification", type=CLASSIFICATIONS, help="What the use was. Default: emergency.")
@click.option("--defer", metavar="DURATION", help="Put the rotation off, where the policy allows.")
@click.option("--defer-reason", default="", help="Why.")
@click.option("--override", "gates", multiple=True, metavar="GATE", help="Pass this failed check; it is recorded.")
@click.option("--override-reason", default="", help="Why.")
@click.option(
    "--receipt", "brought", type=PATH, multiple=True, help="A receipt that vouches for the set; or its picture."
)
@receipts_option
@target_options
@click.option("--record-to", type=PATH, help="Where the ledger goes on when it cannot be written here.")
@printing_options
@protocol_option
@pass_terminal
@click.pass_context
def recombine(ctx: click.Context, terminal: Terminal, /, name: str, **options: Any) -> None:
    """Open a set: declare, scan a quorum of sheets, use the credential, rotate it.

    Nothing is revealed before a signed record of it is on disk. Without --out or --printer for the new sheets
    the rotation stays owed, and the exit code is 7. --exec takes the rest of the line as its command, which gets the
    credential on standard input and on the descriptor numbered by BREAKGLASS_FD; with --tty before it on the
    descriptor alone, since standard input is the keyboard.
    """
    from breakglass_shamir.cli import attempt

    command = ctx.meta.get("command", ())
    attempt.require_one_mode(options)
    harden(terminal)
    run = attempt.guided if interactive() else attempt.told
    found, files = run(terminal, name, options, command)
    terminal.result(replace(found, receipts=tuple(files)), _lines(found), wraps=True)


@click.command()
@click.argument("name", required=False, default="")
@click.option("--as", "classification", type=CLASSIFICATIONS, help="What the use was.")
@receipts_option
@pass_terminal
def close(terminal: Terminal, name: str, classification: str | None, receipts_to: Path | None) -> None:
    """End the use of NAME, so that its rotation applies. What is missing is asked at a terminal."""
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.credential import recombine as operation

    with recorder(terminal, name) as opened:
        guide = asking.begin(terminal, opened, name, lambda one: one.opening is not None)
        classification = asking.use(guide, opened, classification)
        identifier = operation.close(opened, classification)
        files = give_receipts(terminal, opened, receipts_to)
    document = {"set": opened.set_name, "opening": identifier, "classification": classification, "receipts": files}
    terminal.result(
        document, [f"the use of opening {identifier[:12]} is over ({classification}); its rotation may apply"]
    )


@click.command()
@click.argument("name", required=False, default="")
@click.option("--reason", help="Why it is withdrawn.")
@pass_terminal
def cancel(terminal: Terminal, name: str, reason: str | None) -> None:
    """Withdraw a declaration of NAME that was not opened. What is missing is asked at a terminal."""
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.credential import rotate as operation

    with recorder(terminal, name) as opened:
        guide = asking.begin(terminal, opened, name, lambda one: one.opening is not None)
        words = "the declaration is withdrawn; say why, in words"
        reason = asking.text(guide, reason, "--reason", "reason", "Why is it withdrawn?", words)
        identifier, name = operation.cancel(opened, reason), opened.set_name
    terminal.result({"set": name, "opening": identifier}, [f"cancelled: opening {identifier[:12]} of {name}"])


def _lines(found: "OpeningResult") -> list[str]:
    return [
        f"opening {found.opening[:12]} of {found.set_name}: {found.outcome}",
        f"rotated: {found.in_force}",
        *(f"owed: {debt}" for debt in found.debts),
        *found.left_to_do,
    ]

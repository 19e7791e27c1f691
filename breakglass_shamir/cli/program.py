# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per noun, each command loaded when it is called.

Start-up matters at 3 a.m.: this module imports click and nothing else of weight.
"""

import gc

COLLECT_AFTER = 50_000
"""Objects that are made before the collector looks for cycles: a command makes few, and Python looks after 700."""

gc.set_threshold(COLLECT_AFTER)  # before click is there, whose making is the first thing that it would look through

# ruff: noqa: E402

import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli import binding, examples
from breakglass_shamir.cli.screen.values import PATH
from breakglass_shamir.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "init": ("home", "Make a home: ledger and terminal key."),
    "policy": ("policy", "Policy as code: who may open what, when and how."),
    "split": ("split", "Put a credential on paper, under a quorum."),
    "confirm": ("custodians", "Read printed sheets back: all of them seal the epoch."),
    "ack": ("custodians", "Record that a custodian holds a sheet."),
    "reassign": ("custodians", "Record that a sheet changes hands."),
    "void": ("custodians", "Record that a sheet is lost, or was seen."),
    "recombine": ("opening", "Open a set: declare, scan a quorum, use it, rotate it."),
    "sign": ("signing", "Sign a declaration that is under way."),
    "close": ("opening", "End a use, so that its rotation applies."),
    "cancel": ("opening", "Withdraw a declaration that was not opened."),
    "rotate": ("rotation", "Start or resume a rotation; this settles its debt."),
    "review": ("review", "Look at what happened, and give a verdict."),
    "settle": ("settle", "Settle debts that people looked at."),
    "lineage": ("lineage", "Which epoch followed which, where several terminals know."),
    "drill": ("drill", "Test sheets, people and access before they are needed."),
    "protocol": ("ceremony", "Write the page that is filled in on the day."),
    "destroyed": ("ceremony", "Record that void sheets were destroyed."),
    "note": ("ceremony", "Record a line of a ceremony's protocol."),
    "enrol": ("enrol", "A second terminal learns sets before the first night."),
    "sync": ("sync", "Push this terminal's records to a collection."),
    "collect": ("collect", "Keep many terminals' records in PostgreSQL."),
    "witness": ("witness", "Let witnesses cosign this terminal's log."),
    "arming": ("arming", "Accounts that are kept closed: arm one for a while."),
    "retire": ("retire", "Take a set, or this terminal, out of service."),
    "status": ("status", "Every set: state, sheets, drills, and what is due."),
    "heartbeat": ("heartbeat", "Record that this terminal is alive."),
    "watch": ("watch", "Hold the target's logins against the openings."),
    "probe": ("probe", "Ask what may be out, and whether the way round is well."),
    "alerts": ("alerts", "Alerts that were made and have to arrive."),
    "audit": ("audit", "For auditors: what happened, and whether the log holds."),
    "kit": ("kit", "Write what must lie beside the safe."),
    "demo": ("demo", "Play the whole life of a set, on this machine alone."),
    "completion": ("completion", "Print what a shell needs to complete the words."),
    "man": ("manual", "Write the manual pages."),
}
"""Command name to the module it lives in, and what ``--help`` says of it, which must load no command.

The function has the command's name.
"""


COMPLETING = "_BREAKGLASS_COMPLETE"
"""Environment variable in which a shell asks for completions."""


class Commands(click.Group):
    """Loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command, in the order of a set's life."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the section with every command, none of which is loaded."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        binding.structs_by_typing()
        module = importlib.import_module(f"breakglass_shamir.cli.{COMMANDS[cmd_name][0]}")
        found = getattr(module, cmd_name)
        assert isinstance(found, click.Command)  # noqa: S101 - the table above is ours
        examples.teach(found, cmd_name)
        if COMPLETING in os.environ:
            from breakglass_shamir.cli import completing

            completing.teach(found)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; one that is mistyped is asked about at a terminal.

        Raises:
            NoSuchCommand: there is none of that name, and nobody says that the nearest one is meant.
        """
        if args[0] in COMMANDS or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from breakglass_shamir.cli.screen.meant import NoSuchCommand, meant

        if name := meant(args[0], COMMANDS):
            return super().resolve_command(ctx, [name, *args[1:]])
        raise NoSuchCommand(args[0], COMMANDS, ctx)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=PATH, help="The folder with ledger and terminal key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--no-color", is_flag=True, help="No colour, whatever the terminal can.")
@click.option("--plain", is_flag=True, help="Print lines and draw nothing, as for a screen reader.")
@click.version_option(__version__, prog_name="breakglass", message="%(prog)s %(version)s")
@click.pass_context
def breakglass(ctx: click.Context, home: "Path | None", as_json: bool, no_color: bool, plain: bool) -> None:
    """Keep one break-glass credential on paper, under a quorum.

    Every use leaves a signed record and ends in a new credential.
    """
    from breakglass_shamir.cli.screen.terminal import Terminal

    ctx.obj = Terminal(home, as_json=as_json, color=not no_color, plain=plain)


def main() -> None:
    """Run the program and exit with one of its documented codes."""
    from breakglass_shamir.cli.screen import failure, streams
    from breakglass_shamir.hygiene import forbid_dumps

    streams.occupy_closed()
    forbid_dumps()
    if COMPLETING in os.environ:
        from breakglass_shamir.cli import completing

        completing.be_silent()
        sys.exit(breakglass.main(prog_name="breakglass", complete_var=COMPLETING, standalone_mode=False))
    streams.escape_unknown()
    code = streams.finish(failure.guarded(breakglass))
    gc.freeze()  # or the interpreter looks twice for cycles in what ends with it
    sys.exit(code)

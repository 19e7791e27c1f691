# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per noun, each command loaded when it is called.

Start-up matters at 3 a.m.: this module imports click and nothing else of weight.
"""

import importlib
import sys
from pathlib import Path

import click

from breakglass_shamir.cli.screen.values import PATH
from breakglass_shamir.version import __version__

COMMANDS = {
    "init": "home",
    "policy": "policy",
    "split": "split",
    "confirm": "custodians",
    "ack": "custodians",
    "reassign": "custodians",
    "void": "custodians",
    "recombine": "opening",
    "sign": "signing",
    "close": "opening",
    "cancel": "opening",
    "rotate": "rotation",
    "settle": "rotation",
    "lineage": "lineage",
    "drill": "drill",
    "protocol": "ceremony",
    "destroyed": "ceremony",
    "note": "ceremony",
    "enrol": "enrol",
    "retire": "retire",
    "status": "status",
    "heartbeat": "heartbeat",
    "watch": "watch",
    "alerts": "alerts",
    "audit": "audit",
    "kit": "kit",
    "demo": "demo",
}
"""Command name to the module it lives in; the function has the command's name."""


class Commands(click.Group):
    """Loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command, in the order of a set's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"breakglass_shamir.cli.{COMMANDS[cmd_name]}")
        found = getattr(module, cmd_name)
        assert isinstance(found, click.Command)  # noqa: S101 - the table above is ours
        return found


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=PATH, help="The folder with ledger and terminal key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--no-color", is_flag=True, help="No colour, whatever the terminal can.")
@click.version_option(__version__, prog_name="breakglass", message="%(prog)s %(version)s")
@click.pass_context
def breakglass(ctx: click.Context, home: Path | None, as_json: bool, no_color: bool) -> None:
    """Keep one break-glass credential on paper, under a quorum.

    Every use leaves a signed record and ends in a new credential.
    """
    from breakglass_shamir.cli.screen.terminal import Terminal

    ctx.obj = Terminal(home, as_json=as_json, color=not no_color)


def main() -> None:
    """Run the program and exit with one of its documented codes."""
    from breakglass_shamir.cli.screen import failure, streams
    from breakglass_shamir.hygiene import forbid_dumps

    streams.occupy_closed()
    forbid_dumps()
    streams.escape_unknown()
    sys.exit(streams.finish(failure.guarded(breakglass)))

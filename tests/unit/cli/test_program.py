# SPDX-License-Identifier: Apache-2.0
"""The front door: what ``--help`` says without loading a command."""

import subprocess
import sys

import click
import pytest

from breakglass_shamir.cli.program import COMMANDS, breakglass
from breakglass_shamir.cli.screen.sequences import COLUMNS

LOADED = """
import sys
from breakglass_shamir.cli.screen import failure
from breakglass_shamir.cli.program import breakglass
failure.guarded(breakglass)
print(*(name for name in sys.modules if name.startswith("breakglass_shamir")), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_what_loads_no_command_loads_no_rule(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    assert done.stdout
    rooms = {".".join(name.split(".")[1:2]) for name in done.stderr.split()}
    assert rooms <= {"", "bounded", "cli", "errors", "nearest", "shell", "version"}


def test_every_command_has_a_line_that_fits() -> None:
    context = click.Context(breakglass, info_name="breakglass", terminal_width=COLUMNS)
    said = breakglass.get_help(context).partition("Commands:")[2].strip().splitlines()
    assert len(said) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("..") for line in said)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    found = breakglass.get_command(click.Context(breakglass), name)
    assert found is not None
    assert found.name == name

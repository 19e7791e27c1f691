# SPDX-License-Identifier: Apache-2.0
"""``completion``: what a shell needs to complete commands, sets, sheets, debts and paths."""

import os
from pathlib import Path

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal
from breakglass_shamir.errors import FileExists, InvalidInput

_MODE = 0o644


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Put it where SHELL looks for it, for this user.")
@pass_terminal
def completion(terminal: Terminal, shell: str, install: bool) -> None:
    """Print what SHELL needs to complete commands, sets, sheets, debts and paths; or install it.

    Sets, sheets and debts come from the home; nothing is started, recorded or sent.
    """
    text = script(shell)
    if not install:
        terminal.result({"shell": shell, "script": text, "file": None}, text.splitlines())
        return
    path = place(shell)
    _write(path, text)
    lines = [f"installed: {path}; it holds in every {shell} that begins from now on"]
    if shell == "zsh":
        lines.append(f"needed once, in ~/.zshrc before compinit: fpath=({path.parent} $fpath)")
    terminal.result({"shell": shell, "script": text, "file": path}, lines)


def script(shell: str) -> str:
    """Return the script of a shell, which asks this program."""
    from click.shell_completion import get_completion_class

    from breakglass_shamir.cli.program import COMPLETING, breakglass

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - the choices are those that click has
    template = made(breakglass, {}, "breakglass", COMPLETING)
    return (template.source_template % template.source_vars()).strip() + "\n"


def place(shell: str) -> Path:
    """Return where a shell looks for a user's own completions."""
    user = Path.home()
    if shell == "bash":
        data = Path(os.environ.get("XDG_DATA_HOME") or user / ".local/share")
        return Path(os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion") / "completions/breakglass"
    if shell == "zsh":
        return Path(os.environ.get("ZDOTDIR") or user) / ".zfunc/_breakglass"
    return Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config") / "fish/completions/breakglass.fish"


def _write(path: Path, text: str) -> None:
    """Write the script whole or not at all; what is not ours stays.

    Raises:
        FileExists: something else is there.
        InvalidInput: it cannot be written.
    """
    from breakglass_shamir.cli.program import COMPLETING

    try:
        if path.exists() and COMPLETING not in path.read_text(errors="replace"):
            raise FileExists(f"{path} is there and not from this program", hint="move it away, or print and place it")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.new")
        unfinished.write_text(text)
        unfinished.chmod(_MODE)
        unfinished.replace(path)
    except OSError as error:
        raise InvalidInput(
            f"{path} could not be written: {error.strerror}", hint="print it, and place it yourselves"
        ) from None

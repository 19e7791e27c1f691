# SPDX-License-Identifier: Apache-2.0
"""The screen on which people type shares: the alternate one, cleared on every way out, a signal included.

A person must see what they type, to hold it against the paper; nothing of it may stay in the scroll-back. What
was accepted is said once more afterwards, without a line of it.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from breakglass_shamir.cli.reveal_screen import ENTER, LEAVE

INTRODUCTION = """Type the lines of one sheet after the other, each as it is printed. Small letters will do, spaces do
not matter, a scanner that types may be used too.
  ?            a character that cannot be read; alone: a line that cannot be read
  empty line   there are no more lines of this share, or of the envelope
  back         takes the last line back
  done         that is all
Nothing is written down: what was accepted is in this program's memory until it ends. Stop only when you mean to.
"""
"""What people are told before the first line."""

STOP_QUESTION = (
    "Stop? What was accepted so far is in memory only and is gone then. Type stop to stop, or Enter to go on"
)
"""What Ctrl-C asks, once."""


@contextmanager
def alternate() -> Iterator[None]:
    """Switch to the alternate screen and back."""
    previous = signal.signal(signal.SIGTERM, _leave_on_signal)
    try:
        click.echo(ENTER + INTRODUCTION, err=True)
        yield
    finally:
        click.echo(LEAVE, nl=False, err=True)
        signal.signal(signal.SIGTERM, previous)


def read_line(prompt: str) -> str | None:
    """Ask for one line; None at the end of the input. Ctrl-C asks once whether to stop, and stops the second time.

    Raises:
        KeyboardInterrupt: the person means to stop.
    """
    while True:
        try:
            return _read(prompt)
        except KeyboardInterrupt:
            click.echo("", err=True)
            said = _read(STOP_QUESTION)
            if said is None or said.strip().lower() == "stop":
                raise


def _read(prompt: str) -> str | None:
    click.echo(f"{prompt}: ", nl=False, err=True)
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None


def _leave_on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

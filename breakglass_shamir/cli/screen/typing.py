# SPDX-License-Identifier: Apache-2.0
"""The screen on which people type shares: the alternate one, cleared on every way out, a signal included.

A person must see what they type, to hold it against the paper; nothing of it may stay in the scroll-back. What
was accepted is said once more afterwards, without a line of it.

1. Entry can be interrupted and taken up again where it stopped. Ctrl-C pauses: the screen is cleared, and what was
   typed stays in memory. Ctrl-Z gives the shell back its screen, with nothing of ours on it, and ``fg`` goes on.
2. Going on draws the screen anew: what was taken so far, which lines are there, and the prompt; no line itself.
3. A signal that ends the program clears the screen first. Nothing typed is ever written to a disk: who must leave the
   terminal pauses and lets the program wait.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from breakglass_shamir.cli.screen.reveal import ENTER, LEAVE

INTRODUCTION = """Type the lines of one sheet after the other, each as it is printed. Small letters will do, spaces do
not matter, a scanner that types may be used too.
  ?            a character that cannot be read; alone: a line that cannot be read
  empty line   there are no more lines of this share, or of the envelope
  back         takes the last line back
  done         that is all
  Ctrl-C       pauses: the screen is cleared, and you go on later where you stopped
Nothing is written down: what was accepted is in this program's memory until it ends.
"""
"""What people are told before the first line."""

PAUSED = """Paused. What you typed is off the screen. What was accepted so far is in memory only and is gone then, if
this program ends: leave it running for as long as you need.
"""
"""What stands on the screen during a pause."""

STOP_QUESTION = "Press Enter to go on. Type stop to stop"
"""What a pause asks."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Recap = Callable[[], Sequence[str]]


class _Resumed(Exception):
    """The program was stopped while it waited for a line, and goes on."""


class _Reading:
    """Whether a line is waited for: only then a handler may raise."""

    now = False


@contextmanager
def alternate() -> Iterator[None]:
    """Switch to the alternate screen and back."""
    handlers = dict.fromkeys(_ENDING, _leave_on_signal)
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, _suspend)
    before[signal.SIGQUIT] = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        click.echo(ENTER + INTRODUCTION, err=True)
        yield
    finally:
        click.echo(LEAVE, nl=False, err=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def read_line(prompt: str, recap: Recap) -> str | None:
    """Ask for one line; None at the end of the input. Ctrl-C pauses, and stops the second time.

    Args:
        prompt: what to type.
        recap: tells what is there already, when the screen is drawn anew.

    Raises:
        KeyboardInterrupt: the person means to stop.
    """
    while True:
        try:
            return _read(prompt)
        except KeyboardInterrupt:
            _pause()
        except _Resumed:
            pass
        click.echo("\n".join([_CLEAR + INTRODUCTION, *recap(), ""]), err=True)


def _pause() -> None:
    """Clear the screen and wait until the person goes on.

    Raises:
        KeyboardInterrupt: the person means to stop.
    """
    click.echo(_CLEAR + PAUSED, err=True)
    while True:
        try:
            said = _read(STOP_QUESTION)
        except _Resumed:
            click.echo(_CLEAR + PAUSED, err=True)
            continue
        if said is None or said.strip().lower() == "stop":
            raise KeyboardInterrupt
        return


def _read(prompt: str) -> str | None:
    click.echo(f"{prompt}: ", nl=False, err=True)
    _Reading.now = True
    try:
        line = sys.stdin.readline()
    finally:
        _Reading.now = False
    return line.rstrip("\n") if line else None


def _suspend(_number: int, _frame: FrameType | None) -> None:
    """Stop as the shell expects, with the screen given back; on going on, have it drawn anew."""
    click.echo(LEAVE, nl=False, err=True)
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, _suspend)
    click.echo(ENTER, nl=False, err=True)
    if _Reading.now:
        raise _Resumed


def _leave_on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

# SPDX-License-Identifier: Apache-2.0
"""Reading a credential at a terminal that shows nothing of it.

Rules:

1. Where the echo cannot be switched off, nothing is read.
2. The echo comes back on every way out, a signal included; Ctrl-Z gives it to the shell, and ``fg`` takes it again.
3. What was typed before the echo was off is dropped: it was on the screen already, and is no answer.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from breakglass_shamir.cli.screen import streams
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.signals import Signals
from breakglass_shamir.errors import InvalidInput

HOW_TO_END = "It is not shown while you type. End it with Enter, and Ctrl-D in the empty line."
"""What people are told who type more than one line, or a file's content."""

_PIECE_BYTES = 65536

_OTHER_WAY = "give it by a file, or through a pipe"


@contextmanager
def no_echo(descriptor: int) -> Iterator[Callable[[], None]]:
    """Show nothing of what is typed inside; gives what waits until there is something to read.

    Raises:
        InvalidInput: this terminal cannot do that.
        KeyboardInterrupt: by Ctrl-C, or a signal that ends the program; the echo is back.
    """
    device = _device(descriptor)
    signals = Signals(device.speak, (device.speak, device.hush))
    signals.begin()
    try:
        if not device.hush():
            raise InvalidInput("expected a terminal that hides what is typed, got one that shows it", hint=_OTHER_WAY)
        signals.catch_up()
        yield lambda: signals.wait(descriptor)
    finally:
        signals.hold()
        device.speak()
        device.close()
        signals.end()


def ask_twice(question: str) -> str:
    """Ask for one line twice, until both are the same and not empty.

    Raises:
        InvalidInput: this terminal cannot hide it.
        KeyboardInterrupt: nobody answers.
    """
    with no_echo(sys.stdin.fileno()) as wait:
        while True:
            first = _ask(question, wait)
            if first and first == _ask("The same once more", wait):
                return first
            streams.echo("expected the same twice, got two" if first else "expected an answer, got none", err=True)


def read_to_end(limit: int) -> bytes:
    """Read what is typed up to Ctrl-D in an empty line, or up to a limit in bytes.

    Raises:
        InvalidInput: this terminal cannot hide it.
        KeyboardInterrupt: by Ctrl-C, or a signal that ends the program.
        OSError: the terminal is gone.
    """
    descriptor, found = sys.stdin.fileno(), bytearray()
    with no_echo(descriptor) as wait:
        while len(found) < limit:
            wait()
            piece = os.read(descriptor, min(_PIECE_BYTES, limit - len(found)))
            if not piece:
                break
            found += piece
    return bytes(found)


def _device(descriptor: int) -> Device:
    try:
        return Device.of(descriptor)
    except OSError:
        raise InvalidInput("expected a terminal that hides what is typed, got none", hint=_OTHER_WAY) from None


def _ask(question: str, wait: Callable[[], None]) -> str:
    streams.echo(f"{question}: ", nl=False, err=True)
    wait()
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.rstrip("\n")

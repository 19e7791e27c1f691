# SPDX-License-Identifier: Apache-2.0
"""How the officers' command is run, and who hears what it says."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from typing import Protocol

from breakglass_shamir.bounded.pseudo_terminal import Listener, Writer
from breakglass_shamir.operations.recipes.passfile import Invocation


class Runner(Protocol):
    """How a program is run, and who hears what it says."""

    def run(self, made: Invocation) -> int:
        """Run it to its end; returns its exit status, negative for a signal.

        Raises:
            OSError: it could not be started.
        """

    def listener(self) -> Listener:
        """Return who hears a program that is run in a terminal of its own in any case."""


class Plain(Runner):
    """Runs a program with our standard error and an output that is ours or another, and hears nothing."""

    def __init__(self, output: int | None = None) -> None:
        self._output = output

    def run(self, made: Invocation) -> int:
        """Run it to its end."""
        process = subprocess.Popen(
            list(made.arguments), stdin=made.stdin, stdout=self._output, env=made.environment,
            pass_fds=made.descriptors,
        )  # fmt: skip
        if made.started:
            made.started()
        return process.wait()

    def listener(self) -> Listener:
        """Pass all on."""
        return Writer(1 if self._output is None else self._output)


@contextlib.contextmanager
def interrupts_are_the_command_s() -> Iterator[None]:
    """Let an interrupt from the keyboard be the command's to answer; ignored here, it would be ignored there, too."""
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)

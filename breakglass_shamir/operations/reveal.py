# SPDX-License-Identifier: Apache-2.0
"""The reveal: the instant the credential leaves the program, to a command.

Rules:

1. Called only with an ``opened`` record durable; it writes none itself.
2. The command gets the secret on standard input and on the descriptor that ``BREAKGLASS_FD`` numbers; nothing
   is appended, and both end after it. Never in argv or the environment.
3. Its end is the end of the reveal.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

FD_VARIABLE = "BREAKGLASS_FD"
"""Environment variable with the number of the descriptor to read the secret from."""


def find_program(command: Sequence[str]) -> str:
    """Return the program's path, before anything is opened.

    Raises:
        InvalidInput: no command, or no such program.
    """
    if not command:
        raise InvalidInput("expected a command after --exec")
    found = shutil.which(command[0])
    if found is None:
        raise InvalidInput(f"expected a program for --exec, found none named {command[0]!r}")
    return found


def run_command(command: Sequence[str], secret: Secret, *, output: int | None = None) -> str:
    """Run a command with the secret; returns how it ended, in words.

    Args:
        command: program and arguments; they hold no secret.
        secret: what it gets.
        output: descriptor for its standard output; None: ours.
    """
    for_stdin, for_descriptor = _pipe_with(secret), _pipe_with(secret)
    try:
        process = subprocess.Popen(
            list(command), stdin=for_stdin, stdout=output, pass_fds=(for_descriptor,),
            env={**os.environ, FD_VARIABLE: str(for_descriptor)},
        )  # fmt: skip
    except OSError as error:
        return f"could not be started: {error.strerror}"
    finally:
        os.close(for_stdin)
        os.close(for_descriptor)
    return _outcome(_wait(process))


def _pipe_with(secret: Secret) -> int:
    """Return the reading end of a pipe that holds the secret and then ends.

    A pipe takes 64 KiB at once (pipe(7)), far more than the largest credential.
    """
    reading, writing = os.pipe()
    try:
        os.write(writing, secret.reveal())
    finally:
        os.close(writing)
    return reading


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the command; an interrupt from the keyboard is the command's to answer."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)


def _outcome(status: int) -> str:
    if status < 0:
        return f"the command was ended by signal {-status}"
    return "the command ended well" if status == 0 else f"the command ended with exit code {status}"

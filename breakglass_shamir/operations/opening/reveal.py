# SPDX-License-Identifier: Apache-2.0
"""The reveal: the instant the credential leaves the program, to a command.

Rules:

1. Called only with an ``opened`` record durable; it writes none itself.
2. The command gets the secret on standard input and on the descriptor that ``BREAKGLASS_FD`` numbers; nothing
   is appended, and both end after it. Never in argv or the environment.
3. Where a second factor rides along, it asks for one-time codes on the descriptor that ``BREAKGLASS_TOTP_FD``
   numbers; the seed stays here.
4. Its end is the end of the reveal.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening.code_giver import FD_VARIABLE as TOTP_FD_VARIABLE
from breakglass_shamir.operations.opening.code_giver import CodeGiver

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


def run_command(command: Sequence[str], credential: Credential, *, output: int | None = None) -> str:
    """Run a command with the secret, exact bytes of whichever kind; returns how it ended, in words.

    Args:
        command: program and arguments; they hold no secret.
        credential: what it gets the secret of, and the one-time codes.
        output: descriptor for its standard output; None: ours.
    """
    seed, scheme = credential.totp_seed, credential.totp_scheme
    codes = CodeGiver(seed, scheme) if seed and scheme.is_known else None
    try:
        process = _start(command, credential.secret, codes, output)
        if codes:
            codes.start()
    except OSError as error:
        return f"could not be started: {error.strerror}"
    else:
        status = _wait(process)
    finally:
        if codes:
            codes.close()
    return _outcome(status, codes.given if codes else 0)


def _start(
    command: Sequence[str], secret: Secret, codes: CodeGiver | None, output: int | None
) -> subprocess.Popen[bytes]:
    for_stdin, for_descriptor = _pipe_with(secret), _pipe_with(secret)
    numbers = {FD_VARIABLE: for_descriptor} | ({TOTP_FD_VARIABLE: codes.descriptor} if codes else {})
    inherited = {name: value for name, value in os.environ.items() if name != TOTP_FD_VARIABLE}
    try:
        return subprocess.Popen(
            list(command), stdin=for_stdin, stdout=output, pass_fds=tuple(numbers.values()),
            env={**inherited, **{name: str(number) for name, number in numbers.items()}},
        )  # fmt: skip
    finally:
        os.close(for_stdin)
        os.close(for_descriptor)


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


def _outcome(status: int, codes: int) -> str:
    taken = f"; it took {codes} one-time code{'' if codes == 1 else 's'}" if codes else ""
    if status < 0:
        return f"the command was ended by signal {-status}{taken}"
    return f"the command ended {'well' if status == 0 else f'with exit code {status}'}{taken}"

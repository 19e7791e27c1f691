# SPDX-License-Identifier: Apache-2.0
"""The reveal: the instant the credential leaves the program, to a command.

Rules:

1. Called only with an ``opened`` record durable; it writes none itself.
2. The command gets the secret on standard input and on the descriptor that ``BREAKGLASS_FD`` numbers; nothing
   is appended, and both end after it. Never in argv or the environment.
3. A certificate that belongs to a key is on the descriptor that ``BREAKGLASS_CERTIFICATE_FD`` numbers.
4. Where a second factor rides along, it asks for one-time codes on the descriptor that ``BREAKGLASS_TOTP_FD``
   numbers; the seed stays here.
5. Its end is the end of the reveal. Whether it ran at all, and whether it ended well, is told apart.
6. A recipe (``operations/recipes``) is given the secret in its program's own way, and nothing else.
7. In a terminal of its own the command gets it on the descriptor alone: standard input is the keyboard.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening.code_giver import FD_VARIABLE as TOTP_FD_VARIABLE
from breakglass_shamir.operations.opening.code_giver import CodeGiver
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.passfile import Invocation
from breakglass_shamir.operations.recipes.runner import Plain, Runner, interrupts_are_the_command_s

FD_VARIABLE = "BREAKGLASS_FD"
"""Environment variable with the number of the descriptor to read the secret from."""

CERTIFICATE_FD_VARIABLE = "BREAKGLASS_CERTIFICATE_FD"
"""Environment variable with the number of the descriptor to read a key's certificate from, where it has one."""

AT_ONCE_S = 2.0
"""A command that ends sooner has hardly been used."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command.

    Attributes:
        words: how it ended.
        started: whether it ran; else nothing of ours gave it the credential.
        well: whether it ended without an error.
        seconds: how long it ran.
    """

    words: str
    started: bool = True
    well: bool = False
    seconds: float = 0.0

    @property
    def at_once(self) -> bool:
        """Whether it ended before anybody can have done much with it."""
        return self.seconds < AT_ONCE_S


def find_program(command: Sequence[str]) -> str:
    """Return the program's path, before anything is opened; behind the name of its recipe, where there is one.

    Raises:
        InvalidInput: no command, or no such program or recipe.
    """
    if not command:
        raise InvalidInput("expected a command after --exec")
    if catalogue.is_recipe(command):
        return f"{command[0]} {catalogue.find(command)[1]}"
    found = shutil.which(command[0])
    if found is None:
        raise InvalidInput(f"expected a program for --exec, found none named {command[0]!r}")
    return found


def run_command(
    command: Sequence[str],
    credential: Credential,
    *,
    output: int | None = None,
    runner: Runner | None = None,
    by_keyboard: bool = False,
    by_recipe: Callable[[Secret], int] | None = None,
) -> Ran:
    """Run a command with the secret, exact bytes of whichever kind; returns what became of it.

    Args:
        command: program and arguments; they hold no secret.
        credential: what it gets the secret of, and the one-time codes.
        output: descriptor for its standard output; None: ours.
        runner: runs it; None: with nobody who hears it.
        by_keyboard: whether its standard input is the keyboard, and the secret is on the descriptor alone.
        by_recipe: runs it where it is a recipe, with the secret, and returns its exit status.
    """
    begun, codes = time.monotonic(), 0
    try:
        if by_recipe:
            _require_taken(command, credential)
            status = by_recipe(credential.presented)
        else:
            status, codes = _run(command, credential, runner or Plain(output), by_keyboard=by_keyboard)
    except OSError as error:
        return Ran(f"could not be started: {error.strerror}", started=False)
    except BreakglassError as error:
        return Ran(f"could not be started: {error}", started=False)
    return Ran(_outcome(status, codes), well=status == 0, seconds=time.monotonic() - begun)


def _require_taken(command: Sequence[str], credential: Credential) -> None:
    """Give no passkey to a program that would send it as a password; what is handed of it is one line of text.

    Raises:
        InvalidInput: the recipe does.
    """
    if credential.kind is CredentialKind.PASSKEY and not catalogue.shows_pages(command):
        raise InvalidInput(f"{command[0]} takes no passkey", hint="recipe:chromium lends it to a browser")


def _run(command: Sequence[str], credential: Credential, runner: Runner, *, by_keyboard: bool) -> tuple[int, int]:
    """Run it; returns its status, and how many one-time codes it took."""
    seed, scheme = credential.totp_seed, credential.totp_scheme
    codes = CodeGiver(seed, scheme) if seed and scheme.is_known else None
    try:
        with interrupts_are_the_command_s():
            status = _run_with(command, credential, codes, runner, by_keyboard=by_keyboard)
    finally:
        if codes:
            codes.close()
    return status, codes.given if codes else 0


def _run_with(
    command: Sequence[str], credential: Credential, codes: CodeGiver | None, runner: Runner, *, by_keyboard: bool
) -> int:
    secret = credential.secret
    pipes = [_pipe_with(secret)] if by_keyboard else [_pipe_with(secret), _pipe_with(secret)]
    numbers = {FD_VARIABLE: pipes[-1]} | ({TOTP_FD_VARIABLE: codes.descriptor} if codes else {})
    if credential.kind is CredentialKind.KEY_CERTIFICATE and credential.certificate:
        pipes.append(_pipe_with(Secret(credential.certificate)))
        numbers |= {CERTIFICATE_FD_VARIABLE: pipes[-1]}
    ours = (TOTP_FD_VARIABLE, CERTIFICATE_FD_VARIABLE)
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    stdin = None if by_keyboard else pipes[0]

    def started() -> None:
        while pipes:
            os.close(pipes.pop())
        if codes:
            codes.start()

    try:
        return runner.run(
            Invocation(
                tuple(command), {**inherited, **{name: str(number) for name, number in numbers.items()}},
                tuple(numbers.values()), stdin, started,
            )
        )  # fmt: skip
    finally:
        while pipes:
            os.close(pipes.pop())


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


def _outcome(status: int, codes: int) -> str:
    taken = f"; it took {codes} one-time code{'' if codes == 1 else 's'}" if codes else ""
    if status < 0:
        return f"the command was ended by signal {-status}{taken}"
    return f"the command ended {'well' if status == 0 else f'with exit code {status}'}{taken}"

# SPDX-License-Identifier: Apache-2.0
"""``kinit``: its question is answered on a pipe; a command after ``--`` gets the ticket and nothing else does.

MIT's prompter reads a pipe as it reads a terminal, one line for each question. Without a command the ticket goes where
kinit puts it and stays until ``kdestroy`` or its end. With one it stands in a file in memory, in a folder that nobody
else may enter, which is removed when the command has ended; the command has the keyboard.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from breakglass_shamir.connectors.port.memory_folder import memory_folder
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.passfile import Invocation

CACHE_VARIABLE = "KRB5CCNAME"
"""Environment variable with the place of a person's tickets (krb5.conf(5))."""

LIMIT_S = 120.0
"""Longest time that getting a ticket may take."""


@contextlib.contextmanager
def invocation(
    program: str, arguments: Sequence[str], secret: Secret, inherited: Mapping[str, str], output: int | None
) -> Iterator[Invocation | int]:
    """Get the ticket, and have it there while the command runs; or the status of kinit, where nothing follows it.

    Raises:
        InvalidInput: the credential cannot be typed, or kinit did not end.
        OSError: kinit could not be started.
    """
    own, command = catalogue.parts(arguments)
    if not command:
        yield _get(program, own, secret, inherited, output)
        return
    with memory_folder() as folder:
        environment = {**inherited, CACHE_VARIABLE: f"FILE:{folder / 'ticket'}"}
        status = _get(program, own, secret, environment, output)
        yield status or Invocation(tuple(command), environment)


def _get(program: str, own: Sequence[str], secret: Secret, environment: Mapping[str, str], output: int | None) -> int:
    data = secret.reveal()
    if any(byte in data for byte in (b"\n", b"\r", b"\0")):
        raise InvalidInput("the credential has more than one line, and kinit takes no such password")
    reading, writing = os.pipe()
    os.write(writing, data + b"\n")
    os.close(writing)
    try:
        return subprocess.run(
            [program, *own], stdin=reading, stdout=output, env=dict(environment), timeout=LIMIT_S, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise InvalidInput(f"kinit did not end within {LIMIT_S:.0f} s") from None
    finally:
        os.close(reading)

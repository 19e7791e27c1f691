# SPDX-License-Identifier: Apache-2.0
"""The CUPS client commands ``lp`` and ``lpstat``: found, run in a clean environment, their words made safe to show.

A document goes in on standard input only; no argument and no environment variable holds anything secret.

It knows nothing of printers, jobs or sheets.
"""

import os
import shutil
from collections.abc import Sequence

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.errors import PaperError

SYSTEM_PATH = "/usr/bin:/bin"
"""Where lp and lpstat are looked for; the caller's PATH is not trusted."""

CALL_LIMIT_S = 20.0
"""Longest time for one call of a program or one answer of the server."""

COMPLAINT_MAX_CHARS = 200
"""Longest part of a message of CUPS that is repeated to people."""


def find_program(name: str) -> str:
    """Return the path of a CUPS client command.

    Raises:
        PaperError: it is not installed.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise PaperError(f"{name} not found in {SYSTEM_PATH}", hint="install the CUPS client commands (cups-client)")
    return found


def run(
    name: str, arguments: Sequence[str], *, given: bytes = b"", limit_s: float = CALL_LIMIT_S
) -> tuple[int, str, str]:
    """Run a CUPS command in a clean environment.

    Returns:
        Exit code, standard output, and the last line of its standard error.

    Raises:
        PaperError: it is missing, could not be started, did not end in time, or wrote without end.
    """
    environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C"}
    if "CUPS_SERVER" in os.environ:
        environment["CUPS_SERVER"] = os.environ["CUPS_SERVER"]
    try:
        done = programs.run([find_program(name), *arguments], given=given, limit_s=limit_s, env=environment)
    except (OSError, ValueError) as error:
        raise PaperError(f"{name} could not be run: {error}") from error
    if done.status is None:
        raise PaperError(f"{name} gave no answer: {done.why}")
    return done.status, done.output.decode(errors="replace"), done.complaint


def shown(text: str) -> str:
    """Return foreign text that is safe to show: one line, printable, not endless."""
    return "".join(filter(str.isprintable, text)).strip()[:COMPLAINT_MAX_CHARS]

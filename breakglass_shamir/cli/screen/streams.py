# SPDX-License-Identifier: Apache-2.0
"""Standard input, output and error that are closed, broken or full: none of them stops an opening.

Rules:

1. A descriptor that was closed when we started is taken by the null device, so that no file of ours gets its
   number and is written to by somebody who means the screen.
2. What was told on standard error and could not be written is lost, and nothing else follows from it.
3. A result that could not be written ends with exit code 1; what was recorded stands.
4. A character that the stream's encoding does not have is escaped, and ends nothing.
"""

import io
import os
import sys
from typing import TextIO

import click

LOST_RESULT = 1
"""Exit code when the result could not be written."""

PLAIN_VARIABLE = "BREAKGLASS_PLAIN"
"""Environment variable that has lines printed and nothing drawn."""


def occupy_closed() -> None:
    """Give the null device every standard descriptor that is closed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def escape_unknown() -> None:
    """Let standard output and error escape what their encoding does not have, as in ``LC_ALL=C``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Write a text to standard output or error as that stream is.

    Where no stream is named, click writes UTF-8 to one that asked for ASCII.
    """
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)


def can_show(text: str, stream: TextIO | None) -> bool:
    """Tell whether a stream's encoding has every character of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is there and is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def finish(code: int) -> int:
    """Flush at the end; returns the exit code, which says when the result was lost.

    What cannot be flushed goes to the null device, or the interpreter would complain about it.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _drop(stream)
            code = code or (LOST_RESULT if stream is sys.stdout else 0)
    return code


def _drop(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

# SPDX-License-Identifier: Apache-2.0
"""What is told on standard error, cut between words where the screen ends.

Rules:

1. A row is cut at blanks only: a path, an id or a name is longer than the row rather than broken.
2. A command that stands in a sentence stays in one piece, from its name to its end, since people paste it. A row that
   it makes too long goes on in the next one of the screen, and is copied as one.
3. In a pipe, in plain mode, under ``TERM=dumb`` and where the terminal tells no width nothing is cut.
"""

import os
import re
import sys
import textwrap

from breakglass_shamir.cli.screen.streams import PLAIN_VARIABLE, is_terminal

NARROWEST = 20
"""Columns that a row has at least."""

_COMMAND = re.compile(r"\bbreakglass ")
"""How a command begins, as the hints write one."""

_KEPT_BLANK = "\0"
"""Stands for a blank at which no row ends; no text to be told has it."""


def columns(*, plain: bool = False) -> int:
    """Return how many columns may be written to; 0: nothing is cut."""
    asks_for_plain = os.environ.get(PLAIN_VARIABLE, "") not in ("", "0") or os.environ.get("TERM") == "dumb"
    if plain or asks_for_plain or not is_terminal(sys.stderr):
        return 0
    try:
        told = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 0
    return max(NARROWEST, told - 1) if told else 0


def rows(line: str, indent: int, width: int) -> list[str]:
    """Cut a line between words; at least one row.

    Args:
        line: what is told; the blanks before it stay.
        indent: blanks before the rows that follow the first one.
        width: columns; 0: nothing is cut.
    """
    if not width or len(line) <= width:
        return [line]
    whole = _with_whole_commands(line)
    cut = textwrap.wrap(
        whole, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    ) or [""]  # fmt: skip
    return [row.replace(_KEPT_BLANK, " ") for row in cut]


def _with_whole_commands(line: str) -> str:
    parts, at = [], 0
    while found := _COMMAND.search(line, at):
        end = _end_of_command(line, found.end())
        command = line[found.start() : end]
        kept = command.rstrip()
        parts += [line[at : found.start()], kept.replace(" ", _KEPT_BLANK), command[len(kept) :]]
        at = end
    return "".join([*parts, line[at:]])


def _end_of_command(line: str, at: int) -> int:
    """Return where a command ends: at a semicolon outside quotes, at a quote that is not closed, or with the line."""
    while at < len(line) and line[at] != ";":
        if line[at] in "'\"":
            closed = line.find(line[at], at + 1)
            if closed < 0:
                return at
            at = closed
        at += 1
    return at

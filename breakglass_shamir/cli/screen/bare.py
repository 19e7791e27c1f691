# SPDX-License-Identifier: Apache-2.0
"""Terminals that cannot be told to forget (``TERM=dumb``): what is said there, and agreed to, before a secret comes.

A carriage return and blanks overwrite a row on most of them. On one that prints on paper, keeps a log or ignores the
return, what was shown stays. So people are told before anything is opened, and must say that they want it.
"""

import os

from breakglass_shamir.cli.screen import sequences
from breakglass_shamir.cli.screen.device import TERMINAL
from breakglass_shamir.cli.screen.signals import wait_for_line
from breakglass_shamir.errors import InvalidInput

AGREED = "yes"
"""The word that has it shown all the same."""

_WARNING = """! This terminal says of itself that it cannot erase (TERM={name}). Each row is shown alone and then
! overwritten with blanks. Where that does not help, as on paper, in a log or in a scroll-back, it stays: whoever can
! read that later has it. If the terminal is another than it says, stop, and begin with: export TERM=xterm
"""
_LONGEST_ANSWER_BYTES = 100


class _Agreed:
    """Whether people have said so, in this run."""

    already = False


def is_bare() -> bool:
    """Tell whether the terminal knows no control sequences."""
    return not sequences.erases()


def agree(what: str) -> None:
    """Ask whether something secret may stand on such a terminal; once in a run, and nothing on any other terminal.

    Args:
        what: what would stand there, with its verb.

    Raises:
        InvalidInput: they do not want it, or nobody is there.
        OSError: there is no terminal.
    """
    if _Agreed.already or not is_bare():
        return
    with TERMINAL.open("wb", buffering=0) as out, TERMINAL.open("rb", buffering=0) as answers:
        out.write(f"{warning()}{what} here all the same? Type {AGREED}: ".encode())
        wait_for_line(answers.fileno())
        said = answers.readline(_LONGEST_ANSWER_BYTES)
    if not take(said.decode(errors="replace")):
        raise InvalidInput(
            f"expected a terminal that can erase, got TERM={os.environ.get('TERM', '')}",
            hint="use another terminal, or say what this one is (export TERM=xterm), or use --exec or --no-reveal",
        )


def is_agreed() -> bool:
    """Tell whether people have agreed before."""
    return _Agreed.already


def warning() -> str:
    """Return what people are told of such a terminal, in lines."""
    return _WARNING.format(name=os.environ.get("TERM", ""))


def take(said: str) -> bool:
    """Take the answer to that; tells whether they agree, from now on."""
    _Agreed.already = said.strip().lower() == AGREED
    return _Agreed.already

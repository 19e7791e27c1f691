# SPDX-License-Identifier: Apache-2.0
"""Terminals that cannot be told to forget (``TERM=dumb``): what is said there, and agreed to, before a secret comes.

A carriage return and blanks overwrite a row on most of them. On one that prints on paper, keeps a log or ignores the
return, what was shown stays. So people are told before anything is opened, and must say that they want it.
"""

import os

from breakglass_shamir.cli.screen import sequences
from breakglass_shamir.cli.screen.device import TERMINAL
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
    name = os.environ.get("TERM", "")
    with TERMINAL.open("wb", buffering=0) as out, TERMINAL.open("rb", buffering=0) as answers:
        out.write((_WARNING.format(name=name) + f"{what} here all the same? Type {AGREED}: ").encode())
        said = answers.readline(_LONGEST_ANSWER_BYTES)
    if said.strip().lower() != AGREED.encode():
        raise InvalidInput(
            f"expected a terminal that can erase, got TERM={name}",
            hint="use another terminal, or say what this one is (export TERM=xterm), or use --exec or --no-reveal",
        )
    _Agreed.already = True

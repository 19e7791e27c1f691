# SPDX-License-Identifier: Apache-2.0
"""Answers that people type at a question, where a scanner that types may be in the wrong field.

Rules:

1. What looks like a share is not taken: its line is wiped off the screen, people are told, and it is asked again.
2. Nothing of it is kept, recorded or repeated.

A credential is not asked for here, and no line of a sheet.
"""

import os
import sys
from contextlib import suppress

import click

from breakglass_shamir.cli.screen import sequences, streams
from breakglass_shamir.formats.likeness import looks_like_share, may_be_fingerprint

NOT_TAKEN = (
    "! that looks like a share: it was not taken, and nothing of it is kept. A scanner types where the cursor is. "
    "Whoever saw this screen may have it: if it was one, void its sheet and rotate. Say it in other words:"
)
"""What people are told."""

_COLUMNS = 80

_YES_OR_NO = {"y": True, "yes": True, "n": False, "no": False}


def ask(question: str, *, optional: bool = False, public: bool = False) -> str:
    """Ask until the answer may be kept.

    Args:
        question: what is asked.
        optional: whether it may be left empty.
        public: whether the answer is a fingerprint, which is public and has the look of a line of a sheet; what can be
            none is still looked at, and so is a line of a share.
    """
    while True:
        said = str(click.prompt(question, default="" if optional else None, show_default=False, err=True))
        if (public and may_be_fingerprint(said)) or not is_refused(said, question):
            return said


def confirm(question: str, *, default: bool = False) -> bool:
    """Ask until the answer is yes or no."""
    while True:
        said = ask(f"{question} [{'Y/n' if default else 'y/N'}]", optional=True).strip().lower()
        if said in _YES_OR_NO:
            return _YES_OR_NO[said]
        if not said:
            return default
        streams.echo("expected y or n", err=True)


def tell() -> None:
    """Tell people that what they gave was not taken."""
    streams.echo(NOT_TAKEN, err=True)


def is_refused(said: str, question: str = "") -> bool:
    """Tell whether an answer may not be kept, after wiping it off the screen and saying so.

    Args:
        said: the answer.
        question: what stands before it on its line.
    """
    if not looks_like_share(said):
        return False
    take_back(f"{question}: {said}" if question else said)
    tell()
    return True


def take_back(row: str) -> None:
    """Erase a row that was typed: who has just read a secret may type it where something else is asked."""
    if sequences.erases():
        with suppress(OSError):
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
            streams.echo(sequences.take_back(row, columns), err=True, nl=False)

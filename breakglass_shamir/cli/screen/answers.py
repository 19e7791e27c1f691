# SPDX-License-Identifier: Apache-2.0
"""Answers that people type at a question, where a scanner that types may be in the wrong field.

Rules:

1. What looks like a share is not taken: its line is wiped off the screen, people are told, and it is asked again.
2. Nothing of it is kept, recorded or repeated.
3. What is asked for a path is taken when something is there; what is near is told, and a folder is offered to be made.
4. The end of the input, and Ctrl-D in an empty line, ends the program as Ctrl-C does.

A credential is not asked for here, and no line of a sheet.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from breakglass_shamir.cli.screen import completion, line, paths, sequences, streams, yes_and_no
from breakglass_shamir.cli.screen.cleaning import message
from breakglass_shamir.cli.screen.completion import Completer
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.formats.likeness import looks_like_share, may_be_fingerprint

NOT_TAKEN = (
    "! that looks like a share: it was not taken, and nothing of it is kept. A scanner types where the cursor is. "
    "Whoever saw this screen may have it: if it was one, void its sheet and rotate. Say it in other words:"
)
"""What people are told."""

_COLUMNS = 80


Check = Callable[[str], str]
"""Says what is wrong with an answer; an empty text where nothing is."""


def ask(
    question: str, *, optional: bool = False, public: bool = False, plain: bool = False,
    complete: Completer | None = None, prefill: str = "", check: Check = lambda _: "",
) -> str:  # fmt: skip
    """Ask until the answer may be kept.

    Args:
        question: what is asked.
        optional: whether it may be left empty.
        public: whether the answer is a fingerprint, which is public and has the look of a line of a sheet; what can be
            none is still looked at, and so is a line of a share.
        plain: whether nothing is to be drawn.
        complete: what Tab does.
        prefill: what stands there already, to be changed.
        check: says what is wrong with an answer that is not empty; it is then asked again.

    Raises:
        click.Abort: nobody answers any more.
    """
    while True:
        said = _read(question, plain=plain, complete=complete, prefill=prefill)
        if not (public and may_be_fingerprint(said)) and _is_refused(said, question, plain=plain):
            continue
        if line.edits(plain=plain):
            line.show(question, said)
        wrong = check(said) if said.strip() else "" if optional else "expected an answer, got none"
        if not wrong:
            line.keep(said.strip())
            return said
        streams.echo(message(wrong), err=True)


def ask_words(question: str, name: str, *, plain: bool = False) -> str:
    """Ask for a text that stands in a record, until it can.

    Args:
        question: what is asked.
        name: what the answer is called where it cannot be taken.
        plain: whether nothing is to be drawn.
    """
    while True:
        try:
            return check_human_text(name, ask(question, optional=True, plain=plain))
        except BreakglassError as error:
            streams.echo(str(error), err=True)


def confirm(question: str, *, default: bool = False, plain: bool = False) -> bool:
    """Ask until the answer is yes or no."""
    while True:
        said = ask(f"{question} [{'Y/n' if default else 'y/N'}]", optional=True, plain=plain)
        answer = agreed(said) if said.strip() else default
        if answer is not None:
            return answer
        streams.echo(yes_and_no.expected(), err=True)


def agreed(said: str) -> bool | None:
    """Return what a yes or a no means, in English and the languages of the locale; None where it is neither."""
    return yes_and_no.meaning(said)


def ask_paths(question: str, *, optional: bool = False, plain: bool = False) -> tuple[Path, ...]:
    """Ask for one or several paths at which something is, until it is; none where the answer may be left empty."""
    found: list[Path] = []

    def check(said: str) -> str:
        try:
            found[:] = paths.parse(said)
        except InvalidInput as error:
            return f"{error}: {error.hint}" if error.hint else str(error)
        return "\n".join(filter(None, map(paths.missing, found)))

    ask(question, optional=optional, plain=plain, complete=completion.paths, check=check)
    return tuple(found)


def ask_folder(question: str, *, optional: bool = False, plain: bool = False) -> Path | None:
    """Ask for one folder until it is there; one that is not is offered to be made, or another is named instead."""
    said = ""
    while True:
        found = _one_path(question, optional=optional, plain=plain, said=said)
        said = ""
        if found is None or found.is_dir():
            return found
        if os.path.lexists(found):
            streams.echo(message(f"expected a folder, got a file at {found}"), err=True)
            continue
        agreed, said = _confirm_path(make_it(found), plain=plain)
        if agreed and _made(found):
            return found


def make_it(folder: Path) -> str:
    """Return the question whether a folder that is not there is made; one with a name like it is told."""
    near = paths.nearest(folder)
    beside = f" (there is {near})" if near is not None and near.is_dir() else ""
    return message(f"There is no folder {folder}{beside}. Make it?")


def _confirm_path(question: str, *, plain: bool) -> tuple[bool, str]:
    """Ask for yes or no; returns whether it is a yes, which Enter alone is, and what else was typed."""
    said = ask(f"{question} [Y/n]", optional=True, plain=plain, complete=completion.paths).strip()
    agreed = yes_and_no.meaning(said) if said else True
    return bool(agreed), said if agreed is None else ""


def _made(folder: Path) -> bool:
    try:
        paths.make_folder(folder)
    except InvalidInput as error:
        streams.echo(message(f"{error}: {error.hint}"), err=True)
        return False
    return True


def _one_path(question: str, *, optional: bool, plain: bool, said: str) -> Path | None:
    """Ask for one path, whether something is there or not; what was said already is looked at first."""
    found: list[Path] = []

    def check(text: str) -> str:
        try:
            found[:] = paths.parse(text)
        except InvalidInput as error:
            return f"{error}: {error.hint}" if error.hint else str(error)
        return (
            "" if len(found) == 1 or not text else f"expected one folder, got {len(found)} paths; put quotes around it"
        )

    if wrong := check(said):
        streams.echo(message(wrong), err=True)
    if not said or wrong:
        ask(question, optional=optional, plain=plain, complete=completion.paths, check=check)
    return found[0] if found else None


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


def _read(question: str, *, plain: bool, complete: Completer | None, prefill: str) -> str:
    try:
        return line.read(question, plain=plain, complete=complete, prefill=prefill, refused=looks_like_share)
    except EOFError:
        raise click.Abort from None


def _is_refused(said: str, question: str, *, plain: bool) -> bool:
    """Tell the same of an answer that was read here; where it was edited, it is off the screen already."""
    if not line.edits(plain=plain):
        return is_refused(said, question)
    refused = looks_like_share(said)
    if refused:
        tell()
    return refused

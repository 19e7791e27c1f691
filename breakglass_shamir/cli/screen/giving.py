# SPDX-License-Identifier: Apache-2.0
"""What a line means that people gave at the board: a word, a share, a path; what is none of these is answered at once.

Rules:

1. A word of the board comes first, then what is there under a path, then what looks like a share or a line of one.
   So nothing has to be chosen before it is given.
2. While people type line by line, whatever is no word and no path that is there goes to the sheet they type.
3. What means nothing is said, with the nearest name that is there; Enter alone does nothing.
4. Nothing that may be a share is kept for the arrow keys, or told.
"""

from collections.abc import Sequence

from breakglass_shamir.cli.screen import answers, paths
from breakglass_shamir.cli.screen.board import BoardScreen
from breakglass_shamir.cli.screen.cleaning import message
from breakglass_shamir.errors import InvalidInput, MalformedText
from breakglass_shamir.formats import text
from breakglass_shamir.formats.likeness import looks_like_share
from breakglass_shamir.operations.desk import Given

TYPE, CAMERA, UNWATCH, BACK, STOP = "type", "camera", "unwatch", "back", "stop"
TYPED = "Type lines of sheets"
"""What people are asked about on a terminal that cannot erase."""

HELP = ("help", "?")
"""Words at the board; ``?`` alone is a line that nobody can read, where lines are typed."""

HELP_LINES = (
    "picture or PDF: read at once. Folder: read, and watched from then on.",
    "Several paths: blanks between them. Tab completes; the arrows bring back.",
    "A scanner that types: scan whenever you like; no code stays on the screen.",
    "type: what is printed on the back, line by line. camera 1: the second camera.",
    "unwatch: look into a folder no longer; unwatch 2: the second one. ./back: a file of that name.",
    "back: to the question before; what was read stays. stop: leave; you are asked first.",
    "Ctrl-C: clears the screen, and you go on later.",
)

_LONGEST_NUMBER = 3


def meant(board: BoardScreen, said: str, *, types: bool) -> Given | None:
    """Return what a line means; None where it meant nothing, which is said.

    Args:
        board: where it was given.
        said: the line; it may be secret.
        types: whether people type line by line.
    """
    word = said.strip().lower()
    if not word:
        return Given(text=said) if types else None
    if word in (STOP, TYPE) or (word == "board" and types):
        return _word(board, TYPE if word == "board" else word, types=types)
    if word in HELP and not (types and word == "?"):
        board.note(HELP_LINES)
        return None
    if word == BACK and not types:
        return Given(word=BACK)
    if given := _numbered(word):
        return given
    if types and _is_of_a_sheet(said):
        return Given(text=said)
    return _path_or_text(board, said, types=types)


def agrees_to_stop(board: BoardScreen, read: int, leaves: Sequence[str]) -> bool:
    """Ask whether people mean to stop, after saying what they leave behind."""
    lines = [*map(message, leaves)]
    if read:
        sheets = "the sheet that was read is" if read == 1 else f"the {read} sheets that were read are"
        lines.append(f"{sheets} in this program's memory only, and gone then")
    board.note(lines)
    while True:
        try:
            said = board.read(0.5, "Stop? [y/N]")
        except EOFError:
            return True
        agreed = answers.agreed(said) if said else None if said is None else False
        if agreed is not None:
            return agreed
        if said is not None:
            board.note(lines)


def _word(board: BoardScreen, word: str, *, types: bool) -> Given | None:
    if word == TYPE and not types and not board.agrees_to_show(TYPED):
        board.tell("- nothing is typed here, then; a scanner that types, and paths, work all the same")
        return None
    return Given(word=word)


def _numbered(word: str) -> Given | None:
    """Return which camera or folder is meant; None where none is."""
    name, _, number = word.partition(" ")
    if number and not (number.isdecimal() and len(number) <= _LONGEST_NUMBER):
        return None
    if name == CAMERA:
        return Given(word=CAMERA, camera=int(number or 0))
    return Given(word=UNWATCH, number=int(number or 0)) if name == UNWATCH else None


def _path_or_text(board: BoardScreen, said: str, *, types: bool) -> Given | None:
    try:
        found = paths.parse(said)
    except InvalidInput as error:
        board.tell(f"- {message(f'{error}: {error.hint}' if error.hint else str(error))}")
        return None
    there = tuple(path for path in found if path.exists())
    if not there and (_is_of_a_sheet(said) or types):
        return Given(text=said)
    for path in found:
        if path not in there:
            board.tell(f"- {message(paths.missing(path))}")
    if not there and not any(mark in said for mark in "/.~"):
        board.tell("  expected a path, a code, or a word: type, camera, help, back, stop")
    if not looks_like_share(said):
        board.keep(said.strip())
    return Given(paths=there) if there else None


def _is_of_a_sheet(said: str) -> bool:
    """Tell whether a line is a code, or one that is typed from a sheet."""
    if looks_like_share(said):
        return True
    try:
        _, number = text.read_line(said)
    except MalformedText:
        return False
    return number is not None

# SPDX-License-Identifier: Apache-2.0
"""What stands on the board at which sheets are gathered, as rows of text: nothing here is secret, and nothing is drawn.

Rules:

1. Which sheets are in, which are missing and whose, how many more: on top, whatever else there is.
2. Every file has one line, and so has every answer to a typed line. The latest stand lowest; what has no room is left
   out from the top.
3. In a window that is too small the help goes first, then the answers; what people type, and a question, stays.
"""

from collections.abc import Iterable, Sequence

from breakglass_shamir.cli.screen import sequences
from breakglass_shamir.cli.screen.cleaning import message
from breakglass_shamir.custody.quorum.tally import GroupTally, Tally
from breakglass_shamir.operations.desk import Board

GIVING = (
    "Give a picture, a PDF or a folder: drag it in, or type its path. Or just scan.",
    "type: type lines of a sheet   camera: hold sheets up   help: more   stop: leave",
)
"""What people can do."""

TYPING = (
    "Type the line as it is printed; small letters will do, blanks do not matter.",
    "?: nobody can read it   Enter alone: no more lines of this share   help   stop",
    "back: take the last line back   done: that is all   type: leave typing",
)
"""What people can do while they type line by line."""

_FEWEST_TOLD = 3
"""Answers that stand there before the help does."""

_MOST_TALLIES = 2
_MARGIN, _HEAD = "  ", 9
"""Columns before what is told of the sheets of a group, and of the word before them."""


def rows(board: Board, told: Sequence[str], notes: Sequence[str], width: int, height: int) -> list[str]:
    """Return the rows above the one in which people type, at most so many.

    Args:
        board: what is to be seen.
        told: what was said, the latest last.
        notes: what is to be read now, in place of what people can do.
        width: columns.
        height: rows.
    """
    top = [row for line in summary(board) for row in _below_its_head(line, width)]
    state = _wrapped([*map(message, board.typed), *_now(board)], width)
    helps = _wrapped(notes or (TYPING if board.prompt else GIVING), width)
    said = [sequences.wrapped(line, width) for line in told]
    room = height - _height(top, state, helps) - 1
    if room < min(_FEWEST_TOLD, sum(map(len, said))) and not notes:
        room, helps = room + len(helps) + 1, []
    latest = _latest(said, room)
    found = [row for block in (top, latest, state, helps) if block for row in ("", *block)][1:]
    return found if len(found) <= height else [*top, *state, *helps][: max(0, height)]


def _latest(said: Sequence[Sequence[str]], room: int) -> list[str]:
    """Return the rows of the latest lines that have room, each whole."""
    kept: list[str] = []
    for line in reversed(said):
        if len(kept) + len(line) > room:
            break
        kept = [*line, *kept]
    return kept


def _height(*blocks: Sequence[str]) -> int:
    """Return the rows that blocks take, with a blank one between them."""
    return sum(len(block) + 1 for block in blocks if block) - 1


def summary(board: Board) -> list[str]:
    """Say which sheets are in, which are missing and whose, and how many more it takes."""
    lines = [line for tally in _first(board.tallies) for line in _of(tally, board.noun)]
    if board.unplaced:
        lines.append(
            f"{_count(board.unplaced, 'share')} in, of a set that is not known here yet. Now the envelope: scan the "
            "large code of any sheet, or type lines 5, 6, 7 and on from the back of any sheet"
        )
    return lines or [f"No {board.noun} is in yet."]


def _first(tallies: Sequence[Tally]) -> Sequence[Tally]:
    """Return the epochs of which most was read; those of which nothing was, only where there is room."""
    return sorted(tallies, key=lambda tally: -tally.present)[:_MOST_TALLIES]


def _of(tally: Tally, noun: str) -> list[str]:
    name = f"{message(tally.set_name) or 'the set'}, epoch {tally.epoch}"
    more = f"{tally.more} more needed" if not tally.whole else f"{tally.more} more to be read back"
    needed = more if tally.more else "a quorum" if not tally.whole else "which are all"
    if not tally.present:
        lines = [f"{name}: no {noun} is in yet, {more.replace(' more', '')}"]
    else:
        lines = [f"{name}: {_count(tally.present, noun)} in, {needed}"]
    for group in tally.groups:
        lines += _of_group(tally, group, several=len(tally.groups) > 1)
    return lines


def _of_group(tally: Tally, group: GroupTally, *, several: bool) -> list[str]:
    head = f"group {group.number}, {group.threshold} of these: " if several else ""
    any_of = f" (any {group.more} of these)" if not several and 0 < group.more < len(group.missing) else ""
    lines = []
    if group.present:
        lines.append(f"{_MARGIN}{'in':{_HEAD}}{head}{_sheets(tally, group.present)}")
    if group.missing:
        word = "missing" if tally.more else "not yet"
        lines.append(f"{_MARGIN}{word:{_HEAD}}{head}{_sheets(tally, group.missing)}{any_of}")
    if group.void and tally.more:
        lines.append(f"{_MARGIN}{'void':{_HEAD}}{head}{_sheets(tally, group.void)}")
    return lines


def _sheets(tally: Tally, seats: Iterable[str]) -> str:
    return ", ".join(message(f"{seat} {tally.custodians.get(seat, '')}".strip()) for seat in seats)


def _now(board: Board) -> list[str]:
    """Say what is going on."""
    several = len(board.watched) > 1
    lines = [
        f"watching {f'{number}: ' if several else ''}{message(str(folder))}: what lands there is read"
        for number, folder in enumerate(board.watched, 1)
    ]
    if board.camera:
        lines.append(f"{message(board.camera)} is looking: hold a sheet up to it; camera: put it away")
    if board.doing:
        lines.append(f"... {message(board.doing)}")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def _wrapped(lines: Iterable[str], width: int) -> list[str]:
    return [row for line in lines for row in sequences.wrapped(line, width)]


def _below_its_head(line: str, width: int) -> list[str]:
    """Cut a line between words; what is told of sheets goes on below where it began."""
    if not line.startswith(_MARGIN):
        return sequences.wrapped(line, width)
    indent = " " * (len(_MARGIN) + _HEAD)
    cut = sequences.wrapped(line[len(indent) :], max(2, width - len(indent)))
    return [line[: len(indent)] + cut[0], *(indent + row.strip() for row in cut[1:])]

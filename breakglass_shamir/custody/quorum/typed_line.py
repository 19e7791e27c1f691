# SPDX-License-Identifier: Apache-2.0
"""One typed line: what was typed, what it proves, and what a repair made of it (spec: docs/spec/2-text.md).

Rules:

1. A check character answers the typist and corrects nothing: a slip is only ever asked about.
2. A line that does not check is kept as it was read; the parity over all lines repairs it, or nothing does.
3. Whatever a repair changed is worded: what was read, and what it means.

It keeps no order of lines; ``typing.py`` does.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from breakglass_shamir.errors import MalformedText, SharesError
from breakglass_shamir.formats import share, text
from breakglass_shamir.formats.share import ReadShare
from breakglass_shamir.formats.text import LINE_CHARACTERS, TEXT_LINES, UNREADABLE

CONFUSED = ("5S", "8B", "2Z", "0D", "17")
"""Characters that people take for one another on paper; I, L and O are forgiven anyway."""

FEWEST_SHARE_LINES = TEXT_LINES - 1
"""Lines that make a share, one of the four being lost."""

_MOST_SHOWN = 6
_OWN_CHARACTERS = 8
_GAP_LINES = 2
_NUMBERED = re.compile(r"\s*([0-9]{1,2})\s*[:.)](.*)", re.ASCII | re.DOTALL)

Rows = Mapping[int, str]
"""The 24 symbols of lines, by number."""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """One line as it was typed."""

    symbols: str = field(repr=False)
    """24 symbols and the check character; ``?`` where unreadable."""

    proven: int | None
    """The number its check character proves; None where a character is unreadable."""

    claimed: int | None = None
    """The number that was typed before it."""

    @property
    def row(self) -> str:
        """The 24 symbols."""
        return self.symbols[:LINE_CHARACTERS]

    @property
    def lost(self) -> bool:
        """Whether nothing of it could be read."""
        return not self.row.strip(UNREADABLE)

    def is_like(self, other: "TypedLine") -> bool:
        """Tell whether both are the same line of paper, with slips.

        The last characters must agree too: the first ones of line 1 are the same on every sheet of an epoch.
        """
        same = [a == b for a, b in zip(self.row, other.row, strict=True)]
        return sum(same) * 2 >= LINE_CHARACTERS and sum(same[-_OWN_CHARACTERS:]) * 2 >= _OWN_CHARACTERS

    def unreadable(self) -> list[int]:
        """Return the places of unreadable characters, from 1, the check character's included."""
        return [i for i, symbol in enumerate(self.symbols, 1) if symbol == UNREADABLE]

    def slip(self, number: int) -> str:
        """Ask about the one usual confusion that would make this line check as ``number``; empty if not one."""
        found = [
            (place, symbol, other)
            for place, symbol in enumerate(self.symbols)
            for other in _confused_with(symbol)
            if text.read_line(self.symbols[:place] + other + self.symbols[place + 1 :])[1] == number
        ]
        if len(found) != 1:
            return ""
        place, symbol, other = found[0]
        which = "the check character" if place == LINE_CHARACTERS else f"character {place + 1}"
        return f"is {which} {_article(other)} {other}? read: {symbol}"


def read(words: str) -> TypedLine:
    """Read what was typed as one line.

    A number may stand before it, and counts where a colon, full stop or bracket follows or the check character
    proves it. ``?`` alone is a line of which nothing can be read. A character that is never used is unreadable.

    Raises:
        MalformedText: not ASCII, or not as long as a line.
    """
    numbered = _NUMBERED.fullmatch(words)
    claimed = int(numbered[1]) if numbered else None
    plain = text.normalise(numbered[2] if numbered else words)
    plain = "".join(symbol if symbol in text.ALPHABET else UNREADABLE for symbol in plain)
    if plain == UNREADABLE:
        plain *= LINE_CHARACTERS + 1
    shorter = None if numbered else _without_number(plain)
    if shorter is not None:
        return shorter
    if len(plain) != LINE_CHARACTERS + 1:
        raise MalformedText(f"expected {LINE_CHARACTERS} characters and a check character, got {len(plain)} in all")
    return TypedLine(plain, text.read_line(plain)[1], claimed)


def ways_to_read(rows: Rows, doubtful: Sequence[int]) -> Iterator[tuple[Rows, tuple[ReadShare, ...]]]:
    """Yield what three or four lines of a share may mean, the likeliest first, with the lines as they were used.

    A line that does not check may stand in another place than where it was typed, or be wrong altogether; then
    it is taken for lost. Last come all the readings of the relaxed pass together, in which a line that checks may
    be wrong, too: at most one of them is confirmed.
    """
    fewer = [_without(rows, number) for number in doubtful] if len(rows) == TEXT_LINES else []
    for used in (*_arrangements(rows, doubtful), *fewer):
        found = _from_lines(used)
        if found is not None and not found.provisional:
            yield used, (found,)
    several = share.relaxed_from_lines(rows)
    if several:
        yield rows, tuple(several)


def completed(rows: Rows, fragments: Iterable[str]) -> Iterator[tuple[Rows, ReadShare]]:
    """Yield the shares that a few typed lines make together with a damaged code of the same sheet.

    A code counts as the same sheet's where it contradicts none of the lines. Only a reading with parity to spare, in
    which nothing but what was missing is repaired, counts: nothing else ties the two together.
    """
    for fragment in fragments:
        parts = {n: fragment[(n - 1) * LINE_CHARACTERS : n * LINE_CHARACTERS] for n in range(1, TEXT_LINES + 1)}
        pairs = [pair for n, row in rows.items() for pair in zip(row, parts[n], strict=True)]
        if any(a != b and UNREADABLE not in (a, b) for a, b in pairs):
            continue
        together = {**parts, **rows}
        found = _from_lines(together)
        missing = sum(row.count(UNREADABLE) for row in together.values())
        if found is not None and not found.provisional and len(found.repaired) <= missing:
            yield rows, found


def ways_to_place(lines: Mapping[int, TypedLine], unexpected: Set[int], *, final: bool) -> Iterator[Rows]:
    """Yield the ways in which the lines of a core may belong together, the likeliest first.

    A line that does not check may be left out. One that came out of turn may carry a number that a slip made
    up, and is left out too. Once no more lines come, each is tried in the places where one is missing.
    """
    if not lines:
        return
    rows = {number: line.row for number, line in sorted(lines.items())}
    doubtful = {number for number, line in lines.items() if line.proven != number}
    reach = min(rows) + len(rows) + _GAP_LINES
    strays = {number for number in unexpected if number > reach}
    left_out = [set(), doubtful, strays, strays | doubtful, *({n} for n in unexpected), {*unexpected, *doubtful}]
    for gone in left_out:
        yield {number: row for number, row in rows.items() if number not in gone}
    if not final:
        return
    for moved in (*doubtful, *(strays or unexpected)):
        rest = {number: row for number, row in rows.items() if number not in {moved, *strays}}
        for place in range(min(rest, default=1), max(rest, default=0)):
            if place not in rest:
                yield {**rest, place: rows[moved]}


def keeps(lines: Mapping[int, TypedLine], right: Sequence[str], first: int) -> bool:
    """Tell whether a repair left alone what checks: with a line lost and one more wrong, the parity often errs."""
    meant = {number: text.normalise(line)[:LINE_CHARACTERS] for number, line in enumerate(right, first)}
    return all(line.row == meant.get(number, line.row) for number, line in lines.items() if line.proven == number)


def repairs(rows: Rows, right: Sequence[str], first: int = 1) -> list[str]:
    """Say what was repaired.

    Args:
        rows: the lines as read.
        right: the lines as they are printed, from number ``first`` on.
        first: number of the first.
    """
    said = []
    for number, line in enumerate(right, first):
        means, was = text.normalise(line)[:LINE_CHARACTERS], rows.get(number)
        places = [i for i in range(LINE_CHARACTERS) if was is None or was[i] != means[i]]
        if len(places) > _MOST_SHOWN:
            said.append(f"line {number} was completed from the others")
        elif was is not None:
            said += [f"character {i + 1} of line {number}: {_as_read(was[i])}, means {means[i]}" for i in places]
    return said


def _as_read(symbol: str) -> str:
    return "unreadable" if symbol == UNREADABLE else f"read {symbol}"


def _article(symbol: str) -> str:
    return "an" if symbol in "8S" else "a"


def _confused_with(symbol: str) -> str:
    return "".join(pair.replace(symbol, "") for pair in CONFUSED if symbol in pair)


def _without_number(plain: str) -> TypedLine | None:
    """Take off the number that is printed before a line, where the check character proves that it is one."""
    length = len(plain) - LINE_CHARACTERS - 1
    if length not in (1, 2) or not plain[:length].isdecimal():
        return None
    proven = text.read_line(plain[length:])[1]
    return TypedLine(plain[length:], proven, proven) if proven == int(plain[:length]) else None


def _arrangements(rows: Rows, doubtful: Sequence[int]) -> Iterator[Rows]:
    """Yield the lines as they are, then the doubtful ones in every other order and place."""
    sure = {number: row for number, row in rows.items() if number not in doubtful}
    free = [number for number in range(1, TEXT_LINES + 1) if number not in sure]
    yield rows
    for places in itertools.permutations(free, len(doubtful)):
        if list(places) != list(doubtful):
            yield {**sure, **{place: rows[number] for place, number in zip(places, doubtful, strict=True)}}


def _without(rows: Rows, number: int) -> Rows:
    return {other: row for other, row in rows.items() if other != number}


def _from_lines(rows: Rows) -> ReadShare | None:
    try:
        return share.from_lines(rows)
    except SharesError:
        return None

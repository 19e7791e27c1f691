# SPDX-License-Identifier: Apache-2.0
"""Whether a matcher that backtracks may need more than linear time for a regular expression, told from its structure.

It may, where one text can lead it from one loop into another, or round one loop, in two ways, and it can fail
afterwards: then each way is tried (Weber and Seidl 1991, Weideman and others 2016). So the expression becomes an
automaton over a few characters that stand for all, and three copies of it are walked side by side: one goes round the
first loop, one goes over, one goes round the second, all on the same text.

What is left out makes it say yes too often, never too seldom: atomic groups are taken for ordinary ones, what a
look-ahead demands is looked at by itself. Counted repeats are taken for few, since they are no loop.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from re import _constants as c  # type: ignore[attr-defined] # isort: skip
from re import _parser as parser  # type: ignore[attr-defined] # isort: skip

FEW = 2
"""How often a part that is repeated a limited number of times stands in the automaton."""

_CATEGORIES = {
    c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_ALWAYS = "aZ5_ \n\t-é\0"
_BEGINNINGS = (c.AT_BEGINNING, c.AT_BEGINNING_STRING)
_ENDS = (c.AT_END, c.AT_END_STRING, c.AT_END_LINE)


class Automaton:
    """The states of an expression; steps are by character, and some cost none."""

    def __init__(self, expression: str, flags: int, *, elsewhere: bool = False) -> None:
        """Build it; ``elsewhere`` is not at the beginning of the text."""
        self.elsewhere = elsewhere
        self.tree = parser.parse(expression, flags)
        self.flags = self.tree.state.flags
        self.alphabet = sorted(set(_ALWAYS) | {one for made in _characters(self.tree) for one in made})
        self.free: list[set[int]] = []
        self.steps: list[dict[str, set[int]]] = []
        self.inner: list[Any] = []
        self.must_end = False
        self.start = self._state()
        self.end = self._sequence(self.tree, self.start)

    def _state(self) -> int:
        self.free.append(set())
        self.steps.append({})
        return len(self.free) - 1

    def _sequence(self, items: Any, at: int) -> int:
        for kind, value in items:
            at = self._item(kind, value, at)
        return at

    def _item(self, kind: Any, value: Any, at: int) -> int:
        if kind in (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN):
            after = self._state()
            for character in self.alphabet:
                if self._takes(kind, value, character):
                    self.steps[at].setdefault(character, set()).add(after)
            return after
        if kind in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            least, most, items = value
            return self._repeat(least, most, items, at)
        if kind is c.BRANCH:
            after = self._state()
            for branch in value[1]:
                self.free[self._sequence(branch, at)].add(after)
            return after
        if kind is c.SUBPATTERN:
            _, added, taken, items = value
            before, self.flags = self.flags, (self.flags | added) & ~taken
            at = self._sequence(items, at)
            self.flags = before
            return at
        if kind is c.ATOMIC_GROUP:
            return self._sequence(value, at)
        if kind in (c.ASSERT, c.ASSERT_NOT):
            self.inner.append(value[1])
            return at
        if kind is c.AT:
            self.must_end = self.must_end or value in _ENDS
            return self._beginning(at) if value in _BEGINNINGS and self.elsewhere else at
        raise NotImplementedError(f"{kind} is not known here")

    def _beginning(self, at: int) -> int:
        """Go on where a line begins, or nowhere."""
        after = self._state()
        if self.flags & re.MULTILINE:
            # The place before is behind a line feed: what leads here took one, and nothing else did.
            self.steps[at].setdefault("\n", set()).add(after)
        return after

    def _repeat(self, least: int, most: Any, items: Any, at: int) -> int:
        for _ in range(min(least, FEW)):
            at = self._sequence(items, at)
        if most is c.MAXREPEAT:
            begin, after = self._state(), self._state()
            self.free[at].add(begin)
            last = self._sequence(items, begin)
            self.free[last].add(begin)
            self.free[begin].add(after)
            return after
        after = self._state()
        for _ in range(min(most - least, FEW)):
            self.free[at].add(after)
            at = self._sequence(items, at)
        self.free[at].add(after)
        return after

    def _takes(self, kind: Any, value: Any, character: str) -> bool:
        if kind is c.ANY:
            return character != "\n" or bool(self.flags & re.DOTALL)
        if kind is c.NOT_LITERAL:
            return character != chr(value)
        if kind is c.LITERAL:
            return _folded(character, self.flags) == _folded(chr(value), self.flags)
        negated = value[0][0] is c.NEGATE
        return any(self._among(one, character) for one in value[negated:]) != negated

    def _among(self, one: Any, character: str) -> bool:
        kind, value = one
        if kind is c.RANGE:
            both = (character, character.swapcase()) if self.flags & re.IGNORECASE else (character,)
            return any(value[0] <= ord(form[0]) <= value[1] for form in both)
        if kind is c.CATEGORY:
            return re.match(_CATEGORIES[value], character, self.flags & re.ASCII) is not None
        return self._takes(c.LITERAL, value, character)

    def reached(self, states: Iterator[int] | set[int]) -> frozenset[int]:
        """Return these states, and those that cost nothing more."""
        found, pending = set(), list(states)
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += self.free[one]
        return frozenset(found)


def superlinear(expression: str | bytes, flags: int = 0, *, anchored: bool, whole: bool) -> str:
    """Return why matching may take more than linear time; empty where it takes no more.

    Args:
        expression: as it is compiled.
        flags: as it is compiled with.
        anchored: whether it is tried at the beginning only, as by ``match``; not ``search``.
        whole: whether it must reach the end, as by ``fullmatch``.
    """
    if isinstance(expression, bytes):
        expression = expression.decode("latin-1")
    made = Automaton(expression, flags)
    why = _of_inner(made) or _two_ways(made, whole=whole or made.must_end)
    if anchored or why:
        return why
    # What is tried at every place goes through a beginning at none but the first.
    made = Automaton(expression, flags, elsewhere=True)
    _search_anywhere(made)
    return _two_ways(made, whole=whole or made.must_end)


def _of_inner(outer: Automaton) -> str:
    """Tell of what look-aheads demand, which is matched from where they stand."""
    for items in outer.inner:
        made = Automaton("", outer.flags & ~re.DEBUG)
        made.alphabet = outer.alphabet
        made.end = made._sequence(items, made.start)
        if why := _two_ways(made, whole=False):
            return why
    return ""


def _search_anywhere(made: Automaton) -> None:
    """Put a loop in front that takes anything: the matcher tries every place."""
    before = made._state()
    for character in made.alphabet:
        made.steps[before].setdefault(character, set()).add(before)
    made.free[before].add(made.start)
    made.start = before


def _two_ways(made: Automaton, *, whole: bool) -> str:
    """Look for two loops, or two ways round one, on one text, after which the matcher can fail."""
    states = range(len(made.free))
    closure = [made.reached({one}) for one in states]
    # A step leads to the states right behind a character; what costs nothing is inside the closure.
    after = [
        {letter: {two for one in closure[state] for two in made.steps[one].get(letter, ())} for letter in made.alphabet}
        for state in states
    ]
    live = _reachable(made.start, after) | {made.start}
    looping = [one for one in sorted(live) if one in _reachable(one, after)]
    for first, second in product(looping, looping):
        if not whole and made.end in closure[second]:
            continue  # whoever gets there has matched, and tries nothing else
        if first == second and _doubly(first, after):
            return "one text leads round a loop in two ways"
        if first != second and _crosses(first, second, after):
            return "one text leads round a loop, and into another"
    return ""


def _reachable(state: int, after: list[dict[str, set[int]]]) -> set[int]:
    found: set[int] = set()
    pending = [state]
    while pending:
        for targets in after[pending.pop()].values():
            pending += targets - found
            found |= targets
    return found


def _crosses(first: int, second: int, after: list[dict[str, set[int]]]) -> bool:
    """Tell whether one text leads first to first, first to second, and second to second."""
    begin, goal = (first, first, second), (first, second, second)
    found, pending = {begin}, [begin]
    while pending:
        one, two, three = pending.pop()
        for character, targets in after[one].items():
            for place in product(targets, after[two][character], after[three][character]):
                if place == goal:
                    return True
                if place not in found:
                    found.add(place)
                    pending.append(place)
    return False


def _doubly(state: int, after: list[dict[str, set[int]]]) -> bool:
    """Tell whether one text leads round a loop in two ways: two walks that part and meet again."""
    begin = (state, state, False)
    found, pending = {begin}, [begin]
    while pending:
        one, two, apart = pending.pop()
        for character, targets in after[one].items():
            for left, right in product(targets, after[two][character]):
                place = (left, right, apart or left != right)
                if place == (state, state, True):
                    return True
                if place not in found:
                    found.add(place)
                    pending.append(place)
    return False


def _characters(items: Any) -> Iterator[Iterator[str]]:
    """Yield the characters that an expression tells apart, and their neighbours."""
    for kind, value in items:
        if kind in (c.LITERAL, c.NOT_LITERAL):
            yield iter((chr(value), chr(value).swapcase()[0]))
        elif kind is c.IN:
            yield from _characters([one for one in value if one[0] in (c.LITERAL, c.RANGE)])
        elif kind is c.RANGE:
            yield (chr(one) for bound in value for one in (bound - 1, bound, bound + 1) if one >= 0)
        elif kind in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            yield from _characters(value[2])
        elif kind is c.BRANCH:
            for branch in value[1]:
                yield from _characters(branch)
        elif kind is c.SUBPATTERN:
            yield from _characters(value[3])
        elif kind is c.ATOMIC_GROUP:
            yield from _characters(value)
        elif kind in (c.ASSERT, c.ASSERT_NOT):
            yield from _characters(value[1])


def _folded(character: str, flags: int) -> str:
    return character.lower() if flags & re.IGNORECASE else character


def looks_on(expression: str | bytes, flags: int) -> bool:
    """Tell whether something that is only looked at, ahead or behind, is repeated without a limit."""
    if isinstance(expression, bytes):
        expression = expression.decode("latin-1")
    return _looks_on(parser.parse(expression, flags & ~re.LOCALE), inside=False)


def _looks_on(tree: Any, *, inside: bool) -> bool:
    for kind, value in tree:
        if kind in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT) and inside and value[1] == c.MAXREPEAT:
            return True
        look = inside or kind in (c.ASSERT, c.ASSERT_NOT)
        if any(_looks_on(part, inside=look) for part in _parts(value)):
            return True
    return False


def _parts(value: Any) -> Iterator[Any]:
    """Yield the expressions in an item, however deep it holds them."""
    if isinstance(value, parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _parts(one)

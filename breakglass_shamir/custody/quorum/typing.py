# SPDX-License-Identifier: Apache-2.0
"""Typed entry: takes one typed line at a time, answers it at once, and fills a pool.

``1 2 3 4`` of a share, the next share, ``5 6 7 ...`` of the envelope's core; whole codes at any time. It can be
left and taken up again between any two lines: whoever calls it only shows the prompt and the answers.

Rules:

1. A line goes where its check character says. One that does not check is kept as it was read, where it was
   expected; typed again, it takes the place of what was read before. Nothing is changed silently.
2. A number that is filled with other characters is asked about: another share, or the same line once more?
3. A share is handed over with its fourth line, with three of them when the person says that there are no more, or
   with fewer where a damaged code that was scanned gives the rest. A repair that changes a line which checks waits
   for that word too: the line may be another sheet's. A core is handed over as soon as its lines hold together up
   to the last one.
4. An empty line ends the share or core; ``back`` takes the last line back; ``done`` is all.
5. Where nobody can be asked, a line that is filled already begins the next share.

It reads no keyboard and writes nothing down; lines live in memory until they are handed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from breakglass_shamir.custody.quorum import typed_line
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typed_block import Block
from breakglass_shamir.custody.quorum.typed_line import FEWEST_SHARE_LINES, TypedLine
from breakglass_shamir.errors import MalformedText, SharesError
from breakglass_shamir.formats import core as cores
from breakglass_shamir.formats import text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.scanner_keyboards import meant_by
from breakglass_shamir.formats.share import PREFIX as SHARE_PREFIX
from breakglass_shamir.formats.text import MAX_LINE_NUMBER, TEXT_LINES

BACK, DONE = "back", "done"
"""Words instead of a line."""

_NEW, _REPLACE, _KEEP = "new", "replace", "keep"
_CHOICES = {word: choice for choice in (_NEW, _REPLACE, _KEEP) for word in (choice, choice[0])} | {BACK: _KEEP}
_MOST_LOST_CORE_LINES = 2


@dataclass(frozen=True, slots=True)
class _Step:
    """One line that was put somewhere, so that it can be taken back."""

    block: Block
    number: int
    latest: int
    turn: int
    """Where the block was before."""

    current: Block
    """The block that was being typed before."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A line whose number is filled with other characters."""

    block: Block
    number: int
    line: TypedLine = field(repr=False)

    @property
    def default(self) -> str:
        """A share may begin with any line, where others are lost; a core is one, and begins with its first."""
        within_core = self.block.first < self.number and self.block.first == cores.FIRST_LINE
        return _REPLACE if within_core or self.line.is_like(self.block.lines[self.number]) else _NEW


class TypedEntry:
    """What was typed so far; takes the next line."""

    def __init__(self, pool: Pool, *, asks: bool = True) -> None:
        """Begin with the first line of a share.

        Args:
            pool: where shares and cores go.
            asks: whether somebody is there to answer a question.
        """
        self._pool = pool
        self._asks = asks
        self._share = Block("share", 1, TEXT_LINES)
        self._core = Block("envelope", cores.FIRST_LINE, MAX_LINE_NUMBER)
        self._block = self._share
        self._steps: list[_Step] = []
        self._known: dict[int, set[str]] = {}
        self._handed: dict[int, TypedLine] = {}
        self._question: _Question | None = None
        self._shares = 0
        self.done = False

    @property
    def prompt(self) -> str:
        """What to type next: ``share 2, line 3``."""
        if self._question is not None:
            return f"new, replace or keep ({self._question.default})"
        number = self._block.expected()
        again = [n for n in self._block.doubtful() if n == self._block.latest != number]
        line = f"{self.place}, line {number}" + (f" (or {again[0]} again)" if again else "")
        begins = not self._share.lines and self._block is self._share and self._pool.lacks_envelope()
        return f"{line} (or envelope, line {self._core.expected()})" if begins else line

    def so_far(self) -> list[str]:
        """Say which lines are there that are not handed over yet, without a character of them."""
        said = []
        for name, block in ((f"share {self._shares + 1}", self._share), ("envelope", self._core)):
            if block.lines or block.lost:
                doubtful = block.doubtful()
                sure = [number for number in sorted(block.lines) if number not in doubtful]
                parts = (("right", sure), ("in doubt", sorted(doubtful)), ("lost", sorted(block.lost)))
                rows = [f"{word}: line {_listed(numbers)}" for word, numbers in parts if numbers]
                said.append(f"{name}, so far {'; '.join(rows)}")
        return said

    @property
    def place(self) -> str:
        """What is being typed: ``share 2``, or the envelope."""
        return "envelope" if self._block is self._core else f"share {self._shares + 1}"

    def take(self, words: str) -> list[Answer]:
        """Take one line and answer it."""
        said = words.strip()
        if self._question is not None:
            choice = _CHOICES.get(said.lower()) if said else self._question.default
            if choice is not None:
                return self._decide(choice)
            return [*self._decide(self._implied(said)), *self.take(words)]
        if not said:
            return self._end_block()
        if said.lower() == BACK:
            return [self._take_back()]
        if said.lower() == DONE:
            return self.finish()
        if said[: len(SHARE_PREFIX)].upper() in (SHARE_PREFIX, ENVELOPE_PREFIX) or meant_by(said):
            return [self._pool.add(said)]
        try:
            line = typed_line.read(said)
        except MalformedText as error:
            return [Answer(Verdict.UNSURE, f"not a line: {error}; type it again")]
        return self._take_line(line)

    def finish(self) -> list[Answer]:
        """Hand over whatever there is: no more lines will come."""
        answers = self._decide(self._question.default) if self._question else []
        for block in (self._share, self._core):
            if block.lines:
                answers += self._hand_over(block, final=True)
        self.done = True
        return answers

    def _take_line(self, line: TypedLine) -> list[Answer]:
        again = self._forget_first_try(line)
        number = self._number_of(line)
        if number is None:
            return [Answer(Verdict.UNSURE, f"expected a line number from 1 to {MAX_LINE_NUMBER}, got {line.claimed}")]
        known = next((n for n in (number, line.proven or 0) if line.row in self._known.get(n, ())), 0)
        if known:
            return [Answer(Verdict.LINE, f"line {known} of the envelope: known already")]
        block = self._core if self._core.holds(number) else self._share
        if block is self._core and len(self._share.lines) >= FEWEST_SHARE_LINES:
            return [*self._hand_over(self._share, final=True), *self._put(block, number, line, again=again)]
        return self._put(block, number, line, again=again)

    def _forget_first_try(self, line: TypedLine) -> TypedLine | None:
        """Take out the line before, if it is in doubt and this is the same line typed again; returns it."""
        if not self._steps:
            return None
        step = self._steps[-1]
        block, number = step.block, step.number
        before = block.lines.get(number)
        if before is None or not (before.proven != number or number in block.unexpected) or not before.is_like(line):
            return None
        self._undo()
        return before

    def _undo(self) -> _Step:
        step = self._steps.pop()
        step.block.remove(step.number)
        step.block.latest, step.block.turn, self._block = step.latest, step.turn, step.current
        return step

    def _number_of(self, line: TypedLine) -> int | None:
        """Say where a line belongs: by its number, by its check character where that is plausible, else by turn."""
        if line.claimed is not None:
            return line.claimed if 1 <= line.claimed <= MAX_LINE_NUMBER else None
        expected = self._block.expected()
        proven = line.proven
        if not proven or not self._plausible(proven) or self._is_slip(proven, line, expected):
            return expected
        return proven

    def _is_slip(self, proven: int, line: TypedLine, expected: int) -> bool:
        """Tell whether a number that is filled by an unlike line is made up: a new share begins with line 1."""
        block = self._core if self._core.holds(proven) else self._share
        there = block.lines.get(proven)
        if there is None or there.proven != proven or proven in block.unexpected or expected in self._block.lines:
            return False
        return proven != block.first and not there.is_like(line)

    def _plausible(self, proven: int) -> bool:
        """Tell whether a number can come now: no core line in the middle of a share, which a slip would fake."""
        if self._share.holds(proven) or not self._share.lines:
            return True
        return len(self._share.lines) >= FEWEST_SHARE_LINES and proven == self._core.expected()

    def _put(self, block: Block, number: int, line: TypedLine, *, again: TypedLine | None) -> list[Answer]:
        """Put a line in its place, or ask when another one is there."""
        there = block.lines.get(number)
        if there is not None and there.proven == number and number not in block.unexpected and not line.lost:
            return self._put_again(block, number, line, there)
        if block is self._core and not block.lines and number != block.first:
            self._take_up_core(number, line)
        expected = self._block.expected()
        in_turn = number in (expected, line.claimed, block.expected(), block.latest + 1) or there is not None
        self._steps = [step for step in self._steps if step.block is not block or step.number != number]
        self._steps.append(_Step(block, number, block.latest, block.turn, self._block))
        if line.lost:
            block.lose(number)
            answer = Answer(Verdict.LINE, f"line {number} of the {block.name}: taken for lost")
        else:
            block.put(number, line, expected=in_turn)
            answer = self._about(block, number, line, expected, again)
        self._block = block
        return [answer, *self._after(block)]

    def _take_up_core(self, number: int, line: TypedLine) -> None:
        """Go on with the core that was handed over, if this line of it is typed once more."""
        before = self._handed.get(number)
        if self._handed and (before is None or before.proven != number or before.is_like(line)):
            self._core.lines.update({n: other for n, other in self._handed.items() if n != number})
            self._handed = {}

    def _put_again(self, block: Block, number: int, line: TypedLine, there: TypedLine) -> list[Answer]:
        """Take a line whose number is filled by one that checks."""
        name = f"line {number} of the {block.name}"
        if there.row == line.row:
            return [Answer(Verdict.LINE, f"{name}: the same as before")]
        if line.proven != number:
            return [Answer(Verdict.UNSURE, f"{name} does not check; the one before stays")]
        self._question = _Question(block, number, line)
        return [self._ask()] if self._asks else [self._ask(), *self._decide(self._question.default)]

    def _about(self, block: Block, number: int, line: TypedLine, expected: int, again: TypedLine | None) -> Answer:
        """Word what a line turned out to be."""
        name = f"line {number} of the {block.name}"
        unreadable = line.unreadable()
        if unreadable:
            places = ", ".join(map(str, unreadable))
            return Answer(Verdict.LINE, f"{name}: read, unreadable: character {places}; the other lines complete it")
        if line.proven != number:
            if again is not None and again.symbols == line.symbols:
                return Answer(Verdict.UNSURE, f"{name} does not check, as before; it is kept as it was read, go on")
            slip = line.slip(number)
            return Answer(
                Verdict.UNSURE, f"{name} does not check{': ' + slip if slip else ''}; type it again, or go on"
            )
        if number not in block.unexpected:
            return Answer(Verdict.LINE, f"{name}: right")
        verdict = Verdict.LINE if block is self._block else Verdict.UNSURE
        return Answer(verdict, f"{name}: read; line {expected} was expected: if you typed that one, type it again")

    def _after(self, block: Block) -> list[Answer]:
        """Hand a share or core over as soon as it is complete."""
        if block is self._share:
            completed = self._complete()
            if completed:
                return completed
            lost = len(block.lines) == FEWEST_SHARE_LINES and bool(block.lost)
            return self._hand_over(block, ended=lost) if lost or len(block.lines) == TEXT_LINES else []
        found = self._read_core(final=False)
        return self._take_core(found) if found is not None else []

    def _complete(self) -> list[Answer]:
        """Hand over a share as soon as the lines so far and a damaged code that was scanned make it together."""
        sure = self._sure()
        if len(self._share.lines) >= FEWEST_SHARE_LINES or not sure:
            return []
        for used, read in typed_line.completed(sure, self._pool.fragments):
            answer = self._pool.add_share(read)
            if answer.verdict is not Verdict.WRONG:
                self._forget(self._share)
                self._shares += 1
                words = f"{answer.message}; completed from the damaged code and line {_listed(sorted(used))}"
                return [replace(answer, message=words)]
        return []

    def _sure(self) -> dict[int, str]:
        """Return the share's lines that check."""
        return {n: line.row for n, line in self._share.lines.items() if line.proven == n}

    def _end_block(self) -> list[Answer]:
        """Take an empty line: the share or core has no more lines."""
        block = self._block if self._block.lines else self._core if self._core.lines else self._share
        if not block.lines:
            return []
        if block is self._share and len(block.lines) < FEWEST_SHARE_LINES:
            there = ", ".join(map(str, sorted(block.lines)))
            message = (
                f"only line {there} of the share so far, and {FEWEST_SHARE_LINES} of {TEXT_LINES} are needed: go on"
            )
            return [Answer(Verdict.UNSURE, message)]
        return self._hand_over(block, ended=True)

    def _hand_over(self, block: Block, *, ended: bool = False, final: bool = False) -> list[Answer]:
        """Give a block to the pool; lines that make nothing stay to be typed again, unless this is final."""
        if block is self._core:
            found = self._read_core(final=True)
            if found is not None:
                return self._take_core(found)
            possible = cores.relaxed_from_lines(block.rows())
            if possible:
                return self._offer_cores(possible, final=final)
            missing = [n for n in range(block.first, max(block.lines) + 1) if n not in block.lines]
            message = f"the lines of the envelope do not hold together; missing: {_listed(missing)}"
        else:
            answers = self._hand_over_share(ended=ended, final=final)
            if answers:
                return answers
            message = f"lines {_listed(sorted(block.lines))} do not make a share"
        message += f"; in doubt: {_listed(block.doubtful())}"
        if final:
            if block is self._share:
                self._pool.loose_lines.append(self._sure())
            self._forget(block)
            return [Answer(Verdict.DAMAGED, f"{message}; left out")]
        return [Answer(Verdict.UNSURE, f"{message}; type any of them again")]

    def _offer_cores(self, possible: list[Core], *, final: bool) -> list[Answer]:
        """Give the pool what the lines of a core may mean; they stay to be typed again, unless this is final."""
        answer = self._pool.add_possible_cores(possible, self._core.rows())
        doubtful = _listed(self._core.doubtful())
        if final or answer.verdict is not Verdict.UNSURE:
            self._forget(self._core)
            return [answer]
        return [replace(answer, message=f"{answer.message}; in doubt: {doubtful}; type any of them again, or go on")]

    def _hand_over_share(self, *, ended: bool, final: bool) -> list[Answer]:
        """Give a share to the pool; empty when its lines make none, or none that is certain before it has ended."""
        if len(self._share.lines) < FEWEST_SHARE_LINES:
            return []
        offered = self._offer(ended=ended or final)
        if offered is None:
            return [] if ended or final else self._begin_next()
        answer, said = offered
        if answer.verdict is Verdict.WRONG and self._share.doubtful() and not final:
            return [replace(answer, message=f"{answer.message}; type the lines in doubt again, or go on")]
        self._forget(self._share)
        self._shares += 1
        return [answer, *(Answer(Verdict.LINE, sentence) for sentence in said)]

    def _offer(self, *, ended: bool) -> tuple[Answer, list[str]] | None:
        """Offer the pool what the lines may mean until it takes one; returns its answer, and the repairs in words."""
        rows, answer = self._share.rows(), None
        doubtful = [n for n in rows if n in self._share.doubtful() or n in self._share.unexpected]
        for used, readings in typed_line.ways_to_read(rows, doubtful):
            certain = len(readings) == 1 and len(used) == len(rows)
            if not ended and not (certain and typed_line.keeps(self._share.lines, readings[0].share.to_lines(), 1)):
                break
            answer = self._pool.add_share(*readings)
            if answer.verdict is not Verdict.WRONG:
                sure = answer.read or (readings[0] if len(readings) == 1 else None)
                return answer, typed_line.repairs(used, sure.share.to_lines()) if sure else []
        return (answer, []) if answer else None

    def _begin_next(self) -> list[Answer]:
        """See whether the latest line belongs to the next share, and the three before it make one.

        No share begins with its last line: that one is wrong, although it checks.
        """
        number = self._share.latest
        line = self._share.lines[number]
        if number == TEXT_LINES:
            return []
        ways = typed_line.ways_to_read(self._share.rows(without={number}), [])
        if line.proven != number or all(readings[0].provisional for _, readings in ways):
            return []
        self._share.remove(number)
        return [*self._hand_over(self._share, final=True), *self._put(self._share, number, line, again=None)]

    def _read_core(self, *, final: bool) -> Core | None:
        """Read the core from its lines; unless final, only up to its last printed line."""
        for rows in typed_line.ways_to_place(self._core.lines, self._core.unexpected, final=final):
            length = max(rows, default=0) - cores.FIRST_LINE + 1
            if not rows or (not final and len(rows) < length - _MOST_LOST_CORE_LINES):
                continue
            try:
                found = cores.from_lines(rows, _checked(self._core.lines, rows))
            except SharesError:
                continue
            if final or len(found.to_lines()) == length:
                return found
        return None

    def _take_core(self, found: Core) -> list[Answer]:
        right = found.to_lines()
        self._handed = dict(self._core.lines)
        said = typed_line.repairs(self._core.rows(), right, cores.FIRST_LINE)
        for number, line in enumerate(right, cores.FIRST_LINE):
            self._known.setdefault(number, set()).add(text.normalise(line)[: text.LINE_CHARACTERS])
        self._forget(self._core)
        return [self._pool.add_core(found), *(Answer(Verdict.LINE, sentence) for sentence in said)]

    def _ask(self) -> Answer:
        assert self._question is not None  # noqa: S101 - the caller just asked
        number, name = self._question.number, self._question.block.name
        message = (
            f"line {number} of the {name} is there already, with other characters: does a new {name} begin (new), "
            f"does this line replace it (replace), or does the one before stay (keep)?"
        )
        return Answer(Verdict.ASKED, message if self._asks else f"{message} taken for: {self._question.default}")

    def _decide(self, choice: str) -> list[Answer]:
        """Act on the answer to a question."""
        assert self._question is not None  # noqa: S101 - the callers look first
        asked, self._question = self._question, None
        if choice == _KEEP:
            return [Answer(Verdict.LINE, f"line {asked.number} of the {asked.block.name}: the one before stays")]
        answers = self._hand_over(asked.block, final=True) if choice == _NEW else []
        asked.block.remove(asked.number)
        return [*answers, *self._put(asked.block, asked.number, asked.line, again=None)]

    def _implied(self, said: str) -> str:
        """Return the choice that the next line makes: the same line typed again takes the one in question back."""
        assert self._question is not None  # noqa: S101 - the caller looked
        try:
            line = typed_line.read(said)
        except MalformedText:
            return self._question.default
        again = line.proven != self._question.number and line.is_like(self._question.line)
        return _KEEP if again else self._question.default

    def _take_back(self) -> Answer:
        if not self._steps:
            return Answer(Verdict.UNSURE, "nothing to take back: what was handed over stays")
        step = self._undo()
        return Answer(Verdict.LINE, f"line {step.number} of the {step.block.name}: taken back")

    def _forget(self, block: Block) -> None:
        """Empty a block; what was handed over cannot be taken back."""
        block.clear()
        self._steps = [step for step in self._steps if step.block is not block]
        self._block = self._core if self._core.lines else self._share


def _checked(lines: Mapping[int, TypedLine], rows: typed_line.Rows) -> set[int]:
    """Return the numbers of the lines that check and stand where they were typed."""
    return {n for n, line in lines.items() if line.proven == n and rows.get(n) == line.row}


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"

# SPDX-License-Identifier: Apache-2.0
"""A heap of scans of many sets, sorted by what the sheets say themselves.

Rules:

1. Which set a page is of is known by the epoch ids in its codes, never by a file's name or its place. A page with
   sheets of several sets goes to each of them, with no share of another one.
2. Nothing is judged or combined here: each set's own use case judges what it is given.
3. A page that is of none of the sets that are asked for is named, and why.
4. What is read stays in memory, as in every opening, until each set has had its turn.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidInput
from breakglass_shamir.formats import share
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.envelope import EnvelopeReader
from breakglass_shamir.operations.desk import Desk, EmptyDesk
from breakglass_shamir.operations.folders import home_warning
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner

MOST_PAGES = 50_000
"""Pages with a code that one heap may hold."""

REPLACE = "replace"
"""Health of a print that should be printed anew."""

NO_SHARE = "its large code was read, its share code was not: scan the whole front again"
"""What to say of a page that names its set and brings nothing."""

_FINE = frozenset({Verdict.ACCEPTED, Verdict.ENVELOPE, Verdict.UNSURE})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scan that counted for no set, or once more for one (docs/json.md).

    Attributes:
        source: the file, and the page where it has several.
        verdict: what it is, for a program.
        message: what it is, for people.
    """

    source: str
    verdict: str
    message: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Sheets or cards of one set that are waited for (docs/json.md).

    Attributes:
        epoch: number of their epoch.
        why: what they are waited for.
        sheets: each with its custodian.
    """

    epoch: int
    why: str
    sheets: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """All of it in one line."""
        return f"epoch {self.epoch}, {self.why}: {', '.join(self.sheets)}"


def each_held(epoch: EpochState, seats: Sequence[str]) -> tuple[str, ...]:
    """Name sheets of an epoch, each with its custodian."""
    return tuple(under_way.held(epoch, [seat]) for seat in seats)


@dataclass(frozen=True, slots=True)
class Heap:
    """What a heap of scans holds.

    Attributes:
        pages: of each set, in the order of reading.
        others: of sets that are known and were not asked for.
    """

    pages: Mapping[str, tuple[ScannedPage, ...]] = field(repr=False)
    others: Mapping[str, tuple[ScannedPage, ...]] = field(repr=False)


class Listener(EmptyDesk):
    """Hears what each scan was; lets people hear what they must look at, and what keeps them waiting.

    What is warned of is so with its set, and once; what holds for this machine is said once for all of them. Nothing is
    said that tells of the folder in which sheets wait.

    Args:
        desk: of the people.
        of_machine: warnings that are of no set, though each set's use case gives them.
    """

    def __init__(self, desk: Desk, of_machine: Collection[str] = ()) -> None:
        self._desk, self._said, self._of_machine = desk, set[str](), frozenset(of_machine)
        self.left_out: list[LeftOut] = []
        self.set_name = ""
        self.hidden = ""
        """What no line that is passed on may hold."""

        self.quiet = False
        """Whether nothing is passed on but warnings and what people must look at."""

    def say(self, line: str) -> None:
        """Pass it on, with the set that it is about."""
        if not self.quiet and not (self.hidden and self.hidden in line):
            self._desk.say(f"{self.set_name}: {line}" if self.set_name else line)

    def advance(self, what: str, done: int, of: int) -> None:
        """Pass it on."""
        self._desk.advance(what, done, of)

    def warn(self, line: str) -> None:
        """Pass it on with the set that it is about, where it is new: what is to be destroyed must not be guessed."""
        of_all = not self.set_name or line in self._of_machine
        said = line if of_all else f"{self.set_name}: {line}"
        if said not in self._said and not (self.hidden and self.hidden in line):
            self._said.add(said)
            self._desk.warn(said)

    def answer(self, source: str, answer: Answer) -> None:
        """Pass on what people must look at."""
        twice = answer.verdict is Verdict.SEEN and bool(answer.sheet)
        fine = answer.verdict in _FINE or (answer.verdict is Verdict.SEEN and not twice)
        if not fine:
            self.left_out.append(LeftOut(source, str(answer.verdict), answer.message))
        if not fine or answer.health == REPLACE:
            self._desk.answer(source, answer)

    def says_enough(self) -> bool:
        """Pass it on."""
        return self._desk.says_enough()

    def can_ask(self) -> bool:
        """Pass it on."""
        return self._desk.can_ask()

    def agrees(self, question: str) -> bool:
        """Pass it on, with the set that it is about."""
        return self._desk.agrees(f"{self.set_name}: {question}")

    def require_screen(self) -> None:
        """Refuse: no credential is shown while many sets are at work.

        Raises:
            IllegalState: always.
        """
        raise IllegalState(f"people have to see the credential of {self.set_name}", hint="take this set by itself")

    def key_file(self, question: str, over: Callable[[], bool]) -> str | None:
        """Pass it on, with the set that it is about."""
        return self._desk.key_file(f"{self.set_name}: {question}", over)

    def print_again(self, document: str, problem: str) -> bool:
        """Pass it on, with the set that it is about."""
        return self._desk.print_again(f"{document} of {self.set_name}", problem)

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """Pass it on, with the set that it is about."""
        return self._desk.has_sheet(f"{sheet} of {self.set_name}", custodian)


def listener_of(recorder: Recorder) -> Listener:
    """Return what hears the sets of one run."""
    home = recorder.ledger.path.parent
    return Listener(recorder.desk, [line for line in (home_warning(home), outlet.spool_warning()) if line])


def sort(
    paths: Sequence[Path], scanner: Scanner, listener: Listener, owners: Mapping[bytes, str], wanted: Collection[str],
    judge: Pool,
) -> Heap:  # fmt: skip
    """Read a heap once, and give each set its pages.

    Args:
        paths: pictures, PDFs and folders, in any order.
        scanner: reads them.
        listener: hears of those that are of no set.
        owners: the set of each epoch that is known, by the id that its codes carry.
        wanted: sets that are asked for.
        judge: says what the others are.

    Raises:
        InvalidInput: a path does not exist, all that do not are named; or there are too many pages.
    """
    if absent := [str(path) for path in paths if not path.exists()]:
        raise InvalidInput(f"expected scans at {', '.join(absent)}, found nothing there")
    pages: dict[str, list[ScannedPage]] = {}
    others: dict[str, list[ScannedPage]] = {}
    reader, count = EnvelopeReader(), 0
    for path in paths:
        for page in gather.pages_of(path, scanner, listener.advance):
            of_shares = {code.text: owner for code in page.codes if (owner := _of_share(code.text, owners))}
            known = set(of_shares.values()) or _of_envelopes(page, reader, owners)
            count += bool(known)
            if count > MOST_PAGES:
                raise InvalidInput(f"expected at most {MOST_PAGES} sheets in one heap", hint="give it in parts")
            names = known & set(wanted)
            if not names:
                _name(page, known, judge, listener)
                for name in known:
                    others.setdefault(name, []).append(page)
                continue
            if not of_shares:
                listener.answer(page.source, Answer(Verdict.DAMAGED, NO_SHARE))
            for name in names:
                mine = tuple(code for code in page.codes if of_shares.get(code.text, name) == name)
                pages.setdefault(name, []).append(replace(page, codes=mine))
    listener.advance("", 0, 0)
    return Heap(*({name: tuple(found) for name, found in some.items()} for some in (pages, others)))


def _name(page: ScannedPage, known: Collection[str], judge: Pool, listener: Listener) -> None:
    """Say what a page is that is of none of the sets that are asked for."""
    if known:
        listener.answer(page.source, Answer(Verdict.OTHER_SET, f"of {', '.join(sorted(known))}: not asked for"))
    else:
        gather.add_page(judge, page, listener)


def _of_share(code: str, owners: Mapping[bytes, str]) -> str:
    """Return the set of a share code; empty where it is none of a set that is known."""
    if not code.strip().upper().startswith(share.PREFIX):
        return ""
    with suppress(BreakglassError):
        return owners.get(share.from_text(code).share.epoch_id, "")
    return ""


def _of_envelopes(page: ScannedPage, reader: EnvelopeReader, owners: Mapping[bytes, str]) -> set[str]:
    """Return the sets whose envelopes a page has."""
    found = set[str]()
    for code in page.codes:
        if code.text.strip().upper().startswith(ENVELOPE_PREFIX):
            with suppress(BreakglassError):
                envelope = reader.add(code.text)
                found |= {owners.get(envelope.core.epoch_id, "")} - {""} if envelope else set()
    return found

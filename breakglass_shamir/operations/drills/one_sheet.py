# SPDX-License-Identifier: Apache-2.0
"""One live sheet, looked at in a process of its own that keeps nothing (spec section 9, roll-call).

Rules:

1. Each look is a new process, hardened before it reads. The share is in its memory only; what leaves it is what
   was found, in words. It ends with the look, whatever comes of it.
2. It holds one share. At a second one, of whatever set, it stops at once and says so: a roll-call never puts a
   quorum together.
3. It combines, decrypts and writes nothing.
"""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import BreakglassError, PaperError
from breakglass_shamir.formats import share
from breakglass_shamir.hygiene import harden_process
from breakglass_shamir.operations.reading.gather import NOTHING_FOUND
from breakglass_shamir.paper.reading.health import Health, of_sheet
from breakglass_shamir.paper.reading.scan import ScannedCode, Scanner

_SAFE_PATH = "PYTHONSAFEPATH"
"""Environment variable; see python(1)."""

_END_S = 5.0
"""How long the process may take to end after its answer."""

_HELD = frozenset({Verdict.ACCEPTED, Verdict.SEEN})
_HARMLESS = frozenset({Verdict.ENVELOPE, Verdict.SEEN, Verdict.FOREIGN})


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one sheet found; no part of a share is in it."""

    answers: tuple[tuple[str, str, str], ...] = ()
    """Where it was seen, the verdict, and a sentence, in the order of reading."""

    sheet: str = ""
    """The seat of the share that holds; empty: none did."""

    epoch_id: str = ""
    """Of that share; where several were there, of all of them, and empty if they are not of one epoch."""

    problems: tuple[str, ...] = ()
    """What speaks against the sheet."""

    health: Health | None = None
    """Of the worst code; worn at least where one of its share codes was not read."""

    copies: int = 0
    """How many of its share codes were read in one picture."""

    several: bool = False
    """Whether a second live share was there, and the look was stopped."""

    unread: bool = False
    """Whether the sheet could not be read, which says nothing against it."""


def look_apart(known: Mapping[bytes, Known], set_name: str, paths: Sequence[Path]) -> Look:
    """Look at one sheet in a process of its own.

    Args:
        known: the ledger's epochs.
        set_name: the set it should be of.
        paths: scans of this one sheet.

    Raises:
        PaperError: the process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_look, args=(theirs, dict(known), set_name, tuple(paths)), daemon=False)
    with _safe_path():
        process.start()
    theirs.close()
    try:
        found = ours.recv()
        process.join(_END_S)
    except EOFError:
        raise PaperError("the process that looked at the sheet ended without an answer", hint="try again") from None
    finally:
        ours.close()
        process.kill()
        process.join()
    assert isinstance(found, Look)  # noqa: S101 - the other end is _look
    return found


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let the process import nothing from the folder that people stand in: a stick with scans may hold anything."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _look(answer_to: Connection, known: Mapping[bytes, Known], set_name: str, paths: Sequence[Path]) -> None:
    """Be the process: look, answer, end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    harden_process()
    with Scanner() as scanner:
        found = look(known, set_name, paths, scanner)
    answer_to.send(found)
    answer_to.close()


def look(known: Mapping[bytes, Known], set_name: str, paths: Sequence[Path], scanner: Scanner) -> Look:
    """Read the scans of one sheet and hold its share against its commitment."""
    reading = _Reading(Pool(known, set_name=set_name, in_custody=True))
    for path in paths:
        for page in scanner.read_path(path):
            if page.problem or page.note:
                reading.hindered(page.source, page.problem, page.note)
            reading.codes += len(page.codes)
            for code in page.codes:
                if not reading.take(page.source, code):
                    return Look(answers=tuple(reading.answers), epoch_id=reading.only_epoch, several=True)
            reading.end_page()
    return reading.found()


@dataclass(slots=True)
class _Reading:
    """The state of one look."""

    pool: Pool = field(repr=False)
    answers: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shares: set[tuple[bytes, int, int]] = field(default_factory=set)
    on_page: Counter[tuple[str, str]] = field(default_factory=Counter)
    copies: Counter[tuple[str, str]] = field(default_factory=Counter)
    health: list[Health] = field(default_factory=list)
    hindrances: list[str] = field(default_factory=list)
    codes: int = 0

    def take(self, source: str, code: ScannedCode) -> bool:
        """Take one code; False at a second live share, which is not taken."""
        self.shares |= _live_share(code.text)
        if len(self.shares) > 1:
            return False
        answer = self.pool.add(code.text)
        if code.health is not None:
            self.health.append(code.health)
        if answer.sheet and answer.verdict in _HELD:
            self.on_page[answer.sheet, answer.epoch_id.hex()] += 1
        elif answer.verdict not in _HARMLESS:
            self.problems.append(answer.message)
        if answer.verdict is not Verdict.SEEN:
            self.say(source, answer)
        return True

    @property
    def only_epoch(self) -> str:
        """The epoch of every live share that was met, hexadecimal; empty where they are of several."""
        epochs = {epoch_id for epoch_id, _, _ in self.shares}
        return epochs.pop().hex() if len(epochs) == 1 else ""

    def hindered(self, source: str, problem: str, note: str) -> None:
        """Keep why a page, or a part of it, could not be read."""
        self.say(source, Answer(Verdict.FOREIGN if problem else Verdict.DAMAGED, problem or note))
        self.hindrances.append(problem or note)

    def end_page(self) -> None:
        """Keep the most prints that one picture held: the same print in two pictures is still one."""
        self.copies |= self.on_page
        self.on_page.clear()

    def say(self, source: str, answer: Answer) -> None:
        """Keep a sentence for the people in the room."""
        self.answers.append((source, answer.verdict, answer.message))

    def found(self) -> Look:
        """Return what came of it."""
        unread = not self.copies and not self.problems
        if unread and self.hindrances:
            self.problems += self.hindrances
        elif not self.codes:
            self.problems.append(NOTHING_FOUND)
        elif unread:
            self.problems.append("no share code was read: the sheet's small codes are missing from the scan")
        (sheet, epoch_id), copies = next(iter(self.copies.items()), (("", ""), 0))
        problems = tuple(dict.fromkeys(self.problems))
        grade = of_sheet(self.health, copies)
        return Look(tuple(self.answers), sheet, epoch_id, problems, grade, copies, unread=unread)


def _live_share(code: str) -> set[tuple[bytes, int, int]]:
    """Return which live share a code is, if it is one; a damaged one is none yet."""
    try:
        found = share.from_text(code).share
    except BreakglassError:
        return set()
    return {(found.epoch_id, found.group, found.member)} if found.kind is Kind.LIVE else set()

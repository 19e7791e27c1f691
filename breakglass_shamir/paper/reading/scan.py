# SPDX-License-Identifier: Apache-2.0
"""Pictures and PDFs back to the texts of their codes (spec section 4, "Reading it back").

Rules:

1. Nothing read here raises: what cannot be read becomes a page with a problem in words, and the next is read.
2. A plain look at everything comes first, and what it finds is yielded at once. Pages without a share, and
   those without an envelope when none was seen at all, are looked at again, thoroughly, at the end: only where finder
   patterns hint at codes that were not read, those with most of them first, and for ``THOROUGH_S`` in all. A caller
   who has enough stops iterating and pays for nothing more.
3. So a page may come twice; the second time it holds only codes that the first look missed.
   A code that is damaged beyond its error correction on every picture of it comes with the page that completed
   what the pages before it, of any file, had of it.
4. Decoding happens in a process of its own (``worker``); texts pass through memory only, never through a file.
5. File names are shown without control or bidirectional characters.

It does not judge: whether a text is a share of ours, of which set, and whether it holds, is the caller's to say.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.formats.plain import escaped
from breakglass_shamir.paper.reading.decoder import Answer, Decoder, DecoderLost, Looked, Looking, Opened, Refused
from breakglass_shamir.paper.reading.folder import visible_files
from breakglass_shamir.paper.reading.frames import ENVELOPE_PREFIX, LARGEST_FILE_BYTES, MOST_PAGES, SHARE_PREFIX
from breakglass_shamir.paper.reading.health import Health, health
from breakglass_shamir.paper.reading.look import Task
from breakglass_shamir.paper.reading.merge import DamagedCodes

MOST_LOSSES = 3
"""Crashes and hangs after which the rest of a file is given up."""

THOROUGH_S = 60.0
"""Processor time for thorough looks at all pages of one call, seconds; no page is begun after it."""

PAGE_S = 12.0
"""Processor time for one thorough look, seconds; no step of it is begun after it."""

FEW_PAGES = 4
"""Pages of one reading that are looked at again without a sign: in a small picture from the side there is none."""

UNLIKELY_SIGNS = 1
"""Signs up to which a page is looked at again only if nothing likelier is: noise makes one now and then."""

NO_SHARE_IN_SIGHT = (
    "its share codes are not in sight: unfold the lower part, or show the whole front; if it is torn off, scan that "
    "piece too, or type the lines"
)
"""What to tell of a page whose envelope code is whole and on which there is no trace of another code."""

_LONGEST_NAME = 80
"""Characters of a file name that are shown."""

_PREFIX_CHARACTERS = len(SHARE_PREFIX)

_NUMBERED_PART = re.compile(rf"{ENVELOPE_PREFIX}(\d{{1,3}})/(\d{{1,3}}):", re.IGNORECASE)
"""How one of several envelope codes begins."""

Read = Callable[[], bytes]

Progress = Callable[[str, int, int], None]
"""Hears what is being done, and how much of how much is."""


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """One QR code (docs/spec/6-sheet.md).

    Attributes:
        text: what it says; it may be a share, so it is in no repr.
        variant: the look that found it, one of ``decoder.VARIANTS``.
        health: how worn the print is; None where it is not one of ours or cannot be told.
    """

    text: str = field(repr=False)
    variant: str
    health: Health | None = None


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """One page of a scan (docs/spec/6-sheet.md).

    Attributes:
        source: file name, and page where the file has several: ``scan3.pdf page 2``.
        codes: every QR code found, ours or not, a code that is printed twice twice; may be empty.
        problem: why it could not be read, as a sentence; empty when it could.
        note: what is wrong with the file or the picture, though codes were read; empty where nothing is.
    """

    source: str
    codes: tuple[ScannedCode, ...]
    problem: str
    note: str = ""


@dataclass(slots=True)
class _Unfinished:
    """A page that deserves a second look, and what its first look gave."""

    read: Read
    name: str
    page: int
    pages: int
    first: Looked = field(repr=False)

    @property
    def heads(self) -> set[str]:
        """Which of our codes it has."""
        return _heads(self.first)

    @property
    def wants_envelope(self) -> bool:
        """Whether nothing but an envelope's codes may be wanting: its share was read, or it is a page of such codes."""
        return SHARE_PREFIX in self.heads or _has_numbered_part(self.first)

    @property
    def source(self) -> str:
        """What people call it."""
        return _source(self.name, self.page, self.pages)


@dataclass(slots=True)
class _Reading:
    """What the first looks left behind."""

    unfinished: list[_Unfinished] = field(default_factory=list)
    envelope_seen: bool = False
    """All codes of some envelope."""

    with_share: set[str] = field(default_factory=set)
    """Names of files in which a share was seen."""

    _parts: dict[int, set[int]] = field(default_factory=dict, repr=False)
    """Numbers of the envelope codes seen, by how many there are."""

    def see(self, looked: Looked) -> None:
        """Note the envelope codes of a page."""
        for text, *_ in looked.codes:
            if part := _NUMBERED_PART.match(text):
                number, count = int(part[1]), int(part[2])
                seen = self._parts.setdefault(count, set())
                seen.add(number)
                self.envelope_seen |= seen >= set(range(1, count + 1)) != set()
            else:
                self.envelope_seen |= text[:_PREFIX_CHARACTERS].upper() == ENVELOPE_PREFIX


class Scanner:
    """Reads files through one worker process, which is replaced when it dies; a context manager.

    Args:
        timeout_s: longest time for one page, seconds.
        memory_bytes: address space of the worker.
    """

    def __init__(self, *, timeout_s: float = 20.0, memory_bytes: int = 1 << 30) -> None:
        self._decoder = Decoder(timeout_s, memory_bytes)
        self._damaged = DamagedCodes()

    def start(self) -> None:
        """Begin to start the worker and return at once; optional, it only saves time."""
        self._decoder.start()

    def close(self) -> None:
        """End the worker."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_path(self, path: Path, progress: Progress = _silent) -> Iterator[ScannedPage]:
        """Read a picture, a PDF, or every visible file of a folder by name, without its sub-folders.

        Args:
            path: file or folder.
            progress: hears how far it is.
        """
        try:
            files = visible_files(path) if path.is_dir() else [path]
        except OSError as error:
            files = []
            yield ScannedPage(shown_name(path.name), (), f"the folder cannot be listed: {error.strerror}")
        else:
            if not files:
                yield ScannedPage(shown_name(path.name), (), "the folder holds no files")
        yield from self._read_all([(file.name, partial(_read_file, file)) for file in files], progress)

    def read_drawn(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        """Give every page of a document just drawn its plain look and no other, pages without a code included."""
        yield from self._look_once(shown_name(source), lambda: data, signs=False)

    def read_frame(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        """Give a picture from a camera, of which many follow, its plain look and no other."""
        yield from self._look_once(shown_name(source), lambda: data)

    def read_bytes(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        """Read one picture or PDF from memory; ``source`` is its name for people."""
        yield from self._read_all([(source, lambda: data)])

    def read_many(self, files: Iterable[tuple[str, bytes]]) -> Iterator[ScannedPage]:
        """Read pictures and PDFs from memory, each with its name for people, as the files of one folder are read."""
        yield from self._read_all([(name, partial(bytes, data)) for name, data in files])

    def _read_all(self, files: Sequence[tuple[str, Read]], progress: Progress = _silent) -> Iterator[ScannedPage]:
        """Give every file its plain look, then the unfinished pages their thorough one."""
        reading = _Reading()
        for number, (name, read) in enumerate(files, 1):
            if len(files) > 1:
                progress(f"reading {shown_name(name)}", number, len(files))
            yield from self._first_look(shown_name(name), read, reading, progress)
        yield from self._second_looks(reading, progress)

    def _look_once(self, name: str, read: Read, *, signs: bool = True) -> Iterator[ScannedPage]:
        for answer in self._look(read, first=1, last=0, task=None, signs=signs):
            if isinstance(answer, Refused):
                yield ScannedPage(name, (), answer.problem)
            elif isinstance(answer, Looked):
                yield _page(name, 1, answer)

    def _first_look(self, name: str, read: Read, reading: _Reading, progress: Progress) -> Iterator[ScannedPage]:
        pages = 1
        for answer in self._look(read, first=1, last=0, task=None):
            if isinstance(answer, Opened):
                pages = answer.pages
            elif isinstance(answer, Refused):
                yield ScannedPage(name, (), answer.problem)
            elif isinstance(answer, Looked):
                if pages > 1:
                    progress(f"reading {name}, page", answer.page, min(pages, MOST_PAGES))
                heads = _heads(answer)
                if SHARE_PREFIX in heads:
                    reading.with_share.add(name)
                if heads or answer.problem:
                    yield _page(name, pages, answer)
                reading.see(answer)
                if not answer.problem and len(heads) < 2:
                    reading.unfinished.append(_Unfinished(read, name, answer.page, pages, answer))

    def _second_looks(self, reading: _Reading, progress: Progress) -> Iterator[ScannedPage]:
        """Look thoroughly where it may pay, the likeliest first; then tell which pages gave nothing."""
        few = len(reading.unfinished) <= FEW_PAGES and not any(one.first.signs for one in reading.unfinished)
        worth = [one for one in reading.unfinished if one.first.signs or (few and not one.first.codes)]
        likely = sorted(worth, key=_likelihood)
        left, hopeful = THOROUGH_S, any(one.first.signs > UNLIKELY_SIGNS for one in likely)
        dropped = []
        for number, rest in enumerate(likely, 1):
            if rest.wants_envelope and reading.envelope_seen:
                continue
            if left <= 0 or (hopeful and rest.first.signs <= UNLIKELY_SIGNS and not rest.heads):
                dropped.append(rest)
                continue
            of = f" ({number} of {len(likely)})" if len(likely) > 1 else ""
            began = time.monotonic()
            task = Task(SHARE_PREFIX not in rest.heads, not reading.envelope_seen, min(PAGE_S, left))
            for answer in self._look(rest.read, first=rest.page, last=rest.page, task=task):
                if isinstance(answer, Looking):
                    progress(f"looking closer at {rest.source}{of}, step", answer.done, answer.of)
                elif isinstance(answer, Looked):
                    left -= max(answer.spent, (time.monotonic() - began) / 4)
                    yield from self._second_look(rest, answer, reading)
                elif isinstance(answer, Refused):
                    yield ScannedPage(rest.source, (), answer.problem)
        yield from _left_out(dropped, left)
        for rest in reading.unfinished:
            if rest not in worth:
                yield from _without_signs(rest, reading)

    def _second_look(self, rest: _Unfinished, answer: Looked, reading: _Reading) -> Iterator[ScannedPage]:
        """Yield what a thorough look gave that is new, or that nothing was found at all."""
        known = {text for text, *_ in rest.first.codes} if rest.heads else set()
        read = {text for text, *_ in answer.codes}
        told = [(text, "salvaged", 1.0) for text in self._damaged.add(answer.prints) if text not in read]
        new = tuple(code for code in (*answer.codes, *told) if code[0] not in known)
        looked = replace(answer, codes=new)
        reading.see(looked)
        if new or not known or (answer.note and not rest.first.note):
            yield _page(rest.name, rest.pages, looked)

    def _look(self, read: Read, *, first: int, last: int, task: Task | None, signs: bool = True) -> Iterator[Answer]:
        """Ask for pages; a worker that is lost costs the page it was at, and a file at most ``MOST_LOSSES``."""
        try:
            data = read()
        except OSError as error:
            yield Refused(f"the file cannot be read: {error.strerror}")
            return
        if len(data) > LARGEST_FILE_BYTES:
            yield Refused(f"too large: more than {LARGEST_FILE_BYTES >> 20} MiB")
            return
        yield from self._look_on(data, first, last, task, signs)

    def _look_on(self, data: bytes, first: int, last: int, task: Task | None, signs: bool) -> Iterator[Answer]:
        page, end = first, 0
        for losses in range(1, MOST_LOSSES + 1):
            try:
                for answer in self._decoder.ask(data, first=page, last=last, task=task, signs=signs):
                    yield answer
                    if isinstance(answer, Opened):
                        end = last or answer.pages
                    elif isinstance(answer, Looked):
                        page = answer.page + 1
            except DecoderLost as lost:
                if not end:
                    yield Refused(str(lost))
                    return
                given_up = "; the rest of the file was not read" if losses == MOST_LOSSES and page < end else ""
                yield Looked(page, (), f"{lost}{given_up}")
                page += 1
            else:
                break
            if page > end:
                return
        if not last and end > MOST_PAGES and page == MOST_PAGES + 1:
            yield Looked(page, (), f"only the first {MOST_PAGES} of {end} pages were read")


def shown_name(name: str) -> str:
    """Return a file name that is safe to show: one line, what drives a terminal escaped, not endless."""
    shown = escaped(name)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 3] + "..."


def _heads(looked: Looked) -> set[str]:
    """Return which of our prefixes are on a page."""
    return {text[:_PREFIX_CHARACTERS].upper() for text, *_ in looked.codes} & {SHARE_PREFIX, ENVELOPE_PREFIX}


def _has_numbered_part(looked: Looked) -> bool:
    """Tell whether a page holds one of several envelope codes, as pages without a share do."""
    return any(_NUMBERED_PART.match(text) for text, *_ in looked.codes)


def _likelihood(one: _Unfinished) -> tuple[bool, int]:
    """Order pages for a second look: those with a code of ours first, then by what hints at more."""
    return (not one.heads, -one.first.signs)


def _left_out(pages: Sequence[_Unfinished], left: float) -> Iterator[ScannedPage]:
    """Tell of pages that were not looked at again."""
    for one in pages:
        if left > 0:
            yield ScannedPage(one.source, (), "", one.first.note)
        else:
            yield ScannedPage(one.source, (), "not looked at closely, for want of time: read this page alone")


def _without_signs(rest: _Unfinished, reading: _Reading) -> Iterator[ScannedPage]:
    """Tell of a page on which nothing hints at a code that was not read."""
    if not rest.heads:
        yield _page(rest.name, rest.pages, rest.first)
    elif ENVELOPE_PREFIX in rest.heads and rest.name not in reading.with_share and not _has_numbered_part(rest.first):
        yield ScannedPage(rest.source, (), "", rest.first.note or NO_SHARE_IN_SIGHT)


def _page(name: str, pages: int, looked: Looked) -> ScannedPage:
    codes = tuple(
        ScannedCode(text, variant, None if used is None else health(used)) for text, variant, used in looked.codes
    )
    return ScannedPage(_source(name, looked.page, pages), codes, looked.problem, looked.note)


def _source(name: str, page: int, pages: int) -> str:
    return f"{name} page {page}" if pages > 1 else name


def _read_file(path: Path) -> bytes:
    """Read a file, but not much more of it than is allowed."""
    with open_plain(path) as file:
        return file.read(LARGEST_FILE_BYTES + 1)

# SPDX-License-Identifier: Apache-2.0
"""Pictures and PDFs back to the texts of their codes (spec section 4, "Reading it back").

Rules:

1. Nothing read here raises: what cannot be read becomes a page with a problem in words, and the next is read.
2. A plain look at everything comes first, and what it finds is yielded at once. Pages without a share, and
   those without an envelope when none was seen at all, are looked at again, thoroughly, at the end. A caller
   who has enough stops iterating and pays for nothing more.
3. So a page may come twice; the second time it holds only codes that the first look missed.
   An envelope code that is damaged beyond its error correction on every sheet comes with the page that completed
   what the pages before it, of any file, had of it.
4. Decoding happens in a process of its own (``worker``); texts pass through memory only, never through a file.
5. File names are shown without control or bidirectional characters.

It does not judge: whether a text is a share of ours, of which set, and whether it holds, is the caller's to say.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.formats.plain import escaped
from breakglass_shamir.paper.reading.decoder import Answer, Decoder, DecoderLost, Looked, Opened, Refused
from breakglass_shamir.paper.reading.folder import visible_files
from breakglass_shamir.paper.reading.frames import ENVELOPE_PREFIX, LARGEST_FILE_BYTES, MOST_PAGES, SHARE_PREFIX
from breakglass_shamir.paper.reading.health import Health, health
from breakglass_shamir.paper.reading.merge import DamagedEnvelopes

MOST_LOSSES = 3
"""Crashes and hangs after which the rest of a file is given up."""

_LONGEST_NAME = 80
"""Characters of a file name that are shown."""

_PREFIX_CHARACTERS = len(SHARE_PREFIX)

_NUMBERED_PART = re.compile(rf"{ENVELOPE_PREFIX}(\d{{1,3}})/(\d{{1,3}}):", re.IGNORECASE)
"""How one of several envelope codes begins."""

Read = Callable[[], bytes]


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
    """

    source: str
    codes: tuple[ScannedCode, ...]
    problem: str


@dataclass(slots=True)
class _Unfinished:
    """A page that deserves a second look, and what its first look gave."""

    read: Read
    name: str
    page: int
    pages: int
    known: frozenset[str] = field(repr=False)
    wants_envelope: bool
    """Whether nothing but an envelope's codes may be wanting: its share was read, or it is a page of such codes."""


@dataclass(slots=True)
class _Reading:
    """What the first looks left behind."""

    unfinished: list[_Unfinished] = field(default_factory=list)
    envelope_seen: bool = False
    """All codes of some envelope."""

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
        self._damaged = DamagedEnvelopes()

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

    def read_path(self, path: Path) -> Iterator[ScannedPage]:
        """Read a picture, a PDF, or every visible file of a folder by name, without its sub-folders."""
        try:
            files = visible_files(path) if path.is_dir() else [path]
        except OSError as error:
            files = []
            yield ScannedPage(shown_name(path.name), (), f"the folder cannot be listed: {error.strerror}")
        else:
            if not files:
                yield ScannedPage(shown_name(path.name), (), "the folder holds no files")
        yield from self._read_all((file.name, partial(_read_file, file)) for file in files)

    def read_once(self, path: Path) -> Iterator[ScannedPage]:
        """Give every page of a file just written its plain look and no other, pages without a code included."""
        yield from self._look_once(shown_name(path.name), partial(_read_file, path))

    def read_frame(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        """Give a picture from a camera, of which many follow, its plain look and no other."""
        yield from self._look_once(shown_name(source), lambda: data)

    def read_bytes(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        """Read one picture or PDF from memory; ``source`` is its name for people."""
        yield from self._read_all([(source, lambda: data)])

    def read_many(self, files: Iterable[tuple[str, bytes]]) -> Iterator[ScannedPage]:
        """Read pictures and PDFs from memory, each with its name for people, as the files of one folder are read."""
        yield from self._read_all((name, partial(bytes, data)) for name, data in files)

    def _read_all(self, files: Iterable[tuple[str, Read]]) -> Iterator[ScannedPage]:
        """Give every file its plain look, then the unfinished pages their thorough one."""
        reading = _Reading()
        for name, read in files:
            yield from self._first_look(shown_name(name), read, reading)
        for rest in reading.unfinished:
            if not (rest.wants_envelope and reading.envelope_seen):
                yield from self._second_look(rest, reading)

    def _look_once(self, name: str, read: Read) -> Iterator[ScannedPage]:
        for answer in self._look(read, first=1, last=0, thorough=False):
            if isinstance(answer, Refused):
                yield ScannedPage(name, (), answer.problem)
            elif isinstance(answer, Looked):
                yield _page(name, 1, answer)

    def _first_look(self, name: str, read: Read, reading: _Reading) -> Iterator[ScannedPage]:
        pages = 1
        for answer in self._look(read, first=1, last=0, thorough=False):
            if isinstance(answer, Opened):
                pages = answer.pages
            elif isinstance(answer, Refused):
                yield ScannedPage(name, (), answer.problem)
            else:
                heads = _heads(answer)
                known = frozenset(text for text, *_ in answer.codes) if heads else frozenset[str]()
                if heads or answer.problem:
                    yield _page(name, pages, answer)
                reading.see(answer)
                if not answer.problem and len(heads) < 2:
                    wants_envelope = SHARE_PREFIX in heads or _has_numbered_part(answer)
                    reading.unfinished.append(_Unfinished(read, name, answer.page, pages, known, wants_envelope))

    def _second_look(self, rest: _Unfinished, reading: _Reading) -> Iterator[ScannedPage]:
        """Look thoroughly at one page; yield what is new, or that nothing was found at all."""
        for answer in self._look(rest.read, first=rest.page, last=rest.page, thorough=True):
            if isinstance(answer, Refused):
                yield ScannedPage(_source(rest.name, rest.page, rest.pages), (), answer.problem)
            elif isinstance(answer, Looked):
                told = [(text, "salvaged", 1.0) for text in self._damaged.add(answer.prints)]
                new = tuple(code for code in (*answer.codes, *told) if code[0] not in rest.known)
                reading.see(Looked(answer.page, new, ""))
                if new or not rest.known:
                    yield _page(rest.name, rest.pages, Looked(answer.page, new, answer.problem))

    def _look(self, read: Read, *, first: int, last: int, thorough: bool) -> Iterator[Answer]:
        """Ask for pages; a worker that is lost costs the page it was at, and a file at most ``MOST_LOSSES``."""
        try:
            data = read()
        except OSError as error:
            yield Refused(f"the file cannot be read: {error.strerror}")
            return
        if len(data) > LARGEST_FILE_BYTES:
            yield Refused(f"too large: more than {LARGEST_FILE_BYTES >> 20} MiB")
            return
        yield from self._look_on(data, first, last, thorough=thorough)

    def _look_on(self, data: bytes, first: int, last: int, *, thorough: bool) -> Iterator[Answer]:
        page, end = first, 0
        for losses in range(1, MOST_LOSSES + 1):
            try:
                for answer in self._decoder.ask(data, first=page, last=last, thorough=thorough):
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


def _page(name: str, pages: int, looked: Looked) -> ScannedPage:
    codes = tuple(
        ScannedCode(text, variant, None if used is None else health(used)) for text, variant, used in looked.codes
    )
    return ScannedPage(_source(name, looked.page, pages), codes, looked.problem)


def _source(name: str, page: int, pages: int) -> str:
    return f"{name} page {page}" if pages > 1 else name


def _read_file(path: Path) -> bytes:
    """Read a file, but not much more of it than is allowed."""
    with open_plain(path) as file:
        return file.read(LARGEST_FILE_BYTES + 1)

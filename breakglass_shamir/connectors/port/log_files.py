# SPDX-License-Identifier: Apache-2.0
"""Log files of a server that may have been rotated and compressed, line by line, oldest first, within bounds.

Rules:

1. What clients write is in these files. So a line has a longest length, a file and a question have a most of bytes,
   and whoever reads a line does so in time that grows with its length alone.
2. What cannot be read is not nothing. A line that is too long, or that a reader cannot make sense of, and that may be
   about a login, is told by its number; reading goes on behind it. A long line that holds none of the words a login is
   told with is none, wherever they would stand.
3. A file in which no line at all is of a form that the reader knows is told: whoever reads it sees no login in it.
4. Times without a zone are held against the time at which the file was last written to. Where the two are whole
   quarters of an hour apart, the zone is another one than the reader takes them for, and that is told.
5. Of files that are larger than the bound the end is read: what is new is there. That the rest was not is told.
6. Only plain files are read: a pipe or a device never ends.

What it does not do: it follows no file, and understands no line.
"""

import contextlib
import fnmatch
import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from breakglass_shamir.errors import ConnectorError

LINE_MAX_BYTES = 64 * 1024
"""A longer line is not read as one; no login takes a tenth of it."""

BYTES_MAX = 1 << 30
"""What one question reads at most, unpacked."""

FILES_MAX = 1000
"""Files that a pattern may name."""

ENTRIES_MAX = 100_000
"""Entries of folders that are looked at for a pattern."""

UNREAD_MAX = 20
"""Sentences about what could not be read; further ones are counted."""

ZONE_STEP_S = 900
"""Zones are whole quarters of an hour apart."""

ZONE_MAX_S = 14 * 3600
"""The farthest zone from UTC."""

ZONE_SLACK_S = 5
"""How much later than its last line says a file is written to."""

PACKED = ".gz"

_PIECE_BYTES = 256 * 1024
_WILD = re.compile(r"[*?\[]")


def require_files(pattern: str, what: str) -> list[Path]:
    """Return the files that a pattern names, oldest first.

    ``*``, ``?`` and ``[...]`` stand for characters of one name each, and for no dot at its beginning.

    Raises:
        ConnectorError: no pattern, no such file, or far too many.
    """
    if not pattern:
        raise ConnectorError(
            f"{what} cannot be told: no option log", hint="set target.options.log to the server's log file"
        )
    try:
        found = [(path.stat().st_mtime, path) for path in _named(pattern)]
    except OSError as error:
        raise ConnectorError(f"{what} cannot be told: {error.strerror or type(error).__name__}: {pattern}") from error
    if not found:
        raise ConnectorError(f"{what} cannot be told: there is no file {pattern}")
    return [path for _, path in sorted(found)]


class Reading:
    """One question to log files: their lines, and what could not be read."""

    def __init__(
        self, since: datetime, words: Sequence[str], concerns: Callable[[str], bool] = lambda _: True, kind: str = ""
    ) -> None:
        """Begin with nothing read.

        Args:
            since: the first instant that counts.
            words: a line without any of them is about no login.
            concerns: tells of the beginning of a line that is too long whether it may be about a login since then.
            kind: what the lines should be, for a file in which none is; empty where that is not known.
        """
        self._since = since
        self._words = [word.encode() for word in words]
        self._overlap = max((len(word) for word in self._words), default=1) - 1
        self._concerns = concerns
        self._kind = kind
        self._left = BYTES_MAX
        self._told: list[str] = []
        self._more = 0
        self._path, self._number = Path(), 0
        self._whole, self._known = 0, False
        self._stamp: datetime | None = None

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be read, a sentence each."""
        return (*self._told, f"and {self._more} more like these") if self._more else tuple(self._told)

    def miss(self, why: str, at: datetime | None = None) -> None:
        """Tell the line that was yielded last as one that could not be read.

        Args:
            why: a few words.
            at: its time, where that could be read: an older line than asked for is not told.
        """
        if at is None or at >= self._since:
            self._tell(f"line {self._number} of {self._path} may be about a login and could not be read: {why}")

    def known(self, stamp: datetime | None = None) -> None:
        """Take note that the line that was yielded last is of a form that the reader knows.

        Args:
            stamp: its time, where the log has none with a zone.
        """
        self._known, self._stamp = True, stamp or self._stamp

    def lines(self, files: Sequence[Path]) -> Iterator[str]:
        """Yield the lines of every file that was written to since then.

        A line that is still being written ends without a line feed. One that is too long is an empty text without one:
        it stands where the line stood, and says nothing.

        Raises:
            OSError: a file cannot be read.
        """
        for _, lines in self.each(files):
            yield from lines

    def each(self, files: Sequence[Path]) -> Iterator[tuple[Path, Iterator[str]]]:
        """Yield every file that was written to since then, and its lines, as :meth:`lines` does.

        Raises:
            OSError: a file cannot be read.
        """
        facts = {path: path.stat() for path in files}
        written = {path: one.st_mtime for path, one in facts.items() if one.st_mtime >= self._since.timestamp() - 1}
        sizes = {path: facts[path].st_size for path in written}
        shares: dict[Path, int] = {}
        # What is packed cannot be read from its end, and is old: it gets what the others leave.
        for path in reversed(sizes):
            if path.suffix != PACKED:
                shares[path] = min(sizes[path], self._left)
                self._left -= shares[path]
        for path in sizes:
            self._path, self._number, self._whole, self._known, self._stamp = path, 0, 0, False, None
            yield path, self._lines_of(path, shares.get(path))
            self._judge(path, written[path])

    def _lines_of(self, path: Path, share: int | None) -> Iterator[str]:
        """Yield the lines of a file: of the last so many bytes, or of what it unpacks to."""
        with _opened(path) as file:
            if file is None:
                self._tell(f"{path} is no plain file")
            elif share is None:
                yield from self._unpacked(file)
            else:
                size = os.fstat(file.fileno()).st_size
                if size > share:
                    self._tell(f"only the end of {path} was read: rotate it more often")
                    file.seek(size - share)
                    share -= self._pass_over(file, share)
                yield from self._within(file, share)

    def _unpacked(self, packed: BinaryIO) -> Iterator[str]:
        try:
            with gzip.open(packed) as file:
                unpacked, before = cast(BinaryIO, file), self._left
                yield from self._within(unpacked, before)
                self._left = max(0, before - unpacked.tell())
                if unpacked.read(1):
                    self._tell(f"only the beginning of {self._path} was read: rotate it more often")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._tell(f"{self._path} could not be unpacked to its end ({type(error).__name__})")

    def _within(self, file: BinaryIO, share: int) -> Iterator[str]:
        """Yield the lines in the next so many bytes."""
        while share > 0 and (piece := file.readline(min(LINE_MAX_BYTES, share))):
            share -= len(piece)
            self._number += 1
            self._whole += piece.endswith(b"\n") and not piece.isspace()
            if piece.endswith(b"\n") or len(piece) < LINE_MAX_BYTES:
                yield piece.decode(errors="replace")
            else:
                share -= self._too_long(file, piece, share)
                yield ""

    def _too_long(self, file: BinaryIO, head: bytes, share: int) -> int:
        """Pass over the rest of a line, looking for a word; returns how long the rest is."""
        found, passed, before = self._has_word(head), 0, head
        while passed < share and (piece := file.readline(min(_PIECE_BYTES, share - passed))):
            passed += len(piece)
            found = found or self._has_word(before[-self._overlap :] + piece)
            before = piece
            if piece.endswith(b"\n"):
                break
        if found and self._concerns(head.decode(errors="replace")):
            self.miss(f"it is longer than {LINE_MAX_BYTES} bytes")
        return passed

    def _has_word(self, piece: bytes) -> bool:
        return any(word in piece for word in self._words)

    def _pass_over(self, file: BinaryIO, share: int) -> int:
        """Pass over the rest of the line in whose middle reading begins; returns how long it is."""
        passed = 0
        while passed < share and (piece := file.readline(min(_PIECE_BYTES, share - passed))):
            passed += len(piece)
            if piece.endswith(b"\n"):
                break
        return passed

    def _judge(self, path: Path, written: float) -> None:
        """Tell a file that was read to its end and makes no sense as a whole.

        Args:
            path: the file.
            written: when it was last written to.
        """
        if self._whole and not self._known and self._kind:
            self._tell(f"no line of {path} is as {self._kind} writes it, so no login was looked for in it")
        if self._stamp is None or path.suffix == PACKED:
            return
        apart_s = written - self._stamp.timestamp()
        steps = round(apart_s / ZONE_STEP_S)
        if steps and abs(apart_s) <= ZONE_MAX_S and abs(apart_s - steps * ZONE_STEP_S) <= ZONE_SLACK_S:
            hours = abs(steps) * ZONE_STEP_S / 3600
            side = "behind" if steps > 0 else "ahead of"
            self._tell(f"the times in {path} are {hours:g} h {side} those it was written at: they are of another zone")

    def _tell(self, what: str) -> None:
        if len(self._told) < UNREAD_MAX:
            self._told.append(what)
        else:
            self._more += 1


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    """Open a plain file, without waiting for anybody; yields None for what is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        with os.fdopen(descriptor, "rb") as file:
            yield file
        return
    os.close(descriptor)
    yield None


def _named(pattern: str) -> list[Path]:
    """Return the paths that a pattern names, in no order.

    Raises:
        ConnectorError: it names, or makes us look at, far too many.
        OSError: a folder cannot be read.
    """
    looked = 0
    places = [Path("/")]
    for part in Path(pattern).parts[1:]:
        if not _WILD.search(part):
            places = [place / part for place in places if os.path.lexists(place / part)]
            continue
        found: list[Path] = []
        for place in places:
            for name in _names_in(place):
                looked += 1
                if looked > ENTRIES_MAX or len(found) > FILES_MAX:
                    raise ConnectorError(
                        f"the pattern {pattern} names far too many files", hint="name one server's log, with its folder"
                    )
                if fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith(".")):
                    found.append(place / name)
        places = found
    return places


def _names_in(folder: Path) -> Iterator[str]:
    """Yield the names in a folder; none of what is no folder."""
    try:
        entries = os.scandir(folder)
    except NotADirectoryError:
        return
    with entries:
        yield from (entry.name for entry in entries)

# SPDX-License-Identifier: Apache-2.0
"""Keeps a recording: segments in a folder of the home, each named after the digest of all before it.

Rules (spec: docs/spec/7-records.md):

1. A segment is whole or it is not there: written under another name, flushed to disk, then renamed; the folder is
   flushed, too.
2. The digest of a segment is SHA-256 over the digest before it, 32 bytes, and its bytes as they lie on the disk. The
   first one's predecessor is SHA-256 over the opening's id and the recording's number. The last one is the head.
3. Folders are 0700 and files 0600; what is a link, or somebody else's, is refused. Nothing is written over.
4. A thread of its own writes. Whoever records waits for no disk, and no disk that hangs holds up the end.
5. The first failure ends it; what was kept stays.
6. Its folder is locked as long as it is under way, so that nobody takes it for one that was cut off.
"""

import contextlib
import fcntl
import hashlib
import os
import queue
import re
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import age
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody import names
from breakglass_shamir.errors import BreakglassError, IllegalState

FOLDER = "recordings"
"""Folder in the home."""

PLAIN, SEALED = ".cast", ".cast.age"
"""How the name of a segment ends, in the clear and encrypted."""

MAX_NUMBER = 10_000
"""Recordings of one opening at most."""

MAX_SEGMENTS = 999_999
"""Segments of one recording at most; their numbers have six digits."""

FINISH_S = 10.0
"""How long the last segments may take to be on the disk when a use has ended."""

_PART = ".part"
_TRIAL = bytes(4096)
_BEGINNING = "breakglass recording"
"""What the digest before the first segment is made of, with the opening and the number."""

_NUMBERED = re.compile(r"([0-9a-f]{64})-([0-9]{1,5})")
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on the disk.

    Attributes:
        segments: how many.
        size: bytes of all of them.
        head: digest of the last one, hexadecimal; of what comes before the first, where there is none.
    """

    segments: int
    size: int
    head: str


def beginning(opening: str, number: int) -> bytes:
    """Return the digest before the first segment, 32 bytes.

    Args:
        opening: id of the opening, hexadecimal.
        number: of the recording, from 1.
    """
    return hashlib.sha256(f"{_BEGINNING} {opening} {number}\n".encode()).digest()


def follow(before: bytes, segment: bytes) -> bytes:
    """Return the digest of a segment, 32 bytes."""
    return hashlib.sha256(before + segment).digest()


def recorded(home: Path, opening: str) -> list[int]:
    """Return the numbers of the recordings of an opening that lie in a home."""
    try:
        there = [one.name for one in (home / FOLDER).iterdir()]
    except OSError:
        return []
    found = [match for name in there if (match := _NUMBERED.fullmatch(name))]
    return sorted(int(one[2]) for one in found if one[1] == opening)


def is_under_way(home: Path, opening: str, number: int) -> bool:
    """Tell whether a program still records; where that cannot be told, it does not."""
    try:
        with _opened(names.inside(home / FOLDER, names.recording(opening, number)), _FLAGS) as folder:
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def trial(home: Path, keys: tuple[SshKey, ...]) -> str:
    """Try whether a recording can be kept in a home; returns what stands in its way, and leaves nothing."""
    try:
        data = age.encrypt(_TRIAL, keys) if keys else _TRIAL
        with _opened(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as at_home:
            with contextlib.suppress(FileExistsError):
                os.mkdir(FOLDER, 0o700, dir_fd=at_home)
            with _opened(FOLDER, _FLAGS, at_home) as among:
                _require_own(home / FOLDER, among)
                name = f"trial-{os.getpid()}{_PART}"
                _write_new(name, data, among)
                os.unlink(name, dir_fd=among)
    except OSError as error:
        return (error.strerror or "the disk failed").lower()
    except BreakglassError as error:
        return str(error)
    return ""


class Keeper:
    """Keeps one recording."""

    def __init__(self, home: Path, opening: str, keys: tuple[SshKey, ...] = ()) -> None:
        """Make its folder.

        Args:
            home: where it is kept.
            opening: id of the opening, hexadecimal.
            keys: to which segments are encrypted; none: they are kept in the clear.

        Raises:
            OSError: the folder cannot be made.
            IllegalState: what stands in its place is a link, or others can change it.
            InvalidSignature: nothing can be encrypted to the keys.
        """
        if keys:
            age.encrypt(b"", keys)
        self.home = home
        self._keys = keys
        self.number, self._folder = _make(home, opening)
        self._lock = os.dup(self._folder)
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._digest = beginning(opening, self.number)
        self._kept = Kept(0, 0, self._digest.hex())
        self._segments: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self.problem = ""
        """Why nothing is kept any more; empty: it is."""

        threading.Thread(target=self._keep_all, name="recording", daemon=True).start()

    def keep(self, segment: bytes) -> None:
        """Have a segment kept; returns at once."""
        if not self.problem:
            self._segments.put(segment)

    def finish(self, within_s: float = FINISH_S) -> Kept:
        """Wait for what is on its way to the disk, but not for ever; returns what is kept."""
        self._segments.put(None)
        if not self._over.wait(within_s):
            self.problem = self.problem or f"the disk took longer than {within_s:g} s"
        return self._kept

    def release(self) -> None:
        """Unlock the folder: whatever there is to say of it is on record."""
        os.close(self._lock)

    def _keep_all(self) -> None:
        try:
            while (segment := self._segments.get()) is not None and not self.problem:
                self._write(segment)
        except OSError as error:
            self.problem = self.problem or (error.strerror or "the disk failed").lower()
        except BreakglassError as error:
            self.problem = self.problem or str(error)
        finally:
            with contextlib.suppress(OSError):
                os.close(self._folder)
            self._over.set()

    def _write(self, segment: bytes) -> None:
        number = self._kept.segments + 1
        if number > MAX_SEGMENTS:
            raise IllegalState(f"a recording has {MAX_SEGMENTS} segments at most")
        data = age.encrypt(segment, self._keys) if self._keys else segment
        name = names.segment(number, self._digest.hex(), SEALED if self._keys else PLAIN)
        unfinished = name + _PART
        _write_new(unfinished, data, self._folder)
        os.rename(unfinished, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)
        self._digest = follow(self._digest, data)
        self._kept = Kept(number, self._kept.size + len(data), self._digest.hex())


def _write_new(name: str, data: bytes, folder: int) -> None:
    """Write a new file into a folder, flushed to disk, or leave none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


def _make(home: Path, opening: str) -> tuple[int, int]:
    """Make a new folder for a recording; returns its number, and a descriptor of it."""
    with _opened(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as at_home:
        with contextlib.suppress(FileExistsError):
            os.mkdir(FOLDER, 0o700, dir_fd=at_home)
            os.fsync(at_home)
        with _opened(FOLDER, _FLAGS, at_home) as among:
            _require_own(home / FOLDER, among)
            for number in range((recorded(home, opening) or [0])[-1] + 1, MAX_NUMBER):
                name = names.recording(opening, number)
                try:
                    os.mkdir(name, 0o700, dir_fd=among)
                except FileExistsError:
                    continue
                os.fsync(among)
                return number, os.open(name, _FLAGS, dir_fd=among)
    raise IllegalState(f"an opening has at most {MAX_NUMBER} recordings")


@contextlib.contextmanager
def _opened(path: Path | str, flags: int, at: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _require_own(path: Path, descriptor: int) -> None:
    facts = os.fstat(descriptor)
    if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
        raise IllegalState(f"{path} belongs to somebody else, or others may enter it")

# SPDX-License-Identifier: Apache-2.0
"""Files in a folder: those that are there, and those a scanner is still dropping in.

Hidden files and folders within are left alone. A file counts as complete when its size and time of change
stayed the same from one look to the next; one that is replaced under its name counts as new again.

It opens and deletes nothing.
"""

import time
from collections.abc import Iterator
from pathlib import Path

_UNFINISHED = frozenset({".part", ".partial", ".tmp", ".crdownload", ".filepart"})
"""Suffixes that scanners, browsers and copying programs give to what they have not finished."""

Stamp = tuple[int, int, int]
"""Inode, size in bytes, time of change in ns."""


def visible_files(folder: Path) -> list[Path]:
    """List the folder's own files by name.

    Raises:
        OSError: the folder cannot be listed.
    """
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


def is_empty(folder: Path) -> bool:
    """Tell whether a folder has no file to read; one that cannot be listed may have some."""
    try:
        return not visible_files(folder)
    except OSError:
        return False


class Watch:
    """One folder, looked into again and again."""

    def __init__(self, folder: Path, *, read: bool = False) -> None:
        """Begin with the next look.

        Args:
            folder: where the scanner drops its files.
            read: whether what is there now has been read already.
        """
        self.folder = folder
        self._seen: dict[Path, Stamp] = {}
        self._done: dict[Path, Stamp] = _stamps(folder) if read else {}

    def look(self) -> list[Path]:
        """Return files that are complete since the last look, each once."""
        stamps = _stamps(self.folder)
        complete = [p for p, stamp in stamps.items() if self._seen.get(p) == stamp != self._done.get(p)]
        self._seen = stamps
        self._done = {path: stamp for path, stamp in self._done.items() if path in stamps}
        self._done |= {path: stamps[path] for path in complete}
        return complete


def wait_for_files(folder: Path, *, poll_s: float = 0.2) -> Iterator[Path | None]:
    """Yield each complete file once, those already there first; without end.

    Args:
        folder: where the scanner drops its files.
        poll_s: pause between looks, seconds.

    Yields:
        A path, or None after a pause in which nothing was completed, so that the caller can look at the clock.
    """
    watch = Watch(folder)
    while True:
        complete = watch.look()
        yield from complete
        if not complete:
            time.sleep(poll_s)
            yield None


def _stamps(folder: Path) -> dict[Path, Stamp]:
    """Look at every file that may be finished; an empty one is not."""
    stamps: dict[Path, Stamp] = {}
    try:
        paths = visible_files(folder)
    except OSError:
        return stamps
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_size and path.suffix.lower() not in _UNFINISHED:
            stamps[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps

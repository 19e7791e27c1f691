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


def wait_for_files(folder: Path, *, poll_s: float = 0.2) -> Iterator[Path | None]:
    """Yield each complete file once, those already there first; without end.

    Args:
        folder: where the scanner drops its files.
        poll_s: pause between looks, seconds.

    Yields:
        A path, or None after a pause in which nothing was completed, so that the caller can look at the clock.
    """
    seen: dict[Path, Stamp] = {}
    done: dict[Path, Stamp] = {}
    while True:
        stamps = _stamps(folder)
        complete = [path for path, stamp in stamps.items() if seen.get(path) == stamp != done.get(path)]
        seen = stamps
        done = {path: stamp for path, stamp in done.items() if path in stamps}
        for path in complete:
            done[path] = stamps[path]
            yield path
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

# SPDX-License-Identifier: Apache-2.0
"""A folder for files that a program has to find on a path, and that no disk should keep.

Rules:

1. Whoever uses one holds its lock. A folder whose lock is free belonged to somebody who was killed.
2. Whoever makes one removes those first: what was secret in them outlives nobody for longer than until the next time.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""A file system in memory."""

PREFIX = "breakglass-memory-"
"""What the name of a folder begins with."""

LOCK = "lock"
"""The file in a folder whose lock says that somebody uses it."""

STALE_S = 60.0
"""Age from which a folder whose lock is free belongs to nobody."""


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield a folder for this process alone, in memory where there is such a place; gone at the end.

    Raises:
        OSError: no folder can be made, there or elsewhere.
    """
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    remove_stale(PREFIX, place)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place) as folder:
        lock = locked(Path(folder))
        try:
            yield Path(folder)
        finally:
            os.close(lock)


def locked(folder: Path) -> int:
    """Make a new folder's lock, and hold it; returns the descriptor, which whoever uses the folder closes.

    Raises:
        OSError: it cannot be made.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def remove_stale(prefix: str, place: Path = MEMORY) -> None:
    """Remove folders of this user that somebody who was killed left behind. Never raises."""
    with suppress(OSError):
        for folder in place.glob(f"{prefix}*"):
            with suppress(OSError), _free(folder):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _free(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that nobody uses.

    Raises:
        OSError: somebody does, it is another user's, or it was made just now.
    """
    facts = folder.lstat()
    if facts.st_uid != os.geteuid() or folder.is_symlink() or time.time() - facts.st_mtime < STALE_S:
        raise PermissionError
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)

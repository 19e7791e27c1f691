# SPDX-License-Identifier: Apache-2.0
"""A folder for files that a program has to find on a path, and that no disk should keep."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""A file system in memory."""


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield a folder for this process alone, in memory where there is such a place; gone at the end.

    Raises:
        OSError: no folder can be made, there or elsewhere.
    """
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="breakglass-", dir=place) as folder:
        yield Path(folder)

# SPDX-License-Identifier: Apache-2.0
"""Log files of a server that may have been rotated and compressed, line by line, oldest first.

What it does not do: it follows no file, and understands no line.
"""

import glob
import gzip
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from breakglass_shamir.errors import ConnectorError

LINE_MAX_BYTES = 1_000_000
"""A longer line is cut, its rest left out; nothing that counts is as long."""


def require_files(pattern: str, what: str) -> list[Path]:
    """Return the files that a pattern names, oldest first.

    Raises:
        ConnectorError: no pattern, or no such file.
    """
    if not pattern:
        raise ConnectorError(
            f"{what} cannot be told: no option log", hint="set target.options.log to the server's log file"
        )
    found = [Path(name) for name in glob.glob(pattern)]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise ConnectorError(f"{what} cannot be told: there is no file {pattern}")
    return sorted(found, key=lambda path: path.stat().st_mtime)


def lines(files: list[Path], since: datetime) -> Iterator[str]:
    """Yield the lines of every file that was written to since then."""
    for path in written_since(files, since):
        yield from lines_of(path)


def written_since(files: list[Path], since: datetime) -> list[Path]:
    """Return the files that were written to since then."""
    return [path for path in files if path.stat().st_mtime >= since.timestamp() - 1]


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of one file; a cut one, and a last one that is still written, end without a line feed."""
    with _opened(path) as file:
        goes_on = False
        while piece := file.readline(LINE_MAX_BYTES):
            if not goes_on:
                yield piece.decode(errors="replace")
            goes_on = not piece.endswith(b"\n")


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")

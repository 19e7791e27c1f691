# SPDX-License-Identifier: Apache-2.0
"""What is said of a file that could not be read, and what to do about it: one message for every file that people name.

It looks at the folder around the file, and changes nothing.
"""

import itertools
import os
from pathlib import Path

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import nearest
from breakglass_shamir.shell import operand

MOST_NAMES = 2000
"""Names of a folder that are compared with one that is not there."""


def unreadable(path: Path, error: OSError, hint: str = "") -> InvalidInput:
    """Return the error for a file that could not be read.

    Args:
        path: as people named it.
        error: what the system said.
        hint: what to do about it; empty: what the system's word suggests.
    """
    return InvalidInput(f"{path} could not be read: {error.strerror}", hint=hint or what_to_do(path, error))


def what_to_do(path: Path, error: OSError) -> str:
    """Say what to do about a file that could not be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _missing(path)
    if isinstance(error, PermissionError):
        return f"see who may read it with: ls -l {operand(path)}"
    if isinstance(error, IsADirectoryError):
        return f"it is a folder: name a file in it; see them with: ls {operand(path)}"
    return "copy it to another disk and name the copy, or name another file"


def _missing(path: Path) -> str:
    """Name what is there and looks most like it, not by its ending alone, or say where to look."""
    folder = next((one for one in path.parents if one.is_dir()), path)
    gone = path.relative_to(folder).parts[:1]
    near = nearest(gone[0], _names(folder)) if gone else ""
    if near and nearest(Path(gone[0]).stem, [Path(near).stem]):
        return f"did you mean {folder / near}?"
    return f"see what is there with: ls {operand(folder)}"


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except OSError:
        return []

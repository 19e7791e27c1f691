# SPDX-License-Identifier: Apache-2.0
"""The two recovery files as they ship here: their bytes, their digests, and the oldest Python that one runs on.

Rules:

1. Sheets print what :func:`digest` gives, and a kit holds what :func:`content` gives: the same files, read here only.
2. A file that is not there has no digest, so that a sheet leaves it out; a kit without it is not made.

It runs neither of them.
"""

import functools
import hashlib
import re
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.standalone import recover

PROGRAM = "recover.py"
PAGE = "recover.html"

TOOL = f"{PROGRAM} {recover.VERSION}"
"""Name and version of the program, as sheets print it."""

_FOLDER = Path(recover.__file__).parent


@functools.cache
def digest(name: str) -> str:
    """Return the SHA-256 of a recovery file, hexadecimal; empty where there is none."""
    file = names.inside(_FOLDER, name)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def content(name: str) -> bytes:
    """Return a recovery file.

    Raises:
        OSError: it cannot be read.
    """
    return names.inside(_FOLDER, name).read_bytes()


@functools.cache
def oldest_python() -> str:
    """Return the oldest Python that the recovery program says it runs on; empty where it says none."""
    found = re.search(r"Python (3\.\d+)", recover.__doc__ or "")
    return found[1] if found else ""

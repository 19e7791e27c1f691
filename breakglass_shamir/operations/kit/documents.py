# SPDX-License-Identifier: Apache-2.0
"""The documents of a kit: the specification and the runbooks.

Rules:

1. They are written once, in ``docs/`` of the source. A wheel carries them in ``standalone/documents/``; where that is
   not, the source is there, and they are taken from it.
2. A kit without one of the two is not made.

It changes no byte of them.
"""

import errno
import re
from pathlib import Path

from breakglass_shamir.standalone import recover

FOLDERS = ("spec", "runbooks")

_CARRIED = Path(recover.__file__).parent / "documents"
_SOURCE = Path(recover.__file__).parents[2] / "docs"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}\.md")


def read() -> dict[str, bytes]:
    """Return every document, by its path in a kit.

    Raises:
        OSError: one cannot be read, or there is none.
    """
    root = _CARRIED if _CARRIED.is_dir() else _SOURCE
    found = dict[str, bytes]()
    for folder in FOLDERS:
        files = [file for file in sorted((root / folder).iterdir()) if _NAME.fullmatch(file.name)]
        if not files:
            raise OSError(errno.ENOENT, f"no document is in {root / folder}")
        found |= {f"{folder}/{file.name}": file.read_bytes() for file in files}
    return found

# SPDX-License-Identifier: Apache-2.0
"""Files that somebody named: a pipe that nobody writes to in the place of one keeps nobody waiting.

Rules:

1. Opening waits for nobody: of a pipe it would wait for a writer, of some devices for whatever they like.
2. What must be a file is one (:func:`open_plain`). What may be a pipe, as a shell makes it of another program's output,
   is read until a deadline (:func:`read`).
3. Nothing is read further than a limit.

It judges no content.
"""

import errno
import os
import select
import stat
from pathlib import Path
from typing import BinaryIO

from breakglass_shamir.bounded.deadline import Deadline

PIPE_WAIT_S = 300.0
"""How long a pipe's content is waited for: a program may have to ask somebody for it first."""

_PIECE_BYTES = 64 << 10


def open_plain(path: Path) -> BinaryIO:
    """Open a file that must be one.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    descriptor = _opened(path)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is a folder, pipe or device, and no file")


def read(path: Path, limit: int, deadline: Deadline) -> bytes:
    """Return what is in a file, or comes out of a pipe or device, as far as a limit.

    Raises:
        OSError: it cannot be read.
        TimeoutError: it has no end within the deadline.
    """
    descriptor = _opened(path)
    try:
        found = bytearray()
        while len(found) < limit:
            if not select.select([descriptor], [], [], deadline.require_s())[0]:
                continue
            try:
                piece = os.read(descriptor, min(_PIECE_BYTES, limit - len(found)))
            except BlockingIOError:
                continue
            if not piece:
                break
            found += piece
        return bytes(found)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)

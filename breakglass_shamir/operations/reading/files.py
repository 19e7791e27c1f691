# SPDX-License-Identifier: Apache-2.0
"""Read a file that somebody brought: a receipt, a signature, a key, a recovery record.

Rules:

1. It is a plain file: a pipe or a device in its place would keep people waiting without an end.
2. It is read no further than a limit; a larger one is refused, not cut off.
3. Text is UTF-8 or ASCII, as its form says. Bytes that are none are refused, and nothing is put in their place.
"""

import os
import stat
from pathlib import Path

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger.unreadable import unreadable


def read_file(path: Path, limit: int, *, hint: str = "") -> bytes:
    """Return a file's bytes.

    Args:
        path: where it is.
        limit: bytes that it may have.
        hint: what to do where it cannot be read.

    Raises:
        InvalidInput: there is none, it is no plain file, or it is larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidInput(f"expected a file at {path}, got a folder, pipe or device", hint=hint)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error, hint) from None
    if len(data) > limit:
        raise InvalidInput(f"expected at most {limit} bytes in {path}", hint=hint)
    return data


def ascii_text(data: bytes, path: Path, what: str) -> str:
    """Return bytes as text.

    Raises:
        InvalidInput: they are not plain ASCII.
    """
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput(f"expected {what} in {path}, got bytes that are no text") from None


def is_other_encoding(data: bytes) -> bool:
    """Tell by its first bytes whether a text is UTF-16 or UTF-32."""
    return b"\0" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff")


def utf8_text(data: bytes, path: Path) -> str:
    """Return bytes as text.

    Raises:
        InvalidInput: they are not UTF-8, or text of another encoding by their first bytes.
    """
    if is_other_encoding(data):
        raise InvalidInput(f"expected UTF-8 text in {path}, got another encoding", hint="save it as UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"expected UTF-8 text in {path}", hint="save it as UTF-8") from None

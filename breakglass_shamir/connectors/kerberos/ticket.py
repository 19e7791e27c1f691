# SPDX-License-Identifier: Apache-2.0
"""When the KDC let somebody in, out of a file of tickets that kinit wrote.

Source: MIT Kerberos documentation, "Credential cache file format", version 4.

What it does not do: it uses no ticket. Sizes in the file are held against the file's own.
"""

import struct

_VERSION_4 = b"\x05\x04"
_SETTING = b"X-CACHECONF:"
"""Realm of entries that are no tickets."""

_MOST = 64
"""Parts of a name, entries, addresses: kinit writes a few."""


def authtime(data: bytes) -> int | None:
    """Return the second since 1970 that the first ticket says; None where there is none that can be read."""
    try:
        return _authtime(data)
    except (struct.error, ValueError):
        return None


def _authtime(data: bytes) -> int | None:
    if data[:2] != _VERSION_4:
        return None
    (head,) = struct.unpack_from(">H", data, 2)
    _, at = _name(data, 4 + head)
    for _ in range(_MOST):
        if at >= len(data):
            return None
        _, at = _name(data, at)
        realm, at = _name(data, at)
        _, at = _counted(data, at + 2)
        (found,) = struct.unpack_from(">I", data, at)
        if realm != _SETTING:
            return int(found)
        at = _end(data, at + 16 + 1 + 4)
    return None


def _end(data: bytes, at: int) -> int:
    """Return where an entry ends: behind its addresses, its authorisations and two tickets."""
    for _ in range(2):
        (count,) = struct.unpack_from(">I", data, at)
        at += 4
        for _ in range(_few(count)):
            _, at = _counted(data, at + 2)
    for _ in range(2):
        _, at = _counted(data, at)
    return at


def _name(data: bytes, at: int) -> tuple[bytes, int]:
    """Return a principal's realm, and where it ends."""
    (count,) = struct.unpack_from(">I", data, at + 4)
    realm, at = _counted(data, at + 8)
    for _ in range(_few(count)):
        _, at = _counted(data, at)
    return realm, at


def _counted(data: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">I", data, at)
    end = at + 4 + size
    if end > len(data):
        raise ValueError("cut short")
    return data[at + 4 : end], end


def _few(count: int) -> int:
    if count > _MOST:
        raise ValueError("too many")
    return count

# SPDX-License-Identifier: Apache-2.0
"""Strings and numbers in the form that SSH's keys and signatures are made of.

Source: RFC 4251 section 5 (string, mpint); RFC 4253 section 6.6 for what they make up.

Rule: what is read has one spelling. A number with a needless zero in front, bytes left over, and base64 that
would be written otherwise are refused.
"""

import base64
import hashlib

from breakglass_shamir.errors import InvalidSignature


def join(*strings: bytes) -> bytes:
    """Concatenate SSH strings: a 32-bit big-endian length each, then the bytes."""
    return b"".join(len(string).to_bytes(4, "big") + string for string in strings)


def take(data: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Take ``count`` strings off the front; returns them and what is left.

    Raises:
        InvalidSignature: there are fewer, or one is longer than what holds it.
    """
    strings, at = [], 0
    for _ in range(count):
        string, at = _string_at(data, at)
        strings.append(string)
    return strings, data[at:]


def split(data: bytes) -> list[bytes]:
    """Undo :func:`join`; nothing may be left over.

    Raises:
        InvalidSignature: a string is longer than what holds it.
    """
    strings, at = [], 0
    while at < len(data):
        string, at = _string_at(data, at)
        strings.append(string)
    return strings


def _string_at(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the string that begins at a place, and where the next one begins."""
    begin = at + 4
    end = begin + int.from_bytes(data[at:begin], "big")
    if begin > len(data) or end > len(data):
        raise InvalidSignature("an SSH string is longer than what holds it")
    return data[begin:end], end


def number(data: bytes) -> int:
    """Read the bytes of an mpint that must be positive.

    Raises:
        InvalidSignature: zero, negative, or with a needless zero in front.
    """
    value = int.from_bytes(data, "big")
    if not value or data != value.to_bytes(value.bit_length() // 8 + 1, "big"):
        raise InvalidSignature("expected a positive number in an SSH key or signature, in its one spelling")
    return value


def decode64(text: str) -> bytes:
    """Decode base64; what does not re-encode to the same text is refused.

    Raises:
        InvalidSignature: not canonical base64, or none.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise InvalidSignature("expected canonical base64")
    return data


def fingerprint(blob: bytes) -> str:
    """Return ``SHA256:...`` of a public key in wire format, as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")

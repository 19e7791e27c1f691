# SPDX-License-Identifier: Apache-2.0
"""What of a credential is masked: itself, and the encodings in which programs show it.

Rules:

1. The list stands in ``LISTED`` and in docs/spec/7-records.md; what is not on it is not masked.
2. Everything is compared by its *letters*: bytes that a terminal shows, without blanks, control characters and escape
   sequences. So a line that was broken, padded or coloured is still found.
3. What is longer than ``PIECE`` letters is masked in pieces, so that a part of a key file is, too. A line of a
   credential with several lines is a piece of its own.
4. What is shorter than ``SHORTEST`` letters is not masked: it would stand in everything.
"""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

SHORTEST = 4
"""Letters of the shortest credential that is masked."""

SHORTEST_LINE = 12
"""Letters of the shortest line of a longer credential that is masked alone."""

PIECE = 32
"""Letters in a piece of what is longer than two of them."""

LISTED = (
    "itself", "upper case", "lower case", "reversed", "hexadecimal", "hexadecimal with colons", "base64", "base64url",
    "percent-encoded", "as a JSON string", "as a shell word",
)  # fmt: skip
"""The encodings that are masked, in words."""

SILENT = re.compile(rb"(?:\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\-~]|[\x00-\x1a\x1c-\x20\x7f]|\x1b(?=\x1b))+")
"""What shows no letter: control characters, blanks, escape and control sequences (ECMA-48, section 5.4)."""

_NOT_PLAIN = re.compile(rb"([^A-Za-z0-9_@%+=:,./\x80-\xff-])")


def letters(data: bytes) -> bytes:
    """Return what a terminal shows of some bytes, without blanks."""
    return SILENT.sub(b"", data)


def patterns(secret: bytes) -> tuple[bytes, ...]:
    """Return the letters that are masked, the longest first; empty where the credential is too short for it."""
    if len(letters(secret)) < SHORTEST:
        return ()
    found = {piece for form in _forms(secret) for piece in _pieces(letters(form))}
    lines = {line for line in map(letters, secret.splitlines()) if len(line) >= SHORTEST_LINE}
    found |= {piece for line in lines for piece in _pieces(line)}
    return tuple(sorted((one for one in found if len(one) >= SHORTEST), key=lambda one: (-len(one), one)))


def _forms(secret: bytes) -> Iterator[bytes]:
    """Yield the credential in every listed encoding; of a text also as it is without the spaces around it."""
    yield secret
    yield secret.upper()
    yield secret.lower()
    yield secret[::-1]
    for text in (secret.hex(), secret.hex().upper(), secret.hex(":"), secret.hex(":").upper()):
        yield text.encode()
    yield from _base64(secret)
    for form in (*_quoted(secret), b"".join(b"%%%02X" % byte for byte in secret)):
        yield form
        yield re.sub(rb"%[0-9A-F]{2}", lambda found: found[0].lower(), form)
    yield _NOT_PLAIN.sub(rb"\\\1", secret)
    yield secret.replace(b"'", b"'\\''")
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    if not text.isascii():
        yield text.upper().encode()
        yield text.lower().encode()
        yield text[::-1].encode()


def _quoted(secret: bytes) -> Iterator[bytes]:
    """Yield it percent-encoded where that is needed: everywhere, in a path, in a form, in an address of a script."""
    everywhere = quote_from_bytes(secret, safe="").encode()
    yield everywhere
    yield everywhere.replace(b"%20", b"+")
    yield quote_from_bytes(secret, safe="/").encode()
    yield quote_from_bytes(secret, safe="!'()*").encode()
    yield quote_from_bytes(secret, safe=";,/?:@&=+$-_.!~*'()#").encode()


def _base64(secret: bytes) -> Iterator[bytes]:
    """Yield it at each of the three places that it can have in a longer text: what no neighbour changes."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        first = (before * 8 + 5) // 6
        last = (before + len(secret)) * 8 // 6
        for text in (whole[first:last], whole[first:]) if before else (whole[:last], whole):
            yield text
            yield text.translate(bytes.maketrans(b"+/", b"-_"))


def _pieces(text: bytes) -> Iterator[bytes]:
    """Yield a text, or the pieces of one that is long."""
    if len(text) < PIECE * 2:
        yield text
        return
    last = len(text) - PIECE
    yield from (text[at : at + PIECE] for at in (*range(0, last, PIECE), last))

# SPDX-License-Identifier: Apache-2.0
"""The lines of a bundle, each in its one spelling (spec: docs/spec/14-bundle.md).

Rules:

1. A line is one JSON value as records are serialised. Of these types msgspec writes the same bytes as RFC 8785: keys
   are ASCII, numbers are small integers.
2. Every line is bounded, and what is read is written again and compared.

Nothing that is read here is verified.
"""

from typing import Annotated

import msgspec

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import InvalidInput, InvalidRecord, UnsupportedVersion
from breakglass_shamir.plural import counted

VERSION = 1
"""Format version of bundles."""

MAX_LINE_BYTES = 2 * 1024 * 1024
"""Longest line: a record of the largest size, every character of it escaped, with its signatures."""

MAX_HASHES = 1024
"""Most hashes in one line."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
_Level = Annotated[int, msgspec.Meta(ge=0, le=48)]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Short = Annotated[str, msgspec.Meta(max_length=4096)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What every line of a bundle is."""


class Head(Line, frozen=True, kw_only=True, tag="bundle"):
    """The first line: whose log, how much of it, and the checkpoint that everything is held against."""

    v: int
    terminal: _Short
    public_key: _Short
    """The terminal's, one line as OpenSSH writes it, without comment."""

    size: Annotated[int, msgspec.Meta(ge=1, le=2**48)]
    """Records in the log."""

    root: _Hash
    checkpoint: _Short
    """The signed note of that tree, verbatim."""

    first: _Number
    """Number of the range's first record."""

    last: _Number
    set: _Short
    """The one set whose records are in the range; empty: all."""

    since: _Short
    until: _Short
    """What was asked for, a day or a time in UTC; empty: from the start, to the end."""

    time: _Short
    """When the bundle was made, by the terminal's clock."""


class Held(Line, frozen=True, kw_only=True, tag="record"):
    """A record with all that was stored with it."""

    record: Annotated[str, msgspec.Meta(max_length=records.MAX_RECORD_BYTES)]
    """Its exact bytes, which are UTF-8."""

    signature: _Short
    quorum_signature: _Short
    checkpoint: _Short


class Withheld(Line, frozen=True, kw_only=True, tag="withheld"):
    """Records that are not in the bundle, by their hashes."""

    nodes: Annotated[tuple[tuple[_Level, _Hash], ...], msgspec.Meta(min_length=1, max_length=MAX_HASHES)]
    """Level and hash of complete subtrees, from left to right."""


class Given(Line, frozen=True, kw_only=True, tag="receipt"):
    """A receipt of the log, as its file is."""

    receipt: Annotated[str, msgspec.Meta(max_length=4 * records.MAX_RECORD_BYTES)]


class End(Line, frozen=True, kw_only=True, tag="end"):
    """The last line: what was in front of it, counted, hashed and signed."""

    records: _Number
    withheld: _Number
    sha256: _Hash
    """Of every byte in front of this line."""

    signature: _Short
    """By the terminal key over that text, in the namespace ``bundle@breakglass-shamir``."""


AnyLine = Head | Held | Withheld | Given | End
"""Every kind of line."""

_DECODER: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)
_ENCODER = msgspec.json.Encoder(order="sorted")


def to_bytes(line: AnyLine) -> bytes:
    """Write a line, its line feed included."""
    return _ENCODER.encode(line) + b"\n"


def from_bytes(data: bytes, number: int) -> AnyLine:
    """Read a line.

    Args:
        data: with its line feed.
        number: of the line, from 1.

    Raises:
        InvalidRecord: cut off, too long, no line of a bundle, or not in its one spelling.
    """
    if len(data) > MAX_LINE_BYTES:
        raise InvalidRecord(f"line {number} of the bundle is longer than {MAX_LINE_BYTES} bytes")
    if not data.endswith(b"\n"):
        raise InvalidRecord(f"the bundle is cut off in line {number}", hint="ask for the whole file again")
    try:
        line = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRecord(f"line {number} is none of a bundle: {error}") from None
    if to_bytes(line) != data:
        raise InvalidRecord(f"line {number} of the bundle is not in canonical form")
    return line


def head_of(data: bytes) -> Head:
    """Read the first line.

    Raises:
        InvalidInput: this is no bundle.
        UnsupportedVersion: of another version.
        InvalidRecord: cut off, or not in its one spelling.
    """
    if not data.startswith(b'{"checkpoint":'):
        raise InvalidInput("this is no bundle", hint="make one at the terminal: breakglass audit bundle --out FILE")
    line = from_bytes(data, 1)
    if not isinstance(line, Head):
        raise InvalidInput("this is no bundle", hint="make one at the terminal: breakglass audit bundle --out FILE")
    if line.v != VERSION:
        raise UnsupportedVersion(f"expected a bundle of version {VERSION}, got {line.v}")
    if not line.first <= line.last < line.size:
        raise InvalidRecord(
            f"a range from {line.first} to {line.last} is none of a log of {counted(line.size, 'record')}"
        )
    return line

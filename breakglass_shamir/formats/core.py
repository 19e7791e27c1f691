# SPDX-License-Identifier: Apache-2.0
"""The part of an envelope that opens: structure, masked values, ciphertext (spec: docs/spec/4-envelope.md).

Rules:

1. The core is what a blank machine needs besides the shares; it is also printed as typed lines.
2. Parsing is strict: nothing missing, nothing trailing; what is accepted re-encodes to the same bytes.
3. Typed lines are read strictly first. The relaxed reading gives what they may mean, and decides nothing.

This module neither verifies nor decrypts.
"""

import itertools
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping

from breakglass_shamir.crypto.keys import EPOCH_ID_BYTES, MASTER_BYTES, SUITE, Kind
from breakglass_shamir.errors import (
    InvalidEnvelope,
    InvalidInput,
    InvalidStructure,
    MalformedText,
    SharesError,
    UnsupportedVersion,
)
from breakglass_shamir.formats import text
from breakglass_shamir.formats.structure import Group, Seat, Structure
from breakglass_shamir.formats.text import PARITY_BYTES, TEXT_LINES
from breakglass_shamir.plural import counted
from breakglass_shamir.structs import Struct

VERSION = 1
"""Format version of the envelope."""

FIRST_LINE = TEXT_LINES + 1
"""Typed lines of the core are numbered after the share's."""

MAX_LINES = text.MAX_LINE_NUMBER - TEXT_LINES
"""Typed lines of a core: the check character binds numbers up to 31."""

MOST_READINGS = 64
"""Cores that damaged lines may mean."""

_MAX_BLOCK = 255 - PARITY_BYTES


class Reader:
    """Take fixed-size fields off a byte string, or say that it ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes; InvalidEnvelope when they are not all there."""
        piece = self.data[self.position : self.position + length]
        if len(piece) != length:
            raise InvalidEnvelope(
                f"the envelope ends after {counted(len(self.data), 'byte')}, in the middle of a field"
            )
        self.position += length
        return piece

    def number(self, length: int) -> int:
        """Return the next bytes as a big-endian number."""
        return int.from_bytes(self.take(length), "big")

    def end(self) -> None:
        """Refuse anything that is left over."""
        if self.position != len(self.data):
            raise InvalidEnvelope(f"{counted(len(self.data) - self.position, 'byte')} too many after the envelope")


class Core(Struct, frozen=True):
    """What opens: everything a quorum needs besides its shares; public (docs/spec/4-envelope.md)."""

    kind: Kind
    """Live, or drill."""

    epoch_id: bytes
    """8 bytes: the beginning of SHA-256 over the set public key."""

    epoch: int
    """Number of the epoch, from 1."""

    structure: Structure
    """Which sheets open."""

    masked: tuple[bytes, ...]
    """32 bytes per member of each threshold-1 group: group secret XOR the member's mask."""

    ciphertext: bytes
    """Padded plaintext and tag."""

    def header(self) -> bytes:
        """Return the bytes before the ciphertext's length: what the cipher authenticates. Never raises."""
        fixed = bytes([VERSION, SUITE, self.kind]) + self.epoch_id + struct.pack(">I", self.epoch)
        groups = b"".join(bytes([group.threshold, group.members]) for group in self.structure.groups)
        counts = bytes([self.structure.group_threshold, len(self.structure.groups)])
        return fixed + counts + groups + b"".join(self.masked)

    def to_bytes(self) -> bytes:
        """Return header, ciphertext length (2) and ciphertext. Never raises."""
        return self.header() + struct.pack(">H", len(self.ciphertext)) + self.ciphertext

    @classmethod
    def from_bytes(cls, data: bytes) -> "Core":
        """Read a core and nothing after it.

        Raises:
            InvalidInput: it is no bytes.
            InvalidEnvelope: a field is missing, impossible or too much.
            UnsupportedVersion: version, suite or kind of another release.
        """
        if not isinstance(data, bytes):
            raise InvalidInput(f"expected the bytes of a core, got {type(data).__name__}")
        reader = Reader(data)
        core = read_core(reader)
        reader.end()
        return core

    def masked_value(self, seat: Seat) -> bytes:
        """Return the masked group secret, 32 bytes, of one member of a threshold-1 group.

        Raises:
            InvalidStructure: no such member, or its group has another threshold.
        """
        seats = _masked_seats(self.structure)
        if seat not in seats:
            raise InvalidStructure(f"expected a sheet of a group with threshold 1, got {seat}")
        return self.masked[seats.index(seat)]

    def to_lines(self) -> tuple[str, ...]:
        """Return the core as typed lines numbered from 5, or none when it is too long to type.

        The bytes are cut into the fewest equal blocks of at most 238, each followed by 17 parity bytes,
        then zero bytes up to a whole line. Never raises.
        """
        from breakglass_shamir.formats import parity

        data = self.to_bytes()
        protected = struct.pack(">H", len(data)) + data
        size = _block_size(len(protected))
        code = b"".join(parity.protect(protected[i : i + size]) for i in range(0, len(protected), size))
        code += bytes(-len(code) % text.LINE_BYTES)
        if len(code) // text.LINE_BYTES > MAX_LINES:
            return ()
        return text.to_lines(code, FIRST_LINE)


def read_core(reader: Reader) -> Core:
    """Read a core off the front of a longer byte string.

    Raises:
        InvalidEnvelope: a field is missing or impossible.
        UnsupportedVersion: version, suite or kind of another release.
    """
    version, suite, kind = reader.take(3)
    if version != VERSION or suite != SUITE or kind not in list(Kind):
        got = f"version {version}, suite {suite}, kind {kind}"
        raise UnsupportedVersion(f"expected envelope version {VERSION}, suite {SUITE}, got {got}")
    epoch_id, epoch = reader.take(EPOCH_ID_BYTES), reader.number(4)
    if epoch == 0:
        raise InvalidEnvelope("expected an epoch from 1, got 0")
    structure = _read_structure(reader)
    masked = tuple(reader.take(MASTER_BYTES) for _ in _masked_seats(structure))
    return Core(Kind(kind), epoch_id, epoch, structure, masked, reader.take(reader.number(2)))


def from_lines(rows: Mapping[int, str], checked: Collection[int] = ()) -> Core:
    """Read a core from the symbols of its typed lines, by number from 5; a missing line is unreadable.

    The last line may be the missing one, so one more than the highest number is tried too.

    Args:
        rows: 24 symbols by number.
        checked: numbers whose check character holds; a reading that changes such a line is none.

    Raises:
        MalformedText: more damage than can be repaired.
        InvalidEnvelope, UnsupportedVersion: repaired, but not a core.
    """
    last = _last_line(rows)
    kept = {number: rows[number] for number in checked if number in rows}
    for count in (last - TEXT_LINES, last - TEXT_LINES + 1):
        if count > MAX_LINES:
            break
        data = _from_symbols(_symbols(rows, count), kept)
        if data is not None:
            return Core.from_bytes(data)
    raise MalformedText("the typed lines of the envelope could not be repaired: check the lines that were not accepted")


def relaxed_from_lines(rows: Mapping[int, str]) -> list[Core]:
    """Read a core where a line is wrong although it checks: every core that the lines may mean, MOST_READINGS at most.

    In each block nothing, and then each line, counts as lost: 900 repairs at most. Nearly all that come out are
    wrong; a quorum that derives the epoch id and opens one tells.
    """
    found: dict[Core, None] = {}
    last = _last_line(rows)
    for count in (last - TEXT_LINES, last - TEXT_LINES + 1):
        if not 0 < count <= MAX_LINES:
            continue
        code, erased = _received(_symbols(rows, count))
        for padding in range(min(text.LINE_BYTES, len(code))):
            for core in _readings(code, erased, len(code) - padding):
                found.setdefault(core)
                if len(found) == MOST_READINGS:
                    return list(found)
    return list(found)


def _last_line(rows: Mapping[int, str]) -> int:
    """Return the highest number of a line of which anything was read; 0 where there is none."""
    return max((number for number, row in rows.items() if row.strip(text.UNREADABLE)), default=0)


def _readings(code: bytes, erased: Collection[int], length: int) -> Iterator[Core]:
    """Yield the cores that blocks of one total length may hold."""
    blocks = [_words(code, erased, start, end) for start, end in _pieces(code, length)]
    for words in itertools.product(*blocks) if blocks else ():
        data = b"".join(word[:-PARITY_BYTES] for word in words)
        if int.from_bytes(data[:2], "big") != len(data) - 2:
            continue
        try:
            yield Core.from_bytes(data[2:])
        except SharesError:
            continue


def _words(code: bytes, erased: Collection[int], start: int, end: int) -> list[bytes]:
    """Return what one block may be, as it is and with each line that touches it lost."""
    from breakglass_shamir.formats import parity

    rows = range(start // text.LINE_BYTES, (end - 1) // text.LINE_BYTES + 1)
    gone = [set(), *({*range(row * text.LINE_BYTES, (row + 1) * text.LINE_BYTES)} for row in rows)]
    words: dict[bytes, None] = {}
    for lost in gone:
        missing = [i - start for i in {*erased, *lost} if start <= i < end]
        try:
            words.setdefault(parity.repair(code[start:end], missing).codeword)
        except MalformedText:
            continue
    return list(words)


def _symbols(rows: Mapping[int, str], count: int) -> str:
    blank = text.UNREADABLE * text.LINE_CHARACTERS
    found = [rows.get(number, blank) for number in range(FIRST_LINE, FIRST_LINE + count)]
    if any(len(row) != text.LINE_CHARACTERS for row in found):
        raise MalformedText(f"expected typed lines of {text.LINE_CHARACTERS} characters, got another length")
    return "".join(found)


def _received(symbols: str) -> tuple[bytes, set[int]]:
    """Return the bytes of whole lines, zero where unreadable, and which of them are."""
    code = text.decode(symbols.replace(text.UNREADABLE, "0"))
    return code, {b for i, s in enumerate(symbols) if s == text.UNREADABLE for b in (i * 5 // 8, (i * 5 + 4) // 8)}


def _from_symbols(symbols: str, kept: Mapping[int, str]) -> bytes | None:
    """Repair whole lines, ``?`` where unreadable; None when no amount of padding fits and leaves ``kept`` as it is."""
    code, erased = _received(symbols)
    for padding in range(min(text.LINE_BYTES, len(code))):
        fixed = _unblock(code, erased, len(code) - padding)
        if fixed is not None and _keeps(fixed, kept):
            return fixed.data
    return None


def _keeps(fixed: "_Fixed", kept: Mapping[int, str]) -> bool:
    """Tell whether a repair left these lines alone."""
    whole = fixed.code + bytes(-len(fixed.code) % text.LINE_BYTES)
    symbols = text.encode(whole)
    starts = {number: (number - FIRST_LINE) * text.LINE_CHARACTERS for number in kept}
    return all(symbols[at : at + text.LINE_CHARACTERS] == kept[number] for number, at in starts.items())


class _Fixed(Struct, frozen=True):
    """What repaired blocks hold, and the blocks themselves."""

    data: bytes
    code: bytes


def _unblock(code: bytes, erased: Iterable[int], length: int) -> _Fixed | None:
    """Try to read blocks of one total length; None when the length or the parity does not fit."""
    from breakglass_shamir.formats import parity

    pieces = _pieces(code, length)
    erasures = set(erased)
    words = []
    for start, end in pieces:
        try:
            words.append(parity.repair(code[start:end], [i - start for i in erasures if start <= i < end]).codeword)
        except MalformedText:
            return None
    data = b"".join(word[:-PARITY_BYTES] for word in words)
    fits = bool(pieces) and int.from_bytes(data[:2], "big") == len(data) - 2
    return _Fixed(data[2:], b"".join(words)) if fits else None


def _pieces(code: bytes, length: int) -> list[tuple[int, int]]:
    """Return where each block begins and ends; none where the rest is no padding, or leaves no room for parity."""
    blocks = -(-length // (_MAX_BLOCK + PARITY_BYTES))
    if any(code[length:]) or length <= blocks * PARITY_BYTES:
        return []
    size = _block_size(length - blocks * PARITY_BYTES) + PARITY_BYTES
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _block_size(length: int) -> int:
    count = max(1, -(-length // _MAX_BLOCK))
    return -(-length // count)


def _masked_seats(structure: Structure) -> list[Seat]:
    return [seat for seat in structure.seats() if structure.groups[seat[0] - 1].threshold == 1]


def _read_structure(reader: Reader) -> Structure:
    group_threshold, count = reader.take(2)
    pairs = [reader.take(2) for _ in range(count)]
    try:
        return Structure(group_threshold, tuple(Group(pair[0], pair[1]) for pair in pairs))
    except InvalidStructure as error:
        raise InvalidEnvelope(f"impossible quorum structure in the envelope: {error}") from None

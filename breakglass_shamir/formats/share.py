# SPDX-License-Identifier: Apache-2.0
"""One share: its 43 bytes, its printed text and its commitment (spec: docs/spec/3-share.md).

Rules:

1. Any single changed bit of any field is noticed: by the parity, and past it by the commitment.
2. A repair is always reported to the caller, who shows it; the commitment decides, not the repair.
3. A share whose repair left fewer than 2 spare parity bytes is provisional until an envelope confirms it.
4. ``repr`` names the public id only; the value is a :class:`~breakglass_shamir.hygiene.Secret`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from breakglass_shamir.crypto.keys import COMMITMENT_BYTES, EPOCH_ID_BYTES, MASTER_BYTES, Kind
from breakglass_shamir.errors import InvalidInput, MalformedText, UnsupportedVersion
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.text import TEXT_LINES
from breakglass_shamir.hygiene import Secret

PREFIX = "BGS1:"
"""What a share's QR code begins with."""

VERSION = 1
"""Format version, the high four bits of the first byte; the low four are the kind."""

SHARE_BYTES = 2 + EPOCH_ID_BYTES + 1 + MASTER_BYTES
"""Version and kind (1), epoch id (8), group (1), member (1), value (32)."""

TEXT_CHARACTERS = 96
"""Characters of a share's text without its prefix: 60 bytes."""

CONFIDENT_SPARE_PARITY = 2
"""With fewer spare parity bytes a repaired share is provisional."""

MOST_UNREADABLE = 72
"""Characters of a damaged code that may be missing for it still to be of use beside typed lines."""

_BLANK = text.UNREADABLE * text.LINE_CHARACTERS
"""A line of which nothing could be read."""

_COMMITMENT_LABEL = b"breakglass-shamir commitment"


@dataclass(frozen=True, slots=True)
class Share:
    """One point of an epoch's sharing; everything but the value is public (docs/spec/3-share.md).

    Attributes:
        kind: live, or drill.
        epoch_id: 8 bytes.
        group: number of its group, 1 to 255; 1 where there is one group.
        member: number within the group, 1 to 255.
        value: 32 bytes; whoever holds a quorum of values holds the credential.

    Raises:
        InvalidInput: a field has another type or length.
    """

    kind: Kind
    epoch_id: bytes
    group: int
    member: int
    value: Secret = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what has no bytes and no text."""
        numbers = (self.group, self.member)
        if not isinstance(self.kind, Kind) or not all(type(one) is int and 1 <= one <= 255 for one in numbers):
            raise InvalidInput("expected a share's kind, and group and member from 1 to 255")
        if not isinstance(self.epoch_id, bytes) or len(self.epoch_id) != EPOCH_ID_BYTES:
            raise InvalidInput(f"expected an epoch id of {EPOCH_ID_BYTES} bytes")
        if not isinstance(self.value, Secret) or len(self.value) != MASTER_BYTES:
            raise InvalidInput(f"expected a share's value as a Secret of {MASTER_BYTES} bytes")

    @property
    def public_id(self) -> str:
        """Name the share without its value: ``ABCD-EFGH-JKMN 1.2`` (epoch id, group.member)."""
        name = f"{text.short_id(self.epoch_id)} {self.group}.{self.member}"
        return name if self.kind is Kind.LIVE else f"drill {name}"

    def to_bytes(self) -> bytes:
        """Return the 43 bytes; secret. Never raises."""
        head = bytes([VERSION << 4 | self.kind]) + self.epoch_id + bytes([self.group, self.member])
        return head + self.value.reveal()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Share":
        """Read the 43 bytes.

        Raises:
            InvalidInput: they are no bytes.
            MalformedText: another length, or group or member 0.
            UnsupportedVersion: a version or kind this release does not know.
        """
        if not isinstance(data, bytes):
            raise InvalidInput(f"expected the bytes of a share, got {type(data).__name__}")
        if len(data) != SHARE_BYTES:
            raise MalformedText(f"expected a share of {SHARE_BYTES} bytes, got {len(data)}")
        version, kind = data[0] >> 4, data[0] & 15
        if version != VERSION or kind not in list(Kind):
            raise UnsupportedVersion(f"expected a share of version {VERSION}, got version {version} kind {kind}")
        group, member = data[9], data[10]
        if not group or not member:
            raise MalformedText(f"expected group and member from 1, got {group}.{member}")
        return cls(Kind(kind), data[1:9], group, member, Secret(data[11:]))

    def to_text(self) -> str:
        """Return the 101 characters of the share's QR code; secret. Never raises."""
        return PREFIX + text.encode(parity.protect(self.to_bytes()))

    def to_lines(self) -> tuple[str, ...]:
        """Return the four typed lines, 32 characters each, as they are printed; secret. Never raises."""
        return text.to_lines(parity.protect(self.to_bytes()), 1)

    def commitment(self) -> bytes:
        """Return the 16 bytes the envelope carries for this share: truncated SHA-256.

        Over the label, epoch id (8), group (1), member (1) and value (32). Never raises.
        """
        public = _COMMITMENT_LABEL + self.epoch_id + bytes([self.group, self.member])
        return hashlib.sha256(public + self.value.reveal()).digest()[:COMMITMENT_BYTES]

    def matches(self, commitment: bytes) -> bool:
        """Tell in constant time whether this share is the one committed to by 16 bytes. Never raises."""
        return isinstance(commitment, bytes) and hmac.compare_digest(self.commitment(), commitment)


@dataclass(frozen=True, slots=True)
class ReadShare:
    """A share as read from paper, with what the reading had to repair (docs/spec/3-share.md)."""

    share: Share
    """What was read, after the repairs."""

    repaired: tuple[int, ...]
    """Characters of the text that were wrong or unreadable, from 1."""

    spare_parity: int
    """Parity bytes left over; 17 when nothing was repaired."""

    relaxed: bool = False
    """Whether something that was read had to be left out for it."""

    @property
    def provisional(self) -> bool:
        """Whether only an envelope's commitment, or the epoch id, may confirm this share."""
        return self.relaxed or self.spare_parity < CONFIDENT_SPARE_PARITY


def from_text(code: str) -> ReadShare:
    """Read a share's QR text or the same characters typed in one go; ``?`` is an unreadable character.

    Raises:
        MalformedText: wrong prefix, length or characters, or more damage than can be repaired.
        UnsupportedVersion: a version or kind this release does not know.
    """
    return _from_symbols(text.strip_prefix(code, PREFIX))


def fragment(code: str) -> str | None:
    """Return the 96 symbols of a damaged share code, ``?`` where unreadable; None where it is not one.

    A quarter of them must be there: less helps nobody.
    """
    try:
        symbols = text.strip_prefix(code, PREFIX)
    except MalformedText:
        return None
    if len(symbols) != TEXT_CHARACTERS or not set(symbols) <= {*text.ALPHABET, text.UNREADABLE}:
        return None
    return symbols if symbols.count(text.UNREADABLE) <= MOST_UNREADABLE else None


def from_lines(rows: Mapping[int, str]) -> ReadShare:
    """Read a share from the symbols of its typed lines, by number; a missing line is unreadable.

    Raises:
        MalformedText: more than one line is missing, or more damage than can be repaired.
    """
    return _from_symbols("".join(rows.get(number, _BLANK) for number in range(1, TEXT_LINES + 1)))


def relaxed_from_lines(rows: Mapping[int, str]) -> list[ReadShare]:
    """Read a share where lines are wrong although they check: every reading of the relaxed pass, the likeliest first.

    Each line, each character, and each line with a character of another one count as unreadable in turn: 389 repairs
    at most. The readings are all provisional; at most one matches a commitment.
    """
    lines = [rows.get(number, _BLANK) for number in range(1, TEXT_LINES + 1)]
    return _relaxed(lines)


def relaxed_from_text(code: str) -> list[ReadShare]:
    """Read a share's text that cannot be read for certain: every reading of the relaxed pass, the likeliest first.

    Raises:
        MalformedText: wrong prefix, length or characters.
    """
    symbols = text.strip_prefix(code, PREFIX)
    _require_length(symbols)
    return _relaxed([symbols[i : i + text.LINE_CHARACTERS] for i in range(0, TEXT_CHARACTERS, text.LINE_CHARACTERS)])


def _relaxed(lines: list[str]) -> list[ReadShare]:
    whole = ["".join(lines), *("".join([*lines[:n], _BLANK, *lines[n + 1 :]]) for n in range(TEXT_LINES))]
    single = [word[:i] + text.UNREADABLE + word[i + 1 :] for word in whole for i in range(TEXT_CHARACTERS)]
    found: dict[bytes, ReadShare] = {}
    for word in dict.fromkeys([*whole, *single]):
        try:
            reading = _from_symbols(word)
        except (MalformedText, UnsupportedVersion):
            continue
        right = text.encode(parity.protect(reading.share.to_bytes()))
        wrong = tuple(i for i, (old, new) in enumerate(zip(whole[0], right, strict=True), 1) if old != new)
        found.setdefault(reading.share.to_bytes(), replace(reading, repaired=wrong, relaxed=True))
    return list(found.values())


def _require_length(symbols: str) -> None:
    if len(symbols) != TEXT_CHARACTERS:
        raise MalformedText(f"expected a share of {TEXT_CHARACTERS} characters, got {len(symbols)}")


def _from_symbols(symbols: str) -> ReadShare:
    """Repair and parse 96 symbols, ``?`` where unreadable."""
    _require_length(symbols)
    unreadable = [i for i, symbol in enumerate(symbols) if symbol == text.UNREADABLE]
    erased = {byte for i in unreadable for byte in (i * 5 // 8, (i * 5 + 4) // 8)}
    read = text.decode(symbols.replace(text.UNREADABLE, "0"))
    fixed = parity.repair(read, sorted(erased))
    share = Share.from_bytes(fixed.codeword[:SHARE_BYTES])
    right = text.encode(fixed.codeword)
    wrong = tuple(i for i, (old, new) in enumerate(zip(symbols, right, strict=True), 1) if old != new)
    return ReadShare(share, wrong, fixed.spare_parity)

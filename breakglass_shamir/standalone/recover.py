#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Open a break-glass credential from its paper sheets, with nothing but Python 3.9 or later.

What it is: the second implementation of the paper format (``docs/spec/``), in one file, of the standard library
only, for a machine without a network and without the toolkit. It needs no installation:

    python3 -I -S recover.py                       ask and answer at the terminal
    python3 -I -S recover.py FILE...               read what was typed or scanned into files
    scanner | python3 -I -S recover.py --officer "head of security" --ticket INC-7 --reason "LDAP down" --out FILE

How to use it: scan or type what is printed on the sheets, in any order, one code or line at a time. ``BGS1:`` codes
are shares, ``BGE1:`` codes the envelope (any one sheet's copy), lines 1 to 4 a share, lines 5 and up the envelope's
core. Write ``?`` for a character that cannot be read, ``3: ?`` for a line that is lost, an empty line after a share
that has one. Every line is answered at once, and no mistake ends the session. When the quorum is complete, type
``open``. Before anything is revealed you are asked who is there, for which ticket and why, and a usage record is
written and flushed to disk: FILE and FILE.sig, which an auditor verifies with ssh-keygen (``docs/spec/8-recovery.md``).

Exit status: 0 opened; 1 a fault in this program; 2 wrong use, or the output could not be written;
4 shares insufficient or invalid; 5 the record could not be written, and nothing was revealed; 130 interrupted.

Limits, said plainly:

1. Nothing here runs in constant time and Python cannot wipe memory. Use a machine that nobody else is on, without a
   network, and switch it off afterwards. Typed shares stay in the terminal's scrollback: close its window.
2. The record proves that a quorum was combined. The names, the reason and the time are what people said.
3. Nothing on this machine pins the epoch: compare the set public key shown with your ledger or a receipt. Without an
   envelope (only core lines) shares are confirmed together, by the epoch id, and at most MAX_TRIES quorums are tried.
4. Drill codes are refused. The credential is used up: it must be replaced once you are back in.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import errno
import functools
import hashlib
import hmac
import itertools
import json
import math
import os
import re
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

VERSION = "0.1.0"
TOOL = f"recover.py {VERSION}"
NAMESPACE = b"recovery@breakglass-shamir"
"""SSHSIG namespace of a recovery record."""

EXIT_FAULT = 1
EXIT_DONE, EXIT_USAGE, EXIT_SHARES, EXIT_RECORD, EXIT_INTERRUPTED = 0, 2, 4, 5, 130

MAX_TRIES = 2000
"""Quorums tried without an envelope before giving up."""
MAX_HELD = 1000
"""Shares held at a time."""
MAX_INPUT_CHARACTERS = 4000
"""Length of one line of input; the longest code has about 1240."""

LIVE, DRILL = 1, 2
KIND_NAMES = {LIVE: "live", DRILL: "drill"}
CREDENTIAL_KINDS = {1: "password", 2: "key pair", 3: "token", 4: "opaque", 5: "file"}

Seat = tuple[int, int]
"""Group and member, both from 1."""


class Refused(Exception):
    """One named failure of ``docs/spec/README.md``. Its sentence never contains what was typed."""

    def __init__(self, failure: str, sentence: str) -> None:
        super().__init__(f"{sentence} [{failure}]")
        self.failure = failure


# ---------------------------------------------------------------------------------------------------------------------
# Text: base32 and typed lines (2-text.md)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
VALUES = {character: value for value, character in enumerate(ALPHABET)}
DROPPED = " \t\r\n\v\f-"
LINE_CHARACTERS = 24
LINE_BYTES = 15
FIRST_CORE_LINE, LAST_CORE_LINE = 5, 31
LOST_LINE = "?" * LINE_CHARACTERS


def normalise(text: str) -> str:
    """Drop white space and hyphens, raise to upper case, read look-alikes."""
    if not text.isascii():
        raise Refused("malformed-text", "a character is not ASCII")
    kept = "".join(character for character in text if character not in DROPPED)
    return kept.upper().translate(str.maketrans("ILO", "110"))


def encode32(data: bytes) -> str:
    """Write bytes as base32, filled with zero bits."""
    count = math.ceil(len(data) * 8 / 5)
    number = int.from_bytes(data, "big") << (count * 5 - len(data) * 8)
    return "".join(ALPHABET[number >> (5 * i) & 31] for i in reversed(range(count)))


def decode32(characters: str) -> bytes:
    """Read normalised base32, strictly."""
    length = len(characters) * 5 // 8
    spare_bits = len(characters) * 5 - length * 8
    if any(character not in VALUES for character in characters):
        raise Refused("malformed-text", "a character is not in the alphabet")
    number = functools.reduce(lambda total, character: total << 5 | VALUES[character], characters, 0)
    if spare_bits >= 5 or number & ((1 << spare_bits) - 1):
        raise Refused("malformed-text", "characters are missing, or too many")
    return (number >> spare_bits).to_bytes(length, "big")


def decode_damaged(symbols: str) -> tuple[bytes, list[int]]:
    """Read base32 with ``?`` as zero bits; also return the numbers of the bytes it touches."""
    touched: set[int] = set()
    for i, symbol in enumerate(symbols):
        if symbol == "?":
            touched |= {5 * i // 8, (5 * i + 4) // 8}
    return decode32(symbols.replace("?", "0")), sorted(touched)


def read_line(typed: str) -> tuple[str, int | None]:
    """Return the 24 symbols of a typed line and the line number its check character proves, if any."""
    symbols = normalise(typed)
    if len(symbols) != LINE_CHARACTERS + 1 or any(symbol not in VALUES and symbol != "?" for symbol in symbols):
        raise Refused("malformed-text", "a typed line is 24 characters of the alphabet and a check character")
    body, check = symbols[:-1], symbols[-1]
    if "?" in symbols:
        return body, None
    number, weight = VALUES[check], 1
    for symbol in body:
        weight = weight << 1 ^ (0x25 if weight & 16 else 0)
        number ^= multiply32(weight, VALUES[symbol])
    return body, number


def multiply32(a: int, b: int) -> int:
    """Multiply in GF(32) modulo x^5 + x^2 + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x25 if a & 16 else 0)
        b >>= 1
    return product


# ---------------------------------------------------------------------------------------------------------------------
# Reed-Solomon over GF(256) (2-text.md). Polynomials are lists, lowest coefficient first.

PARITY_BYTES = 17
CODEWORD_BYTES_MAX = 255

EXP = [1]
while len(EXP) < 255:
    EXP.append(EXP[-1] << 1 ^ (0x11D if EXP[-1] & 128 else 0))
LOG = {value: power for power, value in enumerate(EXP)}


def times(a: int, b: int) -> int:
    """Multiply in GF(256)."""
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def over(a: int, b: int) -> int:
    """Divide in GF(256)."""
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


def evaluate(polynomial: Iterable[int], x: int) -> int:
    """Return the value of a polynomial at x, lowest coefficient first."""
    total, power = 0, 1
    for coefficient in polynomial:
        total ^= times(coefficient, power)
        power = times(power, x)
    return total


def product(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """Multiply two polynomials."""
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] ^= times(x, y)
    return result


def syndromes_of(word: Iterable[int]) -> list[int]:
    """Return the codeword's values at the 17 roots; all are zero for a codeword."""
    result = []
    for power in range(PARITY_BYTES):
        total = 0
        for byte in word:
            total = times(total, EXP[power]) ^ byte
        result.append(total)
    return result


def error_locator(sequence: Sequence[int]) -> list[int]:
    """Find the shortest recurrence of a sequence (Berlekamp and Massey)."""
    current, previous, length, shift, last = [1], [1], 0, 1, 1
    for i, term in enumerate(sequence):
        gap = term
        for j in range(1, min(length + 1, len(current))):
            gap ^= times(current[j], sequence[i - j])
        if gap == 0:
            shift += 1
            continue
        step = [0] * shift + [times(over(gap, last), c) for c in previous]
        updated = [a ^ b for a, b in itertools.zip_longest(current, step, fillvalue=0)]
        if 2 * length <= i:
            length, previous, last, shift = i + 1 - length, current, gap, 1
        else:
            shift += 1
        current = updated
    return current


def repair(received: bytes, erased: Sequence[int]) -> tuple[bytes, int]:
    """Correct a codeword; return it and its spare parity. Refuse what the parity cannot repair."""
    too_much = Refused("malformed-text", "too many wrong characters to repair")
    if not PARITY_BYTES < len(received) <= CODEWORD_BYTES_MAX or len(erased) > PARITY_BYTES:
        raise too_much
    word = bytearray(received)
    for position in erased:
        word[position] = 0
    syndromes = syndromes_of(word)
    if any(syndromes):
        places = [EXP[len(word) - 1 - position] for position in erased]
        erasures: list[int] = functools.reduce(lambda left, place: product(left, [1, place]), places, [1])
        remaining = product(syndromes, erasures)[len(erased) : PARITY_BYTES]
        correct(word, syndromes, product(error_locator(remaining), erasures))
    wrong = [i for i, byte in enumerate(word) if byte != received[i] and i not in erased]
    spare = PARITY_BYTES - 2 * len(wrong) - len(erased)
    if spare < 0 or any(syndromes_of(word)):
        raise too_much
    return bytes(word), spare


def correct(word: bytearray, syndromes: Sequence[int], locator: Sequence[int]) -> None:
    """Add the errors that a locator names to the word, in place (Forney). The caller checks the outcome."""
    magnitude = product(syndromes, locator)[:PARITY_BYTES]
    derivative = [c if i % 2 == 0 else 0 for i, c in enumerate(locator[1:])]
    for position in range(len(word)):
        place = EXP[len(word) - 1 - position]
        inverse = over(1, place)
        slope = evaluate(derivative, inverse)
        if evaluate(locator, inverse) == 0 and slope:
            word[position] ^= times(place, over(evaluate(magnitude, inverse), slope))


# ---------------------------------------------------------------------------------------------------------------------
# Shares (3-share.md)

SHARE_PREFIX = "BGS1:"
SHARE_CHARACTERS = 96
SHARE_BYTES = 43
SURE_SPARE_BYTES = 2
"""A reading with fewer spare parity bytes is provisional."""


@dataclasses.dataclass(frozen=True)
class Share:
    """One point. Its value is a secret and stays out of every text."""

    kind: int
    epoch_id: bytes
    seat: Seat
    value: bytes = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """Group and member, as people say it."""
        return f"{self.seat[0]}.{self.seat[1]}"


@dataclasses.dataclass(frozen=True)
class Reading:
    """A share as it was read, and what had to be repaired (characters from 1)."""

    share: Share
    repaired: tuple[int, ...]
    spare: int

    @property
    def provisional(self) -> bool:
        """Whether only a commitment or the epoch id can make it a share."""
        return self.spare < SURE_SPARE_BYTES


def share_symbols(text: str) -> str:
    """Return the 96 symbols of a share's text."""
    stripped = text.strip()
    if stripped[: len(SHARE_PREFIX)].upper() != SHARE_PREFIX:
        raise Refused("malformed-text", "this is not the text of a share")
    symbols = normalise(stripped[len(SHARE_PREFIX) :])
    if len(symbols) != SHARE_CHARACTERS:
        raise Refused("malformed-text", f"a share has {SHARE_CHARACTERS} characters, not {len(symbols)}")
    if any(symbol not in VALUES and symbol != "?" for symbol in symbols):
        raise Refused("malformed-text", "a character is not in the alphabet")
    return symbols


def read_share(symbols: str) -> Reading:
    """Repair and parse 96 symbols."""
    received, erased = decode_damaged(symbols)
    word, spare = repair(received, erased)
    repaired = tuple(i for i, pair in enumerate(zip(symbols, encode32(word)), 1) if pair[0] != pair[1])
    return Reading(parse_share(word[:SHARE_BYTES]), repaired, spare)


def parse_share(data: bytes) -> Share:
    """Parse the 43 bytes of a share."""
    version, kind = data[0] >> 4, data[0] & 15
    if version != 1 or kind not in KIND_NAMES:
        raise Refused("unsupported-version", "this share is of another version")
    if data[9] == 0 or data[10] == 0:
        raise Refused("malformed-text", "this share has no place")
    return Share(kind, data[1:9], (data[9], data[10]), data[11:])


def possible_shares(symbols: str) -> Iterator[Share]:
    """Yield what a badly damaged share may be: each remaining character in turn counts as unreadable."""
    for i in range(-1, len(symbols)):
        damaged = symbols if i < 0 else symbols[:i] + "?" + symbols[i + 1 :]
        try:
            yield read_share(damaged).share
        except Refused:
            continue


# ---------------------------------------------------------------------------------------------------------------------
# Sharing over GF(2^128), HKDF (1-cryptography.md)


def multiply128(a: int, b: int) -> int:
    """Multiply in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1, bit i being the coefficient of x^i."""
    result = 0
    while b:
        result ^= a if b & 1 else 0
        a = a << 1 ^ ((1 << 128 | 0x87) if a >> 127 else 0)
        b >>= 1
    return result


@functools.lru_cache(maxsize=256)
def inverse128(a: int) -> int:
    """Return a^(2^128 - 2). Only share numbers and their sums come here, so the cache holds no secret."""
    result = 1
    for _ in range(127):
        a = multiply128(a, a)
        result = multiply128(result, a)
    return result


def combine_half(points: Sequence[tuple[int, int]]) -> int:
    """Interpolate at 0, after the public term X^k was taken off each value."""
    secret = 0
    for x, y in points:
        term = functools.reduce(lambda power, _: multiply128(power, x), points, 1) ^ y
        for other, _ in points:
            if other != x:
                term = multiply128(multiply128(term, other), inverse128(other ^ x))
        secret ^= term
    return secret


def combine(threshold: int, points: Sequence[tuple[int, bytes]]) -> bytes:
    """Combine exactly ``threshold`` points into the 32 bytes they share."""
    if threshold < 2:
        raise Refused("invalid-structure", "a threshold below 2 shares nothing")
    if len(points) != threshold:
        raise Refused("insufficient-shares", f"expected exactly {threshold} shares, got {len(points)}")
    if any(not 1 <= x <= 255 for x, _ in points):
        raise Refused("malformed-text", "a share number is outside 1 to 255")
    if len({x for x, _ in points}) != threshold:
        raise Refused("duplicate-share", "a share number is there twice")
    left = combine_half([(x, int.from_bytes(y[:16], "big")) for x, y in points])
    right = combine_half([(x, int.from_bytes(y[16:], "big")) for x, y in points])
    return left.to_bytes(16, "big") + right.to_bytes(16, "big")


def hkdf(secret: bytes, kind: int, info: bytes, length: int = 32) -> bytes:
    """Derive up to 32 bytes with HKDF-SHA256 (RFC 5869); one block of expansion is enough."""
    salt = b"breakglass-shamir suite 1 " + KIND_NAMES[kind].encode()
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")[:length]


def xor(a: bytes, b: bytes) -> bytes:
    """Add two byte strings of one length."""
    return bytes(x ^ y for x, y in zip(a, b))


def unmask(share: Share, masked: bytes) -> bytes:
    """Return the group secret from the one member that a group with threshold 1 needs."""
    mask = hkdf(share.value, share.kind, b"group mask" + share.epoch_id + bytes(share.seat))
    return xor(masked, mask)


def commitment_of(share: Share) -> bytes:
    """Return the 16 bytes by which an envelope knows a share."""
    label = b"breakglass-shamir commitment"
    return hashlib.sha256(label + share.epoch_id + bytes(share.seat) + share.value).digest()[:16]


def shown_id(epoch_id: bytes) -> str:
    """Write an epoch id as it is printed: XXXX-XXXX-XXXX."""
    text = encode32(epoch_id)
    return "-".join((text[:4], text[4:8], text[8:12]))


# ---------------------------------------------------------------------------------------------------------------------
# Ed25519 (RFC 8032), in the extended coordinates X, Y, Z, T of its section 5.1.4. Not constant time.

Point = tuple[int, int, int, int]
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
SQRT_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL: Point = (0, 1, 1, 0)


def add_points(p: Point, q: Point) -> Point:
    """Add two points; the formula holds for doubling too."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % PRIME
    b = (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c = 2 * p[3] * q[3] * CURVE_D % PRIME
    d = 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def multiply_point(scalar: int, point: Point) -> Point:
    """Add a point to itself, ``scalar`` times."""
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add_points(result, point)
        point = add_points(point, point)
        scalar >>= 1
    return result


def encode_point(point: Point) -> bytes:
    """Write y, and the lowest bit of x as the highest bit."""
    inverse = pow(point[2], PRIME - 2, PRIME)
    x, y = point[0] * inverse % PRIME, point[1] * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode_point(data: bytes) -> Point:
    """Read a point, strictly."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * SQRT_MINUS_ONE % PRIME
    if y >= PRIME or x * x % PRIME != square or (x == 0 and sign):
        raise Refused("invalid-envelope", "the envelope was damaged or forged")
    if x & 1 != sign:
        x = PRIME - x
    return x, y, 1, x * y % PRIME


BASE = decode_point((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little"))
"""The generator: y = 4/5, x even."""


def hash_to_number(*parts: bytes) -> int:
    """Return SHA-512 as a little-endian number modulo the group order."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def expand_seed(seed: bytes) -> tuple[int, bytes]:
    """Return the secret scalar and the prefix of a seed."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ~7 & ((1 << 254) - 1) | 1 << 254
    return scalar, digest[32:]


def public_key(seed: bytes) -> bytes:
    """Return the public key of a seed."""
    return encode_point(multiply_point(expand_seed(seed)[0], BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message."""
    scalar, prefix = expand_seed(seed)
    nonce = hash_to_number(prefix, message)
    r = encode_point(multiply_point(nonce, BASE))
    s = (nonce + hash_to_number(r, public_key(seed), message) * scalar) % ORDER
    return r + s.to_bytes(32, "little")


def verify_signature(public: bytes, message: bytes, signature: bytes) -> None:
    """Refuse unless [8][s]B = [8]R + [8][k]A, with s below the group order."""
    a, r, s = decode_point(public), decode_point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = hash_to_number(signature[:32], public, message)
    right = multiply_point(8, add_points(r, multiply_point(k, a)))
    if s >= ORDER or encode_point(multiply_point(8 * s, BASE)) != encode_point(right):
        raise Refused("invalid-envelope", "the envelope was damaged or forged")


# ---------------------------------------------------------------------------------------------------------------------
# AES-256-GCM (FIPS 197, SP 800-38D), with a nonce of 12 bytes. Not constant time.


def double(a: int) -> int:
    """Multiply by x in the field of AES."""
    return a << 1 ^ (0x11B if a & 128 else 0)


def make_sbox() -> list[int]:
    """Compute the S-box: the inverse in GF(256), then the affine map."""
    power = [1]  # powers of the generator 3
    while len(power) < 255:
        power.append(power[-1] ^ double(power[-1]))
    box = [0x63] * 256
    for i, value in enumerate(power):
        b = power[-i % 255]
        box[value] = 0x63
        for turn in range(5):
            box[value] ^= (b << turn | b >> 8 - turn) & 255
    return box


SBOX = make_sbox()
ROUNDS = 14


def expand_key(key: bytes) -> list[bytes]:
    """Return the 15 round keys of a 32-byte key."""
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    while len(words) < 4 * (ROUNDS + 1):
        word = words[-1]
        if len(words) % 8 == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = double(constant)
        elif len(words) % 8 == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(xor(word, words[-8]))
    return [b"".join(words[i : i + 4]) for i in range(0, len(words), 4)]


def encrypt_block(round_keys: Sequence[bytes], block: bytes) -> bytes:
    """Encrypt one block of 16 bytes."""
    state = xor(block, round_keys[0])
    for number in range(1, ROUNDS + 1):
        # SubBytes and ShiftRows: byte i of a column comes from the column i to its right.
        state = bytes(SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16))
        if number < ROUNDS:
            state = b"".join(mix_column(state[i : i + 4]) for i in range(0, 16, 4))
        state = xor(state, round_keys[number])
    return state


def mix_column(c: bytes) -> bytes:
    """Multiply one column by the matrix of MixColumns."""
    total = c[0] ^ c[1] ^ c[2] ^ c[3]
    return bytes(c[i] ^ total ^ double(c[i] ^ c[(i + 1) % 4]) for i in range(4))


def multiply_ghash(a: int, b: int) -> int:
    """Multiply in the field of GCM, whose first bit is the highest."""
    result = 0
    for i in range(127, -1, -1):
        result ^= a if b >> i & 1 else 0
        a = a >> 1 ^ (0xE1 << 120 if a & 1 else 0)
    return result


def ghash(key: int, data: bytes) -> int:
    """Hash whole blocks."""
    result = 0
    for i in range(0, len(data), 16):
        result = multiply_ghash(result ^ int.from_bytes(data[i : i + 16], "big"), key)
    return result


def gcm_decrypt(key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes | None:
    """Verify the tag, then decrypt; None where the tag does not hold."""
    round_keys = expand_key(key)
    body, tag = sealed[:-16], sealed[-16:]
    padded = b"".join(data + bytes(-len(data) % 16) for data in (header, body))
    lengths = struct.pack(">QQ", 8 * len(header), 8 * len(body))
    digest = ghash(int.from_bytes(encrypt_block(round_keys, bytes(16)), "big"), padded + lengths)
    mask = encrypt_block(round_keys, nonce + struct.pack(">I", 1))
    if not hmac.compare_digest(xor(digest.to_bytes(16, "big"), mask), tag):
        return None
    blocks = range(math.ceil(len(body) / 16))
    stream = b"".join(encrypt_block(round_keys, nonce + struct.pack(">I", i + 2)) for i in blocks)
    return xor(body, stream)


def decrypt(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext without its padding."""
    altered = Refused("decryption-failed", "the credential was altered")
    if len(ciphertext) < 64 + 16 or len(ciphertext) % 64 != 16:
        raise altered
    padded = gcm_decrypt(key, nonce, header, ciphertext)
    if padded is None:
        raise altered
    content = padded.rstrip(b"\x00")
    if not content.endswith(b"\x80") or len(padded) - len(content) + 1 > 64:
        raise altered
    return content[:-1]


# ---------------------------------------------------------------------------------------------------------------------
# Envelope and core (4-envelope.md)

ENVELOPE_PREFIX = "BGE1:"
NO_ENVELOPE = Refused("invalid-envelope", "this is not an envelope")
BAD_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control and bidirectional characters: in no set name, and in no text of a record."""


class Cursor:
    """Takes fields off the front of bytes; refuses where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        if self.offset + length > len(self.data):
            raise NO_ENVELOPE
        self.offset += length
        return self.data[self.offset - length : self.offset]

    def number(self, length: int) -> int:
        """Return the next bytes as a number."""
        return int.from_bytes(self.take(length), "big")

    def end(self) -> None:
        """Refuse what trails."""
        if self.offset != len(self.data):
            raise NO_ENVELOPE


@dataclasses.dataclass(frozen=True)
class Core:
    """The part that opens."""

    kind: int
    epoch_id: bytes
    epoch: int
    group_threshold: int
    groups: tuple[Seat, ...]
    """Threshold and members of each group."""
    masked: dict[Seat, bytes]
    header: bytes
    ciphertext: bytes

    def fits(self, share: Share) -> bool:
        """Tell whether a share's kind, epoch and seat are of this epoch."""
        group, member = share.seat
        mine = share.kind == self.kind and share.epoch_id == self.epoch_id
        return mine and group <= len(self.groups) and member <= self.groups[group - 1][1]


@dataclasses.dataclass(frozen=True)
class Envelope:
    """A core, and the proofs that make it verifiable."""

    core: Core
    commitments: dict[Seat, bytes]
    set_public_key: bytes
    set_name: str
    sha256: str

    def accepts(self, share: Share) -> bool:
        """Tell whether a share is the one that was dealt for its seat."""
        return self.core.fits(share) and hmac.compare_digest(commitment_of(share), self.commitments[share.seat])


def may_exist(group_threshold: int, groups: Sequence[Seat]) -> bool:
    """Tell whether a structure is allowed: none that one person opens."""
    if not 1 <= group_threshold <= len(groups) <= 16 or sum(members for _, members in groups) > 255:
        return False
    if any(not 1 <= threshold <= members for threshold, members in groups):
        return False
    return sum(sorted(threshold for threshold, _ in groups)[:group_threshold]) >= 2


def take_core(cursor: Cursor) -> Core:
    """Parse a core from the front of bytes."""
    version, suite, kind = cursor.take(3)
    if version != 1 or suite != 1 or kind not in KIND_NAMES:
        raise Refused("unsupported-version", "this envelope is of another version")
    epoch_id, epoch, group_threshold, count = cursor.take(8), cursor.number(4), cursor.number(1), cursor.number(1)
    groups = tuple((cursor.number(1), cursor.number(1)) for _ in range(count))
    if epoch == 0 or not may_exist(group_threshold, groups):
        raise NO_ENVELOPE
    ones = [(group, threshold) for group, threshold in enumerate(groups, 1) if threshold[0] == 1]
    masked = {(group, member): cursor.take(32) for group, size in ones for member in range(1, size[1] + 1)}
    header = cursor.data[: cursor.offset]
    return Core(kind, epoch_id, epoch, group_threshold, groups, masked, header, cursor.take(cursor.number(2)))


def parse_core(data: bytes) -> Core:
    """Parse a core that stands alone."""
    cursor = Cursor(data)
    core = take_core(cursor)
    cursor.end()
    return core


def parse_envelope(data: bytes) -> Envelope:
    """Parse and verify an envelope. That is consistency, not origin."""
    cursor = Cursor(data)
    core = take_core(cursor)
    seats = [(group, member) for group, size in enumerate(core.groups, 1) for member in range(1, size[1] + 1)]
    commitments = {seat: cursor.take(16) for seat in seats}
    key = cursor.take(32)
    cursor.take(8 + 32 + 8 + 8 + 32)  # predecessor, policy digest, log id, tree size, tree root: for a ledger
    name = set_name(cursor.take(cursor.number(1)))
    signature = cursor.take(64)
    cursor.end()
    if hashlib.sha256(key).digest()[:8] != core.epoch_id:
        raise Refused("invalid-envelope", "the set key does not belong to the epoch id")
    verify_signature(key, b"breakglass-shamir envelope\x00" + data[:-64], signature)
    return Envelope(core, commitments, key, name, hashlib.sha256(data).hexdigest())


def set_name(data: bytes) -> str:
    """Read a set name, strictly."""
    try:
        name = data.decode()
    except UnicodeDecodeError:
        raise NO_ENVELOPE from None
    if not 1 <= len(data) <= 64 or BAD_CHARACTERS.search(name):
        raise NO_ENVELOPE
    return name


@dataclasses.dataclass(frozen=True)
class Code:
    """One code of an envelope: number ``index`` of ``count``; the hash is empty where there is only one."""

    index: int
    count: int
    hash4: str
    piece: bytes


def read_code(text: str) -> Code:
    """Read one ``BGE1:`` code."""
    stripped = text.strip()
    if stripped[: len(ENVELOPE_PREFIX)].upper() != ENVELOPE_PREFIX or not stripped.isascii():
        raise Refused("malformed-text", "this is not the text of an envelope")
    rest = stripped[len(ENVELOPE_PREFIX) :]
    if ":" not in rest:
        return Code(1, 1, "", decode32(normalise(rest)))
    match = re.fullmatch(r"([1-9][0-9]?)/([1-9][0-9]?):([^:]*):([^:]*)", rest)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) or int(match[2]) < 2:
        raise Refused("malformed-text", "this is not the text of an envelope")
    hash4 = normalise(match[3])
    if len(hash4) != 4 or any(character not in VALUES for character in hash4):
        raise Refused("malformed-text", "this is not the text of an envelope")
    return Code(int(match[1]), int(match[2]), hash4, decode32(normalise(match[4])))


def join_codes(codes: dict[int, Code]) -> bytes:
    """Join all codes of one envelope, by index; verify the hash they carry."""
    first = next(iter(codes.values()))
    if len(codes) < first.count:
        raise Refused("missing-envelope", "codes of the envelope are still missing")
    data = b"".join(codes[i].piece for i in range(1, first.count + 1))
    if first.hash4 and encode32(hashlib.sha256(data).digest())[:4] != first.hash4:
        raise Refused("invalid-envelope", "the codes do not belong together")
    return data


def read_core_lines(lines: Sequence[str], checked: Iterable[int] = ()) -> bytes:
    """Repair the typed lines of a core, from line 5 on; return the core's bytes.

    ``checked`` are the numbers of lines whose check character holds: a repair that changes one is none.
    """
    kept = {n - FIRST_CORE_LINE: decode32(lines[n - FIRST_CORE_LINE]) for n in checked}
    for attempt in (list(lines), [*lines, LOST_LINE]):
        received, erased = decode_damaged("".join(attempt))
        for padding in range(LINE_BYTES):
            core = repair_core(received, set(erased), padding, kept)
            if core is not None:
                return core
    raise Refused("malformed-text", "the typed lines could not be repaired")


def repair_core(received: bytes, erased: set[int], padding: int, kept: dict[int, bytes]) -> bytes | None:
    """Repair all blocks, taking ``padding`` zero bytes at the end for granted; None where that does not hold."""
    total = len(received) - padding
    blocks = math.ceil(total / CODEWORD_BYTES_MAX)
    if total <= PARITY_BYTES * blocks or any(received[total:]):
        return None
    size = math.ceil((total - PARITY_BYTES * blocks) / blocks) + PARITY_BYTES
    data = whole = b""
    for start in range(0, total, size):
        end = min(start + size, total)
        try:
            word, _ = repair(received[start:end], [i - start for i in sorted(erased) if start <= i < end])
        except Refused:
            return None
        data += word[:-PARITY_BYTES]
        whole += word
    whole += bytes(padding)
    if any(whole[i * LINE_BYTES : (i + 1) * LINE_BYTES] != line for i, line in kept.items()):
        return None
    return data[2:] if int.from_bytes(data[:2], "big") == len(data) - 2 else None


# ---------------------------------------------------------------------------------------------------------------------
# Credential (5-plaintext.md)

TEXT_TAGS = {3: "account", 4: "target", 5: "ca_fingerprint", 6: "hint"}
TAG_KIND, TAG_SECRET, TAG_TOTP = 1, 2, 7
TAG_OPTIONAL = 128  # tags from here on may be ignored by who does not know them
SECRET_BYTES_MAX, FIELD_BYTES_MAX = 4096, 512


@dataclasses.dataclass(frozen=True)
class Credential:
    """What was sealed. ``texts`` has the fields of TEXT_TAGS that are present."""

    kind: int
    secret: bytes = dataclasses.field(repr=False)
    texts: dict[str, str]
    totp_seed: bytes = dataclasses.field(repr=False)


def read_credential(plaintext: bytes) -> Credential:
    """Parse a plaintext, strictly."""
    altered = Refused("decryption-failed", "the credential is not as it must be")
    later = Refused("unsupported-version", "the credential is of another version")
    if plaintext[:1] != b"\x01":
        raise later
    fields: dict[int, bytes] = {}
    offset = 1
    while offset < len(plaintext):
        tag, end = plaintext[offset], offset + 3 + int.from_bytes(plaintext[offset + 1 : offset + 3], "big")
        value = plaintext[offset + 3 : end]
        if tag <= max(fields, default=0) or not value or end > len(plaintext):
            raise altered
        fields[tag], offset = value, end
    if any(TAG_TOTP < tag < TAG_OPTIONAL for tag in fields):
        raise later
    fields = {tag: value for tag, value in fields.items() if tag < TAG_OPTIONAL}
    limits = {TAG_KIND: 1, TAG_SECRET: SECRET_BYTES_MAX}
    if any(len(value) > limits.get(tag, FIELD_BYTES_MAX) for tag, value in fields.items()):
        raise altered
    if TAG_SECRET not in fields or fields.get(TAG_KIND, b"\x00")[0] not in CREDENTIAL_KINDS:
        raise altered
    try:
        texts = {name: fields[tag].decode() for tag, name in TEXT_TAGS.items() if tag in fields}
    except UnicodeDecodeError:
        raise altered from None
    return Credential(fields[TAG_KIND][0], fields[TAG_SECRET], texts, fields.get(TAG_TOTP, b""))


# ---------------------------------------------------------------------------------------------------------------------
# Opening (README.md of the specification)

Seats = dict[Seat, list[Share]]
"""What may sit on each seat. With an envelope it is one share at most."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """An epoch that was opened, in memory."""

    core: Core
    envelope: Envelope | None
    seed: bytes = dataclasses.field(repr=False)
    set_public_key: bytes
    sheets: list[str]
    credential: Credential


def complete_groups(core: Core, seats: Seats) -> list[int]:
    """Return the groups whose threshold is reached, ascending."""
    taken = [group for group, _ in seats]
    return [group for group, size in enumerate(core.groups, 1) if taken.count(group) >= size[0]]


def quorums(core: Core, seats: Seats) -> Iterator[list[list[Share]]]:
    """Yield every quorum, group by group: the lowest groups and members first."""
    choices: dict[int, list[list[Share]]] = {}
    for group in complete_groups(core, seats):
        places = sorted(seat for seat in seats if seat[0] == group)
        subsets = itertools.combinations(places, core.groups[group - 1][0])
        filled = (list(shares) for subset in subsets for shares in itertools.product(*(seats[s] for s in subset)))
        choices[group] = list(itertools.islice(filled, MAX_TRIES))
    for groups in itertools.combinations(sorted(choices), core.group_threshold):
        for quorum in itertools.product(*(choices[group] for group in groups)):
            yield list(quorum)


def group_secret(core: Core, shares: Sequence[Share]) -> bytes:
    """Return the secret of one group from exactly its threshold of shares."""
    threshold = core.groups[shares[0].seat[0] - 1][0]
    if threshold == 1:
        return unmask(shares[0], core.masked[shares[0].seat])
    return combine(threshold, [(share.seat[1], share.value) for share in shares])


def master_of(core: Core, quorum: Sequence[Sequence[Share]]) -> bytes:
    """Combine a quorum."""
    secrets = [(shares[0].seat[0], group_secret(core, shares)) for shares in quorum]
    return secrets[0][1] if core.group_threshold == 1 else combine(core.group_threshold, secrets)


def open_epoch(core: Core, envelope: Envelope | None, seats: Seats) -> Opened:
    """Combine, confirm, decrypt. Nothing is decrypted before the master derives the epoch id."""
    if len(complete_groups(core, seats)) < core.group_threshold:
        raise Refused("insufficient-shares", "no quorum yet")
    for quorum in itertools.islice(quorums(core, seats), MAX_TRIES):
        master = master_of(core, quorum)
        seed = hkdf(master, core.kind, b"set key")
        public = public_key(seed)
        confirmed = hmac.compare_digest(hashlib.sha256(public).digest()[:8], core.epoch_id)
        if confirmed and (envelope is None or envelope.set_public_key == public):
            break
    else:
        raise Refused("unconfirmed-master", "these shares do not combine to this epoch's key")
    key, nonce = hkdf(master, core.kind, b"credential key"), hkdf(master, core.kind, b"credential nonce", 12)
    credential = read_credential(decrypt(key, nonce, core.header, core.ciphertext))
    sheets = [share.name for shares in quorum for share in shares]
    return Opened(core, envelope, seed, public, sheets, credential)


# ---------------------------------------------------------------------------------------------------------------------
# The session: takes one line of input at a time, and answers it

HELP = """scan or type, one code or line at a time:
  BGS1:...    a share                  BGE1:...    the envelope, any sheet's copy
  25 characters: a typed line, 1 to 4 of a share, 5 and up of the envelope's core
  ?           a character that cannot be read
  3: ?        line 3 is lost           3: XXXX...  this is line 3, whatever its check character says
  empty line  this share or core has no more lines
  open, status, help, quit"""


class Held:
    """A share as it was presented: ``sure`` where it could be read, else only what it may be."""

    def __init__(self, symbols: str) -> None:
        self.symbols = symbols
        self.sure: Share | None = None
        self.words = "damaged: more wrong characters than the code repairs"
        try:
            reading = read_share(symbols)
        except Refused as refusal:
            if refusal.failure == "unsupported-version":
                raise
            return
        if reading.provisional:
            self.words = "damaged: repaired with no parity to spare, which proves nothing yet"
        else:
            self.sure = reading.share
            self.words = f"share {self.sure.name} of epoch {shown_id(self.sure.epoch_id)}{repairs(reading.repaired)}"

    @functools.cached_property
    def options(self) -> list[Share]:
        """What it may be."""
        return [self.sure] if self.sure else list(dict.fromkeys(possible_shares(self.symbols)))

    def stands_for(self, core: Core, envelope: Envelope | None) -> list[Share]:
        """Return the shares of an epoch that it may be; with an envelope one at most."""
        if envelope is not None:
            return [share for share in self.options if envelope.accepts(share)][:1]
        return [share for share in self.options if core.fits(share)]


@dataclasses.dataclass
class Epoch:
    """An epoch whose envelope or core is there. More than one verified envelope is a conflict."""

    core: Core
    envelopes: list[Envelope] = dataclasses.field(default_factory=list)

    @property
    def envelope(self) -> Envelope | None:
        """The envelope, if there is one."""
        return self.envelopes[0] if self.envelopes else None


class Session:
    """Holds what was presented. ``say`` gets every answer; ``take`` never raises on input."""

    def __init__(self, say: Callable[[str], None], envelope: str = "") -> None:
        self.say = say
        self.wanted_envelope = envelope.lower()
        self.held: list[Held] = []
        self.epochs: dict[bytes, Epoch] = {}
        """By epoch id; the last one is what answers refer to."""
        self.codes: dict[tuple[int, str], dict[int, Code]] = {}
        self.share_lines: dict[int, str] = {}
        self.core_lines: dict[int, str] = {}
        self.checked: set[int] = set()
        """Numbers of the lines of the core that their check characters prove."""
        self.last_line = 0

    def take(self, line: str) -> None:
        """Answer one line of input."""
        text = line.strip()
        typed = text[:5].upper() not in {SHARE_PREFIX, ENVELOPE_PREFIX}
        if not text or not typed:
            self.finish_lines()
        if text:
            self.attempt(self.take_typed if typed else self.take_code, text[:MAX_INPUT_CHARACTERS])

    def attempt(self, step: Callable[[str], None], text: str) -> None:
        """Take a step; a refusal is an answer, not an end."""
        try:
            step(text)
        except Refused as refusal:
            self.say(str(refusal))

    def take_code(self, text: str) -> None:
        """Take a share's or an envelope's code."""
        if text[:5].upper() == SHARE_PREFIX:
            self.take_share(share_symbols(text))
            return
        code = read_code(text)
        batch = self.codes.setdefault((code.count, code.hash4), {})
        word = "seen already" if batch.get(code.index) == code else "accepted"
        batch[code.index] = code
        missing = [i for i in range(1, code.count + 1) if i not in batch]
        if missing:
            self.say(f"{word}: code {code.index} of {code.count} of an envelope; still missing: {listed(missing)}")
        else:
            del self.codes[code.count, code.hash4]
            self.take_envelope(parse_envelope(join_codes(batch)))

    # Shares

    def take_share(self, symbols: str) -> None:
        """Take the 96 symbols of a share, readable or not."""
        held = Held(symbols)
        if held.sure and held.sure.kind == DRILL:
            raise Refused("mixed-shares", f"drill code: {held.words}; it opens nothing, left out")
        if any(other.symbols == symbols or (held.sure and held.sure == other.sure) for other in self.held):
            self.say(f"seen already: {held.words}")
            return
        if len(self.held) >= MAX_HELD:
            raise Refused("malformed-text", "too many shares; start again with those of one set")
        current = self.current()
        self.held.append(held)
        if held.sure and current and held.sure.epoch_id != current:
            self.say(f"another epoch: {held.words}; expected {shown_id(current)}; put aside")
        elif current in self.epochs:
            self.judge(held, self.epochs[current])
        else:
            word = "accepted" if held.sure else "kept"
            self.say(f"{word}: {held.words}; {self.count()}, the envelope is still missing")

    def judge(self, held: Held, epoch: Epoch) -> None:
        """Check a share against its epoch; leave it out where it does not hold."""
        found = held.stands_for(epoch.core, epoch.envelope)
        if not found:
            self.held.remove(held)
            if held.sure is None:
                raise Refused("malformed-text", f"{held.words}; left out, read it again")
            if epoch.core.fits(held.sure):
                raise Refused("share-mismatch", f"{held.words} was altered or misread; left out")
            raise Refused("mixed-shares", f"{held.words} has no seat in this epoch; left out")
        seats = self.seats(epoch)
        words = held.words if held.sure else f"share {found[0].name}, found in a damaged text"
        self.say(f"accepted: {words}; {progress(epoch.core, seats)}")
        if held.sure and len({share.value for share in seats[held.sure.seat]}) > 1:
            raise Refused("duplicate-share", f"different values for share {held.sure.name}: all will be tried")

    def seats(self, epoch: Epoch) -> Seats:
        """Return who may sit where."""
        seats: Seats = {}
        for held in self.held:
            for share in held.stands_for(epoch.core, epoch.envelope):
                seats.setdefault(share.seat, []).append(share)
        return seats

    def count(self) -> str:
        """Say how many sheets of the current epoch are held."""
        current = self.current()
        number = len({held.sure.seat for held in self.held if held.sure and held.sure.epoch_id == current})
        return f"{number} sheet{'' if number == 1 else 's'} so far"

    def current(self) -> bytes:
        """Return the epoch that answers refer to: of the last envelope or core, else of the first share."""
        first = (held.sure.epoch_id for held in self.held if held.sure)
        return next(reversed(self.epochs)) if self.epochs else next(first, b"")

    # Envelopes

    def take_envelope(self, envelope: Envelope) -> None:
        """Take a verified envelope."""
        if self.wanted_envelope and not envelope.sha256.startswith(self.wanted_envelope):
            raise Refused("invalid-envelope", f"not the envelope that was asked for: SHA-256 {envelope.sha256}")
        epoch = self.take_core(envelope.core, f"envelope of set {shown(envelope.set_name)}")
        if envelope not in epoch.envelopes:
            epoch.envelopes.append(envelope)
        if len(epoch.envelopes) > 1:
            both = " and ".join(each.sha256 for each in epoch.envelopes)
            text = f"integrity error: two valid envelopes of one epoch, SHA-256 {both}; find out which is right"
            raise Refused("envelope-conflict", f"{text} and start again with --envelope SHA256")
        epoch.core = envelope.core
        self.review(epoch)

    def take_core(self, core: Core, words: str) -> Epoch:
        """Make an epoch the current one."""
        words = f"{words}, epoch {core.epoch}, {shown_id(core.epoch_id)}"
        if core.kind == DRILL:
            raise Refused("mixed-shares", f"drill code: {words}; it opens nothing, left out")
        epoch = self.epochs.pop(core.epoch_id, Epoch(core))
        self.epochs[core.epoch_id] = epoch
        self.say(f"accepted: {words}")
        return epoch

    def review(self, epoch: Epoch) -> None:
        """Look again at all that is held, now that an envelope or core can tell."""
        for held in list(self.held):
            if held.sure and held.sure.epoch_id != epoch.core.epoch_id:
                self.say(f"another epoch: {held.words}; put aside")
            elif held.sure and not held.stands_for(epoch.core, epoch.envelope):
                self.held.remove(held)
                self.say(f"{held.words} was altered or misread; left out [share-mismatch]")
        self.say(progress(epoch.core, self.seats(epoch)))

    # Typed lines

    def take_typed(self, text: str) -> None:
        """Take a typed line, with or without its number in front."""
        match = re.fullmatch(r"([0-9]{1,2})\s*[:.)]\s*(.*)", text)
        stated, body = (int(match[1]), match[2]) if match else (0, text)
        if match and not 1 <= stated <= LAST_CORE_LINE:
            raise Refused("malformed-text", f"lines are numbered 1 to {LAST_CORE_LINE}")
        expected = 1 if self.last_line in {0, 4, LAST_CORE_LINE} else self.last_line + 1
        if set(body) <= set("? -") and "?" in body:
            self.file_line(stated or expected, LOST_LINE)
            self.say(f"line {stated or expected}: taken as lost")
            return
        symbols, proven = read_numbered(body)
        plausible = {expected, expected + 1, 1, 2, 3, 4, 5, 6, *self.core_lines}
        number = stated or (proven if proven in plausible else None) or expected
        if proven == number:
            self.say(f"line {number}: right")
        else:
            self.say(f"line {number}: in doubt, the check character does not prove that number; type it again "
                     f"with {number}: in front, or go on and it is repaired if that can be done")  # fmt: skip
        self.file_line(number, symbols, checks=proven == number)

    def file_line(self, number: int, symbols: str, *, checks: bool = False) -> None:
        """Put a line in its place; hand over what is complete."""
        if number < FIRST_CORE_LINE:
            held, together = self.share_lines, {**self.share_lines, number: symbols}
            again = number == 1 and held.get(1, symbols) not in {symbols, LOST_LINE} and len(held) > 1
            if again or (share_is_sure(held) and not share_is_sure(together)):
                self.finish_share()
            self.share_lines[number] = symbols
            self.last_line = number
            if len(self.share_lines) == 4 and share_is_sure(self.share_lines):
                self.finish_share()
        else:
            self.finish_share()
            self.core_lines[number] = symbols
            self.checked = self.checked | {number} if checks else self.checked - {number}
            self.last_line = number
            if len(self.core_lines) >= core_line_count(self.core_lines):
                self.finish_core()

    def finish_lines(self) -> None:
        """Hand over what was typed so far: no more lines of it will come."""
        self.finish_share()
        if self.core_lines:
            self.finish_core()

    def finish_share(self) -> None:
        """Hand over the share being typed, with lost lines where none was typed."""
        lines, self.share_lines, self.last_line = self.share_lines, {}, 0
        if len([n for n in lines if lines[n] != LOST_LINE]) >= 3:
            self.attempt(self.take_share, share_of_lines(lines))
        elif lines:
            self.say("fewer than three of the four lines of a share; left out")

    def finish_core(self) -> None:
        """Read the core being typed; keep its lines where that fails."""
        lines = [self.core_lines.get(n, LOST_LINE) for n in range(FIRST_CORE_LINE, max(self.core_lines) + 1)]
        try:
            core = parse_core(read_core_lines(lines, self.checked))
        except Refused as refusal:
            lost = [n for n, line in enumerate(lines, FIRST_CORE_LINE) if line == LOST_LINE]
            self.say(f"{refusal}; missing lines of the core: {listed(lost)}; type these, or any in doubt, again")
            return
        self.core_lines, self.checked, self.last_line = {}, set(), 0
        try:
            epoch = self.take_core(core, "core without an envelope, which only the epoch id can confirm")
        except Refused as refusal:
            self.say(str(refusal))
            return
        if not epoch.envelopes:
            epoch.core = core
            self.review(epoch)

    # Opening

    def ready(self) -> Epoch | None:
        """Return the epoch that has a quorum: the current one first."""
        for epoch in reversed(list(self.epochs.values())):
            complete = len(complete_groups(epoch.core, self.seats(epoch))) >= epoch.core.group_threshold
            if complete and len(epoch.envelopes) < 2:
                return epoch
        return None

    def open(self) -> Opened:
        """Open the epoch that is ready."""
        self.finish_lines()
        epoch = self.ready()
        if epoch is None:
            self.status()
            failure = "insufficient-shares" if self.epochs else "missing-envelope"
            raise Refused(failure, "no quorum yet, nothing was opened")
        return open_epoch(epoch.core, epoch.envelope, self.seats(epoch))

    def status(self) -> None:
        """Say where the session stands."""
        for epoch_id, epoch in self.epochs.items():
            conflict = "; two valid envelopes, so it is not opened" if len(epoch.envelopes) > 1 else ""
            self.say(f"epoch {shown_id(epoch_id)}: {progress(epoch.core, self.seats(epoch))}{conflict}")
        if not self.epochs:
            self.say(f"no envelope yet; {self.count()}")


def read_numbered(body: str) -> tuple[str, int | None]:
    """Read a typed line; a bare line number in front is accepted where the check character proves it."""
    plain = normalise(body)
    digits = len(plain) - LINE_CHARACTERS - 1
    if digits in {1, 2} and plain[:digits].isdigit() and set(plain) <= set(ALPHABET):
        symbols, proven = read_line(plain[digits:])
        if proven == int(plain[:digits]):
            return symbols, proven
    if any(symbol not in VALUES and symbol != "?" for symbol in plain) or not 16 <= len(plain) <= 34:
        hint = "; set scanner and keyboard to the US layout" if body[:4].upper() in {"BGS1", "BGE1"} else ""
        raise Refused("malformed-text", f"not ours{hint}")
    if len(plain) != LINE_CHARACTERS + 1:
        raise Refused("malformed-text", f"{len(plain)} characters: a typed line has 24 and its check character")
    return read_line(plain)


def share_of_lines(lines: dict[int, str]) -> str:
    """Join the four lines of a share, lost where they are not there."""
    return "".join(lines.get(n, LOST_LINE) for n in range(1, 5))


def share_is_sure(lines: dict[int, str]) -> bool:
    """Tell whether these lines alone make a share that is not provisional."""
    try:
        return not read_share(share_of_lines(lines)).provisional
    except Refused:
        return False


def core_line_count(lines: dict[int, str]) -> int:
    """Return how many lines a core has, by the length at the front of line 5; a full page where that is missing."""
    first = lines.get(FIRST_CORE_LINE, LOST_LINE)
    if "?" in first:
        return LAST_CORE_LINE
    length = int.from_bytes(decode32(first)[:2], "big") + 2
    return math.ceil((length + PARITY_BYTES * math.ceil(length / (CODEWORD_BYTES_MAX - PARITY_BYTES))) / LINE_BYTES)


def listed(numbers: Sequence[int]) -> str:
    """Write numbers for people."""
    return ", ".join(str(number) for number in numbers) or "none"


def repairs(repaired: Sequence[int]) -> str:
    """Say what was repaired in a share."""
    lost = [n for n in range(1, 5) if set(range(24 * n - 23, 24 * n + 1)) <= set(repaired)]
    single = [i for i in repaired if (i + 23) // 24 not in lost]
    parts = [f"line {listed(lost)}"] * bool(lost) + [f"character {listed(single)}"] * bool(single)
    return f" (repaired: {' and '.join(parts)})" if parts else ""


def progress(core: Core, seats: Seats) -> str:
    """Say how far a quorum is."""
    taken = [sum(1 for seat in seats if seat[0] == group) for group in range(1, len(core.groups) + 1)]
    done = len(complete_groups(core, seats))
    end = "; the quorum is complete" if done >= core.group_threshold else ""
    if len(core.groups) == 1:
        return f"{taken[0]} of {core.groups[0][0]} needed{end}"
    each = ", ".join(f"group {i}: {n} of {core.groups[i - 1][0]} needed" for i, n in enumerate(taken, 1))
    return f"{each}; {done} of {core.group_threshold} groups needed{end}"


def shown(text: str) -> str:
    """Escape what is not printable in a text that people wrote."""
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


# ---------------------------------------------------------------------------------------------------------------------
# The usage record (8-recovery.md)

TEXT_CHARACTERS_MAX = 200


def human_text(text: str) -> str:
    """Check a text that goes into the record."""
    stripped = text.strip()
    surrogates = any(0xD800 <= ord(character) < 0xE000 for character in stripped)
    if not 1 <= len(stripped) <= TEXT_CHARACTERS_MAX or BAD_CHARACTERS.search(stripped) or surrogates:
        raise Refused("usage", f"1 to {TEXT_CHARACTERS_MAX} characters on one line, without control characters")
    return stripped


def record_of(opened: Opened, officers: list[str], ticket: str, reason: str) -> bytes:
    """Write the usage record in canonical form (RFC 8785): sorted keys, no white space, UTF-8, no final newline."""
    record = {
        "v": 1,
        "type": "recovery",
        "set": opened.envelope.set_name if opened.envelope else "",
        "epoch": opened.core.epoch,
        "epoch_id": opened.core.epoch_id.hex(),
        "set_public_key": opened.set_public_key.hex(),
        "envelope_sha256": opened.envelope.sha256 if opened.envelope else "",
        "sheets": opened.sheets,
        "officers": officers,
        "ticket": ticket,
        "reason": reason,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "tool": TOOL,
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def ssh_string(data: bytes) -> bytes:
    """Prefix bytes with their length, as SSH does."""
    return struct.pack(">I", len(data)) + data


def sshsig(seed: bytes, message: bytes) -> bytes:
    """Sign as ``ssh-keygen -Y sign`` does (PROTOCOL.sshsig), with SHA-512."""
    common = ssh_string(NAMESPACE) + ssh_string(b"") + ssh_string(b"sha512")
    signature = sign(seed, b"SSHSIG" + common + ssh_string(hashlib.sha512(message).digest()))
    key = ssh_string(b"ssh-ed25519") + ssh_string(public_key(seed))
    blob = b"SSHSIG" + struct.pack(">I", 1) + ssh_string(key) + common
    blob += ssh_string(ssh_string(b"ssh-ed25519") + ssh_string(signature))
    text = base64.b64encode(blob).decode()
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def create(path: Path, data: bytes) -> None:
    """Write a new file that only its owner reads, flush it and its folder to disk, and look for it afresh.

    Nothing is left where that fails: written counts when it is found again, not when a write returned.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        require_found(path, data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def require_found(path: Path, data: bytes) -> None:
    """Look afresh for a file that was written."""
    if path.read_bytes() != data:
        raise OSError(errno.EIO, "it was written and is not found again in its place")


def write_record(path: Path, record: bytes, signature: bytes) -> None:
    """Make record and signature durable: both or neither."""
    create(path, record)
    try:
        create(path.with_name(path.name + ".sig"), signature)
    except BaseException:
        path.unlink()
        raise


# ---------------------------------------------------------------------------------------------------------------------
# The program


def say(text: str) -> None:
    """Answer people; standard output is for the credential alone."""
    print(text, file=sys.stderr, flush=True)


def prompt(text: str) -> str:
    """Ask at the terminal."""
    print(text, end="", file=sys.stderr, flush=True)
    line = sys.stdin.buffer.readline()
    if not line:
        raise EOFError
    return line.decode("utf-8", "replace").strip()


def ask(question: str, *, optional: bool = False) -> str:
    """Ask until the answer can stand in the record."""
    while True:
        try:
            answer = prompt(question)
            return "" if optional and not answer else human_text(answer)
        except Refused as refusal:
            say(str(refusal))


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    result = argparse.ArgumentParser(prog="recover.py", description="Open a break-glass credential from its sheets.")
    result.add_argument("files", nargs="*", metavar="FILE", help="typed or scanned text; none: standard input")
    result.add_argument("--officer", action="append", default=[], metavar="NAME", help="who is there; repeat")
    result.add_argument("--ticket", default="", help="the incident or ticket")
    result.add_argument("--reason", default="", help="why the credential is needed")
    result.add_argument("--record", metavar="FILE", help="usage record to write; default: in the current folder")
    result.add_argument("--out", metavar="FILE", help="write the secret to a new file")
    result.add_argument("--stdout", action="store_true", help="write the secret, exact bytes, to standard output")
    result.add_argument("--envelope", default="", metavar="SHA256", help="take this envelope only")
    result.add_argument("--version", action="version", version=TOOL)
    return result


def check_options(options: argparse.Namespace, terminal: bool) -> None:
    """Refuse what cannot work before the first sheet is read."""
    if options.out and options.stdout:
        raise Refused("usage", "choose one of --out and --stdout")
    if not options.out and not options.stdout and not sys.stdout.isatty():
        raise Refused("usage", "standard output is no terminal: choose --out FILE or --stdout")
    if options.out and (Path(options.out).exists() or not os.access(Path(options.out).parent, os.W_OK)):
        raise Refused("usage", "--out must be a new file, in a folder that can be written")
    if not terminal and not (options.officer and options.ticket and options.reason):
        raise Refused("usage", "nobody can be asked: --officer, --ticket and --reason are needed")
    for text in (*options.officer, options.ticket or "-", options.reason or "-"):
        human_text(text)


def take_lines(session: Session, lines: Iterable[bytes], where: str) -> None:
    """Take lines that nobody types at this moment; each answer says which line is meant."""
    answer = session.say
    for number, line in enumerate(lines, 1):
        session.say = functools.partial(answer_at, answer, f"{where}{number}")
        session.take(line.decode("utf-8", "replace").lstrip("\ufeff"))
    session.say = answer
    session.finish_lines()


def answer_at(answer: Callable[[str], None], where: str, text: str) -> None:
    """Answer, and say where."""
    answer(f"[{where}] {text}")


def take_files(session: Session, names: Sequence[str]) -> None:
    """Take every line of every file. A file is named by its place: a slip may have put a share there."""
    for number, name in enumerate(names, 1):
        try:
            lines = Path(name).read_bytes().splitlines()
        except OSError as error:
            raise Refused("usage", f"file {number} cannot be read: {error.strerror}") from None
        take_lines(session, lines, f"file {number}: ")


def open_at_terminal(session: Session) -> Opened:
    """Ask for codes and lines until a quorum opens."""
    say(HELP)
    while True:
        line = prompt("quorum complete, type open> " if session.ready() else "> ")
        word = line.lower()
        if word == "quit":
            raise Refused("insufficient-shares", "nothing was opened")
        if word == "open":
            try:
                return session.open()
            except Refused as refusal:
                say(str(refusal))
        elif word == "status":
            session.status()
        elif word == "help":
            say(HELP)
        else:
            session.take(line)


def say_origin(opened: Opened) -> None:
    """Say what is open, and that nothing here pins it."""
    name = f"set {shown(opened.envelope.set_name)}" if opened.envelope else "no envelope, only its core"
    say(f"confirmed: {name}, epoch {opened.core.epoch}, {shown_id(opened.core.epoch_id)}, sheets "
        f"{', '.join(opened.sheets)}")  # fmt: skip
    say(f"UNPINNED: compare with your ledger or a receipt: set public key {opened.set_public_key.hex()}")
    if opened.envelope:
        say(f"envelope SHA-256 {opened.envelope.sha256}")


def ask_use(options: argparse.Namespace) -> None:
    """Ask what was not given by option."""
    if not options.officer:
        options.officer = [ask("who is there? name and surname: ")]
        while name := ask("who else? (empty: nobody) ", optional=True):
            options.officer.append(name)
    options.ticket = options.ticket or ask("incident or ticket: ")
    options.reason = options.reason or ask("reason: ")


def record_use(opened: Opened, options: argparse.Namespace, terminal: bool) -> bool:
    """Make the usage record durable; False where it cannot be done. Nothing is revealed before."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place = options.record or f"recovery-{shown_id(opened.core.epoch_id)}-{stamp}.json"
    record = record_of(opened, [human_text(name) for name in options.officer], options.ticket, options.reason)
    signature = sshsig(opened.seed, record)
    while place:
        try:
            write_record(Path(place), record, signature)
        except (OSError, ValueError) as error:
            say(f"the record cannot be written: {getattr(error, 'strerror', 'not a file name')}")
        else:
            say(f"usage record: {shown(place)} and {shown(place)}.sig, SHA-256 {hashlib.sha256(record).hexdigest()}")
            return True
        place = prompt("another file for the record, on a USB stick perhaps (empty: stop): ") if terminal else ""
    say("nothing was revealed")
    return False


def as_screen(credential: Credential) -> str:
    """Write secret and TOTP seed for people: as text where that is exact, else in hexadecimal."""
    text = credential.secret.decode("utf-8", "replace")
    exact = text.encode() == credential.secret and all(c.isprintable() or c == "\n" for c in text)
    form = "" if exact else ", in hexadecimal"
    edge = ", with white space at an end" if exact and text != text.strip() else ""
    shown_secret = text if exact else credential.secret.hex()
    result = f"secret ({len(credential.secret)} bytes{form}{edge}):\n{shown_secret}\n"
    if credential.totp_seed:
        seed = base64.b32encode(credential.totp_seed).decode().rstrip("=")
        now = totp(credential.totp_seed, int(time.time()))
        result += f"TOTP seed (base32): {seed}\nTOTP now (6 digits, 30 s, SHA-1): {now}\n"
    return result


def totp(seed: bytes, seconds: int) -> str:
    """Return the code of a half minute (RFC 6238, its defaults)."""
    digest = hmac.digest(seed, struct.pack(">Q", seconds // 30), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1000000:06d}"


def reveal(credential: Credential, options: argparse.Namespace, terminal: bool) -> None:
    """Let the credential out, the way that was chosen."""
    say(f"kind: {CREDENTIAL_KINDS[credential.kind]}")
    for name, text in credential.texts.items():
        say(f"{name}: {shown(text)}")
    if options.out:
        create(Path(options.out), credential.secret)
        say(f"the secret is in {shown(options.out)}, {len(credential.secret)} bytes")
        if credential.totp_seed:
            create(Path(options.out + ".totp"), base64.b32encode(credential.totp_seed).rstrip(b"="))
            say(f"the TOTP seed, in base32, is in {shown(options.out)}.totp")
    elif options.stdout:
        sys.stdout.buffer.write(credential.secret)
        if credential.totp_seed:
            say("a TOTP seed belongs to it: use --out or a terminal to get it")
    else:
        say("WARNING: the secret is shown next. Look who can see this screen.")
        if terminal:
            prompt("press Enter: ")
        sys.stdout.buffer.write(as_screen(credential).encode())
    sys.stdout.buffer.flush()
    say("this credential is used: replace it once you are in, and hand the record to the auditor")


def run(options: argparse.Namespace) -> int:
    """Gather, open, record, reveal: in this order."""
    terminal = sys.stdin.isatty()
    check_options(options, terminal)
    session = Session(say, options.envelope)
    take_files(session, options.files)
    if not options.files and not terminal:
        take_lines(session, sys.stdin.buffer, "")
    opened = open_at_terminal(session) if terminal and not session.ready() else session.open()
    say_origin(opened)
    ask_use(options)
    if not record_use(opened, options, terminal):
        return EXIT_RECORD
    try:
        reveal(opened.credential, options, terminal)
    except OSError as error:
        say(f"the output could not be written: {error.strerror}; the use is recorded, run again")
        return EXIT_USAGE
    return EXIT_DONE


def main(arguments: Sequence[str]) -> int:
    """Run the program; return its exit status."""
    if any(SHARE_PREFIX in word.upper() for word in arguments):
        say("a share on the command line is seen by every user of this machine: put it in a file or on standard input")
        return EXIT_USAGE
    try:
        return run(parser().parse_args(arguments))
    except Refused as refusal:
        say(str(refusal))
        return EXIT_USAGE if refusal.failure == "usage" else EXIT_SHARES
    except (KeyboardInterrupt, EOFError):
        say("\ninterrupted")
        return EXIT_INTERRUPTED
    except Exception as error:  # its text may hold a secret, so only its place is told
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        say(f"a fault in this program: {type(error).__name__}, line {trace.tb_lineno if trace else 0}")
        return EXIT_FAULT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

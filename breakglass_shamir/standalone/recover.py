#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Open a break-glass credential from its paper sheets, with nothing but Python 3.8 or later.

For somebody who never saw a terminal: put this file where you find it again, open a terminal (Windows: the program
PowerShell; macOS and Linux: Terminal), type what stands below up to the file's name and a space, drag the file into
the window, press Enter. It says what to do next. An older Python is told so in words (``require_python``).

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
   network, and switch it off afterwards. A typed line is erased with Enter, and the secret when it was read. What the
   terminal itself keeps (a log, a copy mode, a screen that says ``TERM=dumb``) is out of reach: close its window.
2. The record proves that a quorum was combined. The names, the reason and the time are what people said.
3. Nothing on this machine pins the epoch: compare the set public key shown with your ledger or a receipt. Without an
   envelope (only core lines) shares are confirmed together, by the epoch id, and at most MAX_TRIES quorums are tried.
4. Drill codes are refused. The credential is used up: it must be replaced once you are back in.
"""

f"This program needs Python 3.8 or later: try  python3 -I -S recover.py"  # Python 2 stops here and shows this line

import sys


def require_python(version: "tuple[int, int]") -> None:
    """Say in words which Python is needed, and leave, where this one is older; before anything that it may lack.

    What stands in this file is parsed before this runs: Python 3.6 has to understand every line of it.
    """
    if version < (3, 8):
        sys.stderr.write(
            f"This program needs Python 3.8 or later, and this is Python {version[0]}.{version[1]}.\n"
            "Nothing was read and nothing was changed. What to do next, the first that you can:\n"
            "  1. See whether a newer one is here: type  python3.  and press the Tab key twice; then type, with the\n"
            "     number that you see,  python3.11 -I -S recover.py\n"
            "  2. Open the file recover.html, which lies beside this one, in a browser. It needs no Python.\n"
            "  3. Take this file to another computer.\n"
        )
        sys.exit(2)


require_python(sys.version_info[:2])

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
import select
import signal
import socket
import stat
import struct
import time
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, List, Sequence, Tuple

try:
    import ctypes
    import resource
    import termios
except ImportError:  # another system than Linux or a Python without them: what they are for is left out, and said
    ctypes = resource = termios = None  # type: ignore[assignment]

VERSION = "0.1.0"
TOOL = f"recover.py {VERSION}"
NAMESPACE = b"recovery@breakglass-shamir"
"""SSHSIG namespace of a recovery record."""

EXIT_FAULT = 1
EXIT_DONE, EXIT_USAGE, EXIT_SHARES, EXIT_RECORD, EXIT_INTERRUPTED = 0, 2, 4, 5, 130

MAX_TRIES = 2000
"""Quorums tried without an envelope before giving up."""
MAX_CORES = 64
"""Cores that typed lines may mean where a line that checks is wrong."""
MAX_HELD = 1000
"""Shares held at a time."""
MAX_INPUT_CHARACTERS = 4000
"""Length of one line of input; the longest code has about 1240."""
FEWEST_CODE_CHARACTERS = 60
"""No code is shorter, and a typed line is."""

LIVE, DRILL = 1, 2
KIND_NAMES = {LIVE: "live", DRILL: "drill"}
CREDENTIAL_KINDS = {1: "password", 2: "key pair", 3: "token", 4: "opaque", 5: "file", 6: "passkey",
                    7: "key certificate", 8: "list"}  # fmt: skip

Seat = Tuple[int, int]
"""Group and member, both from 1."""


class Refused(Exception):
    """One named failure of ``docs/spec/paper.md``. Its sentence never contains what was typed."""

    def __init__(self, failure: str, sentence: str) -> None:
        super().__init__(f"{sentence} [{failure}]")
        self.failure = failure


# ---------------------------------------------------------------------------------------------------------------------
# Text: base32 and typed lines (2-text.md)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
VALUES = {character: value for value, character in enumerate(ALPHABET)}
WHITE_SPACE = " \t\r\n\v\f"
"""What may stand around a text; no other character does, whatever Unicode calls a space."""
DROPPED = WHITE_SPACE + "-"
LINE_CHARACTERS = 24
LINE_BYTES = 15
FIRST_CORE_LINE, LAST_CORE_LINE = 5, 31
CORE_LINES_MAX = LAST_CORE_LINE - FIRST_CORE_LINE + 1
LOST_LINE = "?" * LINE_CHARACTERS


def normalise(text: str) -> str:
    """Drop white space and hyphens, raise to upper case, read look-alikes."""
    if not text.isascii():
        raise Refused("malformed-text", "a character is not ASCII")
    kept = "".join(character for character in text if character not in DROPPED)
    return kept.upper().translate(str.maketrans("ILO", "110"))


def body_of(text: str, prefix: str) -> str:
    """Return what follows a prefix, white space at both ends left out. All of the text is ASCII."""
    stripped = text.strip(WHITE_SPACE)
    if not text.isascii() or stripped[: len(prefix)].upper() != prefix:
        raise Refused("malformed-text", f"this is not a text that begins with {prefix}")
    return stripped[len(prefix) :]


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


def decode_damaged(symbols: str) -> "tuple[bytes, list[int]]":
    """Read base32 with ``?`` as zero bits; also return the numbers of the bytes it touches."""
    touched: set[int] = set()
    for i, symbol in enumerate(symbols):
        if symbol == "?":
            touched |= {5 * i // 8, (5 * i + 4) // 8}
    return decode32(symbols.replace("?", "0")), sorted(touched)


def read_line(typed: str) -> "tuple[str, int | None]":
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


SCANNER_KEYBOARDS = (
    ("German, Austrian, Swiss French", "YZ ZY :Ö /-"),
    ("Swiss German", "YZ ZY :É /-"),
    ("Hungarian", "YZ ZY :É /- 0Ö"),
    ("Croatian, Slovenian, Serbian in Latin letters", "YZ ZY :Č /-"),
    ("Polish typist's", "YZ ZY :Ł /-"),
    ("Albanian", "YZ ZY :Ë"),
    ("Czech", 'YZ ZY :" /- 1+ 2Ě 3Š 4Č 5Ř 6Ž 7Ý 8Á 9Í 0É'),
    ("Slovak", 'YZ ZY :" /- 1+ 2Ľ 3Š 4Č 5Ť 6Ž 7Ý 8Á 9Í 0É'),
    ("French", "QA AQ WZ ZW :M M? M, /! 1& 2É 3\" 4' 5( 6- 7È 8_ 9Ç 0À"),
    ("Belgian", "QA AQ WZ ZW :M M? M, /= 1& 2É 3\" 4' 5( 6§ 7È 8! 9Ç 0À"),
    ("Spanish, Latin American", ":Ñ /-"),
    ("Italian, Portuguese", ":Ç /-"),
    ("Brazilian", ":Ç /;"),
    ("Swedish, Finnish, Estonian", ":Ö /-"),
    ("Norwegian", ":Ø /-"),
    ("Danish, Faroese", ":Æ /-"),
    ("Icelandic", ":Æ /Þ"),
    ("Dutch", ":± /-"),
    ("Turkish", ":Ş /."),
    ("Turkish F", "QF WG EĞ RI TO YD UR IN OH AU Sİ DE FA GÜ HT JK KM :Y ZJ XÖ CV VC BÇ NZ MS /,"),
    ("Japanese", ":+"),
    ("Lithuanian", "1Ą 2Č 3Ę 4Ė 5Į 6Š 7Ų 8Ū 9„ 0“"),
    ("Dvorak", "Q\" W< E> RP TY YF UG IC OR PL SO DE FU GI HD JH KT LN :S Z: XQ CJ VK BX NB Q' W, E. Z; /Z"),
    ("Colemak", "EF RP TG YJ UL IU OY P: SR DS FT GD JN KE LI :O NK P;"),
    ("Workman", "WD ER RW TB YJ UF IU OP P: DH FT HY JN KE LO :I CM VC BV NK ML P;"),
    ("Neo", "QX WV EL RC TW YK UH IG OF PQ AU SI DA FE GO HS JN KR LT :D ZÜ XÖ CÄ VP BZ NB /J"),
    ("Russian", "QЙ WЦ EУ RК TЕ YН UГ IШ OЩ PЗ AФ SЫ DВ FА GП HР JО KЛ LД :Ж ZЯ XЧ CС VМ BИ NТ MЬ /."),
    ("Ukrainian", "QЙ WЦ EУ RК TЕ YН UГ IШ OЩ PЗ AФ SІ DВ FА GП HР JО KЛ LД :Ж ZЯ XЧ CС VМ BИ NТ MЬ /."),
    ("Bulgarian", "Q, WУ EЕ RИ TШ YЩ UК IС OД PЗ AЬ SЯ DА FО GЖ HГ JТ KН LВ :М ZЮ XЙ CЪ VЭ BФ NХ MП QЫ AЍ /Б"),
    ("Serbian", "QЉ WЊ EЕ RР TТ YЗ UУ IИ OО PП AА SС DД FФ GГ HХ JЈ KК LЛ :Ч ZЖ XЏ CЦ VВ BБ NН MМ /-"),
)
"""Keyboards by name, as pairs: what the US layout has on a key, and what they have there."""


def undone(text: str, pairs: str) -> "str | None":
    """Return the code that a scanner meant, whose keys a keyboard made into this text; None where it made none."""
    back = {pair[1]: pair[0] for pair in reversed(pairs.split())}
    moved = {pair[0] for pair in pairs.split()}
    meant = ""
    for c in text.strip(WHITE_SPACE):
        upper = c.upper() if len(c.upper()) == 1 else c
        if upper not in back and upper in moved:
            return None
        meant += back.get(upper, upper)
    return meant if meant.isascii() and meant[:5] in {SHARE_PREFIX, ENVELOPE_PREFIX} else None


def from_keyboards(text: str) -> "dict[str, list[str]]":
    """Return what a scanner may have meant, and on which keyboards; nothing for a text that stands as it is."""
    meant: dict[str, list[str]] = {}
    own = text[:5].upper() in {SHARE_PREFIX, ENVELOPE_PREFIX}
    if FEWEST_CODE_CHARACTERS <= len(text) <= MAX_INPUT_CHARACTERS and not own:
        for name, pairs in SCANNER_KEYBOARDS:
            code = undone(text, pairs)
            if code is not None:
                meant.setdefault(code, []).append(name)
    return meant


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


def evaluate(polynomial: "Iterable[int]", x: int) -> int:
    """Return the value of a polynomial at x, lowest coefficient first."""
    total, power = 0, 1
    for coefficient in polynomial:
        total ^= times(coefficient, power)
        power = times(power, x)
    return total


def product(a: "Sequence[int]", b: "Sequence[int]") -> "list[int]":
    """Multiply two polynomials."""
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] ^= times(x, y)
    return result


def syndromes_of(word: "Iterable[int]") -> "list[int]":
    """Return the codeword's values at the 17 roots; all are zero for a codeword."""
    result = []
    for power in range(PARITY_BYTES):
        total = 0
        for byte in word:
            total = times(total, EXP[power]) ^ byte
        result.append(total)
    return result


def error_locator(sequence: "Sequence[int]") -> "list[int]":
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


def repair(received: bytes, erased: "Sequence[int]") -> "tuple[bytes, int]":
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


def correct(word: bytearray, syndromes: "Sequence[int]", locator: "Sequence[int]") -> None:
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
SHARE_LINES = 4
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
    repaired: "tuple[int, ...]"
    spare: int

    @property
    def provisional(self) -> bool:
        """Whether only a commitment or the epoch id can make it a share."""
        return self.spare < SURE_SPARE_BYTES


def share_symbols(text: str) -> str:
    """Return the 96 symbols of a share's text."""
    symbols = normalise(body_of(text, SHARE_PREFIX))
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


def possible_shares(symbols: str) -> "Iterator[Share]":
    """Yield what a badly damaged share may be, each line and each character in turn counting as unreadable.

    This is the relaxed reading. A line that checks may be wrong all the same, so what checks does not count here.
    """
    lines = [symbols[i : i + LINE_CHARACTERS] for i in range(0, SHARE_CHARACTERS, LINE_CHARACTERS)]
    lost = ["".join([*lines[:n], LOST_LINE, *lines[n + 1 :]]) for n in range(len(lines))]
    words = [symbols, *lost]
    words += [word[:i] + "?" + word[i + 1 :] for word in (symbols, *lost) for i in range(SHARE_CHARACTERS)]
    for word in dict.fromkeys(words):
        try:
            yield read_share(word).share
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


def combine_half(points: "Sequence[tuple[int, int]]") -> int:
    """Interpolate at 0, after the public term X^k was taken off each value."""
    secret = 0
    for x, y in points:
        term = functools.reduce(lambda power, _: multiply128(power, x), points, 1) ^ y
        for other, _ in points:
            if other != x:
                term = multiply128(multiply128(term, other), inverse128(other ^ x))
        secret ^= term
    return secret


def combine(threshold: int, points: "Sequence[tuple[int, bytes]]") -> bytes:
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

Point = Tuple[int, int, int, int]
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


def expand_seed(seed: bytes) -> "tuple[int, bytes]":
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


def make_sbox() -> "list[int]":
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


def expand_key(key: bytes) -> "list[bytes]":
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


def encrypt_block(round_keys: "Sequence[bytes]", block: bytes) -> bytes:
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


def gcm_decrypt(key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> "bytes | None":
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
# Fields of tag, length and value (README.md of the specification)

TAG_OPTIONAL = 128  # who does not know a tag from here on may do without it, and need not say so


def read_fields(data: bytes) -> "dict[int, bytes] | None":
    """Return the values by tag, in order; None where the bytes are not whole fields in strict order."""
    fields: dict[int, bytes] = {}
    offset = last = 0
    while offset < len(data):
        tag, end = data[offset], offset + 3 + int.from_bytes(data[offset + 1 : offset + 3], "big")
        value = data[offset + 3 : end]
        if tag <= last or not value or end > len(data):
            return None
        fields[tag], offset, last = value, end, tag
    return fields


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
    groups: "tuple[Seat, ...]"
    """Threshold and members of each group."""
    masked: "dict[Seat, bytes]"
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
    commitments: "dict[Seat, bytes]"
    set_public_key: bytes
    set_name: str
    made: str
    """When and by which release, as far as the envelope says it."""
    unknown: "list[int]"
    """Tags of extensions that make the proofs unknown: they may mean what this program does not know."""
    sha256: str

    def accepts(self, share: Share) -> bool:
        """Tell whether a share is the one that was dealt for its seat."""
        return self.core.fits(share) and hmac.compare_digest(commitment_of(share), self.commitments[share.seat])


def may_exist(group_threshold: int, groups: "Sequence[Seat]") -> bool:
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
    made, unknown = read_extensions(cursor.take(cursor.number(2)))
    signature = cursor.take(64)
    cursor.end()
    if hashlib.sha256(key).digest()[:8] != core.epoch_id:
        raise Refused("invalid-envelope", "the set key does not belong to the epoch id")
    verify_signature(key, b"breakglass-shamir envelope\x00" + data[:-64], signature)
    return Envelope(core, commitments, key, name, made, unknown, hashlib.sha256(data).hexdigest())


EXTENSION_BYTES_MAX = 1024
LAST_SECOND = 253402300799  # of the year 9999
EXT_CREATED, EXT_RELEASE, EXT_SECOND_KEY = 1, 2, 3


def read_extensions(block: bytes) -> "tuple[str, list[int]]":
    """Return when and by what an envelope was made, and the tags that make its proofs unknown."""
    fields = read_fields(block)
    if fields is None or len(block) > EXTENSION_BYTES_MAX:
        raise NO_ENVELOPE
    created, release = fields.get(EXT_CREATED), fields.get(EXT_RELEASE, b"")
    if created is not None and len(created) != 8:
        raise NO_ENVELOPE
    if len(release) > 32 or any(not 0x20 <= byte <= 0x7E for byte in release):
        raise NO_ENVELOPE
    if len(fields.get(EXT_SECOND_KEY, bytes(32))) != 32:
        raise NO_ENVELOPE
    unknown = [tag for tag in fields if EXT_RELEASE < tag < TAG_OPTIONAL]
    when = [] if created is None else [instant(int.from_bytes(created, "big"))]
    return ", ".join([*when, *([f"release {release.decode()}"] if release else [])]), unknown


def instant(seconds: int) -> str:
    """Write an instant for people; what no calendar holds as a number."""
    if seconds > LAST_SECOND:
        return f"{seconds} s after 1970"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


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
    rest = body_of(text, ENVELOPE_PREFIX)
    if ":" not in rest:
        return Code(1, 1, "", decode32(normalise(rest)))
    match = re.fullmatch(r"([1-9][0-9]?)/([1-9][0-9]?):([^:]*):([^:]*)", rest)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) or int(match[2]) < 2:
        raise Refused("malformed-text", "this is not the text of an envelope")
    hash4 = normalise(match[3])
    if len(hash4) != 4 or any(character not in VALUES for character in hash4):
        raise Refused("malformed-text", "this is not the text of an envelope")
    return Code(int(match[1]), int(match[2]), hash4, decode32(normalise(match[4])))


Batches = Dict[Tuple[int, str], Dict[int, Code]]
"""Codes of envelopes that are not complete yet, by number of codes and hash, then by index."""


def is_certain(text: str) -> bool:
    """Tell whether a code proves itself: a share of which nothing is repaired, an envelope that holds."""
    try:
        if text[:5] == SHARE_PREFIX:
            return not read_share(share_symbols(text)).repaired
        code = read_code(text)
        return code.count == 1 and bool(parse_envelope(code.piece))
    except Refused:
        return False


def is_part(text: str) -> bool:
    """Tell whether this is one code of several of an envelope, as far as it can be told alone."""
    try:
        return text[:5] == ENVELOPE_PREFIX and read_code(text).count > 1
    except Refused:
        return False


def collect(batches: Batches, code: Code) -> "bytes | None":
    """Take one code; return the joined bytes once its envelope is complete. The last reading of a code counts."""
    batch = batches.setdefault((code.count, code.hash4), {})
    batch[code.index] = code
    if len(batch) < code.count:
        return None
    return join_codes(batches.pop((code.count, code.hash4)))


def join_codes(codes: "dict[int, Code]") -> bytes:
    """Join all codes of one envelope, by index; verify the hash they carry."""
    first = next(iter(codes.values()))
    if len(codes) < first.count:
        raise Refused("missing-envelope", "codes of the envelope are still missing")
    data = b"".join(codes[i].piece for i in range(1, first.count + 1))
    if first.hash4 and encode32(hashlib.sha256(data).digest())[:4] != first.hash4:
        raise Refused("invalid-envelope", "the codes do not belong together")
    return data


def read_core_lines(lines: "Sequence[str]", checked: "Iterable[int]" = ()) -> bytes:
    """Repair the typed lines of a core, from line 5 on; return the core's bytes.

    ``checked`` are the numbers of lines whose check character holds: a repair that changes one is none.
    """
    kept = {n - FIRST_CORE_LINE: decode32(lines[n - FIRST_CORE_LINE]) for n in checked}
    for rows in rows_to_read(lines):
        received, erased = decode_damaged("".join(rows))
        for padding in range(LINE_BYTES):
            core = repair_core(received, set(erased), padding, kept)
            if core is not None:
                return core
    raise Refused("malformed-text", "the typed lines could not be repaired")


def rows_to_read(lines: "Sequence[str]") -> "Iterator[list[str]]":
    """Yield the lines up to the last of which anything was read, and with one more: the last may be the lost one."""
    count = max((number for number, line in enumerate(lines, 1) if line != LOST_LINE), default=0)
    for rows in (list(lines[:count]), [*lines[:count], LOST_LINE]):
        if count and len(rows) <= CORE_LINES_MAX:
            yield rows


def repair_core(received: bytes, erased: "set[int]", padding: int, kept: "dict[int, bytes]") -> "bytes | None":
    """Repair all blocks, taking ``padding`` zero bytes at the end for granted; None where that does not hold."""
    data = whole = b""
    for start, end in pieces_of(received, padding):
        try:
            word, _ = repair(received[start:end], [i - start for i in sorted(erased) if start <= i < end])
        except Refused:
            return None
        data += word[:-PARITY_BYTES]
        whole += word
    whole += bytes(padding)
    if any(whole[i * LINE_BYTES : (i + 1) * LINE_BYTES] != line for i, line in kept.items()):
        return None
    return without_length(data)


def pieces_of(received: bytes, padding: int) -> "list[tuple[int, int]]":
    """Return where each block begins and ends; nothing where the last bytes are no padding."""
    total = len(received) - padding
    blocks = math.ceil(total / CODEWORD_BYTES_MAX)
    if total <= PARITY_BYTES * blocks or any(received[total:]):
        return []
    size = math.ceil((total - PARITY_BYTES * blocks) / blocks) + PARITY_BYTES
    return [(start, min(start + size, total)) for start in range(0, total, size)]


def without_length(data: bytes) -> "bytes | None":
    """Take the length off the front; None where it is not the length of what follows."""
    return data[2:] if len(data) >= 2 and int.from_bytes(data[:2], "big") == len(data) - 2 else None


def possible_cores(lines: "Sequence[str]") -> "list[tuple[Core, list[int]]]":
    """Return what the typed lines of a core may mean, with the numbers of the lines that then are wrong.

    This is the relaxed reading: each line in turn counts as lost in each block, whether it checks or not.
    """
    found: dict[bytes, tuple[Core, list[int]]] = {}
    for rows in rows_to_read(lines):
        received, erased = decode_damaged("".join(rows))
        for padding in range(LINE_BYTES):
            for words in itertools.product(*blocks_of(received, set(erased), padding)):
                data = without_length(b"".join(word[:-PARITY_BYTES] for word in words))
                try:
                    core = parse_core(data) if data else None
                except Refused:
                    continue
                if data and core and data not in found:
                    found[data] = (core, differing(rows, b"".join(words) + bytes(padding)))
                if len(found) == MAX_CORES:
                    return list(found.values())
    return list(found.values())


def blocks_of(received: bytes, erased: "set[int]", padding: int) -> "list[list[bytes]]":
    """Return what each block may be; one empty list where there is none."""
    blocks = []
    for start, end in pieces_of(received, padding):
        words: dict[bytes, None] = {}
        for row in (None, *range(start // LINE_BYTES, (end - 1) // LINE_BYTES + 1)):
            gone = erased if row is None else erased | set(range(row * LINE_BYTES, (row + 1) * LINE_BYTES))
            try:
                word, _ = repair(received[start:end], [i - start for i in sorted(gone) if start <= i < end])
            except Refused:
                continue
            words[word] = None
        if not words:
            return [[]]
        blocks.append(list(words))
    return blocks or [[]]


def differing(rows: "Sequence[str]", whole: bytes) -> "list[int]":
    """Return the numbers of the lines that were typed, and mean something else."""
    right = encode32(whole)
    pairs = [(row, right[i * LINE_CHARACTERS : (i + 1) * LINE_CHARACTERS]) for i, row in enumerate(rows)]
    return [number for number, (row, line) in enumerate(pairs, FIRST_CORE_LINE) if row not in {line, LOST_LINE}]


# ---------------------------------------------------------------------------------------------------------------------
# Credential (5-plaintext.md)

TEXT_TAGS = {3: "account", 4: "target", 5: "ca_fingerprint", 6: "hint", 11: "rp_id"}
BYTE_TAGS = {12: "user_handle", 13: "credential_id", 15: "certificate"}
TAG_KIND, TAG_SECRET, TAG_TOTP, TAG_LAST = 1, 2, 7, 15
NUMBER_TAGS = {8: ("totp_algorithm", 1, 1), 9: ("totp_digits", 1, 6), 10: ("totp_period", 2, 30), 14: ("counter", 4, 0)}
"""Name, length in bytes, and the common value, which is never written."""
LENGTHS = {TAG_KIND: (1, 1), TAG_SECRET: (1, 4096), 12: (1, 64), 13: (1, 1023), 15: (1, 4096),
           **{tag: (size, size) for tag, (_, size, _) in NUMBER_TAGS.items()}}  # fmt: skip
FIELD_BYTES_MAX = 512
TOTP_HASHES = {1: "sha1", 2: "sha256", 3: "sha512"}


@dataclasses.dataclass(frozen=True)
class Credential:
    """What was sealed. ``texts`` has the fields of TEXT_TAGS that are present, ``data`` those of BYTE_TAGS."""

    kind: int
    secret: bytes = dataclasses.field(repr=False)
    texts: "dict[str, str]"
    totp_seed: bytes = dataclasses.field(repr=False)
    data: "dict[str, bytes]"
    numbers: "dict[str, int]"
    """Every number of NUMBER_TAGS, the common value where none was written."""
    others: "dict[int, bytes]" = dataclasses.field(repr=False)
    """Fields that this program does not know, by tag, exact bytes."""

    @property
    def kind_name(self) -> str:
        """The kind in words, unknown ones by their number."""
        return CREDENTIAL_KINDS.get(self.kind, f"kind {self.kind}")


def read_credential(plaintext: bytes) -> Credential:
    """Parse a plaintext, strictly in what is known; what is not known is kept, and never refused."""
    altered = Refused("decryption-failed", "the credential is not as it must be")
    if plaintext[:1] != b"\x01":
        raise Refused("unsupported-version", "the credential is of another version")
    fields = read_fields(plaintext[1:])
    if fields is None or not {TAG_KIND, TAG_SECRET} <= set(fields):
        raise altered
    for tag, value in fields.items():
        least, most = LENGTHS.get(tag, (1, FIELD_BYTES_MAX))
        usual = tag in NUMBER_TAGS and int.from_bytes(value, "big") == NUMBER_TAGS[tag][2]
        zero = tag in {8, 9, 10} and not any(value)
        if tag <= TAG_LAST and (usual or zero or not least <= len(value) <= most):
            raise altered
    if TAG_TOTP not in fields and {8, 9, 10} & set(fields):
        raise altered
    try:
        texts = {name: fields[tag].decode() for tag, name in TEXT_TAGS.items() if tag in fields}
    except UnicodeDecodeError:
        raise altered from None
    data = {name: fields[tag] for tag, name in BYTE_TAGS.items() if tag in fields}
    numbers = {name: int.from_bytes(fields[tag], "big") if tag in fields else usual
               for tag, (name, _, usual) in NUMBER_TAGS.items()}  # fmt: skip
    others = {tag: value for tag, value in fields.items() if tag > TAG_LAST}
    return Credential(fields[TAG_KIND][0], fields[TAG_SECRET], texts, fields.get(TAG_TOTP, b""), data, numbers, others)


def more_of(credential: Credential) -> str:
    """Write for people what a credential has besides its secret and texts: some of it is secret."""
    rows = [f"{name}: {data.hex()}" for name, data in credential.data.items() if name != "certificate"]
    rows += [f"counter: {credential.numbers['counter']}"] * (CREDENTIAL_KINDS.get(credential.kind) == "passkey")
    certificate = credential.data.get("certificate", b"")
    plain = all(0x20 <= byte <= 0x7E or byte == 0x0A for byte in certificate)
    rows += [f"certificate:\n{certificate.decode() if plain else certificate.hex()}"] * bool(certificate)
    rows += [f"field {tag}, in hexadecimal: {value.hex()}" for tag, value in credential.others.items()]
    if credential.kind not in CREDENTIAL_KINDS:
        rows.append(f"exact bytes of the secret, in hexadecimal: {credential.secret.hex()}")
    return "".join(f"{row}\n" for row in rows)


def warnings_of(credential: Credential) -> "list[str]":
    """Say what this program does not know of a credential. Nothing in it is secret."""
    said = []
    if credential.kind not in CREDENTIAL_KINDS:
        said.append(
            f"this program does not know {credential.kind_name} of credential: its exact bytes are what you get"
        )
    strange = [tag for tag in credential.others if tag < TAG_OPTIONAL]
    if strange:
        said.append(f"this program does not know some fields of the credential, tags {listed(strange)}")
    if credential.totp_seed and not can_make_codes(credential):
        algorithm, digits, period = (credential.numbers[f"totp_{name}"] for name in ("algorithm", "digits", "period"))
        said.append(f"this program cannot make its one-time codes: algorithm {algorithm}, {digits} digits, {period} s")
    return [f"WARNING: {text}" for text in said]


def can_make_codes(credential: Credential) -> bool:
    """Tell whether the hash and the number of digits are known."""
    return credential.numbers["totp_algorithm"] in TOTP_HASHES and 6 <= credential.numbers["totp_digits"] <= 10


# ---------------------------------------------------------------------------------------------------------------------
# Opening (README.md of the specification)

Seats = Dict[Seat, List[Share]]
"""What may sit on each seat. With an envelope it is one share at most."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """An epoch that was opened, in memory."""

    core: Core
    envelope: "Envelope | None"
    seed: bytes = dataclasses.field(repr=False)
    set_public_key: bytes
    sheets: "list[str]"
    credential: Credential


def complete_groups(core: Core, seats: Seats) -> "list[int]":
    """Return the groups whose threshold is reached, ascending."""
    taken = [group for group, _ in seats]
    return [group for group, size in enumerate(core.groups, 1) if taken.count(group) >= size[0]]


def is_complete(core: Core, seats: Seats) -> bool:
    """Tell whether a quorum may be there."""
    return len(complete_groups(core, seats)) >= core.group_threshold


def quorums(core: Core, seats: Seats) -> "Iterator[list[Share]]":
    """Yield every quorum of every set of seats, by the sum of the places at which its shares stand."""
    groups = [ways(core, seats, group) for group in complete_groups(core, seats)]
    chosen = list(itertools.combinations(groups, core.group_threshold))
    sets = itertools.islice(by_sum(chosen), MAX_TRIES)
    return by_sum([[seats[place] for places in parts for place in places] for parts in sets])


def ways(core: Core, seats: Seats, group: int) -> "list[tuple[Seat, ...]]":
    """Return the sets of seats that satisfy a group, neighbours first: each sheet is left out soon."""
    places = sorted(seat for seat in seats if seat[0] == group)
    size, count = core.groups[group - 1][0], len(places)
    rounds = [tuple(place for j, place in enumerate(places) if (j - i) % count < size) for i in range(count)]
    others = itertools.islice(itertools.combinations(places, size), MAX_TRIES)
    return list(dict.fromkeys([*rounds, *others]))


def by_sum(every: "Sequence[Sequence[Sequence[Any]]]") -> "Iterator[list[Any]]":
    """Yield, of each sequence of lists, one of each list; all together by the sum of the places."""
    for total in range(max(sum(len(one) - 1 for one in lists) for lists in every) + 1):
        for lists in every:
            yield from with_sum(lists, total)


def with_sum(lists: "Sequence[Sequence[Any]]", total: int) -> "Iterator[list[Any]]":
    """Yield one of each list, so that the places at which they stand add up to a total."""
    if len(lists) == 1:
        yield from ([one] for one in lists[0][total : total + 1])
        return
    for place in range(min(total, len(lists[0]) - 1) + 1):
        for rest in with_sum(lists[1:], total - place):
            yield [lists[0][place], *rest]


def group_secret(core: Core, shares: "Sequence[Share]") -> bytes:
    """Return the secret of one group from exactly its threshold of shares."""
    threshold = core.groups[shares[0].seat[0] - 1][0]
    if threshold == 1:
        return unmask(shares[0], core.masked[shares[0].seat])
    return combine(threshold, [(share.seat[1], share.value) for share in shares])


def master_of(core: Core, quorum: "Sequence[Share]") -> bytes:
    """Combine a quorum."""
    groups = dict.fromkeys(share.seat[0] for share in quorum)
    secrets = [(group, group_secret(core, [share for share in quorum if share.seat[0] == group])) for group in groups]
    return secrets[0][1] if core.group_threshold == 1 else combine(core.group_threshold, secrets)


def open_epoch(core: Core, envelope: "Envelope | None", seats: Seats, tries: int = MAX_TRIES) -> Opened:
    """Combine, confirm, decrypt. Nothing is decrypted before the master derives the epoch id."""
    if not is_complete(core, seats):
        raise Refused("insufficient-shares", "no quorum yet")
    for quorum in itertools.islice(quorums(core, seats), tries):
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
    sheets = [share.name for share in quorum]
    return Opened(core, envelope, seed, public, sheets, credential)


# ---------------------------------------------------------------------------------------------------------------------
# The session: takes one line of input at a time, and answers it

STEPS = """
You open a break-glass credential from paper. Nothing you do here breaks it.

  1. Lay the sheets on the table. Each says how many are needed.
     Let nobody photograph them.
  2. The code marked 1, the share: scan it with a hand scanner. No scanner: type
     the four lines beside it, Enter after each, and once more after the last.
     Capital and small letters are the same.
  3. The code marked 2, the envelope: scan it from any one sheet. No scanner:
     type the lines on the back of a sheet.
  4. Read the answer to each line. Was it wrong, type it again. What you typed
     vanishes from the screen: it was taken.
  5. Take the next sheet. The order does not matter.
  6. When the quorum is complete, type  open  and press Enter. You are asked who
     is there, for which ticket and why. That is written to a file before the
     credential is shown. Keep the file for the auditor.

Type  help  for more,  status  for what is missing,  quit  to leave.
"""
"""The first screen."""

HELP = """scan or type, one code or line at a time:
  BGS1:...    a share                  BGE1:...    the envelope, any sheet's copy
  25 characters: a typed line, 1 to 4 of a share, 5 and up of the envelope's core
  ?           a character that cannot be read
  3: ?        line 3 is lost           3: XXXX...  this is line 3, whatever its check character says
  empty line  this share or core has no more lines
  open, status, help, quit, steps (shows the first screen again)"""


class Held:
    """A share as it was presented: ``sure`` where it could be read, else only what it may be."""

    def __init__(self, symbols: str) -> None:
        self.symbols = symbols
        self.sure: Share | None = None
        self.failure = "malformed-text"
        self.words = "damaged: more wrong characters than the code repairs"
        try:
            reading = read_share(symbols)
        except Refused as refusal:
            if refusal.failure == "unsupported-version":
                self.failure, self.words = refusal.failure, "damaged, or of another version"
            return
        if reading.provisional:
            self.words = "damaged: repaired with no parity to spare, which proves nothing yet"
        else:
            self.sure = reading.share
            self.words = f"share {self.sure.name} of epoch {shown_id(self.sure.epoch_id)}{repairs(reading.repaired)}"

    @functools.cached_property
    def options(self) -> "list[Share]":
        """What it may be."""
        return [self.sure] if self.sure else list(dict.fromkeys(possible_shares(self.symbols)))

    def stands_for(self, core: Core, envelope: "Envelope | None") -> "list[Share]":
        """Return the shares of an epoch that it may be; with an envelope one at most."""
        if envelope is not None:
            return [share for share in self.options if envelope.accepts(share)][:1]
        return [share for share in self.options if core.fits(share)]


@dataclasses.dataclass
class Epoch:
    """An epoch whose envelope or core is there. More than one verified envelope is a conflict."""

    core: Core
    envelopes: "list[Envelope]" = dataclasses.field(default_factory=list)
    guesses: "list[tuple[Core, list[int]]]" = dataclasses.field(default_factory=list)
    """What damaged lines of the core may mean, with the lines that then are wrong; nothing else is known of it."""

    def cores(self) -> "list[tuple[Core, list[int]]]":
        """Return what to open, the likeliest first."""
        return self.guesses or [(self.core, [])]

    @property
    def envelope(self) -> "Envelope | None":
        """The envelope, if there is one."""
        return self.envelopes[0] if self.envelopes else None


class Session:
    """Holds what was presented. ``say`` gets every answer; ``take`` never raises on input."""

    def __init__(self, say: "Callable[[str], None]", envelope: str = "") -> None:
        self.say = say
        self.wanted_envelope = envelope.lower()
        self.held: list[Held] = []
        self.epochs: dict[bytes, Epoch] = {}
        """By epoch id; the last one is what answers refer to."""
        self.codes: Batches = {}
        self.share_lines: dict[int, str] = {}
        self.core_lines: dict[int, str] = {}
        self.checked: set[int] = set()
        """Numbers of the lines of the core that their check characters prove."""
        self.guessed: tuple[list[str], set[int]] | None = None
        """The lines of a core whose possible meanings are held already."""
        self.last_line = 0
        self.keyboards: set[str] = set()
        """Keyboards of which one is proven to be this machine's."""

    def take(self, line: str) -> None:
        """Answer one line of input."""
        text = line.strip(WHITE_SPACE)
        meant = from_keyboards(text)
        text = text[:MAX_INPUT_CHARACTERS]
        typed = not meant and text[:5].upper() not in {SHARE_PREFIX, ENVELOPE_PREFIX}
        if not text or not typed:
            self.finish_lines()
        if meant:
            self.attempt(lambda _: self.take_code(self.right_keyboard(meant)), text)
        elif text:
            self.attempt(self.take_typed if typed else self.take_code, text)

    def right_keyboard(self, meant: "dict[str, list[str]]") -> str:
        """Return the one code that a scanner meant; refuse where that is not certain."""
        sure = {code: names for code, names in meant.items() if is_certain(code)}
        if not sure:
            sure = {code: names for code, names in meant.items() if self.keyboards & {*names} and is_part(code)}
        if len(sure) == 1:
            ((code, names),) = sure.items()
            self.keyboards = self.keyboards & {*names} or {*names}
            self.say(
                f"this machine's keyboard is set to another layout than the scanner ({' or '.join(names)}): undone"
            )
            return code
        names = [name for each in meant.values() for name in each]
        raise Refused("malformed-text", f"a code, scanned on another keyboard ({' or '.join(names)}), and which is not "
                      "certain: scan a share code first, or set scanner and machine to the US layout")  # fmt: skip

    def attempt(self, step: "Callable[[str], None]", text: str) -> None:
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
        before = self.codes.get((code.count, code.hash4), {}).get(code.index)
        data = collect(self.codes, code)
        if data is not None:
            self.take_envelope(parse_envelope(data))
            return
        batch = self.codes[code.count, code.hash4]
        missing = [i for i in range(1, code.count + 1) if i not in batch]
        word = "seen already" if before == code else "accepted"
        self.say(f"{word}: code {code.index} of {code.count} of an envelope; still missing: {listed(missing)}")

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
                raise Refused(held.failure, f"{held.words}; left out, read it again")
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
        return self.seats_in(epoch.core, epoch.envelope)

    def seats_in(self, core: Core, envelope: "Envelope | None") -> Seats:
        """Return who may sit where in a core, whoever was read for certain first."""
        seats: Seats = {}
        for held in sorted(self.held, key=lambda held: held.sure is None):
            for share in held.stands_for(core, envelope):
                if share not in seats.setdefault(share.seat, []):
                    seats[share.seat].append(share)
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
        epoch.core, epoch.guesses = envelope.core, []
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
        match = re.match(r"([0-9]{1,2})[ \t]*[:.)]", text)
        stated, body = (int(match[1]), text[match.end() :].lstrip(" \t")) if match else (0, text)
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
            next_began = number < SHARE_LINES and share_is_sure(held) and not share_is_sure(together)
            if again or next_began:
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
            self.finish_core(ended=True)

    def finish_share(self) -> None:
        """Hand over the share being typed, with lost lines where none was typed."""
        lines, self.share_lines, self.last_line = self.share_lines, {}, 0
        if len([n for n in lines if lines[n] != LOST_LINE]) >= 3:
            self.attempt(self.take_share, share_of_lines(lines))
        elif lines:
            self.say("fewer than three of the four lines of a share; left out")

    def finish_core(self, *, ended: bool = False) -> None:
        """Read the core being typed; keep its lines where that fails, and once they ended what they may mean."""
        lines = [self.core_lines.get(n, LOST_LINE) for n in range(FIRST_CORE_LINE, max(self.core_lines) + 1)]
        try:
            core = parse_core(read_core_lines(lines, self.checked))
        except Refused as refusal:
            if not (ended and self.guess_core(lines)):
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
            epoch.core, epoch.guesses = core, []
            self.review(epoch)

    def guess_core(self, lines: "list[str]") -> bool:
        """Hold what damaged lines of a core may mean, until a quorum opens one; False where they mean nothing."""
        if self.guessed == (lines, self.checked):
            return True
        guesses = [guess for guess in possible_cores(lines) if guess[0].kind == LIVE]
        if not guesses:
            return False
        self.guessed = (lines, set(self.checked))
        epoch_ids = dict.fromkeys(core.epoch_id for core, _ in guesses)
        for epoch_id in reversed(list(epoch_ids)):
            mine = [guess for guess in guesses if guess[0].epoch_id == epoch_id]
            known = self.epochs.pop(epoch_id, None)
            self.epochs[epoch_id] = known if known and not known.guesses else Epoch(mine[0][0], guesses=mine)
        self.say("the lines of the core do not hold together as they were typed, one that checks may be wrong; "
                 f"{len(guesses)} reading{'' if len(guesses) == 1 else 's'} will be tried when the quorum is complete, "
                 "or type any line again")  # fmt: skip
        self.review(self.epochs[guesses[0][0].epoch_id])
        return True

    # Opening

    def ready(self) -> "Epoch | None":
        """Return the epoch that has a quorum: the current one first."""
        for epoch in reversed(list(self.epochs.values())):
            cores = [core for core, _ in epoch.cores()]
            complete = any(is_complete(core, self.seats_in(core, epoch.envelope)) for core in cores)
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
        return self.open_first(epoch)

    def open_first(self, epoch: Epoch) -> Opened:
        """Open the first core of an epoch that opens: a bare one has a share of the tries, at least one."""
        found = epoch.cores()
        last = Refused("unconfirmed-master", "these shares do not combine to this epoch's key")
        for core, wrong in found:
            try:
                opened = open_epoch(core, epoch.envelope, self.seats_in(core, epoch.envelope), MAX_TRIES // len(found))
            except Refused as refusal:
                if refusal.failure == "decryption-failed":
                    last = refusal
                elif refusal.failure not in {"unconfirmed-master", "insufficient-shares"}:
                    raise
                continue
            if wrong:
                self.say(f"wrong as it was typed, and read otherwise: line {listed(wrong)} of the core")
            return opened
        raise last

    def status(self) -> None:
        """Say where the session stands."""
        for epoch_id, epoch in self.epochs.items():
            conflict = "; two valid envelopes, so it is not opened" if len(epoch.envelopes) > 1 else ""
            self.say(f"epoch {shown_id(epoch_id)}: {progress(epoch.core, self.seats(epoch))}{conflict}")
        if not self.epochs:
            self.say(f"no envelope yet; {self.count()}")


def read_numbered(body: str) -> "tuple[str, int | None]":
    """Read a typed line; a bare line number in front is accepted where the check character proves it."""
    plain = normalise(body)
    digits = len(plain) - LINE_CHARACTERS - 1
    if digits in {1, 2} and plain[:digits].isdigit() and set(plain) <= set(ALPHABET):
        symbols, proven = read_line(plain[digits:])
        if proven == int(plain[:digits]):
            return symbols, proven
    if any(symbol not in VALUES and symbol != "?" for symbol in plain) or not 16 <= len(plain) <= 34:
        coded = PREFIXES.search(body) or body[:4].upper() in {"BGS1", "BGE1"}
        hint = "; set scanner and keyboard to the US layout" if coded else ""
        raise Refused("malformed-text", f"not ours{hint}")
    if len(plain) != LINE_CHARACTERS + 1:
        raise Refused("malformed-text", f"{len(plain)} characters: a typed line has 24 and its check character")
    return read_line(plain)


def share_of_lines(lines: "dict[int, str]") -> str:
    """Join the four lines of a share, lost where they are not there."""
    return "".join(lines.get(n, LOST_LINE) for n in range(1, 5))


def share_is_sure(lines: "dict[int, str]") -> bool:
    """Tell whether these lines alone make a share that is not provisional."""
    try:
        return not read_share(share_of_lines(lines)).provisional
    except Refused:
        return False


def core_line_count(lines: "dict[int, str]") -> int:
    """Return how many lines a core has, by the length at the front of line 5; a full page where that is missing."""
    first = lines.get(FIRST_CORE_LINE, LOST_LINE)
    if "?" in first:
        return LAST_CORE_LINE
    length = int.from_bytes(decode32(first)[:2], "big") + 2
    return math.ceil((length + PARITY_BYTES * math.ceil(length / (CODEWORD_BYTES_MAX - PARITY_BYTES))) / LINE_BYTES)


def listed(numbers: "Sequence[int]") -> str:
    """Write numbers for people."""
    return ", ".join(str(number) for number in numbers) or "none"


def repairs(repaired: "Sequence[int]") -> str:
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
# Texts that look like a share (7-records.md): none gets into a usage record. Rows of groups are weighed as in the
# toolkit; ``tests/vectors/likeness.json`` holds both to one word.

LEAST_CHARACTERS = 20
LEAST_WEIGHT, LEAST_WEIGHT_OF_LETTERS = 4, 12
HEXADECIMAL = set("0123456789abcdefABCDEF")
CLUSTERS_LISTED = (
    "BB BL BR BS CC CH CK CL CR CT DD DR DS DV FF FL FR FT GG GH GL GN GR GS HL HR HT KL KN KR KS KT LD LF LG LK LL LM "
    "LN LP LS LT LZ MB MM MN MP MS NC ND NF NG NK NN NS NT NZ PF PH PL PP PR PS PT RB RC RD RF RG RK RL RM RN RP RR RS "
    "RT RV RZ SC SH SK SL SM SN SP SS ST SW TH TR TS TT TW TZ WH WN WR WS XT ZZ ZW TCH NGS NTS NDS STR SCH THR CHT RST "
    "NST LTS RTS RDS CKS RKS SHR SPR SCR CHR CHS CHN CHL GHT LFT NCH NKS RTH NTH MPL MPT TTL RCH"
)
CLUSTERS = set(CLUSTERS_LISTED.split())
"""Consonants that stand beside each other in the words of several languages."""
KEYBOARDS = (
    # digits as they come, punctuation that comes for letters, how many different digits a text must have
    ("&é\"'(-è_çà", "?,", 3),
    ("&é\"'(§è!çà", "?,", 3),
    ("+ěščřžýáíé", "", 3),
    ("+ľščťžýáíé", "", 3),
    ("ąčęėįšųū„“", "", 3),
    ('"әіңғ,.үұқ', "", 3),
    ("!@#$%^&*()", "", 4),
)
PUNCTUATION_FOR_LETTERS = "\"<>:;',."
DIGIT, COLON, NEXT = "[0-9?IL]", "(?:[:;+*\"'|]|[^\x00-\x7f])", "(?=[^\\W_]|\\?)"
SYMBOL = "[" + re.escape("".join(sorted({*"".join(digits for digits, _, _ in KEYBOARDS)}))) + "]"
PREFIXES = re.compile(
    rf"BGS{DIGIT}{COLON}{NEXT}|BGS{SYMBOL}(?:M|{COLON})(?:{NEXT}|(?={SYMBOL}))"
    rf"|(?:XIO{DIGIT}S|BDR{DIGIT}O|VGS{DIGIT}I|ZOI{DIGIT}D|K[;,]U[\"0-9]N|ÇÜ[İIi]{DIGIT}Y)(?=\S)"
    rf"|(?:[ИІ]П[ЫІ][\"0-9?]Ж|ФЖЯ{DIGIT}\u041c|БГС{DIGIT}Ч|ΒΓΣ{DIGIT}\W{{0,3}})(?=\S)",
    re.IGNORECASE,
)
BASE64 = re.compile(r"(?P<ssh>SHA256:[0-9A-Za-z+/]{43}|\bAAAA[0-9A-Za-z+/]{40,}={0,2})|[0-9A-Za-z+/]{32,}={0,2}")
MIXED = r"(?=[^\W_]{0,3}[0-9?])(?:[^\W_]|\?){4}"
SHOWN_ID = re.compile(
    rf"(?<!{MIXED}\s)(?<![\w?-])[0-9A-Z]{{4}}(?:-[0-9A-Z]{{4}}){{2}}(?![\w?-]|\s{{1,3}}{MIXED}(?![\w?]))"
)

Weighed = Tuple[int, int, str, bool]
"""Weight, characters that count, letters, whether it has a digit."""


def looks_like_share(text: str) -> bool:
    """Tell whether a share, a typed line or a part of one may stand in a text."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return any(line_may_hold_share(line) for line in plain.splitlines())


def line_may_hold_share(line: str) -> bool:
    """Judge one line."""
    if PREFIXES.search(line):
        return True
    if sum(not c.isspace() for c in line) < LEAST_CHARACTERS:
        return False
    line = BASE64.sub(without_base64, line)
    line = SHOWN_ID.sub(lambda found: "\0" * len(found[0]), line)
    return any(map(is_heavy, rows_of(line))) or any(map(is_of_another_keyboard, runs_of(line)))


def rows_of(line: str) -> "Iterator[list[Weighed]]":
    """Yield groups that stand in a row."""
    row: list[Weighed] = []
    sizes: list[int] = []
    end = length = 0
    for found in re.finditer(r"(?:[^\W_]|\?)+", line):
        gap = line[end : found.start()]
        before, length = length, len(found[0])
        is_path = bool(re.search(r"[/\\]", gap)) and not (3 <= before <= 5 and 3 <= length <= 5)
        groups = weigh_token(found[0], ends_line=len(sizes) >= 6 and set(sizes[-6:]) == {4})
        if len(gap) > 3 or groups is None or is_path:
            yield row
            row, sizes = [], []
        elif len(gap) > 1 and gap.strip():
            row.append((-1, 0, "", False))
            sizes.append(len(gap))
        for size, group in groups or ():
            row.append(group)
            sizes.append(size)
        end = found.end()
    yield row


def weigh_token(token: str, *, ends_line: bool) -> "list[tuple[int, Weighed]] | None":
    """Return a token's groups, each with its length; None where something else explains it."""
    bare = token.rstrip("?")
    if bare != token and bare.isalpha() and is_word(bare):
        token = bare
    if not all(c.isdecimal() or c == "?" or c.lower() != c.upper() for c in token):
        return None
    if len(token) == 1 and ends_line:
        return [(1, (10, 1, "", False))]
    if len(token) <= 5:
        return [(len(token), weigh(token))]
    if is_explained(token):
        return None
    if is_name(token):
        return [(len(token), (-16, min(len(token), 8), "", False))]
    groups = [(0, (6, 0, "", False))] if len(token) >= LEAST_CHARACTERS else []
    pieces = [token[i : i + 4] for i in range(0, len(token), 4)]
    return groups + [(len(piece), weigh(piece)) for piece in pieces]


def weigh(group: str) -> Weighed:
    """Weigh a group of up to five characters."""
    size = len(group)
    letters = "".join(c for c in group.upper() if c.isalpha())
    mixed = not group.isalpha()
    turned = turns(group) > 1 or "?" in group
    if not group.strip("?"):
        weight, counted = (1 if size == 4 else -1), size
    elif size == 1:
        weight, counted = -1, 1
    elif group.isdecimal():
        weight, counted = (-2, 4) if size == 4 else (-5, 0)
    elif not mixed:
        weight, counted = weigh_letters(group)
    elif size == 2:
        weight, counted = -3, 2
    elif HEXADECIMAL.issuperset(group):
        weight, counted = 0, size
    else:
        weight, counted = (8 if turned else 5) - (0 if size == 4 else 5), size
    return weight, counted, letters, mixed


def weigh_letters(group: str) -> "tuple[int, int]":
    """Weigh a group of letters alone; return the weight and how many count."""
    size = len(group)
    if size == 2:
        return -5, 0
    if not is_latin(group):
        return (0, 4) if size == 4 else (-5, 0)
    if is_word(group):
        return (-2, 4) if size == 4 else (-6, 0)
    rare = set("JKQVWXZ") & set(unmarked(group))
    return (5 if rare else 2) - (0 if size == 4 else 6), size


def is_explained(token: str) -> bool:
    """Tell whether a token of six or more characters is a number, a digest, base64, an alphabet or a long word."""
    if token.isdecimal() or (len(token) >= 16 and HEXADECIMAL.issuperset(token)):
        return True
    rising = sum(ord(b) - ord(a) == 1 for a, b in neighbours(token))
    if (len(token) >= 12 and changes_case(token)) or rising * 2 >= len(token):
        return True
    return token.isalpha() and (not is_latin(token) or (len(token) >= 10 and is_long_word(token)))


def changes_case(text: str) -> bool:
    """Tell whether a text goes between small and capital letters as base64 does."""
    letters = [c for c in text if c.isascii() and c.isalpha()]
    return len([a for a, b in neighbours(letters) if a.isupper() != b.isupper()]) * 5 > len(letters)


def without_base64(found: "re.Match[str]") -> str:
    """Take base64 out of a line."""
    return "\0" * len(found[0]) if found["ssh"] or changes_case(found[0]) else found[0]


def is_name(token: str) -> bool:
    """Tell whether a token may be a name, a number with letters, or a short digest."""
    if len(token) >= 7 and HEXADECIMAL.issuperset(token):
        return True
    if token.isalpha():
        return is_long_word(token)
    letters = "".join(c for c in token if c.isalpha())
    digits = len(token) - len(letters)
    return "?" not in token and turns(token) == 1 and (is_word(letters) or (digits > 4 and len(letters) <= 4))


def is_word(letters: str) -> bool:
    """Tell whether letters can be spoken."""
    text = unmarked(letters)
    clusters = re.findall("[^AEIOUY]+", text)
    spoken = all(len(cluster) == 1 or cluster in CLUSTERS for cluster in clusters)
    return spoken and "Q" not in clusters and any(c in "AEIOUY" for c in text)


def is_long_word(letters: str) -> bool:
    """Tell whether letters of any number may be a word."""
    text = unmarked(letters)
    vowels, odd = sum(c in "AEIOUY" for c in text), sum(c in "JQXZ" for c in text)
    return vowels * 5 >= len(text) and odd * (8 if len(text) >= LEAST_CHARACTERS else 4) <= len(text)


def is_latin(letters: str) -> bool:
    """Tell whether all letters are Latin ones."""
    return all(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)


def unmarked(letters: str) -> str:
    """Return letters in upper case, without their marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", letters.upper()) if not unicodedata.combining(c))


def neighbours(items: "Sequence[Any]") -> "Iterable[tuple[Any, Any]]":
    """Return each item with the next one."""
    return zip(items, items[1:])


def turns(token: str) -> int:
    """Count where digits and letters follow each other."""
    kinds = [c.isdecimal() for c in token if c != "?"]
    return sum(a != b for a, b in neighbours(kinds))


def is_heavy(row: "Sequence[Weighed]") -> bool:
    """Tell whether twenty characters of a row or more weigh enough; letters that came before weigh nothing."""
    least = LEAST_WEIGHT if any(mixed for _, _, _, mixed in row) else LEAST_WEIGHT_OF_LETTERS
    seen: set[str] = set()
    sums, counts, first, lowest = [0], [0], 0, 0
    for weight, counted, letters, _ in row:
        sums.append(sums[-1] + (min(weight, 0) if len(letters) > 1 and letters in seen else weight))
        counts.append(counts[-1] + counted)
        seen.add(letters)
        while counts[-1] - counts[first] >= LEAST_CHARACTERS:
            lowest = min(lowest, sums[first]) if first else sums[0]
            first += 1
        if first and sums[-1] - lowest >= least:
            return True
    return False


def runs_of(line: str) -> "Iterator[list[str]]":
    """Yield what another keyboard may have made of a share: a long word, or words of four characters in a row."""
    run: list[str] = []
    for word in [*line.split(), ""]:
        if len(word) >= LEAST_CHARACTERS:
            yield [word]
        if len(word) == 4 or (run and len(word) in {3, 5}):
            run.append(word)
            continue
        whole = sum(len(each) == 4 for each in run)
        if whole >= 4 and whole * 5 >= len(run) * 4 and len("".join(run)) >= LEAST_CHARACTERS:
            yield run
        run = []


def is_of_another_keyboard(words: "Sequence[str]") -> bool:
    """Tell whether another keyboard made a share of these words."""
    if any(is_of_keyboard(words, *keyboard) for keyboard in KEYBOARDS):
        return True
    text = "".join(words)
    plain = {c for c in text if c.isalnum()}
    others = {c for c in text if not c.isalnum()} - {"?"}
    fewest = 3 if len(words) == 1 else 1
    if len([c for c in plain if c.isdecimal()]) < fewest or plain <= HEXADECIMAL:
        return False
    if not others or not others <= set(PUNCTUATION_FOR_LETTERS):
        return False
    if len(words) == 1 and is_told(re.findall(r"[^\W\d_]+", text)):
        return False
    as_letters = str.maketrans(dict.fromkeys(PUNCTUATION_FOR_LETTERS, "Q"))
    numbers = [all(c.isdecimal() or c in ".,:" for c in word) for word in words]
    read = [word if number else word.translate(as_letters) for word, number in zip(words, numbers)]
    return any(map(is_heavy, rows_of(" ".join(read))))


def is_of_keyboard(words: "Sequence[str]", digits: str, letters: str, fewest: int) -> bool:
    """Tell whether words are made of what a keyboard gives for a share, and are no words as they stand."""
    text = "".join(words).lower()
    others = {c for c in text if c not in digits and c not in letters and c.upper() == c.lower()}
    if len({*digits} & {*text}) < fewest - (len(words) > 1) or not others <= {"?"}:
        return False
    if len(words) > 1:
        return sum(word.isalpha() and is_word(word) for word in words) * 5 < len(words) * 4
    return not is_told(re.findall(rf"[^\W\d_{re.escape(digits)}]+", text))


def is_told(parts: "Sequence[str]") -> bool:
    """Tell whether most of the letters stand in long words."""
    told = sum(len(part) for part in parts if len(part) > 4 and is_long_word(part))
    return told * 2 >= sum(map(len, parts))


# ---------------------------------------------------------------------------------------------------------------------
# The usage record (8-recovery.md)

TEXT_CHARACTERS_MAX = 200


def human_text(text: str) -> str:
    """Check a text that goes into the record."""
    stripped = text.strip()
    surrogates = any(0xD800 <= ord(character) < 0xE000 for character in stripped)
    if not 1 <= len(stripped) <= TEXT_CHARACTERS_MAX or BAD_CHARACTERS.search(stripped) or surrogates:
        raise Refused("usage", f"1 to {TEXT_CHARACTERS_MAX} characters on one line, without control characters")
    if looks_like_share(stripped):
        raise Refused("usage", "that looks like a share, and no share goes into the record: say it in other words")
    return stripped


def record_of(opened: Opened, officers: "list[str]", ticket: str, reason: str) -> bytes:
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
# The process and the screen: nothing secret is left on either


def harden() -> None:
    """Leave no core file, let no other program of this user read the memory, keep it off the swap; say what failed."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        libc = ctypes.CDLL(None)
        private = libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        locked = lock_memory(libc)
    except (AttributeError, OSError, ValueError):
        private = locked = False
    if not private:
        say("WARNING: other programs of this user, or a core file, may show this program's memory")
    if not locked and len(read_proc("/proc/swaps").splitlines()) != 1:
        say("WARNING: memory is not locked, and what is secret may reach the disk: run swapoff -a, or run this as root")


def lock_memory(libc: Any) -> bool:
    """Lock all memory, unless a low limit would turn later needs into failures."""
    if libc.mlockall(MCL_CURRENT_FUTURE_ONFAULT) != 0:
        return False
    capable = re.search(r"^CapEff:\s*([0-9a-f]+)", read_proc("/proc/self/status"), re.MULTILINE)
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if unlimited or (capable and int(capable[1], 16) >> CAP_IPC_LOCK & 1):
        return True
    libc.munlockall()
    return False


def read_proc(path: str) -> str:
    """Read a file of proc(5); nothing where it cannot be read."""
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


PR_SET_DUMPABLE = 4
MCL_CURRENT_FUTURE_ONFAULT = 7
CAP_IPC_LOCK = 14

BARE_TERMINALS = {"", "dumb", "unknown", "emacs", "network", "dialup", "ethernet", "switch", "patch"}
"""Names of terminals that promise no control sequence."""
SHOW_S = 300
"""How long the secret is shown at most."""
STOPPED_GRACE_S = 2.0
"""How much longer the watcher lets it stand."""
ROW, WHOLE, CLEAN = b"+", b"#", b"-"
"""What the watcher is told of the screen: a row of it is ours, all of it, nothing."""
WRITE_S = 2.0
"""How long a terminal may take to take a text."""
TICK_S = 0.5
"""How soon a terminal of another size is noticed."""
LONGEST_LINE = 4096
INPUT_MAX = 4 << 20
"""Bytes that a file, or standard input, may have: thousands of sheets."""
PIPE_WAIT_S = 300.0
"""How long a pipe's content is waited for."""
ENTER_GOES_ON = "  (Enter goes on)"

UNANSWERED = {"SIGKILL", "SIGSTOP", "SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU"}
"""Signals that cannot be answered, end nothing, or stop."""
STOPPING = () if termios is None else (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""Signals that stop a program and can be answered; none does while the secret is on the screen."""
FAULTS = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"}
"""Signals of a fault: the process ends at once, and its watcher clears the screen."""
IGNORED_BY_PYTHON = {"SIGPIPE", "SIGXFSZ"}


def name_of(number: int) -> str:
    """Return a signal's name."""
    return getattr(number, "name", "")


class Screen:
    """The terminal that people sit at, for as long as the program runs.

    1. What is typed stands in one row, its end where it is longer, and is erased with Enter: nothing of it scrolls.
    2. The secret is shown alone, each row at its place, and every row is erased before anything else happens: a clear
       of the whole screen moves its rows to the scroll-back in some terminals, and what scrolls stays in others.
    3. A signal that ends the program erases first. Where no handler can, a process does that was begun before anything
       secret was here, and waits for this one to end.
    """

    def __init__(self, descriptor: int) -> None:
        """Open the terminal of a descriptor once more, so that no write to it waits for good."""
        self.path = ""
        try:
            self.path = os.ttyname(descriptor)
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            self.descriptor = os.dup(descriptor)
        self.bare = os.environ.get("TERM", "") in BARE_TERMINALS
        self.before = termios.tcgetattr(self.descriptor)
        self.watcher: socket.socket | None = None
        self.row = ""
        self.used = False
        self.drawn_at = (0, 0)
        self.whole = False
        self.ahead = ""
        self.escape = ""

    # Beginning and end

    def begin(self) -> None:
        """Begin the watcher, answer signals, echo nothing."""
        try:
            self.watch()
        except OSError:
            say("WARNING: if this program is ended by force, nothing clears the screen: no watcher could be started")
        for number in signal.valid_signals():
            if name_of(number) not in UNANSWERED | FAULTS:
                signal.signal(number, self.ended)
        for number in STOPPING:
            signal.signal(number, self.stop)
        self.mute()

    def end(self) -> None:
        """Erase what is there and give the terminal back; keys that nobody read are dropped."""
        self.clean()
        self.speak()
        for number in signal.valid_signals():
            if signal.getsignal(number) == self.ended:
                signal.signal(number, signal.SIG_IGN)

    def watch(self) -> None:
        """Leave a process beside this one that erases the screen if this one ends while something is on it."""
        ours, theirs = socket.socketpair()
        if os.fork():
            theirs.close()
            self.watcher = ours
            return
        try:
            ours.close()
            self.wait_for_the_end(theirs)
        finally:
            os._exit(0)

    def wait_for_the_end(self, program: socket.socket) -> None:
        """Be the watcher: in a session of its own, deaf to signals, with nothing open but socket and terminal."""
        os.setsid()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
            signal.signal(number, signal.SIG_IGN)
        for descriptor in range(256):
            if descriptor not in (program.fileno(), self.descriptor):
                try:
                    os.close(descriptor)
                except OSError:
                    continue
        last = b""
        while True:
            # A program that was stopped by force keeps the secret on the screen no longer than one that runs.
            limit = SHOW_S + STOPPED_GRACE_S if last == WHOLE else None
            if not select.select([program], [], [], limit)[0]:
                self.take_away()
                last = b""
            else:
                told = program.recv(4096)
                if not told:
                    break
                last = told[-1:]
        if last in (ROW, WHOLE):
            self.take_away()

    def take_away(self) -> None:
        """Erase, as the watcher, whatever there may be."""
        self.whole = self.used = True
        self.clean()
        self.speak()

    def ended(self, number: int, _frame: object) -> None:
        """Erase, and end as an interruption does."""
        if name_of(number) in IGNORED_BY_PYTHON and not (self.used or self.whole):
            return
        for each in signal.valid_signals():
            if signal.getsignal(each) == self.ended:
                signal.signal(each, signal.SIG_IGN)
        self.clean()
        raise KeyboardInterrupt

    def stop(self, _number: int, _frame: object) -> None:
        """Give the terminal to the shell, with nothing of ours on it, until it lets us go on."""
        if self.whole:
            return
        self.clean()
        self.speak()
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        self.mute()
        for number in STOPPING:
            signal.signal(number, self.stop)

    def mute(self) -> None:
        """Echo nothing, hand over each key at once; no key stops the output or leaves a core file."""
        mode = list(self.before)
        mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON)
        mode[3] = mode[3] & ~(termios.ICANON | termios.ECHO | termios.ECHONL | termios.IEXTEN) | termios.ISIG
        mode[6] = list(mode[6])
        mode[6][termios.VMIN], mode[6][termios.VTIME], mode[6][termios.VQUIT] = 1, 0, b"\0"
        self.set_mode(mode)

    def speak(self) -> None:
        """Give back the mode that was there; keys that nobody read are dropped."""
        self.ahead = ""
        try:
            termios.tcflush(self.descriptor, termios.TCIFLUSH)
        except termios.error:
            return
        self.set_mode(self.before)

    def set_mode(self, mode: "list[Any]") -> None:
        """Set the terminal's mode, if it is still there."""
        try:
            termios.tcsetattr(self.descriptor, termios.TCSANOW, mode)
        except termios.error:
            return

    # Writing

    def size(self) -> "tuple[int, int]":
        """Return rows and the columns that are written to: the last one is left free, since some go on after it."""
        try:
            told = os.get_terminal_size(self.descriptor)
        except OSError:
            return 24, 79
        return told.lines or 24, max(2, (told.columns or 80) - 1)

    def write(self, text: str) -> None:
        """Write within the time; what does not go through is dropped, a terminal that was hung up is opened again."""
        data, attempts = text.encode("utf-8", "backslashreplace"), [self.let_flow, self.drop_output, self.open_again]
        while attempts:
            try:
                attempts.pop(0)()
                self.send(data)
            except (OSError, termios.error):
                continue
            return

    def send(self, data: bytes) -> None:
        """Write, without waiting for good."""
        end = time.monotonic() + WRITE_S
        while data:
            left = max(0.0, end - time.monotonic())
            if not select.select([], [self.descriptor], [], left)[1]:
                raise OSError
            try:
                data = data[os.write(self.descriptor, data[:256]) :]
            except BlockingIOError:
                continue

    def let_flow(self) -> None:
        """Let output go on that Ctrl-S stopped."""
        termios.tcflow(self.descriptor, termios.TCOON)

    def drop_output(self) -> None:
        """Drop what the terminal has not taken."""
        termios.tcflush(self.descriptor, termios.TCOFLUSH)

    def open_again(self) -> None:
        """Open a terminal again that was hung up when its session ended."""
        opened = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.dup2(opened, self.descriptor, inheritable=False)
        os.close(opened)

    def tell_watcher(self, word: bytes) -> None:
        """Tell whether something is on the screen."""
        if self.watcher:
            try:
                self.watcher.send(word, socket.MSG_NOSIGNAL)
            except OSError:
                self.watcher = None

    def clean(self) -> None:
        """Take off the screen what is on it: one row, or everything, as where the terminal has another size by now."""
        width = self.size()[1]
        if (self.whole or self.is_resized()) and not self.bare:
            self.erase()
            self.write("\x1b[?7h" + ("\x1b[?1049l" if self.whole else ""))
            self.drawn_at = self.size()
        elif self.used and self.bare:
            self.write("\r" + " " * width + "\r")
        elif self.used:
            self.write("\r\x1b[2K\x1b[?7h")
        if self.used or self.whole:
            self.tell_watcher(CLEAN)
        self.row, self.used, self.whole = "", False, False

    def is_resized(self) -> bool:
        """Tell whether the terminal has another size than with the last row, and may have broken that into several."""
        return self.drawn_at not in ((0, 0), self.size())

    def erase(self) -> None:
        """Erase every row by itself, then the scroll-back; not from the first row, which some take for a clear."""
        rows = max(self.size()[0], 100)
        self.write("\x1b[m\x1b[?6l\x1b[r\x1b[H" + "\x1b[2K\x1b[B" * rows + "\x1b[2K\x1b[3J\x1b[H")

    def show_row(self, text: str) -> None:
        """Show a text in the row of the cursor, in place of what is there, and let nothing of it go on in the next."""
        if self.used and text.startswith(self.row) and not self.is_resized():
            text, self.row = text[len(self.row) :], text
        else:
            self.clean()
            self.tell_watcher(ROW)
            self.row, text = text, text if self.bare else "\x1b[?7l" + text
        self.used, self.drawn_at = True, self.size()
        self.write(text)

    # Reading

    def keys(self, seconds: float) -> "Iterator[str]":
        """Yield the keys that came at once, within the time. Keys that send a sequence are left out."""
        self.ahead = self.ahead or self.receive(seconds)
        while self.ahead:
            key, self.ahead = self.ahead[0], self.ahead[1:]
            if key == "\n" and self.escape == "\r":
                self.escape = ""
            elif self.escape in ("", "\r") and key != "\x1b":
                self.escape = key if key == "\r" else ""
                yield key
            elif key == "\x1b" or (self.escape == "\x1b" and key in "[O"):
                self.escape = key
            elif self.escape != "[" or "@" <= key <= "~":
                self.escape = ""

    def receive(self, seconds: float) -> str:
        """Wait for keys; the end of the input is Ctrl-D."""
        if not select.select([self.descriptor], [], [], max(0.0, seconds))[0]:
            return ""
        try:
            data = os.read(self.descriptor, 4096)
        except BlockingIOError:
            return ""
        except OSError:
            data = b""
        return data.decode("utf-8", "replace") if data else "\x04"

    def line(self, question: str) -> str:
        """Read a line in one row; the row is empty afterwards."""
        typed = ""
        try:
            while True:
                width = self.size()[1]
                asked = question if len(question) <= width - 12 else question[-(width // 2) :]
                self.show_row(asked + tail(typed, width - cells(asked)))
                for key in self.keys(TICK_S):
                    if key in ("\r", "\n"):
                        return typed
                    if key == "\x04" and not typed:
                        raise EOFError
                    typed = edited(typed, key)
        finally:
            self.clean()

    def show(self, text: str) -> None:
        """Show a secret until Enter is pressed or the time is over, and erase it."""
        end = time.monotonic() + SHOW_S
        try:
            if self.bare:
                self.show_rows(text, end)
            else:
                self.show_pages(text, end)
        finally:
            self.clean()

    def show_rows(self, text: str, end: float) -> None:
        """Show one row at a time, each overwritten by the next."""
        for row in self.cut(text):
            self.show_row(row + ENTER_GOES_ON)
            while not set(self.keys(TICK_S)) & {"\r", "\n", "\x04"}:
                if time.monotonic() > end:
                    return

    def show_pages(self, text: str, end: float) -> None:
        """Show as much as fits; Space turns the page."""
        page, drawn = 0, (0, 0, 0)
        keys: set[str] = set()
        left = end - time.monotonic()
        while left > 0 and not keys & {"\r", "\n", "\x04"}:
            body, room = self.cut(text), max(1, self.size()[0] - 3)
            pages = math.ceil(len(body) / room)
            page = (page + (" " in keys)) % pages
            turn = f"page {page + 1} of {pages}, Space turns it; " if pages > 1 else ""
            before, drawn = drawn, (*self.size(), page)
            if before != drawn:
                self.draw(body[page * room :][:room])
            status = f"Enter erases this; {turn}in {int(left) + 1} s it erases itself"[: self.size()[1]]
            self.write(f"\x1b[1;1H\x1b[2K{status}\x1b[1;1H")
            keys = set(self.keys(TICK_S))
            left = end - time.monotonic()

    def cut(self, text: str) -> "list[str]":
        """Cut a text into rows of this terminal; one that stands alone leaves room for what Enter does."""
        width = self.size()[1] - 2 - (len(ENTER_GOES_ON) if self.bare else 0)
        return [row for line in text.splitlines() for row in marked(line, max(2, width))]

    def draw(self, body: "Sequence[str]") -> None:
        """Draw rows below the first two. The cursor stands above them, so that a smaller terminal cuts them off."""
        self.tell_watcher(WHOLE)
        if self.whole:
            self.erase()
        else:
            self.whole = True
            self.write("\x1b[?1049h\x1b[?7l\x1b[2J\x1b[H")
        self.write("".join(f"\x1b[{number};1H\x1b[2K{row}" for number, row in enumerate(body, 3)))


def cells(text: str) -> int:
    """Return how many columns a text may take."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


def tail(text: str, width: int) -> str:
    """Return the end of a text that fits."""
    while cells(text) > width:
        text = text[max(1, len(text) - width) :] if len(text) > width else text[1:]
    return text


def marked(line: str, width: int) -> "list[str]":
    """Cut a line into rows; ``>`` in front of a row says that it goes on where the row above ended."""
    rows = []
    while cells(line) > width:
        at = width
        while cells(line[:at]) > width:
            at -= 1
        # A space at the edge of a row is one that nobody sees.
        seen = next((n for n in range(at, at // 2, -1) if " " not in line[n - 1 : n + 1]), at)
        rows.append(line[:seen])
        line = line[seen:]
    return [("> " if number else "  ") + row for number, row in enumerate([*rows, line])]


def edited(line: str, key: str) -> str:
    """Return the line after a key."""
    if key in ("\x08", "\x7f"):
        return line[:-1]
    if key == "\x15":
        return ""
    if key == "\x17":
        return line.rstrip().rpartition(" ")[0]
    return line + (" " if key == "\t" else key if key.isprintable() else "")[: LONGEST_LINE - len(line)]


# ---------------------------------------------------------------------------------------------------------------------
# The program


screens: "list[Screen]" = []
"""The terminal, once it is ours."""


def say(text: str) -> None:
    """Answer people; standard output is for the credential alone."""
    print(text, file=sys.stderr, flush=True)


def prompt(text: str) -> str:
    """Ask at the terminal."""
    if screens:
        return screens[0].line(text).strip()
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
            answer = "" if optional and not answer else human_text(answer)
        except Refused as refusal:
            say(str(refusal))
            continue
        if screens:
            say(question + answer)
        return answer


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
    if options.stdout and sys.stdout.isatty():
        raise Refused("usage", "standard output is a terminal: without --stdout the secret is shown there and erased")
    if not options.out and not options.stdout and not sys.stdout.isatty():
        raise Refused("usage", "standard output is no terminal: choose --out FILE or --stdout")
    if options.out and (Path(options.out).exists() or not os.access(Path(options.out).parent, os.W_OK)):
        raise Refused("usage", "--out must be a new file, in a folder that can be written")
    if not terminal and not (options.officer and options.ticket and options.reason):
        raise Refused("usage", "nobody can be asked: --officer, --ticket and --reason are needed")
    for text in (*options.officer, options.ticket or "-", options.reason or "-"):
        human_text(text)


def take_lines(session: Session, lines: "Iterable[bytes]", where: str) -> None:
    """Take lines that nobody types at this moment; each answer says which line is meant."""
    answer = session.say
    for number, line in enumerate(lines, 1):
        session.say = functools.partial(answer_at, answer, f"{where}{number}")
        session.take(line.decode("utf-8", "replace").lstrip("\ufeff"))
    session.say = answer
    session.finish_lines()


def answer_at(answer: "Callable[[str], None]", where: str, text: str) -> None:
    """Answer, and say where."""
    answer(f"[{where}] {text}")


def take_files(session: Session, names: "Sequence[str]") -> None:
    """Take every line of every file. A file is named by its place: a slip may have put a share there."""
    for number, name in enumerate(names, 1):
        try:
            # A pipe is opened without waiting for whoever writes to it.
            descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
            with os.fdopen(descriptor, "rb") as file:
                data = content_of(file)
        except OSError as error:
            raise Refused("usage", f"file {number} cannot be read: {error.strerror}") from None
        take_lines(session, data.splitlines(), f"file {number}: ")


def content_of(file: BinaryIO) -> bytes:
    """Read a file, or a pipe that something is written to: so long, and so much."""
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode) or os.name != "posix":
        data = file.read(INPUT_MAX + 1)
    else:
        data, end = b"", time.monotonic() + PIPE_WAIT_S
        while len(data) <= INPUT_MAX:
            if not select.select([file], [], [], max(0.0, end - time.monotonic()))[0]:
                raise OSError(errno.ETIMEDOUT, "nothing came out of it, or no end")
            piece = os.read(file.fileno(), 1 << 16)
            if not piece:
                break
            data += piece
    if len(data) > INPUT_MAX:
        raise OSError(errno.EFBIG, f"expected at most {INPUT_MAX} bytes")
    return data


def lines_of(stream: BinaryIO) -> "Iterator[bytes]":
    """Yield lines as they come; of one that is far too long its beginning."""
    left = INPUT_MAX
    for line in iter(functools.partial(stream.readline, LONGEST_LINE), b""):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            left -= len(rest)
            if left < 0:
                break
        left -= len(line)
        if left < 0:
            raise Refused("usage", f"expected at most {INPUT_MAX} bytes on standard input")
        yield line


def open_at_terminal(session: Session) -> Opened:
    """Ask for codes and lines until a quorum opens."""
    say(STEPS)
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
        elif word == "steps":
            say(STEPS)
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
        if opened.envelope.made:
            say(f"made: {opened.envelope.made}")
        if opened.envelope.unknown:
            say(f"WARNING: proofs unknown: the envelope carries tags {listed(opened.envelope.unknown)}, which this "
                "program does not know; it opens all the same")  # fmt: skip


def ask_use(options: argparse.Namespace) -> None:
    """Ask what was not given by option."""
    if not options.officer:
        options.officer = [ask("who is there? name and surname: ")]
        options.officer.extend(iter(functools.partial(ask, "who else? (empty: nobody) ", optional=True), ""))
    options.ticket = options.ticket or ask("incident or ticket: ")
    options.reason = options.reason or ask("reason: ")


def record_use(opened: Opened, options: argparse.Namespace, terminal: bool) -> bool:
    """Make the usage record durable; False where it cannot be done. Nothing is revealed before."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    place = options.record or f"recovery-{stamp}-{shown_id(opened.core.epoch_id)}.json"
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
        while looks_like_share(place):
            place = prompt("that looks like a share, not like a file; another file for the record (empty: stop): ")
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
        result += f"TOTP seed (base32): {seed}\n"
        if can_make_codes(credential):
            scheme = credential.numbers
            algorithm, digits, period = (
                TOTP_HASHES[scheme["totp_algorithm"]],
                scheme["totp_digits"],
                scheme["totp_period"],
            )
            now = totp(credential.totp_seed, int(time.time()), algorithm, digits, period)
            result += f"TOTP now ({digits} digits, {period} s, {algorithm}): {now}\n"
    return result + more_of(credential)


def totp(seed: bytes, seconds: int, algorithm: str = "sha1", digits: int = 6, period: int = 30) -> str:
    """Return the code of a moment (RFC 6238)."""
    digest = hmac.digest(seed, struct.pack(">Q", seconds // period), algorithm)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def reveal(credential: Credential, options: argparse.Namespace, terminal: bool) -> None:
    """Let the credential out, the way that was chosen."""
    say(f"kind: {credential.kind_name}")
    for warning in warnings_of(credential):
        say(warning)
    for name, text in credential.texts.items():
        say(f"{name}: {shown(text)}")
    if options.out:
        create(Path(options.out), credential.secret)
        say(f"the secret is in {shown(options.out)}, {len(credential.secret)} bytes")
        if more_of(credential):
            create(Path(options.out + ".more"), more_of(credential).encode())
            say(f"what else belongs to it is in {shown(options.out)}.more")
        if credential.totp_seed:
            create(Path(options.out + ".totp"), base64.b32encode(credential.totp_seed).rstrip(b"="))
            say(f"the TOTP seed, in base32, is in {shown(options.out)}.totp")
    elif options.stdout:
        sys.stdout.buffer.write(credential.secret)
        if credential.totp_seed:
            say("a TOTP seed belongs to it: use --out or a terminal to get it")
        if more_of(credential):
            say("more than the secret belongs to it: use --out or a terminal to get it")
    else:
        show(as_screen(credential), terminal)
    sys.stdout.buffer.flush()
    say("this credential is used: replace it once you are in, and hand the record to the auditor")


def show(text: str, terminal: bool) -> None:
    """Show a secret where it is erased again; where it cannot be, people are told and asked."""
    say("WARNING: the secret is shown next. Look who can see this screen.")
    if not screens or screens[0].bare:
        say("WARNING: this terminal says that it cannot erase: what is shown stays on it, and in all that it keeps.")
        if terminal and prompt("show it all the same? type yes: ").lower() != "yes":
            raise Refused("usage", "nothing was shown; the use is recorded, run again with --out or elsewhere")
    elif terminal:
        prompt("press Enter: ")
    if screens:
        screens[0].show(text)
    else:
        sys.stdout.buffer.write(text.encode())


def take_terminal(options: argparse.Namespace) -> None:
    """Make the terminal ours: the one that people type at, or at least the one that the secret is shown on."""
    shown = not options.out and not options.stdout
    places = [stream for stream in (sys.stdin, sys.stdout) if stream.isatty() and (shown or stream is sys.stdin)]
    if places and termios is not None:
        screens.append(Screen(places[0].fileno()))
        screens[0].begin()


def run(options: argparse.Namespace) -> int:
    """Harden, gather, open, record, reveal: in this order."""
    terminal = sys.stdin.isatty()
    check_options(options, terminal)
    harden()
    take_terminal(options)
    session = Session(say, options.envelope)
    take_files(session, options.files)
    if not options.files and not terminal:
        take_lines(session, lines_of(sys.stdin.buffer), "")
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


def main(arguments: "Sequence[str]") -> int:
    """Run the program; return its exit status."""
    if any(map(looks_like_share, [*arguments, " ".join(arguments)])):
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
    finally:
        while screens:
            screens.pop().end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

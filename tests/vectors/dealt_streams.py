# SPDX-License-Identifier: Apache-2.0
"""Vectors of envelopes at the edges: codes and streams, the largest structures, set names character by character."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dealt import Epoch, Vector, bad, facts_of, good, other_symbol

from breakglass_shamir.crypto import keys
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.structure import Group, Structure

LABEL = b"breakglass-shamir envelope\x00"
"""What stands before the signed bytes of an envelope (spec 4)."""

REFUSED = (0x00, 0x1F, 0x7F, 0x80, 0x9F, 0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202D, 0x2066, 0x2069)
"""Code points that no set name has: the ends of each run, and some between."""

NEIGHBOURS = (0x20, 0x7E, 0xA0, 0x61B, 0x61D, 0x200D, 0x2010, 0x2027, 0x202F, 0x2065, 0x206A, 0xFFFD)
"""Those beside them, which a set name may have."""


def cut(data: bytes, *ends: int) -> list[str]:
    """Return the codes of an envelope that is cut at these places."""
    starts, stops = (0, *ends), (*ends, len(data))
    pieces = [data[start:stop] for start, stop in zip(starts, stops, strict=True)]
    tag = text.encode(hashlib.sha256(data).digest())[:4]
    return [f"BGE1:{i}/{len(pieces)}:{tag}:{text.encode(piece)}" for i, piece in enumerate(pieces, 1)]


def streams(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """What a stream of codes gives, and what ends it."""
    one, several = epochs[0], epochs[4]
    first, *rest = several.codes
    misread = first[:40] + other_symbol(first[40]) + first[41:]
    for kind in ("read-envelope", "read-envelopes"):
        given = {"codes": [misread, *rest, *one.codes]}
        yield bad("a refused code ends the reading, whatever follows", kind, given, "invalid-envelope")
        given = {"codes": ["BGE1:U", *one.codes]}
        yield bad("a text that is no code ends it as well", kind, given, "malformed-text")
    yield good("no code at all", "read-envelopes", {"codes": []}, {"sha256": []})
    yield bad("no code at all", "read-envelope", {"codes": []}, "missing-envelope")
    yield from _pieces(one)


def _pieces(epoch: Epoch) -> Iterator[Vector]:
    kind, data, facts = "read-envelope", epoch.sealed.envelope.to_bytes(), facts_of(epoch.sealed.envelope)
    size = len(data)
    loose = cut(data, 30)
    head, tag, body = loose[0].rsplit(":", 2)
    spaced = f"{head}: {tag[:2]}-{tag[2:].lower()} :\t{body[:9]} - {body[9:]}"
    for name, codes in (
        ("pieces of any length, one of them empty", cut(data, 1, 1, 200)),
        ("blanks and hyphens in hash and piece", [spaced, loose[1]]),
        ("12 codes", cut(data, *range(30, 30 * 12, 30))),
        ("99 codes", cut(data, *range(3, 3 * 99, 3))),
    ):
        yield good(name, kind, {"codes": codes}, facts)
    for name, codes in (
        ("one code that says 1/1", cut(data)),
        ("100 codes", cut(data, *range(3, 3 * 100, 3))),
        ("a blank between the numbers", [loose[0].replace("1/2", "1 /2"), loose[1]]),
        ("a number of codes with a leading zero", [code.replace("/2:", "/02:") for code in cut(data, size // 2)]),
    ):
        yield bad(name, kind, {"codes": codes}, "malformed-text")


def structures(epoch: Epoch) -> Iterator[Vector]:
    """The largest structure, and those that are too large."""
    kind, envelope = "read-envelope", epoch.sealed.envelope

    def of(*groups: tuple[int, int]) -> bytes:
        core = epoch.core.to_bytes()
        head = core[:15] + bytes([1, len(groups)]) + b"".join(bytes(group) for group in groups)
        sheets = sum(members for _, members in groups)
        after = envelope.to_bytes()[len(core) + 16 * epoch.facts.structure.sheets : -64]
        body = head + core[19:] + hashlib.shake_256(b"commitments").digest(16 * sheets) + after
        return body + keys.ed25519_sign(epoch.seed, LABEL + body)

    largest = Structure(1, (Group(2, 15), *(Group(2, 16) for _ in range(15))))
    data = of(*((group.threshold, group.members) for group in largest.groups))
    read = Envelope.from_bytes(data)
    assert read.core == replace(epoch.core, structure=largest)
    yield good("16 groups, 255 sheets", kind, {"codes": ["BGE1:" + text.encode(data)]}, facts_of(read))
    for name, groups in (
        ("17 groups", [(2, 2)] * 17),
        ("256 sheets", [(2, 128)] * 2),
        ("256 sheets in 16 groups", [(2, 16)] * 16),
    ):
        yield bad(name, kind, {"codes": ["BGE1:" + text.encode(of(*groups))]}, "invalid-envelope")


def names(epoch: Epoch) -> Iterator[Vector]:
    """Set names with every kind of character that is refused, and with those beside them."""
    data = epoch.sealed.envelope.to_bytes()
    block = epoch.facts.extensions.to_bytes()
    front = data[: -64 - len(block) - 1 - len(epoch.facts.set_name)]

    def named(name: str) -> bytes:
        raw = name.encode()
        body = front + bytes([len(raw)]) + raw + block
        return body + keys.ed25519_sign(epoch.seed, LABEL + body)

    for point in REFUSED:
        codes = ["BGE1:" + text.encode(named(f"a{chr(point)}b"))]
        yield bad(f"U+{point:04X} in the set name", "read-envelope", {"codes": codes}, "invalid-envelope")
    whole = named("".join(map(chr, NEIGHBOURS)))
    given = {"codes": ["BGE1:" + text.encode(whole)]}
    output = facts_of(Envelope.from_bytes(whole))
    yield good("characters beside those that no set name has", "read-envelope", given, output)

# SPDX-License-Identifier: Apache-2.0
"""Vectors of envelopes at the edges: codes and streams, the largest structures, set names character by character."""

import hashlib
from collections.abc import Iterator, Sequence

from dealt import Epoch, Vector, bad, facts_of, good, other_symbol
from msgspec.structs import replace

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.structure import Group, Structure

LABEL = b"breakglass-shamir envelope\x00"
"""What stands before the signed bytes of an envelope (spec 4)."""

REFUSED = (0x00, 0x1F, 0x7F, 0x80, 0x9F, 0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202D, 0x2066, 0x2069)
"""Code points that no set name has: the ends of each run, and some between."""

NEIGHBOURS = (0x20, 0x7E, 0xA0, 0x61B, 0x61D, 0x200D, 0x2010, 0x2027, 0x202F, 0x2065, 0x206A, 0xFFFD, 0xFFFE, 0xFFFF)
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
    yield from _interleaved(epochs)
    yield from _of_two_kinds(one)


def _interleaved(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """Codes of two envelopes, or of one that was cut twice, in turn: equal number and equal hash belong together."""
    kind, one, other = "read-envelopes", epochs[0].sealed.envelope, epochs[2].sealed.envelope

    def told(*found: Envelope) -> Vector:
        return {"sha256": [envelope.digest.hex() for envelope in found]}

    (a, b), (c, d) = (cut(envelope.to_bytes(), 100) for envelope in (one, other))
    yield good("two envelopes of two codes each, in turn", kind, {"codes": [a, c, b, d]}, told(one, other))
    yield good("two envelopes of two codes each, one within the other", kind, {"codes": [a, c, d, b]}, told(other, one))
    x, y, z = cut(one.to_bytes(), 60, 200)
    yield good("one envelope cut into two and into three, in turn", kind, {"codes": [x, a, y, b, z]}, told(one, one))
    given = {"codes": [c, a, b, d]}
    yield good("the first that becomes complete, not the first that began", "read-envelope", given, facts_of(one))


def _of_two_kinds(epoch: Epoch) -> Iterator[Vector]:
    """Two envelopes of one epoch id, live and drill."""
    envelope = epoch.sealed.envelope
    rival = replace(envelope, core=replace(envelope.core, kind=Kind.DRILL)).signed_by(epoch.seed)
    yield good(
        "an envelope of the other kind under the epoch id",
        "read-envelope",
        {"codes": [*rival.to_codes()]},
        facts_of(rival),
    )
    given = {"codes": [*envelope.to_codes(), *rival.to_codes()]}
    yield bad("two valid envelopes of one epoch id, live and drill", "read-envelopes", given, "envelope-conflict")


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
        ("small letters", [code.lower() for code in loose]),
        ("one code in small letters", ["bge1:" + text.encode(data).lower()]),
    ):
        yield good(name, kind, {"codes": codes}, facts)
    unread = loose[0].replace(tag, tag[:3] + "?")
    holed = next(place for place, symbol in enumerate(body) if symbol == "0")
    for name, codes in (
        (
            "a character that cannot be read in one of several codes",
            [f"{head}:{tag}:{body[:holed]}?{body[holed + 1 :]}", loose[1]],
        ),
        ("a character that cannot be read in the hash", [unread, loose[1].replace(tag, tag[:3] + "?")]),
        ("a hyphen in front of a code", ["-BGE1:" + text.encode(data)]),
        ("two parts behind the prefix", [f"{loose[0].rsplit(':', 1)[0]}", loose[1]]),
        ("four parts behind the prefix", [loose[0] + ":", loose[1]]),
        ("an empty part behind a code", ["BGE1:" + text.encode(data) + ":"]),
        ("one code that says 1/1", cut(data)),
        ("100 codes", cut(data, *range(3, 3 * 100, 3))),
        ("a blank between the numbers", [loose[0].replace("1/2", "1 /2"), loose[1]]),
        ("a number of codes with a leading zero", [code.replace("/2:", "/02:") for code in cut(data, size // 2)]),
    ):
        yield bad(name, kind, {"codes": codes}, "malformed-text")


def structures(epoch: Epoch) -> Iterator[Vector]:
    """The largest structure, and those that are too large."""
    kind, envelope = "read-envelope", epoch.sealed.envelope

    def of(*groups: tuple[int, int], needed: int = 1) -> bytes:
        core = epoch.core.to_bytes()
        head = core[:15] + bytes([needed, len(groups)]) + b"".join(bytes(group) for group in groups)
        head += b"".join(bytes(32 * members) for threshold, members in groups if threshold == 1)
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
    for name, needed, groups in (
        ("one person of the second group opens", 1, [(2, 2), (1, 2)]),
        ("one person of the last of three groups opens", 1, [(3, 3), (2, 2), (1, 1)]),
        ("a group with threshold 0, and enough in the others", 2, [(0, 1), (2, 2)]),
        ("a group without members, and enough in the others", 1, [(2, 2), (0, 0)]),
    ):
        codes = ["BGE1:" + text.encode(of(*groups, needed=needed))]
        yield bad(name, kind, {"codes": codes}, "invalid-envelope")
    data = of((1, 1), (2, 2), (1, 2), needed=2)
    facts = facts_of(Envelope.from_bytes(data))
    yield good(
        "two of three groups, the smallest thresholds add up to 2",
        kind,
        {"codes": ["BGE1:" + text.encode(data)]},
        facts,
    )


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
    for name, text_of in (
        ("a letter and its accent as two characters in the set name", "Zu\u0308rich"),
        ("a compatibility character in the set name", "\ufb01rewall \u212b"),
    ):
        whole = named(text_of)
        facts = facts_of(Envelope.from_bytes(whole))
        assert facts["set_name"] == text_of
        yield good(name, "read-envelope", {"codes": ["BGE1:" + text.encode(whole)]}, facts)

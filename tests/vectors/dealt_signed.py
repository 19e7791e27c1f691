# SPDX-License-Identifier: Apache-2.0
"""Vectors of envelope signatures that libraries judge differently, and that the specification decides.

Who signs knows the key, so every point but the one in question is right.
"""

import hashlib
from collections.abc import Iterator

from dealt import Epoch, Vector, bad, facts_of, good

from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.standalone import recover as ed25519

LABEL = b"breakglass-shamir envelope\x00"
"""What stands before the signed bytes of an envelope (spec 4)."""

SIGN_BIT = 1 << 255
MINUS_ONE: ed25519.Point = (0, ed25519.PRIME - 1, 1, 0)
"""The point of order 2."""

ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8, as it is written."""

SMALL: dict[int, ed25519.Point] = {
    1: (0, 1, 1, 0),
    2: MINUS_ONE,
    4: ed25519.decode_point(bytes(32)),
    8: ed25519.decode_point(ORDER_EIGHT),
}
"""Points of small order: with the cofactor they count for nothing, whoever holds no key."""

NONCE = 0x5EED << 200


def signed(epoch: Epoch) -> Iterator[Vector]:
    """One envelope under signatures of several forms."""
    part = epoch.sealed.envelope.to_bytes()[:-64]
    scalar, _ = ed25519.expand_seed(epoch.seed.reveal())
    public = epoch.sealed.envelope.set_public_key

    def codes(body: bytes, signature: bytes) -> Vector:
        return {"codes": ["BGE1:" + text.encode(body + signature)]}

    def signature(r: bytes, nonce: int, key: bytes = public, secret: int = scalar, body: bytes = part) -> bytes:
        s = (nonce + ed25519.hash_to_number(r, key, LABEL + body) * secret) % ed25519.ORDER
        return r + s.to_bytes(32, "little")

    point = ed25519.multiply_point(NONCE, ed25519.BASE)
    plain = signature(ed25519.encode_point(point), NONCE)
    mixed = signature(ed25519.encode_point(ed25519.add_points(point, MINUS_ONE)), NONCE)
    kind = "read-envelope"
    for name, made in (
        ("a signature with another nonce", plain),
        ("R with a part of order 2: the cofactor counts", mixed),
    ):
        yield good(name, kind, codes(part, made), facts_of(Envelope.from_bytes(part + made)))
    larger = int.from_bytes(plain[32:], "little") + ed25519.ORDER
    yield bad(
        "s is not below the order", kind, codes(part, plain[:32] + larger.to_bytes(32, "little")), "invalid-envelope"
    )
    for name, number in (
        ("R is written with y above the prime", ed25519.PRIME + 1),
        ("R has x = 0 and the sign bit", 1 | SIGN_BIT),
        ("R has x = 0, y = -1 and the sign bit", ed25519.PRIME - 1 | SIGN_BIT),
    ):
        r = number.to_bytes(32, "little")
        yield bad(name, kind, codes(part, signature(r, 0)), "invalid-envelope")
    off_curve = (2).to_bytes(32, "little")
    yield bad("R is no point", kind, codes(part, signature(off_curve, 0)), "invalid-envelope")
    for name, number in (
        ("the set public key is written with y above the prime", ed25519.PRIME + 1),
        ("the set public key has x = 0 and the sign bit", 1 | SIGN_BIT),
    ):
        key = number.to_bytes(32, "little")
        epoch_id = hashlib.sha256(key).digest()[:8]
        body = (part[:3] + epoch_id + part[11:]).replace(public, key)
        made = signature(ed25519.encode_point(point), NONCE, key, 0, body)
        yield bad(name, kind, codes(body, made), "invalid-envelope")
    for order, small in SMALL.items():
        r = ed25519.encode_point(small)
        made = signature(r, 0)
        yield good(f"R of order {order}", kind, codes(part, made), facts_of(Envelope.from_bytes(part + made)))
        epoch_id = hashlib.sha256(r).digest()[:8]
        body = (part[:3] + epoch_id + part[11:]).replace(public, r)
        made = signature(ed25519.encode_point(point), NONCE, r, 0, body)
        facts = facts_of(Envelope.from_bytes(body + made))
        yield good(f"a set public key of order {order}", kind, codes(body, made), facts)
        wrong = made[:32] + (int.from_bytes(made[32:], "little") ^ 1).to_bytes(32, "little")
        yield bad(f"a set public key of order {order}, and another s", kind, codes(body, wrong), "invalid-envelope")

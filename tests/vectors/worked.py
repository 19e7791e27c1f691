# SPDX-License-Identifier: Apache-2.0
"""Write the blocks of docs/spec/examples.md: ``python tests/vectors/worked.py`` prints them by name.

Every number comes from the vectors or is computed here, step by step, with the arithmetic of ``recover.py`` and not
that of the program. A test compares the document with what this writes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from breakglass_shamir.standalone import recover

FOLDER = Path(__file__).parent
WRONG_AT = (7, 26, 52, 93)
"""Characters of the share's text that were misread, from 1, as in the vector ``four wrong characters``."""


def _vectors(file: str) -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / f"{file}.json").read_text(encoding="ascii"))
    return loaded["vectors"]


def _numbers(values: list[int]) -> str:
    return " ".join(f"{value:02x}" for value in values)


def _rows(data: bytes, size: int = 15) -> list[str]:
    return [f"  {start:2}  {data[start : start + size].hex(' ')}" for start in range(0, len(data), size)]


def repaired_share() -> str:
    """A share with four wrong characters: syndromes, locator, places, values."""
    vector = next(one for one in _vectors("shares") if one["name"] == "four wrong characters")
    symbols = recover.share_symbols(vector["input"]["text"])
    received = recover.decode32(symbols)
    syndromes = recover.syndromes_of(received)
    locator = recover.error_locator(syndromes)
    word, spare = recover.repair(received, [])
    wrong = [i for i, (old, new) in enumerate(zip(received, word, strict=True)) if old != new]
    size = len(received)
    roots = [i for i in range(size) if not recover.evaluate(locator, recover.over(1, recover.EXP[size - 1 - i]))]
    assert roots == wrong
    assert spare == vector["output"]["spare_parity"]
    assert vector["output"]["repaired"] == list(WRONG_AT)
    fixed = [f"  byte {i:2}  X = a^{size - 1 - i:<2}  read {received[i]:02x}, error {received[i] ^ word[i]:02x}, "
             f"so {word[i]:02x}" for i in wrong]  # fmt: skip
    return "\n".join(
        [
            "96 characters as read",
            *(f"      {symbols[start : start + 24]}" for start in range(0, 96, 24)),
            "60 bytes",
            *_rows(received),
            "syndromes S_0 to S_16, S_j = received(a^j)",
            f"      {_numbers(syndromes)}",
            "error locator, lowest coefficient first",
            f"      {_numbers(locator)}",
            "places where it is zero at X^-1, and errors",
            *fixed,
            f"characters {', '.join(map(str, WRONG_AT))}; spare parity 17 - 2 * {len(wrong)} = {spare}",
            "60 bytes repaired, the first 43 the share",
            *_rows(word),
        ]
    )


def combined() -> str:
    """Two shares to the master: the first half of each, with its Lagrange coefficients."""
    epoch = next(one for one in _vectors("epochs") if one["name"] == "2-of-3")
    points = [(share["member"], int(share["value"][:32], 16)) for share in epoch["output"]["shares"][:2]]
    rows, total = [], 0
    for (x, y), (other, _) in (points, points[::-1]):
        power = recover.multiply128(x, x)
        factor = recover.multiply128(other, recover.inverse128(other ^ x))
        term = recover.multiply128(y ^ power, factor)
        total ^= term
        rows += [
            f"x = {x}   y                 {y:032x}",
            f"        y - x^2           {y ^ power:032x}",
            f"        {other} / ({other} - {x})       {factor:032x}",
            f"        product           {term:032x}",
        ]
    assert f"{total:032x}" == epoch["input"]["master"][:32]
    return "\n".join([*rows, f"sum, bytes 0 to 15 of the master  {total:032x}"])


def envelope_signature() -> str:
    """What an envelope's signature is over, and the two sides that must agree."""
    epoch = next(one for one in _vectors("epochs") if one["name"] == "2-of-3")
    data = bytes.fromhex(epoch["output"]["bytes"])
    public = bytes.fromhex(epoch["output"]["set_public_key"])
    message, signature = b"breakglass-shamir envelope\x00" + data[:-64], data[-64:]
    digest = hashlib.sha512(signature[:32] + public + message).hexdigest()
    k = recover.hash_to_number(signature[:32], public, message)
    left = recover.multiply_point(8 * int.from_bytes(signature[32:], "little"), recover.BASE)
    right = recover.add_points(
        recover.decode_point(signature[:32]), recover.multiply_point(k, recover.decode_point(public))
    )
    sides = [recover.encode_point(left), recover.encode_point(recover.multiply_point(8, right))]
    assert sides[0] == sides[1]
    return "\n".join(
        [
            f"envelope           {len(data)} bytes, the last 64 the signature",
            f"message            27 bytes of label and {len(data) - 64} of envelope, begins {message[:30].hex()}",
            f"A, set public key  {public.hex()}",
            f"R                  {signature[:32].hex()}",
            f"s, little-endian   {signature[32:].hex()}",
            f"SHA-512(R, A, message)  {digest[:64]}",
            f"                        {digest[64:]}",
            f"k, that mod L      {k.to_bytes(32, 'little').hex()}",
            f"[8][s]B            {sides[0].hex()}",
            f"[8]R + [8][k]A     {sides[1].hex()}",
        ]
    )


BLOCKS = {
    "A repaired share": repaired_share,
    "Two shares combined": combined,
    "The signature of an envelope": envelope_signature,
}
"""Heading in the document, and what writes the block below it."""

if __name__ == "__main__":
    for heading, write in BLOCKS.items():
        print(f"## {heading}\n\n```\n{write()}\n```\n")

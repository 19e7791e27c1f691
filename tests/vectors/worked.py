# SPDX-License-Identifier: Apache-2.0
"""Write the blocks of docs/spec/examples.md: ``python tests/vectors/worked.py`` prints them by name.

Every number comes from the vectors or is computed here, step by step, with the arithmetic of ``recover.py`` and not
that of the program. A test compares the document with what this writes.
"""

import base64
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


def _log(name: str) -> tuple[bytes, list[dict[str, str]]]:
    given = next(one for one in _vectors("logs") if one["name"] == name)["input"]
    return bytes.fromhex(given["public_key"]), given["entries"]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _cut(data: bytes, *fields: tuple[str, int]) -> list[str]:
    """Write bytes down field by field: offset, bytes, what they are; a long field in rows of 32."""
    rows, at = [], 0
    for name, length in fields:
        for start in range(at, at + length, 32):
            shown = data[start : min(start + 32, at + length)].hex()
            rows.append(f"  {start:3}  {shown:64}  {name if start == at else ''}".rstrip())
        at += length
    assert at == len(data)
    return rows


def _holds(public: bytes, message: bytes, signature: bytes) -> None:
    recover.verify_signature(public, message, signature)


def checkpoint() -> str:
    """The tree over three records, and the note of it."""
    public, rows = _log("small")
    leaves = [hashlib.sha256(b"\x00" + row["record"].encode()).digest() for row in rows[:3]]
    pair = _node(leaves[0], leaves[1])
    root = _node(pair, leaves[2])
    note = rows[2]["checkpoint"]
    text, _, line = note.partition("\n\n")
    origin, size, encoded = text.split("\n")
    assert (size, base64.b64decode(encoded)) == ("3", root)
    blob = base64.b64decode(line.split(" ")[2])
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    assert blob[:4] == key_id
    _holds(public, f"{text}\n".encode(), blob[4:])
    lengths = [len(row["record"].encode()) for row in rows[:3]]
    return "\n".join(
        [
            *(f"leaf {i}, SHA-256(00 || {n} bytes)  {leaf.hex()}" for i, (n, leaf) in
              enumerate(zip(lengths, leaves, strict=True))),
            f"node, SHA-256(01 || leaf 0 || leaf 1)  {pair.hex()}",
            f"root, SHA-256(01 || node || leaf 2)    {root.hex()}",
            f"terminal public key  {public.hex()}",
            f"log id, the first 8 bytes of its SHA-256  {hashlib.sha256(public).hexdigest()[:16]}",
            f"the text, {len(text) + 1} bytes, a line feed behind each line",
            *(f"      {one}" for one in text.split("\n")),
            f"key id, 4 bytes of SHA-256({len(origin)} bytes of origin || 0a || 01 || key)  {key_id.hex()}",
            "the base64 of the signature line, decoded",
            *_cut(blob, ("key id", 4), ("R", 32), ("s", 32)),
        ]
    )  # fmt: skip


def ssh_signature() -> str:
    """What stands in the armor, and what is signed."""
    given = next(one for one in _vectors("signatures") if one["name"] == "ssh-ed25519")["input"]
    blob = base64.b64decode("".join(given["signature"].split("\n")[1:-2]))
    message, namespace = bytes.fromhex(given["message"]), given["namespace"].encode()
    digest = hashlib.sha512(message).digest()
    signed = b"SSHSIG" + b"".join(recover.ssh_string(one) for one in (namespace, b"", b"sha512", digest))
    public = blob[33:65]
    _holds(public, signed, blob[-64:])
    fields = _cut(
        blob, ("SSHSIG", 6), ("version 1", 4), ("51 bytes of key blob:", 4), ("11", 4), ("ssh-ed25519", 11), ("32", 4),
        ("public key", 32), (f"{len(namespace)}", 4), (namespace.decode(), len(namespace)), ("reserved, empty", 4),
        ("6", 4), ("sha512", 6), ("83 bytes of signature blob:", 4), ("11", 4), ("ssh-ed25519", 11), ("64", 4),
        ("R", 32), ("s", 32),
    )  # fmt: skip
    parts = _cut(
        signed, ("SSHSIG", 6), (f"{len(namespace)}", 4), (namespace.decode(), len(namespace)), ("reserved, empty", 4),
        ("6", 4), ("sha512", 6), ("64", 4), ("SHA-512 of the message", 64),
    )  # fmt: skip
    return "\n".join(
        [
            f"message, {len(message)} bytes  {message.hex()}",
            f"blob, {len(blob)} bytes, in the armor as {len(base64.b64encode(blob))} characters in lines of 70",
            *fields,
            f"signed, {len(signed)} bytes: R and s are Ed25519 over them",
            *parts,
        ]
    )


def receipt() -> str:
    """A statement field by field, and the way from its leaf to its root."""
    text = next(one for one in _vectors("receipts") if one["name"] == "of a set")["input"]["text"]
    lines = text.split("\n")
    extra = base64.b64decode(lines[1].removeprefix("extra "))
    name_length = extra[121]
    pins = extra[122 + name_length]
    end = 123 + name_length + 64 * pins
    statement, signature, record = extra[:end], extra[end : end + 64], extra[end + 64 :]
    public, size, index = (
        statement[1:33],
        int.from_bytes(statement[33:41], "big"),
        int.from_bytes(statement[41:49], "big"),
    )
    _holds(public, b"breakglass-shamir receipt\x00" + statement, signature)
    value = hashlib.sha256(b"\x00" + record).digest()
    assert value == statement[89:121]
    steps, position, last = [f"      leaf {index} of {size}  {value.hex()}"], index, size - 1
    for line in lines[3 : lines.index("")]:
        other = base64.b64decode(line)
        left = position % 2 == 1 or position == last
        value = _node(other, value) if left else _node(value, other)
        while left and position % 2 == 0 and position:
            position, last = position // 2, last // 2
        position, last = position // 2, last // 2
        steps += [f"      {'left ' if left else 'right'} sibling  {other.hex()}", f"      node           {value.hex()}"]
    assert value == statement[57:89]
    return "\n".join(
        [
            f"the extra line: statement ({len(statement)}), signature (64), record {index} ({len(record)} bytes)",
            *_cut(
                statement, ("version", 1), ("terminal key", 32), (f"size {size}", 8), (f"index {index}", 8),
                ("time", 8),
                ("root", 32), ("leaf", 32), ("length of the name", 1),
                (statement[122 : 122 + name_length].decode(), name_length),
                (f"{pins} pin", 1), *(("set public key", 32), ("SHA-256 of the envelope", 32)) * pins,
            ),
            f"signature over {26 + len(statement)} bytes: \"breakglass-shamir receipt\" || 00 || statement",
            *_cut(signature, ("R", 32), ("s", 32)),
            "from the leaf to the root, by the hashes of the file",
            *steps,
        ]
    )  # fmt: skip


BLOCKS = {
    "A repaired share": repaired_share,
    "Two shares combined": combined,
    "The signature of an envelope": envelope_signature,
    "A checkpoint": checkpoint,
    "An SSH signature": ssh_signature,
    "A receipt": receipt,
}
"""Heading in the document, and what writes the block below it."""

if __name__ == "__main__":
    for heading, write in BLOCKS.items():
        print(f"## {heading}\n\n```\n{write()}\n```\n")

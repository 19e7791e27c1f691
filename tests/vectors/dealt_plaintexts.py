# SPDX-License-Identifier: Apache-2.0
"""Vectors of credentials as plaintexts."""

from collections.abc import Iterator

from dealt import Epoch, Vector, bad, credential_of, good

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.hygiene import Secret

GREATEST = {2: 4096, 3: 512, 4: 512, 5: 512, 6: 512, 7: 512, 11: 512, 12: 64, 13: 1023, 15: 4096}
"""The greatest length of each field whose length is free (spec 5)."""


def field(tag: int, value: bytes) -> bytes:
    """Return one field as its bytes."""
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def _longest() -> bytes:
    """Return a plaintext of every field at its greatest length; longer than a writer makes one."""
    fields = {tag: b"x" * length for tag, length in GREATEST.items()}
    return b"\x01" + b"".join(field(tag, value) for tag, value in sorted({1: b"\x06", **fields}.items()))


def plaintexts(epochs: list[Epoch]) -> Iterator[Vector]:
    """Credentials as plaintexts."""
    for epoch in (epochs[0], epochs[1], epochs[5], *epochs[8:]):
        given = {"plaintext": epoch.credential.to_bytes().reveal().hex()}
        yield good(f"credential of {epoch.name}", "read-credential", given, credential_of(epoch.credential))
    kind, secret = bytes.fromhex("01000101"), bytes.fromhex("02000178")
    plain, seed = b"\x01" + kind + secret, b"\x07\x00\x01s"
    for name, body in (
        ("later fields that a reader may do without", plain + b"\x80\x00\x01x" + b"\xff\x02\x01" + bytes(513)),
        ("the first tag of a later release", plain + b"\x10\x00\x01x"),
        ("tag 127", plain + b"\x7f\x00\x01x"),
        ("a later field that is longer than any known one", plain + b"\x10\x20\x00" + bytes(8192)),
        ("kind 0", b"\x01\x01\x00\x01\x00" + secret),
        ("kind 9", b"\x01\x01\x00\x01\x09" + secret),
        ("kind 255", b"\x01\x01\x00\x01\xff" + secret),
        ("SHA-512, 10 digits, 65535 seconds", plain + seed + bytes.fromhex("080001030900010a0a0002ffff")),
        ("one-time codes of a later scheme", plain + seed + bytes.fromhex("08000104090001ff")),
        ("a byte order mark at the front of an account", plain + b"\x03\x00\x05\xef\xbb\xbfdb"),
        ("spaces at the ends of a hint", plain + b"\x06\x00\x04 \xc2\xa0x"),
        ("a passkey without its ids", b"\x01\x01\x00\x01\x06" + secret),
        ("a fingerprint of the authority that is not hexadecimal", plain + b"\x05\x00\x05not 0"),
        ("the largest counter", plain + bytes.fromhex("0e0004ffffffff")),
        ("every field at its greatest length", _longest()),
        ("a certificate beside a password", plain + field(15, b"-----BEGIN CERT")),
        ("texts of every script", plain + field(3, "\u540d\u524d".encode()) + field(6, "\U0001f511 \u0645".encode())),
    ):
        output = credential_of(Credential.from_bytes(Secret(body)))
        yield good(name, "read-credential", {"plaintext": body.hex()}, output)
    for name, body, error in (
        ("version 2", b"\x02" + kind + secret, "unsupported-version"),
        ("no byte at all", b"", "unsupported-version"),
        ("the version alone", b"\x01", "decryption-failed"),
        ("a scheme without a seed", plain + b"\x08\x00\x01\x02", "decryption-failed"),
        ("the common algorithm written", plain + seed + b"\x08\x00\x01\x01", "decryption-failed"),
        ("the common digits written", plain + seed + b"\x09\x00\x01\x06", "decryption-failed"),
        ("the common period written", plain + seed + b"\x0a\x00\x02\x00\x1e", "decryption-failed"),
        ("a counter of 0 written", plain + b"\x0e\x00\x04" + bytes(4), "decryption-failed"),
        ("algorithm 0", plain + seed + b"\x08\x00\x01\x00", "decryption-failed"),
        ("digits 0", plain + seed + b"\x09\x00\x01\x00", "decryption-failed"),
        ("period 0", plain + seed + b"\x0a\x00\x02\x00\x00", "decryption-failed"),
        ("a period of one byte", plain + seed + b"\x0a\x00\x01\x3c", "decryption-failed"),
        ("an RP id that is not UTF-8", plain + b"\x0b\x00\x01\xff", "decryption-failed"),
        ("an RP id of 513 bytes", plain + b"\x0b\x02\x01" + b"r" * 513, "decryption-failed"),
        ("a user handle of 65 bytes", plain + b"\x0c\x00\x41" + bytes(65), "decryption-failed"),
        ("a credential id of 1024 bytes", plain + b"\x0d\x04\x00" + bytes(1024), "decryption-failed"),
        ("a counter of 3 bytes", plain + b"\x0e\x00\x03\x00\x00\x01", "decryption-failed"),
        ("a certificate of 4097 bytes", plain + b"\x0f\x10\x01" + bytes(4097), "decryption-failed"),
        ("an empty field of a later release", plain + b"\x10\x00\x00", "decryption-failed"),
        ("a later field twice", plain + b"\xc8\x00\x01x\xc8\x00\x01x", "decryption-failed"),
        ("no secret", b"\x01" + kind, "decryption-failed"),
        ("no kind", b"\x01" + secret, "decryption-failed"),
        ("a kind of two bytes", b"\x01\x01\x00\x02\x00\x01" + secret, "decryption-failed"),
        ("tags that descend", b"\x01" + secret + kind, "decryption-failed"),
        ("a tag twice", b"\x01" + kind + secret + secret, "decryption-failed"),
        ("tag 0", b"\x01\x00\x00\x01x" + kind + secret, "decryption-failed"),
        ("an empty field", b"\x01" + kind + secret + b"\x03\x00\x00", "decryption-failed"),
        ("a field cut short", b"\x01" + kind + secret + b"\x03\x00\x05root", "decryption-failed"),
        ("a tag without a length", b"\x01" + kind + secret + b"\x03\x00", "decryption-failed"),
        ("an account that is not UTF-8", b"\x01" + kind + secret + b"\x03\x00\x01\xff", "decryption-failed"),
        ("a secret of 4097 bytes", b"\x01" + kind + b"\x02\x10\x01" + bytes(4097), "decryption-failed"),
        ("a hint of 513 bytes", b"\x01" + kind + secret + b"\x06\x02\x01" + b"h" * 513, "decryption-failed"),
        ("an algorithm of two bytes", plain + seed + field(8, b"\x00\x02"), "decryption-failed"),
        ("digits in two bytes", plain + seed + field(9, b"\x00\x08"), "decryption-failed"),
        ("digits without a seed", plain + field(9, b"\x08"), "decryption-failed"),
        ("a period without a seed", plain + field(10, b"\x00\x3c"), "decryption-failed"),
        ("an account of 513 bytes", plain + field(3, b"a" * 513), "decryption-failed"),
        ("a target of 513 bytes", plain + field(4, b"t" * 513), "decryption-failed"),
        ("a fingerprint of the authority of 513 bytes", plain + field(5, b"f" * 513), "decryption-failed"),
        ("a target that is not UTF-8", plain + field(4, b"a\xc3\x28"), "decryption-failed"),
        ("a fingerprint of the authority with a surrogate", plain + field(5, b"\xed\xa0\x80"), "decryption-failed"),
        ("a hint with an overlong zero", plain + field(6, b"\xc0\x80"), "decryption-failed"),
        ("a hint with a character above U+10FFFF", plain + field(6, b"\xf4\x90\x80\x80"), "decryption-failed"),
        (
            "a TOTP seed of 513 bytes",
            b"\x01" + kind + secret + b"\x07\x02\x01" + bytes(513),
            "decryption-failed",
        ),
    ):
        yield bad(name, "read-credential", {"plaintext": body.hex()}, error)

# SPDX-License-Identifier: Apache-2.0
"""Keys that people bring: each type signs, and nothing that is not exactly its signature passes."""

import base64
from collections.abc import Callable
from functools import cache

import pytest
from Crypto.Hash import SHA256, SHA384, SHA512
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, eddsa, pkcs1_15
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.crypto.ssh_wire import join
from breakglass_shamir.errors import InvalidSignature

DATA = b"what is signed"
TOUCHED = b"\x01\x00\x00\x00\x07"
"""Flags and counter of a token that somebody touched."""

CURVES = {"256": ("p256", 32, SHA256), "384": ("p384", 48, SHA384), "521": ("p521", 66, SHA512)}


def mpint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@cache
def rsa_key(bits: int = 3072) -> RSA.RsaKey:
    return RSA.generate(bits)


@cache
def ecc_key(name: str) -> ECC.EccKey:
    return ECC.generate(curve=name)


def ed25519_public() -> bytes:
    return bytes(ecc_key("Ed25519").public_key().export_key(format="raw"))


def point(bits: str) -> bytes:
    return bytes(ecc_key(CURVES[bits][0]).public_key().export_key(format="SEC1"))


def ecdsa_parts(bits: str, data: bytes) -> bytes:
    name, size, hashing = CURVES[bits]
    raw = DSS.new(ecc_key(name), "fips-186-3").sign(hashing.new(data))
    return join(mpint(int.from_bytes(raw[:size], "big")), mpint(int.from_bytes(raw[size:], "big")))


def as_token(data: bytes, tail: bytes) -> bytes:
    return SHA256.new(b"ssh:").digest() + tail + SHA256.new(data).digest()


def by_ed25519(data: bytes) -> bytes:
    return eddsa.new(ecc_key("Ed25519"), "rfc8032").sign(data)


def signed(kind: str, data: bytes = DATA, tail: bytes = TOUCHED) -> tuple[bytes, bytes]:
    """A key and its signature, both in wire format, made with pycryptodome alone."""
    name = kind.encode()
    if kind == ssh_key.ED25519:
        return join(name, ed25519_public()), join(name, by_ed25519(data))
    if kind == ssh_key.RSA:
        key = rsa_key()
        signature = pkcs1_15.new(key).sign(SHA512.new(data))
        return join(name, mpint(key.e), mpint(key.n)), join(b"rsa-sha2-512", signature)
    if kind == ssh_key.SK_ED25519:
        blob = join(name, ed25519_public(), b"ssh:")
        return blob, join(name, by_ed25519(as_token(data, tail))) + tail
    if kind == ssh_key.SK_ECDSA:
        blob = join(name, b"nistp256", point("256"), b"ssh:")
        return blob, join(name, ecdsa_parts("256", as_token(data, tail))) + tail
    bits = kind[-3:]
    return join(name, b"nistp" + bits.encode(), point(bits)), join(name, ecdsa_parts(bits, data))


@pytest.mark.parametrize("kind", ssh_key.TYPES)
def test_each_type_signs_its_data_and_no_other(kind: str) -> None:
    blob, signature = signed(kind)
    key = ssh_key.from_blob(blob)
    key.verify(DATA, signature)
    assert ssh_key.from_line(key.line + " a comment of several words") == key
    with pytest.raises(InvalidSignature, match="does not verify"):
        key.verify(DATA + b" ", signature)


SIGNED = {kind: signed(kind) for kind in ssh_key.TYPES}


@given(st.data())
@pytest.mark.parametrize("kind", ssh_key.TYPES)
def test_no_flipped_bit_of_a_signature_passes(kind: str, data: st.DataObject) -> None:
    blob, signature = SIGNED[kind]
    changed = bytearray(signature)
    bit = data.draw(st.integers(0, 8 * len(changed) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        ssh_key.from_blob(blob).verify(DATA, bytes(changed))


@given(st.data())
@pytest.mark.parametrize("kind", ssh_key.TYPES)
def test_no_flipped_bit_of_a_key_passes(kind: str, data: st.DataObject) -> None:
    blob, signature = SIGNED[kind]
    changed = bytearray(blob)
    bit = data.draw(st.integers(0, 8 * len(changed) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        ssh_key.from_blob(bytes(changed)).verify(DATA, signature)


@pytest.mark.parametrize("kind", ssh_key.TYPES)
@pytest.mark.parametrize("more", [b"\x00", join(b""), TOUCHED])
def test_nothing_may_follow_a_signature_or_a_key(kind: str, more: bytes) -> None:
    blob, signature = SIGNED[kind]
    with pytest.raises(InvalidSignature):
        ssh_key.from_blob(blob).verify(DATA, signature + more)
    with pytest.raises(InvalidSignature):
        ssh_key.from_blob(blob + more)
    for length in range(0, len(signature), 7):
        with pytest.raises(InvalidSignature):
            ssh_key.from_blob(blob).verify(DATA, signature[:length])


@pytest.mark.parametrize("kind", [ssh_key.SK_ED25519, ssh_key.SK_ECDSA])
def test_a_token_that_nobody_touched_does_not_count(kind: str) -> None:
    blob, signature = signed(kind, tail=b"\x04\x00\x00\x00\x07")
    with pytest.raises(InvalidSignature, match="somebody touched"):
        ssh_key.from_blob(blob).verify(DATA, signature)


@pytest.mark.parametrize("kind", [ssh_key.SK_ED25519, ssh_key.SK_ECDSA])
def test_a_tokens_signature_for_another_application_does_not_count(kind: str) -> None:
    blob, signature = SIGNED[kind]
    elsewhere = blob.replace(join(b"ssh:"), join(b"ssh:web"))
    assert elsewhere != blob
    with pytest.raises(InvalidSignature, match="does not verify"):
        ssh_key.from_blob(elsewhere).verify(DATA, signature)


def test_rsa_with_another_hash_does_not_count() -> None:
    blob, _ = SIGNED[ssh_key.RSA]
    signature = pkcs1_15.new(rsa_key()).sign(SHA256.new(DATA))
    with pytest.raises(InvalidSignature, match="expected a signature of type rsa-sha2-512"):
        ssh_key.from_blob(blob).verify(DATA, join(b"rsa-sha2-256", signature))
    with pytest.raises(InvalidSignature, match="does not verify"):
        ssh_key.from_blob(blob).verify(DATA, join(b"rsa-sha2-512", signature))


def rsa_blob(exponent: int, modulus: int) -> bytes:
    return join(b"ssh-rsa", mpint(exponent), mpint(modulus))


def test_a_weak_rsa_key_is_refused() -> None:
    modulus = rsa_key().n
    with pytest.raises(InvalidSignature, match="expected an RSA key of 3072 to 16384 bits, got 2048"):
        ssh_key.from_blob(rsa_blob(65537, modulus >> 1024))
    for exponent in (1, 4, 65536):
        with pytest.raises(InvalidSignature, match="odd exponent"):
            ssh_key.from_blob(rsa_blob(exponent, modulus))


def test_a_number_has_one_spelling() -> None:
    key = rsa_key()
    for field in (b"\x00" + mpint(key.e), b"", b"\x00", b"\x81"):
        with pytest.raises(InvalidSignature, match="one spelling"):
            ssh_key.from_blob(join(b"ssh-rsa", field, mpint(key.n)))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: b"\x02" + p[1:33],
        lambda p: b"\x05" + p[1:],
        lambda p: p[:-1],
        lambda p: p[:-1] + bytes([p[-1] ^ 1]),
    ],
)
def test_a_point_that_is_not_written_out_or_not_on_the_curve_is_refused(make: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidSignature, match="point of"):
        ssh_key.from_blob(join(b"ecdsa-sha2-nistp256", b"nistp256", make(point("256"))))
    with pytest.raises(InvalidSignature, match="point of"):
        ssh_key.from_blob(join(b"ecdsa-sha2-nistp256", b"nistp384", point("256")))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !",
        'from="x" ssh-ed25519 AAAA',
        "ssh-dss AAAA",
        "ssh-ed25519-cert-v01@openssh.com AA",
    ],
)
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(InvalidSignature):
        ssh_key.from_line(line)


def test_a_line_says_the_type_that_the_key_has() -> None:
    blob, _ = SIGNED[ssh_key.SK_ED25519]
    with pytest.raises(InvalidSignature, match="expected a key of type ssh-ed25519, got one of sk-ssh-ed25519"):
        ssh_key.from_line(f"ssh-ed25519 {base64.b64encode(blob).decode()}")

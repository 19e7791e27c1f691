# SPDX-License-Identifier: Apache-2.0
"""Vectors of SSH signatures: of every type of key that counts, and all that is refused."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from Crypto.Hash import SHA256, SHA384, SHA512
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, pkcs1_15
from dealt import Vector, bad, good
from made_logs import line_of, public_test_key

from breakglass_shamir.crypto import keys, ssh_wire, sshsig
from breakglass_shamir.hygiene import Secret

KEY = public_test_key("terminal office")


def signatures(_: object = None) -> Iterator[Vector]:
    """Every vector of ``signatures.json``."""
    message, namespace = b"what is signed", sshsig.RECORD_NAMESPACE
    other = public_test_key("nobody's")
    plain = sshsig.sign(KEY, message, namespace)
    blob = base64.b64decode("".join(plain.split("\n")[1:-2]))
    given = {"key": line_of(KEY), "namespace": namespace, "message": message.hex()}
    for name, line, sig in _people(message, namespace):
        yield good(name, "verify-signature", {**given, "key": line, "signature": sig}, {})
    yield good("over no bytes", "verify-signature", {
        **given, "message": "", "signature": sshsig.sign(KEY, b"", namespace)}, {})  # fmt: skip
    head, fields = blob[:10], ssh_wire.split(blob[10:])

    def made(*changed: tuple[int, bytes], head: bytes = head) -> str:
        parts = list(fields)
        for place, value in changed:
            parts[place] = value
        return sshsig._armor(head + ssh_wire.join(*parts))

    raw = ssh_wire.split(fields[4])[1]
    mallet = raw[:32] + (int.from_bytes(raw[32:], "little") + _L).to_bytes(32, "little")
    lines = plain.split("\n")
    short = "\n".join([lines[0], *_wrapped("".join(lines[1:-2]), 64), *lines[-2:]])
    for name, sig in (
        ("nothing", ""), ("without its last newline", plain[:-1]), ("a newline more", f"{plain}\n"),
        ("text in front", f"x\n{plain}"), ("carriage returns", plain.replace("\n", "\r\n")),
        ("lines of 64 characters", short), ("in one line", "\n".join([lines[0], "".join(lines[1:-2]), *lines[-2:]])),
        ("spaces at a line's end", plain.replace(f"{lines[1]}\n", f"{lines[1]} \n")),
        ("another frame", plain.replace("SSH SIGNATURE", "SSH  SIGNATURE")), ("cut off", sshsig._armor(blob[:-1])),
        ("a byte more", sshsig._armor(blob + b"\x00")), ("another magic", made(head=b"SSHSIh" + head[6:])),
        ("version 2", made(head=head[:-1] + b"\x02")), ("a field more", sshsig._armor(blob + ssh_wire.join(b""))),
        ("a reserved field that is not empty", made((2, b"x"))), ("sha256", made((3, b"sha256"))),
        ("sha512 in capitals", made((3, b"SHA512"))),
        ("another namespace inside", made((1, b"quorum@breakglass-shamir"))),
        ("an empty namespace", made((1, b""))), ("another key inside", made((0, _blob(other)))),
        ("a signature of another type", made((4, ssh_wire.join(b"ssh-rsa", raw)))),
        ("a signature that is altered",
        made((4, ssh_wire.join(b"ssh-ed25519", raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])))),
        ("s is not below L", made((4, ssh_wire.join(b"ssh-ed25519", mallet)))),
        ("63 bytes of signature", made((4, ssh_wire.join(b"ssh-ed25519", raw[:-1])))),
        ("a byte behind the signature", made((4, ssh_wire.join(b"ssh-ed25519", raw) + b"\x00"))),
        ("by another key", sshsig.sign(other, message, namespace)),
        ("of another message", sshsig.sign(KEY, b"what is Signed", namespace)),
        ("in another namespace", sshsig.sign(KEY, message, sshsig.QUORUM_NAMESPACE)),
        ("raw Ed25519, without SSHSIG's frame",
        made((4, ssh_wire.join(b"ssh-ed25519", keys.ed25519_sign(KEY, message))))),
    ):  # fmt: skip
        yield bad(name, "verify-signature", {**given, "signature": sig}, "invalid-signature")
    yield from _weak(message, namespace, given)


_L = 2**252 + 27742317777372353535851937790883648493


def _wrapped(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def _blob(seed: Secret) -> bytes:
    return ssh_wire.join(b"ssh-ed25519", keys.ed25519_public(seed))


def _signed(message: bytes, namespace: str) -> bytes:
    return b"SSHSIG" + ssh_wire.join(namespace.encode(), b"", b"sha512", hashlib.sha512(message).digest())


def _whole(blob: bytes, namespace: str, signature: bytes) -> str:
    return sshsig._armor(
        b"SSHSIG" + bytes([0, 0, 0, 1]) + ssh_wire.join(blob, namespace.encode(), b"", b"sha512", signature)
    )


def _mpint(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _line(blob: bytes) -> str:
    return f"{ssh_wire.split(blob)[0].decode()} {base64.b64encode(blob).decode()}"


def _rsa(bits: int) -> RSA.RsaKey:
    drawn = 0

    def stream(length: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(b"breakglass-shamir public test key: rsa %d %d" % (bits, drawn)).digest(length)

    return RSA.generate(bits, randfunc=stream)


def _rsa_signed(bits: int, message: bytes, namespace: str) -> tuple[str, str]:
    key = _rsa(bits)
    blob = ssh_wire.join(b"ssh-rsa", _mpint(key.e), _mpint(key.n))
    signature = pkcs1_15.new(key).sign(SHA512.new(_signed(message, namespace)))
    return _line(blob), _whole(blob, namespace, ssh_wire.join(b"rsa-sha2-512", signature))


def _ecdsa_signed(curve: str, data: bytes, hash_of: Any) -> tuple[bytes, bytes]:
    """Return the point and the signature blob's second string, by a key that everybody knows."""
    secret = int.from_bytes(
        hashlib.shake_256(b"breakglass-shamir public test key: " + curve.encode()).digest(31), "big"
    )
    key = ECC.construct(curve=curve, d=secret)
    raw = DSS.new(key, "deterministic-rfc6979").sign(hash_of.new(data))
    half = len(raw) // 2
    parts = [_mpint(int.from_bytes(one, "big")) for one in (raw[:half], raw[half:])]
    return key.public_key().export_key(format="raw"), ssh_wire.join(*parts)


def _token(message: bytes, namespace: str, flags: int, curve: bool) -> tuple[str, str]:
    """Return a key line and a signature as a FIDO2 token makes it."""
    application, tail = b"ssh:", bytes([flags, 0, 0, 0, 9])
    digest = hashlib.sha256(_signed(message, namespace)).digest()
    data = hashlib.sha256(application).digest() + tail + digest
    if curve:
        point, value = _ecdsa_signed("P-256", data, SHA256)
        blob = ssh_wire.join(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, application)
        signature = ssh_wire.join(b"sk-ecdsa-sha2-nistp256@openssh.com", value) + tail
    else:
        seed = public_test_key("token")
        blob = ssh_wire.join(b"sk-ssh-ed25519@openssh.com", keys.ed25519_public(seed), application)
        signature = ssh_wire.join(b"sk-ssh-ed25519@openssh.com", keys.ed25519_sign(seed, data)) + tail
    return _line(blob), _whole(blob, namespace, signature)


def _people(message: bytes, namespace: str) -> Iterator[tuple[str, str, str]]:
    yield "ssh-ed25519", line_of(KEY), sshsig.sign(KEY, message, namespace)
    for curve, name, hash_of in (
        ("P-256", "nistp256", SHA256), ("P-384", "nistp384", SHA384), ("P-521", "nistp521", SHA512),
    ):  # fmt: skip
        kind = f"ecdsa-sha2-{name}".encode()
        point, value = _ecdsa_signed(curve, _signed(message, namespace), hash_of)
        blob = ssh_wire.join(kind, name.encode(), point)
        yield kind.decode(), _line(blob), _whole(blob, namespace, ssh_wire.join(kind, value))
    yield "ssh-rsa of 3072 bits", *_rsa_signed(3072, message, namespace)
    yield "sk-ssh-ed25519@openssh.com", *_token(message, namespace, 1, curve=False)
    yield "sk-ecdsa-sha2-nistp256@openssh.com", *_token(message, namespace, 5, curve=True)
    yield "a key with a comment", f"{line_of(KEY)} at work", sshsig.sign(KEY, message, namespace)


def _weak(message: bytes, namespace: str, given: Vector) -> Iterator[Vector]:
    def of(name: str, key: str, sig: str) -> Vector:
        return bad(name, "verify-signature", {**given, "key": key, "signature": sig}, "invalid-signature")

    yield of("ssh-rsa of 2048 bits", *_rsa_signed(2048, message, namespace))
    yield of("a token that nobody touched", *_token(message, namespace, 0, curve=False))
    yield of("a token with the flag of verification alone", *_token(message, namespace, 4, curve=True))
    line, sig = _rsa_signed(3072, message, namespace)
    blob = base64.b64decode("".join(sig.split("\n")[1:-2]))
    fields = ssh_wire.split(blob[10:])
    raw = ssh_wire.split(fields[4])[1]
    for name in ("ssh-rsa", "rsa-sha2-256"):
        yield of(
            f"an RSA signature that says {name}", line, _whole(fields[0], namespace, ssh_wire.join(name.encode(), raw))
        )
    kind, e, n = ssh_wire.split(fields[0])
    padded = ssh_wire.join(kind, e, b"\x00" + n)
    yield of("a needless zero in a key", _line(padded), _whole(padded, namespace, fields[4]))
    point, value = _ecdsa_signed("P-256", _signed(message, namespace), SHA256)
    curve = ssh_wire.join(b"ecdsa-sha2-nistp256", b"nistp256", point)
    r, s = ssh_wire.split(value)
    loose = ssh_wire.join(b"ecdsa-sha2-nistp256", ssh_wire.join(b"\x00" + r, s))
    yield of("a needless zero in a signature", _line(curve), _whole(curve, namespace, loose))
    off = ssh_wire.join(b"ecdsa-sha2-nistp256", b"nistp256", point[:-1] + bytes([point[-1] ^ 1]))
    yield of(
        "a point that is not on the curve",
        _line(off),
        _whole(off, namespace, ssh_wire.join(b"ecdsa-sha2-nistp256", value)),
    )
    mixed = f"ssh-rsa {line_of(KEY).split()[1]}"
    yield of("a line that says another type", mixed, sshsig.sign(KEY, message, namespace))
    certificate = ssh_wire.join(b"ssh-ed25519-cert-v01@openssh.com", keys.ed25519_public(KEY))
    yield of("a certificate", _line(certificate), sshsig.sign(KEY, message, namespace))

# SPDX-License-Identifier: Apache-2.0
"""Vectors of what a log is made of: single records, checkpoints, SSH signatures, proofs of the tree, ``MOVED`` notes."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import made_lives as lives
import rfc8785
from Crypto.Hash import SHA256, SHA384, SHA512
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, pkcs1_15
from dealt import Vector, bad, good
from made_logs import BEGAN, Log, line_of, public_test_key

from breakglass_shamir.crypto import keys, merkle, ssh_wire, sshsig
from breakglass_shamir.crypto.note import sign_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.sheets import Noted
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.moved import KEY_PREFIX

KEY = public_test_key("terminal office")
PUBLIC = keys.ed25519_public(KEY)


def records_of(_: object = None) -> Iterator[Vector]:
    """Every vector of ``records.json``: one record by itself."""
    log = Log("office")
    note = Noted(text='Zoë said: "\\u0041"\tand\nmore €𝄞', by="Duty")
    for name, tree in (
        ("plain", log.tree(Heartbeat(every_s=60), "")),
        ("text of many kinds", log.tree(note)),
        ("the largest numbers", log.tree(Heartbeat(every_s=2**53 - 1), uptime_ms=-(2**53) + 1)),
        ("a leap day", log.tree(note, time="2028-02-29T23:59:59Z")),
        ("keys that sort by UTF-16", _with_keys(log, {"\U0001d11e": "a", "\ufb33": "b", "1.1": "c"})),
    ):
        yield _read(name, rfc8785.dumps(tree))
    plain = rfc8785.dumps(log.tree(note))
    text = plain.decode()
    for name, data in (
        ("no bytes", b""), ("no JSON", plain[:-1]), ("not UTF-8", plain.replace("ë".encode(), b"\xeb")),
        ("a byte order mark in front", b"\xef\xbb\xbf" + plain), ("a line feed behind", plain + b"\n"),
        ("a list", b"[" + plain + b"]"), ("keys in another order", _reordered(plain)),
        ("a key twice", text.replace('"v":1', '"v":1,"v":1').encode()),
        ("a key of a later release", text.replace('"v":1', '"v":1,"w":2').encode()),
        ("a key of the body that is not its type's", text.replace('"by":"Duty"', '"by":"Duty","x":""').encode()),
        ("a key left out", text.replace(',"v":1', "").encode()),
        ("a key of the body left out", text.replace('"by":"Duty",', "").encode()),
        ("a space between", text.replace('"v":1', '"v": 1').encode()),
        ("an escape that need not be", text.replace("Zoë", "Zo\\u00eb").encode()),
        ("an escape in capitals", text.replace("\\t", "\\u0009").encode()),
        ("a slash that is escaped", text.replace("said", "s\\/aid").encode()),
        ("a surrogate by itself", text.replace("said", "\\ud800").encode()),
        ("a pair of surrogates, escaped", text.replace("𝄞", "\\ud834\\udd1e").encode()),
        ("a number with a fraction", text.replace('"v":1', '"v":1.0').encode()),
        ("a number with an exponent", text.replace('"seq":0', '"seq":0e0').encode()),
        ("minus zero", text.replace('"seq":0', '"seq":-0').encode()),
        ("a number with a zero in front", text.replace('"v":1', '"v":01').encode()),
        ("a number too large", text.replace('"uptime_ms":1000000', '"uptime_ms":9007199254740992').encode()),
        ("a number as text", text.replace('"seq":0', '"seq":"0"').encode()),
        ("true for a number", text.replace('"seq":0', '"seq":true').encode()),
        ("null", text.replace('"set":"prod-db"', '"set":null').encode()),
        ("a type that is not known", text.replace('"noted"', '"notice"').encode()),
        ("another version", text.replace('"v":1', '"v":2').encode()),
        ("a day that does not exist", text.replace("2026-03-01T", "2026-02-29T").encode()),
        ("an hour that does not exist", text.replace("T08:", "T24:").encode()),
        ("a leap second", text.replace("08:00:00Z", "08:00:60Z").encode()),
        ("another time zone", text.replace("00Z", "00+00:00").encode()),
        ("a fraction of a second", text.replace("00Z", "00.5Z").encode()),
        ("a control character", text.replace("said", "s\\u0007aid").encode()),
        ("U+0085", text.replace("said", "s\u0085aid").encode()),
        ("a character that turns the text", text.replace("said", "s\u202eaid").encode()),
        ("a line separator", text.replace("said", "s\u2028aid").encode()),
        ("a control character in a key", rfc8785.dumps(_with_keys(log, {"1.1\u0007": "c"}))),
        ("depth", text.replace('"set":"prod-db"', '"set":' + "[" * 2000 + "]" * 2000).encode()),
    ):  # fmt: skip
        yield bad(name, "read-record", {"bytes": data.hex()}, "invalid-record")
    full = rfc8785.dumps(log.tree(Noted(text="", by="")))
    filled = records.MAX_RECORD_BYTES - len(full)
    for name, length in (("as long as may be", filled), ("one byte too long", filled + 1)):
        parts = {"head": text_of(full, '"text":"')[0].hex(), "repeat": "61", "times": length,
                 "tail": text_of(full, '"text":"')[1].hex()}  # fmt: skip
        data = bytes.fromhex(parts["head"]) + b"a" * length + bytes.fromhex(parts["tail"])
        if length == filled:
            yield good(name, "read-record", {"parts": parts}, _output(data))
        else:
            yield bad(name, "read-record", {"parts": parts}, "invalid-record")


def text_of(data: bytes, before: str) -> tuple[bytes, bytes]:
    """Divide bytes behind a text."""
    at = data.index(before.encode()) + len(before)
    return data[:at], data[at:]


def _reordered(data: bytes) -> bytes:
    return json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":"), ensure_ascii=False).encode()


def _with_keys(log: Log, custodians: dict[str, str]) -> Vector:
    e = lives.epochs()
    tree = log.tree(lives.issued(e.one, e.cards))
    return {**tree, "body": {**tree["body"], "custodians": custodians, "envelope": "", "drill_envelope": ""}}


def _read(name: str, data: bytes) -> Vector:
    return good(name, "read-record", {"bytes": data.hex()}, _output(data))


def _output(data: bytes) -> Vector:
    found = json.loads(data)
    return {
        "sha256": hashlib.sha256(data).hexdigest(), "leaf_hash": merkle.leaf_hash(data).hex(),
        "type": found["body"]["type"], "seq": found["seq"],
    }  # fmt: skip


def checkpoints(_: object = None) -> Iterator[Vector]:
    """Every vector of ``checkpoints.json``: checkpoints by themselves, and ``MOVED`` notes."""
    log = Log("office")
    other, stranger = public_test_key("nobody's"), Log("stranger")
    root = base64.b64encode(hashlib.sha256(b"root").digest()).decode()
    text = f"{log.origin}\n12\n{root}\n"
    note = sign_note(text, log.origin, KEY)
    line = note.split("\n\n")[1]
    foreign = sign_note(text, "witness.example/1", other).split("\n\n")[1]
    renamed = sign_note(text, log.origin, other).split("\n\n")[1]
    given = {"public_key": PUBLIC.hex()}
    output = {"origin": log.origin, "size": 12, "root": hashlib.sha256(b"root").hexdigest()}
    for name, one in (
        ("by the terminal", note), ("beside a witness that is not known", f"{text}\n{foreign}{line}"),
        ("by two keys of one name", f"{text}\n{renamed}{line}"), ("signed twice", f"{text}\n{line}{line}"),
    ):  # fmt: skip
        yield good(name, "open-checkpoint", {**given, "note": one}, output)
    empty = sign_note(f"{log.origin}\n0\n{root}\n", log.origin, KEY)
    yield good("of no record", "open-checkpoint", {**given, "note": empty}, {**output, "size": 0})

    def signed(text: str) -> str:
        return sign_note(text, log.origin, KEY)

    blob = base64.b64decode(line.split(" ")[2])
    altered = base64.b64encode(blob[:-1] + bytes([blob[-1] ^ 1])).decode()
    loose = line.replace("=\n", "\n") if line.endswith("=\n") else line.replace("\n", "=\n")
    for name, one, error in (
        ("nothing", "", "invalid-proof"), ("no signature", f"{text}\n", "invalid-proof"),
        ("no empty line", f"{text}{line}", "invalid-proof"), ("cut off before its newline", note[:-1], "invalid-proof"),
        ("a carriage return", note.replace("\n", "\r\n"), "invalid-proof"),
        ("a tab", note.replace(" ", "\t"), "invalid-proof"),
        ("a hyphen for the dash", note.replace("\u2014", "-"), "invalid-proof"),
        ("base64 without its end", f"{text}\n{loose}", "invalid-proof"),
        ("a line that is no signature", f"{text}\n{line}\u2014 somebody\n", "invalid-proof"),
        ("a plus in a key name", f"{text}\n{line}{foreign.replace('example', 'ex+ample')}", "invalid-proof"),
        ("a key id and nothing", f"{text}\n{line}\u2014 witness.example/1 AAAAAA==\n", "invalid-proof"),
        ("too many signatures", f"{text}\n{line * 65}", "invalid-proof"),
        ("by nobody who counts", f"{text}\n{foreign}", "invalid-signature"),
        ("by another key of the name", f"{text}\n{renamed}", "invalid-signature"),
        ("altered", f"{text}\n\u2014 {log.origin} {altered}\n", "invalid-signature"),
        ("one good and one altered", f"{text}\n{line}\u2014 {log.origin} {altered}\n", "invalid-signature"),
        ("of another text", f"{text.replace('12', '13')}\n{line}", "invalid-signature"),
        ("four lines", signed(f"{text}more\n"), "invalid-proof"),
        ("two lines", signed(f"{log.origin}\n12\n"), "invalid-proof"),
        ("a size with a zero in front", signed(text.replace("12", "012")), "invalid-proof"),
        ("a size below zero", signed(text.replace("12", "-1")), "invalid-proof"),
        ("a size in other digits", signed(text.replace("12", "\u0661\u0662")), "invalid-proof"),
        ("a size too large", signed(text.replace("12", str(2**63))), "invalid-proof"),
        ("a root of 31 bytes", signed(text.replace(root, base64.b64encode(bytes(31)).decode())), "invalid-proof"),
        ("a root without its end", signed(text.replace("=", "")), "invalid-proof"),
        ("a note for another log", sign_note(text, stranger.origin, stranger.key), "invalid-signature"),
    ):  # fmt: skip
        yield bad(name, "open-checkpoint", {**given, "note": one}, error)
    yield from _moved(log, other)


def _moved(log: Log, other: Secret) -> Iterator[Vector]:
    name = KEY_PREFIX + log.log_id
    text = f'{name}\n12\n{"ab" * 32}\n"/media/\\u00e4 stick"\n'
    good_note = sign_note(text, name, KEY)
    given = {"public_key": PUBLIC.hex()}
    output = {"size": 12, "follows": "ab" * 32, "place": "/media/ä stick"}
    yield good("obeyed", "read-moved", {**given, "note": good_note}, output)
    for what, note in (
        ("by another key", sign_note(text, name, other)), ("altered", good_note.replace("12", "13", 1)),
        ("of another log", sign_note(text.replace(log.log_id, "ab" * 8), name, KEY)),
        ("a digest in capitals", sign_note(text.replace("ab", "AB"), name, KEY)),
        ("no place", sign_note(f'{name}\n12\n{"ab" * 32}\n', name, KEY)),
        ("a place that is no JSON text", sign_note(text.replace('"/', "/"), name, KEY)),
        ("a checkpoint", sign_note(f"{log.origin}\n12\nAAAA\n", log.origin, KEY)), ("nothing", ""),
        ("too long", sign_note(text.replace("stick", "s" * 16384), name, KEY)),
    ):  # fmt: skip
        yield good(f"not obeyed: {what}", "read-moved", {**given, "note": note}, {})


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
        ("a signature that is altered", made((4, ssh_wire.join(b"ssh-ed25519", raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])))),
        ("s is not below L", made((4, ssh_wire.join(b"ssh-ed25519", mallet)))),
        ("63 bytes of signature", made((4, ssh_wire.join(b"ssh-ed25519", raw[:-1])))),
        ("a byte behind the signature", made((4, ssh_wire.join(b"ssh-ed25519", raw) + b"\x00"))),
        ("by another key", sshsig.sign(other, message, namespace)),
        ("of another message", sshsig.sign(KEY, b"what is Signed", namespace)),
        ("in another namespace", sshsig.sign(KEY, message, sshsig.QUORUM_NAMESPACE)),
        ("raw Ed25519, without SSHSIG's frame", made((4, ssh_wire.join(b"ssh-ed25519", keys.ed25519_sign(KEY, message))))),
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


def proofs(_: object = None) -> Iterator[Vector]:
    """Every vector of ``proofs.json``."""
    log = Log("tree", BEGAN)
    log.add(lives.started(log), "")
    for number in range(12):
        log.add(Refused(stage="open", error="x", message=str(number)), "")
    for index, size in ((0, 1), (0, 2), (1, 2), (2, 3), (5, 8), (6, 7), (4, 13), (12, 13)):
        yield good(f"{index} of {size}", "verify-inclusion", _inclusion(log, index, size), {})
    for old, new in ((1, 1), (1, 2), (3, 7), (4, 7), (6, 8), (8, 13), (12, 13), (13, 13)):
        yield good(f"{old} to {new}", "verify-consistency", _consistency(log, old, new), {})
    whole = _inclusion(log, 4, 13)
    hashes = whole["hashes"]
    for name, changes in (
        ("another leaf", {"leaf": "ab" * 32}), ("another root", {"root": "ab" * 32}), ("another index", {"index": 5}),
        ("an index as large as the tree", {"index": 13}), ("an index below zero", {"index": -1}),
        ("too long", {"hashes": [*hashes, "ab" * 32]}),
        ("too short", {"hashes": hashes[:-1]}), ("no hashes", {"hashes": []}),
        ("in another order", {"hashes": hashes[::-1]}),
        ("a hash of 31 bytes", {"hashes": [hashes[0][2:], *hashes[1:]]}),
        ("a hash too many in front", {"hashes": ["ab" * 32, *hashes]}),
    ):  # fmt: skip
        yield bad(f"inclusion: {name}", "verify-inclusion", {**whole, **changes}, "invalid-proof")
    yield good("the size is not proven", "verify-inclusion", {**whole, "size": 12}, {})
    whole = _consistency(log, 6, 13)
    yield good("the new size is not proven", "verify-consistency", {**whole, "new_size": 12}, {})
    hashes = whole["hashes"]
    for name, changes in (
        ("another old root", {"old_root": "ab" * 32}), ("another new root", {"new_root": "ab" * 32}),
        ("another old size", {"old_size": 7}),
        ("from no tree", {"old_size": 0}), ("to a smaller tree", {"old_size": 14}),
        ("too long", {"hashes": [*hashes, "ab" * 32]}), ("too short", {"hashes": hashes[:-1]}),
        ("no hashes", {"hashes": []}),
        ("a tree that does not extend", {"old_root": merkle.root_of([bytes(32), *log.leaves[1:6]]).hex()}),
        ("the same size, another root", {"old_size": 13}), ("the same size, and a hash", {
            "old_size": 13, "old_root": whole["new_root"], "hashes": ["ab" * 32]}),
    ):  # fmt: skip
        yield bad(f"consistency: {name}", "verify-consistency", {**whole, **changes}, "invalid-proof")


def _inclusion(log: Log, index: int, size: int) -> Vector:
    return {
        "index": index, "size": size, "leaf": log.leaves[index].hex(),
        "hashes": [one.hex() for one in log.path(index, size)], "root": log.root(size).hex(),
    }  # fmt: skip


def _consistency(log: Log, old: int, new: int) -> Vector:
    return {
        "old_size": old, "new_size": new, "old_root": log.root(old).hex(), "new_root": log.root(new).hex(),
        "hashes": [one.hex() for one in merkle.consistency_proof(old, new, log.node)],
    }  # fmt: skip

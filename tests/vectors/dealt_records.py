# SPDX-License-Identifier: Apache-2.0
"""Vectors of what a log is made of: single records, checkpoints and ``MOVED`` notes, proofs of the tree."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import made_bodies as bodies
import rfc8785
from dealt import Vector, bad, good
from made_logs import BEGAN, Log, issued, public_test_key

from breakglass_shamir.crypto import keys, merkle
from breakglass_shamir.crypto.note import sign_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.monitoring import Heartbeat, LoginSeen
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.sheets import Noted
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.moved import KEY_PREFIX

KEY = public_test_key("terminal office")
PUBLIC = keys.ed25519_public(KEY)
LOGIN: dict[str, Any] = {
    "at": "2026-03-01T09:00:00Z", "account": "bg", "source": "10.0.0.9", "accepted": True, "count": 1, "matched": "",
    "detail": "",
}  # fmt: skip


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
    odd: dict[str, Any] = {"log": "x", "seq": -7, "previous": "zz", "root": "", "opening": "y", "boot": ""}
    yield _read("forms that its place asks for", rfc8785.dumps(log.tree(note, **odd)))
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
    seen = rfc8785.dumps(log.tree(LoginSeen(**LOGIN, mark="m"))).decode()
    yield _read("a login with a mark", seen.encode())
    emptied = seen.replace('"mark":"m"', '"mark":""').encode()
    yield bad("a mark that is empty", "read-record", {"bytes": emptied.hex()}, "invalid-record")
    full = rfc8785.dumps(log.tree(Noted(text="", by="")))
    filled = records.MAX_RECORD_BYTES - len(full)
    for name, length in (("as long as may be", filled), ("one byte too long", filled + 1)):
        head, tail = text_of(full, '"text":"')
        parts = {"head": head.hex(), "repeat": "61", "times": length, "tail": tail.hex()}
        data = head + b"a" * length + tail
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
    e = bodies.epochs()
    tree = log.tree(issued(e.one, e.cards))
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


def proofs(_: object = None) -> Iterator[Vector]:
    """Every vector of ``proofs.json``."""
    log = Log("tree", BEGAN)
    log.add(bodies.started(log), "")
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

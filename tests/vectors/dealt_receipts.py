# SPDX-License-Identifier: Apache-2.0
"""Vectors of what is carried away from a log, and of what comes to it from elsewhere: receipts, recovery records."""

import base64
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import made_bodies as bodies
import made_lives as lives
from dealt import Epoch, Vector, bad, good
from made_logs import SET, Log, public_test_key

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.merkle import leaf_hash
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.crypto.proof import LogProof
from breakglass_shamir.custody.life import recovery
from breakglass_shamir.formats import text
from breakglass_shamir.formats.receipt import NO_ENVELOPE, PREFIX, Pin, Receipt
from breakglass_shamir.ledger import receipt as receipts_of
from breakglass_shamir.ledger.receipt import HeldReceipt

LABEL = b"breakglass-shamir receipt\x00"


@functools.cache
def given_by(life: str, index: int) -> HeldReceipt:
    """Return what the program gives of a record of a log."""
    log = lives.LIVES[life]()
    with TemporaryDirectory() as folder, log.stored(Path(folder)) as ledger:
        return receipts_of.make(ledger, index)


def fields_of(found: Receipt) -> Vector:
    """Return every field of a statement."""
    return {
        "terminal_key": found.terminal_key.hex(), "size": found.size, "index": found.index, "time": found.time,
        "root": found.root.hex(), "leaf": found.leaf.hex(), "set": found.set_name,
        "pins": [[pin.set_public_key.hex(), pin.envelope_sha256.hex()] for pin in found.pins],
    }  # fmt: skip


def receipts(_: object = None) -> Iterator[Vector]:
    """Every vector of ``receipts.json``."""
    held = given_by("small", 2)
    log, statement = lives.small(), held.receipt.to_bytes()[:-64]
    for name, one in (("of a set", held), ("of a record about no set", given_by("small", 0)),
                      ("of a set whose core was typed", given_by("branch", 1))):  # fmt: skip
        output = {**fields_of(one.receipt), "record": one.record.decode()}
        yield good(name, "read-receipt", {"text": one.to_text()}, output)
        yield good(name, "read-receipt-code", {"code": one.receipt.to_code()}, fields_of(one.receipt))
    yield from _codes(log, statement, held)
    yield from _files(log, held)
    yield from _held()


def _signed(log: Log, statement: bytes) -> bytes:
    return statement + keys.ed25519_sign(log.key, LABEL + statement)


def _code(data: bytes) -> str:
    return PREFIX + text.encode(data)


def _codes(log: Log, statement: bytes, held: HeldReceipt) -> Iterator[Vector]:
    whole, name_at = held.receipt.to_bytes(), 1 + 32 + 24 + 64
    renamed = statement[:name_at] + bytes([len(SET) + 1]) + b"\n" + statement[name_at + 1 :]
    no_utf8 = statement[:name_at] + bytes([len(SET)]) + b"\xff" + statement[name_at + 2 :]
    numbers = b"".join(number.to_bytes(8, "big") for number in (3, 3, held.receipt.time))
    crossed = statement[:33] + numbers + statement[33 + 24 :]
    pins = statement[: name_at + 1 + len(SET)]
    nine = pins + bytes([9]) + (held.receipt.pins[0].set_public_key + NO_ENVELOPE) * 9
    nameless = statement[:name_at] + b"\x00" + statement[name_at + 1 + len(SET) :]
    code = held.receipt.to_code()
    lower = code.lower()
    yield good("in small letters, in groups", "read-receipt-code", {"code": f" {lower[:5]}{lower[5:9]}-{lower[9:]}\n"},
               fields_of(held.receipt))  # fmt: skip
    for name, one, error in (
        ("no receipt", code.replace("BGR1", "BGS1"), "malformed-text"), ("nothing", "", "malformed-text"),
        ("a character of no alphabet", f"{code[:-1]}U", "malformed-text"),
        ("a byte behind it", _code(whole + b"\x00"), "malformed-text"),
        ("a character that is not ASCII", f"\u00a0{code}", "malformed-text"),
        ("cut off", _code(whole[:-1]), "invalid-proof"), ("one byte", _code(b"\x01"), "invalid-proof"),
        ("no byte", PREFIX, "invalid-proof"),
        ("another version", _code(_signed(log, b"\x02" + statement[1:])), "invalid-proof"),
        ("about a record that was not there", _code(_signed(log, crossed)), "invalid-proof"),
        ("nine pins", _code(_signed(log, nine)), "invalid-proof"),
        ("pins without a name", _code(_signed(log, nameless)), "invalid-proof"),
        ("a name with a line feed", _code(_signed(log, renamed)), "invalid-proof"),
        ("a name that is not UTF-8", _code(_signed(log, no_utf8)), "invalid-proof"),
        ("altered", _code(whole[:40] + b"\x07" + whole[41:]), "invalid-signature"),
        ("signed by another key", _code(statement + keys.ed25519_sign(public_test_key("x"), LABEL + statement)),
         "invalid-signature"),
        ("signed without its label", _code(statement + keys.ed25519_sign(log.key, statement)), "invalid-signature"),
    ):  # fmt: skip
        yield bad(f"code: {name}", "read-receipt-code", {"code": one}, error)


def _files(log: Log, held: HeldReceipt) -> Iterator[Vector]:
    proof, receipt = held.proof, held.receipt
    assert proof is not None
    whole, signed = proof.to_text(), receipt.to_bytes()
    hashes = proof.hashes

    def made(**changes: Any) -> str:
        fields = {"index": proof.index, "hashes": hashes, "checkpoint": proof.checkpoint, "extra": proof.extra}
        return LogProof(**{**fields, **changes}).to_text()

    head = Checkpoint(log.origin, log.size, log.root())
    other_tree = sign_note(Checkpoint(log.origin, log.size, bytes(32)).to_text(), log.origin, log.key)
    other_size = sign_note(Checkpoint(log.origin, log.size - 1, head.root).to_text(), log.origin, log.key)
    stranger = sign_note(head.to_text(), log.origin, public_test_key("x"))
    lines = whole.split("\n")
    no_record = _signed(log, b"".join((signed[:89], leaf_hash(b"no record"), signed[121:-64])))
    odd_root = leaf_path(2, log.size, leaf_hash(b"no record"), hashes)
    unread = b"".join((no_record[:57], odd_root, no_record[89:-64]))
    note = sign_note(Checkpoint(log.origin, log.size, odd_root).to_text(), log.origin, log.key)
    for name, one, error in (
        ("nothing", "", "invalid-proof"), ("another header", whole.replace("@v1", "@v2"), "invalid-proof"),
        ("no extra line", made(extra=b""), "invalid-proof"),
        ("no index line", "\n".join([*lines[:2], *lines[3:]]), "invalid-proof"),
        ("the index first", "\n".join([lines[0], lines[2], lines[1], *lines[3:]]), "invalid-proof"),
        ("an index with a zero in front", whole.replace("index 2", "index 02"), "invalid-proof"),
        ("no empty line", whole.replace("\n\n", "\n", 1), "invalid-proof"),
        ("carriage returns", whole.replace("\n", "\r\n"), "invalid-proof"),
        ("a hash of 31 bytes", made(hashes=(hashes[0][1:], *hashes[1:])), "invalid-proof"),
        ("base64 without its end", whole.replace("=\n", "\n", 1) if "=\n" in whole else whole, "invalid-proof"),
        ("a line behind the checkpoint", f"{whole}more\n", "invalid-proof"),
        ("the statement cut off", made(extra=signed[:-1]), "invalid-proof"),
        ("no record", made(extra=signed), "invalid-proof"),
        ("another record", made(extra=signed + log.data(3)), "invalid-proof"),
        ("another index than the statement's", made(index=3), "invalid-proof"),
        ("a checkpoint of another root", made(checkpoint=other_tree), "invalid-proof"),
        ("a checkpoint of another size", made(checkpoint=other_size), "invalid-proof"),
        ("a path too short", made(hashes=hashes[:-1]), "invalid-proof"),
        ("a path too long", made(hashes=(*hashes, bytes(32))), "invalid-proof"),
        ("a path that does not chain", made(hashes=(bytes(32), *hashes[1:])), "invalid-proof"),
        ("a statement that was altered",
        made(extra=signed[:40] + b"\x07" + signed[41:] + held.record), "invalid-signature"),
        ("a checkpoint by another key", made(checkpoint=stranger), "invalid-signature"),
        ("a record that is none", made(extra=_signed(log, unread) + b"no record", checkpoint=note), "invalid-record"),
    ):  # fmt: skip
        yield bad(f"file: {name}", "read-receipt", {"text": one}, error)


def leaf_path(index: int, size: int, leaf: bytes, hashes: tuple[bytes, ...]) -> bytes:
    """Return the root to which a path leads from a leaf, in a tree of this shape."""
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        spans.append(index < middle)
        start, end = (start, middle) if index < middle else (middle, end)
    from hashlib import sha256

    for left, sibling in zip(reversed(spans), hashes, strict=True):
        leaf = sha256(b"\x01" + (leaf + sibling if left else sibling + leaf)).digest()
    return leaf


def _held() -> Iterator[Vector]:
    """Receipts that are held against a log, which is the beginning of one of ``logs.json``."""
    small = lives.small()

    def of(name: str, held: str, error: str = "", log: str = "small", first: int = small.size) -> Vector:
        given = {"text": held, "log": log, "first": first}
        return (
            bad(name, "hold-receipt", given, error)
            if error
            else good(name, "hold-receipt", given, {"says": "it holds"})
        )

    middle = remade(small, 2, 10)
    yield of("held: of the whole log", given_by("small", 2).to_text())
    yield of("held: of a shorter log", middle)
    yield of("held: the log was cut off", given_by("small", 2).to_text(), "record-missing", first=small.size - 1)
    other = given_by("office", 2).to_text()
    yield good(
        "held: of another log",
        "hold-receipt",
        {"text": other, "log": "small", "first": small.size},
        {"says": "nothing"},
    )
    twin = _twin(small, 2)
    yield of("held: another record in its place", remade(twin, 2, 10), "record-missing")
    yield of("held: another record beside it", remade(twin, 5, 10), "invalid-proof")
    strange = Pin(bytes(32), NO_ENVELOPE)
    yield of("held: an epoch that the log does not have", remade(small, 2, 10, pins=(strange,)), "invalid-proof")
    known = given_by("small", 2).receipt.pins[0]
    yield of(
        "held: another envelope", remade(small, 2, 10, pins=(Pin(known.set_public_key, bytes(32)),)), "invalid-proof"
    )
    for name, size, root, error in (
        ("printed: the whole tree", small.size, small.root(), ""), ("printed: an older tree", 3, small.root(3), ""),
        ("printed: before the first record", 0, small.root(0), ""),
        ("printed: more records than there are", small.size + 1, small.root(), "record-missing"),
        ("printed: another root", 3, bytes(32), "invalid-proof"),
    ):  # fmt: skip
        given = {"size": size, "root": root.hex(), "log": "small", "first": small.size}
        held = good(name, "hold-checkpoint", given, {"says": "it holds"})
        yield bad(name, "hold-checkpoint", given, error) if error else held


def _twin(log: Log, seq: int) -> Log:
    """Return a log by the same key in which one record is another one; nobody asks whether it holds."""
    other = Log(log.name)
    other.rows, other.leaves = list(log.rows), list(log.leaves)
    data = log.rows[seq]["record"].replace('"East"', '"Eve!"').encode()
    other.rows[seq], other.leaves[seq] = {**log.rows[seq], "record": data.decode()}, leaf_hash(data)
    return other


def remade(log: Log, index: int, size: int, pins: tuple[Pin, ...] | None = None) -> str:
    """Return a receipt as the terminal would have given it when the log had so many records."""
    last = json.loads(log.data(size - 1))
    when = receipts_of._seconds(last["time"])
    pinned = given_by(log.name, 2).receipt.pins if pins is None else pins
    unsigned = Receipt(
        log.public_key, size, log.root(size), when, index, log.leaves[index], SET, pinned,
    )  # fmt: skip
    receipt = unsigned.signed_by(log.key)
    note = sign_note(Checkpoint(log.origin, size, log.root(size)).to_text(), log.origin, log.key)
    return LogProof(index, tuple(log.path(index, size)), note, receipt.to_bytes() + log.data(index)).to_text()


def recoveries(_: object = None) -> Iterator[Vector]:
    """Every vector of ``recoveries.json``."""
    e = bodies.epochs()
    one = e.one
    plain = bodies.recovery_of(one)
    known = _known(one)
    cored = bodies.recovery_of(one, set="", envelope_sha256="")
    paged = bodies.recovery_of(one, made_in="browser", tool="recover.html 1")
    longest = bodies.recovery_of(one, reason="𝄞" * 200)
    for name, source in (
        ("with an envelope", plain), ("of a typed core", cored), ("made in a browser", paged),
        ("two hundred characters", longest), ("every sheet", bodies.recovery_of(one, sheets=["1.1", "1.2", "1.3"])),
        ("U+FEFF in front of a reason", bodies.recovery_of(one, reason="\ufeffit burned")),
    ):  # fmt: skip
        yield good(name, "verify-recovery", {**known, **_files_of(one, source)}, _said(source))
    yield from _unread(one, known, plain)
    yield from _unlike(one, known, plain, cored)
    yield from _divided(one, plain)
    seed = one.seed.reveal().hex()
    signature = _files_of(one, plain)["signature"]
    yield good(
        "as recover.py signs", "sign-recovery", {"set_key_seed": seed, "record": plain}, {"signature": signature}
    )


def _said(source: str) -> Vector:
    return {"sha256": recovery.digest(source.encode()), "made_in": json.loads(source).get("made_in", "")}


def _known(epoch: Epoch) -> Vector:
    return {"envelope": base64.b64encode(epoch.sealed.envelope.to_bytes()).decode()}


def _files_of(epoch: Epoch, source: str, **changes: str) -> Vector:
    signed = sshsig.sign(epoch.seed, source.encode("utf-8", "surrogatepass"), recovery.NAMESPACE)
    return {"record": source, "signature": signed, **changes}


def _unread(one: Epoch, known: Vector, plain: str) -> Iterator[Vector]:
    def of(name: str, source: str, error: str = "invalid-record") -> Vector:
        return bad(name, "verify-recovery", {**known, **_files_of(one, source)}, error)

    made = functools.partial(bodies.recovery_of, one)
    yield of("nothing", "")
    yield of("no JSON", plain[:-1])
    yield of("a line feed behind", f"{plain}\n")
    yield of("a byte order mark in front", f"\ufeff{plain}")
    yield of(
        "keys in another order",
        json.dumps(dict(reversed(json.loads(plain).items())), separators=(",", ":"), ensure_ascii=False),
    )
    yield of("a key twice", plain.replace('"v":1', '"v":1,"v":1'))
    yield of("escapes that need not be", json.dumps(json.loads(plain), sort_keys=True, separators=(",", ":")))
    yield of("a space between", plain.replace('"v":1', '"v": 1'))
    yield of("a list", f"[{plain}]")
    yield of("another type", made(type="recovered"))
    yield of("another version", made(v=2), "unsupported-version")
    yield of("a field of a later release", made(later="x"), "unsupported-version")
    yield of("a field left out", made(tool=None), "unsupported-version")
    yield of("an epoch that is text", made(epoch="1"))
    yield of("epoch 0", made(epoch=0))
    yield of("a time that does not exist", made(time="2026-02-29T07:00:00Z"))
    yield of("a line feed behind a time", made(time="2026-03-01T07:00:00Z\n"))
    yield of("a line feed behind an epoch id", made(epoch_id=f"{json.loads(plain)['epoch_id']}\n"))
    yield of("an epoch id in capitals", made(epoch_id=json.loads(plain)["epoch_id"].upper()))
    yield of("a key that is too short", made(set_public_key="ab" * 31))
    yield of("made in no browser", made(made_in="a browser"))
    yield of("no officer", made(officers=[]))
    yield of("an officer without a name", made(officers=[""]))
    yield of("201 characters", made(reason="x" * 201))
    yield of("a space at the end", made(ticket="INC-2 "))
    yield of("a no-break space in front", made(ticket="\u00a0INC-2"))
    yield of("a line feed in a reason", made(reason="it\nburned"))
    yield of("a character that turns the text", made(reason="it \u202eburned"))
    yield of("no sheets", made(sheets=[]))
    yield of("sheets in another order", made(sheets=["1.2", "1.1"]))
    yield of("a sheet twice", made(sheets=["1.1", "1.1", "1.2"]))
    yield of("a sheet with a zero in front", made(sheets=["1.01", "1.2"]))
    yield of("a set name without an envelope", made(envelope_sha256=""))
    yield of("an envelope without a set name", made(set=""))
    yield of("a time with a fraction", made(time="2026-03-01T07:00:00.0Z"))
    head, tail = made(tool="@").split("@")
    times = recovery.MAX_BYTES + 1 - len((head + tail).encode())
    files = _files_of(one, f"{head}{'x' * times}{tail}")
    parts = {"head": head, "repeat": "x", "times": times, "tail": tail}
    yield bad("65,537 bytes", "verify-recovery", {**known, **files, "record": {"parts": parts}}, "invalid-record")


def _unlike(one: Epoch, known: Vector, plain: str, cored: str) -> Iterator[Vector]:
    e = bodies.epochs()
    two = bodies.recovery_of(e.two)
    files = _files_of(one, plain)
    altered = plain.replace("INC-2", "INC-3")
    for name, given, error in (
        ("altered", {**files, "record": altered}, "invalid-signature"),
        ("signed in another namespace", _files_of(one, plain, signature=sshsig.sign(
            one.seed, plain.encode(), sshsig.QUORUM_NAMESPACE)), "invalid-signature"),
        ("signed by the drill key", _files_of(one, plain, signature=sshsig.sign(
            e.cards.seed, plain.encode(), recovery.NAMESPACE)), "invalid-signature"),
        ("no signature", {**files, "signature": ""}, "invalid-signature"),
        ("of another set key, and signed by it", _files_of(e.two, two), "invalid-signature"),
        ("of another envelope",
        _files_of(one, bodies.recovery_of(one, envelope_sha256="ab" * 32)), "envelope-conflict"),
        ("of another epoch number", _files_of(one, bodies.recovery_of(one, epoch=2)), "invalid-record"),
        ("of another epoch id", _files_of(one, bodies.recovery_of(one, epoch_id="ab" * 8)), "invalid-record"),
        ("no quorum", _files_of(one, bodies.recovery_of(one, sheets=["1.3"])), "invalid-record"),
        ("a sheet that is not there",
        _files_of(one, bodies.recovery_of(one, sheets=["1.1", "1.2", "1.4"])), "invalid-record"),
        ("of another set", _files_of(one, bodies.recovery_of(one, set="other")), "invalid-record"),
    ):  # fmt: skip
        yield bad(name, "verify-recovery", {**known, **given}, error)
    assert cored != plain


def _divided(one: Epoch, plain: str) -> Iterator[Vector]:
    """Files that hold record and signature, or the record alone."""
    signature = _files_of(one, plain)["signature"]
    whole = f"{plain}\n{signature}"
    apart = {"record": plain, "signature": signature}
    for name, text_of, output in (
        ("in one file", whole, apart), ("with carriage returns", whole.replace("\n", "\r\n"), apart),
        ("with white space behind", f"{whole} \n\n\t", apart), ("without the last line feed", whole[:-1], apart),
        ("the record alone", plain, {"record": plain, "signature": ""}),
        ("the record and a line feed", f"{plain}\n", {"record": f"{plain}\n", "signature": ""}),
        ("something else behind it", f"{plain}\nx{signature}", {"record": f"{plain}\nx{signature}", "signature": ""}),
    ):  # fmt: skip
        yield good(name, "divide-recovery", {"file": text_of}, output)

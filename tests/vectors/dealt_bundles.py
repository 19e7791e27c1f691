# SPDX-License-Identifier: Apache-2.0
"""Vectors of bundles: of a whole log, of a range, of one set, and what was done to them.

What is altered is counted, hashed and signed again, as whoever has the terminal's key can: what then fails is the one
thing that the vector is about.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import made_lives as lives
import rfc8785
from dealt import Vector, bad, good
from made_logs import Log, like, line_of, public_test_key

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.ledger import bundle, receipt
from breakglass_shamir.ledger.bundle import Range

Lines = list[dict[str, Any]]
MADE = "2026-06-01T08:00:00Z"
NOBODY = public_test_key("nobody's")


def bundles(_: object = None) -> Iterator[Vector]:
    """Every vector of ``bundles.json``."""
    log = lives.small()
    size = log.size
    whole = _bundle(log, Range(size, 0, size - 1), frozenset(range(size)), receipts=True)
    yield good("of a whole log", "read-bundle", {"file": whole}, _says(whole))
    part = _bundle(log, Range(size, 3, 4), frozenset((0, 1, 3, 4, 5)))
    yield good("of a range", "read-bundle", {"file": part}, _says(part))
    one = _bundle(log, Range(size, 0, size - 1, "prod-db"), frozenset({0, 1, 2, *range(4, size)}))
    yield good("of one set", "read-bundle", {"file": one}, _says(one))
    lines = _lines(whole)

    def of(name: str, error: str, text: str, base: str = whole, of: str = "of a whole log") -> Vector:
        return bad(name, "read-bundle", {"file": like(text, of, base)}, error)

    def changed(number: int, **changes: Any) -> str:
        return _signed(log, [*lines[:number], {**lines[number], **changes}, *lines[number + 1 :]])

    yield of("another type", "invalid-record", whole.replace('"type":"bundle"', '"type":"bundles"', 1))
    yield of("JSON of something else", "invalid-input", '{"type":"enrolment"}\n')
    yield of("nothing", "invalid-input", "")
    yield of("another version", "unsupported-version", changed(0, v=2))
    yield of("a range that ends behind the log", "invalid-record", changed(0, last=size))
    yield of("a range that ends before it begins", "invalid-record", changed(0, first=2, last=1))
    yield of("a key with a comment", "invalid-record", changed(0, public_key=f"{lines[0]['public_key']} x"))
    yield of("a key that is none", "invalid-signature", changed(0, public_key="ssh-ed25519 AAAA"))
    yield of("a checkpoint by another key", "invalid-signature", changed(0, public_key=line_of(NOBODY)))
    yield of("a checkpoint of another tree", "invalid-proof", changed(0, root="ab" * 32))
    yield of("cut off behind a line", "invalid-record", "".join(whole.splitlines(keepends=True)[:-1]))
    yield of("cut off in a line", "invalid-record", whole[:-1])
    yield of("a line behind the last one", "invalid-record", f"{whole}\n")
    yield of("a space in a line", "invalid-record", whole.replace('","quorum_signature"', '", "quorum_signature"', 1))
    yield of("a field of a later release", "invalid-record", changed(2, more=""))
    yield of("a line of a later release", "invalid-record", _signed(log, [*lines[:2], {"type": "x"}, *lines[2:]]))
    yield of("a byte is another one", "invalid-proof", whole.replace("INC-1", "INC-2", 1))
    yield of("signed by another key", "invalid-signature", _signed(log, lines, key=NOBODY))
    yield of("signed in another namespace", "invalid-signature", _signed(log, lines, namespace=sshsig.KIT_NAMESPACE))
    yield of("a second head", "invalid-record", _signed(log, [lines[0], *lines]))
    yield of("a record of another log", "invalid-record", changed(1, record=lives.told().rows[0]["record"]))
    yield of("a record is left out", "invalid-record", _signed(log, [*lines[:3], *lines[4:]]))
    yield of("a record stands twice", "invalid-record", _signed(log, [*lines[:4], *lines[3:]]))
    yield of("two records changed places", "invalid-record", _signed(log, [*lines[:3], lines[4], lines[3], *lines[5:]]))
    last = size + 1
    yield of("the last record is left out", "invalid-proof", _signed(log, [*lines[: last - 1], *lines[last:]]))
    forged = lines[last - 1]["record"].replace('"show"', '"exec"')
    yield of("a record is another one", "invalid-proof", changed(last - 1, record=forged))
    yield of("a record behind a receipt", "invalid-record", _signed(log, [*lines[:-2], lines[-2], lines[1], lines[-1]]))
    leaf = merkle.leaf_hash(lines[4]["record"].encode()).hex()
    hidden = [*lines[:4], {"type": "withheld", "nodes": [[0, leaf]]}, *lines[5:]]
    yield of("a record of the range is withheld", "record-missing", _signed(log, hidden))
    yield of("other numbers at the end", "record-missing", _signed(log, lines, records=size - 1))
    yield of("a receipt of another log", "invalid-record", changed(len(lines) - 2, receipt=_receipt(lives.told(), 2)))
    yield of("a receipt that is none", "invalid-proof", changed(len(lines) - 2, receipt="x"))
    only = _lines(one)
    place = next(number for number, line in enumerate(only) if line["type"] == "withheld")
    pair = [*only[:place], {"type": "withheld", "nodes": [[1, "ab" * 32]]}, *only[place + 1 :]]
    yield of("a subtree in the place of a record", "invalid-proof", _signed(log, pair), one, "of one set")


def _bundle(log: Log, of: Range, shown: frozenset[int], *, receipts: bool = False) -> str:
    """Write the bundle of a log, with the records of these numbers."""
    with TemporaryDirectory() as folder, log.stored(Path(folder)) as ledger:
        given = (receipt.make(ledger, 2).to_text(),) if receipts else ()
        return b"".join(bundle.lines(ledger, of, lambda row: row[0] in shown, given, MADE)).decode()


def _receipt(log: Log, number: int) -> str:
    with TemporaryDirectory() as folder, log.stored(Path(folder)) as ledger:
        return receipt.make(ledger, number).to_text()


def _lines(text: str) -> Lines:
    return [json.loads(line) for line in text.splitlines()]


def _signed(
    log: Log, lines: Lines, *, key: Any = None, namespace: str = sshsig.BUNDLE_NAMESPACE, records: int = -1
) -> str:
    """Count, hash and sign lines again; the last one is made anew."""
    body, end = lines[:-1], lines[-1]
    data = b"".join(rfc8785.dumps(line) + b"\n" for line in body)
    sha256 = hashlib.sha256(data).hexdigest()
    held = sum(line["type"] == "record" for line in body) if records < 0 else records
    signature = sshsig.sign(key or log.key, sha256.encode(), namespace)
    end = {**end, "sha256": sha256, "records": held, "withheld": body[0]["size"] - held, "signature": signature}
    return (data + rfc8785.dumps(end) + b"\n").decode()


def _says(text: str) -> Vector:
    head, *_, end = _lines(text)
    names = ("first", "last", "size", "root", "set", "terminal")
    return {**{name: head[name] for name in names}, **{name: end[name] for name in ("records", "withheld", "sha256")}}

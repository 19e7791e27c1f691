# SPDX-License-Identifier: Apache-2.0
"""Attacks on a ledger that is only read, where one signature over all records stands for those of their envelopes.

Somebody writes to the database file and has no key of the terminal. Whatever opening a ledger refuses, reading it
refuses in the same words.
"""

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.crypto import keys, merkle, note
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.errors import BreakglassError, InvalidRecord
from breakglass_shamir.formats import envelope
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.store import FILE_NAME
from tests.attacks.test_ledger_tampering import LAST, STRANGER, field, fill, set_column, tamper

ISSUED = 2
"""Number of the record with the envelope."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole") / "home"
    with create(home, "north") as ledger:
        fill(ledger)
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "home"
    shutil.copytree(whole, copy)
    return copy


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    counts = {"envelopes": 0, "heads": 0}
    real = keys.ed25519_verify

    def counted(what: str, module: Any) -> None:
        def verify(*arguments: bytes) -> None:
            counts[what] += 1
            real(*arguments)

        monkeypatch.setattr(module, "ed25519_verify", verify)

    counted("envelopes", envelope)
    counted("heads", note)
    yield counts


def records(home: Path) -> list[bytes]:
    found = [field(home, "data", seq) for seq in range(LAST + 1)]
    return [data for data in found if isinstance(data, bytes)]


def altered(data: bytes) -> bytes:
    """Return the record of an epoch whose envelope's signature does not hold, and agrees with it otherwise."""
    tree = json.loads(data)
    body = tree["body"]
    forged = bytearray(base64.b64decode(body["envelope"]))
    forged[-1] ^= 1
    body["envelope"] = base64.b64encode(forged).decode()
    body["envelope_sha256"] = hashlib.sha256(forged).hexdigest()
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def head(public: bytes, seed: Secret, leaves: list[bytes]) -> str:
    tree = merkle.RootBuilder()
    tree.extend([merkle.leaf_hash(data) for data in leaves])
    name = origin(public)
    return sign_note(Checkpoint(name, tree.size, tree.root()).to_text(), name, seed)


def refused(home: Path, *, only_reads: bool) -> str:
    with pytest.raises(InvalidRecord) as error, open_home(home, only_reads=only_reads):
        pass
    return str(error.value)


def test_one_signature_stands_for_the_envelopes_and_the_state_is_the_same(home: Path, verified: dict[str, int]) -> None:
    with open_home(home) as opened:
        assert verified == {"envelopes": 1, "heads": 0}
        with open_home(home, only_reads=True) as read:
            assert verified == {"envelopes": 1, "heads": 1}
            assert (read.state, read.size) == (opened.state, LAST + 1)


def test_an_envelope_that_was_altered_is_refused_in_the_same_words(home: Path) -> None:
    tamper(home, set_column("data", altered(records(home)[ISSUED]), ISSUED))
    said = refused(home, only_reads=True)
    assert "record 2" in said
    assert "signature does not hold" in said
    assert said == refused(home, only_reads=False)


@pytest.mark.parametrize("signer", ["a stranger", "a stranger, under this log's key id"])
def test_a_head_of_a_stranger_vouches_for_nothing(home: Path, signer: str) -> None:
    leaves = records(home)
    leaves[ISSUED] = altered(leaves[ISSUED])
    with open_home(home) as ledger:
        own = ledger.public_key
    forged = head(own, STRANGER, leaves)
    if signer != "a stranger":
        text, _, lines = forged.partition("\n\n")
        name, signature = lines.rpartition(" ")[0], base64.b64decode(lines.rpartition(" ")[2])
        key_id = base64.b64decode(str(field(home, "checkpoint", LAST)).rpartition(" ")[2])[:4]
        forged = f"{text}\n\n{name} {base64.b64encode(key_id + signature[4:]).decode()}\n"
    tamper(home, set_column("data", leaves[ISSUED], ISSUED), set_column("checkpoint", forged, LAST))
    assert "signature does not hold" in refused(home, only_reads=True)


def test_an_earlier_head_of_the_terminal_vouches_for_nothing(home: Path, verified: dict[str, int]) -> None:
    tamper(home, set_column("checkpoint", field(home, "checkpoint", LAST - 1), LAST))
    with open_home(home, only_reads=True):
        assert verified["envelopes"] == 1


@pytest.mark.parametrize("checkpoint", ["", "no note", "a\n\n\u2014 b AAAA\n"])
def test_a_head_that_is_none_stops_nobody(home: Path, checkpoint: str, verified: dict[str, int]) -> None:
    tamper(home, set_column("checkpoint", checkpoint, LAST))
    with open_home(home, only_reads=True) as ledger:
        assert verified["envelopes"] == 1
        assert ledger.size == LAST + 1


def test_a_record_that_is_added_afterwards_is_verified(home: Path, verified: dict[str, int]) -> None:
    with open_home(home, only_reads=True) as read:
        assert verified["envelopes"] == 0
        leaves = records(home)
        tamper(home, ("INSERT INTO records SELECT 12, ?, '', '', '' FROM records LIMIT 1", (leaves[ISSUED],)))
        with pytest.raises(BreakglassError):
            read.catch_up()
        assert verified["envelopes"] == 1


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff"])
def test_what_is_no_record_is_refused_in_the_same_words(home: Path, damage: bytes) -> None:
    tamper(home, set_column("data", damage, ISSUED))
    assert refused(home, only_reads=True) == refused(home, only_reads=False)


@pytest.mark.parametrize("checkpoint", [None, 7, b"\xff"])
def test_a_head_of_another_type_stops_nobody(home: Path, checkpoint: object, verified: dict[str, int]) -> None:
    set_any("checkpoint", checkpoint, LAST, home)
    with open_home(home, only_reads=True) as ledger:
        assert verified["envelopes"] == 1
        assert ledger.size == LAST + 1


@pytest.mark.parametrize("data", [None, 7, "{}"])
def test_a_record_of_another_type_is_refused_in_the_same_words(home: Path, data: object) -> None:
    set_any("data", data, ISSUED, home)
    said = refused(home, only_reads=True)
    assert "record 2: expected bytes" in said
    assert said == refused(home, only_reads=False)


def set_any(column: str, value: object, seq: int, home: Path) -> None:
    """Put the records into a table that takes values of any type, as whoever writes to the file can."""
    with closing(sqlite3.connect(home / FILE_NAME)) as connection:
        connection.executescript("""
            CREATE TABLE other (seq INTEGER PRIMARY KEY, data, terminal_signature, quorum_signature, checkpoint);
            INSERT INTO other SELECT * FROM records;
            DROP TABLE records;
            ALTER TABLE other RENAME TO records;
        """)
        connection.execute(*set_column(column, value, seq))
        connection.commit()

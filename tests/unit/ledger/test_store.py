# SPDX-License-Identifier: Apache-2.0
"""The store appends durably, refuses everything else, and says what keeps it from it."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.openings import InUse, Refused
from breakglass_shamir.errors import (
    FileExists,
    IllegalState,
    InvalidInput,
    InvalidRecord,
    KeyMismatch,
    LedgerBusy,
    LedgerUnwritable,
    NoHome,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import connection as connections
from breakglass_shamir.ledger.entry import log_id, origin
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

REPOSITORY = Path(__file__).resolve().parents[3]
NOTE = Refused(stage="open", error="insufficient-shares", message="no quorum")


def key() -> Secret:
    return Secret(b"k" * 32)


def start_of(secret: Secret) -> LedgerStarted:
    line = sshsig.public_line(keys.ed25519_public(secret), "north")
    return LedgerStarted(terminal="north", public_key=line, software="x")


START = start_of(key())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.create(tmp_path / FILE_NAME, key()) as made:
        yield made


def test_an_append_is_stored_signed_chained_and_checkpointed(ledger: Ledger) -> None:
    first, second = ledger.append(NOTE), ledger.append(NOTE)
    assert [entry.data for entry in ledger.entries()] == [first.data, second.data]
    assert list(ledger.entries(1)) == [second]
    record = second.record
    assert (record.seq, record.previous, record.log) == (1, first.digest, log_id(ledger.public_key).hex())
    assert record.root == merkle.root_of([merkle.leaf_hash(first.data)]).hex()
    sshsig.verify(second.terminal_signature, second.data, sshsig.RECORD_NAMESPACE, ledger.public_key)
    name = origin(ledger.public_key)
    head = Checkpoint.from_text(open_note(second.checkpoint, name, ledger.public_key))
    assert head == Checkpoint(name, 2, ledger.root_at(2))
    assert ledger.root_at(2) == merkle.root_of(merkle.leaf_hash(e.data) for e in (first, second))


def test_the_first_record_stands_on_nothing(ledger: Ledger) -> None:
    record = ledger.append(NOTE).record
    assert (record.seq, record.previous, record.root) == (0, "", merkle.EMPTY_ROOT.hex())
    assert ledger.checkpoint().size == 1


def test_a_connection_that_flushes_before_it_says_done(ledger: Ledger) -> None:
    connection = ledger._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_two_handles_catch_up_with_each_other(ledger: Ledger) -> None:
    ledger.append(START)
    with Ledger.open(ledger.path, key()) as other:
        entries = [one.append(NOTE) for one in (ledger, other, other, ledger)]
        assert [entry.record.seq for entry in entries] == [1, 2, 3, 4]
        assert ledger.size == 5
        assert other.size == 4
        other.catch_up()
        assert (other.size, other.state) == (5, ledger.state)
        assert verify(other).records == 5


def test_an_illegal_record_leaves_no_trace(ledger: Ledger) -> None:
    ledger.append(START)
    before = ledger.state
    with pytest.raises(IllegalState, match="set prod-db is not in this ledger"):
        ledger.append(InUse(), set_name="prod-db")
    with pytest.raises(IllegalState, match="a ledger starts once"):
        ledger.append(START)
    assert (ledger.size, ledger.state, len(list(ledger.entries()))) == (1, before, 1)
    ledger.append(NOTE)
    assert verify(ledger).records == 2


def test_what_could_not_be_read_back_leaves_no_trace(ledger: Ledger) -> None:
    for stage, message in (("open", "x" * records.MAX_RECORD_BYTES), ("\x1b[2J", "no")):
        with pytest.raises(InvalidInput):
            ledger.append(Refused(stage=stage, error="x", message=message))
    assert list(ledger.entries()) == []
    ledger.append(START)
    with Ledger.open(ledger.path, key()) as again:
        assert again.size == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET data = x'00'",
        "UPDATE records SET checkpoint = ''",
        "DELETE FROM records",
        "UPDATE nodes SET hash = x'00'",
        "DELETE FROM nodes",
        "DELETE FROM records WHERE seq = 0",
        "INSERT OR REPLACE INTO records VALUES (0, x'00', '', '', '')",
        "INSERT OR REPLACE INTO nodes VALUES (0, 0, x'00')",
    ],
)
def test_the_triggers_refuse_to_change_what_is_stored(ledger: Ledger, statement: str) -> None:
    entry = ledger.append(START)
    for connection in (ledger._connection, sqlite3.connect(ledger.path)):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        if connection.in_transaction:
            connection.rollback()
    assert list(ledger.entries()) == [entry]
    verify(ledger)


def test_a_ledger_is_made_once(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnwritable):
        Ledger.create(ledger.path, key())


def test_no_file_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(NoHome, match=r"expected a ledger at .*, found none"):
        Ledger.open(tmp_path / FILE_NAME, key())


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + bytes(4080)])
def test_a_file_that_is_no_ledger_is_said_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(LedgerUnwritable, match="it is damaged or not ours") as refused:
        Ledger.open(path, key())
    assert "begin a new home" in refused.value.hint
    assert path.read_bytes() == content


def test_a_full_disk_is_said_and_nothing_is_stored(ledger: Ledger) -> None:
    ledger.append(START)
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerUnwritable, match="could not be written") as refused:
        for _ in range(100):
            ledger.append(Refused(stage="open", error="x", message="m" * 3000))
    assert "revealed" not in str(refused.value)
    ledger._connection.execute("PRAGMA max_page_count = 100000")
    ledger.append(NOTE)
    assert verify(ledger).records == ledger.size


def test_a_writer_that_does_not_finish_is_said(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Ledger.open(ledger.path, key()) as waiting:
        with pytest.raises(LedgerBusy, match="another program is writing"):
            waiting.append(NOTE)
        other.execute("ROLLBACK")
        waiting.append(NOTE)
    other.close()


def test_a_file_held_by_another_program_is_busy_not_damaged(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    ledger.append(START)
    ledger.close()
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy, match="another program") as refused:
        Ledger.open(ledger.path, key())
    assert "try again" in refused.value.hint
    other.close()
    Ledger.open(ledger.path, key()).close()


def test_another_key_opens_no_ledger_and_spoils_nothing(ledger: Ledger) -> None:
    ledger.append(START)
    with pytest.raises(KeyMismatch, match="is not the one that began this ledger") as refused:
        Ledger.open(ledger.path, Secret(b"x" * 32))
    assert (refused.value.exit_code, "put its own key back" in refused.value.hint) == (5, True)
    ledger.append(NOTE)
    assert verify(ledger).records == 2


def test_a_log_that_does_not_begin_with_its_start_is_refused(ledger: Ledger) -> None:
    ledger.append(NOTE)
    with pytest.raises(InvalidRecord, match="record 0: expected the start of a ledger"):
        Ledger.open(ledger.path, key())
    with pytest.raises(InvalidRecord, match="record 0: expected the start of a ledger"):
        verify(ledger)


def test_a_copy_is_the_same_log_and_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(START)
    ledger.copy_to(tmp_path / "copy.sqlite")
    with Ledger.open(tmp_path / "copy.sqlite", key()) as copy:
        assert (copy.size, copy.root_at(1), copy.state) == (1, ledger.root_at(1), ledger.state)
        copy.append(NOTE)
        assert verify(copy).records == 2
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            copy._connection.execute("DELETE FROM records")
    assert ledger.catch_up() == ledger.state
    assert ledger.size == 1


def test_a_copy_never_overwrites(ledger: Ledger, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"somebody's")
    with pytest.raises(FileExists):
        ledger.copy_to(there)
    assert there.read_bytes() == b"somebody's"
    with pytest.raises(LedgerUnwritable):
        ledger.copy_to(tmp_path / "no such folder" / "x")


READ_ONLY = """
import os, sys
from pathlib import Path
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import LedgerUnwritable
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify

note = Refused(stage="s", error="e", message="m")
line = sshsig.public_line(keys.ed25519_public(Secret(b"k" * 32)), "north")
with Ledger.create(Path(sys.argv[1]), Secret(b"k" * 32)) as ledger:
    ledger.append(LedgerStarted(terminal="north", public_key=line, software="x"))
    verify(ledger)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
with Ledger.open(Path(sys.argv[2]), Secret(b"k" * 32)) as ledger:
    print(verify(ledger).records)
    try:
        ledger.append(note)
    except LedgerUnwritable as error:
        print("unwritable", error)
    print(ledger.size)
"""


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that is to be closed to everybody but root."""
    folder = Path(tempfile.mkdtemp(prefix="breakglass-read-only-"))
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_as_nobody(folder: Path, warm: Path) -> "subprocess.CompletedProcess[str]":
    """Read the ledger in a process of its own that gives up root, who may write everything."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    return subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(warm), str(folder / FILE_NAME)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_file_that_may_only_be_read_is_read_and_verified(ledger: Ledger, read_only: Path, tmp_path: Path) -> None:
    ledger.append(START)
    ledger.append(NOTE)
    ledger.close()
    shutil.copy(ledger.path, read_only)
    run = read_as_nobody(read_only, tmp_path / "warm.sqlite")
    lines = run.stdout.splitlines()
    assert (run.returncode, len(lines)) == (0, 3), run.stderr
    assert (lines[0], lines[2]) == ("2", "2")
    assert lines[1].startswith("unwritable the ledger could not be written")


def test_a_file_that_may_only_be_read_never_hides_its_newest_records(
    ledger: Ledger, read_only: Path, tmp_path: Path
) -> None:
    ledger.append(START)
    ledger._connection.execute("PRAGMA wal_checkpoint(FULL)")
    ledger.append(NOTE)
    for suffix in ("", "-wal"):
        shutil.copy(f"{ledger.path}{suffix}", read_only)
    run = read_as_nobody(read_only, tmp_path / "warm.sqlite")
    assert run.returncode != 0
    assert f"has newer records in {FILE_NAME}-wal, which cannot be read where it is" in run.stderr


def test_closing_wipes_the_key(tmp_path: Path) -> None:
    secret = key()
    Ledger.create(tmp_path / FILE_NAME, secret).close()
    assert secret != key()

# SPDX-License-Identifier: Apache-2.0
"""The collection at a real PostgreSQL: what holds is kept once, and what does not is refused and kept as evidence."""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from collection_place import Place

from breakglass_shamir.collection import address, keeper, schema
from breakglass_shamir.collection.keeper import Round
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import ConnectorError, Forked, InvalidInput, InvalidProof, KeyMismatch, RecordMissing
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import against
from breakglass_shamir.operations.collecting import keeping, syncing
from breakglass_shamir.paper.reading.scan import Scanner

UPDATES = {
    "migrations": "UPDATE {} SET version = version",
    "limits": "UPDATE {} SET waiting_rows = 1",
    "evidence_counts": "UPDATE {} SET kept = 0",
    "logins": "UPDATE {} SET xact_rows = 0",
}
TABLES = ("migrations", "terminals", "records", "nodes", "cosigned", "evidence", "told")
OTHERS = ("limits", "evidence_counts")


def begin(folder: Path, name: str, records: int) -> Ledger:
    seed = Secret(name.encode().ljust(32, b"."))
    folder.mkdir()
    ledger = Ledger.create(folder / "ledger.db", seed)
    line = sshsig.public_line(keys.ed25519_public(seed), name)
    ledger.append(LedgerStarted(terminal=name, public_key=line, software="x"))
    grow(ledger, records - 1)
    return ledger


def grow(ledger: Ledger, records: int, why: str = "no quorum") -> None:
    for number in range(records):
        ledger.append(Refused(stage="open", error="insufficient-shares", message=f"{why} {number}"))


@pytest.fixture
def ledger(place: Place, tmp_path: Path) -> Iterator[Ledger]:
    with begin(tmp_path / "north", "north", 5) as made:
        place.enrol(made)
        yield made


def copied(ledger: Ledger, folder: Path, name: str) -> Ledger:
    """Set a terminal back: its ledger as it is now, to go on by itself."""
    folder.mkdir()
    ledger.copy_to(folder / "ledger.db")
    for file in (syncing.COLLECTOR_FILE,):
        if (ledger.path.parent / file).exists():
            shutil.copy(ledger.path.parent / file, folder / file)
    return Ledger.open(folder / "ledger.db", Secret(name.encode().ljust(32, b".")))


def test_the_collection_equals_the_ledger_and_cosigns_it(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    first = syncing.sync(ledger, place.terminal, place.key)
    assert (first.pushed, first.cosigned, first.witness) == (5, 0, None)
    assert place.collect() == Round(kept=5)
    grow(ledger, 150)
    second = syncing.sync(ledger, place.terminal, None)
    assert (second.pushed, second.cosigned) == (151, 5)
    assert place.collect() == Round(kept=150, repeated=1)
    assert place.kept(ledger) == list(ledger.rows())
    third = syncing.sync(ledger, place.terminal, None)
    assert (third.pushed, third.cosigned) == (1, 155) and third.witness
    ((witness, problem),) = against.hold(ledger, [third.witness], Scanner())
    assert (witness.kind, witness.verdict, witness.size, problem) == ("checkpoint", "consistent", 155, None)


def test_duplicated_and_reordered_pushes_change_nothing(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    grow(ledger, 40)
    rows = list(ledger.rows())
    several = rows * 3
    random.Random(7).shuffle(several)
    with begin(tmp_path / "south", "south", 70) as other:
        place.enrol(other)
        for at in range(0, len(several), 9):
            place.push(ledger, several[at : at + 9])
            place.push(other, list(other.rows(at // 2)))
            place.collect()
        place.push(other, list(other.rows()))
        place.collect()
        assert place.kept(ledger) == rows and place.kept(other) == list(other.rows())
    assert place.kinds() == [] and place.asked("SELECT 1 FROM breakglass_log.evidence") == []


def test_a_gap_waits(place: Place, ledger: Ledger) -> None:
    rows = list(ledger.rows())
    place.push(ledger, rows[3:])
    assert place.collect() == Round()
    place.push(ledger, rows[:3])
    assert place.collect() == Round(kept=5)


def test_a_log_that_was_rewritten_is_a_fork_and_kept_whole(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    with copied(ledger, tmp_path / "copy", "north") as other:
        grow(ledger, 3)
        grow(other, 4, "another story")
        syncing.sync(ledger, place.terminal, place.key)
        place.collect()
        with pytest.raises(Forked, match="another history of the first 8 records"):
            syncing.sync(other, place.terminal, place.key)
        assert place.collect().kept == 0
        assert set(place.kinds()) == {"fork"} and len(place.kinds()) == 2
        rows = place.asked("SELECT checkpoint, held_checkpoint FROM breakglass_log.evidence ORDER BY id")
        assert rows[0] == (other.row(7)[4], ledger.row(7)[4])
    assert place.kept(ledger) == list(ledger.rows())


def test_a_log_that_was_set_back_is_told(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    with copied(ledger, tmp_path / "copy", "north") as other:
        grow(ledger, 3)
        syncing.sync(ledger, place.terminal, place.key)
        place.collect()
        with pytest.raises(RecordMissing, match="cosigned 8 records of this log, and the ledger here has 5"):
            syncing.sync(other, place.terminal, place.key)


def test_an_impersonator_is_kept_with_its_login(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    with begin(tmp_path / "thief", "thief", 3) as thief:
        place.push(ledger, list(thief.rows()))
        place.push(thief, list(thief.rows()))
        assert place.collect().evidence == 4
        assert sorted(map(str, place.kinds())) == ["impersonation", "stranger", "stranger", "stranger"]
        pushers = {pusher for (pusher,) in place.asked("SELECT pusher FROM breakglass_log.evidence")}
        assert pushers == {place.terminal_role}
    syncing.sync(ledger, place.terminal, place.key)
    place.collect()
    assert place.kept(ledger) == list(ledger.rows())


def test_signed_rows_put_together_otherwise_accuse_nobody(place: Place, ledger: Ledger) -> None:
    one, two, *_ = ledger.rows()
    place.push(ledger, [(*one[:4], two[4])])
    place.collect()
    place.push(ledger, [one])
    place.push(ledger, [(*one[:3], "another quorum's", one[4])])
    place.collect()
    assert place.kinds() == ["mixed", "mixed"] and place.kept(ledger) == [one]


def updating(table: str) -> str:
    """Return a change of nothing, of a column that the table has."""
    return UPDATES.get(table.rpartition(".")[2], "UPDATE {} SET log_id = log_id")


def test_a_stolen_login_of_a_terminal_reads_and_changes_nothing(place: Place, ledger: Ledger) -> None:
    syncing.sync(ledger, place.terminal, place.key)
    place.collect()
    changes = ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x int")
    tables = [f"breakglass_log.{name}" for name in TABLES + OTHERS]
    tables += [f"breakglass_staging.{name}" for name in ("pushed", "told", "turns", "logins")]
    with address.connected(place.terminal) as connection:
        for table in tables:
            for statement in ("SELECT 1 FROM {}", updating(table), *changes):
                with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
                    connection.execute(statement.format(table).encode())


def test_the_log_is_append_only_for_its_owner_too(place: Place, ledger: Ledger) -> None:
    with address.connected(place.owner) as connection:
        for table in TABLES:
            for statement in (updating(table), "DELETE FROM {}", "TRUNCATE {} CASCADE"):
                with pytest.raises(psycopg.Error, match="append-only"):
                    connection.execute(statement.format(f"breakglass_log.{table}").encode())


def test_many_logs_that_a_stolen_login_makes_up_keep_no_terminal_waiting(
    place: Place, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOGS_AT_ONCE", 3)
    statement = "INSERT INTO breakglass_staging.pushed (log_id, seq, data, terminal_signature, quorum_signature, "
    statement += "checkpoint) SELECT int8send(n), 0, '', '', '', '' FROM generate_series(1, 20) n"
    with address.connected(place.terminal) as connection:
        connection.execute(statement.encode())
    syncing.sync(ledger, place.terminal, place.key)
    place.collect()
    assert place.kinds() == ["stranger"] * 20
    assert place.kept(ledger) == list(ledger.rows())


def test_a_cosigned_checkpoint_that_was_damaged_is_named(place: Place, ledger: Ledger) -> None:
    syncing.sync(ledger, place.terminal, place.key)
    place.collect()
    syncing.sync(ledger, place.terminal, place.key)
    kept = ledger.path.parent / syncing.COSIGNED_FILE
    for data in (kept.read_bytes()[:-9], b"", b"\xff\xfe", kept.read_bytes().replace(b"1", b"2")):
        kept.write_bytes(data)
        with pytest.raises(InvalidProof, match=re.escape(str(kept))) as refused:
            syncing.sync(ledger, place.terminal, place.key)
        assert "backup" in refused.value.hint


def test_a_terminal_cannot_choose_who_pushed_and_when(place: Place) -> None:
    statement = "INSERT INTO breakglass_staging.pushed (pusher, log_id, seq, data, terminal_signature, "
    statement += "quorum_signature, checkpoint) VALUES ('x', '12345678', 0, '', '', '', '')"
    with pytest.raises(ConnectorError, match="permission denied"), address.connected(place.terminal) as connection:
        connection.execute(statement.encode())


def test_a_killed_server_changes_nothing_but_the_delay(place: Place, ledger: Ledger) -> None:
    syncing.sync(ledger, place.terminal, place.key)
    place.server.stop("immediate")
    try:
        with pytest.raises(ConnectorError, match="the collection"):
            syncing.sync(ledger, place.terminal, None)
        grow(ledger, 2)
    finally:
        place.server.start()
    syncing.sync(ledger, place.terminal, None)
    place.collect()
    assert place.kept(ledger) == list(ledger.rows())


def test_the_commands_collect_and_cosign_a_log(place: Place, tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("breakglass"))
    home = str(tmp_path / "home")

    def typed(*words: str) -> str:
        done = subprocess.run(
            [program, "--home", home, *words], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    typed("init", "--terminal", "north")
    typed("collect", "init", "--to", place.owner)
    typed("collect", "key", "--out", "collector.key", "--name", "collector.example/one")
    with homes.open_unread(tmp_path / "home") as ledger:
        line = sshsig.public_line(ledger.public_key, "north")
    assert "enrolled: log " in typed("collect", "enrol", line, "--to", place.collector)
    assert "pushed: 1 record;" in typed("sync", "--to", place.terminal, "--collector", "collector.key.pub")
    assert "kept: 1 record;" in typed("collect", "run", "--to", place.collector, "--key", "collector.key", "--once")
    assert "cosigned so far: 1 of 1" in typed("sync", "--to", place.terminal)
    assert "a checkpoint that saw the first record, as it is here" in typed(
        "audit", "verify", "--against", f"{home}/cosigned.checkpoint"
    )


def test_another_collector_is_refused(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    syncing.sync(ledger, place.terminal, place.key)
    keeping.make_key(tmp_path / "other", "collector.example/two")
    with pytest.raises(KeyMismatch):
        syncing.sync(ledger, place.terminal, tmp_path / "other.pub")


def test_a_database_comes_to_a_version_once(place: Place) -> None:
    assert keeping.prepare(place.owner) == keeping.Prepared(3, 3)
    assert schema.as_text().count("CREATE SCHEMA") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://a:secret@h/d", "postgresql://h/d?password=secret", "postgresql://h/d?sslmode=disable",
        "mysql://h/d", "host=h password=secret", "postgresql://h/d?sslpassword=secret", "postgresql://h/d?nonsense=1",
        "postgresql://[::1/d",
    ],
)  # fmt: skip
def test_an_address_with_a_password_or_without_verification_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        address.settings(wrong)
    assert "secret" not in f"{caught.value} {caught.value.hint}"

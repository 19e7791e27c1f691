# SPDX-License-Identifier: Apache-2.0
"""Who keeps a collection: bounds for each login, quorums' signatures, two at once, a lost key, an older schema."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collection_place import PASSWORD, Place, collector_of
from postgres_server import PostgresServer
from shared_set import NAME, Terminal

from breakglass_shamir.collection import address, door, schema
from breakglass_shamir.collection.keeper import Round
from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.cosignature import cosign
from breakglass_shamir.custody.records.ledger import CollectorReplaced
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import ConnectorError, FileExists, InvalidInput, InvalidRecord, KeyMismatch
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.verify import verify
from breakglass_shamir.operations.collecting import bringing, keeping, syncing

FULL = r"rows of \d+ bytes (waiting|at once)"
STUFF = (
    "INSERT INTO breakglass_staging.pushed (log_id, seq, data, terminal_signature, quorum_signature, checkpoint) "
    "SELECT int8send({log}), generate_series(1, {rows}), convert_to(repeat('x', {size}), 'UTF8'), '', '', ''"
)


@pytest.fixture
def south(place: Place, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal whose records are let in."""
    made = Terminal.begin(tmp_path / "south")
    place.enrol(made.ledger)
    yield made
    made.ledger.close()


def grow(one: Terminal, records: int) -> None:
    for number in range(records):
        one.ledger.append(Refused(stage="open", error="insufficient-shares", message=f"no quorum {number}"))


def stuff(where: str, rows: int, size: int = 1, log: int = 7) -> None:
    """Push what a stolen login makes up."""
    with address.connected(where) as connection:
        connection.execute(STUFF.format(rows=rows, size=size, log=log).encode())


def limit(place: Place, column: str, most: int) -> None:
    with address.connected(place.owner) as connection:
        connection.execute(f"UPDATE breakglass_log.limits SET {column} = {most}".encode())  # noqa: S608 - written here


# --- how much one login may have waiting ----------------------------------------------------------------------


def test_a_terminal_that_may_push_no_more_is_told_so_and_loses_nothing(
    place: Place, south: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "ROWS_AT_ONCE", 4)
    limit(place, "waiting_rows", 6)
    grow(south, 11)
    first = syncing.sync(south.ledger, place.terminal, place.key)
    assert (first.pushed, first.cosigned) == (4, 0) and "at most 6" in first.full
    for _ in range(4):
        place.collect()
        last = syncing.sync(south.ledger, place.terminal, None)
    place.collect()
    assert place.kept(south.ledger) == list(south.ledger.rows())
    assert not last.full and place.kinds() == []


@pytest.mark.parametrize(
    ("column", "most", "rows", "size"), [("waiting_rows", 10, 11, 1), ("waiting_bytes", 999, 2, 500)]
)
def test_a_stolen_login_has_no_more_waiting_than_it_may(
    place: Place, column: str, most: int, rows: int, size: int
) -> None:
    limit(place, column, most)
    with pytest.raises(ConnectorError, match=FULL):
        stuff(place.terminal, rows, size)
    stuff(place.terminal, rows - 1, size)
    with pytest.raises(ConnectorError, match=FULL):
        stuff(place.terminal, 1, size, log=8)
    with (
        pytest.raises(ConnectorError, match=FULL),
        address.connected(place.terminal) as connection,
    ):
        connection.execute(
            b"INSERT INTO breakglass_staging.told (log_id, address, size, data, signature) "
            b"SELECT '12345678', sha256('x'), 1, convert_to(repeat('x', 500), 'UTF8'), '' FROM generate_series(1, 2)"
        )


def test_what_waits_already_does_not_wait_twice(place: Place, south: Terminal) -> None:
    """Collectors lag, and a terminal syncs from a timer: staging does not grow with how often it does."""
    limit(place, "waiting_rows", 8)
    south.issue()
    south.void("1.1")
    grow(south, 2)
    for _ in range(3):
        assert syncing.sync(south.ledger, place.terminal, place.key).pushed == south.ledger.size
        assert bringing.bring(south.recorder, place.terminal).full == ""
    other = place.at(place.server.add_role(PASSWORD, "LOGIN IN ROLE breakglass_terminal"))
    with address.connected(other) as connection:
        first = south.ledger.row(0)
        several = [first, first, (*first[:3], "x", first[4])]
        assert door.push(connection, south.ledger.public_key, several).count == 3
    assert place.waiting() == south.ledger.size + 2
    assert place.collect() == Round(kept=south.ledger.size, repeated=1, evidence=1, told=1)
    syncing.sync(south.ledger, place.terminal, None)
    assert place.collect() == Round(repeated=1)


def test_one_statement_of_very_many_rows_is_stopped_on_its_way(place: Place) -> None:
    """What is undone in the end has been written before: the disk would be full by then."""
    with pytest.raises(ConnectorError, match=FULL):
        stuff(place.terminal, 100_000_000)
    with address.connected(place.owner) as connection:
        row = connection.execute(b"SELECT pg_total_relation_size('breakglass_staging.pushed')").fetchone()
    assert row is not None
    assert row[0] < 4_000_000


def test_two_transactions_that_see_nothing_of_each_other_do_not_get_more_in(place: Place) -> None:
    limit(place, "waiting_rows", 10)
    with address.connected(place.terminal) as one:
        one.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
        one.execute(b"SELECT 1 FROM breakglass_staging.head('12345678')")
        stuff(place.terminal, 10)
        with pytest.raises(Exception, match=r"could not serialize|bytes"):
            one.execute(STUFF.format(rows=10, size=1, log=8).encode())
        one.execute(b"ROLLBACK")
    assert place.waiting() == 10


def test_what_one_login_does_keeps_no_other_one_waiting(place: Place, south: Terminal) -> None:
    """A thief fills one login, holds a transaction open, and takes every advisory lock that there may be."""
    limit(place, "waiting_rows", 20)
    thief = place.at(place.server.add_role(PASSWORD, "LOGIN IN ROLE breakglass_terminal"))
    grow(south, 10)
    stuff(thief, 20)
    with address.connected(thief) as held:
        held.execute(b"BEGIN")
        lock = "SELECT pg_advisory_xact_lock(hashtextextended('breakglass log ' || encode(%s, 'hex'), 0))"
        held.execute(lock.encode(), (south.ledger.log_id,))
        with pytest.raises(Exception, match=FULL):
            held.execute(STUFF.format(rows=1, size=1, log=8).encode())
        held.execute(b"ROLLBACK; BEGIN")
        held.execute(lock.encode(), (south.ledger.log_id,))
        assert not syncing.sync(south.ledger, place.terminal, place.key).full
        assert place.collect().kept == 11
    assert place.kept(south.ledger) == list(south.ledger.rows())


def test_what_waits_behind_a_gap_for_a_day_makes_room(place: Place, south: Terminal) -> None:
    grow(south, 5)
    place.push(south.ledger, list(south.ledger.rows())[3:])
    assert place.collect() == Round() and place.waiting() == 3
    with address.connected(place.owner) as connection:
        connection.execute(b"UPDATE breakglass_staging.pushed SET at = at - interval '25 hours'")
    place.collect()
    assert place.waiting() == 0
    syncing.sync(south.ledger, place.terminal, place.key)
    place.collect()
    assert place.kept(south.ledger) == list(south.ledger.rows())


# --- how much of it is kept as evidence -----------------------------------------------------------------------


def counts(place: Place) -> list[tuple[object, ...]]:
    return place.asked("SELECT kind, kept, repeated, beyond FROM breakglass_log.evidence_counts ORDER BY kind")


def test_what_is_pushed_again_and_again_is_kept_once_and_counted(place: Place) -> None:
    for _ in range(3):
        stuff(place.terminal, 4)
        assert place.collect().evidence == 4
    assert place.kinds() == ["stranger"] * 4
    assert counts(place) == [("stranger", 4, 8, 0)]


def test_evidence_of_one_login_has_a_bound_and_none_of_another_kind_is_lost(place: Place, south: Terminal) -> None:
    limit(place, "evidence_rows", 5)
    stuff(place.terminal, 50)
    place.collect()
    assert counts(place) == [("stranger", 5, 0, 45)]
    syncing.sync(south.ledger, place.terminal, place.key)
    place.collect()
    (row,) = south.ledger.rows()
    place.push(south.ledger, [(0, row[1][:-2] + b"x}", *row[2:])])
    place.collect()
    assert place.kinds() == ["stranger"] * 5 + ["impersonation"]
    limit(place, "evidence_bytes", 3000)
    stuff(place.terminal, 5, 2000, log=9)
    place.collect()
    assert place.kinds().count("stranger") == 5


def test_a_reason_that_repeats_what_was_pushed_stops_no_collector(
    place: Place, south: Terminal, tmp_path: Path
) -> None:
    """A thief has a terminal's key: of a field's name that has a NUL in it PostgreSQL keeps no word."""
    thief = Terminal.begin(tmp_path / "thief")
    place.enrol(thief.ledger)
    key = thief.ledger._key
    data = b'{"a\\u0000' + b"b" * 9000 + b'":1}'
    signed = sshsig.sign(key, data, sshsig.RECORD_NAMESPACE)
    place.push(thief.ledger, list(thief.ledger.rows()))
    assert place.collect().kept == 1
    place.push(thief.ledger, [(1, data, signed, "", "x")])
    with address.connected(place.terminal) as connection:
        rows = [(bytes(32), 1, data, sshsig.sign(key, data, sshsig.TELLING_NAMESPACE))]
        assert door.tell(connection, thief.ledger.public_key, rows).count == 1
    syncing.sync(south.ledger, place.terminal, place.key)
    assert place.collect() == Round(kept=1, evidence=2)
    reasons = place.asked("SELECT reason FROM breakglass_log.evidence")
    assert all("unknown field `a\\x00bb" in str(reason) and len(str(reason)) < 1100 for (reason,) in reasons)
    assert place.kept(south.ledger) == list(south.ledger.rows()) and len(reasons) == 2
    thief.ledger.close()


# --- what only a quorum could sign ----------------------------------------------------------------------------


@pytest.fixture
def opened(place: Place, south: Terminal) -> Terminal:
    """The terminal after an opening, of which the collection has everything but the quorum's record."""
    south.issue()
    south.open()
    place.push(south.ledger, list(south.ledger.rows())[:-1])
    place.collect()
    return south


FORGERIES: dict[str, Callable[[Terminal, bytes], str]] = {
    "none": lambda _one, _data: "",
    "another text": lambda _one, _data: "x",
    "the terminal's": lambda one, data: sshsig.sign(one.ledger._key, data, sshsig.QUORUM_NAMESPACE),
    "another namespace": lambda one, data: sshsig.sign(one.set_key(), data, sshsig.DRILL_NAMESPACE),
    "another record": lambda one, data: sshsig.sign(one.set_key(), data + b" ", sshsig.QUORUM_NAMESPACE),
}


@pytest.mark.parametrize("fresh", [True, False], ids=["started anew", "running"])
def test_a_quorums_signature_that_does_not_hold_is_evidence(place: Place, opened: Terminal, *, fresh: bool) -> None:
    seq, data, signature, _, note = opened.ledger.row(opened.ledger.size - 1)
    for forge in FORGERIES.values():
        place.push(opened.ledger, [(seq, data, signature, forge(opened, data), note)])
        assert place.collect(collector_of() if fresh else None) == Round(evidence=1)
    assert place.kinds() == ["quorum"] * len(FORGERIES)
    place.push(opened.ledger, [opened.ledger.row(seq)])
    assert place.collect().kept == 1
    assert place.kept(opened.ledger) == list(opened.ledger.rows())


def test_a_quorums_signature_where_none_is_due_is_evidence(place: Place, opened: Terminal) -> None:
    place.push(opened.ledger, [opened.ledger.row(opened.ledger.size - 1)])
    grow(opened, 1)
    seq, data, signature, _, note = opened.ledger.row(opened.ledger.size - 1)
    good = sshsig.sign(opened.set_key(), data, sshsig.QUORUM_NAMESPACE)
    place.push(opened.ledger, [(seq, data, signature, good, note)])
    assert place.collect() == Round(kept=1, evidence=1)
    assert place.kinds() == ["quorum"]


def test_whole_rotations_are_kept_as_audit_verify_takes_them(place: Place, south: Terminal) -> None:
    south.issue()
    for _ in range(2):
        south.rotate()
        syncing.sync(south.ledger, place.terminal, place.key)
        place.collect(collector_of())
    assert place.kept(south.ledger) == list(south.ledger.rows())
    assert place.kinds() == [] and verify(south.ledger).records == south.ledger.size


# --- two at once, and one that runs ---------------------------------------------------------------------------


def test_two_collectors_at_once_keep_every_record_once(place: Place, tmp_path: Path) -> None:
    several = [Terminal.begin(tmp_path / f"t{number}") for number in range(4)]
    for one in several:
        place.enrol(one.ledger)
        one.issue()
        one.rotate()
        syncing.sync(one.ledger, place.terminal, place.key)
        place.push(one.ledger, [(0, b"forged", "x", "", "x")])
    stuff(place.terminal, 20)
    rounds, failed = list[Round](), list[BaseException]()

    def work() -> None:
        try:
            for _ in range(2):
                rounds.append(place.collect(collector_of()))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert sum(one.kept for one in rounds) == sum(one.ledger.size for one in several)
    assert sum(one.evidence for one in rounds) == 24
    for one in several:
        assert place.kept(one.ledger) == list(one.ledger.rows())
        assert syncing.sync(one.ledger, place.terminal, None).cosigned == one.ledger.size
        one.ledger.close()


def test_a_service_outlives_the_server_and_ends_on_a_signal(place: Place, south: Terminal, tmp_path: Path) -> None:
    keeping.make_key(tmp_path / "collector.key", "collector.example/one")
    program = str(Path(sys.executable).with_name("breakglass"))
    words = [
        program,
        "collect",
        "run",
        "--to",
        place.collector,
        "--key",
        str(tmp_path / "collector.key"),
        "--every",
        "1s",
    ]
    files = [tmp_path / f"said-{number}" for number in range(2)]
    services = []
    for file in files:
        with file.open("wb") as said:
            services.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said))
    try:
        syncing.sync(south.ledger, place.terminal, tmp_path / "collector.key.pub")
        until(lambda: place.kept(south.ledger) == list(south.ledger.rows()))
        place.server.stop("immediate")
        until(lambda: all("the collection:" in file.read_text() for file in files))
        place.server.start()
        grow(south, 3)
        syncing.sync(south.ledger, place.terminal, None)
        until(lambda: place.kept(south.ledger) == list(south.ledger.rows()))
        services[0].send_signal(signal.SIGTERM)
        services[1].send_signal(signal.SIGINT)
        for service in services:
            service.wait(120)
    finally:
        for service in services:
            service.kill()
    assert [service.returncode for service in services] == [-signal.SIGTERM, 130]
    assert not any("Traceback" in file.read_text() for file in files)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_server_that_does_not_answer_is_not_waited_for_without_an_end(place: Place) -> None:
    with (
        pytest.raises(ConnectorError, match="the collection") as caught,
        address.connected(place.terminal, within_s=0.5) as connection,
    ):
        connection.execute(b"SELECT pg_sleep(50)")
    assert "timeout" not in str(caught.value)


# --- a key that was lost ---------------------------------------------------------------------------------------


def test_a_collector_whose_key_was_lost_is_replaced_by_name_and_on_record(
    place: Place, south: Terminal, tmp_path: Path
) -> None:
    syncing.sync(south.ledger, place.terminal, place.key)
    place.collect()
    syncing.sync(south.ledger, place.terminal, None)
    seed = Secret(b"another seed of another collector"[:32])
    two = collector_of(seed, "collector.example/two")
    new = tmp_path / "two.pub"
    new.write_text(f"{two.text}\n")
    with pytest.raises(KeyMismatch) as refused:
        syncing.sync(south.ledger, place.terminal, new)
    assert "--replace-collector" in refused.value.hint
    for reason in ("", "  ", "..."):
        with pytest.raises(InvalidInput):
            syncing.replace_collector(south.recorder, new, reason)
    with pytest.raises(InvalidInput, match="already"):
        syncing.replace_collector(south.recorder, place.key, "it was lost")
    assert south.ledger.size == 1
    found = syncing.replace_collector(south.recorder, new, "the machine burned down")
    last = [entry.record.body for entry in south.ledger.entries()][-1]
    assert last == CollectorReplaced(old=place.one.text, new=two.text, reason="the machine burned down")
    assert (found.old, found.new) == (place.one.text, two.text)
    assert verify(south.ledger).records == 2
    former = list(south.folder.glob("cosigned-*.checkpoint"))
    assert len(former) == 1 and place.one.name in former[0].read_text()
    assert syncing.sync(south.ledger, place.terminal, new).cosigned == 0
    assert place.collect(two) == Round(kept=1, repeated=1)
    done = syncing.sync(south.ledger, place.terminal, None)
    assert (done.cosigned, done.witness is not None) == (2, True)


def test_a_new_key_cosigns_nothing_that_the_terminal_did_not_sign(place: Place, south: Terminal) -> None:
    grow(south, 4)
    syncing.sync(south.ledger, place.terminal, place.key)
    place.collect()
    place.told_by_owner("UPDATE breakglass_log.records SET data = 'another' WHERE seq = 2")
    two = collector_of(Secret(b"another seed of another collector"[:32]), "collector.example/two")
    found = place.collect(two)
    assert [log.split(": ") for log in found.damaged] == [
        [f"log {south.log}", "the collection keeps other records than were signed"]
    ]
    assert place.asked("SELECT 1 FROM breakglass_log.cosigned WHERE cosigner LIKE '%two%'") == []


def test_a_log_that_was_damaged_keeps_no_other_log_waiting(place: Place, south: Terminal, tmp_path: Path) -> None:
    north = Terminal.begin(tmp_path / "north")
    place.enrol(north.ledger)
    hurt, sound = sorted((south, north), key=lambda one: one.log)
    for wanted in (3, 1):
        for one in (hurt, sound):
            grow(one, wanted)
            syncing.sync(one.ledger, place.terminal, place.key)
        if wanted == 3:
            assert place.collect().damaged == []
            place.told_by_owner("DELETE FROM breakglass_log.nodes WHERE log_id = %s", hurt.ledger.log_id)
    keeping.make_key(tmp_path / "key", place.one.name)
    words = ["--json", "collect", "run", "--to", place.collector, "--key", str(tmp_path / "key"), "--once"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("breakglass")), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == InvalidRecord.exit_code
    assert json.loads(done.stdout)["damaged"] == [f"log {hurt.log}: the collection lacks what it kept"]
    assert "the database was damaged" in done.stderr
    counted = place.asked("SELECT encode(log_id, 'hex'), count(*) FROM breakglass_log.records GROUP BY 1")
    assert dict(counted) == {sound.log: sound.ledger.size, hurt.log: hurt.ledger.size - 1}  # type: ignore[arg-type]
    north.ledger.close()


def test_a_key_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    keeping.make_key(tmp_path / "one", "collector.example/one")
    with pytest.raises(FileExists):
        keeping.make_key(tmp_path / "one", "collector.example/two")


# --- from an older schema --------------------------------------------------------------------------------------


@pytest.fixture
def old(place: Place, postgres_server: PostgresServer) -> Iterator[Place]:
    """A database as the first version made it."""
    name = f"{place.name}old"
    postgres_server.admin(f"CREATE DATABASE {name}")
    made = Place(postgres_server, name, place.key, place.roles)
    with address.connected(made.owner) as connection, connection.transaction():
        connection.execute(schema.MIGRATIONS[0].encode())
        connection.execute(b"INSERT INTO breakglass_log.migrations (version) VALUES (1)")
    yield made
    postgres_server.admin(f"DROP DATABASE {name} WITH (FORCE)")


def keep_as_before(old: Place, one: Terminal, bad: int) -> None:
    """Keep a log and some evidence in the first version's tables."""
    rows, log = list(one.ledger.rows()), one.ledger.log_id
    note = cosign(rows[-1][4], old.one.name, old.one.seed, 1679315147)
    with address.connected(old.owner) as connection, connection.cursor() as cursor:
        cursor.execute(b"INSERT INTO breakglass_log.terminals VALUES (%s, %s)", (log, one.ledger.public_key))
        cursor.executemany(
            b"INSERT INTO breakglass_log.records VALUES (%s, %s, %s, %s, %s, %s)", [(log, *row) for row in rows]
        )
        known: dict[tuple[int, int], bytes] = {}
        for row in rows:
            for level, position, value in merkle.new_nodes(
                row[0], merkle.leaf_hash(row[1]), lambda *place: known[place]
            ):
                known[level, position] = value
        nodes = [(log, *node, value) for node, value in known.items()]
        cursor.executemany(b"INSERT INTO breakglass_log.nodes VALUES (%s, %s, %s, %s)", nodes)
        cursor.execute(b"INSERT INTO breakglass_log.cosigned VALUES (%s, %s, %s)", (log, len(rows), note))
        cursor.executemany(
            b"INSERT INTO breakglass_log.evidence (kind, reason, pushed_at, pusher, log_id, seq, data, "
            b"terminal_signature, quorum_signature, checkpoint, held_checkpoint) "
            b"VALUES ('stranger', 'r', now(), %s, %s, 0, %s, '', '', '', '')",
            [(old.terminal_role, log, b"%d" % number) for number in range(bad)],
        )


def test_a_collection_of_the_first_version_is_brought_here_with_all_that_it_has(old: Place, south: Terminal) -> None:
    south.issue()
    south.rotate()
    keep_as_before(old, south, bad=3)
    with pytest.raises(ConnectorError, match="does not exist") as refused:
        syncing.sync(south.ledger, old.terminal, old.key)
    assert "collect init" in refused.value.hint
    tables = ("TABLE breakglass_log.records", "TABLE breakglass_log.nodes", "TABLE breakglass_log.terminals")
    before = list(map(old.asked, tables))
    assert keeping.prepare(old.owner) == keeping.Prepared(1, 3)
    assert keeping.prepare(old.owner) == keeping.Prepared(3, 3)
    assert list(map(old.asked, tables)) == before
    assert counts(old) == [("stranger", 3, 0, 0)]
    assert syncing.sync(south.ledger, old.terminal, old.key).cosigned == south.ledger.size
    south.rotate()
    syncing.sync(south.ledger, old.terminal, None)
    bringing.bring(south.recorder, old.terminal)
    assert old.collect().told == 2
    assert old.kept(south.ledger) == list(south.ledger.rows()) and old.kinds() == ["stranger"] * 3
    for table in ("cosigned", "evidence", "told"):
        with pytest.raises(ConnectorError, match="append-only"), address.connected(old.owner) as connection:
            connection.execute(f"TRUNCATE breakglass_log.{table}".encode())
    for statement in (
        "CREATE TEMPORARY TABLE x (y int)", "CREATE TABLE public.x (y int)", "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
    ):  # fmt: skip
        with pytest.raises(ConnectorError, match="permission denied"), address.connected(old.terminal) as connection:
            connection.execute(statement.encode())


def test_a_head_of_the_first_version_is_cosigned_anew_under_its_own_key(old: Place, south: Terminal) -> None:
    keep_as_before(old, south, bad=0)
    keeping.prepare(old.owner)
    assert old.collect() == Round()
    assert old.asked("SELECT cosigner FROM breakglass_log.cosigned ORDER BY cosigner") == [("",), (old.one.text,)]
    assert syncing.sync(south.ledger, old.terminal, old.key).cosigned == 1


# --- as commands ------------------------------------------------------------------------------------------------


def test_the_command_brings_back_what_another_terminal_proved(place: Place, tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("breakglass"))
    north, south = Terminal.begin(tmp_path / "north"), Terminal.begin(tmp_path / "south")
    south.issue()
    north.pins(south)
    south.rotate()
    south.void("1.3")
    for one in (north, south):
        place.enrol(one.ledger)
        one.ledger.close()
    key = str(place.key)

    def typed(home: str, *words: str, exit_code: int = 0) -> str:
        done = subprocess.run(
            [program, "--home", str(tmp_path / home), *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == exit_code, done.stderr + done.stdout
        return done.stdout

    assert "told others of: 2 epochs" in typed("south", "sync", "--to", place.terminal, "--collector", key)
    place.collect()
    back = typed("north", "sync", "--to", place.terminal, "--collector", key)
    assert f"{NAME}: epoch 2 followed epoch 1: proven, as the terminal of log" in back
    assert f"{NAME}: sheet 1.3 of epoch 2 is void" in back
    new = tmp_path / "two.pub"
    new.write_text(f"{collector_of(name='collector.example/two').text}\n")
    typed("north", "sync", "--to", place.terminal, "--replace-collector", "burned down", exit_code=2)
    typed("north", "sync", "--to", place.terminal, "--collector", str(new), exit_code=5)
    place.collect(collector_of(name="collector.example/two"))
    typed("north", "sync", "--to", place.terminal, "--collector", str(new), "--replace-collector", "burned down")
    limit(place, "waiting_rows", 0)
    typed("north", "sync", "--to", place.terminal, exit_code=6)

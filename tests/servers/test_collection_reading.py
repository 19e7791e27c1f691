# SPDX-License-Identifier: Apache-2.0
"""An auditor at a collection on a real PostgreSQL: what the database says is held against signatures, and told.

Each attack is one of whoever owns the database: triggers are switched off, and rows written over.
"""

import csv
import io
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from collection_place import PASSWORD, SEED, collector_of
from postgres_server import PostgresServer
from test_collection import begin, copied, grow

from breakglass_shamir.cli import program
from breakglass_shamir.collection import address, door, keeper, reading
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.cosignature import Cosigner, cosign
from breakglass_shamir.errors import (
    ConnectorError,
    Forked,
    IntegrityError,
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
    KeyMismatch,
    RecordMissing,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import gathered, home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import (
    bundle_verifying,
    bundling,
    collected,
    enrolled,
    evidence,
    kept_apart,
    listing,
    sources,
    standings,
)
from breakglass_shamir.operations.audit.bundle_verifying import VerifiedBundles
from breakglass_shamir.operations.collecting import keeping
from tests.attacks.test_ledger_tampering import fill

COLLECTOR = collector_of()
COSIGNER = Cosigner(COLLECTOR.name, keys.ed25519_public(SEED))

NORTH, SOUTH = 42, 7
"""Records of the two terminals."""

OFF = "ALTER TABLE breakglass_log.{} DISABLE TRIGGER append_only"
TABLES = ("terminals", "records", "nodes", "cosigned", "evidence")


@dataclass
class Shelf:
    """A collection of two terminals, and whoever may do anything to it."""

    server: PostgresServer
    name: str
    auditor: str
    folder: Path
    key: Path
    north: Ledger
    south: Ledger

    @property
    def owner(self) -> str:
        return self.at("postgres")

    def at(self, role: str) -> str:
        return f"postgresql://{role}@/{self.name}?host={self.server.folder}&port={self.server.port}"

    def does(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        """Run statements as somebody who owns the database; values are of the last one."""
        south, north = (f"'\\x{ledger.log_id.hex()}'" for ledger in (self.south, self.north))
        said = [one.format(south=south, north=north, size=SOUTH, last=SOUTH - 1) for one in statements]
        with address.connected(self.owner) as connection:
            for statement in (*(OFF.format(name) for name in TABLES), *said[:-1]):
                connection.execute(statement.encode())
            connection.execute(said[-1].encode(), values or None)

    def copy(self, name: str) -> "Shelf":
        """Copy the collection to a database that an attack may spoil."""
        self.server.admin(f"CREATE DATABASE {name} TEMPLATE {self.name}")
        place = self.auditor.replace(f"/{self.name}?", f"/{name}?")
        return Shelf(self.server, name, place, self.folder, self.key, self.north, self.south)

    def verified(self, *, full: bool | None = None, terminals: tuple[str, ...] = ()) -> VerifiedBundles:
        with sources.opened([self.auditor], collector=COSIGNER, terminals=terminals) as found:
            return bundle_verifying.verify(found, full=full)


@pytest.fixture(scope="module")
def shelf(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder, name = tmp_path_factory.mktemp("shelf"), f"s{random.randbytes(6).hex()}"
    server = postgres_server
    server.admin(f"CREATE DATABASE {name}")
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        passwords = folder / "passwords"
        passwords.write_text(f"*:*:*:*:{PASSWORD.reveal().decode()}\n")
        passwords.chmod(0o600)
        environment.setenv("PGPASSFILE", str(passwords))
        key = folder / "collector.pub"
        key.write_text(f"{COSIGNER.to_text()}\n")
        north = stack.enter_context(home.create(folder / "north", "north"))
        fill(north)
        grow(north, NORTH - north.size)
        south = stack.enter_context(begin(folder / "south", "south", SOUTH))
        made = Shelf(server, name, "", folder, key, north, south)
        keeping.prepare(made.owner)
        made.auditor = made.at(server.add_role(PASSWORD, "LOGIN IN ROLE breakglass_auditor"))
        with address.connected(made.owner) as connection:
            for ledger, at in ((north, 15), (south, 2)):
                keeper.enrol(connection, ledger.public_key)
                rows = list(ledger.rows())
                for some in (rows[:at], rows[at:]):
                    door.push(connection, ledger.public_key, some)
                    keeper.collect(connection, collector_of())
        yield made
        server.admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def spoiled(shelf: Shelf) -> Iterator[Shelf]:
    """A copy for one attack."""
    made = shelf.copy(f"{shelf.name}x")
    yield made
    shelf.server.admin(f"DROP DATABASE {made.name} WITH (FORCE)")


def test_each_log_is_what_its_terminal_has(shelf: Shelf) -> None:
    with sources.opened([shelf.auditor], collector=COSIGNER) as found:
        for source, ledger in zip(sorted(found, key=lambda one: one.terminal), (shelf.north, shelf.south), strict=True):
            assert list(source.log.rows()) == list(ledger.rows())
            assert source.log.state.terminal == ledger.state.terminal
            assert (source.trust, source.known_by) == (sources.COSIGNED, COLLECTOR.name)
        lines = list(listing.merged([(one.terminal, one.log) for one in found]))
        assert len(lines) == NORTH + SOUTH


def test_every_cosigned_checkpoint_is_verified_in_full(shelf: Shelf) -> None:
    assert [one.cosigned for one in shelf.verified(full=True).terminals] == [2, 2]
    assert [one.cosigned for one in shelf.verified(full=False).terminals] == [1, 1]


def test_terminals_are_chosen_by_name_and_by_log(shelf: Shelf) -> None:
    for chosen in ("south", shelf.south.log_id.hex()):
        assert [one.source.terminal for one in shelf.verified(terminals=(chosen,)).terminals] == ["south"]
    with pytest.raises(InvalidInput, match="no terminal 'nroth'") as refused:
        shelf.verified(terminals=("nroth",))
    assert "did you mean north?" in refused.value.hint


def test_the_status_of_every_terminal_is_told(shelf: Shelf) -> None:
    with sources.opened([shelf.auditor], collector=COSIGNER) as found:
        told = {one.terminal: one for one in standings.standings(found)}
        assert [one.name for one in told["north"].sets] == ["prod-db"] and told["north"].due
        assert told["south"].sets == () and not told["south"].due
        assert [one.terminal for one in standings.standings(found, ["prod-db"])] == ["north"]


def test_a_pin_of_a_terminal_that_is_not_there_is_told(shelf: Shelf, tmp_path: Path) -> None:
    pins = []
    with sources.opened([shelf.auditor], collector=COSIGNER) as found:
        pins = [one.fingerprint for one in found]
    with sources.opened([shelf.auditor], pins, collector=COSIGNER) as found:
        assert {one.trust for one in found} == {sources.PINNED}
    with home.create(tmp_path / "west", "west") as west:
        mine = evidence.terminal_key(west).fingerprint
    with (
        pytest.raises(KeyMismatch, match="nothing is there of the terminal"),
        sources.opened([shelf.auditor], [mine], collector=COSIGNER),
    ):
        pass


def test_another_collectors_key_is_refused(shelf: Shelf) -> None:
    other = Cosigner(COSIGNER.name, keys.ed25519_public(Secret(bytes(32))))
    with (
        pytest.raises(InvalidSignature, match="expected a cosignature by"),
        sources.opened([shelf.auditor], collector=other),
    ):
        pass
    with pytest.raises(InvalidInput, match="expected the key of the collector"), sources.opened([shelf.auditor]):
        pass


def test_a_collector_whose_key_was_replaced_is_read_by_the_new_one(spoiled: Shelf, tmp_path: Path) -> None:
    """The schema's first version kept no key beside a cosignature: those of the old key count for no other one."""
    spoiled.does("UPDATE breakglass_log.cosigned SET cosigner = '' WHERE log_id = {south}")
    two = collector_of(Secret(b"another seed of another collector"[:32]), "collector.example/two")
    with copied(spoiled.south, tmp_path / "more", "south") as more, address.connected(spoiled.owner) as connection:
        keeper.collect(connection, two)
        for key, count in ((Cosigner.from_text(two.text), 1), (COSIGNER, 2)):
            with sources.opened([spoiled.auditor], collector=key) as found:
                done = bundle_verifying.verify(found, full=True)
            assert [one.cosigned for one in done.terminals] == [count, count]
        grow(more, 1, "later")
        door.push(connection, more.public_key, list(more.rows(SOUTH)))
        assert keeper.collect(connection, two).kept == 1
    with pytest.raises(InvalidProof, match=f"has record {SOUTH}, .* cosigned by collector.example/one"):
        spoiled.verified(full=True)


@pytest.mark.parametrize(
    ("query", "asked", "told"),
    [("_TERMINALS", ("log_id > %s", "log_id > substr(%s, 1, 0)"), "terminals out of order"),
     ("_NOTES", ("size > %s", "size > least(%s, 0)"), "cosigned checkpoints out of order")],
)  # fmt: skip
def test_a_page_that_comes_again_and_again_is_refused(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, query: str, asked: tuple[str, str], told: str
) -> None:
    """A server that gives the same page to every question would be asked without an end."""
    monkeypatch.setattr(reading, query, getattr(reading, query).replace(*asked))
    with pytest.raises(InvalidProof, match=told):
        shelf.verified(full=True)


def test_a_bundle_and_the_collection_are_held_against_each_other(shelf: Shelf, tmp_path: Path) -> None:
    bundling.write(shelf.north, tmp_path / "north.bundle")
    there: list[sources.Place] = [tmp_path / "north.bundle", shelf.auditor]
    for places in (there, there[::-1]):
        with sources.opened(places, collector=COSIGNER) as found:
            done = bundle_verifying.verify(found, full=True)
            assert sorted(one.cosigned or 0 for one in done.terminals) == [2, 2]
            assert sorted(len(one.log.bundles) for one in found) == [1, 2]
    with copied(shelf.south, tmp_path / "copy", "south") as other:
        grow(other, 1, "ahead")
        bundling.write(other, tmp_path / "longer.bundle")
    with sources.opened([tmp_path / "longer.bundle", shelf.auditor], collector=COSIGNER) as found:
        assert next(one for one in found if one.terminal == "south").log.size == SOUTH + 1


def altered(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.records SET data = convert_to(replace(convert_from(data, 'UTF8'), 'no quorum', "
        "'No quorum'), 'UTF8') WHERE log_id = {south} AND seq = 3"
    )


def missing(shelf: Shelf) -> None:
    shelf.does("DELETE FROM breakglass_log.records WHERE log_id = {south} AND seq = 3")


def missing_at_the_end(shelf: Shelf) -> None:
    shelf.does("DELETE FROM breakglass_log.records WHERE log_id = {south} AND seq = {last}")


def reordered(shelf: Shelf) -> None:
    change = "UPDATE breakglass_log.records SET seq = {} WHERE log_id = {{south}} AND seq = {}"
    shelf.does(*(change.format(to, of) for of, to in ((3, 99), (4, 3), (99, 4))))


def doubled(shelf: Shelf) -> None:
    shelf.does(
        "INSERT INTO breakglass_log.records SELECT log_id, 99, data, terminal_signature, quorum_signature, checkpoint "
        "FROM breakglass_log.records WHERE log_id = {south} AND seq = 3"
    )


def of_another_terminal(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.records s SET data = n.data, terminal_signature = n.terminal_signature, checkpoint = "
        "n.checkpoint FROM breakglass_log.records n WHERE s.log_id = {south} AND s.seq = 3 AND "
        "n.log_id = {north} AND n.seq = 3"
    )


def too_long(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.records SET data = convert_to(repeat('x', 40000000), 'UTF8') "
        "WHERE log_id = {south} AND seq = 3"
    )


def signature_of_another_record(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.records s SET terminal_signature = n.terminal_signature FROM breakglass_log.records n "
        "WHERE s.log_id = {south} AND s.seq = 3 AND n.log_id = s.log_id AND n.seq = 4"
    )


def cosignature_of_another_terminal(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.cosigned SET note = (SELECT note FROM breakglass_log.cosigned WHERE log_id = "
        "{north} ORDER BY size LIMIT 1) WHERE log_id = {south}"
    )


def older_cosignature(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.cosigned SET note = (SELECT note FROM breakglass_log.cosigned WHERE log_id = "
        "{south} ORDER BY size LIMIT 1) WHERE log_id = {south}"
    )


def cosignature_gone(shelf: Shelf) -> None:
    shelf.does("DELETE FROM breakglass_log.cosigned WHERE log_id = {south} AND size = {size}")


def not_cosigned(shelf: Shelf) -> None:
    shelf.does(
        "UPDATE breakglass_log.cosigned SET note = regexp_replace(note, E'\\n[^\\n]*\\n$', E'\\n') "
        "WHERE log_id = {south}"
    )


def cosigned_twice(shelf: Shelf) -> None:
    with copied(shelf.south, Path(tempfile.mkdtemp(dir=shelf.folder)) / "other", "south") as other:
        grow(other, 1, "another end")
        note = cosign(other.row(SOUTH)[4], COLLECTOR.name, COLLECTOR.seed, COLLECTOR.now())
        shelf.does("INSERT INTO breakglass_log.cosigned VALUES (%s, %s, %s)", values=(other.log_id, SOUTH + 1, note))


def another_key(shelf: Shelf) -> None:
    shelf.does(
        "ALTER TABLE breakglass_log.records DROP CONSTRAINT records_log_id_fkey",
        "UPDATE breakglass_log.terminals SET public_key = decode(repeat('00', 32), 'hex')",
    )


ATTACKS: dict[Callable[[Shelf], None], tuple[type[IntegrityError], str]] = {
    altered: (InvalidSignature, "record 3: "),
    missing: (RecordMissing, "record 3 is not there, and the collector cosigned 7 records"),
    missing_at_the_end: (RecordMissing, "record 6 is not there, and the collector cosigned 7 records"),
    reordered: (InvalidRecord, "expected record 3 of log .*, got record 4"),
    doubled: (InvalidProof, "has record 99, and of the log 7 records cosigned"),
    of_another_terminal: (InvalidRecord, "expected record 3 of log .*, got record 3 of log"),
    too_long: (InvalidRecord, "record 3 has more than 262144 bytes"),
    signature_of_another_record: (InvalidSignature, "record 3: "),
    cosignature_of_another_terminal: (InvalidSignature, "expected a signature by"),
    older_cosignature: (InvalidProof, "the cosigned checkpoint of 7 records is one of 2 records"),
    cosignature_gone: (InvalidProof, "has record 2, and of the log 2 records cosigned"),
    not_cosigned: (InvalidSignature, "expected a cosignature by"),
    cosigned_twice: (RecordMissing, "record 7 is not there, and the collector cosigned 8 records"),
    another_key: (InvalidProof, "another terminal's key for log"),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_the_owner_of_the_database_does_is_named(spoiled: Shelf, attack: Callable[[Shelf], None]) -> None:
    attack(spoiled)
    error, words = ATTACKS[attack]
    with pytest.raises(error, match=words) as told:
        spoiled.verified(full=True)
    if attack is not another_key:
        assert spoiled.south.log_id.hex() in str(told.value)


def test_a_collector_that_cosigned_another_history_is_told(spoiled: Shelf, tmp_path: Path) -> None:
    with begin(tmp_path / "other", "south", 1) as other:
        grow(other, 2, "another story")
        note = cosign(other.row(2)[4], COLLECTOR.name, COLLECTOR.seed, COLLECTOR.now())
    spoiled.does("INSERT INTO breakglass_log.cosigned VALUES (%s, 3, %s)", values=(spoiled.south.log_id, note))
    with pytest.raises(Forked, match="cosigned another history of 3 records"):
        spoiled.verified(full=True)


def test_one_log_that_does_not_hold_keeps_no_other_from_being_read(spoiled: Shelf) -> None:
    cosignature_gone(spoiled)
    assert [one.source.terminal for one in spoiled.verified(terminals=("north",)).terminals] == ["north"]
    listed = {one.terminal: one for one in enrolled.terminals(spoiled.auditor, COSIGNER)}
    assert (listed["north"].records, listed["north"].problem) == (NORTH, "")
    assert listed["south"].records == 0 and "cosigned" in listed["south"].problem


def test_rows_that_come_while_it_is_read_are_not_seen(spoiled: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 2)
    with copied(spoiled.south, Path(tempfile.mkdtemp(dir=spoiled.folder)) / "more", "south") as more:
        grow(more, 30, "later")
        late = list(more.rows(SOUTH))

        def collect(done: int, of: int) -> None:
            if late and (done, of) == (2, SOUTH):
                with address.connected(spoiled.owner) as connection:
                    door.push(connection, more.public_key, late)
                    assert keeper.collect(connection, collector_of()).kept == 30
                late.clear()

        with sources.opened([spoiled.auditor], collector=COSIGNER, terminals=["south"], progress=collect) as (one,):
            assert one.log.size == SOUTH and not late
        assert spoiled.verified(terminals=("south",)).terminals[0].size == SOUTH + 30


def test_a_server_that_owes_an_answer_is_not_waited_for_for_ever(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "ANSWER_S", 0.5)
    with (
        pytest.raises(ConnectorError, match=r"no answer within 0\.5 s") as told,
        collected.connected(shelf.auditor) as connection,
    ):
        process = connection.info.backend_pid
        os.kill(process, signal.SIGSTOP)
        try:
            list(reading.terminals(connection))
        finally:
            os.kill(process, signal.SIGCONT)
    assert told.value.hint == collected.READ_AGAIN


def test_a_server_that_dies_is_named(shelf: Shelf) -> None:
    with pytest.raises(ConnectorError, match="the collection: "), collected.connected(shelf.auditor) as connection:
        shelf.server.admin(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        list(reading.terminals(connection))
    gone = f"postgresql:///{shelf.name}?host={shelf.folder}"
    with pytest.raises(ConnectorError, match="the collection: "), collected.connected(gone):
        pass


def test_a_database_without_a_collection_and_an_empty_one_are_refused(shelf: Shelf, spoiled: Shelf) -> None:
    place = shelf.auditor.replace(f"/{shelf.name}?", "/postgres?")
    with pytest.raises(InvalidInput, match="there is no collection"), sources.opened([place], collector=COSIGNER):
        pass
    spoiled.does("DELETE FROM breakglass_log.records", "DELETE FROM breakglass_log.cosigned")
    said: list[str] = []
    with (
        pytest.raises(InvalidInput, match="has no records"),
        sources.opened([spoiled.auditor], collector=COSIGNER, say=said.append),
    ):
        pass
    assert len(said) == 2 and all("the collection has nothing of it" in line for line in said)


def test_evidence_is_judged_by_its_signatures(spoiled: Shelf, tmp_path: Path) -> None:
    one = spoiled.south.row(1)
    mixed = (*one[:3], "another quorum's", one[4])
    with ExitStack() as stack:
        first, other = (stack.enter_context(copied(spoiled.south, tmp_path / name, "south")) for name in "ab")
        thief = stack.enter_context(begin(tmp_path / "thief", "thief", 2))
        grow(first, 1, "the story")
        grow(other, 1, "another story")
        pushed = (
            (first, first.row(SOUTH)), (first, other.row(SOUTH)), (first, mixed), (first, thief.row(1)),
            (thief, thief.row(1)),
        )  # fmt: skip
        with address.connected(spoiled.owner) as connection:
            for ledger, row in pushed:
                door.push(connection, ledger.public_key, [row])
                keeper.collect(connection, collector_of())
    spoiled.does("UPDATE breakglass_log.evidence SET kind = 'fork' WHERE kind = 'mixed'")
    found = list(kept_apart.evidence(spoiled.auditor))
    assert [(one.shown, one.kind) for one in found] == [
        ("fork", "fork"), ("mixed", "fork"), ("impersonation", "impersonation"), ("stranger", "stranger"),
    ]  # fmt: skip
    assert found[0].shows == f"the terminal signed two records {SOUTH}"
    (told,) = spoiled.verified(terminals=("south",)).terminals
    assert "3 pushed rows kept apart" in told.source.gaps[-1]


def test_what_a_terminal_told_and_what_a_quorum_did_not_sign_accuse_nobody(spoiled: Shelf) -> None:
    data, stolen = b"not a telling", sshsig.sign(Secret(b"t" * 32), b"not a telling", sshsig.TELLING_NAMESPACE)
    signed = spoiled.south.sign_telling(data)
    with copied(spoiled.south, Path(tempfile.mkdtemp(dir=spoiled.folder)) / "more", "south") as more:
        grow(more, 1)
        row = more.row(SOUTH)
        with address.connected(spoiled.owner) as connection:
            door.tell(connection, more.public_key, [(bytes(32), 1, data, one) for one in (signed, stolen)])
            door.push(connection, more.public_key, [(*row[:3], "a quorum's", row[4])])
            assert keeper.collect(connection, collector_of()).evidence == 3
    found = sorted((one.kind, one.shown) for one in kept_apart.evidence(spoiled.auditor))
    assert found == [("impersonation", "impersonation"), ("mixed", "mixed"), ("quorum", "mixed")]


def test_memory_for_pages_is_shared_by_all_logs(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    gather = gathered.gather

    def seen(*given: object, cache_kib: int) -> object:
        asked.append(cache_kib)
        return gather(*given, cache_kib=cache_kib)  # type: ignore[arg-type]

    monkeypatch.setattr(gathered, "gather", seen)
    monkeypatch.setattr(collected, "MEMORY_KIB", 1000)
    shelf.verified()
    assert asked == [500, 500]
    monkeypatch.setattr(collected, "MOST_LOGS", 1)
    with pytest.raises(InvalidInput, match="has 2 terminals, and at most 1 are read at a time"):
        shelf.verified()


def typed(*words: str) -> tuple[int, str, str]:
    """Run the program in this process; returns its exit code, and what it wrote."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with (
        patch.object(sys, "argv", ["breakglass", *words]),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
        pytest.raises(SystemExit) as ended,
    ):
        program.main()
    said = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        said.append(stream.read())
    return int(ended.value.code or 0), said[0], said[1]


def test_every_command_for_auditors_takes_a_collection(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ("--from", shelf.auditor, "--collector", str(shelf.key))

    def good(*words: str, code: int = 0) -> str:
        done, said, error = typed(*words)
        assert done == code, error
        return said

    assert "2 cosigned checkpoints verified" in good("audit", "verify", "--full", *where)
    assert len(good("audit", "list", *where, "--csv").splitlines()) == NORTH + SOUTH + 1
    assert '"seq": 3' in good("--json", "audit", "show", "3", *where, "--terminal", "south")
    assert "prod-db" in good("audit", "openings", *where)
    assert "cosigned by collector.example/one" in (
        good("audit", "report", *where, "--out", "page.html") and (tmp_path / "page.html").read_text()
    )
    status = json.loads(good("--json", "status", *where, code=7))
    assert {one["terminal"] for one in status["terminals"]} == {"north", "south"}
    assert "due" in good("status", *where, code=7)
    rows = list(csv.DictReader(io.StringIO(good("collect", "terminals", *where, "--csv"))))
    assert {(one["terminal"], one["records"]) for one in rows} == {("north", f"{NORTH}"), ("south", f"{SOUTH}")}
    assert json.loads(good("--json", "collect", "evidence", "--from", shelf.auditor)) == {"evidence": []}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "postgresql://a:secret@h/d"), "has password in it"),
        (("--from", "postgresql:///d"), "expected the key of the collector"),
        (("--terminal", "north"), "expected --from ADDRESS beside --terminal"),
        (("--from", "a.bundle", "--collector", "x"), "expected --from ADDRESS beside --collector"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(shelf: Shelf, words: tuple[str, ...], told: str) -> None:
    more = ("--collector", str(shelf.key)) if "secret" in words[-1] else ()
    code, said, error = typed("audit", "verify", *words, *more)
    assert code == 2 and told in " ".join(error.split()) and said == "" and "secret" not in error

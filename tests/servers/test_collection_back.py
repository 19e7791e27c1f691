# SPDX-License-Identifier: Apache-2.0
"""What comes back from a collection: what pinned terminals proved, by their signatures, and nothing else."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collection_place import Place
from shared_set import NAME, Terminal

from breakglass_shamir.collection import address, door
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.cosignature import cosign
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.custody.life import standing, telling
from breakglass_shamir.custody.life.state import EpochStatus
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.verify import verify
from breakglass_shamir.operations.collecting import bringing, syncing
from breakglass_shamir.operations.collecting.bringing import Brought
from tests.attacks.test_ledger_quorum_signature import id_of

LIES: dict[str, Callable[[dict[str, object]], dict[str, object]]] = {
    "another set": lambda told: told | {"set": "prod-web"},
    "another epoch": lambda told: told | {"set_public_key": "00" * 32},
    "another version": lambda told: told | {"v": 2},
    "a sheet more": lambda told: told | {"voided": {"1.2": "2026-01-01T00:00:00Z"}},
    "no proof": lambda told: told | {"successions": []},
}


class Pair:
    """Two terminals that share a set, of which the first pinned the second."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.north, self.south = Terminal.begin(folder / "north"), Terminal.begin(folder / "south")
        self.south.issue()
        self.north.pins(self.south)
        for one in (self.north, self.south):
            place.enrol(one.ledger)

    def sync(self, one: Terminal) -> Brought:
        """Sync a terminal, as the command does."""
        syncing.sync(one.ledger, self.place.terminal, self.place.key)
        return bringing.bring(one.recorder, self.place.terminal)

    def through(self) -> Brought:
        """Let what the second one knows come to the first one."""
        self.sync(self.south)
        self.place.collect()
        return self.sync(self.north)


@pytest.fixture
def pair(place: Place, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(place, tmp_path)
    yield made
    for one in (made.north, made.south):
        one.ledger.close()


def nothing_changed(pair: Pair, before: list[str]) -> bool:
    """Tell whether the first terminal's ledger is as it was."""
    return pair.north.kinds() == before and pair.north.set.links == ()


def problems(found: Brought) -> str:
    return "\n".join(str(one.error) for one in found.problems)


def test_a_successor_and_a_death_come_back_and_settle_what_is_owed(pair: Pair) -> None:
    old = pair.north.set.current
    pair.north.open()
    assert pair.north.set.rotation_debts
    pair.south.rotate()
    found = pair.through()
    ((name, link),) = found.taken.recorded
    assert (name, link.level, link.terminal) == (NAME, "proven", pair.south.log)
    s = pair.north.set
    assert (s.epochs[old].status, s.current, s.rotation_debts) == (EpochStatus.VOID, pair.south.set.current, ())
    assert (found.problems, found.forked, found.taken.refused) == ((), (), ())
    assert verify(pair.north.ledger).records == pair.north.ledger.size
    again = pair.sync(pair.north)
    assert (again.taken.recorded, again.taken.known, again.told) == ((), 1, 1)
    pair.place.collect()
    assert pair.sync(pair.north).told == 0


def test_several_epochs_come_in_one_go(pair: Pair) -> None:
    for _ in range(3):
        pair.south.rotate()
    found = pair.through()
    assert [link.successor for _, link in found.taken.recorded] == [id_of(one) for one in pair.south.epochs[1:]]
    assert pair.north.set.current == pair.south.set.current


def test_a_void_comes_back_without_its_reason(pair: Pair) -> None:
    pair.south.void("1.2")
    found = pair.through()
    assert [(one.set, one.sheet, one.terminal) for one in found.voided] == [(NAME, "1.2", pair.south.log)]
    (reason,) = pair.north.voided.values()
    assert pair.south.log in reason and "taxi" not in reason
    assert pair.sync(pair.north).voided == ()
    with address.connected(pair.place.auditor) as connection:
        rows = connection.execute(b"SELECT data FROM breakglass_log.told").fetchall()
    assert rows and not any(b"taxi" in data for (data,) in rows)


def test_a_third_terminal_hears_it_from_the_first(pair: Pair, tmp_path: Path) -> None:
    pair.south.void("1.3")
    pair.through()
    west = Terminal.begin(tmp_path / "west")
    pair.place.enrol(west.ledger)
    west.pins(pair.north)
    pair.south.void("1.1")
    pair.through()
    pair.sync(pair.north)
    pair.place.collect()
    pair.sync(west)
    assert set(west.voided) == {"1.1", "1.3"}
    west.ledger.close()


def test_a_terminal_that_is_not_pinned_changes_nothing(pair: Pair) -> None:
    """South never pinned north: nothing that north tells is even asked for."""
    pair.north.rotate()
    pair.north.void("1.1")
    before = pair.south.kinds()
    pair.sync(pair.north)
    pair.place.collect()
    found = pair.sync(pair.south)
    assert (pair.south.kinds(), found.taken.recorded, found.problems) == (before, (), ())


def test_a_stranger_who_knows_no_epoch_finds_no_address(pair: Pair) -> None:
    pair.south.rotate()
    pair.through()
    with address.connected(pair.place.terminal) as connection:
        ask = "SELECT count(*) FROM breakglass_staging.told_of(%s, %s)"
        wrong = [hashlib.sha256(bytes([one])).digest() for one in range(64)]
        assert connection.execute(ask.encode(), (wrong, [pair.south.ledger.log_id])).fetchone() == (0,)
        for statement in ("SELECT 1 FROM breakglass_log.told", "SELECT 1 FROM breakglass_staging.told"):
            with pytest.raises(Exception, match="permission denied"):
                connection.execute(statement.encode())


def test_every_address_is_asked_about_where_there_are_many(place: Place, tmp_path: Path) -> None:
    """The function looks at so many addresses and no more, and the fewer the logs, the more would fit an answer."""
    south = Terminal.begin(tmp_path / "south")
    place.enrol(south.ledger)
    addresses = [hashlib.sha256(bytes([one])).digest() for one in range(2 * door.ADDRESSES_AT_ONCE + 1)]
    place.told_by_owner(
        "INSERT INTO breakglass_log.told (log_id, address, size, data, signature) "
        "SELECT %s, address, 1, address, '' FROM unnest(%s::bytea[]) AS address", south.ledger.log_id, addresses,
    )  # fmt: skip
    logs = [south.ledger.log_id, *(b"stranger"[:7] + bytes([one]) for one in range(door.LOGS_AT_ONCE))]
    with address.connected(place.terminal) as connection:
        for some in (logs[:1], logs[:3], logs):
            assert {row.data for row in door.told(connection, addresses, some)} == set(addresses)
    south.ledger.close()


def told_rows(place: Place) -> list[tuple[bytes, str]]:
    with address.connected(place.auditor) as connection:
        rows = connection.execute(b"SELECT data, signature FROM breakglass_log.told ORDER BY id").fetchall()
    return [(bytes(data), str(signature)) for data, signature in rows]


def lies(place: Place, data: bytes, signature: str) -> None:
    """Let the database say that a terminal told something else."""
    place.told_by_owner("UPDATE breakglass_log.told SET data = %s, signature = %s", data, signature)


def test_a_lying_database_changes_nothing(pair: Pair) -> None:
    pair.south.rotate()
    pair.sync(pair.south)
    pair.place.collect()
    ((data, signature),) = told_rows(pair.place)
    before = pair.north.kinds()
    for change in LIES.values():
        lie = json.dumps(change(json.loads(data)), separators=(",", ":"), sort_keys=True).encode()
        lies(pair.place, lie, signature)
        assert "signature" in problems(pair.sync(pair.north))
        assert nothing_changed(pair, before)


def test_a_collector_that_signs_as_a_terminal_changes_nothing(pair: Pair) -> None:
    pair.south.rotate()
    pair.sync(pair.south)
    pair.place.collect()
    ((data, _),) = told_rows(pair.place)
    before = pair.north.kinds()
    lies(pair.place, data, sshsig.sign(pair.place.one.seed, data, sshsig.TELLING_NAMESPACE))
    assert "expected a signature by" in problems(pair.sync(pair.north))
    assert nothing_changed(pair, before)


def test_a_truncated_answer_changes_nothing_and_is_named(pair: Pair) -> None:
    pair.south.rotate()
    pair.sync(pair.south)
    pair.place.collect()
    ((data, signature),) = told_rows(pair.place)
    before = pair.north.kinds()
    for shorter in (data[:-1], data[: len(data) // 2], b""):
        lies(pair.place, shorter, signature)
        assert problems(pair.sync(pair.north))
        assert nothing_changed(pair, before)
    lies(pair.place, data, signature[:-60])
    assert problems(pair.sync(pair.north))
    assert nothing_changed(pair, before)
    lies(pair.place, data, signature)
    assert pair.sync(pair.north).taken.recorded


def test_another_terminals_telling_under_a_pinned_name_is_refused(pair: Pair, tmp_path: Path) -> None:
    """A stranger knows the set and has a login; the database says that south told it."""
    west = Terminal.begin(tmp_path / "west")
    west.pins(pair.south)
    west.rotate()
    pair.place.enrol(west.ledger)
    pair.sync(west)
    pair.place.collect()
    before = pair.north.kinds()
    pair.place.told_by_owner("UPDATE breakglass_log.told SET log_id = %s", pair.south.ledger.log_id)
    assert "expected a signature by" in problems(pair.sync(pair.north))
    assert nothing_changed(pair, before)
    west.ledger.close()


def test_what_a_pinned_terminal_relays_of_a_stranger_is_not_proven(pair: Pair, tmp_path: Path) -> None:
    west = Terminal.begin(tmp_path / "west")
    west.pins(pair.south)
    pair.south.pins(west)
    west.rotate()
    pair.place.enrol(west.ledger)
    pair.sync(west)
    pair.place.collect()
    pair.sync(pair.south)
    assert pair.south.set.links
    pair.sync(pair.south)
    pair.place.collect()
    before = pair.north.kinds()
    found = pair.sync(pair.north)
    (refused,) = found.taken.refused
    assert refused.error.id == "unproven-succession" and "not pinned" in str(refused.error)
    assert nothing_changed(pair, before)
    west.ledger.close()


def test_an_older_telling_that_is_replayed_is_dropped_and_undoes_nothing(pair: Pair) -> None:
    pair.south.void("1.1")
    pair.through()
    ((old, signature),) = told_rows(pair.place)
    pair.south.void("1.2")
    pair.through()
    assert set(pair.north.voided) == {"1.1", "1.2"}
    pair.place.collect()
    found = telling.from_bytes(old)
    with address.connected(pair.place.terminal) as connection:
        connection.execute(
            b"INSERT INTO breakglass_staging.told (log_id, address, size, data, signature) VALUES (%s,%s,%s,%s,%s)",
            (pair.south.ledger.log_id, found.address, found.size, old, signature),
        )
    assert pair.place.collect().told == 0
    lies(pair.place, old, signature)
    pair.sync(pair.north)
    assert set(pair.north.voided) == {"1.1", "1.2"}


def test_what_a_stolen_login_tells_for_a_terminal_is_evidence(pair: Pair) -> None:
    pair.south.void("1.1")
    pair.sync(pair.south)
    pair.place.collect()
    ((data, signature),) = told_rows(pair.place)
    found = telling.from_bytes(data)
    thief = sshsig.sign(Secret(b"t" * 32), data, sshsig.TELLING_NAMESPACE)
    several = [
        (pair.south.ledger.log_id, found.address, found.size, data, thief),
        (b"strange!", found.address, 1, b"x", "x"),
        (pair.south.ledger.log_id, bytes(32), found.size, data, signature),
    ]
    with address.connected(pair.place.terminal) as connection:
        for one in several:
            connection.execute(
                b"INSERT INTO breakglass_staging.told (log_id, address, size, data, signature) VALUES (%s,%s,%s,%s,%s)",
                one,
            )
    assert pair.place.collect().evidence == 3
    assert sorted(map(str, pair.place.kinds())) == ["impersonation", "mixed", "stranger"]


def test_a_terminal_whose_log_was_forked_is_named_and_no_more_believed(pair: Pair, tmp_path: Path) -> None:
    """South's home was put back from a copy, and both went on: the collection has what one key signed twice."""
    pair.through()
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (home.KEY_NAME, syncing.COLLECTOR_FILE):
        shutil.copy(pair.south.folder / file, copy / file)
    pair.south.ledger.copy_to(copy / "ledger.sqlite")
    pair.south.void("1.1")
    pair.sync(pair.south)
    pair.place.collect()
    twin = Terminal(copy, home.open_home(copy), list(pair.south.epochs))
    twin.rotate()
    with pytest.raises(Exception, match="another history"):
        pair.sync(twin)
    pair.place.collect()
    assert "fork" in pair.place.kinds()
    pair.south.void("1.2")
    pair.sync(pair.south)
    pair.place.collect()
    before = pair.north.kinds()
    found = pair.sync(pair.north)
    assert found.forked == (pair.south.log,)
    assert "signed two histories" in problems(found)
    assert pair.north.kinds() == before
    proof = pair.north.folder / bringing.FOLDER_NAME / f"{pair.south.log}.forked"
    assert len(json.loads(proof.read_text())) == 2
    pair.place.told_by_owner("DELETE FROM breakglass_log.evidence")
    assert pair.sync(pair.north).forked == (pair.south.log,)
    twin.ledger.close()


def test_a_collection_that_keeps_another_log_than_was_told_here_shows_a_fork(pair: Pair) -> None:
    """What was pinned at the enrolment is a witness: another checkpoint of that size by the same key is a fork."""
    pair.sync(pair.south)
    pair.place.collect()
    size = pair.north.ledger.state.terminals[pair.south.log].size
    other = hashlib.sha256(b"another history").digest()
    note = forge_checkpoint(pair.south, size, other)
    forge = "UPDATE breakglass_log.records SET checkpoint = %s WHERE log_id = %s AND seq = %s"
    pair.place.told_by_owner(forge, note, pair.south.ledger.log_id, size - 1)
    assert "another history" in problems(pair.sync(pair.north))


def forge_checkpoint(terminal: Terminal, size: int, root: bytes) -> str:
    """Sign a checkpoint as whoever has the terminal's key can."""
    name = origin(terminal.ledger.public_key)
    return sign_note(Checkpoint(name, size, root).to_text(), name, terminal.ledger._key)


def test_a_collection_that_was_set_back_is_named(pair: Pair) -> None:
    pair.south.void("1.1")
    pair.through()
    pair.place.told_by_owner("DELETE FROM breakglass_log.cosigned WHERE log_id = %s", pair.south.ledger.log_id)
    assert "it was set back" in problems(pair.sync(pair.north))


def test_a_head_that_the_collector_made_up_is_refused(pair: Pair) -> None:
    """The collector cosigned a checkpoint that the terminal never signed."""
    pair.south.void("1.1")
    pair.sync(pair.south)
    pair.place.collect()
    text = pair.south.ledger.row(0)[4]
    cut = text.replace("\n1\n", "\n900\n", 1)
    note = cosign(cut, pair.place.one.name, pair.place.one.seed, 1679315147)
    forge = "UPDATE breakglass_log.cosigned SET note = %s WHERE log_id = %s"
    pair.place.told_by_owner(forge, note, pair.south.ledger.log_id)
    before = pair.north.voided
    assert "signature" in problems(pair.sync(pair.north))
    assert set(before) | {"1.1"} == set(pair.north.voided)


def test_a_server_that_goes_away_in_the_middle_loses_nothing(pair: Pair) -> None:
    pair.south.rotate()
    pair.sync(pair.south)
    pair.place.collect()
    syncing.sync(pair.north.ledger, pair.place.terminal, pair.place.key)
    pair.place.server.stop("immediate")
    try:
        with pytest.raises(ConnectorError, match="the collection"):
            bringing.bring(pair.north.recorder, pair.place.terminal)
    finally:
        pair.place.server.start()
    assert pair.sync(pair.north).taken.recorded
    assert standing.is_superseded(pair.north.set, id_of(pair.south.epochs[0]))

# SPDX-License-Identifier: Apache-2.0
"""Attacks on the stored log, by somebody who writes to the database file but has no key.

The triggers are no defence against a raw connection, and are dropped first. What finds these is the
verification, and it names the record.
"""

import base64
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from breakglass_shamir.crypto import merkle
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.crypto.note import Checkpoint as Head
from breakglass_shamir.crypto.note import open_note, sign_note
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.ledger import LedgerMoved, PolicyAdopted
from breakglass_shamir.custody.records.openings import Declared, Opened, Refused
from breakglass_shamir.errors import IntegrityError, InvalidProof, InvalidRecord, InvalidSignature, KeyMismatch
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

SOURCE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
declaration = {classes = ["idp-outage"]}
"""

STRANGER = Secret(b"s" * 32)
OPENED = 4
"""Number of the record with the quorum's signature."""

LAST = 11


def fill(ledger: Ledger) -> None:
    """Append a policy, an epoch, an opening and seven notes: twelve records with the first."""
    digest = policies.salted_digest(bytes(16), SOURCE)
    facts = Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), digest, Checkpoint(bytes(8), 0, bytes(32)))
    made = seal(facts, Secret(b"tinned beans"))
    envelope, epoch_id = made.envelope, made.envelope.core.epoch_id.hex()
    ledger.append(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()), set_name="prod-db")
    issued = Issued(
        epoch=1, epoch_id=epoch_id, predecessor="", set_public_key=envelope.set_public_key.hex(),
        envelope=base64.b64encode(envelope.to_bytes()).decode(), envelope_sha256=envelope.digest.hex(),
        drill_envelope="", drill_set_public_key="", custodians={"1.1": "North", "1.2": "South", "1.3": "East"},
        policy_digest=policies.digest(SOURCE).hex(), policy_salt=bytes(16).hex(), proven="accepted",
    )  # fmt: skip
    ledger.append(issued, set_name="prod-db")
    declared = Declared(
        purpose="emergency", incident_class="idp-outage", ticket="INC-1", reason="it is down", officers=("Duty", "IT"),
        valid_for_s=1800, use_for_s=3600, debts=(), supersedes="",
        policy_digest=policies.digest(SOURCE).hex(),
    )  # fmt: skip
    opening = ledger.append(declared, set_name="prod-db").digest
    opened = Opened(
        epoch_id=epoch_id, sheets=("1.1", "1.2"), mode="show", program="", witnessed="consistent", pinned=True
    )
    set_key = unseal(envelope.core, made.shares).set_key
    ledger.append(opened, set_name="prod-db", opening=opening, set_key=set_key)
    for number in range(7):
        note = Refused(stage="open", error="insufficient-shares", message=f"attempt {number}")
        ledger.append(note, set_name="prod-db", opening=opening)


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


def tamper(home: Path, *statements: tuple[str, Sequence[object]]) -> None:
    connection = sqlite3.connect(home / FILE_NAME)
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    assert len(triggers) == 6
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement, values in statements:
        assert connection.execute(statement, tuple(values)).rowcount > 0
    connection.commit()
    connection.close()


def field(home: Path, column: str, seq: int) -> bytes | str:
    connection = sqlite3.connect(home / FILE_NAME)
    connection.row_factory = sqlite3.Row
    value = connection.execute("SELECT * FROM records WHERE seq = ?", (seq,)).fetchone()[column]
    connection.close()
    assert isinstance(value, bytes | str)
    return value


def found(home: Path, *statements: tuple[str, Sequence[object]]) -> IntegrityError:
    """Tamper under an open ledger; return what the verification says, and hold a fresh start to the same."""
    with open_home(home) as ledger:
        tamper(home, *statements)
        with pytest.raises(IntegrityError) as refused:
            verify(ledger)
    with pytest.raises(IntegrityError), open_home(home) as ledger:
        verify(ledger)
    return refused.value


def set_column(column: str, value: object, seq: int) -> tuple[str, Sequence[object]]:
    return f"UPDATE records SET {column} = ? WHERE seq = ?", (value, seq)  # noqa: S608 - the tests name the column


def test_an_untouched_log_holds(home: Path) -> None:
    with open_home(home) as ledger:
        report = verify(ledger)
        assert (report.records, report.root, report.clock_steps_back) == (12, ledger.root_at(12), ())
        assert report.state == ledger.state


def test_dropped_triggers_alone_change_no_record(home: Path) -> None:
    tamper(home)
    with open_home(home) as ledger:
        assert verify(ledger).records == 12


@pytest.mark.parametrize("seq", [0, 1, OPENED, 7, LAST])
def test_every_byte_of_a_record_counts(home: Path, seq: int) -> None:
    data = field(home, "data", seq)
    assert isinstance(data, bytes)
    for position in range(0, len(data), 1 + len(data) // 5):
        copy = home.with_name(f"{seq}-{position}")
        shutil.copytree(home, copy)
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        error = found(copy, set_column("data", changed, seq))
        assert str(error).startswith(f"record {seq}: ")


def test_a_word_of_a_record_changed_for_another(home: Path) -> None:
    data = field(home, "data", 7)
    assert isinstance(data, bytes)
    error = found(home, set_column("data", data.replace(b"attempt", b"attempd"), 7))
    assert isinstance(error, InvalidSignature)
    assert str(error) == "record 7: the Ed25519 signature does not verify"


def test_a_record_spelt_another_way(home: Path) -> None:
    data = field(home, "data", 7)
    assert isinstance(data, bytes)
    error = found(home, set_column("data", data.replace(b'"seq":7', b'"seq": 7'), 7))
    assert str(error) == "record 7: the record is not in canonical form"


def test_a_record_removed_from_the_middle(home: Path) -> None:
    error = found(home, ("DELETE FROM records WHERE seq = ?", (6,)))
    assert isinstance(error, InvalidRecord)
    assert str(error) == "record 6: expected number 6, got 7"


def test_a_record_removed_and_the_rest_moved_up(home: Path) -> None:
    delete = ("DELETE FROM records WHERE seq = ?", (6,))
    moves = [("UPDATE records SET seq = ? WHERE seq = ?", (seq - 1, seq)) for seq in range(7, 12)]
    assert str(found(home, delete, *moves)) == "record 6: expected number 6, got 7"


def test_the_first_record_removed(home: Path) -> None:
    error = found(home, ("DELETE FROM records WHERE seq = ?", (0,)))
    assert str(error) == "record 0: expected number 0, got 1"


def test_two_records_swapped(home: Path) -> None:
    steps = [(-1, 6), (6, 7), (7, -1)]
    moves = [("UPDATE records SET seq = ? WHERE seq = ?", step) for step in steps]
    assert str(found(home, *moves)) == "record 6: expected number 6, got 7"


def test_a_record_twice(home: Path) -> None:
    statement = (
        "INSERT INTO records SELECT 12, data, terminal_signature, quorum_signature, checkpoint FROM records "
        "WHERE seq = ?"
    )
    assert str(found(home, (statement, (LAST,)))) == "record 12: expected number 12, got 11"


@pytest.mark.parametrize(("seq", "other"), [(OPENED, 5), (7, 8), (8, 7)])
def test_the_terminals_signature_taken_from_another_record(home: Path, seq: int, other: int) -> None:
    error = found(home, set_column("terminal_signature", field(home, "terminal_signature", other), seq))
    assert isinstance(error, InvalidSignature)
    assert str(error) == f"record {seq}: the Ed25519 signature does not verify"


def test_the_terminals_signature_stripped(home: Path) -> None:
    error = found(home, set_column("terminal_signature", "", 7))
    assert str(error) == "record 7: expected an armored SSH signature and nothing around it"


def test_the_quorums_signature_stripped(home: Path) -> None:
    error = found(home, set_column("quorum_signature", "", OPENED))
    assert str(error) == f"record {OPENED}: expected an armored SSH signature and nothing around it"


def test_the_quorums_signature_in_the_terminals_place_and_the_reverse(home: Path) -> None:
    quorum, terminal = (field(home, f"{who}_signature", OPENED) for who in ("quorum", "terminal"))
    for column, value in (("terminal_signature", quorum), ("quorum_signature", terminal)):
        copy = home.with_name(column)
        shutil.copytree(home, copy)
        error = found(copy, set_column(column, value, OPENED))
        assert str(error).startswith(f"record {OPENED}: expected namespace")


def test_a_quorums_signature_lent_to_a_record_that_needs_none(home: Path) -> None:
    error = found(home, set_column("quorum_signature", field(home, "quorum_signature", OPENED), 7))
    assert str(error) == "record 7: a quorum's signature on a record that needs none"


def test_a_checkpoint_signed_by_another_key(home: Path) -> None:
    with open_home(home) as ledger:
        name = origin(ledger.public_key)
        text = open_note(str(field(home, "checkpoint", 7)), name, ledger.public_key)
    error = found(home, set_column("checkpoint", sign_note(text, name, STRANGER), 7))
    assert isinstance(error, InvalidSignature)
    assert str(error).startswith("record 7: expected a signature by breakglass-shamir.log/")


def test_a_checkpoint_of_another_size(home: Path) -> None:
    error = found(home, set_column("checkpoint", field(home, "checkpoint", 6), 7))
    assert isinstance(error, InvalidProof)
    assert str(error) == "record 7: the checkpoint does not belong to the tree"


def test_a_checkpoint_of_another_log(home: Path, tmp_path: Path) -> None:
    with create(tmp_path / "other", "south") as other:
        fill(other)
    error = found(home, set_column("checkpoint", field(tmp_path / "other", "checkpoint", 7), 7))
    assert str(error).startswith("record 7: expected a signature by")


def test_a_checkpoint_changed(home: Path) -> None:
    note = str(field(home, "checkpoint", 7))
    lines = note.split("\n")
    head = Head(lines[0], 8, merkle.EMPTY_ROOT).to_text()
    error = found(home, set_column("checkpoint", note.replace("\n".join(lines[:3]) + "\n", head), 7))
    assert str(error) == "record 7: the Ed25519 signature does not verify"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = ? AND position = 1",
        "DELETE FROM nodes WHERE level = ? AND position = 1",
        "INSERT INTO nodes VALUES (?, 99, zeroblob(32))",
    ],
)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_tree_node_changed_removed_or_added(home: Path, statement: str, level: int) -> None:
    error = found(home, (statement, (level,)))
    assert isinstance(error, InvalidProof)
    assert str(error) == "the stored tree nodes do not belong to the 12 records"


def test_a_tail_cut_off_and_its_nodes_forgotten(home: Path) -> None:
    error = found(home, ("DELETE FROM records WHERE seq > ?", (8,)))
    assert str(error) == "the stored tree nodes do not belong to the 9 records"


def nodes_of(size: int) -> set[tuple[int, int]]:
    stored: dict[tuple[int, int], bytes] = {}
    for index in range(size):
        for level, position, value in merkle.new_nodes(index, bytes(32), lambda at, i: stored[at, i]):
            stored[level, position] = value
    return set(stored)


def test_a_clean_cut_of_the_tail_is_invisible_here_and_shows_against_what_was_carried_away(home: Path) -> None:
    with open_home(home) as ledger:
        carried = ledger.checkpoint()
    cut = ("DELETE FROM records WHERE seq > ?", (8,))
    gone = sorted(nodes_of(12) - nodes_of(9))
    tamper(home, cut, *[("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone])
    with open_home(home) as ledger:
        assert verify(ledger).records == 9
        assert ledger.checkpoint().log_id == carried.log_id
        assert carried.size > ledger.size


def test_a_tail_cut_off_and_grown_again_differs_from_what_was_carried_away(home: Path) -> None:
    with open_home(home) as ledger:
        carried = ledger.checkpoint()
    gone = sorted(nodes_of(12) - nodes_of(9))
    removals = [("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone]
    tamper(home, ("DELETE FROM records WHERE seq > ?", (8,)), *removals)
    with open_home(home) as ledger:
        for _ in range(4):
            ledger.append(Refused(stage="open", error="x", message="nothing happened"))
        assert verify(ledger).records == 13
        assert ledger.root_at(carried.size) != carried.root


def test_a_log_signed_again_from_its_beginning_by_another_key_has_another_id(home: Path, tmp_path: Path) -> None:
    with create(tmp_path / "other", "north") as other:
        fill(other)
        assert verify(other).records == 12
        with open_home(home) as ledger:
            assert other.log_id != ledger.log_id
    shutil.copy(tmp_path / "other" / "terminal-key.pem", home / "terminal-key.pem")
    with pytest.raises(KeyMismatch):
        open_home(home)


def test_the_file_damaged_is_said_not_thrown(home: Path) -> None:
    path = home / FILE_NAME
    data = bytearray(path.read_bytes())
    for position in range(4096 + 8, len(data)):
        data[position] ^= 0x5A
    path.write_bytes(data)
    with pytest.raises(IntegrityError), open_home(home) as ledger:
        verify(ledger)


def test_a_clock_set_back_is_reported_by_number(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.now()
    with open_home(home) as ledger:
        for time in ("2099-01-01T00:00:02Z", "2099-01-01T00:00:01Z", "2099-01-01T00:00:01Z"):
            moment = Moment(time, real.boot, real.uptime_ms)
            monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
            ledger.append(LedgerMoved(reason="a test of clocks"))
        assert verify(ledger).clock_steps_back == (13,)


class Ends:
    """A sample that meets nothing but the ends."""

    report_every = 64

    def __init__(self, _total: int) -> None: ...

    def after(self, number: int) -> int:
        return 0 if number < 0 else LAST


@pytest.mark.parametrize("seq", [4, 5, 7])
def test_a_sample_that_meets_what_follows_names_the_signature_that_fails(
    seq: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record with the wrong signature is not looked at; one behind it, changed as well, is met first."""
    monkeypatch.setattr("breakglass_shamir.ledger.verify.Sample", Ends)
    data = field(home, "data", 9)
    assert isinstance(data, bytes)
    lent = set_column("terminal_signature", field(home, "terminal_signature", 2), seq)
    with open_home(home) as ledger:
        tamper(home, lent, set_column("data", data.replace(b'"seq":9', b'"seq": 9'), 9))
        with pytest.raises(InvalidSignature) as refused:
            verify(ledger, full=False)
    assert str(refused.value) == f"record {seq}: the Ed25519 signature does not verify"

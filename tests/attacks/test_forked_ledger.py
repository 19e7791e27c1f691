# SPDX-License-Identifier: Apache-2.0
"""A home is copied and both copies go on: events are told apart, and whoever has both, or a part, finds the fork."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.alerts import identity, translate
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Recovered
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import Heartbeat, LoginSeen
from breakglass_shamir.custody.records.openings import Refused, Settled
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    InvalidInput,
    InvalidRecord,
    InvalidSignature,
    RecordMissing,
)
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.ledger import clock, others, receipt
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.receipt import FOLDER_NAME
from breakglass_shamir.ledger.store import FILE_NAME
from breakglass_shamir.operations.audit import export, verification
from breakglass_shamir.operations.monitoring import forks
from tests.attacks.test_every_gate import CLOSERS, SOURCE, office
from tests.attacks.test_ledger_quorum_signature import issued
from tests.end_to_end.conftest import life, sealed_once, ssh_keygen
from tests.end_to_end.life import Life

__all__ = ["life", "sealed_once", "ssh_keygen"]


def note(text: str) -> Refused:
    return Refused(stage="test", error="none", message=text)


def add(home: Path, *texts: str) -> None:
    with homes.open_home(home) as ledger:
        for text in texts:
            ledger.append(note(text))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A home with three records."""
    home = tmp_path / "here"
    homes.create(home, "north").close()
    add(home, "one", "two")
    return home


@pytest.fixture
def there(here: Path) -> Path:
    """A copy that went on separately, by another record in the same place."""
    copy = here.parent / "there"
    shutil.copytree(here, copy)
    add(copy, "three, there", "four, there")
    add(here, "three, here")
    return copy


def hold(home: Path, *against: Path) -> dict[str, str]:
    """Verify a ledger against other things; returns what each says."""
    with homes.open_home(home) as ledger:
        return {one.source: one.verdict for one in verification.verify(ledger, against=against).witnesses}


# --- told apart --------------------------------------------------------------------------------------------


def test_events_of_two_copies_have_different_ids(here: Path, there: Path) -> None:
    made: list[list[str]] = []
    for home in (here, there):
        with homes.open_home(home) as ledger:
            entries = list(ledger.entries())
        made.append([event.id for entry in entries for event in translate.events(entry, LedgerState())])
    assert [one for one in made[0] if one in made[1]] == made[0][: len(made[0]) - 1]
    assert made[0][-1] != made[1][len(made[0]) - 1]


def test_an_event_has_the_same_id_whenever_it_is_made_again(here: Path) -> None:
    with homes.open_home(here) as ledger:
        entry = next(ledger.entries(2))
        first, again = (translate.events(entry, state)[0].id for state in (LedgerState(), ledger.state))
    assert first == again
    (named,) = identity.find(f"an alert of ours: {first}.".encode())
    assert (named.log, named.seq) == (ledger.log_id, 2)
    assert entry.digest.startswith(named.digest)


def seen(home: Path, at: str) -> list[Entry]:
    """Record a login that no opening accounts for, and that somebody settled it."""
    with homes.open_home(home) as ledger:
        ledger.append(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()), set_name="prod-db")
        login = LoginSeen(
            at=at, account="root", source="10.0.0.1", accepted=True, count=1, matched="", detail="ssh"
        )  # fmt: skip
        made = [ledger.append(login, set_name="prod-db")]
        settled = Settled(debt=f"login-{made[0].record.seq}", reason="it was the vendor", officers=("A", "B"))
        return [*made, ledger.append(settled, set_name="prod-db")]


def incidents(home: Path, entries: list[Entry]) -> list[str]:
    found = []
    for entry in entries:
        with homes.open_home(home) as ledger:
            state = LedgerState()
            for one in ledger.entries():
                state = lifecycle.apply(state, one.data, one.record)
                if one.digest == entry.digest:
                    break
        found += [event.incident for event in translate.events(entry, state) if "login-" in event.incident]
    return found


def test_an_incident_in_one_copy_is_not_resolved_by_the_other(here: Path) -> None:
    copy = here.parent / "copy"
    shutil.copytree(here, copy)
    mine = incidents(here, seen(here, "2026-01-01T00:00:00Z"))
    theirs = incidents(copy, seen(copy, "2026-01-01T00:00:09Z"))
    assert len(mine) == len(theirs) == 2
    assert mine[0] == mine[1]
    assert theirs[0] == theirs[1]
    assert mine[0] != theirs[0]


# --- found by verification ---------------------------------------------------------------------------------


def test_two_copies_that_went_on_are_a_fork_and_it_says_where(here: Path, there: Path) -> None:
    for one, other in ((here, there), (there, here), (here, there / FILE_NAME)):
        with pytest.raises(Forked, match="a fork at record 3: here refused at 20") as found:
            hold(one, other)
        assert found.value.exit_code == 5
        assert "who copied the home" in found.value.hint


def test_a_copy_that_is_only_older_is_none(here: Path) -> None:
    older = here.parent / "older"
    shutil.copytree(here, older)
    add(here, "three")
    assert hold(here, older) == {str(older): "consistent"}
    with pytest.raises(
        RecordMissing, match="the other one goes on: record 3 is missing: this ledger ends with record 2"
    ):
        hold(older, here)


def test_copies_that_are_longer_and_differ_from_each_other_are_found(here: Path) -> None:
    one, other = here.parent / "one", here.parent / "other"
    for copy in (one, other):
        shutil.copytree(here, copy)
        add(copy, f"three, in {copy.name}")
    with pytest.raises(RecordMissing) as found:
        hold(here, one, other)
    assert "a fork at record 3" in str(found.value)


def test_another_terminals_ledger_says_nothing(here: Path, tmp_path: Path) -> None:
    homes.create(tmp_path / "south", "south").close()
    assert hold(here, tmp_path / "south") == {str(tmp_path / "south"): "unwitnessed"}


def test_what_is_held_against_it_is_left_as_it_is(here: Path, there: Path) -> None:
    def look() -> dict[str, tuple[int, int, int]]:
        return {one.name: (one.stat().st_ino, one.stat().st_size, one.stat().st_mtime_ns) for one in there.iterdir()}

    kept = sqlite3.connect(there / FILE_NAME)
    kept.execute("SELECT count(*) FROM records").fetchone()
    before = look()
    assert f"{FILE_NAME}-wal" in before
    with pytest.raises(Forked):
        hold(here, there)
    assert look() == before
    kept.close()


def test_the_ledger_itself_is_no_copy_of_it(here: Path) -> None:
    for path in (here, here / FILE_NAME):
        with pytest.raises(InvalidInput, match="is the ledger that is verified"):
            hold(here, path)
    (here.parent / "link").symlink_to(here)
    with pytest.raises(InvalidInput, match="is the ledger that is verified"):
        hold(here, here.parent / "link")


def damaged(there: Path) -> None:
    with homes.open_home(there) as ledger:
        ledger.settle()
    with sqlite3.connect(there / FILE_NAME) as connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute(
            "UPDATE records SET data = CAST(replace(CAST(data AS TEXT), 'two', 'TWO') AS BLOB) WHERE seq = 2"
        )


def a_view_without_end(there: Path) -> None:
    with homes.open_home(there) as ledger:
        ledger.settle()
    with sqlite3.connect(there / FILE_NAME) as connection:
        connection.execute("DROP TABLE records")
        connection.execute(
            "CREATE VIEW records AS WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n) "
            "SELECT seq, x'' AS data, '' AS terminal_signature, '' AS quorum_signature, '' AS checkpoint FROM n"
        )


def not_a_database(there: Path) -> None:
    (there / FILE_NAME).write_bytes(b"SQLite format 3\0" + bytes(5000))


def a_gigantic_one(there: Path) -> None:
    os.truncate(there / FILE_NAME, others.MAX_BYTES + 1)


def a_pipe(there: Path) -> None:
    (there / FILE_NAME).unlink()
    os.mkfifo(there / FILE_NAME)


@pytest.mark.parametrize("spoil", [damaged, a_view_without_end, not_a_database, a_gigantic_one, a_pipe])
def test_a_strangers_database_is_an_error_with_its_name(spoil: Callable[[Path], None], here: Path, there: Path) -> None:
    spoil(there)
    with pytest.raises((InvalidInput, InvalidRecord, InvalidSignature)) as found:
        hold(here, there)
    assert str(there) in str(found.value)


def test_a_receipt_from_one_copy_exposes_the_other(here: Path, there: Path) -> None:
    with homes.open_home(there) as ledger:
        held = receipt.make(ledger, 3)
    file = here.parent / "receipt.tlog-proof"
    file.write_text(held.to_text())
    with pytest.raises(RecordMissing):
        hold(here, file)
    add(here, "four, here")
    with pytest.raises(RecordMissing, match="another record stands in its place") as found:
        hold(here, file)
    assert "a copy of this ledger went on elsewhere" in found.value.hint
    assert hold(there, file) == {file.name: "consistent"}


def test_a_checkpoint_and_an_export_from_one_copy_expose_the_other(here: Path, there: Path) -> None:
    exported = here.parent / "export"
    with homes.open_home(there) as ledger:
        export.export(ledger, "all", exported)
        checkpoint = next(ledger.entries(3)).checkpoint
    file = here.parent / "checkpoint"
    file.write_text(checkpoint)
    for one in (file, exported):
        add(here, "one more here")
        with pytest.raises(Forked, match="this terminal signed another history"):
            hold(here, one)
        assert set(hold(there, one).values()) == {"consistent"}
    file.write_text(checkpoint.replace("AAAA", "BBBB").replace("\n4\n", "\n5\n"))
    with pytest.raises(BreakglassError, match="does not verify"):
        hold(here, file)


def test_alerts_of_one_copy_expose_the_other_and_are_called_unsigned(here: Path, there: Path) -> None:
    with homes.open_home(there) as ledger:
        documents = [event.document for entry in ledger.entries() for event in translate.events(entry, ledger.state)]
    collected = here.parent / "collected.jsonl"
    collected.write_text("".join(f"{json.dumps(one)}\n" for one in documents))
    with pytest.raises(Forked, match="alerts tell of another record 3") as found:
        hold(here, collected)
    assert "an alert is not signed" in found.value.hint
    assert hold(there, collected) == {collected.name: "consistent"}
    named = here.parent / "ids.txt"
    named.write_text(f"the pager said {documents[0]['metadata']['uid']} and {'0' * 16}-7-{'0' * 16}-0\n")
    assert sorted(hold(here, named)) == [named.name]


def test_what_is_nothing_of_the_kind_is_said(here: Path) -> None:
    empty = here.parent / "empty"
    empty.mkdir()
    (here.parent / "text").write_text("good evening")
    for path in (empty, here.parent / "text", here.parent / "nothing"):
        with pytest.raises(InvalidInput, match=path.name):
            hold(here, path)


def test_the_command_says_the_fork_with_its_exit_code(life: Life) -> None:
    copy = life.folder / "copy"
    shutil.copytree(life.home, copy)
    for home in (life.home, copy):
        with homes.open_home(home) as ledger:
            ledger.append(Heartbeat(every_s=60 if home == copy else 90))
    forked = life.run("--json", "audit", "verify", "--against", copy)
    assert (forked.exit, forked.document["error"]["id"]) == (5, "forked")
    shutil.rmtree(copy)
    shutil.copytree(life.home, copy)
    held = life.ok("audit", "verify", "--against", copy)
    assert f"{copy}: a copy of this ledger that saw" in held.out


# --- said by status ----------------------------------------------------------------------------------------


def signs(home: Path) -> str:
    with homes.open_home(home) as ledger:
        return "; ".join(forks.signs(ledger))


def test_a_ledger_nobody_copied_shows_no_sign(here: Path, life: Life) -> None:
    assert signs(here) == ""
    assert life.run("--json", "status").document["copies"] == []


def test_an_older_copy_is_put_back_and_the_receipts_remember(life: Life) -> None:
    """The home's own receipts stay where they are, as after a restore of the database alone."""
    older = life.folder / "older"
    shutil.copytree(life.home, older)
    assert life.recombine("--exec", "true").exit == 7
    assert list((life.home / FOLDER_NAME).glob("*.tlog-proof"))
    assert life.run("--json", "status").document["copies"] == []
    for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        (life.home / name).unlink(missing_ok=True)
    shutil.copyfile(older / FILE_NAME, life.home / FILE_NAME)
    done = life.run("status")
    assert done.exit == 7
    assert "COPIED?  this ledger: the receipt" in done.out
    assert "records that are not these" in done.out
    plugin = life.run("status", "--format", "nagios")
    assert plugin.exit == 2
    assert "breakglass_copy_signs" in life.run("status", "--format", "prometheus").out


def test_a_receipt_that_somebody_made_up_is_no_sign(life: Life) -> None:
    assert life.recombine("--exec", "true").exit == 7
    folder = life.home / FOLDER_NAME
    (one, *_) = folder.glob("*.tlog-proof")
    (folder / "made-up-99.tlog-proof").write_text(one.read_text().replace("AA", "AB"))
    (folder / "empty.tlog-proof").touch()
    (folder / "folder.tlog-proof").mkdir()
    os.mkfifo(folder / "pipe.tlog-proof")
    assert life.run("--json", "status").document["copies"] == []


def test_a_file_of_alerts_on_this_machine_remembers_the_other_copy(life: Life) -> None:
    collected = life.folder / "alerts.jsonl"
    more = f'\n[[alerts.sinks]]\nname = "file"\ntype = "file"\npath = "{collected}"\n'
    life.policy.write_text(life.policy.read_text() + more)
    with homes.open_home(life.home) as ledger:
        source = life.policy.read_text()
        ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name="recovery-key")
        log = ledger.log_id.hex()
    assert signs(life.home) == ""
    collected.write_text(json.dumps({"metadata": {"uid": f"{log}-3-{'ab' * 8}-0"}}) + "\n")
    assert f"{collected} has an alert of record 3 that is not this ledger's" in signs(life.home)


def test_sheets_that_saw_other_records_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["witness"](found)
        assert "the sheets of prod-db, epoch 1, saw 1 record that are not these" in forks.signs(found.ledger)


def test_sheets_of_ours_that_no_record_tells_of_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were printed by the copy that went on; this one meets them at an opening."""
    with office(tmp_path, monkeypatch) as found:
        size, root = found.ledger.size, found.ledger.root_at(found.ledger.size)
        made = found.deal(1, Checkpoint(found.ledger.log_id, size, root))
        body = issued(made)
        recovered = Recovered(
            epoch=1, epoch_id=body.epoch_id, set_public_key=body.set_public_key, envelope=body.envelope,
            envelope_sha256=body.envelope_sha256, pinned=False,
        )  # fmt: skip
        found.append(recovered)
        (said,) = forks.signs(found.ledger)
        assert "were printed by this terminal after 1 record, and this ledger does not say so" in said


def test_a_machine_that_was_set_back_is_seen(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.now()
    later = type(real)(real.time, real.boot, real.uptime_ms + 10_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        add(here, "made before the machine was set back")
    assert "was made later in this run of the machine than now" in signs(here)
    add(here, "made after")
    assert "record 4 goes on with an earlier run of a machine" in signs(here)
    with homes.open_home(here) as ledger:
        assert verification.verify(ledger).report.runs_back == (4,)


def test_a_home_that_two_machines_use_in_turn_is_seen(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.now()
    other = type(real)(real.time, "ef" * 8, real.uptime_ms)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: other)
        add(here, "on the other machine")
    assert signs(here) == ""
    add(here, "and here again")
    assert "record 4 goes on with an earlier run of a machine" in signs(here)

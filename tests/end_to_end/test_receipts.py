# SPDX-License-Identifier: Apache-2.0
"""Officers leave with receipts; what they carry away convicts a shortened ledger, and vouches on a blank machine."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.epochs import Pinned, Recovered
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Opened, Refused
from breakglass_shamir.ledger import clock, home
from tests.attacks.test_ledger_tampering import nodes_of, tamper
from tests.end_to_end.life import DECLARATION, NAME, Life

DPI = 150


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Life:
    """A set that was opened once; its rotation is owed."""
    need("ssh-keygen")
    life = Life(tmp_path_factory.mktemp("receipts") / "life")
    life.begin()
    life.seal()
    done = life.recombine("--no-reveal", "--receipts", life.folder / "stick")
    assert done.exit == 7
    assert "receipts for Olga, Oskar: 3 files in" in done.err
    life.keep()
    return life


@pytest.fixture
def life(kept: Life) -> Iterator[Life]:
    yield kept
    kept.restore()


def files(life: Life) -> list[Path]:
    return sorted((life.folder / "stick").iterdir())


def photograph(slips: Path) -> Path:
    """Photograph the first slip."""
    document = pypdfium2.PdfDocument(slips)
    picture = slips.with_suffix(".png")
    document[0].render(scale=DPI / 72).to_pil().save(picture)
    document.close()
    return picture


def cut(life: Life, kept: int) -> None:
    with home.open_home(life.home) as ledger:
        size = ledger.size
    gone = sorted(nodes_of(size) - nodes_of(kept))
    removals = [("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone]
    tamper(life.home, ("DELETE FROM records WHERE seq >= ?", (kept,)), *removals)


def test_each_officer_gets_a_file_and_a_slip_and_all_of_them_agree(life: Life) -> None:
    olga, oskar, slips = files(life)
    opening = life.entries()[4].digest[:12]
    assert [path.name for path in (olga, oskar, slips)] == [
        f"{NAME}-{opening}-8-{end}" for end in ("Olga.tlog-proof", "Oskar.tlog-proof", "slips.pdf")
    ]
    assert olga.read_text() == oskar.read_text()
    assert len(pypdfium2.PdfDocument(slips)) == 2
    words = [arg for path in (olga, slips, photograph(slips)) for arg in ("--receipt", path)]
    done = life.ok("--json", "audit", "verify", *words, "--sheet", life.scans(1))
    verdicts = [(one["kind"], one["verdict"], one["size"]) for one in done.document["witnesses"]]
    assert verdicts == [("receipt", "consistent", 8)] * 3 + [("sheet", "consistent", 1)] * 3
    assert done.document["chains"] == [
        {"set": NAME, "epochs": [1], "whole": True, "ends_at": "", "beside": [], "rests_on": []}
    ]


def test_a_removed_tail_is_exposed_with_exit_5_and_names(life: Life) -> None:
    olga, _, slips = files(life)
    cut(life, 5)
    life.ok("audit", "verify")
    for receipt in (olga, photograph(slips)):
        done = life.run("audit", "verify", "--receipt", receipt)
        assert done.exit == 5
        assert "saw 8 records; records 5 to 7 are missing: this ledger ends with record 4 of" in done.err
    document = life.run("--json", "audit", "verify", "--receipt", olga).document
    assert (document["error"]["id"], document["exit"]) == ("record-missing", 5)


def test_a_sheet_exposes_a_ledger_that_was_begun_again_under_the_same_key(life: Life) -> None:
    done = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    cut(life, 5)
    done = life.run("audit", "verify", "--sheet", life.scans(2))
    assert done.exit == 5
    assert f"the sheet of {NAME}, epoch 2, saw 11 records; records 5 to 10 are missing" in done.err


def test_an_altered_receipt_is_told_from_an_altered_ledger(life: Life) -> None:
    olga, *_ = files(life)
    text = olga.read_text()
    line = text.splitlines()[1]
    olga.write_text(text.replace(line, line[:100] + ("A" if line[100] != "A" else "B") + line[101:]))
    done = life.run("audit", "verify", "--receipt", olga)
    assert done.exit == 5
    assert f"{olga.name}: the Ed25519 signature does not verify" in done.err


def test_what_is_no_receipt_is_a_usage_error(life: Life, tmp_path: Path) -> None:
    for name, content in (("letter.txt", b"dear auditor"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        done = life.run("audit", "verify", "--receipt", tmp_path / name)
        assert (done.exit, "expected a receipt in" in done.err) == (2, True)
    assert life.run("audit", "verify", "--receipt", tmp_path / "none").exit == 2
    assert life.run("audit", "verify", "--sheet", files(life)[2]).exit == 2
    assert life.run("audit", "verify", "--full", "--sample").exit == 2


def test_a_shortened_ledger_stops_an_opening_by_the_sheets_unless_an_emergency_overrides_it(life: Life) -> None:
    done = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    with home.open_home(life.home) as ledger:
        while ledger.size < 24:
            ledger.append(Refused(stage="open", error="x", message="filler"))
    replace_record(life, 3)
    done = life.recombine("--no-reveal", scans=2)
    assert done.exit == 3
    assert "the sheet of recovery-key, epoch 2, saw another history" in done.err
    assert "--override witness" in done.err
    done = life.recombine("--no-reveal", "--override", "witness", "--override-reason", "everything is down", scans=2)
    assert done.exit == 7
    assert "overridden: witness: the sheet of recovery-key, epoch 2, saw another history" in done.err
    with home.open_home(life.home) as ledger:
        opened = [e.record.body for e in ledger.entries() if isinstance(e.record.body, Opened)]
        assert opened[-1].witnessed == "inconsistent"
        assert [debt.kind for debt in ledger.state.of(NAME).debts] == ["witness", "rotation"]


def replace_record(life: Life, seq: int) -> None:
    """Rewrite one record, and leave the stored tree as it was."""
    with home.open_home(life.home) as ledger:
        data = ledger.row(seq)[1]
    changed = data.replace(b'"boot":"', b'"boot":"0')[: len(data) + 1]
    tamper(life.home, ("UPDATE records SET data = ? WHERE seq = ?", (changed, seq)))


@pytest.fixture
def blank(life: Life, tmp_path: Path) -> Life:
    other = Life(tmp_path / "blank")
    other.folder.mkdir()
    del life
    return other


def target(life: Life) -> tuple[str, str]:
    """What people say on a blank machine."""
    return "--target", f"ssh-key://{life.key}"


def test_a_receipt_vouches_for_the_sheets_on_a_blank_machine(life: Life, blank: Life) -> None:
    olga, _, slips = files(life)
    for number, receipt in enumerate((olga, photograph(slips))):
        shutil.rmtree(blank.home, ignore_errors=True)
        arguments = (*DECLARATION, "--scan", life.scans(1), "--no-reveal", "--receipt", receipt, *target(life))
        done = blank.run("recombine", *arguments)
        assert done.exit == 7, (number, done.err)
        assert "vouches for epoch 1 of recovery-key" in done.err
        assert "UNPINNED" not in done.err
        assert blank.kinds()[:3] == ["ledger-started", "recovered", "pinned"]
        recovered, opened = blank.entries()[1].record.body, blank.entries()[4].record.body
        assert isinstance(recovered, Recovered)
        assert isinstance(opened, Opened)
        assert (recovered.pinned, opened.pinned, opened.witnessed) == (True, True, "unwitnessed")
        assert "learned from its sheets, a receipt pins it" in blank.ok("audit", "verify").out


def test_without_a_receipt_it_is_unpinned_and_a_later_one_pins_it(life: Life, blank: Life) -> None:
    olga, *_ = files(life)
    done = blank.run("recombine", *DECLARATION, "--scan", life.scans(1), "--no-reveal", *target(life))
    assert "UNPINNED" in done.err
    assert "UNPINNED, nothing else vouches for it" in blank.ok("audit", "verify").out
    opening = blank.entries()[2].digest
    again = (*DECLARATION, "--scan", life.scans(1), "--no-reveal", *target(life), "--debt", f"rotation-{opening[:8]}")
    done = blank.run("recombine", NAME, *again, "--receipt", olga)
    assert done.exit == 7, done.err
    bodies = [entry.record.body for entry in blank.entries()]
    opened = [body.pinned for body in bodies if isinstance(body, Opened)]
    assert opened == [False, True]
    assert sum(isinstance(body, Pinned) for body in bodies) == 1


def test_a_receipt_that_pins_another_envelope_stops_the_opening(life: Life, blank: Life) -> None:
    """Somebody with a quorum signed a second envelope under the epoch id, and the receipt knows the first."""
    from breakglass_shamir.formats.receipt import Receipt
    from breakglass_shamir.ledger.receipt import make

    with home.open_home(life.home) as ledger:
        held = make(ledger, 5).receipt
        (pin,) = held.pins
        lying: Receipt = ledger.sign_receipt(replace(held, pins=(replace(pin, envelope_sha256=b"e" * 32),)))
    code = blank.folder / "receipt.txt"
    code.write_text(lying.to_code())
    done = blank.run("recombine", *DECLARATION, "--scan", life.scans(1), "--no-reveal", "--receipt", code)
    assert done.exit == 5
    assert "pins another key or envelope than the one on these sheets" in done.err
    assert "opened" not in blank.kinds()


def test_receipts_that_cannot_be_written_hide_nothing(life: Life) -> None:
    (life.folder / "file").write_text("in the way")
    done = life.run("close", NAME, "--as", "drill")
    opening = life.entries()[4].digest
    debts = ("--debt", f"rotation-{opening[:8]}")
    done = life.recombine("--no-reveal", *debts, "--receipts", life.folder / "file" / "folder")
    assert done.exit == 7
    assert "no receipt was written: the receipt" in done.err
    assert "breakglass audit receipt" in done.err
    assert "its rotation is owed" in done.err


def test_names_that_no_page_takes_keep_nobody_from_a_receipt(life: Life) -> None:
    long, foreign = "first officer of the watch " * 4, "\N{CJK UNIFIED IDEOGRAPH-4E00}"
    opening = life.entries()[4].digest
    names = ("--officer", long, "--officer", foreign, "--officer", 2 * foreign, "--debt", f"rotation-{opening[:8]}")
    words = [*DECLARATION[: DECLARATION.index("--officer")], *names]
    folder = life.folder / "names"
    done = life.run("recombine", NAME, *words, "--scan", life.scans(1), "--no-reveal", "--receipts", folder)
    assert done.exit == 7
    *held, slips = sorted(folder.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert len(held) == 3
    life.ok("audit", "verify", "--receipt", photograph(slips))


def test_audit_receipt_writes_one_for_a_record_or_an_opening(life: Life, tmp_path: Path) -> None:
    opening = life.entries()[4].digest
    for identifier, record in (("3", 3), (opening[:8], 5)):
        out = tmp_path / f"{record}.tlog-proof"
        document = life.ok("--json", "audit", "receipt", identifier, "--out", out).document
        assert (document["record"], document["records"]) == (record, 8)
        life.ok("audit", "receipt", identifier, "--out", out)
        life.ok("audit", "verify", "--receipt", out)
    (tmp_path / "3.tlog-proof").write_text("another thing")
    assert life.run("audit", "receipt", "3", "--out", tmp_path / "3.tlog-proof").exit == 2
    for wrong in ("8", "abc", "0123456789"):
        assert life.run("audit", "receipt", wrong, "--out", tmp_path / "x").exit == 2
    assert not (tmp_path / "x").exists()


def test_a_heartbeat_promises_the_next_and_a_late_one_says_so(life: Life) -> None:
    document = life.ok("--json", "heartbeat", "--every", "6h").document
    assert (document["record"], document["every_s"], document["late"]) == (8, 21600, False)
    assert "no next one is promised" in life.ok("heartbeat", "--last").out
    assert life.run("heartbeat", "--every", "soon").exit == 2
    assert life.run("heartbeat", "--every", "400d").exit == 2
    assert life.kinds()[8:] == ["heartbeat", "heartbeat"]


def test_a_silence_longer_than_promised_is_due_while_it_lasts_and_named_for_ever(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.open_home(life.home) as ledger:
        long_ago = Moment("2099-01-01T00:00:00Z", "another boot", 5)
        monkeypatch.setattr(clock, "now", lambda: long_ago)
        ledger.append(Heartbeat(every_s=3600))
    assert not life.run("--json", "status").document["silence"]["late"], "a clock set back counts as no time"
    with home.open_home(life.home) as ledger:
        monkeypatch.setattr(clock, "now", lambda: replace(long_ago, time="2020-01-01T00:00:00Z"))
        ledger.append(Heartbeat(every_s=3600))
    done = life.run("status")
    assert done.exit == 7
    assert "OVERDUE  this terminal: no record for " in done.out
    assert ", a heartbeat was promised every 1 h" in done.out
    life.ok("heartbeat", "--last")
    found = life.ok("--json", "audit", "verify").document
    assert [one["before"] for one in found["broken_promises"]] == [10]
    assert found["clock_steps_back"] == [9]
    assert "silent longer than promised: " in life.ok("audit", "verify").out


def test_the_database_has_nothing_beside_records_nodes_and_the_outbox(life: Life) -> None:
    with sqlite3.connect(life.home / "ledger.sqlite") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in names if not name.startswith("outbox_")} == {"records", "nodes"}

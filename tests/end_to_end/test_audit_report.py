# SPDX-License-Identifier: Apache-2.0
"""``audit report`` as an auditor uses it: of a ledger that holds, of one that does not, in a browser, on paper."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.home import KEY_NAME
from breakglass_shamir.ledger.store import FILE_NAME
from tests.attacks.test_ledger_tampering import nodes_of, set_column, tamper
from tests.end_to_end.life import NAME, Life, assert_holds_no
from tests.unit.operations.audit.pages import Read, check


@pytest.fixture(scope="module")
def opened_once(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set that was opened, and waits for its rotation."""
    life = Life(tmp_path_factory.mktemp("opened") / "life")
    life.begin()
    life.seal()
    assert life.recombine("--no-reveal").exit == 7
    life.keep()
    return life


@pytest.fixture
def opened(opened_once: Life) -> Life:
    opened_once.restore()
    return opened_once


def reported(life: Life, *options: str | Path) -> Read:
    out = life.folder / "report.html"
    life.ok("audit", "report", "--out", out, *options)
    return check(out.read_text())


def test_it_is_verified_written_and_summed_up(opened: Life) -> None:
    out = opened.folder / "new" / "report.html"
    found = opened.ok("--json", "audit", "report", "--out", out).document
    with home.open_home(opened.home) as ledger:
        assert (found["records"], found["root"]) == (ledger.size, ledger.root_at(ledger.size).hex())
    assert (found["out"], found["sets"], found["openings"]) == (str(out), [NAME], 1)
    assert found["holds"][0] == f"all {found['records']} records, checked in full"
    assert f"{NAME}: rotate: the credential of epoch 1 was opened" in found["open"]
    text = check(out.read_text()).text
    assert "The ledger holds." in text
    assert found["root"] in text
    assert "INC-1234" in text


def test_no_secret_is_in_it(opened: Life) -> None:
    reported(opened)
    assert_holds_no(opened.secret, "the report", (opened.folder / "report.html").read_bytes())


def test_writing_it_writes_nothing_else(opened: Life) -> None:
    before = (opened.home / FILE_NAME).read_bytes()
    reported(opened)
    assert (opened.home / FILE_NAME).read_bytes() == before
    assert not list(opened.folder.glob("report.html?*"))


def test_a_file_that_is_there_stays_as_it_is(opened: Life) -> None:
    out = opened.folder / "report.html"
    out.write_text("mine")
    done = opened.run("audit", "report", "--out", out)
    assert (done.exit, out.read_text()) == (2, "mine")
    assert f"{out} is there already" in done.err


def test_a_place_that_cannot_be_written_is_named(opened: Life) -> None:
    done = opened.run("audit", "report", "--out", opened.policy / "report.html")
    assert done.exit == 5
    assert "could not be written" in done.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--set", "no-such-set"), 3, "no-such-set"),
        (("--since", "yesterday"), 2, "expected a day or time in UTC"),
        (("--receipt", "no-such-file"), 2, "no-such-file"),
    ],
)
def test_what_it_cannot_be_asked_leaves_no_file(opened: Life, options: tuple[str, ...], code: int, words: str) -> None:
    out = opened.folder / "report.html"
    done = opened.run("audit", "report", "--out", out, *options)
    assert done.exit == code
    assert words in done.err
    assert not out.exists()


def test_a_receipt_that_agrees_stands_in_it_and_one_that_was_altered_is_refused(opened: Life) -> None:
    receipt = opened.folder / "carried.tlog-proof"
    opened.ok("audit", "receipt", "6", "--out", receipt)
    text = reported(opened, "--receipt", receipt).text
    assert "carried.tlog-proof receipt" in text
    assert "1 witness saw this same log" in text
    receipt.write_text(receipt.read_text().replace("index 6", "index 5"))
    out = opened.folder / "second.html"
    assert opened.run("audit", "report", "--out", out, "--receipt", receipt).exit == 5
    assert not out.exists()


def broken(life: Life, out: Path, *options: str | Path) -> tuple[Read, str]:
    """Report on a ledger that does not hold; returns the page and what stood on standard error."""
    done = life.run("audit", "report", "--out", out, *options)
    assert done.exit == 5, done.err
    assert "Traceback" not in done.err
    assert f"{out} says so at its top" in done.err
    read = check(out.read_text())
    assert "This ledger does not hold." in read.text
    assert "The ledger holds" not in read.text
    assert 'class="verdict broken"' in out.read_text()
    return read, done.err


def test_an_altered_signature_is_said_in_red_and_the_rest_is_shown_unproven(opened: Life) -> None:
    with home.open_home(opened.home) as ledger:
        other = next(ledger.entries(3)).terminal_signature
    tamper(opened.home, set_column("terminal_signature", other, 5))
    read, said = broken(opened, opened.folder / "r.html")
    assert "record 5" in said
    assert "Record 5" in read.text
    assert "None of it is proven" in read.text
    assert "INC-1234" in read.text


def test_a_record_that_cannot_be_read_ends_what_is_shown(opened: Life) -> None:
    tamper(opened.home, set_column("data", b"{}", 4))
    read, said = broken(opened, opened.folder / "r.html")
    assert "record 4" in said
    assert f"Set {NAME}" in read.text
    assert "INC-1234" not in read.text


def test_a_tail_that_was_cut_off_shows_against_a_receipt(opened: Life) -> None:
    receipt = opened.folder / "carried.tlog-proof"
    opened.ok("audit", "receipt", "6", "--out", receipt)
    with home.open_home(opened.home) as ledger:
        gone = sorted(nodes_of(ledger.size) - nodes_of(5))
    cut = [("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone]
    tamper(opened.home, ("DELETE FROM records WHERE seq > ?", (4,)), *cut)
    assert "The ledger holds." in reported(opened).text
    read, said = broken(opened, opened.folder / "second.html", "--receipt", receipt)
    assert "carried.tlog-proof" in said
    assert "carried.tlog-proof" in read.text


def test_another_terminals_key_is_called_that(opened: Life, tmp_path: Path) -> None:
    other = Life(tmp_path / "other")
    other.folder.mkdir()
    other.ok("init", "--terminal", "south")
    shutil.copy(other.home / KEY_NAME, opened.home / KEY_NAME)
    _, said = broken(opened, opened.folder / "r.html")
    assert "is not the one that began this ledger" in said


def test_a_place_without_a_ledger_gives_no_report(opened: Life) -> None:
    done = opened.run("--home", opened.folder / "nowhere", "audit", "report", "--out", opened.folder / "r.html")
    assert done.exit == 3
    assert not (opened.folder / "r.html").exists()


def test_a_file_that_is_no_ledger_gives_a_report_that_says_so(opened: Life) -> None:
    (opened.home / FILE_NAME).write_bytes(b"\0" * 5000)
    read, _ = broken(opened, opened.folder / "r.html")
    assert "No record could be read" in read.text


def test_a_ledger_without_a_set(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ok("init", "--terminal", "north & <south>")
    read = reported(life)
    assert "No set is in this ledger" in read.text
    assert "north & <south>" in read.text


# --- in a browser ---------------------------------------------------------------------------------------------


def browse(program: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={folder / 'chromium'}", *options, (folder / "report.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


def test_a_browser_shows_it_without_a_complaint_and_prints_it(opened: Life, need: Callable[[str], str]) -> None:
    chromium, text_of = need("chromium"), need("pdftotext")
    reported(opened)
    pdf = opened.folder / "report.pdf"
    done = browse(chromium, opened.folder, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    assert not re.findall(r"CONSOLE.*", done.stderr)
    printed = subprocess.run([text_of, "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    pages = printed.rstrip("\f").split("\f")
    assert "Break-glass report" in pages[0]
    assert "The ledger holds." in pages[0]
    assert all(re.search(rf"\b{number} ?/ ?{len(pages)}\b", page) for number, page in enumerate(pages, 1))
    assert "Its 4 records" in printed
    assert re.search(r"use-ended +outcome login by the connector", printed), "what is folded on screen is printed"
    shutil.rmtree(opened.folder / "chromium")

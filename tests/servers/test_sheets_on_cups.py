# SPDX-License-Identifier: Apache-2.0
"""``--printer``: whole epochs through a real CUPS server, from the command line; nothing of them stays on a disk."""

import os
import pty
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest
from cups_server import CupsServer, starting

from breakglass_shamir.operations.folders import on_memory
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.paper.simulate import scanned
from tests.attacks.strangers import People
from tests.end_to_end.life import CUSTODIANS, NAME, Life, groups_text, wait_until

SHEETS = 2


@pytest.fixture(scope="module")
def shared(need: Callable[[str], str]) -> Iterator[CupsServer]:
    with starting(need) as begin:
        server = begin()
        server.add_pdf_printer("PDF")
        server.add_printer("broken", "exit/1", "-o", "printer-error-policy=abort-job")
        yield server


@pytest.fixture
def cups(shared: CupsServer) -> CupsServer:
    left = (path for path in (shared.spool.parent / "temporary").rglob("*") if path.is_file())
    for file in (*shared.printed.iterdir(), *(shared.spool / "tmp").iterdir(), *left):
        file.unlink(missing_ok=True)  # a test before may have cut a job off
    return shared


@pytest.fixture
def life(tmp_path: Path, cups: CupsServer) -> Life:
    life = Life(tmp_path / "life", quorum=groups_text((2, CUSTODIANS[:SHEETS])), more={"CUPS_SERVER": cups.address})
    life.begin()
    return life


def split(life: Life, printer: str = "PDF") -> list[str | Path]:
    return ["split", life.policy, "--credential-from", "-", "--printer", printer]


def collect(cups: CupsServer, folder: Path) -> None:
    """Lay what came out of the printer on a scanner, live sheets only; each scan is complete when it gets its name."""
    folder.mkdir(exist_ok=True)
    for number, file in enumerate(cups.outputs()[:SHEETS]):
        part = folder / f"scan-{number}.part"
        part.write_bytes(scanned(file.read_bytes(), seed=number))
        part.rename(folder / f"scan-{number}.jpg")


def is_a4(file: Path) -> bool:
    """Tell whether every page is A4, the paper in the tray: drill cards come on it, to be cut off.

    Ghostscript in Debian's PDF printer turns a page on which most words are turned.
    """
    document = pypdfium2.PdfDocument(file.read_bytes())
    sizes = {
        tuple(sorted(round(points / 72 * 25.4) for points in document.get_page_size(at))) for at in range(len(document))
    }
    document.close()
    return sizes == {(210, 297)}


def assert_nothing_on_disk(life: Life, cups: CupsServer) -> None:
    """See that neither the program nor CUPS kept a page."""
    kept = [path for path in life.folder.rglob("*.pdf") if not {"sheets-1", "receipts"} & set(path.parts)]
    assert kept == []
    assert [file.name for file in cups.spool.iterdir() if re.fullmatch(r"[cd]\d+.*", file.name)] == []
    wait_until(lambda: not _documents(cups), "the PDF printer's own copies to go")


def _documents(cups: CupsServer) -> list[str]:
    """Return what CUPS, its filters and the PDF printer keep; the printer clears up after its job ended."""
    return [name for name, data in cups.leftovers().items() if data.startswith((b"%PDF", b"%!PS"))]


def test_an_epoch_is_printed_job_by_job_and_confirmed_from_paper(life: Life, cups: CupsServer) -> None:
    done = life.ok("--json", *split(life), stdin=life.secret.reveal())
    assert done.document["files"] == []
    assert done.document["printer"] == "PDF"
    assert "sheet 1.1: printed (1 of 4)" in done.err
    assert "4 documents printed on PDF, each read back before" in done.err
    assert len(cups.outputs()) == 2 * SHEETS
    assert all(is_a4(file) for file in cups.outputs())
    assert_nothing_on_disk(life, cups)
    collect(cups, life.folder / "scans-1")
    assert "sealed: all 2 sheets" in life.ok("confirm", NAME, life.folder / "scans-1").out
    cat = ("--exec", "cat")
    assert life.recombine(*cat).out.startswith(life.secret.reveal().decode())


def test_an_opening_rotates_onto_the_printer(life: Life, cups: CupsServer) -> None:
    life.seal()
    back = life.folder / "readback"
    back.mkdir()
    office = threading.Thread(target=_office, args=(cups, back, 2 * SHEETS))
    office.start()
    options = ("--printer", "PDF", "--readback", back, "--timeout", "60", "--ack", "1", "--ack", "2")
    done = life.recombine(*options, "--exec", "true")
    office.join()
    assert done.exit == 0, done.err
    assert "rotated: epoch 2 of recovery-key is in force" in done.out
    assert list(back.iterdir()) == []
    assert not life.opens(life.secret)
    assert_nothing_on_disk(life, cups)


def test_a_printer_that_fails_is_asked_about_and_no_sheet_is_shown_twice(life: Life, cups: CupsServer) -> None:
    life.seal()
    back = life.folder / "readback"
    back.mkdir()
    people = People(life.command("rotate", NAME), life.environment(), life.folder)
    people.answer("Why, in words", "")
    people.answer("Who takes part here", "Olga")
    people.answer("Where do the new sheets go?", "printer")
    people.answer("Printer", "no-such-printer")
    people.answer("Printer", "broken")
    people.answer("drops scans", str(back))
    people.answer("no sheet is in yet, 2 needed", "scans-1")
    people.answer("Print it again, once the printer is ready?", "n")
    people.answer("What now?", "change")
    people.answer("Which answer?", "place")
    people.answer("Where do the new sheets go?", "printer")
    people.answer("Printer", "PDF")
    people.answer("drops scans", str(back))
    people.until("in memory from before: sheets 1.1, 1.2 of recovery-key")
    office = threading.Thread(target=_office, args=(cups, back, 2 * SHEETS))
    office.start()
    people.answer("Does North hold", "y")
    people.answer("Does South hold", "y")
    people.until("rotated: epoch 2 of recovery-key is in force")
    assert people.end() == 0, people.seen
    office.join()
    assert not life.opens(life.secret)


def _office(cups: CupsServer, back: Path, jobs: int) -> None:
    limit = time.monotonic() + 180
    while len(cups.outputs()) < jobs and time.monotonic() < limit:
        time.sleep(0.1)
    time.sleep(0.5)
    collect(cups, back)


def test_a_planned_rotation_prints_too(life: Life, cups: CupsServer) -> None:
    life.seal()
    done = life.run("rotate", NAME, "--scan", life.scans(1), "--printer", "PDF", "--timeout", "0")
    assert done.exit == 6
    assert f"breakglass confirm {NAME} SCAN" in done.err
    assert len(cups.outputs()) == 2 * SHEETS
    assert life.opens(life.secret)


@pytest.mark.parametrize("name", ["nowhere", "PDF 2", "../PDF"])
def test_a_printer_that_is_not_there_stops_before_anything_is_declared(life: Life, name: str) -> None:
    before = life.kinds()
    done = life.run(*split(life, name), stdin=life.secret.reveal())
    assert done.exit == 6
    assert f"no printer is called '{name}'; there are: PDF, broken" in done.err
    assert life.kinds() == before


def test_a_printer_that_is_not_there_stops_no_emergency(life: Life) -> None:
    life.seal()
    done = life.recombine("--printer", "nowhere", "--exec", "cat")
    assert done.out.startswith(life.secret.reveal().decode())
    assert "the new sheets cannot be printed now: no printer is called 'nowhere'" in done.err
    assert done.exit == 7
    assert "is owed" in done.err


def test_a_printer_that_fails_leaves_no_epoch_and_no_file(life: Life, cups: CupsServer) -> None:
    done = life.run(*split(life, "broken"), stdin=life.secret.reveal())
    assert done.exit == 6
    assert "sheet 1.1 was not printed" in done.err
    assert "issued" not in life.kinds()
    assert_nothing_on_disk(life, cups)


def test_pages_that_came_out_before_a_failure_are_to_be_destroyed(life: Life, cups: CupsServer) -> None:
    cups.add_pdf_printer("half")
    out = threading.Thread(target=_stop_after_two, args=(cups, "half"))
    out.start()
    done = life.run(*split(life, "half"), stdin=life.secret.reveal())
    out.join()
    assert done.exit == 6
    assert "destroy whatever came out, it carries shares and counts for nothing: sheet 1.1" in done.err
    assert "issued" not in life.kinds()


def _stop_after_two(cups: CupsServer, name: str) -> None:
    limit = time.monotonic() + 120
    while len(cups.outputs()) < 2 and time.monotonic() < limit:
        time.sleep(0.01)
    cups.disable(name)


def test_a_person_at_the_printer_may_have_a_sheet_tried_again(life: Life, cups: CupsServer, tmp_path: Path) -> None:
    cups.add_pdf_printer("jam")
    cups.disable("jam")
    ours, theirs = pty.openpty()
    secret = tmp_path / "secret"
    secret.write_bytes(life.secret.reveal())
    command = life.command("split", life.policy, "--credential-from", secret, "--printer", "jam")
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=life.environment()) as process:
        os.close(theirs)
        shown = _until(ours, b"Print it again")
        assert b"sheet 1.1 was not printed: the printer jam is stopped" in shown
        subprocess.run(
            [shutil.which("cupsenable", path="/usr/sbin") or "cupsenable", "jam"],
            env={"CUPS_SERVER": cups.address, "PATH": "/usr/bin:/bin"}, check=True,
        )  # fmt: skip
        os.write(ours, b"y\n")
        _until(ours, b"next: scan what came out")
        assert process.wait(120) == 0
    os.close(ours)
    assert len(cups.outputs()) == 2 * SHEETS


def test_a_page_that_cannot_be_read_is_printed_again_from_memory(life: Life, cups: CupsServer, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    secret, back = tmp_path / "secret", life.folder / "back"
    secret.write_bytes(life.secret.reveal())
    back.mkdir()
    command = life.command("split", life.policy, "--credential-from", secret, "--printer", "PDF", "--readback", back)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=life.environment()) as process:
        os.close(theirs)
        _until(ours, b"what could not be read can be printed again")
        (back / "one.jpg").write_bytes(scanned(cups.outputs()[0].read_bytes()))
        _until(ours, b"verified (1 of 2 sheets)")
        os.write(ours, b"\n")
        _until(ours, b"sheet 1.2 was not read back")
        os.write(ours, b"y\n")
        _until(ours, b"sheet 1.2: printed again; destroy the page that it replaces")
        (back / "two.jpg").write_bytes(scanned(cups.outputs()[-1].read_bytes()))
        _until(ours, b"sealed: every printed sheet was read back")
        assert process.wait(120) == 0
    os.close(ours)
    assert len(cups.outputs()) == 2 * SHEETS + 1
    assert_nothing_on_disk(life, cups)


def _until(descriptor: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:
            piece = b""
        assert piece, shown
        shown += piece
    return shown


def test_folder_and_printer_together_are_refused(life: Life) -> None:
    done = life.run(*split(life), "--out", life.sheets(1), stdin=life.secret.reveal())
    assert done.exit == 2
    assert "expected either --out or --printer, got both" in done.err


def test_a_spool_on_a_disk_is_warned_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(outlet, "SPOOL", tmp_path)
    assert ("is on a disk, until it is printed" in outlet.spool_warning()) is not on_memory(tmp_path)
    monkeypatch.setattr(outlet, "SPOOL", tmp_path / "gone")
    assert outlet.spool_warning() == ""

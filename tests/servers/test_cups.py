# SPDX-License-Identifier: Apache-2.0
"""Sheets go to a real CUPS server, come out readable at their own size, and leave nothing in its spool."""

import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import hypot
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from cups_server import CupsServer, starting

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render, render_for_printer
from breakglass_shamir.paper.printing import cups_programs
from breakglass_shamir.paper.printing.printer import Printer, printers
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import PAPER_SIZES_MM, Paper

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TITLE = "page"
SHARE_MODULES = 41
CARD_MODULE_MM = 0.95


def some(count: int) -> str:
    return "".join(random.choice(CROCKFORD) for _ in range(count))


def line() -> str:
    return " ".join(some(4) for _ in range(6)) + "  " + some(1)


def sheet_of(**changes: Any) -> SheetContent:
    sheet = SheetContent(
        kind="live",
        set_name="prod-db",
        epoch=3,
        epoch_id="7Q2M-K9XD-0BWE",
        group=1,
        group_count=1,
        member=2,
        number=2,
        total=5,
        needed="any 3 of these 5 sheets",
        share_code="BGS1:" + some(96),
        share_lines=tuple(line() for _ in range(4)),
        envelope_codes=("BGE1:" + some(670),),
        core_lines=tuple(line() for _ in range(16)),
        core_omitted=False,
        custodian="head of security",
        belongs_to="Example Water Works, IT operations",
        printed_on="2026-11-23",
        bag_serial="",
        recovery_tool="",
        recovery_sha256="",
    )
    return replace(sheet, **changes)


@pytest.fixture
def start(need: Callable[[str], str]) -> Iterator[Callable[..., CupsServer]]:
    """A function that starts a server of its own."""
    with starting(need) as begin:
        yield begin


@pytest.fixture(scope="module")
def shared(need: Callable[[str], str]) -> Iterator[CupsServer]:
    with starting(need) as begin:
        server = begin()
        server.add_pdf_printer("PDF")
        yield server


@pytest.fixture
def cups(shared: CupsServer, monkeypatch: pytest.MonkeyPatch) -> CupsServer:
    monkeypatch.setenv("CUPS_SERVER", shared.address)
    for file in (*shared.printed.iterdir(), *(shared.spool / "tmp").iterdir()):
        file.unlink()
    return shared


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner() as shared:
        yield shared


def scanned(scanner: Scanner, file: Path) -> list[str]:
    return sorted(code.text for page in scanner.read_drawn(file.read_bytes(), file.name) for code in page.codes)


def codes_of(sheet: SheetContent, paper: Paper) -> list[str]:
    """Return what is read on both sides: on A4 an envelope of one code stands on the back once more."""
    again = sheet.envelope_codes if paper == "a4" and len(sheet.envelope_codes) == 1 else ()
    return sorted([sheet.share_code, sheet.share_code, *sheet.envelope_codes, *again])


def places_of(pdf: bytes) -> dict[str, set[tuple[int, int]]]:
    """Return the upper left corner and the opposite one of every code of the first page, in points."""
    document = pypdfium2.PdfDocument(pdf)
    picture = document[0].render(scale=3, grayscale=True).to_pil()
    places: dict[str, set[tuple[int, int]]] = {}
    for code in zxingcpp.read_barcodes(picture, formats=zxingcpp.barcode_formats_from_str("QRCode")):
        for corner in (code.position.top_left, code.position.bottom_right):
            places.setdefault(code.text, set()).add((round(corner.x / 3), round(corner.y / 3)))
    document.close()
    return places


def page_size_mm(pdf: bytes) -> tuple[float, float]:
    document = pypdfium2.PdfDocument(pdf)
    across, down = document.get_page_size(0)
    document.close()
    return across / 72 * 25.4, down / 72 * 25.4


def card_measures(pdf: bytes) -> tuple[list[float], float]:
    """Return the side of a module of either drill code, and how far the codes are apart, mm."""
    document, scale = pypdfium2.PdfDocument(pdf), 8
    picture = document[0].render(scale=scale, grayscale=True).to_pil()
    document.close()
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.barcode_formats_from_str("QRCode"))
    one, other = (code.position for code in found)

    def mm(a: Any, b: Any) -> float:
        return hypot(b.x - a.x, b.y - a.y) / scale / 72 * 25.4

    return [mm(place.top_left, place.top_right) / SHARE_MODULES for place in (one, other)], mm(
        one.top_left, other.top_left
    )


def is_close(one: dict[str, set[tuple[int, int]]], other: dict[str, set[tuple[int, int]]]) -> bool:
    """Tell whether all corners lie within 2 points (0.7 mm) of each other."""
    return one.keys() == other.keys() and all(
        any(abs(x - a) <= 2 and abs(y - b) <= 2 for a, b in other[text]) for text in one for x, y in one[text]
    )


def assert_no_job_left(cups: CupsServer, pdf: bytes) -> None:
    """See that CUPS has no job and no document, whatever filters that were cut off may have left."""
    jobs = [file for file in cups.spool.iterdir() if file.is_file()]
    assert not any(pdf in file.read_bytes() for file in jobs)
    assert [file.name for file in jobs if re.fullmatch(r"[cd]\d+.*", file.name)] == []


def assert_nothing_left(cups: CupsServer, pdf: bytes, *texts: str) -> None:
    """Search all that CUPS keeps for the document, any part of it, any PDF or PostScript, and any text."""
    assert_no_job_left(cups, pdf)
    parts = [pdf[at : at + 64] for at in range(0, len(pdf) - 64, 256)]
    for name, data in cups.leftovers().items():
        assert not data.startswith((b"%PDF", b"%!PS")), name
        assert not any(part in data for part in parts), name
        assert not any(text.encode() in data for text in texts), name


# --- what is printed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_printed_sheet_reads_back_at_its_own_size(cups: CupsServer, scanner: Scanner, paper: Paper) -> None:
    sheet = sheet_of()
    pdf = render(sheet, paper)
    Printer("PDF").print_pdf(pdf, TITLE)
    (printed,) = cups.outputs()
    assert scanned(scanner, printed) == codes_of(sheet, paper)
    assert is_close(places_of(printed.read_bytes()), places_of(pdf))
    assert_nothing_left(cups, pdf, sheet.share_code, *sheet.share_lines)


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_drill_card_comes_out_at_its_own_size_on_the_sheets_paper(
    cups: CupsServer, scanner: Scanner, paper: Paper
) -> None:
    """Ghostscript in Debian's PDF printer turns the page, most words on it being turned; its size stays."""
    card = sheet_of(kind="drill", envelope_codes=(), core_lines=())
    pdf = render_for_printer(card, paper)
    Printer("PDF").print_pdf(pdf, TITLE)
    (printed,) = cups.outputs()
    assert scanned(scanner, printed) == [card.share_code] * 2
    assert sorted(page_size_mm(printed.read_bytes())) == pytest.approx(sorted(PAPER_SIZES_MM[paper]), abs=0.5)
    modules, apart = card_measures(printed.read_bytes())
    assert modules == [pytest.approx(CARD_MODULE_MM, abs=0.01)] * 2
    assert apart == pytest.approx(card_measures(render(card, paper))[1], abs=0.3)
    assert_nothing_left(cups, pdf, card.share_code, *card.share_lines)


def test_defaults_of_a_queue_do_not_change_a_sheet(cups: CupsServer, scanner: Scanner) -> None:
    """A queue that would shrink, mirror, put two pages on one, add a banner and wait for somebody."""
    wrong = (
        "number-up=2",
        "print-scaling=fit",
        "job-hold-until=indefinite",
        "mirror=true",
        "media=na_letter_8.5x11in",
    )
    options = [part for option in wrong for part in ("-o", option.replace("=", "-default=", 1))]
    options += ["-o", "job-sheets-default=standard,standard"]
    cups.add_pdf_printer("WRONG", *options, area="30 30 565 812")
    sheet = sheet_of()
    pdf = render(sheet, "a4")
    Printer("WRONG", timeout_s=20).print_pdf(pdf, TITLE)
    (printed,) = cups.outputs()
    assert scanned(scanner, printed) == codes_of(sheet, "a4")
    assert is_close(places_of(printed.read_bytes()), places_of(pdf))
    document = pypdfium2.PdfDocument(printed.read_bytes())
    assert len(document) == 2
    document.close()


def test_two_sheets_come_out_in_order(cups: CupsServer, scanner: Scanner) -> None:
    printer = Printer("PDF")
    sheets = [sheet_of(member=member, number=member) for member in (1, 2)]
    for sheet in sheets:
        printer.print_pdf(render(sheet, "a4"), TITLE)
    assert [scanned(scanner, printed) for printed in cups.outputs()] == [codes_of(sheet, "a4") for sheet in sheets]
    for sheet in sheets:
        assert_nothing_left(cups, render(sheet, "a4"), sheet.share_code)


def test_a_server_at_an_address_is_used_like_the_local_one(
    start: Callable[..., CupsServer], scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    cups = start(port=port)
    cups.add_pdf_printer("PDF")
    monkeypatch.setenv("CUPS_SERVER", cups.address)
    sheet = sheet_of()
    pdf = render(sheet, "letter")
    Printer("PDF").print_pdf(pdf, TITLE)
    (printed,) = cups.outputs()
    assert scanned(scanner, printed) == codes_of(sheet, "letter")
    assert_nothing_left(cups, pdf, sheet.share_code)


def test_no_secret_is_on_a_command_line_or_in_the_log(cups: CupsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    run = programs.run

    def recorded(command: list[str], **options: Any) -> Any:
        calls.append(repr((command, options["env"])))
        return run(command, **options)

    monkeypatch.setattr(programs, "run", recorded)
    monkeypatch.setenv("UNRELATED", "must not be passed on")
    sheet = sheet_of()
    Printer("PDF").print_pdf(render(sheet, "a4"), TITLE)
    assert any("'print-scaling=none'" in call for call in calls)
    for secret in (sheet.share_code[5:], *sheet.share_lines, sheet.set_name, "UNRELATED"):
        assert secret not in "".join(calls)
        assert secret not in cups.log()


# --- what is refused before CUPS gets anything -----------------------------------------------------------


def test_a_missing_printer_is_named_with_those_there_are(cups: CupsServer) -> None:
    assert "PDF" in printers()
    with pytest.raises(PaperError, match=r"no printer is called 'NOPE'; there are: .*PDF"):
        Printer("NOPE")


def test_a_server_without_printers_says_so(start: Callable[..., CupsServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_SERVER", start().address)
    assert printers() == ()
    with pytest.raises(PaperError, match="CUPS has none"):
        Printer("PDF")


def test_missing_commands_are_named(cups: CupsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cups_programs, "SYSTEM_PATH", "/nonexistent")
    with pytest.raises(PaperError, match="lpstat not found"):
        Printer("PDF")


def test_a_missing_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_SERVER", "/nonexistent/socket")
    with pytest.raises(PaperError, match=r"does not answer|not found"):
        printers()


def test_a_stopped_printer_is_given_nothing(cups: CupsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cups.add_pdf_printer("STOPPED")
    cups.disable("STOPPED")
    printer = Printer("STOPPED")
    monkeypatch.setattr(printer, "_submit", lambda *_: pytest.fail("submitted"))
    with pytest.raises(PaperError, match="the printer STOPPED is stopped"):
        printer.print_pdf(render(sheet_of(), "a4"), TITLE)


def test_what_is_no_sheet_is_refused(cups: CupsServer) -> None:
    printer = Printer("PDF")
    with pytest.raises(PaperError, match="expected a PDF"):
        printer.print_pdf(b"BGS1:" + some(96).encode(), TITLE)
    document = pypdfium2.PdfDocument.new()
    document.new_page(300, 300)
    (cups.printed / "0").touch()
    with (cups.printed / "0").open("wb") as file:
        document.save(file)
    document.close()
    with pytest.raises(PaperError, match="A4 or in Letter"):
        printer.print_pdf((cups.printed / "0").read_bytes(), TITLE)


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_drill_card_on_its_own_small_page_is_refused(
    cups: CupsServer, monkeypatch: pytest.MonkeyPatch, paper: Paper
) -> None:
    """A printer without such paper would wait for it, or print the card on what there is."""
    printer = Printer("PDF")
    monkeypatch.setattr(printer, "_submit", lambda *_: pytest.fail("submitted"))
    with pytest.raises(PaperError, match="A4 or in Letter"):
        printer.print_pdf(render(sheet_of(kind="drill", envelope_codes=(), core_lines=()), paper), TITLE)


@pytest.mark.parametrize("title", ["a\0b", "a\ud800b"])
def test_a_title_that_cannot_be_passed_on_is_refused(cups: CupsServer, title: str) -> None:
    with pytest.raises(PaperError, match="lp could not be run"):
        Printer("PDF").print_pdf(render(sheet_of(), "a4"), title)


# --- what goes wrong, and leaves nothing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "does", "policy", "words"),
    [
        ("ABORTS", "exit/1", "abort-job", "was aborted"),
        ("STOPS", "exit/1", "stop-printer", "stopped"),
        ("HOLDS", "exit/3", "stop-printer", "is held"),
        ("CANCELS", "exit/5", "stop-printer", "was cancelled"),
        ("STALLS", "stall", "stop-printer", "did not print the sheet within 2 s.*media-empty"),
        ("RETRIES", "exit/1", "retry-job", "is held"),
    ],
)
def test_a_printer_that_fails_leaves_no_job(cups: CupsServer, name: str, does: str, policy: str, words: str) -> None:
    cups.add_printer(name, does, "-o", f"printer-error-policy={policy}")
    sheet = sheet_of()
    pdf = render(sheet, "a4")
    begun = time.monotonic()
    with pytest.raises(PaperError, match=words) as caught:
        Printer(name, timeout_s=2).print_pdf(pdf, TITLE)
    assert time.monotonic() - begun < 6
    assert sheet.share_code not in str(caught.value) + caught.value.hint
    assert "restart CUPS" in caught.value.hint
    assert_no_job_left(cups, pdf)


def test_what_cut_off_filters_leave_is_gone_when_cups_is_restarted(
    start: Callable[..., CupsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters that are ended gently remove their copy of the document; Ghostscript's drawing of it may stay."""
    cups = start()
    monkeypatch.setenv("CUPS_SERVER", cups.address)
    cups.add_printer("STALLS", "stall")
    printer = Printer("STALLS")
    temporary = cups.spool / "tmp"

    def give_up_in_the_middle(*_: object) -> None:
        limit = time.monotonic() + 90
        while not list(temporary.glob("gs_*")):
            assert time.monotonic() < limit
            time.sleep(0.05)
        raise PaperError("it takes too long")

    monkeypatch.setattr(printer, "_wait", give_up_in_the_middle)
    with pytest.raises(PaperError, match="it takes too long"):
        printer.print_pdf(render(sheet_of(), "a4"), TITLE)
    assert not any(file.read_bytes().startswith(b"%PDF") for file in temporary.iterdir())
    (temporary / "gs_more").touch()
    cups.stop()
    cups.start()
    assert list(temporary.iterdir()) == []


def test_a_printer_that_takes_no_jobs_says_so(cups: CupsServer) -> None:
    cups.add_pdf_printer("REJECTS")
    cups.reject("REJECTS")
    pdf = render(sheet_of(), "a4")
    with pytest.raises(PaperError, match=r"REJECTS does not take the sheet: .*not accepting jobs"):
        Printer("REJECTS").print_pdf(pdf, TITLE)
    assert_nothing_left(cups, pdf)


def test_an_interruption_while_waiting_leaves_no_job(cups: CupsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cups.add_printer("WAITS", "stall")
    printer = Printer("WAITS")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(printer, "_wait", interrupt)
    pdf = render(sheet_of(), "a4")
    with pytest.raises(KeyboardInterrupt):
        printer.print_pdf(pdf, TITLE)
    assert_no_job_left(cups, pdf)


def test_an_interruption_while_submitting_leaves_no_job(cups: CupsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is not known then; a job of the same name that was there before stays."""
    cups.add_printer("LATE", "stall")
    printer = Printer("LATE")
    pdf, other = render(sheet_of(), "a4"), render(sheet_of(), "a4")
    kept = printer._submit(other, TITLE, "iso_a4_210x297mm", time.monotonic() + 10)
    run = programs.run

    def interrupted(command: list[str], **options: Any) -> Any:
        done = run(command, **options)
        if command[0].endswith("/lp"):
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patched:
        patched.setattr(programs, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            printer.print_pdf(pdf, TITLE)
    assert printer._server.own_jobs(TITLE) == {kept}
    printer._purge([kept], "")
    assert_no_job_left(cups, pdf)
    assert_no_job_left(cups, other)


def test_a_document_that_cannot_be_purged_is_reported(cups: CupsServer) -> None:
    printer = Printer("PDF")
    owner, printer._server._user = printer._server._user, "somebody-else"
    pdf = render(sheet_of(), "a4")
    with pytest.raises(PaperError, match=r"the sheet was printed; the document of job PDF-.* may still be") as caught:
        printer.print_pdf(pdf, TITLE)
    assert "cancel -x PDF-" in caught.value.hint
    assert any(pdf in data for data in cups.leftovers().values())
    printer._server._user = owner
    printer._purge(sorted(printer._server.own_jobs(TITLE)), "")
    assert_nothing_left(cups, pdf)


def test_without_a_job_history_the_outcome_is_called_unknown(
    start: Callable[..., CupsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    cups = start(history="No")
    monkeypatch.setenv("CUPS_SERVER", cups.address)
    cups.add_pdf_printer("PDF")
    pdf = render(sheet_of(), "a4")
    with pytest.raises(PaperError, match="nobody knows whether it was printed") as caught:
        Printer("PDF").print_pdf(pdf, TITLE)
    assert "PreserveJobHistory" in caught.value.hint
    assert_nothing_left(cups, pdf)


def test_a_server_that_dies_is_reported_with_what_may_be_left(
    start: Callable[..., CupsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    cups = start()
    monkeypatch.setenv("CUPS_SERVER", cups.address)
    cups.add_printer("DIES", "stall")
    printer = Printer("DIES")
    job_state = printer._server.job_state

    def dies(job: int) -> tuple[int, str]:
        cups.stop()
        return job_state(job)

    monkeypatch.setattr(printer._server, "job_state", dies)
    with pytest.raises(PaperError, match=r"does not answer as it should.*may still be in the spool folder"):
        printer.print_pdf(render(sheet_of(), "a4"), TITLE)

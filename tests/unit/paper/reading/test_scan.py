# SPDX-License-Identifier: Apache-2.0
"""Damaged paper reads, hostile files cost one page, and nothing read here raises."""

import io
import os
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter
from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.decoder import Answer, DecoderLost, Looked, Opened
from breakglass_shamir.paper.reading.formats import RefusedPicture
from breakglass_shamir.paper.reading.look import Task
from breakglass_shamir.paper.reading.pages import open_pages
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage, Scanner, shown_name

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]


@pytest.fixture
def front(make: Make, rasterise: Rasterise) -> Image.Image:
    return rasterise(render(make(), "a4"))[0]


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def kinds(pages: list[ScannedPage]) -> list[str]:
    return sorted(code.text[:4] for page in pages for code in page.codes)


def millimetres(value: float) -> int:
    return round(value / 25.4 * 200)


# --- formats ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 60}), ("PNG", {}), ("TIFF", {}), ("WEBP", {})])
def test_picture_formats(scanner: Scanner, front: Image.Image, kind: str, options: dict[str, int]) -> None:
    (page,) = scanner.read_bytes(encoded(front, kind, **options), "scan")
    assert kinds([page]) == ["BGE1", "BGS1", "BGS1"]
    assert page.source == "scan"


def test_what_telephones_save(scanner: Scanner, front: Image.Image) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (extra heic)")
    buffer = io.BytesIO()
    heif.from_pillow(front.convert("RGB")).save(buffer, quality=60)
    assert kinds(list(scanner.read_bytes(buffer.getvalue(), "IMG_0042.HEIC"))) == ["BGE1", "BGS1", "BGS1"]


def test_without_the_extra_a_telephone_photograph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(RefusedPicture, match=r"save it as JPEG, or install the extra .*\[heic\]"):
        open_pages(b"\0\0\0\x18ftypheic" + bytes(90))


@pytest.mark.parametrize("mode", ["1", "RGB", "RGBA", "P", "CMYK", "I;16"])
def test_colour_modes(scanner: Scanner, front: Image.Image, mode: str) -> None:
    if mode == "I;16":
        converted = Image.frombytes("I;16", front.size, b"".join(bytes((0, value)) for value in front.tobytes()))
    else:
        converted = front.convert(mode)
    assert kinds(list(scanner.read_bytes(encoded(converted, "TIFF"), "scan.tif"))) == ["BGE1", "BGS1", "BGS1"]


def test_what_is_transparent_is_paper(scanner: Scanner, front: Image.Image) -> None:
    ink = Image.new("RGBA", front.size, (0, 0, 0, 0))
    ink.paste((0, 0, 0, 255), mask=front.point(lambda value: 255 - value))
    assert kinds(list(scanner.read_bytes(encoded(ink), "scan.png"))) == ["BGE1", "BGS1", "BGS1"]


def test_every_frame_of_a_tiff_is_read(scanner: Scanner, front: Image.Image) -> None:
    blank = Image.new("L", front.size, 255)
    data = encoded(blank, "TIFF", save_all=True, append_images=[front, blank, front])
    pages = {page.source: page for page in scanner.read_bytes(data, "batch.tif")}
    assert sorted(pages) == [f"batch.tif page {number}" for number in (1, 2, 3, 4)]
    assert [len(pages[name].codes) for name in sorted(pages)] == [0, 3, 0, 3]


def test_every_page_of_a_pdf_is_read_and_hard_pages_come_last(scanner: Scanner, make: Make) -> None:
    pages = list(scanner.read_bytes(render(make(), "letter"), "sheet.pdf"))
    assert [(page.source, len(page.codes), page.problem) for page in pages] == [
        ("sheet.pdf page 1", 3, ""),
        ("sheet.pdf page 2", 0, ""),
    ]


def test_orientation_noted_by_the_camera_is_applied(scanner: Scanner, front: Image.Image) -> None:
    exif = Image.Exif()
    for orientation, undone in {6: Image.Transpose.ROTATE_90, 5: Image.Transpose.TRANSPOSE}.items():
        exif[0x0112] = orientation
        photo = encoded(front.transpose(undone), "JPEG", exif=exif)
        assert kinds(list(scanner.read_bytes(photo, "photo.jpg"))) == ["BGE1", "BGS1", "BGS1"]


# --- damaged paper ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["upper", "lower"])
def test_a_blot_over_one_share_code_leaves_the_other(scanner: Scanner, front: Image.Image, which: str) -> None:
    if which == "upper":
        area = (millimetres(15), millimetres(212), millimetres(50), millimetres(248))
    else:
        area = (millimetres(160), millimetres(248), millimetres(198), millimetres(286))
    ImageDraw.Draw(front).ellipse(area, fill=20)
    assert kinds(list(scanner.read_bytes(encoded(front), "scan.png"))) == ["BGE1", "BGS1"]


def test_a_torn_corner_leaves_share_and_envelope(scanner: Scanner, front: Image.Image) -> None:
    width, height = front.size
    corner = [(width, height), (width - millimetres(90), height), (width, height - millimetres(90))]
    ImageDraw.Draw(front).polygon(corner, fill=128)
    assert kinds(list(scanner.read_bytes(encoded(front), "scan.png"))) == ["BGE1", "BGS1"]


@pytest.mark.parametrize("angle", [7, 93, 180, 200])
def test_rotated_noisy_and_compressed(scanner: Scanner, front: Image.Image, angle: int) -> None:
    noisy = Image.blend(front, Image.effect_noise(front.size, 60), 0.35)
    turned = noisy.rotate(angle, expand=True, fillcolor=170, resample=Image.Resampling.BILINEAR)
    pages = list(scanner.read_bytes(encoded(turned, "JPEG", quality=40), "scan.jpg"))
    assert {"BGE1", "BGS1"} <= set(kinds(pages))


def far(front: Image.Image) -> Image.Image:
    small = front.resize((front.width * 36 // 100, front.height * 36 // 100), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(1.2))


def faded(front: Image.Image) -> Image.Image:
    return front.point([235 + value * 20 // 255 for value in range(256)])


def out_of_focus(front: Image.Image) -> Image.Image:
    return front.filter(ImageFilter.GaussianBlur(3.5))


@pytest.mark.parametrize("damage", [far, faded, out_of_focus])
def test_a_second_look_finds_what_the_first_misses(
    scanner: Scanner, front: Image.Image, damage: Callable[[Image.Image], Image.Image]
) -> None:
    found = [code for page in scanner.read_bytes(encoded(damage(front)), "hard.png") for code in page.codes]
    assert "plain" not in {code.variant for code in found}
    assert {"BGE1", "BGS1"} <= {code.text[:4] for code in found}


def test_a_cut_off_picture_is_read_as_far_as_it_goes(scanner: Scanner, front: Image.Image) -> None:
    data = encoded(front.rotate(180), "JPEG")
    pages = list(scanner.read_bytes(data[: len(data) * 6 // 10], "cut.jpg"))
    assert "BGS1" in kinds(pages)
    assert all("cut off" in page.note for page in pages)


# --- hostile and broken files ----------------------------------------------------------------------------


def problem_of(scanner: Scanner, data: bytes) -> str:
    (page,) = scanner.read_bytes(data, "file")
    assert page.codes == ()
    return page.problem


def test_decompression_bombs_are_refused(scanner: Scanner) -> None:
    assert "too large" in problem_of(scanner, encoded(Image.new("1", (20_000, 20_000))))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(14_000, 14_000))
    canvas.showPage()
    canvas.save()
    assert problem_of(scanner, buffer.getvalue()) == "", "a page is drawn as small as it must be"


def pdf_of(*objects: bytes) -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is the catalogue, without a table of places."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, one) for number, one in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R >>\n%%EOF\n"


def pdf_page(contents: bytes, *more: bytes) -> bytes:
    """Return a PDF of one A4 page whose content is object 4 and whose forms are objects 5 and up."""
    forms = b" ".join(b"/F%d %d 0 R" % (number, number) for number in range(5, 5 + len(more)))
    return pdf_of(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /XObject << %s >> >> >>" % forms,
        contents,
        *more,
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def swelling_pdf() -> bytes:
    """A content stream of a few kilobytes that becomes half a gigabyte."""
    packed = zlib.compress(zlib.compress(bytes(600 << 20), 1), 9)
    return pdf_page(stream(packed, b"/Filter [/FlateDecode /FlateDecode]"))


def laughing_pdf() -> bytes:
    """Forms that each draw the next one ten times: a few kilobytes for ever."""
    depth = 12

    def form(number: int) -> bytes:
        resources = b"/Resources << /XObject << /F%d %d 0 R >> >>" % (number + 1, number + 1)
        words = (b"/F%d Do " % (number + 1)) * 10 if number < 4 + depth else b"0 0 400 400 re f"
        return stream(words, b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] " + resources)

    return pdf_page(stream(b"/F5 Do"), *(form(number) for number in range(5, 5 + depth)))


def swelling_png() -> bytes:
    """A comment of a kilobyte that becomes a megabyte, many times over, before the first pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    comment = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60 << 20), 9))
    head = chunk(b"IHDR", (9).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + comment * 20 + chunk(b"IEND", b"")


@pytest.mark.parametrize("bomb", [swelling_pdf, laughing_pdf, swelling_png])
def test_what_swells_when_it_is_opened_costs_one_file(front: Image.Image, bomb: Callable[[], bytes]) -> None:
    data = bomb()
    assert len(data) < frames.LARGEST_FILE_BYTES
    with Scanner(timeout_s=2, memory_bytes=512 << 20) as scanner:
        assert kinds(list(scanner.read_bytes(encoded(front), "first.png"))) == ["BGE1", "BGS1", "BGS1"]
        pages = list(scanner.read_bytes(data, "bomb"))
        assert all(not page.codes and page.problem for page in pages)
        assert kinds(list(scanner.read_bytes(encoded(front), "next.png"))) == ["BGE1", "BGS1", "BGS1"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\x00garbage" * 99, "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 500, "damaged"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 500, "damaged"),
        (b"II*\0" + b"\xff" * 500, "damaged"),
        (b"\0\0\0\x18ftypheic" + b"\xff" * 90, "damaged"),
        (b"P5 9999999 9999999 255\n", "too large"),
        (b"P5 -1", "damaged"),
        (b"RIFF\xff\xff\x00\x00WEBP" + b"\xff" * 50, "damaged"),
        (b"%PDF-1.7\n" + b"x" * 500, "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    ],
)
def test_garbage_is_named(scanner: Scanner, data: bytes, words: str) -> None:
    assert words in problem_of(scanner, data)


def test_too_large_a_file_is_refused(scanner: Scanner) -> None:
    assert "more than 256 MiB" in problem_of(scanner, bytes(frames.LARGEST_FILE_BYTES + 1))


def test_a_picture_over_the_memory_limit_costs_one_page(front: Image.Image) -> None:
    with Scanner(memory_bytes=400 << 20) as small:
        assert problem_of(small, encoded(Image.new("RGBA", (12_000, 12_000), (9, 9, 9, 9)))) != ""
        assert kinds(list(small.read_bytes(encoded(front), "next.png"))) == ["BGE1", "BGS1", "BGS1"]


def end(pid: int, ending: signal.Signals) -> None:
    os.kill(pid, ending)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_costs_one_file(front: Image.Image, ending: signal.Signals) -> None:
    data = encoded(front)
    with Scanner() as scanner:
        scanner.start()
        pid = scanner._decoder.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        killer = threading.Timer(1.0, end, (pid, ending))
        killer.start()
        (page,) = scanner.read_bytes(data, "first.png")
        killer.join()
        assert ending.name in page.problem
        assert kinds(list(scanner.read_bytes(encoded(front), "second.png"))) == ["BGE1", "BGS1", "BGS1"]


def test_a_hanging_worker_is_stopped_in_time(front: Image.Image) -> None:
    with Scanner(timeout_s=1.0) as scanner:
        assert kinds(list(scanner.read_bytes(encoded(front), "first.png"))) == ["BGE1", "BGS1", "BGS1"]
        pid = scanner._decoder.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        (page,) = scanner.read_bytes(encoded(front), "second.png")
        assert page.problem == "the decoder took longer than 1 s and was stopped"
        assert time.monotonic() - started < 10
        assert kinds(list(scanner.read_bytes(encoded(front), "third.png"))) == ["BGE1", "BGS1", "BGS1"]


class CrashingDecoder:
    """Opens files of ``pages`` pages and is lost at each of the pages in ``crashes``."""

    def __init__(self, pages: int, crashes: set[int]) -> None:
        self.pages = pages
        self.crashes = crashes

    def ask(self, data: bytes, *, first: int, last: int, task: Task | None, signs: bool = True) -> Iterator[Answer]:
        del data, task
        yield Opened(self.pages)
        for page in range(first, (last or self.pages) + 1):
            if page in self.crashes:
                raise DecoderLost("the decoder crashed on it (SIGSEGV)")
            yield Looked(page, ((f"BGS1:{page}", "plain", 0.0), ("BGE1:A", "plain", 0.0)), "")


class TellingDecoder:
    """Tells of each page the codes that are its text, and notes the pages that it is asked to look at thoroughly."""

    def __init__(self) -> None:
        self.again: list[str] = []

    def ask(self, data: bytes, *, first: int, last: int, task: Task | None, signs: bool = True) -> Iterator[Answer]:
        del first, last
        if task:
            self.again.append(data.decode())
        yield Opened(1)
        yield Looked(1, tuple((text, "plain", 0.0) for text in data.decode().split()), "", signs=3)


@pytest.mark.parametrize(
    ("others", "again"),
    [
        (["BGE1:1/2:AB12:00", "BGE1:2/2:AB12:00"], False),
        (["bge1:2/2:ab12:00", "BGE1:1/2:AB12:00"], False),
        (["BGE1:0000"], False),
        (["BGE1:2/2:AB12:00"], True),
        (["BGE1:2/2:AB12:00", "BGE1:2/2:AB12:00"], True),
        (["BGE1:1/3:AB12:00", "BGE1:2/2:AB12:00"], True),
        (["BGE1:1/2:AB12:00", "BGE1:7/2:AB12:00"], True),
        (["BGE1:0/0:AB12:00"], True),
    ],
)
def test_a_share_without_an_envelope_is_looked_at_again_until_all_its_codes_were_seen(
    tmp_path: Path, others: list[str], again: bool
) -> None:
    for number, text in enumerate(["BGS1:0", *others]):
        (tmp_path / f"{number}.png").write_text(text)
    scanner, decoder = Scanner(), TellingDecoder()
    scanner._decoder = decoder  # type: ignore[assignment]
    assert len(list(scanner.read_path(tmp_path))) == 1 + len(others)
    assert decoder.again.count("BGS1:0") == again


def test_numbers_too_long_to_be_numbers_stop_nothing() -> None:
    scanner = Scanner()
    scanner._decoder = TellingDecoder()  # type: ignore[assignment]
    (page,) = scanner.read_bytes(b"BGE1:1/" + b"9" * 5000 + b":AB12:00", "long.png")
    assert page.codes


@pytest.mark.parametrize(
    ("crashes", "read"),
    [({2}, [1, 3, 4, 5]), ({1, 5}, [2, 3, 4]), ({5}, [1, 2, 3, 4]), ({1, 2, 3}, [])],
)
def test_a_crash_costs_its_page_and_three_cost_the_rest(crashes: set[int], read: list[int]) -> None:
    scanner = Scanner()
    scanner._decoder = CrashingDecoder(5, crashes)  # type: ignore[assignment]
    pages = list(scanner.read_bytes(b"%PDF-", "batch.pdf"))
    assert [page.source for page in pages if page.codes] == [f"batch.pdf page {number}" for number in read]
    assert [page.source for page in pages if page.problem] == [f"batch.pdf page {number}" for number in crashes]
    assert ("not read" in pages[-1].problem) == (len(crashes) == 3)


def test_only_so_many_pages_are_read(scanner: Scanner) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(40, 40))
    for _ in range(frames.MOST_PAGES + 5):
        canvas.showPage()
    canvas.save()
    pages = list(scanner.read_bytes(buffer.getvalue(), "long.pdf"))
    assert len(pages) == frames.MOST_PAGES + 1
    assert [page.problem for page in pages if page.problem] == ["only the first 200 of 205 pages were read"]


# --- the worker ------------------------------------------------------------------------------------------


def test_the_worker_keeps_no_environment_and_writes_nothing(
    front: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKGLASS_CANARY", "secret")
    with Scanner() as scanner:
        list(scanner.read_bytes(encoded(front), "scan.png"))
        process = Path(f"/proc/{scanner._decoder.pid}")
        limits = (process / "limits").read_text()
        assert "Max core file size        0 " in limits
        assert "Max file size             0 " in limits
        if os.geteuid() == 0:
            assert b"CANARY" not in (process / "environ").read_bytes()
            assert (process / "fd/2").readlink() == Path("/dev/null")
        assert process.stat().st_uid == 0 or os.geteuid() != process.stat().st_uid


def test_closing_ends_the_worker(front: Image.Image) -> None:
    with Scanner() as scanner:
        list(scanner.read_bytes(encoded(front), "scan.png"))
        pid = scanner._decoder.pid
    assert not Path(f"/proc/{pid}").exists()


def test_a_caller_who_has_enough_may_stop_early(scanner: Scanner, front: Image.Image) -> None:
    batch = encoded(front, "TIFF", save_all=True, append_images=[front] * 4)
    first = next(iter(scanner.read_bytes(batch, "batch.tif")))
    assert first.source == "batch.tif page 1"
    assert kinds(list(scanner.read_bytes(encoded(front), "next.png"))) == ["BGE1", "BGS1", "BGS1"]


# --- files, folders, names -------------------------------------------------------------------------------


def test_a_folder_is_read_by_name_without_hidden_files_and_sub_folders(
    scanner: Scanner, front: Image.Image, tmp_path: Path
) -> None:
    for name in ("b.png", "a.png", ".hidden.png"):
        (tmp_path / name).write_bytes(encoded(front))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "more").mkdir()
    pages = list(scanner.read_path(tmp_path))
    assert [page.source for page in pages] == ["a.png", "b.png", "notes.txt"]
    assert [len(page.codes) for page in pages] == [3, 3, 0]


def test_an_empty_folder_and_a_missing_file_are_named(scanner: Scanner, tmp_path: Path) -> None:
    assert [page.problem for page in scanner.read_path(tmp_path)] == ["the folder holds no files"]
    (page,) = scanner.read_path(tmp_path / "none.png")
    assert "No such file" in page.problem


def test_control_characters_of_a_file_name_are_not_shown(scanner: Scanner, front: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n\u202egnp.png"
    path.write_bytes(encoded(front))
    (page,) = scanner.read_path(path)
    assert page.source == r"a\x1b[31m\x0a\u202egnp.png"
    assert shown_name("\udcff" + "x" * 200) == r"\xff" + "x" * 73 + "..."


def test_no_repr_shows_a_text() -> None:
    page = ScannedPage("scan.png", (ScannedCode("BGS1:SECRET", "plain"),), "")
    assert "SECRET" not in repr(page)
    assert "SECRET" not in repr(Looked(1, (("BGS1:SECRET", "plain", 0.0),), ""))

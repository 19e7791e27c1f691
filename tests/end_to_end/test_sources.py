# SPDX-License-Identifier: Apache-2.0
"""Sheets come back as whatever people have: pictures of every kind, a camera, a folder a scanner fills."""

import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image, ImageOps

from breakglass_shamir.formats.envelope import Envelope, EnvelopeReader
from breakglass_shamir.formats.seal import unseal
from breakglass_shamir.formats.share import from_text
from tests.attacks.strangers import People
from tests.end_to_end.life import DECLARATION, NAME, Life, scan_folder, texts_on_paper
from tests.unit.paper.reading.damage import tilted

SIZE = (1920, 1080)


def picture(scan: Path) -> Image.Image:
    return Image.open(scan).convert("RGB")


def heic(front: Any, path: Path) -> None:
    pytest.importorskip("pillow_heif", reason="the extra heic is not installed").from_pillow(front).save(
        path, quality=60
    )


def turned(front: Any, path: Path) -> None:
    """Save a picture that a telephone took on its side: the pixels lie, a tag says how to turn them."""
    exif = front.getexif()
    exif[0x0112] = 6
    front.rotate(90, expand=True).save(path, "JPEG", quality=60, exif=exif)


WAYS: dict[str, Callable[[Any, Path], object]] = {
    "scan.tiff": lambda front, path: front.save(path),
    "scan.webp": lambda front, path: front.save(path, quality=70),
    "scan.png": lambda front, path: front.save(path),
    "IMG_1.heic": heic,
    "IMG_2.jpg": turned,
    "no-suffix": lambda front, path: front.save(path, "PNG"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_sheet_is_confirmed_from_any_kind_of_picture(life: Life, name: str) -> None:
    one, two, _ = sorted(life.scans(1).iterdir())
    folder = life.folder / "mixed"
    folder.mkdir()
    WAYS[name](picture(one), folder / name)
    done = life.run("recombine", NAME, *DECLARATION, "--scan", folder, "--scan", two, "--exec", "cat")
    assert done.out.startswith(life.secret.reveal().decode()), done.err
    assert f"{name}: sheet 1.1 of {NAME}, epoch 1: accepted (1 of 2); print: as new" in done.err


def test_one_pdf_of_all_sheets_and_json_that_tells_their_health(fresh: Life) -> None:
    fresh.ok("split", fresh.policy, "--credential-from", "-", "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    first, *rest = [picture(scan) for scan in scan_folder(fresh.sheets(1), fresh.scans(1))]
    stack = fresh.folder / "stack.pdf"
    first.save(stack, save_all=True, append_images=rest)
    done = fresh.ok("--json", "confirm", NAME, stack)
    sheets = {one["sheet"]: one for one in done.document["prints"] if one["sheet"]}
    assert list(sheets) == ["1.1", "1.2", "1.3"]
    for number, one in enumerate(sheets.values(), 1):
        assert one["source"] == f"stack.pdf page {number}"
        assert (one["verdict"], one["health"]) == ("accepted", "fresh")
        assert 0 <= one["used_percent"] < 38


def test_a_worn_print_is_told_in_words_and_in_json(life: Life) -> None:
    """A blot over a part of both share codes that leaves them readable."""
    one, two, _ = sorted(life.scans(1).iterdir())
    front = picture(one)
    scale = front.width / 210
    for left, top in ((23, 222), (166, 246)):
        corner, size = (round(scale * (left + 14)), round(scale * (top + 14))), round(scale * 9)
        front.paste(Image.new("RGB", (size, size)), corner)
    front.save(life.folder / "worn.png")
    done = life.run(
        "--json", "recombine", NAME, *DECLARATION, "--scan", life.folder / "worn.png", "--scan", two, "--no-reveal",
    )  # fmt: skip
    assert "epoch 1: accepted (1 of 2); print: worn, " in done.err or "print: nearly gone, " in done.err, done.err


@pytest.fixture
def film(life: Life) -> Path:
    """A recording of a hand that holds up one sheet, then an empty desk, then another."""
    cv2: Any = pytest.importorskip("cv2", reason="OpenCV is not installed (extra camera)")
    import numpy as np

    path, desk, chance = life.folder / "sheets.avi", Image.new("L", SIZE, 110), Random(4)
    fronts = [ImageOps.exif_transpose(picture(scan)).convert("L") for scan in life.some_scans(1, 2)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
    for front in (fronts[0], None, fronts[1]):
        for _ in range(3):
            frame = tilted(front, chance, 0.02, SIZE) if front else desk
            writer.write(np.asarray(frame.convert("RGB")).copy())
    writer.release()
    return path


def test_sheets_held_up_to_a_camera_open_a_set(life: Life, film: Path) -> None:
    done = life.run("recombine", NAME, *DECLARATION, "--camera", film, "--exec", "cat")
    assert done.out.startswith(life.secret.reveal().decode()), done.err
    assert f"sheets.avi: sheet 1.2 of {NAME}, epoch 1: accepted (2 of 2)" in done.err


def test_sheets_held_up_to_a_camera_confirm_and_rotate(life: Life, film: Path) -> None:
    assert "epoch 1: verified (2 of 3 sheets)" in life.ok("confirm", NAME, "--camera", film).err
    done = life.run("rotate", NAME, "--camera", film, "--out", life.sheets(2), "--timeout", "2")
    assert "opened: sheets 1.1, 1.2" in done.err
    assert life.run("confirm", NAME, "--camera", "nothing.avi").exit == 2


def test_a_camera_that_is_not_there_is_named(life: Life) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed (extra camera)")
    done = life.run("recombine", NAME, *DECLARATION, "--camera", "97", "--exec", "cat")
    assert (done.exit, done.out) == (6, "")
    assert "camera 97 cannot be opened" in done.err
    assert "is it connected, and used by no other program?" in done.err


def test_a_scanner_fills_a_folder_while_the_opening_waits(life: Life) -> None:
    inbox = life.folder / "inbox"
    inbox.mkdir()
    scans = life.some_scans(1, 2)

    def work() -> None:
        for scan in scans:
            (inbox / f".{scan.name}").write_bytes(scan.read_bytes())
            (inbox / f".{scan.name}").rename(inbox / scan.name)

    worker = threading.Timer(0.5, work)
    worker.start()
    done = life.run("recombine", NAME, *DECLARATION, "--watch", inbox, "--exec", "cat")
    worker.join()
    assert done.out.startswith(life.secret.reveal().decode()), done.err
    assert len(list(inbox.iterdir())) == 2


def test_waiting_ends_with_its_time(life: Life) -> None:
    inbox = life.folder / "inbox"
    inbox.mkdir()
    done = life.run("recombine", NAME, *DECLARATION, "--watch", inbox, "--timeout", "0", "--exec", "cat")
    assert done.exit == 4
    assert life.run("confirm", NAME, "--watch", inbox / "no").exit == 2


def test_a_folder_that_is_watched_at_a_terminal_is_left_by_a_word_and_not_by_enter(life: Life) -> None:
    inbox = life.folder / "inbox"
    inbox.mkdir()
    who = ("--reason", "a planned one", "--officer", "Olga")
    command = life.command("rotate", NAME, "--watch", inbox, "--out", life.sheets(2), *who)
    people = People(command, life.environment(), life.folder)
    people.until("no sheet is in yet, 2 needed")
    people.answer("> ", "")
    people.type("stop")
    people.answer("Stop? [y/N]", "y")
    assert people.end() == 130, people.seen
    assert "opened" not in life.kinds()


def test_a_second_envelope_slipped_among_the_sheets_is_left_out_and_recorded(life: Life) -> None:
    """Somebody who once held a quorum signed another envelope; the one that the ledger pins opens."""
    texts = [text for codes in texts_on_paper(life.sheets(1)).values() for text in codes]
    reader = EnvelopeReader()
    (envelope,) = {reader.add(text) for text in texts if text.startswith("BGE1:")}
    assert isinstance(envelope, Envelope)
    shares = {text: from_text(text).share for text in texts if text.startswith("BGS1:")}
    unsealed = unseal(envelope.core, list(shares.values()))
    forged = replace(envelope, policy_digest=bytes(32)).signed_by(unsealed.set_key)
    typed = life.folder / "typed"
    typed.write_text("\n".join([*forged.to_codes(), *list(shares)[:2]]) + "\n")
    done = life.run("recombine", NAME, *DECLARATION, "--typed", typed, "--exec", "cat")
    assert done.out.startswith(life.secret.reveal().decode()), done.err
    assert "is valid but not the one that this ledger pins: somebody with a quorum signed a second one" in done.err
    refused = [entry.record.body for entry in life.entries() if "envelope-conflict" in str(entry.record.body)]
    assert len(refused) == 1


CRASHING = """
import sys
from breakglass_shamir.cli import program
from breakglass_shamir.paper.reading import decoder

MARK = "import os, signal; import breakglass_shamir.paper.reading.worker as worker; whole = worker.open_pages; "
CRASH = "worker.open_pages = lambda data: os.kill(os.getpid(), signal.SIGSEGV) if data[:1] == b'C' else whole(data); "
start, at = decoder._BOOT, decoder._BOOT.index("from breakglass_shamir.paper.reading.worker import main")
decoder._BOOT = start[:at] + MARK + CRASH + start[at:]
sys.exit(program.main())
"""
"""The program, with a decoder that a certain file crashes natively."""


def test_a_crash_in_a_native_decoder_does_not_take_the_opening_with_it(life: Life) -> None:
    script = life.folder / "crashing.py"
    script.write_text(CRASHING)
    mixed = life.folder / "mixed"
    mixed.mkdir()
    (mixed / "0-first.jpg").write_bytes(b"CRASH" + bytes(100))
    for scan in life.some_scans(1, 2):
        (mixed / scan.name).write_bytes(scan.read_bytes())
    done = life.script(script, "recombine", NAME, *DECLARATION, "--scan", mixed, "--exec", "cat")
    assert "0-first.jpg: the decoder crashed on it (SIGSEGV)" in done.err
    assert done.out.startswith(life.secret.reveal().decode()), done.err

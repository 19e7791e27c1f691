# SPDX-License-Identifier: Apache-2.0
"""Sheets moved before a camera come once each; without OpenCV the extra is named."""

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.camera import Camera
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.paper.reading.damage import PRINT_DPI, tilted

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]

SIZE = (1920, 1080)
FRAMES_PER_SHEET = 3


@pytest.fixture
def cv2() -> Any:
    return pytest.importorskip("cv2", reason="OpenCV is not installed (extra camera)")


@pytest.fixture
def sheets(make: Make, some: Callable[[int], str]) -> list[SheetContent]:
    first = make()
    return [first, make(share_code="BGS1:" + some(96), number=3, member=3)]


@pytest.fixture
def film(cv2: Any, sheets: list[SheetContent], rasterise: Rasterise, tmp_path: Path) -> Path:
    """A recording: an empty desk, one sheet moved about, the desk, the other sheet, the first again."""
    path = tmp_path / "sheets.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write a recording")
    fronts = [rasterise(render(content, "a4"), PRINT_DPI)[0] for content in sheets]
    desk, chance = Image.new("L", SIZE, 110), Random(4)
    show(writer, desk)
    for front in (fronts[0], None, fronts[1], fronts[0]):
        for _ in range(FRAMES_PER_SHEET):
            show(writer, tilted(front, chance, 0.02, SIZE) if front else desk)
    writer.release()
    return path


def show(writer: Any, frame: Image.Image) -> None:
    import numpy as np

    writer.write(np.asarray(frame.convert("RGB"))[:, :, ::-1].copy())


def test_each_sheet_of_a_recording_comes_once(film: Path, sheets: list[SheetContent], scanner: Scanner) -> None:
    pages = list(Camera(film, scanner).pages(60))
    assert {page.source for page in pages} == {"sheets.avi"}
    assert [page.problem for page in pages] == [""] * len(pages)
    texts = [{code.text for code in page.codes} for page in pages]
    shares = [sheet.share_code for sheet in sheets]
    assert set().union(*texts) == {*shares, *sheets[0].envelope_codes}
    assert [next(i for i, found in enumerate(texts) if share in found) for share in shares] == sorted(
        next(i for i, found in enumerate(texts) if share in found) for share in shares
    )
    assert len(pages) <= 3


def test_a_caller_who_has_enough_may_stop(film: Path, scanner: Scanner) -> None:
    pages = Camera(film, scanner).pages(60)
    assert next(pages).codes
    pages.close()  # type: ignore[attr-defined]


def test_nothing_new_for_so_long_ends_it(film: Path, scanner: Scanner) -> None:
    assert list(Camera(film, scanner).pages(0)) == []


def test_what_cannot_be_opened_is_named(cv2: Any, tmp_path: Path, scanner: Scanner) -> None:
    del cv2
    with pytest.raises(PaperError, match=r"none\.avi cannot be opened"):
        next(Camera(tmp_path / "none.avi", scanner).pages(1))


def test_without_opencv_the_extra_is_named(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(PaperError) as caught:
        next(Camera(0, scanner).pages(1))
    assert "[camera]" in caught.value.hint

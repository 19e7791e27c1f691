# SPDX-License-Identifier: Apache-2.0
"""A code holds exactly its text, is as small as it can be, and is one path."""

import io
from itertools import pairwise

import numpy as np
import pytest
import zxingcpp
from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.drawing import qr


def side(version: int) -> int:
    return 17 + 4 * version


@pytest.mark.parametrize(
    ("characters", "level", "version"), [(101, "Q", 6), (106, "Q", 6), (108, "Q", 6), (109, "Q", 7), (675, "M", 17)]
)
def test_smallest_version_that_fits(characters: int, level: qr.Level, version: int) -> None:
    matrix = qr.modules("A" * characters, level)
    assert len(matrix) == side(version)
    assert all(len(row) == len(matrix) for row in matrix)


@pytest.mark.parametrize("text", ["", "BGS1:abc", "BGS1:É", "BGS1:A\n"])
def test_text_outside_the_alphabet_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(PaperError) as caught:
        qr.modules(text, "Q")
    assert not text or text not in str(caught.value)


def test_too_long_a_text_is_refused() -> None:
    qr.modules("A" * 3391, "M")
    with pytest.raises(PaperError, match="3392 characters"):
        qr.modules("A" * 3392, "M")


def test_a_code_is_drawn_as_one_filled_path() -> None:
    canvas = Canvas(io.BytesIO(), pageCompression=0)
    matrix = qr.modules("BGS1:ABC", "Q")
    qr.draw(canvas, matrix, 10, 10, 2)
    drawn = "\n".join(canvas._code)  # type: ignore[attr-defined]
    dark_runs = sum(row[0] + sum(b and not a for a, b in pairwise(row)) for row in matrix)
    assert drawn.count(" re") == dark_runs
    assert drawn.count("f*") + drawn.count(" f ") <= 1


@pytest.mark.parametrize("zeros", [60, 77, 90, 200, 300])
def test_a_block_of_zeros_is_drawn_and_read_back(zeros: int) -> None:
    """A log without a checkpoint makes a run of zero bytes; a block of them alone is what the encoder cannot divide."""
    for before in range(0, 120, 7):
        text = "Z" * before + "0" * zeros + "Z" * (585 - before - zeros)
        cells = np.kron(~np.array(qr.modules(text, "M")), np.ones((4, 4), bool))
        picture = np.pad(cells.astype(np.uint8) * 255, 16, constant_values=255)
        assert [one.text for one in zxingcpp.read_barcodes(picture)] == [text]


@pytest.mark.parametrize("level", ["L", "M", "Q"])
def test_zeros_alone_are_drawn_in_every_version(level: qr.Level) -> None:
    for characters in (1, 16, 17, 24, 25, 40, 77, 150, 300, 700, 1500):
        assert qr.modules("0" * characters, level)

# SPDX-License-Identifier: Apache-2.0
"""A code holds exactly its text, is as small as it can be, and is one path."""

import io
from itertools import pairwise

import pytest
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

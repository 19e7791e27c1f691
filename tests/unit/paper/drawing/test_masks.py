# SPDX-License-Identifier: Apache-2.0
"""The mask that we choose is the ``qrcode`` package's own choice."""

import random

import pytest
from qrcode import constants
from qrcode.main import QRCode
from qrcode.util import QRData, lost_point

from breakglass_shamir.paper.drawing import masks, qr

LEVELS = {"M": constants.ERROR_CORRECT_M, "Q": constants.ERROR_CORRECT_Q, "L": constants.ERROR_CORRECT_L}


@pytest.mark.parametrize(("characters", "level"), [(1, "L"), (30, "M"), (101, "Q"), (675, "M"), (1182, "M")])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_choice_of_the_package(characters: int, level: qr.Level, seed: int) -> None:
    text = "".join(random.Random(seed).choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=characters))
    code = QRCode(error_correction=LEVELS[level], border=0)
    code.add_data(QRData(text, mode=2), optimize=0)
    code.best_fit()
    assert masks.best(code) == code.best_mask_pattern()


@pytest.mark.parametrize("seed", range(20))
def test_the_penalty_is_that_of_the_package(seed: int) -> None:
    """Of noise, of stripes, and of a code that is nearly all of one colour."""
    chance, size = random.Random(seed), 21 + 4 * (seed % 5)
    dark = (0.5, 0.1, 0.95, 0.7)[seed % 4]
    rows: list[list[bool | None]] = [
        [chance.random() < dark or (seed % 3 == 0 and row % 7 < 3) for _ in range(size)] for row in range(size)
    ]
    own = masks._penalty(masks._packed(rows), masks._packed(list(zip(*rows, strict=True))), size)
    assert own == lost_point(rows)


def test_a_code_is_one_path_of_runs() -> None:
    matrix = qr.modules("BGE1:0", "M")
    dark = {(column, len(matrix) - 1 - row) for row, line in enumerate(matrix) for column, on in enumerate(line) if on}
    numbers = [tuple(map(int, part.split())) for part in matrix.path[2:-2].split(" re")[:-1]]
    assert {(x + step, y) for x, y, length, _ in numbers for step in range(length)} == dark
    assert all(high == 1 for *_, high in numbers)

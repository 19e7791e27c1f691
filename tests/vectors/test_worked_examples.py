# SPDX-License-Identifier: Apache-2.0
"""The worked examples of the specification are computed again, and the numbers of its security chapter, too."""

import re
import subprocess
import sys
from math import comb
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[2] / "docs" / "spec"
EXAMPLES = (SPEC / "examples.md").read_text(encoding="utf-8")
SECURITY = (SPEC / "security.md").read_text(encoding="utf-8")
CODE_BYTES, PARITY_BYTES = 60, 17
BLOCK = re.compile(r"^## ([^\n]*)$.*?^```\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def test_every_example_is_computed_again_and_none_stands_there_that_is_not() -> None:
    command = [sys.executable, str(Path(__file__).with_name("worked.py"))]
    computed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(BLOCK.findall(EXAMPLES)) == EXAMPLES.count("\n## ") == 6
    assert BLOCK.findall(EXAMPLES) == BLOCK.findall(computed)


def meets_a_codeword(erased: int, errors: int) -> float:
    """Return how much of all words lies within some errors of a codeword, at the places that are not erased."""
    places = CODE_BYTES - erased
    within: int = sum(comb(places, i) * 255**i for i in range(errors + 1))
    return float(within / 256 ** (PARITY_BYTES - erased))


def test_the_odds_of_a_false_repair_are_computed_again() -> None:
    rows = re.findall(r"^\| (\d+)[^|]*\| (\d+) \| ([^|]+) \| ([^|]+) \|$", SECURITY, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [0, 4, 8, 12, 15, 16, 17]
    for erased, errors, any_repair, sure in ((int(a), int(b), c, d) for a, b, c, d in rows):
        assert errors == (PARITY_BYTES - erased) // 2
        assert float(any_repair) == pytest.approx(meets_a_codeword(erased, errors), rel=0.05)
        if erased > PARITY_BYTES - 2:
            assert sure == "none is"
        else:
            worst = meets_a_codeword(erased, (PARITY_BYTES - 2 - erased) // 2)
            assert float(sure) == pytest.approx(worst, rel=0.05)
            assert worst <= 1 / 65536

# SPDX-License-Identifier: Apache-2.0
"""A text without an end, in a comment of a policy or on a command line, holds up the guard against shares: it does not.

The guard looks at every text that people or machines give, so whoever has one looked at chooses what that costs.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats.likeness import WITHHELD, looks_like_share, masked
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.standalone import recover
from tests.end_to_end.life import Life

pytestmark = pytest.mark.timeout(120)

LONG = 128 << 10
"""Characters; the square of it takes longer than anybody waits."""

CODE = Share(Kind.LIVE, bytes.fromhex("3a91c7f05d2288e6"), 1, 2, Secret(bytes(range(7, 199, 6)))).to_text()
SPREAD = f"{CODE[5:25]} and then somebody said that word again and again here "

WORST = (
    "A1", "A", "BGS", "\u011b\u0161\u010d\u0159", "A1B2 ", "ABCD-EFGH-JKMN ", "ABCD-EFGH-JKMN   ", "? ", "BGS1:a",
    "BGS1:a ", "&\u00e9", "(", "db01 ", "AAAA",
)  # fmt: skip
"""What costs most, each time over and over."""


@pytest.mark.parametrize("text", WORST)
@pytest.mark.parametrize("guard", [looks_like_share, recover.looks_like_share], ids=["program", "recover.py"])
def test_a_long_text_is_judged(text: str, guard: Callable[[str], bool]) -> None:
    """With a look to the end of the text from each of its places this takes ten minutes."""
    guard(text * (LONG // len(text)))


@pytest.mark.parametrize("text", [f"{CODE} ", f"{CODE},", SPREAD, "BGS1:a ", "BGS1:a"])
def test_however_many_there_are_none_is_left(text: str) -> None:
    left = masked(text * (LONG // len(text)))
    assert WITHHELD in left
    assert not looks_like_share(left)
    assert CODE[5:25] not in left


def test_what_stands_before_the_first_one_stays() -> None:
    assert masked(f"sheet one was read aloud -- {CODE}; {CODE}").startswith("sheet one was read aloud -- (")


def test_a_policy_with_such_a_comment_is_checked(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    life.begin()
    life.policy.write_text(f"{life.policy.read_text()}\n# {'A1' * 30_000}\n")
    assert life.run("policy", "check", life.policy).exit in {0, 2}


def test_recover_judges_such_a_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(recover.__file__), "--reason", "A1" * 60_000, "--stdout"],
        capture_output=True, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2

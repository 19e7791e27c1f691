# SPDX-License-Identifier: Apache-2.0
"""A home that was put back from a backup, or copied: its sheets remember records that it has not, and never will.

The living sheets open by override, since nothing else opens them. What that owes must be payable afterwards, without a
second emergency that nobody has.
"""

import shutil

import pytest

from tests.end_to_end.conftest import fresh, life, sealed_once, ssh_keygen
from tests.end_to_end.life import DECLARATION, NAME, Done, Life

__all__ = ["fresh", "life", "sealed_once", "ssh_keygen"]

BY_NAME = ("--override", "epoch", "--override", "witness", "--override-reason", "the home was put back from a backup")


@pytest.fixture
def restored(life: Life) -> Life:
    """A set whose second epoch is in force, at a home of the time before that."""
    before = life.folder / "before"
    shutil.copytree(life.home, before)
    rotated = life.rotated("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--no-reveal")
    assert rotated.exit == 0, rotated.err
    shutil.rmtree(life.home)
    before.rename(life.home)
    return life


def rotate(life: Life) -> Done:
    return life.rotated("rotate", NAME, "--scan", life.scans(2), number=3)


def test_what_was_opened_after_a_backup_was_put_back_is_rotated_without_a_second_emergency(restored: Life) -> None:
    refused = restored.recombine("--no-reveal", scans=2)
    assert refused.exit == 3, refused.err
    opened = restored.recombine("--no-reveal", *BY_NAME, scans=2)
    assert opened.exit == 7, opened.err
    rotated = rotate(restored)
    assert rotated.exit == 0, rotated.err
    assert "the rotation that is owed goes on all the same" in rotated.err
    status = restored.status()
    assert (status["epoch"], status["phase"]) == (3, "sealed")
    assert "rotation" not in [debt["kind"] for debt in status["debts"]]
    assert "broken" in status["chain"]
    verified = restored.run("audit", "verify")
    assert verified.exit == 0, verified.err
    assert "passed the gate" not in verified.out + verified.err


def test_a_rotation_that_pays_nothing_is_refused_with_such_sheets(restored: Life) -> None:
    """What the sheets remember stops whoever has not passed it by name."""
    refused = rotate(restored)
    assert refused.exit == 3, refused.err
    assert "opened" not in restored.kinds()

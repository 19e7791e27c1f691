# SPDX-License-Identifier: Apache-2.0
"""A command that failed leaves no home that it began: on a blank machine there is one where something was recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.errors import BreakglassError, LedgerUnwritable
from breakglass_shamir.ledger import durable, home
from tests.end_to_end.life import DECLARATION, NAME, Life

FAILING: dict[str, Callable[[Life], tuple[str | Path, ...]]] = {
    "a scan that is not there": lambda life: ("recombine", NAME, *DECLARATION, "--scan", "nowhere", "--no-reveal"),
    "a question and nobody to answer": lambda life: ("recombine", NAME, "--scan", life.scans(1)),
    "no terminal to show on": lambda life: ("recombine", *DECLARATION, "--scan", life.scans(1), "--show"),
    "a wrong duration": lambda life: ("recombine", *DECLARATION, "--scan", life.scans(1), "--use-for", "soon",
                                      "--no-reveal"),
    "a gate that is none": lambda life: ("recombine", *DECLARATION, "--scan", life.scans(1), "--override", "clas",
                                         "--override-reason", "why", "--no-reveal"),
    "a policy that is none": lambda life: ("policy", "adopt", life.folder / "wrong.toml"),
    "a package that is none": lambda life: ("enrol", "import", life.folder / "wrong.toml"),
    "a rotation of what is not there": lambda life: ("rotate", NAME, "--scan", life.scans(1)),
    "a status": lambda life: ("status",),
    "a name that can be none": lambda life: ("init", "--terminal", "a\x1bb"),
}  # fmt: skip


@pytest.mark.parametrize("failing", FAILING)
def test_a_command_that_failed_leaves_no_home(failing: str, life: Life) -> None:
    (life.folder / "wrong.toml").write_text("name = 1\n")
    blank = life.beside("blank")
    done = blank.run(*FAILING[failing](life))
    assert done.exit not in (0, 1, 7), done.err
    assert not blank.home.exists(), done.err


def test_what_was_recorded_keeps_its_home(life: Life) -> None:
    blank = life.beside("blank")
    done = blank.run("recombine", *DECLARATION, "--scan", life.some_scans(1, 1)[0], "--no-reveal")
    assert done.exit == 4, done.err
    if blank.home.exists():
        assert len(blank.kinds()) > 1


@pytest.mark.parametrize("there", [False, True])
def test_a_home_that_cannot_be_made_whole_leaves_neither_key_nor_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    where = tmp_path / "home"
    if there:
        where.mkdir(mode=0o700)
        (where / "notes").write_text("of somebody")
    monkeypatch.setattr(durable, "sync_file", full)
    with pytest.raises(LedgerUnwritable, match="No space left"):
        home.create(where, "terminal one")
    assert [path.name for path in tmp_path.rglob("*")] == (["home", "notes"] if there else [])


def test_only_the_unused_home_of_that_key_is_taken_back(tmp_path: Path) -> None:
    where = tmp_path / "home"
    with home.create(where, "terminal one") as ledger:
        key = ledger.public_key
    assert not home.forget_unused(where, bytes(32))
    (where / "answers").write_text("kept for those who come back")
    assert not home.forget_unused(where, key)
    (where / "answers").unlink()
    assert home.forget_unused(where, key)
    assert [*tmp_path.iterdir()] == []
    assert not home.forget_unused(where, key)
    with pytest.raises(BreakglassError):
        home.require(where)

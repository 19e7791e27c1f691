# SPDX-License-Identifier: Apache-2.0
"""Every transcript comes out as it is written down, and every command stands in one."""

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from breakglass_shamir.cli.program import breakglass
from tests.transcripts.runner import FOLDER, Step, differences, make_world, matches, read, run

TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))
END_TO_END = sorted((FOLDER.parent / "end_to_end").glob("test_*.py"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_it_comes_out_as_written(path: Path, tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    transcript = read(path)
    assert transcript.steps
    life = make_world(tmp_path / "world", transcript.world)
    for step in transcript.steps:
        wrong = list(differences(step, *run(life, step)))
        assert not wrong, "\n".join([f"$ {step.line}", *wrong])


@pytest.mark.parametrize("command", breakglass.list_commands(click.Context(breakglass)))
def test_every_command_is_played_somewhere(command: str) -> None:
    played = any(re.search(rf"^\$ .*\bbreakglass (--\S+ )*{command}\b", path.read_text(), re.M) for path in TRANSCRIPTS)
    assert played or any(f'"{command}"' in path.read_text() for path in END_TO_END)


def test_a_runner_that_sees_no_difference_would_be_worthless() -> None:
    step = Step("true", expected=["opening <opening> of prod", "2 of 3"], exit=7)
    good = ["opening 0123456789ab of prod", "2 of 3"]
    assert not list(differences(step, good, 7))
    assert list(differences(step, good, 0))
    assert list(differences(step, good[:1], 7))
    assert list(differences(step, [*good, "more"], 7))
    assert list(differences(step, ["opening 0123456789aZ of prod", "2 of 3"], 7))
    assert list(differences(step, [good[0], "2 of 33"], 7))
    assert not matches("a.c", "abc")
    assert matches("SET  STATE", "SET      STATE")

# SPDX-License-Identifier: Apache-2.0
"""One line at a real terminal: editing, arrows and Tab; every way out gives the terminal back and keeps no share."""

import os
import signal
from pathlib import Path

import pytest

from tests.attacks.stage import Glass, Stage

LEFT, UP, HOME, DELETE = "\x1b[D", "\x1b[A", "\x1b[H", "\x1b[3~"
SHARE = "BGS1:" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 3
PASTE = "\x1b[200~{}\x1b[201~"


def test_a_line_is_edited_and_the_arrows_bring_back_what_was_said(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("questions", glass, tmp_path, questions=["Ticket", "Reason", "Once more"])
    glass.sees("Ticket: ")
    glass.type(f"NC-47111{LEFT}{DELETE}{HOME}I\r")
    glass.sees("took INC-4711")
    glass.sees("Reason: ")
    glass.type(f"{SHARE}\r")
    glass.sees("was not taken")
    glass.type("\x15idp\x17idp is down\r")
    glass.sees("took idp is down")
    glass.sees("Once more: ")
    glass.type(f"{UP}{UP}\r")
    glass.until(lambda: glass.shown().count("took INC-4711") == 2, "the first answer again")
    assert not glass.holds(SHARE[20:40])
    glass.type("\x03")
    assert stage.ended() == 130
    assert glass.echoes()


def test_tab_completes_paths_and_what_is_not_there_is_said_at_once(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    for name in ("My Scans", "My Sheets"):
        (tmp_path / name).mkdir()
    stage.play("questions", glass, tmp_path, questions=[])
    glass.sees("Scans: ")
    glass.type("My\t")
    glass.sees("My Scans/   My Sheets/")
    glass.type("ca\t\r")
    glass.sees("found My Scans")
    assert stage.ended() == 0
    assert glass.echoes()


def test_dragged_paths_are_taken_as_they_come(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    (tmp_path / "My Scans").mkdir()
    (tmp_path / "b.jpg").touch()
    stage.play("questions", glass, tmp_path, questions=[])
    glass.sees("Scans: ")
    glass.type(PASTE.format(f"'{tmp_path}/My Scan' ") + "\r")
    glass.sees("did you mean")
    glass.type(f"'{tmp_path}/My Scans' ")
    glass.type(PASTE.format(f"file://{tmp_path}/b.jpg\r\n") + "\r")
    glass.sees("found")
    glass.until(lambda: glass.holds(f"found {tmp_path}/My Scans {tmp_path}/b.jpg"), "both")


def test_a_share_that_is_pasted_does_not_wait_for_enter(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("questions", glass, tmp_path, questions=["Ticket"])
    glass.sees("Ticket: ")
    glass.type(PASTE.format(SHARE))
    glass.sees("was not taken")
    assert not glass.holds(SHARE[20:40])


def test_a_share_that_was_typed_before_the_question_is_wiped_off(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    """The terminal echoes what nobody reads yet, and the question comes after it."""
    glass.type(f"{SHARE}\n")
    glass.until(lambda: glass.holds(SHARE[20:40]), "the echo")
    stage.play("questions", glass, tmp_path, questions=["Ticket"])
    glass.sees("was not taken")
    assert not glass.holds(SHARE[20:40])
    glass.type("INC-1\r")
    glass.sees("took INC-1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_that_ends_the_program_gives_the_terminal_back(
    stage: Stage, glass: Glass, tmp_path: Path, number: int
) -> None:
    pid = stage.play("questions", glass, tmp_path, questions=["Ticket"])
    glass.sees("Ticket: ")
    glass.type(SHARE)
    glass.until(lambda: glass.holds(SHARE[-20:]), "the echo")
    os.kill(pid, number)
    assert stage.ended() == 130
    assert glass.echoes()
    assert not glass.holds(SHARE[-20:])


def test_the_end_of_the_input_is_an_interruption(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("questions", glass, tmp_path, questions=["Ticket"])
    glass.sees("Ticket: ")
    glass.type("x\x04\x7f\x04")
    assert stage.ended() == 130
    assert glass.echoes()


@pytest.mark.parametrize("facts", [{"term": "dumb"}, {"plain": True}])
def test_where_nothing_is_drawn_a_line_is_read(
    stage: Stage, glass: Glass, tmp_path: Path, facts: dict[str, object]
) -> None:
    stage.play("questions", glass, tmp_path, questions=["Ticket"], **facts)  # type: ignore[arg-type]
    glass.sees("Ticket: ")
    glass.type("INC-1\n")
    glass.sees("took INC-1")
    if "term" in facts:
        assert b"\x1b" not in glass.raw
    glass.type("\x04")
    assert stage.ended() == 130


def test_a_window_of_another_size_goes_on(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("questions", glass, tmp_path, questions=["Ticket"])
    glass.sees("Ticket: ")
    glass.type("INC-")
    for size in ((10, 30), (40, 120), (24, 80)):
        glass.resize(*size)
        glass.look(0.2)
    glass.type("1\r")
    glass.sees("took INC-1")

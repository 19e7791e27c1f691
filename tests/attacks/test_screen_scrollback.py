# SPDX-License-Identifier: Apache-2.0
"""Somebody scrolls back after a secret was on the screen, in a terminal that keeps all it can (see ``stage``).

Real terminals and multiplexers are in ``tests/end_to_end/test_scrollback.py``; what they keep, this one keeps too.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from breakglass_shamir.cli.screen import spelling
from tests.attacks.stage import SECRET, TRACES, Glass, Stage
from tests.conftest import REPOSITORY
from tests.interop.test_recover import PLAIN, WHO, texts

LONG = "-".join(f"Qz{number:02}xK" for number in range(90)) * 4
"""A secret of more rows than a screen has."""

LINES = [f"{number:02}7H 8YWB 5SN1 DTB6 7WYZ H4YA C" for number in range(60)]
"""More lines than a screen has rows."""

SIZES = [(8, 80), (8, 30), (3, 30), (40, 100), (24, 79)]
"""What a window is made while something is on it."""

ESCAPE = b"\x1b"


@pytest.mark.parametrize("key", ["\r", "\n", "\x03", "\x04"])
def test_a_shown_credential_is_nowhere_afterwards(stage: Stage, glass: Glass, tmp_path: Path, key: str) -> None:
    stage.play("reveal", glass, tmp_path, secret=SECRET, seconds=60)
    glass.sees(TRACES[-1])
    glass.type(key)
    glass.sees("went on")
    assert not glass.holds(*TRACES)
    assert stage.ended() == 0
    assert glass.echoes()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_window_of_another_size_keeps_nothing(
    stage: Stage, glass: Glass, tmp_path: Path, size: tuple[int, int]
) -> None:
    stage.play("reveal", glass, tmp_path, secret=SECRET, seconds=60)
    glass.sees(TRACES[-1])
    glass.resize(*size)
    glass.look(0.7)
    assert not "".join(glass.screen.kept).count("Qz")
    glass.resize(24, 80)
    glass.sees(TRACES[-1])
    glass.type("\r")
    glass.sees("went on")
    assert not glass.holds(*TRACES)


def test_a_secret_longer_than_the_screen_comes_in_pages_and_leaves_none(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    stage.play("reveal", glass, tmp_path, secret=LONG, seconds=60)
    glass.sees("page 1 of")
    pages = int(glass.shown().split("page 1 of ")[1].split(",")[0])
    shown: dict[int, str] = {}
    for page in range(1, pages + 1):
        glass.sees(f"page {page} of")
        rows = [row for row in glass.screen.display if row[:10].strip().isdecimal()]
        shown |= {int(row[:10]): "".join(row[10:].split()) for row in rows}
        assert not "".join(glass.screen.kept).count("Qz")
        glass.type(" ")
    assert "".join(shown.values()) == LONG
    assert [*shown] == [sum(map(len, [*shown.values()][:at])) + 1 for at in range(len(shown))]
    glass.sees("page 1 of")
    glass.type("\r")
    glass.sees("went on")
    assert not glass.holds("Qz")


def test_a_secret_that_is_spelled_and_seen_whole_again_is_nowhere_afterwards(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    stage.play("reveal", glass, tmp_path, secret=SECRET, seconds=60)
    glass.sees(TRACES[-1])
    assert "capital" not in glass.shown().split("marks")[0]
    glass.type("s")
    glass.sees(" 1  Q  capital Quebec")
    glass.sees(" 2  z  zulu")
    for size in ((10, 50), (40, 100), (24, 80)):
        glass.resize(*size)
        glass.look(0.6)
        assert not "".join(glass.screen.kept).count("capital")
    glass.type(" ")
    glass.sees("-  hyphen")
    glass.sees("page 2 of")
    glass.type("S")
    glass.sees(TRACES[-1])
    glass.type("s")
    glass.sees("capital Quebec")
    glass.type("\r")
    glass.sees("went on")
    assert not glass.holds(*TRACES, "capital Quebec", "zulu")


def test_what_looks_alike_is_marked_below_and_a_space_is_seen(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("reveal", glass, tmp_path, secret="O0 lI1 k", seconds=60)
    glass.sees("8 characters; the gaps are no part of it")
    above = next(row for row in glass.screen.display if "O0" in row)
    below = glass.screen.display[glass.screen.display.index(above) + 1]
    assert above.split() == ["O0\u2423l", "I1\u2423k"]
    assert below.split() == ["A9^a", "A9^"]
    assert above.index("O") == below.index("A")
    glass.sees("A capital,  a small letter,  9 digit,  ^ space")


def test_typed_lines_are_nowhere_afterwards_however_many_they_are(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("typing", glass, tmp_path)
    for number, line in enumerate(LINES, 1):
        glass.sees(f"share 1, line {number}:")
        glass.type(line)
        glass.sees(line)
        glass.type("\r")
    glass.sees(f"line {len(LINES)} of the share: right")
    assert not glass.holds(*LINES)
    glass.type("done\r")
    glass.sees("went on")
    assert not glass.holds(*LINES)
    assert stage.ended() == 0


@pytest.mark.parametrize("scene", ["typing", "recover"])
def test_a_scanner_that_types_without_an_end_scrolls_nothing(
    stage: Stage, glass: Glass, tmp_path: Path, scene: str
) -> None:
    stage.play(scene, glass, tmp_path, arguments=[])
    glass.sees("> " if scene == "recover" else "line 1:")
    glass.type("QzQzQzQz" * 400)
    glass.sees("QzQzQzQz")
    glass.resize(24, 40)
    glass.look(0.7)
    glass.type("\r\n")
    glass.sees("not ours" if scene == "recover" else "line 2:")
    assert not glass.holds("QzQz")


def test_a_pause_leaves_no_line_and_goes_on_where_it_was(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("typing", glass, tmp_path)
    glass.sees("line 1:")
    glass.type(LINES[0] + "\r")
    glass.sees("line 2:")
    glass.type(LINES[1])
    glass.sees(LINES[1])
    glass.type("\x03")
    glass.sees("Press Enter to go on. Type stop to stop:")
    assert not glass.holds(LINES[0], LINES[1])
    glass.type("\r")
    glass.sees("line 1 of the share: right")
    assert not glass.holds(LINES[0], LINES[1])
    glass.type("\x03")
    glass.sees("Paused")
    glass.type("stop\r")
    assert stage.ended() == 130


def test_what_is_typed_too_much_does_not_reach_the_shell(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("typing", glass, tmp_path)
    glass.sees("line 1:")
    glass.type("done\r" + "\r".join(LINES[:20]))
    glass.sees("went on")
    assert stage.ended() == 0
    assert glass.typed_ahead() == 0
    assert not glass.holds(*LINES)


def test_typed_shares_and_the_secret_of_recover_are_nowhere_afterwards(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    stage.play("recover", glass, tmp_path, arguments=[*WHO])
    for text in [*PLAIN["codes"], *texts(PLAIN, 0, 1)]:
        glass.sees("> ")
        glass.type(text)
        glass.sees(text[-8:])
        glass.type("\r")
    glass.sees("type open> ")
    glass.type("open\r")
    glass.sees("press Enter: ")
    glass.type("\r")
    glass.sees("correct horse battery staple")
    for size in SIZES:
        glass.resize(*size)
        glass.look(0.6)
    glass.type("\r")
    glass.sees("replace it")
    assert not glass.holds("correct horse battery", *(text[20:60] for text in texts(PLAIN, 0, 1)))
    assert stage.ended() == 0
    assert glass.echoes()


# Terminals that cannot erase


def test_a_terminal_that_cannot_erase_is_told_of_before_anything_is_shown(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    stage.play("reveal", glass, tmp_path, term="dumb", secret=SECRET, seconds=60)
    glass.sees("cannot erase (TERM=dumb)")
    glass.type("no\n")
    assert stage.ended() == 2
    assert glass.holds("expected a terminal that can erase, got TERM=dumb")
    assert not glass.holds(*TRACES)


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_what_people_want_shown_there_is_overwritten_and_no_control_sequence_is_sent(
    stage: Stage, glass: Glass, tmp_path: Path, term: str
) -> None:
    stage.play("reveal", glass, tmp_path, term=term, secret=SECRET, seconds=60)
    glass.sees("Type yes:")
    glass.type("yes\n")
    for words in ("account", "target", "55 characters in 2 rows, no gaps; s spells it", TRACES[0]):
        glass.sees(words)
        glass.type("\r")
    glass.sees(TRACES[-1])
    glass.type("s\r")
    for row in spelling.spelled(SECRET, "_"):
        glass.sees(row)
        glass.type("\r")
    glass.sees("second safe")
    glass.type("\r")
    glass.sees("went on")
    assert not glass.holds(*TRACES)
    assert ESCAPE not in glass.raw
    assert stage.ended() == 0


def test_a_line_typed_there_is_overwritten(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    stage.play("typing", glass, tmp_path, term="dumb")
    glass.sees("Type yes:")
    glass.type("yes\n")
    for number, line in enumerate(LINES[:30], 1):
        glass.sees(f"share 1, line {number}:")
        glass.type(line)
        glass.sees(line)
        glass.type("\r")
    glass.sees("line 30 of the share: right")
    glass.type(LINES[30])
    glass.sees(LINES[30])
    glass.type("\x03")
    glass.sees("Press Enter to go on")
    glass.type("\rdone\r")
    glass.sees("went on")
    assert not glass.holds(*LINES)
    assert ESCAPE not in glass.raw


def test_recover_does_the_same(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    codes = tmp_path / "codes.txt"
    codes.write_text("\n".join([*PLAIN["codes"], *texts(PLAIN, 0)]))
    stage.play("recover", glass, tmp_path, term="dumb", arguments=[*WHO, str(codes)])
    glass.sees("> ")
    glass.type(texts(PLAIN, 1)[0])
    glass.sees(texts(PLAIN, 1)[0][-8:])
    glass.type("\ropen\r")
    glass.sees("type yes: ")
    glass.type("yes\r")
    glass.sees("secret (28 bytes):")
    glass.type("\r")
    glass.sees("correct horse battery staple")
    glass.type("\r")
    glass.sees("replace it")
    assert not glass.holds("correct horse", texts(PLAIN, 1)[0][20:60])
    assert ESCAPE not in glass.raw
    assert stage.ended() == 0


# Credentials that are typed


@pytest.mark.parametrize(
    ("scene", "keys"),
    [("unseen", SECRET + "\n" + SECRET + "\n"), ("credential", SECRET + "\n\x04"), ("credential", SECRET + "\x04\x04")],
)
def test_a_credential_that_is_typed_is_not_echoed(
    stage: Stage, glass: Glass, tmp_path: Path, scene: str, keys: str
) -> None:
    stage.play(scene, glass, tmp_path)
    glass.sees("Credential:" if scene == "unseen" else "not shown while you type")
    glass.until(lambda: not glass.echoes(), "the echo to be off")
    glass.type(keys)
    glass.sees(f"got {len(SECRET)}")
    assert not glass.holds(*TRACES)
    assert stage.ended() == 0
    assert glass.echoes()


@pytest.mark.parametrize("scene", ["unseen", "credential"])
@pytest.mark.parametrize("number", [1, 2, 10, 14, 15, 24, 40])
def test_the_echo_comes_back_when_the_program_is_ended_there(
    stage: Stage, glass: Glass, tmp_path: Path, scene: str, number: int
) -> None:
    pid = stage.play(scene, glass, tmp_path)
    glass.until(lambda: not glass.echoes(), "the echo to be off")
    glass.type(SECRET)
    os.kill(pid, number)
    assert stage.ended() == 130
    assert glass.echoes()
    assert not glass.holds(*TRACES)


def test_a_share_that_is_scanned_into_another_field_is_taken_off_the_screen(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    stage.play("asking", glass, tmp_path)
    for share in [*texts(PLAIN, 0, 1), texts(PLAIN, 2)[0].lower()]:
        glass.sees("Ticket:")
        glass.type(share)
        glass.until(partial(glass.holds, share[-20:]), "the echo")
        glass.type("\n")
        glass.until(partial(asked_again, glass), "the share to be refused")
        assert not glass.holds(share[5:30], share[40:60], share[-20:])
    glass.type("INC-7\n")
    glass.sees("took INC-7")


def asked_again(glass: Glass) -> bool:
    return glass.screen.display[-1].strip() == "Ticket:" and bool(glass.holds("it was not taken"))


def refused(glass: Glass, times: int) -> bool:
    said = "".join(glass.shown().split())
    return said.count("expectedoneof") + said.count("itwasnottaken") == times


def test_a_secret_typed_where_the_use_is_to_be_classified_is_taken_off_the_screen(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    """People have just read it, and are asked for a word."""
    stage.play("closing", glass, tmp_path)
    glass.sees("When the use is over")
    for number, typed in enumerate((SECRET, SECRET * 4, SECRET[:4] + "x" * 156), 1):
        glass.type(typed + "\n")
        glass.until(partial(refused, glass, number), "the word to be refused")
        assert not glass.holds(*TRACES, SECRET[:4], "xxxx")
    glass.type("drill\n")
    glass.sees("said drill")


# What says whether a terminal erases


@pytest.mark.parametrize(
    ("name", "erases"),
    [("xterm", True), ("linux", True), ("vt100", True), ("screen", True), ("dumb", False), ("", False),
     ("of-tomorrow-256color", True)],
)  # fmt: skip
def test_terminals_that_erase_are_told_from_others(name: str, erases: bool) -> None:
    asked = "from breakglass_shamir.cli.screen import sequences; import sys; print(sequences.erases(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", asked, name], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert done.stdout.strip() == str(erases)

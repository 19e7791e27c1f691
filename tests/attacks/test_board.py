# SPDX-License-Identifier: Apache-2.0
"""People gather sheets at a real terminal: two at first, the same one twice, a wrong path, a scanner that types.

What was given stays to be seen, nothing but ``stop`` ends it, and no share is anywhere afterwards.
"""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import qrcode
from PIL import Image

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from tests.attacks.stage import Glass, Stage

ESCAPE = b"\x1b"
STILL_S = 0.6
"""How long a board stays as it is that has been drawn whole; what is not, goes on within half a second."""


@dataclass(frozen=True)
class Paper:
    """A set of 3 of 5, and pictures of its codes."""

    envelope: str
    codes: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    folder: Path

    @property
    def traces(self) -> list[str]:
        """What of the shares must be nowhere."""
        return [*(code[20:40] for code in self.codes), *(line[:20] for lines in self.lines for line in lines)]


def draw(text: str, file: Path) -> None:
    with file.open("wb") as opened:
        qrcode.make(text, error_correction=qrcode.constants.ERROR_CORRECT_L).save(opened)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    nothing = Checkpoint(bytes(8), 0, bytes(32))
    facts = Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(3, 5),)), bytes(32), nothing, NO_PREDECESSOR)
    made = seal(facts, Credential(Secret(b"tinned beans")).to_bytes())
    folder = tmp_path_factory.mktemp("My Scans")
    for number, share in enumerate(made.shares, 1):
        draw(share.to_text(), folder / f"sheet {number}.png")
    (envelope,) = made.envelope.to_codes()
    draw(envelope, folder / "envelope.png")
    draw("https://example.com", folder / "poster.png")
    texts = tuple(share.to_text() for share in made.shares)
    return Paper(envelope, texts, tuple(share.to_lines() for share in made.shares), folder)


class Room:
    """People at a board."""

    def __init__(self, stage: Stage, glass: Glass, folder: Path, paper: Paper) -> None:
        self.stage, self.glass, self.folder, self.paper = stage, glass, folder, paper

    def begin(self, *, known: bool = True, term: str = "linux", **facts: object) -> int:
        pinned = self.paper.envelope if known else ""
        pid = self.stage.play("board", self.glass, self.folder, term=term, known=pinned, **facts)
        self.sees("stop: leave")
        return pid

    def give(self, said: str, *then: str) -> None:
        self.glass.type(f"{said}\r")
        for words in then:
            self.sees(words)

    def sees(self, words: str) -> None:
        """Wait until words stand there, wherever the rows end."""
        wanted = " ".join(words.split())
        self.glass.until(lambda: wanted in " ".join(self.glass.shown().split()), words)

    def settled(self) -> str:
        """Return what stands there once nothing is drawn any more: only then can something be found not to stand."""
        self.glass.until(self._is_still, "a screen on which nothing is drawn")
        return self.glass.shown()

    def _is_still(self) -> bool:
        before = self.glass.shown()
        self.glass.look(STILL_S)
        return self.glass.shown() == before

    def picture(self, number: int) -> str:
        return f"'{self.paper.folder}/sheet {number}.png'"

    def ends(self, said: str, code: int = 0) -> None:
        self.glass.sees(said)
        assert self.stage.ended() == code
        assert self.glass.echoes()
        assert not self.glass.holds(*self.paper.traces)


@pytest.fixture
def room(stage: Stage, glass: Glass, tmp_path: Path, paper: Paper) -> Room:
    return Room(stage, glass, tmp_path, paper)


def test_two_sheets_a_wrong_path_the_same_sheet_and_then_the_third(room: Room) -> None:
    room.begin()
    room.sees("prod-db, epoch 1: no sheet is in yet, 3 needed")
    room.give(f"{room.picture(1)} {room.picture(2)}", "2 sheets are in, 1 more needed")
    room.sees("in       1.1 North, 1.2 South")
    room.sees("missing  1.3 East, 1.4 West, 1.5 Centre (any 1 of these)")
    room.give(f"'{room.paper.folder}/sheet3.png'", "did you mean")
    room.give(f"'{room.paper.folder}/poster.png'", "- poster.png: a code that is not one of ours")
    room.give(f"'{room.paper.folder}/poster.png'")
    room.give(room.picture(1), "sheet 1.png: sheet 1.1: seen already")
    assert room.settled().count("poster.png") == 1
    for nothing in ("", "", "nonsense"):
        room.give(nothing)
    room.sees("expected a path, a code, or a word")
    room.sees("2 sheets are in")
    room.give(f"file://{room.paper.folder}/sheet%203.png".replace(" ", "%20"))
    room.ends("enough: 1.1 1.2 1.3")


def test_scans_that_gave_too_little_are_on_the_board(room: Room) -> None:
    scans = [f"{room.paper.folder}/sheet {number}.png" for number in (1, 2)]
    room.begin(scans=[*scans, "nowhere.jpg"])
    room.sees("2 sheets are in")
    room.give(room.picture(3))
    room.ends("enough: 1.1 1.2 1.3")


def test_a_folder_is_read_and_what_lands_in_it_later(room: Room) -> None:
    folder = room.folder / "inbox"
    folder.mkdir()
    shutil.copy(room.paper.folder / "sheet 1.png", folder / "1.png")
    room.begin()
    room.give("inbox", "1 sheet is in", "watching inbox")
    shutil.copy(room.paper.folder / "sheet 2.png", folder / "2.png")
    room.sees("2 sheets are in")
    (folder / "3.png").write_bytes(b"no picture")
    room.sees("- 3.png: not a picture")
    shutil.copy(room.paper.folder / "sheet 3.png", folder / "3.png")
    room.ends("enough: 1.1 1.2 1.3")


def test_of_a_long_file_the_pages_are_counted_and_the_board_can_be_left_meanwhile(room: Room) -> None:
    pages = [Image.new("L", (300, 400), shade) for shade in range(200, 230)]
    pages[0].save(room.folder / "long.pdf", save_all=True, append_images=pages[1:])
    room.begin()
    room.give("long.pdf", "reading long.pdf")
    room.glass.until(lambda: b"reading long.pdf, page 7 of 30" in room.glass.raw, "the seventh page")
    room.give("stop", "Stop? [y/N]:")
    room.give("y")
    room.ends("stopped; nothing was combined", 130)
    assert b"page 30 of 30" not in room.glass.raw


def test_a_scanner_that_types_needs_no_word_and_leaves_nothing(room: Room) -> None:
    room.begin()
    room.glass.type("".join(f"{code}\r\n" for code in room.paper.codes[:2]))
    room.sees("2 sheets are in")
    assert not room.glass.holds(*room.paper.traces)
    room.give(room.paper.codes[2])
    room.ends("enough: 1.1 1.2 1.3")


def test_typing_is_entered_and_left_and_what_was_gathered_stays(room: Room) -> None:
    room.begin()
    room.give(room.picture(1), "1 sheet is in")
    room.give("type", "share 1, line 1:")
    room.sees("in       1.1 North")
    room.give(room.paper.lines[1][0], "line 1 of the share: right", "share 1, line 2:")
    room.give("nonsense", "not a line")
    room.give(room.picture(2), "sheet 2.png: sheet 1.2")
    room.give("type", "Or just scan.", "share 1, so far right: line 1")
    room.give(room.paper.lines[2][0], "new, replace or keep")
    room.give("new", "do not make a share", "share 1, line 2:")
    for line in room.paper.lines[2][1:]:
        room.give(line)
    room.ends("enough: 1.1 1.2 1.3")


def test_a_right_share_on_a_blank_machine_is_a_success_and_says_what_comes_next(room: Room) -> None:
    room.begin(known=False)
    room.sees("No sheet is in yet.")
    room.give(room.paper.codes[0], "1 share is in, of a set that is not known here yet", "type lines 5, 6, 7 and on")
    room.sees("+ code 1")
    for line in room.paper.lines[1]:
        room.give(line)
    room.sees("2 shares are in")
    room.give("done", "Or just scan.")
    room.give(f"{room.paper.folder}/envelope.png", "prod-db, epoch 1: 2 sheets are in, 1 more needed")
    room.give(room.picture(5))
    room.ends("enough: 1.1 1.2 1.5")


def test_back_goes_to_the_question_before_and_what_was_gathered_stays(room: Room) -> None:
    room.stage.play("board", room.glass, room.folder, known=room.paper.envelope, before="How is it used?")
    room.glass.sees("How is it used?:")
    room.give("", "stop: leave")
    room.give(room.picture(1), "1 sheet is in")
    room.give("type", "share 1, line 1:")
    for line in room.paper.lines[1]:
        room.give(line)
    room.sees("2 sheets are in")
    room.give("type", "Or just scan.")
    room.glass.type("back\r")
    room.glass.sees("How is it used?:")
    assert not room.glass.holds(*room.paper.traces)
    room.give("", "2 sheets are in, 1 more needed", "stop: leave")
    room.give(room.picture(3))
    room.ends("enough: 1.1 1.2 1.3")


def test_back_where_nothing_was_before_says_so_and_a_file_of_that_name_is_read(room: Room) -> None:
    shutil.copy(room.paper.folder / "sheet 2.png", room.folder / "back")
    room.begin()
    room.give("back", "there is no question before this one")
    room.give("./back", "+ back: sheet 1.2")
    room.give("help", "./back: a file of that name")


def test_a_folder_that_was_given_by_mistake_is_left_alone_again(room: Room) -> None:
    for name in ("wrong", "right"):
        (room.folder / name).mkdir()
    room.begin()
    room.give("unwatch", "no folder is watched")
    room.give("wrong", "watching wrong: what lands there")
    room.give("right", "watching 2: right")
    room.give("unwatch", "expected unwatch and a number from 1 to 2")
    room.give("unwatch 3", "expected unwatch and a number from 1 to 2")
    room.give("unwatch 1", "not watched any more: wrong", "watching right: what lands there")
    shutil.copy(room.paper.folder / "sheet 1.png", room.folder / "wrong" / "1.png")
    shutil.copy(room.paper.folder / "sheet 2.png", room.folder / "right" / "2.png")
    room.sees("+ 2.png: sheet 1.2")
    assert "1.png" not in room.settled()


def test_two_scans_of_one_name_have_two_lines(room: Room) -> None:
    for number, name in ((1, "a"), (2, "b")):
        (room.folder / name).mkdir()
        shutil.copy(room.paper.folder / f"sheet {number}.png", room.folder / name / "scan.png")
    room.begin()
    room.give("a/scan.png b", "+ scan.png: sheet 1.1", "+ scan.png in b: sheet 1.2")
    room.give(f"'{room.folder}/b/scan.png'", "+ scan.png in b: sheet 1.2: seen already")
    assert "+ scan.png: sheet 1.1" in room.settled()


def test_only_stop_leaves_and_it_is_asked_about(room: Room) -> None:
    room.begin()
    room.give(room.picture(1), "1 sheet is in")
    room.give(
        "stop", "the declaration stands", "the sheet that was read is in this program's memory only", "Stop? [y/N]:"
    )
    room.give("", "Or just scan.")
    room.glass.type("\x04")
    room.sees("Stop? [y/N]:")
    room.give("perhaps", "Stop? [y/N]:")
    room.give("n", "Or just scan.")
    room.give("stop", "Stop? [y/N]:")
    room.give("y")
    room.ends("stopped; nothing was combined", 130)


def test_ctrl_c_pauses_and_the_board_is_there_again(room: Room) -> None:
    room.begin()
    room.give(room.picture(1), "1 sheet is in")
    room.glass.type(room.paper.codes[1])
    room.glass.sees(room.paper.codes[1][-10:])
    room.glass.type("\x03")
    room.sees("Press Enter to go on")
    assert not room.glass.holds(*room.paper.traces)
    room.give("", "1 sheet is in")
    for size in ((5, 20), (10, 40), (40, 120), (24, 80)):
        room.glass.resize(*size)
        room.glass.look(0.6)
    room.sees("in       1.1 North")
    room.glass.type("\x03")
    room.sees("Press Enter to go on")
    room.give("stop")
    room.ends("interrupted; what was recorded stands", 130)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_no_share(room: Room, number: int) -> None:
    pid = room.begin()
    room.glass.type(room.paper.codes[1])
    room.glass.sees(room.paper.codes[1][-10:])
    os.kill(pid, number)
    room.stage.ended()
    room.glass.until(lambda: not room.glass.holds(*room.paper.traces), "the share to be gone")
    room.glass.until(room.glass.echoes, "the echo")


def test_a_terminal_that_is_taken_away_ends_it(room: Room) -> None:
    room.begin(leads=True)
    room.give(room.picture(1), "1 sheet is in")
    room.glass.type(room.paper.codes[1])
    room.glass.sees(room.paper.codes[1][-10:])
    os.close(room.glass.ours)
    assert room.stage.ended() in (-signal.SIGHUP, 128 + signal.SIGHUP, 130)


@pytest.mark.parametrize("facts", [{"term": "dumb"}, {"plain": True}], ids=["dumb", "plain"])
def test_where_nothing_is_drawn_lines_are_printed(room: Room, facts: dict[str, object]) -> None:
    room.begin(**facts)  # type: ignore[arg-type]
    room.give(room.picture(1), "1 sheet is in, 2 more needed")
    room.glass.type(room.paper.codes[1][:60])
    room.sees("(60 characters of a share)")
    room.give(room.paper.codes[1][60:], "2 sheets are in")
    room.give("type")
    if "term" in facts:
        room.give("yes", "share 1, line 1:")
        assert ESCAPE not in room.glass.raw
    room.sees("share 1, line 1:")
    for line in room.paper.lines[2]:
        room.give(line)
    room.ends("enough: 1.1 1.2 1.3")


def test_who_does_not_want_to_type_there_goes_on_otherwise(room: Room) -> None:
    room.begin(term="dumb")
    room.give("type", "Type yes:")
    room.give("no", "nothing is typed here, then")
    for number in (1, 2, 3):
        room.give(room.picture(number))
    room.ends("enough: 1.1 1.2 1.3")


def test_tab_completes_a_path_at_the_board(room: Room) -> None:
    room.begin()
    room.glass.type(f"'{room.paper.folder}/she\t")
    room.sees("sheet 1.png   sheet 2.png")
    room.glass.type("4\t\r")
    room.sees("1 sheet is in")
    room.glass.type("\x1b[A\r")
    room.sees("seen already")
    room.glass.type("stop\ry\r")
    room.ends("stopped", 130)

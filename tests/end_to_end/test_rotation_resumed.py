# SPDX-License-Identifier: Apache-2.0
"""An interrupted rotation at a real terminal and without one: gone on with where it was, never given up by silence."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.life.state import EpochStatus
from breakglass_shamir.ledger import home
from tests.end_to_end.life import DECLARATION, NAME, Life, secrets_on_paper
from tests.end_to_end.room import Room
from tests.end_to_end.test_crash_matrix import Crash

PRINTED = "after record countersigned"
"""The step after which the new sheets are printed, and none is read back."""

ANSWERS = {
    "Go on with these?": "y",
    "Number or word [go on]": "",
    "Why, in words": "",
    "Who takes part here": "Olga, Oskar",
    "Folder or file with them (": "scans-2",
    "Does North hold": "y",
    "Does South hold": "y",
    "Does East hold": "n",
}
"""What people type at which question, whenever it comes."""

QUESTIONS = (
    "Number or word [go on]",
    "Why, in words",
    "Who takes part here",
    "Folder or file with them (",
    "Does South",
)
"""Every screen on which such a rotation waits for people."""


@pytest.fixture(scope="module")
def printed_once(sealed_once: Life, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rotation that was killed when its sheets were printed, as a folder to begin from."""
    sealed_once.restore()
    assert Crash(sealed_once, "rotate").kill_at(PRINTED)
    sealed_once.scan(2)
    return shutil.copytree(sealed_once.folder, tmp_path_factory.mktemp("printed") / "life")


@pytest.fixture
def printed(life: Life, printed_once: Path) -> Life:
    """A rotation that was killed when its sheets were printed; they lie on the scanner since."""
    shutil.rmtree(life.folder)
    shutil.copytree(printed_once, life.folder)
    return life


@pytest.fixture
def room(printed: Life) -> Iterator[Callable[[], Room]]:
    """Opens a terminal, as often as asked."""
    opened: list[Room] = []

    def make() -> Room:
        opened.append(Room(printed))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def holds(life: Life) -> None:
    """Hold that nothing was lost: the same epoch is printed, and the old sheets open the target."""
    with home.open_home(life.home) as ledger:
        state = ledger.state.of(NAME)
    assert state.prepared and not state.applying
    assert "abandoned" not in life.kinds()
    assert life.opens(life.secret)


def rotated(life: Life) -> None:
    """Hold that the printed epoch is in force, and the only one that opens the target."""
    assert "abandoned" not in life.kinds()
    assert life.kinds().count("issued") == 2
    assert any(map(life.opens, secrets_on_paper(life.sheets(2))))
    assert not life.opens(life.secret)


def test_a_killed_rotation_is_gone_on_with_by_answers_alone(printed: Life, room: Callable[[], Room]) -> None:
    people = room()
    people.begin("rotate", "--scan", printed.scans(1))
    people.answer(ANSWERS, until="Does South hold")
    people.hear()
    people.glass.type("n\r")
    people.answer(ANSWERS, until="Does East hold")
    people.hear()
    people.glass.type("n\r")
    people.glass.sees("press Enter to be asked again")
    people.glass.type("\r")
    people.answer(ANSWERS)
    assert people.end() == 0, people.text
    assert "what stands: epoch 2 is printed, not confirmed (0 of 3 sheets read back)" in people.text
    assert "the target still has epoch 1" in people.text
    assert "show 3 of the new sheets: 1.1 (North), 1.2 (South), 1.3 (East), epoch 2" in people.text
    rotated(printed)


def test_new_sheets_are_read_back_at_the_board_before_anybody_takes_one(life: Life) -> None:
    """Left once in the middle: what was read by then stays, and the next run wants the rest alone."""
    people = Room(life)
    people.begin("rotate", NAME, "--scan", life.scans(1), "--out", life.sheets(2))
    people.answer(ANSWERS, until="Who takes part here")
    people.hear()
    people.glass.type("Olga\r")
    people.glass.sees("epoch 2: no sheet is in yet, 3 to be read back")
    scan, *_ = life.scan(2)
    people.glass.type(f"'{scan}'\r")
    people.glass.sees("1 sheet is in, 2 more to be read back")
    people.glass.type("stop\r")
    people.glass.sees("Stop? [y/N]")
    people.glass.type("y\r")
    assert people.end() == 130, people.text
    assert "what stands: epoch 2 is printed, not confirmed (1 of 3 sheets read back)" in people.text
    people.close()
    people = Room(life)
    people.begin("rotate", NAME, "--scan", life.scans(1))
    people.answer({**ANSWERS, "Who takes part here": "Olga"}, until="Folder or file with them (")
    assert "show 2 of the new sheets: 1.2 (South), 1.3 (East), epoch 2" in people.text
    people.answer({**ANSWERS, "Who takes part here": "Olga"})
    assert people.end() == 0, people.text
    people.close()
    rotated(life)


def test_a_window_of_another_size_at_every_screen_changes_nothing(printed: Life, room: Callable[[], Room]) -> None:
    people = room()
    people.begin("rotate")
    for number, question in enumerate(("Number or word [go on]", "Why, in words", "Who takes part here")):
        people.answer(ANSWERS, until=question)
        people.glass.resize(*((10, 40), (40, 120), (24, 80))[number])
        people.glass.look(0.3)
        people.hear()
        people.glass.type(f"{ANSWERS[question]}\r")
    people.glass.sees("epoch 2: no sheet is in yet, 3 to be read back")
    for size in ((5, 20), (12, 44), (40, 120)):
        people.glass.resize(*size)
        people.glass.look(0.6)
    people.glass.sees("epoch 1: no sheet is in yet, 2 needed")
    people.glass.type("scans-1\r")
    people.answer(ANSWERS, until="Folder or file with them (")
    people.glass.resize(24, 80)
    people.answer(ANSWERS)
    assert people.end() == 0, people.text
    rotated(printed)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_an_interruption_at_any_question_loses_nothing(
    printed: Life, room: Callable[[], Room], how: signal.Signals
) -> None:
    for question in QUESTIONS:
        people = room()
        people.begin("rotate", NAME, "--scan", printed.scans(1))
        people.answer(ANSWERS, until=question)
        if how is signal.SIGINT:
            people.glass.type("\x03")
            assert people.end() == 130, people.text
            assert "is printed" in people.text[people.text.rindex(question) :]
        else:
            os.kill(people.process.pid, how)
            people.end()
        holds(printed)
    people = room()
    people.begin("rotate", NAME, "--scan", printed.scans(1))
    people.answer(ANSWERS)
    assert people.end() == 0, people.text
    rotated(printed)


def test_nothing_that_is_said_but_the_word_gives_an_epoch_up(printed: Life, room: Callable[[], Room]) -> None:
    people = room()
    people.begin("rotate", NAME, "--scan", printed.scans(1))
    people.answer(ANSWERS, until="Folder or file with them")
    for said in ("done", "no such folder", "scans-1"):
        people.hear()
        people.glass.type(f"{said}\r")
        people.answer(ANSWERS, until="Folder or file with them")
    people.glass.type("\r")
    people.glass.sees("Give a picture, a PDF or a folder")
    for said in ("", "done"):
        people.glass.type(f"{said}\r")
    people.glass.sees("there is nothing at done")
    people.glass.type("stop\r")
    people.glass.sees("Stop? [y/N]")
    people.glass.type("y\r")
    assert people.end() == 130, people.text
    holds(printed)


def test_giving_up_takes_the_word_twice_and_says_what_to_destroy(printed: Life, room: Callable[[], Room]) -> None:
    people = room()
    people.begin("rotate", NAME, "--scan", printed.scans(1), *printed.rotating(3))
    people.answer(ANSWERS, until="Number or word [go on]")
    people.glass.type("abandon\r")
    people.glass.sees("once more")
    people.glass.type("yes\r")
    people.glass.sees("expected the word abandon")
    people.glass.type("abandon\r")
    people.hear()
    with printed.office(3):
        people.answer({**ANSWERS, "Number or word [go on]": "abandon", "Type abandon once more": "abandon"})
    assert people.end() == 0, people.text
    told = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", people.text).split())
    assert "is abandoned: destroy its sheets 1.1 (North), 1.2 (South), 1.3 (East) and its drill cards" in told
    assert f"breakglass destroyed {NAME} 1.1 1.2 1.3 --epoch 2 --witness W --witness W2" in people.text
    with home.open_home(printed.home) as ledger:
        epochs = ledger.state.of(NAME).epochs.values()
    assert [one.status for one in epochs] == [EpochStatus.VOID, EpochStatus.ABANDONED, EpochStatus.GOOD]


def test_without_a_terminal_the_way_on_is_named_and_taken(printed: Life) -> None:
    refused = printed.run("rotate", NAME, "--scan", printed.scans(1), "--out", printed.sheets(3))
    assert refused.exit == 4, refused.err
    for words in ("epoch 2 is printed", "--scan OLD --scan NEW", "--scan OLD --abandon --out DIR"):
        assert words in refused.err
    holds(printed)
    assert not printed.sheets(3).exists()
    back = printed.folder / "readback-2"
    for scan in printed.scans(2).iterdir():
        scan.rename(back / scan.name)
    done = printed.run(
        "rotate", NAME, "--scan", printed.scans(1), "--readback", back, "--ack", "1", "--ack", "2", "--timeout", "30"
    )
    assert done.exit == 0, done.err
    assert list(back.iterdir()) == []
    rotated(printed)


def test_what_is_not_there_or_may_be_in_force_is_not_given_up(life: Life) -> None:
    nothing = life.run("rotate", NAME, "--scan", life.scans(1), "--abandon", "--out", life.sheets(2))
    assert nothing.exit == 3, nothing.err
    assert "none to give up" in nothing.err
    assert Crash(life, "rotate").kill_at("before connector.rotate")
    life.scan(2)
    scans = ("--scan", life.scans(1), "--scan", life.scans(2))
    applying = life.run("rotate", NAME, *scans, "--abandon", "--out", life.sheets(3))
    assert applying.exit == 3, applying.err
    assert "it is not given up" in applying.err
    assert life.run("rotate", NAME, *scans).exit == 0


def test_a_rotation_that_only_lacks_its_end_needs_no_sheet(life: Life) -> None:
    assert Crash(life, "rotate").kill_at("after record old-dead")
    life.scan(2)
    done = life.run("rotate", NAME)
    assert done.exit == 0, done.err
    assert life.kinds()[-1] == "closed"


def test_an_emergency_goes_on_with_what_a_killed_rotation_printed(printed: Life) -> None:
    debts = [word for debt in printed.status()["debts"] for word in ("--debt", debt["id"])]
    words = ("--scan", printed.scans(1), *debts, "--ack", "1", "--ack", "2", "--timeout", "20")
    use = ("--exec", "sh", "-c", "cat > /dev/null")
    alone = printed.recombine(*debts, "--out", printed.sheets(3), *use)
    assert alone.exit == 7, alone.err
    assert "show 3 of the new sheets" in alone.err
    assert not printed.sheets(3).exists()
    holds(printed)
    both = printed.run("recombine", NAME, *DECLARATION, *words, "--scan", printed.scans(2), *use)
    assert both.exit == 0, both.err
    rotated(printed)

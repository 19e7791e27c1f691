# SPDX-License-Identifier: Apache-2.0
"""``breakglass recombine`` with no other word, at a terminal: with every slip, after Ctrl-C and after SIGKILL."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from breakglass_shamir.custody.records.openings import Declared, Overridden
from tests.attacks.strangers import People
from tests.end_to_end.life import NAME, Life

pytestmark = pytest.mark.usefixtures("need_ssh_keygen")

Kept = TypeVar("Kept")

RIGHT = (
    ("What happened?", "idp"),
    ("Ticket", "INC-4711"),
    ("Reason, in words", "the directory is down"),
    ("Who takes part here", "Olga, Oskar"),
    ("How is it used?", "no-reveal"),
    ("Declare it?", ""),
)
"""The questions of an opening in their order, with an answer that holds."""


@pytest.fixture
def need_ssh_keygen(need: Callable[[str], str]) -> str:
    return need("ssh-keygen")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A life whose first epoch is sealed."""
    life = Life(tmp_path_factory.mktemp("guided") / "life")
    life.folder.mkdir()
    life.begin()
    life.seal()
    life.keep()
    return life


@pytest.fixture
def life(sealed: Life) -> Iterator[Life]:
    yield sealed
    sealed.restore()


def sit(life: Life, *words: str | Path) -> People:
    return People(life.command(*words), life.environment(), life.folder)


def stop(people: People) -> int:
    people.type("stop")
    return people.end()


def bodies(life: Life, kind: type[Kept]) -> list[Kept]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, kind)]


def answers(life: Life) -> str:
    file = life.home / "answers.json"
    return file.read_text() if file.exists() else ""


def test_every_slip_is_asked_again_and_none_ends_it(life: Life) -> None:
    people = sit(life, "recombine", "recovery-kye", "--scan", life.scans(1))
    people.answer("Did you mean recovery-key?", "")
    people.answer("What happened?", "ipd-outage")
    people.answer("expected one of idp-outage, network-outage", "n")
    people.answer("Number or word", "help")
    people.answer("leave, and be told what is left behind", "1")
    people.answer("Ticket", "4711")
    people.answer("Go on with '4711' all the same?", "")
    people.answer("Ticket", "INC-4711")
    people.answer("Reason, in words", "test")
    people.answer("all the same?", "n")
    people.answer("Reason, in words", "the directory is down")
    people.answer("Who takes part here", "Olga")
    people.answer("expected 2 different officers", "n")
    people.answer("Who takes part here", "back")
    people.answer("Reason, in words [the directory is down]", "")
    people.answer("Who takes part here", "Olga, Oskar")
    people.answer("How is it used?", "shwo")
    people.answer("did you mean show?", "no-reveal")
    people.answer("Declare it?", "yes please")
    people.answer("say back to change an answer", "")
    people.until("accepted (2 of 2)")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    assert life.kinds()[-1] == "use-ended"
    (declared,) = bodies(life, Declared)
    assert (declared.ticket, declared.reason) == ("INC-4711", "the directory is down")
    assert answers(life) in ("", '{\n "flows": {}\n}')


def test_a_wrong_ticket_is_passed_in_words(life: Life) -> None:
    people = sit(life, "recombine", NAME, "--scan", life.scans(1))
    people.answer("What happened?", "1")
    people.answer("Ticket", "none")
    people.answer("all the same?", "y")
    people.answer("Why?", "the ticket system is down too")
    for words, said in RIGHT[2:]:
        people.answer(words, said)
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    (passed,) = bodies(life, Overridden)
    assert (passed.gate, passed.reason) == ("ticket", "the ticket system is down too")


def test_the_program_killed_at_every_question_asks_only_what_was_not_answered(life: Life) -> None:
    """Who is in the room is asked anew each time; nothing else is."""
    for number, (words, said) in enumerate(RIGHT[:5]):
        people = sit(life, "recombine", NAME, "--scan", life.scans(1))
        if number:
            people.answer("Go on with these?", "")
        if number > 3:
            people.answer("Who takes part here", "Olga, Oskar")
        people.answer(words, said)
        people.until(RIGHT[number + 1][0])
        os.kill(people.pid, signal.SIGKILL)
        assert people.end() == -signal.SIGKILL
        asked = [question for question, _ in RIGHT[:number] if question != "Who takes part here"]
        assert not [question for question in asked if question in people.seen], people.seen
    assert "Olga" not in answers(life)
    assert "declared" not in life.kinds()


@pytest.mark.parametrize("command", ["sh -c 'login --password=hunter2'", "recipe:ssh -v -l hunter2 host"])
def test_a_command_that_was_typed_is_written_nowhere(life: Life, command: str) -> None:
    people = sit(life, "recombine", NAME, "--scan", life.scans(1))
    for words, said in RIGHT[:4]:
        people.answer(words, said)
    people.answer("How is it used?", "exec")
    people.answer("Which command?", command)
    people.until("Declare it?")
    os.kill(people.pid, signal.SIGKILL)
    people.end()
    assert '"mode": "exec"' in answers(life)
    assert "hunter2" not in answers(life)
    people = sit(life, "recombine", NAME, "--scan", life.scans(1))
    people.answer("Go on with these?", "")
    people.answer("Who takes part here", "Olga, Oskar")
    people.until("Which command?")
    assert "hunter2" not in people.seen
    assert stop(people) == 130


@pytest.mark.parametrize("waits", [True, False])
def test_a_window_that_is_gone_and_no_signal_tells_of_it_ends_what_was_asked(life: Life, waits: bool) -> None:
    """At the next question, or while what follows an answer is still written to it."""
    for number in (1, 3, 5):
        people = People(life.command("recombine", NAME), life.environment(), life.folder, nohup=True)
        if (life.home / "answers.json").exists():
            people.answer("Go on with these?", "no")
        for words, said in RIGHT[:number]:
            people.answer(words, said)
        if waits:
            people.until(RIGHT[number][0] if number < len(RIGHT) else "Declare it?")
        assert people.hang_up() == 130
    assert "declared" not in life.kinds()


def test_a_window_closed_at_any_question_or_at_the_board_leaves_what_was_said(life: Life) -> None:
    for number, (words, said) in enumerate(RIGHT):
        people = sit(life, "recombine", NAME)
        if number:
            people.answer("Go on with these?", "")
        if number > 3 and words != "Who takes part here":
            people.answer("Who takes part here", "Olga, Oskar")
        if number < 5:
            people.answer(words, said)
        people.until(RIGHT[min(number + 1, 5)][0])
        assert people.hang_up() in (-signal.SIGHUP, 128 + signal.SIGHUP, 130)
    assert "declared" not in life.kinds()
    people = sit(life, "recombine", NAME)
    people.answer("Go on with these?", "")
    people.answer("Who takes part here", "Olga, Oskar")
    people.answer("Declare it?", "")
    first, *_ = sorted(life.scans(1).iterdir())
    people.answer("no sheet is in yet", f"'{first}'")
    people.until("1 sheet is in")
    assert people.hang_up() in (-signal.SIGHUP, 128 + signal.SIGHUP, 130)
    assert life.kinds()[-1] == "declared"
    people = sit(life, "recombine", NAME)
    people.until("Continue the declared opening of")
    assert stop(people) == 130


def test_ctrl_c_at_every_question_leaves_a_state_that_goes_on(life: Life) -> None:
    for number, (words, said) in enumerate(RIGHT):
        people = sit(life, "recombine", NAME, "--scan", life.scans(1))
        if number:
            people.answer("Go on with these?", "")
        if number > 3 and words != "Who takes part here":
            people.answer("Who takes part here", "Olga, Oskar")
        people.until(words)
        os.write(people._ours, b"\x03")
        assert people.end() == 130, people.seen
        if number < 5:
            people = sit(life, "recombine", NAME, "--scan", life.scans(1))
            if number:
                people.answer("Go on with these?", "")
            if number > 3:
                people.answer("Who takes part here", "Olga, Oskar")
            people.answer(words, said)
            people.until(RIGHT[number + 1][0])
            assert stop(people) == 130
    assert "declared" not in life.kinds()


def test_back_at_the_board_changes_the_last_answer_and_no_sheet_is_shown_twice(life: Life) -> None:
    first, second, *_ = sorted(life.scans(1).iterdir())
    people = sit(life, "recombine", NAME)
    for words, said in RIGHT:
        people.answer(words, said)
    people.answer("no sheet is in yet, 2 needed", f"'{first}'")
    people.answer("1 sheet is in, 1 more needed", "back")
    people.answer("Number or word [no-reveal]", "exec")
    people.answer("Which command?", "back")
    people.answer("Number or word [exec]", "no-reveal")
    people.until("in memory from before: sheet 1.1 of")
    people.answer("1 sheet is in, 1 more needed", f"'{second}'")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    assert not {"refused", "cancelled"} & {*life.kinds()}
    assert life.kinds().count("declared") == 1


@pytest.fixture
def declared(life: Life) -> Life:
    """A declaration under which nobody has brought a sheet."""
    words = ("--class", "idp-outage", "--ticket", "INC-4711", "--reason", "idp is down")
    done = life.run(
        "recombine", NAME, *words, "--officer", "Olga", "--officer", "Oskar", "--no-reveal", "--typed", os.devnull
    )
    assert done.exit == 4, done.err
    return life


def test_a_declaration_that_holds_is_gone_on_under_without_its_words(declared: Life) -> None:
    people = sit(declared, "recombine", "--scan", declared.scans(1))
    people.answer("Continue the declared opening of", "")
    people.answer("Who takes part here", "oskar, olga")
    people.answer("How is it used?", "no-reveal")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    assert "(INC-4711, 'idp is down')? [Y/n]" in people.seen
    assert declared.kinds().count("declared") == 1


def test_other_people_declare_anew(declared: Life) -> None:
    people = sit(declared, "recombine", "--scan", declared.scans(1))
    people.answer("Continue the declared opening of", "y")
    people.answer("Who takes part here", "Olga, Nora")
    people.answer("How is it used?", "no-reveal")
    people.answer("It was declared by Olga, Oskar. Withdraw it, and declare anew with Olga, Nora?", "")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    assert [kind for kind in declared.kinds() if kind in ("declared", "cancelled")] == [
        "declared",
        "cancelled",
        "declared",
    ]


def test_a_declaration_that_nobody_wants_is_withdrawn(declared: Life) -> None:
    people = sit(declared, "recombine", "--scan", declared.scans(1))
    people.answer("Continue the declared opening of", "n")
    people.answer("Withdraw it, and declare another one?", "")
    people.answer("What happened?", "stop")
    assert people.end() == 130, people.seen
    assert declared.kinds()[-1] == "cancelled"


def test_who_stops_is_told_what_is_left(declared: Life) -> None:
    people = sit(declared, "recombine", "--scan", declared.scans(1))
    people.answer("Continue the declared opening of", "")
    people.answer("Who takes part here", "stop")
    assert people.end() == 130
    assert "withdraw it with: breakglass cancel recovery-key --reason R" in people.seen
    assert "go on with: breakglass recombine recovery-key" in people.seen


def test_a_use_that_nobody_ended_is_asked_about(life: Life) -> None:
    people = sit(life, "recombine", NAME, "--scan", life.scans(1))
    for words, said in RIGHT:
        people.answer(words, "show" if words == "How is it used?" else said)
    people.answer("Show the credential here all the same?", "yes")
    people.answer("Ready? Enter shows it", "what?")
    people.answer("another way", "back")
    people.until("again      show the credential once more")
    assert "ssh-key://" not in people.seen
    assert life.kinds()[-1] == "opened"
    people.answer("type what it was", "again")
    people.until("target   ssh-key://")
    people.until("type what it was")
    os.kill(people.pid, signal.SIGKILL)
    people.end()
    people = sit(life, "recombine", "--scan", life.scans(1))
    people.answer("What of it?", "1")
    people.answer("Go on with these?", "")
    people.answer("Who takes part here", "Olga, Oskar")
    people.answer("Open it knowing that?", "")
    people.answer("Declare it?", "back")
    people.answer("Number or word [show]", "no-reveal")
    people.answer("Declare it?", "")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen


def test_a_machine_that_knows_nothing_asks_in_its_own_order(life: Life, tmp_path: Path) -> None:
    """No policy, so any class will do; the sheets say which set."""
    shutil.rmtree(life.home)
    people = sit(life, "recombine", "--scan", life.scans(1))
    people.answer("What happened, in a word", "idp-outage")
    for words, said in RIGHT[1:]:
        people.answer(words, said)
    people.answer("Type the URI of the target", "")
    people.answer("type what it was", "emergency")
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen


def test_a_gate_that_an_option_passes_is_asked_about_by_nobody(life: Life) -> None:
    words = ("--class", "idp-outage", "--ticket", "none", "--reason", "idp is down", "--officer", "Olga")
    passed = ("--officer", "Oskar", "--override", "ticket", "--override-reason", "there is no ticket system")
    people = sit(life, "recombine", NAME, *words, *passed, "--no-reveal", "--scan", life.scans(1))
    people.answer("Where do the new sheets go?", "later")
    assert people.end() == 7, people.seen
    assert "all the same?" not in people.seen
    assert [one.gate for one in bodies(life, Overridden)] == ["ticket"]


def test_a_ledger_that_cannot_be_used_has_a_way_on_in_words(life: Life) -> None:
    (life.home / "ledger.sqlite").write_bytes(b"no ledger at all" * 300)
    people = sit(life, "recombine", NAME, "--scan", life.scans(1))
    people.answer("write the record to another folder", "elsewhere")
    people.answer("Folder for the record", str(life.folder / "stick"))
    people.answer("What happened, in a word", "stop")
    assert people.end() == 130, people.seen
    assert (life.folder / "stick" / "ledger.sqlite").exists()

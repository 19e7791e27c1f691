# SPDX-License-Identifier: Apache-2.0
"""Guided flows: questions that no answer ends, and answers that survive an interruption."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from breakglass_shamir.cli.guide import place
from breakglass_shamir.cli.guide.asking import Guide, Step
from breakglass_shamir.cli.guide.memory import FILE_NAME, KEPT_FOR_S, MAX_BYTES, Memory
from breakglass_shamir.cli.guide.question import Choice, ClosesGate, Question
from breakglass_shamir.cli.guide.recall import recalled
from breakglass_shamir.cli.screen import answers
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.errors import Stopped
from breakglass_shamir.formats import parity, text
from breakglass_shamir.nearest import nearest

SHARE_TEXT = "BGS1:" + text.encode(parity.protect(bytes(range(43))))

CLASSES = (Choice("idp-outage"), Choice("mfa-outage"), Choice("network-outage"))


def ticket(said: str) -> str:
    if not said.startswith("INC-"):
        raise ClosesGate(f"expected a ticket such as INC-4711, got {said!r}")
    return said


STEPS: Sequence[Step] = (
    lambda _: Question("class", "What happened?", choices=CLASSES, gate="class"),
    lambda _: Question("ticket", "Ticket", check=ticket, gate="ticket"),
    lambda _: Question("reason", "Reason"),
    lambda _: Question("who", "Who is here", kept=False),
)


class People:
    """Who answers what at each question, and what they are told."""

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self.asked: list[str] = []
        self.waiting: list[str] = []
        self.terminal = Terminal(home, as_json=False, color=False)
        patch.setattr(answers, "ask", self._ask)

    def say(self, *said: str) -> "People":
        self.waiting = [*said]
        return self

    def _ask(self, question: str, **_more: object) -> str:
        self.asked.append(question)
        return self.waiting.pop(0)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> People:
    return People(monkeypatch, tmp_path)


def guide(people: People, memory: Memory | None = None, *, emergency: bool = False) -> Guide:
    return Guide(people.terminal, memory, may_pass=emergency, command="breakglass recombine")


def test_numbers_words_and_beginnings_choose(people: People) -> None:
    for said in ("2", "mfa-outage", "MFA"):
        people.say(said, "INC-1", "no login works", "Anna")
        assert guide(people).ask_all(STEPS, {})["class"] == "mfa-outage"


@pytest.mark.parametrize(
    "wrong", ["4", "0", "-1", "", "outage", "x" * 5000, "²", "9" * 50, "\x00", "idp-outage, mfa-outage"]
)
def test_no_wrong_choice_ends_the_flow(people: People, wrong: str) -> None:
    people.say(wrong, "1", "INC-1", "no login works", "Anna")
    assert guide(people).ask_all(STEPS, {})["class"] == "idp-outage"


def test_a_word_that_is_nearly_right_gets_the_nearest(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    people.say("ipd-outage", "1", "INC-1", "no login works", "Anna")
    guide(people).ask_all(STEPS, {})
    assert "did you mean idp-outage?" in capsys.readouterr().err


def test_back_goes_to_the_question_before_and_keeps_its_answer(people: People) -> None:
    people.say("1", "INC-1", "back", "", "no login works", "back", "back", "INC-2", "", "Anna")
    found = guide(people).ask_all(STEPS, {})
    assert found == {"class": "idp-outage", "ticket": "INC-2", "reason": "no login works", "who": "Anna"}
    assert "Ticket [INC-1]" in people.asked


def test_back_also_goes_into_what_an_option_answered(people: People) -> None:
    people.say("back", "INC-2", "no login works", "Anna")
    assert guide(people).ask_all(STEPS, {"class": "idp-outage", "ticket": "INC-1"})["ticket"] == "INC-2"


def test_back_at_the_first_question_is_answered_and_ends_nothing(people: People) -> None:
    people.say("back", "back", "1", "INC-1", "no login works", "Anna")
    assert guide(people).ask_all(STEPS, {})["class"] == "idp-outage"


def test_help_explains_and_asks_again(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    people.say("help", "?", "1", "INC-1", "no login works", "Anna")
    guide(people).ask_all(STEPS, {})
    assert capsys.readouterr().err.count("leave, and be told what is left behind") == 2


def test_stop_says_what_is_left_and_how_to_go_on(people: People) -> None:
    people.say("1", "stop")
    with pytest.raises(Stopped) as stopped:
        guide(people).ask_all(STEPS, {})
    assert (stopped.value.exit_code, stopped.value.hint) == (130, "go on with: breakglass recombine")


@pytest.mark.parametrize("given", ["7", "INC", "", "inc-1"])
def test_a_wrong_option_is_asked_for_again(people: People, given: str) -> None:
    people.say("INC-9", "no login works", "Anna")
    assert guide(people).ask_all(STEPS, {"class": "idp-outage", "ticket": given})["ticket"] == "INC-9"


def test_a_number_given_as_an_option_chooses_nothing(people: People) -> None:
    people.say("2", "INC-9", "no login works", "Anna")
    assert guide(people).ask_all(STEPS, {"class": "1"})["class"] == "mfa-outage"


def test_why_a_check_is_passed_is_not_asked_twice(people: People, tmp_path: Path) -> None:
    """Where another answer is given in the meantime, it is."""
    memory = Memory(tmp_path, "recombine prod-db")
    people.say("1", "4711", "y", "the ticket system is down", "stop")
    with pytest.raises(Stopped):
        guide(people, memory, emergency=True).ask_all(STEPS, {})
    kept = dict(memory.recall().answers)
    assert kept == {"class": "idp-outage", "ticket": "4711", "why-ticket": "the ticket system is down"}
    people.say("no login works", "Anna")
    again = guide(people, memory, emergency=True)
    assert again.ask_all(STEPS, kept)["ticket"] == "4711"
    assert again.passed == {"ticket": "the ticket system is down"}
    people.say("", "n", "INC-1", "Anna")
    other = guide(people, memory, emergency=True)
    assert other.ask_all(STEPS, {**recalled(other, {"ticket": "4712"}), "ticket": "4712"})["ticket"] == "INC-1"
    assert other.passed == {}


def test_back_at_the_reason_why_passes_nothing(people: People) -> None:
    people.say("1", "4711", "y", "back", "INC-1", "no login works", "Anna")
    asking = guide(people, emergency=True)
    assert asking.ask_all(STEPS, {})["ticket"] == "INC-1"
    assert asking.passed == {}


def test_the_last_question_is_asked_again_when_people_come_back(people: People) -> None:
    people.say("back", "there is another reason", "")
    told = {"class": "idp-outage", "ticket": "INC-1", "reason": "no login works", "who": "Anna"}
    found = guide(people).ask_all(STEPS, told, reopens=True)
    assert found == {**told, "reason": "there is another reason"}


def test_an_emergency_passes_a_wrong_answer_with_a_reason(people: People) -> None:
    people.say("1", "4711", "y", "the ticket system is down", "no login works", "Anna")
    asking = guide(people, emergency=True)
    assert asking.ask_all(STEPS, {})["ticket"] == "4711"
    assert asking.passed == {"ticket": "the ticket system is down"}


def test_nobody_but_an_emergency_passes_one(people: People) -> None:
    people.say("1", "4711", "INC-4711", "no login works", "Anna")
    asking = guide(people)
    assert asking.ask_all(STEPS, {})["ticket"] == "INC-4711"
    assert asking.passed == {}


def test_a_gate_that_was_passed_with_one_wrong_answer_is_asked_about_with_another(people: People) -> None:
    people.say("1", "4711", "y", "the ticket system is down", "back", "4712", "n", "INC-1", "no login works", "Anna")
    assert guide(people, emergency=True).ask_all(STEPS, {})["ticket"] == "INC-1"


def test_a_gate_that_an_option_passed_is_not_asked_about(people: People) -> None:
    people.say("no login works", "Anna")
    asking = guide(people, emergency=True)
    asking.passed["ticket"] = "the ticket system is down"
    assert asking.ask_all(STEPS, {"class": "idp-outage", "ticket": "none"})["ticket"] == "none"


def test_another_answer_may_be_typed_in_the_place_of_yes_or_no(people: People) -> None:
    people.say("1", "4711", "INC-4711", "no login works", "Anna")
    asking = guide(people, emergency=True)
    assert asking.ask_all(STEPS, {})["ticket"] == "INC-4711"
    assert asking.passed == {}


def test_who_does_not_want_to_pass_answers_again(people: People) -> None:
    people.say("1", "4711", "", "INC-4711", "no login works", "Anna")
    asking = guide(people, emergency=True)
    assert asking.ask_all(STEPS, {})["ticket"] == "INC-4711"
    assert asking.passed == {}


def test_what_was_answered_is_there_after_a_crash_but_who_is_in_the_room(people: People, tmp_path: Path) -> None:
    people.say("1", "INC-1", "no login works", "Anna")
    guide(people, Memory(tmp_path, "recombine prod-db")).ask_all(STEPS, {})
    again = Memory(tmp_path, "recombine prod-db")
    assert again.recall().answers == {"class": "idp-outage", "ticket": "INC-1", "reason": "no login works"}
    people.say("Ben")
    assert guide(people, again).ask_all(STEPS, again.recall().answers)["who"] == "Ben"
    assert Memory(tmp_path, "recombine other").recall().answers == {}


def test_answers_are_forgotten_at_the_end_and_after_a_night(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "recombine")
    memory.keep({"ticket": "INC-1"})
    memory.forget()
    assert memory.recall().answers == {}
    memory.keep({"ticket": "INC-1"})
    file = tmp_path / FILE_NAME
    document = json.loads(file.read_text())
    document["flows"]["recombine"]["at"] = int(time.time()) - KEPT_FOR_S - 1
    file.write_text(json.dumps(document))
    assert memory.recall().answers == {}


def test_a_share_is_never_kept(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "recombine")
    memory.keep({"ticket": "INC-1", "reason": SHARE_TEXT})
    assert memory.recall().answers == {"ticket": "INC-1"}
    assert SHARE_TEXT[8:40] not in (tmp_path / FILE_NAME).read_text()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\xff\x00"),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.write_text('{"flows": []}'),
        lambda file: file.write_text('{"flows": {"recombine": {"at": "now", "answers": {"ticket": 7}}}}'),
        lambda file: file.write_text('{"flows": {"recombine": {"at": 99999999999999, "answers": {"ticket": "x"}}}}'),
        lambda file: file.write_bytes(b" " * (MAX_BYTES + 1)),
        os.mkfifo,
        lambda file: file.mkdir(),
        lambda file: file.symlink_to("/dev/zero"),
    ],
)  # fmt: skip
def test_a_file_of_answers_that_somebody_wrote_counts_as_nothing(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    damage(tmp_path / FILE_NAME)
    memory = Memory(tmp_path, "recombine")
    assert memory.recall().answers == {}
    memory.keep({"ticket": "INC-1"})
    memory.forget()


def test_a_kept_answer_that_no_longer_holds_is_asked_for(people: People) -> None:
    kept: Mapping[str, str] = {"class": "a class of another policy", "ticket": "INC-1", "reason": "no login works"}
    people.say("3", "Anna")
    assert guide(people).ask_all(STEPS, kept)["class"] == "network-outage"


def test_near_words_are_found_and_far_ones_are_not() -> None:
    assert nearest("prod-bd", ["prod-db", "wiki"]) == "prod-db"
    assert nearest("zzz", ["prod-db", "wiki"]) == ""


BACK_FROM: Sequence[Step] = (
    lambda _: Question("place", "Where do they go?", choices=(Choice("folder"), Choice("printer"))),
    lambda _: Question("scans", "Folder of scans", default="", default_shown="later"),
    lambda _: Question("last", "Anything else"),
)


@pytest.mark.parametrize("again", ["later", "Later", " LATER "])
def test_words_in_brackets_can_be_had_after_another_answer(people: People, again: str) -> None:
    people.say("folder", "scans-1", "back", again, "no")
    assert guide(people).ask_all(BACK_FROM, {})["scans"] == ""
    assert people.asked[3] == "Folder of scans (or: later) [scans-1]"


def test_what_was_answered_with_enter_is_shown_in_the_same_words_after_back(people: People) -> None:
    people.say("folder", "", "back", "", "no")
    assert guide(people).ask_all(BACK_FROM, {})["scans"] == ""
    assert people.asked[3] == "Folder of scans [later]"


@pytest.mark.parametrize(
    ("said", "taken"), [("y", "now"), ("Yes", "now"), ("n", "later"), ("no", "later"), ("now", "now"), ("2", "later")]
)
def test_yes_and_no_are_heard_where_a_question_sounds_like_it(people: People, said: str, taken: str) -> None:
    choices = (Choice("now"), Choice("later"))
    people.say(said)
    assert guide(people).ask(Question("q", "Taken?", choices=choices, agreed="now", declined="later")) == taken


@pytest.mark.parametrize("said", ["leave", "2", "n", "stop"])
def test_a_choice_that_leaves_does_so(people: People, said: str) -> None:
    choices = (Choice("known"), Choice("leave"))
    people.say(said)
    with pytest.raises(Stopped):
        guide(people).ask(
            Question("q", "Go on?", choices=choices, default="known", agreed="known", declined="leave", stops="leave")
        )


def folder_steps(people: People) -> Sequence[Step]:
    return place.steps(guide(people), may_wait=False)


def test_another_path_in_place_of_a_yes_is_taken(people: People, tmp_path: Path) -> None:
    wrong, right, scans = tmp_path / "sheetz", tmp_path / "new sheets", tmp_path / "scans"
    scans.mkdir()
    people.say("folder", str(wrong), str(right), "help", "y", str(scans))
    found = guide(people).ask_all(folder_steps(people), {})
    assert found["out"] == str(right)
    assert found["readback"] == str(scans)
    assert right.is_dir()
    assert not wrong.exists()


def test_a_path_in_place_of_a_yes_is_checked_like_any(people: People, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "file"
    file.write_text("x")
    out.mkdir()
    people.say(
        "folder", str(tmp_path / "a"), str(file), str(tmp_path / "b"), "n", str(tmp_path / "c"), "back", str(out),
        str(tmp_path / "d"), str(out), "",
    )  # fmt: skip
    assert guide(people).ask_all(folder_steps(people), {})["readback"] == ""
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "out"]


def test_a_folder_may_be_named_anew_outside_a_guided_flow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong, right = tmp_path / "a", tmp_path / "b c"
    typed = [str(wrong), str(right), "y"]

    def ask(_question: str, *, check: Callable[[str], str] = lambda _: "", **_more: object) -> str:
        assert not check(typed[0])
        return typed.pop(0)

    monkeypatch.setattr(answers, "ask", ask)
    assert answers.ask_folder("Folder") == right
    assert right.is_dir()
    assert not wrong.exists()

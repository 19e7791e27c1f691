# SPDX-License-Identifier: Apache-2.0
"""A use that stays open: what may follow a reveal, what is on record before it, and what ends it."""

from collections.abc import Callable, Iterator

import pytest

from breakglass_shamir import Credential, EmptyDesk, Home, HowNext, OpenUse, Request, Sources, Use, errors
from breakglass_shamir.custody.records.openings import Refused, Revealing, UseEnded
from tests.end_to_end.life import NAME, Life, assert_holds_no

WHO = ("emergency", "idp-outage", "INC-1234", "nobody can log in", ("Olga", "Oskar"))


class Room(EmptyDesk):
    """People who say one thing after the other, and look into the ledger whenever they see the credential."""

    def __init__(self, life: Life, *answers: HowNext | Callable[[OpenUse], HowNext]) -> None:
        self.life = life
        self.answers = list(answers)
        self.asked: list[OpenUse] = []
        self.heard: list[str] = []
        self.shown: list[list[str]] = []
        self.agreements: list[bool] = []

    def say(self, line: str) -> None:
        self.heard.append(line)

    warn = say

    def can_ask(self) -> bool:
        return True

    def agrees(self, question: str) -> bool:
        return self.agreements.pop(0)

    def require_screen(self) -> None:
        """There is one."""

    def show(self, credential: Credential, seconds: int) -> None:
        assert credential.secret == self.life.secret
        self.shown.append(self.life.kinds())

    def how_next(self, use: OpenUse) -> HowNext:
        self.asked.append(use)
        said = self.answers.pop(0)
        return said if isinstance(said, HowNext) else said(use)


OVER = HowNext(classification="emergency")
AGAIN = HowNext("show")


@pytest.fixture
def use(life: Life) -> Iterator[Callable[..., Room]]:
    """Open the set with these people, until the rotation is owed."""

    def made(
        mode: str, *answers: HowNext | Callable[[OpenUse], HowNext], command: tuple[str, ...] = (),
        agrees: tuple[bool, ...] = (),
    ) -> Room:  # fmt: skip
        room = Room(life, *answers)
        room.agreements = list(agrees)
        request = Request(*WHO, mode, 600)
        with Home(life.home, room) as home, pytest.raises(errors.RotationDue):
            home.recombine(NAME, request, Sources(scans=tuple(life.some_scans(1, 2))), Use(command))
        assert not room.answers
        assert_holds_no(life.secret, "what they heard", "\n".join(room.heard).encode())
        return room

    yield made


def bodies(life: Life, kind: type) -> list[object]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, kind)]


def test_three_ways_may_follow_each_other_and_each_is_on_record_before_it_happens(
    use: Callable[..., Room], life: Life
) -> None:
    given = life.folder / "given"
    room = use("exec", AGAIN, HowNext("exec", ("sh", "-c", f"cat > {given}")), AGAIN, OVER, command=("false",))
    assert given.read_bytes() == life.secret.reveal()
    assert [kinds[-2:] for kinds in room.shown] == [["refused", "revealing"], ["revealing", "revealing"]]
    assert life.kinds()[-7:] == ["opened", "in-use", "refused", "revealing", "revealing", "revealing", "use-ended"]
    assert [body.mode for body in bodies(life, Revealing)] == ["show", "exec", "show"]  # type: ignore[attr-defined]
    (ended,) = bodies(life, UseEnded)[-1:]
    assert ended == UseEnded(
        outcome="the command ended with exit code 1; shown on the screen; the command ended well; shown on the screen; "
        "the officers ended the use",
        classification="emergency",
    )
    assert room.asked[0].happened == "false: the command ended with exit code 1"
    assert room.asked[0].classifications == ("emergency", "misuse")
    assert room.asked[0].target.startswith("ssh-key://")


def test_what_cannot_be_done_is_said_and_the_use_stays_open(use: Callable[..., Room], life: Life) -> None:
    def only_exec(asked: OpenUse) -> HowNext:
        assert asked.modes == ("show", "exec", "no-reveal")
        return HowNext("ask")

    room = use(
        "show", HowNext("exec", ("no-such-program",)), HowNext("exec", ("recipe:ssh", "-i", "/nowhere", "h")),
        only_exec, OVER,
    )  # fmt: skip
    assert "nothing was revealed: expected a program for --exec" in room.asked[1].happened
    assert "nothing was revealed: expected a key file after -i, found none" in room.asked[2].happened
    assert "allows show, exec, no-reveal, not ask" in room.asked[3].happened
    assert bodies(life, Revealing) == []
    assert len(room.shown) == 1


def test_a_command_that_would_run_the_credential_is_asked_about_and_named_in_the_record(
    use: Callable[..., Room], life: Life
) -> None:
    def yes(asked: OpenUse) -> HowNext:
        assert "not run: sh takes its standard input for its program" in asked.happened
        return HowNext("exec", ("sh", "-n"))

    use("show", HowNext("exec", ("sh",)), yes, OVER, agrees=(False, True))
    (revealing,) = bodies(life, Revealing)
    assert isinstance(revealing, Revealing)
    assert (revealing.mode, len(revealing.warned)) == ("exec", 1)


def test_a_login_that_fails_may_be_followed_by_another_way(use: Callable[..., Room], life: Life) -> None:
    def move(asked: OpenUse) -> HowNext:
        assert asked.happened.startswith(("login by the connector: unknown", "no login:"))
        return AGAIN

    life.key.rename(life.folder / "elsewhere")
    room = use("no-reveal", move, OVER)
    assert [kinds[-3:] for kinds in room.shown] == [["opened", "in-use", "revealing"]] or room.shown[0][
        -1
    ] == "revealing"


def test_a_use_that_is_closed_elsewhere_shows_nothing_more(use: Callable[..., Room], life: Life) -> None:
    def close(asked: OpenUse) -> HowNext:
        life.ok("close", NAME, "--as", "misuse")
        assert asked.ended()
        return AGAIN

    room = use("show", close)
    assert len(room.shown) == 1
    assert life.kinds()[-1] == "use-ended"


def test_what_cannot_be_recorded_is_not_shown_again(
    use: Callable[..., Room], life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    from breakglass_shamir.ledger.store import Ledger

    plain = Ledger.append

    def full(self: Ledger, body: object, **more: object) -> object:
        if isinstance(body, Revealing):
            raise errors.LedgerUnwritable("the ledger could not be written: no space left")
        return plain(self, body, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "append", full)
    room = use("show", AGAIN, OVER)
    assert "nothing was revealed: the ledger could not be written" in room.asked[1].happened
    assert len(room.shown) == 1
    assert bodies(life, Refused) == []

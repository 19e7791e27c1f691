# SPDX-License-Identifier: Apache-2.0
"""A change waits for sessions of the account: how often it asks, what ends the wait, and what is on record."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pytest

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import SessionsAwaited
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import sessions
from breakglass_shamir.operations.rotation.sessions import LONGEST_PAUSE_S, OwnSessions

SECRET = Secret(b"copper kettle")


class Counted(Connector):
    """A target that tells one count after the other, and the last one for ever."""

    scheme: ClassVar[str] = "counted"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this account"
    abilities: ClassVar[frozenset[str]] = frozenset({"open_sessions"})

    counts: tuple[int, ...] = (0,)
    asked = 0

    def _preflight(self, _new: Secret | None) -> Preflight:
        return Preflight((), (), None, self.scope)

    def _check(self, _credential: Secret) -> Check:
        return Check(CheckResult.UNKNOWN, "nobody asks")

    def _rotate(self, _old: Secret, _new: Secret) -> None:
        raise AssertionError("a wait changes nothing")

    def _open_sessions(self, _credential: Secret) -> int:
        count = self.counts[min(self.asked, len(self.counts) - 1)]
        self.asked += 1
        if count < 0:
            raise ConnectorError("out of reach")
        return count


class Silent(Counted):
    """One that cannot tell."""

    scheme: ClassVar[str] = "silent"
    abilities: ClassVar[frozenset[str]] = frozenset()


@dataclass
class Room:
    """The clock, the people and the ledger around a wait."""

    enter_at_s: float = float("inf")
    now_s: float = 0.0
    typed_ahead: int = 0
    said: list[str] = field(default_factory=list)
    records: list[AnyBody] = field(default_factory=list)

    @property
    def desk(self) -> "Room":
        return self

    def append(self, body: AnyBody) -> None:
        self.records.append(body)

    def say(self, line: str) -> None:
        self.said.append(line)

    warn = say

    def says_enough(self) -> bool:
        if self.typed_ahead:
            self.typed_ahead -= 1
            return True
        return self.now_s >= self.enter_at_s

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, limit_s: int, *endpoints: Connector) -> None:
        OwnSessions(cast("Recorder", self), endpoints).wait(SECRET, limit_s)

    @property
    def noted(self) -> list[tuple[int, int]]:
        return [(body.count, body.for_s) for body in self.records if isinstance(body, SessionsAwaited)]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room()
    monkeypatch.setattr(sessions, "time", cast("Any", made))
    return made


def telling(*counts: int, name: str = "a") -> Counted:
    made = Counted(f"counted:{name}")
    made.counts = counts
    return made


def test_nothing_open_is_nothing_to_wait_for(room: Room) -> None:
    room.wait(600, telling(0), Silent("silent:b"))
    assert (room.now_s, room.records, room.said) == (0.0, [], [])


def test_it_waits_until_the_last_endpoint_has_none(room: Room) -> None:
    room.wait(600, telling(2, 1, 0), telling(0, 0, 1, 1, 0, name="b"))
    assert room.noted == [(2, 600), (0, 0)]
    assert room.now_s == pytest.approx(1 + 2 + 4 + 8)
    assert "counted:a: 2 sessions" in room.said[0]


def test_it_waits_no_longer_than_the_policy_says_and_says_what_is_left(room: Room) -> None:
    endpoint = telling(1)
    room.wait(600, endpoint)
    assert room.now_s == pytest.approx(600)
    assert room.noted == [(1, 600), (1, 0)]
    assert "waited for no longer: counted:a: 1 session" in room.said[-1]
    assert endpoint.asked < 600 / LONGEST_PAUSE_S + 10, "each question is a login"


def test_enter_goes_on_at_once(room: Room) -> None:
    room.enter_at_s = 100
    room.wait(600, telling(1))
    assert 100 <= room.now_s < 101
    assert room.noted == [(1, 600), (1, 0)]


def test_an_enter_from_before_the_question_is_no_answer_to_it(room: Room) -> None:
    room.typed_ahead = 3
    room.wait(600, telling(1, 1, 0))
    assert room.now_s == pytest.approx(1 + 2)
    assert room.noted == [(1, 600), (0, 0)]


def test_a_target_that_stops_answering_holds_nothing_up(room: Room) -> None:
    room.wait(600, telling(1, -1))
    assert room.now_s == pytest.approx(1)
    assert any("is not known" in line for line in room.said)
    assert room.noted == [(1, 600), (0, 0)]


def test_an_interrupted_wait_is_over_on_record(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever interrupts the program would have the rest of the time for logins that the watch takes for its own."""

    def interrupted() -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "says_enough", interrupted)
    with pytest.raises(KeyboardInterrupt):
        room.wait(600, telling(1))
    assert room.noted == [(1, 600), (1, 0)]

# SPDX-License-Identifier: Apache-2.0
"""No question of the program shuts the living account, whatever limit a target told of."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs, bill
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.rotation.probing import Living, Pace, Prober, find_living
from breakglass_shamir.operations.rotation.proof import Proof

OLD, NEW, OTHER = Secret(b"copper kettle"), Secret(b"quiet harbour"), Secret(b"seven lanterns")
MADE = datetime(2026, 11, 25, 9, tzinfo=UTC)


class Counting(Connector):
    """A target that locks the account after some wrong passwords in a row, and says so."""

    scheme: ClassVar[str] = "counting"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this account"
    abilities: ClassVar[frozenset[str]] = frozenset({"password_changed_at"})

    living, most, wrong, pause_s = NEW, 1, 0, 0.0
    changed: datetime | None = None
    hash_of: Secret | None = None

    def _preflight(self, new: Secret | None) -> Preflight:
        return Preflight((), (), None, self.scope)

    def _check(self, credential: Secret) -> Check:
        if self.wrong >= self.most:
            raise AssertionError("the account is locked, by a question of the program")
        if credential == self.living:
            self.wrong = 0
            return Check(CheckResult.ACCEPTED, "let in")
        self.wrong += 1
        return Check(CheckResult.REFUSED, "wrong")

    def _rotate(self, old: Secret, new: Secret) -> None:
        self.living = new

    def _allowance(self, credential: Secret | None) -> Allowance:
        return Allowance(self.most - 1 - self.wrong, pause_s=self.pause_s, why="so many")

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        return self.changed

    def _compare(self, new: Secret, old: Secret) -> Check:
        if self.hash_of is None:
            return super()._compare(new, old)
        is_old = self.hash_of == old
        return Check(CheckResult.ACCEPTED if is_old else CheckResult.REFUSED, "by the hash")


@dataclass
class Clock:
    """Time that goes by when it is slept."""

    at: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @property
    def pace(self) -> Pace:
        return Pace(lambda: self.at, self.sleep)


def proven(target: Counting) -> tuple[str, ...]:
    return Proof(Prober(Clock().pace), NEW, OLD, print, lambda _what, _s: None, MADE).at([target])


@pytest.mark.parametrize("most", [2, 3, 10])
def test_where_a_wrong_login_can_be_afforded_it_is_made(most: int) -> None:
    target = Counting("counting:")
    target.most = most
    assert proven(target)[1] == "old: refused: wrong"


def test_where_none_can_the_hash_or_the_time_of_the_change_shows_the_end() -> None:
    target = Counting("counting:")
    target.hash_of = NEW
    assert "not asked" in proven(target)[1]
    assert "by the hash" in proven(target)[1]
    target.hash_of, target.changed = None, MADE + timedelta(seconds=3)
    assert "changed at 2026-11-25 09:00:03 UTC" in proven(target)[1]


@pytest.mark.parametrize("changed", [None, MADE - timedelta(minutes=3)])
def test_where_nothing_shows_it_people_attest(changed: datetime | None) -> None:
    target = Counting("counting:")
    target.changed = changed
    with pytest.raises(ConnectorError, match="one refused login is one too many") as refused:
        proven(target)
    assert "--attest-old-dead" in refused.value.hint


def test_a_hash_of_the_old_one_is_no_proof() -> None:
    target = Counting("counting:")
    target.hash_of = OLD
    with pytest.raises(ConnectorError, match="by the hash"):
        proven(target)


def test_an_old_password_within_its_grace_window_is_not_called_dead() -> None:
    target = Counting("counting:")
    target.changed = datetime.now(UTC)
    vars(target)["grace_window_s"] = 3600
    with pytest.raises(ConnectorError, match="may take the old one until"):
        proven(target)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_finding_out_which_one_lives_locks_nobody_out(most: int) -> None:
    target = Counting("counting:")
    target.most, target.living = most, OLD
    prober = Prober(Clock().pace)
    prober.learn(target, OLD)
    found = find_living(prober, target, NEW, OLD)
    assert found.living is (Living.UNCLEAR if most == 1 else Living.OLD)
    assert target.wrong < most


@pytest.mark.parametrize("living", [OLD, NEW])
def test_after_an_interruption_the_target_is_asked_what_it_takes_before_the_first_question(living: Secret) -> None:
    """Nobody knows which credential lives, so that no login can ask: what others may read of the account does."""
    target = Counting("counting:")
    target.living = living
    prober = Prober(Clock().pace)
    prober.foresee(target)
    found = find_living(prober, target, NEW, OLD)
    assert (found.living, target.wrong) == (Living.UNCLEAR, 0)
    assert "one more refused login would shut the account (so many)" in found.detail
    by_its_word = find_living(prober, target, NEW, OLD, changed=living == NEW)
    assert by_its_word.living is (Living.NEW if living == NEW else Living.OLD)
    assert target.wrong == 0


@pytest.mark.parametrize(("most", "asked"), [(1, CheckResult.UNKNOWN), (2, CheckResult.REFUSED)])
def test_a_single_question_is_held_against_the_limit_too(most: int, asked: CheckResult) -> None:
    """So ask the end of a set, and people who attest: about a credential that is most often dead."""
    target = Counting("counting:")
    target.most = most
    assert Prober(Clock().pace).ask_everywhere([target], OLD).result is asked
    assert target.wrong < most


def test_the_first_questions_after_an_interruption_are_on_the_bill() -> None:
    costs = Costs(preflight=1, rotate=2, sessions=1, allowance=1)
    whole, resumed = bill(costs), bill(costs, resumed=True)
    assert (resumed.before, resumed.after, resumed.wrong, resumed.search) == (2, whole.after, whole.wrong, 2)
    assert resumed.all == resumed.right + 3
    assert "before that twice, to find out which of the two is in force" in resumed.in_words
    assert "at most" not in whole.in_words


def test_refused_logins_in_a_row_end_before_the_last_one() -> None:
    target = Counting("counting:")
    target.most = 3
    prober = Prober(Clock().pace)
    prober.learn(target, NEW)
    answers = [prober.ask(target, OTHER) for _ in range(5)]
    assert [answer.result for answer in answers] == [CheckResult.REFUSED] * 2 + [CheckResult.UNKNOWN] * 3
    assert prober.ask(target, NEW, sure=True).result is CheckResult.ACCEPTED
    assert prober.ask(target, OTHER).result is CheckResult.REFUSED, "a login that was let in begins anew"


def test_a_target_that_lets_nobody_in_for_a_while_is_given_that_while() -> None:
    target, clock = Counting("counting:"), Clock()
    target.most, target.pause_s = 5, 7.0
    Proof(Prober(clock.pace), NEW, OLD, print, lambda _what, _s: None, MADE).at([target])
    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    ("costs", "others", "whole"),
    [
        (Costs(), (), (2, 2, 1)),
        (Costs(preflight=3, rotate=2, sessions=1, allowance=2), (), (6, 5, 1)),
        (Costs(preflight=1), (Costs(preflight=9, rotate=9, sessions=1),), (3, 5, 2)),
        (Costs(check=0, rotate=0), (), (0, 0, 0)),
    ],
)
def test_a_rotation_is_added_up(costs: Costs, others: tuple[Costs, ...], whole: tuple[int, int, int]) -> None:
    found = bill(costs, others)
    assert (found.before, found.after, found.wrong) == whole
    assert found.all == sum(whole)


class Overlapping(Counting):
    """A target that lets the new credential in before the old one ends."""

    overlaps: ClassVar[bool] = True
    in_force: tuple[Secret, ...] = ()

    def _check(self, credential: Secret) -> Check:
        let_in = credential in self.in_force
        return Check(CheckResult.ACCEPTED if let_in else CheckResult.REFUSED, "as it is")


@pytest.mark.parametrize(
    ("in_force", "living"),
    [((OLD, NEW), Living.OLD), ((NEW,), Living.NEW), ((OLD,), Living.OLD), ((), Living.NEITHER)],
)
def test_where_both_are_let_in_the_change_is_not_finished(in_force: tuple[Secret, ...], living: Living) -> None:
    connector = Overlapping("counting:x")
    connector.in_force = in_force
    assert find_living(Prober(Pace(lambda: 0.0, lambda _: None)), connector, NEW, OLD).living is living

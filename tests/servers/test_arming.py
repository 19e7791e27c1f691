# SPDX-License-Identifier: Apache-2.0
"""Accounts that are kept closed, on real targets that end them by themselves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import arming_places
import pytest
from arming_places import ArmingPlace

from breakglass_shamir.connectors.port.answers import Armed, CheckResult, Operator
from breakglass_shamir.connectors.port.base import LONG_AGO
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError


def postgresql(request: pytest.FixtureRequest) -> ArmingPlace:
    return arming_places.at_postgresql(request.getfixturevalue("postgres_server"))


def slapd(request: pytest.FixtureRequest) -> ArmingPlace:
    return arming_places.at_slapd(request.getfixturevalue("slapd"), request.getfixturevalue("throwaway_ca"))


def samba(request: pytest.FixtureRequest) -> ArmingPlace:
    return arming_places.at_samba(request.getfixturevalue("samba"), request.getfixturevalue("throwaway_ca"))


def kdc(request: pytest.FixtureRequest) -> ArmingPlace:
    return arming_places.at_kdc(request.getfixturevalue("kdc"))


PLACES = [postgresql, slapd, samba, kdc]


@pytest.fixture(params=PLACES, ids=lambda made: made.__name__)
def place(request: pytest.FixtureRequest) -> ArmingPlace:
    made: Callable[[pytest.FixtureRequest], ArmingPlace] = request.param
    return made(request)


def whole_seconds() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def test_a_right_credential_opens_while_it_is_armed_and_at_no_other_time(place: ArmingPlace) -> None:
    connector, operator = place.connector(), place.operator
    assert connector.arms
    assert connector.armed_until(operator).until is None
    connector.close(operator)
    assert connector.armed_until(operator).until == LONG_AGO
    assert connector.check(place.right).result is not CheckResult.ACCEPTED
    until = whole_seconds() + timedelta(seconds=3)
    told = connector.arm(until, operator)
    assert told is not None
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=30)
    standing = connector.armed_until(operator)
    assert standing.until == until
    assert not standing.is_closed(told)
    assert connector.check(place.right).result is CheckResult.ACCEPTED
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 1.1)
    assert connector.check(place.right).result is not CheckResult.ACCEPTED
    assert connector.armed_until(operator).is_closed(datetime.now(UTC))


def test_a_closed_account_is_told_apart_from_a_dead_credential(place: ArmingPlace) -> None:
    connector, operator = place.connector(), place.operator
    connector.close(operator)
    connector.why_closed = lambda: "over" if connector.armed_until(operator).is_closed(datetime.now(UTC)) else ""
    answer = connector.check(place.right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, False)
    assert answer.detail == "closed: over"
    connector.arm(whole_seconds() + timedelta(minutes=5), operator)
    assert connector.check(arming_places.password()).result is CheckResult.REFUSED
    assert connector.check(place.right).result is CheckResult.ACCEPTED


def test_who_may_not_arm_is_told_so_and_nothing_is_armed(place: ArmingPlace) -> None:
    connector = place.connector()
    connector.close(place.operator)
    for other in (Operator(place.operator.account, arming_places.password()), Operator(place.account, place.right)):
        with pytest.raises(ConnectorError) as caught:
            connector.arm(whole_seconds() + timedelta(minutes=5), other)
        assert other.secret.reveal().decode() not in str(caught.value)
    assert connector.armed_until(place.operator).until == LONG_AGO


def test_what_is_kept_closed_is_no_news_before_a_rotation(place: ArmingPlace) -> None:
    connector = place.connector()
    connector.arm(whole_seconds() + timedelta(minutes=5), place.operator)
    news = connector.preflight(None, place.right)
    connector.ends_on_purpose = True
    quiet = connector.preflight(None, place.right)
    assert not quiet.problems
    assert len(quiet.notes) == len(news.notes) - 1


def test_an_end_is_over_by_the_clock_that_the_target_tells() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert not Armed(None).is_closed(at)
    assert Armed(at).is_closed(at)
    assert not Armed(at + hour).is_closed(at)
    assert Armed(at + hour, now=at + 2 * hour).is_closed(at)
    assert not Armed(at, now=at - hour).is_closed(at + hour)


def test_a_target_that_ends_nothing_by_itself_says_so() -> None:
    connector = connector_for("ssh-key:///srv/key")
    operator = Operator("x", arming_places.password())
    assert not connector.arms
    with pytest.raises(ConnectorError, match="ends no account by itself"):
        connector.arm(whole_seconds(), operator)
    with pytest.raises(ConnectorError, match="expected an instant with a time zone"):
        connector.arm(datetime(2026, 1, 1), operator)

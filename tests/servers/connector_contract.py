# SPDX-License-Identifier: Apache-2.0
"""What every connector must hold to, whatever its target; its tests inherit :class:`ConnectorContract`.

Rules:

1. A subclass overrides the fixtures ``stage`` (a real target and three credentials) and ``unreachable`` (a
   connector whose target is not there). The tests come with the inheritance.
2. Credentials of a stage are random and at least eight bytes, so that finding one anywhere is a leak.
3. Every error is searched with all it is chained to; all processes are watched during the calls.

What it does not do: it knows no target.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import ABILITIES, Connector
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

WATCH_PAUSE_S = 0.001
"""Pause between two looks at all processes."""

CLOCK_SLACK = timedelta(seconds=2)
"""How far a target may round the times it tells."""

PATIENCE_S = 60.0
"""How long a target may take to write a login down, or to end a session."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A real target and what to try on it.

    Attributes:
        connector: bound to the target.
        right: the credential the target has now.
        wrong: one it does not have.
        new: one it could have next.
        log_in: begins a session of the account by other means than the connector, with the credential it is
            given, and returns a question: is that session still alive? Only for targets with sessions to end.
    """

    connector: Connector
    right: Secret
    wrong: Secret
    new: Secret
    log_in: Callable[[Secret], Callable[[], bool]] | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return self.right, self.wrong, self.new


class ConnectorContract:
    """The promises of the port, as tests."""

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    @pytest.fixture
    def unreachable(self) -> Connector:
        raise NotImplementedError

    def test_accepts_the_right_credential(self, stage: Stage) -> None:
        assert stage.connector.check(stage.right).result is CheckResult.ACCEPTED

    def test_refuses_a_wrong_credential(self, stage: Stage) -> None:
        assert stage.connector.check(stage.wrong).result is CheckResult.REFUSED

    def test_preflight_finds_nothing_against_a_good_rotation(self, stage: Stage) -> None:
        for found in (stage.connector.preflight(stage.new), stage.connector.preflight(stage.new, stage.right)):
            assert found.problems == ()
            assert found.ready
            assert found.scope == stage.connector.scope

    def test_rotation_makes_the_new_one_work_and_the_old_one_dead(self, stage: Stage) -> None:
        stage.connector.rotate(stage.right, stage.new)
        assert stage.connector.check(stage.new).result is CheckResult.ACCEPTED
        if not stage.connector.grace_window_s:
            assert stage.connector.check(stage.right).result is CheckResult.REFUSED

    def test_rotation_under_a_wrong_old_credential_changes_nothing(self, stage: Stage) -> None:
        with pytest.raises(ConnectorError):
            stage.connector.rotate(stage.wrong, stage.new)
        assert stage.connector.check(stage.right).result is CheckResult.ACCEPTED
        assert stage.connector.check(stage.new).result is CheckResult.REFUSED

    def test_a_target_out_of_reach_is_never_a_dead_credential(self, unreachable: Connector, stage: Stage) -> None:
        try:
            answer = unreachable.check(stage.right)
        except ConnectorError:
            return
        assert answer.result is CheckResult.UNKNOWN

    def test_a_target_out_of_reach_is_not_rotated_and_not_ready(self, unreachable: Connector, stage: Stage) -> None:
        with pytest.raises(ConnectorError):
            unreachable.rotate(stage.right, stage.new)
        try:
            assert not unreachable.preflight(stage.new).ready
        except ConnectorError:
            return

    def test_abilities_are_the_ones_the_port_knows(self, stage: Stage) -> None:
        assert stage.connector.abilities <= ABILITIES

    def test_what_the_target_cannot_do_is_said(self, stage: Stage) -> None:
        connector = stage.connector
        calls: dict[str, Callable[[], object]] = {
            "logins_since": lambda: connector.logins_since(datetime.now(UTC)),
            "password_changed_at": lambda: connector.password_changed_at(stage.right),
            "open_sessions": lambda: connector.open_sessions(stage.right),
            "end_sessions": lambda: connector.end_sessions(stage.right),
            "issue": lambda: connector.issue(stage.right),
            "lifetime": lambda: connector.lifetime(stage.right),
            "snapshot": lambda: connector.snapshot(stage.right),
        }
        for ability in ABILITIES - connector.abilities:
            with pytest.raises(ConnectorError, match="not supported"):
                calls[ability]()

    def test_an_option_nobody_knows_is_refused(self, stage: Stage) -> None:
        connector = stage.connector
        with pytest.raises(InvalidInput, match="no_such_option"):
            type(connector)(connector.target, connector.account, options={"no_such_option": "x"})

    def test_a_login_is_found_among_the_logins(self, stage: Stage) -> None:
        connector = stage.connector
        needs(connector, "logins_since")
        began = datetime.now(UTC) - CLOCK_SLACK
        assert connector.check(stage.right).result is CheckResult.ACCEPTED
        assert eventually(lambda: any(login.accepted for login in connector.logins_since(began)))
        logins = connector.logins_since(began)
        assert {login.account for login in logins} == {connector.account}
        assert [login.at for login in logins] == sorted(login.at for login in logins)
        assert all(login.at >= began for login in logins)
        assert_no_secret(repr(logins).encode(), stage.secrets)

    def test_no_login_is_found_where_none_was(self, stage: Stage) -> None:
        needs(stage.connector, "logins_since")
        assert stage.connector.logins_since(datetime.now(UTC) + timedelta(hours=1)) == ()

    def test_the_target_says_when_its_credential_changed(self, stage: Stage) -> None:
        needs(stage.connector, "password_changed_at")
        began = datetime.now(UTC) - CLOCK_SLACK
        stage.connector.rotate(stage.right, stage.new)
        changed = stage.connector.password_changed_at(stage.new)
        assert changed is not None
        assert began <= changed <= datetime.now(UTC) + CLOCK_SLACK

    def test_sessions_of_the_old_credential_are_ended(self, stage: Stage) -> None:
        needs(stage.connector, "end_sessions")
        assert stage.log_in is not None, "the stage of a connector that ends sessions can begin one"
        alive = stage.log_in(stage.right)
        stage.connector.rotate(stage.right, stage.new)
        assert alive(), "a session that is gone anyway shows nothing"
        assert stage.connector.end_sessions(stage.new) >= 1
        assert eventually(lambda: not alive())
        assert stage.connector.check(stage.new).result is CheckResult.ACCEPTED

    def test_open_sessions_are_counted_and_this_one_is_not(self, stage: Stage) -> None:
        connector = stage.connector
        needs(connector, "open_sessions")
        assert stage.log_in is not None, "the stage of a connector that counts sessions can begin one"
        assert connector.open_sessions(stage.right) == 0
        alive = stage.log_in(stage.right)
        assert connector.open_sessions(stage.right) >= 1
        assert alive(), "counting ends nothing"
        connector.end_sessions(stage.right)
        assert eventually(lambda: connector.open_sessions(stage.right) == 0)

    def test_no_secret_in_any_text(self, stage: Stage, unreachable: Connector) -> None:
        texts = [
            repr(stage.connector),
            repr(vars(stage.connector)),
            repr(stage.connector.preflight(stage.new)),
            repr(stage.connector.preflight(stage.new, stage.right)),
            repr(stage.connector.check(stage.right)),
            repr(stage.connector.check(stage.wrong)),
            error_text(lambda: stage.connector.rotate(stage.wrong, stage.new)),
            error_text(lambda: unreachable.rotate(stage.right, stage.new)),
            error_text(lambda: unreachable.check(stage.right)),
        ]
        assert_no_secret("\n".join(texts).encode(), stage.secrets)

    def test_no_secret_in_arguments_and_environment(self, stage: Stage) -> None:
        with watched_processes() as seen:
            stage.connector.check(stage.wrong)
            stage.connector.rotate(stage.right, stage.new)
            stage.connector.check(stage.new)
        assert seen
        assert_no_secret(b"\n".join(seen), stage.secrets)


def assert_one_of_several_wins(
    connect: Callable[[], Connector], right: Secret, offers: Sequence[Secret], opens: Callable[[Secret], bool]
) -> None:
    """Let several terminals rotate at once under the same old credential: one changes it, the others change nothing."""
    won: list[Secret] = []

    def rotate(offer: Secret) -> None:
        try:
            connect().rotate(right, offer)
        except ConnectorError as error:
            assert "unchanged" in str(error)
        else:
            won.append(offer)

    threads = [threading.Thread(target=rotate, args=[offer]) for offer in offers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [offer for offer in offers if opens(offer)] == won


def needs(connector: Connector, ability: str) -> None:
    """Skip what a connector does not offer."""
    if ability not in connector.abilities:
        pytest.skip(f"{connector.scheme} does not offer {ability}")


def eventually(holds: Callable[[], bool]) -> bool:
    """Ask until it holds or patience ends."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def error_text(call: Callable[[], object]) -> str:
    """Return all that an error shows, displayed or not; empty if there was none.

    Lines of source are left out: a test that asks for words in one line would find its own.
    """
    try:
        call()
    except ConnectorError as error:
        shown = traceback.format_exception(error)
        texts = [one.partition("\n")[0] if one.startswith("  File ") else one for one in shown]
        chained: BaseException | None = error
        while chained is not None:
            texts += [repr(chained), repr(vars(chained))]
            chained = chained.__cause__ or chained.__context__
        return "\n".join(texts)
    return ""


def assert_no_secret(text: bytes, secrets: tuple[Secret, ...]) -> None:
    """Fail if a credential stands in a text, without repeating the text."""
    for secret in secrets:
        assert len(secret) >= 8
        found = secret.reveal() in text
        assert not found, f"{secret!r} was found"


@contextmanager
def watched_processes() -> Iterator[set[bytes]]:
    """Collect the arguments and environments of all processes while the block runs."""
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.update(_all_processes())
            time.sleep(WATCH_PAUSE_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def _all_processes() -> Iterator[bytes]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            for part in ("cmdline", "environ"):
                try:
                    yield (process / part).read_bytes()
                except OSError:
                    continue

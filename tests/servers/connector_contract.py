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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from breakglass_shamir.connectors.base import CheckResult, Connector
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

WATCH_PAUSE_S = 0.001
"""Pause between two looks at all processes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A real target and what to try on it.

    Attributes:
        connector: bound to the target.
        right: the credential the target has now.
        wrong: one it does not have.
        new: one it could have next.
    """

    connector: Connector
    right: Secret
    wrong: Secret
    new: Secret

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
        found = stage.connector.preflight(stage.new)
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

    def test_no_secret_in_any_text(self, stage: Stage, unreachable: Connector) -> None:
        texts = [
            repr(stage.connector),
            repr(vars(stage.connector)),
            repr(stage.connector.preflight(stage.new)),
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


def error_text(call: Callable[[], object]) -> str:
    """Return all that an error shows, displayed or not; empty if there was none."""
    try:
        call()
    except ConnectorError as error:
        texts = traceback.format_exception(error)
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

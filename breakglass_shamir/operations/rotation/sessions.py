# SPDX-License-Identifier: Apache-2.0
"""The account's own sessions at the target: waited for before a change, ended after it.

Rules:

1. An officer who is still logged in is not cut off by the change: it waits, for as long as the policy says, until
   no session of the account is open at any endpoint whose connector can tell.
2. The wait is bounded: a session may be a stranger's and must not keep an old credential alive. Whoever is at the
   terminal may end it with Enter.
3. Begin and end of a wait are recorded with what was open, before the next question is asked: the watch takes the
   program's own logins from there. One that is interrupted has its end recorded, too: nobody's login is the
   program's own any more.
   Where the target counts its logins, the questions are as few as it can spare, and spread over the wait.
4. A target that cannot be asked holds nothing up. What it says after the change decides.
5. After the change sessions are ended where the policy says so and the connector can. What cannot be ended is owed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.records.rotations import SessionsAwaited, SessionsEnded
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.plural import counted

FIRST_PAUSE_S = 1.0
"""Pause before the second question to the target."""

LONGEST_PAUSE_S = 15.0
"""Each pause is twice the one before, up to this: each question is a login."""

GLANCE_S = 0.2
"""How often the keyboard is looked at meanwhile."""

MOST_TYPED_AHEAD = 100
"""Lines typed before the wait that do not end it."""


@dataclass(frozen=True, slots=True)
class OpenSessions:
    """What the endpoints say of sessions of the account.

    Attributes:
        count: how many are open, at all that could be asked.
        where: which endpoints have some, in words.
    """

    count: int
    where: str


class OwnSessions:
    """The sessions of one account at every endpoint of its policy."""

    def __init__(self, recorder: Recorder, endpoints: Sequence[Connector]) -> None:
        self._recorder = recorder
        self._endpoints = endpoints

    def wait(self, credential: Secret, limit_s: int, most: int | None = None) -> None:
        """Wait until no session is open, people want to go on, or the time is over.

        Args:
            credential: the one in force.
            limit_s: longest wait, seconds.
            most: how often the target may be asked, each of which is a login there; None: any number of times.
        """
        able = [endpoint for endpoint in self._endpoints if "open_sessions" in endpoint.abilities]
        if able and most == 0:
            self._recorder.desk.warn(
                "whether somebody is still logged in is not asked: the target has no login to spare"
            )
            return
        found = self._ask(able, credential)
        if not found.count:
            return
        desk = self._recorder.desk
        self._note(found, limit_s)
        desk.say(
            f"still logged in: {found.where}; the change waits up to {in_words(limit_s)} for them to log out; "
            "press Enter to go on at once"
        )
        deadline, pause_s = time.monotonic() + limit_s, FIRST_PAUSE_S
        try:
            self._forget_what_was_typed()
            while found.count and self._pause(self._until_next(deadline, pause_s, most)):
                most = None if most is None else most - 1
                if most == 0:
                    break
                found = self._ask(able, credential)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        finally:
            self._note(found, 0)
        if found.count:
            desk.warn(f"still logged in, and waited for no longer: {found.where}")

    def end(self, credential: Secret) -> None:
        """End what is logged in; what cannot be ended is owed."""
        for endpoint in self._endpoints:
            if "end_sessions" in endpoint.abilities:
                self._recorder.append(self._ended(endpoint, credential))

    def _ask(self, able: Sequence[Connector], credential: Secret) -> OpenSessions:
        counts = [(endpoint.target, self._count(endpoint, credential)) for endpoint in able]
        where = "; ".join(f"{target}: {_sessions(count)}" for target, count in counts if count)
        return OpenSessions(sum(count for _, count in counts), where)

    def _count(self, endpoint: Connector, credential: Secret) -> int:
        try:
            return endpoint.open_sessions(credential)
        except ConnectorError as error:
            self._recorder.desk.say(f"whether somebody is still logged in at {endpoint.target} is not known: {error}")
            return 0

    def _until_next(self, deadline: float, pause_s: float, most: int | None) -> float:
        """Return how long to wait before the next question; those that are counted are spread over what is left."""
        left = deadline - time.monotonic()
        return min(pause_s, left) if most is None else max(min(pause_s, left), left / most)

    def _pause(self, seconds: float) -> bool:
        """Let time pass; False if there is none left, or people want to go on."""
        until = time.monotonic() + seconds
        if seconds <= 0:
            return False
        while (left := until - time.monotonic()) > 0:
            if self._recorder.desk.says_enough():
                return False
            time.sleep(min(left, GLANCE_S))
        return True

    def _forget_what_was_typed(self) -> None:
        """Take Enters from before the question for no answer to it."""
        for _ in range(MOST_TYPED_AHEAD):
            if not self._recorder.desk.says_enough():
                return

    def _note(self, found: OpenSessions, for_s: int) -> None:
        self._recorder.append(SessionsAwaited(count=found.count, for_s=for_s, detail=found.where or "none"))

    def _ended(self, endpoint: Connector, credential: Secret) -> SessionsEnded:
        try:
            count = endpoint.end_sessions(credential)
        except ConnectorError as error:
            self._recorder.desk.warn(f"sessions of the account could not be ended; that stays a debt: {error}")
            return SessionsEnded(count=0, detail=f"{endpoint.target}: {error}", failed=True)
        self._recorder.desk.say(f"sessions ended at {endpoint.target}: {count}")
        return SessionsEnded(count=count, detail=endpoint.target)


def _sessions(count: int) -> str:
    return counted(count, "session")

# SPDX-License-Identifier: Apache-2.0
"""Asking targets about credentials without locking anybody out.

Rules:

1. Between an attempt that was not let in and the next one at the same endpoint there is a pause.
2. An endpoint that says *blocked* is not asked again in this run: each further attempt would make it worse.
3. After an ambiguous failure the new credential is asked about first: if it lives, the old one is not tried.
4. What fails while being asked is *unknown*, never an answer.

What it does not do: it decides nothing; ``proof.py`` and ``rotation.py`` do.
"""

import enum
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret

FIRST_PAUSE_S = 1.0
"""First pause while a target is given time; each later one is twice as long."""

LONGEST_PAUSE_S = 60.0
"""Longest pause while a target is given time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The time that goes by, so that tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Patience:
    """How long an endpoint is given, and how long it took so far, in seconds."""

    pace: Pace
    limit_s: float
    spent_s: float = 0.0
    _next_s: float = FIRST_PAUSE_S

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait."""
        return self.spent_s >= self.limit_s

    def pause(self) -> None:
        """Wait for the next turn, each twice as long as the one before."""
        pause = min(self._next_s, self.limit_s - self.spent_s)
        self.pace.sleep(pause)
        self.spent_s += pause
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)


@dataclass(slots=True)
class Prober:
    """Asks, in its own time."""

    pace: Pace = field(default_factory=Pace)
    _not_let_in: dict[str, float] = field(default_factory=dict)
    _blocked: dict[str, str] = field(default_factory=dict)

    def ask(self, connector: Connector, secret: Secret) -> Check:
        """Ask an endpoint once, with an error taken for *unknown*."""
        place = connector.target
        if place in self._blocked:
            return Check(CheckResult.UNKNOWN, f"not asked again: {self._blocked[place]}", blocked=True)
        self._leave_a_pause(connector)
        try:
            check = connector.check(secret)
        except BreakglassError as error:
            check = Check(CheckResult.UNKNOWN, str(error))
        if check.blocked:
            self._blocked[place] = check.detail
        if check.result is CheckResult.ACCEPTED:
            self._not_let_in.pop(place, None)
        else:
            self._not_let_in[place] = self.pace.now()
        return check

    def ask_everywhere(self, endpoints: Iterable[Connector], secret: Secret) -> Check:
        """Ask each endpoint once: one that accepts is enough to say so, and only refusals everywhere are a refusal."""
        said = [(one.target, self.ask(one, secret)) for one in endpoints]
        detail = said[0][1].detail if len(said) == 1 else "; ".join(f"{where}: {one.detail}" for where, one in said)
        results = {one.result for _, one in said}
        if CheckResult.ACCEPTED in results:
            return Check(CheckResult.ACCEPTED, detail)
        return Check(CheckResult.REFUSED if results == {CheckResult.REFUSED} else CheckResult.UNKNOWN, detail)

    def _leave_a_pause(self, connector: Connector) -> None:
        last = self._not_let_in.get(connector.target)
        if last is not None:
            left = connector.probe_pause_s - (self.pace.now() - last)
            if left > 0:
                self.pace.sleep(left)


class Living(enum.Enum):
    """Which of two credentials a target takes."""

    NEW = enum.auto()
    OLD = enum.auto()
    NEITHER = enum.auto()
    """It refused both for what they are."""

    UNCLEAR = enum.auto()
    """It did not say."""


@dataclass(frozen=True, slots=True)
class Found:
    """Which credential lives, and the target's words."""

    living: Living
    detail: str
    new_refused: bool = False
    """Whether the target refused the new credential for what it is, and so surely was not changed."""


def find_living(prober: Prober, connector: Connector, new: Secret, old: Secret) -> Found:
    """Find out which credential a target takes, each tried once at most, the new one first."""
    first = prober.ask(connector, new)
    if first.result is CheckResult.ACCEPTED:
        return Found(Living.NEW, first.detail)
    second, refused = prober.ask(connector, old), first.result is CheckResult.REFUSED
    if second.result is CheckResult.ACCEPTED:
        return Found(Living.OLD, second.detail, refused)
    detail = f"new: {first.result}: {first.detail}; old: {second.result}: {second.detail}"
    both = {first.result, second.result} == {CheckResult.REFUSED}
    return Found(Living.NEITHER if both else Living.UNCLEAR, detail, refused)

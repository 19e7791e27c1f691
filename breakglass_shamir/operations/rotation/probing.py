# SPDX-License-Identifier: Apache-2.0
"""Asking targets about credentials without locking anybody out.

Rules:

1. Between an attempt that was not let in and the next one at the same endpoint there is a pause.
2. An endpoint that says *blocked* is not asked again in this run: each further attempt would make it worse.
3. After an ambiguous failure the new credential is asked about first: if it lives, the old one is not tried.
4. What fails while being asked is *unknown*, never an answer.
5. Where a target told how many refused logins it takes (``learn``), no more are made: then it is not asked. Where it
   refuses the right credential, too, for some time after a wrong one, that time is left. Where no credential is known
   to live, the target is asked that without one (``foresee``), as far as it tells it.

What it does not do: it decides nothing; ``proof.py`` and ``rotation.py`` do.
"""

import enum
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult
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
    _allowed: dict[str, Allowance] = field(default_factory=dict)
    _refused: dict[str, int] = field(default_factory=dict)
    """Refused logins in a row since the target told what it takes."""

    def learn(self, connector: Connector, secret: Secret) -> Allowance:
        """Ask an endpoint how many more logins it takes; where that fails, nothing is known.

        Args:
            connector: to be asked.
            secret: one that it accepts.
        """
        try:
            allowed = connector.allowance(secret)
        except BreakglassError:
            allowed = Allowance()
        self.told(connector, allowed)
        return allowed

    def foresee(self, connector: Connector) -> None:
        """Ask an endpoint, without a login of the account, how many refused ones it takes; most tell nothing."""
        if connector.target in self._allowed:
            return
        try:
            allowed = connector.allowance(None)
        except BreakglassError:
            return
        if allowed.wrong is not None:
            self.told(connector, allowed)

    def told(self, connector: Connector, allowed: Allowance) -> None:
        """Take what an endpoint said of the logins it takes."""
        self._allowed[connector.target] = allowed
        self._refused.pop(connector.target, None)

    def knows(self, connector: Connector) -> Allowance | None:
        """Return what an endpoint said of the logins it takes; None: it was not asked."""
        return self._allowed.get(connector.target)

    def affords(self, connector: Connector) -> bool:
        """Tell whether one more refused login there shuts nobody out, as far as it told."""
        allowed = self._allowed.get(connector.target, Allowance())
        return allowed.wrong is None or self._refused.get(connector.target, 0) < allowed.wrong

    def ask(self, connector: Connector, secret: Secret, *, sure: bool = False) -> Check:
        """Ask an endpoint once, with an error taken for *unknown*.

        Args:
            connector: to be asked.
            secret: about which.
            sure: whether the target is sure to accept it, so that it costs no refused login.
        """
        place = connector.target
        if place in self._blocked:
            return Check(CheckResult.UNKNOWN, f"not asked again: {self._blocked[place]}", blocked=True)
        if not (sure or self.affords(connector)):
            return Check(CheckResult.UNKNOWN, f"not asked: {self._shuts(connector)}", blocked=True)
        self._leave_a_pause(connector)
        try:
            check = connector.check(secret)
        except BreakglassError as error:
            check = Check(CheckResult.UNKNOWN, str(error))
        if check.blocked:
            self._blocked[place] = check.detail
        if check.result is CheckResult.ACCEPTED:
            self._not_let_in.pop(place, None)
            self._refused.pop(place, None)
        else:
            self._not_let_in[place] = self.pace.now()
            self._refused[place] = self._refused.get(place, 0) + (check.result is CheckResult.REFUSED)
        return check

    def ask_everywhere(self, endpoints: Iterable[Connector], secret: Secret) -> Check:
        """Ask each endpoint once: one that accepts is enough to say so, and only refusals everywhere are a refusal.

        Where one refused login would shut the account, and the endpoint tells that, it is not asked.
        """
        endpoints = tuple(endpoints)
        for one in endpoints:
            self.foresee(one)
        said = [(one.target, self.ask(one, secret)) for one in endpoints]
        detail = said[0][1].detail if len(said) == 1 else "; ".join(f"{where}: {one.detail}" for where, one in said)
        results = {one.result for _, one in said}
        if CheckResult.ACCEPTED in results:
            return Check(CheckResult.ACCEPTED, detail)
        return Check(CheckResult.REFUSED if results == {CheckResult.REFUSED} else CheckResult.UNKNOWN, detail)

    def _shuts(self, connector: Connector) -> str:
        why = self._allowed[connector.target].why
        return "one more refused login would shut the account" + (f" ({why})" if why else "")

    def _leave_a_pause(self, connector: Connector) -> None:
        last = self._not_let_in.get(connector.target)
        if last is not None:
            told_s = self._allowed.get(connector.target, Allowance()).pause_s
            left = max(connector.probe_pause_s, told_s) - (self.pace.now() - last)
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


def find_living(
    prober: Prober, connector: Connector, new: Secret, old: Secret, *, changed: bool | None = None
) -> Found:
    """Find out which credential a target takes, each tried once at most, the new one first.

    Where both are let in until the old one ends, the old one is tried first: it says whether the change is finished.

    Args:
        prober: asks.
        connector: of the target.
        new: the one that may be in force.
        old: the one that was.
        changed: whether the target itself says that its credential changed since the new one was made; None: it does
            not say. Where a refused login would shut the account, only the one that this names is tried.
    """
    if not prober.affords(connector):
        return _by_its_word(prober, connector, new, old, changed=changed)
    if connector.overlaps and (old_one := prober.ask(connector, old)).result is CheckResult.ACCEPTED:
        return Found(Living.OLD, old_one.detail)
    first = prober.ask(connector, new)
    if first.result is CheckResult.ACCEPTED:
        return Found(Living.NEW, first.detail)
    # What refuses the new one was not changed.
    refused = first.result is CheckResult.REFUSED
    second = prober.ask(connector, old, sure=refused)
    if second.result is CheckResult.ACCEPTED:
        return Found(Living.OLD, second.detail, refused)
    detail = f"new: {first.result}: {first.detail}; old: {second.result}: {second.detail}"
    both = {first.result, second.result} == {CheckResult.REFUSED}
    return Found(Living.NEITHER if both else Living.UNCLEAR, detail, refused)


def _by_its_word(
    prober: Prober, connector: Connector, new: Secret, old: Secret, *, changed: bool | None
) -> Found:  # fmt: skip
    """Try the credential that the target says is in force, and no other."""
    if changed is None:
        return Found(Living.UNCLEAR, prober.ask(connector, new).detail)
    check = prober.ask(connector, new if changed else old, sure=True)
    if check.result is not CheckResult.ACCEPTED:
        return Found(Living.UNCLEAR, f"{'new' if changed else 'old'}: {check.result}: {check.detail}")
    return Found(Living.NEW if changed else Living.OLD, check.detail)

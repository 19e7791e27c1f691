# SPDX-License-Identifier: Apache-2.0
"""The proof that a rotation took: new accepted, old refused for its credential, new accepted again, everywhere.

Rules:

1. It is asked for at every endpoint, one after the other; a refusal at one proves nothing about another.
2. Where both credentials work the target is given time: its grace window and a little more. While the old one is
   let in, asking about it is a login and no failed attempt; the new one is not tried over and over.
3. An endpoint that does not know the new credential yet is waited for in the same way: by asking about the old
   one until it is not let in any more.
4. *Unknown* is asked again while there is time, *blocked* is not. Neither is ever taken for a refusal.
5. How long a target was given is recorded.
6. Between the two, once the new credential was let in, the target is asked how many more logins it takes. Where one
   refused login would shut the account, the old credential is not tried: what the target keeps is compared, and where
   it does not tell that, the time of its last change is. That is said in the proof. Where neither can be had, the
   death is left to people to attest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.rotation.probing import Patience, Prober

ENDPOINT_LAG_S = 120
"""How much longer endpoints that copy from each other are given, in seconds."""

CLOCKS_DIFFER = timedelta(seconds=120)
"""How far the clocks of terminal and target may differ."""

_SHORT_WAIT_S = 30
"""Waits up to this need no explanation."""


@dataclass(slots=True)
class Proof:
    """One rotation's proof at all of its endpoints."""

    prober: Prober
    new: Secret
    old: Secret
    say: Callable[[str], None]
    waited: Callable[[str, int], None]
    """Records what a target was given time for, and how many seconds."""

    made: datetime | None = None
    """When the new credential was put on record; before it, no change to it can have been."""

    def at(self, endpoints: Sequence[Connector]) -> tuple[str, ...]:
        """Prove it at each endpoint; returns the targets' words.

        Raises:
            ConnectorError: at one of them it is not so, or not so in time.
        """
        lag_s = ENDPOINT_LAG_S if len(endpoints) > 1 else 0
        words: list[str] = []
        for endpoint in endpoints:
            prefix = f"{endpoint.target}: " if len(endpoints) > 1 else ""
            patience = Patience(self.prober.pace, endpoint.grace_window_s + endpoint.settle_s + lag_s)
            try:
                words += [f"{prefix}{line}" for line in self._prove(endpoint, patience)]
            finally:
                if patience.spent_s >= 1:
                    self.waited(f"the old credential to be refused at {endpoint.target}", int(patience.spent_s))
        return tuple(words)

    def _prove(self, endpoint: Connector, patience: Patience) -> tuple[str, ...]:
        first = self._new_accepted(endpoint, patience)
        self.prober.learn(endpoint, self.new)
        asked = self.prober.affords(endpoint)
        dead = self._old_refused(endpoint, patience) if asked else self._old_replaced(endpoint, patience)
        again = self.prober.ask(endpoint, self.new, sure=True)
        while again.result is CheckResult.UNKNOWN and self._goes_on(endpoint, again, patience):
            again = self.prober.ask(endpoint, self.new, sure=True)
        if again.result is not CheckResult.ACCEPTED:
            raise _not_proven(endpoint, "new again", CheckResult.ACCEPTED, again)
        old = _words("old", dead) if asked else f"old: dead, not asked: {dead.detail}"
        return _words("new", first), old, _words("new again", again)

    def _new_accepted(self, endpoint: Connector, patience: Patience) -> Check:
        # It was just changed there: asking costs no refused login.
        check = self.prober.ask(endpoint, self.new, sure=True)
        while check.result is not CheckResult.ACCEPTED:
            if check.result is CheckResult.REFUSED:
                self._until_old_goes(endpoint, check, patience)
            if not self._goes_on(endpoint, check, patience):
                raise _not_proven(endpoint, "new", CheckResult.ACCEPTED, check)
            check = self.prober.ask(endpoint, self.new)
        return check

    def _until_old_goes(self, endpoint: Connector, refused: Check, patience: Patience) -> None:
        """Wait while an endpoint still takes the old credential and not the new one."""
        old = self.prober.ask(endpoint, self.old)
        if old.result is CheckResult.REFUSED:
            raise _not_proven(endpoint, "new", CheckResult.ACCEPTED, refused)
        while old.result is CheckResult.ACCEPTED and self._goes_on(endpoint, old, patience):
            old = self.prober.ask(endpoint, self.old)

    def _old_refused(self, endpoint: Connector, patience: Patience) -> Check:
        check = self.prober.ask(endpoint, self.old)
        while check.result is not CheckResult.REFUSED:
            if not self._goes_on(endpoint, check, patience):
                raise _not_proven(endpoint, "old", CheckResult.REFUSED, check)
            check = self.prober.ask(endpoint, self.old)
        return check

    def _old_replaced(self, endpoint: Connector, patience: Patience) -> Check:
        """Find out without a login by it that the old credential is dead: by what the target keeps, or by its times."""
        why = (self.prober.knows(endpoint) or Allowance()).why or "it shuts the account"
        check = self._kept(endpoint)
        while check.result is not CheckResult.REFUSED:
            if not self._goes_on(endpoint, check, patience):
                raise ConnectorError(
                    f"the rotation is not proven at {endpoint.target}: the old credential was not tried there, since "
                    f"one refused login is one too many ({why}), and {check.detail}",
                    hint="two officers who know that it is dead attest it: breakglass rotate NAME --attest-old-dead",
                )
            check = self._kept(endpoint)
        return Check(check.result, f"one refused login is one too many ({why}); {check.detail}")

    def _kept(self, endpoint: Connector) -> Check:
        """Compare what the target keeps; where it does not tell, when it was changed."""
        try:
            check = endpoint.compare(self.new, self.old)
            if check.result is not CheckResult.UNKNOWN or "password_changed_at" not in endpoint.abilities:
                return check
            changed = endpoint.password_changed_at(self.new)
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        if changed is None or self.made is None or changed < self.made - CLOCKS_DIFFER:
            return Check(CheckResult.UNKNOWN, "the target does not tell that its password changed since")
        dead = changed + timedelta(seconds=endpoint.grace_window_s)
        if dead > datetime.now(UTC):
            return Check(CheckResult.UNKNOWN, f"the target may take the old one until {dead:%Y-%m-%d %H:%M:%S} UTC")
        return Check(
            CheckResult.REFUSED,
            f"the target says that the password changed at {changed.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, after the "
            "new one was made, and takes the new one",
        )

    def _goes_on(self, endpoint: Connector, check: Check, patience: Patience) -> bool:
        """Wait for the next turn; False when there is no time left, or asking does harm."""
        if check.blocked or patience.over:
            return False
        if not patience.spent_s:
            self._announce(endpoint, patience)
        patience.pause()
        return True

    def _announce(self, endpoint: Connector, patience: Patience) -> None:
        limit_s = int(patience.limit_s)
        self.say(f"waiting up to {limit_s} s for {endpoint.target}: it does not refuse the old credential yet")
        if limit_s > _SHORT_WAIT_S:
            self.say("this may be interrupted, and gone on with later: rotate with the old and the new sheets")


def _words(name: str, check: Check) -> str:
    return f"{name}: {check.result}: {check.detail}"


def _not_proven(endpoint: Connector, name: str, wanted: CheckResult, got: Check) -> ConnectorError:
    what = f"expected {name} {wanted}, got {got.result} ({got.detail})"
    both = ": both credentials still work" if name == "old" and got.result is CheckResult.ACCEPTED else ""
    return ConnectorError(
        f"the rotation is not proven at {endpoint.target}: {what}{both}",
        hint="keep both sets of sheets together and run: breakglass rotate",
    )

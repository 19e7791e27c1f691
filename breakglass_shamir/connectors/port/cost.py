# SPDX-License-Identifier: Apache-2.0
"""What the program's own questions cost at a target: logins, right and wrong, of each step and of a whole rotation.

Rules:

1. A connector declares what each of its steps costs; a test counts that on the real server.
2. A whole rotation is added up before anything is printed: at the first endpoint preflight, sessions, change; then at
   each endpoint the proof, which is one login with a wrong password between two with the right one.
3. Where no wrong login can be afforded, none is made: the proof takes other evidence, or people attest.

What it does not do: it asks nothing, and knows no target.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """Logins that one step of a connector costs (docs/targets.md).

    Attributes:
        check: one question about a credential; right or wrong as the credential is.
        preflight: with the credential in force.
        rotate: with the credential in force.
        sessions: each question about open sessions, and ending them.
        allowance: how many more logins the target takes.
        compare: whether what the target keeps is of a credential.
        lifetime: what runs out by itself; asked by itself only for the first epoch, later with ``preflight``.
    """

    check: int = 1
    preflight: int = 0
    rotate: int = 1
    sessions: int = 0
    allowance: int = 0
    compare: int = 0
    lifetime: int = 0


NOTHING = Costs(check=0, rotate=0)
"""Of targets at which nobody logs in."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a whole rotation costs at one account.

    Attributes:
        before: logins with the old credential until it is changed.
        after: logins with the new one.
        wrong: logins with a credential that is refused, one at each endpoint.
    """

    before: int
    after: int
    wrong: int
    search: int = 0
    """Logins that may be refused, to find out which credential is in force, where an earlier run was interrupted."""

    @property
    def right(self) -> int:
        """Logins that are let in."""
        return self.before + self.after

    @property
    def all(self) -> int:
        """Every login, as a limit on connections counts them."""
        return self.right + self.wrong + self.search

    @property
    def in_words(self) -> str:
        """The bill, for people."""
        search = f"; before that {_times(self.search)}, to find out which of the two is in force" if self.search else ""
        most = "at most " if self.search else ""
        return (
            f"this rotation logs in {most}{_times(self.before)} with the old credential, {_times(self.after)} with the "
            f"new one, and {_times(self.wrong)} with the old one to see it refused{search}"
        )


def bill(first: Costs, others: Iterable[Costs] = (), *, resumed: bool = False) -> Bill:
    """Add up a whole rotation.

    Args:
        first: of the endpoint that is changed.
        others: of the other endpoints, at which the change is proven too.
        resumed: whether an earlier run may have changed the target: then it is asked which credential it takes, the
            new one first, and changed only where that is the old one.
    """
    proven = (first, *others)
    asked = 0 if resumed else (first.preflight or first.check) + sum(one.sessions for one in proven)
    return Bill(
        before=asked + first.rotate,
        after=sum(2 * one.check + one.allowance + one.sessions for one in proven),
        wrong=sum(one.check for one in proven),
        search=2 * first.check if resumed else 0,
    )


def question(asked: Iterable[Costs]) -> str:
    """Say what it costs to ask about one credential everywhere; empty where nobody logs in."""
    logins = sum(one.check for one in asked)
    if not logins:
        return ""
    return f"the target is asked about this credential: that logs in {_times(logins)}, and is refused where it is dead"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")

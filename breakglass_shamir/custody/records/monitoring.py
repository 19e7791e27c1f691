# SPDX-License-Identifier: Apache-2.0
"""What the watch saw, what was told, and that the terminal is alive.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class Heartbeat(Body, frozen=True, tag="heartbeat"):
    """The terminal is alive; a longer silence than it promised stands out."""

    every_s: int
    """Seconds until the next one is due; 0: none is promised any more."""


class AlertsDelivered(Body, frozen=True, tag="alerts-delivered"):
    """A sink acknowledged alerts of this set, in one round; not itself told to a sink."""

    sink: str
    count: int
    first: str
    """Id of the first event of the round; those between are in the order of the records."""

    last: str


class Escalated(Body, frozen=True, tag="escalated"):
    """Something is past its deadline and was not settled; told again and louder until it is."""

    subject: str
    """What it is, the same in every repetition: a debt's id, ``use-...``, ``quorum-...``, ``roll-call-1.2``."""

    what: str
    """One sentence for people."""

    level: int
    """1 the first time, one more each time."""


class Eased(Body, frozen=True, tag="eased"):
    """What was escalated is settled."""

    subject: str
    what: str


class Asked(Body, frozen=True, tag="asked"):
    """This program logs in at a target itself: one login, which the target's log will tell by a mark."""

    target: str
    """Its URI."""

    marks: tuple[str, ...]
    """What tells this one login from every other in the target's log; any one of them does."""


class LoginSeen(Body, frozen=True, tag="login-seen", omit_defaults=True):
    """The target remembers a login of the break-glass account, or attempts at one from one place."""

    at: str
    """By the target's clock, UTC, RFC 3339; of several attempts, the last."""

    account: str
    source: str
    accepted: bool
    count: int
    """1, or how many attempts were refused."""

    matched: str
    """The opening that accounts for it; ``own`` or ``near`` where this program asked; empty: nothing does."""

    detail: str

    mark: str = ""
    """What tells it from every other login in the target's log; left out where nothing does."""


class ChangedOutside(Body, frozen=True, tag="changed-outside"):
    """The target says that the password changed, and no rotation accounts for it."""

    at: str
    """By the target's clock, UTC, RFC 3339."""

    detail: str


class Watched(Body, frozen=True, tag="watched"):
    """A sign of the watch: it saw the logins of the target, or not all of them."""

    until: str
    """Until when the target's logins were looked at, UTC, RFC 3339."""

    every_s: int
    """Seconds until its next sign; 0: none is promised, as by a watch that a timer runs."""

    problem: str
    """Why the target could not be asked, or what could not be read; empty where all was seen."""


class Probed(Body, frozen=True, tag="probed"):
    """Probes of the policy were asked outside a declaration, and one found something else than before."""

    answers: dict[str, str]
    """By the probe's name: a word of ``VERDICTS``, and its words."""

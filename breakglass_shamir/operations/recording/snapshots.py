# SPDX-License-Identifier: Apache-2.0
"""Snapshots of what gives access at the target: one before the credential leaves, one when its use is over.

Rules:

1. The policy says whether (``use.snapshots``). The target is asked with the opened credential, once each time, for a
   bounded time, and its login is one of this program's own.
2. Nothing of it holds up or stops an opening: what could not be taken is recorded as not taken, and why.
3. What is recorded is bounded and cleaned, in order, so that two can be compared; a long entry ends in its digest.
4. It is the target's word. Whoever holds the credential may be able to change that.
"""

import hashlib

from breakglass_shamir.connectors.port.answers import Access
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import Snapshot
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.targets import connector_of
from breakglass_shamir.plural import counted

OPENING, CLOSE = "opening", "close"
"""When one is taken."""

MOST_ENTRIES = 400
"""Entries that a record holds; the first ones."""

ENTRY_MAX_BYTES = 400
"""Longest entry."""

PROBLEM_MAX_CHARS = 400
"""Longest text about what could not be told."""

LIMIT_S = 5.0
"""How long the target has for each of its answers."""

CANNOT = "the target does not list what gives access there"
"""Why there is none at a target that has no such ability."""


NOTHING_TO_COMPARE = "none was taken at the opening with which it could be compared"
"""Why the target is not asked at the close."""


class Snapshots:
    """Those of one use."""

    def __init__(self, recorder: Recorder, credential: Secret) -> None:
        """Ask nothing yet.

        Args:
            recorder: at the opening.
            credential: the opened one.
        """
        self._recorder = recorder
        self._credential = credential
        self._is_begun = False

    def take(self, when: str) -> None:
        """Ask the target and record what it says, where the policy names it and wants that.

        Args:
            when: :data:`OPENING`, then :data:`CLOSE`.
        """
        state, desk = self._recorder.set_state, self._recorder.desk
        policy = policy_in_force(state) if state.policy_source else None
        if policy is None or not policy.use.snapshots:
            return
        found, problem = Access(()), NOTHING_TO_COMPARE
        if when == OPENING or self._is_begun:
            found, problem = self._asked(policy, arms=when == CLOSE)
        self._is_begun = self._is_begun or not problem
        try:
            self._recorder.append(snapshot(when, policy.target.uri, found, problem))
        except BreakglassError as error:
            desk.warn(f"the snapshot at the {when} is not on record: {error}")
            return
        if problem:
            desk.warn(f"no snapshot of what gives access at the target: {problem}")
        else:
            desk.say(f"snapshot at the {when}: {counted(len(found.entries), 'way in', 'ways in')} at the target")

    def _asked(self, policy: Policy, *, arms: bool) -> tuple[Access, str]:
        """Return what the target says, or why it says nothing.

        Args:
            policy: in force.
            arms: whether an account that is kept closed may be armed for it: not before the reveal, when that was done
                or passed already, and nobody waits for it a second time.
        """
        try:
            connector = connector_of(policy, self._recorder)
            if not arms:
                connector.before_login = _as_it_is
            if "snapshot" not in connector.abilities:
                return Access(()), CANNOT
            connector.time_limit_s = min(connector.time_limit_s, LIMIT_S)
            return connector.snapshot(self._credential), ""
        except BreakglassError as error:
            return Access(()), str(error)


def _as_it_is() -> None:
    """Let the target be asked as the account stands."""


def snapshot(when: str, target: str, found: Access, problem: str) -> Snapshot:
    """Return the record of what a target said."""
    every = sorted(set(found.entries))
    # Cut before it is cleaned: people wait for the credential.
    kept = sorted({_bounded(printable(_bounded(entry).replace("\n", " "))) for entry in every[:MOST_ENTRIES]})
    return Snapshot(
        when=when, target=printable(target)[:PROBLEM_MAX_CHARS], entries=tuple(kept),
        left_out=found.left_out + max(0, len(every) - MOST_ENTRIES),
        untold=tuple(printable(one)[:PROBLEM_MAX_CHARS] for one in found.untold[:20]),
        problem=printable(problem)[:PROBLEM_MAX_CHARS],
    )  # fmt: skip


def _bounded(entry: str) -> str:
    """Cut a long entry, with the digest of all of it at its end."""
    whole = entry.encode(errors="surrogatepass")
    if len(whole) <= ENTRY_MAX_BYTES:
        return entry
    tail = f"... sha256 {hashlib.sha256(whole).hexdigest()}"
    return whole[: ENTRY_MAX_BYTES - len(tail)].decode(errors="ignore") + tail

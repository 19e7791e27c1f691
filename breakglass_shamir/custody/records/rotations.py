# SPDX-License-Identifier: Apache-2.0
"""The way from one credential to the next.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class Deferred(Body, frozen=True, tag="deferred"):
    """The quorum put the rotation off. Also signed by the set key."""

    for_s: int
    reason: str


class Abandoned(Body, frozen=True, tag="abandoned"):
    """A prepared epoch that will not be applied; its sheets are void."""

    epoch_id: str
    reason: str


class Countersigned(Body, frozen=True, tag="countersigned"):
    """The old epoch's quorum vouches for the new epoch's envelope. Also signed by the old set key."""

    epoch_id: str
    envelope_sha256: str


class Applying(Body, frozen=True, tag="applying"):
    """The target is about to be changed: from here on either credential may be the living one."""

    old_epoch_id: str
    new_epoch_id: str


class Applied(Body, frozen=True, tag="applied"):
    """The connector reported the change."""

    new_epoch_id: str


class OldDead(Body, frozen=True, tag="old-dead"):
    """New accepted, old refused for its credential, new accepted again; the old epoch is void."""

    old_epoch_id: str
    new_epoch_id: str
    proofs: tuple[str, ...]
    scope: str
    attested_by: tuple[str, ...] = ()
    """Officers who vouch that the old credential is dead where nobody can ask the target; leaves a debt."""


class Waited(Body, frozen=True, tag="waited"):
    """The target was given time, as after a change whose old credential it honours for a while."""

    what: str
    seconds: int


MOST_WAIT_S = 86_400
"""Longest time by which sessions may hold a change up: the old credential is honoured meanwhile."""


class SessionsAwaited(Body, frozen=True, tag="sessions-awaited"):
    """The account's own sessions at the target are waited for before the change, or are so no longer."""

    count: int
    """Sessions that are open now."""

    for_s: int
    """The longest time they are waited for from now on; 0: the wait is over."""

    detail: str


class SessionsEnded(Body, frozen=True, tag="sessions-ended"):
    """The account's sessions were ended after the change; where that failed, a debt is left."""

    count: int
    detail: str
    failed: bool = False


class Made(Body, frozen=True, tag="made"):
    """The target made the next credential, which is there before its sheets; or those sheets are about to count."""

    target: str
    """Its URI."""

    public_id: str
    """What the target calls the credential; no secret."""

    epoch_id: str
    """The epoch that it is of, whose sheets are in custody; empty: it is on no paper yet."""


class Rejected(Body, frozen=True, tag="rejected"):
    """The target's own rules did not take the prepared credential, and it surely changed nothing."""

    epoch_id: str
    detail: str


class NotBefore(Body, frozen=True, tag="not-before"):
    """The target takes no change before an instant: a rotation that is owed is due after it."""

    until: str
    """UTC, RFC 3339 with seconds."""
    detail: str


class RunsOut(Body, frozen=True, tag="runs-out"):
    """Something at the target ends by itself, or does so no longer: a certificate, a token, an account."""

    what: str
    """In a word or two: ``certificate``, ``revocation list``, ``token``, ``account``, ``password``."""

    ends: str
    """UTC, RFC 3339 with seconds; empty: nothing of this name ends by itself any more."""

    public_id: str
    """What names a credential that was made, and opens nothing: ``x509 serial 0A ...``; empty: it is none."""

    epoch_id: str
    """The epoch that has it on paper; empty: none, so that it is taken back where none follows."""


class TargetNamed(Body, frozen=True, tag="target-named"):
    """People named the target of a set that no policy of this ledger names, before anything was asked there."""

    target: str
    """Its URI, as it was typed or given."""

    account: str
    """The account there; empty: none."""

    agrees: bool
    """Whether the sheets name the same."""


class RotationFound(Body, frozen=True, tag="rotation-found"):
    """Quorums of two epochs, one following the other, were there: either credential may be the living one."""

    old_epoch_id: str
    new_epoch_id: str

# SPDX-License-Identifier: Apache-2.0
"""What the records of a rotation change beyond its main line, which is in ``lifecycle.py``.

Rules:

1. Waiting changes nothing; it is on record so that an auditor sees how long an old credential was honoured.
2. Waiting for sessions that officers still have at the target, before it is changed, changes nothing either.
   Sessions that could not be ended after it are a debt of their own: people look at the target and settle it.
3. A prepared epoch that the target rejected is abandoned although it was being applied: nothing was changed. What
   it owes because it was opened stays owed: another terminal may have applied it.
4. A target that takes no change before some day moves the date of a rotation debt behind that day, by the
   policy's own deadline. It settles nothing, and never by more than 60 days.
5. A credential that the target makes lives before its sheets. It is owed until an epoch's sheets that have it are about
   to count: whatever comes between leaves somebody to take it away at the target.
6. Where no policy names the target, people do, once a quorum opened; that is on record before anything is asked there.
7. What ends by itself at the target is remembered, by its public id or by what it is: the last word counts, and what
   belongs to an epoch that is void is forgotten. It settles and owes nothing; ``due.py`` makes a rotation due by it.
7. Quorums of an epoch and of its successor, brought to a terminal that does not know the successor, are a
   rotation that was interrupted elsewhere: the target is being changed, and either credential may live. Where this
   terminal was changing the target itself, what it prepared is left as it is: its sheets count, should it live.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import ROTATION, Debt, Ending, EpochStatus, SetState
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import (
    MOST_WAIT_S,
    Made,
    NotBefore,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.errors import IllegalState, InvalidRecord

SESSIONS = "sessions"
"""Kind of the debt that sessions which were not ended leave."""

SESSIONS_DEADLINE_S = 86_400
"""How long people have to look at sessions that were not ended."""

UNPRINTED = "unprinted"
"""Kind of the debt that a credential leaves which the target made and no sheets have."""

UNPRINTED_DEADLINE_S = 86_400
"""How long people have to take it away."""

MOST_DELAY_S = 60 * 86_400
"""Longest time by which a target may put a rotation off."""


def waited(s: SetState, _b: Waited, record: Record, _d: bytes) -> SetState:
    """Hold that a wait belongs to a change under way; it changes nothing."""
    _under_way(s, record)
    _applying(s)
    return s


def sessions_awaited(s: SetState, body: SessionsAwaited, record: Record, _d: bytes) -> SetState:
    """Hold that the wait is before the change of a prepared epoch; it changes nothing."""
    _under_way(s, record)
    if not s.prepared or s.applying:
        raise IllegalState("sessions are waited for between the preparation of an epoch and the change")
    if body.count < 0 or body.for_s < 0:
        raise InvalidRecord("expected a count and a time that are not negative")
    if body.for_s > MOST_WAIT_S:
        raise InvalidRecord(f"expected a wait for sessions of {MOST_WAIT_S} s at most, got {body.for_s}")
    return s


def sessions_ended(s: SetState, body: SessionsEnded, record: Record, _d: bytes) -> SetState:
    """Take note of ended sessions; those that could not be ended are owed."""
    opening = _under_way(s, record)
    _applying(s)
    if not body.failed:
        return s
    what = f"end the sessions of the account by hand: {body.detail}"
    debt = Debt(f"{SESSIONS}-{record.seq}", SESSIONS, opening, Moment.of(record), SESSIONS_DEADLINE_S, what)
    return replace(s, debts=(*s.debts, debt))


def made(s: SetState, body: Made, record: Record, _d: bytes) -> SetState:
    """Owe the end of a credential that is on no paper; or owe it no longer, since its sheets are about to count."""
    if not body.target or not body.public_id:
        raise InvalidRecord("expected the target and the public id of what it made")
    if not body.epoch_id:
        if s.current and _may_be_in_force(s):
            _under_way(s, record)
        debt = Debt(
            f"{UNPRINTED}-{record.seq}", UNPRINTED, record.opening, Moment.of(record), UNPRINTED_DEADLINE_S,
            _unprinted(body.target, body.public_id),
        )  # fmt: skip
        return replace(s, debts=(*s.debts, debt))
    if body.epoch_id not in (s.prepared, s.current):
        raise IllegalState("the epoch is neither the prepared nor the current one")
    owed = unprinted(s, body.target, body.public_id)
    if owed is None:
        raise IllegalState("nothing is owed for what the target made under this id")
    return replace(s, debts=tuple(debt for debt in s.debts if debt is not owed))


def _may_be_in_force(s: SetState) -> bool:
    """Tell whether the current epoch may be in force: split puts another one in the place of one that never was."""
    epoch = s.current_epoch
    return bool(s.opening or s.past or s.recoveries or epoch.proven or epoch.recovered or epoch.told_by)


def unprinted(s: SetState, target: str, public_id: str) -> Debt | None:
    """Return the debt that a credential of a target leaves which no sheets have; None where there is none."""
    what = _unprinted(target, public_id)
    return next((debt for debt in s.debts if debt.kind == UNPRINTED and debt.what == what), None)


def _unprinted(target: str, public_id: str) -> str:
    return (
        f"{public_id} was made at {target} and is on no sheets that count: go on with its rotation, or remove it there"
    )


def rejected(s: SetState, body: Rejected, record: Record, _d: bytes) -> SetState:
    """Abandon the prepared epoch that the target's rules did not take; one that is in force here stays good."""
    _under_way(s, record)
    _applying(s)
    if body.epoch_id != s.prepared:
        raise IllegalState("only the prepared epoch can be rejected")
    if body.epoch_id == s.current:
        return replace(s, prepared="", applying=False)
    gone = replace(s.epochs[s.prepared], status=EpochStatus.ABANDONED, since=record.time)
    return replace(s, epochs={**s.epochs, gone.epoch_id: gone}, prepared="", applying=False)


def not_before(s: SetState, body: NotBefore, record: Record, _d: bytes) -> SetState:
    """Date the rotation debts behind the day before which the target takes no change."""
    _under_way(s, record)
    try:
        until = datetime.fromisoformat(body.until)
        delay = (until - datetime.fromisoformat(record.time)).total_seconds()
        note = f"; the target takes no change before {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, TypeError, OverflowError):
        raise InvalidRecord("expected an instant with a time zone") from None
    delay_s = min(max(0, int(delay)), MOST_DELAY_S)
    debts = tuple(
        replace(debt, since=Moment.of(record), deadline_s=delay_s + _own_deadline(s), what=_dated(debt.what, note))
        if debt.kind == ROTATION and delay_s
        else debt
        for debt in s.debts
    )
    return replace(s, debts=debts)


MOST_ENDINGS = 64
"""How many endings of one set are remembered; the oldest give way."""


def runs_out(s: SetState, body: RunsOut, _r: Record, _d: bytes) -> SetState:
    """Remember when something at the target ends by itself."""
    if body.epoch_id and body.epoch_id not in s.epochs:
        raise IllegalState("what runs out belongs to an epoch of this set, or to none")
    key = body.public_id or body.what
    if not key:
        raise InvalidRecord("expected what runs out, got nothing")
    kept = {
        name: one
        for name, one in s.endings.items()
        if name != key and not (one.epoch_id and s.epochs[one.epoch_id].status is EpochStatus.VOID)
    }
    if body.ends:
        if not _is_instant(body.ends):
            raise InvalidRecord("expected an instant with a time zone")
        kept[key] = Ending(body.what, body.ends, body.public_id, body.epoch_id)
    while len(kept) > MOST_ENDINGS:
        del kept[next(iter(kept))]
    return replace(s, endings=kept)


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() is not None
    except (ValueError, OverflowError):
        return False


def rotation_found(s: SetState, body: RotationFound, record: Record, _d: bytes) -> SetState:
    """Take up a rotation that another terminal began."""
    _under_way(s, record)
    old, new = s.epochs.get(body.old_epoch_id), s.epochs.get(body.new_epoch_id)
    free = s.applying or not s.prepared
    if not free or old is None or new is None or s.source != body.old_epoch_id or s.prepared == body.new_epoch_id:
        raise IllegalState("expected the current epoch and one that follows it, and no other rotation under way")
    if new.status is not EpochStatus.GOOD or new.predecessor != body.old_epoch_id:
        raise IllegalState("the second epoch does not follow the first, or it is void or abandoned")
    return replace(s, prepared=body.new_epoch_id, applying=True)


def target_named(s: SetState, _b: TargetNamed, record: Record, _d: bytes) -> SetState:
    """Hold that no policy names the target, and that a quorum opened; it changes nothing."""
    opening = s.opening
    if s.policy_source:
        raise IllegalState(f"the policy of set {s.name} names its target")
    if opening is None or record.opening != opening.id or not opening.was_opened:
        raise IllegalState(f"a target is named in an opening of set {s.name} that a quorum opened")
    return s


def _own_deadline(s: SetState) -> int:
    # Imported here: the policy's parser is not needed for anything else in this module.
    from breakglass_shamir.custody.policy import source as policies

    return policies.parse(s.policy_source).rotation.deadline.seconds if s.policy_source else SESSIONS_DEADLINE_S


def _dated(what: str, note: str) -> str:
    return what.partition("; the target takes no change before")[0] + note


def _under_way(s: SetState, record: Record) -> str:
    """Return the id of the opening a record belongs to, which must be the one under way."""
    if s.opening is None or record.opening != s.opening.id:
        raise IllegalState(f"the record belongs to no opening of set {s.name} that is under way")
    return s.opening.id


def _applying(s: SetState) -> None:
    if not s.applying:
        raise IllegalState("nothing is being applied")

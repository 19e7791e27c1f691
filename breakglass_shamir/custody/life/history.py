# SPDX-License-Identifier: Apache-2.0
"""What drills and custody have shown so far: which sheet was looked at when, and when the credential last worked.

Rules:

1. It is a pure function of the records, kept beside the life of the set; it refuses nothing and opens nothing.
2. A sheet counts as verified from its read-back on, and again at each roll-call that did not fail. One that
   failed stays failed until a later one passes.
3. A change of custodian makes the roll-call of that sheet due, and the rehearsal.

What is due, and when, is ``due.py``; which record may follow, ``lifecycle.py``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import Issued, Proven, Recovered, RecoveredCore
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, ReadBack, Reassigned

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.statement import Statement

RESULTS = ("pass", "warning", "fail")
"""What a drill may show."""

STATUS_IDS = {"pass": 1, "warning": 2, "fail": 3}
"""The same as ``compliance.status_id`` of an OCSF Compliance Finding (class 2003)."""


class SheetHistory(msgspec.Struct, frozen=True):
    """What is known of one sheet."""

    verified: Moment | None = None
    """When it was last read back, acknowledged, or passed a roll-call."""

    bag: str = ""
    """Serial of the bag it should be in; empty: none was recorded."""

    moved: Moment | None = None
    """When it changed hands, unless a roll-call came after."""

    roll_call: RollCall | None = None
    """The last one."""

    roll_called: Moment | None = None

    @property
    def failed(self) -> bool:
        """Whether the last roll-call failed."""
        return self.roll_call is not None and self.roll_call.result == "fail"


class DrillResult(msgspec.Struct, frozen=True):
    """The last drill of a kind."""

    at: Moment
    result: str
    reasons: tuple[str, ...]
    passed: Moment | None
    """When one last did not fail; this one, or an earlier one."""


class History(msgspec.Struct, frozen=True):
    """What drills and custody of one set have shown."""

    began: Mapping[str, Moment] = msgspec.field(default_factory=dict)
    """Epoch id to when this ledger learned of it."""

    sheets: Mapping[tuple[str, str], SheetHistory] = msgspec.field(default_factory=dict)
    """By epoch id and seat."""

    rehearsal: DrillResult | None = None
    access: DrillResult | None = None
    login: Moment | None = None
    """When the target last accepted the credential in force."""

    people_changed: Moment | None = None
    """When a sheet last changed hands, unless a rehearsal that did not fail came after."""

    destroyed: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    """Epoch id to seats whose sheets are destroyed."""

    def sheet(self, epoch_id: str, seat: str) -> SheetHistory:
        """Return what is known of a sheet."""
        return self.sheets.get((epoch_id, seat), SheetHistory())


def follow(known: History, body: records.AnyBody, at: Moment, *, in_force: str) -> History:
    """Return the history after one more record.

    Args:
        known: the history so far.
        body: what the record says.
        at: when it was made.
        in_force: the epoch that is in force after it.
    """
    if isinstance(body, Enrolled):
        from breakglass_shamir.custody.life import statement

        return _told(known, statement.parse(body.statement))
    match body:
        case Issued():
            known = _began(known, body.epoch_id, at)
            return replace(known, login=at) if body.proven == "accepted" else known
        case Recovered() | RecoveredCore() | Succession():
            learned = body.successor if isinstance(body, Succession) else body.epoch_id
            return known if learned in known.began else _began(known, learned, at)
        case ReadBack():
            return _read_back(known, body, at)
        case Acknowledged():
            before = known.sheet(body.epoch_id, body.sheet)
            return _put(known, body.epoch_id, body.sheet, replace(before, verified=at, bag=body.bag))
        case Reassigned():
            before = known.sheet(body.epoch_id, body.sheet)
            moved = _put(known, body.epoch_id, body.sheet, replace(before, moved=at))
            return replace(moved, people_changed=at)
        case RollCall():
            return _roll_call(known, body, at)
        case Rehearsed():
            changed = known.people_changed if body.result == "fail" else None
            return replace(known, rehearsal=_result(known.rehearsal, body, at), people_changed=changed)
        case DrillEnded():
            return _drill_ended(known, body, at)
        case Proven(result="accepted") | OldDead():
            accepted = body.new_epoch_id if isinstance(body, OldDead) else body.epoch_id
            return replace(known, login=at) if accepted == in_force else known
        case Destroyed():
            gone = known.destroyed.get(body.epoch_id, frozenset()) | set(body.sheets)
            return replace(known, destroyed={**known.destroyed, body.epoch_id: gone})
        case _:
            return known


def _read_back(known: History, body: ReadBack, at: Moment) -> History:
    for seat in body.sheets:
        known = _put(known, body.epoch_id, seat, replace(known.sheet(body.epoch_id, seat), verified=at))
    return known


def _told(known: History, said: "Statement") -> History:
    """Take what another terminal tells of sheets, for epochs of which nothing is known here.

    Its moments are of another machine: only the wall clock tells how long ago they were.
    """
    for epoch in said.epochs:
        if epoch.epoch_id in known.began:
            continue
        known = _began(known, epoch.epoch_id, Moment(epoch.began, "", 0))
        for seat in {**epoch.verified, **epoch.bags}:
            at = epoch.verified.get(seat)
            sheet = SheetHistory(Moment(at, "", 0) if at else None, epoch.bags.get(seat, ""))
            known = _put(known, epoch.epoch_id, seat, sheet)
    return known


def _began(known: History, epoch_id: str, at: Moment) -> History:
    return replace(known, began={**known.began, epoch_id: at})


def _put(known: History, epoch_id: str, seat: str, sheet: SheetHistory) -> History:
    return replace(known, sheets={**known.sheets, (epoch_id, seat): sheet})


def _roll_call(known: History, body: RollCall, at: Moment) -> History:
    before = known.sheet(body.epoch_id, body.sheet)
    after = replace(before, roll_call=body, roll_called=at)
    if body.result != "fail":
        after = replace(after, verified=at, moved=None, bag=body.bag or before.bag)
    return _put(known, body.epoch_id, body.sheet, after)


def _drill_ended(known: History, body: DrillEnded, at: Moment) -> History:
    if body.drill == "rehearsal":
        return replace(known, rehearsal=_result(known.rehearsal, body, at))
    login = at if body.login == "accepted" else known.login
    return replace(known, access=_result(known.access, body, at), login=login)


def _result(before: DrillResult | None, body: Rehearsed | DrillEnded, at: Moment) -> DrillResult:
    passed = at if body.result != "fail" else before.passed if before else None
    return DrillResult(at, body.result, body.reasons, passed)

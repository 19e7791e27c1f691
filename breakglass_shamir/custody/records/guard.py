# SPDX-License-Identifier: Apache-2.0
"""The last door before a record: no text in it may look like a share (spec: docs/spec/7-records.md).

Rules:

1. Every text of every record is looked at, also of a type that does not exist yet; what is not is on a list here.
2. What people said is refused, and nothing is recorded. They can say it in other words.
3. What machines said (an error, a target, a path) is recorded with that part withheld: no word of a server may keep a
   rotation or a refusal from its record.
4. Public base64 is not looked at. Nor is the name of a set that is in the ledger already or is signed on its sheets:
   refusing it would lock people out of that set.

Reading a record asks none of this: what is in a log is in it, and a verifier must be able to read it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import Issued, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import (
    CollectorReplaced,
    LedgerMoved,
    LedgerStarted,
    PolicyAdopted,
    PolicyWeakened,
)
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.monitoring import (
    Asked,
    ChangedOutside,
    Eased,
    Escalated,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Declared,
    OfficerSigned,
    Overridden,
    Refused,
    Snapshot,
    TicketAnswered,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    Waited,
)
from breakglass_shamir.custody.records.sheets import CustodianSigned, Reassigned
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import LooksLikeShare

PUBLIC: Mapping[type[Body], frozenset[str]] = {
    LedgerStarted: frozenset({"public_key"}),
    Issued: frozenset({"envelope", "drill_envelope"}),
    Recovered: frozenset({"envelope"}),
    RecoveredCore: frozenset({"core"}),
    RecoveryImported: frozenset({"signature"}),
    Enrolled: frozenset({"statement", "signature"}),
    OfficerSigned: frozenset({"key", "signature"}),
    Succession: frozenset(
        {"envelope", "countersigned", "countersignature", "old_dead", "terminal_signature", "terminal_key"}
    ),
    CustodianSigned: frozenset({"key", "signature"}),
    Reviewed: frozenset({"key", "signature"}),
    DebtsSettled: frozenset({"key", "signature"}),
    CollectorReplaced: frozenset({"old", "new"}),
    RunsOut: frozenset({"public_id"}),
}
"""Fields that hold base64 of public data, or a certificate's numbers, and are not looked at."""

TOLD: Mapping[type[Body], frozenset[str]] = {
    LedgerMoved: frozenset({"reason"}),
    PolicyWeakened: frozenset({"weakens"}),
    Proven: frozenset({"detail"}),
    RollCall: frozenset({"reasons"}),
    Rehearsed: frozenset({"reasons"}),
    DrillEnded: frozenset({"login", "reasons"}),
    Arming: frozenset({"authority"}),
    Disarmed: frozenset({"authority", "detail"}),
    ArmedOutside: frozenset({"detail"}),
    LoadDrilled: frozenset({"target", "reasons"}),
    Escalated: frozenset({"what"}),
    Eased: frozenset({"what"}),
    Asked: frozenset({"marks"}),
    LoginSeen: frozenset({"account", "source", "detail", "mark"}),
    ChangedOutside: frozenset({"detail"}),
    Watched: frozenset({"problem"}),
    Probed: frozenset({"answers"}),
    Declared: frozenset({"probes", "ticket_answer"}),
    TicketAnswered: frozenset({"answer"}),
    Refused: frozenset({"message"}),
    Overridden: frozenset({"problem"}),
    UseRecorded: frozenset({"problem"}),
    Actions: frozenset({"target", "sessions", "problem"}),
    Snapshot: frozenset({"target", "entries", "untold", "problem"}),
    UseEnded: frozenset({"outcome"}),
    Abandoned: frozenset({"reason"}),
    OldDead: frozenset({"proofs", "scope"}),
    Waited: frozenset({"what"}),
    SessionsAwaited: frozenset({"detail"}),
    SessionsEnded: frozenset({"detail"}),
    Made: frozenset({"public_id"}),
    Rejected: frozenset({"detail"}),
    NotBefore: frozenset({"detail"}),
    RunsOut: frozenset({"what"}),
    Reassigned: frozenset({"despite"}),
}
"""Fields that hold what machines said, and are recorded with what looks like a share withheld."""

_BRINGS_A_SET = (PolicyAdopted, RecoveredCore, Refused, Asked)
"""Records whose set may be new, by a name that people gave."""

_AnyBody = TypeVar("_AnyBody", bound=Body)


def recordable(body: _AnyBody) -> _AnyBody:
    """Return a body in which what machines said is fit for a record: readable, and without what looks like a share."""
    told = {name: getattr(body, name) for name in TOLD.get(type(body), ())}
    fit = {name: _fit(value) for name, value in told.items()}
    return body if fit == told else msgspec.structs.replace(body, **fit)


def check(body: Body, set_name: str) -> None:
    """Refuse a body that holds what looks like a share.

    Raises:
        LooksLikeShare: naming the field.
    """
    from breakglass_shamir.formats.likeness import looks_like_share

    public = PUBLIC.get(type(body), frozenset())
    for name in body.__struct_fields__:
        if name not in public and any(map(looks_like_share, _texts(getattr(body, name)))):
            raise LooksLikeShare(f"the {name.replace('_', ' ')} looks like a share, and is not recorded")
    if isinstance(body, _BRINGS_A_SET) and looks_like_share(set_name):
        raise LooksLikeShare("the name of the set looks like a share, and is not recorded")


def _fit(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return tuple(map(printable, value)) if isinstance(value, tuple) else printable(value)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a field, a table's keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*_texts(key), *_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)

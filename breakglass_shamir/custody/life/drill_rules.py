# SPDX-License-Identifier: Apache-2.0
"""Which records of drills and ceremonies may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. A drill never counts as an emergency, nor the reverse: an opening that was declared as the one is not
   closed as the other.
2. A rehearsal ends its declaration and opens nothing: its purpose is ``drill``, and nothing was combined but
   drill cards of an epoch that is good.
3. A roll-call names one sheet. That of a void sheet can only fail.
4. A load drill is of no set and changes none: its numbers fit together, and that is all.
5. Sheets are destroyed only when they open nothing: their epoch is over, they were voided one by one, or the set is
   retired.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life import lineage
from breakglass_shamir.custody.life.history import RESULTS
from breakglass_shamir.custody.life.rules import check_seats, good_epoch
from breakglass_shamir.custody.life.state import (
    EpochState,
    EpochStatus,
    LedgerState,
    Opening,
    Phase,
    SetState,
    read_seat,
)
from breakglass_shamir.custody.policy.tables import PERCENTS
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.sheets import Destroyed, Noted
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidRecord
from breakglass_shamir.formats.envelope import Envelope

LEVELS = ("seal", "live")
"""How closely a roll-call looked."""

HEALTH_WORDS = ("", "fresh", "worn", "replace")
"""What a roll-call may say of the print; empty: it was not looked at."""

DRILLS = ("rehearsal", "access")
"""Drills that are declared."""

POINTS = (0, 10, 25, 50, 75, 90, 95, 99, 100)
"""Percentiles of a step that the record of a load drill holds."""

NOT_REACHED = -1
"""The time of a percentile that falls on rehearsals which did not come to the step."""

ALERT_COUNTS = 3
"""Events that were made for a sink, that it acknowledged, that waited."""

WITNESSES = 2
"""Different people who must vouch that a sheet was destroyed."""

CONTRARY = frozenset({("emergency", "drill"), ("drill", "emergency")})
"""Purpose and classification that exclude each other."""


def drill_envelope(epoch: EpochState, name: str) -> Envelope:
    """Return the envelope of an epoch's drill cards.

    Raises:
        IllegalState: this ledger has none for the epoch.
        InvalidRecord: what it has is not the drill of this epoch.
    """
    if not epoch.drill_envelope:
        raise IllegalState(
            f"epoch {epoch.number} has no drill cards that this ledger knows",
            hint="a set that was learned from its sheets gets drill cards with its next epoch: breakglass rotate",
        )
    try:
        found = Envelope.from_bytes(lineage.decoded("drill envelope", epoch.drill_envelope))
    except BreakglassError as error:
        raise InvalidRecord(f"the drill envelope of epoch {epoch.number} does not hold: {error}") from None
    mine = (Kind.DRILL, epoch.number, epoch.envelope.core.structure, name)
    if (found.core.kind, found.core.epoch, found.core.structure, found.set_name) != mine:
        raise InvalidRecord(f"the drill envelope of epoch {epoch.number} is not of its drill cards")
    return found


def check_classification(opening: Opening, classification: str) -> None:
    """Refuse to close a drill as an emergency, or an emergency as a drill.

    Raises:
        IllegalState: naming what it was declared as.
    """
    purpose = opening.declared.purpose
    if (purpose, classification) in CONTRARY:
        raise IllegalState(
            f"opening {opening.short_id} was declared as {_with_article(purpose)} and is not closed as "
            f"{_with_article(classification)}",
            hint=f"close it as {purpose}, or as misuse",
        )


def roll_call(s: SetState, body: RollCall, _r: Record, _d: bytes) -> SetState:
    """Take a look at one sheet."""
    epoch = good_epoch(s, body.epoch_id, ())
    check_seats(epoch, (body.sheet,))
    if body.sheet in epoch.voided and body.result != "fail":
        raise IllegalState(f"sheet {body.sheet} of epoch {epoch.number} is void")
    if body.level not in LEVELS or body.health not in HEALTH_WORDS or not 0 <= body.used_percent <= 100:
        raise InvalidRecord("the roll-call's level, health or percentage is none there is")
    _check_result(body.result, body.reasons)
    return s


def rehearsed(s: SetState, body: Rehearsed, record: Record, _d: bytes) -> SetState:
    """End a declaration in which a quorum of drill cards combined."""
    opening = _drill(s, record)
    if opening is not s.opening or opening.phase is not Phase.DECLARED:
        raise IllegalState("a rehearsal is declared, and opens nothing")
    epoch = good_epoch(s, body.epoch_id, ())
    check_seats(epoch, body.sheets)
    if not epoch.envelope.core.structure.is_quorum([read_seat(sheet) for sheet in body.sheets]):
        raise IllegalState(f"the drill cards named are no quorum of epoch {epoch.number}")
    drill_envelope(epoch, s.name)
    _check_result(body.result, body.reasons)
    _check_steps(body.steps_ms)
    return _over(s, opening, "rehearsed")


def drill_ended(s: SetState, body: DrillEnded, record: Record, _d: bytes) -> SetState:
    """Take the result of a drill; one that opened nothing is over with it."""
    opening = _drill(s, record)
    if body.drill not in DRILLS:
        raise InvalidRecord(f"expected a drill of {', '.join(DRILLS)}, got {body.drill[:20]!r}")
    if opening.was_opened and body.drill == "rehearsal":
        raise IllegalState("a rehearsal opens nothing, and this drill opened the set")
    if body.drill == "access" and not opening.was_opened and body.result != "fail":
        raise IllegalState("an access drill that opened nothing failed")
    _check_result(body.result, body.reasons)
    _check_steps(body.steps_ms)
    return _over(s, opening, "ended") if opening is s.opening and not opening.was_opened else s


def load_drilled(state: LedgerState, body: LoadDrilled, _r: Record) -> LedgerState:
    """Take the figures of a load drill; nothing follows from them.

    Raises:
        InvalidRecord: they do not fit together.
    """
    _check_result(body.result, body.reasons)
    least = {
        "terminals": 1, "at_once": body.terminals, "rounds": 1, "done": 0, "failed": 0, "elapsed_ms": 0, "records": 0,
        "collected": -1,
    }  # fmt: skip
    for name, lowest in least.items():
        if getattr(body, name) < lowest:
            raise InvalidRecord(f"expected {name} of {lowest} or more in a load drill, got {getattr(body, name)}")
    if body.done + body.failed > body.at_once * body.rounds or body.collected > body.records:
        raise InvalidRecord("a load drill counts more than there was")
    for took in body.steps_ms.values():
        reached = [one for one in took if one != -1]
        if len(took) != len(POINTS) or [*took[: len(reached)]] != sorted(reached) or min(took) < -1:
            raise InvalidRecord(f"expected {len(POINTS)} rising times of each step of a load drill")
    for limits in body.limits_ms.values():
        if len(limits) != len(PERCENTS) or min(limits) < 0:
            raise InvalidRecord(f"expected {len(PERCENTS)} limits of each step of a load drill")
    for counts in body.alerts.values():
        if len(counts) != ALERT_COUNTS or min(counts) < 0 or counts[1] + counts[2] > counts[0]:
            raise InvalidRecord("expected how many alerts of a load drill were made, acknowledged and waited")
    return state


def destroyed(s: SetState, body: Destroyed, _r: Record, _d: bytes) -> SetState:
    """Take the witnessed end of sheets that open nothing."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None:
        raise IllegalState("this epoch is unknown")
    check_seats(epoch, body.sheets)
    counting = epoch.status is EpochStatus.GOOD and not s.retired
    living = [sheet for sheet in body.sheets if counting and sheet not in epoch.voided]
    if living:
        raise IllegalState(f"sheets {', '.join(living)} of epoch {epoch.number} still open: they are not destroyed")
    gone = s.history.destroyed.get(body.epoch_id, frozenset())
    again = [sheet for sheet in body.sheets if sheet in gone]
    if again or not body.sheets:
        raise IllegalState(f"sheets {', '.join(again) or 'none'} of epoch {epoch.number} are destroyed already")
    if len({name.casefold() for name in body.witnesses if name.strip()}) < WITNESSES:
        raise IllegalState(f"expected {WITNESSES} different witnesses of the destruction")
    return s


def noted(s: SetState, _b: Noted, _r: Record, _d: bytes) -> SetState:
    """Take a line of a protocol; nothing follows from it."""
    return s


def _drill(s: SetState, record: Record) -> Opening:
    """Return the opening a record belongs to, which must have been declared as a drill."""
    openings = (*s.past, *filter(None, [s.opening]))
    found = next((opening for opening in openings if opening.id == record.opening), None)
    if found is None or found.declared.purpose != "drill":
        raise IllegalState(f"the record belongs to no drill of set {s.name}")
    return found


def _over(s: SetState, opening: Opening, outcome: str) -> SetState:
    ended = replace(opening, outcome=outcome, classification="drill")
    return replace(s, opening=None, past=(*s.past, ended))


def _check_result(result: str, reasons: tuple[str, ...]) -> None:
    if result not in RESULTS:
        raise InvalidRecord(f"expected a result of {', '.join(RESULTS)}, got {result[:20]!r}")
    if (result == "pass") == bool(reasons):
        raise InvalidRecord("a drill that passed has no reasons, any other has")


def _check_steps(steps_ms: Mapping[str, int]) -> None:
    if any(milliseconds < 0 for milliseconds in steps_ms.values()):
        raise InvalidRecord("a step of the drill took less than no time")


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"

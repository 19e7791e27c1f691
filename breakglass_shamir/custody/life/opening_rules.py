# SPDX-License-Identifier: Apache-2.0
"""One opening: declared, opened, used, rotated, closed; what each record asks for and what it changes.

Which record has which rule stands in the table of ``lifecycle.py``.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from breakglass_shamir.custody.life import drill_rules, standing
from breakglass_shamir.custody.life.gates import GATES, SUPERSEDED, TICKET_OPEN
from breakglass_shamir.custody.life.lineage_rules import UNPROVEN, heard
from breakglass_shamir.custody.life.link import ATTESTED, PROVEN, Link
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import (
    REVIEW_DEADLINE_S,
    abandoning,
    check_seats,
    good_epoch,
    opening_of,
    put_in_force,
    rotation_deadline_s,
    rotation_of,
    with_epoch,
)
from breakglass_shamir.custody.life.state import (
    ROTATION,
    Debt,
    EpochState,
    EpochStatus,
    Opening,
    Phase,
    SetState,
    read_seat,
)
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.when import MOST_USES
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import (
    ASK,
    TICKET_WORDS,
    VERDICTS,
    Actions,
    Cancelled,
    Closed,
    Declared,
    InUse,
    Opened,
    Overridden,
    Revealing,
    Snapshot,
    TicketAnswered,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import Abandoned, Applied, Applying, Countersigned, Deferred, OldDead
from breakglass_shamir.errors import IllegalState, InvalidRecord

MODES = ("exec", "show", "no-reveal")
"""Ways in which the credential leaves, or is used, within a use."""

WAYS = ("terminal", "output")
"""What is recorded of a command: a terminal of its own, or its output."""

ENDS = ("whole", "bound", "failed", "cut-off")
"""How a recording ends."""

SNAPSHOTS = ("opening", "close")
"""When a snapshot is taken."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

PAST_KEPT = 16
"""Openings that are over and stay in the state, so that it does not grow with the log."""


def declared(s: SetState, body: Declared, record: Record, data: bytes) -> SetState:
    """Begin an opening, in the place of the one that it supersedes."""
    if not s.current:
        raise IllegalState(f"set {s.name} has no epoch to open")
    under_way = s.opening.id if s.opening else ""
    if body.supersedes != under_way:
        raise IllegalState("another opening of this set is under way")
    if record.opening:
        raise InvalidRecord("a declaration begins an opening, and belongs to none")
    if body.policy_digest != s.policy_digest:
        raise InvalidRecord("the declaration was made under another policy than the one in force")
    check_answers(body.probes, VERDICTS, good="well")
    check_answers({"ticket": body.ticket_answer} if body.ticket_answer else {}, TICKET_WORDS, good="open")
    if s.opening:
        s = ended(s, "superseded")
    opening = Opening(records.digest(data), body, Moment.of(record), seq=record.seq, data=data)
    return replace(s, opening=opening)


def check_answers(answers: Mapping[str, str], words: Sequence[str], *, good: str) -> None:
    """Refuse what probes and systems of tickets do not say.

    Args:
        answers: by what was asked.
        words: with one of which each begins.
        good: the one that nothing follows; a colon and why follow the others.

    Raises:
        InvalidRecord: naming what was asked.
    """
    for name, answer in answers.items():
        word, _, why = answer.partition(": ")
        if word not in words or bool(why.strip()) == (word == good):
            raise InvalidRecord(f"the answer of {name[:60]!r} is none there is")


def ticket_answered(s: SetState, body: TicketAnswered, record: Record, _d: bytes) -> SetState:
    """Take a later word of the system of tickets; where the policy lets it, one that says open settles the debt."""
    opening = next((one for one in (*s.past, *filter(None, [s.opening])) if one.id == record.opening), None)
    owed = [debt for debt in s.debts if debt.kind == TICKET_OPEN and debt.opening == record.opening]
    if opening is None or not owed:
        raise IllegalState("the record belongs to no opening that owes a look at its ticket")
    if body.ticket != opening.declared.ticket:
        raise InvalidRecord("the system of tickets was asked about another ticket")
    check_answers({"ticket": body.answer}, TICKET_WORDS, good="open")
    owing = {debt.opening for debt in s.debts if debt.kind == TICKET_OPEN}
    kept = {known: answer for known, answer in s.ticket_answers.items() if known in owing}
    s = replace(s, ticket_answers={**kept, opening.id: body.answer})
    if not (may_settle(s) and body.answer == "open" and opening.declared.ticket_answer.startswith("unknown: ")):
        return s
    return replace(s, debts=tuple(debt for debt in s.debts if debt not in owed))


def may_settle(s: SetState) -> bool:
    """Tell whether the policy lets a later answer of the system of tickets settle a debt."""
    policy = policies.parse(s.policy_source) if s.policy_source else None
    return policy is not None and policy.ticket is not None and policy.ticket.settles


def overridden(s: SetState, body: Overridden, record: Record, _d: bytes) -> SetState:
    """Pass a gate by name; it is owed."""
    opening = opening_of(s, record)
    if body.gate not in GATES:
        raise IllegalState(f"expected a gate of {', '.join(GATES)}, got {body.gate}")
    if opening.declared.purpose != "emergency":
        raise IllegalState("only an emergency may override a check")
    debt = Debt(
        f"{body.gate}-{record.seq}", body.gate, opening.id, Moment.of(record), REVIEW_DEADLINE_S,
        f"review the overridden check {body.gate}: {body.problem}",
    )  # fmt: skip
    return replace(s, debts=(*s.debts, debt))


def cancelled(s: SetState, _b: Cancelled, record: Record, _d: bytes) -> SetState:
    """End a declaration that nothing came of."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("only a declaration that was not opened can be cancelled; close the use instead")
    return ended(s, "cancelled")


def opened(s: SetState, body: Opened, record: Record, _d: bytes) -> SetState:
    """Let a quorum open its epoch; the rotation is owed from here on."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("this opening was opened already; declare another")
    asks = body.mode == ASK
    epoch = _asked_epoch(s, opening, body) if asks else _opened_epoch(s, opening, body)
    check_seats(epoch, body.sheets)
    if not epoch.envelope.core.structure.is_quorum([read_seat(sheet) for sheet in body.sheets]):
        raise IllegalState(f"the sheets named are no quorum of epoch {epoch.number}")
    moment = Moment.of(record)
    despite = not asks and _in_spite(s, opening)
    if not (s.applying or asks):
        s = _turned_to(s, epoch, record)
    s = _owing(s, epoch, opening, moment, despite=despite)
    if opening.declared.purpose == "emergency":
        s = replace(s, uses=(*s.uses, moment)[-(MOST_USES + 1) :])
    s = replace(with_epoch(s, replace(s.epochs[epoch.epoch_id], answered="")), retired=None)
    return replace(
        s, opening=replace(opening, phase=Phase.OPEN, epoch_id=body.epoch_id, opened_at=moment, asks=asks)
    )  # fmt: skip


def _owing(s: SetState, epoch: EpochState, opening: Opening, moment: Moment, *, despite: bool) -> SetState:
    """Owe the rotation of an epoch, once; what was known to have followed it does not settle this opening."""
    known = {link.successor for link in standing.links_from(s, epoch.epoch_id)}
    known |= {one.epoch_id for one in standing.claimants(s, epoch.epoch_id)}
    against = tuple(sorted(known)) if despite else ()
    owed = next((debt for debt in s.debts if rotation_of(s, debt, epoch.epoch_id)), None)
    if owed is None:
        debt = Debt(
            f"{ROTATION}-{opening.id[:8]}", ROTATION, opening.id, moment, rotation_deadline_s(s),
            f"rotate: the credential of epoch {epoch.number} was opened", epoch.epoch_id, against,
        )  # fmt: skip
        return replace(s, debts=(*s.debts, debt))
    more = replace(owed, despite=tuple(sorted({*owed.despite, *against})))
    return replace(s, debts=tuple(more if debt is owed else debt for debt in s.debts))


def _turned_to(s: SetState, epoch: EpochState, record: Record) -> SetState:
    """Let the rotation go on from the epoch that opened; what was prepared to follow another follows nothing now.

    It is taken for the living one, unless it is known to be past: that is never in force again.
    """
    past = standing.is_past(s, epoch.epoch_id)
    if s.prepared == epoch.epoch_id:
        s = replace(s, prepared="")
    elif s.prepared and s.epochs[s.prepared].predecessor != epoch.epoch_id:
        s = abandoning(s, record)
    s = replace(s, forking=epoch.epoch_id if past else "")
    return s if past or epoch.epoch_id == s.current else put_in_force(s, epoch.epoch_id)


def _asked_epoch(s: SetState, opening: Opening, body: Opened) -> EpochState:
    """Return the epoch about which the target is asked: one that owes a rotation, whatever is known of it."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None or opening.declared.purpose != ROTATION:
        raise IllegalState("the target is asked about an epoch of this ledger, in a rotation")
    if not any(rotation_of(s, debt, body.epoch_id) for debt in s.debts):
        raise IllegalState("the target is asked only about a credential that is owed a rotation")
    return epoch


def _opened_epoch(s: SetState, opening: Opening, body: Opened) -> EpochState:
    """Return the epoch that a quorum opened; one that is void or past only where that was overridden by name."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is not None and standing.is_past(s, body.epoch_id):
        _check_past(s, opening, body)
        return epoch
    if epoch is not None and _passes(s, opening, "void"):
        return epoch
    if not s.openable(body.epoch_id):
        raise IllegalState("this epoch is not the living one")
    return good_epoch(s, body.epoch_id, body.sheets)


def _check_past(s: SetState, opening: Opening, body: Opened) -> None:
    """Hold that an epoch that is past is opened by its gate's name, or to go on with the rotation that this left.

    Logs from before that gate passed one that died here by ``void``.
    """
    epoch, void = s.epochs[body.epoch_id], _passes(s, opening, "void")
    died_here = any(not link.terminal for link in standing.links_from(s, body.epoch_id))
    passes = _passes(s, opening, SUPERSEDED) or (void and died_here)
    if standing.problem(s, body.epoch_id, opening.declared.purpose) is not None and not passes:
        raise IllegalState(f"{standing.why_past(s, body.epoch_id)}; it is opened by the override {SUPERSEDED} only")
    if not void and any(sheet in epoch.voided for sheet in body.sheets):
        raise IllegalState(f"sheets of epoch {epoch.number} are void")


def _in_spite(s: SetState, opening: Opening) -> bool:
    return _passes(s, opening, "void") or _passes(s, opening, SUPERSEDED)


def _passes(s: SetState, opening: Opening, gate: str) -> bool:
    """Tell whether an opening passed a gate by name."""
    return any(debt.kind == gate and debt.opening == opening.id for debt in s.debts)


def in_use(s: SetState, _b: InUse, record: Record, _d: bytes) -> SetState:
    """Begin the use; where the target is only asked, there is none."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.OPEN:
        raise IllegalState("a use begins when the opening is open, once")
    if opening.asks:
        raise IllegalState("this opening only asks the target about its credential: nothing is revealed in it")
    return replace(s, opening=replace(opening, phase=Phase.IN_USE))


def revealing(s: SetState, body: Revealing, record: Record, _d: bytes) -> SetState:
    """Hold that the credential leaves once more within a use that is open; it changes nothing."""
    opening = opening_of(s, record)
    if body.mode not in MODES:
        raise InvalidRecord(f"expected a way of revealing of {', '.join(MODES)}, got {body.mode}")
    if opening.phase is not Phase.IN_USE:
        raise IllegalState("the use has not begun, or is over: nothing is revealed in it")
    return s


def use_recorded(s: SetState, body: UseRecorded, record: Record, _d: bytes) -> SetState:
    """Hold that a recording is of an opening that was opened, and says what one can be; it changes nothing.

    One that was cut off may be found after the end of its opening.
    """
    known = (*s.past, *filter(None, [s.opening]))
    if not any(one.id == record.opening and one.was_opened for one in known):
        raise IllegalState(f"the record belongs to no opening of set {s.name} that was opened")
    if body.ended not in ENDS or not (body.way in WAYS or (body.ended == "cut-off" and not body.way)):
        raise InvalidRecord(f"expected a recording of {' or '.join(WAYS)}, ended {', '.join(ENDS)}")
    if body.number < 1 or min(body.segments, body.size, body.duration_ms, body.masked) < 0:
        raise InvalidRecord("expected a recording's number from 1 on, and no count below 0")
    if not _DIGEST.fullmatch(body.head):
        raise InvalidRecord("expected the head of a recording as 64 hexadecimal digits")
    return s


def actions(s: SetState, body: Actions, record: Record, _d: bytes) -> SetState:
    """Hold that a trail is of an opening that was opened; it changes nothing."""
    if not opening_of(s, record).was_opened:
        raise IllegalState("nothing was opened yet: there is no trail of it")
    if not (records.is_time(body.since) and records.is_time(body.until)) or body.left_out < 0:
        raise InvalidRecord("expected two moments such as 2026-01-01T00:00:00Z, and no count below 0")
    return s


def snapshot(s: SetState, body: Snapshot, record: Record, _d: bytes) -> SetState:
    """Hold that a snapshot is of an opening that was opened; it changes nothing."""
    if not opening_of(s, record).was_opened:
        raise IllegalState("nothing was opened yet: there is no snapshot of it")
    if body.when not in SNAPSHOTS or body.left_out < 0:
        raise InvalidRecord(f"expected a snapshot at {' or '.join(SNAPSHOTS)}, and no count below 0")
    return s


def use_ended(s: SetState, body: UseEnded, record: Record, _d: bytes) -> SetState:
    """End the use; the rotation may apply."""
    opening = opening_of(s, record)
    if opening.phase not in (Phase.OPEN, Phase.IN_USE):
        raise IllegalState("there is no use to close")
    drill_rules.check_classification(opening, body.classification)
    opening = replace(opening, phase=Phase.ROTATION_DUE, classification=body.classification)
    return replace(s, opening=opening)


def deferred(s: SetState, body: Deferred, record: Record, _d: bytes) -> SetState:
    """Put the rotation off, by the quorum."""
    opening = opening_of(s, record)
    if not opening.was_opened or opening.rotated:
        raise IllegalState("there is no rotation to defer")
    debts = tuple(
        replace(debt, deadline_s=body.for_s, since=Moment.of(record), what=f"{debt.what}; deferred: {body.reason}")
        if rotation_of(s, debt, opening.epoch_id)
        else debt
        for debt in s.debts
    )
    return replace(s, debts=debts)


def abandoned(s: SetState, body: Abandoned, record: Record, _d: bytes) -> SetState:
    """Let a prepared epoch go; its sheets are void."""
    epoch = s.epochs.get(body.epoch_id)
    never_in_force = body.epoch_id == s.current and not (s.opening or s.past or s.recoveries)
    if epoch is None or s.applying or not (body.epoch_id == s.prepared or never_in_force):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    if never_in_force and (epoch.proven or epoch.recovered or epoch.told_by):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    if not never_in_force:
        return abandoning(s, record)
    gone = replace(epoch, status=EpochStatus.ABANDONED, since=record.time)
    return replace(with_epoch(s, gone), prepared="", current="")


def countersigned(s: SetState, body: Countersigned, record: Record, _d: bytes) -> SetState:
    """Let the old quorum vouch for the new envelope."""
    opening = opening_of(s, record)
    if not (opening.was_opened and s.prepared) or body.epoch_id != s.prepared:
        raise IllegalState("only a quorum of the old epoch countersigns the prepared one")
    if opening.asks or opening.epoch_id != s.epochs[s.prepared].predecessor:
        raise IllegalState("only a quorum of the old epoch countersigns the prepared one")
    if s.epochs[body.epoch_id].envelope_sha256 != body.envelope_sha256:
        raise InvalidRecord("the countersigned envelope is not the prepared one")
    return with_epoch(s, replace(s.epochs[body.epoch_id], countersigned=True))


def applying(s: SetState, body: Applying, record: Record, _d: bytes) -> SetState:
    """Let the change begin: printed, held, countersigned, and the use over."""
    if not opening_of(s, record).use_ended:
        raise IllegalState("the use has not ended: the target is changed after it")
    if not s.prepared or (body.old_epoch_id, body.new_epoch_id) != (s.source, s.prepared):
        raise IllegalState("only the prepared epoch can follow the current one")
    new = s.epochs[s.prepared]
    if not s.applying and not new.countersigned:
        raise IllegalState("the old epoch's quorum did not countersign the new envelope")
    if not s.applying and not (new.sealed and new.quorum_acknowledged):
        raise IllegalState("the new sheets are not all read back, or no quorum of them is acknowledged")
    return replace(s, applying=True)


def applied(s: SetState, body: Applied, _r: Record, _d: bytes) -> SetState:
    """Keep that the connector reported the change."""
    if not s.applying or body.new_epoch_id != s.prepared:
        raise IllegalState("nothing is being applied")
    return s


def old_dead(s: SetState, body: OldDead, record: Record, _d: bytes) -> SetState:
    """Put the new epoch in force and void the old one."""
    if not s.applying or (body.old_epoch_id, body.new_epoch_id) != (s.source, s.prepared):
        raise IllegalState("nothing is being applied")
    opening = opening_of(s, record)
    if not opening.use_ended:
        raise IllegalState("the use has not ended: the old credential is proven dead after it")
    owed = tuple(debt for debt in s.debts if not rotation_of(s, debt, body.old_epoch_id))
    link = Link(
        body.old_epoch_id, body.new_epoch_id, ATTESTED if body.attested_by else PROVEN, "", record.time,
        body.attested_by,
    )  # fmt: skip
    s = replace(s, debts=owed, links=(*s.links, link))
    old = replace(s.epochs[body.old_epoch_id], status=EpochStatus.VOID, since=record.time, attested_by=body.attested_by)
    s = with_epoch(with_epoch(s, old), replace(s.epochs[body.new_epoch_id], proven=True))
    if link.proven:
        s = heard(heard(s, body.old_epoch_id, "refused", record.time), body.new_epoch_id, "accepted", record.time)
    s = replace(put_in_force(s, body.new_epoch_id), prepared="", applying=False, forking="")
    if body.attested_by:
        what = "review: the death of the old credential was attested, not proven"
        owed = (*owed, Debt(
            f"{UNPROVEN}-{record.seq}", UNPROVEN, opening.id, Moment.of(record), REVIEW_DEADLINE_S, what,
            body.old_epoch_id,
        ))  # fmt: skip
    return replace(s, debts=owed, opening=replace(opening, rotated=True))


def closed(s: SetState, body: Closed, record: Record, _d: bytes) -> SetState:
    """End an opening whose rotation is done."""
    opening = opening_of(s, record)
    if not (opening.rotated and opening.use_ended):
        raise IllegalState("an opening closes when its rotation is proven, not before")
    drill_rules.check_classification(opening, body.classification)
    return ended(replace(s, opening=replace(opening, classification=body.classification)), "closed")


def ended(s: SetState, outcome: str) -> SetState:
    """Put the opening under way among those that are over."""
    past = (*s.past, replace(s.active_opening, outcome=outcome, data=b""))
    owing = {debt.opening for debt in s.debts}
    kept = (*(one for one in past[:-PAST_KEPT] if one.id in owing), *past[-PAST_KEPT:])
    return replace(s, opening=None, past=kept)

# SPDX-License-Identifier: Apache-2.0
"""Evidence of who keeps which sheet.

Rule: every epoch counts that was issued by the end of the period, not given up, and not dead before it began.
"""

from collections.abc import Iterator

from breakglass_shamir.custody.records.drills import RollCall
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.rotations import Abandoned, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned, Reassigned, SheetVoided
from breakglass_shamir.operations.audit.controls.answer import Answer
from breakglass_shamir.operations.audit.controls.facts import Fact, Subject


def held(subject: Subject) -> Answer:
    """Look for who holds each sheet: an acknowledgement or a change of hands, the last one; or that it is void."""
    return _every(subject, (Acknowledged, Reassigned, SheetVoided), "no custodian has acknowledged it")


def signed_for(subject: Subject) -> Answer:
    """Look for each custodian's own signature; or that the sheet is void."""
    return _every(subject, (CustodianSigned, SheetVoided), "its custodian has not signed for it")


def _every(subject: Subject, types: tuple[type, ...], problem: str) -> Answer:
    rests: list[Fact] = []
    lacks: list[str] = []
    for issued, body in _epochs(subject):
        rests.append(issued)
        for seat in body.custodians:
            found = _of_sheet(subject, types, body.epoch_id, seat)
            moved = _of_sheet(subject, (Acknowledged, Reassigned), body.epoch_id, seat)[-1:]
            found = [one for one in found if not moved or one.record.seq >= moved[0].record.seq]
            rests += found[-1:]
            lacks += [] if found else [f"sheet {seat} of epoch {body.epoch}: {problem}"]
    known = {fact.body.epoch_id for fact in subject.of(Issued) if isinstance(fact.body, Issued)} | set(subject.told)
    strange = {_place(fact)[0] for fact in subject.now(*types)} - known
    lacks += [f"no record says what epoch {epoch_id} is, whose sheets are held" for epoch_id in sorted(strange)]
    return Answer(tuple(rests), tuple(lacks))


def roll_called(subject: Subject) -> Answer:
    """Look whether a roll-call of the period that reached a sheet reached all of its epoch's, and each passed last."""
    rests: list[Fact] = []
    lacks: list[str] = []
    issued = {body.epoch_id: (fact, body.epoch, tuple(body.custodians)) for fact, body in _epochs(subject)}
    for epoch_id in dict.fromkeys(_place(fact)[0] for fact in subject.now(RollCall)):
        if epoch_id in issued:
            fact, number, seats = issued[epoch_id]
            rests.append(fact)
        elif epoch_id in subject.told:
            number, seats = subject.told[epoch_id]
        else:
            lacks.append(f"no record says what epoch {epoch_id} is, whose sheets were called")
            continue
        for seat in seats:
            void = _of_sheet(subject, (SheetVoided,), epoch_id, seat)
            calls = [one for one in _of_sheet(subject, (RollCall,), epoch_id, seat) if subject.period.holds(one.time)]
            found = (void or calls)[-1:]
            rests += found
            if not found:
                lacks.append(f"sheet {seat} of epoch {number}: no roll-call reached it")
            elif isinstance(found[0].body, RollCall) and found[0].body.result == "fail":
                lacks.append(f"sheet {seat} of epoch {number}: {found[0].words}")
    return Answer(tuple(rests), tuple(lacks))


def _epochs(subject: Subject) -> Iterator[tuple[Fact, Issued]]:
    gone = {fact.body.epoch_id for fact in subject.of(Abandoned) if isinstance(fact.body, Abandoned)}
    for fact in subject.of(OldDead):
        if isinstance(fact.body, OldDead) and fact.time < subject.period.since:
            gone.add(fact.body.old_epoch_id)
    for fact in subject.of(Issued):
        if isinstance(fact.body, Issued) and fact.body.epoch_id not in gone:
            yield fact, fact.body


def _of_sheet(subject: Subject, types: tuple[type, ...], epoch_id: str, seat: str) -> list[Fact]:
    return [fact for fact in subject.of(*types) if _place(fact) == (epoch_id, seat)]


def _place(fact: Fact) -> tuple[str, str]:
    """Return the epoch and the sheet that a record is about."""
    match fact.body:
        case Acknowledged() | Reassigned() | SheetVoided() | CustodianSigned() | RollCall() as body:
            return body.epoch_id, body.sheet
    return "", ""

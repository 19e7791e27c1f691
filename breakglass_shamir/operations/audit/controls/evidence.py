# SPDX-License-Identifier: Apache-2.0
"""What counts as evidence: each kind is a pure function of what is known of a set in a period.

Rules:

1. An answer names the records on which it rests, all of those and no others: without one of them it would be another.
   Where any of several would do, that is the last.
2. What is missing is a sentence each. Nothing that rests on nothing and lacks nothing is evidence.
3. What can still be made good, as a review, is missing in every later period until it is there. What cannot, as a
   signature before an opening, is missing in the period of the opening alone.
4. Every kind that is about uses rests on the declaration and on the opening itself: a use without them is none that
   can be judged.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.review_rules import REVIEW
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import ChangedOutside, Heartbeat, LoginSeen, Watched
from breakglass_shamir.custody.records.openings import Declared, OfficerSigned, Opened, UseEnded, UseRecorded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested
from breakglass_shamir.custody.records.reviews import MISUSE, Reviewed
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.operations.audit.controls.answer import Answer
from breakglass_shamir.operations.audit.controls.facts import Fact, Subject, Use
from breakglass_shamir.operations.audit.controls.sheets import held, roll_called, signed_for
from breakglass_shamir.plural import counted


@dataclass(frozen=True, slots=True)
class Evidence:
    """One kind of evidence."""

    words: str
    """What it shows, and what counts."""

    section: str
    """Kind of section of the report in which more of it stands."""

    look: Callable[[Subject], Answer]
    """What a set's records say of it; one answer for every control that takes it."""

    only_against: bool = False
    """Whether it speaks only against a control, where there is something to speak of."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one use says."""

    rests: tuple[Fact, ...] = ()
    lacks: tuple[str, ...] = ()
    """What cannot be made good any more."""

    owes: tuple[str, ...] = ()
    """What still can."""


_ForUse = Callable[[Subject, Use, Declared, Opened], _Said]
_ForRecovery = Callable[[Subject, Fact, RecoveryImported], _Said]


def _untold(_s: Subject, recovery: Fact, _b: RecoveryImported) -> _Said:
    """Say that a recovery shows nothing of this."""
    return _Said((recovery,), ("it was opened without this program, and nothing shows this",))


def _told(_s: Subject, recovery: Fact, _b: RecoveryImported) -> _Said:
    """Say that a recovery's own record shows this, which the set key signed."""
    return _Said((recovery,))


def _each(look: _ForUse, recovered: _ForRecovery = _untold) -> Callable[[Subject], Answer]:
    """Make the evidence of every use out of that of one; ``recovered`` of one without this program."""

    def of_all(subject: Subject) -> Answer:
        rests: list[Fact] = []
        lacks: list[str] = []
        found = [(use.name, use.touches, _of_one(look, subject, use)) for use in subject.uses]
        for fact in subject.of(RecoveryImported):
            if isinstance(fact.body, RecoveryImported):
                name, now = f"recovery {fact.body.sha256[:12]}", subject.period.holds(fact.time)
                found.append((name, now, recovered(subject, fact, fact.body)))
        for name, touches, said in found:
            rests += said.rests if touches or said.owes else ()
            lacks += [f"{name}: {words}" for words in ((*said.lacks, *said.owes) if touches else said.owes)]
        return Answer(tuple(rests), tuple(lacks))

    return of_all


def _of_one(look: _ForUse, subject: Subject, use: Use) -> _Said:
    declared, opened = use.last(Declared), use.last(Opened)
    if declared is None or not isinstance(declared.body, Declared):
        return _Said(lacks=("no record says who declared it, and why",))
    if opened is None or not isinstance(opened.body, Opened):
        return _Said((declared,), ("no record says by which quorum it was opened",))
    said = look(subject, use, declared.body, opened.body)
    return _Said((declared, opened, *said.rests), said.lacks, said.owes)


def _declared(_s: Subject, use: Use, declared: Declared, _o: Opened) -> _Said:
    ended = use.last(UseEnded)
    if ended is not None and isinstance(ended.body, UseEnded) and ended.body.classification == MISUSE:
        return _Said(lacks=("it was closed as misuse",))
    return _Said(lacks=() if declared.officers else ("it names no officer",))


def _quorum(_s: Subject, _u: Use, _d: Declared, opened: Opened) -> _Said:
    return _Said(lacks=() if len(opened.sheets) > 1 else ("fewer than two sheets opened it",))


def _signed(subject: Subject, use: Use, _d: Declared, _o: Opened) -> _Said:
    signers = {fact.body.key: fact for fact in use.of(OfficerSigned) if isinstance(fact.body, OfficerSigned)}
    found, needed = tuple(signers.values())[-subject.officers :], subject.officers
    words = f"{len(found)} of {counted(needed, 'officer')} signed its declaration with a key of their own"
    return _Said(found, () if len(found) == needed else (words,))


def _ended(_s: Subject, use: Use, declared: Declared, _o: Opened) -> _Said:
    ended, opened = use.last(UseEnded), use.last(Opened)
    if ended is None or opened is None:
        return _Said(owes=("its use has not ended",))
    took = Moment.of(opened.record).seconds_until(Moment.of(ended.record))
    words = f"its use took {in_words(took)}, declared were {in_words(declared.use_for_s)}"
    return _Said((ended,), (words,) if took > declared.use_for_s else ())


def _rotated(subject: Subject, use: Use, _d: Declared, opened: Opened) -> _Said:
    return _dead(_death_of(subject, use.last(Opened), opened.epoch_id))


def _rotated_after(subject: Subject, recovery: Fact, body: RecoveryImported) -> _Said:
    said = _dead(_death_of(subject, recovery, body.epoch_id))
    return _Said((recovery, *said.rests), said.lacks, said.owes)


def _dead(death: Fact | None) -> _Said:
    return _Said((death,)) if death else _Said(owes=("its credential is not known to be dead",))


def _tested(subject: Subject, use: Use, _d: Declared, opened: Opened) -> _Said:
    return _taken(_death_of(subject, use.last(Opened), opened.epoch_id))


def _tested_after(subject: Subject, recovery: Fact, body: RecoveryImported) -> _Said:
    said = _taken(_death_of(subject, recovery, body.epoch_id))
    return _Said((recovery, *said.rests), said.lacks, said.owes)


def _taken(death: Fact | None) -> _Said:
    match death.body if death else None:
        case OldDead(attested_by=()) | Succession(level="proven") | Retired(attested_by=()) if death:
            return _Said((death,))
    return _Said((death,) if death else (), ("the target was not seen to take the credential that followed",))


def _reviewed(subject: Subject, use: Use, _d: Declared, _o: Opened) -> _Said:
    return _looked_at(subject, use.facts)


def _reviewed_after(subject: Subject, recovery: Fact, _b: RecoveryImported) -> _Said:
    subject_of_review = f"{REVIEW}-import-{recovery.record.seq}"
    said = _looked_at(subject, [fact for fact in subject.of(Reviewed) if fact.opening == subject_of_review])
    return _Said((recovery, *said.rests), said.lacks, said.owes)


def _looked_at(subject: Subject, facts: Iterable[Fact]) -> _Said:
    made = [(fact, fact.body) for fact in facts if isinstance(fact.body, Reviewed)]
    found = tuple({body.key: fact for fact, body in made}.values())[-subject.reviewers :]
    words = f"{len(found)} of {counted(subject.reviewers, 'person', 'people')} who took no part reviewed it"
    misuse = tuple(f"{body.reviewer} found misuse" for _, body in made if body.verdict == MISUSE)
    return _Said(found, misuse, () if len(found) == subject.reviewers else (words,))


def _recorded(_s: Subject, use: Use, _d: Declared, opened: Opened) -> _Said:
    if opened.mode == "no-reveal":
        return _Said()  # nobody saw the credential: there was no session
    made = use.of(UseRecorded)
    broken = any(isinstance(one.body, UseRecorded) and one.body.ended not in ("whole", "bound") for one in made)
    lacks = ("a recording of it broke off",) if broken else ()
    return _Said(tuple(made[-1:]), lacks if made else ("nothing of it was recorded",))


def _alerted(subject: Subject, use: Use, _d: Declared, _o: Opened) -> _Said:
    """Look for the last round of alerts that had the one of the opening in it."""
    opened = use.last(Opened)
    log, seq = opened.key if opened else ("", -1)
    told = [fact for of, first, last, fact in subject.rounds if of == log and first <= seq <= last]
    return _Said(tuple(told[-1:]), () if told else ("no sink acknowledged that it was told",))


def _death_of(subject: Subject, opened: Fact | None, epoch_id: str) -> Fact | None:
    """Return the last record by which an epoch's credential is dead, or by which the set went out of service since."""
    place = subject.place(opened) if opened else 0
    found = [fact for fact in subject.of(OldDead, Succession, AttestedDead) if _kills(fact, epoch_id)]
    found += [
        fact for fact in subject.of(Retired, RetiredAttested) if _retires(fact.body) and subject.place(fact) > place
    ]
    return max(found, key=subject.place, default=None)


def _kills(fact: Fact, epoch_id: str) -> bool:
    match fact.body:
        case OldDead() as body:
            return body.old_epoch_id == epoch_id
        case Succession() as body:
            return body.predecessor == epoch_id
        case AttestedDead() as body:
            return body.epoch_id == epoch_id
    return False


def _retires(body: AnyBody) -> bool:
    return isinstance(body, Retired | RetiredAttested) and body.credential in ("dead", "gone")


def _watched(subject: Subject) -> Answer:
    """Look at the watch: it saw the logins after each use, and none that nothing accounts for."""
    good = [fact for fact in subject.now(Watched) if isinstance(fact.body, Watched) and not fact.body.problem]
    seen = good[-1:]
    until = seen[0].body.until if seen and isinstance(seen[0].body, Watched) else ""
    lacks = []
    for use in subject.uses:
        ended = use.last(UseEnded)
        if use.touches and ended is not None and subject.period.holds(ended.time) and ended.time > until:
            lacks.append(f"{use.name}: nobody looked at the target's logins until it ended")
    paid = {debt.made for debt in subject.debts if _paid(subject, debt.settled)}
    for fact in subject.now(LoginSeen, ChangedOutside):
        if isinstance(fact.body, LoginSeen) and (fact.body.matched or not fact.body.accepted):
            continue
        if fact.key not in paid:
            lacks.append(f"record {fact.record.seq}: {fact.words}: nothing accounts for it")
    return Answer(tuple(seen), tuple(lacks))


def _paid(subject: Subject, key: tuple[str, int] | None) -> bool:
    return key is not None and subject.get(key) is not None


def _heartbeat(subject: Subject) -> Answer:
    return Answer(tuple(subject.now(Heartbeat)[-1:]), subject.silences)


def _rehearsed(subject: Subject) -> Answer:
    return _drill([one for one in subject.now(Rehearsed, DrillEnded) if _drill_of(one) == "rehearsal"])


def _accessed(subject: Subject) -> Answer:
    return _drill([one for one in subject.now(DrillEnded) if _drill_of(one) == "access"])


def _drill_of(fact: Fact) -> str:
    return fact.body.drill if isinstance(fact.body, DrillEnded) else "rehearsal"


def _drill(made: list[Fact]) -> Answer:
    """Take the last one: it passed, or what it showed is open."""
    last = made[-1:]
    failed = [one for one in last if isinstance(one.body, Rehearsed | DrillEnded) and one.body.result == "fail"]
    return Answer(() if failed else tuple(last), tuple(f"record {one.record.seq}: {one.words}" for one in failed))


def _policy(subject: Subject) -> Answer:
    return Answer(tuple([fact for fact in subject.facts if fact.policy][-1:]), ())


def _settled(subject: Subject) -> Answer:
    """Look at what else was owed: it was settled by who may."""
    rests: list[Fact] = []
    lacks: list[str] = []
    for debt in subject.debts:
        by = subject.get(debt.settled) if debt.settled else None
        if by is None:
            lacks.append(f"owed: {debt.what}")
        elif subject.period.holds(by.time):
            rests.append(by)
    return Answer(tuple(rests), tuple(lacks))


KINDS: Mapping[str, Evidence] = {
    "declared": Evidence(
        "each use was declared before it: class, ticket, reason, officers and time; none was misuse", "openings",
        _each(_declared, _told),
    ),
    "quorum": Evidence(
        "each use was opened by a quorum of sheets, signed by the set key", "openings", _each(_quorum, _told)
    ),
    "signed": Evidence("officers signed each declaration with keys of their own", "openings", _each(_signed)),
    "ended": Evidence("each use ended within the time it was declared for", "openings", _each(_ended)),
    "rotated": Evidence(
        "after each use the credential was replaced, and the old one is dead", "openings",
        _each(_rotated, _rotated_after),
    ),
    "tested": Evidence(
        "after each change the target took the new credential and refused the old one", "openings",
        _each(_tested, _tested_after),
    ),
    "reviewed": Evidence(
        "each use was reviewed, signed by as many as the policy asks for; none found misuse", "reviews",
        _each(_reviewed, _reviewed_after),
    ),
    "recorded": Evidence("what was done in each use was recorded, without a break", "openings", _each(_recorded)),
    "alerted": Evidence("a sink acknowledged the alert of each use", "alerts", _each(_alerted)),
    "watched": Evidence(
        "the target's logins were looked at until after each use, and all are accounted for", "logins", _watched
    ),
    "heartbeat": Evidence(
        "the terminal recorded that it is alive, as often as it promised", "verification", _heartbeat
    ),
    "rehearsal": Evidence("a rehearsal on the drill cards passed", "drills", _rehearsed),
    "access": Evidence("an access drill passed, up to a login", "drills", _accessed),
    "policy": Evidence("a policy is in force, whole in the ledger", "policies", _policy),
    "held": Evidence("each sheet has a custodian on record", "sheets", held),
    "signed-for": Evidence("each custodian signed for the sheet with a key of their own", "sheets", signed_for),
    "roll-call": Evidence("a roll-call reached every sheet of the epoch, and all passed", "sheets", roll_called),
    "settled": Evidence(
        "what else is owed, as for overridden checks, was settled", "debts", _settled, only_against=True
    ),
}  # fmt: skip
"""Every kind, by its name."""

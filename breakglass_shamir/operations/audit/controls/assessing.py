# SPDX-License-Identifier: Apache-2.0
"""What a log says of each control of the standards that a policy names. Pure.

Rules:

1. A control *holds* if each kind of its evidence is there, nothing is missing, and one record at least on which it
   rests is of the period. It is *open* if anything is missing. Else there is *no evidence*.
2. What was recorded after the period's end is not looked at: the report of a quarter stays what it is.
3. Of several logs one set is one subject: what one terminal recorded counts for all.
4. Nothing of a log that does not hold counts: everything is open.
5. Standards are those of the policy in force at the period's end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge

from breakglass_shamir.custody.life.review_rules import REVIEW
from breakglass_shamir.custody.life.state import ROTATION
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.operations.audit.controls.answer import Answer
from breakglass_shamir.operations.audit.controls.catalogue import STANDARDS, Control
from breakglass_shamir.operations.audit.controls.evidence import KINDS
from breakglass_shamir.operations.audit.controls.facts import Debt, Fact, Subject
from breakglass_shamir.operations.audit.controls.result import (
    Assessed,
    AssessedStandard,
    Assessment,
    Cited,
    OfSet,
    Verdict,
)
from breakglass_shamir.operations.audit.period import EVER, Period
from breakglass_shamir.operations.audit.story import LogHistory, SetHistory

_OF_THEIR_OWN = (ROTATION, REVIEW)
"""Kinds of debts for which there is evidence of its own."""

DOES_NOT_HOLD = "the ledger does not hold: nothing in it is proven"
"""What is missing of every control then."""


@dataclass(frozen=True, slots=True)
class Log:
    """One terminal's log."""

    history: LogHistory
    holds: bool
    silences: tuple[tuple[str, int], ...] = ()
    """Since when, and for how many seconds, it was silent for longer than it had promised."""

    name: str = ""
    """The terminal's, where there are several."""

    mark: str = ""
    """In front of the anchors of its records."""


def assess(logs: Sequence[Log], *, only: str = "", period: Period = EVER) -> Assessment:
    """Assess every control of every standard that a policy names.

    Args:
        logs: what the logs tell.
        only: the one set that is looked at; empty: all.
        period: for which time.
    """
    names = dict.fromkeys(one.name for log in logs for one in log.history.sets if only in ("", one.name))
    subjects = {name: subject_of(name, logs, period) for name in names}
    named = {name: _policy_at_end(subject) for name, subject in subjects.items()}
    holds, places = all(log.holds for log in logs), {log.history.log: log for log in logs}
    answers = {
        name: answers_of(subjects[name], KINDS)
        for name, policy in named.items()
        if holds and policy and policy.audit.standards
    }
    made: list[AssessedStandard] = []
    for key, standard in STANDARDS.items():
        asked = [name for name, policy in named.items() if policy and key in policy.audit.standards]
        if not asked:
            continue
        controls = tuple(
            Assessed(
                control.number, control.asks, tuple(KINDS[kind].words for kind in control.kinds),
                tuple(dict.fromkeys(KINDS[kind].section for kind in control.kinds)),
                tuple(
                    _of_set(name, control, subjects[name], answers.get(name, {}), places, holds=holds)
                    for name in asked
                ),
            )
            for control in standard.controls
        )  # fmt: skip
        made.append(AssessedStandard(key, standard.name, controls))
    return Assessment(tuple(made))


def subject_of(name: str, logs: Iterable[Log], period: Period) -> Subject:
    """Return what is known of a set at the period's end, put together from all logs that know it."""
    each: list[list[tuple[str, Fact]]] = []
    debts: list[Debt] = []
    silences: list[str] = []
    told: dict[str, tuple[int, tuple[str, ...]]] = {}
    for log in logs:
        story = next((one for one in log.history.sets if one.name == name), None)
        if story is None:
            continue
        known = (Fact.of(kept) for kept in (*story.facts, *log.history.facts))
        each.append([*_by_time(sorted(known, key=lambda fact: fact.key))])
        debts += _debts(story, log.history.log, period)
        told |= {
            one.epoch_id: (one.number, tuple(sheet.sheet for sheet in one.sheets))
            for one in story.epochs if one.link in ("told", "pinned", "unpinned")
        }  # fmt: skip
        where = f"{log.name} " if log.name else "the terminal "
        silences += [
            f"{where}was silent for {in_words(seconds)} from {since} on, longer than promised"
            for since, seconds in log.silences if period.holds(since)
        ]  # fmt: skip
    merged = merge(*each, key=lambda one: one[0])
    facts = tuple(fact for _, fact in merged if _by_the_end(period, fact.time))
    subject = Subject(facts, period, tuple(debts), tuple(silences), told=told)
    policy = _policy_at_end(subject)
    if policy is None:
        return subject
    needed = policy.review.needed if policy.review else 1
    return Subject(
        subject.facts, period, subject.debts, subject.silences, max(1, policy.declaration.signatures), needed, told
    )


def answers_of(subject: Subject, kinds: Iterable[str]) -> dict[str, Answer]:
    """Return what kinds of evidence say, each looked at once."""
    return {kind: KINDS[kind].look(subject) for kind in dict.fromkeys(kinds)}


def judge(
    control: Control, subject: Subject, answers: Mapping[str, Answer]
) -> tuple[Verdict, tuple[Fact, ...], tuple[str, ...], tuple[str, ...]]:
    """Judge one control.

    Args:
        control: what it takes.
        subject: the set.
        answers: what each kind of evidence that it takes says.

    Returns:
        the verdict; the facts on which it rests; what is open; of what there is no evidence, in words.
    """
    rests: dict[tuple[str, int], Fact] = {}
    lacks: list[str] = []
    without: list[str] = []
    for kind in control.kinds:
        evidence = KINDS[kind]
        answer = answers[kind]
        rests |= {fact.key: fact for fact in answer.rests}
        lacks += answer.lacks
        if not (answer.rests or answer.lacks or evidence.only_against):
            without.append(evidence.words)
    of_period = any(subject.period.holds(fact.time) for fact in rests.values())
    verdict: Verdict = "open" if lacks else "no evidence" if without or not of_period else "holds"
    return verdict, tuple(rests.values()), tuple(dict.fromkeys(lacks)), tuple(without)


def _of_set(
    name: str, control: Control, subject: Subject, answers: Mapping[str, Answer], places: Mapping[str, Log], *,
    holds: bool,
) -> OfSet:  # fmt: skip
    if not holds:
        return OfSet(name, "open", (), (DOES_NOT_HOLD,), ())
    verdict, rests, lacks, without = judge(control, subject, answers)
    cited = sorted((_cited(fact, places[fact.record.log]) for fact in rests), key=lambda one: (one.time, one.seq))
    return OfSet(name, verdict, tuple(cited), lacks, without)


def _cited(fact: Fact, log: Log) -> Cited:
    record = fact.record
    kind = str(record.body.__struct_config__.tag)
    href = f"#{log.mark}c{record.seq}"
    return Cited(record.seq, record.time, kind, record.set, fact.words, log.name, record.log, href)


def _policy_at_end(subject: Subject) -> Policy | None:
    found = [fact.policy for fact in subject.facts if fact.policy]
    return policies.parse(found[-1]) if found else None


def _by_time(facts: Iterable[Fact]) -> Iterator[tuple[str, Fact]]:
    """Yield facts of one log with the latest time until then: each log keeps its own order, however its clock was."""
    latest = ""
    for fact in facts:
        latest = max(latest, fact.time)
        yield latest, fact


def _debts(story: SetHistory, log: str, period: Period) -> list[Debt]:
    return [
        Debt((log, debt.seq), debt.what, (log, debt.settled_seq) if debt.by else None)
        for debt in story.debts
        if debt.kind not in _OF_THEIR_OWN and _by_the_end(period, debt.since)
    ]


def _by_the_end(period: Period, time: str) -> bool:
    return Period("", period.until).holds(time)

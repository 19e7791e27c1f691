# SPDX-License-Identifier: Apache-2.0
"""What the report's page shows, made of what the log tells: chosen, ordered and summed up. Pure.

Rules:

1. Nothing is decided here that the records do not say; what is due comes from ``status``.
2. A day to begin with leaves out what was over before it, by the times of the records: a target's clock decides
   nothing. Epochs, sheets and what is still owed are always whole.
3. Anchors are numbers, never names: a name is for people and may hold anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from breakglass_shamir.custody.life.chain import Chain
from breakglass_shamir.custody.life.watch_rules import CHANGE, LOGIN
from breakglass_shamir.operations.audit.story import (
    DebtStory,
    DrillStory,
    EpochStory,
    LogHistory,
    LoginStory,
    OpeningStory,
    PolicyStory,
    RecoveryStory,
    SetHistory,
    SheetStory,
    Step,
)
from breakglass_shamir.operations.audit.verification import Verified
from breakglass_shamir.operations.monitoring.status import SetStatus

_PROOF = re.compile(r"(?:(?P<where>.+?): )?(?P<which>new again|new|old): (?P<result>accepted|refused): ")

ALARMING = frozenset({"changed-outside", "escalated"})
"""Types of events that stand out."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the log holds."""

    problem: str
    """What does not, in words; empty where it holds."""

    verified: Verified | None
    """None where it does not."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.verified is not None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the summary."""

    words: str
    href: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    time: str
    seq: int
    kind: str
    words: str
    href: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Proven:
    """A rotation's proof at one endpoint."""

    where: str
    new: str
    old: str
    again: str


@dataclass(frozen=True, slots=True)
class SetPage:
    """One set's part of the page."""

    anchor: str
    story: SetHistory
    status: SetStatus | None
    """None where the log does not hold."""

    chain: Chain | None
    timeline: tuple[Moment, ...]
    openings: tuple[OpeningStory, ...]
    drills: tuple[DrillStory, ...]
    policies: tuple[PolicyStory, ...]
    debts: tuple[DebtStory, ...]
    recoveries: tuple[RecoveryStory, ...]
    logins: tuple[LoginStory, ...]
    events: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The set's name."""
        return self.story.name

    @property
    def epoch(self) -> EpochStory | None:
        """The epoch in force."""
        return next((epoch for epoch in self.story.epochs if epoch.current), None)

    @property
    def unmatched(self) -> tuple[LoginStory, ...]:
        """Logins that no opening accounts for."""
        return tuple(login for login in self.logins if login.accepted and not login.matched)

    def number_of(self, epoch_id: str) -> str:
        """Return an epoch's number for people."""
        return next((str(one.number) for one in self.story.epochs if one.epoch_id == epoch_id), "?")

    def opening(self, identifier: str) -> OpeningStory | None:
        """Return an opening of this set, whether it is shown or not."""
        return next((one for one in self.story.openings if one.id == identifier), None)

    def anchor_of(self, identifier: str) -> str:
        """Return an opening's anchor; empty where it is not shown."""
        seq = next((one.seq for one in self.openings if one.id == identifier), None)
        return "" if seq is None else f"r{seq}"


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    log: LogHistory
    verdict: Verdict
    made: str
    software: str
    only: str
    """The set it is limited to; empty: all."""

    since: str
    sets: tuple[SetPage, ...]
    holds: tuple[Finding, ...]
    open: tuple[Finding, ...]
    due: tuple[Finding, ...]


def page(
    log: LogHistory, verdict: Verdict, statuses: dict[str, SetStatus], *, made: str, software: str, only: str = "",
    since: str = "",
) -> Page:  # fmt: skip
    """Put the page together.

    Args:
        log: what the log tells.
        verdict: whether it holds.
        statuses: of each set, by name, as of now.
        made: time the report is made, RFC 3339 in UTC.
        software: who made it.
        only: the one set it shows; empty: all.
        since: day or time from which on things are shown; empty: from the start.
    """
    chains = {chain.set_name: chain for chain in verdict.verified.chains} if verdict.verified else {}
    told = [one for one in log.sets if only in ("", one.name)]
    sets = tuple(
        _set(f"set-{number}", one, statuses.get(one.name), chains.get(one.name), since)
        for number, one in enumerate(told, 1)
    )
    return Page(
        log, verdict, made, software, only, since, sets, tuple(_holds(verdict, sets)),
        tuple(sorted(_open(verdict, sets), key=lambda one: not one.urgent)),
        tuple(_due(sets)),
    )  # fmt: skip


def proof_table(proofs: Iterable[str]) -> tuple[Proven, ...]:
    """Put the words of a proof side by side, an endpoint a row; nothing where they are of another form."""
    rows: dict[str, dict[str, str]] = {}
    for line in proofs:
        match = _PROOF.match(line)
        if match is None:
            return ()
        rows.setdefault(match["where"] or "the target", {})[match["which"]] = (
            f"{match['result']}: {line[match.end() :]}"
        )
    return tuple(
        Proven(where, said.get("new", ""), said.get("old", ""), said.get("new again", ""))
        for where, said in rows.items()
    )


def roll_called(sheets: Iterable[SheetStory]) -> tuple[int, int]:
    """Return how many sheets passed their last roll-call, and how many there are that count."""
    counting = [sheet for sheet in sheets if not sheet.voided]
    return sum(bool(one.roll_calls) and one.roll_calls[-1].result != "fail" for one in counting), len(counting)


def signed_for(sheets: Iterable[SheetStory]) -> int:
    """Return how many sheets that count are signed for with their custodian's own key, by a signature that verifies."""
    return sum(one.signed is not None and one.signed.verifies for one in sheets if not one.voided)


def _set(anchor: str, story: SetHistory, status: SetStatus | None, chain: Chain | None, since: str) -> SetPage:
    openings = tuple(one for one in story.openings if not one.over or one.over >= since)
    debts = tuple(one for one in story.debts if not one.by or one.settled >= since)
    drills = tuple(one for one in story.drills if one.time >= since)
    policies = tuple(one for one in story.policies if one.time >= since)
    recoveries = tuple(one for one in story.recoveries if one.imported >= since)
    logins = tuple(one for one in story.logins if one.time >= since)
    events = tuple(one for one in story.events if one.time >= since)
    found = SetPage(
        anchor, story, status, chain, (), openings, drills, policies, debts, recoveries, logins, events,
    )  # fmt: skip
    moments = sorted(
        (one for tell in _TELL for one in tell(found) if one.time >= since), key=lambda one: (one.seq, one.kind)
    )
    return SetPage(
        anchor, story, status, chain, tuple(moments), openings, drills, policies, debts, recoveries, logins, events,
    )  # fmt: skip


# --- the timeline ---------------------------------------------------------------------------------------------


def _of_epochs(of: SetPage) -> Iterable[Moment]:
    for epoch in of.story.epochs:
        how = {
            "first": "the first", "pinned": "learned from its sheets, pinned by a receipt",
            "told": "told by a terminal that is pinned here",
        }.get(epoch.link, epoch.link)  # fmt: skip
        how = "learned from its sheets, UNPINNED" if epoch.link == "unpinned" else how
        words = f"epoch {epoch.number} on {len(epoch.sheets)} sheets, {how}"
        yield Moment(epoch.since, epoch.seq, "epoch", words, f"#{of.anchor}-epochs", epoch.link == "unpinned")


def _of_openings(of: SetPage) -> Iterable[Moment]:
    for one in of.openings:
        parts = [f"{one.purpose}, {one.incident_class}, {one.ticket}: {one.reason}"]
        parts += [f"classified {one.classification}"] if one.classification else []
        parts.append(one.outcome or "under way")
        words = "; ".join(parts)
        yield Moment(one.declared, one.seq, "opening", words, f"#r{one.seq}", one.classification == "misuse")


def _of_drills(of: SetPage) -> Iterable[Moment]:
    for one in of.drills:
        yield Moment(
            one.time, one.seq, "drill", f"{one.drill}: {one.result}", f"#{of.anchor}-drills", one.result == "fail"
        )
    calls = [call for epoch in of.story.epochs for sheet in epoch.sheets for call in sheet.roll_calls]
    for day, group in groupby(sorted(calls, key=lambda call: call.seq), key=lambda call: call.time[:10]):
        looked = list(group)
        failed = sum(call.result == "fail" for call in looked)
        words = f"roll-call: {_count(len(looked), 'look')} on {day}, {failed} failed"
        yield Moment(looked[0].time, looked[0].seq, "drill", words, f"#{of.anchor}-sheets", bool(failed))


def _of_policies(of: SetPage) -> Iterable[Moment]:
    for one in of.policies:
        words = f"weakened: {'; '.join(one.weakens)}" if one.weakens else "in force"
        yield Moment(one.time, one.seq, "policy", words, f"#{of.anchor}-policies", bool(one.weakens))


def _of_sheets(of: SetPage) -> Iterable[Moment]:
    href = f"#{of.anchor}-sheets"
    for epoch in of.story.epochs:
        for sheet in epoch.sheets:
            what = f"sheet {sheet.sheet} of epoch {epoch.number}"
            for before, held in zip(sheet.held, sheet.held[1:], strict=False):
                if before.custodian != held.custodian:
                    words = f"{what} went from {before.custodian} to {held.custodian}"
                    yield Moment(held.since, held.seq, "sheet", words, href)


def _of_recoveries(of: SetPage) -> Iterable[Moment]:
    for one in of.recoveries:
        how = "without this program, in a browser," if one.in_browser else "without this program"
        words = f"opened {how} by {', '.join(one.officers)}, {one.ticket}: {one.reason}"
        yield Moment(one.imported, one.seq, "recovery", words, f"#{of.anchor}-recoveries", alarming=True)


def _of_logins(of: SetPage) -> Iterable[Moment]:
    for one in of.unmatched:
        at = one.at.replace("T", " ").removesuffix("Z")
        words = (
            f"a login of {one.account} from {one.source or 'somewhere'} that no opening accounts for, at {at} by the "
            "target's clock"
        )
        yield Moment(one.time, one.seq, "login", words, f"#{of.anchor}-logins", alarming=True)


def _of_events(of: SetPage) -> Iterable[Moment]:
    for one in of.events:
        yield Moment(one.time, one.seq, one.type, one.words, alarming=one.type in ALARMING)


_TELL: tuple[Callable[[SetPage], Iterable[Moment]], ...] = (
    _of_epochs, _of_openings, _of_drills, _of_policies, _of_sheets, _of_recoveries, _of_logins, _of_events,
)  # fmt: skip


# --- the summary ----------------------------------------------------------------------------------------------


def _holds(verdict: Verdict, sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    if verdict.verified is None:
        return
    report = verdict.verified.report
    how = "in full" if report.checked.full else "by sample"
    yield Finding(f"all {report.records} records, checked {how}", "#verification")
    for one in sets:
        if one.chain and one.chain.whole:
            yield Finding(one.chain.in_words(), f"#{one.anchor}-epochs")
    for one in sets:
        proven = [opening for opening in one.openings if opening.rotation and opening.rotation.proven]
        if proven and not any(debt.kind == "rotation" for debt in one.story.owed):
            words = f"{one.name}: {_count(len(proven), 'rotation')}, each old credential {_how_dead(proven)}"
            yield Finding(words, f"#{one.anchor}-openings")
    for one in sets:
        if one.epoch and (signed := signed_for(one.epoch.sheets)):
            _, counting = roll_called(one.epoch.sheets)
            words = f"{one.name}: {signed} of {counting} sheets are signed for with their custodian's own key"
            yield Finding(words, f"#{one.anchor}-sheets")
    consistent = sum(witness.verdict == "consistent" for witness in verdict.verified.witnesses)
    if consistent:
        yield Finding(f"{_count(consistent, 'witness')} saw this same log", "#verification")


def _how_dead(proven: list[OpeningStory]) -> str:
    attested = sum(bool(one.rotation and one.rotation.attested_by) for one in proven)
    return f"dead: {len(proven) - attested} proven, {attested} attested" if attested else "proven dead"


def _open(verdict: Verdict, sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    for one in sets:
        if not one.story.unbroken and one.epoch:
            words = one.chain.in_words() if one.chain else f"chain of custody of {one.name}: broken"
            yield Finding(words, f"#{one.anchor}-epochs", urgent=True)
        overdue = {debt.id for debt in one.status.debts if debt.overdue} if one.status else set()
        for debt in one.story.owed:
            urgent = debt.id in overdue or debt.kind in (LOGIN, CHANGE)
            yield Finding(f"{one.name}: {debt.what}", f"#{one.anchor}-debts", urgent)
        for opening in one.openings:
            if not opening.outcome:
                yield Finding(f"{one.name}: opening {opening.short_id} is under way", f"#r{opening.seq}")
    if verdict.verified:
        for passed in verdict.verified.report.passed_gates:
            if passed.set in {one.name for one in sets}:
                yield Finding(passed.in_words(), "#verification", urgent=True)
        for silence in verdict.verified.report.broken_promises:
            yield Finding(f"silent longer than promised before record {silence.before}", "#verification")
        if verdict.verified.late_now:
            yield Finding("silent now, longer than promised", "#verification", urgent=True)


def _due(sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    for one in sets:
        owed = {debt.what for debt in one.story.owed}
        for what in one.status.due if one.status else ():
            if what not in owed:
                urgent = one.status is not None and what in one.status.urgent
                yield Finding(f"{one.name}: {what}", f"#{one.anchor}", urgent)


def _count(number: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"

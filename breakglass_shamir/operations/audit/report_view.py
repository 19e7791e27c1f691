# SPDX-License-Identifier: Apache-2.0
"""What the report's page shows, made of what the log tells: chosen, ordered and summed up. Pure.

Rules:

1. Nothing is decided here that the records do not say; what is due comes from ``status``.
2. A period leaves out what was over before it or began after it, by the times of the records: a target's clock
   decides nothing. Epochs, sheets and what is still owed are always whole.
3. Anchors are numbers, never names: a name is for people and may hold anything.
4. Of several terminals each set stands once for each of them, and once with everything in one timeline.
5. What is UNPINNED, an epoch, an opening or a terminal, stands under *Open*.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import groupby

from breakglass_shamir.custody.life.across import Across
from breakglass_shamir.custody.life.chain import UNPINNED, Chain
from breakglass_shamir.custody.records.reviews import MISUSE
from breakglass_shamir.operations.audit.period import EVER, Period
from breakglass_shamir.operations.audit.report_controls import assess
from breakglass_shamir.operations.audit.report_parts import AcrossPage, Moment, Page, Part, Proven, SetPage, Verdict
from breakglass_shamir.operations.audit.report_summary import due, holds, open_between, open_of, shortened
from breakglass_shamir.operations.audit.story import (
    LogHistory,
    SetHistory,
)
from breakglass_shamir.operations.monitoring.status import SetStatus
from breakglass_shamir.plural import counted

_PROOF = re.compile(r"(?:(?P<where>.+?): )?(?P<which>new again|new|old): (?P<result>accepted|refused): ")

ALARMING = frozenset({"armed-outside", "changed-outside", "escalated"})
"""Types of events that stand out."""

_TOLD_AS_REVIEW = "reviewed"
"""Type of the event that stands in the timeline as a review, with its place on the page."""


def page(
    log: LogHistory, verdict: Verdict, statuses: dict[str, SetStatus], *, made: str, software: str, only: str = "",
    since: str = "", until: str = "",
) -> Page:  # fmt: skip
    """Put the page of one log together.

    Args:
        log: what the log tells.
        verdict: whether it holds.
        statuses: of each set, by name, as of now.
        made: time the report is made, RFC 3339 in UTC.
        software: who made it.
        only: the one set it shows; empty: all.
        since: day or time from which on things are shown; empty: from the start.
        until: day or time up to which they are; empty: to the end.
    """
    return page_of([Part(log, verdict, statuses)], made=made, software=software, only=only, period=Period(since, until))


def page_of(
    parts: Sequence[Part], *, made: str, software: str, only: str = "", period: Period = EVER,
    across: Sequence[Across] = (),
) -> Page:  # fmt: skip
    """Put the page of one log or of several together.

    Args:
        parts: the logs.
        made: time the report is made, RFC 3339 in UTC.
        software: who made it.
        only: the one set it shows; empty: all.
        period: what is shown; what is owed and in force is shown in any case.
        across: how sets go on from one terminal to another.
    """
    sets: list[SetPage] = []
    for place, part in enumerate(parts):
        verified = part.verdict.verified
        chains = {chain.set_name: chain for chain in verified.chains} if verified else {}
        for one in part.log.sets:
            if only in ("", one.name):
                status, chain = part.statuses.get(one.name), chains.get(one.name)
                anchor, mark = f"set-{len(sets) + 1}", f"t{place + 1}-" if part.name else ""
                sets.append(_set(anchor, one, status, chain, period, part.name, mark))
    shown = [one for one in across if only in ("", one.name) and (len(one.terminals) > 1 or one.open)]
    between = tuple(_across(f"across-{number}", one, sets) for number, one in enumerate(shown, 1))
    verdict = next((part.verdict for part in parts if not part.verdict.holds), parts[0].verdict)
    found = tuple(sets)
    opened = [*open_between(parts, between)]
    opened += [one for part in parts for one in open_of(part, _of(part, found))]
    return Page(
        parts[0].log, verdict, made, software, only, period.since, found,
        tuple(one for part in parts for one in holds(part, _of(part, found))),
        tuple(sorted(opened, key=lambda one: not one.urgent)),
        tuple(due(found)), period.until, tuple(parts), between, assess(parts, only, period),
    )  # fmt: skip


def _of(part: Part, sets: tuple[SetPage, ...]) -> tuple[SetPage, ...]:
    """Return the sets of one terminal."""
    return tuple(one for one in sets if one.terminal == part.name)


def _across(anchor: str, of: Across, sets: Iterable[SetPage]) -> AcrossPage:
    """Put what all terminals recorded of a set into one timeline; each terminal's own order stays."""
    each = [_by_time(one) for one in sets if one.name == of.name]
    timeline = tuple((terminal, moment) for _, terminal, moment in merge(*each, key=lambda one: one[0]))
    return AcrossPage(anchor, of, timeline)


def _by_time(one: SetPage) -> Iterator[tuple[str, str, Moment]]:
    latest = ""
    for moment in one.timeline:
        latest = max(latest, moment.time)
        yield latest, one.terminal, moment


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


def _set(
    anchor: str, story: SetHistory, status: SetStatus | None, chain: Chain | None, period: Period, terminal: str,
    mark: str,
) -> SetPage:  # fmt: skip
    openings = tuple(one for one in story.openings if not one.over or period.overlaps(one.declared, one.over))
    debts = tuple(one for one in story.debts if not one.by or period.overlaps(one.since, one.settled))
    drills = tuple(one for one in story.drills if period.holds(one.time))
    policies = tuple(one for one in story.policies if period.holds(one.time))
    recoveries = tuple(one for one in story.recoveries if period.holds(one.imported))
    logins = tuple(one for one in story.logins if period.holds(one.time))
    events = tuple(one for one in story.events if period.holds(one.time))
    reviews = tuple(one for one in story.reviews if period.holds(one.time))
    found = SetPage(
        anchor, story, status, chain, (), openings, drills, policies, debts, recoveries, logins, events, reviews,
        terminal, mark,
    )  # fmt: skip
    moments = sorted(
        (one for tell in _TELL for one in tell(found) if period.holds(one.time)), key=lambda one: (one.seq, one.kind)
    )
    return replace(found, timeline=tuple(moments))


# --- the timeline ---------------------------------------------------------------------------------------------


def _of_epochs(of: SetPage) -> Iterable[Moment]:
    for epoch in of.story.epochs:
        how = {
            "first": "the first", "pinned": "learned from its sheets, pinned by a receipt",
            "told": "told by a terminal that is pinned here",
        }.get(epoch.link, epoch.link)  # fmt: skip
        how = f"learned from its sheets, {UNPINNED}" if epoch.link == "unpinned" else how
        words = f"epoch {epoch.number} on {len(epoch.sheets)} sheets, {how}"
        yield Moment(epoch.since, epoch.seq, "epoch", words, f"#{of.anchor}-epochs", epoch.link == "unpinned")


def _of_openings(of: SetPage) -> Iterable[Moment]:
    for one in of.openings:
        parts = [f"{one.purpose}, {one.incident_class}, {one.ticket}: {one.reason}"]
        parts += [f"classified {one.classification}"] if one.classification else []
        parts.append(one.outcome or "under way")
        words = "; ".join(parts)
        yield Moment(one.declared, one.seq, "opening", words, f"#{of.mark}r{one.seq}", one.classification == "misuse")


def _of_drills(of: SetPage) -> Iterable[Moment]:
    for one in of.drills:
        yield Moment(
            one.time, one.seq, "drill", f"{one.drill}: {one.result}", f"#{of.anchor}-drills", one.result == "fail"
        )
    calls = [call for epoch in of.story.epochs for sheet in epoch.sheets for call in sheet.roll_calls]
    for day, group in groupby(sorted(calls, key=lambda call: call.seq), key=lambda call: call.time[:10]):
        looked = list(group)
        failed = sum(call.result == "fail" for call in looked)
        words = f"roll-call: {counted(len(looked), 'look')} on {day}, {failed} failed"
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


def _of_reviews(of: SetPage) -> Iterable[Moment]:
    for one in of.reviews:
        words = f"of {shortened(one.subject)}, signed by {one.reviewer}: {one.verdict}: {one.reason}"
        yield Moment(one.time, one.seq, "review", words, f"#{of.anchor}-reviews", alarming=one.verdict == MISUSE)


def _of_events(of: SetPage) -> Iterable[Moment]:
    for one in of.events:
        if one.type == _TOLD_AS_REVIEW:
            continue
        yield Moment(one.time, one.seq, one.type, one.words, alarming=one.type in ALARMING)


_TELL: tuple[Callable[[SetPage], Iterable[Moment]], ...] = (
    _of_epochs, _of_openings, _of_drills, _of_policies, _of_sheets, _of_recoveries, _of_logins, _of_reviews,
    _of_events,
)  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""The lines at the top of the report: what holds, what is open, what is due. Pure.

Rules:

1. What holds was proven; what is open is owed, broken, missing, UNPINNED, or called misuse by a reviewer; what is due
   comes from ``status``.
2. A line leads to the part of the page that has it.
"""

from collections.abc import Iterable, Sequence

from breakglass_shamir.custody.life.chain import UNPINNED
from breakglass_shamir.custody.life.review_rules import is_opening
from breakglass_shamir.custody.life.watch_rules import CHANGE, LOGIN
from breakglass_shamir.custody.records.reviews import MISUSE, VERDICTS
from breakglass_shamir.operations.audit.report_parts import AcrossPage, Finding, Page, Part, SetPage
from breakglass_shamir.operations.audit.story import OpeningStory, SheetStory
from breakglass_shamir.plural import counted


def holds(part: Part, sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    """Yield what was proven of one terminal's log."""
    verdict = part.verdict
    if verdict.verified is None:
        return
    report = verdict.verified.report
    how = "in full" if report.checked.full else "by sample"
    yield Finding(_at(part, part.scope or f"{every(report.records)}, checked {how}"), "#verification")
    if part.trust and not part.unpinned:
        yield Finding(_at(part, part.trust), "#verification")
    for one in sets:
        if one.chain and one.chain.whole:
            yield Finding(_at(part, one.chain.in_words()), f"#{one.anchor}-epochs")
    for one in sets:
        proven = [opening for opening in one.openings if opening.rotation and opening.rotation.proven]
        if proven and not any(debt.kind == "rotation" for debt in one.story.owed):
            words = f"{one.title}: {counted(len(proven), 'rotation')}, each old credential {_how_dead(proven)}"
            yield Finding(words, f"#{one.anchor}-openings")
    for one in sets:
        if one.epoch and (signed := signed_for(one.epoch.sheets)):
            _, counting = roll_called(one.epoch.sheets)
            words = f"{one.title}: {signed} of {counting} sheets are signed for with their custodian's own key"
            yield Finding(words, f"#{one.anchor}-sheets")
    for one in sets:
        if one.reviews:
            said = ", ".join(f"{number} {verdict}" for verdict, number in _verdicts(one) if number)
            words = f"{one.title}: {counted(len(one.reviews), 'review')} signed by who took no part: {said}"
            yield Finding(words, f"#{one.anchor}-reviews")
    consistent = sum(witness.verdict == "consistent" for witness in verdict.verified.witnesses)
    if consistent:
        yield Finding(f"{counted(consistent, 'witness')} saw this same log", "#verification")


def _verdicts(one: SetPage) -> list[tuple[str, int]]:
    return [(verdict, sum(review.verdict == verdict for review in one.reviews)) for verdict in VERDICTS]


def _at(part: Part, words: str) -> str:
    """Say of which terminal something is, where that is not plain."""
    return f"{part.name}: {words}" if part.name else words


def _how_dead(proven: list[OpeningStory]) -> str:
    attested = sum(bool(one.rotation and one.rotation.attested_by) for one in proven)
    return f"dead: {len(proven) - attested} proven, {attested} attested" if attested else "proven dead"


def open_between(parts: Sequence[Part], across: Iterable[AcrossPage]) -> Iterable[Finding]:
    """Say what is open about whose logs these are, what of them is missing, and how they fit together."""
    for part in parts:
        if part.unpinned:
            yield Finding(_at(part, part.trust), "#verification", urgent=True)
        for gap in part.gaps:
            yield Finding(_at(part, gap), "#verification")
    for one in across:
        for words in one.set.open:
            yield Finding(words, f"#{one.anchor}", urgent=True)


def open_of(part: Part, sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    """Yield what is open in one terminal's log."""
    for one in sets:
        if one.epoch and (not one.story.unbroken or (one.chain and one.chain.unpinned)):
            words = _at(part, one.chain.in_words()) if one.chain else f"chain of custody of {one.title}: broken"
            yield Finding(words, f"#{one.anchor}-epochs", urgent=True)
        overdue = {debt.id for debt in one.status.debts if debt.overdue} if one.status else set()
        for debt in one.story.owed:
            urgent = debt.id in overdue or debt.kind in (LOGIN, CHANGE)
            where = "reviews" if debt.review else "debts"
            yield Finding(f"{one.title}: {debt.what}", f"#{one.anchor}-{where}", urgent)
        yield from _misuse(one)
        for opening in one.openings:
            href = f"#{one.mark}r{opening.seq}"
            if not opening.outcome:
                yield Finding(f"{one.title}: opening {opening.short_id} is under way", href)
            if opening.opened and not opening.pinned:
                number = one.number_of(opening.epoch_id)
                words = f"opening {opening.short_id} was {UNPINNED}: nothing but its sheets vouched for epoch {number}"
                yield Finding(f"{one.title}: {words}", href, urgent=True)
    verified = part.verdict.verified
    if verified:
        for passed in verified.report.passed_gates:
            if passed.set in {one.name for one in sets}:
                yield Finding(_at(part, passed.in_words()), "#verification", urgent=True)
        for silence in verified.report.broken_promises:
            words = f"silent longer than promised before record {silence.before}"
            yield Finding(_at(part, words), "#verification")
        if verified.late_now:
            yield Finding(_at(part, "silent now, longer than promised"), "#verification", urgent=True)


def _misuse(one: SetPage) -> Iterable[Finding]:
    """Yield what a reviewer called misuse."""
    found: dict[str, list[str]] = {}
    for review in one.reviews:
        if review.verdict == MISUSE:
            found.setdefault(review.subject, []).append(review.reviewer)
    for subject, people in found.items():
        words = f"{one.title}: {shortened(subject)} was reviewed as misuse, by {', '.join(people)}"
        yield Finding(words, f"#{one.anchor}-reviews", urgent=True)


def due(sets: tuple[SetPage, ...]) -> Iterable[Finding]:
    """Yield what policy asks for by now."""
    for one in sets:
        owed = {debt.what for debt in one.story.owed}
        reviews = tuple(f"{debt.what} ({debt.id}" for debt in one.reviews_owed)
        for what in one.status.due if one.status else ():
            if what not in owed and not what.startswith(reviews):
                urgent = one.status is not None and what in one.status.urgent
                yield Finding(f"{one.title}: {what}", f"#{one.anchor}", urgent)


def loaded(page: Page) -> bool:
    """Tell whether load drills are shown: those of the time, on a page of all sets."""
    return not page.only and any(page.holds_time(one.time) for part in page.parts for one in part.log.loads)


def roll_called(sheets: Iterable[SheetStory]) -> tuple[int, int]:
    """Return how many sheets passed their last roll-call, and how many there are that count."""
    counting = [sheet for sheet in sheets if not sheet.voided]
    return sum(bool(one.roll_calls) and one.roll_calls[-1].result != "fail" for one in counting), len(counting)


def signed_for(sheets: Iterable[SheetStory]) -> int:
    """Return how many sheets that count are signed for with their custodian's own key, by a signature that verifies."""
    return sum(one.signed is not None and one.signed.verifies for one in sheets if not one.voided)


def shortened(subject: str) -> str:
    """Write what was reviewed as people see it: an opening by its first digits, a debt by its id."""
    return subject[:12] if is_opening(subject) else subject


def every(records: int) -> str:
    """Write that it is all records that there are."""
    return "the one record" if records == 1 else f"all {records} records"

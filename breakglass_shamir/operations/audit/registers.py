# SPDX-License-Identifier: Apache-2.0
"""Registers of what happened, a line each: openings, drills, debts, and who holds or held which sheet. Pure.

Rules:

1. A line says what the records say, with the number of the record where it began; several terminals' lines stand
   together, by time.
2. A line belongs to a period if it began, was under way or ended in it.
3. Who holds a sheet holds it until it changed hands, was lost, or was destroyed: void paper is still paper.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from breakglass_shamir.operations.audit import looks
from breakglass_shamir.operations.audit.period import EVER, Period
from breakglass_shamir.operations.audit.story import (
    DebtStory,
    DrillStory,
    EpochStory,
    Held,
    LogHistory,
    OpeningStory,
    SetHistory,
    SheetStory,
    Signer,
)

Told = Sequence[tuple[str, LogHistory]]
"""Names of terminals, and what their logs tell."""


@dataclass(frozen=True, slots=True)
class OpeningLine:
    """One opening (docs/json.md)."""

    terminal: str
    set_name: str
    opening: str
    seq: int
    purpose: str
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    """As they were typed."""

    signed_by: tuple[str, ...]
    """Officers whose own keys signed."""

    declared: str
    opened: str
    ended: str
    use_s: int
    """-1: it was not opened, or has not ended."""

    allowed_s: int
    epoch: str
    sheets: tuple[str, ...]
    mode: str
    passed: tuple[str, ...]
    """Gates that were passed by override."""

    classification: str
    old_dead: str
    """When the old credential was proven or attested dead; empty: it is not."""

    outcome: str
    over: str
    review: str
    """``owed``, ``done``, or empty: none is owed, and nobody made one."""

    review_debts: tuple[str, ...]
    """Ids of the debts that a review of it closes, or closed."""

    reviews: tuple[str, ...]
    """Each with its verdict, whose it is, and the number of its record."""

    recordings: tuple[str, ...]
    """Numbers of the records that tell of recordings of its use."""


@dataclass(frozen=True, slots=True)
class DrillLine:
    """One drill: a rehearsal, an access drill, or one look at one sheet (docs/json.md)."""

    terminal: str
    set_name: str
    seq: int
    time: str
    drill: str
    """``rehearsal``, ``access``, ``roll-call``, ``load``: many rehearsals at once, of no set."""

    level: str
    """Of a roll-call: ``seal`` or ``live``."""

    epoch: str
    sheets: tuple[str, ...]
    custodian: str
    bag: str
    result: str
    reasons: tuple[str, ...]
    opening: str


@dataclass(frozen=True, slots=True)
class DebtLine:
    """One debt (docs/json.md)."""

    terminal: str
    set_name: str
    debt: str
    seq: int
    kind: str
    what: str
    opening: str
    since: str
    deadline_s: int
    settled: str
    settled_seq: int
    by: str
    """Who or what settled it; empty: it is owed."""

    after_s: int
    late: bool
    review: str
    """``owed`` or ``done``; empty: no review closes it, or closed it."""

    needed: int
    """How many people must review or settle it, while it is owed; 0: something else closes it."""

    signers: tuple[str, ...]
    """Who reviewed or settled it so far, each with the key's fingerprint, and the number of the record."""


@dataclass(frozen=True, slots=True)
class HolderLine:
    """Somebody keeps or kept one sheet (docs/json.md)."""

    terminal: str
    person: str
    set_name: str
    epoch: str
    epoch_id: str
    sheet: str
    since: str
    """When they said so; empty: they have not."""

    until: str
    """When it ended; empty: they hold it."""

    bag: str
    signed: str
    """Fingerprint of their own key that signed for it, where that signature verifies."""

    state: str
    """``live``, ``void``, ``not acknowledged``, or how it ended."""


def columns(kind: type[Any]) -> tuple[str, ...]:
    """Return the columns of a register as CSV."""
    return tuple("set" if one.name == "set_name" else one.name for one in fields(kind))


def openings(told: Told, *, set_name: str = "", period: Period = EVER) -> list[OpeningLine]:
    """Return the openings of some terminals, oldest first."""
    found = [
        _opening(terminal, of, one) for terminal, of in _sets(told, set_name) for one in of.openings
        if period.overlaps(one.declared, one.over)
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.declared, one.terminal, one.seq))


def drills(told: Told, *, set_name: str = "", period: Period = EVER) -> list[DrillLine]:
    """Return the drills of some terminals, roll-calls among them, oldest first."""
    found: list[DrillLine] = []
    for terminal, log in told if not set_name else ():
        found += (
            DrillLine(terminal, "", one.seq, one.time, "load", "", "", (), "", "", one.result, one.reasons, "")
            for one in log.loads
        )
    for terminal, of in _sets(told, set_name):
        found += (_drill(terminal, of, one) for one in of.drills)
        for epoch in of.epochs:
            found += _roll_calls(terminal, of, epoch)
    return sorted(
        (one for one in found if period.holds(one.time)), key=lambda one: (one.time, one.terminal, one.seq)
    )  # fmt: skip


def debts(told: Told, *, set_name: str = "", period: Period = EVER) -> list[DebtLine]:
    """Return the debts of some terminals, those that are settled among them, oldest first."""
    found = [
        _debt(terminal, of, one) for terminal, of in _sets(told, set_name) for one in of.debts
        if period.overlaps(one.since, one.settled)
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.since, one.terminal, one.seq))


def holders(told: Told, *, set_name: str = "", period: Period = EVER, past: bool = False) -> list[HolderLine]:
    """Return who holds which sheet, by person.

    Args:
        told: terminals and what their logs tell.
        set_name: of this set only; empty: of every one.
        period: who held it at some time in it; :data:`~breakglass_shamir.operations.audit.period.EVER`: at any.
        past: those, too, who hold it no more.
    """
    found = [
        line for terminal, of in _sets(told, set_name) for epoch in of.epochs if epoch.status != "abandoned"
        for sheet in epoch.sheets for line in _held(terminal, of, epoch, sheet)
        if period.overlaps(line.since, line.until) and (past or not line.until)
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.person, one.set_name, one.terminal, int(one.epoch), one.sheet, one.since))


def _sets(told: Told, set_name: str) -> Iterator[tuple[str, SetHistory]]:
    return ((terminal, of) for terminal, log in told for of in log.sets if set_name in ("", of.name))


def _number(of: SetHistory, epoch_id: str) -> str:
    return next((str(one.number) for one in of.epochs if one.epoch_id == epoch_id), "")


def _opening(terminal: str, of: SetHistory, one: OpeningStory) -> OpeningLine:
    review, debts = looks.reviewing(of, one)
    return OpeningLine(
        terminal, of.name, one.id, one.seq, one.purpose, one.incident_class, one.ticket, one.reason, one.officers,
        tuple(by.officer for by in one.signed_by), one.declared, one.opened, one.ended, one.use_s, one.allowed_s,
        _number(of, one.epoch_id), one.sheets, one.mode, tuple(passed.gate for passed in one.passed),
        one.classification, one.rotation.proven if one.rotation else "", one.outcome, one.over, review,
        tuple(debt.id for debt in debts), tuple(f"{by.verdict}, {by.reviewer}, record {by.seq}" for by in one.reviews),
        tuple(str(kept.seq) for kept in one.recordings if kept.kind == "recording"),
    )  # fmt: skip


def _drill(terminal: str, of: SetHistory, one: DrillStory) -> DrillLine:
    return DrillLine(
        terminal, of.name, one.seq, one.time, one.drill, "", _number(of, one.epoch_id), one.sheets, "", "", one.result,
        one.reasons, one.opening,
    )  # fmt: skip


def _roll_calls(terminal: str, of: SetHistory, epoch: EpochStory) -> Iterable[DrillLine]:
    for sheet in epoch.sheets:
        for one in sheet.roll_calls:
            yield DrillLine(
                terminal, of.name, one.seq, one.time, "roll-call", one.level, str(epoch.number), (sheet.sheet,),
                one.custodian, one.bag, one.result, one.reasons, "",
            )  # fmt: skip


def _debt(terminal: str, of: SetHistory, one: DebtStory) -> DebtLine:
    return DebtLine(
        terminal, of.name, one.id, one.seq, one.kind, one.what, one.opening, one.since, one.deadline_s, one.settled,
        one.settled_seq, one.by, one.after_s, bool(one.by) and one.late,
        one.review, one.needed, tuple(_signer(by) for by in one.signers),
    )  # fmt: skip


def _signer(by: Signer) -> str:
    return f"{by.person}, {by.fingerprint or 'by name'}, record {by.seq}"


def _held(terminal: str, of: SetHistory, epoch: EpochStory, sheet: SheetStory) -> Iterable[HolderLine]:
    """Yield who held a sheet one after the other; two acknowledgements of one person are one line."""

    def line(person: str, since: str, until: str, bag: str, signed: str, state: str) -> HolderLine:
        return HolderLine(
            terminal, person, of.name, str(epoch.number), epoch.short_id, sheet.sheet, since, until, bag, signed, state
        )

    turns: list[list[Held]] = []
    for held in sheet.held:
        if turns and turns[-1][0].custodian == held.custodian:
            turns[-1].append(held)
        else:
            turns.append([held])
    if not turns and sheet.custodian:
        until, state = _ended(epoch, sheet)
        yield line(sheet.custodian, "", until, "", "", state if until else "not acknowledged")
    for number, turn in enumerate(turns):
        last = turn[-1]
        bag = next((held.bag for held in reversed(turn) if held.bag), "")
        signed = last.signed.fingerprint if last.signed and last.signed.verifies else ""
        if number + 1 < len(turns):
            after = turns[number + 1][0]
            yield line(last.custodian, turn[0].since, after.since, bag, signed, f"went to {after.custodian}")
        else:
            until, state = _ended(epoch, sheet)
            yield line(last.custodian, turn[0].since, until, bag, signed, state)


def _ended(epoch: EpochStory, sheet: SheetStory) -> tuple[str, str]:
    """Return when and how somebody stopped to hold a sheet; an empty time where they hold it."""
    if sheet.destroyed:
        return sheet.destroyed, "destroyed"
    if sheet.voided:
        return sheet.voided, f"voided: {sheet.void_reason}"
    return "", "live" if epoch.status == "good" else "void"

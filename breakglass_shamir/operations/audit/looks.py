# SPDX-License-Identifier: Apache-2.0
"""Who looked at what was done: reviews, settlements, and what was recorded of a use. Pure; beside ``history.py``.

Rules:

1. Who signed stands with the key that did; who is a name in a record stands without one.
2. Whether a review closes a debt that is owed is for the policy now in force; of one that is gone, for what closed it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.life import review_rules, settlement_rules
from breakglass_shamir.custody.life.review_rules import policy_of
from breakglass_shamir.custody.life.state import ROTATION, SetState
from breakglass_shamir.custody.records.openings import Actions, Settled, Snapshot, UseRecorded
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.operations.audit.happenings import actions, snapshot, use_recorded
from breakglass_shamir.operations.audit.story import (
    DONE,
    OWED,
    DebtStory,
    OpeningStory,
    RecordingStory,
    ReviewStory,
    SetHistory,
    Signer,
)


def review(body: Reviewed, record: Record) -> ReviewStory:
    """Return what a record of a review says."""
    fingerprint = ssh_key.from_line(body.key).fingerprint
    return ReviewStory(
        record.seq, record.time, body.reviewer, fingerprint, body.verdict, body.reason, body.subject
    )  # fmt: skip


def recording(body: UseRecorded | Actions | Snapshot, record: Record) -> RecordingStory:
    """Return what a record says of what was done with the credential."""
    if isinstance(body, Actions):
        return RecordingStory(record.seq, record.time, "actions", actions(body), bool(body.problem))
    if isinstance(body, Snapshot):
        return RecordingStory(record.seq, record.time, "snapshot", snapshot(body), bool(body.problem or body.untold))
    return RecordingStory(record.seq, record.time, "recording", use_recorded(body), body.ended != "whole")


def signers(record: Record, before: SetState) -> Iterator[tuple[str, Signer]]:
    """Yield for which debts of a set a record says that somebody looked, and who."""
    seq, time = record.seq, record.time
    match record.body:
        case Reviewed() as body:
            fingerprint = ssh_key.from_line(body.key).fingerprint
            signer = Signer(seq, time, body.reviewer, fingerprint, body.verdict, body.reason)
            for debt in review_rules.debts_of(before, policy_of(before), body.subject):
                yield debt.id, signer
        case DebtsSettled() as body:
            fingerprint = ssh_key.from_line(body.key).fingerprint
            for debt_id in body.debts:
                yield debt_id, Signer(seq, time, body.officer, fingerprint, "", body.reason)
        case Settled() as body:
            for name in body.officers:
                yield body.debt, Signer(seq, time, name, "", "", body.reason)


def in_words(found: Sequence[Signer]) -> str:
    """Say who looked at a debt, and what they said."""
    return "; ".join(
        f"a review, {one.verdict}, signed by {one.person}: {one.reason}" if one.verdict
        else f"{one.person}, signed: {one.reason}"
        for one in found
    )  # fmt: skip


def owed(debts: Sequence[DebtStory], state: SetState) -> tuple[DebtStory, ...]:
    """Return debts that are owed, each with what closes it and how many people that takes."""
    policy, known = policy_of(state), {debt.id: debt for debt in state.debts}
    found = []
    for story in debts:
        debt = known.get(story.id)
        if debt is not None and review_rules.needs_review(policy, debt):
            found.append(replace(story, review=OWED, needed=review_rules.needed(policy)))
        elif story.kind != ROTATION:
            found.append(replace(story, needed=settlement_rules.settlement(policy).people))
        else:
            found.append(story)
    return tuple(found)


def reviewing(of: SetHistory, opening: OpeningStory) -> tuple[str, tuple[DebtStory, ...]]:
    """Return whether an opening's review is owed or done, empty where neither; and the debts that one closes."""
    debts = tuple(debt for debt in of.debts if debt.subject == opening.id and debt.review)
    if any(debt.review == OWED for debt in debts):
        return OWED, debts
    return (DONE if debts or opening.reviews else ""), debts

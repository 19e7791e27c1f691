# SPDX-License-Identifier: Apache-2.0
"""Which uses owe a review, who may review, and what a review closes; part of ``lifecycle.py``'s table.

Rules:

1. Under a policy with ``[review]``, and by its ``on``: an opening owes a review from ``opened`` on, or from its first
   override; so does a recovery that is imported. An unmatched login and a fork do, each by a debt of its own.
2. A review is signed by a key that the policy lists for a reviewer, or for an officer where it names no reviewer. Who
   took part may not review (``took_part.py``), and one person counts once.
3. It is of an opening that is over, and names the last record of it: what happens later is not covered by it. Reviews
   are not counted among these records, so that several people can sign at the same time.
4. Its reason says something: the rule of declarations (``filler.py``).
5. As many reviews as the policy asks for close the debt, and the overridden checks of the opening with it.
6. Under a policy without ``[review]`` nothing owes one; an officer who took no part may review all the same.

The signature over the statement is verified by :func:`verify`, which whoever has the record calls.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life import officers, standing, took_part, under_way
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Case, Debt, Look, Opening, SetState
from breakglass_shamir.custody.life.watch_rules import LOGIN
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.officer_keys import recorded, revoked
from breakglass_shamir.custody.policy.person import person
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import AttestedDead
from breakglass_shamir.custody.records.openings import Declared, OfficerSigned, Opened, Overridden
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested
from breakglass_shamir.custody.records.reviews import VERDICTS, Reviewed, review_statement
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.errors import IllegalState, InvalidRecord, InvalidSignature
from breakglass_shamir.nearest import did_you_mean

REVIEW, FORK = "review", "fork"
"""Kinds of the debts that only a review closes."""

KEY_HINT = "reviewers and their keys stand under [[review.reviewers]] in the set's policy"


def policy_of(s: SetState) -> Policy | None:
    """Return the set's policy; None where it has none."""
    return policies.parse(s.policy_source) if s.policy_source else None


def needs_review(policy: Policy | None, debt: Debt) -> bool:
    """Tell whether a debt is closed by a review, and not settled."""
    if debt.kind in (REVIEW, FORK):
        return True
    if policy is None or policy.review is None:
        return False
    if debt.kind == LOGIN:
        return policy.review.owed_on("unmatched-login")
    return debt.kind in GATES and policy.review.owed_on("override")


def subject_of(debt: Debt) -> str:
    """Return what is reviewed where a debt is: its opening, or itself."""
    return debt.opening if debt.opening and debt.kind not in (LOGIN, FORK) else debt.id


def debts_of(s: SetState, policy: Policy | None, subject: str) -> tuple[Debt, ...]:
    """Return the debts that reviews of a subject close."""
    return tuple(debt for debt in s.debts if needs_review(policy, debt) and subject_of(debt) == subject)


def reviewer(policy: Policy | None, key: SshKey, time: str) -> str:
    """Return the name of the reviewer, or officer, for whom a key signs at a time.

    Raises:
        IllegalState: the key is not listed, revoked, not valid yet or not any more.
    """
    people = policy.reviewers if policy else ()
    word = "reviewer" if policy and policy.review and policy.review.reviewers else "officer"
    return officers.whose(people, key, time, revoked_in(policy), word, KEY_HINT)


def revoked_in(policy: Policy | None) -> frozenset[str]:
    """Return the fingerprints that an officer's or a reviewer's list revokes."""
    return revoked(policy) if policy else frozenset()


def needed(policy: Policy | None) -> int:
    """Return how many different people must review."""
    return policy.review.needed if policy and policy.review else 1


def who_reviews(s: SetState) -> str:
    """Say who reviews what is done with a set."""
    policy = policy_of(s)
    if policy is None or policy.review is None:
        return "nobody: the policy has no [review]; at the least a different officer settles what is owed"
    review = policy.review
    names, word = (
        ", ".join(one.name for one in policy.reviewers),
        "officers who took no part, since no reviewers are named",
    )
    return f"{review.needed} of {f'the reviewers {names}' if review.reviewers else word}, within {review.deadline}"


def names_reviewers(s: SetState) -> bool:
    """Tell whether a set's policy names reviewers."""
    policy = policy_of(s)
    return bool(policy and policy.review and policy.review.reviewers)


def case_of(s: SetState, subject: str) -> Case:
    """Return what is known of a subject that can be reviewed.

    Raises:
        IllegalState: there is none, it is not over, or another one is reviewed in its place.
    """
    case = s.cases.get(subject)
    debt = next((one for one in s.debts if one.id == subject), None)
    if case is None:
        known = [*(one for one in s.cases if len(one) < 64), *(one[:12] for one in s.cases if len(one) == 64)]
        raise IllegalState(
            f"set {s.name} has nothing to review under {subject[:24]}", hint=did_you_mean(subject, known)
        )
    if debt is not None and subject_of(debt) != subject:
        raise IllegalState(f"{subject} is reviewed with its opening, {subject_of(debt)[:12]}")
    if debt is not None and not needs_review(policy_of(s), debt):
        raise IllegalState(f"{subject} owes no review by the policy of set {s.name}: it is rotated for, or settled")
    if s.opening is not None and s.opening.id == subject:
        raise IllegalState(
            f"opening {s.opening.short_id} is still {s.opening.phase}: it is reviewed when it is over",
            hint=under_way.ends_with(s, s.opening),
        )
    return case


def against_reviewing(s: SetState, subject: str, key: SshKey, time: str) -> str:
    """Say what stands against a review by the holder of a key; empty: nothing does.

    Raises:
        IllegalState: the key counts for nobody, or there is nothing to review.
    """
    policy, case = policy_of(s), case_of(s, subject)
    name = reviewer(policy, key, time)
    who = person(policy, name, key.line)
    if part := took_part.took_part(s, case, who):
        return f"{name} may not review {subject[:12]}: {part}"
    if any(took_part.made(who, look) for look in case.reviews):
        return f"{name} has reviewed {subject[:12]} already: one person counts once"
    return ""


def reviewed(s: SetState, body: Reviewed, record: Record, _d: bytes) -> SetState:
    """Take a review. The signature over what it says: :func:`verify`."""
    if body.verdict not in VERDICTS:
        raise InvalidRecord(f"expected a verdict of {', '.join(VERDICTS)}, got {body.verdict[:24]!a}")
    if is_filler(body.reason):
        raise IllegalState("expected a reason that says what was found")
    case = case_of(s, body.subject)
    if record.opening != (body.subject if is_opening(body.subject) else ""):
        raise InvalidRecord("a review belongs to the opening that it is about, and to none where it is about a debt")
    key = recorded(body.key, "reviewer")
    if reviewer(policy_of(s), key, record.time) != body.reviewer:
        raise IllegalState(f"the key {key.fingerprint} signs for another reviewer")
    if against := against_reviewing(s, body.subject, key, record.time):
        raise IllegalState(against)
    if body.last != case.last:
        raise IllegalState(f"more has happened in {body.subject[:12]} than this review looked at: look again, and sign")
    look = Look(body.reviewer, body.key, body.verdict, body.reason, record.seq)
    return replace(s, cases={**s.cases, body.subject: replace(case, reviews=(*case.reviews, look))})


def verify(body: Reviewed, record: Record) -> None:
    """Verify that the reviewer's key signed what the record says.

    Raises:
        InvalidSignature: it did not.
    """
    key = ssh_key.from_line(body.key)
    try:
        sshsig.verify_by(key, body.signature, statement_of(body, record), sshsig.REVIEW_NAMESPACE)
    except InvalidSignature as error:
        raise InvalidSignature(f"the signature of reviewer {body.reviewer}: {error}") from error


def statement_of(body: Reviewed, record: Record) -> bytes:
    """Return the bytes that a review's signature is over."""
    return review_statement(record.log, record.set, body.subject, body.last, body.verdict, body.reason)


def is_opening(subject: str) -> bool:
    """Tell an opening's id from a debt's."""
    return len(subject) == 64 and not set(subject) - set("0123456789abcdef")


def follow(before: SetState, s: SetState, record: Record, data: bytes) -> SetState:
    """Return the set with what a record means for reviews: who took part, what was last, what is owed.

    Args:
        before: the set before the record.
        s: the set after it, as the record's own rule left it.
        record: what happened.
        data: its exact bytes.
    """
    body = record.body
    s = _noted(s, body, record, data)
    if isinstance(body, Opened | Overridden | RecoveryImported) or len(s.links) != len(before.links):
        s = _owing(before, s, record)
    if s.debts is not before.debts:
        s = _with_new_debts(before, s, record, data)
    if isinstance(body, Reviewed | PolicyAdopted | PolicyWeakened):
        s = _paid(s)
    if s.opening is not before.opening or s.debts is not before.debts:
        s = _forgotten(s)
    return s


def _noted(s: SetState, body: records.AnyBody, record: Record, data: bytes) -> SetState:
    """Note who took part in an opening, and what was last recorded of it."""
    if isinstance(body, Declared) and s.opening is not None:
        return replace(s, cases={**s.cases, s.opening.id: Case(s.opening.id, took_part=body.officers)})
    case = s.cases.get(record.opening) if record.opening else None
    if case is None or isinstance(body, Reviewed):
        return s
    case = replace(case, last=records.digest(data))
    if isinstance(body, OfficerSigned):
        case = replace(case, took_part=(*case.took_part, body.officer), keys=(*case.keys, body.key))
    if isinstance(body, Opened):
        epoch = s.epochs[body.epoch_id]
        held = (name for sheet in body.sheets for name in (epoch.custodians.get(sheet), epoch.acknowledged.get(sheet)))
        case = replace(case, took_part=tuple(dict.fromkeys((*case.took_part, *filter(None, held)))))
    return replace(s, cases={**s.cases, record.opening: case})


def _owing(before: SetState, s: SetState, record: Record) -> SetState:
    """Owe the review of an opening, once; that of a recovery; and that of a fork when it is first seen."""
    policy = policy_of(s)
    if policy is None or policy.review is None:
        return s
    on, moment, deadline_s = policy.review.on, Moment.of(record), policy.review.deadline.seconds
    found: list[Debt] = []
    opening, body = s.opening, record.body
    if opening is not None and isinstance(body, Opened | Overridden):
        event = "opening" if isinstance(body, Opened) else "override"
        debt_id = f"{REVIEW}-{opening.id[:8]}"
        if event in on and not any(debt.id == debt_id for debt in s.debts):
            found.append(Debt(debt_id, REVIEW, opening.id, moment, deadline_s, _of_opening(opening, event)))
    if isinstance(body, RecoveryImported) and "opening" in on:
        what = f"review: an epoch was opened without this program, by the recovery {body.sha256[:12]}"
        found.append(Debt(f"{REVIEW}-import-{record.seq}", REVIEW, "", moment, deadline_s, what, body.epoch_id))
    if "fork" in on:
        for epoch_id in _forks(s) - _forks(before):
            what = f"review the fork: more than one epoch followed {standing.named(s, epoch_id)}"
            found.append(Debt(f"{FORK}-{record.seq}", FORK, record.opening, moment, deadline_s, what, epoch_id))
    return replace(s, debts=(*s.debts, *found)) if found else s


def _of_opening(opening: Opening, event: str) -> str:
    said = opening.declared
    why = "it was opened" if event == "opening" else "it passed a check"
    return f"review opening {opening.short_id} ({said.purpose}, ticket {said.ticket or 'none'}): {why}"


def _forks(s: SetState) -> set[str]:
    """Return the epochs that more than one other is known to have followed."""
    followed: dict[str, set[str]] = {}
    for link in s.links:
        followed.setdefault(link.predecessor, set()).add(link.successor)
    return {epoch_id for epoch_id, successors in followed.items() if len(successors) > 1}


def _with_new_debts(before: SetState, s: SetState, record: Record, data: bytes) -> SetState:
    """Note by which record each new debt was made."""
    known = {debt.id for debt in before.debts}
    new = [debt for debt in s.debts if debt.id not in known]
    if not new:
        return s
    digest, people = records.digest(data), _named(record.body)
    return replace(s, cases={**s.cases, **{debt.id: Case(digest, debt.opening, people) for debt in new}})


def _named(body: records.AnyBody) -> tuple[str, ...]:
    """Return whom the record itself names that made a debt: who recovered, or who vouched for what is now looked at."""
    match body:
        case RecoveryImported():
            from breakglass_shamir.custody.life import recovery

            return recovery.parse(body.source.encode()).officers
        case AttestedDead():
            return body.officers
        case OldDead() | Retired() | RetiredAttested():
            return body.attested_by
    return ()


def _paid(s: SetState) -> SetState:
    """Let go of the debts for which enough people have reviewed."""
    policy = policy_of(s)
    enough = needed(policy)
    done = {subject for subject, case in s.cases.items() if len(case.reviews) >= enough}
    gone = {subject: found for subject in sorted(done) if (found := debts_of(s, policy, subject))}
    if not gone:
        return s
    closed = {
        subject: replace(s.cases[subject], closed=tuple(one.id for one in found)) for subject, found in gone.items()
    }
    ids = {debt.id for found in gone.values() for debt in found}
    return replace(
        s, cases={**s.cases, **closed}, debts=tuple(debt for debt in s.debts if debt.id not in ids)
    )  # fmt: skip


def _forgotten(s: SetState) -> SetState:
    """Forget what is neither under way nor remembered nor owed."""
    kept = {*_remembered(s)}
    if s.cases.keys() <= kept:
        return s
    return replace(s, cases={subject: case for subject, case in s.cases.items() if subject in kept})


def _remembered(s: SetState) -> Iterator[str]:
    if s.opening is not None:
        yield s.opening.id
    yield from (one.id for one in s.past)
    for debt in s.debts:
        yield debt.id
        yield debt.opening

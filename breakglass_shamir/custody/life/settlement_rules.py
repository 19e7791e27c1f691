# SPDX-License-Identifier: Apache-2.0
"""Who may settle a debt that neither a rotation nor a review closes; part of ``lifecycle.py``'s table.

Rules:

1. Under a policy with ``[review]`` its ``settlement`` decides: whose word counts, of how many different people, and
   whether each signs. None of them took part in what left the debt, and the reason says something.
2. Who signs settles several debts at once. Each debt goes when as many people as are asked for have signed for it.
3. Under a policy without ``[review]`` a record with names settles, as it always did, so that old logs stay what they
   are; a signature is taken of an officer who took no part.

The signature over the statement is verified by :func:`verify`, which whoever has the record calls.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life import officers, took_part
from breakglass_shamir.custody.life.holders import same_person
from breakglass_shamir.custody.life.review_rules import needs_review, policy_of, revoked_in, subject_of
from breakglass_shamir.custody.life.state import ROTATION, Debt, Look, SetState
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.officer_keys import recorded
from breakglass_shamir.custody.policy.person import Person, person
from breakglass_shamir.custody.policy.tables import Policy, Settlement
from breakglass_shamir.custody.records.openings import Settled
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.reviews import DebtsSettled, settlement_statement
from breakglass_shamir.errors import IllegalState, InvalidRecord, InvalidSignature
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.shell import breakglass

SAYS_NOTHING = "expected a reason that says what was found"


def settlement(policy: Policy | None) -> Settlement:
    """Return the rules for settling; where a policy has none, those for a signature by an officer."""
    return policy.review.settlement if policy and policy.review else Settlement(by="officers")


def owed(s: SetState, debt_id: str) -> Debt:
    """Return a debt that people may settle.

    Raises:
        IllegalState: there is none, or something else closes it.
    """
    debt = next((debt for debt in s.debts if debt.id == debt_id), None)
    if debt is None:
        known = [debt.id for debt in s.debts]
        raise IllegalState(
            f"set {s.name} has no debt {debt_id}: it owes {', '.join(known) or 'nothing'}",
            hint=did_you_mean(debt_id, known),
        )
    if debt.kind == ROTATION:
        raise IllegalState("a rotation debt is settled by a proven rotation only")
    if needs_review(policy_of(s), debt):
        raise IllegalState(
            f"{debt_id} is closed by a review, not settled",
            hint=f"look at it with: {breakglass('review', subject_of(debt)[:12])}",
        )
    return debt


def against_names(s: SetState, debt: Debt, names: Sequence[str]) -> str:
    """Say what stands against settling a debt by people's names, without a signature; empty: nothing does."""
    policy = policy_of(s)
    if policy is None or policy.review is None:
        return ""
    rules = policy.review.settlement
    if rules.signed:
        return f"the policy of set {s.name} wants a settlement signed: each of {rules.people} with an own key"
    listed = [one.name for one in policy.settlers]
    strangers = [name for name in names if not any(same_person(name, one) for one in listed)]
    if strangers:
        return f"expected {rules.by} of the policy ({', '.join(listed)}), got {', '.join(strangers)}"
    people = [person(policy, name) for name in names]
    for name, who in zip(names, people, strict=True):
        if part := took_part.took_part(s, s.cases[debt.id], who):
            return f"{name} may not settle {debt.id}: {part}"
    if _different(people) < rules.people:
        return f"expected {rules.people} different people who settle {debt.id}, got {', '.join(names) or 'none'}"
    return ""


def settler(policy: Policy | None, key: SshKey, time: str) -> str:
    """Return the name of whoever may settle debts, for whom a key signs at a time.

    Raises:
        IllegalState: the key is not listed, revoked, not valid yet or not any more.
    """
    people, rules = policy.settlers if policy else (), settlement(policy)
    named = policy is not None and policy.review is not None and policy.review.reviewers and rules.by == "reviewers"
    hint = "who may settle stands under [review.settlement] in the set's policy"
    return officers.whose(people, key, time, revoked_in(policy), "reviewer" if named else "officer", hint)


def against_key(s: SetState, debt: Debt, key: SshKey, time: str) -> str:
    """Say what stands against settling a debt by the holder of a key; empty: nothing does.

    Raises:
        IllegalState: the key counts for nobody.
    """
    policy, case = policy_of(s), s.cases[debt.id]
    name = settler(policy, key, time)
    who = person(policy, name, key.line)
    if part := took_part.took_part(s, case, who):
        return f"{name} may not settle {debt.id}: {part}"
    if any(took_part.made(who, look) for look in case.settlements):
        return f"{name} has signed for {debt.id} already: one person counts once"
    return ""


def settled(s: SetState, body: Settled, _r: Record, _d: bytes) -> SetState:
    """Pay a debt that people looked at, by their names."""
    debt = owed(s, body.debt)
    if against := against_names(s, debt, body.officers):
        raise IllegalState(against)
    policy = policy_of(s)
    if policy is not None and policy.review is not None and is_filler(body.reason):
        raise IllegalState(SAYS_NOTHING)
    return replace(s, debts=tuple(other for other in s.debts if other is not debt))


def debts_settled(s: SetState, body: DebtsSettled, record: Record, _d: bytes) -> SetState:
    """Take one person's signature for debts, and let those go for which it is enough. The signature: :func:`verify`."""
    if not body.debts or record.opening:
        raise InvalidRecord("a settlement names one debt or more, and belongs to no opening")
    if is_filler(body.reason):
        raise IllegalState(SAYS_NOTHING)
    key = recorded(body.key, "officer")
    if settler(policy_of(s), key, record.time) != body.officer:
        raise IllegalState(f"the key {key.fingerprint} signs for somebody else")
    cases, look = dict(s.cases), Look(body.officer, body.key, "", body.reason, record.seq)
    for debt_id, made_by in body.debts.items():
        debt = owed(s, debt_id)
        if against := against_key(s, debt, key, record.time):
            raise IllegalState(against)
        if cases[debt_id].last != made_by:
            raise IllegalState(f"{debt_id} was made by another record than the signed one")
        cases[debt_id] = replace(cases[debt_id], settlements=(*cases[debt_id].settlements, look))
    enough = settlement(policy_of(s)).people
    gone = {debt_id for debt_id in body.debts if len(cases[debt_id].settlements) >= enough}
    return replace(s, cases=cases, debts=tuple(debt for debt in s.debts if debt.id not in gone))


def verify(body: DebtsSettled, record: Record) -> None:
    """Verify that the key signed what the record says.

    Raises:
        InvalidSignature: it did not.
    """
    key, said = ssh_key.from_line(body.key), statement_of(body, record)
    try:
        sshsig.verify_by(key, body.signature, said, sshsig.SETTLEMENT_NAMESPACE)
    except InvalidSignature as error:
        raise InvalidSignature(f"the signature of {body.officer}, who may settle: {error}") from error


def statement_of(body: DebtsSettled, record: Record) -> bytes:
    """Return the bytes that a settlement's signature is over."""
    return settlement_statement(record.log, record.set, body.debts, body.reason)


def _different(people: Sequence[Person]) -> int:
    return sum(1 for _ in _firsts(people))


def _firsts(people: Sequence[Person]) -> Iterator[Person]:
    for place, who in enumerate(people):
        if not any(who.is_same(other) for other in people[:place]):
            yield who

# SPDX-License-Identifier: Apache-2.0
"""Settle debts that neither a rotation nor a review closes, by who the policy lets do it.

Rules:

1. Who may, how many, and whether each signs is the policy's (``settlement_rules.py``). Several debts go at once, and
   all of them are looked at before the first is recorded.
2. A reason says what was found: the rule of declarations.
3. Where a policy has no ``[review]``, a different officer is the least: one of those named took no part in what left
   the debt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life import settlement_rules, took_part
from breakglass_shamir.custody.life.review_rules import policy_of
from breakglass_shamir.custody.life.state import Debt, SetState
from breakglass_shamir.custody.policy.person import person
from breakglass_shamir.custody.records.openings import Settled
from breakglass_shamir.custody.records.reviews import DebtsSettled, settlement_statement
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import IllegalState, InvalidInput, InvalidSignature
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.opening import ssh_sign
from breakglass_shamir.operations.opening.declaring import record_refusal
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.review.reviewing import check_reason


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was settled, and what waits for more people (docs/json.md).

    Attributes:
        set: the set.
        debts: ids of all that were given.
        settled: ids of those that are gone.
        waiting: id of each other to how many people have signed for it.
        needed: how many people must.
    """

    set: str
    debts: tuple[str, ...]
    settled: tuple[str, ...]
    waiting: dict[str, int]
    needed: int


def wants_signatures(s: SetState) -> bool:
    """Tell whether a set's policy takes a settlement with signatures only."""
    policy = policy_of(s)
    return policy is not None and policy.review is not None and policy.review.settlement.signed


def settle(recorder: Recorder, debts: Sequence[str], reason: str, officers: tuple[str, ...]) -> Settlement:
    """Settle debts by the names of those who looked at them.

    Raises:
        IllegalState: no such debt; a rotation or a review closes it; these people may not; or the policy wants
            signatures.
        InvalidInput: no debt, nobody, or a reason that says nothing.
    """
    s, owed = _owed(recorder, debts)
    if not officers:
        raise InvalidInput("expected at least one officer who looked at it", hint="name them with --officer")
    names = tuple(check_human_text("officer", name) for name in officers)
    for debt in owed:
        if against := settlement_rules.against_names(s, debt, names) or _against_own(s, debt, names):
            raise _refused(recorder, against)
    said = check_reason(reason)
    for debt in owed:
        recorder.append(Settled(debt=debt.id, reason=said, officers=names))
    return _found(recorder, [debt.id for debt in owed])


def sign(recorder: Recorder, debts: Sequence[str], reason: str, key_file: Path, *, asks: bool) -> Settlement:
    """Sign for debts with an own key; they go when enough people have.

    Args:
        recorder: at the set.
        debts: ids.
        reason: what was found, in words.
        key_file: an own SSH key, or its public half where an agent or a token has it.
        asks: whether a person at the terminal can be asked for a passphrase.

    Raises:
        IllegalState: no such debt; a rotation or a review closes it; or this person may not.
        InvalidInput: no debt, a reason that says nothing, or ssh-keygen made no signature.
    """
    s, owed = _owed(recorder, debts)
    said = check_reason(reason)
    made_by = {debt.id: s.cases[debt.id].last for debt in owed}
    data = settlement_statement(recorder.ledger.log_id.hex(), s.name, made_by, said)
    recorder.desk.say(f"signing for {', '.join(made_by)} with {key_file}")
    armored = ssh_sign.sign(key_file, data, sshsig.SETTLEMENT_NAMESPACE, asks=asks)
    key = ssh_key.from_blob(sshsig.parse(armored).key_blob)
    try:
        sshsig.verify_by(key, armored, data, sshsig.SETTLEMENT_NAMESPACE)
        officer = _settler(s, owed, key)
    except (IllegalState, InvalidSignature) as error:
        record_refusal(recorder, "settle", error)
        raise
    recorder.append(DebtsSettled(debts=made_by, reason=said, officer=officer, key=key.line, signature=armored))
    return _found(recorder, [debt.id for debt in owed])


def _settler(s: SetState, owed: Sequence[Debt], key: SshKey) -> str:
    """Return for whom a key signs.

    Raises:
        IllegalState: for nobody who may settle each of these.
    """
    now = clock.now().time
    for debt in owed:
        if against := settlement_rules.against_key(s, debt, key, now):
            raise IllegalState(against)
    return settlement_rules.settler(policy_of(s), key, now)


def _owed(recorder: Recorder, debts: Sequence[str]) -> tuple[SetState, list[Debt]]:
    if not debts:
        raise InvalidInput("expected the id of a debt, got none", hint="status lists them")
    s = recorder.refresh()
    return s, [settlement_rules.owed(s, debt_id) for debt_id in dict.fromkeys(debts)]


def _against_own(s: SetState, debt: Debt, names: Sequence[str]) -> str:
    """Say that nobody of these stood aside, where the policy says nothing of who settles; empty: somebody did."""
    policy = policy_of(s)
    if policy is not None and policy.review is not None:
        return ""
    parts = [took_part.took_part(s, s.cases[debt.id], person(policy, name)) for name in names]
    if all(parts):
        return f"expected somebody who took no part in what left {debt.id}, got {', '.join(names)}"
    return ""


def _refused(recorder: Recorder, against: str) -> IllegalState:
    error = IllegalState(against)
    record_refusal(recorder, "settle", error)
    return error


def _found(recorder: Recorder, debts: Sequence[str]) -> Settlement:
    s = recorder.set_state
    left = {debt.id for debt in s.debts} & set(debts)
    waiting = {debt_id: len(s.cases[debt_id].settlements) for debt_id in debts if debt_id in left}
    gone = tuple(debt_id for debt_id in debts if debt_id not in left)
    return Settlement(s.name, tuple(debts), gone, waiting, settlement_rules.settlement(policy_of(s)).people)

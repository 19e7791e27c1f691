# SPDX-License-Identifier: Apache-2.0
"""Which records of an enrolment may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. The other terminal is pinned by its key. Its log only grows: a statement from before the last one is refused, and
   one that does not prove to continue the log seen last is a fork.
2. A set of the same name that shares no epoch with the one here is another lineage, and is refused by name.
3. The epochs that come are vouched for as if a receipt pinned them. One that is void there and unknown here is void
   here. What this terminal knows of an epoch stays, its status above all; a sheet that was voided anywhere is void.
4. The epoch in force there is in force here only where there was none. What followed what is for ``lineage_rules.py``.
5. A policy is taken where there was none; afterwards only one that the last statement did not offer, and that weakens
   nothing or was signed by a quorum of an epoch that is known here. Otherwise the one here stays.
6. A set that is retired there is retired here, once for each time it was retired.

That the statement is signed, and that what it carries is in its logs, is verified by ``ledger/statements.py``.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.custody.life import epoch_rules, retire_rules, statement
from breakglass_shamir.custody.life.custody_rules import weakened_by
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import put_in_force, with_epoch
from breakglass_shamir.custody.life.state import (
    EpochState,
    EpochStatus,
    LedgerState,
    PinnedTerminal,
    Retirement,
    SetState,
    Told,
)
from breakglass_shamir.custody.life.statement import CarriedEpoch, Statement
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Issued, Recovered
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import (
    BreakglassError,
    EnvelopeConflict,
    IllegalState,
    InvalidPolicy,
    InvalidProof,
    InvalidRecord,
)
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import word

TAKEN, KEPT = "taken", "kept"
"""What became of the policy in a statement."""


class Offered(msgspec.Struct, frozen=True):
    """A policy in a statement."""

    source: str
    digest: str
    signer: bytes
    """Set key of the quorum that signed it, because it weakens the one before; empty: none had to."""


def exported(state: LedgerState, body: EnrolmentExported, record: Record) -> LedgerState:
    """Keep that sets were told to another terminal."""
    if not body.sets or len(set(body.sets)) != len(body.sets):
        raise InvalidRecord("expected the sets that were written down, each once")
    for name in body.sets:
        if not state.of(name).current:
            raise IllegalState(f"set {name} has no epoch to tell of")
    if not 0 < body.size <= record.seq:
        raise InvalidRecord("the record says more of this log than there was")
    return state


def enrolled(state: LedgerState, body: Enrolled, record: Record) -> tuple[SetState, PinnedTerminal]:
    """Return the set with what another terminal told of it, and that terminal as it is known now."""
    said = statement.parse(body.statement)
    if (body.terminal, body.log, body.size, record.set) != (said.terminal, said.log, said.size, said.set):
        raise InvalidRecord("the record and its statement do not agree")
    if body.policy not in (TAKEN, KEPT):
        raise InvalidRecord(f"expected a policy that was taken or kept, got {body.policy[:20]!a}")
    s = state.sets.get(said.set) or SetState(said.set)
    check_news(state, said, record.log)
    check_lineage(s, said)
    if told_already(s, said):
        raise IllegalState(f"this statement about set {s.name} is in the ledger already")
    expected = outcome(s, said)
    if body.policy != expected:
        raise InvalidRecord(f"expected a policy that is {expected}, got one that is {body.policy}")
    s = _with_policy(s, said) if body.policy == TAKEN else s
    s = _with_epochs(s, said, record)
    s = s if s.current else put_in_force(s, said.current)
    s = _retired(s, said, record)
    s = replace(s, told={**s.told, said.log: _told(said)})
    return s, PinnedTerminal(said.terminal, said.public_key, said.size, said.root)


def check_news(state: LedgerState, said: Statement, own_log: str) -> None:
    """Hold a statement against what is known of its log.

    Raises:
        IllegalState: it is this terminal's own, or older than what is known.
        InvalidProof: the log does not continue the one that was seen.
    """
    if said.log == own_log:
        raise IllegalState(
            "this is what this terminal itself wrote, or a copy of its ledger did",
            hint="import it at the other terminal",
        )
    seen = state.terminals.get(said.log)
    if seen is None or not seen.size:
        return
    known = f"the log of {seen.name} ({said.log}), which had {counted(seen.size, 'record')} when it was last seen here,"
    if said.size < seen.size:
        raise IllegalState(
            f"this is older than what is known: {known} has {said.size} in it",
            hint="export again at the other terminal",
        )
    if said.size == seen.size:
        if said.root != seen.root:
            raise InvalidProof(f"a fork: {known} has other ones now", hint=_FORK)
        return
    _check_growth(said, seen, known)


def check_lineage(s: SetState, said: Statement) -> None:
    """Refuse a set of the same name that has nothing to do with the one here.

    Raises:
        IllegalState: naming it.
    """
    if s.epochs and not set(s.epochs) & set(said.lineage):
        raise IllegalState(
            f"the set {s.name} of {said.terminal} is another one than the set {s.name} here: they share no epoch",
            hint="one of them needs another name; nothing of this file was taken",
        )


def told_already(s: SetState, said: Statement) -> bool:
    """Tell whether this very statement was taken before."""
    before = s.told.get(said.log)
    return before is not None and before.size == said.size


def outcome(s: SetState, said: Statement) -> str:
    """Say what becomes of the policy in a statement: taken, or kept as it is here."""
    body = adopting(said)
    told = s.told.get(said.log)
    if body is None or body.source == s.policy_source:
        return KEPT
    if not s.policy_source or not s.current:
        return TAKEN
    if told is not None and told.policy == body.digest:
        return KEPT
    offer = offered(said)
    assert offer is not None  # noqa: S101 - its record is there
    weaker = weakened_by(s, policies.parse(offer.source))
    signed = any(epoch.envelope.set_public_key == offer.signer for epoch in s.epochs.values())
    return TAKEN if not weaker or signed else KEPT


def adopting(said: Statement) -> PolicyAdopted | PolicyWeakened | None:
    """Return what the record says that puts a policy in force there; the policy itself is not looked at.

    Raises:
        InvalidRecord: it is another record, or of another set.
    """
    if said.policy is None:
        return None
    record = said.policy.adopted_by.parsed()
    if record.set != said.set or not isinstance(record.body, PolicyAdopted | PolicyWeakened):
        raise InvalidRecord("the record that is carried puts no policy of this set in force")
    return record.body


def offered(said: Statement) -> Offered | None:
    """Return the policy that a statement brings.

    Raises:
        InvalidRecord: its record puts none in force for this set.
        InvalidSignature: a quorum's signature is none.
    """
    body = adopting(said)
    if body is None or said.policy is None:
        return None
    try:
        policy = policies.parse(body.source)
    except InvalidPolicy as error:
        raise InvalidRecord(f"the policy that is carried does not parse: {error}") from None
    if policies.digest(body.source).hex() != body.digest or policy.name != said.set:
        raise InvalidRecord("the policy that is carried is of another set or has another digest")
    signature = said.policy.signature
    if isinstance(body, PolicyWeakened) != bool(signature):
        raise InvalidRecord("a quorum signs a policy that weakens, and no other")
    return Offered(body.source, body.digest, sshsig.public_key_of(signature) if signature else b"")


def epoch_in(said: Statement, carried: CarriedEpoch) -> EpochState:
    """Return an epoch as a statement tells of it.

    Raises:
        InvalidRecord: its record brings another one, or sheets are named that it does not have.
    """
    return _told_of(epoch_rules.brought_by(said.set, carried.brought_by.parsed()), said, carried)


def _told_of(epoch: EpochState, said: Statement, carried: CarriedEpoch) -> EpochState:
    """Return an epoch with what a statement says of it and its sheets."""
    if epoch.epoch_id != carried.epoch_id:
        raise InvalidRecord("the record that is carried brings another epoch than the statement says")
    named = {
        *carried.custodians, *carried.former, *carried.read_back, *carried.acknowledged, *carried.bags,
        *carried.verified, *carried.voided, *carried.voided_on,
    }  # fmt: skip
    if not named <= set(epoch.seats) or set(carried.voided) != set(carried.voided_on):
        raise InvalidRecord(f"the statement names sheets that epoch {epoch.number} does not have")
    return replace(
        epoch, custodians=carried.custodians, former=carried.former, read_back=frozenset(carried.read_back),
        acknowledged=carried.acknowledged, voided=carried.voided, voided_on=carried.voided_on, proven=carried.proven,
        recovered=False, pinned=True, accepted_at="", told_by=said.log, status=EpochStatus(carried.status),
    )  # fmt: skip


def _as_known(s: SetState, said: Statement, carried: CarriedEpoch) -> EpochState:
    """Return an epoch as a statement tells of it; one whose envelope is known here is not parsed once more."""
    known = s.epochs.get(carried.epoch_id)
    body = carried.brought_by.parsed().body
    if known is not None and isinstance(body, Issued | Recovered) and known.envelope_sha256 == body.envelope_sha256:
        return _told_of(replace(known, drill_envelope=getattr(body, "drill_envelope", "")), said, carried)
    return epoch_in(said, carried)


_FORK = "keep the file and this ledger: together they prove it; ask who put an old copy of that ledger back"


def _check_growth(said: Statement, seen: PinnedTerminal, known: str) -> None:
    proof = next((one for one in said.earlier if one.size == seen.size), None)
    if proof is None:
        raise InvalidProof(
            f"this does not prove that {known} goes on from there",
            hint=f"export again with --since {word(seen.size)}; if that is refused, the ledger there was replaced",
        )
    hashes = [bytes.fromhex(one) for one in proof.hashes]
    try:
        merkle.verify_consistency(seen.size, said.size, hashes, bytes.fromhex(seen.root), bytes.fromhex(said.root))
    except InvalidProof as error:
        raise InvalidProof(f"a fork: {known} has other ones now: {error}", hint=_FORK) from error


def _told(said: Statement) -> Told:
    body = adopting(said)
    return Told(said.size, said.current, body.digest if body else "", said.retired.since if said.retired else "")


def _with_policy(s: SetState, said: Statement) -> SetState:
    offer = offered(said)
    assert offer is not None  # noqa: S101 - the outcome says that there is one
    return replace(s, policy_source=offer.source)


def _with_epochs(s: SetState, said: Statement, record: Record) -> SetState:
    for carried in said.epochs:
        new = replace(_as_known(s, said, carried), since=record.time)
        known = s.epochs.get(new.epoch_id)
        s = with_epoch(s, new if known is None else _merged(known, new, said))
    return s


def _merged(known: EpochState, new: EpochState, said: Statement) -> EpochState:
    """Return what is known of an epoch with what another terminal tells of it.

    Raises:
        EnvelopeConflict: it has another key or envelope there.
    """
    same = (known.envelope.set_public_key, known.envelope.core) == (new.envelope.set_public_key, new.envelope.core)
    if not same or (known.envelope_sha256 and new.envelope_sha256 not in ("", known.envelope_sha256)):
        raise EnvelopeConflict(
            f"the terminal {said.terminal} holds another envelope of epoch {known.number} than this ledger",
            hint="keep both for the auditor: somebody with a quorum signed the second one",
        )
    voided, on = {**new.voided, **known.voided}, {**new.voided_on, **known.voided_on}
    if not known.recovered and known.told_by != said.log:
        return replace(known, voided=voided, voided_on=on, proven=known.proven or new.proven)
    whole = known if known.envelope_sha256 else new
    return replace(
        known, envelope=whole.envelope, envelope_sha256=whole.envelope_sha256, predecessor=whole.predecessor,
        recovered=False, pinned=True, told_by=said.log, drill_envelope=known.drill_envelope or new.drill_envelope,
        proven=known.proven or new.proven, custodians=new.custodians, former=new.former,
        read_back=known.read_back | new.read_back, acknowledged=new.acknowledged, voided=voided, voided_on=on,
    )  # fmt: skip


def _retired(s: SetState, said: Statement, record: Record) -> SetState:
    how, before = said.retired, s.told.get(said.log)
    if how is None or s.retired or (before is not None and before.retired == how.since):
        return s
    if how.credential not in retire_rules.CREDENTIALS:
        raise InvalidRecord(f"the statement says of a credential that it is {how.credential[:20]!a}")
    at = Moment.of(record)
    return replace(
        s, retired=Retirement(at, how.reason, how.credential, how.attested_by, how.by_quorum)
    )  # fmt: skip


def check_all(state: LedgerState, said: Statement, own_log: str) -> Mapping[str, EpochState]:
    """Hold a statement against a ledger before anything of it is recorded; returns the epochs that it tells of.

    Raises:
        IllegalState: it is this terminal's own, older than what is known, or of another lineage.
        InvalidProof: the log does not continue the one that was seen.
        InvalidRecord, EnvelopeConflict: its parts do not agree, or not with this ledger.
    """
    check_news(state, said, own_log)
    s = state.sets.get(said.set) or SetState(said.set)
    check_lineage(s, said)
    found = {}
    try:
        for carried in said.epochs:
            epoch = _as_known(s, said, carried)
            known = s.epochs.get(epoch.epoch_id)
            found[epoch.epoch_id] = epoch if known is None else _merged(known, epoch, said)
        offered(said)
    except BreakglassError as error:
        raise type(error)(f"set {said.set}: {error}", hint=error.hint) from error
    return found

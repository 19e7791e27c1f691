# SPDX-License-Identifier: Apache-2.0
"""Which records about lineage may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. A succession is recorded with its whole proof, which is verified each time the record is applied (``lineage.py``).
2. A proven link makes its predecessor void and settles what that owes: whoever saw it die. It settles nothing that was
   opened although the link was known, and nothing of a credential that the target accepted here after that record.
3. Where the predecessor was in force here, the last of its proven successors is now. What this terminal prepared to
   follow it is abandoned; what it may have applied already stays openable.
4. An attested link from elsewhere voids nothing and settles nothing: it says what another terminal has in force.
5. People here may attest that an opened credential is dead that is not the one in force, unless it is the last one that
   the target accepted. The epoch is void then, and the attestation stays a debt until it is looked at or a proof comes.
6. What the target says to a credential is kept: an acceptance outlives the epochs that come before it in the lineage,
   and what it said before to any other one is no answer any more.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from breakglass_shamir.custody.life import attesting, lineage, standing
from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import (
    REVIEW_DEADLINE_S,
    abandoning,
    owes_rotation,
    put_in_force,
    rotation_of,
    with_epoch,
)
from breakglass_shamir.custody.life.state import Debt, EpochState, EpochStatus, PinnedTerminal, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import IllegalState, InvalidRecord

UNPROVEN = "old-unproven"
"""Kind of the debt that an attestation leaves."""


def succession(
    s: SetState, body: Succession, record: Record, terminals: Mapping[str, PinnedTerminal]
) -> SetState:  # fmt: skip
    """Learn what followed an epoch."""
    proof = lineage.proof_in(s.name, body)
    judged = lineage.judge(s, proof, terminals, record.log)
    if lineage.record_of(proof, judged) != body:
        raise InvalidRecord("the record says more or less of a succession than its proof does")
    if not is_news(s, judged):
        raise IllegalState("this succession is in the ledger already")
    s = _learned(s, judged, record)
    link = judged.link
    if not any(_same(one, link) for one in s.links):
        s = replace(s, links=(*s.links, link))
    return _superseded(s, link, record) if link.proven else _passed_on(s, link, record)


def is_news(s: SetState, judged: lineage.Judged) -> bool:
    """Tell whether a link that holds adds to what is known."""
    known = s.epochs.get(judged.link.successor)
    return known is None or not known.countersigned or not any(_same(one, judged.link) for one in s.links)


def attested_dead(s: SetState, body: AttestedDead, record: Record, _d: bytes) -> SetState:
    """Take people's word for the death of a credential that is owed a rotation and is not in force."""
    if body.asked not in ("refused", "unknown"):
        raise InvalidRecord(f"expected the target's answer, refused or unknown, got {body.asked[:16]!a}")
    if against := against_attesting(s, body.epoch_id, body.officers):
        raise IllegalState(against)
    if body.in_force != s.current:
        raise IllegalState("the attestation names another epoch in force than this ledger")
    epoch = s.epochs[body.epoch_id]
    since = record.time if epoch.status is EpochStatus.GOOD else epoch.since
    s = with_epoch(s, replace(epoch, status=EpochStatus.VOID, since=since, attested_by=body.officers))
    debt = Debt(
        f"{UNPROVEN}-{record.seq}", UNPROVEN, record.opening, Moment.of(record), REVIEW_DEADLINE_S,
        f"review: the death of the credential of epoch {epoch.number} was attested, not proven", body.epoch_id,
    )  # fmt: skip
    kept = tuple(one for one in s.debts if not rotation_of(s, one, body.epoch_id))
    s = replace(s, debts=(*kept, debt))
    if s.forking == body.epoch_id:
        s = replace(abandoning(s, record), forking="")
    return _paid(s, body.epoch_id)


def against_attesting(s: SetState, epoch_id: str, officers: tuple[str, ...], *, asks: bool = False) -> str:
    """Say what stands against attesting that an epoch's credential is dead; empty: nothing does.

    Args:
        s: the set.
        epoch_id: the epoch that owes a rotation.
        officers: who vouch.
        asks: whether the target is asked about it before the record; its last answer does not count then.
    """
    epoch = s.epochs.get(epoch_id)
    if epoch is None or not owes_rotation(s, epoch_id):
        return "only the death of a credential that is owed a rotation is attested"
    if s.applying and epoch_id == s.source:
        return f"the credential of epoch {epoch.number} is being changed: attest it with rotate --attest-old-dead"
    if epoch_id in (s.current, s.prepared):
        return (
            f"epoch {epoch.number} is the one in force or prepared here: bring the newest sheets first, "
            "so that this ledger knows what is in force instead"
        )
    if epoch.answered == "accepted" and not asks:
        return (
            f"the target accepts the credential of epoch {epoch.number}, and no other since, {epoch.accepted_at}: "
            "rotate it, or let the connector log in with the newest sheets"
        )
    if s.opening is not None and s.opening.epoch_id == epoch_id and not s.opening.use_ended:
        return f"epoch {epoch.number} is in use"
    return attesting.against(policies.parse(s.policy_source) if s.policy_source else None, officers)


def heard(s: SetState, epoch_id: str, answer: str, time: str) -> SetState:
    """Keep what the target said to an epoch's credential; what is not definite changes nothing."""
    epoch = s.epochs[epoch_id]
    if answer == "refused":
        return with_epoch(s, replace(epoch, answered=answer, refused_at=time))
    if answer != "accepted":
        return s
    for other in s.epochs.values():
        if other.answered == "accepted":
            s = with_epoch(s, replace(other, answered=""))
    living = replace(epoch, proven=True, answered=answer, accepted_at=time, refused_at="", outlived_by="")
    return outlived(with_epoch(s, living), epoch_id)


def outlived(s: SetState, epoch_id: str) -> SetState:
    """Let an epoch whose credential was accepted outlive every good one that it descends from."""
    for one in standing.ancestors(s, epoch_id):
        if one.status is EpochStatus.GOOD:
            s = with_epoch(s, replace(one, outlived_by=epoch_id))
    return s


def _learned(s: SetState, judged: lineage.Judged, record: Record) -> SetState:
    """Take in the successor: its quorum's predecessor vouched for its envelope, and that is known here now."""
    envelope, epoch_id = judged.envelope, judged.link.successor
    known = s.epochs.get(epoch_id)
    if known is None:
        known = EpochState(
            envelope.core.epoch, envelope, envelope.digest.hex(), judged.link.predecessor, {}, EpochStatus.GOOD,
            record.time, recovered=True,
        )  # fmt: skip
    return with_epoch(
        s,
        replace(
            known, envelope=envelope, envelope_sha256=envelope.digest.hex(), predecessor=judged.link.predecessor,
            countersigned=True, pinned=known.recovered,
        ),
    )  # fmt: skip


def _superseded(s: SetState, link: Link, record: Record) -> SetState:
    """Let a proven link end its predecessor's life."""
    old = s.epochs[link.predecessor]
    since = record.time if old.status is EpochStatus.GOOD else old.since
    s = with_epoch(s, replace(old, status=EpochStatus.VOID, since=since))
    s = replace(s, debts=tuple(_left_by(s, link, one) for one in s.debts if not _settles(s, link, one)))
    goes_on = s.forking == link.predecessor and owes_rotation(s, link.predecessor)
    if s.prepared == link.predecessor:
        s = replace(s, prepared="", applying=False)
    elif s.prepared and s.source == link.predecessor and not goes_on:
        s = _let_go(s, link, record)
    if s.forking == link.predecessor and not goes_on:
        s = replace(s, forking="")
    if s.current == link.predecessor:
        s = put_in_force(s, standing.latest(s, link.successor))
    elif s.epochs[link.successor].status is EpochStatus.ABANDONED:
        s = with_epoch(s, replace(s.epochs[link.successor], status=EpochStatus.GOOD, since=record.time))
    return _paid(outlived(s, link.successor), link.predecessor)


def _settles(s: SetState, link: Link, debt: Debt) -> bool:
    """Tell whether a proven link settles a debt: the rotation of its predecessor, or a word that it makes needless."""
    if debt.kind == UNPROVEN:
        return debt.epoch_id == link.predecessor
    if not rotation_of(s, debt, link.predecessor) or link.successor in debt.despite:
        return False
    return s.epochs[link.predecessor].accepted_at <= link.at


def _left_by(s: SetState, link: Link, debt: Debt) -> Debt:
    """Remember with a rotation that a link did not settle that the link is known."""
    if not rotation_of(s, debt, link.predecessor) or link.successor in debt.despite:
        return debt
    return replace(debt, despite=(*debt.despite, link.successor))


def _let_go(s: SetState, link: Link, record: Record) -> SetState:
    """Let go of what was prepared here to follow an epoch that another one has followed."""
    if s.prepared == link.successor or s.applying:
        return replace(s, prepared="", applying=False)
    return abandoning(s, record)


def _passed_on(s: SetState, link: Link, record: Record) -> SetState:
    """Take for the living one what another terminal has in force by people's word; nothing is void for it."""
    if s.current != link.predecessor or s.forking or s.applying:
        return s
    if s.epochs[link.successor].status is not EpochStatus.GOOD:
        return s
    return put_in_force(abandoning(s, record), link.successor)


def _paid(s: SetState, epoch_id: str) -> SetState:
    """Let the opening under way end where the rotation that it owes is settled."""
    opening = s.opening
    if opening is None or opening.epoch_id != epoch_id or not opening.was_opened:
        return s
    if owes_rotation(s, epoch_id):
        return s
    return replace(s, opening=replace(opening, rotated=True))


def _same(one: Link, other: Link) -> bool:
    """Tell whether a link that is known says what another one says, or more: a proof is more than somebody's word."""
    ends = (one.predecessor, one.successor, one.terminal) == (other.predecessor, other.successor, other.terminal)
    return ends and (one.proven or not other.proven)

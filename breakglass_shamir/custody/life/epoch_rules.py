# SPDX-License-Identifier: Apache-2.0
"""What an epoch is from its printing on: learned, tried, read back, held, voided.

Which record has which rule stands in the table of ``lifecycle.py``.
"""

import hashlib

from msgspec.structs import replace

from breakglass_shamir.crypto.keys import Kind, epoch_id_of
from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life import lineage, standing
from breakglass_shamir.custody.life.lineage_rules import heard
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import (
    epoch_of,
    good_epoch,
    opening_of,
    put_in_force,
    rotation_deadline_s,
    with_epoch,
)
from breakglass_shamir.custody.life.state import ROTATION, Debt, EpochState, EpochStatus, SetState, write_seat
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack, SheetVoided
from breakglass_shamir.errors import IllegalState, InvalidEnvelope, InvalidRecord, InvalidStructure, UnsupportedVersion
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope, read_vouched


def issued(s: SetState, body: Issued, record: Record, _d: bytes, *, vouched: bool = False) -> SetState:
    """Take in an epoch that was printed here."""
    epoch = _epoch(s.name, body, record, vouched=vouched)
    if not s.current and body.predecessor:
        raise IllegalState("the first epoch of a set has no predecessor")
    if s.current:
        _check_opened_for(s, record)
    if s.prepared or s.applying:
        raise IllegalState(f"set {s.name} already has a prepared epoch; it is applied or abandoned first")
    highest = max((e.number for e in s.epochs.values()), default=0)
    if body.predecessor != s.source or epoch.number <= highest:
        raise IllegalState("a new epoch follows the current one and has a higher number than any before")
    known = with_epoch(s, epoch)
    return replace(known, prepared=epoch.epoch_id) if s.current else put_in_force(known, epoch.epoch_id)


def _check_opened_for(s: SetState, record: Record) -> None:
    """Hold that a rotation's own opening opened the epoch that the next one follows: its key countersigns it."""
    opening = opening_of(s, record)
    if not opening.was_opened or opening.asks:
        raise IllegalState(f"set {s.name} already has an epoch; a new one is made by a rotation")
    if not s.applying and opening.epoch_id != s.source:
        raise IllegalState("this opening opened another epoch than the one that a new one would follow")


def recovered(s: SetState, body: Recovered, record: Record, _d: bytes) -> SetState:
    """Take in an epoch that was learned from its sheets alone."""
    return _learned(s, _from_sheets(s.name, body, record))


def recovered_core(s: SetState, body: RecoveredCore, record: Record, _d: bytes) -> SetState:
    """Take in an epoch that was learned from typed lines alone."""
    return _learned(s, _from_lines(body, record))


def brought_by(name: str, record: Record) -> EpochState:
    """Return the epoch that a record of another log brought to it, as that record alone says.

    Args:
        name: of the set.
        record: of any log.

    Raises:
        InvalidRecord: it contradicts itself, or brings no epoch of this set.
    """
    body = record.body
    if record.set != name:
        raise InvalidRecord(f"the record that is carried is of another set than {name}")
    if isinstance(body, Issued):
        return _epoch(name, body, record)
    if isinstance(body, Recovered):
        return _from_sheets(name, body, record)
    if isinstance(body, RecoveredCore):
        return _from_lines(body, record)
    if isinstance(body, Succession):
        return _from_proof(name, body, record)
    raise InvalidRecord(f"a record {body.__struct_config__.tag} brings no epoch")


def _learned(s: SetState, epoch: EpochState) -> SetState:
    """Take an epoch that only its sheets vouch for."""
    if epoch.epoch_id in s.epochs:
        raise IllegalState("this epoch is in the ledger already")
    known = with_epoch(s, epoch)
    return known if s.current else put_in_force(known, epoch.epoch_id)


def pinned(s: SetState, body: Pinned, _r: Record, _d: bytes) -> SetState:
    """Let a receipt from outside vouch for an epoch that was learned from paper."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None or not epoch.recovered:
        raise IllegalState("only an epoch that was learned from its sheets is pinned by a receipt")
    found = (epoch.envelope.set_public_key.hex(), epoch.envelope_sha256)
    if found != (body.set_public_key, body.envelope_sha256):
        raise InvalidRecord("the receipt pins another key or envelope than this ledger holds")
    return with_epoch(s, replace(epoch, pinned=True))


def proven(s: SetState, body: Proven, record: Record, _d: bytes) -> SetState:
    """Keep what the target said to an epoch's credential; of one that is past, only if this opening opened it."""
    opening = s.opening if s.opening and s.opening.id == record.opening else None
    if opening is None or not opening.was_opened or opening.epoch_id != body.epoch_id:
        good_epoch(s, body.epoch_id, ())
    s = heard(s, body.epoch_id, body.result, record.time)
    return _overtaken(s, body.epoch_id, record) if body.result == "accepted" else s


def _overtaken(s: SetState, epoch_id: str, record: Record) -> SetState:
    """Let a change that was being applied be over where the target takes a third epoch's credential.

    Nothing is void for it: either of the two may live again, and owes what it owes. A superseded epoch is not in force
    for it either; the rotation goes on from it, where this opening opened it for more than to ask.
    """
    if not s.applying or epoch_id in (s.source, s.prepared):
        return s
    opening = s.opening if s.opening and (s.opening.id, s.opening.epoch_id) == (record.opening, epoch_id) else None
    if opening is not None and opening.asks:
        return s
    over = replace(s, prepared="", applying=False, forking="")
    if not standing.is_superseded(s, epoch_id):
        return put_in_force(over, epoch_id)
    return s if opening is None else replace(over, forking=epoch_id)


def read_back(s: SetState, body: ReadBack, _r: Record, _d: bytes) -> SetState:
    """Count sheets that were scanned and hold."""
    epoch = good_epoch(s, body.epoch_id, body.sheets)
    return with_epoch(s, replace(epoch, read_back=epoch.read_back | set(body.sheets)))


def acknowledged(s: SetState, body: Acknowledged, _r: Record, data: bytes) -> SetState:
    """Keep who holds a sheet."""
    epoch = good_epoch(s, body.epoch_id, (body.sheet,))
    held = {**epoch.acknowledged, body.sheet: body.custodian}
    return with_epoch(
        s, replace(epoch, acknowledged=held, acknowledgements={**epoch.acknowledgements, body.sheet: data})
    )


def sheet_voided(s: SetState, body: SheetVoided, record: Record, _d: bytes) -> SetState:
    """Let a sheet count no more."""
    epoch = good_epoch(s, body.epoch_id, (body.sheet,))
    voided, on = {**epoch.voided, body.sheet: body.reason}, {**epoch.voided_on, body.sheet: record.time}
    return with_epoch(s, replace(epoch, voided=voided, voided_on=on))


def recovery_imported(s: SetState, body: RecoveryImported, record: Record, _d: bytes) -> SetState:
    """Owe a rotation for an epoch that was opened without the toolkit."""
    from breakglass_shamir.custody.life import recovery

    epoch = recovery.accept(s, body)
    s = replace(s, recoveries=s.recoveries | {body.sha256})
    if epoch.status is not EpochStatus.GOOD or any(epoch_of(s, one) == body.epoch_id for one in s.rotation_debts):
        return s
    debt = Debt(
        f"{ROTATION}-{body.sha256[:8]}", ROTATION, "", Moment.of(record), rotation_deadline_s(s),
        f"rotate: the credential of epoch {epoch.number} was recovered without this program", body.epoch_id,
    )  # fmt: skip
    return replace(s, debts=(*s.debts, debt))


def _from_sheets(name: str, body: Recovered, record: Record) -> EpochState:
    envelope = _envelope(body, name)
    sha256, predecessor = body.envelope_sha256, envelope.predecessor.hex()
    return EpochState(
        body.epoch, envelope, sha256, predecessor, {}, EpochStatus.GOOD, record.time, recovered=True
    )  # fmt: skip


def _from_lines(body: RecoveredCore, record: Record) -> EpochState:
    return EpochState(body.epoch, _core(body), "", "", {}, EpochStatus.GOOD, record.time, recovered=True)


def _from_proof(name: str, body: Succession, record: Record) -> EpochState:
    envelope = lineage.successor_in(name, body)
    sha256, predecessor = envelope.digest.hex(), envelope.predecessor.hex()
    return EpochState(
        envelope.core.epoch, envelope, sha256, predecessor, {}, EpochStatus.GOOD, record.time, recovered=True
    )  # fmt: skip


def _epoch(name: str, body: Issued, record: Record, *, vouched: bool = False) -> EpochState:
    envelope = _envelope(body, name, vouched=vouched)
    if envelope.predecessor.hex() != (body.predecessor or bytes(8).hex()):
        raise InvalidRecord("the envelope names another predecessor than its record")
    if set(body.custodians) != set(map(write_seat, envelope.core.structure.seats())):
        raise InvalidRecord("custodians and sheets do not match")
    if _salted_digest(body) != envelope.policy_digest:
        raise InvalidRecord("the policy's digest is not the one in the envelope")
    return EpochState(
        body.epoch,
        envelope,
        body.envelope_sha256,
        body.predecessor,
        {seat: custodian for seat, custodian in body.custodians.items() if policies.named(custodian)},
        EpochStatus.GOOD,
        record.time,
        proven=body.proven == "accepted",
        accepted_at=record.time if body.proven == "accepted" else "",
        drill_envelope=body.drill_envelope,
    )


def _salted_digest(body: Issued) -> bytes:
    try:
        salt, digest = bytes.fromhex(body.policy_salt), bytes.fromhex(body.policy_digest)
    except ValueError:
        return b""
    if (salt.hex(), digest.hex()) != (body.policy_salt, body.policy_digest):
        return b""
    return hashlib.sha256(salt + digest).digest()


def _envelope(body: Issued | Recovered, name: str, *, vouched: bool = False) -> Envelope:
    """Parse a record's envelope and hold it against what the record says of it."""
    read = read_vouched if vouched else Envelope.from_bytes
    try:
        envelope = read(lineage.decoded("envelope", body.envelope))
    except (InvalidEnvelope, UnsupportedVersion, InvalidStructure) as error:
        raise InvalidRecord(f"the record's envelope does not hold: {error}") from None
    if envelope.core.kind is not Kind.LIVE:
        raise InvalidRecord(f"expected a live envelope, got one of a {envelope.core.kind.word}")
    core, public = envelope.core, envelope.set_public_key.hex()
    claimed = (body.epoch, body.epoch_id, body.set_public_key, body.envelope_sha256, name)
    found = (core.epoch, core.epoch_id.hex(), public, envelope.digest.hex(), envelope.set_name)
    if claimed != found:
        raise InvalidRecord("the record and its envelope do not agree")
    return envelope


def _core(body: RecoveredCore) -> ConfirmedCore:
    """Parse a record's core and hold it against what the record says of it."""
    try:
        core = Core.from_bytes(lineage.decoded("core", body.core))
        public = bytes.fromhex(body.set_public_key)
    except ValueError:
        raise InvalidRecord("the record's key is not hexadecimal") from None
    except (InvalidEnvelope, UnsupportedVersion) as error:
        raise InvalidRecord(f"the record's core does not hold: {error}") from None
    if core.kind is not Kind.LIVE:
        raise InvalidRecord(f"expected a live core, got one of a {core.kind.word}")
    claimed = (body.epoch, body.epoch_id, body.set_public_key)
    if claimed != (core.epoch, epoch_id_of(public).hex(), public.hex()) or epoch_id_of(public) != core.epoch_id:
        raise InvalidRecord("the record and its core do not agree")
    return ConfirmedCore(core, public)

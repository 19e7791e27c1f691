# SPDX-License-Identifier: Apache-2.0
"""The lives that the logs of the vectors tell: between them they have every type of record that there is.

``office`` issues a set and rotates it, ``small`` is short, and is exported. ``branch`` knows sets from their sheets and
from what ``office`` told it.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from dealt import Epoch
from made_logs import (
    BEGAN,
    CUSTODIAN,
    OFFICERS,
    POLICY,
    SEATS,
    SET,
    WEAKER,
    Log,
    deal,
    drill_of,
    encoded,
    id_of,
    issued,
    line_of,
)

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life import enrolment_file, recovery
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Cancelled,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Settled,
    UseEnded,
)
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Acknowledged,
    CustodianSigned,
    Destroyed,
    Noted,
    ReadBack,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.enrolment import exporting

TWO = ("1.1", "1.2")


def started(log: Log) -> LedgerStarted:
    """The first record; its key may have a comment."""
    return LedgerStarted(terminal=log.name, public_key=f"{line_of(log.key)} {log.name}", software="vectors 1")


def adopted(source: str) -> PolicyAdopted:
    """A policy."""
    return PolicyAdopted(source=source, digest=policies.digest(source).hex())


def declared(log: Log, purpose: str, set_name: str = SET, **changes: Any) -> Declared:
    """A declaration that passes every gate of the policy."""
    s = log.state.sets[set_name]
    fields: dict[str, Any] = {
        "purpose": purpose, "incident_class": "idp-outage", "ticket": "INC-1", "reason": "nobody can log in",
        "officers": ("Duty", "Second"), "valid_for_s": 1800, "use_for_s": 3600,
        "debts": tuple(debt.id for debt in s.debts), "supersedes": s.opening.id if s.opening else "",
        "policy_digest": s.policy_digest,
    }  # fmt: skip
    return Declared(**{**fields, **changes})


def officer_signed(log: Log, who: str = "Duty", **changes: Any) -> OfficerSigned:
    """An officer's signature of the declaration under way."""
    data, key = log.state.of(SET).active_opening.data, OFFICERS[who]
    fields = {
        "officer": who, "key": line_of(key), "signature": sshsig.sign(key, data, sshsig.OFFICER_NAMESPACE),
    }  # fmt: skip
    return OfficerSigned(**{**fields, **changes})


def custodian_signed(epoch: Epoch, data: bytes, **changes: Any) -> CustodianSigned:
    """North's signature of an acknowledgement."""
    fields = {
        "epoch_id": id_of(epoch), "sheet": "1.1", "custodian": "North", "acknowledged": recovery.digest(data),
        "key": line_of(CUSTODIAN), "signature": sshsig.sign(CUSTODIAN, data, sshsig.CUSTODIAN_NAMESPACE),
    }  # fmt: skip
    return CustodianSigned(**{**fields, **changes})


def opened(epoch: Epoch, mode: str = "show", **changes: Any) -> Opened:
    """A quorum's opening."""
    fields: dict[str, Any] = {
        "epoch_id": id_of(epoch), "sheets": TWO, "mode": mode, "program": "", "witnessed": "consistent", "pinned": True,
    }  # fmt: skip
    return Opened(**{**fields, **changes})


def recovery_of(epoch: Epoch, /, **changes: Any) -> str:
    """The text of a recovery record."""
    envelope = epoch.sealed.envelope
    fields = {
        "v": 1, "type": "recovery", "set": envelope.set_name, "epoch": epoch.core.epoch, "epoch_id": id_of(epoch),
        "set_public_key": envelope.set_public_key.hex(), "envelope_sha256": envelope.digest.hex(),
        "sheets": list(TWO), "officers": ["Duty", "Zoë"], "ticket": "INC-2", "reason": "the \"old\" site\\ burned",
        "time": "2026-03-01T07:00:00Z", "tool": "recover.py 1",
    }  # fmt: skip
    whole = {key: value for key, value in {**fields, **changes}.items() if value is not None}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def imported(epoch: Epoch, source: str, **changes: Any) -> RecoveryImported:
    """A recovery record, imported."""
    fields = {
        "epoch_id": id_of(epoch), "status": "good", "source": source, "sha256": recovery.digest(source.encode()),
        "signature": sshsig.sign(epoch.seed, source.encode(), recovery.NAMESPACE),
    }  # fmt: skip
    return RecoveryImported(**{**fields, **changes})


def printed(add: Callable[..., str], epoch: Epoch) -> None:
    """Read every sheet back, and have two taken."""
    add(ReadBack(epoch_id=id_of(epoch), sheets=SEATS))
    for sheet, name in zip(TWO, ("North", "South"), strict=True):
        add(Acknowledged(epoch_id=id_of(epoch), sheet=sheet, custodian=name, bag=f"B-{epoch.core.epoch}{sheet[-1]}"))


def countersigned(epoch: Epoch) -> Countersigned:
    """The old quorum's word for a new envelope."""
    return Countersigned(epoch_id=id_of(epoch), envelope_sha256=epoch.sealed.envelope.digest.hex())


@functools.cache
def epochs() -> SimpleNamespace:
    """Every epoch of these lives."""
    one = deal("one", 1)
    two = deal("two", 2, one)
    three = deal("three", 3, two)
    bare = deal("bare", 4, set_name="bare", source="")
    twice = deal("twice", 1, set_name="twice", source="")
    return SimpleNamespace(
        one=one, two=two, three=three, four=deal("four", 4, two, source=WEAKER), cards=drill_of("one", 1),
        cards2=drill_of("two", 2), cards3=drill_of("three", 3), cards4=drill_of("four", 4, source=WEAKER),
        typed=deal("typed", 7, set_name="typed", source=""), bare=bare,
        bare_next=deal("bare next", 5, bare, set_name="bare", source=""), other=deal("other", 9), cards9=drill_of("other", 9), twice=twice,
        twice_next=deal("twice next", 2, twice, set_name="twice", source=""),
    )  # fmt: skip


def beginning(log: Log) -> None:
    """Adopt the policy, issue the first epoch, have its sheets taken."""
    e = epochs()
    log.add(started(log), "")
    log.add(adopted(POLICY))
    log.add(issued(e.one, e.cards))
    printed(log.add, e.one)
    log.add(custodian_signed(e.one, log.data(4)))


@functools.cache
def small() -> Log:
    """A short life: a rehearsal, a recovery, an opening that passed a gate by name, and one that did not say so."""
    log, e = Log("small"), epochs()
    beginning(log)
    log.add(Heartbeat(every_s=3600), "")
    drill = log.add(declared(log, "drill", reason='quarterly "rehearsal"'))
    log.add(officer_signed(log), opening=drill)
    body = Rehearsed(
        epoch_id=id_of(e.one), sheets=("1.1", "1.3"), live=(), steps_ms={"first-scan": 900, "quorum": 5000},
        result="pass", reasons=(),
    )  # fmt: skip
    log.add(body, opening=drill, set_key=e.cards.seed)
    log.add(imported(e.one, recovery_of(e.one)))
    opening = log.add(declared(log, "emergency", incident_class="weather", officers=("Duty", "DUTY")))
    log.add(Overridden(gate="class", problem="the class is not listed", reason="no time to list it"), opening=opening)
    log.add(officer_signed(log), opening=opening)
    log.pass_time(9000, wall=9000)
    log.add(opened(e.one), opening=opening, set_key=e.one.seed)
    return log


@functools.cache
def office() -> Log:
    """A long life, from the first epoch to the end of the terminal."""
    log, e = Log("office"), epochs()
    beginning(log)
    log.add(LedgerMoved(reason="the disk was full"), "")
    log.add(Proven(epoch_id=id_of(e.one), result="accepted", detail="opens"))
    log.add(Noted(text="sealed in the presence of two", by="Duty"))
    _drills(log)
    rotated = _emergency(log)
    _watching(log)
    _second_rotation(log, rotated)
    log.add(EnrolmentExported(sets=(SET,), size=log.size, sha256="ab" * 32), "")
    _end(log)
    return log


@functools.cache
def told() -> Log:
    """The office's log as it was when it told the branch of its set: after its first rotation."""
    whole = office()
    size = next(seq for seq, row in enumerate(whole.rows) if '"type":"closed"' in row["record"]) + 1
    return first_of(whole, size)


def first_of(whole: Log, size: int) -> Log:
    """Return a log as it was with so many records; a minute later."""
    log = Log(whole.name)
    log.rows, log.leaves, log.states = whole.rows[:size], whole.leaves[:size], whole.states[:size]
    log.at = replace(whole.at, time=json.loads(whole.rows[size - 1]["record"])["time"])
    log.pass_time()
    return log


def _drills(log: Log) -> None:
    e = epochs()
    drill = log.add(declared(log, "drill", reason="quarterly rehearsal"))
    log.add(officer_signed(log), opening=drill)
    body = Rehearsed(
        epoch_id=id_of(e.one), sheets=("1.2", "1.3"), live=("1.1",), steps_ms={"quorum": 5000, "signed": 10},
        result="warning", reasons=("a live sheet was among the scans",),
    )  # fmt: skip
    log.add(body, opening=drill, set_key=e.cards.seed)
    drill = log.add(declared(log, "drill", reason="yearly access"))
    body2 = DrillEnded(drill="access", epoch_id=id_of(e.one), login="", steps_ms={}, result="fail", reasons=("late",))
    log.add(body2, opening=drill)
    call = RollCall(
        epoch_id=id_of(e.one), sheet="1.3", custodian="East", level="live", bag="B-7", health="worn", used_percent=40,
        result="warning", reasons=("worn",),
    )  # fmt: skip
    log.add(call)
    log.add(Cancelled(reason="false alarm"), opening=log.add(declared(log, "emergency")))
    log.add(imported(e.one, recovery_of(e.one)))


def _emergency(log: Log) -> Epoch:
    """Open epoch 1 and rotate it to epoch 2, which is returned."""
    e = epochs()
    opening = log.add(declared(log, "emergency", incident_class="weather", reason="xxx"))
    for gate in ("class", "reason"):
        log.add(Overridden(gate=gate, problem="as said", reason="no time"), opening=opening)
    log.add(officer_signed(log, "Second"), opening=opening)
    log.add(Refused(stage="open", error="insufficient-shares", message="no quorum yet"), opening=opening)

    def add(body: Any, set_key: Secret | None = None) -> str:
        return log.add(body, opening=opening, set_key=set_key)

    old = e.one.seed
    add(opened(e.one), old)
    add(InUse())
    add(NotBefore(until="2026-03-02T08:00:00Z", detail="a password may be changed once a day"))
    add(UseEnded(outcome="0", classification="emergency"))
    add(Deferred(for_s=7200, reason="the target is down"), old)
    add(issued(e.two, e.cards2))
    add(countersigned(e.two), old)
    printed(add, e.two)
    add(SessionsAwaited(count=2, for_s=60, detail="two sessions"))
    add(SessionsAwaited(count=0, for_s=0, detail=""))
    add(Applying(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two)))
    add(Applied(new_epoch_id=id_of(e.two)))
    add(Waited(what="the old credential is honoured for a while", seconds=5))
    add(SessionsEnded(count=1, detail="one stays", failed=True))
    proofs = ("new accepted", "old refused", "new accepted")
    add(OldDead(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two), proofs=proofs, scope="all", attested_by=()))
    add(Closed(classification="emergency"))
    return e.two


def _watching(log: Log) -> None:
    e = epochs()
    at = "2026-03-01T09:00:00+01:00"
    log.add(LoginSeen(at=at, account="bg", source="10.0.0.9", accepted=True, count=1, matched="", detail=""))
    log.add(ChangedOutside(at=at, detail="by its own clock"))
    log.add(Watched(until="2026-03-01T10:00:00Z", every_s=300, problem=""))
    log.add(Escalated(subject="roll-call-1.1", what="sheet 1.1 was not seen", level=1))
    log.add(Escalated(subject="roll-call-1.1", what="sheet 1.1 was not seen", level=2))
    log.add(Eased(subject="roll-call-1.1", what="seen"))
    log.add(AlertsDelivered(sink="siem", count=2, first="a", last="b"))
    for debt in tuple(log.state.of(SET).debts):
        log.add(Settled(debt=debt.id, reason="looked at", officers=("Duty",)))
    log.add(Reassigned(epoch_id=id_of(e.two), sheet="1.2", custodian="West", reason="moved", despite=()))
    despite = ("West would have held a quorum of epoch 2: sheets 1.2, 1.3",)
    log.add(Reassigned(epoch_id=id_of(e.two), sheet="1.3", custodian="West", reason="moved", despite=despite))
    log.add(SheetVoided(epoch_id=id_of(e.two), sheet="1.3", reason="lost on the way"))
    log.add(Destroyed(epoch_id=id_of(e.one), sheets=SEATS, witnesses=("Duty", "Second")))


def _second_rotation(log: Log, current: Epoch) -> None:
    """Have the target reject a new credential, weaken the policy, and prepare one that is not applied."""
    e = epochs()
    opening = log.add(declared(log, "rotation"))

    def add(body: Any, set_key: Secret | None = None) -> str:
        return log.add(body, opening=opening, set_key=set_key)

    old = current.seed
    add(opened(current, "no-reveal"), old)
    add(UseEnded(outcome="0", classification="rotation"))
    add(issued(e.three, e.cards3))
    add(countersigned(e.three), old)
    printed(add, e.three)
    add(Applying(old_epoch_id=id_of(current), new_epoch_id=id_of(e.three)))
    add(Rejected(epoch_id=id_of(e.three), detail="too short"))
    weaker = weakenings(policies.parse(POLICY), policies.parse(WEAKER))
    add(PolicyWeakened(source=WEAKER, digest=policies.digest(WEAKER).hex(), weakens=weaker), old)
    add(issued(e.four, e.cards4, WEAKER))
    add(countersigned(e.four), old)
    add(Abandoned(epoch_id=id_of(e.four), reason="not today"))
    add(Retired(reason="the target is gone", credential="lives", detail="accepted", attested_by=()), old)
    add(Closed(classification="rotation"))


def _end(log: Log) -> None:
    e = epochs()
    log.add(Destroyed(epoch_id=id_of(e.two), sheets=SEATS, witnesses=("Duty", "Second")))
    log.add(TerminalRetired(reason="replaced", handed_on={}, retired=(SET,), passed=()), "")


def recovered(epoch: Epoch, **changes: Any) -> Recovered:
    """An epoch that was learned from its sheets."""
    envelope = epoch.sealed.envelope
    fields: dict[str, Any] = {
        "epoch": epoch.core.epoch, "epoch_id": id_of(epoch), "set_public_key": envelope.set_public_key.hex(),
        "envelope": encoded(envelope.to_bytes()), "envelope_sha256": envelope.digest.hex(), "pinned": False,
    }  # fmt: skip
    return Recovered(**{**fields, **changes})


def recovered_core(epoch: Epoch, **changes: Any) -> RecoveredCore:
    """An epoch whose core was typed."""
    fields: dict[str, Any] = {
        "epoch": epoch.core.epoch, "epoch_id": id_of(epoch),
        "set_public_key": epoch.sealed.envelope.set_public_key.hex(), "core": encoded(epoch.core.to_bytes()),
    }  # fmt: skip
    return RecoveredCore(**{**fields, **changes})


def record_of(log: Log, kind: str) -> tuple[bytes, str, str]:
    """Return the last record of a type in a log: its bytes, the terminal's and the quorum's signature."""
    row = next(row for row in reversed(log.rows) if f'"type":"{kind}"' in row["record"])
    return row["record"].encode(), row["signature"], row.get("quorum", "")


def proof_of(log: Log, old: Epoch, new: Epoch, **changes: Any) -> SuccessionProof:
    """Return what a log proves of two epochs."""
    vouched, dead = record_of(log, "countersigned"), record_of(log, "old-dead")
    fields: dict[str, Any] = {
        "set": old.sealed.envelope.set_name, "predecessor": id_of(old), "successor": id_of(new),
        "envelope": new.sealed.envelope.to_bytes(), "countersigned": vouched[0], "countersignature": vouched[2],
        "old_dead": dead[0], "terminal_signature": dead[1], "terminal_key": line_of(log.key),
    }  # fmt: skip
    return SuccessionProof(**{**fields, **changes})


def succession(proof: SuccessionProof, **changes: Any) -> Succession:
    """Return the record of a proof."""
    dead = json.loads(proof.old_dead) if proof.old_dead else {"log": "", "body": {"attested_by": []}}
    attested = tuple(dead["body"]["attested_by"])
    fields: dict[str, Any] = {
        "predecessor": proof.predecessor, "successor": proof.successor, "envelope": encoded(proof.envelope),
        "countersigned": encoded(proof.countersigned), "countersignature": proof.countersignature,
        "old_dead": encoded(proof.old_dead), "terminal_signature": proof.terminal_signature,
        "terminal": dead["log"], "terminal_key": proof.terminal_key, "level": "attested" if attested else "proven",
        "attested_by": attested,
    }  # fmt: skip
    return Succession(**{**fields, **changes})


@functools.cache
def file_of_office() -> bytes:
    """What the office wrote for the branch, after its first rotation."""
    return file_of(told(), told().size - 3)


def file_of(log: Log, *since: int) -> bytes:
    """What a terminal writes of the set for another one, with proofs from earlier sizes."""
    with TemporaryDirectory() as folder, log.stored(Path(folder)) as ledger:
        return bytes(exporting._make(ledger, [ledger.state.of(SET)], log.size, since).data)


def forked(log: Log) -> Log:
    """Return a log by the same key whose last record is another one."""
    twin = first_of(log, log.size - 1)
    twin.add(Noted(text="another history", by="Duty"))
    return twin


@functools.cache
def namesake() -> Log:
    """A terminal with another set of the same name."""
    log, e = Log("namesake"), epochs()
    log.add(started(log), "")
    log.add(adopted(POLICY))
    log.add(issued(e.other, e.cards9))
    return log


def enrolled(data: bytes, **changes: Any) -> Enrolled:
    """Return what the branch records of a file."""
    part = enrolment_file.from_bytes(data).parts[0]
    said = json.loads(part.statement)
    fields: dict[str, Any] = {
        "terminal": said["terminal"], "log": told().log_id, "size": said["size"], "statement": part.statement,
        "signature": part.signature, "sha256": recovery.digest(data), "policy": "taken", "sinks_tested": (),
        "sinks_declined": (),
    }  # fmt: skip
    return Enrolled(**{**fields, **changes})


@functools.cache
def branch() -> Log:
    """A terminal that printed nothing: sheets, typed lines, a receipt, and what the office told it."""
    log, e = Log("branch", BEGAN + timedelta(days=2)), epochs()
    log.add(started(log), "")
    log.add(recovered_core(e.typed), "typed")
    log.add(recovered(e.one))
    envelope = e.one.sealed.envelope
    pin = Pinned(
        epoch_id=id_of(e.one), set_public_key=envelope.set_public_key.hex(), envelope_sha256=envelope.digest.hex(),
        log=office().log_id, size=5, receipt_sha256="cd" * 32,
    )  # fmt: skip
    log.add(pin)
    log.add(enrolled(file_of_office()))
    log.add(succession(proof_of(told(), e.one, e.two)))
    _found(log)
    _attested(log)
    attest = RetiredAttested(reason="the account is gone", credential="gone", attested_by=("Duty", "Second"))
    log.add(attest, "typed")
    return log


def _found(log: Log) -> None:
    """Take up a rotation that somebody began, and attest the death of what it left."""
    e = epochs()
    name = "bare"
    log.add(recovered(e.bare), name)
    opening = log.add(declared(log, "rotation", name), name)

    def add(body: Any, set_key: Secret | None = None) -> str:
        return log.add(body, name, opening, set_key)

    add(opened(e.bare, "no-reveal", pinned=False, witnessed="unwitnessed"), e.bare.seed)
    add(TargetNamed(target="ssh-key:///srv/bare", account="", agrees=True))
    add(recovered(e.bare_next))
    add(RotationFound(old_epoch_id=id_of(e.bare), new_epoch_id=id_of(e.bare_next)))
    add(Proven(epoch_id=id_of(e.bare_next), result="accepted", detail="opens"))
    add(UseEnded(outcome="0", classification="rotation"))
    dead = OldDead(
        old_epoch_id=id_of(e.bare), new_epoch_id=id_of(e.bare_next), proofs=("new accepted",), scope="here",
        attested_by=("Duty", "Second"),
    )  # fmt: skip
    add(dead)
    add(Closed(classification="rotation"))
    log.add(SheetVoided(epoch_id=id_of(e.bare_next), sheet="1.3", reason="seen"), name)


def _attested(log: Log) -> None:
    """Have people vouch that the credential is dead that an opening of the branch still owes."""
    e, name = epochs(), "twice"
    log.add(recovered(e.twice), name)
    for epoch in (e.twice, e.twice_next):
        if epoch is e.twice_next:
            log.add(recovered(epoch), name)
        opening = log.add(declared(log, "rotation", name), name)
        how = opened(epoch, "no-reveal", pinned=False, witnessed="unwitnessed")
        log.add(how, name, opening, epoch.seed)
        log.add(UseEnded(outcome="0", classification="rotation"), name, opening)
    body = AttestedDead(
        epoch_id=id_of(e.twice), in_force=id_of(e.twice_next), asked="unknown", detail="the target does not answer",
        officers=("Duty", "Second"), reason="it was changed by hand",
    )  # fmt: skip
    log.add(body, name)


LIVES = {"office": office, "branch": branch, "small": small}
"""Every log, by the name of its terminal."""

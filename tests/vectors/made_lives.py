# SPDX-License-Identifier: Apache-2.0
"""The lives that the logs of the vectors tell: between them they have every type of record that there is.

``office`` issues a set and rotates it, ``small`` is short, and is exported. ``branch`` knows sets from their sheets and
from what ``office`` told it.
"""

import functools
import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dealt import Epoch
from made_bodies import (
    adopted,
    armed,
    countersigned,
    custodian_signed,
    declared,
    epochs,
    first_of,
    imported,
    load_drilled,
    officer_signed,
    opened,
    printed,
    proof_of,
    recovered,
    recovered_core,
    recovery_of,
    started,
    succession,
)
from made_logs import (
    BEGAN,
    CLOSED,
    KEPT,
    POLICY,
    SEATS,
    SET,
    WEAKER,
    Log,
    id_of,
    issued,
)
from made_reviews import archive
from msgspec.structs import replace

from breakglass_shamir.custody.life import enrolment_file, recovery
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.custody.records.arming import ArmedOutside, Disarmed
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Pinned, Proven
from breakglass_shamir.custody.records.ledger import CollectorReplaced, LedgerMoved, PolicyWeakened
from breakglass_shamir.custody.records.lineage import AttestedDead
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    Asked,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Cancelled,
    Closed,
    InUse,
    Overridden,
    Refused,
    Revealing,
    Settled,
    Snapshot,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Deferred,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Destroyed,
    Noted,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.enrolment import exporting


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
def closed() -> Log:
    """A set whose account is kept closed: armed, closed again, and found open."""
    log = Log("closed")
    log.add(started(log), "")
    log.add(adopted(CLOSED), KEPT)
    log.add(Disarmed(authority="the program /p", detail="bg at postgresql://db.example"), KEPT)
    log.add(armed(), KEPT)
    log.add(armed(clock="terminal", ahead_s=0), KEPT)
    log.add(Disarmed(authority="the program /p", detail="bg at postgresql://db.example"), KEPT)
    log.add(ArmedOutside(until="", detail="postgresql://db.example"), KEPT)
    log.add(ArmedOutside(until="2026-03-02T09:00:00Z", detail="postgresql://db.example"), KEPT)
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
    log.add(load_drilled(), "")
    log.add(EnrolmentExported(sets=(SET,), size=log.size, sha256="ab" * 32), "")
    _end(log)
    return log


@functools.cache
def told() -> Log:
    """The office's log as it was when it told the branch of its set: after its first rotation."""
    whole = office()
    size = next(seq for seq, row in enumerate(whole.rows) if '"type":"closed"' in row["record"]) + 1
    return first_of(whole, size)


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
    second: Epoch = e.two
    return second


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
    _revealed_again(log)
    _watched(log)
    key = "example.org/witness+f1b4ca53+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
    log.add(CollectorReplaced(old=key, new=key.replace("witness", "other"), reason="the machine burned down"), "")
    _ends(log)
    return log


def _ends(log: Log) -> None:
    """Have a certificate made, put on paper and taken back, and an account that ends."""
    made = f"x509 serial 5b sha256 {'ab' * 32}"
    until = "2027-03-02T08:00:00Z"
    log.add(RunsOut(what="certificate", ends=until, public_id=made, epoch_id=""))
    log.add(RunsOut(what="certificate", ends=until, public_id=made, epoch_id=id_of(epochs().one)))
    log.add(RunsOut(what="account", ends="2027-03-02T09:00:00+01:00", public_id="", epoch_id=""))
    log.add(RunsOut(what="certificate", ends="", public_id=made, epoch_id=""))


def _watched(log: Log) -> None:
    """Log in at the target, and find that login, and another one, in the target's log."""
    name = "bare"
    log.add(Asked(target="mysql://db.example.com/", marks=("connection 7",)), name)
    at, near = "2026-03-03T08:33:00Z", "near this program's check at 08:33:00 UTC, and none of its logins"
    seen = LoginSeen(at=at, account="bg", source="10.0.0.9", accepted=True, count=1, matched="own", detail="")
    log.add(replace(seen, mark="connection 7"), name)
    log.add(replace(seen, matched="", detail=near, mark="connection 8"), name)


def _revealed_again(log: Log) -> None:
    """Use the credential that was found in three ways, one after the other."""
    e, name = epochs(), "bare"
    opening = log.add(declared(log, "emergency", name), name)
    log.add(opened(e.bare_next, pinned=False, witnessed="unwitnessed"), name, opening, e.bare_next.seed)
    log.add(InUse(), name, opening)
    log.add(Revealing(mode="show", program="", warned=()), name, opening)
    warned = ("psql takes its standard input for its program",)
    log.add(Revealing(mode="exec", program="/usr/bin/psql", warned=warned), name, opening)
    kept = UseRecorded(
        number=1, program="/usr/bin/psql", way="terminal", segments=3, size=1234, duration_ms=2500, head="c7" * 32,
        ended="whole", problem="", masked=2, readers=(),
    )  # fmt: skip
    log.add(kept, name, opening)
    seen = "2026-01-05T09:00:05Z accepted bg from 192.0.2.7: database postgres"
    log.add(
        Actions(
            target="postgresql://db.example:5432/postgres", since="2026-01-05T09:00:00Z", until="2026-01-05T09:00:09Z",
            sessions=(seen,), left_out=0, problem="",
        ),
        name, opening,
    )  # fmt: skip
    made = Made(target="passkey:https://login.example/", public_id="sp5_s6tNnw0x", epoch_id="")
    log.add(made, name, opening)
    log.add(replace(made, public_id="VbR3mTq81kZa"), name, opening)
    log.add(replace(made, epoch_id=id_of(e.bare_next)), name, opening)
    listed = Snapshot(
        when="opening", target="postgresql://db.example:5432/postgres", entries=("role bg: superuser, logs in",),
        left_out=0, untold=("pg_hba.conf is not told",), problem="",
    )  # fmt: skip
    log.add(listed, name, opening)
    log.add(replace(listed, when="close", entries=(), untold=(), problem="no answer"), name, opening)


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


LIVES = {"office": office, "branch": branch, "small": small, "archive": archive, "closed": closed}
"""Every log, by the name of its terminal."""

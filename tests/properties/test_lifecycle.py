# SPDX-License-Identifier: Apache-2.0
"""Promises of the life of a set, over thousands of steps in any order, legal and not, with real records.

The model beside it remembers what a person would: what was opened, what was proven dead, what was given up.
"""

import base64
import functools
import json
from typing import Any

import pytest
from hypothesis import Phase as Stage
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life import custody_rules, holders, lifecycle, recovery, review_rules
from breakglass_shamir.custody.life.state import EpochStatus, LedgerState, Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.epochs import Issued, Proven, Recovered, RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.openings import (
    Cancelled,
    Closed,
    Declared,
    InUse,
    Opened,
    Overridden,
    Settled,
    UseEnded,
)
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.reviews import VERDICTS, DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import Abandoned, Applied, Applying, Countersigned, Deferred, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, ReadBack, Reassigned, SheetVoided
from breakglass_shamir.errors import HeldTooMuch, IllegalState, InvalidRecord, PolicyWeakens
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint, Envelope
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SOURCE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
declaration = {classes = ["idp-outage"]}
"""

KEYS = {
    name: sshsig.public_line(keys.ed25519_public(Secret(name.encode().ljust(32))), "")
    for name in ("Rosa", "Rudi", "South", "Duty", "Stranger")
}

REVIEWERS = {"Rosa": "Rosa", "Rudi": "Rudi", "Rose": "Rosa", "Neutral": "Duty", "South": "South"}
"""Name of a reviewer to whose key it is: one has two names, one is an officer, and one keeps a sheet."""

REVIEW = f"""
officers = [{{name = "Duty", keys = ["{KEYS["Duty"]}"]}}]
[review]
needed = 2
reviewers = [{", ".join(f'{{name = "{name}", keys = ["{KEYS[key]}"]}}' for name, key in REVIEWERS.items())}]
"""

STRICTNESS = tuple(
    f'{SOURCE}rotation = {{deadline = "{hours}h"}}\n{REVIEW if reviewed else ""}'
    for hours, reviewed in ((72, False), (48, False), (24, False), (24, True), (12, True))
)
"""Policies, each stricter than the one before; ``SOURCE`` has the default, a day."""

PEOPLE = ("North", "South", "East", "West", "north ")

SEATS = ("1.1", "1.2", "1.3")
NOWHERE = "00" * 8
ELSEWHERE = "ff" * 32
CONTRARY = {("emergency", "drill"), ("drill", "emergency")}


@functools.cache
def deal(number: int, predecessor: str = "", branch: str = "ours", kind: Kind = Kind.LIVE) -> Envelope:
    """Return an envelope; the same one for the same place in a chain, so that few are made."""
    digest = policies.salted_digest(branch.encode().ljust(16), SOURCE)
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    before = bytes.fromhex(predecessor) or NO_PREDECESSOR
    facts = Facts(kind, "prod-db", number, Structure(1, (Group(2, 3),)), digest, checkpoint, before)
    return seal(facts, Secret(b"tinned beans")).envelope


def issued(envelope: Envelope, proven: str) -> Issued:
    before = envelope.predecessor
    return Issued(
        epoch=envelope.core.epoch, epoch_id=envelope.core.epoch_id.hex(),
        predecessor="" if before == NO_PREDECESSOR else before.hex(), set_public_key=envelope.set_public_key.hex(),
        envelope=base64.b64encode(envelope.to_bytes()).decode(), envelope_sha256=envelope.digest.hex(),
        drill_envelope=base64.b64encode(deal(envelope.core.epoch, kind=Kind.DRILL).to_bytes()).decode(),
        drill_set_public_key="", custodians=dict(zip(SEATS, PEOPLE[:3], strict=True)),
        policy_digest=policies.digest(SOURCE).hex(), policy_salt=b"ours".ljust(16).hex(), proven=proven,
    )  # fmt: skip


def recovered(envelope: Envelope) -> Recovered:
    return Recovered(
        epoch=envelope.core.epoch, epoch_id=envelope.core.epoch_id.hex(), pinned=False,
        set_public_key=envelope.set_public_key.hex(), envelope_sha256=envelope.digest.hex(),
        envelope=base64.b64encode(envelope.to_bytes()).decode(),
    )  # fmt: skip


def frozen(state: LedgerState) -> LedgerState:
    """Copy a state down to its dictionaries, to see later whether somebody wrote into them."""
    sets = {
        name: replace(
            one,
            epochs={
                epoch_id: replace(
                    epoch,
                    acknowledged=dict(epoch.acknowledged),
                    voided=dict(epoch.voided),
                    custodians=dict(epoch.custodians),
                    former=dict(epoch.former),
                )
                for epoch_id, epoch in one.epochs.items()
            },
        )
        for name, one in state.sets.items()
    }
    return replace(state, sets=sets)


class Life(RuleBasedStateMachine):
    """One set, from its policy on."""

    def __init__(self) -> None:
        super().__init__()
        self.state = LedgerState()
        self.pairs: list[tuple[bytes, Record]] = []
        self.opening = ""
        self.use_ended: set[str] = set()
        self.revealed: dict[str, str] = {}
        self.used_elsewhere: set[str] = set()
        self.over: set[str] = set()
        self.purposes: dict[str, str] = {}
        self.strict = 2
        self.reviewed: dict[str, set[str]] = {}
        self.owed_reviews: set[str] = set()
        self.scanned_of: dict[str, set[str]] = {}
        self.held: dict[tuple[str, str], set[str]] = {}
        self.known_to_hold: set[tuple[str, str]] = set()

    @initialize(learned=st.booleans(), proven=st.sampled_from(["accepted", "unproven"]))
    def begin(self, learned: bool, proven: str) -> None:
        if learned:
            self.must(recovered(deal(1, branch="theirs")))
        self.must(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
        if not learned:
            self.must(issued(deal(1), proven))

    # --- the machinery -----------------------------------------------------------------------------------

    @property
    def of_set(self) -> SetState:
        return self.state.of("prod-db")

    def must(self, body: AnyBody) -> None:
        assert self.try_to(body), f"a legal step was refused: {body}"

    def try_to(self, body: AnyBody, opening: str | None = None) -> bool:
        """Apply a record; tell whether it was legal."""
        count = len(self.pairs)
        time = f"2026-01-01T00:{count // 60:02d}:{count % 60:02d}Z"
        record = Record(
            v=1, log=NOWHERE, seq=count, previous="", root="", time=time,
            boot="b", uptime_ms=count * 1000, set="prod-db", opening=self.opening if opening is None else opening,
            body=body,
        )  # fmt: skip
        data = record.to_bytes()
        before = frozen(self.state)
        try:
            after = lifecycle.apply(self.state, data, records.from_bytes(data))
        except (IllegalState, InvalidRecord, PolicyWeakens, HeldTooMuch):
            assert self.state == before
            return False
        assert self.state == before
        self.check_step(body, record)
        self.state = after
        self.pairs.append((data, record))
        self.remember(body, record, records.digest(data))
        return True

    def check_step(self, body: AnyBody, record: Record) -> None:
        """Hold an accepted step against what the model remembers."""
        if isinstance(body, Applying):
            assert record.opening in self.use_ended
        if isinstance(body, Opened):
            assert body.epoch_id not in self.over
            assert len(set(body.sheets) & set(SEATS)) >= 2
            assert not set(body.sheets) & set(self.of_set.epochs[body.epoch_id].voided)
        if isinstance(body, InUse):
            assert record.opening in self.revealed
        if isinstance(body, PolicyAdopted) and self.pairs and self.of_set.current and body.source != SOURCE:
            assert STRICTNESS.index(body.source) >= self.strict
        if isinstance(body, PolicyWeakened):
            assert STRICTNESS.index(body.source) < self.strict
            assert record.opening in self.revealed
            assert self.purposes[record.opening] == "rotation"
        if isinstance(body, Declared):
            assert body.policy_digest == policies.digest(self.of_set.policy_source).hex()
        if isinstance(body, Abandoned):
            assert body.epoch_id not in self.revealed.values()
        if isinstance(body, Closed):
            assert record.opening in self.use_ended
        if isinstance(body, UseEnded | Closed):
            assert (self.purposes[record.opening], body.classification) not in CONTRARY
        if isinstance(body, Rehearsed):
            assert self.purposes[record.opening] == "drill"
            assert record.opening not in self.revealed

    def remember_of_reviews(self, body: AnyBody, record: Record) -> None:
        if isinstance(body, Opened | Overridden) and "[review]" in self.of_set.policy_source:
            self.owed_reviews.add(record.opening)
        if isinstance(body, Opened):
            custodians = self.of_set.epochs[body.epoch_id].custodians
            self.scanned_of[record.opening] = {custodians.get(sheet, "") for sheet in body.sheets}
        if isinstance(body, Reviewed):
            self.reviewed.setdefault(body.subject, set()).add(body.key)
        if isinstance(body, Reviewed | PolicyAdopted | PolicyWeakened):
            needed = 2 if "[review]" in self.of_set.policy_source else 1
            self.owed_reviews -= {one for one, by in self.reviewed.items() if len(by) >= needed}

    def remember(self, body: AnyBody, record: Record, digest: str) -> None:
        self.remember_of_reviews(body, record)
        if isinstance(body, Declared):
            self.opening = digest
            self.purposes[digest] = body.purpose
        if isinstance(body, Issued):
            for seat, name in body.custodians.items():
                self.held.setdefault((body.epoch_id, name.casefold()), set()).add(seat)
        if isinstance(body, PolicyAdopted | PolicyWeakened) and body.source in STRICTNESS:
            self.strict = STRICTNESS.index(body.source)
        if isinstance(body, Reassigned):
            holder = (body.epoch_id, body.custodian.strip().casefold())
            self.held.setdefault(holder, set()).add(body.sheet)
            if body.despite:
                self.known_to_hold.add(holder)
        if isinstance(body, Opened):
            self.revealed[record.opening] = body.epoch_id
        if isinstance(body, UseEnded):
            self.use_ended.add(record.opening)
        if isinstance(body, Abandoned):
            self.over.add(body.epoch_id)
        if isinstance(body, OldDead):
            self.over.add(body.old_epoch_id)
            self.over |= {self.revealed[record.opening]} - {body.new_epoch_id}

    def ids(self) -> list[str]:
        return [*self.of_set.epochs, NOWHERE, ""]

    # --- the way a set should go -------------------------------------------------------------------------

    @rule(purpose=st.sampled_from(["emergency", "drill", "rotation"]), supersede=st.booleans())
    def declare(self, purpose: str, supersede: bool) -> None:
        before = self.of_set.opening.id if self.of_set.opening and supersede else ""
        self.try_to(
            Declared(
                purpose=purpose, incident_class="idp-outage", ticket="INC-1", reason=f"r{len(self.pairs)}",
                officers=("Duty", "Second"), valid_for_s=1800, use_for_s=3600, debts=(), supersedes=before,
                policy_digest=self.of_set.policy_digest,
            ),
            opening="",
        )  # fmt: skip

    @precondition(lambda self: self.of_set.opening and self.of_set.opening.phase is Phase.DECLARED)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        good = [epoch_id for epoch_id in self.of_set.epochs if self.of_set.openable(epoch_id)]
        if not good:
            return
        epoch_id = data.draw(st.sampled_from(good))
        sheets = [seat for seat in SEATS if seat not in self.of_set.epochs[epoch_id].voided]
        body = self.opened(epoch_id, tuple(sheets))
        if len(sheets) >= 2:
            self.must(body)
        else:
            assert not self.try_to(body)

    def opened(self, epoch_id: str, sheets: tuple[str, ...]) -> Opened:
        return Opened(epoch_id=epoch_id, sheets=sheets, mode="show", program="", witnessed="consistent", pinned=True)

    @rule()
    def use(self) -> None:
        self.try_to(InUse())

    @rule(classification=st.sampled_from(["emergency", "drill", "misuse"]))
    def end_use(self, classification: str) -> None:
        self.try_to(UseEnded(outcome="done", classification=classification))

    @rule(proven=st.sampled_from(["accepted", "unproven"]))
    def prepare(self, proven: str) -> None:
        number = 1 + max(epoch.number for epoch in self.of_set.epochs.values())
        self.try_to(issued(deal(number, self.of_set.current), proven))

    @precondition(lambda self: self.of_set.prepared)
    @rule()
    def countersign(self) -> None:
        sha256 = self.of_set.epochs[self.of_set.prepared].envelope_sha256
        self.try_to(Countersigned(epoch_id=self.of_set.prepared, envelope_sha256=sha256))

    @precondition(lambda self: self.of_set.prepared)
    @rule(sheets=st.sets(st.sampled_from(SEATS), min_size=1))
    def take_into_custody(self, sheets: set[str]) -> None:
        new = self.of_set.prepared
        for sheet in sorted(sheets):
            self.try_to(ReadBack(epoch_id=new, sheets=(sheet,)))
            self.try_to(Acknowledged(epoch_id=new, sheet=sheet, custodian="North", bag=""))

    @rule()
    def go_on(self) -> None:
        """Take the next step of a rotation, whichever it is, so that long lives are reached."""
        state = self.of_set
        if state.opening is None:
            self.declare("emergency", True)
        elif state.opening.rotated:
            self.must(Closed(classification=self.fitting()))
        elif state.opening.phase is Phase.DECLARED:
            self.try_to(self.opened(state.current, SEATS)) or self.try_to(self.opened(state.current, SEATS[:2]))
        elif not state.prepared:
            self.prepare("unproven")
        else:
            self.countersign()
            self.take_into_custody(set(SEATS))
            self.try_to(UseEnded(outcome="done", classification=self.fitting()))
            self.apply()

    def fitting(self) -> str:
        """Return a classification that the opening under way may be given."""
        assert self.of_set.opening is not None
        return "drill" if self.of_set.opening.declared.purpose == "drill" else "emergency"

    @rule()
    def apply(self) -> None:
        old, new = self.of_set.current, self.of_set.prepared
        if self.try_to(Applying(old_epoch_id=old, new_epoch_id=new)):
            self.must(Applied(new_epoch_id=new))

    @rule()
    def prove(self) -> None:
        old, new = self.of_set.current, self.of_set.prepared
        self.try_to(OldDead(old_epoch_id=old, new_epoch_id=new, proofs=("p",), scope="s"))

    @precondition(lambda self: self.of_set.applying)
    @rule(new=st.booleans(), finish=st.booleans())
    def open_while_the_target_is_changed(self, new: bool, finish: bool) -> None:
        """An emergency in the middle of a rotation, with either set of sheets, and perhaps the rotation's end."""
        self.declare("emergency", True)
        self.try_to(self.opened(self.of_set.prepared if new else self.of_set.current, SEATS))
        self.try_to(UseEnded(outcome="done", classification="emergency"))
        if finish:
            self.apply()
            self.prove()

    @rule()
    def close(self) -> None:
        self.try_to(Closed(classification="drill"))

    @rule()
    def cancel(self) -> None:
        self.try_to(Cancelled(reason="r"))

    @rule(for_s=st.integers(0, 10**6))
    def defer(self, for_s: int) -> None:
        self.try_to(Deferred(for_s=for_s, reason="r"))

    # --- and every way it should not ---------------------------------------------------------------------

    @rule(data=st.data())
    def anything_with_any_epoch(self, data: st.DataObject) -> None:
        one, two = (data.draw(st.sampled_from(self.ids())) for _ in range(2))
        sheet = data.draw(st.sampled_from([*SEATS, "1.4", ""]))
        bodies: list[AnyBody] = [
            self.opened(one, (sheet, "1.2")),
            Abandoned(epoch_id=one, reason="r"),
            Countersigned(epoch_id=one, envelope_sha256=ELSEWHERE),
            Applying(old_epoch_id=one, new_epoch_id=two),
            Applied(new_epoch_id=one),
            OldDead(old_epoch_id=one, new_epoch_id=two, proofs=(), scope=""),
            Proven(epoch_id=one, result="accepted", detail=""),
            ReadBack(epoch_id=one, sheets=(sheet,)),
            Acknowledged(epoch_id=one, sheet=sheet, custodian="North", bag=""),
        ]
        self.try_to(data.draw(st.sampled_from(bodies)), data.draw(st.sampled_from([self.opening, "", ELSEWHERE])))

    @precondition(lambda self: len(self.pairs) % 5 == 0)
    @rule(data=st.data())
    def lose_a_sheet(self, data: st.DataObject) -> None:
        one, sheet = data.draw(st.sampled_from(self.ids())), data.draw(st.sampled_from(SEATS))
        self.try_to(SheetVoided(epoch_id=one, sheet=sheet, reason="lost"))

    @rule(data=st.data())
    def bring_any_envelope_back(self, data: st.DataObject) -> None:
        envelope = data.draw(
            st.sampled_from([e.envelope for e in self.of_set.epochs.values() if isinstance(e.envelope, Envelope)])
        )
        assert not self.try_to(issued(envelope, "accepted"))
        assert not self.try_to(recovered(envelope))

    @precondition(lambda self: len(self.pairs) % 7 == 0)
    @rule(number=st.integers(1, 4))
    def learn_from_foreign_sheets(self, number: int) -> None:
        self.try_to(recovered(deal(number, branch="theirs")))

    @precondition(lambda self: len(self.pairs) % 3 == 0)
    @rule(data=st.data(), ticket=st.integers(1, 3))
    def open_elsewhere(self, data: st.DataObject, ticket: int) -> None:
        """Somebody opens any epoch with recover.py; its record is imported once."""
        epoch = self.of_set.epochs[data.draw(st.sampled_from(list(self.of_set.epochs)))]
        fields = {
            "v": 1, "type": "recovery", "set": "prod-db", "epoch": epoch.number, "epoch_id": epoch.epoch_id,
            "set_public_key": epoch.envelope.set_public_key.hex(), "envelope_sha256": epoch.envelope_sha256,
            "sheets": list(SEATS), "officers": ["Duty"], "ticket": f"INC-{ticket}", "reason": "r", "tool": "t",
            "time": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        source = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        sha256 = recovery.digest(source.encode())
        body = RecoveryImported(
            epoch_id=epoch.epoch_id, status=epoch.status, source=source, sha256=sha256, signature=""
        )
        new = sha256 not in self.of_set.recoveries
        assert self.try_to(body, opening="") == new
        if new and epoch.status is EpochStatus.GOOD:
            self.used_elsewhere.add(epoch.epoch_id)

    @rule(gate=st.sampled_from(["ticket", "clock", "rotation"]))
    def override(self, gate: str) -> None:
        self.try_to(Overridden(gate=gate, problem="p", reason="r"))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        debts = [debt.id for debt in self.of_set.debts] or ["none"]
        owed = self.of_set.rotation_debts
        done = self.try_to(Settled(debt=data.draw(st.sampled_from(debts)), reason="r", officers=("Duty",)))
        assert self.of_set.rotation_debts == owed
        assert not (done and "[review]" in self.of_set.policy_source), "that policy wants signatures"

    @rule(data=st.data(), who=st.sampled_from([*KEYS]))
    def sign_for_debts(self, data: st.DataObject, who: str) -> None:
        debts = data.draw(st.sets(st.sampled_from([debt.id for debt in self.of_set.debts] or ["none"]), max_size=2))
        cases = self.of_set.cases
        made_by = {debt: cases[debt].last if debt in cases else ELSEWHERE for debt in sorted(debts)}
        owed = (self.of_set.rotation_debts, self.reviews_owed())
        body = DebtsSettled(debts=made_by, reason="it was looked at", officer=who, key=KEYS[who], signature="")
        if self.try_to(body, opening=""):
            assert who in ("Rosa", "Rudi", "South") or "[review]" not in self.of_set.policy_source
        assert (self.of_set.rotation_debts, self.reviews_owed()) == owed

    def must_review(self, subject: str, name: str) -> None:
        body = Reviewed(
            subject=subject, last=self.of_set.cases[subject].last, verdict="as declared", reason="one restore",
            reviewer=name, key=KEYS[REVIEWERS[name]], signature="",
        )  # fmt: skip
        assert self.try_to(body, opening=subject)

    def reviews_owed(self) -> set[str]:
        return {debt.opening for debt in self.of_set.debts if debt.kind == review_rules.REVIEW and debt.opening}

    @rule(
        data=st.data(), name=st.sampled_from([*REVIEWERS, "Duty", "Stranger"]), verdict=st.sampled_from(VERDICTS),
        reason=st.sampled_from(["one restore, nothing else", "ok"]), stale=st.booleans(),
    )  # fmt: skip
    def review(self, data: st.DataObject, name: str, verdict: str, reason: str, stale: bool) -> None:
        """Anybody reviews anything; whoever may is one of two people, each once, at the end, and of all of it."""
        cases = self.of_set.cases
        subject = data.draw(st.sampled_from([*cases] or [ELSEWHERE]))
        last = ELSEWHERE if stale or subject not in cases else cases[subject].last
        whose = REVIEWERS.get(name, name)
        body = Reviewed(
            subject=subject, last=last, verdict=verdict, reason=reason, reviewer=name, key=KEYS[whose], signature=""
        )
        under_way = self.of_set.opening.id if self.of_set.opening else ""
        before = set(self.reviewed.get(subject, set()))
        if self.try_to(body, opening=subject if review_rules.is_opening(subject) else ""):
            assert whose in ("Rosa", "Rudi", "South") or "[review]" not in self.of_set.policy_source
            assert whose != "Duty" or subject not in self.purposes, "they declared it"
            assert name not in self.scanned_of.get(subject, set()), "their sheet was scanned"
            assert not stale
            assert reason != "ok"
            assert subject != under_way
            assert KEYS[whose] not in before, "one person counts once"

    @rule(
        sheet=st.sampled_from([*SEATS, "1.4"]), result=st.sampled_from(["pass", "warning", "fail"]), old=st.booleans()
    )
    def call_the_roll(self, sheet: str, result: str, old: bool) -> None:
        epoch_id = next(iter(self.of_set.epochs)) if old else self.of_set.current
        reasons = () if result == "pass" else ("r",)
        self.try_to(
            RollCall(
                epoch_id=epoch_id, sheet=sheet, custodian="North", level="seal", bag="B-1", health="", used_percent=0,
                result=result, reasons=reasons,
            ),
            opening="",
        )  # fmt: skip

    @rule(sheets=st.sets(st.sampled_from(SEATS)), result=st.sampled_from(["pass", "fail"]))
    def rehearse(self, sheets: set[str], result: str) -> None:
        """A drill opens nothing and owes nothing, whenever it is recorded."""
        before = (self.of_set.current, self.of_set.prepared, self.of_set.applying, self.of_set.debts)
        reasons = () if result == "pass" else ("r",)
        self.try_to(
            Rehearsed(
                epoch_id=self.of_set.current, sheets=tuple(sorted(sheets)), live=(), steps_ms={"quorum": 1},
                result=result, reasons=reasons,
            )
        )  # fmt: skip
        self.try_to(
            DrillEnded(
                drill="rehearsal", epoch_id=self.of_set.current, login="", steps_ms={}, result=result, reasons=reasons
            )
        )
        assert (self.of_set.current, self.of_set.prepared, self.of_set.applying, self.of_set.debts) == before

    @rule(sheet=st.sampled_from(SEATS))
    def destroy(self, sheet: str) -> None:
        epoch_id = next(iter(self.of_set.epochs))
        body = Destroyed(epoch_id=epoch_id, sheets=(sheet,), witnesses=("Duty", "Second"))
        if self.try_to(body, opening=""):
            epoch = self.of_set.epochs[epoch_id]
            assert epoch.status is not EpochStatus.GOOD or sheet in epoch.voided

    @precondition(lambda self: len(self.pairs) % 3 == 0)
    @rule(level=st.integers(0, len(STRICTNESS) - 1), lists=st.booleans())
    def adopt(self, level: int, lists: bool) -> None:
        source = STRICTNESS[level]
        digest = policies.digest(source).hex()
        if self.try_to(PolicyAdopted(source=source, digest=digest)):
            return
        weakens = custody_rules.weakened_by(self.of_set, policies.parse(source)) if lists else ()
        self.try_to(PolicyWeakened(source=source, digest=digest, weakens=weakens))

    @precondition(lambda self: len(self.pairs) % 3 == 1)
    @rule(data=st.data(), sheet=st.sampled_from(SEATS), to=st.sampled_from(PEOPLE), admits=st.booleans())
    def hand_on(self, data: st.DataObject, sheet: str, to: str, admits: bool) -> None:
        epoch_id = data.draw(st.sampled_from(self.ids()))
        epoch = self.of_set.epochs.get(epoch_id)
        despite = holders.too_much(epoch, sheet, to) if epoch and admits else ()
        body = Reassigned(epoch_id=epoch_id, sheet=sheet, custodian=to, reason="r", despite=despite)
        if self.try_to(body, opening=""):
            after = self.of_set.epochs[epoch_id]
            assert sheet not in after.acknowledged
            assert after.custodians[sheet] == to

    # --- what always holds -------------------------------------------------------------------------------

    @invariant()
    def what_was_opened_and_may_live_is_owed_a_rotation(self) -> None:
        if "prod-db" not in self.state.sets:
            return
        owed = {debt.epoch_id or self.revealed[debt.opening] for debt in self.of_set.rotation_debts}
        assert owed <= {epoch_id for epoch_id, epoch in self.of_set.epochs.items() if epoch.status is EpochStatus.GOOD}
        for epoch_id in {*self.revealed.values(), *self.used_elsewhere}:
            if epoch_id not in self.over:
                assert epoch_id in owed

    @invariant()
    def nothing_that_is_over_opens(self) -> None:
        if "prod-db" not in self.state.sets:
            return
        for epoch_id in self.over:
            assert not self.of_set.openable(epoch_id)
            assert self.of_set.epochs[epoch_id].status is not EpochStatus.GOOD

    @invariant()
    def some_printed_quorum_opens_or_nothing_was_ever_in_force(self) -> None:
        if "prod-db" not in self.state.sets:
            return
        state = self.of_set
        if state.current:
            assert state.openable(state.current)
        else:
            assert all(epoch_id in self.over for epoch_id in state.epochs)
        if state.applying:
            assert state.openable(state.prepared)

    @invariant()
    def a_prepared_epoch_follows_the_current_one(self) -> None:
        if "prod-db" in self.state.sets and self.of_set.prepared:
            new = self.of_set.epochs[self.of_set.prepared]
            assert (new.status, new.predecessor) == (EpochStatus.GOOD, self.of_set.current)
        elif "prod-db" in self.state.sets:
            assert not self.of_set.applying

    @invariant()
    def nobody_has_come_to_hold_a_quorum_unsaid(self) -> None:
        for holder, seats in self.held.items():
            assert len(seats) < 2 or holder in self.known_to_hold

    @invariant()
    def what_was_opened_owes_its_review_until_two_people_made_it(self) -> None:
        if "prod-db" not in self.state.sets:
            return
        assert self.reviews_owed() == self.owed_reviews

    @invariant()
    def at_most_one_opening_is_under_way(self) -> None:
        if "prod-db" in self.state.sets and self.of_set.opening:
            assert self.of_set.opening.id not in [past.id for past in self.of_set.past]
            assert all(past.outcome for past in self.of_set.past)

    def teardown(self) -> None:
        assert lifecycle.replay(self.pairs) == self.state


LifeTest: Any = Life.TestCase
LifeTest.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    phases=(Stage.explicit, Stage.reuse, Stage.generate),  # shrinking such a life outlasts the test's time limit
)


def test_the_model_reaches_every_phase() -> None:
    """A machine that never got anywhere would prove nothing."""
    life = Life()
    life.begin(learned=False, proven="accepted")
    seen = {life.of_set.phase}
    for _ in range(40):
        life.go_on()
        seen.add(life.of_set.phase)
        if life.of_set.phase is Phase.APPLYING:
            life.prove()
            seen.add(life.of_set.phase)
    assert seen >= {Phase.ISSUED, Phase.DECLARED, Phase.OPEN, Phase.APPLYING, Phase.OLD_DEAD, Phase.SEALED}
    assert len(life.of_set.epochs) > 4
    life.teardown()


def test_the_model_reaches_a_review_that_closes() -> None:
    life = Life()
    life.begin(learned=False, proven="accepted")
    life.adopt(3, lists=False)
    for _ in range(40):
        life.go_on()
        if life.of_set.phase is Phase.APPLYING:
            life.prove()
        if life.owed_reviews and life.of_set.opening is None:
            break
    (subject,) = life.owed_reviews
    for name in ("Rosa", "Rudi"):
        life.must_review(subject, name)
    assert not life.owed_reviews
    life.what_was_opened_owes_its_review_until_two_people_made_it()
    life.teardown()


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_a_cut_at_any_record_is_a_state_too(steps: int) -> None:
    life = Life()
    life.begin(learned=False, proven="accepted")
    for _ in range(steps):
        life.go_on()
    for cut in range(len(life.pairs)):
        lifecycle.replay(life.pairs[:cut])

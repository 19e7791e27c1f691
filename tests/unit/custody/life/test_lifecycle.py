# SPDX-License-Identifier: Apache-2.0
"""Each record type: what it changes where it may follow, and the words that refuse it where it may not."""

import base64
import functools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life import holders, lifecycle, opening_rules
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, Opening, Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import (
    Cancelled,
    Closed,
    Declared,
    InUse,
    Opened,
    Overridden,
    Refused,
    Settled,
    UseEnded,
)
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    Made,
    OldDead,
    SessionsAwaited,
)
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack, Reassigned, SheetVoided
from breakglass_shamir.errors import (
    BreakglassError,
    HeldTooMuch,
    IllegalState,
    InvalidRecord,
    PolicyWeakens,
    UnknownSet,
)
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SOURCE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]
[declaration]
classes = ["idp-outage"]
[rotation]
deadline = "2h"
"""

SALT = bytes(16)
SEATS = ("1.1", "1.2", "1.3")


@functools.cache
def deal(number: int, predecessor: bytes = NO_PREDECESSOR, kind: Kind = Kind.LIVE, name: str = "prod-db") -> Sealed:
    digest = policies.salted_digest(SALT, SOURCE)
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    facts = Facts(kind, name, number, Structure(1, (Group(2, 3),)), digest, checkpoint, predecessor)
    return seal(facts, Secret(b"tinned beans"))


def id_of(made: Sealed) -> str:
    return made.envelope.core.epoch_id.hex()


def issued(made: Sealed, **changes: Any) -> Issued:
    envelope, drill = made.envelope, deal(1, kind=Kind.DRILL).envelope
    fields: dict[str, Any] = {
        "epoch": envelope.core.epoch,
        "epoch_id": id_of(made),
        "predecessor": "" if envelope.predecessor == NO_PREDECESSOR else envelope.predecessor.hex(),
        "set_public_key": envelope.set_public_key.hex(),
        "envelope": base64.b64encode(envelope.to_bytes()).decode(),
        "envelope_sha256": envelope.digest.hex(),
        "drill_envelope": base64.b64encode(drill.to_bytes()).decode(),
        "drill_set_public_key": drill.set_public_key.hex(),
        "custodians": dict(zip(SEATS, ("North", "South", "East"), strict=True)),
        "policy_digest": policies.digest(SOURCE).hex(),
        "policy_salt": SALT.hex(),
        "proven": "accepted",
    }
    return Issued(**{**fields, **changes})


def recovered(made: Sealed, **changes: Any) -> Recovered:
    body = issued(made)
    names = ("epoch", "epoch_id", "set_public_key", "envelope", "envelope_sha256")
    fields: dict[str, Any] = {name: getattr(body, name) for name in names}
    return Recovered(**{**fields, "pinned": False, **changes})


def adopted(**changes: Any) -> PolicyAdopted:
    fields: dict[str, Any] = {"source": SOURCE, "digest": policies.digest(SOURCE).hex()}
    return PolicyAdopted(**{**fields, **changes})


def declared(purpose: str = "emergency", supersedes: str = "") -> Declared:
    return Declared(
        purpose=purpose, incident_class="idp-outage", ticket="INC-1", reason="it is down", officers=("Duty", "Second"),
        valid_for_s=1800, use_for_s=3600, debts=(), supersedes=supersedes,
    )  # fmt: skip


def opened(epoch_id: str, sheets: tuple[str, ...] = ("1.1", "1.2")) -> Opened:
    return Opened(epoch_id=epoch_id, sheets=sheets, mode="show", program="", witnessed="consistent", pinned=True)


class Book:
    """A log in memory: records are serialised and applied, nothing is signed."""

    def __init__(self) -> None:
        self.state = LedgerState()
        self.count = 0
        self.opening = ""

    def add(self, body: AnyBody, *, opening: str | None = None, name: str = "prod-db") -> "Book":
        if isinstance(body, Declared) and not body.policy_digest and name in self.state.sets:
            body = msgspec.structs.replace(body, policy_digest=self.state.of(name).policy_digest)
        if opening is None:
            opening = "" if isinstance(body, Declared) else self.opening
        time = f"2026-01-01T00:{self.count // 60 % 60:02d}:{self.count % 60:02d}Z"
        record = Record(
            v=1, log="00" * 8, seq=self.count, previous="", root="", time=time, boot="b", uptime_ms=self.count * 1000,
            set=name, opening=opening, body=body,
        )  # fmt: skip
        data = record.to_bytes()
        self.state = lifecycle.apply(self.state, data, records.from_bytes(data))
        self.count += 1
        if isinstance(body, Declared):
            self.opening = records.digest(data)
        self.keep(data, record)
        return self

    def keep(self, data: bytes, record: Record) -> None:
        """Hear of each record that was legal."""

    def refuse(self, body: AnyBody, message: str, error: type[BreakglassError] = IllegalState, **place: str) -> None:
        before = self.state
        with pytest.raises(error) as refused:
            self.add(body, **place)
        assert type(refused.value) is error
        assert str(refused.value) == message
        assert self.state == before

    @property
    def set(self) -> SetState:
        return self.state.of("prod-db")

    @property
    def current(self) -> EpochState:
        return self.set.current_epoch

    @property
    def under_way(self) -> Opening:
        return self.set.active_opening


FIRST = deal(1)
SECOND = deal(2, FIRST.envelope.core.epoch_id)
ONE, TWO = id_of(FIRST), id_of(SECOND)

USE_ENDED = UseEnded(outcome="done", classification="emergency")
APPLYING = Applying(old_epoch_id=ONE, new_epoch_id=TWO)
APPLIED = Applied(new_epoch_id=TWO)
OLD_DEAD = OldDead(old_epoch_id=ONE, new_epoch_id=TWO, proofs=("a", "b", "c"), scope="this file")
COUNTERSIGNED = Countersigned(epoch_id=TWO, envelope_sha256=SECOND.envelope.digest.hex())
CLOSED = Closed(classification="emergency")


def countersigned(made: Sealed) -> Countersigned:
    return Countersigned(epoch_id=id_of(made), envelope_sha256=made.envelope.digest.hex())


def ack(epoch_id: str, sheet: str) -> Acknowledged:
    return Acknowledged(epoch_id=epoch_id, sheet=sheet, custodian="North", bag="")


def read_back(epoch_id: str, sheets: tuple[str, ...] = SEATS) -> ReadBack:
    return ReadBack(epoch_id=epoch_id, sheets=sheets)


def started() -> Book:
    start = LedgerStarted(terminal="north", public_key="ssh-ed25519 AAAA north", software="x")
    return Book().add(start, name="").add(adopted())


def at_issued() -> Book:
    return started().add(issued(FIRST))


def at_declared() -> Book:
    return at_issued().add(declared())


def at_open() -> Book:
    return at_declared().add(opened(ONE))


def at_prepared() -> Book:
    return at_open().add(InUse()).add(issued(SECOND, proven="unproven")).add(COUNTERSIGNED)


def at_ready() -> Book:
    return at_prepared().add(USE_ENDED).add(read_back(TWO)).add(ack(TWO, "1.1")).add(ack(TWO, "1.2"))


def at_applying() -> Book:
    return at_ready().add(APPLYING)


def at_old_dead() -> Book:
    return at_applying().add(APPLIED).add(OLD_DEAD)


def test_the_whole_life_of_a_set_goes_through_every_phase() -> None:
    stages: list[tuple[Callable[[], Book], Phase]] = [
        (at_issued, Phase.ISSUED),
        (lambda: at_issued().add(read_back(ONE)), Phase.SEALED),
        (at_declared, Phase.DECLARED),
        (at_open, Phase.OPEN),
        (lambda: at_open().add(InUse()), Phase.IN_USE),
        (lambda: at_open().add(USE_ENDED), Phase.ROTATION_DUE),
        (at_ready, Phase.PREPARED),
        (at_applying, Phase.APPLYING),
        (at_old_dead, Phase.OLD_DEAD),
        (lambda: at_old_dead().add(CLOSED), Phase.SEALED),
    ]
    assert [(make().set.phase, wanted) for make, wanted in stages if make().set.phase is not wanted] == []


# --- the log itself --------------------------------------------------------------------------------------


def test_the_start_names_the_terminal_and_comes_first_or_never() -> None:
    book = started()
    assert (book.state.terminal, book.state.public_key) == ("north", "ssh-ed25519 AAAA north")
    again = LedgerStarted(terminal="south", public_key="ssh-ed25519 BBBB south", software="x")
    book.refuse(again, "a ledger starts once, with its first record")


@pytest.mark.parametrize(
    "body",
    [
        Refused(stage="open", error="insufficient-shares", message="no quorum"),
        LedgerMoved(reason="full"),
    ],
)
def test_refused_and_moved_may_be_recorded_at_any_time_and_change_nothing(body: AnyBody) -> None:
    for make in (Book, started, at_declared, at_applying):
        book = make()
        before = book.state
        assert replace(book.add(body, name="nobody").state, last=before.last) == before


def test_a_set_begins_with_a_policy_or_with_its_sheets() -> None:
    for body in (issued(FIRST), declared(), USE_ENDED, read_back(ONE)):
        Book().refuse(body, "set prod-db is not in this ledger")
    assert Book().add(adopted()).set.policy_source == SOURCE
    assert Book().add(recovered(FIRST)).set.current == ONE


def test_an_unknown_set_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownSet, match=r"expected one of the sets in this ledger \(prod-db\), got 'x'"):
        started().state.of("x")
    with pytest.raises(UnknownSet, match="none yet"):
        LedgerState().of("x")


# --- policy, epochs, sheets ------------------------------------------------------------------------------


def test_a_policy_that_is_not_the_one_named_is_refused() -> None:
    wrong = "the adopted policy is of another set or has another digest"
    Book().refuse(adopted(digest="00" * 32), wrong, InvalidRecord)
    Book().refuse(adopted(), wrong, InvalidRecord, name="other")
    broken = "the adopted policy does not parse: not TOML: invalid value (at end of document)"
    Book().refuse(adopted(source="x =", digest=policies.digest("x =").hex()), broken, InvalidRecord)


def test_the_first_epoch_is_current_and_proven_if_the_target_took_it() -> None:
    assert at_issued().current.proven
    book = started().add(issued(FIRST, proven="unproven"))
    assert not book.current.proven
    assert (book.set.current, book.set.prepared, book.current.status) == (ONE, "", EpochStatus.GOOD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 2}, "the record and its envelope do not agree"),
        ({"epoch_id": TWO}, "the record and its envelope do not agree"),
        ({"set_public_key": "00" * 32}, "the record and its envelope do not agree"),
        ({"envelope_sha256": "00" * 32}, "the record and its envelope do not agree"),
        ({"predecessor": TWO}, "the envelope names another predecessor than its record"),
        ({"custodians": {"1.1": "North"}}, "custodians and sheets do not match"),
        ({"custodians": {"1.1": "a", "1.2": "b", "1.3": "c", "1.4": "d"}}, "custodians and sheets do not match"),
        ({"custodians": {"01.1": "a", "1.2": "b", "1.3": "c"}}, "custodians and sheets do not match"),
        ({"custodians": {"one": "a", "1.2": "b", "1.3": "c"}}, "custodians and sheets do not match"),
        ({"policy_salt": "11" * 16}, "the policy's digest is not the one in the envelope"),
        ({"policy_digest": "00" * 32}, "the policy's digest is not the one in the envelope"),
        ({"policy_salt": "no"}, "the policy's digest is not the one in the envelope"),
        ({"envelope": "é"}, "the record's envelope is not base64"),
        ({"envelope": "AA"}, "the record's envelope is not base64"),
        (
            {"envelope": "AAAA"},
            "the record's envelope does not hold: expected envelope version 1, suite 1, got version 0, suite 0, kind 0",
        ),
    ],
)
def test_an_issued_record_that_contradicts_its_envelope_is_refused(changes: dict[str, Any], message: str) -> None:
    started().refuse(issued(FIRST, **changes), message, InvalidRecord)


def test_a_drill_envelope_never_becomes_an_epoch() -> None:
    drill = deal(1, kind=Kind.DRILL)
    message = "expected a live envelope, got one of a drill"
    started().refuse(issued(drill), message, InvalidRecord)
    Book().refuse(recovered(drill), message, InvalidRecord)


def test_an_envelope_of_another_set_is_refused() -> None:
    theirs = deal(1, name="other")
    started().refuse(issued(theirs), "the record and its envelope do not agree", InvalidRecord)


def test_the_first_epoch_has_no_predecessor() -> None:
    started().refuse(issued(SECOND), "the first epoch of a set has no predecessor")


def test_a_second_epoch_needs_an_opening_that_opened() -> None:
    none = "the record belongs to no opening of set prod-db that is under way"
    at_issued().refuse(issued(SECOND), none)
    at_declared().refuse(issued(SECOND), none, opening="00" * 32)
    already = "set prod-db already has an epoch; a new one is made by a rotation"
    at_declared().refuse(issued(SECOND), already)
    assert at_open().add(issued(SECOND)).set.prepared == TWO


def test_only_one_epoch_is_prepared_at_a_time() -> None:
    another = deal(3, FIRST.envelope.core.epoch_id)
    message = "set prod-db already has a prepared epoch; it is applied or abandoned first"
    for make in (at_prepared, at_applying):
        make().refuse(issued(another), message)


def test_a_new_epoch_follows_the_current_one_with_a_higher_number() -> None:
    message = "a new epoch follows the current one and has a higher number than any before"
    for made in (deal(3), deal(3, bytes(7) + b"x"), deal(1, FIRST.envelope.core.epoch_id)):
        at_open().refuse(issued(made), message)


def test_a_recovered_epoch_is_openable_beside_the_current_one() -> None:
    book = at_issued().add(recovered(SECOND))
    assert (book.set.current, book.set.epochs[TWO].recovered) == (ONE, True)
    assert book.set.openable(ONE)
    assert book.set.openable(TWO)
    book.refuse(recovered(SECOND), "this epoch is in the ledger already")
    at_issued().refuse(recovered(FIRST), "this epoch is in the ledger already")


def test_proven_is_remembered_and_never_forgotten() -> None:
    book = started().add(issued(FIRST, proven="unproven"))
    for result, wanted in (("unknown", False), ("refused", False), ("accepted", True), ("unknown", True)):
        book.add(Proven(epoch_id=ONE, result=result, detail=""))
        assert book.current.proven is wanted


def test_an_epoch_is_sealed_when_every_sheet_was_read_back() -> None:
    book = at_issued().add(read_back(ONE, ("1.1", "1.3")))
    assert not book.current.sealed
    assert book.add(read_back(ONE, ("1.2",))).current.sealed


def test_a_quorum_is_acknowledged_by_sheets_that_are_not_void() -> None:
    book = at_issued().add(ack(ONE, "1.1")).add(ack(ONE, "1.2"))
    assert book.current.quorum_acknowledged
    book.add(SheetVoided(epoch_id=ONE, sheet="1.1", reason="lost"))
    assert not book.current.quorum_acknowledged
    assert book.current.voided == {"1.1": "lost"}


def sheet_records(epoch_id: str, sheet: str) -> list[AnyBody]:
    void = SheetVoided(epoch_id=epoch_id, sheet=sheet, reason="lost")
    return [read_back(epoch_id, (sheet,)), ack(epoch_id, sheet), void]


def test_a_sheet_of_no_living_epoch_is_neither_read_nor_held_nor_voided() -> None:
    for body in [*sheet_records(TWO, "1.1"), Proven(epoch_id=TWO, result="accepted", detail="")]:
        at_issued().refuse(body, "this epoch is void, abandoned or unknown")
    for body in sheet_records(ONE, "1.1"):
        at_old_dead().refuse(body, "this epoch is void, abandoned or unknown")
    for sheet in ("1.4", "2.1", "01.1", ""):
        for body in sheet_records(ONE, sheet):
            at_issued().refuse(body, f"expected a sheet of epoch 1 (1.1, 1.2, 1.3), got {sheet}")
    book = at_issued().add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="seen"))
    for body in sheet_records(ONE, "1.2"):
        book.refuse(body, "sheet 1.2 of epoch 1 is void")


# --- declaring -------------------------------------------------------------------------------------------


def test_a_declaration_is_named_by_the_hash_of_its_record() -> None:
    book = at_declared()
    assert (book.under_way.id, book.under_way.phase) == (book.opening, Phase.DECLARED)
    assert book.under_way.short_id == book.opening[:12]


def test_nothing_is_declared_without_an_epoch() -> None:
    started().refuse(declared(), "set prod-db has no epoch to open")


def test_a_later_declaration_names_the_one_it_supersedes() -> None:
    book = at_declared()
    first = book.opening
    for wrong in ("", "00" * 32):
        book.refuse(declared(supersedes=wrong), "another opening of this set is under way")
    book.refuse(
        declared(supersedes=first), "a declaration begins an opening, and belongs to none", InvalidRecord, opening=first
    )
    book.add(declared(supersedes=first))
    assert [(one.id, one.outcome) for one in book.set.past] == [(first, "superseded")]
    at_issued().refuse(declared(supersedes=first), "another opening of this set is under way")


def test_a_superseded_use_still_owes_its_rotation() -> None:
    book = at_open()
    book.add(declared(supersedes=book.opening))
    assert [debt.opening for debt in book.set.rotation_debts] == [book.set.past[0].id]


def test_an_overridden_check_is_a_debt_until_people_settled_it() -> None:
    book = at_declared().add(Overridden(gate="ticket", problem="no ticket", reason="3 a.m."))
    (debt,) = book.set.debts
    assert (debt.id, debt.kind, debt.deadline_s) == ("ticket-4", "ticket", 7 * 86400)
    assert debt.what == "review the overridden check ticket: no ticket"
    settled = Settled(debt="ticket-4", reason="looked at it", officers=("Duty",))
    assert book.add(settled).set.debts == ()
    book.refuse(settled, "set prod-db has no debt ticket-4: it owes nothing")


@pytest.mark.parametrize("purpose", ["drill", "rotation"])
def test_only_an_emergency_overrides(purpose: str) -> None:
    book = at_issued().add(declared(purpose))
    body = Overridden(gate="ticket", problem="p", reason="r")
    book.refuse(body, "only an emergency may override a check")


def test_only_a_declaration_can_be_cancelled() -> None:
    book = at_declared().add(Cancelled(reason="it came back"))
    assert (book.set.opening, book.set.past[0].outcome) == (None, "cancelled")
    message = "only a declaration that was not opened can be cancelled; close the use instead"
    for make in (at_open, at_ready, at_old_dead):
        make().refuse(Cancelled(reason="r"), message)


# --- opening ---------------------------------------------------------------------------------------------


def test_an_opening_owes_a_rotation_from_its_first_record_on() -> None:
    book = at_open()
    (debt,) = book.set.debts
    assert (debt.id, debt.kind, debt.deadline_s) == (f"rotation-{book.opening[:8]}", "rotation", 7200)
    settled = Settled(debt=debt.id, reason="never mind", officers=("Duty",))
    book.refuse(settled, "a rotation debt is settled by a proven rotation only")


def test_without_a_policy_the_rotation_is_due_in_a_day() -> None:
    book = Book().add(recovered(FIRST)).add(declared()).add(opened(ONE))
    assert book.set.debts[0].deadline_s == 86400


def test_an_opening_opens_once() -> None:
    for make in (at_open, at_ready):
        make().refuse(opened(ONE), "this opening was opened already; declare another")


def test_only_the_living_epoch_opens() -> None:
    at_declared().refuse(opened(TWO), "this epoch is not the living one")
    book = at_prepared()
    book.add(declared(supersedes=book.opening)).refuse(opened(TWO), "this epoch is not the living one")
    book = at_applying()
    book.add(declared(supersedes=book.opening))
    assert book.set.openable(ONE)
    assert book.add(opened(TWO)).under_way.epoch_id == TWO
    book = at_old_dead().add(CLOSED).add(declared())
    with pytest.raises(IllegalState, match=r"epoch 1 of prod-db is superseded: epoch 2 .* followed it"):
        book.add(opened(ONE))


@pytest.mark.parametrize("sheets", [(), ("1.1",), ("1.1", "1.1")])
def test_an_opening_names_a_quorum(sheets: tuple[str, ...]) -> None:
    at_declared().refuse(opened(ONE, sheets), "the sheets named are no quorum of epoch 1")


def test_an_opening_names_sheets_that_count() -> None:
    at_declared().refuse(opened(ONE, ("1.1", "1.4")), "expected a sheet of epoch 1 (1.1, 1.2, 1.3), got 1.4")
    book = at_declared().add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="seen"))
    book.refuse(opened(ONE, ("1.1", "1.2", "1.3")), "sheet 1.2 of epoch 1 is void")
    assert book.add(opened(ONE, ("1.1", "1.3"))).set.phase is Phase.OPEN


def test_a_use_begins_once_and_ends_once() -> None:
    begins, ends = "a use begins when the opening is open, once", "there is no use to close"
    at_declared().refuse(InUse(), begins)
    at_declared().refuse(USE_ENDED, ends)
    book = at_open().add(InUse())
    book.refuse(InUse(), begins)
    book.add(USE_ENDED)
    book.refuse(USE_ENDED, ends)
    book.refuse(InUse(), begins)
    assert (book.under_way.use_ended, book.under_way.classification) == (True, "emergency")
    assert at_open().add(USE_ENDED).under_way.use_ended


def test_nothing_is_revealed_where_the_target_is_only_asked() -> None:
    asks = Opened(
        epoch_id=ONE, sheets=("1.1", "1.2"), mode="ask", program="", witnessed="consistent", pinned=True
    )  # fmt: skip
    book = at_open().add(USE_ENDED)
    book.add(declared("rotation", supersedes=book.under_way.id)).add(asks)
    book.refuse(InUse(), "this opening only asks the target about its credential: nothing is revealed in it")
    book.add(UseEnded(outcome="asked", classification="rotation"))


def test_a_deferral_moves_the_deadline_and_keeps_the_debt() -> None:
    body = Deferred(for_s=600, reason="change freeze")
    message = "there is no rotation to defer"
    at_declared().refuse(body, message)
    at_old_dead().refuse(body, message)
    (debt,) = at_open().add(body).set.rotation_debts
    assert debt.deadline_s == 600
    assert debt.what.endswith("deferred: change freeze")


# --- rotating --------------------------------------------------------------------------------------------


def test_the_countersigned_envelope_is_the_prepared_one() -> None:
    message = "only a quorum of the old epoch countersigns the prepared one"
    at_open().refuse(COUNTERSIGNED, message)
    at_open().refuse(msgspec.structs.replace(COUNTERSIGNED, epoch_id=""), message)
    at_prepared().refuse(msgspec.structs.replace(COUNTERSIGNED, epoch_id=ONE), message)
    book = at_prepared()
    book.add(declared(supersedes=book.opening)).refuse(COUNTERSIGNED, message)
    other = msgspec.structs.replace(COUNTERSIGNED, envelope_sha256="00" * 32)
    at_prepared().refuse(other, "the countersigned envelope is not the prepared one", InvalidRecord)


def test_the_target_is_changed_only_after_the_use() -> None:
    book = at_prepared().add(read_back(TWO)).add(ack(TWO, "1.1")).add(ack(TWO, "1.2"))
    book.refuse(APPLYING, "the use has not ended: the target is changed after it")
    assert book.add(USE_ENDED).add(APPLYING).set.applying


def test_the_target_is_changed_only_with_the_new_sheets_in_custody() -> None:
    message = "the new sheets are not all read back, or no quorum of them is acknowledged"
    book = at_prepared().add(USE_ENDED)
    book.refuse(APPLYING, message)
    book.add(ack(TWO, "1.1")).add(ack(TWO, "1.2")).refuse(APPLYING, message)
    book = at_prepared().add(USE_ENDED).add(read_back(TWO)).add(ack(TWO, "1.1"))
    book.refuse(APPLYING, message)
    voided = SheetVoided(epoch_id=TWO, sheet="1.1", reason="lost")
    book.add(voided).add(ack(TWO, "1.2")).refuse(APPLYING, message)


def test_sessions_are_waited_for_between_preparation_and_change() -> None:
    waits = SessionsAwaited(count=1, for_s=600, detail="a: 1 session")
    book = at_ready()
    before = book.set
    after = replace(book.add(waits).set, cases=before.cases)
    assert after == before, "a wait changes nothing but what a review would look at last"
    for early in (at_open(), at_applying()):
        early.refuse(waits, "sessions are waited for between the preparation of an epoch and the change")
    backwards = SessionsAwaited(count=-1, for_s=1, detail="")
    at_ready().refuse(backwards, "expected a count and a time that are not negative", InvalidRecord)
    endless = SessionsAwaited(count=1, for_s=86_401, detail="")
    at_ready().refuse(endless, "expected a wait for sessions of 86400 s at most, got 86401", InvalidRecord)


def test_only_the_prepared_epoch_follows_the_current_one() -> None:
    message = "only the prepared epoch can follow the current one"
    for ids in ((TWO, ONE), (ONE, ONE), (ONE, ""), ("", TWO)):
        at_ready().refuse(Applying(old_epoch_id=ids[0], new_epoch_id=ids[1]), message)
    at_open().add(USE_ENDED).refuse(Applying(old_epoch_id=ONE, new_epoch_id=""), message)


def test_applying_is_resumed_even_when_a_new_sheet_was_lost_meanwhile() -> None:
    book = at_applying().add(SheetVoided(epoch_id=TWO, sheet="1.1", reason="lost"))
    assert book.add(APPLYING).set.phase is Phase.APPLYING


def test_both_epochs_open_while_the_target_is_being_changed() -> None:
    book = at_applying()
    assert book.set.openable(ONE)
    assert book.set.openable(TWO)


def test_nothing_is_applied_or_dead_that_was_not_begun() -> None:
    for body in (APPLIED, OLD_DEAD):
        at_ready().refuse(body, "nothing is being applied")
        at_old_dead().refuse(body, "nothing is being applied")
    at_applying().refuse(Applied(new_epoch_id=ONE), "nothing is being applied")
    swapped = msgspec.structs.replace(OLD_DEAD, old_epoch_id=TWO, new_epoch_id=ONE)
    at_applying().refuse(swapped, "nothing is being applied")


def test_an_opening_that_opened_nothing_proves_no_death() -> None:
    book = at_applying()
    book.add(declared(supersedes=book.opening))
    message = "the use has not ended: the old credential is proven dead after it"
    book.refuse(OLD_DEAD, message)
    book.add(opened(ONE)).refuse(OLD_DEAD, message)
    assert book.add(USE_ENDED).add(OLD_DEAD).set.current == TWO


def test_the_proven_death_of_the_old_one_voids_it_and_settles_the_debt() -> None:
    book = at_old_dead()
    assert (book.set.current, book.set.prepared, book.set.applying, book.set.debts) == (TWO, "", False, ())
    assert book.set.epochs[ONE].status is EpochStatus.VOID
    assert book.current.proven
    assert not book.set.openable(ONE)


def test_an_override_stays_owed_after_the_rotation() -> None:
    book = at_declared().add(Overridden(gate="clock", problem="p", reason="r")).add(opened(ONE))
    book.add(USE_ENDED).add(issued(SECOND)).add(COUNTERSIGNED).add(read_back(TWO)).add(ack(TWO, "1.1")).add(
        ack(TWO, "1.2")
    )
    book.add(APPLYING).add(OLD_DEAD).add(CLOSED)
    assert [debt.kind for debt in book.set.debts] == ["clock"]


def test_a_new_credential_that_was_opened_while_it_was_applied_is_owed_its_own_rotation() -> None:
    book = at_applying()
    book.add(declared(supersedes=book.opening)).add(opened(TWO)).add(USE_ENDED)
    revealed = book.opening
    book.add(declared("rotation", supersedes=book.opening)).add(opened(ONE)).add(USE_ENDED)
    book.add(APPLYING).add(OLD_DEAD).add(CLOSED)
    assert [debt.opening for debt in book.set.rotation_debts] == [revealed]
    assert book.set.phase is Phase.ROTATION_DUE


def test_a_recovered_epoch_that_was_opened_and_rotated_is_void() -> None:
    newer = deal(7)
    book = at_issued().add(recovered(newer)).add(declared()).add(opened(id_of(newer))).add(USE_ENDED)
    following = deal(8, newer.envelope.core.epoch_id)
    seven, eight = id_of(newer), id_of(following)
    assert book.set.current == seven
    book.add(issued(following)).add(countersigned(following)).add(read_back(eight)).add(ack(eight, "1.1")).add(
        ack(eight, "1.2")
    )
    book.add(Applying(old_epoch_id=seven, new_epoch_id=eight))
    book.add(OldDead(old_epoch_id=seven, new_epoch_id=eight, proofs=(), scope=""))
    assert not book.set.openable(seven)
    assert book.set.openable(ONE), "nobody proved the epoch before it dead"
    assert book.set.debts == ()


def test_an_opened_epoch_that_this_rotation_did_not_prove_dead_is_still_owed() -> None:
    newer = deal(7)
    book = at_issued().add(recovered(newer)).add(declared()).add(opened(id_of(newer))).add(USE_ENDED)
    first = book.opening
    book.add(declared("rotation", supersedes=first)).add(opened(ONE)).add(USE_ENDED)
    following = deal(8, FIRST.envelope.core.epoch_id)
    book.add(issued(following)).add(countersigned(following))
    eight = book.set.prepared
    book.add(read_back(eight)).add(ack(eight, "1.1")).add(ack(eight, "1.2"))
    book.add(Applying(old_epoch_id=ONE, new_epoch_id=eight))
    book.add(OldDead(old_epoch_id=ONE, new_epoch_id=eight, proofs=(), scope=""))
    assert [debt.opening for debt in book.set.rotation_debts] == [first]


def test_a_new_epoch_that_the_old_quorum_did_not_vouch_for_is_never_applied() -> None:
    book = at_open().add(issued(SECOND)).add(USE_ENDED).add(read_back(TWO)).add(ack(TWO, "1.1")).add(ack(TWO, "1.2"))
    book.refuse(APPLYING, "the old epoch's quorum did not countersign the new envelope")
    assert book.add(COUNTERSIGNED).add(APPLYING).set.epochs[TWO].countersigned


def test_a_receipt_pins_only_what_was_learned_from_sheets_and_only_as_it_is() -> None:
    newer = deal(7)
    good = Pinned(
        epoch_id=id_of(newer), set_public_key=newer.envelope.set_public_key.hex(),
        envelope_sha256=newer.envelope.digest.hex(), log="00" * 8, size=9, receipt_sha256="00" * 32,
    )  # fmt: skip
    message = "only an epoch that was learned from its sheets is pinned by a receipt"
    at_issued().refuse(good, message)
    at_issued().refuse(msgspec.structs.replace(good, epoch_id=ONE), message)
    book = at_issued().add(recovered(newer))
    for changes in ({"set_public_key": "00" * 32}, {"envelope_sha256": "00" * 32}, {"envelope_sha256": ""}):
        other = msgspec.structs.replace(good, **changes)
        book.refuse(other, "the receipt pins another key or envelope than this ledger holds", InvalidRecord)
    assert not book.set.epochs[id_of(newer)].pinned
    assert book.add(good).set.epochs[id_of(newer)].pinned


def test_a_heartbeat_promises_the_next_one() -> None:
    book = Book().add(LedgerStarted(terminal="north", public_key="ssh-ed25519 AAAA north", software="x"), name="")
    assert book.state.beat_every_s == 0
    book.add(Heartbeat(every_s=3600), name="")
    assert (book.state.beat_every_s, book.state.sets) == (3600, {})
    message = "expected a heartbeat's interval of 0 or more seconds, got -1"
    book.refuse(Heartbeat(every_s=-1), message, InvalidRecord, name="")


def test_the_state_does_not_grow_with_the_openings_and_forgets_none_that_owes() -> None:
    book = at_issued().add(declared()).add(opened(ONE)).add(USE_ENDED)
    owing = book.opening
    for _ in range(3 * opening_rules.PAST_KEPT):
        book.add(declared(supersedes=book.under_way.id))
    past = [one.id for one in book.set.past]
    assert len(past) == opening_rules.PAST_KEPT + 1
    assert past[0] == owing
    assert [debt.opening for debt in book.set.rotation_debts] == [owing]
    assert book.add(opened(ONE)).set.rotation_debts == book.set.debts, "one rotation debt for an epoch, found again"
    assert len(book.set.debts) == 1


def test_an_opening_closes_when_its_rotation_is_proven() -> None:
    message = "an opening closes when its rotation is proven, not before"
    for make in (at_declared, at_open, at_ready, at_applying):
        make().refuse(CLOSED, message)
    book = at_old_dead().add(CLOSED)
    assert (book.set.opening, book.set.past[-1].outcome, book.set.past[-1].rotated) == (None, "closed", True)


# --- abandoning ------------------------------------------------------------------------------------------


def abandoned(epoch_id: str) -> Abandoned:
    return Abandoned(epoch_id=epoch_id, reason="the run ended")


ABANDON = "only a prepared epoch that was never applied can be abandoned"


def test_a_prepared_epoch_can_be_abandoned_and_another_made() -> None:
    book = at_ready().add(abandoned(TWO))
    assert (book.set.prepared, book.set.epochs[TWO].status) == ("", EpochStatus.ABANDONED)
    third = deal(3, FIRST.envelope.core.epoch_id)
    assert book.add(issued(third)).set.prepared == id_of(third)
    book.refuse(abandoned(TWO), ABANDON)


def test_an_epoch_that_may_be_alive_is_never_abandoned() -> None:
    at_applying().refuse(abandoned(TWO), ABANDON)
    at_applying().refuse(abandoned(ONE), ABANDON)
    for make in (at_issued, at_declared, at_open, at_old_dead):
        for epoch_id in (ONE, TWO, ""):
            make().refuse(abandoned(epoch_id), ABANDON)


def test_a_set_learned_from_its_sheets_is_never_abandoned() -> None:
    Book().add(recovered(FIRST)).refuse(abandoned(ONE), ABANDON)


def test_a_first_epoch_that_never_was_in_force_can_be_abandoned_for_good() -> None:
    book = started().add(issued(FIRST, proven="unproven")).add(abandoned(ONE))
    assert (book.set.current, book.set.epochs[ONE].status) == ("", EpochStatus.ABANDONED)
    book.refuse(abandoned(""), ABANDON)
    book.refuse(declared(), "set prod-db has no epoch to open")
    book.refuse(issued(FIRST), "a new epoch follows the current one and has a higher number than any before")
    book.refuse(recovered(FIRST), "this epoch is in the ledger already")
    again = deal(2)
    book.add(issued(again)).refuse(recovered(FIRST), "this epoch is in the ledger already")
    assert book.set.current == id_of(again)
    assert not book.set.openable(ONE)


def test_the_records_alone_make_the_state() -> None:
    book, pairs = Book(), []
    said = msgspec.structs.replace(declared(), policy_digest=policies.digest(SOURCE).hex())
    bodies: list[AnyBody] = [adopted(), issued(FIRST), read_back(ONE), said, opened(ONE), USE_ENDED]
    for body in bodies:
        record = Record(
            v=1, log="00" * 8, seq=book.count, previous="", root="", time=f"2026-01-01T00:00:{book.count:02d}Z",
            boot="b", uptime_ms=book.count * 1000, set="prod-db", opening=book.opening, body=body,
        )  # fmt: skip
        pairs.append((record.to_bytes(), record))
        book.add(body)
    assert lifecycle.replay(pairs) == book.state
    with pytest.raises(InvalidRecord, match="record 6: there is no use to close"):
        lifecycle.replay([*pairs, pairs[-1]])


# --- another policy, other custodians ---------------------------------------------------------------------

STRICTER = SOURCE.replace('deadline = "2h"', 'deadline = "1h"')
LAXER = SOURCE.replace('deadline = "2h"', 'deadline = "3h"')
LONGER = ("rotation.deadline: 3h instead of 2h",)


def adopted_as(source: str) -> PolicyAdopted:
    return adopted(source=source, digest=policies.digest(source).hex())


def weakened(source: str = LAXER, weakens: tuple[str, ...] = LONGER) -> PolicyWeakened:
    return PolicyWeakened(source=source, digest=policies.digest(source).hex(), weakens=weakens)


def reassigned(sheet: str, custodian: str, despite: tuple[str, ...] = ()) -> Reassigned:
    return Reassigned(epoch_id=ONE, sheet=sheet, custodian=custodian, reason="left", despite=despite)


def test_a_policy_that_weakens_nothing_is_adopted_by_a_record_alone() -> None:
    assert at_issued().add(adopted_as(STRICTER)).set.policy_source == STRICTER
    refused = "this policy weakens the set:\n  rotation.deadline: 3h instead of 2h"
    at_issued().refuse(adopted_as(LAXER), refused, PolicyWeakens)


def test_before_there_is_a_sheet_any_policy_is_adopted() -> None:
    assert started().add(adopted_as(LAXER)).set.policy_source == LAXER


def test_a_policy_that_weakens_takes_the_quorum_that_opened_for_it() -> None:
    book = at_issued().add(declared("rotation"))
    by_quorum = "a policy that weakens a set is adopted by the quorum that opened it"
    book.refuse(weakened(), by_quorum)
    book.add(opened(ONE))
    book.refuse(weakened(), by_quorum, opening="")
    book.refuse(adopted_as(LAXER), "this policy weakens the set:\n  rotation.deadline: 3h instead of 2h", PolicyWeakens)
    assert book.add(weakened()).set.policy_source == LAXER
    assert book.set.rotation_debts


@pytest.mark.parametrize("purpose", ["emergency", "drill"])
def test_an_emergency_or_a_drill_adopts_no_policy_that_weakens(purpose: str) -> None:
    book = at_issued().add(declared(purpose)).add(opened(ONE))
    book.refuse(weakened(), "a policy that weakens a set is adopted in a rotation, by a quorum that still counts")


def test_sheets_that_anybody_can_print_weaken_no_set_that_was_issued_here() -> None:
    stranger = deal(7)
    book = at_issued().add(declared()).add(recovered(stranger))
    book.add(Overridden(gate="epoch", problem="unknown", reason="it is down"))
    book.add(opened(id_of(stranger))).add(USE_ENDED)
    assert book.set.current == id_of(stranger)
    book.add(declared("rotation", supersedes=book.under_way.id)).add(opened(id_of(stranger)))
    alone = "a policy that weakens a set this terminal issued is not adopted by sheets it knows from themselves alone"
    book.refuse(weakened(), alone)


def test_a_set_that_is_known_from_its_sheets_alone_is_weakened_by_them() -> None:
    book = started().add(recovered(FIRST)).add(declared("rotation")).add(opened(ONE))
    assert book.add(weakened()).set.policy_source == LAXER


def test_the_record_lists_all_that_weakens_and_nothing_else() -> None:
    book = at_issued().add(declared("rotation")).add(opened(ONE))
    for wrong in ((), (*LONGER, "more"), ("rotation.deadline: 3h",)):
        book.refuse(weakened(weakens=wrong), "the record does not list what its policy weakens", InvalidRecord)
    book.refuse(weakened(STRICTER), "the record does not list what its policy weakens", InvalidRecord)


def test_a_declaration_names_the_policy_in_force() -> None:
    wrong = "the declaration was made under another policy than the one in force"
    stale = msgspec.structs.replace(declared(), policy_digest=policies.digest(LAXER).hex())
    at_issued().refuse(stale, wrong, InvalidRecord)
    known = Book().add(LedgerStarted(terminal="north", public_key="k", software="x"), name="")
    known.add(recovered(FIRST)).refuse(stale, wrong, InvalidRecord)
    assert at_declared().under_way.declared.policy_digest == policies.digest(SOURCE).hex()


def test_a_sheet_that_changes_hands_is_acknowledged_anew_and_its_past_is_kept() -> None:
    book = at_issued().add(ack(ONE, "1.2")).add(reassigned("1.2", "West"))
    assert book.current.custodians["1.2"] == "West"
    assert book.current.former == {"1.2": ("South",)}
    assert "1.2" not in book.current.acknowledged
    assert [*holders.rotation_reasons(book.set)] == [
        "rotate: sheet 1.2 of epoch 1 changed hands",
        "rotate: no custodian by the policy, but with a sheet of epoch 1: West",
    ]
    sheet = book.set.history.sheet(ONE, "1.2")
    assert sheet.moved == book.set.history.people_changed is not None


def test_who_would_have_held_a_quorum_over_time_is_refused_by_name() -> None:
    book = at_issued().add(reassigned("1.2", "West")).add(reassigned("1.2", "East Two"))
    against = "West would have held a quorum of epoch 1: sheets 1.2, 1.3"
    book.refuse(reassigned("1.3", " west "), against.replace("West", " west "), HeldTooMuch)
    book.refuse(reassigned("1.2", "North"), "North would have held a quorum of epoch 1: sheets 1.1, 1.2", HeldTooMuch)
    book.add(reassigned("1.1", "Fourth")).add(reassigned("1.1", "North"))
    assert book.current.former["1.1"] == ("North", "Fourth")


def test_a_voided_sheet_still_counts_for_who_held_it() -> None:
    book = at_issued().add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="seen"))
    against = "South would have held a quorum of epoch 1: sheets 1.2, 1.3"
    book.refuse(reassigned("1.3", "South"), against, HeldTooMuch)
    book.refuse(reassigned("1.2", "West"), "sheet 1.2 of epoch 1 is void")


def test_what_has_happened_is_recorded_with_exactly_what_stands_against_it() -> None:
    against = ("South would have held a quorum of epoch 1: sheets 1.2, 1.3",)
    incomplete = "the record does not list what stands against handing this sheet on"
    book = at_issued()
    book.refuse(reassigned("1.3", "South", ("nothing much",)), incomplete, InvalidRecord)
    book.refuse(reassigned("1.3", "West", against), incomplete, InvalidRecord)
    book.add(reassigned("1.3", "South", against))
    assert next(holders.rotation_reasons(book.set)) == "rotate: South has held a quorum of epoch 1, sheets 1.2, 1.3"


def test_a_sheet_is_not_handed_to_who_keeps_it() -> None:
    at_issued().refuse(reassigned("1.1", "north"), "North keeps sheet 1.1 of epoch 1 already")
    at_issued().refuse(reassigned("1.9", "West"), "expected a sheet of epoch 1 (1.1, 1.2, 1.3), got 1.9")


def test_a_custodian_whom_an_adopted_policy_does_not_name_makes_the_rotation_due() -> None:
    without = STRICTER.replace('"East"', '"West"')
    book = at_issued().add(adopted_as(without))
    assert [*holders.rotation_reasons(book.set)] == [
        "rotate: no custodian by the policy, but with a sheet of epoch 1: East"
    ]
    moved = {seat: book.set.history.sheet(ONE, seat).moved for seat in SEATS}
    assert moved == {"1.1": None, "1.2": None, "1.3": book.state.last}
    assert book.set.history.people_changed == book.state.last
    again = book.add(adopted_as(without.replace('"1h"', '"30m"')))
    assert again.set.history.people_changed != again.state.last


def test_what_is_made_for_a_set_that_never_worked_is_owed_without_an_opening() -> None:
    made = Made(target="passkey:https://login.example/", public_id="VbR3mTq81kZa", epoch_id="")
    book = Book().add(adopted()).add(issued(deal(1), proven="unproven")).add(made)
    assert [debt.kind for debt in book.state.of("prod-db").debts if debt.kind == "unprinted"] == ["unprinted"]
    book = Book().add(adopted()).add(issued(deal(1)))
    with pytest.raises(IllegalState):
        book.add(made)

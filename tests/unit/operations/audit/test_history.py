# SPDX-License-Identifier: Apache-2.0
"""The history that a report renders: everything that happened is in it once, with who, why and how long."""

from typing import Any

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.drills import RollCall
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, Watched
from breakglass_shamir.custody.records.openings import Cancelled, InUse, OfficerSigned, Overridden, Refused, Settled
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.rotations import SessionsAwaited, SessionsEnded, Waited
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted, Reassigned, SheetVoided
from breakglass_shamir.formats.named_fields import names_of
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.audit import history
from breakglass_shamir.operations.audit.story import LogHistory, SetHistory
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life.test_lifecycle import FIRST, ONE, SEATS, SECOND, TWO, Book
from tests.unit.custody.life.test_officers import LINES, OFFICERS, PRINTS, SEEDS

SOURCE = lives.SOURCE + OFFICERS
START = LedgerStarted(terminal="north", public_key=LINES["x"], software="x")


class Kept(Book):
    """A log in memory that keeps its entries."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def add(self, body: AnyBody, *, opening: str | None = None, name: str = "prod-db") -> "Kept":
        super().add(body, opening=opening, name=name)
        return self

    def keep(self, data: bytes, record: Record) -> None:
        self.entries.append(Entry(data, record, "", "", ""))

    @property
    def told(self) -> LogHistory:
        return history.build(self.entries)

    @property
    def of_set(self) -> SetHistory:
        (only,) = self.told.sets
        return only


def begun() -> Kept:
    book = Kept()
    book.add(START, name="").add(lives.adopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
    return book.add(lives.issued(FIRST))


def signed(book: Kept, letter: str = "a") -> OfficerSigned:
    armored = sshsig.sign(SEEDS[letter], book.under_way.data, sshsig.OFFICER_NAMESPACE)
    return OfficerSigned(officer="Duty", key=LINES[letter], signature=armored)


def lived() -> Kept:
    """One emergency from declaration to closure, with a sheet that moved, one that was lost, and roll-calls."""
    book = Kept()
    book.add(START, name="").add(lives.adopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
    book.add(lives.issued(FIRST)).add(lives.read_back(ONE))
    book.add(Acknowledged(epoch_id=ONE, sheet="1.1", custodian="North", bag="B-1"))
    book.add(Reassigned(epoch_id=ONE, sheet="1.1", custodian="West", reason="she left"))
    book.add(roll_call("pass")).add(roll_call("fail", "the bag is torn"))
    book.add(SheetVoided(epoch_id=ONE, sheet="1.3", reason="lost"))
    book.add(lives.declared()).add(signed(book))
    book.add(Overridden(gate="ticket", problem="no ticket", reason="the system is down"))
    book.add(lives.opened(ONE)).add(InUse()).add(lives.USE_ENDED)
    book.add(lives.issued(SECOND)).add(lives.COUNTERSIGNED).add(lives.read_back(TWO))
    for seat in SEATS:
        book.add(lives.ack(TWO, seat))
    book.add(lives.APPLYING).add(lives.APPLIED).add(lives.OLD_DEAD).add(lives.CLOSED)
    return book


def roll_call(result: str, *reasons: str) -> RollCall:
    return RollCall(
        epoch_id=ONE, sheet="1.1", custodian="West", level="seal", bag="B-1", health="", used_percent=0,
        result=result, reasons=reasons,
    )  # fmt: skip


def test_an_opening_tells_who_why_how_long_and_how_it_ended() -> None:
    (opening,) = lived().of_set.openings
    assert (opening.purpose, opening.incident_class, opening.ticket, opening.reason) == (
        "emergency", "idp-outage", "INC-1", "it is down",
    )  # fmt: skip
    assert opening.officers == ("Duty", "Second")
    assert [(one.officer, one.fingerprint) for one in opening.signed_by] == [("Duty", PRINTS["a"])]
    assert [(one.gate, one.reason) for one in opening.passed] == [("ticket", "the system is down")]
    assert (opening.mode, opening.sheets, opening.witnessed, opening.pinned) == (
        "show", ("1.1", "1.2"), "consistent", True,
    )  # fmt: skip
    assert (opening.use_s, opening.allowed_s, opening.overlong) == (2, 3600, False)
    assert (opening.how, opening.classification, opening.outcome) == ("done", "emergency", "closed")
    assert opening.declared < opening.opened < opening.in_use < opening.ended < opening.over
    rotation = opening.rotation
    assert rotation is not None
    assert (rotation.old_epoch_id, rotation.new_epoch_id, rotation.proofs) == (ONE, TWO, ("a", "b", "c"))
    assert rotation.applying < rotation.applied < rotation.proven
    assert (rotation.scope, rotation.attested_by, rotation.sessions_ended) == ("this file", (), -1)
    assert [step.type for step in opening.steps][:4] == ["declared", "officer-signed", "overridden", "opened"]
    assert opening.steps[-1].type == "closed"


def test_debts_are_told_with_what_settled_them() -> None:
    book = lived()
    rotation, ticket = sorted(book.of_set.debts, key=lambda debt: debt.kind)
    assert (rotation.kind, rotation.by, rotation.late) == ("rotation", "the proven death of the old credential", False)
    assert rotation.settled_seq > rotation.seq
    assert rotation.after_s == rotation.settled_seq - rotation.seq
    assert (ticket.kind, ticket.by, ticket.after_s) == ("ticket", "", -1)
    assert book.of_set.owed == (ticket,)
    book.add(Settled(debt=ticket.id, reason="entered later", officers=("Duty",)))
    assert [debt.by for debt in book.of_set.debts if debt.kind == "ticket"] == ["Duty: entered later"]
    assert not book.of_set.owed


def test_epochs_are_a_chain_of_custody() -> None:
    first, second = lived().of_set.epochs
    assert (first.number, first.link, first.status, first.current, first.predecessor) == (1, "first", "void", False, "")
    assert (second.number, second.link, second.status, second.current) == (2, "countersigned", "good", True)
    assert second.predecessor == first.epoch_id
    assert lived().of_set.unbroken


def test_a_break_in_the_chain_is_told() -> None:
    book = Kept()
    book.add(START, name="").add(lives.recovered(FIRST))
    assert [epoch.link for epoch in book.of_set.epochs] == ["unpinned"]
    assert not book.of_set.unbroken


def test_sheets_are_told_with_everybody_who_held_them() -> None:
    one, two, three = lived().of_set.epochs[0].sheets
    assert one.custodian == "West"
    assert [(held.custodian, held.bag) for held in one.held] == [("North", "B-1"), ("West", "")]
    assert [(call.result, call.reasons) for call in one.roll_calls] == [("pass", ()), ("fail", ("the bag is torn",))]
    assert (two.custodian, two.voided, bool(two.read_back)) == ("South", "", True)
    assert (three.void_reason, bool(three.voided), three.destroyed) == ("lost", True, "")


def test_what_was_not_opened_is_told_too() -> None:
    book = begun()
    book.add(lives.declared()).add(Cancelled(reason="it came back"))
    book.add(lives.declared())
    book.add(lives.declared(supersedes=book.opening), opening="")
    outcomes = [(opening.outcome, opening.use_s, opening.rotation) for opening in book.of_set.openings]
    assert outcomes == [("cancelled", -1, None), ("superseded", -1, None), ("", -1, None)]


def test_more_openings_than_the_state_keeps_are_all_told() -> None:
    book = begun()
    for _ in range(40):
        book.add(lives.declared()).add(Cancelled(reason="it came back"))
    assert [opening.outcome for opening in book.of_set.openings] == ["cancelled"] * 40


def test_the_log_is_told_with_its_terminal() -> None:
    told = lived().told
    assert (told.terminal, told.terminal_fingerprint, told.log) == ("north", PRINTS["x"], "00" * 8)
    assert told.records == lived().count
    assert told.first < told.last


def test_a_history_is_plain_data() -> None:
    """What a renderer gets is frozen: no secret, no bytes, nothing that reaches a store."""
    seen: list[type] = []

    def walk(value: Any) -> None:
        if names := names_of(type(value)):
            for name in names:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)
        else:
            seen.append(type(value))

    walk(lived().told)
    assert set(seen) <= {str, int, bool, type(None)}


def test_a_rotation_is_told_with_what_was_waited_for_and_the_sessions_it_ended() -> None:
    book = begun()
    book.add(lives.read_back(ONE)).add(lives.declared("rotation")).add(lives.opened(ONE)).add(lives.USE_ENDED)
    book.add(lives.issued(SECOND)).add(lives.COUNTERSIGNED).add(lives.read_back(TWO))
    for seat in SEATS:
        book.add(lives.ack(TWO, seat))
    book.add(SessionsAwaited(count=2, for_s=600, detail="a: 2 sessions"))
    book.add(SessionsAwaited(count=1, for_s=0, detail="a: 1 session"))
    book.add(lives.APPLYING).add(lives.APPLIED)
    book.add(Waited(what="the old one to die at a", seconds=90)).add(Waited(what="b", seconds=5))
    book.add(SessionsEnded(count=2, detail="of root")).add(lives.OLD_DEAD)
    (opening,) = book.of_set.openings
    assert opening.rotation is not None
    assert opening.sessions_awaited == ("2, waited for up to 10 min", "1 when the change went on")
    assert opening.rotation.waited == ("1 min 30 s for the old one to die at a", "5 s for b")
    assert (opening.rotation.sessions_ended, opening.rotation.sessions) == (2, "of root")


def test_what_happened_around_it_is_told_in_order() -> None:
    book = begun()
    book.add(Refused(stage="split", error="x", message="not ours"), name="")
    book.add(Noted(text="new printer", by="Duty"), opening="")
    for sink, count in (("siem", 3), ("mail", 1), ("siem", 2)):
        book.add(AlertsDelivered(sink=sink, count=count, first="a", last="b"), opening="")
    book.add(Watched(until="2026-01-01T00:00:09Z", every_s=0, problem=""), opening="")
    told, of_set = book.told, book.of_set
    assert [(one.type, one.words) for one in told.events] == [("refused", "split: not ours")]
    assert [(one.type, one.words) for one in of_set.events] == [("noted", "new printer (Duty)")]
    assert [(one.sink, one.count, one.rounds) for one in of_set.delivered] == [("siem", 5, 2), ("mail", 1, 1)]
    assert of_set.watched_until == "2026-01-01T00:00:09Z"

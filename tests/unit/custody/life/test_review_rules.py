# SPDX-License-Identifier: Apache-2.0
"""What owes a review, who may make one, and what a review can't be made to say: each attack by its name."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from breakglass_shamir.alerts import translate
from breakglass_shamir.alerts.event import Action, Severity
from breakglass_shamir.crypto import keys, ssh_key, sshsig
from breakglass_shamir.custody.life import (
    custodian_signatures,
    escalation,
    gates,
    officers,
    review_rules,
    settlement_rules,
)
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import ChangedOutside, LoginSeen
from breakglass_shamir.custody.records.openings import Cancelled, OfficerSigned, Overridden, Settled
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed, review_statement, settlement_statement
from breakglass_shamir.custody.records.rotations import SessionsEnded
from breakglass_shamir.custody.records.sheets import Reassigned
from breakglass_shamir.errors import IllegalState, InvalidPolicy, InvalidRecord, InvalidSignature
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import Entry
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life.test_lifecycle import Book, declared, issued, opened

LOG = "00" * 8
SEEDS = {name: Secret(name.encode().ljust(32)[:32]) for name in ("duty", "rosa", "rudi", "north", "stranger", "other")}
LINES = {name: sshsig.public_line(keys.ed25519_public(seed), "") for name, seed in SEEDS.items()}

PEOPLE = f"""
[[officers]]
name = "Duty"
keys = ["{LINES["duty"]}"]
[[officers]]
name = "Third"
keys = ["{LINES["other"]}"]
[[custodians]]
name = "North"
keys = ["{LINES["north"]}"]
"""

REVIEWERS = f"""
[[review.reviewers]]
name = "Rosa"
keys = ["{LINES["rosa"]}"]
[[review.reviewers]]
name = "Rudi"
keys = ["{LINES["rudi"]}"]
"""


def source(review: str = "", reviewers: str = REVIEWERS) -> str:
    return f"{lives.SOURCE}{PEOPLE}[review]\ndeadline = '3d'\n{review}\n{reviewers}"


REASON = "the log shows one restore and nothing else"
LOGIN = LoginSeen(
    at="2026-01-01T00:00:00Z", account="bg", source="10.0.0.9", accepted=True, count=1, matched="", detail=""
)
OUTSIDE = ChangedOutside(at="2026-01-01T00:00:00Z", detail="")


def under(text: str) -> Book:
    adopted = PolicyAdopted(source=text, digest=policies.digest(text).hex())
    digest = policies.digest(lives.SOURCE).hex()
    assert issued(lives.FIRST).policy_digest == digest
    return Book().add(lives.adopted()).add(issued(lives.FIRST)).add(adopted)


def used(
    text: str | None = None, by: tuple[str, ...] = ("Duty", "Second"), sheets: tuple[str, ...] = ("1.1", "1.2")
) -> Book:
    """A set that was opened, rotated and closed."""
    book = under(text or source())
    book.add(msgspec.structs.replace(declared(), officers=by))
    book.add(opened(lives.ONE, sheets)).add(issued(lives.SECOND, proven="unproven")).add(lives.COUNTERSIGNED)
    book.add(lives.USE_ENDED).add(lives.read_back(lives.TWO)).add(lives.ack(lives.TWO, "1.1"))
    book.add(lives.ack(lives.TWO, "1.2")).add(lives.APPLYING).add(lives.APPLIED).add(lives.OLD_DEAD).add(lives.CLOSED)
    return book


def review(book: Book, who: str = "rosa", name: str = "", subject: str = "", **changes: Any) -> Reviewed:
    subject = subject or book.opening
    case = book.set.cases.get(subject)
    said: dict[str, Any] = {
        "subject": subject, "last": case.last if case else "00" * 32, "verdict": "as declared", "reason": REASON,
        **changes,
    }  # fmt: skip
    data = review_statement(LOG, "prod-db", said["subject"], said["last"], said["verdict"], said["reason"])
    signature = sshsig.sign(SEEDS[who], data, sshsig.REVIEW_NAMESPACE)
    return Reviewed(**said, reviewer=name or who.title(), key=LINES[who], signature=signature)


def settlement(book: Book, who: str, *debts: str, name: str = "", reason: str = REASON) -> DebtsSettled:
    made_by = {debt: book.set.cases[debt].last for debt in debts}
    data = settlement_statement(LOG, "prod-db", made_by, reason)
    signature = sshsig.sign(SEEDS[who], data, sshsig.SETTLEMENT_NAMESPACE)
    return DebtsSettled(
        debts=made_by, reason=reason, officer=name or who.title(), key=LINES[who], signature=signature
    )  # fmt: skip


def owed(book: Book) -> list[str]:
    return [debt.id for debt in book.set.debts]


def kinds(s: SetState) -> list[str]:
    return [debt.kind for debt in s.debts]


def record_of(body: Reviewed | DebtsSettled, **changes: Any) -> Record:
    fields = {
        "v": 1, "log": LOG, "seq": 9, "previous": "", "root": "", "time": "2026-01-01T00:00:00Z", "boot": "b",
        "uptime_ms": 1, "set": "prod-db", "opening": "", "body": body,
    }  # fmt: skip
    return Record(**{**fields, **changes})


# --- what owes one ---------------------------------------------------------------------------------------


def test_an_opening_owes_a_review_from_opened_on_and_one_review_closes_it() -> None:
    book = used()
    (debt,) = book.set.debts
    assert (debt.id, debt.kind, debt.deadline_s) == (f"review-{book.opening[:8]}", "review", 3 * 86400)
    assert debt.what == f"review opening {book.opening[:12]} (emergency, ticket INC-1): it was opened"
    book.add(review(book))
    assert owed(book) == []
    (look,) = book.set.cases[book.opening].reviews
    assert (look.person, look.verdict, look.reason) == ("Rosa", "as declared", REASON)


def test_without_the_table_nothing_owes_one_and_old_rules_hold() -> None:
    book = used(lives.SOURCE + PEOPLE)
    assert owed(book) == []
    book.add(OUTSIDE)
    book.add(Settled(debt=book.set.debts[0].id, reason="ok", officers=("anybody",)))
    assert owed(book) == []


def test_a_passed_gate_owes_one_review_which_closes_both() -> None:
    book = under(source()).add(declared())
    book.add(Overridden(gate="ticket", problem="p", reason="r")).add(Overridden(gate="class", problem="p", reason="r"))
    book.add(Cancelled(reason="it works again"))
    assert kinds(book.set) == ["ticket", "review", "class"]
    gate = book.set.debts[0].id
    book.refuse(Settled(debt=gate, reason=REASON, officers=("Rosa",)), f"{gate} is closed by a review, not settled",
                opening="")  # fmt: skip
    book.add(review(book))
    assert owed(book) == []
    assert len(book.set.cases[book.opening].closed) == 3


def test_an_unmatched_login_is_reviewed_by_its_own_id() -> None:
    book = under(source()).add(LOGIN)
    (debt,) = book.set.debts
    assert debt.kind == "login"
    book.add(review(book, subject=debt.id), opening="")
    assert owed(book) == []


def test_what_the_policy_leaves_out_owes_none() -> None:
    book = used(source('on = ["fork"]'))
    assert owed(book) == []
    book.add(LOGIN, opening="")
    assert not review_rules.needs_review(review_rules.policy_of(book.set), book.set.debts[0])


def test_the_gate_debt_names_no_review() -> None:
    book = used().add(LOGIN, opening="")
    request = gates.Request("emergency", "idp-outage", "INC-1", "it is down", ("A", "B"), "show", 60)
    found = gates.before_declaring(None, book.set, request, Moment("2026-01-01T00:10:00Z", "b", 10**6))
    assert [one.gate for one in found] == []


# --- who may not -----------------------------------------------------------------------------------------


def test_a_reviewer_who_declared_took_part() -> None:
    book = used(by=("Rosa", "Second"))
    book.refuse(review(book), f"Rosa may not review {book.opening[:12]}: Rosa took part in it")


def test_a_reviewer_who_keeps_a_scanned_sheet_took_part() -> None:
    keeper = REVIEWERS.replace('"Rudi"', '"South"')
    book = used(source(reviewers=keeper))
    book.refuse(review(book, "rudi", "South"), f"South may not review {book.opening[:12]}: South took part in it")
    other = used(source(reviewers=keeper), sheets=("1.1", "1.3"))
    other.add(review(other, "rudi", "South"))
    assert owed(other) == []


def test_a_sheet_that_changed_hands_since_names_who_held_it_then() -> None:
    book = used(source(reviewers=REVIEWERS.replace('"Rudi"', '"South"')))
    book.add(Reassigned(epoch_id=lives.TWO, sheet="1.2", custodian="West", reason="r", despite=()), opening="")
    book.refuse(review(book, "rudi", "South"), f"South may not review {book.opening[:12]}: South took part in it")


def test_one_key_under_two_names_is_one_person() -> None:
    """An officer who is listed as a reviewer under another name, with the same key."""
    book = used(source(reviewers=f'{REVIEWERS}\n[[review.reviewers]]\nname = "Neutral"\nkeys = ["{LINES["duty"]}"]'))
    book.refuse(review(book, "duty", "Neutral"), f"Neutral may not review {book.opening[:12]}: Duty took part in it")


def test_a_key_that_signed_the_declaration_reviews_nothing_whatever_the_policy_calls_it() -> None:
    text = source().replace("[rotation]", "signatures = 1\n[rotation]")
    book = under(text).add(declared())
    data = book.under_way.data
    signed = sshsig.sign(SEEDS["duty"], data, sshsig.OFFICER_NAMESPACE)
    book.add(OfficerSigned(officer="Duty", key=LINES["duty"], signature=signed))
    book.add(Overridden(gate="ticket", problem="p", reason="r")).add(Cancelled(reason="it works"))
    renamed = text.replace('"Duty"', '"Renamed"').replace(
        "[[review.reviewers]]",
        f'[[review.reviewers]]\nname = "Neutral"\nkeys = ["{LINES["duty"]}"]\n[[review.reviewers]]',
        1,
    )
    book.state = replace(book.state, sets={"prod-db": replace(book.set, policy_source=renamed)})
    book.refuse(review(book, "duty", "Neutral"), f"Neutral may not review {book.opening[:12]}: the key signed in it")


def test_a_stranger_and_an_officer_are_no_reviewers() -> None:
    book = used()
    for who in ("stranger", "other", "north"):
        print_of = ssh_key.from_line(LINES[who]).fingerprint
        book.refuse(review(book, who), f"the policy lists no reviewer with the key {print_of}")


def test_two_are_needed_and_one_comes_twice() -> None:
    again = f'\n[[review.reviewers]]\nname = "Rose"\nkeys = ["{LINES["rosa"]}", "{LINES["stranger"]}"]'
    book = used(source("needed = 2", REVIEWERS + again))
    book.add(review(book))
    assert len(book.set.debts) == 1
    short = book.opening[:12]
    book.refuse(review(book), f"Rosa has reviewed {short} already: one person counts once")
    book.refuse(review(book, "stranger", "Rose"), f"Rose has reviewed {short} already: one person counts once")
    book.add(review(book, "rudi"))
    assert owed(book) == []


def test_where_no_reviewer_is_named_a_different_officer_is_the_least() -> None:
    book = used(source(reviewers=""))
    book.refuse(review(book, "duty"), f"Duty may not review {book.opening[:12]}: Duty took part in it")
    book.add(review(book, "other", "Third"))
    assert owed(book) == []
    assert review_rules.who_reviews(book.set).startswith("1 of officers who took no part")


# --- what a review can't be made to say ------------------------------------------------------------------


def test_a_review_before_the_last_record_is_refused() -> None:
    book = under(source()).add(declared()).add(opened(lives.ONE))
    early = review(book)
    book.refuse(early, f"opening {book.opening[:12]} is still open: it is reviewed when it is over")
    done = used()
    stale = review(done, last="ab" * 32)
    done.refuse(stale, f"more has happened in {done.opening[:12]} than this review looked at: look again, and sign")


def test_two_sign_at_the_same_time_and_both_count() -> None:
    book = used(source("needed = 2"))
    first, second = review(book), review(book, "rudi")
    assert first.last == second.last
    assert owed(book.add(first).add(second)) == []


@pytest.mark.parametrize("reason", ["ok", "OK ok", "none", "123", "...", "n/a"])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    book = used()
    book.refuse(review(book, reason=reason), "expected a reason that says what was found")


def test_a_verdict_that_there_is_none_of() -> None:
    book = used()
    message = "expected a verdict of as declared, with findings, misuse, got 'fine'"
    book.refuse(review(book, verdict="fine"), message, InvalidRecord)


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"verdict": "misuse"}, {}), ({"reason": "it was something else"}, {}), ({"subject": "ab" * 32}, {}),
        ({"last": "ab" * 32}, {}), ({"subject": "login-3"}, {}), ({}, {"log": "11" * 8}), ({}, {"set": "other"}),
    ],
)  # fmt: skip
def test_a_signature_is_for_one_verdict_one_subject_one_terminal(
    changed: dict[str, Any], place: dict[str, Any]
) -> None:
    body = review(used())
    review_rules.verify(body, record_of(body))
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    other = Reviewed(**{**fields, **changed})
    with pytest.raises(InvalidSignature):
        review_rules.verify(other, record_of(other, **place))


def test_an_officers_signature_is_no_review() -> None:
    body = review(used())
    said = review_rules.statement_of(body, record_of(body))
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    for namespace in (sshsig.OFFICER_NAMESPACE, sshsig.SETTLEMENT_NAMESPACE, sshsig.CUSTODIAN_NAMESPACE):
        other = Reviewed(**{**fields, "signature": sshsig.sign(SEEDS["rosa"], said, namespace)})
        with pytest.raises(InvalidSignature):
            review_rules.verify(other, record_of(other))


def test_a_review_stands_in_the_opening_it_is_about() -> None:
    book = used()
    message = "a review belongs to the opening that it is about, and to none where it is about a debt"
    book.refuse(review(book), message, InvalidRecord, opening="")


def test_a_rotation_is_not_reviewed_away() -> None:
    book = under(source()).add(declared()).add(opened(lives.ONE)).add(lives.USE_ENDED)
    book.add(declared(supersedes=book.opening)).add(Cancelled(reason="it works"))
    rotation = next(debt for debt in book.set.debts if debt.kind == "rotation")
    body = review(book, subject=rotation.id)
    message = f"{rotation.id} is reviewed with its opening, {rotation.opening[:12]}"
    book.refuse(body, message, opening="")
    body = review(book, subject=rotation.opening)
    book.add(body, opening=rotation.opening)
    assert kinds(book.set) == ["rotation"]


# --- settling --------------------------------------------------------------------------------------------


def test_several_debts_are_signed_for_at_once_by_who_may() -> None:
    book = used().add(OUTSIDE, opening="").add(OUTSIDE, opening="")
    ids = [debt.id for debt in book.set.debts if debt.kind == "password-change"]
    book.add(settlement(book, "rosa", *ids), opening="")
    assert kinds(book.set) == ["review"]


def test_settle_by_a_stranger_by_name_or_by_who_comes_twice() -> None:
    book = used(source("settlement = { people = 2 }")).add(OUTSIDE, opening="")
    debt = book.set.debts[-1].id
    stranger = ssh_key.from_line(LINES["stranger"]).fingerprint
    book.refuse(settlement(book, "stranger", debt), f"the policy lists no reviewer with the key {stranger}", opening="")
    signed = "the policy of set prod-db wants a settlement signed: each of 2 with an own key"
    book.refuse(Settled(debt=debt, reason=REASON, officers=("Rosa", "Rudi")), signed, opening="")
    book.refuse(settlement(book, "rosa", debt, reason="ok"), settlement_rules.SAYS_NOTHING, opening="")
    book.add(settlement(book, "rosa", debt), opening="")
    assert debt in [one.id for one in book.set.debts]
    book.refuse(settlement(book, "rosa", debt), f"Rosa has signed for {debt} already: one person counts once",
                opening="")  # fmt: skip
    book.add(settlement(book, "rudi", debt), opening="")
    assert debt not in [one.id for one in book.set.debts]


def test_a_settlement_is_for_one_debt_of_one_record() -> None:
    book = used().add(OUTSIDE, opening="")
    debt = book.set.debts[-1].id
    body = settlement(book, "rosa", debt)
    settlement_rules.verify(body, record_of(body))
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    for changed in ({"debts": {debt: "ab" * 32}}, {"debts": {"login-3": body.debts[debt]}}, {"reason": "another one"}):
        other = DebtsSettled(**{**fields, **changed})
        with pytest.raises(InvalidSignature):
            settlement_rules.verify(other, record_of(other))
    made_otherwise = DebtsSettled(**{**fields, "debts": {debt: "ab" * 32}})
    book.refuse(made_otherwise, f"{debt} was made by another record than the signed one", opening="")
    empty = DebtsSettled(**{**fields, "debts": {}})
    book.refuse(empty, "a settlement names one debt or more, and belongs to no opening", InvalidRecord, opening="")


def test_where_names_are_enough_they_are_those_of_the_policy_and_took_no_part() -> None:
    rules = 'settlement = { by = "officers", people = 1, signed = false }'
    book = under(source(rules)).add(OUTSIDE, opening="")
    debt = book.set.debts[0].id
    for names, message in (
        (("Rosa",), "expected officers of the policy (Duty, Third), got Rosa"),
        ((), f"expected 1 different people who settle {debt}, got none"),
    ):
        book.refuse(Settled(debt=debt, reason=REASON, officers=names), message)
    book.refuse(Settled(debt=debt, reason="ok", officers=("Third",)), settlement_rules.SAYS_NOTHING)
    assert owed(book.add(Settled(debt=debt, reason=REASON, officers=(" third",)))) == []


def test_who_took_part_settles_nothing_of_it() -> None:
    rules = 'settlement = { by = "officers", people = 1 }'
    book = under(source(rules)).add(declared()).add(opened(lives.ONE)).add(issued(lives.SECOND, proven="unproven"))
    book.add(lives.COUNTERSIGNED).add(lives.USE_ENDED).add(lives.read_back(lives.TWO))
    book.add(lives.ack(lives.TWO, "1.1")).add(lives.ack(lives.TWO, "1.2")).add(lives.APPLYING).add(lives.APPLIED)
    book.add(SessionsEnded(count=0, detail="one stays", failed=True))
    debt = next(one.id for one in book.set.debts if one.kind == "sessions")
    message = f"Duty may not settle {debt}: Duty took part in it"
    book.refuse(settlement(book, "duty", debt), message, opening="")
    assert debt not in [one.id for one in book.add(settlement(book, "other", debt, name="Third"), opening="").set.debts]


def test_who_took_part_settles_nothing_of_it_by_name_either() -> None:
    rules = 'on = ["fork"]\nsettlement = { by = "officers", people = 1, signed = false }'
    book = under(source(rules)).add(declared()).add(Overridden(gate="ticket", problem="p", reason="r"))
    debt = book.set.debts[0].id
    message = f"duty may not settle {debt}: Duty took part in it"
    book.refuse(Settled(debt=debt, reason=REASON, officers=("duty", "Third")), message)
    assert owed(book.add(Settled(debt=debt, reason=REASON, officers=("Third",)))) == []


# --- the policy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("review", "reviewers", "message"),
    [
        ("needed = 3", REVIEWERS, "review.needed: expected at most 2, as many different reviewers, have a key that "
         "counts, got 3"),
        ("", "", ""),
        ("needed = 3", "", "review.needed: expected at most 2, as many different officers, since no reviewers are "
         "named, have a key that counts, got 3"),
        ("settlement = { people = 3 }", REVIEWERS, "review.settlement.people: expected at most 2, as many different "
         "people may settle, got 3"),
        ('on = ["fork", "fork"]', REVIEWERS, "review.on: the same word twice"),
        ("", f"{REVIEWERS}{REVIEWERS}", "review.reviewers[2].name: 'Rosa' is there already"),
    ],
)  # fmt: skip
def test_a_review_that_nobody_could_make_is_no_policy(review: str, reviewers: str, message: str) -> None:
    if not message:
        policies.parse(source(review, reviewers))
        return
    with pytest.raises(InvalidPolicy) as refused:
        policies.parse(source(review, reviewers))
    assert message in str(refused.value)


def test_two_names_with_one_key_are_one_reviewer_for_the_policy_too() -> None:
    twice = REVIEWERS.replace(LINES["rudi"], LINES["rosa"])
    with pytest.raises(InvalidPolicy, match="expected at most 1"):
        policies.parse(source("needed = 2", twice))


THIRD = f"""
[[officers]]
name = "Fourth"
keys = ["{LINES["rosa"]}", "{LINES["rudi"]}"]
"""


@pytest.mark.parametrize(
    ("review", "people", "reviewers", "needed"),
    [
        ("needed = 2", THIRD, REVIEWERS, "review.needed: expected at most 1"),
        ("settlement = { people = 2 }", THIRD, REVIEWERS, "review.settlement.people: expected at most 1"),
        ("settlement = { people = 2, signed = false }", "", f"{REVIEWERS}".replace("Rudi", "rosa"),
         "review.settlement.people: expected at most 1"),
    ],
)  # fmt: skip
def test_two_reviewers_who_are_one_person_by_an_officer_are_one_for_the_policy_too(
    review: str, people: str, reviewers: str, needed: str
) -> None:
    with pytest.raises(InvalidPolicy, match=needed):
        policies.parse(source(review, f"{reviewers}{people}"))
    policies.parse(source(review.replace("2", "1"), f"{reviewers}{people}"))


@pytest.mark.parametrize("who", ["duty", "north"])
def test_a_key_that_a_reviewer_revokes_signs_for_nobody(who: str) -> None:
    """An export has one list of what is revoked: a log takes nothing that its export refuses."""
    key = ssh_key.from_line(LINES[who])
    revoking = REVIEWERS.replace('name = "Rosa"', f'name = "Rosa"\nrevoked = ["{key.fingerprint}"]')
    policy = policies.parse(source("", revoking))
    with pytest.raises(IllegalState, match="is revoked"):
        if who == "duty":
            officers.signer(policy, key, "2026-01-01T00:00:00Z")
        else:
            custodian_signatures.check_key(policy, "North", key.fingerprint)


def test_fewer_reviewers_by_a_stricter_policy_close_what_is_enough() -> None:
    """A policy that asks for fewer takes the quorum; what it asks for then may have been done already."""
    book = used(source("needed = 2"))
    book.add(review(book))
    assert len(book.set.debts) == 1
    book.state = replace(book.state, sets={"prod-db": replace(book.set, policy_source=source())})
    text = source("needed = 1 # again")
    assert owed(book.add(PolicyAdopted(source=text, digest=policies.digest(text).hex()), opening="")) == []


def test_nothing_to_review_under_an_id_that_there_is_none_of() -> None:
    book = used()
    with pytest.raises(IllegalState, match="set prod-db has nothing to review under login-99"):
        review_rules.case_of(book.set, "login-99")


# --- forks, recoveries, and what is told -----------------------------------------------------------------


def test_a_fork_owes_a_review_once() -> None:
    book = used()
    before = book.set
    link = before.links[0]
    forked = replace(before, links=(*before.links, replace(link, successor="ff" * 8)))
    record = msgspec.structs.replace(record_of(review(book)), body=OUTSIDE, seq=77)
    after = review_rules.follow(before, forked, record, b"data")
    (debt,) = [one for one in after.debts if one.kind == "fork"]
    assert (debt.id, debt.epoch_id) == ("fork-77", link.predecessor)
    assert review_rules.subject_of(debt) == "fork-77"
    third = replace(after, links=(*after.links, replace(link, successor="ee" * 8)))
    again = review_rules.follow(after, third, msgspec.structs.replace(record, seq=78), b"data")
    assert [one.id for one in again.debts if one.kind == "fork"] == ["fork-77"]


class Told(Book):
    """Remembers the record that was added last."""

    last: Entry

    def keep(self, data: bytes, record: Record) -> None:
        self.last = Entry(data, record, "", "", "")

    def events(self) -> list[tuple[str, str, str]]:
        return [
            (event.incident.rpartition("/")[2], event.action, event.subject)
            for event in translate.events(self.last, self.state)
        ]


def told(book: Book) -> Told:
    found = Told()
    found.state, found.count, found.opening = book.state, book.count, book.opening
    return found


def test_a_review_is_told_and_ends_the_incidents_of_what_it_closes() -> None:
    book = told(under(source()).add(declared()))
    book.add(Overridden(gate="ticket", problem="p", reason="r"))
    gate, owes = owed(book)
    assert any(f"owed: {gate}, {owes}" in subject for _, _, subject in book.events())
    book.add(Cancelled(reason="it works again")).add(review(book))
    found = book.events()
    assert [action for _, action, _ in found] == ["note", "resolve", "resolve"]
    assert [subject for _, _, subject in found if gate in subject or owes in subject] != []


def test_misuse_is_told_to_everybody_at_once() -> None:
    book = told(used())
    book.add(review(book, verdict="misuse", reason="two tables were dropped that nobody declared"))
    events = list(translate.events(book.last, book.state))
    assert (events[0].action, events[0].severity) == (Action.TRIGGER, Severity.CRITICAL)
    assert "misuse: two tables were dropped" in events[0].subject


def test_a_settlement_that_waits_for_another_person_ends_no_incident() -> None:
    book = told(used(source("settlement = { people = 2 }")).add(OUTSIDE, opening=""))
    debt = book.set.debts[-1].id
    book.add(settlement(book, "rosa", debt), opening="")
    assert [action for _, action, _ in book.events()] == ["note"]
    book.add(settlement(book, "rudi", debt), opening="")
    assert [action for _, action, _ in book.events()] == ["note", "resolve"]


def test_an_overdue_review_escalates_until_it_is_made() -> None:
    book = used()
    (debt,) = owed(book)
    late = Moment("2026-01-05T00:00:00Z", "b", 4 * 86_400_000)
    steps = list(escalation.steps(book.set, late, 3600))
    assert debt in [one.subject for one in steps]
    book.add(review(book))
    assert debt not in [one.subject for one in escalation.steps(book.set, late, 3600)]


def test_who_vouched_does_not_settle_what_their_word_left() -> None:
    rules = 'settlement = { by = "officers", people = 1 }'
    book = under(source(rules)).add(declared()).add(opened(lives.ONE)).add(issued(lives.SECOND, proven="unproven"))
    book.add(lives.COUNTERSIGNED).add(lives.USE_ENDED).add(lives.read_back(lives.TWO))
    book.add(lives.ack(lives.TWO, "1.1")).add(lives.ack(lives.TWO, "1.2")).add(lives.APPLYING).add(lives.APPLIED)
    book.add(msgspec.structs.replace(lives.OLD_DEAD, attested_by=("Third", "Somebody")))
    debt = next(one.id for one in book.set.debts if one.kind == "old-unproven")
    message = f"Third may not settle {debt}: Third took part in it"
    book.refuse(settlement(book, "other", debt, name="Third"), message, opening="")

# SPDX-License-Identifier: Apache-2.0
"""Each control rests on records that it names: without one of them it does not hold, and no other control changes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from breakglass_shamir.alerts import identity
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import StandardName
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, ChangedOutside, Heartbeat, LoginSeen, Watched
from breakglass_shamir.custody.records.openings import (
    Closed,
    InUse,
    OfficerSigned,
    Overridden,
    Settled,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.retirement import Retired
from breakglass_shamir.custody.records.reviews import MISUSE, Reviewed
from breakglass_shamir.custody.records.rotations import Applied, Applying, OldDead, SessionsEnded
from breakglass_shamir.custody.records.sheets import CustodianSigned
from breakglass_shamir.formats.seal import Sealed
from breakglass_shamir.operations.audit import report_json, report_view
from breakglass_shamir.operations.audit.controls import assessing
from breakglass_shamir.operations.audit.controls.catalogue import STANDARDS, Control
from breakglass_shamir.operations.audit.controls.evidence import KINDS
from breakglass_shamir.operations.audit.controls.facts import Fact, Subject
from breakglass_shamir.operations.audit.period import EVER, Period
from breakglass_shamir.operations.audit.report_parts import Page, Verdict
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life import test_review_rules as reviews
from tests.unit.custody.life.test_lifecycle import FIRST, ONE, SEATS, SECOND, TWO
from tests.unit.operations.audit.pages import Read, check
from tests.unit.operations.audit.test_history import START, Kept
from tests.unit.operations.audit.test_report import html, page_of

THIRD = lives.deal(3, SECOND.envelope.core.epoch_id)
THREE = lives.id_of(THIRD)

ALL = ", ".join(f'"{key}"' for key in STANDARDS)
CUSTODIANS = dict(zip(SEATS, (("North", "north"), ("South", "stranger"), ("East", "rudi")), strict=True))
"""Sheet to its custodian, and the key that they sign with."""


def source(standards: str = ALL) -> str:
    people = "".join(
        f'[[custodians]]\nname = "{name}"\nkeys = ["{reviews.LINES[key]}"]\n' for name, key in CUSTODIANS.values()
    )
    return (
        f'{lives.SOURCE}[audit]\nstandards = [{standards}]\n[[officers]]\nname = "Duty"\n'
        f'keys = ["{reviews.LINES["duty"]}"]\n{people}[review]\nsettlement = {{signed = false}}\n'
        f'[[review.reviewers]]\nname = "Rosa"\nkeys = ["{reviews.LINES["rosa"]}"]\n'
    )


def signed_for(book: Kept, sheet: str, epoch_id: str) -> CustodianSigned:
    """Sign the last record, an acknowledgement."""
    name, key = CUSTODIANS[sheet]
    last = book.entries[-1]
    return CustodianSigned(
        epoch_id=epoch_id, sheet=sheet, custodian=name, acknowledged=last.digest, key=reviews.LINES[key],
        signature=sshsig.sign(reviews.SEEDS[key], last.data, sshsig.CUSTODIAN_NAMESPACE),
    )  # fmt: skip


def hold(book: Kept, epoch_id: str) -> None:
    for sheet, (name, _) in CUSTODIANS.items():
        book.add(msgspec.structs.replace(lives.ack(epoch_id, sheet), custodian=name), opening="")
        book.add(signed_for(book, sheet, epoch_id), opening="")


def declare(book: Kept, purpose: str) -> None:
    book.add(lives.declared(purpose))
    signature = sshsig.sign(reviews.SEEDS["duty"], book.under_way.data, sshsig.OFFICER_NAMESPACE)
    book.add(OfficerSigned(officer="Duty", key=reviews.LINES["duty"], signature=signature))


RECORDED = UseRecorded(
    number=1, program="psql", way="terminal", segments=2, size=99, duration_ms=1500, head="ab" * 32, ended="whole",
    problem="", masked=0, readers=(),
)  # fmt: skip


def told(book: Kept) -> AlertsDelivered:
    """Acknowledge the alert of the last record."""
    last = book.entries[-1]
    event = identity.write(last.record.log, last.record.seq, last.digest, 0)
    return AlertsDelivered(sink="siem", count=1, first=event, last=event)


def drill(kind: str, result: str = "pass") -> AnyBody:
    reasons = () if result == "pass" else ("it took too long",)
    if (kind, result) == ("rehearsal", "pass"):
        return Rehearsed(
            epoch_id=ONE, sheets=("1.1", "1.2"), live=(), steps_ms={"quorum": 5}, result=result, reasons=reasons
        )
    login, epoch_id = ("accepted", TWO) if kind == "access" else ("", THREE)
    return DrillEnded(drill=kind, epoch_id=epoch_id, login=login, steps_ms={}, result=result, reasons=reasons)


def roll_call(sheet: str, result: str = "pass", *reasons: str) -> RollCall:
    return RollCall(
        epoch_id=THREE, sheet=sheet, custodian=CUSTODIANS[sheet][0], level="seal", bag="", health="", used_percent=0,
        result=result, reasons=reasons,
    )  # fmt: skip


def watched(until: str) -> Watched:
    return Watched(until=until, every_s=3600, problem="")


def use(book: Kept, purpose: str, old: Sealed, new: Sealed) -> None:
    """Open an epoch, use it, replace it by another, and have that reviewed."""
    before, after = lives.id_of(old), lives.id_of(new)
    declare(book, purpose)
    if purpose == "emergency":
        book.add(Overridden(gate="ticket", problem="no ticket", reason="the ticket system is down"))
    book.add(lives.opened(before)).add(told(book), opening="").add(InUse()).add(RECORDED)
    book.add(UseEnded(outcome="done", classification=purpose))
    book.add(lives.issued(new)).add(lives.countersigned(new)).add(lives.read_back(after))
    hold(book, after)
    book.add(Applying(old_epoch_id=before, new_epoch_id=after)).add(Applied(new_epoch_id=after))
    if purpose == "emergency":
        book.add(SessionsEnded(count=0, detail="no answer", failed=True))
    book.add(msgspec.structs.replace(lives.OLD_DEAD, old_epoch_id=before, new_epoch_id=after))
    book.add(Closed(classification=purpose))
    if purpose == "drill":
        book.add(drill("access"))
    for debt in [one.id for one in book.set.debts if one.kind == "sessions"]:
        book.add(Settled(debt=debt, reason="the vendor ended it by hand", officers=("Rosa",)), opening="")
    book.add(reviews.review(book, "rosa"))


def flawless(standards: str = ALL) -> Kept:
    """Sheets that are held and signed for, an emergency with an overridden check, all that follows it, and drills."""
    book, text = Kept(), source(standards)
    book.add(START, name="").add(lives.adopted(source=text, digest=policies.digest(text).hex()))
    book.add(lives.issued(FIRST)).add(lives.read_back(ONE))
    hold(book, ONE)
    book.add(lives.declared("drill")).add(drill("rehearsal"))
    use(book, "emergency", FIRST, SECOND)
    use(book, "drill", SECOND, THIRD)
    book.add(watched("2026-01-01T00:59:00Z"), opening="")
    for sheet in CUSTODIANS:
        book.add(roll_call(sheet), opening="")
    return book.add(Heartbeat(every_s=3600), name="", opening="")


@cache
def kept() -> Kept:
    return flawless()


def logs(book: Kept) -> list[assessing.Log]:
    return [assessing.Log(book.told, holds=True)]


def subject(period: Period = EVER) -> Subject:
    return assessing.subject_of("prod-db", logs(kept()), period)


def controls() -> Iterator[tuple[str, Control]]:
    for key, standard in STANDARDS.items():
        for control in standard.controls:
            yield f"{key} {control.number}", control


Judged = tuple[str, tuple[Fact, ...], tuple[str, ...], tuple[str, ...]]

COUNT = 37
"""Controls of all standards."""


def judged(of: Subject) -> dict[str, Judged]:
    answers = assessing.answers_of(of, KINDS)
    return {name: assessing.judge(control, of, answers) for name, control in controls()}


def verdicts(of: Subject) -> dict[str, str]:
    return {name: verdict for name, (verdict, *_) in judged(of).items()}


def test_every_control_holds_where_everything_was_done() -> None:
    found = judged(subject())
    assert {name: one[1:] for name, one in found.items() if one[0] != "holds"} == {}
    assert len(found) == COUNT


def test_without_a_record_exactly_those_controls_do_not_hold_that_rest_on_it() -> None:
    """For every record that is looked at, whether a control rests on it or not."""
    whole = subject()
    rests = {name: {fact.key for fact in one[1]} for name, one in judged(whole).items()}
    cited = set().union(*rests.values())
    assert len(cited) >= 25
    for fact in whole.facts:
        without = replace(whole, facts=tuple(one for one in whole.facts if one is not fact))
        flipped = {name for name, verdict in verdicts(without).items() if verdict != "holds"}
        resting = {name for name, keys in rests.items() if fact.key in keys}
        assert flipped == resting, (fact.record.seq, type(fact.body).__name__)
    kinds = {type(fact.body).__name__ for fact in whole.facts if fact.key in cited}
    assert kinds >= {
        "Declared", "OfficerSigned", "Opened", "UseRecorded", "UseEnded", "OldDead", "Reviewed", "Settled", "Issued",
        "Acknowledged", "CustodianSigned", "RollCall", "Rehearsed", "DrillEnded", "AlertsDelivered", "Watched",
        "Heartbeat", "PolicyAdopted",
    }  # fmt: skip


@pytest.mark.parametrize("period", [Period("2026-02-01", "2026-03-31"), Period("2025-01-01", "2025-12-31")])
def test_a_time_without_an_event_is_no_evidence_of_anything(period: Period) -> None:
    assert set(verdicts(subject(period)).values()) == {"no evidence"}
    page = shown(kept(), period)
    if period.since > "2026":  # the policy was in force
        assert (page.controls.count("holds"), page.controls.count("open")) == (0, 0)
        assert page.controls.count("no evidence") == COUNT


def test_what_came_after_the_end_of_a_period_is_not_in_its_report() -> None:
    """A use on the last day is open in that day's report, for what followed later."""
    ended = next(fact for fact in subject().facts if isinstance(fact.body, UseEnded))
    until = verdicts(subject(Period("", ended.time)))
    assert until["nist-800-53 AC-3(10)"] == "open"
    assert until["ism ISM-1614"] == "open"
    assert until["cis-8.1 6.1"] == "holds"
    later = verdicts(subject(Period("2026-01-02", "")))
    assert "open" not in later.values()


def changed(*more: AnyBody, book: Kept | None = None) -> dict[str, str]:
    made = book or flawless()
    for body in more:
        made.add(body, opening="")
    return {
        name: verdict
        for name, verdict in verdicts(assessing.subject_of("prod-db", logs(made), EVER)).items()
        if verdict != "holds"
    }


RESTING = {kind: {name for name, control in controls() if kind in control.kinds} for kind in KINDS}


def test_a_login_that_nothing_accounts_for_opens_what_asks_for_a_watch_until_it_is_reviewed() -> None:
    login = LoginSeen(
        at="2026-01-01T00:00:00Z", account="bg", source="10.0.0.9", accepted=True, count=1, matched="", detail=""
    )
    book = flawless().add(login, opening="")
    (debt,) = book.set.debts
    assert set(changed(book=book)) == RESTING["watched"] | RESTING["settled"]
    assert changed(reviews.review(book, "rosa", subject=debt.id), book=book) == {}
    assert set(changed(ChangedOutside(at="2026-01-01T00:00:00Z", detail=""))) == (
        RESTING["watched"] | RESTING["settled"]
    )


def test_a_drill_or_a_roll_call_that_failed_last_is_open() -> None:
    failed = roll_call("1.2", "fail", "torn")
    assert changed(failed) == dict.fromkeys(RESTING["roll-call"], "open")
    book = flawless().add(lives.declared("drill"))
    book.add(drill("rehearsal", "fail"))
    assert changed(book=book) == dict.fromkeys(RESTING["rehearsal"], "open")


def test_misuse_that_a_reviewer_found_is_open() -> None:
    book = flawless()
    reviewed = [entry for entry in book.entries if isinstance(entry.record.body, Reviewed)][-1]
    whole = subject()
    body = msgspec.structs.replace(reviewed.record.body, verdict=MISUSE)
    facts = tuple(
        replace(fact, record=msgspec.structs.replace(fact.record, body=body))
        if fact.record.seq == reviewed.record.seq
        else fact
        for fact in whole.facts
    )
    open_ = {name for name, verdict in verdicts(replace(whole, facts=facts)).items() if verdict != "holds"}
    assert open_ == RESTING["reviewed"]


def with_more(of: Subject, *bodies: AnyBody, opening: str = "") -> Subject:
    """Records at the end of the log that were never asked whether they may follow."""
    last = of.facts[-1].record
    more = [
        Fact(
            msgspec.structs.replace(last, seq=last.seq + 1 + place, set="prod-db", opening="", body=body), "x", opening
        )
        for place, body in enumerate(bodies)
    ]
    return replace(of, facts=(*of.facts, *more))


RECOVERED = RecoveryImported(epoch_id=THREE, status="good", source="", sha256="ab" * 32, signature="")


def not_holding(of: Subject) -> set[str]:
    return {name for name, verdict in verdicts(of).items() if verdict != "holds"}


def test_an_opening_without_this_program_is_a_use_too() -> None:
    told = with_more(subject(), RECOVERED)
    silent = RESTING["signed"] | RESTING["ended"] | RESTING["recorded"] | RESTING["alerted"]
    assert not_holding(told) == silent | RESTING["rotated"] | RESTING["tested"] | RESTING["reviewed"]
    (made,) = told.of(RecoveryImported)
    dead = msgspec.structs.replace(lives.OLD_DEAD, old_epoch_id=THREE, new_epoch_id="ab" * 8)
    (*_, review) = [fact.body for fact in told.of(Reviewed)]
    mended = with_more(told, dead)
    mended = with_more(mended, review, opening=f"review-import-{made.record.seq}")
    assert not_holding(mended) == silent


def test_a_set_that_was_out_of_service_before_a_use_is_not_dead_after_it() -> None:
    gone = Retired(reason="the host is gone", credential="gone", detail="")
    whole = subject()
    dead = [fact for fact in whole.of(OldDead) if isinstance(fact.body, OldDead) and fact.body.old_epoch_id == TWO]
    without = replace(whole, facts=tuple(fact for fact in whole.facts if fact not in dead))
    assert not_holding(without) == RESTING["rotated"] | RESTING["tested"]
    assert not_holding(with_more(without, gone)) == set()
    first = with_more(without, gone).facts[-1]
    assert not_holding(replace(without, facts=(first, *without.facts))) == RESTING["rotated"] | RESTING["tested"]


def test_an_attested_death_ends_a_credential_and_tests_none() -> None:
    whole = subject()
    attested = tuple(
        replace(
            fact,
            record=msgspec.structs.replace(fact.record, body=msgspec.structs.replace(fact.body, attested_by=("D",))),
        )
        if isinstance(fact.body, OldDead)
        else fact
        for fact in whole.facts
    )
    assert not_holding(replace(whole, facts=attested)) == RESTING["tested"]


def test_a_use_that_took_longer_than_declared_or_broke_its_recording_is_open() -> None:
    whole = subject()
    late = []
    for fact in whole.facts:
        record = fact.record
        if isinstance(fact.body, UseEnded):
            record = msgspec.structs.replace(record, uptime_ms=record.uptime_ms + 3_600_000)
        late.append(replace(fact, record=record))
    assert not_holding(replace(whole, facts=tuple(late))) == RESTING["ended"]
    broken = [
        replace(
            fact, record=msgspec.structs.replace(fact.record, body=msgspec.structs.replace(RECORDED, ended="cut-off"))
        )
        if isinstance(fact.body, UseRecorded)
        else fact
        for fact in whole.facts
    ]
    assert not_holding(replace(whole, facts=tuple(broken))) == RESTING["recorded"]


def test_a_policy_that_asks_for_two_wants_two() -> None:
    whole = subject()
    assert not_holding(replace(whole, officers=2)) == RESTING["signed"]
    assert not_holding(replace(whole, reviewers=2)) == RESTING["reviewed"]


def test_a_silence_that_was_promised_not_to_be_is_open() -> None:
    late = [replace(logs(kept())[0], silences=(("2026-01-01T00:00:03Z", 7200),))]
    open_ = verdicts(assessing.subject_of("prod-db", late, EVER))
    assert {name for name, one in open_.items() if one != "holds"} == RESTING["heartbeat"]
    before = assessing.subject_of("prod-db", late, Period("2026-01-02", ""))
    assert before.silences == ()


def test_what_two_terminals_recorded_of_a_set_counts_together() -> None:
    """A review that another log has is a review; the order of each log is its own, whatever its clock said."""
    whole = kept().told
    (story,) = whole.sets
    here = [one for one in story.facts if '"type":"reviewed"' not in one.text]
    there = [
        replace(one, text=one.text.replace('"log":"0000000000000000"', '"log":"1111111111111111"'))
        for one in story.facts
        if one not in here
    ]
    one = replace(whole, sets=(replace(story, facts=tuple(here), debts=()),))
    other = replace(
        whole, log="11" * 8, facts=(), sets=(replace(story, facts=tuple(there), debts=(), epochs=()),)
    )  # fmt: skip
    alone = assessing.assess([assessing.Log(one, holds=True)])
    both = assessing.assess(
        [assessing.Log(one, holds=True, name="a", mark="t1-"), assessing.Log(other, holds=True, name="b", mark="t2-")]
    )
    assert (alone.count("open"), both.count("open")) == (len(RESTING["reviewed"]), 0)
    reviewed = [entry.record.seq for entry in kept().entries if isinstance(entry.record.body, Reviewed)]
    assert [cited.href for cited in both.records if cited.terminal == "b"] == [f"#t2-c{seq}" for seq in reviewed]


# --- the page and its JSON -----------------------------------------------------------------------------------


def shown(book: Kept, period: Period = EVER) -> Page:
    page = page_of(book)
    (part,) = page.parts
    return report_view.page_of([part], made=page.made, software="x", period=period)


def read(page: Page) -> Read:
    return check(html(page))


def test_the_page_says_of_each_control_what_holds_and_leads_to_its_records() -> None:
    page = shown(kept())
    found = read(page)
    for standard in STANDARDS.values():
        assert standard.name in found.text
        for control in standard.controls:
            assert control.number in found.text
            assert control.asks in found.text
    # The records of the made-up verdict break a promise to be alive, and nothing else.
    silent = RESTING["heartbeat"]
    assert page.controls.count("open") == len(silent)
    assert page.controls.count("holds") == COUNT - len(silent)
    ids = {one.attributes["id"] for one in found.elements if "id" in one.attributes}
    assert {cited.href[1:] for cited in page.controls.records} <= ids
    assert "Evidence for" in found.text


def test_a_policy_that_names_no_standard_gets_none_assessed() -> None:
    page = shown(flawless(""))
    assert page.controls.standards == ()
    text = read(page).text
    assert "No policy names a standard" in text
    assert "Evidence for" not in text


def test_only_the_standards_that_are_named_are_assessed() -> None:
    page = shown(flawless('"hipaa", "soc-2"'))
    assert [standard.key for standard in page.controls.standards] == ["hipaa", "soc-2"]
    text = read(page).text
    assert "164.312(a)(2)(ii)" in text
    assert "ISM-1614" not in text


def test_two_sets_have_a_row_each() -> None:
    book, text = flawless('"hipaa"'), source('"hipaa", "soc-2"').replace("prod-db", "web")
    book.add(lives.adopted(source=text, digest=policies.digest(text).hex()), name="web", opening="")
    page = shown(book)
    read(page)
    (hipaa,), soc = page.controls.standards[0].controls, page.controls.standards[1].controls
    assert [(one.set_name, one.verdict) for one in hipaa.sets] == [("prod-db", "holds"), ("web", "no evidence")]
    assert [one.set_name for control in soc for one in control.sets] == ["web"] * len(soc)
    only = report_view.page_of(page.parts, made="2026-02-01T00:00:00Z", software="x", only="web")
    assert {one.set_name for one in only.controls.standards[0].controls[0].sets} == {"web"}


def test_nothing_counts_of_a_log_that_does_not_hold() -> None:
    made = kept().told
    page = report_view.page(
        made, Verdict("record 5: it was changed", None), {}, made="2026-02-01T00:00:00Z", software="x"
    )
    assert (page.controls.count("open"), page.controls.count("holds"), page.controls.records) == (COUNT, 0, ())
    assert assessing.DOES_NOT_HOLD in read(page).text


def test_the_json_beside_the_page_says_the_same() -> None:
    document = json.loads("".join(report_json.parts(shown(kept()))))
    controls_ = {
        f"{standard['key']} {control['number']}": control["sets"]
        for standard in document["controls"]
        for control in standard["controls"]
    }
    assert set(controls_) == {name for name, _ in controls()}
    (override,) = controls_["nist-800-53 AC-3(10)"]
    assert (override["set"], override["verdict"], override["lacks"], override["without"]) == (
        "prod-db",
        "holds",
        [],
        [],
    )
    assert {"declared", "opened", "reviewed", "settled"} == {one["type"] for one in override["rests"]}
    assert set(override["rests"][0]) == {"seq", "time", "type", "set", "words", "terminal", "log"}


def test_the_page_on_compliance_has_the_catalogue() -> None:
    page = (Path(__file__).parents[4] / "docs" / "compliance.md").read_text()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.split("\n") if line.startswith("| ")
    ]
    said = {(row[0], row[1]): (row[2], tuple(row[3].split(", "))) for row in cells if len(row) == 4}
    meant = {
        (f"`{key}`", control.number): (control.asks, tuple(f"`{kind}`" for kind in control.kinds))
        for key, standard in STANDARDS.items()
        for control in standard.controls
    }
    assert {key: one for key, one in said.items() if key[0] in {f"`{name}`" for name in STANDARDS}} == meant
    kinds = {row[0].strip("`"): row[1] for row in cells if len(row) == 3}
    assert {name: kinds.get(name) for name in KINDS} == {name: kind.words for name, kind in KINDS.items()}
    assert {row[0]: row[1] for row in cells if len(row) == 2 and row[0].startswith("`")} == {
        f"`{key}`": standard.name for key, standard in STANDARDS.items()
    }


def test_the_catalogue_is_whole() -> None:
    assert set(STANDARDS) == set(get_args(StandardName))
    used = {kind for _, control in controls() for kind in control.kinds}
    assert used == set(KINDS)
    for standard in STANDARDS.values():
        numbers = [control.number for control in standard.controls]
        assert len(set(numbers)) == len(numbers)

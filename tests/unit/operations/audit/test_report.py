# SPDX-License-Identifier: Apache-2.0
"""The report is one page that everybody can read, that fetches nothing, and that no name can break."""

import errno
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, ChangedOutside, LoginSeen, Watched
from breakglass_shamir.custody.records.openings import Actions, Overridden, Refused, UseEnded, UseRecorded
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted, SheetVoided
from breakglass_shamir.errors import LedgerUnwritable
from breakglass_shamir.ledger.times import Silence
from breakglass_shamir.ledger.verify import Report
from breakglass_shamir.ledger.walk import Checked
from breakglass_shamir.operations.audit import report, report_controls, report_json, report_view
from breakglass_shamir.operations.audit.controls.catalogue import STANDARDS
from breakglass_shamir.operations.audit.report_parts import Page, Verdict
from breakglass_shamir.operations.audit.verification import Verified
from breakglass_shamir.operations.monitoring import status
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life import test_review_rules as rules
from tests.unit.custody.life.test_lifecycle import FIRST, ONE, SECOND, TWO
from tests.unit.operations.audit.pages import Read, check
from tests.unit.operations.audit.test_history import SOURCE, START, Kept, begun, lived, roll_call

AT = "2026-01-01T00:00:00Z"

HOSTILE = """'"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 'lo'*5 }}{% raw %}&lt;</td></table>--><!--"""


def verified(state: LedgerState, records_: int) -> Verdict:
    root, silence = bytes(range(32)), Silence(7200, 3, "2026-01-01T00:00:03Z")
    checked = Checked(full=True, terminal_signatures=records_, quorum_signatures=2)
    made = Report(records_, root, state, (4,), longest_silence=silence, broken_promises=(silence,), checked=checked)
    chains = tuple(chain_of(one) for one in state.sets.values() if one.current)
    return Verdict("", Verified(made, (), chains, silence, late_now=False))


def watched() -> Kept:
    """A use whose logins the target remembers, with one that nothing accounts for."""
    book = lived()
    used = book.told.sets[0].openings[0].id
    seen = LoginSeen(
        at="2026-01-01T00:00:12Z",
        account="root",
        source="10.0.0.7",
        accepted=True,
        count=1,
        matched=used,
        detail="tty1",
    )
    for body in (
        seen,
        msgspec.structs.replace(seen, matched="", source="192.0.2.9"),
        msgspec.structs.replace(seen, matched="", source="192.0.2.9", accepted=False, count=7),
        ChangedOutside(at="2026-01-01T00:00:20Z", detail="by its own clock"),
        Watched(until="2026-01-01T00:01:00Z", every_s=3600, problem=""),
        Watched(until="2026-01-01T00:02:00Z", every_s=3600, problem="no route"),
    ):
        book.add(body, opening="")
    return book


def page_of(book: Kept, *, only: str = "", since: str = "") -> Page:
    now = Moment("2026-02-01T00:00:00Z", "b", book.count * 1000)
    statuses = {name: status.status_of(one, now) for name, one in book.state.sets.items() if one.current}
    verdict = verified(book.state, book.count)
    return report_view.page(
        book.told, verdict, statuses, made="2026-02-01T00:00:00Z", software="x", only=only, since=since
    )


def html(page: Page) -> str:
    return "".join(report.render(page))


def shown(book: Kept, **options: str) -> Read:
    return check(html(page_of(book, **options)))


def weakened() -> Kept:
    """An emergency, a weaker policy with the quorum's word, and all that people may write."""
    book = lived()
    laxer = SOURCE.replace('deadline = "2h"', 'deadline = "9h"')
    book.add(lives.declared("rotation")).add(lives.opened(TWO))
    body = PolicyWeakened(
        source=laxer, digest=policies.digest(laxer).hex(), weakens=("rotation.deadline: 9h instead of 2h",)
    )
    book.add(body).add(lives.USE_ENDED)
    book.add(Noted(text="the printer was new", by="Duty"), opening="")
    book.add(Refused(stage="open", error="x", message="no quorum"), opening="")
    book.add(AlertsDelivered(sink="siem", count=3, first="a", last="c"), opening="")
    return book.add(AlertsDelivered(sink="siem", count=2, first="d", last="e"), opening="")


def test_it_tells_of_an_opening_who_why_how_long_and_what_became_of_the_old_credential() -> None:
    text = shown(lived()).text
    for words in (
        "it is down", "idp-outage, ticket INC-1", "Duty, Second", "SHA256:", "for up to 1 h",
        "with sheets 1.1, 1.2 of epoch 1",
        "on the screen", "every sheet remembers this log", "2 s of 1 h: done", "Rotation: epoch 1 to 2", "proven dead",
        "scope: this file", "no ticket", "the system is down",
    ):  # fmt: skip
        assert words in text, words


def test_it_tells_of_custody_debts_policies_alerts_and_refusals() -> None:
    text = shown(weakened()).text
    for words in (
        "countersigned", "in force", "void since", "before: North", "the bag is torn", "lost", "0 of 3",
        "s: the proven death of the old credential", "rotation.deadline: 9h instead of 2h",
        "a quorum of sheets 1.1, 1.2; officers Duty, Second", "siem 5 2", "the printer was new (Duty)", "no quorum",
    ):  # fmt: skip
        assert words in text, words


def test_whoever_took_a_sheet_instead_of_its_custodian_is_named() -> None:
    book = begun()
    book.add(lives.read_back(ONE)).add(lives.ack(ONE, "1.2"))
    assert re.search(r"1\.2 South [\d: -]+ by North none", shown(book).text)


def test_a_time_within_a_text_is_written_as_every_other() -> None:
    book = lived()
    said = "superseded: epoch 2 followed it, 2026-01-01T00:00:07Z; asked at 2026-01-01T00:00:08Z, not 12026-01-01T1"
    page = html(page_of(book.add(Refused(stage="open", error="x", message=said), opening="")))
    assert "followed it, 2026-01-01 00:00:07; asked at 2026-01-01 00:00:08, not 12026-01-01T1" in check(page).text
    shown = re.sub(r'datetime="[^"]*"', "", page)
    assert not re.search(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", shown)
    assert 'datetime="2026-01-01T00:00:0' in page


def test_the_summary_says_what_holds_what_is_open_and_what_is_due() -> None:
    page = page_of(lived())
    assert [one.words for one in page.holds] == [
        "all 25 records, checked in full",
        "chain of custody of prod-db: whole, epochs 1 to 2",
        "prod-db: 1 rotation, each old credential proven dead",
    ]
    assert "prod-db: review the overridden check ticket: no ticket" in [one.words for one in page.open]
    assert "silent longer than promised before record 3" in [one.words for one in page.open]
    assert not set(page.open) & set(page.due)


def test_a_login_that_no_opening_accounts_for_is_urgent_and_stands_out() -> None:
    book = watched()
    page, read = page_of(book), shown(book)
    urgent = [one.words for one in page.open if one.urgent]
    assert urgent == [
        "prod-db: review the login of root at 2026-01-01T00:00:12Z: no opening accounts for it",
        "prod-db: review the password: it changed at 2026-01-01T00:00:20Z without a rotation",
    ]
    assert page.open[: len(urgent)] == tuple(one for one in page.open if one.urgent)
    assert [(one.source, one.accepted) for one in page.sets[0].unmatched] == [("192.0.2.9", True)]
    for words in (
        "192.0.2.9 accepted NOTHING", "192.0.2.9 refused, 7 times NOTHING", "10.0.0.7 accepted opening",
        "a login of root from 192.0.2.9 that no opening accounts for", "the target could not be asked: no route",
        "logins until 2026-01-01 00:01:00",
    ):  # fmt: skip
        assert words in read.text, words


def test_a_set_that_nothing_vouches_for_is_urgent() -> None:
    book = Kept()
    book.add(START, name="").add(lives.recovered(FIRST))
    page = page_of(book)
    assert [one.urgent for one in page.open if "UNPINNED" in one.words] == [True]
    assert "UNPINNED" in shown(book).text


def test_what_an_officer_attested_is_not_called_proven() -> None:
    book = lived()
    entries = [
        replace(
            entry,
            record=msgspec.structs.replace(
                entry.record, body=msgspec.structs.replace(entry.record.body, attested_by=("Duty", "Second"))
            ),
        )
        if isinstance(entry.record.body, OldDead)
        else entry
        for entry in book.entries
    ]
    book.entries = entries
    page = page_of(book)
    assert "old credential attested dead" in html(page)
    assert "old credential proven dead" not in html(page)
    assert "prod-db: 1 rotation, each old credential dead: 0 proven, 1 attested" in [one.words for one in page.holds]


def test_the_proof_of_each_endpoint_stands_in_a_row() -> None:
    words = [
        f"ldap://{host}: {which}: {result}: said so: yes"
        for host in ("a:389", "b:636")
        for which, result in (("new", "accepted"), ("old", "refused"), ("new again", "accepted"))
    ]
    said = ("accepted: said so: yes", "refused: said so: yes", "accepted: said so: yes")
    rows = report_view.proof_table(words)
    assert [(one.where, one.new, one.old, one.again) for one in rows] == [
        ("ldap://a:389", *said),
        ("ldap://b:636", *said),
    ]
    assert [one.where for one in report_view.proof_table([word.split(": ", 1)[1] for word in words[:3]])] == [
        "the target"
    ]
    assert report_view.proof_table(["two people looked"]) == ()


def test_a_day_to_begin_with_leaves_out_what_was_over_and_nothing_that_is_owed() -> None:
    book = lived()
    all_of_it, later = page_of(book), page_of(book, since="2026-01-02")
    (before,), (after,) = all_of_it.sets, later.sets
    assert (len(before.openings), len(after.openings)) == (1, 0)
    assert after.story.epochs == before.story.epochs
    assert [debt.kind for debt in after.debts] == ["ticket"]
    assert [one.words for one in later.open] == [one.words for one in all_of_it.open]
    assert "It was not opened in this time" in shown(book, since="2026-01-02").text


def test_one_set_alone() -> None:
    book = begun()
    source = SOURCE.replace("prod-db", "web")
    book.add(lives.adopted(source=source, digest=policies.digest(source).hex()), name="web")
    assert [one.name for one in page_of(book).sets] == ["prod-db", "web"]
    assert [one.name for one in page_of(book, only="web").sets] == ["web"]
    text = shown(book, only="web").text
    assert "Only the set web" in text
    assert "prod-db" not in text


def test_a_ledger_without_a_set_and_a_set_without_an_epoch_or_an_opening() -> None:
    empty = Kept()
    empty.add(START, name="")
    assert "No set is in this ledger" in shown(empty).text
    bare = empty.add(lives.adopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
    assert "no epoch yet" in shown(bare).text
    assert "It was not opened" in shown(begun()).text


def test_a_ledger_that_does_not_hold_says_so_first_and_nothing_is_called_proven() -> None:
    told = lived().told
    page = report_view.page(
        told, Verdict("record 5: it was changed", None), {}, made="2026-02-01T00:00:00Z", software="x"
    )
    text = check(html(page)).text
    assert text.index("This ledger does not hold. Record 5: it was changed.") < text.index("Holds")
    assert "The ledger holds" not in text
    assert (page.holds, page.due) == ((), ())
    assert "<title>DOES NOT HOLD" in html(page)
    nothing = report_view.page(
        report._NOTHING, Verdict("the file is damaged", None), {}, made="2026-02-01T00:00:00Z", software="x"
    )
    assert "No record could be read" in check(html(nothing)).text


def written(words: str, name: str = "") -> Kept:
    """A life in which everything that people write is these words, and the set's name where none is given."""
    book, name = Kept(), name or words[:64]
    made = lives.deal(1, name=name)
    book.add(msgspec.structs.replace(START, terminal=words), name="")
    one = lives.id_of(made)
    book.add(lives.recovered(made), name=name).add(lives.read_back(one), name=name)
    book.add(Acknowledged(epoch_id=one, sheet="1.1", custodian=words, bag=words), name=name)
    call = msgspec.structs.replace(roll_call("fail", words), epoch_id=one, custodian=words, bag=words)
    book.add(call, name=name)
    book.add(SheetVoided(epoch_id=one, sheet="1.3", reason=words), name=name)
    book.add(Noted(text=words, by=words), name=name)
    book.add(Refused(stage=words, error=words, message=words), name="")
    declared = msgspec.structs.replace(
        lives.declared(), incident_class=words, ticket=words, reason=words, officers=(words, words)
    )
    book.add(declared, name=name)
    book.add(Overridden(gate="ticket", problem=words, reason=words), name=name)
    book.add(msgspec.structs.replace(lives.opened(one), mode="exec", program=words), name=name)
    book.add(UseEnded(outcome=words, classification="emergency"), name=name)
    return book.add(AlertsDelivered(sink=words, count=1, first="a", last="a"), name=name, opening="")


def test_nothing_that_people_wrote_becomes_part_of_the_page() -> None:
    """Every free text at once is hostile: the page has the same elements, and shows the words as they are."""
    plain, hostile = shown(written("plain")), shown(written(HOSTILE))
    assert hostile.structure == plain.structure
    assert hostile.text.count("<script>alert(1)</script>") >= 20
    assert "lolololo" not in hostile.text, "a template was filled in; no id has such letters"


@settings(max_examples=12)
@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40))
def test_no_text_whatsoever_changes_the_page(words: str) -> None:
    plain = shown(written("plain", "prod-db"))
    assert shown(written(words, "prod-db")).structure == plain.structure


def test_a_page_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "<!DOCTYPE html>"
        raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(LedgerUnwritable):
        report._write(tmp_path / "report.html", parts())
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_problem_is_shown_as_words() -> None:
    verdict = Verdict(HOSTILE, None)
    check(html(report_view.page(report._NOTHING, verdict, {}, made="x", software=HOSTILE, only=HOSTILE, since=HOSTILE)))


def test_the_page_forbids_whatever_it_does_not_need() -> None:
    policies_ = [one.attributes["content"] for one in shown(lived()).named("meta") if "http-equiv" in one.attributes]
    assert policies_ == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]


STYLE = (report.TEMPLATES / "style.css").read_text()
ON_PAGE = ("text", "quiet", "accent", "good", "warn", "bad")


def schemes() -> list[dict[str, str]]:
    """The colours of the three schemes: light, dark, print."""
    blocks = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", body)) for body in re.findall(r":root \{(.*?)\}", STYLE, re.S)
    ]
    return [block for block in blocks if block]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_of_black_on_white_is_what_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("scheme", "name"), list(itertools.product(range(3), ON_PAGE)))
def test_every_text_stands_out_from_what_is_behind_it(scheme: int, name: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    colours = schemes()[scheme]
    assert contrast(colours[name], colours["page"]) >= 4.5
    assert contrast(colours[name], colours["panel"]) >= 4.5


@pytest.mark.parametrize("scheme", range(3))
def test_the_verdict_can_be_read(scheme: int) -> None:
    colours = schemes()[scheme]
    assert contrast(colours["on-bad"], colours["bad"]) >= 4.5
    assert contrast(colours["on-good"], colours["good"]) >= 4.5


def test_every_colour_is_one_of_the_computed_ones() -> None:
    rest = re.sub(r":root \{.*?\}", "", STYLE, flags=re.S)
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", rest)) <= {"#545d68"}
    assert len(schemes()) == 3


def test_every_control_names_sections_that_are_there() -> None:
    standards = ", ".join(f'"{key}"' for key in STANDARDS)
    text = f"{SOURCE}[audit]\nstandards = [{standards}]\n"
    page = page_of(weakened().add(lives.adopted(source=text, digest=policies.digest(text).hex()), opening=""))
    read = check(html(page))
    ids = {one.attributes["id"] for one in read.elements if "id" in one.attributes}
    for standard in page.controls.standards:
        for control in standard.controls:
            assert control.number in read.text
            for section in control.sections:
                assert section in report_controls.TITLES
                anchors = {section, f"set-1-{section}"}
                assert section == "events" or anchors & ids, section
    assert "Evidence for NIST SP 800-53 Rev. 5 AC-2(2), AC-3(10), AU-10, AU-14 · PCI DSS 4.0.1 3.7.6" in read.text
    there = [control.number for standard in page.controls.standards for control in standard.controls]
    asked = {"AC-2(2)", "AC-3(10)", "AU-5", "AU-10", "AU-14", "3.7.6", "3.7.8", "Art. 21(e)(ii)", "A.8.2", "A.8.15"}
    assert asked <= set(there)


def reviewed(verdict: str = "as declared") -> Kept:
    """A recorded use, reviewed by one of two who must; a password that changed, settled by a signature."""
    book = Kept()
    text = rules.source("needed = 2")
    book.add(START, name="").add(lives.adopted()).add(lives.issued(FIRST))
    book.add(PolicyAdopted(source=text, digest=policies.digest(text).hex())).add(lives.declared()).add(
        lives.opened(ONE)
    )
    kept = UseRecorded(
        number=1, program="/usr/bin/psql", way="terminal", segments=3, size=1234, duration_ms=2500, head="c7" * 32,
        ended="cut-off", problem="", masked=2, readers=(),
    )  # fmt: skip
    trail = Actions(target="postgresql://db/", since=AT, until=AT, sessions=("one session",), left_out=0, problem="")
    book.add(kept).add(trail).add(lives.USE_ENDED)
    book.add(lives.issued(SECOND)).add(lives.COUNTERSIGNED).add(lives.read_back(TWO))
    for seat in lives.SEATS:
        book.add(lives.ack(TWO, seat))
    book.add(lives.APPLYING).add(lives.APPLIED).add(lives.OLD_DEAD).add(lives.CLOSED)
    book.add(rules.OUTSIDE, opening="")
    (changed,) = (debt.id for debt in book.set.debts if debt.kind != "review")
    book.add(rules.settlement(book, "rudi", changed), opening="")
    return book.add(rules.review(book, verdict=verdict))


def test_reviews_recordings_and_settlements_stand_in_it_with_who_signed() -> None:
    book = reviewed()
    page = page_of(book)
    read = check(html(page))
    (debt,) = page.sets[0].reviews_owed
    (opening,) = page.sets[0].openings
    assert (debt.review, debt.needed, [one.person for one in debt.signers]) == ("owed", 2, ["Rosa"])
    for words in (
        "1 of 2", "review owed", "what /usr/bin/psql showed was recorded", "not all of it", "one session",
        f"Who reviews: {page.sets[0].status.reviews if page.sets[0].status else ''}.",
    ):  # fmt: skip
        assert words in read.text, words
    for who in ("rosa", "rudi"):
        assert ssh_key.from_line(rules.LINES[who]).fingerprint in read.text
    assert any("1 as declared" in one.words for one in page.holds)
    assert [one.href for one in page.open if debt.what in one.words] == ["#set-1-reviews"]
    (moment,) = [one for one in page.sets[0].timeline if one.kind == "review"]
    assert moment.words == f"of {opening.short_id}, signed by Rosa: as declared: {rules.REASON}"
    said = report_json.document(page)["sets"][0]
    assert said["reviews_owed"] == [debt.id]
    assert [(one["reviewer"], one["verdict"], one["subject"]) for one in said["reviews"]] == [
        ("Rosa", "as declared", opening.id)
    ]
    assert [one["kind"] for one in said["openings"][0]["recordings"]] == ["recording", "actions"]
    settled = next(one for one in said["debts"] if one["settled"] and one["kind"] != "rotation")
    assert [(one["person"], bool(one["fingerprint"])) for one in settled["signers"]] == [("Rudi", True)]

    book.add(rules.review(book, "rudi"))
    page = page_of(book)
    assert page.sets[0].reviews_owed == ()
    assert page.sets[0].review_of(page.sets[0].openings[0]) == "done"
    done = next(one for one in page.sets[0].debts if one.id == debt.id)
    assert [one.person for one in done.signers] == ["Rosa", "Rudi"]
    assert "signed by Rosa" in done.by and "signed by Rudi" in done.by


def test_what_a_reviewer_called_misuse_is_urgent() -> None:
    page = page_of(reviewed("misuse"))
    assert any(one.urgent and "was reviewed as misuse, by Rosa" in one.words for one in page.open)
    assert [one.alarming for one in page.sets[0].timeline if one.kind == "review"] == [True]


def test_two_openings_and_two_epochs_have_anchors_of_their_own() -> None:
    read = shown(weakened())
    assert len(read.named("article")) == 2
    assert SECOND.envelope.core.epoch == 2
    assert ONE != TWO

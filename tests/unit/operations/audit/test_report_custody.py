# SPDX-License-Identifier: Apache-2.0
"""What the report says of custodians' own signatures, and by whose clock it leaves a login out."""

import re

import msgspec

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.monitoring import LoginSeen
from breakglass_shamir.custody.records.sheets import Reassigned, SheetVoided
from breakglass_shamir.operations.audit import report_view
from breakglass_shamir.operations.audit.report_parts import Verdict
from tests.unit.custody.life import test_custodian_signatures as keys
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.operations.audit.pages import check
from tests.unit.operations.audit.test_history import START, Kept, lived
from tests.unit.operations.audit.test_report import html, page_of, shown

PAGE = {"made": "2026-02-01T00:00:00Z", "software": "x"}


def kept(**changes: str) -> Kept:
    """Two sheets are acknowledged, and one is signed for."""
    book, source = Kept(), lives.SOURCE + keys.PEOPLE
    book.add(START, name="").add(lives.adopted(source=source, digest=policies.digest(source).hex()))
    book.add(lives.issued(lives.FIRST))
    book.add(keys.acknowledged("1.1", "North")).add(keys.acknowledged("1.2", "South"))
    return book.add(msgspec.structs.replace(keys.signed(book), **changes))


def test_a_sheet_that_is_signed_for_shows_the_key_and_that_it_verifies() -> None:
    book = kept()
    page, text = page_of(book), shown(book).text
    assert "prod-db: 1 of 3 sheets are signed for with their custodian's own key" in [one.words for one in page.holds]
    row = rf"1\.1 North no [\d: -]+ B-1 verifies [\d: -]+ , record 5 {re.escape(keys.PRINTS['a'])} none"
    assert re.search(row, text), text
    assert re.search(r"1\.2 South no [\d: -]+ B-1 no none", text)
    assert "1 are signed for" in text


def test_a_signature_that_does_not_verify_is_called_that() -> None:
    other = keys.signed(kept(), sheet="1.2", letter="a").signature
    page = page_of(kept(signature=other))
    text = check(html(page)).text
    assert "does not verify" in text
    assert "verifies" not in text
    assert not [one for one in page.holds if "signed for" in one.words]


def test_in_a_log_that_does_not_hold_no_signature_is_called_good_without_that_word() -> None:
    page = report_view.page(kept().told, Verdict("record 2: it was changed", None), {}, **PAGE)
    assert "verifies, in a log that does not hold" in check(html(page)).text


def test_what_was_signed_before_a_sheet_moved_or_was_acknowledged_anew_is_not_its_signature() -> None:
    moved = kept().add(Reassigned(epoch_id=lives.ONE, sheet="1.1", custodian="West", reason="left"))
    again = kept().add(keys.acknowledged("1.1", "North", "B-2"))
    voided = kept().add(SheetVoided(epoch_id=lives.ONE, sheet="1.1", reason="seen"))
    for book in (moved, again, voided):
        assert not [one for one in page_of(book).holds if "signed for" in one.words]
        assert "0 are signed for" in shown(book).text


def test_a_login_is_left_out_by_the_time_of_its_record_and_never_by_the_clock_of_its_target() -> None:
    """A target whose clock was set back would else keep a login out of every later report."""
    book = lived()
    seen = LoginSeen(
        at="2025-06-01T00:00:00Z", account="root", source="192.0.2.9", accepted=True, count=1, matched="", detail=""
    )
    day = book.entries[-1].record.time
    book.add(seen, opening="")
    assert "2025-06-01 00:00:00" in shown(book).text
    later = check(html(page_of(book, since=day)))
    assert "2025-06-01 00:00:00" in later.text
    assert "that no opening accounts for, at 2025-06-01 00:00:00 by the target's clock" in later.text
    of_target = msgspec.structs.replace(seen, at="2027-01-01T00:00:00Z")
    book.add(of_target, opening="")
    (only,) = page_of(book, since="2026-06-01").sets
    assert only.logins == ()

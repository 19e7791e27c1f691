# SPDX-License-Identifier: Apache-2.0
"""Every answer that a scan can give, as the sentence a tired person reads; and what to try when there is none."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.answer import Answer
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import InsufficientShares, MissingEnvelope
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Seat, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.paper.reading.health import health
from breakglass_shamir.paper.reading.scan import NO_SHARE_IN_SIGHT, ScannedCode, ScannedPage

NOTHING = (
    "no code found; unless it is the back of a sheet, try again with more light, the page flat and closer, "
    "or the other copy of the code on the sheet; or type the lines"
)

ENVELOPE_NEXT = (
    "read whole; now the envelope of its set: scan the large code of any sheet, or type lines 5, 6, 7 and on from the "
    "back of any sheet"
)


@functools.cache
def deal(name: str = "prod-db", number: int = 1, kind: Kind = Kind.LIVE) -> Sealed:
    structure = Structure(1, (Group(2, 3),))
    return seal(Facts(kind, name, number, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32))), Secret(b"beans"))


def known(*dealt: Sealed, **changes: Any) -> dict[bytes, Known]:
    return {
        made.envelope.core.epoch_id: replace(
            Known(made.envelope.set_name, made.envelope.core.epoch, made.envelope, True, True, "", {}), **changes
        )
        for made in dealt
    }


def codes(made: Sealed, *members: int) -> list[str]:
    return [made.shares[member - 1].to_text() for member in members]


def envelope(made: Sealed) -> str:
    (code,) = made.envelope.to_codes()
    return code


@dataclass
class Heard:
    """A desk that only listens."""

    answers: list[Answer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    def answer(self, source: str, answer: Answer) -> None:
        self.sources.append(source)
        self.answers.append(answer)


def told(pool: Pool, *texts: str, problem: str = "", used: float | None = None) -> str:
    """Scan one page and return what was said last."""
    heard = Heard()
    graded = None if used is None else health(used)
    page = ScannedPage("scan.jpg", tuple(ScannedCode(one, "plain", graded) for one in texts), problem)
    gather.add_page(pool, page, cast(Desk, heard))
    return heard.answers[-1].message


ONE, OTHER_SET, NEXT, CARD = deal(), deal("mail"), deal(number=2), deal(kind=Kind.DRILL)
SHORT = text.short_id(ONE.envelope.core.epoch_id)
VOIDED: Mapping[Seat, str] = {(1, 1): "left on a train"}

Case = Callable[[], str]
CASES: dict[str, tuple[Case, str]] = {
    "accepted": (
        lambda: told(Pool(known(ONE), set_name="prod-db"), *codes(ONE, 1)),
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)",
    ),
    "accepted, fresh": (
        lambda: told(Pool(known(ONE)), *codes(ONE, 1), used=0.04),
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); print: as new",
    ),
    "accepted, worn": (
        lambda: told(Pool(known(ONE)), *codes(ONE, 1), used=0.45),
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); print: worn, 45 % of its reserve is used",
    ),
    "accepted, to be replaced": (
        lambda: told(Pool(known(ONE)), *codes(ONE, 1), used=0.9),
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); "
        "print: nearly gone, 90 % of its reserve is used: have it printed anew",
    ),
    "seen already": (
        lambda: (pool := Pool(known(ONE)), told(pool, *codes(ONE, 1)), told(pool, *codes(ONE, 1)))[-1],
        "sheet 1.1: seen already",
    ),
    "another set": (
        lambda: told(Pool(known(ONE, OTHER_SET), set_name="prod-db"), *codes(OTHER_SET, 1)),
        "sheet 1.1 of mail, epoch 1: another set, not prod-db",
    ),
    "another epoch, void": (
        lambda: told(Pool(known(ONE, openable=False, good=False, state="void since 2026-01-01 10:00")), *codes(ONE, 1)),
        "sheet 1.1 of prod-db, epoch 1: void since 2026-01-01 10:00; it opens nothing",
    ),
    "another epoch, not in force": (
        lambda: told(Pool(known(ONE, openable=False, state="printed but not yet in force")), *codes(ONE, 1)),
        "sheet 1.1 of prod-db, epoch 1: printed but not yet in force; it opens nothing",
    ),
    "another epoch, unknown": (
        lambda: (pool := Pool(known(ONE)), told(pool, envelope(NEXT)), told(pool, *codes(NEXT, 1)))[-1],
        "sheet 1.1 of prod-db, epoch 2: accepted (1 of 2); "
        "this terminal does not know the epoch, but others of prod-db",
    ),
    "unknown set": (
        lambda: (pool := Pool({}), told(pool, envelope(ONE)), told(pool, *codes(ONE, 1)))[-1],
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); this terminal does not know the set",
    ),
    "voided sheet": (
        lambda: told(Pool(known(ONE, voided=VOIDED, voided_on={(1, 1): "2026-01-02"})), *codes(ONE, 1)),
        "sheet 1.1 of prod-db, epoch 1: this sheet was voided on 2026-01-02 (left on a train)",
    ),
    "drill code": (
        lambda: told(Pool(known(ONE)), *codes(CARD, 1)),
        "a drill code, not the live one: the live code is on the sheet in the bag",
    ),
    "live code in a drill": (
        lambda: told(Pool(known(CARD), kind=Kind.DRILL), *codes(ONE, 1)),
        "a live code in a drill: put sheet 1.1 into a new bag, it was exposed",
    ),
    "not ours": (lambda: told(Pool(known(ONE)), "https://example.org/menu"), "a code that is not one of ours"),
    "no envelope yet": (
        lambda: told(Pool({}), *codes(ONE, 1)),
        f"share {SHORT} 1.1: {ENVELOPE_NEXT}",
    ),
    "damaged": (
        lambda: told(Pool(known(ONE)), codes(ONE, 1)[0][:-3]),
        "a code of ours, but damaged: expected a share of 96 characters, got 93",
    ),
    "nothing found": (lambda: told(Pool(known(ONE))), NOTHING),
    "a file that is no picture": (
        lambda: told(Pool(known(ONE)), problem="not a picture: expected JPEG, PNG, TIFF, WebP, HEIC or PDF"),
        "not a picture: expected JPEG, PNG, TIFF, WebP, HEIC or PDF",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str) -> None:
    say, sentence = CASES[case]
    assert say() == sentence


def test_a_whole_front_with_a_dead_print_is_worn() -> None:
    said = told(Pool(known(ONE)), *codes(ONE, 1), envelope(ONE), used=0.04)
    assert said == (
        "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); print: worn, 4 % of its reserve is used; "
        "its other share code was not read"
    )
    both = told(Pool(known(ONE)), *codes(ONE, 1), *codes(ONE, 1), envelope(ONE), used=0.04)
    assert both.endswith("; print: as new")


def test_the_worst_print_of_a_code_counts() -> None:
    heard, (code,) = Heard(), codes(ONE, 1)
    page = ScannedPage(
        "scan.jpg", (ScannedCode(code, "plain", health(0.1)), ScannedCode(code, "plain", health(0.5))), ""
    )
    (answer,) = gather.add_page(Pool(known(ONE)), page, cast(Desk, heard))
    assert (answer.health, answer.used_percent) == ("worn", 50)


# --- what could not be read ------------------------------------------------------------------------------


CUT = "the file is cut off: copy or send it again"
HINDRANCES = [
    ScannedPage("a.pdf", (), "the PDF wants a password: save it without one, or print and scan it"),
    ScannedPage("b.heic", (), "a HEIC photograph: save it as JPEG, or install the extra breakglass-shamir[heic]"),
    ScannedPage(
        "c.png", (), "too large: 400 million pixels, at most 150 million are read; scan it at a lower resolution"
    ),
    ScannedPage("d.jpg", (), "", CUT),
    ScannedPage("e.jpg", (), "", NO_SHARE_IN_SIGHT),
]


@pytest.mark.parametrize("page", HINDRANCES, ids=lambda page: page.source)
def test_the_last_message_follows_the_cause(page: ScannedPage) -> None:
    heard, pool = Heard(), Pool(known(deal()))
    gather.add_page(pool, page, cast(Desk, heard))
    (answer,) = heard.answers
    assert answer.message == (page.problem or page.note)
    with pytest.raises(InsufficientShares) as refused:
        pool.quorum()
    assert f"{page.source}: {page.problem or page.note}" in refused.value.hint
    assert "light" not in answer.message + str(refused.value) + refused.value.hint
    assert "void" not in answer.message + str(refused.value) + refused.value.hint


def test_what_could_not_be_read_is_named_beside_the_sheets_that_were() -> None:
    heard, pool = Heard(), Pool(known(deal()))
    for code in [envelope(deal()), *codes(deal(), 1)]:
        pool.add(code)
    for number in range(5):
        gather.add_page(pool, ScannedPage(f"{number}.png", (), "the file is empty"), cast(Desk, heard))
    with pytest.raises(InsufficientShares, match="got 1 of 2") as refused:
        pool.quorum()
    assert refused.value.hint.endswith("not read: 0.png: the file is empty; 1.png: the file is empty; "
                                       "2.png: the file is empty; and 2 more")  # fmt: skip


def test_a_missing_envelope_is_no_matter_of_light_where_its_file_is_damaged() -> None:
    heard, pool = Heard(), Pool({})
    pool.add(codes(deal(), 1)[0])
    gather.add_page(pool, ScannedPage("d.jpg", (), "", CUT), cast(Desk, heard))
    with pytest.raises(MissingEnvelope) as refused:
        pool.quorum()
    assert CUT in refused.value.hint
    assert "light" not in refused.value.hint


def test_a_file_that_was_read_in_part_is_warned_of() -> None:
    heard = Heard()
    page = ScannedPage("d.jpg", (ScannedCode(envelope(deal()), "plain"),), "", CUT)
    gather.add_page(Pool(known(deal())), page, cast(Desk, heard))
    assert heard.warnings == [f"d.jpg: {CUT}"]


def test_pages_without_a_code_are_told_of_together() -> None:
    pages = [ScannedPage(f"a.pdf page {number}", (), "") for number in range(1, 41)]
    assert list(gather._worth_a_word(pages)) == [ScannedPage("a.pdf, 40 pages", (), "")]
    fruitful = ScannedPage("a.pdf page 41", (ScannedCode("x", "plain"),), "")
    assert list(gather._worth_a_word([*pages, fruitful])) == [fruitful]
    alone = ScannedPage("b.png", (), "")
    assert list(gather._worth_a_word([alone])) == [alone]

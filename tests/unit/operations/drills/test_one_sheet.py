# SPDX-License-Identifier: Apache-2.0
"""A look at one sheet: what it answers to each thing that may lie on the scanner, and that it never holds two."""

import multiprocessing
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.errors import PaperError
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.drills import one_sheet
from breakglass_shamir.operations.drills.one_sheet import Look, look, look_apart
from breakglass_shamir.paper.reading.health import Health
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage, Scanner

FRESH, WORN, GONE = Health("fresh", 0.1), Health("worn", 0.5), Health("replace", 0.9)


def deal(kind: Kind = Kind.LIVE, name: str = "prod-db", number: int = 1) -> Sealed:
    facts = Facts(kind, name, number, Structure(1, (Group(2, 3),)), bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
    return seal(facts, Secret(b"tinned beans"))


FIRST, VOID, CARDS, OTHER = deal(), deal(number=2), deal(Kind.DRILL), deal(name="other")
STRANGER = deal(number=7)


def known() -> dict[bytes, Known]:
    def one(made: Sealed, name: str, good: bool, words: str) -> Known:
        return Known(name, made.envelope.core.epoch, made.envelope, good, good, words, {(1, 3): "lost"} if good else {})

    return {
        FIRST.envelope.core.epoch_id: one(FIRST, "prod-db", True, ""),
        VOID.envelope.core.epoch_id: one(VOID, "prod-db", False, "void since 2026-01-01"),
        OTHER.envelope.core.epoch_id: one(OTHER, "other", True, ""),
    }


class Tray:
    """A scanner with these pages on it."""

    def __init__(self, *pages: Sequence[ScannedCode], problem: str = "") -> None:
        self.pages, self.problem, self.read = pages, problem, 0

    def read_path(self, _path: Path) -> Iterator[ScannedPage]:
        for number, codes in enumerate(self.pages, 1):
            self.read = number
            yield ScannedPage(f"page {number}", tuple(codes), self.problem)


def share(made: Sealed, index: int = 0, health: Health | None = FRESH) -> ScannedCode:
    return ScannedCode(made.shares[index].to_text(), "plain", health)


def envelope(made: Sealed = FIRST) -> ScannedCode:
    return ScannedCode(made.envelope.to_codes()[0], "plain", None)


def seen(*pages: Sequence[ScannedCode], problem: str = "") -> Look:
    tray = cast(Scanner, Tray(*pages, problem=problem))
    return look(known(), "prod-db", [Path("scan.png")], tray)


def test_a_sheet_that_holds_is_verified_by_its_commitment_alone() -> None:
    found = seen([share(FIRST), share(FIRST, health=WORN), envelope()])
    assert (found.sheet, found.epoch_id) == ("1.1", FIRST.envelope.core.epoch_id.hex())
    assert (found.problems, found.copies, found.health, found.several) == ((), 2, WORN, False)


@pytest.mark.parametrize(
    ("pages", "grade"),
    [
        ([[share(FIRST), envelope()]], Health("worn", 0.1, 1)),
        ([[share(FIRST, health=None), envelope()]], Health("worn", 0.0, 1)),
        ([[share(FIRST, health=GONE), envelope()]], Health("replace", 0.9, 1)),
        ([[share(FIRST), envelope()], [share(FIRST), envelope()]], Health("worn", 0.1, 1)),
        ([[share(FIRST), envelope()], [share(FIRST), share(FIRST)]], FRESH),
    ],
)
def test_a_sheet_with_a_dead_print_is_worn_however_fresh_the_other_is(
    pages: list[list[ScannedCode]], grade: Health
) -> None:
    found = seen(*pages)
    assert found.health == grade
    assert found.copies == 2 - grade.unread


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([share(CARDS)], "a drill code, not the live one"),
        ([share(VOID)], "void since 2026-01-01; it opens nothing"),
        ([share(OTHER)], "another set, not prod-db"),
        ([share(FIRST, 2)], "this sheet was voided (lost)"),
        ([share(STRANGER)], "read whole; now the envelope of its set"),
        ([envelope()], "no share code was read"),
        ([], "no code found"),
        ([ScannedCode("BGS1:" + "0" * 96, "plain", None)], "a share code, but too damaged by itself"),
        ([ScannedCode("https://example.com", "plain", None)], "no share code was read"),
    ],
)
def test_each_thing_that_is_not_this_sheet_gives_its_sentence(codes: list[ScannedCode], words: str) -> None:
    found = seen(codes)
    assert found.sheet == ""
    assert words in "; ".join(found.problems)


def test_an_altered_share_is_named() -> None:
    value = FIRST.shares[0].value.reveal()
    altered = replace(FIRST.shares[0], value=Secret(value[:-1] + bytes([value[-1] ^ 1])))
    found = seen([ScannedCode(altered.to_text(), "plain", FRESH)])
    assert "is not the one that was printed" in found.problems[0]


def test_another_code_on_the_page_is_nobodys_fault() -> None:
    found = seen([share(FIRST), share(FIRST), ScannedCode("https://example.com", "plain", None)])
    assert (found.sheet, found.problems) == ("1.1", ())


@pytest.mark.parametrize("second", [share(FIRST, 1), share(OTHER), share(VOID), share(STRANGER)])
@pytest.mark.parametrize("apart", [False, True])
def test_it_stops_at_a_second_live_share_of_whatever_set(second: ScannedCode, apart: bool) -> None:
    pages = [[share(FIRST), envelope()], [second], [share(FIRST, 2)]] if apart else [[share(FIRST), second], [], []]
    tray = Tray(*pages)
    found = look(known(), "prod-db", [Path("scan.png")], cast(Scanner, tray))
    assert found.several
    assert (found.sheet, found.health) == ("", None)
    assert tray.read == (2 if apart else 1)


def test_a_drill_card_beside_the_sheet_is_no_second_live_share() -> None:
    found = seen([share(FIRST), share(FIRST)], [share(CARDS)])
    assert not found.several
    assert "a drill code" in found.problems[0]


def test_nothing_of_a_share_leaves_the_look() -> None:
    for found in (seen([share(FIRST), share(FIRST)]), seen([share(FIRST), share(FIRST, 1)]), seen([share(CARDS)])):
        carried = pickle.dumps(found)
        for made in (FIRST, CARDS):
            for one in made.shares:
                assert one.value.reveal() not in carried
                assert one.to_text()[20:60].encode() not in carried


def test_each_look_is_a_process_that_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"no picture")
    found = look_apart(known(), "prod-db", [tmp_path / "empty.png"])
    assert found.sheet == ""
    assert found.problems
    assert multiprocessing.active_children() == []


def test_a_look_that_ends_without_an_answer_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_sheet, "_look", _dies)
    with pytest.raises(PaperError, match="ended without an answer"):
        look_apart({}, "prod-db", [])
    assert multiprocessing.active_children() == []


def _dies(*_arguments: object) -> None:
    """Be a process that ends at once."""

# SPDX-License-Identifier: Apache-2.0
"""Envelope codes that no sheet has whole: what each sheet still has of them is enough together, and never wrong."""

import io
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.health import block_of_each_codeword
from breakglass_shamir.paper.reading.merge import MOST_CODES, MOST_PRINTS, SPARE, DamagedCodes
from breakglass_shamir.paper.reading.prints import Print, printed, sizes_of
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.paper.conftest import PATIENCE_S

Some = Callable[[int], str]
Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]
Box = tuple[int, int, int, int]

FORMATS = zxingcpp.barcode_formats_from_str("QRCodeModel2")
SIDE, QUIET = 4, 4

UPPER: Box = (6, 4, 80, 43)
LOWER: Box = (6, 42, 80, 83)
"""Left, upper, right and lower edge of blots, modules: a third of the code each."""


def drawn(text: str, *blots: Box) -> Image.Image:
    """Draw an envelope code with blots."""
    matrix = qr.modules(text, "M")
    picture = Image.new("L", ((len(matrix) + 2 * QUIET),) * 2, 255)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                picture.putpixel((x + QUIET, y + QUIET), 0)
    picture = picture.resize((picture.width * SIDE, picture.height * SIDE), Image.Resampling.NEAREST)
    for box in blots:
        ImageDraw.Draw(picture).ellipse([(edge + QUIET) * SIDE for edge in box], fill=20)
    return picture


def seen(text: str, *blots: Box) -> Print:
    """Return the print of a code under blots; its place is taken from the clean code, since the decoder gives it up."""
    (clean,) = zxingcpp.read_barcodes(drawn(text), formats=FORMATS)
    one = printed(clean, drawn(text, *blots))
    assert one
    return one


def garbled(one: Print, chance: Random, part: float) -> Print:
    """Replace a part of the codewords by others, and let none count as missing."""
    words = bytearray(one.words)
    for place in chance.sample(range(len(words)), round(part * len(words))):
        words[place] = chance.randrange(256)
    return replace(one, words=bytes(words), missing=frozenset())


@pytest.fixture
def envelope(some: Some) -> str:
    return "BGE1:" + some(670)


def test_two_sheets_blotted_in_different_places_are_enough(envelope: str) -> None:
    upper, lower = seen(envelope, UPPER), seen(envelope, LOWER)
    assert len(upper.missing) > 0.25 * len(upper.words)
    for first, second in ((upper, lower), (lower, upper)):
        damaged = DamagedCodes()
        assert damaged.add([first]) == []
        assert damaged.add([first]) == []
        assert damaged.add([second]) == [envelope]


def test_three_sheets_outvote_what_looks_right_and_is_not(envelope: str) -> None:
    """A quarter of the codewords of each is wrong, and nothing tells which; one has no majority anywhere."""
    clean, chance = seen(envelope), Random(5)
    damaged = DamagedCodes()
    told = [damaged.add([garbled(clean, chance, 0.25)]) for _ in range(3)]
    assert told == [[], [], [envelope]]


def test_codes_of_different_envelopes_do_not_mix(some: Some) -> None:
    """Neither of two epochs nor of the several codes of one envelope, in whatever order they come."""
    texts = ["BGE1:" + some(670), "BGE1:" + some(670), "BGE1:1/2:AB12:" + some(661), "BGE1:2/2:AB12:" + some(661)]
    damaged = DamagedCodes()
    assert damaged.add([seen(text, UPPER) for text in texts]) == []
    assert damaged.add([seen(text, LOWER) for text in reversed(texts)]) == texts[::-1]


def epoch(number: int, name: str, sheets: int) -> str:
    """Return the envelope code of an epoch of a set."""
    checkpoint = Checkpoint(b"terminal", number, bytes([number]) * 32)
    facts = Facts(Kind.LIVE, name, number, Structure(1, (Group(2, sheets),)), bytes([number]) * 32, checkpoint)
    (text,) = seal(facts, Secret(b"copper kettle")).envelope.to_codes()
    return text


@pytest.mark.parametrize(("name", "sheets"), [("n" * 64, 7), ("prod-db", 11), ("prod-db", 3)])
def test_nor_do_two_epochs_of_one_set(name: str, sheets: int) -> None:
    """During a rotation both are at hand: they have the set's name, its structure and the padding in common."""
    old, new = epoch(1, name, sheets), epoch(2, name, sheets)
    assert seen(old).likeness(seen(new)) < 0.27
    damaged = DamagedCodes()
    assert damaged.add([seen(old, UPPER)]) in ([], [old])
    assert damaged.add([seen(new, LOWER)]) in ([], [new])
    assert damaged.add([seen(old, LOWER)]) == [old]
    assert damaged.add([seen(new, UPPER)]) == [new]


def test_what_is_told_is_never_wrong(some: Some) -> None:
    """However many prints, and however little is left of them."""
    chance, told = Random(3), 0
    for _ in range(12):
        text = "BGE1:" + some(300)
        clean, part = seen(text), chance.uniform(0.2, 0.7)
        damaged = DamagedCodes()
        for _ in range(4):
            found = damaged.add([garbled(clean, chance, part)])
            assert found in ([], [text])
            told += bool(found)
    assert 4 < told < 44


def test_a_block_is_believed_only_where_parity_or_its_data_prove_it(envelope: str) -> None:
    """Without any parity to spare, every word is one that the repair can end in."""
    clean = seen(envelope)
    sizes = sizes_of(clean.version, clean.level)
    owners = block_of_each_codeword([data for data, _ in sizes], [total for _, total in sizes])
    for unproven in range(SPARE + 1):
        missing = set[int]()
        for number, (data, total) in enumerate(sizes):
            places = [place for place, owner in enumerate(owners) if owner == number]
            missing.update(places[: total - data - unproven])
        words = bytes(word ^ 0xFF if place in missing else word for place, word in enumerate(clean.words))
        told = DamagedCodes().add([replace(clean, words=words, missing=frozenset(missing))])
        assert told == [envelope] or (told == [] and unproven < SPARE)
        one_more = next(place for place, owner in enumerate(owners) if owner == len(sizes) - 1 and place not in missing)
        wrong = bytes(word ^ (place == one_more) for place, word in enumerate(words))
        told = DamagedCodes().add([replace(clean, words=wrong, missing=frozenset(missing))])
        assert told in ([], [envelope])


def test_noise_tells_nothing_and_is_not_kept_for_ever(envelope: str) -> None:
    clean, chance = seen(envelope), Random(8)
    damaged = DamagedCodes()
    for _ in range(3 * MOST_CODES):
        assert damaged.add([garbled(clean, chance, 1.0)]) == []
    for _ in range(3 * MOST_PRINTS):
        assert damaged.add([garbled(clean, chance, 0.4)]) in ([], [envelope])
    assert len(damaged._codes) == MOST_CODES
    assert max(len(code.prints) for code in damaged._codes) == MOST_PRINTS


def test_what_is_not_an_envelope_code_is_left(some: Some) -> None:
    texts = [
        "BGS1:" + some(670),
        "HTTPS://EXAMPLE.ORG/" + some(600),
        "BGE1:" + some(600) + "%",
        "BGE1:ILOU" + some(600),
    ]
    for text in texts:
        assert DamagedCodes().add([seen(text)]) == []
    assert DamagedCodes().add([seen("BGE1:" + texts[0][5:])]) == ["BGE1:" + texts[0][5:]]


def test_prints_that_cannot_be_are_left(envelope: str) -> None:
    """They come from a process that reads hostile pictures."""
    clean = seen(envelope)
    lies = [
        replace(clean, words=clean.words[:-1]),
        replace(clean, words=b""),
        replace(clean, version=1),
        replace(clean, version=40),
        replace(clean, level="L"),
    ]
    assert DamagedCodes().add(lies) == []
    everything = frozenset(range(len(clean.words)))
    assert DamagedCodes().add([replace(clean, words=bytes(len(clean.words)), missing=everything)]) == []


def front(rasterise: Rasterise, sheet: SheetContent, *blots: tuple[float, float]) -> bytes:
    """Return a scan of a sheet's front with blots over the envelope code, each at a part of its sides."""
    (picture, *_) = rasterise(render(sheet, "a4"), 200)
    (code,) = (code for code in zxingcpp.read_barcodes(picture, formats=FORMATS) if code.text[:4] == "BGE1")
    x, y = code.position.top_left.x, code.position.top_left.y
    side = code.position.top_right.x - x
    for across, down in blots:
        left, top = x + across * side, y + down * side
        ImageDraw.Draw(picture).ellipse((left, top, left + 0.42 * side, top + 0.42 * side), fill=20)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_sheets_none_of_whose_envelope_codes_can_be_read_give_it_together(make: Make, rasterise: Rasterise) -> None:
    """Each is a file of its own, and its own share is read as before."""
    sheets = [make(), make(share_code="BGS1:" + "7" * 96)]
    scans = [
        front(rasterise, sheets[0], (0.14, 0.12), (0.5, 0.12)),
        front(rasterise, sheets[1], (0.1, 0.54), (0.45, 0.54), (0.57, 0.4)),
    ]
    with Scanner(timeout_s=PATIENCE_S) as other, Scanner() as scanner:
        pages = [page for scan in scans for page in scanner.read_bytes(scan, "scan")]
        alone = list(other.read_bytes(scans[1], "scan"))
    assert [code.text for code in pages[0].codes if code.text[:4] == "BGE1"] == []
    assert {code.text for page in alone for code in page.codes} == {sheets[1].share_code}
    codes = {code.text: code for page in pages for code in page.codes}
    assert set(codes) == {sheets[0].share_code, sheets[1].share_code, sheets[0].envelope_codes[0]}
    merged = codes[sheets[0].envelope_codes[0]]
    assert merged.variant == "salvaged"
    assert merged.health
    assert merged.health.word == "replace"

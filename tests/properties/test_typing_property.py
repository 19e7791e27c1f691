# SPDX-License-Identifier: Apache-2.0
"""Promise: what paper and fingers do to a share is repaired and shown, or refused; never another share."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import BreakglassError, MalformedText
from breakglass_shamir.formats import parity, share, text
from breakglass_shamir.formats.share import PREFIX, TEXT_CHARACTERS, Share
from breakglass_shamir.hygiene import Secret

shares = st.builds(
    Share,
    st.sampled_from(Kind),
    st.binary(min_size=8, max_size=8),
    st.integers(1, 16),
    st.integers(1, 255),
    st.binary(min_size=32, max_size=32).map(Secret),
)
positions = st.integers(0, TEXT_CHARACTERS - 1)
differences = st.integers(1, 31)
LOOK_ALIKES = {"1": "1iIlL", "0": "0oO"}


def symbols_of(dealt: Share) -> str:
    return dealt.to_text().removeprefix(PREFIX)


def rows_of(symbols: str) -> dict[int, str]:
    return {number: symbols[24 * (number - 1) : 24 * number] for number in range(1, 5)}


def with_errors(symbols: str, errors: dict[int, int]) -> str:
    wrong = list(symbols)
    for position, difference in errors.items():
        wrong[position] = text.ALPHABET[text.ALPHABET.index(symbols[position]) ^ difference]
    return "".join(wrong)


@given(shares)
def test_a_share_survives_bytes_text_and_lines(dealt: Share) -> None:
    assert Share.from_bytes(dealt.to_bytes()) == dealt
    assert share.from_text(dealt.to_text()).share == dealt
    read = {number: text.read_line(line) for number, line in enumerate(dealt.to_lines(), 1)}
    assert all(proven == number for number, (_, proven) in read.items())
    assert share.from_lines({number: row for number, (row, _) in read.items()}).share == dealt


@given(shares, st.integers(1, 4))
def test_any_one_line_lost(dealt: Share, lost: int) -> None:
    rows = rows_of(symbols_of(dealt))
    del rows[lost]
    read = share.from_lines(rows)
    assert read.share == dealt
    assert not read.provisional
    assert read.repaired == tuple(range(24 * lost - 23, 24 * lost + 1))


@given(shares, st.dictionaries(positions, differences, max_size=4))
def test_any_four_wrong_characters(dealt: Share, errors: dict[int, int]) -> None:
    read = share.from_text(PREFIX + with_errors(symbols_of(dealt), errors))
    assert read.share == dealt
    assert read.repaired == tuple(sorted(position + 1 for position in errors))


@given(shares, st.sets(positions, max_size=8))
def test_any_eight_unreadable_characters(dealt: Share, unreadable: set[int]) -> None:
    symbols = "".join("?" if i in unreadable else s for i, s in enumerate(symbols_of(dealt)))
    read = share.from_text(PREFIX + symbols)
    assert read.share == dealt
    assert set(read.repaired) == {position + 1 for position in unreadable}


@given(shares, st.integers(1, 4), positions, differences)
@settings(max_examples=40)
def test_a_lost_line_and_one_wrong_character_by_the_commitment(
    dealt: Share, lost: int, position: int, difference: int
) -> None:
    rows = rows_of(with_errors(symbols_of(dealt), {position: difference}))
    del rows[lost]
    commitment = dealt.commitment()
    matching = [read for read in share.relaxed_from_lines(rows) if read.share.matches(commitment)]
    assert [read.share for read in matching] == [dealt]
    assert all(read.provisional for read in share.relaxed_from_lines(rows))


@given(shares, st.dictionaries(positions, differences, min_size=1, max_size=96))
def test_no_damage_makes_another_confident_share(dealt: Share, errors: dict[int, int]) -> None:
    try:
        read = share.from_text(PREFIX + with_errors(symbols_of(dealt), errors))
    except BreakglassError:
        return
    assert read.share == dealt or (read.provisional and not read.share.matches(dealt.commitment()))


@given(shares, st.integers(1, 4), st.dictionaries(positions, differences, min_size=1, max_size=6))
def test_no_damage_besides_a_lost_line_passes_the_commitment(dealt: Share, lost: int, errors: dict[int, int]) -> None:
    rows = rows_of(with_errors(symbols_of(dealt), errors))
    del rows[lost]
    try:
        read = share.from_lines(rows)
    except BreakglassError:
        return
    assert read.share == dealt or not read.share.matches(dealt.commitment())


@given(shares, st.data())
def test_look_alikes_case_spaces_and_hyphens(dealt: Share, data: st.DataObject) -> None:
    typed = ""
    for symbol in dealt.to_text().removeprefix(PREFIX):
        typed += data.draw(st.sampled_from(LOOK_ALIKES.get(symbol, symbol + symbol.lower())))
        typed += data.draw(st.sampled_from(["", "", "", " ", "-", "\t", "\r\n"]))
    prefix = data.draw(st.sampled_from([PREFIX, PREFIX.lower(), f"  {PREFIX}"]))
    read = share.from_text(prefix + typed)
    assert read.share == dealt
    assert read.repaired == ()


@given(shares)
def test_swapped_lines_show_by_their_numbers(dealt: Share) -> None:
    lines = dealt.to_lines()
    for order in itertools.permutations(range(4)):
        proven = [text.read_line(lines[i])[1] for i in order]
        assert proven == [i + 1 for i in order]


@given(st.binary(min_size=15, max_size=15), st.integers(1, 31), st.data())
def test_one_slip_in_a_line_never_proves_its_number(data: bytes, number: int, slip: st.DataObject) -> None:
    (line,) = text.to_lines(data, number)
    symbols = list(text.normalise(line))
    i = slip.draw(st.integers(0, 24))
    j = slip.draw(st.integers(0, 24))
    if slip.draw(st.booleans()):
        symbols[i], symbols[j] = symbols[j], symbols[i]
    else:
        symbols[i] = slip.draw(st.sampled_from(text.ALPHABET))
    typed = "".join(symbols)
    assert (text.read_line(typed)[1] == number) == (typed == text.normalise(line))


@given(st.binary(max_size=200))
def test_base32_round_trip(data: bytes) -> None:
    assert text.decode(text.encode(data)) == data


@given(st.text(text.ALPHABET, max_size=60))
def test_what_base32_accepts_it_writes_again(symbols: str) -> None:
    try:
        data = text.decode(symbols)
    except MalformedText:
        return
    assert text.encode(data) == symbols


@given(st.binary(min_size=1, max_size=238), st.data())
def test_parity_repairs_what_it_promises(data: bytes, damage: st.DataObject) -> None:
    codeword = parity.protect(data)
    erasures = damage.draw(st.integers(0, min(17, len(codeword))))
    errors = damage.draw(st.integers(0, min((17 - erasures) // 2, len(codeword) - erasures)))
    places = damage.draw(st.permutations(range(len(codeword))))[: erasures + errors]
    wrong = bytearray(codeword)
    for place in places:
        wrong[place] ^= damage.draw(st.integers(1, 255))
    fixed = parity.repair(bytes(wrong), places[:erasures])
    assert fixed.codeword == codeword
    assert fixed.spare_parity == 17 - 2 * errors - erasures
    assert set(fixed.changed) == set(places)


@given(st.binary(max_size=255), st.sets(st.integers(0, 254), max_size=20))
def test_parity_never_returns_what_is_no_codeword(codeword: bytes, erased: set[int]) -> None:
    inside = [place for place in erased if place < len(codeword)]
    try:
        fixed = parity.repair(codeword, inside)
    except MalformedText:
        return
    assert parity.protect(fixed.codeword[: -text.PARITY_BYTES]) == fixed.codeword
    assert len(fixed.codeword) == len(codeword)

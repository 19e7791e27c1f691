# SPDX-License-Identifier: Apache-2.0
"""Extensions of an envelope: whatever a later release writes opens here, and nobody changes it unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import InvalidEnvelope, InvalidInput
from breakglass_shamir.formats import fields
from breakglass_shamir.formats.envelope import Checkpoint, Envelope
from breakglass_shamir.formats.extensions import MAX_BLOCK_BYTES, Extensions
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.library.memory import Pool
from breakglass_shamir.standalone import recover

SECRET = Secret(b"tinned beans")
TAGS = st.integers(4, 255)
BLOCKS = st.dictionaries(TAGS, st.binary(min_size=1, max_size=60), max_size=8)


def deal(extensions: Extensions) -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    facts = Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), bytes(32), checkpoint, extensions=extensions)
    return seal(facts, SECRET)


@given(BLOCKS)
def test_no_unknown_tag_stops_an_opening(block: dict[int, bytes]) -> None:
    made = deal(Extensions(5, "9.9", tuple(sorted(block.items()))))
    data = made.envelope.to_bytes()
    read, second = Envelope.from_bytes(data), recover.parse_envelope(data)
    assert read.to_bytes() == data
    assert list(read.extensions.unknown) == second.unknown == sorted(tag for tag in block if tag < 128)
    for share in made.shares:
        read.check_share(share)
    assert unseal(read.core, made.shares, read.set_public_key).plaintext == SECRET


def test_the_door_for_other_programs_takes_it_too() -> None:
    made = deal(Extensions(others=((9, b"later"),)))
    pool = Pool()
    for code in (*made.envelope.to_codes(), *(share.to_text() for share in made.shares)):
        pool.add(code)
    assert pool.quorum().verified


def test_an_extension_that_was_changed_added_or_taken_away_breaks_the_signature() -> None:
    made = deal(Extensions(5, "1.0", ((9, b"later"),))).envelope
    for other in (
        Extensions(6, "1.0", ((9, b"later"),)),
        Extensions(5, "1.1", ((9, b"later"),)),
        Extensions(5, "1.0", ((9, b"Later"),)),
        Extensions(5, "1.0", ((10, b"later"),)),
        Extensions(5, "1.0", ((9, b"later"), (200, b"x"))),
        Extensions(5, "1.0"),
        Extensions(),
    ):
        data = replace(made, extensions=other).to_bytes()
        with pytest.raises(InvalidEnvelope, match="signature"):
            Envelope.from_bytes(data)
        with pytest.raises(recover.Refused, match="invalid-envelope"):
            recover.parse_envelope(data)


@given(st.binary(max_size=40))
def test_a_block_is_read_by_both_or_by_none_and_has_one_spelling(block: bytes) -> None:
    try:
        mine = Extensions.from_bytes(block)
    except InvalidEnvelope:
        with pytest.raises(recover.Refused):
            recover.read_extensions(block)
        return
    assert mine.to_bytes() == len(block).to_bytes(2, "big") + block
    assert recover.read_extensions(block)[1] == list(mine.unknown)


@given(st.binary(max_size=60))
def test_fields_are_split_alike_and_have_one_spelling(data: bytes) -> None:
    found = fields.read(data)
    assert found == recover.read_fields(data)
    if found is not None:
        assert fields.write(found.items()) == data


@pytest.mark.parametrize(
    "wrong",
    [
        {"created": -1},
        {"created": 1 << 64},
        {"created": 1.5},
        {"release": "x" * 33},
        {"release": "1\n"},
        {"release": "é"},
        {"others": ((2, b"x"),)},
        {"others": ((256, b"x"),)},
        {"others": ((9, b"x"), (8, b"x"))},
        {"others": ((9, b"x"), (9, b"x"))},
        {"others": ((9, b""),)},
        {"others": ((9, bytes(MAX_BLOCK_BYTES)),)},
    ],
    ids=str,
)
def test_what_no_reader_takes_is_not_written(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Extensions(**wrong)  # type: ignore[arg-type]

# SPDX-License-Identifier: Apache-2.0
"""Pages: what is drawn is read back, on nothing but bytes; what does not belong together is never drawn."""

import datetime
from pathlib import Path

import pytest

from breakglass_shamir import (
    Credential,
    Envelope,
    Group,
    Pool,
    Sealed,
    Secret,
    Share,
    Structure,
    errors,
    read_pages,
    render_drill_card,
    render_sheet,
    split,
    split_drill,
)
from breakglass_shamir.paper.simulate import scanned

DAY = datetime.date(2026, 1, 31)
TWO_OF_THREE = Structure(1, (Group(2, 3),))
CREDENTIAL = Credential(Secret(b"on paper"))


def texts(*files: bytes) -> set[str]:
    return {code.text for page in read_pages(files) for code in page.codes}


def sheet(sealed: Sealed, number: int = 0) -> bytes:
    return render_sheet(sealed.envelope, sealed.shares[number], printed_on=DAY, belongs_to="Example Ltd")


def card(drill: Sealed, number: int = 0, *, for_printer: bool = False) -> bytes:
    share = drill.shares[number]
    return render_drill_card(drill.envelope, share, printed_on=DAY, belongs_to="Example Ltd", for_printer=for_printer)


@pytest.mark.parametrize("size", [1, 128, 900, 4096])
@pytest.mark.parametrize("structure", [TWO_OF_THREE, Structure(2, (Group(2, 3), Group(1, 2)))])
def test_a_sheet_is_read_back_whatever_the_credentials_length(size: int, structure: Structure) -> None:
    sealed = split(Credential(Secret(b"x" * size)), structure, set_name="a-set")
    assert texts(sheet(sealed, 1)) == {sealed.shares[1].to_text(), *sealed.envelope.to_codes()}


def test_a_drill_card_carries_its_share_and_no_envelope() -> None:
    drill = split_drill(TWO_OF_THREE, set_name="a-set", epoch=7)
    for for_printer in (False, True):
        assert texts(card(drill, for_printer=for_printer)) == {drill.shares[0].to_text()}


def test_scans_of_sheets_open_as_their_files_do() -> None:
    sealed = split(CREDENTIAL, TWO_OF_THREE, set_name="a-set")
    pool = Pool()
    for text in texts(*(scanned(sheet(sealed, number), seed=number) for number in (0, 2))):
        pool.add(text)
    assert pool.quorum().sheets == ("1.1", "1.3")


def test_the_same_arguments_give_the_same_bytes() -> None:
    sealed = split(CREDENTIAL, TWO_OF_THREE, set_name="a-set")
    assert sheet(sealed) == sheet(sealed)


def test_what_does_not_belong_together_is_never_drawn() -> None:
    live, other = (split(CREDENTIAL, TWO_OF_THREE, set_name="a-set") for _ in range(2))
    drill = split_drill(TWO_OF_THREE, set_name="a-set")
    mixed = Share(live.shares[0].kind, live.envelope.core.epoch_id, 1, 1, other.shares[0].value)
    nowhere = Share(live.shares[0].kind, live.envelope.core.epoch_id, 9, 9, live.shares[0].value)
    for envelope, share, error in (
        (live.envelope, other.shares[0], errors.MixedShares),
        (live.envelope, drill.shares[0], errors.MixedShares),
        (live.envelope, nowhere, errors.MixedShares),
        (live.envelope, mixed, errors.ShareMismatch),
    ):
        with pytest.raises(error):
            render_sheet(envelope, share, printed_on=DAY, belongs_to="")
    with pytest.raises(errors.MixedShares):
        render_drill_card(live.envelope, live.shares[0], printed_on=DAY, belongs_to="")


def test_an_envelope_made_by_hand_is_refused() -> None:
    sealed = split(CREDENTIAL, TWO_OF_THREE, set_name="a-set")
    envelope = sealed.envelope
    unsigned = Envelope(
        envelope.core, envelope.commitments, envelope.set_public_key, envelope.predecessor, envelope.policy_digest,
        envelope.checkpoint, "another-name",
    )  # fmt: skip
    with pytest.raises(errors.InvalidEnvelope):
        render_sheet(unsigned, sealed.shares[0], printed_on=DAY, belongs_to="")


def test_no_bytes_raise() -> None:
    whole = sheet(split(CREDENTIAL, TWO_OF_THREE, set_name="a-set"))
    hostile = [b"", b"junk", b"%PDF-1.7", whole[: len(whole) // 2], b"\x89PNG\r\n\x1a\n" + bytes(64), b"P5 9 9 255\n"]
    pages = read_pages(hostile)
    assert {page.source.partition(" page ")[0] for page in pages} == {f"file {n}" for n in range(1, len(hostile) + 1)}
    assert all(page.problem or not page.codes for page in pages)


def test_a_text_that_cannot_be_printed_is_refused_by_its_name() -> None:
    sealed = split(CREDENTIAL, TWO_OF_THREE, set_name="a-set")
    with pytest.raises(errors.InvalidInput, match="belongs_to"):
        render_sheet(sealed.envelope, sealed.shares[0], printed_on=DAY, belongs_to="\N{SNOWMAN}\x07")


def test_pages_are_made_and_read_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read_pages([sheet(split(CREDENTIAL, TWO_OF_THREE, set_name="a-set"))])
    assert list(tmp_path.iterdir()) == []

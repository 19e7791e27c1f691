# SPDX-License-Identifier: Apache-2.0
"""Attacks by somebody who has the database, the terminal's key and time: what others carried away exposes them.

Every shortened or rewritten log here holds by itself. The receipt, or the sheet, names what is gone.
"""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.proof import LogProof
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerMoved
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import (
    BreakglassError,
    IntegrityError,
    InvalidProof,
    InvalidSignature,
    MalformedText,
    RecordMissing,
)
from breakglass_shamir.formats.envelope import Checkpoint as Printed
from breakglass_shamir.formats.receipt import Pin, Receipt
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import receipt
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify
from tests.attacks.test_ledger_tampering import LAST, OPENED, fill, nodes_of, tamper

NOTE = Refused(stage="open", error="x", message="nothing happened")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole") / "home"
    with create(home, "north") as ledger:
        fill(ledger)
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "home")
    return tmp_path / "home"


def take(home: Path, index: int = OPENED) -> HeldReceipt:
    """Carry a receipt away, as text."""
    with open_home(home) as ledger:
        return receipt.read_text(receipt.make(ledger, index).to_text())


def printed(home: Path) -> Printed:
    with open_home(home) as ledger:
        return ledger.checkpoint()


def cut(home: Path, kept: int, of: int = LAST + 1) -> None:
    """Cut the tail off cleanly, tree nodes and all."""
    gone = sorted(nodes_of(of) - nodes_of(kept))
    removals = [("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone]
    tamper(home, ("DELETE FROM records WHERE seq >= ?", (kept,)), *removals)


def exposed(home: Path, held: HeldReceipt) -> IntegrityError:
    """Return what a receipt exposes of a log that holds by itself."""
    with open_home(home) as ledger:
        verify(ledger, full=True)
        with pytest.raises(IntegrityError) as found:
            receipt.check(ledger, held)
    return found.value


def test_a_receipt_of_an_untouched_log_agrees_now_and_when_it_has_grown(home: Path) -> None:
    held = take(home)
    with open_home(home) as ledger:
        receipt.check(ledger, held)
        for _ in range(20):
            ledger.append(NOTE)
        receipt.check(ledger, held)
        receipt.check_sheet(ledger, Printed(held.log_id, held.receipt.size, held.receipt.root), "the sheet")


@pytest.mark.parametrize("kept", [9, OPENED + 1, OPENED, 1])
def test_a_tail_cut_off_is_named_with_its_first_record_and_since_when(home: Path, kept: int) -> None:
    held, sheet = take(home), printed(home)
    cut(home, kept)
    with open_home(home) as ledger:
        since = records.parse(ledger.row(kept - 1)[1]).time
    error = exposed(home, held)
    assert isinstance(error, RecordMissing)
    gone = f"records {kept} to 11 are missing: this ledger ends with record {kept - 1} of {since}"
    assert str(error) == f"the receipt of {held.time} saw 12 records; {gone}"
    with open_home(home) as ledger, pytest.raises(RecordMissing) as found:
        receipt.check_sheet(ledger, sheet, "the sheet")
    assert str(found.value) == f"the sheet saw 12 records; {gone}"


def test_one_record_cut_off_is_named(home: Path) -> None:
    held = take(home)
    cut(home, LAST)
    assert "record 11 is missing" in str(exposed(home, held))


def test_the_whole_file_replaced_by_an_older_copy(home: Path) -> None:
    older = home.with_name("older")
    shutil.copytree(home, older)
    with open_home(home) as ledger:
        for _ in range(3):
            ledger.append(NOTE)
    held = take(home, 13)
    assert "records 12 to 14 are missing" in str(exposed(older, held))


@pytest.mark.parametrize("kept", [OPENED, 9])
def test_a_tail_cut_off_and_grown_again(home: Path, kept: int) -> None:
    held, sheet = take(home), printed(home)
    cut(home, kept)
    with open_home(home) as ledger:
        while ledger.size < LAST + 3:
            ledger.append(NOTE)
    error = exposed(home, held)
    if kept == OPENED:
        assert str(error) == f"the receipt of {held.time} is about record 4, and another record stands in its place"
    else:
        assert str(error) == f"the receipt of {held.time} saw another history: a record of 8 to 11 is another one"
    with open_home(home) as ledger, pytest.raises(InvalidProof, match="the sheet saw another history"):
        receipt.check_sheet(ledger, sheet, "the sheet")


def test_the_record_in_front_of_the_proven_one_replaced_is_named(home: Path) -> None:
    held = take(home, 10)
    cut(home, LAST)
    with open_home(home) as ledger:
        ledger.append(NOTE)
    message = f"the receipt of {held.time} saw another history: record 11 is another one"
    assert str(exposed(home, held)) == message


def test_a_fork_is_exposed_by_a_receipt_of_the_other_branch(home: Path) -> None:
    other = home.with_name("other")
    shutil.copytree(home, other)
    for folder, word in ((home, "here"), (other, "there")):
        with open_home(folder) as ledger:
            ledger.append(LedgerMoved(reason=word))
            ledger.append(NOTE)
    held = take(other, 12)
    assert str(exposed(home, held)).endswith("is about record 12, and another record stands in its place")
    assert "saw another history" in str(exposed(home, take(other, OPENED)))


def test_stored_nodes_that_were_left_as_they_were_are_no_evidence(home: Path) -> None:
    held, sheet = take(home, LAST), printed(home)
    data = take(home, 7).record.replace(b"attempt 2", b"attempt 9")
    tamper(home, ("UPDATE records SET data = ? WHERE seq = 7", (data,)))
    with open_home(home) as ledger:
        assert ledger.root_at(sheet.size) == sheet.root
        with pytest.raises(InvalidProof, match="another history"):
            receipt.check(ledger, held)
        with pytest.raises(InvalidProof, match="another history"):
            receipt.check_sheet(ledger, sheet, "the sheet")


@pytest.mark.parametrize(("level", "position"), [(0, 5), (1, 3), (3, 0), (2, 2)])
def test_no_receipt_is_given_from_a_damaged_tree(home: Path, level: int, position: int) -> None:
    tamper(home, ("UPDATE nodes SET hash = zeroblob(32) WHERE level = ? AND position = ?", (level, position)))
    with open_home(home) as ledger, pytest.raises(InvalidProof):
        for index in range(ledger.size):
            receipt.make(ledger, index)


def test_a_receipt_of_another_log_is_known_by_its_log_id(home: Path, tmp_path: Path) -> None:
    with create(tmp_path / "south", "south") as other:
        fill(other)
    assert take(tmp_path / "south").log_id != take(home).log_id


@pytest.mark.parametrize("changes", [{"envelope_sha256": bytes(32)}, {"set_public_key": b"k" * 32}])
def test_a_ledger_that_holds_another_epoch_than_was_pinned(home: Path, changes: dict[str, bytes]) -> None:
    held = take(home)
    (pin,) = held.receipt.pins
    with open_home(home) as ledger:
        lying = ledger.sign_receipt(replace(held.receipt, pins=(replace(pin, **changes),)))
        with pytest.raises(InvalidProof, match="pins another epoch of prod-db than this ledger holds"):
            receipt.check(ledger, HeldReceipt(lying))


def test_a_receipt_pins_the_epoch_in_force(home: Path) -> None:
    held = take(home)
    with open_home(home) as ledger:
        epoch = ledger.state.of("prod-db").current_epoch
    pin = Pin(epoch.envelope.set_public_key, bytes.fromhex(epoch.envelope_sha256))
    assert (held.receipt.pins, held.receipt.set_name) == ((pin,), "prod-db")


def test_every_byte_of_a_receipt_counts(home: Path) -> None:
    held = take(home)
    assert held.proof is not None
    data = bytes(held.proof.extra)
    for position in range(0, len(data), 7):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(IntegrityError):
            receipt.read_text(replace(held.proof, extra=changed).to_text())
    code = held.receipt.to_code()
    for position in range(5, len(code), 7):
        other = "0" if code[position] != "0" else "1"
        with pytest.raises(BreakglassError):
            Receipt.from_code(code[:position] + other + code[position + 1 :])


def test_a_receipts_parts_of_two_receipts(home: Path) -> None:
    one, two = take(home), take(home, 7)
    with open_home(home) as ledger:
        ledger.append(NOTE)
    later = take(home)
    assert one.proof is not None
    assert two.proof is not None
    assert later.proof is not None
    for parts in (
        replace(one.proof, hashes=two.proof.hashes),
        replace(one.proof, index=two.proof.index),
        replace(one.proof, checkpoint=later.proof.checkpoint),
        replace(one.proof, extra=two.proof.extra),
        replace(one.proof, extra=one.receipt.to_bytes() + two.record),
        replace(one.proof, hashes=one.proof.hashes[:-1]),
        replace(one.proof, extra=b""),
    ):
        with pytest.raises(IntegrityError):
            receipt.read_text(parts.to_text())


def test_a_receipt_signed_again_by_another_key_is_of_another_log(home: Path) -> None:
    held = take(home)
    stranger = Secret(b"s" * 32)
    forged = replace(held.receipt, terminal_key=keys.ed25519_public(stranger)).signed_by(stranger)
    assert HeldReceipt(Receipt.from_code(forged.to_code())).log_id != held.log_id
    with pytest.raises(InvalidSignature):
        Receipt.from_bytes(replace(held.receipt, signature=forged.signature).to_bytes())


def test_a_code_and_a_file_have_one_spelling(home: Path) -> None:
    held = take(home)
    assert held.proof is not None
    text = held.to_text()
    assert LogProof.from_text(text).to_text() == text
    assert Receipt.from_code(held.receipt.to_code().lower()).to_code() == held.receipt.to_code()
    with pytest.raises(MalformedText):
        Receipt.from_code(held.receipt.to_code() + "00000000")
    for other in (
        text.replace("index 4", "index 04"),
        text.replace("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        text.replace("\n\nbreak", "\nbreak", 1),
        text.replace("extra ", "extra  "),
        "\n" + text,
        text + "\n",
        text.replace("\n", "\r\n"),
        "",
    ):
        with pytest.raises(IntegrityError):
            receipt.read_text(other)


def test_a_proof_has_as_many_hashes_as_the_tree_is_deep(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "x.sqlite", Secret(b"k" * 32)) as ledger:
        for size in range(1, 34):
            ledger.append(NOTE)
            for index in {0, size // 2, size - 1}:
                held = receipt.make(ledger, index)
                assert held.proof is not None
                assert len(held.proof.hashes) <= (size - 1).bit_length()
                assert receipt.read_text(held.to_text()) == held

# SPDX-License-Identifier: Apache-2.0
"""A long log, verified by sample: what the last checkpoint covers is found wherever it lies; what is not, in full.

The sample here looks at the ends only, so that nothing is found by luck.
"""

import base64
import contextlib
import itertools
import shutil
from pathlib import Path

import pytest

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint as Head
from breakglass_shamir.crypto.note import sign_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import IntegrityError, InvalidProof
from breakglass_shamir.ledger import nodecheck, sample
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.verify import FULL_UP_TO, verify
from tests.attacks.test_ledger_tampering import OPENED, field, fill, nodes_of, set_column, tamper

SIZE = 64
MIDDLE = 30


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole") / "home"
    with create(home, "north") as ledger:
        fill(ledger)
        while ledger.size < SIZE:
            ledger.append(Refused(stage="open", error="x", message=f"number {ledger.size}"))
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def no_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "EVERY", 10**9)
    monkeypatch.setattr(nodecheck, "EVERY_RECORDS", 10)


def sampled(home: Path) -> str:
    with open_home(home) as ledger, pytest.raises(IntegrityError) as found:
        verify(ledger, full=False)
    return str(found.value)


def test_both_ways_say_the_same_of_an_untouched_log(home: Path) -> None:
    with open_home(home) as ledger:
        quick, full = verify(ledger, full=False), verify(ledger, full=True)
        assert (quick.records, quick.root, quick.state) == (full.records, full.root, full.state)
        assert quick.state == ledger.state
        assert (full.checked.full, full.checked.terminal_signatures) == (True, SIZE)
        assert (quick.checked.full, quick.checked.terminal_signatures) == (False, 2 * sample.ENDS)
        assert quick.checked.quorum_signatures == full.checked.quorum_signatures == 1


def test_a_log_is_verified_in_full_up_to_a_size_and_by_sample_above(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_home(home) as ledger:
        assert verify(ledger).checked.full
        assert FULL_UP_TO > SIZE
        monkeypatch.setattr("breakglass_shamir.ledger.verify.FULL_UP_TO", SIZE - 1)
        assert not verify(ledger).checked.full


def test_a_date_that_does_not_exist_is_named(home: Path) -> None:
    """By somebody who has the terminal's key and signs it; nobody's clock says so."""
    from breakglass_shamir.custody.life.moment import Moment
    from breakglass_shamir.ledger import clock

    with open_home(home) as ledger, pytest.MonkeyPatch.context() as patch:
        now = clock.now()
        patch.setattr(clock, "now", lambda: Moment("2026-02-31T00:00:00Z", now.boot, now.uptime_ms))
        patch.setattr(records, "is_time", lambda text: True)
        ledger.append(Refused(stage="open", error="x", message="a lie"))
        patch.undo()
        for _ in range(3):
            with contextlib.suppress(IntegrityError):
                ledger.append(Refused(stage="open", error="x", message="more"))
        for full in (False, True):
            with pytest.raises(IntegrityError, match=f"^record {SIZE}: expected a time such as"):
                verify(ledger, full=full)


def test_progress_is_told_as_it_goes(home: Path) -> None:
    heard: list[tuple[int, int]] = []
    with open_home(home) as ledger:
        verify(ledger, full=True, progress=lambda done, of: heard.append((done, of)))
    assert heard == [(SIZE, SIZE)]


@pytest.mark.parametrize("seq", [1, 12, MIDDLE, MIDDLE + 1, SIZE - 2, SIZE - 1])
def test_every_byte_of_a_record_is_covered(home: Path, seq: int) -> None:
    data = field(home, "data", seq)
    assert isinstance(data, bytes)
    for position in range(0, len(data), 1 + len(data) // 12):
        copy = home.with_name(f"{seq}-{position}")
        shutil.copytree(home, copy)
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        tamper(copy, set_column("data", changed, seq))
        with pytest.raises(IntegrityError, match=f"^record {seq}: "), open_home(copy) as ledger:
            verify(ledger, full=False)


def test_a_word_changed_in_the_middle_is_named_by_its_own_record(home: Path) -> None:
    data = field(home, "data", MIDDLE)
    assert isinstance(data, bytes)
    tamper(home, set_column("data", data.replace(b"number", b"humber"), MIDDLE))
    assert sampled(home) == f"record {MIDDLE}: the Ed25519 signature does not verify"


def test_a_record_removed_and_two_swapped_are_named(home: Path) -> None:
    other = home.with_name("other")
    shutil.copytree(home, other)
    tamper(home, ("DELETE FROM records WHERE seq = ?", (MIDDLE,)))
    assert sampled(home) == f"record {MIDDLE}: expected number {MIDDLE}, got {MIDDLE + 1}"
    steps = [(-1, MIDDLE), (MIDDLE, MIDDLE + 1), (MIDDLE + 1, -1)]
    tamper(other, *[("UPDATE records SET seq = ? WHERE seq = ?", step) for step in steps])
    assert sampled(other) == f"record {MIDDLE}: expected number {MIDDLE}, got {MIDDLE + 1}"


@pytest.mark.parametrize("full", [True, False])
def test_a_record_stored_under_another_number_is_named(home: Path, full: bool) -> None:
    """Nobody who asks for it by its number would find it."""
    tamper(home, ("UPDATE records SET seq = ? WHERE seq = ?", (SIZE + 7, SIZE - 1)))
    with open_home(home) as ledger, pytest.raises(IntegrityError) as found:
        verify(ledger, full=full)
    assert str(found.value) == f"record {SIZE - 1}: expected number {SIZE - 1}, it is stored as {SIZE + 7}"


@pytest.mark.parametrize("odd", [1, 2, 3, 5])
def test_records_that_are_looked_at_by_themselves_among_others_are_verified_all_the_same(home: Path, odd: int) -> None:
    """Letters beyond ASCII, every so often: what is taken at once grows and shrinks, and nothing is left out."""
    with open_home(home) as ledger:
        for number in range(150):
            letter = "\u00e9" if number % odd == 0 else "e"
            ledger.append(Refused(stage="open", error="x", message=f"num{letter}ro {number}"))
        quick, full = verify(ledger, full=False), verify(ledger, full=True)
        assert (quick.records, quick.root, quick.state) == (full.records, full.root, full.state)
    data = field(home, "data", SIZE + 77)
    assert isinstance(data, bytes)
    tamper(home, set_column("data", data.replace(b" 77", b" 78"), SIZE + 77))
    assert sampled(home).startswith(f"record {SIZE + 77}: ")


@pytest.mark.parametrize("value", ["", "x" * 322, "quorum", "and more"])
def test_a_signature_stripped_or_of_another_form_is_named(home: Path, value: str) -> None:
    if value == "quorum":
        value = str(field(home, "quorum_signature", OPENED))
    if value == "and more":
        value = str(field(home, "terminal_signature", MIDDLE)) + value
    tamper(home, set_column("terminal_signature", value, MIDDLE))
    assert sampled(home).startswith(f"record {MIDDLE}: expected ")


def test_a_quorums_signature_is_always_verified(home: Path) -> None:
    signature = str(field(home, "quorum_signature", OPENED))
    blob = bytearray(base64.b64decode("".join(signature.splitlines()[1:-1])))
    blob[-1] ^= 1
    text = base64.b64encode(blob).decode()
    lines = "\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    spoiled = f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
    tamper(home, set_column("quorum_signature", spoiled, OPENED))
    assert sampled(home) == f"record {OPENED}: the Ed25519 signature does not verify"


def test_a_quorums_signature_stripped_is_named(home: Path) -> None:
    tamper(home, set_column("quorum_signature", "", OPENED))
    assert sampled(home) == f"record {OPENED}: expected an armored SSH signature and nothing around it"


def test_a_quorums_signature_lent_to_a_record_that_needs_none(home: Path) -> None:
    tamper(home, set_column("quorum_signature", field(home, "quorum_signature", OPENED), MIDDLE))
    assert sampled(home) == f"record {MIDDLE}: a quorum's signature on a record that needs none"


@pytest.mark.parametrize("other", [MIDDLE - 1, MIDDLE + 1])
def test_a_checkpoints_text_is_always_held_against_the_tree(home: Path, other: int) -> None:
    tamper(home, set_column("checkpoint", field(home, "checkpoint", other), MIDDLE))
    assert sampled(home) == f"record {MIDDLE}: the checkpoint does not belong to the tree"


def test_a_checkpoint_of_another_key_is_named(home: Path) -> None:
    with open_home(home) as ledger:
        name, root = origin(ledger.public_key), ledger.root_at(MIDDLE + 1)
    from tests.attacks.test_ledger_tampering import STRANGER

    tamper(home, set_column("checkpoint", sign_note(Head(name, MIDDLE + 1, root).to_text(), name, STRANGER), MIDDLE))
    assert sampled(home).startswith(f"record {MIDDLE}: expected a signature by breakglass-shamir.log/")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 0 AND position = 30",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 3 AND position = 2",
        "DELETE FROM nodes WHERE level = 2 AND position = 5",
        "DELETE FROM nodes WHERE level = 6",
        "INSERT INTO nodes VALUES (1, 32, zeroblob(32))",
        "INSERT INTO nodes VALUES (9, 0, zeroblob(32))",
        "INSERT INTO nodes VALUES (-1, 0, zeroblob(32))",
        "UPDATE nodes SET position = 99 WHERE level = 0 AND position = 63",
    ],
)
def test_stored_nodes_are_held_against_the_tree(home: Path, statement: str) -> None:
    tamper(home, (statement, ()))
    assert sampled(home) == f"the stored tree nodes do not belong to the {SIZE} records"


def test_the_two_things_a_sample_can_miss_are_found_in_full(home: Path) -> None:
    """Said in docs/spec/7-records.md: the record itself is covered, and these spoil nothing but themselves."""
    swapped = home.with_name("swapped")
    shutil.copytree(home, swapped)
    signature = field(home, "terminal_signature", MIDDLE + 7)
    tamper(swapped, set_column("terminal_signature", signature, MIDDLE))
    note = str(field(home, "checkpoint", MIDDLE))
    spoiled = note[:-6] + ("AAAA" if note[-6:-2] != "AAAA" else "BBBB") + note[-2:]
    tamper(home, set_column("checkpoint", spoiled, MIDDLE))
    for folder in (swapped, home):
        with open_home(folder) as ledger:
            assert verify(ledger, full=False).records == SIZE
            with pytest.raises(IntegrityError, match=f"^record {MIDDLE}: "):
                verify(ledger, full=True)


def test_a_sample_that_looks_there_finds_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tamper(home, set_column("terminal_signature", field(home, "terminal_signature", MIDDLE + 7), MIDDLE))
    monkeypatch.setattr(sample, "EVERY", 1)
    assert sampled(home) == f"record {MIDDLE}: the Ed25519 signature does not verify"


def test_a_tail_cut_off_and_its_last_signatures_swapped(home: Path) -> None:
    gone = sorted(nodes_of(SIZE) - nodes_of(40))
    removals = [("DELETE FROM nodes WHERE level = ? AND position = ?", node) for node in gone]
    tamper(home, ("DELETE FROM records WHERE seq >= ?", (40,)), *removals)
    with open_home(home) as ledger:
        verify(ledger, full=False)
    tamper_again = set_column("terminal_signature", field(home, "terminal_signature", 38), 39)
    import sqlite3

    with sqlite3.connect(home / "ledger.sqlite") as connection:
        connection.execute(*tamper_again)
    assert sampled(home) == "record 39: the Ed25519 signature does not verify"


def test_no_two_samples_look_at_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "EVERY", 50)
    total = 20_000
    seen = []
    for _ in range(2):
        look = sample.Sample(total)
        chosen = [look.after(-1)]
        while chosen[-1] < total - 1:
            chosen.append(look.after(chosen[-1]))
        seen.append(chosen)
    assert seen[0] != seen[1]
    for one in seen:
        assert {0, 1, total - 2, total - 1} <= set(one)
        assert max(after - before for before, after in itertools.pairwise(one)) < 2 * 50
        assert 250 < len(one) < 700


@pytest.mark.parametrize("size", [*range(1, 20), 64, 65, 100])
def test_nodes_and_roots_are_the_same_however_the_leaves_come(size: int) -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(size)]
    stored: dict[tuple[int, int], bytes] = {}
    for number, leaf in enumerate(leaves):
        for level, position, value in merkle.new_nodes(number, leaf, lambda at, index: stored[at, index]):
            stored[level, position] = value
    for step in (1, 3, 7, size):
        tree = merkle.RootBuilder()
        tree.completed = []
        for start in range(0, size, step):
            tree.extend(leaves[start : start + step])
        assert (tree.size, tree.root()) == (size, merkle.root(size, lambda at, index: stored[at, index]))
        found = {(level, i): value for level, row in enumerate(tree.completed) for i, value in enumerate(row)}
        assert found == stored


def test_the_form_of_a_signature_is_that_of_every_signature(home: Path) -> None:
    with open_home(home) as ledger:
        beginning, length = sshsig.outline(ledger.public_key, sshsig.RECORD_NAMESPACE)
        signatures = {entry.terminal_signature for entry in ledger.entries()}
    assert len(signatures) == SIZE
    assert all(len(one) == length and one.startswith(beginning) for one in signatures)
    assert len({one[: len(beginning) + 2] for one in signatures}) > 1, "all that is fixed is in the form"


def test_a_lying_root_between_is_found_in_full_only(home: Path) -> None:
    """Whoever has the terminal's key can sign a false root; a receipt at that size, or the full check, finds it."""
    from breakglass_shamir.crypto import keys
    from breakglass_shamir.ledger.home import KEY_NAME
    from breakglass_shamir.ledger.store import Ledger

    seed = keys.seed_from_pem((home / KEY_NAME).read_bytes())
    lie = b"l" * 32

    class Liar(Ledger):
        def root_at(self, size: int) -> bytes:
            return lie if size == SIZE + 3 else super().root_at(size)

        def require_found(self, *, whole: bool = False) -> None:
            """What it would find is not the lie."""

        def _sign_checkpoint(self, data: bytes) -> str:
            if self.size != SIZE + 2:
                return super()._sign_checkpoint(data)
            name = origin(self.public_key)
            return sign_note(Head(name, SIZE + 3, lie).to_text(), name, self._key)

    with Liar.open(home / "ledger.sqlite", seed) as ledger:
        for _ in range(12):
            ledger.append(Refused(stage="open", error="x", message="another"))
        verify(ledger, full=False)
        with pytest.raises(InvalidProof, match=f"record {SIZE + 2}: the checkpoint does not belong to the tree"):
            verify(ledger, full=True)

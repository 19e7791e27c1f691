# SPDX-License-Identifier: Apache-2.0
"""The verification reports what it saw; the clock and the names of a log are what they are said to be."""

import hashlib
import re
from pathlib import Path

import pytest

from breakglass_shamir.crypto import keys, merkle
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import InvalidRecord
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import log_id, origin
from breakglass_shamir.ledger.home import KEY_NAME, create
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

NOTE = Refused(stage="open", error="insufficient-shares", message="no quorum")


def test_an_empty_log_does_not_hold(tmp_path: Path) -> None:
    with (
        Ledger.create(tmp_path / FILE_NAME, Secret(b"k" * 32)) as ledger,
        pytest.raises(InvalidRecord, match="expected the start of a ledger"),
    ):
        verify(ledger)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9])
def test_the_root_is_that_of_every_record(tmp_path: Path, count: int) -> None:
    with create(tmp_path, "north") as ledger:
        for _ in range(count - 1):
            ledger.append(NOTE)
        report = verify(ledger)
        leaves = [merkle.leaf_hash(entry.data) for entry in ledger.entries()]
        assert (report.records, report.root, report.state) == (count, merkle.root_of(leaves), ledger.state)


def test_verifying_writes_nothing(tmp_path: Path) -> None:
    with create(tmp_path, "north") as ledger:
        before = ledger._connection.total_changes
        verify(ledger)
        assert ledger._connection.total_changes == before


def test_the_same_records_in_two_logs_have_other_bytes(tmp_path: Path) -> None:
    with create(tmp_path / "one", "north") as one, create(tmp_path / "two", "north") as two:
        assert one.log_id != two.log_id
        assert one.root_at(1) != two.root_at(1)


def test_a_log_is_named_by_its_key() -> None:
    assert log_id(b"p" * 32) == hashlib.sha256(b"p" * 32).digest()[:8]
    assert origin(b"p" * 32) == "breakglass-shamir.log/" + log_id(b"p" * 32).hex()


def test_the_key_of_another_terminal_does_not_verify(tmp_path: Path) -> None:
    create(tmp_path, "north").close()
    with Ledger.open(tmp_path / FILE_NAME, keys.seed_from_pem((tmp_path / KEY_NAME).read_bytes())) as ledger:
        ledger.public_key = keys.ed25519_public(Secret(b"x" * 32))
        with pytest.raises(InvalidRecord, match="record 0: expected log id"):
            verify(ledger)


def test_the_clock_says_whole_seconds_and_milliseconds_since_boot() -> None:
    first, second = clock.now(), clock.now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.time)
    assert re.fullmatch(r"[0-9a-f]{16}", first.boot)
    assert first.boot == second.boot
    assert 0 < first.uptime_ms <= second.uptime_ms


def test_the_kernels_own_boot_id_stays_private() -> None:
    assert clock.BOOT_ID_PATH.read_text().strip().replace("-", "")[:16] != clock.now().boot

# SPDX-License-Identifier: Apache-2.0
"""Rows beside a record are stored with it, in one transaction, and never keep it from being stored."""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import LedgerUnwritable
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.schema import Beside, Row
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

NOTE = Refused(stage="open", error="insufficient-shares", message="no quorum")
SCHEMA = ("CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, terminal TEXT NOT NULL) STRICT",)


def one_each(entry: Entry, state: LedgerState) -> Iterable[Row]:
    yield "INSERT INTO outbox VALUES (?, ?)", (entry.record.seq, state.terminal)


def outbox(folder: Path) -> list[tuple[int, str]]:
    with sqlite3.connect(folder / FILE_NAME) as connection:
        return connection.execute("SELECT seq, terminal FROM outbox ORDER BY seq").fetchall()


def test_rows_are_stored_with_their_record(tmp_path: Path) -> None:
    with home.create(tmp_path, "north", beside=Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
    with home.open_home(tmp_path, Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
        assert ledger.beside_problem == ""
        verify(ledger)
    assert outbox(tmp_path) == [(1, "north"), (2, "north")]


def test_a_record_that_is_refused_leaves_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with home.create(tmp_path, "north", beside=Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
        insert = Ledger._insert_beside

        def then_the_disk_fails(self: Ledger, entry: Entry, state: LedgerState) -> None:
            insert(self, entry, state)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(Ledger, "_insert_beside", then_the_disk_fails)
        with pytest.raises(LedgerUnwritable):
            ledger.append(NOTE)
        assert (ledger.size, verify(ledger).records) == (2, 2)
    assert outbox(tmp_path) == [(1, "north")]


def bug(entry: Entry, state: LedgerState) -> Iterable[Row]:
    yield from one_each(entry, state)
    raise KeyError("a mistake in the code that makes the rows")


def duplicate(entry: Entry, state: LedgerState) -> Iterable[Row]:
    yield from one_each(entry, state)
    yield from one_each(entry, state)


@pytest.mark.parametrize(("rows", "problem"), [(bug, "KeyError"), (duplicate, "IntegrityError")])
def test_what_makes_the_rows_fails_and_the_record_stands_without_any(
    tmp_path: Path, rows: Callable[[Entry, LedgerState], Iterable[Row]], problem: str
) -> None:
    with home.create(tmp_path, "north", beside=Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
        ledger.beside = Beside(SCHEMA, rows)
        entry = ledger.append(NOTE)
        assert ledger.beside_problem == f"{problem} beside record {entry.record.seq}"
        assert verify(ledger).records == 3
    assert outbox(tmp_path) == [(1, "north")]


def test_a_ledger_that_moves_takes_its_rows_along(tmp_path: Path) -> None:
    with home.create(tmp_path / "old", "north", beside=Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
        with home.move(ledger, tmp_path / "new", "the disk is full") as moved:
            moved.append(NOTE)
    assert outbox(tmp_path / "new") == [(1, "north"), (3, "north")]


def test_a_transaction_of_ones_own_is_whole_or_nothing(tmp_path: Path) -> None:
    with home.create(tmp_path, "north", beside=Beside(SCHEMA, one_each)) as ledger:
        ledger.append(NOTE)
        with pytest.raises(RuntimeError), ledger.transaction() as connection:
            connection.execute("DELETE FROM outbox")
            raise RuntimeError
        assert outbox(tmp_path) == [(1, "north")]
        with ledger.transaction() as connection:
            connection.execute("DELETE FROM outbox")
        assert outbox(tmp_path) == []

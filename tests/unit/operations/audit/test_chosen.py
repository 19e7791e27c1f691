# SPDX-License-Identifier: Apache-2.0
"""Which records an id stands for: ids are hexadecimal, so that some begin like numbers."""

from dataclasses import dataclass

import pytest

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.audit import evidence


@dataclass(frozen=True)
class Shown:
    """What the choice looks at."""

    seq: int
    opening: str = ""


def chosen(monkeypatch: pytest.MonkeyPatch, wanted: str, *openings: str) -> list[int]:
    """Return the numbers of the records that are meant, of a log with two of each opening."""
    of = ["", *(opening for opening in openings for _ in range(2))]
    monkeypatch.setattr(evidence, "exhibits", lambda _log: (Shown(seq, opening) for seq, opening in enumerate(of)))
    log: object = None
    return [one.seq for one in evidence.chosen(log, wanted)]  # type: ignore[arg-type]


@pytest.mark.parametrize("begins", ["123456", "12345678", "abc456", "000000"])
def test_the_beginning_of_two_openings_is_no_choice(begins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = begins.ljust(32, "7"), begins.ljust(32, "8")
    assert chosen(monkeypatch, f"{begins}7", one, other) == [1, 2]
    with pytest.raises(InvalidInput, match=f"more than one opening begins with {begins}"):
        chosen(monkeypatch, begins, one, other)


def test_a_short_number_is_a_record_and_all_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, "3", "1" * 32, "3" * 32) == [3]
    assert chosen(monkeypatch, "all", "1" * 32, "3" * 32) == [0, 1, 2, 3, 4]
    with pytest.raises(InvalidInput, match="expected a record's number or at least 6 digits"):
        chosen(monkeypatch, "99", "1" * 32)

# SPDX-License-Identifier: Apache-2.0
"""Folders of custodians: none is for two people, whatever they are called."""

import pytest

from breakglass_shamir.custody import names


@pytest.mark.parametrize("other", ["head of IT", "Büro", "", "x" * 40])
def test_nobody_is_called_like_another_ones_folder(other: str) -> None:
    folder = names.of_custodian(other, "build-key 1.1")
    assert names.of_custodian(folder, "build-key 1.2") != folder


def test_a_plain_name_is_its_folder() -> None:
    assert [names.of_custodian(one, "") for one in ("finance", " Finance ", "site-2", "b-2031")] == [
        "finance", "finance", "site-2", "b-2031",
    ]  # fmt: skip


def test_each_sheet_that_nobody_is_named_for_has_a_folder_of_its_own() -> None:
    seats = [f"set-{number:05} 1.{seat}" for number in range(40_000) for seat in range(1, 6)]
    assert len({names.of_custodian("", seat) for seat in seats}) == len(seats)

# SPDX-License-Identifier: Apache-2.0
"""A file that somebody else changes while its copy is made is left as they made it, and that is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.errors import ConnectorError


def longer(path: Path) -> None:
    path.write_bytes(b"what somebody else wrote is longer")


def shorter(path: Path) -> None:
    path.write_bytes(b"less")


def other(path: Path) -> None:
    path.write_bytes(b"else")


@pytest.mark.parametrize("change", [longer, shorter, other])
def test_what_somebody_else_changed_is_not_replaced(change: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ours")
    original = one_file.read_file(path)
    with one_file.working_copy(original) as copy:
        copy.write_bytes(b"new!")
        change(path)
        left = path.read_bytes()
        with pytest.raises(ConnectorError, match="somebody else"):
            one_file.put_in_place(copy, original)
    assert path.read_bytes() == left

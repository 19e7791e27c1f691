# SPDX-License-Identifier: Apache-2.0
"""Until when an account is armed, where another terminal armed it already."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from breakglass_shamir.connectors.port.answers import Armed
from breakglass_shamir.operations.arming.keeping import MARGIN_S, Account

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
WINDOW_S = 3600


def until(stands_s: int | None, for_s: int = 900) -> int:
    """Return for how many seconds an account is armed, of which an arming stands for some."""
    policy: Any = SimpleNamespace(arming=SimpleNamespace(window=SimpleNamespace(seconds=WINDOW_S)))
    nothing: Any = None
    told = Armed(NOW + timedelta(seconds=stands_s) if stands_s is not None else None, NOW)
    found = Account(nothing, policy, nothing)._until(NOW, for_s, told, None)
    return int((found - NOW).total_seconds())


@pytest.mark.parametrize("stands_s", [900, 901, 1800, WINDOW_S, WINDOW_S + MARGIN_S])
def test_one_that_stands_is_taken_over_longer_so_that_its_maker_does_not_close_both(stands_s: int) -> None:
    assert until(stands_s) == stands_s + 1


@pytest.mark.parametrize("stands_s", [None, -5, 0, 899, WINDOW_S + MARGIN_S + 1, 30 * 86400])
def test_one_that_is_over_shorter_or_none_of_ours_changes_nothing(stands_s: int | None) -> None:
    assert until(stands_s) == 900

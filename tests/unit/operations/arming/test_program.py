# SPDX-License-Identifier: Apache-2.0
"""What a program that arms says of instants."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.operations.arming.authorities import ByProgram

POLICY = """name = "prod-db"
target = {uri = "postgresql://db.example/postgres", account = "root"}
declaration = {classes = ["x"]}
[[quorum.groups]]
threshold = 2
custodians = ["A", "B", "C"]
"""


def program(folder: Path, answer: dict[str, object]) -> ByProgram:
    """Return the authority of a program that always says the same."""
    made = folder / "arms"
    made.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    made.chmod(0o700)
    return ByProgram(made, policies.parse(POLICY))


def test_an_instant_of_another_zone_is_the_same_instant_in_utc(tmp_path: Path) -> None:
    asked = program(tmp_path, {"done": True, "until": "2026-11-30T22:00:00+02:00", "now": "2026-11-30T14:30:00-05:00"})
    told = asked.standing()
    at = datetime(2026, 11, 30, 20, tzinfo=UTC), datetime(2026, 11, 30, 19, 30, tzinfo=UTC)
    assert (told.until, told.now) == at
    assert [one.tzinfo for one in (told.until, told.now) if one] == [UTC, UTC], "records write them as they are"
    assert asked.arm(at[0]) == at[1]


@pytest.mark.parametrize("now", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "0900-01-01T00:00:00+00:00"])
def test_a_clock_that_nothing_can_be_reckoned_from_is_an_answer_of_no_use(now: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="gave"):
        program(tmp_path, {"until": None, "now": now}).standing()


def test_an_end_may_be_far_away(tmp_path: Path) -> None:
    told = program(tmp_path, {"until": "9999-12-31T23:59:59+00:00"}).standing()
    assert told.until == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

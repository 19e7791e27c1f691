# SPDX-License-Identifier: Apache-2.0
"""A stage and a terminal for the attacks on screens."""

from collections.abc import Iterator

import pytest

from tests.attacks.stage import Glass, Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Where programs are played, one at a time."""
    with staged() as made:
        yield made


@pytest.fixture
def glass(stage: Stage) -> Iterator[Glass]:
    """A terminal that keeps all it can."""
    made = Glass()
    yield made
    stage.stop()
    made.close()

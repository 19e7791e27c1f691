# SPDX-License-Identifier: Apache-2.0
"""A stage and a terminal for the attacks on screens, and a sealed set."""

from collections.abc import Iterator

import pytest

from tests.attacks.stage import Glass, Stage, staged
from tests.end_to_end.life import Life


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


@pytest.fixture(scope="session")
def sealed_once(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set of 2 of 3 that remembers this moment."""
    made = Life(tmp_path_factory.mktemp("sealed") / "life")
    made.begin()
    made.seal()
    made.keep()
    return made


@pytest.fixture
def life(sealed_once: Life) -> Life:
    """A sealed set of 2 of 3: sheets in ``sheets-1``, scans in ``scans-1``."""
    sealed_once.restore()
    return sealed_once

# SPDX-License-Identifier: Apache-2.0
"""A sealed set to each test, as fresh as on its first day.

Making one takes seconds, so each worker makes it once and puts the folder back before every test. It stays at
the same path, since the ledger's policy names the key's.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.life import Life


@pytest.fixture(scope="session", autouse=True)
def ssh_keygen(need: Callable[[str], str]) -> str:
    """Without it there is no life here."""
    return need("ssh-keygen")


@pytest.fixture
def fresh(tmp_path: Path) -> Life:
    """A key, a policy of 2 of 3 and a home; nothing is split yet."""
    life = Life(tmp_path)
    life.begin()
    return life


@pytest.fixture(scope="session")
def sealed_once(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set of 2 of 3 that remembers this moment."""
    life = Life(tmp_path_factory.mktemp("sealed") / "life")
    life.begin()
    life.seal()
    life.keep()
    return life


@pytest.fixture
def life(sealed_once: Life) -> Life:
    """A sealed set of 2 of 3: sheets in ``sheets-1``, scans in ``scans-1``."""
    sealed_once.restore()
    return sealed_once

# SPDX-License-Identifier: Apache-2.0
"""A Chromium for the tests of ``recover.html``: one whose functions are asked, for a whole session, and fresh ones."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.standalone import PAGE
from tests.browsers.asked import Asked, operations
from tests.browsers.chromium import Chromium


@pytest.fixture(scope="session")
def asked(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The page in a browser, whose functions answer."""
    with Chromium(need("chromium"), tmp_path_factory.mktemp("asked")) as browser:
        browser.open(PAGE)
        browser.value(operations())
        yield Asked(browser)
        assert browser.console == []


@pytest.fixture
def browser(need: Callable[[str], str], tmp_path: Path) -> Iterator[Chromium]:
    """A browser of one's own, on the page as people get it."""
    with Chromium(need("chromium"), tmp_path / "browser") as found:
        found.open(PAGE)
        yield found

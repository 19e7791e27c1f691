# SPDX-License-Identifier: Apache-2.0
"""One Chromium for a whole session, whose functions of ``recover.html`` are asked."""

from collections.abc import Callable, Iterator

import pytest

from tests.browsers.asked import Asked, operations
from tests.browsers.chromium import PAGE, Chromium


@pytest.fixture(scope="session")
def asked(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The page in a browser, whose functions answer."""
    with Chromium(need("chromium"), tmp_path_factory.mktemp("asked")) as browser:
        browser.open(PAGE)
        browser.value(operations())
        yield Asked(browser)
        assert browser.console == []

# SPDX-License-Identifier: Apache-2.0
"""The words after ``recipe:chromium``, and whether a browser can be run here; known before anything is opened."""

from collections.abc import Sequence

from breakglass_shamir.bounded import chromium
from breakglass_shamir.bounded.chromium import Settings, page_of
from breakglass_shamir.errors import InvalidInput

NO_SANDBOX = "--no-sandbox"
"""Word by which people say that the browser may run as root."""


def find(arguments: Sequence[str]) -> str:
    """Return the browser's path.

    Raises:
        InvalidInput: the arguments are not a page's address, or the browser cannot be run here.
    """
    settings, _ = parsed(arguments)
    for words, todo in chromium.problems(settings):
        raise InvalidInput(words, hint=todo)
    return chromium.find(settings)


def parsed(arguments: Sequence[str]) -> tuple[Settings, str]:
    """Return how the browser is run, and the page's address.

    Raises:
        InvalidInput: they do not say that.
    """
    words = [word for word in arguments if word != NO_SANDBOX]
    if len(words) != 1:
        raise InvalidInput(
            "expected the address of one page after recipe:chromium",
            hint="such as recipe:chromium https://login.example/",
        )
    page_of(words[0])
    return Settings(sandbox=NO_SANDBOX not in arguments), words[0]

# SPDX-License-Identifier: Apache-2.0
"""What somebody probably meant who mistyped a name: a set, a command, a sheet, a debt, a key of a policy.

The nearest known name is offered, never taken: whoever typed it says yes.
"""

from collections.abc import Iterable

LONGEST = 80
"""Characters of a word that are compared: the cost grows with the square of them."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that looks most like this one, or nothing; case does not count."""
    # Imported here: needed after a typing mistake only.
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.casefold()[:LONGEST], one)
    found = get_close_matches(word.casefold()[:LONGEST], folded, n=1)
    return folded[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint that names the nearest known word, followed by what to do otherwise."""
    near = nearest(word, known)
    return " ".join(part for part in (f"did you mean {near}?" if near else "", otherwise) if part)

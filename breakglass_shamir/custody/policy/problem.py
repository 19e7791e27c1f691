# SPDX-License-Identifier: Apache-2.0
"""One thing that is wrong with a policy file."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """A key, what is wrong with it, and what was probably meant."""

    key: str
    """Path such as ``quorum.groups[0].threshold``; empty where the file as a whole is meant."""

    message: str
    """Says what was expected and what was found."""

    nearest: str = ""
    """The nearest valid spelling; empty where there is none."""

    def __str__(self) -> str:
        line = f"{self.key}: {self.message}" if self.key else self.message
        return f"{line}; did you mean {self.nearest}?" if self.nearest else line


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the known word that looks most like this one, or nothing."""
    # Imported here: needed after a typing mistake only.
    from difflib import get_close_matches

    folded = {one.casefold(): one for one in reversed(known)}
    found = get_close_matches(word.casefold()[:80], folded, n=1)
    return folded[found[0]] if found else ""

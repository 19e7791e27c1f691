# SPDX-License-Identifier: Apache-2.0
"""The words of the command line, before anything looks at them: none that looks like a share is taken.

A share on a command line is seen by every user of the machine, and the shell remembers it. What can still be kept from
it is a record, a message and an alert.

Rules:

1. Every word is looked at, of every command and option there will ever be, and all of them together.
2. At a terminal the word is asked for again. Elsewhere that is a usage error that names the option, never the word.
3. What ``--exec`` runs keeps its own arguments; only its program is recorded, and looked at.
"""

from collections.abc import Sequence

from breakglass_shamir.errors import LooksLikeShare
from breakglass_shamir.formats.likeness import looks_like_share

_HINT = (
    "every user of this machine could see it, and the shell remembers it: remove it there, void its sheet and rotate; "
    "typed lines go into a file, for --typed"
)
_RUNS = "--exec"


def without_shares(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, none of which looks like a share.

    Raises:
        LooksLikeShare: one does, and nobody can be asked for another.
    """
    end = _end(words)
    kept = list(words)
    for place in range(end):
        if looks_like_share(kept[place]):
            kept[place] = _again(kept, place)
    if looks_like_share(" ".join(kept[:end])):
        raise LooksLikeShare("the words of the command line look like a share together, and are not taken", hint=_HINT)
    return kept


def _end(words: Sequence[str]) -> int:
    """Return how many words are ours: up to the program that ``--exec`` runs."""
    if _RUNS not in words:
        return len(words)
    after = words.index(_RUNS) + 1
    return min(len(words), after + 1 + (words[after : after + 1] == ["--"]))


def _again(words: Sequence[str], place: int) -> str:
    """Ask for one word again.

    Raises:
        LooksLikeShare: nobody is there, or it is no value but a command or an option itself.
    """
    from breakglass_shamir.cli.screen import answers
    from breakglass_shamir.cli.screen.terminal import interactive

    word, before = words[place], words[place - 1] if place else ""
    option, joined, _ = word.partition("=")
    head = f"{option}=" if joined and option.startswith("--") and not looks_like_share(option) else ""
    name = option if head else before if before.startswith("--") else "an argument"
    is_value = bool(head) or not word.startswith("-")
    after_command = any(not one.startswith("-") for one in words[:place])
    if not (is_value and after_command and interactive()):
        raise LooksLikeShare(f"what was given for {name} looks like a share, and is not taken", hint=_HINT)
    answers.tell()
    return head + answers.ask(name)

# SPDX-License-Identifier: Apache-2.0
"""The words of the command line, before anything looks at them: none that looks like a share is taken.

A share on a command line is seen by every user of the machine, and the shell remembers it. What can still be kept from
it is a record, a message and an alert.

Rules:

1. Every word is looked at, of every command and option there will ever be, and runs of short ones together, as a line
   of a sheet is that nobody put into quotes. A fingerprint is public, and looks like half a line: what is as short as
   one is not looked at there. It is compared, and neither kept nor repeated.
2. At a terminal the word is asked for again. Elsewhere that is a usage error that names the option, never the word.
3. What ``--exec`` runs keeps its own arguments; only its program is recorded, and looked at.
4. A few small letters and hyphens in all (``--version``) are no share, and not looked at: the look costs more than what
   such a line asks for.
"""

from collections.abc import Iterator, Sequence

from breakglass_shamir.errors import LooksLikeShare

_HINT = (
    "every user of this machine could see it, and the shell remembers it: remove it there, void its sheet and rotate; "
    "typed lines go into a file, for --typed"
)
_RUNS = "--exec"

PUBLIC = "--fingerprint"
"""The option whose value is public and of the same alphabet."""

FEWEST_CHARACTERS = 20
"""Characters below which a line of small letters and hyphens is no share (``formats.likeness``, rule 2)."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz-")

LONGEST_GROUP = 8
"""Characters of a word that may be a group of a line: four, with what a slip adds."""


def without_shares(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, none of which looks like a share.

    Raises:
        LooksLikeShare: one does, and nobody can be asked for another.
    """
    if _are_plain(words):
        return list(words)
    from breakglass_shamir.formats.likeness import looks_like_share

    end = _end(words)
    kept = list(words)
    for place in range(end):
        if looks_like_share(kept[place]) and not _is_public(kept, place):
            kept[place] = _again(kept, place)
    if any(map(looks_like_share, _runs(kept[:end]))):
        raise LooksLikeShare("the words of the command line look like a share together, and are not taken", hint=_HINT)
    return kept


def _are_plain(words: Sequence[str]) -> bool:
    return sum(map(len, words)) < FEWEST_CHARACTERS and _PLAIN.issuperset("".join(words))


def _is_public(words: Sequence[str], place: int) -> bool:
    """Tell whether a word is the value of the option that may hold such a text, and may be what it is for."""
    from breakglass_shamir.formats.likeness import may_be_fingerprint

    word = words[place]
    if place > 0 and words[place - 1] == PUBLIC:
        return may_be_fingerprint(word)
    return word.startswith(f"{PUBLIC}=") and may_be_fingerprint(word.removeprefix(f"{PUBLIC}="))


def _runs(words: Sequence[str]) -> Iterator[str]:
    """Yield each run of words that are short enough to be groups of a line, as one text."""
    run: list[str] = []
    for place, word in enumerate(words):
        if len(word) <= LONGEST_GROUP and not word.startswith("--") and not _is_public(words, place):
            run.append(word)
            continue
        yield " ".join(run)
        run = []
    yield " ".join(run)


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
    from breakglass_shamir.formats.likeness import looks_like_share

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

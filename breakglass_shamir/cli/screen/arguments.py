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
4. What can be no share by rules that need no look at it is taken as it is (``--version``, the path of a home): the look
   costs more than what such a line asks for. It follows from those of ``formats.likeness``, and tests hold it to them.
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
"""Characters below which no row of a text is a share (``formats.likeness``, rule 2)."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=/")
"""Characters of options, names and paths, no two of which are digits of one keyboard (``formats.keyboards``)."""

_PREFIXES = ("bgs", "xio", "bdr", "vgs", "zoi")
"""How a share's prefix begins, as far as any keyboard makes it of these characters."""

_NEAR_GROUP = range(3, 6)
"""Lengths of words beside a slash that may be groups of a line; other words it divides."""

_TO_BLANKS = str.maketrans("-_.=", "    ")

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
    """Tell whether neither a word nor some of them together can be a share, by rules that need no look."""
    run = 0
    for word in words:
        run = run + len(word) if len(word) <= LONGEST_GROUP and not word.startswith("--") else 0
        if run >= FEWEST_CHARACTERS or not _is_plain(word):
            return False
    return True


def _is_plain(word: str) -> bool:
    small = word.lower()
    if not _PLAIN.issuperset(word) or any(prefix in small for prefix in _PREFIXES):
        return False
    if len(word) < FEWEST_CHARACTERS:
        return True
    row = last = 0
    for part in word.split("/"):
        lengths = [len(one) for one in part.translate(_TO_BLANKS).split()]
        if not lengths:
            continue
        row = sum(lengths) + (row if last in _NEAR_GROUP and lengths[0] in _NEAR_GROUP else 0)
        last = lengths[-1]
        if row >= FEWEST_CHARACTERS:
            return False
    return "/" in word


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

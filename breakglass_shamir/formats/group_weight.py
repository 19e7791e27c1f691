# SPDX-License-Identifier: Apache-2.0
"""What a few characters weigh for being of a share, beside what else they may be (spec: docs/spec/7-records.md).

A group weighs as much as a sheet is likelier to have it than a sentence is. A sheet has groups of four, any of 32
characters as likely as any other: three quarters of its groups mix letters and digits, and one in eighty is a word.

1. Letters and digits that change more than once weigh most, one change less, letters that nobody can speak less still.
2. A word and a number weigh against a share.
3. What has another length than four weighs less: a character may be missing or doubled, two groups run together.
4. A digest, base64, an alphabet and a long word are explained: they are of no share, and break a row.

It judges no row of groups; ``likeness.py`` does.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass

from breakglass_shamir.formats.text import GROUP_CHARACTERS, UNREADABLE

SHORTEST_RUN = 20
"""Characters without a break that are no word and no digest, from which on they weigh by themselves."""

_NEAR_GROUP = (3, 5)
_LONGEST_GROUP = 5

_WORD, _OTHER_WORD = -2, -6
_NUMBER, _OTHER_NUMBER = -2, -5
_LETTERS, _RARE_LETTERS, _OFF_LETTERS = 2, 5, -6
_ONE_TURN, _TURNS, _OFF_TURNS = 5, 8, -5
_SHORT, _SHORT_LETTERS, _SINGLE, _LOST = -3, -5, -1, 1
_NAME, _NAME_COUNTS = -16, 8
_CHECK_CHARACTER, _UNBROKEN = 10, 6

HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
"""Of what digests are made."""

_SHORT_DIGEST, _DIGEST, _BASE64, _LONG_WORD = 7, 16, 12, 10
_VOWELS = frozenset("AEIOUY")
_RARE, _ODD = frozenset("JKQVWXZ"), frozenset("JQXZ")
_CLUSTERS_LISTED = (
    "BB BL BR BS CC CH CK CL CR CT DD DR DS DV FF FL FR FT GG GH GL GN GR GS HL HR HT KL KN KR KS KT LD LF LG LK LL LM "
    "LN LP LS LT LZ MB MM MN MP MS NC ND NF NG NK NN NS NT NZ PF PH PL PP PR PS PT RB RC RD RF RG RK RL RM RN RP RR RS "
    "RT RV RZ SC SH SK SL SM SN SP SS ST SW TH TR TS TT TW TZ WH WN WR WS XT ZZ ZW TCH NGS NTS NDS STR SCH THR CHT RST "
    "NST LTS RTS RDS CKS RKS SHR SPR SCR CHR CHS CHN CHL GHT LFT NCH NKS RTH NTH MPL MPT TTL RCH"
)
"""Consonants that stand beside each other in the words of several languages."""

_CLUSTERS = frozenset(_CLUSTERS_LISTED.split())

_CONSONANTS = re.compile(r"[^AEIOUY]+")


@dataclass(frozen=True, slots=True)
class Group:
    """Some characters of a row, and what they weigh for a share."""

    start: int
    end: int
    weight: int
    counted: int
    """Characters of it that may be a share's."""

    letters: str = ""
    mixed: bool = False
    """Whether it has a digit, or a character that cannot be read."""


def groups_of(token: str, start: int, *, ends_line: bool) -> list[Group] | None:
    """Return the groups of one token, each weighed; None where something else explains it, which breaks the row."""
    if (bare := token.rstrip(UNREADABLE)) != token and bare.isalpha() and is_word(bare):
        token = bare
    plain = token.isascii() and token.isalnum()
    if not plain and not all(c.isdecimal() or c == UNREADABLE or c.lower() != c.upper() for c in token):
        return None
    if len(token) == 1 and ends_line:
        return [Group(start, start + 1, _CHECK_CHARACTER, 1)]
    if len(token) <= _LONGEST_GROUP:
        return [Group(start, start + len(token), *_weigh(token), _letters(token), not token.isalpha())]
    if _is_explained(token):
        return None
    if _is_name(token):
        return [Group(start, start + len(token), _NAME, min(len(token), _NAME_COUNTS))]
    found = [Group(start, start, _UNBROKEN, 0)] if len(token) >= SHORTEST_RUN else []
    for at in range(0, len(token), GROUP_CHARACTERS):
        piece = token[at : at + GROUP_CHARACTERS]
        found.append(Group(start + at, start + at + len(piece), *_weigh(piece), _letters(piece), not piece.isalpha()))
    return found


def _weigh(group: str) -> tuple[int, int]:
    """Return what a group of up to five characters weighs, and how many of them may be a share's."""
    size, whole = len(group), len(group) == GROUP_CHARACTERS
    if not group.strip(UNREADABLE):
        return (_LOST if whole else _SINGLE), size
    if size == 1:
        return _SINGLE, 1
    if group.isdecimal():
        return (_NUMBER, size) if whole else (_OTHER_NUMBER, 0)
    if group.isalpha():
        return _weigh_letters(group)
    if size not in (GROUP_CHARACTERS, *_NEAR_GROUP):
        return _SHORT, size
    if HEXADECIMAL.issuperset(group):
        return 0, size
    weight = _TURNS if _turns(group) > 1 or UNREADABLE in group else _ONE_TURN
    return (weight if whole else weight + _OFF_TURNS), size


def _weigh_letters(group: str) -> tuple[int, int]:
    size, whole = len(group), len(group) == GROUP_CHARACTERS
    if size not in (GROUP_CHARACTERS, *_NEAR_GROUP):
        return _SHORT_LETTERS, 0
    if not _is_latin(group):
        return (0, size) if whole else (_OTHER_NUMBER, 0)
    if is_word(group):
        return (_WORD, size) if whole else (_OTHER_WORD, 0)
    weight = _RARE_LETTERS if _RARE & set(_folded(group)) else _LETTERS
    return (weight if whole else weight + _OFF_LETTERS), size


def _is_explained(token: str) -> bool:
    """Tell whether a token of six characters or more is something else than a part of a share."""
    if token.isdecimal() or (len(token) >= _DIGEST and HEXADECIMAL.issuperset(token)):
        return True
    if len(token) >= _BASE64 and changes_case(token):
        return True
    if sum(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(token)) * 2 >= len(token):
        return True  # an alphabet, or a part of one
    return token.isalpha() and (not _is_latin(token) or (len(token) >= _LONG_WORD and is_long_word(token)))


def changes_case(text: str) -> bool:
    """Tell whether a text goes between small and capital letters as base64 does; nobody types a share so."""
    letters = [c for c in text if c.isascii() and c.isalpha()]
    flips = sum(a.isupper() != b.isupper() for a, b in itertools.pairwise(letters))
    return flips * 5 > len(letters)


def _is_name(token: str) -> bool:
    """Tell whether a token of six characters or more may well be a name, a number with letters, or a short digest."""
    if len(token) >= _SHORT_DIGEST and HEXADECIMAL.issuperset(token):
        return True
    if token.isalpha():
        return is_long_word(token)
    letters = "".join(c for c in token if c.isalpha())
    digits = len(token) - len(letters)
    return (
        UNREADABLE not in token
        and _turns(token) == 1
        and (is_word(letters) or (digits > GROUP_CHARACTERS >= len(letters)))
    )


def is_word(letters: str) -> bool:
    """Tell whether letters can be spoken: with a vowel, and no consonants beside each other that words do not have."""
    folded = _folded(letters)
    runs = _CONSONANTS.findall(folded)
    return (
        len("".join(runs)) < len(folded) and all(len(run) == 1 or run in _CLUSTERS for run in runs) and "Q" not in runs
    )


def is_long_word(letters: str) -> bool:
    """Tell whether letters of any number may be a word: a fifth of them vowels, and few that words rarely have."""
    folded = _folded(letters)
    vowels, odd = sum(c in _VOWELS for c in folded), sum(c in _ODD for c in folded)
    return vowels * 5 >= len(folded) and odd * (8 if len(folded) >= SHORTEST_RUN else 4) <= len(folded)


def _is_latin(letters: str) -> bool:
    return letters.isascii() or all(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)


def _folded(letters: str) -> str:
    """Return letters in upper case, without their marks."""
    if letters.isascii():
        return letters.upper()
    return "".join(c for c in unicodedata.normalize("NFKD", letters.upper()) if not unicodedata.combining(c))


def _letters(group: str) -> str:
    return group.upper() if group.isascii() and group.isalpha() else "".join(c for c in group.upper() if c.isalpha())


def _turns(token: str) -> int:
    """Count where digits and letters follow each other."""
    kinds = [c.isdecimal() for c in token if c != UNREADABLE]
    return sum(a != b for a, b in itertools.pairwise(kinds))

# SPDX-License-Identifier: Apache-2.0
"""Text that looks like a share, so that none gets into a record or a message by a slip (spec: docs/spec/7-records.md).

People type, scanners type, and a share in the wrong field would stand for ever in a log that nobody may alter.

Rules:

1. A prefix such as ``BGS1:`` with anything behind it is a share, as any keyboard of ``keyboards.py`` delivers it.
2. Twenty characters in a row, in groups or without a break, are a share where they weigh enough together;
   ``group_weight.py`` says what each weighs. Separators do not matter, nor which; a new line breaks a row.
3. A slash breaks a row, unless it stands between groups of four: the parts of a path are other words.
   An epoch id as this program shows it, ``ABCD-EFGH-JKMN``, breaks a row, unless the row plainly goes on beside it.
4. Of another keyboard is what is made of its symbols and of nothing else.
5. Whatever a line forgives is forgiven here: small letters, I, L and O, ``?``; missing and doubled characters, too.

It is a guard against slips, not against people: whoever wants to write a share down can. ``recover.py`` has the same
rules, and both are held to ``tests/vectors/likeness.json``.
"""

import re
import unicodedata
from collections.abc import Iterator

from breakglass_shamir.errors import MalformedText
from breakglass_shamir.formats import keyboards
from breakglass_shamir.formats.group_weight import HEXADECIMAL, Group, changes_case, groups_of, is_long_word, is_word
from breakglass_shamir.formats.keyboards import FEWEST_DIGITS, Keyboard
from breakglass_shamir.formats.text import GROUP_CHARACTERS, LINE_CHARACTERS, TEXT_LINES, read_line

SHORTEST = 20
"""Characters in a row from which on a text is judged: fewer are of no use to anybody."""

LEAST_WEIGHT = 4
"""What a row must weigh to count as a share."""

LEAST_WEIGHT_OF_LETTERS = 12
"""The same for a row without any digit."""

WITHHELD = "(withheld: it looks like a share)"
"""What stands in a message where such a text would."""

_SLIPS = 3
"""Characters that a fingerprint may have too many or too few, as people type."""

_MOST_LOOKS = 8
"""How often a line is looked at again where a part of it was withheld; one that needs more is withheld whole."""

_BASE64 = re.compile(r"(?P<ssh>SHA256:[0-9A-Za-z+/]{43}|\bAAAA[0-9A-Za-z+/]{40,}={0,2})|[0-9A-Za-z+/]{32,}={0,2}")
"""What OpenSSH writes for a fingerprint or a key, or else a long run that may be base64."""
_NEAR_GROUP = (3, 5)
_LONGEST_GAP = 3
_SLASH = re.compile(r"[/\\]")
_PUNCTUATED = -1
_LINE_GROUPS = LINE_CHARACTERS // GROUP_CHARACTERS

_TOKEN = re.compile(r"(?:[^\W_]|\?)+")
_PARTS = re.compile(r"[^\W\d_]+")
_BETWEEN_BLANKS = re.compile(r"\S+")
_BLANK = re.compile(r"\s")
_MIXED = r"(?=[^\W_]{0,3}[0-9?])(?:[^\W_]|\?){4}"
"""A group with a digit; looked at from every character of a text, so that it must not look further than itself."""
_EPOCH_ID = re.compile(
    rf"(?<!{_MIXED}\s)(?<![\w?-])[0-9A-Z]{{4}}(?:-[0-9A-Z]{{4}}){{2}}(?![\w?-]|\s{{1,3}}{_MIXED}(?![\w?]))"
)


def looks_like_share(text: str) -> bool:
    """Tell whether a share, a typed line or a part of one may stand in a text."""
    return any(next(_places(line), None) for line in _lines(text))


def masked(text: str) -> str:
    """Return a text with ``WITHHELD`` in the place of what looks like a share; one without such stays as it is."""
    if not looks_like_share(text):
        return text
    return "\n".join(map(_masked, _lines(text)))


def may_be_fingerprint(text: str) -> bool:
    """Tell whether a text may be a fingerprint as it is typed, with a slip in it perhaps, and no line of a share.

    A fingerprint looks like a line of a sheet; the check character says which it is.
    """
    count = sum(not c.isspace() and c != "-" for c in text)
    if keyboards.PREFIX.search(text) or abs(count - LINE_CHARACTERS - 1) > _SLIPS:
        return False
    try:
        _, number = read_line(text)
    except MalformedText:
        return True
    return number is None or number > TEXT_LINES


def _masked(line: str) -> str:
    for _ in range(_MOST_LOOKS):
        places = sorted(_places(line))
        if not places:
            return line
        line = _without(line, places)
    return WITHHELD


def _without(line: str, places: list[tuple[int, int]]) -> str:
    """Return a line with each of these places withheld; those that overlap are one."""
    kept, end = list[str](), 0
    for start, stop in places:
        if start >= end:
            kept += [line[end:start], WITHHELD]
        end = max(end, stop)
    return "".join((*kept, line[end:]))


def _lines(text: str) -> list[str]:
    """Return lines as one sees them: wide characters as plain ones, without those that take no room."""
    if text.isascii():
        return text.splitlines()
    plain = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").splitlines()


def _places(line: str) -> Iterator[tuple[int, int]]:
    """Yield where a share may stand in a line, from and to."""
    end = 0
    for found in keyboards.PREFIX.finditer(line):
        if found.start() >= end:
            end = _end_of_word(line, found.end())
            yield found.start(), end
    if sum(map(len, line.split())) < SHORTEST:
        return
    line = _EPOCH_ID.sub(lambda found: "\0" * len(found[0]), _BASE64.sub(_without_base64, line))
    for row in _rows(line):
        yield from _heavy(row)
    for run in _runs(line):
        words = [found[0] for found in run]
        if _is_from_elsewhere(words):
            yield run[0].start(), run[-1].end()


def _end_of_word(line: str, start: int) -> int:
    blank = _BLANK.search(line, start)
    return blank.start() if blank else len(line)


def _without_base64(found: re.Match[str]) -> str:
    """Take base64 out of a line: keys and signatures, in which runs of capitals and digits come by chance."""
    return "\0" * len(found[0]) if found["ssh"] or changes_case(found[0]) else found[0]


def _rows(line: str) -> Iterator[list[Group]]:
    """Yield the rows of a line: groups that nothing breaks."""
    row: list[Group] = []
    end = length = 0
    for found in _TOKEN.finditer(line):
        start, stop = found.span()
        gap = line[end:start]
        groups = groups_of(found[0], start, ends_line=_ends_line(row))
        before, length = length, stop - start
        if len(gap) > _LONGEST_GAP or groups is None or (_SLASH.search(gap) and _is_path(before, length)):
            yield row
            row = []
        elif len(gap) > 1 and gap.strip():
            row.append(Group(end, start, _PUNCTUATED, 0))
        row += groups or ()
        end = stop
    yield row


def _is_path(*lengths: int) -> bool:
    """Tell whether words beside a slash are folders or files, and no groups of a line that it divides."""
    return not all(_NEAR_GROUP[0] <= length <= _NEAR_GROUP[1] for length in lengths)


def _runs(line: str) -> Iterator[list[re.Match[str]]]:
    """Yield what another keyboard may have made of a share: a long word, or words of four characters in a row."""
    run: list[re.Match[str]] = []
    for found in _BETWEEN_BLANKS.finditer(line):
        if len(found[0]) >= SHORTEST:
            yield [found]
        if len(found[0]) == GROUP_CHARACTERS or (run and len(found[0]) in _NEAR_GROUP):
            run.append(found)
            continue
        if _is_grouped(run):
            yield run
        run = []
    if _is_grouped(run):
        yield run


def _is_grouped(run: list[re.Match[str]]) -> bool:
    whole = sum(len(found[0]) == GROUP_CHARACTERS for found in run)
    return (
        whole * GROUP_CHARACTERS >= SHORTEST - GROUP_CHARACTERS
        and whole * 5 >= len(run) * 4
        and sum(len(f[0]) for f in run) >= SHORTEST
    )


def _is_from_elsewhere(words: list[str]) -> bool:
    """Tell whether another keyboard made a share of these words."""
    if any(_is_from(keyboard, words) for keyboard in keyboards.SYMBOLS_FOR_DIGITS):
        return True
    text = "".join(words)
    plain = {c for c in text if c.isalnum()}
    digits = {c for c in plain if c.isdecimal()}
    if (
        len(digits) < (FEWEST_DIGITS if len(words) == 1 else 1)
        or plain <= HEXADECIMAL
        or not keyboards.PUNCTUATED.fullmatch(text)
    ):
        return False
    if len(words) == 1 and _is_told(_PARTS.findall(text)):
        return False
    letters = keyboards.LETTERS_FOR_PUNCTUATION
    read = " ".join(word if _is_number(word) else word.translate(letters) for word in words)
    return any(next(_heavy(row), None) for row in _rows(read))


def _is_from(keyboard: Keyboard, words: list[str]) -> bool:
    """Tell whether words are all made of what a keyboard gives for a share, and are no words as they stand."""
    text = "".join(words).lower()
    if not keyboard.gives(text, grouped=len(words) > 1):
        return False
    if len(words) > 1:
        return sum(word.isalpha() and is_word(word) for word in words) * 5 < len(words) * 4
    return not _is_told(re.findall(rf"[^\W\d_{re.escape(keyboard.digits)}]+", text))


def _is_number(word: str) -> bool:
    """Tell whether a word is a number, however it is punctuated."""
    return all(c.isdecimal() or c in ".,:" for c in word)


def _is_told(parts: list[str]) -> bool:
    """Tell whether most of the letters stand in long words."""
    told = sum(len(part) for part in parts if len(part) > GROUP_CHARACTERS and is_long_word(part))
    return told * 2 >= sum(map(len, parts))


def _ends_line(row: list[Group]) -> bool:
    """Tell whether a single character that follows may be the check character of a typed line."""
    return len(row) >= _LINE_GROUPS and all(one.end - one.start == GROUP_CHARACTERS for one in row[-_LINE_GROUPS:])


def _heavy(row: list[Group]) -> Iterator[tuple[int, int]]:
    """Yield the place of the heaviest part of a row that is long enough, if it weighs enough.

    A group whose letters stood there before weighs nothing: db01, db02, db03.
    """
    least = LEAST_WEIGHT if any(one.mixed for one in row) else LEAST_WEIGHT_OF_LETTERS
    seen: set[str] = set()
    sums, counts = [0], [0]
    lowest, first, best = 0, -1, (least - 1, 0, 0)
    for number, one in enumerate(row, 1):
        again = len(one.letters) > 1 and one.letters in seen
        seen.add(one.letters)
        sums.append(sums[-1] + (min(one.weight, 0) if again else one.weight))
        counts.append(counts[-1] + one.counted)
        while counts[number] - counts[first + 1] >= SHORTEST:
            first += 1
            lowest = first if sums[first] < sums[lowest] or first == 0 else lowest
        if first >= 0 and sums[number] - sums[lowest] > best[0]:
            best = (sums[number] - sums[lowest], lowest, number)
    _, begin, end = best
    if end:
        while begin and row[begin - 1].counted:
            begin -= 1
        while end < len(row) and row[end].counted:
            end += 1
        yield row[begin].start, row[end - 1].end

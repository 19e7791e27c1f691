# SPDX-License-Identifier: Apache-2.0
"""Masks a credential in what a program says, as it comes, over all borders between one read and the next.

Rules:

1. Letters are compared, and only those (``encodings.py``). Where a listed form ends, each of its letters that was not
   passed on yet becomes ``*``; what moves or colours between them stays.
2. What may be the beginning of one is held back until that is known, at most ``HOLD_S``. Then letters that are less
   than half of a form, and fewer than ``MOST_SHOWN``, are passed on: they may be a prompt. More of them are masked.
3. What was passed on is remembered: the rest of a form is masked also where it comes letter by letter.
4. The cost grows with what is said, and with the number of forms, and with nothing else.

What appears on the screen in another order than it was said is for ``emulated.py``.
"""

import bisect
import re
from collections.abc import Iterator, Sequence

from breakglass_shamir.operations.recording.encodings import SILENT

HOLD_S = 0.25
"""How long what may begin a credential is held back."""

MOST_SHOWN = 8
"""Letters in a row of which less is passed on when nothing follows them."""

MASK = ord("*")

MOST_HELD = 4 << 10
"""Bytes that are held back at most, with all that moves between the letters."""

_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]{0,60}[ -/]{0,4}|[ -/]{0,4})\Z")
_CONTINUES = range(0x80, 0xC0)
"""Bytes of UTF-8 that continue a character."""


class Masking:
    """One stream of output."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        """Prepare it.

        Args:
            forms: letters that are masked; see :func:`encodings.patterns`.
        """
        self._forms = tuple(forms)
        self._longest = max(map(len, self._forms), default=0)
        self._beginnings = _beginnings(self._forms)
        self._said = b""
        """Letters that were passed on and may begin a form."""

        self._cut = b""
        """The beginning of an escape sequence that was passed on."""

        self._held = b""
        self.masked = 0
        """How many times something was masked."""

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def take(self, data: bytes) -> bytes:
        """Take what was said; returns what may be passed on."""
        if not self._forms:
            return data
        before = len(self._cut)
        raw = self._cut + self._held + data
        unfinished = _UNFINISHED.search(raw, max(0, len(raw) - 70))
        end = unfinished.start() if unfinished else len(raw)
        places = _Letters(raw[:end])
        known = len(self._said)
        hay = self._said + places.letters
        hits = self._hits(hay, known)
        raw = self._mask(raw, places, known, hits)
        begun = self._begun(hay)
        kept = min(begun, len(hay) - max([known, *(last for _, last in hits)]))
        start = places.at(len(places) - kept) if kept else end
        if len(raw) - start > MOST_HELD:
            start, kept = len(raw), 0
        start = max(start, before)
        self._said = hay[len(hay) - begun : len(hay) - kept]
        self._cut, self._held = b"", raw[start:]
        return raw[before:start]

    def flush(self) -> bytes:
        """Pass on what was held back long enough, and mask what is too much of a form to be shown."""
        held, self._held = self._held, b""
        unfinished = _UNFINISHED.search(held)
        end = unfinished.start() if unfinished else len(held)
        places = _Letters(held[:end])
        hay = self._said + places.letters
        begun = self._begun(hay)
        if begun and begun >= self._beginnings[hay[len(hay) - begun :]]:
            held = self._mask(held, places, len(self._said), [(0, len(hay))])
        self._said = hay[len(hay) - begun :]
        self._cut = held[end:]
        return held

    def _hits(self, hay: bytes, known: int) -> list[tuple[int, int]]:
        """Return where forms stand that end in what is new."""
        return [(at, at + len(form)) for form in self._forms for at in _finds(hay, form, max(0, known - len(form) + 1))]

    def _begun(self, hay: bytes) -> int:
        """Return how many of the last letters begin a form, and are not all of it."""
        most = min(self._longest - 1, len(hay))
        return next((k for k in range(most, 0, -1) if hay[len(hay) - k :] in self._beginnings), 0)

    def _mask(self, raw: bytes, places: "_Letters", known: int, hits: Sequence[tuple[int, int]]) -> bytes:
        """Replace the letters of hits by stars; what continues a character of UTF-8 becomes a NUL, which shows nothing.

        Args:
            raw: what was said.
            places: the letters in it.
            known: how many letters of those that the hits count were passed on before.
            hits: first letter, and the one after the last, of each.
        """
        if not hits:
            return raw
        self.masked += len(_merged(hits))
        changed = bytearray(raw)
        for first, last in _merged(hits):
            for number in range(max(first, known), last):
                at = places.at(number - known)
                changed[at] = 0 if changed[at] in _CONTINUES else MASK
        return bytes(changed)


class _Letters:
    """The letters in some bytes, and where each stands."""

    def __init__(self, raw: bytes) -> None:
        starts, parts, at = [], [], 0
        self._firsts: list[int] = []
        count = 0
        for silent in (*SILENT.finditer(raw), None):
            stop = silent.start() if silent else len(raw)
            if stop > at:
                starts.append(at)
                parts.append(raw[at:stop])
                self._firsts.append(count)
                count += stop - at
            at = silent.end() if silent else at
        self._starts = starts
        self.letters = b"".join(parts)

    def __len__(self) -> int:
        return len(self.letters)

    def at(self, number: int) -> int:
        """Return where a letter stands."""
        run = bisect.bisect_right(self._firsts, number) - 1
        return self._starts[run] + number - self._firsts[run]


def _beginnings(forms: Sequence[bytes]) -> dict[bytes, int]:
    """Return every beginning of a form, with how many letters of the shortest such form are too many to be shown."""
    found: dict[bytes, int] = {}
    for form in forms:
        too_many = min(MOST_SHOWN, (len(form) + 1) // 2)
        for length in range(1, len(form)):
            beginning = form[:length]
            found[beginning] = min(found.get(beginning, too_many), too_many)
    return found


def _finds(hay: bytes, form: bytes, start: int) -> Iterator[int]:
    at = hay.find(form, start)
    while at >= 0:
        yield at
        at = hay.find(form, at + 1)


def _merged(hits: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return hits in their order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(hits):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found

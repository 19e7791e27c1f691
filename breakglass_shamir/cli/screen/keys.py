# SPDX-License-Identifier: Apache-2.0
"""Keys of a terminal that echoes nothing, made into lines: what the terminal itself would do, without its echo.

Rules:

1. Enter ends a line; carriage return and line feed together are one Enter. Ctrl-D in an empty line ends the input.
2. Backspace takes a character, Ctrl-W a word, Ctrl-U what is before the cursor, Ctrl-K what is behind it. Left, right,
   home, end and delete do what they say; up and down bring back what the caller kept. Other keys that send a sequence
   do nothing.
3. A line has at most ``LONGEST_LINE`` characters, as in the terminal's own lines; the rest of it is left out.
4. What arrives after an end of line is kept for the next one: a scanner that types is faster than an answer.
5. Tab is the caller's; without one it is a blank.

It reads no device, draws nothing and keeps no line.
"""

import codecs
from collections.abc import Callable, Iterator, Sequence

LONGEST_LINE = 4096
"""Characters of one line (termios(3))."""

_ENTER, _END = "\r\n", "\x04"
_BACKSPACE, _WORD, _BEFORE, _BEHIND = "\x08\x7f", "\x17", "\x15", "\x0b"
_ESCAPE, _SEQUENCES = "\x1b", "[O"

_LEFT, _RIGHT, _HOME, _LAST, _DELETE, _UP, _DOWN = "left", "right", "home", "end", "delete", "up", "down"
_CONTROLS = {"\x01": _HOME, "\x05": _LAST, "\x02": _LEFT, "\x06": _RIGHT}
_ENDINGS = {
    "D": _LEFT, "C": _RIGHT, "H": _HOME, "F": _LAST, "1~": _HOME, "7~": _HOME, "4~": _LAST, "8~": _LAST,
    "3~": _DELETE, "A": _UP, "B": _DOWN,
}  # fmt: skip
"""What keys mean: control characters, and the ends of sequences (xterm, ``ctlseqs``)."""

_NAMES = frozenset(_ENDINGS.values())

Completing = Callable[[str], str]
"""Takes the line up to the cursor, and returns what Tab makes of it."""


class Keys:
    """What was typed so far."""

    def __init__(self, complete: Completing | None = None, kept: Sequence[str] = ()) -> None:
        """Begin with an empty line.

        Args:
            complete: what Tab does.
            kept: lines for the keys up and down, the oldest first; the caller may add to them.
        """
        self.line = ""
        """The line that is being typed."""

        self.at = 0
        """Where the cursor is in it."""

        self._complete = complete
        self._kept = kept
        self._back = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ahead = ""
        self._after_return = False
        self._sequence = ""
        self._number = ""

    def feed(self, data: bytes) -> None:
        """Take what the terminal sent."""
        self._ahead += self._decoder.decode(data)

    def next_line(self) -> str | None:
        """Return a line that was ended; None if there is none yet.

        Raises:
            EOFError: the end of the input was typed.
        """
        for key in self._keys():
            if key in _ENTER:
                line = self.line
                self._set("")
                self._back = 0
                return line
            if key == _END:
                if not self.line:
                    raise EOFError
            else:
                self._edit(key)
        return None

    def forget(self) -> None:
        """Drop the line that was begun, and what was typed ahead."""
        self._set("")
        self._ahead = self._sequence = ""

    def _set(self, line: str, at: int | None = None) -> None:
        self.line, self.at = line, len(line) if at is None else at

    def _edit(self, key: str) -> None:
        before, behind = self.line[: self.at], self.line[self.at :]
        if key in _BACKSPACE:
            self._set(before[:-1] + behind, max(0, self.at - 1))
        elif key == _WORD:
            kept = before.rstrip().rpartition(" ")[0]
            self._set(kept + behind, len(kept))
        elif key == _BEFORE:
            self._set(behind, 0)
        elif key == _BEHIND:
            self._set(before)
        elif key in _NAMES or key in _CONTROLS:
            self._move(_CONTROLS.get(key, key))
        elif key == "\t":
            added = (self._complete(before) if self._complete else f"{before} ")[: LONGEST_LINE - len(behind)]
            self._set(added + behind, len(added))
        elif key.isprintable() and len(self.line) < LONGEST_LINE:
            self._set(before + key + behind, self.at + 1)

    def _move(self, move: str) -> None:
        if move == _LEFT:
            self.at = max(0, self.at - 1)
        elif move == _RIGHT:
            self.at = min(len(self.line), self.at + 1)
        elif move in (_HOME, _LAST):
            self.at = 0 if move == _HOME else len(self.line)
        elif move == _DELETE:
            self._set(self.line[: self.at] + self.line[self.at + 1 :], self.at)
        else:
            self._back = min(len(self._kept), max(0, self._back + (1 if move == _UP else -1)))
            self._set(self._kept[-self._back] if self._back else "")

    def _keys(self) -> Iterator[str]:
        """Yield keys, one at a time: a character, or the name of a key that sent a sequence."""
        while self._ahead:
            key, self._ahead = self._ahead[0], self._ahead[1:]
            doubled = key == "\n" and self._after_return
            self._after_return = key == "\r"
            if doubled:
                continue
            if not self._in_sequence(key):
                yield key
            elif not self._sequence and (move := _ENDINGS.get(self._number + key)):
                yield move

    def _in_sequence(self, key: str) -> bool:
        """Tell whether a character belongs to a sequence (ECMA-48, 5.4); what cannot, ends it."""
        if self._sequence == "":
            self._sequence = key if key == _ESCAPE else ""
            self._number = ""
            return key == _ESCAPE
        if not key.isprintable():
            self._sequence = ""
            return False
        begun = self._sequence == _ESCAPE and key in _SEQUENCES
        going_on = self._sequence == "[" and not "@" <= key <= "~"
        if going_on:
            self._number += key
        if self._sequence == _ESCAPE and not begun:
            self._number = _ESCAPE
        self._sequence = key if begun else ("[" if going_on else "")
        return True

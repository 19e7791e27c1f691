# SPDX-License-Identifier: Apache-2.0
"""Keys of a terminal that echoes nothing, made into lines: what the terminal itself would do, without its echo.

Rules:

1. Enter ends a line; carriage return and line feed together are one Enter. Ctrl-D in an empty line ends the input.
2. Backspace takes a character, Ctrl-W a word, Ctrl-U everything. Arrows and other keys that send a sequence do nothing.
3. A line has at most ``LONGEST_LINE`` characters, as in the terminal's own lines; the rest of it is left out.
4. What arrives after an end of line is kept for the next one: a scanner that types is faster than an answer.

It reads no device and draws nothing.
"""

import codecs
from collections.abc import Iterator

LONGEST_LINE = 4096
"""Characters of one line (termios(3))."""

_ENTER, _END = "\r\n", "\x04"
_BACKSPACE, _WORD, _ALL = "\x08\x7f", "\x17", "\x15"
_ESCAPE, _SEQUENCES = "\x1b", "[O"


class Keys:
    """What was typed so far."""

    def __init__(self) -> None:
        self.line = ""
        """The line that is being typed."""

        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ahead = ""
        self._after_return = False
        self._sequence = ""

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
                line, self.line = self.line, ""
                return line
            if key == _END:
                if not self.line:
                    raise EOFError
            else:
                self._edit(key)
        return None

    def forget(self) -> None:
        """Drop the line that was begun, and what was typed ahead."""
        self.line = self._ahead = self._sequence = ""

    def _edit(self, key: str) -> None:
        if key in _BACKSPACE:
            self.line = self.line[:-1]
        elif key == _WORD:
            self.line = self.line.rstrip().rpartition(" ")[0]
        elif key == _ALL:
            self.line = ""
        elif key == "\t":
            self._edit(" ")
        elif key.isprintable() and len(self.line) < LONGEST_LINE:
            self.line += key

    def _keys(self) -> Iterator[str]:
        """Yield keys, one at a time, without the sequences of keys that do nothing."""
        while self._ahead:
            key, self._ahead = self._ahead[0], self._ahead[1:]
            doubled = key == "\n" and self._after_return
            self._after_return = key == "\r"
            if not doubled and not self._in_sequence(key):
                yield key

    def _in_sequence(self, key: str) -> bool:
        """Tell whether a character belongs to a sequence (ECMA-48, 5.4); what cannot, ends it."""
        if self._sequence == "":
            self._sequence = key if key == _ESCAPE else ""
            return key == _ESCAPE
        if not key.isprintable():
            self._sequence = ""
            return False
        begun = self._sequence == _ESCAPE and key in _SEQUENCES
        going_on = self._sequence == "[" and not "@" <= key <= "~"
        self._sequence = key if begun else ("[" if going_on else "")
        return True

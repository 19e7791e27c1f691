# SPDX-License-Identifier: Apache-2.0
"""asciicast v2: the lines of a recording, and what they say.

Source: asciinema, "asciicast v2": a header, then an event on each line: seconds since the beginning, ``o`` for what
was shown or ``r`` for another size of the window, and the text. Keys (``i``) are not recorded.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from breakglass_shamir.errors import InvalidProof

OUTPUT, RESIZE = "o", "r"
"""Kinds of events that are recorded."""

LONGEST_LINE = 4 << 20
"""Bytes of the longest line that is read."""


class Lines:
    """Makes the lines of one recording."""

    def __init__(self) -> None:
        self._decoders: dict[int, codecs.IncrementalDecoder] = {}
        """Of each stream: where one ends within a character, another goes on."""

    @staticmethod
    def header(columns: int, rows: int, timestamp: int, title: str, term: str) -> bytes:
        """Return the first line.

        Args:
            columns: of the window.
            rows: of the window.
            timestamp: seconds since 1970, UTC.
            title: what runs.
            term: kind of the terminal, as in ``TERM``.
        """
        return _line(
            {
                "version": 2, "width": columns, "height": rows, "timestamp": timestamp, "title": title,
                "env": {"TERM": term},
            }
        )  # fmt: skip

    def output(self, at_s: float, data: bytes, stream: int = 1) -> bytes:
        """Return the line of what was shown; empty where it is not yet a whole character.

        Args:
            at_s: seconds since the beginning.
            data: what was shown.
            stream: which one said it; each ends where it likes within a character.
        """
        if stream not in self._decoders:
            self._decoders[stream] = codecs.getincrementaldecoder("utf-8")(errors="replace")
        text = self._decoders[stream].decode(data)
        return _line([round(at_s, 6), OUTPUT, text]) if text else b""

    @staticmethod
    def resize(at_s: float, columns: int, rows: int) -> bytes:
        """Return the line of another size of the window."""
        return _line([round(at_s, 6), RESIZE, f"{columns}x{rows}"])


def shown(data: bytes) -> Iterator[tuple[float, str, str]]:
    """Yield the events of a recording: seconds, kind, text; half of a surrogate pair becomes a question mark.

    Raises:
        InvalidProof: it is no asciicast of version 2, with the number of the line.
    """
    for number, line in enumerate(data.splitlines(), 1):
        try:
            said: Any = json.loads(line) if len(line) <= LONGEST_LINE else None
            if number == 1:
                if said["version"] == 2:
                    continue
                said = None
            at, kind, text = said
            at = float(at)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise InvalidProof(f"line {number} of the recording is none of an asciicast of version 2") from None
        yield at, str(kind), str(text).encode(errors="replace").decode()


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(", ", ": ")).encode() + b"\n"

# SPDX-License-Identifier: Apache-2.0
"""Commands to a Redis or Valkey server and their replies, in version 2 of its protocol (RESP2).

Source: "Redis serialization protocol specification", which Valkey keeps to. A command is an array of bulk strings; a
reply is a line, a number, an error, a bulk string or an array of these.

Rules:

1. What a reply says of its own length reserves no memory: bytes are taken as they come, and counted by the connection.
2. Arrays lie in each other to a fixed depth and have so many parts at most, and a line has an end.
3. A reply of no known kind ends the connection: what follows it could be read as the answer to another command.

What it does not do: it opens no connection, and judges no answer.
"""

import re
import socket
from collections.abc import Sequence
from typing import Any

from breakglass_shamir.connectors.database_target import Denied, Lost

RECEIVED_MAX_BYTES = 32 << 20
"""Longest answer to one question: a list of some 60,000 connections."""

LINE_MAX_BYTES = 64 << 10
"""Longest line; what is long is a bulk string."""

DEPTH_MAX = 6
"""How deep arrays lie in each other: ACL LOG in a transaction needs three."""

PARTS_MAX = 1 << 17
"""Most parts that the arrays of the answers to one question have: 1000 entries of ACL LOG need some 25,000."""

_NUMBER = re.compile(rb"-?\d{1,18}")
_END = b"\r\n"
_PIECE_BYTES = 1 << 16

Word = str | bytes


class Wire:
    """One connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer, self._at = bytearray(), 0
        self._parts = 0

    def ask(self, *commands: Sequence[Word]) -> list[Any]:
        """Send commands in one piece and return a reply for each; a refusal is a :class:`Denied` among them.

        Raises:
            Lost: no answer came, or one that is none of such a server.
        """
        self._parts = 0
        try:
            self._socket.sendall(b"".join(map(_packed, commands)))
            return [self._reply(0) for _ in commands]
        except (OSError, ValueError) as error:
            raise Lost(f"no answer: {error}" if str(error) else f"no answer: {type(error).__name__}") from None

    def _reply(self, depth: int) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b"-":
            return _denied(rest.decode(errors="replace"))
        if kind not in (b":", b"$", b"*") or not _NUMBER.fullmatch(rest):
            raise ValueError("what came is no reply of a Redis or Valkey server")
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"$":
            return self._bulk(number)
        if depth == DEPTH_MAX:
            raise ValueError("the reply has arrays in arrays without end")
        self._parts += number
        if self._parts > PARTS_MAX:
            raise ValueError(f"the reply has more than {PARTS_MAX} parts")
        return [self._reply(depth + 1) for _ in range(number)]

    def _bulk(self, length: int) -> bytes:
        end = self._at + length + len(_END)
        while len(self._buffer) < end:
            self._more()
        found = bytes(self._buffer[self._at : end])
        self._taken(end)
        if not found.endswith(_END):
            raise ValueError("what came is no reply of a Redis or Valkey server")
        return found[:length]

    def _line(self) -> bytes:
        looked = self._at
        while (end := self._buffer.find(_END, looked)) < 0:
            if len(self._buffer) - self._at > LINE_MAX_BYTES:
                raise ValueError("what came is no reply of a Redis or Valkey server")
            # The carriage return may be there without its line feed.
            looked = max(self._at, len(self._buffer) - 1)
            self._more()
        found = bytes(self._buffer[self._at : end])
        self._taken(end + len(_END))
        return found

    def _taken(self, until: int) -> None:
        """Pass over what was read; it is thrown away in large pieces, so that each byte is moved once."""
        self._at = until
        if self._at == len(self._buffer) or self._at > _PIECE_BYTES:
            del self._buffer[: self._at]
            self._at = 0

    def _more(self) -> None:
        piece = self._socket.recv(_PIECE_BYTES)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        self._buffer += piece


def _packed(words: Sequence[Word]) -> bytes:
    parts = [one.encode() if isinstance(one, str) else one for one in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in parts)


def _denied(text: str) -> Denied:
    """Return an error of the server: its first word is its kind."""
    kind, _, rest = text.partition(" ")
    return Denied(kind[:40], " ".join(rest.split()) or kind)

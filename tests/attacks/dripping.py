# SPDX-License-Identifier: Apache-2.0
"""Servers on loopback that keep whoever speaks to them: a byte now and then, or bytes without end, for an hour.

A behaviour gets the accepted connection and the server. ``drip`` sends a byte well before any time-out of a step
would end; ``flood`` sends as fast as it can. Neither ever closes: only the other side ends it, or the test.
"""

import contextlib
import gzip
import re
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import repeat

HOST = "127.0.0.1"

DRIP_S = 0.05
"""Between two bytes."""

DRIPS = int(3600 / DRIP_S)
"""An hour of them."""

Behaviour = Callable[[socket.socket, "Dripper"], None]


class Dripper:
    """One server; ``asked`` is what came first over each connection."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.asked: list[bytes] = []
        self.release = threading.Event()
        self._behaviour = behaviour
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.release.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def drip(self, connection: socket.socket, pieces: Iterator[bytes]) -> None:
        """Send pieces, a moment apart."""
        for piece in pieces:
            connection.sendall(piece)
            if self.release.wait(DRIP_S):
                return

    def flood(self, connection: socket.socket, piece: bytes) -> None:
        while not self.release.is_set():
            connection.sendall(piece)

    def read(self, connection: socket.socket) -> None:
        """Read what comes first, and the body that an HTTP request says it has."""
        asked = connection.recv(65536)
        head, _, body = asked.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if length and len(body) < int(length[1]):
            asked += connection.recv(65536)
        self.asked.append(asked)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(3600)
            self._behaviour(connection, self)
            self.release.wait(3600)


@contextlib.contextmanager
def dripping(behaviour: Behaviour) -> Iterator[Dripper]:
    made = Dripper(behaviour)
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port at which connecting hangs: its queue is full, and nobody accepts."""
    kept = []
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(0)
        port: int = listening.getsockname()[1]
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect((HOST, port))
            kept.append(one)
        yield port
    for one in kept:
        one.close()


def silence(_connection: socket.socket, _server: Dripper) -> None:
    """Say nothing."""


def bytes_before_anything(connection: socket.socket, server: Dripper) -> None:
    server.drip(connection, repeat(b"x", DRIPS))


def after(head: bytes, piece: bytes) -> Behaviour:
    """Read a request, send a head at once, then a piece now and then."""

    def behave(connection: socket.socket, server: Dripper) -> None:
        server.read(connection)
        connection.sendall(head)
        server.drip(connection, repeat(piece, DRIPS))

    return behave


def flood_after(head: bytes, piece: bytes) -> Behaviour:
    """Read a request, send a head, then a piece without end."""

    def behave(connection: socket.socket, server: Dripper) -> None:
        server.read(connection)
        connection.sendall(head)
        server.flood(connection, piece)

    return behave


def once(answer: bytes) -> Behaviour:
    """Read a request, and answer."""

    def behave(connection: socket.socket, server: Dripper) -> None:
        server.read(connection)
        connection.sendall(answer)

    return behave


def at_once(head: bytes, piece: bytes, *, floods: bool = False) -> Behaviour:
    """Speak first, as mail servers do."""

    def behave(connection: socket.socket, server: Dripper) -> None:
        connection.sendall(head)
        if floods:
            server.flood(connection, piece * 1000)
        server.drip(connection, repeat(piece, DRIPS))

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 999999999\r\n\r\n"

HTTP_WITHOUT_ANSWER: dict[str, Behaviour] = {
    "silence": silence,
    "bytes before anything": bytes_before_anything,
    "a status line in drips": after(b"HTTP/1.1 2", b"0"),
    "headers in drips": after(OK + b"X-Long: ", b"a"),
    "a header line each": after(OK, b"X-More: a\r\n"),
    "headers without end": flood_after(OK, b"X-More: " + b"a" * 60000 + b"\r\n"),
    "an interim answer each": after(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim answers without end": flood_after(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}
"""What never becomes a yes or a no."""

HTTP_ENDLESS_BODIES: dict[str, bytes] = {
    "a body in drips": OK + LENGTH,
    "a body that ends with the connection": OK + b"\r\n",
    "chunks in drips": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
}
"""The answer is there; its body never ends."""

BOMB = gzip.compress(bytes(200 << 20), 9)
"""200 MiB of nothing in 200 KB."""


def packed(status: bytes = OK) -> bytes:
    """Return an answer that unpacks to a thousand times its size."""
    head = b"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    return status + head + BOMB

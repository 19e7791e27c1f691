# SPDX-License-Identifier: Apache-2.0
"""A server that is none: it greets, answers everything in one way, and remembers what it was told."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"


@contextmanager
def impostor(answer: bytes, greeting: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """Listen for the length of a block; yields the port and what was received so far."""
    told: list[bytes] = []
    over = threading.Event()
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(0.1)
        worker = threading.Thread(target=_serve, args=[server, over, told, greeting, answer])
        worker.start()
        try:
            yield server.getsockname()[1], told
        finally:
            over.set()
            worker.join()


def _serve(server: socket.socket, over: threading.Event, told: list[bytes], greeting: bytes, answer: bytes) -> None:
    while not over.is_set():
        try:
            one, _ = server.accept()
        except TimeoutError:
            continue
        with one, contextlib.suppress(OSError):
            one.settimeout(1)
            one.sendall(greeting)
            while data := one.recv(4096):
                told.append(data)
                one.sendall(answer)

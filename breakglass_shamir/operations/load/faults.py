# SPDX-License-Identifier: Apache-2.0
"""Sinks that are made for a load drill: one that answers slowly, one that never does. Both are on loopback alone."""

import secrets
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from breakglass_shamir.alerts.sinks.webhook import MIN_SECRET_BYTES, PREFIX
from breakglass_shamir.custody import names
from breakglass_shamir.custody.policy.sinks import WebhookSink
from breakglass_shamir.ledger import durable

SLOW, DEAD = "slow", "dead"
"""Their names; longer where the policy has sinks of these names."""

_HOST = "127.0.0.1"
_BACKLOG = 16
_LONGEST_BODY = 1 << 20
_READ_S = 20.0


@contextmanager
def sinks(folder: Path, slow_s: int, *, dead: bool, taken: Sequence[str]) -> Iterator[tuple[WebhookSink, ...]]:
    """Make them, for the length of a block.

    Args:
        folder: of the load drill.
        slow_s: seconds until the slow one answers; 0: there is none.
        dead: whether there is a dead one.
        taken: names that other sinks have.
    """
    secret = names.inside(folder, "webhook-secret")
    durable.write_new(secret, f"{PREFIX}{b64encode(secrets.token_bytes(MIN_SECRET_BYTES)).decode()}\n".encode())
    made: list[WebhookSink] = []
    with ExitStack() as stack:
        if slow_s > 0:
            made.append(_sink(_free(SLOW, taken), stack.enter_context(_slow(slow_s)), secret))
        if dead:
            made.append(_sink(_free(DEAD, taken), stack.enter_context(_dead()), secret))
        yield tuple(made)


def _sink(name: str, port: int, secret: Path) -> WebhookSink:
    return WebhookSink(name=name, url=f"http://{_HOST}:{port}/", secret_file=str(secret))


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "-"
    return name


@contextmanager
def _slow(after_s: int) -> Iterator[int]:
    over = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        timeout = _READ_S

        def do_POST(self) -> None:
            self.rfile.read(min(_LONGEST_BODY, max(0, int(self.headers.get("Content-Length") or 0))))
            over.wait(after_s)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((_HOST, 0), Answers)
    server.daemon_threads = True
    server.block_on_close = False
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    serving.start()
    try:
        yield server.server_address[1]
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        serving.join()


@contextmanager
def _dead() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind((_HOST, 0))
        listening.listen(_BACKLOG)
        yield listening.getsockname()[1]

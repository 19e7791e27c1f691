# SPDX-License-Identifier: Apache-2.0
"""A receiver on loopback for what is asked and posted over HTTP: keeps every request, answers as a test says.

It stands for services that cannot be installed here (Splunk's collector, PagerDuty, Slack) and speaks what their
documents say of the wire; it is also the receiver of a signed webhook, which is any HTTP server.
"""

import contextlib
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from throwaway_ca import Certificate

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def tree(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with; ``fault`` is ``hang``, ``reset``, ``lost`` (kept, then reset) or ``endless``."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


class Receiver:
    """The server. ``answer`` decides about each request; what it took is in ``taken``."""

    def __init__(self, certificate: Certificate | None = None, clients: Path | None = None) -> None:
        """Begin to listen.

        Args:
            certificate: what it shows; None: no TLS.
            clients: the authority whose certificates it asks its clients for; None: it asks for none.
        """
        self.taken: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _request: Answer()
        self.release = threading.Event()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            if clients:
                context.load_verify_locations(clients)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body, self.command)
                answer = receiver.answer(request)
                if answer.fault in ("", "lost"):
                    receiver.taken.append(request)
                if answer.fault == "hang":
                    receiver.release.wait(10)
                if answer.fault == "endless":
                    self._without_end(answer)
                if answer.fault:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_PATCH = do_POST

            def _without_end(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.end_headers()
                with contextlib.suppress(OSError):
                    while not receiver.release.is_set():
                        self.wfile.write(b" " * 65536)

            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                """Say nothing."""

        return Handler

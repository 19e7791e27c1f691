# SPDX-License-Identifier: Apache-2.0
"""A program of its own: moto's IAM and STS over TLS, and a door by which a test sets a user's keys.

    python moto_cloud.py PORT CERTIFICATE KEY CONTROL_PORT

moto enforces signatures and policies, and lets an inactive key in; AWS does not. Here an inactive key is one that is
not known, as AWS answers, after the time that a change takes to be known.

The door takes one JSON object a request: ``user``, ``keys`` (id and secret of each), and ``lag_s``, how long a change
of a key's status takes to be known.
"""

import json
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from moto import server
from moto.core.utils import utcnow
from moto.iam import access_control, models

CHANGED: dict[str, tuple[float, str]] = {}
"""Key to when its status changed, and what it was before."""

LAG = {"s": 0.0}


def usable(key: Any) -> bool:
    """Tell whether a key is active, as far as that is known everywhere."""
    at, before = CHANGED.get(key.access_key_id, (0.0, ""))
    return bool((before if time.monotonic() - at < LAG["s"] else key.status) == "Active")


class OnlyActive(access_control.IAMUserAccessKey):
    def __init__(self, account_id: str, partition: str, access_key_id: str, headers: dict[str, str]) -> None:
        super().__init__(account_id, partition, access_key_id, headers)
        for user in self.backend.list_users("/", None, None):
            for key in user.access_keys:
                if key.access_key_id == access_key_id and not usable(key):
                    raise access_control.CreateAccessKeyFailure(reason="InvalidId")


class Door(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        LAG["s"] = asked.get("lag_s", 0.0)
        if "user" in asked:
            CHANGED.clear()
            backend = models.iam_backends["123456789012"]["aws"]
            user = backend.get_user(asked["user"])
            user.access_keys.clear()
            for number, (name, secret) in enumerate(asked["keys"]):
                key = backend.create_access_key(asked["user"])
                del backend.access_keys[key.access_key_id]
                key.access_key_id, key.secret_access_key = name, secret
                backend.access_keys[name] = key
                key.create_date = utcnow() - timedelta(days=2 - number)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        pass


def main() -> None:
    port, certificate, key, control = sys.argv[1:]
    access_control.IAMUserAccessKey = OnlyActive  # type: ignore[misc]
    update = models.User.update_access_key

    def noted(self: Any, access_key_id: str, status: Any = None, *rest: Any) -> Any:
        before = {one.access_key_id: one.status for one in self.access_keys}
        CHANGED[access_key_id] = (time.monotonic(), before.get(access_key_id, ""))
        return update(self, access_key_id, status, *rest)

    models.User.update_access_key = noted  # type: ignore[method-assign]
    door = HTTPServer(("127.0.0.1", int(control)), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    server.main(["-H", "127.0.0.1", "-p", port, "-s", "-c", certificate, "-k", key])


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP ports that stay one's own from the moment they are chosen.

Rules:

1. A port is chosen below those that the system gives to outgoing connections, so that no connection takes it between
   the choice and the server's start, nor while a server is down.
2. Two of one run never get the same: each one chosen is locked, for as long as the process that chose it lives, as
   a byte of a file that every test process of this user on this machine opens.
3. A port that nobody listens on is one as well: nobody takes it later.
"""

import fcntl
import itertools
import os
import random
import socket
import tempfile
from pathlib import Path

LOWEST = 10_000
"""No port below this is chosen."""

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The first and the last port of outgoing connections (ip(7))."""

HOST = "127.0.0.1"

_taken: set[int] = set()
_locks: list[int] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and nobody else is given while this process lives."""
    if not _locks:
        path = Path(tempfile.gettempdir()) / f"breakglass-test-ports-{os.geteuid()}"
        _locks.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    places = range(LOWEST, max(2 * LOWEST, int(RANGE.read_text(encoding="ascii").split()[0])))
    first = random.choice(places)
    for port in itertools.chain(range(first, places.stop), range(places.start, first)):
        if port not in _taken and _locked(port) and _is_free(port):
            _taken.add(port)
            return port
    raise OSError(f"no port is free from {places.start} to {places.stop}")


def _locked(port: int) -> bool:
    try:
        fcntl.lockf(_locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as one:
            try:
                one.bind((HOST, port))
            except OSError:
                return False
    return True

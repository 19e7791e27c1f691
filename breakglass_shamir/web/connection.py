# SPDX-License-Identifier: Apache-2.0
"""Connections to other machines whose every wait counts against one deadline, and whose every byte is counted.

Rules:

1. Name look-up, connecting, handshake, each read and each write share one deadline. A peer that sends a byte
   whenever a time-out would end gains nothing by it.
2. What comes in is counted, and more than was agreed is an error: lines without end fill no memory.
3. A name with several addresses gets a share of the time for each, so that one that swallows everything leaves
   time for the next.
4. A look-up that hangs is left behind; see :mod:`breakglass_shamir.bounded.waiting`.

What it does not do: it speaks no protocol, and it verifies nobody; ``tls`` does.
"""

import errno
import socket
from pathlib import Path
from typing import Any

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.waiting import within

ADDRESSES_MAX = 8
"""How many addresses of one name are tried."""

RECEIVED_MAX_BYTES = 1 << 20
"""What a peer may send in one exchange, where the caller does not say."""

Place = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""One answer of getaddrinfo(3)."""


class Bounds:
    """What one exchange may cost."""

    __slots__ = ("_most", "_received", "deadline")

    def __init__(self, deadline: Deadline, received_max: int = RECEIVED_MAX_BYTES) -> None:
        self.deadline = deadline
        self._most = received_max
        self._received = 0

    def renew(self, limit_s: float) -> None:
        """Begin anew, for the next question on the same connection."""
        self.deadline = Deadline(limit_s)
        self._received = 0

    def count(self, received: int) -> None:
        """Count bytes that came in.

        Raises:
            OSError: they are more than was agreed.
        """
        self._received += received
        if self._received > self._most:
            raise OSError(errno.EMSGSIZE, f"the other side sent more than {self._most} bytes")


class BoundedSocket(socket.socket):
    """A socket each of whose operations waits no longer than the exchange has left."""

    bounds: Bounds

    def waits(self) -> None:
        """Set the time-out to what is left.

        Raises:
            TimeoutError: nothing is.
        """
        self.settimeout(self.bounds.deadline.require_s())

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive as socket.recv does."""
        self.waits()
        piece = super().recv(bufsize, flags)
        self.bounds.count(len(piece))
        return piece

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive as socket.recv_into does."""
        self.waits()
        count = super().recv_into(buffer, nbytes, flags)
        self.bounds.count(count)
        return count

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send as socket.send does."""
        self.waits()
        return super().send(data, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send as socket.sendall does."""
        self.waits()
        super().sendall(data, flags)


def resolve(host: str, port: int, kind: socket.SocketKind, deadline: Deadline) -> list[Place]:
    """Return the addresses of a name.

    Raises:
        TimeoutError: the look-up had no end in time.
        OSError: there are none.
    """
    found: list[Place] = within(
        deadline, f"look-up of {host}", lambda: list(socket.getaddrinfo(host, port, type=kind))
    )  # fmt: skip
    return found[:ADDRESSES_MAX]


def dial(host: str, port: int, bounds: Bounds) -> BoundedSocket:
    """Connect over TCP.

    Raises:
        TimeoutError: nobody answered in time.
        OSError: nobody let us in; what the last address said.
    """
    places = resolve(host, port, socket.SOCK_STREAM, bounds.deadline)
    problem = OSError(errno.EADDRNOTAVAIL, "the name has no address")
    for number, (family, kind, protocol, _, place) in enumerate(places):
        try:
            return _connected(BoundedSocket(family, kind, protocol), place, bounds, len(places) - number)
        except OSError as error:
            problem = error
    raise problem


def dial_local(path: Path, bounds: Bounds) -> BoundedSocket:
    """Connect to a Unix socket.

    Raises:
        OSError: nobody is there.
    """
    return _connected(BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM), str(path), bounds, 1)


def _connected(made: BoundedSocket, place: Any, bounds: Bounds, sharing: int) -> BoundedSocket:
    """Connect a socket within its share of the time."""
    made.bounds = bounds
    try:
        made.settimeout(bounds.deadline.require_s() / sharing)
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made

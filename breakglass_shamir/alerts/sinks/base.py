# SPDX-License-Identifier: Apache-2.0
"""The port to a sink: take events in order, say how many arrived.

Rules:

1. ``deliver`` returns when all are acknowledged, by whatever acknowledgement the sink's protocol has; a sink says
   in its docstring what that is worth. Anything else is a ``SinkFailure`` that says how many arrived for sure.
2. At least once: after a failure the rest is sent again, and what was lost with an answer too. A receiver drops
   doubles by ``metadata.uid``.
3. Only ``SinkFailure`` comes out, and no token, key or address that is a secret is in its text.
4. Every wait has an end, and all waits of one delivery have one together: ``limit_s``. A sink gets the deadline and
   keeps to it; what cannot be told one (a name's look-up, a share that hangs) is left behind when it is over.
"""

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.waiting import within
from breakglass_shamir.errors import BreakglassError, SinkFailure, WebError
from breakglass_shamir.web import tls
from breakglass_shamir.web.words import line

LIMIT_S = 20.0
"""How long one delivery may take, from the first look at the sink to its acknowledgement."""

_GRACE_S = 1.0
"""How much later one is left behind that does not end by itself."""

MAX_SECRET_FILE_BYTES = 8 * 1024
"""A token is shorter."""


class Deliverer(ABC):
    """One configured sink.

    Attributes:
        name: as the policy calls it.
        batch: how many events it is given at most in one call.
        limit_s: how long one call may take, in seconds.
    """

    batch: int = 1

    def __init__(self, name: str, sink: object = None) -> None:
        """Deliver to a sink, touching nothing yet.

        Args:
            name: as the policy calls it.
            sink: what the policy says of it; tells it from others of its name.
        """
        self.name = name
        self.limit_s = LIMIT_S
        self._sink_of_policy = sink
        self._one = repr((type(self).__name__, name, sink))

    def deliver(self, events: Sequence[Event]) -> None:
        """Hand events over, in order.

        Raises:
            SinkFailure: not all of them were acknowledged in time.
        """
        deadline = Deadline(self.limit_s)
        try:
            within(Deadline(self.limit_s + _GRACE_S), self._one, lambda: self._deliver(events, deadline))
        except SinkFailure:
            raise
        except Exception as error:
            failure = SinkFailure(f"{self.name}: {_words(error)}")
            failure.__cause__ = error
        else:
            return
        raise failure

    @abstractmethod
    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        """Do the work of :meth:`deliver` until a deadline; may raise anything whose text holds no secret.

        It runs in a thread of its own, and may be left behind there.
        """

    def is_for(self, event: Event) -> bool:
        """Tell whether an event is sent here; what is not leaves the queue and counts as taken by nobody."""
        return True

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the files that this sink names, as seen from here, a sentence each; sends nothing.

        Every key that ends in ``_file`` is a secret on one line, ``ca`` is a file of certificates, ``cert`` and
        ``key`` are a client's. A sink that names more adds to it.
        """
        for key in getattr(self._sink_of_policy, "__struct_fields__", ()):
            path = getattr(self._sink_of_policy, key)
            if key.endswith("_file") and path:
                try:
                    self._secret_in(path)
                except SinkFailure as failure:
                    yield f"{key}: {failure}"
                else:
                    yield from (f"{key}: {one}" for one in _readers(path))
        ca, cert, own = (getattr(self._sink_of_policy, key, None) for key in ("ca", "cert", "key"))
        if ca or cert:
            try:
                tls.context(ca, cert, own)
            except WebError as error:
                yield str(error)
        if own:
            yield from (f"key: {one}" for one in _readers(own))

    def _secret_in(self, path: str) -> str:
        """Return the secret that a file holds.

        Raises:
            SinkFailure: it cannot be read, or holds none.
        """
        return read_secret(path, "the secret")


def _readers(path: str) -> Iterator[str]:
    """Yield that others can read a file that holds a secret."""
    with suppress(OSError):
        if Path(path).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield f"{path} can be read by others: chmod 600"


def read_secret(path: str, what: str) -> str:
    """Return the one line a secret's file holds.

    Raises:
        SinkFailure: it cannot be read, or holds nothing.
    """
    try:
        with open_plain(path) as file:
            text = file.read(MAX_SECRET_FILE_BYTES).decode("ascii").strip()
    except OSError as error:
        raise SinkFailure(f"{what} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SinkFailure(f"expected {what} in {path} to be plain ASCII") from None
    if not text or not text.isprintable():
        raise SinkFailure(f"expected {what} on one line in {path}")
    return text


def open_plain(path: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> BinaryIO:
    """Open a file that must be one: a pipe, or a device, would be waited for, or never end.

    Args:
        path: where.
        flags: of open(2).
        mode: of a file that is made.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, mode)
    file = os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "rb+", buffering=0)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return cast(BinaryIO, file)
    file.close()
    raise OSError(errno.EINVAL, "it is no plain file")


def _words(error: Exception) -> str:
    if isinstance(error, BreakglassError):
        return str(error)
    reason = line(str(getattr(error, "strerror", None) or error))
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__

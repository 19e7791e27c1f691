# SPDX-License-Identifier: Apache-2.0
"""The port to a sink: take events in order, say how many arrived.

Rules:

1. ``deliver`` returns when all are acknowledged, by whatever acknowledgement the sink's protocol has; a sink says
   in its docstring what that is worth. Anything else is a ``SinkFailure`` that says how many arrived for sure.
2. At least once: after a failure the rest is sent again, and what was lost with an answer too. A receiver drops
   doubles by ``metadata.uid``.
3. Only ``SinkFailure`` comes out, and no token, key or address that is a secret is in its text.
4. Every wait has an end: ``TIMEOUT_S`` for each step on the network.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.errors import BreakglassError, SinkFailure

TIMEOUT_S = 10.0
"""How long one step on the network may take."""

MAX_SECRET_FILE_BYTES = 8 * 1024
"""A token is shorter."""


class Deliverer(ABC):
    """One configured sink.

    Attributes:
        name: as the policy calls it.
        batch: how many events it is given at most in one call.
    """

    batch: int = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def deliver(self, events: Sequence[Event]) -> None:
        """Hand events over, in order.

        Raises:
            SinkFailure: not all of them were acknowledged.
        """
        try:
            self._deliver(events)
        except SinkFailure:
            raise
        except Exception as error:
            failure = SinkFailure(f"{self.name}: {_words(error)}")
            failure.__cause__ = error
        else:
            return
        raise failure

    @abstractmethod
    def _deliver(self, events: Sequence[Event]) -> None:
        """Do the work of :meth:`deliver`; may raise anything whose text holds no secret."""

    def is_for(self, event: Event) -> bool:
        """Tell whether an event is sent here; what is not leaves the queue and counts as taken by nobody."""
        return True


def read_secret(path: str, what: str) -> str:
    """Return the one line a secret's file holds.

    Raises:
        SinkFailure: it cannot be read, or holds nothing.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_SECRET_FILE_BYTES).decode("ascii").strip()
    except OSError as error:
        raise SinkFailure(f"{what} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SinkFailure(f"expected {what} in {path} to be plain ASCII") from None
    if not text or "\n" in text:
        raise SinkFailure(f"expected {what} on one line in {path}")
    return text


def _words(error: Exception) -> str:
    if isinstance(error, BreakglassError):
        return str(error)
    reason = getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__

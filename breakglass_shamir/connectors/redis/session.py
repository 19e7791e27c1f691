# SPDX-License-Identifier: Apache-2.0
"""A session at a Redis or Valkey server: logged in as an account, one deadline for each question.

What it does not do: it decides nothing.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.database_target import DatabaseTarget, Denied, Lost, Unreachable
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.connectors.redis.wire import RECEIVED_MAX_BYTES, Wire, Word
from breakglass_shamir.errors import WebError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import tls
from breakglass_shamir.web.connection import Bounds, dial, dial_local

OnLogin = Callable[[tuple[str, ...]], None]
"""Gets the marks by which the server will tell a login."""


class Session:
    """A connection on which questions can be asked.

    Attributes:
        target: where it leads.
    """

    def __init__(self, target: DatabaseTarget, wire: Wire, bounds: Bounds, limit_s: float) -> None:
        self.target = target
        self._wire, self._bounds, self._limit_s = wire, bounds, limit_s

    def ask(self, *words: Word) -> Any:
        """Run one command and return its reply.

        Raises:
            Denied: the server refused it.
            Lost: no answer came; it may have been done.
        """
        self._bounds.renew(self._limit_s)
        (reply,) = self._wire.ask(words)
        if isinstance(reply, Denied):
            raise reply
        return reply

    def together(self, *commands: tuple[Word, ...]) -> list[Any]:
        """Run commands as one transaction; returns a reply for each, a refusal among them.

        They are sent in one piece with what ends it, once the server began one: behind a refused ``MULTI`` each would
        run by itself. A command that fails takes none of the others back.

        Raises:
            Denied: the account may not run one of them, or the server took no transaction: none was run.
            Lost: no answer came; they may have been done.
        """
        self.ask("MULTI")
        self._bounds.renew(self._limit_s)
        *queued, done = self._wire.ask(*commands, ("EXEC",))
        for one in (*queued, done):
            if isinstance(one, Denied):
                raise one
        if not isinstance(done, list) or len(done) != len(commands):
            raise Lost("no answer: what came is no reply to a transaction")
        return done

    def about(self) -> Mapping[str, str]:
        """Return what the server says of itself (``INFO``), by name.

        Raises:
            Denied: the account may not ask.
            Lost: no answer came.
        """
        lines = text(self.ask("INFO")).splitlines()
        return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}

    def setting(self, name: str) -> str:
        """Return one of the server's settings; empty where it has none of this name.

        Raises:
            Denied: the account may not ask.
            Lost: no answer came.
        """
        found = self.ask("CONFIG", "GET", name)
        return text(found[1]) if isinstance(found, list) and len(found) == 2 else ""


@contextmanager
def connection(target: DatabaseTarget, limit_s: float) -> Iterator[tuple[Session, tuple[str, ...]]]:
    """Connect for the length of a block, and log nobody in; yields the marks of the connection, too.

    Raises:
        Unreachable: there is no server that can be believed.
    """
    bounds = Bounds(Deadline(limit_s), RECEIVED_MAX_BYTES)
    with contextlib.ExitStack() as held:
        try:
            if target.socket:
                connected: socket.socket = held.enter_context(dial_local(target.socket, bounds))
            else:
                connected = held.enter_context(dial(target.host, target.port, bounds))
                if target.tls.verify:
                    ca, cert, key = (
                        str(path) if path else None for path in (target.tls.ca, target.certificate, target.key)
                    )
                    secure = tls.context(ca, cert, key).wrap_socket(connected, server_hostname=target.host)
                    connected = held.enter_context(secure)
        except (OSError, WebError) as error:
            raise Unreachable(f"{target.in_words}: {error or type(error).__name__}") from None
        yield Session(target, Wire(connected), bounds, limit_s), marks.of_socket(connected)


@contextmanager
def session(
    target: DatabaseTarget, account: str, password: Secret, limit_s: float, on_login: OnLogin
) -> Iterator[Session]:
    """Log in for the length of a block.

    Args:
        target: where.
        account: as whom.
        password: with what.
        limit_s: for the connection, and for each question, in seconds.
        on_login: gets the marks of the login before it is made.

    Raises:
        Unreachable: there is no server that can be believed.
        Denied: it refused the login.
        Lost: no answer came.
    """
    with connection(target, limit_s) as (one, told):
        on_login(told)
        one.ask("AUTH", account, password.reveal())
        yield one


def text(value: Any) -> str:
    """Return a bulk string or a line as text; empty for what is neither."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def pairs(value: Any) -> Mapping[str, Any]:
    """Return an array of names, each with its value behind it; empty for what is none."""
    if not isinstance(value, list) or len(value) % 2:
        return {}
    return {text(name): found for name, found in zip(value[::2], value[1::2], strict=True)}

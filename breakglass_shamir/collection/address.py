# SPDX-License-Identifier: Apache-2.0
"""Where the collection is, as libpq writes it, and one bounded login to it.

Rules:

1. An address with a password in it is refused: it would stand in the list of processes, in histories and in units.
   Service files, client certificates, peer and libpq's password file are for libpq.
2. Over TCP the server's certificate and name are verified; a weaker ``sslmode`` is refused. libpq leaves a Unix
   socket alone.
3. Every wait ends: for the connection, for a lock, for each statement; for an answer that a server owes although it
   lives, which a time-out of its own would not end; and for a whole block, where it has a bound.
"""

import os
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from breakglass_shamir.errors import ConnectorError, InvalidInput, TargetError

if TYPE_CHECKING:
    from psycopg import Connection

    Login = Connection[Any]
    """A connection, for those that may not know psycopg."""

CONNECT_S = 10
"""Longest wait for a connection, in seconds."""

STATEMENT_S = 60
"""Longest wait for one statement."""

LOGIN_S = 600
"""Longest time that one login is kept by those who write."""

ANSWER_S = STATEMENT_S + CONNECT_S
"""Longest wait for an answer; after it the connection is ended from here."""

SCHEMES = ("postgresql://", "postgres://")

SENT_AGAIN = "nothing is lost: what was not taken is sent again the next time"
"""Hint of a failure, for those who write."""

_NOT_OF_THIS_VERSION = ("3F000", "42P01", "42883", "42703")
"""SQLSTATEs where a schema, table, function or column is not there."""

_OLD = "the collection is not of this release's version: breakglass collect init brings it there"
_VERIFIED = "verify-full"
_REFUSED = ("password", "sslpassword", "passfile", "options")


def settings(address: str) -> dict[str, Any]:
    """Return what libpq is told of an address.

    Raises:
        InvalidInput: it is no such address, or has a password in it, or asks for a connection that is not verified.
        ConnectorError: psycopg is not there.
    """
    if not address.startswith(SCHEMES):
        raise InvalidInput("expected an address such as postgresql://HOST/DATABASE or postgresql:///?service=NAME")
    psycopg = _driver()
    try:
        found: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise InvalidInput("the address of the collection is not one that libpq reads") from None
    for name in _REFUSED:
        if name in found:
            raise InvalidInput(
                f"the address of the collection has {name} in it, which others could read or which weakens it",
                hint="use a service file, a client certificate, peer, or libpq's password file",
            )
    if found.get("sslmode", _VERIFIED) != _VERIFIED:
        raise InvalidInput(f"the address of the collection asks for sslmode={found['sslmode']}, expected {_VERIFIED}")
    bounds = f"-c statement_timeout={STATEMENT_S}s -c lock_timeout={STATEMENT_S}s"
    bounds += f" -c idle_in_transaction_session_timeout={STATEMENT_S}s"
    return found | {
        "sslmode": _VERIFIED, "gssencmode": "disable", "connect_timeout": CONNECT_S, "client_encoding": "UTF8",
        "application_name": "breakglass", "options": bounds, "tcp_user_timeout": STATEMENT_S * 1000,
        "keepalives_idle": CONNECT_S, "keepalives_interval": CONNECT_S, "keepalives_count": 3,
    }  # fmt: skip


@contextmanager
def connected(address: str, within_s: float | None = LOGIN_S, *, hint: str = SENT_AGAIN) -> Iterator["Connection[Any]"]:
    """Log in for the length of a block; what is not committed in it is undone.

    Args:
        address: of the database.
        within_s: how long the block may take, in seconds; then the connection ends, whatever it waits for. None: as
            long as each answer comes in time.
        hint: what is to be done where it fails.

    Raises:
        InvalidInput: as :func:`settings`.
        ConnectorError: the server does not answer, or refuses; what was not committed did not happen.
    """
    psycopg = _driver()
    chosen = settings(address)
    try:
        with _bounded().connect("", autocommit=True, **chosen) as connection, _ending(connection, within_s):
            yield connection
    except psycopg.Error as error:
        said = str(error).strip().splitlines()
        code = f" ({error.sqlstate})" if error.sqlstate else ""
        raise ConnectorError(
            f"the collection: {said[0] if said else type(error).__name__}{code}",
            hint=_OLD if error.sqlstate in _NOT_OF_THIS_VERSION else hint,
        ) from error


@cache
def _bounded() -> Any:
    """Return psycopg's connection, whose every wait ends."""
    _driver()
    import psycopg

    class Bounded(psycopg.Connection[Any]):
        """A connection that is ended where an answer does not come."""

        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            return super().wait(self._until(gen, time.monotonic() + ANSWER_S), *args, **kwargs)

        def _until(self, asking: Generator[Any, Any, Any], end: float) -> Generator[Any, Any, Any]:
            """Pass on what is waited for, and what came, until the end."""
            try:
                wanted = next(asking)
                while True:
                    came = yield wanted
                    if time.monotonic() > end:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(f"no answer within {ANSWER_S} s")
                    wanted = asking.send(came)
            except StopIteration as done:
                return done.value

    return Bounded


@contextmanager
def _ending(connection: "Connection[Any]", within_s: float | None) -> Iterator[None]:
    """End a connection that is still there after so many seconds: a statement's own limit is the server's to keep."""
    if within_s is None:
        yield
        return
    timer = threading.Timer(within_s, _cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: "Connection[Any]") -> None:
    with suppress(OSError, ValueError, _driver().Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _driver() -> Any:
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError:
        raise _missing() from None
    return psycopg


def _missing() -> TargetError:
    return ConnectorError(
        "psycopg is not installed", hint="install it with: pip install 'breakglass-shamir[postgresql]'"
    )

# SPDX-License-Identifier: Apache-2.0
"""One login to a PostgreSQL server through libpq, with a deadline, and its answers by SQLSTATE.

Rules:

1. TLS is verified against a certificate authority and the host's name; the server may ask for the password by SCRAM
   or MD5 only, so that it is never sent. libpq before version 16 cannot be told that: then it goes inside TLS only.
2. A refusal is judged by its SQLSTATE, since servers word their messages in the language of ``lc_messages``. libpq
   keeps the SQLSTATE of a refused login to itself; it is read from libpq's own trace of the messages, which goes to
   a file in memory, with what belongs to the authentication left out. libpq before version 16 does not trace that
   far: then the English words count, and a server with others gives no verdict.
3. Whoever waits, waits until a deadline: for the connection and for each answer.

What it does not do: it decides nothing.
"""

import os
import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from breakglass_shamir.connectors.database_target import (
    DatabaseTarget,
    Denied,
    Lost,
    Unreachable,
    password_text,
    require_driver,
)
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.hygiene import Secret

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

OnLogin = Callable[[tuple[str, ...]], None]
"""Gets the marks by which the server's log will tell a login, before it is made."""


FIRST_WITH_REQUIRE_AUTH = 160000
"""libpq from this version on can refuse a server that asks for the password in clear text."""

_SQLSTATE = re.compile(rb'ErrorResponse\t S "[^"]*"(?: V "[^"]*")? C "([0-9A-Z]{5})"')

_REFUSED_WORDS = 'FATAL:  password authentication failed for user "'
"""The server's words for SQLSTATE 28P01 (auth_failed in auth.c), after libpq's severity."""

_SOCKET_NAME = ".s.PGSQL."
"""How a Unix socket's file is named, before the port (PostgreSQL manual, unix_socket_directories)."""


class Session:
    """A logged-in connection.

    Attributes:
        asked: whether the server asked for the password and libpq gave it.
    """

    def __init__(self, connection: "PGconn", time_limit_s: float) -> None:
        self._connection = connection
        self._time_limit_s = time_limit_s
        self.asked = bool(connection.used_password)

    def rows(self, sql: str, values: Sequence[str] = ()) -> list[tuple[str | None, ...]]:
        """Run one statement and return its rows as text.

        Raises:
            Denied: the server refused it; nothing of it is in force.
            Lost: no answer came; it may be in force.
        """
        self._connection.send_query_params(sql.encode(), [value.encode() for value in values])
        result = self._result(time.monotonic() + self._time_limit_s)
        columns = range(result.nfields)
        return [tuple(_text(result.get_value(row, column)) for column in columns) for row in range(result.ntuples)]

    def verifier(self, password: Secret, account: str) -> str:
        """Return what the server stores of a password: a SCRAM-SHA-256 verifier (RFC 5803) under a fresh salt."""
        made: bytes = self._connection.encrypt_password(
            password_text(password).encode(), account.encode(), b"scram-sha-256"
        )
        return made.decode()

    def _result(self, deadline: float) -> "PGresult":
        from psycopg import pq

        first = None
        while True:
            _await_answer(self._connection, deadline)
            result = self._connection.get_result()
            if result is None:
                break
            first = first or result
        if self._connection.status != pq.ConnStatus.OK or first is None:
            raise Lost("the connection ended before the answer")
        if first.status == pq.ExecStatus.FATAL_ERROR:
            message = first.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
            sqlstate = first.error_field(pq.DiagnosticField.SQLSTATE)
            if sqlstate is None:
                raise Lost("the connection ended before the answer")
            raise Denied(sqlstate.decode(), message.decode(errors="backslashreplace"))
        return first


@contextmanager
def session(
    target: DatabaseTarget, account: str, password: Secret, time_limit_s: float, on_login: OnLogin
) -> Iterator[Session]:
    """Log in for the length of a block.

    Raises:
        Unreachable: there is no server that can be believed.
        Denied: it refused the login.
    """
    require_driver("psycopg", "postgresql")
    # Imported here: slow, and needed by this connector only.
    from psycopg import OperationalError

    try:
        must_encrypt = target.tls.verify and not target.socket
        name = marks.new_name()
        settings = _settings(target, account, password_text(password), name=name)
        connection = _connect(settings, time_limit_s, _Marking(name, on_login), must_encrypt=must_encrypt)
    except OperationalError as error:
        raise Unreachable(f"libpq could not begin: {type(error).__name__}") from None
    try:
        yield Session(connection, time_limit_s)
    finally:
        connection.finish()


def nobody(_marks: tuple[str, ...]) -> None:
    """Take the marks of a login that is not of the account itself."""


def answers(target: DatabaseTarget, account: str, time_limit_s: float) -> bool:
    """Tell whether a server answers there, without a login (PQping)."""
    require_driver("psycopg", "postgresql")
    from psycopg import pq

    reply = pq.PGconn.ping(_settings(target, account, "", max(2, int(time_limit_s))))
    return bool(reply == pq.Ping.OK)


def answers_in_clear() -> bool:
    """Tell whether this libpq would send the password itself, inside TLS, to a server that asks for it so."""
    from psycopg import pq

    return bool(pq.version() < FIRST_WITH_REQUIRE_AUTH)


def _settings(
    target: DatabaseTarget, account: str, password: str, limit_s: int = 10, name: str = marks.PROGRAM
) -> bytes:
    """Return libpq's connection string; it names what the environment could otherwise choose."""
    from psycopg.conninfo import make_conninfo

    host, port = _socket(target.socket, target.port) if target.socket else (target.host, str(target.port))
    chosen: dict[str, str | int] = {
        "host": host,
        "port": port,
        "dbname": target.database or "postgres",
        "user": account,
        "password": password,
        "application_name": name,
        "client_encoding": "UTF8",
        "gssencmode": "disable",
        "sslmode": "verify-full" if target.tls.verify and not target.socket else "disable",
        "connect_timeout": limit_s,
    }
    if not target.socket and target.tls.verify:
        chosen["sslrootcert"] = str(target.authorities or "system")
    if target.certificate:
        chosen |= {"sslcert": str(target.certificate), "sslkey": str(target.key)}
    if not answers_in_clear():
        chosen["require_auth"] = "scram-sha-256,md5,none"
    return make_conninfo("", **chosen).encode()


def _socket(path: Path, port: int) -> tuple[str, str]:
    """Return a socket's folder, and the number in its name, as libpq wants them."""
    if path.name.startswith(_SOCKET_NAME):
        return str(path.parent), path.name.removeprefix(_SOCKET_NAME)
    return str(path), str(port)


class _Marking:
    """Tells once, as soon as a connection stands and before the login, what the server's log will tell it by."""

    def __init__(self, name: str, on_login: OnLogin) -> None:
        self._name, self._on_login, self._told = name, on_login, False

    def look(self, connection: "PGconn") -> None:
        """Tell it if a connection stands."""
        from psycopg import pq

        if self._told or connection.status in (pq.ConnStatus.STARTED, pq.ConnStatus.BAD):
            return
        self._told = True
        with socket.socket(fileno=os.dup(connection.socket)) as same:
            self._on_login((marks.of_name(self._name), *marks.of_socket(same)))


def _connect(settings: bytes, time_limit_s: float, marking: _Marking, *, must_encrypt: bool) -> "PGconn":
    """Connect and log in.

    Raises:
        Unreachable, Denied: as :func:`session` says.
    """
    from psycopg import pq

    deadline = time.monotonic() + time_limit_s
    trace = os.memfd_create("libpq-trace", os.MFD_CLOEXEC)
    connection = pq.PGconn.connect_start(settings)
    try:
        connection.trace(trace)
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS | pq.Trace.REGRESS_MODE)
        connected, encrypted = _poll(connection, deadline, marking)
        # Only this writes what libpq has buffered.
        connection.untrace()
        if not connected:
            # What was said before TLS stood, anybody on the way can have said.
            believed = encrypted or not must_encrypt
            _fail(connection.get_error_message(), _sqlstate(trace), believed=believed)
    except BaseException:
        connection.finish()
        raise
    finally:
        os.close(trace)
    return connection


def _poll(connection: "PGconn", deadline: float, marking: _Marking) -> tuple[bool, bool]:
    """Let libpq connect; returns whether it did, and whether TLS ever stood.

    Raises:
        Unreachable: the deadline is over.
    """
    from psycopg import pq

    # libpq wants the first wait to be for writing; its answers are plain numbers in psycopg's C version.
    state, encrypted = int(pq.PollingStatus.WRITING), False
    while state not in (pq.PollingStatus.OK, pq.PollingStatus.FAILED) and connection.status != pq.ConnStatus.BAD:
        _await(connection.socket, deadline, writing=state == pq.PollingStatus.WRITING)
        state = connection.connect_poll()
        marking.look(connection)
        encrypted = encrypted or connection.ssl_in_use
    return state == pq.PollingStatus.OK, encrypted


def _sqlstate(trace: int) -> str:
    """Return the SQLSTATE of the last error in a trace; empty if the server sent none."""
    size = os.fstat(trace).st_size
    found = _SQLSTATE.findall(os.pread(trace, size, 0))
    return found[-1].decode() if found else ""


def _fail(message: str, sqlstate: str, *, believed: bool) -> NoReturn:
    """Raise what libpq's message means.

    Raises:
        Denied: the server sent an error, and it is believed to be the server.
        Unreachable: it did not, or is not.
    """
    said = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    if not sqlstate and _REFUSED_WORDS in said:
        sqlstate = "28P01"
    if sqlstate and believed:
        raise Denied(sqlstate, said.rpartition("FATAL:")[2].strip())
    raise Unreachable(said)


def _await_answer(connection: "PGconn", deadline: float) -> None:
    """Wait until a result can be fetched without waiting.

    Raises:
        Lost: the connection ended or the deadline is over.
    """
    from psycopg import OperationalError

    try:
        connection.flush()
        while connection.is_busy():
            _await(connection.socket, deadline, writing=False)
            connection.consume_input()
    except (OperationalError, Unreachable) as error:
        raise Lost(f"no answer: {error}".strip()) from None


def _await(descriptor: int, deadline: float, *, writing: bool) -> None:
    """Wait for a socket.

    Raises:
        Unreachable: the deadline is over.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    left_ms = max(0, int((deadline - time.monotonic()) * 1000))
    if not poll.poll(left_ms):
        raise Unreachable("the server did not answer in time")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()

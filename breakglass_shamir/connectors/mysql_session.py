# SPDX-License-Identifier: Apache-2.0
"""One login to a MySQL or MariaDB server through PyMySQL, with a deadline, and its answers by error number.

Rules:

1. TLS is verified against a certificate authority and the host's name, and a server without TLS gets nothing. An
   error that comes before TLS stands is nobody's word.
2. The server may ask by the methods that do not send the password. ``caching_sha2_password`` sends it inside TLS, as
   that method does, and is refused without TLS. ``mysql_clear_password`` and ``dialog`` (PAM) are always refused.
3. After the login the server is asked who came in and how: a login that a socket or another method let in says
   nothing about the password.

What it does not do: it decides nothing.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from breakglass_shamir.connectors.database_target import (
    DatabaseTarget,
    Denied,
    Lost,
    Unreachable,
    password_text,
    require_driver,
)
from breakglass_shamir.crypto import mariadb
from breakglass_shamir.hygiene import Secret

if TYPE_CHECKING:
    from pymysql.connections import Connection

PROGRAM_NAME = "breakglass"
"""What the server shows as the program's name."""

CLIENT_ERRORS = range(2000, 3000)
"""Numbers that the client gives to its own errors (MySQL manual, client error reference)."""

NEVER_SENT = ("mysql_clear_password", "dialog", "mysql_old_password")
"""Methods that send the password, or nearly so."""

INSIDE_TLS = ("caching_sha2_password", "sha256_password")
"""Methods that send the password inside TLS."""

_QUOTED = r"'(?:[^'\\]|\\.|'')*'"
_MARIADB_METHOD = re.compile(rf"(?: VIA | OR )(\w+)(?: (?:USING|AS) {_QUOTED})?", re.DOTALL)
_MYSQL_METHOD = re.compile(r" IDENTIFIED WITH '?(\w+)'?")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a login came in as.

    Attributes:
        name: the account's user name.
        host: the host pattern of the account, the other half of its name.
        methods: the methods by which the account may log in; exactly one when the password decides.
        definition: what ``SHOW CREATE USER`` says, without what the server keeps of the password.
    """

    name: str
    host: str
    methods: tuple[str, ...]
    definition: str


class Session:
    """A logged-in connection.

    Attributes:
        mariadb: whether the server is MariaDB; otherwise it is MySQL.
        version: as the server says it.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.version = str(connection.server_version)
        self.mariadb = "mariadb" in self.version.lower()

    def rows(self, sql: str, values: Sequence[str | int | bytes] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            Denied: the server refused it; nothing of it is in force.
            Lost: no answer came; it may be in force.
        """
        from pymysql import MySQLError

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, tuple(values) or None)
                return list(cursor.fetchall())
        except MySQLError as error:
            number, message = _numbered(error)
            if number and number not in CLIENT_ERRORS:
                raise Denied(str(number), message) from None
            raise Lost(f"no answer: {message}") from None
        except OSError as error:
            raise Lost(f"no answer: {type(error).__name__}") from None

    def identity(self) -> Identity:
        """Ask who came in and how."""
        ((current,),) = self.rows("SELECT CURRENT_USER()")
        ((definition,),) = self.rows("SHOW CREATE USER CURRENT_USER()")
        name, _, host = str(current).rpartition("@")
        return Identity(name, host, _methods(str(definition)), re.sub(_QUOTED, "''", str(definition)))


@contextmanager
def session(target: DatabaseTarget, account: str, password: Secret, time_limit_s: float) -> Iterator[Session]:
    """Log in for the length of a block.

    Raises:
        Unreachable: there is no server that can be believed.
        Denied: it refused the login.
    """
    connection = _connect(target, account, password, time_limit_s)
    try:
        yield Session(connection)
    finally:
        connection.close()


def _connect(target: DatabaseTarget, account: str, password: Secret, time_limit_s: float) -> "Connection[Any]":
    require_driver("pymysql", "mysql")
    # Imported here: slow, and needed by this connector only.
    import pymysql

    encrypted = not target.socket and target.tls.verify
    context = _context(target) if encrypted else None
    try:
        return pymysql.connect(
            host=target.host or None,
            port=target.port,
            unix_socket=str(target.socket) if target.socket else None,
            user=account,
            # As bytes: PyMySQL would write text in Latin-1.
            password=password_text(password).encode(),
            database=target.database or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=max(1, int(time_limit_s)),
            read_timeout=time_limit_s,
            write_timeout=time_limit_s,
            program_name=PROGRAM_NAME,
            ssl=context,
            ssl_disabled=not encrypted,
            auth_plugin_map=_plugins(secure=encrypted or target.socket is not None),
        )
    except pymysql.MySQLError as error:
        number, message = _numbered(error)
        # What was said before TLS stood, anybody on the way can have said.
        if number and number not in CLIENT_ERRORS and (context is None or context.stood):
            raise Denied(str(number), message) from None
        raise Unreachable(message) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None


class _Context(ssl.SSLContext):
    """TLS settings that remember whether a connection was ever verified and encrypted.

    Attributes:
        stood: whether it was.
    """

    stood = False

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """Do what it always does, and remember that it succeeded."""
        wrapped = super().wrap_socket(*arguments, **named)
        self.stood = True
        return wrapped


def _context(target: DatabaseTarget) -> _Context:
    """Return the TLS settings: authorities, the host's name, and this client's certificate if there is one."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    if target.authorities:
        context.load_verify_locations(cafile=target.authorities)
    else:
        context.load_default_certs()
    if target.certificate and target.key:
        context.load_cert_chain(target.certificate, target.key)
    return context


class _Ed25519:
    """PyMySQL's way to bring a login method: MariaDB's ``ed25519``, which it has only with another package."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, packet: Any) -> Any:
        """Answer the server's challenge."""
        connection = self._connection
        connection.write_packet(mariadb.sign(Secret(connection.password), packet.read_all()))
        answer = connection._read_packet()
        answer.check_error()
        return answer


class _Refused:
    """A login method that would send the password."""

    def __init__(self, connection: Any) -> None:
        raise Unreachable("the server wants the password itself, and does not get it")


def _plugins(*, secure: bool) -> "dict[str, Callable[[Connection[Any]], Any]]":
    """Return which methods are answered by whom; every other one by PyMySQL."""
    refused = NEVER_SENT if secure else (*NEVER_SENT, *INSIDE_TLS)
    return {"client_ed25519": _Ed25519, **dict.fromkeys(refused, _Refused)}


def _numbered(error: Exception) -> tuple[int, str]:
    """Return an error's number and text; 0 if it has none."""
    arguments = error.args
    if len(arguments) == 2 and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1])
    return 0, str(error) or type(error).__name__


def _methods(definition: str) -> tuple[str, ...]:
    """Return the login methods in an answer to ``SHOW CREATE USER``."""
    if " IDENTIFIED BY PASSWORD " in definition:
        return ("mysql_native_password",)
    if " IDENTIFIED VIA " in definition:
        return tuple(_MARIADB_METHOD.findall(definition.partition(" IDENTIFIED")[2]))
    return tuple(_MYSQL_METHOD.findall(re.sub(rf"(?<= AS ){_QUOTED}", "''", definition)))

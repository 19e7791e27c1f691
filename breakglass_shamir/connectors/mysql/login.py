# SPDX-License-Identifier: Apache-2.0
"""How a login to a MySQL or MariaDB server is answered: TLS, login methods, second factors.

Rules:

1. TLS is verified against a certificate authority and the host's name, and a server without TLS gets nothing. An
   error that comes before TLS stands is nobody's word.
2. The server may ask by the methods that do not send the password. ``caching_sha2_password`` sends it inside TLS, as
   that method does, and is refused without TLS. ``mysql_clear_password`` and ``dialog`` (PAM) are always refused.
3. The server is told that further factors are understood, and a question for one ends the login: without that, MySQL
   would answer an account with a second factor as it answers a wrong password.
4. A login, and each question after it, has one deadline over TCP, whatever the server sends meanwhile.

What it does not do: it answers no second factor.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.database_target import (
    DatabaseTarget,
    Denied,
    Unreachable,
    password_text,
    require_driver,
)
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.crypto import mariadb
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import tls
from breakglass_shamir.web.connection import BoundedSocket, Bounds, dial

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

FURTHER_FACTORS = 1 << 28
"""CLIENT_MULTI_FACTOR_AUTHENTICATION, a capability of MySQL's protocol; MariaDB's has no use for it."""

EXPIRED_TOO = 1 << 22
"""CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS: an expired password is let in, to its own change and nothing else."""

SWITCH = b"\xfe"
"""First byte of the packet in which the server names another method (Protocol::AuthSwitchRequest)."""

NEXT_FACTOR = b"\x02"
"""First byte of the packet in which the server asks for a further factor (Protocol::AuthNextFactor)."""

MORE_DATA = b"\x01"
"""First byte of the packet in which a method of ``INSIDE_TLS`` asks for more (Protocol::AuthMoreData)."""

ANSWER_MAX_BYTES = 16 << 20
"""What a server may send for one question."""

NEEDS_TLS = "the account's login method sends the password inside TLS, and tls is off"


OnLogin = Callable[[tuple[str, ...]], None]
"""Gets the marks by which the server's log will tell a login."""


def connect(
    target: DatabaseTarget, account: str, password: Secret, time_limit_s: float, on_login: OnLogin
) -> "Connection[Any]":
    """Log in.

    Args:
        target: where.
        account: as whom.
        password: with what.
        time_limit_s: for all of it.
        on_login: told of a login that is refused; whoever is let in asks the server itself for its number.

    Raises:
        Unreachable: there is no server that can be believed.
        Denied: it refused the login.
    """
    require_driver("pymysql", "mysql")
    # Imported here: slow, and needed by this connector only.
    import pymysql

    encrypted = not target.socket and target.tls.verify
    secure = encrypted or target.socket is not None
    context = _context(target) if encrypted else None
    try:
        connection = pymysql.Connection(
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
            client_flag=FURTHER_FACTORS | EXPIRED_TOO,
            auth_plugin_map=_plugins(secure=secure),
            defer_connect=True,
        )
        with _held_to_the_rules(connection, encrypted=encrypted, secure=secure):
            connection.connect(None if target.socket else _dialled(target, time_limit_s))
    except pymysql.MySQLError as error:
        number, message = numbered(error)
        # What was said before TLS stood, anybody on the way can have said.
        if number and number not in CLIENT_ERRORS and (context is None or context.stood):
            # It was said before TLS stood: whoever forged it has a refused login called ours, and no accepted one.
            on_login((marks.of_connection(number_of(connection), accepted=False),))
            raise Denied(str(number), message) from None
        raise Unreachable(message) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
    return connection


def method_of(connection: Any) -> str:
    """Return the method by which the server asked for the password, as an account's definition names it."""
    return str(connection.asked_by).removeprefix("client_")


def number_of(connection: Any) -> int:
    """Return the server's number of a connection, as its greeting said it, before TLS stood."""
    return int(connection.server_thread_id[0])


def answers_within(connection: Any, time_limit_s: float) -> None:
    """Give the next question on a connection its time; a Unix socket has a time-out of each step only."""
    if bounds := getattr(connection._sock, "bounds", None):
        bounds.renew(time_limit_s)


def _dialled(target: DatabaseTarget, time_limit_s: float) -> BoundedSocket:
    """Return a connection on which the whole login has one deadline: a server may send a byte now and then."""
    made = dial(target.host, target.port, Bounds(Deadline(time_limit_s), ANSWER_MAX_BYTES))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@contextmanager
def _held_to_the_rules(connection: Any, *, encrypted: bool, secure: bool) -> Iterator[None]:
    """Hold PyMySQL to the rules for the length of a login, whatever its version makes of them.

    Before 1.2 it would log in without TLS where a server offers none, and not ask ``auth_plugin_map`` about the
    method that a server begins with.
    """
    from pymysql.constants import CLIENT

    read, request = connection._read_packet, connection._request_authentication

    def checked_request() -> None:
        connection.asked_by = connection._auth_plugin_name
        if encrypted and not connection.server_capabilities & CLIENT.SSL:
            raise Unreachable("the server offers no TLS")
        request()

    def checked_read(*arguments: Any, **named: Any) -> Any:
        packet = read(*arguments, **named)
        data = packet.get_all_data()
        first = data[:1]
        if first == SWITCH and len(data) > 1:
            connection.asked_by = data[1:].partition(b"\0")[0].decode("ascii", "replace")
        # After a login a packet may begin so and mean a number of columns.
        if first == NEXT_FACTOR:
            raise Unreachable("the account has a second login method, which a password does not answer")
        if first == MORE_DATA and not secure:
            raise Unreachable(NEEDS_TLS)
        return packet

    connection._read_packet, connection._request_authentication = checked_read, checked_request
    yield
    del connection._read_packet, connection._request_authentication


class _Context(tls.BoundedContext):
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


class _NeedsTls:
    """A login method that would send the password, where no TLS is around it."""

    def __init__(self, connection: Any) -> None:
        """Take no offence yet: the server may go on to another method."""

    def authenticate(self, packet: Any) -> Any:
        """Refuse."""
        raise Unreachable(NEEDS_TLS)


def _plugins(*, secure: bool) -> "dict[str, Callable[[Connection[Any]], Any]]":
    """Return which methods are answered by whom; every other one by PyMySQL."""
    answered: dict[str, Callable[[Connection[Any]], Any]] = {"client_ed25519": _Ed25519}
    answered.update(dict.fromkeys(NEVER_SENT, _Refused))
    return answered if secure else {**answered, **dict.fromkeys(INSIDE_TLS, _NeedsTls)}


def numbered(error: Exception) -> tuple[int, str]:
    """Return an error's number and text; 0 if it has none."""
    arguments = error.args
    if len(arguments) == 2 and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1])
    return 0, str(error) or type(error).__name__

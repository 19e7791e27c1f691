# SPDX-License-Identifier: Apache-2.0
"""A session at a MySQL or MariaDB server, with a deadline, and its answers by error number.

Rule: after the login the server is asked who came in and how: a login that a socket or another method let in says
nothing about the password.

What it does not do: it decides nothing.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from breakglass_shamir.connectors.database_target import DatabaseTarget, Denied, Lost
from breakglass_shamir.connectors.mysql import login
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.hygiene import Secret

# Ends at its quotation mark, or with the text: a place where it began is never tried in vain.
_QUOTED = r"'(?:[^'\\]|\\(?s:.)|'')*(?:'|\\?\Z)"
_TEXT, _KEPT = re.compile(_QUOTED), re.compile(rf"(?<= AS ){_QUOTED}")
_MARIADB_METHOD = re.compile(rf"(?: VIA | OR )(\w+)(?: (?:USING|AS) {_QUOTED})?", re.DOTALL)
_KEPT_AS = re.compile(r" (?:BY PASSWORD|USING|AS) (?:'([^'\\]*)'|0x([0-9A-Fa-f]+))")
_MYSQL_METHOD = re.compile(r" IDENTIFIED WITH '?(\w+)'?")


EXPIRED = "1820"
"""ER_MUST_CHANGE_PASSWORD."""


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
        expired: whether the password is, so that the server takes nothing but its change.
    """

    def __init__(self, connection: Any, time_limit_s: float) -> None:
        self._connection, self._limit_s = connection, time_limit_s
        self._current = ""
        self.expired = False
        self.version = str(connection.server_version)
        self.mariadb = "mariadb" in self.version.lower()

    def rows(self, sql: str, values: Sequence[str | int | bytes] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            Denied: the server refused it; nothing of it is in force.
            Lost: no answer came; it may be in force.
        """
        from pymysql import MySQLError

        login.answers_within(self._connection, self._limit_s)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, tuple(values) or None)
                return list(cursor.fetchall())
        except MySQLError as error:
            number, message = login.numbered(error)
            if number and number not in login.CLIENT_ERRORS:
                raise Denied(str(number), message) from None
            raise Lost(f"no answer: {message}") from None
        except OSError as error:
            raise Lost(f"no answer: {type(error).__name__}") from None

    def number(self) -> int:
        """Ask who came in, and return the server's own number of this connection, as its logs have it.

        What the server said of it before TLS stood, anybody on the way can have said.
        """
        ((self._current, number),) = self.rows("SELECT CURRENT_USER(), CONNECTION_ID()")
        return int(number)

    @property
    def method(self) -> str:
        """The method by which the server asked for the password."""
        return login.method_of(self._connection)

    @property
    def greeted_as(self) -> int:
        """The server's number of this connection as it said it before TLS stood; see :meth:`number`."""
        return login.number_of(self._connection)

    def kept(self) -> bytes:
        """Ask what the server keeps of the account's password; empty where it does not say it in a form known here."""
        if not self.mariadb:
            # A salt of any bytes would not come through as text.
            self.rows("SET SESSION print_identified_with_as_hex = ON")
        ((definition,),) = self.rows("SHOW CREATE USER CURRENT_USER()")
        found = _KEPT_AS.search(str(definition))
        if found is None:
            return b""
        return bytes.fromhex(found[2]) if found[2] else found[1].encode()

    def identity(self) -> Identity:
        """Ask who came in and how."""
        ((definition,),) = self.rows("SHOW CREATE USER CURRENT_USER()")
        name, _, host = self._current.rpartition("@")
        return Identity(name, host, _methods(str(definition)), _TEXT.sub("''", str(definition)))


@contextmanager
def session(
    target: DatabaseTarget, account: str, password: Secret, time_limit_s: float, on_login: login.OnLogin,
    *, expired_too: bool = False,
) -> Iterator[Session]:  # fmt: skip
    """Log in for the length of a block.

    Args:
        target: where.
        account: as whom.
        password: with what.
        time_limit_s: for the login, and for each question.
        on_login: gets the marks of the login.
        expired_too: whether a session will do in which an expired password can be changed, and nothing else.

    Raises:
        Unreachable: there is no server that can be believed.
        Denied: it refused the login, or lets the account ask nothing.
        Lost: no answer came.
    """
    connection = login.connect(target, account, password, time_limit_s, on_login)
    try:
        one = Session(connection, time_limit_s)
        try:
            number = one.number()
        except Denied as error:
            if error.code != EXPIRED:
                raise
            number, one.expired = one.greeted_as, True
        on_login((marks.of_connection(number),))
        if one.expired and not expired_too:
            raise Denied(EXPIRED, "the password is expired")
        yield one
    finally:
        connection.close()


def _methods(definition: str) -> tuple[str, ...]:
    """Return the login methods in an answer to ``SHOW CREATE USER``."""
    if " IDENTIFIED BY PASSWORD " in definition:
        return ("mysql_native_password",)
    if " IDENTIFIED VIA " in definition:
        return tuple(_MARIADB_METHOD.findall(definition.partition(" IDENTIFIED")[2]))
    return tuple(_MYSQL_METHOD.findall(_KEPT.sub("''", definition)))

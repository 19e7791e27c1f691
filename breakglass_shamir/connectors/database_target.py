# SPDX-License-Identifier: Apache-2.0
"""What connectors to database servers share: their target URI, their options, and what a password may be.

A target is ``SCHEME://HOST[:PORT]/DATABASE`` over TCP, or ``SCHEME:///DATABASE`` over a Unix socket. The account is
never part of it. Options beside ``tls`` and ``ca``:

- ``socket``: absolute path of the Unix socket, or of its folder; for targets without a host.
- ``certificate`` and ``key``: absolute paths of PEM files, for servers that ask for a client's certificate.
- ``log``: absolute path of the file in which the server writes logins down, or a pattern such as
  ``/var/log/postgresql/*.csv``; read by ``logins_since``.

What it does not do: it opens no connection and no file.
"""

import importlib
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from breakglass_shamir.connectors.port.options import TLS_OPTIONS, Tls, tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.shell import word

DATABASE_OPTIONS = TLS_OPTIONS | {"socket", "certificate", "key", "log"}
"""Options of every connector to a database."""

_SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
"""Where Debian, Fedora and SUSE keep the authorities of the system."""


class Unreachable(Exception):
    """The server did not answer, or not as a server that can be believed."""


class Lost(Exception):
    """The connection ended, or the time was over, before the answer to a statement came."""


class Denied(Exception):
    """The server answered with an error.

    Attributes:
        code: its SQLSTATE (PostgreSQL manual, appendix A), or its number (MySQL and MariaDB).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """Where a database server is, and how it is spoken to.

    Attributes:
        host: name or address; empty for a Unix socket.
        port: TCP port.
        database: empty for the server's own default.
        socket: the Unix socket or its folder; None over TCP.
        tls: how TCP is protected.
        certificate: PEM file that names this client; None without one.
        key: PEM file of its key.
        log: pattern of the server's log files; empty without one.
    """

    host: str
    port: int
    database: str
    socket: Path | None
    tls: Tls
    certificate: Path | None
    key: Path | None
    log: str

    @property
    def authorities(self) -> Path | None:
        """The PEM file with the authorities that are believed; None where the system's were not found."""
        paths = ssl.get_default_verify_paths()
        found = (Path(path) for path in (paths.cafile, *_SYSTEM_AUTHORITIES) if path)
        return self.tls.ca or next((path for path in found if path.is_file()), None)

    @property
    def in_words(self) -> str:
        """The server, as messages name it."""
        return f"{self.socket}" if self.socket else f"{self.host}:{self.port}"


def database_target(uri: str, options: Mapping[str, str], *, port: int, socket: str) -> DatabaseTarget:
    """Read a target URI and the options that go with it.

    Args:
        uri: of a scheme that was checked.
        options: of the policy.
        port: the server's usual port.
        socket: the server's usual Unix socket, or its folder.

    Raises:
        InvalidInput: it is no such URI, or an option does not fit it.
    """
    scheme, host, given_port, path = _split(uri)
    if len(path) > 1 and "/" in path[1:]:
        raise InvalidInput(f"{scheme} target names no database: expected {scheme}://HOST/DATABASE")
    if host and "socket" in options:
        raise InvalidInput("option socket: expected none when the target names a host")
    if ("certificate" in options) != ("key" in options):
        raise InvalidInput("options certificate and key: expected both or neither")
    log = options.get("log", "")
    if log and not log.startswith("/"):
        raise InvalidInput("option log: expected an absolute path")
    return DatabaseTarget(
        host=host,
        port=given_port or port,
        database=unquote(path[1:]),
        socket=None if host else absolute("socket", options.get("socket", socket)),
        tls=tls(options),
        certificate=absolute("certificate", options["certificate"]) if "certificate" in options else None,
        key=absolute("key", options["key"]) if "key" in options else None,
        log=log,
    )


def absolute(name: str, text: str) -> Path:
    """Return the path an option names.

    Raises:
        InvalidInput: it is not absolute.
    """
    if not text.startswith("/") or "\0" in text:
        raise InvalidInput(f"option {name}: expected an absolute path")
    return Path(text)


def require_account(scheme: str, account: str, longest: int) -> str:
    """Return the account's name.

    Args:
        scheme: for the message.
        account: what the policy says.
        longest: what the server takes, in bytes of UTF-8.

    Raises:
        InvalidInput: there is none, or no server could have it.
    """
    if not account or not account.isprintable() or len(os.fsencode(account)) > longest:
        raise InvalidInput(
            f"{scheme} account: expected a name of 1 to {longest} bytes",
            hint="name it in the policy as target.account",
        )
    return account


def require_driver(package: str, extra: str) -> None:
    """Make sure that a database driver can be imported.

    Args:
        package: what is imported.
        extra: of this package, that brings it.

    Raises:
        ConnectorError: it cannot.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ConnectorError(
            f"the driver {package} cannot be loaded: {error}",
            hint=f"install it with: pip install {word(f'breakglass-shamir[{extra}]')}",
        ) from error


def driver_problems(package: str, extra: str) -> tuple[str, ...]:
    """Return why a driver cannot be used, in one sentence; arguments as :func:`require_driver`."""
    try:
        require_driver(package, extra)
    except ConnectorError as error:
        return (f"{error}; {error.hint}",)
    return ()


def password_problems(secret: Secret) -> list[str]:
    """Return why a secret can be no database password, one sentence each; none of them repeats it."""
    value = secret.reveal()
    try:
        value.decode()
    except UnicodeDecodeError:
        return ["a password must be UTF-8 text"]
    if not value or b"\0" in value:
        return ["a password must not be empty, and must not hold a zero byte"]
    return []


def password_text(secret: Secret) -> str:
    """Return a password as text.

    Raises:
        ConnectorError: it can be none.
    """
    stop_at(password_problems(secret))
    return secret.reveal().decode()


def stop_at(problems: list[str]) -> None:
    """Raise if there are problems.

    Raises:
        ConnectorError: with all of them.
    """
    if problems:
        raise ConnectorError(f"unchanged: {'; '.join(problems)}")


def require_different(old: Secret, new: Secret) -> None:
    """Refuse a change that is none.

    Raises:
        ConnectorError: both are the same.
    """
    if old == new:
        raise ConnectorError("unchanged: the new credential is the old one")


def _split(uri: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path of a URI."""
    try:
        parts = urlsplit(uri)
        host, port = unquote(parts.hostname or ""), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    scheme = uri.partition(":")[0].lower()
    if (
        not parts.scheme
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not uri[len(scheme) :].startswith("://")
        or (host and not is_host(host))
        or not unquote(parts.path).isprintable()
    ):
        raise InvalidInput(
            f"{scheme} target is malformed: expected {scheme}://HOST[:PORT]/DATABASE, or {scheme}:///DATABASE",
            hint="the account is target.account, everything else is target.options",
        )
    if port is not None and not host:
        raise InvalidInput(f"{scheme} target has a port and no host")
    return scheme, host, port, parts.path

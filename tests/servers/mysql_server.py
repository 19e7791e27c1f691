# SPDX-License-Identifier: Apache-2.0
"""A MySQL server of its own for one test run, like that of MariaDB: data, socket and logs in one folder, with TLS.

Rules:

1. Server and client are those that ``make mysql`` fetched into ``build/mysql``; Debian's stable release has neither.
2. Everything that could show a secret is switched on: the general log, the binary log, the slow log, and the error log
   with all its notes.
3. Whoever runs the tests comes in over the Unix socket as ``root``, without a password.
4. The judge is the client ``mysql``, in a process of its own, with the password in a file.
"""

import secrets
import subprocess
from pathlib import Path

from mariadb_server import HOST, LIMIT_S, MariadbServer

from breakglass_shamir.hygiene import Secret

FETCHED = Path(__file__).resolve().parents[2] / "build/mysql"
"""Where ``make mysql`` puts the server."""

METHOD = "caching_sha2_password"

SETTINGS = f"""
[mysqld]
basedir = {FETCHED}/root/usr
lc-messages-dir = {FETCHED}/root/usr/share/mysql
character-sets-dir = {FETCHED}/root/usr/share/mysql/charsets
plugin-dir = {FETCHED}/root/usr/lib/mysql/plugin
secure-file-priv = NULL
mysqlx = OFF
datadir = {{folder}}/data
socket = {{folder}}/socket
pid-file = {{folder}}/pid
port = {{port}}
bind-address = 127.0.0.1
skip-name-resolve
ssl-ca = {{ca}}
ssl-cert = {{folder}}/server.pem
ssl-key = {{folder}}/server.key
plugin-load-add = auth_socket.so
plugin-load-add = authentication_webauthn.so
loose-authentication-webauthn-rp-id = localhost
general-log
general-log-file = {{folder}}/log/general.log
log-error = {{folder}}/log/error.log
log-error-verbosity = 3
log-bin = {{folder}}/log/binary
slow-query-log
slow-query-log-file = {{folder}}/log/slow.log
long-query-time = 0
innodb-buffer-pool-size = 16M
innodb-redo-log-capacity = 8M
innodb-flush-method = nosync
innodb-flush-log-at-trx-commit = 2
sync-binlog = 0
performance-schema-consumer-events-statements-history-long = ON
default-time-zone = +00:00
"""

UNSEEN = "SET sql_log_off = 1; SET sql_log_bin = 0; SET SESSION long_query_time = 1000;"
"""What the administrator says before a statement that only sets the scene."""


class MysqlServer(MariadbServer):
    """A running server; see :class:`MariadbServer`."""

    program = str(FETCHED / "bin/mysqld")
    client = (str(FETCHED / "bin/mysql"),)
    verified = ("--ssl-mode=VERIFY_IDENTITY",)
    administrator = "root"
    settings = SETTINGS

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "time_limit": "5", "log": str(self.folder / "log/general.log")}

    def add_account(self, secret: Secret, rest: str = "", method: str = METHOD) -> str:
        """Make an account that may set a hash; returns its name."""
        name = f"a{secrets.token_hex(6)}"
        made = f"CREATE USER {name}@'{HOST}' IDENTIFIED WITH {method} BY '{secret.reveal().decode()}' {rest}"
        grants = f"GRANT CREATE USER ON *.* TO {name}@'{HOST}'", f"GRANT SELECT ON mysql.user TO {name}@'{HOST}'"
        self.admin(UNSEEN + made, *grants)
        return name

    def become(self, account: str, secret: Secret) -> None:
        """Set an account's password, whatever it was, and forget its failed logins."""
        identified = f"IDENTIFIED WITH {METHOD} BY '{secret.reveal().decode()}'"
        self.admin(f"{UNSEEN}ALTER USER {account}@'{HOST}' {identified} ACCOUNT UNLOCK", "FLUSH PRIVILEGES")

    def has_a_session_in_the_clear(self, account: str, secret: Secret) -> bool:
        """Ask the client whether it gets in without TLS; MySQL lets in who came with TLS before, and nobody else."""
        command = [one for one in self._command(account, secret) if "ssl" not in one]
        done = subprocess.run(
            [*command, "--ssl-mode=DISABLED"], input="SELECT 1", capture_output=True, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0 or any(f"ERROR {code} " in done.stderr for code in (1045, 2061)), done.stderr
        return done.returncode == 0

    def take_its_method_away(self, account: str) -> None:
        """Leave an account as an upgrade from MySQL 8 leaves it: with a method that the server does not have."""
        self.admin(
            f"SET @name = '{account}'",
            "UPDATE mysql.user SET plugin = 'mysql_native_password' WHERE User = @name",
            "FLUSH PRIVILEGES",
        )

    def everything_written(self) -> bytes:
        """Return all that the server keeps in readable form: logs, tables and data files."""
        self.admin("FLUSH LOGS", "FLUSH TABLES")
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        texts = self.admin(
            "SELECT SQL_TEXT FROM performance_schema.events_statements_history_long",
            "SELECT DIGEST_TEXT, QUERY_SAMPLE_TEXT FROM performance_schema.events_statements_summary_by_digest",
            "SELECT * FROM mysql.user", "SELECT * FROM mysql.password_history",
            "SELECT DATA FROM performance_schema.error_log",
        )  # fmt: skip
        return b"\n".join([*(path.read_bytes() for path in files), texts.encode()])

    def _install(self) -> None:
        settings = f"--defaults-file={self.folder}/settings"
        made = subprocess.run(
            [self.program, settings, "--initialize-insecure", *self._as_account()],
            capture_output=True, text=True, timeout=4 * LIMIT_S, check=False,
        )  # fmt: skip
        assert made.returncode == 0, (self.folder / "log/error.log").read_text()[-2000:]

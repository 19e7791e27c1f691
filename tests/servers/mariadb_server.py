# SPDX-License-Identifier: Apache-2.0
"""A MariaDB server of its own for one test run: data, socket and logs in one folder, on loopback with TLS.

Rules:

1. The server is Debian's. As root it runs as Debian's account ``mysql``.
2. Everything that could show a secret is switched on: the general log, the binary log, and the plugin
   ``server_audit`` with all its events.
3. Whoever runs the tests comes in over the Unix socket without a password, as the administrator.
4. The judge is the client ``mariadb``, in a process of its own, with the password in a file.
"""

import getpass
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
ADMIN = getpass.getuser()
"""Account with every privilege; the server lets in whoever runs the tests, over the socket and without a password."""

LIMIT_S = 90
REFUSED = 1045

SETTINGS = """
[mariadbd]
datadir = {folder}/data
socket = {folder}/socket
pid-file = {folder}/pid
port = {port}
bind-address = 127.0.0.1
skip-name-resolve
ssl-ca = {ca}
ssl-cert = {folder}/server.pem
ssl-key = {folder}/server.key
general-log
general-log-file = {folder}/log/general.log
log-error = {folder}/log/error.log
log-bin = {folder}/log/binary
slow-query-log
slow-query-log-file = {folder}/log/slow.log
long-query-time = 0
log-warnings = 9
plugin-load-add = server_audit
plugin-load-add = auth_ed25519
server-audit-logging = ON
server-audit-file-path = {folder}/log/audit.log
innodb-buffer-pool-size = 16M
innodb-log-file-size = 8M
innodb-flush-log-at-trx-commit = 0
innodb-flush-method = nosync
performance-schema = ON
performance-schema-consumer-events-statements-history-long = ON
default-time-zone = +00:00
"""

UNSEEN = "SET sql_log_off = 1; SET sql_log_bin = 0; SET slow_query_log = 0; SET GLOBAL server_audit_logging = OFF;"
"""What the administrator says before a statement that only sets the scene."""

SEEN = "SET GLOBAL server_audit_logging = ON;"


class MariadbServer:
    """A running server.

    Attributes:
        folder: of everything, short, since a socket's name may have 107 characters.
        target: its URI over TLS.
        ca: PEM file of the authority that issued its certificate.
    """

    program = "/usr/sbin/mariadbd"
    client = ("mariadb",)
    verified = ("--ssl-verify-server-cert",)
    administrator = ADMIN
    settings = SETTINGS

    def __init__(self, ca: ThrowAwayCa) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bgmy"))
        self.port = free_port()
        self.ca = self.folder / "ca.pem"
        self.target = f"mysql://{HOST}:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._desk = Path(tempfile.mkdtemp(prefix="bgmysql"))
        self._account = pwd.getpwnam("mysql") if os.geteuid() == 0 else None
        self._lay_out(ca)

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "time_limit": "5", "log": str(self.folder / "log/audit.log")}

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [self.program, f"--defaults-file={self.folder}/settings", *self._as_account()]
        # Its times are local ones; the connector takes them as UTC.
        environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C"}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + LIMIT_S
        while self._client(self.administrator, None, "SELECT 1").returncode:
            assert self._process.poll() is None, (self.folder / "log/error.log").read_text()[-2000:]
            assert time.monotonic() < limit, f"{self.program} does not start"
            time.sleep(0.02)

    def stop(self, *, crash: bool = False) -> None:
        """End the server."""
        if self._process:
            if crash:
                self._process.kill()
            else:
                self._process.terminate()
            self._process.wait(LIMIT_S)
            self._process = None

    def remove(self) -> None:
        """End the server and remove its folder."""
        self.stop(crash=True)
        for folder in (self.folder, self._desk):
            shutil.rmtree(folder)

    def admin(self, *statements: str) -> str:
        """Run statements as the administrator; returns what they print."""
        done = self._client(self.administrator, None, ";\n".join(statements))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_account(self, secret: Secret, rest: str = "", method: str = "mysql_native_password") -> str:
        """Make an account; returns its name."""
        name = f"a{secrets.token_hex(6)}"
        made = (
            f"CREATE USER {name}@'{HOST}' IDENTIFIED VIA {method} USING PASSWORD('{secret.reveal().decode()}') {rest}"
        )
        grant = f"GRANT SELECT ON mysql.global_priv TO {name}@'{HOST}'"
        self.admin(UNSEEN + made, grant, SEEN)
        return name

    def become(self, account: str, secret: Secret) -> None:
        """Set an account's password, whatever it was, and forget its failed logins."""
        identified = f"mysql_native_password USING PASSWORD('{secret.reveal().decode()}')"
        self.admin(f"{UNSEEN}ALTER USER {account}@'{HOST}' IDENTIFIED VIA {identified}", "FLUSH PRIVILEGES", SEEN)

    def restart(self) -> None:
        """Crash the server and start it again."""
        self.stop(crash=True)
        self.start()

    def lets_in(self, account: str, secret: Secret) -> bool:
        """Ask the client whether a password logs an account in."""
        done = self._client(account, secret, "SELECT 1")
        assert done.returncode == 0 or f"ERROR {REFUSED} " in done.stderr, done.stderr
        return done.returncode == 0

    def log_in(self, account: str, secret: Secret, socket: str = "") -> Callable[[], bool]:
        """Begin a session with the client; returns a question: is it alive?"""
        process = subprocess.Popen(
            self._command(account, secret, socket), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin and process.stdout
        process.stdin.write(b"SELECT CONNECTION_ID();\n")
        process.stdin.flush()
        number = process.stdout.readline().decode().strip()
        assert number, "the client did not log in"
        self._sessions.append(process)
        return lambda: number in [row.split("\t")[0] for row in self.admin("SHOW PROCESSLIST").splitlines()]

    def end_sessions(self) -> None:
        """End what :meth:`log_in` began."""
        for process in self._sessions:
            process.kill()
            process.communicate()
        self._sessions.clear()

    def everything_written(self) -> bytes:
        """Return all that the server keeps in readable form: logs, tables and data files."""
        self.admin("FLUSH LOGS", "FLUSH TABLES")
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        texts = self.admin(
            "SELECT SQL_TEXT FROM performance_schema.events_statements_history_long", "SELECT * FROM mysql.global_priv",
        )  # fmt: skip
        return b"\n".join([*(path.read_bytes() for path in files), texts.encode()])

    def _client(self, account: str, secret: Secret | None, statements: str) -> "subprocess.CompletedProcess[str]":
        # Statements go in by standard input: an argument could be read by everybody.
        return subprocess.run(
            self._command(account, secret),
            input=statements,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def _command(self, account: str, secret: Secret | None, socket: str = "") -> list[str]:
        command = list(self.client)
        if secret is None:
            return [*command, "--no-defaults", "-N", "-B", f"--socket={self.folder}/socket", f"--user={account}"]
        file = self._desk / account
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(b"[client]\npassword='" + secret.reveal() + b"'\n")
        command += [f"--defaults-file={file}", "-N", "-B", "--unbuffered", f"--user={account}"]
        if socket:
            return [*command, f"--socket={socket}"]
        return [*command, f"--host={HOST}", f"--port={self.port}", f"--ssl-ca={self.ca}", *self.verified]

    def _lay_out(self, ca: ThrowAwayCa) -> None:
        issued = ca.issue("mariadb", HOST)
        copies = ((issued.certificate, "server.pem"), (issued.key, "server.key"), (ca.certificate, "ca.pem"))
        for source, name in copies:
            shutil.copy(source, self.folder / name)
        (self.folder / "log").mkdir()
        (self.folder / "settings").write_text(self.settings.format(folder=self.folder, port=self.port, ca=self.ca))
        if self._account:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        self._install()

    def _install(self) -> None:
        made = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
             "--innodb-flush-method=nosync",
             f"--auth-root-socket-user={ADMIN}", "--skip-name-resolve", *self._as_account()],
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    def _as_account(self) -> list[str]:
        return ["--user=mysql"] if self._account else []

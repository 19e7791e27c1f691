# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of its own for one test run: data, sockets and logs in one folder, on loopback with TLS.

Rules:

1. The server is Debian's. It refuses to run as root; then it runs as Debian's account ``postgres``.
2. Everything that could show a secret is switched on: every statement, its parameters and its duration are logged,
   and pg_stat_statements keeps texts.
3. The superuser comes in over the Unix socket without a password; everybody else needs one, over TCP only with TLS.
4. The judge is psql, in a process of its own, with the password in a file.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

SUPERUSER = "postgres"
HOST = "127.0.0.1"
LIMIT_S = 90

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
shared_buffers = 16MB
max_wal_size = 64MB
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
shared_preload_libraries = '{libraries}'
pg_stat_statements.track_utility = on
logging_collector = on
log_directory = '{folder}/log'
log_filename = 'server.log'
log_destination = 'stderr,csvlog,jsonlog'
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'UTC'
lc_messages = 'C'
log_connections = on
log_disconnections = on
log_statement = 'all'
log_duration = on
log_min_duration_statement = 0
log_min_messages = 'debug1'
log_error_verbosity = 'verbose'
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
"""

ACCESS = """
local all postgres trust
local replication postgres trust
local all trusted trust
local all all scram-sha-256
hostnossl all bare 127.0.0.1/32 scram-sha-256
hostssl all barred 127.0.0.1/32 reject
hostssl all clear 127.0.0.1/32 password
hostssl all all 127.0.0.1/32 md5
"""

UNSEEN = (
    "SET log_statement = none", "SET log_min_duration_statement = -1", "SET log_duration = off",
    "SET log_min_error_statement = panic", "SET pg_stat_statements.track_utility = off",
)  # fmt: skip
"""What a superuser says before a statement that only sets the scene."""


def program(name: str) -> str:
    """Return Debian's program of the newest version there is, or what the path has."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else shutil.which(name) or name


class PostgresServer:
    """A running server.

    Attributes:
        folder: of everything, short, since a socket's name may have 107 characters.
        target: its URI over TLS.
        ca: PEM file of the authority that issued its certificate.
    """

    def __init__(self, ca: ThrowAwayCa, libraries: str = "pg_stat_statements,passwordcheck") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bgpg"))
        self.port = free_port()
        self.ca = ca.certificate
        self.target = f"postgresql://{HOST}:{self.port}/postgres"
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._lay_out(ca, libraries)

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "time_limit": "5", "log": str(self.folder / "log/server.log")}

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "start.log"), "-w", "start")
        self.admin("SET client_min_messages = error", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def stop(self, mode: str = "fast") -> None:
        """End the server; ``immediate`` is a crash."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """End the server and remove its folder."""
        self.stop("immediate")
        for folder in (self.folder, self._desk):
            shutil.rmtree(folder)

    def admin(self, *statements: str) -> str:
        """Run statements as the superuser; returns what they print."""
        done = self._psql(SUPERUSER, str(self.folder), statements, None)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_role(self, secret: Secret, rest: str = "LOGIN") -> str:
        """Make a role that logs in; returns its name."""
        name = f"r{secrets.token_hex(6)}"
        made = f"CREATE ROLE {name} PASSWORD '{secret.reveal().decode()}' {rest}"
        self.admin(*UNSEEN, made)
        return name

    def become(self, role: str, secret: Secret) -> None:
        """Set a role's password, whatever it was."""
        self.admin(*UNSEEN, f"ALTER ROLE {role} PASSWORD '{secret.reveal().decode()}'")

    def restart(self) -> None:
        """Crash the server and start it again."""
        self.stop("immediate")
        self.start()

    def lets_in(self, role: str, secret: Secret, port: int = 0) -> bool:
        """Ask psql whether a password logs a role in, here or at a standby's port."""
        done = self._psql(role, HOST, ["SELECT 1"], secret, port)
        assert done.returncode == 0 or "authentication failed" in done.stderr, done.stderr
        return done.returncode == 0

    def log_in(self, role: str, secret: Secret) -> Callable[[], bool]:
        """Begin a session with psql; returns a question: is it alive?"""
        command, environment = self._command(role, HOST, secret)
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin and process.stdout
        process.stdin.write(b"SELECT 'here';\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"here\n"
        (backend,) = [process for process, name, query in self._activity() if name == role and "here" in query]
        self._sessions.append(process)
        return lambda: backend in [process for process, _, _ in self._activity()]

    def _activity(self) -> list[tuple[str, str, str]]:
        """Return process, role and statement of every session."""
        rows = self.admin("SELECT pid, usename, replace(query, E'\\n', ' ') FROM pg_stat_activity").splitlines()
        found = [row.split("|", 2) for row in rows]
        return [(pid, role, query) for pid, role, query in found]

    def stored(self, role: str) -> str:
        """Return what the server keeps of a role's password."""
        rows = self.admin("SELECT rolname, rolpassword FROM pg_authid").splitlines()
        return dict(row.split("|", 1) for row in rows)[role]

    def everything_written(self) -> bytes:
        """Return all that the server keeps in readable form: logs, catalogue, statistics and data files."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        texts = self.admin("SELECT query FROM pg_stat_statements", "SELECT * FROM pg_authid")
        return b"\n".join([*(path.read_bytes() for path in files), texts.encode()])

    def _psql(
        self, role: str, host: str, statements: Sequence[str], secret: Secret | None, port: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        command, environment = self._command(role, host, secret)
        if port:
            command += ["-p", str(port)]
        # Statements go in by standard input: an argument could be read by everybody.
        return subprocess.run(
            command, input=";\n".join(statements), env=environment, capture_output=True, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip

    def _command(self, role: str, host: str, secret: Secret | None) -> tuple[list[str], dict[str, str]]:
        command = ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", str(self.port)]
        environment = {"PATH": os.environ["PATH"], "PGSSLMODE": "prefer", "PGCONNECT_TIMEOUT": "10"}
        if host == HOST:
            environment |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.ca)}
        if secret is not None:
            file = self._desk / role
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_bytes(b"*:*:*:*:" + secret.reveal() + b"\n")
            environment["PGPASSFILE"] = str(file)
        return [*command, "-U", role, "-d", "postgres"], environment

    def _lay_out(self, ca: ThrowAwayCa, libraries: str) -> None:
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._desk = Path(tempfile.mkdtemp(prefix="bgpsql"))
        issued = ca.issue("postgres", HOST)
        for source, name in ((issued.certificate, "server.pem"), (issued.key, "server.key")):
            shutil.copy(source, self.folder / name)
            (self.folder / name).chmod(0o600)
        self._give_away()
        options = ["--no-sync", "-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"]
        self.run("initdb", "-D", str(self.folder / "data"), *options)
        settings = self.folder / "data/postgresql.conf"
        with settings.open("a") as file:
            file.write(SETTINGS.format(port=self.port, folder=self.folder, libraries=libraries))
        (self.folder / "data/pg_hba.conf").write_text(ACCESS)

    def _give_away(self) -> None:
        if self._account:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def run(self, name: str, *arguments: str) -> None:
        """Run one of the server's programs as the account the server runs as."""
        who = self._account
        done = subprocess.run(
            [program(name), *arguments],
            user=who.pw_uid if who else None, group=who.pw_gid if who else None, extra_groups=[] if who else None,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr}"

    def end_sessions(self) -> None:
        """End what :meth:`log_in` began."""
        for process in self._sessions:
            process.kill()
            process.communicate()
        self._sessions.clear()

    def wait_until_written(self, text: str) -> None:
        """Wait until a text stands in the log."""
        limit = time.monotonic() + LIMIT_S
        while text not in (self.folder / "log/server.log").read_text(errors="replace"):
            assert time.monotonic() < limit, f"the log does not say: {text}"
            time.sleep(0.02)

# SPDX-License-Identifier: Apache-2.0
"""A Redis server of its own for one test run, on loopback with TLS, its accounts in a file.

Rules:

1. The server is Debian's. What it writes down stands in its folder: log, accounts, configuration, data.
2. The judge is the client ``redis-cli``, in a process of its own; what it is told comes on its standard input. A
   connection that stays is a socket of the standard library, on which commands are plain lines.
3. The administrator is ``default``, with a password of its own.
"""

import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from local_server import LocalProcess
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
LIMIT_S = 90
WATCHER = "watcher"
"""Account that may read who logs in."""

_SETTINGS = """
port 0
tls-port {port}
bind 127.0.0.1
unixsocket {folder}/socket
tls-cert-file {certificate}
tls-key-file {key}
tls-ca-cert-file {ca}
tls-auth-clients no
dir {folder}
logfile {folder}/log
loglevel debug
save ""
{more}
"""
EVERYTHING = "~* &* +@all"


class RedisServer:
    """A server in a folder.

    Attributes:
        folder: with all that it writes.
        port: TCP port.
        ca: what clients trust.
    """

    program = "/usr/bin/redis-server"

    def __init__(self, authority: ThrowAwayCa, *, keeps: str = "aclfile") -> None:
        """Lay it out.

        Args:
            authority: of its certificate.
            keeps: what keeps its accounts: ``aclfile``, ``configuration``, or ``nothing``.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="breakglass-redis-"))
        self.port, self.ca = free_port(), authority.certificate
        self.admin_secret = Secret(secrets.token_hex(16).encode())
        made = authority.issue(self.folder.name, HOST)
        admin = f"user default on >{self.admin_secret.reveal().decode()} {EVERYTHING}\n"
        accounts = self.folder / "users.acl"
        accounts.write_text(admin)
        more = f"aclfile {accounts}" if keeps == "aclfile" else admin
        settings = _SETTINGS.format(
            folder=self.folder, port=self.port, certificate=made.certificate, key=made.key, ca=self.ca, more=more
        )
        if keeps == "nothing":
            words = [word for line in settings.splitlines() for word in line.replace('""', "").split(" ") if line]
            names = {line.split(" ")[0] for line in settings.splitlines() if line}
            command = [f"--{word}" if word in names and word != "default" else word for word in words]
        else:
            self.settings = self.folder / "redis.conf"
            self.settings.write_text(settings)
            command = [str(self.settings)]
        self._process = LocalProcess([self.program, *command], self.folder / "output")
        self._sessions: list[socket.socket] = []
        self._tls = ssl.create_default_context(cafile=str(self.ca))

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def target(self) -> str:
        return f"redis://{HOST}:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "time_limit": "5"}

    def start(self) -> None:
        self._process.start(HOST, self.port)

    def restart(self) -> None:
        """Restart it, and return when it answers."""
        self._process.stop()
        self.start()

    def remove(self) -> None:
        """End it and remove its folder."""
        self.end_sessions()
        self._process.stop()
        shutil.rmtree(self.folder)

    def admin(self, *commands: str) -> str:
        """Run commands as the administrator; returns what was said."""
        return self._told("default", self.admin_secret, *commands)

    def add_account(self, secret: Secret, rules: str = EVERYTHING) -> str:
        """Make an account; returns its name."""
        account = f"bg-{secrets.token_hex(4)}"
        said = self.admin(f"ACL SETUSER {account} on >{secret.reveal().decode()} {rules}")
        assert said == "OK", said
        return account

    def become(self, account: str, secret: Secret) -> None:
        """Set an account's password, whatever it was."""
        said = self.admin(
            f"ACL SETUSER {account} on resetpass >{secret.reveal().decode()}", "ACL SAVE", "ACL LOG RESET"
        )
        assert said == "OK\nOK\nOK", said

    def lets_in(self, account: str, secret: Secret) -> bool:
        """Tell whether a password logs in."""
        return self._told(account, secret, "QUIT") == "OK"

    def log_in(self, account: str, secret: Secret) -> Callable[[], bool]:
        """Log in and stay; returns a question: is this connection still logged in?"""
        raw = socket.create_connection(self.address, timeout=LIMIT_S)
        one = self._tls.wrap_socket(raw, server_hostname=HOST)
        self._sessions.append(one)

        def says(words: str) -> bytes:
            try:
                one.sendall(f"{words}\r\n".encode())
                return one.recv(1000)
            except OSError:
                return b""

        assert says(f"AUTH {account} {secret.reveal().decode()}") == b"+OK\r\n"
        return lambda: account.encode() in says("ACL WHOAMI")

    def end_sessions(self) -> None:
        """End the connections of :meth:`log_in`."""
        for one in self._sessions:
            one.close()
        self._sessions = []

    def passwords(self, account: str) -> int:
        """Count the passwords of an account."""
        return next(line for line in self.admin("ACL LIST").splitlines() if f"user {account} " in line).count("#")

    def everything_written(self) -> bytes:
        """Return all that the server wrote, but what the administrator's own password is in."""
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    def _client(self) -> list[str]:
        return ["redis-cli", "-h", HOST, "-p", str(self.port), "--tls", "--cacert", str(self.ca)]

    def _told(self, account: str, secret: Secret, *commands: str) -> str:
        lines = [f"AUTH {account} {secret.reveal().decode()}", *commands]
        done = subprocess.run(
            self._client(), input="".join(f"{line}\n" for line in lines), capture_output=True, text=True,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
        return "\n".join(line for line in done.stdout.splitlines() if line).removeprefix("OK\n")

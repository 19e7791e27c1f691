# SPDX-License-Identifier: Apache-2.0
"""Sets at PostgreSQL whose account is kept closed, with a second one that is not, on text paper."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fault_matrix import Matrix, World
from postgres_server import SUPERUSER, PostgresServer, program

from breakglass_shamir.hygiene import Secret

SECOND, OPERATORS = "second", "operators"
"""Sets beside: the one that is never closed, and the one that keeps the operator's credential."""

USE_S = 3
"""How long a use, and an arming, may last here."""

_PROGRAM = """#!{python} -I
import json, subprocess, sys, time
from pathlib import Path
lines = sys.stdin.buffer.read().split(b"\\n")
asked = json.loads(bytes.fromhex(lines[1].decode()))
with open("{folder}/asked", "a") as file:
    file.write(json.dumps(asked) + "\\n")
mode = Path("{folder}/mode").read_text()
if mode == "refuses" and asked["action"] == "arm":
    print(json.dumps({{"done": False, "detail": "nobody is on duty"}})); sys.exit()
if mode == "floods":
    print("x" * (2 << 20)); sys.exit()
if mode == "lies" and asked["action"] == "arm":
    print(json.dumps({{"done": True}})); sys.exit()
def sql(text):
    command = ["{psql}", "-XqAt", "-h", "{place}", "-p", "{port}", "-U", "{superuser}", "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
account = asked["account"]
now = sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00:00'")
if asked["action"] == "armed_until":
    until = sql(f"SELECT to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00:00' FROM pg_roles "
                f"WHERE rolname = '{{account}}' AND isfinite(rolvaliduntil)")
    print(json.dumps({{"until": until or None, "now": now}})); sys.exit()
until = asked["until"] if asked["action"] == "arm" else "2000-01-01T00:00:00Z"
sql(f"ALTER ROLE {{account}} VALID UNTIL '{{until}}'")
print(json.dumps({{"done": True, "now": now}}))
"""

_SECOND_POLICY = """name = "{name}"
[target]
uri = "{uri}"
account = "{account}"
{options}
[[quorum.groups]]
threshold = 2
custodians = ["North", "South"]
[declaration]
classes = ["idp-outage"]
"""


class ClosedMatrix(Matrix):
    """A matrix whose account is kept closed.

    Attributes:
        arming: lines of the policy's table, without the second set and the window.
        others: sets beside: name, account and credential.
    """

    def __init__(
        self, server: PostgresServer, folder: Path, arming: str, others: Sequence[tuple[str, str, Secret]],
        grant: Callable[["ClosedMatrix"], None] = lambda _made: None, window: str = f"{USE_S}s",
    ) -> None:  # fmt: skip
        self.server, self.others = server, others
        self.arming = f'second_set = "{SECOND}"\nwindow = "{window}"\n{arming}'
        secret = Secret(b"aA1" + secrets.token_hex(10).encode())
        self.account = server.add_role(secret)
        grant(self)
        options = {"socket": str(server.folder / f".s.PGSQL.{server.port}"), "log": server.options["log"]}
        super().__init__(
            World(
                "postgresql", "postgresql:///postgres", self.account, None, self.become, self.opens,
                options={**options, "time_limit": "5"}, secret=secret, rotation="max_age = \"365d\"",
            ),
            folder,
        )  # fmt: skip

    def become(self, secret: Secret) -> None:
        """Set the account's password, and leave it as closed as it is."""
        self.server.become(self.account, secret)

    def opens(self, secret: Secret) -> bool:
        """Tell whether a credential is the living one, whether the account is closed or not."""
        with self.opened():
            return self.server.lets_in(self.account, secret)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the account be open for the length of a block, as its administrator."""
        until = self._asked("rolvaliduntil")
        self.server.admin(f"ALTER ROLE {self.account} VALID UNTIL 'infinity'")
        try:
            yield
        finally:
            self.server.admin(f"ALTER ROLE {self.account} VALID UNTIL '{until or 'infinity'}'")

    def let_in(self) -> bool:
        """Tell whether the server lets the living credential in now."""
        living = [one for one in (self.secret, *self.on_paper()) if self.opens(one)]
        assert living, "no printed quorum opens the target"
        return self.server.lets_in(self.account, living[0])

    def wait_until_closed(self) -> None:
        """Wait until the server's own clock has ended the account; no longer than an arming lasts."""
        end = time.monotonic() + 3 * USE_S
        while not self.is_closed():
            assert time.monotonic() < end, "the account is open for longer than any arming"
            time.sleep(0.2)
        assert not self.let_in()

    def is_closed(self) -> bool:
        """Tell whether the server says that the account's time is over."""
        return self._asked("rolvaliduntil <= now()") == "t"

    def _asked(self, what: str) -> str:
        return self.server.admin(f"SELECT {what} FROM pg_roles WHERE rolname = '{self.account}'").strip()  # noqa: S608

    def _seal(self) -> None:
        self.folder.mkdir()
        self._ok("init", "--terminal", "terminal one")
        for name, account, secret in self.others:
            given = ", ".join(f"{key} = {json.dumps(value)}" for key, value in self.world.options.items())
            policy = self.folder / f"{name}.toml"
            policy.write_text(
                _SECOND_POLICY.format(name=name, uri=self._uri(), account=account, options=f"options = {{ {given} }}")
            )
            self._split(policy, secret, self.folder / f"{name}-sheets")
        policy = self.folder / "policy.toml"
        policy.write_text(self._policy())
        self._split(policy, self.secret, self.sheets(1))
        self._keep()

    def _policy(self) -> str:
        said = super()._policy().replace('["idp-outage"]', f'["idp-outage"]\nuse_for = "{USE_S}s"')
        return f"{said}\n[arming]\n{self.arming}\n"


def with_program(server: PostgresServer, folder: Path) -> Path:
    """Write a program that arms; returns it."""
    (folder / "mode").write_text("")
    made = folder / "arms"
    made.write_text(
        _PROGRAM.format(
            python=sys.executable, folder=folder, psql=program("psql"), place=server.folder, port=server.port,
            superuser=SUPERUSER,
        )
    )  # fmt: skip
    made.chmod(0o700)
    return made

# SPDX-License-Identifier: Apache-2.0
"""Sheets that a stranger made, a machine they are brought to, and whatever shows that a word of them was obeyed.

What runs here is the installed program. A script in front of it notes every connector that is made; a listener counts
connections; a program that was executed leaves a mark.
"""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import DECLARATION, TIME_LIMIT_S, Done, Life

STRANGE = Secret(b"chosen by a stranger")
"""What opens the stranger's target."""

_NOTING = """import sys
from pathlib import Path
from breakglass_shamir.connectors.port.base import Connector
made = Connector.__init__
def noted(self, target, *rest, **more):
    with Path({log!r}).open("a") as file:
        print(target, file=file)
    made(self, target, *rest, **more)
Connector.__init__ = noted
from breakglass_shamir.cli.program import main
main()
"""


def paper(name: str, credential: Credential, *, epoch: int = 1, predecessor: bytes = NO_PREDECESSOR) -> str:
    """Return what a scanner that types reads from a quorum of sheets, a line each."""
    structure = Structure(1, (Group(2, 3),))
    nothing = Checkpoint(bytes(8), 0, bytes(32))
    made = seal(Facts(Kind.LIVE, name, epoch, structure, bytes(32), nothing, predecessor), credential.to_bytes())
    texts = [*made.envelope.to_codes(), *(share.to_text() for share in made.shares[:2])]
    return "\n".join(texts) + "\n"


@dataclass(slots=True)
class Blank(Life):
    """A machine that knows nothing, to which sheets are brought as typed lines."""

    log: Path = field(init=False)
    brought: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log, self.brought = self.folder / "connectors", self.folder / "brought"
        (self.folder / "noting.py").write_text(_NOTING.format(log=str(self.log)))

    def bring(self, name: str, credential: Credential) -> None:
        """Lay a stranger's quorum on the table."""
        self.brought.write_text(paper(name, credential))

    def noted(self, *args: str | Path) -> Done:
        """Run a command without a terminal, connectors noted."""
        return self.script(self.folder / "noting.py", *args)

    def opened(self, *more: str | Path, name: str = "") -> Done:
        """Open what was brought."""
        named = [name] if name else []
        return self.noted("recombine", *named, *DECLARATION, "--typed", self.brought, *more)

    def debts(self) -> list[str]:
        """Return what is owed, by id."""
        (one,) = self.run("--json", "status").document["sets"]
        return [debt["id"] for debt in one["debts"]]

    @property
    def connectors(self) -> list[str]:
        """Targets of every connector that was made, beside the one that people change."""
        made = self.log.read_text().splitlines() if self.log.exists() else []
        return [target for target in made if target != "manual:target-on-the-sheets"]

    def people(self, *args: str | Path) -> "People":
        """Run a command at a terminal, connectors noted."""
        command = [sys.executable, str(self.folder / "noting.py"), *self.command(*args)[1:]]
        return People(command, self.environment(), self.folder)


class People:
    """A command at a pseudo-terminal: wait for words, type a line."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], folder: Path, *, nohup: bool = False
    ) -> None:
        """Start it; with ``nohup`` no signal tells it that its terminal is gone."""
        self.pid, self._ours = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            if nohup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execve(command[0], list(command), environment)  # noqa: S606 - no shell
        self.seen = ""
        self._read = 0

    def until(self, words: str) -> None:
        """Wait until words are on the screen, after those that were waited for before."""
        end = time.monotonic() + TIME_LIMIT_S
        while (at := self.seen.find(words, self._read)) < 0:
            assert time.monotonic() < end, f"waited for {words!r}, saw {self.seen!r}"
            self._look()
        self._read = at + len(words)

    def asked(self, words: str, deadline: float) -> bool:
        """Wait until a question with these words waits for an answer; tells whether one does in time."""
        while time.monotonic() < deadline:
            if self.seen.find(words, self._read) >= 0 and self.seen.endswith((": ", "> ")):
                self._read = len(self.seen)
                return True
            if not self._look():
                return False
        return False

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{line}\n".encode())

    def answer(self, words: str, line: str) -> None:
        """Wait for a question and answer it."""
        self.until(words)
        self.type(line)

    def hang_up(self) -> int:
        """Take the terminal away, as a window that is closed does; returns the exit code."""
        os.close(self._ours)
        end = time.monotonic() + TIME_LIMIT_S
        while not (found := os.waitpid(self.pid, os.WNOHANG))[0]:
            assert time.monotonic() < end, "it goes on without a terminal"
            time.sleep(0.02)
        return os.waitstatus_to_exitcode(found[1])

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        end = time.monotonic() + TIME_LIMIT_S
        while time.monotonic() < end and self._look():
            pass
        if time.monotonic() >= end:
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._ours)
        return code

    def _look(self) -> bool:
        try:
            if select.select([self._ours], [], [], 0.1)[0]:
                data = os.read(self._ours, 65536)
                self.seen += data.decode(errors="replace")
                return bool(data)
        except OSError:
            return False
        return True


class Listener(threading.Thread):
    """Counts whoever connects."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.count = 0

    def run(self) -> None:
        """Count until it is closed."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen on a port of this machine."""
    listener = Listener()
    listener.start()
    try:
        yield listener
    finally:
        listener._socket.shutdown(socket.SHUT_RDWR)
        listener._socket.close()
        listener.join()


def connects(port: int) -> None:
    """Show that the listener counts."""
    subprocess.run(
        [sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port})).close()"], check=True
    )

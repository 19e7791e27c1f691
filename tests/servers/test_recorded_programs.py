# SPDX-License-Identifier: Apache-2.0
"""Real programs in the recorded terminal: an editor, clients of servers, ones that die, at a window that people see."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest
from postgres_server import PostgresServer
from sshd_server import SshdServer

from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recording import reading
from breakglass_shamir.operations.recording.reading import Found
from tests.attacks.stage import Glass
from tests.conftest import REPOSITORY

OPENING = "ab" * 32
WORD = b"Xk7!pQ-92mzR&tuv"

_RUN = """
import os, sys
from pathlib import Path
from breakglass_shamir.bounded import pseudo_terminal
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import catalogue, running
from breakglass_shamir.operations.recipes.passfile import Invocation
from breakglass_shamir.operations.recording import encodings
from breakglass_shamir.operations.recording.capture import InTerminal, Voice
from breakglass_shamir.operations.recording.keeping import Keeper
from breakglass_shamir.operations.recording.tape import Tape
home, secret, command = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3:]
columns, rows = pseudo_terminal.window_size()
keeper = Keeper(home, "ab" * 32)
tape = Tape(keeper, columns, rows, command[0], os.environ["TERM"])
voice = Voice(encodings.patterns(secret), tape, 1, columns=columns, rows=rows)
if catalogue.is_recipe(command):
    status = running.run(command, Secret(secret), runner=InTerminal(voice), limit_s=60)
else:
    status = InTerminal(voice).run(Invocation(tuple(command), dict(os.environ)))
voice.finish()
recorded = tape.finish()
print(f"\\r\\nended {status} {recorded.ended} masked {voice.masked}\\r\\n", end="", flush=True)
"""


class Stage:
    """A window, a recorded program in it, and what is kept."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self.folder = folder
        self.glass = Glass()
        (folder / "secret").write_bytes(secret)
        self._secret = secret
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, *command: str | Path) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "vt220", "LC_ALL": "C.UTF-8"}
        words = [sys.executable, "-c", _RUN, str(self.folder), str(self.folder / "secret"), *map(str, command)]
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *words], stdin=self.glass.theirs, stdout=self.glass.theirs, stderr=self.glass.theirs,
            cwd=REPOSITORY, env=environment,
        )  # fmt: skip

    def type(self, words: str) -> None:
        self.glass.type(words)

    def sees(self, words: str) -> None:
        self.glass.sees(words)

    def end(self) -> Found:
        """Wait for the end, and hold what was shown and what was kept against the credential."""
        self.sees("nded ")
        assert self._process is not None
        self._process.wait(120)
        found = reading.find(self.folder, OPENING, 1)
        assert found is not None
        assert found.problem == ""
        kept = b"".join(reading.joined(found))
        for data in (kept, self.glass.raw):
            assert self._secret not in data
        assert self._secret.decode() not in "".join(self.glass.everything().split())
        assert self._secret.decode() not in played(found)
        return found

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.glass.close()


def played(found: Found) -> str:
    """Return what stands on a screen on which a recording is played, at any event, without blanks."""
    screen = pyte.Screen(80, 24)
    stream, shown = pyte.Stream(screen), []
    for _, kind, text in reading.shown(found):
        if kind == "o":
            stream.feed(text)
            shown.append("".join("".join(screen.display).split()))
    return "\n".join(shown)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, WORD)
    yield made
    made.close()


def test_an_editor_that_draws_the_screen_in_pieces(stage: Stage, need: Callable[[str], str]) -> None:
    text = stage.folder / "notes"
    text.write_bytes(b"first line\nthe word is " + WORD + b" here\nlast line\n")
    stage.begin(need("vim"), "-u", "NONE", "-N", "-n", text)
    stage.sees("last line")
    assert "the word is ****" in stage.glass.shown()
    stage.type("ggxxGo")
    for letter in WORD.decode():
        stage.type(letter)
    stage.sees("INSERT")
    stage.glass.look(0.5)
    stage.type("\x1b:wq\r")
    found = stage.end()
    assert text.read_bytes() == b"rst line\nthe word is " + WORD + b" here\nlast line\n" + WORD + b"\n"
    assert "restline" not in played(found)


def test_a_shell_at_a_server(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]
) -> None:
    folder = tmp_path_factory.mktemp("sshd")
    server = SshdServer(folder)
    settings = (folder / "sshd_config").read_text().replace("ForceCommand /bin/true\n", "")
    (folder / "sshd_config").write_text(settings)
    server.keys.write_text(server.public + "\n")
    server.start()
    try:
        stage.begin(
            need("ssh"), "-tt", "-p", str(server._port), "-i", server.identity, "-o", "StrictHostKeyChecking=no",
            "-o", f"UserKnownHostsFile={folder}/known", "127.0.0.1", "sh",
        )  # fmt: skip
        stage.glass.until(lambda: stage.glass.shown().rstrip().endswith(("#", "$")), "a prompt")
        stage.type(f"echo six times seven is $((6*7)); printf '%s\\n' '{WORD.decode()}'\r")
        stage.sees("is 42")
        stage.glass.resize(30, 90)
        stage.glass.look(0.5)
        stage.type("stty size; exit 5\r")
        stage.sees("30 90")
        found = stage.end()
    finally:
        server.stop()
    assert "ended 5 whole" in stage.glass.shown()
    assert ("r", "90x30") in [(kind, text) for _, kind, text in reading.shown(found)]


def test_a_database_s_client_by_its_recipe(stage: Stage, postgres_server: PostgresServer) -> None:
    role = postgres_server.add_role(Secret(WORD))
    host, port = postgres_server.address
    stage.begin("recipe:psql", "-X", "-P", "pager=off", "-h", host, "-p", str(port), "-U", role, "postgres")
    stage.sees("postgres=>")
    stage.type(f"SELECT current_user, 6*7 AS six; SELECT '{WORD.decode()}' AS word;\r")
    stage.sees(role)
    stage.sees("****")
    stage.type("\\q\r")
    found = stage.end()
    assert "42" in played(found)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo last words; kill -9 $$"), "ended -9 whole"),
        (("sh", "-c", "printf '\\377\\376\\033[' ; exit 3"), "nded 3 whole"),
        (("sh", "-c", "sleep 600 & echo gone"), "ended 0 whole"),
        (("sh", "-c", "yes x | head -c 3000"), "ended 0 whole"),
    ],
    ids=["dies", "ends in the middle", "leaves something running", "floods"],
)
def test_however_a_program_ends_its_recording_is_whole(stage: Stage, command: tuple[str, ...], said: str) -> None:
    stage.begin(*command)
    stage.sees(said)
    stage.end()


def test_the_window_is_given_back_as_it_was(stage: Stage) -> None:
    import termios

    before = termios.tcgetattr(stage.glass.theirs)
    stage.begin("sh", "-c", "stty -echo raw; echo x")
    stage.end()
    assert termios.tcgetattr(stage.glass.theirs) == before

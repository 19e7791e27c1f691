# SPDX-License-Identifier: Apache-2.0
"""The reveal: exactly the bytes, exactly there, and nowhere afterwards."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import DECLARATION, NAME, Life, assert_holds_no, wait_until

COPY = 'cat > got.stdin; eval "cat <&$BREAKGLASS_FD" > got.fd'
"""A command that keeps what it was given by each way."""

AWKWARD = b"  two words\t\xc3\xa9 'quoted' \"$HOME\" %s\\n\xf0\x9f\x94\x91 "
"""Bytes that a shell, a terminal or a careless copy would change."""


@pytest.mark.parametrize(
    "secret", [AWKWARD, b"x" * 1023, b"correct horse battery staple"], ids=["awkward", "long", "plain"]
)
def test_the_command_gets_exactly_the_bytes_on_both_ways(tmp_path: Path, secret: bytes) -> None:
    life = Life(tmp_path, secret=Secret(secret))
    life.begin()
    life.seal()
    done = life.recombine("--exec", "sh", "-c", COPY)
    assert done.exit == 7, done.err
    assert (tmp_path / "got.stdin").read_bytes() == secret
    assert (tmp_path / "got.fd").read_bytes() == secret
    assert_holds_no(life.secret, "what the program says", (done.out + done.err).encode())


def test_a_newline_that_belongs_to_the_credential_is_kept(fresh: Life) -> None:
    """No passphrase of ssh-keygen ends with one, so the target cannot be asked."""
    fresh.key.rename(fresh.key.with_name("elsewhere"))
    split = ("split", fresh.policy, "--credential-from", "-", "--out", fresh.sheets(1))
    refused = fresh.run(*split, stdin=b"token\n")
    assert refused.exit == 2
    assert "ends with a newline" in refused.err
    fresh.ok(*split, "--raw", stdin=b"token\n")
    fresh.scan(1)
    assert fresh.recombine("--exec", "sh", "-c", COPY).exit == 7
    assert (fresh.folder / "got.stdin").read_bytes() == b"token\n"


def test_no_argument_and_no_environment_holds_it_while_the_command_runs(life: Life) -> None:
    look = life.folder / "look.sh"
    look.write_text(
        "for p in /proc/[0-9]*; do for f in cmdline environ; do\n"
        'cat $p/$f 2>/dev/null | tr "\\0" "\\n"; echo; done; done > scan.proc\n' + COPY + "\n"
    )
    done = life.recombine("--exec", "sh", look)
    assert done.exit == 7, done.err
    assert (life.folder / "got.stdin").read_bytes() == life.secret.reveal()
    seen = (life.folder / "scan.proc").read_bytes()
    assert b"look.sh" in seen
    assert b"BREAKGLASS_FD=" in seen
    assert_holds_no(life.secret, "/proc", seen)


def test_the_command_s_end_is_the_end_of_the_use_and_is_recorded(life: Life) -> None:
    done = life.recombine("--exec", "sh", "-c", "exit 42")
    assert done.exit == 7
    assert "the command ended with exit code 42" in done.err
    assert life.kinds()[-4:] == ["declared", "opened", "in-use", "use-ended"]


def test_a_program_that_is_not_there_is_named_before_anything_is_opened(life: Life) -> None:
    done = life.recombine("--exec", "no-such-program")
    assert done.exit == 2
    assert "no-such-program" in done.err
    assert "declared" not in life.kinds()


def test_without_reveal_the_connector_logs_in_and_nobody_sees_it(life: Life) -> None:
    done = life.recombine("--no-reveal")
    assert done.exit == 7
    assert "login by the connector: accepted" in done.err
    assert "in-use" not in life.kinds()
    assert_holds_no(life.secret, "what the program says", (done.out + done.err).encode())


@pytest.mark.parametrize("ways", [(), ("--no-reveal", "--show"), ("--no-reveal", "--exec", "true")])
def test_there_is_exactly_one_way_of_revealing(life: Life, ways: tuple[str, ...]) -> None:
    done = life.recombine(*ways)
    assert done.exit == 2
    assert "--exec, --show" in done.err
    assert "declared" not in life.kinds()


def test_showing_needs_a_screen_and_says_so_before_anything_is_opened(life: Life) -> None:
    command = ["setsid", "--wait", *life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--show")]
    done = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, env=life.environment(), text=True, check=False
    )
    assert done.returncode == 2
    assert "expected a terminal for --show" in done.stderr
    assert "declared" not in life.kinds()


class Tmux:
    """A terminal that can be looked at: one window of a tmux server of its own."""

    def __init__(self, program: str, folder: Path, environment: dict[str, str]) -> None:
        self._base = [program, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._environment = {**environment, "TERM": "xterm"}
        self._tmux("new-session", "-d", "-x", "160", "-y", "50", "sh")

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def screen(self) -> str:
        """Return what is on the screen."""
        return self._tmux("capture-pane", "-p")

    def everything(self) -> str:
        """Return the screen, the scroll-back and the screen behind it."""
        behind = self._tmux("capture-pane", "-p", "-a", "-q", "-S", "-", "-E", "-")
        return self._tmux("capture-pane", "-p", "-S", "-", "-E", "-") + behind

    def close(self) -> None:
        """End it."""
        self._tmux("kill-server")

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(
            [*self._base, *args], capture_output=True, text=True, env=self._environment, check=True, timeout=20
        )
        return done.stdout


@pytest.fixture
def tmux(need: Callable[[str], str], life: Life, tmp_path: Path) -> Iterator[Tmux]:
    window = Tmux(need("tmux"), tmp_path, life.environment())
    yield window
    window.close()


def test_what_was_shown_is_on_the_screen_and_then_nowhere(life: Life, tmux: Tmux) -> None:
    secret = life.secret.reveal().decode()
    tmux.type(shlex.join(life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--show")))
    wait_until(lambda: "Folder for the new sheets" in tmux.screen(), "the question for a folder")
    tmux.type("")
    wait_until(lambda: secret in tmux.screen(), "the credential on the screen", 60)
    assert "opened" in life.kinds()
    wait_until(lambda: secret not in tmux.screen(), "the screen to clear itself", 30)
    wait_until(lambda: "type what it was" in tmux.screen(), "the end of the countdown")
    tmux.type("emergency")
    wait_until(lambda: "its rotation is owed" in tmux.screen(), "the end of the command", 30)
    assert secret not in tmux.everything()
    assert "declared: opening" in tmux.everything()
    assert life.kinds()[-1] == "use-ended"


def test_a_terminated_show_clears_the_screen_too(life: Life, tmux: Tmux) -> None:
    secret = life.secret.reveal().decode()
    line = life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--show")
    tmux.type(shlex.join(["sh", "-c", f'echo $$ > {life.folder}/pid; exec "$@"', "sh", *line]))
    wait_until(lambda: "Folder for the new sheets" in tmux.screen(), "the question for a folder")
    tmux.type("")
    wait_until(lambda: secret in tmux.screen(), "the credential on the screen", 60)
    os.kill(int((life.folder / "pid").read_text()), 15)
    wait_until(lambda: secret not in tmux.screen(), "the screen to be cleared", 2)
    assert secret not in tmux.everything()

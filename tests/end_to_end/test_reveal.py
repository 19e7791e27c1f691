# SPDX-License-Identifier: Apache-2.0
"""The reveal: exactly the bytes, exactly there, and nowhere afterwards."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.openings import Opened
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


def test_a_command_that_cannot_be_started_is_no_use_that_ended_well_and_nothing_is_rotated(life: Life) -> None:
    broken = life.folder / "broken"
    broken.write_bytes(b"\x7fELF-not")
    broken.chmod(0o755)
    done = life.run(
        "recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--out", life.sheets(2), "--exec", broken
    )  # fmt: skip
    assert done.exit == 7
    assert f"nothing was done with the credential of {NAME} (could not be started" in done.err
    assert "open the set again" in done.err
    assert life.kinds()[-4:] == ["opened", "in-use", "refused", "use-ended"]
    assert not life.sheets(2).exists() or not list(life.sheets(2).iterdir())


def test_a_command_that_would_run_the_credential_is_warned_of_and_recorded_before_it_runs(life: Life) -> None:
    done = life.recombine("--exec", "env", "sh", "-s")
    assert done.exit == 7
    assert "! sh takes its standard input for its program: it would run the credential" in done.err
    assert life.kinds()[-4:] == ["opened", "in-use", "revealing", "use-ended"]
    assert "exit code 127" in done.err


def test_a_recipe_gives_the_credential_to_its_program_and_standard_input_to_the_person(life: Life) -> None:
    tools = life.folder / "tools"
    tools.mkdir()
    su = tools / "psql"
    su.write_text('#!/bin/sh\nid=$(cat); cp "$PGPASSFILE" got.pass; echo "$id|$*" > got.typed\n')
    su.chmod(0o755)
    life.more["PATH"] = f"{tools}:{os.environ['PATH']}"
    try:
        line = ("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--exec", "recipe:psql", "-h", "db")
        done = life.run(*line, stdin=b"SELECT 1")
    finally:
        life.more.clear()
    assert done.exit == 7, done.err
    assert (life.folder / "got.typed").read_text() == "SELECT 1|-h db\n"
    assert (life.folder / "got.pass").read_bytes() == b"*:*:*:*:" + life.secret.reveal() + b"\n"
    (opened,) = [entry.record.body for entry in life.entries() if isinstance(entry.record.body, Opened)][-1:]
    assert opened.program == f"recipe:psql {tools}/psql"


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

    def press(self, key: str) -> None:
        """Press one key."""
        self._tmux("send-keys", key)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """Return what is on the screen."""
        return self._tmux("capture-pane", "-p")

    def shows(self, secret: str) -> bool:
        """Tell whether a secret is on the screen, in groups or not."""
        return secret in "".join(self.screen().split())

    def holds(self, secret: str) -> bool:
        """Tell whether a secret is kept anywhere."""
        return secret in "".join(self.everything().split())

    def everything(self) -> str:
        """Return the screen, the scroll-back and the screen behind it."""
        behind = self._tmux("capture-pane", "-p", "-a", "-q", "-S", "-", "-E", "-")
        return self._tmux("capture-pane", "-p", "-S", "-", "-E", "-") + behind

    def close(self) -> None:
        """End it."""
        self._tmux("kill-server")

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(
            [*self._base, *args], capture_output=True, text=True, env=self._environment, check=True, timeout=90
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
    wait_until(lambda: tmux.shows(secret), "the credential on the screen", 60)
    assert "opened" in life.kinds()
    wait_until(lambda: not tmux.shows(secret), "the screen to clear itself", 30)
    wait_until(lambda: "type what it was" in tmux.screen(), "the end of the countdown")
    tmux.type("emergency")
    wait_until(lambda: "Where do the new sheets go?" in tmux.screen(), "the question for a place")
    tmux.type("later")
    wait_until(lambda: "its rotation is owed" in tmux.screen(), "the end of the command", 30)
    assert not tmux.holds(secret)
    assert "declared: opening" in tmux.everything()
    assert life.kinds()[-1] == "use-ended"


def test_a_command_that_ended_badly_leaves_the_use_open_and_again_shows_it_with_a_record_first(
    life: Life, tmux: Tmux
) -> None:
    secret = life.secret.reveal().decode()
    tmux.resize(80, 24)
    tmux.type(shlex.join(life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--exec", "false")))
    wait_until(lambda: "false: the command ended with exit code 1" in tmux.screen(), "the question", 60)
    tmux.press("C-c")
    wait_until(lambda: "Ctrl-C does not end the use" in tmux.screen(), "the use to stay open")
    for typed, said in (
        (secret, "expected one of emergency, misuse, again, run, login"),
        ("agian", "did you mean again?"),
        ("drill", "not drill"),
        ("run no-such-program", "found no program of that name"),
        ("run recipe:psqll", "did you mean recipe:psql?"),
        ("help", "that takes the sheets again"),
    ):
        tmux.type(typed)
        wait_until(lambda said=said: tmux.shows("".join(said.split())), said)
        assert not tmux.holds(secret)
    for times in (1, 2):
        tmux.type("again" if times == 1 else "3")
        wait_until(lambda: tmux.shows(secret), "the credential")
        assert life.kinds().count("revealing") == times
        if times == 1:
            tmux.press("s")
            wait_until(lambda: "digit" in tmux.screen() or "capital" in tmux.screen(), "the spelling")
            tmux.resize(60, 14)
            tmux.press("s")
            wait_until(lambda: "s spells it" in tmux.screen(), "it whole")
            tmux.resize(80, 24)
        tmux.press("Enter")
        wait_until(lambda: "type what it was" in tmux.screen(), "the question again")
    tmux.type("1")
    wait_until(lambda: "Where do the new sheets go?" in tmux.screen(), "the question for a place")
    tmux.type("later")
    wait_until(lambda: "its rotation is owed" in tmux.screen(), "the end of the command", 30)
    assert not tmux.holds(secret)
    assert life.kinds()[-6:] == ["opened", "in-use", "refused", "revealing", "revealing", "use-ended"]


def test_a_terminated_show_clears_the_screen_too(life: Life, tmux: Tmux) -> None:
    secret = life.secret.reveal().decode()
    line = life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--show")
    tmux.type(shlex.join(["sh", "-c", f'echo $$ > {life.folder}/pid; exec "$@"', "sh", *line]))
    wait_until(lambda: tmux.shows(secret), "the credential on the screen", 60)
    os.kill(int((life.folder / "pid").read_text()), 15)
    wait_until(lambda: not tmux.shows(secret), "the screen to be cleared", 2)
    assert not tmux.holds(secret)

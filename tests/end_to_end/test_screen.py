# SPDX-License-Identifier: Apache-2.0
"""The screen that shows a credential, on a pseudo-terminal: whatever happens, it is cleared."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.cli.screen.sequences import ENTER, NORMAL
from breakglass_shamir.standalone import recover

REPOSITORY = Path(__file__).resolve().parents[2]

SHOW = """
import fcntl, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
from breakglass_shamir.cli.screen import reveal as reveal_screen
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.hygiene import Secret
shown = Credential(Secret(b"SECRET-WORDS"), account="ro\\x1b[31mot", target="ssh://x", hint="second safe",
                   totp_seed=Secret(b"SEED-BYTES"))
try:
    reveal_screen.show(shown, 20)
    print("went on", flush=True)
except KeyboardInterrupt:
    print("ended", flush=True)
"""


class Window:
    """A process whose controlling terminal is ours to look at; its standard input is empty."""

    def __init__(self) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHOW, str(theirs)], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            start_new_session=True, pass_fds=(theirs,),
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read the screen until it says something."""
        end = time.monotonic() + 90
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536).decode()

    def said(self) -> str:
        """Wait for the end; return what the program printed."""
        return self.process.communicate(timeout=90)[0].decode().strip()


@pytest.fixture
def window() -> Iterator[Window]:
    made = Window()
    made.until("Enter clears it now")
    yield made
    made.process.kill()
    made.process.communicate()


def test_everything_that_helps_is_shown_and_nothing_that_drives_the_terminal(window: Window) -> None:
    for text in (ENTER, "SECR  ET-W  ORDS", "second safe", "TOTP", "ssh://x", "ro\\x1b[31mot"):
        assert text in window.seen
    assert "SEED-BYTES" not in window.seen


def test_the_one_time_code_of_this_moment_is_shown_with_what_is_left_of_it(window: Window) -> None:
    shown = re.search(r"code (\d{3}) (\d{3}) for ([ \d]\d) s", window.seen)
    assert shown is not None
    now = int(time.time())
    assert shown[1] + shown[2] in {recover.totp(b"SEED-BYTES", now + shift) for shift in (-30, 0)}
    assert 1 <= int(shown[3]) <= 30


def test_enter_on_the_terminal_clears_it_and_an_empty_standard_input_does_not(window: Window) -> None:
    time.sleep(0.5)
    assert window.process.poll() is None
    os.write(window.ours, b"\n")
    window.until(NORMAL)
    assert window.said() == "went on"


@pytest.mark.parametrize(
    ("number", "end"), [(signal.SIGTERM, "ended"), (signal.SIGHUP, "ended"), (signal.SIGINT, "went on")]
)
def test_a_signal_that_ends_the_program_clears_it_first(window: Window, number: int, end: str) -> None:
    window.process.send_signal(number)
    window.until(NORMAL)
    assert window.said() == end


@pytest.mark.parametrize("key", [b"\x1a", b"\x1c"])
def test_a_key_that_would_stop_the_program_with_the_secret_on_the_screen_does_not(window: Window, key: bytes) -> None:
    os.write(window.ours, key)
    time.sleep(0.5)
    os.write(window.ours, b"\n")
    window.until(NORMAL)
    assert window.said() == "went on"


def test_a_terminal_that_hangs_up_ends_the_program(window: Window) -> None:
    os.close(window.ours)
    assert window.said() in {"ended", "went on"}
    window.ours, spare = pty.openpty()
    os.close(spare)

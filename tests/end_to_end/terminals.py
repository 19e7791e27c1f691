# SPDX-License-Identifier: Apache-2.0
"""Real terminals and multiplexers: one window each, into which people type and from which everything is taken.

Each tells all that it keeps: what stands on the screen and what can be scrolled back to.
"""

import os
import shlex
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path

from tests.attacks.stage import PATIENCE_S, Glass

HISTORY_LINES = 5000
"""How far each can be scrolled back."""


class Window(ABC):
    """A window with a shell script in it."""

    programs: tuple[str, ...]
    """What must be installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    @abstractmethod
    def run(self, script: str) -> None:
        """Run a shell script in the window."""

    @abstractmethod
    def type(self, keys: str) -> None:
        """Press keys; carriage return is Enter."""

    @abstractmethod
    def everything(self) -> str:
        """Return all that the terminal keeps."""

    @abstractmethod
    def resize(self, rows: int, columns: int) -> None:
        """Make the window another size."""

    @abstractmethod
    def close(self) -> None:
        """Close the window, and all that was begun for it."""

    def leave_and_come_back(self) -> None:
        """Leave the window and look at it from another terminal, where that can be done."""
        return

    def sees(self, words: str) -> None:
        """Wait until the terminal holds words."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.holds(words):
            assert time.monotonic() < deadline, f"waited for {words}, saw:\n{self.everything()}"
            time.sleep(0.05)

    def holds(self, *words: str) -> list[str]:
        """Return which of these words are kept, wherever rows were broken."""
        everything = "".join(self.everything().split())
        return [word for word in words if "".join(word.split()) in everything]

    def _run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, check=check, timeout=PATIENCE_S
        )
        return done.stdout


class GnuScreen(Window):
    """GNU screen as it comes: the alternate screen is switched off, and no sequence clears its scroll-back."""

    programs = ("screen",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._name = f"b{uuid.uuid4().hex[:8]}"
        self._kept = folder / "kept"
        sockets = folder / "sockets"
        sockets.mkdir(mode=0o700)
        self.environment["SCREENDIR"] = str(sockets)
        self._glass = Glass()
        self._client: subprocess.Popen[bytes] | None = None

    def run(self, script: str) -> None:
        self._look_at("-S", self._name, "-c", "/dev/null", "-h", str(HISTORY_LINES), "sh", "-c", script)

    def type(self, keys: str) -> None:
        self._glass.type(keys)

    def everything(self) -> str:
        self._glass.look(0.02)
        self._kept.unlink(missing_ok=True)
        self._run("screen", "-S", self._name, "-p", "0", "-X", "hardcopy", "-h", str(self._kept), check=False)
        deadline = time.monotonic() + 1.0
        while not self._kept.exists() and time.monotonic() < deadline:
            self._glass.look(0.02)
        return self._kept.read_text(encoding="utf-8", errors="replace") if self._kept.exists() else ""

    def resize(self, rows: int, columns: int) -> None:
        self._glass.resize(rows, columns)
        self._glass.look(0.7)

    def leave_and_come_back(self) -> None:
        self._run("screen", "-d", self._name, check=False)
        assert self._client is not None
        self._client.wait(PATIENCE_S)
        self._glass.close()
        self._glass = Glass(12, 60)
        self._look_at("-r", self._name)
        self._glass.look(0.7)

    def close(self) -> None:
        self._run("screen", "-S", self._name, "-X", "quit", check=False)
        if self._client is not None:
            self._client.kill()
            self._client.wait()
        self._glass.close()

    def _look_at(self, *arguments: str) -> None:
        self._client = subprocess.Popen(
            ["setsid", "--ctty", "screen", *arguments], stdin=self._glass.theirs, stdout=self._glass.theirs,
            stderr=self._glass.theirs, env=self.environment,
        )  # fmt: skip


class Tmux(Window):
    """tmux as it comes."""

    programs = ("tmux",)
    settings = ""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        settings = folder / "tmux.conf"
        settings.write_text(f"set -g history-limit {HISTORY_LINES}\n{self.settings}")
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", str(settings)]

    def run(self, script: str) -> None:
        self._tmux("new-session", "-d", "-x", "80", "-y", "24", f"sh -c {shlex.quote(script)}")

    def type(self, keys: str) -> None:
        self._tmux("send-keys", "-H", *(f"{byte:02x}" for byte in keys.encode()))

    def everything(self) -> str:
        behind = self._tmux("capture-pane", "-p", "-a", "-q", "-S", "-", "-E", "-")
        return self._tmux("capture-pane", "-p", "-S", "-", "-E", "-") + behind

    def resize(self, rows: int, columns: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))
        time.sleep(0.7)

    def leave_and_come_back(self) -> None:
        self._tmux("set", "-w", "window-size", "latest")
        glass = Glass(12, 60)
        command = ["setsid", "--ctty", *self._base, "attach"]
        client = subprocess.Popen(
            command, stdin=glass.theirs, stdout=glass.theirs, stderr=glass.theirs, env=self.environment
        )
        glass.look(1.0)
        self._tmux("detach-client", "-a")
        client.kill()
        client.wait()
        glass.close()

    def close(self) -> None:
        self._run(*self._base, "kill-server", check=False)

    def _tmux(self, *arguments: str) -> str:
        return self._run(*self._base, *arguments)


class PlainTmux(Tmux):
    """tmux with the alternate screen switched off: every row that goes, goes to the scroll-back."""

    settings = "set -g alternate-screen off\n"


class Xterm(Window):
    """xterm on a display of its own, as it comes."""

    programs = ("xterm", "Xvfb", "xdotool")
    options: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._kept, self._tty = folder / "kept", folder / "tty"
        reading, writing = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
            pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as told:
            self.environment["DISPLAY"] = f":{told.readline().strip()}"
        self._xterm: subprocess.Popen[bytes] | None = None

    def run(self, script: str) -> None:
        # Printing everything is how xterm tells what it keeps.
        resources = {
            "printerCommand": f"sh -c 'cat > {self._kept}.part; mv {self._kept}.part {self._kept}'",
            "printAttributes": "0", "allowWindowOps": "true",
        }  # fmt: skip
        named = [word for name, value in resources.items() for word in ("-xrm", f"XTerm*{name}: {value}")]
        line = f"tty > {self._tty}.part; mv {self._tty}.part {self._tty}; {script}"
        command = ["xterm", "-sl", str(HISTORY_LINES), *named, *self.options, "-e", "sh", "-c", line]
        self._xterm = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not self._tty.exists():
            assert time.monotonic() < deadline, "waited for xterm"
            time.sleep(0.02)
        window = self._run("xdotool", "search", "--sync", "--class", "xterm").split()[-1]
        self._run("xdotool", "mousemove", "--window", window, "20", "20")

    def type(self, keys: str) -> None:
        named = {"\r": "Return", "\x03": "ctrl+c", " ": "space"}
        for part in keys.replace("\r", "\0\r\0").replace("\x03", "\0\x03\0").split("\0"):
            if part in named:
                self._run("xdotool", "key", named[part])
            elif part:
                self._run("xdotool", "type", "--delay", "2", part)

    def everything(self) -> str:
        self._kept.unlink(missing_ok=True)
        self._order("\x1b[?11i")
        deadline = time.monotonic() + 1.0
        while not self._kept.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return self._kept.read_text(encoding="utf-8", errors="replace") if self._kept.exists() else ""

    def resize(self, rows: int, columns: int) -> None:
        self._order(f"\x1b[8;{rows};{columns}t")
        time.sleep(0.7)

    def close(self) -> None:
        for process in (self._xterm, self._server):
            if process is not None:
                process.kill()
                process.wait()

    def _order(self, sequence: str) -> None:
        """Write to the terminal as a program in it does."""
        descriptor = os.open(self._tty.read_text(encoding="ascii").strip(), os.O_WRONLY | os.O_NOCTTY)
        try:
            os.write(descriptor, sequence.encode())
        finally:
            os.close(descriptor)


class PlainXterm(Xterm):
    """xterm that takes no alternate screen (``titeInhibit``)."""

    options = ("-xrm", "XTerm*titeInhibit: true")


WINDOWS: tuple[type[Window], ...] = (GnuScreen, Tmux, PlainTmux, Xterm, PlainXterm)

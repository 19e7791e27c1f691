# SPDX-License-Identifier: Apache-2.0
"""The program at a real terminal, with people who answer what it asks."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.stage import Glass
from tests.end_to_end.life import TIME_LIMIT_S, Life

MOST_ANSWERS = 40
"""Questions of one command; more, and it goes in a circle."""


@dataclass
class Room:
    """The program at a terminal, and people who answer what it asks."""

    life: Life
    glass: Glass = field(default_factory=Glass)
    _heard: int = 0

    def begin(self, *words: str | Path) -> None:
        """Begin a command; a closed window ends it, also where the tests themselves were started by nohup."""
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        try:
            self.process = subprocess.Popen(
                ["setsid", "--ctty", *self.life.command(*words)], stdin=self.glass.theirs, stdout=self.glass.theirs,
                stderr=self.glass.theirs, cwd=self.life.folder, env=self.life.environment(TERM="xterm"),
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGHUP, before)

    def answer(
        self, replies: Mapping[str, str], *, until: str = "", once: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Answer what is asked, to the end of the command or until a question comes.

        Args:
            replies: what is typed at which question, known by some of its words; the first that fits.
            until: the question that is left open.
            once: what is typed first there, each once.
        """
        first = {question: [*said] for question, said in (once or {}).items()}
        for _ in range(MOST_ANSWERS):
            if self.process.poll() is not None:
                break
            self.glass.until(lambda: self.asked(replies) or self.process.poll() is not None, "a question")
            asked = self.asked(replies)
            if asked and until and until in asked:
                return
            if asked:
                self.hear()
                said = first[asked].pop(0) if first.get(asked) else replies[asked]
                self.glass.type(f"{said}\r")
        else:
            raise AssertionError(f"asked in a circle: {self.text}")
        assert not until, self.text

    def hear(self) -> None:
        """Take what was said so far for answered."""
        self.glass.look()
        self._heard = len(self.glass.raw)

    def asked(self, replies: Mapping[str, str]) -> str:
        """Return the question that waits, if one does that was not answered yet."""
        screen = self.glass.screen
        *above, last = [row.rstrip() for row in screen.display[max(0, screen.cursor.y - 3) : screen.cursor.y + 1]]
        if b"\n" not in self.glass.raw[self._heard :] or not last.endswith((":", ">")):
            return ""
        waiting = "".join(above) if last.strip() == ">" else last
        return max((one for one in replies if one in waiting), key=waiting.rfind, default="")

    @property
    def text(self) -> str:
        """All that was said, in one row."""
        self.glass.look(0.05)
        return " ".join(self.glass.raw.decode(errors="replace").split())

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        self.glass.until(lambda: self.process.poll() is not None, "the end")
        return self.process.wait(TIME_LIMIT_S)

    def close(self) -> None:
        """End what still runs, and put the terminal away."""
        self.process.kill()
        self.process.wait()
        self.glass.close()

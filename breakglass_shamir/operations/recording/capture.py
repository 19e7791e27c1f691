# SPDX-License-Identifier: Apache-2.0
"""Runs a command and hears what it says: in a terminal of its own, or beside ours. Masks it, shows it, records it.

Rules:

1. What is shown on a terminal is what is recorded: masked. What goes into a file or to another program is exact; it is
   masked in the recording alone.
2. In a terminal of its own the command has the keyboard, and the window's size. No key is recorded.
3. Beside ours, standard input is what it is without a recording. Output is a terminal where ours is one.
4. Nothing of the recording can end the command, or hold it up.
"""

import contextlib
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Sequence

from breakglass_shamir.bounded import pseudo_terminal
from breakglass_shamir.bounded.pseudo_terminal import LAST_WORDS_S, READ_BYTES, TICK_S, Listener, write_all
from breakglass_shamir.operations.recipes.passfile import Invocation
from breakglass_shamir.operations.recipes.runner import Runner
from breakglass_shamir.operations.recording.emulated import EmulatedScreen
from breakglass_shamir.operations.recording.masking import HOLD_S, Masking
from breakglass_shamir.operations.recording.tape import Tape

_BELL = "\a"


class Voice(Listener):
    """One stream of what a command says."""

    def __init__(self, forms: Sequence[bytes], tape: Tape, output: int, *, columns: int, rows: int) -> None:
        """Prepare it.

        Args:
            forms: letters that are masked.
            tape: where it is recorded.
            output: descriptor on which it is shown, masked where that is a terminal.
            columns: of the window.
            rows: of the window.
        """
        self._masking = Masking(forms)
        self._screen = EmulatedScreen(forms, columns, rows)
        self._tape = tape
        self._output = output
        self._masks = os.isatty(output)
        self._held_since = 0.0

    @property
    def masked(self) -> int:
        """How many times something was masked."""
        return self._masking.masked + self._screen.covered

    def take(self, said: bytes) -> None:
        """Hear it, show it, record it."""
        if not self._masks:
            write_all(self._output, said)
        held = self._masking.holds
        self._pass_on(self._masking.take(said))
        if not held:
            self._held_since = time.monotonic()

    def tick(self) -> None:
        """Pass on what was held back long enough, and say once where the recording ended."""
        if self._masking.holds and time.monotonic() - self._held_since >= HOLD_S:
            self._pass_on(self._masking.flush())
        if why := self._tape.tick():
            self._say(f"NOT RECORDED any more: {why}. The use goes on.")

    def resized(self, columns: int, rows: int) -> None:
        """Hear of another size of the window."""
        self._screen.resize(columns, rows)
        self._tape.resize(columns, rows)

    def finish(self) -> None:
        """Pass on what is held back still."""
        self._pass_on(self._masking.flush())

    def _pass_on(self, passed: bytes) -> None:
        if not passed:
            return
        passed += self._screen.take(passed)
        if self._masks:
            write_all(self._output, passed)
        self._tape.output(passed, self._output)

    def _say(self, words: str) -> None:
        where = self._output if self._masks else 2
        with contextlib.suppress(OSError):
            write_all(where, f"\r\n{_BELL}breakglass: {words}\r\n".encode())


class InTerminal(Runner):
    """Runs a command in a terminal of its own."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def run(self, made: Invocation) -> int:
        """Run it to its end; its standard input is the keyboard."""
        return pseudo_terminal.run(
            made.arguments, made.environment, self._voice, keep_open=made.descriptors, started=made.started
        )

    def listener(self) -> Listener:
        """Return the voice of it."""
        return self._voice


class Beside(Runner):
    """Runs a command beside us, with standard output and standard error heard."""

    def __init__(self, out: Voice, errors: Voice, outputs: tuple[int, int]) -> None:
        """Prepare it.

        Args:
            out: hears standard output.
            errors: hears standard error.
            outputs: descriptors where both are shown.
        """
        self._voices = out, errors
        self._outputs = outputs

    def listener(self) -> Listener:
        """Return who hears a program that has a terminal of its own all the same."""
        return self._voices[0]

    def run(self, made: Invocation) -> int:
        """Run it to its end; its standard input is as it was made."""
        pairs = [_pair_like(output) for output in self._outputs]
        try:
            process = subprocess.Popen(
                list(made.arguments), stdin=made.stdin, stdout=pairs[0][1], stderr=pairs[1][1], env=made.environment,
                pass_fds=made.descriptors,
            )  # fmt: skip
        except OSError:
            for ours, _ in pairs:
                os.close(ours)
            raise
        finally:
            for _, theirs in pairs:
                os.close(theirs)
        if made.started:
            made.started()
        listens = {ours: voice for (ours, _), voice in zip(pairs, self._voices, strict=True)}
        try:
            self._hear(process, listens)
        finally:
            for ours, _ in pairs:
                os.close(ours)
        return process.wait()

    @staticmethod
    def _hear(process: "subprocess.Popen[bytes]", listens: dict[int, Voice]) -> None:
        open_, ended = dict(listens), 0.0
        while open_:
            ready = select.select(list(open_), [], [], TICK_S)[0]
            for descriptor in ready:
                try:
                    said = os.read(descriptor, READ_BYTES)
                except OSError:  # Linux says EIO when nobody has the other side any more
                    said = b""
                if said:
                    open_[descriptor].take(said)
                else:
                    del open_[descriptor]
            for voice in listens.values():
                voice.tick()
            if process.poll() is not None:
                ended = ended or time.monotonic()
                if not ready or time.monotonic() - ended > LAST_WORDS_S:
                    return


def _pair_like(output: int) -> tuple[int, int]:
    """Return our end and the command's end of what stands for an output: a terminal where that is one, else a pipe."""
    if not os.isatty(output):
        return os.pipe()
    ours, theirs = pty.openpty()
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    with contextlib.suppress(termios.error, OSError):
        termios.tcsetwinsize(theirs, termios.tcgetwinsize(output))
    return ours, theirs

# SPDX-License-Identifier: Apache-2.0
"""Answer every signal while something secret is on a screen.

Rules:

1. A signal that ends a program clears the screen first, in the handler itself, whatever the program is at; then it
   ends the program as an interruption does. Ctrl-C clears it too, and what then follows is its screen's to say.
2. A signal that ends the program, and comes while the screen is put up or taken down, waits until that is done; none
   of these is lost.
3. What would stop the program is ignored, or gives the screen back first, as the screen says.
4. Signals that tell of a fault in the program itself (a bad address, say) keep their action: a handler in Python
   would go back to the fault for ever. They end the process at once, and the watcher clears the screen.
5. A signal that comes just before a wait for a key ends the wait, here and wherever a line is read: its handler in
   Python has not run yet, and nobody may press a key for hours.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})
"""Signals that the processor raises."""

STOPPING = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
"""Signals that stop a program and can be answered."""

_HARMLESS = frozenset({signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH})
_UNANSWERABLE = frozenset({signal.SIGKILL, signal.SIGSTOP})

ENDING = frozenset(map(int, signal.valid_signals() - FAULTS - STOPPING - _HARMLESS - _UNANSWERABLE - {signal.SIGINT}))
"""Signals that end a program and can be answered, those of real time included; and those that Python ignores."""

_WOKEN_BYTES = 4096
"""How many signals are taken note of in one go."""

Step = Callable[[], object]
"""Something that is done in a handler."""


def wait_for_line(descriptor: int) -> None:
    """Return when a terminal has a line; the handler of a signal runs at once, also of one that came just before.

    Only the main thread runs handlers; another one returns at once, and waits where it reads.

    Raises:
        KeyboardInterrupt: by the handler of a signal, where that does so.
    """
    if threading.current_thread() is not threading.main_thread() or not os.isatty(descriptor):
        return
    woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            _wait(descriptor, woken)
        finally:
            signal.set_wakeup_fd(before)
    finally:
        os.close(woken)
        os.close(wakes)


def _wait(descriptor: int, woken: int) -> None:
    while descriptor not in select.select([descriptor, woken], [], [])[0]:
        with suppress(BlockingIOError):
            os.read(woken, _WOKEN_BYTES)


class Ended(KeyboardInterrupt):
    """A signal asked the program to end; the screen is clear."""


class Signals:
    """The handlers of one screen."""

    def __init__(self, clear: Step, suspend: tuple[Step, Step] | None) -> None:
        """Prepare them; :meth:`begin` puts them in place.

        Args:
            clear: takes everything off the screen; called in a handler.
            suspend: gives the screen back before the program stops, and takes it again; None: nothing stops it.
        """
        self._clear = clear
        self._suspend = suspend
        self._before: dict[int, Any] = {}
        self._held = True
        self._waiting = 0
        self._woken: tuple[int, int] | None = None
        self._woke_before = -1
        self.interruptible = True
        """Whether Ctrl-C may be answered at this moment; else it waits for :meth:`catch_up`."""

    def begin(self) -> None:
        """Take over every signal; each waits until :meth:`catch_up`."""
        self._held = True
        self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woke_before = signal.set_wakeup_fd(self._woken[1], warn_on_full_buffer=False)
        for number in (signal.SIGINT, *ENDING):
            self._take(number, self._answer)
        for number in STOPPING:
            self._take(number, self._stop if self._suspend else signal.SIG_IGN)

    def catch_up(self) -> None:
        """Answer what came meanwhile, and from now on what comes.

        Raises:
            KeyboardInterrupt: something came.
        """
        self._held = False
        self._answer_waiting()

    def end(self) -> None:
        """Give every signal back.

        Raises:
            Ended: one that ends the program came meanwhile.
        """
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
        if self._woken:
            signal.set_wakeup_fd(self._woke_before)
            for descriptor in self._woken:
                os.close(descriptor)
            self._woken = None
        if self._waiting and self._waiting != signal.SIGINT:
            raise Ended

    def wait(self, descriptor: int) -> None:
        """Return when there is something to read; a signal is answered, also one that came just before.

        Raises:
            KeyboardInterrupt: something came.
        """
        assert self._woken is not None  # noqa: S101 - between begin and end
        _wait(descriptor, self._woken[0])

    def hold(self) -> None:
        """Let signals wait from now on."""
        self._held = True

    @contextmanager
    def interruptions(self) -> Iterator[None]:
        """Answer Ctrl-C inside, at once."""
        self.interruptible = True
        try:
            self._answer_waiting()
            yield
        finally:
            self.interruptible = False

    def _take(self, number: int, handler: Any) -> None:
        self._before.setdefault(number, signal.getsignal(number))
        signal.signal(number, handler)

    def _answer(self, number: int, _frame: FrameType | None) -> None:
        """Clear the screen and end, unless this is not the moment; one that ends outweighs Ctrl-C."""
        if number != signal.SIGINT or not self._waiting:
            self._waiting = number
        self._answer_waiting()

    def _answer_waiting(self) -> None:
        number = self._waiting
        if not number or self._held or (number == signal.SIGINT and not self.interruptible):
            return
        self._held, self._waiting = True, 0
        self._clear()
        raise KeyboardInterrupt if number == signal.SIGINT else Ended

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Stop as the shell expects, with the screen given back; what is let go on in the background stops again."""
        if self._held or self._suspend is None:
            return
        self._held = True
        leave, enter = self._suspend
        leave()
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        enter()
        for number in STOPPING:
            signal.signal(number, self._stop)
        self.catch_up()

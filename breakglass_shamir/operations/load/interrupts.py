# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, a hang-up and a request to end: each ends a load drill, and none between a thing's making and its removal.

Handlers decide, not masks: with other threads about, a masked signal is taken by one of those, and its handler runs in
the main thread all the same.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Takes them over for the length of a block; outside the main thread there are none to take."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._held = 0
        self._came = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let those that come wait until the block is over.

        Raises:
            KeyboardInterrupt: one came.
        """
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._came and not self._held:
            self._came = False
            raise KeyboardInterrupt

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._came = True
        else:
            raise KeyboardInterrupt

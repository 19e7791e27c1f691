# SPDX-License-Identifier: Apache-2.0
"""Wait for a call that cannot be told how long it may take: a name's look-up, a file on a share that hangs.

Rules:

1. The call runs in a thread of its own. When the time is over it is left behind there: nothing can end it, and
   nothing waits for it, not even the end of this program.
2. Who was left behind once is not joined by a second: while a call of the same name still hangs, the next one fails
   at once. So what hangs for a day costs one thread.
"""

import errno
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from breakglass_shamir.bounded.deadline import Deadline

_T = TypeVar("_T")

_left_behind: dict[str, threading.Thread] = {}
_guard = threading.Lock()


class _Call(Generic[_T]):
    """One call, and what became of it."""

    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self._result: list[_T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._result.append(self._call())
        except BaseException as error:
            self._error = error

    def outcome(self) -> _T:
        """Return what it returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]


def within(deadline: Deadline, name: str, call: Callable[[], _T]) -> _T:
    """Return what a call returns, or raise what it raises.

    Args:
        deadline: until then.
        name: whose call it is; one that hangs keeps the next of its name from being made.
        call: may hang, and must not mind being left behind.

    Raises:
        TimeoutError: it has no end within the deadline, or an earlier one still has none.
    """
    with _guard:
        before = _left_behind.get(name)
        if before is not None and before.is_alive():
            raise TimeoutError(errno.ETIMEDOUT, "an earlier attempt still hangs")
        _left_behind.pop(name, None)
    made = _Call(call)
    thread = threading.Thread(target=made.run, name=f"waits: {name[:40]}", daemon=True)
    thread.start()
    thread.join(deadline.left_s)
    if thread.is_alive():
        with _guard:
            _left_behind[name] = thread
        raise TimeoutError(errno.ETIMEDOUT, f"no end within {deadline.limit_s:g} s")
    return made.outcome()

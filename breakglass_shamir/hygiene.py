# SPDX-License-Identifier: Apache-2.0
"""Process hardening, and buffers that can be wiped.

What it does:

1. ``forbid_dumps()``: no core dump, not dumpable (so no ptrace by the same user and no ``/proc/PID/mem``). A process
   that is started inherits the first and not the second: each of ours says so for itself.
2. ``harden_process()``: that, and all memory locked where the limits permit, with a warning in words where not.
3. :class:`Secret`: a buffer that is wiped on ``wipe()``, compares in constant time, and whose ``repr``,
   ``str``, ``format``, pickle and copy reveal nothing.

What it does not do: CPython copies ``bytes`` freely and C libraries keep their own buffers, so wiping lowers
the exposure, it does not end it. ``docs/threat-model.md`` says so to the user.
"""

import ctypes
import resource
from types import TracebackType
from typing import NoReturn, Self

from breakglass_shamir.errors import InvalidInput

PR_SET_DUMPABLE = 4
"""prctl(2) option."""

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
"""mlockall(2) flags."""


class Secret:
    """Bytes that must not leak by accident; a context manager that wipes on exit (docs/threat-model.md).

    ``repr``, ``str``, ``format``, pickle and copy reveal nothing; two are compared in constant time.

    Raises:
        InvalidInput: made of anything but bytes; of a text nobody knows which bytes are meant.
    """

    __slots__ = ("_buffer",)

    def __init__(self, value: bytes | bytearray) -> None:
        if not isinstance(value, bytes | bytearray):
            raise InvalidInput(f"expected the bytes of a secret, got {type(value).__name__}", hint="encode it first")
        self._buffer = bytearray(value)

    def reveal(self) -> bytes:
        """Return a copy of the bytes; the name makes each use easy to find. Never raises."""
        return bytes(self._buffer)

    def wipe(self) -> None:
        """Overwrite the buffer with zeros and empty it; what was revealed before is not reached. Never raises."""
        for index in range(len(self._buffer)):
            self._buffer[index] = 0
        self._buffer.clear()

    def __len__(self) -> int:
        return len(self._buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(self._buffer, other._buffer)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Secret of {len(self._buffer)} bytes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")


def forbid_dumps() -> bool:
    """Leave no core file, and let nobody attach or read the memory but root; tell whether that holds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return bool(ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def harden_process() -> list[str]:
    """Harden this process as far as the system permits: no core dump, not dumpable, memory locked.

    It is for a program's beginning, before a secret is there (docs/threat-model.md). Never raises.

    Returns:
        Warnings for people, one sentence each; empty when everything held.
    """
    warnings = []
    if not forbid_dumps():
        warnings.append("this process could not be made undumpable; other programs of this user may read its memory")
    if not _lock_memory(ctypes.CDLL(None, use_errno=True)) and _has_swap():
        warnings.append(
            "memory could not be locked and this machine has swap: a secret may reach the disk; "
            "run as root, raise the memlock limit, or run swapoff -a"
        )
    return warnings


def _lock_memory(libc: ctypes.CDLL) -> bool:
    """Lock all memory, unless a low limit would turn later allocations into failures."""
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        return False
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and not _may_ignore_memlock():
        libc.munlockall()
        return False
    return True


def _may_ignore_memlock() -> bool:
    """Tell whether CAP_IPC_LOCK is effective, which lifts the memlock limit (capabilities(7))."""
    cap_ipc_lock = 14
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> cap_ipc_lock & 1)
    return False


def _has_swap() -> bool:
    """Tell whether any swap is active; when that cannot be read, assume it is."""
    text = _read("/proc/swaps")
    return not text or len(text.splitlines()) > 1


def _read(path: str) -> str:
    from pathlib import Path

    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

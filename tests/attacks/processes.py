# SPDX-License-Identifier: Apache-2.0
"""What can be learned of a process from outside: its memory, its limits, and whether others may attach.

Root may read everything. So where this is root, both sides are without its capabilities (``PLAIN``), as programs of any
user are (ptrace(2), "access mode checking").
"""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""What a command begins with that is to have the rights of a user and no more."""

_ATTACH = """
import ctypes, os, sys
pid = int(sys.argv[1])
try:
    open(f"/proc/{pid}/mem", "rb").close()
    print("memory")
except PermissionError:
    pass
try:
    open(f"/proc/{pid}/environ", "rb").read()
    print("environment")
except PermissionError:
    pass
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0:
    print("attached")
"""
"""What another program of the same user tries, and whether it was let."""


def open_to_others(pid: int) -> list[str]:
    """Return what another program of the same user may have of a process."""
    python = str(getattr(sys, "_base_executable", sys.executable))
    done = subprocess.run(
        [*PLAIN, python, "-I", "-S", "-c", _ATTACH, str(pid)], capture_output=True, text=True, check=True, timeout=90
    )
    return done.stdout.split()


def core_limits(pid: int) -> list[str]:
    """Return the soft and the hard limit of a process's core file."""
    text = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    found = re.search(r"^Max core file size +(\S+) +(\S+)", text, re.MULTILINE)
    assert found
    return [found[1], found[2]]


def memory_holds(pid: int, *needles: bytes) -> list[bytes]:
    """Return which of these bytes are in a process's memory; only root can tell."""
    found: set[bytes] = set()
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps.splitlines():
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if "rw" not in line.split()[1]:
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(begin)
                data = memory.read(end - begin)
                found |= {needle for needle in needles if needle in data}
    return sorted(found)


def children(pid: int) -> list[int]:
    """Return the processes that a process started (proc(5), ``stat``)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((process / "stat").read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.append(int(process.name))
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False

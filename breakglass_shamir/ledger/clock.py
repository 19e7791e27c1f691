# SPDX-License-Identifier: Apache-2.0
"""The only clock: wall time that informs, and elapsed time since boot that decides.

It does not correct either; a wrong wall clock is reported by a gate, not mended here.
"""

import functools
import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.custody.life.moment import Moment

BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")
"""Changes with every start of the operating system (proc(5))."""


def now() -> Moment:
    """Return this moment by both clocks; seconds of wall time, milliseconds since boot."""
    wall = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return Moment(wall, _boot(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


@functools.cache
def _boot() -> str:
    """Return 16 hexadecimal digits that name this boot; the kernel's own id stays private."""
    try:
        boot_id = BOOT_ID_PATH.read_bytes().strip()
    except OSError:
        boot_id = b"unknown"
    return hashlib.sha256(b"breakglass-shamir boot" + boot_id).hexdigest()[:16]

# SPDX-License-Identifier: Apache-2.0
"""What kind of file system a folder is on (proc(5), mountinfo)."""

from pathlib import Path

MEMORY_TYPES = frozenset({"tmpfs", "ramfs"})
"""File systems that keep nothing on a disk, swap aside."""


def on_memory(folder: Path) -> bool:
    """Tell whether a folder, or where it would be made, is on a memory file system."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    mounts = _mounts()
    for point in (place.resolve(), *place.resolve().parents):
        if str(point) in mounts:
            return mounts[str(point)] in MEMORY_TYPES
    return False


def _mounts() -> dict[str, str]:
    """Return mount point to file system type; the last mount on a point is the visible one."""
    try:
        rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for row in rows:
        left, _, right = row.partition(" - ")
        point = left.split(" ")[4].replace("\\040", " ")
        found[point] = right.split(" ")[0]
    return found

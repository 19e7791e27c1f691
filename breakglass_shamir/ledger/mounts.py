# SPDX-License-Identifier: Apache-2.0
"""What a folder is kept on: a disk, memory, or something that cannot be seen from here (proc(5), mountinfo).

Rules:

1. The mount is the one the kernel names for the open folder, so that a file system over another counts, and a folder
   below it does not.
2. Memory is tmpfs and its relatives, and every disk that is none: a RAM disk, compressed swap, an image in memory.
3. An overlay is what its upper layer is. A container's is often out of sight: that is said, and is no disk.

It writes nothing and asks no other machine: what is behind a network file system it does not know.
"""

import enum
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.structs import Struct

MEMORY_TYPES = frozenset({"tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs"})
"""File systems that keep nothing on a disk, swap aside."""

OVERLAY_TYPES = frozenset({"overlay", "aufs", "unionfs", "fuse.fuse-overlayfs", "fuse.unionfs", "fuse.unionfs-fuse"})
"""File systems that keep what is written in a layer of another one."""

DEEPEST = 8
"""Layers that are followed; nobody has as many."""

_MEMORY_DISKS = re.compile(r"(z?ram)\d+")
_BLOCK_DEVICES = Path("/sys/dev/block")
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_UPPER = re.compile(r"(?:^|,)upperdir=((?:[^,\\]|\\.)*)")


class Kept(enum.Enum):
    """What becomes of a folder when the machine stops."""

    ON_DISK = enum.auto()
    IN_MEMORY = enum.auto()
    UNSEEN = enum.auto()
    """On an overlay whose upper layer cannot be seen from here."""


class Mount(Struct, frozen=True):
    """One row of mountinfo."""

    number: int
    device: str
    """``major:minor``."""

    point: str
    kind: str
    source: str
    options: str
    """Those of the file system itself."""


def kept(folder: Path) -> Kept:
    """Tell what a folder is kept on, or would be, where it is not made yet."""
    return _kept(folder, DEEPEST)


def mount_of(folder: Path) -> Mount | None:
    """Return the mount a folder is on; None where the system does not say."""
    place, rows = existing(folder), list(_rows())
    number = _number(place)
    found = [row for row in rows if row.number == number]
    if found:
        return found[0]
    points = {row.point: row for row in rows}
    real = place.resolve()
    return next((points[str(one)] for one in (real, *real.parents) if str(one) in points), None)


def existing(folder: Path) -> Path:
    """Return a folder, or the first one above it that is there."""
    place = folder.absolute()
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    return place


def _kept(folder: Path, depth: int) -> Kept:
    mount = mount_of(folder)
    if mount is None:
        return Kept.ON_DISK
    if mount.kind in MEMORY_TYPES:
        return Kept.IN_MEMORY
    if mount.kind in OVERLAY_TYPES:
        upper = _upper(mount)
        return Kept.UNSEEN if upper is None or not depth else _kept(upper, depth - 1)
    device = mount.device
    with suppress(OSError):
        facts = Path(mount.source).stat()
        if stat.S_ISBLK(facts.st_mode):
            device = f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
    return _disk(_BLOCK_DEVICES / device, depth)


def _upper(mount: Mount) -> Path | None:
    """Return an overlay's upper layer, where it can be seen from here."""
    found = _UPPER.search(mount.options)
    upper = Path(re.sub(r"\\(.)", r"\1", found[1])) if found else None
    return upper if upper and upper.is_absolute() and upper.is_dir() else None


def _disk(device: Path, depth: int) -> Kept:
    """Tell what a block device is made of, as sysfs shows it; one that it does not show counts as a disk."""
    with suppress(OSError):
        real = device.resolve(strict=True)
        real = real.parent if (real / "partition").exists() else real
        if _MEMORY_DISKS.fullmatch(real.name):
            return Kept.IN_MEMORY
        image = real / "loop" / "backing_file"
        if image.exists() and depth:
            return _kept(Path(image.read_text(errors="replace").strip().removesuffix(" (deleted)")), depth - 1)
        below = real / "slaves"
        if below.is_dir() and depth and any(_disk(one, depth - 1) is Kept.IN_MEMORY for one in below.iterdir()):
            return Kept.IN_MEMORY
    return Kept.ON_DISK


def _number(place: Path) -> int:
    """Return the number of the mount that a path leads to; -1 where the system does not say."""
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text(errors="replace")
        found = re.search(r"^mnt_id:\s*(\d+)$", text, re.M)
        return int(found[1]) if found else -1
    except OSError:
        return -1
    finally:
        os.close(descriptor)


def _rows() -> Iterator[Mount]:
    try:
        rows = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for row in rows:
        left, _, right = row.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) > 5 and len(after) > 2 and before[0].isdecimal():
            point, source, options = (_plain(text) for text in (before[4], after[1], after[2]))
            yield Mount(int(before[0]), before[2], point, after[0], source, options)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)

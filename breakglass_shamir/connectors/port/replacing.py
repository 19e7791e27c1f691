# SPDX-License-Identifier: Apache-2.0
"""What stands against replacing a file by a rename, or against writing it, found without changing anything.

Sources: rename(2), ioctl_iflags(2), statvfs(3), proc_pid_mountinfo(5).

Rules:

1. Each function returns its problems, one sentence each, and an empty list for none.
2. What this machine cannot tell (flags on a file system that has none, mounts without ``/proc``) is no problem.

What it does not do: it looks at no content, and tries no rename.
"""

import array
import contextlib
import errno
import fcntl
import os
import re
import stat
from pathlib import Path

IMMUTABLE, APPEND_ONLY = 0x10, 0x20
"""FS_IMMUTABLE_FL and FS_APPEND_FL (linux/fs.h)."""

_GET_FLAGS = 0x80086601 if array.array("l").itemsize == 8 else 0x80046601
"""FS_IOC_GETFLAGS, whose number holds the size of a long."""

_NOT_KNOWN = frozenset({errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES})
_MOUNTS = Path("/proc/self/mountinfo")
_NAME_MAX = 255
_OCTAL = re.compile(r"\\([0-7]{3})")
_WORDS = {IMMUTABLE: "immutable (chattr +i)", APPEND_ONLY: "append-only (chattr +a)"}


def rename_problems(path: Path, suffix_bytes: int, name: str = "the file") -> list[str]:
    """Say what stops a copy beside a file from taking its place.

    Args:
        path: of the file, no symlink.
        suffix_bytes: what the copy's name has more than the file's.
        name: of the file, in words.
    """
    folder = path.parent
    return [
        *flag_problems(path, name),
        *flag_problems(folder, f"the folder of {name}"),
        *_mount_problems(path, name),
        *read_only_problems(folder, f"the folder of {name}"),
        *_name_problems(path, suffix_bytes, name),
        *_sticky_problems(path, name),
    ]


def flag_problems(path: Path, name: str) -> list[str]:
    """Say which of the flags that not even root passes over a file or folder has."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(descriptor, _GET_FLAGS, flags, True)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise
        return []
    finally:
        os.close(descriptor)
    held = flags[0] & 0xFFFFFFFF
    return [f"{name} is {words}, so that nobody can replace it" for flag, words in _WORDS.items() if held & flag]


def read_only_problems(folder: Path, name: str) -> list[str]:
    """Say that the file system of a folder is mounted read-only."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return []
    return [f"{name} is on a file system that is mounted read-only"] if found.f_flag & os.ST_RDONLY else []


def _mount_problems(path: Path, name: str) -> list[str]:
    """Say that a file is a mount point itself: a rename over it fails, whoever asks."""
    try:
        lines = _MOUNTS.read_bytes().decode(errors="surrogateescape").splitlines()
    except OSError:
        return []
    points = {_OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split(" ")[4]) for line in lines if line}
    if os.fsencode(path).decode(errors="surrogateescape") not in points:
        return []
    return [f"{name} is itself a mount point, such as a bind mount, so that it cannot be replaced by a rename"]


def _name_problems(path: Path, suffix_bytes: int, name: str) -> list[str]:
    longest = _NAME_MAX
    with contextlib.suppress(OSError, ValueError):
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    length = len(os.fsencode(path.name))
    if length + suffix_bytes <= longest:
        return []
    return [
        f"the name of {name} has {length} bytes, and that of a copy beside it {suffix_bytes} more: "
        f"its file system takes {longest}"
    ]


def _sticky_problems(path: Path, name: str) -> list[str]:
    """Say that a folder lets only a file's owner replace it (the sticky bit, as in /tmp)."""
    try:
        folder, file = path.parent.stat(), path.lstat()
    except OSError:
        return []
    user = os.geteuid()
    if user == 0 or not folder.st_mode & stat.S_ISVTX or user in (folder.st_uid, file.st_uid):
        return []
    return [f"the folder of {name} lets only the owner of a file replace it, and {name} belongs to another account"]

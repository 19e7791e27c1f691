# SPDX-License-Identifier: Apache-2.0
"""Replace a file, a private key or a database, so that at every instant a whole one is in place.

Rules:

1. The original is never written to. A copy in the same folder is changed, made durable, and renamed over it.
2. The copy never outlives a failure. After a crash it may; its name says whose it is, and the next change
   removes it: an old copy would still open with the old credential.
3. One change at a time: an exclusive flock(2) on the *folder*. A lock on the file would sit on an inode
   that the rename replaces; a lock file would need its own recovery after a crash. The kernel drops a flock
   with the last process that holds it, so the caller passes it on to programs: one that outlives a killed
   parent keeps the folder locked until its own copy is final.
4. The original is compared, inode, times and content, right before the rename: what somebody else changed in
   the meantime is not overwritten. Between that look and the rename remain some microseconds.

What it does not do: it knows nothing of what is in the file. Blocks that a removed file leaves on the disk, snapshots
and backups are beyond it. Where the file system has no flock on folders (NFS), nothing is changed.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.connectors.port.replacing import rename_problems
from breakglass_shamir.errors import ConnectorError

FILE_MAX_BYTES = 1 << 20
"""Longest file, where the caller does not say; larger ones are no private keys."""

SPARE_BYTES = 64 * 1024
"""Free space a rotation wants beside the key, far more than a copy needs."""

LOCK_WAIT_S = 10.0
"""How long a change waits for another one in the same folder."""

LOCK_POLL_S = 0.05
"""Pause between two attempts to lock."""

COPY_SUFFIX_BYTES = 8
"""Random bytes in the name of a copy."""


@dataclass(frozen=True, slots=True)
class OneFile:
    """A file as it was at one instant; two are equal if nothing changed in between.

    Attributes:
        path: where it really is, no symlink.
        identity: device, inode, size, modification and change time in nanoseconds.
        mode: permission bits.
        owner: user id.
        links: number of hard links.
        content: its bytes.
    """

    path: Path
    identity: tuple[int, int, int, int, int]
    mode: int
    owner: int
    links: int
    content: bytes


def real_path(path: Path) -> Path:
    """Return where a path leads once every symlink is followed.

    Raises:
        OSError: nowhere, or in circles (``Path.resolve`` has another exception for that).
    """
    return Path(os.path.realpath(path, strict=True))


def read_file(path: Path, most: int = FILE_MAX_BYTES) -> OneFile:
    """Read a file and what identifies it; a symlink is followed to the real file.

    Args:
        path: of the file.
        most: how many bytes it may have.

    Raises:
        OSError: it is not there, not readable, not a regular file, or far too large.
    """
    real = real_path(path)
    # Without O_NONBLOCK a named pipe in its place would stop the program.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most} bytes")
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return OneFile(real, identity, stat.S_IMODE(found.st_mode), found.st_uid, found.st_nlink, content)


@contextlib.contextmanager
def locked_folder(folder: Path, wait_s: float) -> Iterator[int]:
    """Hold the folder's lock and yield its descriptor, which keeps the lock wherever it is inherited.

    Raises:
        ConnectorError: it is held elsewhere for longer than ``wait_s`` seconds, or cannot be locked at all.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, wait_s)
        yield descriptor
    finally:
        os.close(descriptor)


def leftovers(path: Path) -> list[Path]:
    """Return the copies that interrupted or running changes of this file keep in its folder."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.breakglass-[0-9a-f]{{{2 * COPY_SUFFIX_BYTES}}}")
    with os.scandir(path.parent) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def remove_leftovers(path: Path) -> int:
    """Remove the copies that interrupted changes left; call it under the lock.

    Returns:
        How many there were.
    """
    stale = leftovers(path)
    for copy in stale:
        copy.unlink(missing_ok=True)
    return len(stale)


def replacing_problems(path: Path, size: int, name: str) -> list[str]:
    """Say what would stop a changed copy from taking a file's place; nothing is changed.

    Args:
        path: of the file, no symlink.
        size: of the file, in bytes.
        name: of the file, in words.
    """
    folder = path.parent
    problems = rename_problems(path, len(_copy_name(path, "")) - len(path.name) + 2 * COPY_SUFFIX_BYTES, name)
    if not os.access(folder, os.W_OK | os.X_OK):
        problems.append(f"the folder of {name} is not writable")
    try:
        space = os.statvfs(folder)
        if space.f_bavail * space.f_frsize < size + SPARE_BYTES:
            problems.append(f"there is no room for a copy in the folder of {name}")
        if space.f_files and not space.f_favail:
            problems.append(f"the file system of {name} has no inode free for a copy")
        with locked_folder(folder, 0):
            pass
    except ConnectorError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"the folder of {name} cannot be looked at: {error.strerror}")
    return list(dict.fromkeys(problems))


def _copy_name(path: Path, suffix: str) -> str:
    return f".{path.name}.breakglass-{suffix}"


@contextlib.contextmanager
def working_copy(original: OneFile) -> Iterator[Path]:
    """Yield a private copy beside the original; whatever is left of it is removed at the end."""
    suffix = secrets.token_hex(COPY_SUFFIX_BYTES)
    copy = original.path.with_name(_copy_name(original.path, suffix))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(copy, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(original.content)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def put_in_place(copy: Path, original: OneFile) -> None:
    """Give the copy the original's owner and attributes, make it durable, and rename it over the original.

    Raises:
        OSError: a step failed and the original is in place.
        ConnectorError: the original was changed in the meantime and is in place; or the copy is in place and
            only the flush of its folder failed, and the message says so.
    """
    _dress(copy, original.path)
    _flush(copy)
    if not _is_as_it_was(original):
        raise ConnectorError("the file was changed by somebody else during the rotation; nothing was replaced")
    copy.rename(original.path)
    try:
        _flush(original.path.parent)
    except OSError as error:
        raise ConnectorError(
            "the change is in place, but the folder could not be flushed to the disk",
            hint="run sync, then check the new credential",
        ) from error


def _is_as_it_was(original: OneFile) -> bool:
    try:
        return read_file(original.path, len(original.content)) == original
    except OSError as error:
        if error.errno in (errno.EFBIG, errno.ENOENT):
            return False
        raise


def _lock(descriptor: int, wait_s: float) -> None:
    """Take the exclusive lock within a time."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise ConnectorError("another rotation is under way in the file's folder") from error
        except OSError as error:
            raise ConnectorError(f"the file's folder cannot be locked: {error.strerror}") from error
        else:
            return
        time.sleep(LOCK_POLL_S)


def _dress(copy: Path, model: Path) -> None:
    """Copy owner, group, mode and extended attributes; the time is now, for backups to see it."""
    like = model.stat()
    os.chown(copy, like.st_uid, like.st_gid)
    shutil.copystat(model, copy)
    os.utime(copy)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

# SPDX-License-Identifier: Apache-2.0
"""Files that count as written when they are found again.

Rules:

1. Written counts when file and folder are flushed to disk and a fresh look through the path finds that very file with
   those very bytes: not when a write returned.
2. A new file is new or the step fails; what could not be made durable leaves nothing of ours behind.
3. A folder that is made is flushed into the one above it, and so on up to one that was there.
4. A file is read only if it is a plain one, and no further than a limit: a pipe in its place keeps nobody waiting.

Whatever stands in the way is an :class:`OSError`; what it means is for the caller to say. It cannot see past the
system's cache: that a disk keeps what it acknowledged is the disk's to answer for.
"""

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

NOT_FOUND_AGAIN = "it was written and is not found again in its place"

_CHUNK_BYTES = 1 << 20

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever it is called."""


def identity(facts: os.stat_result) -> Identity:
    """Return which file a look was at."""
    return facts.st_dev, facts.st_ino


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, durably; one that is there is left as it is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    for one in reversed(missing):
        sync_folder(one.parent)


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a new file; raises :class:`FileExistsError` where one is."""
    write_parts(path, [data], mode)


def write_parts(path: Path, parts: Iterable[bytes], mode: int = 0o600) -> None:
    """Write a new file from its parts, one after the other."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    ours, digest = identity(os.fstat(descriptor)), hashlib.sha256()
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
        require_found(path, ours, digest.digest())
    except BaseException:
        remove_if(path, ours)
        raise


def write_over(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in the place of another, or of none: what is there is the one or the other, at every instant."""
    unfinished = path.with_name(f".{path.name}.part")
    # Made anew: in a folder that others write, a link may lie there.
    unfinished.unlink(missing_ok=True)
    write_new(unfinished, data, mode)
    try:
        ours = identity(unfinished.lstat())
        unfinished.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    require_found(path, ours, hashlib.sha256(data).digest())


def require_found(path: Path, ours: Identity | None, sha256: bytes) -> None:
    """Look afresh for a file that was written.

    Args:
        path: where it must be found.
        ours: which file was written; None: any with these bytes.
        sha256: of its bytes.
    """
    try:
        descriptor = _open_plain(path, os.O_NOFOLLOW)
    except FileNotFoundError:
        raise OSError(errno.ESTALE, NOT_FOUND_AGAIN) from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found, digest = identity(os.fstat(descriptor)), hashlib.sha256()
        while part := file.read(_CHUNK_BYTES):
            digest.update(part)
    if (ours is not None and found != ours) or digest.digest() != sha256:
        raise OSError(errno.ESTALE, NOT_FOUND_AGAIN)


def require_same(path: Path, ours: Identity) -> None:
    """Look whether a path leads to a file that was put there."""
    try:
        found = identity(path.stat())
    except FileNotFoundError:
        raise OSError(errno.ESTALE, NOT_FOUND_AGAIN) from None
    if found != ours:
        raise OSError(errno.ESTALE, NOT_FOUND_AGAIN)


def open_plain(path: Path) -> BinaryIO:
    """Open a file to be read in parts; what is no plain file is refused."""
    return os.fdopen(_open_plain(path), "rb")


def read_plain(path: Path, limit: int) -> bytes:
    """Read a small file whole."""
    with os.fdopen(_open_plain(path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"expected at most {limit} bytes")
    return data


def read_end(path: Path, most: int) -> bytes:
    """Read the last bytes of a file, at most so many."""
    with os.fdopen(_open_plain(path), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most)


def remove_if(path: Path, ours: Identity) -> None:
    """Remove a file that is ours, and no other that stands in its place."""
    with suppress(OSError):
        if identity(path.lstat()) == ours:
            path.unlink()


def sync_file(path: Path) -> None:
    """Flush a file to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def require_all_found(folder: Path, sums: Iterable[tuple[str, bytes]]) -> None:
    """Flush a folder of many files to disk in one go, and look afresh for each.

    Args:
        folder: where they are.
        sums: name and SHA-256 of each.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
    for name, sha256 in sums:
        require_found(folder / name, None, sha256)


def _open_plain(path: Path, more: int = 0) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | more)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file")
    return descriptor

# SPDX-License-Identifier: Apache-2.0
"""Who else could change a home: its ledger, its key, its note, and every folder on the way to it.

Rules:

1. Root and this user may change a home; whoever else owns one of these places, or may write to it, is named.
2. A folder on the way that others may write to is no danger where its sticky bit keeps entries to their owners, as in
   ``/tmp``: then the next place's owner decides. The home itself may be written by nobody else, sticky or not: what
   is laid beside a database is taken for part of it.
3. A group counts as somebody else unless this machine's own files show that nobody but root and this user is in it.
   No directory service is asked: at 3 a.m. it may be what is down.
4. POSIX access lists count as modes do. Others (NFSv4) are not read.
5. A file system that another user has mounted in user space shows what that user wants.
6. Of an owner who does not exist in this user namespace nothing can be told; that is a remark, and so is a key that
   others may read.

It changes nothing, and what follows from it is not decided here.
"""

import functools
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.ledger import mounts, moved
from breakglass_shamir.ledger.durable import read_plain
from breakglass_shamir.ledger.home import KEY_NAME
from breakglass_shamir.ledger.moved import MOVED_NAME, Stranger
from breakglass_shamir.ledger.store import FILE_NAME
from breakglass_shamir.ledger.turns import TURNS_NAME
from breakglass_shamir.structs import Struct

FILES = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", f"{FILE_NAME}-journal", TURNS_NAME, KEY_NAME, MOVED_NAME)
"""What a home is made of."""

MAX_LINKS = 40
"""Links that are followed on the way, as the kernel does."""

MAX_ACCOUNTS_BYTES = 16 << 20
"""Largest list of accounts or groups that is read."""

_ACCESS_LIST = "system.posix_acl_access"
_USER, _GROUP_OWNER, _GROUP, _MASK, _OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
"""Tags of an access list's entries (acl(5)); 0x01 is the owner."""

_WRITE, _READ = 2, 4
_USER_MOUNT = re.compile(r"(?:^|,)user_id=(\d+)")


class Guard(Struct, frozen=True):
    """What was found about a home."""

    problems: tuple[str, ...] = ()
    """Who else could change it; empty: nobody."""

    remarks: tuple[str, ...] = ()
    """What people should know, and stops nobody."""


def look(home: Path, public_key: bytes = b"") -> Guard:
    """Look at a home and everything on the way to it; one that is not made yet has a way already.

    Args:
        home: the folder.
        public_key: the terminal's, 32 bytes, which must have signed a note ``MOVED``; empty: it is not known yet.
    """
    places: dict[Path, os.stat_result] = {}
    for path in (home, *(home / name for name in FILES)):
        places.update(_way(path))
    real = home.resolve()
    found = [one for path, facts in places.items() for one in _problems(path, facts, is_home=path == real)]
    strange = [one for path, facts in places.items() for one in _unknown(path, facts)]
    if public_key and isinstance(note := moved.read(home, public_key), Stranger):
        found.append(f"the note {home / MOVED_NAME} is not obeyed: {note.problem}")
    return Guard((*found, *_mounted_by_others(home)), (*strange, *_readable(home / KEY_NAME)))


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every folder and link that a path leads through, and what it leads to; up to what is not there."""
    place, left, links = Path("/"), list(reversed(path.absolute().parts[1:])), 0
    with suppress(OSError):
        yield place, place.lstat()
        while left:
            name = left.pop()
            if name == "..":
                place = place.parent
                continue
            facts = (place / name).lstat()
            yield place / name, facts
            if not stat.S_ISLNK(facts.st_mode):
                place /= name
                continue
            links += 1
            if links > MAX_LINKS:
                return
            target = (place / name).readlink()
            place = Path("/") if target.is_absolute() else place
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _problems(path: Path, facts: os.stat_result, *, is_home: bool) -> Iterator[str]:
    if facts.st_uid not in _ours() and not _is_unmapped(facts.st_uid):
        yield f"{path} belongs to another user (number {facts.st_uid})"
    if stat.S_ISLNK(facts.st_mode):
        return
    others = _others(path, facts, _WRITE)
    sticky = stat.S_ISDIR(facts.st_mode) and bool(facts.st_mode & stat.S_ISVTX) and not is_home
    if others and not sticky:
        yield f"{path} can be written by {others}"


def _unknown(path: Path, facts: os.stat_result) -> Iterator[str]:
    if _is_unmapped(facts.st_uid):
        yield f"{path} belongs to nobody who is known in this user namespace"


def _readable(key: Path) -> Iterator[str]:
    with suppress(OSError):
        if others := _others(key, key.stat(), _READ):
            yield f"the terminal key {key} can be read by {others}, who could sign as this terminal"


def _mounted_by_others(home: Path) -> Iterator[str]:
    mount = mounts.mount_of(home)
    if mount is None or not mount.kind.startswith("fuse"):
        return
    owner = _USER_MOUNT.search(mount.options)
    if owner and int(owner[1]) not in _ours():
        yield f"{mount.point} was mounted by another user (number {owner[1]}), who decides what is in it"


def _others(path: Path, facts: os.stat_result, wanted: int) -> str:
    """Name somebody else who may read or write a place; empty: nobody."""
    for tag, permissions, number in _access_list(path, facts):
        if not permissions & wanted:
            continue
        if tag == _OTHER:
            return "everybody"
        if tag == _USER and number not in _ours():
            return f"another user (number {number})"
        if tag in (_GROUP, _GROUP_OWNER):
            group = facts.st_gid if tag == _GROUP_OWNER else number
            if not _is_only_us(group):
                return f"a group (number {group})"
    return ""


def _access_list(path: Path, facts: os.stat_result) -> Iterator[tuple[int, int, int]]:
    """Yield tag, effective permissions and number of each entry; those of the mode where there is no list."""
    try:
        data = os.getxattr(path, _ACCESS_LIST)
    except OSError:
        data = b""
    entries = list(struct.iter_unpack("<HHI", data[4:])) if len(data) % 8 == 4 else []
    if not entries:
        yield _GROUP_OWNER, facts.st_mode >> 3 & 7, facts.st_gid
        yield _OTHER, facts.st_mode & 7, 0
        return
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 7)
    for tag, permissions, number in entries:
        yield tag, permissions if tag == _OTHER else permissions & mask, number


def _ours() -> frozenset[int]:
    return frozenset({0, os.geteuid()})


@functools.cache
def _is_only_us(group: int) -> bool:
    """Tell whether this machine's own files list a group, and nobody but root and this user in it."""
    accounts, groups = _rows("/etc/passwd", 4), _rows("/etc/group", 4)
    numbers = {row[0]: int(row[2]) for row in accounts if row[2].isdecimal()}
    members = [name for row in groups if row[2] == str(group) for name in row[3].split(",") if name]
    primary = [row[0] for row in accounts if row[3] == str(group)]
    listed = any(row[2] == str(group) for row in groups)
    return listed and all(numbers.get(name, -1) in _ours() for name in (*members, *primary))


def _rows(path: str, fields: int) -> list[list[str]]:
    try:
        text = read_plain(Path(path), MAX_ACCOUNTS_BYTES).decode(errors="replace")
    except OSError:
        return []
    return [row for line in text.splitlines() if len(row := line.split(":")) >= fields]


@functools.cache
def _is_unmapped(user: int) -> bool:
    """Tell whether a number stands for all users that this user namespace does not know (user_namespaces(7))."""
    try:
        if user != int(Path("/proc/sys/kernel/overflowuid").read_text()):
            return False
        rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
        return not any(int(row[0]) <= user < int(row[0]) + int(row[2]) for row in rows)
    except (OSError, ValueError, IndexError):
        return False

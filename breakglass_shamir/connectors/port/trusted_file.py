# SPDX-License-Identifier: Apache-2.0
"""Whether a program may be trusted with a secret: nobody but root and this user can replace it.

Rules:

1. Every folder on the way to it is looked at, and every link: whoever can put another link in the place of one chooses
   the program.
2. It looks at owners and modes; at access control lists it does not.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_MOST_LINKS = 40
"""As many as the kernel follows."""


def file_problems(program: Path) -> list[str]:
    """Say why a program must not be trusted with a credential."""
    problems: list[str] = []
    try:
        real = program.resolve(strict=True)
        for place in dict.fromkeys(_way(program)):
            facts = place.lstat()
            if facts.st_uid not in (0, os.geteuid()):
                problems.append(f"{place} belongs to another user, who could replace it")
            if not stat.S_ISLNK(facts.st_mode) and _is_open(facts):
                problems.append(f"{place} can be written by others than its owner")
        if not real.is_file() or not os.access(real, os.X_OK):
            problems.append(f"{program} is not an executable file")
    except OSError as error:
        problems.append(f"{program} cannot be found: {error.strerror}")
    except RuntimeError:
        problems.append(f"{program} cannot be found: its links lead round")
    return problems


def _is_open(facts: os.stat_result) -> bool:
    is_sticky = stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX
    return bool(facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) and not is_sticky


def _way(path: Path) -> Iterator[Path]:
    """Yield every folder and link that leads to a file, and the file.

    Raises:
        OSError: one is not there.
    """
    at, left, links = Path("/"), list(path.absolute().parts[1:]), 0
    yield at
    while left:
        name = left.pop(0)
        if name in (".", ".."):
            at = at.parent if name == ".." else at
            continue
        yield at / name
        if not stat.S_ISLNK((at / name).lstat().st_mode):
            at /= name
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        to = (at / name).readlink()
        at, left = (Path("/") if to.is_absolute() else at), [*to.parts[to.is_absolute() :], *left]

# SPDX-License-Identifier: Apache-2.0
"""Whether a program may be trusted with a secret: nobody but root and this user can replace it.

It looks at owners and modes, of the file and of every folder above it; at access control lists it does not.
"""

import os
import stat
from pathlib import Path


def file_problems(program: Path) -> list[str]:
    """Say why a program must not be trusted with a credential."""
    problems = []
    try:
        real = program.resolve(strict=True)
        for place in (real, *real.parents):
            facts = place.stat()
            if facts.st_uid not in (0, os.geteuid()):
                problems.append(f"{place} belongs to another user, who could replace it")
            if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not (place.is_dir() and facts.st_mode & stat.S_ISVTX):
                problems.append(f"{place} can be written by others than its owner")
        if not real.is_file() or not os.access(real, os.X_OK):
            problems.append(f"{program} is not an executable file")
    except OSError as error:
        problems.append(f"{program} cannot be found: {error.strerror}")
    return problems

# SPDX-License-Identifier: Apache-2.0
"""Ask a process of its own about a KeePass database; see ``worker``.

Rules:

1. Passwords go to the process by standard input: no argument and no environment holds them.
2. A process that does not end in time is killed: its answer is none.
"""

import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.hygiene import Secret

TIME_LIMIT_S = 120.0
"""Longest time one question may take: a database may be slow on purpose."""

_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, slots=True)
class Told:
    """What the process says; see ``worker`` for the fields.

    Attributes:
        result: ``opened``, ``wrong`` or ``failed``.
        detail: why it failed, in a few words.
        content: digest of what is in it.
        kdf: of the master key.
        version: of the format.
    """

    result: str
    detail: str = ""
    content: str = ""
    kdf: str = ""
    version: str = ""


def ask(
    path: Path, keyfile: Path | None, password: Secret, new: Secret | None = None, *, limit_s: float,
    keep_open: Sequence[int] = (),
) -> Told:  # fmt: skip
    """Open a database, and put it under another master password where one is given.

    Args:
        path: of the database; it is written to where ``new`` is given.
        keyfile: that belongs to the master key; None without one.
        password: of the master key.
        new: the one to be.
        limit_s: longest time it may take, in seconds.
        keep_open: descriptors the process inherits.

    Raises:
        OSError: it could not be started.
    """
    question = {
        "path": str(path), "keyfile": str(keyfile) if keyfile else None,
        "password": base64.b64encode(password.reveal()).decode(),
    }  # fmt: skip
    if new is not None:
        question["new"] = base64.b64encode(new.reveal()).decode()
    ended = programs.run(
        [sys.executable, "-I", str(_WORKER)], limit_s=limit_s, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        given=json.dumps(question).encode(), keep_open=keep_open,
    )  # fmt: skip
    if ended.status != 0:
        return Told("failed", ended.why or f"the process that opens it ended with {ended.status}")
    try:
        return Told(**json.loads(ended.output))
    except (ValueError, TypeError, RecursionError):
        return Told("failed", "the process that opens it gave no answer")

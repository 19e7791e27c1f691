# SPDX-License-Identifier: Apache-2.0
"""Ask PAM for a login, and change a password by ``chpasswd``; each in a process of its own, with a time limit.

Rules:

1. The password goes to the process by standard input: no argument and no environment holds it.
2. A process that does not end in time, or writes without end, is killed with all it started.

What it does not do: it judges nothing.
"""

import base64
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
"""Where the system's own programs are looked for."""

_LOGIN = Path(__file__).with_name("pam_login.py")


@dataclass(frozen=True, slots=True)
class PamAnswer:
    """What PAM said to one login; see ``pam_login`` for the fields."""

    step: str
    code: int
    text: str
    asked: int
    more: int
    same: bool | None


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended; ``status`` is None if it was killed, and ``complaint`` then says why."""

    status: int | None
    output: bytes
    complaint: str


def ask(
    service: str, account: str, kept: str, password: Secret, time_limit_s: float,
    on_login: Callable[[tuple[str, ...]], None] = lambda _marks: None,
) -> PamAnswer | None:  # fmt: skip
    """Log in once; None if there was no answer.

    Args:
        service: name of the PAM service; empty compares with the hash only.
        account: to log in as.
        kept: the hash in the shadow file.
        password: to log in with.
        time_limit_s: for all of it.
        on_login: gets the mark of the login before it is made: the process that makes it.
    """
    secret = base64.b64encode(password.reveal()).decode()
    question = json.dumps({"service": service, "account": account, "hash": kept, "password": secret})
    started = (lambda number: on_login((marks.of_process(number),))) if service else None
    done = run([sys.executable, "-I", "-S", str(_LOGIN)], question.encode(), time_limit_s, started=started)
    if done.status != 0:
        return None
    try:
        return PamAnswer(**json.loads(done.output))
    except (ValueError, TypeError, RecursionError):
        return None


def change(account: str, password: Secret, time_limit_s: float) -> Done:
    """Let ``chpasswd`` set a password, by the PAM service of its name."""
    return run([program("chpasswd")], account.encode() + b":" + password.reveal() + b"\n", time_limit_s)


def program(name: str) -> str:
    """Return the path of one of the system's programs.

    Raises:
        ConnectorError: it is not there.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise ConnectorError(f"{name} not found in {SYSTEM_PATH}")
    return found


def run(
    command: list[str], given: bytes, time_limit_s: float, output_max: int = programs.OUTPUT_MAX_BYTES,
    started: Callable[[int], None] | None = None,
) -> Done:  # fmt: skip
    """Run a program with something on its standard input.

    Args:
        command: program, by path, and arguments.
        given: its standard input.
        time_limit_s: for all of it.
        output_max: longest output that is read; one that writes more is killed.
        started: gets the number of the process, before it gets anything.

    Raises:
        ConnectorError: it could not be started.
    """
    environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C"}
    try:
        ended = programs.run(
            command, given=given, limit_s=time_limit_s, env=environment, output_max=output_max, started=started
        )
    except OSError as error:
        raise ConnectorError(f"{command[0]} could not be run: {error.strerror}") from error
    complaint = ended.why or ended.errors.decode(errors="backslashreplace").strip()[-400:]
    return Done(ended.status, ended.output, complaint)

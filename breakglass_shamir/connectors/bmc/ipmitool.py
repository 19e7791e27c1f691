# SPDX-License-Identifier: Apache-2.0
"""One run of ipmitool: a session of IPMI 2.0 (RMCP+) as a user, and commands in it.

Sources: IPMI v2.0 specification, 13 (RAKP), 22.26 to 22.30 (users and passwords), 23.2 (LAN configuration);
ipmitool(1).

Rules:

1. Password and commands are in files of a folder on a memory file system that is this process's own, and gone
   afterwards: neither is in an argument or in the environment. A command that sets a password holds it as numbers, so
   that nothing in it is quoted.
2. The cipher suite is pinned: a controller that offers one without authentication is not followed to it.
3. What a run says is known by ipmitool's own words for what the controller answered to the first messages (RAKP).
   For these it has to be talkative, and then repeats what it sends, as numbers: such lines are passed on to nobody.

What it does not do: it judges no password.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.port.memory_folder import memory_folder
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where ipmitool is looked for; the caller's PATH is not trusted."""

WRONG_PASSWORD = "RAKP 2 HMAC is invalid"  # noqa: S105 - ipmitool's words
"""What ipmitool says of a controller whose password for the user is another one."""

NO_SUCH_USER = "unauthorized name"
"""What it says of one that has no such user, or none that is enabled."""

ANSWER_S, TRIES = "1", "3"
"""How long ipmitool waits for a packet in seconds, and how often it sends one again."""

_SENT = re.compile(r"(?:[ \t]*[0-9a-f]{2})+[ \t]*")
"""A line of what ipmitool sent or got."""


class NoSession(Exception):
    """The controller let nobody in, or did not answer.

    Attributes:
        is_wrong: whether it has another password for the user.
        is_answer: whether it answered to the user's name.
    """

    def __init__(self, said: str) -> None:
        self.is_wrong = WRONG_PASSWORD in said
        self.is_answer = self.is_wrong or NO_SUCH_USER in said
        lines = [line.strip() for line in said.splitlines() if line.strip() and "PEN Registry" not in line]
        super().__init__("; ".join(lines)[-300:] or "no answer")


class NotDone(Exception):
    """The controller let the user in, and did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """A controller, and how it is spoken to.

    Attributes:
        host: name or address.
        port: of UDP.
        user: who logs in.
        cipher: number of the cipher suite.
        limit_s: longest time a run may take, in seconds.
    """

    host: str
    port: int
    user: str
    cipher: str
    limit_s: float


def find() -> str:
    """Return where ipmitool is.

    Raises:
        ConnectorError: it is not there.
    """
    found = shutil.which("ipmitool", path=SYSTEM_PATH)
    if found is None:
        raise ConnectorError(f"ipmitool not found in {SYSTEM_PATH}", hint="install the Debian package ipmitool")
    return found


def ask(place: Place, password: Secret, commands: Sequence[str]) -> str:
    """Log in and run commands; returns what they print.

    Args:
        place: where, and as whom.
        password: with what.
        commands: of ipmitool, one each; may hold a secret.

    Raises:
        NoSession: nobody was let in; nothing was done.
        NotDone: a command was refused, or its answer is missing: it may have been done.
        ConnectorError: there is no ipmitool.
    """
    with memory_folder() as folder:
        _write(folder / "password", password.reveal() + b"\n")
        _write(folder / "commands", "".join(f"{one}\n" for one in commands).encode())
        ended = programs.run(
            [
                find(), "-I", "lanplus", "-H", place.host, "-p", str(place.port), "-U", place.user, "-L",
                "ADMINISTRATOR", "-C", place.cipher, "-N", ANSWER_S, "-R", TRIES, "-v", "-c", "-f",
                str(folder / "password"), "exec", str(folder / "commands"),
            ],
            limit_s=place.limit_s, env={"PATH": SYSTEM_PATH, "LC_ALL": "C", "HOME": str(folder)},
        )  # fmt: skip
    lines = ended.errors.decode(errors="replace").splitlines()
    said = "\n".join(line for line in lines if not _SENT.fullmatch(line))
    if "Unable to establish" in said:
        raise NoSession(said)
    if ended.status != 0:
        raise NotDone(ended.why or programs.last_line(said.encode()))
    return ended.output.decode(errors="replace")


def setting(number: int, password: Secret) -> str:
    """Return the command that gives a user a password, of 16 bytes where it fits and of 20 otherwise.

    Args:
        number: of the user.
        password: of 20 bytes at most.
    """
    size = 16 if len(password) <= 16 else 20
    value = password.reveal().ljust(size, b"\0")
    operation = [number | (0x80 if size == 20 else 0), 0x02, *value]
    return "raw 0x06 0x47 " + " ".join(f"0x{byte:02x}" for byte in operation)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.closing(os.fdopen(descriptor, "wb")) as file:
        file.write(content)

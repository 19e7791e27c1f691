# SPDX-License-Identifier: Apache-2.0
"""Run ssh-keygen and answer its questions for a passphrase.

How the passphrase gets there, and why so:

1. ssh-keygen runs in a session of its own, without a terminal, with ``SSH_ASKPASS_REQUIRE=force`` (OpenSSH
   8.4 and later): it starts ``askpass.sh`` for each question and reads the answer from its output.
2. ssh-keygen's standard input is a sequenced-packet socket that already holds the answers, one packet each,
   and the helper inherits it: OpenSSH's ``ssh_askpass`` replaces the helper's standard output only.
   Descriptors above 2 came through too when tried (9.2), but its sibling for notifications closes those, so a
   later version might; standard input has no such doubt and needs no number in the environment.
3. Packets instead of lines: one ``read`` takes exactly one answer, so ``dd`` can move it. A shell's ``read``
   would interpret, and a ``printf`` that is no builtin would put it on a command line.
4. A pseudo-terminal was the alternative: its line discipline eats control characters, and ssh-keygen discards
   what was typed before its prompt, so that the answer has to win a race.
5. The helper reports each answer it handed over, and what is left in the socket was never asked for. So
   "wrong passphrase" and "no passphrase arrived" differ, and a key that never asks is noticed.

What it does not do: it judges nothing; see ``ssh_key``.
"""

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SYSTEM_PATH = "/usr/bin:/bin"
"""Where ssh-keygen, sh and dd are looked for; the caller's PATH is not trusted."""

TIME_LIMIT_S = 120.0
"""Longest time one run may take; a key with 1000 KDF rounds needs about 10 s."""

PASSPHRASE_MAX_BYTES = 1023
"""What OpenSSH's passphrase buffer holds (readpass.c); askpass.sh names the same number."""

OLDEST_VERSION = (8, 4)
"""First OpenSSH that knows SSH_ASKPASS_REQUIRE."""

_ASKPASS = Path(__file__).with_name("askpass.sh")
_VERSION = re.compile(r"OpenSSH_(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """How one run of ssh-keygen ended.

    Attributes:
        status: exit status, negative for a signal; None if it was killed.
        output: its standard output.
        complaint: the last line of its standard error, printable and shortened.
        given: answers handed over in full.
        unread: answers it never asked for.
    """

    status: int | None
    output: bytes
    complaint: str
    given: int
    unread: int


def run_ssh_keygen(
    arguments: Sequence[str],
    answers: Sequence[Secret],
    keep_open: Sequence[int] = (),
    limit_s: float | None = None,
) -> Run:
    """Run ssh-keygen in a clean environment and give it the answers in order.

    Args:
        arguments: command line without the program; holds no secret.
        answers: passphrases of 1 to 1023 bytes without NUL, CR and LF.
        keep_open: descriptors it inherits, such as a lock that must outlive this process.
        limit_s: longest time it may take, in seconds; None for :data:`TIME_LIMIT_S`.

    Raises:
        ConnectorError: there is no ssh-keygen on this machine.
        OSError: it could not be started.
    """
    return run_asking("ssh-keygen", arguments, answers, keep_open, limit_s)


def run_asking(
    name: str,
    arguments: Sequence[str],
    answers: Sequence[Secret],
    keep_open: Sequence[int] = (),
    limit_s: float | None = None,
    *,
    more: Mapping[str, str] | None = None,
) -> Run:
    """Run a program of OpenSSH that asks for passphrases as ssh-keygen does; ``more`` adds to its environment.

    Raises:
        ConnectorError: it is not on this machine.
        OSError: it could not be started.
    """
    program = find_program(name)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, _askpass() as askpass:
        for answer in answers:
            ours.send(answer.reveal())
        # Whoever reads more than there is gets an end of file and does not wait.
        ours.shutdown(socket.SHUT_WR)
        ended = programs.run(
            [program, *arguments], limit_s=limit_s or TIME_LIMIT_S, env={**_environment(askpass), **(more or {})},
            stdin=theirs.fileno(),
            keep_open=keep_open,
        )  # fmt: skip
        return Run(ended.status, ended.output, ended.complaint, given=_drain(ours), unread=_drain(theirs))


def find_program(name: str) -> str:
    """Return the path of a program of the system.

    Raises:
        ConnectorError: it is not there.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise ConnectorError(f"{name} not found in {SYSTEM_PATH}", hint="install the OpenSSH client")
    return found


def openssh_version() -> tuple[int, int] | None:
    """Return major and minor version of the installed OpenSSH; None if it does not tell."""
    try:
        # ssh-keygen has no option for it; ssh comes from the same package.
        told = programs.run([find_program("ssh"), "-V"], limit_s=10, env={})
    except (ConnectorError, OSError):
        return None
    match = _VERSION.search(told.errors.decode(errors="replace"))
    return (int(match[1]), int(match[2])) if match else None


def _environment(askpass: Path) -> dict[str, str]:
    return {
        "PATH": SYSTEM_PATH,
        "LC_ALL": "C",
        "SSH_ASKPASS": str(askpass),
        "SSH_ASKPASS_REQUIRE": "force",
    }


@contextlib.contextmanager
def _askpass() -> Iterator[Path]:
    """Yield an executable askpass helper: the shipped one, or a private copy if that cannot be executed."""
    if os.access(_ASKPASS, os.X_OK):
        yield _ASKPASS
        return
    with tempfile.TemporaryDirectory(prefix="breakglass-") as folder:
        copy = Path(folder) / _ASKPASS.name
        copy.write_bytes(_ASKPASS.read_bytes())
        copy.chmod(0o700)
        yield copy


def _drain(end: socket.socket) -> int:
    """Count the packets that wait in one end of the socket."""
    end.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while end.recv(PASSPHRASE_MAX_BYTES):
            count += 1
    return count

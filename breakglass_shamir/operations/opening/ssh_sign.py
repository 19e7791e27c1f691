# SPDX-License-Identifier: Apache-2.0
"""Sign with a person's own key, by ``ssh-keygen -Y sign``: a file, an agent, or a FIDO2 token.

Rules:

1. The private key never comes here. ssh-keygen reads the file, or asks the agent at ``SSH_AUTH_SOCK``, or the token.
2. ssh-keygen asks for passphrase, PIN and touch on the terminal itself; nothing of that passes through this process.
   Without a terminal it asks nobody, and fails.
3. It signs a copy of the bytes in a private folder, so that its standard input stays the terminal.

It does not say whose key it was: what was signed is verified, and matched with the policy, by the caller.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.errors import InvalidInput

SYSTEM_PATH = "/usr/bin:/bin"
"""Where ssh-keygen is looked for; the caller's PATH is not trusted."""

NO_TERMINAL_LIMIT_S = 60.0
"""Longest time one run may take where nobody can be asked."""

_KEPT = ("HOME", "TERM", "LANG", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY")
"""What ssh-keygen may know of the environment: where agent, token and screen are."""


def sign(key_file: Path, data: bytes, namespace: str, *, asks: bool) -> str:
    """Return an armored signature of these bytes by the key in a file; or by the agent's, where the file is public.

    Args:
        key_file: private key, public key whose other half an agent holds, or handle of a FIDO2 token.
        data: what is signed.
        namespace: what for.
        asks: whether a person at the terminal can be asked.

    Raises:
        InvalidInput: there is no such file, or ssh-keygen made no signature.
    """
    program = _program(key_file)
    with tempfile.TemporaryDirectory(prefix="breakglass-") as folder:
        message = Path(folder) / "record.json"
        message.write_bytes(data)
        _run([program, "-q", "-Y", "sign", "-f", str(key_file.absolute()), "-n", namespace, str(message)], asks=asks)
        try:
            return message.with_name(message.name + ".sig").read_text(encoding="ascii")
        except (OSError, UnicodeError):
            raise InvalidInput(f"ssh-keygen made no signature with {key_file}") from None


def fingerprint(key_file: Path) -> str:
    """Return ``SHA256:...`` of the key that :func:`sign` would use; nobody is asked for anything.

    Raises:
        InvalidInput: there is no such file, or it holds no key, or more than one.
    """
    command = [_program(key_file), "-l", "-E", "sha256", "-f", str(key_file.absolute())]
    try:
        done = programs.run(command, limit_s=NO_TERMINAL_LIMIT_S, env=_environment(asks=False))
    except OSError as error:
        raise InvalidInput(f"ssh-keygen could not read {key_file}: {error.__class__.__name__}") from error
    lines = done.output.decode(errors="backslashreplace").splitlines()
    words = lines[0].split() if len(lines) == 1 else []
    if done.status != 0 or len(words) < 2 or not words[1].startswith("SHA256:"):
        raise InvalidInput(f"expected one SSH key in {key_file}", hint="name a private key, or its .pub file")
    return words[1]


def _program(key_file: Path) -> str:
    program = shutil.which("ssh-keygen", path=SYSTEM_PATH)
    if program is None:
        raise InvalidInput(f"ssh-keygen not found in {SYSTEM_PATH}", hint="install the OpenSSH client")
    if not key_file.is_file():
        raise InvalidInput(f"expected a key file, found none at {key_file}")
    return program


def _run(command: list[str], *, asks: bool) -> None:
    """Run ssh-keygen; where a person is asked, it has the terminal, and says there what is wrong."""
    try:
        status, said = _at_the_terminal(command) if asks else _alone(command)
    except OSError as error:
        raise InvalidInput(f"ssh-keygen could not sign: {error.__class__.__name__}") from error
    if status != 0:
        raise InvalidInput(
            f"ssh-keygen made no signature with {command[5]}{f': {said}' if said else ''}",
            hint="a key with a passphrase or a PIN needs a terminal, or an agent that holds it",
        )


def _at_the_terminal(command: list[str]) -> tuple[int | None, str]:
    """Let a person answer, who takes the time it takes; nothing that is written there is read here."""
    done = subprocess.run(command, check=False, cwd="/", env=_environment(asks=True), stdout=subprocess.DEVNULL)
    return done.returncode, ""


def _alone(command: list[str]) -> tuple[int | None, str]:
    done = programs.run(command, limit_s=NO_TERMINAL_LIMIT_S, env=_environment(asks=False))
    return done.status, done.complaint if done.why or done.errors.strip() else ""


def _environment(*, asks: bool) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {"PATH": SYSTEM_PATH, "LC_ALL": "C", **kept, **({} if asks else {"SSH_ASKPASS_REQUIRE": "never"})}

# SPDX-License-Identifier: Apache-2.0
"""Real keys for the ssh-key tests, an oracle that is not the connector, and an ssh-keygen that misbehaves."""

import secrets
import subprocess
from pathlib import Path

import pytest

from breakglass_shamir.connectors.ssh import keygen
from breakglass_shamir.connectors.ssh.connector import SshKeyConnector
from breakglass_shamir.hygiene import Secret

KINDS: dict[str, list[str]] = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa": ["-t", "ecdsa"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "rsa-pem": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
    "ecdsa-pem": ["-t", "ecdsa", "-m", "PEM"],
    "ecdsa-pkcs8": ["-t", "ecdsa", "-m", "PKCS8"],
    "ed25519-gcm": ["-t", "ed25519", "-Z", "aes256-gcm@openssh.com"],
}
"""Name of a kind of key file to the options that make it."""


def passphrase() -> Secret:
    """Make a passphrase that stands nowhere else."""
    return Secret(secrets.token_hex(12).encode())


def make_key(folder: Path, secret: Secret | None, kind: str = "ed25519", rounds: int = 1) -> Path:
    """Make a key file; few KDF rounds keep the tests fast."""
    path = folder / "id"
    options = [*KINDS[kind], "-a", str(rounds), "-C", "a comment", "-f", str(path)]
    command: list[str | bytes] = ["ssh-keygen", "-q", *options, "-N", secret.reveal() if secret else b""]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def connector(path: Path) -> SshKeyConnector:
    return SshKeyConnector(f"ssh-key://{path}")


def opens(path: Path, secret: Secret) -> bool:
    """Ask ssh-keygen directly."""
    command: list[str | bytes] = ["ssh-keygen", "-y", "-P", secret.reveal(), "-f", str(path)]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def replace_ssh_keygen(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a shell script before the real ssh-keygen, which it can call as ``"$REAL" "$@"``."""
    folder.mkdir()
    fake = folder / "ssh-keygen"
    fake.write_text(f'#!/bin/sh\nREAL=/usr/bin/ssh-keygen\nfor KEY in "$@"; do :; done\n{script}\n')
    fake.chmod(0o755)
    monkeypatch.setattr(keygen, "SYSTEM_PATH", f"{folder}:{keygen.SYSTEM_PATH}")

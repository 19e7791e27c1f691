# SPDX-License-Identifier: Apache-2.0
"""Where each peer is, in which version, and why one is left out. ``.ci/peers`` and Debian's packages put them there."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
PEERS = REPOSITORY / ".peers"
PINS = Path(__file__).parent / "pins.txt"

DEBIAN = {
    "ssss": "ssss-split", "gfsplit": "gfsplit", "zbarimg": "zbarimg", "qrencode": "qrencode"
}  # fmt: skip
"""Programs by the name they go by here."""

_PACKAGES = {"ssss": "ssss", "gfsplit": "libgfshare-bin", "zbarimg": "zbar-tools", "qrencode": "qrencode"}


class NotHere(Exception):
    """A peer that is left out, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@cache
def pinned() -> dict[str, tuple[str, str]]:
    """Return the place in ``.peers`` and the version of each peer, by name."""
    found = {}
    for line in PINS.read_text(encoding="utf-8").splitlines():
        place, _, what = line.partition(" ")
        name, _, version = what.replace("==", "@").partition("@")
        found[name.partition("[")[0]] = (place, version)
    return found


def version(name: str) -> str:
    """Return the version that a peer has here.

    Raises:
        NotHere: it is not here.
    """
    if name in DEBIAN:
        if shutil.which(DEBIAN[name]) is None:
            raise NotHere(name, f"{DEBIAN[name]} is not installed; Debian has it in {_PACKAGES[name]}")
        command = ["dpkg-query", "--show", "--showformat=${Version}", _PACKAGES[name]]
        return f"Debian {subprocess.run(command, capture_output=True, text=True, check=True).stdout}"
    place, wanted = pinned()[name]
    missing = PEERS / "missing" / name
    if missing.exists():
        raise NotHere(name, missing.read_text(encoding="utf-8").strip() or "its installer gave no reason")
    if not (PEERS / place).exists():
        raise NotHere(name, "not fetched; make setup-bench does it")
    return wanted


def program(name: str, of: str) -> str:
    """Return a program that a peer of PyPI brings."""
    return str(PEERS / pinned()[of][0] / "bin" / name)


def worker(name: str) -> list[str]:
    """Return the command that keeps a library running.

    Raises:
        NotHere: it is not here.
    """
    scripts = Path(__file__).parent / "workers"
    if name == "breakglass_shamir":
        return [sys.executable, str(scripts / "library.py"), name]
    version(name)
    if pinned()[name][0] == "node":
        return ["node", str(scripts / "node.js"), name]
    return [program("python", of=name), str(scripts / "library.py"), name]

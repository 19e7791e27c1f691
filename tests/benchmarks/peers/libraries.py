# SPDX-License-Identifier: Apache-2.0
"""Libraries kept running in processes of their own, ours like the others, so that only their calls are timed."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.benchmarks.peers import installed

LIBRARIES = ("pyshamir", "shamir-mnemonic", "slip39", "secrets.js-grempe", "shamir-secret-sharing")
OURS = "breakglass_shamir"


class Refused(Exception):
    """A peer gave no secret, and said why."""

    def __init__(self, said: str, wrote: bytes = b"") -> None:
        super().__init__(said)
        self.wrote = wrote
        """What it had put out before it refused."""


class Kept:
    """One library, running."""

    def __init__(self, name: str, out: IO[str], back: IO[str]) -> None:
        self.name = name
        self._out, self._back = out, back

    def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            Refused: the library did.
        """
        self._out.write(json.dumps({"do": do, **facts}) + "\n")
        self._out.flush()
        line = self._back.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer

    def split(self, secret: bytes, times: int = 1) -> list[str]:
        """Split so many times; returns the last shares."""
        return list(self.ask("split", secret=secret.hex(), times=times)["shares"])

    def combine(self, shares: Sequence[str], times: int = 1) -> bytes:
        """Combine so many times; returns the secret."""
        return bytes.fromhex(self.ask("combine", shares=list(shares), times=times)["secret"])

    def forge(self, share: str) -> str:
        """Return a well-formed share with another value."""
        return str(self.ask("forge", share=share)["share"])

    def misread(self, share: str) -> str:
        """Return a share as it is after one word or character was read as another."""
        words = share.split(" ")
        if len(words) > 1:
            words[-5] = words[-5] if words[-5] != words[0] else words[1]
            return " ".join([*words[:-5], words[0], *words[-4:]])
        at = 2 * len(share) // 3
        return share[:at] + ("1" if share[at] != "1" else "7") + share[at + 1 :]

    def offers(self) -> list[str]:
        """Return what the library has."""
        return list(self.ask("offers")["offers"])


@contextmanager
def kept(name: str, folder: Path) -> Iterator[Kept]:
    """Keep a library running, at home in a folder.

    Raises:
        installed.NotHere: it is not here.
    """
    command = installed.worker(name)
    modules = installed.PEERS / "node" / "node_modules"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env={**os.environ, "HOME": str(folder), "NODE_PATH": str(modules)},
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Kept(name, process.stdin, process.stdout)
        finally:
            process.stdin.close()

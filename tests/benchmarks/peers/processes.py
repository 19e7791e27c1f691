# SPDX-License-Identifier: Apache-2.0
"""Programs, started anew for each call: a secret into shares in a folder, and shares back into the secret.

A share is whatever the program takes back: a line, a file, a folder of files. Nothing is timed here.
"""

import os
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers import installed
from tests.benchmarks.peers.libraries import Refused

Share = str | Path

_OURS = Path(__file__).parent / "workers" / "program.py"
_TIME_LIMIT_S = 300


class Program(ABC):
    """A peer that is a program, or two."""

    name: str
    called: str
    """What is run, for the table."""

    def version(self) -> str:
        """Return its version.

        Raises:
            installed.NotHere: it is not here.
        """
        return installed.version(self.name)

    @abstractmethod
    def split(self, secret: bytes, folder: Path) -> list[Share]:
        """Split 3 of 5 into an empty folder."""

    @abstractmethod
    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        """Combine; what is written besides the secret stays in the folder.

        Raises:
            Refused: it ended with a failure; the text is what it said.
        """

    def misread(self, share: Share) -> Share:
        """Return a share of which one character was misread."""
        text = str(share)
        at = 2 * len(text) // 3
        return text[:at] + ("1" if text[at] != "1" else "7") + text[at + 1 :]

    @abstractmethod
    def offers(self) -> list[str]:
        """Return the commands that it has."""


def run(command: Sequence[str], folder: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program at home in a folder.

    Raises:
        Refused: it failed.
    """
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        command, input=stdin, capture_output=True, cwd=folder, env=environment, timeout=_TIME_LIMIT_S, check=False
    )
    if done.returncode:
        raise Refused(done.stderr.decode(errors="replace").strip(), done.stdout)
    return done


class Ours(Program):
    name = "breakglass_shamir"
    called = "a program of the library"

    def __init__(self) -> None:
        self._envelope: list[str] = []

    def version(self) -> str:
        from breakglass_shamir import __version__

        return __version__

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        texts = run([sys.executable, str(_OURS), "split"], folder, secret).stdout.decode().split()
        self._envelope = [text for text in texts if text.startswith("BGE1:")]
        return [text for text in texts if not text.startswith("BGE1:")]

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        lines = "\n".join([*self._envelope, *map(str, shares)]).encode()
        return run([sys.executable, str(_OURS), "combine"], folder, lines).stdout

    def offers(self) -> list[str]:
        said = run([str(Path(sys.executable).parent / "breakglass"), "--help"], Path.cwd()).stdout.decode()
        return re.findall(r"^  ([a-z]+)  ", said, re.M)


class Ssss(Program):
    name = "ssss"
    called = "`ssss-split -x`, `ssss-combine -x`"

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        command = ["ssss-split", "-q", "-x", "-t", "3", "-n", "5", "-s", str(8 * len(secret))]
        return list(run(command, folder, secret.hex().encode() + b"\n").stdout.decode().split())

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        lines = "".join(f"{share}\n" for share in shares).encode()
        told = run(["ssss-combine", "-q", "-x", "-t", str(len(shares))], folder, lines).stderr.decode()
        return bytes.fromhex(told.strip())

    def offers(self) -> list[str]:
        return ["ssss-split", "ssss-combine"]


class Gfsplit(Program):
    name = "gfsplit"
    called = "`gfsplit`, `gfcombine`"

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        (folder / "secret").write_bytes(secret)
        run(["gfsplit", "-n", "3", "-m", "5", "secret", "share"], folder)
        return sorted(folder.glob("share.*"))

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        out = folder / "combined"
        run(["gfcombine", "-o", str(out), *map(str, shares)], folder)
        return out.read_bytes()

    def misread(self, share: Share) -> Share:
        return _altered(Path(share))

    def offers(self) -> list[str]:
        return ["gfsplit", "gfcombine"]


class ShamirMnemonic(Program):
    name = "shamir-mnemonic"
    called = "`shamir create 3of5`, `shamir recover`"

    def __init__(self) -> None:
        self._program = installed.program("shamir", of=self.name)

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        said = run([self._program, "create", "3of5", "-S", secret.hex()], folder).stdout.decode()
        return [line for line in said.splitlines() if len(line.split()) > 15]

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        lines = "".join(f"{share}\n" for share in shares).encode()
        return _last_hex(run([self._program, "recover"], folder, lines))

    def misread(self, share: Share) -> Share:
        return _misread_words(str(share))

    def offers(self) -> list[str]:
        return re.findall(r"^  ([a-z]+) *", run([self._program, "--help"], Path.cwd()).stdout.decode(), re.M)


class Slip39(Program):
    name = "slip39"
    called = "`slip39 --text --no-card`, `slip39-recovery`"

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        options = ["-q", "-s", "-", "-g", "Break(3/5)", "-t", "1", "--no-card", "--text", "benchmark"]
        said = run([installed.program("slip39", of=self.name), *options], folder, secret.hex().encode())
        return [line.partition(": ")[2].strip() for line in said.stdout.decode().splitlines() if ": " in line]

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        words = [word for share in shares for word in ("-m", str(share))]
        return _last_hex(run([installed.program("slip39-recovery", of=self.name), *words], folder))

    def misread(self, share: Share) -> Share:
        return _misread_words(str(share))

    def offers(self) -> list[str]:
        folder = Path(installed.program("slip39", of=self.name)).parent
        return sorted(path.name for path in folder.glob("slip39*"))


class Triss(Program):
    name = "triss"
    called = "`triss split`, `triss combine`, files"

    def split(self, secret: bytes, folder: Path) -> list[Share]:
        run([installed.program("triss", of=self.name), "split", "-m", "3", "5", "out"], folder, secret)
        return sorted((folder / "out").iterdir())

    def combine(self, shares: Sequence[Share], folder: Path) -> bytes:
        return run([installed.program("triss", of=self.name), "combine", *map(str, shares)], folder).stdout

    def misread(self, share: Share) -> Share:
        for file in Path(share).iterdir():
            if file.read_bytes().startswith(b"trissfrag"):
                _altered(file)
        return share

    def offers(self) -> list[str]:
        said = run([installed.program("triss", of=self.name), "--help"], Path.cwd()).stdout.decode()
        return re.findall(r"^    ([a-z_]+) ", said, re.M)


PROGRAMS: tuple[type[Program], ...] = (Ssss, Gfsplit, ShamirMnemonic, Slip39, Triss)


def _altered(file: Path) -> Path:
    """Change the last byte of a file."""
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return file


def _misread_words(share: str) -> str:
    words = share.split()
    return " ".join([*words[:-5], words[0] if words[-5] != words[0] else words[1], *words[-4:]])


def _last_hex(done: subprocess.CompletedProcess[bytes]) -> bytes:
    """Return what was printed last in hexadecimal.

    Raises:
        Refused: nothing was.
    """
    said = done.stdout.decode()
    found = re.findall(r"\b(?:[0-9a-f]{2}){16,}\b", said)
    if not found:
        raise Refused(said.strip() + done.stderr.decode().strip())
    return bytes.fromhex(found[-1])

# SPDX-License-Identifier: Apache-2.0
"""Run cryptsetup, and read what it says of a volume's header.

Sources: cryptsetup(8) and its pages for each action; "LUKS2 On-Disk Format Specification", for the metadata that
``luksDump --dump-json-metadata`` writes.

Rules:

1. A passphrase reaches cryptsetup on a descriptor, as a key file: all its bytes and no others. What is typed at a boot
   prompt is the same bytes.
2. *Refused* is exit status 2 with the words for a wrong passphrase; every other failure says nothing about it.
3. A new slot costs what the old one costs: cryptsetup is told the old one's parameters, and measures nothing.

What it does not do: it opens no volume: no device is mapped, and no data are read.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.bounded.program import Ended
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where cryptsetup is looked for; the caller's PATH is not trusted."""

TIME_LIMIT_S = 120.0
"""Longest time one run may take: a slot may be slow on purpose, and its memory slow to get."""

OLDEST_VERSION = (2, 4)
"""First cryptsetup that writes a header's metadata as JSON."""

SLOTS_MAX = 32
"""Slots of a LUKS2 header."""

WRONG = "No key available with this passphrase."
"""cryptsetup's words for a wrong passphrase."""

_NO_PERMISSION = 2
_UNLOCKED = re.compile(r"Key slot (\d{1,2}) unlocked\.")
_VERSION = re.compile(r"cryptsetup (\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a header.

    Attributes:
        number: of the slot.
        salt: of its key derivation, which no other slot has, ever.
        cost: cryptsetup's options that make another slot as slow.
    """

    number: int
    salt: str
    cost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a LUKS2 header says.

    Attributes:
        slots: by number.
        tokens: by number, as JSON objects.
    """

    slots: Mapping[int, Slot]
    tokens: Mapping[int, Mapping[str, Any]]

    def has(self, salt: str) -> bool:
        """Tell whether there is a slot with this salt."""
        return any(slot.salt == salt for slot in self.slots.values())


@dataclass(frozen=True, slots=True)
class Tried:
    """What cryptsetup said to a passphrase.

    Attributes:
        slot: that it opens; None where it opens none.
        refused: whether it was refused for what it is.
        said: cryptsetup's words.
    """

    slot: int | None
    refused: bool
    said: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A device or file with a LUKS2 header.

    Attributes:
        path: of it.
        limit_s: longest time one run may take, in seconds.
        lock: a descriptor that runs inherit, so that a change outlives its parent under the lock; None without one.
    """

    path: Path
    limit_s: float
    lock: int | None = None

    def header(self) -> Header:
        """Read the header.

        Raises:
            ConnectorError: there is none of LUKS2, or it cannot be read.
        """
        ended = self._run("luksDump", "--dump-json-metadata")
        if ended.status != 0:
            raise ConnectorError(f"no LUKS2 header could be read: {ended.complaint}")
        try:
            return _header(json.loads(ended.output))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConnectorError(f"the header says what is not known here: {type(error).__name__}") from error

    def tried(self, passphrase: Secret) -> Tried:
        """Try a passphrase on every slot that is tried without being named."""
        with _handed(passphrase) as (path, descriptor):
            ended = self._run("open", "--test-passphrase", "--verbose", "--key-file", path, given=[descriptor])
        unlocked = _UNLOCKED.search(ended.output.decode(errors="replace"))
        if ended.status == 0 and unlocked:
            return Tried(int(unlocked[1]), False, "cryptsetup opened a slot with it")
        words = _all_lines(ended)
        if ended.status == _NO_PERMISSION and WRONG in words:
            return Tried(None, True, "cryptsetup tried it on every slot and called it wrong")
        return Tried(None, False, f"cryptsetup gave no verdict: {words}")

    def add(self, old: Secret, new: Secret, number: int, cost: Sequence[str]) -> None:
        """Put a passphrase into a free slot.

        Raises:
            ConnectorError: cryptsetup did not.
        """
        with _handed(old) as (old_path, old_descriptor), _handed(new) as (new_path, new_descriptor):
            ended = self._run(
                "luksAddKey", "--key-slot", str(number), *cost, "--key-file", old_path, behind=[new_path],
                given=[old_descriptor, new_descriptor],
            )  # fmt: skip
        if ended.status != 0:
            raise ConnectorError(f"unchanged: cryptsetup made no slot {number}: {_all_lines(ended)}")

    def kill(self, number: int, remaining: Secret) -> None:
        """Destroy a slot, with a passphrase that opens another one.

        Raises:
            ConnectorError: cryptsetup did not.
        """
        with _handed(remaining) as (path, descriptor):
            ended = self._run("luksKillSlot", "--key-file", path, behind=[str(number)], given=[descriptor])
        if ended.status != 0:
            raise ConnectorError(f"cryptsetup did not destroy slot {number}: {_all_lines(ended)}")

    def add_token(self, facts: Mapping[str, Any]) -> None:
        """Write a token into the header: words beside the slots, that hold no secret.

        Raises:
            ConnectorError: cryptsetup did not.
        """
        ended = self._run("token", "import", "--json-file", "-", text=json.dumps(facts).encode())
        if ended.status != 0:
            raise ConnectorError(f"unchanged: nothing can be written into the header: {_all_lines(ended)}")

    def remove_token(self, number: int) -> None:
        """Take a token out of the header.

        Raises:
            ConnectorError: cryptsetup did not.
        """
        ended = self._run("token", "remove", "--token-id", str(number))
        if ended.status != 0:
            raise ConnectorError(f"cryptsetup did not remove token {number}: {_all_lines(ended)}")

    def _run(self, *words: str, behind: Sequence[str] = (), given: Sequence[int] = (), text: bytes = b"") -> Ended:
        """Run one action on the volume; what stands behind the path comes behind it."""
        action = words[:2] if words[0] == "token" else words[:1]
        kept = [*given, *([] if self.lock is None else [self.lock])]
        return programs.run(
            [find_program(), *action, *words[len(action) :], "--", str(self.path), *behind], limit_s=self.limit_s,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C"}, given=text, keep_open=kept,
        )  # fmt: skip


def find_program() -> str:
    """Return the path of cryptsetup.

    Raises:
        ConnectorError: it is not there.
    """
    found = shutil.which("cryptsetup", path=SYSTEM_PATH)
    if found is None:
        raise ConnectorError(f"cryptsetup not found in {SYSTEM_PATH}", hint="install the Debian package cryptsetup-bin")
    return found


def program_problems() -> tuple[str, ...]:
    """Return what is wrong with the cryptsetup of this machine; a version that it does not tell is no problem."""
    try:
        told = programs.run([find_program(), "--version"], limit_s=10, env={"PATH": SYSTEM_PATH, "LC_ALL": "C"})
    except (ConnectorError, OSError) as error:
        return (str(error),)
    match = _VERSION.search(told.output.decode(errors="replace"))
    version = (int(match[1]), int(match[2])) if match else OLDEST_VERSION
    if version < OLDEST_VERSION:
        return (f"cryptsetup is too old: expected 2.4 or later, got {version[0]}.{version[1]}",)
    return ()


@contextlib.contextmanager
def _handed(secret: Secret) -> Iterator[tuple[str, int]]:
    """Yield a path that gives a child process these bytes, and the descriptor that it has to inherit; in memory."""
    descriptor = os.memfd_create("breakglass", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, secret.reveal())
        yield f"/dev/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)


def _header(found: Mapping[str, Any]) -> Header:
    slots = {int(number): _slot(int(number), facts) for number, facts in found["keyslots"].items()}
    tokens = {int(number): facts for number, facts in found["tokens"].items() if isinstance(facts, dict)}
    return Header(slots, tokens)


def _slot(number: int, facts: Mapping[str, Any]) -> Slot:
    kdf = facts.get("kdf")
    if not isinstance(kdf, dict):
        return Slot(number, f"none of slot {number}", ())
    cost: tuple[str, ...]
    if kdf["type"] == "pbkdf2":
        cost = (
            "--pbkdf",
            "pbkdf2",
            "--hash",
            str(kdf["hash"]),
            "--pbkdf-force-iterations",
            str(int(kdf["iterations"])),
        )
    else:
        cost = (
            "--pbkdf", str(kdf["type"]), "--pbkdf-force-iterations", str(int(kdf["time"])),
            "--pbkdf-memory", str(int(kdf["memory"])), "--pbkdf-parallel", str(int(kdf["cpus"])),
        )  # fmt: skip
    return Slot(number, str(kdf["salt"]), cost)


def _all_lines(ended: Ended) -> str:
    """Return what cryptsetup said, in one line; its verdict stands on standard error, its reason beside it."""
    return ended.why or programs.one_line(ended.errors + b" " + ended.output)

# SPDX-License-Identifier: Apache-2.0
"""A wheelhouse: a folder with wheels and ``requirements.txt``, which pins each by its SHA-256 (docs/spec/13-kit.md).

Rules:

1. A wheelhouse is data. Every file in it is a plain one with a plain name; links are refused, and nothing is read
   further than a limit.
2. Files and pins are the same: no file without a pin, no pin without a file, no other bytes.
3. It has this program at this version, with the recovery files that this program has, and whatever a wheel in it needs
   without a condition.
4. What was checked is what is copied: :meth:`Wheelhouse.read` compares once more.

It builds nothing and asks no network; ``make kit-wheels`` does.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.errors import WheelhouseError
from breakglass_shamir.operations.kit import wheels
from breakglass_shamir.operations.kit.wheels import MAX_WHEEL_BYTES, Wheel
from breakglass_shamir.version import __version__

PINS = "requirements.txt"
"""Name of the file with the pins, in the form that pip reads."""

PROGRAM = "breakglass-shamir"
"""What this program is called among wheels."""

INSTALLER = "pip"
"""What installs wheels: it is in the wheelhouse too, for a Python that came without it."""

MAX_WHEELS = 200
MAX_TOTAL_BYTES = 1 << 30
MAX_PINS_BYTES = 256 << 10

_WORD = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_PIN = re.compile(rf"({_WORD})==({_WORD})((?: --hash=sha256:[0-9a-f]{{64}})+)")


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """A wheelhouse that was checked.

    Attributes:
        folder: where it is.
        pins: its requirements, byte for byte.
        wheels: every wheel, by name of its file.
    """

    folder: Path
    pins: bytes = field(repr=False)
    wheels: tuple[Wheel, ...]

    @property
    def installer(self) -> Wheel:
        """The wheel of pip."""
        return next(one for one in self.wheels if one.project == INSTALLER)

    def read(self, wheel: Wheel) -> bytes:
        """Return a wheel's bytes.

        Raises:
            WheelhouseError: they are not those that were checked.
        """
        data = _read(names.inside(self.folder, wheel.file), MAX_WHEEL_BYTES)
        if hashlib.sha256(data).hexdigest() != wheel.sha256:
            raise _wrong(self.folder, f"{wheel.file} was altered while it was read")
        return data


def check(folder: Path, recovery: dict[str, bytes]) -> Wheelhouse:
    """Check a wheelhouse.

    Args:
        folder: where it is.
        recovery: the recovery files of this program, by name.

    Raises:
        WheelhouseError: there is none, or it is not what its pins, and this program, say.
    """
    found = _files(folder)
    pins = _read(folder / PINS, MAX_PINS_BYTES) if PINS in found else None
    if pins is None:
        raise _wrong(folder, f"it has no {PINS}")
    wanted = _pinned(folder, pins)
    known, total = list[Wheel](), 0
    for file in sorted(found - {PINS}):
        data = _read(names.inside(folder, file), MAX_WHEEL_BYTES)
        total += len(data)
        if total > MAX_TOTAL_BYTES:
            raise _wrong(folder, f"expected at most {MAX_TOTAL_BYTES} bytes of wheels")
        digest = hashlib.sha256(data).hexdigest()
        if digest not in wanted:
            raise _wrong(folder, f"{file} is not what {PINS} pins: its SHA-256 is {digest}")
        wheel = wheels.read(file, data, digest)
        if (wheel.project, wheel.version) != wanted.pop(digest):
            raise _wrong(folder, f"{file} is pinned as something else")
        if wheel.project == PROGRAM:
            _require_own(folder, wheel, wheels.members(file, data, recovery), recovery)
        known.append(wheel)
    if wanted:
        project, version = next(iter(wanted.values()))
        raise _wrong(folder, f"{project} {version} is pinned in {PINS}, and its wheel is missing")
    _require_whole(folder, known)
    return Wheelhouse(folder, pins, tuple(known))


def _files(folder: Path) -> frozenset[str]:
    """Return the names of the files in a wheelhouse."""
    found = set[str]()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != PINS and wheels.parts(entry.name) is None:
                    raise _wrong(folder, f"{entry.name[:80]!r} is neither a wheel nor {PINS}")
                if not entry.is_file(follow_symlinks=False):
                    raise _wrong(folder, f"{entry.name} is no plain file")
                found.add(entry.name)
                if len(found) > MAX_WHEELS + 1:
                    raise _wrong(folder, f"expected at most {MAX_WHEELS} wheels")
    except FileNotFoundError:
        raise WheelhouseError(f"there are no wheels at {folder}") from None
    except OSError as error:
        raise WheelhouseError(f"{folder} could not be read: {error.strerror}") from None
    if len({name.lower() for name in found}) < len(found):
        raise _wrong(folder, "two names differ in capital letters alone")
    return frozenset(found)


def _pinned(folder: Path, pins: bytes) -> dict[str, tuple[str, str]]:
    """Return the project and version that each SHA-256 is pinned for."""
    wanted, versions = dict[str, tuple[str, str]](), dict[str, str]()
    try:
        text = pins.decode("ascii")
    except UnicodeDecodeError:
        raise _wrong(folder, f"{PINS} is no plain text") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        pin = _PIN.fullmatch(line)
        if pin is None:
            raise _wrong(folder, f"line {number} of {PINS} is not NAME==VERSION --hash=sha256:...")
        project, version = wheels.normal(pin[1]), pin[2]
        if versions.setdefault(project, version) != version:
            raise _wrong(folder, f"{PINS} pins two versions of {project}")
        for one in pin[3].split():
            digest = one.rpartition(":")[2]
            if digest in wanted:
                raise _wrong(folder, f"line {number} of {PINS} pins a file that another one pins")
            wanted[digest] = project, version
    return wanted


def _require_own(folder: Path, wheel: Wheel, inside: dict[str, bytes], recovery: dict[str, bytes]) -> None:
    if wheel.version != __version__:
        raise _wrong(folder, f"it has {PROGRAM} {wheel.version}, and this is {__version__}")
    other = next((name for name, data in recovery.items() if inside.get(name) != data), None)
    if other is not None:
        raise _wrong(folder, f"{wheel.file} holds another {other} than this program")


def _require_whole(folder: Path, known: list[Wheel]) -> None:
    there = {wheel.project for wheel in known}
    for project in (PROGRAM, INSTALLER):
        if project not in there:
            raise _wrong(folder, f"it has no wheel of {project}")
    for needed, needing in _needs(known):
        if needed not in there:
            raise _wrong(folder, f"it has no wheel of {needed}, which {needing} needs")


def _needs(known: list[Wheel]) -> Iterator[tuple[str, str]]:
    return ((needed, wheel.project) for wheel in known for needed in wheel.needs)


def _read(path: Path, limit: int) -> bytes:
    """Read a file that is a plain one, no link, and no larger than a limit."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
            data = file.read(limit + 1) if plain else b""
    except OSError as error:
        raise WheelhouseError(f"{path} could not be read: {error.strerror}") from None
    if not plain:
        raise WheelhouseError(f"expected a file at {path}, got a folder, pipe or device")
    if len(data) > limit:
        raise WheelhouseError(f"expected at most {limit} bytes in {path}")
    return data


def _wrong(folder: Path, what: str) -> WheelhouseError:
    return WheelhouseError(f"the wheels in {folder} cannot be taken: {what}")

# SPDX-License-Identifier: Apache-2.0
"""One wheel: what its file name and its metadata say, and which machines a set of wheels fits.

Source: the binary distribution format of packaging.python.org (PEP 427, PEP 425, PEP 600).

Rules:

1. A wheel is bytes from elsewhere: of a part no more is unpacked than a limit, and what is no wheel is refused.
2. Its file name and its metadata name the same project and version.
3. A set fits a machine where every project in it has a wheel that does. What is said of it is said for people: which
   Python, which system.

It runs nothing out of a wheel and writes nothing.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from breakglass_shamir.errors import WheelhouseError

MAX_WHEEL_BYTES = 128 << 20
MAX_METADATA_BYTES = 1 << 20
MAX_MEMBER_BYTES = 4 << 20

ANY = "any"
"""The platform of a wheel that fits every one."""

_WORD = "[A-Za-z0-9][A-Za-z0-9._]{0,99}"
_TAGS = r"[a-z0-9_]{1,40}(?:\.[a-z0-9_]{1,40}){0,7}"
_FILE = re.compile(rf"({_WORD})-({_WORD})(?:-[0-9][A-Za-z0-9_.]{{0,29}})?-({_TAGS})-({_TAGS})-({_TAGS})\.whl")
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_GLIBC = re.compile(r"manylinux_([0-9]{1,3})_([0-9]{1,3})_([a-z0-9_]+)")
_LONGEST_NAME = 180

_OTHER_NAMES = {
    "manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17",
    "linux": "manylinux_0_0",
}  # fmt: skip
"""Platforms that are not named after their C library (PEP 600). ``linux``: built here, and nothing says for which."""

_BROKEN = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, KeyError, IndexError, EOFError, OSError,
    OverflowError, struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading an archive that is none may raise."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel as its name and its metadata describe it.

    Attributes:
        file: its name.
        project: whose it is, in the one spelling by which projects are compared (PEP 503).
        version: of the project.
        pythons: tags of the interpreters, such as ``cp311``.
        abis: tags of their binary interfaces, such as ``abi3``.
        platforms: tags of the systems, such as ``manylinux_2_28_x86_64``.
        needs: projects that it needs on every machine.
        sha256: of its bytes, hexadecimal.
    """

    file: str
    project: str
    version: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]
    needs: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Fits:
    """Which machines a set of wheels fits, in words.

    Attributes:
        python: such as ``CPython 3.11``.
        system: such as ``Linux x86_64, glibc 2.28 or newer``.
    """

    python: str
    system: str


def normal(project: str) -> str:
    """Return a project's name in the spelling by which projects are compared."""
    return re.sub(r"[-_.]+", "-", project).lower()


def parts(file: str) -> tuple[str, ...] | None:
    """Return what a file name says: project, version, and three sets of tags; None: it is not the name of a wheel."""
    found = _FILE.fullmatch(file)
    return found.groups() if found and len(file) <= _LONGEST_NAME else None


def read(file: str, data: bytes, sha256: str) -> Wheel:
    """Describe a wheel.

    Args:
        file: its name, of a form that :func:`parts` takes.
        data: its bytes.
        sha256: of them, hexadecimal.

    Raises:
        WheelhouseError: it is none, or its metadata is of another project or version.
    """
    told = parts(file)
    if told is None:
        raise WheelhouseError(f"expected the name of a wheel, got {file[:80]!r}")
    headers = _headers(file, _metadata(file, data))
    project, version = normal(told[0]), told[1]
    said = [normal(name) for name in headers.get("name", ())], headers.get("version", [])
    if said != ([project], [version]):
        raise WheelhouseError(f"{file} is the wheel of something else, as its metadata says")
    always = [line for line in headers.get("requires-dist", ()) if ";" not in line]
    needs = tuple(normal(name[0]) for line in always if (name := _PROJECT.match(line)))
    tags = [tuple(each.split(".")) for each in told[2:]]
    return Wheel(file, project, version, tags[0], tags[1], tags[2], needs, sha256)


def members(file: str, data: bytes, names: Iterable[str]) -> dict[str, bytes]:
    """Return those files of a wheel whose last names are given, none larger than a limit; others are left out.

    Raises:
        WheelhouseError: it is no wheel.
    """
    found = dict[str, bytes]()
    wanted = frozenset(names)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.infolist():
                name = one.filename.rpartition("/")[2]
                if name in wanted and name not in found and one.file_size <= MAX_MEMBER_BYTES:
                    found[name] = _unpacked(archive, one, MAX_MEMBER_BYTES)
    except _BROKEN:
        raise WheelhouseError(f"{file} is no wheel, or a damaged one") from None
    return found


def fits(wheels: Sequence[Wheel]) -> Fits:
    """Tell which machines a set of wheels fits.

    Raises:
        WheelhouseError: there is none that all of them fit.
    """
    projects = dict[str, list[Wheel]]()
    for wheel in wheels:
        projects.setdefault(wheel.project, []).append(wheel)
    pythons = _common({name: _pythons(each) for name, each in projects.items()}, "Python")
    systems = _common({name: _systems(each) for name, each in projects.items()}, "system")
    python = " or ".join(f"CPython {one[2]}.{one[3:]}" for one in sorted(pythons, key=_number)) or "every Python 3"
    system = " or ".join(_in_words(name, systems[name]) for name in sorted(systems)) or "every system"
    return Fits(python, system)


def _metadata(file: str, data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (one,) = [each for each in archive.infolist() if _METADATA.fullmatch(each.filename)]
            return _unpacked(archive, one, MAX_METADATA_BYTES)
    except _BROKEN:
        raise WheelhouseError(f"{file} is no wheel, or a damaged one") from None


def _unpacked(archive: zipfile.ZipFile, one: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(one) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise ValueError(one.filename)
    return data


def _headers(file: str, metadata: bytes) -> dict[str, list[str]]:
    """Return the values of each header, by its name in small letters."""
    headers = dict[str, list[str]]()
    try:
        text = metadata.decode()
    except UnicodeDecodeError:
        raise WheelhouseError(f"{file} is no wheel, or a damaged one") from None
    for line in text.split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if not line.strip():
            break
        if colon:
            headers.setdefault(name.lower(), []).append(value.strip())
    return headers


Span = Mapping[str, tuple[int, int]]
"""What a project's wheels take: a tag of a Python or a system, and the oldest C library there; ``any`` is every one."""


def _pythons(wheels: Iterable[Wheel]) -> Span:
    found = dict[str, tuple[int, int]]()
    for wheel in wheels:
        special = [tag for tag in wheel.pythons if re.fullmatch(r"cp3[0-9]+", tag)]
        if "abi3" in wheel.abis or not special:
            return {ANY: (0, 0)}
        found.update(dict.fromkeys(special, (0, 0)))
    return found


def _systems(wheels: Iterable[Wheel]) -> Span:
    """Return the systems of a project's wheels; of each the oldest C library that one of them takes."""
    found = dict[str, tuple[int, int]]()
    for tag in (tag for wheel in wheels for tag in wheel.platforms):
        older, _, machine = tag.partition("_")
        glibc = _GLIBC.fullmatch(f"{_OTHER_NAMES[older]}_{machine}" if older in _OTHER_NAMES else tag)
        name, least = (f"Linux {glibc[3]}", (int(glibc[1]), int(glibc[2]))) if glibc else (tag, (0, 0))
        found[name] = min(least, found.get(name, least))
    return {ANY: (0, 0)} if ANY in found else found


def _common(projects: Mapping[str, Span], what: str) -> dict[str, tuple[int, int]]:
    """Return what every project takes, with the newest of the oldest C libraries; empty: every one."""
    special = {name: span for name, span in projects.items() if ANY not in span}
    if not special:
        return {}
    shared = set.intersection(*(set(span) for span in special.values()))
    if not shared:
        told = "; ".join(f"{name} {', '.join(sorted(span))}" for name, span in sorted(special.items()))
        raise WheelhouseError(f"the wheels fit no {what} together: {told}")
    return {one: max(span[one] for span in special.values()) for one in shared}


def _number(tag: str) -> int:
    return int(tag[2:])


def _in_words(name: str, glibc: tuple[int, int]) -> str:
    return f"{name}, glibc {glibc[0]}.{glibc[1]} or newer" if any(glibc) else name

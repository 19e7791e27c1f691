# SPDX-License-Identifier: Apache-2.0
"""The same work by ours and by a peer, in turns: libraries against libraries, programs against programs."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.pairs import Measured, pairs
from tests.benchmarks.peers import installed
from tests.benchmarks.peers.libraries import LIBRARIES, OURS, Kept, Refused, kept
from tests.benchmarks.peers.processes import PROGRAMS, Ours, Program

SIZES = (32, 1024)
"""Bytes of the secret."""

CALLS = 5
"""Calls of a library in one run."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    group: str
    """What is compared: library, program, sheets or back."""

    work: str
    peer: str
    version: str
    ours_s: float
    """Median time for the work, seconds."""

    theirs_s: float
    ratio: float
    """Median of ours divided by its neighbour's."""

    lowest: float
    highest: float
    runs: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Work that is not in the table, and why."""

    work: str
    peer: str
    reason: str


def row(group: str, peer: str, version: str, found: Measured, calls: int = 1) -> Row:
    """Make a line of what was measured, so many calls at a time."""
    return Row(
        group, found.what, peer, version, found.ours_s / calls, found.other_s / calls, found.ratio, found.lowest,
        found.highest, found.runs,
    )  # fmt: skip


def libraries(folder: Path, runs: int) -> Iterator[Row | Absent]:
    """Measure calls of libraries."""
    with kept(OURS, folder) as ours:
        for name in LIBRARIES:
            try:
                with kept(name, folder) as other:
                    yield from _library(ours, other, runs)
            except installed.NotHere as error:
                yield Absent("library calls", name, error.reason)


def _library(ours: Kept, other: Kept, runs: int) -> Iterator[Row | Absent]:
    version = installed.version(other.name)
    for size in SIZES:
        secret = os.urandom(size)
        splitting, combining = (f"{word} {size} bytes, 3 of 5" for word in ("split", "combine"))
        try:
            theirs = other.split(secret)
        except Refused as error:
            yield Absent(splitting, other.name, str(error))
            continue
        mine = ours.split(secret)
        assert ours.combine(mine[:3]) == other.combine(theirs[:3]) == secret
        combines = partial(_combine, ours, mine), partial(_combine, other, theirs)
        yield row("library", other.name, version, pairs(combining, combines[0], other.name, combines[1], runs), CALLS)
        splits = partial(_split, ours, secret), partial(_split, other, secret)
        yield row("library", other.name, version, pairs(splitting, splits[0], other.name, splits[1], runs), CALLS)


def _split(library: Kept, secret: bytes) -> None:
    library.split(secret, CALLS)


def _combine(library: Kept, shares: list[str]) -> None:
    library.combine(shares[:3], CALLS)


def programs(folder: Path, runs: int) -> Iterator[Row | Absent]:
    """Measure whole processes, start-up included."""
    for kind in PROGRAMS:
        with ExitStack() as stack:
            other = kind()
            try:
                version = other.version()
            except installed.NotHere as error:
                yield Absent("whole processes", other.name, error.reason)
                continue
            yield from _program(Ours(), other, version, folder / other.name, runs)
            stack.callback(shutil.rmtree, folder / other.name, ignore_errors=True)


def _program(ours: Program, other: Program, version: str, folder: Path, runs: int) -> Iterator[Row | Absent]:
    for size in SIZES:
        secret = secrets.token_hex(size // 2).encode()
        places = [folder / f"{size}-{who}" for who in ("ours", "theirs")]
        for place in places:
            place.mkdir(parents=True)
        try:
            other.split(secret, places[1])
        except Refused as error:
            yield Absent(f"split {size} bytes, 3 of 5, whole process", other.name, _last_line(str(error)))
            continue
        splits = [_splitting(one, secret, place) for one, place in zip((ours, other), places, strict=True)]
        what = f"split {size} bytes, 3 of 5, whole process"
        yield row("program", other.name, version, pairs(what, splits[0], other.called, splits[1], runs))
        combines = [_combining(one, secret, place) for one, place in zip((ours, other), places, strict=True)]
        what = f"combine {size} bytes, 3 of 5, whole process"
        yield row("program", other.name, version, pairs(what, combines[0], other.called, combines[1], runs))


def _splitting(program: Program, secret: bytes, place: Path) -> Callable[[], None]:
    def split() -> None:
        _empty(place)
        assert len(program.split(secret, place)) == 5

    return split


def _combining(program: Program, secret: bytes, place: Path) -> Callable[[], None]:
    _empty(place)
    shares = program.split(secret, place)[:3]

    def combine() -> None:
        assert program.combine(shares, place) == secret

    return combine


def _last_line(said: str) -> str:
    return said.splitlines()[-1].strip() if said else "it failed and said nothing"


def _empty(place: Path) -> None:
    shutil.rmtree(place)
    place.mkdir()

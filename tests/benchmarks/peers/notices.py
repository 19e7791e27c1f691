# SPDX-License-Identifier: Apache-2.0
"""What each peer notices and has, found out by doing it and not by reading about it.

Rules:

1. A share is taken from a split of 3 of 5. Two of three are combined; then three, of which one was misread, or is
   well-formed with another value, or comes from another secret. What comes out is one word of ``Outcome``.
2. A peer names a wrong share if what it says differs with which of the three is wrong. A wrong share lies where the
   right one lay, under its name, so that names of files make no difference.
3. It records a use if combining leaves more behind than the secret.
4. It rotates if one of its own commands or names says so.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.benchmarks.peers import installed, paper
from tests.benchmarks.peers.libraries import LIBRARIES, OURS, Refused, kept
from tests.benchmarks.peers.processes import Gfsplit, Program, Ssss, Triss

_SEATS = range(3)
_HAVE_PAGES = ("slip39", "triss")
"""Draw pages that are not damaged here: cards that hold every share on one picture, and sixty pictures."""

_ROTATES = ("rotat", "renew", "refresh", "reshare")


class Outcome(StrEnum):
    """How combining ended."""

    REPAIRED = "repaired: the secret came out"
    NAMED = "refused, and the share named"
    REFUSED = "refused"
    WROTE = "another secret written out, then refused"
    WRONG = "another secret, and no word"


@dataclass(frozen=True, slots=True)
class Found:
    """What one peer notices and has."""

    peer: str
    version: str
    few: str
    misread: str
    forged: str
    foreign: str
    recorded: bool
    rotates: bool
    damaged: str
    """Damaged pages that it still opens from."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A peer as it is tried out."""

    split: Callable[[bytes], Sequence[Any]]
    combine: Callable[[Sequence[Any]], bytes]
    misread: Callable[[Any], Any]
    forge: Callable[[Any], Any]


def notices(desk: paper.Desk, strengths: Sequence[int]) -> Iterator[Found]:
    """Try out ours and every peer that is here; our set is sealed already. Pages are damaged in these strengths."""
    with tempfile.TemporaryDirectory(dir=desk.folder) as folder:
        for name in (OURS, *LIBRARIES):
            try:
                yield _library(name, Path(folder), desk, strengths)
            except installed.NotHere:
                continue
        for kind in (Ssss, Gfsplit, Triss):
            program = kind()
            try:
                program.version()
            except installed.NotHere:
                continue
            yield _program(program, Path(folder) / program.name, desk, strengths)


def _library(name: str, folder: Path, desk: paper.Desk, strengths: Sequence[int]) -> Found:
    with kept(name, folder) as library:
        tried = Tried(library.split, library.combine, library.misread, library.forge)
        outcomes, damaged = _outcomes(tried), _pages(name)
        if name == OURS:
            damaged = _of(paper.ours_damaged(desk, strengths))
            left = bool(paper.records_of_a_use(desk))
            from breakglass_shamir import __version__ as version
        else:
            left, version = any(folder.iterdir()), installed.version(name)
        return Found(name, version, *outcomes, left, _rotates(library.offers()), damaged)


def _program(program: Program, folder: Path, desk: paper.Desk, strengths: Sequence[int]) -> Found:
    folder.mkdir()
    tried = Tried(
        lambda secret: program.split(secret, _fresh(folder)),
        lambda shares: program.combine(shares, folder), program.misread, program.misread,
    )  # fmt: skip
    outcomes = _outcomes(tried)
    shares = tried.split(os.urandom(32))
    before = set(folder.iterdir())
    program.combine(shares[:3], folder)
    left = {path.name for path in set(folder.iterdir()) - before} - {"combined"}
    damaged = _pages(program.name)
    if program.name == "ssss":
        damaged = _of(paper.plain_damaged(desk, strengths))
    return Found(program.name, program.version(), *outcomes, bool(left), _rotates(program.offers()), damaged)


def _outcomes(tried: Tried) -> tuple[str, str, str, str]:
    secret = os.urandom(16).hex().encode()
    with tempfile.TemporaryDirectory() as aside:
        others = [_copied(share, Path(aside) / f"other-{seat}") for seat, share in enumerate(_three(tried))]
        shares = tried.split(secret)
        few, _ = _tried(tried, secret, shares[:2])
        changes: tuple[Callable[[Any, int], Any], ...] = (
            lambda share, seat: tried.misread(share),
            lambda share, seat: tried.forge(share),
            lambda share, seat: _copied(others[seat], share) if isinstance(share, Path) else others[seat],
        )
        misread, forged, foreign = (_named(tried, secret, shares, change, Path(aside) / "kept") for change in changes)
    return few, misread, forged, foreign


def _three(tried: Tried) -> Sequence[Any]:
    """Return three shares of another secret."""
    return tried.split(os.urandom(16).hex().encode())[:3]


def _named(
    tried: Tried, secret: bytes, shares: Sequence[Any], change: Callable[[Any, int], Any], kept_at: Path
) -> Outcome:
    """Put a wrong share at each place in turn, which lies where the right one lay, and put that back."""
    ends = []
    for seat in _SEATS:
        right = _copied(shares[seat], kept_at)
        three = [change(share, seat) if number == seat else share for number, share in enumerate(shares[:3])]
        ends.append(_tried(tried, secret, three))
        if isinstance(right, Path):
            _copied(right, shares[seat])
    worst = max((outcome for outcome, _ in ends), key=list(Outcome).index)
    names = len({said for _, said in ends}) == len(_SEATS)
    return Outcome.NAMED if worst is Outcome.REFUSED and names else worst


def _copied(share: Any, target: Path) -> Any:
    """Copy a share that is a file or a folder over what is there; a text is its own copy."""
    if not isinstance(share, Path):
        return share
    if share.is_file():
        shutil.copy(share, target)
        return target
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(share, target)


def _tried(tried: Tried, secret: bytes, shares: Sequence[Any]) -> tuple[Outcome, str]:
    try:
        found = tried.combine(shares)
    except Refused as error:
        wrote = len(error.wrote) == len(secret)
        return (Outcome.WROTE if wrote else Outcome.REFUSED), str(error)
    return (Outcome.REPAIRED if found == secret else Outcome.WRONG), ""


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _pages(name: str) -> str:
    return "not tried" if name in _HAVE_PAGES else "has no pages"


def _rotates(offers: Sequence[str]) -> bool:
    return any(word in name.lower() for name in offers for word in _ROTATES)


def _of(counted: tuple[int, int]) -> str:
    return f"{counted[0]} of {counted[1]}"

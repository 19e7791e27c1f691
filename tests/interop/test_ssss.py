# SPDX-License-Identifier: Apache-2.0
"""An independent program recombines our sheets: Debian's ``ssss-combine``, half by half."""

import itertools
import subprocess
from collections.abc import Callable, Iterable

import pytest

from breakglass_shamir.crypto import keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share, from_text
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, Sealed]:
    """A real epoch, 3 of 5, and the master it drew."""
    drawn: list[bytes] = []
    honest = keys.random_bytes

    def watched(length: int) -> bytes:
        drawn.append(honest(length))
        return drawn[-1]

    monkeypatch.setattr(keys, "random_bytes", watched)
    structure = Structure(1, (Group(3, 5),))
    facts = Facts(Kind.LIVE, "prod-db", 1, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
    sealed = seal(facts, Secret(b"tinned beans"))
    return drawn[0], sealed


def ssss_combine(program: str, points: Iterable[tuple[int, bytes]], threshold: int) -> bytes:
    """Recombine one half; the program writes its answer to standard error."""
    typed = "".join(f"{x}-{value.hex()}\n" for x, value in points)
    command = [program, "-D", "-x", "-q", "-t", str(threshold)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stderr.strip())


def halves(shares: Iterable[Share]) -> list[list[tuple[int, bytes]]]:
    points = [(share.member, share.value.reveal()) for share in shares]
    return [[(x, value[start : start + 16]) for x, value in points] for start in (0, 16)]


def test_ssss_recombines_the_master_from_printed_texts(need: Callable[[str], str], dealt: tuple[bytes, Sealed]) -> None:
    program = need("ssss-combine")
    master, sealed = dealt
    printed = [from_text(share.to_text()).share for share in sealed.shares]
    for quorum in itertools.permutations(printed, 3):
        assert b"".join(ssss_combine(program, half, 3) for half in halves(quorum)) == master


def test_ssss_agrees_on_what_too_few_sheets_give(need: Callable[[str], str], dealt: tuple[bytes, Sealed]) -> None:
    program = need("ssss-combine")
    master, sealed = dealt
    two = sealed.shares[:2]
    theirs = b"".join(ssss_combine(program, half, 2) for half in halves(two))
    assert theirs == shamir.combine([(share.member, share.value) for share in two], 2).reveal()
    assert theirs != master


@pytest.mark.parametrize("secret", [bytes(32), b"\x00" * 15 + b"\x01" + b"\x00" * 16, b"\xff" * 32])
def test_ssss_keeps_leading_zeros(need: Callable[[str], str], secret: bytes) -> None:
    program = need("ssss-combine")
    values = shamir.split(Secret(secret), 2, 255)
    shares = [Share(Kind.LIVE, bytes(8), 1, x, values[x - 1]) for x in (1, 255)]
    assert b"".join(ssss_combine(program, half, 2) for half in halves(shares)) == secret


def test_ssss_split_is_combined_here(need: Callable[[str], str]) -> None:
    command = [need("ssss-split"), "-D", "-x", "-q", "-t", "3", "-n", "5", "-s", "128"]
    wanted = [bytes(range(16)), bytes(range(16, 32))]
    dealt = []
    for half in wanted:
        done = subprocess.run(command, input=half.hex() + "\n", capture_output=True, text=True, check=True)
        rows = [line.split("-") for line in done.stdout.split()]
        dealt.append({int(x): bytes.fromhex(value) for x, value in rows})
    points = [(x, Secret(dealt[0][x] + dealt[1][x])) for x in (5, 2, 3)]
    assert shamir.combine(points, 3).reveal() == b"".join(wanted)

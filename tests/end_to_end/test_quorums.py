# SPDX-License-Identifier: Apache-2.0
"""Promise 1 at its borders: every coalition that the policy names opens, and no smaller one does."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.answer import Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import InsufficientShares
from breakglass_shamir.formats.structure import Seat
from tests.end_to_end.life import CUSTODIANS, DECLARATION, NAME, Life, groups_text, texts_on_paper

TWO_LEVELS = groups_text((2, CUSTODIANS[:3]), (1, CUSTODIANS[3:5]))
"""2 of 3 of one group, and 1 of 2 of another."""

POLICIES = {
    "2 of 3": (groups_text((2, CUSTODIANS[:3])), 3),
    "3 of 5": (groups_text((3, CUSTODIANS[:5])), 10),
    "5 of 9": (groups_text((5, CUSTODIANS)), 126),
    "2 of 3 and 1 of 2": (TWO_LEVELS, 6),
}
"""Quorum to its text in a policy file and how many smallest quorums it has."""


def seat_of(path: Path) -> Seat:
    """Read a sheet's seat from its file name."""
    _, group, member = path.stem.rsplit("-", 2)
    return int(group[1:]), int(member[1:])


def smallest_quorums(quorum: str, seats: list[Seat]) -> Iterator[frozenset[Seat]]:
    """Enumerate the quorums from what the policy's name says, not from the program's structure."""
    if quorum == "2 of 3 and 1 of 2":
        first, second = ([seat for seat in seats if seat[0] == group] for group in (1, 2))
        for pair in itertools.combinations(first, 2):
            yield from (frozenset((*pair, one)) for one in second)
        return
    for chosen in itertools.combinations(seats, int(quorum[0])):
        yield frozenset(chosen)


@pytest.mark.parametrize("quorum", POLICIES)
def test_every_quorum_of_printed_sheets_opens_and_nothing_smaller(quorum: str, tmp_path: Path) -> None:
    groups, count = POLICIES[quorum]
    life = Life(tmp_path, quorum=groups)
    life.begin()
    life.ok("split", life.policy, "--credential-from", "-", "--out", life.sheets(1), stdin=life.secret.reveal())
    texts = {seat_of(path): found for path, found in texts_on_paper(life.sheets(1)).items()}
    quorums = set(smallest_quorums(quorum, sorted(texts)))
    assert len(quorums) == count
    for seats in quorums:
        pool = Pool({})
        for seat in seats:
            answers = [pool.add(text) for text in texts[seat]]
            assert any(answer.verdict in (Verdict.UNKNOWN, Verdict.ENVELOPE) for answer in answers)
        opened = Credential.from_bytes(pool.quorum().unseal().plaintext)
        assert opened.secret == life.secret
    for size in range(len(texts)):
        for chosen in itertools.combinations(texts, size):
            if any(seats <= set(chosen) for seats in quorums):
                continue
            pool = Pool({})
            for seat in chosen:
                for text in texts[seat]:
                    pool.add(text)
            with pytest.raises(InsufficientShares):
                pool.quorum()


@pytest.mark.parametrize("quorum", POLICIES)
def test_a_scanned_quorum_opens_on_the_command_line_and_one_sheet_less_does_not(quorum: str, tmp_path: Path) -> None:
    groups, _ = POLICIES[quorum]
    life = Life(tmp_path, quorum=groups)
    life.begin()
    life.seal()
    scans = {seat_of(path): path for path in life.scans(1).iterdir()}
    chosen = sorted(max(smallest_quorums(quorum, sorted(scans)), key=sorted))
    words = [["--scan", str(scans[seat])] for seat in chosen]
    few = life.run("recombine", NAME, *DECLARATION, *itertools.chain(*words[:-1]), "--no-reveal")
    assert few.exit == 4, few.err
    assert "no quorum" in few.err
    assert "opened" not in life.kinds()
    full = life.run("recombine", NAME, *DECLARATION, *itertools.chain(*words), "--no-reveal")
    assert full.exit == 7, full.err
    assert "login by the connector: accepted" in full.err

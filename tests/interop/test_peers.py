# SPDX-License-Identifier: Apache-2.0
"""What the comparison with other tools finds out by trying: here of ours, and of ``ssss``, which is always there."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.benchmarks.peers import installed
from tests.benchmarks.peers.libraries import OURS, Refused, kept
from tests.benchmarks.peers.notices import Outcome, Tried, _outcomes
from tests.benchmarks.peers.processes import Ssss


def test_ours_repairs_a_misread_share_and_names_a_wrong_one(tmp_path: Path) -> None:
    with kept(OURS, tmp_path) as ours:
        found = _outcomes(Tried(ours.split, ours.combine, ours.misread, ours.forge))
        assert found == (Outcome.REFUSED, Outcome.REPAIRED, Outcome.NAMED, Outcome.NAMED)
        assert any("rotate" in name for name in ours.offers())


def test_ssss_gives_another_secret_without_a_word(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssss-split")
    ssss = Ssss()
    tried = Tried(
        lambda secret: ssss.split(secret, tmp_path), lambda shares: ssss.combine(shares, tmp_path), ssss.misread,
        ssss.misread,
    )  # fmt: skip
    assert set(_outcomes(tried)) == {Outcome.WRONG}


def test_a_peer_that_says_the_same_whichever_share_is_wrong_names_none() -> None:
    def refuse(shares: object) -> bytes:
        raise Refused("something is wrong")

    outcomes = _outcomes(Tried(lambda secret: ["a", "b", "c", "d", "e"], refuse, str.upper, str.upper))
    assert set(outcomes) == {Outcome.REFUSED}


def test_a_file_that_is_a_share_is_put_back_after_each_try(tmp_path: Path) -> None:
    shares = [tmp_path / name for name in "abcde"]

    def split(secret: bytes) -> list[Path]:
        for share in shares:
            share.write_bytes(share.name.encode() + secret)
        return shares

    def combine(given: Sequence[Path]) -> bytes:
        wrong = [one.name for one in given if one.read_bytes()[:1] != one.name.encode()]
        if wrong:
            raise Refused(f"wrong: {wrong}")
        return given[0].read_bytes()[1:]

    def spoil(share: Path) -> Path:
        share.write_bytes(b"!")
        return share

    _, misread, forged, foreign = _outcomes(Tried(split, combine, spoil, spoil))
    assert (misread, forged, foreign) == (Outcome.NAMED, Outcome.NAMED, Outcome.WRONG)


def test_a_peer_that_is_not_here_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PEERS", tmp_path)
    with pytest.raises(installed.NotHere) as absent:
        installed.version("triss")
    assert "make setup-bench" in absent.value.reason
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "triss").write_text("no matching distribution\n")
    with pytest.raises(installed.NotHere) as absent:
        installed.version("triss")
    assert absent.value.reason == "no matching distribution"

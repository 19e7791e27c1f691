# SPDX-License-Identifier: Apache-2.0
"""A passphrase of a LUKS2 container, with the real cryptsetup; no volume is opened, and no root is needed."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_one_of_several_wins
from fault_matrix import FaultMatrix, World
from target_life import Place, live_through

from breakglass_shamir.connectors.luks import cryptsetup
from breakglass_shamir.connectors.luks.connector import TOKEN
from breakglass_shamir.connectors.luks.cryptsetup import Volume
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

QUICK = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
SIZE = 18 << 20
"""Bytes of a container: the header and a little."""


def run(*words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run cryptsetup, a passphrase on its standard input."""
    return subprocess.run(["cryptsetup", *words], input=given, capture_output=True, timeout=60, check=False)


def make(path: Path, secret: Secret, *more: str, kind: str = "luks2") -> Path:
    """Make a container whatever was there."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(SIZE)
    words = ("luksFormat", "-q", "--type", kind, *(more or QUICK), "--key-file=-", str(path))
    done = run(*words, given=secret.reveal())
    assert done.returncode == 0, done.stderr
    return path


def add(path: Path, secret: Secret, another: Secret) -> None:
    """Put one passphrase more into it."""
    Volume(path, 60).add(secret, another, len(Volume(path, 60).header().slots), QUICK)


def opens(path: Path, secret: Secret) -> bool:
    """Ask cryptsetup itself."""
    return run("open", "--test-passphrase", "--key-file=-", str(path), given=secret.reveal()).returncode == 0


def slots(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(run("luksDump", "--dump-json-metadata", str(path)).stdout)["keyslots"]
    return found


@pytest.fixture(autouse=True)
def program(need: Callable[[str], str]) -> str:
    return need("cryptsetup")


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture
def path(tmp_path: Path, right: Secret) -> Path:
    (tmp_path / "a folder").mkdir()
    return make(tmp_path / "a folder" / "volume", right)


def at(path: Path, **options: str) -> Connector:
    return connector_for(f"luks://{str(path).replace(' ', '%20')}", options=options)


class TestLuks(ConnectorContract):
    """The contract."""

    @pytest.fixture
    def stage(self, path: Path, right: Secret, new: Secret) -> Stage:
        return Stage(at(path), right, generate(24), new)

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        return at(tmp_path / "nothing")


class TestLuksFaults(FaultMatrix):
    """A rotation, broken at every step."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> World:
        need("cryptsetup")
        path = tmp_path_factory.mktemp("luks") / "volume"
        return World(
            "luks", f"luks://{path}", "", None, become=lambda secret: assert_made(path, secret),
            opens=partial(opens, path), options={},
        )  # fmt: skip


def assert_made(path: Path, secret: Secret) -> None:
    make(path, secret)


def test_a_passphrase_from_sheet_to_new_sheet(path: Path, right: Secret, tmp_path: Path) -> None:
    place = Place(f"luks://{str(path).replace(' ', '%20')}", "", right, {}, partial(opens, path), None)
    live_through(place, tmp_path / "set")


# --- what stays and what goes --------------------------------------------------------------------------------


def test_other_slots_stay_and_every_slot_of_the_old_one_goes(path: Path, right: Secret, new: Secret) -> None:
    other = generate(24)
    add(path, right, other)
    add(path, right, right)
    assert len(slots(path)) == 3
    at(path).rotate(right, new)
    assert [opens(path, one) for one in (right, other, new)] == [False, True, True]
    assert len(slots(path)) == 2
    assert Volume(path, 60).header().tokens == {}


@pytest.mark.parametrize(
    "cost",
    [QUICK, ("--pbkdf", "argon2id", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "64", "--pbkdf-parallel", "1")],
)
def test_the_new_slot_costs_what_the_old_one_costs(
    tmp_path: Path, right: Secret, new: Secret, cost: tuple[str]
) -> None:
    path = make(tmp_path / "volume", right, *cost)
    before = Volume(path, 60).header()
    at(path).rotate(right, new)
    after = Volume(path, 60).header()
    assert [slot.cost for slot in after.slots.values()] == [slot.cost for slot in before.slots.values()]
    assert not after.has(before.slots[0].salt)


def test_a_full_header_is_told_before_printing(
    path: Path, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cryptsetup, "SLOTS_MAX", 1)
    assert any("no free slot" in one for one in at(path).preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        at(path).rotate(right, new)
    assert opens(path, right)


def test_several_terminals_at_once(path: Path, right: Secret) -> None:
    assert_one_of_several_wins(lambda: at(path), right, [generate(24) for _ in range(3)], partial(opens, path))


# --- a change that was interrupted ---------------------------------------------------------------------------


def half_changed(path: Path, right: Secret, new: Secret) -> None:
    """Do what a rotation does up to the old slot's end."""
    volume = Volume(path, 60)
    salt = volume.header().slots[0].salt
    volume.add_token({"type": TOKEN, "keyslots": [], "new_slot": "1", "replaces_salt": salt})
    volume.add(right, new, 1, QUICK)


def test_a_change_that_is_not_finished_is_no_new_credential_and_is_gone_on_with(
    path: Path, right: Secret, new: Secret
) -> None:
    half_changed(path, right, new)
    assert at(path).check(new).result is CheckResult.UNKNOWN
    assert at(path).check(right).result is CheckResult.ACCEPTED
    at(path).rotate(right, new)
    assert [opens(path, one) for one in (right, new)] == [False, True]
    assert at(path).check(new).result is CheckResult.ACCEPTED


def test_what_an_abandoned_change_made_is_destroyed_by_the_next_one(path: Path, right: Secret, new: Secret) -> None:
    left = generate(24)
    half_changed(path, right, left)
    at(path).rotate(right, new)
    assert [opens(path, one) for one in (right, left, new)] == [False, False, True]


def test_words_that_are_left_in_the_header_cost_no_slot(path: Path, right: Secret, new: Secret) -> None:
    """The old slot is gone, its token is not; somebody else's slot has its number now."""
    Volume(path, 60).add_token({"type": TOKEN, "keyslots": [], "new_slot": "1", "replaces_salt": "of nobody"})
    other = generate(24)
    add(path, right, other)
    assert at(path).check(other).result is CheckResult.ACCEPTED
    at(path).rotate(right, new)
    assert [opens(path, one) for one in (right, other, new)] == [False, True, True]


def test_a_passphrase_that_is_another_slot_s_already_is_not_taken(path: Path, right: Secret, new: Secret) -> None:
    add(path, right, new)
    with pytest.raises(ConnectorError, match="already") as caught:
        at(path).rotate(right, new)
    assert caught.value.rejected
    assert opens(path, right)


# --- what is never a dead credential -------------------------------------------------------------------------


def test_what_is_no_luks2_volume_knows_nothing(tmp_path: Path, right: Secret, new: Secret) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(bytes(1 << 20))
    for path in (plain, tmp_path):
        assert at(path).check(right).result is CheckResult.UNKNOWN
        assert not at(path).preflight(new).ready
        with pytest.raises(ConnectorError):
            at(path).rotate(right, new)


def test_an_old_header_is_told_before_printing(tmp_path: Path, right: Secret, new: Secret) -> None:
    path = make(tmp_path / "volume", right, "--pbkdf-force-iterations", "1000", kind="luks1")
    assert any("LUKS2" in one for one in at(path).preflight(new, right).problems)
    with pytest.raises(ConnectorError):
        at(path).rotate(right, new)
    assert opens(path, right)


def test_a_header_without_slots_refuses_nobody(path: Path, right: Secret) -> None:
    assert run("luksErase", "-q", str(path)).returncode == 0
    assert at(path).check(right).result is CheckResult.UNKNOWN


def test_a_program_that_does_not_end_in_time_is_unknown(path: Path, right: Secret) -> None:
    assert at(path, time_limit="0.001").check(right).result is CheckResult.UNKNOWN


@pytest.mark.parametrize("value", [b"", b"x" * 513, b"two\nlines", b"nul\0byte"])
def test_what_cannot_be_typed_is_no_passphrase(path: Path, value: bytes) -> None:
    with pytest.raises(ConnectorError, match="not a passphrase"):
        at(path).check(Secret(value))
    assert not at(path).preflight(Secret(value)).ready or not value


@pytest.mark.parametrize("target", ["luks:volume", "luks://host/volume", "luks:///a?b", "luks:///a%00b"])
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target)

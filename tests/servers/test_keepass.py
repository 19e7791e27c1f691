# SPDX-License-Identifier: Apache-2.0
"""The master password of a KeePass database that pykeepass wrote, changed on a copy that takes its place."""

import functools
import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connector_contract import ConnectorContract, Stage, assert_one_of_several_wins
from fault_matrix import FaultMatrix, World
from target_life import Place, live_through

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

pykeepass = pytest.importorskip("pykeepass")


@functools.cache
def blank() -> bytes:
    """Return a database with an entry, as cheap to open as its format lets it be, under the password ``password``."""
    database: Any = pykeepass.PyKeePass(pykeepass.pykeepass.BLANK_DATABASE_LOCATION, "password")
    cost = database.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    cost["I"].value, cost["M"].value = 1, 1 << 20
    database.add_entry(database.root_group, "router", "admin", "an entry's own password")
    written = io.BytesIO()
    database.save(written)
    return written.getvalue()


def make(path: Path, secret: Secret, keyfile: Path | None = None) -> Path:
    """Make a database, whatever was there."""
    path.unlink(missing_ok=True)
    database: Any = pykeepass.PyKeePass(io.BytesIO(blank()), "password")
    database.password, database.keyfile = secret.reveal().decode(), str(keyfile) if keyfile else None
    database.save(str(path))
    path.chmod(0o600)
    return path


def entries(path: Path, secret: Secret, keyfile: Path | None = None) -> list[tuple[str, str]]:
    """Read a database with pykeepass in this process."""
    found: Any = pykeepass.PyKeePass(str(path), secret.reveal().decode(), str(keyfile) if keyfile else None)
    return [(one.title, one.password) for one in found.entries]


def opens(path: Path, secret: Secret, keyfile: Path | None = None) -> bool:
    try:
        return entries(path, secret, keyfile) == [("router", "an entry's own password")]
    except pykeepass.exceptions.CredentialsError:
        return False


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture
def path(tmp_path: Path, right: Secret) -> Path:
    (tmp_path / "a folder").mkdir()
    return make(tmp_path / "a folder" / "safe.kdbx", right)


def at(path: Path, **options: str) -> Connector:
    return connector_for(f"keepass://{str(path).replace(' ', '%20')}", options=options)


class TestKeepass(ConnectorContract):
    """The contract."""

    @pytest.fixture
    def stage(self, path: Path, right: Secret, new: Secret) -> Stage:
        return Stage(at(path), right, generate(24), new)

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        return at(tmp_path / "nothing")


class TestKeepassFaults(FaultMatrix):
    """A rotation, broken at every step."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, tmp_path_factory: pytest.TempPathFactory) -> World:
        path = tmp_path_factory.mktemp("keepass") / "safe.kdbx"
        first = generate(24)
        kept = make(path.with_name("first.kdbx"), first)

        def become(secret: Secret) -> None:
            assert secret == first
            shutil.copy2(kept, path)

        return World(
            "keepass", f"keepass://{path}", "", None, become, opens=partial(opens, path), options={}, secret=first
        )


def test_a_master_password_from_sheet_to_new_sheet(path: Path, right: Secret, tmp_path: Path) -> None:
    place = Place(f"keepass://{str(path).replace(' ', '%20')}", "", right, {}, partial(opens, path), None)
    live_through(place, tmp_path / "set")


# --- what stays and what goes --------------------------------------------------------------------------------


def test_content_cost_and_mode_stay_and_salts_are_new(path: Path, right: Secret, new: Secret) -> None:
    path.chmod(0o640)
    before = facts(path, right)
    at(path).rotate(right, new)
    after = facts(path, new)
    assert opens(path, new)
    assert path.stat().st_mode & 0o777 == 0o640
    assert {name: before[name] == after[name] for name in before} == {"cost": True, "kind": True, "salt": False}
    assert sorted(one.name for one in path.parent.iterdir()) == ["safe.kdbx"]


def facts(path: Path, secret: Secret) -> dict[str, object]:
    database: Any = pykeepass.PyKeePass(str(path), secret.reveal().decode())
    found = database.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    return {
        "cost": (found["I"].value, found["M"].value), "kind": database.kdf_algorithm, "salt": bytes(found["S"].value)
    }  # fmt: skip


def test_a_key_file_belongs_to_the_master_key_and_stays(tmp_path: Path, right: Secret, new: Secret) -> None:
    keyfile = tmp_path / "safe.key"
    keyfile.write_bytes(os.urandom(32))
    path = make(tmp_path / "safe.kdbx", right, keyfile)
    connector = at(path, keyfile=str(keyfile))
    assert connector.preflight(new, right).ready
    connector.rotate(right, new)
    assert opens(path, new, keyfile)
    assert connector.check(right).result is CheckResult.REFUSED
    assert at(path).check(new).result is CheckResult.REFUSED, "without its key file"
    keyfile.unlink()
    assert connector.check(new).result is CheckResult.UNKNOWN
    assert not connector.preflight(None).ready


def test_a_link_stays_a_link(path: Path, right: Secret, new: Secret) -> None:
    link = path.parent.parent / "link.kdbx"
    link.symlink_to(path)
    at(link).rotate(right, new)
    assert link.is_symlink()
    assert opens(path, new)


def test_several_terminals_at_once(path: Path, right: Secret) -> None:
    assert_one_of_several_wins(lambda: at(path), right, [generate(24) for _ in range(3)], partial(opens, path))


def test_a_copy_that_an_interrupted_rotation_left_is_removed(path: Path, right: Secret, new: Secret) -> None:
    left = path.with_name(f".{path.name}.breakglass-{'0' * 16}")
    shutil.copy(path, left)
    assert any("left a copy" in one for one in at(path).preflight(new).notes)
    assert at(path).check(new).result is CheckResult.REFUSED
    assert not left.exists()


@pytest.mark.parametrize("name", ["safe.kdbx.lock", ".safe.kdbx.lock"])
def test_a_database_that_somebody_has_open_is_left_alone(path: Path, right: Secret, new: Secret, name: str) -> None:
    path.with_name(name).touch()
    assert any(name in one for one in at(path).preflight(new).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        at(path).rotate(right, new)
    assert opens(path, right)


def test_a_database_that_is_saved_meanwhile_is_not_overwritten(
    path: Path, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    dress = one_file._dress

    def saved(copy: Path, model: Path) -> None:
        make(path, right)
        dress(copy, model)

    monkeypatch.setattr(one_file, "_dress", saved)
    with pytest.raises(ConnectorError, match="somebody else"):
        at(path).rotate(right, new)
    assert opens(path, right)


# --- what is never a dead credential -------------------------------------------------------------------------


def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-40:] = bytes(40)
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize("harm", [damaged, cut, lambda path: path.write_bytes(b"no database"), Path.unlink])
def test_what_cannot_be_read_is_unknown(path: Path, right: Secret, new: Secret, harm: Callable[[Path], object]) -> None:
    harm(path)
    assert at(path).check(right).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError):
        at(path).rotate(right, new)


def test_a_database_that_takes_too_long_is_unknown(path: Path, right: Secret) -> None:
    assert at(path, time_limit="0.01").check(right).result is CheckResult.UNKNOWN


def test_a_database_that_asks_for_all_memory_is_unknown(path: Path, right: Secret) -> None:
    database: Any = pykeepass.PyKeePass(str(path), right.reveal().decode())
    cost = database.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    raw = path.read_bytes()
    told = int(cost["M"].value).to_bytes(8, "little")
    assert raw.count(b"M\x08\0\0\0" + told) == 1
    path.write_bytes(raw.replace(b"M\x08\0\0\0" + told, b"M\x08\0\0\0" + (1 << 41).to_bytes(8, "little")))
    assert at(path).check(right).result is CheckResult.UNKNOWN


@pytest.mark.parametrize("value", [b"", b"nul\0byte", b"\xff\xfe no text"])
def test_what_is_no_text_is_no_password(path: Path, right: Secret, value: bytes) -> None:
    with pytest.raises(ConnectorError):
        at(path).check(Secret(value))
    with pytest.raises(ConnectorError, match="unchanged"):
        at(path).rotate(right, Secret(value))


def test_a_second_hard_link_is_told(path: Path, right: Secret, new: Secret) -> None:
    path.with_name("another").hardlink_to(path)
    assert any("hard link" in one for one in at(path).preflight(new).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        at(path).rotate(right, new)


@pytest.mark.parametrize(
    ("target", "options"),
    [("keepass:safe", {}), ("keepass://host/safe", {}), ("keepass:///a?b", {}), ("keepass:///a", {"keyfile": "b"})],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, options=options)

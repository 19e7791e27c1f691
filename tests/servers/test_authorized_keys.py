# SPDX-License-Identifier: Apache-2.0
"""The key pair in an ``authorized_keys`` file: both halves are replaced, and nothing else in the file."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage
from fault_matrix import Matrix, World

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.connectors.ssh.authorized_keys import AuthorizedKeysConnector
from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUKuCZ0rFRmBGZLIcB3GAwhpb0cGqFcpcPFvDGGW3Yi somebody else"


@pytest.fixture(autouse=True)
def program(need: Callable[[str], str]) -> str:
    return need("ssh-keygen")


def make_pair(folder: Path) -> tuple[Secret, str]:
    """Make a pair as people do; returns the private key and the public key's line."""
    path = folder / f"pair-{len(list(folder.iterdir()))}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "one", "-f", str(path)], check=True)
    pair = Secret(path.read_bytes()), path.with_suffix(".pub").read_text().strip()
    path.unlink()
    return pair


def public_half(private: Secret, folder: Path) -> str:
    path = folder / "oracle"
    path.write_bytes(private.reveal())
    path.chmod(0o600)
    told = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True)
    path.unlink()
    return " ".join(told.stdout.split()[:2])


def bound(path: Path) -> Connector:
    return connector_for(f"ssh-authorized-keys://{path}", "breakglass")


class TestItHoldsToTheContract(ConnectorContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        right, line = make_pair(tmp_path)
        path = tmp_path / "authorized_keys"
        path.write_text(f"{OTHER}\n{line}\n")
        path.chmod(0o600)
        return Stage(bound(path), right, make_pair(tmp_path)[0], make_pair(tmp_path)[0])

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        return bound(tmp_path / "not there")


def written(folder: Path, text: str) -> tuple[Connector, Path, Secret]:
    """Write a file in which ``KEY`` stands for a key of ours."""
    private, line = make_pair(folder)
    path = folder / "authorized_keys"
    path.write_text(text.replace("KEY", " ".join(line.split()[:2])))
    path.chmod(0o600)
    return bound(path), path, private


def test_everything_else_in_the_file_stays(tmp_path: Path) -> None:
    options = 'from="10.0.0.0/8",command="echo \\"KEY\\""'
    text = f"# who may come in\n\n{OTHER}\n{options} KEY break glass\n  KEY\n# KEY old\n{OTHER}"
    connector, path, old = written(tmp_path, text)
    path.chmod(0o640)
    before, facts = path.read_text(), path.stat()
    new = connector.issue(old)
    assert path.read_text() == before
    connector.rotate(old, new)
    mine, theirs = public_half(old, tmp_path), public_half(new, tmp_path)
    lines = before.splitlines()
    lines[3] = lines[3].replace(f'" {mine} break', f'" {theirs} break')
    lines[4] = lines[4].replace(mine, theirs)
    assert path.read_text() == "\n".join(lines)
    assert (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) == (facts.st_mode, facts.st_uid, facts.st_gid)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        ["authorized_keys", *(entry.name for entry in tmp_path.glob("*.pub"))]
    )


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("KEY", CheckResult.ACCEPTED),
        ("\tKEY comment", CheckResult.ACCEPTED),
        ('no-pty,command="a b" KEY', CheckResult.ACCEPTED),
        ('expiry-time="20990101" KEY', CheckResult.ACCEPTED),
        ('expiry-time="209901010000Z" KEY', CheckResult.ACCEPTED),
        ("# KEY", CheckResult.REFUSED),
        ("", CheckResult.REFUSED),
        ('command="KEY" ' + OTHER, CheckResult.REFUSED),
        (f"{OTHER} KEY", CheckResult.REFUSED),
        ('expiry-time="20200101" KEY', CheckResult.UNKNOWN),
        ('no-pty,expiry-time="20200101000000Z" KEY', CheckResult.UNKNOWN),
        ("cert-authority KEY", CheckResult.UNKNOWN),
    ],
)
def test_a_key_is_in_force_or_not_there_or_neither(tmp_path: Path, line: str, result: CheckResult) -> None:
    connector, _, private = written(tmp_path, f"{OTHER}\n{line}\n")
    assert connector.check(private).result is result


def test_a_key_under_a_passphrase_is_no_credential_here(tmp_path: Path) -> None:
    connector, path, old = written(tmp_path, "KEY\n")
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "some words", "-f", str(locked)], check=True)
    new, before = Secret(locked.read_bytes()), path.read_bytes()
    assert not connector.preflight(new).ready
    assert connector.check(new).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(old, new)
    assert path.read_bytes() == before


def test_a_file_that_sshd_would_not_read_is_not_ready(tmp_path: Path) -> None:
    connector, path, _ = written(tmp_path, "KEY\n")
    assert connector.preflight(None).ready
    path.chmod(0o666)
    assert "sshd does not read it" in connector.preflight(None).problems[0]
    path.chmod(0o600)
    os.link(path, tmp_path / "second")
    assert "second hard link" in connector.preflight(None).problems[0]


@pytest.mark.parametrize("target", ["ssh-authorized-keys:keys", "ssh-authorized-keys://host/keys"])
def test_only_an_absolute_path_is_a_target(target: str) -> None:
    with pytest.raises(InvalidInput):
        AuthorizedKeysConnector(target)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Matrix]:
    private, line = make_pair(tmp_path)
    folder = tmp_path / "ssh"
    folder.mkdir()
    path = folder / "authorized_keys"

    def become(_secret: Secret) -> None:
        path.write_text(f"{OTHER}\n{line}\n")
        path.chmod(0o600)

    world = World(
        "key-pair", f"ssh-authorized-keys://{path}", "breakglass", None, become,
        lambda secret: public_half(secret, tmp_path) in path.read_text(), options={}, kind="key-pair", secret=private,
        split=["--raw"],
    )  # fmt: skip
    made = Matrix(world, tmp_path)
    yield made
    made.close()


def test_a_whole_rotation_puts_another_pair_on_paper(lab: Matrix) -> None:
    ended = lab.rotate()
    assert ended.status == 0, ended.said
    (new,) = lab.credentials(2)
    assert new.kind is CredentialKind.KEY_PAIR
    assert new.secret.reveal().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    lab.proven()


@pytest.mark.parametrize("step", ["after connector.issue", "before connector.rotate", "after connector.rotate"])
def test_a_kill_in_the_middle_locks_nobody_out(lab: Matrix, step: str) -> None:
    ended = lab.rotate(kill=step)
    assert ended.status < 0
    lab.look()
    lab.bring_back(ended)
    lab.proven()

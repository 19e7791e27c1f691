# SPDX-License-Identifier: Apache-2.0
"""The key of an SSH certificate authority: what it signed opens a real sshd, or does not any more."""

import getpass
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, error_text
from fault_matrix import FaultMatrix, World
from sshd_server import SshdServer
from target_life import Place, live_through

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.connectors.ssh import authority, revoked
from breakglass_shamir.connectors.ssh.authority import fingerprint, replaced, trusted
from breakglass_shamir.connectors.ssh.key_pair import new_pair, public_half
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ACCEPTED, REFUSED, UNKNOWN = CheckResult.ACCEPTED, CheckResult.REFUSED, CheckResult.UNKNOWN
KINDS = ("none", "text", "krl")
"""What the file of revoked keys is."""


class Hosts:
    """A folder with the two files that sshd reads, and an sshd.

    Attributes:
        trusted: the file of trusted keys.
        revoked: the file of revoked keys.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signed: dict[bytes, Path] = {}
        self.trusted, self.revoked = folder / "trusted", folder / "revoked"
        self.trusted.write_text("")
        self.revoked.write_text("")
        self.sshd = SshdServer(folder, f"TrustedUserCAKeys {self.trusted}\nRevokedKeys {self.revoked}\n")

    def begin(self, private: Secret, kind: str) -> None:
        """Trust one authority, and revoke nothing."""
        self.trusted.write_bytes(public_half(private) + b" the first one\n")
        self.revoked.unlink(missing_ok=True)
        if kind == "krl":
            subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(self.revoked)], check=True)
        else:
            self.revoked.write_text("")

    def connector(self, kind: str) -> Connector:
        options = {} if kind == "none" else {"revoked": str(self.revoked)}
        return connector_for(f"ssh-ca://{self.trusted}", "", options)

    def opens(self, private: Secret) -> bool:
        """Ask sshd whether it lets a key in that an authority signed."""
        user = self._signed.get(private.reveal()) or self._sign(private)
        return self.sshd.takes(user, user.with_name("user-cert.pub"))

    def _sign(self, private: Secret) -> Path:
        folder = self._folder / f"signed-{len(self._signed)}"
        folder.mkdir()
        ca, user = folder / "ca", folder / "user"
        ca.touch(0o600)
        ca.write_bytes(private.reveal())
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(user)], check=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-s", str(ca), "-I", "test", "-n", getpass.getuser(), f"{user}.pub"], check=True
        )
        ca.unlink()
        self._signed[private.reveal()] = user
        return user


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    if shutil.which("sshd", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("the program sshd is not there")
    made = Hosts(tmp_path_factory.mktemp("ssh-ca"))
    made.sshd.start()
    yield made
    made.sshd.stop()


@pytest.fixture
def right() -> Secret:
    return new_pair("right")


@pytest.fixture
def new() -> Secret:
    return new_pair("new")


class TestItHoldsToTheContract(ConnectorContract):
    """The contract, with a list of revoked keys."""

    @pytest.fixture
    def stage(self, hosts: Hosts, right: Secret, new: Secret) -> Stage:
        hosts.begin(right, "krl")
        return Stage(hosts.connector("krl"), right, new_pair("wrong"), new)

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        return connector_for(f"ssh-ca://{tmp_path}/not-there")


class TestFaults(FaultMatrix):
    """A rotation in three steps, each of which may be the last one of a run."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, hosts: Hosts) -> World:
        first = new_pair("first")
        return World(
            "ssh-ca", f"ssh-ca://{hosts.trusted}", "", None, become=lambda secret: hosts.begin(secret, "krl"),
            opens=hosts.opens, options={"revoked": str(hosts.revoked)}, kind="key-pair", secret=first, few=True,
        )  # fmt: skip


def test_an_authority_from_sheet_to_new_sheet(hosts: Hosts, right: Secret, tmp_path: Path) -> None:
    hosts.begin(right, "krl")
    place = Place(
        f"ssh-ca://{hosts.trusted}", "", right, {"revoked": str(hosts.revoked)}, hosts.opens, None, kind="key-pair"
    )
    live_through(place, tmp_path)


# --- sshd is the judge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_sshd_refuses_what_the_old_one_signed_and_takes_what_the_new_one_signs(
    hosts: Hosts, right: Secret, new: Secret, kind: str
) -> None:
    hosts.begin(right, kind)
    connector = hosts.connector(kind)
    assert [hosts.opens(one) for one in (right, new)] == [True, False]
    assert [connector.check(one).result for one in (right, new)] == [ACCEPTED, REFUSED]
    connector.rotate(right, new)
    assert [hosts.opens(one) for one in (right, new)] == [False, True]
    assert [connector.check(one).result for one in (right, new)] == [REFUSED, ACCEPTED]
    # As on a host that still trusts the old one, and has the list of revoked keys already.
    with hosts.trusted.open("ab") as file:
        file.write(public_half(right) + b"\n")
    assert hosts.opens(right) is (kind == "none")
    assert connector.check(right).result is (ACCEPTED if kind == "none" else REFUSED)


@pytest.mark.parametrize("kind", ["text", "krl"])
@pytest.mark.parametrize("step", ["first", "second"])
def test_a_change_that_ended_between_two_steps_is_gone_on_with(
    hosts: Hosts, right: Secret, new: Secret, kind: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.begin(right, kind)
    connector = hosts.connector(kind)

    def dies(*_rest: object, **_more: object) -> None:
        raise OSError(5, "the disk is gone")

    if step == "first":
        monkeypatch.setattr(revoked, "revoke", dies)
        wanted, said = [ACCEPTED, UNKNOWN], "the old key is in force"
    else:
        monkeypatch.setattr(one_file, "put_in_place", _once_more(2, one_file.put_in_place, dies))
        wanted, said = [REFUSED, ACCEPTED], "the change is in place"
    assert said in error_text(lambda: connector.rotate(right, new))
    monkeypatch.undo()
    assert [connector.check(one).result for one in (right, new)] == wanted
    assert [hosts.opens(one) for one in (right, new)] == [step == "first", True]
    if step == "first":
        other = new_pair("another")
        connector.rotate(right, other)
        assert [hosts.opens(one) for one in (right, new, other)] == [False, False, True]
        assert [line.key for line in trusted(hosts.trusted.read_bytes())] == [public_half(other)]


def _once_more(good: int, works: object, dies: object) -> object:
    """Return what works so many times, and then dies."""
    left = [good]

    def call(*rest: object) -> object:
        left[0] -= 1
        return (works if left[0] >= 0 else dies)(*rest)  # type: ignore[operator]

    return call


def test_other_authorities_and_comments_stay(hosts: Hosts, right: Secret, new: Secret) -> None:
    hosts.begin(right, "krl")
    other = new_pair("other")
    before = b"# trusted since 2024\n\n" + public_half(other) + b" ops\n" + hosts.trusted.read_bytes() + b"junk here\n"
    hosts.trusted.write_bytes(before)
    hosts.trusted.chmod(0o640)
    hosts.connector("krl").rotate(right, new)
    content = hosts.trusted.read_bytes()
    assert content.startswith(b"# trusted since 2024\n\n" + public_half(other) + b" ops\n")
    assert content.endswith(b"junk here\n")
    assert public_half(right) not in content
    assert hosts.trusted.stat().st_mode & 0o777 == 0o640
    assert [hosts.opens(one) for one in (other, new)] == [True, True]


# --- what is never a dead key, and what is told before printing -------------------------------------------------


def test_files_that_cannot_be_read_prove_nothing(hosts: Hosts, right: Secret, new: Secret) -> None:
    hosts.begin(right, "krl")
    connector = hosts.connector("krl")
    hosts.revoked.write_bytes(revoked.MAGIC + b"\xff" * 40)
    with pytest.raises(ConnectorError, match="cannot be read"):
        connector.check(right)
    with pytest.raises(ConnectorError):
        connector.rotate(right, new)
    hosts.revoked.unlink()
    assert connector.check(right).result is UNKNOWN
    assert not connector.preflight(new).ready
    assert "not accepted" in error_text(lambda: connector.rotate(right, new))
    hosts.begin(right, "krl")
    assert connector.check(right).result is ACCEPTED


def test_a_file_that_others_may_write_and_a_key_that_is_not_in_it_are_told(
    hosts: Hosts, right: Secret, new: Secret
) -> None:
    hosts.begin(right, "text")
    hosts.trusted.chmod(0o666)
    connector = hosts.connector("text")
    assert any("written by others" in one for one in connector.preflight(new, right).problems)
    hosts.trusted.chmod(0o644)
    assert connector.preflight(new, right).ready
    assert any("not in the file" in one for one in connector.preflight(new, new).problems)
    assert connector.preflight(Secret(b"no key"), right).unfit


def test_a_fingerprint_is_ssh_keygen_s(tmp_path: Path, right: Secret) -> None:
    (tmp_path / "key.pub").write_bytes(public_half(right))
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True)
    assert fingerprint(public_half(right)).encode() in told.stdout


def test_what_sshd_does_not_read_is_no_key(right: Secret, new: Secret) -> None:
    key = public_half(right)
    assert trusted(b"#" + key + b"\ncert-authority " + key + b"\n" + key[:-5] + b"\n\xff\n") == []
    with pytest.raises(ConnectorError, match="not in the file"):
        replaced(b"# nothing\n", key, public_half(new), keep=False)


@pytest.mark.parametrize(
    ("target", "options"),
    [("ssh-ca://host/x", {}), ("ssh-ca:relative", {}), ("ssh-ca:///x?y", {}), ("ssh-ca:///x", {"revoked": "relative"})],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, "", options)


def test_the_mark_of_a_key_that_follows_another_is_a_comment(right: Secret, new: Secret) -> None:
    line = authority._line(public_half(new), "", public_half(right))
    (found,) = trusted(line)
    assert (found.key, found.replaces) == (public_half(new), fingerprint(public_half(right)))

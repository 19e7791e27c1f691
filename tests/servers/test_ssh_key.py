# SPDX-License-Identifier: Apache-2.0
"""The ssh-key connector on real keys and the real ssh-keygen."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, watched_processes
from key_workshop import KINDS, connector, make_key, names, opens, passphrase, replace_ssh_keygen

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.ssh import keygen
from breakglass_shamir.connectors.ssh.connector import SshKeyConnector
from breakglass_shamir.connectors.ssh.key_format import key_format
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ODD_PASSPHRASES = [
    b'it\'s "quoted" `here`',
    b"$HOME ${PATH} $(id) \\n \\\\ %s %d",
    b"  leading and trailing  ",
    b"-leading-dash",
    b"-----",
    "p\u00e4ssw\u00f6rd \u5bc6\u7801 \U0001f511".encode(),
    b"\xff\xfe raw bytes \x80",
    b"tab\tand\x03control\x04\x15\x16\x1b",
    b"*?[a]~;&|<>!#",
    b"five5",
    b"x" * 1022 + b"y",
]


@pytest.fixture(autouse=True)
def program(need: Callable[[str], str]) -> str:
    return need("ssh-keygen")


@pytest.fixture
def old() -> Secret:
    return passphrase()


@pytest.fixture
def new() -> Secret:
    return passphrase()


class TestSshKeyHoldsToTheContract(ConnectorContract):
    @pytest.fixture(params=KINDS)
    def stage(self, tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
        right = passphrase()
        path = make_key(tmp_path, right, request.param)
        return Stage(connector(path), right, passphrase(), passphrase())

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        return connector(tmp_path / "not there")


@pytest.mark.parametrize("kind", KINDS)
def test_rotation_keeps_key_format_cipher_and_rounds(tmp_path: Path, old: Secret, new: Secret, kind: str) -> None:
    path = make_key(tmp_path, old, kind, rounds=3)
    before, public = key_format(path.read_bytes()), path.with_suffix(".pub").read_bytes()
    connector(path).rotate(old, new)
    assert key_format(path.read_bytes()) == before
    assert before.rounds in (0, 3)
    command: list[str | bytes] = ["ssh-keygen", "-y", "-P", new.reveal(), "-f", str(path)]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    assert shown.split()[:2] == public.split()[:2]
    assert path.with_suffix(".pub").read_bytes() == public
    assert names(tmp_path) == ["id", "id.pub"]


@pytest.mark.parametrize("value", ODD_PASSPHRASES)
def test_a_passphrase_arrives_byte_for_byte(tmp_path: Path, old: Secret, value: bytes) -> None:
    path = make_key(tmp_path, old)
    connector(path).rotate(old, Secret(value))
    assert opens(path, Secret(value))
    assert connector(path).check(Secret(value)).result is CheckResult.ACCEPTED
    assert connector(path).check(Secret(value[:-1])).result is CheckResult.REFUSED
    connector(path).rotate(Secret(value), old)
    assert opens(path, old)


@pytest.mark.parametrize("value", [b"", b"two\nlines", b"line\r", b"nul\0byte", b"x" * 1024])
def test_what_can_be_no_passphrase_is_an_error_and_no_refusal(tmp_path: Path, old: Secret, value: bytes) -> None:
    path = make_key(tmp_path, old)
    with pytest.raises(ConnectorError, match="not a passphrase"):
        connector(path).check(Secret(value))
    with pytest.raises(ConnectorError, match="not a passphrase"):
        connector(path).rotate(old, Secret(value))
    assert connector(path).preflight(Secret(value)).problems
    assert opens(path, old)


def test_a_wrong_old_passphrase_is_named_as_the_reason(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old)
    with pytest.raises(ConnectorError, match="unchanged: the old credential did not open the key"):
        connector(path).rotate(passphrase(), new)


def test_a_new_passphrase_needs_five_bytes_and_a_difference(tmp_path: Path, old: Secret) -> None:
    path = make_key(tmp_path, old)
    with pytest.raises(ConnectorError, match="too short"):
        connector(path).rotate(old, Secret(b"four"))
    with pytest.raises(ConnectorError, match="is the old one"):
        connector(path).rotate(old, old)
    assert opens(path, old)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_without_passphrase_accepts_nothing(tmp_path: Path, old: Secret, new: Secret, kind: str) -> None:
    path = make_key(tmp_path, None, kind)
    with pytest.raises(ConnectorError, match="not protected"):
        connector(path).check(old)
    with pytest.raises(ConnectorError, match="not protected"):
        connector(path).rotate(old, new)
    assert any("not protected" in problem for problem in connector(path).preflight(new).problems)


def put_nothing(path: Path) -> None:
    path.unlink()


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def put_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def put_text(path: Path) -> None:
    path.write_text("not a key\n")


def put_public_key(path: Path) -> None:
    path.write_bytes(path.with_suffix(".pub").read_bytes())


def put_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def put_open(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.parametrize(
    "spoil", [put_nothing, put_folder, put_pipe, put_loop, put_text, put_public_key, put_half, put_open]
)
def test_a_spoiled_file_is_unknown_and_never_refused(
    tmp_path: Path, old: Secret, new: Secret, spoil: Callable[[Path], None]
) -> None:
    path = make_key(tmp_path, old)
    spoil(path)
    if spoil in (put_text, put_public_key, put_half):
        with pytest.raises(ConnectorError, match="cannot read the key file, whatever its passphrase is"):
            connector(path).check(old)
    else:
        assert connector(path).check(old).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError):
        connector(path).rotate(old, new)
    assert not connector(path).preflight(new).ready
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_symlink_stays_and_its_file_is_changed(tmp_path: Path, old: Secret, new: Secret) -> None:
    (tmp_path / "real").mkdir()
    path = make_key(tmp_path / "real", old)
    link = tmp_path / "link"
    link.symlink_to("real/id")
    connector(link).rotate(old, new)
    assert link.is_symlink()
    assert opens(path, new)
    assert names(tmp_path / "real") == ["id", "id.pub"]


def test_owner_mode_and_attributes_stay(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old)
    path.chmod(0o400)
    os.utime(path, (1, 1))
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
    before = path.stat()
    connector(path).rotate(old, new)
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert stat.S_IMODE(after.st_mode) == 0o400
    assert after.st_mtime > 1


def test_a_second_hard_link_would_keep_the_old_passphrase_alive(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old)
    (tmp_path / "other").hardlink_to(path)
    with pytest.raises(ConnectorError, match="hard link"):
        connector(path).rotate(old, new)
    assert opens(path, old)


def test_a_file_name_is_percent_encoded_in_the_target(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old).rename(tmp_path / "-key #1?.[x]*")
    bound = SshKeyConnector(f"ssh-key://{tmp_path}/-key%20%231%3F.[x]*")
    bound.rotate(old, new)
    assert opens(path, new)


@pytest.mark.parametrize(
    "target",
    [
        "ssh-key://host/key",
        "ssh-key:key",
        "ssh-key://",
        "ssh-key:///k?a=b",
        "ssh-key:///k#f",
        "ssh-key:///a%00b",
    ],
)
def test_a_target_that_is_no_absolute_path_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput, match="ssh-key:///absolute/path"):
        SshKeyConnector(target)


def test_preflight_reports_lock_age_and_old_format(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old, "rsa-pem")
    (tmp_path / ".id.breakglass-0123456789abcdef").write_bytes(path.read_bytes())
    found = connector(path).preflight(new)
    assert found.ready
    assert any("old PEM format" in note for note in found.notes)
    assert any("left a copy" in note for note in found.notes)
    assert names(tmp_path) == [".id.breakglass-0123456789abcdef", "id", "id.pub"]


def test_an_old_openssh_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret) -> None:
    path = make_key(tmp_path, old)
    monkeypatch.setattr(keygen, "openssh_version", lambda: (8, 3))
    assert "8.3" in connector(path).preflight(None).problems[0]


def test_no_ssh_keygen_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret) -> None:
    path = make_key(tmp_path, old)
    monkeypatch.setattr(keygen, "SYSTEM_PATH", str(tmp_path))
    with pytest.raises(ConnectorError, match="ssh-keygen not found"):
        connector(path).check(old)
    assert not connector(path).preflight(None).ready


def test_time_out_is_unknown_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret
) -> None:
    path = make_key(tmp_path, old)
    replace_ssh_keygen(monkeypatch, tmp_path / "bin", 'sleep 60 & echo $! >"$KEY.pid"; wait')
    monkeypatch.setattr(keygen, "TIME_LIMIT_S", 0.5)
    answer = connector(path).check(old)
    assert (answer.result, answer.detail) == (CheckResult.UNKNOWN, "ssh-keygen did not answer in time")
    assert not runs(int(path.with_name("id.pid").read_text()))


def test_the_policys_time_limit_holds_for_ssh_keygen_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret
) -> None:
    path = make_key(tmp_path, old)
    replace_ssh_keygen(monkeypatch, tmp_path / "bin", "sleep 60")
    answer = SshKeyConnector(f"ssh-key://{path}", options={"time_limit": "0.5"}).check(old)
    assert (answer.result, answer.detail) == (CheckResult.UNKNOWN, "ssh-keygen did not answer in time")


def runs(process: int) -> bool:
    """Tell whether a process is there and no zombie (proc_pid_stat(5), field 3)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "script",
    [
        "kill -KILL $$",
        'echo "Load key: incorrect passphrase supplied to decrypt private key" >&2; exit 255',
        'SSH_ASKPASS=/nowhere "$REAL" "$@"',
        'SSH_ASKPASS=/bin/false "$REAL" "$@"',
        'SSH_ASKPASS_REQUIRE=never "$REAL" "$@"',
        'PATH=/nowhere "$REAL" "$@"',
    ],
)
def test_refused_needs_that_the_passphrase_arrived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret, script: str
) -> None:
    path = make_key(tmp_path, old)
    replace_ssh_keygen(monkeypatch, tmp_path / "bin", script)
    assert connector(path).check(old).result is CheckResult.UNKNOWN


def test_a_helper_that_lost_its_execute_bit_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: Secret
) -> None:
    path = make_key(tmp_path, old)
    plain = tmp_path / "askpass.sh"
    plain.write_bytes(keygen._ASKPASS.read_bytes())
    monkeypatch.setattr(keygen, "_ASKPASS", plain)
    assert connector(path).check(old).result is CheckResult.ACCEPTED


def test_askpass_and_dd_were_watched_and_held_no_secret(tmp_path: Path, old: Secret, new: Secret) -> None:
    path = make_key(tmp_path, old, rounds=16)
    with watched_processes() as seen:
        connector(path).rotate(old, new)
    text = b"\n".join(seen)
    assert b"ssh-keygen\0-p" in text
    assert b"SSH_ASKPASS_REQUIRE=force" in text
    assert_no_secret(text, (old, new))
    assert_no_secret(b"".join(file.read_bytes() for file in tmp_path.iterdir()), (old, new))

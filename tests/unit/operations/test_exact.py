# SPDX-License-Identifier: Apache-2.0
"""A credential's bytes are exact by kind: what is taken is what was given, and what could not be used is refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.ssh import key_pair
from breakglass_shamir.connectors.ssh.connector import SshKeyConnector
from breakglass_shamir.custody.credential import CredentialKind as Kind
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import exact

WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda key: key,
    "no newline": lambda key: key.rstrip(b"\n"),
    "last line end is CR LF": lambda key: key.rstrip(b"\n") + b"\r\n",
    "CR LF": lambda key: key.replace(b"\n", b"\r\n"),
    "CR": lambda key: key.replace(b"\n", b"\r"),
    "CR LF inside": lambda key: key.replace(b"\n", b"\r\n").replace(b"-----\r\n", b"-----\n"),
    "UTF-8 mark": lambda key: b"\xef\xbb\xbf" + key,
    "UTF-16": lambda key: key.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda key: key.decode().encode("utf-16-le"),
    "text in front": lambda key: b"key of the vault:\n" + key,
    "empty line in front": lambda key: b"\n" + key,
    "blanks in front": lambda key: b"\t " + key,
    "indented": lambda key: b"".join(b"    " + line for line in key.splitlines(keepends=True)),
    "one line": lambda key: key.replace(b"\n", b" "),
    "no end": lambda key: key[: key.rindex(b"-----END")],
    "half": lambda key: key[: len(key) // 2],
    "text behind": lambda key: key + b"more\n",
    "blank at the end": lambda key: key.rstrip(b"\n") + b" \n",
    "two newlines": lambda key: key + b"\n\n",
    "damaged": lambda key: key[:120] + b"AAAAAAAA" + key[128:],
}
NAMED = {
    "no newline": "a line feed is missing at its end", "CR LF": "its lines end with CR LF",
    "last line end is CR LF": "its lines end with CR LF", "CR": "CR alone", "UTF-8 mark": "byte order mark",
    "UTF-16": "UTF-16", "UTF-16 without a mark": "UTF-16", "text in front": "18 bytes in front",
    "empty line in front": "1 byte in front", "blanks in front": "blanks stand in front",
    "indented": "blanks stand in front", "one line": "put into one", "no end": "cut off", "half": "cut off",
    "blank at the end": "a line feed is missing", "damaged": "damaged",
}  # fmt: skip
FORMS = {
    "OpenSSH": ("-t", "ed25519"), "PEM": ("-t", "rsa", "-b", "2048", "-m", "PEM"),
    "PKCS8": ("-t", "ecdsa", "-m", "PKCS8"),
}  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder, made = tmp_path_factory.mktemp("keys"), {}
    for form, arguments in FORMS.items():
        subprocess.run(["ssh-keygen", "-q", "-N", "", *arguments, "-f", folder / form], check=True)
        made[form] = (folder / form).read_bytes()
    return made


def reads(content: bytes, folder: Path) -> bool:
    """Ask ssh-keygen itself."""
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_bytes(content)
    command = ["ssh-keygen", "-y", "-P", "", "-f", str(folder / "key")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
def test_a_key_pair_is_taken_if_and_only_if_ssh_keygen_reads_these_bytes(
    form: str, way: str, keys: dict[str, bytes], tmp_path: Path
) -> None:
    content = WAYS[way](keys[form])
    if reads(content, tmp_path):
        assert exact.taken(content, Kind.KEY_PAIR, raw=False).reveal() == content
        assert key_pair.file_flaw(content) is None
        return
    for raw in (False, True):
        with pytest.raises(InvalidInput, match="ssh-keygen cannot read this key pair") as refused:
            exact.taken(content, Kind.KEY_PAIR, raw=raw)
        assert form != "OpenSSH" or NAMED[way] in str(refused.value)
        assert refused.value.hint


MENDED = {
    "no newline": "echo >> F", "CR LF": "tr -d '\\r' < F > N && mv N F", "UTF-8 mark": "tail -c +4 F > N && mv N F",
    "CR": "tr '\\r' '\\n' < F > N && mv N F", "indented": "sed 's/^[[:blank:]]*//' F > N && mv N F",
    "UTF-16": "iconv -f UTF-16 -t ASCII F > N && mv N F",
}  # fmt: skip


@pytest.mark.parametrize("way", MENDED)
def test_the_advice_makes_a_key_that_opens(way: str, keys: dict[str, bytes], tmp_path: Path) -> None:
    """Advice that broke a key would be found out when the key is needed."""
    content = WAYS[way](keys["OpenSSH"])
    with pytest.raises(InvalidInput) as refused:
        exact.taken(content, Kind.KEY_PAIR, raw=False)
    command = MENDED[way]
    assert command.partition(" && ")[0].replace(" F", " FILE").replace("> N", "> NEW") in refused.value.hint
    (tmp_path / "F").write_bytes(content)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    assert exact.taken((tmp_path / "F").read_bytes(), Kind.KEY_PAIR, raw=False).reveal() == keys["OpenSSH"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTY"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO+QZo0B9eFqs+nGAoMGxF6jn/LHw44a89urbNkasmJb x\n", "public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key"),
        (b"AGE-SECRET-KEY-1QQQQ\n", "no private key"),
    ],
)
def test_what_is_no_private_key_is_named(content: bytes, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        exact.taken(content, Kind.KEY_PAIR, raw=True)


def test_a_key_whose_passphrase_is_not_kept_is_refused(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a-phrase", "-f", tmp_path / "key"], check=True)
    with pytest.raises(InvalidInput, match="under a passphrase"):
        exact.taken((tmp_path / "key").read_bytes(), Kind.KEY_PAIR, raw=True)


@pytest.mark.parametrize("kind", [Kind.PASSWORD, Kind.TOKEN])
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"one\n", "ends with a newline,"), (b"one\r\n", "CR LF"), (b"one\r", "carriage return"),
        (b"\xef\xbb\xbfone", "byte order mark"), ("one".encode("utf-16"), "byte order mark"),
        (b"one\ntwo", "several lines"), (b"o\0n\0e\0", "NUL"), (b"-----BEGIN EC PRIVATE KEY-----\nAA==", "looks"),
    ],
)  # fmt: skip
def test_what_is_no_part_of_a_line_is_refused_unless_said(kind: Kind, data: bytes, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        exact.taken(data, kind, raw=False)
    assert exact.taken(data, kind, raw=True).reveal() == data


@pytest.mark.parametrize("data", [b" one ", "pä55".encode(), b"\xff\xfa", b"#!x"])
def test_other_bytes_of_a_password_are_its_own(data: bytes) -> None:
    assert exact.taken(data, Kind.PASSWORD, raw=False).reveal() == data


def test_a_list_keeps_its_last_line_feed_and_takes_no_others_ends() -> None:
    for data in (b"one\ntwo\n", b"one\ntwo", b"one"):
        assert exact.taken(data, Kind.LIST, raw=False).reveal() == data
    for data in (b"one\r\ntwo\r\n", b"one\rtwo", b"\xef\xbb\xbfone\ntwo\n"):
        with pytest.raises(InvalidInput):
            exact.taken(data, Kind.LIST, raw=False)
        assert exact.taken(data, Kind.LIST, raw=True).reveal() == data


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.OPAQUE])
@pytest.mark.parametrize("data", [b"x\n", b"\xef\xbb\xbfx\r\n", b"\0", b"-----BEGIN X-----\r\n"])
def test_a_file_is_taken_as_it_is(kind: Kind, data: bytes) -> None:
    assert exact.taken(data, kind, raw=False).reveal() == data


@pytest.mark.parametrize(
    "way", ["CR LF", "no newline", "UTF-8 mark", "text in front", "no end", "last line end is CR LF"]
)
def test_a_key_file_that_is_the_target_and_cannot_be_read_is_no_unproven_one(way: str, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a-phrase", "-f", tmp_path / "key"], check=True)
    key = tmp_path / "key"
    connector = SshKeyConnector(f"ssh-key://{key}")
    assert connector.check(Secret(b"a-phrase")).result is CheckResult.ACCEPTED
    key.write_bytes(WAYS[way](key.read_bytes()))
    assert not reads(key.read_bytes(), tmp_path / "..")
    assert any(NAMED[way] in problem for problem in connector.preflight(None).problems)
    with pytest.raises(ConnectorError, match="whatever its passphrase") as refused:
        connector.check(Secret(b"a-phrase"))
    assert NAMED[way] in str(refused.value)
    assert refused.value.rejected, "split must not go on with an unproven credential"


class TestExposures:
    def file(self, folder: Path, mode: int = 0o600) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "secret"
        path.write_text("x")
        path.chmod(mode)
        return path

    @pytest.mark.parametrize(("mode", "who"), [(0o640, "its group"), (0o604, "everybody"), (0o644, "everybody")])
    def test_others_who_can_read_it_are_named(self, mode: int, who: str, tmp_path: Path) -> None:
        (told,) = exact.exposures(self.file(tmp_path, mode))
        assert who in told

    @pytest.mark.parametrize("mark", [".git", ".hg", ".svn", ".jj", "_darcs", ".fslckout"])
    def test_a_version_controlled_tree_is_named(self, mark: str, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / mark).write_text("gitdir: elsewhere")
        (told,) = exact.exposures(self.file(tmp_path / "tree/a/b"))
        assert exact.TREES[mark] in told

    def test_a_link_does_not_hide_it(self, tmp_path: Path) -> None:
        (tmp_path / "tree/.git").mkdir(parents=True)
        inside = self.file(tmp_path / "tree/a")
        (tmp_path / "out").symlink_to(inside)
        assert list(exact.exposures(tmp_path / "out"))
        outside = self.file(tmp_path / "elsewhere")
        (tmp_path / "tree/in").symlink_to(outside)
        assert list(exact.exposures(tmp_path / "tree/in")), "a link in the tree is followed by whoever copies it"

    def test_one_that_lies_well_is_not_named(self, tmp_path: Path) -> None:
        assert list(exact.exposures(self.file(tmp_path))) == []
        assert list(exact.exposures(tmp_path / "none")) == []
        assert list(exact.exposures(Path("/dev/null"))) == []

# SPDX-License-Identifier: Apache-2.0
"""Sheets that a later release made: they open here, exact bytes come out, and what is not known is said."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening import described
from breakglass_shamir.standalone import recover
from tests.end_to_end.life import DECLARATION, Life

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
EPOCHS: dict[str, Any] = {
    vector["name"]: vector for vector in json.loads((VECTORS / "epochs.json").read_text(encoding="ascii"))["vectors"]
}
LATER = EPOCHS["a later release"]["output"]
SECRET = bytes.fromhex(LATER["credential"]["secret"])


def sheets() -> list[str]:
    return [*LATER["codes"], *(share["text"] for share in LATER["shares"][:2])]


def credential_of(name: str) -> Credential:
    return Credential.from_bytes(Secret(bytes.fromhex(EPOCHS[name]["input"]["plaintext"])))


def test_a_command_gets_the_exact_bytes_of_a_kind_that_nobody_here_knows(life: Life) -> None:
    shutil.rmtree(life.home)
    got, typed = life.folder / "got", "\n".join(sheets()).encode()
    done = life.run("recombine", *DECLARATION, "--typed", "-", "--exec", "sh", "-c", f"cat > {got}", stdin=typed)
    assert done.exit == 7, done.err
    assert got.read_bytes() == SECRET
    for words in ("proofs unknown", "does not know the kind 9", "fields that this release does not know: 16, 127"):
        assert words in done.err
    assert "cannot make its one-time codes" not in done.err
    bodies = {entry.record.body.__struct_config__.tag: entry.record.body for entry in life.entries()}
    assert bodies["opened"].witnessed == "unknown"  # type: ignore[union-attr]


def test_recovery_shows_the_exact_bytes_and_every_field(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", recover.__file__, "--officer", "a", "--ticket", "b", "--reason", "c"]
    out = tmp_path / "secret"
    done = subprocess.run(
        [*command, "--record", tmp_path / "record", "--out", out], input="\n".join(sheets()).encode(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == SECRET
    more = (tmp_path / "secret.more").read_text()
    for tag, value in LATER["credential"]["others"]:
        assert f"field {tag}, in hexadecimal: {value}\n" in more
    assert f"exact bytes of the secret, in hexadecimal: {SECRET.hex()}\n" in more
    said = done.stderr.decode()
    assert "made: 2026-01-01 00:00:00 UTC, release 9.0" in said
    assert "proofs unknown: the envelope carries tags 3, 9," in said
    assert "does not know kind 9" in said
    assert "tags 16, 127" in said
    assert SECRET.hex() not in said


def test_the_screen_shows_exact_bytes_of_what_is_not_known() -> None:
    body = dict(described.details(credential_of("a later release")))
    for words in ("9, of a later release", SECRET.hex(" "), "tag 16", b"later".hex(" "), b"optional".hex(" ")):
        assert words in {*body, *body.values()}


def test_the_screen_shows_all_of_a_passkey() -> None:
    passkey = credential_of("a passkey")
    assert described.details(passkey) == (
        ("RP id", "login.example"),
        ("user", passkey.passkey.user_handle.hex(" ")),
        ("cred. id", passkey.passkey.credential_id.hex(" ")),
        ("counter", "7"),
    )


def test_the_screen_shows_a_certificate_line_by_line_without_its_controls() -> None:
    key = Credential(Secret(b"key"), certificate=b"-----BEGIN\nAAAA\n")
    assert ("", "AAAA") in described.details(key)
    binary = Credential(Secret(b"key"), certificate=b"\x30\x1b[2J")
    assert described.details(binary) == (("cert.", "30 1b 5b 32 4a"),)


@pytest.mark.parametrize("name", sorted(EPOCHS))
def test_what_is_known_is_shown_without_a_warning(name: str) -> None:
    credential = credential_of(name)
    assert bool(described.warnings(credential, whole=True)) == (name == "a later release")
    assert bool(recover.warnings_of(recover.read_credential(credential.to_bytes().reveal()))) == (
        name == "a later release"
    )


def test_a_warning_holds_nothing_secret() -> None:
    credential = credential_of("a later release")
    said = " ".join(described.warnings(credential, whole=False))
    assert "--show" in said
    for value in (credential.secret, *(value for _, value in credential.others)):
        assert value.reveal().hex() not in said
        assert value.reveal().decode("latin-1") not in said or len(value) < 6

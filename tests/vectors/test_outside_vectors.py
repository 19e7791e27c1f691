# SPDX-License-Identifier: Apache-2.0
"""Vectors that other people wrote: transparency-dev (Merkle), OpenSSH (SSHSIG), cyberphone (RFC 8785).

They lie outside this repository; every test skips with its reason where they are absent. Each Merkle case is
run for what it expects: the valid ones must pass and all others must be refused, and by the proof check, not
by an accident before it.
"""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from breakglass_shamir.crypto import merkle, ssh_key, sshsig
from breakglass_shamir.errors import InvalidProof, InvalidSignature

JCS_CASES = ["arrays", "french", "structures", "unicode", "values", "weird"]
"""All of them fit the types of ``rfc8785``; records hold no floats, though ``values`` does."""

SSHSIG_NAMES = ["ecdsa", "ecdsa_sk", "ecdsa_sk_webauthn", "ed25519", "ed25519_sk", "mldsa44-ed25519", "rsa"]
"""Every key type of the OpenSSH vectors."""


def cases(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    found = [(path, json.loads(path.read_text())) for path in sorted(folder.rglob("*.json"))]
    assert any(case["wantErr"] for _, case in found), f"no case to refuse in {folder}"
    assert not all(case["wantErr"] for _, case in found), f"no case to accept in {folder}"
    return found


def decoded(case: dict[str, Any], *names: str) -> list[bytes]:
    return [base64.b64decode(case[name]) for name in names]


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(value) for value in case["proof"] or []]


def refused(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidProof:
        return True
    return False


def test_merkle_inclusion(vectors: Path) -> None:
    for path, case in cases(vectors / "merkle" / "inclusion"):
        leaf, root = decoded(case, "leafHash", "root")
        numbers = case["leafIdx"], case["treeSize"]
        outcome = refused(lambda: merkle.verify_inclusion(*numbers, leaf, proof_of(case), root))  # noqa: B023
        assert outcome == case["wantErr"], path


def test_merkle_consistency(vectors: Path) -> None:
    for path, case in cases(vectors / "merkle" / "consistency"):
        roots = decoded(case, "root1", "root2")
        sizes = case["size1"], case["size2"]
        outcome = refused(lambda: merkle.verify_consistency(*sizes, proof_of(case), *roots))  # noqa: B023
        assert outcome == case["wantErr"], path


@pytest.mark.parametrize("name", JCS_CASES)
def test_canonical_json(vectors: Path, name: str) -> None:
    value = json.loads((vectors / "jcs" / "input" / f"{name}.json").read_bytes())
    expected = (vectors / "jcs" / "output" / f"{name}.json").read_bytes()
    assert rfc8785.dumps(value) == expected


def test_no_canonical_json_case_is_left_out(vectors: Path) -> None:
    assert sorted(path.stem for path in (vectors / "jcs" / "input").iterdir()) == JCS_CASES


def test_no_ssh_signature_is_left_out(vectors: Path) -> None:
    assert sorted(path.stem for path in (vectors / "sshsig").glob("*.sig")) == SSHSIG_NAMES


def test_an_ed25519_signature_of_openssh(vectors: Path) -> None:
    folder = vectors / "sshsig"
    public = sshsig.public_of_line((folder / "ed25519.pub").read_text())
    namespace = (folder / "namespace").read_text()
    message = (folder / "signed-data").read_bytes()
    signature = (folder / "ed25519.sig").read_text()
    sshsig.verify(signature, message, namespace, public)
    with pytest.raises(InvalidSignature):
        sshsig.verify(signature, message + b"\n", namespace, public)


@pytest.mark.parametrize("name", [name for name in SSHSIG_NAMES if name != "ed25519"])
def test_other_key_types_are_shown_but_never_verified_as_ours(vectors: Path, name: str) -> None:
    signature = (vectors / "sshsig" / f"{name}.sig").read_text()
    claimed = sshsig.parse(signature)
    public_blob = base64.b64decode((vectors / "sshsig" / f"{name}.pub").read_text().split()[1])
    assert (claimed.key_blob, claimed.namespace) == (public_blob, "unittest")
    with pytest.raises(InvalidSignature):
        sshsig.public_key_of(signature)


@pytest.mark.parametrize("name", ["ed25519", "ecdsa", "rsa", "ed25519_sk", "ecdsa_sk"])
def test_keys_that_people_bring_verify(vectors: Path, name: str) -> None:
    folder = vectors / "sshsig"
    key = ssh_key.from_line((folder / f"{name}.pub").read_text())
    signature, message = (folder / f"{name}.sig").read_text(), (folder / "signed-data").read_bytes()
    sshsig.verify_by(key, signature, message, "unittest")
    for other, namespace in ((message + b"\n", "unittest"), (message, "other")):
        with pytest.raises(InvalidSignature):
            sshsig.verify_by(key, signature, other, namespace)


def test_what_is_not_taken_says_so(vectors: Path) -> None:
    folder = vectors / "sshsig"
    with pytest.raises(InvalidSignature, match="expected a public key line that begins with one of ssh-ed25519, "):
        ssh_key.from_line((folder / "mldsa44-ed25519.pub").read_text())
    browser = ssh_key.from_line((folder / "ecdsa_sk_webauthn.pub").read_text())
    signature, message = (folder / "ecdsa_sk_webauthn.sig").read_text(), (folder / "signed-data").read_bytes()
    with pytest.raises(InvalidSignature, match="expected a signature of type sk-ecdsa-sha2-nistp256@"):
        sshsig.verify_by(browser, signature, message, "unittest")


@pytest.mark.parametrize("name", SSHSIG_NAMES)
def test_the_installed_ssh_keygen_agrees(vectors: Path, need: Callable[[str], str], tmp_path: Path, name: str) -> None:
    folder = vectors / "sshsig"
    keygen = need("ssh-keygen")
    public = folder / f"{name}.pub"
    if subprocess.run([keygen, "-l", "-f", public], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"the installed ssh-keygen does not know the key type of {name}")
    (tmp_path / "allowed").write_text("someone " + public.read_text())
    allowed = str(tmp_path / "allowed")
    command = [keygen, "-Y", "verify", "-f", allowed, "-I", "someone", "-n", "unittest", "-s"]
    message = (folder / "signed-data").read_bytes()
    for data, accepted in ((message, True), (message + b"\n", False)):
        done = subprocess.run([*command, str(folder / f"{name}.sig")], input=data, capture_output=True, check=False)
        assert (done.returncode == 0) == accepted, done.stderr

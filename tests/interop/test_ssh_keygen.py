# SPDX-License-Identifier: Apache-2.0
"""OpenSSH and this package accept each other's signatures, and refuse the same false ones."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.hygiene import Secret

SEED = Secret(bytes(range(32)))
PUBLIC = ed25519_public(SEED)
STRANGER = ed25519_public(Secret(bytes(range(1, 33))))
MESSAGE = b'{"type":"opened"}'
SPACE = sshsig.RECORD_NAMESPACE
SIGNED = sshsig.sign(SEED, MESSAGE, SPACE)


class Keygen:
    """``ssh-keygen`` with one allowed signer, in a folder of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder

    def run(self, *arguments: str, message: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.program, *arguments],
            input=message,
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def accepts(
        self,
        signature: str,
        *,
        message: bytes = MESSAGE,
        namespace: str = SPACE,
        allowed: str | None = None,
        principal: str = "terminal-7",
    ) -> bool:
        line = allowed or sshsig.allowed_signer("terminal-7", PUBLIC, [SPACE, sshsig.QUORUM_NAMESPACE])
        (self.folder / "allowed").write_text(line + "\n")
        (self.folder / "signature").write_text(signature)
        arguments = ("-f", "allowed", "-I", principal, "-n", namespace, "-s", "signature")
        return self.run("-Y", "verify", *arguments, message=message).returncode == 0

    def new_key(self, kind: str = "ed25519") -> str:
        """Generate the key pair ``key`` and return its public line."""
        assert self.run("-q", "-t", kind, "-N", "", "-C", "officer a", "-f", "key").returncode == 0
        return (self.folder / "key.pub").read_text().strip()

    def signs(self, message: bytes, namespace: str, *options: str) -> str:
        done = self.run("-Y", "sign", "-f", "key", "-n", namespace, *options, message=message)
        assert done.returncode == 0
        return done.stdout.decode()


@pytest.fixture
def keygen(need: Callable[[str], str], tmp_path: Path) -> Keygen:
    return Keygen(need("ssh-keygen"), tmp_path)


def accepted_here(signature: str) -> bool:
    try:
        sshsig.verify(signature, MESSAGE, SPACE, PUBLIC)
    except InvalidSignature:
        return False
    return True


def test_an_auditor_verifies_our_signature_with_ssh_keygen_alone(keygen: Keygen) -> None:
    assert keygen.accepts(SIGNED)


@pytest.mark.parametrize("message", [b"", b"\x00\xff\n", bytes(100_000)])
def test_any_bytes_can_be_signed(keygen: Keygen, message: bytes) -> None:
    signature = sshsig.sign(SEED, message, SPACE)
    assert keygen.accepts(signature, message=message)


def test_both_refuse_another_message_namespace_principal_and_key(keygen: Keygen) -> None:
    assert not keygen.accepts(SIGNED, message=MESSAGE + b"\n")
    assert not keygen.accepts(SIGNED, namespace=sshsig.QUORUM_NAMESPACE)
    assert not keygen.accepts(SIGNED, principal="terminal-8")
    assert not keygen.accepts(SIGNED, allowed=sshsig.allowed_signer("terminal-7", STRANGER, [SPACE]))


def test_the_allowed_signers_line_binds_the_namespaces(keygen: Keygen) -> None:
    drill = sshsig.sign(SEED, MESSAGE, sshsig.DRILL_NAMESPACE)
    assert not keygen.accepts(drill, namespace=sshsig.DRILL_NAMESPACE)
    line = sshsig.allowed_signer("terminal-7", PUBLIC, [sshsig.DRILL_NAMESPACE])
    assert keygen.accepts(drill, namespace=sshsig.DRILL_NAMESPACE, allowed=line)


@pytest.mark.parametrize("byte", range(0, 170, 7))
def test_both_refuse_a_flipped_bit(keygen: Keygen, byte: int) -> None:
    blob = bytearray(base64.b64decode("".join(SIGNED.splitlines()[1:-1])))
    blob[byte] ^= 1
    text = base64.b64encode(blob).decode()
    lines = "\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    changed = f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
    assert not accepted_here(changed)
    assert not keygen.accepts(changed)


@pytest.mark.parametrize("kept", [0, 30, 100, 250])
def test_both_refuse_truncated_armor(keygen: Keygen, kept: int) -> None:
    assert not accepted_here(SIGNED[:kept])
    assert not keygen.accepts(SIGNED[:kept])


def test_armor_that_ssh_keygen_forgives_is_refused_here(keygen: Keygen) -> None:
    extended = SIGNED + "and more\n"
    assert keygen.accepts(extended)
    assert not accepted_here(extended)


def test_a_signature_of_ssh_keygen_verifies_here(keygen: Keygen) -> None:
    public = sshsig.public_of_line(keygen.new_key())
    signature = keygen.signs(MESSAGE, sshsig.OFFICER_NAMESPACE)
    sshsig.verify(signature, MESSAGE, sshsig.OFFICER_NAMESPACE, public)
    assert sshsig.public_key_of(signature) == public
    for message, namespace, key in (
        (MESSAGE + b" ", sshsig.OFFICER_NAMESPACE, public),
        (MESSAGE, sshsig.QUORUM_NAMESPACE, public),
        (MESSAGE, sshsig.OFFICER_NAMESPACE, PUBLIC),
    ):
        with pytest.raises(InvalidSignature):
            sshsig.verify(signature, message, namespace, key)


def test_a_signature_over_another_hash_is_refused(keygen: Keygen) -> None:
    public = sshsig.public_of_line(keygen.new_key())
    signature = keygen.signs(MESSAGE, SPACE, "-O", "hashalg=sha256")
    with pytest.raises(InvalidSignature, match="expected hash sha512"):
        sshsig.verify(signature, MESSAGE, SPACE, public)


def test_another_key_type_is_named_but_not_verified_here(keygen: Keygen) -> None:
    line = keygen.new_key("ecdsa")
    signature = keygen.signs(MESSAGE, sshsig.OFFICER_NAMESPACE)
    assert sshsig.parse(signature).fingerprint in keygen.run("-l", "-f", "key.pub").stdout.decode()
    with pytest.raises(InvalidSignature):
        sshsig.public_of_line(line)
    with pytest.raises(InvalidSignature):
        sshsig.public_key_of(signature)


def test_lines_and_fingerprints_are_those_of_ssh_keygen(keygen: Keygen) -> None:
    line = keygen.new_key()
    public = sshsig.public_of_line(line)
    assert sshsig.public_line(public, "officer a") == line
    assert keygen.run("-l", "-f", "key.pub").stdout.decode().split()[1] == sshsig.fingerprint(public)

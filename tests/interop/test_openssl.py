# SPDX-License-Identifier: Apache-2.0
"""A checkpoint's signature verifies with openssl alone, from nothing but the note and the verifier key."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.crypto import note
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.crypto.merkle import leaf_hash, root_of
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.hygiene import Secret

NAME = "terminal-7.example/log"
SEED = Secret(bytes(range(32)))
PUBLIC = ed25519_public(SEED)
CHECKPOINT = note.Checkpoint(NAME, 2, root_of([leaf_hash(b"first"), leaf_hash(b"second")]))

SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""DER of an Ed25519 SubjectPublicKeyInfo up to the raw key (RFC 8410 section 4)."""

PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
"""DER of an Ed25519 private key up to the seed (RFC 8410 section 7)."""


class OpenSsl:
    """``openssl pkeyutl`` on one text, in a folder of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder

    def run(self, *arguments: str, text: str) -> bool:
        (self.folder / "text").write_bytes(text.encode())
        command = [self.program, "pkeyutl", *arguments, "-rawin", "-in", "text"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def accepts(self, text: str, signature: bytes, verifier: str) -> bool:
        key = base64.b64decode(verifier.split("+", 2)[2])
        assert key[:1] == note.ED25519_TYPE
        (self.folder / "key").write_bytes(SPKI_PREFIX + key[1:])
        (self.folder / "signature").write_bytes(signature)
        key_options = ("-pubin", "-keyform", "DER", "-inkey", "key")
        return self.run("-verify", *key_options, "-sigfile", "signature", text=text)

    def signs(self, text: str) -> bytes:
        (self.folder / "private").write_bytes(PKCS8_PREFIX + SEED.reveal())
        assert self.run("-sign", "-keyform", "DER", "-inkey", "private", "-out", "signature", text=text)
        return (self.folder / "signature").read_bytes()


@pytest.fixture
def openssl(need: Callable[[str], str], tmp_path: Path) -> OpenSsl:
    return OpenSsl(need("openssl"), tmp_path)


def take_apart(signed: str) -> tuple[str, bytes]:
    """Text and raw signature of a note with one signature, by hand."""
    text, _, line = signed.rpartition("\n\n")
    return text + "\n", base64.b64decode(line.split()[2])[4:]


def test_a_checkpoint_verifies_with_openssl_alone(openssl: OpenSsl) -> None:
    text, signature = take_apart(note.sign_note(CHECKPOINT.to_text(), NAME, SEED))
    verifier = note.verifier_key(NAME, PUBLIC)
    assert openssl.accepts(text, signature, verifier)
    assert not openssl.accepts(text.replace("\n2\n", "\n1\n"), signature, verifier)


def test_a_note_signed_by_openssl_opens_here(openssl: OpenSsl) -> None:
    text = CHECKPOINT.to_text()
    key_id = bytes.fromhex(note.verifier_key(NAME, PUBLIC).split("+")[1])
    line = base64.b64encode(key_id + openssl.signs(text)).decode()
    assert note.open_note(f"{text}\n\u2014 {NAME} {line}\n", NAME, PUBLIC) == text
    spoiled = text.replace("\n2\n", "\n1\n")
    with pytest.raises(InvalidSignature):
        note.open_note(f"{spoiled}\n\u2014 {NAME} {line}\n", NAME, PUBLIC)

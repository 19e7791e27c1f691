# SPDX-License-Identifier: Apache-2.0
"""A signature is good for one key, one namespace, one message, and has one text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.errors import InvalidInput, InvalidSignature
from breakglass_shamir.hygiene import Secret

SEED = Secret(bytes(range(32)))
PUBLIC = ed25519_public(SEED)
STRANGER = ed25519_public(Secret(bytes(range(1, 33))))
MESSAGE = b'{"type":"opened"}'
SIGNED = sshsig.sign(SEED, MESSAGE, sshsig.RECORD_NAMESPACE)

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point (RFC 8032 section 5.1)."""


def armored(blob: bytes, width: int = 70) -> str:
    text = base64.b64encode(blob).decode()
    lines = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"


def blob_of(signature: str) -> bytes:
    return base64.b64decode("".join(signature.splitlines()[1:-1]))


def strings(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


def check(signature: str) -> None:
    sshsig.verify(signature, MESSAGE, sshsig.RECORD_NAMESPACE, PUBLIC)


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_what_is_signed_verifies(message: bytes, seed: bytes) -> None:
    signature = sshsig.sign(Secret(seed), message, sshsig.QUORUM_NAMESPACE)
    sshsig.verify(signature, message, sshsig.QUORUM_NAMESPACE, ed25519_public(Secret(seed)))


def test_signing_twice_gives_the_same_text() -> None:
    assert sshsig.sign(SEED, MESSAGE, sshsig.RECORD_NAMESPACE) == SIGNED


def test_namespaces_are_distinct() -> None:
    names = {
        sshsig.RECORD_NAMESPACE,
        sshsig.QUORUM_NAMESPACE,
        sshsig.DRILL_NAMESPACE,
        sshsig.OFFICER_NAMESPACE,
    }
    assert len(names) == 4


def test_a_drill_signature_never_passes_for_a_quorum() -> None:
    drill = sshsig.sign(SEED, MESSAGE, sshsig.DRILL_NAMESPACE)
    with pytest.raises(InvalidSignature, match="namespace"):
        sshsig.verify(drill, MESSAGE, sshsig.QUORUM_NAMESPACE, PUBLIC)


def test_relabelling_the_namespace_does_not_help() -> None:
    drill = blob_of(sshsig.sign(SEED, MESSAGE, sshsig.DRILL_NAMESPACE))
    relabelled = drill.replace(strings(sshsig.DRILL_NAMESPACE.encode()), strings(sshsig.QUORUM_NAMESPACE.encode()))
    with pytest.raises(InvalidSignature, match="does not verify"):
        sshsig.verify(armored(relabelled), MESSAGE, sshsig.QUORUM_NAMESPACE, PUBLIC)


def test_another_key_or_message_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="expected a signature by"):
        sshsig.verify(SIGNED, MESSAGE, sshsig.RECORD_NAMESPACE, STRANGER)
    with pytest.raises(InvalidSignature, match="does not verify"):
        sshsig.verify(SIGNED, MESSAGE + b" ", sshsig.RECORD_NAMESPACE, PUBLIC)


def test_naming_another_key_as_signer_does_not_help() -> None:
    with pytest.raises(InvalidSignature, match="does not verify"):
        sshsig.verify(armored(blob_of(SIGNED).replace(PUBLIC, STRANGER)), MESSAGE, sshsig.RECORD_NAMESPACE, STRANGER)


@given(st.integers(0, 8 * len(blob_of(SIGNED)) - 1))
def test_no_single_flipped_bit_passes(bit: int) -> None:
    blob = bytearray(blob_of(SIGNED))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        check(armored(bytes(blob)))


@given(st.integers(0, len(blob_of(SIGNED)) - 1))
def test_no_truncated_blob_passes(length: int) -> None:
    with pytest.raises(InvalidSignature):
        check(armored(blob_of(SIGNED)[:length]))


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_no_single_changed_character_passes(at: int, character: str) -> None:
    changed = SIGNED[:at] + character + SIGNED[at + 1 :]
    if changed != SIGNED:
        with pytest.raises(InvalidSignature):
            check(changed)


@pytest.mark.parametrize(
    "changed",
    [
        "",
        SIGNED[:-1],
        SIGNED + "\n",
        "\n" + SIGNED,
        SIGNED + SIGNED,
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        SIGNED.replace("=\n", "\n"),
        SIGNED.replace("\n-----END", "\n\n-----END"),
        armored(blob_of(SIGNED), 76),
        armored(blob_of(SIGNED) + b"\x00"),
        armored(blob_of(SIGNED) + strings(b"")),
    ],
)
def test_one_signature_has_one_text(changed: str) -> None:
    with pytest.raises(InvalidSignature):
        check(changed)


def rebuilt(**changes: bytes) -> str:
    """The signature with single fields exchanged."""
    key = strings(b"ssh-ed25519", PUBLIC)
    signature = sshsig.parse(SIGNED).signature_blob
    fields = {
        "magic": b"SSHSIG",
        "version": b"\x00\x00\x00\x01",
        "key": key,
        "namespace": sshsig.RECORD_NAMESPACE.encode(),
        "reserved": b"",
        "hash": b"sha512",
        "signature": signature,
    } | changes
    magic, version, *rest = fields.values()
    return armored(magic + version + strings(*rest))


def test_the_layout_is_that_of_the_protocol() -> None:
    assert rebuilt() == SIGNED


@pytest.mark.parametrize(
    "changes",
    [
        {"magic": b"SSHSIH"},
        {"version": b"\x00\x00\x00\x02"},
        {"reserved": b"x"},
        {"hash": b"sha256"},
        {"hash": b"\xff"},
        {"key": strings(b"ssh-ed25519", PUBLIC) + b"\x00"},
        {"key": strings(b"ssh-rsa", PUBLIC)},
        {"signature": strings(b"ssh-ed25519", bytes(63))},
        {"signature": strings(b"ssh-rsa", bytes(64))},
        {"signature": strings(b"ssh-ed25519", bytes(64)) + strings(b"")},
        {"signature": b"\x00"},
        {"signature": b""},
    ],
)
def test_a_field_that_is_not_as_expected_is_refused(changes: dict[str, bytes]) -> None:
    with pytest.raises(InvalidSignature):
        check(rebuilt(**changes))


def test_the_same_signature_cannot_be_written_with_a_larger_scalar() -> None:
    value = sshsig.parse(SIGNED).signature_blob[-64:]
    scalar = int.from_bytes(value[32:], "little") + ED25519_ORDER
    twin = value[:32] + scalar.to_bytes(32, "little")
    with pytest.raises(InvalidSignature, match="does not verify"):
        check(rebuilt(signature=strings(b"ssh-ed25519", twin)))


def test_parsing_shows_the_claims() -> None:
    claimed = sshsig.parse(SIGNED)
    assert claimed.namespace == sshsig.RECORD_NAMESPACE
    assert claimed.hash_name == "sha512"
    assert claimed.fingerprint == sshsig.fingerprint(PUBLIC)
    assert sshsig.public_key_of(SIGNED) == PUBLIC


def test_a_key_of_another_type_is_not_taken_for_ours() -> None:
    other = rebuilt(key=strings(b"sk-ssh-ed25519@openssh.com", PUBLIC, b"ssh:"))
    assert sshsig.parse(other).fingerprint != sshsig.fingerprint(PUBLIC)
    with pytest.raises(InvalidSignature, match="expected an SSH key of type ssh-ed25519"):
        sshsig.public_key_of(other)
    with pytest.raises(InvalidSignature, match="expected a key of 32 bytes"):
        sshsig.public_key_of(rebuilt(key=strings(b"ssh-ed25519", PUBLIC[:31])))


@given(st.binary(min_size=32, max_size=32))
def test_a_public_line_reads_back(public: bytes) -> None:
    assert sshsig.public_of_line(sshsig.public_line(public, "terminal 7")) == public
    assert sshsig.public_of_line(sshsig.public_line(public, "")) == public


@pytest.mark.parametrize("comment", ["two\nlines", "tab\t", "\x1b[2J", "\u202e"])
def test_a_comment_cannot_add_a_line(comment: str) -> None:
    with pytest.raises(InvalidInput):
        sshsig.public_line(PUBLIC, comment)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-rsa AAAA", "ssh-ed25519 AAAA", "ssh-ed25519 !"])
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(InvalidSignature):
        sshsig.public_of_line(line)


@pytest.mark.parametrize("name", ["", "a b", "*", "!a", "a,b", 'a"', "#a", "a\nb", "?", "\u00e4"])
def test_a_name_cannot_widen_what_is_allowed(name: str) -> None:
    with pytest.raises(InvalidInput):
        sshsig.allowed_signer(name, PUBLIC, [sshsig.RECORD_NAMESPACE])
    with pytest.raises(InvalidInput):
        sshsig.allowed_signer("terminal", PUBLIC, [name])
    with pytest.raises(InvalidInput):
        sshsig.sign(SEED, MESSAGE, name)


def test_an_allowed_signer_has_at_least_one_namespace() -> None:
    with pytest.raises(InvalidInput):
        sshsig.allowed_signer("terminal", PUBLIC, [])

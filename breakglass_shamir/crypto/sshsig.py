# SPDX-License-Identifier: Apache-2.0
"""Signatures in OpenSSH's format, so that an auditor needs only ``ssh-keygen -Y verify``.

Source: OpenSSH PROTOCOL.sshsig, version 1; RFC 4251 section 5 for the strings, RFC 8709 for the key.

Rules:

1. What is written is byte for byte what ``ssh-keygen -Y sign`` writes for the same key: SHA-512, an empty
   reserved field, base64 in lines of 70, a final newline.
2. What is read must be exactly that: anything that would re-encode to other bytes is refused, so a signature
   has one text only and can be compared and counted by its bytes.
3. Namespaces keep uses apart. A signature is good for one namespace, one key and one message.

What is signed here is signed with Ed25519, and :func:`verify` takes nothing else. People bring keys of other types
(``ssh_key.py``); :func:`verify_by` takes those. It reads no key files and knows nothing of who a key belongs to.
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from breakglass_shamir.crypto import ssh_wire as wire
from breakglass_shamir.crypto.keys import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
)
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.errors import InvalidInput, InvalidSignature
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.structs import Struct

RECORD_NAMESPACE = "record@breakglass-shamir"
"""The terminal key signs every record of its ledger."""

QUORUM_NAMESPACE = "quorum@breakglass-shamir"
"""The set key signs what only a quorum of live shares could sign."""

DRILL_NAMESPACE = "drill@breakglass-shamir"
"""A drill set key signs a rehearsal; never accepted where a quorum is asked for."""

OFFICER_NAMESPACE = "officer@breakglass-shamir"
"""An officer signs with an own SSH key that they take part in an opening."""

CUSTODIAN_NAMESPACE = "custodian@breakglass-shamir"
"""A custodian signs with an own SSH key that they hold a sheet."""

REVIEW_NAMESPACE = "review@breakglass-shamir"
"""A reviewer signs with an own SSH key what they found of a use."""

SETTLEMENT_NAMESPACE = "settlement@breakglass-shamir"
"""Whoever may settle debts signs with an own SSH key that some can go."""

KIT_NAMESPACE = "kit@breakglass-shamir"
"""The terminal key signs the checksums of a recovery kit."""

BUNDLE_NAMESPACE = "bundle@breakglass-shamir"
"""The terminal key signs the SHA-256 of a bundle for auditors."""

ARMING_NAMESPACE = "arming@breakglass-shamir"
"""Of an approver's key over a request to arm an account."""

TELLING_NAMESPACE = "telling@breakglass-shamir"
"""The terminal key signs what it tells other terminals of one epoch, through a collection."""

KEY_TYPE = b"ssh-ed25519"
"""The one key type that is signed with and verified here."""

HASH = b"sha512"
"""The hash over the message, ssh-keygen's default."""

MAGIC = b"SSHSIG"
"""First bytes of a signature and of what is signed."""

VERSION = b"\x00\x00\x00\x01"
"""SIG_VERSION as an unsigned 32-bit integer."""

LINE_CHARACTERS = 70
"""Width of an armored line, as ssh-keygen writes it."""

MAX_CHARACTERS = 32 * 1024
"""Longest armored signature that is read; one by an RSA key of 16384 bits has about 6000."""

_BEGIN = "-----BEGIN SSH SIGNATURE-----\n"
_END = "-----END SSH SIGNATURE-----\n"
_NAME = re.compile(r"[A-Za-z0-9@._+:/-]+")


class UntrustedSignature(Struct, frozen=True):
    """What a signature says of itself; nothing in it is verified.

    Attributes:
        key_blob: public key in SSH wire format, of any key type.
        namespace: what it claims to be for.
        hash_name: hash over the message.
        signature_blob: signature in SSH wire format.
    """

    key_blob: bytes
    namespace: str
    hash_name: str
    signature_blob: bytes

    @property
    def fingerprint(self) -> str:
        """The claimed key as ``ssh-keygen -l`` prints it; distinct keys are counted by it."""
        return wire.fingerprint(self.key_blob)


def sign(seed: Secret, message: bytes, namespace: str) -> str:
    """Sign a message and return the armored signature.

    Args:
        seed: 32-byte Ed25519 seed.
        message: any bytes; they are hashed, not kept.
        namespace: one of the constants above.

    Raises:
        InvalidInput: the namespace holds a character that OpenSSH's lists would not take literally.
    """
    _check_name("namespace", namespace)
    signature = ed25519_sign(seed, _signed_data(message, namespace))
    fields = (_key_blob(ed25519_public(seed)), namespace.encode(), b"", HASH, wire.join(KEY_TYPE, signature))
    return _armor(MAGIC + VERSION + wire.join(*fields))


def verify(armored: str, message: bytes, namespace: str, public: bytes) -> None:
    """Verify that this raw 32-byte key signed this message in this namespace.

    Raises:
        InvalidSignature: not canonical, another namespace, key or hash, or it does not verify.
    """
    claimed = _claimed(armored, namespace, _key_blob(public))
    signature = _value_of_type(claimed.signature_blob, "signature")
    ed25519_verify(public, _signed_data(message, namespace), signature)


def verify_by(key: SshKey, armored: str, message: bytes, namespace: str) -> None:
    """Verify that a person's key, of whatever type, signed this message in this namespace.

    Raises:
        InvalidSignature: not canonical, another namespace, key or hash, or it does not verify.
    """
    claimed = _claimed(armored, namespace, key.blob)
    key.verify(_signed_data(message, namespace), claimed.signature_blob)


def outline(public: bytes, namespace: str) -> tuple[str, int]:
    """Return how every signature by a raw 32-byte key in a namespace begins, and its length in characters.

    What begins so and is as long is of this form, by this key; whether it verifies is another question.
    """
    fields = (_key_blob(public), namespace.encode(), b"", HASH, wire.join(KEY_TYPE, bytes(SIGNATURE_BYTES)))
    blob = MAGIC + VERSION + wire.join(*fields)
    armored, fixed = _armor(blob), (len(blob) - SIGNATURE_BYTES) * 4 // 3
    return armored[: len(_BEGIN) + fixed + fixed // LINE_CHARACTERS], len(armored)


def parse(armored: str) -> UntrustedSignature:
    """Take an armored signature of any key type apart, without verifying it.

    Raises:
        InvalidSignature: it is not the one canonical text of a version 1 signature.
    """
    blob = _dearmor(armored)
    head = MAGIC + VERSION
    if not blob.startswith(head):
        raise InvalidSignature("expected an SSH signature of version 1")
    fields = wire.split(blob[len(head) :])
    if len(fields) != 5:
        raise InvalidSignature(f"expected 5 fields in the SSH signature, got {len(fields)}")
    key_blob, namespace, reserved, hash_name, signature_blob = fields
    if reserved:
        raise InvalidSignature("expected an empty reserved field in the SSH signature")
    return UntrustedSignature(key_blob, _ascii(namespace), _ascii(hash_name), signature_blob)


def public_key_of(armored: str) -> bytes:
    """Return the raw 32-byte Ed25519 key that a signature claims to be by; nothing is verified.

    Raises:
        InvalidSignature: not canonical, or by another type of key.
    """
    return _raw_key(parse(armored).key_blob)


def public_line(public: bytes, comment: str) -> str:
    """Return a raw 32-byte key as a line of a ``.pub`` file, without newline.

    Raises:
        InvalidInput: the comment holds a line break or another control character.
    """
    if not comment.isprintable():
        raise InvalidInput("expected a key comment without control characters")
    return f"{_key_text(public)} {comment}".rstrip()


def public_of_line(line: str) -> bytes:
    """Return the raw 32-byte key of one ``ssh-ed25519 AAAA... [comment]`` line.

    Raises:
        InvalidSignature: another key type, or not the canonical base64 of a key.
    """
    fields = line.split(maxsplit=2)
    if len(fields) < 2 or fields[0] != KEY_TYPE.decode():
        raise InvalidSignature(f"expected a public key line that begins with {KEY_TYPE.decode()}")
    return _raw_key(wire.decode64(fields[1]))


def fingerprint(public: bytes) -> str:
    """Return ``SHA256:...`` of a raw 32-byte key, as ``ssh-keygen -l`` prints it."""
    return wire.fingerprint(_key_blob(public))


def allowed_signer(
    principal: str, public: bytes | SshKey, namespaces: Sequence[str], options: Sequence[str] = ()
) -> str:
    """Return one line of an ``allowed_signers`` file (ssh-keygen(1)), without newline.

    Args:
        principal: who; no pattern.
        public: a raw 32-byte Ed25519 key, or a person's key.
        namespaces: what the key may sign.
        options: more options of the line, such as ``valid-after="20260101000000Z"``, taken as they are.

    Raises:
        InvalidInput: no namespace, or a name that would be read as a pattern, a list or a comment.
    """
    _check_name("principal", principal)
    if not namespaces:
        raise InvalidInput("expected at least one namespace for an allowed signer")
    for namespace in namespaces:
        _check_name("namespace", namespace)
    said = ",".join([f'namespaces="{",".join(namespaces)}"', *options])
    return f"{principal} {said} {public.line if isinstance(public, SshKey) else _key_text(public)}"


def _claimed(armored: str, namespace: str, key_blob: bytes) -> UntrustedSignature:
    """Take a signature apart and hold its claims against what is expected; it is still not verified."""
    claimed = parse(armored)
    if claimed.namespace != namespace:
        raise InvalidSignature(f"expected namespace {namespace!a}, got {claimed.namespace!a}")
    if claimed.key_blob != key_blob:
        expected = wire.fingerprint(key_blob)
        raise InvalidSignature(f"expected a signature by {expected}, got one by {claimed.fingerprint}")
    if claimed.hash_name != HASH.decode():
        raise InvalidSignature(f"expected hash {HASH.decode()}, got {claimed.hash_name!a}")
    return claimed


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"expected a {what} of letters, digits and @ . _ + : / -, got {name!a}")


def _signed_data(message: bytes, namespace: str) -> bytes:
    return MAGIC + wire.join(namespace.encode(), b"", HASH, hashlib.sha512(message).digest())


def _value_of_type(blob: bytes, what: str) -> bytes:
    fields = wire.split(blob)
    if len(fields) != 2 or fields[0] != KEY_TYPE:
        raise InvalidSignature(f"expected an SSH {what} of type {KEY_TYPE.decode()}")
    return fields[1]


def _raw_key(blob: bytes) -> bytes:
    public = _value_of_type(blob, "key")
    if len(public) != PUBLIC_KEY_BYTES:
        raise InvalidSignature(f"expected a key of {PUBLIC_KEY_BYTES} bytes, got {len(public)}")
    return public


def _key_blob(public: bytes) -> bytes:
    return wire.join(KEY_TYPE, public)


def _key_text(public: bytes) -> str:
    return f"{KEY_TYPE.decode()} {base64.b64encode(_key_blob(public)).decode()}"


def _ascii(field: bytes) -> str:
    try:
        return field.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidSignature("expected ASCII names in the SSH signature") from None


def _armor(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = (text[start : start + LINE_CHARACTERS] for start in range(0, len(text), LINE_CHARACTERS))
    return _BEGIN + "".join(line + "\n" for line in lines) + _END


def _dearmor(armored: str) -> bytes:
    if len(armored) > MAX_CHARACTERS:
        raise InvalidSignature(f"expected an SSH signature of at most {MAX_CHARACTERS} characters, got {len(armored)}")
    if not (armored.startswith(_BEGIN) and armored.endswith(_END)):
        raise InvalidSignature("expected an armored SSH signature and nothing around it")
    blob = wire.decode64(armored[len(_BEGIN) : -len(_END)].replace("\n", ""))
    if _armor(blob) != armored:
        raise InvalidSignature("the SSH signature is not in its canonical armor")
    return blob

# SPDX-License-Identifier: Apache-2.0
"""The epochs of the vectors, from a seeded stream, and how a vector is written down.

Importing this changes nothing; sealing an epoch replaces the random sources of this process.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

from Crypto.Protocol import SecretSharing

from breakglass_shamir.crypto import keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.crypto.totp import TotpScheme
from breakglass_shamir.custody.credential import Credential, CredentialKind, Passkey
from breakglass_shamir.errors import MalformedText, UnsupportedVersion
from breakglass_shamir.formats import text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Checkpoint, Envelope
from breakglass_shamir.formats.extensions import NO_EXTENSIONS, Extensions
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share, from_lines
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

Vector = dict[str, Any]

MADE = Extensions(1_767_225_600, "0.1.0")
"""What a release says of itself: sealed at the beginning of 2026."""

LATER = Extensions(1_767_225_600, "9.0", ((3, hashlib.sha256(b"second key").digest()), (9, b"later"), (200, b"\x00")))
"""What a release of another day may say."""


class Stream:
    """A deterministic source of random bytes; remembers the first draw, which is the master."""

    def __init__(self, name: str, *, leading_zeros: bool) -> None:
        self._name = name.encode()
        self._zeros = 2 if leading_zeros else 0
        self._draws = 0
        self.first = b""

    def __call__(self, length: int) -> bytes:
        """Return the next bytes; with leading zeros, each 16-byte field element begins with two of them."""
        label = b"breakglass-shamir vectors %d %s" % (self._draws, self._name)
        drawn = bytearray(hashlib.shake_256(label).digest(length))
        for start in range(0, length, shamir.HALF_BYTES):
            drawn[start : start + self._zeros] = bytes(self._zeros)
        self._draws += 1
        self.first = self.first or bytes(drawn)
        return bytes(drawn)


@dataclass(frozen=True)
class Epoch:
    """A sealed epoch with what only its generator knows."""

    name: str
    facts: Facts
    credential: Credential
    master: Secret
    sealed: Sealed

    @property
    def seed(self) -> Secret:
        """Seed of the set key."""
        return keys.set_key_seed(self.master, self.facts.kind)

    @property
    def core(self) -> Core:
        """The envelope's core."""
        return self.sealed.envelope.core

    @property
    def codes(self) -> list[str]:
        """Texts of the envelope's codes."""
        return list(self.sealed.envelope.to_codes())

    def share(self, group: int, member: int) -> Share:
        """One dealt share."""
        return self.sealed.shares[self.facts.structure.index((group, member))]

    def texts(self, *seats: tuple[int, int]) -> list[str]:
        """QR texts of some shares."""
        return [self.share(*seat).to_text() for seat in seats]


def make_epoch(
    name: str,
    structure: Structure,
    credential: Credential,
    *,
    kind: Kind = Kind.LIVE,
    number: int = 1,
    set_name: str = "prod-db",
    predecessor: bytes = bytes(8),
    leading_zeros: bool = False,
    extensions: Extensions = MADE,
    policy_digest: bytes = b"",
) -> Epoch:
    """Seal an epoch from the stream of its name."""
    stream = Stream(name, leading_zeros=leading_zeros)
    digest = policy_digest or hashlib.sha256(b"policy of " + name.encode()).digest()
    checkpoint = Checkpoint(hashlib.sha256(b"log").digest()[:8], number * 17, hashlib.sha256(b"root").digest())
    facts = Facts(kind, set_name, number, structure, digest, checkpoint, predecessor, extensions)
    keys.random_bytes = stream
    vars(SecretSharing)["rng"] = stream
    sealed = seal(facts, credential.to_bytes())
    return Epoch(name, facts, credential, Secret(stream.first), sealed)


def make_epochs() -> list[Epoch]:
    """Every epoch of the vectors."""
    plain = Credential(Secret(b"correct horse battery staple"), account="breakglass")
    full = Credential(
        Secret(b"line one\nline two\x00\xff"),
        CredentialKind.OPAQUE,
        "breakglass",
        "postgresql://db.example:5432/postgres?sslmode=verify-full",
        hashlib.sha256(b"ca").hexdigest(),
        "second account: safe in Z\u00fcrich",
        Secret(b"12345678901234567890"),
    )
    key_pair = Credential(
        Secret(hashlib.shake_256(b"key pair").digest(1500)), CredentialKind.KEY_PAIR, "root", "ssh://bastion"
    )
    longer = Credential(Secret(hashlib.shake_256(b"token").digest(200)), CredentialKind.TOKEN, "admin")
    two_of_three = Structure(1, (Group(2, 3),))
    both = Structure(2, (Group(2, 3), Group(1, 2)))
    either = Structure(1, (Group(2, 2), Group(3, 4)))
    first = make_epoch("2-of-3", two_of_three, plain)
    return [
        first,
        make_epoch(
            "3-of-5",
            Structure(1, (Group(3, 5),)),
            full,
            number=2,
            predecessor=first.sealed.shares[0].epoch_id,
        ),
        make_epoch("2-of-3 and 1-of-2", both, plain, set_name="Z\u00fcrich firewall"),
        make_epoch("2-of-2 or 3-of-4", either, plain),
        make_epoch("several codes", two_of_three, key_pair),
        make_epoch("two blocks of typed lines", two_of_three, longer, number=2**32 - 1),
        make_epoch("drill", two_of_three, plain, kind=Kind.DRILL),
        make_epoch("leading zeros", two_of_three, plain, leading_zeros=True, extensions=NO_EXTENSIONS),
        *_kinds(two_of_three),
    ]


def _kinds(structure: Structure) -> list[Epoch]:
    """An epoch of each kind that has more than its secret, and one that a later release made."""
    passkey = Credential(
        Secret(hashlib.shake_256(b"passkey").digest(67)),
        CredentialKind.PASSKEY,
        "breakglass",
        passkey=Passkey("login.example", b"\x00user", hashlib.shake_256(b"credential id").digest(32), 7),
    )
    certified = Credential(
        Secret(b"-----BEGIN PRIVATE KEY-----\n"), CredentialKind.KEY_CERTIFICATE, certificate=b"-----BEGIN CERT\n"
    )
    codes = "\n".join(f"{number:04d}-{hashlib.sha256(b'%d' % number).hexdigest()[:16]}" for number in range(13))
    listed = Credential(Secret(codes.encode()), CredentialKind.LIST)
    later = Credential(
        Secret(b"\x00of a kind that comes"),
        CredentialKind(9),
        totp_seed=Secret(b"12345678901234567890123456789012"),
        totp_scheme=TotpScheme(2, 8, 60),
        others=((16, Secret(b"\x01")), (127, Secret(b"later")), (128, Secret(b"optional"))),
    )
    return [
        make_epoch("a passkey", structure, passkey),
        make_epoch("a key with its certificate", structure, certified),
        make_epoch("a list that fills every typed line", structure, listed),
        make_epoch("a later release", structure, later, extensions=LATER),
    ]


def good(name: str, operation: str, given: Vector, output: Vector) -> Vector:
    """A vector that must succeed."""
    return {"name": name, "operation": operation, "input": given, "output": output}


def bad(name: str, operation: str, given: Vector, error: str) -> Vector:
    """A vector that must fail with this error id."""
    return {"name": name, "operation": operation, "input": given, "error": error}


def wrong_but_checks(line: str, number: int) -> str:
    """Return a typed line with its first 14 characters or so wrong, and its check character right for them."""
    row, printed = text.read_line(line)[0], line[-1]
    front = "".join(map(other_symbol, row[:13]))
    rows = [front + last + row[14:] for last in text.ALPHABET]
    changed = next(each for each in rows if text.check_character(each, number) == printed)
    return f"{text.group(changed)}  {printed}"


def misrepaired(share: Share) -> list[str | None]:
    """Return the lines of a share, line 1 lost and one character wrong, of which repair makes another version."""
    rows = [text.read_line(line)[0] for line in share.to_lines()]
    for number, place, symbol in itertools.product(range(2, 5), range(text.LINE_CHARACTERS), text.ALPHABET):
        row = rows[number - 1]
        changed = {n: old for n, old in enumerate(rows, 1) if n > 1} | {number: row[:place] + symbol + row[place + 1 :]}
        try:
            from_lines(changed)
        except UnsupportedVersion:
            return [None, *(f"{text.group(one)}  {text.check_character(one, n)}" for n, one in changed.items())]
        except MalformedText:
            continue
    raise AssertionError("no character does")


def other_symbol(symbol: str) -> str:
    """Return a symbol that differs in its highest and its lowest bit."""
    return text.ALPHABET[text.ALPHABET.index(symbol) ^ 21]


def facts_of(envelope: Envelope) -> Vector:
    """Every field of an envelope."""
    core = envelope.core
    return {
        "bytes": envelope.to_bytes().hex(),
        "sha256": envelope.digest.hex(),
        "kind": core.kind.word,
        "epoch_id": core.epoch_id.hex(),
        "epoch": core.epoch,
        "structure": _structure(core.structure),
        "masked": [value.hex() for value in core.masked],
        "ciphertext": core.ciphertext.hex(),
        "commitments": [commitment.hex() for commitment in envelope.commitments],
        "set_public_key": envelope.set_public_key.hex(),
        "predecessor": envelope.predecessor.hex(),
        "policy_digest": envelope.policy_digest.hex(),
        "log_id": envelope.checkpoint.log_id.hex(),
        "tree_size": envelope.checkpoint.size,
        "tree_root": envelope.checkpoint.root.hex(),
        "set_name": envelope.set_name,
        "created": envelope.extensions.created,
        "release": envelope.extensions.release,
        "unknown": list(envelope.extensions.unknown),
        "signature": envelope.signature.hex(),
    }


def _structure(structure: Structure) -> Vector:
    groups = [{"threshold": group.threshold, "members": group.members} for group in structure.groups]
    return {"group_threshold": structure.group_threshold, "groups": groups}


def mask_of(epoch: Epoch, share: Share) -> Vector:
    """How one member of a threshold-1 group reaches the group secret."""
    mask = keys.group_mask(share.value, share.kind, share.epoch_id, share.group, share.member)
    masked = epoch.core.masked_value((share.group, share.member))
    given = {
        "value": share.value.reveal().hex(),
        "kind": share.kind.word,
        "epoch_id": share.epoch_id.hex(),
        "group": share.group,
        "member": share.member,
        "masked": masked.hex(),
    }
    secret = bytes(a ^ b for a, b in zip(mask, masked, strict=True))
    name = f"member {share.member} of a group with threshold 1"
    return good(name, "unmask", given, {"mask": mask.hex(), "group_secret": secret.hex()})


def credential_of(credential: Credential) -> Vector:
    """Every field of a credential."""
    return {
        "kind": credential.kind.word,
        "secret": credential.secret.reveal().hex(),
        "account": credential.account,
        "target": credential.target,
        "ca_fingerprint": credential.ca_fingerprint,
        "hint": credential.hint,
        "totp_seed": credential.totp_seed.reveal().hex() if credential.totp_seed else "",
        "totp_algorithm": credential.totp_scheme.algorithm,
        "totp_digits": credential.totp_scheme.digits,
        "totp_period": credential.totp_scheme.period,
        "rp_id": credential.passkey.rp_id,
        "user_handle": credential.passkey.user_handle.hex(),
        "credential_id": credential.passkey.credential_id.hex(),
        "counter": credential.passkey.counter,
        "certificate": credential.certificate.hex(),
        "others": [[tag, value.reveal().hex()] for tag, value in credential.others],
    }

# SPDX-License-Identifier: Apache-2.0
"""Sealing an epoch and opening it again (spec: docs/spec/1-cryptography.md).

Rules:

1. ``seal`` draws the master itself and no API takes one: a master seals exactly once.
2. Before the master is wiped, the epoch is opened again from a quorum and must give the same plaintext.
3. ``unseal`` takes exactly the shares of one epoch and kind; it picks what the thresholds need, confirms the
   combined master by the epoch id, and decrypts only then.

Neither function knows who asked, or writes a record; ``operations`` does, before anything is revealed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from breakglass_shamir.crypto import cipher, keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import (
    DecryptionFailed,
    DuplicateShare,
    InsufficientShares,
    InvalidInput,
    InvalidStructure,
    MixedShares,
    UnconfirmedMaster,
)
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import CHECKPOINT_BYTES, NO_PREDECESSOR, Checkpoint, Envelope, is_set_name
from breakglass_shamir.formats.extensions import NO_EXTENSIONS, Extensions
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Seat, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.structs import replace

MAX_PLAINTEXT_BYTES = 8 * 1024
"""A credential of 4 KiB and everything that describes it."""

MAX_EPOCH = 2**32 - 1
"""The epoch's number has 4 bytes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an envelope says besides its cryptography."""

    kind: Kind
    set_name: str
    epoch: int
    structure: Structure
    policy_digest: bytes
    checkpoint: Checkpoint
    predecessor: bytes = NO_PREDECESSOR
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        """Refuse what the envelope's fixed fields cannot hold.

        Raises:
            InvalidInput: with the field that does not fit.
        """
        if not is_set_name(self.set_name):
            raise InvalidInput("expected a set name of 1 to 64 bytes without control characters")
        if not 1 <= self.epoch <= MAX_EPOCH:
            raise InvalidInput(f"expected an epoch from 1 to {MAX_EPOCH}, got {self.epoch}")
        lengths = [len(self.policy_digest), len(self.checkpoint.to_bytes()), len(self.predecessor)]
        if lengths != [32, CHECKPOINT_BYTES, keys.EPOCH_ID_BYTES] or len(self.checkpoint.log_id) != 8:
            raise InvalidInput("expected a policy digest, checkpoint and predecessor of their fixed lengths")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A new epoch: one public envelope and the shares to print (docs/spec/1-cryptography.md)."""

    envelope: Envelope
    """Public; one readable copy is enough to open."""

    shares: tuple[Share, ...] = field(repr=False)
    """One for each sheet, by group and member; secret."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An opened epoch: the plaintext, and the key that proves a quorum was here."""

    plaintext: Secret = field(repr=False)
    set_key: Secret = field(repr=False)

    def wipe(self) -> None:
        """Wipe both."""
        self.plaintext.wipe()
        self.set_key.wipe()


def seal(facts: Facts, plaintext: Secret) -> Sealed:
    """Draw a master, encrypt the plaintext, split the master, sign the envelope, and prove the result.

    Raises:
        InvalidStructure: plaintext too long, or the shares do not recombine.
    """
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise InvalidStructure(f"expected a plaintext of at most {MAX_PLAINTEXT_BYTES} bytes, got {len(plaintext)}")
    with (
        Secret(keys.random_bytes(keys.MASTER_BYTES)) as master,
        keys.set_key_seed(master, facts.kind) as set_key,
    ):
        public = keys.ed25519_public(set_key)
        epoch_id = keys.epoch_id_of(public)
        shares, masked = _deal(master, facts, epoch_id)
        core = Core(facts.kind, epoch_id, facts.epoch, facts.structure, masked, b"")
        key, nonce = keys.credential_key(master, facts.kind)
        core = replace(core, ciphertext=cipher.encrypt(key, nonce, core.header(), plaintext))
        commitments = tuple(share.commitment() for share in shares)
        envelope = Envelope(
            core,
            commitments,
            public,
            facts.predecessor,
            facts.policy_digest,
            facts.checkpoint,
            facts.set_name,
            facts.extensions,
        ).signed_by(set_key)
    sealed = Sealed(Envelope.from_bytes(envelope.to_bytes()), shares)
    _prove(sealed, plaintext)
    return sealed


def unseal(core: Core, shares: Iterable[Share], set_public_key: bytes = b"") -> Unsealed:
    """Combine a quorum, confirm its master by the epoch id, and by the whole set key where it is known, decrypt.

    Surplus shares are welcome: exactly what the thresholds need is used, lowest numbers first.

    Args:
        core: of the epoch.
        shares: of the epoch.
        set_public_key: 32 bytes, as envelope or ledger have it; empty where only the epoch id is known.

    Raises:
        MixedShares: a share of another epoch or kind, or of a place that does not exist.
        DuplicateShare: two different values for one place.
        InsufficientShares: no quorum.
        UnconfirmedMaster: the shares do not combine to this epoch's master.
        DecryptionFailed: right master, altered envelope.
    """
    with _combine(core, _by_seat(core, shares)) as master:
        set_key = keys.set_key_seed(master, core.kind)
        if not _is_confirmed(keys.ed25519_public(set_key), core.epoch_id, set_public_key):
            set_key.wipe()
            raise UnconfirmedMaster(
                "these shares do not combine to this epoch's key: one of them is wrong",
                hint="scan an envelope code, so that the wrong sheet can be named",
            )
        key, nonce = keys.credential_key(master, core.kind)
    try:
        return Unsealed(cipher.decrypt(key, nonce, core.header(), core.ciphertext), set_key)
    except DecryptionFailed:
        set_key.wipe()
        raise


def _is_confirmed(derived: bytes, epoch_id: bytes, expected: bytes) -> bool:
    """Tell whether a derived set key is the one of an epoch; 8 bytes of a hash are little where the key is known."""
    return keys.epoch_id_of(derived) == epoch_id and expected in (b"", derived)


def _deal(master: Secret, facts: Facts, epoch_id: bytes) -> tuple[tuple[Share, ...], tuple[bytes, ...]]:
    """Split the master over groups and members; returns shares by seat, and the masked values."""
    shares: list[Share] = []
    masked: list[bytes] = []
    for number, (group, secret) in enumerate(
        zip(facts.structure.groups, _group_secrets(master, facts.structure), strict=True), 1
    ):
        if group.threshold > 1:
            values = shamir.split(secret, group.threshold, group.members)
        else:
            values = [Secret(keys.random_bytes(keys.MASTER_BYTES)) for _ in range(group.members)]
        for member, value in enumerate(values, 1):
            shares.append(Share(facts.kind, epoch_id, number, member, value))
            if group.threshold == 1:
                masked.append(_xor(secret, keys.group_mask(value, facts.kind, epoch_id, number, member)))
        secret.wipe()
    return tuple(shares), tuple(masked)


def _group_secrets(master: Secret, structure: Structure) -> list[Secret]:
    """Split the master over the groups; with a group threshold of 1 every group gets the master itself."""
    if structure.group_threshold == 1:
        return [Secret(master.reveal()) for _ in structure.groups]
    return shamir.split(master, structure.group_threshold, len(structure.groups))


def _by_seat(core: Core, shares: Iterable[Share]) -> dict[Seat, Share]:
    found: dict[Seat, Share] = {}
    for share in shares:
        if share.kind is not core.kind or share.epoch_id != core.epoch_id:
            raise MixedShares(f"share {share.public_id} is not of this epoch and kind")
        seat = (share.group, share.member)
        try:
            core.structure.index(seat)
        except InvalidStructure:
            raise MixedShares(f"share {share.public_id} does not exist in this epoch") from None
        if found.setdefault(seat, share).value != share.value:
            raise DuplicateShare(f"two different values for share {share.public_id}")
    return found


def _combine(core: Core, shares: dict[Seat, Share]) -> Secret:
    complete = core.structure.complete_groups(shares)
    threshold = core.structure.group_threshold
    if len(complete) < threshold:
        raise InsufficientShares(f"no quorum yet: expected {core.structure.in_words()}, got {len(shares)} sheets")
    points = [(number, _group_secret(core, number, shares)) for number in complete[:threshold]]
    return points[0][1] if threshold == 1 else shamir.combine(points, threshold)


def _group_secret(core: Core, number: int, shares: dict[Seat, Share]) -> Secret:
    group = core.structure.groups[number - 1]
    held = sorted((seat, share) for seat, share in shares.items() if seat[0] == number)[: group.threshold]
    if group.threshold > 1:
        return shamir.combine([(share.member, share.value) for _, share in held], group.threshold)
    seat, share = held[0]
    mask = keys.group_mask(share.value, core.kind, core.epoch_id, *seat)
    return Secret(_xor(Secret(core.masked_value(seat)), mask))


def _xor(secret: Secret, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(secret.reveal(), mask, strict=True))


def _prove(sealed: Sealed, plaintext: Secret) -> None:
    """Open the new epoch by its first quorum, and by its last one too where shares mask a group's secret.

    That any quorum opens it, the dealing has proven (``shamir.split``); masks are beyond that.
    """
    by_seat = {(share.group, share.member): share for share in sealed.shares}
    structure = sealed.envelope.core.structure
    first, last = _first_and_last(structure)
    masks = any(group.threshold == 1 for group in structure.groups)
    for quorum in (first, last) if masks else (first,):
        envelope = sealed.envelope
        opened = unseal(envelope.core, [by_seat[seat] for seat in quorum], envelope.set_public_key)
        if opened.plaintext != plaintext:
            raise InvalidStructure("the epoch just sealed does not open again; do not print it")
        opened.wipe()


def _first_and_last(structure: Structure) -> Sequence[Sequence[Seat]]:
    numbers = list(range(1, len(structure.groups) + 1))
    first = [
        (number, member)
        for number in numbers[: structure.group_threshold]
        for member in range(1, structure.groups[number - 1].threshold + 1)
    ]
    last = [
        (number, structure.groups[number - 1].members - member)
        for number in numbers[-structure.group_threshold :]
        for member in range(structure.groups[number - 1].threshold)
    ]
    return first, last

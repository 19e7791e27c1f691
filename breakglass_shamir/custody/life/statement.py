# SPDX-License-Identifier: Apache-2.0
"""What one terminal tells another of a set (spec: docs/spec/10-enrolment.md).

Rules:

1. A statement is public: envelopes, keys, a policy, who keeps which sheet. There is no field for anything secret.
2. It is bounded, and taken only in its one spelling. What is read is claimed until ``ledger/statements.py`` has
   verified its signature, its checkpoint, and that each record that it carries is in its log. A log that is read again
   does not verify it again; whoever verifies the log does.
3. A record travels byte for byte, with the proof that it is in the log it came from.

What follows from a statement is for ``enrol_rules.py``.
"""

import functools
import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
import rfc8785

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.note import MAX_TREE_SIZE
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import InvalidInput, InvalidRecord, UnsupportedVersion

NAMESPACE = "enrolment@breakglass-shamir"
"""SSHSIG namespace of a statement."""

TYPE = "enrolment-statement"

MAX_BYTES = 192 * 1024
"""Longest statement: it stands in one record, and its quotes are escaped there."""

MAX_EPOCHS = 16
"""Most epochs in a statement: those that may be alive, and those that proofs of lineage begin with."""

MAX_EARLIER = 64
"""Most earlier trees that a statement proves to be the beginning of its own."""

LOG_ID_BYTES = 8
"""Length of a log id, as in ``ledger/entry.py``, which lies above."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_EpochId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Seat = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,2}\.[1-9][0-9]{0,2}\Z")]
_Time = str
"""A moment that exists, as in records; held to be one when the statement is read."""

_Words = Annotated[str, msgspec.Meta(max_length=4096)]
_Size = Annotated[int, msgspec.Meta(ge=1, le=min(MAX_TREE_SIZE, 2**53 - 1))]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every part of a statement is made from."""


class Carried(_Struct, frozen=True):
    """One record of a log, and the proof that it is there."""

    record: Annotated[bytes, msgspec.Meta(max_length=records.MAX_RECORD_BYTES)]
    proof: Annotated[str, msgspec.Meta(max_length=16 * 1024)]
    """A C2SP ``tlog-proof`` of it, without extra data."""

    terminal_key: _Words
    """The key of that log, one line as OpenSSH writes it, without comment."""

    def parsed(self) -> Record:
        """Return the record, without asking whether its bytes are canonical.

        Raises:
            InvalidRecord: it is none.
        """
        return records.parse(self.record)


class CarriedEpoch(_Struct, frozen=True):
    """One epoch, and what became of its sheets."""

    epoch_id: _EpochId
    status: Literal["good", "void"]
    """``good`` of one that may be alive; ``void`` of one that proofs of lineage begin with."""

    brought_by: Carried
    """The record that brought it to the log in which it was first seen."""

    began: _Time
    proven: bool
    custodians: dict[_Seat, _Words]
    former: dict[_Seat, tuple[_Words, ...]]
    read_back: tuple[_Seat, ...]
    acknowledged: dict[_Seat, _Words]
    bags: dict[_Seat, _Words]
    verified: dict[_Seat, _Time]
    """When each sheet was last verified."""

    voided: dict[_Seat, _Words]
    voided_on: dict[_Seat, _Time]


class CarriedPolicy(_Struct, frozen=True):
    """The policy in force."""

    adopted_by: Carried
    """The record that put it in force in the log in which it was first seen."""

    signature: Annotated[str, msgspec.Meta(max_length=4096)]
    """Armored SSHSIG by the quorum's set key, where the record is ``policy-weakened``; else empty."""


class CarriedRetirement(_Struct, frozen=True):
    """The set is out of service."""

    since: _Time
    reason: _Words
    credential: _Words
    attested_by: tuple[_Words, ...]
    by_quorum: bool


class Earlier(_Struct, frozen=True):
    """A tree that the log had before, and the proof that it only grew since."""

    size: _Size
    hashes: Annotated[tuple[_Hash, ...], msgspec.Meta(max_length=128)]


class Statement(_Struct, frozen=True):
    """What a terminal says of one set; nothing in it is verified yet."""

    v: int
    type: str
    terminal: _Name
    public_key: _Words
    """The terminal key, one line as OpenSSH writes it, without comment."""

    checkpoint: _Words
    """C2SP signed note of the log's tree at this moment."""

    size: _Size
    root: _Hash
    time: _Time
    earlier: Annotated[tuple[Earlier, ...], msgspec.Meta(max_length=MAX_EARLIER)]
    set: _Name
    lineage: Annotated[tuple[_EpochId, ...], msgspec.Meta(min_length=1, max_length=4096)]
    """Every epoch of the set that the terminal knows."""

    current: _EpochId
    epochs: Annotated[tuple[CarriedEpoch, ...], msgspec.Meta(min_length=1, max_length=MAX_EPOCHS)]
    policy: CarriedPolicy | None
    retired: CarriedRetirement | None

    @property
    def key(self) -> bytes:
        """The raw 32-byte key of the terminal."""
        return sshsig.public_of_line(self.public_key)

    @property
    def log(self) -> str:
        """Id of the terminal's log, hexadecimal."""
        return hashlib.sha256(self.key).digest()[:LOG_ID_BYTES].hex()

    def to_text(self) -> str:
        """Write it in its one spelling.

        Raises:
            InvalidInput: it says more than a statement may hold.
        """
        tree = msgspec.to_builtins(self)
        try:
            text = rfc8785.dumps(tree).decode()
            from_text(text)
        except (InvalidRecord, rfc8785.CanonicalizationError) as error:
            raise InvalidInput(f"this cannot be told another terminal: {error}") from None
        return text


@functools.lru_cache(maxsize=8)
def parse(text: str) -> Statement:
    """Read a statement that a record holds, without asking whether its text is the canonical one.

    Raises:
        InvalidRecord: not one, too long, or its parts do not fit together.
        UnsupportedVersion: of another version.
    """
    data = text.encode("utf-8", errors="surrogatepass")
    if len(data) > MAX_BYTES:
        raise InvalidRecord(f"expected a statement of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        found = msgspec.json.decode(data, type=Statement)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRecord(f"not a statement about a set: {error}") from None
    if found.type != TYPE:
        raise InvalidRecord(f"expected a statement of the type {TYPE!r}, got {found.type[:24]!a}")
    if found.v != records.VERSION:
        raise UnsupportedVersion(f"expected a statement of version {records.VERSION}, got {found.v}")
    _check(found)
    return found


def from_text(text: str) -> Statement:
    """Read a statement that is not trusted yet: its text must be the canonical one, and read the same to everybody.

    Raises:
        InvalidRecord: as :func:`parse`, or not in its one spelling, or with characters that hide.
        UnsupportedVersion: of another version.
    """
    found = parse(text)
    tree = msgspec.to_builtins(found)
    if rfc8785.dumps(tree) != text.encode("utf-8", errors="surrogatepass"):
        raise InvalidRecord("the statement is not in canonical form")
    if not _clean(tree):
        raise InvalidRecord("control or text-direction characters in a statement")
    return found


def _check(found: Statement) -> None:
    """Hold that the parts fit together, whoever wrote them."""
    if sshsig.public_line(found.key, "") != found.public_key:
        raise InvalidRecord("expected the terminal's key without a comment, in its one spelling")
    ids = [epoch.epoch_id for epoch in found.epochs]
    if len(set(ids)) != len(ids) or len(set(found.lineage)) != len(found.lineage):
        raise InvalidRecord("the statement names an epoch twice")
    good = [epoch.epoch_id for epoch in found.epochs if epoch.status == "good"]
    if found.current not in good or not set(ids) <= set(found.lineage):
        raise InvalidRecord("the epoch in force is not among the good epochs of the statement")
    if not all(map(records.is_time, _times(found))):
        raise InvalidRecord("expected times such as 2026-01-01T00:00:00Z in the statement, of moments that exist")
    sizes = [one.size for one in found.earlier]
    if sizes != sorted(set(sizes)) or any(size >= found.size for size in sizes):
        raise InvalidRecord("expected earlier trees that grow, each smaller than the statement's")


def _times(found: Statement) -> Iterator[str]:
    """Yield every time in a statement."""
    yield found.time
    for epoch in found.epochs:
        yield from (epoch.began, *epoch.verified.values(), *epoch.voided_on.values())
    if found.retired is not None:
        yield found.retired.since


def _clean(value: object) -> bool:
    """Tell whether every text in a tree of builtins reads the same to everybody."""
    if isinstance(value, str):
        return is_clean(value.replace("\n", " "))
    if isinstance(value, dict):
        return all(_clean(key) and _clean(item) for key, item in value.items())
    return all(_clean(item) for item in value) if isinstance(value, list | tuple) else True

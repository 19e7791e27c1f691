# SPDX-License-Identifier: Apache-2.0
"""The extension block of an envelope: what releases may still add to paper (spec: docs/spec/4-envelope.md).

Rules:

1. The block stands before the signature and is signed. It has fields of tag, length and value, see ``fields``.
2. What this release does not know is kept and written again as the same bytes. It never stops an opening.
3. A tag below 128 that this release does not know makes the proofs of its envelope unknown: something in them means
   what nobody here can judge. A tag from 128 on changes nothing.
4. Tag 3 is reserved for the hash of a second key. Its length is known, and what it proves is not.

This module does not decide what becomes of an envelope whose proofs are unknown.
"""

import re

from breakglass_shamir.errors import InvalidEnvelope, InvalidInput
from breakglass_shamir.formats import fields
from breakglass_shamir.structs import Struct

MAX_BLOCK_BYTES = 1024
"""Longest extension block: what is larger belongs into the ledger, and its hash here."""

MAX_CREATED_S = 2**64 - 1
"""The creation time has 8 bytes."""

_CREATED, _RELEASE, _SECOND_KEY = 1, 2, 3
_CREATED_BYTES, _SECOND_KEY_BYTES = 8, 32
_RELEASE_TEXT = re.compile(r"[\x20-\x7e]{1,32}")


class Extensions(Struct, frozen=True):
    """What an envelope says besides its fixed fields (docs/spec/4-envelope.md).

    Raises:
        InvalidInput: a field of another type, or longer than the block has room for.
    """

    created: int | None = None
    """When the epoch was sealed, in seconds since 1970, UTC; None: it is not said."""

    release: str = ""
    """The release that sealed it, 1 to 32 printable ASCII characters; empty: it is not said."""

    others: tuple[fields.Field, ...] = ()
    """Fields of other releases, tag and value, ascending from tag 3."""

    def __post_init__(self) -> None:
        """Refuse what the block cannot hold."""
        if self.created is not None and not (type(self.created) is int and 0 <= self.created <= MAX_CREATED_S):
            raise InvalidInput("expected a creation time in whole seconds since 1970")
        if not isinstance(self.release, str) or (self.release and not _RELEASE_TEXT.fullmatch(self.release)):
            raise InvalidInput("expected a release of 1 to 32 printable ASCII characters")
        tags = [tag for tag, _ in self.others]
        if any(not _RELEASE < tag <= 255 for tag in tags) or tags != sorted(set(tags)):
            raise InvalidInput(f"expected other tags from {_SECOND_KEY} to 255, ascending")
        if any(not value for _, value in self.others) or len(self._body()) > MAX_BLOCK_BYTES:
            raise InvalidInput(f"expected an extension block of at most {MAX_BLOCK_BYTES} bytes without empty values")

    @property
    def unknown(self) -> tuple[int, ...]:
        """Tags that make the proofs unknown to this release."""
        return tuple(tag for tag, _ in self.others if tag < fields.FIRST_OPTIONAL_TAG)

    def to_bytes(self) -> bytes:
        """Return the length of the block (2), and the block. Never raises."""
        body = self._body()
        return len(body).to_bytes(2, "big") + body

    def _body(self) -> bytes:
        created = b"" if self.created is None else self.created.to_bytes(_CREATED_BYTES, "big")
        mine = [(_CREATED, created), (_RELEASE, self.release.encode("ascii"))]
        return fields.write([*(pair for pair in mine if pair[1]), *self.others])

    @classmethod
    def from_bytes(cls, body: bytes) -> "Extensions":
        """Read a block, without its length.

        Raises:
            InvalidEnvelope: not whole fields in strict order, or a known one of another form.
        """
        found = fields.read(body)
        if found is None or len(body) > MAX_BLOCK_BYTES:
            raise InvalidEnvelope(f"expected an extension block of ascending fields, at most {MAX_BLOCK_BYTES} bytes")
        created, release = found.pop(_CREATED, None), found.pop(_RELEASE, b"")
        if created is not None and len(created) != _CREATED_BYTES:
            raise InvalidEnvelope(f"expected a creation time of {_CREATED_BYTES} bytes, got {len(created)}")
        if len(found.get(_SECOND_KEY, bytes(_SECOND_KEY_BYTES))) != _SECOND_KEY_BYTES:
            raise InvalidEnvelope(f"expected the hash of a second key, {_SECOND_KEY_BYTES} bytes")
        seconds = None if created is None else int.from_bytes(created, "big")
        text = release.decode("latin-1")
        if text and not _RELEASE_TEXT.fullmatch(text):
            raise InvalidEnvelope("expected a release of 1 to 32 printable ASCII characters")
        return cls(seconds, text, tuple(found.items()))


NO_EXTENSIONS = Extensions()
"""An empty block."""

# SPDX-License-Identifier: Apache-2.0
"""Proofs of inclusion as files: C2SP ``tlog-proof``.

Rules:

1. The first line names the format; then at most one ``extra`` line, the ``index`` line, the hashes from the leaf's
   sibling up, an empty line, and the checkpoint verbatim.
2. Everything read has one spelling: canonical base64, no leading zeros.
3. The extra data is not authenticated by anything in this format; whoever uses it says by what it is.

Nothing is verified here but the form: see :mod:`.merkle` and :mod:`.note`.
"""

import base64
import re
from typing import Self

from breakglass_shamir.crypto.merkle import HASH_BYTES
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.structs import Struct

HEADER = "c2sp.org/tlog-proof@v1"
"""First line of every proof."""

FILE_ENDING = ".tlog-proof"
"""How a proof's file name ends."""

MAX_HASHES = 63
"""The longest path of a tree whose size is a signed 64-bit integer."""

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class LogProof(Struct, frozen=True):
    """A leaf's place in a checkpointed tree."""

    index: int
    """Number of the leaf, from 0."""

    hashes: tuple[bytes, ...]
    """From the leaf's sibling to the root's child, 32 bytes each."""

    checkpoint: str
    """Signed note, verbatim."""

    extra: bytes = b""

    def to_text(self) -> str:
        """Write the proof."""
        extra = [f"extra {_encode64(self.extra)}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *map(_encode64, self.hashes), "", self.checkpoint]
        return "\n".join(lines)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a proof.

        Raises:
            InvalidProof: it is not of this format, or not in its one spelling.
        """
        head, separator, checkpoint = text.partition("\n\n")
        first, *lines = head.split("\n")
        if first != HEADER or not separator:
            raise InvalidProof(f"expected a proof that begins with {HEADER} and has a checkpoint at its end")
        extra = _decode64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None:
            raise InvalidProof("expected a line with the index of the proven entry")
        hashes = tuple(_decode64(line) for line in lines)
        if len(hashes) > MAX_HASHES or any(len(value) != HASH_BYTES for value in hashes):
            raise InvalidProof(f"expected at most {MAX_HASHES} hashes of {HASH_BYTES} bytes in the proof")
        return cls(int(index[1]), hashes, checkpoint, extra)


def _encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or _encode64(data) != text:
        raise InvalidProof("expected canonical base64 in the proof")
    return data

# SPDX-License-Identifier: Apache-2.0
"""The file in which a review comes back from a reviewer elsewhere, in its one spelling (spec: docs/spec/7-records.md).

It is public, and says what the reviewer signed, with which key. What is read is claimed until the ledger took it.
"""

from typing import Annotated, Literal

import msgspec
import rfc8785

from breakglass_shamir.custody.records.reviews import review_statement
from breakglass_shamir.errors import InvalidInput, InvalidRecord

TYPE = "review-file"

MAX_BYTES = 64 * 1024
"""Largest file that is read."""

_Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Log = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class ReviewFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A review that was signed elsewhere."""

    key: _Text
    """Type and base64, without comment."""

    last: _Hex64
    log: _Log
    reason: _Text
    set: _Text
    signature: Annotated[str, msgspec.Meta(max_length=32 * 1024)]
    subject: _Text
    type: Literal["review-file"] = "review-file"
    v: Literal[1] = 1
    verdict: _Text

    def to_bytes(self) -> bytes:
        """Write the file.

        Raises:
            InvalidInput: a text that cannot be written.
        """
        try:
            return rfc8785.dumps(msgspec.to_builtins(self)) + b"\n"
        except rfc8785.CanonicalizationError as error:
            raise InvalidInput(f"this cannot be written: {error}") from None

    @property
    def statement(self) -> bytes:
        """The bytes that the signature is over."""
        return review_statement(self.log, self.set, self.subject, self.last, self.verdict, self.reason)


def from_bytes(data: bytes) -> ReviewFile:
    """Read a file.

    Raises:
        InvalidRecord: not one, or not in its one spelling.
    """
    try:
        found = msgspec.json.decode(data, type=ReviewFile)
    except RecursionError:
        raise InvalidRecord("not a review: lists and tables far too deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRecord(f"not a review: {error}") from None
    if found.to_bytes() != data.rstrip() + b"\n":
        raise InvalidRecord("the review is not in its one spelling")
    return found

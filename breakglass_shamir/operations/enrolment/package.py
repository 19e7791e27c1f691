# SPDX-License-Identifier: Apache-2.0
"""The file that goes from one terminal to another, and its fingerprint (spec: docs/spec/10-enrolment.md).

Rules:

1. It is read whole or not at all: bounded, in its one spelling, every statement of one terminal and one moment.
2. The fingerprint covers the terminal's key and every byte of the file: 120 bits as a line of 24 symbols and a check
   character, read as every typed line is. It is compared in constant time, and never shown by the terminal that asks
   for it: people bring it from the other one's screen.
3. A slip is told from another file by the check character, so that people look again at the right thing.
"""

import hashlib
import hmac
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life import enrolment_file, statement
from breakglass_shamir.custody.life.enrolment_file import Part
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.statement import Statement
from breakglass_shamir.errors import FingerprintMismatch, InvalidInput, InvalidProof, InvalidRecord, MalformedText
from breakglass_shamir.formats import text
from breakglass_shamir.ledger import receipt, statements
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.ledger.unreadable import unreadable

FINGERPRINT_LINE = 31
"""Number that the check character binds: no line on a sheet has it."""

_LABEL = b"breakglass-shamir enrolment\x00"
_WRONG_LENGTH = f"expected {text.LINE_CHARACTERS} characters and a check character, as on the other terminal's screen"


@dataclass(frozen=True, slots=True)
class Package:
    """A file that holds in itself; whose it is, only its fingerprint says."""

    parts: tuple[Part, ...]
    said: tuple[Statement, ...]
    receipts: tuple[HeldReceipt, ...]
    successions: tuple[SuccessionProof, ...]
    data: bytes

    @property
    def first(self) -> Statement:
        """One of the statements; terminal, key and tree are the same in all."""
        return self.said[0]

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What the terminal that wrote the file shows."""
        return text.to_lines(_digest(self.first.key, self.data), FINGERPRINT_LINE)[0]

    def compare(self, typed: str) -> None:
        """Hold what people typed against the fingerprint.

        Raises:
            InvalidInput: a slip in it, or something else.
            FingerprintMismatch: it is that of another file or terminal.
        """
        try:
            row, number = text.read_line(typed)
        except MalformedText:
            raise InvalidInput(_WRONG_LENGTH, hint="type it again, group by group") from None
        if number != FINGERPRINT_LINE:
            raise InvalidInput(
                "there is a slip in this fingerprint", hint="compare each group of four and type it again"
            )
        expected = text.encode(_digest(self.first.key, self.data))
        if not hmac.compare_digest(row.encode(), expected.encode()):
            raise FingerprintMismatch(
                "this is the fingerprint of another file, or of another terminal",
                hint="compare it once more; if it is right, somebody changed the file on the way: do not import it",
            )


def read(path: Path) -> Package:
    """Read a file and verify it in itself.

    Raises:
        InvalidInput: it cannot be read, is too large, or is something else.
        UnsupportedVersion, InvalidRecord, InvalidSignature, InvalidProof: it is not whole, or was altered.
    """
    try:
        # A pipe that nobody writes to would be waited for without an end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInput(f"expected a file at {path}, found something else")
            data = file.read(enrolment_file.MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    return parse(data)


def parse(data: bytes) -> Package:
    """Read the bytes of a file and verify them in themselves.

    Raises:
        InvalidInput: it is something else.
        UnsupportedVersion, InvalidRecord, InvalidSignature, InvalidProof: it is not whole, or was altered.
    """
    found = enrolment_file.from_bytes(data)
    _check_one_moment(tuple(statement.parse(part.statement) for part in found.parts))
    said = tuple(statements.verify(part.statement, part.signature) for part in found.parts)
    held = tuple(_receipt(one, part.receipt) for one, part in zip(said, found.parts, strict=True))
    return Package(found.parts, said, held, found.successions, data)


def _check_one_moment(said: tuple[Statement, ...]) -> None:
    """Hold that every statement is of one terminal and one tree, each of another set."""
    heads = {(one.terminal, one.public_key, one.size, one.root) for one in said}
    names = {one.set for one in said}
    if len(heads) != 1 or len(names) != len(said):
        raise InvalidRecord("expected statements of one terminal at one moment, each about another set")


def _receipt(said: Statement, written: str) -> HeldReceipt:
    held = receipt.read_text(written)
    found = (held.receipt.terminal_key, held.receipt.size, held.receipt.root.hex(), held.receipt.set_name)
    if found != (said.key, said.size, said.root, said.set):
        raise InvalidProof(f"the receipt for {said.set} is of another log, moment or set than its statement")
    if bytes.fromhex(said.current) not in [pin.epoch_id for pin in held.receipt.pins]:
        raise InvalidProof(f"the receipt for {said.set} pins another epoch than its statement")
    return held


def _digest(key: bytes, data: bytes) -> bytes:
    """Return the 15 bytes that the fingerprint writes."""
    return hashlib.sha256(_LABEL + key + hashlib.sha256(data).digest()).digest()[: text.LINE_BYTES]

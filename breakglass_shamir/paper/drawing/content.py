# SPDX-License-Identifier: Apache-2.0
"""What one sheet or drill card says, checked before anything is drawn.

Rules:

1. Share and code texts are opaque here; the share is kept out of every repr and error.
2. All text is checked first, so that a sheet is rendered completely or not at all.
3. Nothing that would help a thief of one sheet find the others has a field: no roster, no target.

It does not know what a share or an envelope is, and reads no clock.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.paper.drawing.qr import ALPHABET
from breakglass_shamir.paper.drawing.typeface import drawable

TYPED_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ *~$=?")
"""What a typed line may hold: base32, spaces, and the check symbols of Crockford's scheme."""

LONGEST_TYPED_LINE = 34
"""Characters; 6 groups of 4 with their spaces, 2 spaces and the check character are 32."""

_FREE_TEXT = (
    "set_name",
    "needed",
    "custodian",
    "belongs_to",
    "printed_on",
    "bag_serial",
    "recovery_tool",
    "recovery_sha256",
    "recovery_python",
    "page_sha256",
    "kit",
    "report_to",
    "epoch_id",
)


@dataclass(frozen=True, slots=True)
class SheetContent:
    """Everything one sheet says.

    Attributes:
        kind: ``live`` for the sheet in the bag, ``drill`` for the card outside it.
        set_name: name of the set.
        epoch: its number, from 1.
        epoch_id: its id as people see it, ``ABCD-EFGH-JKMN``.
        group: number of this sheet's group, from 1.
        group_count: how many groups there are; 1 means no group level.
        member: number within the group, from 1.
        number: number of this sheet over all groups, from 1.
        total: how many sheets there are over all groups.
        needed: who opens it in words that follow "Opening takes": ``any 3 of these 5 sheets``.
        share_code: text of the share's QR code; secret.
        share_lines: the share as four typed lines; secret.
        envelope_codes: texts of the envelope's QR codes; empty on a drill card.
        core_lines: the envelope core as typed lines for the back; may be empty.
        core_omitted: the credential is too long to be typed, and the back says so.
        custodian: who keeps the sheet, or empty.
        belongs_to: organisation and role it is returned to when found.
        printed_on: ISO date.
        bag_serial: serial of the tamper-evident bag; empty leaves a line to fill in by hand.
        recovery_tool: name and version of the standalone recovery program, or empty.
        recovery_sha256: its SHA-256 in hex, or empty.
        recovery_python: the oldest Python that it runs on, or empty.
        page_sha256: SHA-256 in hex of the page that opens sheets in a browser, or empty: there is none.
        kit: where the recovery kit lies; empty leaves it unsaid.
        report_to: the telephone to report to; empty leaves a line to fill in by hand.
    """

    kind: Literal["live", "drill"]
    set_name: str
    epoch: int
    epoch_id: str
    group: int
    group_count: int
    member: int
    number: int
    total: int
    needed: str
    share_code: str = field(repr=False)
    share_lines: tuple[str, ...] = field(repr=False)
    envelope_codes: tuple[str, ...]
    core_lines: tuple[str, ...]
    core_omitted: bool
    custodian: str
    belongs_to: str
    printed_on: str
    bag_serial: str
    recovery_tool: str
    recovery_sha256: str
    recovery_python: str = ""
    page_sha256: str = ""
    kit: str = ""
    report_to: str = ""


def checked(content: SheetContent) -> SheetContent:
    """Return the content with its names in composed form.

    Raises:
        InvalidInput: a character cannot be printed, a number is out of range, a line is malformed, or a drill
            card carries an envelope.
    """
    _check_numbers(content)
    _check_lines("share_lines", content.share_lines)
    _check_lines("core_lines", content.core_lines)
    if len(content.share_lines) != 4:
        raise InvalidInput(f"expected 4 typed share lines, got {len(content.share_lines)}")
    for name, codes in (("share_code", (content.share_code,)), ("envelope_codes", content.envelope_codes)):
        if not all(code and ALPHABET.issuperset(code) for code in codes):
            raise InvalidInput(f"{name} is empty or has a character outside the QR alphanumeric alphabet")
    _check_kind(content)
    composed: dict[str, Any] = {name: drawable(getattr(content, name), name) for name in _FREE_TEXT}
    return replace(content, **composed)


def _check_kind(content: SheetContent) -> None:
    if content.kind == "drill" and (content.envelope_codes or content.core_lines):
        raise InvalidInput("a drill card carries no envelope: the drill envelope is in the ledger")
    if content.kind == "live" and not content.envelope_codes:
        raise InvalidInput("a live sheet needs at least one envelope code")
    if content.core_lines and content.core_omitted:
        raise InvalidInput("the core is either printed or omitted, not both")


def _check_numbers(content: SheetContent) -> None:
    pairs = (
        (content.number, content.total),
        (content.group, content.group_count),
        (content.member, content.total),
    )
    if content.epoch < 1 or not all(1 <= number <= count for number, count in pairs):
        raise InvalidInput("sheet, group, member and epoch numbers count from 1 up to their totals")


def _check_lines(name: str, lines: tuple[str, ...]) -> None:
    for index, line in enumerate(lines, start=1):
        if not line or len(line) > LONGEST_TYPED_LINE or not TYPED_CHARACTERS.issuperset(line):
            raise InvalidInput(f"{name}: line {index} is not a typed line of at most {LONGEST_TYPED_LINE} characters")

# SPDX-License-Identifier: Apache-2.0
"""Pages: sheets and drill cards to PDF bytes, and pictures and PDF bytes back to texts (docs/spec/6-sheet.md).

Rules:

1. Nothing is written: pages are made and read in memory. Pictures are decoded in a process of its own.
2. A share is held against its envelope before it is drawn; what does not belong together is never on one page.
3. Nothing that a picture holds raises. What cannot be read is a page with a problem in words.

It reads no clock: the day that is printed is the caller's. What the texts are is for a pool to say.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import InvalidInput, MixedShares
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.share import Share
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.memory import proven_envelope
from breakglass_shamir.operations.printing.sheets import content_of
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render, render_for_printer
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner
from breakglass_shamir.paper.sizes import Paper

LONGEST_WAIT_S = 600.0
"""For one page; a page takes a fraction of a second, a poor one some seconds."""


@checked
def render_sheet(
    envelope: Envelope, share: Share, *, printed_on: date, belongs_to: str, custodian: str = "",
    bag_serial: str = "", kit: str = "", report_to: str = "", paper: Paper = "a4",
) -> bytes:  # fmt: skip
    """Draw the sheet of one live share: front, back, and further envelope codes (docs/spec/6-sheet.md).

    Args:
        envelope: of its epoch.
        share: the share; its codes and lines are on the front.
        printed_on: the day that is printed.
        belongs_to: organisation and role it is returned to when it is found.
        custodian: who keeps it; may be empty.
        bag_serial: of the tamper-evident bag; empty leaves a line to fill in by hand.
        kit: where the recovery kit lies; it should lead nobody to another sheet.
        report_to: the telephone to report a lost sheet to; empty leaves a line to fill in by hand.
        paper: ``a4`` (210 x 297 mm) or ``letter`` (215.9 x 279.4 mm).

    Returns:
        A PDF that holds a live share; its bytes depend on the arguments only.

    Raises:
        InvalidInput: an argument of another type, or a text that cannot be printed.
        InvalidEnvelope, UnsupportedVersion: the envelope does not hold.
        MixedShares: the share is of another epoch, or a drill's.
        ShareMismatch: its value is not the one that was dealt.
        PaperError: a code's text fits no QR code.
    """
    content = _content(envelope, share, Kind.LIVE, printed_on, belongs_to, custodian)
    return render(replace(content, bag_serial=bag_serial, kit=kit, report_to=report_to), paper)


@checked
def render_drill_card(
    envelope: Envelope, share: Share, *, printed_on: date, belongs_to: str, custodian: str = "",
    paper: Paper = "a4", for_printer: bool = False,
) -> bytes:  # fmt: skip
    """Draw the drill card of one drill share, a small page of its own (docs/spec/6-sheet.md).

    Args:
        envelope: the drill's, of the same epoch.
        share: the drill share.
        printed_on: the day that is printed.
        belongs_to: organisation and role it is returned to when it is found.
        custodian: who keeps it; may be empty.
        paper: ``a4`` makes a card of 148 x 210 mm, ``letter`` one of 139.7 x 215.9 mm.
        for_printer: the card on one half of a whole page, for a printer that has no small paper.

    Returns:
        A PDF; its bytes depend on the arguments only.

    Raises:
        InvalidInput: an argument of another type, or a text that cannot be printed.
        InvalidEnvelope, UnsupportedVersion: the envelope does not hold.
        MixedShares: the share is of another epoch, or a live one.
        ShareMismatch: its value is not the one that was dealt.
    """
    content = _content(envelope, share, Kind.DRILL, printed_on, belongs_to, custodian)
    return render_for_printer(content, paper) if for_printer else render(content, paper)


@checked
def read_pages(files: Sequence[bytes], *, timeout_s: float = 20.0) -> tuple[ScannedPage, ...]:
    """Read pictures and PDFs back to the texts of their codes (docs/spec/6-sheet.md).

    JPEG, PNG, TIFF, WebP, PDF, and HEIC with its extra; 64 MiB and 200 pages a file at most. A page may come twice,
    the second time with what only a thorough look found. The pages of all files help to read a damaged envelope code.

    Args:
        files: the bytes of each; the pages are named by its number, ``file 2 page 1``.
        timeout_s: longest time for one page, in seconds, up to 600.

    Raises:
        InvalidInput: an argument of another type, or no such time. What the bytes hold never raises.
    """
    if not 0 < timeout_s <= LONGEST_WAIT_S:
        raise InvalidInput(f"expected a time for one page of up to {LONGEST_WAIT_S:g} s, got {timeout_s:g}")
    with Scanner(timeout_s=timeout_s) as scanner:
        return tuple(scanner.read_many([(f"file {number}", data) for number, data in enumerate(files, 1)]))


def _content(
    envelope: Envelope, share: Share, kind: Kind, printed_on: date, belongs_to: str, custodian: str
) -> SheetContent:
    proven = proven_envelope(envelope)
    if share.kind is not kind:
        raise MixedShares(f"expected a {kind.word} share, got {share.public_id}: they never share a page")
    proven.check_share(share)
    return content_of(proven, share, custodian=custodian, belongs_to=belongs_to, printed_on=printed_on)

# SPDX-License-Identifier: Apache-2.0
"""Making an epoch's paper: seal it, draw every sheet and drill card, and put them out (see ``outlet``).

Rules:

1. To a printer nothing goes before all is drawn and decoded. Files appear one by one, each as soon as it is decoded;
   all of them stay, or none.
2. Live and drill are sealed apart, under independent masters.
"""

import base64
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path

from breakglass_shamir.crypto.keys import Kind, random_bytes
from breakglass_shamir.custody import names
from breakglass_shamir.custody.credential import Credential, of_a_drill
from breakglass_shamir.custody.life.state import write_seat
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint, Envelope
from breakglass_shamir.formats.extensions import Extensions
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.printing import outlet, recovery_files
from breakglass_shamir.operations.printing.outlet import Document, Printed
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render, render_for_printer
from breakglass_shamir.paper.drawing.typeface import drawable
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import Paper
from breakglass_shamir.version import __version__

SALT_BYTES = 16
"""Salt of the policy digest in the envelope."""

DEFAULT_TIMEOUT_S = 600.0
"""How long to wait for people with scans and sheets."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A sealed epoch, live and drill, before and after it is on paper."""

    policy: Policy
    source: str
    live: Sealed = field(repr=False)
    drill: Sealed = field(repr=False)
    salt: bytes
    predecessor: bytes

    @property
    def number(self) -> int:
        """The epoch's number."""
        return self.live.envelope.core.epoch

    def record(self, proven: str) -> Issued:
        """Return the record that says its sheets exist."""
        live, drill = self.live.envelope, self.drill.envelope
        structure = live.core.structure
        return Issued(
            epoch=self.number,
            epoch_id=live.core.epoch_id.hex(),
            predecessor="" if self.predecessor == NO_PREDECESSOR else self.predecessor.hex(),
            set_public_key=live.set_public_key.hex(),
            envelope=base64.b64encode(live.to_bytes()).decode(),
            envelope_sha256=live.digest.hex(),
            drill_envelope=base64.b64encode(drill.to_bytes()).decode(),
            drill_set_public_key=drill.set_public_key.hex(),
            custodians={write_seat(seat): self.policy.custodian(seat) for seat in structure.seats()},
            policy_digest=policies.digest(self.source).hex(),
            policy_salt=self.salt.hex(),
            proven=proven,
        )


@dataclass(frozen=True, slots=True)
class Printing:
    """Where the sheets go and how they come back (docs/guide-operator.md).

    Attributes:
        paper: ``a4`` or ``letter``.
        readback: folder where scans of the printed sheets are expected; None: they are confirmed later.
        timeout_s: how long to wait for people, in seconds.
    """

    out: Path | None = None
    """Folder for files; None where a printer takes them."""

    paper: Paper = "a4"
    readback: Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    acknowledged: tuple[str, ...] = ()
    """Sheets whose custodians are known to hold them the moment they are printed."""

    printer: str = ""
    """CUPS queue that prints them, each as a job of its own."""

    @property
    def has_place(self) -> bool:
        """Whether sheets can be put out; a rotation that is gone on with may need none."""
        return self.out is not None or bool(self.printer)


@dataclass(frozen=True, slots=True)
class SortedPrinting(Printing):
    """Where the sheets of one set among many go: sorted by custodian, each sheet with its drill card."""

    moves: Callable[[Printed], Printed] = field(kw_only=True, repr=False, compare=False)
    """Called once the epoch is on record: it moves the files, and returns where they are then."""

    @classmethod
    def of(cls, printing: Printing, moves: Callable[[Printed], Printed]) -> "SortedPrinting":
        """Return the same places, sorted."""
        return cls(**{one.name: getattr(printing, one.name) for one in fields(Printing)}, moves=moves)


def handed_over(printing: Printing, printed: Printed) -> Printed:
    """Let the paper of an epoch that is on record be sorted, where it is one among many; returns where it is now."""
    return printing.moves(printed) if isinstance(printing, SortedPrinting) else printed


def seal_epoch(
    policy: Policy,
    source: str,
    credential: Credential,
    checkpoint: Checkpoint,
    number: int,
    predecessor: bytes,
) -> Epoch:
    """Seal a credential and, apart from it, the drill that stands in for it."""
    salt = random_bytes(SALT_BYTES)
    digest = policies.salted_digest(salt, source)
    extensions = Extensions(int(datetime.now(UTC).timestamp()), __version__)

    def facts(kind: Kind, before: bytes) -> Facts:
        return Facts(kind, policy.name, number, policy.structure, digest, checkpoint, before, extensions)

    with credential.to_bytes() as plaintext:
        live = seal(facts(Kind.LIVE, predecessor), plaintext)
    drill = seal(facts(Kind.DRILL, NO_PREDECESSOR), of_a_drill().to_bytes())
    return Epoch(policy, source, live, drill, salt, predecessor)


def file_names(policy: Policy, number: int) -> tuple[str, ...]:
    """Return the file names of an epoch's sheets and cards before it is made; none where its id will be in them."""
    if not names.is_plain(policy.name):
        return ()
    made = (names.sheet, names.drill_card)
    return tuple(name(policy.name, "", number, *seat) for name in made for seat in policy.structure.seats())


def check_drawing(policy: Policy, printing: Printing, checkpoint: Checkpoint, scanner: Scanner | None = None) -> None:
    """Draw a sheet and a card of a policy, of a secret that is none, and throw them away.

    Args:
        policy: whose names stand on them.
        printing: the paper and the way out.
        checkpoint: of the ledger.
        scanner: reads them back; None: it has read sheets already.

    Raises:
        InvalidInput: a name cannot be printed.
        PaperError: what was drawn does not read back here.
    """
    trial = seal_epoch(policy, "", of_a_drill(), checkpoint, 1, NO_PREDECESSOR)
    widest = max(policy.structure.seats(), key=lambda seat: len(policy.custodian(seat)))
    draw = render if printing.out else render_for_printer
    for sealed in (trial.live, trial.drill):
        share = next(one for one in sealed.shares if (one.group, one.member) == widest)
        pdf = draw(_content(trial, sealed.envelope, share), printing.paper)
        if scanner is not None:
            codes = {share.to_text(), *(sealed.envelope.to_codes() if sealed is trial.live else ())}
            outlet.verify("a sheet for trial", scanner.read_drawn(pdf, "a sheet for trial"), frozenset(codes))


def print_epoch(epoch: Epoch, printing: Printing, scanner: Scanner, desk: Desk) -> Printed:
    """Put every sheet and drill card out, live sheets first, and read each back.

    Raises:
        FileExists: a file is already there; nothing was written.
        PaperError: a document could not be put out or does not read back; files that were written are removed.
        InvalidInput: a name has a character that cannot be printed; files that were written are removed.
    """
    names = [_file_name(epoch, share) for sealed in (epoch.live, epoch.drill) for share in sealed.shares]
    if printing.out is None:
        drawn: Iterable[Document] = documents(epoch, printing)
        if isinstance(printing, SortedPrinting):
            drawn = sorted(drawn, key=lambda one: one.seat)
        return outlet.to_printer(drawn, len(names), printing.printer, scanner, desk)
    return outlet.to_folder(documents(epoch, printing), names, printing.out, scanner, desk)


def documents(epoch: Epoch, printing: Printing) -> Iterator[Document]:
    """Draw every sheet and drill card, live sheets first.

    Raises:
        InvalidInput: a name has a character that cannot be printed.
    """
    draw = render if printing.out else render_for_printer
    envelope = frozenset(epoch.live.envelope.to_codes())
    kinds: tuple[tuple[Sealed, str, frozenset[str]], ...] = (
        (epoch.live, "sheet", envelope),
        (epoch.drill, "drill card", frozenset()),
    )
    for sealed, word, more in kinds:
        for share in sealed.shares:
            pdf = draw(_content(epoch, sealed.envelope, share), printing.paper)
            seat = write_seat((share.group, share.member))
            yield Document(_file_name(epoch, share), f"{word} {seat}", pdf, more | {share.to_text()}, seat)


def _file_name(epoch: Epoch, share: Share) -> str:
    made = names.sheet if share.kind is Kind.LIVE else names.drill_card
    short_id = text.short_id(epoch.live.envelope.core.epoch_id)
    return made(epoch.policy.name, short_id, epoch.number, share.group, share.member)


def _name_on_paper(name: str) -> str:
    """Return a set's name as a sheet can print it: a name that could not be drawn would keep its set from a rotation.

    The envelope carries the exact name.
    """

    def drawn(character: str) -> str:
        try:
            return drawable(character, "name")
        except InvalidInput:
            return "?"

    return "".join(map(drawn, unicodedata.normalize("NFC", name)))


def _content(epoch: Epoch, envelope: Envelope, share: Share) -> SheetContent:
    return content_of(
        envelope, share, custodian=policies.named(epoch.policy.custodian((share.group, share.member))),
        belongs_to=epoch.policy.belongs_to, printed_on=datetime.now(UTC).date(),
        kit=epoch.policy.kit, report_to=epoch.policy.report_to,
    )  # fmt: skip


def content_of(
    envelope: Envelope, share: Share, *, custodian: str, belongs_to: str, printed_on: date, bag_serial: str = "",
    kit: str = "", report_to: str = "",
) -> SheetContent:  # fmt: skip
    """Return what the page of one share says: a sheet, or for a drill share a drill card.

    Args:
        envelope: of the share's epoch and kind.
        share: the share; it is not held against the envelope here.
        custodian: who keeps the page; may be empty.
        belongs_to: whom it is returned to when it is found.
        printed_on: the day.
        bag_serial: of the tamper-evident bag; empty leaves a line to fill in.
        kit: where the recovery kit lies; empty leaves it unsaid.
        report_to: the telephone to report to; empty leaves a line to fill in.
    """
    structure, live = envelope.core.structure, share.kind is Kind.LIVE
    lines = envelope.core.to_lines() if live else ()
    return SheetContent(
        kind="live" if live else "drill",
        set_name=_name_on_paper(envelope.set_name),
        epoch=envelope.core.epoch,
        epoch_id=text.short_id(share.epoch_id),
        group=share.group,
        group_count=len(structure.groups),
        member=share.member,
        number=structure.index((share.group, share.member)) + 1,
        total=structure.sheets,
        needed=structure.in_words(),
        share_code=share.to_text(),
        share_lines=share.to_lines(),
        envelope_codes=envelope.to_codes() if live else (),
        core_lines=lines,
        core_omitted=live and not lines,
        custodian=custodian,
        belongs_to=belongs_to,
        printed_on=printed_on.isoformat(),
        bag_serial=bag_serial,
        recovery_tool=recovery_files.TOOL,
        recovery_sha256=recovery_files.digest(recovery_files.PROGRAM),
        recovery_python=recovery_files.oldest_python(),
        page_sha256=recovery_files.digest(recovery_files.PAGE),
        kit=kit,
        report_to=report_to,
    )

# SPDX-License-Identifier: Apache-2.0
"""Drills with a desk of one's own: roll-call, rehearsal and access drill (docs/guide-operator.md, "Drills")."""

from collections.abc import Sequence
from pathlib import Path

from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.terminal import Terminal, check_printing, check_request, check_sources
from breakglass_shamir.operations.drills import access, rehearsal, roll_call
from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
from breakglass_shamir.operations.drills.roll_call import RollCallResult
from breakglass_shamir.operations.opening.declaring import NOBODY
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.printing.custodians import seat
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.targets import Named


class Drills:
    """The drills of a home; made by ``Home.drills`` (docs/spec/7-records.md, "Life of a set")."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    @checked
    def inspect_seal(self, name: str, sheet: str, *, bag: str, findings: Sequence[str] = ()) -> RollCallResult:
        """Record what a custodian sees of one closed bag; nothing is opened.

        Args:
            name: the set's.
            sheet: its seat: ``3``, or ``2.3`` for group 2.
            bag: the serial that stands on it.
            findings: what is wrong with the bag, a sentence each; none: it is whole.

        Raises:
            Exposed: something is not as it should be; it is recorded.
            UnknownSet, IllegalState: no such set or sheet.
            InvalidInput: an argument of another type, no sheet, no serial, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return roll_call.inspect_seal(self._terminal.at(name), seat(sheet), bag, findings)

    @checked
    def verify_sheet(
        self, name: str, sheet: str, scans: Sequence[Path], *, bag: str = "", findings: Sequence[str] = ()
    ) -> RollCallResult:
        """Hold one sheet alone against its commitment, in a process that keeps nothing, and grade its print.

        Args:
            name: the set's.
            sheet: the seat it should be.
            scans: pictures or PDFs of this sheet and no other.
            bag: serial of the bag it goes into; empty: none.
            findings: what was wrong with the bag it came from, a sentence each.

        Raises:
            RollCallFailed: the sheet is not what it should be; that is recorded.
            UnknownSet, IllegalState: no such set or sheet, several sheets at once, or nothing to hold it against.
            InvalidInput: an argument of another type, no scan, or empty words.
            PaperError: the look came to no end.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return roll_call.verify_live(self._terminal.at(name), seat(sheet), scans, bag, findings)

    @checked
    def rehearse(self, name: str, request: Request, sources: Sources, *, signers: Signers = NOBODY) -> DrillOutcome:
        """Play an opening on drill cards; nothing is revealed.

        Args:
            name: the set's.
            request: who takes part and why; its purpose is ``drill``.
            sources: the drill cards.
            signers: officers who sign the declaration here.

        Raises:
            GateClosed: a check failed; a drill overrides none.
            InsufficientShares: no quorum of drill cards; recorded as a failed drill.
            Exposed: a quorum of live sheets was among the scans; recorded as a failed drill.
            UnknownSet, IllegalState: no such set, no drill cards of it, or an emergency came first.
            InvalidInput: an argument of another type, or a request of another purpose.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        check_request(request, "drill")
        check_sources(sources)
        terminal = self._terminal
        return rehearsal.rehearse(terminal.at(name), request, sources, terminal.scanner, signers=signers)

    @checked
    def access(
        self, name: str, request: Request, sources: Sources, printing: Printing, *, signers: Signers = NOBODY,
        target: str = "", account: str = "",
    ) -> DrillOutcome:  # fmt: skip
        """Open for real, log in by the connector, rotate; nobody sees the credential.

        Args:
            name: the set's.
            request: who takes part and why; its purpose is ``drill``, its mode ``no-reveal``.
            sources: the live sheets.
            printing: where the new ones go.
            signers: officers who sign the declaration here.
            target: URI of the target, for a set without a policy; empty: the desk is asked for it.
            account: the account there; empty: the one on the sheets.

        Raises:
            GateClosed: a check failed; a drill overrides none.
            RotationDue: the login was made and the rotation is still owed; recorded as a failed drill.
            InvalidInput: an argument of another type, another purpose or mode, or no place for new sheets.
            BreakglassError: as ``Home.recombine``.
        """
        check_request(request, "drill")
        check_sources(sources)
        check_printing(printing)
        terminal = self._terminal
        recorder = terminal.at(name)
        try:
            return access.access(
                recorder, request, sources, printing, terminal.scanner, signers=signers, named=Named(target, account)
            )
        finally:
            terminal.give_receipts()

# SPDX-License-Identifier: Apache-2.0
"""What becomes of printed sheets: read back, held by a custodian, handed on, lost, destroyed."""

from collections.abc import Sequence
from pathlib import Path

from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.terminal import Terminal
from breakglass_shamir.operations.monitoring.status import SetStatus
from breakglass_shamir.operations.printing import ceremony, custodians, readback
from breakglass_shamir.operations.printing.ceremony import Destruction
from breakglass_shamir.operations.printing.custodians import Reassignment, seat


class Sheets:
    """The printed sheets of a home's sets; made by ``Home.sheets`` (docs/spec/7-records.md, "Life of a set")."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    @checked
    def confirm(self, name: str, scans: Sequence[Path]) -> SetStatus:
        """Read printed sheets back; with all of them verified their epoch is sealed (docs/guide-operator.md).

        Args:
            name: the set's.
            scans: pictures, PDFs and folders.

        Raises:
            InsufficientShares: no sheet of this set was read, or some are still missing; those read are recorded.
            UnknownSet, IllegalState: no such set, or no epoch to confirm.
            GateClosed: somebody else could change the home.
            InvalidInput: an argument of another type, or a scan that is not there.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        readback.confirm(self._terminal.at(name), scans, self._terminal.scanner)
        return self._terminal.status(name)[0]

    @checked
    def acknowledge(self, name: str, sheet: str, *, bag: str = "", key_file: Path | None = None) -> str:
        """Record that a custodian holds a sheet; returns the custodian (docs/guide-custodian.md).

        Args:
            name: the set's.
            sheet: its seat: ``3``, or ``2.3`` for group 2.
            bag: serial of its tamper-evident bag; empty: none.
            key_file: the custodian's own SSH key, which signs; None: no signature.

        Raises:
            UnknownSet, IllegalState: no such set or sheet, it is void, or the key is not that custodian's.
            InvalidInput: an argument of another type, no sheet, or ssh-keygen made no signature.
            InvalidSignature: it made another one than was asked for.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        recorder = self._terminal.at(name)
        if key_file is None:
            return custodians.acknowledge(recorder, seat(sheet), bag)
        return custodians.acknowledge_signed(recorder, seat(sheet), bag, key_file, asks=False)[0]

    @checked
    def reassign(
        self, name: str, sheet: str, custodian: str, *, reason: str, has_happened: bool = False
    ) -> Reassignment:
        """Record that a sheet changes hands (docs/guide-operator.md).

        Args:
            name: the set's.
            sheet: its seat: ``3``, or ``2.3`` for group 2.
            custodian: who keeps it from now on.
            reason: why, in words.
            has_happened: the paper is there already; it is recorded whatever stands against it.

        Raises:
            HeldTooMuch: that custodian would have held a quorum, or sheets of two groups.
            UnknownSet, IllegalState: no such set or sheet, it is void, or with that custodian already.
            InvalidInput: an argument of another type, no sheet, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return custodians.reassign(self._terminal.at(name), seat(sheet), custodian, reason, has_happened=has_happened)

    @checked
    def void(self, name: str, sheet: str, *, reason: str) -> SetStatus:
        """Record that a sheet is lost or was seen: it counts no more; returns how the set is then.

        Args:
            name: the set's.
            sheet: its seat: ``3``, or ``2.3`` for group 2.
            reason: what happened, in words.

        Raises:
            UnknownSet, IllegalState: no such set or sheet, or it is void already.
            InvalidInput: an argument of another type, no sheet, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        _, at_risk = custodians.void(self._terminal.at(name), seat(sheet), reason)
        if at_risk:
            self._terminal.desk.warn(f"{name}: {at_risk}")
        return self._terminal.status(name)[0]

    @checked
    def witness_destruction(
        self, name: str, sheets: Sequence[str], witnesses: Sequence[str], *, epoch: int | None = None
    ) -> Destruction:
        """Record that sheets which open nothing were destroyed before witnesses.

        Args:
            name: the set's.
            sheets: their seats.
            witnesses: who saw it; two at least.
            epoch: number of the sheets' epoch; None: the only one that has such sheets left.

        Raises:
            UnknownSet, IllegalState: no such set; a sheet still opens, is none or is gone; too few witnesses.
            InvalidInput: an argument of another type, no such epoch, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return ceremony.destroyed(self._terminal.at(name), [seat(one) for one in sheets], epoch, witnesses)

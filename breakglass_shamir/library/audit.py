# SPDX-License-Identifier: Apache-2.0
"""What auditors ask of a home: does its log hold, what can they carry away, what was recovered elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life.chain import Chain
from breakglass_shamir.custody.life.passed import PassedGate
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.terminal import Terminal
from breakglass_shamir.operations.audit import export, recovery_import, verification
from breakglass_shamir.operations.audit.export import Exported
from breakglass_shamir.operations.audit.recovery_import import ImportedRecovery
from breakglass_shamir.operations.audit.witnesses import Witness
from breakglass_shamir.operations.opening import receipts


@dataclass(frozen=True, slots=True)
class Verification:
    """A log that holds, and what witnesses say of it (docs/spec/7-records.md)."""

    records: int
    """How many there are."""

    root: bytes
    """Root of their Merkle tree, 32 bytes (RFC 6962)."""

    in_full: bool
    """Whether every signature and root was computed; False: a sample of the terminal's own."""

    witnesses: tuple[Witness, ...]
    """What each receipt and sheet says."""

    chains: tuple[Chain, ...]
    """How far back each set's custody reaches."""

    passed_gates: tuple[PassedGate, ...]
    """Checks that were passed although no override is on record; of very many, the first."""

    clock_set_back: tuple[int, ...]
    """Numbers of the records before which the wall clock was set back; of very many, the first."""


class Audit:
    """The auditor's side of a home; made by ``Home.audit`` (docs/guide-auditor.md)."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    @checked
    def verify(
        self,
        *,
        full: bool | None = None,
        receipts: Sequence[Path] = (),
        sheets: Sequence[Path] = (),
        against: Sequence[Path] = (),
    ) -> Verification:
        """Verify the log, then hold receipts, sheets and copies of it against it (docs/spec/7-records.md).

        Args:
            full: every signature, or a sample; None: in full up to 1000 records.
            receipts: receipt files, or pictures of their codes.
            sheets: scans of sheets; only their envelope codes are looked at.
            against: copies of the ledger, exports, receipts, checkpoints, files of alerts.

        Raises:
            InvalidRecord, InvalidSignature, InvalidProof: the first thing that does not hold, with its number.
            RecordMissing: a receipt, sheet or copy remembers what this log has not.
            Forked: a copy of this log went on separately.
            InvalidInput: an argument of another type, or a file without receipt or envelope code.
        """
        ledger = self._terminal.at("").ledger
        found = verification.verify(ledger, full=full, receipt_files=receipts, sheet_scans=sheets, against=against)
        report = found.report
        return Verification(
            report.records, report.root, report.checked.full, found.witnesses, found.chains, report.passed_gates,
            report.clock_steps_back,
        )  # fmt: skip

    @checked
    def export(self, identifier: str, out: Path) -> Exported:
        """Write records so that ``ssh-keygen`` and ``openssl`` verify them (docs/guide-auditor.md).

        Args:
            identifier: a record's number, the beginning of an opening's id, or ``all``.
            out: a new or empty folder.

        Raises:
            InvalidInput: an argument of another type, or nothing of that id.
            FileExists: the folder has files in it.
            LedgerUnwritable: the folder could not be written.
        """
        return export.export(self._terminal.at("").ledger, identifier, out)

    @checked
    def write_receipt(self, identifier: str, out: Path) -> None:
        """Write the receipt of a record or an opening to a new file (docs/spec/9-receipts.md).

        Args:
            identifier: a record's number, or the beginning of an opening's id.
            out: the file; receipts end in ``.tlog-proof``.

        Raises:
            InvalidInput: an argument of another type, or nothing of that id.
            FileExists: the file is there and says something else.
            LedgerUnwritable: it could not be written.
        """
        receipts.write_one(self._terminal.at("").ledger, identifier, out)

    @checked
    def import_recovery(self, file: Path) -> ImportedRecovery:
        """Take the signed record of an opening that was made without this toolkit (docs/spec/8-recovery.md).

        Args:
            file: what ``recover.html`` saved, or what ``recover.py`` wrote, with its signature beside it.

        Raises:
            InvalidInput: an argument of another type, or a file that cannot be read.
            InvalidRecord, UnsupportedVersion, InvalidSignature: it is no such record, or not signed by the set's key.
            UnknownSet, IllegalState, EnvelopeConflict: it does not fit what this ledger knows.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return recovery_import.import_recovery(self._terminal.at(""), file)

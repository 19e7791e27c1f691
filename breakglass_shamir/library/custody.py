# SPDX-License-Identifier: Apache-2.0
"""Custody with a desk of one's own: a home, and the use cases that a web or desktop front runs on it.

Rules:

1. Every call is the use case that the command line runs: the same records, gates, alerts and rotation.
2. A credential leaves by ``recombine`` only, to a command or to ``Desk.show``, and only after its record is durable.
3. Arguments are checked before anything is recorded. What a call raises is a leaf of ``errors``.
4. One home object is for one thread. Several processes and several objects may have the same folder open.

What it does not do: it hardens no process (``harden_process`` does, and is the caller's decision), and it prints
nothing. The page of the day, timers and reports are the command line's.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.crypto.totp import COMMON, TotpScheme
from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import guarded, home
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.library.audit import Audit
from breakglass_shamir.library.drills import Drills
from breakglass_shamir.library.sheets import Sheets
from breakglass_shamir.library.terminal import Terminal, check_printing, check_request, check_sources, check_use
from breakglass_shamir.operations.credential import recombine, rotate, split
from breakglass_shamir.operations.credential.recombine import OpeningResult
from breakglass_shamir.operations.credential.split import SplitResult
from breakglass_shamir.operations.credential.using import Use
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.monitoring import heartbeat
from breakglass_shamir.operations.monitoring.heartbeat import Beat
from breakglass_shamir.operations.monitoring.status import SetStatus
from breakglass_shamir.operations.monitoring.watch import Watch, Watching
from breakglass_shamir.operations.opening import signing
from breakglass_shamir.operations.opening.declaring import NOBODY, Overrides
from breakglass_shamir.operations.opening.signing import Declaration, Signers
from breakglass_shamir.operations.policy import adopt, checking
from breakglass_shamir.operations.policy.adopt import Adoption, Ceremony
from breakglass_shamir.operations.policy.checking import Ledgered, PolicyAnswers
from breakglass_shamir.operations.printing import ceremony
from breakglass_shamir.operations.printing.ceremony import Note
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import require_guarded, warn_of_memory
from breakglass_shamir.operations.review import settling
from breakglass_shamir.operations.targets import Named

NO_OVERRIDES = Overrides()
"""Every check must pass."""


class Home:
    """A terminal's home folder, its ledger open, with somebody at a desk (docs/spec/7-records.md).

    A context manager. The ledger is written through; closing loses nothing. Every call of a home that was closed, or
    that was opened in another thread, is an ``IllegalState``.

    Raises:
        NoHome: the folder has no ledger; ``Home.create`` makes one.
        LedgerUnwritable, LedgerBusy, LedgerElsewhere: it cannot be opened, or goes on in another place.
        InvalidSignature: the terminal's key cannot be used.
        InvalidInput: an argument of another type, or a folder that may not be entered.
    """

    @checked
    def __init__(self, folder: Path, desk: Desk, *, record_to: Path | None = None) -> None:
        """Open the home.

        Args:
            folder: where it is.
            desk: who is asked, and told.
            record_to: where the ledger goes on when it cannot be written here, such as a USB stick.

        Raises:
            NoHome: the folder has no ledger; ``Home.create`` makes one.
            LedgerUnwritable, LedgerBusy, LedgerElsewhere: it cannot be opened, or goes on in another place.
            InvalidSignature: the terminal's key cannot be used.
            InvalidInput: an argument of another type, or a folder that may not be entered.
        """
        self._terminal = Terminal(folder, desk, record_to)

    @classmethod
    def create(cls, folder: Path, terminal: str, desk: Desk) -> Self:
        """Make a home with its ledger and terminal key, and open it.

        Args:
            folder: 0700 when it is made here.
            terminal: the terminal's name in the records.
            desk: who is asked, and told.

        Raises:
            FileExists: there is a ledger already.
            GateClosed: somebody else could change the folder, or one above it.
            LedgerUnwritable: the folder could not be written.
            InvalidInput: an argument of another type, an empty name, or a folder that may not be entered.
        """
        _create(folder, terminal)
        warn_of_memory(desk, folder)
        return cls(folder, desk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger, and end the process that decodes pictures; a second time does nothing.

        Raises:
            IllegalState: it was opened in another thread.
        """
        self._terminal.close()

    @property
    def folder(self) -> Path:
        """Where the ledger is now; after ``record_to`` took effect, there."""
        return self._terminal.recorder.ledger.path.parent

    @property
    def sheets(self) -> Sheets:
        """What becomes of printed sheets."""
        return Sheets(self._terminal)

    @property
    def drills(self) -> Drills:
        """Roll-call, rehearsal and access drill."""
        return Drills(self._terminal)

    @property
    def audit(self) -> Audit:
        """What auditors ask."""
        return Audit(self._terminal)

    @checked
    def status(self, name: str = "") -> tuple[SetStatus, ...]:
        """Return how a set is, or every set that has an epoch (docs/json.md).

        Raises:
            UnknownSet: no set of this name.
            InvalidInput: an argument of another type.
        """
        return self._terminal.status(name)

    @checked
    def check_policy(self, policy: str) -> PolicyAnswers:
        """Say what a policy means, and what adopting it here would weaken (docs/guide-operator.md, "Policy keys").

        Args:
            policy: the text of a policy file, TOML.

        Raises:
            InvalidPolicy: it does not describe a set that can be kept, with every problem.
            InvalidInput: it is no text.
        """
        name = checking.check(policy).name
        return checking.check(policy, Ledgered.of(self._terminal.at("").state, name))

    @checked
    def adopt_policy(
        self, policy: str, sources: Sources | None = None, printing: Printing | None = None, *, reason: str = "",
        officers: Sequence[str] = (),
    ) -> Adoption:  # fmt: skip
        """Put a policy in force for its set; one that weakens it takes the set's quorum, and a rotation.

        Args:
            policy: the text of a policy file, TOML.
            sources: the sheets, where it weakens; None: there are none.
            printing: where the new sheets go then.
            reason: why, in words, with sheets.
            officers: who takes part, with sheets.

        Raises:
            InvalidPolicy: it is none.
            UnknownSet: this ledger has no set of its name.
            PolicyWeakens: it weakens the set, and there are no sheets.
            RotationDue: it is in force, and the rotation that the quorum's opening owes was not done.
            InvalidInput: an argument of another type.
            BreakglassError: as ``rotate``, with sheets.
        """
        recorder = self._terminal.at("")
        if sources is None:
            return adopt.adopt(recorder, policy)
        check_sources(sources)
        if printing is not None:
            check_printing(printing)
        with_sheets = Ceremony(sources, printing, self._terminal.scanner, reason, tuple(officers))
        return adopt.adopt(recorder, policy, with_sheets)

    @checked
    def split(
        self, policy: str, credential: Secret | None, printing: Printing, *, current: Secret | None = None,
        kind: CredentialKind | None = None, totp_seed: Secret | None = None, totp_scheme: TotpScheme = COMMON,
    ) -> SplitResult:  # fmt: skip
        """Put a credential on paper: the first epoch of a set (docs/guide-operator.md).

        Args:
            policy: the text of a policy file, TOML; its set, target and quorum.
            credential: exactly these bytes; None: one is generated, and the target is changed to it.
            printing: where the sheets go.
            current: what opens the target now, when one is generated.
            kind: what the secret bytes are; None: as the policy says.
            totp_seed: seed of the account's second factor, which rides along.
            totp_scheme: how one-time codes are made from it.

        Raises:
            InvalidPolicy: the policy does not describe a set.
            FileExists: the set, or one of the files, is there already.
            ConnectorError: the target refuses this credential, or could not be changed.
            PaperError: a sheet could not be put out or does not read back, or nobody confirmed in time.
            LedgerUnwritable, LedgerBusy: the record could not be made durable; the files were removed.
            InvalidInput: an argument of another type, or no place for sheets.
        """
        check_printing(printing)
        terminal, word = self._terminal, kind.word if kind else None
        return split.split(
            terminal.at(""), policy, credential, printing, terminal.scanner, current=current, kind=word,
            totp_seed=totp_seed, totp_scheme=totp_scheme,
        )  # fmt: skip

    @checked
    def note(self, name: str, text: str, *, by: str) -> Note:
        """Record a line of the day's protocol; where an opening is under way, in it.

        Raises:
            UnknownSet: no such set.
            InvalidInput: an argument of another type, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return ceremony.note(self._terminal.at(name), text, by)

    @checked
    def recombine(
        self, name: str, request: Request, sources: Sources, use: Use, printing: Printing | None = None, *,
        overrides: Overrides = NO_OVERRIDES, signers: Signers = NOBODY, target: str = "", account: str = "",
    ) -> OpeningResult:  # fmt: skip
        """One opening: declare, gather a quorum, record, reveal, rotate (docs/guide-officer.md).

        The signed record of it is durable before a byte of the credential leaves this program. By ``request.mode`` it
        goes to the command in ``use``, to ``Desk.show``, or to nobody: the connector logs in.

        Args:
            name: the set's; empty: the sheets say which.
            request: who asks, why, and how the credential is used; its purpose is ``emergency``.
            sources: the sheets.
            use: the command, and how the use is closed.
            printing: where the new sheets go; None: the rotation stays owed.
            overrides: checks to pass by name, with a reason; each is recorded and owed.
            signers: officers who sign the declaration here.
            target: URI of the target, for a set without a policy; empty: the desk is asked for it.
            account: the account there; empty: the one on the sheets.

        Returns:
            What became of it, with the receipts that were written for the officers.

        Raises:
            RotationDue: the credential was used, and its rotation is still owed.
            GateClosed: a check failed and was not overridden; nothing was revealed.
            InsufficientShares, MissingEnvelope, UnconfirmedMaster, DecryptionFailed, VoidShare: no quorum that opens.
            EnvelopeConflict: two valid envelopes under one epoch id.
            LedgerUnwritable, LedgerBusy: a record could not be made durable; nothing was revealed.
            IllegalState: the desk has no screen to show it on.
            InvalidInput: an argument of another type, another purpose, no source or command, or a login at a target
                that nobody names.
        """
        check_request(request, "emergency")
        check_sources(sources)
        check_use(use)
        if printing is not None:
            check_printing(printing)
        terminal = self._terminal
        if request.mode == "show":
            terminal.desk.require_screen()
        recorder, receipts = terminal.at(name), tuple[Path, ...]()
        try:
            found = recombine.recombine(
                recorder, request, overrides, sources, use, printing, terminal.scanner, signers=signers,
                named=Named(target, account),
            )  # fmt: skip
        finally:
            receipts = terminal.give_receipts()
        return replace(found, receipts=receipts)

    @checked
    def sign(
        self, name: str, *, key_files: Sequence[Path] = (), signatures: Sequence[Path] = (), out: Path | None = None
    ) -> Declaration:
        """Sign the declaration under way with officers' own SSH keys, here or elsewhere (docs/guide-officer.md).

        Args:
            name: the set's.
            key_files: keys that sign here: a file, or the ``.pub`` file of one that an agent or token holds.
            signatures: files that were signed elsewhere.
            out: a new file for the bytes that an officer signs elsewhere; None: none is written.

        Returns:
            The declaration, and who has signed it.

        Raises:
            UnknownSet, IllegalState: no such set, nothing is declared or it was opened, or a key counts for nobody.
            InvalidInput: an argument of another type, a file that cannot be read, or ssh-keygen made no signature.
            InvalidSignature: no signature of this declaration.
            FileExists: ``out`` is there already.
            LedgerUnwritable, LedgerBusy: it could not be recorded or written.
        """
        recorder = self._terminal.at(name)
        if out is not None:
            signing.export(recorder, out)
        signing.sign_here(recorder, key_files, asks=False)
        signing.take(recorder, signatures)
        return signing.declaration(recorder, out)

    @checked
    def end_use(self, name: str, classification: str) -> str:
        """End the use of the opening under way, so that its rotation applies; returns the opening's id.

        Args:
            name: the set's.
            classification: ``emergency``, ``drill`` or ``misuse``.

        Raises:
            UnknownSet, IllegalState: no such set, or no use to end.
            InvalidInput: an argument of another type, or no such classification.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        identifier = recombine.close(self._terminal.at(name), classification)
        self._terminal.give_receipts()
        return identifier

    @checked
    def cancel(self, name: str, *, reason: str) -> str:
        """Withdraw a declaration that was not opened; returns its opening's id.

        Raises:
            UnknownSet, IllegalState: no such set, nothing is declared, or it was opened.
            InvalidInput: an argument of another type, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return rotate.cancel(self._terminal.at(name), reason)

    @checked
    def rotate(
        self, name: str, sources: Sources, printing: Printing | None = None, *, reason: str,
        officers: Sequence[str] = (), attest: bool = False, brought: Secret | None = None, target: str = "",
        account: str = "", abandon: bool = False,
    ) -> OpeningResult:  # fmt: skip
        """Start or resume a rotation; this is what settles a rotation debt (docs/guide-operator.md).

        Args:
            name: the set's.
            sources: the sheets; where an earlier run was interrupted while it changed the target, old and new ones.
            printing: where the new sheets go and scans of them come back; None, or no place, where none are needed.
            reason: why, in words.
            officers: who takes part.
            attest: two officers vouch that the old credential is dead; it stays a debt.
            brought: the new secret, where nobody here can make one.
            target: URI of the target, for a set without a policy; empty: the desk is asked for it.
            account: the account there; empty: the one on the sheets.
            abandon: an epoch that an interrupted run printed is given up, and another is printed.

        Raises:
            InsufficientShares: no quorum, or one of the two that a resumed rotation needs is missing.
            GateClosed: a check failed; a rotation overrides none.
            ConnectorError, PaperError: a step failed; the debt stays.
            UnknownSet, IllegalState: no such set, or nothing to attest or to abandon.
            InvalidInput: an argument of another type, empty words, no place for new sheets, or a target that nobody
                names.
            LedgerUnwritable, LedgerBusy: a record could not be made durable.
        """
        check_sources(sources)
        if printing is not None and printing.has_place:
            check_printing(printing)
        terminal = self._terminal
        recorder = terminal.at(name)
        try:
            return rotate.rotate(
                recorder, sources, printing, terminal.scanner, reason=reason, officers=tuple(officers), attest=attest,
                brought=brought, named=Named(target, account), abandon=abandon,
            )  # fmt: skip
        finally:
            terminal.give_receipts()

    @checked
    def settle(self, name: str, debt: str, *, reason: str, officers: Sequence[str]) -> None:
        """Settle the debt of an overridden check, by people who looked at it; where the policy takes names.

        Args:
            name: the set's.
            debt: its id, as ``status`` has it.
            reason: what was found, in words.
            officers: who looked at it; one at least who took no part in the opening.

        Raises:
            UnknownSet, IllegalState: no such set or debt; one that a rotation or a review closes; or these people may
                not by the policy, or must sign.
            InvalidInput: an argument of another type, nobody, or empty words.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        settling.settle(self._terminal.at(name), [debt], reason, tuple(officers))

    @checked
    def watch(self, name: str) -> Watching:
        """Hold the target's new logins against the recorded openings, once, and record what is new.

        Raises:
            UnknownSet, IllegalState: no such set, it has no policy, or its target cannot tell who logged in.
            InvalidInput: an argument of another type.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return Watch(self._terminal.at(name)).once()

    @checked
    def heartbeat(self, every_s: int) -> Beat:
        """Record that this terminal is alive.

        Args:
            every_s: within how many seconds the next record is promised; 0: no longer.

        Raises:
            InvalidInput: an argument of another type, or a longer promise than a year.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return heartbeat.beat(self._terminal.at(""), every_s)


@checked
def _create(folder: Path, terminal: str) -> None:
    require_guarded(guarded.look(folder))
    home.create(folder, terminal).close()

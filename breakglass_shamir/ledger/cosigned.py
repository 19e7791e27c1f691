# SPDX-License-Identifier: Apache-2.0
"""What a home keeps of its witnesses: who they are, what each cosigned last, and what one of them held against the log.

Rules:

1. ``witnesses/policy`` names them, verbatim as it was pinned (:mod:`breakglass_shamir.custody.trust_policy`).
2. Of each witness one file has the newest checkpoint that it cosigned: the log's own note with its cosignature below.
   ``witnessed.checkpoint`` beside the ledger has the newest one that the quorum cosigned, with every cosignature.
3. What is read counts only with the log's signature and the witness's; a file in a home is not believed.
4. Files are replaced whole. Names of files are made of keys, never of names that the policy gives.
5. An answer that accuses the log is kept until that witness cosigns again. It is not signed, and is told as such.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.crypto import cosignature
from breakglass_shamir.crypto.note import MAX_TREE_SIZE, Checkpoint, open_note
from breakglass_shamir.custody import trust_policy
from breakglass_shamir.custody.names import inside, of_witness
from breakglass_shamir.custody.trust_policy import TrustPolicy, Witness
from breakglass_shamir.errors import BreakglassError, Forked, InvalidProof, LedgerBusy, LedgerUnwritable, RecordMissing
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.placing import alone_in
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.ledger.witness_folder import FOLDER
from breakglass_shamir.plural import counted

POLICY_FILE, WITNESSED_FILE = "policy", "witnessed.checkpoint"

MAX_NOTE_BYTES = 32 * 1024
"""Largest checkpoint that is read, with the cosignatures of as many witnesses as a policy may have."""

MAX_FINDING_BYTES = 1024

DAMAGED_HINT = "take it from a backup of the home; moved away, nobody here knows any more what was cosigned before"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with the cosignatures of some witnesses, all of which verify.

    Attributes:
        checkpoint: origin, size and root.
        note: verbatim.
        times: name of each witness that cosigned it, to when it did, in seconds since 1970.
    """

    checkpoint: Checkpoint
    note: str
    times: Mapping[str, int]

    def time_for(self, policy: TrustPolicy) -> int | None:
        """Return since when the quorum has cosigned it, in seconds since 1970; None: it has not."""
        names: set[str] = set()
        for time, name in sorted(((time, name) for name, time in self.times.items()), reverse=True):
            names.add(name)
            if policy.satisfied_by(names):
                return time
        return None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a witness held against the log.

    Attributes:
        error: ``record-missing``: it says that it cosigned more than there is; ``forked``: it takes no proof from what
            it cosigned.
        size: records that it cosigned, by its word.
        ours: records that there were here.
        time: when it said so, in seconds since 1970, by this machine's clock.
    """

    error: str
    size: int
    ours: int
    time: int

    def in_words(self, name: str) -> str:
        """Say it."""
        if self.error == RecordMissing.id:
            cosigned = counted(self.size, "record")
            said = f"{name} says that it cosigned {cosigned} of this log, and there were {self.ours} here"
        else:
            said = f"{name} takes no proof from the {counted(self.size, 'record')} of this log that it cosigned"
        return f"{said} (said {when(self.time)}, not signed)"


class WitnessFiles:
    """The files of one home, for the log of one key."""

    def __init__(self, home: Path, public_key: bytes) -> None:
        """Take the home's folder, and the terminal's public key, 32 bytes."""
        self.witnessed = home / WITNESSED_FILE
        self._folder, self._public = home / FOLDER, public_key
        self.policy_path = self._folder / POLICY_FILE

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one program at a time ask the witnesses.

        Raises:
            LedgerBusy: another one does, and does not finish.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(alone_in(self._folder, "asks the witnesses"))
            except OSError as error:
                raise LedgerBusy(f"{self._folder}: {error.strerror}") from error
            yield

    def policy(self) -> TrustPolicy | None:
        """Return the pinned policy; None: no witness is configured.

        Raises:
            InvalidInput: it cannot be read, or is none.
        """
        try:
            return trust_policy.parse(durable.read_plain(self.policy_path, trust_policy.MAX_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self.policy_path, error) from None

    def pin(self, policy: TrustPolicy) -> None:
        """Pin a policy, in the place of another.

        Raises:
            LedgerUnwritable: it could not be written.
        """
        try:
            durable.make_folder(self._folder, 0o700)
        except OSError as error:
            raise LedgerUnwritable(f"{self._folder} could not be made: {error.strerror}") from error
        self._write(self.policy_path, policy.text)

    def last_of(self, witness: Witness) -> Cosigned | None:
        """Return the newest checkpoint that a witness cosigned; None: it has none yet.

        Raises:
            InvalidInput, InvalidProof: the file cannot be read, or does not hold.
        """
        path = self.path_of(witness)
        found = self._read(path, (witness,))
        if found is not None and not found.times:
            raise InvalidProof(f"{path} does not hold: {witness.name} did not cosign it", hint=DAMAGED_HINT)
        return found

    def witnessed_by(self, policy: TrustPolicy) -> Cosigned | None:
        """Return the newest checkpoint that a quorum cosigned, with those of this policy's witnesses that did.

        They need not be enough: another policy may have been in force.

        Raises:
            InvalidInput, InvalidProof: the file cannot be read, or does not hold.
        """
        return self._read(self.witnessed, policy.witnesses)

    def opened(self, note: str, witnesses: tuple[Witness, ...]) -> Cosigned:
        """Read a checkpoint of this log, and who of some witnesses cosigned it.

        Raises:
            InvalidProof, InvalidSignature: it is none, or a signature does not verify.
        """
        found = Checkpoint.from_text(open_note(note, origin(self._public), self._public))
        times = {one.name: latest.time for one in witnesses if (latest := cosignature.latest(note, one.cosigner))}
        return Cosigned(found, note, times)

    def keep(self, witness: Witness, note: str) -> None:
        """Keep what a witness cosigned, in the place of what it did before.

        Raises:
            LedgerUnwritable: it could not be written.
        """
        self._write(self.path_of(witness), note.encode())
        try:
            self._finding_path(witness).unlink(missing_ok=True)
        except OSError as error:
            raise LedgerUnwritable(f"{self._finding_path(witness)} could not be removed: {error.strerror}") from error

    def keep_witnessed(self, note: str) -> None:
        """Keep what the quorum cosigned.

        Raises:
            LedgerUnwritable: it could not be written.
        """
        self._write(self.witnessed, note.encode())

    def accuse(self, witness: Witness, finding: Finding) -> None:
        """Keep what a witness held against the log.

        Raises:
            LedgerUnwritable: it could not be written.
        """
        self._write(self._finding_path(witness), json.dumps(asdict(finding)).encode())

    def finding_of(self, witness: Witness) -> Finding | None:
        """Return what a witness held against the log; None: nothing.

        Raises:
            InvalidInput, InvalidProof: the file cannot be read, or is none of ours.
        """
        path = self._finding_path(witness)
        try:
            data = durable.read_plain(path, MAX_FINDING_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from None
        found = _finding(data)
        if found is None:
            raise InvalidProof(f"{path} is not as it was written", hint=DAMAGED_HINT)
        return found

    def path_of(self, witness: Witness) -> Path:
        """Return the file of what a witness cosigned."""
        return inside(self._folder, of_witness(_digest(witness), ".checkpoint"))

    def _finding_path(self, witness: Witness) -> Path:
        return inside(self._folder, of_witness(_digest(witness), ".finding"))

    def _read(self, path: Path, witnesses: tuple[Witness, ...]) -> Cosigned | None:
        try:
            note = durable.read_plain(path, MAX_NOTE_BYTES).decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from None
        except UnicodeDecodeError:
            raise InvalidProof(f"{path} is no cosigned checkpoint: it is no text", hint=DAMAGED_HINT) from None
        try:
            return self.opened(note, witnesses)
        except BreakglassError as error:
            raise InvalidProof(f"{path} does not hold: {error}", hint=DAMAGED_HINT) from error

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        try:
            durable.write_over(path, data)
        except OSError as error:
            raise LedgerUnwritable(f"{path} could not be written: {error.strerror}") from error


def _finding(data: bytes) -> Finding | None:
    """Read a finding; None: it is none."""
    try:
        found = Finding(**json.loads(data))
        whole = found.error in (RecordMissing.id, Forked.id)
        whole = whole and all(0 <= number <= MAX_TREE_SIZE for number in (found.size, found.ours, found.time))
    except (ValueError, TypeError, RecursionError):
        return None
    return found if whole else None


def when(time: int) -> str:
    """Write seconds since 1970 as a time in UTC; what no calendar has is left a number."""
    try:
        return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{time} s after 1970"


def _digest(witness: Witness) -> str:
    return hashlib.sha256(witness.cosigner.to_text().encode()).hexdigest()[:16]

# SPDX-License-Identifier: Apache-2.0
"""Take the record of an opening made without a ledger, by ``recover.py`` or ``recover.html``.

Spec: docs/spec/8-recovery.md.

Rules:

1. It is held against what this ledger pins: set, epoch, set key, envelope, structure. A record of anything that
   this ledger does not know is refused, since it brings its own key along.
2. It is recorded as a recovery, with its exact bytes and its signature, and never as an opening: nobody declared it.
3. A recovery is a use. It leaves a rotation debt, unless its epoch is dead already; that is said.
4. One in whose words a share may stand is refused: its bytes would stand in the log for ever. Its use is owed all the
   same, and the hint says how.
5. One that a page made says so, and so do we: nothing shows that it was on a disk before the secret was seen.
"""

from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life import recovery
from breakglass_shamir.custody.life.recovery import Recovery
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.errors import IllegalState, LooksLikeShare, UnknownSet
from breakglass_shamir.formats.likeness import looks_like_share
from breakglass_shamir.operations.reading.files import ascii_text, read_file
from breakglass_shamir.operations.recorder import Recorder

ENDING = ".sig"
"""What recover.py puts behind the record's name for its signature."""

_BOTH_HINT = (
    f"recover.py writes two files, the record and beside it the same name with {ENDING}: both are needed; "
    "what recover.html saves is one file"
)

_SHARE_HINT = (
    "keep both files for the auditor, outside the log; void the sheet, rotate the set, and say so with: "
    "breakglass note NAME TEXT --by WHO"
)

_HINT = "import it at the terminal that issued or recovered these sheets, or keep both files for the auditor"


@dataclass(frozen=True, slots=True)
class ImportedRecovery:
    """What was imported (docs/spec/8-recovery.md).

    Attributes:
        set_name: the set.
        epoch: number of the epoch that was opened.
        epoch_id: as people see it, ``ABCD-EFGH-JKMN``.
        sha256: of the recovery record, hexadecimal.
        officers: who took part, as they said there.
        ticket: as they said there.
        reason: as they said there.
    """

    set_name: str
    epoch: int
    epoch_id: str
    status: str
    """Of the epoch: ``good``, ``void`` or ``abandoned``."""

    sha256: str
    officers: tuple[str, ...]
    ticket: str
    reason: str
    time: str
    """When it was made, by that machine's clock."""

    debt: str
    """The rotation that is owed; empty where the epoch is dead."""

    in_browser: bool
    """Whether a page made it, which cannot make sure that a record is on a disk."""


def import_recovery(recorder: Recorder, file: Path) -> ImportedRecovery:
    """Verify a recovery record and record that it was made.

    Args:
        recorder: of the ledger; its set is that of the record.
        file: what recover.html saved, or what recover.py wrote, with its signature beside it.

    Raises:
        InvalidInput: a file cannot be read.
        LooksLikeShare: a share may stand in its words.
        InvalidRecord, UnsupportedVersion: it is no recovery record, or no quorum of its epoch.
        UnknownSet: this ledger does not know the set.
        IllegalState: it does not know the epoch, or has this record already.
        InvalidSignature: it is not signed by the set key that is pinned.
        EnvelopeConflict: it was made with another envelope than the pinned one.
    """
    data, signature = _read(file)
    found = recovery.parse(data)
    _refuse_shares(found, data)
    recorder.set_name, epoch = _find(recorder.state, found)
    recovery.check(found, epoch)
    recovery.verify(data, signature, epoch)
    sha256 = recovery.digest(data)
    recorder.append(
        RecoveryImported(
            epoch_id=found.epoch_id, status=epoch.status, source=data.decode(), sha256=sha256, signature=signature
        )
    )
    if found.in_browser:
        recorder.desk.warn(
            "a page in a browser made this record: nothing shows that it was on a disk before the reveal"
        )
    if epoch.status is not EpochStatus.GOOD:
        recorder.desk.warn(f"epoch {epoch.number} of {recorder.set_name} is {epoch.status} since {epoch.since}")
    debt = next((one.id for one in recorder.set_state.rotation_debts), "") if epoch.status is EpochStatus.GOOD else ""
    return ImportedRecovery(
        recorder.set_name, epoch.number, epoch.short_id, epoch.status, sha256, found.officers, found.ticket,
        found.reason, found.time, debt, found.in_browser,
    )  # fmt: skip


def _read(file: Path) -> tuple[bytes, str]:
    """Return record and signature, from one file or from two.

    Raises:
        InvalidInput: a file cannot be read, or is none of this.
    """
    data, inside = recovery.divide(read_file(file, 2 * recovery.MAX_BYTES, hint=_BOTH_HINT))
    if inside:
        return data, ascii_text(inside, file, "an armored SSH signature")
    beside = Path(f"{file}{ENDING}")
    return data, ascii_text(read_file(beside, recovery.MAX_BYTES, hint=_BOTH_HINT), beside, "an armored SSH signature")


def _find(state: LedgerState, found: Recovery) -> tuple[str, EpochState]:
    """Return the set and epoch that a recovery names; one that was made from typed lines names no set."""
    if found.set and found.set not in state.sets:
        raise UnknownSet(f"this ledger does not know the set {found.set!r} that was recovered", hint=_HINT)
    names = [found.set] if found.set else sorted(state.sets)
    for name in names:
        if found.epoch_id in state.sets[name].epochs:
            return name, state.sets[name].epochs[found.epoch_id]
    of_set = f" of {found.set}" if found.set else ""
    raise IllegalState(f"this ledger does not know epoch {found.epoch}{of_set} that was recovered", hint=_HINT)


def _refuse_shares(found: Recovery, data: bytes) -> None:
    """Refuse a record in whose words a share may stand, before any of them is recorded or shown.

    Raises:
        LooksLikeShare: naming the field.
    """
    named = [("officer", one) for one in found.officers]
    named += [("ticket", found.ticket), ("reason", found.reason), ("set", found.set), ("tool", found.tool)]
    for name, text in (*named, ("text", data.decode())):
        if looks_like_share(text):
            raise LooksLikeShare(f"the {name} of the recovery record looks like a share", hint=_SHARE_HINT)

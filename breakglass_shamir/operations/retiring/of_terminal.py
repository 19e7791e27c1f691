# SPDX-License-Identifier: Apache-2.0
"""Retire a terminal: its sets are kept elsewhere, its log ends, and its last checkpoint is carried away.

Rules:

1. Each set is known to another terminal that is pinned here, with the epoch in force here; or it is retired; or it is
   passed by name. A set that still owes something, or has sheets to destroy, is passed by name only.
2. Nothing is recorded before all of that is so, and before the place of the last receipt is known to be free.
3. The last receipt is of the last record, so its checkpoint covers the whole log. Where it could not be written,
   ``audit receipt`` writes it again: reading goes on for ever.
4. Alerts that wait are still delivered afterwards; that they were is recorded no more.
5. A terminal that has ended keeps nothing: two that hand a set to each other would leave it nowhere. No log tells
   another one that it has ended; its last receipt does, where people laid it among those of this home.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.proof import FILE_ENDING, LogProof
from breakglass_shamir.custody.life import retire_rules
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.retirement import TerminalRetired
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, FileExists, IllegalState, InvalidInput, LedgerUnwritable
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.receipt import FOLDER_NAME, MAX_FILE_BYTES, HeldReceipt, read_text
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass, word

RECEIPTS = 4096
"""Files in the home's folder of receipts that are looked at for the end of another log; the newest."""

_END = TerminalRetired.__struct_config__.tag


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each set of a terminal that ends."""

    handed_on: Mapping[str, str]
    """Set to the log id of who keeps it."""

    retired: tuple[str, ...]
    passed: tuple[str, ...]
    open: Mapping[str, str]
    """Set to why it cannot be left yet, in words; empty: all can."""


@dataclass(frozen=True, slots=True)
class RetiredTerminal:
    """A terminal whose log has ended."""

    terminal: str
    log_id: bytes
    record: int
    """Number of the last record."""

    records: int
    root: str
    out: Path
    """The last receipt."""

    handed_on: Mapping[str, str]
    """Set to the name of the terminal that keeps it."""

    retired: tuple[str, ...]
    passed: tuple[str, ...]


def plan(state: LedgerState, passed: Sequence[str] = (), ended: frozenset[str] = frozenset()) -> Plan:
    """Say what becomes of each set.

    Args:
        state: of the ledger.
        passed: sets that people pass by name.
        ended: ids of other logs that are known to have ended.

    Raises:
        UnknownSet: one of them is not here.
    """
    for name in passed:
        state.of(name)
    handed_on, retired, open_ = dict[str, str](), list[str](), dict[str, str]()
    for name, s in sorted(state.sets.items()):
        if not s.current or name in passed:
            continue
        every, why = retire_rules.keepers(state, s), retire_rules.unfinished(s)
        keepers = {log: keeper for log, keeper in every.items() if log not in ended}
        if why:
            open_[name] = why
        elif s.retired:
            retired.append(name)
        elif keepers:
            handed_on[name] = next(iter(sorted(keepers)))
        elif every:
            open_[name] = (
                f"{', '.join(sorted(every.values()))} kept it, and is retired itself: its last receipt is here"
            )
        else:
            open_[name] = "no other terminal is known to keep it"
    named = tuple(dict.fromkeys(name for name in passed if state.sets[name].current))
    return Plan(handed_on, tuple(retired), named, open_)


def ended_elsewhere(state: LedgerState, folder: Path) -> frozenset[str]:
    """Return the ids of pinned terminals' logs whose last receipt lies in a folder; it verifies, or says nothing."""
    found = set[str]()
    for path in _newest(folder):
        with suppress(OSError, BreakglassError):
            text = durable.read_plain(path, MAX_FILE_BYTES).decode(errors="replace")
            if f'"{_END}"'.encode() not in LogProof.from_text(text).extra:
                continue
            held = read_text(text)
            record, pinned = held.parsed(), state.terminals.get(held.log_id.hex())
            known = pinned is not None and sshsig.public_of_line(pinned.public_key) == held.receipt.terminal_key
            if known and record is not None and isinstance(record.body, TerminalRetired):
                found.add(held.log_id.hex())
    return frozenset(found)


def _newest(folder: Path) -> Iterator[Path]:
    found = list[tuple[int, str]]()
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(FILE_ENDING):
                found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
    return (Path(path) for _, path in sorted(found, reverse=True)[:RECEIPTS])


def retire(recorder: Recorder, reason: str, out: Path, passed: Sequence[str] = ()) -> RetiredTerminal:
    """End this terminal's log, and write its last receipt.

    Args:
        recorder: at no set.
        reason: why, in words.
        out: a new file.
        passed: sets that nobody is known to keep and that are left all the same.

    Raises:
        IllegalState: a set is neither handed on, nor retired, nor passed; or the log has ended already.
        FileExists: the file is there.
        LedgerUnwritable: the file's place cannot be written, or the record could not be made durable.
    """
    said = check_human_text("reason", reason)
    recorder.ledger.catch_up()
    _check_place(out)
    found = plan(recorder.state, passed, ended_elsewhere(recorder.state, recorder.ledger.path.parent / FOLDER_NAME))
    if found.open:
        lines = "".join(f"\n  {name}: {why}" for name, why in found.open.items())
        refused = IllegalState(f"this terminal cannot be retired yet:{lines}", hint=_way_out(found))
        recorder.append(Refused(stage="retire", error=refused.id, message=str(refused)))
        raise refused
    names = {name: recorder.state.terminals[log].name for name, log in found.handed_on.items()}
    body = TerminalRetired(reason=said, handed_on=dict(found.handed_on), retired=found.retired, passed=found.passed)
    entry = recorder.append(body)
    held = _last_receipt(recorder, entry.record.seq, out)
    return RetiredTerminal(
        recorder.state.terminal, held.log_id, entry.record.seq, held.receipt.size, held.receipt.root.hex(), out, names,
        found.retired, found.passed,
    )  # fmt: skip


def _last_receipt(recorder: Recorder, seq: int, out: Path) -> HeldReceipt:
    try:
        return receipts.write_record(recorder.ledger, seq, out)
    except (FileExists, LedgerUnwritable) as error:
        raise type(error)(
            f"this terminal is retired, but its last receipt was not written: {error}",
            hint=f"write it elsewhere: {breakglass('audit receipt', seq, options='--out FILE')}",
        ) from error


def _check_place(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise FileExists(f"{out} is there already", hint="name a new file with --out")
    if not out.absolute().parent.is_dir():
        raise InvalidInput(f"expected a folder at {out.absolute().parent} for the last receipt, found none")


def _way_out(found: Plan) -> str:
    name = next(iter(found.open))
    return (
        f"settle it; hand {name} on: enrol another terminal and import what that exports; "
        f"retire it: {breakglass('retire', name)}; or leave it all the same: --pass {word(name)}"
    )

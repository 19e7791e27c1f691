# SPDX-License-Identifier: Apache-2.0
"""Hold a ledger against whatever else there is of its log: copies, exports, receipts, checkpoints, alerts.

Rules:

1. What a path is, its content says: a home or database, an exported folder, a receipt or its picture, a checkpoint, a
   text in which ids of events stand.
2. A copy is verified by itself first; then copies are held against this ledger and against each other.
3. A receipt and a checkpoint are signed; that two records stand in one place is then proven. An alert is not: it says
   so, and the collector must be asked.
4. Nothing is written to any of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path

from breakglass_shamir.alerts import identity
from breakglass_shamir.alerts.identity import DIGEST_DIGITS, Named
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.errors import Forked, IntegrityError, InvalidInput, InvalidProof, RecordMissing
from breakglass_shamir.ledger import copies, others, receipt
from breakglass_shamir.ledger import verify as verification
from breakglass_shamir.ledger.durable import read_plain
from breakglass_shamir.ledger.entry import ORIGIN_PREFIX, origin
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.stored import SignedLog
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.operations.audit.witnesses import Asked, Witness, ask
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.plural import counted

MAX_TEXT_BYTES = 64 << 20
"""Largest file of alerts that is read."""

CHECKPOINT_ENDING = ".json.checkpoint"
"""Of the files in an exported folder."""


@dataclass(slots=True)
class _Against:
    """What this ledger is held against."""

    ledger: Ledger
    stack: ExitStack
    others: list[tuple[str, SignedLog]] = field(default_factory=list)
    """Copies of this log that hold by themselves."""

    asked: list[Asked] = field(default_factory=list)


def hold(ledger: Ledger, paths: Sequence[Path], scanner: Scanner) -> list[Asked]:
    """Hold a ledger, verified, against other things; returns what each of them says.

    Raises:
        InvalidInput: a path is nothing that a ledger can be held against.
        IntegrityError: a copy, receipt or checkpoint does not hold by itself; with its path.
    """
    with ExitStack() as stack:
        work = _Against(ledger, stack)
        for path in paths:
            try:
                work.asked += _ask(work, path, scanner)
            except IntegrityError as error:
                raise type(error)(f"{path}: {error}", hint=error.hint) from error
        for (name, one), (other_name, other) in combinations(work.others, 2):
            witness = Witness(f"{name} and {other_name}", "ledger", "", copies.count(one), one.log_id)
            found = ask(witness, ledger.log_id, partial(_agree, one, other, other_name))
            if found[1] is not None:
                work.asked.append(found)
        return work.asked


def _ask(work: _Against, path: Path, scanner: Scanner) -> Iterator[Asked]:
    ledger = work.ledger
    if others.is_ledger(path, own=ledger.path):
        yield _ask_copy(work, path)
    elif path.is_dir():
        yield _ask_checkpoint(ledger, path.name, _last_checkpoint(path))
    elif (text := _text_of(path)).startswith(ORIGIN_PREFIX.encode()):
        yield _ask_checkpoint(ledger, path.name, text)
    elif ids := list(identity.find(text)):
        yield from _ask_alerts(ledger, path.name, ids)
    else:
        for name, held in receipts.read([path], scanner):
            witness = Witness(name, "receipt", "", held.receipt.size, held.log_id)
            yield ask(witness, ledger.log_id, partial(receipt.check, ledger, held))


def _ask_copy(work: _Against, path: Path) -> Asked:
    ledger = work.ledger
    other = work.stack.enter_context(others.read(path))
    size = verification.verify(other).records
    if other.log_id == ledger.log_id:
        work.others.append((str(path), other))
    witness = Witness(str(path), "ledger", "", size, other.log_id)
    return ask(witness, ledger.log_id, lambda: copies.check(ledger, ledger.size, other, "the other one"))


def _agree(one: SignedLog, other: SignedLog, name: str) -> None:
    """Let two copies of which one may simply be longer agree."""
    try:
        copies.check(one, copies.count(one), other, name)
    except RecordMissing:
        return


def _last_checkpoint(folder: Path) -> bytes:
    found = max(folder.glob(f"*{CHECKPOINT_ENDING}"), default=None)
    if found is None:
        raise InvalidInput(
            f"expected a home or an exported folder at {folder}, found neither",
            hint="name a home, a ledger.sqlite, an export, a receipt, a checkpoint, or a file of alerts",
        )
    return _text_of(found)


def _text_of(path: Path) -> bytes:
    try:
        return read_plain(path, MAX_TEXT_BYTES)
    except OSError as error:
        raise unreadable(path, error) from None


def _ask_checkpoint(ledger: Ledger, name: str, note: bytes) -> Asked:
    """Hold a checkpoint against the ledger, if this terminal signed it."""
    text = note.decode(errors="replace")
    theirs, ours = text.partition("\n")[0], origin(ledger.public_key)
    if theirs != ours:
        return ask(Witness(name, "checkpoint", "", 0, _id_of(theirs)), ledger.log_id, lambda: None)
    head = Checkpoint.from_text(open_note(text, ours, ledger.public_key))
    return ask(
        Witness(name, "checkpoint", "", head.size, ledger.log_id), ledger.log_id, lambda: _check_head(ledger, head)
    )


def _id_of(name: str) -> bytes:
    try:
        return bytes.fromhex(name.removeprefix(ORIGIN_PREFIX))
    except ValueError:
        raise InvalidProof(f"expected the id of a log, got {name[:40]!a}") from None


def _check_head(ledger: Ledger, head: Checkpoint) -> None:
    if head.size > ledger.size:
        raise RecordMissing(f"it saw {counted(head.size, 'record')}; {receipt.missing(ledger, ledger.size, head.size)}")
    if receipt.recompute(ledger, head.size).root != head.root:
        raise Forked(f"a fork: this terminal signed another history of the first {counted(head.size, 'record')}")


def _ask_alerts(ledger: Ledger, name: str, ids: Sequence[Named]) -> Iterator[Asked]:
    """Hold the ids of events against the records they tell of, those of each log by themselves."""
    logs: dict[bytes, dict[int, set[str]]] = {}
    for found in ids:
        logs.setdefault(found.log, {}).setdefault(found.seq, set()).add(found.digest)
    for log, numbers in logs.items():
        yield ask(
            Witness(name, "alerts", "", max(numbers) + 1, log), ledger.log_id,
            partial(_check_ids, ledger, numbers),
        )  # fmt: skip


def _check_ids(ledger: Ledger, numbers: dict[int, set[str]]) -> None:
    asks = "an alert is not signed: ask who keeps them where it came from"
    for number in sorted(numbers):
        if number >= ledger.size:
            said = f"an alert tells of record {number}; {receipt.missing(ledger, ledger.size, max(numbers) + 1)}"
            raise RecordMissing(said, hint=asks)
        digest = ledger.digest_of(number)[:DIGEST_DIGITS]
        if others_ := numbers[number] - {digest}:
            said = (
                f"alerts tell of another record {number} (SHA-256 {', '.join(sorted(others_))}...) than this ledger's"
            )
            raise Forked(f"{said} ({digest}...)", hint=asks)

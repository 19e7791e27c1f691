# SPDX-License-Identifier: Apache-2.0
"""Signs that a ledger was copied, and that the copy went on, or this one is the copy: as far as this terminal shows.

Rules:

1. What others hold is asked by ``audit verify``; here only what lies on this terminal: receipts in the home, the
   checkpoints in the envelopes that the ledger pins, those that witnesses cosigned, files of alerts that a policy
   names, and the clocks.
2. A receipt counts if this terminal signed it, an envelope if the ledger pins it. An alert in a file is not signed, and
   the sentence says so.
3. The tree is asked for its stored nodes: that takes no longer for a long log. Whether they hold is for the
   verification to say.
4. Every read has a bound: the newest ``RECEIPTS`` receipts, the last ``TAIL_BYTES`` of a file.

None of them can say which of two copies is the right one. No sign is no proof that there is no copy.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.alerts import identity
from breakglass_shamir.crypto.proof import FILE_ENDING, LogProof
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import FileSink
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.receipt import Receipt
from breakglass_shamir.ledger import clock, durable, witness_folder
from breakglass_shamir.ledger.receipt import FOLDER_NAME, MAX_FILE_BYTES, read_text
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.plural import counted

RECEIPTS = 64
"""Receipts that are looked at; all of one opening say the same."""

TAIL_BYTES = 1 << 20
"""End of a file of alerts that is looked at."""


def signs(ledger: Ledger) -> tuple[str, ...]:
    """Return what shows that a ledger was copied or set back, a sentence each; empty: nothing does."""
    found = [
        *_clocks(ledger), *_envelopes(ledger), *_receipts(ledger), *_witnesses(ledger), *_alerts(ledger),
    ]  # fmt: skip
    return tuple(dict.fromkeys(found))


def _clocks(ledger: Ledger) -> Iterator[str]:
    now, last = clock.now(), ledger.state.last
    if last is not None and last.boot == now.boot and now.uptime_ms < last.uptime_ms:
        yield f"the last record, of {last.time}, was made later in this run of the machine than now: one was set back"
    if ledger.runs.returned >= 0 and ledger.runs.boot == now.boot:
        yield (
            f"record {ledger.runs.returned} goes on with an earlier run of a machine: this home was used on two "
            "machines in turn, or a machine was set back"
        )


def _envelopes(ledger: Ledger) -> Iterator[str]:
    for name, one in sorted(ledger.state.sets.items()):
        for epoch in one.epochs.values():
            if not isinstance(epoch.envelope, Envelope) or epoch.envelope.checkpoint.log_id != ledger.log_id:
                continue
            printed = epoch.envelope.checkpoint
            if not _agrees(ledger, printed.size, printed.root):
                saw = counted(printed.size, "record")
                yield f"the sheets of {name}, epoch {epoch.number}, saw {saw} that are not these"
            elif epoch.recovered:
                yield (
                    f"the sheets of {name}, epoch {epoch.number}, were printed by this terminal after "
                    f"{counted(printed.size, 'record')}, and this ledger does not say so"
                )


def _receipts(ledger: Ledger) -> Iterator[str]:
    folder = ledger.path.parent / FOLDER_NAME
    for path in _newest(folder):
        with suppress(OSError, BreakglassError):
            text = durable.read_plain(path, MAX_FILE_BYTES).decode(errors="replace")
            receipt, _ = Receipt.from_bytes(LogProof.from_text(text).extra)
            if receipt.terminal_key == ledger.public_key and not _agrees(ledger, receipt.size, receipt.root):
                held = read_text(text)
                yield f"the receipt {path.name} of {held.time} saw {counted(receipt.size, 'record')} that are not these"


def _witnesses(ledger: Ledger) -> Iterator[str]:
    if witness_folder.is_there(ledger.path.parent):
        from breakglass_shamir.operations.witnessing import standing

        yield from standing.signs(ledger)


def _newest(folder: Path) -> list[Path]:
    """Return the newest receipts, one for each opening and size; their names tell."""
    found: dict[str, tuple[int, Path]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(FILE_ENDING):
                with suppress(OSError):
                    changed = entry.stat(follow_symlinks=False).st_mtime_ns
                    found.setdefault(_opening_and_size(entry.name), (changed, Path(entry.path)))
    return [path for _, path in sorted(found.values(), reverse=True)[:RECEIPTS]]


def _opening_and_size(name: str) -> str:
    """Return the part of a receipt's name that those of one moment share; of another name, all of it."""
    words = name.split("-")
    numbers = [place for place, word in enumerate(words) if word.isdecimal()]
    return "-".join(words[: numbers[-1] + 1]) if numbers else name


def _alerts(ledger: Ledger) -> Iterator[str]:
    for path in sorted(_files(ledger)):
        for named in identity.find(_tail(Path(path))):
            if named.log == ledger.log_id and not _tells(ledger, named):
                yield f"{path} has an alert of record {named.seq} that is not this ledger's (an alert is not signed)"
                break


def _files(ledger: Ledger) -> set[str]:
    adopted = [policies.adopted(one.policy_source) for one in ledger.state.sets.values()]
    sinks = [sink for policy in adopted if policy for sink in policy.alerts.sinks]
    return {str(sink.path) for sink in sinks if isinstance(sink, FileSink)}


def _tail(path: Path) -> bytes:
    try:
        return durable.read_end(path, TAIL_BYTES)
    except OSError:
        return b""


def _tells(ledger: Ledger, named: identity.Named) -> bool:
    return named.seq < ledger.size and ledger.digest_of(named.seq).startswith(named.digest)


def _agrees(ledger: Ledger, size: int, root: bytes) -> bool:
    return size <= ledger.size and ledger.root_at(size) == root

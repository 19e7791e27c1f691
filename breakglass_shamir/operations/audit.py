# SPDX-License-Identifier: Apache-2.0
"""For auditors: list, verify, and export what can be checked with ``ssh-keygen`` alone.

Rules:

1. Reading never writes to the ledger.
2. An export holds the records' exact bytes, each with its signatures beside it, an ``allowed_signers`` file
   and the commands that check them; it needs nothing of ours.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import epoch_id_of
from breakglass_shamir.custody.drill_rules import drill_envelope
from breakglass_shamir.custody.record import DRILL_SIGNED
from breakglass_shamir.errors import FileExists, InvalidInput, LedgerUnwritable
from breakglass_shamir.formats import text
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger

_QUORUM_NAMESPACES = (sshsig.QUORUM_NAMESPACE, "recovery@breakglass-shamir")
"""What a set key may sign: records, and what recover.py writes (docs/spec/8-recovery.md)."""

SHORTEST_ID = 6
"""Hexadecimal digits of an opening id that a person must give."""

_SHOWN = (
    "purpose", "incident_class", "ticket", "officers", "reason", "gate", "problem", "error", "message", "outcome",
    "classification", "sheet", "sheets", "custodian", "bag", "mode", "program", "scope", "debt", "terminal", "epoch",
    "proven", "result",
)  # fmt: skip
"""Fields of records that a list shows, in this order."""

_README = """Exported records of one breakglass ledger.

Each NNNNNN.json is one record, byte for byte as it was signed. NNNNNN.json.sig is the signature of the
terminal; NNNNNN.json.quorum.sig, where there is one, could only be made by a quorum of custodians' sheets.

Check them with OpenSSH alone: sh verify.sh

{rows}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One record in a list."""

    seq: int
    time: str
    set_name: str
    opening: str
    type: str
    summary: str


def lines(ledger: Ledger) -> Iterator[Line]:
    """Yield a line for each record, oldest first."""
    for entry in ledger.entries():
        record = entry.record
        kind = record.body.__struct_config__.tag
        opening = record.opening or (entry.digest if kind == "declared" else "")
        yield Line(record.seq, record.time, record.set, opening, str(kind), summary(entry))


def summary(entry: Entry) -> str:
    """Say what a record means in a few words."""
    body = entry.record.body
    parts = []
    for name in _SHOWN:
        value = getattr(body, name, "")
        if value:
            words = ", ".join(value) if isinstance(value, tuple) else str(value)
            parts.append(f"{name.replace('_', ' ')} {words}")
    return "; ".join(parts)


def export(ledger: Ledger, identifier: str, out: Path) -> list[Path]:
    """Write a record, or every record of an opening, to a new folder.

    Args:
        ledger: where they are.
        identifier: a record's number, or the beginning of an opening id.
        out: the folder; it must not exist or be empty.

    Returns:
        The files.

    Raises:
        InvalidInput: nothing of that id.
        FileExists: the folder has files in it.
        LedgerUnwritable: the folder could not be written.
    """
    chosen = _choose(ledger, identifier)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExists(f"{out} has files in it", hint="choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [_write(out / name, content) for name, content in _files(ledger, chosen)]
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}") from error


def _choose(ledger: Ledger, identifier: str) -> list[Entry]:
    wanted = identifier.strip().lower()
    if wanted.isdecimal() and len(wanted) < SHORTEST_ID:
        chosen = [entry for entry in ledger.entries() if entry.record.seq == int(wanted)]
    elif len(wanted) >= SHORTEST_ID:
        chosen = [e for e in ledger.entries() if e.record.opening.startswith(wanted) or _declares(e, wanted)]
    else:
        chosen = []
    if not chosen:
        raise InvalidInput(
            f"expected a record's number or at least {SHORTEST_ID} digits of an opening's id, got {identifier!r}",
            hint="see them with: breakglass audit list",
        )
    return chosen


def _declares(entry: Entry, wanted: str) -> bool:
    return entry.record.body.__struct_config__.tag == "declared" and entry.digest.startswith(wanted)


def _files(ledger: Ledger, chosen: Sequence[Entry]) -> Iterator[tuple[str, bytes]]:
    checks = []
    for entry in chosen:
        name = f"{entry.record.seq:06d}.json"
        yield name, entry.data
        yield f"{name}.sig", entry.terminal_signature.encode()
        checks.append((name, f"{name}.sig", "terminal", sshsig.RECORD_NAMESPACE))
        if entry.quorum_signature:
            yield f"{name}.quorum.sig", entry.quorum_signature.encode()
            checks.append((name, f"{name}.quorum.sig", *_by_quorum(entry)))
        yield f"{name}.checkpoint", entry.checkpoint.encode()
    yield "allowed_signers", _allowed_signers(ledger).encode()
    yield "verify.sh", _script(checks).encode()
    rows = "\n".join(f"{e.record.seq:06d}  {e.record.time}  {summary(e)}" for e in chosen)
    yield "README.txt", _README.format(rows=rows).encode()


def _by_quorum(entry: Entry) -> tuple[str, str]:
    """Return the name of the set key that signed a record, live or drill, and the namespace it signed in."""
    epoch_id = epoch_id_of(sshsig.public_key_of(entry.quorum_signature))
    if isinstance(entry.record.body, DRILL_SIGNED):
        return _quorum_principal(epoch_id, "drill"), sshsig.DRILL_NAMESPACE
    return _quorum_principal(epoch_id), sshsig.QUORUM_NAMESPACE


def _quorum_principal(epoch_id: bytes, word: str = "quorum") -> str:
    """Write a set key's name: the word and the epoch id, without hyphens."""
    return f"{word}-{text.short_id(epoch_id).replace('-', '')}"


def _allowed_signers(ledger: Ledger) -> str:
    rows = [sshsig.allowed_signer("terminal", ledger.public_key, [sshsig.RECORD_NAMESPACE])]
    for set_state in ledger.state.sets.values():
        for epoch in set_state.epochs.values():
            name = _quorum_principal(epoch.envelope.core.epoch_id)
            rows.append(sshsig.allowed_signer(name, epoch.envelope.set_public_key, _QUORUM_NAMESPACES))
            if epoch.drill_envelope:
                cards = drill_envelope(epoch, set_state.name)
                name = _quorum_principal(cards.core.epoch_id, "drill")
                rows.append(sshsig.allowed_signer(name, cards.set_public_key, [sshsig.DRILL_NAMESPACE]))
    return "\n".join(row.rstrip("\n") for row in rows) + "\n"


def _script(checks: Sequence[tuple[str, str, str, str]]) -> str:
    rows = [
        "#!/bin/sh",
        "# Checks every signature in this folder with OpenSSH alone.",
        "set -e",
        'cd "$(dirname "$0")"',
    ]
    rows += [
        f"ssh-keygen -Y verify -f allowed_signers -I {principal} -n {namespace} -s {signature} < {name}"
        for name, signature, principal, namespace in checks
    ]
    return "\n".join([*rows, f'echo "all {len(checks)} signatures hold"']) + "\n"


def _write(path: Path, content: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path

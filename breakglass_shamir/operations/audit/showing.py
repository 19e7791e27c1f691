# SPDX-License-Identifier: Apache-2.0
"""Show a record, or an opening, in full: what it says, who signed it, and that its exact bytes hold.

Rule: nothing is shown of a record before every signature on and in it, its checkpoint and its place in the tree are
verified (``evidence.verify``). That the whole log holds is for ``audit verify``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records import record as recorded
from breakglass_shamir.custody.records.openings import Snapshot
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger.stored import KnownLog
from breakglass_shamir.operations.audit import evidence, history
from breakglass_shamir.operations.audit.evidence import Exhibit
from breakglass_shamir.operations.audit.meanwhile import Change, changes
from breakglass_shamir.operations.audit.story import OpeningStory, RotationStory
from breakglass_shamir.plural import counted


@dataclass(frozen=True, slots=True)
class ShownSignature:
    """A signature that was verified."""

    by: str
    """Who, in words."""

    principal: str
    """Who, as an export's ``allowed_signers`` names it."""

    fingerprint: str
    namespace: str
    over: int
    """Number of the record whose bytes are signed; -1: those of the document inside this record."""


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """One record in full."""

    seq: int
    type: str
    time: str
    set_name: str
    opening: str
    log: str
    previous: str
    root: str
    sha256: str
    fields: dict[str, Any]
    signatures: tuple[ShownSignature, ...]
    checkpoint: str
    """The signed note of the tree that ends with this record."""

    text: str
    """The exact bytes, which are UTF-8."""


def show(ledger: KnownLog, identifier: str) -> tuple[ShownRecord, ...]:
    """Return a record by its number, or every record of an opening, each verified.

    Raises:
        InvalidInput: nothing of that id, or openings of more than one.
        InvalidRecord, InvalidSignature, InvalidProof: the first thing that does not hold, with the record's number.
    """
    shown = []
    for exhibit in evidence.chosen(ledger, identifier):
        evidence.verify(ledger, exhibit)
        shown.append(_shown(ledger, exhibit))
    return tuple(shown)


@dataclass(frozen=True, slots=True)
class Shown:
    """What an id stands for."""

    records: tuple[ShownRecord, ...]
    opening: OpeningStory | None
    """Of an opening of which enough is there to tell its story."""

    meanwhile: tuple[Change, ...] = ()
    """What the two snapshots of its use say together."""


def show_in(logs: Sequence[KnownLog], identifier: str) -> Shown:
    """Look for an id in several logs, and show what it stands for.

    Raises:
        InvalidInput: nothing of that id, or it stands for something in more than one log.
        IntegrityError: the first thing that does not hold, with the record's number.
    """
    found: list[Shown] = []
    problem: InvalidInput | None = None
    for log in logs:
        try:
            records = show(log, identifier)
            told = story(log, identifier) if log.replayable else None
            found.append(Shown(records, told, _meanwhile(records) if len(records) > 1 else ()))
        except InvalidInput as error:
            problem = error
    if len(found) > 1:
        raise InvalidInput(
            f"{identifier} is in the logs of {len(found)} terminals", hint="name the bundles of one of them with --from"
        )
    if problem is not None and not found:
        raise problem
    return found[0]


def _meanwhile(records: Sequence[ShownRecord]) -> tuple[Change, ...]:
    """Hold the snapshots among an opening's records against each other."""
    bodies = (recorded.from_bytes(one.text.encode()).body for one in records)
    return tuple(changes(body for body in bodies if isinstance(body, Snapshot)))


def story(ledger: KnownLog, identifier: str) -> OpeningStory | None:
    """Return the story of the opening that an id names; None where it names a single record, or all."""
    wanted = identifier.strip().lower()
    if len(wanted) < evidence.SHORTEST_ID:
        return None
    openings = (one for told in history.of(ledger).sets for one in told.openings)
    return next((one for one in openings if one.id.startswith(wanted)), None)


def story_lines(opening: OpeningStory) -> list[str]:
    """Write an opening's story for people."""
    said = opening
    head = f"opening {said.short_id}: {said.purpose}, {said.incident_class}, ticket {said.ticket}: {said.reason}"
    rows = [head, f"  declared {said.declared}; officers, as typed: {', '.join(said.officers) or 'none'}"]
    rows += [f"  signed by {one.officer} with {one.fingerprint} at {one.time}" for one in said.signed_by]
    rows += [f"  passed {one.gate}: {one.problem}; {one.reason}" for one in said.passed]
    if said.opened:
        sheets = ", ".join(said.sheets)
        rows.append(f"  opened {said.opened}: sheets {sheets}; mode {said.mode}; checkpoint {said.witnessed}")
    if said.ended:
        late = ", longer than declared" if said.overlong else ""
        rows.append(f"  used for {said.use_s} s of {said.allowed_s} s{late}: {said.how}; {said.classification}")
    rows += [f"  {one.words}" for one in said.recordings]
    if said.rotation is not None:
        rows += _rotation_lines(said.rotation)
    rows += [f"  reviewed {one.time} by {one.reviewer}, {one.verdict}: {one.reason}" for one in said.reviews]
    rows.append(f"  {said.outcome} {said.over}" if said.outcome else "  under way")
    return rows


def _rotation_lines(rotation: RotationStory) -> list[str]:
    if not rotation.proven:
        return [f"  the target was being changed from {rotation.applying} on; the old credential is not proven dead"]
    attested = f", attested by {', '.join(rotation.attested_by)}" if rotation.attested_by else ""
    return [f"  the old credential is dead since {rotation.proven}{attested}: {'; '.join(rotation.proofs)}"]


def lines(record: ShownRecord) -> list[str]:
    """Write a record for people."""
    head = f"record {record.seq}: {record.type}, {record.time}"
    rows = [f"{head}, set {record.set_name}" if record.set_name else head]
    rows += [f"  {name.replace('_', ' ')}: {said}" for name, value in record.fields.items() if (said := _words(value))]
    rows += [f"  signed by {one.by}, {one.fingerprint}, over {_over(record, one)}" for one in record.signatures]
    rows.append(f"  sha256 {record.sha256}; in the tree of {counted(record.seq + 1, 'record')}")
    return rows


def _shown(ledger: KnownLog, exhibit: Exhibit) -> ShownRecord:
    entry, record = exhibit.entry, exhibit.entry.record
    text = entry.data.decode()
    fields = {name: value for name, value in json.loads(text)["body"].items() if name != "type"}
    return ShownRecord(
        record.seq, exhibit.type, record.time, record.set, exhibit.opening, record.log, record.previous, record.root,
        entry.digest, fields, _signatures(ledger, exhibit), entry.checkpoint, text,
    )  # fmt: skip


def _signatures(ledger: KnownLog, exhibit: Exhibit) -> tuple[ShownSignature, ...]:
    key, second = evidence.terminal_key(ledger), exhibit.second
    words = f"terminal {ledger.state.terminal}"
    found = [ShownSignature(words, "terminal", key.fingerprint, sshsig.RECORD_NAMESPACE, exhibit.seq)]
    if second is not None:
        found.append(
            ShownSignature(second.words, second.principal, second.key.fingerprint, second.namespace, second.message_seq)
        )
    return tuple(found)


def _over(record: ShownRecord, signature: ShownSignature) -> str:
    if signature.over == record.seq:
        return "this record"
    return f"record {signature.over}" if signature.over >= 0 else "the document in it"


def _words(value: Any) -> str:
    """Write a field's value on one line; a text of several lines, and a long one, is for ``--json``."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, str) and (len(value) > 200 or "\n" in value):
        return f"({counted(len(value), 'character')}; see them with --json)"
    return str(value)

# SPDX-License-Identifier: Apache-2.0
"""Records that were handed over to a reviewer who has no ledger: read, and verified as far as they go.

Rules:

1. :func:`read` is the one door, whatever form the records come in: a bundle, or a folder with an export.
2. What is read is bounded: an export is counted before it is read, a bundle goes to a temporary file line by line.
3. A bundle is verified as an auditor's is, all of it. Of an export each record is held against the terminal's key: its
   signature, its checkpoint's, its log. Two records of neighbouring numbers must follow each other.
4. That the key is the terminal's own is for people: its fingerprint is shown, to be compared.

What of the log is not there is said. The review names the last record that was looked at, and the terminal refuses it
where there is more.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody import names
from breakglass_shamir.custody.life.review_rules import is_opening
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.errors import InvalidInput, InvalidProof, InvalidRecord, InvalidSignature
from breakglass_shamir.ledger.entry import Entry, log_id, origin
from breakglass_shamir.operations.audit import bundle_verifying
from breakglass_shamir.operations.audit import sources as bundles
from breakglass_shamir.operations.reading.files import read_file, utf8_text
from breakglass_shamir.operations.review import facts
from breakglass_shamir.operations.review.facts import Reviewable

MOST_RECORDS = 20_000
"""Records that are read of one folder."""

MOST_NAMED = 20
"""Openings that are named where none of them is meant."""

MOST_LIST_BYTES = 1 << 20
MOST_NOTE_BYTES = 16 * 1024

_REVIEW_OF = re.compile(r"review-([0-9a-f]{8})")
"""The debt of an opening's review, and the beginning of that opening's id."""

_NUMBER = re.compile(r"[0-9]{6,16}")
_TERMINAL = re.compile(r"^terminal (?:\S+ )?(ssh-ed25519 [A-Za-z0-9+/=]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What records of one log, each of which its terminal signed, say of what is reviewed.

    Attributes:
        found: what happened.
        fingerprint: of the terminal's key, ``SHA256:...``.
        scope: how much of the log is there, in words.
    """

    found: Reviewable
    fingerprint: str
    scope: str


def read(path: Path, identifier: str) -> HandedOver:
    """Read what records that were handed over say of an opening or a debt.

    Args:
        path: a file that ``audit bundle`` wrote, or a folder that ``audit export`` wrote.
        identifier: the beginning of an opening id, or the id of a debt; empty: the one opening that there is.

    Raises:
        InvalidInput: not readable, neither of the two, or far too large; or nothing is meant by the id.
        IntegrityError: what does not hold, with the record's number.
    """
    return _of_export(path, identifier) if path.is_dir() else _of_bundle(path, identifier)


def _of_bundle(path: Path, identifier: str) -> HandedOver:
    with bundles.opened([path]) as (source,):
        (terminal,) = bundle_verifying.verify([source]).terminals
        log = source.log
        found = facts.of_entries(log.entries(), _subject(log.entries(), identifier))
        return HandedOver(found, source.fingerprint, terminal.in_words())


def _of_export(path: Path, identifier: str) -> HandedOver:
    numbers = _numbers(path)
    public = _public_key(path)
    entries = tuple(_verified(path, number, public) for number in numbers)
    for before, after in itertools.pairwise(entries):
        if after.record.seq <= before.record.seq:
            raise InvalidRecord(f"record {after.record.seq} stands behind record {before.record.seq}")
        if after.record.seq == before.record.seq + 1 and after.record.previous != before.digest:
            raise InvalidRecord(f"record {after.record.seq} does not follow the one in front")
    count = "1 record of the log is" if len(entries) == 1 else f"{len(entries)} records of the log are"
    scope = f"{count} there; of the others nothing is shown"
    return HandedOver(
        facts.of_entries(entries, _subject(entries, identifier)), sshsig.fingerprint(public), scope
    )  # fmt: skip


def _subject(entries: Iterable[Entry], identifier: str) -> str:
    """Return the opening or debt that is meant.

    Raises:
        InvalidInput: none of the openings here begins so, or several do.
    """
    wanted = identifier.strip().lower()
    openings = [one.digest for one in entries if isinstance(one.record.body, Declared)]
    if not wanted and len(openings) == 1:
        return openings[0]
    of_review = _REVIEW_OF.fullmatch(wanted)
    beginning = of_review[1] if of_review else wanted
    found = [one for one in openings if beginning and one.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if not found and "-" in wanted and not is_opening(wanted):
        return wanted
    known = [one[:12] for one in openings[-MOST_NAMED:]]
    words = ", ".join(known) + (", and earlier ones" if len(openings) > len(known) else "")
    raise InvalidInput(
        f"expected one of the openings in it ({words or 'none'}), got {identifier.strip()[:64] or 'nothing'!r}"
    )


def _numbers(path: Path) -> list[int]:
    listed = _text(path / "records", MOST_LIST_BYTES).split()
    if not listed or len(listed) > MOST_RECORDS or not all(map(_NUMBER.fullmatch, listed)):
        raise InvalidInput(f"expected 1 to {MOST_RECORDS} numbers of records in {path / 'records'}")
    return [int(one) for one in listed]


def _public_key(path: Path) -> bytes:
    found = _TERMINAL.findall(_text(path / "allowed_signers", MOST_LIST_BYTES))
    if len(found) != 1:
        raise InvalidInput(f"expected one key of the terminal in {path / 'allowed_signers'}, got {len(found)}")
    return sshsig.public_of_line(ssh_key.from_line(found[0]).line)


def _verified(path: Path, number: int, public: bytes) -> Entry:
    data = read_file(path / names.record(number), records.MAX_RECORD_BYTES)
    signature = _text(path / names.record(number, ".sig"), MOST_NOTE_BYTES)
    checkpoint = _text(path / names.record(number, ".checkpoint"), MOST_NOTE_BYTES)
    try:
        record = records.from_bytes(data)
        sshsig.verify(signature, data, sshsig.RECORD_NAMESPACE, public)
        note = Checkpoint.from_text(open_note(checkpoint, origin(public), public))
    except (InvalidRecord, InvalidSignature, InvalidProof) as error:
        raise type(error)(f"record {number}: {error}") from error
    if (record.seq, record.log) != (number, log_id(public).hex()) or note.size != number + 1:
        raise InvalidRecord(f"record {number} is not that record of this log")
    return Entry(data, record, signature, "", checkpoint)


def _text(path: Path, limit: int) -> str:
    return utf8_text(read_file(path, limit), path)

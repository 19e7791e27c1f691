# SPDX-License-Identifier: Apache-2.0
"""Hand records over to an auditor, who checks them with ``ssh-keygen`` and ``openssl`` alone.

Rules:

1. An export holds the records' exact bytes, every signature, every checkpoint, the keys, and a shell script that checks
   all of it and needs nothing of ours. What that script checks is written at its steps (``export_verify.sh``).
2. Keys of officers and custodians are exported as the policy at the record's time had them, with their days, and
   with what was revoked by then; the script judges each signature by its record's time.
3. The folder is new, and nothing in it is secret: records hold no share and no credential.
4. It is done when every file was flushed to disk and found again as it was written.
"""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from breakglass_shamir.crypto import merkle, ssh_key, sshsig
from breakglass_shamir.custody import names
from breakglass_shamir.custody.life import enrol_rules, recovery, review_rules, statement
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.officer_keys import listed
from breakglass_shamir.custody.policy.tables import Officer, Policy
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.openings import OfficerSigned
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.sheets import CustodianSigned
from breakglass_shamir.errors import FileExists, IllegalState, InvalidInput, InvalidRecord, LedgerUnwritable
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import evidence, listing
from breakglass_shamir.operations.audit.evidence import Exhibit

SCRIPT = "verify.sh"
SUMS = "SHA256SUMS"

_PEOPLE = {
    sshsig.OFFICER_NAMESPACE: "officers",
    sshsig.CUSTODIAN_NAMESPACE: "custodians",
    sshsig.REVIEW_NAMESPACE: "reviewers",
    sshsig.SETTLEMENT_NAMESPACE: "reviewers",
}
"""Namespace of people's signatures to the file with their keys."""

_PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""DER of an Ed25519 SubjectPublicKeyInfo up to the raw key (RFC 8410 section 4)."""

_README = """Exported records of one breakglass ledger.

Check them with OpenSSH and OpenSSL alone: sh verify.sh
Its first line and its last say what it does not show.
Of more than 1000 records that computes a sample of the terminal's signatures; all of them: sh verify.sh full

NNNNNN.json               one record, byte for byte as it was signed
NNNNNN.json.sig           the terminal's signature
NNNNNN.json.checkpoint    the signed head of the tree that ends with this record
NNNNNN.json.quorum.sig    a signature that only a quorum of sheets, or of drill cards, could make
NNNNNN.json.officer.sig   an officer's signature, over the bytes of the declaration
NNNNNN.json.custodian.sig a custodian's signature, over the bytes of the acknowledgement
NNNNNN.json.recovery.json what recover.py or recover.html left, with its .sig by the quorum
NNNNNN.json.review.json   what a reviewer signed, with its .sig
NNNNNN.json.settlement.json what somebody signed who settled debts, with its .sig
NNNNNN.json.statement.json what another terminal told of a set, with its .sig by that terminal
allowed_signers           keys of the terminal, of those that told it of sets, and of each epoch's quorum
officers-NNNNNN           keys of officers by the policy that record NNNNNN adopted, with the days they are valid, in
                          UTC: where ssh-keygen is run by hand, with TZ=UTC0
custodians-NNNNNN         keys of custodians by that policy
reviewers-NNNNNN          keys of those who may review, and of those who may settle, by that policy
revoked-NNNNNN            what that policy revokes, for ssh-keygen -k
terminal.pem              the terminal's key once more, for openssl
records, signatures       what verify.sh goes through
withheld                  number and leaf hash of each record between the first and the last that is not in this folder
before                    level and hash of the subtrees of the log's tree that stand before the first record

What another terminal proved, in a record of the type succession, is signed inside that record, with keys of that other
log: breakglass audit verify checks it, verify.sh does not.

"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written (docs/guide-auditor.md).

    Attributes:
        out: the folder.
        files: every file in it.
        records: how many there are.
    """

    out: Path
    files: tuple[Path, ...]
    records: int
    sums_sha256: str
    """SHA-256 of the file that names every other file's; to be written down elsewhere."""


@dataclass(slots=True)
class _Folder:
    """A new folder that remembers what is in it."""

    path: Path
    sums: dict[str, bytes] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def write(self, name: str, content: bytes) -> None:
        path = names.inside(self.path, name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        self.files.append(path)
        self.sums[name] = hashlib.sha256(content).digest()


def export(ledger: Ledger, identifier: str, out: Path) -> Exported:
    """Write a record, every record of an opening, or all of them to a new folder.

    Args:
        ledger: where they are.
        identifier: a record's number, the beginning of an opening id, or ``all``.
        out: the folder; it must not exist or be empty.

    Raises:
        InvalidInput: nothing of that id.
        FileExists: the folder has files in it.
        LedgerUnwritable: the folder could not be written.
    """
    wanted = _wanted(ledger, identifier)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExists(f"{out} has files in it", hint="choose another --out")
    try:
        durable.make_folder(out)
        folder = _Folder(out)
        count = _fill(folder, ledger, wanted)
        sums = "".join(f"{digest.hex()}  {name}\n" for name, digest in folder.sums.items()).encode()
        folder.write(SUMS, sums)
        durable.require_all_found(out, folder.sums.items())
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}") from error
    return Exported(out, tuple(folder.files), count, hashlib.sha256(sums).hexdigest())


def _wanted(ledger: Ledger, identifier: str) -> set[int] | None:
    """Return the numbers of the records that are exported; None: all. What a person signed comes along."""
    if identifier.strip().lower() == evidence.EVERYTHING:
        return None
    found: set[int] = set()
    for exhibit in evidence.chosen(ledger, identifier):
        found.add(exhibit.seq)
        if exhibit.second is not None and exhibit.second.message_seq >= 0:
            found.add(exhibit.second.message_seq)
    return found


def _fill(folder: _Folder, ledger: Ledger, wanted: set[int] | None) -> int:
    numbers, signatures, rows, withheld = [], [], [], []
    used, reviewed = set(), set()
    first, last = (0, ledger.size - 1) if wanted is None else (min(wanted), max(wanted))
    for exhibit in evidence.exhibits(ledger):
        if wanted is not None and exhibit.seq not in wanted:
            if first < exhibit.seq < last:
                withheld.append(f"{exhibit.seq:06d} {merkle.leaf_hash(exhibit.entry.data).hex()}\n")
            continue
        numbers.append(f"{exhibit.seq:06d}\n")
        rows.append(
            f"{exhibit.seq:06d}  {exhibit.entry.record.time}  {exhibit.type}  {listing.summary(exhibit.entry)}\n"
        )
        for name, content in _files(exhibit):
            folder.write(name, content)
        if exhibit.second is not None:
            signatures.append(_line(ledger, exhibit))
        body = exhibit.entry.record.body
        if isinstance(body, OfficerSigned | CustodianSigned):
            used.add(exhibit.policy_seq)
        if isinstance(body, Reviewed | DebtsSettled):
            reviewed.add(exhibit.policy_seq)
    for seq in sorted(used | reviewed):
        for name, content in _people_files(_policy(ledger, seq), seq, reviewed=seq in reviewed):
            folder.write(name, content)
    folder.write("records", "".join(numbers).encode())
    folder.write("signatures", "".join(signatures).encode())
    folder.write("withheld", "".join(withheld).encode())
    before = [f"{level} {ledger.node(level, place).hex()}\n" for level, place in merkle.subtrees(0, first)]
    folder.write("before", "".join(before).encode())
    folder.write("allowed_signers", _allowed_signers(ledger).encode())
    folder.write("terminal.pem", _PEM.format(base64.b64encode(_SPKI + ledger.public_key).decode()).encode())
    folder.write(SCRIPT, resources.files(__package__).joinpath("export_verify.sh").read_bytes())
    folder.write("README.txt", (_README + "".join(rows)).encode())
    return len(numbers)


def _files(exhibit: Exhibit) -> Iterator[tuple[str, bytes]]:
    """Yield a record's own files."""
    seq, entry, second = exhibit.seq, exhibit.entry, exhibit.second
    yield names.record(seq), entry.data
    yield names.record(seq, ".sig"), entry.terminal_signature.encode()
    yield names.record(seq, ".checkpoint"), entry.checkpoint.encode()
    if second is not None:
        yield names.record(seq, second.ending), second.signature.encode()
        if second.message_ending:
            yield names.record(seq, second.message_ending), second.message


def _line(ledger: Ledger, exhibit: Exhibit) -> str:
    """Return what verify.sh is told of a second signature."""
    seq, second, policy = exhibit.seq, exhibit.second, exhibit.policy_seq
    assert second is not None  # noqa: S101 - the caller looked
    own = names.record(seq, second.message_ending)
    message = names.record(second.message_seq) if second.message_seq >= 0 else own
    allowed, gone = "allowed_signers", "-"
    if second.namespace in _PEOPLE:
        allowed = names.of_policy(_PEOPLE[second.namespace], policy)
        gone = names.of_policy("revoked", policy) if review_rules.revoked_in(_policy(ledger, policy)) else "-"
    signature = names.record(seq, second.ending)
    words = (f"{seq:06d}", message, signature, second.principal, second.namespace, allowed, gone)
    return " ".join(words) + "\n"


def _policy(ledger: Ledger, seq: int) -> Policy:
    """Return the policy that a record adopted."""
    body = next(ledger.entries(seq)).record.body
    offer = enrol_rules.offered(statement.parse(body.statement)) if isinstance(body, Enrolled) else None
    if offer is not None:
        return policies.parse(offer.source)
    if not isinstance(body, PolicyAdopted | PolicyWeakened):
        raise InvalidInput(f"expected record {seq} to adopt a policy")
    return policies.parse(body.source)


def _people_files(policy: Policy, seq: int, *, reviewed: bool) -> Iterator[tuple[str, bytes]]:
    officers = policy.officers
    rows = [
        sshsig.allowed_signer(evidence.officer_principal(one.name), key, [sshsig.OFFICER_NAMESPACE], _days(one))
        for one, key in listed(officers)
    ]
    if rows:
        yield names.of_policy("officers", seq), "".join(f"{row}\n" for row in rows).encode()
    rows = [
        sshsig.allowed_signer(
            evidence.custodian_principal(one.name), ssh_key.from_line(line), [sshsig.CUSTODIAN_NAMESPACE]
        )
        for one in policy.custodians
        for line in one.keys
    ]
    if rows:
        yield names.of_policy("custodians", seq), "".join(f"{row}\n" for row in rows).encode()
    rows = [
        sshsig.allowed_signer(principal(one.name), key, [namespace], _days(one))
        for people, principal, namespace in (
            (policy.reviewers, evidence.reviewer_principal, sshsig.REVIEW_NAMESPACE),
            (policy.settlers, evidence.settler_principal, sshsig.SETTLEMENT_NAMESPACE),
        )
        for one, key in listed(people)
    ]
    if reviewed and rows:
        yield names.of_policy("reviewers", seq), "".join(f"{row}\n" for row in rows).encode()
    gone = sorted(review_rules.revoked_in(policy))
    if gone:
        yield names.of_policy("revoked", seq), "".join(f"hash: {fingerprint}\n" for fingerprint in gone).encode()


def _days(officer: Officer) -> list[str]:
    """Return the options of ``allowed_signers`` for an officer's days, in UTC; both are days on which keys count."""
    days = []
    if officer.valid_from is not None:
        days.append(f'valid-after="{officer.valid_from:%Y%m%d}000000"')
    if officer.valid_until is not None:
        days.append(f'valid-before="{officer.valid_until:%Y%m%d}235959"')
    return days


def _allowed_signers(ledger: Ledger) -> str:
    rows = [sshsig.allowed_signer("terminal", ledger.public_key, [sshsig.RECORD_NAMESPACE])]
    for log, terminal in ledger.state.terminals.items():
        key = sshsig.public_of_line(terminal.public_key)
        rows.append(sshsig.allowed_signer(evidence.terminal_principal(log), key, [statement.NAMESPACE]))
    for name, state in ledger.state.sets.items():
        for epoch in state.epochs.values():
            principal = evidence.quorum_principal(epoch.envelope.core.epoch_id)
            live = (sshsig.QUORUM_NAMESPACE, recovery.NAMESPACE)
            rows.append(sshsig.allowed_signer(principal, epoch.envelope.set_public_key, live))
            with suppress(IllegalState, InvalidRecord):
                cards = drill_envelope(epoch, name)
                principal = evidence.quorum_principal(cards.core.epoch_id, "drill")
                rows.append(sshsig.allowed_signer(principal, cards.set_public_key, [sshsig.DRILL_NAMESPACE]))
    return "".join(f"{row}\n" for row in rows)

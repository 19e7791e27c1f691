# SPDX-License-Identifier: Apache-2.0
"""The operations of the vectors of the records, as this implementation runs them, and how a vector is put together."""

import functools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
from dealt_policies import meaning
from dealt_receipts import fields_of
from made_logs import edited, public_test_key, stored

from breakglass_shamir.crypto import merkle, ssh_key, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.life import enrol_rules, lineage, recovery
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.pattern import mismatch
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.formats.envelope import Checkpoint as PrintedCheckpoint
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.receipt import Receipt
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import bundled, copies, moved, receipt
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.sample import Look
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.walk import Walk
from breakglass_shamir.operations.enrolment import package
from breakglass_shamir.standalone import recover

FOLDER = Path(__file__).parent

Values = dict[str, Any]
Rows = list[Values]


def vectors(file: str) -> list[Values]:
    loaded: list[Values] = json.loads((FOLDER / f"{file}.json").read_text(encoding="ascii"))["vectors"]
    return loaded


def text_in(given: Values | str, file: str, field: str) -> str:
    """Return a text of a vector: itself, or that of another one with edits."""
    if isinstance(given, str):
        return given
    if "parts" in given:
        parts = given["parts"]
        return str(parts["head"] + parts["repeat"] * parts["times"] + parts["tail"])
    return edited(by_name(file)[given["from"]]["input"][field], given["edits"])


@functools.cache
def by_name(file: str) -> dict[str, Values]:
    return {vector["name"]: vector for vector in vectors(file)}


def rows_of(given: Values) -> Rows:
    """Put a log together: whole, or the beginning of another vector's and what follows it."""
    if "entries" in given:
        return list(given["entries"])
    whole: Rows = by_name("logs")[given["from"]]["input"]["entries"]
    return [*whole[: given["first"]], *(_written_out(row, whole) for row in given["then"])]


def _written_out(row: Values, whole: Rows) -> Values:
    """Return a row with the text of its record, which may be that of another one of the log, with edits."""
    made = row["record"]
    return row if isinstance(made, str) else {**row, "record": edited(whole[made["seq"]]["record"], made["edits"])}


def first_of(given: Values) -> Rows:
    """Return the beginning of a log that a vector is held against."""
    whole: Rows = by_name("logs")[given["log"]]["input"]["entries"]
    return whole[: given["first"]]


def ledger_of(rows: Rows, folder: Path, name: str) -> AbstractContextManager[Ledger]:
    return stored(folder, public_test_key(f"terminal {name}"), rows)


class Walked:
    """A log that is verified record by record, so that what fails has a number."""

    def __init__(self, given: Values, look: Look) -> None:
        self.walk, self.at = Walk(bytes.fromhex(given["public_key"]), look), -1

    def through(self, rows: Rows) -> None:
        for self.at, row in enumerate(rows):
            self.walk.steps(
                [(self.at, row["record"].encode(), row["signature"], row.get("quorum", ""), row["checkpoint"])]
            )


def read_record(given: Values, _folder: Path) -> Values:
    if "bytes" in given:
        data = bytes.fromhex(given["bytes"])
    else:
        parts = given["parts"]
        head, repeat, tail = (bytes.fromhex(parts[name]) for name in ("head", "repeat", "tail"))
        data = head + repeat * parts["times"] + tail
    found = records.from_bytes(data)
    return {
        "sha256": records.digest(data), "leaf_hash": merkle.leaf_hash(data).hex(),
        "type": found.body.__struct_config__.tag, "seq": found.seq,
    }  # fmt: skip


def open_checkpoint(given: Values, _folder: Path) -> Values:
    public = bytes.fromhex(given["public_key"])
    found = Checkpoint.from_text(open_note(given["note"], origin(public), public))
    return {"origin": found.origin, "size": found.size, "root": found.root.hex()}


def read_moved(given: Values, folder: Path) -> Values:
    (folder / moved.MOVED_NAME).write_bytes(given["note"].encode())
    found = moved.read(folder, bytes.fromhex(given["public_key"]))
    if not isinstance(found, moved.Moved):
        return {}
    return {"size": found.size, "follows": found.follows, "place": found.place}


def verify_signature(given: Values, _folder: Path) -> Values:
    key = ssh_key.from_line(given["key"])
    sshsig.verify_by(key, given["signature"], bytes.fromhex(given["message"]), given["namespace"])
    if key.type == ssh_key.ED25519:
        raw = sshsig.public_of_line(given["key"])
        sshsig.verify(given["signature"], bytes.fromhex(given["message"]), given["namespace"], raw)
    return {}


def hashes(given: Values) -> list[bytes]:
    return [bytes.fromhex(one) for one in given["hashes"]]


def verify_inclusion(given: Values, _folder: Path) -> Values:
    leaf, root = (bytes.fromhex(given[name]) for name in ("leaf", "root"))
    merkle.verify_inclusion(given["index"], given["size"], leaf, hashes(given), root)
    return {}


def verify_consistency(given: Values, _folder: Path) -> Values:
    old, new = (bytes.fromhex(given[name]) for name in ("old_root", "new_root"))
    merkle.verify_consistency(given["old_size"], given["new_size"], hashes(given), old, new)
    return {}


def read_receipt(given: Values, _folder: Path) -> Values:
    held = receipt.read_text(given["text"])
    return {**fields_of(held.receipt), "record": held.record.decode()}


def read_receipt_code(given: Values, _folder: Path) -> Values:
    return fields_of(Receipt.from_code(given["code"]))


def hold_receipt(given: Values, folder: Path) -> Values:
    held = receipt.read_text(given["text"])
    with ledger_of(first_of(given), folder, given["log"]) as ledger:
        if held.log_id != ledger.log_id:
            return {"says": "nothing"}
        receipt.check(ledger, held)
    return {"says": "it holds"}


def hold_checkpoint(given: Values, folder: Path) -> Values:
    with ledger_of(first_of(given), folder, given["log"]) as ledger:
        printed = PrintedCheckpoint(ledger.log_id, given["size"], bytes.fromhex(given["root"]))
        receipt.check_sheet(ledger, printed, "the sheet")
    return {"says": "it holds"}


def verify_recovery(given: Values, _folder: Path) -> Values:
    """Verify a recovery record as it is verified when it is imported, and again in the log."""
    envelope = Envelope.from_bytes(lineage.decoded("envelope", given["envelope"]))
    sha256 = envelope.digest.hex()
    epoch = EpochState(envelope.core.epoch, envelope, sha256, "", {}, EpochStatus.GOOD, "2026-03-01T08:00:00Z")
    source = text_in(given["record"], "recoveries", "record")
    data = source.encode()
    found = recovery.parse(data)
    recovery.check(found, epoch)
    recovery.verify(data, given["signature"], epoch)
    body = RecoveryImported(
        epoch_id=epoch.epoch_id, status="good", source=source, sha256=recovery.digest(data),
        signature=given["signature"],
    )  # fmt: skip
    state = SetState(envelope.set_name, epochs={epoch.epoch_id: epoch})
    recovery.accept(state, body)
    return {"sha256": recovery.digest(data), "made_in": "browser" if found.in_browser else ""}


def divide_recovery(given: Values, _folder: Path) -> Values:
    record, signature = recovery.divide(given["file"].encode())
    return {"record": record.decode(), "signature": signature.decode()}


def sign_recovery(given: Values, _folder: Path) -> Values:
    seed, data = bytes.fromhex(given["set_key_seed"]), given["record"].encode()
    made = recover.sshsig(seed, data).decode()
    assert made == sshsig.sign(Secret(seed), data, recovery.NAMESPACE)
    return {"signature": made}


def read_policy(given: Values, _folder: Path) -> Values:
    text = text_in(given["text"], "policies", "text")
    return meaning(policies.parse(text), text)


def structure_of(given: Values) -> Structure:
    groups = tuple(Group(group["threshold"], group["members"]) for group in given["groups"])
    return Structure(given["group_threshold"], groups)


def built_in(given: Values, _folder: Path) -> Values:
    found: Values = meaning(policies.built_in(given["set"], structure_of(given["structure"])), "")["policy"]
    return found


def weakens(given: Values, _folder: Path) -> Values:
    new = policies.parse(text_in(given["new"], "policies", "text"))
    if "old" in given:
        old = policies.parse(text_in(given["old"], "policies", "text"))
    else:
        old = policies.built_in(new.name, structure_of(given["built_in"]), new.target.uri)
    return {"weakens": list(weakenings(old, new))}


def match_ticket(given: Values, _folder: Path) -> Values:
    return {"matches": not mismatch(given["pattern"], given["ticket"])}


def filler(given: Values, _folder: Path) -> Values:
    return {"filler": is_filler(given["text"])}


def read_enrolment(given: Values, _folder: Path) -> Values:
    found = package.parse(text_in(given["file"], "enrolments", "file").encode())
    return {
        "fingerprint": found.fingerprint, "sha256": found.sha256, "terminal": found.first.terminal,
        "size": found.first.size, "sets": [one.set for one in found.said],
        "epochs": [[epoch.epoch_id, epoch.status] for epoch in found.first.epochs],
    }  # fmt: skip


def compare_fingerprint(given: Values, _folder: Path) -> Values:
    package.parse(text_in(given["file"], "enrolments", "file").encode()).compare(given["typed"])
    return {}


def take_enrolment(given: Values, folder: Path) -> Values:
    found = package.parse(text_in(given["file"], "enrolments", "file").encode())
    with ledger_of(first_of(given), folder, given["log"]) as ledger:
        state, said = ledger.state, found.first
        enrol_rules.check_all(state, said, ledger.log_id.hex())
        known = state.sets.get(said.set) or SetState(said.set)
        return {"policy": enrol_rules.outcome(known, said)}


def compare_copies(given: Values, folder: Path) -> Values:
    (folder / "copy").mkdir()
    here, there = (rows_of(given[name]) for name in ("log", "copy"))
    with ledger_of(here, folder, "small") as log, ledger_of(there, folder / "copy", "small") as copy:
        return {"common": copies.check(log, log.size, copy, "the copy")}


def read_successions(given: Values, _folder: Path) -> Values:
    found = lineage.from_bytes(text_in(given["file"], "successions", "file").encode())
    return {"proofs": [[one.predecessor, one.successor] for one in found]}


def judge_succession(given: Values, folder: Path) -> Values:
    held = json.loads(by_name("successions")["one proof"]["input"]["file"])["proofs"][0]
    proof = msgspec.convert({**held, **given["proof"]}, SuccessionProof)
    with ledger_of(first_of(given), folder, given["log"]) as ledger:
        state = ledger.state
        judged = lineage.judge(state.of("prod-db"), proof, state.terminals, ledger.log_id.hex())
    return {"level": judged.link.level}


def read_bundle(given: Values, folder: Path) -> Values:
    path = folder / "bundle"
    path.write_text(text_in(given["file"], "bundles", "file"), encoding="utf-8")
    log = bundled.read(path)
    log.close()
    (found,) = log.bundles
    head = found.head
    return {
        "first": head.first, "last": head.last, "size": head.size, "root": head.root, "set": head.set,
        "terminal": head.terminal, "records": found.records, "withheld": found.withheld, "sha256": found.sha256,
    }  # fmt: skip


OPERATIONS: dict[str, Callable[[Values, Path], Values]] = {
    "read-record": read_record,
    "open-checkpoint": open_checkpoint,
    "read-moved": read_moved,
    "verify-signature": verify_signature,
    "verify-inclusion": verify_inclusion,
    "verify-consistency": verify_consistency,
    "read-receipt": read_receipt,
    "read-receipt-code": read_receipt_code,
    "hold-receipt": hold_receipt,
    "hold-checkpoint": hold_checkpoint,
    "verify-recovery": verify_recovery,
    "divide-recovery": divide_recovery,
    "sign-recovery": sign_recovery,
    "read-policy": read_policy,
    "built-in-policy": built_in,
    "weakens": weakens,
    "match-ticket": match_ticket,
    "is-filler": filler,
    "read-enrolment": read_enrolment,
    "compare-fingerprint": compare_fingerprint,
    "take-enrolment": take_enrolment,
    "compare-copies": compare_copies,
    "read-successions": read_successions,
    "judge-succession": judge_succession,
    "read-bundle": read_bundle,
}

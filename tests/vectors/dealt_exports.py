# SPDX-License-Identifier: Apache-2.0
"""Vectors of what travels between terminals and to auditors: enrolment files, proofs of lineage, the export folder."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import made_bodies as bodies
import made_lives as lives
import msgspec
import rfc8785
from dealt import Vector, bad, good
from made_logs import SET, Log, id_of, like, line_of, public_test_key

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life import lineage
from breakglass_shamir.custody.records.sheets import Noted
from breakglass_shamir.operations.audit import export
from breakglass_shamir.operations.enrolment import package

NOBODY = public_test_key("nobody's")


def enrolments(_: object = None) -> Iterator[Vector]:
    """Every vector of ``enrolments.json``."""
    data = lives.file_of_office()
    log = lives.told()
    made = package.parse(data)
    yield good("of one set", "read-enrolment", {"file": data.decode()}, {
        "fingerprint": made.fingerprint, "sha256": made.sha256, "terminal": made.first.terminal,
        "size": made.first.size,
        "sets": [SET], "epochs": [[epoch.epoch_id, epoch.status] for epoch in made.first.epochs]})  # fmt: skip
    yield from _typed(data, made.fingerprint)
    yield from _taken(data)
    tree = json.loads(data)
    said = json.loads(tree["parts"][0]["statement"])

    def file_of(tree: Mapping[str, Any]) -> str:
        return rfc8785.dumps(dict(tree)).decode()

    def with_part(**changes: Any) -> str:
        return file_of({**tree, "parts": [{**tree["parts"][0], **changes}]})

    def with_said(**changes: Any) -> str:
        text = rfc8785.dumps({**said, **changes}).decode()
        return with_part(statement=text, signature=sshsig.sign(log.key, text.encode(), "enrolment@breakglass-shamir"))

    epoch, policy = said["epochs"][0], said["policy"]
    carried = epoch["brought_by"]
    altered = base64.b64encode(base64.b64decode(carried["record"]).replace(b"North", b"Nerth")).decode()
    for name, one, error in (
        ("no JSON", data.decode()[:-1], "invalid-input"),
        ("another type", file_of({**tree, "type": "successions"}), "invalid-input"),
        ("a field of a later release", file_of({**tree, "w": 1}), "invalid-input"),
        ("no parts", file_of({**tree, "parts": []}), "invalid-input"),
        ("another version", file_of({**tree, "v": 2}), "unsupported-version"),
        ("a newline behind", f"{data.decode()}\n", "invalid-record"),
        ("two statements of one set", file_of({**tree, "parts": tree["parts"] * 2}), "invalid-record"),
        ("a statement of another type", with_said(type="statement"), "invalid-record"),
        ("a statement of another version", with_said(v=2), "unsupported-version"),
        ("a statement with a space", with_part(statement=f"{tree['parts'][0]['statement']} "), "invalid-record"),
        ("the key with a comment", with_said(public_key=f"{said['public_key']} x"), "invalid-record"),
        ("a key that is none", with_said(public_key="ssh-ed25519 AAAA"), "invalid-signature"),
        ("an epoch in force that is not good", with_said(current="ab" * 8), "invalid-record"),
        ("an epoch twice", with_said(epochs=[*said["epochs"], epoch]), "invalid-record"),
        ("earlier trees that do not grow", with_said(earlier=said["earlier"] * 2), "invalid-record"),
        ("signed by another key", with_part(signature=sshsig.sign(
            NOBODY, tree["parts"][0]["statement"].encode(), "enrolment@breakglass-shamir")), "invalid-signature"),
        ("signed in another namespace", with_part(signature=sshsig.sign(
            log.key, tree["parts"][0]["statement"].encode(), sshsig.RECORD_NAMESPACE)), "invalid-signature"),
        ("a checkpoint of another tree", with_said(root="ab" * 32), "invalid-proof"),
        ("a checkpoint that is none", with_said(checkpoint="x"), "invalid-proof"),
        ("a checkpoint by another key", with_said(checkpoint=log.row(log.tree(
            bodies.started(log)), key=NOBODY)["checkpoint"]), "invalid-signature"),
        ("a carried record that was altered", with_said(epochs=[
            {**epoch, "brought_by": {**carried, "record": altered}}, *said["epochs"][1:]]), "invalid-proof"),
        ("a carried record proven in another tree", with_said(epochs=[
            {**epoch, "brought_by": {**carried, "proof": _elsewhere(log, carried)}}, *said["epochs"][1:]]),
            "invalid-proof"),
        ("an epoch that its record does not bring", with_said(
            current="ab" * 8, lineage=[*said["lineage"], "ab" * 8],
            epochs=[*said["epochs"][:-1], {**said["epochs"][-1], "epoch_id": "ab" * 8}]), "invalid-record"),
        ("a seat that is not there", with_said(epochs=[
            *said["epochs"][:-1], {**said["epochs"][-1], "custodians": {"2.1": "X"}}]), "invalid-record"),
        ("a policy by a record that adopts none",
        with_said(policy={**policy, "adopted_by": carried}), "invalid-record"),
        ("a policy signed by nobody who must", with_said(policy={**policy, "signature": sshsig.sign(
            NOBODY, b"x", sshsig.QUORUM_NAMESPACE)}), "invalid-record"),
        ("an epoch that began on no day", with_said(epochs=[
            *said["epochs"][:-1], {**said["epochs"][-1], "began": "2026-02-29T08:00:00Z"}]), "invalid-record"),
        ("a time in other digits", with_said(time="\u0662026-03-01T08:00:00Z"), "invalid-record"),
        ("an epoch id with a line feed", with_said(lineage=[*said["lineage"], "ab" * 8 + "\n"]), "invalid-record"),
        ("proven said by a text", with_said(epochs=[
            *said["epochs"][:-1], {**said["epochs"][-1], "proven": "true"}]), "invalid-record"),
        ("a size of none", with_said(size=0), "invalid-record"),
        ("a receipt that pins nothing", with_part(receipt=_unpinned(log)), "invalid-proof"),
        ("a receipt of another tree", with_part(receipt=_older_receipt(log)), "invalid-proof"),
        ("a receipt that is none", with_part(receipt="x"), "invalid-proof"),
    ):  # fmt: skip
        yield bad(name, "read-enrolment", {"file": like(one, "of one set", data.decode())}, error)


def _typed(data: bytes, fingerprint: str) -> Iterator[Vector]:
    given = {"file": like(data.decode(), "of one set", data.decode())}
    swapped = fingerprint[1] + fingerprint[0] + fingerprint[2:]
    other = package.parse(data)
    for name, typed in (
        ("as shown", fingerprint),
        ("in small letters, without spaces", fingerprint.lower().replace(" ", "")),
    ):
        yield good(name, "compare-fingerprint", {**given, "typed": typed}, {})
    from breakglass_shamir.formats import text

    strange = text.to_lines(hashlib.sha256(b"x").digest()[:15], 31)[0]
    line_four = text.to_lines(package._digest(other.first.key, data), 4)[0]
    for name, typed, error in (
        ("two characters changed places", swapped if swapped != fingerprint else fingerprint[::-1], "invalid-input"),
        ("a character left out", fingerprint[1:], "invalid-input"),
        ("the check of another line", line_four, "invalid-input"),
        ("another file's", strange, "fingerprint-mismatch"), ("nothing", "", "invalid-input"),
    ):  # fmt: skip
        yield bad(name, "compare-fingerprint", {**given, "typed": typed}, error)


def _taken(data: bytes) -> Iterator[Vector]:
    """A file of the office that is held against a log; the branch took one of the same tree."""
    log, branch = lives.told(), lives.branch()
    before = branch.size
    first = 4
    given = {"file": like(data.decode(), "of one set", data.decode()), "log": "branch"}

    def of(name: str, file: bytes, error: str, log: str = "branch", first: int = before) -> Vector:
        text = like(file.decode(), "of one set", data.decode())
        return bad(name, "take-enrolment", {"file": text, "log": log, "first": first}, error)

    yield good("taken: the set has no policy", "take-enrolment", {**given, "first": first}, {"policy": "taken"})
    yield good("kept: it is the same", "take-enrolment", {**given, "first": before}, {"policy": "kept"})
    yield of("its own", data, "illegal-state", "office", lives.office().size)
    shorter = bodies.first_of(log, log.size - 3)
    yield of("older than what is known", lives.file_of(shorter), "illegal-state")
    longer = bodies.first_of(lives.office(), log.size + 4)
    yield good("it goes on", "take-enrolment", {
        "file": like(lives.file_of(longer, log.size).decode(), "of one set", data.decode()),
        "log": "branch", "first": before,
    }, {"policy": "kept"})  # fmt: skip
    yield of("it goes on, and does not prove it", lives.file_of(longer), "invalid-proof")
    twin = lives.forked(log)
    yield of("a fork of the same size", lives.file_of(twin), "invalid-proof")
    twin.add(Noted(text="more", by="Duty"))
    yield of("a fork that goes on", lives.file_of(twin, log.size), "invalid-proof")
    yield of("another set of this name", lives.file_of(lives.namesake()), "illegal-state")


def _elsewhere(log: Log, carried: Vector) -> str:
    """Return the proof of a carried record in the tree as it was with one record less."""
    from breakglass_shamir.crypto.proof import LogProof

    index = json.loads(base64.b64decode(carried["record"]))["seq"]
    note = log.rows[log.size - 2]["checkpoint"]
    return LogProof(index, tuple(log.path(index, log.size - 1)), note).to_text()


def _unpinned(log: Log) -> str:
    from dealt_receipts import remade

    return remade(log, 2, log.size, pins=())


def _older_receipt(log: Log) -> str:
    from dealt_receipts import remade

    return remade(log, 2, log.size - 1)


def successions(_: object = None) -> Iterator[Vector]:
    """Every vector of ``successions.json``: files of proofs, and single proofs held against the log ``branch``."""
    e, log = bodies.epochs(), lives.told()
    proof = bodies.proof_of(log, e.one, e.two)
    data = lineage.to_bytes([proof])
    yield good(
        "one proof", "read-successions", {"file": data.decode()}, {"proofs": [[proof.predecessor, proof.successor]]}
    )
    yield good("no proof", "read-successions", {"file": lineage.to_bytes([]).decode()}, {"proofs": []})
    tree = json.loads(data)
    held = tree["proofs"][0]
    for name, one, error in (
        ("no JSON", data.decode()[:-1], "invalid-record"),
        ("another type", rfc8785.dumps({**tree, "type": "x"}).decode(), "invalid-record"),
        ("another version", rfc8785.dumps({**tree, "v": 2}).decode(), "unsupported-version"),
        ("a space behind", f"{data.decode()} ", "invalid-record"),
        ("a field left out",
        rfc8785.dumps({**tree, "proofs": [{**tree["proofs"][0], "set": None}]}).decode(), "invalid-record"),
        ("base64 without its end", data.decode().replace('=",', '",', 1), "invalid-record"),
    ):  # fmt: skip
        yield bad(name, "read-successions", {"file": like(one, "one proof", data.decode())}, error)
    first = 5

    def of(name: str, error: str = "", **changes: Any) -> Vector:
        made = msgspec.to_builtins(bodies.proof_of(log, e.one, e.two, **changes))
        given = {"log": "branch", "first": first, "proof": {key: made[key] for key in made if made[key] != held[key]}}
        return (
            bad(name, "judge-succession", given, error)
            if error
            else good(name, "judge-succession", given, {"level": "proven"})
        )

    old_dead = json.loads(proof.old_dead)

    def dead(**changes: Any) -> bytes:
        return rfc8785.dumps({**old_dead, **changes})

    def body(**changes: Any) -> bytes:
        return dead(body={**old_dead["body"], **changes})

    strange = Log("stranger")

    def signed(data: bytes, who: Log = log) -> dict[str, Any]:
        signature = sshsig.sign(who.key, data, sshsig.RECORD_NAMESPACE)
        return {"old_dead": data, "terminal_signature": signature, "terminal_key": line_of(who.key)}

    yield of("it holds")
    vouched = json.loads(proof.countersigned)
    yield of("the predecessor is not known", "unproven-succession", predecessor="ab" * 8)
    yield of("of another set", "unproven-succession", set="other")
    yield of("the envelope does not hold", "invalid-record", envelope=proof.envelope[:-1] + b"\x00")
    yield of("the envelope of drill cards", "invalid-record", envelope=e.cards2.sealed.envelope.to_bytes())
    yield of("the envelope of another epoch", "invalid-record", envelope=e.three.sealed.envelope.to_bytes())
    yield of("nobody countersigned", "unproven-succession", countersigned=b"", countersignature="")
    yield of("a countersignature over nothing", "invalid-record", countersigned=b"")
    yield of("countersigned: another record", "invalid-record", countersigned=proof.old_dead)
    other = rfc8785.dumps({**vouched, "body": {**vouched["body"], "epoch_id": id_of(e.one)}})
    yield of("countersigned: another epoch", "invalid-record", countersigned=other)
    by_two = sshsig.sign(e.two.seed, proof.countersigned, sshsig.QUORUM_NAMESPACE)
    yield of("countersigned by the successor", "invalid-signature", countersignature=by_two)
    by_record = sshsig.sign(e.one.seed, proof.countersigned, sshsig.RECORD_NAMESPACE)
    yield of("countersigned in another namespace", "invalid-signature", countersignature=by_record)
    nothing: dict[str, Any] = {"old_dead": b"", "terminal_signature": "", "terminal_key": ""}
    yield of("nobody saw the old one die", "unproven-succession", **nothing)
    yield of("a terminal's signature over nothing", "invalid-record", **{**nothing, "terminal_key": line_of(log.key)})
    yield of("old-dead: another record", "invalid-record", old_dead=proof.countersigned)
    yield of("old-dead: other epochs", "invalid-record", **signed(body(new_epoch_id=id_of(e.three))))
    yield of("old-dead: of this log", "invalid-record", **signed(dead(log=lives.branch().log_id), lives.branch()))
    yield of(
        "old-dead: a key of another log",
        "invalid-record",
        **{**signed(proof.old_dead), "terminal_key": line_of(NOBODY)},
    )
    yield of("old-dead: a key with a comment", "invalid-record", **{
        **signed(proof.old_dead), "terminal_key": f"{line_of(log.key)} x"})  # fmt: skip
    yield of(
        "old-dead: a terminal that is not pinned", "unproven-succession", **signed(dead(log=strange.log_id), strange)
    )
    yield of("old-dead: not signed by the terminal", "invalid-signature", **{
        **signed(proof.old_dead),
        "terminal_signature": sshsig.sign(NOBODY, proof.old_dead, sshsig.RECORD_NAMESPACE)})  # fmt: skip
    yield of("old-dead: signed in another namespace", "invalid-signature", **{
        **signed(proof.old_dead),
        "terminal_signature": sshsig.sign(log.key, proof.old_dead, sshsig.QUORUM_NAMESPACE)})  # fmt: skip


def exported(life: str) -> dict[str, str]:
    """Return the files of an export, by name."""
    log = lives.LIVES[life]()
    with TemporaryDirectory() as folder, log.stored(Path(folder)) as ledger:
        out = Path(folder) / "out"
        export.export(ledger, "all", out)
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(out.iterdir())}


NOT_PINNED = ("README.txt", "verify.sh")
"""Files of an export whose content is for people, and is not a vector's."""


def sums(files: Mapping[str, str]) -> dict[str, str]:
    """Return a folder with the digests of its files."""
    held = {name: text for name, text in files.items() if name != "SHA256SUMS"}
    lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in held.items()]
    return {**held, "SHA256SUMS": "".join(lines)}


def exports(_: object = None) -> Iterator[Vector]:
    """Every vector of ``exports.json``: a folder, and what was done to it."""
    whole = {name: text for name, text in exported("small").items() if name not in NOT_PINNED}
    whole = sums(whole)
    log = lives.small()
    yield good("whole", "verify-export", {"files": whole}, {
        "records": log.size, "second_signatures": sum(1 for _ in whole["signatures"].splitlines()),
        "root": log.root().hex()})  # fmt: skip

    def of(
        name: str, step: int, changed: Mapping[str, str] | None = None, *, gone: str = "", summed: bool = True
    ) -> Vector:
        given = {"from": "whole", "without": [gone] if gone else [], "with": dict(changed or {}), "summed": summed}
        return {**bad(name, "verify-export", given, "does-not-hold"), "step": step}

    def twice(name: str, file: str, line: str, more: int, *, summed: bool) -> Vector:
        given = {"from": "whole", "without": [], "with": {file: whole[file] + line}, "summed": summed}
        seconds = len(whole["signatures"].splitlines()) + more
        output = {"records": log.size, "second_signatures": seconds, "root": log.root().hex()}
        return good(name, "verify-export", given, output)

    line = whole["signatures"].splitlines(keepends=True)[0]
    yield twice("a second signature that is listed twice", "signatures", line, 1, summed=True)
    line = whole["SHA256SUMS"].splitlines(keepends=True)[0]
    yield twice("a file that is named twice", "SHA256SUMS", line, 0, summed=False)
    record = f"{log.size - 1:06d}.json"
    plain = whole[record]
    yield of("a file is missing", 1, gone="000003.json.sig", summed=False)
    yield of("a file more", 1, {"extra": "x"}, summed=False)
    yield of("a file was altered", 1, {record: plain.replace('"show"', '"exec"')}, summed=False)
    yield of("no SHA256SUMS", 1, gone="SHA256SUMS", summed=False)
    yield of("two terminal keys", 2, {"terminal.pem": _pem(NOBODY)})
    signers = whole["allowed_signers"]
    yield of("a line that no terminal writes", 2, {"allowed_signers": signers + "somebody ssh-ed25519 AAAA\n"})
    quorum = next(line for line in signers.splitlines() if line.startswith("quorum-"))
    strange = " ".join([*quorum.split(" ")[:3], line_of(NOBODY).split(" ")[1]])
    yield of("a quorum's key under another name", 2, {"allowed_signers": signers.replace(quorum, strange)})
    other = log.row(log.tree(Noted(text="x", by="y"), seq=log.size - 1, log="ab" * 8))
    yield of("a record of another log", 3, {record: other["record"]})
    swapped = whole["000005.json"].replace('"1.2"', '"1.3"')
    yield of("a record is another one", 3, {"000005.json": swapped})
    yield of("a checkpoint of another record", 3, {"000005.json.checkpoint": whole["000004.json.checkpoint"]})
    alone = "".join(line + "\n" for line in whole["signatures"].splitlines() if not line.startswith(record[:6]))
    yield of("the quorum's signature is left out", 3, {"signatures": alone}, gone=f"{record}.quorum.sig")
    last = json.loads(plain)
    forged = rfc8785.dumps({**last, "body": {**last["body"], "mode": "exec"}})
    note = log_before(log).row(forged)
    yield of("a record signed by another key", 4, {
        record: forged.decode(), f"{record}.sig": sshsig.sign(NOBODY, forged, sshsig.RECORD_NAMESPACE),
        f"{record}.checkpoint": note["checkpoint"]})  # fmt: skip
    flipped = _flipped(whole[f"{record}.checkpoint"])
    yield of("a checkpoint whose signature is altered", 4, {f"{record}.checkpoint": flipped})
    rooted = log_before(log).row(plain.encode(), root=bytes(32))["checkpoint"]
    gap = whole["records"].replace("000003\n", "")
    held = hashlib.sha256(b"\0" + whole["000003.json"].encode()).hexdigest()
    alone = "".join(f"{line}\n" for line in whole["signatures"].splitlines() if not line.startswith("000003"))
    part = {"records": gap, "withheld": f"000003 {held}\n", "signatures": alone}

    def less(number: str, changed: Mapping[str, str]) -> Vector:
        files = [name for name in whole if name.startswith(number)]
        return {"from": "whole", "without": files, "with": dict(changed), "summed": True}

    yield good("a record is withheld", "verify-export", less("000003", part), {
        "records": log.size - 1, "second_signatures": len(alone.splitlines()), "root": log.root().hex()})  # fmt: skip
    first = whole["records"].replace("000000\n", "")
    for name, step, given in (
        ("a record is missing", 3, less("000003", {"records": gap, "signatures": alone})),
        ("a record is withheld by another hash", 5, less("000003", {**part, "withheld": f"000003 {'ab' * 32}\n"})),
        ("a subtree in front of another record", 5,
         less("000000", {"records": first, "before": f"0 {'ab' * 32}\n"})),
    ):  # fmt: skip
        yield {**bad(name, "verify-export", given, "does-not-hold"), "step": step}
    yield of("a hash of a record that is there", 3, {"withheld": f"000003 {held}\n"})
    yield of("the last checkpoint of another root", 5, {f"{record}.checkpoint": rooted})
    yield of("a quorum's signature by another key", 6, {
        f"{record}.quorum.sig": sshsig.sign(NOBODY, plain.encode(), sshsig.QUORUM_NAMESPACE)})  # fmt: skip
    by = whole["signatures"].replace(quorum.split(" ")[0], "terminal")
    yield of("a quorum's signature by the terminal", 6, {"signatures": by})
    officer = next(line for line in whole["signatures"].splitlines() if "officer@" in line)
    moved = whole["signatures"].replace(officer, officer.replace(officer.split(" ")[1], "000003.json"))
    yield of("an officer's signature of another record", 6, {"signatures": moved})


def log_before(log: Log) -> Log:
    """Return a log without its last record."""
    shorter = Log(log.name)
    shorter.rows, shorter.leaves = log.rows[:-1], log.leaves[:-1]
    return shorter


def _flipped(note: str) -> str:
    head, _, line = note.rpartition(" ")
    raw = base64.b64decode(line)
    return f"{head} {base64.b64encode(raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]).decode()}\n"


def _pem(seed: Any) -> str:
    from breakglass_shamir.crypto.keys import ed25519_public

    spki = bytes.fromhex("302a300506032b6570032100") + ed25519_public(seed)
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(spki).decode()}\n-----END PUBLIC KEY-----\n"

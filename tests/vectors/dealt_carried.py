# SPDX-License-Identifier: Apache-2.0
"""More vectors of what travels: files of another history, proofs of other envelopes, folders with a key too many."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import made_bodies as bodies
import made_lives as lives
import msgspec
import rfc8785
from dealt import Vector, bad, good
from dealt_exports import exported, sums
from dealt_lineage import proof_of
from made_logs import OFFICERS, POLICY, WEAKER, Log, deal, drill_of, id_of, issued, like

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.proof import LogProof

STRICTER = POLICY.replace('deadline = "2h"', 'deadline = "1h"')


def enrolments() -> Iterator[Vector]:
    """Yield those of ``enrolments.json``."""
    data = lives.file_of_office().decode()

    def taken(name: str, file: bytes, log: str, first: int, policy: str = "", error: str = "") -> Vector:
        given = {"file": like(file.decode(), "of one set", data), "log": log, "first": first}
        if error:
            return bad(name, "take-enrolment", given, error)
        return good(name, "take-enrolment", given, {"policy": policy})

    one = bodies.epochs().one
    rival = _of_one(POLICY, deal("one", 1, source=WEAKER), WEAKER)
    yield taken("another envelope of an epoch", lives.file_of(rival), "branch", 4, error="envelope-conflict")
    stricter = lives.file_of(_of_one(STRICTER, one, POLICY))
    yield taken("taken: it weakens nothing", stricter, "small", 7, "taken")
    yield taken("kept: it weakens", lives.file_of(_of_one(WEAKER, one, POLICY)), "small", 7, "kept")
    told = lives.told()
    weakened = lives.file_of(bodies.first_of(lives.office(), 69), told.size)
    yield taken("taken: it weakens, by a quorum that is known", weakened, "branch", 5, "taken")
    yield taken("kept: it weakens, by a quorum that is not known", weakened, "small", 7, "kept")
    yield from _forms(json.loads(data), told, data)
    yield from _signed_policies(json.loads(weakened), weakened.decode(), data)


def _of_one(policy: str, epoch: Any, source: str) -> Log:
    """Return a log that issued epoch 1 of the set under a policy."""
    log = Log("rival")
    log.add(bodies.started(log), "")
    log.add(bodies.adopted(policy))
    log.add(issued(epoch, drill_of("one", 1), source))
    return log


def _signed(tree: Mapping[str, Any], said: Mapping[str, Any], log: Log) -> str:
    """Return a file whose first statement says something else, signed by its terminal."""
    text = rfc8785.dumps(dict(said)).decode()
    part = {
        **tree["parts"][0], "statement": text,
        "signature": sshsig.sign(log.key, text.encode(), "enrolment@breakglass-shamir"),
    }  # fmt: skip
    return rfc8785.dumps({**tree, "parts": [part, *tree["parts"][1:]]}).decode()


def _forms(tree: Mapping[str, Any], log: Log, data: str) -> Iterator[Vector]:
    said = json.loads(tree["parts"][0]["statement"])
    first, *others = said["epochs"]
    carried = first["brought_by"]
    proof = LogProof.from_text(carried["proof"])
    extra = LogProof(proof.index, proof.hashes, proof.checkpoint, b"x").to_text()
    moved = LogProof(proof.index + 1, proof.hashes, proof.checkpoint).to_text()

    def of(name: str, error: str, **changes: Any) -> Vector:
        file = _signed(tree, {**said, **changes}, log)
        return bad(name, "read-enrolment", {"file": like(file, "of one set", data)}, error)

    def epoch(**changes: Any) -> dict[str, Any]:
        return {"epochs": [{**first, **changes}, *others]}

    seat = "1.1"
    yield of("a carried record with an extra line", "invalid-proof", **epoch(brought_by={**carried, "proof": extra}))
    yield of("a carried record at another index", "invalid-proof", **epoch(brought_by={**carried, "proof": moved}))
    yield of("a sheet voided on no day", "invalid-record", **epoch(voided={seat: "seen"}, voided_on={}))
    yield of("an earlier tree of this size", "invalid-record", earlier=[{"size": said["size"], "hashes": []}])
    yield of("a text direction in a name", "invalid-record", **epoch(custodians={seat: "North\u202e"}))
    yield of("an epoch outside the lineage", "invalid-record", lineage=[one for one in said["lineage"]
             if one != first["epoch_id"]])  # fmt: skip


def _signed_policies(tree: Mapping[str, Any], file: str, data: str) -> Iterator[Vector]:
    e, log = bodies.epochs(), bodies.first_of(lives.office(), 69)
    said = json.loads(tree["parts"][0]["statement"])
    record = base64.b64decode(said["policy"]["adopted_by"]["record"])
    for name, key, message in (
        ("a policy signed by a quorum of no epoch of the set", e.other.seed, record),
        ("a policy signed in another record", e.two.seed, record + b" "),
    ):
        signature = sshsig.sign(key, message, sshsig.QUORUM_NAMESPACE)
        made = _signed(tree, {**said, "policy": {**said["policy"], "signature": signature}}, log)
        yield bad(name, "read-enrolment", {"file": like(made, "of one set", data)}, "invalid-signature")


def successions() -> Iterator[Vector]:
    """Yield those of ``successions.json``."""
    e, log = bodies.epochs(), lives.told()
    held = msgspec.to_builtins(bodies.proof_of(log, e.one, e.two))
    for name, new, error in (
        ("another envelope of an epoch", deal("two", 2, e.one, source=WEAKER), "envelope-conflict"),
        ("a number that is not higher", deal("low", 1, e.one), "invalid-record"),
    ):
        made = msgspec.to_builtins(proof_of(e.one, new))
        proof = {key: made[key] for key in made if made[key] != held[key]}
        assert id_of(new) == made["successor"]
        yield bad(name, "judge-succession", {"log": "branch", "first": 5, "proof": proof}, error)


def exports() -> Iterator[Vector]:
    """Yield those of ``exports.json``."""
    whole = sums({name: text for name, text in exported("small").items() if name not in ("README.txt", "verify.sh")})

    def of(name: str, step: int, changed: Mapping[str, str]) -> Vector:
        given = {"from": "whole", "without": [], "with": dict(changed), "summed": True}
        return {**bad(name, "verify-export", given, "does-not-hold"), "step": step}

    listed = "".join(f"{number}\n" for number in whole["records"].split() if number != "000007")
    yield of("a record that is not listed", 1, {"records": listed})
    (officers,) = [name for name in whole if name.startswith("officers-")]
    keys, signatures = whole[officers], whole["signatures"]
    late = keys.replace("29991231235959", "20260228235959")
    yield of("an officer's key after its last day", 6, {officers: late})
    early = keys.replace("20200101000000", "20260302000000")
    yield of("an officer's key before its first day", 6, {officers: early})
    line = next(one for one in signatures.splitlines() if "officer@" in one)
    gone = officers.replace("officers", "revoked")
    raw = sshsig.fingerprint(sshsig.public_of_line(sshsig.public_line(_public("Duty"), "")))
    yield of("an officer's key that is revoked", 6, {
        gone: f"hash: {raw}\n", "signatures": signatures.replace(line, line[:-1] + gone)})  # fmt: skip
    name = line.split(" ")[2]
    other = sshsig.sign(OFFICERS["Second"], whole[line.split(" ")[1]].encode(), sshsig.OFFICER_NAMESPACE)
    yield of("an officer's signature that is not the record's", 6, {
        name: other,
        "signatures": signatures.replace(line, line.replace("officer:Duty", "officer:Second"))})  # fmt: skip
    moved = {officers.replace("000001", "000002"): keys}
    yield of("an officer's key by another policy", 6, {
        **moved, "signatures": signatures.replace(line, line.replace(officers, next(iter(moved))))})  # fmt: skip


def _public(officer: str) -> bytes:
    from breakglass_shamir.crypto.keys import ed25519_public

    return ed25519_public(OFFICERS[officer])

# SPDX-License-Identifier: Apache-2.0
"""Run every vector through this implementation, and prove that the generator still writes these bytes.

An error is compared by its public id, so that a late check cannot stand in for an early one.
"""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.crypto import cipher, keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.scanner import Scanner
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import BreakglassError, EnvelopeConflict, MalformedText, MissingEnvelope
from breakglass_shamir.formats import core, likeness, parity, share, text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope, EnvelopeReader
from breakglass_shamir.formats.seal import unseal
from breakglass_shamir.formats.share import ReadShare, Share
from breakglass_shamir.hygiene import Secret

FOLDER = Path(__file__).parent
FILES = ["envelopes", "epochs", "likeness", "lines", "openings", "plaintexts", "primitives", "scans", "shares"]

Values = dict[str, Any]


def secret(given: Values, name: str) -> Secret:
    return Secret(bytes.fromhex(given[name]))


def kind(given: Values) -> Kind:
    return Kind[given["kind"].upper()]


def rows(lines: list[str | None], first: int) -> dict[int, str]:
    return {number: text.read_line(line)[0] for number, line in enumerate(lines, first) if line is not None}


def derive(given: Values) -> Values:
    master = secret(given, "master")
    seed = keys.set_key_seed(master, kind(given))
    public = keys.ed25519_public(seed)
    key, nonce = keys.credential_key(master, kind(given))
    return {
        "set_key_seed": seed.reveal().hex(),
        "set_public_key": public.hex(),
        "epoch_id": keys.epoch_id_of(public).hex(),
        "shown": text.short_id(keys.epoch_id_of(public)),
        "credential_key": key.hex(),
        "credential_nonce": nonce.hex(),
    }


def unmask(given: Values) -> Values:
    place = bytes.fromhex(given["epoch_id"]), given["group"], given["member"]
    mask = keys.group_mask(secret(given, "value"), kind(given), *place)
    whole = bytes(a ^ b for a, b in zip(mask, bytes.fromhex(given["masked"]), strict=True))
    return {"mask": mask.hex(), "group_secret": whole.hex()}


def combine(given: Values) -> Values:
    points = [(x, Secret(bytes.fromhex(value))) for x, value in given["points"]]
    return {"secret": shamir.combine(points, given["threshold"]).reveal().hex()}


def decrypt(given: Values) -> Values:
    parts = [bytes.fromhex(given[name]) for name in ("key", "nonce", "header", "ciphertext")]
    return {"plaintext": cipher.decrypt(*parts).reveal().hex()}


def decode(given: Values) -> Values:
    return {"bytes": text.decode(text.normalise(given["text"])).hex()}


def read_line(given: Values) -> Values:
    symbols, number = text.read_line(given["typed"])
    return {"symbols": symbols, "number": number}


def repair(given: Values) -> Values:
    fixed = parity.repair(bytes.fromhex(given["codeword"]), given["erased"])
    return {
        "codeword": fixed.codeword.hex(),
        "changed": list(fixed.changed),
        "spare_parity": fixed.spare_parity,
    }


def write_share(given: Values) -> Values:
    made = Share(kind(given), bytes.fromhex(given["epoch_id"]), given["group"], given["member"], secret(given, "value"))
    assert Share.from_bytes(made.to_bytes()) == made
    return {
        "bytes": made.to_bytes().hex(),
        "text": made.to_text(),
        "lines": list(made.to_lines()),
        "commitment": made.commitment().hex(),
    }


def found(read: ReadShare) -> Values:
    return {
        "bytes": read.share.to_bytes().hex(),
        "repaired": list(read.repaired),
        "spare_parity": read.spare_parity,
        "provisional": read.provisional,
    }


def read_share_text(given: Values) -> Values:
    return found(share.from_text(given["text"]))


def read_share_lines(given: Values) -> Values:
    return found(share.from_lines(rows(given["lines"], 1)))


def find_share(given: Values) -> Values:
    commitment = bytes.fromhex(given["commitment"])
    read = share.relaxed_from_lines(rows(given["lines"], 1))
    matching = [one.share for one in read if one.share.matches(commitment)]
    if not matching:
        raise MalformedText("no reading matches")
    (only,) = matching
    return {"bytes": only.to_bytes().hex()}


def envelope_of(codes: list[str]) -> Envelope:
    reader = EnvelopeReader()
    complete = [envelope for envelope in map(reader.add, codes) if envelope is not None]
    if not complete:
        raise MissingEnvelope(reader.missing())
    return complete[0]


def read_envelope(given: Values) -> Values:
    return facts(envelope_of(given["codes"]))


def read_envelopes(given: Values) -> Values:
    reader = EnvelopeReader()
    complete = [envelope for envelope in map(reader.add, given["codes"]) if envelope is not None]
    for one, other in itertools.combinations(complete, 2):
        if one.core.epoch_id == other.core.epoch_id and one != other:
            raise EnvelopeConflict("two valid envelopes under one epoch id")
    return {"sha256": [envelope.digest.hex() for envelope in complete]}


def write_core_lines(given: Values) -> Values:
    return {"lines": list(Core.from_bytes(bytes.fromhex(given["core"])).to_lines())}


def facts(envelope: Envelope) -> Values:
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    structure = envelope.core.structure
    return {
        "bytes": envelope.to_bytes().hex(),
        "sha256": envelope.digest.hex(),
        "kind": envelope.core.kind.word,
        "epoch_id": envelope.core.epoch_id.hex(),
        "epoch": envelope.core.epoch,
        "structure": {
            "group_threshold": structure.group_threshold,
            "groups": [{"threshold": g.threshold, "members": g.members} for g in structure.groups],
        },
        "masked": [value.hex() for value in envelope.core.masked],
        "ciphertext": envelope.core.ciphertext.hex(),
        "commitments": [commitment.hex() for commitment in envelope.commitments],
        "set_public_key": envelope.set_public_key.hex(),
        "predecessor": envelope.predecessor.hex(),
        "policy_digest": envelope.policy_digest.hex(),
        "log_id": envelope.checkpoint.log_id.hex(),
        "tree_size": envelope.checkpoint.size,
        "tree_root": envelope.checkpoint.root.hex(),
        "set_name": envelope.set_name,
        "created": envelope.extensions.created,
        "release": envelope.extensions.release,
        "unknown": list(envelope.extensions.unknown),
        "signature": envelope.signature.hex(),
    }


def read_core_lines(given: Values) -> Values:
    return {"core": core_of(given["lines"]).to_bytes().hex()}


def core_of(lines: list[str | None]) -> core.Core:
    read = {number: text.read_line(line) for number, line in enumerate(lines, core.FIRST_LINE) if line is not None}
    checked = {number for number, (_, proven) in read.items() if proven == number}
    return core.from_lines({number: symbols for number, (symbols, _) in read.items()}, checked)


def read_possible_cores(given: Values) -> Values:
    read = rows(given["lines"], core.FIRST_LINE)
    return {"cores": [one.to_bytes().hex() for one in core.relaxed_from_lines(read)]}


def read_scanned(given: Values) -> Values:
    scanner = Scanner()
    return {"codes": [scanner.meant(one) or one for one in given["texts"]]}


def open_typed(given: Values) -> Values:
    """Type everything into a pool, as the program does, and open what it holds for a quorum."""
    known = {}
    if "set_public_key" in given:
        pinned = ConfirmedCore(core_of(given["core_lines"]), bytes.fromhex(given["set_public_key"]))
        known[pinned.core.epoch_id] = Known("prod-db", pinned.core.epoch, pinned, True, True, "", {})
    pool = Pool(known)
    entry = TypedEntry(pool, asks=False)
    for code in given.get("codes", ()):
        pool.add(code)
    for lines in (*given["share_lines"], given.get("core_lines", [])):
        for number, line in enumerate(lines, 1):
            entry.take(f"{number}: ?" if line is None else line)
        entry.take("")
    entry.finish()
    quorum = pool.quorum()
    opened = unseal(quorum.core, quorum.shares, quorum.set_public_key)
    return {"plaintext": opened.plaintext.reveal().hex()}


def check_share(given: Values) -> Values:
    read = share.from_text(given["share"]).share
    envelope_of(given["codes"]).check_share(read)
    return {"commitment": read.commitment().hex()}


def read_credential(given: Values) -> Values:
    read = Credential.from_bytes(secret(given, "plaintext"))
    assert read.to_bytes() == secret(given, "plaintext")
    return credential(read)


def credential(read: Credential) -> Values:
    return {
        "kind": read.kind.word,
        "secret": read.secret.reveal().hex(),
        "account": read.account,
        "target": read.target,
        "ca_fingerprint": read.ca_fingerprint,
        "hint": read.hint,
        "totp_seed": read.totp_seed.reveal().hex() if read.totp_seed else "",
        "totp_algorithm": read.totp_scheme.algorithm,
        "totp_digits": read.totp_scheme.digits,
        "totp_period": read.totp_scheme.period,
        "rp_id": read.passkey.rp_id,
        "user_handle": read.passkey.user_handle.hex(),
        "credential_id": read.passkey.credential_id.hex(),
        "counter": read.passkey.counter,
        "certificate": read.certificate.hex(),
        "others": [[tag, value.reveal().hex()] for tag, value in read.others],
    }


def open_epoch(given: Values) -> Values:
    read = [share.from_text(code).share for code in given["shares"]]
    if "codes" in given:
        envelope = envelope_of(given["codes"])
        for one in read:
            envelope.check_share(one)
        opened = unseal(envelope.core, read)
    else:
        opened = unseal(core_of(given["core_lines"]), read, bytes.fromhex(given.get("set_public_key", "")))
    return {"plaintext": opened.plaintext.reveal().hex()}


def judge(given: Values) -> Values:
    return {"looks": likeness.looks_like_share(given["text"])}


OPERATIONS: dict[str, Callable[[Values], Values]] = {
    "looks-like-share": judge,
    "derive": derive,
    "unmask": unmask,
    "combine": combine,
    "decrypt": decrypt,
    "decode": decode,
    "read-line": read_line,
    "repair": repair,
    "write-share": write_share,
    "read-share-text": read_share_text,
    "read-share-lines": read_share_lines,
    "find-share": find_share,
    "read-envelope": read_envelope,
    "read-envelopes": read_envelopes,
    "read-core-lines": read_core_lines,
    "write-core-lines": write_core_lines,
    "read-possible-cores": read_possible_cores,
    "read-scanned": read_scanned,
    "open-typed": open_typed,
    "check-share": check_share,
    "read-credential": read_credential,
    "open": open_epoch,
}


def vectors(file: str) -> list[Values]:
    loaded: list[Values] = json.loads((FOLDER / f"{file}.json").read_text(encoding="ascii"))["vectors"]
    return loaded


RUN = [
    pytest.param(vector, id=f"{file}: {vector['operation']}: {vector['name']}")
    for file in FILES
    if file != "epochs"
    for vector in vectors(file)
]
EPOCHS = [pytest.param(vector, id=vector["name"]) for vector in vectors("epochs")]


@pytest.mark.parametrize("vector", RUN)
def test_vector(vector: Values) -> None:
    assert ("output" in vector) != ("error" in vector)
    run = OPERATIONS[vector["operation"]]
    if "output" in vector:
        assert run(vector["input"]) == vector["output"]
        return
    with pytest.raises(BreakglassError) as refused:
        run(vector["input"])
    assert refused.value.id == vector["error"], refused.value


@pytest.mark.parametrize("vector", EPOCHS)
def test_epoch(vector: Values) -> None:
    given, output = vector["input"], vector["output"]
    envelope = envelope_of(output["codes"])
    assert facts(envelope).items() <= output.items()
    assert list(envelope.to_codes()) == output["codes"]
    assert envelope.core.header().hex() == output["header"]
    assert envelope.core.to_bytes().hex() == output["core"]
    assert list(envelope.core.to_lines()) == output["core_lines"]
    assert Core.from_bytes(bytes.fromhex(output["core"])) == envelope.core
    for printed, seat in zip(output["shares"], envelope.core.structure.seats(), strict=True):
        read = share.from_text(printed["text"]).share
        envelope.check_share(read)
        assert (read.group, read.member, read.value.reveal().hex()) == (*seat, printed["value"])
        assert read.commitment().hex() == printed["commitment"]
        assert share.from_lines(rows(printed["lines"], 1)).share == read
        assert list(read.to_lines()) == printed["lines"]
    key, nonce = keys.credential_key(secret(given, "master"), kind(output))
    plaintext = cipher.decrypt(key, nonce, envelope.core.header(), envelope.core.ciphertext)
    assert plaintext == secret(given, "plaintext")
    assert credential(Credential.from_bytes(plaintext)) == output["credential"]


@pytest.mark.parametrize("vector", EPOCHS)
def test_group_secrets_lead_to_the_master(vector: Values) -> None:
    output = vector["output"]
    secrets = [Secret(bytes.fromhex(value)) for value in output["group_secrets"]]
    threshold = output["structure"]["group_threshold"]
    if threshold == 1:
        assert {value.reveal().hex() for value in secrets} == {vector["input"]["master"]}
    else:
        points = list(enumerate(secrets, 1))[:threshold]
        assert shamir.combine(points, threshold).reveal().hex() == vector["input"]["master"]


def test_the_generator_writes_these_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "generate.py", tmp_path], check=True)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.glob("*.json")}


def test_every_operation_has_vectors_that_pass_and_names_are_unique() -> None:
    every = [(v["operation"], v["name"]) for file in FILES for v in vectors(file)]
    assert len(set(every)) == len(every)
    passing = {v["operation"] for file in FILES for v in vectors(file) if "output" in v}
    assert passing == set(OPERATIONS) | {"epoch"}

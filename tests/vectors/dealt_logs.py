# SPDX-License-Identifier: Apache-2.0
"""Vectors of whole logs: what a verifier says of one that holds, and at which record another one does not.

A log that does not hold is the beginning of one that does, and records behind it, of which the last is wrong in one
thing. All else of that record holds, its signatures and its checkpoint included.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dealt_further
import dealt_lineage
import made_bodies as bodies
import made_lives as lives
import made_reviews
from dealt import Vector, bad, good
from dealt_follow import follow, holds
from dealt_refused import refused
from dealt_steps import NOTE, illegal
from made_logs import BEGAN, OFFICERS, SET, Log, id_of, line_of, public_test_key
from made_ways import shorter
from msgspec.structs import replace

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.verify import Report, verify

NOBODY = public_test_key("nobody's")
KEYLESS = "ssh-ed25519 AAAA"


def logs(_: object = None) -> Iterator[Vector]:
    """Every vector of ``logs.json``."""
    for name, life in lives.LIVES.items():
        log = life()
        yield good(name, "verify-log", _given(log, entries=log.rows), said_of(log.key, log.rows))
    yield from _times()
    yield from _forms()
    yield from _places()
    yield from _signatures()
    yield from _checkpoints()
    yield from _steps()
    for name, way, row, error in refused():
        yield _of(way.log, name, way.first, [*way.log.rows[way.first :], row], error)
    yield from follow(said_of)
    yield from _told()
    yield from _copies()
    yield from _reviews()
    for more in (dealt_lineage, dealt_further):
        for name, way, row, error in more.barred():
            yield _of(way.log, name, way.first, [*way.log.rows[way.first :], row], error)
        for name, way in more.went_on():
            yield holds(name, way, said_of)
    for name, log in dealt_further.new_logs():
        yield good(name, "verify-log", _given(log, entries=log.rows), said_of(log.key, log.rows))


def said_of(key: Secret, rows: list[Vector]) -> Vector:
    """Verify a log by the program, and return what it says."""
    from made_logs import stored

    with TemporaryDirectory() as folder, stored(Path(folder), Secret(key.reveal()), rows) as ledger:
        return in_words(verify(ledger, full=True))


def in_words(report: Report) -> Vector:
    """Return what a verifier must be able to say of a log."""
    return {
        "records": report.records,
        "root": report.root.hex(),
        "clock_back": list(report.clock_steps_back),
        "clock_forward": list(report.clock_steps_forward),
        "longest_silence": [report.longest_silence.before, report.longest_silence.seconds],
        "broken_promises": [[one.before, one.seconds] for one in report.broken_promises],
        "runs_back": list(report.runs_back),
        "passed_gates": [[one.seq, one.gate] for one in report.passed_gates],
        "quorum_signatures": report.checked.quorum_signatures,
        "sets": _sets(report.state),
        "ended": report.state.ended is not None,
    }


def _sets(state: LedgerState) -> Vector:
    return {
        name: {
            "policy_digest": s.policy_digest,
            "current": s.current,
            "prepared": s.prepared,
            "being_changed": s.applying,
            "source": s.source,
            "epochs": {
                epoch_id: {
                    "status": str(epoch.status),
                    "custodians": dict(epoch.custodians),
                    "read_back": sorted(epoch.read_back),
                    "acknowledged": dict(epoch.acknowledged),
                    "voided": dict(epoch.voided),
                    "outlived_by": epoch.outlived_by,
                }
                for epoch_id, epoch in s.epochs.items()
            },
            "openable": [epoch_id for epoch_id in s.epochs if s.openable(epoch_id)],
            "opening": [s.opening.id, str(s.opening.phase)] if s.opening else [],
            "debts": {debt.id: {"kind": debt.kind, "deadline_s": debt.deadline_s} for debt in s.debts},
            "links": [[link.predecessor, link.successor, link.level] for link in s.links],
            "retired": s.retired.credential if s.retired else "",
        }
        for name, s in state.sets.items()
    }


def _given(log: Log, **more: Any) -> Vector:
    return {"public_key": log.public_key.hex(), **more}


def _of(log: Log, name: str, first: int, rows: list[Vector], error: str) -> Vector:
    given = _given(log, **{"from": log.name, "first": first, "then": [shorter(row, log.name) for row in rows]})
    return {**bad(name, "verify-log", given, error), "at": first + len(rows) - 1}


def at(life: str, size: int) -> Log:
    """Return a log as it was with so many records."""
    return bodies.first_of(lives.LIVES[life](), size)


def seq_of(log: Log, kind: str, which: int = 0) -> int:
    """Return the number of a record of a type."""
    return [seq for seq, row in enumerate(log.rows) if f'"type":"{kind}"' in row["record"]][which]


def _times() -> Iterator[Vector]:
    log = Log("clock")
    log.add(bodies.started(log), "")
    log.add(Heartbeat(every_s=600), "")
    for seconds, wall, boot in (
        (60, 66.0, ""), (60, 65.0, ""), (60, -10.0, ""), (60, 54.0, ""), (719, None, ""), (722, None, ""),
        (9, 3600.0, "b" * 16), (30, None, ""), (9, 60.0, "c" * 16),
    ):  # fmt: skip
        log.pass_time(seconds - 60, wall=None if wall is None else wall - 60, boot=boot)
        log.add(Refused(stage="open", error="insufficient-shares", message="no quorum yet"), "")
    last, log.at = log.at, replace(log.at, boot="b" * 16, uptime_ms=200_000)
    log.add(Heartbeat(every_s=0), "")
    log.at = last
    log.pass_time(90_000)
    for _ in range(2):
        log.add(Heartbeat(every_s=0), "")
    yield good("clocks and promises", "verify-log", _given(log, entries=log.rows), said_of(log.key, log.rows))


def _forms() -> Iterator[Vector]:
    log = at("small", 3)
    tree = log.tree(NOTE)

    def of(name: str, data: bytes) -> Vector:
        return _of(log, name, 3, [log.row(data)], "invalid-record")

    plain = log.row(tree)["record"]
    yield of("keys in another order", json.dumps(tree, separators=(",", ":")).encode())
    yield of("white space between", plain.replace('","seq"', '", "seq"').encode())
    yield of("a newline at the end", f"{plain}\n".encode())
    yield of("a type that is not known", plain.replace('"noted"', '"notice"').encode())
    yield of("another version", plain.replace('"v":1', '"v":2').encode())


def _places() -> Iterator[Vector]:
    log = at("small", 3)
    for name, changes in (
        ("a number that was there", {"seq": 2}), ("a number left out", {"seq": 4}),
        ("the id of another log", {"log": "ab" * 8}), ("previous of another record", {"previous": "ab" * 32}),
        ("previous empty", {"previous": ""}), ("the root of another tree", {"root": "ab" * 32}),
    ):  # fmt: skip
        yield _of(log, name, 3, [log.row(log.tree(NOTE, **changes))], "invalid-record")
    first = Log("first")
    yield _of_new(first, "the first is no start", [first.row(first.tree(NOTE, ""))])
    start = bodies.started(first)
    wrong = LedgerStarted(terminal="first", public_key=line_of(NOBODY), software="vectors 1")
    yield _of_new(first, "the start names another key", [first.row(first.tree(wrong, ""))])
    none = LedgerStarted(terminal="first", public_key=f"{KEYLESS} first", software="vectors 1")
    yield _of_new(first, "the start names no key", [first.row(first.tree(none, ""))], "invalid-signature")
    yield _of_new(first, "the first has a previous", [first.row(first.tree(start, "", previous="ab" * 32))])
    yield _of(log, "a second start", 3, [log.row(log.tree(bodies.started(log), ""))], "invalid-record")
    ended = lives.office()
    yield _of(ended, "a record after the end", ended.size, [ended.row(ended.tree(NOTE))], "invalid-record")
    yield {**bad("no record at all", "verify-log", _given(log, entries=[]), "invalid-record"), "at": -1}


def _of_new(log: Log, name: str, rows: list[Vector], error: str = "invalid-record") -> Vector:
    return {**bad(name, "verify-log", _given(log, entries=rows), error), "at": len(rows) - 1}


def _signatures() -> Iterator[Vector]:
    log, e = at("small", 3), bodies.epochs()
    row = log.row(log.tree(NOTE))
    other = sshsig.sign(NOBODY, row["record"].encode(), sshsig.RECORD_NAMESPACE)
    drilled = sshsig.sign(log.key, row["record"].encode(), sshsig.DRILL_NAMESPACE)
    front = sshsig.sign(log.key, log.data(2), sshsig.RECORD_NAMESPACE)
    for name, signature in (
        ("signed by another key", other), ("signed in another namespace", drilled),
        ("the signature of another record", front), ("a signature without its last newline", row["signature"][:-1]),
        ("no terminal signature", ""),
    ):  # fmt: skip
        yield _of(log, name, 3, [{**row, "signature": signature}], "invalid-signature")
    yield _of(log, "a quorum where none is due", 3, [log.row(log.tree(NOTE), set_key=e.one.seed)], "invalid-signature")
    log = at("small", seq_of(lives.small(), "opened"))
    tree = log.tree(bodies.opened(e.one), opening=log.state.of(SET).active_opening.id)
    rows = [
        ("no quorum signature", log.row(tree)),
        ("a quorum of another epoch", log.row(tree, set_key=e.two.seed)),
        ("a quorum of drill cards", log.row(tree, set_key=e.cards.seed)),
        ("drill cards in their own namespace", log.row(tree, set_key=e.cards.seed, namespace=sshsig.DRILL_NAMESPACE)),
        ("a quorum in the drill's namespace", log.row(tree, set_key=e.one.seed, namespace=sshsig.DRILL_NAMESPACE)),
        ("an officer for a quorum", log.row(tree, set_key=OFFICERS["Duty"])),
        (
            "the quorum signed another record",
            {**log.row(tree), "quorum": sshsig.sign(e.one.seed, log.data(3), sshsig.QUORUM_NAMESPACE)},
        ),
    ]
    for name, one in rows:
        yield _of(log, name, log.size, [one], "invalid-signature")
    log = at("small", seq_of(lives.small(), "rehearsed"))
    tree = json.loads(lives.small().rows[log.size]["record"])
    row = log.row(tree, set_key=e.one.seed, namespace=sshsig.DRILL_NAMESPACE)
    yield _of(log, "a rehearsal signed by the live key", log.size, [row], "invalid-signature")
    log = at("small", seq_of(lives.small(), "officer-signed"))
    opening = log.state.of(SET).active_opening.id
    made = bodies.officer_signed(log)
    for name, signature in (
        ("an officer signed another record", sshsig.sign(OFFICERS["Duty"], log.data(3), sshsig.OFFICER_NAMESPACE)),
        ("an officer in another namespace", sshsig.sign(OFFICERS["Duty"], log.data(-1), sshsig.CUSTODIAN_NAMESPACE)),
    ):
        tree = log.tree(bodies.officer_signed(log, signature=signature), opening=opening)
        yield _of(log, name, log.size, [log.row(tree)], "invalid-signature")
    for name, changes in (
        ("an officer's key with a comment", {"key": f"{made.key} at work"}),
        ("a key that no officer has", {"key": line_of(NOBODY)}), ("a key of another officer", {"officer": "Second"}),
    ):  # fmt: skip
        tree = log.tree(bodies.officer_signed(log, **changes), opening=opening)
        yield _of(log, name, log.size, [log.row(tree)], "invalid-record")
    log = at("small", seq_of(lives.small(), "custodian-signed"))
    wrong = bodies.custodian_signed(e.one, log.data(4), signature=sshsig.sign(
        NOBODY, log.data(4), sshsig.CUSTODIAN_NAMESPACE))  # fmt: skip
    yield _of(log, "a custodian's signature by another key", log.size, [log.row(log.tree(wrong))], "invalid-signature")
    older = bodies.custodian_signed(e.one, log.data(5))
    row = log.row(log.tree(older))
    yield _of(log, "a custodian signed another acknowledgement", log.size, [row], "invalid-record")


def _checkpoints() -> Iterator[Vector]:
    log = at("small", 3)
    tree = log.tree(NOTE)
    small, other = log.origin, "breakglass-shamir.log/" + "ab" * 8
    row = log.row(tree)
    text, _, signed = row["checkpoint"].partition("\n\n")
    extended = sign_extended(log, text + "\nextension")
    for name, note, error in (
        ("the checkpoint of another size", log.row(tree, size=5)["checkpoint"], "invalid-proof"),
        ("the checkpoint of another root", log.row(tree, root=bytes(32))["checkpoint"], "invalid-proof"),
        ("a checkpoint of another log", log.row(tree, origin=other)["checkpoint"], "invalid-signature"),
        ("a checkpoint by another key", log.row(tree, key=NOBODY)["checkpoint"], "invalid-signature"),
        ("the checkpoint in front", log.rows[2]["checkpoint"], "invalid-proof"),
        ("a checkpoint of another text", f"{small}\n9\n{text.split(chr(10))[2]}\n\n{signed}", "invalid-signature"),
        ("a checkpoint with an extension line", extended, "invalid-proof"),
        ("no checkpoint", "", "invalid-proof"),
    ):
        yield _of(log, name, 3, [{**row, "checkpoint": note}], error)


def sign_extended(log: Log, text: str) -> str:
    """Sign a text that is no checkpoint of three lines."""
    from breakglass_shamir.crypto.note import sign_note

    return sign_note(f"{text}\n", log.origin, log.key)


def _steps() -> Iterator[Vector]:
    """Records that may not follow, or that contradict themselves."""
    for life, kind, which, name, body, more in illegal():
        whole = lives.LIVES[life]()
        log = at(life, seq_of(whole, kind, which) + 1)
        made = body(log) if callable(body) else body
        seed = more.get("set_key")
        under = log.state.sets[SET].opening if SET in log.state.sets else None
        opening = more.get("opening", under.id if under else "")
        row = log.row(log.tree(made, more.get("set", SET), opening), set_key=seed)
        yield _of(log, name, log.size, [row], "invalid-record")


def _told() -> Iterator[Vector]:
    """What another terminal told, and does not hold."""
    e, branch = bodies.epochs(), lives.branch()
    log = at("branch", seq_of(branch, "enrolled"))
    data = lives.file_of_office()
    made = lives.enrolled(data)
    altered = made.statement.replace('"terminal":"office"', '"terminal":"0ffice"')
    for name, changes, error in (
        ("told: signed by another key", {"signature": sshsig.sign(
            NOBODY, made.statement.encode(), "enrolment@breakglass-shamir")}, "invalid-signature"),
        ("told: the record names another size", {"size": made.size + 1}, "invalid-record"),
        ("told: the policy was kept, it says", {"policy": "kept"}, "invalid-record"),
        ("told: the statement was altered", {"statement": altered, "terminal": "0ffice"}, "invalid-signature"),
    ):  # fmt: skip
        yield _of(log, name, log.size, [log.row(log.tree(lives.enrolled(data, **changes)))], error)
    log = at("branch", seq_of(branch, "succession"))
    proof = bodies.proof_of(lives.told(), e.one, e.two)
    strange = Log("stranger", BEGAN + timedelta(days=1))
    theirs = json.loads(proof.old_dead)
    theirs["log"] = strange.log_id
    forged = json.dumps(theirs, sort_keys=True, separators=(",", ":")).encode()
    own = json.dumps({**theirs, "log": log.log_id}, sort_keys=True, separators=(",", ":")).encode()
    broken: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("succession: countersigned by another quorum", {"countersignature": sshsig.sign(
            e.two.seed, proof.countersigned, sshsig.QUORUM_NAMESPACE)}, "invalid-signature"),
        ("succession: not signed by the terminal", {"terminal_signature": sshsig.sign(
            strange.key, proof.old_dead, sshsig.RECORD_NAMESPACE)}, "invalid-signature"),
        ("succession: a key that is none", {"terminal_key": KEYLESS}, "invalid-signature"),
        ("succession: a terminal that is not pinned", {
            "old_dead": forged, "terminal_key": line_of(strange.key),
            "terminal_signature": sshsig.sign(strange.key, forged, sshsig.RECORD_NAMESPACE)}, "invalid-record"),
        ("succession: of this very log", {
            "old_dead": own, "terminal_key": line_of(log.key),
            "terminal_signature": sshsig.sign(log.key, own, sshsig.RECORD_NAMESPACE)}, "invalid-record"),
        ("succession: nobody countersigned", {"countersigned": b"", "countersignature": ""}, "invalid-record"),
        ("succession: nobody saw the old one die", {
            "old_dead": b"", "terminal_key": "", "terminal_signature": ""}, "invalid-record"),
        ("succession: another envelope", {
            "envelope": e.three.sealed.envelope.to_bytes(), "successor": id_of(e.three)}, "invalid-record"),
    )  # fmt: skip
    for name, changed, error in broken:
        body = bodies.succession(bodies.proof_of(lives.told(), e.one, e.two, **changed))
        yield _of(log, name, log.size, [log.row(log.tree(body))], error)
    wrong = bodies.succession(proof, level="attested")
    yield _of(log, "succession: another level", log.size, [log.row(log.tree(wrong))], "invalid-record")


def _reviews() -> Iterator[Vector]:
    """Reviews and settlements that must not follow, or do not hold."""
    log = made_reviews.archive()
    for name, body, opening, error in made_reviews.wrong():
        yield _of(log, name, log.size, [log.row(log.tree(body, opening=opening))], error)


def _copies() -> Iterator[Vector]:
    """Two logs by one key."""
    small = lives.small()
    log = at("small", 9)
    fork = log.row(log.tree(NOTE))

    def part(first: int, *then: Vector) -> Vector:
        return {"from": "small", "first": first, "then": list(then)}

    for name, size in (("one log", 9), ("an older copy", 4)):
        yield good(name, "compare-copies", {"log": part(9), "copy": part(size)}, {"common": size})
    longer = {"log": part(4), "copy": part(9)}
    yield bad("a copy that goes on", "compare-copies", longer, "record-missing")
    for name, first, second in (
        ("a fork at the end", part(10), part(9, fork)),
        ("a fork, and the copy is shorter", part(small.size), part(9, fork)),
        ("a fork, and the copy is longer", part(9, fork), part(small.size)),
    ):  # fmt: skip
        yield bad(name, "compare-copies", {"log": first, "copy": second}, "forked")

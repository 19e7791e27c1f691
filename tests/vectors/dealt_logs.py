# SPDX-License-Identifier: Apache-2.0
"""Vectors of whole logs: what a verifier says of one that holds, and at which record another one does not.

A log that does not hold is the beginning of one that does, and records behind it, of which the last is wrong in one
thing. All else of that record holds, its signatures and its checkpoint included.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import made_lives as lives
from dealt import Vector, bad, good
from made_logs import BEGAN, OFFICERS, POLICY, SET, WEAKER, Log, encoded, id_of, issued, line_of, public_test_key

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Cancelled, Closed, InUse, Overridden, Refused, Settled, UseEnded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted, ReadBack, Reassigned
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.verify import Report, verify

NOBODY = public_test_key("nobody's")
NOTE = Noted(text="a line", by="Duty")


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
    yield from _told()
    yield from _copies()


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
    given = _given(log, **{"from": log.name, "first": first, "then": rows})
    return {**bad(name, "verify-log", given, error), "at": first + len(rows) - 1}


def at(life: str, size: int) -> Log:
    """Return a log as it was with so many records."""
    return lives.first_of(lives.LIVES[life](), size)


def seq_of(log: Log, kind: str, which: int = 0) -> int:
    """Return the number of a record of a type."""
    return [seq for seq, row in enumerate(log.rows) if f'"type":"{kind}"' in row["record"]][which]


def _times() -> Iterator[Vector]:
    log = Log("clock")
    log.add(lives.started(log), "")
    log.add(Heartbeat(every_s=600), "")
    for seconds, wall, boot in (
        (60, 66.0, ""), (60, 65.0, ""), (60, -10.0, ""), (60, 54.0, ""), (719, None, ""), (722, None, ""),
        (9, 3600.0, "b" * 16), (30, None, ""), (9, 60.0, "c" * 16),
    ):  # fmt: skip
        log.pass_time(seconds - 60, wall=None if wall is None else wall - 60, boot=boot)
        log.add(Refused(stage="open", error="insufficient-shares", message="no quorum yet"), "")
    boot, log.at = log.at, log.at.__class__(log.at.time, "b" * 16, 200_000)
    log.add(Heartbeat(every_s=0), "")
    log.at = boot
    log.pass_time(90_000)
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
    start = lives.started(first)
    wrong = LedgerStarted(terminal="first", public_key=line_of(NOBODY), software="vectors 1")
    yield _of_new(first, "the start names another key", [first.row(first.tree(wrong, ""))])
    yield _of_new(first, "the first has a previous", [first.row(first.tree(start, "", previous="ab" * 32))])
    yield _of(log, "a second start", 3, [log.row(log.tree(lives.started(log), ""))], "invalid-record")
    ended = lives.office()
    yield _of(ended, "a record after the end", ended.size, [ended.row(ended.tree(NOTE))], "invalid-record")
    yield {**bad("no record at all", "verify-log", _given(log, entries=[]), "invalid-record"), "at": -1}


def _of_new(log: Log, name: str, rows: list[Vector]) -> Vector:
    return {**bad(name, "verify-log", _given(log, entries=rows), "invalid-record"), "at": len(rows) - 1}


def _signatures() -> Iterator[Vector]:
    log, e = at("small", 3), lives.epochs()
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
    tree = log.tree(lives.opened(e.one), opening=log.state.of(SET).active_opening.id)
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
    made = lives.officer_signed(log)
    for name, signature in (
        ("an officer signed another record", sshsig.sign(OFFICERS["Duty"], log.data(3), sshsig.OFFICER_NAMESPACE)),
        ("an officer in another namespace", sshsig.sign(OFFICERS["Duty"], log.data(-1), sshsig.CUSTODIAN_NAMESPACE)),
    ):
        tree = log.tree(lives.officer_signed(log, signature=signature), opening=opening)
        yield _of(log, name, log.size, [log.row(tree)], "invalid-signature")
    for name, changes in (
        ("an officer's key with a comment", {"key": f"{made.key} at work"}),
        ("a key that no officer has", {"key": line_of(NOBODY)}), ("a key of another officer", {"officer": "Second"}),
    ):  # fmt: skip
        tree = log.tree(lives.officer_signed(log, **changes), opening=opening)
        yield _of(log, name, log.size, [log.row(tree)], "invalid-record")
    log = at("small", seq_of(lives.small(), "custodian-signed"))
    wrong = lives.custodian_signed(e.one, log.data(4), signature=sshsig.sign(
        NOBODY, log.data(4), sshsig.CUSTODIAN_NAMESPACE))  # fmt: skip
    yield _of(log, "a custodian's signature by another key", log.size, [log.row(log.tree(wrong))], "invalid-signature")
    older = lives.custodian_signed(e.one, log.data(5))
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
    for life, kind, which, name, body, more in _illegal():
        whole = lives.LIVES[life]()
        log = at(life, seq_of(whole, kind, which) + 1)
        made = body(log) if callable(body) else body
        seed = more.get("set_key")
        under = log.state.sets[SET].opening if SET in log.state.sets else None
        opening = more.get("opening", under.id if under else "")
        row = log.row(log.tree(made, more.get("set", SET), opening), set_key=seed)
        yield _of(log, name, log.size, [row], "invalid-record")


Made = AnyBody | Callable[[Log], AnyBody]


def _illegal() -> Iterator[tuple[str, str, int, str, Made, dict[str, Any]]]:
    e = lives.epochs()
    one, two = id_of(e.one), id_of(e.two)
    none: dict[str, Any] = {"opening": ""}
    weaker = lives.adopted(WEAKER)
    broken = POLICY.replace("threshold = 2", "threshold = 4")
    drill_cards = issued(e.one, e.cards).drill_envelope
    last = ("small", "custodian-signed", 0)
    yield *last, "a set that is not there", NOTE, {**none, "set": "other"}
    yield *last, "a policy that weakens, adopted", weaker, none
    yield *last, "a policy of another set", lives.adopted(POLICY.replace('"prod-db"', '"other"')), none
    yield *last, "a policy that does not hold", lives.adopted(broken), none
    yield *last, "a policy that is no TOML", lives.adopted("name = "), none
    digest = policies.digest(WEAKER).hex()
    yield *last, "a policy under another digest", PolicyAdopted(source=POLICY, digest=digest), none
    yield *last, "an epoch issued twice", issued(e.one, e.cards), none
    yield *last, "a declaration in an opening", lambda log: lives.declared(log, "emergency"), {"opening": "ab" * 32}
    wrong = {"policy_digest": digest}
    yield *last, "declared under another policy", lambda log: lives.declared(log, "emergency", **wrong), none
    gone = {"supersedes": "ab" * 32}
    yield *last, "declared in the place of nothing", lambda log: lives.declared(log, "emergency", **gone), none
    yield *last, "opened without a declaration", lives.opened(e.one), {**none, "set_key": e.one.seed}
    yield *last, "a sheet that is not there", ReadBack(epoch_id=one, sheets=("1.4",)), none
    yield *last, "an epoch that is not there", ReadBack(epoch_id=two, sheets=("1.1",)), none
    yield *last, "a debt that is not there", Settled(debt="class-1", reason="x", officers=("Duty",)), none
    yield *last, "a recovery of another epoch", lives.imported(e.one, lives.recovery_of(e.two)), none
    source = lives.recovery_of(e.one)
    yield *last, "a recovery under another digest", lives.imported(e.one, source, sha256="ab" * 32), none
    yield *last, "a recovery of another status", lives.imported(e.one, source, status="void"), none
    yield *last, "a recovery without a quorum", lives.imported(e.one, lives.recovery_of(e.one, sheets=["1.1"])), none
    too_much = Reassigned(epoch_id=one, sheet="1.2", custodian="North", reason="moved", despite=())
    yield *last, "a sheet too many, unsaid", too_much, none
    said = ("NORTH would have held a quorum of epoch 1: sheets 1.1, 1.3",)
    yield *last, "a sheet too many, said otherwise", Reassigned(
        epoch_id=one, sheet="1.3", custodian="north ", reason="moved", despite=said
    ), none  # fmt: skip
    yield *last, "a sheet handed to who has it", Reassigned(
        epoch_id=one, sheet="1.1", custodian=" NORTH", reason="moved", despite=()
    ), none  # fmt: skip
    yield *last, "a negative heartbeat", Heartbeat(every_s=-1), {"set": "", "opening": ""}
    adopted_only = ("small", "policy-adopted", 0)
    for name, changes in (
        ("another epoch number than the envelope's", {"epoch": 2}), ("another epoch id", {"epoch_id": two}),
        ("another digest of the envelope", {"envelope_sha256": "ab" * 32}),
        ("another set key", {"set_public_key": "ab" * 32}),
        ("another predecessor", {"predecessor": two}), ("custodians of other seats", {"custodians": {"1.1": "North"}}),
        ("a policy digest that is not the envelope's", {"policy_digest": digest}),
        ("a salt in capitals", {"policy_salt": issued(e.one, e.cards).policy_salt.upper()}),
        ("the envelope of drill cards", {"envelope": drill_cards}),
        ("an envelope that was altered", {"envelope": encoded(e.one.sealed.envelope.to_bytes()[:-1] + b"\x00")}),
        ("base64 with bits left over", {"envelope": _loose(e.one.sealed.envelope.to_bytes())}),
    ):  # fmt: skip
        yield *adopted_only, f"issued: {name}", issued(e.one, e.cards, **changes), none
    declared = ("small", "declared", 1)
    yield *declared, "a gate that there is none of", Overridden(gate="weather", problem="x", reason="y"), {}
    yield *declared, "used before it was opened", InUse(), {}
    yield *declared, "opened by too few", lives.opened(e.one, sheets=("1.1",)), {"set_key": e.one.seed}
    yield *declared, "opened for another opening", lives.opened(e.one), {"set_key": e.one.seed, "opening": "ab" * 32}
    yield *declared, "asked in an emergency", lives.opened(e.one, "ask"), {"set_key": e.one.seed}
    drill = ("small", "declared", 0)
    yield *drill, "a drill overrides a gate", Overridden(gate="class", problem="x", reason="y"), {}
    opened = ("office", "opened", 0)
    yield *opened, "an emergency ends as a drill", UseEnded(outcome="0", classification="drill"), {}
    yield *opened, "cancelled after it was opened", Cancelled(reason="x"), {}
    yield *opened, "closed before the rotation", Closed(classification="emergency"), {}
    yield *opened, "a rotation debt settled by people", lambda log: Settled(
        debt=log.state.of(SET).rotation_debts[0].id, reason="x", officers=("Duty",)
    ), {}  # fmt: skip
    yield *opened, "countersigned: nothing is prepared", lives.countersigned(e.two), {"set_key": e.one.seed}
    prepared = ("office", "issued", 1)
    yield *prepared, "countersigned: another digest", lambda _: type(lives.countersigned(e.two))(
        epoch_id=two, envelope_sha256="ab" * 32
    ), {"set_key": e.one.seed}  # fmt: skip
    applying = next(json.loads(row["record"]) for row in lives.office().rows if '"type":"applying"' in row["record"])
    yield *prepared, "applied before it is countersigned", lambda _: _body(applying), {}
    ended = ("office", "rejected", 0)
    yield *ended, "a policy that weakens, without a word", PolicyWeakened(
        source=WEAKER, digest=digest, weakens=()
    ), {"set_key": e.two.seed}  # fmt: skip
    listed = json.loads(lives.record_of(lives.office(), "policy-weakened")[0])["body"]["weakens"]
    yield *ended, "a policy that weakens in another order", PolicyWeakened(
        source=WEAKER, digest=digest, weakens=tuple(listed[::-1])
    ), {"set_key": e.two.seed}  # fmt: skip
    yield "office", "sheet-voided", 0, "a void sheet is acknowledged", Acknowledged(
        epoch_id=two, sheet="1.3", custodian="West", bag=""
    ), none  # fmt: skip


def _loose(data: bytes) -> str:
    """Return base64 whose last character has bits set that are no part of the bytes."""
    text = encoded(data if len(data) % 3 else data + b"\x00")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at_last = len(text.rstrip("=")) - 1
    loose = text[:at_last] + alphabet[alphabet.index(text[at_last]) + 1] + text[at_last + 1 :]
    assert base64.b64decode(loose) == base64.b64decode(text)
    return loose


def _body(tree: Vector) -> AnyBody:
    import msgspec

    from breakglass_shamir.custody.records.record import Record

    found: AnyBody = msgspec.convert(tree, Record).body
    return found


def _told() -> Iterator[Vector]:
    """What another terminal told, and does not hold."""
    e, branch = lives.epochs(), lives.branch()
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
    proof = lives.proof_of(lives.told(), e.one, e.two)
    strange = Log("stranger", BEGAN + timedelta(days=1))
    theirs = json.loads(proof.old_dead)
    theirs["log"] = strange.log_id
    forged = json.dumps(theirs, sort_keys=True, separators=(",", ":")).encode()
    own = json.dumps({**theirs, "log": log.log_id}, sort_keys=True, separators=(",", ":")).encode()
    for name, changes, error in (
        ("succession: countersigned by another quorum", {"countersignature": sshsig.sign(
            e.two.seed, proof.countersigned, sshsig.QUORUM_NAMESPACE)}, "invalid-signature"),
        ("succession: not signed by the terminal", {"terminal_signature": sshsig.sign(
            strange.key, proof.old_dead, sshsig.RECORD_NAMESPACE)}, "invalid-signature"),
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
    ):  # fmt: skip
        body = lives.succession(lives.proof_of(lives.told(), e.one, e.two, **changes))
        yield _of(log, name, log.size, [log.row(log.tree(body))], error)
    wrong = lives.succession(proof, level="attested")
    yield _of(log, "succession: another level", log.size, [log.row(log.tree(wrong))], "invalid-record")


def _copies() -> Iterator[Vector]:
    """Two logs by one key."""
    small = lives.small()
    log = at("small", 9)
    fork = log.row(log.tree(NOTE))

    def part(first: int, *then: Vector) -> Vector:
        return {"from": "small", "first": first, "then": list(then)}

    for name, first, second in (("one log", 9, 9), ("an older copy", 9, 4)):
        given = {"log": part(first), "copy": part(second)}
        yield good(name, "compare-copies", given, {"common": second})
    longer = {"log": part(4), "copy": part(9)}
    yield bad("a copy that goes on", "compare-copies", longer, "record-missing")
    for name, first, second in (
        ("a fork at the end", part(10), part(9, fork)),
        ("a fork, and the copy is shorter", part(small.size), part(9, fork)),
        ("a fork, and the copy is longer", part(9, fork), part(small.size)),
    ):  # fmt: skip
        yield bad(name, "compare-copies", {"log": first, "copy": second}, "forked")

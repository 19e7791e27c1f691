# SPDX-License-Identifier: Apache-2.0
"""Records that may not follow, or that contradict themselves: what they are put behind, and what is wrong with them."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import made_bodies as bodies
import made_lives as lives
import msgspec
from dealt import Vector
from made_logs import POLICY, SET, WEAKER, Log, encoded, id_of, issued

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Cancelled, Closed, InUse, Overridden, Settled, UseEnded
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted, ReadBack, Reassigned

NOTE = Noted(text="a line", by="Duty")

Made = AnyBody | Callable[[Log], AnyBody]


def illegal() -> Iterator[tuple[str, str, int, str, Made, dict[str, Any]]]:
    """Yield log, type and place of the record in front, a name, what follows, and how it is signed."""
    e = bodies.epochs()
    one, two = id_of(e.one), id_of(e.two)
    none: dict[str, Any] = {"opening": ""}
    weaker = bodies.adopted(WEAKER)
    broken = POLICY.replace("threshold = 2", "threshold = 4")
    drill_cards = issued(e.one, e.cards).drill_envelope
    last = ("small", "custodian-signed", 0)
    yield *last, "a set that is not there", NOTE, {**none, "set": "other"}
    yield *last, "a policy that weakens, adopted", weaker, none
    yield *last, "a policy of another set", bodies.adopted(POLICY.replace('"prod-db"', '"other"')), none
    yield *last, "a policy that does not hold", bodies.adopted(broken), none
    yield *last, "a policy that is no TOML", bodies.adopted("name = "), none
    digest = policies.digest(WEAKER).hex()
    yield *last, "a policy under another digest", PolicyAdopted(source=POLICY, digest=digest), none
    yield *last, "an epoch issued twice", issued(e.one, e.cards), none
    yield *last, "a declaration in an opening", lambda log: bodies.declared(log, "emergency"), {"opening": "ab" * 32}
    wrong = {"policy_digest": digest}
    yield *last, "declared under another policy", lambda log: bodies.declared(log, "emergency", **wrong), none
    gone = {"supersedes": "ab" * 32}
    yield *last, "declared in the place of nothing", lambda log: bodies.declared(log, "emergency", **gone), none
    yield *last, "opened without a declaration", bodies.opened(e.one), {**none, "set_key": e.one.seed}
    yield *last, "a sheet that is not there", ReadBack(epoch_id=one, sheets=("1.4",)), none
    yield *last, "an epoch that is not there", ReadBack(epoch_id=two, sheets=("1.1",)), none
    yield *last, "a debt that is not there", Settled(debt="class-1", reason="x", officers=("Duty",)), none
    yield *last, "a recovery of another epoch", bodies.imported(e.one, bodies.recovery_of(e.two)), none
    source = bodies.recovery_of(e.one)
    yield *last, "a recovery under another digest", bodies.imported(e.one, source, sha256="ab" * 32), none
    yield *last, "a recovery of another status", bodies.imported(e.one, source, status="void"), none
    yield *last, "a recovery without a quorum", bodies.imported(e.one, bodies.recovery_of(e.one, sheets=["1.1"])), none
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
    yield *declared, "an epoch without an id is proven", Proven(epoch_id="", result="accepted", detail=""), {}
    yield *declared, "opened by too few", bodies.opened(e.one, sheets=("1.1",)), {"set_key": e.one.seed}
    yield *declared, "opened for another opening", bodies.opened(e.one), {"set_key": e.one.seed, "opening": "ab" * 32}
    yield *declared, "asked in an emergency", bodies.opened(e.one, "ask"), {"set_key": e.one.seed}
    drill = ("small", "declared", 0)
    yield *drill, "a drill overrides a gate", Overridden(gate="class", problem="x", reason="y"), {}
    opened = ("office", "opened", 0)
    yield *opened, "an emergency ends as a drill", UseEnded(outcome="0", classification="drill"), {}
    yield *opened, "cancelled after it was opened", Cancelled(reason="x"), {}
    yield *opened, "closed before the rotation", Closed(classification="emergency"), {}
    yield *opened, "a rotation debt settled by people", lambda log: Settled(
        debt=log.state.of(SET).rotation_debts[0].id, reason="x", officers=("Duty",)
    ), {}  # fmt: skip
    yield *opened, "countersigned: nothing is prepared", bodies.countersigned(e.two), {"set_key": e.one.seed}
    prepared = ("office", "issued", 1)
    yield *prepared, "countersigned: another digest", lambda _: type(bodies.countersigned(e.two))(
        epoch_id=two, envelope_sha256="ab" * 32
    ), {"set_key": e.one.seed}  # fmt: skip
    applying = next(json.loads(row["record"]) for row in lives.office().rows if '"type":"applying"' in row["record"])
    yield *prepared, "applied before it is countersigned", lambda _: _body(applying), {}
    ended = ("office", "rejected", 0)
    yield *ended, "a policy that weakens, without a word", PolicyWeakened(
        source=WEAKER, digest=digest, weakens=()
    ), {"set_key": e.two.seed}  # fmt: skip
    listed = json.loads(bodies.record_of(lives.office(), "policy-weakened")[0])["body"]["weakens"]
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
    found: AnyBody = msgspec.convert(tree, Record).body
    return found

# SPDX-License-Identifier: Apache-2.0
"""A log of the vectors whose policy wants reviews: a use that two people reviewed, and debts that were settled."""

import functools
from typing import Any

import made_bodies as bodies
import msgspec
from made_logs import OFFICERS, POLICY, SET, Log, id_of, issued, line_of, public_test_key

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records.monitoring import ChangedOutside, LoginSeen
from breakglass_shamir.custody.records.openings import Cancelled, Closed, Overridden, Settled, UseEnded
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed, review_statement, settlement_statement
from breakglass_shamir.custody.records.rotations import Applied, Applying, OldDead
from breakglass_shamir.hygiene import Secret

REVIEWERS = {name: public_test_key(f"reviewer {name}") for name in ("Rosa", "Rudi")}

REVIEWED = f"""{POLICY}
[review]
needed = 2
deadline = "3d"

[[review.reviewers]]
name = "Rosa"
keys = ["{line_of(REVIEWERS["Rosa"])} rosa"]

[[review.reviewers]]
name = "Rudi"
keys = ["{line_of(REVIEWERS["Rudi"])}"]

[[review.reviewers]]
name = "Neutral"
keys = ["{line_of(OFFICERS["Duty"])}"]
"""

FOUND = 'the log shows "one" restore, by Zoë'
AT = "2026-03-01T09:00:00Z"
LOGIN = LoginSeen(at=AT, account="bg", source="10.0.0.9", accepted=True, count=1, matched="", detail="")


def reviewed(log: Log, subject: str, who: str = "Rosa", key: Secret | None = None, **changes: Any) -> Reviewed:
    """A review, signed for what it says unless a signature is given."""
    signs = key or REVIEWERS[who]
    fields: dict[str, Any] = {
        "subject": subject, "last": log.state.of(SET).cases[subject].last if subject in log.state.of(SET).cases else "",
        "verdict": "as declared", "reason": FOUND, "reviewer": who, "key": line_of(signs), **changes,
    }  # fmt: skip
    said = review_statement(log.log_id, SET, fields["subject"], fields["last"], fields["verdict"], fields["reason"])
    return Reviewed(**{"signature": sshsig.sign(signs, said, sshsig.REVIEW_NAMESPACE), **fields})


def settled(log: Log, *debts: str, who: str = "Rosa", key: Secret | None = None, **changes: Any) -> DebtsSettled:
    """A settlement, in the same way."""
    signs, cases = key or REVIEWERS[who], log.state.of(SET).cases
    made_by = {debt: cases[debt].last if debt in cases else "ab" * 32 for debt in debts}
    fields: dict[str, Any] = {
        "debts": made_by, "reason": FOUND, "officer": who, "key": line_of(signs), **changes,
    }  # fmt: skip
    said = settlement_statement(log.log_id, SET, fields["debts"], fields["reason"])
    return DebtsSettled(**{"signature": sshsig.sign(signs, said, sshsig.SETTLEMENT_NAMESPACE), **fields})


@functools.cache
def archive() -> Log:
    """The whole of it."""
    log, e = Log("archive"), bodies.epochs()
    log.add(bodies.started(log), "")
    log.add(bodies.adopted(POLICY))
    log.add(issued(e.one, e.cards))
    bodies.printed(log.add, e.one)
    log.add(bodies.adopted(REVIEWED))
    log.add(bodies.imported(e.one, bodies.recovery_of(e.one)))
    opening = log.add(bodies.declared(log, "emergency"))

    def add(body: Any, set_key: Secret | None = None) -> str:
        return log.add(body, opening=opening, set_key=set_key)

    add(bodies.officer_signed(log))
    add(Overridden(gate="class", problem="as said", reason="no time"))
    add(bodies.opened(e.one), e.one.seed)
    add(UseEnded(outcome="0", classification="emergency"))
    add(issued(e.two, e.cards2))
    add(bodies.countersigned(e.two), e.one.seed)
    bodies.printed(add, e.two)
    add(Applying(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two)))
    add(Applied(new_epoch_id=id_of(e.two)))
    proofs = ("new accepted", "old refused", "new accepted")
    add(OldDead(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two), proofs=proofs, scope="all", attested_by=()))
    add(Closed(classification="emergency"))
    log.add(LOGIN)
    log.add(ChangedOutside(at=AT, detail="by its own clock"))
    log.add(ChangedOutside(at=AT, detail="again"))
    add(reviewed(log, opening))
    add(reviewed(log, opening, "Rudi", verdict="with findings"))
    changes = [debt.id for debt in log.state.of(SET).debts if debt.kind == "password-change"]
    log.add(settled(log, *changes))
    declared = log.add(bodies.declared(log, "emergency"))
    log.add(Overridden(gate="ticket", problem="as said", reason="no time"), opening=declared)
    log.add(Cancelled(reason="it works again"), opening=declared)
    log.add(ChangedOutside(at=AT, detail="once more"))
    return log


def wrong() -> list[tuple[str, Any, str, str]]:
    """Return what must not follow: its name, the record, the opening that it carries, and how it is refused."""
    log = archive()
    s = log.state.of(SET)
    subject = s.past[-1].id
    login, gate, change = (
        next(one.id for one in s.debts if one.kind == kind) for kind in ("login", "ticket", "password-change")
    )
    nobody = public_test_key("nobody's")
    good = reviewed(log, subject)
    other = reviewed(log, subject, verdict="misuse")
    elsewhere = Log("branch")
    said = review_statement(elsewhere.log_id, SET, subject, good.last, good.verdict, good.reason)
    replayed = sshsig.sign(REVIEWERS["Rosa"], said, sshsig.REVIEW_NAMESPACE)
    as_officer = sshsig.sign(REVIEWERS["Rosa"], _statement(good, log), sshsig.OFFICER_NAMESPACE)
    settling = settled(log, change)
    twice = s.past[-2].id
    signature, illegal = "invalid-signature", "invalid-record"
    return [
        ("review: another verdict than was signed", reviewed(log, subject, signature=other.signature), subject,
         signature),
        ("review: signed for another log", reviewed(log, subject, signature=replayed), subject, signature),
        ("review: signed in the officer's namespace", reviewed(log, subject, signature=as_officer), subject, signature),
        ("review: of an opening, signed for another one",
         reviewed(log, subject, signature=reviewed(log, twice).signature), subject, signature),
        ("review: a verdict that there is none of", reviewed(log, subject, verdict="fine"), subject, illegal),
        ("review: a reason that says nothing", reviewed(log, subject, reason="ok"), subject, illegal),
        ("review: in no opening", good, "", illegal),
        ("review: of a debt, in an opening", reviewed(log, login), subject, illegal),
        ("review: before the last record", reviewed(log, subject, last="ab" * 32), subject, illegal),
        ("review: by an officer who declared, under another name",
         reviewed(log, subject, "Neutral", OFFICERS["Duty"]), subject, illegal),
        ("review: by a key that nobody has", reviewed(log, subject, key=nobody), subject, illegal),
        ("review: for another reviewer", reviewed(log, subject, reviewer="Rudi"), subject, illegal),
        ("review: a key with a comment", msgspec.structs.replace(good, key=f"{good.key} x"), subject, illegal),
        ("review: by one person twice", reviewed(log, twice), twice, illegal),
        ("review: of what there is none of", reviewed(log, "ab" * 32), "ab" * 32, illegal),
        ("review: of a gate's debt, which its opening covers", reviewed(log, gate), "", illegal),
        ("review: of a debt that takes none", reviewed(log, change), "", illegal),
        ("settled: by names where signatures are wanted",
         Settled(debt=change, reason=FOUND, officers=("Rosa",)), "", illegal),
        ("settled: what takes a review", settled(log, login), "", illegal),
        ("settled: by a key that nobody has", settled(log, change, key=nobody), "", illegal),
        ("settled: another record made it", settled(log, change, debts={change: "ab" * 32}), "", illegal),
        ("settled: nothing", settled(log, debts={}), "", illegal),
        ("settled: a reason that says nothing", settled(log, change, reason="n/a"), "", illegal),
        ("settled: in an opening", settling, subject, illegal),
        ("settled: signed for another reason",
         settled(log, change, signature=settled(log, change, reason="another one").signature), "", signature),
    ]  # fmt: skip


def _statement(body: Reviewed, log: Log) -> bytes:
    return review_statement(log.log_id, SET, body.subject, body.last, body.verdict, body.reason)

# SPDX-License-Identifier: Apache-2.0
"""Review: show what happened, and record what somebody who took no part found of it.

Rules:

1. What is signed names the last record that was looked at; a review of less is refused when it is recorded.
2. The key signs nothing before verdict and reason hold. One that may not review is refused by name, on record.
3. A reviewer elsewhere needs no home: records are handed over, and a file with the signed review comes back.
4. What was signed here or elsewhere is recorded by the same function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life import review_file, review_rules
from breakglass_shamir.custody.life.review_file import ReviewFile
from breakglass_shamir.custody.life.review_rules import is_opening, needed, policy_of
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.custody.records.reviews import VERDICTS, Reviewed, review_statement
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import FileExists, IllegalState, InvalidInput, InvalidSignature, LedgerUnwritable
from breakglass_shamir.ledger import clock, durable
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations.opening import ssh_sign
from breakglass_shamir.operations.opening.declaring import record_refusal
from breakglass_shamir.operations.reading.files import read_file
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.review import facts, sources
from breakglass_shamir.operations.review.facts import Fact, Reviewable
from breakglass_shamir.operations.review.sources import HandedOver
from breakglass_shamir.shell import breakglass, operand

SHORTEST_ID = 6
"""Hexadecimal digits of an opening id that a person must give."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reviewer looks at (docs/json.md).

    Attributes:
        set: the set.
        log: id of the log, hexadecimal.
        subject: opening id, 64 digits; or the id of a debt.
        last: SHA-256 of the last record that is looked at, hexadecimal.
        last_seq: its number.
        facts: what happened, in order.
        terminal: fingerprint of the key that signed the records, where they were handed over; empty: this ledger's.
        owed: ids of the debts that reviews of it close.
        reviews: how many people have reviewed it.
        needed: how many must.
        reviewers: who may, if they took no part.
    """

    set: str
    log: str
    subject: str
    last: str
    last_seq: int
    facts: tuple[Fact, ...]
    terminal: str = ""
    owed: tuple[str, ...] = ()
    reviews: int = 0
    needed: int = 0
    reviewers: tuple[str, ...] = ()
    scope: str = ""
    """How much of the log was handed over, in words; empty: this ledger's own, all of it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A review that was recorded, or written to a file (docs/json.md).

    Attributes:
        set: the set.
        subject: what was reviewed.
        verdict: what it came to.
        reason: why.
        reviewer: whose key signed; empty where that is not known yet.
        fingerprint: of the key.
        reviews: how many people have reviewed it now.
        needed: how many must.
        closed: ids of the debts that this closed.
        file: where it was written.
    """

    set: str
    subject: str
    verdict: str
    reason: str
    reviewer: str
    fingerprint: str
    reviews: int = 0
    needed: int = 0
    closed: tuple[str, ...] = ()
    file: Path | None = None


def waiting(state: LedgerState) -> Iterator[tuple[SetState, str, str]]:
    """Yield what owes a review and is over: its set, its id as people give it, and what it is in words."""
    for s in state.sets.values():
        policy = policy_of(s)
        seen: set[str] = set()
        for debt in s.debts:
            subject = review_rules.subject_of(debt)
            under_way = s.opening is not None and s.opening.id == subject
            if review_rules.needs_review(policy, debt) and subject not in seen and not under_way:
                seen.add(subject)
                yield s, subject[:12] if is_opening(subject) else subject, debt.what


def find(ledger: Ledger, identifier: str) -> tuple[str, str]:
    """Return the set and the subject that an id means.

    Args:
        ledger: where it is.
        identifier: the beginning of an opening id, or the id of a debt.

    Raises:
        InvalidInput: nothing is meant by it, or more than one opening.
    """
    wanted = identifier.strip().lower()
    known = []
    for s in ledger.state.sets.values():
        for debt in s.debts:
            if debt.id == wanted:
                return s.name, review_rules.subject_of(debt)
            known.append(debt.id)
    found = dict(_openings(ledger, wanted)) if len(wanted) >= SHORTEST_ID and not set(wanted) - set(_HEX) else {}
    if len(found) > 1:
        raise InvalidInput(f"more than one opening begins with {wanted}", hint="give more digits of its id")
    for subject, name in found.items():
        return name, subject
    got = identifier.strip()[:80]
    raise InvalidInput(
        f"expected at least {SHORTEST_ID} digits of an opening's id, or the id of a debt, got {got!r}",
        hint=did_you_mean(wanted, known, f"see what is owed with: {breakglass('status')}"),
    )


_HEX = "0123456789abcdef"


def _openings(ledger: Ledger, wanted: str) -> Iterator[tuple[str, str]]:
    for s in ledger.state.sets.values():
        yield from ((subject, s.name) for subject in s.cases if is_opening(subject) and subject.startswith(wanted))
    for entry in ledger.entries():
        if isinstance(entry.record.body, Declared) and entry.digest.startswith(wanted):
            yield entry.digest, entry.record.set


def show(ledger: Ledger, identifier: str) -> Shown:
    """Return what happened in an opening, or what left a debt, as this ledger has it.

    Raises:
        InvalidInput: nothing is meant by the id.
    """
    name, subject = find(ledger, identifier)
    found, s = facts.of_entries(ledger.entries(), subject), ledger.state.of(name)
    policy, case = policy_of(s), s.cases.get(subject)
    owed = tuple(debt.id for debt in review_rules.debts_of(s, policy, subject))
    people = tuple(one.name for one in policy.reviewers) if policy else ()
    return _shown(found, owed=owed, reviews=len(case.reviews) if case else 0, needed=needed(policy), reviewers=people)


def show_handed_over(path: Path, identifier: str) -> Shown:
    """Return the same from records that were handed over, in a bundle or an export.

    Raises:
        InvalidInput: nothing is meant by the id, or the records cannot be read.
        IntegrityError: a record, or the bundle, does not hold.
    """
    return _of_handed_over(sources.read(path, identifier))


def _of_handed_over(handed: HandedOver) -> Shown:
    policy = _handed_policy(handed.found)
    return _shown(
        handed.found, terminal=handed.fingerprint, scope=handed.scope, needed=needed(policy) if policy else 0,
        reviewers=tuple(one.name for one in policy.reviewers) if policy else (),
    )  # fmt: skip


def _handed_policy(found: Reviewable) -> Policy | None:
    """Return the policy that was handed over; None: none was, and who reviews is known at the terminal alone."""
    return policies.parse(found.policy_source) if found.policy_source else None


def _shown(
    found: Reviewable, *, terminal: str = "", owed: tuple[str, ...] = (), reviews: int = 0, needed: int = 0,
    reviewers: tuple[str, ...] = (), scope: str = "",
) -> Shown:  # fmt: skip
    return Shown(
        found.set_name, found.log, found.subject, found.last, found.last_seq, found.facts, terminal, owed, reviews,
        needed, reviewers, scope,
    )  # fmt: skip


def check_verdict(said: str) -> str:
    """Return a verdict, however its words are joined.

    Raises:
        InvalidInput: it is none.
    """
    verdict = said.strip().lower().replace("-", " ")
    if verdict not in VERDICTS:
        raise InvalidInput(f"expected a verdict of {', '.join(VERDICTS)}, got {said.strip()[:40]!r}",
                           hint=did_you_mean(verdict, VERDICTS))  # fmt: skip
    return verdict


def check_reason(said: str) -> str:
    """Return a reason that says something.

    Raises:
        InvalidInput: it has no words, or only such as say nothing.
    """
    reason = check_human_text("reason", said)
    if is_filler(reason):
        raise InvalidInput(f"expected a reason that says what was found, got {reason[:40]!r}")
    return reason


def review(recorder: Recorder, identifier: str, verdict: str, reason: str, key_file: Path, *, asks: bool) -> Recorded:
    """Sign a review on this terminal, and record it.

    Args:
        recorder: at the home.
        identifier: of an opening or a debt.
        verdict: what it comes to.
        reason: why, in words.
        key_file: the reviewer's own SSH key, or its public half where an agent or a token has it.
        asks: whether a person at the terminal can be asked for a passphrase.

    Raises:
        InvalidInput: nothing is meant by the id; no verdict; an empty reason; ssh-keygen made no signature.
        IllegalState: it is not over, or this person may not review it.
    """
    recorder.set_name, subject = find(recorder.ledger, identifier)
    said = check_verdict(verdict), check_reason(reason)
    case = review_rules.case_of(recorder.refresh(), subject)
    log = recorder.ledger.log_id.hex()
    data = review_statement(log, recorder.set_name, subject, case.last, *said)
    recorder.desk.say(f"signing the review of {subject[:12]} with {key_file}")
    armored = ssh_sign.sign(key_file, data, sshsig.REVIEW_NAMESPACE, asks=asks)
    key = ssh_key.from_blob(sshsig.parse(armored).key_blob)
    signed = ReviewFile(
        key=key.line, last=case.last, log=log, reason=said[1], set=recorder.set_name, signature=armored,
        subject=subject, verdict=said[0],
    )  # fmt: skip
    return _record(recorder, signed)


def review_elsewhere(
    path: Path, identifier: str, verdict: str, reason: str, key_file: Path, out: Path, *, asks: bool
) -> Recorded:  # fmt: skip
    """Sign a review of records that were handed over, and write it to a new file, which the terminal takes.

    Raises:
        InvalidInput: nothing is meant by the id; no verdict; an empty reason; ssh-keygen made no signature.
        IllegalState: the policy that was handed over does not let this key review.
        IntegrityError: a record, or the bundle, does not hold.
        FileExists, LedgerUnwritable: the file could not be written.
    """
    handed = sources.read(path, identifier)
    found = _of_handed_over(handed)
    said = check_verdict(verdict), check_reason(reason)
    data = review_statement(found.log, found.set, found.subject, found.last, *said)
    armored = ssh_sign.sign(key_file, data, sshsig.REVIEW_NAMESPACE, asks=asks)
    key = ssh_key.from_blob(sshsig.parse(armored).key_blob)
    sshsig.verify_by(key, armored, data, sshsig.REVIEW_NAMESPACE)
    _require_reviewer(_handed_policy(handed.found), key)
    made = ReviewFile(
        key=key.line, last=found.last, log=found.log, reason=said[1], set=found.set, signature=armored,
        subject=found.subject, verdict=said[0],
    )  # fmt: skip
    try:
        durable.write_new(out, made.to_bytes(), 0o644)
    except FileExistsError:
        raise FileExists(f"{out} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}") from error
    return Recorded(found.set, found.subject, *said, "", key.fingerprint, file=out)


def _require_reviewer(policy: Policy | None, key: SshKey) -> None:
    """Refuse a key that the terminal would refuse for the policy that was handed over.

    Raises:
        IllegalState: it is not listed there, revoked, not valid yet or not any more.
    """
    if policy is None:
        return
    try:
        review_rules.reviewer(policy, key, clock.now().time)
    except IllegalState as error:
        people = ", ".join(one.name for one in policy.reviewers) or "nobody with a key"
        raise IllegalState(
            f"{error}; nothing was written, since the terminal would refuse it",
            hint=f"listed are: {people}. If the policy was changed since, ask for a new bundle: "
            f"{breakglass('audit bundle', options='--out FILE')}",
        ) from None


def take(recorder: Recorder, file: Path) -> Recorded:
    """Record a review that was signed elsewhere.

    Raises:
        InvalidInput: the file cannot be read, or is of another log.
        InvalidRecord: it holds no review.
        InvalidSignature: the key did not sign what it says.
        IllegalState: it is not over, more has happened, or this person may not review it.
    """
    found = review_file.from_bytes(read_file(file, review_file.MAX_BYTES))
    if found.log != recorder.ledger.log_id.hex():
        raise InvalidInput(
            f"the review in {file} is of log {found.log}, and this one is {recorder.ledger.log_id.hex()}",
            hint=f"take it on the terminal it is of: {breakglass('review', options=f'--import {operand(file.name)}')}",
        )
    recorder.set_name = found.set
    return _record(recorder, found)


def _body(s: SetState, signed: ReviewFile, key: SshKey) -> Reviewed:
    """Return what is recorded.

    Raises:
        InvalidSignature: the key did not sign it.
        IllegalState: whoever signed may not review it.
    """
    sshsig.verify_by(key, signed.signature, signed.statement, sshsig.REVIEW_NAMESPACE)
    now = clock.now().time
    if against := review_rules.against_reviewing(s, signed.subject, key, now):
        raise IllegalState(against, hint="somebody reviews who took no part; the policy names who may")
    return Reviewed(
        subject=signed.subject, last=signed.last, verdict=signed.verdict, reason=signed.reason,
        reviewer=review_rules.reviewer(policy_of(s), key, now), key=key.line, signature=signed.signature,
    )  # fmt: skip


def _record(recorder: Recorder, signed: ReviewFile) -> Recorded:
    """Record what was signed, or refuse it on record."""
    s = recorder.refresh()
    key = ssh_key.from_line(signed.key)
    verdict, reason = check_verdict(signed.verdict), check_reason(signed.reason)
    if (verdict, reason) != (signed.verdict, signed.reason):
        raise InvalidInput("the review has another verdict or reason than can be recorded")
    try:
        body = _body(s, signed, key)
        before = {debt.id for debt in s.debts}
        recorder.opening = signed.subject if is_opening(signed.subject) else ""
        recorder.append(body)
    except (IllegalState, InvalidSignature) as error:
        recorder.opening = ""
        record_refusal(recorder, "review", error)
        raise
    after = recorder.set_state
    case = after.cases.get(signed.subject)
    closed = tuple(sorted(before - {debt.id for debt in after.debts}))
    made = len(case.reviews) if case else needed(policy_of(after))
    return Recorded(
        s.name, signed.subject, verdict, reason, body.reviewer, key.fingerprint, made, needed(policy_of(after)), closed
    )  # fmt: skip

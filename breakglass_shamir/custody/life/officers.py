# SPDX-License-Identifier: Apache-2.0
"""Whose key signs a declaration, and how many signatures count.

Rules:

1. People are counted, and a person is a set of keys: officers who share a key count as one, and so does one
   officer with several keys. Names count for nothing.
2. A key signs for an officer from ``valid_from`` to the end of ``valid_until``, both days in UTC, by the time of the
   record; a key whose fingerprint anybody's ``revoked`` lists signs for nobody.
3. What was signed while the key was good stays good: the record's place in the log says when it was made.

It does not verify a signature over a log's bytes by itself; :func:`verify` is called by whoever has the bytes.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress

from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import OfficerSignature, Opening, Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.officer_keys import listed, people, recorded, revoked
from breakglass_shamir.custody.policy.tables import Officer, Policy
from breakglass_shamir.custody.records.openings import OfficerSigned
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import IllegalState


def signer(policy: Policy | None, key: SshKey, time: str) -> str:
    """Return the name of the officer for whom a key signs at a time.

    Args:
        policy: the set's.
        key: what signed.
        time: RFC 3339, as records hold it.

    Raises:
        IllegalState: the key is not listed, revoked, not valid yet or not any more.
    """
    found = policy.officers if policy else ()
    return whose(
        found, key, time, revoked(policy) if policy else (), "officer",
        "officers and their keys stand under [[officers]] in the set's policy",
    )  # fmt: skip


def whose(
    people: Sequence[Officer], key: SshKey, time: str, gone: Collection[str], word: str, hint: str
) -> str:  # fmt: skip
    """Return the name of the one of these people for whom a key signs at a time.

    Args:
        people: whose keys count.
        key: what signed.
        time: RFC 3339, as records hold it.
        gone: fingerprints that are revoked.
        word: what these people are, for the message.
        hint: where they stand.

    Raises:
        IllegalState: the key is not listed, revoked, not valid yet or not any more.
    """
    holders = [one for one, line in listed(people) if line == key]
    if not holders:
        raise IllegalState(f"the policy lists no {word} with the key {key.fingerprint}", hint=hint)
    if key.fingerprint in gone:
        raise IllegalState(f"the key {key.fingerprint} of {holders[0].name} is revoked")
    for holder in holders:
        if _valid(holder, time):
            return holder.name
    start, end = holders[0].valid_from or "ever", holders[0].valid_until or "ever"
    raise IllegalState(f"the key {key.fingerprint} of {holders[0].name} signs from {start} to {end}, not at {time}")


def officer_signed(s: SetState, body: OfficerSigned, record: Record, _d: bytes) -> SetState:
    """Take a signature of a declaration; part of ``lifecycle.py``'s table. The signature itself: :func:`verify`."""
    opening = s.opening
    if opening is None or record.opening != opening.id or opening.phase is not Phase.DECLARED:
        raise IllegalState(f"there is no declaration of set {s.name} to sign; what was opened is signed no more")
    key = recorded(body.key, "officer")
    policy = policies.parse(s.policy_source) if s.policy_source else None
    if signer(policy, key, record.time) != body.officer:
        raise IllegalState(f"the key {key.fingerprint} signs for another officer")
    if any(one.key == body.key for one in opening.signatures):
        raise IllegalState(f"the key {key.fingerprint} has signed this declaration already")
    signature = OfficerSignature(body.officer, body.key, Moment.of(record))
    return replace(s, opening=replace(opening, signatures=(*opening.signatures, signature)))


def count(policy: Policy, opening: Opening) -> int:
    """Return how many people's signatures an opening has, by the policy that is in force now."""
    numbers = people(policy.officers)
    signed = set()
    for signature in opening.signatures:
        key = ssh_key.from_line(signature.key)
        with suppress(IllegalState):
            signer(policy, key, signature.at.time)
            signed.add(numbers[key.fingerprint])
    return len(signed)


def verify(body: OfficerSigned, declared: bytes) -> None:
    """Verify that an officer's key signed these bytes of a ``declared`` record.

    Raises:
        InvalidSignature: it did not.
    """
    sshsig.verify_by(ssh_key.from_line(body.key), body.signature, declared, sshsig.OFFICER_NAMESPACE)


def _valid(officer: Officer, time: str) -> bool:
    day = time[:10]
    after = officer.valid_from is None or officer.valid_from.isoformat() <= day
    return after and (officer.valid_until is None or day <= officer.valid_until.isoformat())

# SPDX-License-Identifier: Apache-2.0
"""The keys that a policy lists under its officers, how many people they make, and keys as records name them.

Rule: a person is a set of keys. Officers who share a key are one person, whatever their names, and so is an
officer with several keys.

Whether a key signs at a given time is for ``officers.py``.
"""

from collections.abc import Iterable, Iterator

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.policy.tables import Officer, Policy
from breakglass_shamir.errors import InvalidRecord, InvalidSignature


def listed(officers: Iterable[Officer]) -> Iterator[tuple[Officer, SshKey]]:
    """Yield every key that is listed, with its officer.

    Raises:
        InvalidSignature: a line is no key that counts.
    """
    for officer in officers:
        for line in officer.keys:
            yield officer, ssh_key.from_line(line)


def recorded(line: str, whose: str) -> SshKey:
    """Read a key as a record names it: in its one spelling, type and base64 without comment.

    Args:
        line: the key.
        whose: of a custodian or an officer, for the message.

    Raises:
        InvalidRecord: it is no key that counts, or is spelled otherwise.
    """
    try:
        key = ssh_key.from_line(line)
    except InvalidSignature as error:
        raise InvalidRecord(f"the {whose}'s key does not hold: {error}") from None
    if key.line != line:
        raise InvalidRecord(f"expected the {whose}'s key as type and base64")
    return key


def revoked(policy: Policy) -> frozenset[str]:
    """Return the fingerprints that an officer's or a reviewer's list revokes: such a key signs for nobody."""
    reviewers = policy.review.reviewers if policy.review else ()
    return frozenset(fingerprint for one in (*policy.officers, *reviewers) for fingerprint in one.revoked)


def people(officers: Iterable[Officer]) -> dict[str, int]:
    """Return a number for each key's fingerprint: two keys of one person have the same."""
    numbers: dict[str, int] = {}
    for number, officer in enumerate(officers):
        keys = [key.fingerprint for _, key in listed([officer])]
        same = {numbers[key] for key in keys if key in numbers}
        numbers.update((key, number) for key, other in list(numbers.items()) if other in same)
        numbers.update(dict.fromkeys(keys, number))
    return numbers

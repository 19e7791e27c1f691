# SPDX-License-Identifier: Apache-2.0
"""The keys that a policy lists under its officers, and how many people they make.

Rule: a person is a set of keys. Officers who share a key are one person, whatever their names, and so is an
officer with several keys.

Whether a key signs at a given time is for ``officers.py``.
"""

from collections.abc import Iterable, Iterator

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.policy_tables import Officer


def listed(officers: Iterable[Officer]) -> Iterator[tuple[Officer, SshKey]]:
    """Yield every key that is listed, with its officer.

    Raises:
        InvalidSignature: a line is no key that counts.
    """
    for officer in officers:
        for line in officer.keys:
            yield officer, ssh_key.from_line(line)


def revoked(officers: Iterable[Officer]) -> frozenset[str]:
    """Return the fingerprints that anybody's list revokes."""
    return frozenset(fingerprint for officer in officers for fingerprint in officer.revoked)


def people(officers: Iterable[Officer]) -> dict[str, int]:
    """Return a number for each key's fingerprint: two keys of one person have the same."""
    numbers: dict[str, int] = {}
    for number, officer in enumerate(officers):
        keys = [key.fingerprint for _, key in listed([officer])]
        same = {numbers[key] for key in keys if key in numbers}
        numbers.update((key, number) for key, other in list(numbers.items()) if other in same)
        numbers.update(dict.fromkeys(keys, number))
    return numbers

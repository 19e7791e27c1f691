# SPDX-License-Identifier: Apache-2.0
"""What a log says of itself and of the policies it works by.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class LedgerStarted(Body, frozen=True, tag="ledger-started"):
    """The first record of every log."""

    terminal: str
    public_key: str
    """The terminal key in OpenSSH's one-line form."""
    software: str


class LedgerMoved(Body, frozen=True, tag="ledger-moved"):
    """The ledger could not be written where it was and goes on in another place."""

    reason: str


class PolicyAdopted(Body, frozen=True, tag="policy-adopted"):
    """A policy file, whole, so that the terminal can work from the ledger alone."""

    source: str
    digest: str


class PolicyWeakened(Body, frozen=True, tag="policy-weakened"):
    """A policy file that allows more than the one before. Also signed by the set key."""

    source: str
    digest: str
    weakens: tuple[str, ...]
    """What it allows that the one before did not, a sentence each."""


class CollectorReplaced(Body, frozen=True, tag="collector-replaced"):
    """People pinned another collector in the place of the one that was pinned here."""

    old: str
    """Its public key as it is pinned, ``name+keyid+base64``."""

    new: str
    reason: str

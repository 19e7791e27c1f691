# SPDX-License-Identifier: Apache-2.0
"""The end of a set, and the end of a terminal.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class Retired(Body, frozen=True, tag="retired"):
    """The quorum took the set out of service. Also signed by the set key."""

    reason: str
    credential: str
    """``dead``, ``gone``, ``lives`` or ``unknown``: what is known of it at the target."""

    detail: str
    """What the target said to the credential of the epoch that was opened."""

    attested_by: tuple[str, ...] = ()
    """Who vouches that it is dead or gone; empty: the target's word alone."""


class RetiredAttested(Body, frozen=True, tag="retired-attested"):
    """People took the set out of service without a quorum."""

    reason: str
    credential: str
    """``dead``, ``gone`` or ``unknown``, on their word."""

    attested_by: tuple[str, ...]


class TerminalRetired(Body, frozen=True, tag="terminal-retired"):
    """The last record of a log: this terminal records nothing more."""

    reason: str
    handed_on: dict[str, str]
    """Set to the log id, hexadecimal, of the terminal that keeps it with the same epoch in force."""

    retired: tuple[str, ...]
    """Sets that were out of service before."""

    passed: tuple[str, ...]
    """Sets that nobody is known to keep, passed by name."""

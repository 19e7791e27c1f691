# SPDX-License-Identifier: Apache-2.0
"""One link of a set's lineage: an epoch whose credential died when another one's came into force."""

import msgspec

PROVEN = "proven"
"""The target refused the old credential and accepted the new one, as a terminal saw that is trusted here."""

ATTESTED = "attested"
"""People vouched that the old credential is dead; the target was not asked, or could not tell."""


class Link(msgspec.Struct, frozen=True):
    """An epoch and what followed it."""

    predecessor: str
    successor: str
    level: str
    """``proven`` or ``attested``."""

    terminal: str
    """Log id of the terminal whose record says so; empty: this one's."""

    at: str
    """Wall-clock time of that record, by that terminal."""

    attested_by: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether it is more than somebody's word."""
        return self.level == PROVEN

# SPDX-License-Identifier: Apache-2.0
"""What a load drill is asked for, within bounds."""

from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED
from breakglass_shamir.operations.targets import Named

MOST_TERMINALS = 16
MOST_AT_ONCE = 64
"""Rehearsals; each is a process, and so is what reads its cards and what delivers its alerts."""

MOST_ROUNDS = 1000
LONGEST_S = 3600
LEAST_MIB, MOST_MIB = 16, 65536
MOST_SLOW_S = 15
"""Longest that a slow sink takes for an answer; one that takes longer than a delivery may is a dead one."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Where the records go, too."""

    place: str
    """Address of the collection, by which terminals push."""

    collector: Path
    """File with the collector's public key."""

    enrol_at: str
    """Address of the same collection, by which terminals are enrolled."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        terminals: homes, each with a key and a ledger of its own.
        at_once: rehearsals that run at a time, over all terminals.
        rounds: how often each of them runs.
        lasting_s: no rehearsal begins later than so many seconds after the first.
        settle_s: how long the alerts may take that still wait when the last rehearsal is over.
        disk_mib: what all homes together may take.
        slow_s: seconds in which a sink answers that is made for it; 0: there is none.
        dead: whether a sink is made for it that never answers.
        collection: where the records go, too; None: nowhere.
        named: the target that people name, where each rehearsal logs in.
        credential: what opens it; None: nobody logs in.
    """

    terminals: int = 2
    at_once: int = 4
    rounds: int = 1
    lasting_s: int = 300
    settle_s: int = 30
    disk_mib: int = 512
    slow_s: int = 0
    dead: bool = False
    collection: Collection | None = None
    named: Named = NOBODY_NAMED
    credential: Secret | None = None

    def check(self) -> None:
        """Refuse what is out of bounds.

        Raises:
            InvalidInput: naming it.
        """
        for option, value, low, high in (
            ("--terminals", self.terminals, 1, MOST_TERMINALS),
            ("--rehearsals", self.at_once, self.terminals, MOST_AT_ONCE),
            ("--rounds", self.rounds, 1, MOST_ROUNDS),
            ("--for, in seconds,", self.lasting_s, 1, LONGEST_S),
            ("--settle, in seconds,", self.settle_s, 1, LONGEST_S),
            ("--disk", self.disk_mib, LEAST_MIB, MOST_MIB),
            ("--slow-sink, in seconds,", self.slow_s, 0, MOST_SLOW_S),
        ):
            if not low <= value <= high:
                raise InvalidInput(f"expected {option} from {low} to {high}, got {value}")
        if (self.credential is None) == bool(self.named.uri):
            raise InvalidInput(
                "expected both --target and --credential-from, or neither",
                hint="a login takes a credential, and people who name where it goes",
            )

# SPDX-License-Identifier: Apache-2.0
"""How a log of the vectors goes on otherwise than it did: its beginning, and other records behind it.

Time goes on from the last record of the beginning, a minute a record.
"""

import json
from collections.abc import Iterable
from typing import Any

import made_bodies as bodies
import made_lives as lives
from dealt import Epoch, Vector
from made_logs import SET, edited, edits, id_of

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.openings import Overridden, UseEnded
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.hygiene import Secret

ROTATION = "rotation"


class Way:
    """A log that goes on."""

    def __init__(self, life: str, first: int) -> None:
        self.life, self.first = life, first
        self.log = bodies.first_of(lives.LIVES[life](), first)
        last = json.loads(self.log.data(-1))
        self.log.at = Moment(last["time"], last["boot"], last["uptime_ms"])
        self.log.pass_time()

    def opening(self, set_name: str = SET) -> str:
        """Return the id of the opening under way; empty where there is none."""
        s = self.log.state.sets.get(set_name)
        return s.opening.id if s and s.opening else ""

    def add(self, *made: Any, set_name: str = SET, set_key: Secret | None = None) -> "Way":
        """Add records that may follow, in the opening under way."""
        for body in made:
            self.log.add(body, set_name, self.opening(set_name), set_key)
        return self

    def declare(self, purpose: str = "emergency", *gates: str, set_name: str = SET, **changes: Any) -> "Way":
        """Declare an opening, and override gates."""
        self.log.add(bodies.declared(self.log, purpose, set_name, **changes), set_name)
        for gate in gates:
            self.add(Overridden(gate=gate, problem="as said", reason="no time"), set_name=set_name)
        return self

    def open(self, epoch: Epoch, mode: str = "show", set_name: str = SET, **changes: Any) -> "Way":
        """Let a quorum open."""
        return self.add(bodies.opened(epoch, mode, **changes), set_name=set_name, set_key=epoch.seed)

    def use(self, epoch: Epoch, mode: str = "no-reveal", set_name: str = SET, **changes: Any) -> "Way":
        """Open in a rotation that is declared for it, and end the use."""
        self.declare(ROTATION, set_name=set_name).open(epoch, mode, set_name, **changes)
        return self.add(ended(ROTATION), set_name=set_name)


Refusal = tuple[str, Way, Vector, str]
"""A name, the log in front, the record with its signatures, and the error."""


def no(
    name: str, way: Way, body: Any, by: Epoch | None = None, set_name: str = SET, *,
    opening: str | None = None, error: str = "invalid-record",
) -> Refusal:  # fmt: skip
    """Put a record behind a way, in the opening under way unless said otherwise."""
    under = way.opening(set_name) if opening is None else opening
    drill = body.__struct_config__.tag == "rehearsed"
    namespace = sshsig.DRILL_NAMESPACE if drill else sshsig.QUORUM_NAMESPACE
    row = way.log.row(way.log.tree(body, set_name, under), set_key=by.seed if by else None, namespace=namespace)
    return name, way, row, error


LONG = 3000
"""Characters of a record from which on it is written as another one with edits, where one of its type is alike."""


def shorter(row: Vector, life: str) -> Vector:
    """Return a row whose record, if it is long, is said to be another one of the log it began with, with edits."""
    record = row["record"]
    if len(record) < LONG:
        return row
    kind = json.loads(record)["body"]["type"]
    for seq, other in enumerate(lives.LIVES[life]().rows):
        if f'"type":"{kind}"' in other["record"]:
            changes = edits(record, other["record"])
            made = {"seq": seq, "edits": changes}
            if len(json.dumps(made, indent=1)) < len(record) // 2:
                assert edited(other["record"], changes) == record
                return {**row, "record": made}
    return row


def ended(classification: str) -> UseEnded:
    """The end of a use."""
    return UseEnded(outcome="0", classification=classification)


def roll_call(epoch: Epoch, **changes: Any) -> RollCall:
    """A look at a sheet."""
    fields: dict[str, Any] = {
        "epoch_id": id_of(epoch), "sheet": "1.3", "custodian": "East", "level": "seal", "bag": "", "health": "",
        "used_percent": 0, "result": "pass", "reasons": (),
    }  # fmt: skip
    return RollCall(**{**fields, **changes})


def rehearsed(epoch: Epoch, **changes: Any) -> Rehearsed:
    """A quorum of drill cards."""
    fields: dict[str, Any] = {
        "epoch_id": id_of(epoch), "sheets": bodies.TWO, "live": (), "steps_ms": {}, "result": "pass", "reasons": (),
    }  # fmt: skip
    return Rehearsed(**{**fields, **changes})


def drill_ended(epoch: Epoch, **changes: Any) -> DrillEnded:
    """The end of an access drill that opened nothing."""
    fields: dict[str, Any] = {
        "drill": "access", "epoch_id": id_of(epoch), "login": "", "steps_ms": {}, "result": "fail",
        "reasons": ("late",),
    }  # fmt: skip
    return DrillEnded(**{**fields, **changes})


def old_dead(old: Epoch, new: Epoch, attested_by: Iterable[str] = ()) -> OldDead:
    """The death of a credential, seen or attested."""
    return OldDead(
        old_epoch_id=id_of(old), new_epoch_id=id_of(new), proofs=(), scope="here", attested_by=tuple(attested_by)
    )


def retired(credential: str = "dead", *attested_by: str) -> Retired:
    """A set that its quorum takes out of service."""
    return Retired(reason="the target is gone", credential=credential, detail="", attested_by=attested_by)


def retired_attested(credential: str = "gone", *attested_by: str) -> RetiredAttested:
    """A set that people take out of service."""
    return RetiredAttested(reason="the account is gone", credential=credential, attested_by=attested_by)


def terminal_retired(**changes: Any) -> TerminalRetired:
    """The last record of a log."""
    fields: dict[str, Any] = {"reason": "replaced", "handed_on": {}, "retired": (), "passed": ()}
    return TerminalRetired(**{**fields, **changes})

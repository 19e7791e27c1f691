# SPDX-License-Identifier: Apache-2.0
"""What an event needs to know around its record: the set as it stands after it, the opening, the policy's say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from breakglass_shamir.alerts.event import Action, Severity
from breakglass_shamir.custody.life.state import EpochState, LedgerState, Opening, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.structs import Struct, field


class Telling(Struct, frozen=True):
    """How one record is told: an OCSF class and activity, and what people read.

    Attributes:
        class_uid: OCSF class.
        activity_id: of that class.
        subject: one readable line, without the set's name in front.
        severity: how urgent it is.
        attributes: what the class requires beyond the base.
        action: what it does to its incident.
        incident: what it belongs to within the set; empty: nothing that is kept open.
    """

    class_uid: int
    activity_id: int
    subject: str
    severity: Severity = Severity.INFORMATIONAL
    attributes: Mapping[str, Any] = field(default_factory=dict)
    action: Action = Action.NOTE
    incident: str = ""


class Context(Struct, frozen=True):
    """A record and what stands around it."""

    record: Record
    state: LedgerState
    digest: str
    """SHA-256 of the record, hexadecimal; of a ``declared`` record, the opening id."""

    @property
    def set_state(self) -> SetState | None:
        """The set after this record; None where the record is about the terminal."""
        return self.state.sets.get(self.record.set)

    @property
    def opening_id(self) -> str:
        """The opening the record belongs to or declares; empty outside one."""
        declares = self.record.body.__struct_config__.tag == "declared"
        return self.digest if declares else self.record.opening

    @property
    def opening(self) -> Opening | None:
        """The opening the record belongs to, over or not."""
        known = self.set_state
        if known is None or not self.opening_id:
            return None
        found = [one for one in (known.opening, *reversed(known.past)) if one and one.id == self.opening_id]
        return found[0] if found else None

    @property
    def purpose(self) -> str:
        """The opening's purpose; empty outside one."""
        return self.opening.declared.purpose if self.opening else ""

    @property
    def policy(self) -> Policy | None:
        """The set's policy, where there is one."""
        source = self.set_state.policy_source if self.set_state else ""
        return policies.adopted(source)

    @property
    def account(self) -> str:
        """The account the credential belongs to, else the set's name."""
        return (self.policy.target.account if self.policy else "") or self.record.set

    @property
    def service(self) -> dict[str, Any]:
        """The target as OCSF's service."""
        return {"name": self.policy.target.uri if self.policy else "unknown"}

    @property
    def officer(self) -> str:
        """The first officer of the opening."""
        officers = self.opening.declared.officers if self.opening else ()
        return officers[0] if officers else ""

    @property
    def time_ms(self) -> int:
        """When the record was made, milliseconds since 1970."""
        return int(datetime.fromisoformat(self.record.time).timestamp()) * 1000

    def epoch(self, epoch_id: str) -> EpochState | None:
        """Return an epoch of the set."""
        return self.set_state.epochs.get(epoch_id) if self.set_state else None

    def number(self, epoch_id: str) -> str:
        """Return an epoch's number for a sentence."""
        found = self.epoch(epoch_id)
        return str(found.number) if found else "unknown"

    @property
    def custodians_named(self) -> bool:
        """Whether the policy lets custodians' names out."""
        return bool(self.policy and self.policy.alerts.name_people)

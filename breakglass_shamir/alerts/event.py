# SPDX-License-Identifier: Apache-2.0
"""One event as it leaves: an OCSF document, and what sinks that know no OCSF need of it.

Rules:

1. An event is made once, with the record it tells of, and stored as bytes; every delivery sends the same bytes
   under the same id, so that a receiver can drop what it has already.
2. It holds no secret, since records hold none, and names custodians only where the policy says so.

This module builds nothing; ``translate.py`` does.
"""

import enum
import json
from typing import Any

from breakglass_shamir.structs import Struct


class Severity(enum.IntEnum):
    """How urgent an event is, by OCSF's ``severity_id``."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    FATAL = 6

    @property
    def caption(self) -> str:
        """OCSF's word for it."""
        return self.name.capitalize()


class Action(enum.StrEnum):
    """What an event does to the incident it belongs to, for sinks that keep incidents."""

    NOTE = "note"
    """It informs; nobody is called."""

    TRIGGER = "trigger"
    RESOLVE = "resolve"


class Event(Struct, frozen=True):
    """One event.

    Attributes:
        id: the same in every delivery: log id, record number and digest, and its place among the record's events.
        set_name: the set it is about; empty where it is about the terminal.
        subject: one readable line.
        severity: how urgent it is.
        action: what it does to its incident.
        incident: names what it belongs to, the same until it is settled.
        time_ms: when it was recorded, milliseconds since 1970.
        document: the OCSF event.
    """

    id: str
    set_name: str
    subject: str
    severity: Severity
    action: Action
    incident: str
    time_ms: int
    document: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Return the stored form: JSON in UTF-8."""
        named = {name: getattr(self, name) for name in self.__struct_fields__}
        return json.dumps(named, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Event":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: it is not that.
        """
        try:
            named = json.loads(data)
            severity, action = Severity(named.pop("severity")), Action(named.pop("action"))
            return cls(severity=severity, action=action, **named)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError("not a stored event") from error

    @property
    def json(self) -> bytes:
        """The OCSF document as JSON in UTF-8, on one line."""
        return json.dumps(self.document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

# SPDX-License-Identifier: Apache-2.0
"""For auditors: list what happened, and verify that the log holds.

Rule: reading never writes to the ledger. What takes one record apart is ``showing.py``; what hands records over to
an auditor's own tools, ``export.py``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger

TYPES = tuple(sorted(str(body.__struct_config__.tag) for body in AnyBody.__args__))
"""Every record type, as it is written."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")

_SHOWN = (
    "purpose", "incident_class", "ticket", "officers", "reason", "gate", "problem", "error", "message", "outcome",
    "classification", "sheet", "sheets", "custodian", "bag", "mode", "program", "scope", "debt", "terminal", "epoch",
    "proven", "result", "officer", "status", "drill", "level", "health", "login", "live", "reasons", "text", "by",
    "witnesses", "sink", "count", "subject", "what", "account", "source", "at", "until", "matched", "detail", "weakens",
    "despite", "seconds", "every_s", "size", "asked", "credential", "attested_by", "handed_on", "retired", "passed",
    "sets", "policy", "sinks_declined",
)  # fmt: skip
"""Fields of records that a list shows, in this order."""

_WHOLE = (PolicyAdopted, PolicyWeakened, RecoveryImported)
"""Record types whose ``source`` is a whole document; elsewhere it is where a login came from."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record in a list."""

    seq: int
    time: str
    set_name: str
    opening: str
    type: str
    summary: str


def lines(ledger: Ledger, *, set_name: str = "", since: str = "", kinds: tuple[str, ...] = ()) -> Iterator[Line]:
    """Yield a line for each record, oldest first.

    Args:
        ledger: where they are.
        set_name: of this set only; empty: of every one, and of none.
        since: at this time or later, a day or RFC 3339 in UTC; empty: from the start.
        kinds: of these types only; empty: of every one.

    Raises:
        UnknownSet: there is no such set.
        InvalidInput: not a time, or no record type.
    """
    if set_name:
        ledger.state.of(set_name)
    check_since(since)
    unknown = [kind for kind in kinds if kind not in TYPES]
    if unknown:
        raise InvalidInput(f"expected record types of {', '.join(TYPES)}, got {', '.join(unknown)}")
    for entry in ledger.entries():
        record = entry.record
        kind = str(record.body.__struct_config__.tag)
        opening = record.opening or (entry.digest if kind == "declared" else "")
        if set_name in ("", record.set) and record.time >= since and (not kinds or kind in kinds):
            yield Line(record.seq, record.time, record.set, opening, kind, summary(entry))


def check_since(since: str) -> None:
    """Refuse what is no time to begin with; empty is the start.

    Raises:
        InvalidInput: neither a day nor RFC 3339 in UTC.
    """
    if since and not _TIME.fullmatch(since):
        raise InvalidInput(f"expected a day or time in UTC such as 2026-01-31 or 2026-01-31T08:00:00Z, got {since!r}")


def summary(entry: Entry) -> str:
    """Say what a record means in a few words."""
    body = entry.record.body
    parts = []
    for name in _SHOWN:
        value = getattr(body, name, "")
        if value and not (name == "source" and isinstance(body, _WHOLE)):
            words = ", ".join(value) if isinstance(value, tuple | dict) else str(value)
            parts.append(f"{name.replace('_', ' ')} {words}")
    return "; ".join(parts)

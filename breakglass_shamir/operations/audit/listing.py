# SPDX-License-Identifier: Apache-2.0
"""For auditors: list what happened, and verify that the log holds.

Rule: reading never writes to the ledger. What takes one record apart is ``showing.py``; what hands records over to
an auditor's own tools, ``export.py``.
"""

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.reviews import DebtsSettled
from breakglass_shamir.errors import InvalidInput, UnknownSet
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.stored import KnownLog
from breakglass_shamir.operations.audit.period import Period

TYPES = tuple(sorted(str(body.__struct_config__.tag) for body in AnyBody.__args__))
"""Every record type, as it is written."""

_SHOWN = (
    "purpose", "incident_class", "ticket", "officers", "reason", "gate", "problem", "error", "message", "outcome",
    "classification", "sheet", "sheets", "custodian", "bag", "mode", "program", "warned", "scope", "debt", "terminal",
    "epoch", "proven", "result", "officer", "status", "drill", "level", "health", "login", "live", "reasons", "text",
    "by", "witnesses", "sink", "count", "subject", "what", "account", "source", "at", "until", "matched", "detail",
    "marks", "mark",
    "weakens", "despite", "seconds", "every_s", "size", "asked", "credential", "attested_by", "handed_on", "retired",
    "passed", "sets", "policy", "sinks_declined", "verdict", "reviewer",
)  # fmt: skip
"""Fields of records that a list shows, in this order."""

_TELL_EVERY = 4096

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
    terminal: str = ""
    """Whose log it is in."""


COLUMNS = ("terminal", "seq", "time", "set", "opening", "type", "summary")
"""Of a list as CSV."""


def merged(
    logs: Sequence[tuple[str, KnownLog]], *, set_name: str = "", since: str = "", until: str = "",
    kinds: tuple[str, ...] = (), progress: Callable[[int, int], None] = lambda done, of: None,
) -> Generator[Line]:  # fmt: skip
    """Yield the lines of several logs by time, those of each in its own order.

    Args:
        logs: name of the terminal, and its log.
        set_name: of this set only, which one log at least must know.
        since: as in :func:`lines`; so are ``until`` and ``kinds``.
        until: see there.
        kinds: see there.
        progress: hears how far it is.

    Raises:
        UnknownSet: no log knows the set.
        InvalidInput: not a time, or no record type.
    """
    knowing = [one for one in logs if set_name in ("", *one[1].state.sets)] if set_name else logs
    if not knowing:
        raise UnknownSet.among(set_name, {name for _, log in logs for name in log.state.sets})
    each = [
        _placed(lines(log, set_name=set_name, since=since, until=until, kinds=kinds, terminal=name))
        for name, log in knowing
    ]
    total = sum(log.size for _, log in knowing)
    for number, (_, line) in enumerate(heapq.merge(*each, key=lambda one: one[0]), 1):
        yield line
        if number % _TELL_EVERY == 0:
            progress(number, total)


def _placed(found: Iterator[Line]) -> Iterator[tuple[str, Line]]:
    """Yield lines with the time they are put in order by: never earlier than that of the line before."""
    latest = ""
    for line in found:
        latest = max(latest, line.time)
        yield latest, line


def lines(
    ledger: KnownLog, *, set_name: str = "", since: str = "", until: str = "", kinds: tuple[str, ...] = (),
    terminal: str = "",
) -> Iterator[Line]:  # fmt: skip
    """Yield a line for each record, oldest first.

    Args:
        ledger: where they are.
        set_name: of this set only; empty: of every one, and of none.
        since: at this time or later, a day or RFC 3339 in UTC; empty: from the start.
        until: at this time or earlier, of a day all of it; empty: to the end.
        kinds: of these types only; empty: of every one.
        terminal: whose log it is, as the lines say.

    Raises:
        UnknownSet: there is no such set.
        InvalidInput: not a time, or no record type.
    """
    if set_name:
        ledger.state.of(set_name)
    period = Period.of(since, until)
    check_kinds(kinds)
    for entry in ledger.entries():
        record = entry.record
        kind = str(record.body.__struct_config__.tag)
        if (
            set_name not in ("", record.set)
            or not period.holds(record.time)
            or (kinds and kind not in kinds)
            or not ledger.in_range(record.seq)
        ):
            continue
        opening = record.opening or (entry.digest if kind == "declared" else "")
        yield Line(record.seq, record.time, record.set, opening, kind, summary(entry), terminal)


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Refuse what is no record type.

    Raises:
        InvalidInput: naming those there are.
    """
    unknown = [kind for kind in kinds if kind not in TYPES]
    if unknown:
        raise InvalidInput(f"expected record types of {', '.join(TYPES)}, got {', '.join(unknown)}")


@cache
def _fields(kind: type[Body]) -> tuple[str, ...]:
    """Return the fields of a record type that a list shows, in its order."""
    return tuple(
        name for name in _SHOWN
        if name in kind.__struct_fields__ and not (name == "source" and issubclass(kind, _WHOLE))
    )  # fmt: skip


def summary(entry: Entry) -> str:
    """Say what a record means in a few words."""
    body = entry.record.body
    parts = []
    for name in _fields(type(body)):
        value = getattr(body, name)
        if value:
            words = ", ".join(value) if isinstance(value, tuple | dict) else str(value)
            parts.append(f"{name.replace('_', ' ')} {words}")
    if isinstance(body, DebtsSettled):
        parts.append(f"debts {', '.join(body.debts)}")
    return "; ".join(parts)

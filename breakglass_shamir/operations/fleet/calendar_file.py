# SPDX-License-Identifier: Apache-2.0
"""Writing the calendar of many sets to a file.

Rules:

1. A calendar that is there is replaced whole, in one step; what is no calendar is left alone.
2. The file is the owner's alone: it says who keeps which sheet.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.errors import FileExists, InvalidInput
from breakglass_shamir.ledger import clock, durable
from breakglass_shamir.operations.fleet.icalendar import HEAD, calendar
from breakglass_shamir.operations.fleet.upcoming import appointments


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """A calendar that was written (docs/json.md).

    Attributes:
        out: the file.
        appointments: how many stand in it.
        overdue: how many of them are overdue.
        people: whom they take, each once.
    """

    out: Path
    appointments: int
    overdue: int
    people: tuple[str, ...]


def write(out: Path, sets: list[SetState], custodian: str = "") -> CalendarFile:
    """Write what is due for whom.

    Args:
        out: the file.
        sets: whose.
        custodian: only what takes this person; empty: everything.

    Raises:
        FileExists: something else than a calendar is there.
        InvalidInput: it could not be written.
    """
    now = clock.now()
    found = appointments(sets, now, custodian)
    title = f"break-glass: {custodian}" if custodian else "break-glass"
    data = calendar(found, datetime.fromisoformat(now.time), title)
    try:
        _require_ours(out)
        durable.write_over(out, data)
    except OSError as error:
        raise InvalidInput(
            f"the calendar {out} could not be written: {error.strerror}", hint="name another file with --calendar"
        ) from error
    people = tuple(sorted({who for one in found for who in one.people}))
    return CalendarFile(out, len(found), sum(one.overdue for one in found), people)


def _require_ours(out: Path) -> None:
    if not out.exists():
        return
    with durable.open_plain(out) as file:
        if file.read(len(HEAD)) != HEAD:
            raise FileExists(f"{out} is there and is no calendar", hint="name another file with --calendar")

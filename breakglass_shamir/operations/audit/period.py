# SPDX-License-Identifier: Apache-2.0
"""From when to when: the two ends that every list, report and bundle takes."""

import re
from dataclasses import dataclass

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import InvalidInput

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MIDNIGHT = "T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Period:
    """Times from one day or time on, up to another, both included, in UTC.

    Attributes:
        since: a day, or RFC 3339 in UTC; empty: from the start.
        until: likewise; of a day all of it; empty: to the end.
    """

    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, since: str, until: str = "") -> "Period":
        """Return a period that people named.

        Raises:
            InvalidInput: neither a day nor RFC 3339 in UTC, or the end lies before the beginning.
        """
        period = cls(since, until)
        for end in (since, until):
            whole = end + _MIDNIGHT if _DAY.fullmatch(end) else end
            if end and not records.is_time(whole):
                raise InvalidInput(
                    f"expected a day or time in UTC such as 2026-01-31 or 2026-01-31T08:00:00Z, got {end!r}"
                )
        if since and until and not (since <= until or since.startswith(until)):
            raise InvalidInput(f"expected --until no earlier than --since, got {since} to {until}")
        return period

    def holds(self, time: str) -> bool:
        """Tell whether a time of a record lies in it."""
        return time >= self.since and (not self.until or time <= self.until or time.startswith(self.until))

    def overlaps(self, began: str, ended: str) -> bool:
        """Tell whether what began and ended at these times, an empty one for never, touches it."""
        begins = not self.until or began <= self.until or began.startswith(self.until)
        return begins and (not ended or ended >= self.since)

    def in_words(self) -> str:
        """Say it; empty where it is everything."""
        return " ".join(f"{word} {end}" for word, end in (("since", self.since), ("until", self.until)) if end)


EVER = Period()
"""From the start to the end."""

# SPDX-License-Identifier: Apache-2.0
"""Whether a set was rehearsed under the same words just now."""

import time

from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.history import DrillResult, History
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Opening, SetState
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.fleet.rehearsing import is_rehearsed
from breakglass_shamir.structs import replace

WORDS = Request("drill", "idp-outage", "INC-4711", "autumn rehearsal", ("one", "two"), "no-reveal", 0)


def before(seconds: int) -> Moment:
    """Return a moment that is so long ago."""
    now, then = clock.now(), time.gmtime(time.time() - seconds)
    return Moment(time.strftime("%Y-%m-%dT%H:%M:%SZ", then), now.boot, now.uptime_ms - seconds * 1000)


def drill(ticket: str, seconds: int) -> Opening:
    """Return a drill that was declared so long ago."""
    declared = Declared("drill", WORDS.incident_class, ticket, WORDS.reason, WORDS.officers, 60, 0, (), "")
    return Opening(f"{seconds:064x}", declared, before(seconds), outcome="closed")


def rehearsed(seconds: int, *drills: Opening) -> SetState:
    """Return a set whose last rehearsal ended so long ago."""
    ended = DrillResult(before(seconds), "pass", (), None)
    history = History(began={"aa": before(10**6)}, rehearsal=ended)
    return replace(SetState("build-key"), current="aa", history=history, past=drills)


def test_the_words_of_the_drill_that_ended_so_count_and_no_earlier_ones() -> None:
    assert is_rehearsed(rehearsed(60, drill("INC-1", 500), drill("INC-4711", 90)), WORDS)
    assert not is_rehearsed(rehearsed(60, drill("INC-4711", 500), drill("INC-1", 90)), WORDS)


def test_a_drill_that_was_declared_later_is_not_the_one_that_ended() -> None:
    assert not is_rehearsed(rehearsed(60, drill("INC-1", 90), drill("INC-4711", 30)), WORDS)

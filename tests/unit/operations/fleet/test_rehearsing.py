# SPDX-License-Identifier: Apache-2.0
"""Whether a set was rehearsed under the same words just now, and live sheets among the cards of one that was not."""

import time
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.history import DrillResult, History
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Opening, SetState
from breakglass_shamir.custody.records.openings import Declared, Refused
from breakglass_shamir.errors import GateClosed
from breakglass_shamir.ledger import clock, home
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.drills import rehearsal
from breakglass_shamir.operations.fleet import heap, rehearsing
from breakglass_shamir.operations.fleet.rehearsing import is_rehearsed
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage, Scanner
from breakglass_shamir.structs import replace
from tests.unit.operations.fleet.issued import issued

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


@pytest.mark.parametrize("raised", [GateClosed("signatures", "nobody signed"), KeyboardInterrupt()])
def test_a_live_sheet_is_on_record_where_its_drill_ends_before_the_cards_are_judged(
    raised: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(rehearsal, "rehearse", refused)
    with home.create(tmp_path / "home", "office") as ledger, Scanner() as scanner:
        epoch = issued(ledger)
        codes = [one.to_text() for one in (*epoch.drill.shares, epoch.live.shares[0])]
        page = ScannedPage("cards.png", tuple(ScannedCode(code, "plain") for code in codes), "")
        monkeypatch.setattr(heap, "sort", lambda *_: heap.Heap({"build-key": (page,)}, {}))
        recorder = Recorder(ledger, EmptyDesk())
        if isinstance(raised, KeyboardInterrupt):
            with pytest.raises(KeyboardInterrupt):
                rehearsing.rehearse(recorder, (), [], WORDS, scanner)
        else:
            found = rehearsing.rehearse(recorder, (), [], WORDS, scanner)
            assert (found.exposed, found.exit) == (("build-key 1.1",), 7)
        bodies = [entry.record.body for entry in ledger.entries()]
    assert ["1.1 (Bo)" in body.message for body in bodies if isinstance(body, Refused)] == [True]

# SPDX-License-Identifier: Apache-2.0
"""The protocol of the day: a page to fill in, and the same page with what the records say."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import msgspec
import pypdfium2
import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.sheets import Acknowledged, Noted
from breakglass_shamir.errors import FileExists, InvalidInput, PaperError, RotationDue
from breakglass_shamir.ledger.home import create
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.printing.protocol import ACTS, kept, plan_of, start_of, write_plan
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.sizes import Paper
from tests.unit.custody.life.test_lifecycle import FIRST, ONE, SOURCE, adopted, declared, issued


@dataclass
class Room:
    """Hears what is said."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.said.append(line)

    def warn(self, line: str) -> None:
        self.warned.append(line)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with create(tmp_path / "home", "terminal north") as ledger:
        made = Recorder(ledger, cast(Desk, Room()))
        made.set_name = "prod-db"
        yield made


def room(recorder: Recorder) -> Room:
    return cast(Room, recorder.desk)


def test_a_refusal_is_recorded_whatever_its_words_are(recorder: Recorder) -> None:
    recorder.set_name = ""
    entry = recorder.append(Refused(stage="open", error="input", message="no \x1b[2J\u202e\udc80\nfile"))
    assert entry.record.body == Refused(stage="open", error="input", message="no \\x1b[2J\\u202e\\x80\nfile")


def test_a_link_that_somebody_laid_is_not_followed(recorder: Recorder, tmp_path: Path) -> None:
    other, out = tmp_path / "other", tmp_path / "protocol.pdf"
    other.write_text("not ours")
    (tmp_path / ".protocol.pdf.part").symlink_to(other)
    write_plan(recorder, plan_of(recorder, "rotate"), out, "a4")
    assert other.read_text() == "not ours"
    assert out.read_bytes().startswith(b"%PDF")


def texts(path: Path) -> str:
    """Return everything a PDF says, each run of white space as one space."""
    document = pypdfium2.PdfDocument(path)
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
    return " ".join(" ".join(pages).split())


def issue(recorder: Recorder) -> None:
    recorder.append(adopted())
    recorder.append(issued(FIRST))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_plan_has_every_step_custodian_and_an_empty_line_for_what_goes_wrong(
    recorder: Recorder, tmp_path: Path, act: str, paper: Paper
) -> None:
    policy = policies.parse(SOURCE)
    write_plan(recorder, plan_of(recorder, act, policy), tmp_path / "plan.pdf", paper)
    shown = texts(tmp_path / "plan.pdf")
    for step in ACTS[act][1]:
        assert " ".join(step.what.split()) in shown
        assert f"+{step.after_min} min" in shown
    for word in ("North", "South", "East", "1.3", "Exceptions", "Initials", "Signature", "any 2 of these 3 sheets"):
        assert word in shown
    assert stat.S_IMODE((tmp_path / "plan.pdf").stat().st_mode) == 0o600


def test_planned_times_count_from_the_beginning(recorder: Recorder, tmp_path: Path) -> None:
    plan = plan_of(recorder, "split", policies.parse(SOURCE), datetime(2026, 12, 1, 23, 50))
    write_plan(recorder, plan, tmp_path / "plan.pdf", "a4")
    shown = texts(tmp_path / "plan.pdf")
    assert "2026-12-01" in shown
    assert "23:50" in shown
    assert "00:10" in shown
    assert "+" not in shown


def test_what_was_typed_in_flows_through_the_record_into_the_protocol(recorder: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "day.pdf"
    with kept(recorder, "split", path, "a4", policies.parse(SOURCE)):
        assert "B-4711" not in texts(path)
        issue(recorder)
        recorder.append(Acknowledged(epoch_id=ONE, sheet="1.2", custodian="South", bag="B-4711"))
        recorder.append(Noted(text="the printer jammed at sheet 2", by="Olga"))
    shown = texts(path)
    assert "1.2 South B-4711" in shown
    assert "the printer jammed at sheet 2 Olga" in shown
    times = {record.record.time[11:19] for record in recorder.ledger.entries()}
    assert any(time in shown for time in times)
    assert "terminal north" in shown


def test_only_what_was_done_in_this_ceremony_counts(recorder: Recorder, tmp_path: Path) -> None:
    issue(recorder)
    recorder.append(Acknowledged(epoch_id=ONE, sheet="1.2", custodian="South", bag="OLD-1"))
    with kept(recorder, "recombine", tmp_path / "day.pdf", "a4"):
        digest = recorder.set_state.policy_digest
        recorder.append(msgspec.structs.replace(declared(), policy_digest=digest))
    shown = texts(tmp_path / "day.pdf")
    assert "OLD-1" not in shown
    assert "Duty officer" in shown
    assert "Second officer" in shown


def test_what_came_later_can_be_filled_in(recorder: Recorder, tmp_path: Path) -> None:
    issue(recorder)
    recorder.append(Acknowledged(epoch_id=ONE, sheet="1.1", custodian="North", bag="EARLY"))
    since = recorder.ledger.size
    recorder.append(Acknowledged(epoch_id=ONE, sheet="1.2", custodian="South", bag="LATE"))
    write_plan(recorder, plan_of(recorder, "split"), tmp_path / "day.pdf", "a4", since=since)
    shown = texts(tmp_path / "day.pdf")
    assert "1.2 South LATE" in shown
    assert "EARLY" not in shown


def test_a_ceremony_that_failed_keeps_its_protocol(recorder: Recorder, tmp_path: Path) -> None:
    issue(recorder)
    with pytest.raises(RotationDue), kept(recorder, "recombine", tmp_path / "day.pdf", "a4"):
        recorder.append(Noted(text="nobody had the key", by="Olga"))
        raise RotationDue("owed")
    assert "nobody had the key" in texts(tmp_path / "day.pdf")


def test_no_protocol_stops_an_opening(recorder: Recorder, tmp_path: Path) -> None:
    there = tmp_path / "there.pdf"
    there.write_text("something")
    reached = []
    for path in (there, tmp_path / "nowhere" / "day.pdf"):
        with kept(recorder, "recombine", path, "a4"):
            reached.append(path)
    assert len(reached) == 2
    assert [line.split(":")[0] for line in room(recorder).warned] == ["no protocol is kept"] * 2
    assert there.read_text() == "something"


def test_a_plan_overwrites_nothing_and_leaves_nothing_half_written(recorder: Recorder, tmp_path: Path) -> None:
    there = tmp_path / "there.pdf"
    there.write_text("something")
    with pytest.raises(FileExists):
        write_plan(recorder, plan_of(recorder, "split", policies.parse(SOURCE)), there, "a4")
    with pytest.raises(PaperError):
        write_plan(recorder, plan_of(recorder, "split"), tmp_path / "nowhere" / "day.pdf", "a4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "there.pdf"]


def test_many_custodians_go_on_over_pages(recorder: Recorder, tmp_path: Path) -> None:
    names = [f"post {number}" for number in range(1, 121)]
    source = SOURCE.replace('["North", "South", "East"]', str(names).replace("'", '"'))
    write_plan(recorder, plan_of(recorder, "split", policies.parse(source)), tmp_path / "plan.pdf", "a4")
    shown = texts(tmp_path / "plan.pdf")
    assert all(f"1.{number} post {number} " in shown for number in range(1, 121))
    assert shown.count("Serial of the bag") > 2


@pytest.mark.parametrize("written", ["09:00", "tomorrow", "2026-13-01 09:00", ""])
def test_a_time_that_is_none(written: str) -> None:
    with pytest.raises(InvalidInput, match="expected a day and time such as 2026-12-01 09:00"):
        start_of(written)

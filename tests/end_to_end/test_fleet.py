# SPDX-License-Identifier: Apache-2.0
"""Many sets: made, confirmed from one heap and handed out from one list; killed on the way; mistakes named at once."""

import csv
import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from icalendar import Calendar

from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet.watching import ManyWatches
from breakglass_shamir.operations.monitoring import watch
from breakglass_shamir.operations.monitoring.watch import Watching
from breakglass_shamir.operations.recorder import Recorder
from tests.attacks.strangers import People
from tests.end_to_end.fleet import PEOPLE, Fleet
from tests.end_to_end.life import Life, opens, passphrase, scan_folder, secrets_on_paper

SETS = 6


@pytest.fixture(scope="module")
def dealt_once(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Six sets on paper, and one heap with all their scans; the first run was killed in the middle of a set."""
    fleet = Fleet(Life(tmp_path_factory.mktemp("fleet") / "life"), SETS)
    fleet.begin()
    kill_in_a_set(fleet)
    done = fleet.life.ok("--json", *fleet.split_words())
    fleet.scan()
    fleet.life.keep()
    assert {one["outcome"] for one in done.document["sets"]} <= {"issued", "there already"}
    return fleet


@pytest.fixture
def dealt(dealt_once: Fleet) -> Fleet:
    """The same, as fresh as then."""
    dealt_once.life.restore()
    return dealt_once


@pytest.fixture
def two(tmp_path: Path) -> Fleet:
    """Two sets that are not made yet."""
    fleet = Fleet(Life(tmp_path / "life"), 2)
    fleet.begin()
    return fleet


def kill_in_a_set(fleet: Fleet) -> None:
    """Begin a split and kill it as soon as a set after the first is being written."""
    process = subprocess.Popen(
        fleet.life.command(*fleet.split_words()), env=fleet.life.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not any("set-000" not in path.parent.name for path in fleet.out.glob("unfinished-*/*.pdf")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait(90) == -signal.SIGKILL


def on_paper(fleet: Fleet) -> dict[str, list[str]]:
    """The sheets and cards that lie in piles, by set."""
    found: dict[str, list[str]] = {}
    for path in fleet.out.rglob("*-m*.pdf"):
        found.setdefault(path.name.partition("-e1-")[0], []).append(path.name)
    return found


def texts(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_a_killed_run_leaves_no_set_by_halves_and_is_gone_on_with(dealt: Fleet) -> None:
    with home.open_home(dealt.life.home) as ledger:
        assert sorted(ledger.state.sets) == dealt.names()
        assert all(len(s.epochs) == 1 for s in ledger.state.sets.values())
    assert {name: len(files) for name, files in on_paper(dealt).items()} == dict.fromkeys(dealt.names(), 6)
    assert not list(dealt.out.glob("unfinished-*"))


def test_each_pile_is_one_persons_and_its_cover_names_nobody_else(dealt: Fleet) -> None:
    piles = sorted(path for path in dealt.out.iterdir())
    assert len(piles) == len(PEOPLE)
    for pile in piles:
        said = texts(pile / "00-cover.pdf")
        (mine,) = (name for name in PEOPLE if name in said)
        assert pile.name.startswith(mine.casefold().replace(" ", "-"))
        assert not any(word in said for word in ("ssh-key", "keys/", "of 3", "2 of", "envelope B"))
        sheets = [path for path in pile.glob("*-m*.pdf") if "drill" not in path.name]
        assert all(mine in texts(sheet) for sheet in sheets)
        listed = sorted(path.name.partition("-e1-")[0] for path in sheets)
        assert [name for name in dealt.names() if name in said] == listed
        pages = sum(len(pypdfium2.PdfDocument(path)) for path in pile.glob("*-m*.pdf"))
        assert f"{len(sheets)} sheets and {len(sheets)} drill cards, {pages} pages" in said
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in pile.glob("*.pdf"))


def test_sheets_of_a_set_on_record_are_handed_over_and_others_that_wait_are_removed(dealt: Fleet) -> None:
    with home.open_home(dealt.life.home) as ledger:
        log = ledger.log_id.hex()[:16]
    waiting = dealt.out / f"unfinished-{log}-set-003"
    waiting.mkdir(0o700)
    for path in [*dealt.out.rglob("set-003-*.pdf")][:4]:
        path.rename(waiting / path.name)
    stray = dealt.out / f"unfinished-{log}-never-made"
    stray.mkdir(0o700)
    shutil.copy(next(dealt.out.rglob("set-001-e1-g1-m1.pdf")), stray / "never-made-e1-g1-m1.pdf")
    false = dealt.out / f"unfinished-{log}-set-004"
    false.mkdir(0o700)
    shutil.copy(next(dealt.out.rglob("set-001-e1-g1-m1.pdf")), false / "set-004-e1-g1-m1.pdf")
    before = on_paper(dealt)["set-001"]
    said = dealt.life.ok(*dealt.split_words()).err
    assert "set-003: it was issued by a run that broke off" in said
    assert "never-made: a run broke off before it was issued" in said
    assert "set-004: a run broke off before it was issued" in said
    assert not list(dealt.out.glob("unfinished-*"))
    assert {name: len(files) for name, files in on_paper(dealt).items()} == dict.fromkeys(dealt.names(), 6)
    assert sorted(on_paper(dealt)["set-001"]) == sorted(before)


def test_every_mistake_is_named_before_anything_is_printed(two: Fleet) -> None:
    two.write(0, "name = 3")
    (two.policies / "twice.toml").write_text((two.policies / "set-001.toml").read_text())
    (two.policies / "more.toml").write_text((two.policies / "set-001.toml").read_text().replace("set-001", "no-secret"))
    done = two.life.run(*two.split_words())
    assert done.exit == 2
    for words in ("set-000.toml: ", "the set set-001 is in", "expected its credential in", "nothing was printed"):
        assert words in done.err
    assert not list(two.out.rglob("*.pdf"))
    assert two.life.kinds() == ["ledger-started"]


def test_a_set_that_fails_stops_no_other_and_is_made_by_the_same_command_later(two: Fleet) -> None:
    right = (two.credentials / "set-000").read_bytes()
    two.give("set-000", passphrase())
    done = two.life.run("--json", *two.split_words())
    assert done.exit == 6
    first, second = done.document["sets"]
    assert (first["outcome"], second["outcome"]) == ("failed", "issued")
    assert "refuses this credential" in first["problem"]
    assert set(on_paper(two)) == {"set-001"}
    (two.credentials / "set-000").write_bytes(right)
    done = two.life.ok("--json", *two.split_words())
    assert [one["outcome"] for one in done.document["sets"]] == ["issued", "there already"]
    assert set(on_paper(two)) == {"set-000", "set-001"}
    changed = (two.policies / "set-000.toml").read_text().replace("Example Ltd", "Another Ltd")
    two.write(0, changed)
    assert "in this ledger already, by another policy" in two.life.run(*two.split_words()).err


def test_ctrl_c_ends_with_what_is_whole(two: Fleet) -> None:
    process = subprocess.Popen(
        two.life.command(*two.split_words()), env=two.life.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list(two.out.glob("unfinished-*/*.pdf")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "the same command goes on with the others" in said
    assert not list(two.out.glob("unfinished-*"))
    assert "Traceback" not in said
    two.life.ok(*two.split_words())
    assert set(on_paper(two)) == {"set-000", "set-001"}


def test_two_runs_do_not_share_a_folder(two: Fleet) -> None:
    two.out.mkdir(0o700)
    folder = os.open(two.out, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    done = two.life.run(*two.split_words())
    os.close(folder)
    assert done.exit == 6
    assert "another run writes sheets to" in done.err


def test_what_is_for_one_set_alone_is_refused_for_many(two: Fleet) -> None:
    for words in (("--totp-from", "x"), ("--ack", "1")):
        done = two.life.run(*two.split_words(), *words)
        assert done.exit == 2
        assert f"expected one set with {words[0]}, got many" in done.err
    assert not list(two.folder.rglob("*.pdf"))


def office(fleet: Fleet, readback: Path, over: threading.Event) -> None:
    """Scan each set's sheets as soon as all of them lie in piles."""
    seen = set[str]()
    while not over.wait(0.05):
        for name in fleet.names():
            files = [path for path in fleet.out.rglob(f"{name}-e*-m*.pdf") if "unfinished" not in path.parent.name]
            newest = max((path.name.split("-")[2] for path in files), default="")
            files = [path for path in files if f"-{newest}-" in path.name]
            if f"{name}{newest}" not in seen and len(files) == 2 * fleet.sheets:
                seen.add(f"{name}{newest}")
                tray = fleet.folder / f"tray-{name}-{newest}"
                tray.mkdir()
                for path in files:
                    shutil.copy(path, tray)
                scan_folder(tray, readback)


@pytest.fixture
def scanning(two: Fleet) -> Iterator[Path]:
    """A folder into which every sheet that comes out is scanned."""
    readback, over = two.folder / "readback", threading.Event()
    readback.mkdir()
    worker = threading.Thread(target=office, args=(two, readback, over))
    worker.start()
    yield readback
    over.set()
    worker.join()


def test_sheets_of_many_are_read_back_from_one_folder(two: Fleet, scanning: Path) -> None:
    (scanning / "note.txt").write_text("mine")
    done = two.life.ok("--json", *two.split_words(), "--readback", scanning, "--protocol", two.folder / "protocols")
    assert done.document["read_back"]["sealed"]
    assert [one["missing"] for one in done.document["read_back"]["sets"]] == [[], []]
    assert [path.name for path in scanning.iterdir()] == ["note.txt"]
    assert len(list((two.folder / "protocols").glob("set-00?-split-1.pdf"))) == 2


def test_generated_credentials_are_in_force_when_their_sheets_are_held(two: Fleet, scanning: Path) -> None:
    (two.policies / "set-001.toml").unlink()
    words: list[str | Path] = ["split", two.policies, "--generate", "--current-from", two.credentials, "--out", two.out]
    key, before = two.folder / "keys" / "set-000", Secret((two.credentials / "set-000").read_bytes())
    done = two.life.run("--json", *words, "--ack", "1", "--ack", "2", "--timeout", "0.2")
    assert done.exit == 6
    assert "was not read back in time" in done.document["sets"][0]["problem"]
    assert opens(key, before)
    assert not list(two.out.rglob("*-m*.pdf"))
    done = two.life.ok("--json", *words, "--readback", scanning, "--ack", "1", "--ack", "2", "--timeout", "200")
    assert [(one["outcome"], one["epoch"]) for one in done.document["sets"]] == [("issued", 2)]
    gathered = two.folder / "gathered"
    gathered.mkdir()
    for path in two.out.rglob("*-m*.pdf"):
        shutil.copy(path, gathered)
    (secret,) = secrets_on_paper(gathered)
    assert opens(key, secret)
    assert not opens(key, before)
    assert two.life.ok("--json", *words, "--timeout", "1").document["sets"][0]["outcome"] == "there already"


def test_a_heap_is_sorted_by_what_the_sheets_say_and_the_rest_is_named(dealt: Fleet) -> None:
    scans = sorted(dealt.scans.iterdir())
    late = next(path for path in scans if path.name.startswith("set-002-e1-g1-m2"))
    aside = dealt.folder / "aside"
    aside.mkdir()
    late.rename(aside / "x.jpg")
    shutil.copy(next(path for path in scans if path != late), dealt.scans / "again.jpg")
    (dealt.scans / "note.png").write_bytes(b"no picture at all")
    for number, path in enumerate(sorted(dealt.scans.glob("set-*.jpg"))):
        path.rename(dealt.scans / f"{number * 7919 % 97:02}-IMG.jpg")
    done = dealt.life.run("--json", "confirm", "--scan", dealt.scans)
    assert done.exit == 4
    found = {one["set"]: one for one in done.document["sets"]}
    assert [name for name, one in found.items() if not one["sealed"]] == ["set-002"]
    assert found["set-002"]["missing"] == ["1.2 (Dora)"]
    assert {one["verdict"] for one in done.document["left_out"]} == {"seen already", "not ours"}
    done = dealt.life.ok("--json", "confirm", "set-002", "set-003", "--scan", aside)
    assert [(one["set"], one["sealed"]) for one in done.document["sets"]] == [("set-002", True), ("set-003", True)]


def test_names_in_front_and_sheets_of_others_are_not_recorded(dealt: Fleet) -> None:
    done = dealt.life.ok("--json", "confirm", "set-000", "set-001", "scans")
    assert [one["set"] for one in done.document["sets"]] == ["set-000", "set-001"]
    assert {one["source"] for one in done.document["left_out"]} == {"set-002", "set-003", "set-004", "set-005"}
    with home.open_home(dealt.life.home) as ledger:
        sealed = [name for name, s in ledger.state.sets.items() if s.current_epoch.sealed]
    assert sorted(sealed) == ["set-000", "set-001"]
    (dealt.folder / "set-001").mkdir()
    done = dealt.life.run("confirm", "set-000", "set-001", "scans")
    assert done.exit == 2
    assert "set-001 is a set and a file" in done.err


@pytest.fixture(scope="module")
def confirmed_once(dealt_once: Fleet) -> Fleet:
    """Every set sealed."""
    dealt_once.life.restore()
    dealt_once.life.ok("confirm", "--scan", dealt_once.scans)
    kept = dealt_once.folder.parent / "confirmed"
    shutil.copytree(dealt_once.life.home, kept)
    return dealt_once


@pytest.fixture
def confirmed(confirmed_once: Fleet) -> Fleet:
    """The same, as fresh as then."""
    confirmed_once.life.restore()
    shutil.rmtree(confirmed_once.life.home)
    shutil.copytree(confirmed_once.folder.parent / "confirmed", confirmed_once.life.home)
    return confirmed_once


def write_list(fleet: Fleet, rows: list[list[str]], head: str = "set,sheet,bag") -> Path:
    path = fleet.folder / "bags.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head.split(","), *rows])
    return path


def test_a_list_with_slips_is_refused_whole_and_every_slip_is_named(confirmed: Fleet) -> None:
    life = confirmed.life
    life.ok("ack", "set-005", "1", "--bag", "B-9")
    before = life.kinds()
    rows = [
        ["set-000", "1", "B-1", ""], ["set-000", "2", "b-1", ""], ["set-000", "1", "B-3", ""],
        ["set-099", "1", "B-4", ""],
        ["set-001", "7", "B-5", ""], ["set-001", "1", "B-9", ""], ["set-002", "1", "B-6", "Goran"],
    ]  # fmt: skip
    done = life.run("ack", "--from", write_list(confirmed, rows, "set,sheet,bag,custodian"))
    assert done.exit == 2
    for words in (
        "line 3: bag b-1 is in line 2 already", "line 4: sheet 1.1 of set-000 is in line 2 already", "line 5: ",
        "line 6: set-001 has no sheet 1.7", "line 7: bag B-9 holds sheet 1.1 of set-005 by the records",
        "line 8: sheet 1.1 of set-002 is with Chen, not with Goran", "nothing was recorded",
    ):  # fmt: skip
        assert words in done.err
    assert life.kinds() == before


def test_a_list_is_recorded_once_and_what_has_no_bag_waits(confirmed: Fleet) -> None:
    rows = [[name, seat, f"B-{name}-{seat}" if seat != "3" else ""] for name in confirmed.names() for seat in "123"]
    path = write_list(confirmed, rows)
    done = confirmed.life.ok("--json", "ack", "--from", path)
    assert len(done.document["sheets"]) == 12
    assert len(done.document["waiting"]) == 6
    before = confirmed.life.kinds()
    done = confirmed.life.ok("--json", "ack", "--from", path)
    assert all(one["already"] for one in done.document["sheets"])
    assert confirmed.life.kinds() == before


def test_a_custodians_bags_are_asked_in_order_and_a_bag_twice_is_asked_again(confirmed: Fleet) -> None:
    command = [str(word) for word in confirmed.life.command("ack", "--custodian", "bo")]
    people = People(command, confirmed.life.environment(), confirmed.folder)
    people.answer("Bag of sheet 1.2 of set-000 (1 of 2)", "B-1")
    people.answer("Bag of sheet 1.1 of set-001 (2 of 2)", "b-1")
    people.until("holds sheet 1.2 of set-000 by the records")
    people.answer("Bag of sheet 1.1 of set-001 (2 of 2)", "later")
    people.until("not handed over yet: sheet 1.1 of set-001")
    assert people.end() == 0
    assert [kind for kind in confirmed.life.kinds() if kind == "acknowledged"] == ["acknowledged"]


def test_the_calendar_says_what_is_due_for_whom_and_keeps_its_ids(confirmed: Fleet) -> None:
    out = confirmed.folder / "due.ics"
    confirmed.life.ok("status", "--calendar", out)
    first = Calendar.from_ical(out.read_bytes())
    assert out.stat().st_mode & 0o777 == 0o600
    confirmed.life.ok("ack", "set-000", "1")
    confirmed.life.ok("status", "--calendar", out)
    again = Calendar.from_ical(out.read_bytes())
    before, after = ({str(event["UID"]) for event in one.events} for one in (first, again))
    assert len(before) == len(first.events)
    assert after < before
    assert len(before - after) == 1
    mine = confirmed.folder / "bo.ics"
    done = confirmed.life.ok("--json", "status", "--calendar", mine, "--custodian", "BO")
    events = Calendar.from_ical(mine.read_bytes()).events
    assert done.document["appointments"] == len(events) == 10
    assert all([str(word) for word in event.categories][1:] == ["Bo"] for event in events)
    assert not any(name.encode() in mine.read_bytes() for name in PEOPLE if name != "Bo")
    (confirmed.folder / "other").write_text("my notes")
    assert confirmed.life.run("status", "--calendar", confirmed.folder / "other").exit == 2
    assert (confirmed.folder / "other").read_text() == "my notes"


def test_status_shows_what_is_due_first_and_a_custodians_sets(confirmed: Fleet) -> None:
    confirmed.life.ok("void", "set-004", "1", "--reason", "left on a train")
    confirmed.life.ok("void", "set-004", "2", "--reason", "left on a train")
    lines = [line for line in confirmed.life.run("status").out.splitlines() if line.startswith(" set-")]
    assert lines[0].startswith(" set-004")
    lines = confirmed.life.run("status", "--custodian", "Bo").out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(" set-")] == ["set-000", "set-001"]
    done = confirmed.life.run("status", "set-000", "set-0001")
    assert done.exit == 3
    assert confirmed.life.run("status", "--custodian", "Nobody").exit == 2


@dataclass(slots=True)
class Target:
    """A target that answers as it is told, or hangs until it is let go."""

    target: str
    answers: Callable[[], tuple[Login, ...]] = tuple
    abilities: frozenset[str] = frozenset({"logins_since"})
    asked: int = 0

    def logins_since(self, _since: datetime) -> tuple[Login, ...]:
        self.asked += 1
        return self.answers()


@pytest.fixture
def watched(confirmed: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ManyWatches, dict[str, Target]]]:
    """Six sets whose targets are played, and one watch for all of them."""
    targets = {name: Target(name) for name in confirmed.names()}
    monkeypatch.setattr(watch, "endpoints_of", lambda policy: (targets[policy.name],))
    with home.open_home(confirmed.life.home) as ledger:
        yield ManyWatches(Recorder(ledger, EmptyDesk()), every_s=1, skew_s=120, answer_s=0.5), targets


def test_a_target_that_hangs_delays_no_other_and_is_an_alarm(
    watched: tuple[ManyWatches, dict[str, Target]],
) -> None:
    def broken() -> tuple[Login, ...]:
        raise ZeroDivisionError("hunter2")

    watches, targets = watched
    let_go = threading.Event()
    targets["set-000"].answers = lambda: (let_go.wait(60), ())[1]
    targets["set-001"].answers = broken
    strange = Login(datetime.now(UTC) - timedelta(hours=12), "root", "10.0.0.9", accepted=True)
    targets["set-002"].answers = lambda: (strange,)
    watches.add_all()
    heard: list[Watching] = []
    watches.run(heard.append, every_set=True, ended=lambda: targets["set-005"].asked > 3)
    assert targets["set-000"].asked == 1
    problems = {one.set_name: one.problem for one in heard if one.problem}
    assert problems["set-000"] == "no answer within 0.5 s"
    assert problems["set-001"] == "the watch of this target failed: ZeroDivisionError"
    assert sum(one.set_name == "set-001" for one in heard) == 1
    assert next(len(one.unmatched) for one in heard if one.set_name == "set-002") == 1
    state = watches.recorder.state
    assert state.of("set-000").watch.problem == "no answer within 0.5 s"
    assert state.of("set-005").watch.problem == ""
    let_go.set()
    heard.clear()
    watches.run(heard.append, every_set=True, ended=lambda: any(one.set_name == "set-000" for one in heard))
    assert watches.recorder.refresh() is not None
    assert state is not watches.recorder.state
    assert watches.recorder.state.of("set-000").watch.problem == ""


def test_one_round_of_many_ends_although_one_hangs(watched: tuple[ManyWatches, dict[str, Target]]) -> None:
    watches, targets = watched
    let_go = threading.Event()
    targets["set-003"].answers = lambda: (let_go.wait(60), ())[1]
    watches.add(["set-002", "set-003", "set-004"])
    found = watches.once()
    let_go.set()
    assert [one.set_name for one in found] == ["set-002", "set-003", "set-004"]
    assert [bool(one.problem) for one in found] == [False, True, False]


def test_sets_whose_targets_tell_no_logins_are_named_and_left_out(confirmed: Fleet) -> None:
    done = confirmed.life.run("watch", "--all", "--once")
    assert done.exit == 3
    assert done.err.count("cannot tell who logged in") == SETS
    assert confirmed.life.run("watch").exit == 2
    assert confirmed.life.run("watch", "set-000", "--all").exit == 2
    assert confirmed.life.run("watch", "set-000", "set-001", "--once").exit == 3

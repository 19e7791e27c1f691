# SPDX-License-Identifier: Apache-2.0
"""Many sets rotated, rehearsed and called from one heap: each whole or not begun, killed and gone on with.

Rehearsals and roll-calls are killed, too, in ``make fleet``.
"""

import errno
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable, home
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet import rotating
from breakglass_shamir.operations.fleet.piles import Piles
from breakglass_shamir.operations.printing import sheets
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.simulate import scanned
from tests.end_to_end.fleet import PEOPLE, Fleet
from tests.end_to_end.life import DECLARATION, DPI, Life, make_key, opens, passphrase, scan_folder, secrets_on_paper

SETS = 3


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Three sealed sets in custody, and heaps of their sheets and drill cards."""
    fleet = Fleet(Life(tmp_path_factory.mktemp("fleet") / "life"), SETS)
    fleet.begin()
    fleet.life.ok(*fleet.split_words())
    fleet.scan()
    cards = fleet.folder / "cards"
    cards.mkdir()
    for number, card in enumerate(sorted(fleet.out.rglob("*-drill.pdf"))):
        (cards / f"{card.stem}.jpg").write_bytes(scanned(card.read_bytes(), dpi=DPI, seed=number))
    fleet.life.ok("confirm", "--scan", fleet.scans)
    rows = [f"{name},{seat},B-{name}-{seat}" for name in fleet.names() for seat in (1, 2, 3)]
    (fleet.folder / "bags.csv").write_text("\n".join(["set,sheet,bag", *rows]))
    fleet.life.ok("ack", "--from", fleet.folder / "bags.csv")
    shutil.rmtree(fleet.out)
    fleet.life.keep()
    return fleet


@pytest.fixture
def fleet(once: Fleet) -> Fleet:
    """The same, as fresh as then."""
    once.life.restore()
    return once


def rotate_words(fleet: Fleet) -> list[str | Path]:
    return ["--json", "rotate", "--all", "--scan", fleet.scans, "--out", fleet.out]


def handed_out(fleet: Fleet, names: list[str]) -> None:
    """Print, scan, confirm and hand out what lies in the piles."""
    fleet.scan()
    fleet.life.ok("confirm", "--scan", fleet.scans)
    rows = [f"{name},{seat},N-{name}-{seat}" for name in names for seat in (1, 2)]
    (fleet.folder / "bags.csv").write_text("\n".join(["set,sheet,bag", *rows]))
    fleet.life.ok("ack", "--from", fleet.folder / "bags.csv")


def outcomes(document: object) -> dict[str, str]:
    assert isinstance(document, dict)
    return {one["set"]: one["outcome"] for one in document["sets"]}


def new_sheets(fleet: Fleet) -> dict[str, list[Path]]:
    """The sheets and cards of second epochs that lie in piles, by set."""
    found: dict[str, list[Path]] = {}
    for path in sorted(fleet.out.rglob("*-e2-*.pdf")):
        found.setdefault(path.name.partition("-e2-")[0], []).append(path)
    return found


def living(fleet: Fleet, name: str) -> Secret:
    """What the sheets of the second epoch open, read from the paper alone."""
    gathered = fleet.folder / f"gathered-{name}"
    gathered.mkdir()
    for path in new_sheets(fleet)[name]:
        shutil.copy(path, gathered)
    (secret,) = secrets_on_paper(gathered)
    return secret


def assert_whole(fleet: Fleet, names: list[str]) -> None:
    """Hold that sets were rotated once: the new paper opens the key, the old credential does not, nothing is over."""
    with home.open_home(fleet.life.home) as ledger:
        for name in names:
            s = ledger.state.of(name)
            assert sorted(epoch.number for epoch in s.epochs.values()) == [1, 2], name
            assert (s.current_epoch.number, s.prepared, s.opening) == (2, "", None), name
            assert not s.rotation_debts
    for name in names:
        assert opens(fleet.folder / "keys" / name, living(fleet, name))
        assert not opens(fleet.folder / "keys" / name, Secret((fleet.credentials / name).read_bytes()))
    assert {name: len(files) for name, files in new_sheets(fleet).items() if name in names} == dict.fromkeys(names, 6)
    assert not list(fleet.out.glob("unfinished-*"))


def states(fleet: Fleet) -> list[SetState]:
    with home.open_home(fleet.life.home) as ledger:
        return list(ledger.state.sets.values())


def kill_when(fleet: Fleet, words: list[str | Path], moment: Callable[[], bool]) -> None:
    """Run a command and kill it at a moment."""
    process = subprocess.Popen(
        fleet.life.command(*words), env=fleet.life.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while not moment():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    assert process.wait(90) == -signal.SIGKILL


def test_killed_while_printing_and_while_applying_each_set_is_rotated_once(fleet: Fleet) -> None:
    names = fleet.names()[:2]
    words: list[str | Path] = ["--json", "rotate", *names, "--scan", fleet.scans, "--out", fleet.out]
    kill_when(fleet, words, lambda: any("set-001" in str(path) for path in fleet.out.glob("unfinished-*/*.pdf")))
    kill_when(fleet, words, lambda: bool(new_sheets(fleet).get("set-001")))
    done = fleet.life.run(*words)
    assert done.exit == 4
    assert set(outcomes(done.document).values()) == {"printed"}
    assert {name: len(files) for name, files in new_sheets(fleet).items()} == dict.fromkeys(names, 6)
    for name in names:
        assert opens(fleet.folder / "keys" / name, Secret((fleet.credentials / name).read_bytes()))
    for pile in fleet.out.iterdir():
        said = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pile / "00-cover.pdf"))
        (mine,) = (one for one in PEOPLE if one in said)
        assert pile.name.startswith(mine.casefold().replace(" ", "-"))
        assert said.count("set-") == len([path for path in pile.glob("*-e2-*.pdf") if "drill" not in path.name])
    before = fleet.life.kinds()
    assert fleet.life.run(*words).exit == 4
    assert fleet.life.kinds() == before
    handed_out(fleet, names)
    kill_when(fleet, words, lambda: any(s.applying or s.current_epoch.number == 2 for s in states(fleet)))
    done = fleet.life.ok(*words)
    assert set(outcomes(done.document).values()) <= {"rotated", "there already"}
    assert_whole(fleet, names)
    before = fleet.life.kinds()
    done = fleet.life.ok(*words)
    assert set(outcomes(done.document).values()) == {"there already"}
    assert fleet.life.kinds() == before
    heap = chosen(fleet, "scans", "set-000-e1-g1-m3.jpg", "set-000-e2-g1-m1.jpg", "set-000-e2-g1-m2.jpg")
    done = fleet.life.run("--json", "rotate", "--all", "--scan", heap, "--out", fleet.folder / "third")
    assert outcomes(done.document) == {"set-000": "printed"}
    assert [(one["source"], one["verdict"]) for one in done.document["left_out"]] == [("set-000-e1-g1-m3.jpg", "void")]


def stranger(fleet: Fleet, folder: Path) -> None:
    """Scan a sheet of somebody else's set of the name of one of these."""
    text = (fleet.policies / "set-001.toml").read_text()
    policy = policies.parse_new(text)
    with home.open_home(fleet.life.home) as ledger:
        credential = targets.describe(policy, passphrase())
        epoch = sheets.seal_epoch(policy, text, credential, ledger.checkpoint(), 1, NO_PREDECESSOR)
    with Scanner() as scanner:
        sheets.print_epoch(epoch, Printing(fleet.folder / "strange"), scanner, EmptyDesk())
    scan_folder(fleet.folder / "strange", folder)


def test_what_is_missing_is_named_and_strangers_count_for_nothing(fleet: Fleet) -> None:
    heap = fleet.folder / "heap"
    heap.mkdir()
    stranger(fleet, heap)
    for path in heap.iterdir():
        path.rename(heap / f"strange-{path.name}")
    for path in fleet.scans.iterdir():
        if not path.name.startswith("set-001") or path.name.startswith("set-001-e1-g1-m1"):
            shutil.copy(path, heap)
    shutil.copy(next(fleet.scans.glob("set-002-*")), heap / "again.jpg")
    done = fleet.life.run("--json", "rotate", *fleet.names(), "--scan", heap, "--out", fleet.out)
    assert done.exit == 4
    found = {one["set"]: one for one in done.document["sets"]}
    assert outcomes(done.document) == {"set-000": "printed", "set-001": "sheets missing", "set-002": "printed"}
    (missing,) = found["set-001"]["missing"]
    assert missing["sheets"] == ["1.2 (Chen)", "1.3 (Dora)"]
    assert "got 1" in missing["why"]
    assert {one["verdict"] for one in done.document["left_out"]} == {"unknown set", "seen already"}
    assert sum("strange-" in one["source"] for one in done.document["left_out"]) == 3
    kinds = [entry.record.body.__struct_config__.tag for entry in fleet.life.entries() if entry.record.set == "set-001"]
    assert "declared" not in kinds
    assert set(new_sheets(fleet)) == {"set-000", "set-002"}


def test_a_target_that_refuses_and_an_opening_under_way_stop_no_other(fleet: Fleet) -> None:
    other = passphrase()
    (fleet.folder / "keys" / "set-000").unlink()
    make_key(fleet.folder / "keys" / "set-000", other)
    one = next(fleet.scans.glob("set-001-*"))
    assert fleet.life.run(
        "recombine", "set-001", *DECLARATION, "--scan", one, "--no-reveal", "--out", fleet.folder / "x",
    ).exit == 4  # fmt: skip
    done = fleet.life.run(*rotate_words(fleet))
    assert done.exit == 6
    found = {one["set"]: one for one in done.document["sets"]}
    assert outcomes(done.document) == {"set-000": "failed", "set-001": "failed", "set-002": "printed"}
    assert "refuses" in found["set-000"]["problem"]
    assert found["set-001"]["exit"] == 3
    assert set(new_sheets(fleet)) == {"set-002"}


def test_a_full_disk_fails_a_set_and_the_same_run_later_makes_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    write_new, written, names = durable.write_new, list[Path](), fleet.names()[:2]

    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_new(path, data, mode)

    def run() -> rotating.ManyRotated:
        with home.open_home(fleet.life.home) as ledger, Scanner() as scanner:
            return rotating.rotate(
                Recorder(ledger, EmptyDesk()),
                names,
                [fleet.scans],
                Printing(fleet.out),
                scanner,
                reason="planned rotation",
            )

    monkeypatch.setattr(durable, "write_new", full)
    found = run()
    assert [one.outcome for one in found.sets] == ["failed", "printed"]
    assert "No space left" in found.sets[0].problem
    assert set(new_sheets(fleet)) == {"set-001"}
    monkeypatch.setattr(durable, "write_new", write_new)
    assert [one.outcome for one in run().sets] == ["printed"] * 2
    assert {name: len(files) for name, files in new_sheets(fleet).items()} == dict.fromkeys(names, 6)


def test_with_a_folder_for_scans_each_set_is_rotated_whole_in_one_run(fleet: Fleet) -> None:
    readback, over = fleet.folder / "readback", threading.Event()
    readback.mkdir()

    def office() -> None:
        """Scan each set's new sheets as soon as its last card lies in its pile."""
        seen = set[str]()
        while not over.wait(0.05):
            for name, files in new_sheets(fleet).items():
                if name not in seen and len(files) == 6:
                    seen.add(name)
                    tray = fleet.folder / f"tray-{name}"
                    tray.mkdir()
                    for path in files:
                        shutil.copy(path, tray)
                    scan_folder(tray, readback)

    worker = threading.Thread(target=office)
    worker.start()
    heap = chosen(fleet, "scans", "set-000-*")
    done = fleet.life.run(
        "--json", "rotate", "--all", "--scan", heap, "--out", fleet.out, "--readback", readback, "--ack", "1",
        "--ack", "2", "--timeout", "120", "--protocol", fleet.folder / "protocols",
    )  # fmt: skip
    over.set()
    worker.join()
    assert done.exit == 0, done.err
    assert outcomes(done.document) == {"set-000": "rotated"}
    assert_whole(fleet, ["set-000"])
    assert not list(readback.iterdir())
    assert [path.name for path in (fleet.folder / "protocols").iterdir()] == ["set-000-rotate-1.pdf"]


def test_what_is_for_one_set_alone_is_refused_and_two_runs_share_no_folder(fleet: Fleet) -> None:
    for words in (["--abandon"], ["--typed", "-"]):
        done = fleet.life.run("rotate", "--all", *words, "--scan", fleet.scans, "--out", fleet.out)
        assert done.exit == 2
        assert f"expected one set with {words[0]}, got many" in done.err
    with Piles(fleet.out, "00").alone():
        done = fleet.life.run(*rotate_words(fleet))
    assert done.exit == 6
    assert "another run writes sheets" in done.document["error"]["message"]
    assert "declared" not in fleet.life.kinds()


def chosen(fleet: Fleet, source: str, *patterns: str) -> Path:
    """Lay scans of these names into a heap."""
    heap = fleet.folder / "heap"
    heap.mkdir(exist_ok=True)
    for pattern in patterns:
        for path in (fleet.folder / source).glob(pattern):
            shutil.copy(path, heap)
    return heap


def kinds_of(fleet: Fleet, name: str) -> list[str]:
    return [str(entry.record.body.__struct_config__.tag) for entry in fleet.life.entries() if entry.record.set == name]


def test_rehearsals_of_many_say_what_is_missing_and_go_on(fleet: Fleet) -> None:
    heap = chosen(fleet, "cards", "set-000-*", "set-002-*", "set-001-e1-g1-m2-*")
    chosen(fleet, "scans", "set-002-e1-g1-m1.jpg", "set-001-e1-g1-m3.jpg")
    words: list[str | Path] = ["--json", "drill", "rehearsal", "--all", *DECLARATION, "--scan", heap]
    done = fleet.life.run(*words)
    found = {one["set"]: one for one in done.document["sets"]}
    assert outcomes(done.document) == {"set-000": "rehearsed", "set-001": "cards missing", "set-002": "rehearsed"}
    assert found["set-000"]["drill"]["result"] == "pass"
    assert "first-scan" not in found["set-000"]["drill"]["steps_ms"]
    assert (found["set-002"]["drill"]["result"], found["set-002"]["drill"]["live"]) == ("warning", ["1.1"])
    (missing,) = found["set-001"]["missing"]
    assert missing["sheets"] == ["1.1 (Bo)", "1.3 (Dora)"]
    assert (done.exit, done.document["exposed"]) == (7, ["set-001 1.3"])
    assert kinds_of(fleet, "set-001")[-1] == "refused"
    assert "declared" not in kinds_of(fleet, "set-001")
    (heap / "set-001-e1-g1-m3.jpg").unlink()
    chosen(fleet, "cards", "set-001-*")
    done = fleet.life.ok(*words)
    assert outcomes(done.document) == {
        "set-000": "there already", "set-001": "rehearsed", "set-002": "there already",
    }  # fmt: skip
    assert [kinds_of(fleet, name).count("rehearsed") for name in fleet.names()] == [1, 1, 1]


def test_bags_are_called_by_a_list_and_a_wrong_serial_is_a_finding(fleet: Fleet) -> None:
    listed = fleet.folder / "called.csv"
    head = "set,sheet,bag,custodian,finding"
    listed.write_text(f"{head}\nset-000,1,B-1,,\nset-001,9,B-2,,\nset-002,1,,,\nset-002,2,B-1,,\nset-000,2,B-3,Emil,\n")
    before = fleet.life.kinds()
    done = fleet.life.run("drill", "roll-call", "--from", listed)
    assert done.exit == 2
    for words in ("line 3: set-001 has no sheet 1.9", "line 4: expected the serial", "line 5: bag B-1 is in line 2",
                  "line 6: sheet 1.2 of set-000 is with Bo, not with Emil"):  # fmt: skip
        assert words in done.err
    assert fleet.life.kinds() == before
    listed.write_text(
        f"{head}\nset-000,1,B-set-000-1,,\nset-001,1,B-x,,\nset-002,1,B-set-002-1,,seal torn\nset-002,3,b-SET-002-3,,\n"
    )
    done = fleet.life.run("--json", "drill", "roll-call", "--from", listed)
    assert done.exit == 7
    assert [one["outcome"] for one in done.document["sheets"]] == ["called", "failed", "failed", "called"]
    assert "expected the bag B-set-001-1, got B-x" in done.document["sheets"][1]["problem"]
    assert fleet.life.kinds().count("roll-call") == 4
    done = fleet.life.run("--json", "drill", "roll-call", "--from", listed)
    assert [one["outcome"] for one in done.document["sheets"]] == [
        "there already", "failed", "failed", "there already",
    ]  # fmt: skip
    mine = fleet.folder / "mine.csv"
    mine.write_text("set,sheet,bag\nset-000,chen,B-set-000-3\nset-002,1.1,B-set-002-1\n")
    done = fleet.life.run("--json", "drill", "roll-call", "--from", mine, "--custodian", "Chen")
    assert done.exit == 4
    assert [(one["set"], one["missing"]["sheets"]) for one in done.document["missing"]] == [("set-001", ["1.2 (Chen)"])]


def test_sheets_are_called_by_a_folder_and_two_of_one_set_are_refused(fleet: Fleet) -> None:
    heap = chosen(fleet, "scans", "set-000-e1-g1-m3.jpg", "set-001-e1-g1-m1.jpg", "set-001-e1-g1-m2.jpg")
    for number, path in enumerate(sorted(heap.iterdir())):
        path.rename(heap / f"IMG-{number}.jpg")
    shutil.copy(heap / "IMG-0.jpg", heap / "IMG-9.jpg")
    chosen(fleet, "cards", "set-000-e1-g1-m1-*")
    with Image.open(heap / "IMG-0.jpg") as one, Image.open(heap / "IMG-1.jpg") as other:
        both = Image.new("L", (one.width + other.width, one.height), 255)
        both.paste(one, (0, 0))
        both.paste(other, (one.width, 0))
        both.save(heap / "two.png")
    bags = fleet.folder / "new.csv"
    bags.write_text("set,sheet,bag\nset-000,3,N-1\n")
    done = fleet.life.run("--json", "drill", "roll-call", *fleet.names(), "--scan", heap, "--from", bags)
    found = {(one["set"], one["sheet"]): one for one in done.document["sheets"]}
    assert {place: one["outcome"] for place, one in found.items()} == {
        ("set-000", "1.3"): "called", ("set-001", "1.1"): "failed", ("set-001", "1.2"): "failed",
    }  # fmt: skip
    assert (found["set-000", "1.3"]["found"]["result"], found["set-000", "1.3"]["found"]["bag"]) == ("pass", "N-1")
    assert done.exit == 4
    assert [one["set"] for one in done.document["missing"]] == ["set-002"]
    assert {one["source"]: one["verdict"] for one in done.document["left_out"]} == {
        "IMG-9.jpg": "seen already", "two.png": "wrong share", "set-000-e1-g1-m1-drill.jpg": "drill code",
    }  # fmt: skip
    assert fleet.life.kinds().count("roll-call") == 1
    assert kinds_of(fleet, "set-001").count("refused") == 1

# SPDX-License-Identifier: Apache-2.0
"""A file is written, and is not there when somebody looks: nothing of ours takes a write that returned for a file.

The mischief happens at the flush: whatever was written is moved away, or another file is put in its place.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.alerts.sinks.file import File
from breakglass_shamir.custody.policy.sinks import FileSink
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import BreakglassError, LedgerUnwritable, PaperError, SinkFailure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable, placing
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.operations.audit import export, report
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.printing import outlet, protocol
from breakglass_shamir.standalone import recover

Attack = Callable[[Path], None]
NAME = "written"


def gone(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def replaced(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(b"what a stranger wrote")


def by_a_pipe(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    os.mkfifo(path)


def by_the_same_words(path: Path) -> None:
    """Another file with the same bytes: not ours, and whose nobody knows."""
    data = path.read_bytes()
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(data)


def the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("folder-elsewhere"))
    path.parent.mkdir()


@pytest.fixture(params=[gone, replaced, by_a_pipe, by_the_same_words, the_folder])
def attack(request: pytest.FixtureRequest) -> Attack:
    found: Attack = request.param
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / NAME


def at_the_flush(monkeypatch: pytest.MonkeyPatch, path: Path, attack: Attack) -> None:
    """Let the attack happen once, right after the file's own flush."""
    flush, done = os.fsync, list[bool]()

    def fsync(descriptor: int) -> None:
        flush(descriptor)
        if not done and path.exists() and os.path.sameopenfile(descriptor, descriptor) and path.is_file():
            done.append(True)
            attack(path)

    monkeypatch.setattr(os, "fsync", fsync)


def a_sheet(place: Path) -> None:
    outlet._write(place, b"a sheet")


def a_receipt(place: Path) -> None:
    receipts._write(place, b"a receipt")


def a_report(place: Path) -> None:
    report._write(place, iter(["a report"]))


def what_recover_leaves(place: Path) -> None:
    recover.create(place, b"a record")


WRITERS: list[tuple[Callable[[Path], None], type[Exception]]] = [
    (a_sheet, PaperError),
    (a_receipt, LedgerUnwritable),
    (a_report, LedgerUnwritable),
]


@pytest.mark.parametrize(("write", "error"), WRITERS)
def test_a_file_that_is_gone_was_not_written(
    write: Callable[[Path], None], error: type[Exception], attack: Attack, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_flush(monkeypatch, place, attack)
    with pytest.raises(error, match="could not be written"):
        write(place)
    assert not place.is_file() or place.read_bytes() in (
        b"what a stranger wrote",
        b"a sheet",
        b"a receipt",
        b"a report",
    )


def test_what_a_stranger_put_there_is_not_removed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_flush(monkeypatch, place, replaced)
    with pytest.raises(PaperError):
        a_sheet(place)
    assert place.read_bytes() == b"what a stranger wrote"


@pytest.mark.parametrize("attack", [gone, replaced])
def test_what_recovery_wrote_is_looked_for(attack: Attack, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_flush(monkeypatch, place, attack)
    with pytest.raises(OSError, match=r"not found again|No such file"):
        what_recover_leaves(place)


def test_a_protocol_is_looked_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = durable.sync_folder

    def then_it_goes(folder: Path) -> None:
        flush(folder)
        if place.exists():
            gone(place)

    monkeypatch.setattr(durable, "sync_folder", then_it_goes)
    with pytest.raises(PaperError, match="not found again"):
        protocol._write(place, b"a protocol")


def test_a_terminal_key_is_looked_for_and_never_half_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = durable.sync_folder

    def then_it_goes(folder: Path) -> None:
        flush(folder)
        if place.exists():
            gone(place)

    monkeypatch.setattr(durable, "sync_folder", then_it_goes)
    with pytest.raises(OSError, match="not found again"):
        placing.place_key(place, Secret(b"k" * 32))
    monkeypatch.undo()
    (place.parent / "elsewhere").unlink()
    write = os.fsync
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        placing.place_key(place, Secret(b"k" * 32))
    monkeypatch.setattr(os, "fsync", write)
    assert list(place.parent.iterdir()) == []
    placing.place_key(place, Secret(b"k" * 32))


def test_a_new_home_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, flush = tmp_path / "home", durable.sync_folder

    def then_it_goes(folder: Path) -> None:
        flush(folder)
        if folder == home and (home / "ledger.sqlite").exists():
            home.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(durable, "sync_folder", then_it_goes)
    with pytest.raises(LedgerUnwritable, match="could not be made"):
        homes.create(home, "north")


def test_the_folders_above_a_new_home_are_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    flush = durable.sync_folder

    def note(folder: Path) -> None:
        flushed.append(folder)
        flush(folder)

    monkeypatch.setattr(durable, "sync_folder", note)
    homes.create(tmp_path / "a" / "b" / "home", "north").close()
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "home"} <= set(flushed)


def test_every_file_of_an_export_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.create(tmp_path / "home", "north").close()
    look = durable.require_all_found

    def one_is_lost(folder: Path, sums: Any) -> None:
        next(folder.glob("*.json")).write_bytes(b"{}")
        look(folder, sums)

    monkeypatch.setattr(durable, "require_all_found", one_is_lost)
    with homes.open_home(tmp_path / "home") as ledger, pytest.raises(LedgerUnwritable, match="not found again"):
        export.export(ledger, "all", tmp_path / "export")


def an_event() -> Event:
    return Event("id", "", "subject", Severity.LOW, Action.NOTE, "", 0, {"message": "x"})


@pytest.mark.parametrize("attack", [gone, replaced])
def test_an_alert_in_a_file_that_is_gone_is_not_acknowledged(
    attack: Attack, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_flush(monkeypatch, place, attack)
    sink = File(FileSink(name="file", path=str(place)))
    with pytest.raises(SinkFailure, match="not found again"):
        sink.deliver([an_event()])
    monkeypatch.undo()
    sink.deliver([an_event()])


def test_a_copy_that_is_gone_is_no_place_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--record-to`` onto a stick that is pulled out."""
    home, stick = tmp_path / "home", tmp_path / "stick"
    flush = durable.sync_folder

    def pulled(folder: Path) -> None:
        flush(folder)
        if folder == stick and (stick / "ledger.sqlite").exists():
            stick.rename(tmp_path / "pulled")

    with homes.create(home, "north") as ledger:
        monkeypatch.setattr(durable, "sync_folder", pulled)
        with pytest.raises(LedgerUnwritable, match="could not be written either"):
            homes.move(ledger, stick, "the disk is full")
        monkeypatch.undo()
        assert not (home / "MOVED").exists()
        ledger.append(Refused(stage="test", error="none", message="the old one goes on"))


def test_an_error_names_no_byte_of_what_was_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_flush(monkeypatch, place, replaced)
    with pytest.raises(BreakglassError) as found:
        outlet._write(place, b"BGS1:SECRET")
    assert "SECRET" not in f"{found.value} {found.value.hint} {found.value.__cause__}"

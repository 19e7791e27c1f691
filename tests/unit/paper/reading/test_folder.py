# SPDX-License-Identifier: Apache-2.0
"""A file that a scanner is still writing is not taken for a complete one."""

from collections.abc import Iterator
from pathlib import Path

from breakglass_shamir.paper.reading.folder import wait_for_files


def next_files(waiting: Iterator[Path | None], looks: int) -> list[str]:
    return [path.name for path in (next(waiting) for _ in range(looks)) if path is not None]


def test_a_complete_file_comes_once(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"1")
    waiting = wait_for_files(tmp_path, poll_s=0)
    assert next_files(waiting, 5) == ["there.png"]
    (tmp_path / "new.png").write_bytes(b"2")
    assert next_files(waiting, 5) == ["new.png"]


def test_a_growing_file_waits_until_it_stays(tmp_path: Path) -> None:
    waiting = wait_for_files(tmp_path, poll_s=0)
    for size in range(4):
        (tmp_path / "scan.png").write_bytes(b"x" * size)
        assert next(waiting) is None
    assert next_files(waiting, 3) == ["scan.png"]


def test_hidden_unfinished_and_empty_files_are_left_alone(tmp_path: Path) -> None:
    for name in (".hidden.png", "scan.png.part", "scan.tmp"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    assert next_files(wait_for_files(tmp_path, poll_s=0), 4) == []


def test_a_file_replaced_under_its_name_comes_again(tmp_path: Path) -> None:
    waiting = wait_for_files(tmp_path, poll_s=0)
    (tmp_path / "scan.png").write_bytes(b"first")
    assert next_files(waiting, 3) == ["scan.png"]
    (tmp_path / "scan.png").unlink()
    assert next_files(waiting, 2) == []
    (tmp_path / "scan.png").write_bytes(b"first")
    assert next_files(waiting, 3) == ["scan.png"]


def test_a_folder_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    waiting = wait_for_files(tmp_path / "usb", poll_s=0)
    assert next(waiting) is None
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "scan.png").write_bytes(b"1")
    assert next_files(waiting, 3) == ["scan.png"]

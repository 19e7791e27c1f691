# SPDX-License-Identifier: Apache-2.0
"""Paths as people give them: what is meant by quotes, backslashes, blanks, ``~`` and ``file://``."""

import os
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen import answers, line, paths
from breakglass_shamir.errors import InvalidInput

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0\r\n"), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and name not in (".", "..")
)


def nowhere(_path: str) -> bool:
    return False


def parsed(answer: str, *there: str) -> list[str]:
    return [str(path) for path in paths.parse(answer, lambda path: path in there)]


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("", []), ("   ", []), ("''", []), ("scans", ["scans"]), ("/a/b.jpg ", ["/a/b.jpg"]),
        ("'/a b/c.jpg'", ["/a b/c.jpg"]), ('"/a b/c.jpg"', ["/a b/c.jpg"]), (r"/a\ b/c\'s.jpg", ["/a b/c's.jpg"]),
        (r"'/it'\''s here'", ["/it's here"]), (r'"/a \"b\" c"', ['/a "b" c']), (r'"/a\b"', [r"/a\b"]),
        ("'/a 1.jpg' '/a 2.jpg' /b.jpg", ["/a 1.jpg", "/a 2.jpg", "/b.jpg"]),
        ("'/not closed", ["/not closed"]), ('"/not closed', ["/not closed"]), ("/ends\\", ["/ends"]),
        ("file:///a%20b/c.jpg", ["/a b/c.jpg"]), ("file://localhost/a /b", ["/a", "/b"]), ("FILE:/a", ["/a"]),
        ("file:///a%20b\r\nfile:///c", ["/a b", "/c"]), ("'file:///a%20b'", ["/a b"]),
        ("/media/My Scans/one.pdf", ["/media/My Scans/one.pdf"]), ("/a  b", ["/a  b"]),
        ("/media/My Scans/1.pdf /media/2.pdf", ["/media/My Scans/1.pdf", "/media/2.pdf"]),
        ("./a ../b ~nobody-of-this-name/c", ["a", "../b", "~nobody-of-this-name/c"]),
    ],
)  # fmt: skip
def test_what_is_meant_by_an_answer(answer: str, meant: list[str]) -> None:
    assert parsed(answer) == meant


def test_the_home_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/olga")
    assert parsed("~/scans '~/My Scans' ~") == ["/home/olga/scans", "/home/olga/My Scans", "/home/olga"]


def test_what_is_there_under_the_very_words_is_meant() -> None:
    assert parsed(r"'q\uo ted'", r"'q\uo ted'") == [r"'q\uo ted'"]
    assert parsed("one two three", "one two", "three") == ["one two", "three"]
    assert parsed("one two three", "one", "two", "three") == ["one", "two", "three"]
    assert parsed("one two", "one two", "one", "two") == ["one two"]
    assert parsed("scan1 scan2", "scan1", "scan2") == ["scan1", "scan2"]


@pytest.mark.parametrize("answer", ["a\0b", "file:///a%00b", "file://nas/scans"])
def test_what_can_be_no_path_here_is_refused(answer: str) -> None:
    with pytest.raises(InvalidInput):
        parsed(answer)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_what_a_shell_would_quote_is_read_as_it_was(names: list[str]) -> None:
    given_ = [f"/d/{name}" for name in names]
    assert parsed(" ".join(map(shlex.quote, given_))) == given_
    assert parsed(" ".join(f"file://{quote(path)}" for path in given_)) == given_
    assert parsed(" ".join("".join(c if c.isalnum() or c == "/" else f"\\{c}" for c in path) for path in given_)) == [
        *given_
    ]


@given(st.text(max_size=200))
def test_no_answer_ends_in_anything_but_paths_or_a_sentence(answer: str) -> None:
    try:
        found = paths.parse(answer, nowhere)
    except InvalidInput as error:
        assert str(error)
        return
    assert all(isinstance(path, Path) for path in found)
    assert bool(found) <= bool(answer.strip())


def test_a_long_answer_takes_no_longer_than_its_length() -> None:
    looked = 0

    def count(_path: str) -> bool:
        nonlocal looked
        looked += 1
        return False

    for answer in ("a " * 2000, "'" * 5000, '"\\' * 2500, "\\" * 5000, "/a /b " * 1000):
        looked = 0
        paths.parse(answer, count)
        assert looked <= 15 * len(answer)


def test_what_is_not_there_is_said_with_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "usb1" / "Scans").mkdir(parents=True)
    (tmp_path / "usb1" / "Scans" / "sheet-1.jpg").touch()
    there = tmp_path / "usb1" / "Scans" / "sheet-1.jpg"
    assert paths.missing(there) == ""
    assert paths.missing(tmp_path / "usb0" / "scans" / "sheet_1.jpg").endswith(f"did you mean {there}?")
    assert paths.missing(tmp_path / "nothing like it") == f"there is nothing at {tmp_path / 'nothing like it'}"
    assert paths.nearest(tmp_path / "usb1" / "Scans" / "zzz" / "x") is None
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    assert "is a link to something that is not there" in paths.missing(tmp_path / "dangling")


def test_a_relative_path_has_a_nearest_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scans").mkdir()
    monkeypatch.chdir(tmp_path)
    assert paths.missing(Path("scan")) == "there is nothing at scan; did you mean scans?"


def test_a_folder_that_is_made_is_nobody_elses(tmp_path: Path) -> None:
    made = tmp_path / "a" / "b"
    paths.make_folder(made)
    assert made.stat().st_mode & 0o077 == 0
    paths.make_folder(made)
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInput, match="could not be made"):
            paths.make_folder(wrong)


class Typed:
    """People who give one answer after the other where nothing is drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
        self._left = list(said)
        monkeypatch.setattr(line, "read", self.read)

    def read(self, question: str, **_more: object) -> str:
        if not self._left:
            raise EOFError
        return self._left.pop(0)

    @property
    def done(self) -> bool:
        return not self._left


def test_a_path_is_asked_for_until_something_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "My Scans").mkdir()
    typed = Typed(
        monkeypatch,
        "",
        f"{tmp_path}/my scans",
        "file://nas/x",
        f"'{tmp_path}/My Scans' {tmp_path}/no",
        f"{tmp_path}/My Scans",
    )
    assert answers.ask_paths("Where") == (tmp_path / "My Scans",)
    assert typed.done
    said = capsys.readouterr().err
    for words in (
        "expected an answer",
        f"did you mean {tmp_path}/My Scans?",
        "a file on nas",
        f"nothing at {tmp_path}/no",
    ):
        assert words in said
    Typed(monkeypatch, "")
    assert answers.ask_paths("Where", optional=True) == ()


def test_a_folder_that_is_not_there_is_offered_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sheets").mkdir()
    typed = Typed(
        monkeypatch, f"{tmp_path}/file", f"{tmp_path}/a {tmp_path}/b", f"{tmp_path}/sheet", "n", f"{tmp_path}/new", "",
    )  # fmt: skip
    assert answers.ask_folder("Where") == tmp_path / "new"
    assert typed.done
    assert (tmp_path / "new").is_dir()
    assert not os.path.lexists(tmp_path / "sheet")
    said = capsys.readouterr().err
    assert "expected a folder, got a file" in said
    assert "expected one folder, got 2 paths" in said
    Typed(monkeypatch, "")
    assert answers.ask_folder("Where", optional=True) is None


def test_a_path_that_looks_like_a_share_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    share = "BGS1:0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456789"
    Typed(monkeypatch, share, str(tmp_path))
    assert answers.ask_paths("Where") == (tmp_path,)
    said = capsys.readouterr().err
    assert "was not taken" in said
    assert share not in said

# SPDX-License-Identifier: Apache-2.0
"""What Tab makes of a line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen import completion, paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("My Scans", "My Sheets", "it's", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("sheet-1.jpg", "sheet-2.jpg", 'a "quote".pdf'):
        (tmp_path / name).touch()
    (tmp_path / "My Scans" / "one.pdf").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "completed", "names"),
    [
        ("sh", "sheet-", ("sheet-1.jpg", "sheet-2.jpg")), ("sheet-", "sheet-", ("sheet-1.jpg", "sheet-2.jpg")),
        ("sheet-1", "sheet-1.jpg ", ()), ("My\\ Sc", "My\\ Scans/", ()), ("My\\ Scans/", "My\\ Scans/one.pdf ", ()),
        ("'My Sc", "'My Scans/", ()), ("'My Scans/o", "'My Scans/one.pdf' ", ()), ('"My Sc', '"My Scans/', ()),
        ("sheet-1.jpg My", "sheet-1.jpg My\\ S", ("My Scans/", "My Sheets/")), ("it", "it\\'s/", ()),
        ("~/it", "~/it\\'s/", ()), ("~/sheet-2", "~/sheet-2.jpg ", ()), ("a", 'a\\ \\"quote\\".pdf ', ()),
        (".h", ".hidden/", ()), ("nothing", "nothing", ()), ("no/thing", "no/thing", ()), ("~nobody", "~nobody", ()),
        ("'it's/", "'it's/", ()),
    ],
)  # fmt: skip
def test_a_path_is_completed_as_it_was_begun(folder: Path, line: str, completed: str, names: tuple[str, ...]) -> None:
    assert completion.paths(line) == completion.Offer(completed, names)


def test_an_empty_line_lists_what_is_there_and_leaves_hidden_names_out(folder: Path) -> None:
    assert completion.paths("").names == (
        "My Scans/", "My Sheets/", 'a "quote".pdf', "it's/", "sheet-1.jpg", "sheet-2.jpg",
    )  # fmt: skip


@pytest.mark.parametrize("begun", ["", "'", '"', "~/", "./"])
def test_what_is_completed_is_read_as_the_path_it_is(folder: Path, begun: str) -> None:
    (folder / "zz $x`\\ y.pdf").touch()
    for name in ("it's", 'a "quote".pdf', "zz $x`\\ y.pdf"):
        offer = completion.paths(begun + name[0])
        assert offer.names == ()
        (found,) = paths.parse(offer.line)
        assert found.resolve() == folder / name


def test_words_are_completed_after_a_comma_too() -> None:
    complete = completion.words(("North", "South", "Southern"))
    assert complete("no") == completion.Offer("North ")
    assert complete("North, s") == completion.Offer("North, South", ("South", "Southern"))
    assert complete("x") == completion.Offer("x")
    assert completion.words(("only",))("") == completion.Offer("only")


@given(st.text(max_size=60))
def test_no_line_is_lost(line: str) -> None:
    assert completion.paths(line).line.startswith(line) or "\\" in line or "'" in line or '"' in line

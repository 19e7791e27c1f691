# SPDX-License-Identifier: Apache-2.0
"""A file that could not be read is named, and so is what to do about it."""

import errno
import os
from pathlib import Path

import pytest

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.operations.reading.files import read_file


def said(path: Path, number: int) -> InvalidInput:
    return unreadable(path, OSError(number, os.strerror(number)))


def test_a_name_like_one_that_is_there_is_offered(tmp_path: Path) -> None:
    (tmp_path / "office.bundle").write_text("x")
    with pytest.raises(InvalidInput) as refused:
        read_file(tmp_path / "ofice.bundle", 10)
    assert str(refused.value) == f"{tmp_path / 'ofice.bundle'} could not be read: No such file or directory"
    assert refused.value.hint == f"did you mean {tmp_path / 'office.bundle'}?"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOENT, "see what is there with: ls '{folder}/a b'"),
        (errno.ENOTDIR, "see what is there with: ls '{folder}/a b'"),
        (errno.EACCES, "see who may read it with: ls -l '{folder}/a b/-x;id'"),
        (errno.EISDIR, "it is a folder: name a file in it; see them with: ls '{folder}/a b/-x;id'"),
        (errno.EIO, "copy it to another disk and name the copy, or name another file"),
    ],
)
def test_each_word_of_the_system_has_what_to_do(tmp_path: Path, number: int, hint: str) -> None:
    (tmp_path / "a b").mkdir()
    assert said(tmp_path / "a b" / "-x;id", number).hint == hint.format(folder=tmp_path)


@pytest.mark.parametrize("path", ["x", "", "/", ".", "..", "../x", "gone/away/x", "-x"])
def test_no_path_is_too_odd_for_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(Path(path), errno.ENOENT).hint


def test_what_the_caller_knows_better_stands_instead(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_file(tmp_path / "x", 10, hint="bring both files")
    assert refused.value.hint == "bring both files"

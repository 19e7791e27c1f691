# SPDX-License-Identifier: Apache-2.0
"""Sheets in odd formats and states, made elsewhere: read, or named as what they are."""

from pathlib import Path

import pytest

from breakglass_shamir.paper.reading.scan import NO_SHARE_IN_SIGHT, Scanner

BOTH, ENVELOPE = {"BGE1", "BGS1"}, {"BGE1"}


@pytest.mark.parametrize(
    ("name", "kinds", "words"),
    [
        ("avif.avif", BOTH, ""),
        ("jp2.jp2", BOTH, ""),
        ("pdf-photo12mp-72dpi.pdf", BOTH, ""),
        ("punch-finder.jpg", BOTH, ""),
        ("folded-up.jpg", ENVELOPE, NO_SHARE_IN_SIGHT),
        ("truncated.jpg", ENVELOPE, "cut off"),
        ("png-bitflip.png", set(), "damaged"),
        ("pdf-userpw.pdf", set(), "password"),
    ],
)
def test_it_is_read_or_named(vectors: Path, name: str, kinds: set[str], words: str) -> None:
    folder = vectors / "damaged"
    if not folder.is_dir():
        pytest.skip(f"no damaged files at {folder}")
    expected = set((folder / "expected.txt").read_text().split())
    with Scanner(timeout_s=200) as scanner:
        pages = list(scanner.read_path(folder / name))
    found = {code.text for page in pages for code in page.codes}
    assert found <= expected
    assert kinds <= {text[:4] for text in found}
    said = " ".join(page.problem + page.note for page in pages)
    assert words in said
    assert words or not said

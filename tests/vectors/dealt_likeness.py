# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts that look like a share, and of texts that do not."""

from collections.abc import Iterator

from dealt import Epoch, Vector, good
from keyboards import CHANGES_SHAPE, LAYOUTS, on
from plain_texts import PLAIN

FORGIVEN = str.maketrans("01", "OI")


def likeness(epochs: list[Epoch]) -> Iterator[Vector]:
    """Shares in every form and on every keyboard, and plain texts."""
    for number, text in enumerate(PLAIN, 1):
        yield _said(f"plain {number}", text, looks=False)
    for epoch, seat in ((epochs[0], (1, 1)), (epochs[2], (2, 2))):
        share = epoch.share(*seat)
        name = f"{epoch.name} {seat[0]}.{seat[1]}"
        yield from _forms(f"code of {name}", share.to_text())
        for number, line in enumerate(share.to_lines(), 1):
            yield from _forms(f"line {number} of {name}", line)
        yield _said(f"a word before the code of {name}", f"INC-7{share.to_text()}", looks=True)
        yield _said(f"a sentence around a line of {name}", f"it reads {share.to_lines()[1]} I think", looks=True)
        yield _said(f"five groups of {name}", share.to_lines()[2][:24], looks=True)
        yield _said(f"three groups of {name}", share.to_lines()[2][:14], looks=False)
    yield _said("a prefix and one character", "BGS1:2", looks=True)


def _forms(name: str, text: str) -> Iterator[Vector]:
    """One text as people and scanners deliver it."""
    bare = text.replace(" ", "")
    yield _said(name, text, looks=True)
    yield _said(f"{name}, small", text.lower(), looks=True)
    yield _said(f"{name}, with look-alikes", text.replace("BGS1", "BGSI").translate(FORGIVEN), looks=True)
    yield _said(f"{name}, with characters that cannot be read", f"{text[:9]}??{text[11:]}", looks=True)
    yield _said(f"{name}, without blanks", bare, looks=True)
    yield _said(f"{name}, with hyphens", "-".join(text.split()), looks=True)
    yield _said(f"{name}, with slashes", "/".join(text.split()), looks=True)
    yield _said(f"{name}, with full stops", ".".join(text.split()), looks=True)
    for layout in LAYOUTS:
        yield _said(f"{name}, {layout}", on(layout, text), looks=True)
        if layout not in CHANGES_SHAPE:
            yield _said(f"{name}, {layout}, without blanks", on(layout, bare), looks=True)


def _said(name: str, text: str, *, looks: bool) -> Vector:
    return good(name, "looks-like-share", {"text": text}, {"looks": looks})

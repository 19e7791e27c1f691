# SPDX-License-Identifier: Apache-2.0
"""Reads a report as a strict parser does, and counts what people and programs need to find their way in it."""

import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})
"""Elements that have no end."""

HEADINGS = ("h1", "h2", "h3", "h4", "h5")

_LOADING = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "manifest"}
"""Attributes that make a browser fetch something."""


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    """Names of the elements around it, the outermost first."""


@dataclass
class Read(HTMLParser):
    """A page, read; fails where an element is not closed where it should be."""

    elements: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, page: str) -> "Read":
        read = cls()
        read.feed(page)
        read.close()
        assert read.open == [], f"never closed: {read.open}"
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in {tag}"
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What people read, white space folded."""
        return re.sub(r"\s+", " ", " ".join(self.texts))

    @property
    def structure(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every element with the names of its attributes."""
        return [(one.name, tuple(one.attributes)) for one in self.elements]

    def named(self, *names: str) -> list[Element]:
        return [one for one in self.elements if one.name in names]


def check(page: str) -> Read:
    """Hold a page against what makes it readable for everybody, and against fetching anything."""
    read = Read.of(page)
    assert page.startswith("<!DOCTYPE html>")
    assert [one.attributes["lang"] for one in read.named("html")] == ["en"]
    assert len(read.named("h1")) == len(read.named("main")) == len(read.named("title")) == 1
    _levels(read)
    _anchors(read)
    _tables(read)
    assert not read.named("script", "iframe", "object", "embed", "base", "form", "img", "audio", "video")
    for one in read.elements:
        assert not _LOADING & set(one.attributes), one
        assert not [name for name in one.attributes if name.startswith("on")], one
    for link in read.named("link"):
        assert link.attributes["href"] == "data:,"
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    return read


def _levels(read: Read) -> None:
    levels = [int(one.name[1]) for one in read.named(*HEADINGS)]
    assert levels[0] == 1
    for before, after in itertools.pairwise(levels):
        assert after <= before + 1, f"a heading of level {after} after one of {before}"


def _anchors(read: Read) -> None:
    ids = [one.attributes["id"] for one in read.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids)), sorted(one for one in ids if ids.count(one) > 1)
    for one in read.elements:
        if "aria-labelledby" in one.attributes:
            assert one.attributes["aria-labelledby"] in ids
        if one.name == "a":
            assert one.attributes["href"].startswith("#"), one
            assert one.attributes["href"][1:] in ids, one


def _tables(read: Read) -> None:
    assert len(read.named("table")) == len(read.named("caption"))
    for at, one in enumerate(read.elements):
        if one.name == "table":
            assert read.elements[at + 1].name == "caption", "a table begins with its caption"
        if one.name == "th":
            assert one.attributes["scope"] in ("col", "row")
    rows = [at for at, one in enumerate(read.elements) if one.name == "tr"]
    assert all(read.elements[at + 1].name == "th" for at in rows), "each row has a header"

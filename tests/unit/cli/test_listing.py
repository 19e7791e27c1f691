# SPDX-License-Identifier: Apache-2.0
"""Lists of any length: CSV that is no formula, JSON that is one document, tables of which nothing is cut."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen.listing import FIRST, cell_of, csv_lines, first_of, json_list, long_table, together
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.errors import IntegrityError
from breakglass_shamir.formats.plain import escaped

NAMES = ("who", "what")
DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "'=1")  # noqa: RUF001


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_what_is_written_as_csv_is_read_again_and_no_cell_is_a_formula(rows: list[tuple[str, str]]) -> None:
    text = "".join(csv_lines(NAMES, [dict(zip(NAMES, row, strict=True)) for row in rows]))
    head, *found = list(csv.reader(io.StringIO(text, newline="")))
    assert head == list(NAMES)
    back = [tuple(cell[1:] if cell.startswith("'") else cell for cell in row) for row in found]
    assert back == [tuple(escaped(cell) for cell in row) for row in rows]
    for cell in (cell for row in found for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))  # noqa: RUF001


def test_an_apostrophe_stands_in_front_of_what_a_spreadsheet_would_run() -> None:
    for text in DANGEROUS:
        assert str(cell_of(text)).startswith("'") or str(cell_of(text)).startswith("\\")
    assert cell_of(("=a", "b")) == "'=a; b"
    assert (cell_of(-1), cell_of(True), cell_of(None), cell_of("")) == (-1, "yes", "", "")


def test_lines_end_as_rfc_4180_says() -> None:
    assert list(csv_lines(("a",), [{"a": 'x,"y"'}])) == ["a\r\n", '"x,""y"""\r\n']


@given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.integers(), "c": st.lists(st.text())}), max_size=4))
def test_json_is_one_document_however_it_is_put_together(items: list[dict[str, Any]]) -> None:
    text = "".join(together(json_list("found", items, lambda: {"more": [1, {"x": "y"}]}, "utf-8")))
    assert json.loads(text) == {"found": items, "more": [1, {"x": "y"}]}
    assert json.loads("".join(json_list("found", items, dict, "ascii"))) == {"found": items}
    if not items or all(one["c"] and one["a"].isascii() and one["a"].isprintable() for one in items):
        return
    assert "\x1b" not in text


def test_a_long_table_keeps_every_cell_whole() -> None:
    rows = [(str(number), "w" * 5, "the end") for number in range(FIRST + 5)]
    rows[-1] = ("x" * 40, "w" * 30, "\x1b[31mred")
    first, rest = first_of(rows)
    assert len(first) == FIRST
    lines = list(long_table(("NO", "WORD", "LAST"), first, rest, 0))
    assert len(lines) == FIRST + 6
    assert lines[0].split() == ["NO", "WORD", "LAST"]
    assert lines[-1].split() == ["x" * 40, "w" * 30, "\\x1b[31mred"]
    narrow = list(long_table(("NO", "WORD", "LAST"), [rows[-1]], [], 20))
    assert narrow[0].startswith("NO") and "x" * 40 in narrow[0]


@dataclass(frozen=True)
class Item:
    seq: int
    text: str


def breaking_off(at: int) -> Iterator[Item]:
    yield from (Item(number, "a\nb") for number in range(at))
    raise IntegrityError(f"record {at} was changed")


def test_a_long_list_that_breaks_off_is_one_document_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(None, as_json=True, color=False)
    with pytest.raises(click.exceptions.Exit) as ended:
        terminal.listed("records", breaking_off(700), (), lambda one: (one.text,), more=dict)
    assert ended.value.exit_code == IntegrityError.exit_code
    document = json.loads(capsys.readouterr().out)
    assert [one["seq"] for one in document["records"]] == list(range(len(document["records"])))
    assert len(document["records"]) > 500
    assert (document["error"]["message"], document["exit"]) == ("record 700 was changed", IntegrityError.exit_code)


def test_a_list_that_breaks_off_before_a_line_is_written_is_an_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(IntegrityError):
        Terminal(None, as_json=True, color=False).listed("records", breaking_off(7), (), lambda one: (one.text,))
    assert capsys.readouterr().out == ""

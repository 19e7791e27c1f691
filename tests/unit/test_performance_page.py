# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md and README.md say what the committed results say, and give a reason where ours is slower."""

import re
from pathlib import Path

import pytest

from tests.benchmarks import costs, performance
from tests.benchmarks.costs import Costs
from tests.benchmarks.peers import installed, tables
from tests.benchmarks.peers.tables import Results

REDRAW = "run: make performance"


@pytest.fixture(scope="module")
def results() -> Results:
    return tables.read(performance.PLOTS / "peers.json")


@pytest.fixture(scope="module")
def found() -> Costs:
    return costs.read(performance.PLOTS / "costs.json")


@pytest.mark.parametrize("page", performance.PAGES, ids=lambda page: page.name)
def test_a_page_has_the_figures_of_the_results(page: Path, results: Results, found: Costs) -> None:
    text = page.read_text()
    assert "<!-- figures: " in text
    assert performance.page(text, results, found) == text, REDRAW


def test_the_plots_are_drawn_from_the_results_and_shown(results: Results, found: Costs) -> None:
    drawn = dict(performance.plots(results, found))
    assert drawn.keys() == {path.name for path in performance.PLOTS.glob("*.svg")}
    for name, text in drawn.items():
        assert (performance.PLOTS / name).read_text() == text, f"{name}: {REDRAW}"
        assert f"](performance/{name})" in performance.PAGE.read_text()


def test_every_peer_is_there_or_it_is_said_why(results: Results) -> None:
    there = {row.peer for row in results.rows} | {one.peer for one in results.absent}
    assert {"ssss", "gfsplit", *installed.pinned()} <= there


def test_whatever_was_measured_was_tried_too(results: Results) -> None:
    assert [row.peer for row in results.rows if tables.lacks(row.peer, results.found) == "not tried"] == []


def test_where_ours_is_slower_a_reason_is_given(results: Results) -> None:
    reasons = set(re.findall(r"^#### Why: (.+)$", performance.PAGE.read_text(), re.M))
    assert {tables.GROUPS[group] for group in performance.slower_groups(results)} <= reasons


def test_people_write_no_figure_that_a_new_run_changes() -> None:
    """A sentence between the blocks says no time and no ratio."""
    text = performance.PAGE.read_text()
    for block in performance._BLOCK.finditer(text):
        text = text.replace(block[0], "")
    assert re.findall(r"\d+(?:\.\d+)? ?(?:ms|s|seconds|times|%)\b", text) == []


def test_a_figure_that_is_changed_by_hand_is_noticed(results: Results, found: Costs) -> None:
    text = performance.PAGE.read_text()
    ratio = next(iter(re.finditer(r"\| (\d+\.\d) \|", text)))
    wrong = text[: ratio.start(1)] + "999.9" + text[ratio.end(1) :]
    assert performance.page(wrong, results, found) == text

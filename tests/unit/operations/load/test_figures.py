# SPDX-License-Identifier: Apache-2.0
"""Percentiles of steps, and what they are held against; and the plot that the report draws of them."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.custody.life.drill_rules import NOT_REACHED, POINTS
from breakglass_shamir.custody.policy.tables import LOAD_STEPS
from breakglass_shamir.operations.audit import load_plot
from breakglass_shamir.operations.load import figures, marking

TIMES = st.lists(st.one_of(st.none(), st.integers(0, 10**7)), min_size=1, max_size=60)


@given(TIMES, st.sampled_from(POINTS))
def test_a_percentile_is_the_least_time_that_so_many_kept_to(times: list[int | None], percent: int) -> None:
    reached = sorted(one for one in times if one is not None)
    found = figures.percentile(reached, len(times), percent)
    keep = [one for one in reached if 100 * sum(other <= one for other in reached) >= percent * len(times)]
    assert found == (min(keep) if keep and reached else NOT_REACHED)


@given(st.lists(st.dictionaries(st.sampled_from(LOAD_STEPS), st.integers(0, 10**6)), min_size=1, max_size=30))
def test_the_figures_of_a_step_are_such_as_a_record_takes(played: list[dict[str, int]]) -> None:
    for took in figures.steps(played).values():
        reached = [one for one in took if one != NOT_REACHED]
        assert len(took) == len(POINTS)
        assert [*took[: len(reached)]] == sorted(reached)


def test_what_is_over_a_limit_and_what_was_not_measured() -> None:
    found = figures.steps([{"quorum": 900, "declared": 5}, {"quorum": 1100, "declared": 5}, {"declared": 6}])
    assert found["quorum"] == (900, 900, 900, 1100, -1, -1, -1, -1, -1)
    limits = {"quorum": (1000, 5000, 0), "declared": (0, 0, 6), "login": (0, 0, 1000)}
    assert list(figures.over(found, limits)) == [
        "quorum: p50 is 1.1 s, limited to 1.0 s",
        "quorum: too few rehearsals came to it for a p95, which is limited to 5.0 s",
    ]
    assert list(figures.unmeasured(found, limits)) == ["login: limited, and no rehearsal came to it"]


def test_of_many_reasons_a_record_has_room_for_the_first_and_says_how_many_more() -> None:
    assert figures.few(["a", "b", "a"]) == ("a", "b")
    assert figures.few([f"{number} ms" for number in range(64_000)])[-2:] == ("99 ms", "and 63900 more")


@given(
    st.lists(st.dictionaries(st.sampled_from(LOAD_STEPS), st.integers(0, 10**8)), min_size=1, max_size=20),
    st.dictionaries(st.sampled_from(LOAD_STEPS), st.tuples(*[st.integers(0, 10**9)] * 3)),
)
def test_every_plot_is_whole_and_holds_each_mark(
    played: list[dict[str, int]], limits: dict[str, tuple[int, ...]]
) -> None:
    steps = figures.steps(played)
    drawn = str(load_plot.plot(steps, limits))
    if not steps:
        assert drawn == ""
        return
    root = ElementTree.fromstring(drawn)  # noqa: S314 - it was drawn here
    marks = root.findall(".//g")
    limited = sum(bool(limit) for step in steps for limit in limits.get(step, ()))
    reached = sum(took[POINTS.index(percent)] != -1 for took in steps.values() for percent in (50, 95, 99))
    assert len(marks) == limited + reached
    across = [float(one.attrib[key]) for one in root.iter() for key in ("x1", "x2", "cx") if key in one.attrib]
    assert all(0 <= one <= load_plot.WIDTH for one in across)


def test_an_event_is_marked_in_every_form_and_keeps_its_id() -> None:
    document = {
        "message": "m", "severity_id": 6, "severity": "Fatal", "finding_info": {"title": "m", "uid": "i"},
        "unmapped": {"breakglass": {"record": "declared", "set": "s"}},
    }  # fmt: skip
    before = Event("id", "s", "m", Severity.FATAL, Action.TRIGGER, "i", 1, document)
    after = marking.marked(before, "abcd")
    assert (after.id, after.incident, after.action) == ("id", "i", Action.TRIGGER)
    said = f"{marking.MARK}m"
    assert (after.subject, after.document["message"], after.document["finding_info"]["title"]) == (said, said, said)
    assert (after.severity, after.document["severity_id"]) == (Severity.INFORMATIONAL, 1)
    assert after.document["unmapped"]["breakglass"] == {"record": "declared", "set": "s", "load_drill": "abcd"}
    assert before.document["message"] == "m"

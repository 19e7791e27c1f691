# SPDX-License-Identifier: Apache-2.0
"""Who, which place and which way of alerts matters to how many sets, held against counting every subset."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.across import Opens, PersonAcross, across
from breakglass_shamir.custody.policy.alert_ways import single, way
from breakglass_shamir.custody.policy.sinks import (
    AnySink,
    ExecSink,
    FileSink,
    JournaldSink,
    PagerDutySink,
    SlackSink,
    SmtpSink,
    SyslogSink,
    WebhookSink,
)
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.weak_points import MOST_SHARED_WITH, fewest_others
from breakglass_shamir.formats.structure import Group, Seat, Structure

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN/hAJVv5gUd4SdyzVuw3+LZ7JkXNPEL3cxE8m8Kf0D1",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHm4hGv3VRHiZl8AjuZnR2ruTcRfG1Aqq2WhpqoDRtRf",
]


def policy(name: str, custodians: Sequence[str], threshold: int = 2, rest: str = "", sites: str = "") -> Policy:
    people = "".join(
        f'[[custodians]]\nname = "{who}"\nsite = "{site}"\n'
        for who, site in zip(custodians, sites.split(), strict=False)
    )
    return policies.parse(
        f'name = "{name}"\n[target]\nuri = "manual:x"\n[[quorum.groups]]\nthreshold = {threshold}\n'
        f"custodians = {list(custodians)!r}\n[declaration]\nclasses = ['x']\n{people}{rest}"
    )


def person(policies: Sequence[Policy], name: str) -> PersonAcross:
    return next(one for one in across(policies).people if name in (one.name, *one.also))


def test_a_person_is_told_by_what_they_keep_and_by_what_they_open_and_stop() -> None:
    several = [
        policy("a", ["North", "South", "East"]),
        policy("b", ["north ", "South"]),
        policy("c", ["East", "West", "South"], 3),
    ]
    north, south, west = (person(several, name) for name in ("North", "South", "West"))
    assert (north.keeps, north.stops_alone) == (("a", "b"), ("b",))
    assert north.opens_with == (Opens(1, ("a", "b")),)
    assert south.opens_with == (Opens(1, ("a", "b")), Opens(2, ("c",)))
    assert west.stops_alone == ("c",)
    assert not any(one.opens_alone for one in across(several).people)


def test_two_names_with_one_key_are_one_person_who_may_open_alone() -> None:
    officers = f'[[officers]]\nname = "{{}}"\nkeys = ["{KEYS[0]} {{}}"]\n'
    several = [
        policy("a", ["Ann", "Anna"], rest=officers.format("Ann", "old comment")),
        policy("b", ["Ann", "Bob", "Cleo"], rest=officers.format("Anna", "new comment")),
    ]
    ann = person(several, "Ann")
    assert (ann.also, ann.opens_alone, ann.keeps) == (("Anna",), ("a",), ("a", "b"))
    assert ann.officer_of == ("a", "b")
    (key,) = across(several).keys_of_two
    assert (key.names, key.sets) == (("Ann", "Anna"), ("a", "b"))


def test_who_is_joined_by_several_keys_is_one() -> None:
    rest = (
        f'[[officers]]\nname = "A"\nkeys = ["{KEYS[0]}"]\n[[officers]]\nname = "B"\nkeys = ["{KEYS[1]}"]\n'
        f'[[officers]]\nname = "C"\nkeys = ["{KEYS[0]}", "{KEYS[1]}"]\n'
    )
    assert set(person([policy("x", ["A", "B", "D"], rest=rest)], "A").also) == {"B", "C"}


def test_a_site_is_told_by_what_its_loss_stops_and_what_it_alone_opens() -> None:
    several = [
        policy("a", ["N", "S", "E"], sites="hill lake bank"),
        policy("b", ["N", "S", "E"], sites="hill Hill bank"),
    ]
    hill, bank, lake = across(several).sites
    assert (hill.name, hill.sheets, hill.sets) == ("hill", 3, ("a", "b"))
    assert (bank.name, bank.sheets, bank.stopped) == ("bank", 2, ())
    assert (lake.name, lake.sets) == ("lake", ("a",))


def test_what_lies_at_one_site_may_open() -> None:
    hill = across([policy("b", ["N", "S", "E"], sites="hill hill bank")]).sites[0]
    assert (hill.stopped, hill.opened) == (("b",), ("b",))


def test_reviews_and_sinks_that_are_not_there_are_told() -> None:
    reviewed = f'[[officers]]\nname = "O"\nkeys = ["{KEYS[0]}"]\n[review]\n'
    sink = '[[alerts.sinks]]\nname = "j"\ntype = "journald"\n'
    found = across([policy("a", ["N", "S"]), policy("b", ["N", "S"], rest=reviewed + sink)])
    assert (found.not_reviewed, found.reviewed_by_officers, found.told_nobody) == (("a",), ("b",), ("a",))
    assert [(one.by, one.where, one.sets) for one in found.single_ways] == [("way", "journald", ("b",))]


SYSLOG = SyslogSink(name="a", host="siem.example.net")


@pytest.mark.parametrize(
    ("sinks", "found"),
    [
        ([], None),
        ([SYSLOG], ("way", "syslog siem.example.net")),
        ([SYSLOG, SyslogSink(name="b", host="siem.example.net")], ("way", "syslog siem.example.net")),
        ([SYSLOG, WebhookSink(name="b", url="https://u@SIEM.example.net:8443/x", secret_file="/s")],
         ("host", "siem.example.net")),
        ([SYSLOG, SmtpSink(name="b", host="mail.example.net", from_="a@b", to=("c@d",))], ("domain", "example.net")),
        ([SYSLOG, SmtpSink(name="b", host="mail.example.org", from_="a@b", to=("c@d",))], None),
        ([SyslogSink(name="a", host="a.one.co.uk"), SyslogSink(name="b", host="b.two.co.uk")], None),
        ([SyslogSink(name="a", host="a.one.co.uk"), SyslogSink(name="b", host="b.one.co.uk")], ("domain", "one.co.uk")),
        ([SyslogSink(name="a", host="10.0.0.1"), SyslogSink(name="b", host="10.1.0.1")], None),
        ([SyslogSink(name="a", host="siem"), SyslogSink(name="b", host="mail")], None),
        ([JournaldSink(name="a"), FileSink(name="b", path="/x"), ExecSink(name="c", argv=("/x",))],
         ("host", "this machine")),
        ([SlackSink(name="a", url_file="/a"), SlackSink(name="b", url_file="/b")], None),
        ([SYSLOG, PagerDutySink(name="b", routing_key_file="/k")], None),
        ([WebhookSink(name="a", url="https://[2001:db8::1]:1/x", secret_file="/s"),
          SyslogSink(name="b", host="2001:db8::1")], ("host", "2001:db8::1")),
    ],
)  # fmt: skip
def test_ways_that_end_in_one_place_are_single(sinks: list[AnySink], found: tuple[str, str] | None) -> None:
    assert single(sinks) == found
    assert all(way(sink) for sink in sinks)


@st.composite
def held(draw: st.DrawFn) -> tuple[Structure, list[list[Seat]]]:
    """A small structure, and its sheets dealt to people."""
    groups = [
        (draw(st.integers(1, members)), members)
        for members in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    ]
    needed = draw(st.integers(1, len(groups)))
    if sum(sorted(threshold for threshold, _ in groups)[:needed]) < 2:
        groups, needed = [(2, 3)], 1
    structure = Structure(needed, tuple(Group(*group) for group in groups))
    seats = [*structure.seats()]
    owners = draw(st.lists(st.integers(0, 5), min_size=len(seats), max_size=len(seats)))
    people = [[seat for seat, who in zip(seats, owners, strict=True) if who == one] for one in sorted(set(owners))]
    return structure, people


@settings(max_examples=300, deadline=None)
@given(held())
def test_with_how_few_others_is_what_counting_every_subset_says(made: tuple[Structure, list[list[Seat]]]) -> None:
    structure, people = made
    for who, found in enumerate(fewest_others(structure, people)):
        others = [seats for other, seats in enumerate(people) if other != who]
        assert found == next(
            size
            for size in range(len(others) + 1)
            for chosen in itertools.combinations(others, size)
            if structure.is_quorum([*people[who], *itertools.chain(*chosen)])
        )


def test_with_too_many_who_keep_several_nothing_is_said() -> None:
    count = MOST_SHARED_WITH + 1
    structure = Structure(2, (Group(2, count), Group(2, count)))
    assert fewest_others(structure, [[(1, n), (2, n)] for n in range(1, count + 1)]) == [None] * count

# SPDX-License-Identifier: Apache-2.0
"""What a policy names beyond itself: files that are not there, letters no sheet prints, groups, other options."""

from pathlib import Path

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.operations.policy import checking, surroundings

HEAD = """
name = "prod-db"
quorum = {{groups = [{{threshold = 2, custodians = [{names}]}}]}}
[declaration]
classes = ["idp-outage"]
"""


def policy(names: str = '"North", "South", "East"', rest: str = "", target: str = "") -> Policy:
    return policies.parse_new(text(names, rest, target))


def text(names: str = '"North", "South", "East"', rest: str = "", target: str = "") -> str:
    where = target or 'target = {uri = "ssh-key:///srv/key"}'
    return where + HEAD.format(names=names) + rest


@pytest.mark.parametrize("letters", ["北京", "مرحبا", "Ana \N{PARTY POPPER}"])
def test_a_name_that_no_sheet_can_print_is_named(letters: str) -> None:
    (found,) = surroundings.unprintable(policy(f'"{letters}", "South", "East"'))
    assert "quorum.groups[0].custodians" in found
    assert letters in found
    assert list(surroundings.unprintable(policy('"Zoë", "Ωμέγα", "Жанна"'))) == []


@pytest.mark.parametrize("key", ["belongs_to", "kit", "report_to"])
def test_so_is_every_other_text_of_a_sheet(key: str) -> None:
    (found,) = surroundings.unprintable(policies.parse_new(f'{key} = "東京 1"\n{text()}'))
    assert found.startswith(key)


@pytest.mark.parametrize(
    ("uri", "options", "key"),
    [
        ("postgresql://h/x", '{ca = "/none/ca.pem"}', "ca"),
        ("postgresql://h/x", '{log = "/none/*.csv"}', "log"),
        ("mysql://h/", '{certificate = "/none/c", key = "/none/k"}', "certificate"),
        ("mysql:///", '{socket = "/none/s"}', "socket"),
        ("kerberos://h/R", '{kdc_log = "/none/kdc.log"}', "kdc_log"),
        ("kerberos:///R", '{krb5_conf = "/none/krb5.conf"}', "krb5_conf"),
        ("kerberos://h/R", '{admin = "/none/ask", admin_account = "a/admin"}', "admin"),
    ],
)
def test_an_option_that_names_no_file_is_named(uri: str, options: str, key: str) -> None:
    found = [
        *surroundings.missing_files(policy(target=f'target = {{uri = "{uri}", account = "bg", options = {options}}}'))
    ]
    assert any(one.startswith(f"target.options.{key}: ") and "/none" in one for one in found), found


def test_a_sinks_files_are_looked_at(tmp_path: Path) -> None:
    sinks = '[[alerts.sinks]]\nname = "pager"\ntype = "pagerduty"\nrouting_key_file = "/none/key"\n'
    sinks += '[[alerts.sinks]]\nname = "disk"\ntype = "file"\npath = "/none/alerts"\n'
    found = checking.check(text(rest=sinks)).warnings
    assert [one for one in found if one.startswith("alerts.sinks (pager): routing_key_file: ") and "/none/key" in one]
    assert [one for one in found if one.startswith("alerts.sinks (disk): path: ")]


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ('{threshold = 1, custodians = ["a", "b"], name = "Head office"}, '
         '{threshold = 2, custodians = ["c", "d", "e"]}', "1 of 2 in Head office, and 2 of 3 in group 2"),
        ('{threshold = 2, custodians = ["a", "b"], name = "Bonn"}, '
         '{threshold = 2, custodians = ["c", "d"], name = "Köln"}', "2 of 2 in Bonn, and 2 of 2 in Köln"),
        ('{threshold = 2, custodians = ["a", "b"]}, {threshold = 2, custodians = ["c", "d"]}',
         "2 of 2 in group 1, and 2 of 2 in group 2"),
    ],
)  # fmt: skip
def test_groups_are_called_by_their_names(groups: str, wanted: str) -> None:
    source = 'name = "x"\ntarget = {uri = "ssh-key:///k"}\n' + f"quorum = {{groups = [{groups}]}}\n"
    source += '[declaration]\nclasses = ["idp-outage"]\n'
    assert checking.check(source).opens_with == wanted


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ({"log": "/a"}, {"log": "/b"}, ["target.options.log: '/b' instead of '/a'"]),
        ({}, {"ca": "/c"}, ["target.options.ca: '/c' instead of none"]),
        ({"tls": "verify", "ca": "/c"}, {"ca": "/c"}, ["target.options.tls: none instead of 'verify'"]),
        ({"ca": "/c"}, {"ca": "/c"}, []),
    ],
)
def test_which_option_differs_is_said(old: dict[str, str], new: dict[str, str], wanted: list[str]) -> None:
    assert [*surroundings.other_options(old, new)] == wanted

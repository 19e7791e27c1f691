# SPDX-License-Identifier: Apache-2.0
"""Every change that allows more is named; every other change names nothing."""

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy import tables
from breakglass_shamir.custody.policy.weak_points import fewest_people
from breakglass_shamir.custody.policy.weakening import changes_quorum, weakenings
from breakglass_shamir.formats.structure import Group, Structure

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtQ0GhdyqUDkzd5Zk5k1GyUuuCsqKhlE2YnOQ9DdxXe duty"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtQ0GhdyqUDkzd5Zk5k1GyUuuCsqKhlE2YnOQ9DdxXf second"
PRINT = "SHA256:" + "A" * 43

AUDITOR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMWmLOP6f22GrwAJOJzNgVJ3aR6mTaDFyY4wK7E91ZJI"
OTHER_AUDITOR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICxEVUGFSiTNtsUUZ6dBta5nLmKTk2OMdJlieVdtWUOS"

BASE = f"""
name = "prod-db"
report_to = "1"
kit = "shelf"

[target]
uri = "ssh-key:///srv/key"
account = "root"
kind = "password"
options = {{ a = "b" }}

[quorum]
group_threshold = 2
[[quorum.groups]]
threshold = 3
custodians = ["A", "B", "C", "D"]
[[quorum.groups]]
threshold = 1
custodians = ["E", "F"]
[[quorum.groups]]
threshold = 2
custodians = ["G", "H"]

[[officers]]
name = "duty"
keys = ["{KEY}"]
valid_from = "2026-01-01"
valid_until = "2026-12-31"
revoked = ["{PRINT}"]

[declaration]
classes = ["idp-outage"]
ticket = "INC-[0-9]+"
officers = 3
signatures = 1
valid_for = "30m"
use_for = "1h"

[reveal]
modes = ["exec"]
show_for = "30s"
[use]
record = "always"
auditors = ["{AUDITOR}"]

[rotation]
deadline = "1d"
may_defer = false
length = 24
max_age = "365d"
endpoints = ["ssh-key:///srv/key", "ssh-key:///srv/second"]
end_sessions = true
wait_for_sessions = "10m"

[drills]
roll_call = "90d"
rehearsal = "90d"
access = "365d"

[audit]
standards = ["ism", "soc-2"]

[alerts]
require_ack = true
repeat = "1h"
[[alerts.sinks]]
name = "journal"
type = "journald"
[[alerts.sinks]]
name = "log"
type = "file"
path = "/var/log/b"
"""

WEAKER = [
    ('"ssh-key:///srv/key"\naccount', '"ssh-key:///srv/b"\naccount',
     ["target.uri: 'ssh-key:///srv/b' instead of 'ssh-key:///srv/key'"]),
    ('account = "root"', 'account = "toor"', ["target.account: 'toor' instead of 'root'"]),
    ('kind = "password"', 'kind = "token"', ["target.kind: 'token' instead of 'password'"]),
    ('a = "b"', 'a = "c"', ["target.options: others than before"]),
    ('threshold = 3\n', 'threshold = 2\n', ["quorum.groups[0].threshold: 2 instead of 3"]),
    ('threshold = 2\ncustodians = ["G', 'threshold = 1\ncustodians = ["G',
     ["quorum: 2 sheets open it instead of 3", "quorum: 2 people open it instead of 3",
      "quorum.groups[2].threshold: 1 instead of 2"]),
    ('"C", "D"]', '"C", "D", "X"]', ["quorum.groups[0]: 3 of 5 instead of 4"]),
    ('["G", "H"]', '["G", "E"]', ["quorum: 2 people open it instead of 3"]),
    ("[[officers]]", '[[quorum.groups]]\nthreshold = 3\ncustodians = ["X", "Y", "Z"]\n[[officers]]',
     ["quorum.groups[3]: another group that may take part"]),
    ('["idp-outage"]', '["idp-outage", "mfa-outage"]', ["declaration.classes: also mfa-outage"]),
    ('"INC-[0-9]+"', '"CHG-[0-9]+"', ["declaration.ticket: 'CHG-[0-9]+' instead of 'INC-[0-9]+'"]),
    ("officers = 3", "officers = 2", ["declaration.officers: 2 instead of 3"]),
    ("signatures = 1", "signatures = 0", ["declaration.signatures: 0 instead of 1"]),
    ('report_to = "1"', 'report_to = "2"', ["report_to: '2' instead of '1'"]),
    ('kit = "shelf"\n', "", ["kit: '' instead of 'shelf'"]),
    (f'"{KEY}"', f'"{KEY}", "{OTHER}"', ["officers: another key of duty counts"]),
    ("[declaration]", f'[[officers]]\nname = "new"\nkeys = ["{OTHER}"]\nvalid_until = "2027-01-01"\n[declaration]',
     ["officers: another key of new counts"]),
    (f'"{PRINT}"', "", ["officers: a revoked key of duty counts again"]),
    ('valid_from = "2026-01-01"', 'valid_from = "2025-12-31"', ["officers: keys of duty count for longer"]),
    ('valid_until = "2026-12-31"\n', "", ["officers: keys of duty count for longer"]),
    ('valid_for = "30m"', 'valid_for = "31m"', ["declaration.valid_for: 31m instead of 30m"]),
    ('use_for = "1h"', 'use_for = "61m"', ["declaration.use_for: 61m instead of 1h"]),
    ('modes = ["exec"]', 'modes = ["exec", "show"]', ["reveal.modes: also show"]),
    ('show_for = "30s"', 'show_for = "31s"', ["reveal.show_for: 31s instead of 30s"]),
    ('record = "always"', 'record = "offered"', ["use.record: 'offered' instead of 'always'"]),
    ('standards = ["ism", "soc-2"]', 'standards = ["soc-2"]', ["audit.standards: no longer ism"]),
    ('standards = ["ism", "soc-2"]', "", ["audit.standards: no longer ism", "audit.standards: no longer soc-2"]),
    (f'auditors = ["{AUDITOR}"]', "auditors = []", ["use.auditors: recordings lie in the clear"]),
    ('deadline = "1d"', 'deadline = "2d"', ["rotation.deadline: 2d instead of 1d"]),
    ("may_defer = false", "may_defer = true", ["rotation.may_defer: a rotation may be put off"]),
    ("length = 24", "length = 23", ["rotation: credentials of 134 bits instead of 140"]),
    ('max_age = "365d"', 'max_age = "366d"', ["rotation.max_age: 366d instead of 365d"]),
    (', "ssh-key:///srv/second"]', "]", ["rotation.endpoints: no proof at ssh-key:///srv/second"]),
    (
        ', "ssh-key:///srv/second"]', ', "ssh-key:///srv/second", "exec:///srv/mine"]',
        ["rotation.endpoints: both credentials are also tried at exec:///srv/mine"],
    ),
    ("end_sessions = true", "end_sessions = false", ["rotation.end_sessions: sessions go on after a rotation"]),
    ('wait_for_sessions = "10m"', 'wait_for_sessions = "11m"', ["rotation.wait_for_sessions: 11m instead of 10m"]),
    ('roll_call = "90d"', 'roll_call = "91d"', ["drills.roll_call: 91d instead of 90d"]),
    ('rehearsal = "90d"', 'rehearsal = "91d"', ["drills.rehearsal: 91d instead of 90d"]),
    ('access = "365d"', 'access = "366d"', ["drills.access: 366d instead of 365d"]),
    ("require_ack = true", "require_ack = false", ["alerts.require_ack: nobody need have been told"]),
    ('repeat = "1h"', 'repeat = "2h"', ["alerts.repeat: 2h instead of 1h"]),
    ('[[alerts.sinks]]\nname = "journal"\ntype = "journald"\n', "", ["alerts.sinks: journal is gone"]),
    ('path = "/var/log/b"', 'path = "/dev/null"', ["alerts.sinks: log is another one"]),
]  # fmt: skip


def read(source: str) -> tables.Policy:
    return policies.parse(source)


def changed(old: str, new: str) -> tables.Policy:
    assert BASE.count(old) == 1, old
    return read(BASE.replace(old, new))


@pytest.mark.parametrize(("old", "new", "named"), WEAKER)
def test_what_allows_more_is_named(old: str, new: str, named: list[str]) -> None:
    assert [*weakenings(read(BASE), changed(old, new))] == named


@pytest.mark.parametrize(
    ("old", "new"),
    [(new, old) for old, new, _ in WEAKER if old and new and old.split(" =")[0] not in {'"ssh-key', "account", "kind"}
     and not old.startswith(('"ssh-key', ', "ssh-key', 'a = "b"', '"INC', "path", "[[officers]]", "report_to",
                              "[declaration]", 'valid_until'))],
)  # fmt: skip
def test_what_allows_less_is_not(old: str, new: str) -> None:
    assert weakenings(changed(new, old), read(BASE)) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"A", "B"', '"Y", "Z"'),
        ('["E", "F"]', '["E"]'),
        ("group_threshold = 2", "group_threshold = 3"),
        ("threshold = 3\n", "threshold = 4\n"),
        ('name = "prod-db"', 'name = "prod-db"\nbelongs_to = "x"'),
        ('account = "root"', 'account = "root"\nsecond_account = "safe 3"'),
        ("[alerts]", "[alerts]\nname_people = true"),
        ("[alerts]", '[alerts]\nbudget = "9s"'),
    ],
)
def test_what_is_another_matter_is_not_named(old: str, new: str) -> None:
    assert weakenings(read(BASE), changed(old, new)) == ()


def test_people_who_cannot_be_counted_are_taken_for_fewer() -> None:
    def shared(second: str) -> tables.Policy:
        groups = [[f"{prefix}{n}" for n in range(20)] for prefix in ("A", second)]
        quorum = "".join(f"[[quorum.groups]]\nthreshold = 2\ncustodians = {names}\n" for names in groups)
        return read(f'name = "x"\ntarget = {{uri = "manual:"}}\ndeclaration = {{classes = ["x"]}}\n{quorum}')

    apart, twice = shared("B"), shared("A")
    assert fewest_people(twice) is None, "every one of twenty people keeps a sheet of both groups"
    uncounted = ("quorum: too many people keep several sheets to tell how few could open it",)
    assert weakenings(apart, twice) == uncounted
    assert weakenings(twice, twice) == ()


def test_new_keys_of_officers_weaken_nothing_where_no_signature_is_asked_for() -> None:
    before = read(BASE.replace("signatures = 1", "signatures = 0"))
    after = read(BASE.replace("signatures = 1", "signatures = 0").replace(f'"{KEY}"', f'"{KEY}", "{OTHER}"'))
    assert weakenings(before, after) == ()


def test_a_policy_for_a_set_known_from_its_sheets_may_list_classes_and_tickets() -> None:
    structure = Structure(2, (Group(3, 4), Group(1, 2), Group(2, 2)))
    known = policies.built_in("prod-db", structure, "ssh-key:///srv/key")
    alone = BASE.replace(', "ssh-key:///srv/second"', "")
    strict = read(alone.replace('account = "root"', "").replace('options = { a = "b" }', ""))
    assert weakenings(known, strict) == ()
    assert changes_quorum(known, strict)


@pytest.mark.parametrize(
    ("readers", "named"),
    [
        (
            [OTHER_AUDITOR],
            ["use.auditors: a key reads no further recording", "use.auditors: another key reads recordings"],
        ),
        ([AUDITOR, OTHER_AUDITOR], ["use.auditors: another key reads recordings"]),
        ([f"{AUDITOR} with-a-comment"], []),
    ],
)
def test_other_readers_of_recordings_are_named(readers: list[str], named: list[str]) -> None:
    listed = ", ".join(f'"{one}"' for one in readers)
    new = BASE.replace(f'auditors = ["{AUDITOR}"]', f"auditors = [{listed}]")
    assert list(weakenings(policies.parse(BASE), policies.parse(new))) == named


REVIEW = """
[review]
needed = 1
[[review.reviewers]]
name = "rosa"
keys = ["{key}"]
revoked = ["{revoked}"]
"""
ANOTHER_PRINT = f"SHA256:{'C' * 43}"
AGAIN = "officers: a revoked key of duty counts again"
DUTY = BASE[BASE.index("[[officers]]") : BASE.index("[declaration]")]


@pytest.mark.parametrize("signatures", [0, 1])
def test_who_leaves_takes_no_revoked_key_along(signatures: int) -> None:
    """A key may be listed for a custodian or a reviewer, too, so it says so where no officer signs."""
    base = BASE.replace("signatures = 1", f"signatures = {signatures}")
    stays = f'[[officers]]\nname = "stays"\nkeys = ["{OTHER}"]\n'
    old = read(base.replace("[declaration]", f"{stays}[declaration]"))
    assert weakenings(old, read(base.replace(DUTY, stays))) == (AGAIN,)
    keeps = stays + f'revoked = ["{PRINT}"]\n'
    assert weakenings(old, read(base.replace(DUTY, keeps))) == (), "it stands with somebody else now"


def test_a_reviewer_who_leaves_and_a_review_that_goes_take_none_along() -> None:
    mine = REVIEW.format(key=OTHER, revoked=ANOTHER_PRINT)
    again = "review.reviewers: a revoked key of rosa counts again"
    old = read(BASE + mine)
    assert weakenings(old, read(BASE)) == (again, "review: no use owes a review")
    other = mine.replace("rosa", "ada").replace(f'revoked = ["{ANOTHER_PRINT}"]', "")
    assert weakenings(old, read(BASE + other)) == (again, "review.reviewers: another key of ada counts")
    to_officer = BASE.replace(f'"{PRINT}"', f'"{PRINT}", "{ANOTHER_PRINT}"')
    assert weakenings(old, read(to_officer)) == ("review: no use owes a review",)
    assert weakenings(read(to_officer), read(BASE + mine)) == (), "a reviewer's list revokes as well as an officer's"


def test_a_budget_in_which_probes_answer_keeps_its_length() -> None:
    """In less time more of them are silent, and silence keeps the gate of an outage open."""
    probe = '[[outage.probes]]\nname = "directory"\nuri = "tcp://h:1"\n'
    before, shorter, longer = (read(f'{BASE}\n[outage]\nbudget = "{one}"\n{probe}') for one in ("5s", "1s", "6s"))
    assert weakenings(before, shorter) == ("outage.budget: 1s instead of 5s",)
    assert weakenings(before, longer) == ("outage.budget: 6s instead of 5s",)
    assert weakenings(before, before) == ()

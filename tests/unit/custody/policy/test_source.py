# SPDX-License-Identifier: Apache-2.0
"""A policy file either describes a set that can be kept, or is refused by key path and what was expected."""

import hashlib

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.errors import InvalidInput, InvalidPolicy
from breakglass_shamir.formats.structure import Group, Structure

PLAIN = """
name = "prod-db"

[target]
uri = "ssh-key:///srv/key"

[quorum]
[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]

[declaration]
classes = ["idp-outage"]
"""

TWO_GROUPS = PLAIN.replace(
    "[declaration]", '[[quorum.groups]]\nthreshold = 1\ncustodians = ["Duty", "Second"]\n\n[declaration]'
)


def changed(old: str, new: str, source: str = PLAIN) -> str:
    assert old in source
    return source.replace(old, new)


def refusal(source: str) -> str:
    with pytest.raises(InvalidPolicy) as refused:
        policies.parse_new(source)
    return str(refused.value)


def test_a_plain_policy_has_the_documented_defaults() -> None:
    policy = policies.parse(PLAIN)
    assert policy.structure == Structure(1, (Group(2, 3),))
    assert (policy.declaration.officers, policy.declaration.ticket) == (2, r"\S+")
    assert (str(policy.declaration.valid_for), str(policy.declaration.use_for)) == ("30m", "1h")
    assert policy.reveal.modes == ("exec", "show", "no-reveal")
    assert str(policy.reveal.show_for) == "1m"
    assert (str(policy.rotation.deadline), policy.rotation.may_defer, policy.rotation.length) == ("1d", False, 24)
    assert policy.custodian((1, 2)) == "South"


def test_several_groups_are_all_needed_unless_the_policy_says_how_many() -> None:
    assert policies.parse(TWO_GROUPS).structure == Structure(2, (Group(2, 3), Group(1, 2)))
    one = changed("[quorum]", "[quorum]\ngroup_threshold = 1", changed("threshold = 1", "threshold = 2", TWO_GROUPS))
    assert policies.parse(one).structure == Structure(1, (Group(2, 3), Group(2, 2)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "prod-db"\n', "", "name: expected text of 1 to 64 characters, got nothing"),
        ('name = "prod-db"', "name = 3", "name: expected text of 1 to 64 characters, got 3"),
        ('name = "prod-db"', 'name = ""', "name: expected text of 1 to 64 characters, got ''"),
        ('name = "prod-db"', 'name = "x"\nname = "y"', "not TOML: cannot overwrite a value (at line 3, column 11)"),
        ('name = "prod-db"', 'name = "x"\ncolour = "red"',
         "colour: unknown key, expected one of name, target, quorum, declaration, belongs_to, report_to, kit, "
         "custodians, sites, officers, reveal, use, rotation, drills, alerts, review, audit, outage, ticket, arming"),
        ("[target]", "[target]\ncolour = 1",
         "target.colour: unknown key, expected one of uri, account, second_account, kind, options"),
        ("[quorum]", "[quorum]\ncolour = 1", "quorum.colour: unknown key, expected one of groups, group_threshold"),
        ("threshold = 2", "threshold = 2\nn = 3",
         "quorum.groups[0].n: unknown key, expected one of threshold, custodians, name"),
        ("[declaration]", "[declaration]\nclass = 1",
         "declaration.class: unknown key, expected one of classes, ticket, officers, signatures, valid_for, "
         "use_for, rules; did you mean classes?"),
        ("[declaration]", "[reveal]\nmode = 1\n[declaration]",
         "reveal.mode: unknown key, expected one of modes, show_for; did you mean modes?"),
        ("[declaration]", "[rotation]\nat = 1\n[declaration]",
         "rotation.at: unknown key, expected one of deadline, may_defer, length, alphabet, must_contain, "
         "must_avoid, max_age, endpoints, end_sessions, wait_for_sessions"),
        ('uri = "ssh-key:///srv/key"', "", "target.uri: expected text of 3 to 400 characters, got nothing"),
        ('uri = "ssh-key:///srv/key"', 'uri = "x"', "target.uri: expected text of 3 to 400 characters, got 'x'"),
        ('uri = "ssh-key:///srv/key"', f'uri = "{"x" * 401}"',
         "target.uri: expected text of 3 to 400 characters, got 401 characters"),
        ('classes = ["idp-outage"]', "", "declaration.classes: expected a list of 1 or more, got nothing"),
        ('classes = ["idp-outage"]', "classes = []", "declaration.classes: expected a list of 1 or more, got 0"),
        ('classes = ["idp-outage"]', 'classes = [" "]', "declaration.classes: expected names that are not empty"),
        (
            "[declaration]",
            '[declaration]\nticket = "("',
            "declaration.ticket: not a regular expression: missing ): (",
        ),
        ("[declaration]", "[declaration]\nofficers = 0",
         "declaration.officers: expected a whole number from 1 to 20, got 0"),
        ("[declaration]", "[declaration]\nofficers = 21",
         "declaration.officers: expected a whole number from 1 to 20, got 21"),
        (
            "[declaration]",
            '[declaration]\nuse_for = "1w"',
            "declaration.use_for: expected a duration such as 45s, 30m, 1h or 90d, got '1w'",
        ),
        ("[declaration]", '[reveal]\nmodes = []\n[declaration]', "reveal.modes: expected a list of 1 or more, got 0"),
        (
            "[declaration]",
            '[reveal]\nmodes = ["shout"]\n[declaration]',
            "reveal.modes[0]: expected one of exec, no-reveal, show, got 'shout'; did you mean show?",
        ),
        ("[declaration]", "[rotation]\nlength = 7\n[declaration]",
         "rotation.length: expected a whole number from 8 to 512, got 7"),
        (
            "[declaration]",
            '[rotation]\nlength = 8\nalphabet = "01"\n[declaration]',
            "rotation.length: expected 80 bits of entropy or more, got 8",
        ),
        ("threshold = 2", "threshold = 0", "quorum.groups[0].threshold: expected a whole number from 1 to 255, got 0"),
        ("threshold = 2", "threshold = 256",
         "quorum.groups[0].threshold: expected a whole number from 1 to 255, got 256"),
        ("threshold = 2", "threshold = 4", "quorum: expected a threshold from 1 to 3 in group 1, got 4"),
        (
            "threshold = 2",
            "threshold = 1",
            "quorum: one person alone could open this: expected a coalition of 2 or more sheets",
        ),
        ("[quorum]", "[quorum]\ngroup_threshold = 2", "quorum: expected a group threshold from 1 to 1, got 2"),
        ('"North", "South", "East"', "", "quorum.groups[0].custodians: expected a list of 1 to 255, got 0"),
        ('"South"', '"North"', "quorum.groups[0].custodians: the same custodian twice in one group"),
        ('"South"', '" "', "quorum.groups[0].custodians: expected printable names"),
        ('"South"', '"B\\u202een"', "quorum.groups[0].custodians: expected printable names"),
    ],
)  # fmt: skip
def test_every_error_names_the_key_and_what_was_expected(old: str, new: str, message: str) -> None:
    assert refusal(changed(old, new)) == message


@pytest.mark.parametrize("name", ["a b", "a/b", "a\\\\b", ".a", "-a", "a\\tb", "a\\u202eb", "é" * 33])
def test_a_name_must_be_fit_for_a_file_and_a_sheet(name: str) -> None:
    assert refusal(changed("prod-db", name)) == (
        "name: expected up to 64 bytes of printable text without spaces and slashes, and no dot or hyphen in front"
    )


def test_what_is_not_toml_is_refused_with_its_place() -> None:
    assert refusal("name = ") == "not TOML: invalid value (at end of document)"
    assert refusal("").splitlines() == [
        "4 problems in this policy:",
        "  name: expected text of 1 to 64 characters, got nothing",
        "  target: expected a table, got nothing",
        "  quorum: expected a table, got nothing",
        "  declaration: expected a table, got nothing",
    ]


def test_one_person_with_a_sheet_in_each_needed_group_is_refused() -> None:
    alone = changed(
        'threshold = 2\ncustodians = ["North", "South", "East"]', 'threshold = 1\ncustodians = ["North"]', TWO_GROUPS
    )
    assert refusal(changed('"Duty"', '"North"', alone)) == (
        "quorum: 'North' alone could open this set, by holding a sheet in each group"
    )
    policies.parse(alone)


def test_a_person_in_two_groups_is_fine_where_that_opens_nothing() -> None:
    assert policies.parse(changed('"Duty"', '"North"', TWO_GROUPS)).structure.smallest_coalition == 3


def test_more_sheets_than_the_format_holds_are_refused() -> None:
    group = "[[quorum.groups]]\nthreshold = 2\ncustodians = [{}]\n\n"
    many = "".join(group.format(", ".join(f'"p{g}-{m}"' for m in range(128))) for g in range(2))
    source = changed("[declaration]", many + "[declaration]")
    assert refusal(source) == "quorum: expected at most 255 sheets, got 259"


def test_the_digest_is_that_of_the_text_and_the_salted_one_hides_it() -> None:
    plain = hashlib.sha256(PLAIN.encode()).digest()
    assert policies.digest(PLAIN) == plain
    assert policies.salted_digest(b"s" * 16, PLAIN) == hashlib.sha256(b"s" * 16 + plain).digest()


def test_the_built_in_policy_has_the_envelopes_structure() -> None:
    structure = Structure(2, (Group(2, 3), Group(1, 2)))
    policy = policies.built_in("prod-db", structure, "ssh-key:///srv/key")
    assert policy.structure == structure
    assert (policy.declaration.officers, policy.declaration.classes) == (2, ("unlisted",))


@pytest.mark.parametrize(
    ("written", "seconds", "shown"),
    [("45s", 45, "45s"), ("90s", 90, "90s"), ("60s", 60, "1m"), ("30m", 1800, "30m"), ("24h", 86400, "1d"),
     ("90d", 7776000, "90d"), ("999999d", 86399913600, "999999d")],
)  # fmt: skip
def test_durations(written: str, seconds: int, shown: str) -> None:
    assert (Duration.parse(written).seconds, str(Duration(seconds))) == (seconds, shown)


@pytest.mark.parametrize(
    "written", ["", "0s", "01s", "-1s", "1", "s", "1.5h", "1 h", "1H", "1w", "1s\n", "\u0661s", "1000000s"]
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="expected a duration such as 45s, 30m, 1h or 90d"):
        Duration.parse(written)


def test_every_mistake_is_named_at_once_with_what_was_meant() -> None:
    wrong = """
name = "prod-db"
classes = ["a"]

[target]
url = "ssh-key:///srv/key"

[quorum]
[[quorum.groups]]
threshold = "2"
custodians = ["North", "South"]

[declaration]
class = ["idp-outage"]
officers = 2.0
deadline = "1d"

[rotation]
length = 8
alphabet = "ab"

[[alerts.sinks]]
name = "one"
type = "sislog"

[[alerts.sinks]]
name = "two"
type = "file"
path = "log.jsonl"
"""
    assert refusal(wrong).splitlines() == [
        "11 problems in this policy:",
        "  classes: unknown key, expected one of name, target, quorum, declaration, belongs_to, report_to, kit, "
        "custodians, sites, officers, reveal, use, rotation, drills, alerts, review, audit, outage, ticket, arming; "
        "did you mean declaration.classes?",
        "  target.url: unknown key, expected one of uri, account, second_account, kind, options; did you mean uri?",
        "  target.uri: expected text of 3 to 400 characters, got nothing",
        "  quorum.groups[0].threshold: expected a whole number from 1 to 255, got '2'",
        "  declaration.class: unknown key, expected one of classes, ticket, officers, signatures, valid_for, "
        "use_for, rules; did you mean classes?",
        "  declaration.deadline: unknown key, expected one of classes, ticket, officers, signatures, valid_for, "
        "use_for, rules; did you mean rotation.deadline?",
        "  declaration.classes: expected a list of 1 or more, got nothing",
        "  declaration.officers: expected a whole number from 1 to 20, got 2.0",
        "  alerts.sinks[0].type: expected one of syslog, webhook, splunk, pagerduty, slack, smtp, journald, exec, "
        "file, http, got 'sislog'; did you mean syslog?",
        "  alerts.sinks[1].path: expected an absolute path, got some other text",
        "  rotation.length: expected 80 bits of entropy or more, got 8",
    ]


def test_a_secret_that_stands_where_a_path_belongs_is_not_repeated() -> None:
    sinks = '[[alerts.sinks]]\nname = "s"\n'
    sinks += 'type = "slack"\nurl_file = "https://hooks.example.net/T0/very-secret"\n'
    assert "secret" not in refusal(PLAIN + sinks)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PLAIN.replace("\n", "\r\n"), "line 1: expected lines that end in LF, got CRLF"),
        (PLAIN + "# \u202e", "line 14: control or text-direction characters"),
        (PLAIN + "x = " + "[" * 5000, "expected lists and tables a few levels deep, got many"),
        (PLAIN + "x = " + "9" * 5000, "not TOML: a number far too large"),
        (PLAIN + "x = 0b" + "1" * 5000, "declaration.x: unknown key, expected one of classes, ticket, officers, "
         "signatures, valid_for, use_for, rules"),
        (PLAIN.replace("threshold = 2", "threshold = 0b" + "1" * 5000),
         "quorum.groups[0].threshold: expected a whole number from 1 to 255, got a number far too large"),
        (PLAIN.replace('["idp-outage"]', '["a\\u202eb"]'),
         "declaration.classes[0]: control or text-direction characters"),
        (PLAIN + '[[sites]]\nname = "a"\navailability = nan',
         "sites[0].availability: expected a number from 0 to 1, got nan"),
        (PLAIN + '[[sites]]\nname = "a"\navailability = inf',
         "sites[0].availability: expected a number from 0 to 1, got inf"),
        (PLAIN + '[[officers]]\nname = "a"\nvalid_from = 10:00:00',
         "officers[0].valid_from: expected a day such as 2026-01-31, got the date or time 10:00:00"),
        (PLAIN + '[[officers]]\nname = "a"\nvalid_from = "2026-02-30"',
         "officers[0].valid_from: expected a day such as 2026-01-31, got '2026-02-30'"),
        (PLAIN + '"a b\\n" = 1', "declaration.'a b\\n': unknown key, expected one of classes, ticket, officers, "
         "signatures, valid_for, use_for, rules"),
    ],
)  # fmt: skip
def test_strange_files_are_refused_in_words(source: str, message: str) -> None:
    assert refusal(source) == message


def test_one_person_in_two_spellings_is_not_two() -> None:
    groups = '[[quorum.groups]]\nthreshold = 1\ncustodians = ["North", "B"]\n'
    groups += '[[quorum.groups]]\nthreshold = 1\ncustodians = ["north ", "C"]\n'
    head = 'name = "x"\ntarget = {uri = "manual:"}\ndeclaration = {classes = ["x"]}\n'
    with pytest.raises(InvalidPolicy, match="expected one spelling of a name, got 'North' and 'north '"):
        policies.parse(head + groups)


@pytest.mark.parametrize(("written", "fine"), [("1d", True), ("86401s", False), ("999999d", False)])
def test_no_policy_honours_an_old_credential_for_the_sake_of_a_session_for_ever(written: str, *, fine: bool) -> None:
    source = changed("[declaration]", f'[rotation]\nwait_for_sessions = "{written}"\n[declaration]')
    if fine:
        assert policies.parse(source).rotation.wait_for_sessions.seconds == 86_400
    else:
        assert "rotation.wait_for_sessions: expected 1d or less" in refusal(source)


@pytest.mark.parametrize(("written", "fine"), [("1s", False), ("59s", False), ("60s", True), ("1m", True)])
def test_no_policy_ends_a_declaration_before_sheets_can_be_scanned(written: str, *, fine: bool) -> None:
    source = changed("[declaration]", f'[declaration]\nvalid_for = "{written}"')
    if fine:
        assert policies.parse(source).declaration.valid_for.seconds == 60
    else:
        assert refusal(source) == (
            f"declaration.valid_for: expected 1m or more, in which sheets can be scanned, got {written}"
        )

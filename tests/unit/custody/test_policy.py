# SPDX-License-Identifier: Apache-2.0
"""A policy file either describes a set that can be kept, or is refused by key path and what was expected."""

import hashlib

import pytest

from breakglass_shamir.custody import policy as policies
from breakglass_shamir.custody.policy import Duration
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
        policies.parse(source)
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
        ('name = "prod-db"\n', "", "object missing required field `name`"),
        ('name = "prod-db"', "name = 3", "name: expected `str`, got `int`"),
        ('name = "prod-db"', 'name = ""', "name: expected `str` of length >= 1"),
        ('name = "prod-db"', 'name = "x"\nname = "y"', "cannot overwrite a value (at line 3, column 11)"),
        ('name = "prod-db"', 'name = "x"\ncolour = "red"', "object contains unknown field `colour`"),
        ("[target]", "[target]\ncolour = 1", "target: object contains unknown field `colour`"),
        ("[quorum]", "[quorum]\ncolour = 1", "quorum: object contains unknown field `colour`"),
        ("threshold = 2", "threshold = 2\nn = 3", "quorum.groups[0]: object contains unknown field `n`"),
        ("[declaration]", "[declaration]\nclass = 1", "declaration: object contains unknown field `class`"),
        ("[declaration]", "[reveal]\nmode = 1\n[declaration]", "reveal: object contains unknown field `mode`"),
        ("[declaration]", "[rotation]\nat = 1\n[declaration]", "rotation: object contains unknown field `at`"),
        ('uri = "ssh-key:///srv/key"', "", "target: object missing required field `uri`"),
        ('uri = "ssh-key:///srv/key"', 'uri = "x"', "target.uri: expected `str` of length >= 3"),
        ('uri = "ssh-key:///srv/key"', f'uri = "{"x" * 401}"', "target.uri: expected `str` of length <= 400"),
        ('classes = ["idp-outage"]', "", "declaration: object missing required field `classes`"),
        ('classes = ["idp-outage"]', "classes = []", "declaration.classes: expected `array` of length >= 1"),
        ('classes = ["idp-outage"]', 'classes = [" "]', "declaration.classes: expected names that are not empty"),
        (
            "[declaration]",
            '[declaration]\nticket = "("',
            "declaration.ticket: not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        ("[declaration]", "[declaration]\nofficers = 0", "declaration.officers: expected `int` >= 1"),
        ("[declaration]", "[declaration]\nofficers = 21", "declaration.officers: expected `int` <= 20"),
        (
            "[declaration]",
            '[declaration]\nuse_for = "1w"',
            "declaration.use_for: expected a duration such as 45s, 30m, 1h or 90d, got '1w'",
        ),
        ("[declaration]", '[reveal]\nmodes = []\n[declaration]', "reveal.modes: expected `array` of length >= 1"),
        (
            "[declaration]",
            '[reveal]\nmodes = ["shout"]\n[declaration]',
            "reveal.modes[0]: invalid enum value 'shout'",
        ),
        ("[declaration]", "[rotation]\nlength = 7\n[declaration]", "rotation.length: expected `int` >= 8"),
        (
            "[declaration]",
            '[rotation]\nlength = 8\nalphabet = "01"\n[declaration]',
            "rotation.length: expected 80 bits of entropy or more, got 8",
        ),
        ("threshold = 2", "threshold = 0", "quorum.groups[0].threshold: expected `int` >= 1"),
        ("threshold = 2", "threshold = 256", "quorum.groups[0].threshold: expected `int` <= 255"),
        ("threshold = 2", "threshold = 4", "quorum: expected a threshold from 1 to 3 in group 1, got 4"),
        (
            "threshold = 2",
            "threshold = 1",
            "quorum: one person alone could open this: expected a coalition of 2 or more sheets",
        ),
        ("[quorum]", "[quorum]\ngroup_threshold = 2", "quorum: expected a group threshold from 1 to 1, got 2"),
        ('"North", "South", "East"', "", "quorum.groups[0].custodians: expected `array` of length >= 1"),
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
    assert refusal("name = ") == "invalid value (at end of document)"
    assert refusal("") == "object missing required field `name`"


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

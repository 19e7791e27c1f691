# SPDX-License-Identifier: Apache-2.0
"""What a set takes of the files that it includes, what stands instead, and where a mistake is said to be."""

import msgspec
import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.policy import resolving
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.resolving import Resolved
from breakglass_shamir.custody.policy.shared import Document, check, decoded
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.text import HEADING, to_text
from breakglass_shamir.errors import InvalidPolicy, LooksLikeShare
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret

SHARE_TEXT = Share(Kind.LIVE, bytes(range(8)), 1, 2, Secret(bytes(range(32)))).to_text()

ORGANISATION = """
belongs_to = "Example"
custodians = [
    { name = "North", site = "hill", availability = 0.9 },
    { name = "South", site = "lake" },
    { name = "East", site = "bank" },
    { name = "Nobody's", site = "moon" },
]
sites = [{ name = "hill" }, { name = "lake" }, { name = "bank" }, { name = "moon" }]

[declaration]
classes = ["idp-outage"]
officers = 3

[[officers]]
name = "Olga"
[[officers]]
name = "Oskar"

[[alerts.sinks]]
name = "siem"
type = "syslog"
host = "siem.example.net"
[[alerts.sinks]]
name = "journal"
type = "journald"
"""

SET = """
include = "organisation.toml"
name = "x"
[target]
uri = "manual:x"
[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]
"""


def resolved(own: str = SET, *shared: str) -> Resolved:
    documents = [
        decoded(f"shared-{n}.toml" if n else "organisation.toml", text)
        for n, text in enumerate(shared or (ORGANISATION,))
    ]
    for one in documents:
        check(one)
    return resolving.resolve(Document("set.toml", own, policies.tree_of(own)), documents)


def policy(own: str = SET, *shared: str) -> Policy:
    return policies.parse_new(resolved(own, *shared).text)


def refused(own: str = SET, *shared: str) -> str:
    with pytest.raises(InvalidPolicy) as error:
        found = resolved(own, *shared)
        try:
            policies.parse_new(found.text)
        except InvalidPolicy as inner:
            raise found.placed(inner) from None
    return str(error.value)


def test_a_set_takes_the_people_and_places_that_its_groups_need_and_all_officers_and_sinks() -> None:
    found = policy()
    assert [one.name for one in found.custodians] == ["North", "South", "East"]
    assert [one.name for one in found.sites] == ["hill", "lake", "bank"]
    assert [one.name for one in found.officers] == ["Olga", "Oskar"]
    assert [one.name for one in found.alerts.sinks] == ["siem", "journal"]
    assert (found.belongs_to, found.declaration.officers) == ("Example", 3)


def test_what_a_set_does_not_take_leaves_its_text_alone() -> None:
    more = ORGANISATION.replace('{ name = "moon" }', '{ name = "moon" }, { name = "mars" }')
    more = more.replace('"Nobody\'s"', '"Somebody\'s"') + "# a comment\n"
    assert resolved(SET, more).text == resolved().text
    assert resolved(SET, more.replace("0.9", "0.8")).text != resolved().text


def test_the_text_says_nothing_of_the_files_it_came_from() -> None:
    text = resolved().text
    assert text.startswith(HEADING)
    assert ".toml" not in text
    assert "include" not in text


def test_a_file_that_includes_nothing_is_its_own_text() -> None:
    own = resolved().text.replace(HEADING, "# mine")
    assert resolving.resolve(Document("x", own, policies.tree_of(own)), []).text is own


def test_own_keys_stand_and_what_they_relax_is_said() -> None:
    own = SET + "[declaration]\nofficers = 2\nclasses = ['idp-outage']\n[[alerts.sinks]]\nname = 'siem'\n"
    found = resolved(own)
    assert policies.parse(found.text).declaration.officers == 2
    assert [type(one).__name__ for one in policies.parse(found.text).alerts.sinks] == ["SyslogSink"]
    assert found.instead == (
        "declaration.officers: 2 instead of 3 (organisation.toml line 13)",
        "alerts.sinks: without journal (organisation.toml line 24)",
    )
    assert found.weaker == ("declaration.officers: 2 instead of 3", "alerts.sinks: journal is gone")


def test_a_set_that_asks_for_more_relaxes_nothing() -> None:
    found = resolved(SET + "[declaration]\nofficers = 4\n")
    assert (len(found.instead), found.weaker) == (1, ())


def test_what_was_taken_of_which_file_is_said() -> None:
    (taken,) = resolved().taken
    assert taken.file == "organisation.toml"
    assert {"belongs_to", "declaration.classes", "officers (2)", "custodians (3)", "sites (3)"} <= set(taken.parts)


def test_two_shared_files_join_their_lists() -> None:
    more = "[[officers]]\nname = 'Otto'\n[drills]\naccess = '100d'\n"
    found = policy(SET.replace('"organisation.toml"', '["organisation.toml", "shared-1.toml"]'), ORGANISATION, more)
    assert [one.name for one in found.officers] == ["Olga", "Oskar", "Otto"]
    assert str(found.drills.access) == "100d"


def test_an_empty_review_table_of_a_shared_file_is_a_review() -> None:
    key = "keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN/hAJVv5gUd4SdyzVuw3+LZ7JkXNPEL3cxE8m8Kf0D1']"
    with_key = ORGANISATION.replace('name = "Olga"', f'name = "Olga"\n{key}') + "[review]\n"
    assert policy(SET, with_key).review is not None


@pytest.mark.parametrize(
    ("own", "shared", "words"),
    [
        (
            SET + "[[custodians]]\nname = 'North'\nsite = 'hill'\n",
            (ORGANISATION,),
            "set.toml line 10: custodians[0].name: 'North' stands in organisation.toml line 3 already: "
            "leave all but the name out here, or take another name",
        ),
        (
            SET + "[[officers]]\nname = 'olga'\nkeys = []\n",
            (ORGANISATION,),
            "set.toml line 10: officers[0].name: 'olga' stands in organisation.toml line 15 already: "
            "leave all but the name out here, or take another name",
        ),
        (
            SET + "[[officers]]\nname = 'Olgga'\n",
            (ORGANISATION,),
            "set.toml line 10: officers[0].name: no shared file has 'Olgga' in officers; did you mean Olga?",
        ),
        (
            SET,
            (ORGANISATION, "belongs_to = 'Other'"),
            "shared-1.toml line 1: belongs_to: it stands in organisation.toml line 2 already",
        ),
        (
            SET,
            (ORGANISATION, "officers = [{ name = 'OLGA' }]"),
            "shared-1.toml line 1: officers[0].name: 'OLGA' stands in organisation.toml line 15 already",
        ),
        (
            SET,
            (ORGANISATION + "[rotation]\nlength = 8\n",),
            "organisation.toml line 28: rotation.length: expected 80 bits of entropy or more, got 47",
        ),
        (
            SET.replace("threshold = 2", "threshold = 4"),
            (ORGANISATION,),
            "set.toml line 6: quorum: expected a threshold from 1 to 3 in group 1, got 4",
        ),
        (
            SET + "[declaration]\nofficers = 'two'\n",
            (ORGANISATION,),
            "set.toml line 10: declaration.officers: expected a whole number from 1 to 20, got 'two'",
        ),
        (
            SET + "[declaration]\nvalid_for = '1s'\n",
            (ORGANISATION,),
            "set.toml line 10: declaration.valid_for: expected 1m or more, in which sheets can be scanned, got 1s",
        ),
        (
            SET,
            (ORGANISATION.replace("classes = ", "ticket = 'x' #"),),
            "set.toml: declaration.classes: expected a list of 1 or more, got nothing",
        ),
        (
            "declaration = 5\n" + SET,
            (ORGANISATION,),
            "set.toml line 1: declaration: expected a table, got 5",
        ),
        (
            "officers = 'Olga'\n" + SET,
            (ORGANISATION,),
            "set.toml line 1: officers: expected a list of up to 100, got 'Olga'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_its_line_and_the_key_there(
    own: str, shared: tuple[str, ...], words: str
) -> None:
    assert refused(own, *shared) == words


def test_a_problem_of_a_machine_has_its_file_and_line() -> None:
    with pytest.raises(InvalidPolicy) as error:
        resolved(SET + "[declaration]\nofficers = 'two'\n")
    assert error.value.problems[0]["file"] == "set.toml"
    assert error.value.problems[0]["line"] == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'x'", "organisation.toml line 1: name: it belongs to one set and stands in the set's own file"),
        ("[target]\nuri = 'manual:x'", "organisation.toml line 1: target: it belongs to one set"),
        ("quorum = 1", "organisation.toml line 1: quorum: it belongs to one set"),
        ("include = 'x.toml'", "organisation.toml line 1: include: a file that is included includes no other"),
        ("\n[drill]\n", "organisation.toml line 2: drill: unknown key, expected one of belongs_to,"),
        ("[drills]\nroll_call = 90", "organisation.toml line 2: drills.roll_call: expected a duration"),
        ("officers = [{ name = 'a' }, { name = 'a' }]", "organisation.toml line 1: officers[1].name: 'a' is there"),
        ("[[officers]]\nname = 'a'\nkeys = ['x']", "organisation.toml line 3: officers[0].keys[0]: expected an SSH"),
        (
            "[[sites]]\nname = 'hill'\n[[custodians]]\nname = 'a'\nsite = 'hil'",
            "organisation.toml line 5: custodians[0].site: expected one of the sites hill, got 'hil'; did you",
        ),
        ('belongs_to = "a\\nb"', "organisation.toml line 1: belongs_to: control or text-direction characters"),
        ("x = ", "organisation.toml: not TOML: invalid value"),
        ("x = 1\r\n", "organisation.toml: line 1: expected lines that end in LF, got CRLF"),
    ],
)
def test_a_shared_file_is_looked_at_by_itself(text: str, words: str) -> None:
    assert refused(SET, text).startswith(words)


def test_a_shared_file_with_a_share_in_it_is_not_taken_and_not_repeated() -> None:
    with pytest.raises(LooksLikeShare, match=r"^line 2 of organisation\.toml looks like a share") as error:
        resolved(SET, f"\nbelongs_to = '{SHARE_TEXT}'")
    assert SHARE_TEXT not in str(error.value)


def test_a_long_shared_file_with_nothing_right_is_told_in_bounds() -> None:
    people = "".join(f"[[custodians]]\nname = 'c{n}'\nsite = 's'\n" for n in range(2000))
    sites = "".join(f"[[sites]]\nname = 'place {n}'\n" for n in range(2000))
    said = refused(SET, people + sites)
    assert said.startswith("30 problems in organisation.toml")
    assert len(said) < 30_000


def test_a_custodian_whom_no_shared_file_has_is_doubted() -> None:
    (doubt,) = resolved(SET.replace('"East"', '"Eest"')).doubts
    assert doubt == "quorum.groups[0].custodians: no shared file has a custodian 'Eest'; did you mean East?"


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up.toml", "a/../b.toml", "./a.toml", "a//b.toml", "~/a.toml", "a\\\\b.toml", "a/"],
)
def test_a_path_out_of_the_folder_is_refused(path: str) -> None:
    own = SET.replace("organisation.toml", path)
    with pytest.raises(InvalidPolicy, match=r"^set\.toml line 2: include: expected a path"):
        resolving.includes(Document("set.toml", own, policies.tree_of(own)))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("5", "expected a path or a list of paths"),
        ("[5]", "expected a path or a list of paths"),
        ('["a", "a"]', "the same file twice"),
        (str([f"{n}" for n in range(9)]), "expected up to 8 files, got 9"),
    ],
)
def test_what_names_no_files_is_refused(value: str, words: str) -> None:
    own = SET.replace('"organisation.toml"', value)
    with pytest.raises(InvalidPolicy, match=words):
        resolving.includes(Document("set.toml", own, policies.tree_of(own)))


def test_a_text_with_an_include_is_no_policy_that_is_recorded() -> None:
    with pytest.raises(InvalidPolicy, match="include: a text that is digested and recorded stands alone"):
        policies.parse("include = 'x'\n" + resolved().text)


def test_a_text_that_grows_too_long_is_refused() -> None:
    own = SET.replace(
        "[target]", "[target]\noptions = {" + ", ".join(f"a{n} = '{'x' * 1999}'" for n in range(40)) + "}"
    )
    with pytest.raises(InvalidPolicy, match=r"^set\.toml: expected at most 65536 bytes with all that is taken"):
        resolving.resolve(
            Document("set.toml", own, policies.tree_of(own)), [decoded("organisation.toml", ORGANISATION)]
        )


def test_a_tree_that_has_strange_texts_is_written_and_read_again() -> None:
    options = {"a.b": ".".join("x" * 900), "": 'quote " and \\ and \t', "é": "ü", "-": "1", "x y": "[table]"}
    tree = {"name": "x", "target": {"uri": "manual:x", "options": options}, "empty": {}, "list": []}
    assert policies.tree_of(to_text(tree)) == tree


def test_a_long_list_has_a_line_for_each_text() -> None:
    tree = {
        "rotation": {"endpoints": [f"postgresql://db{n}.very.long.name.of.a.host.example.net/x" for n in range(50)]}
    }
    text = to_text(tree)
    assert max(map(len, text.splitlines())) < 120
    assert policies.tree_of(text) == tree


def test_the_text_of_an_example_is_this(request: pytest.FixtureRequest) -> None:
    """A change of the writer would make every set differ from its files: it shows here."""
    folder = request.config.rootpath / "examples" / "organisation"
    own = (folder / "host.toml").read_text()
    found = resolved(own, (folder / "organisation.toml").read_text())
    assert policies.digest(found.text).hex() == DIGEST_OF_HOST
    assert msgspec.toml.decode(found.text)["name"] == "host"


DIGEST_OF_HOST = "a2492e1214b481b802d5dc093b748f81ce75322e6c81db8fe2b777f1225a566f"

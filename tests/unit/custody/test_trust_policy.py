# SPDX-License-Identifier: Apache-2.0
"""A policy of witnesses is read as C2SP tlog-policy says, and what is wrong with one is said with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.crypto.note import verifier_key
from breakglass_shamir.custody import trust_policy
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.hygiene import Secret

NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


def key(number: int) -> str:
    return Cosigner(f"w{number}.example", ed25519_public(Secret(bytes([number] * 32)))).to_text()


KEYS = {name: key(number) for number, name in enumerate(NAMES)}
LOG = verifier_key("log.example", ed25519_public(Secret(bytes([99] * 32))))

EXAMPLE = f"""log {LOG}

witness X1 {KEYS["X1"]}
witness X2 {KEYS["X2"]} https://x2.example/prefix/
witness X3 {KEYS["X3"]}
group X-witnesses 2 X1 X2 X3

  # of another organisation
witness\tY1  {KEYS["Y1"]}
witness Y2 {KEYS["Y2"]}
witness Y3 {KEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
"""The example of C2SP tlog-policy, with keys."""


@given(st.sets(st.sampled_from(NAMES)))
def test_the_example_of_the_specification_asks_for_two_and_one(names: set[str]) -> None:
    policy = trust_policy.parse(EXAMPLE.encode())
    wanted = len(names & {"X1", "X2", "X3"}) >= 2 and bool(names & {"Y1", "Y2", "Y3"})
    assert policy.satisfied_by(names) == wanted


def test_the_example_is_read_whole() -> None:
    policy = trust_policy.parse(EXAMPLE.encode())
    assert [one.name for one in policy.witnesses] == list(NAMES)
    assert [one.url for one in policy.witnesses] == ["", "https://x2.example/prefix", "", "", "", ""]
    assert policy.is_for(LOG) and not policy.is_for(key(1))
    assert policy.in_words() == "2 of 2 are needed: X-witnesses, Y-witnesses"


@given(st.integers(1, 9), st.data())
def test_as_many_as_are_named_are_enough(count: int, data: st.DataObject) -> None:
    names = [f"w{number}" for number in range(count)]
    needed = data.draw(st.integers(1, count))
    lines = [f"witness {name} {key(number)}" for number, name in enumerate(names)]
    policy = trust_policy.parse("\n".join([*lines, f"group g {needed} {' '.join(names)}", "quorum g"]).encode())
    some = data.draw(st.sets(st.sampled_from([*names, "stranger", "g"])))
    assert policy.satisfied_by(some) == (len(some & set(names)) >= needed)


def test_nobody_is_needed_where_it_says_so() -> None:
    assert trust_policy.parse(b"quorum none\n").satisfied_by(())


W1, W2 = f"witness a {key(1)}", f"witness b {key(2)}"

WRONG = {
    "no quorum": (W1, "expected a quorum"),
    "two": (f"{W1}\nquorum a\nquorum a", "line 3 .*one quorum"),
    "an unknown one": (f"{W1}\nquorum c", "line 2 .*got c"),
    "one that comes later": (f"quorum a\n{W1}", "line 1 .*got a"),
    "a log's key": (f"witness a {LOG}\nquorum a", "line 1 .*cosigner's key"),
    "a key twice": (f"{W1}\nwitness b {key(1)}\nquorum a", "line 2 .*there already"),
    "a name twice": (f"{W1}\nwitness a {key(2)}\nquorum a", "line 2 .*nobody has"),
    "none as a name": (f"witness none {key(1)}\nquorum none", "line 1 .*nobody has"),
    "a member twice": (f"{W1}\n{W2}\ngroup g any a\ngroup h all g a\nquorum h", "line 4 .*a member already"),
    "none as a member": (f"{W1}\ngroup g any a none\nquorum g", "line 2 .*got none"),
    "itself as a member": (f"{W1}\ngroup g any a g\nquorum g", "line 2 .*got g"),
    "too many of them": (f"{W1}\ngroup g 2 a\nquorum g", "line 2 .*from 1 to 1"),
    "none of them": (f"{W1}\ngroup g 0 a\nquorum g", "line 2 .*got 0"),
    "a zero in front": (f"{W1}\n{W2}\ngroup g 02 a b\nquorum g", "line 3 .*got 02"),
    "no member": (f"{W1}\ngroup g all\nquorum a", "line 2 .*expected log KEY"),
    "a word of another kind": (f"{W1}\nwitnes b\nquorum a", "line 2 .*expected log KEY"),
    "no key": ("witness a\nquorum a", "line 1 .*expected log KEY"),
    "a line end of Windows": (f"{W1}\r\nquorum a\r\n", "line 1 .*control character"),
    "a log twice": (f"log {LOG}\nlog {LOG} https://x\nquorum none", "line 2 .*there already"),
    "no log's key": ("log example\nquorum none", "line 1 .*log's key"),
    "a broken log's key": (f"log {LOG[:-2]}A=\nquorum none", "line 1 .*log's key"),
    "a password": (f"{W1} https://u:p@h/\nquorum a", "line 1 .*address"),
    "a query": (f"{W1} https://h/?a=b\nquorum a", "line 1 .*address"),
    "another scheme": (f"{W1} file:///etc\nquorum a", "line 1 .*address"),
    "no host": (f"{W1} https:///x\nquorum a", "line 1 .*address"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_wrong_is_said_with_its_line(wrong: str) -> None:
    text, said = WRONG[wrong]
    with pytest.raises(InvalidInput, match=said):
        trust_policy.parse(text.encode())


def test_more_than_anybody_needs_is_refused() -> None:
    lines = [f"witness w{number} {key(number)}" for number in range(trust_policy.MOST + 1)]
    assert len(trust_policy.parse("\n".join([*lines[:-1], "quorum w0"]).encode()).witnesses) == trust_policy.MOST
    with pytest.raises(InvalidInput, match="at most 32 witnesses"):
        trust_policy.parse("\n".join([*lines, "quorum w0"]).encode())
    with pytest.raises(InvalidInput, match="bytes"):
        trust_policy.parse(b"#" * (trust_policy.MAX_BYTES + 1))


def test_a_name_that_is_no_text_is_a_name() -> None:
    policy = trust_policy.parse(b"witness \xff\xfe " + key(1).encode() + b"\nquorum \xff\xfe\n")
    assert policy.witnesses[0].name == r"\xff\xfe"
    assert policy.satisfied_by({r"\xff\xfe"})


@given(
    st.binary(max_size=200) | st.text(alphabet=" \twitnessgroupquorumlog+=/#09anyll\n", max_size=200).map(str.encode)
)
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        found = trust_policy.parse(data)
    except BreakglassError as error:
        assert isinstance(error, InvalidInput)
    else:
        assert found.text == data

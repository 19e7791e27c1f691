# SPDX-License-Identifier: Apache-2.0
"""Who signs a declaration, when a signature counts, and how many people that makes."""

from datetime import date
from typing import Any

import pytest

from breakglass_shamir.crypto import keys, ssh_key, sshsig
from breakglass_shamir.custody.life import gates, officers
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import OfficerSignature, Opening
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy import tables
from breakglass_shamir.custody.policy.tables import Officer, Policy
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Cancelled, OfficerSigned
from breakglass_shamir.errors import IllegalState, InvalidPolicy, InvalidRecord, InvalidSignature
from breakglass_shamir.hygiene import Secret
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life.test_lifecycle import Book, adopted, at_issued, declared, opened, started

SEEDS = {letter: Secret(letter.encode() * 32) for letter in "abcdx"}
LINES = {letter: sshsig.public_line(keys.ed25519_public(seed), "") for letter, seed in SEEDS.items()}
PRINTS = {letter: ssh_key.from_line(line).fingerprint for letter, line in LINES.items()}
TODAY = "2026-01-01T00:00:00Z"


def officer(name: str, held: str, **more: Any) -> Officer:
    return Officer(name=name, keys=tuple(LINES[letter] + " a comment" for letter in held), **more)


def policy(*people: Officer, signatures: int = 2) -> Policy:
    base = policies.parse(lives.SOURCE)
    rules = tables.Declaration(classes=("idp-outage",), signatures=signatures)
    return Policy(name="prod-db", target=base.target, quorum=base.quorum, declaration=rules, officers=people)


def opening(signed: str, at: str = TODAY, purpose: str = "emergency") -> Opening:
    moment = Moment(at, "b", 0)
    signatures = tuple(OfficerSignature("somebody", LINES[letter], moment) for letter in signed)
    return Opening("ab" * 32, declared(purpose), moment, signatures=signatures)


@pytest.mark.parametrize(
    ("people", "signed", "expected"),
    [
        ({"One": "a", "Two": "b"}, "", 0),
        ({"One": "a", "Two": "b"}, "a", 1),
        ({"One": "a", "Two": "b"}, "ab", 2),
        ({"One": "ab", "Two": "c"}, "ab", 1),
        ({"One": "ab", "Two": "c"}, "abc", 2),
        ({"One": "a", "Other name": "a"}, "a", 1),
        ({"One": "ab", "Other name": "b"}, "ab", 1),
        ({"One": "a", "Two": "b", "Both": "ab"}, "ab", 1),
        ({"One": "a", "Two": "b", "Between": "bc", "Last": "cd"}, "abd", 2),
        ({"One": "a", "Two": "b"}, "ax", 1),
        ({"One": "a", "Two": "b"}, "x", 0),
    ],
)
def test_people_are_counted_never_names_nor_keys(people: dict[str, str], signed: str, expected: int) -> None:
    rules = policy(*(officer(name, held) for name, held in people.items()))
    assert officers.count(rules, opening(signed)) == expected
    backwards = policy(*(officer(name, held[::-1]) for name, held in reversed(people.items())))
    assert officers.count(backwards, opening(signed[::-1])) == expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"valid_from": date(2026, 1, 2)}, "signs from 2026-01-02 to ever, not at 2026-01-01T00:00:00Z"),
        ({"valid_until": date(2025, 12, 31)}, "signs from ever to 2025-12-31, not at 2026-01-01T00:00:00Z"),
        ({"revoked": (PRINTS["a"],)}, "is revoked"),
        ({"valid_from": date(2026, 1, 1), "valid_until": date(2026, 1, 1)}, ""),
    ],
)
def test_a_key_signs_while_it_is_valid_and_not_revoked(more: dict[str, Any], message: str) -> None:
    rules, key = policy(officer("One", "a", **more)), ssh_key.from_line(LINES["a"])
    if not message:
        assert officers.signer(rules, key, TODAY) == "One"
        assert officers.signer(rules, key, "2026-01-01T23:59:59Z") == "One"
        return
    with pytest.raises(IllegalState) as refused:
        officers.signer(rules, key, TODAY)
    assert str(refused.value) == f"the key {PRINTS['a']} of One {message}"
    assert officers.count(rules, opening("a")) == 0


def test_a_key_that_anybody_revokes_signs_for_nobody() -> None:
    rules = policy(officer("One", "a"), officer("Two", "a", revoked=(PRINTS["a"],)))
    assert officers.count(rules, opening("a")) == 0


def test_what_was_signed_in_time_counts_after_the_time_is_over() -> None:
    rules = policy(officer("One", "a", valid_until=date(2026, 1, 1)))
    assert officers.count(rules, opening("a", at="2026-01-01T23:59:59Z")) == 1
    assert officers.count(rules, opening("a", at="2026-01-02T00:00:00Z")) == 0


def test_a_key_that_no_policy_lists_signs_for_nobody() -> None:
    for rules in (policy(officer("One", "a")), None):
        with pytest.raises(IllegalState, match="the policy lists no officer with the key SHA256:"):
            officers.signer(rules, ssh_key.from_line(LINES["x"]), TODAY)


def test_the_gate_asks_for_as_many_people_as_the_policy_says() -> None:
    rules = policy(officer("One", "a"), officer("Two", "b"))
    (problem,) = gates.before_scanning(rules, opening("a"))
    assert (problem.gate, problem.text) == (
        "signatures", "expected signatures of 2 officers under the declaration, got 1",
    )  # fmt: skip
    assert problem.gate in gates.GATES
    assert gates.before_scanning(rules, opening("a", purpose="drill")) != []
    assert gates.before_scanning(rules, opening("", purpose="rotation")) == []
    assert gates.before_scanning(rules, opening("ab")) == []
    assert gates.before_scanning(None, opening("")) == []
    assert gates.before_scanning(policy(signatures=0), opening("")) == []


def test_a_policy_that_nobody_could_satisfy_is_refused() -> None:
    asked = lives.SOURCE.replace("[declaration]", "[declaration]\nsignatures = 2")
    shared = f'[[officers]]\nname = "One"\nkeys = ["{LINES["a"]}"]\n[[officers]]\nname = "Two"\nkeys = ["{LINES["a"]}"]'
    with pytest.raises(InvalidPolicy, match=r"declaration\.signatures: expected at most 1"):
        policies.parse(asked + shared)
    gone = shared.replace(LINES["a"], LINES["b"], 1) + f'\nrevoked = ["{PRINTS["a"]}"]'
    with pytest.raises(InvalidPolicy, match=r"declaration\.signatures: expected at most 1"):
        policies.parse(asked + gone)
    policies.parse(asked + shared.replace(LINES["a"], LINES["b"], 1))


# --- the record ------------------------------------------------------------------------------------------------

OFFICERS = f"""
[[officers]]
name = "Duty"
keys = ["{LINES["a"]} at work", "{LINES["b"]}"]
[[officers]]
name = "Second"
keys = ["{LINES["c"]}"]
valid_until = "2025-12-31"
"""


def book() -> Book:
    made = started()
    source = lives.SOURCE + OFFICERS
    made.add(adopted(source=source, digest=policies.digest(source).hex()))
    return made.add(lives.issued(lives.FIRST)).add(declared())


def signed(made: Book, letter: str = "a", **changes: Any) -> OfficerSigned:
    armored = sshsig.sign(SEEDS[letter], made.under_way.data, sshsig.OFFICER_NAMESPACE)
    fields: dict[str, Any] = {"officer": "Duty", "key": LINES[letter], "signature": armored}
    return OfficerSigned(**{**fields, **changes})


def test_a_signature_is_kept_with_its_opening() -> None:
    made = book()
    made.add(signed(made)).add(signed(made, "b"))
    assert [(one.officer, one.key) for one in made.under_way.signatures] == [("Duty", LINES["a"]), ("Duty", LINES["b"])]
    assert made.under_way.signatures[0].at.time == "2026-01-01T00:00:05Z"
    made.add(opened(lives.ONE))
    assert len(made.under_way.signatures) == 2


def test_what_is_signed_is_the_exact_bytes_of_the_declaration() -> None:
    made = book()
    assert records.digest(made.under_way.data) == made.opening
    officers.verify(signed(made), made.under_way.data)
    with pytest.raises(InvalidSignature):
        officers.verify(signed(made), made.under_way.data + b" ")
    for namespace in (sshsig.RECORD_NAMESPACE, sshsig.QUORUM_NAMESPACE):
        other = sshsig.sign(SEEDS["a"], made.under_way.data, namespace)
        with pytest.raises(InvalidSignature, match="expected namespace"):
            officers.verify(signed(made, signature=other), made.under_way.data)


def test_a_declaration_is_signed_before_anything_is_opened_and_once_by_each_key() -> None:
    nothing = "there is no declaration of set prod-db to sign; what was opened is signed no more"
    made = book()
    body = signed(made)
    made.refuse(body, nothing, opening="")
    made.refuse(body, nothing, opening="cd" * 32)
    made.add(body)
    made.refuse(body, f"the key {PRINTS['a']} has signed this declaration already")
    made.add(opened(lives.ONE))
    made.refuse(signed(made, "b"), nothing)
    at_issued().refuse(body, nothing)


def test_a_key_counts_only_as_the_policy_says() -> None:
    made = book()
    made.refuse(signed(made, "x"), f"the policy lists no officer with the key {PRINTS['x']}")
    made.refuse(signed(made, officer="Second"), f"the key {PRINTS['a']} signs for another officer")
    message = f"the key {PRINTS['c']} of Second signs from ever to 2025-12-31, not at 2026-01-01T00:00:05Z"
    made.refuse(signed(made, "c", officer="Second"), message)
    late = f'revoked = ["{PRINTS["a"]}"]'
    source = lives.SOURCE + OFFICERS.replace("valid_until", f"{late}\nvalid_until")
    made.add(adopted(source=source, digest=policies.digest(source).hex()), opening="")
    made.refuse(signed(made), f"the key {PRINTS['a']} of Duty is revoked")


def test_a_key_is_recorded_in_its_one_spelling() -> None:
    made = book()
    for line in (LINES["a"] + " comment", LINES["a"] + " ", "ssh-dss AAAA"):
        with pytest.raises(InvalidRecord):
            made.add(signed(made, key=line))


def test_an_opening_that_is_over_keeps_who_signed_and_not_what() -> None:
    made = book()
    made.add(signed(made)).add(Cancelled(reason="it came back"))
    (past,) = made.set.past
    assert [one.officer for one in past.signatures] == ["Duty"]
    assert past.data == b""

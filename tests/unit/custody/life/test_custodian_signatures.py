# SPDX-License-Identifier: Apache-2.0
"""Whose key signs for a sheet, which acknowledgement it signs, and what the policy refuses."""

from typing import Any

import pytest

from breakglass_shamir.crypto import keys, ssh_key, sshsig
from breakglass_shamir.custody.life import custodian_signatures
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned, Reassigned, SheetVoided
from breakglass_shamir.errors import InvalidPolicy, InvalidRecord, InvalidSignature
from breakglass_shamir.hygiene import Secret
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life.test_lifecycle import Book, adopted, started

SEEDS = {letter: Secret(letter.encode() * 32) for letter in "abrx"}
LINES = {letter: sshsig.public_line(keys.ed25519_public(seed), "") for letter, seed in SEEDS.items()}
PRINTS = {letter: ssh_key.from_line(line).fingerprint for letter, line in LINES.items()}

PEOPLE = f"""
[[custodians]]
name = "North"
keys = ["{LINES["a"]} at home", "{LINES["r"]}"]
[[custodians]]
name = "South"
keys = ["{LINES["b"]}"]
[[officers]]
name = "Duty"
revoked = ["{PRINTS["r"]}"]
"""


def book() -> Book:
    made, source = started(), lives.SOURCE + PEOPLE
    made.add(adopted(source=source, digest=policies.digest(source).hex()))
    made.add(lives.issued(lives.FIRST))
    return made.add(acknowledged("1.1", "North")).add(acknowledged("1.2", "South"))


def acknowledged(sheet: str, custodian: str, bag: str = "B-1") -> Acknowledged:
    return Acknowledged(epoch_id=lives.ONE, sheet=sheet, custodian=custodian, bag=bag)


def signed(made: Book, letter: str = "a", sheet: str = "1.1", **changes: Any) -> CustodianSigned:
    data = made.current.acknowledgements[sheet]
    fields: dict[str, Any] = {
        "epoch_id": lives.ONE, "sheet": sheet, "custodian": "North", "acknowledged": records.digest(data),
        "key": LINES[letter], "signature": sshsig.sign(SEEDS[letter], data, sshsig.CUSTODIAN_NAMESPACE),
    }  # fmt: skip
    return CustodianSigned(**{**fields, **changes})


def test_a_signature_belongs_to_the_last_acknowledgement_of_the_sheet_and_counts_once() -> None:
    made = book()
    first = signed(made)
    made.add(first)
    made.refuse(first, "this acknowledgement of sheet 1.1 is signed already")
    made.add(acknowledged("1.1", "North", "B-2"))
    another = "a custodian signs the last acknowledgement of a sheet; that of 1.1 is another"
    made.refuse(first, another)
    made.refuse(signed(made, acknowledged=records.digest(made.current.acknowledgements["1.2"])), another)
    made.add(signed(made))
    body = signed(made)
    made.add(Reassigned(epoch_id=lives.ONE, sheet="1.1", custodian="West", reason="moved"))
    made.refuse(body, another)


def test_a_void_sheet_and_one_of_an_unknown_epoch_are_signed_for_no_more() -> None:
    made = book()
    body = signed(made)
    made.refuse(signed(made, epoch_id="00" * 8), "sheet 1.1 counts no more, or its epoch is unknown")
    made.add(SheetVoided(epoch_id=lives.ONE, sheet="1.1", reason="lost"))
    made.refuse(body, "sheet 1.1 counts no more, or its epoch is unknown")


@pytest.mark.parametrize(
    ("letter", "changes", "message"),
    [
        ("b", {}, f"the key {PRINTS['b']} does not sign for North: it is listed for South"),
        ("x", {}, f"the key {PRINTS['x']} does not sign for North: it is listed for nobody"),
        ("r", {}, f"the key {PRINTS['r']} of North is revoked"),
        ("b", {"custodian": "South"}, "sheet 1.1 was not acknowledged by South"),
    ],
)
def test_only_a_key_of_the_custodian_who_holds_the_sheet_counts(
    letter: str, changes: dict[str, Any], message: str
) -> None:
    made = book()
    made.refuse(signed(made, letter, **changes), message)


def test_where_no_policy_or_custodian_is_known_nobody_signs() -> None:
    with pytest.raises(Exception, match="does not sign for North: it is listed for nobody"):
        custodian_signatures.check_key(None, "North", PRINTS["a"])
    with pytest.raises(Exception, match="a custodian whom nobody knows: it is listed for North"):
        custodian_signatures.check_key(policies.parse(lives.SOURCE + PEOPLE), "", PRINTS["a"])


def test_a_key_is_recorded_in_its_one_spelling() -> None:
    made = book()
    for line in (LINES["a"] + " comment", LINES["a"] + " ", "ssh-dss AAAA"):
        with pytest.raises(InvalidRecord):
            made.add(signed(made, key=line))


def test_what_is_signed_is_the_exact_record_in_a_namespace_of_its_own() -> None:
    made = book()
    data = made.current.acknowledgements["1.1"]
    custodian_signatures.verify(signed(made), made.current)
    others = [
        sshsig.sign(SEEDS["a"], data, sshsig.OFFICER_NAMESPACE),
        sshsig.sign(SEEDS["b"], data, sshsig.CUSTODIAN_NAMESPACE),
        sshsig.sign(SEEDS["a"], made.current.acknowledgements["1.2"], sshsig.CUSTODIAN_NAMESPACE),
        "x",
    ]
    for other in others:
        with pytest.raises(InvalidSignature):
            custodian_signatures.verify(signed(made, signature=other), made.current)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (
            '[[custodians]]\nname = "North"\nkeys = ["ssh-dss AAAA"]',
            r"custodians\[0\].keys\[0\]: expected an SSH public",
        ),
        (PEOPLE.replace(LINES["b"], LINES["a"]), r"custodians\[1\].keys\[0\]: the key is listed for 'North' already"),
    ],
)
def test_a_policy_lists_keys_and_each_for_one_custodian(people: str, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        policies.parse(lives.SOURCE + people)

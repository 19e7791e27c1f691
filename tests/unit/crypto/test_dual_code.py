# SPDX-License-Identifier: Apache-2.0
"""The proof of a dealing: our own field arithmetic against pycryptodome's, and no fault that it does not find."""

import random
import secrets

import pytest
from Crypto.Protocol.SecretSharing import Shamir, _Element
from hypothesis import given
from hypothesis import strategies as some

from breakglass_shamir.crypto import dual_code, shamir
from breakglass_shamir.errors import InvalidStructure
from breakglass_shamir.hygiene import Secret

elements = some.integers(0, (1 << 128) - 1)
STRUCTURES = [(2, 2), (2, 3), (3, 5), (5, 5), (11, 20), (33, 64), (128, 255), (254, 255)]


def beyond(threshold: int, members: int) -> list[int]:
    return [secrets.randbits(128) for _ in range(members + 1 - threshold)]


def dealt(threshold: int, members: int) -> list[int]:
    """The secret and each share of it by pycryptodome, without what ssss adds."""
    secret = secrets.token_bytes(16)
    shares = Shamir.split(threshold, members, secret, ssss=False)
    return [int.from_bytes(value) for value in (secret, *(value for _, value in shares))]


@given(elements, elements)
def test_products_are_those_of_pycryptodome(one: int, other: int) -> None:
    assert dual_code.reduced(dual_code.product(one, other)) == int(_Element(one) * _Element(other))


@given(elements.filter(bool))
def test_inverses_are_those_of_pycryptodome(value: int) -> None:
    assert dual_code.inverse(value) == int(_Element(value).inverse())
    assert dual_code.reduced(dual_code.product(value, dual_code.inverse(value))) == 1


@given(some.integers(0, 255), some.integers(1, 255))
def test_powers_are_repeated_products(x: int, exponent: int) -> None:
    expected = 1
    for _ in range(exponent):
        expected = int(_Element(expected) * _Element(x))
    assert dual_code.power(x, exponent) == expected


def test_nothing_is_one_over_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        dual_code.inverse(0)


@pytest.mark.parametrize(("threshold", "members"), STRUCTURES)
def test_what_was_dealt_lies_on_one_polynomial(threshold: int, members: int) -> None:
    values = dealt(threshold, members)
    assert dual_code.lie_on_one(values, threshold, beyond(threshold, members))


@pytest.mark.parametrize(("threshold", "members"), STRUCTURES)
def test_any_single_bit_that_is_altered_is_found(threshold: int, members: int) -> None:
    values, chance = dealt(threshold, members), random.Random(members)
    for place in chance.sample(range(members + 1), min(members + 1, 12)):
        altered = [*values]
        altered[place] ^= 1 << chance.randrange(128)
        assert not dual_code.lie_on_one(altered, threshold, beyond(threshold, members))


@pytest.mark.parametrize(("threshold", "members"), STRUCTURES)
def test_a_degree_too_high_is_found(threshold: int, members: int) -> None:
    higher = threshold + 1 if threshold < members else threshold
    values = dealt(higher, members) if higher > threshold else [*dealt(threshold, members)]
    if higher == threshold:  # every dealing to as many as there are has the full degree; one more would
        values = [value ^ dual_code.power(x, threshold) for x, value in enumerate(values)]
    assert not dual_code.lie_on_one(values, threshold, beyond(threshold, members))


@pytest.mark.parametrize(("threshold", "members"), [one for one in STRUCTURES if one[0] < one[1]])
def test_two_faults_do_not_cancel(threshold: int, members: int) -> None:
    """Where as many are needed as there are, two faults can make other shares of the same secret, which is none."""
    values, chance = dealt(threshold, members), random.Random(threshold)
    for _ in range(5):
        altered, fault = [*values], secrets.randbits(128) | 1
        for place in chance.sample(range(members + 1), 2):
            altered[place] ^= fault
        assert not dual_code.lie_on_one(altered, threshold, beyond(threshold, members))


def test_as_many_coefficients_as_values_beyond_the_threshold_are_asked_for() -> None:
    values = dealt(3, 5)
    for count in (0, 2, 4):
        assert not dual_code.lie_on_one(values, 3, [1] * count)


@pytest.mark.parametrize(("threshold", "members"), [(2, 3), (3, 5), (11, 20)])
def test_what_is_proven_is_what_ssss_combines(threshold: int, members: int) -> None:
    chance, secret = random.Random(members), Secret(secrets.token_bytes(32))
    values = shamir.split(secret, threshold, members)
    for _ in range(3):
        chosen = chance.sample(range(members), threshold)
        assert shamir.combine([(at + 1, values[at]) for at in chosen], threshold) == secret


@pytest.mark.parametrize("place", [0, 7, 19])
@pytest.mark.parametrize("half", [0, 1])
def test_a_fault_of_the_library_ends_the_dealing(monkeypatch: pytest.MonkeyPatch, place: int, half: int) -> None:
    right, calls = Shamir.split, list[int]()

    def wrong(threshold: int, members: int, secret: bytes, ssss: bool) -> list[tuple[int, bytes]]:
        shares = right(threshold, members, secret, ssss=ssss)
        calls.append(len(calls))
        if calls[-1] == half:
            x, value = shares[place]
            shares[place] = (x, bytes([value[0] ^ 1]) + value[1:])
        return shares

    monkeypatch.setattr(Shamir, "split", staticmethod(wrong))
    with pytest.raises(InvalidStructure, match="do not recombine"):
        shamir.split(Secret(secrets.token_bytes(32)), 11, 20)

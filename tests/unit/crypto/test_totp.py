# SPDX-License-Identifier: Apache-2.0
"""One-time codes: those of RFC 6238, from seeds as people have them; anything else is refused, not guessed."""

import base64

import pytest

from breakglass_shamir.crypto import totp
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.standalone import recover

SEED = b"12345678901234567890"
"""The seed of RFC 6238, appendix B."""

TEXT = base64.b32encode(SEED).decode()


@pytest.mark.parametrize(
    ("time", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
     (20000000000, "353130")],
)  # fmt: skip
def test_the_codes_are_those_of_the_standard(time: int, code: str) -> None:
    assert totp.code_at(Secret(SEED), time).text == code
    assert recover.totp(SEED, time) == code


@pytest.mark.parametrize(("time", "left"), [(0, 30), (1, 29), (29, 1), (29.9, 1), (30, 30), (59, 1)])
def test_what_is_left_of_a_code_is_told(time: float, left: int) -> None:
    assert totp.code_at(Secret(SEED), time).seconds_left == left


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.lower(),
        " ".join(TEXT[i : i + 4] for i in range(0, len(TEXT), 4)),
        f"otpauth://totp/Example:root?secret={TEXT}&issuer=Example",
        f"otpauth://totp/root?secret={TEXT.lower()}&algorithm=SHA1&digits=6&period=30",
    ],
)
def test_a_seed_is_read_as_people_have_it(text: str) -> None:
    assert totp.seed_from_text(text) == Secret(SEED)


@pytest.mark.parametrize("size", [10, 13, 16, 20, 64])
def test_a_seed_of_any_size_gives_the_codes_that_recovery_gives(size: int) -> None:
    seed = bytes(range(size))
    uri = f"otpauth://totp/Example:a%20b?issuer=Ex%26ample&secret={base64.b32encode(seed).decode().replace('=', '%3D')}"
    assert totp.seed_from_text(uri) == Secret(seed)
    assert totp.code_at(Secret(seed), 1111111109).text == recover.totp(seed, 1111111109)


@pytest.mark.parametrize("size", [10, 16, 20, 32, 33, 64])
def test_a_seed_of_any_size_survives(size: int) -> None:
    seed = bytes(range(size))
    assert totp.seed_from_text(base64.b32encode(seed).decode().rstrip("=")) == Secret(seed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GEZDGNB",
        "0189",
        "GEZD!",
        TEXT + "1",
        base64.b32encode(bytes(513)).decode(),
        "otpauth://totp/root",
        "otpauth://totp/root?secret=",
        "otpauth://totp/root?secret=0189",
        f"otpauth://hotp/root?secret={TEXT}&counter=1",
        f"otpauth://totp/root?secret={TEXT}&digits=8",
        f"otpauth://totp/root?secret={TEXT}&period=60",
        f"otpauth://totp/root?secret={TEXT}&algorithm=SHA256",
        f"otpauth://totp/root?secret={TEXT}&algorithm=MD5",
        f"otpauth://totp/root?secret={TEXT}&digits=six",
        f"https://example.org/?secret={TEXT}",
    ],
)
def test_what_would_give_wrong_codes_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        totp.seed_from_text(text)
    said = f"{refused.value} {refused.value.hint}"
    assert TEXT not in said
    assert refused.value.__cause__ is None


def test_a_code_is_not_in_its_repr() -> None:
    assert "287082" not in repr(totp.code_at(Secret(SEED), 59))

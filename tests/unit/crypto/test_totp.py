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
    assert totp.seed_from_text(text) == (Secret(SEED), totp.COMMON)


@pytest.mark.parametrize("size", [10, 13, 16, 20, 64])
def test_a_seed_of_any_size_gives_the_codes_that_recovery_gives(size: int) -> None:
    seed = bytes(range(size))
    uri = f"otpauth://totp/Example:a%20b?issuer=Ex%26ample&secret={base64.b32encode(seed).decode().replace('=', '%3D')}"
    assert totp.seed_from_text(uri) == (Secret(seed), totp.COMMON)
    assert totp.code_at(Secret(seed), 1111111109).text == recover.totp(seed, 1111111109)


@pytest.mark.parametrize("size", [10, 16, 20, 32, 33, 64])
def test_a_seed_of_any_size_survives(size: int) -> None:
    seed = bytes(range(size))
    assert totp.seed_from_text(base64.b32encode(seed).decode().rstrip("=")) == (Secret(seed), totp.COMMON)


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
        f"otpauth://totp/root?secret={TEXT}&digits=5",
        f"otpauth://totp/root?secret={TEXT}&digits=11",
        f"otpauth://totp/root?secret={TEXT}&period=0",
        f"otpauth://totp/root?secret={TEXT}&period=65536",
        f"otpauth://totp/root?secret={TEXT}&period=-30",
        f"otpauth://totp/root?secret={TEXT}&period=30.5",
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


@pytest.mark.parametrize(
    ("algorithm", "length", "code"), [("SHA1", 20, "94287082"), ("SHA256", 32, "46119246"), ("SHA512", 64, "90693936")]
)
def test_every_scheme_gives_the_codes_of_its_rfc_here_and_in_recovery(algorithm: str, length: int, code: str) -> None:
    seed = (b"1234567890" * 7)[:length]
    uri = f"otpauth://totp/root?secret={base64.b32encode(seed).decode()}&algorithm={algorithm}&digits=8"
    read, scheme = totp.seed_from_text(uri.rstrip("="))
    assert totp.code_at(read, 59, scheme).text == code
    assert recover.totp(seed, 59, algorithm.lower(), 8) == code


@pytest.mark.parametrize("period", [1, 45, 60, 120, 3600, 65535])
def test_a_period_of_any_length_gives_the_codes_that_recovery_gives(period: int) -> None:
    uri = f"otpauth://totp/root?secret={TEXT}&period={period}&digits=10"
    seed, scheme = totp.seed_from_text(uri)
    made = totp.code_at(seed, 1111111109, scheme)
    assert made.text == recover.totp(SEED, 1111111109, "sha1", 10, period)
    assert made.seconds_left == period - 1111111109 % period


def test_a_scheme_that_nobody_knows_gives_no_wrong_code() -> None:
    for scheme in (totp.TotpScheme(algorithm=4), totp.TotpScheme(digits=255), totp.TotpScheme(digits=1)):
        with pytest.raises(InvalidInput):
            totp.code_at(Secret(SEED), 59, scheme)


def test_a_code_is_not_in_its_repr() -> None:
    assert "287082" not in repr(totp.code_at(Secret(SEED), 59))


BASE = f"otpauth://totp/Example:root?secret={TEXT}"


@pytest.mark.parametrize(
    ("more", "scheme"),
    [
        ("&ALGORITHM=sha256&Digits=8&PERIOD=60", (2, 8, 60)),
        ("&%61lgorithm=SHA%2D512&%64igits=%38&perio%64=45", (3, 8, 45)),
        ("&amp;algorithm=SHA256&amp;digits=7&amp;period=20", (2, 7, 20)),
        ("&#38;digits=10&#x26;algorithm=HmacSHA512", (3, 10, 30)),
        ("&&algorithm=HMAC-SHA-256&", (2, 6, 30)),
        ("&issuer=Ex%26digits%3D8&image=https%3A%2F%2Fx%2Fy.png&Color=ff0000", (1, 6, 30)),
    ],
)
def test_whatever_makes_the_codes_is_understood(more: str, scheme: tuple[int, int, int]) -> None:
    seed, found = totp.seed_from_text(BASE + more)
    assert (seed, found) == (Secret(SEED), totp.TotpScheme(*scheme))
    assert recover.totp(SEED, 1111111109, totp.ALGORITHMS[found.algorithm], found.digits, found.period) == (
        totp.code_at(seed, 1111111109, found).text
    )


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (f"{BASE}&digits=8&digits=6", "digits twice"),
        (f"{BASE}&algorithm=SHA1&Algorithm=SHA256", "algorithm twice"),
        (f"{BASE}&%73ecret={TEXT}", "secret twice"),
        (f"{BASE}&encoder=steam&digits=5", "Steam"),
        (f"{BASE}&issuer=STEAM", "Steam"),
        (f"otpauth://totp/Steam:root?secret={TEXT}", "Steam"),
        (f"otpauth://totp/steam%3Aroot?secret={TEXT}", "Steam"),
        (f"otpauth://steam/Steam:root?secret={TEXT}", "got steam"),
        (f"otpauth://yaotp/x?secret={TEXT}&pin_length=4", "got yaotp"),
        (f"otpauth://hotp/x?secret={TEXT}&counter=3", "got hotp"),
        (f"steam://{TEXT}", "steam:"),
        ("otpauth-migration://offline?data=CjEKCkhlbGxv", "otpauth-migration:"),
        (f"{BASE}&counter=1", "counter"),
        (f"{BASE}&encoder=hex", "encoder"),
        (f"{BASE}&t0=30", "t0"),
        (f"{BASE}&timeStep=60", "timestep"),
        (f"{BASE}&digits", "digits"),
        (f"{BASE}&amp;amp;digits=8", "not understood"),
        (f"{BASE};digits=8", "seed"),
        (f"{BASE}&algorithm=MD5", "known scheme"),
        (f"{BASE}&algorithm=", "known scheme"),
        (f"{BASE}&period=30s", "known scheme"),
        (f"{BASE}&digits=٨", "known scheme"),
        (f"{BASE}#&digits=8", "seed"),
    ],
)
def test_whatever_may_change_the_codes_is_refused_by_its_name(uri: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        totp.seed_from_text(uri)
    assert TEXT.lower() not in f"{refused.value} {refused.value.hint}".lower()


def test_a_name_that_is_the_secret_is_not_repeated() -> None:
    for uri in (f"otpauth://totp/x?{TEXT[:16]}", f"otpauth://{TEXT[:16]}/x?secret=a"):
        with pytest.raises(InvalidInput) as refused:
            totp.seed_from_text(uri)
        assert TEXT[:16].lower() not in f"{refused.value} {refused.value.hint}".lower()
    for uri in (f"otpauth://totp/x?{TEXT}", f"otpauth://totp/x?{TEXT}=1", f"otpauth://{TEXT}/x?secret=a"):
        with pytest.raises(InvalidInput) as refused:
            totp.seed_from_text(uri)
        assert TEXT.lower() not in f"{refused.value} {refused.value.hint}".lower()

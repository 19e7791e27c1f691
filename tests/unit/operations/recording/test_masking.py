# SPDX-License-Identifier: Apache-2.0
"""A credential in what a program says is masked, however it is encoded, cut up, and moved about."""

import base64
import json
import re
import urllib.parse

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.operations.recording import encodings, masking
from breakglass_shamir.operations.recording.emulated import EmulatedScreen
from breakglass_shamir.operations.recording.encodings import letters, patterns
from breakglass_shamir.operations.recording.masking import Masking

SECRET = b"Xk7!pQ-92 mzR&t\xc3\xbcuv%4\\w"
PLAIN = "zebra Quux: 0"
"""Words that hold no letter in a row of what is masked."""

SECRETS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P")), min_size=8, max_size=40),
    st.text("abc", min_size=6, max_size=30),
).map(str.encode)


def forms(secret: bytes) -> dict[str, bytes]:
    """Return a credential in every encoding that is promised, written here a second time."""
    text = secret.decode()
    return {
        "itself": secret,
        "upper case": text.upper().encode(),
        "lower case": text.lower().encode(),
        "reversed": text[::-1].encode(),
        "hexadecimal": secret.hex().encode(),
        "hexadecimal, upper case": secret.hex().upper().encode(),
        "hexadecimal with colons": ":".join(f"{byte:02x}" for byte in secret).encode(),
        "hexadecimal with spaces": " ".join(f"{byte:02x}" for byte in secret).encode(),
        "base64": base64.b64encode(secret),
        "base64 after one byte": base64.b64encode(b"u" + secret),
        "base64 after two bytes": base64.b64encode(b"u:" + secret + b"\n"),
        "base64url": base64.urlsafe_b64encode(b"u" + secret),
        "base64 in lines": base64.encodebytes(secret * 1),
        "percent-encoded": urllib.parse.quote(text, safe="").encode(),
        "percent-encoded, in a path": urllib.parse.quote(text).encode(),
        "percent-encoded, in a form": urllib.parse.quote_plus(text).encode(),
        "percent-encoded, by encodeURIComponent": urllib.parse.quote(text, safe="!'()*").encode(),
        "percent-encoded, by encodeURI": urllib.parse.quote(text, safe=";,/?:@&=+$!*'()#").encode(),
        "percent-encoded, every byte": "".join(f"%{byte:02x}" for byte in secret).encode(),
        "as a JSON string": json.dumps(text).encode(),
        "as a shell word": re.sub(r"([^\w@%+=:,./-])", r"\\\1", text).encode(),
    }


def said(secret: bytes, *parts: bytes, pauses: bool = False) -> tuple[bytes, int]:
    """Return what is passed on of what a program says, and how often something was masked."""
    mask, passed = Masking(patterns(secret)), b""
    for part in parts:
        passed += mask.take(part)
        if pauses:
            passed += mask.flush()
    return passed + mask.flush(), mask.masked


def longest_left(passed: bytes, form: bytes) -> int:
    """Return how many letters in a row of a form are left."""
    shown, form = letters(passed), letters(form)
    lengths = (n for n in range(len(form), 0, -1) if any(form[i : i + n] in shown for i in range(len(form) - n + 1)))
    return next(lengths, 0)


@pytest.mark.parametrize("name", forms(SECRET))
def test_every_listed_form_is_masked_whole_and_letter_by_letter(name: str) -> None:
    form = forms(SECRET)[name]
    for parts in ([form], [form[at : at + 1] for at in range(len(form))], [form[:5], form[5:]]):
        passed, masked = said(SECRET, b"before ", *parts, b" after")
        assert masked
        assert passed.startswith(b"before ")
        assert passed.endswith(b" after")
        # At the edges of base64 a letter is made of a neighbour, too, and tells at most four bits.
        assert longest_left(passed, form) <= (4 if name.startswith("base64") else 1), passed


@pytest.mark.parametrize("name", forms(SECRET))
def test_moves_and_colours_between_the_letters_hide_nothing(name: str) -> None:
    form = forms(SECRET)[name]
    moved = b"".join(b"\x1b[1;3%dm%c\x1b[0m\x1b[C\x08\x00" % (at % 8, letter) for at, letter in enumerate(form))
    passed, masked = said(SECRET, *[moved[at : at + 3] for at in range(0, len(moved), 3)])
    assert masked
    assert longest_left(passed, form) <= (4 if name.startswith("base64") else 1)
    assert passed.count(b"\x1b[C") == len(form)


@given(SECRETS, st.integers(1, 9), st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_no_cut_lets_a_credential_through(secret: bytes, step: int, around: bytes) -> None:
    whole = around + secret + b" " + secret + around
    parts = [whole[at : at + step] for at in range(0, len(whole), step)]
    passed, _ = said(secret, *parts)
    if len(letters(secret)) >= encodings.SHORTEST:
        assert letters(secret) not in letters(passed)


@given(SECRETS, st.lists(st.binary(max_size=30), max_size=8))
@settings(max_examples=150, deadline=None)
def test_what_holds_no_credential_passes_byte_by_byte(secret: bytes, parts: list[bytes]) -> None:
    passed, masked = said(secret, *parts)
    assert masked or passed == b"".join(parts)


@given(SECRETS)
@settings(max_examples=60, deadline=None)
def test_one_letter_after_the_other_with_pauses_shows_less_than_half(secret: bytes) -> None:
    parts = [secret[at : at + 1] for at in range(len(secret))]
    passed, _ = said(secret, *parts, pauses=True)
    word = letters(secret)
    if len(word) >= encodings.SHORTEST:
        shown = word[: min(masking.MOST_SHOWN, (len(word) + 1) // 2)]
        assert len(shown) < len(word)
        assert word not in letters(passed)


def test_a_prompt_is_not_held_back_for_ever() -> None:
    mask = Masking(patterns(b"Password-of-the-house"))
    assert mask.take(b"Pass") == b""
    assert mask.holds
    assert mask.flush() == b"Pass"
    assert mask.take(b"port: ") == b"port: "
    assert not mask.holds


def test_what_was_passed_on_counts_when_the_rest_comes() -> None:
    mask = Masking(patterns(b"Password-of-the-house"))
    assert mask.take(b"Pass") + mask.flush() == b"Pass"
    assert mask.take(b"word-of-the-house!") == b"*****************!"


def test_a_sequence_that_was_passed_on_in_two_pieces_is_still_one() -> None:
    mask = Masking(patterns(b"Password-of-the-house"))
    assert mask.take(b"Pass\x1b[3") + mask.flush() == b"Pass\x1b[3"
    assert mask.take(b"1mword-of-the-house!") == b"1m*****************!"


def test_a_piece_of_a_long_credential_is_masked() -> None:
    lines = [base64.b64encode(bytes([at] * 48)) for at in range(20)]
    secret = b"-----BEGIN KEY-----\n" + b"\n".join(lines) + b"\n-----END KEY-----\n"
    passed, masked = said(secret, b"$ head -3 key\r\n" + lines[3] + b"\r\n" + lines[4] + b"\r\n")
    assert masked
    assert lines[3][:12] not in passed
    coded = base64.b64encode(secret)
    passed, _ = said(secret, coded[200:400])
    assert longest_left(passed, coded[200:400]) < 2 * encodings.PIECE


def test_a_credential_that_is_too_short_masks_nothing() -> None:
    assert patterns(b"abc") == ()
    assert said(b"abc", b"abcabc") == (b"abcabc", 0)


def glass(*shown: bytes) -> str:
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)
    for data in shown:
        stream.feed(data)
    return "".join("".join(screen.display).split())


@pytest.mark.parametrize("order", ["backwards", "outside in", "over other text", "broken at the edge"])
def test_what_the_screen_puts_together_is_covered(order: str) -> None:
    secret = b"Xk7!pQ-92mzR&tuv"
    at = {
        "backwards": list(reversed(range(16))),
        "outside in": sorted(range(16), key=lambda n: (n % 2, n)),
        "over other text": list(range(0, 16, 2)) + list(range(1, 16, 2)),
        "broken at the edge": list(reversed(range(16))),
    }[order]
    first = 73 if order == "broken at the edge" else 4
    emulated, mask, passed = EmulatedScreen(patterns(secret), 80, 24), Masking(patterns(secret)), []
    moves = [b"\x1b[5;5Hzzzzzzzzzzzzzzzz"] if order == "over other text" else []
    for n in at:
        row, column = divmod(first + n, 80)
        moves.append(b"\x1b[%d;%dH%c" % (5 + row, column + 1, secret[n]))
    for move in [*moves, b"\x1b[10;1Hafter"]:
        out = mask.take(move) + mask.flush()
        passed.append(out + emulated.take(out))
    # Backwards is a listed form, too, and may be masked before the screen has it all.
    assert emulated.covered or mask.masked
    assert secret.decode() in glass(*moves)
    seen = glass(*passed)
    assert secret.decode() not in seen
    assert seen.count("*") >= len(secret) // 2
    assert "after" in seen


@pytest.mark.parametrize("between", ["\u200b", "\u2060\ufeff", "\ufe0f"])
def test_what_has_no_width_hides_no_letter(between: str) -> None:
    emulated, secret = EmulatedScreen(patterns(b"Xk7!pQ-92mzR&tuv"), 80, 24), "Xk7!pQ-92mzR&tuv"
    assert emulated.take(between.join(secret).encode()).count(b"*") == len(secret)


@pytest.mark.parametrize("sequence", [b"\x1b[?4m", b"\x1b[>4;2m", b"\x1b[?25;1$p", b"\x1b[1;2;3;4r", b"\x1b[?0;2;3K"])
def test_what_xterm_is_asked_for_takes_nothing_from_the_screen(sequence: bytes) -> None:
    emulated, secret = EmulatedScreen(patterns(b"Xk7!pQ-92mzR&tuv"), 80, 24), b"Xk7!pQ-92mzR&tuv"
    assert emulated.take(secret[8:].join([b"\x1b[5;13H", sequence])) == b""
    assert emulated.take(b"\x1b[5;5H" + secret[:8]).count(b"*") == 16


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_output_stops_the_emulation(parts: list[bytes]) -> None:
    emulated = EmulatedScreen(patterns(SECRET), 20, 5)
    for part in parts:
        emulated.take(b"\x1b[" + part)
    emulated.resize(0, 0)
    assert isinstance(emulated.take(b"x"), bytes)


def test_the_cost_grows_with_what_is_said() -> None:
    """Counted in letters that are looked at: a beginning that never ends is not read anew with each byte."""
    mask = Masking(patterns(b"aaaaaaaaaaaaaaaaaaaaaaab"))
    longest = 0
    for _ in range(20_000):
        mask.take(b"a")
        longest = max(longest, len(mask._held))
    assert longest < 64
    mask.take(b"\x1b[m" * 10_000)
    assert len(mask._held) <= masking.MOST_HELD

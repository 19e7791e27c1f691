# SPDX-License-Identifier: Apache-2.0
"""Vectors of codes that a scanner types on another keyboard."""

from collections.abc import Iterator

from dealt import Epoch, Vector, bad, good
from dealt_streams import LABEL, cut
from keyboards import LAYOUTS, on

from breakglass_shamir.crypto import keys
from breakglass_shamir.formats import text
from breakglass_shamir.formats.scanner_keyboards import FEWEST_CHARACTERS, MOST_CHARACTERS, PAIRS

CERTAIN = frozenset(LAYOUTS) - {"US", "Kazakh", "Greek"}
"""Keyboards that are undone; of the others some compose, or no table has them."""


LONGEST_BYTES = 2496
"""An envelope whose one code has 3999 characters; one byte more has 4001."""


def given_by(pairs: str, text: str) -> str:
    """Return what a keyboard makes of a code."""
    keys = {pair[0]: pair[1] for pair in reversed(pairs.split())}
    return "".join(keys.get(one, one) for one in text)


def scans(epochs: list[Epoch]) -> Iterator[Vector]:
    """Codes of every keyboard, and such as no keyboard is certain for."""
    kind, one, several = "read-scanned", epochs[0], epochs[4]
    share = one.share(1, 2).to_text()
    stream = [share, *one.codes, *several.codes]
    for name, pairs in PAIRS.items():
        texts = [given_by(pairs, each) for each in stream]
        yield good(f"share and envelopes, {name}", kind, {"texts": texts}, {"codes": stream})
    for name in sorted(CERTAIN):
        yield good(f"a share, by the keys of {name}", kind, {"texts": [on(name, share)]}, {"codes": [share]})
    german, french = PAIRS["German, Austrian, Swiss French"], PAIRS["French"]
    small = given_by(german, share).lower()
    yield good("small letters, German", kind, {"texts": [f" {small}\n"]}, {"codes": [share]})
    yield good("as printed", kind, {"texts": stream}, {"codes": stream})
    parts = [given_by(german, each) for each in several.codes]
    yield bad("codes of an envelope before any that proves the keyboard", kind, {"texts": parts}, "malformed-text")
    mixed = [given_by(french, share), parts[0]]
    yield bad("a code of another keyboard than the one before", kind, {"texts": mixed}, "malformed-text")
    damaged = given_by(german, share[:50] + ("A" if share[50] != "A" else "B") + share[51:])
    yield bad("a share with an error on another keyboard", kind, {"texts": [damaged]}, "malformed-text")
    yield from _as_they_stand(one, several)
    yield from _of_a_stream(one, several)
    yield from _lengths(one)


def _as_they_stand(one: Epoch, several: Epoch) -> Iterator[Vector]:
    """Texts that no keyboard undoes, and codes that nothing has to undo."""
    kind, german = "read-scanned", PAIRS["German, Austrian, Swiss French"]
    share, part = one.share(1, 2).to_text(), several.codes[0]

    def stand(name: str, *texts: str) -> Vector:
        return good(name, kind, {"texts": list(texts)}, {"codes": list(texts)})

    yield stand("a prefix in any case, white space around it, and nothing that can be read", " bgs1:?\u00e9\t", "BGE1:")
    yield stand("texts that no keyboard undoes", "hello", "x" * 100, "")
    small = on("Turkish F", share.lower())
    assert small[:5] == "\u00e7\u00fci1Y"
    yield stand("small letters, Turkish F: a small i is raised to I, and is R", small)
    envelope = on("Turkish F", one.codes[0].lower())
    yield bad("an envelope in small letters, Turkish F", kind, {"texts": [envelope]}, "malformed-text")
    kept = given_by(german, part).replace("\u00d6", ":", 2).replace(":", "\u00d6", 1)
    assert kept.count(":") == 1
    yield good(
        "a character that the keyboard does not give: no code",
        kind, {"texts": [given_by(german, share), kept]}, {"codes": [share, kept]},
    )  # fmt: skip


def _of_a_stream(one: Epoch, several: Epoch) -> Iterator[Vector]:
    """Which keyboards are kept for the codes to come."""
    kind, share, parts = "read-scanned", one.share(1, 2).to_text(), several.codes
    german, french = PAIRS["German, Austrian, Swiss French"], PAIRS["French"]
    texts = [share, given_by(german, parts[0])]
    yield bad("a code that nothing has to undo is no code before", kind, {"texts": texts}, "malformed-text")
    texts = [given_by(german, share), given_by(french, share), *(given_by(french, part) for part in parts)]
    yield good(
        "a second scanner: the keyboard proven last is kept", kind, {"texts": texts}, {"codes": [share, share, *parts]}
    )
    yield bad(
        "a second scanner, and a code of the first",
        kind,
        {"texts": [*texts, given_by(german, parts[0])]},
        "malformed-text",
    )
    texts = [given_by(german, share), given_by(german, parts[0]), share, given_by(german, parts[1])]
    yield good(
        "a code that nothing has to undo leaves the keyboards",
        kind,
        {"texts": texts},
        {"codes": [share, parts[0], share, parts[1]]},
    )


def _lengths(one: Epoch) -> Iterator[Vector]:
    """The shortest and the longest text that is undone, white space at its ends not counted."""
    kind, german = "read-scanned", PAIRS["German, Austrian, Swiss French"]
    share, data = one.share(1, 2).to_text(), one.sealed.envelope.to_bytes()
    short = cut(data, 28)[0]
    header, proofs = one.core.header(), data[len(one.core.to_bytes()) : -64]
    room = LONGEST_BYTES - len(header) - 2 - len(proofs) - 64
    long = header + room.to_bytes(2, "big") + bytes(room) + proofs
    longest = "BGE1:" + text.encode(long + keys.ed25519_sign(one.seed, LABEL + long))
    assert (len(short), len(longest)) == (FEWEST_CHARACTERS - 1, MOST_CHARACTERS - 1), (len(short), len(longest))
    for name, code, blanks, undoes in (
        ("a code of 59 characters, and white space around it: too short", short, 0, False),
        ("a code of 60 characters", short, 1, True),
        ("a code of 4000 characters", longest, 1, True),
        ("a code of 4001 characters: too long", longest, 2, False),
    ):
        meant = code[:-1] + " " * blanks + code[-1]
        scanned = f" {given_by(german, meant)}\n"
        texts, codes = [given_by(german, share), scanned], [share, meant if undoes else scanned]
        yield good(name, kind, {"texts": texts}, {"codes": codes})

# SPDX-License-Identifier: Apache-2.0
"""Vectors of codes that a scanner types on another keyboard."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace

from dealt import Epoch, Vector, bad, good
from dealt_streams import LABEL, cut
from keyboards import LAYOUTS, on

from breakglass_shamir.crypto import keys
from breakglass_shamir.formats import text
from breakglass_shamir.formats.scanner_keyboards import FEWEST_CHARACTERS, MOST_CHARACTERS, PAIRS
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret

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
    yield from _stripped(epochs)
    yield from _kept(epochs)


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


def _stripped(epochs: list[Epoch]) -> Iterator[Vector]:
    """What stands around a code, and in it, that no keyboard gives."""
    kind, german = "read-scanned", PAIRS["German, Austrian, Swiss French"]
    scanned = given_by(german, epochs[0].share(1, 2).to_text())
    for name, around in (
        ("a no-break space in front of a code, German", "\u00a0" + scanned),
        ("a no-break space at the end of a code, German", scanned + "\u00a0"),
        ("a byte order mark in front of a code, German", "\ufeff" + scanned),
    ):
        yield good(name, kind, {"texts": [around]}, {"codes": [around]})
    twice = next(made for made in _made(epochs[0].share(1, 2)) if "SS" in made)
    sharp = given_by(german, twice).replace("SS", "\u00df", 1)
    name = "a sharp s, whose upper case is two characters: itself, and no code"
    yield good(name, kind, {"texts": [sharp]}, {"codes": [sharp]})


def _made(share: Share) -> Iterator[str]:
    """Texts of shares that nobody dealt: only what is written counts here."""
    for number in itertools.count():
        value = hashlib.shake_256(b"share %d" % number).digest(len(share.value.reveal()))
        yield replace(share, value=Secret(value)).to_text()


def _kept(epochs: list[Epoch]) -> Iterator[Vector]:
    """Keyboards that give the same of one code, and differ in the next."""
    kind, one, parts = "read-scanned", epochs[0], epochs[4].codes
    german, swedish = PAIRS["German, Austrian, Swiss French"], PAIRS["Swedish, Finnish, Estonian"]
    italian, brazilian = PAIRS["Italian, Portuguese"], PAIRS["Brazilian"]
    share, part = one.share(1, 2).to_text(), parts[0]
    both = next(made for made in _made(one.share(1, 2)) if not {"Y", "Z"} & set(made))
    assert given_by(german, both) == given_by(swedish, both)
    assert all({"Y", "Z"} & set(each) for each in (share, *parts))
    texts = [given_by(german, share), "hello", "", given_by(german, part)]
    yield good(
        "texts that no keyboard undoes leave the keyboards",
        kind,
        {"texts": texts},
        {"codes": [share, "hello", "", part]},
    )
    texts = [given_by(german, both), given_by(german, part)]
    name = "a code of several after a share that two keyboards give: both may be meant"
    yield bad(name, kind, {"texts": texts}, "malformed-text")
    texts = [given_by(german, both), given_by(german, share), given_by(german, part)]
    name = "a second certain code narrows the keyboards: German"
    yield good(name, kind, {"texts": texts}, {"codes": [both, share, part]})
    texts = [given_by(swedish, both), given_by(swedish, share), given_by(swedish, part)]
    name = "a second certain code narrows the keyboards: Swedish"
    yield good(name, kind, {"texts": texts}, {"codes": [both, share, part]})
    texts = [given_by(german, share), given_by(german, both), given_by(german, part)]
    name = "a code that two keyboards give does not widen them again"
    yield good(name, kind, {"texts": texts}, {"codes": [share, both, part]})
    texts = [given_by(italian, share), given_by(italian, part), given_by(brazilian, parts[1])]
    name = "a code of several narrows the keyboards"
    yield good(f"{name}: Italian", kind, {"texts": texts[:2]}, {"codes": [share, part]})
    yield bad(f"{name}: Brazilian no more", kind, {"texts": texts}, "malformed-text")
    code = one.codes[0]
    forged = code[:-8] + ("A" if code[-8] != "A" else "B") + code[-7:]
    for name, changed in (("that does not hold", forged), ("cut short", code[:-8])):
        texts = [given_by(german, share), given_by(german, changed)]
        yield bad(
            f"an envelope in one code {name}, on a keyboard that is kept", kind, {"texts": texts}, "malformed-text"
        )
    repaired = share[:50] + ("A" if share[50] != "A" else "B") + share[51:]
    texts = [given_by(german, share), given_by(german, repaired)]
    yield bad("a share with an error, on a keyboard that is kept", kind, {"texts": texts}, "malformed-text")

# SPDX-License-Identifier: Apache-2.0
"""Vectors of codes that a scanner types on another keyboard."""

from collections.abc import Iterator

from dealt import Epoch, Vector, bad, good
from keyboards import LAYOUTS, on

from breakglass_shamir.formats.scanner_keyboards import PAIRS

CERTAIN = frozenset(LAYOUTS) - {"US", "Kazakh", "Greek"}
"""Keyboards that are undone; of the others some compose, or no table has them."""


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

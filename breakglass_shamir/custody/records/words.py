# SPDX-License-Identifier: Apache-2.0
"""Text that people gave or that others said: what of it a record may hold.

A record must read the same to everybody, so that control, surrogate and bidirectional characters are refused. And it
can never be altered, so that nothing which looks like a share gets into one.
"""

import unicodedata

from breakglass_shamir.errors import InvalidInput, LooksLikeShare
from breakglass_shamir.formats.plain import escaped


def check_human_text(name: str, value: str) -> str:
    """Return a text a person gave, trimmed, or refuse it.

    Raises:
        InvalidInput: empty, or with control or bidirectional characters.
        LooksLikeShare: a share was typed or scanned into the wrong field.
    """
    from breakglass_shamir.formats.likeness import looks_like_share

    trimmed = value.strip()
    if not any(character.isalnum() for character in trimmed):
        raise InvalidInput(f"expected a {name} in words, got none")
    if not is_clean(trimmed):
        raise InvalidInput(f"the {name} has control or text-direction characters")
    if looks_like_share(trimmed):
        raise LooksLikeShare(f"the {name} looks like a share, and is not taken")
    return trimmed


def printable(text: str) -> str:
    """Return a text that a record may hold, of one that names files or repeats what others said."""
    from breakglass_shamir.formats.likeness import masked

    return "\n".join(escaped(line) for line in masked(text).split("\n"))


def is_clean(text: str) -> bool:
    """Tell whether text has no control, surrogate or bidirectional formatting characters."""
    if text.isascii() and text.isprintable():
        return True
    bidirectional = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    return not any(c in bidirectional or unicodedata.category(c) in ("Cc", "Cs") for c in text)

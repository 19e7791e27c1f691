# SPDX-License-Identifier: Apache-2.0
"""What a receiver says for its no, fit for a message: one printable line, short, and without a secret of ours.

Rules:

1. Services say the reason in the body, as JSON or as plain text; pages in HTML are for browsers and are left out.
2. A receiver may repeat what it was sent. A text that holds a secret of the request, in whatever form it may have
   been sent or written back, is withheld whole.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

REASON_MAX_CHARS = 200
"""Longest reason that is repeated to people."""

LEAK_MIN_CHARS = 4
"""Shorter secrets are not looked for: they would be found in any text."""

WITHHELD = "its words are withheld: they held a secret of ours"

_KEYS = ("message", "error_description", "detail", "error", "errors", "text", "title", "reason")
"""Where services put the reason, the most telling first."""

_DEPTH_MAX = 4


def reason(body: bytes, kind: str, secrets: Iterable[str]) -> str:
    """Return what an answer says for itself; empty where it says nothing fit for people.

    Args:
        body: the beginning of it.
        kind: its media type.
        secrets: of the request, which may be in it.
    """
    text = body.decode("utf-8", errors="backslashreplace")
    if any(form in text for secret in secrets for form in _forms(secret)):
        return WITHHELD
    if "html" in kind.lower() or text.lstrip()[:1] == "<":
        return ""
    return line(_told(text))


def line(text: str) -> str:
    """Return a foreign text as one printable line, shortened."""
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return words if len(words) <= REASON_MAX_CHARS else f"{words[:REASON_MAX_CHARS]}..."


def holds(text: str, secrets: Iterable[str]) -> bool:
    """Tell whether a text holds a secret, in a form it may have been written in."""
    return any(form in text for secret in secrets for form in _forms(secret))


def _told(text: str) -> str:
    """Return the reason in a JSON answer, or the text itself where it is none."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return next(_reasons(tree, 0), text)


def _reasons(tree: Any, depth: int) -> Iterator[str]:
    """Yield the texts that look like a reason, the most telling first."""
    if isinstance(tree, str) and tree.strip():
        yield tree
    elif isinstance(tree, list) and depth < _DEPTH_MAX:
        for one in tree[:_DEPTH_MAX]:
            yield from _reasons(one, depth + 1)
    elif isinstance(tree, dict) and depth < _DEPTH_MAX:
        for key in _KEYS:
            yield from _reasons(tree.get(key), depth + 1)


def _forms(secret: str) -> set[str]:
    """Return how a secret may look in a text."""
    if len(secret) < LEAK_MIN_CHARS:
        return set()
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    forms = {secret, unquote(secret), quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], encoded}
    return forms | {_from_base64(secret)} - {""}


def _from_base64(secret: str) -> str:
    """Return what a secret in base64 stands for, as in ``Basic`` credentials; empty where it is none."""
    try:
        found = base64.b64decode(secret, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return found if len(found) >= LEAK_MIN_CHARS else ""

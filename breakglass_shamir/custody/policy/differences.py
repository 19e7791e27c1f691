# SPDX-License-Identifier: Apache-2.0
"""What is different between two policies, whether it weakens or not: for whoever is about to adopt one.

Rules:

1. Each difference is one sentence that begins with the key; values after defaults, so that a key that is written out
   with its default is no difference.
2. People, sites and sinks are compared by their names, groups by their place.
3. Keys are not repeated, nor long texts to their end.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.walk import shown

_KEYS = frozenset({"keys", "revoked", "auditors", "approvers"})


def differences(old: Policy, new: Policy) -> tuple[str, ...]:
    """Return what is different, a sentence each; nothing where both mean the same."""
    before, after = (msgspec.json.decode(msgspec.json.encode(one, enc_hook=str)) for one in (old, new))
    return tuple(_tables(before, after, ""))


def _tables(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        below = f"{path}.{key}" if path else key
        yield from _values(old.get(key), new.get(key), below)


def _values(old: Any, new: Any, path: str) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _tables(old, new, path)
    elif isinstance(old, dict | None) and isinstance(new, dict | None):
        yield f"{path}: {'is gone' if new is None else 'is new'}"
    elif path.rpartition(".")[2] in _KEYS:
        yield f"{path}: others than before"
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    else:
        yield f"{path}: {_words(new)} instead of {_words(old)}"


def _lists(old: list[Any], new: list[Any], path: str) -> Iterator[str]:
    if path == "quorum.groups":
        yield from _groups(old, new, path)
        return
    if not all(isinstance(one, dict) for one in (*old, *new)):
        added, gone = ([one for one in a if one not in b] for a, b in ((new, old), (old, new)))
        if added:
            yield f"{path}: also {', '.join(map(_words, added))}"
        if gone:
            yield f"{path}: no longer {', '.join(map(_words, gone))}"
        if not added and not gone:
            yield f"{path}: in another order"
        return
    before, after = ({one["name"]: one for one in several} for several in (old, new))
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield f"{path}: {name} is gone"
        elif name not in before:
            yield f"{path}: {name} is new"
        else:
            yield from _values(before[name], after[name], f"{path} ({name})")


def _groups(old: list[Any], new: list[Any], path: str) -> Iterator[str]:
    for number in range(max(len(old), len(new))):
        at = f"{path}[{number}]"
        if number >= len(new) or number >= len(old):
            yield f"{at}: is {'new' if number >= len(old) else 'gone'}"
        else:
            yield from _values(old[number], new[number], at)


def _words(value: Any) -> str:
    return shown(value) if value not in (None, "") else "none"

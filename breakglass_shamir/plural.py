# SPDX-License-Identifier: Apache-2.0
"""Numbers of things in what people read: ``1 sheet``, ``2 sheets``."""


def counted(number: int, one: str, several: str = "") -> str:
    """Write a number of things.

    Args:
        number: how many there are.
        one: what one of them is called.
        several: what several are called; empty: as English does it mostly, ``sheets``, ``boxes``, ``entries``.
    """
    return f"{number} {one if number == 1 else several or _several(one)}"


def _several(one: str) -> str:
    if one.endswith("y") and one[-2:-1] not in "aeiou":
        return f"{one[:-1]}ies"
    return f"{one}es" if one.endswith(("s", "x", "ch", "sh")) else f"{one}s"

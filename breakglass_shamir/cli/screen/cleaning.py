# SPDX-License-Identifier: Apache-2.0
"""Text from outside, made fit for a terminal: file names, set names, what a target answered."""


def clean(text: str) -> str:
    """Take control characters out of text from outside."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)

# SPDX-License-Identifier: Apache-2.0
"""Every worked example in the specification stands in a vector: prose and code cannot part."""

import re
from pathlib import Path

import pytest

VECTORS = Path(__file__).parent
SPEC = VECTORS.parents[1] / "docs" / "spec"
KNOWN = "".join(path.read_text(encoding="ascii") for path in sorted(VECTORS.glob("*.json")))
TYPED = re.compile(r"^(?:[0-9A-Z]{4} ){6} [0-9A-Z]", re.MULTILINE)
HEX = re.compile(r"\b[0-9a-f]{16,}\b")


@pytest.mark.parametrize("document", [path.name for path in sorted(SPEC.glob("[1-5]-*.md"))])
def test_examples_are_vectors(document: str) -> None:
    written = (SPEC / document).read_text(encoding="utf-8")
    examples = HEX.findall(written) + TYPED.findall(written) + re.findall(r"BG[SE]1:[0-9A-Z]{20,}", written)
    assert examples
    for example in examples:
        assert example in KNOWN, example

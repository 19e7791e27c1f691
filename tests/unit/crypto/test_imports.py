# SPDX-License-Identifier: Apache-2.0
"""The library's unsafe secret-sharing call has one importer, the one that checks everything first.

The import linter knows third-party packages only as wholes, so this one module of a package is watched here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import breakglass_shamir

PACKAGE = Path(breakglass_shamir.__file__).parent


def imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_our_shamir_imports_the_library_s() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any("SecretSharing" in name for name in imported_names(path.read_text()))
    }
    assert importers == {"crypto/shamir.py"}

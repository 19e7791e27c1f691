# SPDX-License-Identifier: Apache-2.0
"""docs/architecture.md is held against the imports: its rooms, its arrows, and the two ways through the house."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import breakglass_shamir

PACKAGE = Path(breakglass_shamir.__file__).parent
PAGE = PACKAGE.parent / "docs" / "architecture.md"
SHARED = frozenset({"errors", "hygiene", "nearest", "plural", "shell", "structs", "version"})
"""What everybody imports, and no arrow tells anything of."""

WAYS = ("One share, from paper to memory", "One credential, from memory to paper")


@cache
def modules() -> dict[str, Path]:
    """Every module below the package, by its path without ending; a folder's own file is the folder."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix()
        found[name.removesuffix("/__init__")] = path
    del found["__init__"]
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that one imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("breakglass_shamir"):
            base = node.module.removeprefix("breakglass_shamir").removeprefix(".").replace(".", "/")
            found |= {name if (name := f"{base}/{one.name}") in modules() else base for one in node.names}
    return frozenset(found & modules().keys())


def is_room(name: str) -> bool:
    return modules()[name].name == "__init__.py"


def room_of(module: str) -> str:
    return module if is_room(module) else module.rpartition("/")[0]


def layer_of(module: str) -> str:
    return module.partition("/")[0]


@cache
def arrows(room: str) -> tuple[frozenset[str], frozenset[str]]:
    """The rooms of its own layer that a room imports, and the layers below."""
    beside, below = set(), set()
    for module in modules():
        if module == room or is_room(module) or room_of(module) != room:
            continue
        for other in imports(module):
            if layer_of(other) in SHARED:
                continue
            if layer_of(other) != layer_of(room):
                below.add(layer_of(other))
            elif room_of(other) != room:
                beside.add(room_of(other))
    return frozenset(beside), frozenset(below)


@cache
def rows() -> dict[str, tuple[str, frozenset[str], frozenset[str]]]:
    """The page's table: room to its words and arrows."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if cells := re.fullmatch(r"\| `([a-z/_]+)/` \| (.+) \| (.*) \| (.*) \|", line):
            named = [frozenset(re.findall(r"`([a-z/_]+)`", cell)) for cell in (cells[3], cells[4])]
            found[cells[1]] = (cells[2], named[0], named[1])
    return found


def way(title: str) -> list[str]:
    """The modules of one of the two ways, in order."""
    section = PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([a-z/_]+)\.py`", section, re.M)


def test_every_room_is_on_the_page_and_no_other() -> None:
    assert sorted(rows()) == sorted(name for name in modules() if is_room(name))


@pytest.mark.parametrize("room", sorted(name for name in modules() if is_room(name)))
def test_the_arrows_of_the_page_are_the_imports(room: str) -> None:
    _, beside, below = rows()[room]
    assert (sorted(beside), sorted(below)) == tuple(sorted(each) for each in arrows(room))


@pytest.mark.parametrize("room", sorted(name for name in modules() if is_room(name)))
def test_a_folders_own_file_says_what_lives_there_and_holds_nothing_else(room: str) -> None:
    tree = ast.parse(modules()[room].read_text())
    said = ast.get_docstring(tree) or ""
    assert len(tree.body) == 1
    assert len(re.findall(r"\.(?=\s|$)", said)) == 2, "two sentences: what lives there, and what may not"


@pytest.mark.parametrize("title", WAYS)
def test_a_way_passes_no_file_twice(title: str) -> None:
    passed = way(title)
    assert len(passed) > 10
    assert [one for one in passed if one not in modules()] == []
    assert len(set(passed)) == len(passed)


@pytest.mark.parametrize("title", WAYS)
def test_each_step_of_a_way_is_called_by_one_before_it_or_calls_it(title: str) -> None:
    passed = way(title)
    text = PAGE.read_text()
    for number, module in enumerate(passed[1:], 1):
        before = passed[:number]
        called = any(module in imports(one) or one in imports(module) for one in before)
        assert called or f"`{module}.py`: a process of its own" in text, module


def test_no_name_is_imported_from_a_module_that_only_imports_it_itself() -> None:
    """One door for each name: what a module imports, nobody imports from it."""
    found = []
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("breakglass_shamir."):
                continue
            base = (node.module or "").removeprefix("breakglass_shamir.").replace(".", "/")
            passed_on = _names_imported_at_the_top(base) if base in modules() else frozenset()
            found += [f"{module}: {one.name} from {base}" for one in node.names if one.name in passed_on]
    assert found == []


@cache
def _names_imported_at_the_top(module: str) -> frozenset[str]:
    nodes = [node for node in ast.parse(modules()[module].read_text()).body if isinstance(node, ast.ImportFrom)]
    return frozenset(one.asname or one.name for node in nodes for one in node.names)

# SPDX-License-Identifier: Apache-2.0
"""No public name loses its words or changes its signature unnoticed, and none leads to a private one."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import breakglass_shamir
from breakglass_shamir import errors
from tests.public_api.surface import ASKED_OF_CALLERS, Item, surface, text

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("surface.txt")
FRONT_DOOR = Path(breakglass_shamir.__file__)

PUBLIC = {getattr(breakglass_shamir, name) for name in breakglass_shamir.__all__ if name != "NO_OPTIONS"}
PARTS = ("Home.", "Sheets.", "Drills.", "Audit.")
RAISING = ("Raises:", "Never raises", "may raise")


def of_kind(*kinds: str) -> list[Item]:
    return [item for item in surface() if item.kind in kinds]


def _path(item: Item) -> str:
    return item.path


def is_error(item: Item) -> bool:
    return item.path.startswith("errors")


def test_no_signature_changed_unnoticed() -> None:
    assert text().splitlines() == SNAPSHOT.read_text().splitlines(), (
        "the public API changed: look at it, say it in docs/CHANGELOG.md, then run: python -m tests.public_api"
    )


@pytest.mark.parametrize("item", [item for item in surface() if item.kind not in {"value", "constructor"}], ids=_path)
def test_a_public_name_says_what_it_is(item: Item) -> None:
    assert item.words.strip(), f"{item.path} has no words: a docstring, or a string under the attribute"


@pytest.mark.parametrize("item", of_kind("function", "class"), ids=_path)
def test_a_public_name_says_where_it_is_specified(item: Item) -> None:
    if is_error(item):
        return
    assert item.references, f"{item.path} names no document"
    assert [one for one in item.references if not (ROOT / one).is_file()] == []


@pytest.mark.parametrize("item", of_kind("function", "method", "hook"), ids=_path)
def test_a_public_call_says_what_it_raises(item: Item) -> None:
    if item.path.partition(".")[0] not in {*ASKED_OF_CALLERS, "EmptyDesk"} and not is_error(item):
        assert any(word in item.words for word in RAISING), f"{item.path} says neither Raises: nor Never raises"


@pytest.mark.parametrize("item", of_kind("function", "method", "constructor"), ids=_path)
def test_what_a_call_says_it_raises_is_in_the_tree(item: Item) -> None:
    section = item.words.partition("Raises:\n")[2].partition("\n\n")[0]
    named = [
        line.strip().partition(":")[0] for line in section.splitlines() if line.startswith("    ") and line[4:5] != " "
    ]
    unknown = [word for names in named for word in names.split(", ") if not hasattr(errors, word)]
    assert unknown == []


@pytest.mark.parametrize("item", [item for item in surface() if item.types], ids=_path)
def test_no_public_signature_names_a_private_type(item: Item) -> None:
    leaked = {one.__name__ for one in item.types if one not in PUBLIC and one.__module__ != errors.__name__}
    assert leaked == set()


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(breakglass_shamir.__all__) == sorted(set(breakglass_shamir.__all__))
    assert set(breakglass_shamir.__all__) <= set(dir(breakglass_shamir))
    for name in breakglass_shamir.__all__:
        assert getattr(breakglass_shamir, name) is not None
    with pytest.raises(AttributeError, match="no public name 'cli_program'"):
        _ = breakglass_shamir.cli_program  # type: ignore[attr-defined]


def test_type_checkers_and_python_find_each_name_in_the_same_module() -> None:
    tree = ast.parse(FRONT_DOOR.read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    shown = {(node.module, one.name) for node in block.body if isinstance(node, ast.ImportFrom) for one in node.names}
    package = breakglass_shamir.__name__
    loaded = {(f"{package}.{where}", name) for where, names in breakglass_shamir._NAMES.items() for name in names}
    for where in breakglass_shamir._MODULES.values():
        parent, _, name = f"{package}.{where}".rpartition(".")
        loaded.add((parent, name))
    assert shown == loaded
    assert {name for _, name in loaded} | {"__version__"} == set(breakglass_shamir.__all__)


@pytest.mark.parametrize("path", sorted(FRONT_DOOR.parent.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_inside_comes_in_by_the_front_door(path: Path) -> None:
    if path == FRONT_DOOR:
        return
    tree = ast.parse(path.read_text())
    named = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    assert breakglass_shamir.__name__ not in named


LOADED = """
import sys
before = set(sys.modules)
import breakglass_shamir
print(sorted(set(sys.modules) - before))
breakglass_shamir.Structure
print("reportlab" in sys.modules, "click" in sys.modules, "msgspec" in sys.modules)
import breakglass_shamir.library.custody, breakglass_shamir.library.pages
print("click" in sys.modules, "rich" in sys.modules)
"""


def test_the_import_alone_loads_nothing_and_the_library_never_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "['breakglass_shamir', 'breakglass_shamir.version']", "False False False", "False False",
    ]  # fmt: skip


def test_what_reveals_without_a_record_says_so_by_its_name() -> None:
    hazmat = breakglass_shamir.hazmat
    calls = [thing for name, thing in vars(hazmat).items() if getattr(thing, "__module__", "") == hazmat.__name__]
    assert calls
    for call in calls:
        assert "without_record" in call.__name__
        assert "Lost:" in (inspect.getdoc(call) or "")


def test_the_package_says_what_is_private() -> None:
    said = breakglass_shamir.__doc__ or ""
    assert "Everything else is private" in said
    assert "never accepted" in said
    assert "stays readable by every later release" in said


def test_the_page_lists_every_public_name_and_every_call_of_a_home() -> None:
    page = (ROOT / "docs" / "library.md").read_text()
    names = re.findall(r"^\| `([A-Za-z_]+)` \|", page.partition("## Names")[2], re.M)
    assert sorted(names) == sorted(breakglass_shamir.__all__)
    table = page.partition("| of a `Home` |")[2].partition("\n\n")[0]
    calls = {item.path.partition(".")[2] for item in of_kind("method") if item.path.startswith(PARTS)}
    calls |= {item.path.partition(".")[2] for item in of_kind("property") if item.path.startswith("Home.")}
    assert {call for call in calls if f"`{call}`" not in table} == {"close", "create", "folder"}

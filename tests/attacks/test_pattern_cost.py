# SPDX-License-Identifier: Apache-2.0
"""Every regular expression of the package, by its structure: none of them costs more than linear time.

They are found where they stand: in calls of ``re``, and as compiled ones in a module. What is put into one from
outside is escaped, and stands here as a plain word.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import breakglass_shamir
from breakglass_shamir.connectors.mysql import session
from breakglass_shamir.connectors.ssh.authorized_line import parse
from breakglass_shamir.custody.policy.schema import schema
from tests.attacks.pattern_cost import looks_on, superlinear

PACKAGE = Path(breakglass_shamir.__file__).parent

ANYWHERE = {"search", "sub", "subn", "split", "findall", "finditer"}
WHOLE = {"fullmatch"}
MEBIBYTE = 1 << 20

USES = {"match", *ANYWHERE, *WHOLE}

ELSEWHERE = {"breakglass_shamir.custody.policy.walk", "breakglass_shamir.cli.screen.yes_and_no"}
"""They run patterns from elsewhere: the policy's tables, taken from the schema, and the locale, on one letter."""

PROVEN = {
    "cli.screen.paths._WORD": "a quoted text ends at its mark or with the text: it never fails",
    "cli.screen.paths._PART": "a quoted text ends at its mark or with the text: it never fails",
    "crypto.totp._PERCENT": "it may end after each turn, so whatever gets there has matched",
    "connectors.mysql.session._MARIADB_METHOD": "a quoted text ends at its mark or with the text: it never fails",
    "connectors.mysql.session._TEXT": "a quoted text ends at its mark or with the text: it never fails",
    "connectors.mysql.session._KEPT": "a quoted text ends at its mark or with the text: it never fails",
    "operations.recording.encodings.SILENT": "it may end after each turn; what fails looks no further than an escape",
    "operations.recording.masking.SILENT": "it may end after each turn; what fails looks no further than an escape",
    "ledger.mounts._UPPER": "it may end after each character, so whatever gets there has matched",
}
"""Expressions whose structure would allow it, and why it does not come to that."""


@dataclass(frozen=True)
class Use:
    """One expression, and how it is tried."""

    where: str
    expression: str | bytes
    flags: int
    anchored: bool
    whole: bool


def uses() -> Iterator[Use]:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        if re.search(r"^import re$|^from re import", text, re.MULTILINE):
            yield from _uses_in(path, ast.parse(text))
    yield from _of_tables(schema(), "policy")


def _of_tables(tree: Any, where: str) -> Iterator[Use]:
    """Yield the patterns that keys of a policy must match."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        if key == "pattern" and isinstance(value, str):
            yield _use(f"{where}.pattern", value, 0, {"search"})
        else:
            yield from _of_tables(value, f"{where}.{key}")


def _uses_in(path: Path, tree: ast.Module) -> Iterator[Use]:
    name = ".".join(("breakglass_shamir", *path.relative_to(PACKAGE).with_suffix("").parts))
    module = importlib.import_module(name)
    compiled = {key: one for key, one in vars(module).items() if isinstance(one, re.Pattern)}
    used: dict[str, set[str]] = {key: set() for key in compiled}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, verb = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and owner.id == "re" and verb in {*USES, "compile"}:
            if name in ELSEWHERE:
                continue
            found = _evaluated(node.args[0], module)
            if verb != "compile":
                yield _use(f"{name}:{node.lineno}", found, _flags(node), {verb})
            elif found not in {one.pattern for one in compiled.values()}:
                yield _use(f"{name}:{node.lineno}", found, _flags(node), USES)
        elif isinstance(owner, ast.Name) and owner.id in used and verb in USES:
            used[owner.id].add(verb)
    for key, one in compiled.items():
        verbs = used[key] | (_elsewhere(key) if not key.startswith("_") else set())
        yield _use(f"{name}.{key}", one.pattern, one.flags, verbs or USES)


@cache
def _elsewhere(key: str) -> set[str]:
    """Return how other modules try an expression of a name that is not private."""
    called = re.compile(rf"\b{re.escape(key)}\.(\w+)\(")
    return {verb for path in PACKAGE.rglob("*.py") for verb in called.findall(path.read_text()) if verb in USES}


def _use(where: str, expression: str | bytes, flags: int, verbs: set[str]) -> Use:
    return Use(where, expression, flags & ~re.UNICODE, not verbs & ANYWHERE, bool(verbs & WHOLE))


def _evaluated(node: ast.expr, module: ModuleType) -> Any:
    """Return the text of an expression; what is put in is a word."""

    class Words(ast.NodeTransformer):
        def visit_FormattedValue(self, found: ast.FormattedValue) -> ast.expr:
            try:
                value = eval(compile(ast.Expression(found.value), "", "eval"), vars(module))  # noqa: S307
            except NameError:
                value = "word"
            return ast.Constant(str(value))

        def visit_Call(self, found: ast.Call) -> ast.expr:
            """Take ``PATTERN.format(name=...)`` for the pattern with a word in it."""
            assert isinstance(found.func, ast.Attribute)
            assert found.func.attr == "format"
            return ast.Constant(_evaluated(found.func.value, module).replace("{name}", "word"))

    made = ast.fix_missing_locations(ast.Expression(Words().visit(node)))
    return eval(compile(made, "", "eval"), vars(module))  # noqa: S307


def _flags(node: ast.Call) -> int:
    given = [*node.args[1:], *(one.value for one in node.keywords)]
    found = 0
    for one in given:
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "re":
            found |= int(getattr(re, one.attr))
    return found


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+b", "(a|aa)+b", r"(\w+\s?)+$", r"\s+\s+x", r"\s+([A-Za-z\s]+)-", ".*a.*b", r"^(?P<a>.*?)\bLOG:\s+(.*)$",
        r";.* rhost=(\S*).*\buser=x", "(?=(a+)+b)", "x*x*y", r"(?i:a)*A*b",
    ],
)  # fmt: skip
def test_what_takes_longer_is_found(expression: str) -> None:
    assert superlinear(expression, anchored=True, whole=False)


@pytest.mark.parametrize("expression", ["a+b", r"pam_unix\((\S+?):s", r"\s+$", "[0-9]+x", "(?:ab)+c"])
def test_what_takes_longer_because_every_place_is_tried_is_found(expression: str) -> None:
    assert superlinear(expression, anchored=False, whole=False)
    assert expression == r"\s+$" or not superlinear(expression, anchored=True, whole=False)


@pytest.mark.parametrize(
    "expression",
    [
        "a+b", "(?:ab)*c", r"\w+ \d+", '"(?:[^"]|"")*"', r'(?:"(?:\\.|[^"\\])*"|[^\s"])+', "x(.*)", "a{1,9}a{1,9}b",
        "(a|b)+c", "(?=a+b)c",
    ],
)  # fmt: skip
def test_what_does_not_is_not(expression: str) -> None:
    assert not superlinear(expression, anchored=True, whole=False)


FOUND = list(uses())


def test_the_expressions_are_found() -> None:
    assert len(FOUND) > 90
    assert len({use.where.partition(":")[0].rpartition(".")[0] for use in FOUND}) > 20


@pytest.mark.parametrize("use", FOUND, ids=lambda use: use.where.removeprefix("breakglass_shamir."))
def test_no_expression_of_the_package_takes_longer(use: Use) -> None:
    if use.where.removeprefix("breakglass_shamir.") not in PROVEN:
        assert superlinear(use.expression, use.flags, anchored=use.anchored, whole=use.whole) == "", use.expression


ENDLESS_LOOKS = {
    "paper.reading.finders._RUNS": "it is tried where a run begins, and looks at five of them",
}
"""Expressions that look on without an end, and why that is not done from every place."""


@pytest.mark.parametrize("use", FOUND, ids=lambda use: use.where.removeprefix("breakglass_shamir."))
def test_no_expression_looks_to_the_end_from_every_place(use: Use) -> None:
    """A look that has no end costs the rest of the text; where every place is tried, that is the square."""
    if not use.anchored and use.where.removeprefix("breakglass_shamir.") not in ENDLESS_LOOKS:
        assert not looks_on(use.expression, use.flags), use.expression


@pytest.mark.parametrize("expression", [r"(?=\w*\d)x", r"(?<!(?=\w*\d)\w)x", "(?!a+b)x", "a(?=(?:bc)*d)"])
def test_a_look_without_an_end_is_found(expression: str) -> None:
    assert looks_on(expression, 0)
    assert not looks_on(r"(?=\w{0,3}\d)x+", 0)


QUOTED = "SHOW CREATE USER IDENTIFIED VIA x USING "


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["'", "''", "'\\''", "'\\", "\\'", "'a'", " VIA a USING '", " AS '", " AS '\\'"])
def test_what_is_proven_holds(text: str) -> None:
    """With a matcher that tries each of these places to the end, a megabyte takes hours."""
    many = text * (MEBIBYTE // len(text))
    assert len(session._methods(f"{QUOTED}{many}")) <= MEBIBYTE
    assert len(session._methods(f"x IDENTIFIED WITH y AS {many}")) <= 2
    assert "''" in session._TEXT.sub("''", f"'{many}")
    for token in (text, text.replace("'", '"')):
        assert parse((token * (MEBIBYTE // len(token))).encode()) is None

# SPDX-License-Identifier: Apache-2.0
"""A name or a path holds shell syntax, and people paste the hint it stands in: it is one quoted word there.

Every string of the program that holds a command is walked; and commands are run whose hints hold such a name.
"""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import breakglass_shamir
from breakglass_shamir import shell
from breakglass_shamir.custody.credential import Credential
from tests.attacks.strangers import STRANGE, Blank

PACKAGE = Path(breakglass_shamir.__file__).parent

COMMAND = re.compile(
    r"(?:^|[^\w/.-])(?:breakglass|ssh-keygen|openssl|sh|pip|cupsenable|cancel|systemctl|lpstat|sudo|mount|cp|mv|rm|chmod|"
    r"chown|umount|ln|touch|wipe|shred|kill|useradd|passwd) "
    r"(?!(?:gave|made|could|asked|says|cannot|of|was|rotation|is|has|did|for|to|by|in|and|or|not|needs|policy\Z)\b)[^;,.]*$"
    r"|--[a-z-]+[ =]$"
)
"""How text ends that a value follows as a word of a command."""

QUOTING = ("word", "operand", "breakglass", "_rotate", "_void")
"""Calls that return quoted words; the last two return a whole command of ``breakglass``."""

HOSTILE = ("rk;id>&2;#", "$(touch mark)", "`touch mark`", "a b", "it's", "-x", "--help", "a\nb", "*", "~", "!x", "&")


def interpolated() -> Iterator[tuple[str, str, ast.expr]]:
    """Yield where a string stands, the text before each value in it, and the value."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "recover.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.JoinedStr):
                continue
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += str(part.value)
                elif isinstance(part, ast.FormattedValue):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", before, part.value
                    before += "\0"


NOT_PASTED = ("__version__", "{PREFIX}", "--defaults-file", "--user-data-dir", "cli/examples.py", "shell.py")
"""Our own words, arguments of a program that we start, and the module that quotes."""


def is_quoted(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in QUOTING


def test_no_command_in_a_message_holds_an_unquoted_value() -> None:
    found = [
        f"{where}: {before[-60:]!r} {{{ast.unparse(value)}}}"
        for where, before, value in interpolated()
        if COMMAND.search(before.rpartition("\n")[2]) and not is_quoted(value)
    ]
    assert [one for one in found if not any(words in one for words in NOT_PASTED)] == []


def test_no_command_is_put_together_in_another_way() -> None:
    """By a plus, a percent sign, ``format`` or ``replace`` the walk above would not see it."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())) if path.name != "recover.py" else ():
            match node:
                case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add() | ast.Mod()):
                    pass
                case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format" | "replace")):
                    pass
                case _:
                    continue
            if re.search(r"(?:^|[^\w-])breakglass [a-z]|(?:^|[^\w-])ssh-keygen -|--[a-z-]+ ?$", text):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {text[-60:]!r}")
    assert found == []


def test_the_walk_finds_what_it_looks_for() -> None:
    for text in (
        "settle it with: breakglass rotate ",
        "check it: sh ",
        "pass with --override ",
        "breakglass --home ",
        "remove it: cancel -x ",
        "make it yours: chown me ",
    ):
        assert COMMAND.search(text), text
    for text in ("ssh-keygen made no signature with ", "the policy of ", "expected an account at "):
        assert not COMMAND.search(text), text


@given(st.text(min_size=1, max_size=30).filter(lambda name: "\0" not in name))
def test_a_name_is_one_word_and_never_an_option(name: str) -> None:
    words = shlex.split(shell.breakglass("rotate", name, options="--scan PATH... --out DIR"))
    assert words[:2] == ["breakglass", "rotate"]
    assert words.count(name) >= 1
    if name.startswith("-"):
        assert words.index("--") < len(words) - 1
        assert words[-1] == name
    assert shlex.split(shell.word(name)) == [name]
    assert not shlex.split(shell.operand(name))[0].startswith("-")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pasted_word_does_nothing_but_stand_there(name: str, tmp_path: Path) -> None:
    command = shell.breakglass("rotate", name).replace("breakglass", "printf '%s|'", 1)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("|").split("|")[-1] == name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rk;id>&2;#", "$(touch mark)", "-x"])
def test_what_a_set_from_sheets_has_for_a_name_runs_in_no_hint(name: str, tmp_path: Path) -> None:
    """Every hint of these commands is pasted into a shell, with the program's name standing for nothing."""
    blank = Blank(tmp_path / "blank")
    blank.bring(name, Credential(STRANGE, target="manual:x", hint="$(touch mark)"))
    opened = blank.opened("--exec", "true")
    assert opened.exit == 7, opened.err
    said = [opened]
    given = ("--target", "ssh-key:///srv/nothing")
    said += [
        blank.noted("rotate", "--typed", blank.brought, "--", name),
        blank.noted("rotate", "--typed", blank.brought, "--out", tmp_path / "out", *given, "--", name),
        blank.noted("confirm", "--watch", tmp_path, "--timeout", "0", "--", name),
        blank.noted("ack", "--", name, "1"),
        blank.noted("void", "--reason", "seen", "--", name, "1"),
        blank.noted("reassign", "--to", "somebody", "--", name, "2"),
        blank.noted("status"),
        blank.noted("watch", "--once", "--", name),
    ]
    where = tmp_path / "pasted"
    where.mkdir()
    commands = [line for done in said for line in pasted(done.out + done.err)]
    assert any(shell.word(name) in command for command in commands), commands
    for command in commands:
        subprocess.run(["sh", "-c", f"breakglass() {{ :; }}\n{command}"], cwd=where, capture_output=True, check=False)
    assert list(where.iterdir()) == []


def pasted(output: str) -> Iterator[str]:
    """Yield what people would copy: from the program's name to the end of the line."""
    for line in output.splitlines():
        if (at := line.find("breakglass ")) > 0:
            yield line[at:].replace("PATH...", "PATH").replace("SCAN...", "SCAN")

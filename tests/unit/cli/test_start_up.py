# SPDX-License-Identifier: Apache-2.0
"""What ``status`` loads and how often it does a thing: the structure that its time comes from, never the time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from breakglass_shamir.cli.program import breakglass
from breakglass_shamir.cli.screen import cleaning, plain_table
from breakglass_shamir.crypto import note
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.formats import envelope
from tests.benchmarks import many_sets

SETS = 3

LOADED = """
import dataclasses, os, sys
made = []
process = dataclasses._process_class
dataclasses._process_class = lambda kind, *rest: (made.append(kind.__module__), process(kind, *rest))[1]
from breakglass_shamir.cli.program import breakglass
from breakglass_shamir.cli.screen import failure
os.environ["BREAKGLASS_HOME"] = sys.argv.pop(1)
code = failure.guarded(breakglass)
print(code, *made, file=sys.stderr)
print(*sys.modules, file=sys.stderr)
"""

NOT_FOR_STATUS = (
    "rich", "cffi", "jinja2", "PIL", "prompt_toolkit", "reportlab", "Crypto.IO.PKCS8", "Crypto.Protocol.SecretSharing",
    "ctypes.util", "json", "reedsolo", "shutil", "subprocess", "tempfile", "typing_extensions",
    "breakglass_shamir.alerts.event", "breakglass_shamir.alerts.sinks", "breakglass_shamir.bounded",
    "breakglass_shamir.cli.screen.answers", "breakglass_shamir.connectors", "breakglass_shamir.crypto.shamir",
    "breakglass_shamir.custody.life.enrol_rules", "breakglass_shamir.custody.life.recovery",
    "breakglass_shamir.custody.life.statement", "breakglass_shamir.custody.names",
    "breakglass_shamir.custody.policy.weakening", "breakglass_shamir.custody.quorum",
    "breakglass_shamir.formats.parity", "breakglass_shamir.formats.seal", "breakglass_shamir.formats.share",
    "breakglass_shamir.ledger.fresh", "breakglass_shamir.ledger.verify", "breakglass_shamir.operations.credential",
    "breakglass_shamir.operations.desk", "breakglass_shamir.operations.fleet", "breakglass_shamir.paper",
)  # fmt: skip

MOST_DATA_CLASSES = 8
"""Classes for whose making Python is generated and compiled, at half a millisecond each."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sets") / "home"
    many_sets.build(place, SETS)
    return place


@pytest.mark.parametrize("words", [["status"], ["--json", "status"], ["--home", "home", "--json", "status"]])
def test_status_loads_what_it_needs(home: Path, words: list[str]) -> None:
    command = [sys.executable, "-c", LOADED, str(home), *words]
    done = subprocess.run(command, cwd=home.parent, capture_output=True, text=True, check=True)
    assert "set-0" in done.stdout
    told, modules = done.stderr.splitlines()[-2:]
    code, *made = told.split()
    assert int(code) == many_sets.DUE
    loaded = set(modules.split())
    assert [name for name in loaded if name.startswith(NOT_FOR_STATUS)] == []
    assert ("breakglass_shamir.formats.likeness" in loaded) is ("--json" not in words)  # what people read is looked at
    assert len([name for name in made if name.startswith("breakglass_shamir")]) <= MOST_DATA_CLASSES


def test_each_policy_is_parsed_each_record_read_and_one_signature_verified(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"policies": 0, "records": 0, "envelopes": 0, "heads": 0}

    def counted(what: str, module: Any, name: str) -> None:
        real = getattr(module, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counts[what] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    policies.parse.cache_clear()
    counted("policies", policies, "tree_of")
    counted("records", records, "parse")
    counted("envelopes", envelope, "ed25519_verify")
    counted("heads", note, "ed25519_verify")
    done = CliRunner().invoke(breakglass, ["--home", str(home), "--json", "status"], standalone_mode=False)
    assert done.exception is None
    assert [one["name"] for one in json.loads(done.stdout)["sets"]] == [f"set-{number}" for number in range(SETS)]
    total = 1 + 2 * SETS
    # The first record is looked at again.
    assert counts == {"policies": SETS, "records": total + 1, "envelopes": 0, "heads": 1}


BOUND = """
import sys
from breakglass_shamir.cli import binding
binding.by_ctypes()
print("cffi" in sys.modules, "ctypes.util" in sys.modules, "subprocess" in sys.modules)
from Crypto.Util import _raw_api
print(_raw_api.backend)
from breakglass_shamir.crypto import keys
from breakglass_shamir.hygiene import Secret
seed = Secret(bytes(32))
keys.ed25519_verify(keys.ed25519_public(seed), b"x", keys.ed25519_sign(seed, b"x"))
binding.by_ctypes()
import ctypes.util
print(bool(ctypes.util.find_library("c")))
binding.structs_by_typing()
print("typing_extensions" in sys.modules)
import typing_extensions
print(typing_extensions.Required)
binding.structs_by_typing()
"""


def test_the_binding_leaves_cffi_to_others_and_signs_and_verifies() -> None:
    done = subprocess.run([sys.executable, "-c", BOUND], capture_output=True, text=True, check=True)
    # A binding that asked what the interpreter is made of would have run file(1).
    assert done.stdout.splitlines()[:2] == ["False False False", "ctypes"]
    assert done.stdout.splitlines()[2:] == ["True", "False", "typing.Required"]


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_says_what_there_is_loads_no_command(word: str) -> None:
    command = [sys.executable, "-c", LOADED, "/nowhere", word]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told, modules = done.stderr.splitlines()[-2:]
    assert told == "0"
    loaded = set(modules.split())
    assert not loaded & {"msgspec", "sqlite3", "pathlib", "json", "Crypto"}
    assert "breakglass_shamir.cli.session" not in loaded


CELLS = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=12)
HEADS = ("SET", "STATE", "N")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(10, 60))
def test_a_plain_table_is_what_rich_draws(rows: list[tuple[str, str, str]], room: int) -> None:
    lines = plain_table.drawn(HEADS, rows, room)
    table = Table(*HEADS, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(color_system=None, highlight=False, markup=False, emoji=False, width=room)
    with console.capture() as captured:
        console.print(table)
    if lines is not None:
        assert captured.get().splitlines() == lines
    else:
        assert sum(max(map(len, column)) for column in zip(HEADS, *rows, strict=True)) + 8 > room


@pytest.mark.parametrize("cell", ["\u6f22", "a\nb", "\x1b[31m", "\xe9"])
def test_what_is_not_plain_is_left_to_rich(cell: str) -> None:
    assert plain_table.drawn(("A",), [(cell,)], 80) is None
    assert plain_table.drawn((cell,), [("a",)], 80) is None


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_json_is_written_as_the_standard_library_writes_it(document: Any) -> None:
    assert cleaning._written(document, 2) == json.dumps(document, ensure_ascii=False, indent=2)


def test_a_byte_that_is_no_text_is_written_all_the_same() -> None:
    document = {"file": "a\udcff"}
    assert cleaning._written(document, 2) == json.dumps(document, ensure_ascii=False, indent=2)


@pytest.mark.parametrize("number", range(256))
def test_the_short_way_to_a_clean_text_lets_nothing_else_through(number: int) -> None:
    assert is_clean(f"a{chr(number)}b") is not (number < 32 or 127 <= number < 160)

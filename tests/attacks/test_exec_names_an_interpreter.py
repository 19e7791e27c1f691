# SPDX-License-Identifier: Apache-2.0
"""The target of exec is a shell or an interpreter: nothing of account, target or credential is executed.

Each program is given what it would execute, by every field of a question. The mark is a file in the folder that the
program is told of; whatever made it was executed.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.program import protocol
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

PROGRAMS = (
    "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "python3", "perl", "ruby", "node",
    "php", "awk", "gawk", "mawk", "lua", "lua5.4", "tclsh", "expect", "sqlite3", "psql", "mysql", "ed", "ex", "bc",
    "dc", "m4", "gdb", "guile", "parallel", "xargs", "batch", "env", "R",
)  # fmt: skip
"""What takes standard input for a program, or for commands."""

INSTALLED = {name: found for name in PROGRAMS if (found := shutil.which(name, path="/usr/bin:/bin:/usr/local/bin"))}
"""Those that are here; the first shells and python3 always are."""

WORDS = (
    "$(touch {mark})", "`touch {mark}`", "\n touch {mark}\n", ";touch {mark};", "'; touch {mark}; '",
    '"; touch {mark}; "', "@{{[`touch {mark}`]}}", "#{{`touch {mark}`}}", "[exec touch {mark}]",
    "!touch {mark}", "\n\\! touch {mark}\n",
    "\n.shell touch {mark}\n", "\nshell touch {mark}\n", "syscmd(`touch {mark}')", "<?php `touch {mark}`; ?>",
    "\n__import__('os').system('touch {mark}')\n", "\nrequire('child_process').execSync('touch {mark}')\n",
    "\nBEGIN {{ system('touch {mark}') }}\n", "\nos.execute('touch {mark}')\n", "\n(system \"touch {mark}\")\n",
)  # fmt: skip
"""What one of them executes where it reads it as its own."""


@pytest.mark.parametrize("name", INSTALLED)
def test_a_question_is_no_program_of_any_interpreter(name: str, tmp_path: Path) -> None:
    program, mark = Path(INSTALLED[name]).resolve(), tmp_path / "mark"
    hostile = "".join(WORDS).format(mark=mark)
    connector = ExecConnector(f"exec://{program}", options={"time_limit": "10", "settings": hostile})
    connector.account = hostile
    secret, other = Secret(hostile.encode()), Secret(hostile.encode() + b"2")
    assert connector.check(secret).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError):
        connector.rotate(secret, other)
    assert not mark.exists()


def test_the_same_words_are_executed_where_the_question_is_plain_json(
    tmp_path: Path, need: Callable[[str], str]
) -> None:
    """The attack is real: a shell that is given the object by itself runs what stands in it."""
    mark = tmp_path / "mark"
    plain = json.dumps({"protocol": 1, "action": "check", "account": f"$(touch {mark})"})
    subprocess.run([need("sh")], input=plain.encode(), capture_output=True, check=False)
    assert mark.exists()


@pytest.mark.parametrize("word", WORDS)
def test_what_a_program_reads_is_one_word_and_hexadecimal_digits(word: str) -> None:
    first, second, rest = protocol.written({"account": word, "credential": word}).split(b"\n")
    assert (first, rest) == (b"exit", b"")
    assert set(second) <= set(b"0123456789abcdef")
    assert json.loads(bytes.fromhex(second.decode())) == {"account": word, "credential": word}


def test_an_interpreter_that_complains_repeats_nothing_of_the_question(tmp_path: Path) -> None:
    """Some repeat the line that they cannot read; in it stands the credential."""
    program = tmp_path / "repeats"
    program.write_text('#!/bin/sh\nread -r _; read -r line; echo "near $line" >&2; exit 3\n')
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    secret = Secret(b"copper kettle of the house")
    said = ExecConnector(f"exec://{program}").check(secret).detail
    assert "exit status 3: near ..." in said
    assert secret.reveal().hex() not in said

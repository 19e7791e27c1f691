# SPDX-License-Identifier: Apache-2.0
"""Attacks by a program that is run: it writes without end, never ends, or leaves something that holds its output open.

Each of them would go on for an hour. That the test ends is the assertion.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.connectors.kerberos import tools
from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.options import admin_secret
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.connectors.ssh import keygen
from breakglass_shamir.errors import BreakglassError, ConnectorError, InvalidInput, PaperError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening import ssh_sign
from breakglass_shamir.paper.printing import cups_programs

FLOODS = {
    "output": "head -c 64M /dev/zero; sleep 3600",
    "errors": "head -c 64M /dev/zero >&2; sleep 3600",
    "both": "head -c 64M /dev/zero >&2 & head -c 64M /dev/zero; sleep 3600",
}
"""What it writes is far more than anything reads; then it stays."""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bin"
    made.mkdir(mode=0o755)
    return made


@contextlib.contextmanager
def most_memory(more_bytes: int) -> Iterator[None]:
    """Fail where this process takes so much more memory."""
    before = resident()
    yield
    assert resident() - before < more_bytes


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def program(folder: Path, body: str, name: str = "program") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def connector(folder: Path, body: str) -> ExecConnector:
    return ExecConnector(f"exec://{program(folder, body)}", "root", options={"time_limit": "600"})


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_connectors_program_that_writes_without_end_gives_no_answer(folder: Path, flood: str) -> None:
    with most_memory(16 << 20):
        check = connector(folder, flood).check(Secret(b"copper kettle"))
    assert check.result is CheckResult.UNKNOWN
    assert "killed: more than" in check.detail


def test_a_connectors_program_is_believed_though_something_it_left_holds_its_output(folder: Path) -> None:
    said = """echo '{"result": "accepted"}'; setsid sleep 3600 & exit 0"""
    assert connector(folder, said).check(Secret(b"copper kettle")).result is CheckResult.ACCEPTED


def test_an_answer_as_deep_as_a_well_is_no_answer(folder: Path) -> None:
    deep = "head -c 400000 /dev/zero | tr '\\0' '['"
    assert connector(folder, deep).check(Secret(b"copper kettle")).result is CheckResult.UNKNOWN


@pytest.mark.parametrize("flood", [FLOODS["output"], "echo pear tree; setsid sleep 3600 & exit 3"])
def test_an_administrators_program_that_writes_without_end_prints_no_secret(folder: Path, flood: str) -> None:
    with most_memory(16 << 20), pytest.raises(ConnectorError, match="option admin"):
        admin_secret({"admin": str(program(folder, flood)), "admin_account": "root"})


def test_what_an_administrators_program_left_running_is_not_waited_for(folder: Path) -> None:
    said = program(folder, "echo pear tree; sleep 3600 & exit 0")
    assert admin_secret({"admin": str(said), "admin_account": "root"}) == Secret(b"pear tree")


def lpstat() -> object:
    return cups_programs.run("lpstat", ("-a",), limit_s=3000)


def kinit() -> object:
    ended = tools.run(tools.Site("EXAMPLE.COM"), ["kinit", "x"], (), 3000)
    if ended.status is None:
        raise ConnectorError(ended.complaint)
    return ended


def journalctl() -> object:
    ended = pam.run([pam.program("journalctl")], b"", 3000)
    if ended.status is None:
        raise ConnectorError(ended.complaint)
    return ended


def ssh_keygen() -> object:
    ended = keygen.run_ssh_keygen(["-l"], (), limit_s=3000)
    if ended.status is None:
        raise ConnectorError(ended.complaint)
    return ended


def fingerprint() -> object:
    return ssh_sign.fingerprint(Path(__file__))


SIBLINGS: dict[str, tuple[object, Callable[[], object]]] = {
    "lpstat": (cups_programs, lpstat),
    "kinit": (tools, kinit),
    "journalctl": (pam, journalctl),
    "ssh-keygen": (keygen, ssh_keygen),
    "ssh-keygen of an officer": (ssh_sign, fingerprint),
}
"""Every other program that is asked something: the module that runs it, and a question."""


@pytest.mark.parametrize("name", SIBLINGS)
def test_no_other_program_that_writes_without_end_keeps_anybody(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, question = SIBLINGS[name]
    program(folder, FLOODS["output"], name.partition(" ")[0])
    monkeypatch.setattr(module, "SYSTEM_PATH", f"{folder}:/usr/bin:/bin")
    if hasattr(module, "NO_TERMINAL_LIMIT_S"):
        monkeypatch.setattr(module, "NO_TERMINAL_LIMIT_S", 3000.0)
    with most_memory(16 << 20), pytest.raises((ConnectorError, PaperError, InvalidInput)) as caught:
        question()
    assert isinstance(caught.value, BreakglassError)

# SPDX-License-Identifier: Apache-2.0
"""A secret stays in memory, on paper, and nowhere else; and memory stays the process's own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import DECLARATION, NAME, Life, assert_holds_no, secrets_on_paper, texts_on_paper, wait_until


@pytest.fixture
def running(life: Life) -> Iterator["subprocess.Popen[bytes]"]:
    """An opening whose command waits until it is told to end."""
    os.mkfifo(life.folder / "until")
    wait = ["--exec", "sh", "-c", "touch begun; read line < until"]
    command = life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), *wait)
    process = subprocess.Popen(
        command, cwd=life.folder, env=life.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until((life.folder / "begun").exists, "the command to begin", 60)
    yield process
    (life.folder / "until").write_text("over\n")
    assert process.wait(30) == 7


def test_the_running_process_dumps_no_core_and_no_memory(running: "subprocess.Popen[bytes]") -> None:
    mine = Path("/proc") / str(running.pid)
    limits = (mine / "limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    # proc(5): the files of a process that is not dumpable belong to root; prctl(2): and nobody else may trace it.
    assert dumpable(running.pid) == 0


def dumpable(pid: int) -> int:
    """Tell whether a process is dumpable, by what the kernel lets its own user do.

    For root no permission differs, so the test process gives up its rights first.
    """
    probe = (
        "import os, sys\n"
        "try:\n"
        "    os.setresuid(65534, 65534, 65534)\n"
        "except PermissionError:\n"
        "    pass\n"
        "try:\n"
        f"    open('/proc/{pid}/environ', 'rb').read()\n"
        "except PermissionError:\n"
        "    sys.exit(0)\n"
        "sys.exit(1)\n"
    )
    return subprocess.run([sys.executable, "-c", probe], check=False).returncode


def test_no_file_but_the_sheets_holds_a_secret(life: Life, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    life.more["TMPDIR"] = str(temporary)
    try:
        done = life.rotated(
            "recombine", NAME, *DECLARATION, "--scan", life.scans(1), last=("--exec", "sh", "-c", "cat > /dev/null")
        )
    finally:
        life.more.clear()
    assert done.exit == 0, done.err
    assert list(temporary.iterdir()) == []
    secrets = [life.secret, *secrets_on_paper(life.sheets(2))]
    assert len(secrets) == 2
    shares = [Secret(text[5:].encode()) for n in (1, 2) for found in texts_on_paper(life.sheets(n)).values()
              for text in found if text.startswith("BGS1:")]  # fmt: skip
    assert len(shares) >= 12
    paper = {life.sheets(1), life.sheets(2), life.scans(1), life.scans(2)}
    for path in life.folder.rglob("*"):
        if path.is_file() and path.parent not in paper:
            for secret in (*secrets, *shares):
                assert_holds_no(secret, str(path), path.read_bytes())
    for secret in (*secrets, *shares):
        assert_holds_no(secret, "what the program says", (done.out + done.err).encode())


@pytest.mark.parametrize("broken", ["kind", "ledger"])
def test_an_unexpected_error_shows_no_value(life: Life, broken: str) -> None:
    script = life.folder / "broken.py"
    place = {
        "kind": "from breakglass_shamir.operations import reveal as owner; name = 'run_command'",
        "ledger": "from breakglass_shamir.operations import opening as owner; name = '_witness'",
    }[broken]
    script.write_text(
        f"{place}\n"
        "from breakglass_shamir.cli import main\n"
        "def fail(*args, **kwargs):\n"
        "    raise RuntimeError(repr([getattr(a, 'reveal', lambda: a)() for a in args]))\n"
        "setattr(owner, name, fail)\n"
        "main()\n"
    )
    done = life.script(script, "recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--exec", "cat")
    assert done.exit == 1
    assert "unexpected RuntimeError" in done.err
    assert "Traceback" not in done.err
    assert_holds_no(life.secret, "what the program says", (done.out + done.err).encode())

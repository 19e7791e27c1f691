# SPDX-License-Identifier: Apache-2.0
"""A secret stays in memory, on paper, and nowhere else; and memory stays the process's own."""

import json
from pathlib import Path

import pytest

from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import DECLARATION, NAME, Life, assert_holds_no, secrets_on_paper, texts_on_paper

_LOOK_INSIDE = """
import ctypes, json, resource
from pathlib import Path
from breakglass_shamir.operations.opening import reveal
from breakglass_shamir.cli.program import main
PR_GET_DUMPABLE = 3
honest = reveal.run_command
def look(*args, **kwargs):
    seen = {"dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
            "core": resource.getrlimit(resource.RLIMIT_CORE)}
    Path("seen").write_text(json.dumps(seen))
    return honest(*args, **kwargs)
reveal.run_command = look
main()
"""
"""The program, asked from within at the moment of the reveal: to root no difference shows from outside."""


def test_the_running_process_dumps_no_core_and_lets_nobody_read_its_memory(life: Life) -> None:
    script = life.folder / "look.py"
    script.write_text(_LOOK_INSIDE)
    given = ("--exec", "sh", "-c", "ulimit -Hc > limit")
    done = life.script(script, "recombine", NAME, *DECLARATION, "--scan", life.scans(1), *given)
    assert done.exit == 7, done.err
    assert json.loads((life.folder / "seen").read_text()) == {"dumpable": 0, "core": [0, 0]}
    assert (life.folder / "limit").read_text() == "0\n", (
        "the command that is given the credential leaves no core either"
    )


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
        "kind": "from breakglass_shamir.operations.opening import reveal as owner; name = 'run_command'",
        "ledger": "from breakglass_shamir.operations.opening import opening as owner; name = '_witness'",
    }[broken]
    script.write_text(
        f"{place}\n"
        "from breakglass_shamir.cli.program import main\n"
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

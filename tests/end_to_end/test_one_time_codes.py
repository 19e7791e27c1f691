# SPDX-License-Identifier: Apache-2.0
"""One-time codes for the command: of the moment it asks, by way of its descriptor, and by no other."""

import base64
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening import code_giver, reveal
from breakglass_shamir.operations.opening.code_giver import CodeGiver
from tests.end_to_end.life import NAME, Life, assert_holds_no

SEED = b"9-bytes-and-more-of-it"
ENCODED = base64.b32encode(SEED).decode().rstrip("=")

LOG_IN = """
read -r password <&$BREAKGLASS_FD || :
test -n "$password"
eval "echo >&$BREAKGLASS_TOTP_FD; read -r one <&$BREAKGLASS_TOTP_FD"
eval "echo again >&$BREAKGLASS_TOTP_FD; read -r two <&$BREAKGLASS_TOTP_FD"
echo "$one $two" > codes
tr '\\0' '\\n' < /proc/$$/environ > environment
cat /proc/$PPID/cmdline /proc/$$/cmdline > arguments
"""


@pytest.fixture
def with_seed(fresh: Life) -> Life:
    """A set whose credential has a second factor."""
    (fresh.folder / "seed").write_text(f"otpauth://totp/Example:root?secret={ENCODED}&issuer=Example")
    out = fresh.sheets(1)
    seed = ("--totp-from", fresh.folder / "seed")
    fresh.ok("split", fresh.policy, "--credential-from", "-", *seed, "--out", out, stdin=fresh.secret.reveal())
    (fresh.folder / "seed").unlink()
    fresh.scan(1)
    fresh.ok("confirm", NAME, fresh.scans(1))
    return fresh


def test_a_command_logs_in_with_codes_that_a_server_takes_and_sees_no_seed(with_seed: Life) -> None:
    script = with_seed.folder / "log-in.sh"
    script.write_text("set -e\n" + LOG_IN)
    done = with_seed.recombine("--exec", "bash", script)
    assert done.exit == 7, done.err
    server, now = pyotp.TOTP(ENCODED), datetime.now(UTC)
    codes = (with_seed.folder / "codes").read_text().split()
    assert len(codes) == 2
    assert all(server.verify(code, for_time=now, valid_window=2) for code in codes)
    assert "the command ended well; it took 2 one-time codes" in done.err
    environment = (with_seed.folder / "environment").read_bytes()
    assert b"BREAKGLASS_TOTP_FD=" in environment
    said = (done.out + done.err).encode() + environment + (with_seed.folder / "arguments").read_bytes()
    for secret in (Secret(SEED), Secret(ENCODED.encode()), *(Secret(code.encode()) for code in codes)):
        assert_holds_no(secret, "what is said and what /proc shows", said)


# --- the giver ------------------------------------------------------------------------------------------------


def ask(program: str, seed: Secret | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Run a Python program with codes; returns how it ended and what it wrote into ``said``."""
    monkeypatch.chdir(folder)
    outcome = reveal.run_command([sys.executable, "-c", program], Credential(Secret(b"x"), totp_seed=seed))
    return outcome.words, (folder / "said").read_text() if (folder / "said").exists() else ""


ASK = "import os; s = os.fdopen(int(os.environ['BREAKGLASS_TOTP_FD']), 'r+b', buffering=0); out = open('said', 'w')\n"


def test_no_second_factor_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKGLASS_TOTP_FD", "7")
    program = "import os; open('said', 'w').write(str('BREAKGLASS_TOTP_FD' in os.environ))"
    assert ask(program, None, tmp_path, monkeypatch) == ("the command ended well", "False")


def test_a_code_that_is_about_to_end_is_not_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slept: list[float] = []

    class Clock:
        def __init__(self) -> None:
            self.now = 1111111109.0
            """Of RFC 6238, appendix B, one second before its period ends."""

        def time(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            self.now += seconds

    monkeypatch.setattr(code_giver, "time", Clock())
    seed = Secret(b"12345678901234567890")
    outcome, said = ask(ASK + "s.write(b'?\\n'); out.write(s.read(16).decode())", seed, tmp_path, monkeypatch)
    assert outcome == "the command ended well; it took 1 one-time code"
    assert (said, slept) == ("050471\n", [1])


def test_what_is_not_asked_is_not_given_and_what_is_left_unread_keeps_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(ASK + "s.write(b'half a line')", Secret(SEED), tmp_path, monkeypatch)[0] == "the command ended well"
    flood = ASK + "os.set_blocking(s.fileno(), False)\nfor _ in range(200):\n  s.write(b'\\n' * 4096)"
    outcome, _ = ask(flood, Secret(SEED), tmp_path, monkeypatch)
    assert outcome.startswith("the command ended")


def test_who_stays_behind_the_command_gets_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = ASK + (
        "pid = os.fork()\n"
        "if pid: open('pid', 'w').write(str(pid)); os._exit(0)\n"
        "import time\n"
        "while not os.path.exists('over'): time.sleep(0.02)\n"
        "try: s.write(b'\\n'); out.write(repr(s.read(16)))\n"
        "except OSError: out.write('nobody')\n"
        "out.flush(); os.rename('said', 'done')\n"
    )
    outcome, _ = ask(left, Secret(SEED), tmp_path, monkeypatch)
    assert outcome == "the command ended well"
    (tmp_path / "over").touch()
    end = time.monotonic() + 90
    while not (tmp_path / "done").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (tmp_path / "done").read_text() in ("nobody", "b''")


def test_a_command_that_cannot_be_started_leaves_nothing_open(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    program = tmp_path / "not-one"
    program.write_bytes(b"\x7fELF-not")
    program.chmod(0o755)
    outcome = reveal.run_command([str(program)], Credential(Secret(b"x"), totp_seed=Secret(SEED)))
    assert outcome.words.startswith("could not be started")
    assert not outcome.started
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_a_command_that_is_killed_ends_the_giving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = ASK + f"s.write(b'\\n'); s.read(16); os.kill(os.getpid(), {int(signal.SIGKILL)})"
    outcome, _ = ask(kill, Secret(SEED), tmp_path, monkeypatch)
    assert outcome == "the command was ended by signal 9; it took 1 one-time code"


def test_a_giver_that_nobody_asked_shows_nothing_of_its_seed() -> None:
    giver = CodeGiver(Secret(SEED))
    assert SEED.decode() not in repr(giver)
    giver.close()

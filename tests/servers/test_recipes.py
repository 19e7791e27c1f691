# SPDX-License-Identifier: Apache-2.0
"""Recipes at real servers: the program logs in, its standard input stays the person's, and the secret is nowhere.

Each runs in a process of its own, as the program does; standard input is what a person would type.
"""

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from kdc_server import REALM, KdcServer
from linux_host import LinuxHost
from local_server import LocalProcess
from mariadb_server import HOST, MariadbServer
from postgres_server import PostgresServer
from slapd_server import SlapdServer

from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.hygiene import Secret
from tests.conftest import REPOSITORY
from tests.ports import free_port

_RUN = """
import sys
from pathlib import Path
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import running
try:
    sys.exit(running.run(sys.argv[2:], Secret(Path(sys.argv[1]).read_bytes()), limit_s=60))
except BreakglassError as error:
    sys.exit(f"{error} | {error.hint}")
"""

_RUN_PATIENTLY = f"""
from breakglass_shamir.operations.recipes import typed
typed.ASKS_ROOT_WITHIN_S = 60.0
{_RUN}"""
"""The same where a program asks root, too: it may take its time to start on a machine that does much else."""

_LOOK = "tr '\\\\0' '\\\\n' < /proc/$PPID/environ; tr '\\\\0' ' ' < /proc/$PPID/cmdline"
"""A shell's look at the program that started it."""


def play(
    folder: Path, secret: Secret, *command: str, typed: str = "", more: Mapping[str, str] | None = None, run: str = _RUN
) -> "subprocess.CompletedProcess[str]":
    """Run a recipe with what a person types."""
    kept = folder / "kept"
    kept.write_bytes(secret.reveal())
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "SHELL": "/bin/sh",
        **(more or {}),
    }
    return subprocess.run(
        [sys.executable, "-c", run, str(kept), *command], input=typed, capture_output=True, text=True, timeout=180,
        env=environment, cwd=REPOSITORY, check=False,
    )  # fmt: skip


def holds_no(secret: Secret, *texts: str | bytes) -> None:
    for text in texts:
        assert secret.reveal() not in (text.encode() if isinstance(text, str) else text)


def test_psql_logs_in_and_the_person_types_sql(postgres_server: PostgresServer, tmp_path: Path) -> None:
    secret = Secret(b'aw:k\\ward #1 "x" pass-4q')
    role = postgres_server.add_role(secret)
    host, port = postgres_server.address
    typed = f"SELECT 6 * 7;\n\\connect\nSELECT current_user;\n\\! {_LOOK.replace(chr(92) * 2, chr(92))}\n"
    done = play(
        tmp_path, secret, "recipe:psql", "-X", "-h", host, "-p", str(port), "-U", role, "postgres", typed=typed,
        more={"PGSSLMODE": "require", "PGPASSWORD": "another"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout
    assert role in done.stdout
    assert "PGPASSFILE=/proc/self/fd/" in done.stdout
    assert "PGPASSWORD" not in done.stdout
    postgres_server.wait_until_written("SELECT 6 * 7")
    holds_no(secret, done.stdout, done.stderr, postgres_server.everything_written())


@pytest.mark.parametrize("word", [b"plain-4711", b"a\\b \"c\" 'd' #e", b"tab\there; =x"])
def test_mysql_logs_in_past_the_person_s_own_options(
    mariadb_server: MariadbServer, tmp_path: Path, word: bytes
) -> None:
    name = mariadb_server.add_account(Secret(b"first-one"))
    sql = word.decode().replace("\\", "\\\\").replace("'", "\\'")
    mariadb_server.admin(f"SET PASSWORD FOR {name}@'{HOST}' = PASSWORD('{sql}')")
    own = tmp_path / ".my.cnf"
    own.write_text(f"[client]\npassword=wrong\nssl-ca={mariadb_server.ca}\n")
    host, port = mariadb_server.address
    done = play(
        tmp_path, Secret(word), "recipe:mysql", "-h", host, "-P", str(port), "-u", name, typed="SELECT 6 * 7;\n"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout


def test_the_directory_s_tools_bind(slapd: SlapdServer, tmp_path: Path) -> None:
    secret = Secret(b"pass phrase of the directory")
    dn = slapd.add_account(secret)
    more = {"LDAPTLS_CACERT": str(slapd._ca.certificate)}
    done = play(tmp_path, secret, "recipe:ldapwhoami", "-H", slapd.uri, "-ZZ", "-D", dn, more=more)
    assert done.returncode == 0, done.stderr
    assert dn in done.stdout
    wrong = play(tmp_path, Secret(b"another"), "recipe:ldapwhoami", "-H", slapd.uri, "-ZZ", "-D", dn, more=more)
    assert wrong.returncode == 49


def test_kinit_gives_the_ticket_to_one_command_and_then_nobody(kdc: KdcServer, tmp_path: Path) -> None:
    secret = Secret(b"pass-phrase-of-the-realm")
    name = kdc.add_account(secret)
    command = ("recipe:kinit", f"{name}@{REALM}", "--", "sh", "-c", "klist; echo $KRB5CCNAME")
    done = play(tmp_path, secret, *command, more=kdc.environment)
    assert done.returncode == 0, done.stderr
    assert f"{name}@{REALM}" in done.stdout
    cache = Path(done.stdout.strip().splitlines()[-1].removeprefix("FILE:"))
    assert cache.name == "ticket"
    assert not cache.parent.exists()
    wrong = play(tmp_path, Secret(b"another"), *command, more=kdc.environment)
    assert wrong.returncode == 1
    assert "klist" not in wrong.stderr
    holds_no(secret, done.stdout, done.stderr, kdc.log())


def test_ssh_has_the_key_from_an_agent_that_ends_with_it(linux_host: LinuxHost, tmp_path: Path) -> None:
    """Whether to trust the host is asked of the person, and no passphrase goes there for an answer."""
    if shutil.which("/usr/sbin/sshd") is None:
        pytest.skip("sshd is not installed")
    account = linux_host.add_account(Secret(b"no password for this"))
    secret, port = Secret(b"pass phrase of the key"), free_port()
    for name, words in (("host", []), ("key", [secret, secret])):
        more = ["-N", ""] if not words else []
        made = run_ssh_keygen(["-q", "-t", "ed25519", "-a", "1", *more, "-f", str(tmp_path / name)], words)
        assert made.status == 0, made.complaint
    listed = Path(f"/etc/breakglass-test-{port}.keys")
    listed.write_text((tmp_path / "key.pub").read_text())
    Path("/run/sshd").mkdir(exist_ok=True)
    settings = tmp_path / "sshd_config"
    settings.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {listed}\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile none\nStrictModes no\n"
    )
    server = LocalProcess(["/usr/sbin/sshd", "-D", "-e", "-f", str(settings)], tmp_path / "sshd.out", {})
    server.start("127.0.0.1", port)
    there = ("-p", str(port), "-o", f"UserKnownHostsFile={tmp_path}/known", f"{account}@127.0.0.1")
    run = ("recipe:ssh", "-i", str(tmp_path / "key"), "-o", "StrictHostKeyChecking=accept-new", *there)
    try:
        done = play(tmp_path, secret, *run, "tr a-z A-Z", typed="typed by a person\n")
        assert done.returncode == 0, done.stderr
        assert "TYPED BY A PERSON" in done.stdout
        unknown = play(tmp_path, secret, "recipe:ssh", "-i", str(tmp_path / "key"), "-o", "StrictHostKeyChecking=ask",
                       "-o", f"UserKnownHostsFile={tmp_path}/empty", *there[:2], there[-1], "true")  # fmt: skip
        assert unknown.returncode == 255
        wrong = play(tmp_path, Secret(b"another"), *run, "true")
        assert "could not be loaded: this credential does not open it" in wrong.stderr
        nothing = play(tmp_path, secret, "recipe:ssh", *there, "true")
        assert "expected the key file" in nothing.stderr
        key = Secret((tmp_path / "host").read_bytes())
        listed.write_text((tmp_path / "host.pub").read_text())
        assert play(tmp_path, key, "recipe:ssh", *there, "true").returncode == 0
    finally:
        server.stop()
        listed.unlink()
    holds_no(secret, done.stdout, done.stderr, (tmp_path / "sshd.out").read_bytes())


@pytest.fixture
def as_nobody(tmp_path: Path) -> dict[str, str]:
    """A PATH on which su is run by somebody whom it asks."""
    tools = tmp_path / "tools"
    tools.mkdir()
    su = tools / "su"
    su.write_text('#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/su "$@"\n')
    su.chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}"}


def test_su_is_typed_the_password_once_and_the_person_has_the_shell(
    linux_host: LinuxHost, tmp_path: Path, as_nobody: dict[str, str]
) -> None:
    secret = Secret(b"pass phrase of the account")
    account = linux_host.add_account(secret)
    typed = "id -un; stty -echo; echo six times seven is $((6*7)); read line; echo got:$line:\nof a person\nexit 5\n"
    done = play(tmp_path, secret, "recipe:su", account, typed=typed, more=as_nobody)
    assert done.returncode == 5, done.stdout + done.stderr
    assert account in done.stdout
    assert "six times seven is 42" in done.stdout
    assert "got:of a person:" in done.stdout, "a question that is not echoed comes to the person, not to the secret"
    holds_no(secret, done.stdout, done.stderr)


_DROPS_TWICE = """#!/usr/bin/env python3
import getpass, sys, termios, time
getpass.getpass("Word: ")
time.sleep(0.2)
termios.tcflush(0, termios.TCIFLUSH)
print("got", sys.stdin.readline().strip(), flush=True)
"""


def test_what_was_typed_before_comes_after_su_dropped_keys_a_last_time(tmp_path: Path) -> None:
    """It drops them where it asks, and once more just after keys are seen again."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "su").write_text(_DROPS_TWICE)
    (tools / "su").chmod(0o755)
    more = {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = play(
        tmp_path, Secret(b"QzQzQz-word"), "recipe:su", "somebody", typed="hello\n", more=more, run=_RUN_PATIENTLY
    )
    assert "got hello" in done.stdout, done.stdout + done.stderr


_ASKS = """#!/usr/bin/env python3
import getpass, os, select, signal, sys
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"caught\\n"))  # not by print, which it may come in the middle of
print("right" if getpass.getpass("Word: ") == sys.argv[1][::-1] else "wrong", flush=True)
print("> ", end="", flush=True)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    pass  # a signal that comes in front of a read is answered all the same
print("got", sys.stdin.readline().strip(), flush=True)
"""


def test_at_a_terminal_every_key_reaches_the_program_and_the_terminal_is_given_back(tmp_path: Path) -> None:
    """A window of 33 rows; Ctrl-C is the program's; what is typed for it is not shown by this one."""
    tools, kept = tmp_path / "tools", tmp_path / "kept"
    tools.mkdir()
    (tools / "su").write_text(_ASKS)
    (tools / "su").chmod(0o755)
    kept.write_bytes(b"QzQzQz-word")
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 90, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN_PATIENTLY, str(kept), "recipe:su", "drow-zQzQzQ"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "TERM": "xterm"}, cwd=REPOSITORY, start_new_session=True,
    )  # fmt: skip
    seen = b""

    def until(text: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 120
        while text not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 65536)

    try:
        until(b"right")
        until(b"> ")
        assert not termios.tcgetattr(theirs)[3] & termios.ICANON
        os.write(ours, b"\x03")
        until(b"caught")
        os.write(ours, b"hello\r")
        until(b"got hello")
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)
    holds_no(Secret(b"QzQzQz-word"), seen)


def test_su_that_asks_nobody_is_typed_nothing(linux_host: LinuxHost, tmp_path: Path) -> None:
    secret = Secret(b"pass phrase of the account")
    account = linux_host.add_account(secret)
    typed = "echo hello; stty -echo; read line; echo got:$line:\nof a person\nexit\n"
    done = play(tmp_path, secret, "recipe:su", account, typed=typed)
    assert "hello" in done.stdout
    holds_no(secret, done.stdout, done.stderr)

# SPDX-License-Identifier: Apache-2.0
"""Officers sign the declaration with their own keys: here, in an agent, at home; and what does not count."""

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records.openings import Declared, OfficerSigned
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.ledger import home, verify
from tests.end_to_end.life import DECLARATION, NAME, Life

PASSPHRASE = "officer's own words"

KEYS = {"olga": ("ed25519", ""), "oskar": ("ecdsa", PASSPHRASE), "away": ("rsa", ""), "gone": ("ed25519", "")}
"""File of a key to its type and passphrase."""

OFFICERS = """
[[officers]]
name = "Olga"
keys = ["{olga}"]
[[officers]]
name = "Oskar"
keys = ["{oskar}", "{away}"]
[[officers]]
name = "Otto"
keys = ["{gone}"]
valid_until = "2025-12-31"
"""


class Office(Life):
    """A sealed set whose policy asks for two officers' signatures."""

    def own(self, name: str) -> Path:
        """An officer's key."""
        return self.folder / "own" / name

    def open(self, *more: str | Path, last: tuple[str, ...] = ("--no-reveal",)) -> list[str]:
        """Return the command line of an opening."""
        scans = [word for path in self.some_scans(1, 2) for word in ("--scan", path)]
        return self.command("recombine", NAME, *DECLARATION, *scans, *more, *last)

    def away(self, file: Path, key: str) -> Path:
        """Sign a file where there is no ledger and no program of ours."""
        elsewhere = self.folder / "elsewhere"
        shutil.rmtree(elsewhere, ignore_errors=True)
        elsewhere.mkdir()
        copy = shutil.copy(file, elsewhere / "declaration")
        signing = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.own(key)), "-n", sshsig.OFFICER_NAMESPACE]
        subprocess.run([*signing, copy], check=True)
        return elsewhere / "declaration.sig"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = Office(tmp_path_factory.mktemp("officers") / "life")
    office.begin()
    (office.folder / "own").mkdir()
    for name, (kind, words) in KEYS.items():
        command = ["ssh-keygen", "-q", "-t", kind, "-a", "1", "-N", words, "-C", name, "-f", str(office.own(name))]
        subprocess.run(command, check=True)
    lines = {name: office.own(name).with_suffix(".pub").read_text().strip() for name in KEYS}
    source = office.policy.read_text().replace('use_for = "1h"', 'use_for = "1h"\nsignatures = 2')
    office.policy.write_text(source + OFFICERS.format(**lines))
    office.seal()
    office.keep()
    return office


@pytest.fixture
def office(sealed: Office) -> Office:
    sealed.restore()
    return sealed


def test_without_signatures_nothing_is_scanned(office: Office) -> None:
    done = office.recombine("--no-reveal")
    assert done.exit == 3
    assert "breakglass: expected signatures of 2 officers under the declaration, got 0" in done.err
    assert f"sign with: breakglass sign {NAME} --key KEYFILE, and repeat this command" in done.err
    assert "accepted" not in done.err
    assert office.kinds()[-2:] == ["declared", "refused"]


def test_one_officer_signs_here_and_one_at_home(office: Office) -> None:
    first = office.recombine("--no-reveal", "--sign", office.own("olga"))
    assert (first.exit, "got 1" in first.err) == (3, True)
    shown = office.ok("--json", "sign", NAME, "--out", office.folder / "declaration").document
    assert (shown["counted"], shown["needed"], shown["namespace"]) == (1, 2, "officer@breakglass-shamir")
    signature = office.away(office.folder / "declaration", "away")
    (signature).write_bytes(signature.read_bytes().replace(b"\n", b"\r\n"))
    taken = office.ok("sign", NAME, "--signature", signature)
    assert "signatures: 2 of 2 officers" in taken.out
    second = office.recombine("--no-reveal", "--sign", office.own("olga"))
    assert second.exit == 7, second.err
    entries = office.entries()
    signed = [entry for entry in entries if isinstance(entry.record.body, OfficerSigned)]
    (declared,) = [entry for entry in entries if isinstance(entry.record.body, Declared)]
    assert [getattr(entry.record.body, "officer", "") for entry in signed] == ["Olga", "Oskar"]
    assert {entry.record.opening for entry in signed} == {declared.digest}
    assert (office.folder / "declaration").read_bytes() == declared.data


def test_an_emergency_passes_without_and_owes_a_review(office: Office) -> None:
    done = office.recombine("--no-reveal", "--override", "signatures", "--override-reason", "both keys burned")
    assert done.exit == 7, done.err
    assert "overridden: signatures: expected signatures of 2 officers under the declaration, got 0" in done.err
    assert sorted(debt["kind"] for debt in office.status()["debts"]) == ["rotation", "signatures"]


def test_a_key_signs_once_and_a_repeated_command_is_no_mistake(office: Office) -> None:
    office.recombine("--no-reveal")
    office.ok("sign", NAME, "--out", office.folder / "declaration")
    office.ok("sign", NAME, "--signature", office.away(office.folder / "declaration", "away"))
    before = office.kinds()
    again = office.ok("sign", NAME, "--signature", office.away(office.folder / "declaration", "away"))
    assert "signed already with" in again.err
    assert "signatures: 1 of 2 officers" in again.out
    assert office.kinds() == before


@pytest.mark.parametrize("what", ["expired", "unlisted", "another declaration", "another purpose", "no signature"])
def test_what_does_not_count_is_refused_and_recorded_nowhere(office: Office, what: str) -> None:
    office.recombine("--no-reveal")
    out = office.folder / "declaration"
    office.ok("sign", NAME, "--out", out)
    before = office.kinds()
    words, code = "", 3
    if what == "expired":
        signature, words = office.away(out, "gone"), "of Otto signs from ever to 2025-12-31, not at"
    elif what == "unlisted":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", office.own("stranger")], check=True)
        signature, words = office.away(out, "stranger"), "the policy lists no officer with the key SHA256:"
    elif what == "another declaration":
        out.write_bytes(out.read_bytes().replace(b"nobody can", b"somebody can't"))
        signature, words, code = office.away(out, "olga"), "does not verify", 5
    elif what == "another purpose":
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", office.own("olga"), "-n", "file", out], check=True)
        signature, words, code = Path(f"{out}.sig"), "expected namespace 'officer@breakglass-shamir', got 'file'", 5
    else:
        signature, words, code = out, "expected an armored SSH signature", 5
    done = office.run("sign", NAME, "--signature", signature)
    assert (done.exit, words in done.err) == (code, True), done.err
    assert office.kinds() == before


def test_there_is_nothing_to_sign_before_a_declaration_nor_after_the_opening(office: Office) -> None:
    for _ in range(2):
        done = office.run("sign", NAME, "--key", office.own("olga"))
        assert (done.exit, f"there is no declaration of set {NAME} to sign" in done.err) == (3, True)
        office.recombine("--no-reveal", "--override", "signatures", "--override-reason", "both keys burned")


def test_a_key_file_that_is_not_there_is_named_before_anything_is_declared(office: Office) -> None:
    done = office.recombine("--no-reveal", "--sign", office.folder / "nothing")
    assert (done.exit, "expected a key file, found none at" in done.err) == (2, True)
    assert "declared" not in office.kinds()


def test_a_key_that_cannot_sign_is_named_and_stops_nothing_by_itself(office: Office) -> None:
    """In the night the gate decides, not a finger that missed the token."""
    locked = office.recombine("--no-reveal", "--sign", office.own("oskar"), "--sign", office.own("olga"))
    assert (locked.exit, "ssh-keygen made no signature with" in locked.err) == (3, True)
    assert "a key with a passphrase or a PIN needs a terminal, or an agent that holds it" in locked.err
    assert "expected signatures of 2 officers under the declaration, got 1" in locked.err
    assert office.kinds()[-4:] == ["declared", "refused", "officer-signed", "refused"]
    passed = ("--override", "signatures", "--override-reason", "the passphrase is at home")
    done = office.recombine("--no-reveal", "--sign", office.own("gone"), *passed)
    assert (done.exit, "of Otto signs from ever to 2025-12-31" in done.err) == (7, True), done.err


@pytest.fixture
def agent(need: Callable[[str], str], office: Office, tmp_path: Path) -> Iterator[str]:
    """The socket of a real agent that holds Olga's key, whose file is gone."""
    socket = tmp_path / "agent"
    process = subprocess.Popen([need("ssh-agent"), "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    subprocess.run(["ssh-add", "-q", office.own("olga")], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(socket)})
    office.own("olga").unlink()
    yield str(socket)
    process.terminate()
    process.wait()


def test_an_agent_signs_for_its_public_half(office: Office, agent: str) -> None:
    office.recombine("--no-reveal")
    office.more = {"SSH_AUTH_SOCK": agent}
    try:
        done = office.ok("sign", NAME, "--key", office.own("olga").with_suffix(".pub"))
    finally:
        office.more = {}
    assert "signatures: 1 of 2 officers" in done.out


def test_a_forged_signature_in_the_log_is_found(office: Office) -> None:
    office.recombine("--no-reveal")
    with home.open_home(office.home) as ledger:
        opening = ledger.state.of(NAME).active_opening
        line = sshsig_line(office.own("olga"))
        forged = sshsig.sign(ledger._key, opening.data, sshsig.OFFICER_NAMESPACE)
        body = OfficerSigned(officer="Olga", key=line, signature=forged)
        entry = ledger.append(body, set_name=NAME, opening=opening.id)
        with pytest.raises(InvalidSignature, match=rf"record {entry.record.seq}: expected a signature by SHA256:"):
            verify.verify(ledger)
    done = office.run("audit", "verify")
    assert (done.exit, f"record {entry.record.seq}: " in done.err) == (5, True)


def sshsig_line(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


class Screen:
    """A program on a terminal of its own."""

    def __init__(self, office: Office, command: list[str]) -> None:
        pid, self.ours = pty.fork()
        if pid == 0:
            os.chdir(office.folder)
            os.execve(command[0], command, office.environment())  # noqa: S606 - the program under test
        self.pid, self.seen = pid, ""

    def until(self, text: str) -> None:
        end = time.monotonic() + 120
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")

    def type(self, line: str) -> None:
        os.write(self.ours, f"{line}\n".encode())

    def end(self) -> int:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if select.select([self.ours], [], [], 0.1)[0]:
                    self.seen += os.read(self.ours, 65536).decode(errors="replace")
            except OSError:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_at_a_terminal_it_waits_asks_and_sees_what_comes_from_elsewhere(office: Office) -> None:
    screen = Screen(office, office.open("--sign", office.own("oskar")))
    screen.until("Enter passphrase")
    screen.type(PASSPHRASE)
    screen.until("signed: Oskar with SHA256:")
    screen.until("expected signatures of 2 officers under the declaration, got 1")
    screen.type(str(office.folder / "nothing"))
    screen.until("expected a key file, found none")
    office.ok("sign", NAME, "--key", office.own("olga"))
    screen.until("accepted (2 of 2)")
    screen.until("Where do the new sheets go?")
    screen.type("later")
    assert screen.end() == 7, screen.seen
    assert PASSPHRASE not in screen.seen
    assert office.kinds().count("officer-signed") == 2


def test_an_empty_line_stops_the_waiting(office: Office) -> None:
    screen = Screen(office, office.open())
    screen.until("Empty: stop")
    screen.type("")
    screen.until("Go on all the same? [y/N]")
    screen.type("")
    screen.until("hint: sign with")
    screen.until("What now?")
    screen.type("stop")
    assert screen.end() == 130
    assert "accepted" not in screen.seen

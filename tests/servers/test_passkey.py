# SPDX-License-Identifier: Apache-2.0
"""Passkeys, in a real Chromium at a real relying party: enrolled, used, rotated, and what comes between.

The browser is shown on a display of its own (Xvfb). People are played by ``passkey_people``.
"""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import passkey_people
import pytest
import text_paper
from fault_matrix import Driver, Ended
from fido2.utils import websafe_encode
from passkey_people import People
from relying_party import Kept, RelyingParty

from breakglass_shamir.bounded import chromium
from breakglass_shamir.connectors.passkey import browser
from breakglass_shamir.connectors.port import memory_folder
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.openings import Opened, UseEnded
from breakglass_shamir.custody.records.rotations import Made, OldDead
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.formats.passkey import BACKED_UP, ELIGIBLE, PasskeyText, read
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home, verify
from tests.lengths import WHOLE

NAME = "console"

ALL_THE_WAY = pytest.mark.skipif(not WHOLE, reason="browsers take seconds: make long does this one")

POLICY = """name = "console"
[target]
uri = "{uri}"
account = "root@console.example"
second_account = "envelope B, safe 2"
kind = "passkey"
options = {{ probe = "{probe}", click = "#passkey", sandbox = "off" }}
[[quorum.groups]]
threshold = 2
custodians = ["North", "South"]
[declaration]
classes = ["idp-outage"]
"""

pytestmark = pytest.mark.skipif(
    not chromium.find(chromium.Settings()) or not shutil.which("Xvfb"), reason="Chromium or Xvfb is not installed here"
)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display that nobody looks at."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        number = os.read(reading, 16).decode().strip()
        assert number, "Xvfb did not start"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", f":{number}")
            yield f":{number}"
    finally:
        os.close(reading)
        server.kill()
        server.wait()


@pytest.fixture
def party(display: str) -> Iterator[RelyingParty]:
    with RelyingParty() as made:
        yield made


@pytest.fixture(autouse=True)
def profiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The profiles of this test's browsers; none of them outlives it."""
    made, make = list[Path](), browser._new_profile

    def noted() -> tuple[Path, int]:
        place, lock = make()
        made.append(place)
        return place, lock

    monkeypatch.setattr(browser, "_new_profile", noted)
    yield made
    end = time.monotonic() + 20
    while any(place.exists() for place in made) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [place for place in made if place.exists()]


@pytest.fixture(scope="module")
def enrolled(display: str) -> tuple[Secret, Kept]:
    """A passkey that people made, and what the relying party keeps of it: one of any port of this host."""
    with RelyingParty() as made:
        mine = at(made).enrol()
        (kept,) = made.keys.values()
    return mine, kept


@pytest.fixture
def mine(party: RelyingParty, enrolled: tuple[Secret, Kept]) -> Secret:
    secret, kept = enrolled
    party.keys[websafe_encode(kept.data.credential_id)] = replace(kept)
    return secret


def at(party: RelyingParty, **options: str) -> passkey_people.Connector:
    given = {"probe": party.probe, "click": "#passkey", "sandbox": "off", "time_limit": "10", **options}
    return passkey_people.Connector(
        party.target, "root", options={name: value for name, value in given.items() if value}
    )


class Lab:
    """One terminal with one set."""

    def __init__(self, folder: Path, party: RelyingParty, display: str) -> None:
        (folder / passkey_people.DISPLAY_FILE).write_text(display)
        (folder / passkey_people.ORIGIN_FILE).write_text(party.origin)
        self.folder, self.party = folder, party
        self.driver = Driver(folder, "passkey", ["passkey=passkey_people:Connector"])
        (folder / "policy.toml").write_text(POLICY.format(uri=party.target, probe=party.probe))

    def run(self, *command: str, number: int = 0, kill: str = "") -> Ended:
        """Run a command; sheets of a printing go to the folder of its number, and are scanned at once."""
        out, readback = self.folder / f"sheets{number}", self.folder / f"readback{number}"
        readback.mkdir(exist_ok=True)
        where = ["--out", str(out), "--readback", str(readback), "--timeout", "5"] if number else []
        return self.driver.run({
            "command": ["--home", str(self.folder / "home"), *command[:1], *where, *command[1:]],
            "out": str(out), "readback": str(readback), "kill": kill or None, "pauses": [], "full": "", "scanner": "",
            "screen": "",
        })  # fmt: skip

    def rotate(self, number: int, *scans: int, kill: str = "", more: tuple[str, ...] = ()) -> Ended:
        brought = [word for one in scans for word in ("--scan", str(self.scans(one)))]
        return self.run("rotate", NAME, "--ack", "1", "--ack", "2", *brought, *more, number=number, kill=kill)

    def scans(self, number: int) -> Path:
        folder = self.folder / f"scans{number}"
        if not folder.exists():
            folder.mkdir()
            text_paper.scan_folder(self.folder / f"sheets{number}", folder)
        return folder

    def state(self) -> SetState:
        with home.open_home(self.folder / "home") as ledger:
            return ledger.state.of(NAME)

    def bodies(self, kind: type[Any]) -> list[Any]:
        with home.open_home(self.folder / "home") as ledger:
            verify.verify(ledger)
            return [entry.record.body for entry in ledger.entries() if isinstance(entry.record.body, kind)]

    def debts(self) -> list[str]:
        return [debt.what for debt in self.state().debts if debt.kind == "unprinted"]


def ok(ended: Ended) -> Ended:
    assert ended.status == 0, ended.said
    return ended


def test_a_passkey_goes_from_its_page_onto_paper_and_is_used_and_rotated(
    tmp_path: Path, party: RelyingParty, display: str
) -> None:
    lab = Lab(tmp_path, party, display)
    ok(lab.run("init", "--terminal", "one"))
    ok(lab.run("split", str(tmp_path / "policy.toml"), "--enrol", number=1))
    (first,) = party.keys
    assert [one.public_id for one in lab.bodies(Made)] == [first[:12], first[:12]]
    assert not lab.debts()

    # A use: recorded before, lent to a browser, and what it was used for on record after.
    passkey_people.ask(party.origin, "/people", passkey_people.LOGS_IN)
    declared = ("--class", "idp-outage", "--ticket", "T-1", "--reason", "the provider is down", "--officer", "A")
    sheets = ("--officer", "B", "--scan", str(lab.scans(1)))
    used = lab.run("recombine", NAME, *declared, *sheets, "--exec", "recipe:chromium", "--no-sandbox", party.origin)
    assert used.status == 7, used.said
    (opened,) = lab.bodies(Opened)
    (ended,) = lab.bodies(UseEnded)
    assert opened.program.startswith("recipe:chromium /")
    assert "localhost: 1 login by the passkey" in ended.outcome, used.said

    # A run dies after the page made the next one: it is owed, until people took it away and say so.
    died = lab.rotate(2, 1, kill="after record made")
    assert died.boundary == "after record made"
    lost = next(one for one in party.keys if one != first)
    assert [what.partition(" ")[0] for what in lab.debts()] == [lost[:12]]
    assert "unprinted-" in lab.run("status", NAME).said
    (debt,) = [one.id for one in lab.state().debts if one.kind == "unprinted"]
    del party.keys[lost]
    ok(lab.run("settle", NAME, debt, "--reason", "removed at the page", "--officer", "A", "--officer", "B"))

    # Another dies where both are in force: the next run finds both, and people remove the old one.
    lab.rotate(3, 1, kill="before connector.rotate")
    assert len(party.keys) == 2
    assert not lab.debts()
    ok(lab.rotate(4, 1, 3))
    (second,) = party.keys
    assert second not in (first, lost)
    (dead,) = lab.bodies(OldDead)
    assert [line.partition(": the")[0] for line in dead.proofs] == [
        "new: accepted",
        "old: refused",
        "new again: accepted",
    ]
    assert not lab.debts()
    assert not any("clone" in why for why in party.refused)
    counters = [counter for public_id, counter in party.seen if public_id == second]
    assert counters == sorted(set(counters))
    lab.driver.close()


class TestAtThePage:
    """Single questions."""

    @ALL_THE_WAY
    def test_a_probe_that_redirects_and_a_page_that_names_its_passkeys(self, party: RelyingParty, mine: Secret) -> None:
        party.redirects = party.names_keys = True
        assert at(party).check(mine).result is CheckResult.ACCEPTED
        (kept,) = party.keys.values()
        party.keys.clear()
        party.keys["another"] = replace(kept, data=type(kept.data).create(
            kept.data.aaguid, bytes(32), kept.data.public_key
        ))  # fmt: skip
        said = at(party, time_limit="3").check(mine)
        assert said.result is CheckResult.UNKNOWN
        assert said.detail.startswith("the page did not ask for this passkey")

    @ALL_THE_WAY
    def test_without_a_probe_people_say_it_and_no_more_than_they_know(self, party: RelyingParty, mine: Secret) -> None:
        party.people, party.is_finished = passkey_people.LOGS_IN, False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(People, "presses", "yes")
            said = at(party, probe="", click="").check(mine)
        assert (said.result, "people at the browser say" in said.detail) == (CheckResult.ACCEPTED, True)
        party.keys.clear()
        party.people, party.is_finished = 'by("passkey").click(); await new Promise(r => setTimeout(r, 500));', False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(People, "presses", "no")
            said = at(party, probe="", click="").check(mine)
        assert said.result is CheckResult.UNKNOWN
        assert party.refused == ["unknown passkey"]

    def test_an_answer_that_people_give_too_early_calls_no_passkey_dead(
        self, party: RelyingParty, mine: Secret, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        party.people, party.is_finished = 'by("passkey").click(); await new Promise(r => setTimeout(r, 600));', False
        party.dawdles = lambda path: time.sleep(2.5 if path == "/login/end" else 0)
        monkeypatch.setattr(People, "presses", "no")
        said = at(party, click="").check(mine)
        assert (said.result, said.detail) == (
            CheckResult.ACCEPTED, "the passkey was asserted, and the probe answers 200"
        )  # fmt: skip

    def test_people_who_were_let_in_where_the_probe_does_not_see_it_call_no_passkey_dead(
        self, party: RelyingParty, mine: Secret, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        party.keys.clear()
        party.people, party.is_finished = 'by("passkey").click(); await new Promise(r => setTimeout(r, 500));', False
        monkeypatch.setattr(People, "presses", "yes")
        said = at(party, click="").check(mine)
        assert (said.result, "say that the page let them in" in said.detail) == (CheckResult.UNKNOWN, True)

    def test_a_probe_may_be_written_in_any_way_that_means_the_same(self, party: RelyingParty, mine: Secret) -> None:
        probe = party.probe.replace("http://localhost", "HTTP://LOCALHOST") + "#top"
        assert at(party, probe=probe).check(mine).result is CheckResult.ACCEPTED

    def test_a_probe_that_answers_everybody_proves_nothing(self, party: RelyingParty, mine: Secret) -> None:
        said = at(party, probe=f"{party.origin}/").check(mine)
        assert (said.result, "before anybody logged in" in said.detail) == (CheckResult.UNKNOWN, True)
        assert not party.seen

    def test_an_imported_passkey_keeps_its_flags_and_has_no_counter(self, party: RelyingParty, mine: Secret) -> None:
        one = read(mine)
        (kept,) = party.keys.values()
        kept.counter, kept.backed_up = 0, True
        synced = PasskeyText(
            one.rp_id, one.credential_id, one.private_key, one.user_handle, 0, ELIGIBLE | BACKED_UP
        )  # fmt: skip
        assert at(party).check(synced.write()).result is CheckResult.ACCEPTED
        assert [counter for _, counter in party.seen] == [0]


def test_while_a_passkey_is_lent_nothing_listens_and_nothing_holds_it(
    party: RelyingParty, mine: Secret, profiles: list[Path]
) -> None:
    """Looked at from the outside, while the browser has it."""
    seen, key = dict[str, Any](), read(mine)
    wanted = [key.private_key.reveal()[-64:], key.write().reveal()[:40]]

    def look(path: str) -> None:
        if path != "/login/end" or seen:
            return
        profile = profiles[-1]
        processes = _processes_of(str(profile))
        seen["processes"] = len(processes)
        seen["listening"] = [one for one in processes if _listens(one)]
        seen["told"] = [
            name for one in processes for name in ("cmdline", "environ")
            if any(text in _read(one / name) for text in _forms(wanted))
        ]  # fmt: skip
        seen["kept"] = [
            path
            for path in profile.rglob("*")
            if path.is_file() and any(text in _read(path) for text in _forms(wanted))
        ]

    party.dawdles = look
    assert at(party).check(mine).result is CheckResult.ACCEPTED
    assert seen.pop("processes") >= 2
    assert seen == {"listening": [], "told": [], "kept": []}


def test_a_killed_program_leaves_no_browser_and_no_profile(
    party: RelyingParty, tmp_path: Path, profiles: list[Path]
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal\n"
        "from breakglass_shamir.bounded.chromium import Settings\n"
        "from breakglass_shamir.connectors.passkey.visit import Visit\n"
        f"visit = Visit(Settings(sandbox=False)); visit.open({party.origin!r}, limit_s=20)\n"
        "print(visit.browser._profile, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, str(script)], check=False, stdout=subprocess.PIPE, text=True)
    assert ended.returncode == -9
    profiles.append(Path(ended.stdout.strip()))
    assert profiles[-1].is_absolute()


def test_a_profile_that_even_the_keeper_left_is_removed_by_the_next_browser(tmp_path: Path) -> None:
    place, lock = browser._new_profile()
    os.utime(place, (1, 1))
    memory_folder.remove_stale(browser.PREFIX)
    assert place.exists(), "it is locked: somebody uses it"
    os.close(lock)
    memory_folder.remove_stale(browser.PREFIX)
    assert not place.exists()


@pytest.mark.parametrize(
    ("settings", "environment", "words"),
    [
        (chromium.Settings(program="/nonexistent/chromium", sandbox=False), {}, "cannot be found"),
        (chromium.Settings(sandbox=False), {"DISPLAY": "", "WAYLAND_DISPLAY": ""}, "there is no display here"),
    ],
)  # fmt: skip
def test_what_keeps_a_browser_from_running_is_named(
    monkeypatch: pytest.MonkeyPatch, display: str, settings: chromium.Settings, environment: dict[str, str], words: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConnectorError, match=words):
        browser.require(settings)


def test_without_a_chromium_and_as_root_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    monkeypatch.setattr(chromium, "PROGRAMS", ("no-such-browser",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = dict(chromium.problems(chromium.Settings()))
    assert found["no Chromium is installed here, and a passkey needs one"].startswith(
        "install it: apt install chromium"
    )
    assert 'sandbox = "off"' in found["Chromium does not run as root with its sandbox"]


def _processes_of(profile: str) -> list[Path]:
    return [one for one in Path("/proc").glob("[0-9]*") if profile.encode() in _read(one / "cmdline")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _listens(process: Path) -> bool:
    """Tell whether a process listens on a port, by the numbers of its sockets in its list of TCP ones (proc(5))."""
    listening = {
        line.split()[9]
        for table in ("tcp", "tcp6")
        for line in _read(process / "net" / table).decode().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    sockets = set()
    for one in (process / "fd").glob("*"):
        try:
            sockets.add(str(one.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    return bool(listening & sockets)


def _forms(wanted: list[bytes]) -> list[bytes]:
    return [form for one in wanted for form in (one, base64.b64encode(one)[:40], one.hex().encode())]

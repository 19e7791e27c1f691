# SPDX-License-Identifier: Apache-2.0
"""A rotation with a fault at every step, on a real server: whatever happens, some printed quorum opens it.

To put a server into the matrix: write a :class:`World` for it and inherit :class:`FaultMatrix`.

    class TestPostgresFaults(FaultMatrix):
        @pytest.fixture(scope="class")
        @classmethod
        def world(cls, server) -> World:
            return World("postgresql", "postgresql://{address}/postgres", "breakglass", server.address,
                         become=server.set_password, opens=server.can_log_in, restart=server.restart)

Rules:

1. Every cell begins with a sealed set and the server's credential set to that on its sheets, by other means than
   the connector. Who logs in is decided by ``World.opens``, which goes around connector and proxy.
2. The program runs whole, in a fork (``fault_driver``). Only drawing and decoding of sheets are left out.
3. After the fault, and after each thing that people then do, some printed quorum's credential logs in.
4. People do what the program's hints say, and nothing else, until it is done: SEALED, the old credential dead.
5. Every cell is a row of the table: step, fault, what lived right after it, what people did. It is written to the
   test's folder, and appended to the file that ``BREAKGLASS_FAULT_TABLE`` names.
6. Before ``applying`` no step touches the target, so those boundaries are gone through on one server only, the
   one whose world is ``whole``. On every other server one kill in ``SLICES`` is tried, and the servers take turns at
   which. With ``BREAKGLASS_FAULT_WHOLE=1`` every boundary is gone through on all. So it is with the exchanges that a
   world does not name in ``exchanges``. A world that is ``few`` has only the cells of :data:`FEW`; the others are for
   the variable, which ``make faults`` sets.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import text_paper
from connector_contract import assert_no_secret, watched_processes

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.state import Phase, SetState
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home, verify

NAME = "target"
"""The set."""

TABLE_VARIABLE = "BREAKGLASS_FAULT_TABLE"
"""Environment variable with a file that every row is appended to."""

WHOLE_VARIABLE = "BREAKGLASS_FAULT_WHOLE"
"""Environment variable: go through every boundary on every server."""

FEW = ("before connector.rotate", "after connector.rotate", "record applied")
"""Where a world that is ``few`` is broken: right before and after the change, and where the disk is full behind it."""

SLICES = 3
"""A server that is not gone through whole is killed at every third boundary; its name says at which third."""

FEWEST_KILLS = 20
"""Fewer boundaries than these from ``applying`` on, and the driver has lost hold of the steps."""

MOST_STEPS = 6
"""Things people do to bring a set back, at most."""

MOST_EXCHANGES = 40
"""Packets a connector sends during one change, at most."""

_DRIVER = Path(__file__).with_name("fault_driver.py")
_ROOT = Path(__file__).parents[2]
_NO_FAULT: Mapping[str, Any] = {"kill": None, "pauses": [], "full": "", "scanner": "", "screen": ""}

_POLICY = """name = "{name}"
[target]
uri = "{uri}"
account = "{account}"
second_account = "envelope B, safe 2"
kind = "{kind}"
{options}
[[quorum.groups]]
threshold = 2
custodians = ["North", "South"]
[declaration]
classes = ["idp-outage"]
[rotation]
wait_for_sessions = "{wait}"
{rotation}
"""


@dataclass(frozen=True, slots=True)
class World:
    """A server with one account, and what only its administrator can do.

    Attributes:
        name: what it is called in the table.
        uri: target URI; ``{address}`` is where the connector connects to, ``HOST:PORT``.
        account: the account under custody.
        address: where the server listens, host and port; None for a target without a network.
        become: sets the account's credential, whatever it was, and forgets failed attempts.
        opens: says whether a credential logs in, by another way than the connector's.
        restart: restarts the server and returns when it answers; None if it cannot.
        options: ``target.options`` of the policy; ``time_limit`` must be short, and long
            enough for a login on a machine that does much else. ``{address}`` as in ``uri``.
        rotation: more lines of the policy's table ``rotation``.
        wait: how long a change waits for sessions that are open.
        offers: ``SCHEME=MODULE:CLASS`` of connectors that do not ship with the program.
        logs: files and folders where the server writes; no secret may stand there.
        whole: whether every boundary is gone through.
        few: whether only the cells of :data:`FEW` are gone through, unless all are asked for.
        kind: ``target.kind`` of the policy.
        split: more options of ``split``.
        secret: the first credential; None for a password that is drawn.
        exchanges: numbers of the exchanges that are broken, where it takes too long to break each; None for all.
        by_hand: what people do at the server itself, by the words of the program that ask for it.
    """

    name: str
    uri: str
    account: str
    address: tuple[str, int] | None
    become: Callable[[Secret], None]
    opens: Callable[[Secret], bool]
    restart: Callable[[], None] | None = None
    options: Mapping[str, str] = field(default_factory=lambda: {"time_limit": "3"})
    rotation: str = ""
    wait: str = "1s"
    offers: Sequence[str] = ()
    logs: Sequence[Path] = ()
    whole: bool = False
    exchanges: Sequence[int] | None = None
    by_hand: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    few: bool = False
    kind: str = "password"
    split: Sequence[str] = ()
    secret: Secret | None = None


class Proxy:
    """Stands between connector and server, and breaks one exchange after it was armed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._mode, self._left, self._lock = "", 0, threading.Lock()
        self.broke = False
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, mode: str, exchange: int) -> None:
        """Break at the exchange of this number, from 0: ``before send``, ``after send`` or ``no answer``."""
        with self._lock:
            self._mode, self._left, self.broke = mode, exchange, False

    def arming(self, mode: str, exchange: int) -> Callable[[str], None]:
        """Return what arms it at a boundary."""
        return lambda _name: self.arm(mode, exchange)

    def disarm(self) -> bool:
        """Let everything through again; tells whether something was broken."""
        with self._lock:
            self._mode = ""
        return self.broke

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._address, timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        muted = threading.Event()
        threading.Thread(target=self._pump_answers, args=(far, near, muted), daemon=True).start()
        with contextlib.suppress(OSError):
            self._pump_questions(near, far, muted)
        _close(near, far)

    def _pump_questions(self, near: socket.socket, far: socket.socket, muted: threading.Event) -> None:
        while data := near.recv(65536):
            mode = self._turn()
            if mode == "before send":
                return
            if mode:
                muted.set()
            far.sendall(data)
            if mode == "after send":
                # Give the server the time to act on what it got before its connection is gone.
                far.settimeout(2)
                with contextlib.suppress(OSError):
                    far.recv(1, socket.MSG_PEEK)
                return

    def _pump_answers(self, far: socket.socket, near: socket.socket, muted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                if not muted.is_set():
                    near.sendall(data)
        if not muted.is_set():
            _close(near, far)

    def _turn(self) -> str:
        """Count one exchange; returns how to break it, or nothing."""
        with self._lock:
            if not self._mode:
                return ""
            self._left -= 1
            if self._left >= 0:
                return ""
            mode, self._mode, self.broke = self._mode, "", True
            return mode


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the program ended."""

    status: int
    """Exit code, or the negative number of a signal."""

    said: str
    boundary: str
    """Where it was killed."""

    @property
    def hint(self) -> str:
        return self.said.rpartition("hint: ")[2].strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the matrix."""

    world: str
    step: str
    fault: str
    lived: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return f"| {self.world} | {self.step} | {self.fault} | {self.lived} | {' > '.join(self.steps)} |"


class Driver:
    """The program, ready to run; see ``fault_driver``."""

    def __init__(self, folder: Path, scheme: str, offers: Sequence[str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment = {**kept, "HOME": str(folder), "TERM": "dumb", "PYTHONPATH": f"{_ROOT}:{_DRIVER.parent}"}
        self._process = subprocess.Popen(
            [sys.executable, str(_DRIVER), scheme, *offers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment, cwd=folder,
        )  # fmt: skip

    def run(self, job: Mapping[str, Any], at_pause: Callable[[str], None] = lambda _name: None) -> Ended:
        """Run one job; ``at_pause`` is called at each boundary the job pauses at."""
        assert self._process.stdin is not None
        self._send(json.dumps(job))
        said, boundary = "", ""
        while True:
            event = self._event()
            if "pause" in event:
                try:
                    at_pause(event["pause"])
                finally:
                    self._send("go")
            said, boundary = event.get("said", said), event.get("killed", boundary)
            if "done" in event:
                return Ended(event["done"], said, boundary)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _event(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver ended"
        event: dict[str, Any] = json.loads(line)
        return event


class Matrix:
    """One world's cells."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder / "life"
        self.proxy = Proxy(world.address) if world.address else None
        self.driver = Driver(folder, world.uri.partition(":")[0], world.offers)
        self.secret = world.secret or Secret(b"aA1" + generate(24).reveal())
        self.rows: list[Row] = []
        self._backup, self._table = folder / "backup", folder / "faults.md"
        self._printings = 1
        self._seal()

    def close(self) -> None:
        """End the program and the proxy."""
        self.driver.close()
        if self.proxy:
            self.proxy.close()

    def _seal(self) -> None:
        """Put the credential on paper, once; every cell begins with a copy of it."""
        self.world.become(self.secret)
        self.folder.mkdir()
        policy = self.folder / "policy.toml"
        policy.write_text(self._policy())
        self._ok("init", "--terminal", "terminal one")
        self._split(policy, self.secret, self.sheets(1))
        self._keep()

    def _split(self, policy: Path, secret: Secret, sheets: Path) -> None:
        """Put a credential on paper, and read it back."""
        file = self.folder / "secret"
        file.write_bytes(secret.reveal())
        printing = ["--out", str(sheets), "--readback", str(self._readback(1)), "--timeout", "5"]
        self._ok("split", str(policy), "--credential-from", str(file), *self.world.split, *printing, sheets=sheets)
        file.unlink()

    def _keep(self) -> None:
        """Keep what every cell begins with."""
        self.scan(1)
        shutil.copytree(self.folder, self._backup)

    def begin(self) -> None:
        """Put set and server back to where every cell begins."""
        if self.proxy:
            self.proxy.disarm()
        self.world.become(self.secret)
        shutil.rmtree(self.folder)
        shutil.copytree(self._backup, self.folder)
        self._printings = 1

    def rotate(
        self,
        at_pause: Callable[[str], None] = lambda _name: None,
        *,
        scans: Iterable[int] = (1,),
        terminal: str = "home",
        more: Sequence[str] = (),
        **fault: Any,
    ) -> Ended:
        """Run ``rotate`` with a place for new sheets, on a terminal."""
        self._printings += 1
        number = self._printings
        brought = list(scans)
        unasked = terminal == "home" and brought == [1] and self._is_prepared()  # nobody brings new sheets before that
        timeout = "0.2" if fault.get("scanner") or unasked else "5"
        command = ["rotate", NAME, "--out", str(self.sheets(number)), "--readback", str(self._readback(number))]
        command += ["--timeout", timeout, "--ack", "1", "--ack", "2"]
        for one in brought:
            command += ["--scan", str(self.scans(one))]
        if terminal != "home":
            command += ["--target", self._uri()]  # no policy is adopted there
        command += more
        return self._run(command, at_pause, terminal, **fault)

    def _is_prepared(self) -> bool:
        try:
            return bool(self.state().prepared)
        except BreakglassError:
            return False

    def run(self, *command: str, terminal: str = "home") -> Ended:
        """Run any command on a terminal."""
        return self._run(command, lambda _name: None, terminal)

    def scan(self, number: int) -> None:
        """Lay a printing on the scanner, so that it can be brought."""
        text_paper.scan_folder(self.sheets(number), self._made(self.scans(number)))

    def entries(self, terminal: str = "home") -> list[Any]:
        """Read and verify a terminal's ledger; returns the bodies of its records."""
        with home.open_home(self.folder / terminal) as ledger:
            verify.verify(ledger)
            return [entry.record.body for entry in ledger.entries()]

    def state(self, terminal: str = "home") -> SetState:
        """Return the set's state on a terminal."""
        with home.open_home(self.folder / terminal) as ledger:
            return ledger.state.of(NAME)

    def look(self) -> str:
        """Hold the promise of this very instant; returns which credential lives: ``old`` or ``new``."""
        if self.world.opens(self.secret):
            return "old"
        assert any(map(self.world.opens, self.on_paper())), "no printed quorum opens the target"
        return "new"

    def on_paper(self) -> list[Secret]:
        """Open whatever the printings after the first one open, without any ledger."""
        found: list[Secret] = []
        for folder in sorted(self.folder.glob("sheets-*")):
            if folder != self.sheets(1):
                found += [credential.secret for credential in _opened(folder)]
        return found

    def bring_back(self, ended: Ended) -> tuple[str, ...]:
        """Do what the program says until the rotation is proven; returns what was done."""
        done: list[str] = []
        scans = [1]
        while ended.status != 0:
            assert len(done) < MOST_STEPS, (done, ended.said)
            scans = self._follow(ended, scans, done)
            ended = self.rotate(scans=scans)
            self.look()
            done.append("rotate" + (" with both" if len(scans) > 1 else ""))
        return tuple(done)

    def proven(self, terminal: str = "home") -> None:
        """Hold that the set is whole again: one living credential, on paper, its old one dead."""
        self.entries(terminal)
        state = self.state(terminal)
        assert state.phase is Phase.SEALED, state.phase
        assert [debt for debt in state.debts if debt.kind == "rotation"] == []
        assert not self.world.opens(self.secret)
        assert any(map(self.world.opens, self.on_paper()))

    def cell(self, step: str, fault: str, ended: Ended) -> None:
        """Bring the set back after a fault, and write the row."""
        lived = self.look()
        steps = self.bring_back(ended)
        self.proven()
        row = Row(self.world.name, step, fault, lived, steps or ("nothing",))
        self.rows.append(row)
        tables = [self._table, *([Path(os.environ[TABLE_VARIABLE])] if os.environ.get(TABLE_VARIABLE) else [])]
        for table in tables:
            with table.open("a") as file:
                file.write(f"{row}\n")

    def secrets(self) -> tuple[Secret, ...]:
        """Return every credential of the cell at hand."""
        return (self.secret, *self.on_paper())

    def credentials(self, number: int) -> list[Credential]:
        """Open the sheets of a printing, without any ledger."""
        return _opened(self.sheets(number))

    def written(self) -> bytes:
        """Return all that the server's logs and our ledger hold."""
        texts = [path.read_bytes() for path in sorted((self.folder / "home").rglob("*")) if path.is_file()]
        for place in self.world.logs:
            files = sorted(place.rglob("*")) if place.is_dir() else [place]
            texts += [path.read_bytes() for path in files if path.is_file()]
        return b"\n".join(texts)

    def sheets(self, number: int) -> Path:
        """Return the folder of a printing."""
        return self.folder / f"sheets-{number}"

    def scans(self, number: int) -> Path:
        """Return the folder of a printing's scans."""
        return self.folder / f"scans-{number}"

    def _follow(self, ended: Ended, scans: list[int], done: list[str]) -> list[int]:
        """Do what a hint says; returns which printings to bring next time."""
        hint = ended.hint
        for words, act in self.world.by_hand.items():
            if words in ended.said:
                act()
                done.append(words)
        for word, arguments in (("close", ["--as", "drill"]), ("cancel", ["--reason", "it was interrupted"])):
            if f"breakglass {word} {NAME}" in hint:
                self._ok(word, NAME, *arguments)
                done.append(word)
                return scans
        living = next((n for n in range(2, 9) if f"bring the sheets of epoch {n}" in hint), 0)
        if "both sets" in hint or "--scan NEW" in hint or living:
            newest = max(n for n in range(1, self._printings + 1) if text_paper.live_sheets(self.sheets(n)))
            self.scan(newest)
            return [newest] if living else [1, newest]
        return scans

    def _run(
        self, command: Sequence[str], at_pause: Callable[[str], None], terminal: str = "home", **fault: Any
    ) -> Ended:
        number = self._printings
        places = {"out": str(self.sheets(number)), "readback": str(self._readback(number))}
        command = ["--home", str(self.folder / terminal), *command]
        job = {**_NO_FAULT, **places, **fault, "command": command}
        return self.driver.run(job, at_pause)

    def _ok(self, *command: str, sheets: Path | None = None) -> None:
        ended = self._run(command, lambda _name: None, **({"out": str(sheets)} if sheets else {}))
        assert ended.status == 0, ended.said

    def _readback(self, number: int) -> Path:
        return self._made(self.folder / f"readback-{number}")

    def _made(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        return folder

    def _address(self) -> str:
        return f"127.0.0.1:{self.proxy.port}" if self.proxy else ""

    def _uri(self) -> str:
        return self.world.uri.format(address=self._address())

    def _policy(self) -> str:
        world, address = self.world, self._address()
        given = {name: value.replace("{address}", address) for name, value in world.options.items()}
        options = ", ".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
        return _POLICY.format(
            name=NAME, uri=self._uri(), account=world.account, rotation=world.rotation,
            wait=world.wait,
            kind=world.kind,
            options=f"options = {{ {options} }}" if options else "",
        )  # fmt: skip


def _opened(folder: Path) -> list[Credential]:
    """Open whatever the sheets in a folder open."""
    pool = Pool({}, kind=Kind.LIVE)
    for text in text_paper.texts(folder):
        pool.add(text)
    opened = []
    for epoch_id in pool.epochs():
        with contextlib.suppress(BreakglassError):
            opened.append(Credential.from_bytes(pool.quorum(epoch_id).unseal().plaintext))
    return opened


def _is_few(matrix: Matrix) -> bool:
    return matrix.world.few and not os.environ.get(WHOLE_VARIABLE)


def _among_few(matrix: Matrix, where: str) -> None:
    """Skip what a world that is ``few`` leaves to ``make faults``."""
    if _is_few(matrix) and where not in FEW[1:]:
        pytest.skip("make faults goes through this cell of this target")


class FaultMatrix:
    """The matrix, as tests; a subclass overrides the fixture ``world`` with scope ``class``."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls) -> World:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def matrix(cls, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
        made = Matrix(world, tmp_path_factory.mktemp("faults"))
        yield made
        made.close()

    def test_without_a_fault_some_printed_quorum_opens_at_every_step(self, matrix: Matrix) -> None:
        matrix.begin()
        lived: list[str] = []
        with watched_processes() as seen:
            ended = matrix.rotate(lambda _name: lived.append(matrix.look()), pauses=["all"])
        assert ended.status == 0, ended.said
        matrix.proven()
        assert (lived[0], lived[-1]) == ("old", "new")
        assert_no_secret(matrix.written(), matrix.secrets())
        assert_no_secret(b"\n".join([*seen, ended.said.encode()]), matrix.secrets())

    @pytest.mark.crash
    def test_a_kill_at_any_step(self, matrix: Matrix) -> None:
        if _is_few(matrix):
            for boundary in FEW[:2]:
                matrix.begin()
                ended = matrix.rotate(kill=boundary)
                assert ended.status == -signal.SIGKILL, ended.said
                matrix.cell(boundary, "killed", ended)
            assert {row.lived for row in matrix.rows} == {"old", "new"}
            return
        names = self._boundaries(matrix)
        first = names.index("before record applying")
        assert len(names) - first >= FEWEST_KILLS
        for number in self._kills(matrix, names):
            matrix.begin()
            ended = matrix.rotate(kill=number)
            assert ended.status == -signal.SIGKILL, ended.said
            matrix.cell(ended.boundary, "killed", ended)
        matrix.begin()
        ended = matrix.rotate(kill=len(names))
        assert ended.status == 0, "there are boundaries that no kill was tried at"
        assert {row.lived for row in matrix.rows} == {"old", "new"}

    @pytest.mark.parametrize("mode", ["before send", "after send", "no answer"])
    def test_a_connection_that_breaks_in_the_middle_of_the_change(self, matrix: Matrix, mode: str) -> None:
        proxy = self._proxy(matrix)
        some = None if os.environ.get(WHOLE_VARIABLE) else matrix.world.exchanges
        for exchange in range(MOST_EXCHANGES) if some is None else some:
            matrix.begin()
            ended = matrix.rotate(proxy.arming(mode, exchange), pauses=["before connector.rotate"])
            if not proxy.disarm():
                assert ended.status == 0, ended.said
                break
            matrix.cell(f"exchange {exchange} of the change", f"cut {mode}" if "send" in mode else mode, ended)
        assert exchange >= 1, "the proxy stands beside the connector"
        assert some is None or {row.lived for row in matrix.rows if "exchange" in row.step} == {"old", "new"}

    @pytest.mark.parametrize("step", ["before connector.rotate", "after connector.rotate", "after record applied"])
    def test_a_server_that_is_restarted_in_the_middle(self, matrix: Matrix, step: str) -> None:
        restart = matrix.world.restart
        if restart is None:
            pytest.skip("this target has no server to restart")
        _among_few(matrix, step)
        matrix.begin()
        ended = matrix.rotate(lambda _name: restart(), pauses=[step])
        matrix.cell(step, "server restarted", ended)

    @pytest.mark.parametrize(
        "where", ["sheets", "record issued", "record applying", "record applied", "record old-dead"]
    )
    def test_a_full_disk(self, matrix: Matrix, where: str) -> None:
        _among_few(matrix, where)
        matrix.begin()
        ended = matrix.rotate(full=where)
        assert ended.status != 0
        matrix.cell(where, "disk full", ended)

    @pytest.mark.parametrize(("scanner", "fault"), [("dead", "scanner time-out"), ("blot", "one sheet unreadable")])
    def test_new_sheets_that_are_not_read_back(self, matrix: Matrix, scanner: str, fault: str) -> None:
        _among_few(matrix, scanner)
        matrix.begin()
        ended = matrix.rotate(scanner=scanner)
        assert ended.status != 0
        matrix.cell("reading back", fault, ended)

    def _boundaries(self, matrix: Matrix) -> list[str]:
        names: list[str] = []
        matrix.begin()
        matrix.rotate(names.append, pauses=["all"])
        return names

    def _kills(self, matrix: Matrix, names: Sequence[str]) -> Sequence[int]:
        """Return which boundaries to be killed at, by number: all, or this server's share of those that touch it."""
        every = range(len(names))
        if matrix.world.whole or os.environ.get(WHOLE_VARIABLE):
            return every
        mine = zlib.crc32(matrix.world.name.encode()) % SLICES
        return every[names.index("before record applying") + mine :: SLICES]

    def _proxy(self, matrix: Matrix) -> Proxy:
        if matrix.proxy is None:
            pytest.skip("this target has no network")
        return matrix.proxy

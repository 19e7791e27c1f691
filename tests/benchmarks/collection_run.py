# SPDX-License-Identifier: Apache-2.0
"""Fifty terminals and two collectors at one PostgreSQL, all of them killed on the way; in the end nothing is missing.

    python -m tests.benchmarks.collection_run [--terminals N] [--records N] [--kill-every S] [RESULTS]

Terminals and collectors are processes, and each terminal has a home of its own. Terminals, collectors and the server
are killed (SIGKILL) and started again. At the end the collection is held against the ledgers, byte for byte, and every
cosigned checkpoint is verified. Before it, what a collector does in a second is measured
at a server with no other work.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

from postgres_server import PostgresServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.collection import address
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.cosignature import Cosigner, cosigned_at
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.operations.collecting import keeping, syncing
from breakglass_shamir.plural import counted
from tests.attacks.test_ledger_tampering import fill
from tests.benchmarks.ledgers import body
from tests.benchmarks.million import CHILD
from tests.benchmarks.quick_ledger import extend

HEAD = "| step | seconds | of computing | what came of it |"
SETTINGS = """
fsync = on
shared_buffers = 128MB
max_wal_size = 1GB
logging_collector = off
log_statement = none
log_duration = off
log_min_duration_statement = -1
log_min_messages = warning
log_connections = off
log_disconnections = off
"""
"""In the place of what the server of the tests writes for its judges."""

LONGEST_S = 4 * 3600.0
ALONE = 2_000
"""Records of the log that one collector works through alone."""

PASSWORD = Secret(b"Xy7-long-enough-9")
KINDS = ("terminal", "collector", "auditor")


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.collection_run")
    words.add_argument("--terminals", type=int, default=50)
    words.add_argument("--records", type=int, default=100_000, help="of all terminals together")
    words.add_argument(
        "--alone", type=int, default=ALONE, help="records of the log that is collected without other work"
    )
    words.add_argument("--kill-every", type=float, default=30.0, help="seconds between two that are killed")
    words.add_argument("--kills", type=int, default=10_000, help="how many times at most")
    words.add_argument("--ask-every", type=float, default=10.0, help="seconds between two questions of a terminal")
    words.add_argument("--audits", action=argparse.BooleanOptionalAction, default=True, help="measure those at the end")
    words.add_argument("--keep", action="store_true", help="leave the homes and the server, and say where they are")
    words.add_argument("results", nargs="?", type=Path, default=Path("collection-results.md"))
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bgcollect"))
    with given.results.open("w") as file, Place(folder, keep=given.keep) as place:
        for row in (HEAD, "|---|---|---|---|"):
            file.write(f"{row}\n")
        for row in measured(place, given):
            file.write(f"{row}\n")
            file.flush()
            sys.stderr.write(f"{row}\n")


class Place:
    """A server with a collection, and a folder for the homes."""

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self.folder, self._keep = folder, keep
        self.server = PostgresServer(ThrowAwayCa(folder / "ca"), "pg_stat_statements")
        with (self.server.folder / "data/postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        self.collector_key = folder / "collector.key"
        self.collector = folder / "collector.key.pub"

    def __enter__(self) -> "Place":
        self.server.start()
        passwords = self.folder / "passwords"
        passwords.write_text(f"*:*:*:*:{PASSWORD.reveal().decode()}\n")
        passwords.chmod(0o600)
        os.environ["PGPASSFILE"] = str(passwords)
        keeping.make_key(self.collector_key, "collector.example/one")
        keeping.prepare(self.at("postgres"))
        self.logins = {kind: self.at(self.login(kind)) for kind in KINDS[1:]}
        return self

    def __exit__(self, *_: object) -> None:
        if self._keep:
            sys.stderr.write(f"kept: {self.folder}, {self.server.folder}; auditor: {self.logins['auditor']}\n")
            return
        self.server.remove()
        shutil.rmtree(self.folder)

    def at(self, role: str) -> str:
        """Return the address for a role."""
        return f"postgresql://{role}@/postgres?host={self.server.folder}&port={self.server.port}"

    def login(self, kind: str) -> str:
        """Make a login for a terminal, a collector or an auditor."""
        return self.server.add_role(PASSWORD, f"LOGIN IN ROLE breakglass_{kind}")

    def asked(self, query: str) -> list[tuple[int, ...]]:
        """Ask something as the superuser."""
        with address.connected(self.at("postgres")) as connection:
            return connection.execute(query.encode()).fetchall()

    def number(self, query: str) -> int:
        """Ask for a number."""
        ((found,),) = self.asked(query)
        return int(found)

    def kill(self) -> None:
        """Kill the server's first process, which ends the others, and start it again."""
        file = self.server.folder / "data/postmaster.pid"
        os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
        end = time.monotonic() + 60
        while True:
            try:
                self.server.start()
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return


@dataclass
class Terminal:
    """A terminal of the run."""

    home: Path
    to: str
    records: int
    asked_every_s: float
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, place: Place, seed: str) -> None:
        """Start it, or start it again."""
        words = [str(self.home), self.to, str(place.collector), str(self.records), seed, str(self.asked_every_s)]
        self.process = started(place, "-m", "tests.benchmarks.collection_terminal", *words)


@dataclass
class Run:
    """What happened."""

    killed: dict[str, int] = field(default_factory=lambda: {"terminal": 0, "collector": 0, "server": 0})
    most_staged: int = 0


def measured(place: Place, given: argparse.Namespace) -> Iterator[str]:
    """Live it; yields the rows of the table."""
    yield from by_itself(place, given.alone)
    each, more = divmod(given.records, given.terminals)
    made = [prepared(place, number, each + (number < more), given.ask_every) for number in range(given.terminals)]
    before, wal = place.number("SELECT count(*) FROM breakglass_log.records"), place.number(WAL)
    began, computed = time.monotonic(), computed_s()
    run = lived(place, made, given.kill_every, given.kills)
    took = time.monotonic() - began
    kept = place.number("SELECT count(*) FROM breakglass_log.records") - before
    killed = ", ".join(counted(count, what) for what, count in run.killed.items())
    yield (
        f"| {len(made)} terminals, 2 collectors | {took:.0f} | {computed_s() - computed:.0f} | {kept} records, "
        f"{kept / took:.0f} a second; killed: {killed}; at most {run.most_staged} rows staged |"
    )
    yield from sizes(place, made, wal, kept)
    yield held(place, made)
    if given.audits:
        yield from audited(place)


WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
STATEMENTS = """
SELECT sum(calls)::bigint, (1000 * sum(total_exec_time))::bigint FROM pg_stat_statements s
JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname LIKE 'r%'
"""


def by_itself(place: Place, records: int) -> Iterator[str]:
    """Measure a collector at a server without other work: on one log, then two collectors on two logs."""
    for count, words in ((1, "one collector, one log"), (2, "two collectors, two logs")):
        for number in range(count):
            name = f"alone-{count}-{number}"
            with grown(place.folder / name, name, records) as ledger:
                keeping.enrol(place.logins["collector"], sshsig.public_line(ledger.public_key, name))
                began = time.monotonic()
                syncing.sync(ledger, place.at(place.login("terminal")), place.collector)
                pushing = time.monotonic() - began
        place.asked("SELECT pg_stat_statements_reset() IS NULL, 1")
        began, computed = time.monotonic(), computed_s()
        working = [collector(place, "--once") for _ in range(count)]
        ended = [process.wait(LONGEST_S) for process in working]
        if any(ended):
            raise SystemExit("a collector failed")
        took, ((calls, asked_us),) = time.monotonic() - began, place.asked(STATEMENTS)
        rows = records * count
        yield (
            f"| {words} | {took:.1f} | {computed_s() - computed:.1f} | {rows} records, {rows / took:.0f} a second; "
            f"{calls / rows:.0f} statements a record, which take the server {asked_us / rows:.0f} microseconds; "
            f"pushed {records / pushing:.0f} a second |"
        )


def grown(place: Path, name: str, records: int) -> Ledger:
    """Make a home with the life of a set and so many records in all."""
    ledger = home.create(place, name)
    fill(ledger)
    extend(ledger, records, body)
    return ledger


def prepared(place: Place, number: int, records: int, asked_every_s: float) -> Terminal:
    """Make a terminal's home, with the life of a set in it, and enrol it."""
    name = f"terminal-{number}"
    with grown(place.folder / name, name, 0) as ledger:
        keeping.enrol(place.logins["collector"], sshsig.public_line(ledger.public_key, name))
    return Terminal(place.folder / name, place.at(place.login("terminal")), records, asked_every_s)


def lived(place: Place, terminals: Sequence[Terminal], kill_every: float, kills: int) -> Run:
    """Run terminals and collectors until every terminal has all it made cosigned; kill some of them meanwhile."""
    run, chance = Run(), random.Random(5)
    for number, terminal in enumerate(terminals):
        terminal.start(place, f"{number}")
    collectors = [collector(place, "--every", "1s") for _ in range(2)]
    end, kill_at = time.monotonic() + LONGEST_S, time.monotonic() + kill_every
    try:
        while alive := [one for one in terminals if one.process and one.process.poll() is None]:
            if any(one.process and one.process.returncode not in (None, 0) for one in terminals):
                raise SystemExit("a terminal failed")
            if any(process.poll() is not None for process in collectors):
                raise SystemExit("a collector failed")
            if time.monotonic() > end:
                raise SystemExit("it has no end")
            time.sleep(min(1.0, kill_every))
            run.most_staged = max(run.most_staged, place.number("SELECT count(*) FROM breakglass_staging.pushed"))
            if time.monotonic() < kill_at or run.killed["terminal"] == kills:
                continue
            kill_at = time.monotonic() + kill_every
            killed_one(place, run, alive, collectors, chance)
    finally:
        for process in [*collectors, *(one.process for one in terminals if one.process)]:
            process.kill()
            process.wait()
    return run


def killed_one(
    place: Place, run: Run, alive: Sequence[Terminal], collectors: "list[subprocess.Popen[bytes]]",
    chance: random.Random,
) -> None:  # fmt: skip
    """Kill a terminal, every third time a collector, every sixth time the server, too; and start them again."""
    number = run.killed["terminal"]
    terminal = chance.choice(alive)
    assert terminal.process
    terminal.process.kill()
    terminal.process.wait()
    run.killed["terminal"] += 1
    if number % 3 == 0:
        process = collectors.pop(0)
        process.kill()
        process.wait()
        collectors.append(collector(place, "--every", "1s"))
        run.killed["collector"] += 1
    if number % 6 == 1:
        place.kill()
        run.killed["server"] += 1
    terminal.start(place, f"{number} again")


def collector(place: Place, *how: str) -> "subprocess.Popen[bytes]":
    """Start a collector."""
    where = ("--to", place.logins["collector"], "--key", str(place.collector_key))
    program = str(Path(sys.executable).with_name("breakglass"))
    return started(place, program, "collect", "run", *where, *how)


def started(place: Place, *words: str) -> "subprocess.Popen[bytes]":
    """Start a process whose messages go to one file of all."""
    with (place.folder / "messages").open("ab") as messages:
        return subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages
        )


def computed_s() -> float:
    """Return how long every child that has ended so far was computing, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sizes(place: Place, terminals: Sequence[Terminal], wal: int, kept: int) -> Iterator[str]:
    """Say what it takes on the disk."""
    total = place.number("SELECT count(*) FROM breakglass_log.records")
    for name in ("records", "nodes", "cosigned"):
        rows = place.number(f"SELECT count(*) FROM breakglass_log.{name}")  # noqa: S608 - names of ours
        taken = place.number(f"SELECT pg_total_relation_size('breakglass_log.{name}')")
        yield f"| (disk: `{name}`) | | | {taken >> 20} MiB, {rows} rows, {taken / total:.0f} bytes a record |"
    staging = place.number("SELECT pg_total_relation_size('breakglass_staging.pushed')")
    yield f"| (disk: staging, empty at the end) | | | {staging >> 20} MiB |"
    written = place.number(WAL) - wal
    yield f"| (write-ahead log) | | | {written >> 20} MiB, {written / kept:.0f} bytes a record |"
    files = sum((one.home / FILE_NAME).stat().st_size for one in terminals)
    yield f"| (disk: the ledgers of the terminals) | | | {files >> 20} MiB |"


def held(place: Place, terminals: Sequence[Terminal]) -> str:
    """Hold the collection against the ledgers; returns the row of the table."""
    began, computed, rows, notes = time.monotonic(), time.process_time(), 0, 0
    cosigner = syncing.read_key(place.collector)
    if place.number("SELECT count(*) FROM breakglass_log.evidence"):
        raise SystemExit("there is evidence, and nobody did wrong")
    for one in terminals:
        with home.open_home(one.home) as ledger:
            if ledger.size != one.records:
                raise SystemExit(f"{one.home} has {ledger.size} records, expected {one.records}")
            rows += same_rows(place, ledger)
            notes += verified_notes(place, ledger, cosigner)
    if rows != sum(one.records for one in terminals):
        raise SystemExit("the sum is not that of the ledgers")
    return (
        f"| held against the ledgers | {time.monotonic() - began:.0f} | {time.process_time() - computed:.0f} | "
        f"{rows} records the same, byte for byte; {notes} cosigned checkpoints verified; no evidence |"
    )


def same_rows(place: Place, ledger: Ledger) -> int:
    """Hold every row of a log against the ledger; returns how many there are."""
    query = "SELECT seq, data, terminal_signature, quorum_signature, checkpoint FROM breakglass_log.records"
    query += " WHERE log_id = %s ORDER BY seq"
    with address.connected(place.logins["auditor"]) as connection:
        kept = connection.execute(query.encode(), (ledger.log_id,)).fetchall()
    for mine, theirs in zip(ledger.rows(), kept, strict=True):
        if mine != theirs:
            raise SystemExit(f"record {mine[0]} of {ledger.path} is another one in the collection")
    return len(kept)


def verified_notes(place: Place, ledger: Ledger, cosigner: Cosigner) -> int:
    """Verify every checkpoint of a log that was cosigned; returns how many there are."""
    query = "SELECT size, note FROM breakglass_log.cosigned WHERE log_id = %s ORDER BY size"
    with address.connected(place.logins["auditor"]) as connection:
        found = connection.execute(query.encode(), (ledger.log_id,)).fetchall()
    name = origin(ledger.public_key)
    for size, note in found:
        cosigned_at(note, cosigner)
        checkpoint = Checkpoint.from_text(open_note(note, name, ledger.public_key))
        if checkpoint != Checkpoint(name, size, ledger.root_at(size)):
            raise SystemExit(f"the cosigned checkpoint of {size} is not of the log in {ledger.path}")
    if not found or found[-1][0] != ledger.size:
        raise SystemExit(f"not all of {ledger.path} is cosigned")
    return len(found)


AUDITS = {
    "`audit verify`": ("audit", "verify"),
    "`audit verify --full`": ("audit", "verify", "--full"),
    "`audit list --csv`": ("audit", "list", "--csv"),
    "`status`": ("status",),
    "`collect terminals`": ("collect", "terminals"),
}


def audited(place: Place) -> Iterator[str]:
    """Measure what an auditor's commands take on the whole collection."""
    for label, words in AUDITS.items():
        where = ("--from", place.logins["auditor"], "--collector", str(place.collector))
        peak = place.folder / "peak"
        command = [sys.executable, "-c", CHILD, str(peak), *words, *where]
        began, computed = time.monotonic(), computed_s()
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode not in (0, 7):
            raise SystemExit(done.stderr)
        lines = done.stdout.count("\n")
        yield (
            f"| {label} | {time.monotonic() - began:.0f} | {computed_s() - computed:.0f} | "
            f"exit code {done.returncode}; {lines} lines; {int(peak.read_text()) >> 10} MiB at most |"
        )


if __name__ == "__main__":
    main()

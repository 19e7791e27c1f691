# SPDX-License-Identifier: Apache-2.0
"""A load drill against real servers under other load, as an operator would make it.

    python -m tests.benchmarks.load_run [--terminals M] [--rehearsals N] [--rounds R] [RESULTS]

PostgreSQL runs pgbench all the while, lets each rehearsal in over TLS, and holds the collection; a collector cosigns
there. rsyslog takes the alerts over mutual TLS. A slow and a dead sink are besides. It is checked that nothing is lost:
what rsyslog wrote is held against what the drill says, and the collection's own tables are asked.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

from postgres_server import SUPERUSER, PostgresServer, program
from rsyslog_server import HOST, Rsyslog
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.collecting import keeping
from tests.benchmarks.pairs import machine

BREAKGLASS = str(Path(sysconfig.get_path("scripts")) / "breakglass")
LIMIT_S = 900
PASSWORD = Secret(b"Kx4-for-load-drills-7")
SCALE, CLIENTS = 5, 4
"""Of pgbench."""

POLICY = """name = "{name}"
[target]
uri = "{uri}"
account = "{account}"
options = {options}
[[quorum.groups]]
threshold = 3
custodians = ["A", "B", "C", "D", "E"]
[[officers]]
name = "Duty"
keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMlZGgOD2ksjPBkTT//zj5fQxG9NWwBUAVNND+kCd/c"]
[declaration]
classes = ["x"]
signatures = 1
[[alerts.sinks]]
type = "syslog"
name = "siem"
host = "127.0.0.1"
port = {port}
ca = "{ca}"
cert = "{cert}"
key = "{key}"
[drills.load]
sinks = ["siem"]
limits = [
  {{step = "declared", p95 = "5s"}},
  {{step = "quorum", p50 = "20s", p99 = "1m"}},
  {{step = "alert-acknowledged", p95 = "30s"}},
  {{step = "login", p99 = "5s"}},
]
"""


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--terminals", type=int, default=4)
    words.add_argument("--rehearsals", type=int, default=8)
    words.add_argument("--rounds", type=int, default=6)
    words.add_argument("--report", type=Path, help="where the report's page is kept")
    words.add_argument("results", nargs="?", type=Path, default=Path("load-results.json"))
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        found = run(folder, given.terminals, given.rehearsals, given.rounds)
        if given.report:
            shutil.copy(folder / "report.html", given.report)
    finally:
        shutil.rmtree(folder)
    given.results.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(given.results.read_text())


def run(folder: Path, terminals: int, rehearsals: int, rounds: int) -> dict[str, Any]:
    """Start everything, make the load drill, check it, end everything."""
    ca = ThrowAwayCa(folder / "ca")
    mine, collector = ca.issue("terminal", HOST), ca.issue("collector", HOST)
    with ExitStack() as stack:
        syslog = Rsyslog(folder / "rsyslog", ca, collector, secure=True)
        syslog.start()
        stack.callback(syslog.stop)
        server = PostgresServer(ca)
        stack.callback(server.remove)
        server.start()
        account = server.add_role(PASSWORD)
        paths = {"port": syslog.tcp, "ca": ca.certificate, "cert": mine.certificate, "key": mine.key}
        live = POLICY.format(name="prod-db", uri="manual:prod-db", account="bg", options="{}", **paths)
        begin(folder, live)
        test = POLICY.format(
            name="load-test", uri=server.target, account=account, options=f'{{ca = "{ca.certificate}"}}', **paths
        )
        (folder / "load.toml").write_text(test)
        (folder / "password").write_bytes(PASSWORD.reveal())
        (folder / "password").chmod(0o600)
        where = stack.enter_context(collection(folder, server))
        bench = stack.enter_context(other_load(folder, server))
        shown = drill(folder, [
            "--terminals", terminals, "--rehearsals", rehearsals, "--rounds", rounds, "--slow-sink", "2s",
            "--dead-sink", "--to", where["terminal"], "--enrol-at", where["collector"], "--collector",
            folder / "collector.key.pub", "--target", server.target, "--account", account,
            "--credential-from", folder / "password",
        ], where)  # fmt: skip
        transactions = bench()
        kept = server_says(server, where["database"])
        check(shown, syslog, kept)
    return {"machine": machine(), "drill": shown, "pgbench": transactions, "kept": kept}


def begin(folder: Path, source: str) -> None:
    """Begin the terminal that makes the drill, with one set."""
    with home.create(folder / "home", "office") as ledger:
        ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name="prod-db")


@contextmanager
def collection(folder: Path, server: PostgresServer) -> Iterator[dict[str, str]]:
    """Make a collection in a database of its own, with a collector at work."""
    name = "drills"
    server.admin(f"CREATE DATABASE {name}")

    def at(role: str) -> str:
        return f"postgresql://{role}@/{name}?host={server.folder}&port={server.port}"

    keeping.prepare(at(SUPERUSER))
    terminal, collector = (
        server.add_role(PASSWORD, f"LOGIN IN ROLE breakglass_{kind}") for kind in ("terminal", "collector")
    )
    passwords = folder / "pgpass"
    passwords.touch(mode=0o600)
    passwords.write_bytes(b"*:*:*:*:" + PASSWORD.reveal() + b"\n")
    environment = {**os.environ, "PGPASSFILE": str(passwords)}
    keeping.make_key(folder / "collector.key", "collector.example/load")
    process = subprocess.Popen(
        [BREAKGLASS, "collect", "run", "--to", at(collector), "--key", str(folder / "collector.key"), "--every", "1s"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield {"terminal": at(terminal), "collector": at(collector), "database": name, "passwords": str(passwords)}
    finally:
        process.kill()
        process.wait()


@contextmanager
def other_load(folder: Path, server: PostgresServer) -> Iterator[Any]:
    """Let pgbench work at the server; yields what ends it and says how many transactions there were."""
    server.admin("CREATE DATABASE bench")
    place = ["-h", str(server.folder), "-p", str(server.port), "-U", SUPERUSER, "bench"]
    quiet = {"env": {"PATH": os.environ["PATH"]}, "stdin": subprocess.DEVNULL}
    subprocess.run([program("pgbench"), "-q", "-i", "-s", str(SCALE), *place], check=True, capture_output=True, **quiet)  # type: ignore[call-overload]
    process = subprocess.Popen(
        [program("pgbench"), "-c", str(CLIENTS), "-T", str(LIMIT_S), *place], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **quiet,
    )  # type: ignore[call-overload] # fmt: skip
    began = time.monotonic()

    def end() -> dict[str, Any]:
        if process.poll() is not None:
            raise SystemExit("pgbench ended before the load drill")
        took = time.monotonic() - began
        rows = server.admin("SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'")
        return {"transactions": int(rows), "seconds": round(took), "clients": CLIENTS}

    try:
        yield end
    finally:
        process.kill()
        process.wait()


def drill(folder: Path, words: list[object], where: dict[str, str]) -> dict[str, Any]:
    """Make the load drill and the report."""
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "PGPASSFILE": where["passwords"], "TMPDIR": str(temporary)}
    base = [BREAKGLASS, "--home", str(folder / "home")]
    done = subprocess.run(
        [*base, "--json", "drill", "load", str(folder / "load.toml"), *map(str, words)], env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 8):
        raise SystemExit(done.stdout.decode())
    if list(temporary.iterdir()):
        raise SystemExit("the load drill left something behind")
    subprocess.run(
        [*base, "audit", "report", "--out", str(folder / "report.html")], check=True, stdout=subprocess.DEVNULL
    )
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def server_says(server: PostgresServer, database: str) -> dict[str, int]:
    """Ask the collection's own tables what is in it."""
    counts = "SELECT (SELECT count(*) FROM breakglass_log.records), (SELECT count(*) FROM breakglass_log.evidence)"
    command = ["psql", "-X", "-A", "-t", "-h", str(server.folder), "-p", str(server.port), "-U", SUPERUSER]
    done = subprocess.run([*command, "-d", database, "-c", counts], check=True, capture_output=True, text=True)
    records, evidence = map(int, done.stdout.split("|"))
    return {"records": records, "evidence": evidence}


def check(shown: dict[str, Any], syslog: Rsyslog, kept: dict[str, int]) -> None:
    """Hold what the drill says against what the servers have."""
    made, acknowledged, _ = shown["alerts"]["siem"]
    arrived = {line["data"] + line["msg"] for line in syslog.received(acknowledged) if shown["drill"] in line["msg"]}
    if not acknowledged <= len(arrived) <= made:
        raise SystemExit(f"rsyslog has {len(arrived)} alerts, {acknowledged} of {made} were acknowledged")
    if kept != {"records": shown["records"], "evidence": 0}:
        raise SystemExit(f"the collection has {kept}, the terminals had {shown['records']} records")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""How fast alerts leave, and how soon after a login nobody declared the alarm is there.

The servers are the real ones that the tests use. A login is timed from before the client starts until the alarm is
a line in the collector's file; beside it stands the login alone.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from msgspec import structs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

import watch_places
from alert_events import voided
from fault_matrix import NAME
from postgres_server import PostgresServer
from slapd_server import SlapdServer
from throwaway_ca import ThrowAwayCa
from watch_places import PAUSE_S, PROGRAM, Place

from breakglass_shamir.alerts.delivery import flush
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy.sinks import FileSink
from breakglass_shamir.ledger import home, outbox
from breakglass_shamir.ledger.outbox import Destination, Outbox
from breakglass_shamir.ledger.schema import Row
from breakglass_shamir.ledger.store import FILE_NAME
from tests.benchmarks.pairs import Measured, pairs

EVENTS = 2000
"""Events of a backlog."""

LIMIT_S = 60.0
"""How long to wait for an alarm."""

_SUMMARY = "import os, sys; sys.stderr.write(os.environ['PAM_USER'] + ' logged in')"


def alert_measures(folder: Path, runs: int) -> Iterator[Measured]:
    """Measure everything about alerts."""
    folder.mkdir()
    yield backlog(folder / "backlog", runs)
    ca = ThrowAwayCa(folder / "ca")
    server = PostgresServer(ca)
    server.start()
    try:
        with placed(watch_places.on_postgresql(server, made(folder / "postgresql"))) as place:
            yield to_alarm("PostgreSQL", place, runs)
        with placed(watch_places.on_postgresql(server, made(folder / "pam"))) as place:
            yield from_pam(place, runs)
    finally:
        server.remove()
    slapd = SlapdServer(made(folder / "slapd"), ca)
    slapd.start()
    try:
        with placed(watch_places.on_ldap(slapd, ca.certificate, made(folder / "ldap"))) as place:
            yield to_alarm("OpenLDAP", place, runs)
    finally:
        slapd.stop()


def backlog(folder: Path, runs: int) -> Measured:
    """Deliver a backlog into a file, against writing the same lines and flushing them to disk."""
    home.create(folder, "bench").close()
    path, out, plain = folder / FILE_NAME, folder / "out.jsonl", folder / "plain.jsonl"
    destination = Destination("bench", "file", sinks.to_json(FileSink(name="file", path=str(out))))
    events = [voided(seq) for seq in range(1, EVENTS + 1)]
    taken = iter(range(1, 10**9, EVENTS))

    def queue_up() -> None:
        first, stored = next(taken), list[Row]()
        for place, event in enumerate(events):
            kept = structs.replace(event, id=f"{event.id}-{first}")
            stored += outbox.rows(first + place, [(kept.id, kept.time_ms, kept.to_bytes())], [destination])
        with Outbox(path) as box:
            box.store(stored)

    def ours() -> None:
        flush(path, due_only=False)

    def other() -> None:
        with plain.open("ab") as file:
            file.writelines(event.json + b"\n" for event in events)
            file.flush()
            os.fsync(file.fileno())

    measured = pairs(
        f"deliver a backlog of {EVENTS:,} alerts to a file",
        ours,
        "write and sync the same lines",
        other,
        runs,
        prepare=queue_up,
    )
    return replace(measured, figure=f"{EVENTS / measured.ours_s:,.0f} alerts/s")


def to_alarm(what: str, place: Place, runs: int) -> Measured:
    """Log in while a watch runs that asks every second, and wait for the alarm."""
    command = [PROGRAM, "--home", place.home, "watch", NAME, "--every", "1s", "--skew", "1s"]
    watch = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    secret = place.matrix.secret
    try:
        return pairs(
            f"{what}: login outside an opening to alarm, asked every second",
            lambda: seen(place, lambda: place.log_in(secret)), "the login", lambda: void(place.log_in(secret)), runs,
            prepare=lambda: time.sleep(PAUSE_S),
        )  # fmt: skip
    finally:
        watch.terminate()
        watch.wait(20)


def from_pam(place: Place, runs: int) -> Measured:
    """Let ``pam_exec`` tell of a login, against a hook that writes one line and tells nobody."""
    environment = {
        **os.environ, "PAM_USER": place.matrix.world.account, "PAM_TYPE": "open_session", "PAM_RHOST": "192.0.2.1",
    }  # fmt: skip
    command = [str(PROGRAM), "--home", str(place.home), "watch", NAME, "--from-pam", "--skew", "1s"]

    def hook() -> None:
        subprocess.run(command, env=environment, capture_output=True, check=False)

    def bare() -> None:
        subprocess.run([sys.executable, "-c", _SUMMARY], env=environment, capture_output=True, check=True)

    return pairs(
        "PAM: login outside an opening to alarm, by pam_exec", lambda: seen(place, hook), "a hook that writes a line",
        bare, runs, prepare=lambda: time.sleep(PAUSE_S),
    )  # fmt: skip


def seen(place: Place, log_in: object) -> None:
    """Log in, and return when one more alarm is in the file."""
    before = alarms(place)
    assert callable(log_in)
    log_in()
    end = time.monotonic() + LIMIT_S
    while alarms(place) == before:
        assert time.monotonic() < end, "no alarm"
        time.sleep(0.01)


def alarms(place: Place) -> int:
    """Return how many alarms the collector's file holds."""
    lines = place.out.read_text().splitlines() if place.out.exists() else []
    return sum(json.loads(line)["type_uid"] == 200401 for line in lines)


@contextlib.contextmanager
def placed(place: Place) -> Iterator[Place]:
    """Wait until what sealing asked accounts for nothing more; close at the end."""
    time.sleep(PAUSE_S)
    try:
        yield place
    finally:
        place.matrix.close()


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def void(_value: object) -> None:
    """Drop what a login returns."""

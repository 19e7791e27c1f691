# SPDX-License-Identifier: Apache-2.0
"""Long ledgers: verified by sample and in full, opened, and proven from, each against hashing the same bytes once.

A ledger here begins with the life of a set and goes on with a record an hour: three heartbeats, then a refused
attempt. It is made quickly, since only reading it is measured.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.ledger import clock, home, receipt, verify
from breakglass_shamir.ledger.store import Ledger
from tests.attacks.test_ledger_tampering import fill
from tests.benchmarks.pairs import Measured, pairs
from tests.benchmarks.quick_ledger import extend

SIZES = (1_000, 10_000, 100_000)
"""Records."""

FULL_SIZES = (1_000, 10_000)
"""Records where every signature is computed; half a millisecond each."""

BEAT = Heartbeat(every_s=7200)
ATTEMPT = Refused(stage="open", error="insufficient-shares", message="no quorum: expected any 3 of 5 sheets, got 2")

_ALL = "SELECT data, terminal_signature, quorum_signature, checkpoint FROM records ORDER BY seq"

_PEAK = """
import sys
from pathlib import Path
from breakglass_shamir.ledger import home, verify

def most():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024

with home.open_home(Path(sys.argv[1])) as ledger:
    before = most()
    verify.verify(ledger, full=False)
    print(before, most())
"""
"""Prints the most memory that the process had before and after, MiB.

Of this program alone: what getrusage(2) says begins with what the process had that started it.
"""


def long_ledgers(folder: Path, runs: int) -> Iterator[Measured]:
    """Measure ledgers of every size."""
    for size in SIZES:
        place = folder / f"ledger-{size}"
        build(place, size)
        with home.open_home(place) as ledger:
            yield by_sample(ledger, place, runs)
            if size in FULL_SIZES:
                yield in_full(ledger, 2)
            yield proof(ledger, runs)
        yield opening(place, runs)


def build(place: Path, size: int) -> None:
    """Make a ledger of so many records."""
    now = clock.now()
    start = datetime.fromisoformat(now.time)
    with home.create(place, "benchmark") as ledger, ExitStack() as stack:
        fill(ledger)
        hours = iter(range(1, size))

        def later() -> Moment:
            passed_s = 3600 * next(hours)
            time = (start + timedelta(seconds=passed_s)).isoformat().replace("+00:00", "Z")
            return Moment(time, now.boot, now.uptime_ms + 1000 * passed_s)

        stack.enter_context(patch.object(clock, "now", later))
        extend(ledger, size, body)


def body(number: int) -> AnyBody:
    """Return what the record of a number says: a refused attempt or a heartbeat."""
    return ATTEMPT if number % 4 == 0 else BEAT


def by_sample(ledger: Ledger, place: Path, runs: int) -> Measured:
    """Measure the verification of a long log as it is done by default."""
    found = pairs(
        f"audit of {ledger.size} records by sample: bytes, chain, tree, rules, quorums",
        lambda: _verify(ledger, full=False), "SHA-256 once over the same bytes, read from the same file",
        lambda: hash_all(ledger), runs,
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", _PEAK, str(place)], capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    rate = f"{ledger.size / found.ours_s:.0f} records/s"
    return replace(found, figure=f"{rate}; process {before} MiB when open, at most {after} MiB while verifying")


def in_full(ledger: Ledger, runs: int) -> Measured:
    """Measure the verification of every signature."""
    found = pairs(
        f"audit of {ledger.size} records in full: every signature and root", lambda: _verify(ledger, full=True),
        "SHA-256 once over the same bytes, read from the same file", lambda: hash_all(ledger), runs,
    )  # fmt: skip
    return replace(found, figure=f"{ledger.size / found.ours_s:.0f} records/s")


def proof(ledger: Ledger, runs: int) -> Measured:
    """Measure a receipt, made and read again, against hashing all that it proves from."""
    index = ledger.size // 3
    text = receipt.make(ledger, index).to_text()
    found = pairs(
        f"a receipt of a record among {ledger.size}: made, signed, read and verified",
        lambda: _prove(ledger, index), "SHA-256 once over the same bytes, read from the same file",
        lambda: hash_all(ledger), runs,
    )  # fmt: skip
    held = receipt.read_text(text)
    hashes = len(held.proof.hashes) if held.proof else 0
    return replace(found, figure=f"{len(text)} bytes, {hashes} hashes; {len(held.receipt.to_bytes())} in its code")


def opening(place: Path, runs: int) -> Measured:
    """Measure how long a command waits for a ledger to add up."""
    with home.open_home(place) as ledger:
        found = pairs(
            f"opening a ledger of {ledger.size} records", lambda: home.open_home(place).close(),
            "SHA-256 once over the same bytes, read from the same file", lambda: hash_all(ledger), runs,
        )  # fmt: skip
        return replace(found, figure=f"{found.ours_s / ledger.size * 1e6:.0f} microseconds a record")


def _verify(ledger: Ledger, *, full: bool) -> None:
    verify.verify(ledger, full=full)


def _prove(ledger: Ledger, index: int) -> None:
    receipt.read_text(receipt.make(ledger, index).to_text())


def hash_all(ledger: Ledger) -> None:
    """Hash every byte that is stored with the records of a ledger, once."""
    digest = hashlib.sha256()
    for data, *texts in ledger._connection.execute(_ALL):
        digest.update(data)
        for text in texts:
            digest.update(text.encode())
    digest.digest()

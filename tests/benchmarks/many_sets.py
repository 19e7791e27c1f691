# SPDX-License-Identifier: Apache-2.0
"""Start-up, and ``status`` of many sets, against the least that a Python program with click needs."""

import base64
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import Ledger
from tests.attacks.test_ledger_tampering import SOURCE
from tests.benchmarks.pairs import Measured, pairs, process
from tests.end_to_end.life import PROGRAM

SIZES = (1, 100, 1_000)
"""Sets."""

DUE = 7
"""What ``status`` exits with here: no sheet was read back."""

FLOOR = "`python -c 'import click'`"


def many_sets(folder: Path, runs: int) -> Iterator[Measured]:
    """Measure what loads no command, and the status of more and more sets."""
    for word in ("--version", "--help"):
        yield pairs(f"start-up: `breakglass {word}`", partial(process, [str(PROGRAM), word]), FLOOR, _floor, runs)
    for size in SIZES:
        place = folder / f"sets-{size}"
        build(place, size)
        command = [str(PROGRAM), "--home", str(place), "--json", "status"]
        found = pairs(
            f"`breakglass status` of {size} sets", partial(process, command, expected=DUE), FLOOR, _floor, runs
        )
        yield replace(found, figure=f"{found.ours_s / size * 1000:.1f} ms a set")


def build(place: Path, size: int) -> None:
    """Make a ledger of so many sets, each issued and not yet read back, in one transaction."""
    with home.create(place, "benchmark") as ledger, ledger.transaction():
        for number in range(size):
            _issue(ledger, f"set-{number}")


def _issue(ledger: Ledger, name: str) -> None:
    source = SOURCE.replace("prod-db", name)
    salted = policies.salted_digest(bytes(16), source)
    facts = Facts(Kind.LIVE, name, 1, Structure(1, (Group(2, 3),)), salted, Checkpoint(bytes(8), 0, bytes(32)))
    envelope = seal(facts, Secret(b"tinned beans")).envelope
    digest = policies.digest(source).hex()
    _add(ledger, PolicyAdopted(source=source, digest=digest), name)
    issued = Issued(
        epoch=1, epoch_id=envelope.core.epoch_id.hex(), predecessor="", set_public_key=envelope.set_public_key.hex(),
        envelope=base64.b64encode(envelope.to_bytes()).decode(), envelope_sha256=envelope.digest.hex(),
        drill_envelope="", drill_set_public_key="", custodians={"1.1": "North", "1.2": "South", "1.3": "East"},
        policy_digest=digest, policy_salt=bytes(16).hex(), proven="accepted",
    )  # fmt: skip
    _add(ledger, issued, name)


def _add(ledger: Ledger, body: AnyBody, set_name: str) -> None:
    entry, _ = ledger._make(body, set_name, "", None)
    ledger._insert(entry)
    ledger.catch_up()


def _floor() -> None:
    process([sys.executable, "-c", "import click"])

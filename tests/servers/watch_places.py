# SPDX-License-Identifier: Apache-2.0
"""Sealed sets on real targets for the watch, and ways to log in there around the program."""

import contextlib
import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_matrix import NAME, Matrix, World
from postgres_server import PostgresServer
from slapd_server import ROOT, ROOT_PASSWORD, SlapdServer

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.operations.monitoring.watch import Watch, Watching

PROGRAM = Path(sysconfig.get_path("scripts")) / "breakglass"
SKEW_S = 1
PAUSE_S = 2.3
"""Longer than twice the skew: what was recorded before it accounts for nothing after it."""


@dataclass
class Place:
    """A sealed set on a real target, and a way to log in there around the program."""

    matrix: Matrix
    log_in: Callable[[Secret], object]
    out: Path

    @property
    def home(self) -> Path:
        return self.matrix.folder / "home"

    def watch(self) -> Watching:
        """Look once, as the command does, with clocks that agree."""
        with recording(self.home) as watch:
            return watch.once()

    def bodies(self, kind: type[AnyBody]) -> list[Any]:
        return [body for body in self.matrix.entries() if isinstance(body, kind)]

    def findings(self) -> list[dict[str, Any]]:
        """Deliver what waits and return the alarms."""
        subprocess.run([PROGRAM, "--home", self.home, "alerts", "flush"], capture_output=True, check=False)
        told = [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []
        return [event for event in told if event["type_uid"] == 200401]


@contextlib.contextmanager
def recording(home: Path) -> Iterator[Watch]:
    from breakglass_shamir.cli.screen.terminal import Terminal
    from breakglass_shamir.operations.recorder import Recorder

    recorder = Recorder(homes.open_home(home, BESIDE), Terminal(home, as_json=True, color=False))
    recorder.set_name = NAME
    try:
        yield Watch(recorder, skew_s=SKEW_S)
    finally:
        recorder.close()


def sealed(world: World, folder: Path, log_in: Callable[[Secret], object]) -> Place:
    """Seal a set whose alerts go to a file."""
    return Place(Matrix(world, folder), log_in, folder / "alerts.jsonl")


def sink(folder: Path) -> str:
    """Return the rest of a policy: where alerts go."""
    return (
        f'[use]\nsnapshots = true\n[[alerts.sinks]]\nname = "file"\ntype = "file"\npath = "{folder / "alerts.jsonl"}"'
    )


def on_postgresql(server: PostgresServer, folder: Path) -> Place:
    """Seal the password of a role."""
    role = server.add_role(Secret(b"a7" + generate(24).reveal()))
    world = World(
        "postgresql", "postgresql://{address}/postgres", role, server.address, become=lambda s: server.become(role, s),
        opens=lambda s: server.lets_in(role, s), options=server.options, rotation=sink(folder),
        secret=Secret(b"a7" + generate(22).reveal()),
    )  # fmt: skip

    def log_in(secret: Secret) -> None:
        server.lets_in(role, secret)
        server.wait_until_written(role)

    return sealed(world, folder, log_in)


def on_ldap(slapd: SlapdServer, ca: Path, folder: Path) -> Place:
    """Seal the password of an entry."""
    account = slapd.add_account(generate(24))
    admin = folder / "admin"
    admin.write_text(f"#!/bin/sh\nprintf %s {ROOT_PASSWORD}\n")
    admin.chmod(0o700)
    host, port = slapd.uri.removeprefix("ldap://").rstrip("/").split(":")
    options = {"ca": str(ca), "time_limit": "5", "admin_account": ROOT, "admin": str(admin)}
    world = World(
        "ldap", "ldap://{address}", account, (host, int(port)), become=lambda s: replace_password(slapd, account, s),
        opens=lambda s: slapd.admits(account, s), options=options, rotation=sink(folder),
    )  # fmt: skip
    return sealed(world, folder, lambda s: slapd.admits(account, s))


def replace_password(slapd: SlapdServer, account: str, secret: Secret) -> None:
    slapd.modify(account, "replace: userPassword", f"userPassword: {secret.reveal().decode()}")

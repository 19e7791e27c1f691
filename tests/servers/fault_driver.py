# SPDX-License-Identifier: Apache-2.0
"""Runs commands of the program, each in a fork, and does something to them at a step boundary; see ``fault_matrix``.

    python fault_driver.py SCHEME [SCHEME=MODULE:CLASS ...]

The first argument is the target's scheme, the others are connectors that do not ship with the program.
Each line on standard input is a job: the command, where its sheets go, and a fault. Each line on standard output
is an event: ``pause`` with a boundary's name (the fork goes on when it reads a line), or ``done`` with the status
and what the command said. Everything is imported before the first fork, so that a run takes no start-up time.

A boundary is the instant before and after each step that outlives the process: a record made durable (and one
inside, where it is inserted but not committed), a file written, the target asked or changed.
"""

import errno
import functools
import importlib
import io
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import text_paper

IMPORTED = (
    "breakglass_shamir.cli.program",
    "breakglass_shamir.cli.rotation",
    "breakglass_shamir.cli.split",
    "breakglass_shamir.cli.printing",
    "breakglass_shamir.cli.receipts",
    "breakglass_shamir.cli.screen.code",
    "breakglass_shamir.cli.screen.failure",
    "breakglass_shamir.cli.screen.verdicts",
    "breakglass_shamir.cli.session",
    "breakglass_shamir.alerts.ocsf",
    "breakglass_shamir.alerts.tellings",
    "breakglass_shamir.alerts.translate",
    "breakglass_shamir.custody.life.watching",
    "breakglass_shamir.formats.likeness",
    "breakglass_shamir.formats.named_fields",
    "breakglass_shamir.operations.policy.loading",
    "breakglass_shamir.operations.printing.protocol",
    "breakglass_shamir.operations.credential.rotate",
    "breakglass_shamir.operations.credential.split",
    "breakglass_shamir.operations.credential.recombine",
    "breakglass_shamir.operations.printing.custodians",
    "Crypto.Cipher.AES",
    "Crypto.Cipher._mode_gcm",
    "Crypto.Cipher._mode_ctr",
    "Crypto.Cipher._mode_ecb",
    "Crypto.Hash.SHA1",
    "Crypto.IO.PEM",
    "Crypto.Protocol.KDF",
    "Crypto.PublicKey._edwards",
    "Crypto.Signature.eddsa",
    "encodings.idna",
    "tomllib",
    "breakglass_shamir.standalone.recover",
)
"""What the commands import when they run; imported once, before the first fork."""

DRIVERS = {
    "ad": "ldap", "aws-iam": "botocore.session", "keepass": "pykeepass", "ldap": "ldap", "mysql": "pymysql",
    "postgresql": "psycopg",
}  # fmt: skip
"""What else a connector of a scheme imports when it runs."""


class Run:
    """One fork: counts boundaries, and does what the job says at one of them."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.count = 0

    def passed(self, name: str) -> None:
        """Note a boundary; may pause, or not return at all."""
        job = self.job
        if name in job["pauses"] or job["pauses"] == ["all"]:
            tell(pause=name)
            sys.stdin.readline()
        if job["kill"] in (self.count, name):
            tell(killed=name)
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1

    def wrap(self, owner: Any, name: str, describe: Callable[..., str]) -> None:
        """Put a boundary before and after a function."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            step = describe(*args)
            self.passed(f"before {step}")
            result = inner(*args, **kwargs)
            self.passed(f"after {step}")
            return result

        setattr(owner, name, wrapped)

    def install(self) -> None:
        """Wrap every step, and put the faults in place."""
        from breakglass_shamir.connectors.port import base
        from breakglass_shamir.ledger.entry import Entry
        from breakglass_shamir.ledger.store import Ledger
        from breakglass_shamir.operations.printing import outlet

        insert = Ledger._insert

        def inserted(ledger: Ledger, entry: Entry) -> None:
            tag = str(entry.record.body.__struct_config__.tag)
            if self.job["full"] == f"record {tag}":
                raise sqlite3.OperationalError("database or disk is full")
            insert(ledger, entry)
            self.passed(f"inside record {tag}")

        self.wrap(Ledger, "append", lambda _ledger, body: f"record {body.__struct_config__.tag}")
        Ledger._insert = inserted  # type: ignore[method-assign, assignment]
        if self.job["full"] == "sheets":
            system: Any = os
            system.fsync = no_space
        self.wrap(outlet, "_write", lambda path, _pdf: f"write {path.name}")
        for method in ("rotate", "check", "open_sessions", "end_sessions", "issue"):
            self.wrap(base.Connector, method, lambda *_, word=method: f"connector.{word}")
        self.play_the_office()

    def play_the_office(self) -> None:
        """Scan what was printed the moment somebody waits for it."""
        from breakglass_shamir.operations.reading import gather

        watch, job = gather.watch, self.job

        def scanned(*args: Any, **kwargs: Any) -> Any:
            if job["scanner"] != "dead":
                unreadable = 1 if job["scanner"] == "blot" else 0
                text_paper.scan_folder(Path(job["out"]), Path(job["readback"]), unreadable=unreadable)
            return watch(*args, **kwargs)

        gather.watch = scanned
        if job["screen"]:
            self.play_the_screen(Path(job["screen"]))

    def play_the_screen(self, noted: Path) -> None:
        """Let people note what is shown."""
        from breakglass_shamir.cli.screen import reveal

        screen: Any = reveal
        screen.require = lambda _refusal, hint: None
        screen.show = lambda credential, _seconds: noted.write_bytes(credential.secret.reveal())


def no_space(_descriptor: int) -> None:
    """Stand in for fsync on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def tell(**event: Any) -> None:
    """Write one event."""
    os.write(1, json.dumps(event).encode() + b"\n")


def run(job: dict[str, Any]) -> int:
    """Run a command in this fork; returns its exit code."""
    from breakglass_shamir.cli.program import main

    Run(job).install()
    sys.argv = ["breakglass", *job["command"]]
    said = io.StringIO()
    code: Any = 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    tell(said=said.getvalue())
    return int(code)


def main_loop() -> None:
    """Fork for each job and say how it ended."""
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            status = 1
            with suppress(BaseException):
                status = run(json.loads(line))
            os._exit(status)
        _, waited = os.waitpid(child, 0)
        tell(done=os.waitstatus_to_exitcode(waited))


if __name__ == "__main__":
    text_paper.install()
    for module in IMPORTED:
        importlib.import_module(module)
    registry: Any = importlib.import_module("breakglass_shamir.connectors.registry")
    mine, *offers = sys.argv[1:]
    for offer in offers:
        scheme, _, location = offer.partition("=")
        registry.BUILT_IN[scheme] = location
    importlib.import_module(registry.BUILT_IN[mine].partition(":")[0])
    if mine in DRIVERS:
        importlib.import_module(DRIVERS[mine])
    main_loop()

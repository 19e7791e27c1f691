# SPDX-License-Identifier: Apache-2.0
"""A standby of the tests' PostgreSQL server, by streaming replication, that applies each change some time late."""

import shutil

from postgres_server import HOST, SUPERUSER, PostgresServer

from tests.ports import free_port


class PostgresStandby:
    """A running standby.

    Attributes:
        port: where it listens.
        target: its URI over TLS.
    """

    def __init__(self, primary: PostgresServer, delay_s: int) -> None:
        self._primary = primary
        self._folder = primary.folder / "standby"
        self.port = free_port()
        self.target = f"postgresql://{HOST}:{self.port}/postgres"
        source = ["-h", str(primary.folder), "-p", str(primary.port), "-U", SUPERUSER]
        primary.run("pg_basebackup", *source, "-D", str(self._folder), "-R", "-c", "fast", "--no-sync")
        settings = {
            "port": str(self.port), "recovery_min_apply_delay": f"{delay_s}s", "log_directory": str(self._folder),
        }  # fmt: skip
        self._settings = " ".join(f"-c {name}={value}" for name, value in settings.items())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = str(self._folder / "start.log")
        self._primary.run("pg_ctl", "-D", str(self._folder), "-l", log, "-o", self._settings, "-w", "start")

    def remove(self) -> None:
        """End it and remove its folder."""
        self._primary.run("pg_ctl", "-D", str(self._folder), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)

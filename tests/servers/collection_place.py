# SPDX-License-Identifier: Apache-2.0
"""A collection in a database of its own, and who logs in there."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from postgres_server import PostgresServer

from breakglass_shamir.collection import address, door, keeper
from breakglass_shamir.collection.keeper import Collector, Round
from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.collecting import keeping

SEED = Secret(bytes(range(32)))
PASSWORD = Secret(b"Xy7-long-enough-9")


def collector_of(seed: Secret = SEED, name: str = "collector.example/one") -> Collector:
    """Return a collector that has read nothing yet."""
    return Collector(name, seed, lambda: 1679315147)


@dataclass
class Place:
    """A collection in a database of its own."""

    server: PostgresServer
    name: str
    key: Path
    roles: tuple[str, str, str]
    """That log in as a terminal, a collector and an auditor."""

    one: Collector = field(default_factory=collector_of)

    def at(self, role: str) -> str:
        """Return the address at which a role logs in."""
        return f"postgresql://{role}@/{self.name}?host={self.server.folder}&port={self.server.port}"

    @property
    def owner(self) -> str:
        return self.at("postgres")

    @property
    def terminal(self) -> str:
        return self.at(self.roles[0])

    @property
    def collector(self) -> str:
        return self.at(self.roles[1])

    @property
    def auditor(self) -> str:
        return self.at(self.roles[2])

    @property
    def terminal_role(self) -> str:
        return self.roles[0]

    def collect(self, collector: Collector | None = None) -> Round:
        with address.connected(self.collector) as connection:
            return keeper.collect(connection, collector or self.one)

    def enrol(self, ledger: Ledger) -> None:
        with address.connected(self.collector) as connection:
            assert keeper.enrol(connection, ledger.public_key)

    def push(self, ledger: Ledger, rows: list[tuple[int, bytes, str, str, str]]) -> door.Pushed:
        with address.connected(self.terminal) as connection:
            return door.push(connection, ledger.public_key, rows)

    def asked(self, query: str) -> list[tuple[object, ...]]:
        with address.connected(self.auditor) as connection:
            return connection.execute(query.encode()).fetchall()

    def told_by_owner(self, statement: str, *values: object) -> None:
        """Let whoever owns the database do what no role may: its triggers are off."""
        with address.connected(self.owner) as connection:
            for table in ("told", "evidence", "cosigned", "records", "nodes"):
                connection.execute(f"ALTER TABLE breakglass_log.{table} DISABLE TRIGGER ALL".encode())
            connection.execute(statement.encode(), values)

    def kept(self, ledger: Ledger) -> list[tuple[object, ...]]:
        with address.connected(self.auditor) as connection:
            query = "SELECT * FROM breakglass_log.records WHERE log_id = %s ORDER BY seq"
            return [row[1:] for row in connection.execute(query, (ledger.log_id,)).fetchall()]

    def waiting(self) -> int:
        """Return how many rows of logs wait in staging."""
        with address.connected(self.collector) as connection:
            row = connection.execute(b"SELECT count(*) FROM breakglass_staging.pushed").fetchone()
        assert row is not None
        return int(row[0])

    def kinds(self) -> list[object]:
        return [kind for (kind,) in self.asked("SELECT kind FROM breakglass_log.evidence ORDER BY id")]


_KNOWN: dict[PostgresServer, tuple[str, tuple[str, str, str]]] = {}


def _prepared(server: PostgresServer) -> tuple[str, tuple[str, str, str]]:
    """Return a database with the schema, and three logins, made once for a server."""
    if server not in _KNOWN:
        template = f"t{random.randbytes(6).hex()}"
        server.admin(f"CREATE DATABASE {template}")
        keeping.prepare(f"postgresql://postgres@/{template}?host={server.folder}&port={server.port}")
        terminal, collector, auditor = (
            server.add_role(PASSWORD, f"LOGIN IN ROLE breakglass_{kind}")
            for kind in ("terminal", "collector", "auditor")
        )
        _KNOWN[server] = template, (terminal, collector, auditor)
    return _KNOWN[server]


@contextmanager
def made(server: PostgresServer, folder: Path) -> Iterator[Place]:
    """Make a collection; its logins take their passwords from the file ``passwords`` in the folder."""
    template, roles = _prepared(server)
    name = f"c{random.randbytes(6).hex()}"
    server.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
    passwords = folder / "passwords"
    passwords.write_text(f"*:*:*:*:{PASSWORD.reveal().decode()}\n")
    passwords.chmod(0o600)
    key = folder / "collector.vkey"
    key.write_text(f"{Cosigner('collector.example/one', keys.ed25519_public(SEED)).to_text()}\n")
    yield Place(server, name, key, roles)
    server.admin(f"DROP DATABASE {name} WITH (FORCE)")

# SPDX-License-Identifier: Apache-2.0
"""Rotations on PostgreSQL, MariaDB and a local account, broken at every step: some printed quorum still opens it."""

from functools import partial

import pytest
from fault_matrix import FaultMatrix, World
from linux_host import LinuxHost
from mariadb_server import MariadbServer
from postgres_server import PostgresServer

from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.hygiene import Secret

SHORT = {"time_limit": "3"}

POSTGRESQL_EXCHANGES = (0, 10, *range(18, 24), 30)
"""The handshake of TLS at its beginning, the logins, each exchange about the commit, and one long after it."""

MARIADB_EXCHANGES = (0, 6, *range(11, 16), 30)
"""So it is here."""


class TestPostgresqlFaults(FaultMatrix):
    """On PostgreSQL, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, postgres_server: PostgresServer) -> World:
        server = postgres_server
        role = server.add_role(Secret(b"a7" + generate(24).reveal()))
        return World(
            "postgresql", "postgresql://{address}/postgres", role, server.address, become=partial(server.become, role),
            opens=partial(server.lets_in, role), restart=server.restart, logs=[server.folder / "log"],
            options={**SHORT, "ca": str(server.ca)}, exchanges=POSTGRESQL_EXCHANGES,
        )  # fmt: skip


class TestMariadbFaults(FaultMatrix):
    """On MariaDB, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, mariadb_server: MariadbServer) -> World:
        server = mariadb_server
        account = server.add_account(generate(24))
        return World(
            "mysql", "mysql://{address}/", account, server.address, become=partial(server.become, account),
            opens=partial(server.lets_in, account), restart=server.restart, logs=[server.folder / "log"],
            options={**SHORT, "ca": str(server.ca)}, exchanges=MARIADB_EXCHANGES,
        )  # fmt: skip


class TestLinuxFaults(FaultMatrix):
    """On a local account; the judge compares with the shadow file, since su waits after each wrong password."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, linux_host: LinuxHost) -> World:
        host = linux_host
        account = host.add_account(generate(24))
        return World(
            "linux", f"linux:///{account}", "", None, become=partial(host.become, account),
            opens=partial(host.has, account), options={"time_limit": "10"},
        )  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""Make the contract suite and the servers of this folder importable by the tests beside it.

Servers start when the first test of a worker asks for one, and live as long as the worker.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mariadb_server import MariadbServer
from postgres_server import PostgresServer, program
from throwaway_ca import ThrowAwayCa


@pytest.fixture(scope="session")
def throwaway_ca(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> ThrowAwayCa:
    """An authority that every directory server's certificate comes from."""
    need("openssl")
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def postgres_server(need: Callable[[str], str], throwaway_ca: ThrowAwayCa) -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    for name in ("psql", program("initdb"), program("pg_ctl")):
        need(name)
    server = PostgresServer(throwaway_ca)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mariadb_server(need: Callable[[str], str], throwaway_ca: ThrowAwayCa) -> Iterator[MariadbServer]:
    """A MariaDB server."""
    for name in ("mariadb", "mariadb-install-db", "/usr/sbin/mariadbd"):
        need(name)
    server = MariadbServer(throwaway_ca)
    server.start()
    yield server
    server.remove()

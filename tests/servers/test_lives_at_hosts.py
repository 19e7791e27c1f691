# SPDX-License-Identifier: Apache-2.0
"""From sheet to login to new sheet, at PostgreSQL, MariaDB and this machine, by the program as people run it."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from connector_contract import eventually
from linux_host import LinuxHost
from mariadb_server import MariadbServer
from postgres_server import PostgresServer
from postgres_standby import PostgresStandby
from target_life import Place, live_through

from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.rotations import Waited
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret


@pytest.fixture
def secret() -> Secret:
    return Secret(b"a7" + generate(24).reveal())


@pytest.fixture
def role(postgres_server: PostgresServer, secret: Secret) -> Iterator[str]:
    yield postgres_server.add_role(secret)
    postgres_server.end_sessions()


@pytest.fixture
def account(mariadb_server: MariadbServer, secret: Secret) -> Iterator[str]:
    yield mariadb_server.add_account(secret, method="ed25519")
    mariadb_server.end_sessions()


@pytest.fixture
def user(linux_host: LinuxHost, secret: Secret) -> Iterator[str]:
    yield linux_host.add_account(secret)
    linux_host.end_sessions()


def test_a_role_of_postgresql(postgres_server: PostgresServer, role: str, secret: Secret, tmp_path: Path) -> None:
    server = postgres_server
    place = Place(
        server.target, role, secret, server.options, partial(server.lets_in, role), partial(server.log_in, role),
        server.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


@pytest.fixture
def standby(postgres_server: PostgresServer) -> Iterator[PostgresStandby]:
    server = PostgresStandby(postgres_server, delay_s=2)
    server.start()
    yield server
    server.remove()


def test_a_standby_that_lags_is_waited_for(
    postgres_server: PostgresServer, standby: PostgresStandby, secret: Secret, tmp_path: Path
) -> None:
    """The old credential is dead when the last endpoint refuses it, and not before."""
    server, role = postgres_server, postgres_server.add_role(secret)
    assert eventually(lambda: server.lets_in(role, secret, standby.port))
    endpoints = json.dumps([server.target, standby.target])
    place = Place(
        server.target, role, secret, server.options, partial(server.lets_in, role), partial(server.log_in, role),
        rotation=f"endpoints = {endpoints}",
    )  # fmt: skip
    life = live_through(place, tmp_path)
    assert not server.lets_in(role, secret, standby.port)
    waited = [entry.record.body for entry in life.entries() if isinstance(entry.record.body, Waited)]
    assert [standby.target in body.what for body in waited] == [True]
    server.end_sessions()


def test_a_standby_is_told_from_a_server_that_takes_changes(
    postgres_server: PostgresServer, standby: PostgresStandby, secret: Secret
) -> None:
    role, new = postgres_server.add_role(secret), Secret(b"a7" + generate(24).reveal())
    assert eventually(lambda: postgres_server.lets_in(role, secret, standby.port))
    connector = connector_for(standby.target, role, postgres_server.options)
    assert any("standby" in problem for problem in connector.preflight(new, secret).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(secret, new)
    assert postgres_server.lets_in(role, secret)


def test_an_account_of_mariadb(mariadb_server: MariadbServer, account: str, secret: Secret, tmp_path: Path) -> None:
    server = mariadb_server
    place = Place(
        server.target, account, secret, server.options, partial(server.lets_in, account),
        partial(server.log_in, account), server.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


def test_a_local_account(linux_host: LinuxHost, user: str, secret: Secret, tmp_path: Path) -> None:
    host = linux_host
    place = Place(
        f"linux:///{user}", "", secret, {"time_limit": "10"}, partial(host.lets_in, user), partial(host.log_in, user)
    )
    live_through(place, tmp_path)

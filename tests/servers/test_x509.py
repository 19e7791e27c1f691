# SPDX-License-Identifier: Apache-2.0
"""Keys with their certificates at PostgreSQL and nginx: what is refused for itself, and what must never pass for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from certificate_places import Authority, CertifiedNginx, CertifiedPostgres, serial_of
from connector_contract import ConnectorContract, Stage
from local_server import free_port
from target_life import Place, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError, DecryptionFailed
from breakglass_shamir.hygiene import Secret


@pytest.fixture(scope="module")
def clients() -> Iterator[Authority]:
    made = Authority()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def postgres(throwaway_ca: ThrowAwayCa, clients: Authority) -> Iterator[CertifiedPostgres]:
    server = CertifiedPostgres(throwaway_ca, clients)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def nginx(throwaway_ca: ThrowAwayCa, clients: Authority) -> Iterator[CertifiedNginx]:
    server = CertifiedNginx(throwaway_ca, clients)
    server.start()
    yield server
    server.remove()


class Notes:
    """What a connector is lent for a rotation, with a memory."""

    def __init__(self, left: tuple[str, ...] = ()) -> None:
        self.made: list[str] = []
        self.back: list[str] = []
        self.key = "sheets in force"
        self.making = Making(left, self._made, self.back.append, self._seal, self._unseal)

    def _made(self, public_id: str, ends: datetime) -> None:
        assert ends.tzinfo is not None
        self.made.append(public_id)

    def _seal(self, secret: Secret) -> bytes:
        return self.key.encode() + bytes(one ^ 0x55 for one in secret.reveal())

    def _unseal(self, data: bytes) -> Secret:
        if not data.startswith(self.key.encode()):
            raise DecryptionFailed("other sheets")
        return Secret(bytes(one ^ 0x55 for one in data[len(self.key) :]))


def issued(connector: Connector, current: Secret, left: tuple[str, ...] = ()) -> tuple[Secret, Notes]:
    notes = Notes(left)
    connector.making = notes.making
    return connector.issue(current), notes


class _Contract(ConnectorContract):
    """The contract; a new certificate is live from its signature on, so that what fails leaves it as it is."""

    def test_rotation_under_a_wrong_old_credential_changes_nothing(self, stage: Stage) -> None:
        with pytest.raises(ConnectorError, match="unchanged"):
            stage.connector.rotate(stage.wrong, stage.new)
        for one in (stage.right, stage.new):
            assert stage.connector.check(one).result is CheckResult.ACCEPTED


class TestX509Postgresql(_Contract):
    """A client certificate of a role."""

    @pytest.fixture
    def stage(self, postgres: CertifiedPostgres, clients: Authority) -> Stage:
        role = postgres.add_client()
        right, wrong = clients.issue(role), clients.issue("somebody else")
        connector = connector_for(postgres.target, role, postgres.options)
        return Stage(connector, right, wrong, issued(connector, right)[0])

    @pytest.fixture
    def unreachable(self, postgres: CertifiedPostgres, stage: Stage) -> Connector:
        return connector_for(f"x509-postgresql://127.0.0.1:{free_port()}/", stage.connector.account, postgres.options)


class TestX509Https(_Contract):
    """A client certificate for a page."""

    @pytest.fixture
    def stage(self, nginx: CertifiedNginx, clients: Authority) -> Stage:
        right, wrong = clients.issue("operator"), clients.issue("operator")
        clients.write_list(serial_of(wrong))
        nginx.reload()
        connector = connector_for(nginx.target, "operator", nginx.options)
        return Stage(connector, right, wrong, issued(connector, right)[0])

    @pytest.fixture
    def unreachable(self, nginx: CertifiedNginx, stage: Stage) -> Connector:
        return connector_for(f"x509-https://127.0.0.1:{free_port()}/", "operator", nginx.options)

# SPDX-License-Identifier: Apache-2.0
"""The fault matrix on the embedded default and on a small server of our own."""

from collections.abc import Callable, Iterator

import pytest
from fault_matrix import FaultMatrix, World
from toy_target import ToyServer

from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.hygiene import Secret


class TestSshKeyFaults(FaultMatrix):
    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> World:
        need("ssh-keygen")
        key = tmp_path_factory.mktemp("key") / "id"

        def become(secret: Secret) -> None:
            for path in key.parent.iterdir():
                path.unlink()
            made = run_ssh_keygen(["-q", "-t", "ed25519", "-a", "1", "-f", str(key)], [secret, secret])
            assert made.status == 0, made.complaint

        return World(
            "ssh-key",
            f"ssh-key://{key}",
            "",
            None,
            become,
            lambda secret: run_ssh_keygen(["-y", "-f", str(key)], [secret]).status == 0,
            options={},
            whole=True,
        )


class TestServerFaults(FaultMatrix):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[ToyServer]:
        server = ToyServer("none yet")
        server.start()
        yield server
        server.stop()

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, server: ToyServer) -> World:
        def restart() -> None:
            server.stop()
            server.start()

        return World(
            "toy", "toy://{address}", "breakglass", ("127.0.0.1", server.port),
            lambda secret: server.become(secret.reveal().decode()),
            lambda secret: server.opens(secret.reveal().decode()),
            restart, offers=["toy=toy_target:ToyConnector"],
        )  # fmt: skip

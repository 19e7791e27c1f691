# SPDX-License-Identifier: Apache-2.0
"""Rotations on MySQL, broken at every step: some printed quorum still opens it."""

from functools import partial

import pytest
from fault_matrix import FaultMatrix, World
from mysql_server import MysqlServer

from breakglass_shamir.custody.policy.generator import generate

EXCHANGES = (0, 8, *range(15, 21), 30)
"""The handshake of TLS at its beginning, each exchange about the change, and one long after it."""


class TestMysqlFaults(FaultMatrix):
    """On MySQL, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, mysql_server: MysqlServer) -> World:
        server = mysql_server
        account = server.add_account(generate(24))
        return World(
            "mysql 9", "mysql://{address}/", account, server.address, become=partial(server.become, account),
            opens=partial(server.lets_in, account), restart=server.restart, logs=[server.folder / "log"],
            options={"time_limit": "3", "ca": str(server.ca)}, exchanges=EXCHANGES,
        )  # fmt: skip

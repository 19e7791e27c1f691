# SPDX-License-Identifier: Apache-2.0
"""Make the contract suite and the servers of this folder importable by the tests beside it.

Servers start when the first test of a worker asks for one, and live as long as the worker. MySQL's is not in Debian's
stable release: where ``make mysql`` did not fetch it, its tests are skipped, in continuous integration too.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aws_cloud import AwsCloud
from collection_place import Place
from collection_place import made as made_collection
from kdc_server import KdcServer
from linux_host import LinuxHost
from mariadb_server import MariadbServer
from mysql_server import MysqlServer
from openbao_keys_server import OpenBaoKeysServer
from openbao_server import OpenBaoServer
from openbao_server import program as bao_program
from postgres_server import PostgresServer, program
from redis_server import RedisServer
from samba_server import SambaServer
from slapd_server import SlapdServer
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


@pytest.fixture(scope="session")
def mysql_server(throwaway_ca: ThrowAwayCa) -> Iterator[MysqlServer]:
    """A MySQL server."""
    if not Path(MysqlServer.program).exists():
        pytest.skip("no MySQL server was fetched; make mysql does")
    server = MysqlServer(throwaway_ca)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def place(postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A collection in a database of its own."""
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passwords"))
    with made_collection(postgres_server, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def slapd(
    need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, throwaway_ca: ThrowAwayCa
) -> Iterator[SlapdServer]:
    """An OpenLDAP server."""
    for name in ("/usr/sbin/slapd", "/usr/sbin/slapadd", "ldapadd", "ldapmodify", "ldapwhoami"):
        need(name)
    server = SlapdServer(tmp_path_factory.mktemp("slapd"), throwaway_ca)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def samba(
    need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, throwaway_ca: ThrowAwayCa, worker_id: str
) -> Iterator[SambaServer]:
    """A Samba Active Directory domain; its ports belong to root."""
    for name in ("/usr/sbin/samba", "samba-tool", "rpcclient"):
        need(name)
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("a domain controller's ports need root")
    folder = tmp_path_factory.getbasetemp()
    shared = (folder if worker_id == "master" else folder.parent) / "samba-domain"
    server = SambaServer(tmp_path_factory.mktemp("samba"), shared, throwaway_ca)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kdc(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KdcServer]:
    """An MIT Kerberos realm."""
    for name in (
        *(f"/usr/sbin/{one}" for one in ("krb5kdc", "kadmind", "kdb5_util", "kadmin.local")),
        "kinit",
        "kpasswd",
        "kadmin",
    ):
        need(name)
    server = KdcServer(tmp_path_factory.mktemp("kdc"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def linux_host(need: Callable[[str], str]) -> Iterator[LinuxHost]:
    """This machine, with throw-away accounts."""
    for name in ("chpasswd", "useradd", "userdel", "su", "perl", "/bin/login"):
        need(name)
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("a local account can be made by root only")
    host = LinuxHost()
    yield host
    host.remove()


@pytest.fixture(scope="session")
def openbao(need: Callable[[str], str], throwaway_ca: ThrowAwayCa) -> Iterator[OpenBaoServer]:
    """An OpenBao server."""
    need(str(bao_program()))
    server = OpenBaoServer(throwaway_ca)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def openbao_keys(need: Callable[[str], str], throwaway_ca: ThrowAwayCa) -> Iterator[OpenBaoKeysServer]:
    """An OpenBao server that is unsealed by one key."""
    need(str(bao_program()))
    server = OpenBaoKeysServer(throwaway_ca)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_server(need: Callable[[str], str], throwaway_ca: ThrowAwayCa) -> Iterator[RedisServer]:
    """A Redis server whose accounts are in a file."""
    for name in (RedisServer.program, "redis-cli"):
        need(name)
    server = RedisServer(throwaway_ca)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def aws_cloud(throwaway_ca: ThrowAwayCa) -> Iterator[AwsCloud]:
    """IAM and STS."""
    cloud = AwsCloud(throwaway_ca)
    cloud.start()
    yield cloud
    cloud.remove()

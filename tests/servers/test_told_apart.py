# SPDX-License-Identifier: Apache-2.0
"""A login near the program's own check: on each real server told apart by what its log has, or said to be near.

A whole rotation is run, then somebody logs in beside it, and the watch looks. Each of the program's logins, right and
wrong, is its own; the stranger's is unmatched, though it lies within the clocks' difference of a check.
"""

import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fault_matrix import Matrix, World
from kdc_server import KdcServer
from linux_host import LinuxHost
from mariadb_server import HOST, SEEN, UNSEEN, MariadbServer
from postgres_server import PostgresServer
from samba_server import BASE, TLS_PORT, SambaServer
from slapd_server import ROOT, ROOT_PASSWORD, SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.port.cost import bill
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.monitoring import Asked, LoginSeen
from breakglass_shamir.hygiene import Secret


def seen_by_the_watch(world: World, folder: Path) -> tuple[list[LoginSeen], list[Asked]]:
    """Rotate, log in once by other means, and let the watch look twice; returns what it saw since."""
    lab = Matrix(world, folder)
    try:
        lab.begin()
        lab.run("watch", "target", "--once")
        before = len(lab.entries())
        assert lab.rotate().status == 0
        (new,) = lab.on_paper()
        assert world.opens(new)
        lab.run("watch", "target", "--once")
        lab.run("watch", "target", "--once")
        bodies = lab.entries()[before:]
        return [body for body in bodies if isinstance(body, LoginSeen)], [b for b in bodies if isinstance(b, Asked)]
    finally:
        lab.close()


def told_apart(world: World, folder: Path, *, wrong_too: bool = True) -> tuple[list[LoginSeen], list[LoginSeen]]:
    """Hold that each login of the program is its own, and no other; returns these and those."""
    logins, asked = seen_by_the_watch(world, folder)
    own = [login for login in logins if login.matched == "own"]
    others = [login for login in logins if login.matched != "own" and login.accepted]
    cost = bill(connector_for(world.uri.format(address="127.0.0.1"), world.account).costs)
    rights = [login for login in own if login.accepted]
    assert len(rights) == cost.right, logins
    assert len(own) - len(rights) == (cost.wrong if wrong_too else 0), logins
    assert len(asked) == cost.right + cost.wrong
    assert others
    assert {login.matched for login in others} == {""}
    assert all("near this program's check" in login.detail for login in others)
    assert all("none of its logins" in login.detail for login in others)
    return own, others


def test_postgresql_by_a_name_and_by_the_port(postgres_server: PostgresServer, tmp_path: Path) -> None:
    server = postgres_server
    role = server.add_role(Secret(b"a7" + generate(24).reveal()))
    log = str(server.folder / "log/*.csv")
    world = World(
        "postgresql", f"postgresql://{server.address[0]}:{server.address[1]}/postgres", role, None,
        become=partial(server.become, role), opens=partial(server.lets_in, role),
        options={"time_limit": "5", "ca": str(server.ca), "log": log},
    )  # fmt: skip
    own, _ = told_apart(world, tmp_path)
    assert len({login.mark for login in own}) == len(own)
    assert all(login.mark.startswith("name " if login.accepted else "port ") for login in own)


def test_postgresql_behind_a_proxy_by_the_name_alone(postgres_server: PostgresServer, tmp_path: Path) -> None:
    server = postgres_server
    role = server.add_role(Secret(b"a7" + generate(24).reveal()))
    world = World(
        "postgresql", "postgresql://{address}/postgres", role, server.address, become=partial(server.become, role),
        opens=partial(server.lets_in, role),
        options={"time_limit": "5", "ca": str(server.ca), "log": str(server.folder / "log/*.csv")},
    )  # fmt: skip
    logins, _ = seen_by_the_watch(world, tmp_path)
    assert [login.matched for login in logins if login.accepted].count("own") == 8
    # Its port is not the one that the server saw: not all of the program's logins were found, and nothing is sure.
    assert {login.matched for login in logins if login.matched != "own"} == {"near"}


@pytest.mark.parametrize("name", ["audit.log", "general.log"])
def test_mariadb_by_the_number_of_the_connection(mariadb_server: MariadbServer, tmp_path: Path, name: str) -> None:
    server = mariadb_server
    account = server.add_account(generate(24), "", "ed25519")

    def become(secret: Secret) -> None:
        kept = f"ed25519 USING PASSWORD('{secret.reveal().decode()}')"
        server.admin(f"{UNSEEN}ALTER USER {account}@'{HOST}' IDENTIFIED VIA {kept}", SEEN)

    log = str(server.folder / "log" / name)
    world = World(
        "mysql", "mysql://{address}/", account, server.address, become=become, opens=partial(server.lets_in, account),
        options={"time_limit": "5", "ca": str(server.ca), "log": log},
    )  # fmt: skip
    told_apart(world, tmp_path)


def test_openldap_by_a_name_in_a_control(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    dn, admin = slapd.add_account(generate(24)), tmp_path / "admin"
    admin.write_text(f"#!/bin/sh\nprintf %s {ROOT_PASSWORD}\n")
    admin.chmod(0o700)
    options = {
        "time_limit": "5", "ca": str(throwaway_ca.certificate), "access_log": "cn=accesslog", "admin_account": ROOT,
        "admin": str(admin),
    }  # fmt: skip
    world = World(
        "ldap", "ldap://{address}", dn, (slapd.host, slapd.port), lambda secret: slapd.set_password(dn, secret),
        lambda secret: slapd.admits(dn, secret), options=options,
    )  # fmt: skip
    (tmp_path / "set").mkdir()
    told_apart(world, tmp_path / "set")


def test_active_directory_by_the_port(samba: SambaServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    samba.modify(BASE, minPwdAge="0", pwdHistoryLength="0", pwdProperties="0")
    name = samba.add_account(generate(24))
    options = {
        "time_limit": "10", "ca": str(throwaway_ca.certificate), "ntlm_minutes": "0",
        "audit_log": str(samba.audit_log),
    }  # fmt: skip
    world = World(
        "ad", f"ad://{samba.host}:{TLS_PORT}", name, None, lambda secret: samba.set_password(name, secret),
        lambda secret: samba.admits_by_ntlm(name, secret), options=options,
    )  # fmt: skip
    told_apart(world, tmp_path)


def test_a_kdc_by_the_second_of_the_ticket(kdc: KdcServer, tmp_path: Path) -> None:
    policy = kdc.add_policy("apart", "-maxfailure 9")
    name = kdc.add_account(generate(24), policy)
    options = {**kdc.options, "time_limit": "10", "kdc_log": str(kdc.kdc_log)}

    def become(secret: Secret) -> None:
        kdc.admin(f"modprinc -clearpolicy {name}")
        kdc.set_password(name, secret)
        kdc.admin(f"modprinc -policy {policy} {name}")

    world = World("kerberos", kdc.uri, name, None, become, lambda secret: kdc.admits(name, secret), options=options)
    told_apart(world, tmp_path)


@pytest.fixture
def login_by_pam() -> Iterator[str]:
    """A PAM service that asks for the password and tells the log; removed after the test."""
    path = Path("/etc/pam.d") / f"bg-{os.getpid()}-apart"
    path.write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    yield path.name
    path.unlink(missing_ok=True)


@pytest.fixture
def auth_log(tmp_path: Path) -> Iterator[Path]:
    """What this machine's programs tell its log, in a file: a log service for the length of a test."""
    place, log = Path("/dev/log"), tmp_path / "auth.log"
    if os.path.lexists(place):
        pytest.skip("this machine has a log service")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        place.chmod(0o666)
        log.touch()
        thread = threading.Thread(target=written_down, args=(listener, log), daemon=True)
        thread.start()
        yield log
        place.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listener.getsockname()) if place.exists() else listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def written_down(listener: socket.socket, log: Path) -> None:
    """Write each message as a log service does: the time, the machine, who said what."""
    while said := listener.recv(65536):
        words = said.decode(errors="replace").rstrip("\0\n").partition(">")[2]
        with log.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} host {words[16:]}\n")


def test_a_host_by_the_process(linux_host: LinuxHost, tmp_path: Path, login_by_pam: str, auth_log: Path) -> None:
    """A login that PAM lets in leaves no line without a session, so that whoever has one is somebody else."""
    account = linux_host.add_account(generate(24))
    world = World(
        "linux", f"linux:///{account}", "", None, become=partial(linux_host.become, account),
        opens=partial(linux_host.lets_in, account),
        options={"time_limit": "10", "service": login_by_pam, "log": str(auth_log)},
    )  # fmt: skip
    (tmp_path / "set").mkdir()
    logins, asked = seen_by_the_watch(world, tmp_path / "set")
    own = [login for login in logins if login.matched == "own"]
    cost = bill(connector_for(world.uri).costs)
    assert len(asked) == cost.all
    assert len(own) == cost.wrong
    assert own[0].mark in {mark for one in asked for mark in one.marks}
    assert {login.matched for login in logins if login.accepted} == {""}

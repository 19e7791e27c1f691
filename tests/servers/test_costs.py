# SPDX-License-Identifier: Apache-2.0
"""What the program's own questions cost: counted on the real servers, and held against what they can afford.

A whole rotation is run at each server, as people run it. What it costs is counted in the server's own log, and must be
what the connector declares and docs/targets.md says. Then the limits are set so that it fits exactly, and so that it
does not, by one; and so that a single refused login would lock the account.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fault_matrix import Ended, Matrix, World
from kdc_server import REALM, KdcServer
from linux_host import LinuxHost
from mariadb_server import HOST, SEEN, UNSEEN, MariadbServer
from openbao_server import OpenBaoServer
from postgres_server import PostgresServer
from redis_server import RedisServer
from samba_server import BASE, TLS_PORT, SambaServer
from slapd_server import SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.mysql import rules as mysql_rules
from breakglass_shamir.connectors.port.cost import Bill, bill
from breakglass_shamir.connectors.registry import BUILT_IN, connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.hygiene import Secret

DOCS = Path(__file__).parents[2] / "docs" / "targets.md"


@contextmanager
def at(world: World, folder: Path) -> Iterator[Matrix]:
    """A sealed set at a server."""
    made = Matrix(world, folder)
    try:
        yield made
    finally:
        made.close()


def costs_of(scheme: str) -> Bill:
    """Return what a connector declares for a whole rotation."""
    accounts = {"ldap": "cn=x", "ad": "x", "linux": ""}
    uris = {"linux": "linux:///x", "kerberos": "kerberos://h/R", "ldap": "ldap://h", "ad": "ad://h"}
    uri = uris.get(scheme, f"{scheme}://h/")
    return bill(connector_for(uri, accounts.get(scheme, "x")).costs)


def counted(log: bytes, before: int, right: str, wrong: str) -> tuple[int, int]:
    """Count logins in what a log got since: those that were let in, and those that were not."""
    text = log[before:].decode(errors="replace")
    return len(re.findall(right, text)), len(re.findall(wrong, text))


def rotated(lab: Matrix) -> Ended:
    ended = lab.rotate()
    assert ended.status == 0, ended.said
    lab.proven()
    return ended


def proof_of_the_end(lab: Matrix) -> str:
    (dead,) = (body for body in lab.entries() if isinstance(body, OldDead))
    (old,) = (proof for proof in dead.proofs if "old: " in proof)
    return old


def nothing_was_printed(lab: Matrix) -> bool:
    return len([body for body in lab.entries() if isinstance(body, Issued)]) == 1 and not lab.sheets(2).exists()


# --- a whole rotation, counted -----------------------------------------------------------------------------


def ldap_world(slapd: SlapdServer, ca: ThrowAwayCa, policy: str = "", **options: str) -> World:
    dn = slapd.add_account(generate(24), policy)
    return World(
        "ldap", "ldap://{address}", dn, (slapd.host, slapd.port), lambda secret: slapd.set_password(dn, secret),
        lambda secret: slapd.admits(dn, secret), options={"time_limit": "5", "ca": str(ca.certificate), **options},
    )  # fmt: skip


def mariadb_world(server: MariadbServer, rest: str = "", method: str = "mysql_native_password") -> World:
    account = server.add_account(generate(24), rest, method)

    def become(secret: Secret) -> None:
        kept = f"{method} USING PASSWORD('{secret.reveal().decode()}')"
        server.admin(f"{UNSEEN}ALTER USER {account}@'{HOST}' IDENTIFIED VIA {kept}", "FLUSH USER_RESOURCES", SEEN)

    return World(
        "mysql", "mysql://{address}/", account, server.address, become=become,
        opens=partial(server.lets_in, account), options={"time_limit": "5", "ca": str(server.ca)},
    )  # fmt: skip


def test_openldap(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    world = ldap_world(slapd, throwaway_ca)
    with at(world, tmp_path) as lab:
        lab.begin()
        time.sleep(1.1)  # slapd takes a second change in one second for an entry of its history that is there already
        before = len(slapd.log())
        said = rotated_only(lab).said
        tries, cost = (
            len(re.findall(f'BIND dn="{world.account}" method=128', since(slapd.log(), before))),
            costs_of("ldap"),
        )
        mech = len(re.findall(f'BIND dn="{world.account}" mech=SIMPLE', since(slapd.log(), before)))
    assert (mech, tries - mech) == (cost.right, cost.wrong)
    assert cost.in_words in said


def since(log: bytes, before: int) -> str:
    return log[before:].decode(errors="replace")


def rotated_only(lab: Matrix) -> Ended:
    """Rotate, and ask nothing else of the server."""
    ended = lab.rotate()
    assert ended.status == 0, ended.said
    return ended


def test_mariadb(mariadb_server: MariadbServer, tmp_path: Path) -> None:
    world, cost = mariadb_world(mariadb_server), costs_of("mysql")
    audit, general = (mariadb_server.folder / "log" / name for name in ("audit.log", "general.log"))
    with at(world, tmp_path) as lab:
        lab.begin()
        before, asked = audit.stat().st_size, general.stat().st_size
        rotated_only(lab)
        found = counted(
            audit.read_bytes(), before, f",{world.account},.*,CONNECT,", f",{world.account},.*,FAILED_CONNECT,"
        )
        statements = statements_of(since(general.read_bytes(), asked), world.account)
    assert found == (cost.right, cost.wrong)
    assert statements == mysql_rules.STATEMENTS["MariaDB"]


def statements_of(log: str, account: str) -> int:
    """Count the statements of an account's connections in a general log."""
    numbers = set(re.findall(rf"(\d+) Connect\t{account}@", log))
    return len([number for number in re.findall(r"(\d+) Query\t", log) if number in numbers])


def test_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> None:
    world, cost = postgres_world(postgres_server), costs_of("postgresql")
    with at(world, tmp_path) as lab:
        lab.begin()
        before = len(postgres_log(postgres_server))
        rotated_only(lab)
        log = postgres_log(postgres_server)
    found = counted(log, before, f"connection authorized: user={world.account} ", f'failed for user ""?{world.account}')
    assert found == (cost.right, cost.wrong)


def test_approle_of_openbao(openbao: OpenBaoServer, tmp_path: Path) -> None:
    """By the audit file: logins that were let in, and refused ones of the mount, of which there are no others."""
    role = openbao.add_role(generate(24))
    world = World(
        "openbao-approle", "openbao-approle://{address}", role, openbao.address,
        become=partial(openbao.only_secret_id, role), opens=partial(openbao.role_in, role),
        options={"time_limit": "5", "ca": str(openbao.ca)}, kind="token",
    )  # fmt: skip
    cost = costs_of("openbao-approle")
    with at(world, tmp_path) as lab:
        lab.begin()
        since_when = datetime.now(UTC)
        before = openbao.audit.stat().st_size
        rotated_only(lab)
        lines = [json.loads(line) for line in openbao.audit.read_bytes()[before:].splitlines()]
        right = len(connector_for(openbao.target("approle"), role, openbao.options).logins_since(since_when))
    answers = [one for one in lines if one["type"] == "response" and one["request"]["path"] == "auth/approle/login"]
    assert (right, len([one for one in answers if one.get("error")])) == (cost.right, cost.wrong)


def test_userpass_of_openbao(openbao: OpenBaoServer, tmp_path: Path) -> None:
    """By the audit file, in which every login of the account counts, whatever its port: a proxy stands between."""
    account = openbao.add_account(generate(24))
    world = World(
        "openbao-userpass", "openbao-userpass://{address}", account, openbao.address,
        become=partial(openbao.become, account), opens=partial(openbao.lets_in, account),
        options={"time_limit": "5", "ca": str(openbao.ca)},
    )  # fmt: skip
    cost = costs_of("openbao-userpass")
    connector = connector_for(openbao.target(), account, openbao.options)
    with at(world, tmp_path) as lab:
        lab.begin()
        since_when = datetime.now(UTC)
        rotated_only(lab)
        found = [login.accepted for login in connector.logins_since(since_when)]
    assert (found.count(True), found.count(False)) == (cost.right, cost.wrong)


def test_redis(redis_server: RedisServer, tmp_path: Path) -> None:
    """By the server's own count of ``AUTH``, of which no other client logs in as anything meanwhile."""
    account = redis_server.add_account(generate(24))
    world = World(
        "redis", "redis://{address}", account, redis_server.address, become=partial(redis_server.become, account),
        opens=partial(redis_server.lets_in, account), options={"time_limit": "5", "ca": str(redis_server.ca)},
    )  # fmt: skip
    cost = costs_of("redis")
    with at(world, tmp_path) as lab:
        lab.begin()
        redis_server.admin("CONFIG RESETSTAT")
        rotated_only(lab)
        told = re.search(r"cmdstat_auth:calls=(\d+),.*failed_calls=(\d+)", redis_server.admin("INFO commandstats"))
    assert told
    asked, wrong = int(told[1]) - 1, int(told[2])  # the administrator's question is one
    assert (asked - wrong, wrong) == (cost.right, cost.wrong)


def postgres_world(server: PostgresServer) -> World:
    role = server.add_role(Secret(b"a7" + generate(24).reveal()))
    return World(
        "postgresql", "postgresql://{address}/postgres", role, server.address, become=partial(server.become, role),
        opens=partial(server.lets_in, role), options={"time_limit": "5", "ca": str(server.ca)},
    )  # fmt: skip


def postgres_log(server: PostgresServer) -> bytes:
    """Return one of the forms in which the server logs."""
    return b"".join(path.read_bytes() for path in sorted((server.folder / "log").glob("*.csv")))


def kerberos_world(kdc: KdcServer, policy: str) -> World:
    name = kdc.add_account(generate(24), policy)

    def become(secret: Secret) -> None:
        kdc.admin(f"modprinc -clearpolicy {name}")
        kdc.set_password(name, secret)
        kdc.admin(f"modprinc -policy {policy} {name}")

    return World(
        "kerberos", kdc.uri, name, None, become,
        lambda secret: kdc.admits(name, secret), options={**kdc.options, "time_limit": "10"},
    )  # fmt: skip


def test_kerberos(kdc: KdcServer, tmp_path: Path) -> None:
    world, cost = kerberos_world(kdc, kdc.add_policy("counted", "-maxfailure 9")), costs_of("kerberos")
    with at(world, tmp_path) as lab:
        lab.begin()
        before = len(kdc.kdc_log.read_bytes())
        rotated_only(lab)
        log = kdc.kdc_log.read_bytes()
    client = re.escape(f"{world.account}@{REALM}")
    found = counted(log, before, rf"AS_REQ .*: ISSUE: .*, {client} for", rf"AS_REQ .*: PREAUTH_FAILED: {client} for")
    assert found == (cost.right, cost.wrong)


def ad_world(samba: SambaServer, ca: ThrowAwayCa) -> World:
    samba.modify(BASE, minPwdAge="0", pwdHistoryLength="0", pwdProperties="0")
    name = samba.add_account(Secret(b"aA1" + generate(24).reveal()))
    return World(
        "ad", "ad://{address}", name, (samba.host, TLS_PORT), lambda secret: samba.set_password(name, secret),
        lambda secret: samba.admits_by_ntlm(name, secret),
        options={"time_limit": "10", "ca": str(ca.certificate), "ntlm_minutes": "0"},
    )  # fmt: skip


def test_active_directory(samba: SambaServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    world, cost = ad_world(samba, throwaway_ca), costs_of("ad")
    with at(world, tmp_path) as lab:
        lab.begin()
        before = len(samba.audit_log.read_bytes())
        rotated_only(lab)
        said = [json.loads(line) for line in since(samba.audit_log.read_bytes(), before).splitlines() if "{" in line]
    logins = (one["Authentication"] for one in said if world.account in json.dumps(one))
    mine = [one["status"] for one in logins if one["authDescription"] == "simple bind/TLS"]
    right = mine.count("NT_STATUS_OK")
    assert (right, len(mine) - right) == (cost.right, cost.wrong)


@pytest.fixture
def pam_service() -> Iterator[Callable[..., str]]:
    """A function that makes a PAM service of its own out of lines; it is removed after the test."""
    path = Path("/etc/pam.d") / f"bg-{os.getpid()}-costs"

    def service(*lines: str) -> str:
        path.write_text("\n".join([*lines, "account required pam_unix.so", ""]))
        return path.name

    yield service
    path.unlink(missing_ok=True)


def linux_world(host: LinuxHost, service: str) -> World:
    account = host.add_account(generate(24))
    return World(
        "linux", f"linux:///{account}", "", None, become=partial(host.become, account),
        opens=partial(host.has, account), options={"time_limit": "10", "service": service},
    )  # fmt: skip


def test_linux(linux_host: LinuxHost, tmp_path: Path, pam_service: Callable[..., str]) -> None:
    tally, counter = tmp_path / "tally", tmp_path / "count"
    counter.write_text(f'#!/bin/sh\necho "$1" >>{tally}\n')
    counter.chmod(0o755)
    service = pam_service(
        "auth [success=1 default=ignore] pam_unix.so", f"auth requisite pam_exec.so quiet {counter} wrong",
        f"auth optional pam_exec.so quiet {counter} asked",
        "auth [success=ignore default=die] pam_unix.so use_first_pass",
    )  # fmt: skip
    cost = costs_of("linux")
    (tmp_path / "set").mkdir()
    with at(linux_world(linux_host, service), tmp_path / "set") as lab:
        lab.begin()
        tally.write_text("")
        rotated_only(lab)
    said = tally.read_text().split()
    assert (said.count("asked") - said.count("wrong"), said.count("wrong")) == (cost.right, cost.wrong)


def test_the_documents_table_is_what_the_connectors_declare() -> None:
    """Each row: target, then logins of check, preflight, change, sessions, allowance, and of a whole rotation."""
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", DOCS.read_text(), re.M
    )
    assert {name for name, *_ in rows} == BUILT_IN.keys() - {"exec"}
    for name, *numbers in rows:
        accounts = {
            "ldap": "cn=x",
            "ldaps": "cn=x",
            "linux": "",
            "manual": "",
            "openbao-token": "root",
            "openbao-keys": "",
        }
        uris = {
            "linux": "linux:///x", "kerberos": "kerberos://h/R", "ldap": "ldap://h", "ldaps": "ldaps://h",
            "ad": "ad://h", "manual": "manual:x", "ssh-key": "ssh-key:///x", "ssh-ca": "ssh-ca:///x",
            "ssh-authorized-keys": "ssh-authorized-keys:///x", "keepass": "keepass:///x", "luks": "luks:///x",
            "openbao-token": "openbao-token://h", "openbao-keys": "openbao-keys://h", "aws-iam": "aws-iam://123456789012",
        }  # fmt: skip
        costs = connector_for(uris.get(name, f"{name}://h/"), accounts.get(name, "x")).costs
        whole = bill(costs)
        declared = (
            costs.check,
            costs.preflight,
            costs.rotate,
            costs.sessions,
            costs.allowance,
            whole.right,
            whole.wrong,
        )
        assert tuple(map(int, numbers)) == declared, name


# --- limits that it just fits, and does not --------------------------------------------------------------------


def test_an_expired_password_is_rotated_and_costs_no_more(mariadb_server: MariadbServer, tmp_path: Path) -> None:
    world, cost = mariadb_world(mariadb_server, "", "ed25519"), costs_of("mysql")
    audit = mariadb_server.folder / "log" / "audit.log"
    with at(world, tmp_path) as lab:
        lab.begin()
        mariadb_server.admin(f"ALTER USER {world.account}@'{HOST}' PASSWORD EXPIRE")
        before = audit.stat().st_size
        said = rotated_only(lab).said
    right, wrong = counted(
        audit.read_bytes(), before, f",{world.account},.*,CONNECT,", f",{world.account},.*,FAILED_CONNECT,"
    )
    assert "the password is expired: it opens nothing but its own change" in said
    assert (right, wrong) == (cost.right, cost.wrong)


@pytest.mark.parametrize(("limit", "spare"), [("CONNECTIONS", 0), ("CONNECTIONS", -1), ("QUERIES", 0), ("QUERIES", -1)])
def test_limits_an_hour_are_held_against_the_whole_rotation(
    mariadb_server: MariadbServer, tmp_path: Path, limit: str, spare: int
) -> None:
    needed = {"CONNECTIONS": costs_of("mysql").all, "QUERIES": mysql_rules.STATEMENTS["MariaDB"]}[limit]
    world = mariadb_world(mariadb_server, f"WITH MAX_{limit}_PER_HOUR {needed + spare}")
    with at(world, tmp_path) as lab:
        lab.begin()
        ended = lab.rotate()
        if spare < 0:
            assert ended.status == 6, ended.said
            assert f"a rotation needs {needed}" in ended.said
            assert nothing_was_printed(lab)
        else:
            assert ended.status == 0, ended.said
            assert not lab.state().debts, "the sessions could not be ended any more"


def test_a_limit_that_is_used_up_is_no_dead_credential(mariadb_server: MariadbServer) -> None:
    right = generate(24)
    account = mariadb_server.add_account(right, "WITH MAX_CONNECTIONS_PER_HOUR 1")
    connector = connector_for(mariadb_server.target, account, mariadb_server.options)
    connector.check(right)
    answer = connector.check(right)
    assert (str(answer.result), answer.blocked) == ("unknown", True)
    assert "an hour later" in answer.detail


def expire(slapd: SlapdServer, dn: str) -> None:
    slapd.modify(dn, "replace: pwdChangedTime", "pwdChangedTime: 20200101000000Z")


def grace_used(slapd: SlapdServer, dn: str) -> int:
    return since(slapd.entry(dn), 0).count("pwdGraceUseTime:")


@pytest.mark.parametrize("logins", [2, 1])
def test_grace_logins_are_kept_for_the_change(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path, logins: int
) -> None:
    policy = slapd.add_policy(f"grace-{logins}", pwdMaxAge=1000, pwdGraceAuthnLimit=logins)
    world = ldap_world(slapd, throwaway_ca, policy)
    with at(world, tmp_path) as lab:
        lab.begin()
        expire(slapd, world.account)
        ended = lab.rotate()
        if logins == 2:
            assert ended.status == 0, ended.said
            lab.proven()
        else:
            assert ended.status == 6, ended.said
            assert "grace logins are left" in ended.said
            assert nothing_was_printed(lab)


def test_the_last_grace_login_is_not_spent_on_asking(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path
) -> None:
    policy = slapd.add_policy("grace-read", pwdMaxAge=1000, pwdGraceAuthnLimit=1)
    reader, program = generate(24), tmp_path / "secret"
    watcher = slapd.add_account(reader)
    program.write_text(f"#!/bin/sh\necho '{reader.reveal().decode()}'\n")
    program.chmod(0o700)
    world = ldap_world(slapd, throwaway_ca, policy, admin=str(program), admin_account=watcher)
    (tmp_path / "set").mkdir()
    with at(world, tmp_path / "set") as lab:
        lab.begin()
        expire(slapd, world.account)
        ended = lab.rotate()
        assert ended.status == 6, ended.said
        assert "none was spent" in ended.said
        assert nothing_was_printed(lab)
        assert grace_used(slapd, world.account) == 0


# --- where one refused login locks the account ---------------------------------------------------------------


def test_openldap_that_locks_at_once(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    policy = slapd.add_policy("locks-at-once", pwdLockout="TRUE", pwdMaxFailure=1)
    with at(ldap_world(slapd, throwaway_ca, policy), tmp_path) as lab:
        lab.begin()
        assert "will not be tried" in rotated_only(lab).said
        assert "not asked" in proof_of_the_end(lab)
        assert "the password changed at" in proof_of_the_end(lab)
        (new,) = lab.on_paper()
        assert slapd.admits(lab.world.account, new), "the proof locked the living account"


@pytest.mark.parametrize("method", ["mysql_native_password", "ed25519"])
def test_mariadb_that_blocks_at_once(mariadb_server: MariadbServer, tmp_path: Path, method: str) -> None:
    with at(mariadb_world(mariadb_server, method=method), tmp_path) as lab:
        lab.begin()
        mariadb_server.admin("SET GLOBAL max_password_errors = 1")
        try:
            rotated_only(lab)
            (new,) = lab.on_paper()
            assert lab.world.opens(new), "the proof locked the living account"
        finally:
            mariadb_server.admin("SET GLOBAL max_password_errors = DEFAULT", "FLUSH PRIVILEGES")
        assert "the server keeps what the new password makes" in proof_of_the_end(lab)


def test_kerberos_that_locks_at_once(kdc: KdcServer, tmp_path: Path) -> None:
    with at(kerberos_world(kdc, kdc.add_policy("locks-at-once", "-maxfailure 1")), tmp_path) as lab:
        lab.begin()
        rotated_only(lab)
        assert "the password changed at" in proof_of_the_end(lab)
        (new,) = lab.on_paper()
        assert kdc.admits(lab.world.account, new), "the proof locked the living account"


def test_a_domain_that_locks_at_once(samba: SambaServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> None:
    with at(ad_world(samba, throwaway_ca), tmp_path) as lab:
        lab.begin()
        samba.modify(BASE, lockoutThreshold="1")
        try:
            rotated_only(lab)
            (new,) = lab.on_paper()
            assert samba.admits_by_ntlm(lab.world.account, new), "the proof locked the living account"
        finally:
            samba.modify(BASE, lockoutThreshold="0")
        assert "the password changed at" in proof_of_the_end(lab)


@pytest.mark.parametrize("where", ["arguments", "faillock.conf"])
def test_a_local_account_that_locks_at_once(
    linux_host: LinuxHost, tmp_path: Path, pam_service: Callable[..., str], where: str
) -> None:
    conf = tmp_path / "faillock.conf"
    conf.write_text(f"# deny = 9\ndeny = 1 # one\ndir = {tmp_path}\n")
    count = f"pam_faillock.so %s deny=1 dir={tmp_path}" if where == "arguments" else f"pam_faillock.so %s conf={conf}"
    service = pam_service(
        f"auth required {count % 'preauth'}", "auth [success=1 default=bad] pam_unix.so",
        f"auth [default=die] {count % 'authfail'}", f"auth sufficient {count % 'authsucc'}",
    )  # fmt: skip
    (tmp_path / "set").mkdir()
    with at(linux_world(linux_host, service), tmp_path / "set") as lab:
        lab.begin()
        rotated_only(lab)
        assert "PAM was not asked" in proof_of_the_end(lab)
        (new,) = lab.on_paper()
        connector = connector_for(lab.world.uri.format(address=""), "", {"service": service})
        assert connector.check(new).result == "accepted", "the proof locked the living account"


@pytest.mark.parametrize("superuser", [True, False])
def test_postgresql_that_bans_at_once(postgres_server: PostgresServer, tmp_path: Path, superuser: bool) -> None:
    """The module credcheck is not there; its setting is, and is what the connector reads."""
    world = postgres_world(postgres_server)
    postgres_server.admin(f'ALTER ROLE "{world.account}" SET credcheck.max_auth_failure = 1')
    postgres_server.admin(f'ALTER ROLE "{world.account}" {"SUPERUSER" if superuser else "NOSUPERUSER"}')
    with at(world, tmp_path) as lab:
        lab.begin()
        before = len(postgres_log(postgres_server))
        ended = lab.rotate()
        assert "will not be tried" in ended.said
        if superuser:
            assert ended.status == 0, ended.said
            assert "the verifier of the new password" in proof_of_the_end(lab)
        else:
            assert ended.status == 6, ended.said
            assert "--attest-old-dead" in ended.said
            lab.scan(2)
            attested = lab.rotate(
                scans=(1, 2), more=["--attest-old-dead", "--officer", "one", "--officer", "two", "--reason", "seen"]
            )
            assert attested.status == 0, attested.said
        assert f'failed for user ""{world.account}' not in since(postgres_log(postgres_server), before)

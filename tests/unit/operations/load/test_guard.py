# SPDX-License-Identifier: Apache-2.0
"""A policy that a stranger wrote reaches no break-glass account by a load drill, whatever it names."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import Asked
from breakglass_shamir.errors import BreakglassError, IllegalState
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.load import guard
from breakglass_shamir.operations.targets import Named

ADDRESSES = {
    "db.example": ["192.0.2.10"], "alias.example": ["192.0.2.10", "192.0.2.11"], "six.example": ["2001:db8::10"],
    "test.example": ["198.51.100.7"], "dc.example": ["192.0.2.20"], "old.example": ["192.0.2.30"],
    "192.0.2.10": ["192.0.2.10"], "2001:db8::10": ["2001:db8::10"], "localhost": ["127.0.0.1"],
    "127.0.0.2": ["127.0.0.2"],
}  # fmt: skip

REST = """
[[quorum.groups]]
threshold = 2
custodians = ["A", "B", "C"]
[declaration]
classes = ["x"]
[[alerts.sinks]]
type = "{kind}"
name = "lines"
{sink}
[drills.load]
sinks = {opted}
"""

GOOD, ACCOUNT = "postgresql://test.example/postgres", "loadtest"
TEST = Named(GOOD, ACCOUNT)
LINES = 'path = "/var/log/bg.jsonl"'


def policy_text(
    name: str = "load-test", uri: str = GOOD, account: str = ACCOUNT, options: str = "{}", kind: str = "file",
    sink: str = LINES, opted: str = '["lines"]', more: str = "",
) -> str:  # fmt: skip
    target = f'name = "{name}"\n{more}[target]\nuri = "{uri}"\naccount = \'{account}\'\noptions = {options}\n'
    return target + REST.format(kind=kind, sink=sink, opted=opted)


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names resolve by the table above, at once."""

    def look(host: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host not in ADDRESSES:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (address, 0)) for address in ADDRESSES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look)


def adopt(ledger: Ledger, source: str, name: str) -> None:
    ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name=name)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A terminal with three sets, of one of which it asked at another server before."""
    with homes.create(tmp_path_factory.mktemp("guard") / "home", "office") as made:
        ends = '[rotation]\nendpoints = ["postgresql://db.example", "postgresql://six.example"]\n'
        adopt(made, policy_text("prod-db", "postgresql://db.example/postgres", "bg-admin", more=ends), "prod-db")
        made.append(Asked(target="mysql://old.example/", marks=()), set_name="prod-db")
        adopt(made, policy_text("forest", "ad://dc.example", "BG-Forest"), "forest")
        adopt(made, policy_text("key", "ssh-key:///root/.ssh/id_bg", ""), "key")
        yield made


def check(ledger: Ledger, source: str, named: Named = TEST) -> None:
    guard.check(ledger, policies.parse(source), named)


def test_a_policy_of_a_server_and_an_account_of_its_own_is_taken(ledger: Ledger) -> None:
    check(ledger, policy_text())
    check(ledger, policy_text(options='{ca = "/etc/ca.pem", time_limit = "5"}'))
    check(ledger, policy_text(uri="manual:load-test"), Named())


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://db.example/postgres", "postgresql://DB.example.:5432/other", "mysql://db.example:3306/",
        "postgresql://alias.example/postgres", "postgresql://192.0.2.10/postgres", "postgresql://six.example/x",
        "postgresql://[2001:db8::10]/x", "ldaps://dc.example", "mysql://old.example/", "postgresql://nowhere.example/x",
        "postgresql:///postgres", "postgresql://localhost/postgres", "postgresql://127.0.0.2/postgres",
        "ssh-key:///root/.ssh/id_other", "exec:/usr/bin/anything", "luks:///dev/sda",
    ],
)  # fmt: skip
def test_a_server_of_a_set_on_record_is_refused_under_every_name(ledger: Ledger, uri: str) -> None:
    with pytest.raises(IllegalState):
        check(ledger, policy_text(uri=uri), Named())


@pytest.mark.parametrize(
    "account",
    [
        "bg-admin", "BG-ADMIN", "EXAMPLE\\bg-forest", "bg-forest@example.com", "cn=bg-forest,ou=x,dc=example",
        " CN = bg-forest , dc=other", "uid=bg-admin,dc=x", "\uff42\uff47-admin",
    ],
)  # fmt: skip
def test_an_account_of_a_set_on_record_is_refused_on_every_server(ledger: Ledger, account: str) -> None:
    with pytest.raises(IllegalState, match="has the name of the account"):
        check(ledger, policy_text(account=account), Named())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({}, Named(GOOD, "another")), ({}, Named("postgresql://test.example/other", ACCOUNT)),
        ({"options": '{admin = "/bin/sh", admin_account = "root"}'}, Named(GOOD, ACCOUNT)),
        ({"options": '{socket = "/run/live"}'}, Named(GOOD, ACCOUNT)),
        ({"account": "cn=a+cn=b"}, Named(GOOD, "cn=a+cn=b")), ({"account": ""}, Named(GOOD, "")),
        *(({"uri": uri}, Named(uri, ACCOUNT)) for uri in (
            "postgresql://test.example/x?host=db.example", "postgresql://other@test.example/x",
            "postgresql://test.example,db.example/x", "manual:load-test", "ad://test.example", "kerberos://test.example",
            "openbao-token://test.example", "exec:///usr/bin/true",
        )),
    ],
)  # fmt: skip
def test_a_login_is_refused_that_may_lead_elsewhere(ledger: Ledger, changed: dict[str, str], named: Named) -> None:
    with pytest.raises(BreakglassError):
        check(ledger, policy_text(**changed), named)


@pytest.mark.parametrize("uri", ["postgresql:///x", "mysql:///x", "ldaps:///"])
def test_a_login_over_a_socket_of_this_machine_is_refused_where_no_set_is_here_too(tmp_path: Path, uri: str) -> None:
    with homes.create(tmp_path / "home", "office") as empty:
        source = policy_text(uri=uri, opted="[]")
        check(empty, source, Named())
        with pytest.raises(IllegalState, match="over the network alone"):
            check(empty, source, Named(uri, ACCOUNT))


@pytest.mark.parametrize(
    ("kind", "sink"),
    [
        ("file", 'path = "/root/.ssh/authorized_keys"'), ("exec", 'argv = ["/bin/sh", "-c", "anything"]'),
        ("webhook", 'url = "https://bao.example/v1/auth/userpass/login/bg-admin"\nsecret_file = "/etc/x"'),
    ],
)  # fmt: skip
def test_a_sink_that_no_policy_in_force_has_is_refused(ledger: Ledger, kind: str, sink: str) -> None:
    with pytest.raises(IllegalState, match="no policy in force here has the sink"):
        check(ledger, policy_text(kind=kind, sink=sink))
    check(ledger, policy_text(kind=kind, sink=sink, opted="[]"))


def test_a_sink_that_is_in_force_and_lets_no_load_drill_at_it_is_refused(tmp_path: Path) -> None:
    with homes.create(tmp_path / "other", "office") as made:
        adopt(made, policy_text("prod-db", "postgresql://db.example/postgres", "bg", opted="[]"), "prod-db")
        with pytest.raises(IllegalState, match="no policy in force here has the sink"):
            check(made, policy_text())


def test_a_policy_without_the_table_or_with_the_name_of_a_set_is_refused(ledger: Ledger) -> None:
    with pytest.raises(IllegalState, match="a load drill is held against"):
        check(ledger, policy_text().partition("[drills.load]")[0])
    with pytest.raises(IllegalState, match="is a set on record"):
        check(ledger, policy_text("prod-db"))

# SPDX-License-Identifier: Apache-2.0
"""The connector ``postgresql`` on a real server, judged by psql, and what it must never take for a dead credential."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, assert_one_of_several_wins
from impostor import impostor
from postgres_server import HOST, PostgresServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.postgresql import access
from breakglass_shamir.connectors.postgresql import log as postgresql_log
from breakglass_shamir.connectors.postgresql.connector import PostgresqlConnector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port


def fresh() -> Secret:
    """A password that Debian's module passwordcheck takes: letters and others."""
    return Secret(b"a7" + generate(24).reveal())


@pytest.fixture
def right() -> Secret:
    return fresh()


@pytest.fixture
def new() -> Secret:
    return fresh()


@pytest.fixture(autouse=True)
def no_sessions_left(postgres_server: PostgresServer) -> Iterator[None]:
    yield
    postgres_server.end_sessions()


def make(server: PostgresServer, role: str, **more: str) -> Connector:
    return connector_for(server.target, role, {**server.options, **more})


class TestOverTls(ConnectorContract):
    """The contract, over TCP with TLS."""

    @pytest.fixture
    def stage(self, postgres_server: PostgresServer, right: Secret, new: Secret) -> Stage:
        role = postgres_server.add_role(right)
        return Stage(
            make(postgres_server, role), right, fresh(), new, lambda secret: postgres_server.log_in(role, secret)
        )

    @pytest.fixture
    def unreachable(self, postgres_server: PostgresServer, stage: Stage) -> Connector:
        options = postgres_server.options
        return connector_for(f"postgresql://{HOST}:{free_port()}/postgres", stage.connector.account, options)


class TestOverASocket(ConnectorContract):
    """The contract, over a Unix socket."""

    @pytest.fixture
    def stage(self, postgres_server: PostgresServer, right: Secret, new: Secret) -> Stage:
        role = postgres_server.add_role(right)
        socket_file = postgres_server.folder / f".s.PGSQL.{postgres_server.port}"
        options = {"socket": str(socket_file), "log": postgres_server.options["log"]}
        connector = connector_for("postgresql:///postgres", role, options)
        return Stage(connector, right, fresh(), new, lambda secret: postgres_server.log_in(role, secret))

    @pytest.fixture
    def unreachable(self, stage: Stage, tmp_path: Path) -> Connector:
        return connector_for("postgresql:///postgres", stage.connector.account, {"socket": str(tmp_path)})


# --- what is never a dead credential ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "blocked"),
    [("NOLOGIN", True), ("LOGIN CONNECTION LIMIT 0", False)],
)
def test_a_role_that_may_not_come_in_is_unknown(
    postgres_server: PostgresServer, right: Secret, new: Secret, rest: str, blocked: bool
) -> None:
    connector = make(postgres_server, postgres_server.add_role(right, rest))
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, blocked)
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_a_role_that_pg_hba_keeps_out_is_unknown(postgres_server: PostgresServer, right: Secret) -> None:
    postgres_server.admin("DROP ROLE IF EXISTS barred", "CREATE ROLE barred LOGIN")
    answer = make(postgres_server, "barred").check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert "28000" in answer.detail


def test_a_database_that_is_not_there_is_unknown(postgres_server: PostgresServer, right: Secret) -> None:
    role = postgres_server.add_role(right)
    target = postgres_server.target.replace("/postgres", "/no_such_database")
    assert connector_for(target, role, postgres_server.options).check(right).result is CheckResult.UNKNOWN


def test_a_server_that_does_not_ask_proves_nothing(postgres_server: PostgresServer, right: Secret, new: Secret) -> None:
    postgres_server.admin("DROP ROLE IF EXISTS trusted", "CREATE ROLE trusted LOGIN")
    socket_file = postgres_server.folder / f".s.PGSQL.{postgres_server.port}"
    connector = connector_for("postgresql:///postgres", "trusted", {"socket": str(socket_file)})
    assert "without asking" in connector.check(right).detail
    assert connector.check(right).result is CheckResult.UNKNOWN
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="without asking"):
        connector.rotate(right, new)


def test_a_server_that_wants_the_password_in_clear_does_not_get_it(
    postgres_server: PostgresServer, right: Secret
) -> None:
    postgres_server.admin(
        "DROP ROLE IF EXISTS clear", f"CREATE ROLE clear LOGIN PASSWORD '{fresh().reveal().decode()}'"
    )
    assert make(postgres_server, "clear").check(right).result is CheckResult.UNKNOWN


def test_a_certificate_of_another_name_or_authority_is_not_believed(
    postgres_server: PostgresServer, right: Secret, new: Secret, need: Callable[[str], str], tmp_path: Path
) -> None:
    role = postgres_server.add_role(right)
    other = {**postgres_server.options, "ca": str(ThrowAwayCa(tmp_path).certificate)}
    for connector in (
        connector_for(postgres_server.target, role, other),
        connector_for(postgres_server.target.replace(HOST, "localhost"), role, postgres_server.options),
    ):
        assert connector.check(right).result is CheckResult.UNKNOWN
        assert not connector.preflight(new, right).ready
        with pytest.raises(ConnectorError, match="certificate"):
            connector.rotate(right, new)
    assert postgres_server.lets_in(role, right)


ASK = """
import json, sys
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.hygiene import Secret
asked = json.load(sys.stdin)
connector = connector_for(asked["target"], asked["role"], asked["options"])
for secret in asked["secrets"]:
    print(connector.check(Secret(secret.encode())).result)
print("older than 16" in repr(connector.preflight(None, Secret(asked["secrets"][0].encode()))))
"""


def test_the_system_s_own_libpq_gives_the_same_verdicts(
    postgres_server: PostgresServer, right: Secret, need: Callable[[str], str]
) -> None:
    """Debian 12 has version 15, which does not trace the codes of refused logins."""
    need("psql")
    role, nobody = postgres_server.add_role(right), postgres_server.add_role(right, "NOLOGIN")
    told = []
    for name in (role, nobody):
        question = {
            "target": postgres_server.target, "role": name, "options": postgres_server.options,
            "secrets": [right.reveal().decode(), fresh().reveal().decode()],
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", ASK], input=json.dumps(question), text=True, capture_output=True, check=True,
            env={**os.environ, "PSYCOPG_IMPL": "python"},
        )  # fmt: skip
        told.append(done.stdout.split())
    assert told[0][:2] == ["accepted", "refused"]
    assert told[1][:2] == ["unknown", "refused"]
    assert told[0][2] in ("True", "False")


@pytest.mark.parametrize("answer", [b"N", b"", b"E" + b"\0\0\0\x26SFATAL\0C28P01\0Mrefused\0\0"])
def test_whoever_has_no_certificate_cannot_call_a_credential_dead(right: Secret, answer: bytes) -> None:
    with impostor(answer) as (port, told):
        connector = PostgresqlConnector(f"postgresql://{HOST}:{port}/x", "someone", options={"time_limit": "0.5"})
        assert connector.check(right).result is CheckResult.UNKNOWN
        assert told
        assert_no_secret(b"".join(told), (right,))


# --- the change ------------------------------------------------------------------------------------------


def test_psql_sees_the_old_one_refused_and_the_new_one_let_in(
    postgres_server: PostgresServer, right: Secret, new: Secret
) -> None:
    role = postgres_server.add_role(right)
    assert postgres_server.lets_in(role, right)
    make(postgres_server, role).rotate(right, new)
    assert not postgres_server.lets_in(role, right)
    assert postgres_server.lets_in(role, new)


def test_nothing_the_server_writes_holds_a_password(
    postgres_server: PostgresServer, right: Secret, new: Secret
) -> None:
    role, wrong = postgres_server.add_role(right), fresh()
    connector = make(postgres_server, role)
    connector.preflight(new, right)
    connector.check(wrong)
    connector.rotate(right, new)
    connector.check(right)
    connector.end_sessions(new)
    postgres_server.wait_until_written("pg_terminate_backend")
    written = postgres_server.everything_written()
    assert b"ALTER ROLE SESSION_USER PASSWORD 'SCRAM-SHA-256$" in written, "what is searched is not what was logged"
    assert_no_secret(written, (right, wrong, new))


def test_of_two_terminals_with_the_same_old_credential_one_wins(postgres_server: PostgresServer, right: Secret) -> None:
    role, offers = postgres_server.add_role(right), [fresh(), fresh(), fresh()]
    opens = partial(postgres_server.lets_in, role)
    assert_one_of_several_wins(partial(make, postgres_server, role), right, offers, opens)


def test_a_role_that_acts_as_another_changes_its_own_password(
    postgres_server: PostgresServer, right: Secret, new: Secret
) -> None:
    other = postgres_server.add_role(right)
    role = postgres_server.add_role(right)
    postgres_server.admin(f"GRANT {other} TO {role}", f"ALTER ROLE {role} SET role = '{other}'")
    make(postgres_server, role).rotate(right, new)
    assert postgres_server.lets_in(role, new)
    assert postgres_server.lets_in(other, right)


def test_an_md5_password_becomes_a_scram_verifier(postgres_server: PostgresServer, right: Secret, new: Secret) -> None:
    role = postgres_server.add_role(right)
    postgres_server.admin("SET password_encryption = md5", f"ALTER ROLE {role} PASSWORD '{right.reveal().decode()}'")
    connector = make(postgres_server, role)
    assert connector.check(right).result is CheckResult.ACCEPTED
    connector.rotate(right, new)
    assert postgres_server.lets_in(role, new)
    assert postgres_server.stored(role).startswith("SCRAM-SHA-256$")


def test_preflight_says_what_stands_against_it(postgres_server: PostgresServer, right: Secret, new: Secret) -> None:
    cases = {
        "read-only": ("LOGIN", "ALTER ROLE {} SET default_transaction_read_only = on"),
        "credcheck": ("LOGIN", "ALTER DATABASE postgres SET credcheck.encrypted_password_allowed = off"),
        "CONNECTION LIMIT is 1": ("LOGIN CONNECTION LIMIT 1", ""),
    }
    for words, (rest, statement) in cases.items():
        role = postgres_server.add_role(right, rest)
        postgres_server.admin(*([statement.format(role)] if statement else []))
        found = make(postgres_server, role).preflight(new, right)
        postgres_server.admin("ALTER DATABASE postgres RESET ALL")
        assert [problem for problem in found.problems if words in problem], words
    until = postgres_server.add_role(right, "LOGIN VALID UNTIL '2999-01-01'")
    found = make(postgres_server, until).preflight(new, right)
    assert found.ready
    assert any("2999" in note for note in found.notes)
    assert [(one.what, one.ends.year) for one in found.runs_out] == [("account", 2999)]
    assert make(postgres_server, until).lifetime(right) == found.runs_out
    armed = make(postgres_server, until)
    armed.ends_on_purpose = True
    assert armed.lifetime(right) == armed.preflight(None, right).runs_out == (), "an account that is kept closed"
    assert make(postgres_server, postgres_server.add_role(right)).lifetime(right) == ()


def test_a_server_that_takes_no_changes_is_left_as_it_was(
    postgres_server: PostgresServer, right: Secret, new: Secret
) -> None:
    role = postgres_server.add_role(right)
    postgres_server.admin(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        make(postgres_server, role).rotate(right, new)
    assert not caught.value.rejected
    assert postgres_server.lets_in(role, right)


def test_what_can_be_no_password_is_found_before_anything_is_asked(right: Secret) -> None:
    connector = PostgresqlConnector(f"postgresql://{HOST}:{free_port()}/x", "someone", options={"time_limit": "1"})
    for unfit in (Secret(b"a\0b"), Secret(b"\xff\xfe")):
        with pytest.raises(ConnectorError, match="a password must"):
            connector.rotate(right, unfit)
        assert any("a password must" in problem for problem in connector.preflight(unfit).problems)


# --- targets, logs, start-up -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("postgresql:host/db", "r", {}),
        ("postgresql://role@host/db", "r", {}),
        ("postgresql://host/db?sslmode=disable", "r", {}),
        ("postgresql://host/db#x", "r", {}),
        ("postgresql://host/a/b", "r", {}),
        ("postgresql://host:port/db", "r", {}),
        ("postgresql://host/db", "", {}),
        ("postgresql://host/db", "r" * 64, {}),
        ("postgresql://host/db", "r", {"socket": "/run/postgresql"}),
        ("postgresql:///db", "r", {"socket": "run"}),
        ("postgresql://host/db", "r", {"log": "server.log"}),
        ("postgresql://host/db", "r", {"key": "/k"}),
        ("postgresql://host/db", "r", {"tls": "maybe"}),
        ("postgresql://host/db", "r", {"tls": "off", "ca": "/ca.pem"}),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        PostgresqlConnector(target, account, options=options)


@pytest.mark.parametrize("kind", ["server.log", "server.csv", "server.json"])
def test_logins_are_read_from_every_format_of_the_log(
    postgres_server: PostgresServer, right: Secret, kind: str
) -> None:
    role, began = postgres_server.add_role(right), datetime.now(UTC) - timedelta(seconds=1)
    connector = make(postgres_server, role, log=str(postgres_server.folder / "log" / kind))
    connector.check(right)
    connector.check(fresh())
    postgres_server.wait_until_written(f'password authentication failed for user "{role}"')
    logins = connector.logins_since(began)
    assert [login.accepted for login in logins] == [True, False]
    assert {login.source for login in logins} == {HOST}
    assert "database=postgres" in logins[0].detail


@pytest.mark.parametrize("kind", ["server.log", "server.csv", "server.json"])
def test_what_a_client_says_in_many_lines_is_no_login_in_a_servers_own_log(
    postgres_server: PostgresServer, right: Secret, kind: str
) -> None:
    role, began = postgres_server.add_role(right), datetime.now(UTC) - timedelta(seconds=1)
    at, said = f"{began:%Y-%m-%d %H:%M:%S.000} UTC", f"connection authorized: user={role} database=postgres"
    row = f'{at},"{role}","x",7,"10.6.6.6:1",s,1,"authentication",{at},1/1,0,LOG,00000,"{said}",,,,,,,,,"",,,0'
    lines = (row, f"{at} [7] LOG:  {said}", f'{{"timestamp":"{at}","pid":7,"message":"{said}"}}')
    connector = make(postgres_server, role, log=str(postgres_server.folder / "log" / kind))
    postgres_server.admin("SELECT '" + "\n".join(['"', *lines]) + '\' AS "two\nlines"')
    connector.check(right)
    postgres_server.wait_until_written(f"connection authorized: user={role} database=postgres ")
    assert [(login.accepted, login.source) for login in connector.logins_since(began)] == [(True, HOST)]


def test_a_log_with_doubtful_times_is_not_guessed_at(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("2026-11-25 08:00:00.000 CET [1] LOG:  connection authorized: user=bg database=x\n")
    with pytest.raises(ConnectorError, match="certainty") as caught:
        postgresql_log.logins(str(log), "bg", datetime(2026, 1, 1, tzinfo=UTC))
    assert "log_timezone" in caught.value.hint
    for missing in ("", str(tmp_path / "none*.log")):
        with pytest.raises(ConnectorError, match="cannot be told"):
            postgresql_log.logins(missing, "bg", datetime(2026, 1, 1, tzinfo=UTC))


def test_what_a_client_writes_into_the_log_is_no_login_and_blinds_nobody(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    real = "connection authorized: user=bg database=x application_name=psql"
    spoken = ("LOG:  connection authorized: user=bg", f"2026-11-25 08:00:00.000 UTC [1] LOG:  {real}")
    log.write_text(
        '2026-11-25 08:00:00.000 UTC [1] ERROR:  syntax error at or near "x"\n'
        + "".join(f"\t{line}\n" for line in spoken)
        + f"2026-11-25 08:00:01.000 UTC [2] LOG:  {real}\n"
    )
    (found,) = postgresql_log.logins(str(log), "bg", datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.at.second, found.detail) == (1, "database=x application_name=psql")


def test_whoever_may_connect_at_all_blinds_nobody(postgres_server: PostgresServer, right: Secret) -> None:
    """The prefix has the name that a client gives, before its password is asked for."""
    psycopg = pytest.importorskip("psycopg")
    role, began = postgres_server.add_role(right), datetime.now(UTC) - timedelta(seconds=1)
    connector = make(postgres_server, role, log=str(postgres_server.folder / "log/server.log"))
    assert connector.check(right).result is CheckResult.ACCEPTED
    name = f"\nLOG:  connection authorized: user={role}\n"
    assert len(name) < 64
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=HOST, port=postgres_server.port, user=name, dbname="x", password="no", sslmode="disable")
    connector.check(right)
    connector.check(fresh())
    postgres_server.wait_until_written(f'password authentication failed for user "{role}"')
    accepted = [login.source for login in connector.logins_since(began) if login.accepted]
    assert accepted.count(HOST) == 2


def test_a_line_that_a_name_made_blinds_nobody_and_hides_no_login(tmp_path: Path) -> None:
    log, at = tmp_path / "server.log", "2026-11-25 08:00:01.000 UTC [2]"
    said = "connection authorized: user=bg database={0} application_name=psql"
    lines = [
        f"{at} LOG:  ready", f"{at} a", "0000-00-00 00:00:00 UTC LOG:  connection authorized: user=bg", "@x FATAL:  no",
        f"{at} bg@x LOG:  y LOG:  {said.format('x LOG:  y')}",
        f"{at} bg@x", f"y LOG:  {said.format('x')}", "\ty application_name=psql",
        f"{at} bg@x LOG:  statement: SELECT 'LOG:  {said.format('x')}'",
    ]  # fmt: skip
    log.write_text("".join(f"{line}\n" for line in lines))
    found = postgresql_log.logins(str(log), "bg", datetime(2026, 1, 1, tzinfo=UTC))
    assert [(login.at.second, login.accepted) for login in found] == [(1, True)] * 3


@pytest.mark.parametrize("rest", ["", " database=x", " database=x application_name=a b SSL enabled (protocol=x)"])
def test_an_account_with_a_space_in_its_name_is_seen(tmp_path: Path, rest: str) -> None:
    log = tmp_path / "server.log"
    log.write_text(f"2026-11-25 08:00:01.000 UTC [2] LOG:  connection authorized: user=break glass{rest}\n")
    (found,) = postgresql_log.logins(str(log), "break glass", datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.account, found.detail) == ("break glass", rest.strip())
    assert postgresql_log.logins(str(log), "break", datetime(2026, 1, 1, tzinfo=UTC)) == ()


def test_a_missing_driver_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, right: Secret) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    connector = PostgresqlConnector(f"postgresql://{HOST}/x", "someone")
    calls: list[Callable[[], object]] = [
        lambda: connector.check(right), lambda: connector.preflight(None), lambda: connector.end_sessions(right),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ConnectorError, match="psycopg") as caught:
            call()
        assert "breakglass-shamir[postgresql]" in caught.value.hint


def test_making_the_connector_loads_no_database_driver() -> None:
    program = (
        "import sys; from breakglass_shamir.connectors.registry import connector_for;"
        "connector_for('postgresql://h/d', 'r');"
        "print('psycopg' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


class TestSnapshot:
    """What gives access there, as the catalogs say it to any role."""

    def test_what_was_made_meanwhile_is_told_and_nothing_else(
        self, postgres_server: PostgresServer, right: Secret
    ) -> None:
        role = postgres_server.add_role(right)
        made = f"m{role}"
        connector = make(postgres_server, role)
        before = set(connector.snapshot(right).entries)
        assert before == set(connector.snapshot(right).entries)
        postgres_server.admin(f"CREATE ROLE {made} LOGIN SUPERUSER PASSWORD 'a7-Secret-of-theirs'")
        postgres_server.admin(f"GRANT {made} TO {role} WITH ADMIN OPTION")
        postgres_server.admin(f"ALTER DEFAULT PRIVILEGES FOR ROLE {made} GRANT SELECT ON TABLES TO PUBLIC")
        postgres_server.admin(f"CREATE TABLE t_{made} (); GRANT INSERT ON t_{made} TO {role}")
        postgres_server.admin(
            f"CREATE FUNCTION f_{made}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; "
            f"CREATE FUNCTION e_{made}() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
            f"CREATE EVENT TRIGGER x_{made} ON ddl_command_end EXECUTE FUNCTION e_{made}()"
        )
        try:
            found = connector.snapshot(right)
            came = sorted(set(found.entries) - before)
            assert [entry.split(made)[0].strip() for entry in came] == [
                "default privileges of", "event trigger x_", "function public.f_", "grant on public.t_",
                f"member {role} of", "role",
            ]  # fmt: skip
            assert "superuser, logs in" in came[-1]
            assert "may give it on" in came[-2]
            assert not before - set(found.entries)
            assert_no_secret(" ".join(found.entries).encode(), (right, Secret(b"a7-Secret-of-theirs")))
            postgres_server.admin(
                f"CREATE OR REPLACE FUNCTION f_{made}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 2'"
            )
            changed = sorted(set(connector.snapshot(right).entries) ^ set(found.entries))
            assert [entry.partition("(")[0] for entry in changed] == [f"function public.f_{made}"] * 2
        finally:
            postgres_server.admin(
                f"DROP EVENT TRIGGER x_{made}; DROP FUNCTION f_{made}(), e_{made}(); DROP TABLE t_{made}; "
                f"DROP OWNED BY {made}; DROP ROLE {made}"
            )
        assert before == set(connector.snapshot(right).entries)

    def test_no_list_without_a_login(self, postgres_server: PostgresServer, right: Secret, new: Secret) -> None:
        connector = make(postgres_server, postgres_server.add_role(right))
        with pytest.raises(ConnectorError, match="postgresql snapshot") as caught:
            connector.snapshot(new)
        assert_no_secret(str(caught.value).encode(), (new,))

    def test_a_list_is_bounded(
        self, postgres_server: PostgresServer, right: Secret, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connector = make(postgres_server, postgres_server.add_role(right))
        whole = connector.snapshot(right)
        monkeypatch.setattr(access, "_ASKED", access._ASKED.replace(f"LIMIT {access.MOST}", "LIMIT 2"))
        found = connector.snapshot(right)
        assert found.entries == whole.entries[:2]
        assert found.left_out == len(whole.entries) - 2

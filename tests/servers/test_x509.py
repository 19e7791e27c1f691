# SPDX-License-Identifier: Apache-2.0
"""Keys with their certificates at PostgreSQL and nginx: what is refused for itself, and what must never pass for it."""

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from certificate_places import Authority, CertifiedNginx, CertifiedPostgres, serial_of
from connector_contract import ConnectorContract, Stage
from cryptography.hazmat.primitives.asymmetric import ed25519
from target_life import Place, lines, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.certificate.pair import key_type, pair_of
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.records.rotations import RunsOut
from breakglass_shamir.errors import ConnectorError, DecryptionFailed, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening import described, reveal
from breakglass_shamir.operations.recipes import running
from tests.end_to_end.life import secrets_on_paper
from tests.ports import free_port


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


# --- lives -------------------------------------------------------------------------------------------------


def test_a_role_s_certificate_from_sheet_to_new_sheet(
    postgres: CertifiedPostgres, clients: Authority, tmp_path: Path
) -> None:
    role = postgres.add_client()
    right = clients.issue(role)
    place = Place(
        postgres.target, role, right, postgres.options, partial(postgres.opens, role), None,
        postgres.everything_written, kind="key-certificate",
    )  # fmt: skip
    life = live_through(place, tmp_path)
    assert serial_of(right) in clients.listed()
    endings = [entry.record.body for entry in life.entries() if isinstance(entry.record.body, RunsOut)]
    made = [one for one in endings if one.public_id and not one.epoch_id]
    (new,) = secrets_on_paper(life.sheets(2))
    assert [f"serial {serial_of(new):x} " in one.public_id for one in made] == [True]
    kinds = life.kinds()
    first = kinds.index("runs-out", kinds.index("opened"))
    assert first < kinds.index("issued", kinds.index("opened")), "on record before it is on paper"


def test_a_command_gets_key_and_certificate_by_descriptors_and_a_recipe_in_its_own_way(
    nginx: CertifiedNginx, clients: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = key_and_certificate.parted(clients.issue("operator"))
    credential = Credential(key, CredentialKind.KEY_CERTIFICATE, certificate=certificate)
    monkeypatch.setenv("BREAKGLASS_CERTIFICATE_FD", "99")
    script = (
        f"cat >{tmp_path}/key; cat <&$BREAKGLASS_FD >>{tmp_path}/key; cat <&$BREAKGLASS_CERTIFICATE_FD >{tmp_path}/cert"
    )
    assert reveal.run_command(["bash", "-c", script], credential).well
    assert (tmp_path / "key").read_bytes() == 2 * key.reveal()
    assert (tmp_path / "cert").read_bytes() == certificate
    assert described.warnings(credential, whole=False) == ()
    command = ["recipe:curl", "-sS", "-w", "%{http_code}", "-o", f"{tmp_path}/page", "--cacert", str(nginx.ca)]
    command.append(f"https://127.0.0.1:{nginx.port}/")
    with (tmp_path / "said").open("wb") as said:
        assert running.run(command, credential.presented, output=said.fileno()) == 0
    assert (tmp_path / "said").read_bytes() == b"204"
    with pytest.raises(InvalidInput, match="brings the credential itself"):
        running.run(["recipe:curl", "--cert", "x"], credential.presented)
    with pytest.raises(InvalidInput, match="no key with its certificate"):
        running.run(command, Secret(b"a password"))


def test_a_recipe_lets_psql_in(postgres: CertifiedPostgres, clients: Authority, tmp_path: Path) -> None:
    role = postgres.add_client()
    where = (
        f"host=127.0.0.1 port={postgres.port} user={role} dbname=postgres sslmode=verify-full sslrootcert={postgres.ca}"
    )
    with (tmp_path / "said").open("wb") as said:
        command = ["recipe:psql", "-X", "-A", "-t", "-c", "SELECT session_user", where]
        assert running.run(command, clients.issue(role), output=said.fileno()) == 0
    assert (tmp_path / "said").read_text() == f"{role}\n"


# --- told apart --------------------------------------------------------------------------------------------


def told(connector: Connector, pair: Secret) -> tuple[str, str]:
    check = connector.check(pair)
    return str(check.result), check.detail


@pytest.fixture
def at_postgres(postgres: CertifiedPostgres) -> Connector:
    return connector_for(postgres.target, postgres.add_client(), postgres.options)


@pytest.fixture
def at_nginx(nginx: CertifiedNginx) -> Connector:
    return connector_for(nginx.target, "operator", nginx.options)


@pytest.fixture(params=["at_postgres", "at_nginx"])
def connector(request: pytest.FixtureRequest) -> Connector:
    found: Connector = request.getfixturevalue(request.param)
    return found


def test_an_end_that_is_over_or_to_come_is_no_refusal(connector: Connector, clients: Authority) -> None:
    over = clients.issue(connector.account, lives=-timedelta(minutes=1))
    result, detail = told(connector, over)
    assert (result, "has expired, at" in detail) == ("unknown", True), detail
    early = clients.issue(connector.account, begins=timedelta(hours=2))
    result, detail = told(connector, early)
    assert (result, "not valid before" in detail) == ("unknown", True), detail


def test_an_authority_that_the_server_does_not_know_is_no_refusal(connector: Connector) -> None:
    stranger = Authority()
    try:
        result, detail = told(connector, stranger.issue(connector.account))
    finally:
        stranger.remove()
    assert result == "unknown"
    assert "authority" in detail or "unable to verify" in detail


def test_a_revoked_certificate_is_refused_in_the_server_s_words(
    connector: Connector, clients: Authority, postgres: CertifiedPostgres, nginx: CertifiedNginx
) -> None:
    right, revoked = clients.issue(connector.account), clients.issue(connector.account)
    clients.write_list(serial_of(revoked))
    for server in (postgres, nginx):
        server.reload()
    assert told(connector, right)[0] == "accepted"
    result, detail = told(connector, revoked)
    assert (result, "revoked" in detail) == ("refused", True), detail


def test_a_list_that_ran_out_refuses_nothing(
    connector: Connector, clients: Authority, postgres: CertifiedPostgres, nginx: CertifiedNginx
) -> None:
    right = clients.issue(connector.account)
    clients.write_list(ends=-timedelta(hours=1))
    try:
        for server in (postgres, nginx):
            server.reload()
        result, detail = told(connector, right)
        assert result == "unknown", detail
        assert any("ended at" in note for note in connector.preflight(None).notes)
    finally:
        clients.write_list()
        for server in (postgres, nginx):
            server.reload()
    assert told(connector, right)[0] == "accepted"


def test_a_server_that_is_not_the_server_is_believed_in_nothing(
    connector: Connector, clients: Authority, tmp_path: Path
) -> None:
    options = {**connector.options, "ca": str(ThrowAwayCa(tmp_path).certificate)}
    other = connector_for(connector.target, connector.account, options)
    result, detail = told(other, clients.issue(connector.account))
    assert (result, "is not the server" in detail) == ("unknown", True), detail


def test_a_role_that_needs_a_password_and_one_that_needs_nothing(
    postgres: CertifiedPostgres, clients: Authority
) -> None:
    for name in ("asks_more", "open"):
        postgres.add_client(name)
    asks = connector_for(postgres.target, "asks_more", postgres.options)
    assert "wants a password" in asks.check(clients.issue("asks_more")).detail
    bare = connector_for(postgres.target, "open", postgres.options)
    assert any("shows no certificate" in one for one in bare.preflight(None, clients.issue("open")).problems)


def test_a_page_that_does_not_say_what_it_found(nginx: CertifiedNginx, clients: Authority) -> None:
    other = connector_for(nginx.target, "operator", {**nginx.options, "header": "Absent"})
    result, detail = told(other, clients.issue("operator"))
    assert (result, "no header Absent" in detail) == ("unknown", True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "it is missing"), (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it is missing"),
        (b"\xff" * 4000, "it is missing"), (b"-----END " * 400, "it is missing"),
    ],
)  # fmt: skip
def test_what_is_no_key_with_its_certificate(at_nginx: Connector, text: bytes, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as caught:
        at_nginx.check(Secret(text))
    assert caught.value.rejected


def test_a_key_whose_certificate_is_another_s(at_nginx: Connector, clients: Authority) -> None:
    key, _ = key_and_certificate.parted(clients.issue("operator"))
    _, certificate = key_and_certificate.parted(clients.issue("operator"))
    with pytest.raises(ConnectorError, match="not of this key"):
        at_nginx.check(key_and_certificate.joined(key, certificate))


# --- made, and not yet on paper ------------------------------------------------------------------------------


def test_what_never_came_on_paper_is_revoked_by_the_next_run(
    connector: Connector, clients: Authority
) -> None:  # fmt: skip
    right = clients.issue(connector.account)
    lost, before = issued(connector, right)
    assert connector.check(lost).result is CheckResult.ACCEPTED, "live from its signature on"
    new, notes = issued(connector, right, tuple(before.made))
    assert notes.back == before.made
    assert serial_of(lost) in clients.listed()
    assert connector.check(lost).result is CheckResult.REFUSED
    assert [connector.check(one).result for one in (right, new)] == [CheckResult.ACCEPTED] * 2


def test_a_serial_number_below_another_issuer_is_not_revoked_and_is_named(
    connector: Connector, clients: Authority
) -> None:
    """A new authority may have given the same number to somebody else."""
    right = clients.issue(connector.account)
    strange = f"x509 serial 1267 issuer {'0' * 16} sha256 {'ab' * 32}"
    _, notes = issued(connector, right, (strange,))
    assert notes.back == []
    assert 0x1267 not in clients.listed()
    connector.making = notes.making
    found = connector.preflight(None, right)
    assert [strange in note for note in found.notes if "no sheet has" in note] == [True]


def test_nothing_is_made_where_it_would_be_on_no_record(at_nginx: Connector, clients: Authority) -> None:
    with pytest.raises(ConnectorError, match="in a rotation only"):
        at_nginx.issue(clients.issue("operator"))


def test_the_next_key_is_of_the_old_one_s_type_or_the_policy_s(nginx: CertifiedNginx, clients: Authority) -> None:
    for key, option, expected in (
        (ed25519.Ed25519PrivateKey.generate(), {}, "ed25519"),
        (None, {"key": "p384"}, "p384"),
    ):
        connector = connector_for(nginx.target, "operator", {**nginx.options, **option})
        new, _ = issued(connector, clients.issue("operator", key=key))
        assert key_type(pair_of(new).key) == expected
        assert connector.check(new).result is CheckResult.ACCEPTED


def test_lists_of_others_and_what_is_on_the_list_stay(at_nginx: Connector, clients: Authority) -> None:
    other = Authority()
    try:
        clients.write_list(4711)
        theirs = other.crl.read_bytes()
        clients.crl.write_bytes(theirs + clients.crl.read_bytes())
        right = clients.issue("operator")
        new, _ = issued(at_nginx, right)
        at_nginx.rotate(right, new)
        content = clients.crl.read_bytes()
        assert content.startswith(theirs)
        clients.crl.write_bytes(content[len(theirs) :])
        assert {4711, serial_of(right)} <= clients.listed()
        clients.crl.write_bytes(theirs.replace(other.crl.read_bytes()[100:110], b"AAAAAAAAAA"))
        assert any("list" in one for one in at_nginx.preflight(None).problems)
    finally:
        other.remove()
        clients.write_list()


def test_a_question_costs_the_logins_that_are_declared(postgres: CertifiedPostgres, clients: Authority) -> None:
    role = postgres.add_client()
    connector = connector_for(postgres.target, role, postgres.options)
    right = clients.issue(role)
    new, _ = issued(connector, right)
    log = postgres.folder / "log/server.log"

    def logins(step: Callable[[], object]) -> int:
        before = log.stat().st_size
        step()
        # Lines come in their order: what follows all of them is there when they are.
        mark = f"mark {secrets.token_hex(8)}"
        postgres.admin(f"SELECT '{mark}'")
        postgres.wait_until_written(mark)
        return log.read_bytes()[before:].decode(errors="replace").count(f"connection authorized: user={role} ")

    costs = connector.costs
    assert logins(lambda: connector.check(right)) == costs.check
    assert logins(lambda: connector.preflight(None, right)) == costs.preflight
    # Until the server took the list, the old one may be let in while its end is waited for.
    assert logins(lambda: connector.rotate(right, new)) >= costs.rotate


# --- who signs -----------------------------------------------------------------------------------------------


def test_the_authority_s_key_may_be_under_a_passphrase(
    throwaway_ca: ThrowAwayCa, tmp_path: Path
) -> None:  # fmt: skip
    sealed = Authority(b"correct horse")
    program = sealed.folder / "passphrase"
    program.write_text("#!/bin/sh\necho correct horse\n")
    program.chmod(0o700)
    server = CertifiedNginx(throwaway_ca, sealed)
    server.start()
    try:
        right = sealed.issue("operator")
        plain = connector_for(server.target, "operator", server.options)
        with pytest.raises(ConnectorError, match="passphrase"):
            issued(plain, right)
        connector = connector_for(server.target, "operator", {**server.options, "ca_passphrase": str(program)})
        new, _ = issued(connector, right)
        connector.rotate(right, new)
        assert [connector.check(one).result for one in (new, right)] == [CheckResult.ACCEPTED, CheckResult.REFUSED]
    finally:
        server.remove()
        sealed.remove()


def test_an_authority_that_is_a_program(nginx: CertifiedNginx, clients: Authority) -> None:
    program = clients.folder / "authority"
    program.write_text(
        f"#!{sys.executable}\nimport sys, pickle, pathlib\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"here = pathlib.Path({str(clients.folder)!r})\n"
        "if sys.argv[1] == 'sign':\n"
        "    (here / 'asked').write_bytes(sys.stdin.buffer.read())\n"
        "    sys.stdout.write((here / 'answer').read_text())\n"
        "else:\n"
        "    (here / 'revoked').write_text(sys.argv[2])\n"
        "    sys.stdout.write((here / 'list').read_text())\n"
    )
    program.chmod(0o700)
    options = {name: nginx.options[name] for name in ("ca", "time_limit", "header", "crl", "reload")}
    connector = connector_for(nginx.target, "operator", {**options, "ca_command": str(program)})
    right = clients.issue("operator")
    _, certificate = key_and_certificate.parted(right)
    for answer, says in ((b"no", "no certificate in PEM"), (certificate, "not of the key in the request")):
        (clients.folder / "answer").write_bytes(answer)
        with pytest.raises(ConnectorError, match=says):
            issued(connector, right)
    asked = (clients.folder / "asked").read_bytes()
    assert asked.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    key, _ = key_and_certificate.parted(right)
    assert key.reveal() not in asked


def test_people_bring_the_certificate_and_the_request_waits_for_them(
    nginx: CertifiedNginx, clients: Authority, tmp_path: Path
) -> None:
    options = {name: nginx.options[name] for name in ("ca", "time_limit", "header")}
    connector = connector_for(nginx.target, "operator", {**options, "requests": str(tmp_path)})
    right = clients.issue("operator")
    assert connector.preflight(None, right).ready
    with pytest.raises(ConnectorError, match="not there yet") as caught:
        issued(connector, right)
    (request,) = tmp_path.glob("*.csr")
    assert str(request) in str(caught.value)
    with pytest.raises(ConnectorError, match="not there yet"):
        issued(connector, right)
    assert list(tmp_path.glob("*.csr")) == [request]
    request.with_suffix(".crt").write_bytes(clients.sign(request.read_bytes()))
    new, notes = issued(connector, right)
    assert len(notes.made) == 1
    again, _ = issued(connector, right, tuple(notes.made))
    assert again == new, "a run that died before it printed goes on with the same certificate"
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(line.reveal() in files for line in lines(new)), "the key waits sealed"
    with pytest.raises(ConnectorError, match="revoked by people"):
        connector.rotate(right, new)
    assert not list(tmp_path.iterdir()), "no quorum of sheets that are to be dead opens the key of the new ones"
    assert connector.check(right).result is CheckResult.ACCEPTED
    clients.write_list(serial_of(right))
    nginx.reload()
    assert [connector.check(one).result for one in (new, right)] == [CheckResult.ACCEPTED, CheckResult.REFUSED]


def test_a_key_that_is_on_sheets_which_were_given_up_waits_no_more(
    nginx: CertifiedNginx, clients: Authority, tmp_path: Path
) -> None:
    options = {name: nginx.options[name] for name in ("ca", "time_limit", "header")}
    connector = connector_for(nginx.target, "operator", {**options, "requests": str(tmp_path)})
    right, notes = clients.issue("operator"), Notes()
    connector.making = notes.making
    with pytest.raises(ConnectorError, match="not there yet"):
        connector.issue(right)
    (request,) = tmp_path.glob("*.csr")
    asked = request.read_bytes()
    request.with_suffix(".crt").write_bytes(clients.sign(asked))
    connector.issue(right)
    connector.making = replace(notes.making, left=tuple(notes.made), given_up=tuple(notes.made))
    with pytest.raises(ConnectorError, match="not there yet"):
        connector.issue(right)
    assert request.read_bytes() != asked


def test_a_request_of_other_sheets_is_made_anew(nginx: CertifiedNginx, clients: Authority, tmp_path: Path) -> None:
    options = {name: nginx.options[name] for name in ("ca", "time_limit", "header")}
    connector = connector_for(nginx.target, "operator", {**options, "requests": str(tmp_path)})
    right = clients.issue("operator")
    notes = Notes()
    connector.making = notes.making
    for key in ("sheets in force", "other sheets"):
        notes.key = key
        with pytest.raises(ConnectorError, match="not there yet"):
            connector.issue(right)
        (request,) = tmp_path.glob("*.csr")
        request.with_suffix(".crt").write_bytes(clients.sign(request.read_bytes()))
    notes.key = "sheets in force"
    with pytest.raises(ConnectorError, match="not there yet"):
        connector.issue(right)


@pytest.mark.parametrize(
    "options",
    [
        {"ca_key": "/k"}, {"ca_key": "/k", "ca_certificate": "/c", "crl": "/l", "ca_command": "/p"},
        {"ca_command": "/p", "days": "3"}, {"requests": "here"}, {"requests": "/r", "crl": "/l"}, {"crl": "/l"},
        {"ca_key": "/k", "ca_certificate": "/c", "crl": "/l", "days": "0"}, {"key": "rsa512"}, {"tls": "off"},
    ],
)  # fmt: skip
def test_options_that_name_no_one_authority_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="option"):
        connector_for("x509-https://h/", "operator", options)


@pytest.mark.parametrize("uri", ["x509-https:///", "x509-https://h/?q", "x509-https://u@h/", "x509-postgresql://h:x/"])
def test_targets_that_name_no_server_are_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        connector_for(uri, "operator")

# SPDX-License-Identifier: Apache-2.0
"""Probes of real servers: well, down, slow, lying, half open; whatever they do, the answer is there when it is due.

slapd and a KDC are real. The OpenID provider is a small one that speaks discovery and the token endpoint.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from http_receiver import Answer, Receiver, Request
from impostor import impostor
from kdc_server import REALM, KdcServer
from slapd_server import SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.probes.asking import ANSWER_MAX_CHARS, ask
from breakglass_shamir.custody.life import gates
from breakglass_shamir.custody.life.gates import Request as Asked
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.when import Probe
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.measuring import asking

LIMIT_S = 10
PASSWORD = "of:the+probe"


def found(uri: str, limit_s: float = LIMIT_S, **more: object) -> str:
    """Ask one probe."""
    fields = {"name": "p", "uri": uri, **more}
    return ask(Probe(**fields), Deadline(limit_s))  # type: ignore[arg-type]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{PASSWORD}\n")
    return path


class Provider:
    """An OpenID provider; ``document`` and ``token`` can be changed."""

    def __init__(self, receiver: Receiver) -> None:
        self.issuer = f"{receiver.url}/realm"
        self.document: dict[str, object] = {"issuer": self.issuer, "token_endpoint": f"{self.issuer}/token"}
        self.token = Answer(200, json.dumps({"access_token": "t", "token_type": "Bearer"}).encode())
        receiver.answer = self._answer
        self.receiver = receiver

    def _answer(self, request: Request) -> Answer:
        if request.path == "/realm/.well-known/openid-configuration":
            return Answer(200, json.dumps(self.document).encode())
        return self.token if request.path == "/realm/token" else Answer(404)


@pytest.fixture
def provider(throwaway_ca: ThrowAwayCa) -> Iterator[Provider]:
    receiver = Receiver(throwaway_ca.issue("idp", "127.0.0.1"))
    yield Provider(receiver)
    receiver.stop()


def test_a_directory_that_is_well_that_refuses_and_that_is_down(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, secret: Path, tmp_path: Path
) -> None:
    account = slapd.add_account(Secret(PASSWORD.encode()))
    ca = {"ca": str(throwaway_ca.certificate)}
    for uri in (slapd.uri, slapd.tls_uri):
        assert found(uri, account=account, secret_file=str(secret), options=ca) == "well"
        assert found(uri, options=ca) == "well"
        assert "certificate" in found(uri)
        assert found(uri).startswith("wrong: ")
    other = tmp_path / "other"
    other.write_text("another\n")
    refused = found(slapd.uri, account=account, secret_file=str(other), options=ca)
    assert refused == "wrong: the login was refused: Invalid credentials"
    missing = found(slapd.uri, account=account, secret_file=str(tmp_path / "none"), options=ca)
    assert missing.startswith("unknown: the secret's file cannot be read")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert found(f"ldap://127.0.0.1:{port}", options=ca).startswith("silent: ")


def test_a_kdc_that_is_well_that_refuses_and_that_is_down(kdc: KdcServer, secret: Path, tmp_path: Path) -> None:
    account = kdc.add_account(Secret(PASSWORD.encode()))
    uri, realm = f"kerberos://{kdc.host}:{kdc.port}", {"realm": REALM}
    assert found(uri, account=account, secret_file=str(secret), options=realm) == "well"
    assert found(uri, account=account, options=realm) == "well"
    other = tmp_path / "other"
    other.write_text("another\n")
    assert found(uri, account=account, secret_file=str(other), options=realm).startswith("wrong: the login was refused")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert found(f"kerberos://127.0.0.1:{port}", account=account, options=realm).startswith("silent: ")


def test_an_openid_provider_is_asked_for_its_discovery_and_a_token(
    provider: Provider, throwaway_ca: ThrowAwayCa, secret: Path
) -> None:
    uri, ca = f"oidc+{provider.issuer}", {"ca": str(throwaway_ca.certificate)}
    login: dict[str, Any] = {"account": "probe:r", "secret_file": str(secret)}
    assert found(uri, options=ca) == "well"
    assert found(uri, options={**ca, "scope": "openid"}, **login) == "well"
    asked = provider.receiver.taken[-1]
    assert asked.body == b"grant_type=client_credentials&scope=openid"
    assert asked.headers["authorization"] == "Basic cHJvYmUlM0FyOm9mJTNBdGhlJTJCcHJvYmU="
    provider.token = Answer(401, json.dumps({"error": f"no {PASSWORD}"}).encode())
    assert found(uri, options=ca, **login) == "wrong: token: expected an answer 2xx, got 401"
    provider.token = Answer(200, b'{"access_token": ""}')
    assert found(uri, options=ca, **login).startswith("wrong: ")
    provider.document["token_endpoint"] = "https://elsewhere.example/token"
    before = len(provider.receiver.taken)
    assert "none of the issuer's" in found(uri, options=ca, **login)
    assert len(provider.receiver.taken) == before + 1
    provider.document = {"issuer": "https://elsewhere.example"}
    assert found(uri, options=ca) == "wrong: the discovery document is of another issuer"
    assert found(uri).startswith("wrong: certificate verify failed")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"[" * 50_000), "wrong: discovery: the answer is no JSON object"),
        (Answer(200, b"[]"), "wrong: discovery: the answer is no JSON object"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), "wrong: discovery: expected an answer 2xx, got 302"),
        (Answer(200, b"x" * 300_000), "wrong: the answer is longer than 262144 bytes"),
        (Answer(fault="reset"), "wrong: "),
    ],
)
def test_an_openid_provider_that_lies(answer: Answer, said: str) -> None:
    receiver = Receiver()
    receiver.answer = lambda _: answer
    assert found(f"oidc+{receiver.url}").startswith(said)
    receiver.stop()


def test_a_page_is_known_by_its_status_and_its_text() -> None:
    receiver = Receiver()
    receiver.answer = lambda request: Answer(503 if request.path == "/down" else 200, b"<p>all is well")
    assert found(f"{receiver.url}/") == "well"
    assert found(f"{receiver.url}/down") == "wrong: expected the status 2xx, got 503"
    assert found(f"{receiver.url}/down", options={"status": "200, 503"}) == "well"
    assert found(receiver.url, options={"contains": "all is well"}) == "well"
    assert found(receiver.url, options={"contains": "login"}) == "wrong: the page does not have the text that it should"
    assert found(f"tcp://127.0.0.1:{receiver.url.rpartition(':')[2]}") == "well"
    receiver.stop()


def test_a_name_and_a_program(tmp_path: Path) -> None:
    assert found("dns:localhost", options={"expect": "127.0.0.1, ::1"}) == "well"
    assert found("dns:localhost", options={"expect": "192.0.2.1"}).startswith("wrong: the name leads elsewhere, to ")
    assert found("dns:nothing.invalid").startswith(("wrong: ", "silent: "))
    program = tmp_path / "look"
    program.write_text("#!/bin/sh\nprintf 'no\\033[2J route' >&2\nexit 3\n")
    program.chmod(0o700)
    assert found(f"exec:{program}") == "wrong: it ended with 3: no[2J route"
    program.chmod(0o722)
    assert found(f"exec:{program}").startswith("unknown: it was not run: ")
    assert found("exec:/bin/true") == "well"


@contextmanager
def endless() -> Iterator[int]:
    """A server that sends without end, and says nothing."""
    over = threading.Event()

    def pour(taken: socket.socket) -> None:
        with taken:
            while not over.is_set():
                try:
                    taken.sendall(b"x" * 4096)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                try:
                    taken, _ = server.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=pour, args=[taken], daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@contextmanager
def half_open() -> Iterator[int]:
    """A server whose connections are made by its kernel and never taken."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


SCHEMES: dict[str, dict[str, Any]] = {
    "ldap": {}, "ldaps": {}, "https": {}, "http": {}, "oidc+http": {}, "oidc+https": {},
    "kerberos": {"account": "probe", "options": {"realm": REALM}},
}  # fmt: skip
"""What is spoken, and what a probe of it needs."""


def test_servers_that_never_answer_are_silent_together_within_one_budget() -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(half_open()), stack.enter_context(endless())]
        text = _policy("1s", [(scheme, port) for scheme in SCHEMES for port in ports])
        measured = asking.measure(policies.parse(text), "x", "INC-1")
        # They are still at it: nobody waited for their end.
        assert len(measured.probes) == len(SCHEMES) * len(ports)
        for answer in measured.probes.values():
            assert answer.startswith(("silent: ", "wrong: ")), answer
            assert len(answer) <= ANSWER_MAX_CHARS + 20
        declared = Asked("emergency", "x", "INC-1", "it is down", ("A", "B"), "exec", 60, (), dict(measured.probes))
        stands = gates.before_declaring(
            policies.parse(text), SetState("s"), declared, Moment("2026-01-01T00:00:00Z", "", 0)
        )
        assert stands == []


def test_what_no_protocol_is_is_wrong_and_its_words_are_not_believed() -> None:
    with impostor(b"\x1b[2J\xe2\x80\xae{not this}\r\n", b"\x1b]0;title\x07") as (port, _):
        for scheme, more in SCHEMES.items():
            answer = found(f"{scheme}://127.0.0.1:{port}", 3, **more)
            assert answer.startswith(("wrong: ", "silent: ")), (scheme, answer)
            assert answer.isprintable()


def test_a_thread_that_never_ends_costs_an_answer_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from breakglass_shamir.connectors.probes import asking as one_probe

    release = threading.Event()
    monkeypatch.setattr(one_probe, "ask", lambda *_: str(release.wait(60)))
    measured = asking.measure(policies.parse(_policy("1s", [("http", 1)])), "x", "INC-1")
    assert not release.is_set()
    assert [*measured.probes.values()] == ["silent: no answer within 1 s, the budget of all"]
    release.set()


def _policy(budget: str, places: list[tuple[str, int]]) -> str:
    probes = ""
    for number, (scheme, port) in enumerate(places):
        more = SCHEMES[scheme]
        options = ", ".join(f'{key} = "{value}"' for key, value in more.get("options", {}).items())
        account = f'account = "{more["account"]}"\n' if "account" in more else ""
        probes += (
            f'[[outage.probes]]\nname = "{number}"\nuri = "{scheme}://127.0.0.1:{port}"\n{account}'
            f'options = {{{options}}}\nwithin = "1s"\n'
        )
    return (
        'name = "s"\ntarget = {uri = "manual:"}\n'
        'quorum = {groups = [{threshold = 2, custodians = ["A", "B"]}]}\n'
        f'declaration = {{classes = ["x"]}}\n[outage]\nbudget = "{budget}"\n{probes}'
    )

# SPDX-License-Identifier: Apache-2.0
"""Attacks by a receiver of alerts: it takes its time, says more than can be kept, or sends us somewhere else.

Each of them would go on for an hour. That a test ends is the assertion; what arrived elsewhere meanwhile is counted.
"""

import base64
import contextlib
import json
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.alerts import translate
from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.sinks import (
    AnySink,
    ExecSink,
    FileSink,
    PagerDutySink,
    SlackSink,
    SmtpSink,
    SplunkSink,
    SyslogSink,
    WebhookSink,
)  # fmt: skip
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.openings import Overridden, Refused
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.monitoring import alerting
from tests.attacks.dripping import (
    HOST,
    HTTP_ENDLESS_BODIES,
    HTTP_WITHOUT_ANSWER,
    OK,
    Behaviour,
    Dripper,
    after,
    at_once,
    dripping,
    flood_after,
    full_backlog,
    once,
    packed,
    silence,
)  # fmt: skip

pytestmark = pytest.mark.timeout(120)

SECRET = "whsec_" + base64.b64encode(b"a signing secret of 32 bytes ...").decode()
TOKEN = "a-token-77e1"
LIMIT_S = 0.6

POSTING = ["webhook", "splunk", "pagerduty", "slack"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a delivery a second."""
    for module in ("base", "http", "smtp", "syslog"):
        for name in ("LIMIT_S", "TIMEOUT_S"):
            with contextlib.suppress(AttributeError):
                monkeypatch.setattr(f"breakglass_shamir.alerts.sinks.{module}.{name}", LIMIT_S)


def event(seq: int = 7) -> Event:
    body = Overridden(gate="ticket", problem="no such ticket", reason="the ticket system is down")
    record = Record(
        v=1, log="0123456789abcdef", seq=seq, previous="ab" * 32, root="cd" * 32, time="2026-01-02T03:04:05Z",
        boot="efef", uptime_ms=12, set="prod-db", opening="ee" * 32, body=body,
    )  # fmt: skip
    return translate.events(Entry(b"{}", record, "", "", ""), LedgerState())[0]


def configuration(kind: str, folder: Path, port: int, scheme: str = "http") -> AnySink:
    url = f"{scheme}://{HOST}:{port}"
    for name, text in (("s", SECRET), ("t", TOKEN), ("r", "a-routing-key"), ("u", f"{url}/services/T0/secret-part")):
        (folder / name).write_text(text)
    mail_to = ("c@d.example",)
    made: dict[str, AnySink] = {
        "webhook": WebhookSink(name="hook", url=f"{url}/hook", secret_file=str(folder / "s")),
        "splunk": SplunkSink(name="splunk", url=url, token_file=str(folder / "t")),
        "pagerduty": PagerDutySink(name="pager", routing_key_file=str(folder / "r"), url=url),
        "slack": SlackSink(name="slack", url_file=str(folder / "u")),
        "tcp": SyslogSink(name="siem", host=HOST, port=port, transport="tcp"),
        "tls": SyslogSink(name="siem", host=HOST, port=port, transport="tls"),
        "smtp": SmtpSink(name="mail", host=HOST, port=port, from_="a@b.example", to=mail_to, encryption="none"),
        "smtps": SmtpSink(name="mail", host=HOST, port=port, from_="a@b.example", to=mail_to, encryption="tls"),
    }  # fmt: skip
    return made[kind]


def sink(kind: str, folder: Path, port: int, scheme: str = "http") -> Deliverer:
    return deliverer(configuration(kind, folder, port, scheme))


@contextlib.contextmanager
def most_memory(more_bytes: int) -> Iterator[None]:
    """Fail where more memory is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + more_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.usefixtures("soon")
class TestNoReceiverKeepsADelivery:
    """One deadline, whatever is done with it."""

    @pytest.mark.parametrize("kind", POSTING)
    @pytest.mark.parametrize("behaviour", HTTP_WITHOUT_ANSWER)
    def test_an_http_answer_that_never_comes(self, kind: str, behaviour: str, tmp_path: Path) -> None:
        with dripping(HTTP_WITHOUT_ANSWER[behaviour]) as server, pytest.raises(SinkFailure) as caught:
            sink(kind, tmp_path, server.port).deliver([event()])
        assert caught.value.delivered == 0

    @pytest.mark.parametrize("kind", ["webhook", "pagerduty", "slack"])
    @pytest.mark.parametrize("head", HTTP_ENDLESS_BODIES)
    def test_a_yes_with_an_endless_body_is_a_yes(self, kind: str, head: str, tmp_path: Path) -> None:
        for behaviour in (after(HTTP_ENDLESS_BODIES[head], b"a"), flood_after(HTTP_ENDLESS_BODIES[head], b"a" * 65536)):
            with dripping(behaviour) as server, most_memory(200 << 20):
                sink(kind, tmp_path, server.port).deliver([event()])
                assert len(server.asked) == 1

    @pytest.mark.parametrize("head", HTTP_ENDLESS_BODIES)
    def test_a_body_that_is_wanted_and_never_ends_is_no_answer(self, head: str, tmp_path: Path) -> None:
        for behaviour in (after(HTTP_ENDLESS_BODIES[head], b"a"), flood_after(HTTP_ENDLESS_BODIES[head], b"a" * 65536)):
            with dripping(behaviour) as server, pytest.raises(SinkFailure), most_memory(200 << 20):
                sink("splunk", tmp_path, server.port).deliver([event()])

    @pytest.mark.parametrize("kind", POSTING)
    @pytest.mark.parametrize("head", HTTP_ENDLESS_BODIES)
    def test_a_no_with_an_endless_body_is_that_no(self, kind: str, head: str, tmp_path: Path) -> None:
        no = HTTP_ENDLESS_BODIES[head].replace(b"200 OK", b"429 Slow down\r\nRetry-After: 17")
        for behaviour in (after(no, b"a"), flood_after(no, b"a" * 65536)):
            with dripping(behaviour) as server, pytest.raises(SinkFailure, match="got 429") as caught:
                sink(kind, tmp_path, server.port).deliver([event()])
            assert caught.value.retry_after_s == 17

    @pytest.mark.parametrize("kind", ["webhook", "tls", "smtps"])
    @pytest.mark.parametrize(
        "behaviour", [silence, at_once(b"\x16\x03\x03\x40\x00", b"x"), after(b"\x16\x03\x03\x40\x00", b"x")]
    )  # fmt: skip
    def test_a_handshake_in_drips(self, kind: str, behaviour: Behaviour, tmp_path: Path) -> None:
        with dripping(behaviour) as server, pytest.raises(SinkFailure):
            sink(kind, tmp_path, server.port, "https").deliver([event()])

    @pytest.mark.parametrize(
        "behaviour",
        [
            silence, at_once(b"220", b"-"), at_once(b"", b"220-and more\r\n"),
            at_once(b"", b"220-and more\r\n", floods=True), at_once(b"220 ready\r\n", b"250-and more\r\n"),
        ],
    )  # fmt: skip
    def test_a_mail_server_that_never_finishes_a_line(self, behaviour: Behaviour, tmp_path: Path) -> None:
        with dripping(behaviour) as server, pytest.raises(SinkFailure), most_memory(200 << 20):
            sink("smtp", tmp_path, server.port).deliver([event()])

    @pytest.mark.parametrize("behaviour", [silence, after(b"", b"x"), flood_after(b"", b"x" * 65536)])
    def test_a_collector_that_drips_instead_of_ending(self, behaviour: Behaviour, tmp_path: Path) -> None:
        with dripping(behaviour) as server, pytest.raises(SinkFailure) as caught:
            sink("tcp", tmp_path, server.port).deliver([event(seq) for seq in range(20)])
        assert caught.value.delivered == 0

    @pytest.mark.parametrize("kind", ["webhook", "tcp", "tls", "smtp", "smtps"])
    def test_connecting_hangs(self, kind: str, tmp_path: Path) -> None:
        with full_backlog() as port, pytest.raises(SinkFailure):
            sink(kind, tmp_path, port).deliver([event()])

    @pytest.mark.parametrize("kind", ["webhook", "tcp", "smtp"])
    def test_the_look_up_of_a_name_hangs(self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(3600))
        with pytest.raises(SinkFailure):
            sink(kind, tmp_path, 9).deliver([event()])
        release.set()

    def test_a_pipe_that_nobody_reads(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(SinkFailure, match="no plain file"):
            deliverer(FileSink(name="file", path=str(pipe))).deliver([event()])

    def test_a_secret_that_is_a_pipe(self, tmp_path: Path) -> None:
        made = sink("splunk", tmp_path, 9)
        (tmp_path / "t").unlink()
        os.mkfifo(tmp_path / "t")
        with pytest.raises(SinkFailure, match="cannot be read"):
            made.deliver([event()])

    def test_an_authority_that_is_a_pipe(self, tmp_path: Path) -> None:
        pipe = tmp_path / "ca.pem"
        os.mkfifo(pipe)
        with dripping(silence) as server:
            made = deliverer(SyslogSink(name="siem", host=HOST, port=server.port, ca=str(pipe)))
            for words in ("no end within", "still hangs"):
                with pytest.raises(SinkFailure, match=words):
                    made.deliver([event()])
        os.close(os.open(pipe, os.O_WRONLY))  # lets go whoever waits for it

    def test_a_program_whose_child_stays(self, tmp_path: Path) -> None:
        script = tmp_path / "program"
        script.write_text("#!/bin/sh\nsleep 3600 &\nsleep 3600\n")
        script.chmod(0o700)
        with pytest.raises(SinkFailure, match="did not end within 1 s"):
            deliverer(ExecSink(name="exec", argv=(str(script),), timeout=Duration(1))).deliver([event()])


class TestNowhereElse:
    """No answer sends an alert, or a secret, to another place."""

    @pytest.mark.parametrize("kind", POSTING)
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, kind: str, status: int, tmp_path: Path) -> None:
        with dripping(once(OK + b"Content-Length: 0\r\n\r\n")) as elsewhere:
            for place in (f"http://{HOST}:{elsewhere.port}/", "/again", "//localhost/", "file:///etc/passwd"):
                head = f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
                with dripping(once(head)) as server:
                    with pytest.raises(SinkFailure, match=f"got {status}") as caught:
                        sink(kind, tmp_path, server.port).deliver([event()])
                    assert "redirect" in caught.value.hint
                    assert len(server.asked) == 1
            assert elsewhere.asked == []


class TestWhatAReceiverSays:
    """Its reason is kept, cleaned, short, and never a secret of ours."""

    def refusal(self, kind: str, folder: Path, body: bytes, media: bytes = b"application/json") -> str:
        head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (media, len(body))
        with dripping(once(head + body)) as server, pytest.raises(SinkFailure) as caught:
            sink(kind, folder, server.port).deliver([event()])
        return f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"text": "Incorrect index", "code": 7}', b'{"errors": ["Incorrect index"]}', b"Incorrect index",
            b'{"error": {"message": "Incorrect index"}}', b'{"message": "Incorrect\\u001b[2J\\n index"}',
        ],
    )  # fmt: skip
    def test_the_reason_is_told(self, body: bytes, tmp_path: Path) -> None:
        said = self.refusal("splunk", tmp_path, body)
        assert "got 403: Incorrect" in said
        assert "index" in said
        assert said.isprintable()

    @pytest.mark.parametrize("body", [b"<html>x</html>", b"\xff\xfe\0\x1b]0;x\x07", b"[" * 8000, b"9" * 8000, b""])
    def test_what_is_no_reason_spoils_no_message(self, body: bytes, tmp_path: Path) -> None:
        said = self.refusal("splunk", tmp_path, body, b"text/plain")
        assert "got 403" in said
        assert said.isprintable()
        assert len(said) < 600

    @pytest.mark.parametrize(
        ("kind", "secret"), [("splunk", TOKEN), ("pagerduty", "a-routing-key"), ("slack", "secret-part")]
    )  # fmt: skip
    def test_a_receiver_that_repeats_our_secret_is_not_quoted(self, kind: str, secret: str, tmp_path: Path) -> None:
        forms = [secret, base64.b64encode(secret.encode()).decode(), json.dumps(secret)]
        for form in forms:
            for body in (f'{{"message": "no such key: {json.dumps(form)[1:-1]}"}}', f"you sent {form}"):
                said = self.refusal(kind, tmp_path, body.encode())
                assert "withheld" in said
                assert secret not in said
                assert form not in said

    def test_a_secret_that_no_header_may_hold_is_in_no_message(self, tmp_path: Path) -> None:
        made = sink("splunk", tmp_path, 9)
        for spoiled in ("beans\rInjected: x", "beans\x00", "beans\u00e9", "beans\x7f"):
            (tmp_path / "t").write_text(spoiled)
            with pytest.raises(SinkFailure) as caught:
                made.deliver([event()])
            assert "beans" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"

    @pytest.mark.parametrize("address", ["https://h:99999999/x", "https://h:beans/x", "ftp://beans/", "https:///beans"])
    def test_an_address_that_is_none_is_in_no_message(self, address: str, tmp_path: Path) -> None:
        made = sink("slack", tmp_path, 9)
        (tmp_path / "u").write_text(address)
        with pytest.raises(SinkFailure) as caught:
            made.deliver([event()])
        assert "beans" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"

    def test_a_packed_answer_is_unpacked_no_further_than_it_may_be_long(self, tmp_path: Path) -> None:
        for status, words in ((OK, "longer than"), (b"HTTP/1.1 500 No\r\n", "got 500")):
            refused = pytest.raises(SinkFailure, match=words)
            with dripping(once(packed(status))) as server, most_memory(100 << 20), refused:
                sink("splunk", tmp_path, server.port).deliver([event()])


POLICY = """
name = "north"
target = {{uri = "manual:"}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
declaration = {{classes = ["idp-outage"]}}
{sinks}
"""


class TestNoSinkKeepsAnother:
    """What arrives at one place while another never finishes."""

    @pytest.fixture(autouse=True)
    def _over(self) -> None:
        self.over = threading.Event()

    def home(self, folder: Path, sinks: dict[str, str]) -> Path:
        made = folder / "home"
        homes.create(made, "north").close()
        tables = "\n".join(f'[[alerts.sinks]]\nname = "{name}"\n{keys}' for name, keys in sinks.items())
        source = POLICY.format(sinks=tables)
        with homes.open_home(made, BESIDE) as ledger:
            ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name="north")
        return made

    def say(self, home: Path, words: str) -> None:
        with homes.open_home(home, BESIDE) as ledger:
            ledger.append(Refused(stage="open", error="insufficient-shares", message=words), set_name="north")

    @contextlib.contextmanager
    def courier(self, home: Path) -> Iterator[Callable[[], Any]]:
        """Deliver as beside an opening; yields what wakes it."""
        reading, writing = os.pipe()
        thread = threading.Thread(target=alerting.follow, args=(home, reading), daemon=True)
        thread.start()
        try:
            yield lambda: os.write(writing, b".")
        finally:
            os.close(writing)
            thread.join(100)
            os.close(reading)
            assert not thread.is_alive()

    @pytest.mark.parametrize("kinds", [["webhook"], ["tcp", "smtp", "webhook"], ["pipe", "hang"]])
    def test_a_sink_that_drips_for_an_hour_keeps_no_other(self, kinds: list[str], tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        with contextlib.ExitStack() as stack:
            sinks = {kind: self.bad(kind, tmp_path, stack) for kind in kinds}
            home = self.home(tmp_path, {**sinks, "well": f'type = "file"\npath = "{out}"'})
            wake = stack.enter_context(self.courier(home))
            for number in range(5):
                self.say(home, f"word {number}")
                wake()
                while f"word {number}" not in (out.read_text() if out.exists() else ""):
                    time.sleep(0.05)
            self.over.set()

    def end(self, server: Dripper) -> None:
        self.over.wait()
        server.stop()

    def bad(self, kind: str, folder: Path, stack: contextlib.ExitStack) -> str:
        if kind == "pipe":
            os.mkfifo(folder / "pipe")
            return f'type = "file"\npath = "{folder / "pipe"}"'
        if kind == "hang":
            script = folder / "hang"
            script.write_text("#!/bin/sh\nsleep 60\n")
            script.chmod(0o700)
            return f'type = "exec"\nargv = ["{script}"]\ntimeout = "5s"'
        behaviour = at_once(b"", b"220-and more\r\n") if kind == "smtp" else after(b"", b"x")
        server = stack.enter_context(dripping(behaviour))
        threading.Thread(target=self.end, args=(server,), daemon=True).start()
        if kind == "webhook":
            (folder / "secret").write_text(SECRET)
            return f'type = "webhook"\nurl = "http://{HOST}:{server.port}/"\nsecret_file = "{folder / "secret"}"'
        if kind == "smtp":
            more = 'from = "a@b.example"\nto = ["c@d.example"]\nencryption = "none"'
            return f'type = "smtp"\nhost = "{HOST}"\nport = {server.port}\n{more}'
        return f'type = "syslog"\nhost = "{HOST}"\nport = {server.port}\ntransport = "tcp"'

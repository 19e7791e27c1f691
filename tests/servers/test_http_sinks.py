# SPDX-License-Identifier: Apache-2.0
"""The sinks that post: webhook, Splunk, PagerDuty, Slack; their wire, their acknowledgement, their failures."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alert_events import overridden, settled, voided
from http_receiver import Answer, Receiver, Request
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import webhook
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.custody.policy.sinks import AnySink, PagerDutySink, SlackSink, SplunkSink, WebhookSink
from breakglass_shamir.errors import SinkFailure

CHANNEL = "fe0ecfad-13d5-401b-847d-77833bd77131"
SECRET = base64.b64encode(b"a signing secret of 32 bytes ...").decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


class Desk:
    """Makes each kind of sink, its secret in a file."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder = folder
        self.receiver = receiver

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)

    def sink(self, kind: str, **more: Any) -> Deliverer:
        return deliverer(self.configuration(kind, **more))

    def configuration(self, kind: str, **more: Any) -> AnySink:
        url = self.receiver.url
        if kind == "webhook":
            return WebhookSink(name="hook", url=f"{url}/hook", secret_file=self.file("s", f"whsec_{SECRET}\n"), **more)
        if kind == "splunk":
            return SplunkSink(name="splunk", url=url, token_file=self.file("t", "a-token"), **more)
        if kind == "pagerduty":
            return PagerDutySink(name="pager", routing_key_file=self.file("r", "a-routing-key"), url=url)
        return SlackSink(name="slack", url_file=self.file("u", f"{url}/services/T0/B0/secret-part"))


@pytest.fixture
def desk(tmp_path: Path, receiver: Receiver) -> Desk:
    return Desk(tmp_path, receiver)


def splunk(request: Request) -> Answer:
    """Answer as Splunk's documents say: success, and an ackId on a channel."""
    if request.path.endswith("/ack"):
        return Answer(body=json.dumps({"acks": {str(one): True for one in request.tree["acks"]}}).encode())
    return Answer(body=b'{"text":"Success","code":0,"ackId":3}')


def test_the_published_signature_of_standard_webhooks() -> None:
    """The worked example of that specification."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = webhook.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secret)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_is_signed_over_what_was_sent(desk: Desk) -> None:
    event = voided(3, "ümläut")
    desk.sink("webhook").deliver([event])
    (request,) = desk.receiver.taken
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(base64.b64decode(SECRET), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == event.id
    assert request.tree == {
        "type": "breakglass.sheet-voided", "timestamp": "2026-01-02T03:04:05Z", "data": event.document
    }  # fmt: skip


def test_splunk_gets_every_event_under_its_token(desk: Desk) -> None:
    desk.receiver.answer = splunk
    events = [voided(1), voided(2)]
    desk.sink("splunk", index="security").deliver(events)
    (request,) = desk.receiver.taken
    assert request.path == "/services/collector/event"
    assert request.headers["authorization"] == "Splunk a-token"
    found = [json.loads(one) for one in request.body.replace(b"}{", b"}\n{").splitlines()]
    assert [one["event"] for one in found] == [event.document for event in events]
    assert {one["index"] for one in found} == {"security"}


def test_splunk_counts_only_what_the_indexer_acknowledged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breakglass_shamir.alerts.sinks.splunk.ACK_POLL_S", 0.01)
    asked: list[bool] = []

    def slowly(request: Request) -> Answer:
        if request.path.endswith("/ack"):
            asked.append(len(asked) >= 2)
            return Answer(body=json.dumps({"acks": {"3": asked[-1]}}).encode())
        return splunk(request)

    desk.receiver.answer = slowly
    desk.sink("splunk", channel=CHANNEL, ack=True).deliver([voided(1)])
    assert asked == [False, False, True]
    assert all(request.headers["x-splunk-request-channel"] == CHANNEL for request in desk.receiver.taken)


def test_splunk_without_the_acknowledgement_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breakglass_shamir.alerts.sinks.splunk.ACK_WAIT_S", 0.05)
    monkeypatch.setattr("breakglass_shamir.alerts.sinks.splunk.ACK_POLL_S", 0.01)
    no = Answer(body=b'{"acks":{"3":false}}')
    desk.receiver.answer = lambda request: no if request.path.endswith("/ack") else splunk(request)
    with pytest.raises(SinkFailure, match="acknowledged nothing"):
        desk.sink("splunk", channel=CHANNEL, ack=True).deliver([voided(1)])


def test_pagerduty_opens_and_resolves_one_incident(desk: Desk) -> None:
    desk.receiver.answer = lambda _request: Answer(202)
    sink = desk.sink("pagerduty")
    opened, resolved = overridden(7), settled("ticket-7", 8)
    sink.deliver([opened, resolved])
    first, second = [request.tree for request in desk.receiver.taken]
    assert (first["event_action"], second["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == second["dedup_key"]
    assert first["routing_key"] == "a-routing-key"
    assert first["payload"]["severity"] == "error"
    assert first["payload"]["summary"] == opened.subject
    assert not sink.is_for(voided(1))


def test_slack_gets_a_line_without_markup_of_ours(desk: Desk) -> None:
    desk.sink("slack").deliver([voided(1, "<!channel> & more")])
    (request,) = desk.receiver.taken
    assert request.path == "/services/T0/B0/secret-part"
    assert "&lt;!channel&gt; &amp; more" in request.tree["text"]


@pytest.mark.parametrize("kind", ["webhook", "splunk", "pagerduty", "slack"])
class TestFailures:
    """What every sink that posts does when the answer is not a yes."""

    @pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 429, 500, 503])
    def test_no_other_answer_counts(self, desk: Desk, kind: str, status: int) -> None:
        desk.receiver.answer = lambda _request: Answer(status, headers={"Location": "http://127.0.0.1:1/"})
        with pytest.raises(SinkFailure, match=f"got {status}") as caught:
            desk.sink(kind).deliver([overridden()])
        assert caught.value.delivered == 0

    def test_what_the_sink_asked_to_wait_is_passed_on(self, desk: Desk, kind: str) -> None:
        desk.receiver.answer = lambda _request: Answer(429, headers={"Retry-After": "17"})
        with pytest.raises(SinkFailure) as caught:
            desk.sink(kind).deliver([overridden()])
        assert caught.value.retry_after_s == 17

    @pytest.mark.parametrize("asked", ["99999999", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "\u0661"])
    def test_no_answer_makes_us_wait_for_ever(self, desk: Desk, kind: str, asked: str) -> None:
        encoded = asked.encode("latin-1", "replace").decode("latin-1")
        desk.receiver.answer = lambda _request: Answer(503, headers={"Retry-After": encoded})
        with pytest.raises(SinkFailure) as caught:
            desk.sink(kind).deliver([overridden()])
        assert 0 <= caught.value.retry_after_s <= 3600

    @pytest.mark.parametrize("fault", ["hang", "reset", "lost"])
    def test_no_answer_is_no_yes(self, desk: Desk, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("breakglass_shamir.alerts.sinks.base.LIMIT_S", 0.3)
        desk.receiver.answer = lambda _request: Answer(fault=fault)
        with pytest.raises(SinkFailure):
            desk.sink(kind).deliver([overridden()])

    def test_no_secret_is_in_a_failure(self, desk: Desk, kind: str) -> None:
        texts = []
        for answer in (Answer(500), Answer(fault="reset")):
            desk.receiver.answer = lambda _request, answer=answer: answer  # type: ignore[misc]
            with pytest.raises(SinkFailure) as caught:
                desk.sink(kind).deliver([overridden()])
            texts.append(f"{caught.value} {caught.value.hint} {caught.value!r}")
        desk.receiver.stop()
        with pytest.raises(SinkFailure) as caught:
            desk.sink(kind).deliver([overridden()])
        texts.append(str(caught.value))
        for secret in (SECRET, "a-token", "a-routing-key", "secret-part"):
            assert secret not in " ".join(texts)

    def test_a_secret_that_cannot_be_read_is_named_by_its_file(self, desk: Desk, kind: str) -> None:
        sink = desk.sink(kind)
        for path in desk.folder.iterdir():
            path.unlink()
        with pytest.raises(SinkFailure, match="cannot be read: No such file"):
            sink.deliver([overridden()])

    def test_an_empty_secret_is_refused(self, desk: Desk, kind: str) -> None:
        sink = desk.sink(kind)
        for path in desk.folder.iterdir():
            path.write_text(" \n")
        with pytest.raises(SinkFailure, match="on one line in"):
            sink.deliver([overridden()])


@pytest.mark.parametrize("kind", ["webhook", "pagerduty", "slack"])
def test_what_arrived_before_the_failure_is_counted(desk: Desk, kind: str) -> None:
    answers = iter([Answer(202), Answer(202), Answer(500)])
    desk.receiver.answer = lambda _request: next(answers)
    with pytest.raises(SinkFailure) as caught:
        desk.sink(kind).deliver([overridden(seq) for seq in (1, 2, 3, 4)])
    assert caught.value.delivered == 2


class TestTls:
    """Verified by the policy's authority, and by the name."""

    @pytest.fixture
    def ca(self, tmp_path: Path, need: Callable[[str], str]) -> ThrowAwayCa:
        need("openssl")
        return ThrowAwayCa(tmp_path / "ca")

    def hook(self, tmp_path: Path, url: str, ca: str | None) -> Deliverer:
        secret = tmp_path / "secret"
        secret.write_text(f"whsec_{SECRET}")
        return deliverer(WebhookSink(name="hook", url=url, secret_file=str(secret), ca=ca))

    def test_the_policys_authority_is_trusted_and_no_other(self, tmp_path: Path, ca: ThrowAwayCa) -> None:
        receiver = Receiver(ca.issue("receiver", "127.0.0.1"))
        try:
            self.hook(tmp_path, receiver.url, str(ca.certificate)).deliver([voided(1)])
            assert len(receiver.taken) == 1
            other = ThrowAwayCa(tmp_path / "other")
            for wrong in (str(other.certificate), None):
                with pytest.raises(SinkFailure):
                    self.hook(tmp_path, receiver.url, wrong).deliver([voided(2)])
            with pytest.raises(SinkFailure):
                self.hook(tmp_path, receiver.url.replace("127.0.0.1", "localhost"), str(ca.certificate)).deliver(
                    [voided(3)]
                )
            assert len(receiver.taken) == 1
        finally:
            receiver.stop()


EXAMPLE = Path(__file__).resolve().parents[2] / "docs/guide-operator.md"


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """Return the verifier that the operator's guide shows."""
    (text,) = re.findall(r"```python\n(import base64.*?)```", EXAMPLE.read_text(), re.DOTALL)
    assert len(text.split("\n\n\n")[1].strip().splitlines()) + 1 <= 10
    place: dict[str, Any] = {}
    exec(text, place)  # noqa: S102 - our own document
    found: Callable[[str, dict[str, str], bytes], bool] = place["is_ours"]
    return found


def test_the_verifier_of_the_guide_takes_ours_and_nothing_else(desk: Desk) -> None:
    is_ours = documented()
    desk.sink("webhook").deliver([voided(1, "ümläut")])
    (taken,) = desk.receiver.taken
    assert is_ours(f"whsec_{SECRET}\n", taken.headers, taken.body)
    old = str(int(taken.headers["webhook-timestamp"]) - 3600)
    for headers, body in (
        (taken.headers, taken.body + b" "),
        ({**taken.headers, "webhook-id": "another"}, taken.body),
        ({**taken.headers, "webhook-timestamp": old}, taken.body),
        ({**taken.headers, "webhook-signature": "v1,AAAA v1a,BBBB"}, taken.body),
    ):
        assert not is_ours(f"whsec_{SECRET}", headers, body)
    assert not is_ours("whsec_" + "A" * 32, taken.headers, taken.body)


@pytest.mark.parametrize("kind", ["webhook", "splunk", "pagerduty", "slack"])
@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b'{"text": "Invalid token", "code": 4}', "Invalid token"),
        (b'{"error": {"message": "quota\\u0007 over\\nfor today"}}', "quota over for today"),
        (b"no_service", "no_service"),
        (b"x" * 9000, "xxx..."),
    ],
)  # fmt: skip
def test_the_receivers_reason_is_kept(desk: Desk, kind: str, said: bytes, wanted: str) -> None:
    desk.receiver.answer = lambda _: Answer(403, said)
    with pytest.raises(SinkFailure) as caught:
        desk.sink(kind).deliver([voided(1)])
    assert "403" in str(caught.value)
    assert wanted in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/services/collector", "/services/collector/", "/services/collector/event", "/services",
        "/services/collector/event/1.0", "/services/collector/raw", "/services/collector/raw/1.0/",
        "/services/collector/ack", "/services/collector/health/1.0", "/services/collector/1.0", "//",
        f"/services/collector/event?channel={CHANNEL}", f"?channel={CHANNEL.lower()}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("front", ["", "/splunk/in"])
def test_splunks_address_is_taken_in_every_documented_form(path: str, front: str, desk: Desk) -> None:
    desk.receiver.answer = splunk
    sink = SplunkSink(name="splunk", url=f"{desk.receiver.url}{front}{path}", token_file=desk.file("t", "a-token"))
    deliverer(sink).deliver([voided(1)])
    (taken,) = desk.receiver.taken
    assert taken.path == f"{front}/services/collector/event"
    assert (taken.headers.get("x-splunk-request-channel") is not None) == ("channel" in path)


@pytest.mark.parametrize(
    ("query", "more", "why"),
    [
        ("?token=a-token-of-ours", {}, "holds a token"), ("?index=main", {}, "not known here: index"),
        (f"?channel={CHANNEL}", {"channel": CHANNEL.replace("1", "2")}, "one channel"), ("?channel=x", {}, "GUID"),
    ],
)  # fmt: skip
def test_splunks_address_with_anything_else_is_refused(
    query: str, more: dict[str, Any], why: str, desk: Desk
) -> None:  # fmt: skip
    url = f"{desk.receiver.url}/services/collector{query}"
    made = deliverer(SplunkSink(name="splunk", url=url, token_file=desk.file("t", "a-token"), **more))
    with pytest.raises(SinkFailure, match=why) as caught:
        made.deliver([voided(1)])
    assert "a-token-of-ours" not in f"{caught.value} {caught.value.hint}"
    assert desk.receiver.taken == []
    assert any(why in one for one in made.lacking())


def test_every_event_fits_what_a_sink_needs(desk: Desk) -> None:
    """A body without an opening, and one about the terminal, are sent like any other."""
    desk.receiver.answer = splunk
    events: list[Event] = [voided(1), overridden(2)]
    for kind in ("webhook", "splunk", "pagerduty", "slack"):
        desk.sink(kind).deliver(events)
    assert len(desk.receiver.taken) == 7

# SPDX-License-Identifier: Apache-2.0
"""The sink for any collector over HTTP: each preset against a TLS server that holds its vendor's documented request.

No collector of these vendors can be installed here. What stands for them refuses whatever their documents do not
allow, and answers with the errors that they name.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from alert_events import event as made
from alert_events import overridden, voided
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from http_receiver import Answer, Receiver, Request
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import oauth
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.custody.policy import http_rules
from breakglass_shamir.custody.policy.sinks import HttpSink, from_json, to_json
from breakglass_shamir.custody.records.monitoring import LoginSeen
from breakglass_shamir.errors import SinkFailure
from tests.unit.alerts.samples import sample

pytestmark = pytest.mark.timeout(120)

SECRET = "a-secret~of/ours+22"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
DCR = "/dataCollectionRules/dcr-0123456789abcdef0123456789abcdef/streams/Custom-Breakglass_CL"
INSTANCE = "/v1alpha/projects/p/locations/eu/instances/33333333-aaaa-bbbb-cccc-444444444444"
PRESETS = ["sentinel", "elastic", "datadog", "secops", "loki"]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> ThrowAwayCa:
    need("openssl")
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def account_key() -> RSA.RsaKey:
    return RSA.generate(2048)


class Vendors:
    """Every vendor at once, on one TLS address: what it documents, else a refusal that says what is wrong."""

    def __init__(self, receiver: Receiver, account_key: RSA.RsaKey) -> None:
        self.receiver = receiver
        self.key = account_key
        self.tokens = 0
        self.lasts_s: object = 3599
        self.valid = set[str]()
        self.stored: dict[str, list[str]] = {name: [] for name in PRESETS}
        self.fault: Callable[[Request], Answer | None] = lambda _request: None
        receiver.answer = self.answer

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/token"):
            return self._token(request)
        if fault := self.fault(request):
            return fault
        kinds = {
            DCR: self._sentinel, "/alerts/_bulk": self._elastic, "/api/v2/logs": self._datadog,
            INSTANCE: self._secops, "/loki/api/v1/push": self._loki,
        }  # fmt: skip
        try:
            return next(kind(request) for path, kind in kinds.items() if request.path.startswith(path))
        except (AssertionError, StopIteration) as error:
            return Answer(400, json.dumps({"error": {"message": f"not as documented: {error!r}"}}).encode())

    def _token(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        if request.path == f"/{TENANT}/oauth2/v2.0/token":
            expected = {
                "client_id": CLIENT, "scope": "https://monitor.azure.com//.default", "client_secret": SECRET,
                "grant_type": "client_credentials",
            }  # fmt: skip
            if form != expected:
                text = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')}"
                return Answer(401, json.dumps({"error": "invalid_client", "error_description": text}).encode())
        else:
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            head, claims, signature = form["assertion"].split(".")
            pkcs1_15.new(self.key.public_key()).verify(SHA256.new(f"{head}.{claims}".encode()), unpadded(signature))
            said = json.loads(unpadded(claims))
            assert json.loads(unpadded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
            assert said["aud"] == f"{self.receiver.url}/token"
            assert (said["iss"], said["scope"]) == ("us@p.example", "https://www.googleapis.com/auth/cloud-platform")
            assert 0 < said["exp"] - said["iat"] <= 3600
        self.tokens += 1
        self.valid = {f"token-{self.tokens}"}
        tree = {"token_type": "Bearer", "expires_in": self.lasts_s, "access_token": f"token-{self.tokens}"}
        return Answer(body=json.dumps(tree).encode())

    def _bearer(self, request: Request) -> Answer | None:
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.valid:
            return None
        return Answer(401, b'{"error": {"code": "InvalidToken", "message": "the token is over"}}')

    def _sentinel(self, request: Request) -> Answer:
        if refused := self._bearer(request):
            return refused
        assert (request.method, request.path) == ("POST", f"{DCR}?api-version=2023-01-01")
        assert request.headers["content-type"] == "application/json"
        rows = unpacked(request)
        assert isinstance(rows, list)
        for row in rows:
            assert row["TimeGenerated"] == "2026-01-02T03:04:05.000Z"
            assert all(len(name) <= 45 and name.isidentifier() and name.isascii() for name in row)
            assert not any(isinstance(value, dict | list) for value in row.values())
        self.stored["sentinel"] += [row["metadata_uid"] for row in rows]
        return Answer(204, b"")

    def _elastic(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"ApiKey {SECRET}":
            return Answer(401, b'{"error": {"type": "security_exception", "reason": "unable to authenticate"}}')
        assert request.headers["content-type"] == "application/x-ndjson"
        text = gzip.decompress(request.body) if "content-encoding" in request.headers else request.body
        assert text.endswith(b"\n")
        found = [json.loads(line) for line in text.splitlines()]
        items = []
        for action, document in zip(found[::2], found[1::2], strict=True):
            identifier = action["create"]["_id"]
            assert document["@timestamp"] == "2026-01-02T03:04:05.000Z"
            assert document["event"]["id"] == identifier
            assert document["ecs"]["version"] == "8.17.0"
            status, error = 201, None
            if identifier in self.stored["elastic"]:
                status, error = 409, {"type": "version_conflict_engine_exception", "reason": "document already exists"}
            elif "poison" in document["message"]:
                status, error = 400, {"type": "document_parsing_exception", "reason": f"[1:2] failed {SECRET}"}
            elif "busy" in document["message"]:
                status, error = 429, {"type": "es_rejected_execution_exception", "reason": "queue is full"}
            else:
                self.stored["elastic"].append(identifier)
            item = {"_index": "alerts", "_id": identifier, "status": status, **({"error": error} if error else {})}
            items.append({"create": item})
        errors = any("error" in item["create"] for item in items)
        return Answer(200, json.dumps({"took": 3, "errors": errors, "items": items}).encode())

    def _datadog(self, request: Request) -> Answer:
        if request.headers.get("dd-api-key") != SECRET:
            return Answer(403, b'{"errors": [{"status": "403", "title": "Forbidden", "detail": "bad key"}]}')
        assert request.headers["content-type"] == "application/json"
        assert "authorization" not in request.headers
        for log in unpacked(request):
            assert {"ddsource", "ddtags", "hostname", "message", "service"} <= log.keys()
            self.stored["datadog"].append(log["breakglass"]["metadata"]["uid"])
        return Answer(202, b"{}")

    def _secops(self, request: Request) -> Answer:
        if refused := self._bearer(request):
            return refused
        assert request.path == f"{INSTANCE}/events:import"
        tree = unpacked(request)
        assert list(tree) == ["inlineSource"]
        for one in tree["inlineSource"]["events"]:
            about = one["udm"]["metadata"]
            assert about["eventType"] == "GENERIC_EVENT"
            assert about["eventTimestamp"].endswith("Z")
            assert one["udm"]["securityResult"][0]["severity"] in {"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
            self.stored["secops"].append(about["productLogId"])
        return Answer(200, b"{}")

    def _loki(self, request: Request) -> Answer:
        if request.headers.get("x-scope-orgid") != "security":
            return Answer(401, b"no org id\n")
        for stream in unpacked(request)["streams"]:
            assert stream["stream"]["service_name"] == "breakglass"
            assert all(isinstance(value, str) for value in stream["stream"].values())
            for at, line in stream["values"]:
                assert at == "1767323045000000000"
                self.stored["loki"].append(json.loads(line)["metadata"]["uid"])
        return Answer(204, b"")


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unpacked(request: Request) -> Any:
    packed = request.headers.get("content-encoding") == "gzip"
    return json.loads(gzip.decompress(request.body) if packed else request.body)


@pytest.fixture
def vendors(ca: ThrowAwayCa, account_key: RSA.RsaKey) -> Iterator[Vendors]:
    oauth.forget()
    receiver = Receiver(ca.issue("vendors", "127.0.0.1"))
    yield Vendors(receiver, account_key)
    receiver.stop()


Make = Callable[..., Deliverer]


@pytest.fixture
def make(vendors: Vendors, ca: ThrowAwayCa, tmp_path: Path, account_key: RSA.RsaKey) -> Make:
    """Return what makes a preset's sink, as a policy has it."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    account = {
        "type": "service_account", "client_email": "us@p.example", "private_key_id": "k1",
        "private_key": account_key.export_key(pkcs=8).decode(), "token_uri": "https://stranger.invalid/token",
    }  # fmt: skip
    (tmp_path / "account").write_text(json.dumps(account, indent=1))
    url = vendors.receiver.url
    secret = {"secret_file": str(tmp_path / "secret")}
    keys: dict[str, dict[str, Any]] = {
        "sentinel": {
            "url": f"{url}{DCR}?api-version=2023-01-01", "token_url": f"{url}/{TENANT}/oauth2/v2.0/token",
            "client_id": CLIENT, **secret,
        },
        "elastic": {"url": f"{url}/alerts/_bulk", **secret},
        "datadog": {"url": f"{url}/api/v2/logs", **secret},
        "secops": {
            "url": f"{url}{INSTANCE}/events:import", "token_url": f"{url}/token",
            "secret_file": str(tmp_path / "account"),
        },
        "loki": {"url": f"{url}/loki/api/v1/push", "headers": ("X-Scope-OrgID: security",), **secret},
        "none": {"url": f"{url}/alerts/_bulk"},
    }  # fmt: skip

    def sink(preset: str, **more: Any) -> Deliverer:
        found = HttpSink(name="siem", preset=preset, ca=str(ca.certificate), **{**keys[preset], **more})  # type: ignore[arg-type]
        assert list(http_rules.problems(found, "alerts.sinks[0]")) == []
        return deliverer(from_json(to_json(found)))

    return sink


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


@pytest.mark.parametrize("preset", PRESETS)
class TestPresets:
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_the_documented_request_is_taken(self, vendors: Vendors, make: Make, preset: str, gzipped: bool) -> None:
        login = made(sample(LoginSeen, "words"))
        events = [voided(1), overridden(2), login, voided(4, "an 'ümläut' \"}, {\u2028")]
        make(preset, gzip=gzipped).deliver(events)
        assert sorted(vendors.stored[preset]) == sorted(ids(events))

    def test_batches_are_bounded_by_count(self, vendors: Vendors, make: Make, preset: str) -> None:
        sink = make(preset, batch=3)
        assert sink.batch == 3
        sink.deliver([voided(seq) for seq in range(7)])
        assert len([one for one in vendors.receiver.taken if not one.path.endswith("token")]) == 3
        assert len(vendors.stored[preset]) == 7

    def test_batches_are_bounded_by_bytes(self, vendors: Vendors, make: Make, preset: str) -> None:
        make(preset, batch_bytes=10_000).deliver([voided(seq, "x" * 900) for seq in range(12)])
        bodies = [one.body for one in vendors.receiver.taken if not one.path.endswith("token")]
        assert len(bodies) > 1
        assert max(map(len, bodies)) <= 10_000
        assert len(vendors.stored[preset]) == 12

    def test_too_long_is_halved(self, vendors: Vendors, make: Make, preset: str) -> None:
        vendors.fault = lambda request: Answer(413) if len(request.body) > 4000 else None
        events = [voided(seq) for seq in range(8)]
        make(preset).deliver(events)
        assert sorted(vendors.stored[preset]) == sorted(ids(events))

    def test_one_that_is_refused_holds_up_no_other(self, vendors: Vendors, make: Make, preset: str) -> None:
        vendors.fault = lambda request: (
            Answer(400, b'{"message": "no such field"}') if b"poison" in request.body else None
        )
        events = [voided(seq, "poison" if seq == 5 else "fine") for seq in range(8)]
        with pytest.raises(SinkFailure, match="1 event refused") as caught:
            make(preset).deliver(events)
        assert events[5].id in str(caught.value)
        assert "no such field" in str(caught.value)
        assert caught.value.taken == (0, 1, 2, 3, 4, 6, 7)
        assert caught.value.only_refused

    def test_where_all_are_refused_it_stops(self, vendors: Vendors, make: Make, preset: str) -> None:
        asked: list[str] = []

        def refused(request: Request) -> Answer:
            asked.append(request.path)
            return Answer(400, b'{"message": "no such table"}')

        vendors.fault = refused
        with pytest.raises(SinkFailure, match="no such table") as caught:
            make(preset).deliver([voided(seq) for seq in range(64)])
        assert caught.value.taken == ()
        assert not caught.value.only_refused
        assert len(asked) < 14

    def test_old_ones_that_are_refused_hold_up_no_new_ones(self, vendors: Vendors, make: Make, preset: str) -> None:
        """As Loki does with what is older than a week."""
        vendors.fault = lambda request: Answer(400, b'{"message": "too old"}') if b"poison" in request.body else None
        events = [voided(seq, "poison" if seq < 5 else "fine") for seq in range(16)]
        with pytest.raises(SinkFailure, match="5 events refused") as caught:
            make(preset).deliver(events)
        assert caught.value.taken == tuple(range(5, 16))
        assert sorted(vendors.stored[preset]) == sorted(ids(events[5:]))

    @pytest.mark.parametrize("status", [301, 308, 401, 403, 429, 503])
    def test_no_other_answer_counts(self, vendors: Vendors, make: Make, preset: str, status: int) -> None:
        stranger = Receiver()
        more = {"Location": f"{stranger.url}/", "Retry-After": "17"}
        said = json.dumps({"message": f"no, {SECRET} and Bearer token-1"}).encode()
        vendors.fault = lambda _request: Answer(status, said, more)
        try:
            with pytest.raises(SinkFailure, match=f"got {status}") as caught:
                make(preset).deliver([voided(1), voided(2)])
        finally:
            stranger.stop()
        assert (caught.value.delivered, caught.value.taken, caught.value.retry_after_s) == (0, (), 17)
        assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value!r}"
        assert preset not in ("sentinel", "secops") or "token-1" not in str(caught.value)
        assert stranger.taken == []

    @pytest.mark.parametrize("fault", ["hang", "reset", "lost"])
    def test_no_answer_is_no_yes(
        self, vendors: Vendors, make: Make, preset: str, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("breakglass_shamir.alerts.sinks.base.LIMIT_S", 0.4)
        vendors.fault = lambda _request: Answer(fault=fault)
        with pytest.raises(SinkFailure) as caught:
            make(preset).deliver([voided(1)])
        assert caught.value.taken == ()

    def test_an_answer_without_end_ends(
        self, vendors: Vendors, make: Make, preset: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the status is the answer, none of it is read; where it is not, no more than is wanted."""
        monkeypatch.setattr("breakglass_shamir.alerts.sinks.base.LIMIT_S", 5)
        vendors.fault = lambda _request: Answer(fault="endless")
        if preset == "elastic":
            with pytest.raises(SinkFailure, match="longer than") as caught:
                make(preset).deliver([voided(1)])
            assert caught.value.taken == ()
        else:
            make(preset).deliver([voided(1)])


class TestToken:
    def test_it_is_asked_for_once(self, vendors: Vendors, make: Make) -> None:
        for _ in range(3):
            make("sentinel").deliver([voided(1)])
        assert vendors.tokens == 1

    @pytest.mark.parametrize("lasts_s", [None, 0, -5, True, "soon", [3599]])
    def test_one_that_does_not_say_how_long_is_used_once(self, vendors: Vendors, make: Make, lasts_s: object) -> None:
        vendors.lasts_s = lasts_s
        for _ in range(2):
            make("sentinel").deliver([voided(1)])
        assert vendors.tokens == 2

    def test_one_is_not_used_to_its_last_second(
        self, vendors: Vendors, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1000.0]
        monkeypatch.setattr("breakglass_shamir.alerts.sinks.oauth.time.monotonic", lambda: now[0])
        vendors.lasts_s = "3600"
        for at, tokens in ((1000.0, 1), (4530.0, 1), (4545.0, 2)):
            now[0] = at
            oauth.token(self._client(vendors, make), _Endless())  # type: ignore[arg-type]
            assert vendors.tokens == tokens

    @staticmethod
    def _client(vendors: Vendors, make: Make) -> oauth.Client:
        sink = make("sentinel")._sink_of_policy
        assert isinstance(sink, HttpSink)
        url = str(sink.token_url)
        return oauth.Client("s", url, CLIENT, "https://monitor.azure.com//.default", SECRET, False, sink.ca, None, None)

    def test_a_refused_one_is_replaced_once(self, vendors: Vendors, make: Make) -> None:
        make("secops").deliver([voided(1)])
        vendors.valid.clear()
        make("secops").deliver([voided(2)])
        assert vendors.tokens == 2
        vendors.fault = lambda _request: Answer(401, b"{}")
        with pytest.raises(SinkFailure, match="got 401"):
            make("secops").deliver([voided(3)])
        assert vendors.tokens == 3

    def test_what_was_taken_before_the_token_was_refused_is_done(self, vendors: Vendors, make: Make) -> None:
        def once(request: Request) -> Answer | None:
            if not vendors.stored["sentinel"]:
                return None
            vendors.valid = {"another"}
            vendors.receiver.answer = lambda _request: Answer(401, b"{}")
            return vendors.receiver.answer(request)

        vendors.fault = once
        with pytest.raises(SinkFailure, match="no token") as caught:
            make("sentinel", batch=2).deliver([voided(seq) for seq in range(6)])
        assert caught.value.taken == (0, 1)

    def test_another_secret_gets_no_kept_token(self, vendors: Vendors, make: Make, tmp_path: Path) -> None:
        make("sentinel").deliver([voided(1)])
        (tmp_path / "secret").write_text("another-secret~1")
        with pytest.raises(SinkFailure, match=r"no token.*401") as caught:
            make("sentinel").deliver([voided(2)])
        assert "another-secret~1" not in f"{caught.value} {caught.value!r}"

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (Answer(body=b"[1]"), "no access_token"), (Answer(body=b"{"), "no access_token"),
            (Answer(body=b'{"access_token": "t", "token_type": "mac"}'), "type Bearer"),
            (Answer(body=b'{"access_token": "t\\r\\nX: y", "token_type": "Bearer"}'), "characters"),
            (Answer(body=b'{"access_token": "", "token_type": "Bearer"}'), "no access_token"),
            (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "redirect|302"),
            (Answer(429, headers={"Retry-After": "33"}), "429"), (Answer(fault="reset"), "no token"),
            (Answer(fault="endless"), "longer than"),
        ],
    )  # fmt: skip
    def test_none_is_told(self, vendors: Vendors, make: Make, answer: Answer, why: str) -> None:
        vendors.receiver.answer = lambda request: answer if request.path.endswith("token") else Answer()
        with pytest.raises(SinkFailure, match=why) as caught:
            make("sentinel").deliver([voided(1)])
        assert caught.value.retry_after_s == (33 if answer.status == 429 else 0)
        assert all(one.path.endswith("token") for one in vendors.receiver.taken)

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            '{"client_email": "a", "private_key": 3, "private_key_id": "k"}',
            '{"client_email": "a", "private_key": "-----", "private_key_id": "k"}',
        ],
    )
    def test_a_service_account_that_is_none(self, make: Make, text: str, tmp_path: Path) -> None:
        (tmp_path / "account").write_text(text)
        with pytest.raises(SinkFailure, match="expected a"):
            make("secops").deliver([voided(1)])


class _Endless:
    left_s = 20.0
    limit_s = 20.0
    over = False

    def require_s(self) -> float:
        return 20.0

    def sooner(self, _limit_s: float) -> "_Endless":
        return self


class TestBulk:
    """Elasticsearch says of each event what became of it."""

    def test_half_of_a_batch_is_done(self, vendors: Vendors, make: Make) -> None:
        events = [voided(1), voided(2, "poison"), voided(3), voided(4, "busy"), voided(5)]
        with pytest.raises(SinkFailure, match="2 events refused") as caught:
            make("elastic").deliver(events)
        assert caught.value.taken == (0, 2, 4)
        assert events[1].id in str(caught.value)
        assert "429: es_rejected_execution_exception: queue is full" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert vendors.stored["elastic"] == ids([events[0], events[2], events[4]])

    def test_what_is_there_already_is_done(self, vendors: Vendors, make: Make) -> None:
        for _ in range(2):
            make("elastic").deliver([voided(1), voided(2)])
        assert len(vendors.stored["elastic"]) == 2

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"null", b'{"items": []}', b'{"items": [{"create": {"status": 201}}]}', b'{"items": [1, 2]}',
            b'{"items": [{"index": {"status": 201}}, {"index": {"status": 201}}]}',
            b'{"items": [{"create": {"status": "201"}}, {"create": {"status": true}}]}', b"[" * 9000,
            b'{"items": [{"create": {"status": 201}}, {"create": {"status": 201}}, {"create": {"status": 201}}]}',
        ],
    )  # fmt: skip
    def test_an_answer_that_says_something_else_takes_nothing(self, vendors: Vendors, make: Make, body: bytes) -> None:
        vendors.fault = lambda _request: Answer(200, body)
        with pytest.raises(SinkFailure, match="what became of") as caught:
            make("elastic").deliver([voided(1), voided(2)])
        assert caught.value.taken == ()


class TestAnyOther:
    """Without a preset: method, headers, shape, template, frame as the policy says."""

    @pytest.fixture(autouse=True)
    def takes_all(self, vendors: Vendors) -> None:
        vendors.fault = lambda _request: Answer(200)

    def test_one_request_an_event_with_what_the_policy_says(self, vendors: Vendors, make: Make, tmp_path: Path) -> None:
        more = {"secret_file": str(tmp_path / "secret"), "secret_header": "X-Key", "secret_prefix": ""}
        make("none", method="PUT", headers=("X-Team: on call, north",), **more).deliver([voided(1), voided(2)])
        first, second = vendors.receiver.taken
        assert (first.method, first.headers["x-team"], first.headers["x-key"]) == ("PUT", "on call, north", SECRET)
        assert [first.tree, second.tree] == [voided(1).document, voided(2).document]

    @pytest.mark.parametrize("framing", ["array", "lines"])
    def test_frames(self, vendors: Vendors, make: Make, framing: str) -> None:
        events = [voided(1), voided(2)]
        make("none", framing=framing, shape="ecs").deliver(events)
        (taken,) = vendors.receiver.taken
        found = taken.tree if framing == "array" else [json.loads(line) for line in taken.body.splitlines()]
        assert [one["event"]["id"] for one in found] == ids(events)

    def test_a_template_is_filled_in_and_nothing_breaks_out_of_it(self, vendors: Vendors, make: Make) -> None:
        text = '{"text": "${alert.severity}: ${message} for $$5", "uid": "${metadata.uid}", '
        text += '"n": ["${type_uid}"], "x": "${a.b}"}'
        hostile = '", "uid": "forged ${metadata.uid} \\ \u2028'
        make("none", template=text).deliver([voided(1, hostile)])
        (taken,) = vendors.receiver.taken
        event = voided(1, hostile)
        wanted = {"text": f"High: {event.document['message']} for $5", "uid": event.id, "n": [300404], "x": None}
        assert taken.tree == wanted

    def test_a_template_that_makes_too_much_names_the_event(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("breakglass_shamir.custody.policy.body_template.FILLED_MAX_BYTES", 60_000)
        text = json.dumps({"a": ["${unmapped}${message}"] * 100})
        events = [voided(1), voided(2, "x" * 4000)]
        with pytest.raises(SinkFailure, match=r"1 event refused.*the template makes more than") as caught:
            make("none", template=text).deliver(events)
        assert caught.value.taken == (0,)

    def test_a_program_gives_the_secret(self, vendors: Vendors, make: Make, tmp_path: Path) -> None:
        program = tmp_path / "give"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{SECRET}'\n")
        program.chmod(0o700)
        make("none", secret_argv=(str(program),)).deliver([voided(1)])
        assert vendors.receiver.taken[0].headers["authorization"] == f"Bearer {SECRET}"
        for script, why in (("echo half; exit 3", "ended with 3"), ("printf 'a\\nb'", "one line"), (":", "one line")):
            program.write_text(f"#!/bin/sh\n{script}\n")
            with pytest.raises(SinkFailure, match=why) as caught:
                make("none", secret_argv=(str(program),)).deliver([voided(1)])
            assert "half" not in str(caught.value)
        sink = make("none", secret_argv=("/there/is/none",))
        assert list(sink.lacking()) == ["secret_argv: there is no program /there/is/none"]

    def test_a_client_shows_its_certificate(self, ca: ThrowAwayCa, tmp_path: Path) -> None:
        receiver = Receiver(ca.issue("asks", "127.0.0.1"), ca.certificate)
        own = ca.issue("terminal", "127.0.0.1")
        try:
            shown = HttpSink(
                name="siem",
                url=f"{receiver.url}/in",
                ca=str(ca.certificate),
                cert=str(own.certificate),
                key=str(own.key),
            )
            deliverer(shown).deliver([voided(1)])
            with pytest.raises(SinkFailure):
                deliverer(HttpSink(name="siem", url=f"{receiver.url}/in", ca=str(ca.certificate))).deliver([voided(2)])
        finally:
            receiver.stop()
        assert len(receiver.taken) == 1

# SPDX-License-Identifier: Apache-2.0
"""A collector that takes JSON over HTTP: Microsoft Sentinel, Elastic, Datadog, Google SecOps, Loki, and any other.

Rules:

1. What is asked, and what an answer means, is the preset's (:mod:`.presets`) or the policy's. An answer 2xx is the
   acknowledgement, with the vendor's own word for each event where there is one.
2. A request has at most ``batch`` events and ``batch_bytes`` bytes, one event alone excepted. A body that is too long
   (413), or that is refused as it stands (400, 422), is halved and sent again, down to one event: what is wrong with
   one holds up no other. After ``LOST_CAUSES`` events that are refused alone, and none taken, the newest ones that are
   left are tried once: old ones may be refused for their age. Where these are refused, too, it stops, and the newest
   of the whole queue are tried once.
3. Events that were taken are done, whatever ends the delivery; those that were refused are named by id and reason, and
   tried again with the rest.
4. 401 with a token of OAuth: one new token is asked for, once in a delivery. A secret goes to the policy's addresses
   alone; no redirect is followed.
"""

import gzip
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import oauth, presets
from breakglass_shamir.alerts.sinks.base import Deliverer, open_plain, read_secret
from breakglass_shamir.alerts.sinks.program import ENVIRONMENT
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.program import run
from breakglass_shamir.custody.policy.body_template import BodyTemplate
from breakglass_shamir.custody.policy.sinks import HttpSink
from breakglass_shamir.errors import InvalidInput, SinkFailure, WebError
from breakglass_shamir.plural import counted
from breakglass_shamir.web import client, words

LOST_CAUSES = 3
"""After so many events that are refused alone, and none taken, it may be the policy, and not the events."""

NAMED_MAX = 3
"""How many refused events a failure names."""

SECRET_WAIT_S = 10.0
"""How long a program may take that writes a secret."""

_SECRET_MAX_BYTES = 16 * 1024
_ANSWER_LEAST_BYTES = 4 * 1024
_SPLITS = (400, 413, 422)
_UNAUTHORIZED = 401


class Collector(Deliverer):
    """One collector."""

    def __init__(self, sink: HttpSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink
        self._preset = presets.PRESETS[sink.preset]
        self._body, self._kind = self._preset.body, self._preset.kind
        if sink.preset == "none":
            self._body, self._kind = presets.FRAMINGS[sink.framing or "one"]
        self._shape = presets.SHAPES[sink.shape or self._preset.shape]
        self._template = BodyTemplate(sink.template) if sink.template else None
        self.batch = sink.batch

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the files and the program; asks nobody."""
        yield from super().lacking()
        if self._sink.secret_argv and not Path(self._sink.secret_argv[0]).is_file():
            yield f"secret_argv: there is no program {self._sink.secret_argv[0]}"

    def _secret_in(self, path: str) -> str:
        if not self._preset.is_account:
            return read_secret(path, "the secret")
        try:
            with open_plain(path) as file:
                text = file.read(_SECRET_MAX_BYTES).decode("utf-8")
            oauth.account(text)
        except OSError as error:
            raise SinkFailure(f"the secret {path} cannot be read: {error.strerror}") from None
        except (UnicodeDecodeError, InvalidInput):
            raise SinkFailure(f"expected a service account's key in JSON in {path}") from None
        return text

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        _Delivery(self, self._sink, self._preset, deadline).send(events)

    def shaped(self, event: Event) -> dict[str, Any]:
        """Return what an event looks like there.

        Raises:
            InvalidInput: the template makes too much of it.
        """
        found = self._shape(event)
        return self._template.fill({**found, "alert": _about(event)}) if self._template else found

    def body(self, events: Sequence[presets.Shaped]) -> tuple[bytes, dict[str, str]]:
        """Return a request's body, and the headers that say what it is."""
        made, headers = self._body(events), {"Content-Type": self._kind}
        if self._sink.gzip:
            return gzip.compress(made, 6, mtime=0), {**headers, "Content-Encoding": "gzip"}
        return made, headers

    def frames(self, events: dict[int, presets.Shaped]) -> Iterator[list[int]]:
        """Yield the places of the events that go into one request each."""
        alone = self._body is presets.one
        places: list[int] = []
        size = 0
        for place, (event, shaped) in events.items():
            # What a frame adds around an event is less than its id and 200 bytes.
            cost = len(presets.as_json(shaped)) + len(event.id) + len(event.subject.encode()) + 200
            if places and (alone or len(places) >= self._sink.batch or size + cost > self._sink.batch_bytes):
                yield places
                places, size = [], 0
            places.append(place)
            size += cost
        if places:
            yield places

    def secret(self, deadline: Deadline) -> str:
        """Return the secret; empty where there is none.

        Raises:
            SinkFailure: it cannot be had.
        """
        if self._sink.secret_file is not None:
            return self._secret_in(self._sink.secret_file)
        if not self._sink.secret_argv:
            return ""
        program = self._sink.secret_argv[0]
        try:
            done = run(
                self._sink.secret_argv, limit_s=min(SECRET_WAIT_S, deadline.require_s()), env=ENVIRONMENT,
                output_max=_SECRET_MAX_BYTES, complaints=False,
            )  # fmt: skip
        except OSError as error:
            raise SinkFailure(f"{self.name}: {program} gave no secret: {error.strerror}") from None
        if done.status != 0:
            # What it wrote may be the secret, or a part of it.
            raise SinkFailure(f"{self.name}: {program} gave no secret: it ended with {done.status or done.why}")
        text = done.output.decode("utf-8", "replace").strip()
        if self._preset.is_account:
            return text
        if not text or not text.isascii() or not text.isprintable():
            raise SinkFailure(f"{self.name}: expected one line of plain ASCII from {program}")
        return text


def _about(event: Event) -> dict[str, Any]:
    """Return what a template finds under ``alert``."""
    return {
        "id": event.id, "set": event.set_name, "subject": event.subject, "severity": event.severity.caption,
        "severity_id": int(event.severity), "action": str(event.action), "incident": event.incident,
        "time_ms": event.time_ms,
    }  # fmt: skip


class _Delivery:
    """One delivery: what was taken, what was refused, and the token that counts for it."""

    def __init__(self, collector: Collector, sink: HttpSink, preset: presets.Preset, deadline: Deadline) -> None:
        self._collector = collector
        self._sink = sink
        self._preset = preset
        self._deadline = deadline
        self._secret = collector.secret(deadline)
        self._client = self._who()
        self._token = oauth.token(self._client, deadline) if self._client else ""
        self._refused_token = ""
        self._taken: set[int] = set()
        self._refused: dict[int, str] = {}
        self._alone = 0
        """Events that were refused in a request of their own."""

    def send(self, events: Sequence[Event]) -> None:
        """Send all of them.

        Raises:
            SinkFailure: naming what was not taken.
        """
        shaped: dict[int, presets.Shaped] = {}
        for place, event in enumerate(events):
            try:
                shaped[place] = (event, self._collector.shaped(event))
            except InvalidInput as error:
                self._refused[place] = str(error)
        frames = deque(self._collector.frames(shaped))
        while frames:
            places = frames.popleft()
            try:
                self._send_one(places, [shaped[place] for place in places])
            except WebError as error:
                refuses = error.status in _SPLITS
                if not refuses or self._is_hopeless():
                    raise self._failure(f"{self._collector.name}: {error}", error, all_refused=refuses) from None
                if len(places) > 1:
                    half = len(places) // 2
                    frames.extendleft([places[half:], places[:half]])
                    continue
                self._refused[places[0]] = str(error)
                self._alone += 1
                if self._is_hopeless():
                    frames.rotate(1)
            except SinkFailure as failure:
                raise self._failure(str(failure), failure) from None
        if self._refused:
            raise self._failure(f"{self._collector.name}: {self._named(events)}", None, only_refused=True)

    def _is_hopeless(self) -> bool:
        return not self._taken and self._alone >= LOST_CAUSES

    def _send_one(self, places: Sequence[int], shaped: Sequence[presets.Shaped]) -> None:
        """Send one request.

        Raises:
            WebError: it was not taken as it stands.
            SinkFailure: there is no new token for one that was refused.
        """
        body, headers = self._collector.body(shaped)
        try:
            answer = self._ask(body, headers, len(places))
        except WebError as error:
            if error.status != _UNAUTHORIZED or self._client is None or self._refused_token:
                raise
            self._refused_token = self._token
            self._token = oauth.token(self._client, self._deadline, refused=self._refused_token)
            answer = self._ask(body, headers, len(places))
        try:
            refused = self._preset.answer(answer, len(places))
        except presets.AnswerUnreadable as error:
            raise WebError(str(error)) from None
        for number, place in enumerate(places):
            if number in refused:
                is_telling = words.holds(refused[number], self._secrets())
                self._refused[place] = words.WITHHELD if is_telling else refused[number]
            else:
                self._taken.add(place)

    def _ask(self, body: bytes, headers: dict[str, str], count: int) -> bytes:
        given = dict(line.split(": ", 1) for line in self._sink.headers)
        shown = self._token or self._secret
        if shown:
            prefix = self._preset.prefix if self._sink.secret_prefix is None else self._sink.secret_prefix
            given[self._sink.secret_header or self._preset.header] = f"{prefix} {shown}".strip()
        most = _ANSWER_LEAST_BYTES + self._preset.answer_bytes * count if self._preset.answer_bytes else 0
        request = client.Request(
            self._sink.method, self._sink.url, body, {**given, **headers}, self._sink.ca, self._sink.cert,
            self._sink.key, answer_max=most, secrets=self._secrets(),
        )  # fmt: skip
        return client.ask(request, self._deadline).body

    def _secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self._token, self._refused_token, self._secret)))

    def _who(self) -> oauth.Client | None:
        """Return who asks for a token; None where the secret itself is shown."""
        sink, preset = self._sink, self._preset
        url = sink.token_url or preset.token_url
        if not url:
            return None
        return oauth.Client(
            self._collector.name, url, sink.client_id, sink.scope or preset.scope, self._secret, preset.is_account,
            sink.ca, sink.cert, sink.key,
        )  # fmt: skip

    def _failure(
        self,
        problem: str,
        error: WebError | SinkFailure | None,
        *,
        only_refused: bool = False,
        all_refused: bool = False,
    ) -> SinkFailure:
        return SinkFailure(
            problem, taken=tuple(sorted(self._taken)), retry_after_s=error.retry_after_s if error else 0,
            hint=error.hint if error else "", only_refused=only_refused, all_refused=all_refused,
        )  # fmt: skip

    def _named(self, events: Sequence[Event]) -> str:
        """Return which events were refused, and why."""
        named = [f"{events[place].id} ({why})" for place, why in sorted(self._refused.items())[:NAMED_MAX]]
        more = len(self._refused) - len(named)
        rest = f", and {counted(more, 'other')}" if more else ""
        return f"{counted(len(self._refused), 'event')} refused: {', '.join(named)}{rest}"

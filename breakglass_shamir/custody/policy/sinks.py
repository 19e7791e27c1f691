# SPDX-License-Identifier: Apache-2.0
"""Where alerts go: the ``[[alerts.sinks]]`` of a policy, one table per sink, told apart by ``type``.

Rules:

1. A secret is never in the policy: it is the path of a file that only the terminal's user can read.
2. Every path is absolute, so that a timer and a person at a shell mean the same file.
3. A sink's ``name`` is unique in a policy; deliveries are counted by it.

What a sink sends, and how it retries, is not here.
"""

from typing import Annotated, Any, Literal

import msgspec

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.table import Path, Table, WebUrl, lasting
from breakglass_shamir.custody.policy.when import TicketSystem
from breakglass_shamir.errors import InvalidPolicy

Host = Annotated[
    str, msgspec.Meta(max_length=253, pattern=r"^[A-Za-z0-9._:-]+$", description="a host name or an address")
]
"""A host name or an address, IPv6 without brackets."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
"""A TCP or UDP port."""

Address = Annotated[
    str, msgspec.Meta(max_length=254, pattern=r"^[^@\s<>,]+@[^@\s<>,]+$", description="one mail address")
]
"""One mail address."""

Guid = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", description="a GUID")
]
"""What Splunk calls a channel."""

Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip
"""RFC 5424, section 6.2.1."""


LONGEST_DELIVERY_S = 600
"""The longest time that a sink may be given for one delivery, in seconds."""


class Sink(Table, frozen=True):
    """What every sink has."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class SyslogSink(Sink, frozen=True, tag_field="type", tag="syslog"):
    """RFC 5424 over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425)."""

    host: Host
    port: Port | None = None
    """Default: 514 for ``udp``, 601 for ``tcp``, 6514 for ``tls``."""

    transport: Literal["udp", "tcp", "tls"] = "tls"
    facility: Facility = "authpriv"
    ca: Path | None = None
    """Certificates to trust; default: the system's."""

    cert: Path | None = None
    """The terminal's own certificate, where the collector asks for one; with ``key``."""

    key: Path | None = None


class WebhookSink(Sink, frozen=True, tag_field="type", tag="webhook"):
    """A POST signed as Standard Webhooks do."""

    url: WebUrl
    secret_file: Path
    """Holds the signing secret, ``whsec_`` and base64."""

    ca: Path | None = None


class SplunkSink(Sink, frozen=True, tag_field="type", tag="splunk"):
    """Splunk's HTTP Event Collector."""

    url: WebUrl
    """The collector's address, with or without ``/services/collector``."""

    token_file: Path
    channel: Guid | None = None
    """GUID of the request channel; needed for ``ack``."""

    ack: bool = False
    """Whether an alert counts as delivered only when the indexer acknowledged it."""

    index: Annotated[str, msgspec.Meta(max_length=80)] = ""
    ca: Path | None = None


class PagerDutySink(Sink, frozen=True, tag_field="type", tag="pagerduty"):
    """PagerDuty Events API v2."""

    routing_key_file: Path
    url: WebUrl = "https://events.pagerduty.com/v2/enqueue"
    ca: Path | None = None


class SlackSink(Sink, frozen=True, tag_field="type", tag="slack"):
    """An incoming webhook of Slack, or of what speaks its format; the address itself is the secret."""

    url_file: Path
    ca: Path | None = None


class SmtpSink(Sink, frozen=True, tag_field="type", tag="smtp", rename={"from_": "from"}):
    """Mail, one message an alert."""

    host: Host
    from_: Address
    to: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=50)]
    port: Port | None = None
    """Default: 587 with ``starttls``, 465 with ``tls``, else 25."""

    encryption: Literal["starttls", "tls", "none"] = "starttls"
    user: Annotated[str, msgspec.Meta(max_length=200)] = ""
    password_file: Path | None = None
    ca: Path | None = None


class JournaldSink(Sink, frozen=True, tag_field="type", tag="journald"):
    """The machine's own journal."""

    identifier: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "breakglass"
    """``SYSLOG_IDENTIFIER`` of the entries."""


class ExecSink(Sink, frozen=True, tag_field="type", tag="exec"):
    """A program that gets one alert as JSON on standard input."""

    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    """The program, by absolute path, and its arguments; no shell."""

    timeout: Duration = lasting(10)


class FileSink(Sink, frozen=True, tag_field="type", tag="file"):
    """JSON lines appended to a file, for a collector that reads files."""

    path: Path


HeaderLine = Annotated[
    str,
    msgspec.Meta(
        max_length=1000, pattern=r"^[A-Za-z0-9-]{1,100}: [!-~]([ -~]*[!-~])?$", description="a header as NAME: VALUE"
    ),
]
"""One header of a request, which is no secret."""

HeaderName = Annotated[
    str, msgspec.Meta(max_length=100, pattern=r"^[A-Za-z0-9-]{1,100}$", description="the name of a header")
]
"""The name of a header."""


class HttpSink(Sink, frozen=True, tag_field="type", tag="http"):
    """A collector that takes JSON over HTTP, as its preset or the keys here say."""

    url: WebUrl
    preset: Literal["none", "sentinel", "elastic", "datadog", "secops", "loki"] = "none"
    """Whose documented requests are made, and whose answers are read."""

    method: Literal["POST", "PUT"] = "POST"
    headers: Annotated[tuple[HeaderLine, ...], msgspec.Meta(max_length=20)] = ()
    """Sent along; none of them is a secret."""

    shape: Literal["ocsf", "ecs", "flat"] | None = None
    """What an event looks like; default: the preset's, else ``ocsf``."""

    template: Annotated[str, msgspec.Meta(max_length=8000)] = ""
    """JSON in which ``${PATH}`` stands for what the event in its shape has there."""

    framing: Literal["one", "array", "lines"] | None = None
    """One event a request, a JSON array, or a line each; default: the preset's, else ``one``."""

    secret_file: Path | None = None
    """Holds the secret, or the key of a service account."""

    secret_argv: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
    """A program that writes the secret, by absolute path, and its arguments; no shell."""

    secret_header: HeaderName | None = None
    """The header that has the secret or the token; default: the preset's, else ``Authorization``."""

    secret_prefix: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[!-~]*$")] | None = None
    """The word in front of it; default: the preset's, else ``Bearer``; may be empty."""

    token_url: WebUrl | None = None
    """Where OAuth 2.0 gives a token for the secret; default: the preset's, else none is asked for."""

    client_id: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[!-~]*$")] = ""
    """Who asks for the token."""

    scope: Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^[ -~]*$")] = ""
    """What the token is for; default: the preset's."""

    gzip: bool = False
    """Whether requests are packed."""

    batch: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    """How many events one request has at most."""

    batch_bytes: Annotated[int, msgspec.Meta(ge=10_000, le=5_000_000)] = 900_000
    """How long one request is at most before it is packed, if it has more than one event."""

    ca: Path | None = None
    """Certificates to trust; default: the system's."""

    cert: Path | None = None
    """The terminal's own certificate, where the collector asks for one; with ``key``."""

    key: Path | None = None


AnySink = (
    SyslogSink
    | WebhookSink
    | SplunkSink
    | PagerDutySink
    | SlackSink
    | SmtpSink
    | JournaldSink
    | ExecSink
    | FileSink
    | HttpSink
)
"""Every sink there is."""

TICKET = "ticket"
"""Name of the queue of notes to tickets; no sink has it where tickets are written to."""


class TicketSink(Sink, frozen=True, tag_field="type", tag="ticket"):
    """The ticket of an opening; it follows from a policy's system of tickets, and stands in no list of sinks."""

    ticket: TicketSystem


Stored = AnySink | TicketSink
"""What a queue may be of."""


def to_json(sink: Stored) -> bytes:
    """Return a sink's configuration as JSON, the same for the same keys."""
    return msgspec.json.encode(sink, enc_hook=str, order="sorted")


def from_json(data: bytes) -> Stored:
    """Read what :func:`to_json` wrote.

    Raises:
        InvalidPolicy: it is not that, or of another release.
    """
    try:
        sink: Stored = msgspec.json.decode(data, type=Stored, dec_hook=_duration)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidPolicy(f"a sink that was stored cannot be read: {error}") from None
    return sink


def _duration(kind: type, value: Any) -> Any:
    if kind is not Duration:
        raise NotImplementedError
    return Duration.parse(value)

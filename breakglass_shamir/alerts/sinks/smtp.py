# SPDX-License-Identifier: Apache-2.0
"""Mail: one message an event, readable, with the OCSF document attached.

The server's yes after the message is the acknowledgement. ``Message-ID`` is made of the event's id, so that a mail
that came twice is one. STARTTLS and TLS verify the server; a server that offers no STARTTLS is refused.
"""

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import tls
from breakglass_shamir.alerts.sinks.base import TIMEOUT_S, Deliverer, read_secret
from breakglass_shamir.custody.policy.sinks import SmtpSink
from breakglass_shamir.errors import SinkFailure

DEFAULT_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Smtp(Deliverer):
    """One mail server."""

    batch = 20

    def __init__(self, sink: SmtpSink) -> None:
        super().__init__(sink.name)
        self._sink = sink

    def _deliver(self, events: Sequence[Event]) -> None:
        with self._connected() as server:
            for number, event in enumerate(events):
                try:
                    server.send_message(message(event, self._sink))
                except (smtplib.SMTPException, OSError) as error:
                    raise SinkFailure(f"{self.name}: {_words(error)}", delivered=number) from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        sink = self._sink
        port = sink.port or DEFAULT_PORTS[sink.encryption]
        try:
            if sink.encryption == "tls":
                secure = tls.context(sink.ca)
                server: smtplib.SMTP = smtplib.SMTP_SSL(sink.host, port, timeout=TIMEOUT_S, context=secure)
            else:
                server = smtplib.SMTP(sink.host, port, timeout=TIMEOUT_S)
        except (smtplib.SMTPException, OSError) as error:
            raise SinkFailure(f"{self.name}: {_words(error)}") from None
        with server:
            self._prepare(server)
            yield server

    def _prepare(self, server: smtplib.SMTP) -> None:
        sink = self._sink
        try:
            if sink.encryption == "starttls":
                server.starttls(context=tls.context(sink.ca))
            if sink.user and sink.password_file:
                server.login(sink.user, read_secret(sink.password_file, "the password"))
        except (smtplib.SMTPException, OSError) as error:
            raise SinkFailure(f"{self.name}: {_words(error)}") from None


def message(event: Event, sink: SmtpSink) -> EmailMessage:
    """Return an event as a mail."""
    made = EmailMessage()
    made["From"], made["To"] = sink.from_, ", ".join(sink.to)
    made["Subject"] = f"[breakglass] {event.severity.caption}: {event.subject}"[:200]
    made["Date"] = format_datetime(datetime.fromtimestamp(event.time_ms / 1000, UTC))
    made["Message-ID"] = f"<{event.id}@breakglass-shamir.invalid>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(
        f"{event.subject}\n\nseverity  {event.severity.caption}\nset       {event.set_name or 'none'}\n"
        f"incident  {event.incident}\nevent     {event.id}\n"
    )
    made.add_attachment(event.json, maintype="application", subtype="json", filename=f"{event.id}.json")
    return made


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"the server answered {error.smtp_code} {said}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

# SPDX-License-Identifier: Apache-2.0
"""Mail: one message an event, readable, with the OCSF document attached.

The server's yes after the message is the acknowledgement. ``Message-ID`` is made of the event's id, so that a mail
that came twice is one. STARTTLS and TLS verify the server; a server that offers no STARTTLS is refused.
"""

import base64
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import SmtpSink
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.web import tls
from breakglass_shamir.web.connection import Bounds, dial
from breakglass_shamir.web.words import WITHHELD, holds, line

DEFAULT_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Smtp(Deliverer):
    """One mail server."""

    batch = 20

    def __init__(self, sink: SmtpSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        with self._connected(deadline) as server:
            for number, event in enumerate(events):
                try:
                    server.send_message(message(event, self._sink))
                except (smtplib.SMTPException, OSError) as error:
                    raise SinkFailure(f"{self.name}: {_words(error)}", delivered=number) from None

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the password's file and the authorities, and half a login."""
        yield from super().lacking()
        if bool(self._sink.user) != bool(self._sink.password_file):
            yield "user and password_file: expected both or neither"

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[smtplib.SMTP]:
        sink = self._sink
        port = sink.port or DEFAULT_PORTS[sink.encryption]
        secure = tls.context(sink.ca) if sink.encryption == "tls" else None
        try:
            server = _Server(sink.host, port, Bounds(deadline), secure)
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
        except (smtplib.SMTPException, OSError) as error:
            raise SinkFailure(f"{self.name}: {_words(error)}") from None
        if sink.user and sink.password_file:
            self._log_in(server, sink.user, read_secret(sink.password_file, "the password"))

    def _log_in(self, server: smtplib.SMTP, user: str, password: str) -> None:
        try:
            server.login(user, password)
        except (smtplib.SMTPException, OSError) as error:
            said = _words(error)
            sent = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            raise SinkFailure(f"{self.name}: {WITHHELD if holds(said, (password, sent)) else said}") from None


class _Server(smtplib.SMTP):
    """A mail server, on a connection with a deadline; over TLS from the first byte on where there is a context."""

    def __init__(self, host: str, port: int, bounds: Bounds, secure: ssl.SSLContext | None) -> None:
        self._bounds, self._secure = bounds, secure
        super().__init__(host, port)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        connection = dial(host, port, self._bounds)
        return self._secure.wrap_socket(connection, server_hostname=host) if self._secure else connection


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
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        whom, (code, words) = next(iter(error.recipients.items()), ("nobody", (0, b"")))
        return f"{_words(smtplib.SMTPResponseException(code, words.decode('utf-8', 'replace')))} to {line(str(whom))}"
    if isinstance(error, smtplib.SMTPResponseException):
        said = (
            error.smtp_error.decode("utf-8", "backslashreplace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        return f"the server answered {error.smtp_code} {line(said)}"
    return line(getattr(error, "strerror", None) or str(error)) or type(error).__name__

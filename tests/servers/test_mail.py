# SPDX-License-Identifier: Apache-2.0
"""Mail through a real Exim: STARTTLS, TLS, a password, and everything a server may say no to."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alert_events import voided
from mail_server import HOST, PASSWORD, USER, MailServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.sinks.smtp import Smtp
from breakglass_shamir.custody.policy.sinks import SmtpSink
from breakglass_shamir.errors import SinkFailure


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that another account may enter."""
    with tempfile.TemporaryDirectory(prefix="breakglass-mail-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def ca(folder: Path, need: Callable[[str], str]) -> ThrowAwayCa:
    need("openssl")
    return ThrowAwayCa(folder / "ca")


@pytest.fixture(scope="module")
def server(folder: Path, ca: ThrowAwayCa, need: Callable[[str], str]) -> Iterator[MailServer]:
    need("exim4")
    if os.geteuid() != 0:
        pytest.skip("a mail server of another account is started by root only")
    made = MailServer(folder / "exim", ca.issue("mail", HOST))
    made.start()
    yield made
    made.stop()


def sink(server: MailServer, ca: ThrowAwayCa | None, **more: Any) -> Smtp:
    values: dict[str, Any] = {
        "name": "mail", "host": HOST, "port": server.port, "from_": "terminal@example.com",
        "to": ("security@example.com", "duty@example.com"), "ca": str(ca.certificate) if ca else None,
    }  # fmt: skip
    return Smtp(SmtpSink(**(values | more)))


def test_mails_arrive_over_starttls_with_their_document(server: MailServer, ca: ThrowAwayCa) -> None:
    server.forget()
    events = [voided(1, "plain"), voided(2, "ümläut\nSubject: forged")]
    sink(server, ca).deliver(events)
    for event, mail in zip(events, server.mails(2), strict=True):
        assert mail["Message-ID"] == f"<{event.id}@breakglass-shamir.invalid>"
        assert " ".join(mail["Subject"].split()) == f"[breakglass] High: {event.subject}"
        assert mail["To"] == "security@example.com, duty@example.com"
        assert mail["Auto-Submitted"] == "auto-generated"
        (attached,) = mail.iter_attachments()
        assert json.loads(attached.get_content()) == event.document
        body = mail.get_body()
        assert body is not None
        assert event.incident in body.get_content()
        assert "TLS1" in str(mail["Received"])


def test_mails_arrive_over_tls_with_a_password(server: MailServer, ca: ThrowAwayCa, tmp_path: Path) -> None:
    server.forget()
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    sink(server, ca, port=server.secure, encryption="tls", user=USER, password_file=str(password)).deliver([voided(3)])
    (mail,) = server.mails(1)
    assert "esmtpsa" in str(mail["Received"])


def test_a_wrong_password_is_named_without_it(server: MailServer, ca: ThrowAwayCa, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong-password-77")
    with pytest.raises(SinkFailure, match="535") as caught:
        sink(server, ca, user=USER, password_file=str(password)).deliver([voided(3)])
    assert "wrong-password-77" not in f"{caught.value!r}"


def test_no_mail_goes_to_a_server_of_another_authority(server: MailServer, tmp_path: Path) -> None:
    server.forget()
    with pytest.raises(SinkFailure, match="verify failed"):
        sink(server, ThrowAwayCa(tmp_path / "other")).deliver([voided(1)])
    assert server.mails(1, 0.2) == []


def test_a_mailbox_that_is_not_there_is_a_failure(server: MailServer, ca: ThrowAwayCa) -> None:
    with pytest.raises(SinkFailure, match="nobody-here") as caught:
        sink(server, ca, to=("nobody-here@example.com",)).deliver([voided(1)])
    assert caught.value.delivered == 0


def test_a_server_that_is_down_is_a_failure(server: MailServer, ca: ThrowAwayCa) -> None:
    with pytest.raises(SinkFailure, match="refused"):
        sink(server, ca, port=1).deliver([voided(1)])

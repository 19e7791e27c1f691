# SPDX-License-Identifier: Apache-2.0
"""What sinks keep of a receiver's no, when they try again, and what ``policy check`` says of the files they name."""

import smtplib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.alerts import delivery
from breakglass_shamir.alerts.sinks import smtp
from breakglass_shamir.alerts.sinks.registry import deliverer
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
)
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.web.client import RETRY_AFTER_MAX_S, retry_after_s

NOW = datetime(2026, 1, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("then", [NOW + timedelta(seconds=90), NOW + timedelta(seconds=90, microseconds=1)])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"])
def test_a_date_of_any_form_is_a_wish(form: str, then: datetime) -> None:
    assert retry_after_s(then.strftime(form), "", NOW.timestamp()) == 90


def test_the_other_sides_clock_counts_where_it_tells_it() -> None:
    """Its clock may be an hour behind ours: its wish is over by ours, and is ninety seconds by its own."""
    theirs = NOW - timedelta(hours=1)
    wish, date = (format_datetime(at, usegmt=True) for at in (theirs + timedelta(seconds=90), theirs))
    assert retry_after_s(wish, date, NOW.timestamp()) == 90
    assert retry_after_s(wish, "", NOW.timestamp()) == 0


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("120", 120), (" 7 ", 7), ("0", 0), ("9" * 400, RETRY_AFTER_MAX_S), ("-5", 0), ("1.5", 0), ("soon", 0), ("", 0),
        ("Fri, 02 Jan 2099 08:00:00 GMT", RETRY_AFTER_MAX_S), ("Fri, 99 Foo 2026", 0), ("x" * 100_000, 0),
        ("Fri, 02 Jan 2026 03:01:30 -0500", 90), ("Fri, 02 Jan 999999 08:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_anything_else_is_seconds_or_no_wish(value: str, wanted: int) -> None:
    assert retry_after_s(value, "", NOW.timestamp()) == wanted


@pytest.mark.parametrize("said", ["a\x1b[31m\nb", "x" * 100_000, "\u202ereversed"])
def test_what_the_outbox_keeps_is_one_printable_line(said: str) -> None:
    kept = delivery._problem(SinkFailure(f"siem: {said}", hint="write another address"))
    assert kept.isprintable()
    assert len(kept) <= delivery.PROBLEM_MAX_CHARS + 3
    assert (
        delivery._problem(SinkFailure("siem: 301", hint="write another address")) == "siem: 301; write another address"
    )
    assert delivery._problem(SinkFailure("siem: 500")) == "siem: 500"


def test_mail_that_no_recipient_gets_says_what_the_server_said() -> None:
    refused = smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"5.1.1 no such\r\nmailbox")})
    assert smtp._words(refused) == "the server answered 550 5.1.1 no such mailbox to a@example.com"


def test_a_program_says_why(tmp_path: Path) -> None:
    from breakglass_shamir.alerts.event import Action, Event, Severity

    program = tmp_path / "send"
    program.write_text(
        "#!/bin/sh\ncat >/dev/null\nyes | head -c 3000000\necho first >&2\necho 'no \033[1mroute' >&2\nexit 3\n"
    )
    program.chmod(0o755)
    event = Event("id", "set", "subject", Severity.LOW, Action.NOTE, "incident", 0, {})
    with pytest.raises(SinkFailure, match=r"ended with 3: no .*route") as caught:
        deliverer(ExecSink(name="x", argv=(str(program),))).deliver([event])
    assert str(caught.value).isprintable()


def lacking(sink: AnySink) -> list[str]:
    return [*deliverer(sink).lacking()]


class TestLacking:
    def sinks(self, folder: Path) -> dict[str, Any]:
        path = str(folder / "none")
        return {
            "webhook": WebhookSink(name="x", url="https://h/", secret_file=path),
            "splunk": SplunkSink(name="x", url="https://h", token_file=path),
            "pagerduty": PagerDutySink(name="x", routing_key_file=path),
            "slack": SlackSink(name="x", url_file=path),
            "smtp": SmtpSink(name="x", host="h", from_="a@b", to=("c@d",), user="u", password_file=path),
            "syslog ca": SyslogSink(name="x", host="h", ca=path),
            "syslog cert": SyslogSink(name="x", host="h", cert=path, key=path),
            "webhook ca": WebhookSink(name="x", url="https://h/", secret_file=str(folder / "whsec"), ca=path),
            "exec": ExecSink(name="x", argv=(path,)),
            "file": FileSink(name="x", path=str(folder / "none" / "alerts")),
        }

    @pytest.mark.parametrize(
        "kind",
        ["webhook", "splunk", "pagerduty", "slack", "smtp", "syslog ca", "syslog cert", "webhook ca", "exec", "file"],
    )
    def test_every_file_that_is_not_there_is_named(self, kind: str, tmp_path: Path) -> None:
        (tmp_path / "whsec").write_text("whsec_" + "A" * 32)
        (tmp_path / "whsec").chmod(0o600)
        found = lacking(self.sinks(tmp_path)[kind])
        assert found
        assert all("none" in one for one in found), found

    @pytest.mark.parametrize(
        ("content", "why"),
        [("", "on one line"), ("two\nlines", "on one line"), ("whsec_!!", "base64"), ("pä", "ASCII")],
    )
    def test_a_secret_that_is_none_is_named(self, content: str, why: str, tmp_path: Path) -> None:
        (tmp_path / "s").write_text(content)
        (tmp_path / "s").chmod(0o600)
        found = lacking(WebhookSink(name="x", url="https://h/", secret_file=str(tmp_path / "s")))
        assert any(why in one for one in found)
        assert not any("!!" in one for one in found)

    @pytest.mark.parametrize("content", ["hooks.example.com/x", "ftp://x/y", "xoxb-1-2"])
    def test_an_address_that_is_none_is_named(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "u").write_text(content)
        (tmp_path / "u").chmod(0o600)
        (found,) = lacking(SlackSink(name="x", url_file=str(tmp_path / "u")))
        assert "https://" in found
        assert content not in found

    def test_a_secret_that_others_can_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_text("token")
        (tmp_path / "t").chmod(0o644)
        (found,) = lacking(SplunkSink(name="x", url="https://h", token_file=str(tmp_path / "t")))
        assert "chmod 600" in found

    def test_half_a_login_and_an_acknowledgement_without_a_channel_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_text("token")
        (tmp_path / "t").chmod(0o600)
        assert any("both" in one for one in lacking(SmtpSink(name="x", host="h", from_="a@b", to=("c@d",), user="u")))
        acks = SplunkSink(name="x", url="https://h", token_file=str(tmp_path / "t"), ack=True)
        assert any("channel" in one for one in lacking(acks))

    def test_what_is_whole_lacks_nothing_and_nothing_is_made(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_text("token")
        (tmp_path / "t").chmod(0o600)
        assert lacking(SplunkSink(name="x", url="https://h", token_file=str(tmp_path / "t"))) == []
        assert lacking(FileSink(name="x", path=str(tmp_path / "alerts"))) == []
        assert lacking(ExecSink(name="x", argv=("/bin/sh", "-c", "exit 1"))) == []
        assert not (tmp_path / "alerts").exists()

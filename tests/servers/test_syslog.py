# SPDX-License-Identifier: Apache-2.0
"""Syslog against a real rsyslog: UDP, TCP and TLS with certificates on both sides."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alert_events import voided
from rsyslog_server import HOST, Rsyslog
from throwaway_ca import Certificate, ThrowAwayCa

from breakglass_shamir.alerts.sinks import base
from breakglass_shamir.alerts.sinks.syslog import Syslog
from breakglass_shamir.custody.policy.sinks import SyslogSink
from breakglass_shamir.errors import SinkFailure

TEXTS = ["plain", "ümläut 漢字", 'quotes " and \\ and ] in [data]', "a" * 400]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> ThrowAwayCa:
    need("openssl")
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def mine(ca: ThrowAwayCa) -> Certificate:
    return ca.issue("terminal", "127.0.0.1")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, ca: ThrowAwayCa, need: Callable[[str], str]) -> Iterator[Rsyslog]:
    yield from collector(tmp_path_factory.mktemp("plain"), ca, need, secure=False)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, ca: ThrowAwayCa, need: Callable[[str], str]) -> Iterator[Rsyslog]:
    yield from collector(tmp_path_factory.mktemp("secure"), ca, need, secure=True)


def collector(folder: Path, ca: ThrowAwayCa, need: Callable[[str], str], *, secure: bool) -> Iterator[Rsyslog]:
    need("rsyslogd")
    made = Rsyslog(folder / "rsyslog", ca, ca.issue(f"collector-{secure}", HOST), secure=secure)
    made.start()
    yield made
    made.stop()


def over_tls(server: Rsyslog, ca: ThrowAwayCa, mine: Certificate | None, host: str = HOST) -> Syslog:
    sink = SyslogSink(
        name="siem", host=host, port=server.tcp, ca=str(ca.certificate),
        cert=str(mine.certificate) if mine else None, key=str(mine.key) if mine else None,
    )  # fmt: skip
    return Syslog(sink)


def over_tcp(port: int) -> Syslog:
    return Syslog(SyslogSink(name="siem", host=HOST, port=port, transport="tcp"))


def over_udp(port: int) -> Syslog:
    return Syslog(SyslogSink(name="siem", host=HOST, port=port, transport="udp", facility="local3"))


def assert_parsed(server: Rsyslog, facility: int) -> None:
    received = server.received(len(TEXTS))
    assert len(received) == len(TEXTS)
    for number, (text, got) in enumerate(zip(TEXTS, received, strict=True)):
        event = voided(number, text)
        assert (got["app"], got["msgid"], got["pri"]) == ("breakglass", "sheet-voided", str(facility * 8 + 3))
        assert got["at"].startswith("2026-01-02T03:04:05")
        assert f'sequenceId="{number + 1}"' in got["data"]
        assert json.loads(got["msg"]) == event.document


def test_every_event_arrives_by_datagram_with_its_fields(plain: Rsyslog) -> None:
    plain.forget()
    over_udp(plain.udp).deliver([voided(number, text) for number, text in enumerate(TEXTS)])
    assert_parsed(plain, 19)


def test_every_event_arrives_over_tcp_with_its_fields(plain: Rsyslog) -> None:
    plain.forget()
    over_tcp(plain.tcp).deliver([voided(number, text) for number, text in enumerate(TEXTS)])
    assert_parsed(plain, 10)


def test_every_event_arrives_over_mutual_tls_with_its_fields(
    secure: Rsyslog, ca: ThrowAwayCa, mine: Certificate
) -> None:
    secure.forget()
    over_tls(secure, ca, mine).deliver([voided(number, text) for number, text in enumerate(TEXTS)])
    assert_parsed(secure, 10)


def test_no_event_goes_to_a_collector_of_another_authority(
    secure: Rsyslog, tmp_path: Path, mine: Certificate, need: Callable[[str], str]
) -> None:
    secure.forget()
    with pytest.raises(SinkFailure, match="verify failed"):
        over_tls(secure, ThrowAwayCa(tmp_path / "other"), mine).deliver([voided(1)])
    assert secure.received(1, 0.3) == []


def test_no_event_goes_to_a_collector_of_another_name(secure: Rsyslog, ca: ThrowAwayCa, mine: Certificate) -> None:
    with pytest.raises(SinkFailure, match="localhost"):
        over_tls(secure, ca, mine, "localhost").deliver([voided(1)])


def test_a_collector_that_wants_a_certificate_and_gets_none_acknowledges_nothing(
    secure: Rsyslog, ca: ThrowAwayCa
) -> None:
    secure.forget()
    for number in range(40):  # whether it ends before or after our bytes arrive is chance
        with pytest.raises(SinkFailure):
            over_tls(secure, ca, None).deliver([voided(number)])
    assert secure.received(1, 0.3) == []


def test_a_file_that_is_missing_is_named(secure: Rsyslog, ca: ThrowAwayCa, tmp_path: Path) -> None:
    sink = SyslogSink(name="siem", host=HOST, port=secure.tcp, ca=str(tmp_path / "no.pem"))
    with pytest.raises(SinkFailure, match=r"no\.pem cannot be used: No such file"):
        Syslog(sink).deliver([voided(1)])


def test_a_closed_udp_port_is_a_failure(plain: Rsyslog) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
    with pytest.raises(SinkFailure, match="refused"):
        over_udp(port).deliver([voided(1), voided(2)])


@pytest.mark.parametrize("behaviour", ["reads and resets", "resets at once", "never answers"])
def test_without_an_orderly_end_nothing_counts(behaviour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breakglass_shamir.alerts.sinks.base.LIMIT_S", 0.5)
    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=misbehave, args=(server, behaviour), daemon=True)
        thread.start()
        with pytest.raises(SinkFailure) as caught:
            over_tcp(server.getsockname()[1]).deliver([voided(number) for number in range(50)])
        thread.join(5)
    assert caught.value.delivered == 0
    assert base.LIMIT_S > 0


@pytest.mark.parametrize("secure", [False, True])
def test_a_collector_that_turns_us_away_acknowledges_nothing_however_early(
    secure: bool, ca: ThrowAwayCa, mine: Certificate
) -> None:
    """It ends in order, without a word, as early as it can: before, while or after our bytes arrive."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine.certificate, mine.key)
    with socket.create_server((HOST, 0)) as server:
        sink = SyslogSink(
            name="siem", host=HOST, port=server.getsockname()[1], transport="tls" if secure else "tcp",
            ca=str(ca.certificate),
        )  # fmt: skip
        for attempt in range(25):
            thread = threading.Thread(target=turn_away, args=(server, context if secure else None, attempt * 0.0002))
            thread.start()
            with pytest.raises(SinkFailure) as caught:
                Syslog(sink).deliver([voided(number) for number in range(1 + attempt)])
            thread.join(5)
            assert caught.value.delivered == 0


def turn_away(server: socket.socket, context: ssl.SSLContext | None, after_s: float) -> None:
    connection, _ = server.accept()
    if context:
        connection = context.wrap_socket(connection, server_side=True)
    time.sleep(after_s)
    connection.close()


def misbehave(server: socket.socket, behaviour: str) -> None:
    """Take one connection and end it badly."""
    connection, _ = server.accept()
    with connection:
        if behaviour == "reads and resets":
            connection.recv(100)
        if behaviour == "never answers":
            threading.Event().wait(1.5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

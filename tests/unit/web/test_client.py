# SPDX-License-Identifier: Apache-2.0
"""The one HTTP client: what it sends, what it reads, and what it never does. The attacks have a file of their own."""

import contextlib
import gzip
import socket
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.errors import WebError
from breakglass_shamir.web import words
from breakglass_shamir.web.client import Answer, Request, ask, send
from tests.attacks.dripping import HOST, Dripper, dripping, once

LIMIT_S = 30.0
BODY = b'{"text": "\xc3\xbcber"}'


def answered(status: str = "200 OK", body: bytes = BODY, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def asked(server: Dripper, url: str = "", **more: object) -> Answer:
    values: dict[str, object] = {"method": "GET", "url": url or f"http://{HOST}:{server.port}/a/b?c=d", **more}
    return send(Request(**values), Deadline(LIMIT_S))  # type: ignore[arg-type]


def test_what_is_sent_and_read() -> None:
    with dripping(once(answered(Content_Type="application/json"))) as server:
        answer = asked(server, method="PUT", body=b"tinned beans", headers={"X-Token": "t"}, answer_max=100)
    assert (answer.status, answer.body, answer.is_yes) == (200, BODY, True)
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    sent = dict(line.split(": ", 1) for line in lines)
    assert (first, body) == ("PUT /a/b?c=d HTTP/1.1", b"tinned beans")
    assert sent["Host"] == f"{HOST}:{server.port}"
    assert (sent["Accept-Encoding"], sent["Connection"], sent["X-Token"]) == ("identity", "close", "t")
    assert sent["User-Agent"].startswith("breakglass_shamir/")


def test_any_answer_is_an_answer_and_only_a_yes_is_one_to_ask() -> None:
    with dripping(once(answered("404 Not Found", b'{"errors": ["no such key"]}', Retry_After="7"))) as server:
        answer = asked(server)
        assert (answer.status, answer.reason, answer.retry_after_s) == (404, "no such key", 7)
        with pytest.raises(WebError, match="got 404: no such key") as caught:
            ask(Request("GET", f"http://{HOST}:{server.port}/"), Deadline(LIMIT_S))
    assert (caught.value.status, caught.value.retry_after_s) == (404, 7)


@pytest.mark.parametrize("most", [0, 5, len(BODY), 1000])
def test_a_body_is_read_as_far_as_it_is_wanted(most: int) -> None:
    with dripping(once(answered())) as server:
        if 0 < most < len(BODY):
            with pytest.raises(WebError, match=f"longer than {most} bytes"):
                asked(server, answer_max=most)
        else:
            assert asked(server, answer_max=most).body == (BODY if most else b"")


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress(BODY, mtime=0)), ("deflate", zlib.compress(BODY))]
)
def test_what_is_packed_though_nobody_asked_is_unpacked(encoding: str, packed: bytes) -> None:
    with dripping(once(answered(body=packed, Content_Encoding=encoding))) as server:
        assert asked(server, answer_max=100).body == BODY
    for wrong in (packed[2:], b"no such thing"):
        with dripping(once(answered(body=wrong, Content_Encoding=encoding))) as server, pytest.raises(WebError):
            asked(server, answer_max=100)
    with (
        dripping(once(answered(body=packed, Content_Encoding="br"))) as server,
        pytest.raises(WebError, match="packed"),
    ):
        asked(server, answer_max=100)


@pytest.mark.parametrize("length", ["100", "-1", "9" * 4000, "x"])
def test_a_body_that_is_cut_is_no_answer(length: str) -> None:
    raw = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + BODY
    with closing_after(raw) as port:
        request = Request("GET", f"http://{HOST}:{port}/", answer_max=1000)
        with contextlib.suppress(WebError):
            assert send(request, Deadline(LIMIT_S)).body == BODY, "what has no length ends with the connection"


@contextlib.contextmanager
def closing_after(raw: bytes) -> Iterator[int]:
    """Answer one request, and close."""
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(once(answered())) as proxy, dripping(once(answered())) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://{HOST}:{proxy.port}")
        asked(server)
        assert (len(server.asked), proxy.asked) == (1, [])


def test_no_password_is_taken_from_a_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text(f"machine {HOST} login beans password tinned\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with dripping(once(answered())) as server:
        asked(server)
    assert b"uthorization" not in server.asked[0]


@pytest.mark.parametrize(
    "url",
    [
        "", "https:///beans", "http:///x", "ftp://h/", "file:///etc/passwd", "http://h:0x50/", "http://h:99999/", "h",
        "http://u:p@h/", "http://u@h/", "http://[::1/", "http://h/a b", "http://h/\r\nX: y", "http://h/\u202e", "//h/",
        "javascript:x",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(WebError, match="expected an address") as caught:
        send(Request("GET", url), Deadline(LIMIT_S))
    assert caught.value.__cause__ is None
    assert not url or len(url) < 3 or url not in str(caught.value)


@pytest.mark.parametrize("path", ["/\u00fc", "/\udcff"])
def test_an_address_that_no_request_can_hold_is_refused(path: str) -> None:
    with dripping(once(answered())) as server, pytest.raises(WebError) as caught:
        asked(server, f"http://{HOST}:{server.port}{path}")
    assert path not in str(caught.value)


def test_a_unix_socket_is_asked_where_one_is_named() -> None:
    # The folders of tests have longer names than a socket may have.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "socket"
        listening.bind(str(path))
        listening.listen()
        heard: list[bytes] = []

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                whole = b""
                while not whole.endswith(b"\r\n\r\nx"):
                    whole += connection.recv(65536)
                heard.append(whole)
                connection.sendall(answered())

        thread = threading.Thread(target=serve)
        thread.start()
        request = Request("POST", "http://localhost/", b"x", answer_max=100, local=path)
        assert send(request, Deadline(LIMIT_S)).body == BODY
        thread.join()
    assert heard[0].startswith(b"POST / HTTP/1.1\r\n")


def test_an_address_of_ipv6_is_asked() -> None:
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening:
        port = listening.getsockname()[1]
        heard: list[bytes] = []

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(answered())

        thread = threading.Thread(target=serve)
        thread.start()
        assert send(Request("GET", f"http://[::1]:{port}/"), Deadline(LIMIT_S)).is_yes
        thread.join()
    assert f"Host: [::1]:{port}\r\n".encode() in heard[0]


def test_nobody_there_is_said_in_words() -> None:
    with socket.socket() as one:
        one.bind((HOST, 0))
        with pytest.raises(WebError, match="Connection refused"):
            send(Request("GET", f"http://{HOST}:{one.getsockname()[1]}/secret-path"), Deadline(LIMIT_S))


def test_a_request_shows_no_secret() -> None:
    request = Request("POST", "https://h/secret-path", b"secret-body", {"X": "secret-header"}, secrets=("secret-word",))
    assert "secret" not in repr(request).replace("secrets", "")
    assert "secret" not in repr(Answer(200, {}, b"secret-body"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "one", "error": "two"}', "one"), (b'{"error": {"detail": "deep"}}', "deep"),
        (b'["first"]', "first"), (b'"just text"', "just text"), (b"plain\r\n  text ", "plain text"), (b"", ""),
        (b'{"x": 1}', '{"x": 1}'), (b"<!DOCTYPE html><p>sorry", ""), (b"\x1b[2Jred\xe2\x80\xae", "[2Jred"),
        (b"a" * 999, "a" * words.REASON_MAX_CHARS + "..."),
    ],
)  # fmt: skip
def test_a_reason_is_one_clean_line(body: bytes, said: str) -> None:
    assert words.reason(body, "application/json", ()) == said
    assert words.reason(body, "text/html", ()) == ""

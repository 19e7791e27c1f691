# SPDX-License-Identifier: Apache-2.0
"""Replies of a Redis server: read the same in whatever pieces they come, and never more than a refusal to go on."""

import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.connectors.database_target import Denied, Lost
from breakglass_shamir.connectors.redis.wire import DEPTH_MAX, PARTS_MAX, Wire

LINES = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=20)
REPLIES = st.recursive(
    st.none() | st.integers(-(10**17), 10**17) | st.binary(max_size=80) | LINES,
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


class Pieces(socket.socket):
    """A connection that hands over what it was given, so many bytes at a time, and then ends."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self.left, self.size, self.sent = data, size, b""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        piece, self.left = self.left[: self.size], self.left[self.size :]
        return piece

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self.sent += bytes(data)


def told(reply: Any) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    if isinstance(reply, str):
        return f"+{reply}\r\n".encode()
    return b"*%d\r\n" % len(reply) + b"".join(map(told, reply))


def depth(reply: Any) -> int:
    return 1 + max(map(depth, reply), default=0) if isinstance(reply, list) else 0


@settings(max_examples=150)
@given(st.lists(REPLIES.filter(lambda one: depth(one) <= DEPTH_MAX), min_size=1, max_size=3), st.integers(1, 40))
def test_a_reply_is_the_same_in_whatever_pieces_it_comes(replies: list[Any], size: int) -> None:
    with Pieces(b"".join(map(told, replies)), size) as one:
        assert Wire(one).ask(*[("X",)] * len(replies)) == replies


@settings(max_examples=200)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"*2\r\n", b"$3\r\n", b":1\r\n", b"a\r\n", b"*-1\r\n"])).map(b"".join)
)
def test_what_is_no_reply_is_no_answer(data: bytes) -> None:
    with Pieces(data, 7) as one:
        wire = Wire(one)
        try:
            for _ in range(20):
                wire.ask(("X",))
        except Lost:
            return
    raise AssertionError("a connection that ended answered for ever")


def test_a_command_says_how_long_each_word_is() -> None:
    with Pieces(b"+OK\r\n-WRONGPASS no  such\r\n", 100) as one:
        _, refused = Wire(one).ask(("AUTH", "b\u00e4", b"a\r\nb"), ("X",))
        assert one.sent == b"*3\r\n$4\r\nAUTH\r\n$3\r\nb\xc3\xa4\r\n$4\r\na\r\nb\r\n*1\r\n$1\r\nX\r\n"
    assert isinstance(refused, Denied)
    assert (refused.code, str(refused)) == ("WRONGPASS", "no such")


@pytest.mark.parametrize("data", [b"*1\r\n" * (DEPTH_MAX + 1) + b":1\r\n", b"$2\r\nabc\r\n", b"%1\r\n", b":1x\r\n"])
def test_what_other_servers_say_is_none(data: bytes) -> None:
    with Pieces(data, 100) as one, pytest.raises(Lost):
        Wire(one).ask(("X",))


def test_many_small_parts_are_no_way_round_the_bound_of_bytes() -> None:
    """Each part of a reply takes tens of times the memory that it took on the way."""
    data = b"*%d\r\n" % (PARTS_MAX // 2) + b"+\r\n" * (PARTS_MAX // 2)
    with Pieces(data * 5, 1 << 16) as one:
        wire = Wire(one)
        for _ in range(2):
            assert len(wire.ask(("X",))[0]) == PARTS_MAX // 2
        with pytest.raises(Lost, match="parts"):
            wire.ask(("X",), ("X",), ("X",))
    with Pieces(b"*%d\r\n" % (PARTS_MAX + 1) + b"+\r\n" * (PARTS_MAX + 1), 1 << 16) as one, pytest.raises(Lost):
        Wire(one).ask(("X",))

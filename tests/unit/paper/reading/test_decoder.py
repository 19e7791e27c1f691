# SPDX-License-Identifier: Apache-2.0
"""A worker that was taken over can lie, but only in the shape of an answer."""

import socket
import threading

import pytest

from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.decoder import Answer, Decoder, DecoderLost, Looked, Opened, Refused
from breakglass_shamir.paper.reading.prints import Print


class LyingDecoder(Decoder):
    """A decoder whose worker is a thread that sends prepared bytes."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(2.0, 1 << 30)
        self._prepared = b"".join(answers)

    def start(self) -> None:
        self._socket, theirs = socket.socketpair()
        threading.Thread(target=self._lie, args=(theirs,)).start()

    def _lie(self, theirs: socket.socket) -> None:
        with theirs:
            frames.read_message(theirs.recv)
            frames.read_frame(theirs.recv, 100)
            theirs.sendall(self._prepared)

    def _epitaph(self) -> str:
        return "gone"


def asked(*answers: bytes) -> list[Answer]:
    decoder = LyingDecoder(*answers)
    try:
        return list(decoder.ask(b"data", first=1, last=0, task=None))
    finally:
        decoder.close()


def page(number: object = 1, codes: object = (), problem: object = "", prints: object = ()) -> bytes:
    return frames.message(page=number, codes=codes, problem=problem, prints=prints)


OPENED = frames.message(pages=1)
END = frames.message(end=True)


def test_honest_answers_pass() -> None:
    assert asked(OPENED, page(codes=[["BGS1:A", "plain", 0.25], ["X", "plain", None]]), END) == [
        Opened(1),
        Looked(1, (("BGS1:A", "plain", 0.25), ("X", "plain", None)), ""),
    ]
    seen = asked(OPENED, page(prints=[[17, "M", "00ff", [1]]]), END)
    assert seen == [Opened(1), Looked(1, (), "", (Print(17, "M", b"\0\xff", frozenset({1})),))]
    assert asked(frames.message(refused="the file is empty")) == [Refused("the file is empty")]


@pytest.mark.parametrize(
    "lies",
    [
        (frames.frame(b"[]"),),
        (frames.frame(b"\xff"),),
        (frames.message(pages="1"),),
        (frames.message(pages=-1),),
        (frames.message(other=1),),
        ((1 << 31).to_bytes(4, "big"),),
        (frames.message(refused="\x1b[2J"),),
        (frames.message(refused="x" * 500),),
        (OPENED, page(2)),
        (OPENED, page(codes=[["A", "magic", None]])),
        (OPENED, page(codes=[["A", ["plain"], None]])),
        (OPENED, page(codes=[["A", "plain"]])),
        (OPENED, page(codes=[["A", "plain", "0.5"]])),
        (OPENED, page(codes=[["A", "plain", 1.5]])),
        (OPENED, page(codes=[["A", "plain", float("nan")]])),
        (OPENED, page(codes=[[1, "plain", None]])),
        (OPENED, page(codes=[["A" * 8000, "plain", None]])),
        (OPENED, page(codes=[["A", "plain", None]] * 100)),
        (OPENED, page(problem=3)),
        (OPENED, page(prints="M")),
        (OPENED, page(prints=[[17, "M", "00"]])),
        (OPENED, page(prints=[[0, "M", "00", []]])),
        (OPENED, page(prints=[[41, "M", "00", []]])),
        (OPENED, page(prints=[["17", "M", "00", []]])),
        (OPENED, page(prints=[[17, "X", "00", []]])),
        (OPENED, page(prints=[[17, [], "00", []]])),
        (OPENED, page(prints=[[17, "M", "0", []]])),
        (OPENED, page(prints=[[17, "M", "zz", []]])),
        (OPENED, page(prints=[[17, "M", "00" * 4000, []]])),
        (OPENED, page(prints=[[17, "M", "00", [1]]])),
        (OPENED, page(prints=[[17, "M", "00", [-1]]])),
        (OPENED, page(prints=[[17, "M", "00", ["0"]]])),
        (OPENED, page(prints=[[17, "M", "00", 0]])),
        (OPENED, page(prints=[[17, "M", "00", []]] * 9)),
    ],
)
def test_lies_end_the_worker(lies: tuple[bytes, ...]) -> None:
    with pytest.raises(DecoderLost, match="makes no sense"):
        asked(*lies)


@pytest.mark.parametrize("count", [0, 3, 10])
def test_silence_ends_the_worker(count: int) -> None:
    with pytest.raises(DecoderLost, match="gone"):
        asked((OPENED + page())[:count])


def test_an_answer_without_end_is_not_complete() -> None:
    with pytest.raises(DecoderLost):
        asked(OPENED, page())

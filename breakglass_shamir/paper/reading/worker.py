# SPDX-License-Identifier: Apache-2.0
"""The process that decodes pictures, apart from the one that holds secrets and keys.

Native decoders read hostile bytes here: a crash or a hang costs one page, and what is taken over is a process
that holds no key, inherits no environment, cannot write a file and is limited in memory and time.

Rules:

1. Requests come and answers leave on standard input, which is a socket (see ``frames``). Nothing else is
   written: no disk, no standard error. End of input is the end of the process.
2. Not dumpable, no core, memory limited, no file written; processor time is granted per page, so that a worker
   whose parent died cannot spin for ever.
3. Whatever goes wrong on a page becomes its problem in words, and the next page is read.

It is started by ``scan`` only, and interprets no share.
"""

import math
import resource
import socket
from collections.abc import Iterator
from typing import Any

from breakglass_shamir.hygiene import harden_process
from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.chain import Reading, plain_look, thorough_look
from breakglass_shamir.paper.reading.pages import Pages, RefusedPicture, open_pages


def main(memory_bytes: int, seconds_per_page: float) -> None:
    """Answer requests until the other side closes."""
    harden_process()
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    connection = socket.socket(fileno=0)
    while True:
        try:
            task = frames.read_message(connection.recv)
            data = frames.read_frame(connection.recv, frames.LARGEST_FILE_BYTES)
        except EOFError:
            return
        for answer in _answers(task, data, seconds_per_page):
            connection.sendall(answer)


def _answers(task: dict[str, Any], data: bytes, seconds: float) -> Iterator[bytes]:
    """Yield the frames that answer one request."""
    try:
        _grant(seconds)
        pages = open_pages(data)
    except RefusedPicture as refusal:
        yield frames.message(refused=str(refusal))
        return
    except Exception:  # plugins raise anything on damaged input, and their words may quote it
        yield frames.message(refused="damaged: the file cannot be opened")
        return
    yield frames.message(pages=pages.count)
    last = min(pages.count, frames.MOST_PAGES, task["last"] or pages.count)
    for number in range(task["first"], last + 1):
        _grant(seconds)
        yield _page_answer(pages, number, thorough=task["thorough"])
    yield frames.message(end=True)


def _page_answer(pages: Pages, number: int, *, thorough: bool) -> bytes:
    """Read one page; whatever goes wrong becomes its problem."""
    try:
        reading = thorough_look(pages, number) if thorough else plain_look(pages, number)
    except RefusedPicture as refusal:
        return _answer(number, Reading(), str(refusal))
    except MemoryError:
        return _answer(number, Reading(), "too large for the memory allowed")
    except Exception:
        return _answer(number, Reading(), "damaged: the page cannot be decoded")
    return _answer(number, reading, "")


def _answer(number: int, reading: Reading, problem: str) -> bytes:
    """Return the frame that says what was found on a page."""
    codes = [(code.text, code.variant, code.used) for code in reading.codes[: frames.MOST_CODES]]
    prints = [
        (one.version, one.level, one.words.hex(), sorted(one.missing)) for one in reading.prints[: frames.MOST_PRINTS]
    ]
    return frames.message(page=number, codes=codes, prints=prints, problem=problem)


def _grant(seconds: float) -> None:
    """Allow this much processor time from now on, rounded up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))

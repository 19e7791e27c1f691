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
import time
from collections.abc import Iterator
from typing import Any

from breakglass_shamir.hygiene import harden_process
from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.chain import Reading, plain_look, thorough_look
from breakglass_shamir.paper.reading.formats import RefusedPicture, is_cut_off
from breakglass_shamir.paper.reading.look import Task
from breakglass_shamir.paper.reading.pages import CUT_OFF, Pages, open_pages


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
        yield frames.message(refused=f"damaged: {CUT_OFF if is_cut_off(data) else 'the file cannot be opened'}")
        return
    yield frames.message(pages=pages.count)
    last = min(pages.count, frames.MOST_PAGES, task["last"] or pages.count)
    wanted = Task(*task["thorough"]) if task["thorough"] else None
    for number in range(task["first"], last + 1):
        _grant(seconds)
        yield from _page_answers(pages, number, wanted, signs_wanted=task["signs"])
    yield frames.message(end=True)


def _page_answers(pages: Pages, number: int, task: Task | None, *, signs_wanted: bool) -> Iterator[bytes]:
    """Read one page, telling how far it is; whatever goes wrong becomes its problem."""
    began, problem, reading = time.process_time(), "", Reading()
    try:
        if task is None:
            reading = plain_look(pages, number, signs_wanted=signs_wanted)
        else:
            for done, of in thorough_look(pages, number, task, reading):
                yield frames.message(looking=done, of=of)
    except RefusedPicture as refusal:
        problem = str(refusal)
    except MemoryError:
        problem = "too large for the memory allowed: save it smaller"
    except Exception:
        problem = "damaged: the page cannot be decoded"
    yield _answer(number, reading, "" if reading.codes else problem, time.process_time() - began)


def _answer(number: int, reading: Reading, problem: str, spent: float) -> bytes:
    """Return the frame that says what was found on a page."""
    codes = [(code.text, code.variant, code.used) for code in reading.codes[: frames.MOST_CODES]]
    prints = [
        (one.version, one.level, one.words.hex(), sorted(one.missing), one.sure.hex())
        for one in sorted(reading.prints, key=lambda one: -one.worth)[: frames.MOST_PRINTS]
    ]
    signs = min(reading.signs, frames.MOST_SIGNS)
    return frames.message(
        page=number, codes=codes, prints=prints, problem=problem, note=reading.note, signs=signs, spent=spent
    )


def _grant(seconds: float) -> None:
    """Allow this much processor time from now on, rounded up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))

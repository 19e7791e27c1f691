# SPDX-License-Identifier: Apache-2.0
"""The process that decodes pictures, apart from the one that holds secrets and keys.

Native decoders read hostile bytes here: a crash or a hang costs one page, and what is taken over is a process
that holds no key, inherits no environment, cannot write a file and is limited in memory and time.

Rules:

1. Requests come and answers leave on standard input, which is a socket (see ``frames``). Nothing else is
   written: no disk, no standard error. End of input is the end of the process.
2. Not dumpable, no core, memory limited, no file written; processor time is granted per page, so that a worker
   whose parent died cannot spin for ever.
3. The plain look comes first. Variants are tried only in a thorough one, and end as soon as both a share and
   an envelope were found.

It is started by ``scan`` only, and interprets no share.
"""

import math
import resource
import socket
from collections.abc import Iterator
from typing import Any

import zxingcpp
from PIL import Image

from breakglass_shamir.hygiene import harden_process
from breakglass_shamir.paper import frames
from breakglass_shamir.paper.health import used_budget
from breakglass_shamir.paper.pages import Pages, RefusedPicture, open_pages

_QR_ONLY = zxingcpp.barcode_formats_from_str("QRCodeModel2")
"""All formats cost ten times the time, and noise now and then looks like a Micro QR code."""

_BINARIZERS = {
    "local": zxingcpp.Binarizer.LocalAverage,
    "global": zxingcpp.Binarizer.GlobalHistogram,
    "fixed": zxingcpp.Binarizer.FixedThreshold,
}
"""What ``variants`` calls a threshold."""

_SALVAGED_TOO = frozenset({"even light", "tile"})
"""Looks in which a share code that is damaged beyond its error correction is looked for again."""

_FLATTENED_TOO = frozenset({"even light", "deblurred", "grain"})
"""Looks in which codes on bent paper are looked for."""

Code = tuple[str, str, float | None]
"""Text, variant and used error correction, as they are sent."""


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
        codes = _thorough(pages, number) if thorough else _decode(pages.picture(number, fine=False), "plain")
    except RefusedPicture as refusal:
        return frames.message(page=number, codes=[], problem=str(refusal))
    except MemoryError:
        return frames.message(page=number, codes=[], problem="too large for the memory allowed")
    except Exception:
        return frames.message(page=number, codes=[], problem="damaged: the page cannot be decoded")
    return frames.message(page=number, codes=codes[: frames.MOST_CODES], problem="")


def _thorough(pages: Pages, number: int) -> list[Code]:
    """Look again and again until a share and an envelope are there; keep what each look adds."""
    from breakglass_shamir.paper.variants import looks

    plain = pages.picture(number, fine=True)
    codes = _decode(plain, "plain")
    partial = "" if _has_share(codes) else _salvage(plain, codes)
    for look in looks(plain):
        for threshold in look.thresholds:
            if _is_complete(codes):
                return codes
            known = {text for text, *_ in codes}
            codes += [code for code in _decode(look.picture, look.variant, threshold) if code[0] not in known]
        if look.variant in _SALVAGED_TOO and not _has_share(codes):
            partial = _salvage(look.picture, codes) or partial
        if look.variant in _FLATTENED_TOO and not _is_complete(codes):
            _flatten(look.picture, codes)
    return codes if _has_share(codes) or not partial else [*codes, (partial, "salvaged", 1.0)]


def _salvage(picture: Image.Image, codes: list[Code]) -> str:
    """Add the share code that its prints tell together; returns what they tell where that is not all of it."""
    from breakglass_shamir.paper.salvage import LOST, salvaged

    broken, rest = _broken(picture, codes)
    text = salvaged(broken, rest) or ""
    if text and LOST not in text:
        codes.append((text, "salvaged", 1.0))
        return ""
    return text


def _flatten(picture: Image.Image, codes: list[Code]) -> None:
    """Add the codes that are whole, but on paper that is bent."""
    from breakglass_shamir.paper.flatten import flattened

    for code in flattened(*_broken(picture, codes)):
        known = {text for text, *_ in codes}
        codes += [found for found in _decode(code, "flattened") if found[0] not in known]
        if _is_complete(codes):
            return


def _broken(picture: Image.Image, codes: list[Code]) -> tuple[list[Any], Image.Image]:
    """Return the codes whose error correction failed, and the picture without those that are whole."""
    rest = picture.copy()
    for whole in zxingcpp.read_barcodes(picture, formats=_QR_ONLY) if codes else ():
        # Its finder patterns would be taken for those of the codes that are looked for.
        rest.paste(255, _box(whole.position))
    found = zxingcpp.read_barcodes(rest, formats=_QR_ONLY, return_errors=True)
    return [code for code in found if not code.valid], rest


def _box(position: Any) -> tuple[int, int, int, int]:
    """Return the upright box around a code, with a few pixels more."""
    places = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    across, down = [place.x for place in places], [place.y for place in places]
    return (max(0, min(across) - 4), max(0, min(down) - 4), max(across) + 4, max(down) + 4)


def _has_share(codes: list[Code]) -> bool:
    return any(text[:5].upper() == frames.SHARE_PREFIX for text, *_ in codes)


def _is_complete(codes: list[Code]) -> bool:
    """Tell whether both a share and an envelope are among the codes."""
    heads = {text[:5].upper() for text, *_ in codes}
    return {frames.SHARE_PREFIX, frames.ENVELOPE_PREFIX} <= heads


def _decode(picture: Image.Image, variant: str, threshold: str = "local") -> list[Code]:
    """Return the QR codes of one picture."""
    found = zxingcpp.read_barcodes(picture, formats=_QR_ONLY, binarizer=_BINARIZERS[threshold])
    return [
        (code.text, variant, used_budget(code, picture) if _is_ours(code.text) else None)
        for code in found
        if code.text and len(code.text) <= frames.LONGEST_TEXT
    ]


def _is_ours(text: str) -> bool:
    return text[:5].upper() in {frames.SHARE_PREFIX, frames.ENVELOPE_PREFIX}


def _grant(seconds: float) -> None:
    """Allow this much processor time from now on, rounded up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))

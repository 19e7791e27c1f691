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
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import zxingcpp
from PIL import Image

from breakglass_shamir.hygiene import harden_process
from breakglass_shamir.paper import frames
from breakglass_shamir.paper.health import Corners, corners_of, used_budget
from breakglass_shamir.paper.look import Look, Threshold
from breakglass_shamir.paper.pages import Pages, RefusedPicture, open_pages

_QR_ONLY = zxingcpp.barcode_formats_from_str("QRCodeModel2")
"""All formats cost ten times the time, and noise now and then looks like a Micro QR code."""

_BINARIZERS = {
    "local": zxingcpp.Binarizer.LocalAverage,
    "global": zxingcpp.Binarizer.GlobalHistogram,
    "fixed": zxingcpp.Binarizer.FixedThreshold,
}
"""What ``variants`` calls a threshold."""

_SALVAGED_TOO = frozenset({"even light", "tile", "rectified"})
"""Looks in which a share code that is damaged beyond its error correction is looked for again."""

_FLATTENED_TOO = frozenset({"even light", "deblurred", "grain", "upscaled", "rectified"})
"""Looks in which codes on bent paper are looked for."""

Sent = tuple[str, str, float | None]
"""Text, variant and used error correction."""


@dataclass(frozen=True, slots=True)
class Code:
    """What was read.

    Attributes:
        text: what it says.
        variant: the look that found it.
        used: part of its error correction that its damage used, where that is known.
        corners: outer corners in parts of the page's sides; None where they are not known.
        size: modules, each way.
    """

    text: str = field(repr=False)
    variant: str
    used: float | None
    corners: Corners | None = None
    size: int = 0


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
        codes = _thorough(pages, number) if thorough else _decode(Look("plain", pages.picture(number, fine=False)))
    except RefusedPicture as refusal:
        return frames.message(page=number, codes=[], problem=str(refusal))
    except MemoryError:
        return frames.message(page=number, codes=[], problem="too large for the memory allowed")
    except Exception:
        return frames.message(page=number, codes=[], problem="damaged: the page cannot be decoded")
    sent: list[Sent] = [(code.text, code.variant, code.used) for code in codes[: frames.MOST_CODES]]
    return frames.message(page=number, codes=sent, problem="")


def _thorough(pages: Pages, number: int) -> list[Code]:
    """Look again and again until a share and an envelope are there; keep what each look adds."""
    from breakglass_shamir.paper.variants import looks

    plain = pages.picture(number, fine=True)
    codes = _decode(Look("plain", plain))
    partial = "" if _has_share(codes) else _salvage(plain, codes)
    for look in chain(looks(plain), _laid_flat(plain, codes)):
        for threshold in look.thresholds:
            if _is_complete(codes):
                return codes
            known = {code.text for code in codes}
            codes += [code for code in _decode(look, threshold) if code.text not in known]
        if look.variant in _SALVAGED_TOO and not _has_share(codes):
            partial = _salvage(look.picture, codes) or partial
        if look.variant in _FLATTENED_TOO and not _is_complete(codes):
            _flatten(look, codes)
    return codes if _has_share(codes) or not partial else [*codes, Code(partial, "salvaged", 1.0)]


def _laid_flat(plain: Image.Image, codes: list[Code]) -> Iterator[Look]:
    """Yield the page laid flat by those codes that are known once this is asked for."""
    from breakglass_shamir.paper.variants import laid_flat

    yield from laid_flat(plain, [(code.corners, code.size) for code in codes if code.corners and _is_ours(code.text)])


def _salvage(picture: Image.Image, codes: list[Code]) -> str:
    """Add the share code that its prints tell together; returns what they tell where that is not all of it."""
    from breakglass_shamir.paper.salvage import LOST, salvaged

    broken, rest = _broken(picture, codes)
    text = salvaged(broken, rest) or ""
    if text and LOST not in text:
        codes.append(Code(text, "salvaged", 1.0))
        return ""
    return text


def _flatten(look: Look, codes: list[Code]) -> None:
    """Add the codes that are whole, but on paper that is bent or seen from the side."""
    from breakglass_shamir.paper.finders import BENT, SKEWED
    from breakglass_shamir.paper.flatten import flattened

    slack = SKEWED if look.variant == "upscaled" else BENT
    for drawing, corners, size in flattened(*_broken(look.picture, codes), slack):
        known = {code.text for code in codes}
        found = [code for code in _decode(Look("flattened", drawing, part=None)) if code.text not in known]
        codes += [replace(code, corners=look.on_page(corners), size=size) for code in found]
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
    return any(code.text[:5].upper() == frames.SHARE_PREFIX for code in codes)


def _is_complete(codes: list[Code]) -> bool:
    """Tell whether both a share and an envelope are among the codes."""
    heads = {code.text[:5].upper() for code in codes}
    return {frames.SHARE_PREFIX, frames.ENVELOPE_PREFIX} <= heads


def _decode(look: Look, threshold: Threshold = "local") -> list[Code]:
    """Return the QR codes of one picture."""
    found = zxingcpp.read_barcodes(look.picture, formats=_QR_ONLY, binarizer=_BINARIZERS[threshold])
    return [_code(one, look) for one in found if one.text and len(one.text) <= frames.LONGEST_TEXT]


def _code(found: Any, look: Look) -> Code:
    """Note what was found, and where on the page."""
    used = used_budget(found, look.picture) if _is_ours(found.text) else None
    version = str(found.extra.get("Version", ""))
    if not version.isdigit():
        return Code(found.text, look.variant, used)
    return Code(found.text, look.variant, used, look.on_page(corners_of(found.position)), 17 + 4 * int(version))


def _is_ours(text: str) -> bool:
    return text[:5].upper() in {frames.SHARE_PREFIX, frames.ENVELOPE_PREFIX}


def _grant(seconds: float) -> None:
    """Allow this much processor time from now on, rounded up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))

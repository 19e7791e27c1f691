# SPDX-License-Identifier: Apache-2.0
"""The looks at one page, one after the other; runs in the worker only (spec section 4, "Reading it back").

Rules:

1. The plain look comes first. The others are taken only in a thorough one, and end as soon as both a share and an
   envelope were found.
2. What each look adds is kept, with its place on the page where that is known.
3. Of codes that are damaged beyond their error correction, a share is salvaged from its prints on the page; of an
   envelope code the print is kept, for what other sheets have of it (``merge``).

4. Codes that no look finds are read where the layout of a sheet has them (``places``).

It interprets no share.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import Any

import zxingcpp
from PIL import Image

from breakglass_shamir.paper.reading import frames, places, planes, signs
from breakglass_shamir.paper.reading.finders import BENT, SKEWED
from breakglass_shamir.paper.reading.health import Corners, corners_of, used_budget
from breakglass_shamir.paper.reading.look import Look, Task, Threshold
from breakglass_shamir.paper.reading.merge import LEVEL, SHARE_LEVEL, DamagedCodes
from breakglass_shamir.paper.reading.pages import Pages
from breakglass_shamir.paper.reading.prints import Print
from breakglass_shamir.paper.reading.variants import (
    MOST_LOOKS,
    deblurred,
    laid_flat,
    looks,
    plainest,
)

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

_FLATTENED_TOO = {"even light": BENT, "deblurred": None, "grain": None, "upscaled": SKEWED, "rectified": BENT}
"""Looks in which codes on bent paper are looked for, and how askew their finder patterns may be; where a sharpened
picture has made patterns of noise, they are not looked for."""


_MOST_PLACED = 2
"""Places of a page at which a code is read; the first is the right one, or none is."""

MOST_MISSING = 0.6
"""Part of a print's codewords that may be missing: what a place without a code has is flat."""


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


@dataclass(slots=True)
class Reading:
    """What was found on a page.

    Attributes:
        codes: what was read.
        prints: codes that are damaged beyond their error correction, each once.
        note: what is wrong with the file.
        signs: finder patterns of codes that were not read; counted in a plain look only.
    """

    codes: list[Code] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)
    note: str = ""
    signs: int = 0


def plain_look(pages: Pages, number: int, *, signs_wanted: bool = True) -> Reading:
    """Look once, and at a small picture where something is missing; count what hints at more codes there.

    Args:
        pages: the opened file.
        number: of the page.
        signs_wanted: whether anything is done about what is missing; on most pages just drawn there is a code less.
    """
    shown = pages.picture(number, fine=False)
    reading = Reading(_decode(Look("plain", shown.grey)), note=shown.note)
    if signs_wanted and not _is_complete(reading.codes):
        small = plainest(shown.grey)
        _add(reading.codes, _decode(Look("reduced", small), "fixed"))
        if not _is_complete(reading.codes):
            reading.signs = signs.count(small, (code.corners for code in reading.codes if code.corners))
    return reading


def thorough_look(pages: Pages, number: int, task: Task, reading: Reading) -> Iterator[tuple[int, int]]:
    """Look again and again until what is wanted is there, or the time is over.

    Args:
        pages: the opened file.
        number: of the page.
        task: what is wanted, and for how long.
        reading: what is found is added to it.

    Yields:
        How many of how many looks are done, before each.
    """
    until = time.process_time() + task.seconds
    shown = pages.picture(number, fine=True)
    plain, codes, reading.note = shown.grey, reading.codes, shown.note
    codes += _decode(Look("plain", plain))
    partial = _salvage(plain, reading, task)
    for done, look in enumerate(chain(looks(plain, shown.inkless), _laid_flat(plain, codes)), 1):
        if _is_done(task, codes) or time.process_time() > until:
            break
        yield done, MOST_LOOKS
        for threshold in look.thresholds:
            if not _is_done(task, codes):
                _add(codes, _decode(look, threshold))
        if look.variant == "repaired" and not _is_done(task, codes):
            _keep_prints(_failed(look.picture), look.picture, reading, task)
        if look.variant == "placed":
            _place(look, reading, task)
        if look.variant in _SALVAGED_TOO:
            partial = _salvage(look.picture, reading, task) or partial
        if look.variant in _FLATTENED_TOO and not _is_done(task, codes):
            _flatten(look, reading, task)
    if partial and not _has(codes, frames.SHARE_PREFIX):
        codes.append(Code(partial, "salvaged", 1.0))


def _is_done(task: Task, codes: list[Code]) -> bool:
    """Tell whether all that is wanted was read."""
    return (not task.share or _has(codes, frames.SHARE_PREFIX)) and (
        not task.envelope or _has(codes, frames.ENVELOPE_PREFIX)
    )


def _add(codes: list[Code], found: Iterable[Code]) -> None:
    """Add the codes whose texts are new."""
    known = {code.text for code in codes}
    codes += [code for code in found if code.text not in known]


def _laid_flat(plain: Image.Image, codes: list[Code]) -> Iterator[Look]:
    """Yield the page laid flat by those codes that are known once this is asked for."""
    yield from laid_flat(plain, [(code.corners, code.size) for code in codes if code.corners and _is_ours(code.text)])


def _salvage(picture: Image.Image, reading: Reading, task: Task) -> str:
    """Add the share code that its prints tell together, and keep the prints of what is wanted.

    Returns:
        What the prints of a share code tell where that is not all of it.
    """
    from breakglass_shamir.paper.reading import salvage

    codes = reading.codes
    if _is_done(task, codes):
        return ""
    broken, rest = _broken(picture, codes)
    _keep_prints(broken, rest, reading, task)
    if _has(codes, frames.SHARE_PREFIX):
        return ""
    text = salvage.salvaged(broken, rest) or ""
    if text and salvage.LOST not in text:
        codes.append(Code(text, "salvaged", 1.0))
        return ""
    return text


def _keep_prints(broken: list[Any], picture: Image.Image, reading: Reading, task: Task) -> None:
    """Keep the print of each damaged code that is wanted, from the look in which least of it is missing."""
    from breakglass_shamir.paper.reading import merge
    from breakglass_shamir.paper.reading.prints import printed

    for found in broken[: frames.MOST_PRINTS]:
        kind = merge.kind_of(found.extra or {})
        wanted = task.envelope if kind == frames.ENVELOPE_PREFIX else kind and task.share
        one = printed(found, picture) if wanted and not _has(reading.codes, kind) else None
        if one is None or len(one.missing) > MOST_MISSING * len(one.words):
            continue
        same = next((at for at, other in enumerate(reading.prints) if other.likeness(one) >= merge.LIKE), None)
        if same is None:
            reading.prints.append(one)
        elif one.worth > reading.prints[same].worth:
            reading.prints[same] = one


def _flatten(look: Look, reading: Reading, task: Task) -> None:
    """Add the codes that are whole, but on paper that is bent or seen from the side; keep prints of the others."""
    from breakglass_shamir.paper.reading.flatten import flattened

    codes = reading.codes
    for drawing in flattened(*_broken(look.picture, codes), _FLATTENED_TOO[look.variant]):
        found = _decode(Look("flattened", drawing.clean, part=None))
        _add(codes, [replace(code, corners=look.on_page(drawing.corners), size=drawing.size) for code in found])
        if _is_done(task, codes):
            return
        if not found:
            _keep_prints(_failed(drawing.clean), drawing.grey, reading, task)


def _place(look: Look, reading: Reading, task: Task) -> None:
    """Add the codes that the layout of a sheet tells where to look for; keep prints of those that stay unread."""
    even, (across, down) = look.picture, look.picture.size
    sharp = deblurred(even)
    read = [
        (code.text[:5].upper(), tuple((x * across, y * down) for x, y in code.corners))
        for code in reading.codes
        if code.corners and _is_ours(code.text)
    ]
    sizes = [*(places.envelope_sizes() if task.envelope else ()), *(places.SHARE_SIZES if task.share else ())]
    shares = [corners for head, corners in read if head == frames.SHARE_PREFIX]
    for plane in planes.planes(even, shares):
        likely = places.placed(even, plane, sizes, [corners for _, corners in read])
        for (corners, size), picture in product(likely[:_MOST_PLACED], (even, sharp)):
            if _is_done(task, reading.codes):
                return
            _read_at(replace(look, picture=picture), corners, size, reading)
        if likely:
            break
    texts = DamagedCodes().add(reading.prints)
    _add(reading.codes, [Code(text, "placed", 1.0) for text in texts])


def _read_at(look: Look, corners: Corners, size: int, reading: Reading) -> None:
    """Read a code at a place; keep its print where it stays unread."""
    from breakglass_shamir.paper.reading.flatten import drawn
    from breakglass_shamir.paper.reading.prints import in_place

    drawing = drawn(look.picture, corners, size)
    found = _decode(Look(look.variant, drawing.clean, part=None))
    _add(reading.codes, [replace(code, corners=look.on_page(drawing.corners), size=size) for code in found])
    if not found:
        one = in_place(drawing.modules, SHARE_LEVEL if size == planes.SHARE_MODULES else LEVEL)
        if len(one.missing) <= MOST_MISSING * len(one.words):
            reading.prints.append(one)


def _failed(picture: Image.Image) -> list[Any]:
    """Return the codes whose error correction failed."""
    found = zxingcpp.read_barcodes(picture, formats=_QR_ONLY, return_errors=True)
    return [code for code in found if not code.valid]


def _broken(picture: Image.Image, codes: list[Code]) -> tuple[list[Any], Image.Image]:
    """Return the codes whose error correction failed, and the picture without those that are whole."""
    rest = picture.copy()
    for whole in zxingcpp.read_barcodes(picture, formats=_QR_ONLY) if codes else ():
        # Its finder patterns would be taken for those of the codes that are looked for.
        rest.paste(255, _box(whole.position))
    return _failed(rest), rest


def _box(position: Any) -> tuple[int, int, int, int]:
    """Return the upright box around a code, with a few pixels more."""
    places = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    across, down = [place.x for place in places], [place.y for place in places]
    return (max(0, min(across) - 4), max(0, min(down) - 4), max(across) + 4, max(down) + 4)


def _has(codes: list[Code], head: str) -> bool:
    return any(code.text[: len(head)].upper() == head for code in codes)


def _is_complete(codes: list[Code]) -> bool:
    """Tell whether both a share and an envelope are among the codes."""
    return _has(codes, frames.SHARE_PREFIX) and _has(codes, frames.ENVELOPE_PREFIX)


def _decode(look: Look, threshold: Threshold = "local") -> list[Code]:
    """Return the QR codes of one picture."""
    found = zxingcpp.read_barcodes(_pixels(look.picture), formats=_QR_ONLY, binarizer=_BINARIZERS[threshold])
    return [_code(one, look) for one in found if one.text and len(one.text) <= frames.LONGEST_TEXT]


def _pixels(picture: Image.Image) -> Any:
    """Return what the decoder reads: a grey picture's bytes, which it would otherwise copy twice, and in strips."""
    if picture.mode != "L":
        return picture
    return memoryview(picture.tobytes()).cast("B", (picture.height, picture.width))


def _code(found: Any, look: Look) -> Code:
    """Note what was found, and where on the page."""
    used = used_budget(found, look.picture) if _is_ours(found.text) else None
    version = str(found.extra.get("Version", ""))
    if not version.isdigit():
        return Code(found.text, look.variant, used)
    return Code(found.text, look.variant, used, look.on_page(corners_of(found.position)), 17 + 4 * int(version))


def _is_ours(text: str) -> bool:
    return text[:5].upper() in {frames.SHARE_PREFIX, frames.ENVELOPE_PREFIX}

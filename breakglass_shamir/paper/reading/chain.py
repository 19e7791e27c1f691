# SPDX-License-Identifier: Apache-2.0
"""The looks at one page, one after the other; runs in the worker only (spec section 4, "Reading it back").

Rules:

1. The plain look comes first. The others are taken only in a thorough one, and end as soon as both a share and an
   envelope were found.
2. What each look adds is kept, with its place on the page where that is known.
3. Of codes that are damaged beyond their error correction, a share is salvaged from its prints on the page; of an
   envelope code the print is kept, for what other sheets have of it (``merge``).

It interprets no share.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import zxingcpp
from PIL import Image

from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.finders import BENT, SKEWED
from breakglass_shamir.paper.reading.health import Corners, corners_of, used_budget
from breakglass_shamir.paper.reading.look import Look, Threshold
from breakglass_shamir.paper.reading.pages import Pages
from breakglass_shamir.paper.reading.prints import Print

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
        prints: envelope codes that are damaged beyond their error correction, each once.
    """

    codes: list[Code] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)


def plain_look(pages: Pages, number: int) -> Reading:
    """Look once."""
    return Reading(_decode(Look("plain", pages.picture(number, fine=False))))


def thorough_look(pages: Pages, number: int) -> Reading:
    """Look again and again until a share and an envelope are there."""
    from breakglass_shamir.paper.reading.variants import looks

    plain = pages.picture(number, fine=True)
    reading = Reading(_decode(Look("plain", plain)))
    codes = reading.codes
    partial = _salvage(plain, reading)
    for look in chain(looks(plain), _laid_flat(plain, codes)):
        for threshold in look.thresholds:
            if _is_complete(codes):
                return reading
            known = {code.text for code in codes}
            codes += [code for code in _decode(look, threshold) if code.text not in known]
        if look.variant in _SALVAGED_TOO:
            partial = _salvage(look.picture, reading) or partial
        if look.variant in _FLATTENED_TOO and not _is_complete(codes):
            _flatten(look, codes)
    if partial and not _has(codes, frames.SHARE_PREFIX):
        codes.append(Code(partial, "salvaged", 1.0))
    return reading


def _laid_flat(plain: Image.Image, codes: list[Code]) -> Iterator[Look]:
    """Yield the page laid flat by those codes that are known once this is asked for."""
    from breakglass_shamir.paper.reading.variants import laid_flat

    yield from laid_flat(plain, [(code.corners, code.size) for code in codes if code.corners and _is_ours(code.text)])


def _salvage(picture: Image.Image, reading: Reading) -> str:
    """Add the share code that its prints tell together, and keep the prints of envelope codes.

    Returns:
        What the prints of a share code tell where that is not all of it.
    """
    from breakglass_shamir.paper.reading.salvage import LOST, salvaged

    codes = reading.codes
    if _is_complete(codes):
        return ""
    broken, rest = _broken(picture, codes)
    if not _has(codes, frames.ENVELOPE_PREFIX):
        _keep_prints(broken, rest, reading.prints)
    text = "" if _has(codes, frames.SHARE_PREFIX) else salvaged(broken, rest) or ""
    if text and LOST not in text:
        codes.append(Code(text, "salvaged", 1.0))
        return ""
    return text


def _keep_prints(broken: list[Any], picture: Image.Image, prints: list[Print]) -> None:
    """Keep the print of each damaged envelope code from the look in which least of it is missing."""
    from breakglass_shamir.paper.reading import merge
    from breakglass_shamir.paper.reading.prints import printed

    for found in broken:
        one = printed(found, picture) if (found.extra or {}).get("ECLevel") == merge.LEVEL else None
        if one is None:
            continue
        same = next((index for index, other in enumerate(prints) if other.likeness(one) >= merge.LIKE), None)
        if same is None:
            prints.append(one)
        elif len(one.missing) < len(prints[same].missing):
            prints[same] = one


def _flatten(look: Look, codes: list[Code]) -> None:
    """Add the codes that are whole, but on paper that is bent or seen from the side."""
    from breakglass_shamir.paper.reading.flatten import flattened

    for drawing, corners, size in flattened(*_broken(look.picture, codes), _FLATTENED_TOO[look.variant]):
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


def _has(codes: list[Code], head: str) -> bool:
    return any(code.text[: len(head)].upper() == head for code in codes)


def _is_complete(codes: list[Code]) -> bool:
    """Tell whether both a share and an envelope are among the codes."""
    return _has(codes, frames.SHARE_PREFIX) and _has(codes, frames.ENVELOPE_PREFIX)


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

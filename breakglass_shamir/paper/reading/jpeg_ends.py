# SPDX-License-Identifier: Apache-2.0
"""Whether a JPEG's compressed pixels end where its picture does: a flipped bit makes them too many or too few.

libjpeg goes on in silence where a code makes no sense, and Pillow passes none of its warnings on. But what follows a
wrong bit is taken apart at other places, so that the picture is often whole before its bytes are used up, or not when
they are. Both show without any warning:

1. The last bytes are replaced by noise. Of a whole file the picture changes.
2. Noise is put behind them. Of a whole file it does not.

Source: ITU-T T.81, annex B (markers, segments).

What it does not do: it knows baseline JPEG in one scan, as cameras, telephones and scanners make it; of anything else
it says nothing. A wrong bit after which the codes fall into step again is not found.
"""

import io
import random
from typing import Final

from PIL import ImageFile

NOISE_BYTES: Final = 32
"""As much of the end as is replaced: some blocks of paper, a part of one of print. Longer noise hides what is left."""

MOST_PIXELS: Final = 40_000_000
"""Larger pictures are not looked at: they are decoded three times."""

_SEGMENTS_MAX: Final = 256
_BASELINE: Final = frozenset({0xC0, 0xC1})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
_END: Final = b"\xff\xd9"
_NOISE: Final = bytes(random.Random(1).choices(range(1, 255), k=NOISE_BYTES))  # noqa: S311 - no secret


def ends_elsewhere(data: bytes) -> bool:
    """Tell of a JPEG that decodes whether its compressed pixels end elsewhere than its picture. Never raises."""
    try:
        found = _compressed(data)
        if found is None:
            return False
        first, end = found
        cut = max(first, end - NOISE_BYTES)
        seen = _pixels(data)
        noisy = _pixels(data[:cut] + _NOISE[: end - cut] + data[end:])
        return seen == noisy or seen != _pixels(data[:end] + _NOISE + data[end:])
    except Exception:  # a decoder raises anything on such input; that it decodes is for others to say
        return False


def _compressed(data: bytes) -> tuple[int, int] | None:
    """Return where the compressed pixels begin and end; None where there is more than one scan, or another kind."""
    at, kind = 2, 0
    for _ in range(_SEGMENTS_MAX):
        if at + 4 > len(data) or data[at] != 0xFF:
            return None
        kind = data[at + 1] if data[at + 1] in _FRAMES else kind
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == _SCAN:
            first, end = at + 2 + size, data.find(_END, at + 2 + size)
            return (first, end) if kind in _BASELINE and _in_one_scan(data, data[at + 4]) and end > first else None
        at += 2 + size
    return None


def _in_one_scan(data: bytes, components: int) -> bool:
    """Tell whether the first scan holds every component, of a picture that is not too large."""
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(io.BytesIO(data))
    return len(picture.getbands()) == components and picture.width * picture.height <= MOST_PIXELS


def _pixels(data: bytes) -> bytes:
    """Decode the brightness, as far as it goes."""
    from PIL.JpegImagePlugin import JpegImageFile

    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        picture = JpegImageFile(io.BytesIO(data))
        picture.draft("L", picture.size)
        picture.load()
        return picture.tobytes()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before

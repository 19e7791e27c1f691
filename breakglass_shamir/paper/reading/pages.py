# SPDX-License-Identifier: Apache-2.0
"""From a file's bytes to grey pictures, page by page; runs in the worker only.

Rules:

1. Sizes are checked before pixels are decoded. More than ``MOST_PIXELS`` are not decoded; where the format can leave
   pixels out while it decodes, ``MOST_THINNED_PIXELS`` may be there. What is decoded is then shown at a lower scale,
   with at most ``SHOWN_PIXELS``.
2. A PDF page is drawn to a number of pixels, not at a fixed resolution: as fine as the pictures on it, within that.
   Where one picture is all of the page, as scanners make it, it is taken as it is.
3. A picture that is cut off or damaged is read as far as it goes, and that is told: the share's own commitment decides
   what it is worth. Whether a JPEG's bits are wrong is looked at with the second look at a page.
4. Orientation as noted by the camera (EXIF) is applied.
5. Where a page is in colour, it is given without its coloured ink, too: what is black there was black on the page.

It finds no codes.
"""

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from PIL import Image, ImageChops, ImageFile

from breakglass_shamir.paper.reading.formats import RefusedPicture, has_wrong_checksum, is_pdf, opener
from breakglass_shamir.paper.reading.jpeg_ends import ends_elsewhere

MOST_PIXELS: Final = 150_000_000
"""Largest picture that is decoded whole: an A4 page at 1200 dpi has 139 million, and takes four bytes for each."""

MOST_THINNED_PIXELS: Final = 600_000_000
"""Largest picture of a format that leaves out pixels while it decodes; an A3 page at 1200 dpi has half of that."""

SHOWN_PIXELS: Final = 36_000_000
"""Most pixels of a picture that is shown to a decoder; an A4 page at 600 dpi has 35 million."""

PLAIN_DPI, FINE_DPI = 200, 300
"""Resolutions at which a PDF page is drawn where no picture on it is finer: first, and where codes are missing."""

PLAIN_PIXELS, FINE_PIXELS = 12_500_000, 25_000_000
"""Most pixels of a drawn PDF page; a telephone's photograph has twelve million."""

MOST_OBJECTS: Final = 2_000
"""Objects of a PDF page among which its pictures are looked for; a page of recognised text has some hundreds."""

EXIF_ORIENTATION: Final = 0x0112
"""Tag number, Exif 3.0 section 4.6.5."""

_BAND: Final = 4_000_000
"""Pixels that are converted in one go: no second copy of a large picture is made."""

_COLOURED: Final = 40
"""Levels between a pixel's colours from which it counts as coloured; compression alone makes fewer."""

_WASHED: Final = [min(255, max(0, value - _COLOURED // 2) * 4) for value in range(256)]
"""By how many levels a pixel is made lighter for so much difference between its colours: ink over paper becomes paper,
and ink over black print, which has next to no colour, stays black."""

_COLOURED_PART: Final = 0.001
"""Part of the pixels that are coloured where a page is."""

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what undoes it."""

CUT_OFF: Final = "the file is cut off: copy or send it again"
DAMAGED: Final = "the file is damaged, and perhaps only a part of it was read: copy or send it again"
"""What is told of a file that was read in part."""

Image.MAX_IMAGE_PIXELS = MOST_THINNED_PIXELS


@dataclass(frozen=True, slots=True)
class Shown:
    """One page.

    Attributes:
        grey: as it is seen.
        inkless: without what is coloured on it; None where nothing is.
        note: what is wrong with the file; empty where nothing is.
    """

    grey: Image.Image
    inkless: Image.Image | None = None
    note: str = ""


class Pages(Protocol):
    """An opened file."""

    count: int

    def picture(self, number: int, *, fine: bool) -> Shown:
        """Return page ``number``, from 1; raise ``RefusedPicture`` when it is too large. Colours only when ``fine``."""


def open_pages(data: bytes) -> Pages:
    """Open a file of a known format.

    Raises:
        RefusedPicture: it is empty, of no known format, wants a password, or is damaged beyond opening.
    """
    if is_pdf(data):
        return _PdfPages(data)
    return _PicturePages(opener(data), data)


class _PicturePages:
    """A picture, or a TIFF of one or more frames."""

    def __init__(self, plugin: Callable[..., ImageFile.ImageFile], data: bytes) -> None:
        self._plugin, self._data = plugin, data
        first = plugin(io.BytesIO(data))
        self.count = int(getattr(first, "n_frames", 1)) if first.format == "TIFF" else 1

    def picture(self, number: int, *, fine: bool) -> Shown:
        return _shown(self._plugin, self._data, number, coloured=fine)


class _PdfPages:
    """A PDF; each page is drawn."""

    def __init__(self, data: bytes) -> None:
        import pypdfium2
        from pypdfium2 import raw

        try:
            self._document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
                raise RefusedPicture("the PDF wants a password: save it without one, or print and scan it") from None
            cut = b"%%EOF" not in data[-2048:]
            raise RefusedPicture(f"damaged: {CUT_OFF}" if cut else "damaged: the PDF cannot be opened") from None
        self.count = len(self._document)
        self._note = "" if b"%%EOF" in data[-2048:] else CUT_OFF
        if not self.count:
            raise RefusedPicture(self._note or "the PDF has no pages")

    def picture(self, number: int, *, fine: bool) -> Shown:
        page = self._document[number - 1]
        pictures = list(self._pictures(page))
        if len(pictures) == 1 and (whole := self._whole(page, pictures[0], coloured=fine)) is not None:
            return whole
        across, down = page.get_size()
        scale = (FINE_DPI if fine else PLAIN_DPI) / 72
        for one in pictures:
            (wide, high), (left, lower, right, upper) = one.get_px_size(), one.get_bounds()
            scale = max(scale, min(wide / max(right - left, 0.01), high / max(upper - lower, 0.01)))
        most = FINE_PIXELS if fine else PLAIN_PIXELS
        scale = min(scale, math.sqrt(most / max(across * down, 0.01)), math.sqrt(most) / max(across, down, 0.01) * 8)
        drawn: Image.Image = page.render(scale=scale, grayscale=not fine).to_pil()
        return _in_grey(drawn, 1, coloured=fine, note=self._note)

    def _pictures(self, page: Any) -> Iterator[Any]:
        """Yield the pictures on a page; none where there are too many objects to look at."""
        from pypdfium2 import raw

        if raw.FPDFPage_CountObjects(page.raw) <= MOST_OBJECTS:
            yield from page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=2)

    def _whole(self, page: Any, one: Any, *, coloured: bool) -> Shown | None:
        """Return a picture that is all of its page as it is: it need not be drawn, and is as fine as it can be."""
        (across, down), (left, lower, right, upper) = page.get_size(), one.get_bounds()
        wide, high = one.get_px_size()
        seen = (min(right, across) - max(left, 0)) * (min(upper, down) - max(lower, 0))
        stretched = (wide / max(high, 1)) / ((right - left) / max(upper - lower, 0.01) or 1)
        if seen < 0.9 * across * down or not 0.9 < min(stretched, 1 / max(stretched, 0.001)) <= 1.0:
            return None
        if one.get_filters() != ["DCTDecode"]:
            return None
        from PIL.JpegImagePlugin import JpegImageFile

        try:
            found = _shown(JpegImageFile, bytes(one.get_data()), 1, coloured=coloured)
        except (OSError, SyntaxError):
            return None
        return Shown(found.grey, found.inkless, self._note or found.note)


def _shown(plugin: Callable[..., ImageFile.ImageFile], data: bytes, number: int, *, coloured: bool) -> Shown:
    """Decode a page, whole or as far as it goes."""
    note = ""
    try:
        picture, times = _decoded(plugin, data, number, coloured=coloured, whole=True)
    except (RefusedPicture, MemoryError):
        raise
    except Exception as error:  # plugins raise anything on damaged input
        picture, times = _decoded(plugin, data, number, coloured=coloured, whole=False)
        note = CUT_OFF if "truncated" in str(error) or isinstance(error, EOFError) else DAMAGED
    note = note or (DAMAGED if has_wrong_checksum(data) else "")
    # It takes two more decodings of a small picture: only where a first look did not find everything.
    if coloured and not note and picture.format == "JPEG" and ends_elsewhere(data):
        note = DAMAGED
    turn = _TURNS.get(_orientation(picture))
    found = _in_grey(picture, times, coloured=coloured, note=note)
    if turn is None:
        return found
    return Shown(found.grey.transpose(turn), found.inkless and found.inkless.transpose(turn), found.note)


def _decoded(
    plugin: Callable[..., ImageFile.ImageFile], data: bytes, number: int, *, coloured: bool, whole: bool
) -> tuple[ImageFile.ImageFile, int]:
    """Decode a page; return it, and how many times each way it is to be reduced."""
    ImageFile.LOAD_TRUNCATED_IMAGES = not whole
    picture = plugin(io.BytesIO(data))
    if number > 1:
        picture.seek(number - 1)
    thinned = _thin(picture, coloured=coloured)
    across, down = picture.size
    if across * down > MOST_PIXELS and not thinned:
        raise RefusedPicture(
            f"too large: {across * down / 1e6:.0f} million pixels, at most {MOST_PIXELS // 1_000_000} million are read;"
            " scan it at a lower resolution"
        )
    picture.load()
    return picture, max(1, math.ceil(math.sqrt(picture.width * picture.height / SHOWN_PIXELS)))


def _thin(picture: ImageFile.ImageFile, *, coloured: bool) -> bool:
    """Have pixels left out while decoding where the format can and there are many; tell whether that bounds them."""
    across, down = picture.size
    times = math.sqrt(across * down / SHOWN_PIXELS)
    if across * down > MOST_THINNED_PIXELS:
        return False
    if picture.format in {"JPEG", "MPO"}:
        half = 1 << max(0, math.ceil(math.log2(times)))
        picture.draft("RGB" if coloured else "L", (max(1, across // half), max(1, down // half)))
        return True
    if picture.format == "JPEG2000" and times > 1:
        picture.reduce = math.ceil(math.log2(times))  # type: ignore[method-assign, assignment]
        return True
    return False


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # it is as damaged as the rest
        return 1


def _in_grey(picture: Image.Image, times: int, *, coloured: bool, note: str = "") -> Shown:
    """Convert to 8-bit grey, and reduce; what is transparent becomes paper."""
    if picture.mode == "L" and times == 1 and "transparency" not in picture.info:
        return Shown(picture, None, note)
    size = (math.ceil(picture.width / times), math.ceil(picture.height / times))
    has_colour = coloured and picture.mode not in {"1", "L", "LA"} and not picture.mode.startswith(("I", "F"))
    grey, inkless = Image.new("L", size, 255), Image.new("L", size, 255) if has_colour else None
    coloured_pixels = 0
    rows = max(1, _BAND // (picture.width * times)) * times
    for top in range(0, picture.height, rows):
        band = _flat(picture.crop((0, top, picture.width, min(top + rows, picture.height))), picture.info)
        band = band.reduce(times) if times > 1 else band
        grey.paste(band.convert("L"), (0, top // times))
        if inkless is not None:
            red, green, blue = band.convert("RGB").split()
            most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
            least = ImageChops.darker(ImageChops.darker(red, green), blue)
            colour = ImageChops.subtract(most, least)
            coloured_pixels += sum(colour.histogram()[_COLOURED:])
            inkless.paste(ImageChops.add(most, colour.point(_WASHED)), (0, top // times))
    if inkless is not None and coloured_pixels < _COLOURED_PART * grey.width * grey.height:
        inkless = None
    return Shown(grey, inkless, note)


def _flat(band: Image.Image, info: dict[Any, Any]) -> Image.Image:
    """Lay what is transparent on paper, and bring deep grey to 8 bits."""
    if band.mode in {"RGBA", "LA", "PA"} or "transparency" in info:
        band.info = info
        clear = band.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, (255, 255, 255, 255)), clear).convert("RGB")
    if band.mode.startswith("I"):
        return band.convert("I").point([value >> 8 for value in range(65536)], "L")
    return band if band.mode in {"L", "RGB"} else band.convert("L" if band.mode in {"1", "F"} else "RGB")

# SPDX-License-Identifier: Apache-2.0
"""From a file's bytes to grey pictures, page by page; runs in the worker only.

Rules:

1. The format is told from the first bytes, never from the name, and only the one plugin needed is loaded.
2. Sizes are checked before pixels are decoded: a picture or page over ``MOST_PIXELS`` is refused.
3. A cut-off picture is read as far as it goes: the share's own commitment decides what it is worth.
4. Orientation as noted by the camera (EXIF) is applied.

It finds no codes.
"""

import io
from typing import Any, Protocol

from PIL import Image, ImageFile

MOST_PIXELS = 60_000_000
"""Largest picture; an A3 page at 600 dpi is 70 million, an A4 page 35 million."""

PLAIN_DPI, FINE_DPI = 200, 300
"""Resolutions at which a PDF page is drawn: first, and where nothing was found."""

EXIF_ORIENTATION = 0x0112
"""Tag number, Exif 3.0 section 4.6.5."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""What telephones write into the file type box, ISO/IEC 23008-12 annex B."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what undoes it."""

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
ImageFile.LOAD_TRUNCATED_IMAGES = True


class RefusedPicture(Exception):
    """What cannot be read and why, as a sentence for people; never leaves the worker as an exception."""


class Pages(Protocol):
    """An opened file."""

    count: int

    def picture(self, number: int, *, fine: bool) -> Image.Image:
        """Return page ``number``, from 1, in grey; raise ``RefusedPicture`` when it is too large."""


def open_pages(data: bytes) -> Pages:
    """Open a file of a known format.

    Raises:
        RefusedPicture: it is empty, of no known format, or damaged beyond opening.
    """
    if data[:1024].find(b"%PDF-") >= 0:
        return _PdfPages(data)
    opener = _opener(data)
    if opener is None:
        raise RefusedPicture(
            "not a picture: expected JPEG, PNG, TIFF, WebP, HEIC or PDF" if data else "the file is empty"
        )
    return _PicturePages(opener, data)


class _PicturePages:
    """A JPEG, PNG, WebP, HEIC or grey PGM, or a TIFF of one or more frames."""

    def __init__(self, opener: Any, data: bytes) -> None:
        self._picture: ImageFile.ImageFile = opener(io.BytesIO(data))
        self.count = int(getattr(self._picture, "n_frames", 1)) if self._picture.format == "TIFF" else 1

    def picture(self, number: int, *, fine: bool) -> Image.Image:
        del fine  # a picture has the resolution it has
        if self.count > 1:
            self._picture.seek(number - 1)
        _check_pixels(*self._picture.size)
        orientation = self._picture.getexif().get(EXIF_ORIENTATION, 1)
        self._picture.draft("L", self._picture.size)
        grey = self._picture if self._picture.mode == "L" else _grey(self._picture)
        turn = _TURNS.get(orientation)
        return grey.transpose(turn) if turn is not None else grey


class _PdfPages:
    """A PDF; each page is drawn in grey."""

    def __init__(self, data: bytes) -> None:
        import pypdfium2

        try:
            self._document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError:
            raise RefusedPicture("the PDF is damaged or needs a password") from None
        self.count = len(self._document)

    def picture(self, number: int, *, fine: bool) -> Image.Image:
        page = self._document[number - 1]
        scale = (FINE_DPI if fine else PLAIN_DPI) / 72
        across, down = page.get_size()
        _check_pixels(across * scale, down * scale)
        picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
        return picture


def _opener(data: bytes) -> Any:
    """Return the plugin class for the format the first bytes announce, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile
    if data.startswith((b"II*\0", b"MM\0*")):
        from PIL.TiffImagePlugin import TiffImageFile

        return TiffImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    if data.startswith(b"P5"):
        from PIL.PpmImagePlugin import PpmImageFile

        return PpmImageFile
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return _heic_opener()
    return None


def _heic_opener() -> Any:
    """Return the plugin for what telephones save; it comes with an extra.

    Raises:
        RefusedPicture: the extra is not installed.
    """
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError:
        raise RefusedPicture(
            "a HEIC photograph: save it as JPEG, or install the extra breakglass-shamir[heic]"
        ) from None
    return HeifImageFile


def _grey(picture: Image.Image) -> Image.Image:
    """Convert to 8-bit grey; what is transparent becomes paper."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        coloured = picture.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(paper, coloured)
    if picture.mode.startswith("I"):
        return picture.convert("I").point([value >> 8 for value in range(65536)], "L")
    return picture.convert("L")


def _check_pixels(across: float, down: float) -> None:
    if across * down > MOST_PIXELS:
        raise RefusedPicture(
            f"too large: {across * down / 1e6:.0f} million pixels, at most {MOST_PIXELS // 1_000_000} million are read"
        )

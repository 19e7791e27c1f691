# SPDX-License-Identifier: Apache-2.0
"""Which format a file is of, by its first bytes, and what to do with one that is not read; runs in the worker only.

Rules:

1. The name of a file says nothing. Only the one plugin that is needed is loaded.
2. What people bring and no plugin reads is named, with what to do instead.

It decodes nothing.
"""

import importlib
import zlib
from typing import Any, Final

READ: Final = "JPEG, PNG, TIFF, PDF, HEIC, AVIF, WebP, JPEG 2000, BMP, GIF or PNM"
"""What is read."""

_SAVE: Final = "save it as PNG, JPEG or PDF"

_PNG: Final = b"\x89PNG\r\n\x1a\n"

_PLUGINS: Final = (
    (b"\xff\xd8\xff", "Jpeg", "JpegImageFile"),
    (_PNG, "Png", "PngImageFile"),
    *((magic, "Tiff", "TiffImageFile") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((b"P%d" % kind, "Ppm", "PpmImageFile") for kind in range(1, 7)),
    (b"BM", "Bmp", "BmpImageFile"),
    *((magic, "Gif", "GifImageFile") for magic in (b"GIF87a", b"GIF89a")),
    *((magic, "Jpeg2K", "Jpeg2KImageFile") for magic in (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
)
"""First bytes, Pillow's plugin, its class."""

_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
"""What telephones write into the file type box, ISO/IEC 23008-12 annex B and the AVIF specification."""

_OTHERS: Final = (
    (b"\xff\x0a", f"a JPEG XL picture: {_SAVE}"),
    (b"\0\0\0\x0cJXL ", f"a JPEG XL picture: {_SAVE}"),
    (b"PK\x03\x04", f"a ZIP archive or an office document: take the pictures out of it, or {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"an office document: {_SAVE}"),
    (b"Rar!", "a RAR archive: take the pictures out of it"),
    (b"7z\xbc\xaf", "a 7-Zip archive: take the pictures out of it"),
    (b"\x1f\x8b", "a gzip archive: take the pictures out of it"),
    (b"%!PS", "a PostScript file: save it as PDF"),
    (b"AT&TFORM", f"a DjVu document: {_SAVE}"),
    (b"8BPS", f"a Photoshop picture: {_SAVE}"),
    (b"gimp xcf", f"a GIMP picture: {_SAVE}"),
    (b"{\\rtf", f"a text document, not a picture: {_SAVE}"),
    (b"FUJIFILMCCD-RAW", f"a raw photograph: {_SAVE}"),
    (b"\x1aE\xdf\xa3", "a film: give it to --camera, or take photographs"),
    (b"<svg", f"an SVG drawing, not a picture: {_SAVE}"),
    (b"<?xml", f"an XML file, not a picture: {_SAVE}"),
    (b"<!DOCTYPE", f"a web page, not a picture: {_SAVE}"),
    (b"<html", f"a web page, not a picture: {_SAVE}"),
)
"""First bytes of what is not read, and what to tell."""


class RefusedPicture(Exception):
    """What cannot be read and why, as a sentence for people; never leaves the worker as an exception."""


def is_pdf(data: bytes) -> bool:
    """Tell whether it is a PDF; some begin with the header of a mail or of a printer."""
    return data[:1024].find(b"%PDF-") >= 0


def opener(data: bytes) -> Any:
    """Return the plugin class for the format that the first bytes announce.

    Raises:
        RefusedPicture: it is empty, or of a format that is not read.
    """
    if not data:
        raise RefusedPicture("the file is empty")
    for magic, plugin, name in _PLUGINS:
        if data.startswith(magic):
            return getattr(importlib.import_module(f"PIL.{plugin}ImagePlugin"), name)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    if data[4:8] == b"ftyp":
        return _boxed_opener(data)
    shown = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, words in _OTHERS:
        if shown.startswith(magic):
            raise RefusedPicture(words)
    if not any(data[:4096]):
        raise RefusedPicture("the file holds nothing but zeros: it was not copied to its end, or its medium is damaged")
    raise RefusedPicture(f"not a picture: expected {READ}")


def is_cut_off(data: bytes) -> bool:
    """Tell of a file that cannot be opened whether it is shorter than it says."""
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        return int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big") + 2 > len(data)
    return is_pdf(data) and b"%%EOF" not in data[-2048:]


def has_wrong_checksum(data: bytes) -> bool:
    """Tell whether a checksum of a PNG is wrong; a decoder that has its pixels looks at no more of them."""
    at = len(_PNG)
    while data.startswith(_PNG) and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return True
        at = end + 4
        if data[end - 4 : end] == b"IEND":
            break
    return False


def _boxed_opener(data: bytes) -> Any:
    """Return the plugin for a picture in boxes, as telephones save them; a film may be in such boxes, too."""
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return _avif_opener()
    if brands & _HEIF_BRANDS:
        return _heic_opener()
    raise RefusedPicture("a film: give it to --camera, or take photographs")


def _avif_opener() -> Any:
    from PIL import features

    if not features.check("avif"):
        raise RefusedPicture("an AVIF picture, which the Pillow installed here cannot read: save it as JPEG")
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile


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

# SPDX-License-Identifier: Apache-2.0
"""A flipped bit in a JPEG is often found, and no whole picture is ever called damaged."""

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from breakglass_shamir.paper.reading import pages
from breakglass_shamir.paper.reading.jpeg_ends import ends_elsewhere


def page(seed: int, *, white: bool = False) -> Image.Image:
    """A page of squares on paper, or of paper alone, with the noise of a camera."""
    draw = random.Random(seed)
    picture = Image.new("RGB", (640, 900), (238, 236, 230))
    if not white:
        pen = ImageDraw.Draw(picture)
        for _ in range(900):
            x, y = draw.randrange(40, 600), draw.randrange(40, 860)
            pen.rectangle((x, y, x + 8, y + 8), fill=(20, 20, 20))
    noise = Image.effect_noise(picture.size, 12).convert("RGB")
    return Image.blend(picture, noise, 0.1).filter(ImageFilter.GaussianBlur(0.6))


def saved(picture: Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **how)
    return out.getvalue()


WAYS = [
    {"quality": 85}, {"quality": 30}, {"quality": 98, "subsampling": 0}, {"quality": 85, "optimize": True},
    {"quality": 85, "progressive": True}, {"quality": 85, "restart_marker_rows": 1},
]  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_whole_picture_is_never_called_damaged(how: dict[str, object], mode: str) -> None:
    for seed in range(3):
        for white in (False, True):
            assert not ends_elsewhere(saved(page(seed, white=white).convert(mode), **how))


def test_what_a_telephone_puts_behind_its_picture_is_no_damage() -> None:
    assert not ends_elsewhere(saved(page(1), quality=85) + b"a film, a map of depths" * 1000)


def flipped(data: bytes, count: int) -> list[bytes]:
    draw, made = random.Random(3), []
    for _ in range(count):
        at = draw.randrange(len(data) // 4, len(data) - 2)
        made.append(data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :])
    return made


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_flipped_bit_is_found_where_the_codes_stay_out_of_step(mode: str) -> None:
    found = [ends_elsewhere(one) for one in flipped(saved(page(2).convert(mode), quality=85), 40)]
    assert sum(found) >= 3


def test_it_is_told_with_the_second_look_and_not_with_the_first() -> None:
    data = next(one for one in flipped(saved(page(2), quality=85), 40) if ends_elsewhere(one))
    opened = pages.open_pages(data)
    assert opened.picture(1, fine=False).note == ""
    assert opened.picture(1, fine=True).note == pages.DAMAGED


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda\0\0", b"\xff\xd8" + b"\xff\xe0\0\0" * 500, bytes(99)]
)
def test_what_is_no_jpeg_is_no_damaged_one(data: bytes) -> None:
    assert not ends_elsewhere(data)

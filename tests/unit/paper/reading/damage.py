# SPDX-License-Identifier: Apache-2.0
"""What happens to a printed page before a decoder sees it, seeded, so that every run sees the same.

Rules:

1. A function takes the page as printed (grey, ``PRINT_DPI``), a source of chance and a strength, 0 or 1, and
   returns the picture that a scanner or camera would deliver.
2. Strength 0 is an ordinary bad day; strength 1 is where people give up and type.
3. Pillow only; bending is a mesh of quadrilaterals.
4. Whatever moves the page notes how: ``traced`` tells where each point of it went.

It decodes nothing and encodes no file.
"""

import io
from collections.abc import Callable
from contextvars import ContextVar
from math import cos, radians, sin
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from breakglass_shamir.paper.reading.health import projection

PRINT_DPI: Final = 300
"""Resolution of the page as printed."""

SCAN_DPI: Final = 200
"""Resolution of an office scanner as it comes."""

_TURNS = 5
"""Approximations of a place in a bent page; each is at least five times as good as the one before."""

_DESK = 110
"""Grey level of what lies around a photographed sheet."""

Damage = Callable[[Image.Image, Random, int], Image.Image]
Size = tuple[int, int]
Point = tuple[float, float]
Move = Callable[[Point], Point]
"""Where a point of a picture is after a step; both in pixels from the upper left corner, edges and not centres."""

_MOVES: ContextVar[list[Move] | None] = ContextVar("moves", default=None)
"""The steps so far, while somebody traces."""


def traced(damage: Damage, page: Image.Image, chance: Random, strength: int) -> tuple[Image.Image, Move]:
    """Damage a page; return the picture, and the move that takes a point of the page to its place in it."""
    moves: list[Move] = []
    token = _MOVES.set(moves)
    try:
        picture = damage(page, chance, strength)
    finally:
        _MOVES.reset(token)

    def place(point: Point) -> Point:
        for move in moves:
            point = move(point)
        return point

    return picture, place


def _moved(move: Move) -> None:
    """Note a step."""
    if (moves := _MOVES.get()) is not None:
        moves.append(move)


# --- the capture -----------------------------------------------------------------------------------------


def blur(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Out of focus."""
    return at_dpi(page, SCAN_DPI).filter(ImageFilter.GaussianBlur(chance.uniform(*((2.6, 3.4), (3.4, 4.4))[strength])))


def noise(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """High gain, little light."""
    dim = at_dpi(page, SCAN_DPI).point([90 + value * 90 // 255 for value in range(256)])
    return grain(dim, chance, (60, 110)[strength])


def rotation(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Laid on askew, at any angle, at fewer dots per inch and well compressed."""
    turned = _turned(at_dpi(page, (150, 52)[strength]), chance.uniform(5, 355), expand=True, around=_DESK)
    return jpeg(turned, (40, 30)[strength])


def perspective(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Photographed from the side."""
    return tilted(page, chance, (0.12, 0.3)[strength], ((1500, 2000), (640, 860))[strength])


def uneven_light(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """A lamp on one side and the photographer's own shadow."""
    scan = lit(at_dpi(page, (150, 100)[strength]), chance, darkest=(0.2, 0.08)[strength])
    return grain(scan, chance, (6, 14)[strength])


def compression(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Sent through a messenger that saves every byte."""
    del chance
    return jpeg(at_dpi(page, (130, 66)[strength]), (9, 8)[strength])


def low_resolution(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Fax or thumbnail resolution."""
    return at_dpi(page, chance.choice(((72, 76, 80), (42, 45, 48))[strength])).filter(ImageFilter.GaussianBlur(0.6))


def motion(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """The camera moved during exposure."""
    scan = at_dpi(page, SCAN_DPI)
    length, down = chance.uniform(*((6, 8), (8, 12))[strength]), chance.uniform(-0.5, 0.5)
    return shaken(scan, length, down if chance.random() < 0.5 else 1 / (down + 2))


def phone(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """A twelve-megapixel photograph by hand: perspective, light, focus, gain and compression together."""
    photo = tilted(page, chance, (0.05, 0.10)[strength], (3000, 4000))
    photo = lit(photo, chance, darkest=(0.5, 0.3)[strength]).filter(ImageFilter.GaussianBlur((2.5, 4.6)[strength]))
    return jpeg(grain(photo, chance, (20, 34)[strength]), (60, 35)[strength])


def webcam(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """The whole sheet held upright into a webcam of 1080 or 720 lines."""
    frame = tilted(page, chance, 0.03, ((1920, 1080), (1280, 720))[strength])
    frame = lit(frame, chance, darkest=0.5).filter(ImageFilter.GaussianBlur(0.6))
    return jpeg(grain(frame, chance, 12), (70, 50)[strength])


# --- the paper -------------------------------------------------------------------------------------------


def blot(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Ink drops."""
    scan = at_dpi(page, SCAN_DPI)
    for _ in range((6, 12)[strength]):
        _disc(ImageDraw.Draw(scan), scan.size, chance, (30, (95, 130)[strength]), 25)
    return grain(scan, chance, 8)


def stain(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Coffee: dark rims, tinted pools."""
    scan = at_dpi(page, SCAN_DPI)
    for _ in range((5, 9)[strength]):
        layer = Image.new("L", scan.size, 255)
        pen, radius = ImageDraw.Draw(layer), chance.uniform(150, 380)
        x, y = chance.uniform(0, scan.width), chance.uniform(0, scan.height)
        box = (x - radius, y - radius * 0.9, x + radius, y + radius * 0.9)
        pen.ellipse(box, fill=(150, 110)[strength], outline=(95, 50)[strength], width=14)
        scan = ImageChops.multiply(scan, layer.filter(ImageFilter.GaussianBlur(4)))
    return grain(scan, chance, 8)


def fold(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Folded small: toner gone along the creases, each panel in its own light."""
    scan = at_dpi(page, SCAN_DPI)
    for along in range((4, 8)[strength]):
        scan = _creased(scan, chance, upright=along % 2 == 0, width=(5, 8)[strength])
    return grain(scan, chance, 8)


def crumple(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Balled up and smoothed out: every facet leans and shades its own way."""
    scan = at_dpi(page, SCAN_DPI)
    cell, lean = (130, 110)[strength], (5, 8)[strength]
    bent = bend(scan, chance, cell, lean)
    size = (scan.width // cell + 2, scan.height // cell + 2)
    shade = Image.frombytes(
        "L", size, bytes(chance.randint((130, 90)[strength], 255) for _ in range(size[0] * size[1]))
    )
    return grain(ImageChops.multiply(bent, shade.resize(scan.size, Image.Resampling.BILINEAR)), chance, 14)


def photocopy(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Copies of copies: soft, speckled, then hard black and white, each a little larger."""
    scan = at_dpi(page, SCAN_DPI)
    for _ in range((2, 4)[strength]):
        soft = grain(_turned(scan, chance.uniform(-1, 1), expand=False, around=255), chance, 60)
        cut = chance.randint(95, 150)
        scan = soft.filter(ImageFilter.GaussianBlur(1.3)).point(
            [min(255, max(0, (v - cut) * 4 + 128)) for v in range(256)]
        )
    return scan


DAMAGES: Final[dict[str, Damage]] = {
    "blur": blur,
    "noise": noise,
    "rotation": rotation,
    "perspective": perspective,
    "uneven light": uneven_light,
    "JPEG": compression,
    "low resolution": low_resolution,
    "blot": blot,
    "stain": stain,
    "fold": fold,
    "crumple": crumple,
    "photocopy": photocopy,
    "motion": motion,
    "phone": phone,
    "webcam": webcam,
}


# --- parts of them ---------------------------------------------------------------------------------------


def grain(picture: Image.Image, chance: Random, amplitude: int) -> Image.Image:
    """Add uniform noise of at most ``amplitude`` levels either way."""
    dust = Image.frombytes("L", picture.size, chance.randbytes(picture.width * picture.height))
    return ImageChops.add(picture, dust.point([128 + (v - 128) * amplitude // 128 for v in range(256)]), offset=-128)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Save and load."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def lit(picture: Image.Image, chance: Random, *, darkest: float) -> Image.Image:
    """Multiply by light that falls off to ``darkest`` in one corner, with a hard-edged shadow across."""
    corners = [1.0, chance.uniform(0.7, 1), chance.uniform(0.5, 0.9), darkest]
    chance.shuffle(corners)
    light = Image.frombytes("L", (2, 2), bytes(round(255 * level) for level in corners))
    light = light.resize(picture.size, Image.Resampling.BICUBIC)
    shadow = Image.new("L", picture.size, 255)
    edge = chance.uniform(0.3, 0.7) * picture.width
    lean = chance.uniform(-0.2, 0.2) * picture.width
    ImageDraw.Draw(shadow).polygon(
        [(edge, 0), (picture.width, 0), (picture.width, picture.height), (edge + lean, picture.height)], fill=160
    )
    return ImageChops.multiply(picture, ImageChops.multiply(light, shadow.filter(ImageFilter.GaussianBlur(12))))


def shaken(picture: Image.Image, length: float, slope: float) -> Image.Image:
    """Average the picture along a line of so many pixels."""
    steps = max(2, round(length))
    total = picture
    for step in range(1, steps):
        moved = ImageChops.offset(picture, step, round(step * slope))
        total = Image.blend(total, moved, 1 / (step + 1))
    down = sum(round(step * slope) for step in range(steps)) / steps
    _moved(lambda point: (point[0] + (steps - 1) / 2, point[1] + down))
    return total


def tilted(page: Image.Image, chance: Random, lean: float, size: Size) -> Image.Image:
    """Show the page in a frame of this size, its corners moved inwards by up to ``lean`` of its sides."""
    scale = 0.96 * min(size[0] / page.width, size[1] / page.height)
    across, down = page.width * scale, page.height * scale
    left, top = (size[0] - across) / 2, (size[1] - down) / 2
    nominal = ((left, top), (left + across, top), (left + across, top + down), (left, top + down))
    inward = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    corners = [
        (x + dx * chance.uniform(0, lean) * across, y + dy * chance.uniform(0, lean) * down)
        for (x, y), (dx, dy) in zip(nominal, inward, strict=True)
    ]
    around = resized(page, (round(across), round(down))) if scale < 1 else page
    edge = ((0, 0), (around.width, 0), (around.width, around.height), (0, around.height))
    coefficients = projection(tuple(corners), edge)
    _moved(_projected(projection(edge, tuple(corners))))
    shown = around.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=_DESK)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    return Image.composite(shown, Image.new("L", size, _DESK), mask)


def bend(picture: Image.Image, chance: Random, cell: int, lean: float) -> Image.Image:
    """Move the knots of a grid of ``cell`` pixels by up to ``lean`` pixels."""
    columns, rows = picture.width // cell + 2, picture.height // cell + 2
    knots = [
        [(x * cell + chance.uniform(-lean, lean), y * cell + chance.uniform(-lean, lean)) for x in range(columns)]
        for y in range(rows)
    ]
    mesh = [
        (
            (x * cell, y * cell, (x + 1) * cell, (y + 1) * cell),
            (*knots[y][x], *knots[y + 1][x], *knots[y + 1][x + 1], *knots[y][x + 1]),
        )
        for y in range(rows - 1)
        for x in range(columns - 1)
    ]
    _moved(_bent(knots, cell))
    return picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR, fillcolor=255)


def at_dpi(page: Image.Image, dpi: int) -> Image.Image:
    """Scan the page at this resolution."""
    return resized(page, (page.width * dpi // PRINT_DPI, page.height * dpi // PRINT_DPI))


def resized(page: Image.Image, size: Size) -> Image.Image:
    """Bring the page to a size, pixels."""
    across, down = size[0] / page.width, size[1] / page.height
    _moved(lambda point: (point[0] * across, point[1] * down))
    return page.resize(size, Image.Resampling.BOX)


def _turned(page: Image.Image, degrees: float, *, expand: bool, around: int) -> Image.Image:
    """Turn anticlockwise about the middle."""
    turned = page.rotate(degrees, Image.Resampling.BILINEAR, expand=expand, fillcolor=around)
    along, across = cos(radians(degrees)), sin(radians(degrees))
    (x0, y0), (x1, y1) = ((one.width / 2, one.height / 2) for one in (page, turned))

    def move(point: Point) -> Point:
        x, y = point[0] - x0, point[1] - y0
        return x1 + x * along + y * across, y1 - x * across + y * along

    _moved(move)
    return turned


def _projected(coefficients: tuple[float, ...]) -> Move:
    a, b, c, d, e, f, g, h = coefficients

    def move(point: Point) -> Point:
        x, y = point
        below = g * x + h * y + 1
        return (a * x + b * y + c) / below, (d * x + e * y + f) / below

    return move


def _bent(knots: list[list[Point]], cell: int) -> Move:
    """Return the way of a point through a mesh, which says of each place in the result where it came from."""

    def source(x: float, y: float) -> Point:
        column = min(max(int(x // cell), 0), len(knots[0]) - 2)
        row = min(max(int(y // cell), 0), len(knots) - 2)
        u, v = x / cell - column, y / cell - row
        corners = (knots[row][column], knots[row][column + 1], knots[row + 1][column], knots[row + 1][column + 1])
        weights = ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)
        return (
            sum(weight * corner[0] for weight, corner in zip(weights, corners, strict=True)),
            sum(weight * corner[1] for weight, corner in zip(weights, corners, strict=True)),
        )

    def move(point: Point) -> Point:
        x, y = point
        for _ in range(_TURNS):
            from_x, from_y = source(x, y)
            x, y = x + point[0] - from_x, y + point[1] - from_y
        return x, y

    return move


def _disc(pen: ImageDraw.ImageDraw, size: Size, chance: Random, radii: tuple[int, int], level: int) -> None:
    x, y, radius = chance.uniform(0, size[0]), chance.uniform(0, size[1]), chance.uniform(*radii)
    pen.ellipse((x - radius, y - radius * 0.8, x + radius, y + radius * 0.8), fill=level)


def _creased(scan: Image.Image, chance: Random, *, upright: bool, width: int) -> Image.Image:
    """Rub toner off along one line, and darken one side of it."""
    across, down = scan.size
    place = chance.uniform(0.1, 0.9) * (across if upright else down)
    slope = chance.uniform(-20, 20)
    ends = (place, 0, place + slope, down) if upright else (0, place, across, place + slope)
    shade = Image.new("L", scan.size, 255)
    far = (place, 0, across, down) if upright else (0, place, across, down)
    ImageDraw.Draw(shade).rectangle(far, fill=chance.randint(190, 250))
    scan = ImageChops.multiply(scan, shade.filter(ImageFilter.GaussianBlur(10)))
    ImageDraw.Draw(scan).line(ends, fill=235, width=width)
    ImageDraw.Draw(scan).line(tuple(value + width for value in ends), fill=120, width=2)
    return scan

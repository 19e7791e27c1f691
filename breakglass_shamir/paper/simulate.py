# SPDX-License-Identifier: Apache-2.0
"""What a flat-bed scanner makes of a printed page: a little turned, a little noisy, a little grey.

For the demonstration and the tests; seeded, so that a run can be repeated. It decodes nothing.
"""

import io
import random

TURN_DEGREES = 1.5
"""Largest turn of a page that was laid on by hand."""

NOISE_LEVELS = 14
"""Standard deviation of the noise, of 255 grey levels."""

JPEG_QUALITY = 70
"""As an office scanner saves it."""


def scanned(pdf: bytes, *, page: int = 1, dpi: int = 150, seed: int = 0) -> bytes:
    """Return one page of a PDF as a scanner's JPEG.

    Args:
        pdf: the printed file.
        page: which page, from 1.
        dpi: the scanner's resolution.
        seed: same seed, same picture.
    """
    import pypdfium2
    from PIL import Image, ImageChops

    document = pypdfium2.PdfDocument(pdf)
    picture = document[page - 1].render(scale=dpi / 72, grayscale=True).to_pil().convert("L")
    document.close()
    chance = random.Random(seed)  # noqa: S311 - noise, not a secret
    turned = picture.rotate(chance.uniform(-TURN_DEGREES, TURN_DEGREES), Image.Resampling.BICUBIC, fillcolor=250)
    noise = Image.frombytes("L", turned.size, chance.randbytes(turned.width * turned.height))
    grain = noise.point(lambda level: (level - 128) * NOISE_LEVELS // 74 + 128)
    noisy = ImageChops.add(turned, grain, offset=-128)
    out = io.BytesIO()
    noisy.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()

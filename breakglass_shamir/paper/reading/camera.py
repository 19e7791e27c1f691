# SPDX-License-Identifier: Apache-2.0
"""Sheets held up to a camera (extra ``camera``).

Rules:

1. OpenCV fetches the pictures and does nothing else with them; the worker decodes each, as it does a file.
2. A picture is passed on when it holds a code not seen before, or a problem not told before. Each gets the plain
   look only: another picture follows at once, and the hand that holds the sheet moves.
3. No picture is kept, written or shown.
4. A recording is opened in this process, which may hold shares: only one's own.

It does not decide when enough was seen: the caller stops iterating.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner

WANTED_WIDTH, WANTED_HEIGHT = 1920, 1080
"""Pixels asked of a camera; at fewer a whole sheet has under two and a half pixels a module."""

_WAITING_FRAMES: Final = 1
"""Pictures the driver may keep for us; more would show the sheet before last."""


class Camera:
    """One camera or recording.

    Args:
        source: number of the camera, from 0, or a video file.
        scanner: whose worker decodes.
    """

    def __init__(self, source: int | Path, scanner: Scanner) -> None:
        self._source = source
        self._scanner = scanner

    def pages(self, timeout_s: float, *, stop: Callable[[], bool] = lambda: False) -> Iterator[ScannedPage]:
        """Yield each picture with a code not seen yet; the device is released when the iteration ends.

        Args:
            timeout_s: ends when nothing new was seen for so long, seconds; a recording also ends with its end.
            stop: asked before each picture; ends it.

        Raises:
            PaperError: the extra is not installed, or the camera or file gives no pictures.
        """
        capture = self._opened()
        seen: set[str] = set()
        deadline = time.monotonic() + timeout_s
        try:
            while time.monotonic() < deadline and not stop():
                picture = self._next(capture)
                if picture is None:
                    return
                for page in self._scanner.read_frame(picture, self.name):
                    new = {code.text for code in page.codes} | {page.problem} - {""}
                    if new - seen:
                        seen |= new
                        yield page
                        deadline = time.monotonic() + timeout_s
        finally:
            capture.release()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._source.name if isinstance(self._source, Path) else f"camera {self._source}"

    def _opened(self) -> Any:
        try:
            import cv2
        except ImportError:
            raise PaperError(
                "reading from a camera needs OpenCV, which is not installed",
                hint="install the extra breakglass-shamir[camera], or scan or photograph the sheets",
            ) from None
        capture = cv2.VideoCapture(str(self._source) if isinstance(self._source, Path) else self._source)
        if not capture.isOpened():
            raise PaperError(f"{self.name} cannot be opened", hint="is it connected, and used by no other program?")
        if not isinstance(self._source, Path):
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, WANTED_WIDTH)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, WANTED_HEIGHT)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, _WAITING_FRAMES)
        return capture

    def _next(self, capture: Any) -> bytes | None:
        """Return the next picture as a grey PGM, or None at the end of a recording."""
        import cv2

        there, frame = capture.read()
        if there:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            down, across = grey.shape
            pixels: bytes = grey.tobytes()
            return b"P5 %d %d 255\n" % (across, down) + pixels
        if isinstance(self._source, Path):
            return None
        raise PaperError(f"{self.name} gives no more pictures", hint="is it still connected?")

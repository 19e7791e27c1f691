# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that options take, refused with a sentence where nothing could be done with them."""

import math
import os
from typing import Any

import click

_LONGEST_CAMERA_NUMBER = 3
"""Digits."""


class _AnyPath(click.Path):
    """A path that may not exist yet; the use case says what is wrong with what is there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what can be no path on this machine: too long, or with a null character."""
        from pathlib import Path

        converted = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            os.lstat(converted)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            pass
        except (OSError, ValueError) as error:
            self.fail(f"this can be no path: {getattr(error, 'strerror', None) or error}", param, ctx)
        return converted


class _Place(_AnyPath):
    """A file's path, or the address of a collection, which is text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return an address as it is, and anything else as a path."""
        from breakglass_shamir.collection.address import SCHEMES

        return value if isinstance(value, str) and value.startswith(SCHEMES) else super().convert(value, param, ctx)


class _Seconds(click.FloatRange):
    """A time in seconds: a number that is not negative and has an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is no length of time."""
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"expected a number of seconds, got {value}", param, ctx)
        return seconds


PATH = _AnyPath()
"""A path."""

PLACE = _Place()
"""A path, or the address of a collection."""

SECONDS = _Seconds(min=0)
"""A length of time in seconds."""


class _Camera(_AnyPath):
    """A camera's number, or a recording's path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a number, or a path of a file that is there."""
        from pathlib import Path

        if isinstance(value, int | Path):
            return value
        if str(value).isdecimal() and len(str(value)) <= _LONGEST_CAMERA_NUMBER:
            return int(value)
        path: Path = super().convert(value, param, ctx)
        if not path.is_file():
            self.fail(f"expected a camera's number, such as 0, or a recording, got {value}", param, ctx)
        return path


CAMERA = _Camera()
"""A camera."""

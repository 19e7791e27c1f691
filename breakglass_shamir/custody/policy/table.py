# SPDX-License-Identifier: Apache-2.0
"""What every table of a policy file is made of.

A bound that a pattern sets has a ``description``: the words of the error, and of the JSON Schema.
"""

from functools import partial
from typing import Annotated

import msgspec

from breakglass_shamir.custody.policy.duration import Duration

PATH_WORDS = "an absolute path"
"""What an error says of a path."""

INCLUDE = "include"
"""The key by which a set's file names the files whose parts it shares; no policy that is recorded has it."""

Path = Annotated[str, msgspec.Meta(min_length=2, max_length=4096, pattern=r"^/[^\x00-\x1f]*$", description=PATH_WORDS)]
"""An absolute path."""

WebUrl = Annotated[
    str, msgspec.Meta(max_length=2000, pattern=r"^https?://[^/\s]+", description="an address with https:// or http://")
]
"""An address of HTTP."""

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""How likely something is."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table; unknown keys are errors."""


def lasting(seconds: int) -> Duration:
    """Declare a key whose default is a duration."""
    made: Duration = msgspec.field(default_factory=partial(Duration, seconds))
    return made

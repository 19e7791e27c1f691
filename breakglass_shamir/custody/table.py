# SPDX-License-Identifier: Apache-2.0
"""What every table of a policy file is made of."""

from typing import Annotated

import msgspec

Path = Annotated[str, msgspec.Meta(min_length=2, max_length=4096, pattern=r"^/[^\x00-\x1f]*$")]
"""An absolute path."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table; unknown keys are errors."""

# SPDX-License-Identifier: Apache-2.0
"""Values with named fields whose class costs next to nothing to make: compiled code does what a data class generates.

It is msgspec's, and what is here is all of it that is used outside ``custody``.
"""

from msgspec import Struct, field
from msgspec.structs import force_setattr, replace

__all__ = ["Struct", "field", "force_setattr", "replace"]

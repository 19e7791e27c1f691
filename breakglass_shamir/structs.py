# SPDX-License-Identifier: Apache-2.0
"""Values with named fields whose class costs next to nothing to make: compiled code does what a data class generates.

It is msgspec's, and what is here is all of it that is used outside ``custody``.
"""

import msgspec

Struct = msgspec.Struct
"""What a class of such values inherits from."""

field = msgspec.field
"""A field whose default is made anew for each value."""

replace = msgspec.structs.replace
"""Return a value with some fields changed; :func:`dataclasses.replace` takes no struct."""

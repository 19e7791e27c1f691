# SPDX-License-Identifier: Apache-2.0
"""What every record type is made from."""

import msgspec


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What one kind of record says; the subclasses are the record types."""

# SPDX-License-Identifier: Apache-2.0
"""A record of any type, with something in every field."""

from typing import Any, cast

import msgspec

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.ledger.entry import Entry


def sample(kind: type[Body], text: str) -> records.AnyBody:
    """Make a body of a type with something in every field."""
    values = {field.name: _sample(field.type, text) for field in msgspec.structs.fields(kind)}
    return cast("records.AnyBody", kind(**values))


def _sample(kind: Any, text: str) -> Any:
    wanted = str(kind)
    if kind is bool:
        return True
    if kind is int:
        return 2
    if wanted.startswith("tuple"):
        return (text, "1.2")
    return {"1.1": text} if wanted.startswith("dict") else text


def entry(body: records.AnyBody, *, opening: str = "", name: str = "prod-db") -> Entry:
    record = records.Record(
        v=1, log="0123456789abcdef", seq=7, previous="ab" * 32, root="cd" * 32, time="2026-01-02T03:04:05Z",
        boot="efef", uptime_ms=12, set=name, opening=opening, body=body,
    )  # fmt: skip
    return Entry(b"{}", record, "", "", "")

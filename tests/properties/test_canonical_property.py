# SPDX-License-Identifier: Apache-2.0
"""The quick way to tell a canonical record never takes what the slow way refuses."""

import contextlib
from typing import Any

import msgspec
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.errors import BreakglassError

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    ["", "plain", '"', "\\", "\t", "\x7f", "\x00", "é", "\u2028", "\ue000", "\U0001f600", "2026-01-01T00:00:00Z"]
)
NUMBERS = st.integers(-(2**64), 2**64) | st.sampled_from([0, 2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 2**63])
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS, int: NUMBERS, bool: st.booleans(), tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
    dict[str, str]: st.dictionaries(TEXTS, TEXTS, max_size=3),
    dict[str, int]: st.dictionaries(TEXTS, NUMBERS, max_size=3),
    dict[str, tuple[int, ...]]: st.dictionaries(TEXTS, st.lists(NUMBERS, max_size=3).map(tuple), max_size=3),
}  # fmt: skip


@st.composite
def some_records(draw: st.DrawFn) -> Record:
    kind = draw(st.sampled_from(AnyBody.__args__))
    body = kind(**{field.name: draw(VALUES[field.type]) for field in msgspec.structs.fields(kind)})
    return Record(
        v=draw(st.sampled_from([1, 1, 1, 2])), log="00" * 8, seq=draw(NUMBERS), previous="", root="",
        time="2026-01-01T00:00:00Z", boot="b", uptime_ms=draw(NUMBERS), set=draw(TEXTS), opening="", body=body,
    )  # fmt: skip


def slowly(data: bytes) -> Record | None:
    """Return what the data is, by RFC 8785 itself."""
    try:
        record = records.parse(data)
        return record if record.to_bytes() == data else None
    except BreakglassError:
        return None


def spellings(record: Record) -> list[bytes]:
    """Return some spellings of a record, one of them canonical if it can be."""
    found = [msgspec.json.encode(record, order="sorted"), msgspec.json.encode(record)]
    with contextlib.suppress(rfc8785.CanonicalizationError, UnicodeError):
        found.append(rfc8785.dumps(msgspec.to_builtins(record)))
    return [*found, found[0].replace(b'":"', b'": "', 1), found[0] + b" "]


@settings(max_examples=300)
@given(some_records())
def test_the_quick_way_takes_nothing_that_the_slow_way_refuses(record: Record) -> None:
    try:
        candidates = spellings(record)
    except (UnicodeError, msgspec.EncodeError, OverflowError):
        return
    for data in candidates:
        quickly = records.from_plain_bytes([data])
        assert quickly is None or quickly == [slowly(data)]
        try:
            read: Record | None = records.from_bytes(data)
        except BreakglassError:
            read = None
        assert read == slowly(data)


def test_most_records_go_the_quick_way() -> None:
    body = Refused(stage="open", error="insufficient-shares", message="no quorum")
    record = Record(
        v=1, log="00" * 8, seq=3, previous="ab" * 32, root="cd" * 32, time="2026-01-01T00:00:00Z", boot="b",
        uptime_ms=12, set="prod-db", opening="", body=body,
    )  # fmt: skip
    assert records.from_plain_bytes([record.to_bytes()] * 3) == [record] * 3


@settings(max_examples=200)
@given(st.lists(some_records(), min_size=1, max_size=4), st.integers(0, 4), st.sampled_from(["", "x", "\n", "0"]))
def test_many_at_once_are_taken_only_where_each_is_by_itself(found: list[Record], moved: int, more: str) -> None:
    """With bytes that went from the end of one record to the beginning of the next one, too."""
    try:
        datas = [msgspec.json.encode(record, order="sorted") for record in found]
    except (UnicodeError, msgspec.EncodeError, OverflowError):
        return
    times = [msgspec.structs.replace(record, time=record.time + more) for record in found]
    shifted = [first[moved:] + second[:moved] for first, second in zip(datas, [*datas[1:], datas[0]], strict=True)]
    for some in (datas, shifted, [b",".join(datas)], [msgspec.json.encode(one, order="sorted") for one in times]):
        each = [records.from_plain_bytes([data]) for data in some]
        together = records.from_plain_bytes(some)
        assert (together is None) == (None in each)
        assert together is None or together == [one[0] for one in each if one]

# SPDX-License-Identifier: Apache-2.0
"""A record has one spelling, reads the same to everybody, and can always be read back."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785

from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.crypto.merkle import leaf_hash
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.openings import Cancelled, Settled
from breakglass_shamir.custody.records.record import AnyBody, Record, from_bytes, parse
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import InvalidInput, InvalidRecord
from breakglass_shamir.hygiene import Secret


def make(body: AnyBody | None = None, **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "v": 1,
        "log": "00" * 8,
        "seq": 3,
        "previous": "ab" * 32,
        "root": "cd" * 32,
        "time": "2026-01-02T03:04:05Z",
        "boot": "ef" * 8,
        "uptime_ms": 12,
        "set": "prod-db",
        "opening": "",
        "body": body or Cancelled(reason="it came back"),
    }
    return Record(**{**fields, **changes})


CANONICAL = (
    b'{"body":{"reason":"it came back","type":"cancelled"},"boot":"efefefefefefefef","log":"0000000000000000",'
    b'"opening":"","previous":"' + b"ab" * 32 + b'","root":"' + b"cd" * 32 + b'","seq":3,"set":"prod-db",'
    b'"time":"2026-01-02T03:04:05Z","uptime_ms":12,"v":1}'
)


def test_the_bytes_are_those_of_rfc_8785() -> None:
    data = make().to_bytes()
    assert data == CANONICAL
    assert data == rfc8785.dumps(json.loads(data))
    assert from_bytes(data) == make()


def test_the_digest_is_the_sha_256_of_exactly_these_bytes() -> None:
    assert records.digest(CANONICAL) == hashlib.sha256(CANONICAL).hexdigest()


def test_every_record_type_survives() -> None:
    for kind in AnyBody.__args__:
        fields = {field.name: sample(field.type) for field in msgspec.structs.fields(kind)}
        record = make(kind(**fields))
        assert from_bytes(record.to_bytes()) == record


def sample(kind: Any) -> Any:
    samples = {
        str: "text", int: 7, bool: False, tuple[str, ...]: ("a", "b"), dict[str, str]: {"1.1": "North"},
        dict[str, int]: {"quorum": 7}, dict[str, tuple[int, ...]]: {"quorum": (1, 7)},
    }  # fmt: skip
    return samples[kind]


def test_no_record_type_has_a_float() -> None:
    kinds = {field.type for body in AnyBody.__args__ for field in msgspec.structs.fields(body)}
    assert kinds <= {str, int, bool, tuple[str, ...], dict[str, str], dict[str, int], dict[str, tuple[int, ...]]}


def test_the_names_of_the_record_types_are_distinct_and_stable() -> None:
    assert sorted(body.__struct_config__.tag for body in AnyBody.__args__) == [
        "abandoned", "acknowledged", "actions", "alerts-delivered", "applied", "applying", "armed-outside",
        "arming", "asked", "attested-dead", "cancelled", "changed-outside", "closed", "collector-replaced",
        "countersigned", "custodian-signed", "debts-settled", "declared", "deferred", "destroyed", "disarmed",
        "drill-ended", "eased", "enrolled", "enrolment-exported", "escalated", "heartbeat", "in-use", "issued",
        "ledger-moved", "ledger-started", "load-drilled", "login-seen", "made", "not-before", "noted", "officer-signed",
        "old-dead", "opened", "overridden", "pinned", "policy-adopted", "policy-weakened", "probed", "proven",
        "read-back", "reassigned", "recovered", "recovered-core", "recovery-imported", "refused", "rehearsed",
        "rejected", "retired", "retired-attested", "revealing", "reviewed", "roll-call", "rotation-found",
        "runs-out",
        "sessions-awaited", "sessions-ended", "settled", "sheet-voided", "snapshot", "succession", "target-named",
        "terminal-retired", "ticket-answered", "use-ended", "use-recorded", "waited", "watched",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":3', b'"seq": 3'),
        (b'"seq":3', b'"seq":3,"seq":3'),
        (b'"v":1}', b'"v":1}\n'),
        (b'"it came', b'"\\u0069t came'),
        (b'{"body"', b' {"body"'),
        (b'"uptime_ms":12,"v":1}', b'"v":1,"uptime_ms":12}'),
    ],
)
def test_any_other_spelling_is_refused(old: bytes, new: bytes) -> None:
    assert old in CANONICAL
    with pytest.raises(InvalidRecord, match="the record is not in canonical form"):
        from_bytes(CANONICAL.replace(old, new))


NOT_UTF_8 = ("not a record: 'utf-8' codec can't decode byte 0xff", "not a record: Invalid UTF-8 encoded string")
"""How one release of msgspec says it, and how the next does."""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"v":1', b'"v":2', "expected a record of version 1, got 2"),
        (b'"seq":3', b'"seq":3.0', "not a record: Expected `int`, got `float` - at `$.seq`"),
        (b'"seq":3', b'"seq":true', "not a record: Expected `int`, got `bool` - at `$.seq`"),
        (b'"cancelled"', b'"dance"', "not a record: Invalid value 'dance' - at `$.body.type`"),
        (b'"seq":3', b'"extra":0,"seq":3', "not a record: Object contains unknown field `extra`"),
        (b'"reason"', b'"by":"me","reason"', "not a record: Object contains unknown field `by` - at `$.body`"),
        (b'"reason":"it came back",', b"", "not a record: Object missing required field `reason` - at `$.body`"),
        (b'"seq":3,', b"", "not a record: Object missing required field `seq`"),
        (b"2026-01-02T03:04:05Z", b"yesterday", "expected a time such as 2026-01-01T00:00:00Z, got 'yesterday'"),
        (b"2026-01-02T03:04:05Z", b"2026-13-02T03:04:05Z", "expected a time such as"),
        (b"2026-01-02T03:04:05Z", b"2026-W01-2T03:04:05Z", "expected a time such as"),
        (b'"it came back"', b'"\xff"', NOT_UTF_8),
        (b'"v":1}', b'"v":1', "not a record: Input data was truncated"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(old: bytes, new: bytes, message: str | tuple[str, ...]) -> None:
    assert old in CANONICAL
    for read in (parse, from_bytes):
        with pytest.raises(InvalidRecord) as refused:
            read(CANONICAL.replace(old, new))
        assert str(refused.value).startswith(message)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b'"x"', b"1"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRecord, match="not a record"):
        from_bytes(data)


def test_a_record_that_is_too_long_is_refused_unread_and_never_written() -> None:
    with pytest.raises(InvalidRecord, match="expected a record of at most 262144 bytes, got 262145"):
        parse(b"x" * (records.MAX_RECORD_BYTES + 1))
    with pytest.raises(InvalidInput, match="this cannot be recorded: expected a record of at most 262144 bytes"):
        make(Cancelled(reason="x" * records.MAX_RECORD_BYTES)).to_bytes()
    longest = records.MAX_RECORD_BYTES - len(make(Cancelled(reason="")).to_bytes())
    assert len(make(Cancelled(reason="x" * longest)).to_bytes()) == records.MAX_RECORD_BYTES


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"seq": 2**60}, "exceeds safe integer domain"), ({"v": 2}, "version 1"), ({"time": "now"}, "expected a time"),
     ({"seq": 1.5}, "float")],
)  # fmt: skip
def test_what_could_not_be_read_back_is_never_written(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=f"this cannot be recorded: .*{said}"):
        make(**changes).to_bytes()


UNCLEAN = ["\x00", "\r", "\x1b[2J", "\x7f", "\x85", "\u061c", "\u200e", "\u202e", "\u2028", "\u2066", "\ud800"]


@pytest.mark.parametrize("character", UNCLEAN)
def test_control_and_bidirectional_characters_are_refused_wherever_they_stand(character: str) -> None:
    text = f"a{character}b"
    bodies: list[AnyBody] = [
        Cancelled(reason=text),
        Settled(debt="x-1", reason="r", officers=("Duty", text)),
        msgspec.structs.replace(issued(), custodians={text: "North"}),
        msgspec.structs.replace(issued(), custodians={"1.1": text}),
    ]
    for body in bodies:
        with pytest.raises(InvalidInput, match="control or text-direction characters in a record"):
            make(body).to_bytes()
    with pytest.raises(InvalidInput, match="control or text-direction characters in a record"):
        make(set=text).to_bytes()


@pytest.mark.parametrize("escape", [rb"\u202e", rb"\u0007", rb"\ud800"])
def test_nor_do_they_come_in_as_escapes(escape: bytes) -> None:
    with pytest.raises(InvalidRecord, match="not a record"):
        from_bytes(CANONICAL.replace(b"came", escape))


def issued() -> Issued:
    fields = {field.name: sample(field.type) for field in msgspec.structs.fields(Issued)}
    return Issued(**fields)


def test_lines_and_tabs_are_text_since_a_policy_has_them() -> None:
    record = make(PolicyAdopted(source='name = "x"\n\t# ü 日本', digest="00"))
    assert from_bytes(record.to_bytes()) == record


def test_what_a_person_gave_is_trimmed_or_refused() -> None:
    assert check_human_text("reason", "  it is down ") == "it is down"
    for empty in ("", "  ", "...", "-"):
        with pytest.raises(InvalidInput, match="expected a reason in words, got none"):
            check_human_text("reason", empty)
    for character in [*UNCLEAN, "\n", "\t"]:
        with pytest.raises(InvalidInput, match="the reason has control or text-direction characters"):
            check_human_text("reason", f"it{character}is")


SPECIFICATION = (Path(__file__).resolve().parents[4] / "docs" / "spec" / "7-records.md").read_text()


def test_the_specification_lists_every_record_type_with_its_fields() -> None:
    section = SPECIFICATION.partition("## Record types")[2].partition("## Life of a set")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| `")]
    said = {row[1].strip(" `"): re.findall(r"`(\w+)` ([\w\[\]]+)", row[2]) for row in rows}
    words = {str: "string", int: "integer", bool: "boolean", tuple[str, ...]: "[string]"}
    words |= {dict[str, str]: "object", dict[str, int]: "object", dict[str, tuple[int, ...]]: "object"}
    meant = {
        str(body.__struct_config__.tag): [(f.name, words[f.type]) for f in msgspec.structs.fields(body)]
        for body in AnyBody.__args__
    }
    assert said == meant


def test_the_specification_has_a_rule_for_every_record_type() -> None:
    section = SPECIFICATION.partition("| record | allowed when | changes |")[2]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    ruled = {name for row in rows for name in re.findall("`([a-z-]+)`", row)}
    assert ruled == {body.__struct_config__.tag for body in AnyBody.__args__}


def test_the_specification_shows_the_right_hashes() -> None:
    public = ed25519_public(Secret(b"k" * 32))
    for shown in (records.digest(CANONICAL), leaf_hash(CANONICAL).hex(), public.hex(), f"{len(CANONICAL)} bytes"):
        assert shown in SPECIFICATION
    assert f"breakglass-shamir.log/{hashlib.sha256(public).hexdigest()[:16]}" in SPECIFICATION

# SPDX-License-Identifier: Apache-2.0
"""Every event is valid by the OCSF schema, whose source lies outside this repository."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.alerts import ocsf, tellings, translate
from breakglass_shamir.alerts.event import Event
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.openings import Cancelled, Declared, Refused
from tests.unit.alerts.samples import entry, sample

sys.path.insert(0, str(Path(__file__).parent))

from ocsf_schema import Schema

KINDS: tuple[type[Body], ...] = records.AnyBody.__args__
TYPE_UIDS = {
    "declared": 300410,
    "closed": 300411,
    "issued": 300401,
    "sheet-voided": 300404,
    "opened": 300402,
    "proven": 300201,
    "old-dead": 300103,
    "overridden": 200401,
    "policy-adopted": 200301,
}
"""Record type to the ``type_uid`` that the SIEM's rules are written for."""


@pytest.fixture(scope="module")
def schema(vectors: Path) -> Schema:
    found = Schema(vectors / "ocsf")
    assert found.version == ocsf.SCHEMA_VERSION
    return found


def told(kind: type[Body], text: str = "words") -> list[Event]:
    return translate.events(entry(sample(kind, text), opening="ee" * 32), LedgerState())


def test_every_record_type_is_told_or_said_to_be_silent() -> None:
    assert set(KINDS) == set(tellings.TOLD) | set(tellings.SILENT)
    assert not set(tellings.TOLD) & set(tellings.SILENT)


@pytest.mark.parametrize("kind", sorted(tellings.TOLD, key=str))
@pytest.mark.parametrize("text", ["words", "ümläut 漢字", "pass", "a\nb"])
def test_every_event_of_every_record_type_is_valid(schema: Schema, kind: type[Body], text: str) -> None:
    found = told(kind, text)
    assert found
    for event in found:
        assert schema.problems(event.document) == []
        assert "\n" not in event.subject
        assert Event.from_bytes(event.to_bytes()) == event


def test_a_record_that_cannot_be_told_well_is_told_plainly(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_context: Any, _body: Any) -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr(tellings, "TOLD", {Cancelled: fails})
    (event,) = told(Cancelled)
    assert schema.problems(event.document) == []
    assert "cancelled" in event.subject
    assert "secret" not in event.to_bytes().decode()


def test_that_neither_credential_works_is_as_loud_as_it_gets(schema: Schema) -> None:
    body = Refused(stage="neither-works", error="connector", message="neither credential works")
    (event,) = translate.events(entry(body, opening="ee" * 32), LedgerState())
    assert schema.problems(event.document) == []
    assert (event.document["type_uid"], event.document["severity_id"]) == (200401, 6)


@pytest.mark.parametrize(("tag", "uid"), TYPE_UIDS.items())
def test_the_type_uids_that_rules_are_written_for(tag: str, uid: int) -> None:
    (kind,) = [kind for kind in KINDS if kind.__struct_config__.tag == tag]
    assert uid in [event.document["type_uid"] for event in told(kind)]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda e: e.pop("severity_id"), "severity_id is required"),
        (lambda e: e.update(severity_id=9), "not one of"),
        (lambda e: e.update(severity_id="4"), "expected integer_t"),
        (lambda e: e.update(colour="red"), "not in the schema"),
        (lambda e: e["entity"].clear(), "needs one of"),
        (lambda e: e["metadata"].pop("product"), "product is required"),
        (lambda e: e["metadata"]["product"].update(colour="red"), "not in the schema"),
        (lambda e: e.update(type_uid=300499), "type_uid is not"),
        (lambda e: e.update(time="now"), "expected timestamp_t"),
    ],
)
def test_the_check_sees_what_is_wrong(schema: Schema, spoil: Callable[[dict[str, Any]], Any], problem: str) -> None:
    document = told(Declared)[0].document
    spoil(document)
    assert any(problem in found for found in schema.problems(document))

# SPDX-License-Identifier: Apache-2.0
"""The specification of the records says what the code does: a gate, a policy key, a limit or an error id that is in the
code and not in the documents fails here.
"""

import ast
import inspect as source_of
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect

from breakglass_shamir import errors
from breakglass_shamir.crypto import note, proof, ssh_key, sshsig
from breakglass_shamir.custody.life import (
    arming_rules,
    enrolment_file,
    gates,
    holders,
    lineage,
    lineage_rules,
    recovery,
    retire_rules,
    review_file,
    review_rules,
    rotation_rules,
    rules,
    state,
    statement,
    watch_rules,
)
from breakglass_shamir.custody.policy import filler, pattern, sinks, source, tables, weak_points, weakening, when
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.generator import MIN_ENTROPY_BITS, MOST_SETS
from breakglass_shamir.custody.policy.rules import LEAST_VALID_S
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.formats.receipt import MAX_PINS
from breakglass_shamir.ledger import moved, receipt
from breakglass_shamir.operations.audit import export

ROOT = Path(__file__).resolve().parents[3]
SPEC = ROOT / "docs" / "spec"
RECORDS, LOG, RECOVERY, RECEIPTS, ENROLMENT, POLICY, EXPORT = (
    (SPEC / name).read_text(encoding="utf-8")
    for name in (
        "records.md", "7-records.md", "8-recovery.md", "9-receipts.md", "10-enrolment.md", "11-policy.md",
        "12-export.md",
    )
)  # fmt: skip
PARTS = (LOG, RECOVERY, RECEIPTS, ENROLMENT, POLICY)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of any level."""
    return re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.M)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of the tables in a text; a bar in code is one of the text."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines]


def coded(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_gate_is_specified_and_no_other() -> None:
    found = [name for row in rows(section(LOG, "Gates"))[2:] for name in coded(row[0])]
    assert sorted(found) == sorted(gates.GATES)
    assert f"one of these {len(gates.GATES)} names" in LOG


def test_every_filler_is_specified_and_no_other() -> None:
    listed = re.search(r"^- a filler: (.*);$", section(LOG, "A reason that says nothing"), re.M)
    assert listed is not None
    assert sorted(coded(listed[1])) == sorted(filler.FILLERS)


def test_every_kind_of_debt_is_specified() -> None:
    kinds = {
        state.ROTATION, rotation_rules.SESSIONS, lineage_rules.UNPROVEN, retire_rules.ATTESTED, watch_rules.LOGIN,
        watch_rules.CHANGE, arming_rules.OUTSIDE, review_rules.REVIEW, review_rules.FORK,
    }  # fmt: skip
    found = {coded(row[0])[0] for row in rows(section(LOG, "Life of a set")) if "`" in row[0] and "-SEQ`" in row[1]}
    assert found | {state.ROTATION} == kinds
    assert (rules.DEFAULT_DEADLINE_S, rules.REVIEW_DEADLINE_S) == (86400, 604800)


TABLES: dict[str, type[msgspec.Struct]] = {
    "": tables.Policy,
    "target.": tables.Target,
    "quorum.": tables.Quorum,
    "quorum.groups.": tables.CustodianGroup,
    "declaration.": tables.Declaration,
    "custodians.": tables.Custodian,
    "sites.": tables.Site,
    "officers.": tables.Officer,
    "reveal.": tables.Reveal,
    "use.": tables.UseRules,
    "rotation.": tables.Rotation,
    "drills.": tables.Drills,
    "drills.load.": tables.LoadDrill,
    "drills.load.limits.": tables.LoadLimit,
    "alerts.": tables.Alerts,
    "review.": tables.Review,
    "review.reviewers.": tables.Reviewer,
    "review.settlement.": tables.Settlement,
    "audit.": tables.Audit,
    "declaration.rules.": when.UseRule,
    "outage.": when.Outage,
    "outage.probes.": when.Probe,
    "ticket.": when.TicketSystem,
    "arming.": tables.Arming,
}


def fields() -> Iterator[tuple[str, inspect.Field]]:
    for path, table in TABLES.items():
        kind = inspect.type_info(table)
        assert isinstance(kind, inspect.StructType)
        for field in kind.fields:
            yield f"{path}{field.encode_name}", field


COUNTS = {2: "two", 3: "three", 4: "four"}


def in_words(kind: inspect.Type) -> str:
    """Say a type as the specification does; the beginning of its cell."""
    match kind:
        case inspect.Metadata():
            return in_words(kind.type)
        case inspect.UnionType():
            return in_words(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.StrType():
            return "text" if kind.max_length is None else f"text, {kind.min_length or 0} to {kind.max_length}"
        case inspect.IntType():
            return f"whole, {kind.ge} to {kind.le}"
        case inspect.FloatType():
            return f"number, {kind.ge} to {kind.le}"
        case inspect.BoolType():
            return "flag"
        case inspect.DateType():
            return "day"
        case inspect.StructType():
            return "table"
        case inspect.DictType():
            return f"table of text, each value 0 to {kind.value_type.max_length}"  # type: ignore[attr-defined]
        case inspect.LiteralType():
            return ""
        case inspect.VarTupleType():
            low = kind.min_length or 0
            return f"list of {low} {f'to {kind.max_length}' if kind.max_length else 'or more'}"
        case _:
            return "duration"


def default_of(field: inspect.Field) -> str:
    """Say a default as the specification does; the beginning of its cell."""
    if field.required:
        return ""
    made: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        made = field.default_factory()
    match made:
        case bool():
            return "true" if made else "false"
        case Duration() | int():
            return f"`{made}`" if isinstance(made, Duration) else str(made)
        case str():
            return f"`{made}`" if made else "empty"
        case msgspec.Struct():
            return "all defaults"
        case None:
            return "as many as there are groups" if field.name == "group_threshold" else "none"
        case _:
            return f"those {COUNTS[len(made)]}" if made else "empty"


def test_every_policy_key_is_specified_with_its_type_and_default() -> None:
    said = {coded(row[0])[0]: row[1:] for row in rows(section(POLICY, "Keys")) if len(row) == 3 and "`" in row[0]}
    meant = dict(fields())
    assert sorted(said) == sorted(meant)
    for key, field in meant.items():
        kind, default = said[key]
        assert kind.startswith(in_words(field.type)), key
        if isinstance(field.type, inspect.LiteralType):
            assert sorted(coded(kind)) == sorted(map(str, field.type.values)), key
        assert default == default_of(field) or default.startswith(f"{default_of(field)}:"), key


def test_every_sink_and_its_keys_are_specified() -> None:
    found = {
        coded(row[0])[0]: row[1] for row in rows(section(POLICY, "Keys")) if len(row) == 2 and row[0].startswith("`")
    }
    del found["type"]
    meant = {str(sink.__struct_config__.tag): sink for sink in get_args(sinks.AnySink)}
    assert sorted(found) == sorted(meant)
    for tag, sink in meant.items():
        said = dict(re.findall(r"(?:^|; )`(\w+)`([^;]*)", found[tag]))
        own = [field for field in msgspec.structs.fields(sink) if field.name != "name"]
        assert sorted(said) == sorted(field.encode_name for field in own), tag
        for field in own:
            words = said[field.encode_name]
            if field.required:
                assert not words.startswith("?"), field
                assert "default" not in words, field
            elif field.default is None:
                assert words.startswith("?"), field
            else:
                assert "default" in words, field


def test_facilities_and_key_types_are_specified() -> None:
    listed = set(coded(re.search(r"^A facility is (.*)$", POLICY, re.M)[1]))  # type: ignore[index]
    meant = set(get_args(sinks.Facility))
    assert {name for name in meant if not name.startswith("local")} | {"local0", "local7"} == listed
    types = section(RECORDS, "Keys and signatures")
    assert all(f"`{name}`" in types or f"`-{name.rpartition('-')[2]}`" in types for name in ssh_key.TYPES)


WEAKER = 58
"""Places in ``weakening.py`` that yield a sentence; who adds one specifies it."""


def templates() -> list[str]:
    found = [row[2] for row in rows(section(POLICY, "What a policy weakens")) if len(row) == 3]
    return [coded(cell)[0] for cell in found if "`" in cell]


def matcher(template: str) -> re.Pattern[str]:
    words = re.escape(template)
    quoted = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    for sign, instead in (
        (r"Q\\\((?:new|old)\\\)", quoted), (r"\bKEY\b", r"[a-z0-9_.]+"), (r"\b[NOT]\b", r"[0-9]+[smhd]?"),
        (r"A,\\ B", r"[a-z-]+(?:, [a-z-]+)*"), (r"\\\[i\\\]", r"\[[0-9]+\]"), (r"\b(?:NAME|URI)\b", ".+"),
    ):  # fmt: skip
        words = re.sub(sign, lambda _, to=instead: to, words)  # type: ignore[misc]
    return re.compile(words, re.DOTALL)


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())
    return loaded["vectors"]


def test_every_sentence_of_what_weakens_is_specified_and_has_a_vector() -> None:
    sentences = [one for v in vectors("policies") if v["operation"] == "weakens" for one in v["output"]["weakens"]]
    patterns = {one: matcher(one) for one in templates()}
    for sentence in sentences:
        assert any(one.fullmatch(sentence) for one in patterns.values()), sentence
    unseen = [one for one, found in patterns.items() if not any(map(found.fullmatch, sentences))]
    assert unseen == []
    tree = ast.parse(source_of.getsource(weakening))
    assert sum(isinstance(one, ast.Yield) for one in ast.walk(tree)) == WEAKER


def test_what_stands_against_handing_a_sheet_on_is_specified() -> None:
    said = [coded(row[1])[0] for row in rows(section(LOG, "What stands against handing a sheet on"))[2:]]
    body = source_of.getsource(holders.too_much)
    for sentence in said:
        wanted = sentence.replace("NAME", "{custodian}").replace("epoch E", "epoch {epoch.number}")
        assert re.sub(r"\bS$", "{_listed(after)}", wanted) in body
    assert body.count("found.append") == len(said)


def test_the_built_in_policy_is_specified() -> None:
    text = section(POLICY, "The built-in policy")
    for word in (source.BY_PEOPLE, source.BUILT_IN_CLASS, "keeper of sheet g.m"):
        assert f"`{word}`" in text


def ids() -> dict[str, str]:
    return {kind.id: kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "id")}


def test_every_error_id_that_a_part_names_is_one_and_stands_on_the_front_page() -> None:
    listed = {coded(row[0])[0] for row in rows(section(RECORDS, "Errors"))[2:]}
    assert listed <= set(ids())
    named = {name for text in (RECORDS, *PARTS) for name in re.findall(r"\babort ([a-z]+(?:-[a-z]+)+|forked)\b", text)}
    assert named <= listed
    ends = re.compile(r"\babort (?:as |forked\b|[a-z]+-[a-z]+)")
    lines = [line for text in PARTS for line in text.splitlines() if re.search(r" abort ", line)]
    assert [line for line in lines if not ends.search(line)] == []


def test_every_error_id_of_the_records_has_a_vector() -> None:
    listed = {coded(row[0])[0] for row in rows(section(RECORDS, "Errors"))[2:]}
    files = (
        "checkpoints", "enrolments", "logs", "policies", "proofs", "receipts", "records", "recoveries", "signatures",
        "successions",
    )  # fmt: skip
    seen = {vector["error"] for name in files for vector in vectors(name) if "error" in vector}
    assert seen <= listed
    assert listed - seen == {"looks-like-share"}


LIMITS = [
    (LOG, records.MAX_RECORD_BYTES), (LOG, moved.MAX_BYTES), (LOG, lineage.MAX_FILE_BYTES), (LOG, lineage.MAX_PROOFS),
    (LOG, review_file.MAX_BYTES),
    (LOG, 86_400), (RECOVERY, recovery.MAX_BYTES), (RECOVERY, 2 * recovery.MAX_BYTES), (RECOVERY, recovery.MAX_TEXT),
    (RECEIPTS, receipt.MAX_FILE_BYTES), (RECEIPTS, MAX_PINS), (ENROLMENT, statement.MAX_BYTES),
    (ENROLMENT, statement.MAX_EPOCHS), (ENROLMENT, statement.MAX_EARLIER), (ENROLMENT, enrolment_file.MAX_BYTES),
    (ENROLMENT, enrolment_file.MAX_SETS), (ENROLMENT, lineage.MAX_PROOFS), (RECORDS, sshsig.MAX_CHARACTERS),
    (RECORDS, note.MAX_SIGNATURES), (RECORDS, proof.MAX_HASHES), (RECORDS, ssh_key.RSA_MIN_BITS),
    (RECORDS, ssh_key.RSA_MAX_BITS), (POLICY, pattern.MAX_PATTERN_CHARACTERS), (POLICY, pattern.MAX_TEXT_CHARACTERS),
    (POLICY, source.MAX_DOTS), (POLICY, MIN_ENTROPY_BITS), (POLICY, MOST_SETS), (POLICY, LEAST_VALID_S),
    (POLICY, weak_points.MOST_SHARED_PEOPLE),
]  # fmt: skip


@pytest.mark.parametrize(("text", "limit"), LIMITS)
def test_every_limit_is_specified(text: str, limit: int) -> None:
    assert re.search(rf"\b{limit}\b", text), limit


def test_every_file_of_an_export_is_specified() -> None:
    listed = " ".join(name for row in rows(section(EXPORT, "Files"))[2:] for name in coded(row[0]))
    people = re.findall(r"^(\S+) +\S", export._README.partition("full\n\n")[2].partition("\n\n")[0], re.M)
    assert people
    for name in (*people, export.SCRIPT, export.SUMS):
        written = re.sub("^NNNNNN", "N", re.sub("-NNNNNN", "-P", name.rstrip(",")))
        assert written in listed, name

# SPDX-License-Identifier: Apache-2.0
"""Run every vector of the records through this implementation.

An error is compared by its public id, that of a log by the number of its record, too. What ``recover.py`` writes is
held against the same vectors; an export is judged by the script that lies in it.
"""

import functools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.ledger.sample import Everything
from breakglass_shamir.ledger.verify import verify

sys.path.insert(0, str(Path(__file__).parent))

from dealt_exports import NOT_PINNED, exported, sums
from dealt_logs import in_words
from made_logs import public_test_key
from run_records import OPERATIONS, Values, Walked, by_name, ledger_of, rows_of, vectors

FILES = [
    "bundles", "checkpoints", "enrolments", "exports", "logs", "policies", "proofs", "receipts", "records",
    "recoveries", "signatures", "successions",
]  # fmt: skip

RUN = [
    pytest.param(vector, id=f"{file}: {vector['operation']}: {vector['name']}")
    for file in FILES
    for vector in vectors(file)
    if vector["operation"] in OPERATIONS
]
WHOLE_LOGS = [vector for vector in vectors("logs") if vector["operation"] == "verify-log"]
LOGS = [pytest.param(vector, id=vector["name"]) for vector in WHOLE_LOGS]
EXPORTS = [pytest.param(vector, id=vector["name"]) for vector in vectors("exports")]


@pytest.mark.parametrize("vector", RUN)
def test_vector(vector: Values, tmp_path: Path) -> None:
    assert ("output" in vector) != ("error" in vector)
    run = OPERATIONS[vector["operation"]]
    if "output" in vector:
        assert run(vector["input"], tmp_path) == vector["output"]
        return
    with pytest.raises(BreakglassError) as refused:
        run(vector["input"], tmp_path)
    assert refused.value.id == vector["error"], refused.value


@pytest.mark.parametrize("vector", LOGS)
def test_log(vector: Values, tmp_path: Path) -> None:
    given, rows = vector["input"], rows_of(vector["input"])
    if "output" in vector:
        names = {_public(name): name for name in ("clock", "office", "branch", "small", "archive", "closed")}
        with ledger_of(rows, tmp_path, names[given["public_key"]]) as ledger:
            assert in_words(verify(ledger, full=True)) == vector["output"]
        return
    walked = Walked(given, Everything())
    if not rows:
        with ledger_of(rows, tmp_path, "small") as ledger, pytest.raises(BreakglassError) as refused:
            verify(ledger)
    else:
        with pytest.raises(BreakglassError) as refused:
            walked.through(rows)
    assert (refused.value.id, walked.at) == (vector["error"], vector["at"]), refused.value


def _public(name: str) -> str:
    return ed25519_public(public_test_key(f"terminal {name}")).hex()


@pytest.mark.parametrize("vector", LOGS)
def test_what_the_records_themselves_show_is_seen_by_sample_too(vector: Values) -> None:
    """A log of a few records is all ends; one that looks at no record in between still refuses what is not signed."""
    if "output" in vector or vector["error"] != "invalid-record" or not rows_of(vector["input"]):
        return
    walked = Walked(vector["input"], Ends())
    if "root" in vector["name"]:
        return
    with pytest.raises(BreakglassError) as refused:
        walked.through(rows_of(vector["input"]))
    assert (refused.value.id, walked.at) == (vector["error"], vector["at"]), refused.value


class Ends(Everything):
    """Looks at the first record alone."""

    def after(self, number: int) -> int:
        return 0 if number < 0 else 1 << 40


def folder_of(vector: Values) -> dict[str, str]:
    given = vector["input"]
    if "files" in given:
        return dict(given["files"])
    files: dict[str, str] = dict(by_name("exports")[given["from"]]["input"]["files"])
    files = {name: text for name, text in {**files, **given["with"]}.items() if name not in given["without"]}
    return sums(files) if given["summed"] else files


@functools.cache
def script() -> str:
    return exported("small")["verify.sh"]


SAYS = {
    1: "was altered, or is gone|is not in SHA256SUMS|SHA256SUMS|is not in records",
    2: "two terminal keys|a line that no terminal writes|is another one's",
    3: "of this log|does not follow|of another record|lacks its second signature|is no checkpoint|another tree"
    "|is missing|between no two records",
    4: "the terminal's signature of|the signature of",
    5: "the root of the last checkpoint",
    6: "who does not sign that|is not about|quorum.sig by|officer.sig by|is not the one in",
}
"""What the script says at each step."""


@pytest.mark.parametrize("vector", EXPORTS)
def test_export(vector: Values, tmp_path: Path, need: Callable[[str], str]) -> None:
    for program in ("ssh-keygen", "openssl"):
        need(program)
    for name, text in folder_of(vector).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    outside = tmp_path.parent / f"{tmp_path.name}.sh"
    outside.write_text(script().replace('cd "$(dirname "$0")"', f"cd '{tmp_path}'"), encoding="utf-8")
    run = subprocess.run(["sh", str(outside)], capture_output=True, text=True, check=False)
    if "output" in vector:
        assert run.returncode == 0, run.stderr
        said = vector["output"]
        whole = f"all {said['records']} records hold, with {said['records']} signatures and checkpoints of the terminal"
        assert (
            f"{whole} and {said['second_signatures']} of others; their tree has the root {said['root']}" in run.stdout
        )
        return
    assert run.returncode == 1
    assert re.search(SAYS[vector["step"]], run.stderr), run.stderr


def test_the_exported_folder_of_the_vectors_is_what_the_program_writes(tmp_path: Path) -> None:
    files = exported("small")
    held = by_name("exports")["whole"]["input"]["files"]
    for name, text in files.items():
        if name not in (*NOT_PINNED, "SHA256SUMS"):
            assert held[name] == text, name
    assert set(files) - set(held) == set(NOT_PINNED)


def test_every_operation_has_vectors_that_pass_and_names_are_unique() -> None:
    every = [(v["operation"], v["name"]) for file in FILES for v in vectors(file)]
    assert len(set(every)) == len(every)
    passing = {v["operation"] for file in FILES for v in vectors(file) if "output" in v}
    assert passing == set(OPERATIONS) | {"verify-log", "verify-export"}


def test_every_type_of_record_stands_in_a_log_that_holds() -> None:
    rows = [row for v in WHOLE_LOGS if "output" in v for row in rows_of(v["input"])]
    seen = {msgspec.json.decode(row["record"])["body"]["type"] for row in rows}
    assert seen == {body.__struct_config__.tag for body in records.AnyBody.__args__}


def test_a_log_id_is_that_of_its_key() -> None:
    for vector in WHOLE_LOGS:
        rows = rows_of(vector["input"])
        if "output" in vector:
            public = bytes.fromhex(vector["input"]["public_key"])
            assert msgspec.json.decode(rows[0]["record"])["log"] == log_id(public).hex()

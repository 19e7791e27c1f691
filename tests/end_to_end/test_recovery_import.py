# SPDX-License-Identifier: Apache-2.0
"""What recover.py leaves behind becomes a record, a debt and a rotation; and what does not fit is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.life import recovery
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.formats import share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home, verify
from breakglass_shamir.standalone import recover
from tests.end_to_end.life import NAME, Life, texts_on_paper


def recovered(life: Life, *, typed_core: bool = False, ticket: str = "INC-9") -> Path:
    """Open the set with recover.py from what stands on two sheets; returns the record it leaves."""
    texts = [text for found in list(texts_on_paper(life.sheets(1)).values())[:2] for text in dict.fromkeys(found)]
    lines = [line for text in texts if text.startswith(share.PREFIX) for line in share.from_text(text).share.to_lines()]
    codes = [text for text in texts if not text.startswith(share.PREFIX)]
    lines += core_lines(life) if typed_core else codes
    out = life.folder / "outside"
    out.mkdir(exist_ok=True)
    file = out / f"usage-{len(list(out.iterdir()))}.json"
    done = subprocess.run(
        [sys.executable, "-I", "-S", recover.__file__, "--officer", "Olga", "--officer", "Oskar", "--ticket", ticket,
         "--reason", "the terminal burned down", "--record", str(file), "--stdout"],
        input="\n".join(lines).encode(), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return file


def core_lines(life: Life) -> tuple[str, ...]:
    """The typed lines from the back of a sheet."""
    with home.open_home(life.home) as ledger:
        return ledger.state.of(NAME).current_epoch.envelope.core.to_lines()


def imports(life: Life, file: Path) -> Any:
    return life.ok("--json", "audit", "import", file).document


def test_a_recovery_is_recorded_and_owes_a_rotation_that_settles_it(life: Life) -> None:
    file = recovered(life)
    found = imports(life, file)
    assert (found["set"], found["epoch"], found["status"], found["officers"]) == (NAME, 1, "good", ["Olga", "Oskar"])
    entry = life.entries()[-1]
    assert isinstance(entry.record.body, RecoveryImported)
    assert entry.record.body.source.encode() == file.read_bytes()
    status = life.status()
    assert [debt["id"] for debt in status["debts"]] == [found["debt"]]
    assert status["phase"] == "rotation due"
    assert "recovered without this program" in status["due"][0]
    done = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    assert life.status()["debts"] == []
    late = life.ok("audit", "import", recovered(life, ticket="INC-10"))
    assert "epoch 1 is void: no rotation is owed for it" in late.out
    assert "epoch 1 of recovery-key is void since" in late.err
    assert life.status()["debts"] == []
    life.entries()


def test_the_same_record_is_one_use_and_two_records_are_two(life: Life) -> None:
    first = recovered(life)
    imports(life, first)
    again = life.run("audit", "import", first)
    assert (again.exit, "is in this ledger already" in again.err) == (3, True)
    imports(life, recovered(life, ticket="INC-10"))
    assert life.kinds().count("recovery-imported") == 2
    assert len(life.status()["debts"]) == 1


def rewrite(file: Path, seed: Secret | None = None, **changes: Any) -> None:
    """Change fields; sign again with another key where one is given."""
    fields = {**json.loads(file.read_bytes()), **changes}
    file.write_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    if seed is not None:
        Path(f"{file}.sig").write_text(sshsig.sign(seed, file.read_bytes(), recovery.NAMESPACE))


def test_what_does_not_fit_is_refused_by_name_and_recorded_nowhere(life: Life) -> None:
    file = recovered(life)
    record, signature = file.read_bytes(), Path(f"{file}.sig").read_bytes()
    before = life.kinds()
    stranger = Secret(b"s" * 32)
    key = keys.ed25519_public(stranger).hex()
    for changes, seed, code, words in (
        ({"reason": "another"}, None, 5, "does not verify"),
        ({"reason": "another"}, stranger, 5, "expected a signature by SHA256:"),
        ({"set_public_key": key}, stranger, 5, "expected a recovery record by the set key SHA256:"),
        ({"envelope_sha256": "ab" * 32}, None, 5, "made with another envelope of epoch 1 than the pinned one"),
        ({"epoch": 2}, None, 5, "expected a recovery record of epoch 1, got one of epoch 2"),
        ({"epoch_id": "ab" * 8}, None, 3, "this ledger does not know epoch 1 of recovery-key that was recovered"),
        ({"set": "other"}, None, 3, "this ledger does not know the set 'other' that was recovered"),
        ({"sheets": ["1.1"]}, None, 5, "the sheets 1.1 are no quorum of epoch 1"),
        ({"sheets": ["1.1", "1.9"]}, None, 5, "the sheets 1.1, 1.9 are no quorum of epoch 1"),
        ({"sheets": ["1.2", "1.1"]}, None, 5, "expected each sheet once, in order, in the recovery record"),
        ({"v": 2}, None, 4, "expected a recovery record of version 1 with exactly its fields"),
        ({"more": 1}, None, 4, "expected a recovery record of version 1 with exactly its fields"),
        ({"type": "opened"}, None, 5, "not a recovery record"),
        ({"officers": [" Olga"]}, None, 5, "expected 1 to 200 plain characters as officer"),
        ({"set": ""}, None, 5, "expected both set name and envelope digest in the recovery record, or neither"),
    ):
        file.write_bytes(record)
        Path(f"{file}.sig").write_bytes(signature)
        rewrite(file, seed, **changes)
        done = life.run("audit", "import", file)
        assert (done.exit, words in done.err) == (code, True), (changes, done.err)
    file.write_bytes(record + b"\n")
    assert life.run("audit", "import", file).exit == 5
    file.write_bytes(record)
    Path(f"{file}.sig").unlink()
    done = life.run("audit", "import", file)
    assert (done.exit, "recover.py writes two files" in done.err) == (2, True)
    assert life.kinds() == before


def test_a_terminal_that_does_not_know_the_set_says_where_to_go(life: Life, tmp_path: Path) -> None:
    file = recovered(life)
    other = Life(tmp_path)
    other.ok("init", "--terminal", "elsewhere")
    done = other.run("audit", "import", file)
    assert (done.exit, "this ledger does not know the set 'recovery-key' that was recovered" in done.err) == (3, True)
    assert "import it at the terminal that issued or recovered these sheets" in done.err


def test_a_recovery_that_was_put_into_the_log_without_its_key_is_found(life: Life) -> None:
    file = recovered(life)
    found = recovery.parse(file.read_bytes())
    forged = sshsig.sign(Secret(b"s" * 32), file.read_bytes(), recovery.NAMESPACE)
    with home.open_home(life.home) as ledger:
        body = RecoveryImported(
            epoch_id=found.epoch_id, status="good", source=file.read_text(), signature=forged,
            sha256=recovery.digest(file.read_bytes()),
        )  # fmt: skip
        entry = ledger.append(body, set_name=NAME)
        with pytest.raises(InvalidSignature, match=f"record {entry.record.seq}: expected a signature by SHA256:"):
            verify.verify(ledger)


def test_typed_lines_alone_name_no_set_and_are_found_by_their_epoch(life: Life) -> None:
    found = imports(life, recovered(life, typed_core=True))
    assert (found["set"], found["epoch"], found["status"]) == (NAME, 1, "good")

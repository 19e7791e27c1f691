# SPDX-License-Identifier: Apache-2.0
"""The whole life of a set on the command line, as its people live it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.openings import Opened
from tests.end_to_end.life import CUSTODIANS, NAME, Life, groups_text, secrets_on_paper

ALL_RECORDS = [
    "ledger-started", "policy-adopted", "issued", "read-back", "declared", "opened", "in-use", "use-ended",
    "issued", "countersigned", "read-back", "acknowledged", "acknowledged", "acknowledged",
    "applying", "applied", "old-dead", "closed",
]  # fmt: skip


def test_from_first_sheet_to_void_sheet_to_auditor(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("sh")
    life = Life(tmp_path, quorum=groups_text((3, CUSTODIANS[:5])))
    life.begin()
    split = life.run(
        "split", life.policy, "--credential-from", "-", "--out", life.sheets(1), stdin=life.secret.reveal()
    )
    assert split.exit == 0, split.err
    assert "credential accepted" in split.out
    assert life.status()["phase"] == "issued"
    assert life.run("status").exit == 7
    life.scan(1)
    life.ok("confirm", NAME, life.scans(1))
    assert life.nothing_due()

    quorum = life.some_scans(1, 3)
    declared = ("--class", "idp-outage", "--ticket", "INC-1234", "--reason", "nobody can log in")
    people = ("--officer", "Olga", "--officer", "Oskar")
    scans = [word for path in quorum for word in ("--scan", path)]
    received = tmp_path / "received"
    options = life.rotating(2, "1", "2", "3")
    with life.office(2, sheets=5):
        done = life.run(
            "recombine", NAME, *declared, *people, *scans, *options, "--exec", "sh", "-c", f"cat > {received}"
        )
    assert done.exit == 0, done.err
    assert received.read_bytes() == life.secret.reveal()
    assert life.kinds() == ALL_RECORDS

    (new,) = secrets_on_paper(life.sheets(2))
    assert not life.opens(life.secret)
    assert life.opens(new)
    assert life.nothing_due()
    assert "sealed" in life.run("status").out
    assert list((life.folder / "readback-2").iterdir()) == []

    refused = life.run("recombine", NAME, *declared, *people, *scans, "--no-reveal")
    assert refused.exit == 3
    assert "superseded, epoch 2 followed it; it opens nothing" in refused.err
    assert life.kinds()[-2:] == ["declared", "refused"]

    assert "all 20 records hold" in life.ok("audit", "verify").out
    opening = life.entries()[4].digest
    exported = tmp_path / "exported"
    life.ok("audit", "export", opening[:12], "--out", exported)
    checked = subprocess.run(["sh", exported / "verify.sh"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    said = "all 14 records hold, with 14 signatures and checkpoints of the terminal and 2 of others"
    assert said in checked.stdout
    record = next(exported.glob("*5.json"))
    record.write_bytes(record.read_bytes().replace(b"exec", b"show"))
    forged = subprocess.run(["sh", exported / "verify.sh"], capture_output=True, text=True, check=False)
    assert forged.returncode != 0


def test_a_generated_credential_takes_the_place_of_the_current_one(fresh: Life) -> None:
    current = fresh.folder / "current"
    current.write_bytes(fresh.secret.reveal())
    done = fresh.rotated("split", fresh.policy, "--generate", "--current-from", current, number=1)
    assert done.exit == 0, done.err
    (new,) = secrets_on_paper(fresh.sheets(1))
    assert fresh.opens(new)
    assert not fresh.opens(fresh.secret)
    assert fresh.nothing_due()
    assert fresh.status()["phase"] == "sealed"


def test_a_generated_credential_is_not_applied_before_its_sheets_are_in_custody(fresh: Life) -> None:
    options = ("--out", fresh.sheets(1), "--timeout", "0.1", "--ack", "1")
    done = fresh.run("split", fresh.policy, "--generate", "--current-from", "-", *options, stdin=fresh.secret.reveal())
    assert done.exit == 6, done.err
    assert fresh.opens(fresh.secret)
    assert fresh.kinds()[-1] == "abandoned"


def test_a_wrong_current_credential_changes_and_keeps_nothing(fresh: Life) -> None:
    done = fresh.run(
        "split", fresh.policy, "--generate", "--current-from", "-", "--out", fresh.sheets(1),
        stdin=generate(24).reveal(),
    )  # fmt: skip
    assert done.exit == 6
    assert "refuses this credential" in done.err
    assert not fresh.sheets(1).exists()
    assert fresh.opens(fresh.secret)


def test_a_custodian_after_the_other_confirms_acknowledges_and_loses(life: Life) -> None:
    assert "South holds sheet 1.2" in life.ok("ack", NAME, "2", "--bag", "B-77").out
    assert life.status()["acknowledged"] == 1
    assert "0 more may be lost" in life.ok("void", NAME, "1.3", "--reason", "found open on a desk").out
    assert life.run("status").exit == 7
    lost = life.run("recombine", NAME, "--scan", life.scans(1), "--class", "idp-outage", "--ticket", "INC-1234",
                    "--reason", "a look", "--officer", "a", "--officer", "b", "--no-reveal")  # fmt: skip
    assert lost.exit == 7, lost.err
    opened = [entry.record.body for entry in life.entries() if isinstance(entry.record.body, Opened)]
    assert [body.sheets for body in opened] == [("1.1", "1.2")]

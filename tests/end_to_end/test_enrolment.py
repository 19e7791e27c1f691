# SPDX-License-Identifier: Apache-2.0
"""A second terminal learns a set before the first night, and the first one what the second did."""

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.crypto import keys
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.formats import share
from breakglass_shamir.formats.likeness import may_be_fingerprint
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from tests.end_to_end.life import (
    DECLARATION,
    NAME,
    Done,
    Life,
    assert_holds_no,
    secrets_on_paper,
    texts_on_paper,
)

TWO = "terminal two"


@pytest.fixture
def two(life: Life) -> Life:
    """A second terminal, with a home of its own that knows nothing."""
    other = life.beside("two")
    shutil.rmtree(other.home, ignore_errors=True)
    other.ok("init", "--terminal", TWO)
    return other


def export(life: Life, name: str = "export", *more: str) -> tuple[Path, str]:
    """Write a file for another terminal; returns it and what its screen shows."""
    out = life.folder / f"{name}.json"
    out.unlink(missing_ok=True)
    return out, life.ok("--json", "enrol", "export", NAME, "--out", out, *more).document["fingerprint"]


def enrol(here: Life, there: Life, name: str = "export", *more: str) -> Any:
    """Carry a file from one terminal to another, and type its fingerprint there."""
    out, fingerprint = export(here, name)
    return there.ok("--json", "enrol", "import", out, "--fingerprint", fingerprint, *more).document


def with_policy(life: Life, more: str) -> None:
    """Put a stricter policy in force at a terminal, with more tables at its end."""
    life.policy.write_text(life.policy.read_text() + more)
    life.ok("policy", "adopt", life.policy)


def test_two_terminals_enrol_rotate_and_agree(life: Life, two: Life) -> None:
    enrol(life, two)
    assert two.status()["phase"] == "sealed"
    before = life.status()
    assert two.status()["epoch_id"] == before["epoch_id"]

    opened = two.rotated("recombine", NAME, *DECLARATION, "--scan", two.scans(1), "--no-reveal")
    assert opened.exit == 0, opened.err
    assert "UNPINNED" not in opened.err
    assert not life.opens(life.secret)

    found = enrol(two, life, "back")
    assert found["successions"] == 1
    for terminal in (life, two):
        status = terminal.status()
        assert (status["epoch"], status["phase"], status["read_back"]) == (2, "sealed", 3)
        assert status["acknowledged"] == 2
        assert status["to_destroy"] == ["epoch 1: 1.1, 1.2, 1.3"]
        assert status["debts"] == []
        assert status["due"] == ["acknowledge: no custodian has said to hold sheet 1.3 (East)"]
        assert terminal.run("audit", "verify").exit == 0
        kinds = terminal.kinds()
        assert "enrolled" in kinds
        assert "enrolment-exported" in kinds

    # The paper says the same at both: the old sheets are named and open nothing, the new ones open.
    for terminal in (life, two):
        old = terminal.recombine("--no-reveal", scans=1)
        assert old.exit in (3, 4), old.err
        assert "superseded" in old.err or "void" in old.err
    assert life.recombine("--no-reveal", scans=2).exit == 7
    assert [debt["kind"] for debt in life.status()["debts"]] == ["rotation"]

    # What one terminal owes the other learns when it is settled there, and where both stand.
    rotated = life.rotated("rotate", NAME, "--scan", life.scans(2), number=3)
    assert rotated.exit == 0, rotated.err
    enrol(life, two, "again")
    assert [terminal.status()["epoch"] for terminal in (life, two)] == [3, 3]
    report = life.folder / "report.html"
    for terminal in (life, two):
        report.unlink(missing_ok=True)
        report.with_suffix(".json").unlink(missing_ok=True)
        terminal.ok("audit", "report", "--out", report)
        assert terminal.run("audit", "verify").exit == 0
        assert terminal.status()["to_destroy"] == ["epoch 1: 1.1, 1.2, 1.3", "epoch 2: 1.1, 1.2, 1.3"]


def test_sheets_that_were_voided_or_handed_on_are_so_at_the_other_terminal(life: Life, two: Life) -> None:
    life.ok("ack", NAME, "1", "--bag", "B-1")
    life.ok("reassign", NAME, "2", "--to", "Western office")
    life.ok("void", NAME, "3", "--reason", "left on a train")
    enrol(life, two)
    with home.open_home(two.home) as ledger:
        epoch = ledger.state.of(NAME).current_epoch
        assert epoch.voided == {"1.3": "left on a train"}
        assert epoch.custodians["1.2"] == "Western office"
        assert epoch.former["1.2"] == ("South",)
        assert ledger.state.of(NAME).history.sheet(epoch.epoch_id, "1.1").bag == "B-1"
    assert two.status()["losses_left"] == 0


def test_officers_signatures_count_and_alerts_leave_from_the_first_opening(life: Life, two: Life) -> None:
    officer = life.folder / "olga"
    empty = Secret(b"")
    run_ssh_keygen(["-q", "-t", "ed25519", "-N", "", "-C", "olga", "-f", str(officer)], [empty])
    line = officer.with_suffix(".pub").read_text().strip()
    sink = life.folder / "alerts" / "log.jsonl"
    sink.parent.mkdir()
    policy = life.policy.read_text().replace("[declaration]\n", "[declaration]\nsignatures = 1\n")
    policy += f'\n[[officers]]\nname = "Olga"\nkeys = ["{line}"]\n'
    policy += '\n[[officers]]\nname = "Oskar"\n'
    policy += f'\n[[alerts.sinks]]\nname = "siem"\ntype = "file"\npath = "{sink}"\n'
    life.policy.write_text(policy)
    life.ok("policy", "adopt", life.policy)

    found = enrol(life, two)
    assert found["sets"][0]["sinks_tested"] == ["siem"]
    assert "TEST, nothing happened" in sink.read_text()
    unsigned = two.recombine("--no-reveal")
    assert unsigned.exit == 3
    assert "expected signatures of 1 officer" in unsigned.err
    assert "told: siem" in unsigned.err
    signed = two.recombine("--no-reveal", "--sign", officer)
    assert signed.exit == 7, signed.err
    two.ok("alerts", "flush")
    told = [json.loads(row) for row in sink.read_text().splitlines()]
    opened = [one for one in told if one["type_uid"] == 300402 and "opened by a quorum" in one["message"]]
    assert [one["metadata"]["log_provider"] for one in opened] == [TWO]


def test_an_import_is_not_done_until_each_sink_works_or_is_declined_by_name(life: Life, two: Life) -> None:
    token = life.folder / "token"
    with_policy(
        life,
        f'\n[[alerts.sinks]]\nname = "hec"\ntype = "splunk"\nurl = "http://127.0.0.1:9/"\ntoken_file = "{token}"\n',
    )
    out, fingerprint = export(life)
    words = ("enrol", "import", out, "--fingerprint", fingerprint)
    missing = two.run(*words)
    assert missing.exit == 6
    assert f"the file {token} (token_file) is not here" in missing.err
    assert "--decline-sink hec" in missing.err
    token.write_text("secret-token\n")
    unreachable = two.run(*words)
    assert unreachable.exit == 6
    assert "secret-token" not in unreachable.err
    other = two.run(*words, "--decline-sink", "pager")
    assert other.exit == 2
    assert two.run("status").exit == 0
    assert "enrolled" not in two.kinds()
    done = two.run("--json", *words, "--decline-sink", "hec")
    assert done.exit == 0, done.err
    assert done.document["sets"][0]["sinks_declined"] == ["hec"]
    assert two.entries()[-1].record.body.sinks_declined == ("hec",)  # type: ignore[union-attr]
    again = enrol(life, two, "again")
    assert again["sets"][0]["sinks_declined"] == []


def test_the_file_holds_no_share_no_credential_and_no_key(life: Life) -> None:
    """In no layer of it: records and envelopes are base64 inside texts inside JSON."""
    out, _ = export(life)
    found = b"\0".join(_layers(out.read_bytes()))
    assert b"issued" in found, "the layers were not taken apart"
    for secret in (life.secret, *secrets_on_paper(life.sheets(1))):
        assert_holds_no(secret, "the export", found)
    terminal_key = keys.seed_from_pem((life.home / "terminal-key.pem").read_bytes())
    pool, shares = Pool({}), list[Secret]()
    for texts in texts_on_paper(life.sheets(1)).values():
        for text in texts:
            pool.add(text)
            if text.startswith(share.PREFIX):
                shares.append(share.from_text(text).share.value)
                assert text.removeprefix(share.PREFIX).encode() not in found
    assert len(shares) >= 3
    unsealed = pool.quorum().unseal()
    for binary in (terminal_key, unsealed.set_key, *shares):
        for form in (binary.reveal(), binary.reveal().hex().encode(), base64.b64encode(binary.reveal())[:40]):
            assert form not in found
    assert b"PRIVATE KEY" not in found


def _layers(data: bytes) -> Iterator[bytes]:
    """Yield data, and whatever JSON and base64 inside it decode to."""
    yield data
    try:
        tree = json.loads(data)
    except ValueError:
        return
    for text in _texts(tree):
        if text.startswith("{"):
            yield from _layers(text.encode())
            continue
        for word in text.split():
            try:
                inner = base64.b64decode(word, validate=True)
            except ValueError:
                continue
            if len(inner) > 16:
                yield from _layers(inner)
                yield from _layers(inner[inner.find(b"{") :]) if b"{" in inner else ()


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(item)


def test_a_wrong_fingerprint_is_refused_and_a_slip_is_told_from_another_file(life: Life, two: Life) -> None:
    out, fingerprint = export(life)
    _, other = export(life, "other")
    assert other != fingerprint
    slips = (sign + fingerprint[1:] for sign in "0123456789" if sign != fingerprint[0])
    slip = next(filter(may_be_fingerprint, slips))
    for typed, code, said in (
        (slip, 2, "a slip in this fingerprint"),
        (fingerprint[:-4], 2, "24 characters and a check character"),
        (other, 5, "the fingerprint of another file"),
        ("", 2, "expected the fingerprint"),
    ):
        words = ("--fingerprint", typed) if typed else ()
        done = two.run("enrol", "import", out, *words)
        assert done.exit == code, done.err
        assert said in done.err
        assert fingerprint not in done.out + done.err
    assert two.kinds() == ["ledger-started", "refused", "refused", "refused", "refused"]
    spoken = fingerprint.lower().replace(" ", "-").replace("1", "l").replace("0", "o")
    assert two.run("enrol", "import", out, "--fingerprint", spoken).exit == 0


def test_the_same_file_twice_is_no_news(life: Life, two: Life) -> None:
    out, fingerprint = export(life)
    for _ in range(2):
        done = two.run("--json", "enrol", "import", out, "--fingerprint", fingerprint)
        assert done.exit == 0
    assert done.document["sets"][0]["changed"] is False
    assert two.kinds().count("enrolled") == 1


def test_what_is_exported_of_another_terminals_set_can_be_taken_by_a_third(life: Life, two: Life) -> None:
    enrol(life, two)
    three = life.beside("three")
    shutil.rmtree(three.home, ignore_errors=True)
    enrol(two, three, "on")
    assert three.status()["phase"] == "sealed"
    assert three.run("audit", "verify").exit == 0
    assert three.recombine("--no-reveal").exit == 7


def test_a_set_known_from_its_sheets_becomes_pinned_and_gets_its_policy(life: Life, two: Life) -> None:
    opened = two.recombine("--no-reveal", "--target", f"ssh-key://{life.key}")
    assert opened.exit == 7, opened.err
    assert "UNPINNED" in opened.err
    refused = two.run("enrol", "export", NAME, "--out", life.folder / "x.json")
    assert refused.exit == 3
    assert "known from its sheets alone" in refused.err
    found = enrol(life, two)
    assert found["sets"][0]["policy"] == "taken"
    with home.open_home(two.home) as ledger:
        epoch = ledger.state.of(NAME).current_epoch
        assert (epoch.recovered, epoch.pinned) == (False, True)
        assert [debt.kind for debt in ledger.state.of(NAME).debts] == ["rotation"]


def test_a_receipt_of_the_other_log_stays_and_exposes_a_removed_tail(life: Life, two: Life) -> None:
    (kept,) = enrol(life, two)["receipts"]
    assert "saw" in life.ok("audit", "verify", "--receipt", kept).out


def test_adopt_works_on_a_blank_home_and_holds_from_the_first_opening(life: Life) -> None:
    blank = life.beside("blank")
    shutil.rmtree(blank.home, ignore_errors=True)
    done = blank.run("policy", "adopt", life.policy)
    assert done.exit == 0, done.err
    assert "this machine had no ledger" in done.err
    assert f"does not know the set {NAME}" in done.err
    words = [word if word != "INC-1234" else "none" for word in DECLARATION]
    refused = blank.run("recombine", NAME, *words, "--scan", life.scans(1), "--no-reveal")
    assert refused.exit == 3
    assert "--override ticket" in refused.err
    assert blank.recombine("--no-reveal").exit == 7
    assert blank.run("audit", "verify").exit == 0
    assert blank.entries()[-1].record.set == NAME


def test_a_policy_that_a_quorum_weakened_comes_with_its_signature(life: Life, two: Life) -> None:
    enrol(life, two)
    before = life.policy.read_text()
    life.policy.write_text(before.replace("INC-[0-9]{4,}", "CHG-[0-9]{4,}"))
    out, back = life.sheets(2), life.folder / "readback-2"
    back.mkdir(exist_ok=True)
    with life.office(2):
        done = life.run(
            "policy", "adopt", life.policy, "--scan", life.scans(1), "--out", out, "--readback", back,
            "--ack", "1", "--ack", "2", "--timeout", "30",
        )  # fmt: skip
    assert done.exit == 0, done.err
    found = enrol(life, two, "again")
    assert (found["sets"][0]["policy"], found["sets"][0]["epoch"], found["successions"]) == ("taken", 2, 1)
    with home.open_home(two.home) as ledger:
        assert "CHG-" in ledger.state.of(NAME).policy_source
    assert two.run("audit", "verify").exit == 0
    # A terminal that comes later takes it, too, and judges the signature by the lineage that comes along.
    late = life.beside("late")
    shutil.rmtree(late.home, ignore_errors=True)
    assert enrol(life, late, "late")["successions"] == 1
    assert late.run("audit", "verify").exit == 0
    assert late.status()["chain_whole"]


def test_a_retired_set_is_retired_at_the_other_terminal(life: Life, two: Life) -> None:
    enrol(life, two)
    life.ok("retire", NAME, "--reason", "the account moves", "--scan", life.scans(1))
    enrol(life, two, "again")
    assert two.status()["phase"] == "retired"
    assert "--override retired" in two.recombine("--no-reveal").err
    opened = two.recombine("--no-reveal", "--override", "retired", "--override-reason", "nothing else is left")
    assert opened.exit == 7, opened.err
    # Taken back into service here; what was said before does not retire it again.
    enrol(life, two, "once more")
    assert two.status()["phase"] != "retired"


def refused_import(two: Life, out: Path, fingerprint: str) -> Done:
    return two.run("enrol", "import", out, "--fingerprint", fingerprint)


def test_an_older_export_is_refused(life: Life, two: Life) -> None:
    old = export(life, "old")
    enrol(life, two, "new")
    done = refused_import(two, *old)
    assert done.exit == 3
    assert "older than what is known" in done.err


def test_this_terminals_own_file_is_refused(life: Life) -> None:
    done = refused_import(life, *export(life))
    assert done.exit == 3
    assert "this terminal itself wrote" in done.err


def test_words_that_are_wrong_are_named(life: Life, two: Life) -> None:
    out, fingerprint = export(life)
    for words, code, said in (
        (("export", "--out", "x"), 2, "NAME"),
        (("export", NAME), 2, "--out"),
        (("export", "nothing", "--out", life.folder / "x"), 3, "expected one of the sets"),
        (("export", NAME, "--out", out), 2, "is there already"),
        (("export", NAME, "--out", life.folder / "no" / "x"), 5, "could not be written"),
        (("export", NAME, "--out", life.folder / "y", "--since", "9999"), 2, "--since"),
        (("import", life.folder / "nowhere"), 2, "could not be read"),
        (("import", life.policy), 2, "no file of enrol export"),
        (("fingerprint", life.policy), 2, "no file of enrol export"),
    ):
        done = life.run("enrol", *words)
        assert done.exit == code, (words, done.err)
        assert said in done.err, (words, done.err)
    assert life.ok("enrol", "fingerprint", out).out.strip() == f"fingerprint  {fingerprint}"
    elsewhere = two.run("enrol", "fingerprint", out)
    assert elsewhere.exit == 2
    assert fingerprint not in elsewhere.out + elsewhere.err


def test_an_auditor_checks_what_was_told_with_stock_tools_alone(life: Life, two: Life) -> None:
    """And finds a statement that was changed, or that another terminal signed, in an export made to fit."""
    with_policy(life, "")
    enrol(life, two)
    two.ok("retire", NAME, "--reason", "the account moves", "--scan", two.scans(1))
    evidence = life.folder / "evidence"
    shutil.rmtree(evidence, ignore_errors=True)
    two.ok("audit", "export", "all", "--out", evidence)
    (said,) = evidence.glob("*.statement.json")
    assert said.read_text() in [entry.record.body.statement for entry in two.entries() if _told(entry)]  # type: ignore[union-attr]
    checked = _verify(evidence)
    assert checked.returncode == 0, checked.stderr
    assert 'Good "enrolment@breakglass-shamir" signature for terminal-' in checked.stdout
    shown = two.ok("audit", "show", "1").out
    assert "signed by terminal terminal one" in shown

    whole = said.read_bytes()
    for changed in (whole.replace(b"terminal one", b"terminal won"), whole[:-1], whole + b" "):
        said.write_bytes(changed)
        _sum_again(evidence)
        assert _verify(evidence).returncode == 1, changed[:80]
    said.write_bytes(whole)
    _sum_again(evidence)
    assert _verify(evidence).returncode == 0
    signers = evidence / "allowed_signers"
    rows = signers.read_text().splitlines()
    mine = next(row for row in rows if row.startswith("terminal "))
    stranger = [
        f"{row.split()[0]} {row.split()[1]} {' '.join(mine.split()[2:])}" if "terminal-" in row else row for row in rows
    ]
    signers.write_text("\n".join(stranger) + "\n")
    _sum_again(evidence)
    refused = _verify(evidence)
    assert refused.returncode == 1
    assert "is another one's" in refused.stderr


def _told(entry: Any) -> bool:
    return str(entry.record.body.__struct_config__.tag) == "enrolled"


def _verify(evidence: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", evidence / "verify.sh"], capture_output=True, text=True, timeout=120, check=False)


def _sum_again(evidence: Path) -> None:
    """Write the sums anew, as whoever forges an export does."""
    names = [row.split("  ")[1] for row in (evidence / "SHA256SUMS").read_text().splitlines()]
    rows = [f"{hashlib.sha256((evidence / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (evidence / "SHA256SUMS").write_text("".join(rows))

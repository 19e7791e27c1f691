# SPDX-License-Identifier: Apache-2.0
"""The end of a set: by its quorum, on people's word, with something owed, in an emergency afterwards; of a terminal."""

import shutil
from pathlib import Path

import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.state import Retirement
from breakglass_shamir.hygiene import Secret
from tests.attacks.strangers import Blank
from tests.end_to_end.life import DECLARATION, NAME, Done, Life, make_key, passphrase

WHY = ("--reason", "the account moves to the new directory")
TWO = ("--officer", "Olga", "--officer", "Oskar")
WITNESSED = ("--witness", "North", "--witness", "South")


def retire(life: Life, *more: str) -> Done:
    return life.run("retire", NAME, *WHY, "--scan", life.scans(1), *more)


def retired(life: Life) -> Retirement:
    from breakglass_shamir.ledger import home

    with home.open_home(life.home) as ledger:
        found = ledger.state.of(NAME).retired
    assert found is not None
    return found


def kill(life: Life) -> None:
    """Change the passphrase behind the program's back."""
    life.key.unlink()
    life.key.with_suffix(".pub").unlink(missing_ok=True)
    make_key(life.key, passphrase())


def used(life: Life) -> None:
    """Open the set and leave its rotation owed."""
    assert life.recombine("--no-reveal").exit == 7


def test_a_quorum_retires_a_set_that_owes_nothing(life: Life) -> None:
    done = life.run("--json", "retire", NAME, *WHY, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    assert done.document["credential"] == "lives"
    assert done.document["to_destroy"] == [{"epoch": 1, "sheets": ["1.1", "1.2", "1.3"]}]
    assert "disable the account" in done.err
    assert life.kinds()[-5:] == ["opened", "use-ended", "proven", "retired", "closed"]
    assert life.entries()[-2].quorum_signature
    status = life.run("status", NAME)
    assert status.exit == 7
    assert "destroy: the set is retired" in status.out
    assert "by its quorum; the target still takes the credential" in status.out


def test_sheets_are_destroyed_before_witnesses_and_what_is_missing_stays_due(life: Life) -> None:
    kill(life)
    assert retire(life, "--destroyed", "1", "--destroyed", "2", *WITNESSED).exit == 0
    assert retired(life).credential == "dead"
    one_left = life.run("status", NAME)
    assert one_left.exit == 7
    assert "left are sheets 1.3 of epoch 1" in one_left.out
    life.ok("destroyed", NAME, "3", "--epoch", "1", *WITNESSED)
    nothing_left = life.run("status", NAME)
    assert nothing_left.exit == 0, nothing_left.out
    assert life.entries()


def test_a_sheet_that_is_lost_stays_due_while_the_credential_lives(life: Life) -> None:
    assert retire(life, "--destroyed", "1", "--destroyed", "2", *WITNESSED).exit == 0
    life.ok("void", NAME, "3", "--reason", "burned with the office")
    assert "left are sheets 1.3" in life.run("status", NAME).out


def test_a_sheet_that_is_lost_is_said_but_not_due_once_the_credential_is_dead(life: Life) -> None:
    kill(life)
    assert retire(life, "--destroyed", "1", "--destroyed", "2", *WITNESSED).exit == 0
    life.ok("void", NAME, "3", "--reason", "burned with the office")
    status = life.run("status", NAME)
    assert status.exit == 0
    assert "epoch 1: 1.3" in status.out


def test_what_is_owed_is_not_retired_while_the_target_takes_the_credential(life: Life) -> None:
    used(life)
    done = retire(life)
    assert done.exit == 3, done.err
    assert "owes a rotation" in done.err
    for word in ("dead", "gone"):
        attested = retire(life, "--attest", word, *TWO)
        assert attested.exit == 3
        assert f"still takes the credential of {NAME}: it is not {word}" in attested.err
    assert "retired" not in life.kinds()
    assert [debt["kind"] for debt in life.status()["debts"]] == ["rotation"]


def test_what_is_owed_ends_where_the_target_refuses_the_credential(life: Life) -> None:
    used(life)
    kill(life)
    done = retire(life)
    assert done.exit == 0, done.err
    assert retired(life).attested_by == ()
    assert life.status()["debts"] == []


def test_what_is_owed_ends_on_the_word_of_officers_and_leaves_a_review(life: Life) -> None:
    used(life)
    life.key.unlink()
    nobody = retire(life, "--attest", "gone", "--officer", "Olga")
    assert nobody.exit == 3
    assert "2 different people" in nobody.err
    done = retire(life, "--attest", "gone", *TWO)
    assert done.exit == 0, done.err
    (debt,) = life.status()["debts"]
    assert debt["kind"] == "end-unproven"
    life.ok("settle", NAME, debt["id"], "--officer", "Otto", "--reason", "the directory lists no such account")
    assert life.status()["debts"] == []


def test_without_a_quorum_people_attest(life: Life) -> None:
    alone = life.run("retire", NAME, *WHY, "--without-quorum", "--officer", "Olga", "--officer", " olga")
    assert alone.exit == 3
    done = life.run("retire", NAME, *WHY, "--without-quorum", *TWO)
    assert done.exit == 0, done.err
    assert life.kinds()[-1] == "retired-attested"
    assert not retired(life).by_quorum
    again = life.run("retire", NAME, *WHY, "--without-quorum", *TWO)
    assert again.exit == 3
    assert "is retired since" in again.err


def test_without_a_quorum_what_is_owed_needs_a_credential_that_is_dead_or_gone(life: Life) -> None:
    used(life)
    refused = life.run("retire", NAME, *WHY, "--without-quorum", *TWO)
    assert refused.exit == 3
    assert "owes a rotation" in refused.err
    done = life.run("retire", NAME, *WHY, "--without-quorum", "--attest", "dead", *TWO)
    assert done.exit == 0, done.err
    (debt,) = life.status()["debts"]
    assert debt["kind"] == "end-unproven"
    for said in (done.err, debt["what"]):
        assert "the target accepted the credential of epoch 1" in said, "people's word hides what the target said"


def test_an_emergency_opens_a_retired_set_by_name_and_takes_it_back_into_service(life: Life) -> None:
    assert retire(life).exit == 0
    refused = life.recombine("--no-reveal")
    assert refused.exit == 3
    assert "--override retired" in refused.err
    opened = life.recombine("--no-reveal", "--override", "retired", "--override-reason", "nothing else is left")
    assert opened.exit == 7, opened.err
    status = life.status()
    assert status["retired"] == ""
    assert sorted(debt["kind"] for debt in status["debts"]) == ["retired", "rotation"]
    assert life.run("audit", "verify").exit == 0
    rotated = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert rotated.exit == 0, rotated.err
    assert life.status()["phase"] == "sealed"


@pytest.mark.parametrize(
    "command", [("rotate",), ("drill", "access", *DECLARATION), ("drill", "rehearsal", *DECLARATION)]
)
def test_neither_a_rotation_nor_a_drill_opens_a_retired_set(life: Life, command: tuple[str, ...]) -> None:
    assert retire(life).exit == 0
    words = [word for word in command if word not in ("drill", "access", "rehearsal", "rotate")]
    verb = [word for word in command if word in ("drill", "access", "rehearsal", "rotate")]
    place = () if "rehearsal" in verb else ("--out", life.sheets(2))
    done = life.run(*verb, NAME, *words, "--scan", life.scans(1), *place)
    assert done.exit == 3, done.err
    assert "is retired since" in done.err
    assert life.kinds().count("opened") == 1


def test_sheets_of_a_living_set_are_not_destroyed_with_a_retirement_that_was_refused(life: Life) -> None:
    used(life)
    assert retire(life, "--destroyed", "1", *WITNESSED).exit == 3
    assert "destroyed" not in life.kinds()


def test_a_set_that_sheets_alone_told_of_is_asked_about_where_people_name_its_target(tmp_path: Path) -> None:
    blank, key, secret = Blank(tmp_path / "blank"), tmp_path / "key", passphrase()
    make_key(key, secret)
    blank.bring(NAME, Credential(secret, target="ssh-key:///nowhere/else"))
    assert blank.opened("--exec", "true").exit == 7
    before = blank.kinds()
    command = ("--json", "retire", NAME, *WHY, "--typed", blank.brought)
    refused = blank.noted(*command, "--target", "exec:///bin/sh")
    assert (refused.exit, blank.kinds()) == (3, before), refused.err
    asked = f"ssh-key://{key}"
    lives = blank.noted(*command, "--target", asked)
    assert (lives.exit, lives.document["error"]["id"]) == (3, "illegal-state"), lives.err
    assert blank.kinds()[len(before) :] == ["declared", "opened", "use-ended", "target-named", "proven", "refused"]
    assert set(blank.connectors) <= {"exec:///bin/sh", asked}, "as people typed them"


def test_a_set_that_sheets_alone_told_of_is_retired_without_asking_what_they_name(tmp_path: Path) -> None:
    blank = Blank(tmp_path / "blank")
    blank.bring(NAME, Credential(Secret(b"anything"), target="exec:///bin/sh"))
    assert blank.opened("--exec", "true").exit == 7
    vouched = ("--attest", "gone", "--officer", "Olga", "--officer", "Oskar")
    done = blank.noted("--json", "retire", NAME, *WHY, "--typed", blank.brought, *vouched)
    assert (done.exit, done.document["credential"]) == (0, "gone"), done.err
    assert "nobody named one" in done.document["detail"]
    assert blank.connectors == []


def test_wrong_words_are_named(life: Life) -> None:
    for words, said in (
        ((), "either a set's NAME or --terminal"),
        ((NAME, "--terminal"), "either a set's NAME or --terminal"),
        ((NAME, "--out", "x"), "--out with --terminal only"),
        (("--terminal", "--attest", "gone"), "--attest with a set only"),
        ((NAME, "--without-quorum", "--camera", "0"), "--camera with a quorum only"),
        ((NAME, "--without-quorum", "--target", "manual:x"), "--target with a quorum only"),
        ((NAME, "--destroyed", "1"), "both --destroyed and --witness"),
        ((NAME,), "--reason"),
        ((NAME, "--reason", "why"), "--scan"),
    ):
        done = life.run("retire", *words)
        assert done.exit == 2, (words, done.err)
        assert said in done.err, done.err
    status = life.status()
    assert (status["phase"], [one.partition(":")[0] for one in status["due"]]) == ("sealed", ["acknowledge"])


# --- a terminal ---------------------------------------------------------------------------------------------

LEAVE = ("retire", "--terminal", "--reason", "the site is closed")


def test_a_terminal_hands_its_sets_on_and_ends_its_log(life: Life) -> None:
    two, last = life.beside("two"), life.folder / "last.tlog-proof"
    shutil.rmtree(two.home, ignore_errors=True)
    last.unlink(missing_ok=True)
    words = (*LEAVE, "--out", last, "--confirm", "terminal one")
    alone = life.run(*words)
    assert alone.exit == 3
    assert f"{NAME}: no other terminal is known to keep it" in alone.err
    _carry(life, two, "over")
    still = life.run(*words)
    assert still.exit == 3, "that it was exported says nothing"
    _carry(two, life, "back")
    done = life.run("--json", *words)
    assert done.exit == 0, done.err
    assert list(done.document["handed_on"]) == [NAME]
    assert life.kinds()[-1] == "terminal-retired"
    held = life.ok("audit", "verify", "--receipt", last)
    assert f"saw {done.document['records']} records" in held.out
    assert "the terminal was retired" in held.out

    # What everybody says afterwards.
    status = life.run("--json", "status")
    assert (status.exit, status.document["due"]) == (0, False)
    assert status.document["ended"]
    assert "RETIRED" in life.run("status").out
    assert life.run("status", "--format", "nagios").out.startswith("BREAKGLASS OK - this terminal is retired")
    assert "breakglass_terminal_retired" in life.run("status", "--format", "prometheus").out
    for command in (
        ("heartbeat",), ("watch", NAME, "--once"), ("watch", NAME), ("ack", NAME, "1"), words,
        ("enrol", "export", NAME, "--out", life.folder / "more.json"), ("note", NAME, "too late", "--by", "Olga"),
    ):  # fmt: skip
        refused = life.run(*command)
        assert refused.exit in (2, 3), (command, refused.err)
        assert "its log has ended" in refused.err or "is there already" in refused.err, refused.err
    assert not (life.folder / "more.json").exists()
    assert life.run("alerts", "flush").exit == 0
    assert life.run("audit", "list").exit == 0
    assert life.kinds()[-1] == "terminal-retired"


def test_an_emergency_at_a_retired_terminal_goes_on_elsewhere(life: Life) -> None:
    life.ok(*LEAVE, "--out", life.folder / "last.tlog-proof", "--confirm", "terminal one", "--pass", NAME)
    before = life.kinds()
    refused = life.recombine("--no-reveal")
    assert refused.exit == 3
    assert "begin a home" in refused.err
    stick = life.folder / "stick"
    opened = life.recombine("--no-reveal", "--record-to", stick, "--target", f"ssh-key://{life.key}")
    assert opened.exit == 7, opened.err
    assert "opened" in life.kinds(stick)
    assert life.kinds() == before


def test_what_waits_for_a_sink_is_delivered_after_the_end(life: Life) -> None:
    sink = life.folder / "later" / "alerts.jsonl"
    life.policy.write_text(
        life.policy.read_text() + f'\n[[alerts.sinks]]\nname = "file"\ntype = "file"\npath = "{sink}"\n'
    )
    life.ok("policy", "adopt", life.policy)
    life.ok(*LEAVE, "--out", life.folder / "last.tlog-proof", "--confirm", "terminal one", "--pass", NAME)
    waits = life.run("alerts", "flush")
    assert waits.exit == 7, waits.err
    sink.parent.mkdir()
    assert life.run("alerts", "flush").exit == 0
    assert "its log has ended" in sink.read_text()
    assert life.kinds()[-1] == "terminal-retired"


def test_a_set_that_owes_something_is_passed_by_name_only(life: Life) -> None:
    used(life)
    last = life.folder / "last.tlog-proof"
    refused = life.run(*LEAVE, "--out", last, "--confirm", "terminal one")
    assert refused.exit == 3
    assert "it owes rotation-" in refused.err or "is under way" in refused.err
    assert not last.exists()
    for words, said in (
        (("--out", life.policy, "--confirm", "terminal one"), "is there already"),
        (("--out", life.folder / "no" / "x", "--confirm", "terminal one"), "expected a folder"),
        (("--out", last, "--confirm", "terminal two"), "expected the name of this terminal"),
        (("--out", last), "--confirm"),
        (("--confirm", "terminal one"), "--out"),
        (("--out", last, "--confirm", "terminal one", "--pass", "nothing"), "expected one of the sets"),
    ):
        done = life.run(*LEAVE, *words)
        assert done.exit in (2, 3), done.err
        assert said in done.err, done.err
    assert "terminal-retired" not in life.kinds()
    life.ok(*LEAVE, "--out", last, "--confirm", "terminal one", "--pass", NAME)
    assert f"left     {NAME}: rotate" in life.run("status").out


def _carry(here: Life, there: Life, name: str) -> None:
    out = here.folder / f"{name}.json"
    out.unlink(missing_ok=True)
    shown = here.ok("--json", "enrol", "export", NAME, "--out", out).document["fingerprint"]
    there.ok("enrol", "import", out, "--fingerprint", shown)

# SPDX-License-Identifier: Apache-2.0
"""The dealer's ceremony at a terminal: ``breakglass split`` with no other word, with slips, and taken up again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.strangers import People
from tests.end_to_end.life import Life, make_key, scan_folder


@pytest.fixture
def life(tmp_path: Path, need: Callable[[str], str]) -> Life:
    """A key whose passphrase nobody has put on paper."""
    need("ssh-keygen")
    life = Life(tmp_path / "life")
    life.key.parent.mkdir(parents=True)
    make_key(life.key, life.secret)
    return life


def sit(life: Life) -> People:
    return People(life.command("split"), life.environment(), life.folder)


def write_policy(people: People, life: Life) -> None:
    people.answer("Which account does the credential open?", "ssh-kye")
    people.answer("did you mean ssh-key?", "ssh-key")
    people.answer("File of the private key", f"'{life.key}'")
    people.answer("Another way in", "envelope B, safe 2")
    people.answer("Name of the set", "recovery key")
    people.answer("got 'recovery key'", "recovery-key")
    people.answer("Whom does a found sheet go back to", "")
    people.answer("Who keeps a sheet?", "North, South, East")
    people.until("any 2 together open it; 1 may be lost")
    people.answer("How many of the 3 sheets open it", "4")
    people.answer("expected a number from 2 to 3", "")
    people.until("opened by any 2 of these 3 sheets")
    people.answer("For which incidents", "")
    people.answer("What does a ticket look like", "INC-[0-9]{4,}")
    people.answer("How many officers", "")
    people.answer("File for the policy", "")


def test_from_the_account_to_sheets_in_custodians_hands(life: Life) -> None:
    """Killed once while the policy is written, and once when sheets are printed; nothing is asked twice."""
    people = sit(life)
    people.answer("Which account does the credential open?", "1")
    people.until("File of the private key")
    os.kill(people.pid, signal.SIGKILL)
    people.end()
    (life.home / "answers.json").unlink()

    people = sit(life)
    write_policy(people, life)
    people.answer("Where do the new sheets go?", "folder")
    people.answer("Folder for the new sheets", "sheets-1")
    people.answer("There is no folder sheets-1. Make it?", "")
    people.answer("Folder where a scanner drops scans", "")
    people.answer("File for the protocol of the day", "")
    people.answer("Where is the credential", "type")
    people.answer("Credential to put on paper", "not the passphrase")
    people.answer("The same once more", "not the passphrase")
    people.answer("the target refuses this credential", "type")
    people.answer("Credential to put on paper", life.secret.reveal().decode())
    people.answer("The same once more", life.secret.reveal().decode())
    people.until("Scan the printed sheets now?")
    os.kill(people.pid, signal.SIGKILL)
    people.end()
    assert life.secret.reveal().decode() not in people.seen

    scans = scan_folder(life.sheets(1), life.scans(1))
    people = sit(life)
    people.answer("Go on with which?", "recovery")
    people.answer("Scan the printed sheets now? 3 of 3 are still to be read", "now")
    people.until("recovery-key, epoch 1: no sheet is in yet, 3 to be read back")
    people.type(f"{scans[0]} {scans[1]}")
    people.until("2 sheets are in, 1 more to be read back")
    people.until("missing  1.3 East")
    assert life.kinds().count("read-back") == 2
    people.type("nothing-here")
    people.answer("there is nothing at", "back")
    people.answer("Scan the printed sheets now? 1 of 3", "now")
    people.until("2 sheets are in, 1 more to be read back")
    people.answer("in       1.1 North, 1.2 South", "stop")
    people.answer("Stop? [y/N]", "y")
    people.until("next: scan every printed sheet")
    assert people.end() == 0, people.seen

    people = sit(life)
    people.answer("epoch 1 is printed; 2 of 3 sheets were read back", "recovery")
    people.answer("Scan the printed sheets now? 1 of 3", "now")
    people.answer("2 sheets are in, 1 more to be read back", "scans-1")
    people.answer("Has North taken sheet 1.1?", "now")
    people.answer("Serial of its bag", "SN-1")
    people.answer("Has South taken sheet 1.2?", "later")
    people.answer("Has East taken sheet 1.3?", "y")
    people.answer("Serial of its bag", "")
    people.until("next: when South has sheet 1.2: breakglass ack recovery-key 1.2")
    assert people.end() == 0, people.seen

    people = sit(life)
    people.answer("epoch 1 is sealed; 2 of 3 custodians have theirs", "recovery-key")
    people.answer("Has South taken sheet 1.2?", "now")
    people.answer("Serial of its bag", "SN-2")
    people.until("with their custodians: 1.1, 1.2, 1.3")
    assert people.end() == 0, people.seen
    assert life.kinds().count("acknowledged") == 3
    assert (life.folder / "recovery-key.toml").exists()
    assert (life.folder / "recovery-key-protocol.pdf").exists()


QUESTIONS = (
    ("Which account does the credential open?", "1"),
    ("File of the private key", "id_recovery"),
    ("Another way in", "envelope B, safe 2"),
    ("Name of the set", "recovery-key"),
    ("Whom does a found sheet go back to", ""),
    ("Who keeps a sheet?", "North, South, East"),
    ("How many of the 3 sheets open it", ""),
    ("For which incidents", ""),
    ("What does a ticket look like", "INC-[0-9]{4,}"),
    ("How many officers", ""),
    ("File for the policy", ""),
    ("Where do the new sheets go?", "folder"),
    ("Folder for the new sheets", "sheets-1"),
    ("Folder where a scanner drops scans", ""),
    ("File for the protocol of the day", ""),
)
"""What is asked before the credential is, and what people say."""

CREDENTIAL = "Where is the credential"


def test_a_window_that_is_closed_at_any_question_loses_no_answer(life: Life) -> None:
    (life.folder / "id_recovery").symlink_to(life.key)
    life.sheets(1).mkdir()
    for answered, (words, said) in enumerate(QUESTIONS):
        people = sit(life)
        people.until(words)
        assert people.hang_up() in (-signal.SIGHUP, 128 + signal.SIGHUP, 130)
        people = sit(life)
        people.answer(words, said)
        people.until([*(asked for asked, _ in QUESTIONS), CREDENTIAL][answered + 1])
        assert people.hang_up() in (-signal.SIGHUP, 128 + signal.SIGHUP, 130)
        assert not [asked for asked, _ in QUESTIONS[:answered] if asked in people.seen]
    assert not any(life.sheets(1).iterdir())

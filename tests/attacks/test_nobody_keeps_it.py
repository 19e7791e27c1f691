# SPDX-License-Identifier: Apache-2.0
"""Two terminals hand a set to each other and both end: it is kept nowhere, and each says that the other one has it."""

import shutil
from pathlib import Path

from tests.end_to_end.conftest import life, sealed_once, ssh_keygen
from tests.end_to_end.life import NAME, Life
from tests.end_to_end.test_enrolment import enrol

__all__ = ["life", "sealed_once", "ssh_keygen"]

LEAVE = ("retire", "--terminal", "--reason", "the site is closed")


def end(terminal: Life, name: str, out: Path, *more: str) -> tuple[int, str]:
    done = terminal.run(*LEAVE, "--out", out, "--confirm", name, *more)
    return done.exit, done.out + done.err


def test_a_terminal_that_has_ended_is_no_one_to_hand_a_set_to(life: Life) -> None:
    two, last = life.beside("two"), life.folder / "last.tlog-proof"
    two.ok("init", "--terminal", "terminal two")
    enrol(life, two)
    enrol(two, life, "back")
    code, said = end(life, "terminal one", last)
    assert code == 0, said
    assert "lay it into the folder receipts of the other terminals' homes" in said
    receipts = two.home / "receipts"

    altered = receipts / "a-altered.tlog-proof"
    altered.write_text(last.read_text().replace("A", "B"))
    shutil.copy(last, receipts / last.name)
    code, said = end(two, "terminal two", life.folder / "last-two.tlog-proof")
    assert code == 3, said
    assert f"{NAME}: terminal one kept it, and is retired itself" in said
    assert two.kinds()[-1] == "refused"
    code, said = end(two, "terminal two", life.folder / "last-two.tlog-proof", "--pass", NAME)
    assert code == 0, said


def test_an_altered_last_receipt_ends_nobody(life: Life) -> None:
    """Nor does one of a terminal that is not pinned here."""
    two, three = life.beside("two"), life.beside("three")
    for one, name in ((two, "terminal two"), (three, "terminal three")):
        one.ok("init", "--terminal", name)
    enrol(life, two)
    enrol(two, life, "back")
    code, said = end(three, "terminal three", life.folder / "strange.tlog-proof")
    assert code == 0, said
    text = (life.folder / "strange.tlog-proof").read_text()
    receipts = life.home / "receipts"
    (receipts / "strange.tlog-proof").write_text(text)
    (receipts / "altered.tlog-proof").write_text(text[:-40] + text[-39:])
    (receipts / "none.tlog-proof").write_bytes(b"\xff\x00")
    code, said = end(life, "terminal one", life.folder / "last.tlog-proof")
    assert code == 0, said


def test_sheets_that_owe_a_rotation_are_not_to_be_destroyed_because_another_terminal_retired_the_set(
    life: Life,
) -> None:
    """Destroyed first, they would leave a rotation that nothing pays."""
    two = life.beside("two")
    two.ok("init", "--terminal", "terminal two")
    enrol(life, two)
    assert life.recombine("--no-reveal").exit == 7
    two.ok("retire", NAME, *LEAVE[2:], "--without-quorum", "--officer", "Olga", "--officer", "Oskar")
    assert enrol(two, life, "back")["sets"][0]["retired"]
    said = " ".join(life.status()["due"])
    assert "rotate:" in said
    assert "destroy:" not in said
    life.ok(
        "retire", NAME, *LEAVE[2:], "--without-quorum", "--attest", "gone", "--officer", "Olga", "--officer", "Oskar"
    )
    assert "destroy:" in " ".join(life.status()["due"])

# SPDX-License-Identifier: Apache-2.0
"""What the sheets say by themselves: which set they are of, and all that a blank machine needs."""

import shutil

from tests.end_to_end.life import DECLARATION, NAME, Life


def test_without_a_name_the_sheets_say_which_set(life: Life) -> None:
    done = life.run("recombine", *DECLARATION, "--scan", life.scans(1), "--no-reveal")
    assert done.exit == 7, done.err
    assert f"declared: opening {life.entries()[-1].record.opening[:12]} of {NAME}" in done.err
    assert "UNPINNED" not in done.err


def test_a_misspelt_name_opens_nothing_and_makes_no_set(life: Life) -> None:
    done = life.run("recombine", "recovery-kye", *DECLARATION, "--scan", life.scans(1), "--no-reveal")
    assert done.exit in (3, 4), done.err
    assert NAME in done.err
    assert "opened" not in life.kinds()
    assert [one["name"] for one in life.run("--json", "status").document["sets"]] == [NAME]


def test_a_blank_machine_opens_from_its_sheets_alone_and_says_unpinned(life: Life) -> None:
    shutil.rmtree(life.home)
    got = life.folder / "got"
    done = life.run("recombine", *DECLARATION, "--scan", life.scans(1), "--exec", "sh", "-c", f"cat > {got}")
    assert done.exit == 7, done.err
    assert "this machine had no ledger; a new one begins" in done.err
    assert "UNPINNED" in done.err
    assert got.read_bytes() == life.secret.reveal()
    kinds = life.kinds()
    assert kinds == ["ledger-started", "recovered", "declared", "opened", "in-use", "use-ended"]
    bodies = {entry.record.body.__struct_config__.tag: entry.record.body for entry in life.entries()}
    assert not bodies["recovered"].pinned  # type: ignore[union-attr]
    assert not bodies["opened"].pinned  # type: ignore[union-attr]


def test_a_blank_machine_opens_from_texts_of_a_keyboard_scanner(life: Life) -> None:
    from tests.end_to_end.life import texts_on_paper

    shutil.rmtree(life.home)
    typed = sorted({text for found in texts_on_paper(life.sheets(1)).values() for text in found})
    lines = "\n".join(text.lower() for text in typed).encode()
    target = ("--target", f"ssh-key://{life.key}")
    done = life.run("recombine", NAME, *DECLARATION, "--typed", "-", "--no-reveal", *target, stdin=lines)
    assert done.exit == 7, done.err
    assert "login by the connector: accepted" in done.err


def test_a_blank_machine_rotates_what_it_opened(life: Life) -> None:
    shutil.rmtree(life.home)
    target = ("--target", f"ssh-key://{life.key}")
    done = life.rotated("recombine", *DECLARATION, "--scan", life.scans(1), "--no-reveal", *target)
    assert done.exit == 0, done.err
    assert not life.opens(life.secret)
    assert life.nothing_due()
    refused = life.recombine("--exec", "true")
    assert refused.exit == 3
    assert "superseded" in refused.err


def test_two_officers_are_asked_for_without_a_policy(life: Life) -> None:
    shutil.rmtree(life.home)
    one = [word for word in DECLARATION if word not in ("Oskar",)][:-1]
    done = life.run("recombine", *one, "--scan", life.scans(1), "--exec", "true")
    assert done.exit == 3, done.err
    assert "--override officers" in done.err


def test_too_few_sheets_on_a_blank_machine_leave_a_record_of_the_attempt(life: Life) -> None:
    shutil.rmtree(life.home)
    done = life.run("recombine", *DECLARATION, "--scan", life.some_scans(1, 1)[0], "--no-reveal")
    assert done.exit == 4, done.err
    assert life.kinds() == ["ledger-started", "refused"]

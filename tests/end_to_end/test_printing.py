# SPDX-License-Identifier: Apache-2.0
"""What split leaves on the disk, and what it leaves when it fails."""

import os
import stat
from pathlib import Path

import pypdfium2
import pytest

from tests.attacks.strangers import People
from tests.end_to_end.life import NAME, Life, live_sheets

PAPER_SIZES = {"a4": (210, 297), "letter": (216, 279)}
CARD_SIZES = {"a4": (148, 210), "letter": (140, 216)}
"""Of pages, mm."""

SPLIT = ("--credential-from", "-")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def page_sizes(file: Path) -> set[tuple[int, ...]]:
    document = pypdfium2.PdfDocument(file.read_bytes())
    sizes = {tuple(round(points / 72 * 25.4) for points in document.get_page_size(at)) for at in range(len(document))}
    document.close()
    return sizes


def test_files_are_for_their_owner_only_whatever_the_umask(fresh: Life) -> None:
    before = os.umask(0)
    try:
        fresh.ok("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    finally:
        os.umask(before)
    assert len(names(fresh.sheets(1))) == 6
    for path in fresh.sheets(1).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(fresh.sheets(1).stat().st_mode) == 0o700
    assert stat.S_IMODE(fresh.home.stat().st_mode) == 0o700
    for path in fresh.home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_file_that_is_there_is_never_overwritten(fresh: Life) -> None:
    fresh.sheets(1).mkdir()
    mine = fresh.sheets(1) / f"{NAME}-e1-g1-m2.pdf"
    mine.write_text("mine")
    done = fresh.run("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    assert done.exit == 2
    assert mine.name in done.err
    assert mine.read_text() == "mine"
    assert names(fresh.sheets(1)) == [mine.name]
    assert fresh.kinds() == ["ledger-started"]


def test_a_set_is_split_once(life: Life) -> None:
    done = life.run("split", life.policy, *SPLIT, "--out", life.sheets(2), stdin=life.secret.reveal())
    assert done.exit == 2
    assert "breakglass rotate" in done.err
    assert names(life.sheets(2)) == []


def test_a_sheet_that_does_not_read_back_leaves_nothing(fresh: Life) -> None:
    """The program is run with a renderer that draws another sheet's page, as a broken font or driver would."""
    broken = fresh.folder / "broken.py"
    broken.write_text(
        "import sys\n"
        "from breakglass_shamir.operations.printing import sheets\n"
        "from breakglass_shamir.cli.program import main\n"
        "honest, first = sheets.render, []\n"
        "def same_page(content, paper):\n"
        "    first.append(honest(content, paper))\n"
        "    return first[0]\n"
        "sheets.render = same_page\n"
        "main()\n"
    )
    done = fresh.script(broken, "split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    assert done.exit == 6, done.err
    assert "does not read back as it was meant" in done.err
    assert names(fresh.sheets(1)) == []
    assert fresh.kinds() == ["ledger-started"]


def test_a_credential_that_the_target_refuses_is_not_printed(fresh: Life) -> None:
    done = fresh.run("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=b"not the passphrase")
    assert done.exit == 6
    assert names(fresh.sheets(1)) == []
    assert fresh.kinds() == ["ledger-started"]


def test_a_target_out_of_reach_leaves_the_epoch_unproven_and_says_so(fresh: Life) -> None:
    fresh.key.rename(fresh.key.with_name("elsewhere"))
    done = fresh.ok("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    assert "could not be proven" in done.err
    assert "credential unproven" in done.out


def test_a_missing_sheet_keeps_the_epoch_unsealed_and_those_read_are_kept(fresh: Life) -> None:
    fresh.ok("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    scans = fresh.scan(1)
    done = fresh.run("confirm", NAME, *scans[:2])
    assert done.exit == 4
    assert "not read back yet: 1.3" in done.err
    assert fresh.status()["phase"] == "issued"
    assert fresh.run("status").exit == 7
    people = People(fresh.command("confirm"), fresh.environment(), fresh.folder)
    people.answer("1 more to be read back", f"'{scans[2]}'")
    people.until("sealed: all 3 sheets")
    assert people.end() == 0, people.seen
    assert fresh.status()["phase"] == "sealed"


def test_drill_cards_do_not_confirm_live_sheets(fresh: Life) -> None:
    fresh.ok("split", fresh.policy, *SPLIT, "--out", fresh.sheets(1), stdin=fresh.secret.reveal())
    cards = [path for path in fresh.sheets(1).iterdir() if path not in live_sheets(fresh.sheets(1))]
    done = fresh.run("confirm", NAME, *cards)
    assert done.exit == 4
    assert "a drill code" in done.err
    assert fresh.status()["read_back"] == 0


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_a_readback_folder_seals_in_one_run_and_is_emptied(fresh: Life, paper: str) -> None:
    options = fresh.rotating(1)
    with fresh.office(1):
        done = fresh.run("split", fresh.policy, *SPLIT, "--paper", paper, *options, stdin=fresh.secret.reveal())
    assert done.exit == 0, done.err
    assert "sealed: every printed sheet was read back" in done.out
    for file in fresh.sheets(1).iterdir():
        assert page_sizes(file) == ({CARD_SIZES[paper]} if "drill" in file.name else {PAPER_SIZES[paper]})
    assert names(fresh.folder / "readback-1") == []
    assert fresh.status()["phase"] == "sealed"


def test_what_was_not_verified_stays_in_the_readback_folder(fresh: Life) -> None:
    readback = fresh.folder / "readback-1"
    readback.mkdir()
    (readback / "holiday.jpg").write_bytes(b"not a picture")
    options = ("--out", fresh.sheets(1), "--readback", readback, "--timeout", "1")
    done = fresh.run("split", fresh.policy, *SPLIT, *options, stdin=fresh.secret.reveal())
    assert done.exit == 6, done.err
    assert "not read back in time: sheets 1.1, 1.2, 1.3" in done.err
    assert names(readback) == ["holiday.jpg"]
    assert fresh.kinds()[-1] == "issued"

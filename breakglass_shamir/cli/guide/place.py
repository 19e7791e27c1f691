# SPDX-License-Identifier: Apache-2.0
"""Where new sheets go: to a folder, to a printer, or nowhere yet."""

from collections.abc import Mapping
from pathlib import Path

from breakglass_shamir.cli.guide.asking import Guide, Step
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.screen import answers, paths
from breakglass_shamir.errors import InvalidInput

PLACE, FOLDER, PRINTER, BACK_FROM = "place", "out", "printer", "readback"
"""Keys of the answers."""

LATER = "later"

_OWED = "nothing is printed now; the rotation stays owed, and status says so until it is done"


def steps(guide: Guide, *, may_wait: bool) -> tuple[Step, ...]:
    """Return the questions where new sheets go, and where their scans arrive.

    Args:
        guide: asks whether a folder that is not there is made.
        may_wait: whether the answer may be that nothing is printed now.
    """
    return (
        lambda _: _place(may_wait=may_wait),
        lambda answers: _folder(guide) if answers[PLACE] == "folder" else None,
        lambda answers: _printer() if answers[PLACE] == "printer" else None,
        lambda answers: _readback(guide, answers) if answers[PLACE] != LATER else None,
    )


def recalled(guide: Guide) -> dict[str, str]:
    """Return what was answered to these questions in a flow that was interrupted."""
    answers = guide.memory.recall().answers if guide.memory is not None else {}
    return {key: said for key, said in answers.items() if key in (PLACE, FOLDER, PRINTER, BACK_FROM)}


def options_of(answers: Mapping[str, str]) -> dict[str, object]:
    """Return the answers as the options that say the same: ``out``, ``printer`` and ``readback``."""
    given: dict[str, object] = {}
    if answers.get(FOLDER):
        given["out"] = Path(answers[FOLDER])
    if answers.get(PRINTER):
        given["printer"] = answers[PRINTER]
    if answers.get(BACK_FROM):
        given["readback"] = Path(answers[BACK_FROM])
    return given


def _place(*, may_wait: bool) -> Question:
    choices = [
        Choice("folder", "a PDF for each sheet, to be printed from there"),
        Choice("printer", "straight to a printer of this machine; no file is written"),
        *([Choice(LATER, _OWED)] if may_wait else []),
    ]
    return Question(
        PLACE,
        "Where do the new sheets go?",
        short="new sheets",
        choices=tuple(choices),
        helps=("a new credential needs new sheets, one for each custodian; the old ones are void afterwards",),
    )


def _folder(guide: Guide) -> Question:
    return Question(
        FOLDER,
        "Folder for the new sheets",
        short="folder",
        paths=True,
        helps=("a folder on a memory file system leaves nothing on a disk, such as one in /dev/shm",),
        check=lambda said: _checked_folder(guide, said),
    )


def _printer() -> Question:
    return Question(PRINTER, "Printer", short="printer", check=_checked_printer, helps=_printers())


def _readback(guide: Guide, answers: Mapping[str, str]) -> Question:
    return Question(
        BACK_FROM,
        "Folder where a scanner drops scans of the printed sheets",
        short="scans arrive in",
        paths=True,
        default="",
        default_shown="later",
        helps=(
            "each printed sheet is scanned, so that it is known to be readable before the old ones are void",
            "this folder is watched; a scan that was read is deleted there",
        ),
        check=lambda said: _checked_readback(guide, said, answers.get(FOLDER, "")),
    )


def _checked_folder(guide: Guide, said: str) -> str:
    from breakglass_shamir.operations.printing import outlet

    path = _there(guide, said)
    outlet.check_folder(path, "for the new sheets")
    return str(path)


def _checked_readback(guide: Guide, said: str, out: str) -> str:
    return str(_there(guide, said, not_in=out))


def _there(guide: Guide, said: str, *, not_in: str = "") -> Path:
    """Return a folder; one that is not there is made if people want it, and they may name another one instead.

    Args:
        guide: asks them.
        said: what they answered.
        not_in: the folder of the new sheets, which it must not be; empty: there is none.

    Raises:
        InvalidInput: it is a file or the folder of the new sheets, people want none made, or it cannot be made.
    """
    while True:
        path = paths.one(said)
        if path.exists() and not path.is_dir():
            raise InvalidInput(f"expected a folder, got a file: {path}")
        if not_in and path.absolute() == Path(not_in).absolute():
            raise InvalidInput("expected another folder than that of the new sheets: what lands there is deleted")
        if path.exists():
            return path
        agreed, said = guide.confirm_path(answers.make_it(path))
        if agreed:
            paths.make_folder(path)
            return path
        if not said:
            raise InvalidInput(f"expected a folder, found none at {path}")


def _checked_printer(said: str) -> str:
    from breakglass_shamir.operations.printing import outlet

    outlet.check_printer(said)
    return said


def _printers() -> tuple[str, ...]:
    return ("lpstat -a lists the printers of this machine",)

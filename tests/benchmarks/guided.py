# SPDX-License-Identifier: Apache-2.0
"""Keystrokes and seconds of a guided opening: from the command to the credential, and from there to "rotated".

    python -m tests.benchmarks.guided [FILE]

Three good scans lie in a folder. People answer at once and type no more than they must, so the seconds are the
program's own. A keystroke is a character or Enter; the command that is typed counts, and Tab saves what it saves.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.strangers import People
from tests.end_to_end.life import Life, groups_text, office

MOST_KEYSTROKES, MOST_SECONDS = 60, 3.0
"""What is aimed at, up to the credential."""

CUSTODIANS = ("North", "South", "East", "West", "Centre")


@dataclass(slots=True)
class Typist:
    """Answers at once, and counts."""

    people: People
    keys: int

    def answer(self, words: str, said: str) -> None:
        """Wait for words, and answer."""
        self.keys += len(said) + 1
        self.people.answer(words, said)


def measure(folder: Path) -> str:
    """Open a set with three scans and rotate it; returns the table."""
    life = Life(folder / "life", quorum=groups_text((3, CUSTODIANS)))
    life.folder.mkdir()
    life.begin()
    life.seal()
    tonight = folder / "s"
    tonight.mkdir()
    for scan in life.some_scans(1, 3):
        (tonight / scan.name).write_bytes(scan.read_bytes())
    back, out = folder / "b", folder / "o"
    back.mkdir()
    began = time.monotonic()
    at = Typist(
        People(life.command("recombine"), life.environment(TERM="xterm"), folder), len("breakglass recombine") + 1
    )
    for words, said in (
        ("What happened?", "1"), ("Ticket", "INC-4711"), ("Reason", "idp is down"), ("Who takes part", "Al, Bo"),
        ("How is it used?", "1"), ("Declare it?", ""), ("stop: leave", "s"),
        ("Ready?", ""),
    ):  # fmt: skip
        at.answer(words, said)
    at.people.until("BREAK-GLASS CREDENTIAL")
    to_credential, keys = time.monotonic() - began, at.keys
    began = time.monotonic()
    with office(out, back, len(CUSTODIANS)):
        at.answer("type what it was", "1")
        at.answer("Where do the new sheets go?", "1")
        at.answer("Folder for the new sheets", str(out))
        at.answer("Make it?", "")
        at.answer("drops scans", str(back))
        for _ in CUSTODIANS:
            at.answer("hold the new sheet", "y")
        at.people.until("rotated:")
    rotated = time.monotonic() - began
    at.people.end()
    return "\n".join(
        (
            "| guided opening, 3 good scans of 5 sheets | keystrokes | seconds |",
            "|---|---|---|",
            f"| from the command to the credential (aim: {MOST_KEYSTROKES} and {MOST_SECONDS:.0f} s) "
            f"| {keys} | {to_credential:.1f} |",
            f'| from there to "rotated", 5 new sheets printed and read back | {at.keys - keys} | {rotated:.1f} |',
            "",
        )
    )


def main(file: Path) -> None:
    """Run it."""
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as folder:
        table = measure(Path(folder).resolve())
    file.write_text(table, encoding="utf-8")
    sys.stdout.write(table)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "guided-results.md"))

# SPDX-License-Identifier: Apache-2.0
"""The results against the peers, as data and as Markdown: what was measured, and beside it what each peer lacks."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.peers.notices import Found, Outcome
from tests.benchmarks.peers.speed import Absent, Row

GROUPS = {
    "library": "Calls of libraries, in processes that are kept running",
    "program": "Whole processes, start-up included",
    "sheets": "A credential to printed sheets, whole processes",
    "back": "Page images back to the credential, whole processes",
}

_TRIED_BY = {
    "ssss, qrcode, reportlab": "ssss",
    "zbarimg, ssss-combine": "ssss",
    "slip39 cards": "slip39",
    "zbarimg, slip39-recovery": "slip39",
    "triss QR codes": "triss",
}
"""Whose shares a way over paper deals out."""

_SILENT = (Outcome.WRONG, Outcome.WROTE)


@dataclass(slots=True)
class Results:
    """One run."""

    machine: str
    rows: list[Row] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def read(path: Path) -> Results:
    """Read a run as it was written."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Results(
        data["machine"], [Row(**one) for one in data["rows"]], [Absent(**one) for one in data["absent"]],
        [Found(**one) for one in data["found"]],
    )  # fmt: skip


def whole(results: Results) -> str:
    """Write all of it."""
    return (
        "\n\n".join(["# Against the peers", conditions(results), *speeds(results), left_out(results), tried(results)])
        + "\n"
    )


def conditions(results: Results) -> str:
    """Say how it was measured."""
    return (
        f"Ours and the other alternate in one run on one machine ({results.machine}). The ratio is ours divided by "
        "theirs, the median over neighbouring pairs; below 1 ours is faster. Times are medians."
    )


def speeds(results: Results) -> Iterator[str]:
    """Yield a table for each kind of work."""
    for group, title in GROUPS.items():
        rows = [row for row in results.rows if row.group == group]
        if rows:
            yield f"### {title}\n\n{_table(rows, results.found)}"


def _table(rows: Sequence[Row], found: Sequence[Found]) -> str:
    head = ("work", "against", "ours", "theirs", "ratio", "from to", "runs", "what the other lacks")
    cells = [
        (
            row.work, with_version(row.peer, row.version), time_text(row.ours_s), time_text(row.theirs_s),
            ratio(row.ratio),
            f"{ratio(row.lowest)} to {ratio(row.highest)}", str(row.runs), lacks(row.peer, found),
        )
        for row in rows
    ]  # fmt: skip
    return table(head, cells)


def lacks(peer: str, found: Sequence[Found]) -> str:
    """Say in a few words what a peer does not have, from what it did when it was tried."""
    one = next((one for one in found if one.peer == _TRIED_BY.get(peer, peer)), None)
    if one is None:
        return "not tried"
    words = []
    if any(outcome in _SILENT for outcome in (one.few, one.misread, one.forged, one.foreign)):
        words.append("gives a wrong secret for a right one")
    elif Outcome.REFUSED in (one.misread, one.forged, one.foreign):
        words.append("does not always name a wrong share")
    words += [word for word, there in (("no record", one.recorded), ("no rotation", one.rotates)) if not there]
    return ", ".join(words) or "nothing of this"


def left_out(results: Results) -> str:
    """Say what is not in the tables, and why."""
    lines = [f"- {one.peer}, {one.work}: {one.reason.rstrip('.')}." for one in results.absent]
    return "Left out:\n\n" + "\n".join(dict.fromkeys(lines)) if lines else "Nothing was left out."


def tried(results: Results) -> str:
    """Write what each notices and has."""
    head = (
        "3 of 5", "two shares", "a share misread", "a share altered, well-formed", "a share of another secret",
        "records the use", "rotates", "damaged pages opened",
    )  # fmt: skip
    cells = [
        (
            with_version(one.peer, one.version), one.few, one.misread, one.forged, one.foreign,
            yes(one.recorded), yes(one.rotates), one.damaged,
        )
        for one in results.found
    ]  # fmt: skip
    return "### What each notices, found out by doing it\n\n" + table(head, cells)


def with_version(peer: str, version: str) -> str:
    """Name a peer with its version, once."""
    return (
        version if version.startswith(f"{peer} ") else f"{peer} {version}" if "," not in peer else f"{peer} ({version})"
    )


def table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ("---",) * len(head), *cells))


def time_text(seconds: float) -> str:
    """Write a time in time_text below a second."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def ratio(value: float) -> str:
    """Write a ratio with two digits that count."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def yes(there: bool) -> str:
    """Write a truth."""
    return "yes" if there else "no"

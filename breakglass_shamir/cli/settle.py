# SPDX-License-Identifier: Apache-2.0
"""``settle``: debts that people looked at, and on people's word the rotation of an older epoch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, reading_options, recorder, sheets_from
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.operations.recorder import Recorder
    from breakglass_shamir.operations.review.settling import Settlement


@click.command()
@click.argument("name", required=False, default="")
@click.argument("debts", nargs=-1)
@click.option("--officer", "officers", multiple=True, help="Who looked at it; once for each.")
@click.option("--sign", "key_file", type=PATH, metavar="KEYFILE", help="Sign with an own SSH key, as the policy asks.")
@click.option("--reason", help="What was found.")
@click.option("--attest-old-dead", "attest", is_flag=True, help="Vouch that an older epoch's credential is dead.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="With it: scans of the old sheets, to ask the target.")
@click.option("--typed", metavar="FILE|-", help="With it: typed lines and codes of the old sheets.")
@reading_options
@pass_terminal
def settle(
    terminal: Terminal, /, name: str, debts: tuple[str, ...], officers: tuple[str, ...], key_file: Path | None,
    reason: str | None, attest: bool, scans: tuple[Path, ...], typed: str | None, watched: Path | None,
    camera: int | Path | None,
) -> None:  # fmt: skip
    """Settle DEBTS that people looked at, or on people's word the rotation of an epoch that is not in force.

    The policy says who may: by name with --officer, or each with --sign. What owes a review is closed by "review",
    and a rotation by rotating, or by a proof from another terminal. Where neither can be had, --attest-old-dead takes
    the word of those who may settle, two people at least, unless the target accepts the old credential. That stays a
    debt. With the old sheets the target is asked. What is missing is asked at a terminal.
    """
    brings = bool(scans or typed or watched is not None or camera is not None)
    if brings and not attest:
        raise click.UsageError("expected --attest-old-dead with the old sheets")
    if attest and (len(debts) > 1 or key_file is not None):
        raise click.UsageError("expected one debt, and names with --officer, for --attest-old-dead")
    if officers and key_file is not None:
        raise click.UsageError("expected either names with --officer, or --sign")
    if attest:
        debt = debts[0] if debts else ""
        _attest(terminal, name, debt, officers, reason, _sheets(terminal, scans, typed, watched, camera, brings=brings))
        return
    with recorder(terminal, name) as opened:
        found = _settle(terminal, opened, name, debts, officers, key_file, reason)
    terminal.result(_document(found), _lines(found))


def _settle(
    terminal: Terminal, opened: "Recorder", name: str, debts: tuple[str, ...], officers: tuple[str, ...],
    key_file: Path | None, reason: str | None,
) -> "Settlement":  # fmt: skip
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.cli.guide import review as keys
    from breakglass_shamir.operations.review import settling

    guide = asking.begin(terminal, opened, name, lambda one: bool(one.debts))
    debts = debts or (asking.debt(guide, opened, ""),)
    if key_file is not None or (not officers and settling.wants_signatures(opened.set_state)):
        key_file = keys.key_file(guide, key_file)
        return settling.sign(opened, debts, _reason(guide, reason), key_file, asks=interactive())
    officers = asking.people(guide, officers, "--officer", "Who looked at it?")
    return settling.settle(opened, debts, _reason(guide, reason), officers)


def _reason(guide: "Guide", given: str | None) -> str:
    from breakglass_shamir.cli.guide import review

    return review.reason(guide, given)


def _document(found: "Settlement") -> dict[str, object]:
    return {
        "set": found.set, "debt": found.debts[0], "debts": found.debts, "settled": found.settled,
        "waiting": found.waiting, "needed": found.needed,
    }  # fmt: skip


def _lines(found: "Settlement") -> list[str]:
    lines = [f"settled: {debt} of {found.set}" for debt in found.settled]
    for debt, signed in found.waiting.items():
        lines.append(f"signed for: {debt} of {found.set}, by {signed} of {counted(found.needed, 'person', 'people')}")
    return lines


def _sheets(
    terminal: Terminal, scans: tuple[Path, ...], typed: str | None, watched: Path | None, camera: int | Path | None,
    *, brings: bool,
) -> "Sources | None":  # fmt: skip
    if not brings:
        return None
    harden(terminal)
    return sheets_from(terminal, scans, typed, watched=watched, camera=camera)


def _attest(
    terminal: Terminal, name: str, debt: str, officers: tuple[str, ...], reason: str | None, sources: "Sources | None"
) -> None:  # fmt: skip
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.lineage import attest as operation
    from breakglass_shamir.paper.reading.scan import Scanner

    with recorder(terminal, name) as opened, Scanner() as scanner:
        if sources is not None:
            scanner.start()
        guide = asking.begin(terminal, opened, name, lambda one: bool(one.debts))
        debt = asking.debt(guide, opened, debt)
        officers = asking.people(guide, officers, "--officer", "Who looked at it?")
        reason = asking.text(guide, reason, "--reason", "reason", "What was found?")
        name = opened.set_name
        found = operation.attest(opened, debt, officers, reason, sources, scanner)
    lines = [
        f"settled: {debt} of {name}, attested by {', '.join(officers)}, not proven; the target's answer: {found.asked}",
        *(f"owed: {one}" for one in found.owed),
    ]
    terminal.result(found, lines)

# SPDX-License-Identifier: Apache-2.0
"""What commands do for many sets at once: which sets and files the words mean, and how the results are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import read_secret, recorder
from breakglass_shamir.custody import names
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.custody.life.state import LedgerState
    from breakglass_shamir.operations.fleet.handing import HandedOut, Line
    from breakglass_shamir.operations.fleet.ordering import Order
    from breakglass_shamir.operations.fleet.splitting import ManySplit
    from breakglass_shamir.operations.printing.sheets import Printing
    from breakglass_shamir.operations.recorder import Recorder
    from breakglass_shamir.paper.reading.scan import Scanner

MISSING = 4
"""Exit code where sheets of a set are still missing."""

LARGEST_LIST_BYTES = 4 * 1024 * 1024
"""Longest list of sheets that is read."""

SKIP = "later"
"""What is answered for a sheet that is not handed over yet."""


def names_and_scans(
    state: "LedgerState", name: str, words: Sequence[Path], heap: Sequence[Path]
) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Tell names of sets from scans.

    With ``--scan`` every word is a name. Else the first word is one, and so are those behind it, up to the first that
    names no set.

    Args:
        state: knows the sets.
        name: the first word.
        words: those behind it.
        heap: what ``--scan`` names.

    Raises:
        InvalidInput: a word names a set and a file.
    """
    names, scans = [name] if name else [], [*words]
    while scans and (heap or str(scans[0]) in state.sets):
        word = scans.pop(0)
        if not heap and word.exists():
            raise InvalidInput(
                f"{word} is a set and a file", hint=f"write ./{word} for the file, or give the scans with --scan"
            )
        names.append(str(word))
    return tuple(names), (*scans, *heap)


def require_files(watched: Path | None, camera: int | Path | None) -> None:
    """Refuse a folder or camera that is waited for, where scans of many sets are read.

    Raises:
        InvalidInput: one is named.
    """
    if watched is not None or camera is not None:
        raise InvalidInput(
            "expected one set with --watch or --camera, got many", hint="scan first, then name the folder with --scan"
        )


def confirm(
    terminal: Terminal, opened: "Recorder", names: Sequence[str], scans: Sequence[Path], scanner: "Scanner"
) -> int:
    """Read sheets of many sets back from one heap; returns the exit code."""
    from breakglass_shamir.operations.fleet import confirming

    if not scans:
        raise InvalidInput("expected scans of the sheets, got none", hint="name pictures, PDFs or folders with --scan")
    found = confirming.confirm(opened, names, scans, scanner)
    rows = [
        (one.set_name, str(one.epoch), f"{one.sheets - len(one.missing)} of {one.sheets}", str(len(one.read)),
         ", ".join(one.missing) or "sealed")
        for one in found.sets
    ]  # fmt: skip
    terminal.table(found, ("SET", "EPOCH", "READ BACK", "IN THIS RUN", "STILL MISSING"), rows)
    if not terminal.as_json:
        sealed = sum(one.sealed for one in found.sets)
        lines = [(f"{sealed} of {counted(len(found.sets), 'set')} sealed", "green" if found.sealed else "yellow")]
        if found.left_out:
            lines.append((f"{len(found.left_out)} scans counted for none of them; each was named above", "yellow"))
        terminal.verdicts(lines)
    return 0 if found.sealed else MISSING


def ack(terminal: Terminal, listed: Path | None, custodian: str) -> None:
    """Record that custodians hold many sheets, from a list or asked one after another."""
    from breakglass_shamir.operations.fleet import handing
    from breakglass_shamir.operations.reading.files import read_file, utf8_text

    with recorder(terminal) as opened:
        if listed is not None:
            lines = handing.read_list(
                utf8_text(read_file(listed, LARGEST_LIST_BYTES), listed).removeprefix("\ufeff"), str(listed)
            )
            found = handing.record(opened, handing.check(opened.state, lines, custodian))
        elif interactive():
            found = _asked(terminal, opened, custodian)
        else:
            raise InvalidInput(
                "expected --from FILE with --custodian, got none", hint="name the list, or use a terminal"
            )
    fresh = [one for one in found.sheets if not one.already]
    terminal.result(
        found,
        [
            f"acknowledged: {counted(len(fresh), 'sheet')} of {counted(len({one.set_name for one in fresh}), 'set')}",
            *([f"on record already: {len(found.sheets) - len(fresh)}"] if len(found.sheets) > len(fresh) else []),
            *(f"not handed over yet: {what}" for what in found.waiting),
        ],
    )


def _asked(terminal: Terminal, opened: "Recorder", custodian: str) -> "HandedOut":
    """Ask for the bag of each sheet that waits for a custodian; each is on record before the next one is asked."""
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.operations.fleet import handing

    waiting = handing.waiting_for(opened.state, custodian)
    sheets, later = list[handing.Handed](), list[str]()
    command = breakglass("ack", options="--custodian NAME")
    guide = Guide(terminal, leaves=lambda: [f"{len(sheets)} of {len(waiting)} are on record; the rest: {command}"])
    for line in waiting:
        what = f"sheet {line.sheet} of {line.set_name}"
        found = _bag(guide, opened, line, f"Bag of {what} ({line.number} of {len(waiting)})")
        if found is None:
            later.append(what)
            continue
        sheets += handing.record(opened, found).sheets
    return handing.HandedOut(tuple(sheets), tuple(later))


def _bag(guide: "Guide", opened: "Recorder", line: "Line", asks: str) -> "HandedOut | None":
    """Ask for one bag until it is no slip; None: the sheet is not handed over yet."""
    from breakglass_shamir.cli.guide.question import Question
    from breakglass_shamir.operations.fleet import handing

    def check(said: str) -> str:
        if said.strip().casefold() != SKIP:
            handing.check(opened.state, [replace(line, bag=said)])
        return said.strip()

    helps = (f"the serial of its bag; Enter alone: it is in none; {SKIP}: it is not handed over yet",)
    said = guide.ask(Question("bag", asks, helps=helps, check=check, default="", default_shown="none"))
    if said.casefold() == SKIP:
        return None
    return handing.check(opened.state, [replace(line, bag=said or None)])


def refuse_for_many(options: Mapping[str, object]) -> None:
    """Refuse options that are for one set alone.

    Raises:
        InvalidInput: with those that were given.
    """
    given = [name for name, value in options.items() if value]
    if given:
        raise InvalidInput(
            f"expected one policy with {', '.join(given)}, got many",
            hint="split these sets one by one, or leave it out; confirm --scan and ack --from follow for many",
        )


def split(
    terminal: Terminal, policies: Sequence[Path], printing: "Printing | None", credential_from: str | None, *,
    raw: bool, kind: str | None,
) -> int:  # fmt: skip
    """Split many credentials; returns the exit code of the worst."""
    from breakglass_shamir.operations import targets
    from breakglass_shamir.operations.fleet import splitting
    from breakglass_shamir.paper.reading.scan import Scanner

    if printing is None:
        raise InvalidInput("expected a folder for the sheets", hint="name it with --out DIR")
    folder = Path(credential_from) if credential_from else None
    if folder is None and not interactive():
        raise InvalidInput("expected --credential-from, got none", hint="name a folder with a file for each set")
    if folder is not None and not folder.is_dir():
        raise InvalidInput(
            f"expected a folder with a file for each set, got {credential_from}",
            hint="name each file as its set, and name the folder with --credential-from",
        )

    def secret_of(order: "Order") -> Secret:
        if folder is None:
            return Secret(terminal.ask_secret(f"Credential of {order.set_name}", "--credential-from"))
        path = str(names.inside(folder, order.set_name))
        return read_secret(terminal, path, targets.kind_of(order.policy, kind), raw=raw)

    with Scanner() as scanner, recorder(terminal) as opened:
        scanner.start()
        found = splitting.split(opened, policies, printing, scanner, credentials=folder, secret_of=secret_of, kind=kind)
    rows = [
        (one.set_name, one.outcome, f"{one.epoch} ({one.epoch_id})" if one.epoch else "none", one.proven or "not asked",
         one.problem)
        for one in found.sets
    ]  # fmt: skip
    terminal.table(found, ("SET", "OUTCOME", "EPOCH", "CREDENTIAL", "WHY NOT"), rows)
    if not terminal.as_json:
        terminal.verdicts(_of_split(found))
    return found.exit


def _of_split(found: "ManySplit") -> list[tuple[str, str]]:
    there = sum(bool(one.epoch) for one in found.sets)
    lines = [
        (f"{there} of {counted(len(found.sets), 'set')} issued", "green" if there == len(found.sets) else "yellow")
    ]
    lines += [(f"pile: {cover.parent}", "") for cover in found.covers]
    for hint in dict.fromkeys(one.hint for one in found.sets if one.hint):
        lines.append((f"hint: {hint}", ""))
    if there < len(found.sets):
        lines.append(("the same command goes on with those that are not", ""))
    if found.covers:
        lines.append(
            (f"next: print each pile, scan what came out, and run: {breakglass('confirm', options='--scan DIR')}", "")
        )
    return lines

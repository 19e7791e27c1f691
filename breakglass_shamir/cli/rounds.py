# SPDX-License-Identifier: Apache-2.0
"""What ``rotate`` and ``drill`` do for many sets at once: which options go with them, and how the results are shown."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from breakglass_shamir.cli.printing import PRINTING, resuming_of
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import recorder
from breakglass_shamir.errors import InvalidInput, PaperError
from breakglass_shamir.ledger import durable
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.custody.policy.tables import Policy
    from breakglass_shamir.operations.fleet.heap import LeftOut, Missing
    from breakglass_shamir.operations.fleet.rotating import ManyRotated
    from breakglass_shamir.operations.recorder import Recorder

_ONE_BY_ONE = "do these sets one by one, or leave it out"


def refuse(given: Mapping[str, object], why: str) -> None:
    """Refuse options that are for one set alone.

    Args:
        given: each option with its value.
        why: what they are about.

    Raises:
        InvalidInput: with those that were given.
    """
    found = [name for name, value in given.items() if value]
    if found:
        raise InvalidInput(f"expected one set with {', '.join(found)}, got many: {why}", hint=_ONE_BY_ONE)


def require_scans(scans: Sequence[Path]) -> None:
    """Hold that there is a heap.

    Raises:
        InvalidInput: there is none.
    """
    if not scans:
        raise InvalidInput("expected --scan of the heap, got none", hint="name pictures, PDFs or folders with --scan")


class Keep(Protocol):
    """Returns what keeps the protocol of one set."""

    def __call__(self, name: str, policy: "Policy | None" = None) -> AbstractContextManager[None]:
        """Return it, for a set that may have no policy here yet."""


def protocols_in(opened: "Recorder", act: str, folder: Path | None, paper: Any) -> Keep:
    """Return what keeps a protocol for each set, as a file of its own in a folder; none without a folder."""
    from breakglass_shamir.operations.printing import protocol as protocols

    if folder is not None and folder.exists() and not folder.is_dir():
        raise InvalidInput(f"expected a folder for the protocols of many sets, got the file {folder}")
    if folder is not None:
        try:
            durable.make_folder(folder, 0o700)
        except OSError as error:
            raise PaperError(f"the folder {folder} cannot be made: {error.strerror}") from error

    def kept(name: str, policy: "Policy | None" = None) -> AbstractContextManager[None]:
        return protocols.kept(opened, act, protocols.one_of_many(folder, name, act), paper, policy)

    return kept


def rotate(terminal: Terminal, names: tuple[str, ...], options: dict[str, Any], planned: str) -> int:
    """Rotate many sets from one heap; returns the exit code of the worst."""
    from breakglass_shamir.operations.fleet import rotating
    from breakglass_shamir.paper.reading.scan import Scanner

    refuse(
        {"--attest-old-dead": options["attest"], "--abandon": options["abandon"],
         "--new-credential-from": options["brought"], "--raw": options["raw"], "--target": options["target"],
         "--account": options["account"]},
        "it is a decision about one set",
    )  # fmt: skip
    refuse(
        {"--typed": options["typed"], "--watch": options["watched"], "--camera": options["camera"] is not None},
        "sheets of many sets are scanned first",
    )
    require_scans(options["scans"])
    printing = resuming_of(*(options[key] for key in PRINTING))
    with Scanner() as scanner, recorder(terminal) as opened:
        scanner.start()
        found = rotating.rotate(
            opened, names, options["scans"], printing, scanner, reason=options["reason"] or planned,
            officers=options["officers"], receipts_to=options["receipts_to"],
            around=protocols_in(opened, "rotate", options["protocol"], options["paper"]),
        )  # fmt: skip
    rows = [
        (one.set_name, one.outcome, str(one.epoch), _missing(one.missing), one.problem) for one in found.sets
    ]  # fmt: skip
    terminal.table(found, ("SET", "OUTCOME", "IN FORCE", "STILL MISSING", "WHY NOT"), rows)
    if not terminal.as_json:
        terminal.verdicts(_of_rotation(found))
    return found.exit


def rehearsal(terminal: Terminal, names: tuple[str, ...], options: dict[str, Any]) -> int:
    """Rehearse many sets with one heap of drill cards; returns the exit code of the worst."""
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.operations.fleet import rehearsing
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.paper.reading.scan import Scanner

    refuse(
        {"--typed": options["typed"], "--watch": options["watched"], "--camera": options["camera"] is not None},
        "cards of many sets are scanned first",
    )
    require_scans(options["scans"])
    said = {
        "--class": options["incident_class"], "--ticket": options["ticket"], "--reason": options["reason"],
        "--officer": options["officers"],
    }  # fmt: skip
    if absent := [option for option, value in said.items() if not value]:
        raise InvalidInput(f"expected {', '.join(absent)}, got none", hint="the declaration is the same of each set")
    request = Request(
        purpose="drill", incident_class=options["incident_class"], ticket=options["ticket"], reason=options["reason"],
        officers=options["officers"], mode="no-reveal", use_for_s=0, debts=options["debts"],
    )  # fmt: skip
    with Scanner() as scanner, recorder(terminal) as opened:
        scanner.start()
        found = rehearsing.rehearse(
            opened, names, options["scans"], request, scanner, signers=Signers(options["keys"], interactive()),
            around=protocols_in(opened, "rehearsal", options["protocol"], "a4"),
        )  # fmt: skip
    rows = [
        (one.set_name, one.outcome, one.drill.result if one.drill else "", _missing(one.missing),
         one.problem or "; ".join(one.drill.reasons if one.drill else ()))
        for one in found.sets
    ]  # fmt: skip
    terminal.table(found, ("SET", "OUTCOME", "RESULT", "STILL MISSING", "WHY NOT"), rows)
    if not terminal.as_json:
        done = sum(one.outcome in (rehearsing.REHEARSED, rehearsing.ALREADY) for one in found.sets)
        lines = [_count(done, len(found.sets), "rehearsed"), *of_left_out(found.left_out)]
        if found.exposed:
            lines.append((f"live sheets that were exposed: {', '.join(found.exposed)}", "red"))
        lines += of_hints(one.hint for one in found.sets)
        terminal.verdicts([*lines, *_goes_on(done, len(found.sets))])
    return found.exit


def roll_call(
    terminal: Terminal, names: tuple[str, ...], listed: Path | None, custodian: str, scans: tuple[Path, ...],
    one_alone: Mapping[str, object],
) -> int:  # fmt: skip
    """Look at many bags or sheets; returns the exit code of the worst."""
    from breakglass_shamir.cli.fleet import LARGEST_LIST_BYTES
    from breakglass_shamir.operations.fleet import calling, handing
    from breakglass_shamir.operations.reading.files import read_file, utf8_text
    from breakglass_shamir.paper.reading.health import said

    refuse(one_alone, "a list says it of each sheet, with --from")
    if not scans and (listed is None or names):
        raise InvalidInput(
            "expected --scan of the sheets, or --from LIST of their bags, got none",
            hint="a list has the columns set, sheet, bag, and names the sets itself",
        )
    lines: tuple[handing.Line, ...] = ()
    if listed is not None:
        text = utf8_text(read_file(listed, LARGEST_LIST_BYTES), listed).removeprefix("\ufeff")
        lines = handing.read_list(text, str(listed), calling.LIST_COLUMNS)
    with recorder(terminal) as opened:
        if scans:
            found = calling.verify(opened, names, scans, lines, custodian)
        else:
            found = calling.inspect(opened, lines, custodian)
    rows = [
        (one.set_name, f"{one.sheet} ({one.custodian})", one.outcome, one.found.result if one.found else "",
         said(one.found.health, one.found.used_percent) if one.found and one.found.health else "",
         one.problem or "; ".join(one.found.reasons if one.found else ()))
        for one in found.sheets
    ]  # fmt: skip
    rows += [
        (one.set_name, ", ".join(one.missing.sheets), "missing", "", "", one.missing.why) for one in found.missing
    ]  # fmt: skip
    terminal.table(found, ("SET", "SHEET", "OUTCOME", "RESULT", "PRINT", "WHY NOT"), rows)
    if not terminal.as_json:
        done = sum(one.outcome in (calling.CALLED, calling.ALREADY) for one in found.sheets)
        count = len(found.sheets) + sum(len(one.missing.sheets) for one in found.missing)
        lines_said = [
            (f"{done} of {counted(count, 'sheet')} as they should be", "green" if not found.exit else "yellow")
        ]
        lines_said += of_left_out(found.left_out)
        terminal.verdicts([*lines_said, *of_hints(one.hint for one in found.sheets)])
    return found.exit


def _count(done: int, of: int, what: str) -> tuple[str, str]:
    return f"{done} of {counted(of, 'set')} {what}", "green" if done == of else "yellow"


def _goes_on(done: int, of: int) -> list[tuple[str, str]]:
    return [] if done == of else [("the same command goes on with those that are not", "")]


def _of_rotation(found: "ManyRotated") -> list[tuple[str, str]]:
    from breakglass_shamir.operations.fleet.rotating import ALREADY, PRINTED, ROTATED

    done = sum(one.outcome in (ROTATED, ALREADY) for one in found.sets)
    lines = [(f"{done} of {counted(len(found.sets), 'set')} rotated", "green" if done == len(found.sets) else "yellow")]
    lines += [(f"pile: {cover.parent}", "") for cover in found.covers]
    lines += of_left_out(found.left_out)
    if found.receipts:
        lines.append((f"receipts: {counted(len(found.receipts), 'file')} in {found.receipts[0].parent}", ""))
    lines += of_hints(one.hint for one in found.sets)
    if any(one.outcome == PRINTED for one in found.sets):
        confirm, ack = breakglass("confirm", options="--scan DIR"), breakglass("ack", options="--from LIST")
        lines += [
            (f"next: print each pile, scan what came out, and run: {confirm}", ""),
            (f"then hand the sheets out, and record that: {ack}", ""),
            ("then the same command goes on, with the scans of the old sheets and of the new ones", ""),
        ]
        return lines
    for one in found.sets:
        for todo in one.to_destroy:
            lines += [
                (f"{one.set_name}: destroy now: {todo.what}", ""),
                *((f"then type: {line}", "") for line in todo.commands),
            ]
    return lines + _goes_on(done, len(found.sets))


def _missing(parts: "Sequence[Missing]") -> str:
    return "; ".join(part.in_words for part in parts)


def of_left_out(left_out: "Sequence[LeftOut]") -> list[tuple[str, str]]:
    """Say that scans counted for none of the sets."""
    if not left_out:
        return []
    return [(f"{counted(len(left_out), 'scan')} counted for none of them; each was named above", "yellow")]


def of_hints(hints: Any) -> list[tuple[str, str]]:
    """Say each hint once."""
    return [(f"hint: {hint}", "") for hint in dict.fromkeys(hints) if hint]

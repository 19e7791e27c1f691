# SPDX-License-Identifier: Apache-2.0
"""``audit verify`` and ``audit receipt``: does the log hold, and what others remember of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.audit_sources import Elsewhere, from_options
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, recorder
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.ledger.verify import Report
    from breakglass_shamir.operations.audit.verification import Verified
    from breakglass_shamir.operations.audit.witnesses import Witness
    from breakglass_shamir.operations.witnessing.standing import Witnessed


PASSED = 5
"""Exit code when a gate was passed although no override of it is on record."""

WORTH_A_LINE_S = 3600
"""A shorter silence is shown by ``--json`` only."""


@click.command()
@click.option("--full", is_flag=True, help="Every signature and root, however long the log is.")
@click.option("--sample", is_flag=True, help="A sample of them, however short it is.")
@click.option("--receipt", "receipts", type=PATH, multiple=True, help="A receipt, or a picture or scan of its code.")
@click.option("--sheet", "sheets", type=PATH, multiple=True, help="Scans of sheets; they remember the log, too.")
@click.option(
    "--against", type=PATH, multiple=True,
    help="A copy of the ledger (its home or file), an export, a receipt, a checkpoint, or a file of alerts.",
)  # fmt: skip
@click.option(
    "--witnesses", "trust_policy", type=PATH, metavar="FILE",
    help="Whose cosignatures must be there (C2SP tlog-policy). Default: the home's own, as far as they are.",
)  # fmt: skip
@from_options
@pass_terminal
def verify(
    terminal: Terminal, /, full: bool, sample: bool, receipts: tuple[Path, ...], sheets: tuple[Path, ...],
    against: tuple[Path, ...], trust_policy: Path | None, elsewhere: Elsewhere,
) -> int:  # fmt: skip
    """Verify the log, and hold receipts, sheets and copies of it against it; names the first thing that does not hold.

    A log of up to 1000 records is verified in full, a longer one by sample unless --full is given. The result
    says which. Exit code 5, too, where the log holds and shows a gate that was passed without an override.
    Recordings of uses that lie beside the log are held against their heads in it.

    With --from it verifies bundles or a collection, of several terminals at once, and needs no home: each log by
    itself, then how the sets go on from one terminal to another. Of a collection every checkpoint that it cosigned is
    verified where the log is verified in full.
    """
    from breakglass_shamir.operations.audit import verification as operation

    if full and sample:
        raise click.UsageError("expected either --full or --sample, got both")
    if sheets:
        harden(terminal)
    if elsewhere:
        if trust_policy:
            raise click.UsageError("expected either --from or --witnesses, got both: bundles hold no cosignatures")
        if against:
            raise click.UsageError("expected either --from or --against, got both: two bundles are named by --from")
        return _verify_bundles(
            terminal, elsewhere, full=full or (False if sample else None), receipts=receipts, sheets=sheets
        )
    with recorder(terminal) as opened, terminal.progress("verifying") as progress:
        found = operation.verify(
            opened.ledger, full=full or (False if sample else None), receipt_files=receipts, sheet_scans=sheets,
            against=against, trust_policy=trust_policy, progress=progress,
        )  # fmt: skip
    terminal.result(_document(found), _lines(found))
    return PASSED if found.report.passed_gates else 0


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--out", type=PATH, required=True, help="A new file; receipts end in .tlog-proof.")
@pass_terminal
def receipt(terminal: Terminal, identifier: str, out: Path) -> None:
    """Write the receipt of a record (its number) or an opening (the beginning of its id)."""
    from breakglass_shamir.operations.opening import receipts as operation

    with recorder(terminal) as opened:
        held = operation.write_one(opened.ledger, identifier, out)
    document = {"out": out, "record": held.receipt.index, "records": held.receipt.size, "log_id": held.log_id}
    line = (
        f"{out}: record {held.receipt.index} of a ledger of {held.receipt.size}; check it with: audit verify --receipt"
    )
    terminal.result(document, [line])
    terminal.public_code(held.receipt.to_code(), "The same as a code:", "the code needs a larger window")


def _verify_bundles(
    terminal: Terminal, elsewhere: Elsewhere, *, full: bool | None,
    receipts: tuple[Path, ...], sheets: tuple[Path, ...],
) -> int:  # fmt: skip
    from breakglass_shamir.cli import bundle_words
    from breakglass_shamir.operations.audit import bundle_verifying as operation

    with elsewhere.opened(terminal) as opened, terminal.progress("verifying") as progress:
        found = operation.verify(opened, full=full, receipt_files=receipts, sheet_scans=sheets, progress=progress)
        document, lines = bundle_words.document(found), bundle_words.lines(found)
    terminal.result(document, lines)
    return PASSED if any(one.report and one.report.passed_gates for one in found.terminals) else 0


def _document(found: "Verified") -> dict[str, Any]:
    report = found.report
    return {
        "records": report.records,
        "root": report.root,
        "ended": report.state.ended.time if report.state.ended else None,
        "checked": report.checked,
        "passed_gates": report.passed_gates,
        "clock_steps_back": report.clock_steps_back,
        "clock_steps_forward": report.clock_steps_forward,
        "runs_back": report.runs_back,
        "longest_silence": report.longest_silence,
        "broken_promises": report.broken_promises,
        "silent_now": found.silent_now,
        "late_now": found.late_now,
        "witnesses": found.witnesses,
        "chains": found.chains,
        "recordings": found.recordings,
        "witnessed": found.witnessed,
    }


def _lines(found: "Verified") -> list[str]:
    report = found.report
    holds = "the one record holds" if report.records == 1 else f"all {report.records} records hold"
    lines = [holds, f"tree root {report.root.hex()}", _how(report)]
    lines += [f"PASSED  {one.in_words()}" for one in report.passed_gates]
    lines += [witness_words(one) for one in found.witnesses]
    lines += _cosigned(found.witnessed)
    lines += [chain.in_words() for chain in found.chains]
    lines += [one.in_words() for one in found.recordings]
    lines += [f"the clock was set back before record {seq}" for seq in report.clock_steps_back]
    lines += [f"the clock was set forward before record {seq}" for seq in report.clock_steps_forward]
    if report.state.ended:
        lines.append(f"the terminal was retired {report.state.ended.time}: this log has ended")
    lines += [f"record {seq} goes on with an earlier run of a machine" for seq in report.runs_back]
    return lines + _silences(found)


def _cosigned(found: "Witnessed | None") -> list[str]:
    """Say how far witnesses have cosigned the log, where any is configured."""
    if found is None:
        return []
    said = [f"ACCUSED {one.problem}" for one in found.witnesses if one.problem]
    if found.age_s is None:
        return [*said, f"not enough witnesses have cosigned any of it; {found.needs}"]
    cosigned = f"{found.records} of {counted(found.of, 'record')} cosigned by {', '.join(found.by)} at {found.time}"
    return [*said, f"{cosigned}; {found.needs}"]


def _how(report: "Report") -> str:
    checked = report.checked
    if checked.full:
        return f"checked in full: {counted(checked.terminal_signatures, 'record')} and checkpoints, {_quorums(report)}"
    return (
        f"checked by sample: the bytes, order and legality of every record, {_quorums(report)}; of the terminal's "
        f"own signatures {checked.terminal_signatures}; every one with --full"
    )


def _quorums(report: "Report") -> str:
    count = report.checked.quorum_signatures
    people = report.checked.people_signatures
    also = f" and {people} by people and other terminals" if people else ""
    return f"{count} signature{'' if count == 1 else 's'} by a quorum{also}"


_NAMES = {"ledger": "copy of this ledger", "alerts": "file of alerts"}
"""What people call a witness, where that is not its kind."""


def witness_words(one: "Witness") -> str:
    """Say what a witness said of a log."""
    kind = _NAMES.get(one.kind, one.kind)
    if one.verdict == "unwitnessed":
        return f"{one.source}: a {kind} of another log ({one.log_id.hex()}); it says nothing of this one"
    if one.verdict == "unknown":
        return (
            f"{one.source}: proofs unknown: the envelope carries what this release does not know; ask a later release"
        )
    if one.verdict == "withheld":
        saw = counted(one.size, "record")
        return f"{one.source}: a {kind} that saw {saw}; the bundles do not have the tree of that size"
    if one.size <= 1:
        return f"{one.source}: a {kind} that saw the first record, as it is here"
    return f"{one.source}: a {kind} that saw {counted(one.size, 'record')}, all of them as they are here"


def _silences(found: "Verified") -> list[str]:
    longest = found.report.longest_silence
    lines = [f"silent longer than promised: {in_words(one.seconds)} before record {one.before}, since {one.since}"
             for one in found.report.broken_promises]  # fmt: skip
    if longest.seconds >= WORTH_A_LINE_S:
        lines.append(f"longest silence: {in_words(longest.seconds)} before record {longest.before}")
    if found.late_now:
        lines.append(f"silent now, longer than promised: {in_words(found.silent_now.seconds)}")
    return lines

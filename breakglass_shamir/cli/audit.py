# SPDX-License-Identifier: Apache-2.0
"""``audit``: list, show, verify, export and import records, and report."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from breakglass_shamir.cli.audit_registers import debts, drills, holders, openings
from breakglass_shamir.cli.audit_report import report
from breakglass_shamir.cli.audit_sources import Elsewhere, check_csv, csv_option, from_options, logs, period_options
from breakglass_shamir.cli.audit_verify import receipt, verify
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass, operand


@click.group()
def audit() -> None:
    """For auditors: what happened, and whether the log holds."""


@audit.command("list")
@period_options
@click.option("--type", "kinds", multiple=True, metavar="TYPE", help="Records of this type; give it once for each.")
@csv_option
@from_options
@pass_terminal
def list_(
    terminal: Terminal, /, set_name: str, since: str, until: str, kinds: tuple[str, ...], as_csv: bool,
    elsewhere: Elsewhere,
) -> None:  # fmt: skip
    """List the records, oldest first; of several terminals by time, each terminal's in its own order."""
    from breakglass_shamir.operations.audit import listing as operation

    check_csv(terminal, as_csv=as_csv)
    with logs(terminal, elsewhere) as found, terminal.progress("reading the records") as tell:
        several = len(found) > 1
        head = (*(("TERMINAL",) if several else ()), "NO", "TIME", "SET", "OPENING", "RECORD", "WHAT")

        def cells(one: operation.Line) -> Sequence[str]:
            row = (str(one.seq), one.time, one.set_name, one.opening[:12], one.type, one.summary)
            return (one.terminal, *row) if several else row

        lines = operation.merged(found, set_name=set_name, since=since, until=until, kinds=kinds, progress=tell)
        with closing(lines):
            terminal.listed("records", lines, head, cells, names=operation.COLUMNS if as_csv else ())


@audit.command()
@click.argument("identifier", metavar="ID")
@from_options
@click.option("--cast", type=PATH, metavar="FILE", help="Write its recording to a new file, for asciinema play.")
@pass_terminal
def show(terminal: Terminal, /, identifier: str, elsewhere: Elsewhere, cast: Path | None) -> None:
    """Show a record (its number) or an opening (the beginning of its id) in full, verified, and who signed it.

    Of a record use-recorded the recording is shown, too, as text.
    """
    from breakglass_shamir.operations.audit import recordings
    from breakglass_shamir.operations.audit import showing as operation

    with logs(terminal, elsewhere) as found:
        shown = operation.show_in([log for _, log in found], identifier)
    home = None if elsewhere else terminal.home
    heard = recordings.shown(home, shown.records, whole=len(shown.records) == 1)
    written = [recordings.write_cast(home, shown.records, cast)] if cast is not None else []
    lines = operation.story_lines(shown.opening) if shown.opening else []
    lines += [f"{one.what}: {one.text}" for one in shown.meanwhile]
    lines += [line for record in shown.records for line in operation.lines(record)]
    lines += [line for one in heard for line in recordings.lines(one)]
    lines += [f"play it with: asciinema play {operand(path)}" for path in written]
    terminal.result(
        {"records": shown.records, "opening": shown.opening, "recordings": heard, "meanwhile": shown.meanwhile}, lines
    )


@audit.command()
@click.option("--out", type=PATH, required=True, help="A new file.")
@period_options
@pass_terminal
def bundle(terminal: Terminal, /, out: Path, set_name: str, since: str, until: str) -> None:
    """Write one file of public data, for auditors who work on it without this home: of the whole log, or of a part.

    Records outside the part are there as hashes, so that whoever reads it sees that none is missing. Of one set, the
    records of the others are, too; that they are of others is this terminal's word.
    """
    from breakglass_shamir.operations.audit import bundling as operation
    from breakglass_shamir.operations.audit.period import Period

    with recorder(terminal) as opened:
        found = operation.write(opened.ledger, out, period=Period.of(since, until), set_name=set_name)
    withheld = f", {found.withheld} withheld and there as hashes" if found.withheld else ""
    lines = [
        f"{out}: records {found.first} to {found.last} of a log of {found.size}: {found.records} in it{withheld}",
        f"tree root {found.root}",
        f"look into it without a home: {breakglass('audit verify', options=f'--from {operand(out)}')}",
    ]
    terminal.result(found, lines)


@audit.command()
@click.argument("identifier", metavar="ID|all")
@click.option("--out", type=PATH, required=True, help="A new folder.")
@pass_terminal
def export(terminal: Terminal, identifier: str, out: Path) -> None:
    """Export a record (its number), an opening (the beginning of its id) or all, to be checked without this program."""
    from breakglass_shamir.operations.audit import export as operation

    with recorder(terminal) as opened:
        found = operation.export(opened.ledger, identifier, out)
    lines = [
        f"{counted(found.records, 'record')}, {counted(len(found.files), 'file')} in {out}; "
        f"check them with: sh {operand(out / operation.SCRIPT)}",
        f"sha256 of SHA256SUMS: {found.sums_sha256}",
    ]
    terminal.result(found, lines)


@audit.command("import")
@click.argument("file", type=PATH)
@pass_terminal
def import_(terminal: Terminal, file: Path) -> None:
    """Record an opening that recover.py made, FILE with FILE.sig beside it, or recover.html, FILE alone."""
    from breakglass_shamir.operations.audit import recovery_import as operation

    with recorder(terminal) as opened:
        found = operation.import_recovery(opened, file)
    where = " in a browser" if found.in_browser else ""
    lines = [
        f"recovery {found.sha256[:12]} of {found.set_name}, epoch {found.epoch}: recorded",
        f"  made {found.time}{where} by {', '.join(found.officers)}, ticket {found.ticket}: {found.reason}",
        f"owed: {found.debt}" if found.debt else f"epoch {found.epoch} is {found.status}: no rotation is owed for it",
    ]
    terminal.result(found, lines)


audit.add_command(openings)
audit.add_command(drills)
audit.add_command(debts)
audit.add_command(holders)
audit.add_command(verify)
audit.add_command(receipt)
audit.add_command(report)

# SPDX-License-Identifier: Apache-2.0
"""``audit``: list, show, verify, export and import records, and report."""

from pathlib import Path

import click

from breakglass_shamir.cli.audit_report import report
from breakglass_shamir.cli.audit_verify import receipt, verify
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.shell import operand


@click.group()
def audit() -> None:
    """For auditors: what happened, and whether the log holds."""


@audit.command("list")
@click.option("--set", "set_name", default="", help="Of this set only.")
@click.option("--since", default="", metavar="TIME", help="From this day or time on, in UTC: 2026-01-31.")
@click.option("--type", "kinds", multiple=True, metavar="TYPE", help="Records of this type; give it once for each.")
@pass_terminal
def list_(terminal: Terminal, set_name: str, since: str, kinds: tuple[str, ...]) -> None:
    """List the records, oldest first."""
    from breakglass_shamir.operations.audit import listing as operation

    with recorder(terminal) as opened:
        found = list(operation.lines(opened.ledger, set_name=set_name, since=since, kinds=kinds))
    rows = [(str(one.seq), one.time, one.set_name, one.opening[:12], one.type, one.summary) for one in found]
    terminal.table({"records": found}, ("NO", "TIME", "SET", "OPENING", "RECORD", "WHAT"), rows)


@audit.command()
@click.argument("identifier", metavar="ID")
@pass_terminal
def show(terminal: Terminal, identifier: str) -> None:
    """Show a record (its number) or an opening (the beginning of its id) in full, verified, and who signed it."""
    from breakglass_shamir.operations.audit import showing as operation

    with recorder(terminal) as opened:
        found = operation.show(opened.ledger, identifier)
        story = operation.story(opened.ledger, identifier)
    lines = operation.story_lines(story) if story else []
    lines += [line for record in found for line in operation.lines(record)]
    terminal.result({"records": found, "opening": story}, lines)


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
        f"{found.records} records, {len(found.files)} files in {out}; "
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


audit.add_command(verify)
audit.add_command(receipt)
audit.add_command(report)

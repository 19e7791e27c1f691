# SPDX-License-Identifier: Apache-2.0
"""``audit``: list, verify and export records."""

from pathlib import Path

import click

from breakglass_shamir.cli.audit_verify import receipt, verify
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.cli.terminal import Terminal


@click.group()
def audit() -> None:
    """For auditors: what happened, and whether the log holds."""


@audit.command("list")
@pass_terminal
def list_(terminal: Terminal) -> None:
    """List every record, oldest first."""
    from breakglass_shamir.operations import audit as operation

    with recorder(terminal) as opened:
        found = list(operation.lines(opened.ledger))
    rows = [(str(one.seq), one.time, one.set_name, one.opening[:12], one.type, one.summary) for one in found]
    terminal.table({"records": found}, ("NO", "TIME", "SET", "OPENING", "RECORD", "WHAT"), rows)


@audit.command()
@click.argument("identifier", metavar="ID")
@click.option("--out", type=PATH, required=True, help="A new folder.")
@pass_terminal
def export(terminal: Terminal, identifier: str, out: Path) -> None:
    """Export a record (its number) or an opening (the beginning of its id) for ssh-keygen to verify."""
    from breakglass_shamir.operations import audit as operation

    with recorder(terminal) as opened:
        files = operation.export(opened.ledger, identifier, out)
    terminal.result({"out": out, "files": files}, [f"{len(files)} files in {out}; check them with: sh {out}/verify.sh"])


@audit.command("import")
@click.argument("file", type=PATH)
@pass_terminal
def import_(terminal: Terminal, file: Path) -> None:
    """Record an opening that recover.py made: FILE, with FILE.sig beside it."""
    from breakglass_shamir.operations import recovery_import as operation

    with recorder(terminal) as opened:
        found = operation.import_recovery(opened, file)
    lines = [
        f"recovery {found.sha256[:12]} of {found.set_name}, epoch {found.epoch}: recorded",
        f"  made {found.time} by {', '.join(found.officers)}, ticket {found.ticket}: {found.reason}",
        f"owed: {found.debt}" if found.debt else f"epoch {found.epoch} is {found.status}: no rotation is owed for it",
    ]
    terminal.result(found, lines)


audit.add_command(verify)
audit.add_command(receipt)

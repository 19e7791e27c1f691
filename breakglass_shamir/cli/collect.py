# SPDX-License-Identifier: Apache-2.0
"""``collect``: the service that keeps many terminals' records in PostgreSQL."""

from pathlib import Path

import click

from breakglass_shamir.cli.collection_lists import evidence, terminals
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal
from breakglass_shamir.plural import counted

_ADDRESS = "Such as postgresql:///?service=collection."


@click.group()
def collect() -> None:
    """Keep the records of many terminals in one PostgreSQL database."""


@collect.command()
@click.option("--to", "place", metavar="ADDRESS", help=_ADDRESS)
@click.option("--print", "shown", is_flag=True, help="Print the SQL instead, for a new database.")
@pass_terminal
def init(terminal: Terminal, place: str | None, shown: bool) -> None:
    """Make the schema and the roles of a collection, or bring them to this version."""
    from breakglass_shamir.collection import schema
    from breakglass_shamir.operations.collecting import keeping

    if shown:
        text = schema.as_text()
        terminal.result({"sql": text}, text.splitlines())
        return
    found = keeping.prepare(terminal.ask(place, "--to", "Address of the database"))
    terminal.result(found, [f"collection: version {found.before} before, {found.after} now"])


@collect.command()
@click.option("--out", type=PATH, required=True, metavar="FILE", help="A new file for the key.")
@click.option("--name", required=True, help="Whose key it is, such as collector.example/one.")
@pass_terminal
def key(terminal: Terminal, out: Path, name: str) -> None:
    """Make the collector's key in FILE, and its public key in FILE.pub, which terminals pin."""
    from breakglass_shamir.operations.collecting import keeping

    found = keeping.make_key(out, name)
    terminal.result(found, [f"written: {found.file}", f"public  {found.public}"])


@collect.command()
@click.argument("line", metavar="PUBLIC-KEY")
@click.option("--to", "place", required=True, metavar="ADDRESS", help=_ADDRESS)
@pass_terminal
def enrol(terminal: Terminal, line: str, place: str) -> None:
    """Let a terminal's records in, by its public key: ssh-ed25519 and the text behind it, in quotes."""
    from breakglass_shamir.operations.collecting import keeping

    found = keeping.enrol(place, line)
    terminal.result(found, [f"{'enrolled' if found.new else 'known already'}: log {found.log_id}"])


@collect.command()
@click.option("--to", "place", required=True, metavar="ADDRESS", help=_ADDRESS)
@click.option("--key", "file", type=PATH, required=True, metavar="FILE", help="The collector's key.")
@click.option("--once", is_flag=True, help="Work through what is staged and end; for timers.")
@click.option("--every", default="5s", show_default=True, help="How long to wait between rounds.")
@pass_terminal
def run(terminal: Terminal, place: str, file: Path, once: bool, every: str) -> int:
    """Verify what terminals pushed, keep and cosign what holds, and keep the rest apart as evidence."""
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.errors import InvalidRecord
    from breakglass_shamir.operations.collecting import keeping

    every_s = 0 if once else max(1, Duration.parse(every).seconds)
    found = keeping.rounds(
        place, file, every_s=every_s, told=lambda found: _tell(terminal, found, once=once),
        failed=lambda error: terminal.warn(str(error)),
    )  # fmt: skip
    return InvalidRecord.exit_code if found.damaged else 0


def _tell(terminal: Terminal, found: object, *, once: bool) -> None:
    from breakglass_shamir.collection.keeper import Round

    assert isinstance(found, Round)  # noqa: S101 - the collector gives nothing else
    if found.evidence:
        terminal.warn(f"{found.evidence} pushed rows do not hold, and are kept apart as evidence")
    for log in found.damaged:
        terminal.warn(f"the database was damaged, restore it from its backup: {log}")
    words = f"kept: {counted(found.kept, 'record')}; there already: {found.repeated}; evidence: {found.evidence}"
    words += f"; told others: {found.told}" if found.told else ""
    if once:
        terminal.result(found, [words])
    elif found.kept or found.told:
        terminal.say(words)


collect.add_command(terminals)
collect.add_command(evidence)

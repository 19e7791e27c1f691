# SPDX-License-Identifier: Apache-2.0
"""``witness``: witnesses that are not ours cosign this terminal's log."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.operations.witnessing.standing import OfWitness, Witnessed

HEAD = ("WITNESS", "COSIGNED", "LAST", "ADDRESS")
"""Columns of the list."""


@click.group()
def witness() -> None:
    """Let witnesses cosign this terminal's log (C2SP tlog-witness)."""


@witness.command()
@click.argument("file", type=PATH)
@click.option("--replace", is_flag=True, help="In the place of the policy that is pinned.")
@pass_terminal
def pin(terminal: Terminal, file: Path, replace: bool) -> None:
    """Pin whose cosignatures count: FILE names witnesses, their keys and addresses, and how many are needed.

    Its form is that of C2SP tlog-policy.
    """
    from breakglass_shamir.operations.witnessing import pinning

    with recorder(terminal) as opened:
        found = pinning.pin(opened.ledger, file, replace=replace)
    lines = [
        f"pinned: {counted(len(found.witnesses), 'witness')}; {found.needs}",
        "their people let this log in by its key:",
        f"log {found.key}",
    ]
    terminal.result(found, lines)


@witness.command()
@click.option("--ca", type=PATH, metavar="FILE", help="Certificates to trust. Default: the system's.")
@click.option("--timeout", default="10s", show_default=True, help="How long each witness may take.")
@pass_terminal
def submit(terminal: Terminal, ca: Path | None, timeout: str) -> None:
    """Submit the newest checkpoint to every witness, and keep what they cosign; run it from a timer.

    Exit code 0 where enough of them cosigned, 6 where too few did, 5 where one cosigned what this ledger does not have.
    """
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.witnessing import submitting

    with recorder(terminal) as opened:
        found = submitting.submit_newest(opened.ledger, limit_s=max(1, Duration.parse(timeout).seconds), ca=ca)
    for one in found.witnesses:
        if one.set_back:
            terminal.warn(f"{one.name} has less than it cosigned before: it was set back")
        if one.problem:
            terminal.warn(f"{one.name}: {one.problem}")
    did = sum(one.outcome == "cosigned" for one in found.witnesses)
    lines = [f"cosigned: {counted(found.records, 'record')}, by {did} of {counted(len(found.witnesses), 'witness')}"]
    if found.file:
        lines.append(f"kept: {found.file}")
    terminal.result(found, lines)


@witness.command("list")
@pass_terminal
def list_(terminal: Terminal) -> None:
    """Show who may cosign, how far each has, and the log's key; nobody is asked."""
    from breakglass_shamir.operations.witnessing import pinning, standing

    with recorder(terminal) as opened:
        pinning.pinned(opened.ledger)
        found, key = standing.standing(opened.ledger), pinning.log_key(opened.ledger)
    assert found is not None  # noqa: S101 - one is pinned
    document = {"log": key, "witnessed": found}
    terminal.table(document, HEAD, [_row(one) for one in found.witnesses])
    if not terminal.as_json:
        accused = [(f"ACCUSED  {one.problem}", "red") for one in found.witnesses if one.problem]
        terminal.verdicts([*accused, (in_words(found), ""), (f"log      {key}", "")])


def in_words(found: "Witnessed") -> str:
    """Say how far enough witnesses have cosigned, for a line of ``status``."""
    from breakglass_shamir.cli.screen.ages import age

    if found.age_s is None:
        return f"witness  {counted(found.of, 'record')}, and not enough witnesses cosigned any; {found.needs}"
    return (
        f"witness  {found.records} of {counted(found.of, 'record')} cosigned by {', '.join(found.by)} "
        f"{age(found.age_s)} ago; {found.needs}"
    )


def _row(one: "OfWitness") -> tuple[str, ...]:
    from breakglass_shamir.cli.screen.ages import age

    last = "never" if one.age_s is None else f"{age(one.age_s)} ago"
    return one.name, counted(one.size, "record") if one.size else "none", last, one.url or "none"

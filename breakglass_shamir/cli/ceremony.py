# SPDX-License-Identifier: Apache-2.0
"""``protocol``, ``destroyed`` and ``note``: the plan of a day, and what people saw and wrote down on it."""

from pathlib import Path
from typing import Literal

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, read_policy, recorder


@click.command()
@click.argument("name")
@click.argument("sheets", nargs=-1, required=True, metavar="SHEET...")
@click.option("--epoch", type=int, help="Their epoch; needed where several have sheets that open nothing.")
@click.option("--witness", "witnesses", multiple=True, required=True, help="Who saw it; two or more, once for each.")
@pass_terminal
def destroyed(
    terminal: Terminal, name: str, sheets: tuple[str, ...], epoch: int | None, witnesses: tuple[str, ...]
) -> None:
    """Record that SHEETs of NAME, which open nothing any more, were destroyed before witnesses."""
    from breakglass_shamir.operations.printing import ceremony
    from breakglass_shamir.operations.printing.custodians import seat

    with recorder(terminal, name) as opened:
        found = ceremony.destroyed(opened, [seat(sheet) for sheet in sheets], epoch, witnesses)
    terminal.result(found, [f"destroyed: sheets {', '.join(found.sheets)} of {name}, epoch {found.epoch}"])


@click.command()
@click.argument("name")
@click.argument("text")
@click.option("--by", required=True, help="Who wrote it down.")
@click.option(
    "--infrastructure-changed", "changed", is_flag=True,
    help="The target, or the way to it, is another one now: a rehearsal and an access drill are due.",
)  # fmt: skip
@pass_terminal
def note(terminal: Terminal, name: str, text: str, by: str, changed: bool) -> None:
    """Record a line of a ceremony's protocol about NAME: an exception, a time, a serial; or that drills are due."""
    from breakglass_shamir.operations.printing import ceremony

    with recorder(terminal, name) as opened:
        found = ceremony.note(opened, text, by, infrastructure_changed=changed)
    due = "; a rehearsal and an access drill are due" if changed else ""
    terminal.result(found, [f"noted: record {found.record} of {name}{due}"])


@click.command()
@click.argument("act", type=click.Choice(["split", "recombine", "rotate", "rehearsal", "access"]))
@click.argument("subject", metavar="NAME|POLICY")
@click.option("--out", type=PATH, required=True, help="A new PDF.")
@click.option("--at", help="When it begins, such as 2026-12-01 09:00; else minutes after the beginning are printed.")
@click.option("--since", type=click.IntRange(min=0), metavar="RECORD", help="Fill in what was recorded from here on.")
@click.option("--paper", type=click.Choice(["a4", "letter"]), default="a4", show_default=True)
@pass_terminal
def protocol(
    terminal: Terminal, act: str, subject: str, out: Path, at: str | None, since: int | None,
    paper: Literal["a4", "letter"],
) -> None:  # fmt: skip
    """Write the page to be filled in on the day: for split of a POLICY file, for the others of the set NAME."""
    from breakglass_shamir.operations.printing import protocol as protocols

    policy = read_policy(terminal, Path(subject)).parse_new() if act == "split" else None
    start = protocols.start_of(at) if at else None
    with recorder(terminal, "" if policy else subject) as opened:
        if policy is None:
            opened.refresh()
        plan = protocols.plan_of(opened, act, policy, start)
        protocols.write_plan(opened, plan, out, paper, since=since)
    terminal.result({"set": plan.set_name, "act": act, "out": out}, [f"protocol of {act} for {plan.set_name}: {out}"])

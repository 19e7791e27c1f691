# SPDX-License-Identifier: Apache-2.0
"""``alerts``: what waits for which sink, deliver it, try a sink."""

import sys
from collections.abc import Sequence

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import did_you_mean

WAITING, NOT_TAKEN = 7, 6
"""Exit codes: alerts still wait; the test event was not taken."""

_FORMS_HELP = "sigma (default), kusto-pipeline, prometheus or grafana; with --accounts csv (default) or maester"


@click.group()
def alerts() -> None:
    """The outbox: alerts that were made and have to arrive."""


@alerts.command(name="list")
@pass_terminal
def list_(terminal: Terminal) -> None:
    """Show what waits for which sink, since when, and why."""
    from breakglass_shamir.custody.life.due import in_words
    from breakglass_shamir.ledger import guarded
    from breakglass_shamir.operations.monitoring import queues
    from breakglass_shamir.operations.recorder import warn_of_others

    found = queues.queues(terminal.home)
    warn_of_others(terminal, guarded.look(terminal.home))
    if not found:
        terminal.result(found, ["no alert was ever for a sink: name one in a policy, under [[alerts.sinks]]"])
        return
    rows = [
        (
            one.set_name, one.sink, str(one.delivered), str(one.waiting),
            in_words(one.waiting_since_s) if one.waiting else "", one.problem,
        )
        for one in found
    ]  # fmt: skip
    terminal.table(found, ("set", "sink", "delivered", "waiting", "since", "problem"), rows)


@alerts.command()
@click.option("--due", is_flag=True, help="Leave alone what pauses after a failure; for timers.")
@click.option("--follow", is_flag=True, help="Deliver until standard input ends; what an opening runs.")
@pass_terminal
def flush(terminal: Terminal, due: bool, follow: bool) -> int:
    """Deliver what waits, now. Exit code 7 when something still waits afterwards."""
    from breakglass_shamir.ledger import guarded
    from breakglass_shamir.operations.monitoring import alerting
    from breakglass_shamir.operations.recorder import warn_of_others

    if follow:
        alerting.follow(terminal.home, sys.stdin.fileno())
        return 0
    warn_of_others(terminal, guarded.look(terminal.home))
    found = alerting.flush(terminal.home, due_only=due)
    lines = [
        f"{one.sink} of {one.owner}: {len(one.events)} delivered, {one.waiting} waiting"
        + (f" ({one.problem})" if one.problem else "")
        for one in found
    ]
    terminal.result(found, lines or ["nothing waits"])
    return WAITING if any(one.waiting for one in found) else 0


@alerts.command()
@click.argument("sink")
@pass_terminal
def test(terminal: Terminal, sink: str) -> int:
    """Send a test event, marked as one, to every sink named SINK."""
    from breakglass_shamir.cli.session import recorder
    from breakglass_shamir.operations.monitoring import alerting

    with recorder(terminal) as opened:
        found = alerting.try_sink(opened.state, sink)
    lines = [f"{one.sink} of {one.set_name} ({one.kind}): {one.detail}" for one in found]
    terminal.result(found, lines)
    return 0 if all(one.delivered for one in found) else NOT_TAKEN


@alerts.command()
@click.option("--format", "form", default="", metavar="FORMAT", help=f"{_FORMS_HELP}.")
@click.option("--accounts", is_flag=True, help="The accounts to be watched, of every set in this home: csv or maester.")
@pass_terminal
def rules(terminal: Terminal, form: str, accounts: bool) -> None:
    """Print what a security team loads: detection rules, alert rules, a dashboard, the accounts to watch."""
    if accounts:
        _accounts(terminal, form)
        return
    from breakglass_shamir.alerts.rules import shipped

    chosen = _choice(form or shipped.SIGMA, shipped.FORMS)
    found = shipped.sigma() if chosen == shipped.SIGMA else {chosen: shipped.text(chosen)}
    terminal.result({"format": chosen, "files": found}, shipped.text(chosen).splitlines())


def _accounts(terminal: Terminal, form: str) -> None:
    from breakglass_shamir.cli.screen import listing
    from breakglass_shamir.cli.session import recorder
    from breakglass_shamir.operations.monitoring import watch_list

    chosen = _choice(form or watch_list.CSV, watch_list.FORMS)
    with recorder(terminal) as opened:
        found = watch_list.accounts(opened.state)
    if chosen == watch_list.MAESTER:
        lines = watch_list.as_maester(found).splitlines()
    else:
        lines = [line.rstrip("\r\n") for line in listing.csv_lines(watch_list.HEAD, watch_list.rows(found))]
    terminal.result({"format": chosen, "accounts": found}, lines)


def _choice(said: str, known: Sequence[str]) -> str:
    if said not in known:
        raise InvalidInput(
            f"expected a format of {', '.join(known)}, got {said[:40]!r}", hint=did_you_mean(said, known)
        )
    return said

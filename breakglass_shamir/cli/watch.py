# SPDX-License-Identifier: Apache-2.0
"""``watch``: the target's logins against the recorded openings."""

import os

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal, recorder
from breakglass_shamir.errors import IllegalState, InvalidInput
from breakglass_shamir.plural import counted

UNMATCHED, UNREACHABLE = 7, 6
"""Exit codes of one round: a login that nothing accounts for; the target could not be asked."""


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every_set", is_flag=True, help="Every set whose target can tell logins; new ones, too.")
@click.option("--once", is_flag=True, help="Ask once and end; for timers.")
@click.option(
    "--every",
    help="How often to ask; 5s if not said. With --once: when the next round is due, so that silence is seen.",
)
@click.option("--skew", default="2m", show_default=True, help="How far the clocks of terminal and target may differ.")
@click.option("--from-pam", is_flag=True, help="Record the login that pam_exec tells of, at the login itself.")
@pass_terminal
def watch(
    terminal: Terminal, names: tuple[str, ...], every_set: bool, once: bool, every: str | None, skew: str,
    from_pam: bool,
) -> int:  # fmt: skip
    """Hold the logins of NAME's account at the target against the recorded openings.

    A login that no opening accounts for is an alert at once, and a debt. Without --once it runs until it is
    ended. Exit code 7 of one round: something was unmatched; 6: the target could not be asked. One process watches
    several sets, or with --all every one: each target has its own time limit, and one that hangs delays no other.
    """
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.monitoring.watch import DEFAULT_EVERY_S, Watch

    if bool(names) is every_set:
        raise InvalidInput("expected either NAME or --all", hint="name the sets, or watch every one with --all")
    every_s = Duration.parse(every).seconds if every else 0
    if every_set or len(names) > 1:
        if from_pam:
            raise InvalidInput("expected one set with --from-pam, got many")
        return _many(terminal, names, every_s, Duration.parse(skew).seconds, once=once)
    (name,) = names
    with recorder(terminal, name) as opened:
        watching = Watch(
            opened, every_s=every_s or DEFAULT_EVERY_S, skew_s=Duration.parse(skew).seconds,
            promise_s=0 if from_pam else every_s,
        )  # fmt: skip
        if not (once or from_pam):
            watching.run(lambda found: _tell(terminal, found))
            return 0
        found = watching.login_now(os.environ) if from_pam else watching.once()
    lines = [*found.unmatched, *([f"not seen: {found.problem}"] if found.problem else [])]
    terminal.result(found, lines or [f"{counted(found.logins, 'new login')} of {name}, all accounted for"])
    return UNMATCHED if found.unmatched else UNREACHABLE if found.problem else 0


def _many(terminal: Terminal, names: tuple[str, ...], every_s: int, skew_s: int, *, once: bool) -> int:
    """Watch several sets, or every one where none is named; returns the exit code of the worst."""
    from breakglass_shamir.operations.fleet.watching import ManyWatches
    from breakglass_shamir.operations.monitoring.watch import DEFAULT_EVERY_S

    with recorder(terminal) as opened:
        watches = ManyWatches(opened, every_s or DEFAULT_EVERY_S, skew_s, promise_s=every_s)
        if names:
            watches.add(names)
        for line in () if names else watches.add_all():
            terminal.warn(f"not watched: {line}")
        if not watches.count:
            raise IllegalState("there is no set here whose target can tell who logged in", hint="see: docs/targets.md")
        if not once:
            terminal.say(f"watching {counted(watches.count, 'set')}")
            watches.run(lambda found: _tell(terminal, found, named=True), every_set=not names)
            return 0
        found = watches.once()
    rows = [(one.set_name, str(one.logins), "; ".join(one.unmatched), one.problem) for one in found]
    terminal.table({"sets": found}, ("SET", "NEW LOGINS", "NOT ACCOUNTED FOR", "NOT SEEN"), rows)
    return UNMATCHED if any(one.unmatched for one in found) else UNREACHABLE if any(one.problem for one in found) else 0


def _tell(terminal: Terminal, found: object, *, named: bool = False) -> None:
    """Say what a round of a running watch found that somebody must see."""
    from breakglass_shamir.operations.monitoring.watch import Watching

    assert isinstance(found, Watching)  # noqa: S101 - the watch gives nothing else
    whose = f"{found.set_name}: " if named else ""
    for line in found.unmatched:
        terminal.warn(f"{whose}{line}")
    if found.problem:
        terminal.warn(f"{whose}not seen: {found.problem}")

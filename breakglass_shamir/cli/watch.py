# SPDX-License-Identifier: Apache-2.0
"""``watch``: the target's logins against the recorded openings."""

import os

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import pass_terminal, recorder

UNMATCHED, UNREACHABLE = 7, 6
"""Exit codes of one round: a login that nothing accounts for; the target could not be asked."""


@click.command()
@click.argument("name")
@click.option("--once", is_flag=True, help="Ask once and end; for timers.")
@click.option("--every", default="5s", show_default=True, help="How often to ask.")
@click.option("--skew", default="2m", show_default=True, help="How far the clocks of terminal and target may differ.")
@click.option("--from-pam", is_flag=True, help="Record the login that pam_exec tells of, at the login itself.")
@pass_terminal
def watch(terminal: Terminal, name: str, once: bool, every: str, skew: str, from_pam: bool) -> int:
    """Hold the logins of NAME's account at the target against the recorded openings.

    A login that no opening accounts for is an alert at once, and a debt. Without --once it runs until it is
    ended. Exit code 7 of one round: something was unmatched; 6: the target could not be asked.
    """
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.monitoring.watch import Watch

    with recorder(terminal, name) as opened:
        watching = Watch(opened, every_s=Duration.parse(every).seconds, skew_s=Duration.parse(skew).seconds)
        if not (once or from_pam):
            watching.run(lambda found: _tell(terminal, found))
            return 0
        found = watching.login_now(os.environ) if from_pam else watching.once()
    lines = [*found.unmatched, *([f"not seen: {found.problem}"] if found.problem else [])]
    terminal.result(found, lines or [f"{found.logins} new logins of {name}, all accounted for"])
    return UNMATCHED if found.unmatched else UNREACHABLE if found.problem else 0


def _tell(terminal: Terminal, found: object) -> None:
    """Say what a round of a running watch found that somebody must see."""
    from breakglass_shamir.operations.monitoring.watch import Watching

    assert isinstance(found, Watching)  # noqa: S101 - the watch gives nothing else
    for line in found.unmatched:
        terminal.warn(line)
    if found.problem:
        terminal.warn(f"not seen: {found.problem}")

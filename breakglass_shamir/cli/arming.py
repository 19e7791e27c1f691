# SPDX-License-Identifier: Apache-2.0
"""``arming``: accounts that their targets keep closed, opened for a while at a second authority's word."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, read_secret, recorder

if TYPE_CHECKING:
    from breakglass_shamir.hygiene import Secret
    from breakglass_shamir.operations.arming.commands import AccountStatus

_operator = click.option(
    "--operator", metavar="-", help="The operator's credential from standard input, where another set keeps it."
)


@click.group()
def arming() -> None:
    """Accounts that are kept closed at their targets: armed for a while, by themselves closed again.

    The policy's table [arming] says who arms: a program, another set's quorum, or an approver's key. Openings, checks,
    drills and rotations arm by themselves; these commands are for what people do besides.
    """


@arming.command()
@click.argument("name")
@pass_terminal
def show(terminal: Terminal, /, name: str) -> None:
    """Say whether the account of NAME is closed or until when it is armed, and who arms it."""
    from breakglass_shamir.operations.arming import commands

    with recorder(terminal, name) as opened:
        found = commands.show(opened)
    terminal.result(found, _lines(found))


@arming.command()
@click.argument("name")
@click.option("--for", "for_", help="How long, such as 2h; as long as the policy's window if not said.")
@_operator
@pass_terminal
def arm(terminal: Terminal, /, name: str, for_: str | None, operator: str | None) -> None:
    """Arm the account of NAME now; it ends by itself.

    Where another set's quorum arms, that set is opened with this command in --exec, which gives it the credential:
    the opening of that set must be in use on this terminal.
    """
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.arming import commands

    harden(terminal)
    with recorder(terminal, name) as opened:
        found = commands.arm(opened, Duration.parse(for_).seconds if for_ else 0, _secret(terminal, operator))
    terminal.result(found, _lines(found))


@arming.command()
@click.argument("name")
@_operator
@pass_terminal
def close(terminal: Terminal, /, name: str, operator: str | None) -> None:
    """Close the account of NAME before its arming ends by itself; sessions at the target go on."""
    from breakglass_shamir.operations.arming import commands

    harden(terminal)
    with recorder(terminal, name) as opened:
        found = commands.close(opened, _secret(terminal, operator))
    terminal.result(found, _lines(found))


@arming.command()
@click.argument("name")
@click.option("--for", "for_", help="How long the approval is to count, such as 2h; the policy's window if not said.")
@click.option("--out", type=PATH, metavar="FILE", help="Where a copy goes that is carried to the approver.")
@pass_terminal
def request(terminal: Terminal, /, name: str, for_: str | None, out: Path | None) -> None:
    """Write what an approver signs on a control host, so that this terminal may arm the account of NAME."""
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.ledger import durable
    from breakglass_shamir.operations.arming import approvals, commands

    with recorder(terminal, name) as opened:
        policy = commands.policy_of(opened)
        assert policy.arming is not None  # noqa: S101 - it is kept closed
        for_s = Duration.parse(for_).seconds if for_ else policy.arming.window.seconds
        file = approvals.request(opened, policy, for_s)
        if out is not None:
            durable.write_new(out, durable.read_plain(file, approvals.SIGNATURE_MAX_BYTES))
    carried = out or file
    lines = [f"request: {carried}", f"the approver signs it with: {approvals.signing_command(carried)}"]
    terminal.result({"set": name, "request": str(carried), "command": approvals.signing_command(carried)}, lines)


@arming.command()
@click.argument("name")
@click.argument("signature", type=PATH)
@pass_terminal
def approve(terminal: Terminal, /, name: str, signature: Path) -> None:
    """Take an approver's SIGNATURE of the request for NAME; it counts until the instant of the request."""
    from breakglass_shamir.operations.arming import approvals, commands

    with recorder(terminal, name) as opened:
        found = approvals.take(opened, commands.policy_of(opened), signature)
    until = f"{found.not_after:%Y-%m-%dT%H:%M:%SZ}"
    terminal.result(
        {"set": name, "fingerprint": found.fingerprint, "not_after": until},
        [f"approved by {found.fingerprint}; it counts until {until}"],
    )


def _secret(terminal: Terminal, source: str | None) -> "Secret | None":
    """Read the operator's credential, as another set's use hands it over."""
    from breakglass_shamir.custody.credential import CredentialKind

    if source is None:
        return None
    if source != "-":
        raise click.UsageError("expected --operator -: the credential comes on standard input")
    return read_secret(terminal, source, CredentialKind.PASSWORD, raw=True)


def _lines(found: "AccountStatus") -> list[str]:
    lines = [f"{found.set_name}: {found.account} at {found.target}", f"on record: {found.on_record}"]
    lines += [f"at the target: {found.at_target}"] if found.at_target else []
    return [*lines, f"armed by: {found.authority}"]

# SPDX-License-Identifier: Apache-2.0
"""``split``: the first epoch of a set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.printing import printing_of, printing_options, protocol_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, read_policy, read_secret, read_seed, recorder
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.custody.credential import CredentialKind
    from breakglass_shamir.operations.credential.split import SplitResult

KINDS = ("password", "key-pair", "key-certificate", "token", "opaque", "file", "list", "passkey")
"""What a credential can be."""


@click.command()
@click.argument("policies", type=PATH, nargs=-1, metavar="POLICY...")
@click.option(
    "--credential-from",
    metavar="FILE|-",
    help="The credential, exactly these bytes; - is standard input. Of many: a folder.",
)
@click.option("--raw", is_flag=True, help="Take the bytes as they are: a newline at the end belongs to the credential.")
@click.option("--generate", "generated", is_flag=True, help="Make a new credential and change the target to it.")
@click.option(
    "--enrol", is_flag=True, help="Have people make a passkey at the target's page, in a browser shown to them."
)
@click.option("--current-from", metavar="FILE|-", help="With --generate: what opens the target now. Of many: a folder.")
@click.option("--kind", type=click.Choice(KINDS), help="What the secret bytes are; default: as the policy says.")
@click.option("--totp-from", metavar="FILE|-", help="Seed of the account's second factor: otpauth:// or base32.")
@printing_options
@protocol_option
@pass_terminal
def split(
    terminal: Terminal, /, policies: tuple[Path, ...], credential_from: str | None, raw: bool, generated: bool,
    enrol: bool, current_from: str | None, kind: str | None, totp_from: str | None, protocol: Path | None,
    **options: Any,
) -> int:  # fmt: skip
    """Put a credential on paper under the quorum of POLICY.

    Writes one PDF per sheet and one per drill card, and reads each back; with --printer each is printed as a job
    of its own, and no file is written. The epoch stays issued until every printed sheet was scanned: with
    --readback, or later with confirm. At a terminal what is missing is asked for, and with no word at all it begins
    with the policy, or goes on with sheets that were printed before.

    Several policies, or a folder of them, are split one after another: all are checked before anything is printed, each
    set is made whole or not at all, and the same command goes on where it was broken off. --credential-from, or
    --current-from with --generate, names a folder then, with a file for each set by its name. The sheets lie in a
    folder for each custodian, under a cover, or come out of a printer in that order. Exit code: that of the worst.
    """
    from breakglass_shamir.crypto.totp import COMMON
    from breakglass_shamir.operations import targets
    from breakglass_shamir.operations.credential import split as operation
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    printing = printing_of(**options)
    if enrol and (credential_from is not None or current_from is not None or generated or len(policies) > 1):
        raise InvalidInput("expected --enrol alone, with one POLICY: the credential is made in the browser")
    if len(policies) > 1 or any(path.is_dir() for path in policies):
        from breakglass_shamir.cli import fleet

        given = fleet.SplitWords(credential_from, current_from, totp_from, kind, protocol, raw, generated)
        return fleet.split(terminal, policies, printing, given)
    policy = policies[0] if policies else None
    if interactive() and credential_from is None and not (generated or enrol) and (policy is None or printing is None):
        from breakglass_shamir.cli import dealer

        held = dealer.hold(terminal, policy, options, protocol)
        terminal.result(held, dealer.lines_of(held))
        return 0
    if policy is None:
        raise InvalidInput("expected POLICY, got none", hint="name its file, or use a terminal")
    if printing is None:
        raise InvalidInput("expected a place for the sheets", hint="name it with --out DIR or --printer NAME")
    file = read_policy(terminal, policy)
    sources = [credential_from, current_from, totp_from]
    if sources.count("-") > 1:
        raise InvalidInput("expected standard input for one of them only")
    parsed = file.parse_new()
    what = targets.kind_of(parsed, kind)
    secret, current = None, None
    if not enrol:
        secret, current = _secrets(terminal, credential_from, current_from, what, raw=raw, generated=generated)
    seed, scheme = read_seed(terminal, totp_from) if totp_from else (None, COMMON)
    with (
        Scanner() as scanner,
        recorder(terminal) as opened,
        protocols.kept(opened, "split", protocol, printing.paper, parsed),
    ):
        found = operation.split(
            opened, file.text, secret, printing, scanner, current=current, kind=kind, totp_seed=seed,
            totp_scheme=scheme, enrol=enrol,
        )  # fmt: skip
    lines = [
        f"set {found.set_name}, epoch {found.epoch} ({found.epoch_id}), credential {found.proven}",
        *(f"  {path}" for path in found.files),
        "sealed: every printed sheet was read back" if found.sealed else _next(found),
    ]
    terminal.result(found, lines)
    return 0


def _next(found: "SplitResult") -> str:
    first = "" if found.printer else "print the sheets, "
    return f"next: {first}scan what came out, and run: {breakglass('confirm', found.set_name, 'SCAN...')}"


def _secrets(
    terminal: Terminal,
    credential_from: str | None,
    current_from: str | None,
    kind: "CredentialKind",
    *,
    raw: bool,
    generated: bool,
) -> tuple[Secret | None, Secret | None]:
    """Return the credential to keep and the one in force now; the first is None when one is generated."""
    if generated and credential_from is not None:
        raise InvalidInput("expected either --credential-from or --generate, got both")
    if not generated and current_from is not None:
        raise InvalidInput("--current-from goes with --generate")
    if generated:
        question, option, source = "Credential that opens the target now", "--current-from", current_from
    else:
        question, option, source = "Credential to put on paper", "--credential-from or --generate", credential_from
    secret = (
        Secret(terminal.ask_secret(question, option))
        if source is None
        else read_secret(terminal, source, kind, raw=raw)
    )
    return (None, secret) if generated else (secret, None)

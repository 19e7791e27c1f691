# SPDX-License-Identifier: Apache-2.0
"""``split``: the first epoch of a set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.printing import printing_of, printing_options, protocol_option
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, read_secret, read_seed, read_text, recorder
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.operations.credential.split import SplitResult

KINDS = ("password", "key-pair", "token", "opaque", "file", "list")
"""What a credential can be."""


@click.command()
@click.argument("policy", type=PATH)
@click.option("--credential-from", metavar="FILE|-", help="The credential, exactly these bytes; - is standard input.")
@click.option("--raw", is_flag=True, help="A newline at the end belongs to the credential.")
@click.option("--generate", "generated", is_flag=True, help="Make a new credential and change the target to it.")
@click.option("--current-from", metavar="FILE|-", help="With --generate: what opens the target now.")
@click.option("--kind", type=click.Choice(KINDS), help="What the secret bytes are; default: as the policy says.")
@click.option("--totp-from", metavar="FILE|-", help="Seed of the account's second factor: otpauth:// or base32.")
@printing_options
@protocol_option
@pass_terminal
def split(
    terminal: Terminal, /, policy: Path, credential_from: str | None, raw: bool, generated: bool,
    current_from: str | None, kind: str | None, totp_from: str | None, protocol: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Put a credential on paper under the quorum of POLICY.

    Writes one PDF per sheet and one per drill card, and reads each back; with --printer each is printed as a job
    of its own, and no file is written. The epoch stays issued until every printed sheet was scanned: with
    --readback, or later with confirm.
    """
    from breakglass_shamir.crypto.totp import COMMON
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.operations.credential import split as operation
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    printing = printing_of(**options)
    if printing is None:
        raise InvalidInput("expected a place for the sheets", hint="name it with --out DIR or --printer NAME")
    source = read_text(policy)
    sources = [credential_from, current_from, totp_from]
    if sources.count("-") > 1:
        raise InvalidInput("expected standard input for one of them only")
    secret, current = _secrets(terminal, credential_from, current_from, raw=raw, generated=generated)
    seed, scheme = read_seed(totp_from) if totp_from else (None, COMMON)
    parsed = policies.parse_new(source)
    with (
        Scanner() as scanner,
        recorder(terminal) as opened,
        protocols.kept(opened, "split", protocol, printing.paper, parsed),
    ):
        found = operation.split(
            opened, source, secret, printing, scanner, current=current, kind=kind, totp_seed=seed, totp_scheme=scheme
        )
    lines = [
        f"set {found.set_name}, epoch {found.epoch} ({found.epoch_id}), credential {found.proven}",
        *(f"  {path}" for path in found.files),
        "sealed: every printed sheet was read back" if found.sealed else _next(found),
    ]
    terminal.result(found, lines)


def _next(found: "SplitResult") -> str:
    first = "" if found.printer else "print the sheets, "
    return f"next: {first}scan what came out, and run: {breakglass('confirm', found.set_name, 'SCAN...')}"


def _secrets(
    terminal: Terminal, credential_from: str | None, current_from: str | None, *, raw: bool, generated: bool
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
    secret = Secret(terminal.ask_secret(question, option)) if source is None else read_secret(source, raw=raw)
    return (None, secret) if generated else (secret, None)

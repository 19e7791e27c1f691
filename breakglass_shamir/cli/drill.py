# SPDX-License-Identifier: Apache-2.0
"""``drill roll-call``, ``drill rehearsal``, ``drill access``: the three drills."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.opening import ask_officers
from breakglass_shamir.cli.printing import ask_for_folders, printing_of, printing_options, protocol_option
from breakglass_shamir.cli.receipts import giving_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.screen.values import SECONDS
from breakglass_shamir.cli.session import (
    PATH,
    harden,
    named_target,
    pass_terminal,
    reading_options,
    recorder,
    sheets_from,
    target_options,
)

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.operations.recorder import Recorder


@click.group()
def drill() -> None:
    """Test sheets, people and access before they are needed."""


@drill.command("roll-call")
@click.argument("name")
@click.argument("sheet")
@click.option("--bag", help="The serial on the bag; with --scan, on the new bag.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Scan of this one sheet: look at it, not at its bag.")
@click.option("--finding", "findings", multiple=True, help="What is wrong with the bag or its seal, in words.")
@pass_terminal
def roll_call(
    terminal: Terminal, name: str, sheet: str, bag: str | None, scans: tuple[Path, ...], findings: tuple[str, ...]
) -> None:
    """Look at one SHEET (3, or 2.3 for group 2) of NAME, with its custodian alone.

    Without --scan nothing is opened: the bag is whole and has the serial on record. With --scan the sheet itself
    is verified, in a process that keeps nothing, and goes into a new bag.
    """
    from breakglass_shamir.operations.drills import roll_call as operation
    from breakglass_shamir.operations.printing.custodians import seat

    harden(terminal)
    with recorder(terminal, name) as opened:
        if scans:
            found = operation.verify_live(opened, seat(sheet), scans, bag or "", findings)
        else:
            serial = terminal.ask(bag, "--bag", "Serial on the bag")
            findings = findings or _ask_finding(terminal, asked=bag is None)
            found = operation.inspect_seal(opened, seat(sheet), serial, findings)
    where = f"sheet {found.sheet} of {name}" + (f" with {found.custodian}" if found.custodian else "")
    print_health = (
        f"; print {found.health}, {found.used_percent} % of its error correction used" if found.health else ""
    )
    terminal.result(found, [f"roll-call {found.result}: {where}, bag {found.bag or 'none'}{print_health}"])


def _ask_finding(terminal: Terminal, *, asked: bool) -> tuple[str, ...]:
    """Ask what is wrong with the bag where its serial had to be asked for too."""
    said = terminal.ask_optional("What is wrong with the bag or its seal? (empty: nothing)") if asked else ""
    return (said,) if said else ()


def _declaring(command: Any) -> Any:
    """Add the options of a declaration and of its sheets."""
    for option in reversed(
        (
            click.option("--class", "incident_class", help="Incident class, from the policy's list."),
            click.option("--ticket", help="The drill's ticket."),
            click.option("--reason", help="Why, in words."),
            click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each."),
            click.option(
                "--sign", "keys", type=PATH, multiple=True, metavar="KEYFILE", help="An officer's own SSH key; signs."
            ),
            click.option("--debt", "debts", multiple=True, metavar="ID", help="An open debt that this drill knows of."),
            click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder."),
            click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each."),
        )
    ):
        command = option(command)
    return command


@drill.command()
@click.argument("name")
@_declaring
@reading_options
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for scans.")
@protocol_option
@pass_terminal
def rehearsal(terminal: Terminal, /, name: str, **options: Any) -> None:
    """Play an opening of NAME on a quorum of drill cards; the live sheets stay in their bags.

    Declared, timed and recorded like an opening. Nothing is revealed, and nothing of the credential can follow
    from what is scanned.
    """
    from breakglass_shamir.operations.drills import rehearsal as operation
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    with Scanner() as scanner, recorder(terminal, name) as opened:
        scanner.start()
        request = _request(terminal, opened, options)
        signers = Signers(options["keys"], interactive())
        sources = _sources(terminal, options)
        with protocols.kept(opened, "rehearsal", options["protocol"], "a4"):
            found = operation.rehearse(opened, request, sources, scanner, signers=signers)
    terminal.result(found, _lines(found))


@drill.command()
@click.argument("name")
@_declaring
@reading_options
@printing_options
@protocol_option
@receipts_option
@target_options
@click.option("--record-to", type=PATH, help="Where the ledger goes on when it cannot be written here.")
@pass_terminal
def access(terminal: Terminal, /, name: str, **options: Any) -> None:
    """Open NAME for real, up to a login by the connector that nobody sees, and rotate it.

    Takes a quorum of live sheets and ends in new ones, as every opening does. Its checks are hard.
    """
    from breakglass_shamir.operations.drills import access as operation
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    with Scanner() as scanner, recorder(terminal, name, record_to=options["record_to"]) as opened:
        scanner.start()
        request = _request(terminal, opened, options)
        sources = _sources(terminal, options)
        ask_for_folders(terminal, options)
        signers = Signers(options["keys"], interactive())
        printing = printing_of(*(options[key] for key in ("out", "printer", "paper", "readback", "timeout", "acks")))
        with (
            protocols.kept(opened, "access", options["protocol"], options["paper"]),
            giving_receipts(terminal, opened, options["receipts_to"]),
        ):
            named = named_target(options)
            found = operation.access(opened, request, sources, printing, scanner, signers=signers, named=named)
    terminal.result(found, _lines(found))


def _sources(terminal: Terminal, options: dict[str, Any]) -> "Sources":
    return sheets_from(
        terminal, options["scans"], options["typed"],
        watched=options["watched"], camera=options["camera"], timeout=options["timeout"],
    )  # fmt: skip


def _request(terminal: Terminal, opened: "Recorder", options: dict[str, Any]) -> "Request":
    """Put the declaration of a drill together, asking for what is missing."""
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.custody.policy import source as policies

    source = opened.set_state.policy_source
    listed = f" ({', '.join(policies.parse(source).declaration.classes)})" if source else ""
    return Request(
        purpose="drill",
        incident_class=terminal.ask(options["incident_class"], "--class", f"Incident class to play{listed}"),
        ticket=terminal.ask(options["ticket"], "--ticket", "Ticket"),
        reason=terminal.ask(options["reason"], "--reason", "Reason, in words"),
        officers=options["officers"] or ask_officers(terminal),
        mode="no-reveal",
        use_for_s=0,
        debts=options["debts"],
    )


def _lines(found: "DrillOutcome") -> list[str]:
    steps = ", ".join(f"{step} {milliseconds / 1000:.1f} s" for step, milliseconds in found.steps_ms.items())
    cards = f", drill cards {', '.join(found.sheets)}" if found.sheets else ""
    return [
        f"{found.drill} {found.result}: {found.set_name}, epoch {found.epoch}{cards}",
        *(f"  {reason}" for reason in found.reasons),
        f"  after the declaration: {steps or 'nothing was timed'}",
    ]

# SPDX-License-Identifier: Apache-2.0
"""``confirm``, ``ack``, ``reassign``, ``void``: what happens to printed sheets."""

import dataclasses
from pathlib import Path

import click

from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.screen.values import SECONDS
from breakglass_shamir.cli.session import PATH, check_watched, harden, pass_terminal, reading_options, recorder
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.shell import breakglass


@click.command()
@click.argument("name")
@click.argument("scans", type=PATH, nargs=-1, metavar="SCAN...")
@reading_options
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for sheets.")
@pass_terminal
def confirm(
    terminal: Terminal, name: str, scans: tuple[Path, ...], watched: Path | None, camera: int | Path | None,
    timeout: float,
) -> None:  # fmt: skip
    """Read printed sheets back; with all of them verified the epoch is sealed."""
    from breakglass_shamir.operations.printing import readback
    from breakglass_shamir.paper.reading.scan import Scanner

    if not scans and watched is None and camera is None:
        raise InvalidInput("expected scans of the sheets, got none", hint="name pictures, PDFs or folders, or --camera")
    check_watched(watched)
    harden(terminal)
    with Scanner() as scanner, recorder(terminal, name) as opened:
        epoch = readback.confirm(opened, scans, scanner, watched=watched, camera=camera, patience_s=timeout)
    document = {"set": name, "epoch": epoch.number, "epoch_id": epoch.short_id, "sealed": epoch.sealed}
    terminal.result(
        document, [f"sealed: all {len(epoch.seats)} sheets of {name}, epoch {epoch.number}, were read back"]
    )


@click.command()
@click.argument("name")
@click.argument("sheet")
@click.option("--bag", default="", help="Serial of the tamper-evident bag.")
@click.option("--sign", "key_file", type=PATH, metavar="KEYFILE", help="The custodian signs with an own SSH key.")
@pass_terminal
def ack(terminal: Terminal, name: str, sheet: str, bag: str, key_file: Path | None) -> None:
    """Record that the custodian of SHEET (3, or 2.3 for group 2) holds it.

    With --sign the custodian signs that record. The policy lists the key under [[custodians]]: a file, one that an
    agent holds (name its .pub file), or that of a FIDO2 token.
    """
    from breakglass_shamir.operations.printing import custodians

    with recorder(terminal, name) as opened:
        seat, key = custodians.seat(sheet), ""
        if key_file is None:
            custodian = custodians.acknowledge(opened, seat, bag)
        else:
            custodian, key = custodians.acknowledge_signed(opened, seat, bag, key_file, asks=interactive())
    document = {"set": name, "sheet": seat, "custodian": custodian, "bag": bag, "signed_with": key}
    said = f"acknowledged: {custodian or 'the custodian'} holds sheet {seat} of {name}"
    terminal.result(document, [said, *([f"signed: {custodian} with {key}"] if key else [])])


@click.command()
@click.argument("name")
@click.argument("sheet")
@click.option("--to", "custodian", required=True, metavar="CUSTODIAN", help="Who keeps it from now on.")
@click.option("--reason", default="change of custodian", show_default=True, help="Why.")
@click.option("--has-happened", is_flag=True, help="The paper is there already: record it whatever stands against it.")
@pass_terminal
def reassign(terminal: Terminal, name: str, sheet: str, custodian: str, reason: str, has_happened: bool) -> None:
    """Record that SHEET changes hands. A roll-call and a rotation are due then.

    Whoever held enough sheets of one epoch over time, or sheets of two groups, is refused by name.
    """
    from breakglass_shamir.operations.printing import custodians

    with recorder(terminal, name) as opened:
        seat = custodians.seat(sheet)
        found = custodians.reassign(opened, seat, custodian, reason, has_happened=has_happened)
    for line in found.despite:
        terminal.warn(line)
    lines = [
        f"reassigned: sheet {seat} of {name} is with {found.after}, before with {found.before or 'nobody known'}",
        f"next: {breakglass('ack', name, sheet)}, once it is there",
        *found.due,
    ]
    terminal.result({"set": name, **dataclasses.asdict(found)}, lines)


@click.command()
@click.argument("name")
@click.argument("sheet")
@click.option("--reason", required=True, help="What happened to it.")
@pass_terminal
def void(terminal: Terminal, name: str, sheet: str, reason: str) -> None:
    """Record that SHEET is lost or was seen: it counts no more."""
    from breakglass_shamir.operations.printing import custodians

    with recorder(terminal, name) as opened:
        seat = custodians.seat(sheet)
        left, risk = custodians.void(opened, seat, reason)
    lines = [f"void: sheet {seat} of {name}; rotate soon"]
    if risk:
        terminal.warn(f"{name}: {risk}")
    else:
        lines.append(f"{left} more may be lost before no quorum is left")
    terminal.result({"set": name, "sheet": seat, "losses_left": left}, lines)

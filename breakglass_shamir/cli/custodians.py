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
@click.argument("name", required=False, default="")
@click.argument("scans", type=PATH, nargs=-1, metavar="[NAME...] SCAN...")
@click.option(
    "--scan", "heap", type=PATH, multiple=True, help="Scans of any sets, sorted by themselves; all words are names."
)
@reading_options
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for sheets.")
@pass_terminal
def confirm(
    terminal: Terminal, name: str, scans: tuple[Path, ...], heap: tuple[Path, ...], watched: Path | None,
    camera: int | Path | None, timeout: float,
) -> int:  # fmt: skip
    """Read printed sheets back; with all of them verified the epoch is sealed.

    At a terminal what is missing is gathered at a board: which sheets are in, which are missing and whose. With several
    names, or with --scan, the scans may be of any sets in any order: each sheet says itself of which set it is. Without
    a name every set counts that has sheets. Exit code 4 when a sheet of one of them is still missing.
    """
    from breakglass_shamir.cli import fleet
    from breakglass_shamir.cli.guide import dealing
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.printing import readback
    from breakglass_shamir.paper.reading.scan import Scanner

    if not (scans or heap) and watched is None and camera is None and not interactive():
        raise InvalidInput("expected scans of the sheets, got none", hint="name pictures, PDFs or folders, or --camera")
    check_watched(watched)
    harden(terminal)
    with Scanner() as scanner, recorder(terminal, name) as opened:
        names, scans = fleet.names_and_scans(opened.state, name, scans, heap)
        if len(names) > 1 or (heap and not names):
            fleet.require_files(watched, camera)
            return fleet.confirm(terminal, opened, names, scans, scanner)
        asking.begin(terminal, opened, name, dealing.is_unread)
        name, terminal.leaves = opened.set_name, lambda: dealing.next_steps(opened.refresh())
        epoch = readback.confirm(
            opened, scans, scanner, watched=watched, camera=camera, patience_s=timeout, asks=interactive()
        )
    document = {"set": name, "epoch": epoch.number, "epoch_id": epoch.short_id, "sealed": epoch.sealed}
    terminal.result(
        document, [f"sealed: all {len(epoch.seats)} sheets of {name}, epoch {epoch.number}, were read back"]
    )
    return 0


@click.command()
@click.argument("name", required=False, default="")
@click.argument("sheet", required=False, default="")
@click.option("--bag", default="", help="Serial of the tamper-evident bag.")
@click.option("--sign", "key_file", type=PATH, metavar="KEYFILE", help="The custodian signs with an own SSH key.")
@click.option("--from", "listed", type=PATH, metavar="FILE", help="Many sheets: CSV with the columns set, sheet, bag.")
@click.option("--custodian", default="", metavar="NAME", help="Many sheets: all that this custodian takes now.")
@pass_terminal
def ack(
    terminal: Terminal, name: str, sheet: str, bag: str, key_file: Path | None, listed: Path | None, custodian: str
) -> None:
    """Record that the custodian of SHEET holds it: 3, 2.3 for group 2, or the custodian's name.

    What is missing is asked at a terminal. Of many sheets --from names a list, which is checked whole before any of it
    is recorded; with --custodian all of them are that person's. --custodian alone asks for the bag of each sheet that
    is waiting for this person.
    With --sign the custodian signs that record. The policy lists the key under [[custodians]]: a file, one that an
    agent holds (name its .pub file), or that of a FIDO2 token.
    """
    from breakglass_shamir.cli import fleet
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.printing import custodians
    from breakglass_shamir.operations.printing.epochs import epoch_in_hand

    if listed is not None or custodian:
        if name or sheet or bag or key_file is not None:
            raise InvalidInput("expected either one sheet, or --from and --custodian for many, got both")
        fleet.ack(terminal, listed, custodian)
        return
    with recorder(terminal, name) as opened:
        guide = asking.begin(terminal, opened, name)
        epoch = epoch_in_hand(opened.set_state)
        seat, key = asking.sheet(guide, opened, epoch, sheet), ""
        name, bag = opened.set_name, asking.bag(guide, bag, asked=not sheet)
        if key_file is None:
            custodian = custodians.acknowledge(opened, seat, bag)
        else:
            custodian, key = custodians.acknowledge_signed(opened, seat, bag, key_file, asks=interactive())
    document = {
        "set": name, "epoch": epoch.number, "sheet": seat, "custodian": custodian, "bag": bag, "signed_with": key
    }  # fmt: skip
    said = f"acknowledged: {custodian or 'the custodian'} holds sheet {seat} of {name}, epoch {epoch.number}"
    terminal.result(document, [said, *([f"signed: {custodian} with {key}"] if key else [])])


@click.command()
@click.argument("name", required=False, default="")
@click.argument("sheet", required=False, default="")
@click.option("--to", "custodian", metavar="CUSTODIAN", help="Who keeps it from now on.")
@click.option("--reason", default="change of custodian", show_default=True, help="Why.")
@click.option("--has-happened", is_flag=True, help="The paper is there already: record it whatever stands against it.")
@pass_terminal
def reassign(terminal: Terminal, name: str, sheet: str, custodian: str | None, reason: str, has_happened: bool) -> None:
    """Record that SHEET, by number or custodian, changes hands. A roll-call and a rotation are due then.

    Whoever held enough sheets of one epoch over time, or sheets of two groups, is refused by name. What is missing is
    asked at a terminal.
    """
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.printing import custodians
    from breakglass_shamir.operations.printing.epochs import epoch_in_hand

    with recorder(terminal, name) as opened:
        guide = asking.begin(terminal, opened, name)
        seat, name = asking.sheet(guide, opened, epoch_in_hand(opened.set_state), sheet), opened.set_name
        custodian = asking.text(guide, custodian, "--to", "custodian", "Who keeps it from now on?")
        found = custodians.reassign(opened, seat, custodian, reason, has_happened=has_happened)
    for line in found.despite:
        terminal.warn(line)
    lines = [
        f"reassigned: sheet {seat} of {name} is with {found.after}, before with {found.before or 'nobody known'}",
        f"next: {breakglass('ack', name, seat)}, once it is there",
        *found.due,
    ]
    terminal.result({"set": name, **dataclasses.asdict(found)}, lines)


@click.command()
@click.argument("name", required=False, default="")
@click.argument("sheet", required=False, default="")
@click.option("--reason", help="What happened to it.")
@pass_terminal
def void(terminal: Terminal, name: str, sheet: str, reason: str | None) -> None:
    """Record that SHEET, by number or custodian, is lost or was seen: it counts no more.

    What is missing is asked at a terminal.
    """
    from breakglass_shamir.cli.guide import records as asking
    from breakglass_shamir.operations.printing import custodians
    from breakglass_shamir.operations.printing.epochs import epoch_in_hand

    with recorder(terminal, name) as opened:
        guide = asking.begin(terminal, opened, name)
        seat, name = asking.sheet(guide, opened, epoch_in_hand(opened.set_state), sheet), opened.set_name
        reason = asking.text(guide, reason, "--reason", "reason", "What happened to it?", "such as: left on a train")
        left, risk = custodians.void(opened, seat, reason)
    lines = [f"void: sheet {seat} of {name}; rotate soon"]
    if risk:
        terminal.warn(f"{name}: {risk}")
    else:
        lines.append(f"{left} more may be lost before no quorum is left")
    terminal.result({"set": name, "sheet": seat, "losses_left": left}, lines)

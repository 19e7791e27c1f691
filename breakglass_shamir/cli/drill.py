# SPDX-License-Identifier: Apache-2.0
"""``drill roll-call``, ``drill rehearsal``, ``drill access``: the three drills; ``drill load``: many at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.attempt import ask_officers
from breakglass_shamir.cli.printing import PRINTING, printing_of, printing_options, protocol_option
from breakglass_shamir.cli.receipts import giving_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.screen.values import SECONDS
from breakglass_shamir.cli.session import (
    PATH,
    harden,
    named_target,
    pass_terminal,
    read_policy,
    read_secret,
    reading_options,
    recorder,
    sheets_from,
    target_options,
)
from breakglass_shamir.errors import InvalidInput, NoHome
from breakglass_shamir.ledger import home
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.hygiene import Secret
    from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
    from breakglass_shamir.operations.drills.roll_call import RollCallResult
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.operations.recorder import Recorder

OVER_LIMIT = 8
"""Exit code of a load drill that passed a limit, or lost something."""

DRILLS = {
    "roll-call": "one custodian, one sheet, one minute: its bag, or the sheet alone",
    "rehearsal": "a whole opening on drill cards; the live sheets stay in their bags",
    "access": "the real thing up to a login that nobody sees; ends in new sheets",
}
"""Each drill, in a line."""


@click.group(invoke_without_command=True)
@click.pass_context
def drill(ctx: click.Context) -> None:
    """Test sheets, people and access before they are needed.

    At a terminal the drill is chosen from a list where none is named.
    """
    if ctx.invoked_subcommand is not None:
        return
    if not interactive():
        raise click.UsageError("expected roll-call, rehearsal or access, got none", ctx)
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.cli.guide.question import Choice, Question

    choices = tuple(Choice(name, said) for name, said in DRILLS.items())
    chosen = Guide(ctx.obj).ask(Question("drill", "Which drill?", choices=choices, kept=False))
    ctx.invoke(drill.commands[chosen], **_defaults(ctx, drill.commands[chosen]))


def _defaults(ctx: click.Context, command: click.Command) -> dict[str, Any]:
    """Return what a command gets that was called without a word."""
    with command.make_context(command.name, [], parent=ctx) as made:
        return made.params


@drill.command("roll-call")
@click.argument("name", required=False, default="")
@click.argument("sheet", required=False, default="")
@click.argument("others", nargs=-1, metavar="[NAME...]")
@click.option("--from", "listed", type=PATH, metavar="FILE", help="Many: CSV with the columns set, sheet, bag.")
@click.option("--custodian", default="", metavar="NAME", help="Many: all of them are this custodian's.")
@click.option("--all", "every_set", is_flag=True, help="Many: sheets of every set that are among the scans.")
@click.option("--bag", help="The serial on the bag; with --scan, on the new bag.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Scan of this one sheet: look at it, not at its bag.")
@click.option("--finding", "findings", multiple=True, help="What is wrong with the bag or its seal, in words.")
@pass_terminal
def roll_call(
    terminal: Terminal, name: str, sheet: str, others: tuple[str, ...], listed: Path | None, custodian: str,
    every_set: bool, bag: str | None, scans: tuple[Path, ...], findings: tuple[str, ...],
) -> int:  # fmt: skip
    """Look at one SHEET of NAME (3, 2.3 for group 2, or its custodian's name), with its custodian alone.

    Without --scan nothing is opened: the bag is whole and has the serial on record. With --scan the sheet itself
    is verified, in a process that keeps nothing, and goes into a new bag. At a terminal what is missing is asked for.

    Many sheets, at most one of each set: --from names a list of bags; with --scan the files, one for each sheet, say
    themselves of which set they are, and the list says which new bag each goes into. Words are names of sets then. Exit
    code: that of the worst, 4 where a sheet is missing.
    """
    from breakglass_shamir.custody.life import holders
    from breakglass_shamir.operations.drills import roll_call as operation
    from breakglass_shamir.paper.reading.health import said

    harden(terminal)
    names = tuple(filter(None, (name, sheet, *others)))
    if others or listed is not None or custodian or every_set or _names_sets(terminal, names):
        if every_set and names:
            raise InvalidInput("expected either NAME or --all, got both")
        from breakglass_shamir.cli import rounds

        alone = {"--bag": bag, "--finding": findings}
        return rounds.roll_call(terminal, names, listed, custodian, scans, alone)
    asks = interactive() and not (name and sheet and (scans or bag is not None))
    if not asks:
        _require(("NAME", name), ("SHEET", sheet), ("--bag", "--scan" if scans else bag))
    with recorder(terminal, name) as opened:
        seat = holders.sheet_of(opened.set_state.current_epoch, sheet) if sheet and opened.set_name else ""
        if asks:
            found = _guided_roll_call(terminal, opened, seat, bag, scans, findings)
        elif scans:
            found = operation.verify_live(opened, seat, scans, bag or "", findings)
        else:
            found = operation.inspect_seal(opened, seat, bag or "", findings)
        name = opened.set_name
    where = f"sheet {found.sheet} of {name}" + (f" with {found.custodian}" if found.custodian else "")
    print_health = f"; print: {said(found.health, found.used_percent)}" if found.health else ""
    terminal.result(found, [f"roll-call {found.result}: {where}, bag {found.bag or 'none'}{print_health}"])
    return 0


def _names_sets(terminal: Terminal, words: tuple[str, ...]) -> bool:
    """Tell whether two words are two sets, and not a set and a sheet of it.

    Raises:
        InvalidInput: the second may be either.
    """
    from breakglass_shamir.custody.life import holders

    if len(words) != 2:
        return False
    try:
        with home.open_home(terminal.home) as ledger:
            sets, second = ledger.state.sets, words[1]
    except NoHome:
        return False
    first = sets.get(words[0])
    if first is None or not first.current or second not in sets:
        return False
    try:
        seat = holders.sheet_of(first.current_epoch, second)
    except InvalidInput:
        return True
    raise InvalidInput(
        f"{second} is a set and sheet {seat} of {words[0]}", hint="give the sheet's number, or say --all for many sets"
    )


def _guided_roll_call(
    terminal: Terminal, opened: "Recorder", sheet: str, bag: str | None, scans: tuple[Path, ...],
    findings: tuple[str, ...],
) -> "RollCallResult":  # fmt: skip
    """Ask for what no option says."""
    from breakglass_shamir.cli.guide import roll_call as guided

    given = {
        guided.SHEET: sheet,
        guided.LEVEL: "sheet" if scans else "bag" if bag is not None else "",
        guided.SCAN: "\n".join(map(str, scans)),
        guided.SERIAL: bag or "",
        guided.NEW_BAG: bag or "",
        guided.FINDING: "; ".join(findings),
    }
    guide = _at_a_set(terminal, opened, "drill roll-call")
    return guided.play(guide, opened, {key: answer for key, answer in given.items() if answer})


def _at_a_set(terminal: Terminal, opened: "Recorder", command: str) -> "Guide":
    """Ask which set is meant, where that is not known; returns who asks on."""
    from breakglass_shamir.cli.guide import sets
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.cli.guide.memory import Memory

    guide = Guide(terminal)
    fits = {name: state for name, state in opened.state.sets.items() if state.current and state.retired is None}
    opened.set_name = sets.choose(guide, fits, opened.set_name)
    guide.memory = Memory(terminal.home, f"{command} {opened.set_name}")
    guide.command = breakglass(command, opened.set_name)
    return guide


def _require(*needed: tuple[str, str | None]) -> None:
    """Refuse a line on which something is missing that nobody is there to be asked for.

    Raises:
        InvalidInput: naming it.
    """
    for word, said in needed:
        if not said:
            raise InvalidInput(f"expected {word}, got none", hint="give it as an option, or use a terminal")


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
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every_set", is_flag=True, help="Every set here of which cards are among the scans.")
@_declaring
@reading_options
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for scans.")
@protocol_option
@pass_terminal
def rehearsal(terminal: Terminal, /, names: tuple[str, ...], every_set: bool, **options: Any) -> int:
    """Play an opening of NAME on a quorum of drill cards; the live sheets stay in their bags.

    Declared, timed and recorded like an opening. Nothing is revealed, and nothing of the credential can follow
    from what is scanned.

    Several names, or --all, are rehearsed one after the other from one heap of cards, which is sorted by itself; each
    under a declaration of its own. A set without a quorum of its cards is not begun. Exit code: that of the worst.
    """
    from breakglass_shamir.operations.drills import rehearsal as operation
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    if every_set or len(names) > 1:
        if every_set and names:
            raise InvalidInput("expected either NAME or --all, got both")
        from breakglass_shamir.cli import rounds

        return rounds.rehearsal(terminal, names, options)
    name = names[0] if names else ""
    if not interactive():
        _require(("NAME", name))
    with Scanner() as scanner, recorder(terminal, name) as opened:
        scanner.start()
        request = _request(terminal, opened, options, "rehearsal")
        signers = Signers(options["keys"], interactive())
        sources = _sources(terminal, options)
        with protocols.kept(opened, "rehearsal", options["protocol"], "a4"):
            found = operation.rehearse(opened, request, sources, scanner, signers=signers)
    terminal.result(found, _lines(found))
    return 0


@drill.command()
@click.argument("names", nargs=-1, metavar="NAME")
@_declaring
@reading_options
@printing_options
@protocol_option
@receipts_option
@target_options
@click.option("--record-to", type=PATH, help="Where the ledger goes on when it cannot be written here.")
@pass_terminal
def access(terminal: Terminal, /, names: tuple[str, ...], **options: Any) -> None:
    """Open NAME for real, up to a login by the connector that nobody sees, and rotate it.

    Takes a quorum of live sheets and ends in new ones, as every opening does. Its checks are hard.
    """
    from breakglass_shamir.operations.drills import access as operation
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    if len(names) > 1:
        many = breakglass("rotate", *names, options="--scan DIR --out DIR")
        raise InvalidInput(
            "expected one set, got many: an access drill opens, logs in and rotates at once",
            hint=f"drill one of them; the others are rotated together with: {many}",
        )
    name = names[0] if names else ""
    if not interactive():
        _require(("NAME", name))
    with Scanner() as scanner, recorder(terminal, name, record_to=options["record_to"]) as opened:
        scanner.start()
        request = _request(terminal, opened, options, "access")
        sources = _sources(terminal, options)
        signers = Signers(options["keys"], interactive())
        printing = printing_of(*(options[key] for key in PRINTING))
        with (
            protocols.kept(opened, "access", options["protocol"], options["paper"]),
            giving_receipts(terminal, opened, options["receipts_to"]),
        ):
            named = named_target(options)
            found = operation.access(opened, request, sources, printing, scanner, signers=signers, named=named)
    terminal.result(found, _lines(found))


@drill.command()
@click.argument("policy", type=PATH)
@click.option("--terminals", default=2, show_default=True, help="How many homes are made for it.")
@click.option("--rehearsals", default=4, show_default=True, help="How many run at a time, over all terminals.")
@click.option("--rounds", default=1, show_default=True, help="How often each of them runs.")
@click.option("--for", "lasting", default="5m", show_default=True, help="No rehearsal begins later than that.")
@click.option("--settle", default="30s", show_default=True, help="How long alerts may take after the last of them.")
@click.option("--disk", default=512, show_default=True, metavar="MIB", help="What all homes together may take.")
@click.option("--slow-sink", "slow", metavar="D", help="A sink besides, which answers after so long, such as 5s.")
@click.option("--dead-sink", "dead", is_flag=True, help="A sink besides, which never answers.")
@click.option("--to", "place", metavar="ADDRESS", help="A collection for drills, to which the terminals push.")
@click.option("--enrol-at", metavar="ADDRESS", help="The same collection, by a login that enrols. Default: --to.")
@click.option("--collector", type=PATH, metavar="FILE", help="The public key of that collection's collector.")
@click.option("--target", default="", metavar="URI", help="Where each rehearsal logs in; as in the policy.")
@click.option("--account", default="", help="The account there; as in the policy.")
@click.option("--credential-from", metavar="FILE|-", help="Its password.")
@pass_terminal
def load(terminal: Terminal, /, policy: Path, **options: Any) -> int:
    """Run many rehearsals at once, on sets that are made for it and thrown away, by the [drills.load] of POLICY.

    Nothing of a set on record is touched. Events go to the sinks that adopted policies let load drills at, marked
    as such. What it showed is recorded here.
    """
    from breakglass_shamir.cli.load_words import lines
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.operations.load import running
    from breakglass_shamir.operations.load.wanted import Collection, Wanted

    harden(terminal)
    file = read_policy(terminal, policy)
    where = None
    if options["place"] or options["collector"]:
        _require(("--to", options["place"]), ("--collector", options["collector"]))
        where = Collection(options["place"], options["collector"], options["enrol_at"] or options["place"])
    credential = _password(terminal, options["credential_from"]) if options["credential_from"] else None
    slow_s = Duration.parse(options["slow"]).seconds if options["slow"] else 0
    wanted = Wanted(
        options["terminals"], options["rehearsals"], options["rounds"], Duration.parse(options["lasting"]).seconds,
        Duration.parse(options["settle"]).seconds, options["disk"], slow_s, options["dead"], where,
        named_target(options), credential,
    )  # fmt: skip
    with recorder(terminal) as opened, file.located():
        found = running.run(opened, file.text, wanted)
    terminal.result(found, lines(found))
    return OVER_LIMIT if found.result == "fail" else 0


def _password(terminal: Terminal, source: str) -> "Secret":
    from breakglass_shamir.custody.credential import CredentialKind

    return read_secret(terminal, source, CredentialKind.PASSWORD, raw=False)


def _sources(terminal: Terminal, options: dict[str, Any]) -> "Sources":
    return sheets_from(
        terminal, options["scans"], options["typed"],
        watched=options["watched"], camera=options["camera"], timeout=options["timeout"],
    )  # fmt: skip


def _request(terminal: Terminal, opened: "Recorder", options: dict[str, Any], kind: str) -> "Request":
    """Put the declaration of a drill together, asking for what is missing, the place for new sheets too."""
    from breakglass_shamir.custody.life.gates import Request

    asked = _asked(terminal, opened, options, kind) if interactive() else {}
    return Request(
        purpose="drill",
        incident_class=terminal.ask(asked.get("class", options["incident_class"]), "--class", "Incident class to play"),
        ticket=terminal.ask(asked.get("ticket", options["ticket"]), "--ticket", "Ticket"),
        reason=terminal.ask(asked.get("reason", options["reason"]), "--reason", "Reason, in words"),
        officers=tuple(filter(None, asked.get("officers", "").split("\n"))) or options["officers"]
        or ask_officers(terminal),
        mode="no-reveal",
        use_for_s=0,
        debts=options["debts"],
    )  # fmt: skip


def _asked(terminal: Terminal, opened: "Recorder", options: dict[str, Any], kind: str) -> "Mapping[str, str]":
    """Ask which set, what its declaration needs, and for an access drill where new sheets go."""
    from breakglass_shamir.cli.guide import place, recombine

    guide = _at_a_set(terminal, opened, f"drill {kind}")
    keys = {"class": "incident_class", "ticket": "ticket", "reason": "reason"}
    given = {key: options[option] for key, option in keys.items() if options[option]}
    if options["officers"]:
        given["officers"] = "\n".join(options["officers"])
    before = place.recalled(guide)
    asked = recombine.ask(guide, opened, {**given, "mode": "no-reveal"})
    options["debts"] = tuple(dict.fromkeys((*options["debts"], *asked.debts)))
    if kind == "access" and not (options["out"] or options["printer"]):
        options |= place.options_of(guide.ask_all(place.steps(guide, may_wait=False), before, adds=True))
    guide.forget()
    return {**asked.answers, "officers": "\n".join(asked.officers)}


def _lines(found: "DrillOutcome") -> list[str]:
    steps = ", ".join(f"{step} {milliseconds / 1000:.1f} s" for step, milliseconds in found.steps_ms.items())
    cards = f", drill cards {', '.join(found.sheets)}" if found.sheets else ""
    return [
        f"{found.drill} {found.result}: {found.set_name}, epoch {found.epoch}{cards}",
        *(f"  {reason}" for reason in found.reasons),
        f"  after the declaration: {steps or 'nothing was timed'}",
    ]

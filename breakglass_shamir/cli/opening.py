# SPDX-License-Identifier: Apache-2.0
"""``recombine``, ``close``, ``cancel``: one opening."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.printing import ask_for_folders, printing_of, printing_options, protocol_option
from breakglass_shamir.cli.receipts import give_receipts, giving_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
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
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    IntegrityError,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
    NoHome,
)
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.operations.credential.recombine import OpeningResult, Use

CLASSIFICATIONS = click.Choice(["emergency", "drill", "misuse"])
"""What a use was."""

_ASKED_MODES = ("show", "no-reveal")


class TakesCommand(click.Command):
    """A command whose ``--exec`` takes the rest of the line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the line at ``--exec``."""
        if "--exec" in args:
            at = args.index("--exec")
            command = args[at + 1 :]
            ctx.meta["command"] = tuple(command[1:] if command[:1] == ["--"] else command)
            args = args[: at + 1]
        return super().parse_args(ctx, args)


@click.command(cls=TakesCommand)
@click.argument("name", required=False, default="")
@click.option("--class", "incident_class", help="Incident class, from the policy's list.")
@click.option("--ticket", help="The incident's ticket.")
@click.option("--reason", help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@click.option("--sign", "keys", type=PATH, multiple=True, metavar="KEYFILE", help="An officer's own SSH key; signs.")
@click.option("--use-for", help="How long the use may take, such as 30m. Default: what the policy allows.")
@click.option("--debt", "debts", multiple=True, metavar="ID", help="An open debt that this opening knows of.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder of sheets.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@reading_options
@click.option("--exec", "execute", is_flag=True, help="Give the credential to the command that follows.")
@click.option("--show", is_flag=True, help="Show the credential on the screen, for a while.")
@click.option("--no-reveal", is_flag=True, help="Let the connector log in; nobody sees the credential.")
@click.option("--as", "classification", type=CLASSIFICATIONS, help="What the use was. Default: emergency.")
@click.option("--defer", metavar="DURATION", help="Put the rotation off, where the policy allows.")
@click.option("--defer-reason", default="", help="Why.")
@click.option("--override", "gates", multiple=True, metavar="GATE", help="Pass this failed check; it is recorded.")
@click.option("--override-reason", default="", help="Why.")
@click.option(
    "--receipt", "brought", type=PATH, multiple=True, help="A receipt that vouches for the set; or its picture."
)
@receipts_option
@target_options
@click.option("--record-to", type=PATH, help="Where the ledger goes on when it cannot be written here.")
@printing_options
@protocol_option
@pass_terminal
@click.pass_context
def recombine(ctx: click.Context, terminal: Terminal, /, name: str, **options: Any) -> None:
    """Open a set: declare, scan a quorum of sheets, use the credential, rotate it.

    Nothing is revealed before a signed record of it is on disk. Without --out or --printer for the new sheets
    the rotation stays owed, and the exit code is 7. --exec takes the rest of the line as its command, which gets the
    credential on standard input and on the descriptor numbered by BREAKGLASS_FD.
    """
    from breakglass_shamir.operations.credential import recombine as operation
    from breakglass_shamir.operations.opening.declaring import Overrides
    from breakglass_shamir.operations.opening.signing import Signers
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.paper.reading.scan import Scanner

    harden(terminal)
    with ExitStack() as stack:
        scanner = stack.enter_context(Scanner())
        scanner.start()
        stack.enter_context(_naming_record_to())
        opened = stack.enter_context(_ledger(terminal, name, options["record_to"]))
        request = _request(terminal, _likely_set(opened.state.sets, name), options)
        overrides = Overrides(frozenset(options["gates"]), options["override_reason"])
        sources = sheets_from(
            terminal, options["scans"], options["typed"],
            watched=options["watched"], camera=options["camera"], timeout=options["timeout"],
        )  # fmt: skip
        use = _use(terminal, ctx.meta.get("command", ()), options)
        ask_for_folders(terminal, options)
        signers = Signers(options["keys"], interactive())
        printing = printing_of(*(options[key] for key in ("out", "printer", "paper", "readback", "timeout", "acks")))
        sources = replace(sources, receipts=options["brought"])
        stack.enter_context(protocols.kept(opened, "recombine", options["protocol"], options["paper"]))
        with giving_receipts(terminal, opened, options["receipts_to"], emergency=True) as files:
            found = operation.recombine(
                opened, request, overrides, sources, use, printing, scanner, signers=signers,
                named=named_target(options),
            )  # fmt: skip
    terminal.result(replace(found, receipts=tuple(files)), _lines(found))


@click.command()
@click.argument("name")
@click.option("--as", "classification", type=CLASSIFICATIONS, required=True, help="What the use was.")
@receipts_option
@pass_terminal
def close(terminal: Terminal, name: str, classification: str, receipts_to: Path | None) -> None:
    """End the use of NAME, so that its rotation applies."""
    from breakglass_shamir.operations.credential import recombine as operation

    with recorder(terminal, name) as opened:
        identifier = operation.close(opened, classification)
        files = give_receipts(terminal, opened, receipts_to)
    document = {"set": name, "opening": identifier, "classification": classification, "receipts": files}
    terminal.result(
        document, [f"the use of opening {identifier[:12]} is over ({classification}); its rotation may apply"]
    )


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why it is withdrawn.")
@pass_terminal
def cancel(terminal: Terminal, name: str, reason: str) -> None:
    """Withdraw a declaration that was not opened."""
    from breakglass_shamir.operations.credential import rotate as operation

    with recorder(terminal, name) as opened:
        identifier = operation.cancel(opened, reason)
    terminal.result({"set": name, "opening": identifier}, [f"cancelled: opening {identifier[:12]} of {name}"])


@contextmanager
def _naming_record_to() -> Iterator[None]:
    """Name the way out that this command has where no record can be made."""
    try:
        yield
    except (LedgerUnwritable, LedgerBusy) as error:
        error.hint = "write the record elsewhere with --record-to PATH (a USB stick), or " + error.hint
        raise


def _ledger(terminal: Terminal, name: str, record_to: Path | None) -> Any:
    """Open the ledger; a machine that has none begins one, since the sheets alone must suffice.

    Where it can be neither opened nor begun, one begins where ``--record-to`` says.
    """
    try:
        open_or_begin(terminal)
    except (IntegrityError, InvalidInput, IllegalState) as error:
        if record_to is None:
            raise
        _begin_instead(terminal, record_to, error)
        record_to = None
    return recorder(terminal, name, record_to=record_to)


def open_or_begin(terminal: Terminal) -> None:
    """Begin a ledger where this machine has none.

    Raises:
        IllegalState: this terminal is retired.
    """
    from breakglass_shamir.custody.life import lifecycle
    from breakglass_shamir.ledger import home

    try:
        with home.open_home(terminal.home) as found:
            lifecycle.refuse_ended(found.state)
    except NoHome:
        home.create(terminal.home, _machine()).close()
        terminal.warn(f"this machine had no ledger; a new one begins in {terminal.home}")


def _begin_instead(terminal: Terminal, record_to: Path, problem: BreakglassError) -> None:
    """Take the ledger in another folder, or begin one there that says why; the sheets alone suffice for it."""
    from breakglass_shamir.ledger import home

    try:
        home.open_home(record_to).close()
        begins = "the one"
    except NoHome:
        reason = f"the ledger in {terminal.home} could not be used: {problem}"
        home.create(record_to, _machine(), instead_because=reason).close()
        begins = "a new one"
    terminal.warn(
        f"the ledger in {terminal.home} cannot be used ({problem}); {begins} in {record_to} is used: keep the old one "
        f"for the auditor, and from now on use: {breakglass('...', home=record_to)}"
    )
    terminal.home = record_to


def _machine() -> str:
    import socket

    return socket.gethostname() or "unnamed"


def _likely_set(sets: Any, name: str) -> Any:
    """Return the set's state, so that its policy's words can be shown when something is asked."""
    return sets.get(name) if name or len(sets) != 1 else next(iter(sets.values()))


def _request(terminal: Terminal, state: Any, options: dict[str, Any]) -> "Request":
    """Put the declaration together, asking for what is missing."""
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.custody.policy import source as policies

    policy = policies.parse(state.policy_source) if state and state.policy_source else None
    listed = f" ({', '.join(policy.declaration.classes)})" if policy else ""
    return Request(
        purpose="emergency",
        incident_class=terminal.ask(options["incident_class"], "--class", f"Incident class{listed}"),
        ticket=terminal.ask(options["ticket"], "--ticket", "Ticket"),
        reason=terminal.ask(options["reason"], "--reason", "Reason, in words"),
        officers=options["officers"] or ask_officers(terminal),
        mode=_mode(terminal, options),
        use_for_s=_use_for_s(options["use_for"]),
        debts=options["debts"],
    )


def ask_officers(terminal: Terminal) -> tuple[str, ...]:
    """Ask who takes part."""
    said = terminal.ask(None, "--officer", "Officers who take part, separated by commas")
    return tuple(name.strip() for name in said.split(",") if name.strip())


def _use_for_s(written: str | None) -> int:
    """Return the seconds asked for; 0 for as long as the policy allows."""
    from breakglass_shamir.custody.policy.duration import Duration

    return Duration.parse(written).seconds if written else 0


def _mode(terminal: Terminal, options: dict[str, Any]) -> str:
    """Return the one way of revealing that was asked for.

    Raises:
        InvalidInput: none, or several, or no screen to show on.
    """
    names = {"execute": "exec", "show": "show", "no_reveal": "no-reveal"}
    chosen = [word for option, word in names.items() if options[option]]
    if not chosen:
        wanted = "--exec, --show or --no-reveal"
        chosen = [word for word in [terminal.ask(None, wanted, "Use it how (show, no-reveal)")] if word in _ASKED_MODES]
    if len(chosen) != 1:
        raise InvalidInput(f"expected one of --exec, --show and --no-reveal, got {len(chosen)}")
    if chosen == ["show"]:
        from breakglass_shamir.cli.screen import reveal

        reveal.require("expected a terminal for --show, got none", hint="use --exec or --no-reveal")
    return chosen[0]


def _use(terminal: Terminal, command: tuple[str, ...], options: dict[str, Any]) -> "Use":
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.custody.records.words import check_human_text
    from breakglass_shamir.operations.credential.recombine import Use

    defer_s = Duration.parse(options["defer"]).seconds if options["defer"] else 0
    if defer_s:
        check_human_text("reason with --defer-reason", options["defer_reason"])
    return Use(command, terminal.command_output, options["classification"] or "", defer_s, options["defer_reason"])


def _lines(found: "OpeningResult") -> list[str]:
    return [
        f"opening {found.opening[:12]} of {found.set_name}: {found.outcome}",
        f"rotated: {found.in_force}",
        *(f"owed: {debt}" for debt in found.debts),
    ]

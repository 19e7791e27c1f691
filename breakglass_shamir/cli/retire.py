# SPDX-License-Identifier: Apache-2.0
"""``retire``: the end of a set, and of a terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.operations.recorder import Recorder
    from breakglass_shamir.operations.retiring.of_set import Ending, RetiredSet
    from breakglass_shamir.operations.retiring.of_terminal import RetiredTerminal

_OF_QUORUM = ("scans", "typed", "watched", "camera", "receipts_to", "target", "account")
_OF_SET = (*_OF_QUORUM, "word", "without_quorum", "destroyed")
_DESTROYS = "SHEET... --epoch N --witness W --witness W2"
_OF_TERMINAL = ("passed", "out", "confirmed")


@click.command()
@click.argument("name", required=False, default="")
@click.option("--terminal", "of_terminal", is_flag=True, help="Retire this terminal instead of a set: its log ends.")
@click.option("--reason", help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part or attests; give it once for each.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder of sheets.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@reading_options
@click.option("--timeout", type=SECONDS, default=600.0, show_default=True, help="Seconds to wait for sheets.")
@click.option(
    "--attest", "word", type=click.Choice(["dead", "gone"]),
    help="The officers vouch that the credential is dead, or that the account is gone.",
)  # fmt: skip
@click.option("--without-quorum", is_flag=True, help="No quorum comes together any more: the officers attest.")
@click.option(
    "--destroyed", "destroyed", multiple=True, metavar="SHEET", help="This sheet was destroyed; once for each."
)
@click.option("--witness", "witnesses", multiple=True, help="Who saw the sheets destroyed; two or more.")
@receipts_option
@target_options
@click.option("--pass", "passed", multiple=True, metavar="NAME", help="With --terminal: leave this set all the same.")
@click.option("--out", type=PATH, metavar="FILE", help="With --terminal: a new file for the last receipt.")
@click.option("--confirm", "confirmed", metavar="TERMINAL", help="With --terminal: its name, to say that it is meant.")
@pass_terminal
def retire(terminal: Terminal, /, name: str, of_terminal: bool, **options: Any) -> None:
    """Take the set NAME out of service by a quorum of its sheets, or end this terminal's log with --terminal.

    Where a rotation is owed, the target must refuse the credential, or officers attest that it is dead or the account
    gone. Then destroy the sheets before two witnesses. An emergency can still open the set: --override retired.
    """
    if bool(name) == of_terminal:
        raise InvalidInput("expected either a set's NAME or --terminal", hint="breakglass status shows the sets")
    if of_terminal:
        _refuse_options(options, _OF_SET, "a set")
        found = _retire_terminal(terminal, options)
        terminal.result(found, _terminal_lines(found))
        return
    _refuse_options(options, _OF_TERMINAL, "--terminal")
    if options["without_quorum"]:
        _refuse_options(options, _OF_QUORUM, "a quorum")
    done = _retire_set(terminal, name, options)
    terminal.result(done, _lines(done))


def _refuse_options(options: dict[str, Any], others: tuple[str, ...], subject: str) -> None:
    """Refuse options that belong to something else than what is done.

    Raises:
        InvalidInput: naming them.
    """
    names = {"word": "attest", "scans": "scan", "passed": "pass", "confirmed": "confirm", "watched": "watch"}
    names |= {"receipts_to": "receipts"}
    given = [one for one in others if options[one] not in (None, (), "") and options[one] is not False]
    wrong = [f"--{names.get(one, one).replace('_', '-')}" for one in given]
    if wrong:
        raise InvalidInput(f"expected {', '.join(wrong)} with {subject} only")


def _retire_set(terminal: Terminal, name: str, options: dict[str, Any]) -> "RetiredSet":
    from breakglass_shamir.operations.printing.custodians import seat
    from breakglass_shamir.operations.retiring import of_set
    from breakglass_shamir.operations.retiring.of_set import Ending

    gone = [seat(sheet) for sheet in options["destroyed"]]
    if bool(gone) != bool(options["witnesses"]):
        raise InvalidInput("expected both --destroyed and --witness, or neither")
    ending = Ending(
        terminal.ask(options["reason"], "--reason", "Reason, in words"), options["officers"], options["word"] or ""
    )
    if options["without_quorum"]:
        with recorder(terminal, name) as opened:
            done = of_set.by_word(opened, ending)
            return _destroyed(opened, done, gone, options["witnesses"])
    harden(terminal)
    return _by_quorum(terminal, name, ending, gone, options)


def _by_quorum(
    terminal: Terminal, name: str, ending: "Ending", gone: list[str], options: dict[str, Any]
) -> "RetiredSet":
    from breakglass_shamir.operations.retiring import of_set
    from breakglass_shamir.paper.reading.scan import Scanner

    sources = sheets_from(
        terminal, options["scans"], options["typed"], watched=options["watched"], camera=options["camera"],
        timeout=options["timeout"],
    )  # fmt: skip
    with Scanner() as scanner, recorder(terminal, name) as opened:
        scanner.start()
        with giving_receipts(terminal, opened, options["receipts_to"]):
            done = of_set.by_quorum(opened, ending, sources, scanner, named_target(options))
            return _destroyed(opened, done, gone, options["witnesses"])


def _destroyed(opened: "Recorder", done: "RetiredSet", gone: list[str], witnesses: tuple[str, ...]) -> "RetiredSet":
    from breakglass_shamir.operations.retiring import of_set

    if not gone:
        return done
    of_set.destroyed(opened, gone, witnesses)
    return of_set.result(opened, done.detail)


def _lines(found: "RetiredSet") -> list[str]:
    how = f", attested by {', '.join(found.attested_by)}" if found.attested_by else ""
    return [
        f"retired: {found.set_name} is out of service; its credential: {found.credential}{how}",
        *(f"to be destroyed: sheets {', '.join(one.sheets)} of epoch {one.epoch}" for one in found.to_destroy),
        *([f"next: {breakglass('destroyed', found.set_name, options=_DESTROYS)}"] if found.to_destroy else []),
        *(f"owed: {debt}" for debt in found.debts),
    ]


def _retire_terminal(terminal: Terminal, options: dict[str, Any]) -> "RetiredTerminal":
    from breakglass_shamir.operations.retiring import of_terminal

    reason = terminal.ask(options["reason"], "--reason", "Reason, in words")
    out = terminal.ask(options["out"] and str(options["out"]), "--out", "A new file for the last receipt")
    with recorder(terminal) as opened:
        _confirm(terminal, opened.state.terminal, options["confirmed"])
        return of_terminal.retire(opened, reason, Path(out), options["passed"])


def _confirm(terminal: Terminal, name: str, confirmed: str | None) -> None:
    """Have the terminal's name said before its log ends for good.

    Raises:
        InvalidInput: another name was said, or nobody could be asked.
    """
    while True:
        said = terminal.ask(
            confirmed, "--confirm", f"This cannot be undone. Type the terminal's name ({name}) to go on"
        )
        if said.strip() == name:
            return
        if confirmed is not None or not interactive():
            raise InvalidInput(f"expected the name of this terminal, {name}, with --confirm")
        terminal.warn("that is not its name")


def _terminal_lines(found: "RetiredTerminal") -> list[str]:
    return [
        f"retired: the terminal {found.terminal}; its log has ended with record {found.record}",
        *(f"handed on: {name} is kept by {keeper}" for name, keeper in found.handed_on.items()),
        *(f"retired before: {name}" for name in found.retired),
        *(f"passed: {name}, whatever it still has" for name in found.passed),
        f"last checkpoint: {counted(found.records, 'record')}, root {found.root}",
        f"its receipt: {found.out}; give it to the auditor, and lay it into the folder receipts of the other "
        "terminals' homes: they cannot know otherwise that this one keeps nothing any more",
    ]

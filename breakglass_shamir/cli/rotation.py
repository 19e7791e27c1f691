# SPDX-License-Identifier: Apache-2.0
"""``rotate``: what settles a rotation debt."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.cli.printing import PRINTING, printing_of, printing_options, protocol_option, resuming_of
from breakglass_shamir.cli.receipts import giving_receipts, receipts_option
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import (
    PATH,
    harden,
    pass_terminal,
    read_secret,
    reading_options,
    recorder,
    sheets_from,
    target_options,
)
from breakglass_shamir.custody.life import under_way
from breakglass_shamir.errors import BreakglassError, InvalidInput, Stopped, WentBack
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.reading.held import Held
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.custody.life.state import SetState
    from breakglass_shamir.hygiene import Secret
    from breakglass_shamir.operations.credential.recombine import OpeningResult
    from breakglass_shamir.operations.printing.sheets import Printing
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.operations.recorder import Recorder

PLANNED = "planned rotation"
"""The reason where nobody gives one."""


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every_set", is_flag=True, help="Every set here of which sheets are among the scans.")
@click.option("--scan", "scans", type=PATH, multiple=True, help="Picture, PDF or folder of sheets.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@reading_options
@click.option("--reason", help="Why, in words. Default: planned rotation.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@click.option("--attest-old-dead", "attest", is_flag=True, help="Two officers vouch for it; it stays a debt.")
@click.option("--abandon", is_flag=True, help="Give up the epoch that an interrupted run printed, and print another.")
@receipts_option
@click.option("--new-credential-from", "brought", metavar="FILE|-", help="The new secret, where none can be made.")
@click.option("--raw", is_flag=True, help="A newline at its end belongs to it.")
@target_options
@printing_options
@protocol_option
@pass_terminal
def rotate(terminal: Terminal, /, names: tuple[str, ...], every_set: bool, **options: Any) -> int:
    """Start or resume the rotation of NAME; this is what settles a rotation debt.

    Nobody sees the credential. At a terminal whatever is missing is asked for, the set too. When an earlier run was
    interrupted, it says what stands and goes on there: scan the old and the new sheets together; --readback reads new
    ones, too. Nothing that was printed is given up without --abandon, or its word at the terminal. Where the old sheets
    are gone, or where people change the target, --attest-old-dead goes on with the new ones. A file, and whatever else
    nobody here can make, is brought with --new-credential-from.

    Several names, or --all, are rotated one after the other from one heap of scans, which is sorted by itself: each set
    whole, or not begun. The new sheets lie in a folder for each custodian, under a cover. Exit code: that of the worst.
    """
    harden(terminal)
    if every_set or len(names) > 1:
        if every_set and names:
            raise InvalidInput("expected either NAME or --all, got both")
        from breakglass_shamir.cli import rounds

        return rounds.rotate(terminal, names, options, PLANNED)
    name = names[0] if names else ""
    if options["abandon"] and options["attest"]:
        raise click.UsageError("expected either --abandon or --attest-old-dead, got both")
    if not name and not interactive():
        raise InvalidInput("expected NAME, got none", hint="name the set, or use a terminal")
    new = _brought(terminal, name, options["brought"], raw=options["raw"]) if options["brought"] else None
    resuming_of(*(options[key] for key in PRINTING))
    attempt = Attempt(terminal, options, new, name)
    found = attempt.guided() if interactive() else attempt.run()
    lines = [
        f"rotated: {found.in_force}",
        *(f"owed: {debt}" for debt in found.debts),
        *found.left_to_do,
    ]
    terminal.result(found, lines, wraps=True)
    return 0


@dataclass(slots=True)
class Attempt:
    """One try after another to rotate a set, each from what stands then."""

    terminal: Terminal
    options: dict[str, Any]
    brought: "Secret | None" = field(repr=False)
    set_name: str
    at_work: bool = False
    """Whether the rotation itself goes on, which says by itself what it leaves."""

    began: bool = False
    """Whether there is a ledger, and people were asked."""

    failed: bool = False
    """Whether an earlier try came to no end, so that more sheets may be needed than it had."""

    goes_back: bool = False
    """Whether people may go back from the sheets to the questions."""

    reopens: bool = False
    """Whether they did."""

    held: Held = field(default_factory=Held)
    """Sheets that earlier tries read."""

    def run(self, talk: "Callable[[Recorder], None]" = lambda _: None) -> "OpeningResult":
        """Rotate as the options say, after ``talk`` has filled them in."""
        from breakglass_shamir.operations.credential import rotate as operation
        from breakglass_shamir.operations.printing import protocol as protocols
        from breakglass_shamir.operations.targets import Named
        from breakglass_shamir.paper.reading.scan import Scanner

        options = self.options
        with Scanner() as scanner, recorder(self.terminal, self.set_name) as opened:
            scanner.start()
            talk(opened)
            state = opened.state.sets.get(opened.set_name)
            if not self.began:
                _say_what_stands(self.terminal, state, abandon=self.options["abandon"])
            sources = self._sheets(state)
            with (
                protocols.kept(opened, "rotate", options["protocol"], options["paper"]),
                giving_receipts(self.terminal, opened, options["receipts_to"]) as files,
            ):
                self.at_work = True
                found = operation.rotate(
                    opened, sources, resuming_of(*(options[key] for key in PRINTING)), scanner,
                    reason=options["reason"] or PLANNED, officers=options["officers"], attest=options["attest"],
                    brought=self.brought, named=Named(options["target"], options["account"]),
                    abandon=options["abandon"], place=self._place,
                )  # fmt: skip
        return replace(found, receipts=tuple(files))

    def guided(self) -> "OpeningResult":
        """Ask for whatever is missing, and what to do after whatever fails, until it is rotated or people stop."""
        from breakglass_shamir.cli.guide import rotation
        from breakglass_shamir.cli.guide.asking import Guide

        guide = Guide(self.terminal)
        given = rotation.options_of(self.options, self.options["officers"])
        self.goes_back = True
        while True:
            self.at_work = False
            try:
                found = self.run(lambda opened: self._talk(guide, given, opened))
            except WentBack:
                self.reopens = True
            except Stopped as stopped:
                stopped.hint = stopped.hint or f"go on with: {guide.command}"
                raise
            except (KeyboardInterrupt, click.Abort):
                for line in () if self.at_work else guide.leaves():
                    self.terminal.warn(line)
                raise
            except BreakglassError as error:
                if not self.began:
                    raise
                self.terminal.failed(error)
                self.failed = True
                rotation.after_failure(guide, given, self.options)
            else:
                guide.forget()
                return found

    def _talk(self, guide: "Guide", given: dict[str, str], opened: "Recorder") -> None:
        """Ask which set, and what its rotation needs; the options say it afterwards."""
        from breakglass_shamir.cli.guide import place, rotation, sets
        from breakglass_shamir.cli.guide.memory import Memory

        guide.leaves = self.terminal.leaves = lambda: rotation.left_behind(opened)
        opened.set_name = sets.choose(guide, opened.state.sets, opened.set_name, fits=rotation.may_rotate)
        self.set_name, self.began = opened.set_name, True
        guide.memory = Memory(self.terminal.home, f"rotate {opened.set_name}")
        guide.command = breakglass("rotate", opened.set_name)
        state = opened.state.sets.get(opened.set_name)
        if state is not None and under_way.is_only_unclosed(state):
            return
        placed = bool(self.options["out"] or self.options["printer"])
        asked = rotation.ask(guide, opened, given, placed=placed, held=bool(self.held), reopens=self.reopens)
        self.reopens = False
        given |= asked.answers
        self.options |= {"reason": asked.reason, "officers": asked.officers, "abandon": asked.abandon,
                         "attest": asked.attest, **place.options_of(asked.answers)}  # fmt: skip

    def _sheets(self, state: "SetState | None") -> "Sources":
        """Say where the sheets come from; a path that is not there is asked for again where somebody is there."""
        from breakglass_shamir.operations.reading.sources import Sources

        options = self.options
        if state is not None and under_way.is_only_unclosed(state) and not options["attest"]:
            return Sources()
        while True:
            found = sheets_from(
                self.terminal, options["scans"], options["typed"], watched=options["watched"],
                camera=options["camera"], timeout=options["timeout"],
            )  # fmt: skip
            there = tuple(path for path in found.scans if path.exists())
            if not interactive() or there == found.scans:
                options["scans"] = there
                return replace(found, asks=found.asks or self.failed, held=self.held, goes_back=self.goes_back)
            for path in (path for path in found.scans if path not in there):
                self.terminal.warn(f"expected a picture, PDF or folder at {path}, found nothing")
            options["scans"] = there

    def _place(self) -> "Printing | None":
        """Ask where new sheets go, when people give an epoch up; None where nobody is there, or they say nothing."""
        from breakglass_shamir.cli.guide import place
        from breakglass_shamir.cli.guide.asking import Guide

        if not interactive():
            return None
        guide = Guide(self.terminal)
        try:
            answers = guide.ask_all(place.steps(guide, may_wait=False), {})
        except Stopped:
            return None
        self.options |= place.options_of(answers)
        found: Printing | None = printing_of(*(self.options[key] for key in PRINTING))
        return found


def _say_what_stands(terminal: Terminal, state: "SetState | None", *, abandon: bool) -> None:
    """Say what an interrupted run left, and what it needs."""
    found = under_way.standing(state) if state is not None and state.prepared else None
    if found is not None:
        terminal.say(f"what stands: {found.stands}")
        if not abandon:
            terminal.say(f"to go on: {found.ways[0].words}")


def _brought(terminal: Terminal, name: str, source: str, *, raw: bool) -> "Secret":
    """Read the new secret; what its bytes are is what the set's policy says, as far as a ledger knows the set."""
    from breakglass_shamir.operations.credential.rotate import kind_in_force

    kind = kind_in_force(None)
    with suppress(BreakglassError), home.open_home(terminal.home, BESIDE) as ledger:
        kind = kind_in_force(ledger.state.sets.get(name))
    return read_secret(terminal, source, kind, raw=raw)

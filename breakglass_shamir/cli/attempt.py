# SPDX-License-Identifier: Apache-2.0
"""One opening at the command line: told by options, or guided through what is missing and what fails.

Rules:

1. Without a terminal the options say everything, and the first thing that fails ends it with its exit code.
2. At a terminal what is missing is asked for. Whatever fails before the ``opened`` record is said and asked about, and
   the next try goes on with what was answered and with the sheets that were read. After it nothing is tried again here:
   what is owed is in the ledger.
3. A machine without a ledger begins one: the sheets alone must suffice.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from breakglass_shamir.cli.printing import printing_of, resuming_of
from breakglass_shamir.cli.receipts import giving_receipts
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import named_target, recorder, sheets_from
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    IntegrityError,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
    NoHome,
    Stopped,
    WentBack,
)
from breakglass_shamir.operations.reading.held import Held
from breakglass_shamir.shell import breakglass
from breakglass_shamir.structs import replace as with_fields

if TYPE_CHECKING:
    from breakglass_shamir.cli.guide.asking import Guide
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.operations.credential.recombine import OpeningResult
    from breakglass_shamir.operations.credential.using import Use
    from breakglass_shamir.operations.opening.declaring import Overrides
    from breakglass_shamir.operations.printing.sheets import Printing
    from breakglass_shamir.operations.recorder import Recorder
    from breakglass_shamir.operations.rotation.resuming import Place

Found = tuple["OpeningResult", list[Path]]
"""What came of an opening, and the receipts that were written."""

_MODES = {"execute": "exec", "show": "show", "no_reveal": "no-reveal"}


@dataclass(frozen=True, slots=True)
class Said:
    """What an opening is told before it begins."""

    request: "Request"
    overrides: "Overrides"
    use: "Use"
    place: "Place"


@dataclass(slots=True)
class Attempt:
    """One try after another to open a set, each with the ledger as it is then."""

    terminal: Terminal
    options: dict[str, Any]
    set_name: str
    goes_back: bool = False
    """Whether people may go back from the sheets to the questions."""

    opened: bool = False
    """Whether the credential was reconstructed."""

    held: Held = field(default_factory=Held)
    """Sheets that earlier tries read."""

    def run(self, telling: "Callable[[Recorder], Said]") -> Found:
        """Declare, open, use and rotate."""
        from breakglass_shamir.operations.credential import recombine as operation
        from breakglass_shamir.operations.opening.signing import Signers
        from breakglass_shamir.operations.printing import protocol as protocols
        from breakglass_shamir.paper.reading.scan import Scanner

        options = self.options
        with ExitStack() as stack:
            scanner = stack.enter_context(Scanner())
            scanner.start()
            stack.enter_context(_naming_record_to())
            opened = stack.enter_context(_ledger(self.terminal, self.set_name, options["record_to"]))
            said = telling(opened)
            sources = sheets_from(
                self.terminal, options["scans"], options["typed"],
                watched=options["watched"], camera=options["camera"], timeout=options["timeout"],
            )  # fmt: skip
            sources = replace(sources, receipts=options["brought"], held=self.held, goes_back=self.goes_back)
            signers = Signers(options["keys"], interactive())
            stack.enter_context(protocols.kept(opened, "recombine", options["protocol"], options["paper"]))
            try:
                with giving_receipts(self.terminal, opened, options["receipts_to"], emergency=True) as files:
                    found = operation.recombine(
                        opened, said.request, said.overrides, sources, said.use, _returning(options), scanner,
                        signers=signers, named=named_target(options), place=said.place,
                    )  # fmt: skip
            finally:
                self.set_name, self.opened = opened.set_name, _was_opened(opened)
                if self.opened:
                    self.held.forget()
        return found, files


def require_one_mode(options: dict[str, Any]) -> None:
    """Refuse several ways of revealing at once.

    Raises:
        InvalidInput: naming them.
    """
    chosen = [word for option, word in _MODES.items() if options[option]]
    if len(chosen) > 1 or (not chosen and not interactive()):
        raise InvalidInput(f"expected one of --exec, --show and --no-reveal, got {len(chosen)}")
    if options["tty"] and chosen != ["exec"]:
        raise InvalidInput(
            "expected --exec after --tty", hint="--tty runs the command of --exec in a recorded terminal"
        )


def told(terminal: Terminal, name: str, options: dict[str, Any], command: tuple[str, ...]) -> Found:
    """Open a set as the options say."""
    from breakglass_shamir.operations.opening.declaring import Overrides
    from breakglass_shamir.operations.rotation.resuming import nowhere

    overrides = Overrides(frozenset(options["gates"]), options["override_reason"])

    def say(opened: "Recorder") -> Said:
        return Said(_request(terminal, options), overrides, _use(terminal, command, options), nowhere)

    return Attempt(terminal, options, name).run(say)


def guided(terminal: Terminal, name: str, options: dict[str, Any], command: tuple[str, ...]) -> Found:
    """Ask for whatever is missing, and again after whatever fails, until the set is opened or people stop."""
    from breakglass_shamir.cli.guide import recombine
    from breakglass_shamir.cli.guide.asking import Guide

    _printing(options)
    guide = Guide(terminal, may_pass=True)
    talk = _Talk(terminal, options, guide, recombine.options_of(options, command))
    terminal.asks_ready = recombine.MODE not in talk.given
    attempt = Attempt(terminal, options, name, goes_back=True)
    while True:
        try:
            found = attempt.run(talk.say)
        except WentBack:
            talk.reopens = True
        except Stopped as stopped:
            stopped.hint = stopped.hint or f"go on with: {guide.command}"
            raise
        except BreakglassError as error:
            if attempt.opened:
                guide.forget()
                raise
            terminal.failed(error)
            options.update(recombine.after_failure(guide, error, talk.given))
        else:
            guide.forget()
            return found


@dataclass(slots=True)
class _Talk:
    """The questions of one guided opening, over all its tries."""

    terminal: Terminal
    options: dict[str, Any]
    guide: "Guide"
    given: dict[str, str]
    """Answers, by options and by people."""

    reopens: bool = False
    """Whether people came back from the sheets to the last question."""

    def say(self, opened: "Recorder") -> Said:
        """Ask what is missing."""
        from breakglass_shamir.cli.guide import recombine, sets
        from breakglass_shamir.cli.guide.memory import Memory
        from breakglass_shamir.operations.opening.declaring import Overrides

        guide, options = self.guide, self.options
        opened.set_name = sets.choose(guide, opened.state.sets, opened.set_name, sheets_say=True)
        guide.memory = Memory(self.terminal.home, f"recombine {opened.set_name}")
        guide.command = breakglass("recombine", *filter(None, [opened.set_name]))
        guide.leaves = self.terminal.leaves = lambda: recombine.left_behind(opened)
        self._say_why()
        asked = recombine.ask(guide, opened, self.given, reopens=self.reopens)
        self.reopens = False
        self.given = dict(asked.answers)
        options["scans"] = _there(self.terminal, options["scans"])
        overrides = Overrides(
            frozenset(options["gates"]) | guide.passed.keys(), options["override_reason"], dict(guide.passed)
        )
        request = with_fields(
            _request_of(options, asked.answers, asked.officers),
            debts=tuple(dict.fromkeys((*options["debts"], *asked.debts))),
        )
        if asked.use_for_s:
            request = with_fields(request, use_for_s=asked.use_for_s)
        use = replace(_use(self.terminal, asked.command, options), tty=asked.tty)
        return Said(request, overrides, use, self.place)

    def place(self) -> "Printing | None":
        """Ask where the new sheets go, when the use is over."""
        from breakglass_shamir.cli.guide import place
        from breakglass_shamir.cli.guide.asking import Guide

        asking = Guide(self.terminal, command=self.guide.command)
        try:
            answers = asking.ask_all(place.steps(asking, may_wait=True), {})
        except Stopped:
            return None
        self.options.update(place.options_of(answers))
        return _printing(self.options)

    def _say_why(self) -> None:
        """Ask why gates that an option names are passed, where no option says it."""
        from breakglass_shamir.cli.guide.asking import why_passed

        if self.options["gates"] and not self.options["override_reason"]:
            self.options["override_reason"] = self.guide.ask(why_passed(", ".join(self.options["gates"])))
        for gate in self.options["gates"]:
            self.guide.passed.setdefault(gate, self.options["override_reason"])


def _printing(options: dict[str, Any]) -> "Printing | None":
    found: Printing | None = printing_of(
        *(options[key] for key in ("out", "printer", "paper", "readback", "timeout", "acks"))
    )
    return found


def _returning(options: dict[str, Any]) -> "Printing":
    """Return where sheets go, which may be nowhere, and where scans of them come back."""
    found: Printing = resuming_of(*(options[key] for key in ("out", "printer", "paper", "readback", "timeout", "acks")))
    return found


def _there(terminal: Terminal, scans: tuple[Path, ...]) -> tuple[Path, ...]:
    """Leave out scans that are not there, and say so: people bring others."""
    absent = [path for path in scans if not path.exists()]
    for path in absent:
        terminal.warn(f"expected a picture, PDF or folder at {path}, found nothing")
    return tuple(path for path in scans if path not in absent)


def _was_opened(opened: "Recorder") -> bool:
    """Tell whether the opening that was tried is on record as opened; where that cannot be told, it may be."""
    try:
        state = opened.state.sets.get(opened.set_name)
    except BreakglassError:
        return True
    if state is None or not opened.opening:
        return False
    tried = [one for one in (*state.past, *filter(None, [state.opening])) if one.id == opened.opening]
    return any(one.was_opened for one in tried)


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
    return recorder(terminal, name, record_to=record_to, asks=False)


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
        _begin(terminal, terminal.home)
        terminal.warn(f"this machine had no ledger; a new one begins in {terminal.home}")


def _begin_instead(terminal: Terminal, record_to: Path, problem: BreakglassError) -> None:
    """Take the ledger in another folder, or begin one there that says why; the sheets alone suffice for it."""
    from breakglass_shamir.ledger import home

    try:
        home.open_home(record_to).close()
        begins = "the one"
    except NoHome:
        reason = f"the ledger in {terminal.home} could not be used: {problem}"
        _begin(terminal, record_to, instead_because=reason)
        begins = "a new one"
    terminal.warn(
        f"the ledger in {terminal.home} cannot be used ({problem}); {begins} in {record_to} is used: keep the old one "
        f"for the auditor, and from now on use: {breakglass('...', home=record_to)}"
    )
    terminal.home = record_to


def _begin(terminal: Terminal, where: Path, *, instead_because: str = "") -> None:
    """Begin a ledger for a command; where nothing is recorded in it, it is gone when the command ends."""
    import click

    from breakglass_shamir.ledger import home

    with home.create(where, _machine(), instead_because=instead_because) as ledger:
        key = ledger.public_key

    def forget() -> None:
        if home.forget_unused(where, key):
            terminal.say(f"nothing was recorded: the ledger in {where} is gone again")

    click.get_current_context().call_on_close(forget)


def _machine() -> str:
    import socket

    return socket.gethostname() or "unnamed"


def _request(terminal: Terminal, options: dict[str, Any]) -> "Request":
    """Put the declaration together; what no option says is a usage error."""
    answers = {
        "class": terminal.ask(options["incident_class"], "--class", "Incident class"),
        "ticket": terminal.ask(options["ticket"], "--ticket", "Ticket"),
        "reason": terminal.ask(options["reason"], "--reason", "Reason, in words"),
        "mode": next(word for option, word in _MODES.items() if options[option]),
    }
    return _request_of(options, answers, options["officers"] or ask_officers(terminal))


def _request_of(options: dict[str, Any], answers: Mapping[str, str], officers: tuple[str, ...]) -> "Request":
    from breakglass_shamir.custody.life.gates import Request

    if answers["mode"] == "show":
        from breakglass_shamir.cli.screen import reveal

        reveal.require("expected a terminal for --show, got none", hint="use --exec or --no-reveal")
    mode = "exec" if answers["mode"] == "record" else answers["mode"]
    return Request(
        purpose="emergency", incident_class=answers["class"], ticket=answers["ticket"], reason=answers["reason"],
        officers=officers, mode=mode, use_for_s=_use_for_s(options["use_for"]), debts=options["debts"],
    )  # fmt: skip


def ask_officers(terminal: Terminal) -> tuple[str, ...]:
    """Ask who takes part."""
    said = terminal.ask(None, "--officer", "Officers who take part, separated by commas")
    return tuple(name.strip() for name in said.split(",") if name.strip())


def _use_for_s(written: str | None) -> int:
    """Return the seconds asked for; 0 for as long as the policy allows."""
    from breakglass_shamir.custody.policy.duration import Duration

    return Duration.parse(written).seconds if written else 0


def _use(terminal: Terminal, command: tuple[str, ...], options: dict[str, Any]) -> "Use":
    from breakglass_shamir.custody.policy.duration import Duration
    from breakglass_shamir.custody.records.words import check_human_text
    from breakglass_shamir.operations.credential.using import Use

    defer_s = Duration.parse(options["defer"]).seconds if options["defer"] else 0
    if defer_s:
        check_human_text("reason with --defer-reason", options["defer_reason"])
    return Use(
        command, terminal.command_output, options["classification"] or "", defer_s, options["defer_reason"],
        tty=options["tty"],
    )  # fmt: skip

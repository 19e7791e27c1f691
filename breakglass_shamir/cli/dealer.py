# SPDX-License-Identifier: Apache-2.0
"""The dealer's ceremony: from "which account?" to sheets that were read back and that their custodians have.

Rules:

1. It is the commands that there are, one after the other, with what they need asked for: ``policy check``, ``split``,
   ``confirm``, ``ack``, ``protocol``. Whatever was done stands, and ``split`` with no word goes on from there.
2. The credential is asked of its target before anything is printed; one that is refused is asked for again.
3. Nothing that was answered is asked twice, but the credential, which is kept nowhere.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from breakglass_shamir.cli.attempt import open_or_begin
from breakglass_shamir.cli.guide import dealing, new_policy, place
from breakglass_shamir.cli.guide.asking import Guide
from breakglass_shamir.cli.guide.memory import Memory
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.printing import printing_of
from breakglass_shamir.cli.screen import paths
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import read_policy, read_secret, recorder
from breakglass_shamir.errors import BreakglassError, ConnectorError, FileExists, InvalidInput, PaperError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.custody.policy.tables import Policy
    from breakglass_shamir.operations.printing.sheets import Printing
    from breakglass_shamir.operations.recorder import Recorder
    from breakglass_shamir.paper.reading.scan import Scanner

TYPED, FROM_FILE, GENERATED = "type", "file", "generate"
"""Where a credential comes from."""

_NEW = "new"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What became of a set (docs/json.md)."""

    set_name: str
    epoch: int
    epoch_id: str
    policy: str
    """The file that people wrote; empty where they went on with a set that was there."""

    sealed: bool
    acknowledged: tuple[str, ...]
    """Sheets that their custodians have."""


def hold(terminal: Terminal, policy: Path | None, options: dict[str, Any], protocol: Path | None) -> Ceremony:
    """Ask for what is missing, print, read back and hand out.

    Raises:
        Stopped: people leave; what was done stands.
    """
    from breakglass_shamir.operations.printing import protocol as protocols
    from breakglass_shamir.operations.printing import readback
    from breakglass_shamir.paper.reading.scan import Scanner

    open_or_begin(terminal)
    guide = Guide(terminal, Memory(terminal.home, "split"), command=breakglass("split", *filter(None, [policy])))
    with ExitStack() as stack:
        opened, scanner = stack.enter_context(recorder(terminal)), stack.enter_context(Scanner())
        scanner.start()
        file, before = policy, place.recalled(guide)
        if policy is None and (name := _going_on(guide, opened)):
            opened.set_name = name
        else:
            file, source, parsed = _read(terminal, policy) if policy else _written(guide, opened)
            printing = _printing(guide, options, before)
            place_of_protocol = protocol or _protocol(guide, parsed.name)
            stack.enter_context(protocols.kept(opened, "split", place_of_protocol, printing.paper, parsed))
            _deal(guide, opened, scanner, source, printing, options)
        guide.leaves = terminal.leaves = lambda: dealing.next_steps(opened.refresh())
        guide.forget()
        if dealing.confirm(guide, opened, lambda: readback.confirm(opened, (), scanner, asks=True, goes_back=True)):
            dealing.hand_out(guide, opened)
        state = opened.refresh()
        for line in dealing.next_steps(state):
            terminal.say(line)
        epoch = state.current_epoch
        return Ceremony(
            state.name, epoch.number, epoch.short_id, str(file or ""), epoch.sealed, tuple(sorted(epoch.acknowledged))
        )


def _going_on(guide: Guide, opened: "Recorder") -> str:
    """Ask whether people go on with sheets that were printed before; returns the set's name, or nothing."""
    waiting = dealing.unfinished(opened.state.sets)
    if not waiting:
        return ""
    choices = [Choice(state.name, dealing.in_words(state)) for state in waiting]
    choices.append(Choice(_NEW, "put another credential on paper", listed="another"))
    chosen = guide.ask(Question("set", "Go on with which?", choices=tuple(choices), kept=False))
    return "" if chosen == _NEW else chosen


def _read(terminal: Terminal, policy: Path) -> "tuple[Path, str, Policy]":
    found = read_policy(terminal, policy)
    return policy, found.text, found.parse_new()


def _written(guide: Guide, opened: "Recorder") -> "tuple[Path, str, Policy]":
    """Have a policy written, and keep it in its file."""
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.operations.policy import checking

    file, source = new_policy.ask(guide, opened.state.sets, Path())
    try:
        if not new_policy.is_written(file, source):
            durable.write_new(file, source.encode(), 0o644)
    except OSError as error:
        raise InvalidInput(f"the policy could not be written to {file}: {error.strerror}") from None
    guide.terminal.say(f"the policy is {file}")
    for warning in checking.check(source).warnings:
        guide.terminal.warn(warning)
    guide.command = breakglass("split", file)
    return file, source, policies.parse_new(source)


def _deal(
    guide: Guide, opened: "Recorder", scanner: "Scanner", source: str, printing: "Printing", options: dict[str, Any]
) -> None:
    """Print the sheets of the first epoch, once the target has said that the credential is right."""
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.operations.credential import split as operation

    parsed = policies.parse_new(source)
    while not _is_printed(opened, parsed.name):
        secret, current = _credential(guide, parsed)
        try:
            operation.split(opened, source, secret, printing, scanner, current=current)
        except (ConnectorError, InvalidInput, FileExists, PaperError) as error:
            if _is_printed(opened, parsed.name):
                raise
            guide.terminal.failed(error)
            if isinstance(error, FileExists | PaperError):
                printing = _printing(guide, {**options, "out": None, "printer": None, "readback": None}, {})


def _is_printed(opened: "Recorder", name: str) -> bool:
    known = opened.state.sets.get(name)
    return known is not None and bool(known.current)


def _printing(guide: Guide, options: dict[str, Any], before: Mapping[str, str]) -> "Printing":
    """Ask where the sheets go, unless options or what was answered before an interruption say it."""
    if options["out"] is None and not options["printer"]:
        answers = guide.ask_all(place.steps(guide, may_wait=False), before, adds=True)
        options.update(place.options_of(answers))
    found: Printing = printing_of(**options)
    return found


def _protocol(guide: Guide, name: str) -> Path | None:
    """Ask where the protocol of the day goes: what is done, by whom, to be initialled by everybody."""

    def check(said: str) -> str:
        if said and paths.one(said).exists():
            raise InvalidInput(f"expected a new file, there is one at {said}")
        return said

    said = guide.ask(
        Question(
            "protocol", "File for the protocol of the day, a PDF", check=check, paths=True, kept=False,
            default=f"{name}-protocol.pdf", helps=("the plan, and what was done, for everybody to initial",),
        )
    )  # fmt: skip
    return paths.one(said) if said else None


def _credential(guide: Guide, policy: "Policy") -> tuple[Secret | None, Secret | None]:
    """Ask for the credential; returns the one to keep and the one in force, the first None where one is generated."""
    by_bytes = policy.target.kind in ("key-pair", "file")
    choices = [
        *([] if by_bytes else [Choice(TYPED, "type it now, twice; nothing is echoed")]),
        Choice(FROM_FILE, "read it from a file, exactly its bytes"),
        *([] if by_bytes else [Choice(GENERATED, "make a new one, and change the target to it; type the one of now")]),
    ]
    helps = ("the target is asked whether it is right before anything is printed",)
    asks = f"Where is the credential of {policy.target.account or policy.name}?"
    chosen = guide.ask(Question("from", asks, choices=tuple(choices), helps=helps, kept=False))
    if chosen == FROM_FILE:
        return _from_file(guide, policy), None
    question = "Credential that opens the target now" if chosen == GENERATED else "Credential to put on paper"
    secret = Secret(guide.terminal.ask_secret(question, "--credential-from"))
    return (None, secret) if chosen == GENERATED else (secret, None)


def _from_file(guide: Guide, policy: "Policy") -> Secret:
    from breakglass_shamir.operations.targets import kind_of

    while True:
        said = guide.ask(Question("file", "File with the credential", paths=True, kept=False))
        try:
            return read_secret(guide.terminal, str(paths.one(said)), kind_of(policy), raw=False)
        except BreakglassError as error:
            guide.terminal.failed(error)


def lines_of(found: Ceremony) -> list[str]:
    """Say what became of a set."""
    return [
        f"set {found.set_name}, epoch {found.epoch} ({found.epoch_id})",
        "sealed: every sheet was read back" if found.sealed else "issued: not every sheet was read back",
        f"with their custodians: {', '.join(found.acknowledged) or 'no sheet yet'}",
    ]

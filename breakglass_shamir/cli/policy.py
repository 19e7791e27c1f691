# SPDX-License-Identifier: Apache-2.0
"""``policy``: an example to start from, what a person asks before signing one, and putting one in force."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli import policy_answers as answers
from breakglass_shamir.cli.attempt import open_or_begin
from breakglass_shamir.cli.printing import printing_of, printing_options
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, harden, pass_terminal, read_policy, recorder, sheets_from
from breakglass_shamir.errors import InvalidInput

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.state import LedgerState
    from breakglass_shamir.operations.policy.checking import SchemaKind


@click.group()
def policy() -> None:
    """Policy as code: who may open what, when and how."""


@policy.command()
@click.argument("connector", metavar="[CONNECTOR|set|organisation]", default="ssh-key")
@pass_terminal
def example(terminal: Terminal, connector: str) -> None:
    """Print an example policy with every key explained; as two files where many sets share an organisation's."""
    from breakglass_shamir.operations.policy import examples

    source = examples.example(connector)
    terminal.result({"policy": source}, source.rstrip("\n").splitlines())


@policy.command()
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@pass_terminal
def check(terminal: Terminal, files: tuple[Path, ...]) -> None:
    """Say whether FILE is a policy, and what it means: all mistakes at once, or who can open the set.

    With several files: who opens and who stops how many sets, alone or together, and what the loss of one site means.
    """
    from breakglass_shamir.operations.policy import checking, many

    if not many.is_one_set(files):
        across = many.check(files, _state(terminal))
        for line in answers.remarks(across):
            terminal.warn(line)
        answers.show(terminal, across)
        return
    file = read_policy(terminal, files[0], warns=False)
    found = checking.check_file(file, _ledgered(terminal, file.text))
    for line in found.warnings:
        terminal.warn(line)
    for line in found.notes:
        terminal.say(f"note: {line}")
    terminal.result(found, answers.of_one(found))


@policy.command()
@click.argument("file", type=PATH)
@click.option("--out", type=PATH, help="A new file.")
@pass_terminal
def resolve(terminal: Terminal, file: Path, out: Path | None) -> None:
    """Print the text that adopting FILE records: with all that it includes, standing alone."""
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.ledger import durable

    found = read_policy(terminal, file)
    parsed = found.parse_new()
    if out:
        try:
            durable.write_new(out, found.text.encode(), 0o644)
        except OSError as error:
            raise InvalidInput(f"the policy could not be written to {out}: {error.strerror}") from None
    digest = policies.digest(found.text).hex()
    document = {"set": parsed.name, "policy": found.text, "digest": digest, "out": out or ""}
    written = [f"{parsed.name}: {out}, digest {digest}"]
    terminal.result(document, written if out else found.text.rstrip("\n").split("\n"))


@policy.command()
@click.argument("kind", type=click.Choice(["alone", "including", "shared"]), default="alone")
@pass_terminal
def schema(terminal: Terminal, kind: "SchemaKind") -> None:
    """Print the JSON Schema of a policy file, for an editor: one alone, one that includes others, or a shared one."""
    from breakglass_shamir.operations.policy import checking

    text = checking.schema(kind)
    terminal.result(json.loads(text), text.splitlines())


@policy.command()
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@click.option("--scan", "scans", type=PATH, multiple=True, help="Sheets of the quorum: picture, PDF or folder.")
@click.option("--typed", metavar="FILE|-", help="Typed lines and codes; - at a terminal asks for each.")
@click.option("--reason", default="another policy", show_default=True, help="Why, in words.")
@click.option("--officer", "officers", multiple=True, help="Who takes part; give it once for each.")
@printing_options
@pass_terminal
def adopt(
    terminal: Terminal, /, files: tuple[Path, ...], scans: tuple[Path, ...], typed: str | None, reason: str,
    officers: tuple[str, ...], **options: Any,
) -> int:  # fmt: skip
    """Put FILE in force for the set it names; before its sheets come, too, on a terminal that does not know it.

    What weakens the set takes its quorum: scan the sheets, and say where those of the next epoch go. With several files
    each set adopts for itself, and those that need their quorum are named.
    """
    from breakglass_shamir.operations.policy import adopt as operation
    from breakglass_shamir.paper.reading.scan import Scanner

    if len(files) > 1:
        if scans or typed:
            raise InvalidInput("expected one FILE with --scan or --typed: each set has sheets of its own")
        return _adopt_several(terminal, files)
    file = read_policy(terminal, files[0])
    open_or_begin(terminal)
    if not (scans or typed):
        with recorder(terminal) as opened, file.located():
            terminal.result(found := operation.adopt(opened, file.text), answers.adopted(found))
        return 0
    harden(terminal)
    sources = sheets_from(terminal, scans, typed)
    printing = printing_of(**options)
    with Scanner() as scanner, recorder(terminal) as opened, file.located():
        ceremony = operation.Ceremony(sources, printing, scanner, reason, officers)
        found = operation.adopt(opened, file.text, ceremony)
    terminal.result(found, answers.adopted(found))
    return 0


def _adopt_several(terminal: Terminal, paths: Sequence[Path]) -> int:
    """Adopt for each set; exits as the worst of them."""
    from breakglass_shamir.operations.policy import many
    from breakglass_shamir.operations.policy.adopt_several import adopt_several

    files = many.load(paths)
    for line in dict.fromkeys(line for file in files.values() for line in file.warnings):
        terminal.warn(line)
    open_or_begin(terminal)
    with recorder(terminal) as opened:
        found = adopt_several(opened, files)
    terminal.result(answers.adoptions_document(found), answers.adoptions(found))
    return max((one.refused.exit_code for one in found if one.refused), default=0)


def _ledgered(terminal: Terminal, source: str) -> Any:
    """Look at what this terminal keeps; None where there is no ledger to ask, or no policy to ask about."""
    from breakglass_shamir.custody.policy import source as policies
    from breakglass_shamir.errors import BreakglassError
    from breakglass_shamir.operations.policy.checking import Ledgered

    try:
        name = policies.parse(source).name
    except BreakglassError:
        return None
    state = _state(terminal)
    return None if state is None else Ledgered.of(state, name)


def _state(terminal: Terminal) -> "LedgerState | None":
    """Look at what this terminal keeps; None where there is no ledger to ask."""
    from breakglass_shamir.errors import BreakglassError

    try:
        with recorder(terminal) as opened:
            return opened.state
    except BreakglassError:
        return None

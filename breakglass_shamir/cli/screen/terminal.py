# SPDX-License-Identifier: Apache-2.0
"""The only place that prints.

The rules of the screen:

1. Results go to standard output; progress, warnings and questions to standard error, so that a pipe gets
   results only. With ``--json`` standard output holds one JSON document and nothing else.
2. A secret stands on a private screen only, of ``--show`` and of typed entry, which is cleared afterwards and leaves
   nothing in the scroll-back. A credential that is typed is not echoed.
3. Nobody is asked anything when there is no terminal; what is missing is then a usage error that names the
   option.
4. Text from outside (file names, set names) is printed with control characters escaped, and no message repeats what
   looks like a share. Nor is such an answer taken: it is wiped off the line and asked for again.
5. A standard error that is broken or full stops nothing; a standard output that is ends with exit code 1.
"""

import dataclasses
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.screen import answers, streams
from breakglass_shamir.cli.screen.cleaning import clean, json_text, message
from breakglass_shamir.cli.screen.streams import LOST_RESULT, can_show, is_terminal
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.errors import InvalidInput

if TYPE_CHECKING:
    from breakglass_shamir.cli.screen.typing import TypingScreen

HOME_VARIABLE = "BREAKGLASS_HOME"
"""Environment variable with the home folder."""

_GOOD = frozenset({Verdict.ACCEPTED, Verdict.ENVELOPE, Verdict.SEEN, Verdict.UNKNOWN, Verdict.UNVERIFIED, Verdict.LINE})
_TAKEN = frozenset({Verdict.ACCEPTED, Verdict.ENVELOPE, Verdict.UNVERIFIED, Verdict.UNKNOWN, Verdict.WAITING})
_CLASSIFICATIONS = ("emergency", "drill", "misuse")


class Terminal:
    """The people in the room, at a terminal or behind a pipe; implements the desk of the use cases."""

    def __init__(self, home: Path | None, *, as_json: bool, color: bool) -> None:
        self.home = home or _default_home()
        self.as_json = as_json
        self._color = color and "NO_COLOR" not in os.environ and is_terminal(sys.stderr)

        self._typing: TypingScreen | None = None
        self._typed: list[tuple[str, Answer]] = []
        self._prints: list[dict[str, Any]] = []

    @property
    def command_output(self) -> int | None:
        """Where a command that is given the credential writes: not into our JSON."""
        return 2 if self.as_json else None

    def say(self, line: str) -> None:
        """Tell how far things are."""
        self._tell(f"  {message(line)}")

    def warn(self, line: str) -> None:
        """Tell something that a person should not miss."""
        self._tell(f"! {message(line)}", "yellow")

    def answer(self, source: str, answer: Answer) -> None:
        """Tell at once what a scan turned out to be."""
        if answer.used_percent is not None:
            self._prints.append(_print_of(source, answer))
        words = f"{message(source)}: {message(answer.message)}"
        good = answer.verdict in _GOOD
        if self._typing is None:
            mark = self._style("+" if good else "-", "green" if good else "red")
            _tell(f"{mark} {words}")
            return
        if answer.verdict in _TAKEN:
            self._typed.append((source, answer))
        self._typing.tell(f"{'+' if good else '-'} {words}")

    @contextmanager
    def typing(self) -> Iterator[None]:
        """Let people type on a screen that is cleared afterwards, and say again what was taken."""
        from breakglass_shamir.cli.screen.typing import TypingScreen

        if not interactive():
            yield
            return
        self._typed = []
        try:
            with TypingScreen(self.warn) as self._typing:
                yield
        finally:
            self._typing = None
            for source, answer in self._typed:
                self.answer(source, answer)

    def type_line(self, prompt: str, so_far: Callable[[], Sequence[str]]) -> str | None:
        """Ask for one line of a sheet."""
        return self._typing.read_line(prompt, lambda: [*map(message, so_far())]) if self._typing else None

    def says_enough(self) -> bool:
        """Tell whether Enter was pressed since the last look."""
        if not interactive() or not select.select([sys.stdin], [], [], 0)[0]:
            return False
        said = sys.stdin.readline()
        answers.is_refused(said.strip())
        return said != ""

    def name_set(self) -> str:
        """Ask what the set is called."""
        question = "The typed lines do not carry the set's name. What is it? It stands on top of every sheet"
        return self.ask_optional(question) if interactive() else ""

    def can_ask(self) -> bool:
        """Tell whether somebody is there to answer."""
        return interactive()

    def name_target(self, uri: str, account: str, problem: str) -> tuple[str, str] | None:
        """Ask for the URI of a target, beside what the sheets say, and for the account."""
        if not interactive():
            return None
        if problem:
            self.warn(problem)
        else:
            self.say("no policy of this set is in force here, and what its sheets say is only paper:")
            self.say(f"  target on the sheets   {uri or 'none'}")
            self.say(f"  account on the sheets  {account or 'none'}")
            self.say("the credential goes where you say; a program or file of this machine is not named by paper")
        typed = self.ask_optional("Type the URI of the target yourselves (empty: people change the target)")
        if not typed:
            return "", ""
        known = f"empty: {clean(account)}; -: none" if account else "empty: none"
        said = self.ask_optional(f"Account there ({known})")
        return typed, "" if said == "-" else said or account

    def key_file(self, question: str, over: Callable[[], bool]) -> str | None:
        """Ask for a key file until one is named, the line is empty, or it is over without it."""
        if not interactive():
            return None
        streams.echo(clean(question), err=True)
        while not over():
            ready, _, _ = select.select([sys.stdin], [], [], 1.0)
            said = sys.stdin.readline() if ready else None
            if said is not None and not answers.is_refused(said.strip()):
                return said.strip() or None
        return ""

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """Ask whether the custodian holds the new sheet."""
        if not interactive():
            return False
        return answers.confirm(f"Does {clean(custodian) or 'the custodian'} hold the new sheet {sheet}?")

    def print_again(self, document: str, problem: str) -> bool:
        """Ask whether to try a document again that was not printed."""
        if not interactive():
            return False
        self.warn(f"{document} {problem}")
        return answers.confirm("Print it again, once the printer is ready?", default=True)

    def require_screen(self) -> None:
        """Refuse when there is no terminal to show a credential on."""
        from breakglass_shamir.cli.screen import reveal

        reveal.require(
            "expected a terminal, got none: people change this target, and must see the new credential",
            hint="run this command at a terminal",
        )

    def show(self, credential: Credential, seconds: int) -> None:
        """Show the credential on the alternate screen, count down, clear."""
        from breakglass_shamir.cli.screen import reveal

        reveal.show(credential, seconds)

    def until_use_ends(self, ended: Callable[[], bool], seconds_left: Callable[[], int]) -> str:
        """Wait for ``emergency``, ``drill`` or ``misuse`` to be typed, a close from elsewhere, or the deadline."""
        if not interactive():
            return ""
        words = ", ".join(_CLASSIFICATIONS)
        streams.echo(f"When the use is over, type what it was ({words}) and press Enter.", err=True)
        while seconds_left() > 0 and not ended():
            ready, _, _ = select.select([sys.stdin], [], [], 1.0)
            line = sys.stdin.readline() if ready else "\n"
            if not line:
                time.sleep(1.0)  # nobody types any more; the close may still come from elsewhere
            said = line.strip().lower()
            if said in _CLASSIFICATIONS:
                return said
            if said and not answers.is_refused(line.rstrip("\n")):
                answers.take_back(line.rstrip("\n"))
                streams.echo(f"expected one of {words}", err=True)
        return ""

    def public_code(self, text: str, heading: str, otherwise: str) -> None:
        """Show a code of public data, where the screen has room for it; else say what to do instead."""
        from breakglass_shamir.cli.screen import code

        if not interactive():
            return
        painted = code.lines(text, color=self._color)
        room = shutil.get_terminal_size()
        if len(painted) + 2 > room.lines or code.width(painted) > room.columns or not can_show(painted[0], sys.stderr):
            self.say(otherwise)
            return
        for line in (heading, *painted):
            _tell(line)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Give a function that tells how much of how much is done, on a terminal; elsewhere it is silent."""
        shown = interactive()

        def tell(done: int, of: int) -> None:
            if shown:
                with suppress(OSError):
                    streams.echo(f"\r  {what}: {done} of {of} ({100 * done // max(1, of)} %)", err=True, nl=False)

        try:
            yield tell
        finally:
            if shown:
                with suppress(OSError):
                    streams.echo("\r\x1b[K", err=True, nl=False)

    def result(self, document: Any, lines: Sequence[str]) -> None:
        """Print a command's result: the lines, or the document as JSON."""
        plain = _plain(document)
        if self._prints and isinstance(plain, dict):
            plain["prints"] = self._prints
        text = json_text(plain, getattr(sys.stdout, "encoding", None), indent=2) if self.as_json else ""
        with self._printing():
            for line in [text] if self.as_json else map(clean, lines):
                streams.echo(line)

    def table(self, document: Any, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, or the document as JSON."""
        if self.as_json:
            self.result(document, ())
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(clean(cell) for cell in row))
        console = Console(color_system="auto" if self._color else None, highlight=False, markup=False)
        if not is_terminal(sys.stdout):
            console.width = 200
        with self._printing():
            console.print(table)

    def verdicts(self, lines: Sequence[tuple[str, str]]) -> None:
        """Print lines below a table, each in its colour where standard output is a terminal."""
        colourful = self._color and is_terminal(sys.stdout)
        with self._printing():
            for line, colour in lines:
                streams.echo(click.style(message(line), fg=colour) if colourful and colour else message(line))

    def ask(self, value: str | None, option: str, question: str) -> str:
        """Return a value, asking for it when it is missing and somebody is there.

        Raises:
            InvalidInput: nobody is there to ask.
        """
        if value is not None:
            return value
        if not interactive():
            raise InvalidInput(f"expected {option}, got none", hint="give it as an option, or use a terminal")
        return answers.ask(clean(question))

    def ask_optional(self, question: str) -> str:
        """Ask for something that may be left empty."""
        return answers.ask(clean(question), optional=True).strip()

    def ask_public(self, question: str) -> str:
        """Ask for something public that has the look of a line of a sheet; it may be left empty."""
        return answers.ask(clean(question), optional=True, public=True).strip()

    def ask_secret(self, question: str, option: str) -> bytes:
        """Ask for a credential twice, without showing it.

        Raises:
            InvalidInput: nobody is there to ask.
        """
        if not interactive():
            raise InvalidInput(f"expected {option}, got none", hint="give it as an option, or use a terminal")
        from breakglass_shamir.cli.screen import quiet

        return quiet.ask_twice(question).encode()

    @contextmanager
    def _printing(self) -> Iterator[None]:
        """End with exit code 1 where a result cannot be written."""
        try:
            yield
        except OSError as error:
            self.warn(f"the result could not be printed ({error.strerror}); what was recorded stands")
            raise click.exceptions.Exit(LOST_RESULT) from None

    def _tell(self, line: str, colour: str = "") -> None:
        """Tell something, on the screen that is up."""
        if self._typing is not None:
            self._typing.tell(line)
        else:
            _tell(self._style(line, colour) if colour else line)

    def _style(self, text: str, colour: str) -> str:
        return click.style(text, fg=colour) if self._color else text


def interactive() -> bool:
    """Tell whether somebody can be asked."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def _tell(line: str) -> None:
    """Write to standard error where that is possible; nothing depends on it."""
    with suppress(OSError):
        streams.echo(line, err=True)


def _print_of(source: str, answer: Answer) -> dict[str, Any]:
    """Return what JSON says of a code that was scanned."""
    return {
        "source": source, "verdict": str(answer.verdict), "sheet": answer.sheet, "epoch_id": answer.epoch_id.hex(),
        "health": answer.health, "used_percent": answer.used_percent,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Turn results into what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"set" if name == "set_name" else name: _plain(item) for name, item in named.items()}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def _default_home() -> Path:
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "breakglass"

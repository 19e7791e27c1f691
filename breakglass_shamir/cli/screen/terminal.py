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

import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.screen import streams
from breakglass_shamir.cli.screen.cleaning import clean, json_text, message
from breakglass_shamir.cli.screen.streams import LOST_RESULT, PLAIN_VARIABLE, can_show, is_terminal
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.formats.named_fields import names_of

if TYPE_CHECKING:
    from breakglass_shamir.cli.screen.board import BoardScreen
    from breakglass_shamir.cli.screen.progress import Progress
    from breakglass_shamir.custody.credential import Credential
    from breakglass_shamir.custody.quorum.answer import Answer
    from breakglass_shamir.operations.desk import Board, Given, HowNext, OpenUse

HOME_VARIABLE = "BREAKGLASS_HOME"
"""Environment variable with the home folder."""

VERDICT_INDENT = 9
"""Where what is said of a set begins, after the word that says how urgent it is."""

_READY = "Ready? Enter shows it; back: another way"
"""What is asked before that."""

_INDENT = 2
"""Columns before the rows that follow the first one of what is told."""

_FORCE_COLOUR = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})
"""Environment variables by which rich is told that it draws on a terminal."""

_PIPE_COLUMNS, _SENTENCE_COLUMNS = 200, 80
"""How wide a table is where no screen sets a limit: so wide, or wider where names are long; the rest is for the last
column, the only one that is broken."""


_ADVANCE_S = 10.0
"""Pause between lines that tell how far something is, where nothing is drawn."""


class Terminal:
    """The people in the room, at a terminal or behind a pipe; implements the desk of the use cases."""

    def __init__(self, home: Path | None, *, as_json: bool, color: bool, plain: bool = False) -> None:
        self.home = home or _default_home()
        self.named_home = home
        """The home where ``--home`` named it, so that commands for people name it too."""
        self.as_json = as_json
        self.plain = plain or os.environ.get(PLAIN_VARIABLE, "") not in ("", "0") or os.environ.get("TERM") == "dumb"
        """Whether lines are printed and nothing is drawn, as a screen reader wants it."""

        self._color = color and "NO_COLOR" not in os.environ and is_terminal(sys.stderr)

        self.leaves: Callable[[], Sequence[str]] = tuple
        """Says what people leave behind who stop now, a line each."""

        self.asks_ready = False
        """Whether people are asked before the credential is shown to them."""

        self._board: BoardScreen | None = None
        self._types: Callable[[], bool] = bool
        self._read: list[tuple[str, Answer]] = []
        self._progress: Progress | None = None
        self._prints: list[dict[str, Any]] = []
        self._advanced = 0.0
        """When it was last told how far something is; 0: nothing of it is on the screen."""

    @property
    def command_output(self) -> int | None:
        """Where a command that is given the credential writes: not into our JSON."""
        return 2 if self.as_json else None

    def say(self, line: str) -> None:
        """Tell how far things are."""
        self._tell(f"  {message(line)}", indent=_INDENT)

    def put(self, line: str, indent: int = 0) -> None:
        """Tell a line of a question, cut between words where the screen ends.

        Args:
            line: what is told.
            indent: columns before the rows that follow the first one.
        """
        self._tell(message(line), indent=indent)

    def advance(self, what: str, done: int, of: int) -> None:
        """Tell on one line that is drawn over, how far something is; where nothing is drawn, a line now and then."""
        if not interactive() or self._board is not None:
            return
        line = f"  {message(what)} {done} of {of}" if what else ""
        if self.plain:
            if what and time.monotonic() > self._advanced + _ADVANCE_S:
                self._advanced = time.monotonic()
                _tell(line)
        elif what or self._advanced:
            self._advanced = time.monotonic() if what else 0.0
            with suppress(OSError):
                streams.echo(f"\r\x1b[K{line[: _screen().columns - 1]}", err=True, nl=False)

    def warn(self, line: str) -> None:
        """Tell something that a person should not miss."""
        self._tell(f"! {message(line)}", "yellow", indent=_INDENT)

    def failed(self, error: BreakglassError) -> None:
        """Tell what failed, where that does not end the command."""
        self._tell(f"- {message(str(error))}", "red", indent=_INDENT)
        if error.hint:
            self.say(f"hint: {error.hint}")

    def answer(self, source: str, answer: "Answer") -> None:
        """Tell at once what a scan turned out to be."""
        from breakglass_shamir.cli.screen import verdicts

        if answer.used_percent is not None:
            self._prints.append(verdicts.print_of(source, answer))
        good = answer.verdict in verdicts.GOOD
        words = f"{'+' if good else '-'} {message(source)}: {message(answer.message)}"
        if self._progress is not None:
            self._progress.clear()
        if self._board is None:
            first, *rest = self._rows(words, _INDENT)
            _tell("\n".join([self._style(first[0], "green" if good else "red") + first[1:], *rest]))
            return
        of_a_line = answer.verdict in verdicts.OF_A_LINE
        self._board.tell(words, "" if of_a_line else source, verdicts.rank(answer))
        if not of_a_line:
            self._read.append((source, answer))

    def has_board(self) -> bool:
        """Tell whether somebody is there to gather sheets."""
        return interactive()

    @contextmanager
    def board(self, look: "Callable[[], Board]") -> Iterator[None]:
        """Keep a board up that is cleared afterwards, and say again what was read."""
        from breakglass_shamir.cli.screen import verdicts
        from breakglass_shamir.cli.screen.board import BoardScreen

        self._read = []
        try:
            with BoardScreen(look, self.warn, plain=self.plain) as self._board:
                self._types = lambda: bool(look().prompt)
                yield
        finally:
            said_already, self._board = self._board is not None and self._board.prints, None
            for source, answer in () if said_already else verdicts.once(self._read):
                self.answer(source, answer)

    def given(self, wait_s: float) -> "Given | None":
        """Return what people gave at the board; what means nothing there is answered here."""
        from breakglass_shamir.cli.screen import giving
        from breakglass_shamir.operations.desk import Given

        assert self._board is not None  # noqa: S101 - inside board()
        if self._types() and not self._board.agrees_to_show(giving.TYPED):
            return Given(word=giving.TYPE)
        try:
            said = self._board.read(wait_s)
        except EOFError:
            return Given(word=giving.STOP)
        if said is None:
            return None
        return giving.meant(self._board, said, types=self._types())

    def agrees_to_stop(self, read: int) -> bool:
        """Ask whether people mean to stop, and say what they leave behind."""
        from breakglass_shamir.cli.screen import giving

        assert self._board is not None  # noqa: S101 - inside board()
        return giving.agrees_to_stop(self._board, read, self.leaves())

    def typing(self) -> AbstractContextManager[None]:
        """Nobody types but at the board."""
        return nullcontext()

    def type_line(self, prompt: str, so_far: Callable[[], Sequence[str]]) -> str | None:
        """Nobody types but at the board."""
        return None

    def says_enough(self) -> bool:
        """Tell whether Enter was pressed since the last look."""
        from breakglass_shamir.cli.screen import answers

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

    def pass_gate(self, gate: str, problem: str, meaning: str) -> str | None:
        """Ask whether an emergency goes on although a check failed, and why."""
        from breakglass_shamir.cli.screen import answers

        if not interactive():
            return None
        self.warn(problem)
        self.say(f"this is the check {gate!r}: {meaning}")
        self.say(
            "an emergency may go on all the same: that is recorded, told to everybody who is alerted, and reviewed"
        )
        if not answers.confirm("Go on all the same?", plain=self.plain):
            return None
        return answers.ask_words("Why? It stands in the record and in the alert", "reason", plain=self.plain)

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
        from breakglass_shamir.cli.screen import answers

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
        from breakglass_shamir.cli.screen import answers

        if not interactive():
            return False
        return answers.confirm(
            f"Does {clean(custodian) or 'the custodian'} hold the new sheet {sheet}?", plain=self.plain
        )

    def bring_sheets(self, stands: str, wants: str, word: str) -> tuple[Path, ...] | str | None:
        """Ask for sheets that a rotation under way still needs; None when nobody is there, or they stop."""
        from breakglass_shamir.cli.screen import answers

        if not interactive():
            return None
        from breakglass_shamir.cli.screen import completion, paths

        self.say(f"what stands: {stands}")
        self.say(f"wanted: {wants}")
        ways = "Enter: scan or type them; " + (f"{word}: give the printed epoch up; " if word else "")
        words = {"": "", "stop": None, **({word: word} if word else {})}

        def check(said: str) -> str:
            if said.strip().lower() in words:
                return ""
            if said.strip().lower() == "back":
                return "there is no question before this one; a folder of that name: ./back"
            try:
                return "\n".join(filter(None, map(paths.missing, paths.parse(said))))
            except InvalidInput as error:
                return str(error)

        question = f"Folder or file with them ({ways}stop: leave it as it is)"
        said = answers.ask(question, optional=True, plain=self.plain, complete=completion.paths, check=check).strip()
        return words[said.lower()] if said.lower() in words else paths.parse(said)

    def print_again(self, document: str, problem: str) -> bool:
        """Ask whether to try a document again that was not printed."""
        from breakglass_shamir.cli.screen import answers

        if not interactive():
            return False
        self.warn(f"{document} {problem}")
        return answers.confirm("Print it again, once the printer is ready?", default=True, plain=self.plain)

    def require_screen(self) -> None:
        """Refuse when there is no terminal to show a credential on."""
        from breakglass_shamir.cli.screen import reveal

        reveal.require(
            "expected a terminal, got none: people change this target, and must see the new credential",
            hint="run this command at a terminal",
        )

    def is_ready(self) -> bool:
        """Ask whether the credential may be shown now, in a guided flow: Enter alone shows it."""
        from breakglass_shamir.cli.screen import answers

        while self.asks_ready:
            said = answers.ask(_READY, optional=True, plain=self.plain).strip().lower()
            if not said or answers.agreed(said):
                return True
            if said in ("back", "stop") or answers.agreed(said) is False:
                return False
            self.put("  Enter: it stands here, alone, until its time is over or a key is pressed", indent=4)
            self.put("  back: choose another way to use it, or end the use", indent=4)
        return True

    def show(self, credential: "Credential", seconds: int) -> None:
        """Show the credential on the alternate screen, count down, clear."""
        from breakglass_shamir.cli.screen import reveal

        reveal.show(credential, seconds)

    def agrees(self, question: str) -> bool:
        """Ask whether something that was warned of is done all the same."""
        from breakglass_shamir.cli.screen import answers

        return interactive() and answers.confirm(clean(question))

    def how_next(self, use: "OpenUse") -> "HowNext":
        """Ask how an open use goes on, until there is an answer, a close from elsewhere, or the deadline."""
        from breakglass_shamir.cli.screen.using import Question
        from breakglass_shamir.operations.desk import HowNext

        return Question(use, self.warn).ask() if interactive() else HowNext()

    def public_code(self, text: str, heading: str, otherwise: str) -> None:
        """Show a code of public data, where the screen has room for it; else say what to do instead."""
        from breakglass_shamir.cli.screen import code

        if not interactive():
            return
        painted = code.lines(text, color=self._color)
        room = _screen()
        if len(painted) + 2 > room.lines or code.width(painted) > room.columns or not can_show(painted[0], sys.stderr):
            self.say(otherwise)
            return
        for line in (heading, *painted):
            _tell(line)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Give a function that tells how much of how much is done, on a terminal; elsewhere it is silent.

        In plain mode it says a line now and then; else it keeps one line, which is gone when anything else is said.
        """
        if not interactive() or self._board is not None:
            yield lambda done, of: None
            return
        from breakglass_shamir.cli.screen import sequences
        from breakglass_shamir.cli.screen.progress import Progress

        before, self._progress = self._progress, Progress(what, draws=not self.plain and sequences.erases())
        try:
            yield self._progress.tell
        finally:
            self._progress.clear()
            self._progress = before

    def result(self, document: Any, lines: Sequence[str], *, wraps: bool = False) -> None:
        """Print a command's result: the lines, or the document as JSON.

        Args:
            document: what JSON says.
            lines: what people read.
            wraps: whether the lines are sentences, which are cut between words where standard output is a screen.
        """
        plain = _plain(document)
        if self._prints and isinstance(plain, dict):
            plain["prints"] = self._prints
        text = json_text(plain, getattr(sys.stdout, "encoding", None), indent=2) if self.as_json else ""
        with self._printing():
            for line in [text] if self.as_json else map(clean, lines):
                for row in self._rows(line, _INDENT) if wraps and self.columns() and not self.as_json else [line]:
                    streams.echo(row)

    def table(self, document: Any, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, or the document as JSON."""
        if self.as_json:
            self.result(document, ())
            return
        from breakglass_shamir.cli.screen import plain_table

        cells = [[clean(cell) for cell in row] for row in rows]
        width = self.columns()
        by_rich = self._colours_results() or not (sys.stdout.encoding or "").lower().startswith("utf")
        lines = None if by_rich else plain_table.drawn(head, cells, width or _PIPE_COLUMNS)
        if lines is None:
            self._table_with_rich(head, cells, width)
            return
        with self._printing():
            streams.echo("\n".join(lines))

    def _colours_results(self) -> bool:
        """Tell whether rich would draw in colour on standard output."""
        return self._color and (is_terminal(sys.stdout) or bool(_FORCE_COLOUR & os.environ.keys()))

    def _table_with_rich(self, head: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> None:
        """Print a table that is in colour, is not plain, or does not fit as it is."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        from breakglass_shamir.cli.screen import tables

        if cells and width and tables.width_of(head, cells) > width:
            with self._printing():
                for line in (*tables.blocks(head, cells, width), ""):
                    streams.echo(line)
            return
        table = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
        for row in cells:
            table.add_row(*row)
        console = Console(color_system="auto" if self._color else None, highlight=False, markup=False, emoji=False)
        if not width:
            console.width = max(
                _PIPE_COLUMNS, tables.width_of(head[:-1], [row[:-1] for row in cells]) + _SENTENCE_COLUMNS
            )
        with self._printing():
            console.print(table)

    def columns(self) -> int:
        """Return how many columns standard output has where it is a terminal; 0: it is none."""
        return _screen().columns if is_terminal(sys.stdout) else 0

    def listed(
        self, name: str, items: Iterable[Any], head: Sequence[str], cells: Callable[[Any], Sequence[str]], *,
        names: Sequence[str] = (), more: Callable[[], dict[str, Any]] = dict,
    ) -> None:  # fmt: skip
        """Print a list of any length as a table; as JSON; or as CSV, where its columns are named.

        Args:
            name: of the list in JSON.
            items: data classes, each printed before the next one is asked for.
            head: columns of the table.
            cells: makes a line of the table of an item.
            names: columns of CSV, which are fields of an item in JSON; empty: no CSV is wanted.
            more: what else the JSON document says, when the list is over.
        """
        from breakglass_shamir.cli.screen import listing

        if names:
            with self._printing():
                for some in listing.together(listing.csv_lines(names, map(_plain, items))):
                    streams.echo(some, nl=False)
        elif self.as_json:
            with self._printing():
                self._json_list(name, items, more)
        else:
            first, rest = listing.first_of(items)
            if len(first) < listing.FIRST:
                self.table(None, head, [cells(item) for item in first])
                return
            with self._printing():
                lines = listing.long_table(head, map(cells, first), map(cells, rest), self.columns())
                for some in listing.together(f"{line}\n" for line in lines):
                    streams.echo(some, nl=False)

    def verdicts(self, lines: Sequence[tuple[str, str]]) -> None:
        """Print lines below a table, each in its colour where standard output is a terminal, broken at spaces there."""
        colourful, width = self._color and is_terminal(sys.stdout), self.columns()
        with self._printing():
            for line, colour in lines:
                said = message(line)
                for row in self._wrapped(said, width) if width and not is_command(said) else [said]:
                    streams.echo(click.style(row, fg=colour) if colourful and colour else row)

    def _wrapped(self, line: str, width: int) -> list[str]:
        from breakglass_shamir.cli.screen import tables

        return tables.wrapped(line, VERDICT_INDENT, width)

    def ask(self, value: str | None, option: str, question: str) -> str:
        """Return a value, asking for it when it is missing and somebody is there.

        Raises:
            InvalidInput: nobody is there to ask.
        """
        from breakglass_shamir.cli.screen import answers

        if value is not None:
            return value
        if not interactive():
            raise InvalidInput(f"expected {option}, got none", hint="give it as an option, or use a terminal")
        return answers.ask(clean(question), plain=self.plain)

    def ask_optional(self, question: str) -> str:
        """Ask for something that may be left empty."""
        from breakglass_shamir.cli.screen import answers

        return answers.ask(clean(question), optional=True, plain=self.plain).strip()

    def ask_public(self, question: str) -> str:
        """Ask for something public that has the look of a line of a sheet; it may be left empty."""
        from breakglass_shamir.cli.screen import answers

        return answers.ask(clean(question), optional=True, public=True, plain=self.plain).strip()

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

    def _json_list(self, name: str, items: Iterable[Any], more: Callable[[], dict[str, Any]]) -> None:
        from breakglass_shamir.cli.screen import failure, listing

        encoding, begun = getattr(sys.stdout, "encoding", None), False
        try:
            for some in listing.together(listing.json_list(name, map(_plain, items), lambda: _plain(more()), encoding)):
                streams.echo(some, nl=False)
                begun = True
        except BreakglassError as error:
            if not begun:
                raise
            streams.echo(listing.json_broken_off(failure.document(error), encoding))
            raise click.exceptions.Exit(error.exit_code) from None
        streams.echo()

    def _rows(self, line: str, indent: int) -> list[str]:
        from breakglass_shamir.cli.screen import wrapping

        return wrapping.rows(line, indent, wrapping.columns(plain=self.plain))

    def _tell(self, line: str, colour: str = "", indent: int = 0) -> None:
        """Tell something, on the screen that is up."""
        if self._progress is not None:
            self._progress.clear()
        if self._board is not None:
            self._board.tell(line)
            return
        for row in self._rows(line, indent):
            _tell(self._style(row, colour) if colour else row)

    def _style(self, text: str, colour: str) -> str:
        return click.style(text, fg=colour) if self._color else text


def interactive() -> bool:
    """Tell whether somebody can be asked."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def is_command(line: str) -> bool:
    """Tell whether a line below a table is a command: it is not broken, since people paste it."""
    return line.startswith(f"{' ' * VERDICT_INDENT}breakglass ")


def _screen() -> os.terminal_size:
    """Return how large the screen is, as the terminal says or the environment does."""
    from shutil import get_terminal_size

    return get_terminal_size()


def _tell(line: str) -> None:
    """Write to standard error where that is possible; nothing depends on it."""
    with suppress(OSError):
        streams.echo(line, err=True)


def _plain(value: Any) -> Any:
    """Turn results into what JSON knows."""
    if isinstance(value, str | int) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    kind: Any = type(value)
    if named := _named(kind):
        return {shown: _plain(getattr(value, name)) for name, shown in named}
    return value


@cache
def _named(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a class that names them, and what they are called in JSON."""
    return tuple((name, "set" if name == "set_name" else name) for name in names_of(kind))


def _default_home() -> Path:
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "breakglass"

# SPDX-License-Identifier: Apache-2.0
"""Reading one line from the person at the terminal: with editing, history and Tab where the terminal can.

Rules:

1. Nothing goes to standard output. What is read is not judged and not kept: whoever asked does both.
2. Where there is no terminal that can be drawn on, in plain mode and beside the main thread, a question is printed and
   a line is read, and no control sequence is sent.
3. The line is edited in one row of the screen, whose other parts move in and out at the sides: nothing of it scrolls.
   With its end the row is erased, and whoever asked shows what may stand there.
4. Ctrl-C ends the program as everywhere, exit code 130. Ctrl-D in an empty line, and the end of the input, is
   ``EOFError``: nobody answers any more. A signal that ends the program gives the terminal back first.
5. History is what :func:`keep` was given, in memory, and gone with the process.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from breakglass_shamir.cli.screen import sequences, streams
from breakglass_shamir.cli.screen.cleaning import clean, message
from breakglass_shamir.cli.screen.completion import Completer
from breakglass_shamir.cli.screen.signals import ENDING, Ended, wait_for_line

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output.vt100 import Vt100_Output

MOST_KEPT = 200
"""Answers that are kept for the arrow keys."""

_ROOM = 34
"""Columns that an answer should have beside its question; else the question stands above."""

_BELOW = "> "
"""What stands before an answer whose question stands above."""

_MOST_AHEAD, _READ_BYTES = 65536, 4096
"""Characters that are taken of what was typed before a question."""

_END_TYPED_AHEAD = "\0"
"""What the terminal hands over for a Ctrl-D that was typed while it still made lines itself (Linux)."""

_kept: list[str] = []

Refused = Callable[[str], bool]
"""Tells of a pasted text whether it must not stand on the screen."""


def keep(answer: str) -> None:
    """Keep an answer for the arrow keys; never one that is or may be secret."""
    if answer and answer not in _kept[-1:]:
        _kept.append(answer)
        del _kept[:-MOST_KEPT]


def edits(*, plain: bool = False) -> bool:
    """Tell whether a line can be edited: at a terminal that can be drawn on, where people did not ask for plain."""
    return (
        not (plain or os.environ.get(streams.PLAIN_VARIABLE, "") not in ("", "0"))
        and streams.is_terminal(sys.stdin)
        and streams.is_terminal(sys.stderr)
        and sequences.erases()
        and threading.current_thread() is threading.main_thread()
    )


def read(
    question: str, *, plain: bool = False, complete: Completer | None = None, prefill: str = "",
    refused: Refused = lambda _: False,
) -> str:  # fmt: skip
    """Ask once; returns what was typed, without the end of its line.

    Args:
        question: stands before the answer; no control characters.
        plain: whether nothing is to be drawn.
        complete: what Tab does.
        prefill: what stands there already, to be changed; not where nothing is drawn.
        refused: tells of a pasted text whether it is to go off the screen at once, without waiting for Enter.

    Raises:
        EOFError: nobody answers any more.
        KeyboardInterrupt: by Ctrl-C, or a signal that ends the program; the terminal is as it was.
    """
    if not edits(plain=plain):
        return _read_plainly(question)
    return _edited(question, complete, prefill, refused)


def show(question: str, answer: str) -> None:
    """Show an answer that may stand there, where :func:`read` left nothing of it; with what was asked."""
    streams.echo(clean(f"{_shown(question)}{answer}"), err=True)


def _read_plainly(question: str) -> str:
    streams.echo(f"{question}: ", err=True, nl=False)
    sys.stderr.flush()
    if streams.is_terminal(sys.stdin):
        wait_for_line(sys.stdin.fileno())
    said = sys.stdin.readline()
    if not said:
        streams.echo(err=True)
        raise EOFError
    return said.rstrip("\r\n")


def _asked(question: str) -> str:
    """Return what stands before the answer, after printing a question that has no room there."""
    shown = _shown(question)
    if shown == _BELOW:
        for row in sequences.wrapped(question, _columns() - 1):
            streams.echo(row, err=True)
    return shown


def _shown(question: str) -> str:
    asked = f"{question}: "
    return asked if sequences.cells(asked) <= max(_ROOM, _columns() - _ROOM) else _BELOW


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or sequences.COLUMNS
    except (OSError, ValueError):
        return sequences.COLUMNS


def _edited(question: str, complete: Completer | None, prefill: str, refused: Refused) -> str:
    """Read a line with prompt_toolkit; the terminal echoes nothing from before the question is printed."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import DummyHistory, InMemoryHistory
    from prompt_toolkit.input.typeahead import store_typeahead
    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.input.vt100_parser import Vt100Parser
    from prompt_toolkit.key_binding import KeyPress

    class Kept(InMemoryHistory):
        """What was kept, to which reading adds nothing."""

        append_string = DummyHistory.append_string

    keys = Vt100Input(sys.stdin)
    session = PromptSession[str](
        input=keys, output=_output(), history=Kept(_kept), key_bindings=_keys(complete, refused),
        erase_when_done=True, wrap_lines=False, complete_while_typing=False, enable_suspend=True,
        reserve_space_for_menu=0, include_default_pygments_style=False,
    )  # fmt: skip
    with _ended_by_signals(), keys.raw_mode():
        ahead: list[KeyPress] = []
        Vt100Parser(ahead.append).feed(drain(refused))
        store_typeahead(keys, ahead)
        return session.prompt(_asked(question), default=prefill)


def drain(refused: Refused) -> str:
    """Take what was typed before anything was asked, and off the row in which the terminal echoed it.

    Args:
        refused: tells whether it must go off the screen; it is wiped off the rows above, too, then.
    """
    descriptor, left, text = sys.stdin.fileno(), _left_by_the_editor(), ""
    while len(text) < _MOST_AHEAD and select.select([descriptor], [], [], 0)[0]:
        piece = os.read(descriptor, _READ_BYTES)
        if not piece:
            break
        text += piece.decode(errors="replace").replace(_END_TYPED_AHEAD, "\x04")
    if text and sequences.erases():
        *lines, _last = text.split("\n")
        wiped = "".join(sequences.take_back(one, _columns()) for one in reversed(lines)) if refused(text) else ""
        streams.echo(f"{sequences.ERASE_ROW}{wiped}", err=True, nl=False)
    return left + text


def _left_by_the_editor() -> str:
    """Return keys that the editor read after the end of its last line."""
    if "prompt_toolkit.input.typeahead" not in sys.modules:
        return ""
    from prompt_toolkit.input.typeahead import get_typeahead
    from prompt_toolkit.input.vt100 import Vt100Input

    return "".join(pressed.data for pressed in get_typeahead(Vt100Input(sys.stdin)))


def _output() -> "Vt100_Output":
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.output.vt100 import Vt100_Output

    class Rows(Vt100_Output):
        """Erases the row before what is below it (``sequences``, rule 1)."""

        def erase_down(self) -> None:
            self.erase_end_of_line()
            super().erase_down()

    def size() -> Size:
        try:
            told = os.get_terminal_size(sys.stderr.fileno())
        except OSError:
            return Size(sequences.ROWS, sequences.COLUMNS)
        return Size(told.lines or sequences.ROWS, told.columns or sequences.COLUMNS)

    return Rows(
        sys.stderr, size, term=os.environ.get("TERM"), default_color_depth=ColorDepth.DEPTH_1_BIT, enable_bell=False,
        enable_cpr=False,
    )  # fmt: skip


def _keys(complete: Completer | None, refused: Refused) -> "KeyBindings":
    """Return what the keys do that are ours."""
    from prompt_toolkit.application import run_in_terminal
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    bindings = KeyBindings()

    @bindings.add(Keys.Tab)
    def _tab(event: "KeyPressEvent") -> None:
        buffer = event.current_buffer
        before = buffer.document.text_before_cursor
        if complete is None:
            buffer.insert_text(" ")
            return
        offer = complete(before)
        buffer.delete_before_cursor(len(before))
        buffer.insert_text(offer.line)
        if offer.names:
            run_in_terminal(lambda: tell_names(offer.names))

    @bindings.add(Keys.BracketedPaste)
    def _paste(event: "KeyPressEvent") -> None:
        event.current_buffer.insert_text(" ".join(event.data.split("\n" if "\r" not in event.data else None)).strip())
        if refused(event.current_buffer.text):
            event.current_buffer.validate_and_handle()

    return bindings


def tell_names(names: tuple[str, ...], most: int = 40) -> None:
    """Tell how a line may go on."""
    said = [message(name) for name in names[:most]]
    if len(names) > most:
        said.append(f"and {len(names) - most} more")
    for row in sequences.wrapped("   ".join(said), _columns() - 1):
        streams.echo(row, err=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a signal that would end the program at once end the reading first, which gives the terminal back."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Ended

    before: dict[int, Any] = {}
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

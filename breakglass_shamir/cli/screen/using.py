# SPDX-License-Identifier: Apache-2.0
"""The question how a use goes on: it is over, the credential is shown again, or a command gets it.

Rules:

1. It waits until people answer, the use is ended from elsewhere, or its time is over. Nothing typed ends it by mistake.
2. An answer is a number or a word of the list. Whatever else was typed is wiped off the screen, since who has just read
   a secret may type it here, and is asked again; it is never repeated.
3. Ctrl-C and the end of the input end nothing. ``stop`` leaves, and says what is left behind.
"""

import select
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from breakglass_shamir.cli.screen import answers, streams
from breakglass_shamir.cli.screen.cleaning import clean
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.operations.desk import HowNext, OpenUse
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.catalogue import Recipe
from breakglass_shamir.shell import breakglass, word

QUESTION = "When the use is over, type what it was. A number or a word, and Enter:"
"""What people are asked after a reveal."""

_TICK_S = 1.0
_WORDS = {
    "emergency": ("emergency", "the use is over: it was what was declared"),
    "drill": ("drill", "the use is over: it was a drill"),
    "misuse": ("misuse", "the use is over: it should not have been"),
    "show": ("again", "show the credential once more"),
    "exec": ("run", "give it to a command or a recipe"),
    "no-reveal": ("login", "let the connector log in; nobody sees the credential"),
    "record": ("record", "give it to a command in a terminal that is recorded"),
}
"""What each choice is called, and one line about it."""

_KINDS = frozenset(name for name, _ in _WORDS.values())

_ALSO = {"show": "show", "exec": "run", "command": "run", "no-reveal": "login", "?": "help", "quit": "stop"}
_HELP = """\
The credential was opened: its rotation is owed, whatever you answer here.
While the use is open it can be shown again, or given to a command. It comes
from memory, and a record of each time is made before it.
When its time is over, or this program has ended, that takes the sheets again.
The use is over when you have done what you came for. Say what it was. Then the
rotation begins, where there is a place for the new sheets.
stop leaves this program with the use still open. Ctrl-C does nothing here."""


class Question:
    """One use that is open, and what people want of it."""

    def __init__(self, use: OpenUse, warn: Callable[[str], None]) -> None:
        self._use = use
        self._warn = warn
        records = ["record"] if "exec" in use.modes and use.record != "never" else []
        offered = [*use.classifications, *use.modes, *records]
        self._tty = False
        self._choices = [(name, *_WORDS[name]) for name in offered if name in _WORDS]
        self._recipes = catalogue.recipes_for(use.target, use.account)
        self._interrupted = False

    def ask(self) -> HowNext:
        """Ask until there is an answer, or the use has ended by itself.

        Raises:
            KeyboardInterrupt: people want to leave; they were told what stays.
        """
        if self._use.happened:
            self._warn(self._use.happened)
        self._tell_choices()
        while (said := self._line()) is not None:
            found = self._understood(said)
            if found is not None:
                return found
        return HowNext()

    def _understood(self, said: str) -> HowNext | None:
        """Return what an answer means; None where it is asked again."""
        first, _, rest = said.partition(" ")
        named = _ALSO.get(first.lower(), first.lower())
        if said.startswith(catalogue.PREFIX):
            self._tty = False
            return self._command(said, said)
        if named.isdecimal() and 0 < int(named[:3]) <= len(self._choices) and not rest:
            named = self._choices[int(named) - 1][1]
        if named in ("help", "stop") and not rest:
            self._tell_help() if named == "help" else self._leave()
            return None
        kind = next((kind for kind, name, _ in self._choices if name == named), "")
        if kind in ("exec", "record"):
            self._tty = kind == "record"
            return self._command(rest, said) if rest else self._ask_command()
        if not kind or rest:
            self._unknown(said, named)
            return None
        return HowNext(kind) if kind in self._use.modes else HowNext(classification=kind)

    def _unknown(self, said: str, named: str) -> None:
        answers.take_back(said)
        names = [name for _, name, _ in self._choices]
        near = get_close_matches(named, names, n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]}?" if near else ""
        known = f", not {named}" if named in _KINDS else ""
        streams.echo(f"expected one of {', '.join(names)}, or its number{known}{meant}", err=True)

    def _ask_command(self) -> HowNext | None:
        """Ask for a command, from the recipes or typed whole; None: people want another way."""
        streams.echo("Recipes: each gives the credential to its program and leaves you the keyboard.", err=True)
        for number, one in enumerate(self._recipes, 1):
            streams.echo(f"  {number:2}  {one.command:18} {clean(one.words)}", err=True)
        streams.echo("Type a number, a recipe with its arguments, or a command; back for another way:", err=True)
        while (said := self._line()) is not None:
            if said.lower() == "back":
                self._tell_choices()
                return None
            if said.isdecimal() and 0 < int(said[:3]) <= len(self._recipes):
                return self._ask_arguments(self._recipes[int(said) - 1])
            found = self._command(said, said)
            if found:
                return found
        return HowNext()

    def _ask_arguments(self, recipe: Recipe) -> HowNext | None:
        example = " ".join(map(word, recipe.example))
        streams.echo(f"Arguments of {recipe.name}, such as: {clean(example)}", err=True)
        enter = "Enter takes these" if recipe.is_complete else "put in what stands in capitals"
        streams.echo(f"({enter}; back for another way)", err=True)
        while (said := self._line(empty=recipe.is_complete)) is not None:
            if said.lower() == "back":
                return self._ask_command()
            found = self._command(f"{recipe.command} {said}", said) if said else self._run(self._whole(recipe))
            if found:
                return found
        return HowNext()

    @staticmethod
    def _whole(recipe: Recipe) -> tuple[str, ...]:
        return (recipe.command, *recipe.example)

    def _command(self, text: str, said: str) -> HowNext | None:
        """Return a command that was typed; None, after saying why, where it is none."""
        try:
            command = tuple(shlex.split(text))
        except ValueError:
            command = ()
        if catalogue.is_recipe(command):
            try:
                catalogue.find(command)
            except BreakglassError as error:
                streams.echo(clean(f"{error}" + (f"; {error.hint}" if error.hint else "")), err=True)
                return None
        elif not command or shutil.which(command[0]) is None:
            answers.take_back(said)
            streams.echo("expected a command, and found no program of that name; back for another way", err=True)
            return None
        return self._run(command)

    def _run(self, command: tuple[str, ...]) -> HowNext:
        return HowNext("exec", command, tty=self._tty)

    def _line(self, *, empty: bool = False) -> str | None:
        """Return what people typed; None when the use is over without them.

        Args:
            empty: whether an empty line is an answer, too.
        """
        while self._use.seconds_left() > 0 and not self._use.ended():
            try:
                ready, _, _ = select.select([sys.stdin], [], [], _TICK_S)
                line = sys.stdin.readline() if ready else None
                if line == "":
                    time.sleep(_TICK_S)  # nobody types any more; the end may still come from elsewhere
            except KeyboardInterrupt:
                self._keep_open()
                continue
            said = (line or "").strip()
            if line and (said or empty) and not answers.is_refused((line or "").rstrip("\n")):
                self._interrupted = False
                return said
        return None

    def _keep_open(self) -> None:
        """Let the first Ctrl-C end nothing, and a second one right after it leave."""
        if self._interrupted:
            self._leave()
        self._interrupted = True
        streams.echo("\nCtrl-C does not end the use. Once more leaves it open, and ends this program.", err=True)

    def _leave(self) -> None:
        name = self._use.set_name
        left = in_words(max(0, self._use.seconds_left()))
        for line in (
            f"left: the use of {name} is open for {left} more, and its rotation is owed",
            f"  to end it: {breakglass('close', name, options='--as emergency')}",
            "  to see the credential again: the sheets are needed",
        ):
            streams.echo(clean(line), err=True)
        raise KeyboardInterrupt

    def _tell_choices(self) -> None:
        left = in_words(max(0, self._use.seconds_left()))
        streams.echo(f"The use is open for {left} more. Its rotation is owed in any case.", err=True)
        streams.echo("Each reveal is recorded before it happens.", err=True)
        rows: Sequence[tuple[str, str]] = [(name, words) for _, name, words in self._choices]
        for number, (name, words) in enumerate(rows, 1):
            fits = f" ({', '.join(one.name for one in self._recipes[:3])})" if name == "run" else ""
            streams.echo(f"  {number:2}  {name:10} {words}{fits}", err=True)
        streams.echo("      help, stop", err=True)
        streams.echo(QUESTION, err=True)

    def _tell_help(self) -> None:
        streams.echo(_HELP, err=True)
        self._tell_choices()

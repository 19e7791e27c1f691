# SPDX-License-Identifier: Apache-2.0
"""Asks the questions of a flow, one after the other, until each has an answer that holds.

Rules:

1. An answer is checked when it is given. A wrong one is asked again, with what is expected and why; none ends the flow.
2. ``back``, ``help`` and ``stop`` are understood at every question. ``stop`` says what is left behind.
3. What was answered is not asked again, not after an error and not after a crash. Options are answers, too: a wrong
   one is said, and asked for.
4. A wrong answer may close a gate that an emergency passes: people are asked whether it is, and why.

Everything is told on standard error, a line at a time, and nothing is drawn: a screen reader reads it as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from breakglass_shamir.cli.guide.memory import Memory
from breakglass_shamir.cli.guide.question import ClosesGate, Question
from breakglass_shamir.cli.screen import answers, completion
from breakglass_shamir.cli.screen.completion import Completer
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, Stopped

Step = Callable[[Mapping[str, str]], Question | None]
"""Makes one question out of the answers so far; None where there is nothing to ask."""

BACK, HELP, STOP = "back", "help", "stop"

WORDS = f"at every question: {HELP}, {BACK}, {STOP}"
"""What is said once, before the first question."""

PASSING = "an emergency may go on all the same: that is recorded, told to everybody who is alerted, and reviewed"
"""What it means to pass a check."""

_ALWAYS = f"{BACK}: to the question before; {STOP}: leave, and be told what is left behind"
MOST_INDENT = 30
"""Columns before the second row of an explanation, at most: a long name must not squeeze it."""

_ENTER = "Enter alone takes what stands in brackets"


FIRST = "there is no question before this one"


class _WentBack(Exception):
    """People said ``back``."""


@dataclass(slots=True)
class Guide:
    """The questions of one flow.

    Attributes:
        terminal: where they are asked.
        memory: where answers are kept; None: nowhere.
        leaves: says what is left behind when people stop now, a line each.
        command: what goes on from there.
        may_pass: whether this is an emergency, which may pass gates.
        passed: gates that people passed at a question, with why.
    """

    terminal: Terminal
    memory: Memory | None = None
    leaves: Callable[[], Sequence[str]] = tuple
    command: str = ""
    may_pass: bool = False
    passed: dict[str, str] = field(default_factory=dict)
    _told: bool = False
    _passed_with: dict[str, str] = field(default_factory=dict)
    """The answer with which a gate was passed at its question: another wrong one is asked about anew."""

    def ask_all(
        self, steps: Sequence[Step], given: Mapping[str, str], *, reopens: bool = False, adds: bool = False
    ) -> dict[str, str]:
        """Ask every question that has no answer yet; returns all answers.

        Args:
            steps: in the order in which people think.
            given: answers that are there, by options or from before. They are checked as if they had been typed.
            reopens: whether people came back from what follows, so that the last question is asked again in any case.
            adds: whether these questions follow others of the same flow, whose answers stay kept.

        Raises:
            Stopped: people leave.
        """
        found: dict[str, str] = {}
        kept = dict(self.memory.recall().answers) if adds and self.memory is not None else {}
        waiting = dict(given)
        before: dict[str, str] = {}
        way: list[int] = []
        at = 0
        while at < len(steps) or (reopens and way):
            if at == len(steps):
                reopens, at = False, way.pop()
                before |= found
            question = steps[at](found)
            if question is None:
                at += 1
                continue
            self._recall_why(question, waiting)
            try:
                said = self._answer(_again(question, before), waiting.pop(question.key, None))
            except _WentBack:
                if not way:
                    self.terminal.say(FIRST)
                    continue
                at = way.pop()
                before |= found
                continue
            way.append(at)
            found[question.key] = said
            self._keep(question, said, kept)
            at += 1
        return found

    def ask(self, question: Question) -> str:
        """Ask one question by itself, which has nothing before it.

        Raises:
            Stopped: people leave.
        """
        while True:
            try:
                return self._answer(question, None)
            except _WentBack:
                self.terminal.say(FIRST)

    def confirm(self, asks: str, *, default: bool = True, helps: Sequence[str] = ()) -> bool:
        """Ask for yes or no.

        Raises:
            Stopped: people leave.
        """
        while True:
            agreed, _ = self._agree(asks, default=default, complete=None)
            if agreed is not None:
                return agreed
            for line in [*helps, f"y: yes; n: no; {STOP}: leave; {_ENTER}"]:
                self.terminal.put(f"  {line}", indent=4)

    def confirm_path(self, asks: str) -> tuple[bool, str]:
        """Ask for yes or no about a path, in whose place people may type another one.

        Returns:
            Whether they agree, which Enter alone does; and what they typed instead, empty where it was yes or no.

        Raises:
            Stopped: people leave.
        """
        while True:
            agreed, said = self._agree(asks, default=True, complete=completion.paths)
            if agreed is not None:
                return agreed, ""
            if said.lower() == BACK:
                return False, ""
            if said.lower() not in (HELP, "?"):
                return False, said
            self.terminal.put(f"  y: yes; n: no; or another path in its place; {STOP}: leave; {_ENTER}", indent=4)

    def _agree(self, asks: str, *, default: bool, complete: Completer | None) -> tuple[bool | None, str]:
        """Ask for yes or no once; returns None, and what was typed, where it is neither."""
        asked = f"{asks} [{'Y/n' if default else 'y/N'}]"
        said = answers.ask(asked, optional=True, plain=self.terminal.plain, complete=complete).strip()
        agreed = default if not said else answers.agreed(said)
        if agreed is None and said.lower() == STOP:
            self.stop()
        return agreed, said

    def forget(self) -> None:
        """Forget what was answered: the flow has come to its end."""
        if self.memory is not None:
            self.memory.forget()

    def stop(self) -> None:
        """Leave, saying what is left behind.

        Raises:
            Stopped: always.
        """
        lines = [*self.leaves()]
        for line in lines:
            self.terminal.put(f"  {line}", indent=4)
        hint = f"go on with: {self.command}" if self.command else ""
        raise Stopped("stopped" if lines else "stopped; nothing was changed", hint=hint)

    def _keep(self, question: Question, said: str, kept: dict[str, str]) -> None:
        """Keep an answer for the next time, and why it was taken where it closes a gate."""
        for key in (question.key, why_key(question.gate)):
            kept.pop(key, None)
        if self.memory is None or not question.kept or not question.kept_only(said):
            return
        kept[question.key] = said
        if question.gate in self.passed and self._passed_with.get(question.gate) == said:
            kept[why_key(question.gate)] = self.passed[question.gate]
        self.memory.keep(kept)

    def _recall_why(self, question: Question, waiting: dict[str, str]) -> None:
        """Take why a gate was passed in a flow that was interrupted, together with the answer that closed it."""
        why = waiting.pop(why_key(question.gate), "")
        if why and question.key in waiting and question.gate not in self.passed:
            self.passed[question.gate], self._passed_with[question.gate] = why, waiting[question.key]

    def _answer(self, question: Question, given: str | None) -> str:
        """Take an answer that is there, or ask until there is one."""
        if given is not None:
            try:
                return question.take(given)
            except BreakglassError as error:
                self.terminal.warn(_with_hint(error))
                if isinstance(error, ClosesGate) and self._asks_to_pass(question, given)[0]:
                    return given
        self._put(question)
        instead = ""
        while True:
            said, instead = instead or self._line(question), ""
            word = said.lower()
            if word == STOP or question.leaves(said):
                self.stop()
            elif word == BACK:
                raise _WentBack
            elif word in (HELP, "?"):
                self._help(question)
            else:
                try:
                    return question.read(said)
                except ClosesGate as error:
                    self.terminal.warn(_with_hint(error))
                    goes_on, instead = self._asks_to_pass(question, question.meant(said))
                    if goes_on:
                        return question.meant(said)
                except BreakglassError as error:
                    self.terminal.warn(_with_hint(error))

    def _line(self, question: Question) -> str:
        complete = completion.paths if question.paths else completion.words(one.name for one in question.choices)
        return answers.ask(_prompt(question), optional=True, plain=self.terminal.plain, complete=complete).strip()

    def _asks_to_pass(self, question: Question, said: str) -> tuple[bool, str]:
        """Ask whether a wrong answer is to be taken all the same, which only an emergency may, and why.

        Returns:
            Whether it is, and another answer where people typed one in the place of yes or no.
        """
        if not question.gate or not self.may_pass:
            return False, ""
        if question.gate in self.passed and self._passed_with.get(question.gate, said) == said:
            return True, ""
        self.terminal.put(f"  {PASSING}", indent=2)
        shown = question.shown(said)
        while True:
            asked = f"Go on with {shown!r} all the same? [y/N]"
            instead = answers.ask(asked, optional=True, plain=self.terminal.plain).strip()
            agreed = answers.agreed(instead) if instead else False
            if agreed is False:
                return False, ""
            if agreed:
                try:
                    self.passed[question.gate] = self._answer(why_passed(question.gate), None)
                except _WentBack:
                    return False, ""
                self._passed_with[question.gate] = said
                return True, ""
            if instead.lower() == STOP:
                self.stop()
            if instead.lower() not in (HELP, "?"):
                return False, instead
            words = (
                f"n: answer again; y: go on without the check {question.gate!r}, and say why; or type another answer"
            )
            self.terminal.put(f"  {words}", indent=4)

    def _put(self, question: Question) -> None:
        """Ask, and list what can be answered."""
        if not self._told:
            self._told = True
            self.terminal.say(WORDS)
        for note in question.notes:
            self.terminal.put(f"  {note}", indent=4)
        if question.choices:
            self.terminal.put(question.asks)
            self._list(question)

    def _list(self, question: Question) -> None:
        width = max((len(choice.name) for choice in question.choices), default=0)
        digits = len(str(len(question.choices)))
        for number, choice in enumerate(question.choices, 1):
            line = f"  {number:{digits}}  {choice.name:{width}}  {choice.explanation}".rstrip()
            self.terminal.put(line, indent=min(6 + digits + width, MOST_INDENT))

    def _help(self, question: Question) -> None:
        for line in (*question.helps, _ALWAYS, *([_ENTER] if question.default is not None else [])):
            self.terminal.put(f"  {line}", indent=4)
        self._list(question)


def why_key(gate: str) -> str:
    """Return what the answer is known by that says why a gate is passed."""
    return f"why-{gate}"


def why_passed(gate: str) -> Question:
    """Return the question why a check is passed."""
    return Question(
        key=why_key(gate),
        asks="Why? It stands in the record and in the alert",
        helps=(f"it goes on without the check {gate!r}; say in words what happened",),
        check=lambda said: check_human_text("reason", said),
        kept=False,
    )


def _again(question: Question, before: Mapping[str, str]) -> Question:
    """Return a question with what was answered before as the answer of Enter alone."""
    said = before.get(question.key)
    if said is None or said == question.default:
        return question
    return replace(question, default=said, default_shown=question.shown(said), at_first=question)


def _prompt(question: Question) -> str:
    asks = question.asks if not question.choices else "Numbers or words" if question.several else "Number or word"
    shown = question.default_shown or question.default
    other = question.at_first.default_shown if question.at_first is not None else ""
    beside = f" (or: {other})" if other else ""
    return f"{asks}{beside} [{shown}]" if question.default is not None and shown else f"{asks}{beside}"


def _with_hint(error: BreakglassError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)

# SPDX-License-Identifier: Apache-2.0
"""A question: what is asked, what may be answered, and what an answer means.

An answer is a text, always: what it is kept as, and what it is shown as when people come back to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from breakglass_shamir.cli.screen import yes_and_no
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import nearest

Check = Callable[[str], str]
"""Returns an answer as it is taken, or raises a ``BreakglassError`` that says why not."""

Answers = Mapping[str, str]


class ClosesGate(InvalidInput):
    """An answer that closes a gate, which an emergency may pass."""


def as_typed(said: str) -> str:
    """Take an answer as it is, without the white space around it."""
    return said.strip()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers, listed with a number before it.

    Attributes:
        value: the answer.
        explanation: what it means, in a line.
        listed: how it is listed; empty: as its value.
    """

    value: str
    explanation: str = ""
    listed: str = ""

    @property
    def name(self) -> str:
        """How it is listed, and may be typed."""
        return self.listed or self.value


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a flow.

    Attributes:
        key: what the answer is known by.
        asks: the question.
        short: what the answer is called where the answers are listed.
        helps: what ``help`` says, one line each.
        choices: the answers there are; none: any that the check takes.
    """

    key: str
    asks: str
    short: str = ""
    helps: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    several: bool = False
    """Whether several may be answered, with commas between them; the answer has one in each line."""

    free: bool = False
    """Whether something else than the choices may be answered."""

    check: Check = as_typed
    default: str | None = None
    """What Enter alone answers; None: it answers nothing, and is asked again."""

    default_shown: str = ""
    """What Enter alone means, in words; empty: as it is."""

    at_first: "Question | None" = None
    """The question as it was before people came back to it; None: it still is. Its default can be had by its words."""

    agreed: str = ""
    """The choice that a yes means, where the question can be heard as one of yes and no; empty: none."""

    declined: str = ""
    """The choice that a no means."""

    stops: str = ""
    """The choice that leaves the flow, as the word ``stop`` does."""

    kept: bool = True
    """Whether the answer survives an interruption. Never where it says who is in the room."""

    kept_only: Callable[[str], bool] = lambda _: True
    """Tells of an answer whether it does, where some may hold what must not be written down."""

    gate: str = ""
    """The gate that a wrong answer closes, and that an emergency may pass; empty: none."""

    paths: bool = False
    """Whether the answer is a path, or several."""

    notes: tuple[str, ...] = field(default=())
    """What people should know before they answer, one line each."""

    def read(self, said: str) -> str:
        """Return what an answer means.

        Raises:
            BreakglassError: it means nothing here; the message says what is expected.
        """
        typed = said.strip()
        if not typed and self.default is not None:
            return self.default
        for question in filter(None, (self, self.at_first)):
            if question.default is not None and question.says_default(typed):
                return question.default
        if not typed:
            raise InvalidInput(f"expected {self._wanted()}")
        return self.check(self.meant(typed))

    def leaves(self, said: str) -> bool:
        """Tell whether the choice is meant that leaves the flow."""
        try:
            return bool(self.stops) and self.meant(said) == self.stops
        except InvalidInput:
            return False

    def says_default(self, typed: str) -> bool:
        """Tell whether somebody typed the words in brackets, which stand there for another answer."""
        return bool(self.default_shown) and typed.casefold() == self.default_shown.casefold()

    def meant(self, said: str) -> str:
        """Return the choices that are meant, or what was typed, unchecked.

        Raises:
            InvalidInput: it is none of the choices.
        """
        return "\n".join(map(self._one, _parts(said))) if self.several else self._one(said.strip())

    def take(self, given: str) -> str:
        """Return what an answer from before, or of an option, means: by its words, never by a number.

        Raises:
            BreakglassError: it means nothing here.
        """
        if not self.choices:
            return self.default if not given and self.default is not None else self.check(given)
        values = {choice.value for choice in self.choices}
        if all(one in values for one in given.split("\n")):
            return self.check(given)
        if given.isdigit() and not self.free:
            raise InvalidInput(f"expected one of {', '.join(choice.name for choice in self.choices)}, got {given!r}")
        return self.check("\n".join(map(self._one, given.split("\n"))))

    def shown(self, answer: str) -> str:
        """Return an answer as people see it."""
        names = {choice.value: choice.name for choice in self.choices}
        return ", ".join(names.get(one, one) for one in answer.split("\n"))

    def _one(self, typed: str) -> str:
        """Return the choice that is meant by its number, its name or the beginning of it, or what was typed."""
        if not self.choices:
            return typed
        if typed.isascii() and typed.isdigit() and 1 <= int(typed[:6]) <= len(self.choices):
            return self.choices[int(typed) - 1].value
        yes = yes_and_no.meaning(typed) if self.agreed and self.declined else None
        if yes is not None:
            return self.agreed if yes else self.declined
        if chosen := chosen_of(typed, {choice.name: choice.value for choice in self.choices}):
            return chosen
        if self.free:
            return typed
        near = nearest(typed, [choice.name for choice in self.choices])
        guess = f"; did you mean {near}?" if near else ""
        raise InvalidInput(f"expected {self._wanted()}, got {typed!r}{guess}")

    def _wanted(self) -> str:
        if not self.choices:
            return "an answer"
        last = len(self.choices)
        numbers = "the number 1" if last == 1 else f"a number from 1 to {last}"
        return f"{numbers}, or other words" if self.free and not self.gate else f"{numbers}, or the words after it"


def chosen_of(typed: str, names: Mapping[str, str]) -> str:
    """Return the one value whose name was typed, or begun, in whatever case; empty: none, or several."""
    wanted = typed.casefold()
    exact = [value for name, value in names.items() if name.casefold() == wanted]
    begun = [value for name, value in names.items() if name.casefold().startswith(wanted)]
    return exact[0] if len(exact) == 1 else begun[0] if len(begun) == 1 else ""


def _parts(typed: str) -> list[str]:
    return [part.strip() for part in typed.replace(";", ",").split(",") if part.strip()] or [typed]

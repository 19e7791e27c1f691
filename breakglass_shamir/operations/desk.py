# SPDX-License-Identifier: Apache-2.0
"""The port to the people in the room: what a use case may say, show and ask.

The command line implements it for a terminal and for ``--json``; the demonstration, the tests and other programs
implement it too. Nothing here prints, and a use case never does.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.answer import Answer
from breakglass_shamir.errors import IllegalState


class Desk(Protocol):
    """What a use case may say, show and ask of the people in the room (docs/library.md).

    What a method raises ends the use case; what is on record by then stays. None is called from another thread.
    """

    def say(self, line: str) -> None:
        """Tell how far things are."""

    def warn(self, line: str) -> None:
        """Tell something that a person should not miss."""

    def answer(self, source: str, answer: Answer) -> None:
        """Tell at once what a scan turned out to be."""

    def typing(self) -> AbstractContextManager[None]:
        """Keep what people type inside off the screen afterwards: it is secret."""

    def type_line(self, prompt: str, so_far: Callable[[], Sequence[str]]) -> str | None:
        """Ask for one line of a sheet; None when nobody types any more.

        Args:
            prompt: which line.
            so_far: tells which lines are there already, for a screen that is drawn anew after an interruption.
        """

    def says_enough(self) -> bool:
        """Tell, without waiting, whether people said that nothing more comes to a camera or folder."""

    def name_set(self) -> str:
        """Ask what the set is called; an empty string when nobody can be asked."""

    def can_ask(self) -> bool:
        """Tell whether somebody is there to answer."""

    def name_target(self, uri: str, account: str, problem: str) -> tuple[str, str] | None:
        """Ask for the URI of a target that no policy names, and for the account there.

        Args:
            uri: what the sheets say, to be shown and never taken.
            account: what the sheets say; an empty answer takes it.
            problem: what is wrong with the last answer; empty at the first question.

        Returns:
            Both, an empty URI where people name none; None when nobody can be asked.
        """

    def key_file(self, question: str, over: Callable[[], bool]) -> str | None:
        """Ask for an officer's key file, while signatures from elsewhere may come in.

        Returns:
            Its name; an empty string when ``over`` came true; None when nobody is there, or wants to go on without.
        """

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """Ask whether the custodian holds the new sheet; False when nobody can be asked."""

    def print_again(self, document: str, problem: str) -> bool:
        """Ask whether a document is printed again; False when nobody can be asked.

        Args:
            document: what people call it.
            problem: what became of it, in words that follow the name: ``was not read back``.
        """

    def require_screen(self) -> None:
        """Refuse, before anything is made, when there is no screen that a credential can be shown on."""

    def show(self, credential: Credential, seconds: int) -> None:
        """Show the credential for a while, then take it off the screen for good."""

    def until_use_ends(self, ended: Callable[[], bool], seconds_left: Callable[[], int]) -> str:
        """Wait until the people say that the use is over, or ``ended`` does, or no seconds are left.

        Returns:
            The classification they gave, or an empty string.
        """


class EmptyDesk(Desk):
    """A desk at which nobody sits: it hears everything, answers no question, and shows nothing (docs/library.md).

    Derive from it to answer some of the questions only.
    """

    def say(self, line: str) -> None:
        """Hear it."""

    def warn(self, line: str) -> None:
        """Hear it."""

    def answer(self, source: str, answer: Answer) -> None:
        """Hear it."""

    def typing(self) -> AbstractContextManager[None]:
        """Nobody types."""
        return nullcontext()

    def type_line(self, prompt: str, so_far: Callable[[], Sequence[str]]) -> str | None:
        """Nobody types."""
        return None

    def says_enough(self) -> bool:
        """Nobody says so."""
        return False

    def name_set(self) -> str:
        """Nobody is asked."""
        return ""

    def can_ask(self) -> bool:
        """Nobody is asked."""
        return False

    def name_target(self, uri: str, account: str, problem: str) -> tuple[str, str] | None:
        """Nobody names one."""
        return None

    def key_file(self, question: str, over: Callable[[], bool]) -> str | None:
        """No officer is here to sign."""
        return None

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """No custodian is here to take a sheet."""
        return False

    def print_again(self, document: str, problem: str) -> bool:
        """Nobody wants a page again."""
        return False

    def require_screen(self) -> None:
        """Refuse: there is no screen.

        Raises:
            IllegalState: always.
        """
        raise IllegalState("there is no screen here that a credential can be shown on", hint="give it to a command")

    def show(self, credential: Credential, seconds: int) -> None:
        """Refuse: there is no screen.

        Raises:
            IllegalState: always.
        """
        self.require_screen()

    def until_use_ends(self, ended: Callable[[], bool], seconds_left: Callable[[], int]) -> str:
        """Nobody says what the use was."""
        return ""

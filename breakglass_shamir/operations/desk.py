# SPDX-License-Identifier: Apache-2.0
"""The port to the people in the room: what a use case may say, show and ask.

The command line implements it for a terminal and for ``--json``; the demonstration, the tests and other programs
implement it too. Nothing here prints, and a use case never does.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.answer import Answer
from breakglass_shamir.custody.quorum.tally import Tally
from breakglass_shamir.errors import IllegalState


@dataclass(frozen=True, slots=True)
class OpenUse:
    """A use that is open, about which people are asked how it goes on (docs/library.md).

    Attributes:
        set_name: the set.
        happened: what became of the last reveal, where that was not what was wanted; else empty.
        modes: the ways of revealing that may follow: ``show``, ``exec``, ``no-reveal``.
        classifications: what the use may have been when it is over.
        target: URI of the target as the policy or people name it; empty: nobody does.
        account: the account there.
        ended: tells whether the use was ended from elsewhere.
        seconds_left: tells how long it may still last.
    """

    set_name: str
    happened: str
    modes: tuple[str, ...]
    classifications: tuple[str, ...]
    target: str
    account: str
    ended: Callable[[], bool]
    seconds_left: Callable[[], int]
    record: str = "offered"
    """Whether the policy has what commands show recorded: ``always``, ``offered`` or ``never``."""


@dataclass(frozen=True, slots=True)
class HowNext:
    """How a use goes on: in another way, or once more in the same one; or it is over (docs/library.md).

    Attributes:
        mode: ``show``, ``exec`` or ``no-reveal``; empty: the use is over.
        command: what gets the credential, for ``exec``.
        classification: what the use was, where it is over; empty where nobody says.
    """

    mode: str = ""
    command: tuple[str, ...] = ()
    classification: str = ""
    tty: bool = False
    """Whether the command runs in a terminal of its own, which is recorded unless the policy says never."""


@dataclass(frozen=True, slots=True)
class Board:
    """What people see while sheets are gathered (docs/library.md).

    Attributes:
        tallies: which sheets are in and which are missing, of each epoch.
        unplaced: shares that are in, of a set of which nothing tells yet how many sheets it takes.
        noun: what is gathered: ``sheet`` or ``drill card``.
        watched: folders that are looked into for as long as the board is up.
        camera: what looks at sheets that are held up; empty: nothing.
        doing: what is being read, and how far that is; empty: nothing.
        prompt: which line of a sheet is typed next; empty: people do not type line by line.
        typed: which lines are there that make no share yet, no line itself.
    """

    tallies: tuple[Tally, ...] = ()
    unplaced: int = 0
    noun: str = "sheet"
    watched: tuple[Path, ...] = ()
    camera: str = ""
    doing: str = ""
    prompt: str = ""
    typed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What people gave at the board: one of these (docs/library.md).

    Attributes:
        paths: pictures, PDFs and folders that are there.
        word: ``type``, ``camera``, ``unwatch``, ``back`` or ``stop``.
        camera: number of the camera, or a recording.
        number: which of the watched folders is left alone from now on, from 1; 0: the only one.
    """

    paths: tuple[Path, ...] = ()
    text: str = field(default="", repr=False)
    """A code or a line of a sheet, or what is said while lines are typed; secret."""

    word: str = ""
    camera: int | Path = 0
    number: int = 0


def _unheard(done: int, of: int) -> None:
    """Nobody hears how far it is."""


class Desk(Protocol):
    """What a use case may say, show and ask of the people in the room (docs/library.md).

    What a method raises ends the use case; what is on record by then stays. None is called from another thread.
    """

    def say(self, line: str) -> None:
        """Tell how far things are."""

    def advance(self, what: str, done: int, of: int) -> None:
        """Tell how far something is that takes long; an empty ``what``: it is over, or something else is told next.

        Args:
            what: what is being done, such as ``reading scan.pdf, page``.
            done: how much of it.
            of: how much there is.
        """

    def warn(self, line: str) -> None:
        """Tell something that a person should not miss."""

    def answer(self, source: str, answer: Answer) -> None:
        """Tell at once what a scan turned out to be."""

    def has_board(self) -> bool:
        """Tell whether a board can be kept up at which people gather sheets; else the other methods are called."""

    def board(self, look: Callable[[], Board]) -> AbstractContextManager[None]:
        """Keep a board up; what is said, warned of and answered meanwhile stands on it.

        Args:
            look: tells what is to be seen now; called whenever the board is drawn.
        """

    def given(self, wait_s: float) -> Given | None:
        """Return what people gave at the board; None where nothing came in so many seconds.

        What is no path, no code, no line of a sheet and no word is answered by the desk itself.
        """

    def agrees_to_stop(self, read: int) -> bool:
        """Ask at the board whether people mean to stop, and say what they leave behind.

        Args:
            read: sheets that were read so far, and are lost then.
        """

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Give what hears how much of how much of some long work is done; where it is not made, nobody hears it."""
        return nullcontext(_unheard)

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

    def pass_gate(self, gate: str, problem: str, meaning: str) -> str | None:
        """Ask whether an emergency goes on although a check failed: it is recorded, told and owed.

        Args:
            gate: its name.
            problem: what was found.
            meaning: what the check stands for, in words.

        Returns:
            Why, in words; None where people do not want it, or nobody can be asked.
        """

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

    def bring_sheets(self, stands: str, wants: str, word: str) -> tuple[Path, ...] | str | None:
        """Ask for sheets that a rotation under way still needs.

        Args:
            stands: how far that rotation is.
            wants: which sheets are missing.
            word: what is typed to give the epoch up that is printed and not in force; empty: it cannot be.

        Returns:
            Pictures, PDFs or folders of them; an empty string where people type them; ``word``; None when nobody can be
            asked, or they stop.
        """

    def print_again(self, document: str, problem: str) -> bool:
        """Ask whether a document is printed again; False when nobody can be asked.

        Args:
            document: what people call it.
            problem: what became of it, in words that follow the name: ``was not read back``.
        """

    def require_screen(self) -> None:
        """Refuse, before anything is made, when there is no screen that a credential can be shown on."""

    def is_ready(self) -> bool:
        """Ask whether the credential may be shown now; where it may not, people are asked how it is used instead."""
        return True

    def show(self, credential: Credential, seconds: int) -> None:
        """Show the credential for a while, then take it off the screen for good."""

    def agrees(self, question: str) -> bool:
        """Ask whether something that was warned of is done all the same; False when nobody can be asked."""

    def how_next(self, use: OpenUse) -> HowNext:
        """Ask how a use goes on, and wait: until people say so, or it is ended from elsewhere, or no time is left.

        Returns:
            What they want next; that the use is over, where it ended by itself.
        """


class EmptyDesk(Desk):
    """A desk at which nobody sits: it hears everything, answers no question, and shows nothing (docs/library.md).

    Derive from it to answer some of the questions only.
    """

    def say(self, line: str) -> None:
        """Hear it."""

    def advance(self, what: str, done: int, of: int) -> None:
        """Hear it."""

    def warn(self, line: str) -> None:
        """Hear it."""

    def answer(self, source: str, answer: Answer) -> None:
        """Hear it."""

    def has_board(self) -> bool:
        """There is none."""
        return False

    def board(self, look: Callable[[], Board]) -> AbstractContextManager[None]:
        """There is none."""
        return nullcontext()

    def given(self, wait_s: float) -> Given | None:
        """Nobody gives anything."""
        return None

    def agrees_to_stop(self, read: int) -> bool:
        """Nobody is asked."""
        return True

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

    def pass_gate(self, gate: str, problem: str, meaning: str) -> str | None:
        """Nobody passes one."""
        return None

    def name_target(self, uri: str, account: str, problem: str) -> tuple[str, str] | None:
        """Nobody names one."""
        return None

    def key_file(self, question: str, over: Callable[[], bool]) -> str | None:
        """No officer is here to sign."""
        return None

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """No custodian is here to take a sheet."""
        return False

    def bring_sheets(self, stands: str, wants: str, word: str) -> tuple[Path, ...] | str | None:
        """Nobody brings one."""
        return None

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

    def agrees(self, question: str) -> bool:
        """Nobody agrees."""
        return False

    def how_next(self, use: OpenUse) -> HowNext:
        """Nobody wants more of it, or says what it was."""
        return HowNext()

# SPDX-License-Identifier: Apache-2.0
"""People at a terminal gather sheets: whatever they give is read, and the board stays until it is enough.

Rules:

1. Pictures, PDFs, folders, codes of a scanner that types, typed lines and a camera are taken as they come; nobody
   chooses first. A folder that was given is watched from then on.
2. Nothing that is given ends it: not what cannot be read, nor a camera that fails. People leave by the word ``stop``,
   which is asked about, or by ``back``, where a question was before.
3. Typed lines are kept for as long as the board is up, whatever comes in between.
4. A file has one name, whichever folder it lies in; how far a long one is read is told, with an estimate.

It does not judge what was read; the pool does.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from breakglass_shamir.custody.life.due import in_words
from breakglass_shamir.custody.quorum.answer import Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import PaperError, Stopped, WentBack
from breakglass_shamir.operations.desk import Board, Desk, Given
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.reading.labels import Labels
from breakglass_shamir.paper.reading.camera import Camera
from breakglass_shamir.paper.reading.folder import Watch, is_empty
from breakglass_shamir.paper.reading.scan import Scanner

TYPE, CAMERA, UNWATCH, BACK, STOP = "type", "camera", "unwatch", "back", "stop"
"""Words at the board."""

_LEAVING = frozenset({BACK, STOP})
"""Words that end the reading of what is being read."""

_OF_LINES = frozenset({Verdict.LINE, Verdict.UNSURE, Verdict.ASKED})
"""Answers to a typed line, which another one follows."""

_TICK_S = 0.25
"""How often a watched folder is looked into."""

_CAMERA_S = 3600.0
"""How long a camera may see nothing new before it is put away."""

Enough = Callable[[], bool]


class _LeftError(Exception):
    """People want to leave while a file is read."""


@dataclass(slots=True)
class Gathering:
    """Sheets that are gathered at a board."""

    pool: Pool
    scanner: Scanner
    desk: Desk
    enough: Enough
    """Tells when people need not bring more."""

    enough_files: Enough
    """Tells when no further file needs to be read."""

    types: bool = False
    """Whether people type line by line."""

    goes_back: bool = False
    """Whether a question was before, to which people may go back."""

    kept: bool = False
    """Whether what is read is on record at once, so that leaving loses nothing."""

    _watches: list[Watch] = field(default_factory=list)
    _waiting: deque[Given] = field(default_factory=deque)
    """What people gave while something was read."""

    _codes: int = 0
    """Codes that no file gave."""

    _camera: Camera | None = None
    _doing: str = ""
    _began: tuple[str, float] = ("", 0.0)
    """What is being done that takes long, and since when, on the clock that only goes on."""

    _labels: Labels = field(default_factory=Labels)
    _entry: TypedEntry = field(init=False)

    def __post_init__(self) -> None:
        """Begin without a line."""
        self._entry = TypedEntry(self.pool)

    def run(self, read: Sequence[Path] = (), watched: Path | None = None, camera: int | Path | None = None) -> None:
        """Gather until it is enough.

        Args:
            read: what was read before; a folder among it is watched.
            watched: a folder that is watched from the beginning.
            camera: the number of a camera, or a recording, that looks from the beginning.

        Raises:
            Stopped: people leave.
            WentBack: people leave for the question before.
        """
        with self.desk.board(self._board):
            self._watches += [Watch(path, read=True) for path in read if path.is_dir()]
            if watched is not None:
                self._watches.append(Watch(watched))
            if camera is not None:
                self._begin_to_look(camera)
            while not self.enough():
                self._step()

    def _step(self) -> None:
        """Wait a moment for what people give, and for what a scanner or camera does."""
        if self._camera is not None:
            self._look()
            return
        given = self._waiting.popleft() if self._waiting else self.desk.given(_TICK_S)
        if given is not None:
            self._take(given)
        self._look_into_folders()

    def _take(self, given: Given) -> None:
        if given.word == STOP:
            self._stop()
        elif given.word == BACK:
            self._go_back()
        elif given.word == UNWATCH:
            self._unwatch(given.number)
        elif given.word == TYPE:
            self.types = not self.types
        elif given.word == CAMERA:
            self._begin_to_look(given.camera)
        elif given.paths:
            for path in given.paths:
                self._take_path(path)
        else:
            self._take_text(given.text)

    def _take_path(self, path: Path) -> None:
        """Read what is at a path; a folder is watched from then on."""
        if path.is_dir():
            known = [watch for watch in self._watches if watch.folder == path]
            if known:
                self._watches.remove(known[0])
            self._watches.append(Watch(path, read=True))
            if is_empty(path):
                return
        self._read(path)

    def _read(self, path: Path) -> None:
        """Read one file, or what is in a folder now; people can give more meanwhile."""
        self._doing = f"reading {path.name or path}"
        folder = path if path.is_dir() else path.parent
        try:
            if self._is_interrupted():
                return
            for page in gather.pages_of(path, self.scanner, self._advance):
                named = replace(page, source=self._labels.of(page.source, folder))
                gather.add_page(self.pool, named, self.desk)
                if self.enough_files() or self._is_interrupted():
                    return
        except _LeftError:
            return
        finally:
            self._doing = ""

    def _advance(self, what: str, done: int, of: int) -> None:
        """Tell how far something is that takes long, and how long it still takes at its pace.

        Raises:
            _LeftError: people want to leave.
        """
        now = time.monotonic()
        if what != self._began[0]:
            self._began = what, now
        left_s = int((now - self._began[1]) * (of - done + 1) / (done - 1)) if done > 1 else 0
        left = f", about {in_words(left_s)} left" if left_s else ""
        self._doing = f"{what} {done} of {of}{left}"
        if self._is_interrupted():
            raise _LeftError

    def _is_interrupted(self) -> bool:
        """Take note of what people give meanwhile; tells whether they want to leave."""
        given = self.desk.given(0)
        if given is not None:
            self._waiting.append(given)
        return any(one.word in _LEAVING for one in self._waiting)

    def _take_text(self, text: str) -> None:
        """Take a code or a line, or what is said while lines are typed; who gives a line goes on with the next."""
        entry = self._entry
        place, answers = entry.place, entry.take(text)
        is_line = any(answer.verdict in _OF_LINES for answer in answers)
        if not (is_line or self.types):
            self._codes += 1
            place = f"code {self._codes}"
        for answer in answers:
            self.desk.answer(place, answer)
        self.types = not entry.done and (self.types or is_line)
        entry.done = False

    def _look_into_folders(self) -> None:
        for path in [path for watch in self._watches for path in watch.look()]:
            if self.enough_files():
                return
            self._read(path)

    def _begin_to_look(self, source: int | Path) -> None:
        self._camera = Camera(source, self.scanner)

    def _look(self) -> None:
        """Look through the camera until it is enough, people want it away, or it fails."""
        camera = self._camera
        assert camera is not None  # noqa: S101 - the caller looked
        try:
            for page in camera.pages(_CAMERA_S, stop=self._is_put_away):
                gather.add_page(self.pool, page, self.desk)
            if self._camera is camera:
                self._camera = None
        except PaperError as error:
            self._camera = None
            self.desk.warn(f"{error}: {error.hint}" if error.hint else str(error))

    def _is_put_away(self) -> bool:
        """Take what people give while the camera looks; tells whether it is to look no longer."""
        if self.enough():
            return True
        given = self.desk.given(0)
        if given is not None and given.word == CAMERA:
            self._camera = None
            return True
        if given is not None:
            self._take(given)
        self._look_into_folders()
        return self.enough()

    def _unwatch(self, number: int) -> None:
        """Look into a folder no longer; what was read from it stays."""
        watches = self._watches
        if not watches:
            self.desk.say("no folder is watched")
        elif 1 <= (number or len(watches) == 1) <= len(watches):
            folder = watches.pop(max(0, number - 1)).folder
            self.desk.say(f"not watched any more: {folder}; what was read from it stays")
        else:
            self.desk.say(f"expected {UNWATCH} and a number from 1 to {len(watches)}: {len(watches)} are watched")

    def _go_back(self) -> None:
        """Leave for the question before, if there is one.

        Raises:
            WentBack: there is.
        """
        if self.goes_back:
            raise WentBack("back to the question before; what was read stays")
        self.desk.say(f"there is no question before this one; {STOP}: leave")

    def _stop(self) -> None:
        """Ask whether people mean it.

        Raises:
            Stopped: they do.
        """
        read = sum(tally.present for tally in self.pool.tallies()) + self.pool.unplaced()
        if self.desk.agrees_to_stop(0 if self.kept else read):
            gone = "nothing was combined, and what was read is gone with this program"
            raise Stopped(f"stopped; {'what was read is on record' if self.kept else gone}")

    def _board(self) -> Board:
        entry, camera = self._entry, self._camera.name if self._camera is not None else ""
        return Board(
            self.pool.tallies(), self.pool.unplaced(), self.pool.noun, tuple(watch.folder for watch in self._watches),
            camera, self._doing, entry.prompt if self.types else "", tuple(entry.so_far()),
        )  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""Going on with a rotation that was interrupted: say what stands, gather what it still needs, or give it up by a word.

Rules:

1. What stands is said before anything is asked, and again when it is interrupted anew.
2. New sheets come from wherever the old ones come from, and from the folder in which scans of a printing land: they
   are read back in the same step.
3. A prepared epoch is abandoned only where people typed the word, or gave it as an option; saying nothing, ending the
   reading and a time that is over leave it as it is. What to destroy is said, and on record.
4. Nobody is thrown out for a sheet that is missing: as long as somebody is there it is asked for by name.

It opens nothing; the opening calls it while nothing is opened yet, or when its use is over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.rotations import Abandoned
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InsufficientShares,
    InvalidInput,
    PaperError,
    UsageError,
    WentBack,
)
from breakglass_shamir.operations.printing.outlet import remove
from breakglass_shamir.operations.printing.readback import record_read_back
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.reading.sources import Sources, read_sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

MOST_QUESTIONS = 200
"""Answers after which people are not asked again in this run; a desk of another program may give the same for ever."""

Place = Callable[[], Printing | None]
"""Asks people where new sheets go; None: they name no place."""


def nowhere() -> None:
    """Name no place for new sheets."""


@dataclass(slots=True)
class Resuming:
    """How one command goes on with what an earlier one prepared."""

    recorder: Recorder
    scanner: Scanner
    printing: Printing | None
    """Where sheets go and scans come back, as the command says; None: it does not."""

    abandon: bool = False
    """Whether people gave the prepared epoch up."""

    place: Place = field(default=nowhere)
    opened: bool = False
    """Whether the old sheets have opened already, so that only new ones are missing."""

    @property
    def has_place(self) -> bool:
        """Whether there is a place for new sheets."""
        return self.printing is not None and self.printing.has_place

    def find_place(self) -> bool:
        """Ask for a place where there is none; tells whether there is one now."""
        if not self.has_place:
            self.printing = self.place() or self.printing
        return self.has_place

    def check(self) -> None:
        """Refuse to give up what is not there, or what may be at the target already.

        Raises:
            IllegalState: nothing is prepared, or it was being applied.
        """
        state = self._state()
        if self.abandon and state.applying:
            number = state.epochs[state.prepared].number
            raise IllegalState(
                f"epoch {number} may be at the target already: it is not given up", hint=_standing(state).hint
            )
        if self.abandon and not state.prepared:
            raise IllegalState("no epoch is printed and not in force, so there is none to give up")

    def say(self) -> None:
        """Say what an interrupted run left, and what it needs; a command that asks for the sheets says it before."""
        state = self._state()
        found = under_way.standing(state) if state.prepared else None
        if found is None:
            return
        self.recorder.desk.say(f"what stands: {found.stands}")
        self.recorder.desk.say(f"to go on: {found.ways[0].words}")

    def complete(self, pool: Pool) -> None:
        """Gather what the rotation still needs of both epochs, as far as it can be had.

        Args:
            pool: with what was read so far.

        Raises:
            InsufficientShares: new sheets are missing and nobody is there, or they stop.
        """
        state = self.recorder.refresh()
        if self.abandon or not state.prepared:
            return
        self._watch(pool)
        for _ in range(MOST_QUESTIONS):
            lacks = self._lacks(pool)
            if not lacks or self.abandon:
                return
            if not self._bring(pool, lacks):
                break
        self._require_new(pool)

    def give_up(self) -> None:
        """Record that the prepared epoch is abandoned, and say what to destroy."""
        epoch_id = self.recorder.set_state.prepared
        self.recorder.append(Abandoned(epoch_id=epoch_id, reason="given up by the people at the terminal"))
        tell_to_destroy(self.recorder, epoch_id)

    def new_pool(self) -> Pool:
        """Return an empty pool that takes sheets of the prepared epoch beside those in force."""
        return Pool(known_epochs(self.recorder.state), set_name=self.recorder.set_name, in_custody=True)

    def take(self, pool: Pool) -> None:
        """Record the new sheets in a pool as read back."""
        state = self.recorder.refresh()
        if state.prepared:
            record_read_back(self.recorder, pool, state.epochs[state.prepared])

    def _state(self) -> SetState:
        return self.recorder.state.sets.get(self.recorder.set_name) or SetState(self.recorder.set_name)

    def _lacks(self, pool: Pool) -> tuple[str, ...]:
        state = self.recorder.refresh()
        if not state.prepared:
            return ()
        if not self.opened:
            return under_way.lacking(state, pool.have)
        new = under_way.wanted(state, state.prepared, pool.have(bytes.fromhex(state.prepared)))
        return (new,) if new else ()

    def _is_complete(self, pool: Pool) -> bool:
        """Record what was read back, so that an interruption keeps it, and tell whether nothing is missing."""
        self.take(pool)
        return not self._lacks(pool)

    def _watch(self, pool: Pool) -> None:
        """Read what lands in the folder for scans of a printing; what was verified there is on record, then deleted."""
        printing = self.printing
        if printing is None or printing.readback is None or not self._lacks(pool):
            return
        self.recorder.desk.say("; ".join(self._lacks(pool)))
        self.recorder.desk.say(f"waiting for scans in {printing.readback}; press Enter when there are no more")
        verified = gather.watch(
            pool, printing.readback, self.scanner, self.recorder.desk,
            enough=lambda: self._is_complete(pool), timeout_s=printing.timeout_s,
        )  # fmt: skip
        self.take(pool)
        remove(verified)

    def _bring(self, pool: Pool, lacks: tuple[str, ...]) -> bool:
        """Ask for what is missing, once; False: nobody is there, or they stop."""
        desk, state = self.recorder.desk, self.recorder.set_state
        word = "" if state.applying else under_way.ABANDON
        said = desk.bring_sheets(_standing(state).stands, "; ".join(lacks), word)
        if said is None:
            return False
        if word and said == word:
            self._abandon()
            return True
        sources = Sources(asks=True, goes_back=True) if isinstance(said, str) else Sources(scans=said)
        try:
            read_sources(pool, sources, self.scanner, desk, enough=lambda: self._is_complete(pool))
        except InvalidInput as error:
            desk.warn(str(error))
        except WentBack:
            desk.say("back to where the sheets are")
        return True

    def _abandon(self) -> None:
        """Take people at their word, once there is a place for what is printed instead."""
        self.abandon = self.find_place()
        if not self.abandon:
            self.recorder.desk.warn("nothing was given up: there is no place for the sheets that would follow")

    def _require_new(self, pool: Pool) -> None:
        """Hold that the new sheets are there: each that was never read back, else a quorum of them.

        What is missing of the old ones the opening says.

        Raises:
            InsufficientShares: naming what stands, which sheets are missing, and the ways on.
        """
        state = self.recorder.refresh()
        if not state.prepared or state.applying:
            return
        if not under_way.missing_new(state, pool.have(bytes.fromhex(state.prepared))):
            return
        found = _standing(state)
        raise InsufficientShares(f"{found.stands}; {'; '.join(self._lacks(pool))}", hint=found.hint)


@contextmanager
def telling_what_stands(recorder: Recorder) -> Iterator[None]:
    """Say what stands when a rotation ends before its time, whatever ended it; the error then goes its way."""
    try:
        yield
    except WentBack:
        raise
    except BaseException as error:
        with suppress(BreakglassError):
            state = recorder.refresh()
            found = under_way.standing(state) if state.prepared or not isinstance(error, BreakglassError) else None
            if found is not None and found.stands not in str(error) and not isinstance(error, UsageError):
                recorder.desk.warn(f"what stands: {found.stands}")
            if found is not None and isinstance(error, PaperError):
                error.hint = f"go on with: {found.hint}"
            if found is not None and not isinstance(error, BreakglassError):
                for way in found.ways:
                    recorder.desk.warn(f"  {way.words}: {way.command}")
        raise


def tell_to_destroy(recorder: Recorder, epoch_id: str) -> None:
    """Say which sheets of an abandoned epoch are to be destroyed, whose they are, and how that is recorded."""
    found = under_way.to_be_destroyed(recorder.set_state, epoch_id)
    recorder.desk.warn(found.stands)
    for way in found.ways:
        recorder.desk.say(f"{way.words}: {way.command}")


def _standing(state: SetState) -> under_way.Standing:
    found = under_way.standing(state)
    assert found is not None  # noqa: S101 - an epoch is prepared
    return found

# SPDX-License-Identifier: Apache-2.0
"""One watch for the targets of many sets.

Rules:

1. Every target is asked beside the others and has a time limit of its own: a slow one, or one that hangs, keeps nobody
   else waiting, and is asked again only when it has answered.
2. One that has not answered in time is a target that is not seen: on record, and an alarm, as for a single watch. So is
   one whose connector fails in a way that it should not.
3. One ledger, one reading of it, and one place that writes to it: what is kept of a set does not grow with the number
   of the others.
4. Where every set is watched, one that is made meanwhile is watched, too.

The set of rules for one target is :mod:`breakglass_shamir.operations.monitoring.watch`.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.errors import BreakglassError, IllegalState, IntegrityError, LedgerBusy
from breakglass_shamir.operations.monitoring.watch import Question, Told, Watch, Watching
from breakglass_shamir.operations.recorder import Recorder

ANSWER_S = 60.0
"""How long a target may take to answer before it counts as not seen."""

MOST_AT_ONCE = 32
"""So many targets are asked at the same time; those that hang do not count."""

LATE = "no answer within {:g} s"


@dataclass(slots=True)
class _Target:
    """One set that is watched."""

    watch: Watch
    due: float = 0.0
    """When it is asked next, monotonic."""

    asked: float = 0.0
    """When it was asked what it has not answered yet; 0: nothing is open."""

    late: bool = False
    """Whether its answer is overdue, and that was recorded."""

    problem: str = ""
    """What was told last of what is not seen there; it is told once, until it changes."""


@dataclass(slots=True)
class ManyWatches:
    """Watches many sets.

    Attributes:
        recorder: of the ledger.
        every_s: how often each target is asked, seconds.
        skew_s: how far the clocks may differ, seconds.
        promise_s: within how long a single round promises the next one; 0: not at all.
        answer_s: how long a target may take.
    """

    recorder: Recorder
    every_s: int
    skew_s: int
    promise_s: int = 0
    answer_s: float = ANSWER_S
    _targets: dict[str, _Target] = field(default_factory=dict)
    _answers: "queue.SimpleQueue[tuple[str, Told]]" = field(default_factory=queue.SimpleQueue)
    _read: int = 0

    def add(self, names: Iterable[str]) -> None:
        """Watch more sets.

        Raises:
            UnknownSet: no set of this name.
            IllegalState: one of them cannot be watched; none of these is.
        """
        fresh = [name for name in dict.fromkeys(names) if name not in self._targets]
        for name in fresh:
            self._check(name)
        self._begin(fresh)

    def add_all(self) -> tuple[str, ...]:
        """Watch every set in service whose target can tell logins; returns why others are not watched."""
        fresh, left_out = list[str](), list[str]()
        for name, s in sorted(self.recorder.state.sets.items()):
            if name in self._targets or not s.current or s.retired:
                continue
            try:
                self._check(name)
            except BreakglassError as error:
                left_out.append(f"{name}: {error}")
            else:
                fresh.append(name)
        self._begin(fresh)
        return tuple(left_out)

    @property
    def count(self) -> int:
        """How many sets are watched."""
        return len(self._targets)

    def once(self) -> list[Watching]:
        """Ask every target once; returns what each answered, in the order in which they were added."""
        found: dict[str, Watching] = {}
        while len(found) < len(self._targets):
            self._ask_next(lambda name: name not in found)
            for one in self._take(self._wait(time.monotonic() + 1), runs_on=False):
                found.setdefault(one.set_name, one)
        return [found[name] for name in self._targets]

    def run(
        self, tell: Callable[[Watching], None], *, every_set: bool, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """Ask again and again, until ended.

        Args:
            tell: hears what each round of a target found, where that is new.
            every_set: whether sets that are made meanwhile are watched, too.
            ended: tells when it is over.

        Raises:
            IllegalState: this terminal is retired.
            LedgerUnwritable: it could not be recorded.
        """
        known = set(self.recorder.state.sets)
        while not ended():
            if every_set and known != set(self.recorder.state.sets):
                known = set(self.recorder.state.sets)
                self.add_all()
            self._ask_next(lambda _: True)
            for one in self._take(self._wait(self._next_due()), runs_on=True):
                target = self._targets[one.set_name]
                before, target.problem = target.problem, one.problem
                if one.unmatched or one.problem != before:
                    tell(one)
            self.recorder.ledger.catch_up()
            lifecycle.refuse_ended(self.recorder.state)

    def _check(self, name: str) -> None:
        self.recorder.set_name = name
        self._watch(name).check()

    def _begin(self, names: Sequence[str]) -> None:
        """Take sets in; what is on record is read once more, so that each watch hears of its own set from the start."""
        if not names:
            return
        for name in names:
            self._targets[name] = _Target(self._watch(name))
        for name, target in self._targets.items():
            target.watch = self._watch(name)
        self._read = 0

    def _watch(self, name: str) -> Watch:
        self.recorder.state.of(name)
        return Watch(
            self.recorder, every_s=self.every_s, skew_s=self.skew_s, promise_s=self.promise_s, catch_up=self._catch_up,
            set_name=name,
        )  # fmt: skip

    def _catch_up(self) -> None:
        """Let each watch hear of its set's records that came since; one reading for all."""
        for entry in self.recorder.ledger.entries(self._read):
            self._read += 1
            target = self._targets.get(entry.record.set)
            if target is not None:
                target.watch.learn(entry)

    def _question(self, name: str, watch: Watch) -> Question:
        self.recorder.set_name = name
        return watch.question()

    def _ask_next(self, wanted: Callable[[str], bool]) -> None:
        """Ask the targets that are due, as many as may be asked at once."""
        now = time.monotonic()
        busy = sum(1 for target in self._targets.values() if target.asked and not target.late)
        for name, target in self._targets.items():
            if busy >= MOST_AT_ONCE:
                return
            if target.asked or target.due > now or not wanted(name):
                continue
            target.asked, target.due, busy = now, now + self.every_s, busy + 1
            try:
                question = self._question(name, target.watch)
            except IntegrityError:
                raise
            except BreakglassError as error:
                self._answers.put((name, Told(datetime.now(UTC), blind=(str(error),))))
                continue
            threading.Thread(target=self._work, args=(name, question), daemon=True).start()

    def _work(self, name: str, question: Question) -> None:
        """Ask the targets of a set, in a thread of its own; it touches no ledger."""
        try:
            told = question.ask()
        except Exception as error:
            told = Told(question.began, blind=(f"the watch of this target failed: {type(error).__name__}",))
        self._answers.put((name, told))

    def _next_due(self) -> float:
        """Return when something is to be done next, monotonic."""
        now = time.monotonic()
        free = [target.due for target in self._targets.values() if not target.asked]
        late = [t.asked + self.answer_s for t in self._targets.values() if t.asked and not t.late]
        return min([*free, *late, now + self.every_s])

    def _wait(self, until: float) -> list[tuple[str, Told]]:
        """Return the answers that came, those that are overdue among them; waits for the first until then."""
        found: list[tuple[str, Told]] = []
        try:
            found.append(self._answers.get(timeout=max(0.01, until - time.monotonic())))
            while True:
                found.append(self._answers.get_nowait())
        except queue.Empty:
            pass
        for name, _ in found:
            self._targets[name].asked, self._targets[name].late = 0.0, False
        now, late = time.monotonic(), LATE.format(self.answer_s)
        for name, target in self._targets.items():
            if target.asked and not target.late and now > target.asked + self.answer_s:
                target.late = True
                found.append((name, Told(datetime.now(UTC), blind=(late,))))
        return found

    def _take(self, found: Iterable[tuple[str, Told]], *, runs_on: bool) -> Iterable[Watching]:
        for name, told in found:
            self.recorder.set_name = name
            try:
                yield self._targets[name].watch.take(told, runs_on=runs_on)
            except (LedgerBusy, IllegalState) as error:
                yield Watching(name, 0, (), f"it could not be recorded: {error}")

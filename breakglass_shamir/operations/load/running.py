# SPDX-License-Identifier: Apache-2.0
"""A load drill from its first look at the policy to its record.

Rules:

1. Nothing is made before everything was refused that is to be (see ``guard``).
2. Everything lies in one temporary folder, 0700, which is removed at the end, whatever the end is. Every process is in
   a group that is killed before that; nothing it started outlives it.
3. It is recorded what was seen to its end, in this terminal's own ledger; of one that was interrupted, ran out of
   room or could not begin, nothing.
4. Every wait ends: for processes to be ready, for rehearsals, for their alerts, for the collector.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.crypto.keys import random_bytes
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import LoadDrill, Policy
from breakglass_shamir.custody.records.drills import LoadDrilled
from breakglass_shamir.errors import ConnectorError, IllegalState
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.load import counting, faults, figures, guard, terminals
from breakglass_shamir.operations.load.counting import Counted
from breakglass_shamir.operations.load.interrupts import Interrupts
from breakglass_shamir.operations.load.rehearsing import (
    BEGIN,
    MAX_LINE_BYTES,
    READY,
    SETTLED,
    Job,
    Login,
    Played,
)
from breakglass_shamir.operations.load.terminals import LoadTerminal, Officers
from breakglass_shamir.operations.load.wanted import Wanted
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.plural import counted

READY_S = 120.0
"""How long all processes may take until they can begin."""

FINISH_S = 90.0
"""How long a rehearsal that has begun may take beyond the time of the load drill."""

PREFIX = "breakglass-load-"
"""Of the temporary folder."""

_PROGRAM = "from breakglass_shamir.operations.load.rehearsing import main; main()"
_LOOK_S = 0.5
_GONE_S = 5.0
_MIB = 1 << 20
_DRILL_BYTES = 4


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What a load drill showed (docs/json.md).

    Attributes:
        drill: its id, which its events and its terminals' names have.
        record: number of its record.
        policy_digest: of the policy that it went by.
        target: where each rehearsal logged in; empty: nowhere.
        terminals: homes.
        at_once: rehearsals at a time.
        rounds: how often each ran.
        done: those that came to a quorum.
        failed: those that began and did not.
        elapsed_ms: from the first to the end of the last, with its alerts.
        steps_ms: percentiles of each step, as in the record.
        limits_ms: what they were held against.
        alerts: made, acknowledged and waiting events of each sink.
        records: in all ledgers.
        collected: of them, cosigned; -1: there was no collection.
        result: ``pass``, ``warning`` or ``fail``.
        reasons: why it is no pass, a sentence each.
    """

    drill: str
    record: int
    policy_digest: str
    target: str
    terminals: int
    at_once: int
    rounds: int
    done: int
    failed: int
    elapsed_ms: int
    steps_ms: Mapping[str, tuple[int, ...]]
    limits_ms: Mapping[str, tuple[int, ...]]
    alerts: Mapping[str, tuple[int, ...]]
    records: int
    collected: int
    result: str
    reasons: tuple[str, ...]


def run(recorder: Recorder, source: str, wanted: Wanted) -> LoadOutcome:
    """Make a load drill.

    Args:
        recorder: of this terminal's own ledger, at no set.
        source: the policy's text.
        wanted: how much, for how long, with what.

    Raises:
        InvalidInput: what is wanted is out of bounds.
        InvalidPolicy: the text is no policy.
        IllegalState: it could touch what it must not, or there is no room.
        ConnectorError: the target does not let the credential in, or the collection does not answer.
        KeyboardInterrupt: somebody ended it; nothing is recorded, and nothing is left.
    """
    wanted.check()
    policy = policies.parse_new(source)
    lifecycle.refuse_ended(recorder.state)
    load = guard.check(recorder.ledger, policy, wanted.named)
    recorder.require_guarded()
    drill = random_bytes(_DRILL_BYTES).hex()
    try:
        with Interrupts() as interrupts, _folder(wanted, interrupts) as folder:
            seen = _seen(recorder, policy, load, wanted, drill, folder, interrupts)
    except OSError as error:
        raise IllegalState(
            f"the load drill could not be made: {error.strerror or error}; all is stopped and removed, and nothing is "
            "recorded",
            hint="make room, set TMPDIR to another place, or use fewer --rehearsals",
        ) from error
    body = _body(policies.digest(source).hex(), load, wanted, seen)
    entry = recorder.append(body)
    return LoadOutcome(
        drill, entry.record.seq, body.policy_digest, body.target, body.terminals, body.at_once, body.rounds, body.done,
        body.failed, body.elapsed_ms, body.steps_ms, body.limits_ms, body.alerts, body.records, body.collected,
        body.result, body.reasons,
    )  # fmt: skip


@dataclass(slots=True)
class _Seen:
    """What was seen of a load drill that came to its end."""

    played: list[Played] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Processes that ended without a word."""

    elapsed_ms: int = 0
    counted: Counted = field(default_factory=Counted)


def _seen(
    recorder: Recorder, policy: Policy, load: LoadDrill, wanted: Wanted, drill: str, folder: Path,
    interrupts: Interrupts,
) -> _Seen:  # fmt: skip
    chosen = tuple(sink for sink in policy.alerts.sinks if sink.name in load.sinks)
    taken = [sink.name for sink in policy.alerts.sinks]
    say, advance = recorder.desk.say, recorder.desk.advance
    with faults.sinks(folder, wanted.slow_s, dead=wanted.dead, taken=taken) as made:
        officers = terminals.invent_officers(folder, policy)
        homes = []
        for number, sets in enumerate(_shares_of(wanted), 1):
            advance("making terminals", number - 1, wanted.terminals)
            homes.append(terminals.make(folder, drill, number, sets, policy, (*chosen, *made), officers))
        if wanted.credential is not None:
            _check_login(policy, wanted)
        if wanted.collection is not None:
            counting.enrol(homes, recorder.ledger, wanted.collection)
        say(f"load drill {drill}: {counted(wanted.at_once, 'rehearsal')} at once, {counted(wanted.rounds, 'round')}")
        with _processes([*_jobs(drill, homes, officers, policy, wanted)], interrupts) as running:
            seen = _Watched(running, wanted, folder, advance).seen()
        seen.counted = counting.count(homes)
        if wanted.collection is not None:
            counting.collect(homes, wanted.collection, seen.counted)
    return seen


def _shares_of(wanted: Wanted) -> Iterator[int]:
    """Yield how many of the rehearsals each terminal has: as many, or one more."""
    each, more = divmod(wanted.at_once, wanted.terminals)
    return (each + (number < more) for number in range(wanted.terminals))


def _check_login(policy: Policy, wanted: Wanted) -> None:
    """Log in once before many do: a wrong credential is no load."""
    assert wanted.credential is not None  # noqa: S101 - the caller looked
    said = targets.connector_of(policy).check(wanted.credential)
    if said.result is not CheckResult.ACCEPTED:
        raise ConnectorError(
            f"the target does not take this credential ({said.result}: {said.detail}), and nothing was begun",
            hint="give the password of the account that is there for drills",
        )


def _jobs(
    drill: str, homes: Sequence[LoadTerminal], officers: Officers, policy: Policy, wanted: Wanted
) -> Iterator[Job]:  # fmt: skip
    login, where = None, wanted.collection
    if wanted.credential is not None:
        secret = b64encode(wanted.credential.reveal()).decode()
        login = Login(policy.target.uri, policy.target.account, dict(policy.target.options), secret)
    keys = tuple(map(str, officers.keys))
    for one in homes:
        for place, of in enumerate(one.sets):
            pushes = where is not None and place == 0
            yield Job(
                str(one.home), of.name, drill, tuple(map(str, of.cards)), officers.names, keys, wanted.rounds,
                float(wanted.lasting_s), float(wanted.settle_s), login, where.place if where and pushes else "",
                str(where.collector.absolute()) if where else "",
            )  # fmt: skip


# --- processes ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Process:
    """A rehearsal's process, which leads a group of its own."""

    name: str
    process: "subprocess.Popen[bytes]"
    heard: bytearray = field(default_factory=bytearray)
    ready: bool = False
    settled: bool = False
    over: bool = False

    def tell(self, line: bytes) -> None:
        """Send it a line; one that is gone hears nothing."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(OSError):
            self.process.stdin.write(line + b"\n")
            self.process.stdin.flush()

    def hear(self) -> Iterator[Played]:
        """Read what it said by now; yields what it played."""
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        data = os.read(self.process.stdout.fileno(), MAX_LINE_BYTES)
        if not data or len(self.heard) > MAX_LINE_BYTES:
            self.over = True
            return
        self.heard += data
        *lines, rest = bytes(self.heard).split(b"\n")
        self.heard[:] = rest
        for line in lines:
            said = json.loads(line)
            self.ready |= said == READY
            self.settled |= said == SETTLED
            if isinstance(said, dict):
                yield Played(**said)

    def end(self) -> None:
        """End it and all that it started. It is reaped last: until then nobody else has its group's number."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait()


@contextmanager
def _processes(jobs: Sequence[Job], interrupts: Interrupts) -> Iterator[list[_Process]]:
    """Start a process for each job, for the length of a block; none and nothing of theirs is there after it."""
    with ExitStack() as stack:
        running = []
        for job in jobs:
            with interrupts.held():
                one = _Process(
                    job.set_name,
                    subprocess.Popen(
                        [sys.executable, "-P", "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL, start_new_session=True,
                    ),
                )  # fmt: skip
                stack.callback(_without, interrupts, one.end)
            one.tell(job.to_line())
            running.append(one)
        yield running


class _Watched:
    """Processes that are listened to, within the bounds of time and room."""

    def __init__(
        self, running: Sequence[_Process], wanted: Wanted, folder: Path, advance: Callable[[str, int, int], None]
    ) -> None:
        self._running = running
        self._wanted = wanted
        self._folder = folder
        self._advance = advance
        self._seen = _Seen()

    def seen(self) -> _Seen:
        """Let them begin together, and return what they say."""
        with selectors.DefaultSelector() as selector:
            for one in self._running:
                assert one.process.stdout is not None  # noqa: S101 - a pipe was asked for
                selector.register(one.process.stdout, selectors.EVENT_READ, one)
            self._listen(selector, READY_S, lambda one: one.ready)
            if not all(one.ready for one in self._running):
                raise IllegalState(
                    "the rehearsals could not begin: a process was not ready in time",
                    hint="use fewer --rehearsals, or look what else this machine is at",
                )
            began = time.monotonic()
            for one in self._running:
                one.tell(BEGIN.encode())
            self._listen(selector, self._wanted.lasting_s + FINISH_S + self._wanted.settle_s, lambda one: one.settled)
            self._seen.elapsed_ms = int((time.monotonic() - began) * 1000)
        for one in self._running:
            if not one.settled:
                self._seen.lost.append(f"the process of {one.name} ended, or was ended, before it was done")
        return self._seen

    def _listen(self, selector: selectors.BaseSelector, limit_s: float, done: Callable[[_Process], bool]) -> None:
        end, planned = time.monotonic() + limit_s, self._wanted.at_once * self._wanted.rounds
        while time.monotonic() < end and not all(done(one) or one.over for one in self._running):
            for key, _ in selector.select(_LOOK_S):
                one: _Process = key.data
                self._seen.played += one.hear()
                if one.over:
                    selector.unregister(key.fileobj)
            self._advance("rehearsing", len(self._seen.played), planned)
            self._check_room()

    def _check_room(self) -> None:
        used = _size(self._folder)
        if used > self._wanted.disk_mib * _MIB:
            raise IllegalState(
                f"the terminals took {used // _MIB} MiB, and --disk allows {self._wanted.disk_mib}: all is stopped and "
                "removed, and nothing is recorded",
                hint="use fewer --rounds, or allow more",
            )


# --- the folder -----------------------------------------------------------------------------------------------


@contextmanager
def _folder(wanted: Wanted, interrupts: Interrupts) -> Iterator[Path]:
    """Make the folder for the length of a block.

    Raises:
        IllegalState: there is less room than what all may take.
    """
    place = Path(tempfile.gettempdir())
    if (free := shutil.disk_usage(place).free) < wanted.disk_mib * _MIB:
        raise IllegalState(
            f"{place} has {free // _MIB} MiB left, and --disk allows {wanted.disk_mib}",
            hint="make room, set TMPDIR to another place, or allow less",
        )
    with ExitStack() as stack:
        with interrupts.held():
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            stack.callback(_without, interrupts, lambda: _remove(folder))
        yield folder


def _without(interrupts: Interrupts, step: Callable[[], None]) -> None:
    """Take a step that no signal cuts short; one that came ends the load drill after it."""
    with interrupts.held():
        step()


def _remove(folder: Path) -> None:
    """Remove it. A process that was just killed may still have been making a file."""
    end = time.monotonic() + _GONE_S
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    """Return what the files below a folder take, in bytes."""
    total, folders = 0, [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


# --- what came of it ------------------------------------------------------------------------------------------


def _body(digest: str, load: LoadDrill, wanted: Wanted, seen: _Seen) -> LoadDrilled:
    done, found = sum(one.quorum for one in seen.played), seen.counted
    each = [dict(one.steps_ms) for one in seen.played]
    for one, took in zip(seen.played, each, strict=True):
        if one.opening in found.acknowledged_ms:
            took["alert-acknowledged"] = found.acknowledged_ms[one.opening]
    steps, limits = figures.steps(each), figures.limits_ms(load)
    bad = [*figures.over(steps, limits), *found.lost, *seen.lost]
    if found.rehearsed != done:
        bad.append(f"{counted(done, 'rehearsal')} came to a quorum, and {found.rehearsed} are on record")
    bad += _problems(seen.played)
    planned = wanted.at_once * wanted.rounds
    doubts = list(figures.unmeasured(steps, limits))
    if len(seen.played) < planned:
        doubts.append(f"{len(seen.played)} of {counted(planned, 'rehearsal')} began in the time that there was")
    reasons = figures.few([*bad, *doubts])
    return LoadDrilled(
        policy_digest=digest, target=wanted.named.uri, terminals=wanted.terminals, at_once=wanted.at_once,
        rounds=wanted.rounds, done=done, failed=len(seen.played) - done, elapsed_ms=seen.elapsed_ms, steps_ms=steps,
        limits_ms=limits, alerts={name: tuple(counts) for name, counts in sorted(found.alerts.items())},
        records=found.records, collected=found.collected,
        result="fail" if bad else "warning" if doubts else "pass", reasons=reasons,
    )  # fmt: skip


def _problems(played: Sequence[Played]) -> Iterator[str]:
    """Yield what went wrong in rehearsals, each problem once with how often."""
    problems = [one.problem for one in played if one.problem]
    for problem in dict.fromkeys(problems):
        yield f"{counted(problems.count(problem), 'rehearsal')}: {problem}"

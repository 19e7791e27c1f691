# SPDX-License-Identifier: Apache-2.0
"""The process of one rehearsal of a load drill: one set, played as often as it is told to.

Rules:

1. Its job comes on standard input as a line; so does the word by which all of them begin. What it did leaves on
   standard output, a line for each rehearsal; a last line says that its alerts had their last round.
2. It is the leader of a process group, in which is everything that it starts: whoever ends the group ends all of it.
3. When whoever started it is gone, it ends at the next line.
4. A login that was not accepted is its last one: asking again could lock the account.
"""

import base64
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import Opening
from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret, harden_process
from breakglass_shamir.ledger import clock, home
from breakglass_shamir.operations.collecting import syncing
from breakglass_shamir.operations.courier import Courier
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.drills import rehearsal
from breakglass_shamir.operations.load import marking
from breakglass_shamir.operations.load.terminals import CLASS, TICKET
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

BEGIN = "begin"
"""The word by which all of them begin."""

MAX_LINE_BYTES = 1 << 20
"""Longest line that is read here or there."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where each rehearsal logs in, with what."""

    uri: str
    account: str
    options: dict[str, str]
    credential: str
    """In base64."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process plays."""

    home: str
    set_name: str
    drill: str
    cards: tuple[str, ...]
    officers: tuple[str, ...]
    keys: tuple[str, ...]
    rounds: int
    lasting_s: float
    settle_s: float
    """How long its alerts may take that wait when its last rehearsal is over."""

    login: Login | None
    push_to: str
    """Address of the collection to which it pushes between rehearsals; empty: another one does."""

    collector: str

    def to_line(self) -> bytes:
        """Return it as a line for :meth:`from_line`, without the line's end."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_line(cls, line: bytes) -> "Job":
        """Read what :meth:`to_line` wrote."""
        named = json.loads(line)
        login = Login(**named["login"]) if named["login"] else None
        lists = {name: tuple(named[name]) for name in ("cards", "officers", "keys")}
        return cls(**{**named, **lists, "login": login})


@dataclass(frozen=True, slots=True)
class Played:
    """How one rehearsal went."""

    opening: str
    """Its id; empty where it was not declared."""

    steps_ms: dict[str, int]
    problem: str
    """Why it came to no quorum, or to no login; empty where nothing is wrong."""

    quorum: bool


READY, SETTLED = "ready", "settled"
"""What a process says beside what it played: that it can begin; that its alerts had their last round."""


def main() -> None:
    """Be the process."""
    harden_process()
    job = Job.from_line(sys.stdin.buffer.readline(MAX_LINE_BYTES))
    courier = Courier(Path(job.home), stays=True)
    with Scanner() as scanner:
        scanner.start()
        _say(READY)
        if sys.stdin.buffer.readline(MAX_LINE_BYTES).decode().strip() != BEGIN:
            return
        ledger = home.open_home(Path(job.home), marking.beside(job.drill))
        recorder = Recorder(ledger, EmptyDesk(), courier=courier)
        recorder.set_name = job.set_name
        end, login = time.monotonic() + job.lasting_s, job.login
        for _ in range(job.rounds):
            played = _play(recorder, job, scanner, login)
            login = None if "login" not in played.steps_ms else login
            _say(asdict(played))
            if job.push_to:
                with suppress(BreakglassError):
                    syncing.sync(recorder.ledger, job.push_to, Path(job.collector))
            if time.monotonic() > end:
                break
    courier.end(job.settle_s)
    recorder.ledger.close()
    _say(SETTLED)


def _say(what: object) -> None:
    sys.stdout.buffer.write(json.dumps(what).encode() + b"\n")
    sys.stdout.buffer.flush()


def _play(recorder: Recorder, job: Job, scanner: Scanner, login: Login | None) -> Played:
    """Rehearse once, and log in where that is asked for."""
    request = Request("drill", CLASS, TICKET, f"load drill {job.drill}", job.officers, "no-reveal", 0)
    signers, sources = Signers(tuple(map(Path, job.keys))), Sources(scans=tuple(map(Path, job.cards)))
    recorder.opening, asked_ms = "", clock.now().uptime_ms
    problem, quorum, steps = "", False, dict[str, int]()
    try:
        outcome = rehearsal.rehearse(recorder, request, sources, scanner, signers=signers)
        quorum, steps = True, dict(outcome.steps_ms)
    except BreakglassError as error:
        problem = printable(str(error))
    opening = _opening(recorder)
    if opening is not None:
        steps = steps or _steps_of_failure(recorder, opening)
        steps["declared"] = max(0, opening.at.uptime_ms - asked_ms)
    if "confirmed" in steps:
        steps["revealed"] = steps.pop("confirmed")
    steps.pop("alert-acknowledged", None)  # taken from the outbox at the end, for those that came later, too
    if login is not None and quorum:
        problem = _log_in(login, steps)
    return Played(opening.id if opening else "", steps, problem, quorum)


def _opening(recorder: Recorder) -> Opening | None:
    state = recorder.refresh()
    return next((one for one in (*state.past, *filter(None, [state.opening])) if one.id == recorder.opening), None)


def _steps_of_failure(recorder: Recorder, opening: Opening) -> dict[str, int]:
    """Return the steps that a rehearsal without a quorum came to, as its record says."""
    for entry in recorder.ledger.entries(opening.seq):
        body = entry.record.body
        if entry.record.opening == opening.id and isinstance(body, DrillEnded):
            return dict(body.steps_ms)
    return {}


def _log_in(login: Login, steps: dict[str, int]) -> str:
    """Ask the target once; returns why it did not let this one in."""
    began = time.monotonic()
    try:
        with Secret(base64.b64decode(login.credential)) as secret:
            said = connector_for(login.uri, login.account, login.options).check(secret)
    except BreakglassError as error:
        return printable(f"the login: {error}")
    if said.result is not CheckResult.ACCEPTED:
        return printable(f"the login was {said.result}: {said.detail}")
    steps["login"] = int((time.monotonic() - began) * 1000)
    return ""

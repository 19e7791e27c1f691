# SPDX-License-Identifier: Apache-2.0
"""Sheets of an epoch that is void, or that another one has followed: refused by name, or let in by an override.

Rules:

1. Void and superseded are two gates. One says that sheets should not be used, the other that another epoch is in force.
2. Where both a living epoch's quorum and such a one's are there, the living one is opened.
3. A rotation goes on from a superseded epoch only where an override opened that before, and asking the target about an
   epoch's credential needs none: nothing else is done with it.

What is superseded is decided in ``custody/life/standing.py``.
"""

from collections.abc import Callable, Iterator

from breakglass_shamir.custody.life import standing
from breakglass_shamir.custody.life.gates import SUPERSEDED, Problem, Request
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.openings import ASK
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.operations.opening.declaring import Overrides, stop_at
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder


def problems_of(state: SetState, found: Quorum, request: Request) -> list[Problem]:
    """Name what stands against the epoch of a quorum, and against its sheets, that an override let in."""
    epoch = state.epochs.get(found.epoch_id)
    if epoch is None or request.mode == ASK:
        return []
    past = standing.problem(state, found.epoch_id, request.purpose)
    problems = [past] if past else []
    if not state.openable(found.epoch_id) and not standing.is_past(state, found.epoch_id):
        text = f"epoch {epoch.number} of {state.name} is {epoch.status} since {epoch.since}"
        return [*problems, Problem("void", text)]
    sheets = [sheet for sheet in found.sheets if sheet in epoch.voided]
    return [*problems, Problem("void", f"sheets {', '.join(sheets)} were voided")] if sheets else problems


def stop(recorder: Recorder, request: Request, overrides: Overrides, pool: Pool) -> None:
    """Refuse by name where nothing but sheets was brought whose epoch another one has followed.

    Raises:
        GateClosed: saying what followed, and which sheets to bring.
    """
    for state in recorder.state.sets.values():
        past = sorted(epoch_id.hex() for epoch_id in pool.refused_past if epoch_id.hex() in state.epochs)
        if past and recorder.set_name in ("", state.name):
            recorder.set_name = state.name
            problems = [Problem(SUPERSEDED, standing.why_past(state, epoch_id)) for epoch_id in past]
            stop_at(recorder, problems, overrides, emergency=request.purpose == "emergency")


def counting(state: SetState | None, sources: Sources) -> Iterator[bytes]:
    """Yield epochs whose sheets count whatever is known of them: the one asked about, the one gone on from."""
    if sources.only:
        yield bytes.fromhex(sources.only)
    opening = state.opening if state else None
    if state and state.forking and opening and opening.declared.purpose == "rotation":
        yield bytes.fromhex(state.forking)


def one_is_enough(pool: Pool, epoch_id: bytes) -> Callable[[], bool]:
    """Return a question that is answered yes when a quorum of one epoch is there."""

    def is_there() -> bool:
        try:
            pool.quorum(epoch_id)
        except BreakglassError:
            return False
        return True

    return is_there


def warn_of_fork(recorder: Recorder, found: Quorum) -> None:
    """Say what becomes of an epoch that was opened although another one has followed it."""
    if recorder.set_state.forking == found.epoch_id:
        recorder.desk.warn(
            f"epoch {found.core.epoch} is not in force and will not be again: the rotation goes on from it to a new "
            "one, which is reported as a fork"
        )
